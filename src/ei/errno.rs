//! `erl_errno`: one error number per thread, and a plain variable for programs compiled without `_REENTRANT`.
//!
//! The header decides which of the two a program reads; both are always written, so one archive serves both.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

thread_local! {
    static ERRNO: Cell<c_int> = const { Cell::new(0) };
}

/// The variable form; read and written by programs without threads.
#[no_mangle]
pub static __erl_errno: AtomicI32 = AtomicI32::new(0);

/// The address of the calling thread's error number. Lives as long as the thread.
#[no_mangle]
pub extern "C" fn __erl_errno_place() -> *mut c_int {
    ERRNO.with(Cell::as_ptr)
}

/// Records what went wrong for the calling thread; 0 means nothing did.
#[inline]
pub fn set(error: c_int) {
    ERRNO.with(|place| place.set(error));
    __erl_errno.store(error, Ordering::Relaxed);
}

/// What the calling thread's last failing call left.
#[inline]
pub fn get() -> c_int {
    ERRNO.with(Cell::get)
}

/// The operating system's error of the call just made, never 0.
pub fn os() -> c_int {
    match std::io::Error::last_os_error().raw_os_error() {
        Some(0) | None => libc::EIO,
        Some(error) => error,
    }
}

/// Records an error of a conversation. Programs compare it with `ETIMEDOUT` and `EIO`, because the library has never
/// told more of these.
pub fn set_coarse(error: c_int) {
    set(if error == libc::ETIMEDOUT { error } else { libc::EIO });
}
