//! Sending: a control message in front of the program's bytes, in one write, under the descriptor's lock.

use super::abi::*;
use super::encode::{Atom, Int, Item, Pid, Reference, Trace};
use super::node::ei_self;
use super::socket::{Channel, Deadline, Errno, Piece};
use super::trace::{ei_trace, wants, COMM};
use super::{errno, show, table, wire};
use std::ffi::{c_char, c_int, c_uint, CStr};
use std::mem::MaybeUninit;
use std::ptr;

/// `{2, Cookie, To}` and its relatives.
mod op {
    pub const SEND: i64 = 2;
    pub const EXIT: i64 = 3;
    pub const REG_SEND: i64 = 6;
    pub const SEND_TT: i64 = 12;
    pub const EXIT_TT: i64 = 13;
    pub const REG_SEND_TT: i64 = 16;
    pub const MONITOR_P: i64 = 19;
}

/// Room for the largest control message: two pids, two atoms and a trace token.
const MAX_CONTROL: usize = 2 * size_of::<erlang_pid>() + 2 * 520 + size_of::<erlang_trace>() + 64;

/// A payload up to this size is copied behind its control message: one plain buffer costs the system less than two.
const COPIED: usize = 1024;

/// A packet being built: room for its length, then `112 131` and the control tuple.
pub(super) struct Control {
    bytes: [MaybeUninit<u8>; MAX_CONTROL + COPIED],
    end: *mut u8,
}

impl Control {
    /// Starts a control tuple. The control must not move until it is sent.
    #[inline(always)]
    pub fn start(place: &mut MaybeUninit<Control>, arity: u8) -> &mut Control {
        let control = place.as_mut_ptr();
        // SAFETY: the bytes need no initial value; the end is set before the reference is made.
        unsafe {
            let start = (&raw mut (*control).bytes).cast::<u8>();
            let head = [tag::PASS_THROUGH, tag::VERSION, tag::SMALL_TUPLE, arity];
            start.add(4).cast::<[u8; 4]>().write(head);
            (*control).end = start.add(8);
            &mut *control
        }
    }

    /// Adds an element; `EINVAL` when it cannot be encoded or does not fit.
    #[inline(always)]
    pub fn add<I: Item>(&mut self, item: I) -> Result<(), Errno> {
        // SAFETY: the room that the item asks for is left in the array.
        unsafe {
            let left = MAX_CONTROL - self.len();
            match item.room() {
                Some(room) if room <= left => {}
                _ => return Err(libc::EINVAL),
            }
            let end = item.write(self.end);
            if end.is_null() {
                return Err(libc::EINVAL);
            }
            self.end = end;
        }
        Ok(())
    }

    /// Adds an element that is encoded already.
    pub fn add_encoded(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        if bytes.len() > MAX_CONTROL - self.len() {
            return Err(libc::EINVAL);
        }
        // SAFETY: the bytes fit.
        unsafe {
            wire::copy(self.end, bytes.as_ptr(), bytes.len());
            self.end = self.end.add(bytes.len());
        }
        Ok(())
    }

    fn len(&self) -> usize {
        self.end as usize - self.bytes.as_ptr() as usize
    }

    /// Sends the packet, with `payload` behind it.
    ///
    /// # Safety
    /// `len` bytes are readable at `payload`.
    #[inline(always)]
    pub unsafe fn send(
        &mut self,
        fd: c_int,
        channel: Channel,
        payload: *const c_char,
        len: usize,
        deadline: Deadline,
    ) -> Result<(), Errno> {
        let size = self.len() + len - 4;
        let Ok(size) = u32::try_from(size) else {
            return Err(libc::EMSGSIZE);
        };
        let start = self.bytes.as_mut_ptr().cast::<u8>();
        // SAFETY: the first four bytes are kept for the length.
        unsafe {
            wire::put32(start, size);
            if wants(COMM) {
                show::sent(start.cast(), payload);
            }
            let head = self.len();
            let pieces = if len <= COPIED && channel.is_plain() && !payload.is_null() {
                wire::copy(start.add(head), payload.cast(), len);
                [Piece::new(start, head + len), Piece::EMPTY]
            } else {
                [Piece::new(start, head), Piece::new(payload.cast(), len)]
            };
            locked(fd, deadline, || channel.write(pieces, deadline))
        }
    }
}

