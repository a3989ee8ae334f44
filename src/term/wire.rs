//! The pieces that reader, skip, decode and validate share: reading the parts of one item at the front of a slice.
//!
//! Every function takes what is left of the input and gives the value and what follows it, or says what is wrong.
//! Nothing here knows of cursors, positions or nesting.

use std::borrow::Cow;

use super::atom::{latin1, Atom, Short, WINDOW};
use super::tag;
use super::tag::{MAX_ARITY, MAX_ATOM_CHARS, MAX_FREE, MAX_OLD_CREATION, MAX_REFERENCE_WORDS};

/// What is wrong, for [`crate::error::Malformed`].
pub(crate) type Wrong = &'static str;

/// A value and the input after it.
pub(crate) type Parsed<'a, T> = Result<(T, &'a [u8]), Wrong>;

/// An atom as it stands on the wire.
#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    Utf8(&'a [u8]),
    Latin1(&'a [u8]),
    Cached(u8),
}

impl<'a> Text<'a> {
    /// The text, checked: UTF-8, at most 255 characters, known to the atom section.
    #[inline]
    pub(crate) fn resolve(self, atoms: &'a [Atom]) -> Result<Cow<'a, str>, Wrong> {
        match self {
            Text::Utf8(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if Atom::fits(text) => Ok(Cow::Borrowed(text)),
                Ok(_) => Err("atom (over 255 characters)"),
                Err(_) => Err("atom (not UTF-8)"),
            },
            Text::Latin1(bytes) if bytes.len() > MAX_ATOM_CHARS => Err("atom (over 255 characters)"),
            Text::Latin1(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => Ok(Cow::Borrowed(text)),
                _ => Ok(Cow::Owned(latin1(bytes))),
            },
            Text::Cached(index) => match atoms.get(usize::from(index)) {
                Some(atom) => Ok(Cow::Borrowed(atom.as_str())),
                None => Err("atom cache reference"),
            },
        }
    }

    /// The atom, checked.
    #[inline]
    pub(crate) fn to_atom(self, atoms: &[Atom]) -> Result<Atom, Wrong> {
        match self {
            Text::Cached(index) => atoms.get(usize::from(index)).cloned().ok_or("atom cache reference"),
            _ => self.resolve(&[]).map(|text| Atom::make(&text)),
        }
    }

    /// True if it is this text. Bytes that are not a legal atom are never equal.
    #[inline]
    pub(crate) fn is(self, text: &str, atoms: &[Atom]) -> bool {
        match self {
            Text::Utf8(bytes) => bytes == text.as_bytes(),
            Text::Latin1(bytes) if text.is_ascii() => bytes == text.as_bytes(),
            Text::Latin1(bytes) => latin1(bytes) == text,
            Text::Cached(index) => atoms.get(usize::from(index)).is_some_and(|atom| *atom == *text),
        }
    }
}

/// The first `n` bytes.
#[inline]
pub(crate) fn take(s: &[u8], n: usize) -> Parsed<'_, &[u8]> {
    s.split_at_checked(n).ok_or("term (cut short)")
}

/// The first `N` bytes as an array.
#[inline]
pub(crate) fn array<const N: usize>(s: &[u8]) -> Parsed<'_, &[u8; N]> {
    s.split_first_chunk().ok_or("term (cut short)")
}

/// A big-endian u16.
#[inline]
pub(crate) fn u16(s: &[u8]) -> Parsed<'_, usize> {
    let (bytes, rest) = array(s)?;
    Ok((usize::from(u16::from_be_bytes(*bytes)), rest))
}

/// A big-endian u32.
#[inline]
pub(crate) fn u32(s: &[u8]) -> Parsed<'_, u32> {
    let (bytes, rest) = array(s)?;
    Ok((u32::from_be_bytes(*bytes), rest))
}

/// A big-endian u32 as a length or count.
#[inline]
pub(crate) fn len32(s: &[u8]) -> Parsed<'_, usize> {
    let (len, rest) = u32(s)?;
    Ok((len as usize, rest)) // usize has at least 32 bits wherever std has sockets
}

