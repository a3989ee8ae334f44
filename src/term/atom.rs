//! Atoms: names of at most 255 characters.
//!
//! An atom of up to 22 bytes lives inside its 24 bytes, a longer one is shared and counted; both clone without
//! copying text to the heap. There is no table of atoms: what a peer invents is forgotten with the last clone.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::print;
use super::tag::MAX_ATOM_CHARS;
use crate::{Error, Result};

/// Bytes of text that fit beside the length and the discriminant. Most node names do, so that a pid is plain data.
pub(crate) const INLINE: usize = 22;

/// An atom. Equality, order and hash are those of its text, which is also Erlang's order of atoms.
///
/// Made by [`Atom::new`] and [`Atom::from_static`]; read by [`Atom::as_str`]. `Display` is the raw text, `Debug`
/// is Erlang source text (quoted where Erlang needs it).
#[derive(Clone, PartialEq, Eq)]
pub struct Atom(Repr);

// Text of up to INLINE bytes is always Inline, so equal atoms have equal representations.
#[derive(Clone, PartialEq, Eq)]
enum Repr {
    Inline { len: u8, text: [u8; INLINE] },
    Long(Arc<str>),
}

// A term is no larger: it has its discriminant where this one has its.
const _: () = assert!(std::mem::size_of::<Atom>() == 24);

impl Atom {
    /// An atom with this text.
    ///
    /// # Errors
    /// [`Error::Argument`] when the text has more than 255 characters.
    pub fn new(text: &str) -> Result<Atom> {
        if !Self::fits(text) {
            return Err(Error::argument("an atom has at most 255 characters"));
        }
        Ok(Self::make(text))
    }

    /// An atom from text that is part of the program. Text over 255 characters is cut (and a debug build asserts).
    pub fn from_static(text: &'static str) -> Atom {
        debug_assert!(Self::fits(text), "an atom has at most 255 characters");
        match text.char_indices().nth(MAX_ATOM_CHARS) {
            Some((end, _)) => Self::make(&text[..end]),
            None => Self::make(text),
        }
    }

    /// True if this text is short enough for an atom.
    #[inline]
    pub(crate) fn fits(text: &str) -> bool {
        text.len() <= MAX_ATOM_CHARS || text.chars().count() <= MAX_ATOM_CHARS
    }

    /// An atom of text that was checked.
    #[inline]
    pub(crate) fn make(text: &str) -> Atom {
        let len = text.len();
        if len <= INLINE {
            let mut inline = [0; INLINE];
            inline[..len].copy_from_slice(text.as_bytes());
            Atom(Repr::Inline { len: len as u8, text: inline })
        } else {
            Atom(Repr::Long(text.into()))
        }
    }

    /// The text of an atom that keeps it inside, with zeros after its length.
    #[inline(always)]
    pub(crate) fn as_inline(&self) -> Option<(&[u8; INLINE], u8)> {
        match &self.0 {
            Repr::Inline { len, text } => Some((text, *len)),
            Repr::Long(_) => None,
        }
    }

    /// True if text of this length is kept inside of the atom.
    #[inline]
    pub(crate) fn is_inline(len: usize) -> bool {
        len <= INLINE
    }

    /// The atom with this text.
    #[inline(always)]
    pub(crate) fn from_short(text: Short) -> Atom {
        let Short { len, words: [a, b, c] } = text;
        let [a, b, c] = [a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes()];
        let mut text = [0; INLINE];
        text[..8].copy_from_slice(&a);
        text[8..16].copy_from_slice(&b);
        text[16..].copy_from_slice(&c[..INLINE - 16]);
        Atom(Repr::Inline { len, text })
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // Checked again because this module has no unsafe; it is a few nanoseconds at this length.
            Repr::Inline { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Repr::Long(text) => text,
        }
    }

    /// The text as UTF-8 bytes; cheaper than [`as_str`](Self::as_str) where only equality matters.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, text } => text.get(..usize::from(*len)).unwrap_or_default(),
            Repr::Long(text) => text.as_bytes(),
        }
    }
}

