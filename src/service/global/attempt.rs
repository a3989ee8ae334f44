//! One attempt to lock the names on several nodes, in stages, and taking locks away again.
//!
//! The greatest node is locked first and unlocked last, so that of two who try only one gets further than that.
//! Always true: when an attempt failed, nothing of it is left on a node that answered.

use std::collections::VecDeque;

use super::calls::{Calls, Purpose};
use super::machine::{Global, Role};
use super::wire;
use crate::term::{Atom, Term};

/// See the module.
#[derive(Debug)]
pub(super) struct Attempt {
    what: Purpose,
    role: Role,
    /// The requester: the lock is `{global, Requester}`.
    requester: Term,
    stages: VecDeque<Vec<Atom>>,
    asked: Vec<Atom>,
    held: Vec<Atom>,
    failed: bool,
    undoing: bool,
}

/// How far an attempt is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Calls are out.
    Working,
    /// Everything is locked.
    Taken,
    /// It failed, and is undone.
    Refused,
}

impl Attempt {
    /// Begins with these stages. `None` if our own node says no at once.
    pub(super) fn begin(
        global: &mut Global,
        what: Purpose,
        role: Role,
        requester: Term,
        stages: impl IntoIterator<Item = Vec<Atom>>,
    ) -> Option<Attempt> {
        let mut attempt = Attempt {
            what,
            role,
            requester,
            stages: stages.into_iter().collect(),
            asked: Vec::new(),
            held: Vec::new(),
            failed: false,
            undoing: false,
        };
        if !global.locks.is_free(&Term::atom("global"), &attempt.requester) {
            return None;
        }
        attempt.next(global);
        Some(attempt)
    }

    /// One more stage, after those that are left.
    pub(super) fn then(&mut self, nodes: Vec<Atom>) {
        self.stages.push_back(nodes);
    }

    /// True if nothing but the first stage was asked for.
    pub(super) fn is_first(&self) -> bool {
        self.held.is_empty()
    }

    /// What is locked.
    pub(super) fn held(self) -> Vec<Atom> {
        self.held
    }

    fn request(&self, word: &'static str) -> Term {
        wire::info(word, [wire::global_lock(self.requester.clone())])
    }

    fn next(&mut self, global: &mut Global) -> Progress {
        loop {
            let Some(nodes) = self.stages.pop_front() else { return Progress::Taken };
            let nodes: Vec<Atom> = nodes.into_iter().filter(|node| !self.held.contains(node)).collect();
            if nodes.is_empty() {
                continue;
            }
            // Asking ourselves first may save asking all others.
            let own = nodes.contains(&global.own);
            if own && !global.locks.is_free(&Term::atom("global"), &self.requester) {
                return self.undo(global, Vec::new());
            }
            self.asked = nodes.clone();
            let request = self.request("set_lock");
            global.ask_all(self.what.clone(), self.role, nodes, &request);
            return Progress::Working;
        }
    }

    fn undo(&mut self, global: &mut Global, locked: Vec<Atom>) -> Progress {
        let nodes: Vec<Atom> = locked.into_iter().chain(self.held.drain(..)).collect();
        if nodes.is_empty() {
            return Progress::Refused;
        }
        self.undoing = true;
        let request = self.request("del_lock");
        global.ask_all(self.what.clone(), self.role, nodes, &request);
        Progress::Working
    }

    /// Gives everything back that was taken.
    pub(super) fn give_up(&mut self, global: &mut Global) -> Progress {
        self.undo(global, Vec::new())
    }

    /// The calls of a stage were answered.
    pub(super) fn answered(&mut self, global: &mut Global, calls: &Calls) -> Progress {
        if self.undoing {
            return Progress::Refused;
        }
        let refused = calls.answers.iter().any(|(_, answer)| *answer != Term::from(true));
        if refused {
            self.failed = true;
            let locked = calls.answers.iter().filter(|(_, answer)| *answer == Term::from(true));
            let locked = locked.map(|(node, _)| node.clone()).collect();
            return self.undo(global, locked);
        }
        self.held.append(&mut self.asked);
        self.next(global)
    }
}

/// Locks on their way out: all nodes, then the greatest.
#[derive(Debug)]
pub(super) struct Release {
    what: Purpose,
    role: Role,
    request: Term,
    last: Option<Atom>,
}

impl Release {
    /// Begins; the answers come to [`Release::answered`].
    pub(super) fn begin(
        global: &mut Global,
        what: Purpose,
        role: Role,
        requester: Term,
        mut nodes: Vec<Atom>,
    ) -> Release {
        nodes.sort();
        nodes.dedup();
        let last = nodes.pop();
        let request = wire::info("del_lock", [wire::global_lock(requester)]);
        global.ask_all(what.clone(), role, nodes, &request);
        Release { what, role, request, last }
    }

    /// True when everything is released.
    pub(super) fn answered(&mut self, global: &mut Global) -> bool {
        let Some(last) = self.last.take() else { return true };
        global.ask_all(self.what.clone(), self.role, vec![last], &self.request);
        false
    }
}
