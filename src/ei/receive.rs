//! Receiving: one packet per call, its control message decoded, its payload in the caller's buffer.
//!
//! Ticks and unlinks are answered before the call returns, links and monitors to strangers refused. A packet is taken
//! from the socket as a whole or not at all, so a broken one does not take the next with it.

use super::abi::*;
use super::control::{control, op, Peer};
use super::socket::{Channel, Deadline, Errno};
use super::trace::{ei_trace, wants, COMM};
use super::xbuff::ei_realloc;
use super::{errno, send, show, table};
use std::ffi::{c_char, c_int, c_long, c_uchar, c_uint};
use std::mem::MaybeUninit;
use std::ptr;

/// No control message of a BEAM is longer; one that is gets refused.
const MAX_HEADER: usize = 2048;
/// A buffer grows to this at once, and beyond it only as bytes really arrive.
const TRUSTED: usize = 64 << 10;

/// Monitors as `ei_recv_internal` shows them, reduced like the kinds with a token.
const MONITOR_SHOWN: c_int = 9;
const DEMONITOR_SHOWN: c_int = 10;

/// Where packets come from: the socket, or those that a remote call put aside.
enum Source {
    Socket(Channel, Deadline),
    Aside(Vec<u8>, usize),
}

impl Source {
    /// Fills the buffer with what belongs to the packet that has begun.
    unsafe fn read(&mut self, to: *mut u8, len: usize) -> Result<(), Errno> {
        // SAFETY: the caller has `len` bytes at `to`.
        unsafe {
            match self {
                Self::Socket(channel, deadline) => match channel.read(to, len, *deadline, true)? {
                    got if got == len => Ok(()),
                    _ => Err(libc::EIO),
                },
                Self::Aside(packet, at) => {
                    let rest = packet.get(*at..*at + len).ok_or(libc::EIO)?;
                    ptr::copy_nonoverlapping(rest.as_ptr(), to, len);
                    *at += len;
                    Ok(())
                }
            }
        }
    }

    /// Reads and forgets.
    fn drain(&mut self, mut len: usize) -> Result<(), Errno> {
        let mut sink = [0u8; 4096];
        while len > 0 {
            let step = len.min(sink.len());
            // SAFETY: the array has that many bytes.
            unsafe { self.read(sink.as_mut_ptr(), step)? };
            len -= step;
        }
        Ok(())
    }
}

/// The length of the next packet on a socket; 0 is a tick.
fn packet_len(channel: Channel, deadline: Deadline) -> Result<usize, Errno> {
    let mut len = [0u8; 4];
    // SAFETY: the array has four bytes.
    match unsafe { channel.read(len.as_mut_ptr(), 4, deadline, false)? } {
        4 => Ok(u32::from_be_bytes(len) as usize),
        _ => Err(libc::EIO),
    }
}

/// The caller's buffer for payloads.
struct Buffer {
    place: *mut *mut c_char,
    size: *mut c_int,
    fixed: bool,
}

impl Buffer {
    unsafe fn grow(&self, size: usize) -> Result<(), Errno> {
        // SAFETY: the C caller's buffer came from malloc; it stays as it is when there is no memory.
        unsafe {
            let buf = ei_realloc((*self.place).cast(), size as c_long);
            if buf.is_null() {
                return Err(libc::ENOMEM);
            }
            *self.place = buf.cast();
            *self.size = size as c_int;
        }
        Ok(())
    }

    /// Stores a payload of `len` bytes, the first of which are in `here`.
    unsafe fn fill(&self, here: &[u8], len: usize, source: &mut Source) -> Result<(), Errno> {
        // SAFETY: nothing is written beyond the size that the buffer has at that moment.
        unsafe {
            if len > (*self.size).max(0) as usize {
                if self.fixed {
                    source.drain(len - here.len())?;
                    return Err(libc::EMSGSIZE);
                }
                self.grow(len.min(TRUSTED.max(here.len())))?;
            }
            ptr::copy_nonoverlapping(here.as_ptr(), (*self.place).cast(), here.len());
            let mut done = here.len();
            while done < len {
                if *self.size as usize == done {
                    self.grow(len.min(2 * done))?;
                }
                let step = (len - done).min(*self.size as usize - done);
                source.read((*self.place).cast::<u8>().add(done), step)?;
                done += step;
            }
        }
        Ok(())
    }
}

