//! The table of one scope: who is a member of which group, and through which node's scope we know it.
//!
//! A group is a multiset: a process that joined twice is a member twice. An owner is the scope process of a peer, or
//! `None` for the processes of this node.
//! Always true: a group is in the table while it has a member, an owner while it has a group.

use std::sync::Arc;

use foldhash::HashMap;

use crate::term::{Pid, Term};

/// Whose members these are: the scope process of a peer, or this node itself.
pub(crate) type Owner = Option<Pid>;

/// Processes with the number of times that each is in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Bag {
    counts: HashMap<Pid, usize>,
    len: usize,
}

impl Bag {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn add(&mut self, pid: Pid) {
        *self.counts.entry(pid).or_default() += 1;
        self.len += 1;
    }

    /// Takes one out; false if there is none.
    pub(crate) fn take(&mut self, pid: &Pid) -> bool {
        let Some(count) = self.counts.get_mut(pid) else { return false };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(pid);
        }
        self.len -= 1;
        true
    }

    /// Each process as often as it is in.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pid> {
        self.counts.iter().flat_map(|(pid, count)| std::iter::repeat_n(pid, *count))
    }
}

impl FromIterator<Pid> for Bag {
    fn from_iter<I: IntoIterator<Item = Pid>>(pids: I) -> Bag {
        let mut bag = Bag::default();
        pids.into_iter().for_each(|pid| bag.add(pid));
        bag
    }
}

/// What happened to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) group: Arc<Term>,
    pub(crate) joined: bool,
    pub(crate) pids: Vec<Pid>,
}

/// What one owner has.
#[derive(Debug, Default)]
struct Owned {
    /// Each with the size of its name.
    groups: HashMap<Arc<Term>, usize>,
    name_bytes: usize,
    members: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    table: HashMap<Arc<Term>, HashMap<Owner, Bag>>,
    owners: HashMap<Owner, Owned>,
}

impl Groups {
    /// Adds each of `pids` once.
    pub(crate) fn join(&mut self, owner: &Owner, group: &Term, pids: Vec<Pid>) -> Option<Change> {
        if pids.is_empty() {
            return None;
        }
        let group = match self.table.get_key_value(group) {
            Some((group, _)) => group.clone(),
            None => Arc::new(group.clone()),
        };
        let bag = self.table.entry(group.clone()).or_default().entry(owner.clone()).or_default();
        pids.iter().for_each(|pid| bag.add(pid.clone()));
        let owned = self.owners.entry(owner.clone()).or_default();
        owned.members += pids.len();
        if !owned.groups.contains_key(&group) {
            let size = group.to_bytes().map_or(0, |bytes| bytes.len());
            owned.groups.insert(group.clone(), size);
            owned.name_bytes += size;
        }
        Some(Change { group, joined: true, pids })
    }

    /// Takes each of `pids` out once, as far as they are in.
    pub(crate) fn leave(&mut self, owner: &Owner, group: &Term, pids: Vec<Pid>) -> Option<Change> {
        let bag = self.table.get_mut(group)?.get_mut(owner)?;
        let left: Vec<Pid> = pids.into_iter().filter(|pid| bag.take(pid)).collect();
        if left.is_empty() {
            return None;
        }
        let empty = bag.len() == 0;
        let group = self.table.get_key_value(group)?.0.clone();
        if let Some(owned) = self.owners.get_mut(owner) {
            owned.members -= left.len();
        }
        if empty {
            self.forget(owner, &group);
        }
        Some(Change { group, joined: false, pids: left })
    }

    /// Removes an owner's empty bag.
    fn forget(&mut self, owner: &Owner, group: &Arc<Term>) {
        if let Some(bags) = self.table.get_mut(group) {
            bags.remove(owner);
            if bags.is_empty() {
                self.table.remove(group);
            }
        }
        if let Some(owned) = self.owners.get_mut(owner) {
            owned.name_bytes -= owned.groups.remove(group).unwrap_or(0);
            if owned.groups.is_empty() {
                self.owners.remove(owner);
            }
        }
    }

    /// Makes `wanted` all that `owner` has. Only differences are reported.
    pub(crate) fn replace(&mut self, owner: &Owner, wanted: Vec<(Term, Vec<Pid>)>) -> Vec<Change> {
        let mut wanted: HashMap<Term, Bag> = merge(wanted);
        let mut changes = Vec::new();
        for group in self.groups_of(owner) {
            let mut new = wanted.remove(&*group).unwrap_or_default();
            let Some(old) = self.table.get(&group).and_then(|bags| bags.get(owner)) else { continue };
            let gone: Vec<Pid> = old.iter().filter(|pid| !new.take(pid)).cloned().collect();
            let fresh = new.iter().cloned().collect();
            changes.extend(self.join(owner, &group, fresh));
            changes.extend(self.leave(owner, &group, gone));
        }
        for (group, bag) in wanted {
            changes.extend(self.join(owner, &group, bag.iter().cloned().collect()));
        }
        changes
    }

    /// Removes all that `owner` has.
    pub(crate) fn drop_owner(&mut self, owner: &Owner) -> Vec<Change> {
        self.replace(owner, Vec::new())
    }

    fn groups_of(&self, owner: &Owner) -> Vec<Arc<Term>> {
        self.owners.get(owner).map_or_else(Vec::new, |owned| owned.groups.keys().cloned().collect())
    }

