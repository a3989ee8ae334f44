//! Pids, ports, references and trace tokens, in their old and new forms.

use super::super::abi::{erlang_pid, erlang_port, erlang_ref, erlang_trace, tag};
use super::super::wire::{at, be16, be32, be64};
use super::atom::node;
use super::{done, ei_decode_long, ei_decode_tuple_header};
use std::ffi::{c_char, c_int, c_uint};
use std::ptr;

/// Old forms have two bits of creation.
#[inline(always)]
unsafe fn old_creation(s: *const u8) -> c_uint {
    // SAFETY: the caller promises a byte.
    unsafe { c_uint::from(*s) & 3 }
}

/// The place behind the pid at `s`, whose contents go to `p` unless that is null.
#[inline(always)]
pub(super) unsafe fn pid(s: *const u8, p: *mut erlang_pid) -> Option<*const u8> {
    // SAFETY: the caller promises a term at `s`; a pid's numbers follow its node.
    unsafe {
        let old = match *s {
            tag::NEW_PID => false,
            tag::PID => true,
            _ => return None,
        };
        if p.is_null() {
            let numbers = node(s.add(1), ptr::null_mut())?;
            return Some(numbers.add(if old { 9 } else { 12 }));
        }
        let numbers = node(s.add(1), ptr::addr_of_mut!((*p).node).cast())?;
        (*p).num = be32(numbers);
        (*p).serial = be32(numbers.add(4));
        if old {
            (*p).creation = old_creation(numbers.add(8));
            return Some(numbers.add(9));
        }
        (*p).creation = be32(numbers.add(8));
        Some(numbers.add(12))
    }
}

/// The place behind the port at `s`, whose contents go to `p` unless that is null.
#[inline(always)]
pub(super) unsafe fn port(s: *const u8, p: *mut erlang_port) -> Option<*const u8> {
    // SAFETY: the caller promises a term at `s`; a port's numbers follow its node.
    unsafe {
        let kind = *s;
        let size = match kind {
            tag::V4_PORT => 12,
            tag::NEW_PORT => 8,
            tag::PORT => 5,
            _ => return None,
        };
        if p.is_null() {
            return Some(node(s.add(1), ptr::null_mut())?.add(size));
        }
        let numbers = node(s.add(1), ptr::addr_of_mut!((*p).node).cast())?;
        match kind {
            tag::V4_PORT => {
                (*p).id = be64(numbers);
                (*p).creation = be32(numbers.add(8));
            }
            tag::NEW_PORT => {
                (*p).id = u64::from(be32(numbers));
                (*p).creation = be32(numbers.add(4));
            }
            _ => {
                (*p).id = u64::from(be32(numbers));
                (*p).creation = old_creation(numbers.add(4));
            }
        }
        Some(numbers.add(size))
    }
}

/// Words a reference struct has room for.
const MAX_WORDS: usize = 5;

/// The place behind the reference at `s`, whose contents go to `p` unless that is null.
#[inline(always)]
pub(super) unsafe fn reference(s: *const u8, p: *mut erlang_ref) -> Option<*const u8> {
    // SAFETY: the caller promises a term at `s`; a reference's numbers follow its node.
    unsafe {
        let old = match *s {
            tag::NEWER_REFERENCE => false,
            tag::NEW_REFERENCE => true,
            tag::REFERENCE => return oldest_reference(s, p),
            _ => return None,
        };
        let count = usize::from(be16(s.add(1)));
        if count > MAX_WORDS {
            return None;
        }
        if p.is_null() {
            let numbers = node(s.add(3), ptr::null_mut())?;
            return Some(numbers.add(if old { 1 } else { 4 } + 4 * count));
        }
        let mut numbers = node(s.add(3), ptr::addr_of_mut!((*p).node).cast())?;
        (*p).len = count as c_int;
        if old {
            (*p).creation = old_creation(numbers);
            numbers = numbers.add(1);
        } else {
            (*p).creation = be32(numbers);
            numbers = numbers.add(4);
        }
        let words = ptr::addr_of_mut!((*p).n).cast::<c_uint>();
        for i in 0..MAX_WORDS {
            *words.add(i) = if i < count { be32(numbers.add(4 * i)) } else { 0 };
        }
        Some(numbers.add(4 * count))
    }
}

/// `101 Node Id:32 Creation:8`, one word; leaves the other words of the struct alone.
#[cold]
#[inline(never)]
unsafe fn oldest_reference(s: *const u8, p: *mut erlang_ref) -> Option<*const u8> {
    // SAFETY: as in `reference`.
    unsafe {
        if p.is_null() {
            return Some(node(s.add(1), ptr::null_mut())?.add(5));
        }
        let numbers = node(s.add(1), ptr::addr_of_mut!((*p).node).cast())?;
        (*p).n[0] = be32(numbers);
        (*p).len = 1;
        (*p).creation = old_creation(numbers.add(4));
        Some(numbers.add(5))
    }
}

#[inline(always)]
unsafe fn finish(index: *mut c_int, start: *const u8, end: Option<*const u8>) -> c_int {
    match end {
        // SAFETY: both pointers are into the C caller's buffer.
        Some(end) => unsafe { done(index, start, end) },
        None => -1,
    }
}

/// Decodes a pid.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_pid(buf: *const c_char, index: *mut c_int, p: *mut erlang_pid) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        finish(index, s, pid(s, p))
    }
}

/// Decodes a port.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_port(buf: *const c_char, index: *mut c_int, p: *mut erlang_port) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        finish(index, s, port(s, p))
    }
}

/// Decodes a reference of up to five words.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_ref(buf: *const c_char, index: *mut c_int, p: *mut erlang_ref) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        finish(index, s, reference(s, p))
    }
}

/// Decodes a trace token, `{Flags, Label, Serial, From, Prev}`.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_trace(
    buf: *const c_char,
    index: *mut c_int,
    p: *mut erlang_trace,
) -> c_int {
    let mut arity = 0;
    // SAFETY: the caller's promise; members of a null token are null too.
    unsafe {
        let (mut flags, mut label, mut serial, mut prev) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let mut from = ptr::null_mut();
        if !p.is_null() {
            flags = ptr::addr_of_mut!((*p).flags);
            label = ptr::addr_of_mut!((*p).label);
            serial = ptr::addr_of_mut!((*p).serial);
            prev = ptr::addr_of_mut!((*p).prev);
            from = ptr::addr_of_mut!((*p).from);
        }
        let mut end = *index;
        if ei_decode_tuple_header(buf, &mut end, &mut arity) < 0
            || arity != 5
            || ei_decode_long(buf, &mut end, flags) < 0
            || ei_decode_long(buf, &mut end, label) < 0
            || ei_decode_long(buf, &mut end, serial) < 0
            || ei_decode_pid(buf, &mut end, from) < 0
            || ei_decode_long(buf, &mut end, prev) < 0
        {
            return -1;
        }
        *index = end;
    }
    0
}
