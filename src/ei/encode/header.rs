//! Headers of tuples, lists and maps; the elements follow.

use super::super::abi::{ei_x_buff, tag};
use super::super::wire::{put32, put8};
use super::number::Bare;
use super::{flat, grown, Item};
use std::ffi::{c_char, c_int, c_long, c_uint};

/// The header of a tuple: 104 or 105.
#[derive(Clone, Copy)]
struct Tuple(c_int);

impl Item for Tuple {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        (self.0 >= 0).then_some(5)
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        match self.0 {
            0..=255 => Some(2),
            256.. => Some(5),
            _ => None,
        }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            if self.0 as c_uint <= 255 {
                put8(put8(to, tag::SMALL_TUPLE), self.0 as u8)
            } else if self.0 < 0 {
                std::ptr::null_mut()
            } else {
                put32(put8(to, tag::LARGE_TUPLE), self.0 as u32)
            }
        }
    }
}

/// The header of a list; an empty list needs no more.
#[derive(Clone, Copy)]
struct List(c_int);

impl Item for List {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        (self.0 >= 0).then_some(5)
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        match self.0 {
            0 => Some(1),
            1.. => Some(5),
            _ => None,
        }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            if self.0 > 0 {
                put32(put8(to, tag::LIST), self.0 as u32)
            } else if self.0 < 0 {
                std::ptr::null_mut()
            } else {
                put8(to, tag::NIL)
            }
        }
    }
}

/// The header of a map.
#[derive(Clone, Copy)]
struct Map(c_int);

impl Item for Map {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        (self.0 >= 0).then_some(5)
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        if self.0 < 0 {
            return std::ptr::null_mut();
        }
        // SAFETY: five bytes are writable.
        unsafe { put32(put8(to, tag::MAP), self.0 as u32) }
    }
}

/// Encodes the header of a tuple; the elements follow.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_tuple_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Tuple(arity)) }
}

/// Appends the header of a tuple; the elements follow.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_tuple_header(x: *mut ei_x_buff, arity: c_long) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Tuple(arity as c_int)) }
}

/// Encodes the header of a list; the elements and the tail follow.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_list_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, List(arity)) }
}

/// Appends the header of a list; the elements and the tail follow.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_list_header(x: *mut ei_x_buff, arity: c_long) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, List(arity as c_int)) }
}

/// Encodes the header of a map; keys and values follow in turn.
///
/// # Safety
/// `index` is valid, and `buf` is null or has room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_map_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Map(arity)) }
}

/// Appends the header of a map; keys and values follow in turn.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_map_header(x: *mut ei_x_buff, arity: c_long) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Map(arity as c_int)) }
}

/// Appends the empty list.
///
/// # Safety
/// `x` is a live buffer.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_empty_list(x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Bare(tag::NIL)) }
}
