//! Runs cases against a subject and judges: the reaction, the time it took, the memory, and whether everybody else lives on.

use std::time::{Duration, Instant};

use erlnode::term::Term;

use crate::cases::{self, tuple, Act, Case, Expect, Scene};
use crate::subjects::{Kind, Subject};
use crate::wire::{Event, Wire};

/// What a reaction may take, and what a byte adds: programs are built for debugging here, and a million levels are
/// decoded, printed and sent back.
pub const LIMIT: Duration = Duration::from_millis(50);
const PER_KB: Duration = Duration::from_micros(1_500);
/// From here on work counts and not waiting for a processor, of which the machine has few.
const MUCH: usize = 64 << 10;
/// After this nothing is expected any more: it hangs.
pub const HANG: Duration = Duration::from_secs(3);
/// A case that was too slow or too big is tried again so often: the machine has other things to do.
pub const TRIES: usize = 3;

/// A decoded term may take 24 times its bytes, and twice that while it is being decoded; what is received and sent
/// back takes buffers as well.
const FACTOR: usize = 48 + 6;
/// A connection with its tasks and its read buffer.
const CONNECTION: usize = (64 << 10) + (256 << 10);
/// The same for those whose memory is seen from outside only: pages, heaps that grow in steps, collected garbage.
const OUTSIDE: usize = 32 << 20;

/// The abused connection, and the one that must not notice.
pub const EVIL: &str = "evil@localhost";
const GOOD: &str = "good@localhost";
const CREATION: u32 = 9;

/// The judgement of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As the protocol says.
    Good,
    /// It lives, but did something else.
    Other(String),
    /// It died, hung, swelled, or others suffered.
    Red(String),
}

/// A case and what came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub group: &'static str,
    pub name: String,
    pub verdict: Verdict,
    pub took: Duration,
}

/// What was seen.
#[derive(Debug, PartialEq, Eq)]
enum Reaction {
    Closed,
    /// The connection goes on; these came before the answer to the last question.
    Went(Vec<(u8, Vec<u8>)>),
    Hung,
}

/// A subject with its two connections.
pub struct Bench {
    pub subject: Subject,
    evil: Option<Wire>,
    good: Option<Wire>,
    count: i32,
}

fn mine(name: &str) -> Vec<u8> {
    cases::pid(name, 1, 0, CREATION)
}

/// `{Pid, {settle, N}}` to `echo`: it comes back when everything before was handled.
fn question(name: &str, number: i32) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let control = tuple(&[vec![97, 6], mine(name), cases::atom(""), cases::atom("echo")]);
    let token = tuple(&[cases::atom("settle"), [&[98][..], &number.to_be_bytes()].concat()]);
    (control, tuple(&[mine(name), token.clone()]), token)
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a == b || matches!((Term::decode(a), Term::decode(b)), (Ok(a), Ok(b)) if a == b)
}

impl Bench {
    pub fn new(subject: Subject) -> Bench {
        let mut bench = Bench { subject, evil: None, good: None, count: 1_000 };
        bench.good = bench.call(GOOD);
        assert!(bench.others_live(), "{} does not answer at all", bench.subject.kind.title());
        bench
    }

    pub fn scene(&self) -> Scene {
        let door = &self.subject.door;
        Scene { me: EVIL.into(), creation: CREATION, node: door.node.clone(), node_creation: door.creation }
    }

    fn call(&mut self, name: &str) -> Option<Wire> {
        // The end of the last connection may not be known there yet, and some are busy writing their logs.
        let began = Instant::now();
        loop {
            match Wire::call(&self.subject.door, name, CREATION, HANG) {
                Some(wire) => return Some(wire),
                None if began.elapsed() > 3 * HANG || !self.subject.is_alive() => return None,
                None => std::thread::park_timeout(Duration::from_millis(2)),
            }
        }
    }

    fn number(&mut self) -> i32 {
        self.count += 1;
        self.count
    }

    /// The genuine connection is answered.
    pub fn others_live(&mut self) -> bool {
        let number = self.number();
        let Some(good) = &mut self.good else { return false };
        let (control, payload, token) = question(GOOD, number);
        good.send(&control, Some(&payload));
        matches!(good.next(HANG), Event::Message(_, answer) if same(&answer, &token))
    }

    /// Starts again what died.
    pub fn revive(&mut self) {
        self.subject.restart();
        (self.evil, self.good) = (None, None);
        self.good = self.call(GOOD);
    }

    /// Runs one case, again if it was only slow.
    pub fn run(&mut self, case: &Case) -> Outcome {
        let mut last = None;
        for _ in 0..TRIES {
            let (verdict, took, again) = self.attempt(case);
            let outcome = Outcome { group: case.group, name: case.name.clone(), verdict, took };
            if !again {
                return outcome;
            }
            last = Some(outcome);
        }
        last.expect("tried")
    }

    /// What every conversation is judged by besides its own end: `None` if all is well. The flag: worth another try.
    pub fn aftermath(&mut self, before: usize, sent: usize, took: Duration) -> Option<(Verdict, bool)> {
        let red = |why: &str| Some((Verdict::Red(why.into()), false));
        if !self.subject.is_alive() {
            self.revive();
            return red("it died");
        }
        if !self.others_live() {
            let died = self.subject.process.wait_end(Duration::from_millis(300)).is_some();
            self.revive();
            return red(if died { "it died" } else { "others were cut off" });
        }
        if let Some(grown) = self.swollen(before, sent) {
            return Some((Verdict::Red(format!("it took {grown} bytes for {sent}")), true));
        }
        if self.subject.kind == Kind::Ours && took > LIMIT + PER_KB * (sent / 1024) as u32 {
            return Some((Verdict::Red(format!("it took {took:?}")), true));
        }
        None
    }

