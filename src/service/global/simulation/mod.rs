//! A cluster in memory: name servers, connections between them that are slow, cut, noticed late or made anew, and a program
//! on each node that registers names. A seed decides everything, so a history that goes wrong can be looked at again.
//!
//! Always true of it, as of the real thing: what one node sends another arrives in order, or not at all once the
//! connection was lost; each side hears of the end of a connection, at a time of its own, before it hears of the next one,
//! and of the ends of watched processes before that. What different processes of a node get is in no order.

mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::machine::{Effect, Global, Outcome, Role, Timer, Verdict};
use super::partition::Loss;
use super::registrar::Request;
use super::resolve::Resolve;
use crate::node::config::Overlap;
use crate::term::{Atom, Pid, Term};

/// How far apart things may be, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// A packet on its way.
    pub(super) wire: u64,
    /// Some connections are slower.
    pub(super) slow: u64,
    /// What has arrived, until the process looks at it.
    pub(super) inbox: u64,
    /// A connection is gone, until a side notices.
    pub(super) notice: u64,
    /// The same when it went silent; none does if this is 0.
    pub(super) ticktime: u64,
    /// A connection is made, or a conflict decided.
    pub(super) work: u64,
}

pub(super) const CALM: Pace = Pace { wire: 1000, slow: 1000, inbox: 100, notice: 0, ticktime: 0, work: 0 };

/// What travels.
#[derive(Debug, Clone)]
enum Packet {
    Message(Term),
    Call { id: u64, caller: Pid, request: Term },
    Answer { id: u64, answer: Option<Term> },
    Watch { watch: u64, pid: Pid },
    Gone { watch: u64 },
    Names { id: u64 },
}

/// What waits for a process of a node.
#[derive(Debug)]
enum Item {
    Up(Atom),
    Down(Atom, Loss),
    Message(Atom, Term),
    Call { from: Atom, link: u64, id: u64, caller: Pid, request: Term },
    Answer { id: u64, answer: Option<Term> },
    Gone { watch: u64 },
    Unreachable(Atom),
    Decided { peer: Atom, tag: i64, verdict: Verdict },
}

#[derive(Debug)]
enum Event {
    Packet {
        link: u64,
        from: Atom,
        to: Atom,
        packet: Packet,
    },
    /// A side notices that the connection is gone.
    End {
        link: u64,
        at: Atom,
        peer: Atom,
        loss: Loss,
    },
    Inbox {
        at: Atom,
        life: u32,
        item: Item,
    },
    Timer {
        at: Atom,
        life: u32,
        timer: Timer,
    },
    Dialled {
        at: Atom,
        life: u32,
        to: Atom,
    },
    Hang {
        at: Atom,
        life: u32,
        node: Atom,
    },
    Decide {
        at: Atom,
        life: u32,
        peer: Atom,
        tag: i64,
        on: Atom,
        method: Term,
        theirs: Pid,
        ours: Pid,
    },
}

/// What waits for a connection.
#[derive(Debug)]
enum Pending {
    Packet(Packet),
    Nothing,
}

/// A name server and what surrounds it.
struct Place {
    machine: Global,
    /// Tells this life of the node from others; the creation of its pids.
    life: u32,
    /// Pids of programs that live here.
    living: BTreeSet<Pid>,
    next_pid: u32,
    /// The connections that it believes to have.
    peers: BTreeMap<Atom, u64>,
    dialling: BTreeMap<Atom, Vec<Pending>>,
    /// Watches of the machine.
    watches: BTreeMap<u64, Pid>,
    /// Who watches processes of this node.
    watchers: Vec<(Pid, Atom, u64)>,
    /// Calls that wait for an answer, whom they asked and for whom.
    calls: BTreeMap<u64, (Atom, Role)>,
    /// When each of its processes gets its last message.
    inboxes: [Duration; 4],
    asked: BTreeSet<u64>,
    done: BTreeMap<u64, Outcome>,
}

/// A connection, as the network sees it.
struct Link {
    ends: (Atom, Atom),
    delay: u64,
    /// When the last packet from the first end, and from the second, arrives.
    last: [Duration; 2],
}

/// See the module.
pub(super) struct World {
    places: BTreeMap<Atom, Place>,
    links: BTreeMap<u64, Link>,
    /// Directions of connections that are gone in which nothing arrives any more.
    lost: BTreeSet<(u64, Atom)>,
    /// Pairs that cannot be connected.
    cut: BTreeSet<(Atom, Atom)>,
    events: BTreeMap<(Duration, u64), Event>,
    pub(super) now: Duration,
    pub(super) pace: Pace,
    overlap: BTreeMap<Atom, Overlap>,
    numbers: u64,
    random: u64,
    /// Print what happens.
    pub(super) trace: bool,
    pub(super) log: Vec<String>,
    /// Processes that lost a conflict.
    pub(super) killed: Vec<Pid>,
}

