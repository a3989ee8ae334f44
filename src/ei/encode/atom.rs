//! Atoms, and strings (lists of bytes). Atoms always leave as UTF-8 (tags 119 and 118), whatever they came as.

use super::super::abi::{
    ei_x_buff, tag, Encoding, ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, MAXATOMLEN, MAXATOMLEN_UTF8,
};
use super::super::wire::{copy_ascii, is_ascii, length, move_bytes, put16, put32, put8};
use super::{flat, grown, Item};
use std::ffi::{c_char, c_int};
use std::ptr;

/// The longest atom in bytes: 255 characters of four.
const MAX_ATOM_BYTES: usize = MAXATOMLEN_UTF8 - 1;

#[inline(always)]
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// An atom's text and how it is encoded now.
#[derive(Clone, Copy)]
pub(crate) struct Atom {
    text: *const u8,
    len: usize,
    from: Encoding,
}

impl Atom {
    /// `len` bytes of text; a negative length is one that cannot be encoded.
    #[inline(always)]
    pub fn new(text: *const c_char, len: c_int, from: Encoding) -> Self {
        Self { text: text.cast(), len: len as u32 as usize, from }
    }

    /// A UTF-8 text that ends with NUL, or at the latest where an atom's array does.
    ///
    /// # Safety
    /// `text` is NUL-terminated or the array of an `erlang_*` struct.
    #[inline(always)]
    pub unsafe fn utf8(text: *const c_char) -> Self {
        // SAFETY: the caller's promise.
        let len = unsafe { length(text, MAXATOMLEN_UTF8) };
        Self { text: text.cast(), len, from: ERLANG_UTF8 }
    }

    /// The characters' shape and number, as OTP's own check: it does not look for overlong forms.
    unsafe fn is_utf8(self) -> bool {
        let mut at = self.text;
        let end = at.wrapping_add(self.len);
        while at < end {
            // SAFETY: `at` is before the end, and so is every continuation byte once the room was checked.
            unsafe {
                let first = *at;
                let room = end as usize - at as usize;
                if first < 0x80 {
                    at = at.add(1);
                } else if first < 0xE0 {
                    if first < 0xC0 || room < 2 || !is_continuation(*at.add(1)) {
                        return false;
                    }
                    at = at.add(2);
                } else {
                    let width = if first < 0xF0 { 3 } else { 4 };
                    if first >= 0xF8
                        || room < width
                        || !is_continuation(*at.add(1))
                        || !is_continuation(*at.add(2))
                        || !is_continuation(*at.add(width - 1))
                    {
                        return false;
                    }
                    at = at.add(width);
                }
            }
        }
        // SAFETY: `len` bytes are readable.
        let first_bytes = || (0..self.len).filter(|&i| !is_continuation(unsafe { *self.text.add(i) }));
        self.len < MAXATOMLEN || first_bytes().count() < MAXATOMLEN
    }

    /// Bytes of the header: Latin-1 text gets the long form as soon as its UTF-8 could need it.
    #[inline(always)]
    fn header(self) -> usize {
        let long = match self.from {
            ERLANG_LATIN1 => self.len >= 128,
            ERLANG_UTF8 => self.len >= 256,
            _ => false,
        };
        if long {
            3
        } else {
            2
        }
    }

    #[inline(always)]
    fn fits(self) -> bool {
        match self.from {
            ERLANG_UTF8 => self.len <= MAX_ATOM_BYTES,
            ERLANG_LATIN1 | ERLANG_ASCII => self.len < MAXATOMLEN,
            _ => false,
        }
    }

    /// Latin-1 with characters above 127, or UTF-8 likewise; null when it is not what it claims to be.
    #[cold]
    #[inline(never)]
    unsafe fn write_wide(self, to: *mut u8) -> *mut u8 {
        // SAFETY: the caller has room for the converted text.
        unsafe {
            match self.from {
                // Copied already when it was looked at, unless it was too long for that.
                ERLANG_UTF8 if self.is_utf8() => {
                    if self.len >= MAXATOMLEN {
                        ptr::copy_nonoverlapping(self.text, to, self.len);
                    }
                    to.add(self.len)
                }
                ERLANG_LATIN1 => {
                    let mut at = to;
                    for i in 0..self.len {
                        let byte = *self.text.add(i);
                        if byte < 0x80 {
                            at = put8(at, byte);
                        } else {
                            at = put8(put8(at, 0xC0 | byte >> 6), 0x80 | byte & 0x3F);
                        }
                    }
                    at
                }
                _ => ptr::null_mut(),
            }
        }
    }
}

