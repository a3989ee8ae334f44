//! The table of global names of one node, and who watches the processes behind them.
//!
//! Bounded: a peer that floods us with names is refused, and the rest of the table stays right.
//! Always true: a name has one pid and one watch; a watch in the table stands for one name.

use foldhash::HashMap;

use super::wire::{External, Registration};
use crate::term::{Atom, Pid, Term};

/// Names in the table. A cluster with more keeps them somewhere else.
const MAX_NAMES: usize = 1 << 18;
/// Bytes of all names and methods, as encoded.
const MAX_BYTES: usize = 64 << 20;
/// Nodes that names point to although they are no members. Each is connected to, so a liar must not invent many.
const MAX_STRANGERS: usize = 256;

/// One name.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) pid: Pid,
    pub(super) method: Term,
    /// The watch on the pid.
    pub(super) watch: u64,
    /// The member that a node outside of `global` registered it through.
    pub(super) external: Option<Atom>,
    /// Its node was no member when it was entered.
    stranger: bool,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Names {
    entries: HashMap<Term, Entry>,
    watches: HashMap<u64, Term>,
    /// How many names each pid has; more than one is against the rules, but peers may do it.
    pids: HashMap<Pid, usize>,
    /// How many names point to nodes that are no members, by node.
    nodes: HashMap<Atom, usize>,
    bytes: usize,
}

impl Names {
    pub(super) fn get(&self, name: &Term) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(super) fn has_pid(&self, pid: &Pid) -> bool {
        self.pids.contains_key(pid)
    }

    pub(super) fn names(&self) -> Vec<Term> {
        self.entries.keys().cloned().collect()
    }

    pub(super) fn registrations(&self) -> Term {
        let one = |(name, entry): (&Term, &Entry)| {
            Term::tuple([name.clone(), (&entry.pid).into(), entry.method.clone()])
        };
        self.entries.iter().map(one).collect()
    }

    /// Names of processes outside of `global`.
    pub(super) fn externals(&self) -> Vec<External> {
        let one = |(name, entry): (&Term, &Entry)| {
            entry.external.as_ref().map(|node| (name.clone(), entry.pid.clone(), node.clone()))
        };
        self.entries.iter().filter_map(one).collect()
    }

    /// Whether one more name fits. `stranger`: its node is no member.
    pub(super) fn has_room(&self, registration: &Registration, stranger: bool) -> bool {
        let replaces = usize::from(self.entries.contains_key(&registration.name));
        let strangers =
            !stranger || self.nodes.contains_key(&registration.pid.node) || self.nodes.len() < MAX_STRANGERS;
        strangers && self.entries.len() - replaces < MAX_NAMES && self.bytes < MAX_BYTES
    }

    /// Enters a name that is not there.
    pub(super) fn insert(
        &mut self,
        registration: Registration,
        watch: u64,
        external: Option<Atom>,
        stranger: bool,
    ) {
        let Registration { name, pid, method } = registration;
        let size = |term: &Term| term.to_bytes().map_or(0, |bytes| bytes.len());
        let bytes = size(&name) + size(&method);
        self.bytes += bytes;
        *self.pids.entry(pid.clone()).or_default() += 1;
        if stranger {
            *self.nodes.entry(pid.node.clone()).or_default() += 1;
        }
        self.watches.insert(watch, name.clone());
        self.entries.insert(name, Entry { pid, method, watch, external, stranger, bytes });
    }

    pub(super) fn remove(&mut self, name: &Term) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        self.watches.remove(&entry.watch);
        self.bytes -= entry.bytes;
        release(&mut self.pids, &entry.pid);
        if entry.stranger {
            release(&mut self.nodes, &entry.pid.node);
        }
        Some(entry)
    }

    /// The watches on processes of this node.
    pub(super) fn watches_of(&self, node: &Atom) -> Vec<u64> {
        let entries = self.entries.values().filter(|entry| entry.pid.node == *node);
        entries.map(|entry| entry.watch).collect()
    }

    /// The name that this watch is for.
    pub(super) fn watched(&self, watch: u64) -> Option<&Term> {
        self.watches.get(&watch)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn release<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
