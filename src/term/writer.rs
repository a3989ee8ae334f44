//! Encoding terms: a growing buffer and a count of what is still owed to it.
//!
//! Always true of what [`Writer::finish`] gives: it is exactly one term that a BEAM accepts. Every call that would
//! break that (a NaN, an atom too long, an element too many) is remembered, makes all later calls do nothing, and is
//! reported by `finish`. No version byte is written.

use super::encode;
use super::integer::Integer;
use super::keys::Keys;
use super::put;
use super::tag::{self, MAX_BIG_BYTES};
use super::validate;
use super::{Atom, Export, Fun, Pid, Port, Record, Reference, Term};
use crate::error::{in_memory, reserve, room};
use crate::{Error, Result};

pub(crate) use super::put::{
    atom as put_atom, big as put_big, byte_string as put_byte_string, counted as put_counted, i64 as put_i64,
    pid as put_pid, port as put_port, reference as put_reference,
};

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
    /// The value of `owed` at which `keys` has to be asked, or the term is complete.
    watch: u64,
    /// The keys of the maps being written. Behind a pointer, because most terms have none.
    keys: Option<Box<Keys>>,
    /// Items are written without this writer seeing them, and then maps whose keys are to be compared in the end.
    unseen: bool,
    unseen_maps: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

impl Writer {
    /// A writer of one term.
    pub fn new() -> Self {
        Self::append_to(Vec::new())
    }