impl World {
    pub(super) fn new(seed: u64, names: &[&'static str], overlap: Overlap) -> World {
        let mut world = World {
            places: BTreeMap::new(),
            links: BTreeMap::new(),
            lost: BTreeSet::new(),
            cut: BTreeSet::new(),
            events: BTreeMap::new(),
            now: Duration::ZERO,
            pace: CALM,
            overlap: BTreeMap::new(),
            numbers: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            trace: false,
            log: Vec::new(),
            killed: Vec::new(),
        };
        for name in names {
            let name = Atom::new(name).unwrap();
            world.overlap.insert(name.clone(), overlap);
            world.boot(&name);
        }
        world
    }

    /// Starts a node that does not run; each time it is another life of it.
    pub(super) fn boot(&mut self, name: &Atom) {
        if self.places.contains_key(name) {
            return;
        }
        let life = self.number() as u32;
        let pid = |id| Pid { node: name.clone(), id, serial: 0, creation: life };
        let seed = self.below(u64::MAX);
        let machine = Global::new(name.clone(), pid(1), pid(2), true, self.overlap[name], seed);
        let place = Place {
            machine,
            life,
            living: BTreeSet::from([pid(1), pid(2)]),
            next_pid: 3,
            peers: BTreeMap::new(),
            dialling: BTreeMap::new(),
            watches: BTreeMap::new(),
            watchers: Vec::new(),
            calls: BTreeMap::new(),
            inboxes: [Duration::ZERO; 4],
            asked: BTreeSet::new(),
            done: BTreeMap::new(),
        };
        self.places.insert(name.clone(), place);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    fn micros(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound + 1))
    }

    pub(super) fn names(&self) -> Vec<Atom> {
        self.overlap.keys().cloned().collect()
    }

    fn schedule(&mut self, when: Duration, event: Event) {
        let number = self.number();
        self.events.insert((when, number), event);
    }

    fn step(&mut self, at: &Atom, run: impl FnOnce(&mut Global)) {
        let Some(place) = self.places.get_mut(at) else { return };
        run(&mut place.machine);
        let effects = place.machine.effects();
        for effect in effects {
            self.perform(at, effect);
        }
    }

    fn perform(&mut self, at: &Atom, effect: Effect) {
        let Some(place) = self.places.get_mut(at) else { return };
        let life = place.life;
        match effect {
            Effect::Send { to, message, connect: true, .. } => {
                self.post_or_dial(at, &to, Pending::Packet(Packet::Message(message)));
            }
            Effect::Send { to, message, .. } => drop(self.post(at, &to, Packet::Message(message))),
            Effect::Call { id, role, node, connect: false, .. } if !place.peers.contains_key(&node) => {
                self.put(at, role, Item::Answer { id, answer: None });
            }
            Effect::Call { id, role, node, request, .. } => {
                let caller = match role {
                    Role::Locker => place.machine.locker_pid.clone(),
                    _ => place.machine.registrar_pid.clone(),
                };
                place.calls.insert(id, (node.clone(), role));
                self.post_or_dial(at, &node, Pending::Packet(Packet::Call { id, caller, request }));
            }
            Effect::Names { id, node } => {
                place.calls.insert(id, (node.clone(), Role::Server));
                self.post_or_dial(at, &node, Pending::Packet(Packet::Names { id }));
            }
            Effect::Watch { watch, pid } => {
                place.watches.insert(watch, pid.clone());
                match pid.node == *at {
                    true => self.watched(at, at, watch, pid),
                    false => {
                        let node = pid.node.clone();
                        self.post_or_dial(at, &node, Pending::Packet(Packet::Watch { watch, pid }));
                    }
                }
            }
            Effect::Unwatch { watch } => {
                place.watches.remove(&watch);
            }
            Effect::Disconnect(node) => {
                let when = self.now + self.micros(self.pace.work.min(2000));
                self.schedule(when, Event::Hang { at: at.clone(), life, node });
            }
            Effect::Connect(node) => self.post_or_dial(at, &node, Pending::Nothing),
            Effect::Resolve { peer, tag, at: on, method, name: _, theirs, ours } => {
                let when = self.now + self.micros(self.pace.work);
                let at = at.clone();
                self.schedule(when, Event::Decide { at, life, peer, tag, on, method, theirs, ours });
            }
            Effect::Timer { timer, after } => {
                self.schedule(self.now + after, Event::Timer { at: at.clone(), life, timer });
            }
            Effect::Done { ticket, outcome } => {
                place.asked.remove(&ticket);
                place.done.insert(ticket, outcome);
            }
            Effect::Log { text, .. } => {
                let text = format!("{:?} {at}: {text}", self.now);
                self.log.push(text);
            }
        }
    }

