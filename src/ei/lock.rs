//! `ei_mutex_*` and `ei_m_*`: the locks of the library, exported although no header declares them.

use std::ffi::{c_int, c_void};
use std::ptr;

/// `ei_mutex_t`: one pointer to a lock of the threads library.
#[repr(C)]
pub struct Mutex {
    lock: *mut c_void,
}

/// A new lock, or null. Free with `ei_m_destroy`.
#[no_mangle]
pub extern "C" fn ei_m_create() -> *mut c_void {
    // SAFETY: a fresh lock of the right size is initialised before anybody sees it.
    unsafe {
        let lock = libc::malloc(size_of::<libc::pthread_mutex_t>()).cast::<libc::pthread_mutex_t>();
        if !lock.is_null() {
            libc::pthread_mutex_init(lock, ptr::null());
        }
        lock.cast()
    }
}

/// Ends a lock; returns what the threads library says.
///
/// # Safety
/// `l` came from `ei_m_create` and nobody holds it.
#[no_mangle]
pub unsafe extern "C" fn ei_m_destroy(l: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let result = libc::pthread_mutex_destroy(l.cast());
        libc::free(l);
        result
    }
}

/// Waits for the lock.
///
/// # Safety
/// `l` is a live lock.
#[no_mangle]
pub unsafe extern "C" fn ei_m_lock(l: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_mutex_lock(l.cast()) }
}

/// Takes the lock if it is free; else an error number.
///
/// # Safety
/// `l` is a live lock.
#[no_mangle]
pub unsafe extern "C" fn ei_m_trylock(l: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_mutex_trylock(l.cast()) }
}

/// Gives the lock back.
///
/// # Safety
/// `l` is a live lock that this thread holds.
#[no_mangle]
pub unsafe extern "C" fn ei_m_unlock(l: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_mutex_unlock(l.cast()) }
}

/// A new lock, or null. Free with `ei_mutex_free`.
#[no_mangle]
pub extern "C" fn ei_mutex_create() -> *mut Mutex {
    let lock = ei_m_create();
    // SAFETY: the struct is written before it is returned.
    unsafe {
        let mutex = libc::malloc(size_of::<Mutex>()).cast::<Mutex>();
        if mutex.is_null() || lock.is_null() {
            libc::free(lock);
            libc::free(mutex.cast());
            return ptr::null_mut();
        }
        mutex.write(Mutex { lock });
        mutex
    }
}

/// Waits for the lock and ends it; with `nblock` it fails instead of waiting.
///
/// # Safety
/// `l` is a live lock.
#[no_mangle]
pub unsafe extern "C" fn ei_mutex_free(l: *mut Mutex, nblock: c_int) -> c_int {
    // SAFETY: the caller's promise; the lock is held, then given back, then ended.
    unsafe {
        if ei_mutex_lock(l, nblock) != 0 {
            return -1;
        }
        ei_m_unlock((*l).lock);
        ei_m_destroy((*l).lock);
        libc::free(l.cast());
    }
    0
}

/// Waits for the lock; with `nblock` it fails with -1 instead of waiting.
///
/// # Safety
/// `l` is a live lock.
#[no_mangle]
pub unsafe extern "C" fn ei_mutex_lock(l: *mut Mutex, nblock: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if nblock == 0 {
            ei_m_lock((*l).lock);
        } else if ei_m_trylock((*l).lock) != 0 {
            return -1;
        }
    }
    0
}

/// Gives the lock back.
///
/// # Safety
/// `l` is a live lock that this thread holds.
#[no_mangle]
pub unsafe extern "C" fn ei_mutex_unlock(l: *mut Mutex) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_m_unlock((*l).lock) };
    0
}
