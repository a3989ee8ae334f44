//! Numbers and atoms.

use std::borrow::Cow;

use super::Reader;
use crate::term::integer::{self, Integer};
use crate::term::tag;
use crate::term::wire::{self, Text};
use crate::term::Atom;

/// An integer as it stands on the wire.
enum Parts<'a> {
    Fixed(i64),
    Big(bool, &'a [u8]),
}

impl<'a> Reader<'a> {
    /// An integer that fits `i64`.
    #[inline]
    pub fn i64(&mut self) -> Option<i64> {
        match *self.rest {
            [tag::SMALL_INTEGER, value, ref rest @ ..] => {
                self.rest = rest;
                Some(i64::from(value))
            }
            [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
                self.rest = rest;
                Some(i64::from(i32::from_be_bytes([a, b, c, d])))
            }
            _ => match wire::short_big(self.rest) {
                Some((value, rest)) => {
                    self.rest = rest;
                    Some(value)
                }
                None => self.aside(Self::rare_i64),
            },
        }
    }

    #[cold]
    #[inline(never)]
    fn rare_i64(&mut self) -> Option<i64> {
        if self.string != 0 {
            return self.string_byte().map(i64::from);
        }
        let (value, rest) = self.integer_parts()?;
        let value = match value {
            Parts::Fixed(value) => value,
            Parts::Big(negative, magnitude) => integer::to_i64(negative, magnitude)?,
        };
        self.rest = rest;
        Some(value)
    }

