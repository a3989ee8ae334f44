//! Strings, binaries, bit strings and lists of integers.

use super::super::abi::tag;
use super::super::wire::{at, be16, be32, move_bytes};
use super::done;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::ptr;

/// A length the index can move by.
#[inline(always)]
pub(super) fn fits(len: u32) -> bool {
    len <= c_int::MAX as u32 - 6
}

/// Decodes a list of bytes into a C string; also one that was too long for the short form.
///
/// # Safety
/// A term stands at the index; `p` is null or has one byte more than the list has elements.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_string(buf: *const c_char, index: *mut c_int, p: *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        match *s {
            tag::STRING => {
                let len = usize::from(be16(s.add(1)));
                if !p.is_null() {
                    move_bytes(p.cast(), s.add(3), len);
                    *p.add(len) = 0;
                }
                done(index, s, s.add(3 + len))
            }
            tag::NIL => {
                if !p.is_null() {
                    *p = 0;
                }
                done(index, s, s.add(1))
            }
            tag::LIST => string_in_list(s, index, p),
            _ => -1,
        }
    }
}

/// Stops at the first element that is no byte, with what came before it in `p`.
unsafe fn string_in_list(s: *const u8, index: *mut c_int, p: *mut c_char) -> c_int {
    // SAFETY: as in `ei_decode_string`.
    unsafe {
        let len = be32(s.add(1));
        if !fits(len) {
            return -1;
        }
        let mut from = s.add(5);
        for i in 0..len as usize {
            let byte = (*from == tag::SMALL_INTEGER).then(|| *from.add(1));
            if !p.is_null() {
                *p.add(i) = byte.unwrap_or(0) as c_char;
            }
            if byte.is_none() {
                return -1;
            }
            from = from.add(2);
        }
        if !p.is_null() {
            *p.add(len as usize) = 0;
        }
        if *from != tag::NIL {
            return -1;
        }
        done(index, s, from.add(1))
    }
}

/// Decodes a binary into `p` and tells its length.
///
/// # Safety
/// A term stands at the index; `p` is null or has room; `len` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_binary(
    buf: *const c_char,
    index: *mut c_int,
    p: *mut c_void,
    len: *mut c_long,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        if *s != tag::BINARY {
            return -1;
        }
        let size = be32(s.add(1));
        if !fits(size) {
            return -1;
        }
        if !len.is_null() {
            *len = size as c_long;
        }
        *index += 5 + size as c_int;
        // Last, so that nothing has to survive the call.
        if !p.is_null() {
            ptr::copy(s.add(5), p.cast(), size as usize);
        }
    }
    0
}

/// Finds the bits of a bit string or binary: a pointer into the buffer, an offset of 0, a number of bits.
///
/// # Safety
/// A term stands at the index; the other pointers are null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_bitstring(
    buf: *const c_char,
    index: *mut c_int,
    pp: *mut *const c_char,
    bitoffsp: *mut c_uint,
    nbitsp: *mut usize,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let (body, bits, len) = match *s {
            tag::BINARY => {
                let len = be32(s.add(1)) as usize;
                (s.add(5), len * 8, len)
            }
            tag::BIT_BINARY => {
                let len = be32(s.add(1)) as usize;
                let last = usize::from(*s.add(5));
                if (last == 0) != (len == 0) || last > 8 {
                    return -1;
                }
                let bits = if len == 0 { 0 } else { (len - 1) * 8 + last };
                (s.add(6), bits, len)
            }
            _ => return -1,
        };
        if !fits(len as u32) {
            return -1;
        }
        if !nbitsp.is_null() {
            *nbitsp = bits;
        }
        if !pp.is_null() {
            *pp = body.cast();
        }
        if !bitoffsp.is_null() {
            *bitoffsp = 0;
        }
        done(index, s, body.add(len))
    }
}

/// Decodes an integer of a list.
#[cfg(target_pointer_width = "64")]
#[inline(always)]
unsafe fn element(s: *const u8, end: &mut c_int, to: *mut c_long) -> c_int {
    // SAFETY: a term stands there; a long has 64 bits here.
    unsafe { super::number::signed(s.cast(), end, to.cast()) }
}

#[cfg(not(target_pointer_width = "64"))]
unsafe fn element(s: *const u8, end: &mut c_int, to: *mut c_long) -> c_int {
    // SAFETY: a term stands there.
    unsafe { super::ei_decode_long(s.cast(), end, to) }
}

/// Decodes a list of integers in either form; a long list's tail is left for the caller, as it always was.
///
/// # Safety
/// A term stands at the index; `a` is null or has room; `count` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_intlist(
    buf: *const c_char,
    index: *mut c_int,
    a: *mut c_long,
    count: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let (len, end) = match *s {
            tag::STRING => {
                let len = usize::from(be16(s.add(1)));
                if !a.is_null() {
                    for i in 0..len {
                        *a.add(i) = c_long::from(*s.add(3 + i));
                    }
                }
                (len, 3 + len)
            }
            tag::LIST if fits(be32(s.add(1))) => {
                let len = be32(s.add(1)) as usize;
                let mut end = 5;
                for i in 0..len {
                    let to = if a.is_null() { ptr::null_mut() } else { a.add(i) };
                    if element(s, &mut end, to) < 0 {
                        if !count.is_null() {
                            *count = i as c_int;
                        }
                        return -1;
                    }
                }
                (len, end as usize)
            }
            _ => return -1,
        };
        if !count.is_null() {
            *count = len as c_int;
        }
        done(index, s, s.add(end))
    }
}
