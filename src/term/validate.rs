//! Checking one encoded term in full without building it: everything [`Term::decode`](super::Term::decode) refuses
//! is refused here. Used on bytes from a caller before a peer sees them; a BEAM drops the link on a bad one.
//!
//! Keys of maps are compared by their digests, see `digest`.

use std::borrow::Cow;

use super::digest::{self, Digest};
use super::skip::{self, WrongAt};
use super::tag;
use super::wire::{self, Wrong};
use super::Atom;
use crate::error::{push, room, Malformed};

/// Length of the one term at the start of `bytes`, in which tag 82 refers to `atoms`; what follows is not looked at.
///
/// # Errors
/// What a BEAM would refuse, and where.
pub fn validate(bytes: &[u8], atoms: &[Atom]) -> Result<usize, Malformed> {
    check(bytes, atoms).map_err(|(what, offset)| Malformed::new(what, offset))
}

/// A container whose elements are being checked.
struct Open {
    /// Elements still to come.
    left: usize,
    /// Where the digests of its keys begin, if it is a map.
    keys: Option<usize>,
}

/// As [`validate`], with the complaint in pieces.
pub(crate) fn check(bytes: &[u8], atoms: &[Atom]) -> Result<usize, WrongAt> {
    match flat(bytes, atoms.len()) {
        Some(length) => Ok(length),
        None => check_all(bytes, atoms),
    }
}

/// The short way for most messages: usual leaves in small tuples and lists need no stack. `None` at anything else, wrong or not.
fn flat(bytes: &[u8], atoms: usize) -> Option<usize> {
    let mut s = bytes;
    let mut owed = 1usize;
    while owed > 0 {
        (s, owed) = match *s {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => (rest, owed - 1 + usize::from(arity)),
            [tag::LIST, a, b, c, d, ref rest @ ..] => {
                let elements = u32::from_be_bytes([a, b, c, d]) as usize;
                // Each takes a byte, and so does the tail.
                (elements < rest.len()).then_some(())?;
                (rest, owed + elements)
            }
            [tag::ATOM_CACHE_REF, index, ref rest @ ..] if usize::from(index) < atoms => (rest, owed - 1),
            // The quick test for atoms in `leaf` wants more bytes than the end of a short message has.
            [tag::SMALL_ATOM_UTF8, len, ref rest @ ..] => {
                let (text, rest) = rest.split_at_checked(usize::from(len))?;
                (text.is_ascii().then_some(rest)?, owed - 1)
            }
            _ => (leaf(s)?, owed - 1),
        };
    }
    Some(bytes.len() - s.len())
}

fn check_all(bytes: &[u8], atoms: &[Atom]) -> Result<usize, WrongAt> {
    let mut s = bytes;
    let mut stack = Vec::new();
    let mut top = Open { left: 1, keys: None };
    let mut owed = 0usize; // elements still to come in the containers on the stack
    let mut keys: Vec<Digest> = Vec::new();
    loop {
        let at = |wrong| (wrong, bytes.len() - s.len());
        if top.keys.is_none() {
            (s, top.left) = leaves(s, top.left);
        }
        if top.left == 0 {
            if let Some(start) = top.keys {
                if digest::has_twins(keys.get_mut(start..).unwrap_or_default()) {
                    return Err(at("map (a key comes twice)"));
                }
                keys.truncate(start);
            }
            let Some(outer) = stack.pop() else { return Ok(bytes.len() - s.len()) };
            top = outer;
            owed -= top.left;
            continue;
        }
        top.left -= 1;
        if top.keys.is_some() && top.left % 2 == 1 {
            if let Some((digest, rest)) = digest::short_atom(s) {
                push(&mut keys, digest);
                s = rest;
                continue;
            }
            let (digest, len) = digest::digest(s, atoms)
                .map_err(|(wrong, offset)| (wrong, offset + bytes.len() - s.len()))?;
            push(&mut keys, digest);
            s = s.get(len..).unwrap_or_default();
            continue;
        }
        if let Some(rest) = leaf(s) {
            s = rest;
            continue;
        }
        let (len, elements) = skip::item(s).map_err(at)?;
        let (item, rest) = wire::take(s, len).map_err(at)?;
        if !matches!(item.first(), Some(&(tag::SMALL_TUPLE | tag::LIST | tag::MAP))) {
            check_item(item, atoms).map_err(at)?;
        }
        if elements > 0 {
            owed += top.left;
            if elements > rest.len().saturating_sub(owed) {
                return Err(at("term (more elements than bytes)"));
            }
            let is_map = item.first() == Some(&tag::MAP);
            let inner = Open { left: elements, keys: is_map.then_some(keys.len()) };
            push(&mut stack, std::mem::replace(&mut top, inner));
        }
        s = rest;
    }
}

