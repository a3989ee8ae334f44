//! Decoding: each function reads one term at the index and moves it behind on success only.
//!
//! The library's functions get no length, so whoever calls them promises a whole term. What a term says about
//! itself is checked all the same: lengths beyond an int, names longer than their arrays, wrong tags.
//! A null destination skips.

mod atom;
mod fun;
mod header;
mod ids;
mod iodata;
mod number;
mod skip;
mod small;
mod text;

pub use atom::*;
pub use fun::*;
pub use header::*;
pub use ids::*;
pub use iodata::*;
pub use number::*;
pub use skip::*;
pub use small::*;
pub use text::*;

use std::ffi::c_int;

/// Moves the index from `start` to `end`, a place inside the same buffer, and reports success.
#[inline(always)]
unsafe fn done(index: *mut c_int, start: *const u8, end: *const u8) -> c_int {
    // SAFETY: the C caller promised a valid index; both pointers are into its buffer.
    unsafe { *index = (*index).wrapping_add(end.offset_from(start) as c_int) };
    0
}
