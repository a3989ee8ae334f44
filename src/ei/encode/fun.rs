//! Functions: closures (112, or 117 for those of the last century) and exports (113).

use super::super::abi::{ei_x_buff, erlang_fun, tag, Closure, Export, EI_FUN_CLOSURE, EI_FUN_EXPORT};
use super::super::wire::{copy, put32, put8};
use super::{flat, grown, Atom, Int, Item, Pid};
use std::ffi::{c_char, c_int};
use std::ptr;

/// Bytes of a closure before its module: tag, size, arity, digest, index, number of variables.
const CLOSURE_HEAD: usize = 1 + 4 + 1 + 16 + 4 + 4;
/// Arity of a closure in the oldest form, which does not say it.
const NO_ARITY: i64 = -1;

/// A function.
#[derive(Clone, Copy)]
struct Fun(*const erlang_fun);

impl Fun {
    #[inline(always)]
    unsafe fn module(self) -> Atom {
        // SAFETY: the struct is readable, and its array bounds the name.
        unsafe { Atom::utf8(ptr::addr_of!((*self.0).module).cast()) }
    }

    #[inline(always)]
    unsafe fn closure(self) -> *const Closure {
        // SAFETY: the struct is readable; `kind` says that the union holds a closure.
        unsafe { ptr::addr_of!((*self.0).u.closure) }
    }

    #[inline(always)]
    unsafe fn export(self) -> *const Export {
        // SAFETY: the struct is readable; `kind` says that the union holds an export.
        unsafe { ptr::addr_of!((*self.0).u.exprt) }
    }

    unsafe fn write_closure(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable; the closure is valid.
        unsafe {
            let closure = self.closure();
            let pid = Pid(ptr::addr_of!((*closure).pid));
            let mut at;
            if (*self.0).arity == NO_ARITY {
                at = pid.write(put32(put8(to, tag::FUN), (*closure).n_free_vars as u32));
                if at.is_null() {
                    return at;
                }
                at = self.module().write(at);
                if at.is_null() {
                    return at;
                }
                at = Int((*closure).uniq).write(Int((*closure).index).write(at));
            } else {
                to.write(tag::NEW_FUN);
                at = put8(to.add(5), (*self.0).arity as u8);
                copy(at, ptr::addr_of!((*closure).md5).cast(), 16);
                at = put32(at.add(16), (*closure).index as u32);
                at = self.module().write(put32(at, (*closure).n_free_vars as u32));
                if at.is_null() {
                    return at;
                }
                at = Int((*closure).uniq).write(Int((*closure).old_index).write(at));
                at = pid.write(at);
                if at.is_null() {
                    return at;
                }
            }
            let len = (*closure).free_var_len.max(0) as usize;
            if len > 0 {
                copy(at, (*closure).free_vars.cast(), len);
            }
            at = at.add(len);
            if (*self.0).arity != NO_ARITY {
                put32(to.add(1), at.offset_from(to.add(1)) as u32);
            }
            at
        }
    }

    unsafe fn write_export(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable; the function's name is NUL-terminated.
        unsafe {
            let at = self.module().write(put8(to, tag::EXPORT));
            if at.is_null() {
                return at;
            }
            let at = Atom::utf8((*self.export()).func).write(at);
            if at.is_null() {
                return at;
            }
            Int((*self.0).arity).write(at)
        }
    }
}

impl Item for Fun {
    unsafe fn room(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe { self.size() }
    }

    unsafe fn size(self) -> Option<usize> {
        // SAFETY: the caller's promise.
        unsafe {
            match (*self.0).kind {
                EI_FUN_CLOSURE => {
                    let closure = self.closure();
                    let free = usize::try_from((*closure).free_var_len).ok()?;
                    let fixed = Pid(ptr::addr_of!((*closure).pid)).size()? + self.module().size()?;
                    let numbers = Int((*closure).uniq).size()?;
                    if (*self.0).arity == NO_ARITY {
                        Some(5 + fixed + numbers + Int((*closure).index).size()? + free)
                    } else {
                        let numbers = numbers + Int((*closure).old_index).size()?;
                        Some(CLOSURE_HEAD + fixed + numbers + free)
                    }
                }
                EI_FUN_EXPORT => {
                    let names = self.module().size()? + Atom::utf8((*self.export()).func).size()?;
                    Some(1 + names + Int((*self.0).arity).size()?)
                }
                _ => Some(0),
            }
        }
    }

    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            match (*self.0).kind {
                EI_FUN_CLOSURE => self.write_closure(to),
                EI_FUN_EXPORT => self.write_export(to),
                _ => to,
            }
        }
    }
}

/// Encodes a function.
///
/// # Safety
/// `p` and `index` are valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_fun(buf: *mut c_char, index: *mut c_int, p: *const erlang_fun) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Fun(p)) }
}

/// Appends a function.
///
/// # Safety
/// `x` is a live buffer and `p` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_fun(x: *mut ei_x_buff, p: *const erlang_fun) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Fun(p)) }
}
