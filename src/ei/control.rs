//! The control message in front of a payload: decoded into `erlang_msg`, and answered where a BEAM waits for that.
//!
//! Walks over whole terms inside the packet only, whatever the packet claims.

use super::abi::*;
use super::bounds::term_len;
use super::decode::{ei_decode_atom_as, ei_decode_long, ei_decode_pid, ei_decode_trace};
use super::socket::{Channel, Deadline, Errno};
use super::trace::ei_trace;
use super::{send, table, wire};
use std::ffi::{c_char, c_int, c_long};
use std::mem::MaybeUninit;
use std::ptr;

/// Operations that a receive call shows, or deals with itself.
pub(super) mod op {
    pub const LINK: i64 = 1;
    pub const SEND: i64 = 2;
    pub const EXIT: i64 = 3;
    pub const UNLINK: i64 = 4;
    pub const REG_SEND: i64 = 6;
    pub const GROUP_LEADER: i64 = 7;
    pub const EXIT2: i64 = 8;
    pub const SEND_TT: i64 = 12;
    pub const EXIT_TT: i64 = 13;
    pub const REG_SEND_TT: i64 = 16;
    pub const EXIT2_TT: i64 = 18;
    pub const MONITOR_P: i64 = 19;
    pub const MONITOR_P_EXIT: i64 = 21;
    pub const UNLINK_ID: i64 = 35;
    pub const UNLINK_ID_ACK: i64 = 36;
}

/// A control message being taken apart.
struct Head<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Head<'a> {
    fn byte(&mut self) -> Result<u8, Errno> {
        let byte = *self.bytes.get(self.at).ok_or(libc::EBADMSG)?;
        self.at += 1;
        Ok(byte)
    }

    /// The next term, whole.
    fn field(&mut self) -> Result<&'a [u8], Errno> {
        let rest = self.bytes.get(self.at..).ok_or(libc::EBADMSG)?;
        let len = term_len(rest).ok_or(libc::EBADMSG)?;
        self.at += len;
        Ok(&rest[..len])
    }

    unsafe fn long(&mut self, to: *mut c_long) -> Result<(), Errno> {
        // SAFETY: a whole term stands there.
        self.decoded(|s, index| unsafe { ei_decode_long(s, index, to) })
    }

    unsafe fn pid(&mut self, to: *mut erlang_pid) -> Result<(), Errno> {
        // SAFETY: a whole term stands there.
        self.decoded(|s, index| unsafe { ei_decode_pid(s, index, to) })
    }

    unsafe fn trace(&mut self, to: *mut erlang_trace) -> Result<(), Errno> {
        // SAFETY: a whole term stands there.
        self.decoded(|s, index| unsafe { ei_decode_trace(s, index, to) })
    }

    unsafe fn atom(&mut self, to: *mut [c_char; MAXATOMLEN_UTF8]) -> Result<(), Errno> {
        let (none, size) = (ptr::null_mut(), MAXATOMLEN_UTF8 as c_int);
        // SAFETY: a whole term stands there, and the array has its size.
        self.decoded(|s, index| unsafe {
            ei_decode_atom_as(s, index, to.cast(), size, ERLANG_UTF8, none, none)
        })
    }

    fn decoded(&mut self, decode: impl FnOnce(*const c_char, *mut c_int) -> c_int) -> Result<(), Errno> {
        let field = self.field()?;
        let mut end = 0;
        if decode(field.as_ptr().cast(), &mut end) < 0 {
            return Err(libc::EBADMSG);
        }
        Ok(())
    }
}

/// A decoded control message.
pub(super) struct Control {
    /// Where the payload starts.
    pub payload: usize,
    /// The caller need not know of it.
    pub silent: bool,
}

/// Whom an answer goes to, and by when.
#[derive(Clone, Copy)]
pub(super) struct Peer {
    pub fd: c_int,
    pub channel: Channel,
    pub deadline: Deadline,
}

/// `{2, '', To}` as every BEAM writes it, in one step; its length. `None` for everything else, wrong or not.
///
/// # Safety
/// `msg` is writable.
#[inline(always)]
unsafe fn usual_send(bytes: &[u8], msg: *mut erlang_msg) -> Option<usize> {
    const START: &[u8] = &[
        tag::PASS_THROUGH,
        tag::VERSION,
        tag::SMALL_TUPLE,
        3,
        tag::SMALL_INTEGER,
        op::SEND as u8,
        tag::SMALL_ATOM_UTF8,
        0,
        tag::NEW_PID,
        tag::SMALL_ATOM_UTF8,
    ];
    let (&len, rest) = bytes.strip_prefix(START)?.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(len))?;
    let numbers = rest.first_chunk::<12>()?;
    let number =
        |at: usize| u32::from_be_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]]);
    // SAFETY: the caller's promise; a name of a byte's length and its end fit into the array.
    unsafe {
        (*msg).msgtype = op::SEND as c_long;
        (&raw mut (*msg).cookie).cast::<u8>().write(0);
        let to = &raw mut (*msg).to;
        let node = (&raw mut (*to).node).cast::<u8>();
        wire::copy(node, name.as_ptr(), name.len());
        node.add(name.len()).write(0);
        (*to).num = number(0);
        (*to).serial = number(4);
        (*to).creation = number(8);
    }
    Some(bytes.len() - (rest.len() - numbers.len()))
}