/// A received packet: its kind and the length of its payload; `None` for what needs no attention.
unsafe fn receive(
    fd: c_int,
    msg: *mut erlang_msg,
    buffer: &Buffer,
    deadline: Deadline,
) -> Result<Option<(c_int, usize)>, Errno> {
    let channel = table::channel(fd)?;
    let mut source;
    let len;
    if let Some(packet) = table::slot(fd).and_then(table::Slot::take_aside) {
        len = packet.len();
        source = Source::Aside(packet, 0);
    } else {
        len = packet_len(channel, deadline)?;
        source = Source::Socket(channel, deadline);
    }
    if len == 0 {
        send::answer_tick(fd, channel, deadline);
        return Ok(None);
    }
    if len > c_int::MAX as usize {
        return Err(libc::EMSGSIZE);
    }
    // SAFETY: ending a trace needs no token.
    unsafe { ei_trace(-1, ptr::null_mut()) };
    let mut header = [MaybeUninit::<u8>::uninit(); MAX_HEADER];
    let here = len.min(MAX_HEADER);
    // SAFETY: `here` bytes fit and are read before they are looked at; the rest is the C caller's promise.
    unsafe {
        source.read(header.as_mut_ptr().cast(), here)?;
        let header = std::slice::from_raw_parts(header.as_ptr().cast::<u8>(), here);
        let peer = Peer { fd, channel, deadline };
        let control = match control(header, msg, peer) {
            Ok(control) => control,
            Err(error) => {
                source.drain(len - here)?;
                return Err(error);
            }
        };
        if control.silent {
            source.drain(len - here)?;
            return Ok(None);
        }
        let payload = len - control.payload;
        buffer.fill(&header[control.payload..], payload, &mut source)?;
        if wants(COMM) {
            show::received(msg, *buffer.place);
        }
        if (*msg).msgtype > 10 {
            (*msg).msgtype -= 10;
        }
        Ok(Some(((*msg).msgtype as c_int, payload)))
    }
}

/// Two errors have a number of their own: the caller can do something about them.
fn failed(error: Errno) {
    match error {
        libc::EMSGSIZE | libc::ENOMEM => errno::set(error),
        _ => errno::set_coarse(error),
    }
}

/// Receives into `*mbufp`, which grows unless `staticbufp`. Returns the kind of message, `ERL_TICK` or `ERL_ERROR`.
///
/// # Safety
/// The pointers are valid, and `*mbufp` has `*bufsz` bytes, from `malloc` unless `staticbufp`.
#[no_mangle]
pub unsafe extern "C" fn ei_recv_internal(
    fd: c_int,
    mbufp: *mut *mut c_char,
    bufsz: *mut c_int,
    msg: *mut erlang_msg,
    msglenp: *mut c_int,
    staticbufp: c_int,
    ms: c_uint,
) -> c_int {
    let buffer = Buffer { place: mbufp, size: bufsz, fixed: staticbufp != 0 };
    // SAFETY: the caller's promise.
    unsafe {
        match receive(fd, msg, &buffer, Deadline::after(ms)) {
            Ok(Some((kind, len))) => {
                *msglenp = len as c_int;
                kind
            }
            Ok(None) => {
                *msglenp = 0;
                ERL_TICK
            }
            Err(error) => {
                failed(error);
                ERL_ERROR
            }
        }
    }
}

/// # Safety
/// As `ei_recv_internal`, with a buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_receive_encoded(
    fd: c_int,
    mbufp: *mut *mut c_char,
    bufsz: *mut c_int,
    msg: *mut erlang_msg,
    msglen: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_recv_internal(fd, mbufp, bufsz, msg, msglen, 0, 0) }
}

