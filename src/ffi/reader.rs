//! Reader: a cursor over an encoded term.
//!
//! A reader is a struct on your stack that borrows the bytes it reads; there is nothing to free, and a plain copy is a
//! second cursor at the same place. Each erln_read_* takes the next term if it is of that type and returns true; a wrong
//! guess returns false and leaves the cursor where it is, so that you can try the next type. Of a tuple, list or map
//! only the head is taken; its elements come next. Broken bytes make every later read return false too: check once
//! at the end, with erln_reader_finish or erln_reader_error.
//!
//! ```text
//! int64_t n;
//! erln_pid from;
//! if (erln_read_tuple_of(&r, 3) && erln_read_atom_is(&r, "add") && erln_read_pid(&r, &from) &&
//!     erln_read_int64(&r, &n)) { ... }
//! ```

use std::borrow::Cow;
use std::ffi::c_char;
use std::mem::{align_of, size_of, MaybeUninit};

use super::bytes::{bytes, erln_bytes, input, text, Out};
use super::cursor::{misuse, never_initialized, read, read_array, read_id, step, take_plain};
use super::guard::{guard, guard_or};
use super::latin1;
use super::numbers;
use super::pid::{erln_pid, erln_port, erln_ref};
use super::status::erln_status;
use crate::term::{Kind, Reader, State};

/// A cursor over an encoded term. Made by erln_reader_init; copy it to remember a place. Its members are private: they are
/// here so that reading the commonest terms needs no call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_reader {
    /// The byte at the cursor.
    pub next: *const u8,
    /// The end of what can be read from there without a call: nothing, inside of a string and after broken bytes.
    pub end: *const u8,
    /// The first byte of all.
    pub start: *const u8,
    /// How many bytes there are.
    pub len: usize,
    /// Tells that erln_reader_init was called.
    pub magic: u64,
    /// 1 inside of a string and after broken bytes, when `state` tells where the cursor stands; else 0.
    pub inside: u64,
    /// The rest.
    pub state: [MaybeUninit<u64>; ERLN_READER_WORDS],
}

/// Words of a reader's private rest, with room for what may come.
pub const ERLN_READER_WORDS: usize = 10;

/// In each initialized reader, so that a forgotten erln_reader_init is noticed.
pub const ERLN_READER_MAGIC: u64 = 0x6572_6c6e_7264_7231;

const _: () = assert!(size_of::<erln_reader>() == 128);
const _: () = assert!(size_of::<State>() <= ERLN_READER_WORDS * 8);
const _: () = assert!(align_of::<State>() <= align_of::<erln_reader>());
// A reader is copied and forgotten by C programs; it must own nothing.
const _: () = assert!(!std::mem::needs_drop::<State>());

/// What stands at the cursor.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_kind {
    /// Nothing: the end, or broken bytes.
    ERLN_KIND_NONE = 0,
    /// An integer of any size.
    ERLN_KIND_INTEGER = 1,
    /// A float.
    ERLN_KIND_FLOAT = 2,
    /// An atom.
    ERLN_KIND_ATOM = 3,
    /// A tuple.
    ERLN_KIND_TUPLE = 4,
    /// A list with elements.
    ERLN_KIND_LIST = 5,
    /// The empty list.
    ERLN_KIND_NIL = 6,
    /// A list of bytes in its short form; erln_read_list reads it too, as a list of integers.
    ERLN_KIND_STRING = 7,
    /// A map.
    ERLN_KIND_MAP = 8,
    /// A binary.
    ERLN_KIND_BINARY = 9,
    /// A bit string whose last byte is not full.
    ERLN_KIND_BITSTRING = 10,
    /// A pid.
    ERLN_KIND_PID = 11,
    /// A port.
    ERLN_KIND_PORT = 12,
    /// A reference.
    ERLN_KIND_REF = 13,
    /// A fun with code of its own.
    ERLN_KIND_FUN = 14,
    /// A fun that names an exported function.
    ERLN_KIND_EXPORT = 15,
    /// A native record.
    ERLN_KIND_RECORD = 16,
}

use erln_kind::*;

impl From<Kind> for erln_kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Integer => ERLN_KIND_INTEGER,
            Kind::Float => ERLN_KIND_FLOAT,
            Kind::Atom => ERLN_KIND_ATOM,
            Kind::Tuple => ERLN_KIND_TUPLE,
            Kind::List => ERLN_KIND_LIST,
            Kind::Nil => ERLN_KIND_NIL,
            Kind::String => ERLN_KIND_STRING,
            Kind::Map => ERLN_KIND_MAP,
            Kind::Binary => ERLN_KIND_BINARY,
            Kind::BitString => ERLN_KIND_BITSTRING,
            Kind::Pid => ERLN_KIND_PID,
            Kind::Port => ERLN_KIND_PORT,
            Kind::Reference => ERLN_KIND_REF,
            Kind::Fun => ERLN_KIND_FUN,
            Kind::Export => ERLN_KIND_EXPORT,
            Kind::Record => ERLN_KIND_RECORD,
        }
    }
}