/// Runs `write` while nobody else writes to the descriptor.
#[inline(always)]
fn locked(fd: c_int, deadline: Deadline, write: impl FnOnce() -> Result<(), Errno>) -> Result<(), Errno> {
    let Some(slot) = table::slot(fd) else {
        return write();
    };
    let _writing = slot.writing().lock(deadline)?;
    write()
}

/// Answers a tick. When another thread is writing, its packet is the sign of life.
pub(super) fn answer_tick(fd: c_int, channel: Channel, deadline: Deadline) {
    let tock = [0u8; 4];
    let _writing = match table::slot(fd).map(|slot| slot.writing().try_lock()) {
        Some(None) => return,
        Some(writing) => writing,
        None => None,
    };
    // SAFETY: the bytes are our own. Whoever receives next learns that the peer is gone.
    let _ = unsafe { channel.write([Piece::new(tock.as_ptr(), 4), Piece::EMPTY], deadline) };
}

/// The token of the message received last, on connections that know tokens.
fn token(fd: c_int) -> *mut erlang_trace {
    // SAFETY: a query without a token.
    let token = unsafe { ei_trace(0, ptr::null_mut()) };
    if !token.is_null() && table::ei_distversion(fd) > 0 {
        token
    } else {
        ptr::null_mut()
    }
}

fn told(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => {
            errno::set(0);
            0
        }
        Err(error) => {
            errno::set_coarse(error);
            ERL_ERROR
        }
    }
}

/// The empty atom that stands where cookies once did.
fn no_cookie() -> Atom {
    Atom::new(c"".as_ptr(), 0, ERLANG_LATIN1)
}

/// A registered name, cut after 255 characters.
unsafe fn registered(name: *const c_char) -> Atom {
    // SAFETY: the caller's name is NUL-terminated.
    unsafe { Atom::new(name, wire::length(name, MAXATOMLEN - 1) as c_int, ERLANG_LATIN1) }
}

unsafe fn to_pid(
    fd: c_int,
    to: *const erlang_pid,
    msg: *const c_char,
    len: c_int,
    ms: c_uint,
) -> Result<(), Errno> {
    let channel = table::channel(fd)?;
    let len = usize::try_from(len).map_err(|_| libc::EINVAL)?;
    let token = token(fd);
    let mut place = MaybeUninit::uninit();
    // SAFETY: the C caller's pid and bytes are valid; the token is this thread's.
    unsafe {
        let control = Control::start(&mut place, if token.is_null() { 3 } else { 4 });
        control.add(Int(if token.is_null() { op::SEND } else { op::SEND_TT }))?;
        control.add(no_cookie())?;
        control.add(Pid(to))?;
        if !token.is_null() {
            control.add(Trace(token))?;
        }
        control.send(fd, channel, msg, len, Deadline::after(ms))
    }
}

unsafe fn to_name(
    fd: c_int,
    from: *const erlang_pid,
    to: *const c_char,
    msg: *const c_char,
    len: c_int,
    ms: c_uint,
) -> Result<(), Errno> {
    let channel = table::channel(fd)?;
    let len = usize::try_from(len).map_err(|_| libc::EINVAL)?;
    if from.is_null() {
        return Err(libc::EINVAL);
    }
    let token = token(fd);
    let mut place = MaybeUninit::uninit();
    // SAFETY: the C caller's pid, name and bytes are valid; the token is this thread's.
    unsafe {
        let control = Control::start(&mut place, if token.is_null() { 4 } else { 5 });
        control.add(Int(if token.is_null() { op::REG_SEND } else { op::REG_SEND_TT }))?;
        control.add(Pid(from))?;
        control.add(no_cookie())?;
        control.add(registered(to))?;
        if !token.is_null() {
            control.add(Trace(token))?;
        }
        control.send(fd, channel, msg, len, Deadline::after(ms))
    }
}

