//! Atoms in the encoding the caller wants, and the two conversions between Latin-1 and UTF-8.

use super::super::abi::{
    tag, Encoding, ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, MAXATOMLEN, MAXATOMLEN_UTF8,
};
use super::super::wire::{at, be16, copy, copy_ascii, is_ascii, put8};
use super::done;
use std::ffi::{c_char, c_int};
use std::ptr;

/// An atom as it stands in a buffer.
pub(super) struct Atom {
    pub text: *const u8,
    pub len: usize,
    pub encoding: Encoding,
}

impl Atom {
    /// The atom at `s`, if one stands there.
    #[inline(always)]
    pub unsafe fn at(s: *const u8) -> Option<Self> {
        // SAFETY: the caller promises a term at `s`.
        unsafe {
            let (text, len, encoding) = match *s {
                tag::SMALL_ATOM_UTF8 => (s.add(2), usize::from(*s.add(1)), ERLANG_UTF8),
                tag::ATOM_UTF8 => (s.add(3), usize::from(be16(s.add(1))), ERLANG_UTF8),
                tag::ATOM => (s.add(3), usize::from(be16(s.add(1))), ERLANG_LATIN1),
                tag::SMALL_ATOM => (s.add(2), usize::from(*s.add(1)), ERLANG_LATIN1),
                _ => return None,
            };
            Some(Self { text, len, encoding })
        }
    }

    /// The place behind the atom.
    #[inline(always)]
    pub fn end(&self) -> *const u8 {
        self.text.wrapping_add(self.len)
    }

    /// Copies the text as it stands into `dest` (which may be null) of `room` bytes, and ends it with NUL.
    #[inline(always)]
    unsafe fn copy_raw(&self, dest: *mut c_char, room: usize) -> bool {
        if self.len >= room {
            return false;
        }
        if !dest.is_null() {
            // SAFETY: the text and its NUL fit into `room` bytes.
            unsafe {
                copy(dest.cast(), self.text, self.len);
                *dest.add(self.len) = 0;
            }
        }
        true
    }
}

/// The node name inside a pid, port or reference: UTF-8 into an array of `MAXATOMLEN_UTF8`. Returns the place behind.
///
/// # Safety
/// A term stands at `s`; `dest` is null or such an array.
#[inline(always)]
pub(super) unsafe fn node(s: *const u8, dest: *mut c_char) -> Option<*const u8> {
    // SAFETY: the caller's promise.
    unsafe {
        let atom = Atom::at(s)?;
        if atom.encoding == ERLANG_UTF8 {
            atom.copy_raw(dest, MAXATOMLEN_UTF8)
        } else {
            node_from_latin1(&atom, dest)
        }
        .then_some(atom.end())
    }
}

#[cold]
#[inline(never)]
unsafe fn node_from_latin1(atom: &Atom, dest: *mut c_char) -> bool {
    // SAFETY: the caller's promise: `dest` is null or has MAXATOMLEN_UTF8 bytes.
    unsafe {
        let room = MAXATOMLEN_UTF8 - 1;
        match widen(dest.cast(), atom.text, atom.len, room) {
            Some((len, _)) => {
                if !dest.is_null() {
                    *dest.add(len) = 0;
                }
                true
            }
            None => false,
        }
    }
}

/// Latin-1 to UTF-8. Returns the length and whether all was ASCII; `None` when `room` is too small.
unsafe fn widen(dst: *mut u8, src: *const u8, len: usize, room: usize) -> Option<(usize, bool)> {
    // SAFETY: `len` bytes are readable at `src`; nothing is written beyond `room`.
    unsafe {
        if len <= room && ascii(dst, src, len) {
            return Some((len, true));
        }
        let (mut used, mut plain) = (0, true);
        for i in 0..len {
            let byte = *src.add(i);
            let need = if byte < 0x80 { 1 } else { 2 };
            if room - used < need {
                return None;
            }
            if !dst.is_null() {
                if byte < 0x80 {
                    put8(dst.add(used), byte);
                } else {
                    put8(put8(dst.add(used), 0xC0 | byte >> 6), 0x80 | byte & 0x3F);
                }
            }
            plain &= need == 1;
            used += need;
        }
        Some((used, plain))
    }
}

/// UTF-8 to Latin-1. Returns the length and whether all was ASCII; `None` when `room` is too small or a character
/// is none of Latin-1.
unsafe fn narrow(dst: *mut u8, src: *const u8, len: usize, room: usize) -> Option<(usize, bool)> {
    // SAFETY: `len` bytes are readable at `src`; nothing is written beyond `room`.
    unsafe {
        if len <= room && ascii(dst, src, len) {
            return Some((len, true));
        }
        let (mut used, mut plain, mut i) = (0, true, 0);
        while i < len {
            if used >= room {
                return None;
            }
            let mut byte = *src.add(i);
            i += 1;
            if byte >= 0x80 {
                if byte & 0xFE != 0xC2 || i >= len || *src.add(i) & 0xC0 != 0x80 {
                    return None;
                }
                byte = byte << 6 | *src.add(i) & 0x3F;
                plain = false;
                i += 1;
            }
            if !dst.is_null() {
                put8(dst.add(used), byte);
            }
            used += 1;
        }
        Some((used, plain))
    }
}

