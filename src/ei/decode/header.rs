//! Headers of tuples, lists and maps, and the type of the term at the index.

use super::super::abi::tag;
use super::super::wire::{at, be16, be32};
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
        let start = *index;
        let s = at(buf, index);
        let found = *s;
        if found == tag::SMALL_TUPLE {
            *index = start + 2;
            tell(arity, c_int::from(*s.add(1)));
            return 0;
        }
        if found != tag::LARGE_TUPLE {
            return -1;
        }
        *index = start + 5;
        tell(arity, int(be32(s.add(1))));
    }
    0
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
        let start = *index;
        let s = at(buf, index);
        let found = *s;
        if found == tag::LIST {
            *index = start + 5;
            tell(arity, int(be32(s.add(1))));
            return 0;
        }
        if found != tag::NIL {
            return -1;
        }
        *index = start + 1;
        tell(arity, 0);
    }
    0
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
        let start = *index;
        let s = at(buf, index);
        if *s != tag::MAP {
            return -1;
        }
        *index = start + 5;
        tell(arity, int(be32(s.add(1))));
    }
    0
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
        let [found, width] = TYPES[usize::from(*s)];
        *kind = c_int::from(found);
        *len = match width {
            0 => 0,
            1 => c_int::from(*s.add(1)),
            2 => c_int::from(be16(s.add(1))),
            _ => int(be32(s.add(1))),
        };
    }
    0
}

/// For each first byte: the tag that stands for its kind, and how many bytes of length follow.
static TYPES: [[u8; 2]; 256] = types();

const fn types() -> [[u8; 2]; 256] {
    let mut types = [[0; 2]; 256];
    let mut i = 0;
    while i < 256 {
        let kind = i as u8;
        types[i] = match kind {
            tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => [tag::ATOM, 1],
            tag::ATOM | tag::ATOM_UTF8 => [tag::ATOM, 2],
            tag::SMALL_TUPLE | tag::SMALL_BIG => [kind, 1],
            tag::STRING => [kind, 2],
            tag::LARGE_TUPLE | tag::LIST | tag::MAP => [kind, 4],
            tag::BINARY | tag::BIT_BINARY | tag::LARGE_BIG => [kind, 4],
            tag::NEW_FLOAT => [tag::FLOAT, 0],
            tag::NEW_PID => [tag::PID, 0],
            tag::V4_PORT | tag::NEW_PORT => [tag::PORT, 0],
            tag::NEWER_REFERENCE => [tag::NEW_REFERENCE, 0],
            _ => [kind, 0],
        };
        i += 1;
    }
    types
}
