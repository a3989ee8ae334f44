//! Python objects that stand for bytes seen before: atoms by their text, pids by their encoding.
//!
//! A fixed number of places; a newcomer takes the place of the older of two. So what peers send can neither make it
//! grow nor make it slow. It only ever holds objects that are equal to what a new object would be.

use std::hash::{BuildHasher, Hasher, RandomState};

use parking_lot::Mutex;

use super::api::{Owned, PyObject, Python};

/// Longer keys are not kept: they are rare, and memory is bounded by this times the places.
const MAX_KEY: usize = 80;

struct Entry {
    key: Box<[u8]>,
    object: *mut PyObject,
}

type Set = [Option<Entry>; 2];

/// See the head of this file.
pub(super) struct Cache {
    sets: Mutex<Box<[Set]>>,
    seed: u64,
}

impl Cache {
    /// A cache of `sets` (a power of two) times two places.
    pub(super) fn new(sets: usize) -> Self {
        debug_assert!(sets.is_power_of_two());
        // Unpredictable, so that a peer cannot choose keys that push each other out.
        let seed = RandomState::new().build_hasher().finish();
        Cache { sets: Mutex::new((0..sets).map(|_| [None, None]).collect()), seed }
    }

    #[inline]
    fn hash(&self, key: &[u8]) -> usize {
        let mut hash = self.seed ^ key.len() as u64;
        let mut chunks = key.chunks_exact(8);
        for chunk in &mut chunks {
            let word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight"));
            hash = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        for &byte in chunks.remainder() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        (hash ^ (hash >> 32)) as usize
    }

    /// The object kept for `key`, with one more reference.
    #[inline]
    pub(super) fn get(&self, python: &'static Python, key: &[u8]) -> Option<Owned> {
        let hash = self.hash(key);
        let sets = self.sets.lock();
        let set = &sets[hash & (sets.len() - 1)];
        let entry = set.iter().flatten().find(|entry| *entry.key == *key)?;
        Some(python.share(entry.object))
    }

    /// Keeps `object` for `key`.
    pub(super) fn put(&self, python: &'static Python, key: &[u8], object: &Owned) {
        if key.len() > MAX_KEY {
            return;
        }
        let entry = Entry { key: key.into(), object: python.share(object.as_ptr()).into_raw() };
        let hash = self.hash(key);
        let evicted = {
            let mut sets = self.sets.lock();
            let places = sets.len() - 1;
            let set = &mut sets[hash & places];
            set.swap(0, 1);
            set[0].replace(entry)
        };
        // Outside the lock: giving up the last reference may run Python code.
        if let Some(Entry { object, .. }) = evicted {
            // SAFETY: the cache's own reference.
            unsafe { (python.functions.dec_ref)(object) };
        }
    }
}
