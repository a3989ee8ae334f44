//! The library's own callbacks: plain TCP over IPv4, the context being the descriptor itself.
//!
//! The object is exported: programs copy it, or call its members from callbacks of their own.

use super::super::abi::ei_socket_callbacks;
use super::super::errno::os;
use super::{Errno, Piece};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;

/// The callbacks that every cnode has unless it asks for others.
#[no_mangle]
pub static mut ei_default_socket_callbacks: ei_socket_callbacks = ei_socket_callbacks {
    flags: 0,
    socket: Some(tcp_socket),
    close: Some(tcp_close),
    listen: Some(tcp_listen),
    accept: Some(tcp_accept),
    connect: Some(tcp_connect),
    writev: Some(tcp_writev),
    write: Some(tcp_write),
    read: Some(tcp_read),
    handshake_packet_header_size: Some(tcp_header_size),
    connect_handshake_complete: Some(tcp_handshake_complete),
    accept_handshake_complete: Some(tcp_handshake_complete),
    get_fd: Some(tcp_get_fd),
};

/// Its address; never read here, so nobody's write can race with us.
pub(super) fn default_callbacks() -> *mut ei_socket_callbacks {
    &raw mut ei_default_socket_callbacks
}

pub(super) fn context(fd: c_int) -> *mut c_void {
    fd as isize as *mut c_void
}

pub(super) fn descriptor(ctx: *mut c_void) -> c_int {
    ctx as isize as c_int
}

/// The descriptor, or the error for a context that is none.
fn checked(ctx: *mut c_void) -> Result<c_int, Errno> {
    match descriptor(ctx) {
        fd if fd < 0 => Err(libc::EBADF),
        fd => Ok(fd),
    }
}

/// What a system call returned, as a count.
fn count(n: isize) -> Result<usize, Errno> {
    usize::try_from(n).map_err(|_| os())
}

/// Reads some bytes. Descriptors that are no sockets work too.
///
/// # Safety
/// `len` bytes are writable at `buf`.
#[inline]
pub(super) unsafe fn receive(fd: c_int, buf: *mut u8, len: usize, flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the caller's promise.
    unsafe {
        if flags == 0 {
            return count(libc::read(fd, buf.cast(), len));
        }
        match count(libc::recv(fd, buf.cast(), len, flags)) {
            Err(libc::ENOTSOCK) => {
                super::wait(fd, libc::POLLIN, 0)?;
                count(libc::read(fd, buf.cast(), len))
            }
            other => other,
        }
    }
}

/// Writes some bytes without raising SIGPIPE.
///
/// # Safety
/// The pieces are readable.
pub(super) unsafe fn send(fd: c_int, pieces: &[Piece; 2], flags: c_int) -> Result<usize, Errno> {
    let flags = flags | libc::MSG_NOSIGNAL;
    if pieces[1].len == 0 {
        // SAFETY: the caller's promise.
        let sent = unsafe { libc::send(fd, pieces[0].start.cast(), pieces[0].len, flags) };
        match count(sent) {
            Err(libc::ENOTSOCK) => {}
            other => return other,
        }
    }
    // SAFETY: the message points at pieces that outlive the call; a piece is laid out as an iovec.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = pieces.as_ptr().cast_mut().cast();
        message.msg_iovlen = 2;
        match count(libc::sendmsg(fd, &message, flags)) {
            Err(libc::ENOTSOCK) => {
                if flags & libc::MSG_DONTWAIT != 0 {
                    super::wait(fd, libc::POLLOUT, 0)?;
                }
                count(libc::writev(fd, pieces.as_ptr().cast(), 2))
            }
            other => other,
        }
    }
}

fn error_of(result: Result<(), Errno>) -> c_int {
    result.err().unwrap_or(0)
}

fn check(n: c_int) -> Result<(), Errno> {
    if n < 0 {
        Err(os())
    } else {
        Ok(())
    }
}

fn switch_on(fd: c_int, level: c_int, option: c_int) -> Result<(), Errno> {
    let on: c_int = 1;
    let len = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: the option is an int.
    check(unsafe { libc::setsockopt(fd, level, option, (&raw const on).cast(), len) })
}

unsafe extern "C" fn tcp_socket(ctx: *mut *mut c_void, _setup: *mut c_void) -> c_int {
    // SAFETY: a plain system call, and the caller's pointer.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0);
        if fd < 0 {
            return os();
        }
        *ctx = context(fd);
    }
    0
}

