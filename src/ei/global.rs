//! Global names, asked of a connected node through `rex`.

use super::abi::*;
use super::bounds::term_len;
use super::decode::{ei_decode_atom, ei_decode_list_header, ei_decode_pid};
use super::encode::*;
use super::node::{ei_self, text};
use super::rpc::{answer, request, told};
use super::socket::Errno;
use super::{errno, wire};
use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

/// Kinds of messages that `global` sends along with its answer.
const LINK: c_int = 1;
const UNLINK: c_int = 4;

/// Calls `global:Function(Args)`.
unsafe fn call(
    fd: c_int,
    from: *const erlang_pid,
    function: &'static std::ffi::CStr,
    swallowed: &[c_int],
    args: impl FnOnce(*mut ei_x_buff) -> bool,
) -> Result<(Vec<u8>, usize), Errno> {
    // SAFETY: the C caller's pid is valid.
    unsafe {
        request(fd, from, (c"global".as_ptr(), function.as_ptr()), c"user", args)?;
    }
    answer(fd, swallowed, || {})
}

/// The first whole term of a result.
fn whole(result: &[u8]) -> Result<&[u8], Errno> {
    term_len(result).map(|len| &result[..len]).ok_or(libc::EBADMSG)
}

/// Whether a result is this atom.
fn is_atom(result: &[u8], name: &[u8]) -> bool {
    let mut atom = [0 as c_char; MAXATOMLEN];
    let mut end = 0;
    // SAFETY: a whole term stands there; the array takes any Latin-1 atom.
    unsafe {
        whole(result).is_ok()
            && ei_decode_atom(result.as_ptr().cast(), &mut end, atom.as_mut_ptr()) == 0
            && text(&atom) == name
    }
}

/// All global names: an array of strings that ends with a null pointer, in one block; free it with `free`.
///
/// # Safety
/// `ec` is valid, `count` null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_global_names(
    ec: *mut ei_cnode,
    fd: c_int,
    count: *mut c_int,
) -> *mut *mut c_char {
    // SAFETY: the caller's promise.
    unsafe {
        let result = call(fd, ei_self(ec), c"registered_names", &[], |x| ei_x_encode_empty_list(x) == 0);
        match result.and_then(|(packet, at)| names(&packet[at..], count)) {
            Ok(names) => names,
            Err(error) => {
                errno::set_coarse(error);
                ptr::null_mut()
            }
        }
    }
}

unsafe fn names(result: &[u8], count: *mut c_int) -> Result<*mut *mut c_char, Errno> {
    let list = whole(result)?;
    let (mut index, mut arity) = (0, 0);
    // SAFETY: a whole term stands in `list`; every name read is checked to be whole, and a name is never longer than its term.
    unsafe {
        if ei_decode_list_header(list.as_ptr().cast(), &mut index, &mut arity) < 0 {
            return Err(libc::EBADMSG);
        }
        let pointers = arity as usize + 1;
        let block = libc::malloc(pointers * size_of::<*mut c_char>() + list.len() + 1);
        let names = block.cast::<*mut c_char>();
        if names.is_null() {
            return Err(libc::ENOMEM);
        }
        let mut text = names.add(pointers).cast::<c_char>();
        let mut found = 0;
        while found < arity as usize {
            // A name that is no atom ends the list, as ever.
            if ei_decode_atom(list.as_ptr().cast(), &mut index, text) < 0 {
                break;
            }
            *names.add(found) = text;
            text = text.add(wire::length(text, MAXATOMLEN) + 1);
            found += 1;
        }
        *names.add(found) = ptr::null_mut();
        if !count.is_null() {
            *count = found as c_int;
        }
        Ok(names)
    }
}

/// The pid behind a global name; its node goes to `node` unless that is null.
///
/// # Safety
/// `ec` and `pid` are valid, `name` NUL-terminated, `node` null or with room for a node name.
#[no_mangle]
pub unsafe extern "C" fn ei_global_whereis(
    ec: *mut ei_cnode,
    fd: c_int,
    name: *const c_char,
    pid: *mut erlang_pid,
    node: *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise; the pid is read only when it was decoded.
    unsafe {
        let result = call(fd, ei_self(ec), c"whereis_name", &[], |x| one_name(x, name));
        told(result.and_then(|(packet, at)| {
            let mut found = MaybeUninit::<erlang_pid>::uninit();
            let mut index = 0;
            let result = whole(&packet[at..])?;
            if ei_decode_pid(result.as_ptr().cast(), &mut index, found.as_mut_ptr()) < 0 {
                return Err(libc::EBADMSG);
            }
            *pid = found.assume_init();
            if !node.is_null() {
                let text = (&raw const (*pid).node).cast::<c_char>();
                let len = wire::length(text, MAXATOMLEN_UTF8);
                ptr::copy_nonoverlapping(text, node, len);
                *node.add(len) = 0;
            }
            Ok(())
        }))
    }
}

/// `[Name]`
unsafe fn one_name(x: *mut ei_x_buff, name: *const c_char) -> bool {
    // SAFETY: the buffer is live, the C caller's name NUL-terminated.
    unsafe {
        ei_x_encode_list_header(x, 1) == 0 && ei_x_encode_atom(x, name) == 0 && ei_x_encode_empty_list(x) == 0
    }
}

/// Gives `pid` a global name. A conflict is told to the pid by a message.
///
/// # Safety
/// `name` is NUL-terminated and `pid` valid.
#[no_mangle]
pub unsafe extern "C" fn ei_global_register(fd: c_int, name: *const c_char, pid: *mut erlang_pid) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        // {global, cnode} is the resolver that global keeps for C nodes.
        let result = call(fd, pid, c"register_name_external", &[LINK], |x| {
            ei_x_encode_list_header(x, 3) == 0
                && ei_x_encode_atom(x, name) == 0
                && ei_x_encode_pid(x, pid) == 0
                && ei_x_encode_tuple_header(x, 2) == 0
                && ei_x_encode_atom(x, c"global".as_ptr()) == 0
                && ei_x_encode_atom(x, c"cnode".as_ptr()) == 0
                && ei_x_encode_empty_list(x) == 0
        });
        told(result.and_then(|(packet, at)| confirmed(&packet[at..], b"yes")))
    }
}

/// Takes a global name back.
///
/// # Safety
/// `ec` is valid and `name` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_global_unregister(ec: *mut ei_cnode, fd: c_int, name: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let result = call(fd, ei_self(ec), c"unregister_name_external", &[UNLINK], |x| one_name(x, name));
        told(result.and_then(|(packet, at)| confirmed(&packet[at..], b"ok")))
    }
}

fn confirmed(result: &[u8], word: &[u8]) -> Result<(), Errno> {
    if is_atom(result, word) {
        Ok(())
    } else {
        Err(libc::EBADMSG)
    }
}
