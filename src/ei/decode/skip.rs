//! Skipping a term: one loop and a counter, so that no depth of nesting touches the stack.

use super::super::abi::tag;
use super::super::wire::{at, be16, be32};
use super::atom::node;
use super::fun::{closure_head, new_closure_head};
use super::number::float_text;
use super::text::fits;
use super::{done, ei_decode_long, ids};
use std::ffi::{c_char, c_int};
use std::ptr;

/// Longest atom text a skip accepts, in bytes.
const MAX_ATOM: usize = super::super::abi::MAXATOMLEN_UTF8 - 1;

/// Moves the index behind the term.
///
/// # Safety
/// A term stands at the index.
#[no_mangle]
pub unsafe extern "C" fn ei_skip_term(buf: *const c_char, index: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        match terms(s, 1) {
            Some(end) => done(index, s, end),
            None => -1,
        }
    }
}

/// The place behind the next `left` terms.
///
/// # Safety
/// That many terms stand at `s`.
pub(super) unsafe fn terms(mut s: *const u8, mut left: u64) -> Option<*const u8> {
    while left > 0 {
        left -= 1;
        // SAFETY: the caller promises whole terms.
        unsafe {
            match *s {
                tag::SMALL_INTEGER => s = s.add(2),
                tag::INTEGER => s = s.add(5),
                tag::NEW_FLOAT => s = s.add(9),
                tag::NIL => s = s.add(1),
                tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => s = s.add(2 + *s.add(1) as usize),
                tag::ATOM_UTF8 | tag::ATOM => {
                    let len = usize::from(be16(s.add(1)));
                    if len > MAX_ATOM {
                        return None;
                    }
                    s = s.add(3 + len);
                }
                tag::STRING => s = s.add(3 + be16(s.add(1)) as usize),
                tag::BINARY => s = s.add(5).add(length(s)?),
                tag::SMALL_TUPLE => {
                    left += u64::from(*s.add(1));
                    s = s.add(2);
                }
                tag::LIST => {
                    left += length(s)? as u64 + 1;
                    s = s.add(5);
                }
                tag::LARGE_TUPLE => {
                    left += length(s)? as u64;
                    s = s.add(5);
                }
                tag::MAP => {
                    left += 2 * length(s)? as u64;
                    s = s.add(5);
                }
                tag::SMALL_BIG => s = s.add(3 + *s.add(1) as usize),
                tag::LARGE_BIG => s = s.add(6).add(length(s)?),
                tag::NEW_PID | tag::PID => s = ids::pid(s, ptr::null_mut())?,
                tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                    s = ids::reference(s, ptr::null_mut())?;
                }
                tag::V4_PORT | tag::NEW_PORT | tag::PORT => s = ids::port(s, ptr::null_mut())?,
                _ => {
                    let (end, more) = rare(s)?;
                    s = end;
                    left += more;
                }
            }
        }
    }
    Some(s)
}

/// The 32-bit length behind the tag, when the index can move by it.
#[inline(always)]
unsafe fn length(s: *const u8) -> Option<usize> {
    // SAFETY: the caller promises a term with such a length.
    let len = unsafe { be32(s.add(1)) };
    fits(len).then_some(len as usize)
}

/// Kinds that seldom come: the place behind their own part, and how many terms follow that belong to them.
#[cold]
#[inline(never)]
unsafe fn rare(s: *const u8) -> Option<(*const u8, u64)> {
    // SAFETY: the caller promises a whole term.
    unsafe {
        match *s {
            tag::BIT_BINARY => {
                let (len, last) = (length(s)?, *s.add(5));
                if (last == 0) != (len == 0) || last > 8 {
                    return None;
                }
                Some((s.add(6 + len), 0))
            }
            tag::FLOAT => float_text(s.add(1)).map(|_| (s.add(32), 0)),
            tag::EXPORT => {
                let name = node(s.add(1), ptr::null_mut())?;
                let arity = node(name, ptr::null_mut())?;
                Some((integer(arity)?, 0))
            }
            tag::NEW_FUN => {
                let head = new_closure_head(s, ptr::null_mut())?;
                Some((head.end, head.variables))
            }
            tag::FUN => {
                let head = closure_head(s, ptr::null_mut())?;
                Some((head.end, head.variables))
            }
            _ => None,
        }
    }
}

/// The place behind the integer at `s`.
pub(super) unsafe fn integer(s: *const u8) -> Option<*const u8> {
    let mut end = 0;
    // SAFETY: the caller promises a term.
    unsafe {
        if ei_decode_long(s.cast(), &mut end, ptr::null_mut()) < 0 {
            return None;
        }
        Some(s.add(end as usize))
    }
}