/// Steps over up to `left` of the most usual leaves, as far as they are right.
#[inline]
fn leaves(mut s: &[u8], mut left: usize) -> (&[u8], usize) {
    while left > 0 {
        match leaf(s) {
            Some(rest) => s = rest,
            None => break,
        }
        left -= 1;
    }
    (s, left)
}

/// Steps over one of the most usual leaves, if it is right.
#[inline(always)]
pub(super) fn leaf(s: &[u8]) -> Option<&[u8]> {
    match *s {
        [tag::SMALL_INTEGER, _, ref rest @ ..] => Some(rest),
        [tag::INTEGER, _, _, _, _, ref rest @ ..] => Some(rest),
        [tag::NIL, ref rest @ ..] => Some(rest),
        [tag::NEW_FLOAT, a, b, _, _, _, _, _, _, ref rest @ ..] => {
            let finite = a & 0x7f != 0x7f || b < 0xf0;
            finite.then_some(rest)
        }
        [tag::BINARY, a, b, c, d, ref rest @ ..] => rest.get(u32::from_be_bytes([a, b, c, d]) as usize..),
        [tag::SMALL_ATOM_UTF8, ..] => wire::short_atom(s).map(|(_, rest)| rest),
        [tag::NEW_PID, ref body @ ..] => wire::short_id::<12>(body).map(|(_, _, rest)| rest),
        [tag::NEWER_REFERENCE, 0, 3, ref body @ ..] => wire::short_id::<16>(body).map(|(_, _, rest)| rest),
        _ => None,
    }
}

/// Checks what `skip` does not look at: text, floats, fields. The item is structurally right.
pub(crate) fn check_item(item: &[u8], atoms: &[Atom]) -> Result<(), Wrong> {
    match item {
        [tag::NEW_FLOAT, bytes @ ..] => wire::finite(*wire::array(bytes)?.0).map(drop),
        [tag::FLOAT, text @ ..] => wire::old_float(wire::array(text)?.0).map(drop),
        [tag::SMALL_ATOM_UTF8, _, text @ ..] if text.is_ascii() => Ok(()),
        [tag, ..] if wire::is_atom_tag(*tag) => wire::atom(item)?.0.resolve(atoms).map(drop),
        [tag::SMALL_BIG | tag::LARGE_BIG, ..] => wire::big(item).map(drop),
        [tag::NEW_PID | tag::PID, ..] => wire::pid(item)?.0.node.resolve(atoms).map(drop),
        [tag::V4_PORT | tag::NEW_PORT | tag::PORT, ..] => wire::port(item)?.0 .0.resolve(atoms).map(drop),
        [tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE, ..] => {
            wire::reference(item)?.0.node.resolve(atoms).map(drop)
        }
        [tag::EXPORT, ..] => {
            let ((module, function, _), _) = wire::export(item)?;
            module.resolve(atoms)?;
            function.resolve(atoms).map(drop)
        }
        [tag::NEW_FUN, ..] => {
            let (head, _) = wire::fun(item)?;
            head.module.resolve(atoms)?;
            head.node.resolve(atoms).map(drop)
        }
        [tag::RECORD, ..] => {
            let mut fields = record_names(item, atoms)?.split_off(2);
            fields.sort_unstable();
            match fields.windows(2).any(|two| two[0] == two[1]) {
                true => Err("record (a field comes twice)"),
                false => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Module, name and fields of a native record; at least two.
pub(crate) fn record_names<'a>(item: &'a [u8], atoms: &'a [Atom]) -> Result<Vec<Cow<'a, str>>, Wrong> {
    let (head, _) = wire::record(item)?;
    let mut names = room(head.fields + 2); // each is there, with two bytes at least
    let mut s = head.names;
    while !s.is_empty() {
        let (text, rest) = wire::atom(s)?;
        names.push(text.resolve(atoms)?);
        s = rest;
    }
    if names.len() < 2 {
        return Err("record");
    }
    Ok(names)
}
