//! `ei_decode_ei_term`: one call that decodes any small term and says what it was.

use super::super::abi::{ei_term, tag};
use super::super::wire::{at, be16, be32};
use super::number::int;
use super::{ei_decode_atom, ei_decode_double, ei_decode_pid, ei_decode_port, ei_decode_ref};
use std::ffi::{c_char, c_int, c_long};
use std::ptr;

/// Decodes a small term into `term`: 1 decoded and the index moved, 0 valid but for the caller to decode, -1 error.
///
/// # Safety
/// A term stands at the index; `term` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_ei_term(
    buf: *const c_char,
    index: *mut c_int,
    term: *mut ei_term,
) -> c_int {
    if term.is_null() {
        return -1;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        (*term).ei_type = *s as c_char;
        if *s == tag::INTEGER {
            (*term).value.i_val = c_long::from(be32(s.add(1)) as i32);
            *index += 5;
            return 1;
        }
        let size = match *s {
            tag::SMALL_INTEGER => {
                (*term).value.i_val = c_long::from(*s.add(1));
                2
            }
            tag::SMALL_TUPLE => {
                (*term).arity = c_int::from(*s.add(1));
                2
            }
            tag::LARGE_TUPLE | tag::LIST | tag::MAP => {
                (*term).arity = int(be32(s.add(1)));
                5
            }
            tag::NIL => {
                (*term).arity = 0;
                1
            }
            tag::STRING => {
                (*term).size = c_int::from(be16(s.add(1)));
                return 0;
            }
            tag::BINARY => {
                (*term).size = int(be32(s.add(1)));
                return 0;
            }
            tag::BIT_BINARY => {
                let (size, last) = (be32(s.add(1)), *s.add(5));
                if (last == 0) != (size == 0) || last > 8 {
                    return -1;
                }
                (*term).size = int(size);
                return 0;
            }
            tag::SMALL_BIG => match four_byte_big(s, term) {
                Some(size) => size,
                None => return -1,
            },
            tag::LARGE_BIG | tag::PASS_THROUGH => return 0,
            kind => return whole(kind, buf, index, term),
        };
        *index += size;
    }
    1
}

/// `110 4 Sign Value:32` with a value that fits an int of C.
unsafe fn four_byte_big(s: *const u8, term: *mut ei_term) -> Option<c_int> {
    // SAFETY: as in `ei_decode_ei_term`.
    unsafe {
        (*term).arity = c_int::from(*s.add(1));
        if (*term).arity != 4 {
            return None;
        }
        let negative = *s.add(2) != 0;
        let magnitude = i64::from(u32::from_le(s.add(3).cast::<u32>().read_unaligned()));
        if magnitude > i64::from(i32::MAX) || negative && magnitude == 0 {
            return None;
        }
        let value = if negative { -magnitude } else { magnitude };
        (*term).value.i_val = value as c_long;
        Some(7)
    }
}

/// Kinds that have a decoder of their own.
unsafe fn whole(kind: u8, buf: *const c_char, index: *mut c_int, term: *mut ei_term) -> c_int {
    // SAFETY: as in `ei_decode_ei_term`; each decoder writes only its own member.
    unsafe {
        let value = ptr::addr_of_mut!((*term).value);
        let (normal, result) = match kind {
            tag::FLOAT | tag::NEW_FLOAT => (tag::FLOAT, ei_decode_double(buf, index, value.cast())),
            tag::ATOM | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::SMALL_ATOM_UTF8 => {
                (tag::ATOM, ei_decode_atom(buf, index, value.cast()))
            }
            tag::REFERENCE | tag::NEW_REFERENCE | tag::NEWER_REFERENCE => {
                (tag::NEW_REFERENCE, ei_decode_ref(buf, index, value.cast()))
            }
            tag::PORT | tag::NEW_PORT => (tag::PORT, ei_decode_port(buf, index, value.cast())),
            tag::PID | tag::NEW_PID => (tag::PID, ei_decode_pid(buf, index, value.cast())),
            _ => return -1,
        };
        (*term).ei_type = normal as c_char;
        if result < 0 {
            -1
        } else {
            1
        }
    }
}
