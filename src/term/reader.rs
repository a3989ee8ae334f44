//! A cursor over encoded terms.
//!
//! Each method reads one item if it is of the kind asked for. A wrong guess gives `None` and does not move; broken
//! bytes give `None`, are remembered by [`Reader::error`], and nothing can be read after them. Nothing is copied
//! that can be borrowed. The one state beside the position: inside a STRING (tag 107) its bytes are shown one by
//! one as the integers of the list that it stands for.

use std::borrow::Cow;

use super::decode;
use super::integer::{self, Integer};
use super::skip::{self, WrongAt};
use super::tag;
use super::wire::{self, Parsed, PidParts, ReferenceParts, Text, Wrong};
use super::{Atom, Export, Pid, Port, Reference, Term};
use crate::error::Malformed;

/// What stands at the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An integer of any size.
    Integer,
    /// A float.
    Float,
    /// An atom.
    Atom,
    /// A tuple.
    Tuple,
    /// A list with elements.
    List,
    /// The empty list.
    Nil,
    /// A list of small integers in its compact form; [`Reader::list`] reads it too.
    String,
    /// A map.
    Map,
    /// A binary.
    Binary,
    /// A bit string.
    BitString,
    /// A pid.
    Pid,
    /// A port.
    Port,
    /// A reference.
    Reference,
    /// A fun.
    Fun,
    /// `fun Module:Function/Arity`.
    Export,
    /// A native record.
    Record,
}

/// Where a [`Reader`] stands: all of its state but the bytes. For those who must store it, as C does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// Offset of the cursor.
    pub position: usize,
    /// 0 outside of a STRING; inside, the bytes of it still to come plus 1 for its end.
    pub string: u32,
    /// The first complaint.
    pub error: Option<Malformed>,
}

/// A cursor over encoded terms (without the version byte); see the module's text for its three rules.
///
/// Look: [`kind`](Self::kind), [`is_empty`](Self::is_empty), [`position`](Self::position). Numbers: [`i64`](Self::i64),
/// [`u64`](Self::u64), [`f64`](Self::f64), [`integer`](Self::integer). Atoms: [`atom`](Self::atom),
/// [`atom_is`](Self::atom_is), [`bool`](Self::bool). Compound: [`tuple`](Self::tuple), [`list`](Self::list),
/// [`nil`](Self::nil), [`map`](Self::map). Bytes: [`binary`](Self::binary), [`bitstring`](Self::bitstring),
/// [`string`](Self::string), [`iolist`](Self::iolist). Ids: [`pid`](Self::pid), [`port`](Self::port),
/// [`reference`](Self::reference). Whole terms: [`skip`](Self::skip), [`term_bytes`](Self::term_bytes),
/// [`term`](Self::term). End: [`finish`](Self::finish), [`error`](Self::error).
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    /// What is still to be read; empty inside a STRING and after an error, so that the fast paths, which look at
    /// nothing else, fail by their own check of the length.
    rest: &'a [u8],
    whole: &'a [u8],
    atoms: &'a [Atom],
    /// The position while `rest` is empty for one of these two reasons.
    parked: usize,
    /// As in [`State::string`].
    string: u32,
    error: Option<Malformed>,
}

/// `[97, n]` for each n: what an element of a STRING is outside of it.
static SMALL_INTEGERS: [[u8; 2]; 256] = {
    let mut all = [[tag::SMALL_INTEGER, 0]; 256];
    let mut n = 0;
    while n < 256 {
        all[n][1] = n as u8;
        n += 1;
    }
    all
};

