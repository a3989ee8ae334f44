//! `ei_x_buff`: the growing buffer, and the allocator both sides share.
//!
//! Memory crosses the border in both directions, so it always comes from C's `malloc`. A buffer keeps `ei_x_extra`
//! bytes of slack behind its contents, as programs that peek behind the index may expect.

use super::abi::{ei_x_buff, tag};
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

/// Slack behind the contents, and the size of a new buffer. A program may change it before it starts.
#[no_mangle]
pub static mut ei_x_extra: c_int = 100;

#[inline(always)]
fn extra() -> i64 {
    // SAFETY: a plain read of an int; programs only write it while they have one thread.
    i64::from(unsafe { ptr::addr_of!(ei_x_extra).read() })
}

/// `malloc` under the name the library uses. Free with `ei_free`.
#[no_mangle]
pub extern "C" fn ei_malloc(size: c_long) -> *mut c_void {
    // SAFETY: malloc accepts every size.
    unsafe { libc::malloc(size as usize) }
}

/// `realloc` under the name the library uses.
///
/// # Safety
/// `orig` is null or came from `ei_malloc`, `malloc` or `realloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_realloc(orig: *mut c_void, size: c_long) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { libc::realloc(orig, size as usize) }
}

/// `free` under the name the library uses.
///
/// # Safety
/// `ptr` is null or came from `ei_malloc`, `malloc` or `realloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_free(ptr: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(ptr) }
}

/// Makes an empty buffer. Release it with `ei_x_free`.
///
/// # Safety
/// `x` is writable.
#[no_mangle]
pub unsafe extern "C" fn ei_x_new(x: *mut ei_x_buff) -> c_int {
    let size = extra().max(1);
    let buff = ei_malloc(size as c_long).cast::<c_char>();
    // SAFETY: the caller's promise.
    unsafe {
        (*x).buff = buff;
        (*x).buffsz = size as c_int;
        (*x).index = 0;
    }
    if buff.is_null() {
        -1
    } else {
        0
    }
}

/// Makes a buffer that holds the version byte.
///
/// # Safety
/// `x` is writable.
#[no_mangle]
pub unsafe extern "C" fn ei_x_new_with_version(x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise; a new buffer has at least one byte.
    unsafe {
        if ei_x_new(x) < 0 {
            return -1;
        }
        (*x).buff.cast::<u8>().write(tag::VERSION);
        (*x).index = 1;
    }
    0
}

/// Releases the memory of a buffer; -1 when there is none.
///
/// # Safety
/// `x` is a buffer made by `ei_x_new`, or one whose `buff` is null or from `malloc`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_free(x: *mut ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if (*x).buff.is_null() {
            return -1;
        }
        ei_free((*x).buff.cast());
        (*x).buff = ptr::null_mut();
    }
    0
}

/// Makes room for `needed` bytes and the slack; 0 when there is no memory, and then the buffer is as before.
///
/// # Safety
/// `x` is a buffer as in `ei_x_free`.
#[no_mangle]
pub unsafe extern "C" fn x_fix_buff(x: *mut ei_x_buff, needed: c_int) -> c_int {
    // SAFETY: the caller's promise.
    let have = unsafe { i64::from((*x).buffsz) };
    if i64::from(needed) + extra() > have {
        // SAFETY: the caller's promise.
        return c_int::from(unsafe { grow(x, i64::from(needed)) });
    }
    // SAFETY: the caller's promise.
    c_int::from(unsafe { !(*x).buff.is_null() })
}

/// Grows by half at least, so that a long message is copied a few times and not once per element.
#[cold]
#[inline(never)]
unsafe fn grow(x: *mut ei_x_buff, needed: i64) -> bool {
    // SAFETY: the caller passes a live buffer.
    unsafe {
        let have = i64::from((*x).buffsz);
        let enough = needed + 2 * extra();
        let limit = i64::from(c_int::MAX);
        if needed < 0 || enough > limit {
            return false;
        }
        let size = enough.max((have + have / 2).min(limit));
        let buff = ei_realloc((*x).buff.cast(), size as c_long).cast::<c_char>();
        if buff.is_null() {
            return false;
        }
        (*x).buff = buff;
        (*x).buffsz = size as c_int;
        true
    }
}

/// Makes room for `room` more bytes behind the index.
///
/// # Safety
/// `x` is a buffer as in `ei_x_free`.
#[inline(always)]
pub unsafe fn reserve(x: *mut ei_x_buff, room: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let needed = i64::from((*x).index) + room as i64;
        if needed + extra() > i64::from((*x).buffsz) {
            return grow(x, needed);
        }
        !(*x).buff.is_null()
    }
}

/// Appends the contents of `x2`.
///
/// # Safety
/// Both are live buffers; they may not be the same one.
#[no_mangle]
pub unsafe extern "C" fn ei_x_append(x: *mut ei_x_buff, x2: *const ei_x_buff) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_x_append_buf(x, (*x2).buff, (*x2).index) }
}

/// Appends `len` bytes, encoded terms as a rule.
///
/// # Safety
/// `x` is a live buffer, and `len` bytes are readable at `buf`, outside of `x`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_append_buf(x: *mut ei_x_buff, buf: *const c_char, len: c_int) -> c_int {
    let Ok(size) = usize::try_from(len) else {
        return -1;
    };
    // SAFETY: the caller's promise, and room was made before the copy.
    unsafe {
        if !reserve(x, size) {
            return -1;
        }
        let to = (*x).buff.cast::<u8>().add((*x).index as usize);
        super::wire::copy(to, buf.cast(), size);
        (*x).index += len;
    }
    0
}