/// An atom of any tag.
#[inline]
pub(crate) fn atom(s: &[u8]) -> Parsed<'_, Text<'_>> {
    match *s {
        [tag::SMALL_ATOM_UTF8, len, ref rest @ ..] => {
            take(rest, usize::from(len)).map(|(text, rest)| (Text::Utf8(text), rest))
        }
        [tag::ATOM_CACHE_REF, index, ref rest @ ..] => Ok((Text::Cached(index), rest)),
        _ => rare_atom(s),
    }
}

/// A short ASCII atom of the usual tag, with enough bytes after its head to load its text at once.
#[inline(always)]
pub(crate) fn short_atom(s: &[u8]) -> Option<(Short, &[u8])> {
    let [tag::SMALL_ATOM_UTF8, len, ref text @ ..] = *s else { return None };
    let (window, _) = text.split_first_chunk::<WINDOW>()?;
    let atom = Short::new(window, len)?;
    Some((atom, text.get(usize::from(len)..)?))
}

/// Node and the `N` bytes after it of an id whose node is a short atom.
#[inline(always)]
pub(crate) fn short_id<const N: usize>(s: &[u8]) -> Option<(Short, &[u8; N], &[u8])> {
    let (node, s) = short_atom(s)?;
    let (numbers, s) = s.split_first_chunk()?;
    Some((node, numbers, s))
}

fn rare_atom(s: &[u8]) -> Parsed<'_, Text<'_>> {
    match *s {
        [tag::ATOM_UTF8, a, b, ref rest @ ..] => {
            take(rest, usize::from(u16::from_be_bytes([a, b]))).map(|(text, rest)| (Text::Utf8(text), rest))
        }
        [tag::SMALL_ATOM, len, ref rest @ ..] => {
            take(rest, usize::from(len)).map(|(text, rest)| (Text::Latin1(text), rest))
        }
        [tag::ATOM, a, b, ref rest @ ..] => {
            take(rest, usize::from(u16::from_be_bytes([a, b]))).map(|(text, rest)| (Text::Latin1(text), rest))
        }
        _ => Err("atom"),
    }
}

/// True for the tags of atoms.
#[inline]
pub(crate) fn is_atom_tag(tag: u8) -> bool {
    matches!(tag, tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::ATOM_CACHE_REF | tag::SMALL_ATOM | tag::ATOM)
}

/// The parts of a pid.
#[derive(Clone, Copy)]
pub(crate) struct PidParts<'a> {
    pub node: Text<'a>,
    pub id: u32,
    pub serial: u32,
    pub creation: u32,
}

/// A pid, from its tag on.
#[inline]
pub(crate) fn pid(s: &[u8]) -> Parsed<'_, PidParts<'_>> {
    let (&tag, s) = s.split_first().ok_or("pid")?;
    let (node, s) = atom(s)?;
    let (&[a, b, c, d, e, f, g, h], s) = array(s)?;
    let (creation, s) = if tag == tag::NEW_PID { u32(s)? } else { old_creation(s)? };
    let id = u32::from_be_bytes([a, b, c, d]);
    let serial = u32::from_be_bytes([e, f, g, h]);
    Ok((PidParts { node, id, serial, creation }, s))
}

fn old_creation(s: &[u8]) -> Parsed<'_, u32> {
    match s {
        [creation, rest @ ..] if *creation <= MAX_OLD_CREATION => Ok((u32::from(*creation), rest)),
        [] => Err("term (cut short)"),
        _ => Err("creation (over 3 in an old tag)"),
    }
}

