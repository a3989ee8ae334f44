//! Making encoded terms independent of the packet they came in: references to its atom section (tag 82) are
//! replaced by the atoms themselves.

use super::put;
use super::skip;
use super::tag;
use super::wire::{self, Text, Wrong};
use super::Atom;
use crate::error::{push, reserve, room, Malformed};

/// A copy of one valid term in which no tag 82 is left.
pub(crate) fn inline(bytes: &[u8], atoms: &[Atom]) -> Result<Vec<u8>, Wrong> {
    let spelled: usize = atoms.iter().map(|atom| atom.as_str().len() + 3).sum();
    let mut out = room(bytes.len() + spelled);
    if atoms.is_empty() {
        out.extend_from_slice(bytes); // tag 82 was refused when this was checked
        return Ok(out);
    }
    let mut s = bytes;
    let mut owed = 1usize;
    // Funs whose free variables are being copied: what is owed after them, and where they begin in `out`.
    let mut funs: Vec<(usize, usize)> = Vec::new();
    while owed > 0 {
        let (len, more) = skip::item(s)?;
        let (head, rest) = wire::take(s, len)?;
        owed -= 1;
        if head.first() == Some(&tag::NEW_FUN) {
            push(&mut funs, (owed, out.len()));
        }
        copy_item(head, atoms, &mut out)?;
        owed += more;
        s = rest;
        while let Some(&(_, start)) = funs.last().filter(|fun| fun.0 == owed) {
            set_fun_size(&mut out, start);
            funs.pop();
        }
    }
    Ok(out)
}

/// Size counts itself and all after it, but not the tag.
fn set_fun_size(out: &mut [u8], start: usize) {
    let size = u32::try_from(out.len() - start - 1).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start + 1..start + 5) {
        place.copy_from_slice(&size.to_be_bytes());
    }
}

/// One item up to its elements.
fn copy_item(item: &[u8], atoms: &[Atom], out: &mut Vec<u8>) -> Result<(), Wrong> {
    /// Bytes in front of the first atom.
    const FUN: usize = 1 + 29;
    const RECORD: usize = 1 + 5;
    let before = match item.first() {
        Some(&tag::ATOM_CACHE_REF) => 0,
        Some(&(tag::NEW_PID | tag::PID | tag::V4_PORT | tag::NEW_PORT | tag::PORT | tag::REFERENCE)) => 1,
        Some(&tag::EXPORT) => 1,
        Some(&(tag::NEWER_REFERENCE | tag::NEW_REFERENCE)) => 3,
        Some(&tag::NEW_FUN) => FUN,
        Some(&tag::RECORD) => RECORD,
        _ => {
            put::headed(out, [], item);
            return Ok(());
        }
    };
    let (head, mut s) = wire::take(item, before)?;
    put::headed(out, [], head);
    let atoms_in_a_row = match item.first() {
        Some(&tag::EXPORT) => 2,
        Some(&tag::RECORD) => usize::MAX, // up to the end
        _ => 1,
    };
    for _ in 0..atoms_in_a_row {
        if s.is_empty() {
            break;
        }
        s = copy_atom(s, atoms, out)?;
    }
    if item.first() == Some(&tag::NEW_FUN) {
        let (_, after) = wire::fixed_integer(s)?;
        let (_, after) = wire::fixed_integer(after)?;
        let (_, pid) = wire::take(after, 1)?;
        put::headed(out, [], s.get(..s.len() - pid.len()).unwrap_or_default());
        s = copy_atom(pid, atoms, out)?;
    }
    put::headed(out, [], s);
    Ok(())
}

fn copy_atom<'a>(s: &'a [u8], atoms: &[Atom], out: &mut Vec<u8>) -> Result<&'a [u8], Wrong> {
    let (text, rest) = wire::atom(s)?;
    match text {
        Text::Cached(index) => {
            put::atom(out, atoms.get(usize::from(index)).ok_or("atom cache reference")?.as_bytes());
        }
        _ => put::headed(out, [], s.get(..s.len() - rest.len()).unwrap_or_default()),
    }
    Ok(rest)
}

/// A copy of one valid term in which no tag 82 is left: what a packet carried, made independent of it.
///
/// # Errors
/// [`Malformed`] for a broken term. Text, floats and keys are not checked.
pub fn self_contained(bytes: &[u8], atoms: &[Atom]) -> Result<Vec<u8>, Malformed> {
    let wrong = |(what, offset)| Malformed::new(what, offset);
    match skip::skip(bytes, 0, 1).map_err(wrong)? {
        end if end == bytes.len() => inline(bytes, atoms).map_err(|what| Malformed::new(what, 0)),
        end => Err(Malformed::new("term (bytes after it)", end)),
    }
}

/// Checks the one term at the start of `bytes` as [`validate`](super::validate) does, and spells the atoms out that it
/// takes from `atoms`: its length, and a copy unless it takes none. One pass does for most messages.
///
/// # Errors
/// What a BEAM would refuse, and where.
pub fn settle(bytes: &[u8], atoms: &[Atom]) -> Result<(usize, Option<Vec<u8>>), Malformed> {
    if let Some(settled) = settle_flat(bytes, atoms) {
        return Ok(settled);
    }
    let length = super::validate(bytes, atoms)?;
    if atoms.is_empty() {
        return Ok((length, None));
    }
    let spelled = inline(bytes.get(..length).unwrap_or_default(), atoms);
    spelled.map(|copy| (length, Some(copy))).map_err(|what| Malformed::new(what, 0))
}

/// The short way: usual leaves in tuples and lists. `None` at anything else, wrong or not.
fn settle_flat(bytes: &[u8], atoms: &[Atom]) -> Option<(usize, Option<Vec<u8>>)> {
    let mut s = bytes;
    let mut owed = 1usize;
    let mut out: Vec<u8> = Vec::new();
    // What stands before this is in `out`.
    let mut copied = 0;
    while owed > 0 {
        owed -= 1;
        // Bytes in front of a reference to an atom, and behind it.
        let (before, after) = match *s {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => {
                owed += usize::from(arity);
                s = rest;
                continue;
            }
            [tag::LIST, a, b, c, d, ref rest @ ..] => {
                let elements = u32::from_be_bytes([a, b, c, d]) as usize;
                if elements >= rest.len() {
                    return None;
                }
                owed += elements + 1;
                s = rest;
                continue;
            }
            [tag::ATOM_CACHE_REF, ..] => (0, 0),
            [tag::NEW_PID, tag::ATOM_CACHE_REF, ..] => (1, 12),
            [tag::NEWER_REFERENCE, 0, 3, tag::ATOM_CACHE_REF, ..] => (3, 16),
            [tag::SMALL_ATOM_UTF8, len, ref rest @ ..] => {
                let (text, rest) = rest.split_at_checked(usize::from(len))?;
                text.is_ascii().then_some(())?;
                s = rest;
                continue;
            }
            _ => {
                s = super::validate::leaf(s)?;
                continue;
            }
        };
        let place = bytes.len() - s.len() + before;
        let atom = atoms.get(usize::from(*s.get(before + 1)?))?;
        s = s.get(before + 2 + after..)?;
        if out.capacity() == 0 {
            reserve(&mut out, bytes.len() + SPELLED);
        }
        put::headed(&mut out, [], bytes.get(copied..place)?);
        put::atom_term(&mut out, atom);
        copied = place + 2;
    }
    let length = bytes.len() - s.len();
    if copied == 0 {
        return Some((length, None));
    }
    put::headed(&mut out, [], bytes.get(copied..length)?);
    Some((length, Some(out)))
}

/// Room for the atoms of a usual message.
const SPELLED: usize = 64;