    /// An integer that fits `u64`.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        match *self.rest {
            [tag::SMALL_INTEGER, value, ref rest @ ..] => {
                self.rest = rest;
                Some(u64::from(value))
            }
            [tag::INTEGER, a @ 0..=127, b, c, d, ref rest @ ..] => {
                self.rest = rest;
                Some(u64::from(u32::from_be_bytes([a, b, c, d])))
            }
            _ => self.aside(Self::rare_u64),
        }
    }

    #[cold]
    #[inline(never)]
    fn rare_u64(&mut self) -> Option<u64> {
        if self.string != 0 {
            return self.string_byte().map(u64::from);
        }
        let (value, rest) = self.integer_parts()?;
        let value = match value {
            Parts::Fixed(value) => u64::try_from(value).ok()?,
            Parts::Big(negative, magnitude) => integer::to_u64(negative, magnitude)?,
        };
        self.rest = rest;
        Some(value)
    }

    /// An integer of any size.
    pub fn integer(&mut self) -> Option<Integer> {
        if self.string != 0 {
            return self.string_byte().map(|byte| Integer::Small(i64::from(byte)));
        }
        let (value, rest) = self.integer_parts()?;
        self.rest = rest;
        match value {
            Parts::Fixed(value) => Some(Integer::Small(value)),
            Parts::Big(negative, magnitude) => Integer::from_le_bytes(negative, magnitude).ok(),
        }
    }

    /// An integer written with tag 110 or 111: true if negative, and its little-endian magnitude as it stands there
    /// (possibly with zeros at the end). Small integers are for [`i64`](Self::i64).
    pub fn big(&mut self) -> Option<(bool, &'a [u8])> {
        match self.tag()? {
            tag::SMALL_BIG | tag::LARGE_BIG => self.accept(wire::big(self.rest)),
            _ => None,
        }
    }

    fn integer_parts(&mut self) -> Option<(Parts<'a>, &'a [u8])> {
        let parsed = match self.tag()? {
            tag::SMALL_INTEGER | tag::INTEGER => {
                wire::fixed_integer(self.rest).map(|(value, rest)| (Parts::Fixed(i64::from(value)), rest))
            }
            tag::SMALL_BIG | tag::LARGE_BIG => wire::big(self.rest)
                .map(|((negative, magnitude), rest)| (Parts::Big(negative, magnitude), rest)),
            _ => return None,
        };
        parsed.map_err(|wrong| self.fail::<()>(wrong)).ok()
    }

    /// A float. Integers are not floats.
    #[inline]
    pub fn f64(&mut self) -> Option<f64> {
        if let [tag::NEW_FLOAT, a, b, c, d, e, f, g, h, ref rest @ ..] = *self.rest {
            let value = f64::from_be_bytes([a, b, c, d, e, f, g, h]);
            if value.is_finite() {
                self.rest = rest;
                return Some(value);
            }
        }
        self.aside(Self::rare_f64)
    }

    #[cold]
    #[inline(never)]
    fn rare_f64(&mut self) -> Option<f64> {
        match self.tag()? {
            tag::NEW_FLOAT => self.accept(wire::take(self.rest, 1).and_then(|(_, s)| {
                let (bytes, rest) = wire::array(s)?;
                Ok((wire::finite(*bytes)?, rest))
            })),
            tag::FLOAT => self.accept(wire::take(self.rest, 1).and_then(|(_, s)| {
                let (text, rest) = wire::array(s)?;
                Ok((wire::old_float(text)?, rest))
            })),
            _ => None,
        }
    }

    /// The text of the atom at the cursor, unchecked, and what follows it.
    fn peek_atom(&mut self) -> Option<(Text<'a>, &'a [u8])> {
        match self.tag() {
            Some(tag) if wire::is_atom_tag(tag) => match wire::atom(self.rest) {
                Ok(parsed) => Some(parsed),
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// The text of an atom; borrowed except from the old Latin-1 tags.
    #[inline]
    pub fn atom(&mut self) -> Option<Cow<'a, str>> {
        if let Some((text, rest)) = short_atom(self.rest) {
            if let Ok(text) = std::str::from_utf8(text) {
                self.rest = rest;
                return Some(Cow::Borrowed(text));
            }
        }
        self.aside(Self::rare_atom)
    }

    #[cold]
    #[inline(never)]
    fn rare_atom(&mut self) -> Option<Cow<'a, str>> {
        let (text, rest) = self.peek_atom()?;
        self.check(text.resolve(self.atoms), rest)
    }

    /// The text of an atom as UTF-8 bytes; cheaper than [`atom`](Self::atom) where a `str` is not needed.
    #[inline]
    pub fn atom_bytes(&mut self) -> Option<Cow<'a, [u8]>> {
        if let Some((text, rest)) = short_atom(self.rest) {
            if text.is_ascii() {
                self.rest = rest;
                return Some(Cow::Borrowed(text));
            }
        }
        match self.aside(Self::rare_atom)? {
            Cow::Borrowed(text) => Some(Cow::Borrowed(text.as_bytes())),
            Cow::Owned(text) => Some(Cow::Owned(text.into_bytes())),
        }
    }

    /// An atom as a value of its own.
    #[inline]
    pub fn atom_term(&mut self) -> Option<Atom> {
        if let Some((text, rest)) = wire::short_atom(self.rest) {
            self.rest = rest;
            return Some(Atom::from_short(text));
        }
        self.aside(Self::rare_atom_term)
    }

    #[cold]
    #[inline(never)]
    fn rare_atom_term(&mut self) -> Option<Atom> {
        let (text, rest) = self.peek_atom()?;
        self.check(text.to_atom(self.atoms), rest)
    }

    /// The atom with this text, and no other.
    #[inline]
    pub fn atom_is(&mut self, text: &str) -> bool {
        if let Some((found, rest)) = short_atom(self.rest) {
            let same = found == text.as_bytes();
            if same {
                self.rest = rest;
            }
            return same;
        }
        self.aside(|reader| reader.rare_atom_is(text))
    }

    #[cold]
    #[inline(never)]
    fn rare_atom_is(&mut self, text: &str) -> bool {
        match self.peek_atom() {
            Some((found, rest)) if found.is(text, self.atoms) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The atoms `true` and `false`.
    #[inline]
    pub fn bool(&mut self) -> Option<bool> {
        if self.atom_is("true") {
            Some(true)
        } else if self.atom_is("false") {
            Some(false)
        } else {
            None
        }
    }
}

/// Text of the usual tag of atoms, unchecked.
#[inline(always)]
fn short_atom(s: &[u8]) -> Option<(&[u8], &[u8])> {
    match *s {
        [tag::SMALL_ATOM_UTF8, len, ref rest @ ..] if usize::from(len) <= rest.len() => {
            Some(rest.split_at(usize::from(len)))
        }
        _ => None,
    }
}
