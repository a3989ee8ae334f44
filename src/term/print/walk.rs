//! The walk over encoded bytes that prints them.
//!
//! `value` prints one term without parts or opens one with parts; `next_part` prints what stands between the parts of
//! the innermost open one. Always true: `rest` is a suffix of `whole`, and begins where the next term to print begins.

use std::borrow::Cow;
use std::fmt::Write;

use super::leaf::int;
use super::structs::Shown;
use super::{elixir, erlang, Language, Limited, Stop, Style, Text};
use crate::error::{push, Malformed};
use crate::term::{skip, tag, wire, Atom};

pub(super) fn print(out: &mut dyn Write, text: &Text<'_>) -> Result<(), Stop> {
    let mut out = Limited { out, left: text.style.limit, cut: false };
    let mut printer = Printer {
        out: &mut out,
        style: &text.style,
        atoms: text.atoms,
        whole: text.bytes,
        rest: text.bytes,
        frames: Vec::new(),
        looks: text.bytes.len().saturating_mul(LOOKS_PER_BYTE).saturating_add(FREE_LOOKS),
    };
    match printer.run() {
        Err(Stop::Full) if out.cut => Ok(()),
        other => other,
    }
}

/// Keyword lists are told from others by looking ahead through their values. Nested ones are looked at once per level;
/// beyond this many bytes per byte of input the lists are printed without the shorthand, so that time stays linear.
const LOOKS_PER_BYTE: usize = 8; // real data nests fewer keyword lists in one another
const FREE_LOOKS: usize = 4096; // so that short terms are never affected

/// A term that is open: some of its parts are not yet printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Tuple,
    /// Then its tail.
    List,
    /// After the bar of an improper list.
    Tail,
    /// Elixir: a list of `{key, value}`.
    Keywords,
    /// `left` counts keys and values.
    Map,
    /// Elixir: all keys are atoms.
    AtomMap,
    /// Elixir: the same without `__struct__`.
    Struct,
    /// Elixir: the keys of the map inside a MapSet; the values are skipped.
    Set,
    /// `left` counts values; their names stand in `names`.
    Record,
}

struct Frame<'a> {
    shape: Shape,
    left: usize,
    /// Nothing printed inside yet.
    fresh: bool,
    names: &'a [u8],
    /// Where to go on behind the term, if that is not where its last part ends.
    behind: Option<&'a [u8]>,
}

pub(super) struct Printer<'a, 'o, 'p> {
    pub(super) out: &'o mut Limited<'p>,
    pub(super) style: &'o Style,
    pub(super) atoms: &'a [Atom],
    whole: &'a [u8],
    pub(super) rest: &'a [u8],
    frames: Vec<Frame<'a>>,
    pub(super) looks: usize,
}

