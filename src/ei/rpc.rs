//! Remote calls through `rex`: whole, or in two halves with the program's own receiving between them.
//!
//! What arrives while a whole call waits is kept for the next receive call on the descriptor, in its order.

use super::abi::*;
use super::bounds::term_len;
use super::decode::ei_decode_atom;
use super::encode::*;
use super::node::{ei_self, text};
use super::receive::{ei_xreceive_msg_tmo, receive_packet, settle, Seen};
use super::send::ei_send_reg_encoded;
use super::socket::Errno;
use super::xbuff::{ei_realloc, ei_x_append_buf, ei_x_free, ei_x_new_with_version};
use super::{errno, send, table};
use std::ffi::{c_char, c_int, c_long, c_uint, CStr};
use std::mem::MaybeUninit;
use std::ptr;

/// For `ei_xrpc_to`: what the function prints comes back as messages.
const FETCH_STDOUT: c_int = 1;

/// Sends `{From, {call, Module, Function, Args, Leader}}` to `rex`. `args` appends the list of arguments.
///
/// # Safety
/// `from` is null (an error) or valid; the texts are NUL-terminated.
pub(super) unsafe fn request(
    fd: c_int,
    from: *const erlang_pid,
    (module, function): (*const c_char, *const c_char),
    leader: &CStr,
    args: impl FnOnce(*mut ei_x_buff) -> bool,
) -> Result<(), Errno> {
    if from.is_null() {
        return Err(libc::EINVAL);
    }
    let mut x = ei_x_buff { buff: ptr::null_mut(), buffsz: 0, index: 0 };
    let x = &raw mut x;
    // SAFETY: the buffer is our own, and freed at the end.
    unsafe {
        let encoded = ei_x_new_with_version(x) == 0
            && ei_x_encode_tuple_header(x, 2) == 0
            && ei_x_encode_pid(x, from) == 0
            && ei_x_encode_tuple_header(x, 5) == 0
            && ei_x_encode_atom(x, c"call".as_ptr()) == 0
            && ei_x_encode_atom(x, module) == 0
            && ei_x_encode_atom(x, function) == 0
            && args(x)
            && ei_x_encode_atom(x, leader.as_ptr()) == 0;
        let sent = if !encoded {
            Err(libc::EINVAL)
        } else if ei_send_reg_encoded(fd, from, c"rex".as_ptr(), (*x).buff, (*x).index) < 0 {
            Err(errno::get())
        } else {
            Ok(())
        };
        ei_x_free(x);
        sent
    }
}

/// Where `Result` starts in `131 {rex, Result}`.
fn result_at(payload: &[u8]) -> Option<usize> {
    let name_at = match payload {
        [tag::VERSION, tag::SMALL_TUPLE, 2, ..] => 3,
        [tag::VERSION, tag::LARGE_TUPLE, 0, 0, 0, 2, ..] => 6,
        _ => return None,
    };
    let name = payload.get(name_at..)?;
    let len = term_len(name)?;
    let mut atom = [0 as c_char; MAXATOMLEN];
    let mut end = 0;
    // SAFETY: a whole term stands there; the array takes any Latin-1 atom.
    let is_rex = unsafe {
        ei_decode_atom(name.as_ptr().cast(), &mut end, atom.as_mut_ptr()) == 0 && text(&atom) == b"rex"
    };
    is_rex.then_some(name_at + len)
}

/// Waits for the answer of `rex` without limit; the packet, and where the result starts in it. Kinds in `swallowed` are
/// taken once each as part of the answer; `ticked` hears of ticks.
pub(super) fn answer(fd: c_int, swallowed: &[c_int], ticked: impl Fn()) -> Result<(Vec<u8>, usize), Errno> {
    let answer = wait(fd, swallowed, ticked);
    if table::slot(fd).is_some_and(table::Slot::has_aside) {
        // Whoever polls the descriptor must learn of them. If the connection is gone, so it does.
        let _ = send::ask_nobody(fd);
    }
    answer
}

