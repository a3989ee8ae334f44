//! Digests of encoded terms: 128 bits that are the same for every spelling of equal (`=:=`) terms.
//!
//! They find the key that comes twice in a map without building the keys. Unequal keys with equal digests would be
//! refused too; by chance that does not happen, and by intent it hurts only whoever made the map.
//! While it walks, everything is checked as by `validate`, also the keys of maps inside of the key.

use super::atom::Short;
use super::integer;
use super::skip::{self, WrongAt};
use super::tag;
use super::validate::{check_item, record_names};
use super::wire::{self, Wrong};
use super::Atom;
use crate::error::push;

/// A digest; its halves differ in their multiplier.
pub(crate) type Digest = [u64; 2];

/// True if two of these are equal. May sort them.
pub(crate) fn has_twins(digests: &mut [Digest]) -> bool {
    /// Up to here comparing each with each is faster.
    const FEW: usize = 8;
    if digests.len() <= FEW {
        return digests
            .iter()
            .enumerate()
            .any(|(n, one)| digests.iter().skip(n + 1).any(|other| one == other));
    }
    digests.sort_unstable();
    digests.windows(2).any(|two| two[0] == two[1])
}

/// What kind of term a digest is of; it is mixed in first.
#[derive(Clone, Copy)]
enum Kind {
    Int = 1,
    Big,
    Float,
    Atom,
    Binary,
    BitString,
    List,
    Tail,
    Tuple,
    Map,
    Pair,
    Pid,
    Port,
    Reference,
    Export,
    Fun,
    Record,
}

fn seed(kind: Kind, count: usize) -> Digest {
    mix(mix([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344], kind as u64), count as u64)
}

#[inline]
fn mix(digest: Digest, word: u64) -> Digest {
    let fold = |half: u64, multiplier: u64| {
        let product = u128::from(half.rotate_left(23) ^ word) * u128::from(multiplier);
        (product as u64) ^ (product >> 64) as u64 ^ half
    };
    // Odd numbers without pattern: digits of pi.
    [fold(digest[0], 0xa409_3822_299f_31d1), fold(digest[1], 0x082e_fa98_ec4e_6c89)]
}

/// Digest of the short ASCII atom of the usual tag at the front, and what follows it.
#[inline]
pub(crate) fn short_atom(s: &[u8]) -> Option<(Digest, &[u8])> {
    let (text, rest) = wire::short_atom(s)?;
    Some((text.as_digest()?, rest))
}

/// Digest of an atom. The most usual ones are their own digest.
fn atom(text: &[u8]) -> Digest {
    Short::from_text(text).and_then(Short::as_digest).unwrap_or_else(|| mix_bytes(seed(Kind::Atom, 0), text))
}

fn mix_digest(digest: Digest, other: Digest) -> Digest {
    mix(mix(digest, other[0]), other[1])
}

fn mix_bytes(mut digest: Digest, bytes: &[u8]) -> Digest {
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk() {
        digest = mix(digest, u64::from_le_bytes(*word));
        rest = after;
    }
    let rest = rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte));
    mix(mix(digest, rest), bytes.len() as u64)
}

/// A container whose elements are being added up.
struct Open {
    kind: Kind,
    /// Elements still to come, with the tail of a list.
    left: usize,
    sum: Digest,
    /// Of a map: the key that waits for its value, and where the digests of its keys begin.
    key: Digest,
    keys: usize,
}

impl Open {
    fn new(kind: Kind, left: usize, sum: Digest, keys: usize) -> Open {
        Open { kind, left, sum, key: [0; 2], keys }
    }

    fn add(&mut self, digest: Digest, keys: &mut Vec<Digest>) {
        match self.kind {
            Kind::Map if self.left % 2 == 1 => {
                push(keys, digest);
                self.key = digest;
            }
            Kind::Map => {
                // Pairs come in any order, so they are added and not chained.
                let pair = mix_digest(mix_digest(seed(Kind::Pair, 0), self.key), digest);
                self.sum = [self.sum[0].wrapping_add(pair[0]), self.sum[1].wrapping_add(pair[1])];
            }
            _ => self.sum = mix_digest(self.sum, digest),
        }
    }
}

