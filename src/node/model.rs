//! The state of a node beside a model of it: control messages of a peer and calls of the program, in any order, and after each
//! the same processes live, and each mailbox holds what the model says. For tests and the fuzzer; not part of the library.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::node::config::Config;
use crate::node::mailbox::{Mailbox, MailboxOptions};
use crate::node::message::MessageKind;
use crate::node::send::Target as To;
use crate::node::Node;
use crate::proto::control::{Control, Target};
use crate::term::{Atom, Pid, Reference, Writer};

/// Mailboxes of the node, processes of the peer, and names.
const BOXES: usize = 4;
const REMOTES: usize = 3;
const NAMES: [&str; 2] = ["one", "two"];
const PEER: &str = "peer@localhost";
const REASONS: [&[u8]; 3] = [b"w\x06normal", b"w\x04kill", b"w\x04boom"];
const NORMAL: &[u8] = REASONS[0];
const KILL: &[u8] = REASONS[1];
const KILLED: &[u8] = b"w\x06killed";

/// What a mailbox must hold: messages in order, signals in any.
#[derive(Default)]
struct Expected {
    messages: Vec<u8>,
    signals: Vec<(MessageKind, Vec<u8>)>,
    traps: bool,
    name: Option<usize>,
    links: BTreeSet<Other>,
    /// References of monitors of this mailbox, and whom they watch.
    watching: Vec<(Reference, usize)>,
    aliases: Vec<Reference>,
}

/// The other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    Remote(usize),
    Local(usize),
}

struct World {
    node: Node,
    peer: Atom,
    boxes: Vec<Mailbox>,
    /// Of the mailboxes that live.
    model: Vec<Option<Expected>>,
    references: u32,
}

/// One history: two bytes an operation.
pub fn run(data: &[u8]) {
    let config = Config::new("").cookie("model");
    let node = Node::start(config).expect("a node without a name");
    let before = node.process_count();
    let boxes = (0..BOXES).map(|_| node.mailbox(MailboxOptions::default()).expect("a mailbox")).collect();
    let model = (0..BOXES).map(|_| Some(Expected::default())).collect();
    let mut world = World { node, peer: Atom::from_static(PEER), boxes, model, references: 0 };
    for operation in data.chunks_exact(2) {
        world.step(operation[0], operation[1]);
        world.check_life();
    }
    for n in 0..BOXES {
        world.check_queue(n);
        world.die(n, NORMAL);
        let _ = world.boxes[n].close(NORMAL);
        world.check_life();
    }
    assert_eq!(world.node.process_count(), before, "processes are left");
    assert!(world.node.inner().aliases.read().is_empty(), "aliases are left");
    world.node.stop();
}

impl World {
    fn remote(&self, n: usize) -> Pid {
        Pid { node: self.peer.clone(), id: n as u32 + 1, serial: 0, creation: 9 }
    }

    fn route(&self, control: Control, payload: Option<&[u8]>) -> bool {
        let payload = payload.map(Bytes::copy_from_slice);
        self.node.inner().route(&self.peer, control, payload).is_ok()
    }

    fn alive(&self) -> Vec<usize> {
        (0..BOXES).filter(|n| self.model[*n].is_some()).collect()
    }

    fn step(&mut self, what: u8, how: u8) {
        let n = usize::from(how) % BOXES;
        let r = usize::from(how >> 2) % REMOTES;
        let other = usize::from(how >> 4) % BOXES;
        let (to, from) = (self.boxes[n].pid(), self.remote(r));
        let reason = REASONS[usize::from(how >> 6) % REASONS.len()];
        let shared = Bytes::from_static(reason);
        match what % 20 {
            0 | 1 => {
                let control = if what % 2 == 0 {
                    Control::Send { to, token: None }
                } else {
                    Control::SendSender { from, to, token: None }
                };
                assert!(self.route(control, Some(&[97, what])));
                self.receive(n, what);
            }
            2 => {
                let name = Atom::from_static(NAMES[r % 2]);
                assert!(self.route(Control::RegSend { from, to: name, token: None }, Some(&[97, what])));
                if let Some(owner) = self.owner(r % 2) {
                    self.receive(owner, what);
                }
            }
            3 => {
                assert!(self.route(Control::Link { from, to }, None));
                if let Some(model) = &mut self.model[n] {
                    model.links.insert(Other::Remote(r));
                }
            }
            4 => {
                assert!(self.route(Control::UnlinkId { id: 1, from, to }, None));
                if let Some(model) = &mut self.model[n] {
                    model.links.remove(&Other::Remote(r));
                }
            }
            5 | 6 => {
                let control = match what % 20 {
                    5 => Control::PayloadExit { from, to, token: None },
                    _ => Control::Exit { from, to, token: None, reason: shared },
                };
                assert!(self.route(control, Some(reason)));
                if self.model[n].as_mut().is_some_and(|model| model.links.remove(&Other::Remote(r))) {
                    self.signal_exit(n, reason);
                }
            }
            7 | 8 => {
                let control = match what % 20 {
                    7 => Control::PayloadExit2 { from, to, token: None },
                    _ => Control::Exit2 { from, to, token: None, reason: shared },
                };
                assert!(self.route(control, Some(reason)));
                self.exit2(n, reason);
            }
            9 => self.monitors_of_the_peer(n, r, how),
            10 => {
                let trap = how & 4 != 0;
                self.boxes[n].set_trap_exit(trap);
                if let Some(model) = &mut self.model[n] {
                    model.traps = trap;
                }
            }
            11 => self.register(n, r % 2),
            12 => {
                self.boxes[n].unregister();
                if let Some(model) = &mut self.model[n] {
                    model.name = None;
                }
            }
            13 => {
                if self.boxes[n].link(&self.boxes[other].pid()).is_ok() && n != other {
                    self.link(n, other);
                }
            }
            14 => {
                if let Ok(reference) = self.boxes[n].monitor(&To::Pid(self.boxes[other].pid())) {
                    self.monitor(n, other, reference);
                }
            }
            15 => self.alias(n, from, what),
            16 => {
                assert!(self.boxes[n].close(reason).is_ok());
                self.die(n, reason);
            }
            17 => self.check_queue(n),
            18 => self.third_node(to, r),
            _ => self.replace(n),
        }
    }

