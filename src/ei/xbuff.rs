//! `ei_x_buff`: the growing buffer, and the allocator both sides share.
//!
//! Memory crosses the border in both directions, so it always comes from C's `malloc`. A buffer keeps `ei_x_extra`
//! bytes of slack behind its contents, as programs that peek behind the index may expect.

use super::abi::{ei_x_buff, tag};
use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr;

/// Slack behind the contents. A program may change it before it starts.
#[no_mangle]
pub static mut ei_x_extra: c_int = 100;

#[inline(always)]
fn extra() -> c_int {
    // SAFETY: a plain read of an int; programs only write it while they have one thread.
    unsafe { ptr::addr_of!(ei_x_extra).read() }
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

/// A new buffer has room for this many times the slack: a small message needs no second allocation.
const FIRST: c_int = 4;

/// Makes an empty buffer. Release it with `ei_x_free`.
///
/// # Safety
/// `x` is writable.
#[no_mangle]
pub unsafe extern "C" fn ei_x_new(x: *mut ei_x_buff) -> c_int {
    let size = extra().saturating_mul(FIRST).max(1);
    let buff = ei_malloc(size as c_long).cast::<c_char>();
    // SAFETY: the caller's promise.
    unsafe {
        (*x).buff = buff;
        (*x).buffsz = size;
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
    if i64::from(needed) + i64::from(extra()) > have {
        // SAFETY: the caller's promise.
        return c_int::from(unsafe { grow(x, i64::from(needed)) });
    }
    // SAFETY: the caller's promise.
    c_int::from(unsafe { !(*x).buff.is_null() })
}

/// Doubles at least, so that a long message is copied a few times and not once per element.
#[cold]
#[inline(never)]
unsafe fn grow(x: *mut ei_x_buff, needed: i64) -> bool {
    // SAFETY: the caller passes a live buffer.
    unsafe {
        let have = i64::from((*x).buffsz);
        let enough = needed + 2 * i64::from(extra());
        let limit = i64::from(c_int::MAX);
        if needed < 0 || enough > limit {
            return false;
        }
        let size = enough.max((2 * have).min(limit));
        let buff = ei_realloc((*x).buff.cast(), size as c_long).cast::<c_char>();
        if buff.is_null() {
            return false;
        }
        (*x).buff = buff;
        (*x).buffsz = size as c_int;
        true
    }
}

/// The place behind the contents when `room` bytes and the slack fit there already, else null.
///
/// # Safety
/// `x` is a buffer as in `ei_x_free`.
#[inline(always)]
pub unsafe fn place(x: *mut ei_x_buff, room: i64) -> *mut u8 {
    // SAFETY: the caller's promise; the index lies within the buffer.
    unsafe {
        let left = i64::from((*x).buffsz) - i64::from((*x).index) - i64::from(extra());
        if left < room || (*x).buff.is_null() {
            return ptr::null_mut();
        }
        (*x).buff.cast::<u8>().offset((*x).index as isize)
    }
}

/// The place behind the contents, after making room for `room` bytes there; null when there is no memory.
///
/// # Safety
/// `x` is a buffer as in `ei_x_free`.
pub unsafe fn make_place(x: *mut ei_x_buff, room: c_int) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let needed = i64::from((*x).index) + i64::from(room);
        if needed + i64::from(extra()) > i64::from((*x).buffsz) && !grow(x, needed) {
            return ptr::null_mut();
        }
        place(x, i64::from(room))
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
        let to = place(x, i64::from(len));
        if to.is_null() {
            return append_more(x, buf, len);
        }
        super::wire::copy(to, buf.cast(), size);
        (*x).index += len;
    }
    0
}

/// [`ei_x_append_buf`] when there is too little room.
#[cold]
#[inline(never)]
unsafe fn append_more(x: *mut ei_x_buff, buf: *const c_char, len: c_int) -> c_int {
    // SAFETY: as there; room was made before the copy.
    unsafe {
        let to = make_place(x, len);
        if to.is_null() {
            return -1;
        }
        ptr::copy_nonoverlapping(buf.cast(), to, len as usize);
        (*x).index += len;
    }
    0
}
