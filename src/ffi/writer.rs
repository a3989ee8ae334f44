//! Writer: encodes terms one piece after the other.
//!
//! Each erln_write_* appends one piece. A tuple, list or map is announced with its size, and then its elements are written;
//! a list ends with erln_write_nil (or another tail). The first mistake (NULL, an atom of more than 255 characters, a
//! float that is not a number) makes that and every later write return false, and erln_writer_finish tells which it was;
//! so it is enough to check there, where it is also checked that all announced elements were written.
//!
//! ```text
//! erln_bytes term;
//! erln_write_tuple(w, 2);
//! erln_write_atom(w, "temperature");
//! erln_write_double(w, 21.5);
//! if (erln_writer_finish(w, &term) == ERLN_OK) { ... }
//! ```

use std::ffi::c_char;

use super::bytes::{array, bytes, erln_bytes, exclusive, input, sized_text, text, Out};
use super::guard::{guard, guard_or};
use super::numbers;
use super::pid::{erln_pid, erln_port, erln_ref, MAX_ENCODED};
use super::status::{erln_status, fail};
use crate::error::{copied, no_memory};
use crate::term::{Atom, Export, Writer};
use crate::{Error, Result};

/// Encodes terms. Belongs to one thread at a time. Free with erln_writer_free.
pub struct erln_writer {
    _private: [u8; 0],
}

/// The first members of a writer. Private: they are here so that writing the commonest terms needs no call.
#[repr(C)]
#[derive(Debug)]
pub struct erln_writer_head {
    /// Where the next byte goes.
    pub next: *mut u8,
    /// The end of the room.
    pub end: *mut u8,
    /// How many items are still to be written; 0 after a mistake.
    pub owed: u64,
}

/// What an `erln_writer *` points at.
#[repr(C)]
pub(crate) struct Encoder {
    head: erln_writer_head,
    writer: Writer,
    /// The first mistake that the Rust writer did not see, such as a NULL.
    mistake: Option<Error>,
}

/// Room of a new writer: most messages fit, so that no call is needed for want of it.
const FIRST_ROOM: usize = 512;

impl Encoder {
    fn new() -> Self {
        let head = erln_writer_head { next: std::ptr::null_mut(), end: std::ptr::null_mut(), owed: 0 };
        let mut encoder = Encoder { head, writer: Writer::with_capacity(FIRST_ROOM), mistake: None };
        encoder.close();
        encoder
    }

    /// Takes over what C has written since the last call.
    #[inline(always)]
    fn open(&mut self) -> &mut Writer {
        let (bytes, owed) = self.writer.parts();
        let len = self.head.next as usize - bytes.as_ptr() as usize;
        debug_assert!(len >= bytes.len() && len <= bytes.capacity());
        // SAFETY: C wrote every byte from the former length up to `next`, which never passes the end of the room.
        unsafe { bytes.set_len(len) };
        *owed = self.head.owed;
        &mut self.writer
    }

    /// Leaves room and count to C.
    #[inline(always)]
    fn close(&mut self) {
        let (bytes, owed) = self.writer.parts();
        let room = bytes.as_mut_ptr_range();
        self.head.next = room.end;
        // SAFETY: the end of the allocation, which is at or after the end of what is written.
        self.head.end = unsafe { room.start.add(bytes.capacity()) };
        self.head.owed = if self.mistake.is_none() { *owed } else { 0 };
    }

    /// `f` on the encoder inside; the first mistake is kept.
    #[inline(always)]
    pub(crate) fn write(&mut self, f: impl FnOnce(&mut Writer) -> Result<()>) -> bool {
        if self.mistake.is_some() {
            return false;
        }
        // Whatever unwinds from here may have taken the buffer along.
        let broken = Broken(self);
        let written = f(broken.0.open());
        std::mem::forget(broken);
        if let Err(error) = written {
            fail(&error);
            self.mistake = Some(error);
        }
        self.close();
        self.mistake.is_none() && self.writer.is_ok()
    }

    /// What was written, if it is exactly one whole term. Equal keys of a map are not looked for: sending does that.
    fn finished(&mut self) -> Result<&[u8]> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let writer = self.open();
        if !writer.is_complete() {
            writer.check()?;
        }
        Ok(writer.parts().0)
    }
}

/// An encoder in use; dropped only when that unwinds. What C sees of it must not be what was.
struct Broken<'a>(&'a mut Encoder);

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.0.writer = Writer::new();
        self.0.mistake = Some(no_memory());
        self.0.close();
    }
}

/// The encoder behind a C pointer.
///
/// # Safety
/// `writer` is NULL or the caller's, from erln_writer_new.
#[inline(always)]
pub(crate) unsafe fn encoder<'a>(writer: *mut erln_writer) -> Result<&'a mut Encoder> {
    // SAFETY: the caller's promise is ours.
    unsafe { exclusive(writer.cast::<Encoder>(), "writer") }
}

/// What a C program wrote: one encoded term, with all its elements.
///
/// # Safety
/// As for [`encoder`].
pub(crate) unsafe fn encoded(writer: *mut erln_writer) -> Result<Vec<u8>> {
    // SAFETY: the caller's promise is ours.
    unsafe { encoder(writer) }?.finished().map(copied)
}

