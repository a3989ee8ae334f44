//! The locker: sets one lock in both partitions of a session, one session at a time (protocol section 9.5).
//!
//! Both sides' lockers use the same requester, the sorted pair of their pids, so nodes that belong to both partitions
//! do not stand in the way. What arrives while a session is worked on waits its turn.
//! Always true: the lock is held for one session at most, and is taken away when that is over, cancelled or too slow.

use std::time::Duration;

use super::attempt::{Attempt, Progress, Release};
use super::calls::{Calls, Purpose};
use super::machine::{Effect, Global, Role, Timer};
use super::wire;
use crate::term::{Atom, Pid, Term};

/// Before a node that knows nobody tries.
const FIRST_TRY: Duration = Duration::from_millis(200);
/// How long a peer may keep our partition locked. A resolve function may take its time; a peer that never goes on must
/// not stop every registration in the cluster.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to lock its own.
const LOCKING: Duration = Duration::from_secs(15);

/// A node whose session waits for the lock.
#[derive(Debug, Clone)]
struct Candidate {
    node: Atom,
    locker: Pid,
    version: i64,
    tag: i64,
    their_tag: Term,
}

/// What may have to wait its turn.
#[derive(Debug)]
enum Word {
    LockSet { node: Atom, set: bool, tag: i64 },
    Cancel { node: Atom, tag: i64, unlock: Vec<Effect> },
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// Locking; `first` if we began this.
    Locking {
        him: Candidate,
        first: bool,
        attempt: Attempt,
    },
    /// Our side is locked, the other is asked.
    Asking {
        him: Candidate,
        nodes: Vec<Atom>,
    },
    /// Both are.
    Held {
        him: Candidate,
        nodes: Vec<Atom>,
    },
    Releasing(Release),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Locker {
    candidates: Vec<Candidate>,
    waiting: Vec<Word>,
    state: State,
    /// The wait that counts; others are over.
    wait: u64,
    /// A session was just completed: the next is tried at once.
    successful: bool,
}

impl Global {
    pub(super) fn locker_add(&mut self, node: Atom, locker: Pid, version: i64, tag: i64, their_tag: Term) {
        self.locker.candidates.retain(|known| known.node != node);
        self.locker.candidates.push(Candidate { node, locker, version, tag, their_tag });
        if matches!(self.locker.state, State::Idle) {
            self.locker_wait();
        }
    }

    pub(super) fn locker_cancel(&mut self, node: Atom, tag: i64, unlock: Vec<Effect>) {
        self.locker.waiting.push(Word::Cancel { node, tag, unlock });
    }

    /// The other locker tells how it fared.
    pub(super) fn lock_set(&mut self, node: &Atom, set: bool, tag: Option<Term>) {
        let Some(session) = self.sessions.get(node) else {
            if set {
                self.locker_refuse(node);
            }
            return;
        };
        if tag.is_some_and(|tag| tag != Term::Int(session.tag)) {
            return;
        }
        let word = Word::LockSet { node: node.clone(), set, tag: session.tag };
        // Once is enough.
        let same = |other: &Word| match (other, &word) {
            (Word::LockSet { node: a, set: b, tag: c }, Word::LockSet { node, set, tag }) => {
                (a, b, c) == (node, set, tag)
            }
            _ => false,
        };
        if !self.locker.waiting.iter().any(same) {
            self.locker.waiting.push(word);
        }
    }

    /// Works off what waits, as far as the state lets it.
    pub(super) fn pump_locker(&mut self) {
        while let Some(place) = self.locker.next() {
            match self.locker.waiting.remove(place) {
                Word::Cancel { node, tag, unlock } => self.locker_cancelled(&node, tag, unlock),
                Word::LockSet { node, set, tag } => self.locker_told(&node, set, tag),
            }
        }
    }

    fn locker_cancelled(&mut self, node: &Atom, tag: i64, unlock: Vec<Effect>) {
        let forget = |known: &Candidate| known.node != *node || known.tag != tag;
        self.locker.candidates.retain(forget);
        match std::mem::take(&mut self.locker.state) {
            State::Asking { him, nodes } | State::Held { him, nodes }
                if him.node == *node && him.tag == tag =>
            {
                for effect in unlock {
                    self.emit(effect);
                }
                self.locker_release(&him, nodes);
            }
            other => self.locker.state = other,
        }
    }

