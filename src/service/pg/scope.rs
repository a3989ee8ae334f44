//! One scope as a state machine: what it hears goes in, what it has to do comes out. No socket, no clock, no lock.
//!
//! Peers are believed about their own node only: a message counts when it came from the node of the scope process that
//! it names, and members must live there too. What a peer may fill our memory with is limited.
//! Always true: a process is watched exactly while it is a member from this node, a peer, or a subscriber.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::{HashMap, HashSet};

use crate::service::pg::groups::{Change, Groups, Owner};
use crate::service::pg::wire::{self, Heard};
use crate::term::{Atom, Pid, Reference, Term};

/// Memberships that one peer may announce; a busy node has some ten thousand.
pub(crate) const MAX_MEMBERS: usize = 1 << 20;
/// Groups that one peer may announce.
pub(crate) const MAX_GROUPS: usize = 1 << 18;
/// Bytes of all group names that one peer may announce.
pub(crate) const MAX_NAME_BYTES: usize = 16 << 20;
/// Scope processes of one node at a time: the current one, and former ones whose end we have not heard of.
const MAX_SCOPES_PER_NODE: usize = 8;
/// Processes that may monitor groups.
const MAX_SUBSCRIPTIONS: usize = 65_536;
/// Nodes of which we remember that they were complained about.
const MAX_COMPLAINTS: usize = 1024;

/// What is said of a peer beyond these limits.
const TOO_MUCH: &str = "announced more members or groups than one node may have";

/// What the driver has to do, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send this to a process if its node is connected.
    Tell(Pid, Bytes),
    /// Deliver `{Ref, join | leave, Group, Pids}` to who subscribed.
    Event(Pid, Bytes),
    /// Tell the end of this process by [`Scope::down`].
    Watch(Pid),
    /// No more.
    Unwatch(Pid),
    /// Say this to the operator.
    Complain(String),
}