/// One writing step whose input may be wrong.
///
/// # Safety
/// `writer` is NULL or the caller's.
#[inline(always)]
pub(crate) unsafe fn write(writer: *mut erln_writer, f: impl FnOnce(&mut Writer) -> Result<()>) -> bool {
    // SAFETY: the caller's promise is ours.
    match unsafe { encoder(writer) } {
        Ok(encoder) => encoder.write(f),
        Err(error) => {
            fail(&error);
            false
        }
    }
}

/// Makes an empty writer. NULL only if there is no memory. Free with erln_writer_free.
#[no_mangle]
pub extern "C" fn erln_writer_new() -> *mut erln_writer {
    guard_or(std::ptr::null_mut(), || Box::into_raw(Box::new(Encoder::new())).cast())
}

/// Frees a writer and what erln_writer_finish lent from it.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_free(writer: *mut erln_writer) {
    guard_or((), || {
        if !writer.is_null() {
            // SAFETY: made by erln_writer_new, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(writer.cast::<Encoder>()) });
        }
    })
}

/// Forgets what was written, and any mistake; keeps the memory for the next term.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_clear(writer: *mut erln_writer) {
    guard_or((), || {
        // SAFETY: NULL or the caller's own.
        if let Some(encoder) = unsafe { writer.cast::<Encoder>().as_mut() } {
            encoder.writer.clear();
            encoder.mistake = None;
            encoder.close();
        }
    })
}

/// The encoded term, without version byte: exactly one, with all its elements. Borrowed; lives until the next write,
/// clear or free of `writer`. Writing may go on only after erln_writer_clear.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_finish(writer: *mut erln_writer, out: *mut erln_bytes) -> erln_status {
    guard(|| {
        // SAFETY: the caller's writer and output.
        let (writer, out) = unsafe { (encoder(writer)?, Out::new(out, "out")?) };
        out.set(erln_bytes::from(writer.finished()?));
        Ok(())
    })
}

/// Writes an integer.
#[no_mangle]
pub unsafe extern "C" fn erln_write_int64(writer: *mut erln_writer, value: i64) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.i64(value);
            Ok(())
        })
    })
}

/// Writes an integer without sign.
#[no_mangle]
pub unsafe extern "C" fn erln_write_uint64(writer: *mut erln_writer, value: u64) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.u64(value);
            Ok(())
        })
    })
}

/// Writes a float. Infinity and not-a-number are mistakes: Erlang has none.
#[no_mangle]
pub unsafe extern "C" fn erln_write_double(writer: *mut erln_writer, value: f64) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.f64(value);
            Ok(())
        })
    })
}

/// Writes one of the atoms true and false.
#[no_mangle]
pub unsafe extern "C" fn erln_write_bool(writer: *mut erln_writer, value: bool) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.bool(value);
            Ok(())
        })
    })
}

/// Writes an atom: UTF-8 with a NUL, at most 255 characters. Peers keep every atom for ever: never make them from input.
#[no_mangle]
pub unsafe extern "C" fn erln_write_atom(writer: *mut erln_writer, name: *const c_char) -> bool {
    // SAFETY: the caller's writer and text.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.atom(text(name, "name")?);
            Ok(())
        })
    })
}

/// Writes an atom of `len` bytes of UTF-8.
#[no_mangle]
pub unsafe extern "C" fn erln_write_atom_len(
    writer: *mut erln_writer,
    name: *const c_char,
    len: usize,
) -> bool {
    // SAFETY: the caller's writer and text.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.atom(sized_text(name, len, "name")?);
            Ok(())
        })
    })
}

/// Writes a binary of `len` bytes. Text for Elixir is a binary in UTF-8.
#[no_mangle]
pub unsafe extern "C" fn erln_write_binary(writer: *mut erln_writer, data: *const u8, len: usize) -> bool {
    // SAFETY: the caller's writer and bytes.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.binary(bytes(data, len, "data")?);
            Ok(())
        })
    })
}

/// Writes text as a binary: UTF-8 with a NUL, which is not written.
#[no_mangle]
pub unsafe extern "C" fn erln_write_text(writer: *mut erln_writer, string: *const c_char) -> bool {
    // SAFETY: the caller's writer and text.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.str_binary(text(string, "string")?);
            Ok(())
        })
    })
}

/// Writes text as an Erlang string, which is a list of characters: UTF-8 with a NUL, which is not written. Complete: no
/// tail follows.
#[no_mangle]
pub unsafe extern "C" fn erln_write_charlist(writer: *mut erln_writer, string: *const c_char) -> bool {
    // SAFETY: the caller's writer and text.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.charlist(text(string, "string")?);
            Ok(())
        })
    })
}

/// Announces a tuple; its `arity` elements come next.
#[no_mangle]
pub unsafe extern "C" fn erln_write_tuple(writer: *mut erln_writer, arity: usize) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.tuple(arity);
            Ok(())
        })
    })
}

