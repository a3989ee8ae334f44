//! Functions. A closure's variables stay encoded, in memory of their own that `free_fun` releases.

use super::super::abi::{
    erlang_fun, tag, Closure, EI_FUN_CLOSURE, EI_FUN_EXPORT, ERLANG_UTF8, MAXATOMLEN_UTF8,
};
use super::super::wire::{at, be32, copy};
use super::super::xbuff::{ei_free, ei_malloc};
use super::atom::node;
use super::skip::terms;
use super::{done, ei_decode_atom_as, ei_decode_long, ids};
use std::ffi::{c_char, c_int, c_long};
use std::ptr;

/// What comes before a closure's variables.
pub(super) struct Head {
    /// The place of the first variable.
    pub end: *const u8,
    /// How many there are.
    pub variables: u64,
}

/// The closure inside a struct that may be null.
unsafe fn closure_of(p: *mut erlang_fun) -> *mut Closure {
    if p.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the caller's struct is writable.
    unsafe { ptr::addr_of_mut!((*p).u.closure) }
}

/// Reads an integer into a member of a struct that may be null.
unsafe fn long_into(s: *const u8, to: *mut c_long) -> Option<*const u8> {
    let mut end = 0;
    // SAFETY: the caller promises a term, and `to` null or valid.
    unsafe {
        if ei_decode_long(s.cast(), &mut end, to) < 0 {
            return None;
        }
        Some(s.add(end as usize))
    }
}

/// `112 Size:32 Arity:8 Uniq:16 Index:32 NumFree:32 Module OldIndex OldUniq Pid`
pub(super) unsafe fn new_closure_head(s: *const u8, p: *mut erlang_fun) -> Option<Head> {
    // SAFETY: the caller promises a term at `s`, and `p` null or valid.
    unsafe {
        let closure = closure_of(p);
        let variables = be32(s.add(26)) as i32;
        let (mut module, mut pid) = (ptr::null_mut(), ptr::null_mut());
        let (mut old_index, mut uniq) = (ptr::null_mut(), ptr::null_mut());
        if !p.is_null() {
            (*p).kind = EI_FUN_CLOSURE;
            (*p).arity = c_long::from(*s.add(5));
            copy(ptr::addr_of_mut!((*closure).md5).cast(), s.add(6), 16);
            (*closure).index = c_long::from(be32(s.add(22)) as i32);
            (*closure).n_free_vars = c_long::from(variables);
            module = ptr::addr_of_mut!((*p).module).cast();
            pid = ptr::addr_of_mut!((*closure).pid);
            old_index = ptr::addr_of_mut!((*closure).old_index);
            uniq = ptr::addr_of_mut!((*closure).uniq);
        }
        let mut at = node(s.add(30), module)?;
        at = long_into(at, old_index)?;
        at = long_into(at, uniq)?;
        Some(Head { end: ids::pid(at, pid)?, variables: variables.max(0) as u64 })
    }
}

/// `117 NumFree:32 Pid Module Index Uniq`, from the last century.
pub(super) unsafe fn closure_head(s: *const u8, p: *mut erlang_fun) -> Option<Head> {
    // SAFETY: the caller promises a term at `s`, and `p` null or valid.
    unsafe {
        let closure = closure_of(p);
        let variables = be32(s.add(1)) as i32;
        let (mut module, mut pid) = (ptr::null_mut(), ptr::null_mut());
        let (mut index, mut uniq) = (ptr::null_mut(), ptr::null_mut());
        if !p.is_null() {
            (*p).kind = EI_FUN_CLOSURE;
            (*p).arity = -1;
            (*closure).n_free_vars = c_long::from(variables);
            module = ptr::addr_of_mut!((*p).module).cast();
            pid = ptr::addr_of_mut!((*closure).pid);
            index = ptr::addr_of_mut!((*closure).index);
            uniq = ptr::addr_of_mut!((*closure).uniq);
        }
        let mut at = ids::pid(s.add(5), pid)?;
        at = node(at, module)?;
        at = long_into(at, index)?;
        Some(Head { end: long_into(at, uniq)?, variables: variables.max(0) as u64 })
    }
}

/// Keeps a copy of the encoded variables.
unsafe fn keep_variables(closure: *mut Closure, from: *const u8, end: *const u8) -> Option<()> {
    // SAFETY: the bytes between the two are the variables; the closure is writable.
    unsafe {
        let len = end.offset_from(from) as usize;
        (*closure).free_var_len = len as c_long;
        if len > 0 {
            let kept = ei_malloc(len as c_long).cast::<u8>();
            if kept.is_null() {
                (*closure).free_var_len = 0;
                return None;
            }
            copy(kept, from, len);
            (*closure).free_vars = kept.cast();
        }
        Some(())
    }
}

