//! Lists of names.
//!
//! What a call that answers with several names gives: a list that belongs to you and does not change any more.

use std::ffi::{c_char, CString};

use super::guard::guard_or;
use crate::term::Atom;

/// Some names. Free with erln_names_free.
pub struct erln_names {
    names: Vec<CString>,
}

impl erln_names {
    /// The pointer that a C program owns from now on.
    pub(crate) fn give(names: &[Atom]) -> *mut erln_names {
        // An atom can contain a NUL character; as a C string it ends there.
        let text = |name: &Atom| {
            let bytes = name.as_str().as_bytes();
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            CString::new(&bytes[..end]).unwrap_or_default()
        };
        Box::into_raw(Box::new(erln_names { names: names.iter().map(text).collect() }))
    }
}

/// How many.
#[no_mangle]
pub unsafe extern "C" fn erln_names_count(names: *const erln_names) -> usize {
    // SAFETY: NULL or the caller's own.
    guard_or(0, || unsafe { names.as_ref() }.map_or(0, |names| names.names.len()))
}

/// Name number `index`, from 0; NULL beyond the last. Borrowed; lives as long as `names`.
#[no_mangle]
pub unsafe extern "C" fn erln_names_get(names: *const erln_names, index: usize) -> *const c_char {
    guard_or(std::ptr::null(), || {
        // SAFETY: NULL or the caller's own.
        let names = unsafe { names.as_ref() };
        names.and_then(|names| names.names.get(index)).map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// Frees a list, and with it the names that were borrowed from it.
#[no_mangle]
pub unsafe extern "C" fn erln_names_free(names: *mut erln_names) {
    guard_or((), || {
        if !names.is_null() {
            // SAFETY: given out by `give`, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(names) });
        }
    })
}
