//! How many different atoms a peer has got from us: it keeps each of them for ever, and its virtual machine ends at
//! 1,048,576. Warned at a tenth of the limit; beyond it, messages that would bring new ones are refused.
//!
//! Counted by 64-bit hashes: two atoms that share one count as one, which the limit can bear.
//! Always true: an atom that was counted left in a packet, or in one that ended the connection.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::atom_cache_out::hash;
use super::walk::walk;
use crate::error::{Error, Malformed, Result};
use crate::term::tag;

/// Atoms that one peer gets from us; a tenth of what its table holds, for we are not the only ones who send.
pub const DEFAULT_ATOM_LIMIT: usize = 100_000;

/// The part of the limit at which it is time to warn.
const WARN_PART: usize = 10;

/// The atoms that one life of a peer got from us; it outlives the connections to it.
#[derive(Debug)]
pub struct AtomCensus {
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// Those that the packet in the making brings.
    fresh: Vec<u64>,
    limit: usize,
    warned: bool,
}

impl Default for AtomCensus {
    fn default() -> Self {
        AtomCensus::new(DEFAULT_ATOM_LIMIT)
    }
}

impl AtomCensus {
    /// Nothing counted yet.
    pub fn new(limit: usize) -> Self {
        AtomCensus { seen: HashSet::default(), fresh: Vec::new(), limit, warned: false }
    }

    /// Different atoms so far.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// The count, once, when it is time to warn.
    #[inline]
    pub fn warning(&mut self) -> Option<usize> {
        if self.warned || self.seen.len() <= self.limit / WARN_PART {
            return None;
        }
        self.warned = true;
        Some(self.seen.len())
    }

    /// An atom of the packet in the making, by its hash.
    #[inline]
    pub(super) fn see(&mut self, hash: u64) {
        if self.seen.insert(hash) {
            self.fresh.push(hash);
        }
    }

    /// Every atom of a term of that packet.
    pub(super) fn see_term(&mut self, term: &[u8]) -> Result<usize, Malformed> {
        walk(term, 0, |start, end| {
            if let Some(text) = text(term.get(start..end).unwrap_or_default()) {
                self.see(hash(text));
            }
            Ok(())
        })
    }

    /// The packet is complete: it leaves, unless it is a message that takes the count over the limit.
    pub(super) fn settle(&mut self, may_refuse: bool) -> Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let fresh = self.fresh.len();
        if may_refuse && self.seen.len() > self.limit {
            self.forget();
            return Err(Error::Limit(
                format!(
                    "the peer has got {} different atoms from this node and keeps them for ever: a message with {fresh} \
                     more is refused (option atom_limit). Send text as binaries",
                    self.seen.len()
                )
                .into(),
            ));
        }
        self.fresh.clear();
        self.fresh.shrink_to(64);
        Ok(())
    }

    /// The packet is given up.
    pub(super) fn forget(&mut self) {
        for hash in std::mem::take(&mut self.fresh) {
            self.seen.remove(&hash);
        }
    }
}

/// The text of an encoded atom; `None` for a reference to the atom section.
fn text(atom: &[u8]) -> Option<&[u8]> {
    match atom {
        [tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM, _, text @ ..] => Some(text),
        [tag::ATOM_UTF8 | tag::ATOM, _, _, text @ ..] => Some(text),
        _ => None,
    }
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_atom_counts_once_and_warns_once() {
        let mut census = AtomCensus::new(20);
        let list = b"l\0\0\0\x03w\x01aw\x01bw\x01aj";
        census.see_term(list).unwrap();
        census.settle(true).unwrap();
        assert_eq!((census.count(), census.warning()), (2, None));
        census.see_term(b"Xw\x01c\0\0\0\x01\0\0\0\x02\0\0\0\x03").unwrap();
        census.settle(true).unwrap();
        assert_eq!((census.count(), census.warning(), census.warning()), (3, Some(3), None));
    }

    #[test]
    fn what_is_refused_does_not_count_and_what_is_known_passes() {
        let mut census = AtomCensus::new(2);
        census.see_term(b"h\x02w\x01aw\x01b").unwrap();
        census.settle(true).unwrap();
        census.see_term(b"h\x02w\x01aw\x01c").unwrap();
        assert!(matches!(census.settle(true), Err(Error::Limit(_))));
        assert_eq!(census.count(), 2);
        census.see_term(b"w\x01b").unwrap();
        census.settle(true).unwrap();
        // Signals are never lost.
        census.see_term(b"w\x01d").unwrap();
        census.settle(false).unwrap();
        assert_eq!(census.count(), 3);
    }
}