/// Somebody who monitors.
#[derive(Debug)]
struct Subscription {
    pid: Pid,
    /// `None`: all groups.
    group: Option<Term>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Scope {
    name: Atom,
    own: Pid,
    groups: Groups,
    peers: HashSet<Pid>,
    /// What each process of this node joined, once per time.
    joined: HashMap<Pid, Vec<Arc<Term>>>,
    subscriptions: HashMap<Reference, Subscription>,
    /// Subscriptions to one group, so that a change finds them.
    by_group: HashMap<Term, Vec<Reference>>,
    to_all: Vec<Reference>,
    /// How many reasons there are to watch a process.
    watched: HashMap<Pid, usize>,
    complained: HashSet<Atom>,
    actions: VecDeque<Action>,
}

impl Scope {
    /// The scope of this name, run by the process `own`.
    pub(crate) fn new(name: Atom, own: Pid) -> Scope {
        Scope {
            name,
            own,
            groups: Groups::default(),
            peers: HashSet::default(),
            joined: HashMap::default(),
            subscriptions: HashMap::default(),
            by_group: HashMap::default(),
            to_all: Vec::new(),
            watched: HashMap::default(),
            complained: HashSet::default(),
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Who is in what.
    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// What a node that came up is greeted with, by the name of the scope.
    pub(crate) fn greeting(&self) -> Bytes {
        wire::discover(&self.own)
    }

    /// Processes of this node join a group.
    pub(crate) fn join(&mut self, group: &Term, pids: Vec<Pid>) {
        let Some(change) = self.groups.join(&None, group, pids) else { return };
        for pid in &change.pids {
            self.joined.entry(pid.clone()).or_default().push(change.group.clone());
            self.watch(pid);
        }
        self.broadcast(wire::join(&self.own, group, &change.pids));
        self.announce(vec![change]);
    }

    /// Processes of this node leave a group; false if none of them was in it.
    pub(crate) fn leave(&mut self, group: &Term, pids: Vec<Pid>) -> bool {
        let Some(change) = self.groups.leave(&None, group, pids) else { return false };
        for pid in &change.pids {
            self.unjoin(pid, &change.group);
            self.unwatch(pid);
        }
        self.broadcast(wire::leave(&self.own, &change.pids, std::slice::from_ref(&change.group)));
        self.announce(vec![change]);
        true
    }

    fn unjoin(&mut self, pid: &Pid, group: &Arc<Term>) {
        if let Some(joined) = self.joined.get_mut(pid) {
            if let Some(place) = joined.iter().position(|known| known == group) {
                joined.swap_remove(place);
            }
            if joined.is_empty() {
                self.joined.remove(pid);
            }
        }
    }

    /// Subscribes `pid` to a group, or to all; gives what is known now, after which the events follow.
    pub(crate) fn subscribe(
        &mut self,
        reference: Reference,
        pid: Pid,
        group: Option<Term>,
    ) -> Option<Vec<(Arc<Term>, Vec<Pid>)>> {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return None;
        }
        let known = match &group {
            Some(group) => vec![(Arc::new(group.clone()), self.groups.members(group))],
            None => {
                let names = self.groups.names().into_iter();
                names.map(|group| (group.clone(), self.groups.members(&group))).collect()
            }
        };
        match &group {
            Some(group) => self.by_group.entry(group.clone()).or_default().push(reference.clone()),
            None => self.to_all.push(reference.clone()),
        }
        self.watch(&pid);
        self.subscriptions.insert(reference, Subscription { pid, group });
        Some(known)
    }

    /// Ends a subscription; false if there is none.
    pub(crate) fn unsubscribe(&mut self, reference: &Reference) -> bool {
        let Some(Subscription { pid, group }) = self.subscriptions.remove(reference) else { return false };
        match group {
            None => self.to_all.retain(|known| known != reference),
            Some(group) => {
                if let Some(subscribed) = self.by_group.get_mut(&group) {
                    subscribed.retain(|known| known != reference);
                    if subscribed.is_empty() {
                        self.by_group.remove(&group);
                    }
                }
            }
        }
        self.unwatch(&pid);
        true
    }

    /// A message of `node` arrived. Calls are the driver's.
    pub(crate) fn hear(&mut self, node: &Atom, heard: Heard) {
        match heard.peer() {
            Some(peer) if peer.node == *node && *node != self.own.node => {}
            _ => return self.complain(node, "spoke for another node's scope"),
        }
        match heard {
            Heard::Discover { peer } => {
                let known = self.groups.of(&None);
                self.tell(&peer, wire::sync(&self.own, &known));
                if self.meet(&peer) {
                    self.tell(&peer, wire::discover(&self.own));
                }
            }
            Heard::Sync { peer, groups } => {
                let groups =
                    groups.into_iter().map(|(group, pids)| (group, self.honest(node, pids))).collect();
                self.meet(&peer);
                if self.peers.contains(&peer) {
                    let owner = Some(peer);
                    let mut changes = self.groups.replace(&owner, groups);
                    if !self.has_room(&owner) {
                        changes.extend(self.groups.drop_owner(&owner));
                        self.complain(node, TOO_MUCH);
                    }
                    self.announce(changes);
                }
            }
            Heard::Join { peer, group, pids } => self.remote_join(&peer, &group, pids),
            Heard::Leave { peer, pids, groups } => {
                for group in groups {
                    self.remote_leave(&peer, &group, pids.clone());
                }
            }
            Heard::Update { peer, changes } => {
                for (group, added, removed) in changes {
                    self.remote_join(&peer, &group, added);
                    self.remote_leave(&peer, &group, removed);
                }
            }
            Heard::Call { .. } => {}
        }
    }

    /// Counts a scope process as a peer from now on; true if it was none and there is room.
    fn meet(&mut self, peer: &Pid) -> bool {
        if self.peers.contains(peer) {
            return false;
        }
        if self.peers.iter().filter(|known| known.node == peer.node).count() >= MAX_SCOPES_PER_NODE {
            self.complain(&peer.node, "announced ever more scope processes");
            return false;
        }
        self.peers.insert(peer.clone());
        self.watch(peer);
        true
    }

    /// Strangers are ignored: their end may have been heard of already.
    fn remote_join(&mut self, peer: &Pid, group: &Term, pids: Vec<Pid>) {
        if !self.peers.contains(peer) {
            return;
        }
        let pids = self.honest(&peer.node, pids);
        let owner: Owner = Some(peer.clone());
        if !self.has_room(&owner) {
            return self.complain(&peer.node, TOO_MUCH);
        }
        let change = self.groups.join(&owner, group, pids);
        self.announce(change.into_iter().collect());
    }

    fn remote_leave(&mut self, peer: &Pid, group: &Term, pids: Vec<Pid>) {
        let change = self.groups.leave(&Some(peer.clone()), group, pids);
        self.announce(change.into_iter().collect());
    }

    fn has_room(&self, owner: &Owner) -> bool {
        let (members, groups, name_bytes) = self.groups.size_of(owner);
        members < MAX_MEMBERS && groups < MAX_GROUPS && name_bytes < MAX_NAME_BYTES
    }

    /// Those that live on `node`.
    fn honest(&mut self, node: &Atom, pids: Vec<Pid>) -> Vec<Pid> {
        if pids.iter().all(|pid| pid.node == *node) {
            return pids;
        }
        self.complain(node, "announced members that live on other nodes");
        pids.into_iter().filter(|pid| pid.node == *node).collect()
    }

    /// A watched process ended, or the connection to it.
    pub(crate) fn down(&mut self, pid: &Pid) {
        if self.watched.remove(pid).is_none() {
            return;
        }
        if self.peers.remove(pid) {
            let changes = self.groups.drop_owner(&Some(pid.clone()));
            self.announce(changes);
        }
        if let Some(groups) = self.joined.remove(pid) {
            let left = |group: &Arc<Term>| self.groups.leave(&None, group, vec![pid.clone()]);
            let changes = groups.iter().filter_map(left).collect();
            self.broadcast(wire::leave(&self.own, std::slice::from_ref(pid), &groups));
            self.announce(changes);
        }
        let ended = self.subscriptions.iter().filter(|(_, subscription)| subscription.pid == *pid);
        for reference in ended.map(|(reference, _)| reference.clone()).collect::<Vec<_>>() {
            self.unsubscribe(&reference);
        }
    }

    /// What a malformed message of `node` leads to.
    pub(crate) fn complain(&mut self, node: &Atom, what: &str) {
        if self.complained.len() < MAX_COMPLAINTS && self.complained.insert(node.clone()) {
            let text =
                format!("pg scope {}: {node} {what}; that is ignored, and not reported again", self.name);
            self.actions.push_back(Action::Complain(text));
        }
    }

    fn tell(&mut self, peer: &Pid, message: Bytes) {
        self.actions.push_back(Action::Tell(peer.clone(), message));
    }

    fn broadcast(&mut self, message: Bytes) {
        self.actions.extend(self.peers.iter().map(|peer| Action::Tell(peer.clone(), message.clone())));
    }

    /// Tells the subscribers what changed.
    fn announce(&mut self, changes: Vec<Change>) {
        for Change { group, joined, pids } in changes {
            let one = self.by_group.get(&*group).into_iter().flatten();
            for reference in self.to_all.iter().chain(one) {
                if let Some(subscription) = self.subscriptions.get(reference) {
                    let event = wire::event(reference, joined, &group, &pids);
                    self.actions.push_back(Action::Event(subscription.pid.clone(), event));
                }
            }
        }
    }

    fn watch(&mut self, pid: &Pid) {
        let reasons = self.watched.entry(pid.clone()).or_default();
        *reasons += 1;
        if *reasons == 1 {
            self.actions.push_back(Action::Watch(pid.clone()));
        }
    }

    fn unwatch(&mut self, pid: &Pid) {
        let Some(reasons) = self.watched.get_mut(pid) else { return };
        *reasons -= 1;
        if *reasons == 0 {
            self.watched.remove(pid);
            self.actions.push_back(Action::Unwatch(pid.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