unsafe extern "C" fn tcp_close(ctx: *mut c_void) -> c_int {
    // SAFETY: a plain system call on a number.
    error_of(checked(ctx).and_then(|fd| check(unsafe { libc::close(fd) })))
}

unsafe extern "C" fn tcp_listen(
    ctx: *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> c_int {
    // SAFETY: the caller's address has `*len` bytes.
    let listen = |fd| unsafe {
        let mut size = *len as libc::socklen_t;
        switch_on(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR)?;
        check(libc::bind(fd, addr.cast(), size))?;
        check(libc::getsockname(fd, addr.cast(), &mut size))?;
        *len = size as c_int;
        check(libc::listen(fd, backlog))
    };
    error_of(checked(ctx).and_then(listen))
}

unsafe extern "C" fn tcp_accept(
    ctx: *mut *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    _ms: c_uint,
) -> c_int {
    if ctx.is_null() {
        return libc::EINVAL;
    }
    // SAFETY: the caller's pointers are valid.
    let accept = |fd| unsafe {
        let mut size = *len as libc::socklen_t;
        let caller = libc::accept(fd, addr.cast(), &mut size);
        check(caller)?;
        *len = size as c_int;
        *ctx = context(caller);
        Ok(())
    };
    // SAFETY: as above.
    error_of(checked(unsafe { *ctx }).and_then(accept))
}

unsafe extern "C" fn tcp_connect(ctx: *mut c_void, addr: *mut c_void, len: c_int, _ms: c_uint) -> c_int {
    // SAFETY: the caller's address has `len` bytes.
    let connect = |fd| check(unsafe { libc::connect(fd, addr.cast(), len as libc::socklen_t) });
    error_of(checked(ctx).and_then(connect))
}

unsafe extern "C" fn tcp_writev(
    ctx: *mut c_void,
    iov: *const c_void,
    iovcnt: c_int,
    len: *mut isize,
    _ms: c_uint,
) -> c_int {
    // SAFETY: the caller's pieces are readable, and its length is writable.
    let write = |fd| unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = iov.cast_mut().cast();
        message.msg_iovlen = iovcnt.max(0) as _;
        let n = match count(libc::sendmsg(fd, &message, libc::MSG_NOSIGNAL)) {
            Err(libc::ENOTSOCK) => count(libc::writev(fd, iov.cast(), iovcnt)),
            other => other,
        }?;
        *len = n as isize;
        Ok(())
    };
    error_of(checked(ctx).and_then(write))
}

unsafe extern "C" fn tcp_write(ctx: *mut c_void, buf: *const c_char, len: *mut isize, _ms: c_uint) -> c_int {
    // SAFETY: the caller's bytes are readable, and its length is writable.
    let write = |fd| unsafe {
        let piece = Piece::new(buf.cast(), (*len).max(0) as usize);
        *len = send(fd, &[piece, Piece::EMPTY], 0)? as isize;
        Ok(())
    };
    error_of(checked(ctx).and_then(write))
}

unsafe extern "C" fn tcp_read(ctx: *mut c_void, buf: *mut c_char, len: *mut isize, _ms: c_uint) -> c_int {
    // SAFETY: the caller's buffer has `*len` bytes.
    let read = |fd| unsafe {
        *len = receive(fd, buf.cast(), (*len).max(0) as usize, 0)? as isize;
        Ok(())
    };
    error_of(checked(ctx).and_then(read))
}

/// Lengths have two bytes during a handshake over plain TCP.
unsafe extern "C" fn tcp_header_size(ctx: *mut c_void, size: *mut c_int) -> c_int {
    // SAFETY: the caller's pointer.
    unsafe { *size = 2 };
    error_of(checked(ctx).map(|_| ()))
}

unsafe extern "C" fn tcp_handshake_complete(ctx: *mut c_void) -> c_int {
    let tune = |fd| {
        switch_on(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
        switch_on(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE)
    };
    error_of(checked(ctx).and_then(tune))
}

unsafe extern "C" fn tcp_get_fd(ctx: *mut c_void, fd: *mut c_int) -> c_int {
    match checked(ctx) {
        Ok(number) => {
            // SAFETY: the caller's pointer.
            unsafe { ptr::write(fd, number) };
            0
        }
        Err(error) => error,
    }
}
