//! Messages as debug output, for trace level 4 and for programs that call these functions by themselves.

use super::abi::*;
use super::decode::{
    ei_decode_atom, ei_decode_atom_as, ei_decode_bitstring, ei_decode_double, ei_decode_long, ei_decode_pid,
    ei_decode_port, ei_decode_ref, ei_decode_trace, ei_decode_tuple_header, ei_get_type, ei_skip_term,
};
use super::print::{c_text, Out, Target};
use super::wire::{be16, be32};
use std::ffi::{c_char, c_int, c_long};
use std::fmt::Write;
use std::mem::MaybeUninit;
use std::ptr;

/// `write!` into an [`Out`], which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        let _ = write!($out, $($arg)*);
    }};
}

extern "C" {
    static mut stderr: *mut libc::FILE;
}

/// A packet that is being sent, to standard error.
pub(super) unsafe fn sent(header: *const c_char, payload: *const c_char) {
    // SAFETY: the stream is C's own; the header was just built.
    unsafe { ei_show_sendmsg((&raw const stderr).read(), header, payload) };
}

/// A message that was received, to standard error.
pub(super) unsafe fn received(msg: *mut erlang_msg, payload: *mut c_char) {
    // SAFETY: the stream is C's own; the message was just decoded.
    unsafe { ei_show_recmsg((&raw const stderr).read(), msg, payload) };
}

/// Shows a received message.
///
/// # Safety
/// `stream` is live, `msg` decoded, and `buf` its payload.
#[no_mangle]
pub unsafe extern "C" fn ei_show_recmsg(stream: *mut libc::FILE, msg: *mut erlang_msg, buf: *mut c_char) {
    // SAFETY: the caller's promise.
    unsafe { message(&mut Out::new(Target::File(stream)), "<- ", msg, buf) };
}

/// Shows a packet as it is sent: `header` starts with its length, `msgbuf` is the payload. -1 when it is none.
///
/// # Safety
/// `stream` is live, `header` a whole control message, and `msgbuf` a whole term or null where there is none.
#[no_mangle]
pub unsafe extern "C" fn ei_show_sendmsg(
    stream: *mut libc::FILE,
    header: *const c_char,
    msgbuf: *const c_char,
) -> c_int {
    let mut msg = MaybeUninit::<erlang_msg>::zeroed();
    let msg = msg.as_mut_ptr();
    // Behind the length, the pass-through byte and the version.
    let (mut index, mut arity) = (6, 0);
    let size = MAXATOMLEN_UTF8 as c_int;
    let none = ptr::null_mut();
    // SAFETY: the caller's promise; zeros are a valid message.
    unsafe {
        let i = &mut index;
        let atom = |to: *mut [c_char; MAXATOMLEN_UTF8], i: &mut c_int| {
            ei_decode_atom_as(header, i, to.cast(), size, ERLANG_UTF8, none, none)
        };
        if *header.add(5) as u8 != tag::VERSION
            || ei_decode_tuple_header(header, i, &mut arity) < 0
            || ei_decode_long(header, i, &raw mut (*msg).msgtype) < 0
        {
            return -1;
        }
        let kind = (*msg).msgtype;
        let (from, to) = (&raw mut (*msg).from, &raw mut (*msg).to);
        let decoded = match kind {
            2 | 12 => atom(&raw mut (*msg).cookie, i) == 0 && ei_decode_pid(header, i, to) == 0,
            6 | 16 => {
                ei_decode_pid(header, i, from) == 0
                    && atom(&raw mut (*msg).cookie, i) == 0
                    && atom(&raw mut (*msg).toname, i) == 0
            }
            1 | 3 | 4 | 7 | 8 | 13 | 18 => {
                ei_decode_pid(header, i, from) == 0 && ei_decode_pid(header, i, to) == 0
            }
            _ => true,
        };
        let traced = matches!(kind, 12 | 13 | 16 | 18);
        if !decoded || traced && ei_decode_trace(header, i, &raw mut (*msg).token) < 0 {
            return -1;
        }
        let inside = matches!(kind, 3 | 8 | 13 | 18) && msgbuf.is_null();
        let payload = if inside { header.offset(index as isize) } else { msgbuf };
        message(&mut Out::new(Target::File(stream)), "-> ", msg, payload);
    }
    0
}