    fn locker_told(&mut self, node: &Atom, set: bool, tag: i64) {
        match std::mem::take(&mut self.locker.state) {
            State::Asking { him, nodes } if him.tag != tag => {
                self.locker.state = State::Asking { him, nodes };
            }
            State::Asking { him, nodes } if set => self.locker_hold(him, nodes),
            State::Asking { him, nodes } => self.locker_release(&him, nodes),
            // Whom we would bring in would not hear of the member that we lost, which may still be one.
            State::Idle if set && self.losses.in_doubt() => self.locker_refuse_session(node, tag),
            State::Idle if set => {
                let him = self.locker.candidates.iter().find(|him| him.node == *node && him.tag == tag);
                match him.cloned() {
                    Some(him) => self.locker_begin(him, false),
                    None => self.locker_refuse(node),
                }
            }
            other => self.locker.state = other,
        }
    }

    /// Both partitions are locked.
    fn locker_hold(&mut self, him: Candidate, nodes: Vec<Atom>) {
        let lock = wire::global_lock(self.locker_requester(&him));
        let (node, tag) = (him.node.clone(), him.tag);
        self.locker.state = State::Held { him, nodes };
        self.locker_patience(PATIENCE);
        self.lock_is_set(&node, tag, lock);
    }

    fn locker_requester(&self, him: &Candidate) -> Term {
        let mut pair = [self.locker_pid.clone(), him.locker.clone()];
        pair.sort();
        pair.into_iter().map(Term::from).collect()
    }

    fn locker_begin(&mut self, him: Candidate, first: bool) {
        let requester = self.locker_requester(&him);
        let boss = self.boss();
        let stages = [vec![boss]];
        let began = Attempt::begin(self, Purpose::Locker, Role::Locker, requester, stages);
        match began {
            Some(attempt) => self.locker.state = State::Locking { him, first, attempt },
            None => self.locker_failed(&him, first),
        }
    }

    pub(super) fn locker_answered(&mut self, calls: Calls) {
        match std::mem::take(&mut self.locker.state) {
            State::Locking { him, first, mut attempt } => {
                if attempt.is_first() {
                    // Now nobody else can change whom we know: ourselves and him, then all others.
                    let mut second = vec![self.own.clone()];
                    second.extend(first.then(|| him.node.clone()));
                    attempt.then(second);
                    attempt.then(self.known.keys().cloned().collect());
                }
                match attempt.answered(self, &calls) {
                    Progress::Working => self.locker.state = State::Locking { him, first, attempt },
                    Progress::Refused => self.locker_failed(&him, first),
                    Progress::Taken => self.locker_taken(him, first, attempt.held()),
                }
            }
            State::Releasing(mut release) => match release.answered(self) {
                true => self.locker_wait(),
                false => self.locker.state = State::Releasing(release),
            },
            other => self.locker.state = other,
        }
    }

    /// `nodes` are locked; whom we know may have changed since they were asked.
    fn locker_taken(&mut self, him: Candidate, first: bool, nodes: Vec<Atom>) {
        self.locker_tell(&him, true);
        match first {
            true => {
                self.locker.state = State::Asking { him, nodes };
                self.locker_patience(LOCKING);
            }
            false => self.locker_hold(him, nodes),
        }
    }

    fn locker_failed(&mut self, him: &Candidate, first: bool) {
        if !first {
            self.locker_tell(him, false);
        }
        self.locker_wait();
    }

    /// `{lock_set, OurLocker, Set, Known, HisTag}`.
    fn locker_tell(&mut self, him: &Candidate, set: bool) {
        let known = wire::members(self.known.iter().map(|(n, v)| (n, *v)), false);
        let mut rest = vec![(&self.locker_pid).into(), set.into(), known];
        if him.version >= wire::CONFIRMING_VERSION {
            rest.push(him.their_tag.clone());
        }
        let message = wire::cast("lock_set", rest);
        let to = him.node.clone();
        self.emit(Effect::Send { role: Role::Locker, to, message, connect: false });
    }

