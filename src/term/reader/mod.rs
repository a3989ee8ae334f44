//! A cursor over encoded terms.
//!
//! Each method reads one item if it is of the kind asked for. A wrong guess gives `None` and does not move; broken
//! bytes give `None`, are remembered by [`Reader::error`], and nothing can be read after them. Nothing is copied
//! that can be borrowed. The one state beside the position: inside a STRING (tag 107) its bytes are shown one by
//! one as the integers of the list that it stands for.
//!
//! How it is fast: the happy paths touch only `rest`, and all others work on a copy of the cursor (`aside`), so that
//! the compiler can keep a cursor that is a local variable in registers. Keep both when you change anything here, and
//! look at `benches/codec`.

mod compound;
mod data;
mod ids;
mod scalar;

use super::decode;
use super::skip::{self, WrongAt};
use super::tag;
use super::wire::{Parsed, Wrong};
use super::{Atom, Term};
use crate::error::Malformed;

pub(crate) use ids::{make_export, make_reference, node_atom};

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

    /// Does something less usual on a copy of the cursor: see the module's text.
    #[inline(always)]
    fn aside<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let mut copy = self.clone();
        let outcome = work(&mut copy);
        *self = copy;
        outcome
    }

    /// Undoes a guess that took several steps; what was found to be broken stays known.
    fn go_back(&mut self, before: Self) {
        let error = self.error;
        *self = before;
        if error.is_some() {
            self.parked = self.position();
            self.error = error;
            self.string = 0;
            self.rest = &[];
        }
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
