//! Writer: encodes terms one piece after the other.
//!
//! Each erln_write_* appends one piece. A tuple, list or map is announced with its size, and then its elements are written;
//! a list ends with erln_write_nil (or another tail). The first mistake (NULL, an atom of more than 255 characters, a
//! float that is not a number) makes that and every later write return false, and erln_writer_finish tells which it was;
//! so it is enough to check there, where it is also checked that all announced elements were written.
//!
//!     erln_bytes term;
//!     erln_write_tuple(w, 2);
//!     erln_write_atom(w, "temperature");
//!     erln_write_double(w, 21.5);
//!     if (erln_writer_finish(w, &term) == ERLN_OK) { ... }

use std::ffi::c_char;

use super::bytes::{bytes, erln_bytes, exclusive, input, sized_text, text, Out};
use super::guard::{guard, guard_or};
use super::pid::{erln_pid, erln_port, erln_ref};
use super::status::{erln_status, fail};
use crate::term::{Atom, Export, Writer};
use crate::{Error, Result};

/// Encodes terms. Belongs to one thread at a time. Free with erln_writer_free.
pub struct erln_writer {
    writer: Writer,
    /// The first mistake that the Rust writer did not see, such as a NULL.
    mistake: Option<Error>,
}

impl erln_writer {
    /// The encoder inside, for the other files of this folder.
    pub(crate) fn inner(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// What was written, if it is exactly one whole term.
    pub(crate) fn finished(&self) -> Result<&[u8]> {
        match &self.mistake {
            Some(mistake) => Err(mistake.clone()),
            None => self.writer.encoded(),
        }
    }

    #[cold]
    fn fail(&mut self, error: Error) -> bool {
        fail(&error);
        self.mistake.get_or_insert(error);
        false
    }
}

/// One writing step whose input may be wrong.
///
/// # Safety
/// `writer` is NULL or the caller's.
#[inline(always)]
pub(crate) unsafe fn write(writer: *mut erln_writer, f: impl FnOnce(&mut Writer) -> Result<()>) -> bool {
    // SAFETY: NULL or the caller's own.
    let Some(writer) = (unsafe { writer.as_mut() }) else {
        fail(&Error::argument("writer is NULL"));
        return false;
    };
    match f(&mut writer.writer) {
        Ok(()) => writer.writer.is_ok() && writer.mistake.is_none(),
        Err(error) => writer.fail(error),
    }
}

/// Makes an empty writer. NULL only if there is no memory. Free with erln_writer_free.
#[no_mangle]
pub extern "C" fn erln_writer_new() -> *mut erln_writer {
    guard_or(std::ptr::null_mut(), || {
        Box::into_raw(Box::new(erln_writer { writer: Writer::new(), mistake: None }))
    })
}

/// Frees a writer and what erln_writer_finish lent from it.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_free(writer: *mut erln_writer) {
    guard_or((), || {
        if !writer.is_null() {
            // SAFETY: made by erln_writer_new, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(writer) });
        }
    })
}

/// Forgets what was written, and any mistake; keeps the memory for the next term.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_clear(writer: *mut erln_writer) {
    guard_or((), || {
        // SAFETY: NULL or the caller's own.
        if let Some(writer) = unsafe { writer.as_mut() } {
            writer.writer.clear();
            writer.mistake = None;
        }
    })
}

/// The encoded term, without version byte: exactly one, with all its elements. Borrowed; lives until the next write,
/// clear or free of `writer`. Writing may go on only after erln_writer_clear.
#[no_mangle]
pub unsafe extern "C" fn erln_writer_finish(writer: *mut erln_writer, out: *mut erln_bytes) -> erln_status {
    guard(|| {
        // SAFETY: the caller's writer and output.
        let (writer, out) = unsafe { (exclusive(writer, "writer")?, Out::new(out, "out")?) };
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

/// Announces a map; its `pairs` pairs come next, each as key and value. The keys must differ.
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
            writer.pid(&input(pid, "pid")?.to_pid()?);
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
            writer.reference(&input(reference, "ref")?.to_reference()?);
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