fn wait(fd: c_int, swallowed: &[c_int], ticked: impl Fn()) -> Result<(Vec<u8>, usize), Errno> {
    let mut msg = MaybeUninit::<erlang_msg>::uninit();
    let mut swallowed = swallowed.to_vec();
    loop {
        // SAFETY: the message is writable; only its decoder looks at it.
        let Some((packet, seen)) = (unsafe { receive_packet(fd, msg.as_mut_ptr())? }) else {
            ticked();
            continue;
        };
        match seen {
            Seen::Message(at) => {
                if let Some(result) = packet.get(at..).and_then(result_at) {
                    return Ok((packet, at + result));
                }
            }
            // Monitors were dealt with.
            Seen::Other(9 | 10) => continue,
            Seen::Other(kind) => {
                if let Some(i) = swallowed.iter().position(|&k| k == kind) {
                    swallowed.swap_remove(i);
                    // SAFETY: as above.
                    unsafe { settle(fd, &packet, msg.as_mut_ptr())? };
                    continue;
                }
            }
        }
        let kept = table::slot(fd).is_some_and(|slot| slot.put_aside(packet));
        if !kept {
            return Err(libc::ENOMEM);
        }
    }
}

pub(super) fn told(result: Result<(), Errno>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => {
            errno::set_coarse(error);
            ERL_ERROR
        }
    }
}

/// Sends a call. The answer, `{rex, Result}`, comes as a message.
///
/// # Safety
/// `ec` is valid, `module` and `function` NUL-terminated; `len` bytes of an encoded list, without a version byte, are readable at
/// `buf`.
#[no_mangle]
pub unsafe extern "C" fn ei_xrpc_to(
    ec: *mut ei_cnode,
    fd: c_int,
    module: *mut c_char,
    function: *mut c_char,
    buf: *const c_char,
    len: c_int,
    flags: c_int,
) -> c_int {
    let leader = if flags & FETCH_STDOUT != 0 { c"send_stdout_to_caller" } else { c"user" };
    // SAFETY: the caller's promise.
    unsafe {
        told(request(fd, ei_self(ec), (module, function), leader, |x| ei_x_append_buf(x, buf, len) == 0))
    }
}

/// # Safety
/// As `ei_xrpc_to`.
#[no_mangle]
pub unsafe extern "C" fn ei_rpc_to(
    ec: *mut ei_cnode,
    fd: c_int,
    module: *mut c_char,
    function: *mut c_char,
    buf: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_xrpc_to(ec, fd, module, function, buf, len, 0) }
}

/// Receives a message: `ERL_MSG`, `ERL_TICK`, `ERL_TIMEOUT` or `ERL_ERROR`. A negative timeout waits for ever.
///
/// # Safety
/// `msg` is writable and `x` a live buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_rpc_from(
    _ec: *mut ei_cnode,
    fd: c_int,
    timeout: c_int,
    msg: *mut erlang_msg,
    x: *mut ei_x_buff,
) -> c_int {
    let ms = if timeout < 0 { EI_SCLBK_INF_TMO } else { timeout as c_uint };
    // SAFETY: the caller's promise.
    match unsafe { ei_xreceive_msg_tmo(fd, msg, x, ms) } {
        result if result < 0 && errno::get() == libc::ETIMEDOUT => ERL_TIMEOUT,
        result => result,
    }
}

/// Calls a function and waits for its result, which stands in `x` without version byte.
///
/// # Safety
/// As `ei_xrpc_to`; `x` is a live buffer from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_rpc(
    ec: *mut ei_cnode,
    fd: c_int,
    module: *mut c_char,
    function: *mut c_char,
    inbuf: *const c_char,
    inbuflen: c_int,
    x: *mut ei_x_buff,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if ei_rpc_to(ec, fd, module, function, inbuf, inbuflen) < 0 {
            return ERL_ERROR;
        }
        told(answer(fd, &[], || errno::set(libc::EAGAIN)).and_then(|(packet, at)| {
            let result = &packet[at..];
            if result.len() > (*x).buffsz.max(0) as usize || (*x).buff.is_null() {
                let buff = ei_realloc((*x).buff.cast(), result.len().max(1) as c_long);
                if buff.is_null() {
                    return Err(libc::ENOMEM);
                }
                (*x).buff = buff.cast();
                (*x).buffsz = result.len() as c_int;
            }
            ptr::copy_nonoverlapping(result.as_ptr(), (*x).buff.cast(), result.len());
            (*x).index = result.len() as c_int;
            Ok(())
        }))
    }
}