unsafe fn pid(out: &mut Out, pid: *const erlang_pid) {
    // SAFETY: the caller's pid is decoded.
    unsafe {
        out.bytes(b"#Pid<");
        out.bytes(c_text((&raw const (*pid).node).cast()));
        put!(out, ".{}.{}.{}>", (*pid).num, (*pid).serial, (*pid).creation);
    }
}

/// One message: what it is, who is concerned, and its payload.
unsafe fn message(out: &mut Out, arrow: &str, msg: *const erlang_msg, payload: *const c_char) {
    // SAFETY: the caller's message is decoded.
    unsafe {
        let kind = (*msg).msgtype;
        let (name, has_from, has_to, payload_name) = match kind {
            1 => ("LINK", true, true, None),
            2 => ("SEND", false, true, Some("")),
            3 => ("EXIT", true, true, Some("Reason: ")),
            4 => ("UNLINK", true, true, None),
            6 => ("REG_SEND", true, false, Some("")),
            7 => ("GROUP_LEADER", true, true, None),
            8 => ("EXIT2", true, true, Some("Reason: ")),
            12 => ("SEND_TT", false, true, Some("")),
            13 => ("EXIT_TT", true, true, Some("Reason: ")),
            16 => ("REG_SEND_TT", true, false, Some("")),
            18 => ("EXIT2_TT", true, true, Some("Reason: ")),
            _ => {
                put!(out, "{arrow}Unknown message type: {kind}\n");
                return;
            }
        };
        put!(out, "{arrow}{name}");
        if has_from {
            out.bytes(b" From: ");
            pid(out, &raw const (*msg).from);
        }
        out.bytes(b" To: ");
        if has_to {
            pid(out, &raw const (*msg).to);
        } else {
            out.bytes(c_text((&raw const (*msg).toname).cast()));
        }
        if kind > 10 {
            let token = &raw const (*msg).token;
            let (label, flags) = ((*token).label, (*token).flags);
            let (serial, prev) = ((*token).serial, (*token).prev);
            put!(out, "\n   Trace: Label: {label}, Flags: 0x{flags:x} serial: {serial}, ");
            put!(out, "prev: {prev} From: ");
            pid(out, &raw const (*token).from);
        }
        if let Some(payload_name) = payload_name {
            put!(out, "\n   {payload_name}");
            if !payload.is_null() {
                term(out, payload);
            }
        }
        out.bytes(b"\n");
    }
}

/// A term in brief; stops at the first one that is unknown. Walks with a stack of its own.
unsafe fn term(out: &mut Out, buf: *const c_char) {
    // Elements left, what closes them, and whether a tail follows that is not shown.
    let mut open: Vec<(u32, &[u8], bool)> = Vec::new();
    let mut index = 0;
    // SAFETY: the caller promises a whole term.
    unsafe {
        if *buf as u8 == tag::VERSION {
            index = 1;
        }
        loop {
            let s = buf.offset(index as isize).cast::<u8>();
            match *s {
                tag::SMALL_TUPLE | tag::LARGE_TUPLE => {
                    let mut arity = 0;
                    ei_decode_tuple_header(buf, &mut index, &mut arity);
                    out.bytes(b"{");
                    open.push((arity.max(0) as u32, b"}", false));
                }
                tag::LIST => {
                    out.bytes(b"[");
                    open.push((be32(s.add(1)), b"]", true));
                    index += 5;
                }
                _ if !leaf(out, buf, &mut index) => return,
                _ => {
                    if let Some((left, ..)) = open.last() {
                        if *left > 0 {
                            out.bytes(b", ");
                        }
                    }
                }
            }
            loop {
                let Some((left, close, tail)) = open.last_mut() else {
                    return;
                };
                if *left > 0 {
                    *left -= 1;
                    break;
                }
                out.bytes(close);
                if *tail && ei_skip_term(buf, &mut index) < 0 {
                    return;
                }
                open.pop();
                if open.last().is_some_and(|(left, ..)| *left > 0) {
                    out.bytes(b", ");
                }
            }
        }
    }
}