/// Node, number and creation of a port, from its tag on.
pub(crate) fn port(s: &[u8]) -> Parsed<'_, (Text<'_>, u64, u32)> {
    let (&tag, s) = s.split_first().ok_or("port")?;
    let (node, s) = atom(s)?;
    let (id, s) = if tag == tag::V4_PORT {
        let (bytes, s) = array(s)?;
        (u64::from_be_bytes(*bytes), s)
    } else {
        let (id, s) = u32(s)?;
        (u64::from(id), s)
    };
    let (creation, s) = if tag == tag::PORT { old_creation(s)? } else { u32(s)? };
    Ok(((node, id, creation), s))
}

/// The parts of a reference; its words as bytes.
#[derive(Clone, Copy)]
pub(crate) struct ReferenceParts<'a> {
    pub node: Text<'a>,
    pub creation: u32,
    words: &'a [u8],
}

impl ReferenceParts<'_> {
    pub(crate) fn words(&self) -> ([u32; MAX_REFERENCE_WORDS], usize) {
        let mut words = [0; MAX_REFERENCE_WORDS];
        let mut len = 0;
        for (word, bytes) in words.iter_mut().zip(self.words.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
            len += 1;
        }
        (words, len)
    }
}

/// A reference, from its tag on.
pub(crate) fn reference(s: &[u8]) -> Parsed<'_, ReferenceParts<'_>> {
    let (&tag, s) = s.split_first().ok_or("reference")?;
    if tag == tag::REFERENCE {
        let (node, s) = atom(s)?;
        let (words, s) = take(s, 4)?;
        let (creation, s) = old_creation(s)?;
        return Ok((ReferenceParts { node, creation, words }, s));
    }
    let (count, s) = u16(s)?;
    if count > MAX_REFERENCE_WORDS {
        return Err("reference (over 5 words)");
    }
    let (node, s) = atom(s)?;
    let (creation, s) = if tag == tag::NEWER_REFERENCE { u32(s)? } else { old_creation(s)? };
    let (words, s) = take(s, count * 4)?;
    Ok((ReferenceParts { node, creation, words }, s))
}

/// `113 module function arity`, from its tag on.
pub(crate) fn export(s: &[u8]) -> Parsed<'_, (Text<'_>, Text<'_>, u8)> {
    let (_, s) = take(s, 1)?;
    let (module, s) = atom(s)?;
    let (function, s) = atom(s)?;
    let (arity, s) = fixed_integer(s)?;
    if !(0..=MAX_ARITY).contains(&i64::from(arity)) {
        return Err("fun (arity over 255)");
    }
    Ok(((module, function, arity as u8), s))
}

/// An integer of tag 97 or 98, as the fixed places of funs want it.
pub(crate) fn fixed_integer(s: &[u8]) -> Parsed<'_, i32> {
    match *s {
        [tag::SMALL_INTEGER, value, ref rest @ ..] => Ok((i32::from(value), rest)),
        [tag::INTEGER, a, b, c, d, ref rest @ ..] => Ok((i32::from_be_bytes([a, b, c, d]), rest)),
        _ => Err("fun (integer expected)"),
    }
}

/// What stands in front of the free variables of a fun.
pub(crate) struct FunHead<'a> {
    pub arity: u8,
    pub module: Text<'a>,
    pub old_index: i32,
    pub old_uniq: i32,
    pub node: Text<'a>,
    pub free: usize,
}

/// Bytes of a fun between its tag and the module: Size, Arity, Uniq, Index, NumFree.
const FUN_FIXED: usize = 4 + 1 + 16 + 4 + 4;

/// The head of a fun, from its tag on; its free variables follow. Size is ignored: OTP wrote wrong ones.
pub(crate) fn fun(s: &[u8]) -> Parsed<'_, FunHead<'_>> {
    let (_, s) = take(s, 1)?;
    let (fixed, s) = array::<FUN_FIXED>(s)?;
    let [_, _, _, _, arity, .., a, b, c, d] = *fixed;
    let free = u32::from_be_bytes([a, b, c, d]) as usize;
    if free > MAX_FREE {
        return Err("fun (over 255 free variables)");
    }
    let (module, s) = atom(s)?;
    let (old_index, s) = fixed_integer(s)?;
    let (old_uniq, s) = fixed_integer(s)?;
    if !matches!(s.first(), Some(&(tag::NEW_PID | tag::PID))) {
        return Err("fun (pid expected)");
    }
    let (creator, s) = pid(s)?;
    Ok((FunHead { arity, module, old_index, old_uniq, node: creator.node, free }, s))
}

