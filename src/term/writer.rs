//! Encoding terms: a growing buffer and a count of what is still owed to it.
//!
//! Always true of what [`Writer::finish`] gives: it is exactly one term that a BEAM accepts. Every call that would
//! break that (a NaN, an atom too long, an element too many) is remembered, makes all later calls do nothing, and is
//! reported by `finish`. No version byte is written.

use super::encode;
use super::integer::Integer;
use super::tag::{self, MAX_BIG_BYTES, MAX_STRING};
use super::validate;
use super::{Atom, Export, Fun, Pid, Port, Record, Reference, Term};
use crate::{Error, Result};

/// An encoder; see the module's text for its promise.
///
/// Leaves: [`i64`](Self::i64), [`u64`](Self::u64), [`integer`](Self::integer), [`f64`](Self::f64),
/// [`bool`](Self::bool), [`atom`](Self::atom), [`binary`](Self::binary), [`bitstring`](Self::bitstring),
/// [`str_binary`](Self::str_binary), [`charlist`](Self::charlist), [`byte_string`](Self::byte_string),
/// [`pid`](Self::pid), [`port`](Self::port), [`reference`](Self::reference), [`export`](Self::export),
/// [`nil`](Self::nil). Containers, each followed by its elements: [`tuple`](Self::tuple), [`list`](Self::list) (then
/// its tail), [`map`](Self::map). Encoded before: [`raw`](Self::raw), [`term`](Self::term). End:
/// [`finish`](Self::finish).
#[derive(Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the term begins in `bytes`.
    start: usize,
    /// Items still to come. Zero after an error, so that each call looks at one number only.
    owed: u64,
    error: Option<&'static str>,
    /// Maps were begun whose keys have to be compared in the end.
    keys: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

/// An atom of checked text, given as UTF-8.
#[inline]
pub(crate) fn put_atom(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(len) => {
            out.extend_from_slice(&[tag::SMALL_ATOM_UTF8, len]);
        }
        Err(_) => {
            let [.., a, b] = text.len().to_be_bytes();
            out.extend_from_slice(&[tag::ATOM_UTF8, a, b]);
        }
    }
    out.extend_from_slice(text);
}

/// An integer in its shortest form.
#[inline]
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[tag::SMALL_INTEGER, small]);
    } else if let Ok(value) = i32::try_from(value) {
        let [a, b, c, d] = value.to_be_bytes();
        out.extend_from_slice(&[tag::INTEGER, a, b, c, d]);
    } else {
        put_u64(out, value < 0, value.unsigned_abs());
    }
}

/// A number of 4 to 8 bytes.
fn put_u64(out: &mut Vec<u8>, negative: bool, value: u64) {
    let len = 8 - value.leading_zeros() / 8;
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    out.extend_from_slice(&[tag::SMALL_BIG, len as u8, u8::from(negative), a, b, c, d, e, f, g, h]);
    out.truncate(out.len() - (8 - len as usize));
}

pub(crate) fn put_big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    match u8::try_from(magnitude.len()) {
        Ok(len) => out.extend_from_slice(&[tag::SMALL_BIG, len, u8::from(negative)]),
        Err(_) => {
            put_counted(out, tag::LARGE_BIG, magnitude.len());
            out.push(u8::from(negative));
        }
    }
    out.extend_from_slice(magnitude);
}

/// A tag and a 32-bit count.
#[inline]
pub(crate) fn put_counted(out: &mut Vec<u8>, tag: u8, count: usize) {
    let [a, b, c, d] = (count as u32).to_be_bytes();
    out.extend_from_slice(&[tag, a, b, c, d]);
}

#[inline]
pub(crate) fn put_tuple(out: &mut Vec<u8>, arity: usize) {
    match u8::try_from(arity) {
        Ok(arity) => out.extend_from_slice(&[tag::SMALL_TUPLE, arity]),
        Err(_) => put_counted(out, tag::LARGE_TUPLE, arity),
    }
}

pub(crate) fn put_pid(out: &mut Vec<u8>, pid: &Pid) {
    out.push(tag::NEW_PID);
    put_atom(out, pid.node.as_bytes());
    let [a, b, c, d] = pid.id.to_be_bytes();
    let [e, f, g, h] = pid.serial.to_be_bytes();
    let [i, j, k, l] = pid.creation.to_be_bytes();
    out.extend_from_slice(&[a, b, c, d, e, f, g, h, i, j, k, l]);
}

