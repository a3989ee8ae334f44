//! The socket layer: everything a connection does goes through an `ei_socket_callbacks`, the library's own or the
//! program's, with timeouts added here for callbacks that do not know them.
//!
//! Always true: no byte is read that was not asked for; the program's setting of `O_NONBLOCK` on a descriptor stays as it
//! was; a write to a peer that is gone raises no signal; a packet that has begun is finished or fails.

mod exports;
mod tcp;

pub use exports::*;
pub use tcp::ei_default_socket_callbacks;

use super::abi::{ei_socket_callbacks, EI_SCLBK_FLG_FULL_IMPL, EI_SCLBK_INF_TMO};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;
use std::time::{Duration, Instant};

/// An error number of the operating system.
pub type Errno = c_int;

/// When a call has to be over; `None` waits for ever.
#[derive(Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// From the milliseconds of a `_tmo` function, where 0 means for ever.
    pub fn after(ms: c_uint) -> Self {
        if ms == 0 {
            Self(None)
        } else {
            Self::within(ms)
        }
    }

    /// From the milliseconds of the socket layer, where 0 means now.
    pub fn within(ms: c_uint) -> Self {
        if ms == EI_SCLBK_INF_TMO {
            return Self(None);
        }
        Self(Instant::now().checked_add(Duration::from_millis(u64::from(ms))))
    }

    /// What is left, in the socket layer's way of saying it. Rounded up, so that nothing spins.
    pub fn left(self) -> c_uint {
        let Some(end) = self.0 else {
            return EI_SCLBK_INF_TMO;
        };
        let left = end.saturating_duration_since(Instant::now());
        let ms = left.as_micros().div_ceil(1000);
        c_uint::try_from(ms).unwrap_or(EI_SCLBK_INF_TMO - 1)
    }

    /// True when there is no limit.
    pub fn is_never(self) -> bool {
        self.0.is_none()
    }

    /// The moment itself.
    pub fn instant(self) -> Option<Instant> {
        self.0
    }
}

/// One end of a connection: the callbacks and what they call it.
#[derive(Clone, Copy)]
pub struct Channel {
    /// The functions.
    pub cbs: *mut ei_socket_callbacks,
    /// Their context; for the library's own, the descriptor.
    pub ctx: *mut c_void,
}

impl Channel {
    /// A descriptor served by the library's own functions.
    pub fn of_fd(fd: c_int) -> Self {
        Self { cbs: tcp::default_callbacks(), ctx: tcp::context(fd) }
    }

    /// Served by the library's own functions.
    pub fn is_plain(self) -> bool {
        self.cbs == tcp::default_callbacks()
    }

    /// The descriptor, when the library's own functions serve it.
    fn own_fd(self) -> Option<c_int> {
        (self.cbs == tcp::default_callbacks()).then_some(tcp::descriptor(self.ctx))
    }

    fn callbacks(&self) -> &ei_socket_callbacks {
        // SAFETY: a cnode's callbacks live as long as its connections; that is the program's promise.
        unsafe { &*self.cbs }
    }

    /// The callbacks leave timeouts to us.
    fn lends_fd(self) -> bool {
        self.callbacks().flags & EI_SCLBK_FLG_FULL_IMPL == 0
    }

    /// The descriptor behind the context.
    pub fn fd(self) -> Result<c_int, Errno> {
        if let Some(fd) = self.own_fd() {
            return if fd < 0 { Err(libc::EBADF) } else { Ok(fd) };
        }
        let mut fd = -1;
        let Some(get_fd) = self.callbacks().get_fd else {
            return Err(libc::ENOTSUP);
        };
        // SAFETY: the program's callback with its own context.
        result(unsafe { get_fd(self.ctx, &mut fd) })?;
        Ok(fd)
    }

