//! Pids, ports, references and trace tokens.

use super::super::abi::{ei_x_buff, erlang_pid, erlang_port, erlang_ref, erlang_trace, tag};
use super::super::wire::{put16, put32, put64, put8};
use super::{flat, grown, Atom, Int, Item};
use std::ffi::{c_char, c_int};
use std::ptr;

/// `88 Node Id:32 Serial:32 Creation:32`
#[derive(Clone, Copy)]
pub(crate) struct Pid(pub *const erlang_pid);

impl Pid {
    #[inline(always)]
    unsafe fn node(self) -> Atom {
        // SAFETY: the pid is readable, and its array bounds the name.
        unsafe { Atom::utf8(ptr::addr_of!((*self.0).node).cast()) }
    }
}

impl Item for Pid {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        // A whole pid struct is more than its encoding: no need to measure the name twice.
        Some(size_of::<erlang_pid>())
    }

    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe { Some(self.node().size()? + 13) }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let at = self.node().write(to.add(1));
            if at.is_null() {
                return at;
            }
            to.write(tag::NEW_PID);
            let at = put32(put32(at, (*self.0).num), (*self.0).serial);
            put32(at, (*self.0).creation)
        }
    }
}

/// `89 Node Id:32 Creation:32` up to 28 bits of id, else `120 Node Id:64 Creation:32`
#[derive(Clone, Copy)]
struct Port(*const erlang_port);

/// Ports beyond this need the form with 64 bits.
const MAX_NEW_PORT: u64 = 0x0FFF_FFFF;

impl Port {
    #[inline(always)]
    unsafe fn node(self) -> Atom {
        // SAFETY: the port is readable, and its array bounds the name.
        unsafe { Atom::utf8(ptr::addr_of!((*self.0).node).cast()) }
    }
}

impl Item for Port {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(size_of::<erlang_port>())
    }

    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe {
            let numbers = if (*self.0).id > MAX_NEW_PORT { 12 } else { 8 };
            Some(1 + self.node().size()? + numbers)
        }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let mut at = self.node().write(to.add(1));
            if at.is_null() {
                return at;
            }
            if (*self.0).id > MAX_NEW_PORT {
                to.write(tag::V4_PORT);
                at = put64(at, (*self.0).id);
            } else {
                to.write(tag::NEW_PORT);
                at = put32(at, (*self.0).id as u32);
            }
            put32(at, (*self.0).creation)
        }
    }
}

/// `90 Len:16 Node Creation:32 Len x 32`
#[derive(Clone, Copy)]
pub(crate) struct Reference(pub *const erlang_ref);

impl Reference {
    #[inline(always)]
    unsafe fn node(self) -> Atom {
        // SAFETY: the reference is readable, and its array bounds the name.
        unsafe { Atom::utf8(ptr::addr_of!((*self.0).node).cast()) }
    }

    /// Number of words; the struct has room for five, whatever `len` says.
    #[inline(always)]
    unsafe fn words(self) -> Option<usize> {
        // SAFETY: the reference is readable.
        let len = unsafe { (*self.0).len };
        (0..=5).contains(&len).then_some(len as usize)
    }
}

impl Item for Reference {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        Some(size_of::<erlang_ref>())
    }

    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe { Some(3 + self.node().size()? + 4 + 4 * self.words()?) }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let Some(words) = self.words() else {
                return ptr::null_mut();
            };
            let mut at = self.node().write(to.add(3));
            if at.is_null() {
                return at;
            }
            put16(put8(to, tag::NEWER_REFERENCE), words as u16);
            at = put32(at, (*self.0).creation);
            for i in 0..words {
                at = put32(at, *ptr::addr_of!((*self.0).n).cast::<u32>().add(i));
            }
            at
        }
    }
}

/// `{Flags, Label, Serial, From, Prev}`
#[derive(Clone, Copy)]
pub(crate) struct Trace(pub *const erlang_trace);

impl Item for Trace {
    unsafe fn room(self) -> Option<usize> {
        Some(size_of::<erlang_trace>() + 8)
    }

    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe {
            let numbers = Int((*self.0).flags).size()?
                + Int((*self.0).label).size()?
                + Int((*self.0).serial).size()?
                + Int((*self.0).prev).size()?;
            Some(2 + numbers + Pid(ptr::addr_of!((*self.0).from)).size()?)
        }
    }

    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable.
        unsafe {
            let mut at = put8(put8(to, tag::SMALL_TUPLE), 5);
            at = Int((*self.0).flags).write(at);
            at = Int((*self.0).label).write(at);
            at = Int((*self.0).serial).write(at);
            at = Pid(ptr::addr_of!((*self.0).from)).write(at);
            if at.is_null() {
                return at;
            }
            Int((*self.0).prev).write(at)
        }
    }
}

/// Encodes a pid.
///
/// # Safety
/// `p` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_pid(buf: *mut c_char, index: *mut c_int, p: *const erlang_pid) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Pid(p)) }
}

/// Appends a pid.
///
/// # Safety
/// `x` is a live buffer and `p` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_pid(x: *mut ei_x_buff, p: *const erlang_pid) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Pid(p)) }
}

/// Encodes a port.
///
/// # Safety
/// `p` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_port(buf: *mut c_char, index: *mut c_int, p: *const erlang_port) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Port(p)) }
}

/// Appends a port.
///
/// # Safety
/// `x` is a live buffer and `p` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_port(x: *mut ei_x_buff, p: *const erlang_port) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Port(p)) }
}

/// Encodes a reference.
///
/// # Safety
/// `p` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_ref(buf: *mut c_char, index: *mut c_int, p: *const erlang_ref) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Reference(p)) }
}

/// Appends a reference.
///
/// # Safety
/// `x` is a live buffer and `p` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_ref(x: *mut ei_x_buff, p: *const erlang_ref) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Reference(p)) }
}

/// Encodes a trace token.
///
/// # Safety
/// `p` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_trace(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const erlang_trace,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Trace(p)) }
}

/// Appends a trace token.
///
/// # Safety
/// `x` is a live buffer and `p` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_trace(x: *mut ei_x_buff, p: *const erlang_trace) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Trace(p)) }
}
