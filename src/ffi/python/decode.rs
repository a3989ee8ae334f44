//! Encoded terms to Python objects.
//!
//! Walks with its own stack: depth costs memory in proportion to the input and never the thread's stack. Room is
//! reserved for what is there, not for what is announced. Maps become `dict`; keys that Python would take for equal
//! although Erlang does not (1, 1.0, true) are told apart by `exact_key`.

use std::borrow::Cow;

use super::api::{Fail, Owned, PyObject, PyResult, Python};
use crate::error::Malformed;
use crate::term::{put, Kind, Pid, Reader, Writer};

/// Kinds of numbers seen in the keys of a map; two kinds in one map need exact keys.
const INTEGER: u8 = 1;
const FLOAT: u8 = 2;
const BOOLEAN: u8 = 4;
const NEGATIVE_ZERO: u8 = 8;

/// A container that is being filled.
enum Frame {
    /// `next` counts up to `len`; then the tail follows. A tail that is a list itself goes on with it: `len` grows beyond
    /// the `room` that was made.
    List {
        list: Owned,
        next: usize,
        len: usize,
        room: usize,
    },
    Tuple {
        tuple: Owned,
        next: usize,
        len: usize,
    },
    Dict(Dict),
}

/// A map that is being filled.
struct Dict {
    dict: Owned,
    /// Pairs announced, and pairs still to come.
    len: usize,
    left: usize,
    /// Read, and waiting for its value.
    key: Option<Owned>,
    /// Kinds of numbers in the keys so far.
    kinds: u8,
    /// Two kinds were seen: all keys go through `exact_key`.
    exact: bool,
}

/// Messages from this size on are worth some preparation.
const LARGE: usize = 2048;
/// Places for atoms seen in a large message; maps repeat their keys.
const RECENT: usize = 64;

/// The next term of `reader` as a Python object.
pub(super) fn decode<'m>(python: &'static Python, reader: &mut Reader<'m>) -> PyResult<Owned> {
    let large = reader.remaining() >= LARGE;
    let _pause = large.then(|| CollectorPause::new(python));
    let mut decoder: Decoder<'m> = Decoder {
        python,
        stack: Vec::new(),
        keying: None,
        scratch: Vec::new(),
        recent: if large { (0..RECENT).map(|_| None).collect() } else { Vec::new() },
    };
    let result = decoder.run(reader);
    // From the innermost out: Python must never see a tuple that something below still fills.
    while decoder.stack.pop().is_some() {}
    result
}

