//! Binaries and bit strings.

use super::super::abi::{ei_x_buff, tag};
use super::super::wire::{move_bytes, put32, put8};
use super::{flat, grown, Item};
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

/// The index is an int: more bytes than this cannot stand behind it.
const MAX_BYTES: usize = c_int::MAX as usize - 6;

/// `109 Len:32 Bytes`
#[derive(Clone, Copy)]
struct Binary {
    bytes: *const u8,
    len: c_long,
}

impl Item for Binary {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        (self.len as usize <= MAX_BYTES).then_some(self.len as usize + 5)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        let len = self.len as usize;
        if len > MAX_BYTES {
            return ptr::null_mut();
        }
        // SAFETY: `size()` bytes are writable and `len` readable.
        unsafe {
            let body = put32(put8(to, tag::BINARY), len as u32);
            move_bytes(body, self.bytes, len);
            body.add(len)
        }
    }
}

/// `77 Len:32 Bits:8 Bytes`, or a binary when the bits fill whole bytes.
#[derive(Clone, Copy)]
struct Bits {
    bytes: *const u8,
    offset: usize,
    bits: usize,
}

impl Bits {
    #[inline(always)]
    fn len(self) -> usize {
        self.bits / 8 + usize::from(self.bits % 8 != 0)
    }

    /// Copies the bits to the left edge of `to`; unused bits of the last byte become 0.
    unsafe fn copy(self, to: *mut u8) {
        let len = self.len();
        if len == 0 {
            return;
        }
        let shift = self.offset % 8;
        // SAFETY: only bytes that hold one of the bits are read, `len` bytes are written.
        unsafe {
            let from = self.bytes.add(self.offset / 8);
            if shift == 0 {
                move_bytes(to, from, len);
            } else {
                let last = (shift + self.bits - 1) / 8;
                for i in 0..len {
                    let low = if i < last { *from.add(i + 1) } else { 0 };
                    *to.add(i) = *from.add(i) << shift | low >> (8 - shift);
                }
            }
            let unused = len * 8 - self.bits;
            *to.add(len - 1) &= 0xFFu8 << unused;
        }
    }
}

impl Item for Bits {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        let header = if self.bits % 8 == 0 { 5 } else { 6 };
        (self.len() <= MAX_BYTES).then_some(header + self.len())
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        if self.len() > MAX_BYTES {
            return ptr::null_mut();
        }
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let last_bits = (self.bits % 8) as u8;
            let mut body;
            if last_bits == 0 {
                body = put32(put8(to, tag::BINARY), self.len() as u32);
            } else {
                body = put32(put8(to, tag::BIT_BINARY), self.len() as u32);
                body = put8(body, last_bits);
            }
            self.copy(body);
            body.add(self.len())
        }
    }
}

/// Encodes a binary.
///
/// # Safety
/// `len` bytes at `p` are readable, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_binary(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_void,
    len: c_long,
) -> c_int {
    let size = len as usize;
    if size > MAX_BYTES {
        return -1;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let to = buf.cast::<u8>().wrapping_offset(*index as isize);
        *index += 5 + size as c_int;
        if !buf.is_null() {
            // Last, so that nothing has to survive the call.
            move_bytes(put32(put8(to, tag::BINARY), size as u32), p.cast(), size);
        }
    }
    0
}

/// Appends a binary.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_binary(x: *mut ei_x_buff, s: *const c_void, len: c_int) -> c_int {
    let (bytes, len) = (s.cast(), c_long::from(len));
    // SAFETY: the caller's promise.
    unsafe { grown(x, Binary { bytes, len }) }
}

/// Encodes `bits` bits that start `bitoffs` bits after `p`.
///
/// # Safety
/// The bits are readable, `index` is valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_bitstring(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    bitoffs: usize,
    bits: usize,
) -> c_int {
    let (bytes, offset) = (p.cast(), bitoffs);
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Bits { bytes, offset, bits }) }
}

/// Appends `bits` bits that start `bitoffs` bits after `p`.
///
/// # Safety
/// `x` is a live buffer and the bits are readable.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_bitstring(
    x: *mut ei_x_buff,
    p: *const c_char,
    bitoffs: usize,
    bits: usize,
) -> c_int {
    let (bytes, offset) = (p.cast(), bitoffs);
    // SAFETY: the caller's promise.
    unsafe { grown(x, Bits { bytes, offset, bits }) }
}
