//! A cluster in memory: any number of name servers, wires between them that are cut and mended, and a program on each
//! node that registers names. A seed decides everything, so a history that goes wrong can be looked at again.
//!
//! Always true of it: what one node sends another arrives in order and whole, or not at all once the wire was cut; the
//! ends of watched processes are told before the end of their node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::machine::{Effect, Global, Outcome, Role, Timer, Verdict};
use super::partition::Loss;
use super::registrar::Request;
use super::resolve::Resolve;
use crate::node::config::Overlap;
use crate::term::{Atom, Pid, Term};

/// What travels on a wire.
#[derive(Debug, Clone)]
enum Packet {
    Message(Term),
    Call { id: u64, caller: Pid, request: Term },
    Answer { id: u64, answer: Option<Term> },
}

/// A name server and what surrounds it.
struct Place {
    machine: Global,
    /// Pids of programs that live here.
    living: BTreeSet<Pid>,
    next_pid: u32,
    /// Watches of the machine.
    watches: BTreeMap<u64, Pid>,
    /// Calls that wait for an answer, and whom they asked.
    calls: BTreeMap<u64, Atom>,
    timers: Vec<(Duration, Timer)>,
    done: BTreeMap<u64, Outcome>,
}

/// See the module.
pub(super) struct World {
    places: BTreeMap<Atom, Place>,
    /// What is on its way, by sender and receiver; a wire that is in here is whole.
    wires: BTreeMap<(Atom, Atom), VecDeque<Packet>>,
    /// Pairs that cannot be connected.
    cut: BTreeSet<(Atom, Atom)>,
    pub(super) now: Duration,
    random: u64,
    next_ticket: u64,
    pub(super) packets: u64,
    pub(super) log: Vec<String>,
    /// Processes that lost a conflict.
    pub(super) killed: Vec<Pid>,
}