/// # Safety
/// As `ei_recv_internal`, with a buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_receive_encoded_tmo(
    fd: c_int,
    mbufp: *mut *mut c_char,
    bufsz: *mut c_int,
    msg: *mut erlang_msg,
    msglen: *mut c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_recv_internal(fd, mbufp, bufsz, msg, msglen, 0, ms) }
}

/// Receives into `x`: `ERL_MSG`, `ERL_TICK` (also for monitors, which were dealt with) or `ERL_ERROR`.
///
/// # Safety
/// `msg` is writable and `x` a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_do_receive_msg(
    fd: c_int,
    staticbuffer_p: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
    ms: c_uint,
) -> c_int {
    let mut len = 0;
    // SAFETY: the caller's promise.
    unsafe {
        let (buff, size) = (&raw mut (*x).buff, &raw mut (*x).buffsz);
        match ei_recv_internal(fd, buff, size, msg, &mut len, staticbuffer_p, ms) {
            ERL_ERROR => return ERL_ERROR,
            ERL_TICK | MONITOR_SHOWN | DEMONITOR_SHOWN => {
                errno::set(libc::EAGAIN);
                return ERL_TICK;
            }
            _ => {}
        }
        (*x).index = len;
        if matches!((*msg).msgtype as i64, op::SEND | op::REG_SEND) && !is_term((*x).buff, len) {
            errno::set(libc::EIO);
            return ERL_ERROR;
        }
        match (*msg).msgtype as i64 {
            op::SEND | op::REG_SEND | op::LINK | op::UNLINK => ERL_MSG,
            op::GROUP_LEADER | op::EXIT | op::EXIT2 => ERL_MSG,
            _ => {
                errno::set(libc::EIO);
                ERL_ERROR
            }
        }
    }
}

/// Whether a received message is empty or begins with a whole term. The functions that decode know no end of the buffer: a term that
/// is cut, or that claims more than came, would lead them behind it.
///
/// # Safety
/// `len` bytes stand at `buff`.
unsafe fn is_term(buff: *const c_char, len: c_int) -> bool {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(buff.cast::<u8>(), usize::try_from(len).unwrap_or(0)) };
    match bytes {
        [] => true,
        [131, term @ ..] => crate::term::validate(term, &[]).is_ok(),
        _ => false,
    }
}

/// # Safety
/// `msg` is writable and `x` a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_receive_msg(fd: c_int, msg: *mut erlang_msg, x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_do_receive_msg(fd, 1, msg, x, 0) }
}

/// # Safety
/// `msg` is writable and `x` a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_receive_msg_tmo(
    fd: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_do_receive_msg(fd, 1, msg, x, ms) }
}

/// # Safety
/// `msg` is writable and `x` a live buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_xreceive_msg(fd: c_int, msg: *mut erlang_msg, x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_do_receive_msg(fd, 0, msg, x, 0) }
}

/// # Safety
/// `msg` is writable and `x` a live buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_xreceive_msg_tmo(
    fd: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_do_receive_msg(fd, 0, msg, x, ms) }
}

/// Receives a raw packet; its length, `ERL_TICK` or `ERL_ERROR`.
///
/// # Safety
/// `bufp` has `bufsize` bytes, four at least.
#[no_mangle]
pub unsafe extern "C" fn ei_receive(fd: c_int, bufp: *mut c_uchar, bufsize: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_receive_tmo(fd, bufp, bufsize, 0) }
}

/// # Safety
/// As `ei_receive`.
#[no_mangle]
pub unsafe extern "C" fn ei_receive_tmo(fd: c_int, bufp: *mut c_uchar, bufsize: c_int, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    let received = unsafe { receive_raw(fd, bufp, bufsize, Deadline::after(ms)) };
    match received {
        Ok(0) => {
            errno::set(libc::EAGAIN);
            ERL_TICK
        }
        Ok(len) => len,
        Err(error) => {
            failed(error);
            ERL_ERROR
        }
    }
}

