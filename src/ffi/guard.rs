//! The gate between C and Rust: every exported function passes through here.
//!
//! A panic ends in the status `ERLN_ERR_INTERNAL` (or the default of a function that returns a value), never in the
//! caller's frames. Success costs nothing here: no lock, no thread local, no system call.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

use super::status::{erln_status, fail};
use crate::error::{no_memory, NoMemory};
use crate::{Error, Result};

/// Runs `f`; a failure leaves its text for `erln_last_error`.
#[inline(always)]
pub(crate) fn guard(f: impl FnOnce() -> Result<()>) -> erln_status {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(Ok(())) => erln_status::ERLN_OK,
        Ok(Err(error)) => fail(&error),
        Err(panic) => fail(&panicked(panic)),
    }
}

/// Runs `f`, which cannot fail but for a bug of ours; then the answer is `default`.
#[inline(always)]
pub(crate) fn guard_or<T>(default: T, f: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => value,
        Err(panic) => {
            fail(&panicked(panic));
            default
        }
    }
}

/// Runs `f`, whose answer is a bool; a failure is false and leaves its text for `erln_last_error`.
#[inline(always)]
pub(crate) fn guard_bool(f: impl FnOnce() -> Result<bool>) -> bool {
    guard_or(false, || match f() {
        Ok(answer) => answer,
        Err(error) => {
            fail(&error);
            false
        }
    })
}

/// What is said about a panic: its own words, since they are all a report can contain.
#[cold]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Error {
    if panic.is::<NoMemory>() {
        return no_memory();
    }
    let text = match (panic.downcast_ref::<&'static str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without words".to_owned(),
    };
    // The payload of a foreign panic may panic when dropped; leaking a few bytes is the smaller evil.
    std::mem::forget(panic);
    Error::Internal(text.into())
}

/// How many times this process is a fork of the one that loaded the library.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Runs in the child of a fork, where only one thread is left and any lock may be held for ever.
extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Counts forks from now on. Called before anything is made that a child must not use.
pub(crate) fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is a plain function that touches one atomic, which is allowed after a fork; the
        // library is linked nodelete, so the address stays valid.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// The number of forks between the process that loaded the library and this one.
#[inline]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::status::erln_last_error;
    use std::ffi::CStr;

    #[test]
    fn a_panic_becomes_a_status_with_its_words() {
        let status = guard(|| panic!("the table is gone"));
        assert_eq!(status, erln_status::ERLN_ERR_INTERNAL);
        // SAFETY: the text lives until the next failure on this thread.
        let text = unsafe { CStr::from_ptr(erln_last_error()) }.to_str().unwrap();
        assert!(text.contains("the table is gone"), "{text}");
    }

    #[test]
    fn a_panic_in_a_value_becomes_the_default() {
        assert_eq!(guard_or(-1, || -> i32 { panic!("no value") }), -1);
    }
}
