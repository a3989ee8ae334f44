//! Building the owned tree out of bytes.
//!
//! A stack of open containers replaces recursion. Before a container reserves room for its elements, all elements
//! that are still owed anywhere are compared with the bytes left, so the tree and everything reserved for it stay
//! within 24 bytes per byte of input.

use super::integer::Integer;
use super::reader;
use super::skip::{self, WrongAt};
use super::tag;
use super::value::{BitString, Fun, Improper, Map, Record};
use super::wire::{self, Parsed, Text, Wrong};
use super::{compressed, inline, validate, Atom, Pid, Port, Reference, Term};
use crate::error::{copied, in_memory, push, reserve, room, Malformed};
use crate::Result;

impl Term {
    /// Exactly one term, without the version byte.
    ///
    /// # Errors
    /// [`Malformed`](crate::Error::Malformed) for what a BEAM refuses too, and for bytes that follow.
    pub fn decode(bytes: &[u8]) -> Result<Term> {
        Term::decode_with_atoms(bytes, &[])
    }

    /// As [`decode`](Self::decode), where tag 82 refers to these atoms.
    ///
    /// # Errors
    /// As for [`decode`](Self::decode).
    pub fn decode_with_atoms(bytes: &[u8], atoms: &[Atom]) -> Result<Term> {
        in_memory(|| match decode(bytes, 0, atoms) {
            Ok((term, end)) if end == bytes.len() => Ok(term),
            Ok((_, end)) => Err(Malformed::new("term (bytes after it)", end).into()),
            Err((what, offset)) => Err(Malformed::new(what, offset).into()),
        })
    }

    /// Exactly one term as `term_to_binary` makes it: version byte 131, possibly compressed.
    ///
    /// # Errors
    /// As for [`decode`](Self::decode); a compressed term may claim at most 64 MiB.
    pub fn decode_external(bytes: &[u8]) -> Result<Term> {
        match bytes {
            [tag::VERSION, tag::COMPRESSED, ..] => Term::decode(&compressed::inflate(bytes)?),
            [tag::VERSION, term @ ..] => Term::decode(term),
            _ => Err(Malformed::new("term (version byte 131 expected)", 0).into()),
        }
    }
}

/// What is being built.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Tuple,
    /// A list whose tail is still to come, after its elements.
    List,
    /// A list whose tail was `[]`.
    Proper,
    /// A list whose tail is something else.
    Improper,
    /// Keys and values by turns.
    Map,
}

/// A container whose elements are being read.
struct Open {
    shape: Shape,
    /// Elements still to come, without the tail of a list.
    left: usize,
    /// Has room for all of them.
    items: Vec<Term>,
}

/// Decodes one term at `start`; also gives the position after it.
pub(crate) fn decode(bytes: &[u8], start: usize, atoms: &[Atom]) -> Result<(Term, usize), WrongAt> {
    let mut input = Input { s: bytes.get(start..).unwrap_or_default(), atoms };
    let mut stack = Stack::default();
    let mut owed = 0; // what is still to come for the containers on the stack
                      // The root is the one element of a container that is never closed.
    let mut open = Open { shape: Shape::Tuple, left: 1, items: Vec::with_capacity(1) };
    loop {
        open.left -= input.leaves(open.left, &mut open.items);
        let here = input.s;
        let at = |wrong| (wrong, bytes.len() - here.len());
        let entered = if open.left > 0 {
            open.left -= 1;
            input.item(&mut open.items).map_err(at)?
        } else if open.shape == Shape::List {
            match input.tail(&mut open).map_err(at)? {
                // A list in the place of a tail goes on with the same list.
                Some((Shape::List, count)) => {
                    owed_fits(count, owed, input.s).map_err(at)?;
                    open.left = count;
                    reserve(&mut open.items, count);
                    continue;
                }
                entered => entered,
            }
        } else {
            let Some(outer) = stack.pop() else {
                let root = open.items.pop().ok_or(("term (cut short)", start))?;
                return Ok((root, bytes.len() - input.s.len()));
            };
            let term = std::mem::replace(&mut open, outer).close().map_err(at)?;
            owed -= open.owed();
            open.items.push(term);
            continue;
        };
        if let Some((shape, count)) = entered {
            owed += open.owed();
            owed_fits(count + usize::from(shape == Shape::List), owed, input.s).map_err(at)?;
            let inner = Open { shape, left: count, items: room(count) };
            stack.push(std::mem::replace(&mut open, inner));
        }
    }
}

