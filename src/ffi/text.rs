//! Text: terms as Erlang or Elixir writes them.
//!
//! For logs, consoles and configuration. What a program says to another is better written with a template and read with a
//! pattern.

use std::ffi::c_char;

use super::bytes::{bytes, text};
use super::guard::{guard, guard_or};
use super::pid::print;
use super::status::erln_status;
use super::writer::{erln_writer, write};
use crate::term::{parse, Style, Text};
use crate::Error;

/// Whose notation to print in.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_notation {
    /// Erlang's, as `~p` without line breaks.
    ERLN_ERLANG = 0,
    /// Elixir's, as `inspect/1` without line breaks.
    ERLN_ELIXIR = 1,
}

/// Writes an encoded term (with or without version byte) as text with a NUL into `buffer`, at most `size` bytes. `*out_len` is the
/// length without NUL that the whole text has, so a result of `size` or more means that it was cut; it may be NULL. `notation` is one
/// of erln_notation.
#[no_mangle]
pub unsafe extern "C" fn erln_print(
    term: *const u8,
    len: usize,
    notation: i32,
    buffer: *mut c_char,
    size: usize,
    out_len: *mut usize,
) -> erln_status {
    guard(|| {
        let style = match notation {
            n if n == erln_notation::ERLN_ERLANG as i32 => Style::erlang(),
            n if n == erln_notation::ERLN_ELIXIR as i32 => Style::elixir(),
            _ => return Err(Error::argument("notation is none of ERLN_ERLANG and ERLN_ELIXIR")),
        };
        // SAFETY: the caller's bytes.
        let term = unsafe { bytes(term, len, "term") }?;
        let text = Text::new(term.strip_prefix(&[131]).unwrap_or(term), style).try_to_string()?;
        // SAFETY: the caller's buffer of `size` bytes, and output.
        unsafe { print(&text, buffer, size, out_len) }
    })
}

/// Writes the term that Erlang text spells, such as "{point, [1.5, 2]}". Numbers, atoms, strings, binaries, lists, tuples and maps can
/// be spelled; pids and the like cannot.
#[no_mangle]
pub unsafe extern "C" fn erln_write_erlang(writer: *mut erln_writer, erlang: *const c_char) -> bool {
    // SAFETY: the caller's writer and text.
    guard_or(false, || unsafe {
        write(writer, |writer| {
            writer.raw_unchecked(&parse(text(erlang, "erlang")?)?);
            Ok(())
        })
    })
}