pub(crate) fn put_port(out: &mut Vec<u8>, port: &Port) {
    out.push(tag::V4_PORT); // read by every OTP from 24 on
    put_atom(out, port.node.as_bytes());
    out.extend_from_slice(&port.id.to_be_bytes());
    out.extend_from_slice(&port.creation.to_be_bytes());
}

pub(crate) fn put_reference(out: &mut Vec<u8>, reference: &Reference) {
    out.extend_from_slice(&[tag::NEWER_REFERENCE, 0, reference.words().len() as u8]);
    put_atom(out, reference.node().as_bytes());
    out.extend_from_slice(&reference.creation().to_be_bytes());
    for word in reference.words() {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

pub(crate) fn put_export(out: &mut Vec<u8>, export: &Export) {
    out.push(tag::EXPORT);
    put_atom(out, export.module.as_bytes());
    put_atom(out, export.function.as_bytes());
    out.extend_from_slice(&[tag::SMALL_INTEGER, export.arity]);
}

/// A list of bytes: STRING where it fits.
pub(crate) fn put_byte_string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        out.push(tag::NIL);
    } else if bytes.len() <= MAX_STRING {
        let [.., a, b] = bytes.len().to_be_bytes();
        out.extend_from_slice(&[tag::STRING, a, b]);
        out.extend_from_slice(bytes);
    } else {
        put_counted(out, tag::LIST, bytes.len());
        for &byte in bytes {
            out.extend_from_slice(&[tag::SMALL_INTEGER, byte]);
        }
        out.push(tag::NIL);
    }
}

impl Writer {
    /// A writer of one term.
    pub fn new() -> Self {
        Self::append_to(Vec::new())
    }