impl Item for Atom {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        self.fits().then_some(3 + 2 * self.len)
    }

    unsafe fn size(self) -> Option<usize> {
        if !self.fits() {
            return None;
        }
        // SAFETY: `len` bytes of text are readable.
        unsafe {
            if is_ascii(self.text, self.len) && self.len < MAXATOMLEN {
                return Some(self.header() + self.len);
            }
            match self.from {
                ERLANG_LATIN1 => {
                    let wide = (0..self.len).filter(|&i| *self.text.add(i) >= 0x80).count();
                    Some(self.header() + self.len + wide)
                }
                ERLANG_UTF8 if self.is_utf8() => Some(self.header() + self.len),
                _ => None,
            }
        }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        if !self.fits() {
            return ptr::null_mut();
        }
        // SAFETY: `size()` bytes are writable; the text is copied once and looked at on the way.
        unsafe {
            let long = self.header() == 3;
            let body = to.add(2 + usize::from(long));
            let mut end = body.add(self.len);
            if self.len >= MAXATOMLEN || !copy_ascii(body, self.text, self.len) {
                end = self.write_wide(body);
                if end.is_null() {
                    return end;
                }
            }
            let len = end.offset_from(body);
            if long {
                put16(put8(to, tag::ATOM_UTF8), len as u16);
            } else {
                put8(put8(to, tag::SMALL_ATOM_UTF8), len as u8);
            }
            end
        }
    }
}

/// A list of bytes: 106 when empty, 107 up to 65,535, else 108 with one small integer per byte.
#[derive(Clone, Copy)]
struct Text {
    bytes: *const u8,
    len: c_int,
}

/// Longest run of bytes with a tag of its own; the wire counts it in 16 bits.
const MAX_STRING: c_int = 0xFFFF;

impl Item for Text {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        match self.len {
            0 => Some(1),
            1..=MAX_STRING => Some(3 + self.len as usize),
            // The index is an int: a term that does not fit behind it cannot be written.
            0x1_0000..=0x3FFF_FFF0 => Some(6 + 2 * self.len as usize),
            _ => None,
        }
    }

    #[inline(always)]
    unsafe fn write(self, to: *mut u8) -> *mut u8 {
        // SAFETY: `size()` bytes are writable and `len` readable.
        unsafe {
            if self.len as u32 <= MAX_STRING as u32 {
                if self.len == 0 {
                    return put8(to, tag::NIL);
                }
                let body = put16(put8(to, tag::STRING), self.len as u16);
                move_bytes(body, self.bytes, self.len as usize);
                body.add(self.len as usize)
            } else {
                self.write_list(to)
            }
        }
    }
}

impl Text {
    #[cold]
    #[inline(never)]
    unsafe fn write_list(self, to: *mut u8) -> *mut u8 {
        // SAFETY: as in `write`.
        unsafe {
            if self.room().is_none() {
                return ptr::null_mut();
            }
            let mut at = put32(put8(to, tag::LIST), self.len as u32);
            for i in 0..self.len as usize {
                at = put16(at, 0x6100 | u16::from(*self.bytes.add(i)));
            }
            put8(at, tag::NIL)
        }
    }
}

/// The length of a C string as an int; more than an int holds is -1.
#[inline(always)]
unsafe fn int_length(p: *const c_char) -> c_int {
    // SAFETY: the C caller's string is NUL-terminated.
    unsafe { c_int::try_from(libc::strlen(p)).unwrap_or(-1) }
}

/// Encodes a Latin-1 atom, cut after 255 characters.
///
/// # Safety
/// `p` is NUL-terminated, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_atom(buf: *mut c_char, index: *mut c_int, p: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let len = length(p, MAXATOMLEN - 1) as c_int;
        flat(buf, index, Atom::new(p, len, ERLANG_LATIN1))
    }
}