    /// A pid of somebody else's node in a place that a peer may not fill with it ends the connection, and changes nothing.
    fn third_node(&self, to: Pid, r: usize) {
        let mut from = self.remote(r);
        from.node = Atom::from_static("third@localhost");
        let reference = Reference::new(self.peer.clone(), 9, &[1, 2, 3]).expect("a reference");
        assert!(!self.route(Control::Link { from: from.clone(), to: to.clone() }, None));
        assert!(!self.route(Control::UnlinkId { id: 1, from: from.clone(), to: to.clone() }, None));
        assert!(!self
            .route(Control::MonitorP { from: from.clone(), to: Target::Pid(to.clone()), reference }, None));
        // Signals of third nodes are not believed, but may have been on their way.
        assert!(
            self.route(Control::PayloadExit { from: from.clone(), to: to.clone(), token: None }, Some(KILL))
        );
        assert!(self.route(Control::PayloadExit2 { from, to: to.clone(), token: None }, Some(KILL)));
        // A message without its payload, and a reason that is no term.
        assert!(!self.route(Control::Send { to: to.clone(), token: None }, None));
        assert!(!self.route(Control::PayloadExit2 { from: self.remote(r), to, token: None }, Some(b"\xff")));
    }

    fn monitors_of_the_peer(&mut self, n: usize, r: usize, how: u8) {
        self.references += u32::from(how & 64 != 0);
        let reference = Reference::new(self.peer.clone(), 9, &[self.references, 7, 7]).expect("a reference");
        let (from, to) = (self.remote(r), Target::Pid(self.boxes[n].pid()));
        let control = match how & 128 {
            0 => Control::MonitorP { from, to, reference },
            _ => Control::DemonitorP { from, to, reference },
        };
        assert!(self.route(control, None));
    }

    fn register(&mut self, n: usize, name: usize) {
        let registered = self.boxes[n].register(NAMES[name]).is_ok();
        let free = self.owner(name).is_none();
        let may = self.model[n].as_ref().is_some_and(|model| model.name.is_none());
        assert_eq!(registered, free && may, "registering");
        if let (true, Some(model)) = (registered, &mut self.model[n]) {
            model.name = Some(name);
        }
    }

    fn alias(&mut self, n: usize, from: Pid, what: u8) {
        let known = self.model[n].as_ref().and_then(|model| model.aliases.last().cloned());
        match known {
            Some(alias) if what & 32 != 0 => {
                assert!(self.boxes[n].unalias(&alias));
                self.model[n].as_mut().expect("it has an alias").aliases.pop();
                assert!(self.route(Control::AliasSend { from, to: alias, token: None }, Some(&[97, what])));
            }
            Some(alias) => {
                assert!(self.route(Control::AliasSend { from, to: alias, token: None }, Some(&[97, what])));
                self.receive(n, what);
            }
            None => {
                let alias = self.boxes[n].alias();
                if let Some(model) = &mut self.model[n] {
                    model.aliases.push(alias);
                }
            }
        }
    }

    fn link(&mut self, n: usize, other: usize) {
        if self.model[other].is_some() {
            if let Some(model) = &mut self.model[n] {
                model.links.insert(Other::Local(other));
            }
            self.model[other].as_mut().expect("it lives").links.insert(Other::Local(n));
        } else {
            self.signal_exit(n, b"w\x06noproc");
        }
    }

    fn monitor(&mut self, n: usize, other: usize, reference: Reference) {
        let lives = self.model[other].is_some();
        if let Some(model) = &mut self.model[n] {
            match lives {
                true => model.watching.push((reference, other)),
                false => model.signals.push((MessageKind::Down, b"w\x06noproc".to_vec())),
            }
        }
    }

