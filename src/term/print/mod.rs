//! Terms as text, as Erlang's `io_lib:format` and Elixir's `inspect` write them on one line.
//!
//! One engine walks encoded bytes; an owned [`Term`] is encoded first. It keeps its place in a stack of its own, so
//! depth costs heap and not stack, and it stops as soon as the limit of the [`Style`] is used up.
//! Where a BEAM prints the number that it gave to a foreign node, the node's name is printed instead.

mod elixir;
pub(crate) mod erlang;
mod leaf;
mod look;
mod structs;
mod walk;

use std::fmt::{self, Write};

use super::{Atom, Term};
use crate::error::{out_of_memory, Malformed};
use walk::print;

/// Whose spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Erlang,
    Elixir,
}

/// How terms become text. Begin with [`Style::erlang`] or [`Style::elixir`].
#[derive(Debug, Clone)]
pub struct Style {
    language: Language,
    strings: bool,
    wide: bool,
    limit: usize,
    local: Option<Atom>,
}

impl Style {
    /// As `io_lib:format("~0tp", [Term])` does under `erl +pc unicode`.
    pub const fn erlang() -> Style {
        Style { language: Language::Erlang, strings: true, wide: true, limit: usize::MAX, local: None }
    }

    /// As `inspect(term, limit: :infinity)` of Elixir 1.15 and later does.
    pub const fn elixir() -> Style {
        Style { language: Language::Elixir, strings: true, wide: true, limit: usize::MAX, local: None }
    }

    /// Lists and binaries as numbers, never as texts: `~w`.
    #[must_use]
    pub fn without_strings(mut self) -> Style {
        self.strings = false;
        self
    }

    /// Only Latin-1 characters make a text, as under `erl` without `+pc unicode`.
    #[must_use]
    pub fn latin1(mut self) -> Style {
        self.wide = false;
        self
    }

    /// Stops after so many bytes of text and ends with `...`.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Style {
        self.limit = bytes;
        self
    }

    /// Pids, references and ports of this node are printed with 0 in place of the node, as on that node itself.
    #[must_use]
    pub fn local(mut self, node: Atom) -> Style {
        self.local = Some(node);
        self
    }

    fn between(&self) -> &'static str {
        match self.language {
            Language::Erlang => ",",
            Language::Elixir => ", ",
        }
    }
}

/// Encoded bytes of one term, displayed in a [`Style`]. Malformed bytes are displayed up to the error, and then it.
///
/// ```
/// use erlnode::term::{Style, Text};
/// let bytes = [104, 2, 119, 2, b'o', b'k', 107, 0, 2, b'h', b'i'];
/// assert_eq!(Text::new(&bytes, Style::erlang()).to_string(), "{ok,\"hi\"}");
/// assert_eq!(Text::new(&bytes, Style::elixir()).to_string(), "{:ok, ~c\"hi\"}");
/// ```
#[derive(Debug, Clone)]
pub struct Text<'a> {
    bytes: &'a [u8],
    atoms: &'a [Atom],
    style: Style,
}

impl<'a> Text<'a> {
    /// The term at the front of `bytes` (without the version byte 131).
    pub fn new(bytes: &'a [u8], style: Style) -> Text<'a> {
        Text { bytes, atoms: &[], style }
    }

    /// The same with the atoms that tag 82 means.
    pub fn with_atoms(bytes: &'a [u8], atoms: &'a [Atom], style: Style) -> Text<'a> {
        Text { bytes, atoms, style }
    }

    /// The text.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not a term as far as they were printed.
    pub fn try_to_string(&self) -> Result<String, Malformed> {
        let mut out = Growing(String::new());
        match print(&mut out, self) {
            Ok(()) | Err(Stop::Full) => Ok(out.0),
            Err(Stop::Malformed(malformed)) => Err(malformed),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match print(f, self) {
            Ok(()) => Ok(()),
            Err(Stop::Malformed(malformed)) => {
                write!(f, "#Malformed<{} at {}>", malformed.what, malformed.offset)
            }
            Err(Stop::Full) => Err(fmt::Error),
        }
    }
}

/// An owned term, displayed in a [`Style`]; see [`Term::text`].
#[derive(Debug, Clone)]
pub struct TermText<'a> {
    term: &'a Term,
    style: Style,
}

impl Term {
    /// The term as text in this style.
    pub fn text(&self, style: Style) -> TermText<'_> {
        TermText { term: self, style }
    }

    /// The term as Elixir's `inspect` writes it.
    pub fn elixir(&self) -> TermText<'_> {
        self.text(Style::elixir())
    }
}

impl fmt::Display for TermText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term.to_bytes() {
            Ok(bytes) => Text::new(&bytes, self.style.clone()).fmt(f),
            Err(error) => write!(f, "#Malformed<{error}>"),
        }
    }
}

impl fmt::Display for Term {
    /// Erlang's text, as [`Style::erlang`] has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(Style::erlang()).fmt(f)
    }
}
/// Why printing ended early.
enum Stop {
    /// The receiver of the text takes no more.
    Full,
    Malformed(Malformed),
}

impl From<fmt::Error> for Stop {
    fn from(_: fmt::Error) -> Stop {
        Stop::Full
    }
}

/// A string; without memory for more, what writes it unwinds.
struct Growing(String);

impl Write for Growing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.try_reserve(text.len()).is_err() {
            out_of_memory();
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Lets so many bytes through, then `...` and nothing more.
struct Limited<'o> {
    out: &'o mut dyn Write,
    left: usize,
    cut: bool,
}

impl Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return self.out.write_str(text);
        }
        let mut end = self.left;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.left = 0;
        self.cut = true;
        self.out.write_str(&text[..end])?;
        self.out.write_str("...")?;
        Err(fmt::Error)
    }
}
#[cfg(test)]
mod tests;
