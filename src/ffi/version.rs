//! Version of the library.
//!
//! A program that loads the library at run time checks the ABI number first; linked programs need not, since the
//! soname carries it.

use std::ffi::{c_char, CStr};

use super::guard::guard_or;

/// The ABI this header describes. A library of another number may behave in ways this header does not tell.
pub const ERLN_ABI: u32 = 1;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"",
};

/// The ABI number of the loaded library; compare with `ERLN_ABI`.
#[no_mangle]
pub extern "C" fn erln_abi() -> u32 {
    guard_or(0, || ERLN_ABI)
}

/// The version of the loaded library, such as "1.2.3". Never freed.
#[no_mangle]
pub extern "C" fn erln_version() -> *const c_char {
    guard_or(VERSION.as_ptr(), || VERSION.as_ptr())
}