    fn attempt(&mut self, case: &Case) -> (Verdict, Duration, bool) {
        if self.evil.is_none() {
            self.evil = self.call(EVIL);
        }
        let red = |why: &str| (Verdict::Red(why.into()), Duration::ZERO, false);
        if self.evil.is_none() {
            self.revive();
            return red("nobody can connect any more");
        }
        let before = self.memory_before();
        let mark = self.subject.process.mark();
        let (began, busy) = (Instant::now(), self.subject.cpu());
        let (reaction, sent) = self.react(case);
        let mut took = began.elapsed();
        if sent > MUCH && self.subject.is_alive() {
            took = took.min(self.subject.cpu().saturating_sub(busy));
        }
        if let Some((verdict, again)) = self.aftermath(before, sent, took) {
            return (verdict, took, again);
        }
        if reaction == Reaction::Hung {
            return red("it hangs");
        }
        let ours = self.subject.kind == Kind::Ours;
        if ours && reaction == Reaction::Closed && !matches!(case.act, Act::Last(_)) {
            let reason = ["connection to evil@localhost ended", "no message"];
            if !self.subject.logged(mark, &reason, HANG) {
                return red("it closed without a reason in the log");
            }
        }
        (judge(case, &reaction), took, false)
    }

    /// Does what the case says, asks whether the connection goes on, and waits for either.
    fn react(&mut self, case: &Case) -> (Reaction, usize) {
        let scene = self.scene();
        let number = self.number();
        let (control, payload, token) = question(EVIL, number);
        let wire = self.evil.as_mut().expect("connected");
        let mut sent = 0;
        let mut last = false;
        match &case.act {
            Act::Term(term) => {
                sent = term.len();
                wire.send(&scene.to_echo(), Some(&scene.asking(term)));
            }
            Act::Message(control, payload) => {
                sent = control.len() + payload.as_ref().map_or(0, Vec::len);
                wire.send(control, payload.as_deref());
            }
            Act::Packets(packets) => {
                for packet in packets {
                    sent += packet.len();
                    if !wire.packet(packet) {
                        break;
                    }
                }
            }
            Act::Bytes(bytes, piece) => {
                sent = bytes.len();
                for piece in bytes.chunks((*piece).min(bytes.len()).max(1)) {
                    if !wire.bytes(piece) {
                        break;
                    }
                }
            }
            Act::Last(bytes) => {
                sent = bytes.len();
                wire.bytes(bytes);
                wire.finish();
                last = true;
            }
        }
        if !last {
            wire.send(&control, Some(&payload));
        }
        let mut came = Vec::new();
        let patience = HANG + PER_KB * (sent / 1024) as u32;
        let reaction = loop {
            match wire.next(patience) {
                Event::Message(_, answer) if same(&answer, &token) => break Reaction::Went(came),
                Event::Message(op, answer) => came.push((op, answer)),
                Event::End => break Reaction::Closed,
                Event::Silence => break Reaction::Hung,
            }
        };
        // What was left unfinished must not meet the next case.
        let unfinished = case.group == "fragments" || case.group == "atom cache";
        if !matches!(reaction, Reaction::Went(_)) || unfinished || case.expect != Expect::Echo && last {
            self.evil = None;
        }
        (reaction, sent)
    }

    pub fn memory_before(&mut self) -> usize {
        match self.subject.kind {
            Kind::Ours => {
                self.subject.ask("reset");
                self.subject.counters().0
            }
            _ => {
                self.subject.clear_resident_peak();
                self.subject.resident().0
            }
        }
    }

    /// How much it grew, if that is more than the rule allows.
    fn swollen(&mut self, before: usize, sent: usize) -> Option<usize> {
        let (peak, room) = match self.subject.kind {
            Kind::Ours => (self.subject.counters().1, FACTOR * sent + CONNECTION),
            _ => (self.subject.resident().1, FACTOR * sent + OUTSIDE),
        };
        let grown = peak.saturating_sub(before);
        (grown > room).then_some(grown)
    }
}

fn judge(case: &Case, reaction: &Reaction) -> Verdict {
    let other = |what: &str| Verdict::Other(what.to_owned());
    match (case.expect, reaction) {
        (_, Reaction::Hung) => Verdict::Red("it hangs".into()),
        (Expect::Free, _) | (Expect::Close, Reaction::Closed) => Verdict::Good,
        (Expect::Close, Reaction::Went(came)) if came.is_empty() => other("it went on"),
        (Expect::Close, Reaction::Went(_)) => other("it took it"),
        (_, Reaction::Closed) => other("it closed"),
        (Expect::Stay, Reaction::Went(came)) if came.is_empty() => Verdict::Good,
        (Expect::Stay, Reaction::Went(_)) => other("it answered"),
        (Expect::Echo, Reaction::Went(came)) => match (&case.act, &came[..]) {
            (Act::Term(sent), [(_, answer)]) if same(sent, answer) || sent.len() > 100_000 => Verdict::Good,
            (Act::Term(_), [_]) => other("it sent another term back"),
            (_, []) => other("no echo"),
            _ => Verdict::Good,
        },
        (Expect::Answer(ops), Reaction::Went(came)) => match came.iter().any(|(op, _)| ops.contains(op)) {
            true => Verdict::Good,
            false => other("no answer"),
        },
    }
}
