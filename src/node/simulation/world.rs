//! The nodes, the connections between them, and the hand of fate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::actor::{is_noconnection, is_noproc, number_of, Actor, Seen, LOCAL};
use super::Random;
use crate::error::Result;
use crate::net::link::{DownReason, Link, LinkParams, Ticker};
use crate::node::config::{AutoConnect, Config};
use crate::node::mailbox::MailboxOptions;
use crate::node::process::AliasMode;
use crate::node::send::Target;
use crate::node::spawn::Request;
use crate::node::{Citizen, Inner, Node};
use crate::proto::flags::Flags;
use crate::proto::header::{AssemblyLimits, AtomCensus, PacketReader};
use crate::runtime;
use crate::term::{Atom, Pid, Writer};

/// Most processes that live on a node at a time.
const CROWD: usize = 4;
/// Bytes that wait for a peer before messages, but never signals, are refused.
const BUSY_LIMIT: usize = 2_000;
const TICKTIME: Duration = Duration::from_secs(60);
/// Ticks of a ticktime.
const INTENSITY: u32 = 4;

/// What happened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    sent: u64,
    received: u64,
    busy: u64,
    downs: u64,
    exits: u64,
    noconnection: u64,
    noproc: u64,
    connected: u64,
    cut: u64,
    half_open: u64,
    restarted: u64,
    linked: u64,
    watched: u64,
    jumped: u64,
    given_up: u64,
}

impl Totals {
    fn fields(&mut self) -> [&mut u64; 15] {
        let Totals { sent, received, busy, downs, exits, noconnection, noproc, .. } = self;
        let Totals { connected, cut, half_open, restarted, linked, watched, .. } = self;
        let Totals { jumped, given_up, .. } = self;
        [
            sent,
            received,
            busy,
            downs,
            exits,
            noconnection,
            noproc,
            connected,
            cut,
            half_open,
            restarted,
            linked,
            watched,
            jumped,
            given_up,
        ]
    }

    pub(super) fn add(&mut self, other: &Totals) {
        let mut other = *other;
        for (sum, count) in self.fields().into_iter().zip(other.fields()) {
            *sum += *count;
        }
    }

    pub(super) fn all_happened(mut self) -> bool {
        self.fields().into_iter().all(|count| *count > 0)
    }
}

/// A node without services.
struct Nobody;

impl Citizen for Nobody {
    fn start(&self, _: &Arc<Inner>) -> Result<()> {
        Ok(())
    }

    fn call(&self, _: &Arc<Inner>, request: Request) -> Option<Request> {
        Some(request)
    }

    fn peer_up(&self, _: &Arc<Inner>, _: &Atom, _: bool) {}

    fn peer_down(&self, _: &Arc<Inner>, _: &Atom, _: bool, _: &DownReason) {}

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// One end of a connection.
struct End {
    node: usize,
    link: Arc<Link>,
    ticker: Ticker,
    packets: PacketReader,
    /// On the wire towards this end.
    incoming: Vec<u8>,
    buffer: BytesMut,
    /// The end of the stream, once everything on the wire has arrived.
    ended: bool,
    /// Nothing comes any more, not even the end: until its ticktime is over, it holds a connection that is none.
    silent: bool,
    down: bool,
}

/// See the module.
pub(super) struct World {
    random: Random,
    nodes: Vec<Node>,
    /// What the clock of each node shows.
    clocks: Vec<Instant>,
    wires: Vec<[End; 2]>,
    /// By node and peer, the connection in use.
    up: HashMap<(usize, usize), usize>,
    actors: Vec<Actor>,
    totals: Totals,
}

fn boot(number: usize) -> Node {
    let config = Config::new(format!("n{number}@localhost")).cookie("secret");
    let config = config.listen(false).auto_connect(AutoConnect::Never);
    let booting = Node::boot_async(config, Arc::new(Nobody), runtime::current().unwrap());
    runtime::park_on(booting, None).unwrap().unwrap()
}

fn term(name: &str, number: usize) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.tuple(2).atom(name).u64(number as u64);
    writer.finish().unwrap()
}