/// Starts reading `len` bytes at `data`: one encoded term, with or without the version byte 131 in front. The bytes
/// are borrowed; they must live, unchanged, as long as `reader` is used.
#[no_mangle]
pub unsafe extern "C" fn erln_reader_init(
    reader: *mut erln_reader,
    data: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's struct and bytes.
        let (out, bytes) = unsafe { (Out::new(reader, "reader")?, bytes(data, len, "data")?) };
        // No tag has the number of the version byte.
        let term = bytes.strip_prefix(&[131]).unwrap_or(bytes);
        out.set(erln_reader::new(&Reader::new(term)));
        Ok(())
    })
}

/// What stands at the cursor.
#[no_mangle]
pub unsafe extern "C" fn erln_reader_kind(reader: *const erln_reader) -> erln_kind {
    guard_or(ERLN_KIND_NONE, || {
        // SAFETY: NULL or the caller's own; a copy is a second cursor.
        match unsafe { reader.as_ref() } {
            Some(reader) => match reader.load() {
                Some(mut reader) => reader.kind().map_or(ERLN_KIND_NONE, erln_kind::from),
                None => ERLN_KIND_NONE,
            },
            None => ERLN_KIND_NONE,
        }
    })
}

/// Takes an integer that fits 64 bits with sign.
#[no_mangle]
pub unsafe extern "C" fn erln_read_int64(reader: *mut erln_reader, out: *mut i64) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.i64()) })
}

/// Takes an integer that fits 64 bits without sign.
#[no_mangle]
pub unsafe extern "C" fn erln_read_uint64(reader: *mut erln_reader, out: *mut u64) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.u64()) })
}

/// Takes an integer that fits 32 bits with sign.
#[no_mangle]
pub unsafe extern "C" fn erln_read_int32(reader: *mut erln_reader, out: *mut i32) -> bool {
    guard_or(false, || {
        // SAFETY: the caller's reader and output. A value that does not fit leaves the cursor where it was.
        unsafe {
            read(reader, out, |reader| {
                let before = reader.clone();
                let value = reader.i64()?.try_into().ok();
                if value.is_none() {
                    *reader = before;
                }
                value
            })
        }
    })
}

/// Takes a float. Integers are not floats: try erln_read_int64 as well where both may come.
#[no_mangle]
pub unsafe extern "C" fn erln_read_double(reader: *mut erln_reader, out: *mut f64) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.f64()) })
}

/// Takes one of the atoms true and false.
#[no_mangle]
pub unsafe extern "C" fn erln_read_bool(reader: *mut erln_reader, out: *mut bool) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.bool()) })
}

/// Takes an atom: its UTF-8 text, without NUL. Borrowed; lives as long as the bytes that are read.
#[no_mangle]
pub unsafe extern "C" fn erln_read_atom(reader: *mut erln_reader, out: *mut erln_bytes) -> bool {
    guard_or(false, || {
        // SAFETY: the caller's reader and output.
        unsafe {
            read(reader, out, |reader| {
                let mut ahead = reader.clone();
                let text = match ahead.atom()? {
                    Cow::Borrowed(text) => text,
                    Cow::Owned(text) => latin1::keep(text)?,
                };
                *reader = ahead;
                Some(erln_bytes::from(text.as_bytes()))
            })
        }
    })
}

/// Takes the atom `name`, if it is the one that stands here.
#[no_mangle]
pub unsafe extern "C" fn erln_read_atom_is(reader: *mut erln_reader, name: *const c_char) -> bool {
    guard_or(false, || {
        // SAFETY: the caller's text.
        let Ok(name) = (unsafe { text(name, "name") }) else { return misuse() };
        // SAFETY: the caller's reader.
        unsafe { step(reader, |reader| reader.atom_is(name)) }
    })
}

/// Takes the head of a tuple; its `*out_arity` elements come next.
#[no_mangle]
pub unsafe extern "C" fn erln_read_tuple(reader: *mut erln_reader, out_arity: *mut usize) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out_arity, |reader| reader.tuple()) })
}

/// Takes the head of a tuple if it has `arity` elements; they come next.
#[no_mangle]
pub unsafe extern "C" fn erln_read_tuple_of(reader: *mut erln_reader, arity: usize) -> bool {
    // SAFETY: the caller's reader.
    guard_or(false, || unsafe { step(reader, |reader| reader.tuple_of(arity)) })
}

