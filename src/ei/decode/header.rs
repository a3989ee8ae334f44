//! Headers of tuples, lists and maps, and the type of the term at the index.

use super::super::abi::tag;
use super::super::wire::{at, be16, be32};
use super::done;
use super::number::int;
use std::ffi::{c_char, c_int};

#[inline(always)]
unsafe fn tell(arity: *mut c_int, value: c_int) {
    if !arity.is_null() {
        // SAFETY: the C caller's pointer is null or valid.
        unsafe { *arity = value };
    }
}

/// Decodes the header of a tuple; the elements follow.
///
/// # Safety
/// A term stands at the index; `arity` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_tuple_header(
    buf: *const c_char,
    index: *mut c_int,
    arity: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        match *s {
            tag::SMALL_TUPLE => {
                tell(arity, c_int::from(*s.add(1)));
                done(index, s, s.add(2))
            }
            tag::LARGE_TUPLE => {
                tell(arity, int(be32(s.add(1))));
                done(index, s, s.add(5))
            }
            _ => -1,
        }
    }
}

/// Decodes the header of a list; the elements and, unless it is empty, the tail follow.
///
/// # Safety
/// A term stands at the index; `arity` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_list_header(
    buf: *const c_char,
    index: *mut c_int,
    arity: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        match *s {
            tag::LIST => {
                tell(arity, int(be32(s.add(1))));
                done(index, s, s.add(5))
            }
            tag::NIL => {
                tell(arity, 0);
                done(index, s, s.add(1))
            }
            _ => -1,
        }
    }
}

/// Decodes the header of a map; keys and values follow in turn.
///
/// # Safety
/// A term stands at the index; `arity` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_map_header(
    buf: *const c_char,
    index: *mut c_int,
    arity: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        if *s != tag::MAP {
            return -1;
        }
        tell(arity, int(be32(s.add(1))));
        done(index, s, s.add(5))
    }
}

/// What stands at the index: one tag for all forms of a kind, and the length where a kind has one, else 0.
///
/// # Safety
/// A term stands at the index; `kind` and `len` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_get_type(
    buf: *const c_char,
    index: *const c_int,
    kind: *mut c_int,
    len: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let (found, size) = match *s {
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => (tag::ATOM, c_int::from(*s.add(1))),
            tag::ATOM | tag::ATOM_UTF8 => (tag::ATOM, c_int::from(be16(s.add(1)))),
            found @ (tag::SMALL_TUPLE | tag::SMALL_BIG) => (found, c_int::from(*s.add(1))),
            tag::STRING => (tag::STRING, c_int::from(be16(s.add(1)))),
            found @ (tag::LARGE_TUPLE
            | tag::LIST
            | tag::MAP
            | tag::BINARY
            | tag::BIT_BINARY
            | tag::LARGE_BIG) => (found, int(be32(s.add(1)))),
            tag::NEW_FLOAT => (tag::FLOAT, 0),
            tag::NEW_PID => (tag::PID, 0),
            tag::V4_PORT | tag::NEW_PORT => (tag::PORT, 0),
            tag::NEWER_REFERENCE => (tag::NEW_REFERENCE, 0),
            found => (found, 0),
        };
        *kind = c_int::from(found);
        *len = size;
    }
    0
}