/// Digest and length of the term at the front.
pub(crate) fn digest(bytes: &[u8], atoms: &[Atom]) -> Result<(Digest, usize), WrongAt> {
    let mut s = bytes;
    let mut owed = 1usize;
    let mut keys = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    loop {
        let at = |wrong| (wrong, bytes.len() - s.len());
        let (len, elements) = skip::item(s).map_err(at)?;
        let (item, rest) = wire::take(s, len).map_err(at)?;
        check_item(item, atoms).map_err(at)?;
        owed = owed - 1 + elements;
        if owed > rest.len() {
            return Err(at("term (more elements than bytes)"));
        }
        s = rest;
        if let [tag::LIST, 0, 0, 0, 0] = item {
            continue; // its tail stands for it
        }
        let mut done = match stack.last_mut() {
            Some(top) if matches!(top.kind, Kind::List) && top.left == 1 => match item.first() {
                Some(&tag::LIST) => {
                    top.left = elements;
                    continue;
                }
                Some(&tag::NIL) => {
                    top.left = 0;
                    None
                }
                Some(&tag::STRING) => {
                    top.sum = add_string(top.sum, item);
                    top.left = 0;
                    None
                }
                _ => {
                    top.sum = mix(top.sum, Kind::Tail as u64);
                    term(item, elements, atoms, &mut stack, keys.len()).map_err(at)?
                }
            },
            _ => term(item, elements, atoms, &mut stack, keys.len()).map_err(at)?,
        };
        // Give the digest of what is complete to what it is an element of.
        loop {
            if let Some(digest) = done.take() {
                let Some(top) = stack.last_mut() else { return Ok((digest, bytes.len() - s.len())) };
                top.left -= 1;
                top.add(digest, &mut keys);
            }
            match stack.last() {
                Some(top) if top.left == 0 => {}
                _ => break,
            }
            if let Some(closed) = stack.pop() {
                if matches!(closed.kind, Kind::Map) {
                    if has_twins(keys.get_mut(closed.keys..).unwrap_or_default()) {
                        return Err(at("map (a key comes twice)"));
                    }
                    keys.truncate(closed.keys);
                }
                done = Some(mix(closed.sum, Kind::Tail as u64));
            }
        }
    }
}

/// The digest of a leaf; a container is opened instead.
fn term(
    item: &[u8],
    elements: usize,
    atoms: &[Atom],
    stack: &mut Vec<Open>,
    keys: usize,
) -> Result<Option<Digest>, Wrong> {
    let (kind, sum) = match item.first() {
        Some(&tag::LIST) => (Kind::List, seed(Kind::List, 0)),
        Some(&(tag::SMALL_TUPLE | tag::LARGE_TUPLE)) => (Kind::Tuple, seed(Kind::Tuple, elements)),
        Some(&tag::MAP) => (Kind::Map, seed(Kind::Map, elements)),
        Some(&tag::NEW_FUN) => (Kind::Fun, fun_head(item, atoms)?),
        Some(&tag::RECORD) => (Kind::Record, record_head(item, atoms)?),
        _ => return leaf(item, atoms).map(Some),
    };
    push(stack, Open::new(kind, elements, sum, keys));
    Ok(None)
}

fn add_string(sum: Digest, item: &[u8]) -> Digest {
    let bytes = item.get(3..).unwrap_or_default();
    bytes.iter().fold(sum, |sum, &byte| mix_digest(sum, int(i64::from(byte))))
}

fn int(value: i64) -> Digest {
    mix(seed(Kind::Int, 0), value as u64)
}

