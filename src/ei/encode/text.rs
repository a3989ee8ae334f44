//! Strings: lists of bytes.

use super::super::abi::{ei_x_buff, tag};
use super::super::wire::{move_bytes, put16, put32, put8};
use super::{flat, grown, Item};
use std::ffi::{c_char, c_int};
use std::ptr;

/// A list of bytes: 106 when empty, 107 up to 65,535, else 108 with one small integer per byte.
#[derive(Clone, Copy)]
struct Text {
    bytes: *const u8,
    len: usize,
}

/// Longest run of bytes with a tag of its own; the wire counts it in 16 bits.
const MAX_STRING: usize = 0xFFFF;

/// A [`Text`] that has the tag of its own, as nearly all have.
#[derive(Clone, Copy)]
struct Short {
    bytes: *const u8,
    len: usize,
}

impl Text {
    /// `len` bytes of text; a negative length is one that cannot be encoded.
    #[inline(always)]
    fn new(text: *const c_char, len: c_int) -> Self {
        Self { bytes: text.cast(), len: len as u32 as usize }
    }

    /// `None` for the empty and the very long ones.
    #[inline(always)]
    fn short(self) -> Option<Short> {
        (1..=MAX_STRING).contains(&self.len).then_some(Short { bytes: self.bytes, len: self.len })
    }

    #[inline(always)]
    unsafe fn flat(self, buf: *mut c_char, index: *mut c_int) -> c_int {
        // SAFETY: the caller's promise, as for the exported functions.
        unsafe {
            match self.short() {
                Some(short) => flat(buf, index, short),
                None => flat(buf, index, self),
            }
        }
    }

    #[inline(always)]
    unsafe fn grown(self, x: *mut ei_x_buff) -> c_int {
        // SAFETY: the caller's promise, as for the exported functions.
        unsafe {
            match self.short() {
                Some(short) => grown(x, short),
                None => Self::grown_more(x, self),
            }
        }
    }
}

impl Item for Short {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(3 + self.len)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable and `len` readable.
        unsafe {
            let body = put16(put8(to, tag::STRING), self.len as u16);
            move_bytes(body, self.bytes, self.len);
            body.add(self.len)
        }
    }
}

impl Item for Text {
    unsafe fn room(self) -> Option<usize> {
        match self.len {
            0 => Some(1),
            1..=MAX_STRING => Some(3 + self.len),
            // The index is an int: a term that does not fit behind it cannot be written.
            0x1_0000..=0x3FFF_FFF0 => Some(6 + 2 * self.len),
            _ => None,
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable and `len` readable.
        unsafe {
            if let Some(short) = self.short() {
                return short.write(to);
            }
            if self.len == 0 {
                return put8(to, tag::NIL);
            }
            if self.room().is_none() {
                return ptr::null_mut();
            }
            let mut at = put32(put8(to, tag::LIST), self.len as u32);
            for i in 0..self.len {
                at = put16(at, 0x6100 | u16::from(*self.bytes.add(i)));
            }
            put8(at, tag::NIL)
        }
    }
}

/// Encodes a C string as a list of bytes.
///
/// # Safety
/// `p` is NUL-terminated, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_string(buf: *mut c_char, index: *mut c_int, p: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Text { bytes: p.cast(), len: libc::strlen(p) }.flat(buf, index) }
}

/// Encodes `len` bytes as a list.
///
/// # Safety
/// `len` bytes at `p` are readable, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_string_len(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    len: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Text::new(p, len).flat(buf, index) }
}

/// Appends a C string as a list of bytes.
///
/// # Safety
/// `x` is a live buffer and `s` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_string(x: *mut ei_x_buff, s: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Text { bytes: s.cast(), len: libc::strlen(s) }.grown(x) }
}

/// Appends `len` bytes as a list.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_string_len(x: *mut ei_x_buff, s: *const c_char, len: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Text::new(s, len).grown(x) }
}
