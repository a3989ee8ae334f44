//! Walking over terms without looking into them.
//!
//! One counter of items still owed replaces the stack: a tuple of n adds n items, whatever their depth. The count
//! may never exceed the bytes left, so an announced size costs nothing. Runs of items of one size, such as a list of
//! ten thousand floats, are crossed by comparing their first bytes at a stride.

use super::tag;
use super::wire::{self, Wrong};

/// What is wrong, and where.
pub(crate) type WrongAt = (Wrong, usize);

/// Items below this are not worth looking for a run.
const RUN: usize = 8;

/// Position after `owed` terms that begin at `pos`, by structure alone: text, floats and keys are not checked.
pub(crate) fn skip(bytes: &[u8], pos: usize, mut owed: usize) -> Result<usize, WrongAt> {
    let mut s = bytes.get(pos..).unwrap_or_default();
    while owed > 0 {
        let at = |wrong| (wrong, bytes.len() - s.len());
        let (rest, more) = match quick(s) {
            Some(stepped) => stepped,
            None => {
                let (len, more) = item(s).map_err(at)?;
                (s.get(len..).unwrap_or_default(), more)
            }
        };
        owed -= 1;
        if more > 0 {
            owed += more;
            if owed > rest.len() {
                return Err(at("term (more elements than bytes)"));
            }
        } else if owed >= RUN && rest.first() == s.first() {
            let len = s.len() - rest.len();
            let crossed = run(s, len, owed);
            s = rest.get(crossed * len..).unwrap_or_default();
            owed -= crossed;
            continue;
        }
        s = rest;
    }
    Ok(bytes.len() - s.len())
}

/// The usual items in their usual form: what follows, and the number of elements.
#[inline(always)]
fn quick(s: &[u8]) -> Option<(&[u8], usize)> {
    match *s {
        [tag::SMALL_INTEGER, _, ref rest @ ..] => Some((rest, 0)),
        [tag::INTEGER, _, _, _, _, ref rest @ ..] => Some((rest, 0)),
        [tag::NEW_FLOAT, _, _, _, _, _, _, _, _, ref rest @ ..] => Some((rest, 0)),
        [tag::NIL, ref rest @ ..] => Some((rest, 0)),
        [tag::SMALL_ATOM_UTF8, len, ref rest @ ..] => Some((rest.get(usize::from(len)..)?, 0)),
        [tag::SMALL_TUPLE, arity, ref rest @ ..] => Some((rest, usize::from(arity))),
        [tag::BINARY, a, b, c, d, ref rest @ ..] => {
            Some((rest.get(u32::from_be_bytes([a, b, c, d]) as usize..)?, 0))
        }
        _ => None,
    }
}

/// Bytes of the item at the front up to its elements, and the number of these.
#[inline]
pub(crate) fn item(s: &[u8]) -> Result<(usize, usize), Wrong> {
    let Some(&tag) = s.first() else { return Err("term (cut short)") };
    let len = match tag {
        tag::SMALL_INTEGER | tag::ATOM_CACHE_REF => 2,
        tag::INTEGER => 5,
        tag::NEW_FLOAT => 9,
        tag::NIL => 1,
        tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => 2 + byte(s, 1)?,
        tag::SMALL_BIG => 3 + byte(s, 1)?,
        tag::BINARY => 5 + word(s)?,
        tag::STRING | tag::ATOM | tag::ATOM_UTF8 => 3 + half(s)?,
        tag::SMALL_TUPLE => return Ok((2, byte(s, 1)?)),
        tag::LIST => return Ok((5, word(s)? + 1)),
        tag::LARGE_TUPLE => return Ok((5, word(s)?)),
        tag::MAP => return Ok((5, word(s)?.saturating_mul(2))),
        tag::NEW_PID => match *s {
            [_, tag::SMALL_ATOM_UTF8, len, ..] => 15 + usize::from(len),
            _ => return rare(s),
        },
        _ => return rare(s),
    };
    if len > s.len() {
        return Err("term (cut short)");
    }
    Ok((len, 0))
}

#[inline]
fn byte(s: &[u8], at: usize) -> Result<usize, Wrong> {
    s.get(at).map(|&byte| usize::from(byte)).ok_or("term (cut short)")
}

#[inline]
fn half(s: &[u8]) -> Result<usize, Wrong> {
    match *s {
        [_, a, b, ..] => Ok(usize::from(u16::from_be_bytes([a, b]))),
        _ => Err("term (cut short)"),
    }
}