/// Takes the head of a list. Its `*out_count` elements come next, and after them its tail, which is the empty list (take
/// it with erln_read_nil) unless the list is improper. The empty list has 0 elements and is its own tail.
#[no_mangle]
pub unsafe extern "C" fn erln_read_list(reader: *mut erln_reader, out_count: *mut usize) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out_count, |reader| reader.list()) })
}

/// Takes the empty list.
#[no_mangle]
pub unsafe extern "C" fn erln_read_nil(reader: *mut erln_reader) -> bool {
    // SAFETY: the caller's reader.
    guard_or(false, || unsafe { step(reader, |reader| reader.nil()) })
}

/// Takes the head of a map; its `*out_pairs` pairs come next, each as key and value.
#[no_mangle]
pub unsafe extern "C" fn erln_read_map(reader: *mut erln_reader, out_pairs: *mut usize) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out_pairs, |reader| reader.map()) })
}

/// Takes a binary. Borrowed; lives as long as the bytes that are read.
#[no_mangle]
pub unsafe extern "C" fn erln_read_binary(reader: *mut erln_reader, out: *mut erln_bytes) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.binary().map(erln_bytes::from)) })
}

/// Takes a list of bytes in its short form, or the empty list. Borrowed; lives as long as the bytes that are read.
/// Erlang strings with characters over 255 come as lists: read them with erln_read_list.
#[no_mangle]
pub unsafe extern "C" fn erln_read_string(reader: *mut erln_reader, out: *mut erln_bytes) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe {
        read(reader, out, |reader| match reader.kind() {
            Some(Kind::String | Kind::Nil) => match reader.string()? {
                Cow::Borrowed(bytes) => Some(erln_bytes::from(bytes)),
                Cow::Owned(_) => None,
            },
            _ => None,
        })
    })
}

/// Takes a pid.
#[no_mangle]
pub unsafe extern "C" fn erln_read_pid(reader: *mut erln_reader, out: *mut erln_pid) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe {
        take_plain(reader, out, erln_pid::decode)
            || read_id(reader, out, |reader| reader.pid().map(|pid| erln_pid::new(&pid)))
    })
}

/// Takes a reference.
#[no_mangle]
pub unsafe extern "C" fn erln_read_ref(reader: *mut erln_reader, out: *mut erln_ref) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe {
        take_plain(reader, out, erln_ref::decode)
            || read_id(reader, out, |reader| reader.reference().map(|reference| erln_ref::new(&reference)))
    })
}

/// Takes a port.
#[no_mangle]
pub unsafe extern "C" fn erln_read_port(reader: *mut erln_reader, out: *mut erln_port) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe {
        read_id(reader, out, |reader| reader.port().map(|port| erln_port::new(&port)))
    })
}

/// Takes any whole term and gives its encoded bytes, without version byte. Borrowed; lives as long as the bytes that
/// are read. Read it later with erln_reader_init, or put it into another term with erln_write_term.
#[no_mangle]
pub unsafe extern "C" fn erln_read_term(reader: *mut erln_reader, out: *mut erln_bytes) -> bool {
    // SAFETY: the caller's reader and output.
    guard_or(false, || unsafe { read(reader, out, |reader| reader.term_bytes().map(erln_bytes::from)) })
}

/// Takes a whole proper list of integers that fit 64 bits with sign, at most `max` of them, into an array. If it is anything else, or
/// longer, the cursor stays.
#[no_mangle]
pub unsafe extern "C" fn erln_read_int64s(
    reader: *mut erln_reader,
    out: *mut i64,
    max: usize,
    out_count: *mut usize,
) -> bool {
    // SAFETY: the caller's reader, array and output.
    guard_or(false, || unsafe {
        read_array(reader, out, max, out_count, numbers::read_int64s, |reader| reader.i64())
    })
}

/// Takes a whole proper list of floats, at most `max` of them, into an array. If it is anything else, or longer, the cursor stays.
#[no_mangle]
pub unsafe extern "C" fn erln_read_doubles(
    reader: *mut erln_reader,
    out: *mut f64,
    max: usize,
    out_count: *mut usize,
) -> bool {
    // SAFETY: the caller's reader, array and output.
    guard_or(false, || unsafe {
        read_array(reader, out, max, out_count, numbers::read_doubles, |reader| reader.f64())
    })
}

/// Steps over any whole term.
#[no_mangle]
pub unsafe extern "C" fn erln_read_skip(reader: *mut erln_reader) -> bool {
    // SAFETY: the caller's reader.
    guard_or(false, || unsafe { step(reader, |reader| reader.skip()) })
}

