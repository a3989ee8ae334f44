//! Big integers: `erlang_big` holds 16-bit digits, least significant first, in memory from `malloc`.

use super::abi::{ei_x_buff, erlang_big, tag};
use super::encode::{flat, grown, Item};
use super::wire::{at, be32, put32, put8};
use std::ffi::{c_char, c_double, c_int, c_uint};
use std::io::Write;
use std::ptr;

/// The index is an int: longer numbers cannot stand behind it.
const MAX_BYTES: u32 = c_int::MAX as u32 - 6;

/// Digits of 16 bits needed for a number of bytes.
#[inline(always)]
fn digits(bytes: c_uint) -> usize {
    (bytes as usize).div_ceil(2)
}

/// The digits of a number.
///
/// # Safety
/// `b` is a live number; the slice lives as long as it does.
unsafe fn digits_of<'a>(b: *const erlang_big) -> &'a [u16] {
    // SAFETY: the caller's promise: `digits` has room for `arity` bytes, in whole digits.
    unsafe {
        if (*b).arity == 0 || (*b).digits.is_null() {
            return &[];
        }
        std::slice::from_raw_parts((*b).digits.cast(), digits((*b).arity))
    }
}

/// `110 Size:8 Sign:8 Bytes` or `111 Size:32 Sign:8 Bytes`
#[derive(Clone, Copy)]
struct Big(*const erlang_big);

impl Item for Big {
    unsafe fn room(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        let bytes = unsafe { (*self.0).arity };
        let head = if bytes < 256 { 3 } else { 6 };
        (bytes <= MAX_BYTES).then_some(head + bytes as usize)
    }

    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable; the digits cover `arity` bytes.
        unsafe {
            let bytes = (*self.0).arity;
            let mut body;
            if bytes < 256 {
                body = put8(put8(to, tag::SMALL_BIG), bytes as u8);
            } else if bytes <= MAX_BYTES {
                body = put32(put8(to, tag::LARGE_BIG), bytes);
            } else {
                return ptr::null_mut();
            }
            body = put8(body, (*self.0).is_neg as u8);
            let from = (*self.0).digits.cast::<u16>();
            for i in 0..bytes as usize {
                let digit = from.add(i / 2).read();
                *body.add(i) = (digit >> (8 * (i % 2))) as u8;
            }
            body.add(bytes as usize)
        }
    }
}

/// Encodes a big integer.
///
/// # Safety
/// `big` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_big(buf: *mut c_char, index: *mut c_int, big: *mut erlang_big) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Big(big)) }
}

/// Appends a big integer.
///
/// # Safety
/// `x` is a live buffer and `big` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_big(x: *mut ei_x_buff, big: *mut erlang_big) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Big(big)) }
}

/// Decodes a big integer into a number allocated for exactly its bytes; `b` may be null to skip it.
///
/// # Safety
/// A term stands at the index; `b` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_big(buf: *const c_char, index: *mut c_int, b: *mut erlang_big) -> c_int {
    // SAFETY: the caller's promise; digits are written only when they have the size of the term's.
    unsafe {
        let s = at(buf, index);
        let (bytes, body) = match *s {
            tag::SMALL_BIG => (u32::from(*s.add(1)), s.add(2)),
            tag::LARGE_BIG => (be32(s.add(1)), s.add(5)),
            _ => return -1,
        };
        if bytes > MAX_BYTES {
            return -1;
        }
        if !b.is_null() {
            if (*b).arity != bytes {
                return -1;
            }
            (*b).is_neg = c_int::from(*body);
            let to = (*b).digits.cast::<u16>();
            let whole = bytes as usize / 2;
            for i in 0..whole {
                let digit = body.add(1 + 2 * i).cast::<u16>().read_unaligned();
                to.add(i).write(u16::from_le(digit));
            }
            if bytes % 2 == 1 {
                to.add(whole).write(u16::from(*body.add(bytes as usize)));
            }
        }
        *index += body.offset_from(s) as c_int + 1 + bytes as c_int;
    }
    0
}

/// A zero of `bytes` bytes. Free with `ei_free_big`.
#[no_mangle]
pub extern "C" fn ei_alloc_big(bytes: c_uint) -> *mut erlang_big {
    // SAFETY: both allocations are checked before they are used.
    unsafe {
        let big = libc::calloc(1, size_of::<erlang_big>()).cast::<erlang_big>();
        if big.is_null() {
            return big;
        }
        (*big).digits = libc::calloc(digits(bytes).max(1), 2);
        if (*big).digits.is_null() {
            libc::free(big.cast());
            return ptr::null_mut();
        }
        (*big).arity = bytes;
        big
    }
}

/// Releases a number; null is fine.
///
/// # Safety
/// `b` is null or came from `ei_alloc_big`, and is not freed twice.
#[no_mangle]
pub unsafe extern "C" fn ei_free_big(b: *mut erlang_big) {
    if b.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        libc::free((*b).digits);
        libc::free(b.cast());
    }
}

/// Compares two numbers: negative, 0 or positive.
///
/// # Safety
/// Both are live numbers.
#[no_mangle]
pub unsafe extern "C" fn ei_big_comp(x: *mut erlang_big, y: *mut erlang_big) -> c_int {
    // SAFETY: the caller's promise.
    let (a, b, a_neg, b_neg) = unsafe { (digits_of(x), digits_of(y), (*x).is_neg, (*y).is_neg) };
    if a_neg != b_neg {
        return if a_neg != 0 { -1 } else { 1 };
    }
    let order = a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()));
    if a_neg != 0 {
        -(order as c_int)
    } else {
        order as c_int
    }
}

/// Converts to a float; -1 (and a line on standard error, as ever) when it is too large for one.
///
/// # Safety
/// `b` is a live number and `resp` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_big_to_double(b: *mut erlang_big, resp: *mut c_double) -> c_int {
    let (mut value, mut base) = (0.0, 1.0);
    // SAFETY: the caller's promise.
    unsafe {
        for &digit in digits_of(b) {
            let next = f64::from(digit) * base + value;
            if !next.is_finite() {
                // Nothing can be done about a standard error that is closed.
                let _ = std::io::stderr().write_all(b"\r\n### fp exception ###\r\n");
                return -1;
            }
            value = next;
            base *= 65536.0;
        }
        *resp = if (*b).is_neg != 0 { -value } else { value };
    }
    0
}

/// Stores an int in a number of at least three bytes. The digits of a negative one are its two's complement.
///
/// # Safety
/// `b` is a live number.
#[no_mangle]
pub unsafe extern "C" fn ei_small_to_big(s: c_int, b: *mut erlang_big) -> c_int {
    // SAFETY: the caller's promise; two digits fit when there are two.
    unsafe {
        if digits((*b).arity) < 2 {
            return -1;
        }
        (*b).is_neg = c_int::from(s < 0);
        let to = (*b).digits.cast::<u16>();
        *to = s as u16;
        *to.add(1) = (s >> 16) as u16;
    }
    0
}