/// Each of the items announced, here and on the stack, needs a byte at least.
#[inline]
fn owed_fits(count: usize, owed: usize, rest: &[u8]) -> Result<(), Wrong> {
    if count > rest.len().saturating_sub(owed) {
        return Err("term (more elements than bytes)");
    }
    Ok(())
}

impl Open {
    #[inline]
    fn owed(&self) -> usize {
        self.left + usize::from(self.shape == Shape::List)
    }

    fn close(self) -> Result<Term, Wrong> {
        Ok(match self.shape {
            Shape::Tuple => Term::Tuple(self.items.into()),
            Shape::List | Shape::Proper => Term::List(self.items.into()),
            Shape::Improper => Term::ImproperList(Improper::from_checked(self.items.into())),
            Shape::Map => Term::Map(Map::from_flat(self.items).ok_or("map (a key comes twice)")?),
        })
    }
}

/// Containers whose reading is interrupted by one inside.
///
/// In chunks, because a doubling vector would need up to three times its size when a peer nests a million deep.
#[derive(Default)]
struct Stack {
    full: Vec<Vec<Open>>,
    top: Vec<Open>,
}

impl Stack {
    const CHUNK: usize = 1024;

    #[inline]
    fn push(&mut self, open: Open) {
        if self.top.len() == Self::CHUNK {
            push(&mut self.full, std::mem::replace(&mut self.top, Vec::with_capacity(Self::CHUNK)));
        }
        self.top.push(open);
    }

    #[inline]
    fn pop(&mut self) -> Option<Open> {
        if self.top.is_empty() {
            self.top = self.full.pop()?;
        }
        self.top.pop()
    }
}

/// What is left to read.
struct Input<'a> {
    s: &'a [u8],
    atoms: &'a [Atom],
}

impl<'a> Input<'a> {
    /// Reads up to `left` of the most usual leaves, as far as they are right; gives how many.
    ///
    /// `out` has room for them all. That is looked at here, and not left to `push`, so that no call can grow it and
    /// the compiler keeps it in registers.
    #[inline]
    fn leaves(&mut self, left: usize, out: &mut Vec<Term>) -> usize {
        let mut items = std::mem::take(out);
        let mut s = self.s;
        let mut more = left;
        while more > 0 && items.len() < items.capacity() {
            // Each arm pushes by itself: a term that passes through a temporary place costs more than all else.
            match *s {
                [tag::SMALL_INTEGER, value, ref rest @ ..] => {
                    if more >= RUN && rest.first() == Some(&tag::SMALL_INTEGER) {
                        let count = small_run(s, more, &mut items);
                        s = s.get(count * 2..).unwrap_or_default();
                        more -= count;
                        continue;
                    }
                    s = rest;
                    items.push(Term::Int(i64::from(value)));
                }
                [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
                    if more >= RUN && rest.first() == Some(&tag::INTEGER) {
                        let count = int_run(s, more, &mut items);
                        s = s.get(count * 5..).unwrap_or_default();
                        more -= count;
                        continue;
                    }
                    s = rest;
                    items.push(Term::Int(i64::from(i32::from_be_bytes([a, b, c, d]))));
                }
                [tag::NEW_FLOAT, a, b, c, d, e, f, g, h, ref rest @ ..] => {
                    let value = f64::from_be_bytes([a, b, c, d, e, f, g, h]);
                    if !value.is_finite() {
                        break;
                    }
                    s = rest;
                    items.push(Term::Float(value));
                }
                [tag::SMALL_ATOM_UTF8, ..] => {
                    let Some((text, rest)) = wire::short_atom(s) else { break };
                    s = rest;
                    items.push(Term::Atom(Atom::from_short(text)));
                }
                [tag::BINARY, a, b, c, d, ref rest @ ..] => {
                    let len = u32::from_be_bytes([a, b, c, d]) as usize;
                    if len > rest.len().min(AT_ONCE) {
                        break;
                    }
                    let (data, rest) = rest.split_at(len);
                    s = rest;
                    items.push(Term::Binary(data.into()));
                }
                [tag::NIL, ref rest @ ..] => {
                    s = rest;
                    items.push(Term::nil());
                }
                [tag::NEW_PID, ref body @ ..] => {
                    let Some((node, &[a, b, c, d, e, f, g, h, i, j, k, l], rest)) = wire::short_id(body)
                    else {
                        break;
                    };
                    s = rest;
                    items.push(Term::Pid(Box::new(Pid {
                        node: Atom::from_short(node),
                        id: u32::from_be_bytes([a, b, c, d]),
                        serial: u32::from_be_bytes([e, f, g, h]),
                        creation: u32::from_be_bytes([i, j, k, l]),
                    })));
                }
                [tag::NEWER_REFERENCE, 0, 3, ref body @ ..] => {
                    let Some((node, &[i, j, k, l, a, b, c, d, e, f, g, h, m, n, o, p], rest)) =
                        wire::short_id(body)
                    else {
                        break;
                    };
                    s = rest;
                    let words = [[a, b, c, d], [e, f, g, h], [m, n, o, p]].map(u32::from_be_bytes);
                    let creation = u32::from_be_bytes([i, j, k, l]);
                    let reference = Reference::of_three(Atom::from_short(node), creation, words);
                    items.push(Term::Reference(Box::new(reference)));
                }
                [tag::SMALL_BIG, ..] => {
                    let Some((value, rest)) = wire::short_big(s) else { break };
                    s = rest;
                    items.push(Term::Int(value));
                }
                _ => break,
            }
            more -= 1;
        }
        *out = items;
        self.s = s;
        left - more
    }