    /// A writer with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self::append_to(room(bytes))
    }

    /// A writer that puts its term after these bytes.
    pub fn append_to(bytes: Vec<u8>) -> Self {
        Writer {
            start: bytes.len(),
            bytes,
            owed: 1,
            error: None,
            watch: 0,
            keys: None,
            unseen: false,
            unseen_maps: false,
        }
    }

    /// The buffer alone, emptied to what it was to append to: for the next writer.
    pub fn into_buffer(mut self) -> Vec<u8> {
        self.bytes.truncate(self.start);
        self.bytes
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
        self.watch = 0;
        self.unseen_maps = false;
        if let Some(keys) = &mut self.keys {
            keys.clear();
        }
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
        if self.unseen_maps {
            let term = self.bytes.get(self.start..).unwrap_or_default();
            in_memory(|| Ok(validate::validate(term, &[])))?
                .map_err(|wrong| Error::Argument(wrong.to_string().into()))?;
        }
        match &self.keys {
            Some(keys) => in_memory(|| keys.finish(&self.bytes).map_err(Error::argument)),
            None => Ok(()),
        }
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

    #[inline]
    fn refuse(&mut self, what: &'static str) -> &mut Self {
        if self.error.is_none() {
            self.error = Some(what);
            self.owed = 0;
            self.watch = 0;
        }
        self
    }

    /// Sees to the keys of maps; what is wrong, if anything is.
    #[inline(always)]
    fn step(&mut self) -> Option<&'static str> {
        if self.owed == 0 {
            return Some("the term was complete already");
        }
        match self.keys.as_deref_mut()?.step(self.owed, &self.bytes) {
            Ok(watch) => {
                self.watch = watch;
                None
            }
            Err(what) => Some(what),
        }
    }

    /// Accounts for one item and the elements it promises, then writes it.
    #[inline(always)]
    fn item(&mut self, elements: u64, put: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        if self.owed == self.watch {
            if let Some(what) = self.step() {
                return self.refuse(what);
            }
        }
        self.owed = self.owed - 1 + elements;
        put(&mut self.bytes);
        self
    }

    /// An integer.
    #[inline]
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.item(0, |out| put::i64(out, value))
    }

    /// An integer.
    #[inline]
    pub fn u64(&mut self, value: u64) -> &mut Self {
        match i64::try_from(value) {
            Ok(value) => self.i64(value),
            Err(_) => self.item(0, |out| put::u64(out, false, value)),
        }
    }

    /// An integer of any size.
    pub fn integer(&mut self, value: &Integer) -> &mut Self {
        match value {
            Integer::Small(value) => self.i64(*value),
            Integer::Big(big) => self.item(0, |out| put::big(out, big.is_negative(), big.magnitude())),
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
        self.item(0, |out| put::f64(out, value))
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.item(0, |out| put::atom(out, text))
    }

    /// An atom; more than 255 characters are refused.
    #[inline]
    pub fn atom(&mut self, text: &str) -> &mut Self {
        if !Atom::fits(text) {
            return self.refuse("an atom has at most 255 characters");
        }
        self.item(0, |out| put::atom(out, text.as_bytes()))
    }

    /// An atom.
    #[inline]
    pub fn atom_term(&mut self, atom: &Atom) -> &mut Self {
        self.item(0, |out| put::atom_term(out, atom))
    }

    /// A binary.
    #[inline]
    pub fn binary(&mut self, bytes: &[u8]) -> &mut Self {
        if u32::try_from(bytes.len()).is_err() {
            return self.refuse("a binary has at most 4 GiB");
        }
        self.item(0, |out| put::binary(out, bytes))
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
            put::counted(out, tag::BIT_BINARY, bytes.len());
            reserve(out, bytes.len() + 1);
            out.push(bits);
            out.extend_from_slice(whole);
            out.push(last & 0xffu8 << (8 - bits));
        })
    }

    /// A list of the code points of this text, as Erlang's strings are.
    pub fn charlist(&mut self, text: &str) -> &mut Self {
        let points = || text.chars().map(u32::from);
        if points().all(|point| point < 256) {
            let mut bytes: Vec<u8> = room(text.len());
            bytes.extend(points().map(|point| point as u8));
            return self.byte_string(&bytes);
        }
        let count = points().count();
        if u32::try_from(count).is_err() {
            return self.refuse("a list has at most 2^32 - 1 elements");
        }
        self.item(0, |out| {
            put::counted(out, tag::LIST, count);
            points().for_each(|point| put::i64(out, i64::from(point)));
            put::bytes(out, [tag::NIL]);
        })
    }

    /// A list of these bytes as integers.
    pub fn byte_string(&mut self, bytes: &[u8]) -> &mut Self {
        if u32::try_from(bytes.len()).is_err() {
            return self.refuse("a list has at most 2^32 - 1 elements");
        }
        self.item(0, |out| put::byte_string(out, bytes))
    }

    /// A tuple; its elements follow.
    #[inline]
    pub fn tuple(&mut self, arity: usize) -> &mut Self {
        if u32::try_from(arity).is_err() {
            return self.refuse("a tuple has at most 2^32 - 1 elements");
        }
        self.item(arity as u64, |out| put::tuple(out, arity))
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
        self.item(elements as u64 + 1, |out| put::counted(out, tag::LIST, elements))
    }

    /// The empty list, or the end of one.
    #[inline]
    pub fn nil(&mut self) -> &mut Self {
        self.item(0, |out| put::bytes(out, [tag::NIL]))
    }

    /// A map; key, value, key, value... follow. `finish` refuses a key that comes twice.
    #[inline]
    pub fn map(&mut self, pairs: usize) -> &mut Self {
        if i32::try_from(pairs).is_err() {
            return self.refuse("a map has at most 2^31 - 1 pairs");
        }
        self.item(pairs as u64 * 2, |out| put::counted(out, tag::MAP, pairs));
        if self.unseen {
            self.unseen_maps |= pairs > 1;
        } else if pairs > 1 && self.error.is_none() {
            let base = self.owed - pairs as u64 * 2;
            self.watch = self.keys.get_or_insert_default().open(base, pairs as u64);
        }
        self
    }

    /// A pid.
    pub fn pid(&mut self, pid: &Pid) -> &mut Self {
        self.item(0, |out| put::pid(out, pid))
    }

    /// A port.
    pub fn port(&mut self, port: &Port) -> &mut Self {
        self.item(0, |out| put::port(out, port))
    }

    /// A reference.
    pub fn reference(&mut self, reference: &Reference) -> &mut Self {
        self.item(0, |out| put::reference(out, reference))
    }

    /// `fun Module:Function/Arity`.
    pub fn export(&mut self, export: &Export) -> &mut Self {
        self.item(0, |out| put::export(out, export))
    }

    /// A fun that came from elsewhere.
    pub fn fun(&mut self, fun: &Fun) -> &mut Self {
        self.item(0, |out| put::headed(out, [], fun.as_bytes()))
    }

    /// A native record that came from elsewhere.
    pub fn record(&mut self, record: &Record) -> &mut Self {
        self.item(0, |out| put::headed(out, [], record.as_bytes()))
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
        self.any_spelling();
        let mut done = Ok(());
        self.item(0, |out| done = put(out));
        if done.is_err() {
            self.refuse("a template failed");
            return done;
        }
        self.error.map_or(Ok(()), |what| Err(Error::argument(what)))
    }

    /// What comes now may be a key, or part of one, that is not spelt as this writer would.
    fn any_spelling(&mut self) {
        if let Some(keys) = self.keys.as_deref_mut() {
            keys.any_spelling();
        }
    }

    /// The buffer and the number of items still owed to it, for those who put plain items in by themselves, as C
    /// does. Such items are not seen here, so keys of maps are then compared in the end.
    #[cfg(feature = "ffi")]
    #[inline]
    pub(crate) fn parts(&mut self) -> (&mut Vec<u8>, &mut u64) {
        self.unseen = true;
        (&mut self.bytes, &mut self.owed)
    }

    /// One term that was encoded or checked by this crate.
    pub(crate) fn raw_unchecked(&mut self, term: &[u8]) -> &mut Self {
        self.any_spelling();
        self.item(0, |out| put::headed(out, [], term))
    }
}
