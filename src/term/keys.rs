//! The keys of maps while a [`Writer`](super::Writer) writes them: where each stands, and whether one comes twice.
//!
//! A map's elements begin exactly when the number of items that the writer still owes comes down to certain values;
//! the writer compares that number with one of them, `watch`, and asks here when they are equal.

use super::digest;
use super::tag;
use crate::error::{push, room};

/// What is known of the keys of maps that are being written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// The maps around the place of writing, from the outside in.
    maps: Vec<Open>,
    /// Start and end of each key of these maps.
    spans: Vec<(usize, usize)>,
    /// Terms were taken over as bytes, so that equal keys may be spelt in several ways.
    any_spelling: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    /// What the writer owes when the map is complete.
    base: u64,
    /// What it owes when the next element of the map begins, or as `base`.
    next: u64,
    /// Index of its first key.
    first: usize,
}

const TWICE: &str = "a map has each key once";

impl Keys {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.maps.clear();
        self.spans.clear();
        self.any_spelling = false;
    }

    /// From here on equal keys may be spelt in several ways.
    pub(crate) fn any_spelling(&mut self) {
        self.any_spelling = true;
    }

    /// A map of `pairs` begins; the writer owes `base` items after it. Gives the next `watch`.
    pub(crate) fn open(&mut self, base: u64, pairs: u64) -> u64 {
        let next = base + pairs * 2;
        push(&mut self.maps, Open { base, next, first: self.spans.len() });
        next
    }

    /// An item begins at the end of `bytes`, with `owed` equal to `watch`. Gives the next `watch`, which is 0 when
    /// no map is open.
    pub(crate) fn step(&mut self, owed: u64, bytes: &[u8]) -> Result<u64, &'static str> {
        while let Some(map) = self.maps.last_mut() {
            if map.next != owed {
                return Ok(map.next);
            }
            if owed > map.base {
                if (owed - map.base) % 2 == 0 {
                    push(&mut self.spans, (bytes.len(), 0));
                } else if let Some(key) = self.spans.last_mut() {
                    key.1 = bytes.len();
                }
                map.next = owed - 1;
                return Ok(map.next);
            }
            let first = map.first;
            self.check(self.spans.get(first..).unwrap_or_default(), bytes)?;
            self.spans.truncate(first);
            self.maps.pop();
        }
        Ok(0)
    }

    /// The check of the maps that end with the term, which no item follows.
    pub(crate) fn finish(&self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut end = self.spans.len();
        for map in self.maps.iter().rev() {
            self.check(self.spans.get(map.first..end).unwrap_or_default(), bytes)?;
            end = map.first;
        }
        Ok(())
    }

    fn check(&self, spans: &[(usize, usize)], bytes: &[u8]) -> Result<(), &'static str> {
        /// Up to here comparing each with each is faster than sorting.
        const FEW: usize = 8;
        let key = |span: &(usize, usize)| bytes.get(span.0..span.1).unwrap_or_default();
        let twice = if self.any_spelling || spans.iter().any(|span| is_compound(key(span))) {
            let mut digests = room(spans.len());
            for span in spans {
                digests.push(digest::digest(key(span), &[]).map_err(|(wrong, _)| wrong)?.0);
            }
            digest::has_twins(&mut digests)
        } else if spans.len() <= FEW {
            spans
                .iter()
                .enumerate()
                .any(|(n, one)| spans.iter().skip(n + 1).any(|other| key(one) == key(other)))
        } else {
            let mut keys: Vec<&[u8]> = room(spans.len());
            keys.extend(spans.iter().map(key));
            keys.sort_unstable();
            keys.windows(2).any(|two| two[0] == two[1])
        };
        match twice {
            true => Err(TWICE),
            false => Ok(()),
        }
    }
}

/// True for terms that can be spelt in several ways although each part has one spelling.
fn is_compound(key: &[u8]) -> bool {
    matches!(
        key.first(),
        Some(
            &(tag::LIST
                | tag::STRING
                | tag::SMALL_TUPLE
                | tag::LARGE_TUPLE
                | tag::MAP
                | tag::NEW_FUN
                | tag::RECORD)
        )
    )
}
