//! What binds a process to others: links, monitors of both directions, aliases, a name.

use crate::node::process::Alias;
use crate::node::table::Table;
use crate::term::{Atom, Pid, Reference};

/// One side of a link, as seen by the local process.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LinkState {
    /// False while an unlink of ours waits for its acknowledgement.
    pub(crate) active: bool,
    /// The id of that unlink.
    pub(crate) unlinking: Option<u64>,
    /// The exit message that it brings goes before ordinary messages.
    pub(crate) priority: bool,
}

impl LinkState {
    pub(crate) const ACTIVE: LinkState = LinkState { active: true, unlinking: None, priority: false };
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
    /// Whether what tells of its end goes before ordinary messages.
    pub(crate) priority: bool,
    /// Only a refusal is told; of a success the end of the process tells.
    pub(crate) quiet: bool,
}

/// Who monitors us, on another node.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    /// The watching process.
    pub(crate) pid: Pid,
    /// The name it used, which its DOWN must repeat.
    pub(crate) by_name: Option<Box<Atom>>,
}

/// Links, monitors, aliases and name of one process. Most mailboxes have none, so it is boxed.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    pub(crate) links: Table<Pid, LinkState>,
    /// By the number in a reference of ours (`Inner::number_of`).
    pub(crate) watching: Table<u64, Watched>,
    /// Those of them whose DOWN goes before ordinary messages.
    pub(crate) urgent: Table<u64, ()>,
    pub(crate) watchers: Table<Reference, Watcher>,
    /// Watchers on this node, as id and serial of their pids, by the number in their reference.
    pub(crate) local_watchers: Table<u64, (u32, u32)>,
    /// By the number in their reference.
    pub(crate) aliases: Table<u64, Alias>,
    pub(crate) name: Option<Atom>,
    pub(crate) last_unlink: u64,
    /// It watches nodes, so `events` knows it.
    pub(crate) watches_nodes: bool,
}

impl Relations {
    /// Room for one more of everything; unwinds when there is no memory for a table that is large already. Peers and programs
    /// decide how large they get.
    pub(crate) fn make_room(&mut self) {
        self.links.make_room();
        self.watching.make_room();
        self.urgent.make_room();
        self.watchers.make_room();
        self.local_watchers.make_room();
        self.aliases.make_room();
    }

    /// Gives the memory of emptied tables back: a million monitors may have come and gone. True if one was given back and
    /// nothing at all is left.
    pub(crate) fn shrink(&mut self) -> bool {
        let tables = [
            self.links.shrink(),
            self.watching.shrink(),
            self.urgent.shrink(),
            self.watchers.shrink(),
            self.local_watchers.shrink(),
            self.aliases.shrink(),
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