    /// A writer with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self::append_to(Vec::with_capacity(bytes))
    }

    /// A writer that puts its term after these bytes.
    pub fn append_to(bytes: Vec<u8>) -> Self {
        Writer { start: bytes.len(), bytes, owed: 1, error: None, keys: false }
    }

    /// Bytes written so far, without those it was to append to.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// True if nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what was written, and any error; keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.truncate(self.start);
        self.owed = 1;
        self.error = None;
        self.keys = false;
    }

    /// True when exactly one whole term was written and nothing was wrong.
    pub fn is_complete(&self) -> bool {
        self.owed == 0 && self.error.is_none()
    }

    /// True while nothing was wrong.
    #[inline]
    pub fn is_ok(&self) -> bool {
        self.error.is_none()
    }

    /// What `finish` would say, without ending.
    ///
    /// # Errors
    /// [`Error::Argument`] with the first thing that was wrong, or that elements are missing.
    pub fn check(&self) -> Result<()> {
        if let Some(what) = self.error {
            return Err(Error::argument(what));
        }
        if self.owed > 0 {
            return Err(Error::Argument(format!("{} more elements were promised", self.owed).into()));
        }
        if self.keys {
            let term = self.bytes.get(self.start..).unwrap_or_default();
            validate::validate(term, &[]).map_err(|wrong| Error::Argument(wrong.to_string().into()))?;
        }
        Ok(())
    }

    /// The buffer, with exactly one term written to it.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn finish(self) -> Result<Vec<u8>> {
        self.check()?;
        Ok(self.bytes)
    }

    /// The bytes of the term, with the writer ready for the next one after [`clear`](Self::clear).
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn encoded(&self) -> Result<&[u8]> {
        self.check()?;
        Ok(self.bytes.get(self.start..).unwrap_or_default())
    }

    #[cold]
    #[inline(never)]
    fn refuse(&mut self, what: &'static str) -> &mut Self {
        if self.error.is_none() {
            self.error = Some(what);
            self.owed = 0;
        }
        self
    }

    #[cold]
    #[inline(never)]
    fn too_many(&mut self) -> &mut Self {
        self.refuse("the term was complete already")
    }

    /// Accounts for one item and the elements it promises, then writes it.
    #[inline]
    fn item(&mut self, elements: u64, put: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        if self.owed == 0 {
            return self.too_many();
        }
        self.owed = self.owed - 1 + elements;
        put(&mut self.bytes);
        self
    }

    /// An integer.
    #[inline]
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.item(0, |out| put_i64(out, value))
    }

    /// An integer.
    #[inline]
    pub fn u64(&mut self, value: u64) -> &mut Self {
        match i64::try_from(value) {
            Ok(value) => self.i64(value),
            Err(_) => self.item(0, |out| put_u64(out, false, value)),
        }
    }

    /// An integer of any size.
    pub fn integer(&mut self, value: &Integer) -> &mut Self {
        match value {
            Integer::Small(value) => self.i64(*value),
            Integer::Big(big) => self.item(0, |out| put_big(out, big.is_negative(), big.magnitude())),
        }
    }

    /// An integer given by its sign and little-endian magnitude; at most 524,280 bytes.
    pub fn big(&mut self, negative: bool, magnitude: &[u8]) -> &mut Self {
        if magnitude.len() > MAX_BIG_BYTES {
            return self.refuse("an integer has at most 524280 bytes");
        }
        match Integer::from_le_bytes(negative, magnitude) {
            Ok(value) => self.integer(&value),
            Err(_) => self.refuse("an integer has at most 524280 bytes"),
        }
    }

    /// A float; NaN and infinity are refused.
    #[inline]
    pub fn f64(&mut self, value: f64) -> &mut Self {
        if !value.is_finite() {
            return self.refuse("a float is neither NaN nor infinite");
        }
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        self.item(0, |out| out.extend_from_slice(&[tag::NEW_FLOAT, a, b, c, d, e, f, g, h]))
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.item(0, |out| put_atom(out, text))
    }

    /// An atom; more than 255 characters are refused.
    #[inline]
    pub fn atom(&mut self, text: &str) -> &mut Self {
        if !Atom::fits(text) {
            return self.refuse("an atom has at most 255 characters");
        }
        self.item(0, |out| put_atom(out, text.as_bytes()))
    }

    /// An atom.
    #[inline]
    pub fn atom_term(&mut self, atom: &Atom) -> &mut Self {
        self.item(0, |out| put_atom(out, atom.as_bytes()))
    }

    /// A binary.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) -> &mut Self {
        if u32::try_from(bytes.len()).is_err() {
            return self.refuse("a binary has at most 4 GiB");
        }
        self.item(0, |out| {
            put_counted(out, tag::BINARY, bytes.len());
            out.extend_from_slice(bytes);
        })
    }

    /// A binary of this text, as Elixir's strings are.
    #[inline]
    pub fn str_binary(&mut self, text: &str) -> &mut Self {
        self.binary(text.as_bytes())
    }

    /// The bits of `bytes` of which the last byte has `bits`, 1 to 8 (of no bytes: 8). Unused bits are cleared.
    pub fn bitstring(&mut self, bytes: &[u8], bits: u8) -> &mut Self {
        if bits == 8 {
            return self.binary(bytes);
        }
        let (Some((last, whole)), Ok(_), 1..=7) = (bytes.split_last(), u32::try_from(bytes.len()), bits)
        else {
            return self.refuse("a bit string has 1 to 8 bits in its last byte");
        };
        self.item(0, |out| {
            put_counted(out, tag::BIT_BINARY, bytes.len());
            out.push(bits);
            out.extend_from_slice(whole);
            out.push(last & 0xffu8 << (8 - bits));
        })
    }

    /// A list of the code points of this text, as Erlang's strings are.
    pub fn charlist(&mut self, text: &str) -> &mut Self {
        let points = || text.chars().map(u32::from);
        if points().all(|point| point < 256) {
            let bytes: Vec<u8> = points().map(|point| point as u8).collect();
            return self.byte_string(&bytes);
        }
        let count = points().count();
        if u32::try_from(count).is_err() {
            return self.refuse("a list has at most 2^32 - 1 elements");
        }
        self.item(0, |out| {
            put_counted(out, tag::LIST, count);
            points().for_each(|point| put_i64(out, i64::from(point)));
            out.push(tag::NIL);
        })
    }

    /// A list of these bytes as integers.
    pub fn byte_string(&mut self, bytes: &[u8]) -> &mut Self {
        if u32::try_from(bytes.len()).is_err() {
            return self.refuse("a list has at most 2^32 - 1 elements");
        }
        self.item(0, |out| put_byte_string(out, bytes))
    }

    /// A tuple; its elements follow.
    #[inline]
    pub fn tuple(&mut self, arity: usize) -> &mut Self {
        if u32::try_from(arity).is_err() {
            return self.refuse("a tuple has at most 2^32 - 1 elements");
        }
        self.item(arity as u64, |out| put_tuple(out, arity))
    }

    /// A list; its elements follow, and then its tail, which is [`nil`](Self::nil) for a proper list.
    #[inline]
    pub fn list(&mut self, elements: usize) -> &mut Self {
        if u32::try_from(elements).is_err() {
            return self.refuse("a list has at most 2^32 - 1 elements");
        }
        if elements == 0 {
            return self; // the tail that follows is the value
        }
        self.item(elements as u64 + 1, |out| put_counted(out, tag::LIST, elements))
    }

    /// The empty list, or the end of one.
    #[inline]
    pub fn nil(&mut self) -> &mut Self {
        self.item(0, |out| out.push(tag::NIL))
    }

    /// A map; key, value, key, value... follow. `finish` refuses a key that comes twice.
    #[inline]
    pub fn map(&mut self, pairs: usize) -> &mut Self {
        if i32::try_from(pairs).is_err() {
            return self.refuse("a map has at most 2^31 - 1 pairs");
        }
        self.keys |= pairs > 1;
        self.item(pairs as u64 * 2, |out| put_counted(out, tag::MAP, pairs))
    }

    /// A pid.
    pub fn pid(&mut self, pid: &Pid) -> &mut Self {
        self.item(0, |out| put_pid(out, pid))
    }

    /// A port.
    pub fn port(&mut self, port: &Port) -> &mut Self {
        self.item(0, |out| put_port(out, port))
    }

    /// A reference.
    pub fn reference(&mut self, reference: &Reference) -> &mut Self {
        self.item(0, |out| put_reference(out, reference))
    }

    /// `fun Module:Function/Arity`.
    pub fn export(&mut self, export: &Export) -> &mut Self {
        self.item(0, |out| put_export(out, export))
    }

    /// A fun that came from elsewhere.
    pub fn fun(&mut self, fun: &Fun) -> &mut Self {
        self.item(0, |out| out.extend_from_slice(fun.as_bytes()))
    }

    /// A native record that came from elsewhere.
    pub fn record(&mut self, record: &Record) -> &mut Self {
        self.item(0, |out| out.extend_from_slice(record.as_bytes()))
    }

    /// A whole term.
    pub fn term(&mut self, term: &Term) -> &mut Self {
        let mut outcome = Ok(());
        self.item(0, |out| outcome = encode::encode(term, out));
        match outcome {
            Ok(()) => self,
            Err(what) => self.refuse(what),
        }
    }

    /// One term that is encoded already, without version byte; it is checked in full.
    pub fn raw(&mut self, term: &[u8]) -> &mut Self {
        match validate::validate(term, &[]) {
            Ok(len) if len == term.len() => self.raw_unchecked(term),
            Ok(_) => self.refuse("bytes follow the encoded term"),
            Err(wrong) => self.refuse(wrong.what),
        }
    }

    /// One item written by `put`, which leaves the bytes as they were if it fails.
    pub(crate) fn compose(&mut self, put: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let mut done = Ok(());
        self.item(0, |out| done = put(out));
        if done.is_err() {
            self.refuse("a template failed");
            return done;
        }
        self.error.map_or(Ok(()), |what| Err(Error::argument(what)))
    }

    /// The buffer and the number of items still owed to it, for those who put plain items in by themselves, as C does.
    #[cfg(feature = "ffi")]
    pub(crate) fn parts(&mut self) -> (&mut Vec<u8>, &mut u64) {
        (&mut self.bytes, &mut self.owed)
    }

    /// One term that was encoded or checked by this crate.
    pub(crate) fn raw_unchecked(&mut self, term: &[u8]) -> &mut Self {
        self.item(0, |out| out.extend_from_slice(term))
    }
}