/// Takes an integer of any size: its sign, and its magnitude with the lowest byte first. Borrowed; lives as long as
/// the bytes that are read. Integers of 64 bits or less are left to erln_read_int64 and erln_read_uint64.
#[no_mangle]
pub unsafe extern "C" fn erln_read_big(
    reader: *mut erln_reader,
    out_negative: *mut bool,
    out_magnitude: *mut erln_bytes,
) -> bool {
    guard_or(false, || {
        if out_negative.is_null() {
            return misuse();
        }
        // SAFETY: the caller's reader and outputs, the first checked above.
        unsafe {
            read(reader, out_magnitude, |reader| {
                let (negative, magnitude) = reader.big()?;
                out_negative.write(negative);
                Some(erln_bytes::from(magnitude))
            })
        }
    })
}

/// Takes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top; 8 also without bytes).
/// Borrowed; lives as long as the bytes that are read. A binary is a bit string of full bytes.
#[no_mangle]
pub unsafe extern "C" fn erln_read_bitstring(
    reader: *mut erln_reader,
    out: *mut erln_bytes,
    out_last_bits: *mut u8,
) -> bool {
    guard_or(false, || {
        if out_last_bits.is_null() {
            return misuse();
        }
        // SAFETY: the caller's reader and outputs, the second checked above.
        unsafe {
            read(reader, out, |reader| {
                let (bytes, bits) = reader.bitstring()?;
                out_last_bits.write(bits);
                Some(erln_bytes::from(bytes))
            })
        }
    })
}

/// Takes a binary, or a list of bytes, binaries and such lists (an "iolist", which includes every Erlang string of
/// Latin-1), and copies all its bytes to `buffer`. If they are more than `size`, the answer is false, the cursor stays, and
/// only `*out_len` is written: with the room that is needed.
#[no_mangle]
pub unsafe extern "C" fn erln_read_iolist(
    reader: *mut erln_reader,
    buffer: *mut u8,
    size: usize,
    out_len: *mut usize,
) -> bool {
    guard_or(false, || {
        // SAFETY: the caller's reader and output.
        let (Some(place), false) = (unsafe { reader.as_mut() }, out_len.is_null()) else {
            return misuse();
        };
        if buffer.is_null() && size > 0 {
            return misuse();
        }
        let Some(mut reader) = place.load() else { return misuse() };
        let taken = reader.iolist();
        let Some(bytes) = taken else {
            place.store(&reader);
            return false;
        };
        // SAFETY: checked above, and writable by the caller's promise.
        unsafe { out_len.write(bytes.len()) };
        if bytes.len() > size {
            return false;
        }
        if !bytes.is_empty() {
            // SAFETY: the buffer has room for `size` bytes by the caller's promise, and is not what is read.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
        }
        place.store(&reader);
        true
    })
}

/// Takes a fun, with code of its own or of an exported function, as its encoded bytes; see erln_read_term.
#[no_mangle]
pub unsafe extern "C" fn erln_read_fun(reader: *mut erln_reader, out: *mut erln_bytes) -> bool {
    guard_or(false, || unsafe {
        // SAFETY: the caller's reader and output.
        read(reader, out, |reader| match reader.kind() {
            Some(Kind::Fun | Kind::Export) => reader.term_bytes().map(erln_bytes::from),
            _ => None,
        })
    })
}

/// What is left to read. Borrowed; lives as long as the bytes that are read.
#[no_mangle]
pub unsafe extern "C" fn erln_reader_remaining(
    reader: *const erln_reader,
    out: *mut erln_bytes,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reader and output.
        let (reader, out) = unsafe { (input(reader, "reader")?, Out::new(out, "out")?) };
        let reader = reader.load().ok_or_else(never_initialized)?;
        out.set(erln_bytes::from(reader.bytes().get(reader.position()..).unwrap_or_default()));
        Ok(())
    })
}

/// ERLN_ERR_MALFORMED if broken bytes were met, else ERLN_OK. Whether anything is left does not matter.
#[no_mangle]
pub unsafe extern "C" fn erln_reader_error(reader: *const erln_reader) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reader.
        let reader = unsafe { input(reader, "reader") }?;
        match reader.load().ok_or_else(never_initialized)?.error() {
            Some(malformed) => Err(malformed.into()),
            None => Ok(()),
        }
    })
}

/// As erln_reader_error, and ERLN_ERR_MALFORMED also if not everything was read.
#[no_mangle]
pub unsafe extern "C" fn erln_reader_finish(reader: *const erln_reader) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reader.
        let reader = unsafe { input(reader, "reader") }?;
        Ok(reader.load().ok_or_else(never_initialized)?.finish()?)
    })
}
