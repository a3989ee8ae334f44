//! Atoms. They always leave as UTF-8 (tags 119 and 118), whatever they came as.

use super::super::abi::{
    ei_x_buff, tag, Encoding, ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, MAXATOMLEN, MAXATOMLEN_UTF8,
};
use super::super::wire::{copy_ascii, is_ascii, length, put16, put8};
use super::super::xbuff::place;
use super::{after_growing, flat, Item};
use std::ffi::{c_char, c_int};
use std::ptr;

/// The longest atom in bytes: 255 characters of four.
const MAX_ATOM_BYTES: usize = MAXATOMLEN_UTF8 - 1;

#[inline(always)]
fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The characters' shape and number, as OTP's own check: it does not look for overlong forms.
#[inline(always)]
unsafe fn looks_utf8(text: *const u8, len: usize) -> bool {
    let mut at = 0;
    // SAFETY: `at` is before the end, and so is every continuation byte once the room was checked.
    unsafe {
        while at < len {
            let first = *text.add(at);
            if first < 0x80 {
                at += 1;
                continue;
            }
            let follows = |n: usize| is_continuation(*text.add(at + n));
            at += match first {
                0xC0..0xE0 if at + 2 <= len && follows(1) => 2,
                0xE0..0xF0 if at + 3 <= len && follows(1) && follows(2) => 3,
                0xF0..0xF8 if at + 4 <= len && follows(1) && follows(2) && follows(3) => 4,
                _ => return false,
            };
        }
        len < MAXATOMLEN || (0..len).filter(|&i| !is_continuation(*text.add(i))).count() < MAXATOMLEN
    }
}

/// [`looks_utf8`], called and not repeated.
#[inline(never)]
unsafe fn is_utf8(text: *const u8, len: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { looks_utf8(text, len) }
}

/// Latin-1 with characters above 127, as UTF-8; the end of it.
#[cold]
#[inline(never)]
unsafe fn put_latin1(to: *mut u8, text: *const u8, len: usize) -> *mut u8 {
    let mut at = to;
    for i in 0..len {
        // SAFETY: the caller has room for the converted text.
        unsafe {
            let byte = *text.add(i);
            if byte < 0x80 {
                at = put8(at, byte);
            } else {
                at = put8(put8(at, 0xC0 | byte >> 6), 0x80 | byte & 0x3F);
            }
        }
    }
    at
}

/// An atom's text and how it is encoded now.
#[derive(Clone, Copy)]
pub(crate) struct Atom {
    text: *const u8,
    bytes: u32,
    from: Encoding,
}

impl Atom {
    /// `len` bytes of text; a negative length is one that cannot be encoded.
    #[inline(always)]
    pub fn new(text: *const c_char, len: c_int, from: Encoding) -> Self {
        Self { text: text.cast(), bytes: len as u32, from }
    }

    /// A UTF-8 text that ends with NUL, or at the latest where an atom's array does.
    ///
    /// # Safety
    /// `text` is NUL-terminated or the array of an `erlang_*` struct.
    #[inline(always)]
    pub unsafe fn utf8(text: *const c_char) -> Self {
        // SAFETY: the caller's promise.
        Self::new(text, unsafe { length(text, MAXATOMLEN_UTF8) } as c_int, ERLANG_UTF8)
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.bytes as usize
    }

    /// Bytes of the header: Latin-1 text gets the long form as soon as its UTF-8 could need it.
    #[inline(always)]
    fn header(self) -> usize {
        let long = match self.from {
            ERLANG_LATIN1 => self.len() >= 128,
            ERLANG_UTF8 => self.len() >= 256,
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
            ERLANG_UTF8 => self.len() <= MAX_ATOM_BYTES,
            ERLANG_LATIN1 | ERLANG_ASCII => self.len() < MAXATOMLEN,
            _ => false,
        }
    }
}

impl Item for Atom {
    #[inline(always)]
    unsafe fn room(self) -> Option<usize> {
        self.fits().then_some(3 + 2 * self.len())
    }