    /// The method decides a conflict, as `resolve_it` runs it: the one on the greater node goes, or both.
    fn decide(&mut self, at: &Atom, on: &Atom, method: &Term, theirs: Pid, ours: Pid) -> Verdict {
        if on != at && !self.is_connected(at, on) {
            return Verdict::Failed;
        }
        if *method == Resolve::NotifyAll.method() {
            return Verdict::Neither;
        }
        let (kept, killed) = match theirs.node < ours.node {
            true => (Verdict::Theirs, ours),
            false => (Verdict::Ours, theirs),
        };
        if self.connect(on, &killed.node) {
            self.kill(&killed);
            self.killed.push(killed);
        }
        kept
    }

    /// A watch on a process of `to` begins.
    fn watched(&mut self, from: &Atom, to: &Atom, watch: u64, pid: Pid) {
        let Some(place) = self.places.get_mut(to) else { return };
        if place.living.contains(&pid) {
            place.watchers.push((pid, from.clone(), watch));
        } else {
            self.gone(from, to, watch);
        }
    }

    fn gone(&mut self, from: &Atom, to: &Atom, watch: u64) {
        match from == to {
            true => self.put(from, Role::Server, Item::Gone { watch }),
            false => drop(self.post(to, from, Packet::Gone { watch })),
        }
    }

    /// A new process on this node.
    pub(super) fn spawn(&mut self, at: &Atom) -> Pid {
        let place = self.places.get_mut(at).unwrap();
        let pid = Pid { node: at.clone(), id: place.next_pid, serial: 0, creation: place.life };
        place.next_pid += 1;
        place.living.insert(pid.clone());
        pid
    }

    pub(super) fn kill(&mut self, pid: &Pid) {
        let Some(place) = self.places.get_mut(&pid.node) else { return };
        place.living.remove(pid);
        let watchers = std::mem::take(&mut place.watchers);
        let (gone, left): (Vec<_>, Vec<_>) = watchers.into_iter().partition(|(watched, _, _)| watched == pid);
        place.watchers = left;
        for (_, from, watch) in gone {
            self.gone(&from, &pid.node, watch);
        }
    }

    /// Asks the registrar; the outcome is there when the world has run.
    pub(super) fn ask(&mut self, at: &Atom, request: Request) -> u64 {
        let ticket = self.number();
        self.places.get_mut(at).unwrap().asked.insert(ticket);
        self.step(at, |machine| machine.ask(ticket, request));
        ticket
    }

    pub(super) fn register(&mut self, at: &Atom, name: &str, pid: &Pid, resolve: &Resolve) -> u64 {
        let request =
            Request::Register { name: Term::binary(name), pid: pid.clone(), method: resolve.method() };
        self.ask(at, request)
    }

    pub(super) fn sync(&mut self, at: &Atom) -> u64 {
        let ticket = self.number();
        self.places.get_mut(at).unwrap().asked.insert(ticket);
        self.step(at, |machine| machine.sync(ticket));
        ticket
    }

    pub(super) fn outcome(&self, at: &Atom, ticket: u64) -> Option<Outcome> {
        self.places[at].done.get(&ticket).copied()
    }

    /// The next thing happens. False if nothing is left.
    pub(super) fn tick(&mut self) -> bool {
        let Some(((when, _), event)) = self.events.pop_first() else { return false };
        self.now = when;
        if self.trace {
            println!("{when:?} {event:?}");
        }
        let life = |world: &World, at: &Atom| world.places.get(at).map(|place| place.life);
        match event {
            Event::Packet { link, from, to, packet } => {
                let up = self.places.get(&to).is_some_and(|place| place.peers.get(&from) == Some(&link));
                if up && !self.lost.contains(&(link, to.clone())) {
                    self.arrive(link, &from, &to, packet);
                }
            }
            Event::End { link, at, peer, loss } => self.ended(link, &at, &peer, loss),
            Event::Inbox { at, life: then, item } if life(self, &at) == Some(then) => self.open(&at, item),
            Event::Timer { at, life: then, timer } if life(self, &at) == Some(then) => {
                self.step(&at, |machine| machine.timer(timer));
            }
            Event::Dialled { at, life: then, to } if life(self, &at) == Some(then) => {
                let connected = self.connect(&at, &to);
                for what in self.places.get_mut(&at).unwrap().dialling.remove(&to).unwrap() {
                    self.arrived(&at, &to, what, connected);
                }
            }
            Event::Hang { at, life: then, node } if life(self, &at) == Some(then) => {
                self.disconnect(&at, &node);
            }
            Event::Decide { at, life: then, peer, tag, on, method, theirs, ours }
                if life(self, &at) == Some(then) =>
            {
                let verdict = self.decide(&at, &on, &method, theirs, ours);
                self.put(&at, Role::Server, Item::Decided { peer, tag, verdict });
            }
            _ => {}
        }
        true
    }

