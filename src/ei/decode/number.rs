//! Integers, floats, booleans and the version byte.

use super::super::abi::{tag, ERLANG_ASCII};
use super::super::wire::{at, be32, be64, word};
use super::{done, ei_decode_atom_as};
use std::ffi::{c_char, c_double, c_int, c_long, c_longlong, c_uint, c_ulong, c_ulonglong};
use std::ptr;

/// A decoded big integer of at most 64 bits, and the place behind it.
struct Big {
    magnitude: u64,
    negative: bool,
    end: *const u8,
}

/// `110 Size:8 Sign:8 Bytes` or `111 Size:32 Sign:8 Bytes`, when the value fits 64 bits.
#[inline(always)]
unsafe fn big(s: *const u8) -> Option<Big> {
    // SAFETY: the caller promises a whole term at `s`, which starts with one of the two tags.
    unsafe {
        let (size, body) = if *s == tag::SMALL_BIG {
            (*s.add(1) as usize, s.add(2))
        } else {
            (be32(s.add(1)) as usize, s.add(5))
        };
        let negative = *body != 0;
        let bytes = body.add(1);
        let mut magnitude = 0u64;
        if size == 8 {
            magnitude = word(bytes);
        } else if size < 8 {
            if size >= 4 {
                let low = u64::from(u32::from_le(bytes.cast::<u32>().read_unaligned()));
                let high = bytes.add(size - 4).cast::<u32>().read_unaligned();
                magnitude = low | u64::from(u32::from_le(high)) << (8 * (size - 4));
            } else {
                for i in 0..size {
                    magnitude |= u64::from(*bytes.add(i)) << (8 * i);
                }
            }
        } else {
            if size > c_int::MAX as usize - 6 {
                return None;
            }
            magnitude = word(bytes);
            for i in 8..size {
                if *bytes.add(i) != 0 {
                    return None;
                }
            }
        }
        Some(Big { magnitude, negative, end: bytes.add(size) })
    }
}

/// Stores a decoded value unless nobody wants it.
#[inline(always)]
unsafe fn tell<T>(p: *mut T, value: T) {
    if !p.is_null() {
        // SAFETY: the C caller's pointer is valid.
        unsafe { *p = value };
    }
}

/// Decodes a signed integer of 64 bits. Small ones, which nearly all are, take the short way.
#[inline(always)]
pub(super) unsafe fn signed(buf: *const c_char, index: *mut c_int, p: *mut i64) -> c_int {
    // SAFETY: the C caller promises a term at the index.
    unsafe {
        let s = at(buf, index);
        match *s {
            tag::SMALL_INTEGER => {
                tell(p, i64::from(*s.add(1)));
                *index += 2;
            }
            tag::INTEGER => {
                tell(p, i64::from(be32(s.add(1)) as i32));
                *index += 5;
            }
            _ => return signed_big(s, index, p),
        }
    }
    0
}

#[inline(never)]
unsafe fn signed_big(s: *const u8, index: *mut c_int, p: *mut i64) -> c_int {
    // SAFETY: a term stands at `s`.
    unsafe {
        if *s != tag::SMALL_BIG && *s != tag::LARGE_BIG {
            return -1;
        }
        let Some(big) = big(s) else {
            return -1;
        };
        if big.magnitude > i64::MAX as u64 + u64::from(big.negative) {
            return -1;
        }
        let value = big.magnitude as i64;
        tell(p, if big.negative { value.wrapping_neg() } else { value });
        done(index, s, big.end)
    }
}

/// Decodes an unsigned integer of 64 bits.
#[inline(always)]
unsafe fn unsigned(buf: *const c_char, index: *mut c_int, p: *mut u64) -> c_int {
    // SAFETY: the C caller promises a term at the index.
    unsafe {
        let s = at(buf, index);
        match *s {
            tag::SMALL_INTEGER => {
                tell(p, u64::from(*s.add(1)));
                *index += 2;
            }
            tag::INTEGER => {
                let value = be32(s.add(1)) as i32;
                if value < 0 {
                    return -1;
                }
                tell(p, value as u64);
                *index += 5;
            }
            _ => return unsigned_big(s, index, p),
        }
    }
    0
}

#[inline(never)]
unsafe fn unsigned_big(s: *const u8, index: *mut c_int, p: *mut u64) -> c_int {
    // SAFETY: a term stands at `s`.
    unsafe {
        if *s != tag::SMALL_BIG && *s != tag::LARGE_BIG {
            return -1;
        }
        match big(s) {
            Some(big) if !big.negative => {
                tell(p, big.magnitude);
                done(index, s, big.end)
            }
            _ => -1,
        }
    }
}

/// Decodes an integer; -1 when it does not fit a `long`.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_long(buf: *const c_char, index: *mut c_int, p: *mut c_long) -> c_int {
    #[cfg(target_pointer_width = "64")]
    // SAFETY: the caller's promise; a long has 64 bits here.
    unsafe {
        signed(buf, index, p.cast())
    }
    #[cfg(not(target_pointer_width = "64"))]
    // SAFETY: the caller's promise.
    unsafe {
        let (mut value, mut end) = (0, *index);
        if signed(buf, &mut end, &mut value) < 0 {
            return -1;
        }
        let Ok(value) = c_long::try_from(value) else {
            return -1;
        };
        if !p.is_null() {
            *p = value;
        }
        *index = end;
        0
    }
}