/// The place behind the variables of the closure at `s`. The number of variables decides; the size in the term, which
/// some releases wrote too large, decides only when the variables are of kinds unknown here.
unsafe fn new_closure_end(s: *const u8, head: &Head) -> Option<*const u8> {
    // SAFETY: the caller promises a whole term.
    unsafe {
        if let Some(end) = terms(head.end, head.variables) {
            return Some(end);
        }
        let claimed = be32(s.add(1)) as i32 as i64 + 1;
        let used = head.end.offset_from(s) as i64;
        (claimed >= used).then(|| s.offset(claimed as isize))
    }
}

/// `113 Module Function Arity`
unsafe fn export(s: *const u8, p: *mut erlang_fun) -> Option<*const u8> {
    // SAFETY: the caller promises a term at `s`, and `p` null or valid.
    unsafe {
        if p.is_null() {
            let function = node(s.add(1), ptr::null_mut())?;
            let arity = node(function, ptr::null_mut())?;
            return long_into(arity, ptr::null_mut());
        }
        (*p).kind = EI_FUN_EXPORT;
        let module = ptr::addr_of_mut!((*p).module).cast::<c_char>();
        let function = node(s.add(1), module)?;
        // The function's name goes behind the module's in the same array when it fits there.
        let used = libc::strlen(module) + 1;
        let (mut name, mut allocated) = (module.add(used), 0);
        let mut arity = function_name(function, name, MAXATOMLEN_UTF8 - used);
        if arity.is_none() {
            name = ei_malloc(MAXATOMLEN_UTF8 as c_long).cast();
            allocated = 1;
            if !name.is_null() {
                arity = function_name(function, name, MAXATOMLEN_UTF8);
            }
        }
        let end = arity.and_then(|at| long_into(at, ptr::addr_of_mut!((*p).arity)));
        if end.is_none() && allocated == 1 {
            ei_free(name.cast());
            (name, allocated) = (ptr::null_mut(), 0);
        }
        (*p).u.exprt.func = name;
        (*p).u.exprt.func_allocated = allocated;
        end
    }
}

unsafe fn function_name(s: *const u8, to: *mut c_char, room: usize) -> Option<*const u8> {
    let mut end = 0;
    // SAFETY: the caller promises a term, and `room` bytes at `to`.
    unsafe {
        let none = ptr::null_mut();
        let size = room as c_int;
        if ei_decode_atom_as(s.cast(), &mut end, to, size, ERLANG_UTF8, none, none) < 0 {
            return None;
        }
        Some(s.add(end as usize))
    }
}

unsafe fn fun(s: *const u8, p: *mut erlang_fun) -> Option<*const u8> {
    // SAFETY: the caller promises a term at `s`, and `p` null or valid.
    unsafe {
        let (head, end) = match *s {
            tag::NEW_FUN => {
                let head = new_closure_head(s, p)?;
                let end = new_closure_end(s, &head)?;
                (head, end)
            }
            tag::FUN => {
                let head = closure_head(s, p)?;
                let end = terms(head.end, head.variables)?;
                (head, end)
            }
            tag::EXPORT => return export(s, p),
            _ => return None,
        };
        if !p.is_null() {
            keep_variables(closure_of(p), head.end, end)?;
        }
        Some(end)
    }
}

/// Decodes a function. Release it with `free_fun`.
///
/// # Safety
/// A term stands at the index; `p` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_fun(buf: *const c_char, index: *mut c_int, p: *mut erlang_fun) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        match fun(s, p) {
            Some(end) => done(index, s, end),
            None => -1,
        }
    }
}

/// Releases what `ei_decode_fun` allocated, not the struct itself.
///
/// # Safety
/// `f` was filled by a successful `ei_decode_fun`, and is not freed twice.
#[no_mangle]
pub unsafe extern "C" fn free_fun(f: *mut erlang_fun) {
    // SAFETY: the caller's promise; `kind` says which member of the union holds.
    unsafe {
        match (*f).kind {
            EI_FUN_CLOSURE if (*f).u.closure.free_var_len > 0 => {
                ei_free((*f).u.closure.free_vars.cast());
            }
            EI_FUN_EXPORT if (*f).u.exprt.func_allocated != 0 => {
                ei_free((*f).u.exprt.func.cast());
            }
            _ => {}
        }
    }
}
