//! Encoding: each kind of term is an [`Item`] that knows its size and how to write itself; the exported functions
//! put items into a flat buffer (`ei_encode_*`) or a growing one (`ei_x_encode_*`).
//!
//! Always true: a failing call leaves the index alone; a null buffer only counts; the growing form writes once,
//! straight into the room it made.

mod atom;
mod binary;
mod fun;
mod header;
mod ids;
mod number;
mod text;

pub use atom::*;
pub use binary::*;
pub use fun::*;
pub use header::*;
pub use ids::*;
pub use number::*;
pub use text::*;

use super::abi::ei_x_buff;
use super::xbuff::{make_place, place};
use std::ffi::{c_char, c_int};

/// One thing that can be written in the external format.
pub(crate) trait Item: Copy {
    /// The most bytes it may need, found without looking at every byte. `None`: it cannot be encoded.
    ///
    /// # Safety
    /// The pointers inside the item are readable.
    unsafe fn room(self) -> Option<usize>;

    /// The exact number of bytes. `None`: it cannot be encoded.
    ///
    /// # Safety
    /// The pointers inside the item are readable.
    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.room() }
    }

    /// Writes it and returns the place behind it, or null when it cannot be encoded.
    ///
    /// # Safety
    /// `size()` bytes are writable at `to`; the pointers inside the item are readable.
    unsafe fn write(self, to: *mut u8) -> *mut u8;

    /// Encodes at the end of a buffer with too little room. Apart, and called last, so that the usual way saves no registers
    /// for it.
    ///
    /// # Safety
    /// As `grown`.
    #[cold]
    #[inline(never)]
    unsafe fn grown_more(x: *mut ei_x_buff, item: Self) -> c_int {
        // SAFETY: the caller's promise.
        unsafe { after_growing(x, item) }
    }
}

/// Encodes into a flat buffer, or counts when there is none.
#[inline(always)]
pub(crate) unsafe fn flat<I: Item>(buf: *mut c_char, index: *mut c_int, item: I) -> c_int {
    // SAFETY: the C caller promises a valid index, a buffer with enough room behind it, and valid arguments.
    unsafe {
        if buf.is_null() {
            return match item.size() {
                Some(size) => {
                    *index = (*index).wrapping_add(size as c_int);
                    0
                }
                None => -1,
            };
        }
        let start = buf.cast::<u8>().offset(*index as isize);
        let end = item.write(start);
        if end.is_null() {
            return -1;
        }
        *index = (*index).wrapping_add(end.offset_from(start) as c_int);
        0
    }
}

/// Encodes at the end of a growing buffer.
#[inline(always)]
pub(crate) unsafe fn grown<I: Item>(x: *mut ei_x_buff, item: I) -> c_int {
    // SAFETY: the C caller promises a live buffer and valid arguments.
    unsafe {
        let Some(room) = item.room() else {
            return -1;
        };
        let start = place(x, room as i64);
        if start.is_null() {
            return I::grown_more(x, item);
        }
        put(x, start, item)
    }
}

/// [`grown`] when there may be too little room.
#[inline(always)]
pub(crate) unsafe fn after_growing<I: Item>(x: *mut ei_x_buff, item: I) -> c_int {
    // SAFETY: as there; room is made before the write.
    unsafe {
        let Some(Ok(room)) = item.room().map(c_int::try_from) else {
            return -1;
        };
        let start = make_place(x, room);
        if start.is_null() {
            return -1;
        }
        put(x, start, item)
    }
}

/// Writes at `start`, which is the place behind the contents, and takes it in.
#[inline(always)]
unsafe fn put<I: Item>(x: *mut ei_x_buff, start: *mut u8, item: I) -> c_int {
    // SAFETY: the caller made room.
    unsafe {
        let end = item.write(start);
        if end.is_null() {
            return -1;
        }
        (*x).index += end.offset_from(start) as c_int;
        0
    }
}
