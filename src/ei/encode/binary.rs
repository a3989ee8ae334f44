//! Binaries and bit strings.

use super::super::abi::{ei_x_buff, tag};
use super::super::wire::{be64, move_bytes, move_last, put32, put64, put8};
use super::super::xbuff::place;
use super::{after_growing, flat, grown, Item};
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
        (self.len as usize <= MAX_BYTES).then(|| self.len as usize + 5)
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

/// `77 Len:32 Bits:8 Bytes`, or a binary when the bits fill whole bytes. Two words, so that it travels in registers.
#[derive(Clone, Copy)]
struct Bits {
    bytes: *const u8,
    /// The number of bits, and in the low three bits how many of the first byte come before them.
    shape: usize,
}

impl Bits {
    #[inline(always)]
    fn new(start: *const c_char, offset: usize, bits: usize) -> Self {
        // Too many for a term are as many as all others of that kind.
        let bits = bits.min(usize::MAX / 8);
        Self { bytes: start.cast::<u8>().wrapping_add(offset / 8), shape: bits << 3 | offset % 8 }
    }

    #[inline(always)]
    fn bits(self) -> usize {
        self.shape >> 3
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// Copies the bits to the left edge of `to`; unused bits of the last byte become 0.
    #[inline(never)]
    unsafe fn copy(self, to: *mut u8) {
        let len = self.len();
        if len == 0 {
            return;
        }
        // SAFETY: only bytes that hold one of the bits are read, `len` bytes are written.
        unsafe {
            match self.shape % 8 {
                0 => move_bytes(to, self.bytes, len),
                shift => self.copy_shifted(to, len, shift),
            }
            let unused = len * 8 - self.bits();
            *to.add(len - 1) &= 0xFFu8 << unused;
        }
    }

    #[inline(always)]
    unsafe fn copy_shifted(self, to: *mut u8, len: usize, shift: usize) {
        let from = self.bytes;
        let last = (shift + self.bits() - 1) / 8;
        // SAFETY: nothing behind `last` is read, and nothing behind `len` written.
        unsafe {
            if last < 8 {
                for i in 0..len {
                    let low = if i < last { *from.add(i + 1) } else { 0 };
                    *to.add(i) = *from.add(i) << shift | low >> (8 - shift);
                }
                return;
            }
            let eight = |i| be64(from.add(i)) << shift | u64::from(*from.add(i + 8)) >> (8 - shift);
            let mut i = 0;
            while i + 8 < last {
                put64(to.add(i), eight(i));
                i += 8;
            }
            put64(to.add(last - 8), eight(last - 8));
            if last < len {
                *to.add(last) = *from.add(last) << shift;
            }
        }
    }
}

impl Item for Bits {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        (self.len() <= MAX_BYTES).then_some(6 + self.len())
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        let header = if self.bits() % 8 == 0 { 5 } else { 6 };
        (self.len() <= MAX_BYTES).then_some(header + self.len())
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        if self.len() > MAX_BYTES {
            return ptr::null_mut();
        }
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let last_bits = (self.bits() % 8) as u8;
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
    let size = len as u32 as usize;
    // SAFETY: the caller's promise. A negative length is one that never fits.
    unsafe {
        let room = 5 + size;
        let to = place(x, room as i64);
        if to.is_null() {
            return binary_more(x, s, size);
        }
        (*x).index += room as c_int;
        // Last, so that nothing has to survive the call.
        move_last(put32(put8(to, tag::BINARY), size as u32), s.cast(), size)
    }
}

/// [`ei_x_encode_binary`] when there is too little room.
#[cold]
#[inline(never)]
unsafe fn binary_more(x: *mut ei_x_buff, s: *const c_void, size: usize) -> c_int {
    // SAFETY: as there.
    unsafe { after_growing(x, Binary { bytes: s.cast(), len: size as c_long }) }
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
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Bits::new(p, bitoffs, bits)) }
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
    // SAFETY: the caller's promise.
    unsafe { grown(x, Bits::new(p, bitoffs, bits)) }
}