/// Sends encoded bytes, version byte included, to a process.
///
/// # Safety
/// `to` is valid and `len` bytes are readable at `buf`.
#[no_mangle]
pub unsafe extern "C" fn ei_send(fd: c_int, to: *mut erlang_pid, buf: *mut c_char, len: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_pid(fd, to, buf, len, 0)) }
}

/// # Safety
/// As `ei_send`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_tmo(
    fd: c_int,
    to: *mut erlang_pid,
    buf: *mut c_char,
    len: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_pid(fd, to, buf, len, ms)) }
}

/// # Safety
/// As `ei_send`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_encoded(
    fd: c_int,
    to: *const erlang_pid,
    msg: *mut c_char,
    msglen: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_pid(fd, to, msg, msglen, 0)) }
}

/// # Safety
/// As `ei_send`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_encoded_tmo(
    fd: c_int,
    to: *const erlang_pid,
    msg: *mut c_char,
    msglen: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_pid(fd, to, msg, msglen, ms)) }
}

/// Sends encoded bytes to a registered name, from the node's own pid.
///
/// # Safety
/// `ec` is valid, `server_name` NUL-terminated, and `len` bytes are readable at `buf`.
#[no_mangle]
pub unsafe extern "C" fn ei_reg_send(
    ec: *mut ei_cnode,
    fd: c_int,
    server_name: *mut c_char,
    buf: *mut c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_name(fd, ei_self(ec), server_name, buf, len, 0)) }
}

/// # Safety
/// As `ei_reg_send`.
#[no_mangle]
pub unsafe extern "C" fn ei_reg_send_tmo(
    ec: *mut ei_cnode,
    fd: c_int,
    server_name: *mut c_char,
    buf: *mut c_char,
    len: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_name(fd, ei_self(ec), server_name, buf, len, ms)) }
}

/// # Safety
/// `from` is valid, `to` NUL-terminated, and `msglen` bytes are readable at `msg`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_reg_encoded(
    fd: c_int,
    from: *const erlang_pid,
    to: *const c_char,
    msg: *mut c_char,
    msglen: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_name(fd, from, to, msg, msglen, 0)) }
}

/// # Safety
/// As `ei_send_reg_encoded`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_reg_encoded_tmo(
    fd: c_int,
    from: *const erlang_pid,
    to: *const c_char,
    msg: *mut c_char,
    msglen: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(to_name(fd, from, to, msg, msglen, ms)) }
}

/// Breaks a link with a string as the reason.
///
/// # Safety
/// Both pids are valid and `reason` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_send_exit(
    fd: c_int,
    from: *const erlang_pid,
    to: *const erlang_pid,
    reason: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_send_exit_tmo(fd, from, to, reason, 0) }
}

/// # Safety
/// As `ei_send_exit`.
#[no_mangle]
pub unsafe extern "C" fn ei_send_exit_tmo(
    fd: c_int,
    from: *const erlang_pid,
    to: *const erlang_pid,
    reason: *const c_char,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(exit(fd, from, to, CStr::from_ptr(reason), ms)) }
}