fn pair(a: &Atom, b: &Atom) -> (Atom, Atom) {
    if a < b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

impl World {
    pub(super) fn new(seed: u64, names: &[&'static str], overlap: Overlap) -> World {
        let mut world = World {
            places: BTreeMap::new(),
            wires: BTreeMap::new(),
            cut: BTreeSet::new(),
            now: Duration::ZERO,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            next_ticket: 0,
            packets: 0,
            log: Vec::new(),
            killed: Vec::new(),
        };
        for name in names {
            world.boot(name, overlap);
        }
        world
    }

    fn boot(&mut self, name: &str, overlap: Overlap) {
        let name = Atom::new(name).unwrap();
        let pid = |id| Pid { node: name.clone(), id, serial: 0, creation: 1 };
        let seed = self.below(u64::MAX);
        let machine = Global::new(name.clone(), pid(1), pid(2), true, overlap, seed);
        let place = Place {
            machine,
            living: BTreeSet::from([pid(1), pid(2)]),
            next_pid: 3,
            watches: BTreeMap::new(),
            calls: BTreeMap::new(),
            timers: Vec::new(),
            done: BTreeMap::new(),
        };
        self.places.insert(name, place);
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    pub(super) fn names(&self) -> Vec<Atom> {
        self.places.keys().cloned().collect()
    }

    pub(super) fn is_connected(&self, a: &Atom, b: &Atom) -> bool {
        self.wires.contains_key(&(a.clone(), b.clone()))
    }

    /// Connects two nodes; false if they cannot be.
    pub(super) fn connect(&mut self, a: &Atom, b: &Atom) -> bool {
        if a == b || self.is_connected(a, b) {
            return true;
        }
        if self.cut.contains(&pair(a, b)) || !self.places.contains_key(a) || !self.places.contains_key(b) {
            return false;
        }
        self.wires.insert((a.clone(), b.clone()), VecDeque::new());
        self.wires.insert((b.clone(), a.clone()), VecDeque::new());
        self.step(a, |machine| machine.node_up(b.clone()));
        self.step(b, |machine| machine.node_up(a.clone()));
        true
    }

    /// Ends a connection: what is on its way is lost. Neither side does anything before both know.
    pub(super) fn disconnect(&mut self, a: &Atom, b: &Atom) {
        if self.wires.remove(&(a.clone(), b.clone())).is_none() {
            return;
        }
        self.wires.remove(&(b.clone(), a.clone()));
        let mut effects = self.tell_down(a, b);
        effects.extend(self.tell_down(b, a));
        for (at, effect) in effects {
            self.perform(&at, effect);
        }
    }

    /// Locks, names and calls first, then the node.
    fn tell_down(&mut self, at: &Atom, gone: &Atom) -> Vec<(Atom, Effect)> {
        let Some(place) = self.places.get_mut(at) else { return Vec::new() };
        let machine = &mut place.machine;
        place.watches.retain(|watch, pid| {
            let lost = pid.node == *gone;
            if lost {
                machine.down(*watch);
            }
            !lost
        });
        place.calls.retain(|id, node| {
            let lost = node == gone;
            if lost {
                machine.answer(*id, None);
            }
            !lost
        });
        machine.node_down(gone, Loss::Broken);
        machine.effects().into_iter().map(|effect| (at.clone(), effect)).collect()
    }

    /// Cuts the wire for good.
    pub(super) fn cut(&mut self, a: &Atom, b: &Atom) {
        self.cut.insert(pair(a, b));
        self.disconnect(a, b);
    }

    pub(super) fn mend(&mut self) {
        self.cut.clear();
    }

    /// The node is gone with all it had.
    pub(super) fn crash(&mut self, node: &Atom) {
        self.places.remove(node);
        let others = self.names();
        for other in others {
            if self.wires.remove(&(node.clone(), other.clone())).is_some() {
                self.wires.remove(&(other.clone(), node.clone()));
                for (at, effect) in self.tell_down(&other, node) {
                    self.perform(&at, effect);
                }
            }
        }
    }

    fn step(&mut self, at: &Atom, run: impl FnOnce(&mut Global)) {
        let Some(place) = self.places.get_mut(at) else { return };
        run(&mut place.machine);
        let effects = place.machine.effects();
        for effect in effects {
            self.perform(at, effect);
        }
    }

    fn post(&mut self, from: &Atom, to: &Atom, packet: Packet) -> bool {
        match self.wires.get_mut(&(from.clone(), to.clone())) {
            Some(wire) => {
                wire.push_back(packet);
                true
            }
            None => false,
        }
    }

    fn perform(&mut self, at: &Atom, effect: Effect) {
        match effect {
            Effect::Send { to, message, connect, .. } => {
                if !connect || self.connect(at, &to) {
                    self.post(at, &to, Packet::Message(message));
                }
            }
            Effect::Call { id, role, node, request } => {
                let machine = &self.places[at].machine;
                let caller = if role == Role::Locker {
                    machine.locker_pid.clone()
                } else {
                    machine.registrar_pid.clone()
                };
                self.connect(at, &node);
                match self.post(at, &node, Packet::Call { id, caller, request }) {
                    true => drop(self.places.get_mut(at).unwrap().calls.insert(id, node)),
                    false => self.step(at, |machine| machine.answer(id, None)),
                }
            }
            Effect::Watch { watch, pid } => {
                if pid.node != *at {
                    self.connect(at, &pid.node);
                }
                let reachable = pid.node == *at || self.is_connected(at, &pid.node);
                let lives = self.places.get(&pid.node).is_some_and(|place| place.living.contains(&pid));
                match reachable && lives {
                    true => drop(self.places.get_mut(at).unwrap().watches.insert(watch, pid)),
                    false => self.step(at, |machine| machine.down(watch)),
                }
            }
            Effect::Unwatch { watch } => {
                self.places.get_mut(at).unwrap().watches.remove(&watch);
            }
            Effect::Disconnect(node) => self.disconnect(at, &node),
            Effect::Introduce(node) => match self.connect(at, &node) {
                true => {
                    let message = super::wire::in_sync(at);
                    self.post(at, &node, Packet::Message(message));
                }
                false => self.step(at, |machine| machine.unreachable(&node)),
            },
            Effect::Resolve { peer, tag, at: _, method, name: _, theirs, ours } => {
                // The method, as `resolve_it` runs it: the one on the greater node goes, or both.
                let verdict = if method == Resolve::NotifyAll.method() {
                    Verdict::Neither
                } else {
                    let (kept, killed) = if theirs.node < ours.node {
                        (Verdict::Theirs, ours)
                    } else {
                        (Verdict::Ours, theirs)
                    };
                    self.kill(&killed);
                    self.killed.push(killed);
                    kept
                };
                self.step(at, |machine| machine.resolved_one(&peer, tag, verdict));
            }
            Effect::Timer { timer, after } => {
                let due = self.now + after;
                self.places.get_mut(at).unwrap().timers.push((due, timer));
            }
            Effect::Done { ticket, outcome } => {
                self.places.get_mut(at).unwrap().done.insert(ticket, outcome);
            }
            Effect::Log { text, .. } => self.log.push(format!("{at}: {text}")),
        }
    }

    /// A new process on this node.
    pub(super) fn spawn(&mut self, at: &Atom) -> Pid {
        let place = self.places.get_mut(at).unwrap();
        let pid = Pid { node: at.clone(), id: place.next_pid, serial: 0, creation: 1 };
        place.next_pid += 1;
        place.living.insert(pid.clone());
        pid
    }

    pub(super) fn kill(&mut self, pid: &Pid) {
        if let Some(place) = self.places.get_mut(&pid.node) {
            place.living.remove(pid);
        }
        for name in self.names() {
            let place = &self.places[&name];
            let watches: Vec<u64> = place
                .watches
                .iter()
                .filter(|(_, watched)| *watched == pid)
                .map(|(watch, _)| *watch)
                .collect();
            for watch in watches {
                self.places.get_mut(&name).unwrap().watches.remove(&watch);
                self.step(&name, |machine| machine.down(watch));
            }
        }
    }

    /// Asks the registrar; the outcome is there when the world has run.
    pub(super) fn ask(&mut self, at: &Atom, request: Request) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.step(at, |machine| machine.ask(ticket, request));
        ticket
    }

    pub(super) fn register(&mut self, at: &Atom, name: &str, pid: &Pid, resolve: &Resolve) -> u64 {
        let request =
            Request::Register { name: Term::binary(name), pid: pid.clone(), method: resolve.method() };
        self.ask(at, request)
    }

    pub(super) fn sync(&mut self, at: &Atom) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        self.step(at, |machine| machine.sync(ticket));
        ticket
    }

    pub(super) fn outcome(&self, at: &Atom, ticket: u64) -> Option<Outcome> {
        self.places[at].done.get(&ticket).copied()
    }

    /// One thing happens: a packet arrives, or when none is on its way, the next timer is due. False if nothing is left.
    pub(super) fn tick(&mut self) -> bool {
        let busy: Vec<(Atom, Atom)> =
            self.wires.iter().filter(|(_, wire)| !wire.is_empty()).map(|(ends, _)| ends.clone()).collect();
        if !busy.is_empty() {
            let place = self.below(busy.len() as u64) as usize;
            let (from, to) = busy[place].clone();
            let packet = self.wires.get_mut(&busy[place]).and_then(VecDeque::pop_front).unwrap();
            self.packets += 1;
            self.arrive(&from, &to, packet);
            return true;
        }
        let next = self.places.iter().flat_map(|(name, place)| {
            place.timers.iter().enumerate().map(|(index, (due, _))| (*due, name.clone(), index))
        });
        let Some((due, name, index)) = next.min() else { return false };
        self.now = self.now.max(due);
        let (_, timer) = self.places.get_mut(&name).unwrap().timers.swap_remove(index);
        self.step(&name, |machine| machine.timer(timer));
        true
    }

    fn arrive(&mut self, from: &Atom, to: &Atom, packet: Packet) {
        match packet {
            Packet::Message(message) => self.step(to, |machine| machine.message(from, &message)),
            Packet::Call { id, caller, request } => {
                let mut answer = None;
                self.step(to, |machine| answer = machine.call(&caller, &request));
                self.post(to, from, Packet::Answer { id, answer });
            }
            Packet::Answer { id, answer } => {
                if self.places.get_mut(to).is_some_and(|place| place.calls.remove(&id).is_some()) {
                    self.step(to, |machine| machine.answer(id, answer));
                }
            }
        }
    }

    /// Lets everything happen that is on its way, up to `limit` of time; panics if it never ends.
    pub(super) fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        for _ in 0..2_000_000 {
            let idle = self.wires.values().all(VecDeque::is_empty);
            let due = self.places.values().flat_map(|place| place.timers.iter().map(|(due, _)| *due)).min();
            if idle && due.is_none_or(|due| due > end) {
                self.now = end;
                return;
            }
            self.tick();
        }
        panic!(
            "the cluster never comes to rest: {:?}",
            self.places.values().map(|p| &p.machine).collect::<Vec<_>>()
        );
    }

    pub(super) fn known(&self, at: &Atom) -> BTreeSet<Atom> {
        self.places[at].machine.known.keys().cloned().collect()
    }

    pub(super) fn table(&self, at: &Atom) -> BTreeMap<Term, Pid> {
        let machine = &self.places[at].machine;
        let names = machine.registered_names();
        names.into_iter().map(|name| (name.clone(), machine.whereis(&name).unwrap().clone())).collect()
    }

    pub(super) fn machine(&mut self, at: &Atom) -> &mut Global {
        &mut self.places.get_mut(at).unwrap().machine
    }

    pub(super) fn deliver(&mut self, from: &Atom, to: &Atom, message: &Term) {
        self.step(to, |machine| machine.message(from, message));
    }

    pub(super) fn call(&mut self, caller: &Pid, to: &Atom, request: &Term) -> Option<Term> {
        let mut answer = None;
        self.step(to, |machine| answer = machine.call(caller, request));
        answer
    }

    /// All nodes are one cluster at rest: each knows and is connected to each, all tables are equal, no lock is left.
    pub(super) fn assert_whole(&self, what: &str) {
        let all: BTreeSet<Atom> = self.places.keys().cloned().collect();
        let first = self.places.keys().next().unwrap();
        for (name, place) in &self.places {
            let machine = &place.machine;
            let mut others = all.clone();
            others.remove(name);
            assert_eq!(
                self.known(name),
                others,
                "{what}: whom {name} knows; {:?}\n{}",
                machine,
                self.log.join("\n")
            );
            assert_eq!(machine.synced, others, "{what}: who is in step with {name}");
            assert_eq!(machine.connected, others, "{what}: who is connected to {name}");
            assert_eq!(self.table(name), self.table(first), "{what}: the names of {name} and {first}");
            assert_eq!(machine.locks.len(), 0, "{what}: locks of {name}: {machine:?}");
            assert!(machine.locker_is_idle(), "{what}: the locker of {name}: {machine:?}");
            assert!(machine.registrar_is_idle(), "{what}: the registrar of {name}: {machine:?}");
            assert!(machine.sessions.is_empty(), "{what}: the sessions of {name}: {machine:?}");
        }
    }
}