    /// Not now.
    fn locker_refuse_session(&mut self, node: &Atom, tag: i64) {
        let him = self.locker.candidates.iter().find(|him| him.node == *node && him.tag == tag);
        match him.cloned() {
            Some(him) => self.locker_tell(&him, false),
            None => self.locker_refuse(node),
        }
    }

    /// There is no session for which that lock could be.
    fn locker_refuse(&mut self, node: &Atom) {
        let rest = [(&self.locker_pid).into(), false.into(), Term::nil(), 0.into()];
        let message = wire::cast("lock_set", rest);
        self.emit(Effect::Send { role: Role::Locker, to: node.clone(), message, connect: false });
    }

    fn locker_release(&mut self, him: &Candidate, nodes: Vec<Atom>) {
        let requester = self.locker_requester(him);
        self.locker.successful = self.known.contains_key(&him.node);
        let release = Release::begin(self, Purpose::Locker, Role::Locker, requester, nodes);
        self.locker.state = State::Releasing(release);
    }

    /// Idle again: the next session is tried after a pause, in which another node may be faster.
    fn locker_wait(&mut self) {
        self.locker.state = State::Idle;
        let known = &self.known;
        self.locker.candidates.retain(|him| !known.contains_key(&him.node));
        self.locker.wait = self.number();
        if self.locker.candidates.is_empty() {
            return;
        }
        let after = match (std::mem::take(&mut self.locker.successful), self.known.len()) {
            (true, _) => Duration::ZERO,
            (false, 0) => FIRST_TRY,
            (false, count) => {
                let most = (1000 + 100 * count as u64).min(3000);
                Duration::from_millis(most / 2 + self.below(most / 2))
            }
        };
        self.emit(Effect::Timer { timer: Timer::Locker(self.locker.wait), after });
    }

    pub(super) fn locker_timer(&mut self, number: u64) {
        if number != self.locker.wait || !matches!(self.locker.state, State::Idle) {
            return;
        }
        let known = &self.known;
        self.locker.candidates.retain(|him| !known.contains_key(&him.node));
        if self.locks.is_set(&Term::atom("global")) || self.losses.in_doubt() {
            self.locker_wait();
            return;
        }
        let count = self.locker.candidates.len() as u64;
        if count > 0 {
            let place = self.below(count) as usize;
            let him = self.locker.candidates[place].clone();
            self.locker_begin(him, true);
        }
    }

    fn locker_patience(&mut self, after: Duration) {
        self.locker.wait = self.number();
        self.emit(Effect::Timer { timer: Timer::Patience(self.locker.wait), after });
    }

    pub(super) fn locker_lost_patience(&mut self, number: u64) {
        if number != self.locker.wait {
            return;
        }
        let (State::Asking { him, .. } | State::Held { him, .. }) = &self.locker.state else { return };
        let (node, tag) = (him.node.clone(), him.tag);
        self.note(&node, "kept the names locked for long and did not go on");
        match self.sessions.get(&node).is_some_and(|session| session.tag == tag) {
            true => self.restart(&node),
            false => self.locker_cancel(node, tag, Vec::new()),
        }
    }

    /// The requester of the lock that is set or held now.
    pub(super) fn locker_attempt(&self) -> Option<Term> {
        match &self.locker.state {
            State::Locking { him, .. } | State::Asking { him, .. } | State::Held { him, .. } => {
                Some(self.locker_requester(him))
            }
            State::Releasing(_) | State::Idle => None,
        }
    }

    #[cfg(test)]
    pub(super) fn locker_is_idle(&self) -> bool {
        let locker = &self.locker;
        matches!(locker.state, State::Idle) && locker.candidates.is_empty() && locker.waiting.is_empty()
    }
}

impl Locker {
    /// The first thing waiting whose turn it is.
    fn next(&self) -> Option<usize> {
        self.waiting.iter().position(|word| match (&self.state, word) {
            (State::Idle, _) => true,
            (State::Locking { .. } | State::Releasing(_), _) => false,
            (State::Asking { him, .. }, Word::LockSet { node, .. }) => him.node == *node,
            (State::Held { .. }, Word::LockSet { .. }) => false,
            (State::Asking { him, .. } | State::Held { him, .. }, Word::Cancel { node, tag, .. }) => {
                him.node == *node && him.tag == *tag
            }
        })
    }
}