    /// Reads until `len` bytes are there or the stream ends; how many there are.
    ///
    /// On a descriptor that the program made non-blocking, `EAGAIN` is returned only as long as nothing was read and
    /// `started` is false.
    ///
    /// # Safety
    /// `len` bytes are writable at `buf`.
    pub unsafe fn read(
        self,
        buf: *mut u8,
        len: usize,
        deadline: Deadline,
        started: bool,
    ) -> Result<usize, Errno> {
        let mut got = 0;
        while got < len {
            // SAFETY: the caller's promise.
            let step = unsafe { self.read_some(buf.add(got), len - got, deadline, started) };
            match step {
                Ok(0) => break,
                Ok(n) => got += n.min(len - got),
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) if got > 0 || started => {
                    wait_until(self.fd()?, libc::POLLIN, deadline)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(got)
    }

    #[inline(always)]
    unsafe fn read_some(
        self,
        buf: *mut u8,
        len: usize,
        deadline: Deadline,
        started: bool,
    ) -> Result<usize, Errno> {
        if let Some(fd) = self.own_fd() {
            if deadline.is_never() {
                // SAFETY: the caller's promise.
                return unsafe { tcp::receive(fd, buf, len, 0) };
            }
            // What belongs to a packet that has begun is there already, as a rule: ask before waiting.
            if !started {
                wait_until(fd, libc::POLLIN, deadline)?;
            }
            // SAFETY: the caller's promise.
            return unsafe { tcp::receive(fd, buf, len, libc::MSG_DONTWAIT) };
        }
        let ms = deadline.left();
        if self.lends_fd() && ms != EI_SCLBK_INF_TMO {
            wait(self.fd()?, libc::POLLIN, ms)?;
        }
        let Some(read) = self.callbacks().read else {
            return Err(libc::ENOTSUP);
        };
        let mut n = len as isize;
        // SAFETY: the program's callback with its own context and our buffer.
        result(unsafe { read(self.ctx, buf.cast(), &mut n, ms) })?;
        Ok(n.max(0) as usize)
    }

    /// Writes both pieces, in one call when the callbacks can; how many bytes went out when it fails on the way.
    ///
    /// # Safety
    /// Both pieces are readable.
    pub unsafe fn write(self, pieces: [Piece; 2], deadline: Deadline) -> Result<(), Errno> {
        let gathers = self.own_fd().is_some() || self.callbacks().writev.is_some();
        // SAFETY: the caller's promise.
        unsafe {
            if gathers {
                self.write_pieces(pieces, deadline).map_err(|(error, _)| error)
            } else {
                for piece in pieces {
                    let one = [piece, Piece::EMPTY];
                    self.write_pieces(one, deadline).map_err(|(error, _)| error)?;
                }
                Ok(())
            }
        }
    }

    /// As [`write`](Self::write), and tells how much was written before the error.
    ///
    /// # Safety
    /// Both pieces are readable.
    pub unsafe fn write_pieces(
        self,
        mut pieces: [Piece; 2],
        deadline: Deadline,
    ) -> Result<(), (Errno, usize)> {
        let total = pieces[0].len + pieces[1].len;
        let mut done = 0;
        let guard = NonBlocking::during(self, deadline).map_err(|error| (error, 0))?;
        while done < total {
            // SAFETY: the caller's promise; what was written is cut off the pieces.
            match unsafe { self.write_some(&pieces, deadline) } {
                Ok(n) => {
                    let n = n.min(total - done);
                    done += n;
                    cut(&mut pieces, n);
                }
                Err(libc::EINTR) => {}
                // Half a packet would ruin the stream for everybody: wait even where the program said not to.
                Err(libc::EAGAIN) if done > 0 || !deadline.is_never() => {
                    let fd = self.fd().map_err(|error| (error, done))?;
                    wait_until(fd, libc::POLLOUT, deadline).map_err(|error| (error, done))?;
                }
                Err(error) => return Err((error, done)),
            }
        }
        drop(guard);
        Ok(())
    }

    unsafe fn write_some(self, pieces: &[Piece; 2], deadline: Deadline) -> Result<usize, Errno> {
        if let Some(fd) = self.own_fd() {
            let flags = if deadline.is_never() { 0 } else { libc::MSG_DONTWAIT };
            // SAFETY: the caller's promise.
            return unsafe { tcp::send(fd, pieces, flags) };
        }
        let ms = deadline.left();
        if self.lends_fd() && ms != EI_SCLBK_INF_TMO {
            wait(self.fd()?, libc::POLLOUT, ms)?;
        }
        let mut n;
        match (self.callbacks().writev, self.callbacks().write) {
            (Some(writev), _) if pieces[1].len > 0 => {
                n = (pieces[0].len + pieces[1].len) as isize;
                // SAFETY: the program's callback with its own context and our pieces.
                result(unsafe { writev(self.ctx, pieces.as_ptr().cast(), 2, &mut n, ms) })?;
            }
            (_, Some(write)) => {
                n = pieces[0].len as isize;
                // SAFETY: as above.
                result(unsafe { write(self.ctx, pieces[0].start.cast::<c_char>(), &mut n, ms) })?;
            }
            (Some(writev), None) => {
                n = pieces[0].len as isize;
                // SAFETY: as above.
                result(unsafe { writev(self.ctx, pieces.as_ptr().cast(), 1, &mut n, ms) })?;
            }
            (None, None) => return Err(libc::ENOTSUP),
        }
        Ok(n.max(0) as usize)
    }

    /// Opens a socket.
    ///
    /// # Safety
    /// `cbs` is valid, and `setup` what its `socket` wants.
    pub(crate) unsafe fn open(cbs: *mut ei_socket_callbacks, setup: *mut c_void) -> Result<Self, Errno> {
        let mut channel = Self { cbs, ctx: ptr::null_mut() };
        let Some(socket) = channel.callbacks().socket else {
            return Err(libc::ENOTSUP);
        };
        // SAFETY: the caller's promise; the callback fills in the context.
        again(|| unsafe { socket(&mut channel.ctx, setup) })?;
        Ok(channel)
    }

    /// Closes it.
    pub fn close(self) -> Result<(), Errno> {
        let Some(close) = self.callbacks().close else {
            return Err(libc::ENOTSUP);
        };
        // SAFETY: the callback with its own context, for the last time.
        result(unsafe { close(self.ctx) })
    }

    /// Connects to an address.
    ///
    /// # Safety
    /// `len` bytes of address are readable.
    pub unsafe fn connect(self, addr: *mut c_void, len: c_int, deadline: Deadline) -> Result<(), Errno> {
        let Some(connect) = self.callbacks().connect else {
            return Err(libc::ENOTSUP);
        };
        if !self.lends_fd() || deadline.is_never() {
            // SAFETY: the callback with its own context.
            return again(|| unsafe { connect(self.ctx, addr, len, deadline.left()) });
        }
        let fd = self.fd()?;
        let guard = Flags::non_blocking(fd)?;
        // SAFETY: as above.
        let begun = again(|| unsafe { connect(self.ctx, addr, len, 0) });
        drop(guard);
        match begun {
            Err(libc::EINPROGRESS | libc::EAGAIN) => {}
            other => return other,
        }
        // A refused connection shows at the first write, as it always has.
        wait_until(fd, libc::POLLOUT, deadline)
    }

    /// Takes the next caller from a listening socket.
    ///
    /// # Safety
    /// `addr` and `len` are valid for an address.
    pub unsafe fn accept(
        self,
        addr: *mut c_void,
        len: *mut c_int,
        deadline: Deadline,
    ) -> Result<Self, Errno> {
        let Some(accept) = self.callbacks().accept else {
            return Err(libc::ENOTSUP);
        };
        if self.lends_fd() && !deadline.is_never() {
            wait_until(self.fd()?, libc::POLLIN, deadline)?;
        }
        let mut caller = self;
        // SAFETY: the callback with its own context, which it replaces.
        again(|| unsafe { accept(&mut caller.ctx, addr, len, deadline.left()) })?;
        Ok(caller)
    }
}

/// Bytes to be written; laid out as `struct iovec`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Piece {
    start: *const u8,
    len: usize,
}

impl Piece {
    /// Nothing.
    pub const EMPTY: Self = Self { start: ptr::null(), len: 0 };

