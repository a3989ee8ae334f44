//! Encoding the owned tree, in the form a BEAM gives it: lists of bytes as STRING, shortest integers, keys in order.

use std::mem;

use super::compressed;
use super::put;
use super::tag::{self, MAX_STRING};
use super::writer::Writer;
use super::Term;
use crate::error::{in_memory, push, reserve};
use crate::{Error, Result};

/// Room for a message as most are; a larger one doubles it as needed.
const FIRST_ROOM: usize = 128;

impl Term {
    /// Writes the term; errors are those of the writer.
    pub fn encode_to(&self, writer: &mut Writer) {
        writer.term(self);
    }

    /// The encoded term, without version byte.
    ///
    /// # Errors
    /// [`Error::Argument`] for what cannot be encoded: a float that is NaN or infinite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(FIRST_ROOM);
        in_memory(|| encode(self, &mut out).map_err(Error::argument))?;
        Ok(out)
    }

    /// The encoded term with version byte 131, as `term_to_binary` gives it.
    ///
    /// # Errors
    /// As for [`to_bytes`](Self::to_bytes).
    pub fn to_external(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(FIRST_ROOM);
        out.push(tag::VERSION);
        in_memory(|| encode(self, &mut out).map_err(Error::argument))?;
        Ok(out)
    }

    /// As [`to_external`](Self::to_external), compressed if that makes it smaller. For files and user data: a BEAM
    /// closes a connection that carries a compressed term as a message.
    ///
    /// # Errors
    /// As for [`to_bytes`](Self::to_bytes).
    pub fn to_external_compressed(&self) -> Result<Vec<u8>> {
        let plain = self.to_external()?;
        Ok(compressed::deflate(plain.get(1..).unwrap_or_default()).unwrap_or(plain))
    }
}

/// Elements to be written, and whether `[]` follows them as the tail of a list.
struct Open<'a> {
    items: std::slice::Iter<'a, Term>,
    proper: bool,
}

impl<'a> Open<'a> {
    fn new(items: &'a [Term], proper: bool) -> Self {
        Open { items: items.iter(), proper }
    }
}

/// Appends the encoded term.
pub(crate) fn encode(term: &Term, out: &mut Vec<u8>) -> Result<(), &'static str> {
    // A buffer of our own, that goes elsewhere and comes back by value: it stays in registers, see `put`.
    let mut buffer = mem::take(out);
    let outcome = walk(term, &mut buffer);
    *out = buffer;
    outcome
}

#[inline(always)]
fn walk(term: &Term, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut stack: Vec<Open<'_>> = Vec::new();
    let mut open = Open::new(std::slice::from_ref(term), false);
    loop {
        while let Some(item) = put_leaves(&mut open.items, out) {
            let inner = match item {
                Term::Tuple(items) if items.len() <= usize::from(u8::MAX) => {
                    put::tuple(out, items.len());
                    Some(Open::new(items, false))
                }
                Term::Map(map) if is_count(map.len()) => {
                    put::counted(out, tag::MAP, map.len());
                    Some(Open::new(map.items(), false))
                }
                Term::ImproperList(list) if is_count(list.elements().len()) => {
                    put::counted(out, tag::LIST, list.elements().len());
                    Some(Open::new(list.items(), false))
                }
                Term::List(items)
                    if !matches!(items.first(), Some(Term::Int(0..=255))) && is_count(items.len()) =>
                {
                    put::counted(out, tag::LIST, items.len());
                    Some(Open::new(items, true))
                }
                _ => {
                    let (buffer, inner) = put_rare(item, mem::take(out));
                    *out = buffer;
                    inner?
                }
            };
            if let Some(inner) = inner {
                push(&mut stack, mem::replace(&mut open, inner));
            }
        }
        if open.proper {
            put::bytes(out, [tag::NIL]);
        }
        match stack.pop() {
            Some(outer) => open = outer,
            None => return Ok(()),
        }
    }
}