/// What stands in front of the values of a native record.
pub(crate) struct RecordHead<'a> {
    /// Number of values, and of atoms in `names` after module and name.
    pub fields: usize,
    /// Module, name and fields: encoded atoms.
    pub names: &'a [u8],
}

/// The head of a native record, from its tag on; its values follow.
pub(crate) fn record(s: &[u8]) -> Parsed<'_, RecordHead<'_>> {
    let (_, s) = take(s, 1)?;
    let (fields, s) = len32(s)?;
    let (&[flags], names) = array(s)?;
    if flags > 1 {
        return Err("record (flags)");
    }
    if fields > names.len() {
        return Err("record (more fields than bytes)");
    }
    let mut s = names;
    for _ in 0..fields + 2 {
        (_, s) = atom(s)?;
    }
    let names = names.get(..names.len() - s.len()).unwrap_or_default();
    Ok((RecordHead { fields, names }, s))
}

/// A float that a BEAM accepts, of tag 70.
#[inline]
pub(crate) fn finite(bytes: [u8; 8]) -> Result<f64, Wrong> {
    let value = f64::from_be_bytes(bytes);
    if value.is_finite() {
        Ok(value)
    } else {
        Err("float (not a number)")
    }
}

/// The 31 bytes of an old float: C's `%.20e`, then zero bytes.
pub(crate) fn old_float(text: &[u8; 31]) -> Result<f64, Wrong> {
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    let text = std::str::from_utf8(text.get(..end).unwrap_or_default()).unwrap_or_default();
    match text.parse::<f64>() {
        // `parse` also takes "inf", "nan" and integers, and a BEAM does not.
        Ok(value) if value.is_finite() && text.contains('.') => Ok(value),
        _ => Err("float"),
    }
}

/// Data and bits of a bit string, from its tag on; 8 bits mean a binary.
pub(crate) fn bitstring(s: &[u8]) -> Parsed<'_, (&[u8], u8)> {
    let (_, s) = take(s, 1)?;
    let (len, s) = len32(s)?;
    let (&[bits], s) = array(s)?;
    if len == 0 || !(1..=8).contains(&bits) {
        return Err("bit string (bits in the last byte)");
    }
    let (data, s) = take(s, len)?;
    Ok(((data, bits), s))
}

/// Sign and little-endian magnitude of a big integer of either tag, from its tag on.
pub(crate) fn big(s: &[u8]) -> Parsed<'_, (bool, &[u8])> {
    let (len, s) = match *s {
        [tag::SMALL_BIG, len, ref rest @ ..] => (usize::from(len), rest),
        _ => len32(take(s, 1)?.1)?,
    };
    if len > tag::MAX_BIG_BYTES {
        return Err("integer (over 524280 bytes)");
    }
    let (&[sign], s) = array(s)?;
    let (magnitude, s) = take(s, len)?;
    Ok(((sign != 0, magnitude), s))
}

/// An integer of 1 to 8 bytes that fits, with bytes after it so that all 8 can be loaded at once.
#[inline]
pub(crate) fn short_big(s: &[u8]) -> Option<(i64, &[u8])> {
    let [tag::SMALL_BIG, len @ 1..=8, sign, ref magnitude @ ..] = *s else { return None };
    let (bytes, _) = magnitude.split_first_chunk::<8>()?;
    let value = u64::from_le_bytes(*bytes) & (u64::MAX >> (64 - 8 * u32::from(len)));
    let rest = magnitude.get(usize::from(len)..)?;
    let value = i64::try_from(value).ok()?;
    Some((if sign == 0 { value } else { -value }, rest))
}