    /// Reads one item: a leaf goes to `out`, of a container shape and count are given.
    #[inline]
    fn item(&mut self, out: &mut Vec<Term>) -> Result<Option<(Shape, usize)>, Wrong> {
        match *self.s {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => {
                self.s = rest;
                Ok(Some((Shape::Tuple, usize::from(arity))))
            }
            [tag::LIST, a, b, c, d, ref rest @ ..] if [a, b, c, d] != [0; 4] => {
                self.s = rest;
                Ok(Some((Shape::List, u32::from_be_bytes([a, b, c, d]) as usize)))
            }
            _ => self.rare(out),
        }
    }

    /// Reads what stands in the place of a tail. A leaf is put into the list.
    #[inline]
    fn tail(&mut self, open: &mut Open) -> Result<Option<(Shape, usize)>, Wrong> {
        loop {
            match *self.s {
                [tag::NIL, ref rest @ ..] => {
                    self.s = rest;
                    open.shape = Shape::Proper;
                    return Ok(None);
                }
                [tag::STRING, ..] => {
                    let string = self.string()?;
                    reserve(&mut open.items, string.len());
                    open.items.extend(string.iter().map(|&byte| Term::Int(i64::from(byte))));
                    open.shape = Shape::Proper;
                    return Ok(None);
                }
                [tag::LIST, 0, 0, 0, 0, ref rest @ ..] => self.s = rest,
                [tag::LIST, a, b, c, d, ref rest @ ..] => {
                    self.s = rest;
                    return Ok(Some((Shape::List, u32::from_be_bytes([a, b, c, d]) as usize)));
                }
                _ => {
                    open.shape = Shape::Improper;
                    reserve(&mut open.items, 1);
                    return self.item(&mut open.items);
                }
            }
        }
    }

