//! The registrar: changes names on all members, under the lock, one change after the other (protocol section 9.6).
//!
//! Always true: lock, change and unlocking carry the same pid; a change is made on all nodes that were known while the
//! lock was held, or is tried again.

use std::collections::VecDeque;
use std::time::Duration;

use super::attempt::{Attempt, Progress, Release};
use super::calls::{Calls, Purpose};
use super::machine::{Effect, Global, Outcome, Role, Timer};
use super::wire::{self, Registration};
use crate::term::{Atom, Pid, Term};

/// Requests that may wait for their turn.
const MAX_WAITING: usize = 65_536;
/// Longest first pause before the lock is tried again; it doubles up to [`LONGEST_PAUSE_MS`].
const FIRST_PAUSE_MS: u64 = 125;
/// Longest pause between two attempts, as in OTP.
const LONGEST_PAUSE_MS: u64 = 8000;

/// What the program wants.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Register { name: Term, pid: Pid, method: Term },
    Reregister { name: Term, pid: Pid, method: Term },
    Unregister { name: Term },
}

#[derive(Debug)]
struct Asked {
    ticket: u64,
    /// `None`: the tables of all members are to be made equal.
    request: Option<Request>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Locking {
        asked: Asked,
        nodes: Vec<Atom>,
        attempt: Attempt,
        times: u32,
    },
    /// The tables of all are asked for.
    Comparing {
        asked: Asked,
        nodes: Vec<Atom>,
    },
    Changing {
        asked: Asked,
        nodes: Vec<Atom>,
    },
    Releasing {
        ticket: u64,
        outcome: Outcome,
        release: Release,
    },
    Pausing {
        asked: Asked,
        times: u32,
        wait: u64,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Registrar {
    waiting: VecDeque<Asked>,
    state: State,
}

impl Global {
    pub(super) fn registrar_asked(&mut self, ticket: u64, request: Request) {
        if self.registrar.waiting.len() >= MAX_WAITING {
            self.emit(Effect::Done { ticket, outcome: Outcome::Full });
            return;
        }
        self.registrar.waiting.push_back(Asked { ticket, request: Some(request) });
        self.registrar_next();
    }

    /// The tables of the members differ.
    pub(super) fn repair_names(&mut self) {
        if self.registrar.waiting.iter().all(|asked| asked.request.is_some()) {
            self.registrar.waiting.push_back(Asked { ticket: 0, request: None });
            self.registrar_next();
        }
    }

    fn registrar_next(&mut self) {
        if matches!(self.registrar.state, State::Idle) {
            if let Some(asked) = self.registrar.waiting.pop_front() {
                self.registrar_try(asked, 0);
            }
        }
    }

    fn registrar_try(&mut self, asked: Asked, times: u32) {
        let mut nodes: Vec<Atom> = self.known.keys().cloned().collect();
        nodes.push(self.own.clone());
        let stages = [vec![self.boss()], nodes.clone()];
        let requester = Term::from(&self.registrar_pid);
        let began = Attempt::begin(self, Purpose::Registrar, Role::Registrar, requester, stages);
        match began {
            Some(attempt) => {
                self.registrar.state = State::Locking { asked, nodes, attempt, times };
            }
            None => self.registrar_pause(asked, times),
        }
    }

    fn registrar_pause(&mut self, asked: Asked, times: u32) {
        let most = (FIRST_PAUSE_MS << times.min(6)).min(LONGEST_PAUSE_MS);
        let after = Duration::from_millis(1 + self.below(most));
        let wait = self.number();
        self.registrar.state = State::Pausing { asked, times: times.saturating_add(1), wait };
        self.emit(Effect::Timer { timer: Timer::Registrar(wait), after });
    }

    pub(super) fn registrar_timer(&mut self, number: u64) {
        match std::mem::take(&mut self.registrar.state) {
            State::Pausing { asked, times, wait } if wait == number => self.registrar_try(asked, times),
            other => self.registrar.state = other,
        }
    }

    pub(super) fn registrar_answered(&mut self, calls: Calls) {
        match std::mem::take(&mut self.registrar.state) {
            State::Locking { asked, nodes, mut attempt, times } => {
                match attempt.answered(self, &calls) {
                    Progress::Refused => self.registrar_pause(asked, times),
                    Progress::Taken if self.known.keys().all(|node| nodes.contains(node)) => {
                        self.registrar_change(asked, nodes);
                    }
                    // Somebody became a member meanwhile, and is not locked.
                    Progress::Taken => match attempt.give_up(self) {
                        Progress::Working => {
                            self.registrar.state = State::Locking { asked, nodes, attempt, times };
                        }
                        _ => self.registrar_pause(asked, times),
                    },
                    Progress::Working => {
                        self.registrar.state = State::Locking { asked, nodes, attempt, times };
                    }
                }
            }
            State::Comparing { asked, nodes } => {
                let changes = self.name_changes(&calls);
                if !changes.is_empty() {
                    self.log(
                        false,
                        format!("global: {} names that differed between members are mended", changes.len()),
                    );
                }
                self.registrar.state = State::Changing { asked, nodes };
                self.ask_each(Purpose::Registrar, Role::Registrar, changes);
            }
            State::Changing { asked, nodes } => self.registrar_release(asked.ticket, Outcome::Yes, nodes),
            State::Releasing { ticket, outcome, mut release } => match release.answered(self) {
                true => {
                    self.emit(Effect::Done { ticket, outcome });
                    self.registrar_next();
                }
                false => self.registrar.state = State::Releasing { ticket, outcome, release },
            },
            other => self.registrar.state = other,
        }
    }

    fn registrar_release(&mut self, ticket: u64, outcome: Outcome, nodes: Vec<Atom>) {
        let requester = Term::from(&self.registrar_pid);
        let release = Release::begin(self, Purpose::Registrar, Role::Registrar, requester, nodes);
        self.registrar.state = State::Releasing { ticket, outcome, release };
    }

    /// The names are locked everywhere.
    fn registrar_change(&mut self, asked: Asked, nodes: Vec<Atom>) {
        let change = match &asked.request {
            None => {
                self.registrar.state = State::Comparing { asked, nodes: nodes.clone() };
                self.ask_names(Purpose::Registrar, nodes);
                return;
            }
            Some(Request::Register { name, pid, .. })
                if self.names.get(name).is_some() || self.names.has_pid(pid) =>
            {
                Err(Outcome::No)
            }
            Some(Request::Register { name, pid, method } | Request::Reregister { name, pid, method }) => {
                let new = Registration { name: name.clone(), pid: pid.clone(), method: method.clone() };
                match self.names.has_room(&new, false) {
                    true => Ok(wire::info("register", [name.clone(), pid.into(), method.clone()])),
                    false => Err(Outcome::Full),
                }
            }
            Some(Request::Unregister { name }) if self.names.get(name).is_none() => Err(Outcome::Yes),
            Some(Request::Unregister { name }) => Ok(wire::info("unregister", [name.clone()])),
        };
        match change {
            Ok(change) => {
                self.registrar.state = State::Changing { asked, nodes: nodes.clone() };
                self.ask_all(Purpose::Registrar, Role::Registrar, nodes, &change);
            }
            Err(outcome) => self.registrar_release(asked.ticket, outcome, nodes),
        }
    }

    /// Whether this node is locked, or about to be.
    pub(super) fn registrar_asks(&self, node: &Atom) -> bool {
        match &self.registrar.state {
            State::Locking { nodes, .. } | State::Comparing { nodes, .. } | State::Changing { nodes, .. } => {
                nodes.contains(node)
            }
            State::Releasing { .. } | State::Pausing { .. } | State::Idle => false,
        }
    }

    #[cfg(test)]
    pub(super) fn registrar_is_idle(&self) -> bool {
        matches!(self.registrar.state, State::Idle)
    }
}