fn fun_head(item: &[u8], atoms: &[Atom]) -> Result<Digest, Wrong> {
    let (head, _) = wire::fun(item)?;
    // All that follows Size, but atoms may be spelt in several ways.
    let fixed = mix_bytes(seed(Kind::Fun, head.free), item.get(5..30).unwrap_or_default());
    let named = mix_bytes(fixed, head.module.resolve(atoms)?.as_bytes());
    Ok(mix_bytes(named, head.node.resolve(atoms)?.as_bytes()))
}

fn record_head(item: &[u8], atoms: &[Atom]) -> Result<Digest, Wrong> {
    let names = record_names(item, atoms)?;
    Ok(names.iter().fold(seed(Kind::Record, names.len()), |sum, name| mix_bytes(sum, name.as_bytes())))
}

fn leaf(item: &[u8], atoms: &[Atom]) -> Result<Digest, Wrong> {
    let Some(&tag) = item.first() else { return Err("term (cut short)") };
    Ok(match tag {
        tag::SMALL_INTEGER | tag::INTEGER => int(i64::from(wire::fixed_integer(item)?.0)),
        tag::SMALL_BIG | tag::LARGE_BIG => {
            let ((negative, magnitude), _) = wire::big(item)?;
            match integer::to_i64(negative, magnitude) {
                Some(value) => int(value),
                None => mix_bytes(seed(Kind::Big, usize::from(negative)), integer::trim(magnitude)),
            }
        }
        tag::NEW_FLOAT => {
            let value = wire::finite(*wire::array(item.get(1..).unwrap_or_default())?.0)?;
            mix(seed(Kind::Float, 0), value.to_bits())
        }
        tag::FLOAT => {
            let value = wire::old_float(wire::array(item.get(1..).unwrap_or_default())?.0)?;
            mix(seed(Kind::Float, 0), value.to_bits())
        }
        tag if wire::is_atom_tag(tag) => atom(wire::atom(item)?.0.resolve(atoms)?.as_bytes()),
        tag::NIL => mix(seed(Kind::List, 0), Kind::Tail as u64),
        tag::STRING => mix(add_string(seed(Kind::List, 0), item), Kind::Tail as u64),
        tag::BINARY => mix_bytes(seed(Kind::Binary, 0), item.get(5..).unwrap_or_default()),
        tag::BIT_BINARY => match wire::bitstring(item)?.0 {
            (data, 8) => mix_bytes(seed(Kind::Binary, 0), data),
            (data, bits) => {
                let (last, whole) = data.split_last().ok_or("bit string")?;
                let sum = mix_bytes(seed(Kind::BitString, usize::from(bits)), whole);
                mix(sum, u64::from(last >> (8 - bits)))
            }
        },
        tag::NEW_PID | tag::PID => {
            let (pid, _) = wire::pid(item)?;
            let sum = mix_bytes(seed(Kind::Pid, 0), pid.node.resolve(atoms)?.as_bytes());
            [pid.id, pid.serial, pid.creation].iter().fold(sum, |sum, &word| mix(sum, u64::from(word)))
        }
        tag::V4_PORT | tag::NEW_PORT | tag::PORT => {
            let ((node, id, creation), _) = wire::port(item)?;
            let sum = mix_bytes(seed(Kind::Port, 0), node.resolve(atoms)?.as_bytes());
            mix(mix(sum, id), u64::from(creation))
        }
        tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
            let (parts, _) = wire::reference(item)?;
            let (words, len) = parts.words();
            let sum = mix_bytes(seed(Kind::Reference, len), parts.node.resolve(atoms)?.as_bytes());
            let sum = mix(sum, u64::from(parts.creation));
            words.iter().fold(sum, |sum, &word| mix(sum, u64::from(word)))
        }
        tag::EXPORT => {
            let ((module, function, arity), _) = wire::export(item)?;
            let sum = mix_bytes(seed(Kind::Export, usize::from(arity)), module.resolve(atoms)?.as_bytes());
            mix_bytes(sum, function.resolve(atoms)?.as_bytes())
        }
        _ => return Err("tag"),
    })
}
