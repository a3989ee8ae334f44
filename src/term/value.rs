//! The owned term: a tree for those who do not want to read bytes with a cursor.
//!
//! Always true: a [`Map`] has no duplicate keys and is sorted, a [`Float`](Term::Float) that was decoded is finite,
//! an integer that fits `i64` is [`Int`](Term::Int), an [`Improper`] has an element and no list as its tail. Nothing
//! here recurses: a term nested a million deep is dropped, cloned, hashed and compared like any other.

use std::fmt;
use std::mem;
use std::ops::Deref;

use super::id::{Pid, Port, Reference};
use super::integer::Big;
use super::{order, Atom};
use crate::error::room;
use crate::{Error, Result};

/// An Erlang term.
///
/// Read: [`as_i64`](Term::as_i64), [`as_atom`](Term::as_atom), [`as_tuple`](Term::as_tuple) and the others, or
/// `match`. Make: `From` of the Rust types, [`Term::tuple`], [`Term::list`], [`Term::map`]. Bytes:
/// [`Term::decode`], [`Term::to_bytes`]. `==` is Erlang's `=:=`; [`Term::loose_eq`] is its `==`; `Ord` is Erlang's
/// term order, with `1` just before `1.0`.
#[derive(Clone)]
pub enum Term {
    /// An integer that fits `i64`.
    Int(i64),
    /// Any other integer.
    Big(Box<Big>),
    /// A float.
    Float(f64),
    /// An atom.
    Atom(Atom),
    /// A binary.
    Binary(Box<[u8]>),
    /// A bit string whose length is no multiple of 8.
    BitString(BitString),
    /// A proper list; the empty one is `[]`.
    List(Terms),
    /// A list that ends in something else than `[]`.
    ImproperList(Improper),
    /// A tuple.
    Tuple(Terms),
    /// A map.
    Map(Map),
    /// A pid.
    Pid(Box<Pid>),
    /// A port.
    Port(Box<Port>),
    /// A reference.
    Reference(Box<Reference>),
    /// A fun, kept as bytes to be echoed.
    Fun(Fun),
    /// `fun Module:Function/Arity`.
    Export(Box<Export>),
    /// A native record of OTP 29, kept as bytes to be echoed.
    Record(Record),
}

// The memory rule: a list of n nils is n + 6 bytes on the wire and may take 24 times that.
const _: () = assert!(mem::size_of::<Term>() <= 24);

/// The elements of a list, tuple or map. Derefs to a slice.
#[derive(Default)]
pub struct Terms(Box<[Term]>);

/// A bit string whose last byte is used in part.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BitString {
    // The data, then the number of bits used in its last byte: a field of its own would make every term larger.
    data_and_bits: Box<[u8]>,
}

/// A list that ends in something else than `[]`: `[a, b | tail]`.
#[derive(Clone)]
pub struct Improper(Terms);

/// A map: pairs with distinct keys, sorted as Erlang sorts keys (integers before floats).
#[derive(Clone, Default)]
pub struct Map(Terms);

/// A fun of some module on some node: its external bytes from the tag on, self-contained.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fun(Box<[u8]>);

/// A native record: its external bytes from the tag on, self-contained.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Record(Box<[u8]>);

/// `fun Module:Function/Arity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Export {
    /// The module.
    pub module: Atom,
    /// The function.
    pub function: Atom,
    /// Number of arguments.
    pub arity: u8,
}

impl Terms {
    /// The elements as a vector.
    pub fn into_vec(mut self) -> Vec<Term> {
        mem::take(&mut self.0).into_vec()
    }

    fn take(&mut self) -> Box<[Term]> {
        mem::take(&mut self.0)
    }
}

impl Term {
    /// The elements of a compound term, in the order of the wire.
    #[inline]
    pub(crate) fn children(&self) -> &[Term] {
        match self {
            Term::List(items) | Term::Tuple(items) => items,
            Term::ImproperList(list) => &list.0,
            Term::Map(map) => &map.0,
            _ => &[],
        }
    }