/// Copies (or only looks, when `dst` is null) and tells whether all is ASCII.
#[inline(always)]
unsafe fn ascii(dst: *mut u8, src: *const u8, len: usize) -> bool {
    // SAFETY: the callers checked that `len` bytes fit.
    unsafe {
        if dst.is_null() {
            is_ascii(src, len)
        } else {
            copy_ascii(dst, src, len)
        }
    }
}

/// Decodes an atom as Latin-1 into 256 bytes.
///
/// # Safety
/// A term stands at the index; `p` is null or has `MAXATOMLEN` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_atom(buf: *const c_char, index: *mut c_int, p: *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let Some(atom) = Atom::at(s) else {
            return -1;
        };
        if atom.encoding == ERLANG_LATIN1 {
            if !atom.copy_raw(p, MAXATOMLEN) {
                return -1;
            }
        } else {
            let Some((len, _)) = narrow(p.cast(), atom.text, atom.len, MAXATOMLEN - 1) else {
                return -1;
            };
            if !p.is_null() {
                *p.add(len) = 0;
            }
        }
        done(index, s, atom.end())
    }
}

/// Decodes an atom into `destlen` bytes in the encoding wanted, and tells which one it was in and which one the result
/// really needs.
///
/// # Safety
/// A term stands at the index; the pointers are null or valid, `p` for `destlen` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_atom_as(
    buf: *const c_char,
    index: *mut c_int,
    p: *mut c_char,
    destlen: c_int,
    want: Encoding,
    was: *mut Encoding,
    result: *mut Encoding,
) -> c_int {
    let room = usize::try_from(destlen).unwrap_or(0);
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let Some(atom) = Atom::at(s) else {
            return -1;
        };
        let as_it_is = want & atom.encoding != 0 || want == ERLANG_ASCII;
        if as_it_is {
            let look = want == ERLANG_ASCII || !result.is_null();
            let plain = !look || is_ascii(atom.text, atom.len);
            if want == ERLANG_ASCII && !plain || !atom.copy_raw(p, room) {
                return -1;
            }
            if !result.is_null() {
                *result = if plain { ERLANG_ASCII } else { atom.encoding };
            }
        } else {
            let room = match room.checked_sub(1) {
                Some(room) => room,
                // Nothing is written, so a room of nothing is no limit.
                None if p.is_null() => usize::MAX,
                None => return -1,
            };
            let (converted, wide) = if atom.encoding == ERLANG_LATIN1 {
                (widen(p.cast(), atom.text, atom.len, room), ERLANG_UTF8)
            } else {
                (narrow(p.cast(), atom.text, atom.len, room), ERLANG_LATIN1)
            };
            let Some((len, plain)) = converted else {
                return -1;
            };
            if !p.is_null() {
                *p.add(len) = 0;
            }
            if !result.is_null() {
                *result = if plain { ERLANG_ASCII } else { wide };
            }
        }
        if !was.is_null() {
            *was = atom.encoding;
        }
        done(index, s, atom.end())
    }
}

/// Reads an atom at `*bufp` as UTF-8 and moves it behind.
///
/// # Safety
/// A term stands at `*bufp`; `p` is null or has `MAXATOMLEN_UTF8` bytes; `was` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_internal_get_atom(
    bufp: *mut *const c_char,
    p: *mut c_char,
    was: *mut Encoding,
) -> c_int {
    let mut index = 0;
    let size = MAXATOMLEN_UTF8 as c_int;
    // SAFETY: the caller's promise.
    unsafe {
        let none = ptr::null_mut();
        if ei_decode_atom_as(*bufp, &mut index, p, size, ERLANG_UTF8, was, none) < 0 {
            return -1;
        }
        *bufp = (*bufp).offset(index as isize);
    }
    0
}

/// Converts `slen` bytes of UTF-8 to Latin-1; returns the length or -1.
///
/// # Safety
/// `src` is readable; `dst` is null or has `destlen` bytes; `result` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn utf8_to_latin1(
    dst: *mut c_char,
    src: *const c_char,
    slen: c_int,
    destlen: c_int,
    result: *mut Encoding,
) -> c_int {
    let (Ok(len), Ok(room)) = (usize::try_from(slen), usize::try_from(destlen)) else {
        return -1;
    };
    // SAFETY: the caller's promise.
    unsafe { report(narrow(dst.cast(), src.cast(), len, room), ERLANG_LATIN1, result) }
}

/// Converts `slen` bytes of Latin-1 to UTF-8; returns the length or -1.
///
/// # Safety
/// `src` is readable; `dst` is null or has `destlen` bytes; `result` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn latin1_to_utf8(
    dst: *mut c_char,
    src: *const c_char,
    slen: c_int,
    destlen: c_int,
    result: *mut Encoding,
) -> c_int {
    let (Ok(len), Ok(room)) = (usize::try_from(slen), usize::try_from(destlen)) else {
        return -1;
    };
    // SAFETY: the caller's promise.
    unsafe { report(widen(dst.cast(), src.cast(), len, room), ERLANG_UTF8, result) }
}

unsafe fn report(done: Option<(usize, bool)>, wide: Encoding, result: *mut Encoding) -> c_int {
    let Some((len, plain)) = done else {
        return -1;
    };
    if !result.is_null() {
        // SAFETY: the caller's promise.
        unsafe { *result = if plain { ERLANG_ASCII } else { wide } };
    }
    len as c_int
}