/// Appends the most usual leaves up to the first other item.
#[inline(always)]
fn put_leaves<'a>(items: &mut std::slice::Iter<'a, Term>, out: &mut Vec<u8>) -> Option<&'a Term> {
    for item in items {
        match item {
            Term::Int(value) => put::i64(out, *value),
            Term::Float(value) if value.is_finite() => put::f64(out, *value),
            Term::Atom(atom) => put::atom_term(out, atom),
            Term::Binary(bytes) if is_count(bytes.len()) => put::binary(out, bytes),
            Term::Pid(pid) => put::pid(out, pid),
            Term::Reference(reference) => put::reference(out, reference),
            Term::List(items) if items.is_empty() => put::bytes(out, [tag::NIL]),
            _ => return Some(item),
        }
    }
    None
}

/// What one item becomes: the buffer, and the elements that follow if it is a container.
type Put<'a> = (Vec<u8>, Result<Option<Open<'a>>, &'static str>);

#[inline(never)]
fn put_rare<'a>(item: &'a Term, mut out: Vec<u8>) -> Put<'a> {
    let inner = put_item(item, &mut out);
    (out, inner)
}

/// Appends one item; of a container, its head, and gives the elements that follow.
fn put_item<'a>(item: &'a Term, out: &mut Vec<u8>) -> Result<Option<Open<'a>>, &'static str> {
    match item {
        Term::Float(value) if !value.is_finite() => return Err("a float is neither NaN nor infinite"),
        Term::Float(value) => put::f64(out, *value),
        Term::Int(value) => put::i64(out, *value),
        Term::Atom(atom) => put::atom_term(out, atom),
        Term::Binary(bytes) => {
            fit(bytes.len())?;
            put::binary(out, bytes);
        }
        Term::Tuple(items) => {
            put::tuple(out, fit(items.len())?);
            return Ok(Some(Open::new(items, false)));
        }
        Term::List(items) if items.is_empty() => put::bytes(out, [tag::NIL]),
        Term::List(items) => return put_list(items, out),
        Term::ImproperList(list) => {
            put::counted(out, tag::LIST, fit(list.elements().len())?);
            return Ok(Some(Open::new(list.items(), false)));
        }
        Term::Map(map) => {
            put::counted(out, tag::MAP, fit(map.len())?);
            return Ok(Some(Open::new(map.items(), false)));
        }
        Term::Big(big) => put::big(out, big.is_negative(), big.magnitude()),
        Term::BitString(bits) => {
            put::counted(out, tag::BIT_BINARY, fit(bits.bytes().len())?);
            reserve(out, bits.bytes().len() + 1);
            out.push(bits.bits());
            out.extend_from_slice(bits.bytes());
        }
        Term::Pid(pid) => put::pid(out, pid),
        Term::Port(port) => put::port(out, port),
        Term::Reference(reference) => put::reference(out, reference),
        Term::Fun(fun) => put::headed(out, [], fun.as_bytes()),
        Term::Export(export) => put::export(out, export),
        Term::Record(record) => put::headed(out, [], record.as_bytes()),
    }
    Ok(None)
}

/// A list of bytes is written as STRING, any other element by element.
fn put_list<'a>(items: &'a [Term], out: &mut Vec<u8>) -> Result<Option<Open<'a>>, &'static str> {
    let byte = |item: &Term| item.as_i64().and_then(|value| u8::try_from(value).ok());
    if items.len() <= MAX_STRING && items.iter().all(|item| byte(item).is_some()) {
        let [.., a, b] = items.len().to_be_bytes();
        reserve(out, items.len() + 3);
        out.extend_from_slice(&[tag::STRING, a, b]);
        out.extend(items.iter().filter_map(byte));
        return Ok(None);
    }
    put::counted(out, tag::LIST, fit(items.len())?);
    Ok(Some(Open::new(items, true)))
}

/// True for what 32 bits can hold.
fn is_count(count: usize) -> bool {
    u32::try_from(count).is_ok()
}

/// All counts on the wire have 32 bits.
fn fit(count: usize) -> Result<usize, &'static str> {
    match u32::try_from(count) {
        Ok(_) => Ok(count),
        Err(_) => Err("a term has at most 2^32 - 1 elements"),
    }
}