    #[inline]
    fn take_children(&mut self) -> Box<[Term]> {
        match self {
            Term::List(items) | Term::Tuple(items) => items.take(),
            Term::ImproperList(list) => list.0.take(),
            Term::Map(map) => map.0.take(),
            _ => Box::default(),
        }
    }
}

impl Drop for Terms {
    fn drop(&mut self) {
        // Elements without elements drop by themselves; only deeper ones need the worklist.
        let mut work = Vec::new();
        detach(&mut self.0, &mut work);
        while let Some(mut items) = work.pop() {
            detach(&mut items, &mut work);
        }
    }
}

fn detach(items: &mut [Term], work: &mut Vec<Box<[Term]>>) {
    for item in items {
        if item.children().iter().any(|child| !child.children().is_empty()) {
            // Without memory for the list it is left where it is, and drops with a list of its own.
            if work.try_reserve(1).is_err() {
                return;
            }
            work.push(item.take_children());
        }
    }
}

impl Clone for Terms {
    fn clone(&self) -> Terms {
        struct Open<'a> {
            like: &'a Term,
            rest: std::slice::Iter<'a, Term>,
            done: Vec<Term>,
        }
        let mut stack: Vec<Open<'_>> = Vec::new();
        let mut rest = self.0.iter();
        let mut done = Vec::with_capacity(self.0.len());
        loop {
            if let Some(next) = rest.next() {
                let children = next.children();
                if children.is_empty() {
                    done.push(next.clone()); // a leaf: its clone does not come back here with elements
                } else {
                    let outer = Open {
                        like: next,
                        rest: mem::replace(&mut rest, children.iter()),
                        done: mem::replace(&mut done, Vec::with_capacity(children.len())),
                    };
                    stack.push(outer);
                }
                continue;
            }
            let items = Terms(mem::take(&mut done).into_boxed_slice());
            let Some(outer) = stack.pop() else { return items };
            rest = outer.rest;
            done = outer.done;
            done.push(match outer.like {
                Term::Tuple(_) => Term::Tuple(items),
                Term::ImproperList(_) => Term::ImproperList(Improper(items)),
                Term::Map(_) => Term::Map(Map(items)),
                _ => Term::List(items),
            });
        }
    }
}

impl Deref for Terms {
    type Target = [Term];

    #[inline]
    fn deref(&self) -> &[Term] {
        &self.0
    }
}

impl From<Vec<Term>> for Terms {
    fn from(items: Vec<Term>) -> Self {
        Terms(items.into_boxed_slice())
    }
}

impl FromIterator<Term> for Terms {
    fn from_iter<I: IntoIterator<Item = Term>>(items: I) -> Self {
        Terms(items.into_iter().collect())
    }
}

impl<'a> IntoIterator for &'a Terms {
    type Item = &'a Term;
    type IntoIter = std::slice::Iter<'a, Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl IntoIterator for Terms {
    type Item = Term;
    type IntoIter = std::vec::IntoIter<Term>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl Improper {
    /// `[elements | tail]`; `None` without elements or with a list as tail, which would make a proper list.
    pub fn new(mut elements: Vec<Term>, tail: Term) -> Option<Improper> {
        if elements.is_empty() || matches!(tail, Term::List(_) | Term::ImproperList(_)) {
            return None;
        }
        elements.push(tail);
        Some(Improper(elements.into()))
    }

    /// From the elements and the tail as its last one; the caller checked both.
    pub(crate) fn from_checked(items: Terms) -> Improper {
        Improper(items)
    }

    /// The elements before the tail; at least one.
    pub fn elements(&self) -> &[Term] {
        self.0.split_last().map_or(&[], |(_, elements)| elements)
    }

    /// What follows the `|`.
    pub fn tail(&self) -> &Term {
        const NIL: &Term = &Term::Int(0); // never seen: there is always a tail
        self.0.last().unwrap_or(NIL)
    }

    pub(crate) fn items(&self) -> &Terms {
        &self.0
    }
}

impl Map {
    /// A map of these pairs.
    ///
    /// # Errors
    /// [`Error::Argument`] when a key comes twice.
    pub fn new(pairs: impl IntoIterator<Item = (Term, Term)>) -> Result<Map> {
        let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
        Map::from_flat(flat).ok_or_else(|| Error::argument("a map has each key once"))
    }