/// Short ASCII text in registers: between the wire and its place in an atom it never touches memory, which costs more
/// than all else about it.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    len: u8,
    words: [u64; 3],
}

/// Bytes loaded at once for a short text.
pub(crate) const WINDOW: usize = 24;

impl Short {
    /// The first `len` bytes; `None` unless they fit into an atom and are ASCII.
    #[inline(always)]
    pub(crate) fn new(window: &[u8; WINDOW], len: u8) -> Option<Short> {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        if usize::from(len) > INLINE {
            return None;
        }
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x] = *window;
        let bits = 8 * u32::from(len);
        let words = [
            u64::from_le_bytes([a, b, c, d, e, f, g, h]) & low_bits(bits),
            u64::from_le_bytes([i, j, k, l, m, n, o, p]) & low_bits(bits.saturating_sub(64)),
            u64::from_le_bytes([q, r, s, t, u, v, w, x]) & low_bits(bits.saturating_sub(128)),
        ];
        ((words[0] | words[1] | words[2]) & HIGH == 0).then_some(Short { len, words })
    }
}

impl Short {
    /// The same from text alone.
    pub(crate) fn from_text(text: &[u8]) -> Option<Short> {
        let mut window = [0; WINDOW];
        window.get_mut(..text.len())?.copy_from_slice(text);
        Short::new(&window, text.len() as u8)
    }

    /// Text and length as they are, where 128 bits can hold them.
    #[inline(always)]
    pub(crate) fn as_digest(self) -> Option<[u64; 2]> {
        let [low, high, _] = self.words;
        (self.len < 16).then_some([low, high | u64::from(self.len) << 56])
    }
}

/// The lowest `bits` bits of a word; all of them from 64 on.
#[inline(always)]
fn low_bits(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

/// Latin-1 text of the old tags as UTF-8.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

impl PartialOrd for Atom {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Atom {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Atom {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As `str` does, so that maps can be asked with one, but without checking the text again.
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

impl Borrow<str> for Atom {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Atom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Atom {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Atom {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl std::str::FromStr for Atom {
    type Err = Error;

    fn from_str(text: &str) -> Result<Atom> {
        Atom::new(text)
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print::erlang::atom(f, self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_counts_characters_not_bytes() {
        assert!(Atom::new(&"a".repeat(255)).is_ok());
        assert!(Atom::new(&"a".repeat(256)).is_err());
        assert!(Atom::new(&"€".repeat(255)).is_ok());
        assert!(Atom::new(&"€".repeat(256)).is_err());
    }

    #[test]
    fn text_survives_on_both_sides_of_the_inline_border() {
        for n in 0..40 {
            let text = "x".repeat(n);
            let atom = Atom::new(&text).unwrap();
            assert_eq!(atom.as_str(), text);
            assert_eq!(atom.clone(), atom);
            assert_eq!(atom, text.as_str());
        }
    }

    #[test]
    fn order_is_that_of_the_text() {
        let mut atoms: Vec<Atom> =
            ["z", "", "longer than fourteen", "ab", "a", "é"].iter().map(|t| Atom::new(t).unwrap()).collect();
        atoms.sort();
        let texts: Vec<&str> = atoms.iter().map(Atom::as_str).collect();
        assert_eq!(texts, ["", "a", "ab", "longer than fourteen", "z", "é"]);
    }

    #[test]
    fn debug_is_erlang_source() {
        let show = |text: &str| format!("{:?}", Atom::new(text).unwrap());
        assert_eq!(show("ok"), "ok");
        assert_eq!(show("a@b"), "a@b");
        assert_eq!(show(""), "''");
        assert_eq!(show("end"), "'end'");
        assert_eq!(show("Elixir.Foo"), "'Elixir.Foo'");
        assert_eq!(show("it's\n"), "'it\\'s\\n'");
    }
}