/// Announces a list; its `count` elements come next, and after them its tail: erln_write_nil. For 0 elements write only
/// erln_write_nil.
#[no_mangle]
pub unsafe extern "C" fn erln_write_list(writer: *mut erln_writer, count: usize) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.list(count);
            Ok(())
        })
    })
}

/// Writes the empty list, which also ends every proper list.
#[no_mangle]
pub unsafe extern "C" fn erln_write_nil(writer: *mut erln_writer) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.nil();
            Ok(())
        })
    })
}

/// Announces a map; its `pairs` pairs come next, each as key and value. The keys must differ, which is checked when the
/// term is sent.
#[no_mangle]
pub unsafe extern "C" fn erln_write_map(writer: *mut erln_writer, pairs: usize) -> bool {
    // SAFETY: the caller's writer.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.map(pairs);
            Ok(())
        })
    })
}

/// Writes a pid.
#[no_mangle]
pub unsafe extern "C" fn erln_write_pid(writer: *mut erln_writer, pid: *const erln_pid) -> bool {
    // SAFETY: the caller's writer and pid.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            let pid = input(pid, "pid")?;
            let mut buffer = [0; MAX_ENCODED];
            match pid.encode(&mut buffer) {
                Some(len) => writer.raw_unchecked(&buffer[..len]),
                None => writer.pid(&pid.to_pid()?),
            };
            Ok(())
        })
    })
}

/// Writes a reference.
#[no_mangle]
pub unsafe extern "C" fn erln_write_ref(writer: *mut erln_writer, reference: *const erln_ref) -> bool {
    // SAFETY: the caller's writer and reference.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            let reference = input(reference, "ref")?;
            let mut buffer = [0; MAX_ENCODED];
            match reference.encode(&mut buffer) {
                Some(len) => writer.raw_unchecked(&buffer[..len]),
                None => writer.reference(&reference.to_reference()?),
            };
            Ok(())
        })
    })
}

/// Writes a port.
#[no_mangle]
pub unsafe extern "C" fn erln_write_port(writer: *mut erln_writer, port: *const erln_port) -> bool {
    // SAFETY: the caller's writer and port.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.port(&input(port, "port")?.to_port()?);
            Ok(())
        })
    })
}

/// Writes a whole term that is already encoded, with or without the version byte in front. It is checked.
#[no_mangle]
pub unsafe extern "C" fn erln_write_term(writer: *mut erln_writer, data: *const u8, len: usize) -> bool {
    // SAFETY: the caller's writer and bytes.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            let term = bytes(data, len, "data")?;
            writer.raw(term.strip_prefix(&[131]).unwrap_or(term));
            Ok(())
        })
    })
}

/// Writes a whole list of integers from an array. Complete: no tail follows.
#[no_mangle]
pub unsafe extern "C" fn erln_write_int64s(
    writer: *mut erln_writer,
    values: *const i64,
    count: usize,
) -> bool {
    // SAFETY: the caller's writer and array.
    guard_or(false, || unsafe {
        write(writer, |writer| numbers::write_int64s(writer, array(values, count, "values")?))
    })
}

/// Writes a whole list of floats from an array. Complete: no tail follows.
#[no_mangle]
pub unsafe extern "C" fn erln_write_doubles(
    writer: *mut erln_writer,
    values: *const f64,
    count: usize,
) -> bool {
    // SAFETY: the caller's writer and array.
    guard_or(false, || unsafe {
        write(writer, |writer| numbers::write_doubles(writer, array(values, count, "values")?))
    })
}

/// Writes a list of `len` bytes in its short form (an Erlang string of Latin-1). Complete: no tail follows.
#[no_mangle]
pub unsafe extern "C" fn erln_write_string(writer: *mut erln_writer, data: *const u8, len: usize) -> bool {
    // SAFETY: the caller's writer and bytes.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.byte_string(bytes(data, len, "data")?);
            Ok(())
        })
    })
}

/// Writes an integer of any size from its sign and its magnitude, lowest byte first.
#[no_mangle]
pub unsafe extern "C" fn erln_write_big(
    writer: *mut erln_writer,
    negative: bool,
    magnitude: *const u8,
    len: usize,
) -> bool {
    // SAFETY: the caller's writer and bytes.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.big(negative, bytes(magnitude, len, "magnitude")?);
            Ok(())
        })
    })
}

/// Writes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top).
#[no_mangle]
pub unsafe extern "C" fn erln_write_bitstring(
    writer: *mut erln_writer,
    data: *const u8,
    len: usize,
    last_bits: u8,
) -> bool {
    // SAFETY: the caller's writer and bytes.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.bitstring(bytes(data, len, "data")?, last_bits);
            Ok(())
        })
    })
}

/// Writes the fun of an exported function, `fun Module:Function/Arity`.
#[no_mangle]
pub unsafe extern "C" fn erln_write_export(
    writer: *mut erln_writer,
    module: *const c_char,
    function: *const c_char,
    arity: u8,
) -> bool {
    // SAFETY: the caller's writer and texts.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            let (module, function) = (text(module, "module")?, text(function, "function")?);
            writer.export(&Export { module: Atom::new(module)?, function: Atom::new(function)?, arity });
            Ok(())
        })
    })
}
