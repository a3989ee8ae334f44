//! Whether all members know the same members: looked at now and then, and more often after something changed.
//!
//! Losses and sessions that cross each other may leave two nodes of which only one knows the other, or two members that
//! have never heard of each other; nothing of the protocol itself would ever mend that. What concerns two nodes is mended by a new
//! connection between them; else the one who lacks somebody leaves, and comes back.
//! Always true: nothing is done about a difference that was seen only once, for a node that is just joining makes one too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::{Calls, Purpose};
use super::machine::{Effect, Global, Role, Timer};
use super::partition::Overlap;
use crate::term::{Atom, Term};

/// Between two looks.
const CHECK: Duration = Duration::from_secs(20);
/// The same after a change, or while there is a difference.
const CHECK_AGAIN: Duration = Duration::from_secs(2);
/// Looks in a row before something is done that the peer cannot do.
const STUCK: u32 = 2;
/// Looks in a row before something is done that may happen by itself.
const LIKELY: u32 = 4;
/// Looks in a row before something is done because of what others say.
const CERTAIN: u32 = 8;
/// Looks in a row before we leave although it is another one who lacks somebody.
const PATIENT: u32 = 20;
/// Looks after a change that come soon.
const STIRRED: u32 = 6;
/// Looks whose answers have not come; beyond these nobody is asked.
const WAITING: usize = 4;
/// Nodes that are asked at one time.
const ASKED: usize = 8;

/// What is wrong with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// It should have ended the connection.
    Stays,
    /// It is a member and wants to become one. A BEAM that heard from us as a member has given its session up.
    Begins,
    /// It began before, and does not begin again: a BEAM does that when it is connected, and at no other time.
    Unanswered,
    /// It is connected, no member, and does nothing about it.
    Silent,
    /// It is a member, and yet there is a session with it.
    Both,
    /// It takes us for a member, and is none of ours.
    KnowsUs,
    /// Others know it, we do not.
    Unknown,
    /// It does not know us, who know it.
    Forgotten,
    /// We know it, others do not.
    Alone,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// The look that is due; 0 if none is.
    due: u64,
    /// It is due soon.
    soon: bool,
    stirred: u32,
    /// Connected nodes that have a name server: it told us something. Others might never answer.
    spoke: BTreeSet<Atom>,
    /// Connected nodes that take part: they began a session.
    began: BTreeSet<Atom>,
    /// How many looks in a row found it.
    doubts: BTreeMap<(Doubt, Atom), u32>,
}

impl Checks {
    /// The name server of this node told us something.
    pub(super) fn spoke(&mut self, node: &Atom) {
        if !self.spoke.contains(node) {
            self.spoke.insert(node.clone());
        }
    }

    /// This node began a session.
    pub(super) fn began(&mut self, node: &Atom) {
        self.began.insert(node.clone());
    }

    pub(super) fn gone(&mut self, node: &Atom) {
        self.spoke.remove(node);
        self.began.remove(node);
    }
}

impl Global {
    /// Something changed: a look is taken soon.
    pub(super) fn stir_checks(&mut self) {
        if self.overlap == Overlap::Allow {
            return;
        }
        self.checks.stirred = STIRRED;
        if self.checks.due == 0 || !self.checks.soon {
            self.schedule_check();
        }
    }

    fn schedule_check(&mut self) {
        let soon = self.checks.stirred > 0 || !self.checks.doubts.is_empty();
        let number = self.number();
        (self.checks.due, self.checks.soon) = (number, soon);
        let after = if soon { CHECK_AGAIN } else { CHECK };
        self.emit(Effect::Timer { timer: Timer::Check(number), after });
    }

    pub(super) fn check_members(&mut self, number: u64) {
        if number != self.checks.due {
            return;
        }
        self.checks.due = 0;
        if self.connected.is_empty() {
            self.checks = Checks::default();
            return;
        }
        self.check_connected();
        let owed = self.owed.iter().map(|(node, ..)| node).filter(|node| self.connected.contains(*node));
        for node in owed.cloned().collect::<Vec<_>>() {
            self.unlock_late(&node);
        }
        let nodes: Vec<Atom> = match self.waiting_for(&Purpose::Check) {
            0..WAITING => self.checks.spoke.iter().cloned().collect(),
            _ => Vec::new(),
        };
        let first = self.below(nodes.len() as u64) as usize;
        let count = if self.checks.stirred > 0 || !self.checks.doubts.is_empty() { ASKED } else { 1 };
        let asked = (0..nodes.len().min(count)).map(|place| nodes[(first + place) % nodes.len()].clone());
        let asked = asked.collect();
        self.checks.stirred = self.checks.stirred.saturating_sub(1);
        self.ask_all(Purpose::Check, Role::Server, asked, &Term::atom("get_known"));
        self.schedule_check();
    }

