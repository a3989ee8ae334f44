//! The network of the simulation: connections come up, carry packets in order, are slow, break, and are noticed to be broken.

use std::time::Duration;

use super::{Event, Item, Link, Packet, Pending, World};
use crate::service::global::machine::Role;
use crate::service::global::partition::Loss;
use crate::term::Atom;

fn pair(a: &Atom, b: &Atom) -> (Atom, Atom) {
    if a < b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

impl World {
    pub(in crate::service::global) fn is_connected(&self, a: &Atom, b: &Atom) -> bool {
        self.places.get(a).is_some_and(|place| place.peers.contains_key(b))
    }

    /// Connects two nodes; false if they cannot be.
    pub(in crate::service::global) fn connect(&mut self, a: &Atom, b: &Atom) -> bool {
        if self.trace {
            println!("{:?} connect {a} {b}", self.now);
        }
        if a == b || self.is_connected(a, b) {
            return true;
        }
        if self.cut.contains(&pair(a, b)) || !self.places.contains_key(a) || !self.places.contains_key(b) {
            return false;
        }
        if let Some(old) = self.places[b].peers.get(a).copied() {
            // It had not noticed the end of the last one.
            self.ended(old, b, a, Loss::Broken);
        }
        let link = self.number();
        let slow = self.below(10) == 0;
        let delay = 1 + self.below(if slow { self.pace.slow } else { self.pace.wire });
        self.links.insert(link, Link { ends: (a.clone(), b.clone()), delay, last: [self.now; 2] });
        for (one, other) in [(a, b), (b, a)] {
            self.places.get_mut(one).unwrap().peers.insert(other.clone(), link);
            self.put(one, Role::Server, Item::Up(other.clone()));
        }
        true
    }

    /// Ends a connection: `by` knows at once, if one of the two did it.
    pub(super) fn break_link(&mut self, link: u64, by: Option<&Atom>) {
        let Some(Link { ends: (a, b), .. }) = self.links.remove(&link) else { return };
        let silent = self.pace.ticktime > 0 && by.is_none() && self.below(6) == 0;
        for (at, peer) in [(&a, &b), (&b, &a)] {
            if self.below(2) == 0 {
                self.lost.insert((link, at.clone()));
            }
            let (after, loss) = match silent {
                _ if by == Some(at) => (Duration::ZERO, Loss::Broken),
                true if self.below(2) == 0 => {
                    let ticktime = self.pace.ticktime;
                    (self.micros(ticktime), Loss::Silent(Duration::from_micros(ticktime)))
                }
                _ => (self.micros(self.pace.notice), Loss::Broken),
            };
            let event = Event::End { link, at: at.clone(), peer: peer.clone(), loss };
            if after.is_zero() {
                self.ended(link, at, peer, loss);
            } else {
                self.schedule(self.now + after, event);
            }
        }
    }

    /// One side notices: locks, names and calls first, then the node.
    pub(super) fn ended(&mut self, link: u64, at: &Atom, peer: &Atom, loss: Loss) {
        let Some(place) = self.places.get_mut(at).filter(|place| place.peers.get(peer) == Some(&link)) else {
            return;
        };
        place.peers.remove(peer);
        place.watchers.retain(|(_, watcher, _)| watcher != peer);
        let watches: Vec<u64> =
            place.watches.iter().filter(|(_, pid)| pid.node == *peer).map(|(watch, _)| *watch).collect();
        let mut calls = Vec::new();
        place.calls.retain(|id, (node, role)| {
            let lost = node == peer;
            if lost {
                calls.push((*id, *role));
            }
            !lost
        });
        for watch in watches {
            self.put(at, Role::Server, Item::Gone { watch });
        }
        for (id, role) in calls {
            self.put(at, role, Item::Answer { id, answer: None });
        }
        self.put(at, Role::Server, Item::Down(peer.clone(), loss));
    }

    /// Puts something into the mailbox of a process, behind what is there.
    pub(super) fn put(&mut self, at: &Atom, role: Role, item: Item) {
        let wait = self.micros(self.pace.inbox);
        let now = self.now;
        let Some(place) = self.places.get_mut(at) else { return };
        let lane = match (role, &item) {
            (_, Item::Unreachable(_) | Item::Decided { .. }) => 3,
            (Role::Server, _) => 0,
            (Role::Locker, _) => 1,
            (Role::Registrar, _) => 2,
        };
        let when = place.inboxes[lane].max(now + wait);
        place.inboxes[lane] = when;
        let event = Event::Inbox { at: at.clone(), life: place.life, item };
        self.schedule(when, event);
    }

    pub(in crate::service::global) fn disconnect(&mut self, a: &Atom, b: &Atom) {
        let link = self.places.get(a).and_then(|place| place.peers.get(b)).copied();
        if let Some(link) = link {
            match self.links.contains_key(&link) {
                true => self.break_link(link, Some(a)),
                false => self.ended(link, a, b, Loss::Broken),
            }
        }
    }

    /// Cuts the wire until it is mended.
    pub(in crate::service::global) fn cut(&mut self, a: &Atom, b: &Atom) {
        self.cut.insert(pair(a, b));
        let link = self.links.iter().find(|(_, link)| pair(&link.ends.0, &link.ends.1) == pair(a, b));
        if let Some(link) = link.map(|(link, _)| *link) {
            self.break_link(link, None);
        }
    }

    pub(in crate::service::global) fn mend(&mut self) {
        self.cut.clear();
    }

    /// The node is gone with all it had.
    pub(in crate::service::global) fn crash(&mut self, node: &Atom) {
        self.places.remove(node);
        let ends = |link: &Link| link.ends.0 == *node || link.ends.1 == *node;
        let links: Vec<u64> = self.links.iter().filter(|(_, link)| ends(link)).map(|(id, _)| *id).collect();
        for link in links {
            self.break_link(link, None);
        }
    }

    /// Sends; false without a connection.
    pub(super) fn post(&mut self, from: &Atom, to: &Atom, packet: Packet) -> bool {
        let Some(link) = self.places.get(from).and_then(|place| place.peers.get(to)).copied() else {
            return false;
        };
        let jitter = self.below(self.pace.wire) / 4;
        let now = self.now;
        // Into a connection that is gone without that this was noticed: lost.
        let Some(Link { ends, delay, last }) = self.links.get_mut(&link) else { return true };
        let last = &mut last[usize::from(ends.0 != *from)];
        *last = (*last).max(now + Duration::from_micros(*delay + jitter));
        let when = *last;
        self.schedule(when, Event::Packet { link, from: from.clone(), to: to.clone(), packet });
        true
    }

    /// Sends, over a connection that is made first if needed.
    pub(super) fn post_or_dial(&mut self, from: &Atom, to: &Atom, what: Pending) {
        if self.is_connected(from, to) {
            self.arrived(from, to, what, true);
            return;
        }
        let after = self.micros(self.pace.work);
        let now = self.now;
        let place = self.places.get_mut(from).unwrap();
        let life = place.life;
        let waiting = place.dialling.entry(to.clone()).or_default();
        waiting.push(what);
        if waiting.len() == 1 {
            self.schedule(now + after, Event::Dialled { at: from.clone(), life, to: to.clone() });
        }
    }

    pub(super) fn arrived(&mut self, at: &Atom, to: &Atom, what: Pending, connected: bool) {
        match (what, connected) {
            (Pending::Packet(packet), true) => drop(self.post(at, to, packet)),
            (Pending::Packet(Packet::Call { id, .. } | Packet::Names { id }), false) => {
                if let Some((_, role)) = self.places.get_mut(at).unwrap().calls.remove(&id) {
                    self.put(at, role, Item::Answer { id, answer: None });
                }
            }
            (Pending::Packet(Packet::Watch { watch, .. }), false) => {
                self.put(at, Role::Server, Item::Gone { watch });
            }
            (Pending::Packet(_), false) | (Pending::Nothing, true) => {}
            (Pending::Nothing, false) => self.put(at, Role::Server, Item::Unreachable(to.clone())),
        }
    }

    pub(super) fn arrive(&mut self, link: u64, from: &Atom, to: &Atom, packet: Packet) {
        match packet {
            Packet::Message(message) => self.put(to, Role::Server, Item::Message(from.clone(), message)),
            Packet::Call { id, caller, request } => {
                let item = Item::Call { from: from.clone(), link, id, caller, request };
                self.put(to, Role::Server, item);
            }
            Packet::Answer { id, answer } => {
                if let Some((_, role)) = self.places.get_mut(to).unwrap().calls.remove(&id) {
                    self.put(to, role, Item::Answer { id, answer });
                }
            }
            Packet::Names { id } => {
                let names = self.places[to].machine.names.registrations();
                self.post(to, from, Packet::Answer { id, answer: Some(names) });
            }
            Packet::Watch { watch, pid } => self.watched(from, to, watch, pid),
            Packet::Gone { watch } => self.put(to, Role::Server, Item::Gone { watch }),
        }
    }
}
