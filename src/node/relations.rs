//! What binds a process to others: links, monitors of both directions, aliases, a name.

use std::hash::Hash;

use foldhash::HashMap;

use crate::error::out_of_memory;
use crate::node::process::Alias;
use crate::term::{Atom, Pid, Reference};

/// One side of a link, as seen by the local process.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LinkState {
    /// False while an unlink of ours waits for its acknowledgement.
    pub(crate) active: bool,
    /// The id of that unlink.
    pub(crate) unlinking: Option<u64>,
}

/// Whom a monitor of ours watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watched {
    /// A process.
    Pid(Pid),
    /// A name on a node; the DOWN carries both.
    Name(Box<(Atom, Atom)>),
    /// A spawn request that was sent and not answered yet.
    Spawning(Box<Spawning>),
}

/// A spawn request that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spawning {
    /// The node asked.
    pub(crate) node: Atom,
    /// Whether a link comes with it.
    pub(crate) link: bool,
    /// Whether a monitor comes with it.
    pub(crate) monitor: bool,
    /// Only a refusal is told; of a success the end of the process tells.
    pub(crate) quiet: bool,
}

/// Who monitors us, on another node.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    /// The watching process.
    pub(crate) pid: Pid,
    /// The name it used, which its DOWN must repeat.
    pub(crate) by_name: Option<Atom>,
}

/// Links, monitors, aliases and name of one process. Most mailboxes have none, so it is boxed.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    pub(crate) links: HashMap<Pid, LinkState>,
    /// By the number in a reference of ours (`Inner::number_of`).
    pub(crate) watching: HashMap<u64, Watched>,
    pub(crate) watchers: HashMap<Reference, Watcher>,
    /// Watchers on this node, as id and serial of their pids, by the number in their reference.
    pub(crate) local_watchers: HashMap<u64, (u32, u32)>,
    /// By the number in their reference.
    pub(crate) aliases: HashMap<u64, Alias>,
    pub(crate) name: Option<Atom>,
    pub(crate) last_unlink: u64,
    /// It watches nodes, so `events` knows it.
    pub(crate) watches_nodes: bool,
}

/// Tables below this many places grow as they like: there is memory for that, or the process is past help.
const SMALL_TABLE: usize = 256;

/// Tables above this many places are given back when they are empty: a process that calls keeps the smallest.
const KEEP_PLACES: usize = 3;

impl Relations {
    /// Room for one more of everything; unwinds when there is no memory for a table that is large already. Peers and programs
    /// decide how large they get.
    pub(crate) fn make_room(&mut self) {
        fn make_room<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
            if table.len() == table.capacity() && table.len() >= SMALL_TABLE && table.try_reserve(1).is_err()
            {
                out_of_memory();
            }
        }
        make_room(&mut self.links);
        make_room(&mut self.watching);
        make_room(&mut self.watchers);
        make_room(&mut self.local_watchers);
        make_room(&mut self.aliases);
    }

    /// Gives the memory of emptied tables back: a million monitors may have come and gone. True if one was given back and
    /// nothing at all is left.
    pub(crate) fn shrink(&mut self) -> bool {
        fn shrink<K, V>(table: &mut HashMap<K, V>) -> bool {
            let shrinks = table.is_empty() && table.capacity() > KEEP_PLACES;
            if shrinks {
                *table = HashMap::default();
            }
            shrinks
        }
        let tables = [
            shrink(&mut self.links),
            shrink(&mut self.watching),
            shrink(&mut self.watchers),
            shrink(&mut self.local_watchers),
            shrink(&mut self.aliases),
        ];
        tables.contains(&true) && self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.links.is_empty()
            && self.watching.is_empty()
            && self.watchers.is_empty()
            && self.local_watchers.is_empty()
            && self.aliases.is_empty()
            && self.name.is_none()
            && !self.watches_nodes
    }
}