/// Encodes `len` bytes of a Latin-1 atom, cut after 255.
///
/// # Safety
/// `len` bytes at `p` are readable, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_atom_len(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    len: c_int,
) -> c_int {
    let len = len.min(MAXATOMLEN as c_int - 1);
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Atom::new(p, len, ERLANG_LATIN1)) }
}

/// Encodes an atom that is in encoding `from`. `_to` has had no effect since OTP 20.
///
/// # Safety
/// `p` is NUL-terminated, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_atom_as(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    from: Encoding,
    _to: Encoding,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let len = length(p, MAXATOMLEN_UTF8) as c_int;
        flat(buf, index, Atom::new(p, len, from))
    }
}

/// Encodes `len` bytes of an atom that is in encoding `from`. `_to` has had no effect since OTP 20.
///
/// # Safety
/// `len` bytes at `p` are readable, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_atom_len_as(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    len: c_int,
    from: Encoding,
    _to: Encoding,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Atom::new(p, len, from)) }
}

/// Appends a Latin-1 atom; -1 when it is longer than 255.
///
/// # Safety
/// `x` is a live buffer and `s` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom(x: *mut ei_x_buff, s: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Atom::new(s, length(s, MAXATOMLEN) as c_int, ERLANG_LATIN1)) }
}

/// Appends `len` bytes of a Latin-1 atom; -1 when there are more than 255.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom_len(x: *mut ei_x_buff, s: *const c_char, len: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Atom::new(s, len, ERLANG_LATIN1)) }
}

/// Appends an atom that is in encoding `from`.
///
/// # Safety
/// `x` is a live buffer and `s` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom_as(
    x: *mut ei_x_buff,
    s: *const c_char,
    from: Encoding,
    _to: Encoding,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Atom::new(s, length(s, MAXATOMLEN_UTF8) as c_int, from)) }
}

/// Appends `len` bytes of an atom that is in encoding `from`.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom_len_as(
    x: *mut ei_x_buff,
    s: *const c_char,
    len: c_int,
    from: Encoding,
    _to: Encoding,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { grown(x, Atom::new(s, len, from)) }
}

/// Writes a UTF-8 atom at `*bufp` and moves it behind; a null `*bufp` only counts.
///
/// # Safety
/// `bufp` is valid, and `slen` bytes are readable at `p`.
#[no_mangle]
pub unsafe extern "C" fn ei_internal_put_atom(
    bufp: *mut *mut c_char,
    p: *const c_char,
    slen: c_int,
    _to: Encoding,
) -> c_int {
    let mut index = 0;
    // SAFETY: the caller's promise.
    unsafe {
        if flat(*bufp, &mut index, Atom::new(p, slen, ERLANG_UTF8)) < 0 {
            return -1;
        }
        *bufp = (*bufp).wrapping_offset(index as isize);
    }
    0
}

/// Encodes a C string as a list of bytes.
///
/// # Safety
/// `p` is NUL-terminated, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_string(buf: *mut c_char, index: *mut c_int, p: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let len = int_length(p);
        let bytes = p.cast();
        flat(buf, index, Text { bytes, len })
    }
}

/// Encodes `len` bytes as a list.
///
/// # Safety
/// `len` bytes at `p` are readable, `index` valid, and `buf` null or with room behind it.
#[no_mangle]
pub unsafe extern "C" fn ei_encode_string_len(
    buf: *mut c_char,
    index: *mut c_int,
    p: *const c_char,
    len: c_int,
) -> c_int {
    let bytes = p.cast();
    // SAFETY: the caller's promise.
    unsafe { flat(buf, index, Text { bytes, len }) }
}

/// Appends a C string as a list of bytes.
///
/// # Safety
/// `x` is a live buffer and `s` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_string(x: *mut ei_x_buff, s: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let len = int_length(s);
        let bytes = s.cast();
        grown(x, Text { bytes, len })
    }
}

/// Appends `len` bytes as a list.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_string_len(x: *mut ei_x_buff, s: *const c_char, len: c_int) -> c_int {
    let bytes = s.cast();
    // SAFETY: the caller's promise.
    unsafe { grown(x, Text { bytes, len }) }
}