    #[inline(always)]
    unsafe fn size(self) -> Option<usize> {
        if !self.fits() {
            return None;
        }
        // SAFETY: `len` bytes of text are readable.
        unsafe {
            if is_ascii(self.text, self.len()) && self.len() < MAXATOMLEN {
                return Some(self.header() + self.len());
            }
            match self.from {
                ERLANG_LATIN1 => {
                    let wide = (0..self.len()).filter(|&i| *self.text.add(i) >= 0x80).count();
                    Some(self.header() + self.len() + wide)
                }
                ERLANG_UTF8 if looks_utf8(self.text, self.len()) => Some(self.header() + self.len()),
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
            let mut end = body.add(self.len());
            if self.len() >= MAXATOMLEN {
                if self.from != ERLANG_UTF8 || !is_utf8(self.text, self.len()) {
                    return ptr::null_mut();
                }
                ptr::copy_nonoverlapping(self.text, body, self.len());
            } else if !copy_ascii(body, self.text, self.len()) {
                match self.from {
                    ERLANG_UTF8 if is_utf8(self.text, self.len()) => {}
                    ERLANG_LATIN1 => end = put_latin1(body, self.text, self.len()),
                    _ => return ptr::null_mut(),
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

/// Longest text that the exported functions write in place. They call others last, if at all, and save no registers.
const FEW: usize = 32;

impl Atom {
    #[inline(always)]
    fn is_short(self) -> bool {
        matches!(self.from, ERLANG_UTF8 | ERLANG_LATIN1 | ERLANG_ASCII) && self.len() <= FEW
    }

    /// Writes a short atom, or the beginning of one that is not ASCII; `None` when this is not the place for it.
    #[inline(always)]
    unsafe fn write_short(self, to: *mut u8, index: *mut c_int) -> Option<c_int> {
        // SAFETY: the longest form of the text fits.
        unsafe {
            if copy_ascii(to.add(2), self.text, self.len()) {
                put8(put8(to, tag::SMALL_ATOM_UTF8), self.len() as u8);
                *index += 2 + self.len() as c_int;
                return Some(0);
            }
            (self.from == ERLANG_UTF8).then(|| finish_wide(to, index, self.text, self.len()))
        }
    }

    /// [`flat`] for an exported function.
    #[inline(always)]
    unsafe fn flat(self, buf: *mut c_char, index: *mut c_int) -> c_int {
        // SAFETY: the C caller promises a valid index, a buffer with enough room behind it, and readable text.
        unsafe {
            if buf.is_null() {
                return count(index, self.text, self.bytes, self.from);
            }
            if self.is_short() {
                let to = buf.cast::<u8>().offset(*index as isize);
                if let Some(done) = self.write_short(to, index) {
                    return done;
                }
            }
            flat_any(buf, index, self.text, self.bytes, self.from)
        }
    }

    /// [`grown`] for an exported function.
    #[inline(always)]
    unsafe fn grown(self, x: *mut ei_x_buff) -> c_int {
        // SAFETY: the C caller promises a live buffer and readable text.
        unsafe {
            if self.is_short() {
                let to = place(x, 2 + self.len() as i64);
                if !to.is_null() {
                    if let Some(done) = self.write_short(to, &raw mut (*x).index) {
                        return done;
                    }
                }
            }
            grown_any(x, self.text, self.bytes, self.from)
        }
    }
}

/// Takes in a short UTF-8 atom whose text has been copied already.
#[inline(never)]
unsafe fn finish_wide(to: *mut u8, index: *mut c_int, text: *const u8, len: usize) -> c_int {
    // SAFETY: the header's two bytes are writable.
    unsafe {
        if !looks_utf8(text, len) {
            return -1;
        }
        put8(put8(to, tag::SMALL_ATOM_UTF8), len as u8);
        *index += 2 + len as c_int;
    }
    0
}

/// [`Atom::flat`] without a buffer.
#[inline(never)]
unsafe fn count(index: *mut c_int, text: *const u8, bytes: u32, from: Encoding) -> c_int {
    // SAFETY: as there.
    unsafe { flat(ptr::null_mut(), index, Atom { text, bytes, from }) }
}

/// [`Atom::flat`] for everything but the usual.
#[inline(never)]
unsafe fn flat_any(
    buf: *mut c_char,
    index: *mut c_int,
    text: *const u8,
    bytes: u32,
    from: Encoding,
) -> c_int {
    // SAFETY: as there.
    unsafe { flat(buf, index, Atom { text, bytes, from }) }
}

/// [`Atom::grown`] for everything but the usual.
#[inline(never)]
unsafe fn grown_any(x: *mut ei_x_buff, text: *const u8, bytes: u32, from: Encoding) -> c_int {
    // SAFETY: as there.
    unsafe { after_growing(x, Atom { text, bytes, from }) }
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
        Atom::new(p, len, ERLANG_LATIN1).flat(buf, index)
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
    unsafe { Atom::new(p, len, ERLANG_LATIN1).flat(buf, index) }
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
        Atom::new(p, len, from).flat(buf, index)
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
    unsafe { Atom::new(p, len, from).flat(buf, index) }
}

/// Appends a Latin-1 atom; -1 when it is longer than 255.
///
/// # Safety
/// `x` is a live buffer and `s` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom(x: *mut ei_x_buff, s: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Atom::new(s, length(s, MAXATOMLEN) as c_int, ERLANG_LATIN1).grown(x) }
}

/// Appends `len` bytes of a Latin-1 atom; -1 when there are more than 255.
///
/// # Safety
/// `x` is a live buffer and `len` bytes are readable at `s`.
#[no_mangle]
pub unsafe extern "C" fn ei_x_encode_atom_len(x: *mut ei_x_buff, s: *const c_char, len: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { Atom::new(s, len, ERLANG_LATIN1).grown(x) }
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
    unsafe { Atom::new(s, length(s, MAXATOMLEN_UTF8) as c_int, from).grown(x) }
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
    unsafe { Atom::new(s, len, from).grown(x) }
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