unsafe fn receive_raw(
    fd: c_int,
    bufp: *mut c_uchar,
    bufsize: c_int,
    deadline: Deadline,
) -> Result<c_int, Errno> {
    let channel = table::channel(fd)?;
    let room = usize::try_from(bufsize).unwrap_or(0);
    let (mut source, len) = match table::slot(fd).and_then(table::Slot::take_aside) {
        Some(packet) => {
            let len = packet.len();
            (Source::Aside(packet, 0), len)
        }
        None => {
            let len = packet_len(channel, deadline)?;
            (Source::Socket(channel, deadline), len)
        }
    };
    if len == 0 {
        send::answer_tick(fd, channel, deadline);
        return Ok(0);
    }
    if len > room {
        source.drain(len)?;
        return Err(libc::EMSGSIZE);
    }
    // SAFETY: the packet fits.
    let packet = unsafe {
        source.read(bufp, len)?;
        std::slice::from_raw_parts(bufp, len)
    };
    if peek_op(packet) == Some(op::MONITOR_P_EXIT) && packet[6..].starts_with(send::NOBODY) {
        return Ok(0);
    }
    Ok(len as c_int)
}

/// What a remote call sees of a packet.
pub(super) enum Seen {
    /// A message to a pid; its payload starts here.
    Message(usize),
    /// Of this kind, reduced as always.
    Other(c_int),
}

/// Receives a whole packet for a remote call; `None` for ticks and what was dealt with. `msg` gets the control message.
///
/// # Safety
/// `msg` is writable.
pub(super) unsafe fn receive_packet(
    fd: c_int,
    msg: *mut erlang_msg,
) -> Result<Option<(Vec<u8>, Seen)>, Errno> {
    let channel = table::channel(fd)?;
    let deadline = Deadline::after(0);
    let len = packet_len(channel, deadline)?;
    if len == 0 {
        send::answer_tick(fd, channel, deadline);
        return Ok(None);
    }
    if len > c_int::MAX as usize {
        return Err(libc::EMSGSIZE);
    }
    let mut source = Source::Socket(channel, deadline);
    let mut packet = Vec::<u8>::new();
    while packet.len() < len {
        let step = (len - packet.len()).min(TRUSTED.max(packet.len()));
        packet.try_reserve_exact(step).map_err(|_| libc::ENOMEM)?;
        // SAFETY: the room was reserved, and is filled before the length grows.
        unsafe {
            source.read(packet.as_mut_ptr().add(packet.len()), step)?;
            packet.set_len(packet.len() + step);
        }
    }
    let seen = match peek_op(&packet) {
        // Answered when it is read or settled.
        Some(op::LINK) => Seen::Other(op::LINK as c_int),
        Some(op::UNLINK_ID) => Seen::Other(op::UNLINK as c_int),
        // SAFETY: the caller's promise.
        _ => match unsafe { settle(fd, &packet, msg)? } {
            Some(seen) => seen,
            None => return Ok(None),
        },
    };
    Ok(Some((packet, seen)))
}

/// Decodes the control message of a packet and answers what must be answered; `None` for what needs no attention.
///
/// # Safety
/// `msg` is writable.
pub(super) unsafe fn settle(fd: c_int, packet: &[u8], msg: *mut erlang_msg) -> Result<Option<Seen>, Errno> {
    let peer = Peer { fd, channel: table::channel(fd)?, deadline: Deadline::after(0) };
    // SAFETY: the caller's promise; the kind is there once the control message was decoded.
    let (control, kind) = unsafe { (control(packet, msg, peer)?, (*msg).msgtype as i64) };
    Ok(match kind {
        _ if control.silent => None,
        op::SEND | op::SEND_TT => Some(Seen::Message(control.payload)),
        kind if kind > 10 => Some(Seen::Other((kind - 10) as c_int)),
        kind => Some(Seen::Other(kind as c_int)),
    })
}

/// The operation of a packet, without its consequences.
fn peek_op(packet: &[u8]) -> Option<i64> {
    match packet {
        [tag::PASS_THROUGH, tag::VERSION, tag::SMALL_TUPLE, _, tag::SMALL_INTEGER, op, ..] => {
            Some(i64::from(*op))
        }
        _ => None,
    }
}