    /// How many memberships and groups `owner` has, and the bytes of their names.
    pub(crate) fn size_of(&self, owner: &Owner) -> (usize, usize, usize) {
        let size = |owned: &Owned| (owned.members, owned.groups.len(), owned.name_bytes);
        self.owners.get(owner).map_or((0, 0, 0), size)
    }

    /// All of an owner's groups with their members.
    pub(crate) fn of(&self, owner: &Owner) -> Vec<(Arc<Term>, Vec<Pid>)> {
        let members = |group: &Arc<Term>| {
            let bag = self.table.get(group).and_then(|bags| bags.get(owner));
            bag.map_or_else(Vec::new, |bag| bag.iter().cloned().collect())
        };
        self.groups_of(owner).into_iter().map(|group| (group.clone(), members(&group))).collect()
    }

    /// Every member of a group, those of this node first.
    pub(crate) fn members(&self, group: &Term) -> Vec<Pid> {
        let Some(bags) = self.table.get(group) else { return Vec::new() };
        let local = bags.get(&None).into_iter();
        let remote = bags.iter().filter(|(owner, _)| owner.is_some()).map(|(_, bag)| bag);
        local.chain(remote).flat_map(Bag::iter).cloned().collect()
    }

    /// The members of a group that live on this node.
    pub(crate) fn local_members(&self, group: &Term) -> Vec<Pid> {
        let bag = self.table.get(group).and_then(|bags| bags.get(&None));
        bag.map_or_else(Vec::new, |bag| bag.iter().cloned().collect())
    }

    /// All groups.
    pub(crate) fn names(&self) -> Vec<Arc<Term>> {
        self.table.keys().cloned().collect()
    }

    /// The groups with members of this node.
    pub(crate) fn local_names(&self) -> Vec<Arc<Term>> {
        self.groups_of(&None)
    }
}

fn merge(list: Vec<(Term, Vec<Pid>)>) -> HashMap<Term, Bag> {
    let mut merged: HashMap<Term, Bag> = HashMap::default();
    for (group, pids) in list {
        let bag = merged.entry(group).or_default();
        pids.into_iter().for_each(|pid| bag.add(pid));
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Atom;

    fn pid(id: u32) -> Pid {
        Pid { node: Atom::from_static("x@y"), id, serial: 0, creation: 7 }
    }

    fn sorted(mut pids: Vec<Pid>) -> Vec<u32> {
        pids.sort();
        pids.into_iter().map(|pid| pid.id).collect()
    }

    #[test]
    fn a_process_is_in_a_group_as_often_as_it_joined() {
        let (mut groups, red) = (Groups::default(), Term::atom("red"));
        groups.join(&None, &red, vec![pid(1), pid(1), pid(2)]);
        assert_eq!(sorted(groups.members(&red)), [1, 1, 2]);
        let left = groups.leave(&None, &red, vec![pid(1), pid(3)]).unwrap();
        assert_eq!(left.pids, [pid(1)]);
        assert_eq!(sorted(groups.local_members(&red)), [1, 2]);
        groups.leave(&None, &red, vec![pid(1), pid(2), pid(2)]);
        assert!(groups.names().is_empty() && groups.owners.is_empty());
        assert_eq!(groups.leave(&None, &red, vec![pid(1)]), None);
    }

    #[test]
    fn replacing_reports_the_difference_only() {
        let (mut groups, peer) = (Groups::default(), Some(pid(100)));
        groups.join(&peer, &Term::atom("same"), vec![pid(1)]);
        groups.join(&peer, &Term::atom("changed"), vec![pid(1), pid(2)]);
        groups.join(&peer, &Term::atom("gone"), vec![pid(3)]);
        let same = (Term::atom("same"), vec![pid(1)]);
        let changed = (Term::atom("changed"), vec![pid(2), pid(4)]);
        let mut changes = groups.replace(&peer, vec![same, changed, (Term::atom("new"), vec![pid(5)])]);
        changes.sort_by_key(|change| (change.group.to_string(), change.joined));
        let seen: Vec<_> = changes.iter().map(|c| (c.group.to_string(), c.joined, c.pids[0].id)).collect();
        let expected = [("changed", false, 1), ("changed", true, 4), ("gone", false, 3), ("new", true, 5)];
        assert_eq!(seen, expected.map(|(group, joined, id)| (group.to_owned(), joined, id)));
        let (members, names, _) = groups.size_of(&peer);
        assert_eq!((members, names), (4, 3));
        assert_eq!(groups.drop_owner(&peer).len(), 3);
        assert_eq!(groups.size_of(&peer), (0, 0, 0));
        assert!(groups.table.is_empty());
    }

    #[test]
    fn a_group_ends_with_its_last_member_of_any_owner() {
        let (mut groups, peer, red) = (Groups::default(), Some(pid(100)), Term::atom("red"));
        groups.join(&None, &red, vec![pid(1)]);
        groups.join(&peer, &red, vec![pid(2)]);
        groups.leave(&None, &red, vec![pid(1)]);
        assert_eq!((groups.names().len(), groups.local_names().len()), (1, 0));
        groups.drop_owner(&peer);
        assert!(groups.names().is_empty());
    }
}