    /// `len` bytes at `start`.
    pub fn new(start: *const u8, len: usize) -> Self {
        Self { start, len }
    }
}

/// Takes `n` bytes off the front.
fn cut(pieces: &mut [Piece; 2], mut n: usize) {
    for piece in pieces.iter_mut() {
        let here = n.min(piece.len);
        piece.start = piece.start.wrapping_add(here);
        piece.len -= here;
        n -= here;
    }
    if pieces[0].len == 0 {
        pieces.swap(0, 1);
    }
}

/// A descriptor made non-blocking for a while, and put back as it was.
struct Flags {
    fd: c_int,
    before: c_int,
}

impl Flags {
    fn non_blocking(fd: c_int) -> Result<Self, Errno> {
        // SAFETY: plain system calls on a number.
        let before = unsafe { libc::fcntl(fd, libc::F_GETFL, 0) };
        if before < 0 {
            return Err(super::errno::os());
        }
        // SAFETY: as above.
        unsafe { libc::fcntl(fd, libc::F_SETFL, before | libc::O_NONBLOCK) };
        Ok(Self { fd, before })
    }
}

impl Drop for Flags {
    fn drop(&mut self) {
        // SAFETY: as above; an error changes nothing.
        unsafe { libc::fcntl(self.fd, libc::F_SETFL, self.before) };
    }
}

/// For callbacks that write as they like: non-blocking while a deadline runs.
struct NonBlocking(#[allow(dead_code)] Option<Flags>);

impl NonBlocking {
    fn during(channel: Channel, deadline: Deadline) -> Result<Self, Errno> {
        if channel.own_fd().is_some() || !channel.lends_fd() || deadline.is_never() {
            return Ok(Self(None));
        }
        Ok(Self(Some(Flags::non_blocking(channel.fd()?)?)))
    }
}

/// Waits until the descriptor is ready, with the milliseconds of the socket layer.
pub fn wait(fd: c_int, events: i16, ms: c_uint) -> Result<(), Errno> {
    wait_until(fd, events, Deadline::within(ms))
}

/// Waits until the descriptor is ready. Unlike select it knows no largest descriptor.
fn wait_until(fd: c_int, events: i16, deadline: Deadline) -> Result<(), Errno> {
    loop {
        let left = match deadline.left() {
            EI_SCLBK_INF_TMO => -1,
            ms => c_int::try_from(ms).unwrap_or(c_int::MAX),
        };
        let mut poll = libc::pollfd { fd, events, revents: 0 };
        // SAFETY: one descriptor in a struct of our own.
        match unsafe { libc::poll(&mut poll, 1, left) } {
            0 if left < c_int::MAX => return Err(libc::ETIMEDOUT),
            0 => {}
            n if n > 0 && poll.revents & libc::POLLNVAL != 0 => return Err(libc::EBADF),
            n if n > 0 => return Ok(()),
            _ => match super::errno::os() {
                libc::EINTR => {}
                error => return Err(error),
            },
        }
    }
}

/// A callback's result.
fn result(error: c_int) -> Result<(), Errno> {
    if error == 0 {
        Ok(())
    } else {
        Err(error)
    }
}

/// Calls until a signal no longer interrupts.
fn again(mut call: impl FnMut() -> c_int) -> Result<(), Errno> {
    loop {
        match call() {
            libc::EINTR => {}
            error => return result(error),
        }
    }
}