#[inline]
fn word(s: &[u8]) -> Result<usize, Wrong> {
    match *s {
        [_, a, b, c, d, ..] => Ok(u32::from_be_bytes([a, b, c, d]) as usize),
        _ => Err("term (cut short)"),
    }
}

#[cold]
#[inline(never)]
fn rare(s: &[u8]) -> Result<(usize, usize), Wrong> {
    let len = |rest: &[u8]| s.len() - rest.len();
    Ok(match s.first() {
        Some(&tag::FLOAT) => (len(wire::take(s, 32)?.1), 0),
        Some(&tag::LARGE_BIG) => (len(wire::big(s)?.1), 0),
        Some(&tag::BIT_BINARY) => (len(wire::bitstring(s)?.1), 0),
        Some(&(tag::NEW_PID | tag::PID)) => (len(wire::pid(s)?.1), 0),
        Some(&(tag::V4_PORT | tag::NEW_PORT | tag::PORT)) => (len(wire::port(s)?.1), 0),
        Some(&(tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE)) => {
            (len(wire::reference(s)?.1), 0)
        }
        Some(&tag::EXPORT) => (len(wire::export(s)?.1), 0),
        Some(&tag::NEW_FUN) => {
            let (head, rest) = wire::fun(s)?;
            (len(rest), head.free)
        }
        Some(&tag::RECORD) => {
            let (head, rest) = wire::record(s)?;
            (len(rest), head.fields)
        }
        _ => return Err("tag"),
    })
}

/// How many of the `owed` items after the first one, which is `len` bytes, look the same from outside: the tag is the
/// same, and so is what follows it and decides the length.
#[inline]
pub(crate) fn run(s: &[u8], len: usize, owed: usize) -> usize {
    let after = s.get(len..).unwrap_or_default();
    // As many as can be there.
    let room = || after.get(..owed.min(after.len() / len) * len).unwrap_or_default();
    match (s, after) {
        ([tag::SMALL_INTEGER, ..], [tag::SMALL_INTEGER, ..]) => pairs(room(), tag::SMALL_INTEGER),
        ([tag::INTEGER, ..], [tag::INTEGER, ..]) => tags::<5>(room(), tag::INTEGER),
        ([tag::NEW_FLOAT, ..], [tag::NEW_FLOAT, ..]) => tags::<9>(room(), tag::NEW_FLOAT),
        ([tag::NIL, ..], [tag::NIL, ..]) => tags::<1>(room(), tag::NIL),
        ([tag::SMALL_ATOM_UTF8 | tag::SMALL_BIG, ..], _) => heads::<2>(s, room, len, after),
        ([tag::NEW_PID, tag::SMALL_ATOM_UTF8, ..], _) => heads::<3>(s, room, len, after),
        ([tag::BINARY, ..], _) => heads::<5>(s, room, len, after),
        _ => 0,
    }
}

/// Items of `len` bytes that begin with the same `N` bytes as `s`.
#[inline]
fn heads<'a, const N: usize>(s: &[u8], room: impl Fn() -> &'a [u8], len: usize, after: &[u8]) -> usize {
    match (s.first_chunk::<N>(), after.first_chunk::<N>()) {
        (Some(head), Some(next)) if head == next => {
            room().chunks_exact(len).take_while(|item| item.first_chunk() == Some(head)).count()
        }
        _ => 0,
    }
}

/// Items of two bytes that begin with this tag, sixteen at a time.
fn pairs(s: &[u8], tag: u8) -> usize {
    const BLOCK: usize = 32;
    let whole = s
        .chunks_exact(BLOCK)
        .take_while(|block| block.chunks_exact(2).fold(0, |odd, item| odd | (item[0] ^ tag)) == 0)
        .count();
    let rest = s.get(whole * BLOCK..).unwrap_or_default();
    whole * BLOCK / 2 + rest.chunks_exact(2).take_while(|item| item[0] == tag).count()
}

/// Items of `N` bytes that begin with this tag, eight at a time.
fn tags<const N: usize>(s: &[u8], tag: u8) -> usize {
    let block = N * 8;
    let whole = s
        .chunks_exact(block)
        .take_while(|block| block.chunks_exact(N).fold(0, |odd, item| odd | (item[0] ^ tag)) == 0)
        .count();
    let rest = s.get(whole * block..).unwrap_or_default();
    whole * 8 + rest.chunks_exact(N).take_while(|item| item[0] == tag).count()
}