    fn string(&mut self) -> Result<&'a [u8], Wrong> {
        let (_, s) = wire::take(self.s, 1)?;
        let (len, s) = wire::u16(s)?;
        let (bytes, rest) = wire::take(s, len)?;
        self.s = rest;
        Ok(bytes)
    }

    /// Steps over what was parsed.
    fn accept<T>(&mut self, parsed: Parsed<'a, T>) -> Result<T, Wrong> {
        let (value, rest) = parsed?;
        self.s = rest;
        Ok(value)
    }

    fn node(&self, text: Text<'a>) -> Result<Atom, Wrong> {
        reader::node_atom(text, &[], self.atoms)
    }

    #[inline(never)]
    fn rare(&mut self, out: &mut Vec<Term>) -> Result<Option<(Shape, usize)>, Wrong> {
        while let [tag::LIST, 0, 0, 0, 0, ref rest @ ..] = *self.s {
            self.s = rest; // the value of a list without elements is its tail
        }
        let s = self.s;
        let Some(&tag) = s.first() else { return Err("term (cut short)") };
        let term = match tag {
            tag::SMALL_INTEGER | tag::INTEGER => Term::Int(i64::from(self.accept(wire::fixed_integer(s))?)),
            tag::SMALL_BIG | tag::LARGE_BIG => {
                let (negative, magnitude) = self.accept(wire::big(s))?;
                Integer::from_le_bytes(negative, magnitude).map_err(|_| "integer (over 524280 bytes)")?.into()
            }
            tag::NEW_FLOAT => {
                self.accept(wire::take(s, 1))?;
                Term::Float(wire::finite(*self.accept(wire::array(self.s))?)?)
            }
            tag::FLOAT => {
                self.accept(wire::take(s, 1))?;
                Term::Float(wire::old_float(self.accept(wire::array(self.s))?)?)
            }
            tag if wire::is_atom_tag(tag) => Term::Atom(self.accept(wire::atom(s))?.to_atom(self.atoms)?),
            tag::NIL => {
                self.accept(wire::take(s, 1))?; // behind lists without elements
                Term::nil()
            }
            tag::STRING => {
                let string = self.string()?;
                let mut items = room(string.len());
                items.extend(string.iter().map(|&byte| Term::Int(i64::from(byte))));
                Term::List(items.into())
            }
            tag::BINARY => {
                self.accept(wire::take(s, 1))?;
                let len = self.accept(wire::len32(self.s))?;
                Term::Binary(copied(self.accept(wire::take(self.s, len))?).into())
            }
            tag::BIT_BINARY => match self.accept(wire::bitstring(s))? {
                (data, 8) => Term::Binary(copied(data).into()),
                (data, bits) => BitString::new(data, bits).map_err(|_| "bit string")?.into(),
            },
            tag::NEW_PID | tag::PID => {
                let parts = self.accept(wire::pid(s))?;
                let node = self.node(parts.node)?;
                Pid { node, id: parts.id, serial: parts.serial, creation: parts.creation }.into()
            }
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => {
                let (node, id, creation) = self.accept(wire::port(s))?;
                Port { node: self.node(node)?, id, creation }.into()
            }
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                let parts = self.accept(wire::reference(s))?;
                let node = self.node(parts.node)?;
                reader::make_reference(&parts, node)?.into()
            }
            tag::EXPORT => {
                let (module, function, arity) = self.accept(wire::export(s))?;
                reader::make_export(module, function, arity, self.atoms)?.into()
            }
            tag::NEW_FUN => Term::Fun(Fun::from_checked(self.opaque()?)),
            tag::RECORD => Term::Record(Record::from_checked(self.opaque()?)),
            tag::SMALL_TUPLE => {
                let &[_, arity] = self.accept(wire::array(s))?;
                return Ok(Some((Shape::Tuple, usize::from(arity))));
            }
            tag::LARGE_TUPLE | tag::LIST | tag::MAP => {
                self.accept(wire::take(s, 1))?;
                let count = self.accept(wire::len32(self.s))?;
                return Ok(Some(match tag {
                    tag::LARGE_TUPLE => (Shape::Tuple, count),
                    tag::LIST => (Shape::List, count),
                    _ => (Shape::Map, count.saturating_mul(2)),
                }));
            }
            _ => return Err("tag"),
        };
        out.push(term);
        Ok(None)
    }

    /// A term that is kept as bytes, checked in full and made independent of the atom section.
    fn opaque(&mut self) -> Result<Box<[u8]>, Wrong> {
        let len = validate::check(self.s, self.atoms).map_err(|(wrong, _)| wrong)?;
        let bytes = self.accept(wire::take(self.s, len))?;
        inline::inline(bytes, self.atoms).map(Vec::into_boxed_slice)
    }
}

/// Longest binary that is copied at once; for a longer one there may be no memory.
const AT_ONCE: usize = 64 << 10;

/// Fewer equal items than this are read one by one.
const RUN: usize = 8;

/// Reads all small integers at the front, of at most `more` items; gives how many.
#[inline(never)]
fn small_run(s: &[u8], more: usize, out: &mut Vec<Term>) -> usize {
    let count = 1 + skip::run(s, 2, more - 1);
    let run = s.get(..count * 2).unwrap_or_default();
    out.extend(run.chunks_exact(2).map(|item| Term::Int(i64::from(item[1]))));
    count
}

/// Reads all integers of 4 bytes at the front, of at most `more` items; gives how many.
#[inline(never)]
fn int_run(s: &[u8], more: usize, out: &mut Vec<Term>) -> usize {
    let count = 1 + skip::run(s, 5, more - 1);
    let run = s.get(..count * 5).unwrap_or_default();
    let value =
        |item: &[u8]| item.iter().skip(1).fold(0, |value: u32, &byte| value << 8 | u32::from(byte)) as i32;
    out.extend(run.chunks_exact(5).map(|item| Term::Int(i64::from(value(item)))));
    count
}