/// Python before 3.12 looks for garbage again and again while many objects are made, though none of them can be any.
struct CollectorPause(Option<&'static Python>);

impl CollectorPause {
    fn new(python: &'static Python) -> Self {
        let o = &python.objects;
        if o.pause_collector == o.none {
            return CollectorPause(None);
        }
        // Nothing to do where the program itself has switched it off.
        let was_on = python.call0(o.pause_collector).is_ok_and(|was_on| was_on.as_ptr() == o.true_);
        CollectorPause(was_on.then_some(python))
    }
}

impl Drop for CollectorPause {
    fn drop(&mut self) {
        if let Some(python) = self.0 {
            python.undisturbed(|| drop(python.call0(python.objects.resume_collector)));
        }
    }
}

struct Decoder<'m> {
    python: &'static Python,
    stack: Vec<Frame>,
    /// Index of the map whose key is being read.
    keying: Option<usize>,
    /// For the canonical encoding of ids.
    scratch: Vec<u8>,
    /// Atoms of this message, by a cheap hash.
    recent: Vec<Option<(&'m str, Owned)>>,
}

/// What reading a token gave.
enum Step {
    Value(Owned),
    /// More must be read first.
    Opened,
}

impl<'m> Decoder<'m> {
    fn run(&mut self, reader: &mut Reader<'m>) -> PyResult<Owned> {
        loop {
            let Step::Value(mut value) = self.token(reader)? else { continue };
            loop {
                let Some(frame) = self.stack.last_mut() else { return Ok(value) };
                match frame {
                    Frame::Tuple { tuple, next, len } => {
                        set_tuple(self.python, tuple, *next, value)?;
                        *next += 1;
                        if *next < *len {
                            break;
                        }
                    }
                    Frame::List { list, next, len, room } if *next < *len => {
                        match *next < *room {
                            true => set_list(self.python, list, *next, value)?,
                            false => append(self.python, list, value)?,
                        }
                        *next += 1;
                        if *next < *len || !ends(self.python, reader, list, len)? {
                            // The next element, or a tail that is no list.
                            break;
                        }
                    }
                    Frame::List { .. } => {
                        let Some(Frame::List { list, .. }) = self.stack.pop() else { unreachable!() };
                        value = self.python.call2(self.python.objects.improper_list, list, value)?;
                        continue;
                    }
                    Frame::Dict(map) => match map.key.take() {
                        None => {
                            map.key = Some(exact_key(self.python, map, value)?);
                            self.keying = None;
                            break;
                        }
                        Some(key) => {
                            set_dict(self.python, &map.dict, key, value)?;
                            map.left -= 1;
                            if map.left > 0 {
                                self.keying = Some(self.stack.len() - 1);
                                break;
                            }
                            check_count(self.python, map, reader)?;
                        }
                    },
                }
                // The container on top is complete: it is the next value.
                value = match self.stack.pop() {
                    Some(Frame::List { list, .. }) => list,
                    Some(Frame::Tuple { tuple, .. }) => tuple,
                    Some(Frame::Dict(map)) => map.dict,
                    None => unreachable!("the frame on top was just seen"),
                };
            }
        }
    }

    /// Reads one value, or opens one container.
    #[inline]
    fn token(&mut self, reader: &mut Reader<'m>) -> PyResult<Step> {
        let python = self.python;
        let f = &python.functions;
        let Some(kind) = reader.kind() else { return Err(broken(reader, "term")) };
        let value = match kind {
            Kind::Integer => {
                self.note(INTEGER);
                match reader.i64() {
                    // SAFETY: makes an int.
                    Some(value) => python.owned(unsafe { (f.long_from_i64)(value) })?,
                    None => self.big(reader)?,
                }
            }
            Kind::Float => {
                let value = reader.f64().ok_or_else(|| broken(reader, "float"))?;
                let negative_zero = value == 0.0 && value.is_sign_negative();
                self.note(if negative_zero { NEGATIVE_ZERO } else { FLOAT });
                // SAFETY: makes a float.
                python.owned(unsafe { (f.float_from_f64)(value) })?
            }
            Kind::Atom => {
                let text = reader.atom().ok_or_else(|| broken(reader, "atom"))?;
                match text {
                    Cow::Borrowed(text) if !self.recent.is_empty() => self.recent_atom(text)?,
                    _ => self.atom(&text)?,
                }
            }
            Kind::Binary => {
                let data = reader.binary().ok_or_else(|| broken(reader, "binary"))?;
                python.bytes(data)?
            }
            Kind::Tuple => {
                let len = reader.tuple().ok_or_else(|| broken(reader, "tuple"))?;
                self.fits(len, reader)?;
                // SAFETY: a new tuple, filled before anybody sees it.
                let tuple = python.owned(unsafe { (f.tuple_new)(len as isize) })?;
                if len > 0 {
                    self.stack.push(Frame::Tuple { tuple, next: 0, len });
                    return Ok(Step::Opened);
                }
                tuple
            }
            Kind::List | Kind::Map | Kind::String | Kind::Nil if self.keying.is_some() => {
                self.frozen(reader)?
            }
            Kind::Nil => {
                if !reader.nil() {
                    return Err(broken(reader, "list"));
                }
                // SAFETY: a new list.
                python.owned(unsafe { (f.list_new)(0) })?
            }
            Kind::String => {
                let data = reader.string().ok_or_else(|| broken(reader, "string"))?;
                // SAFETY: a new list, filled below.
                let list = python.owned(unsafe { (f.list_new)(data.len() as isize) })?;
                for (i, &byte) in data.iter().enumerate() {
                    // SAFETY: makes an int.
                    let item = python.owned(unsafe { (f.long_from_i64)(byte.into()) })?;
                    set_list(python, &list, i, item)?;
                }
                list
            }
            Kind::List => {
                let len = reader.list().ok_or_else(|| broken(reader, "list"))?;
                self.fits(len, reader)?;
                if len == 0 {
                    // No elements: the value is the tail, as a BEAM reads it; that is the next token.
                    return Ok(Step::Opened);
                }
                // SAFETY: a new list, filled before anybody sees it.
                let list = python.owned(unsafe { (f.list_new)(len as isize) })?;
                self.stack.push(Frame::List { list, next: 0, len, room: len });
                return Ok(Step::Opened);
            }
            Kind::Map => {
                let len = reader.map().ok_or_else(|| broken(reader, "map"))?;
                self.fits(len, reader)?;
                // SAFETY: a new dict.
                let dict = python.owned(unsafe { (f.dict_new)() })?;
                if len > 0 {
                    self.keying = Some(self.stack.len());
                    let map = Dict { dict, len, left: len, key: None, kinds: 0, exact: false };
                    self.stack.push(Frame::Dict(map));
                    return Ok(Step::Opened);
                }
                dict
            }
            Kind::Pid => {
                let pid = reader.pid().ok_or_else(|| broken(reader, "pid"))?;
                self.id(|out| put::pid(out, &pid), python.objects.new_pid)?
            }
            Kind::Port => {
                let port = reader.port().ok_or_else(|| broken(reader, "port"))?;
                self.id(|out| put::port(out, &port), python.objects.new_port)?
            }
            Kind::Reference => {
                let reference = reader.reference().ok_or_else(|| broken(reader, "reference"))?;
                self.id(|out| put::reference(out, &reference), python.objects.new_reference)?
            }
            Kind::Fun => self.whole(reader, python.objects.new_fun, "fun")?,
            Kind::Export => self.whole(reader, python.objects.new_export, "export")?,
            Kind::BitString => self.whole(reader, python.objects.new_bit_string, "bit string")?,
            Kind::Record => self.whole(reader, python.objects.new_record, "record")?,
        };
        Ok(Step::Value(value))
    }

    /// Remembers a kind of number that stands in the key being read.
    #[inline]
    fn note(&mut self, kind: u8) {
        if let Some(index) = self.keying {
            if let Some(Frame::Dict(map)) = self.stack.get_mut(index) {
                map.kinds |= kind;
            }
        }
    }

    /// Every element takes a byte at least: a count beyond what is left is a lie.
    #[inline]
    fn fits(&self, count: usize, reader: &Reader<'_>) -> PyResult<()> {
        if count > reader.remaining() {
            return Err(Malformed::new("element count", reader.position()).into());
        }
        Ok(())
    }

    /// As [`atom`](Self::atom), for messages that repeat theirs.
    #[inline]
    fn recent_atom(&mut self, text: &'m str) -> PyResult<Owned> {
        let bytes = text.as_bytes();
        let ends = bytes.first().zip(bytes.last()).map_or(0, |(a, b)| usize::from(*a) ^ usize::from(*b) << 2);
        let place = (ends + bytes.len()) % RECENT;
        match &self.recent[place] {
            Some((known, atom)) if *known == text => Ok(self.python.share(atom.as_ptr())),
            _ => {
                let atom = self.atom(text)?;
                // The singletons have a meaning in keys that `atom` takes note of.
                if self.python.class(atom.as_ptr()) == self.python.objects.atom {
                    self.recent[place] = Some((text, self.python.share(atom.as_ptr())));
                }
                Ok(atom)
            }
        }
    }

    /// true, false and nil are Python's own; all others are interned `Atom`s.
    #[inline]
    fn atom(&mut self, text: &str) -> PyResult<Owned> {
        let python = self.python;
        match text {
            "true" => {
                self.note(BOOLEAN);
                Ok(python.share(python.objects.true_))
            }
            "false" => {
                self.note(BOOLEAN);
                Ok(python.share(python.objects.false_))
            }
            "nil" => Ok(python.share(python.objects.none)),
            _ => atom_object(python, text),
        }
    }

    /// An id, by its canonical encoding. Pids repeat, so they are kept.
    fn id(&mut self, put: impl FnOnce(&mut Vec<u8>), maker: *mut PyObject) -> PyResult<Owned> {
        let python = self.python;
        self.scratch.clear();
        put(&mut self.scratch);
        match maker == python.objects.new_pid {
            true => kept_pid(python, &self.scratch),
            false => python.wire_object(maker, &self.scratch),
        }
    }

    /// A term that Python keeps by its encoding.
    #[cold]
    fn whole(
        &mut self,
        reader: &mut Reader<'_>,
        maker: *mut PyObject,
        what: &'static str,
    ) -> PyResult<Owned> {
        let wire = canonical(reader, what)?;
        self.python.wire_object(maker, &wire)
    }

    /// A list or map as (part of) a key, which Python's own could not be.
    #[cold]
    fn frozen(&mut self, reader: &mut Reader<'_>) -> PyResult<Owned> {
        let wire = canonical(reader, "map key")?;
        let wire = self.python.bytes(&wire)?;
        self.python.call1(self.python.objects.freeze, wire)
    }

    /// An integer beyond 64 bits.
    #[cold]
    fn big(&mut self, reader: &mut Reader<'_>) -> PyResult<Owned> {
        let python = self.python;
        if let Some(value) = reader.u64() {
            // SAFETY: makes an int.
            return python.owned(unsafe { (python.functions.long_from_u64)(value) });
        }
        let Some((negative, magnitude)) = reader.big() else { return Err(broken(reader, "integer")) };
        let sign = python.share(if negative { python.objects.true_ } else { python.objects.false_ });
        let magnitude = python.bytes(magnitude)?;
        python.call2(python.objects.int_from_bytes, sign, magnitude)
    }
}

/// An atom as an object of its own, also where Python has a word for it.
pub(super) fn atom_object(python: &'static Python, text: &str) -> PyResult<Owned> {
    match python.atoms.get(python, text.as_bytes()) {
        Some(atom) => Ok(atom),
        None => new_atom(python, text),
    }
}

/// A pid.
pub(super) fn pid_object(python: &'static Python, pid: &Pid) -> PyResult<Owned> {
    let mut wire = Vec::with_capacity(64);
    put::pid(&mut wire, pid);
    kept_pid(python, &wire)
}

/// A pid, by its canonical encoding.
fn kept_pid(python: &'static Python, wire: &[u8]) -> PyResult<Owned> {
    if let Some(pid) = python.ids.get(python, wire) {
        return Ok(pid);
    }
    let pid = python.wire_object(python.objects.new_pid, wire)?;
    python.ids.put(python, wire, &pid);
    Ok(pid)
}

/// Asks Python for an atom that is not in the cache.
#[cold]
fn new_atom(python: &'static Python, text: &str) -> PyResult<Owned> {
    let name = python.str(text)?;
    let atom = python.call1(python.objects.atom, name)?;
    python.atoms.put(python, text.as_bytes(), &atom);
    Ok(atom)
}

/// One whole term, encoded the way we encode it.
fn canonical(reader: &mut Reader<'_>, what: &'static str) -> PyResult<Vec<u8>> {
    let term = reader.term().ok_or_else(|| broken(reader, what))?;
    let mut writer = Writer::new();
    term.encode_to(&mut writer);
    Ok(writer.finish()?)
}

/// A finished key, told apart from numbers of another kind where a map has several.
#[inline]
fn exact_key(python: &'static Python, map: &mut Dict, key: Owned) -> PyResult<Owned> {
    if map.kinds & map.kinds.wrapping_sub(1) == 0 {
        return Ok(key);
    }
    if !map.exact {
        let old = python.share(map.dict.as_ptr());
        map.dict = python.call1(python.objects.exact_keys, old)?;
        map.exact = true;
    }
    python.call1(python.objects.exact_key, key)
}

/// Duplicate keys are refused, as a BEAM does.
#[inline]
fn check_count(python: &'static Python, map: &Dict, reader: &Reader<'_>) -> PyResult<()> {
    // SAFETY: a dict.
    if unsafe { (python.functions.dict_size)(map.dict.as_ptr()) } as usize != map.len {
        return Err(Malformed::new("map with a duplicate key", reader.position()).into());
    }
    Ok(())
}

#[inline]
fn set_tuple(python: &'static Python, tuple: &Owned, at: usize, value: Owned) -> PyResult<()> {
    // SAFETY: a tuple only we have seen, and a place inside it; the tuple takes the reference over.
    match unsafe { (python.functions.tuple_set_item)(tuple.as_ptr(), at as isize, value.into_raw()) } {
        0 => Ok(()),
        _ => Err(Fail::Raised),
    }
}

#[inline]
fn set_list(python: &'static Python, list: &Owned, at: usize, value: Owned) -> PyResult<()> {
    // SAFETY: a list only we have seen, and a place inside it; the list takes the reference over.
    match unsafe { (python.functions.list_set_item)(list.as_ptr(), at as isize, value.into_raw()) } {
        0 => Ok(()),
        _ => Err(Fail::Raised),
    }
}

#[inline]
fn append(python: &'static Python, list: &Owned, value: Owned) -> PyResult<()> {
    // SAFETY: a list, which takes its own reference.
    match unsafe { (python.functions.list_append)(list.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Fail::Raised),
    }
}

/// Reads on after the last element announced: true if the list is complete, false if elements follow (`len` tells how many
/// there are then) or a tail that is no list.
fn ends(python: &'static Python, reader: &mut Reader<'_>, list: &Owned, len: &mut usize) -> PyResult<bool> {
    loop {
        match reader.kind() {
            Some(Kind::Nil) => return Ok(reader.nil()),
            Some(Kind::List) => {
                let more = reader.list().ok_or_else(|| broken(reader, "list"))?;
                if more > reader.remaining() {
                    return Err(Malformed::new("element count", reader.position()).into());
                }
                *len += more;
                if more > 0 {
                    return Ok(false);
                }
            }
            Some(Kind::String) => {
                let data = reader.string().ok_or_else(|| broken(reader, "string"))?;
                for &byte in data.iter() {
                    append(python, list, python.int(byte.into())?)?;
                }
                return Ok(true);
            }
            _ => return Ok(false),
        }
    }
}

#[inline]
fn set_dict(python: &'static Python, dict: &Owned, key: Owned, value: Owned) -> PyResult<()> {
    // SAFETY: a dict, which takes its own references.
    match unsafe { (python.functions.dict_set_item)(dict.as_ptr(), key.as_ptr(), value.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Fail::Raised),
    }
}

/// What the reader complains about, or that `what` is not there.
#[cold]
fn broken(reader: &Reader<'_>, what: &'static str) -> Fail {
    reader.error().unwrap_or(Malformed::new(what, reader.position())).into()
}
