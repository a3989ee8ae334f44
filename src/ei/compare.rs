//! Comparing pids, ports and references in the order a BEAM has.

use super::abi::{erlang_pid, erlang_port, erlang_ref, MAXATOMLEN_UTF8};
use std::ffi::{c_char, c_int, c_uint};

/// Node names first, then creations. What C's comparison of strings returns is passed on as it is.
#[inline(always)]
unsafe fn nodes(a: *const c_char, a_creation: c_uint, b: *const c_char, b_creation: c_uint) -> c_int {
    // SAFETY: both are the name arrays of the caller's structs.
    unsafe {
        if a_creation == b_creation {
            libc::strncmp(a, b, MAXATOMLEN_UTF8)
        } else {
            incarnations(a, a_creation, b, b_creation)
        }
    }
}

/// Two incarnations, of one node or of two: rare, and kept out of the way of the common case.
#[cold]
#[inline(never)]
unsafe fn incarnations(a: *const c_char, a_creation: c_uint, b: *const c_char, b_creation: c_uint) -> c_int {
    // SAFETY: as in `nodes`.
    match unsafe { libc::strncmp(a, b, MAXATOMLEN_UTF8) } {
        0 => a_creation.cmp(&b_creation) as c_int,
        differ => differ,
    }
}

/// # Safety
/// Both pids are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_cmp_pids(a: *mut erlang_pid, b: *mut erlang_pid) -> c_int {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe { (&*a, &*b) };
    if a.serial != b.serial || a.num != b.num {
        return (a.serial, a.num).cmp(&(b.serial, b.num)) as c_int;
    }
    // SAFETY: the names are arrays of the two structs.
    unsafe { nodes(a.node.as_ptr(), a.creation, b.node.as_ptr(), b.creation) }
}

/// # Safety
/// Both ports are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_cmp_ports(a: *mut erlang_port, b: *mut erlang_port) -> c_int {
    // SAFETY: the caller's promise; the names are arrays of the two structs.
    unsafe {
        let (a, b) = (&*a, &*b);
        match nodes(a.node.as_ptr(), a.creation, b.node.as_ptr(), b.creation) {
            0 => a.id.cmp(&b.id) as c_int,
            differ => differ,
        }
    }
}

/// Words that are missing in the shorter one count as 0; the last word weighs most.
///
/// # Safety
/// Both references are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_cmp_refs(a: *mut erlang_ref, b: *mut erlang_ref) -> c_int {
    // SAFETY: the caller's promise; the names are arrays of the two structs.
    unsafe {
        let (a, b) = (&*a, &*b);
        let differ = nodes(a.node.as_ptr(), a.creation, b.node.as_ptr(), b.creation);
        if differ != 0 {
            return differ;
        }
        words(a).cmp(words(b)) as c_int
    }
}

/// The words in use, most significant first, zeros in front left out.
fn words(r: &erlang_ref) -> impl Iterator<Item = (usize, c_uint)> + '_ {
    let len = r.len.clamp(0, 5) as usize;
    let used = r.n[..len].iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
    (0..used).rev().map(move |i| (i + 1, r.n[i]))
}
