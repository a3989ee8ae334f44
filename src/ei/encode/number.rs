//! Integers, floats, booleans and the version byte.

use super::super::abi::{ei_x_buff, tag};
use super::super::wire::{put16, put32, put64, put8};
use super::{flat, grown, Item};
use std::ffi::{c_char, c_double, c_int, c_long, c_longlong, c_ulong, c_ulonglong};

/// Integers beyond 28 bits are written as big integers: peers of the last century had no more, and the size of a
/// term may not depend on which library wrote it.
const MAX_INTEGER: i64 = (1 << 27) - 1;
const MIN_INTEGER: i64 = -(1 << 27);
/// Tag, length, sign and eight bytes.
const MAX_NUMBER_SIZE: usize = 11;

/// A signed integer: 97, 98 or 110.
#[derive(Clone, Copy)]
pub(crate) struct Int(pub i64);
/// An unsigned integer: 97, 98 or 110.
#[derive(Clone, Copy)]
pub(crate) struct Uint(pub u64);

#[inline(always)]
fn bytes_of(value: u64) -> usize {
    (71 - (value | 1).leading_zeros() as usize) / 8
}

/// `110 Size Sign Bytes`.
#[inline(always)]
unsafe fn put_big(to: *mut u8, magnitude: u64, negative: bool) -> *mut u8 {
    let size = bytes_of(magnitude);
    // SAFETY: the caller has room for 3 + size bytes; size is 4..=8, covered by two overlapping moves of four.
    unsafe {
        to.write(tag::SMALL_BIG);
        to.add(1).write(size as u8);
        to.add(2).write(u8::from(negative));
        let high = (magnitude >> (8 * (size - 4))) as u32;
        to.add(3).cast::<u32>().write_unaligned((magnitude as u32).to_le());
        to.add(size - 1).cast::<u32>().write_unaligned(high.to_le());
        to.add(3 + size)
    }
}

impl Item for Int {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(MAX_NUMBER_SIZE)
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        Some(if (0..256).contains(&self.0) {
            2
        } else if (MIN_INTEGER..=MAX_INTEGER).contains(&self.0) {
            5
        } else {
            3 + bytes_of(self.0.unsigned_abs())
        })
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            if (0..256).contains(&self.0) {
                put8(put8(to, tag::SMALL_INTEGER), self.0 as u8)
            } else if (MIN_INTEGER..=MAX_INTEGER).contains(&self.0) {
                put32(put8(to, tag::INTEGER), self.0 as u32)
            } else {
                put_big(to, self.0.unsigned_abs(), self.0 < 0)
            }
        }
    }
}

impl Item for Uint {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(MAX_NUMBER_SIZE)
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        Some(if self.0 < 256 {
            2
        } else if self.0 <= MAX_INTEGER as u64 {
            5
        } else {
            3 + bytes_of(self.0)
        })
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            if self.0 < 256 {
                put8(put8(to, tag::SMALL_INTEGER), self.0 as u8)
            } else if self.0 <= MAX_INTEGER as u64 {
                put32(put8(to, tag::INTEGER), self.0 as u32)
            } else {
                put_big(to, self.0, false)
            }
        }
    }
}

/// Infinities and NaN minus themselves are NaN; one subtraction is less than taking the bits apart.
#[allow(clippy::eq_op)]
#[inline(always)]
fn is_finite(value: f64) -> bool {
    !(value - value).is_nan()
}

/// A float: `70 Bits:64`. Infinities and NaN do not exist in Erlang.
#[derive(Clone, Copy)]
struct Float(f64);

impl Item for Float {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(9)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: nine bytes are writable. They are nobody's until the index moves, so the look at the value can wait.
        let end = unsafe { put64(put8(to, tag::NEW_FLOAT), self.0.to_bits()) };
        if is_finite(self.0) {
            end
        } else {
            std::ptr::null_mut()
        }
    }
}

/// The atoms `true` and `false`.
#[derive(Clone, Copy)]
struct Bool(bool);

impl Item for Bool {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(if self.0 { 6 } else { 7 })
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: six or seven bytes are writable.
        unsafe {
            if self.0 {
                put32(put16(to, 0x7704), u32::from_be_bytes(*b"true"))
            } else {
                put8(put32(put16(to, 0x7705), u32::from_be_bytes(*b"fals")), b'e')
            }
        }
    }
}

/// A small integer made of a byte.
#[derive(Clone, Copy)]
struct Byte(u8);

impl Item for Byte {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(2)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: two bytes are writable.
        unsafe { put8(put8(to, tag::SMALL_INTEGER), self.0) }
    }
}

/// One bare byte: the version, or the empty list.
#[derive(Clone, Copy)]
pub(super) struct Bare(pub u8);

impl Item for Bare {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(1)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: one byte is writable.
        unsafe { put8(to, self.0) }
    }
}

/// Encodes the version byte.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_version(buf: *mut c_char, index: *mut c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Bare(tag::VERSION)) }
}

/// Appends the version byte.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_version(x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Bare(tag::VERSION)) }
}

/// Encodes an integer.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_long(buf: *mut c_char, index: *mut c_int, p: c_long) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Int(p as i64)) }
}

/// Appends an integer.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_long(x: *mut ei_x_buff, p: c_long) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Int(p as i64)) }
}

/// Encodes an integer.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_longlong(buf: *mut c_char, index: *mut c_int, p: c_longlong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Int(p)) }
}

/// Appends an integer.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_longlong(x: *mut ei_x_buff, p: c_longlong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Int(p)) }
}

/// Encodes an unsigned integer.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_ulong(buf: *mut c_char, index: *mut c_int, p: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Uint(p as u64)) }
}

/// Appends an unsigned integer.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_ulong(x: *mut ei_x_buff, p: c_ulong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Uint(p as u64)) }
}

/// Encodes an unsigned integer.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_ulonglong(buf: *mut c_char, index: *mut c_int, p: c_ulonglong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Uint(p)) }
}

/// Appends an unsigned integer.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_ulonglong(x: *mut ei_x_buff, p: c_ulonglong) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Uint(p)) }
}

/// Encodes a float; -1 for infinities and NaN.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_double(buf: *mut c_char, index: *mut c_int, p: c_double) -> c_int {
    // SAFETY: the caller's promise. The bytes are nobody's until the index moves, so the look at the value can wait.
    unsafe {
        if !buf.is_null() {
            let to = buf.cast::<u8>().offset(*index as isize);
            put64(put8(to, tag::NEW_FLOAT), p.to_bits());
            if !is_finite(p) {
                return -1;
            }
        }
        *index += 9;
    }
    0
}

/// Appends a float; -1 for infinities and NaN.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_double(x: *mut ei_x_buff, p: c_double) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Float(p)) }
}

/// Encodes `true` or `false`.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_boolean(buf: *mut c_char, index: *mut c_int, p: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Bool(p != 0)) }
}

/// Appends `true` or `false`.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_boolean(x: *mut ei_x_buff, p: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Bool(p != 0)) }
}

/// Encodes a byte as an integer.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_char(buf: *mut c_char, index: *mut c_int, p: c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Byte(p as u8)) }
}

/// Appends a byte as an integer.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_char(x: *mut ei_x_buff, p: c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Byte(p as u8)) }
}