/// A term without elements; false when it is unknown.
unsafe fn leaf(out: &mut Out, buf: *const c_char, index: &mut c_int) -> bool {
    let (mut kind, mut len) = (0, 0);
    // SAFETY: the caller promises a whole term; structs are looked at only when they were decoded.
    unsafe {
        let s = buf.offset(*index as isize).cast::<u8>();
        ei_get_type(buf, index, &mut kind, &mut len);
        match kind as u8 {
            tag::ATOM => {
                let mut text = [0 as c_char; MAXATOMLEN];
                if ei_decode_atom(buf, index, text.as_mut_ptr()) < 0 {
                    return false;
                }
                out.bytes(c_text(text.as_ptr()));
                true
            }
            tag::STRING => {
                let text = std::slice::from_raw_parts(s.add(3), usize::from(be16(s.add(1))));
                if text.iter().all(|&c| (0x20..0x7F).contains(&c)) {
                    out.bytes(b"\"");
                    out.bytes(text);
                    out.bytes(b"\"");
                } else {
                    let numbers: Vec<String> =
                        text.iter().map(|&c| i32::from(c as c_char).to_string()).collect();
                    put!(out, "[{}]", numbers.join(", "));
                }
                *index += 3 + text.len() as c_int;
                true
            }
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => {
                let mut value: c_long = 0;
                if ei_decode_long(buf, index, &mut value) == 0 {
                    put!(out, "{value}");
                    return true;
                }
                out.bytes(b"#Bignum");
                ei_skip_term(buf, index) == 0
            }
            tag::FLOAT => {
                let mut value = 0.0;
                let decoded = ei_decode_double(buf, index, &mut value) == 0;
                out.float(value);
                decoded
            }
            tag::PID => {
                let mut value = MaybeUninit::<erlang_pid>::uninit();
                if ei_decode_pid(buf, index, value.as_mut_ptr()) < 0 {
                    return false;
                }
                pid(out, value.as_ptr());
                true
            }
            tag::PORT => {
                let mut value = MaybeUninit::<erlang_port>::uninit();
                if ei_decode_port(buf, index, value.as_mut_ptr()) < 0 {
                    return false;
                }
                let port = value.assume_init_ref();
                out.bytes(b"#Port<");
                out.bytes(c_text(port.node.as_ptr()));
                put!(out, ".{}.{}>", port.id, port.creation);
                true
            }
            tag::NEW_REFERENCE | tag::REFERENCE => {
                let mut value = MaybeUninit::<erlang_ref>::zeroed();
                if ei_decode_ref(buf, index, value.as_mut_ptr()) < 0 {
                    return false;
                }
                let reference = value.assume_init_ref();
                out.bytes(b"#Ref<");
                out.bytes(c_text(reference.node.as_ptr()));
                for word in &reference.n[..reference.len as usize] {
                    put!(out, ".{word}");
                }
                put!(out, ".{}>", reference.creation);
                true
            }
            tag::NIL => {
                out.bytes(b"[]");
                *index += 1;
                true
            }
            tag::BINARY => {
                put!(out, "#Bin<{len}>");
                ei_skip_term(buf, index) == 0
            }
            tag::BIT_BINARY => {
                let mut bits = 0;
                let (body, offset) = (ptr::null_mut(), ptr::null_mut());
                let decoded = ei_decode_bitstring(buf, index, body, offset, &mut bits) == 0;
                put!(out, "#Bits<{bits}>");
                decoded
            }
            _ => {
                put!(out, "#Unknown<{kind}.{len}>");
                false
            }
        }
    }
}