/// Decodes an integer; -1 when it does not fit 64 bits.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_longlong(
    buf: *const c_char,
    index: *mut c_int,
    p: *mut c_longlong,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { signed(buf, index, p) }
}

/// Decodes an integer; -1 when it is negative or does not fit an `unsigned long`.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_ulong(buf: *const c_char, index: *mut c_int, p: *mut c_ulong) -> c_int {
    #[cfg(target_pointer_width = "64")]
    // SAFETY: the caller's promise; a long has 64 bits here.
    unsafe {
        unsigned(buf, index, p.cast())
    }
    #[cfg(not(target_pointer_width = "64"))]
    // SAFETY: the caller's promise.
    unsafe {
        let (mut value, mut end) = (0, *index);
        if unsigned(buf, &mut end, &mut value) < 0 {
            return -1;
        }
        let Ok(value) = c_ulong::try_from(value) else {
            return -1;
        };
        if !p.is_null() {
            *p = value;
        }
        *index = end;
        0
    }
}

/// Decodes an integer; -1 when it is negative or does not fit 64 bits.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_ulonglong(
    buf: *const c_char,
    index: *mut c_int,
    p: *mut c_ulonglong,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { unsigned(buf, index, p) }
}

/// Decodes an integer from 0 to 255.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_char(buf: *const c_char, index: *mut c_int, p: *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        if *s != tag::SMALL_INTEGER {
            return char_of_integer(s, index, p);
        }
        tell(p, *s.add(1) as c_char);
        *index += 2;
    }
    0
}

#[inline(never)]
unsafe fn char_of_integer(s: *const u8, index: *mut c_int, p: *mut c_char) -> c_int {
    let (mut value, mut end) = (0, 0);
    // SAFETY: a term stands at `s`.
    unsafe {
        if unsigned(s.cast(), &mut end, &mut value) < 0 || value > 255 {
            return -1;
        }
        tell(p, value as c_char);
        *index += end;
    }
    0
}

/// Decodes `true` as 1 and `false` as 0.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_boolean(buf: *const c_char, index: *mut c_int, p: *mut c_int) -> c_int {
    const TRUE: u32 = u32::from_be_bytes(*b"true");
    const FALS: u32 = u32::from_be_bytes(*b"fals");
    // SAFETY: the caller's promise; an atom's bytes are looked at only after its length.
    unsafe {
        let s = at(buf, index);
        let (text, len) = match *s {
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => (s.add(2), usize::from(*s.add(1))),
            _ => return boolean_in_long_atom(buf, index, p),
        };
        let value = match len {
            4 if be32(text) == TRUE => 1,
            5 if be32(text) == FALS && *text.add(4) == b'e' => 0,
            _ => return -1,
        };
        if !p.is_null() {
            *p = value;
        }
        done(index, s, text.add(len))
    }
}

#[cold]
#[inline(never)]
unsafe fn boolean_in_long_atom(buf: *const c_char, index: *mut c_int, p: *mut c_int) -> c_int {
    let mut text = [0u8; 6];
    let mut end = 0;
    // SAFETY: the caller's promise; the array takes any atom of up to five bytes and its NUL.
    unsafe {
        end += *index;
        let dest = text.as_mut_ptr().cast();
        let (was, result) = (ptr::null_mut(), ptr::null_mut());
        let size = text.len() as c_int;
        if ei_decode_atom_as(buf, &mut end, dest, size, ERLANG_ASCII, was, result) < 0 {
            return -1;
        }
        let value = match &text {
            b"true\0\0" => 1,
            b"false\0" => 0,
            _ => return -1,
        };
        if !p.is_null() {
            *p = value;
        }
        *index = end;
    }
    0
}

/// Text of a float in the old form: 31 bytes, filled up with NUL.
const FLOAT_TEXT: usize = 31;

/// Decodes a float, from eight bytes or from text.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_double(buf: *const c_char, index: *mut c_int, p: *mut c_double) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        if *s == tag::NEW_FLOAT {
            tell(p, f64::from_bits(be64(s.add(1))));
            *index += 9;
            return 0;
        }
        if *s != tag::FLOAT {
            return -1;
        }
        let Some(value) = float_text(s.add(1)) else {
            return -1;
        };
        tell(p, value);
        *index += 1 + FLOAT_TEXT as c_int;
    }
    0
}

/// The number in an old float, read as C reads numbers.
#[cold]
#[inline(never)]
pub(super) unsafe fn float_text(s: *const u8) -> Option<f64> {
    let mut text = [0u8; FLOAT_TEXT + 1];
    // SAFETY: the caller promises 31 readable bytes; the copy ends with NUL.
    unsafe {
        ptr::copy_nonoverlapping(s, text.as_mut_ptr(), FLOAT_TEXT);
        let start = text.as_ptr().cast::<c_char>();
        let mut end = ptr::null_mut();
        let value = libc::strtod(start, &mut end);
        (!ptr::eq(end, start)).then_some(value)
    }
}

/// Decodes the version byte; `version` is told what stood there even when it was another.
///
/// # Safety
/// A byte stands at the index; `version` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_version(
    buf: *const c_char,
    index: *mut c_int,
    version: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let found = *at(buf, index);
        if !version.is_null() {
            *version = c_int::from(found);
        }
        if found != tag::VERSION {
            return -1;
        }
        *index += 1;
    }
    0
}

/// A count from the wire as an int, the type the header has for it.
#[inline(always)]
pub(super) fn int(count: c_uint) -> c_int {
    count as c_int
}
