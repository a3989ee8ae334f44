//! The locks of one node: who holds what (protocol section 9.7).
//!
//! A lock belongs to a requester, and every process that set it with that requester holds it.
//! Bounded: what a flood of locks asks for beyond the limit is refused, as if the lock were taken.
//! Always true: a lock in the table has at least one holder, and each holder has one watch.

use foldhash::HashMap;

use crate::term::{Atom, Pid, Term};

/// Locks at one time.
const MAX_LOCKS: usize = 1 << 16;
/// Processes that hold one lock.
const MAX_HOLDERS: usize = 4096;
/// Longest encoded name of a resource, and of a requester.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug)]
struct Lock {
    requester: Term,
    holders: Vec<(Pid, u64)>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Locks {
    table: HashMap<Term, Lock>,
    watches: HashMap<u64, Term>,
}

/// What became of a lock that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// Set; the holder must be watched.
    New,
    /// This process holds it already.
    Again,
    /// Somebody else has it.
    Taken,
}

impl Locks {
    /// Whether `requester` may set it.
    pub(super) fn is_free(&self, resource: &Term, requester: &Term) -> bool {
        self.table.get(resource).is_none_or(|lock| lock.requester == *requester)
    }

    pub(super) fn is_set(&self, resource: &Term) -> bool {
        self.table.contains_key(resource)
    }

    /// Who has it: the requester.
    pub(super) fn requester(&self, resource: &Term) -> Option<&Term> {
        self.table.get(resource).map(|lock| &lock.requester)
    }

    pub(super) fn is_held_by(&self, resource: &Term, pid: &Pid) -> bool {
        self.table.get(resource).is_some_and(|lock| lock.holders.iter().any(|(holder, _)| holder == pid))
    }

    /// `watch` is the number that the watch on a new holder will have.
    pub(super) fn set(&mut self, resource: &Term, requester: &Term, pid: &Pid, watch: u64) -> Set {
        let new = match self.table.get_mut(resource) {
            Some(lock) if lock.requester != *requester => return Set::Taken,
            Some(lock) if lock.holders.iter().any(|(holder, _)| holder == pid) => return Set::Again,
            Some(lock) if lock.holders.len() >= MAX_HOLDERS => return Set::Taken,
            Some(lock) => {
                lock.holders.push((pid.clone(), watch));
                false
            }
            None => true,
        };
        if new {
            let long = |term: &Term| term.to_bytes().map_or(true, |bytes| bytes.len() > MAX_BYTES);
            if self.table.len() >= MAX_LOCKS || long(resource) || long(requester) {
                return Set::Taken;
            }
            let lock = Lock { requester: requester.clone(), holders: vec![(pid.clone(), watch)] };
            self.table.insert(resource.clone(), lock);
        }
        self.watches.insert(watch, resource.clone());
        Set::New
    }

    /// Takes one holder out; gives the number of its watch.
    pub(super) fn delete(&mut self, resource: &Term, requester: &Term, pid: &Pid) -> Option<u64> {
        let lock = self.table.get_mut(resource).filter(|lock| lock.requester == *requester)?;
        let place = lock.holders.iter().position(|(holder, _)| holder == pid)?;
        let (_, watch) = lock.holders.swap_remove(place);
        if lock.holders.is_empty() {
            self.table.remove(resource);
        }
        self.watches.remove(&watch);
        Some(watch)
    }

    /// The watches on holders of this node.
    pub(super) fn watches_of(&self, node: &Atom) -> Vec<u64> {
        let holders = self.table.values().flat_map(|lock| &lock.holders);
        holders.filter(|(pid, _)| pid.node == *node).map(|(_, watch)| *watch).collect()
    }

    /// A holder is gone. Gives the resource if nobody holds that any more.
    pub(super) fn down(&mut self, watch: u64) -> Option<Term> {
        let resource = self.watches.remove(&watch)?;
        let lock = self.table.get_mut(&resource)?;
        lock.holders.retain(|(_, other)| *other != watch);
        if !lock.holders.is_empty() {
            return None;
        }
        self.table.remove(&resource);
        Some(resource)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