impl World {
    pub(super) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let nodes: Vec<Node> = (0..2 + random.below(4)).map(boot).collect();
        // Late enough that it can jump back.
        let clocks = vec![Instant::now() + Duration::from_secs(1_000_000); nodes.len()];
        let (wires, actors) = (Vec::new(), Vec::new());
        let mut world =
            World { random, nodes, clocks, wires, up: HashMap::new(), actors, totals: Totals::default() };
        for node in 0..world.nodes.len() {
            world.new_actor(node);
            world.new_actor(node);
        }
        for _ in 0..world.nodes.len() {
            world.connect();
        }
        world
    }

    /// One thing happens.
    pub(super) fn step(&mut self) {
        match self.random.below(200) {
            0..=3 => self.connect(),
            4..=6 => self.cut(),
            8..=10 => self.time_passes(true),
            7 if self.random.chance(40) => self.restart(),
            7..=14 => {
                let node = self.random.below(self.nodes.len());
                self.new_actor(node);
            }
            15..=104 => self.act(),
            105..=124 => {
                let actor = self.random.below(self.actors.len());
                self.look(actor);
            }
            _ => self.carry_something(),
        }
        self.bury();
    }

    fn new_actor(&mut self, node: usize) {
        let living = self.actors.iter().filter(|actor| actor.node == node && actor.is_alive()).count();
        if living >= CROWD {
            return;
        }
        let trap_exit = self.random.chance(80);
        let mailbox = self.nodes[node].mailbox(MailboxOptions { trap_exit, ..Default::default() }).unwrap();
        mailbox.monitor_nodes(Default::default());
        if self.random.chance(40) {
            // Taken names stay with whoever has them.
            let _ = mailbox.register("server");
        }
        let mut actor = Actor::new(node, mailbox);
        for ((own, peer), wire) in &self.up {
            if *own == node {
                actor.knows(*peer, *wire);
            }
        }
        self.actors.push(actor);
    }

    /// Those who ended since are known to have.
    fn bury(&mut self) {
        for actor in &mut self.actors {
            if actor.reason.is_none() && !actor.mailbox.is_alive() {
                actor.reason = actor.mailbox.exit_reason();
            }
        }
    }

    // ------------------------------------------------------------------------------------------- processes act

    /// A process does something to another.
    fn act(&mut self) {
        let (number, other) = (self.random.below(self.actors.len()), self.random.below(self.actors.len()));
        let pid = self.actors[other].pid.clone();
        if !self.actors[number].is_alive() || self.is_from_the_future(number, &pid) {
            return;
        }
        match self.random.below(100) {
            0..=39 => self.send(number, other),
            40..=54 => {
                self.totals.linked += 1;
                self.actors[number].mailbox.link(&pid).unwrap();
            }
            55..=62 => self.actors[number].mailbox.unlink(&pid).unwrap(),
            63..=80 => self.watch(number, other),
            81..=86 => {
                let flush = self.random.chance(50);
                let actor = &mut self.actors[number];
                let Some(reference) = actor.watches.keys().min_by_key(|r| r.words().to_vec()).cloned() else {
                    return;
                };
                // Without flush the DOWN may be in the mailbox, and stays the one that is expected.
                if actor.mailbox.demonitor(&reference, flush) || flush {
                    actor.watches.remove(&reference);
                }
            }
            87..=92 => self.actors[number].mailbox.exit(&pid, &term("asked", number)).unwrap(),
            93..=97 => self.actors[number].mailbox.close(&term("ended", number)).unwrap(),
            _ => {
                let mailbox = &self.actors[number].mailbox;
                let alias = mailbox.alias();
                mailbox.unalias(&alias);
                mailbox.priority_alias();
            }
        }
    }

    /// The node of `pid` has started again, and the node of the actor, still connected to its last life, cannot know.
    fn is_from_the_future(&self, number: usize, pid: &Pid) -> bool {
        let (own, node) = (self.actors[number].node, number_of(pid.node.as_str()));
        self.up.get(&(own, node)).is_some_and(|wire| {
            let known = self.wires[*wire].iter().find(|end| end.node == own).map(|end| end.link.creation);
            let current = self.nodes[node].creation();
            known != Some(current) && pid.creation == current
        })
    }

    fn send(&mut self, number: usize, other: usize) {
        let (from, to) = (self.actors[number].node, self.actors[other].pid.clone());
        let wire = match self.actors[other].node {
            node if node == from => LOCAL,
            node => match self.up.get(&(from, node)) {
                Some(wire) => *wire,
                None => return,
            },
        };
        let size = match self.random.below(400) {
            0..=389 => self.random.below(60),
            390..=398 => self.random.below(2_000),
            _ => 66_000 + self.random.below(70_000),
        };
        let actor = &mut self.actors[number];
        let message = actor.message(&to, wire, size);
        match actor.mailbox.send(&Target::Pid(to.clone()), &message, Some(Duration::ZERO)) {
            Ok(()) => {
                *actor.sent.entry((to, wire)).or_default() += 1;
                self.totals.sent += 1;
            }
            Err(_) => self.totals.busy += 1,
        }
    }

    fn watch(&mut self, number: usize, other: usize) {
        self.totals.watched += 1;
        let (name, alias) = (self.random.chance(30), self.random.chance(30));
        let target = match name {
            true => Target::NameNode(Atom::from_static("server"), self.actors[other].pid.node.clone()),
            false => Target::Pid(self.actors[other].pid.clone()),
        };
        let actor = &mut self.actors[number];
        let reference = match alias {
            true => actor.mailbox.monitor_alias(&target, AliasMode::Demonitor),
            false => actor.mailbox.monitor(&target),
        };
        actor.watches.insert(reference.unwrap(), (!name).then_some(other));
    }

    /// A process reads its mailbox.
    fn look(&mut self, number: usize) {
        while let Some(seen) = self.actors[number].look() {
            match seen {
                Seen::Message => self.totals.received += 1,
                Seen::NodeUp | Seen::NodeDown => {}
                Seen::Down { target, over, reason } => {
                    self.totals.downs += 1;
                    self.check_reason(number, target, over, &reason);
                }
                Seen::Exit { from, reason } => {
                    self.totals.exits += 1;
                    let target = self.actors.iter().position(|actor| actor.pid == from).unwrap();
                    let asked = crate::term::Reader::new(&reason).tuple_of(2)
                        && self.actors[target].reason.as_ref() != Some(&reason);
                    if !asked {
                        self.check_reason(number, Some(target), None, &reason);
                    }
                }
            }
        }
    }

    /// The end of `target` was told with `reason`: it must be the true one.
    fn check_reason(&mut self, watcher: usize, target: Option<usize>, over: Option<usize>, reason: &[u8]) {
        self.bury();
        let watching = &self.actors[watcher];
        if is_noconnection(reason) {
            self.totals.noconnection += 1;
            // Of a process here only if the loss of a connection ended that one.
            assert!(target.is_none_or(|target| {
                let target = &self.actors[target];
                target.node != watching.node || target.reason.as_deref() == Some(reason)
            }));
            return;
        }
        let Some(target) = target else { return };
        let ended = &self.actors[target];
        assert!(!ended.is_alive(), "an end is told of {:?}, which lives: {reason:?}", ended.pid);
        if is_noproc(reason) {
            self.totals.noproc += 1;
            return;
        }
        assert_eq!(ended.reason.as_deref(), Some(reason), "not the true reason");
        if let Some(wire) = over {
            assert!(watching.has_all(ended, wire), "the end overtook a message");
        }
    }

    // ------------------------------------------------------------------------------------------- connections

    fn connect(&mut self) {
        let one = self.random.below(self.nodes.len());
        let two = (one + 1 + self.random.below(self.nodes.len() - 1)) % self.nodes.len();
        let (there, back) = (self.up.get(&(one, two)).copied(), self.up.get(&(two, one)).copied());
        if there.is_some() && there == back {
            return;
        }
        // Whoever still holds an old connection hears of its end first.
        for (old, node) in [(there, one), (back, two)] {
            if let Some(old) = old {
                let side = usize::from(self.wires[old][0].node != node);
                self.lose(old, side);
            }
        }
        let mut flags = Flags::HIDDEN_FULL;
        if self.random.chance(70) {
            flags = flags.with(Flags::DIST_HDR_ATOM_CACHE);
        }
        if self.random.chance(20) {
            flags = flags.without(Flags::EXIT_PAYLOAD);
        }
        let wire = self.wires.len();
        let ends = [(one, two), (two, one)].map(|(node, peer)| self.end(node, peer, flags));
        self.wires.push(ends);
        self.totals.connected += 1;
        for (side, (node, peer)) in [(one, two), (two, one)].into_iter().enumerate() {
            self.up.insert((node, peer), wire);
            for actor in self.actors.iter_mut().filter(|actor| actor.node == node && actor.is_alive()) {
                actor.news.entry(peer).or_default().push_back(wire);
            }
            let link = self.wires[wire][side].link.clone();
            self.nodes[node].inner().plug(&link);
        }
    }

    fn end(&self, node: usize, peer: usize, flags: Flags) -> End {
        let (ours, theirs) = (&self.nodes[node], &self.nodes[peer]);
        let params = LinkParams {
            peer: theirs.name(),
            ours: ours.name(),
            creation: theirs.creation(),
            flags,
            census: AtomCensus::default(),
            busy_limit: BUSY_LIMIT,
            shared_rate: 0,
            max_message: 1 << 20,
            ticktime: TICKTIME,
            patience: TICKTIME,
            tick_intensity: INTENSITY,
        };
        End {
            node,
            ticker: Ticker::new(self.clocks[node]),
            link: Link::simulated(params, ours.inner().runtime.clone()),
            packets: PacketReader::new(flags, AssemblyLimits::default()),
            incoming: Vec::new(),
            buffer: BytesMut::new(),
            ended: false,
            silent: false,
            down: false,
        }
    }

    /// What this end sent goes on the wire, as far as the other end is there.
    fn flush(&mut self, wire: usize, side: usize) {
        let ends = &mut self.wires[wire];
        let sent = ends[side].link.take_sent();
        let other = &mut ends[1 - side];
        if !other.down && !other.ended && !other.silent {
            other.incoming.extend(sent);
        }
    }

    /// This end loses the connection; its node tells everybody.
    fn lose(&mut self, wire: usize, side: usize) {
        if self.wires[wire][side].down {
            return;
        }
        self.forget(wire, side);
        let end = &self.wires[wire][side];
        let (link, inner) = (end.link.clone(), self.nodes[end.node].inner().clone());
        link.close(DownReason::ConnectionClosed);
        inner.link_down(&link, &DownReason::ConnectionClosed);
    }

    /// This end is no more; what it sent arrives, and then the end.
    fn forget(&mut self, wire: usize, side: usize) {
        self.flush(wire, side);
        let peer = self.wires[wire][1 - side].node;
        let end = &mut self.wires[wire][side];
        end.down = true;
        end.incoming.clear();
        if self.up.get(&(end.node, peer)) == Some(&wire) {
            self.up.remove(&(end.node, peer));
        }
        let other = &mut self.wires[wire][1 - side];
        other.ended |= !other.silent;
    }

    /// A connection breaks: each end gets some of what is on the wire, and hears of it when it does, or not at all.
    fn cut(&mut self) {
        let living: Vec<usize> =
            (0..self.wires.len()).filter(|wire| self.wires[*wire].iter().any(|end| !end.down)).collect();
        if living.is_empty() {
            return;
        }
        let wire = living[self.random.below(living.len())];
        self.totals.cut += 1;
        for side in 0..2 {
            self.flush(wire, side);
        }
        let silent = self.random.chance(40).then(|| self.random.below(2));
        for side in 0..2 {
            let kept = self.random.below(self.wires[wire][side].incoming.len() + 1);
            let end = &mut self.wires[wire][side];
            end.incoming.truncate(kept);
            end.silent |= silent == Some(side) && !end.ended;
            end.ended |= !end.silent;
            self.totals.half_open += u64::from(end.silent && !end.down);
        }
    }

    /// A quarter of the ticktime, by clocks that may jump in it: forwards, as after a suspended host, or backwards. What was
    /// on the wires arrives; whoever hears nothing for a ticktime gives its connection up, and nobody else does.
    fn time_passes(&mut self, jumps: bool) {
        for clock in &mut self.clocks {
            *clock += TICKTIME / INTENSITY;
            if jumps && self.random.chance(30) {
                self.totals.jumped += 1;
                let by = Duration::from_secs(self.random.below(4_000) as u64);
                *clock = if self.random.chance(50) { *clock + by } else { *clock - by };
            }
        }
        for (wire, side) in (0..self.wires.len()).flat_map(|wire| [(wire, 0), (wire, 1)]) {
            self.flush(wire, 1 - side);
            let waiting = self.wires[wire][side].incoming.len();
            self.arrive(wire, side, waiting);
        }
        for (wire, side) in (0..self.wires.len()).flat_map(|wire| [(wire, 0), (wire, 1)]) {
            let end = &mut self.wires[wire][side];
            if end.down || end.ticker.tick(&end.link, self.clocks[end.node]) {
                continue;
            }
            assert!(end.silent, "given up, although the peer ticks");
            self.totals.given_up += 1;
            self.lose(wire, side);
        }
    }

    /// A node stops and starts again under the same name.
    fn restart(&mut self) {
        let number = self.random.below(self.nodes.len());
        self.totals.restarted += 1;
        let ends: Vec<(usize, usize)> = (0..self.wires.len())
            .flat_map(|wire| [(wire, 0), (wire, 1)])
            .filter(|(wire, side)| self.wires[*wire][*side].node == number && !self.wires[*wire][*side].down)
            .collect();
        self.nodes[number].stop();
        for (wire, side) in ends {
            self.forget(wire, side);
        }
        self.bury();
        assert!(self.actors.iter().all(|actor| actor.node != number || !actor.is_alive()));
        self.nodes[number] = boot(number);
        self.new_actor(number);
    }

    /// Something moves on some wire.
    fn carry_something(&mut self) {
        if self.wires.is_empty() {
            return;
        }
        // The younger ones have more to carry.
        let wire = self.wires.len() - 1 - self.random.below(self.wires.len().min(8));
        let side = self.random.below(2);
        self.flush(wire, 1 - side);
        let waiting = self.wires[wire][side].incoming.len();
        let most = if self.random.chance(50) { waiting } else { self.random.below(waiting + 1) };
        self.arrive(wire, side, most);
    }

    fn arrive(&mut self, wire: usize, side: usize, most: usize) {
        let end = &mut self.wires[wire][side];
        if end.down {
            return;
        }
        let inner = self.nodes[end.node].inner().clone();
        let link = end.link.clone();
        end.buffer.extend(end.incoming.drain(..most));
        if most > 0 {
            link.heard();
        }
        link.take_in(&mut end.packets, &mut end.buffer, &inner).expect("nobody sends what is malformed");
        if end.ended && end.incoming.is_empty() {
            self.lose(wire, side);
        }
    }

    // ------------------------------------------------------------------------------------------- the end

    /// No more faults: everything arrives and is read, and then all is in order.
    pub(super) fn rest(&mut self) {
        self.settle();
        self.check_tables();
    }

    fn settle(&mut self) {
        for _ in 0..INTENSITY + 1 {
            self.time_passes(false);
        }
        let held = self.wires.iter().flatten().any(|end| end.silent && !end.down);
        assert!(!held, "a connection that is none is held for longer than a ticktime");
        loop {
            let mut moved = false;
            for (wire, side) in (0..self.wires.len()).flat_map(|wire| [(wire, 0), (wire, 1)]) {
                self.flush(wire, 1 - side);
                let end = &self.wires[wire][side];
                let waiting = end.incoming.len();
                if !end.down && (waiting > 0 || end.ended) {
                    moved = true;
                    self.arrive(wire, side, waiting);
                }
            }
            if !moved {
                break;
            }
        }
        self.bury();
        for actor in 0..self.actors.len() {
            if self.actors[actor].is_alive() {
                self.look(actor);
            }
        }
    }

    fn actor(&self, pid: &Pid) -> &Actor {
        self.actors.iter().find(|actor| actor.pid == *pid).expect("somebody who lived")
    }

    /// Both nodes have the same connection.
    fn connected(&self, one: usize, two: usize) -> bool {
        let there = self.up.get(&(one, two));
        one == two || there.is_some() && there == self.up.get(&(two, one))
    }

    /// Both sides agree on every link and every monitor.
    fn check_tables(&self) {
        for actor in self.actors.iter().filter(|actor| actor.is_alive()) {
            let inner = self.nodes[actor.node].inner();
            let process = inner.find(&actor.pid).unwrap();
            let (links, watching, watchers) = process.relations(|relations| {
                (relations.links.clone(), relations.watching.clone(), relations.watchers.clone())
            });
            let own = inner.link_key(&actor.pid);
            for (pid, state) in links.into_entries() {
                assert!(state.active, "an unlink was never acknowledged");
                let other = self.actor(&inner.current(&pid));
                assert!(other.is_alive() && self.connected(actor.node, other.node), "a link to nobody");
                let there = self.nodes[other.node].inner();
                let key = if other.node == actor.node { own.clone() } else { actor.pid.clone() };
                let known = there
                    .find(&other.pid)
                    .unwrap()
                    .relations(|relations| relations.links.get(&key).is_some_and(|link| link.active));
                assert!(known, "a link that only one side knows");
            }
            assert_eq!(watching.len(), actor.watches.len(), "a monitor was forgotten");
            for (number, watched) in watching.into_entries() {
                let reference = inner.reference_of(number);
                assert!(actor.watches.contains_key(&reference));
                let node = number_of(watched.node().as_str());
                assert!(self.connected(actor.node, node), "a monitor without connection");
                let known = self.nodes[node].inner().processes.all().iter().any(|process| {
                    process.relations(|relations| {
                        relations.watchers.contains_key(&reference)
                            || node == actor.node && relations.local_watchers.contains_key(&number)
                    })
                });
                assert!(known, "a monitor that only one side knows");
            }
            for (reference, watcher) in watchers.into_entries() {
                let other = self.actor(&watcher.pid);
                assert!(other.is_alive() && other.watches.contains_key(&reference), "a watcher that is gone");
            }
        }
    }

    /// All processes end: nothing is left of them.
    pub(super) fn finish(mut self) -> Totals {
        for actor in &self.actors {
            if actor.is_alive() {
                actor.mailbox.close(b"w\x06normal").unwrap();
            }
        }
        self.settle();
        for node in &self.nodes {
            let inner = node.inner();
            assert_eq!((inner.processes.len(), inner.aliases.read().len()), (0, 0));
            assert!(inner.processes.names().is_empty());
            node.stop();
        }
        for end in self.wires.iter().flatten() {
            assert!(end.down || end.packets.load() == (0, 0), "something stays in assembly");
            end.link.close(DownReason::Stopped);
        }
        self.totals
    }
}