impl<'a> Printer<'a, '_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            self.value()?;
            while !self.next_part()? {
                self.frames.pop();
            }
            if self.frames.is_empty() {
                return Ok(());
            }
        }
    }

    pub(super) fn elixir(&self) -> bool {
        self.style.language == Language::Elixir
    }

    pub(super) fn malformed<T>(&self, what: &'static str) -> Result<T, Stop> {
        Err(Stop::Malformed(Malformed::new(what, self.whole.len() - self.rest.len())))
    }

    /// What one of `wire`'s functions found at the cursor, which moves behind it.
    pub(super) fn parsed<T>(&mut self, parsed: wire::Parsed<'a, T>) -> Result<T, Stop> {
        match parsed {
            Ok((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(what) => self.malformed(what),
        }
    }

    pub(super) fn text(&mut self, text: wire::Text<'a>) -> Result<Cow<'a, str>, Stop> {
        match text.resolve(self.atoms) {
            Ok(text) => Ok(text),
            Err(what) => self.malformed(what),
        }
    }

    fn open(&mut self, shape: Shape, left: usize, bracket: &str) -> Result<(), Stop> {
        self.out.write_str(bracket)?;
        push(&mut self.frames, Frame { shape, left, fresh: true, names: &[], behind: None });
        Ok(())
    }

    /// Prints one term that has no parts, or opens one that has.
    fn value(&mut self) -> Result<(), Stop> {
        self.skip_empty_lists();
        let s = self.rest;
        let Some(&tag) = s.first() else { return self.malformed("term (truncated)") };
        let body = &s[1..];
        match tag {
            tag::SMALL_INTEGER => {
                let &[n] = self.parsed(wire::array::<1>(body))?;
                Ok(int(self.out, i64::from(n))?)
            }
            tag::INTEGER => {
                let &bytes = self.parsed(wire::array::<4>(body))?;
                Ok(int(self.out, i64::from(i32::from_be_bytes(bytes)))?)
            }
            tag::SMALL_BIG | tag::LARGE_BIG => {
                let (negative, magnitude) = self.parsed(wire::big(s))?;
                self.big(negative, magnitude)
            }
            tag::NEW_FLOAT => {
                let &bytes = self.parsed(wire::array::<8>(body))?;
                match wire::finite(bytes) {
                    Ok(value) => self.float(value),
                    Err(what) => self.malformed(what),
                }
            }
            tag::FLOAT => {
                let bytes = self.parsed(wire::array::<31>(body))?;
                match wire::old_float(bytes) {
                    Ok(value) => self.float(value),
                    Err(what) => self.malformed(what),
                }
            }
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => {
                let arity = if tag == tag::SMALL_TUPLE {
                    usize::from(self.parsed(wire::array::<1>(body))?[0])
                } else {
                    self.parsed(wire::len32(body))?
                };
                self.open(Shape::Tuple, arity, "{")
            }
            tag::NIL => {
                self.rest = body;
                Ok(self.out.write_str("[]")?)
            }
            tag::STRING | tag::LIST => self.list(),
            tag::MAP => self.map(),
            tag::BINARY => {
                let length = self.parsed(wire::len32(body))?;
                let bytes = self.parsed(wire::take(self.rest, length))?;
                self.binary(bytes)
            }
            tag::BIT_BINARY => {
                let (bytes, bits) = self.parsed(wire::bitstring(s))?;
                self.bitstring(bytes, bits)
            }
            tag::NEW_PID | tag::PID => {
                let pid = self.parsed(wire::pid(s))?;
                let (erlang, elixir) = ("#Pid<", "#PID<");
                self.id(
                    pid.node,
                    if self.elixir() { elixir } else { erlang },
                    &[pid.id.into(), pid.serial.into()],
                )
            }
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => {
                let (node, id, _) = self.parsed(wire::port(s))?;
                self.id(node, "#Port<", &[id])
            }
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                let reference = self.parsed(wire::reference(s))?;
                let (words, count) = reference.words();
                let mut numbers = words.map(u64::from);
                numbers[..count].reverse();
                self.id(
                    reference.node,
                    if self.elixir() { "#Reference<" } else { "#Ref<" },
                    &numbers[..count],
                )
            }
            tag::EXPORT => self.export(),
            tag::NEW_FUN => self.fun(),
            tag::RECORD => self.record(),
            _ if wire::is_atom_tag(tag) => {
                let text = self.parsed(wire::atom(s))?;
                let text = self.text(text)?;
                self.atom(&text)
            }
            _ => self.malformed("term (unknown tag)"),
        }
    }

    /// `#module:name{field = Value}`: Elixir has no spelling of its own for native records.
    fn record(&mut self) -> Result<(), Stop> {
        let head = self.parsed(wire::record(self.rest))?;
        self.out.write_str("#")?;
        let names = self.name(head.names)?;
        self.out.write_str(":")?;
        let names = self.name(names)?;
        self.out.write_str("{")?;
        let shape = Shape::Record;
        push(&mut self.frames, Frame { shape, left: head.fields, fresh: true, names, behind: None });
        Ok(())
    }

    /// Prints the first of these encoded atoms.
    fn name(&mut self, names: &'a [u8]) -> Result<&'a [u8], Stop> {
        match wire::atom(names) {
            Ok((text, names)) => {
                let text = self.text(text)?;
                erlang::atom(self.out, &text)?;
                Ok(names)
            }
            Err(what) => self.malformed(what),
        }
    }

    pub(super) fn skip(&mut self, terms: usize) -> Result<(), Stop> {
        self.rest = self.behind(self.rest, terms)?;
        Ok(())
    }

    pub(super) fn behind(&self, s: &'a [u8], terms: usize) -> Result<&'a [u8], Stop> {
        let from = self.whole.len() - s.len();
        match skip::skip(self.whole, from, terms) {
            Ok(end) => Ok(&self.whole[end..]),
            Err((what, at)) => Err(Stop::Malformed(Malformed::new(what, at))),
        }
    }

    /// A list: text, keywords, or elements.
    fn list(&mut self) -> Result<(), Stop> {
        if self.rest[0] == tag::STRING {
            let length = self.parsed(wire::u16(&self.rest[1..]))?;
            let bytes = self.parsed(wire::take(self.rest, length))?;
            return self.string(bytes);
        }
        if self.style.strings {
            if let Some((text, rest)) = self.charlist() {
                self.rest = rest;
                return self.quoted(&text);
            }
        }
        let keywords = self.elixir() && self.is_keywords();
        let count = self.parsed(wire::len32(&self.rest[1..]))?;
        self.open(if keywords { Shape::Keywords } else { Shape::List }, count, "[")
    }

    fn map(&mut self) -> Result<(), Stop> {
        let pairs = self.parsed(wire::len32(&self.rest[1..]))?;
        if !self.elixir() {
            return self.open(Shape::Map, pairs.saturating_mul(2), "#{");
        }
        let mut looks = self.looks;
        let fields = self.atom_keys(pairs, &mut looks);
        self.looks = looks;
        match fields {
            None => self.open(Shape::Map, pairs.saturating_mul(2), "%{"),
            Some(None) => self.open(Shape::AtomMap, pairs, "%{"),
            Some(Some(name)) => self.structure(pairs, &name),
        }
    }

    /// `%Name{key: value}`, or what Elixir writes for its own modules.
    fn structure(&mut self, pairs: usize, name: &str) -> Result<(), Stop> {
        match self.known(pairs, name) {
            Some((Shown::Text(text), behind)) => {
                self.rest = behind;
                return Ok(self.out.write_str(&text)?);
            }
            Some((Shown::Set(map), behind)) => {
                self.rest = map;
                let count = self.parsed(wire::len32(map.get(1..).unwrap_or_default()))?;
                self.open(Shape::Set, count, "MapSet.new([")?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.behind = Some(behind);
                }
                return Ok(());
            }
            None => {}
        }
        write!(self.out, "%{name}")?;
        self.open(Shape::Struct, pairs, "{")
    }

    /// Prints what stands before the next part of the innermost open term; false if that term is complete.
    fn next_part(&mut self) -> Result<bool, Stop> {
        let Some(&Frame { shape, left, fresh, .. }) = self.frames.last() else { return Ok(true) };
        match shape {
            Shape::List if left == 0 => return self.tail(),
            Shape::Tail => return self.close("]"),
            Shape::Tuple | Shape::Map | Shape::AtomMap | Shape::Record if left == 0 => {
                return self.close("}")
            }
            Shape::Struct => return self.next_field(),
            Shape::Set => return self.next_member(),
            Shape::Keywords if left == 0 => {
                self.rest = &self.rest[1..]; // the tail: [], as was seen when looking ahead
                return self.close("]");
            }
            _ => {}
        }
        if shape == Shape::Map && left % 2 == 1 {
            self.out.write_str(" => ")?;
        } else if !fresh {
            self.out.write_str(self.style.between())?;
        }
        match shape {
            Shape::Keywords => {
                self.rest = tuple_header(self.rest).map_or(self.rest, |(_, pair)| pair);
                self.key()?;
            }
            Shape::AtomMap => self.key()?,
            Shape::Record => self.field()?,
            _ => {}
        }
        self.count_part();
        Ok(true)
    }

    fn count_part(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.left -= 1;
            frame.fresh = false;
        }
    }

    fn close(&mut self, bracket: &str) -> Result<bool, Stop> {
        self.out.write_str(bracket)?;
        Ok(false)
    }

    /// The elements of a list are printed: another list may go on, or something else ends it.
    fn tail(&mut self) -> Result<bool, Stop> {
        self.skip_empty_lists();
        match self.rest.first() {
            Some(&tag::NIL) => {
                self.rest = &self.rest[1..];
                self.close("]")
            }
            Some(&tag::LIST) => {
                let count = self.parsed(wire::len32(&self.rest[1..]))?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.left = count;
                }
                self.next_part_of_list()
            }
            Some(&tag::STRING) => {
                let length = self.parsed(wire::u16(&self.rest[1..]))?;
                let bytes = self.parsed(wire::take(self.rest, length))?;
                for byte in bytes {
                    self.out.write_str(self.style.between())?;
                    int(self.out, i64::from(*byte))?;
                }
                self.close("]")
            }
            _ => {
                self.out.write_str(if self.elixir() { " | " } else { "|" })?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.shape = Shape::Tail;
                }
                Ok(true)
            }
        }
    }

    fn next_part_of_list(&mut self) -> Result<bool, Stop> {
        self.out.write_str(self.style.between())?;
        self.count_part();
        Ok(true)
    }

    /// A `LIST` of no elements is nothing but its tail.
    fn skip_empty_lists(&mut self) {
        while let [tag::LIST, 0, 0, 0, 0, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// `key: `, the cursor behind it.
    fn key(&mut self) -> Result<(), Stop> {
        let text = self.parsed(wire::atom(self.rest))?;
        let text = self.text(text)?;
        Ok(elixir::key(self.out, &text)?)
    }

    /// `name = ` of a record.
    fn field(&mut self) -> Result<(), Stop> {
        let names = self.frames.last().map_or(&[][..], |frame| frame.names);
        let names = self.name(names)?;
        if let Some(frame) = self.frames.last_mut() {
            frame.names = names;
        }
        Ok(self.out.write_str(" = ")?)
    }

    /// The next field of a struct, but for the two that every struct or exception has.
    fn next_field(&mut self) -> Result<bool, Stop> {
        loop {
            let Some(&Frame { left, fresh, .. }) = self.frames.last() else { return Ok(true) };
            if left == 0 {
                return self.close("}");
            }
            let (key, value) = match wire::atom(self.rest) {
                Ok(parsed) => parsed,
                Err(what) => return self.malformed(what),
            };
            if key.is("__struct__", self.atoms) || key.is("__exception__", self.atoms) {
                self.rest = self.behind(value, 1)?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.left -= 1;
                }
                continue;
            }
            if !fresh {
                self.out.write_str(self.style.between())?;
            }
            self.key()?;
            self.count_part();
            return Ok(true);
        }
    }

    /// The next key of the map that holds a set.
    fn next_member(&mut self) -> Result<bool, Stop> {
        let Some(&Frame { left, fresh, behind, .. }) = self.frames.last() else { return Ok(true) };
        if !fresh {
            self.skip(1)?; // the value of the key printed last
        }
        if left == 0 {
            self.rest = behind.unwrap_or(self.rest);
            return self.close("])");
        }
        if !fresh {
            self.out.write_str(self.style.between())?;
        }
        self.count_part();
        Ok(true)
    }
}

/// Arity and elements of the tuple at `s`.
pub(super) fn tuple_header(s: &[u8]) -> Option<(usize, &[u8])> {
    match *s.first()? {
        tag::SMALL_TUPLE => Some((usize::from(*s.get(1)?), &s[2..])),
        tag::LARGE_TUPLE => wire::len32(&s[1..]).ok(),
        _ => None,
    }
}