    /// A fresh mailbox in the place of one that ended.
    fn replace(&mut self, n: usize) {
        if self.model[n].is_none() {
            self.boxes[n] = self.node.mailbox(MailboxOptions::default()).expect("a mailbox");
            self.model[n] = Some(Expected::default());
        }
    }

    fn owner(&self, name: usize) -> Option<usize> {
        self.alive()
            .into_iter()
            .find(|n| self.model[*n].as_ref().is_some_and(|model| model.name == Some(name)))
    }

    fn receive(&mut self, n: usize, what: u8) {
        if let Some(model) = &mut self.model[n] {
            model.messages.push(what);
        }
    }

    /// The exit signal of a link that is gone already.
    fn signal_exit(&mut self, n: usize, reason: &[u8]) {
        match &mut self.model[n] {
            Some(model) if model.traps => model.signals.push((MessageKind::Exit, reason.to_vec())),
            Some(_) if reason != NORMAL => self.die(n, reason),
            _ => {}
        }
    }

    fn exit2(&mut self, n: usize, reason: &[u8]) {
        match reason == KILL {
            true => self.die(n, KILLED),
            false => self.signal_exit(n, reason),
        }
    }

    fn die(&mut self, n: usize, reason: &[u8]) {
        let Some(gone) = self.model[n].take() else { return };
        for other in self.alive() {
            let Some(model) = &mut self.model[other] else { continue };
            let ended = model.watching.iter().filter(|(_, watched)| *watched == n).count();
            model.watching.retain(|(_, watched)| *watched != n);
            model.signals.extend((0..ended).map(|_| (MessageKind::Down, reason.to_vec())));
        }
        for link in gone.links {
            let Other::Local(other) = link else { continue };
            if self.model[other].as_mut().is_some_and(|model| model.links.remove(&Other::Local(n))) {
                self.signal_exit(other, reason);
            }
        }
    }

    fn check_life(&self) {
        for (n, mailbox) in self.boxes.iter().enumerate() {
            assert_eq!(mailbox.is_alive(), self.model[n].is_some(), "mailbox {n}");
            let name = self.model[n].as_ref().and_then(|model| model.name);
            for (number, text) in NAMES.iter().enumerate() {
                let is_owner = self.node.whereis(text) == Some(mailbox.pid());
                assert_eq!(is_owner, name == Some(number), "mailbox {n} as {text}");
            }
        }
    }

    /// Takes everything out of a mailbox and compares it.
    fn check_queue(&mut self, n: usize) {
        let Some(model) = &mut self.model[n] else {
            assert!(self.boxes[n].try_recv().is_err());
            return;
        };
        let mut expected = std::mem::take(&mut model.messages);
        let mut signals = std::mem::take(&mut model.signals);
        let mut found = Vec::new();
        let mut found_signals = Vec::new();
        while let Ok(message) = self.boxes[n].try_recv() {
            match message.kind() {
                MessageKind::Message => found.push(message.payload()[1]),
                kind => found_signals.push((kind, last_element(message.payload()))),
            }
        }
        assert_eq!(found, std::mem::take(&mut expected), "messages of mailbox {n}");
        let order = |(kind, reason): &(MessageKind, Vec<u8>)| (*kind as u8, reason.clone());
        found_signals.sort_by_key(order);
        signals.sort_by_key(order);
        assert_eq!(found_signals, signals, "signals of mailbox {n}");
    }
}

/// The reason in an EXIT or a DOWN, encoded.
fn last_element(payload: &[u8]) -> Vec<u8> {
    let term = crate::term::Term::decode(payload).expect("a signal is a term");
    let last = term.as_tuple().and_then(|elements| elements.last()).expect("a signal is a tuple");
    let mut writer = Writer::new();
    writer.term(last);
    writer.finish().expect("a reason")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    /// SplitMix64.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn what_the_fuzzer_found_agrees_with_the_model() {
        for line in include_str!("../../tests/fuzz/seeds/node").lines() {
            let byte = |at: usize| u8::from_str_radix(&line[at..at + 2], 16).expect("hexadecimal digits");
            let history: Vec<u8> = (0..line.len() / 2).map(|n| byte(2 * n)).collect();
            super::run(&history);
        }
    }

    /// And more, if `ERLNODE_FUZZ_SECONDS` gives it the time.
    #[test]
    fn five_hundred_histories_agree_with_the_model() {
        let seconds = std::env::var("ERLNODE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let (start, time) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(0)));
        for seed in (0..).take_while(|seed| *seed < 500 || start.elapsed() < time) {
            let mut state = seed;
            let length = 2 * (20 + random(&mut state) % 200);
            let history: Vec<u8> = (0..length).map(|_| random(&mut state) as u8).collect();
            let run = std::panic::catch_unwind(|| super::run(&history));
            assert!(run.is_ok(), "history {seed}: {history:?}");
        }
    }
}
