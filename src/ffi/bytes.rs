//! Bytes and text.
//!
//! Bytes that come out are borrowed from a parent named in each call. Bytes that go in are only looked at during the
//! call. Text that goes in is UTF-8 with a NUL at its end.

use std::ffi::{c_char, CStr};

use crate::{Error, Result};

/// Bytes that somebody else owns: never free them. Not followed by a NUL.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct erln_bytes {
    /// The first byte. Never NULL on success, even when `len` is 0.
    pub ptr: *const u8,
    /// How many.
    pub len: usize,
}

impl From<&[u8]> for erln_bytes {
    fn from(bytes: &[u8]) -> Self {
        erln_bytes { ptr: bytes.as_ptr(), len: bytes.len() }
    }
}

/// The caller's bytes.
///
/// # Safety
/// `ptr` is NULL or points at `len` readable bytes that nobody changes for `'a`.
#[inline]
pub(crate) unsafe fn bytes<'a>(ptr: *const u8, len: usize, what: &str) -> Result<&'a [u8]> {
    if ptr.is_null() {
        // C programs have NULL for "no bytes".
        return if len == 0 { Ok(&[]) } else { Err(null(what)) };
    }
    if len > isize::MAX as usize {
        return Err(length(what));
    }
    // SAFETY: not NULL, a possible length, and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(ptr, len) })
}

/// The caller's array.
///
/// # Safety
/// `ptr` is NULL or points at `count` values that nobody changes for `'a`.
pub(crate) unsafe fn array<'a, T>(ptr: *const T, count: usize, what: &str) -> Result<&'a [T]> {
    if ptr.is_null() {
        return if count == 0 { Ok(&[]) } else { Err(null(what)) };
    }
    if count > isize::MAX as usize / std::mem::size_of::<T>() {
        return Err(length(what));
    }
    // SAFETY: not NULL, a possible length, and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(ptr, count) })
}

/// The caller's text.
///
/// # Safety
/// `ptr` is NULL or points at bytes that end with a NUL and that nobody changes for `'a`.
#[inline]
pub(crate) unsafe fn text<'a>(ptr: *const c_char, what: &str) -> Result<&'a str> {
    if ptr.is_null() {
        return Err(null(what));
    }
    // SAFETY: not NULL, and ends with a NUL by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(ptr) }.to_bytes();
    std::str::from_utf8(bytes).map_err(|_| not_utf8(what))
}

/// The caller's text, or nothing for NULL.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn optional_text<'a>(ptr: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if ptr.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise is ours.
    unsafe { text(ptr, what) }.map(Some)
}

/// Text given by pointer and length.
///
/// # Safety
/// As for [`bytes`].
pub(crate) unsafe fn sized_text<'a>(ptr: *const c_char, len: usize, what: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise is ours.
    let bytes = unsafe { bytes(ptr.cast(), len, what) }?;
    std::str::from_utf8(bytes).map_err(|_| not_utf8(what))
}

/// What the caller points at.
///
/// # Safety
/// `ptr` is NULL or points at a `T` that nobody changes for `'a`.
#[inline]
pub(crate) unsafe fn input<'a, T>(ptr: *const T, what: &str) -> Result<&'a T> {
    // SAFETY: NULL or readable by the caller's promise.
    unsafe { ptr.as_ref() }.ok_or_else(|| null(what))
}

/// An object that the caller owns alone for the length of a call.
///
/// # Safety
/// `ptr` is NULL or points at a `T` that nobody else touches for `'a`.
#[inline]
pub(crate) unsafe fn exclusive<'a, T>(ptr: *mut T, what: &str) -> Result<&'a mut T> {
    // SAFETY: NULL or exclusive by the caller's promise.
    unsafe { ptr.as_mut() }.ok_or_else(|| null(what))
}

/// A place for a result, checked before the work and written only after its success.
pub(crate) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// The place the caller gave.
    ///
    /// # Safety
    /// `ptr` is NULL or can be written during the call; what stands there need not be initialized.
    #[inline]
    pub(crate) unsafe fn new(ptr: *mut T, what: &str) -> Result<Self> {
        if ptr.is_null() {
            return Err(null(what));
        }
        Ok(Out(ptr))
    }

    /// Writes the result.
    #[inline]
    pub(crate) fn set(self, value: T) {
        // SAFETY: not NULL, and writable by the promise given to `new`.
        unsafe { self.0.write(value) }
    }
}

/// How long to wait: 0 is not at all, `ERLN_FOREVER` without limit; other negative numbers are mistakes.
pub(crate) fn timeout(timeout_ms: i32) -> Result<Option<std::time::Duration>> {
    match timeout_ms {
        ERLN_FOREVER => Ok(None),
        0.. => Ok(Some(std::time::Duration::from_millis(timeout_ms as u64))),
        _ => {
            Err(Error::argument(format!("timeout_ms is {timeout_ms}: give milliseconds, 0, or ERLN_FOREVER")))
        }
    }
}

/// As `timeout_ms`: wait without limit.
pub const ERLN_FOREVER: i32 = -1;

#[cold]
fn null(what: &str) -> Error {
    Error::argument(format!("{what} is NULL"))
}

#[cold]
fn length(what: &str) -> Error {
    Error::argument(format!("the length of {what} is larger than any object can be"))
}

#[cold]
fn not_utf8(what: &str) -> Error {
    Error::argument(format!("{what} is not UTF-8"))
}