    /// Counts what this look found; gives what was found often enough.
    fn count_doubts(&mut self, found: Vec<(Doubt, Atom)>, asked: bool) -> Vec<(Doubt, Atom)> {
        let of_others = |doubt: Doubt| doubt >= Doubt::KnowsUs;
        self.checks.doubts.retain(|key, _| of_others(key.0) != asked || found.contains(key));
        let mut certain = Vec::new();
        for key in found {
            let enough = match key.0 {
                Doubt::Begins | Doubt::Unanswered => STUCK,
                Doubt::Stays | Doubt::Silent | Doubt::Forgotten => LIKELY,
                Doubt::Both | Doubt::KnowsUs | Doubt::Unknown => CERTAIN,
                Doubt::Alone => PATIENT,
            };
            let count = self.checks.doubts.entry(key.clone()).or_default();
            *count += 1;
            if *count >= enough {
                certain.push(key);
            }
        }
        for key in &certain {
            self.checks.doubts.remove(key);
        }
        certain
    }

    /// What can be seen without asking.
    fn check_connected(&mut self) {
        let mut found = Vec::new();
        for node in &self.connected {
            let doubt = match (self.known.contains_key(node), self.sessions.get(node)) {
                _ if self.losses.is_removing(node) => Doubt::Stays,
                (true, _) if self.early.contains_key(node) => Doubt::Begins,
                (true, Some(_)) => Doubt::Both,
                (false, Some(session)) if session.their.is_none() && self.checks.began.contains(node) => {
                    Doubt::Unanswered
                }
                (false, None) if !self.restarts.contains_key(node) => Doubt::Silent,
                _ => continue,
            };
            found.push((doubt, node.clone()));
        }
        for (doubt, node) in self.count_doubts(found, false) {
            match doubt {
                Doubt::Stays => self.emit(Effect::Disconnect(node)),
                Doubt::Silent => self.begin_session(&node),
                _ => self.part_from(&node),
            }
        }
    }

    /// Both begin anew with the next connection.
    fn part_from(&mut self, node: &Atom) {
        self.emit(Effect::Disconnect(node.clone()));
        self.remove(node);
    }

    /// Others told whom they know.
    pub(super) fn checked(&mut self, calls: &Calls) {
        let mut found = Vec::new();
        for (node, answer) in &calls.answers {
            let theirs: Vec<&Atom> =
                answer.as_list().unwrap_or_default().iter().filter_map(Term::as_atom).collect();
            if !self.known.contains_key(node) {
                if theirs.contains(&&self.own) && !self.is_joining(node) && !self.losses.is_removing(node) {
                    found.push((Doubt::KnowsUs, node.clone()));
                }
                continue;
            }
            if !theirs.contains(&&self.own) && !self.losses.is_removing(node) {
                found.push((Doubt::Forgotten, node.clone()));
            }
            let unknown = theirs.iter().filter(|other| {
                **other != &self.own && !self.known.contains_key(**other) && !self.is_joining(other)
            });
            found.extend(unknown.map(|other| (Doubt::Unknown, (*other).clone())));
            let alone = self.known.keys().filter(|other| *other != node && !theirs.contains(other));
            found.extend(alone.map(|other| (Doubt::Alone, other.clone())));
        }
        found.sort();
        found.dedup();
        if let Some((doubt, node)) = self.count_doubts(found, true).into_iter().next() {
            if matches!(doubt, Doubt::KnowsUs | Doubt::Forgotten) {
                self.part_from(&node);
                return;
            }
            self.log(true, format!("global: not all members agree whether {node} is one: we leave"));
            self.checks.doubts.clear();
            self.leave();
        }
    }

    /// Whether a session with this node goes on.
    fn is_joining(&self, node: &Atom) -> bool {
        self.sessions.get(node).is_some_and(|session| session.their.is_some())
    }
}