    /// A process looks at what it got.
    fn open(&mut self, at: &Atom, item: Item) {
        match item {
            Item::Up(node) => self.step(at, |machine| machine.node_up(node)),
            Item::Down(node, loss) => self.step(at, |machine| machine.node_down(&node, loss)),
            Item::Message(from, message) => self.step(at, |machine| machine.message(&from, &message)),
            Item::Call { from, link, id, caller, request } => {
                let mut answer = None;
                self.step(at, |machine| answer = machine.call(&caller, &request));
                // The answer is for the connection that the question came over.
                if self.places[at].peers.get(&from) == Some(&link) {
                    self.post(at, &from, Packet::Answer { id, answer });
                }
            }
            Item::Answer { id, answer } => self.step(at, |machine| machine.answer(id, answer)),
            Item::Gone { watch } => {
                if self.places.get_mut(at).unwrap().watches.remove(&watch).is_some() {
                    self.step(at, |machine| machine.down(watch));
                }
            }
            Item::Unreachable(node) => self.step(at, |machine| machine.unreachable(&node)),
            Item::Decided { peer, tag, verdict } => {
                self.step(at, |machine| machine.resolved_one(&peer, tag, verdict));
            }
        }
    }

    /// Lets everything happen that does within `limit`; panics if it is endless.
    pub(super) fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        for _ in 0..2_000_000 {
            if self.events.first_key_value().is_none_or(|((when, _), _)| *when > end) {
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

    pub(super) fn is_running(&self, node: &Atom) -> bool {
        self.places.contains_key(node)
    }

    pub(super) fn lives(&self, pid: &Pid) -> bool {
        self.places.get(&pid.node).is_some_and(|place| place.living.contains(pid))
    }

    /// Whether a question of this process to another node is not answered yet.
    pub(super) fn asks(&self, at: &Atom, node: &Atom, role: Role) -> bool {
        self.places[at].calls.values().any(|(asked, by)| asked == node && *by == role)
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

    /// What is missing for all nodes to be one cluster at rest: each knows and is connected to each, all tables are equal
    /// and name processes that live, no lock is left, nothing waits, nothing is kept that is over.
    pub(super) fn flaw(&self) -> Option<String> {
        let all: BTreeSet<Atom> = self.places.keys().cloned().collect();
        let first = self.places.keys().next().unwrap();
        for (name, place) in &self.places {
            let machine = &place.machine;
            let mut others = all.clone();
            others.remove(name);
            let flaw = |what: String| Some(format!("{what}; {name}: {machine:?}\n{}", self.log.join("\n")));
            if self.known(name) != others {
                return flaw(format!("{name} knows {:?}", self.known(name)));
            }
            if machine.synced != others || machine.connected != others {
                return flaw(format!(
                    "{name} is in step with {:?}, connected to {:?}",
                    machine.synced, machine.connected
                ));
            }
            let table = self.table(name);
            if table != self.table(first) {
                return flaw(format!("the names of {name}, {table:?}, and {:?}", self.table(first)));
            }
            if let Some((name, pid)) = table.iter().find(|(_, pid)| !self.lives(pid)) {
                return flaw(format!("{name:?} is {pid:?}, who is dead"));
            }
            if !place.asked.is_empty() {
                return flaw(format!("requests {:?} are not done", place.asked));
            }
            if let Some(what) = machine.unrest() {
                return flaw(what);
            }
            if place.watches.len() != table.len() || !place.calls.is_empty() || !place.dialling.is_empty() {
                return flaw(format!("watches {:?}, calls {:?}", place.watches, place.calls));
            }
        }
        None
    }

    pub(super) fn assert_whole(&self, what: &str) {
        if let Some(flaw) = self.flaw() {
            panic!("{what}: {flaw}");
        }
    }
}