unsafe fn exit(
    fd: c_int,
    from: *const erlang_pid,
    to: *const erlang_pid,
    reason: &CStr,
    ms: c_uint,
) -> Result<(), Errno> {
    let channel = table::channel(fd)?;
    let token = token(fd);
    let mut encoded = ei_x_buff { buff: ptr::null_mut(), buffsz: 0, index: 0 };
    let mut place = MaybeUninit::uninit();
    // SAFETY: the C caller's pids are valid; the reason's encoding is freed at the end.
    unsafe {
        let control = Control::start(&mut place, if token.is_null() { 4 } else { 5 });
        control.add(Int(if token.is_null() { op::EXIT } else { op::EXIT_TT }))?;
        control.add(Pid(from))?;
        control.add(Pid(to))?;
        if !token.is_null() {
            control.add(Trace(token))?;
        }
        if super::encode::ei_x_encode_string(&mut encoded, reason.as_ptr()) < 0 {
            return Err(libc::EINVAL);
        }
        let len = encoded.index as usize;
        let sent = control.send(fd, channel, encoded.buff, len, Deadline::after(ms));
        super::xbuff::ei_x_free(&mut encoded);
        sent
    }
}

/// `{3, From, To, noproc}`: what a process hears that links to one that is none of ours.
pub(super) fn refuse_link(
    fd: c_int,
    channel: Channel,
    from: &erlang_pid,
    to: &erlang_pid,
    deadline: Deadline,
) -> Result<(), Errno> {
    let mut place = MaybeUninit::uninit();
    let control = Control::start(&mut place, 4);
    control.add(Int(op::EXIT))?;
    control.add(Pid(from))?;
    control.add(Pid(to))?;
    control.add(Atom::new(c"noproc".as_ptr(), 6, ERLANG_LATIN1))?;
    // SAFETY: there is no payload.
    unsafe { control.send(fd, channel, ptr::null(), 0, deadline) }
}

/// `{21, Target, Watcher, Reference, noproc}`, the three as they came.
pub(super) fn refuse_monitor(
    fd: c_int,
    channel: Channel,
    [watcher, target, reference]: [&[u8]; 3],
    deadline: Deadline,
) -> Result<(), Errno> {
    let mut place = MaybeUninit::uninit();
    let control = Control::start(&mut place, 5);
    control.add(Int(21))?;
    control.add_encoded(target)?;
    control.add_encoded(watcher)?;
    control.add_encoded(reference)?;
    control.add(Atom::new(c"noproc".as_ptr(), 6, ERLANG_LATIN1))?;
    // SAFETY: there is no payload.
    unsafe { control.send(fd, channel, ptr::null(), 0, deadline) }
}

/// The name of nobody, and its encoding.
pub(super) const NOBODY: &[u8] = b"w\x0a$ei_nobody";

/// `{19, Self, Nobody, Reference}`, which every BEAM answers at once: then the descriptor is readable, and a program that polls
/// it fetches the messages that were put aside. The answer itself is never shown.
pub(super) fn ask_nobody(fd: c_int) -> Result<(), Errno> {
    let Some(own) = table::own_pid(fd) else {
        return Ok(());
    };
    let reference = erlang_ref { node: own.node, len: 3, n: [0; 5], creation: own.creation };
    let mut place = MaybeUninit::uninit();
    let control = Control::start(&mut place, 4);
    control.add(Int(op::MONITOR_P))?;
    control.add(Pid(&own))?;
    control.add_encoded(NOBODY)?;
    control.add(Reference(&reference))?;
    // SAFETY: there is no payload.
    unsafe { control.send(fd, table::channel(fd)?, ptr::null(), 0, Deadline::after(0)) }
}

/// `{36, Id, From, To}`: an unlink is always confirmed.
pub(super) fn confirm_unlink(
    fd: c_int,
    channel: Channel,
    id: &[u8],
    from: &erlang_pid,
    to: &erlang_pid,
    deadline: Deadline,
) -> Result<(), Errno> {
    let mut place = MaybeUninit::uninit();
    let control = Control::start(&mut place, 4);
    control.add(Int(36))?;
    control.add_encoded(id)?;
    control.add(Pid(from))?;
    control.add(Pid(to))?;
    // SAFETY: there is no payload.
    unsafe { control.send(fd, channel, ptr::null(), 0, deadline) }
}
