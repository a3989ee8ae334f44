//! Pids, ports and references: names of things that live on some node.
//!
//! Plain data: compared, hashed and stored, never freed and never looked up by this module. Their order is
//! Erlang's, so that `global` and others who sort them agree with us.

use std::cmp::Ordering;

use super::tag::MAX_REFERENCE_WORDS;
use super::Atom;
use crate::{Error, Result};

/// A process on some node, alive or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pid {
    /// The node it lives on.
    pub node: Atom,
    /// First number; the middle one in `<0.85.0>`.
    pub id: u32,
    /// Second number; the last one in `<0.85.0>`.
    pub serial: u32,
    /// Incarnation of the node.
    pub creation: u32,
}

/// A port on some node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Port {
    /// The node it lives on.
    pub node: Atom,
    /// Its number.
    pub id: u64,
    /// Incarnation of the node.
    pub creation: u32,
}

/// A reference or alias made by some node. The words are opaque and are echoed as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    node: Atom,
    creation: u32,
    len: u8,
    // Words beyond `len` are zero, so that the derived equality is right.
    words: [u32; MAX_REFERENCE_WORDS],
}

impl Reference {
    /// A reference with these words, in the order of the wire.
    ///
    /// # Errors
    /// [`Error::Argument`] for more than 5 words.
    pub fn new(node: Atom, creation: u32, words: &[u32]) -> Result<Reference> {
        let mut all = [0; MAX_REFERENCE_WORDS];
        let Some(room) = all.get_mut(..words.len()) else {
            return Err(Error::argument("a reference has at most 5 words"));
        };
        room.copy_from_slice(words);
        Ok(Reference { node, creation, len: words.len() as u8, words: all })
    }

    #[inline(always)]
    pub(crate) fn of_three(node: Atom, creation: u32, [a, b, c]: [u32; 3]) -> Reference {
        Reference { node, creation, len: 3, words: [a, b, c, 0, 0] }
    }

    /// The node that made it.
    pub fn node(&self) -> &Atom {
        &self.node
    }

    /// Incarnation of that node.
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// Its words, 0 to 5, in the order of the wire.
    #[inline]
    pub fn words(&self) -> &[u32] {
        self.words.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl Ord for Pid {
    /// Serial, then id, then node, as a BEAM sorts them.
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = (self.serial, self.id).cmp(&(other.serial, other.id));
        numbers.then_with(|| by_node(&self.node, self.creation, &other.node, other.creation))
    }
}

impl Ord for Port {
    /// Node, then number, as a BEAM sorts them.
    fn cmp(&self, other: &Self) -> Ordering {
        by_node(&self.node, self.creation, &other.node, other.creation).then_with(|| self.id.cmp(&other.id))
    }
}

impl Ord for Reference {
    /// Node, then words from the last to the first, as a BEAM sorts them.
    fn cmp(&self, other: &Self) -> Ordering {
        by_node(&self.node, self.creation, &other.node, other.creation)
            .then_with(|| self.words.iter().rev().cmp(other.words.iter().rev()))
            .then_with(|| self.len.cmp(&other.len))
    }
}

impl PartialOrd for Pid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialOrd for Port {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialOrd for Reference {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn by_node(a: &Atom, a_creation: u32, b: &Atom, b_creation: u32) -> Ordering {
    a.cmp(b).then(a_creation.cmp(&b_creation))
}