/// Decodes a control message into `msg` and answers what must be answered.
///
/// # Safety
/// `msg` is writable.
#[inline]
pub(super) unsafe fn control(bytes: &[u8], msg: *mut erlang_msg, peer: Peer) -> Result<Control, Errno> {
    // SAFETY: the caller's promise.
    unsafe {
        match usual_send(bytes, msg) {
            Some(payload) => Ok(Control { payload, silent: false }),
            None => any_control(bytes, msg, peer),
        }
    }
}

#[inline(never)]
unsafe fn any_control(bytes: &[u8], msg: *mut erlang_msg, peer: Peer) -> Result<Control, Errno> {
    let mut head = Head { bytes, at: 0 };
    let mut silent = false;
    // SAFETY: the caller's promise; each member is written as a whole.
    unsafe {
        if head.byte()? != tag::PASS_THROUGH || head.byte()? != tag::VERSION {
            return Err(libc::EBADMSG);
        }
        match head.byte()? {
            tag::SMALL_TUPLE => head.at += 1,
            tag::LARGE_TUPLE => head.at += 4,
            _ => return Err(libc::EBADMSG),
        }
        head.long(&raw mut (*msg).msgtype)?;
        let (from, to) = (&raw mut (*msg).from, &raw mut (*msg).to);
        let (cookie, token) = (&raw mut (*msg).cookie, &raw mut (*msg).token);
        match (*msg).msgtype as i64 {
            op::SEND => {
                head.atom(cookie)?;
                head.pid(to)?;
            }
            op::REG_SEND => {
                head.pid(from)?;
                head.atom(cookie)?;
                head.atom(&raw mut (*msg).toname)?;
            }
            op::UNLINK | op::GROUP_LEADER | op::EXIT | op::EXIT2 => {
                head.pid(from)?;
                head.pid(to)?;
            }
            op::LINK => {
                head.pid(from)?;
                head.pid(to)?;
                if !table::is_own(peer.fd, &*to) {
                    send::refuse_link(peer.fd, peer.channel, &*to, &*from, peer.deadline)?;
                }
            }
            op::UNLINK_ID => {
                let id = head.field()?;
                head.pid(from)?;
                head.pid(to)?;
                (*msg).msgtype = op::UNLINK as c_long;
                send::confirm_unlink(peer.fd, peer.channel, id, &*to, &*from, peer.deadline)?;
            }
            op::UNLINK_ID_ACK => silent = true,
            op::SEND_TT => {
                head.atom(cookie)?;
                head.pid(to)?;
                head.trace(token)?;
                ei_trace(1, token);
            }
            op::REG_SEND_TT => {
                head.pid(from)?;
                head.atom(cookie)?;
                head.atom(&raw mut (*msg).toname)?;
                head.trace(token)?;
                ei_trace(1, token);
            }
            op::EXIT_TT | op::EXIT2_TT => {
                head.pid(from)?;
                head.pid(to)?;
                head.trace(token)?;
                ei_trace(1, token);
            }
            op::MONITOR_P => {
                let payload = head.at;
                monitor([head.field()?, head.field()?, head.field()?], peer)?;
                head.at = payload;
            }
            op::MONITOR_P_EXIT => silent = head.bytes[head.at..].starts_with(send::NOBODY),
            _ => {}
        }
    }
    Ok(Control { payload: head.at, silent })
}

/// A monitor on a name, or on a pid of this node, holds until the connection ends; the BEAM then tells its watchers. One on
/// a pid that cannot be alive is answered at once: somebody waits for that.
fn monitor([watcher, target, reference]: [&[u8]; 3], peer: Peer) -> Result<(), Errno> {
    let mut pid = MaybeUninit::<erlang_pid>::uninit();
    let mut end = 0;
    // SAFETY: a whole term stands in `target`, and the pid is looked at only when it was decoded.
    unsafe {
        if ei_decode_pid(target.as_ptr().cast(), &mut end, pid.as_mut_ptr()) < 0
            || table::is_own(peer.fd, pid.assume_init_ref())
        {
            return Ok(());
        }
    }
    send::refuse_monitor(peer.fd, peer.channel, [watcher, target, reference], peer.deadline)
}
