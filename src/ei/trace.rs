//! Debug output by level, and the sequential trace token that travels from a received message to the next one sent.

use super::abi::erlang_trace;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_long, c_uint};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// How much is printed: 0 nothing, 1 errors, 3 connections, 4 messages.
#[no_mangle]
pub static ei_tracelevel: AtomicI32 = AtomicI32::new(0);

/// Errors.
pub const ERR: c_int = 1;
/// Connections.
pub const CONN: c_int = 3;
/// Messages.
pub const COMM: c_int = 4;

extern "C" {
    /// In variadic.c.
    fn ei_trace_printf(name: *const c_char, level: c_int, format: *const c_char, ...);
}

/// Whether this level is wanted.
#[inline]
pub fn wants(level: c_int) -> bool {
    ei_tracelevel.load(Ordering::Relaxed) >= level
}

/// Prints a line on standard error, when the level is wanted.
pub fn say(level: c_int, name: &std::ffi::CStr, text: impl FnOnce() -> String) {
    if !wants(level) {
        return;
    }
    if let Ok(text) = std::ffi::CString::new(text()) {
        // SAFETY: the format takes one string.
        unsafe { ei_trace_printf(name.as_ptr(), level, c"%s".as_ptr(), text.as_ptr()) };
    }
}

/// Sets the level of debug output.
#[no_mangle]
pub extern "C" fn ei_set_tracelevel(level: c_int) {
    ei_tracelevel.store(level, Ordering::Relaxed);
}

/// The level of debug output.
#[no_mangle]
pub extern "C" fn ei_get_tracelevel() -> c_int {
    ei_tracelevel.load(Ordering::Relaxed)
}

/// Kept for programs that call it; old releases encoded for even older peers.
static COMPATIBLE_WITH: AtomicU32 = AtomicU32::new(u32::MAX);

/// Remembers a release; nothing depends on it any more.
#[no_mangle]
pub extern "C" fn ei_set_compat_rel(rel: c_uint) {
    COMPATIBLE_WITH.store(rel, Ordering::Relaxed);
}

/// The token of the message received last by this thread.
struct Token {
    value: Cell<MaybeUninit<erlang_trace>>,
    tracing: Cell<bool>,
    clock: Cell<c_long>,
}

thread_local! {
    static TOKEN: Token = const {
        Token {
            value: Cell::new(MaybeUninit::uninit()),
            tracing: Cell::new(false),
            clock: Cell::new(0),
        }
    };
}

/// -1 ends tracing, 1 begins it with a token, 0 returns the token for the next message or null. One token per thread.
///
/// # Safety
/// `token` is valid when `query` is 1.
#[no_mangle]
pub unsafe extern "C" fn ei_trace(query: c_int, token: *mut erlang_trace) -> *mut erlang_trace {
    TOKEN.with(|own| {
        let place = own.value.as_ptr().cast::<erlang_trace>();
        match query {
            -1 => own.tracing.set(false),
            0 if own.tracing.get() => {
                own.clock.set(own.clock.get() + 1);
                // SAFETY: tracing means that a token was stored; only this thread uses it.
                unsafe {
                    (*place).prev = (*place).serial;
                    (*place).serial = (*place).serial.wrapping_add(1);
                }
                return place;
            }
            1 => {
                own.tracing.set(true);
                // SAFETY: the caller's promise.
                unsafe {
                    place.write(*token);
                    if (*place).serial > own.clock.get() {
                        own.clock.set((*token).serial);
                        (*place).prev = (*token).serial;
                    }
                }
            }
            _ => {}
        }
        ptr::null_mut()
    })
}