    /// From key, value, key, value...; `None` when a key comes twice.
    pub(crate) fn from_flat(mut flat: Vec<Term>) -> Option<Map> {
        let ascending = flat.chunks_exact(2).zip(flat.chunks_exact(2).skip(1));
        let sorted = ascending.into_iter().all(|(a, b)| match (a, b) {
            ([a, ..], [b, ..]) => order::cmp_exact(a, b).is_lt(),
            _ => true,
        });
        if !sorted {
            let mut pairs: Vec<(Term, Term)> = room(flat.len() / 2);
            let mut items = flat.into_iter();
            while let (Some(key), Some(value)) = (items.next(), items.next()) {
                pairs.push((key, value));
            }
            pairs.sort_unstable_by(|a, b| order::cmp_exact(&a.0, &b.0));
            if pairs.windows(2).any(|two| order::cmp_exact(&two[0].0, &two[1].0).is_eq()) {
                return None;
            }
            flat = room(pairs.len() * 2);
            flat.extend(pairs.into_iter().flat_map(|(key, value)| [key, value]));
        }
        Some(Map(flat.into()))
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    /// True for `#{}`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under this key; `1` and `1.0` are different keys.
    pub fn get(&self, key: &Term) -> Option<&Term> {
        self.find(|other| order::cmp_exact(other, key))
    }

    /// The value under the atom with this text.
    pub fn get_atom(&self, key: &str) -> Option<&Term> {
        self.find(|other| match other {
            Term::Atom(atom) => atom.as_bytes().cmp(key.as_bytes()),
            Term::Int(_) | Term::Big(_) | Term::Float(_) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        })
    }

    fn find(&self, cmp: impl Fn(&Term) -> std::cmp::Ordering) -> Option<&Term> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match cmp(self.0.get(middle * 2)?) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.0.get(middle * 2 + 1),
            }
        }
        None
    }

    /// The pairs, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> + DoubleEndedIterator {
        self.0.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }

    /// The pairs, sorted by key.
    pub fn into_pairs(self) -> Vec<(Term, Term)> {
        let mut items = self.0.into_iter();
        let mut pairs = Vec::with_capacity(items.len() / 2);
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            pairs.push((key, value));
        }
        pairs
    }

    pub(crate) fn items(&self) -> &Terms {
        &self.0
    }
}

impl BitString {
    /// The first `8 * (bytes.len() - 1) + bits` bits of `bytes`; unused bits are cleared.
    ///
    /// # Errors
    /// [`Error::Argument`] for no bytes, or `bits` outside of 1 to 7 (with 8 it is a binary).
    pub fn new(bytes: &[u8], bits: u8) -> Result<BitString> {
        let mut data = room(bytes.len() + 1);
        data.extend_from_slice(bytes);
        match data.last_mut() {
            Some(last) if (1..8).contains(&bits) => *last &= 0xffu8 << (8 - bits),
            _ => return Err(Error::argument("a bit string has 1 to 7 bits in its last byte")),
        }
        data.push(bits);
        Ok(BitString { data_and_bits: data.into_boxed_slice() })
    }

    /// All bytes; the unused low bits of the last one are zero.
    pub fn bytes(&self) -> &[u8] {
        self.data_and_bits.split_last().map_or(&[], |(_, data)| data)
    }

    /// Bits used in the last byte, from the top: 1 to 7.
    pub fn bits(&self) -> u8 {
        self.data_and_bits.last().copied().unwrap_or(0)
    }
}

impl Fun {
    pub(crate) fn from_checked(bytes: Box<[u8]>) -> Fun {
        Fun(bytes)
    }

    /// The external bytes, beginning with tag 112.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Record {
    pub(crate) fn from_checked(bytes: Box<[u8]>) -> Record {
        Record(bytes)
    }

    /// The external bytes, beginning with tag 67.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Term {
    /// Erlang's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terms({})", self.0.len()) // printing the elements here would recurse
    }
}
