//! Looking ahead: what a list or map is can depend on all of its parts, before the first of them is printed.

use crate::error::out_of_memory;
use crate::term::{tag, wire};

use super::elixir;
use super::structs::{self, Field, Shown};
use super::walk::{tuple_header, Printer};

impl<'a> Printer<'a, '_, '_> {
    /// The list at the cursor as text, and what follows it, if it is one.
    pub(super) fn charlist(&self) -> Option<(String, &'a [u8])> {
        let mut text = String::new();
        let mut push = |code: i64| {
            let c = u32::try_from(code).ok().and_then(char::from_u32).filter(|_| self.is_text_code(code));
            c.map(|c| {
                if text.len() + c.len_utf8() > text.capacity() && text.try_reserve(c.len_utf8()).is_err() {
                    out_of_memory();
                }
                text.push(c);
            })
        };
        let mut s = self.rest;
        loop {
            match *s.first()? {
                tag::NIL => return Some((text, &s[1..])),
                tag::STRING => {
                    let (length, body) = wire::u16(&s[1..]).ok()?;
                    let (bytes, rest) = wire::take(body, length).ok()?;
                    bytes.iter().try_for_each(|&byte| push(i64::from(byte)))?;
                    return Some((text, rest));
                }
                tag::LIST => {
                    let (count, body) = wire::len32(&s[1..]).ok()?;
                    s = body;
                    for _ in 0..count {
                        match *s {
                            [tag::SMALL_INTEGER, n, ref rest @ ..] => {
                                push(i64::from(n))?;
                                s = rest;
                            }
                            [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
                                push(i64::from(i32::from_be_bytes([a, b, c, d])))?;
                                s = rest;
                            }
                            _ => return None,
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    /// True if every element of the list at the cursor is a pair whose first part may be a key.
    pub(super) fn is_keywords(&mut self) -> bool {
        let mut looks = self.looks;
        let yes = self.keywords_within(&mut looks).is_some();
        self.looks = looks;
        yes
    }

    fn keywords_within(&self, looks: &mut usize) -> Option<()> {
        let (count, mut s) = wire::len32(&self.rest[1..]).ok()?;
        for _ in 0..count {
            let (arity, pair) = tuple_header(s)?;
            let value = (arity == 2).then(|| self.behind_key(pair))??;
            s = self.behind_within(value, looks)?;
        }
        (s.first() == Some(&tag::NIL)).then_some(())
    }

    /// What follows the atom at `s`, if it may be written as a key.
    fn behind_key(&self, s: &'a [u8]) -> Option<&'a [u8]> {
        wire::is_atom_tag(*s.first()?).then_some(())?;
        let (text, rest) = wire::atom(s).ok()?;
        let text = text.resolve(self.atoms).ok()?;
        elixir::is_key(&text).then_some(rest)
    }

    /// What follows the term at `s`, as long as looking ahead is still paid for.
    fn behind_within(&self, s: &'a [u8], looks: &mut usize) -> Option<&'a [u8]> {
        if *looks == 0 {
            return None;
        }
        let rest = self.behind(s, 1).ok()?;
        *looks = looks.saturating_sub(s.len() - rest.len());
        Some(rest)
    }

    /// If all keys of the map at the cursor are atoms that may be written as keys: the alias in `__struct__`, if any.
    pub(super) fn atom_keys(&self, pairs: usize, looks: &mut usize) -> Option<Option<String>> {
        let (mut s, mut name) = (self.rest, None);
        for _ in 0..pairs {
            let value = self.behind_key(s)?;
            if wire::atom(s).is_ok_and(|(key, _)| key.is("__struct__", self.atoms)) {
                name = self.alias_at(value);
            }
            s = self.behind_within(value, looks)?;
        }
        Some(name)
    }

    fn alias_at(&self, s: &'a [u8]) -> Option<String> {
        wire::is_atom_tag(*s.first()?).then_some(())?;
        let text = wire::atom(s).ok()?.0.resolve(self.atoms).ok()?;
        elixir::alias(&text).map(String::from)
    }

    /// The special form of a struct, and what follows the struct.
    pub(super) fn known(&self, pairs: usize, name: &str) -> Option<(Shown<'a>, &'a [u8])> {
        if pairs > structs::MOST_FIELDS || !structs::is_known(name) {
            return None;
        }
        let mut fields = Vec::with_capacity(pairs);
        let mut s = self.rest;
        for _ in 0..pairs {
            let (key, from) = wire::atom(s).ok()?;
            s = self.behind(from, 1).ok()?;
            let value = &from[..from.len() - s.len()];
            fields.push(Field { key: key.resolve(self.atoms).ok()?, value, from });
        }
        Some((structs::show(name, &fields)?, s))
    }
}