impl<'a> Reader<'a> {
    /// A cursor at the start of these bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::with_atoms(bytes, &[])
    }

    /// A cursor over bytes in which tag 82 refers to these atoms, the atom section of their packet.
    #[inline]
    pub fn with_atoms(bytes: &'a [u8], atoms: &'a [Atom]) -> Self {
        Reader { rest: bytes, whole: bytes, atoms, parked: 0, string: 0, error: None }
    }

    /// The cursor that stood there. A state that does not belong to these bytes reads nonsense or nothing, no more.
    #[inline]
    pub fn resume(bytes: &'a [u8], atoms: &'a [Atom], state: State) -> Self {
        let parked = state.string != 0 || state.error.is_some();
        let rest = if parked { &[] } else { bytes.get(state.position..).unwrap_or_default() };
        Reader {
            rest,
            whole: bytes,
            atoms,
            parked: state.position.min(bytes.len()),
            string: state.string,
            error: state.error,
        }
    }

    /// Where the cursor stands.
    #[inline]
    pub fn state(&self) -> State {
        State { position: self.position(), string: self.string, error: self.error }
    }

    /// Offset of the cursor from the start of the bytes.
    #[inline]
    pub fn position(&self) -> usize {
        if self.is_parked() {
            self.parked
        } else {
            self.whole.len() - self.rest.len()
        }
    }

    /// All the bytes the cursor moves over.
    pub fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// The atom section given to [`with_atoms`](Self::with_atoms).
    pub fn atoms(&self) -> &'a [Atom] {
        self.atoms
    }

    /// Bytes from the cursor on.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.whole.len() - self.position()
    }

    /// True at the end of the bytes (and not inside a STRING or after an error).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty() && !self.is_parked()
    }

    /// The first complaint about the bytes; after it nothing can be read.
    #[inline]
    pub fn error(&self) -> Option<Malformed> {
        self.error
    }

    /// The end of reading.
    ///
    /// # Errors
    /// What [`error`](Self::error) says, or that bytes follow.
    pub fn finish(&self) -> Result<(), Malformed> {
        match self.error {
            Some(error) => Err(error),
            None if self.is_empty() => Ok(()),
            None => Err(Malformed::new("term (bytes after it)", self.position())),
        }
    }

    #[inline]
    fn is_parked(&self) -> bool {
        self.string != 0 || self.error.is_some()
    }

    /// Remembers the first complaint and stops the fast paths.
    #[cold]
    fn fail<T>(&mut self, what: Wrong) -> Option<T> {
        if self.error.is_none() {
            self.parked = self.position();
            self.error = Some(Malformed::new(what, self.parked));
            self.string = 0;
            self.rest = &[];
        }
        None
    }

    /// Steps over what was parsed, or remembers what is wrong with it.
    #[inline]
    fn accept<T>(&mut self, parsed: Parsed<'a, T>) -> Option<T> {
        match parsed {
            Ok((value, rest)) => {
                self.rest = rest;
                Some(value)
            }
            Err(wrong) => self.fail(wrong),
        }
    }

    /// A value that was parsed, and checks that may find it wrong: moves only if they do not.
    #[inline]
    fn check<T>(&mut self, checked: Result<T, Wrong>, rest: &'a [u8]) -> Option<T> {
        self.accept(checked.map(|value| (value, rest)))
    }

    /// The tag at the cursor. Lists without elements are stepped over: the value of `108 0 T` is `T`.
    #[inline]
    fn tag(&mut self) -> Option<u8> {
        match self.rest.first() {
            Some(&tag::LIST) => self.tag_behind_empty_lists(),
            first => first.copied(),
        }
    }

    fn tag_behind_empty_lists(&mut self) -> Option<u8> {
        while let [tag::LIST, 0, 0, 0, 0, rest @ ..] = self.rest {
            if rest.is_empty() {
                return self.fail("term (cut short)");
            }
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// The next byte of a STRING as the integer it stands for.
    #[inline]
    fn string_byte(&mut self) -> Option<u8> {
        if self.string < 2 {
            return None;
        }
        let byte = *self.whole.get(self.parked)?;
        self.parked += 1;
        self.string -= 1;
        Some(byte)
    }

    /// The end of a STRING as the `[]` it stands for.
    fn string_end(&mut self) -> bool {
        if self.string != 1 {
            return false;
        }
        self.string = 0;
        self.rest = self.whole.get(self.parked..).unwrap_or_default();
        true
    }

    /// What stands at the cursor; `None` at the end and after an error.
    pub fn kind(&mut self) -> Option<Kind> {
        if self.string != 0 {
            return Some(if self.string == 1 { Kind::Nil } else { Kind::Integer });
        }
        Some(match self.tag()? {
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => Kind::Integer,
            tag::NEW_FLOAT | tag::FLOAT => Kind::Float,
            tag if wire::is_atom_tag(tag) => Kind::Atom,
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => Kind::Tuple,
            tag::NIL => Kind::Nil,
            tag::STRING if matches!(self.rest, [_, 0, 0, ..]) => Kind::Nil,
            tag::STRING => Kind::String,
            tag::LIST => Kind::List,
            tag::MAP => Kind::Map,
            tag::BINARY => Kind::Binary,
            tag::BIT_BINARY if self.rest.get(5) == Some(&8) => Kind::Binary,
            tag::BIT_BINARY => Kind::BitString,
            tag::NEW_PID | tag::PID => Kind::Pid,
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => Kind::Port,
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => Kind::Reference,
            tag::NEW_FUN => Kind::Fun,
            tag::EXPORT => Kind::Export,
            tag::RECORD => Kind::Record,
            _ => return self.fail("tag"),
        })
    }

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
            _ => self.rare_i64(),
        }
    }

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
            _ => self.rare_u64(),
        }
    }

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
        match *self.rest {
            [tag::NEW_FLOAT, a, b, c, d, e, f, g, h, ref rest @ ..] => {
                self.check(wire::finite([a, b, c, d, e, f, g, h]), rest)
            }
            _ => self.rare_f64(),
        }
    }

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
    #[inline]
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
        let (text, rest) = self.peek_atom()?;
        self.check(text.resolve(self.atoms), rest)
    }

    /// An atom as a value of its own.
    #[inline]
    pub fn atom_term(&mut self) -> Option<Atom> {
        let (text, rest) = self.peek_atom()?;
        self.check(text.to_atom(self.atoms), rest)
    }

    /// The atom with this text, and no other.
    #[inline]
    pub fn atom_is(&mut self, text: &str) -> bool {
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

    /// A tuple: its arity; the elements follow.
    #[inline]
    pub fn tuple(&mut self) -> Option<usize> {
        match *self.rest {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => {
                let arity = usize::from(arity);
                self.enter(arity, arity, rest)
            }
            _ => self.rare_tuple(),
        }
    }

    #[inline(never)]
    fn rare_tuple(&mut self) -> Option<usize> {
        match self.tag()? {
            tag::SMALL_TUPLE if self.rest.len() > 1 => self.tuple_here(),
            tag::SMALL_TUPLE => self.fail("term (cut short)"),
            tag::LARGE_TUPLE => self.tuple_here(),
            _ => None,
        }
    }

    fn tuple_here(&mut self) -> Option<usize> {
        let (arity, rest) = match *self.rest {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => (usize::from(arity), rest),
            [_, a, b, c, d, ref rest @ ..] => (u32::from_be_bytes([a, b, c, d]) as usize, rest),
            _ => return self.fail("term (cut short)"),
        };
        self.enter(arity, arity, rest)
    }

    /// Steps to the first of `items` items; they need a byte each.
    #[inline]
    fn enter(&mut self, count: usize, items: usize, rest: &'a [u8]) -> Option<usize> {
        if items > rest.len() {
            return self.fail("term (more elements than bytes)");
        }
        self.rest = rest;
        Some(count)
    }

    /// A tuple of this arity, and no other.
    #[inline]
    pub fn tuple_of(&mut self, arity: usize) -> bool {
        match *self.rest {
            [tag::SMALL_TUPLE, found, ref rest @ ..] if usize::from(found) == arity => {
                self.enter(arity, arity, rest).is_some()
            }
            [tag::SMALL_TUPLE, _, ..] => false,
            _ => self.rare_tuple_of(arity),
        }
    }

    #[inline(never)]
    fn rare_tuple_of(&mut self, arity: usize) -> bool {
        let before = self.rest;
        match self.rare_tuple() {
            Some(found) if found == arity => true,
            Some(_) => {
                self.rest = before;
                false
            }
            None => false,
        }
    }

    /// A list: the number of its elements; these follow, and then the tail, which is [`nil`](Self::nil) unless the
    /// list is improper. The empty list gives 0 and stays, as its own tail.
    #[inline]
    pub fn list(&mut self) -> Option<usize> {
        match *self.rest {
            [tag::LIST, a, b, c, d, ref rest @ ..] => {
                let count = u32::from_be_bytes([a, b, c, d]) as usize;
                if count == 0 {
                    return self.rare_list();
                }
                self.enter(count, count.saturating_add(1), rest)
            }
            _ => self.rare_list(),
        }
    }

    #[inline(never)]
    fn rare_list(&mut self) -> Option<usize> {
        if self.string != 0 {
            return (self.string == 1).then_some(0);
        }
        match self.tag()? {
            tag::NIL => Some(0),
            tag::STRING => self.enter_string(),
            tag::LIST => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let count = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.enter(count, count.saturating_add(1), rest)
                }
                _ => self.fail("term (cut short)"),
            },
            _ => None,
        }
    }

    fn enter_string(&mut self) -> Option<usize> {
        let len = match *self.rest {
            [_, a, b, ref rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([a, b]));
                if len > rest.len() {
                    return self.fail("string (cut short)");
                }
                len
            }
            _ => return self.fail("term (cut short)"),
        };
        self.parked = self.position() + 3;
        self.string = len as u32 + 1;
        self.rest = &[];
        Some(len)
    }

    /// The empty list, or the end of a proper one.
    #[inline]
    pub fn nil(&mut self) -> bool {
        match *self.rest {
            [tag::NIL, ref rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => self.rare_nil(),
        }
    }

    #[inline(never)]
    fn rare_nil(&mut self) -> bool {
        if self.string != 0 {
            return self.string_end();
        }
        match self.tag() {
            Some(tag::NIL) => self.accept(wire::take(self.rest, 1)).is_some(),
            Some(tag::STRING) if matches!(self.rest, [_, 0, 0, ..]) => {
                self.accept(wire::take(self.rest, 3)).is_some()
            }
            _ => false,
        }
    }

    /// A map: the number of its pairs; key, value, key, value... follow. Whether a key comes twice is not checked.
    #[inline]
    pub fn map(&mut self) -> Option<usize> {
        match self.tag()? {
            tag::MAP => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let pairs = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.enter(pairs, pairs.saturating_mul(2), rest)
                }
                _ => self.fail("term (cut short)"),
            },
            _ => None,
        }
    }

    /// A binary.
    #[inline]
    pub fn binary(&mut self) -> Option<&'a [u8]> {
        match *self.rest {
            [tag::BINARY, a, b, c, d, ref rest @ ..] => {
                let len = u32::from_be_bytes([a, b, c, d]) as usize;
                self.accept(wire::take(rest, len))
            }
            _ => self.rare_binary(),
        }
    }

    #[inline(never)]
    fn rare_binary(&mut self) -> Option<&'a [u8]> {
        match self.tag()? {
            tag::BINARY => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let len = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.accept(wire::take(rest, len))
                }
                _ => self.fail("term (cut short)"),
            },
            tag::BIT_BINARY => match wire::bitstring(self.rest) {
                Ok(((data, 8), rest)) => {
                    self.rest = rest;
                    Some(data)
                }
                Ok(_) => None,
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A binary or bit string: its bytes, and the bits used in the last one, 1 to 8 (8 also for no bytes). Unused
    /// bits are as the sender left them.
    pub fn bitstring(&mut self) -> Option<(&'a [u8], u8)> {
        match self.tag()? {
            tag::BINARY => self.binary().map(|data| (data, 8)),
            tag::BIT_BINARY => self.accept(wire::bitstring(self.rest)),
            _ => None,
        }
    }

    /// A list of bytes in its compact form, or `[]`.
    pub fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.string != 0 {
            return self.string_end().then_some(Cow::Borrowed(&[]));
        }
        match self.tag()? {
            tag::NIL => self.accept(wire::take(self.rest, 1)).map(|_| Cow::Borrowed(&[][..])),
            tag::STRING => {
                let parsed = wire::take(self.rest, 1).and_then(|(_, s)| {
                    let (len, s) = wire::u16(s)?;
                    wire::take(s, len)
                });
                self.accept(parsed).map(Cow::Borrowed)
            }
            tag::LIST => self.long_string(),
            _ => None,
        }
    }

    /// A list of bytes in its long form, which is how more than 65,535 of them come.
    fn long_string(&mut self) -> Option<Cow<'a, [u8]>> {
        let before = self.rest;
        let count = self.list()?;
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            match self.i64().map(u8::try_from) {
                Some(Ok(byte)) => bytes.push(byte),
                _ => break,
            }
        }
        if bytes.len() == count && self.nil() {
            return Some(Cow::Owned(bytes));
        }
        if self.error.is_none() {
            self.rest = before;
        }
        None
    }

    /// All bytes of a binary or of a (nested, possibly improper) list of bytes and binaries, as `iolist_to_binary`.
    pub fn iolist(&mut self) -> Option<Cow<'a, [u8]>> {
        if let Some(bytes) = self.binary() {
            return Some(Cow::Borrowed(bytes));
        }
        let before = self.clone();
        let mut bytes = Vec::new();
        // Elements and tails still owed; a tail may not be an integer.
        let mut open: Vec<usize> = Vec::new();
        loop {
            if let Some(part) = self.binary() {
                bytes.extend_from_slice(part);
            } else if let Some(part) = self.compact_string() {
                bytes.extend_from_slice(part);
            } else if self.nil() {
            } else if let Some(count) = self.list() {
                open.push(count);
                continue;
            } else {
                match (open.last(), self.i64().map(u8::try_from)) {
                    (Some(1..), Some(Ok(byte))) => bytes.push(byte),
                    _ => {
                        if self.error.is_none() {
                            *self = before;
                        }
                        return None;
                    }
                }
            }
            // One item is done; a list is done with its tail.
            loop {
                match open.last_mut() {
                    None => return Some(Cow::Owned(bytes)),
                    Some(0) => drop(open.pop()),
                    Some(owed) => {
                        *owed -= 1;
                        break;
                    }
                }
            }
        }
    }

    fn compact_string(&mut self) -> Option<&'a [u8]> {
        match self.tag()? {
            tag::STRING => match self.string()? {
                Cow::Borrowed(bytes) => Some(bytes),
                Cow::Owned(_) => None,
            },
            _ => None,
        }
    }

    /// A pid.
    pub fn pid(&mut self) -> Option<Pid> {
        self.pid_known(&[])
    }

    /// A pid; if its node is one of these atoms, that atom is shared. For links, where it nearly always is.
    pub fn pid_known(&mut self, known: &[Atom]) -> Option<Pid> {
        match self.tag()? {
            tag::NEW_PID | tag::PID => match wire::pid(self.rest) {
                Ok((PidParts { node, id, serial, creation }, rest)) => {
                    let pid =
                        node_atom(node, known, self.atoms).map(|node| Pid { node, id, serial, creation });
                    self.check(pid, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A port.
    pub fn port(&mut self) -> Option<Port> {
        match self.tag()? {
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => match wire::port(self.rest) {
                Ok(((node, id, creation), rest)) => {
                    let port = node.to_atom(self.atoms).map(|node| Port { node, id, creation });
                    self.check(port, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A reference.
    pub fn reference(&mut self) -> Option<Reference> {
        self.reference_known(&[])
    }

    /// A reference; shares its node's atom as [`pid_known`](Self::pid_known) does.
    pub fn reference_known(&mut self, known: &[Atom]) -> Option<Reference> {
        match self.tag()? {
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => match wire::reference(self.rest) {
                Ok((parts, rest)) => {
                    let node = node_atom(parts.node, known, self.atoms);
                    let reference = node.and_then(|node| make_reference(&parts, node));
                    self.check(reference, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// `fun Module:Function/Arity`.
    pub fn export(&mut self) -> Option<Export> {
        match self.tag()? {
            tag::EXPORT => match wire::export(self.rest) {
                Ok(((module, function, arity), rest)) => {
                    let export = make_export(module, function, arity, self.atoms);
                    self.check(export, rest)
                }
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// One whole term of any kind is stepped over. Only its structure is checked: neither text, nor floats, nor
    /// keys of maps. False at the end and after an error.
    #[inline]
    pub fn skip(&mut self) -> bool {
        self.term_bytes().is_some()
    }

    /// The bytes of one whole term, checked as by [`skip`](Self::skip). They may refer to [`atoms`](Self::atoms).
    pub fn term_bytes(&mut self) -> Option<&'a [u8]> {
        if self.string != 0 {
            return self.string_term_bytes();
        }
        if self.rest.is_empty() {
            return None;
        }
        let start = self.position();
        match skip::skip(self.whole, start, 1) {
            Ok(end) => {
                self.rest = self.whole.get(end..).unwrap_or_default();
                self.whole.get(start..end)
            }
            Err(wrong) => self.fail_at(wrong),
        }
    }

    /// One whole term as a tree, checked in full.
    pub fn term(&mut self) -> Option<Term> {
        if self.string != 0 {
            let byte = self.string_byte().map(|byte| Term::Int(i64::from(byte)));
            return byte.or_else(|| self.string_end().then(Term::nil));
        }
        if self.rest.is_empty() {
            return None;
        }
        match decode::decode(self.whole, self.position(), self.atoms) {
            Ok((term, end)) => {
                self.rest = self.whole.get(end..).unwrap_or_default();
                Some(term)
            }
            Err(wrong) => self.fail_at(wrong),
        }
    }

    #[cold]
    fn fail_at<T>(&mut self, (what, offset): WrongAt) -> Option<T> {
        self.fail::<T>(what);
        self.error = Some(Malformed::new(what, offset));
        None
    }

    fn string_term_bytes(&mut self) -> Option<&'a [u8]> {
        if self.string_end() {
            return Some(&[tag::NIL]);
        }
        let byte = self.string_byte()?;
        SMALL_INTEGERS.get(usize::from(byte)).map(|item| &item[..])
    }
}

enum Parts<'a> {
    Fixed(i64),
    Big(bool, &'a [u8]),
}

#[inline]
pub(crate) fn node_atom(node: Text<'_>, known: &[Atom], atoms: &[Atom]) -> Result<Atom, Wrong> {
    if let Text::Utf8(bytes) = node {
        if let Some(atom) = known.iter().find(|atom| atom.as_bytes() == bytes) {
            return Ok(atom.clone());
        }
    }
    node.to_atom(atoms)
}

pub(crate) fn make_reference(parts: &ReferenceParts<'_>, node: Atom) -> Result<Reference, Wrong> {
    let (words, len) = parts.words();
    Reference::new(node, parts.creation, words.get(..len).unwrap_or_default())
        .map_err(|_| "reference (over 5 words)")
}

pub(crate) fn make_export(
    module: Text<'_>,
    function: Text<'_>,
    arity: u8,
    atoms: &[Atom],
) -> Result<Export, Wrong> {
    Ok(Export { module: module.to_atom(atoms)?, function: function.to_atom(atoms)?, arity })
}
