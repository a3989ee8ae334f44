//! Questions to other nodes, several at a time: who answered what, and what that was for.
//!
//! Always true: each question gets an answer or the word that there will be none, and then whoever asked goes on.

use super::machine::{Effect, Global, Role};
use super::wire;
use crate::term::{Atom, Term};

/// Locks that may have stayed on nodes that were lost.
const MAX_OWED: usize = 1024;
/// Among requests to others: their table of names.
const NAMES: &str = "names";
/// Several calls that belong together.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) what: Purpose,
    waiting: usize,
    /// How many were asked.
    pub(super) asked: usize,
    /// Who answered what. Nodes that are gone did not.
    pub(super) answers: Vec<(Atom, Term)>,
}

/// What calls are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Locker,
    Registrar,
    Witness(Atom),
    Check,
    Names,
}

impl Global {
    /// Asks each of the nodes; ourselves at once.
    pub(super) fn ask_all(&mut self, what: Purpose, role: Role, nodes: Vec<Atom>, request: &Term) {
        self.ask_each(what, role, nodes.into_iter().map(|node| (node, request.clone())).collect());
    }

    /// Asks each of the nodes for its table of names.
    pub(super) fn ask_names(&mut self, what: Purpose, nodes: Vec<Atom>) {
        let nodes = nodes.into_iter().map(|node| (node, Term::atom(NAMES))).collect();
        self.ask_each(what, Role::Server, nodes);
    }

    /// Asks each of the nodes something of its own.
    pub(super) fn ask_each(&mut self, what: Purpose, role: Role, requests: Vec<(Atom, Term)>) {
        let group = self.number();
        let mut calls = Calls { what, waiting: 0, asked: requests.len(), answers: Vec::new() };
        for (node, request) in requests {
            if node == self.own && request.is_atom(NAMES) {
                calls.answers.push((node, self.names.registrations()));
                continue;
            }
            if node == self.own {
                let pid = if role == Role::Locker { &self.locker_pid } else { &self.registrar_pid };
                let pid = pid.clone();
                calls.answers.extend(self.call(&pid, &request).map(|answer| (node, answer)));
                continue;
            }
            // A lock that was set over a connection that we have not heard of yet has to go, too.
            let unlocks = request.as_tuple().is_some_and(|items| items[0].is_atom("del_lock"));
            if !unlocks && !self.known.contains_key(&node) && !self.connected.contains(&node) {
                // Lost meanwhile: to connect again would bring in a node that has forgotten what it agreed to.
                continue;
            }
            // The same if we have not heard yet that the connection is gone; only to a new member there may be none yet.
            let connect = !unlocks && !self.connected.contains(&node);
            let id = self.number();
            self.calls.insert(id, group);
            self.call_nodes.insert(id, node.clone());
            calls.waiting += 1;
            self.emit(match request.is_atom(NAMES) {
                true => Effect::Names { id, node },
                false => Effect::Call { id, role, node, request, connect },
            });
        }
        match calls.waiting {
            0 => self.ready.push_back(calls),
            _ => drop(self.groups.insert(group, calls)),
        }
    }

    /// How many questions of this kind wait for answers.
    pub(super) fn waiting_for(&self, what: &Purpose) -> usize {
        self.groups.values().filter(|calls| calls.what == *what).count()
    }

    /// A BEAM that looks at our question after the connection was lost sets the lock all the same, and connects again to
    /// watch the holder: nobody would ever take that lock away.
    pub(super) fn unlock_late(&mut self, node: &Atom) {
        let (owed, left) = std::mem::take(&mut self.owed).into_iter().partition(|(owed, ..)| owed == node);
        self.owed = left;
        let owed: Vec<(Atom, Role, Term)> = owed;
        for (node, role, requester) in owed {
            let held = match role {
                Role::Locker => self.locker_attempt().as_ref() == Some(&requester),
                _ => self.registrar_asks(&node),
            };
            if held {
                // It may not be given back with the others.
                self.owed.push((node, role, requester));
                continue;
            }
            let request = wire::info("del_lock", [wire::global_lock(requester)]);
            let id = self.number();
            self.emit(Effect::Call { id, role, node, request, connect: false });
        }
    }

    /// A call was answered; or it never will be, because the node or its name server is gone.
    pub(crate) fn answer(&mut self, call: u64, answer: Option<Term>) {
        let Some(group) = self.calls.remove(&call) else { return };
        let node = self.call_nodes.remove(&call);
        let attempt = self.locker_attempt();
        let Some(calls) = self.groups.get_mut(&group) else { return };
        // A member was lost while names were changed.
        let doubtful = answer.is_none() && calls.what == Purpose::Registrar;
        let owed = match (&calls.what, &node, &answer) {
            (Purpose::Registrar, Some(node), None) => {
                Some((node.clone(), Role::Registrar, Term::from(&self.registrar_pid)))
            }
            (Purpose::Locker, Some(node), None) => {
                attempt.map(|requester| (node.clone(), Role::Locker, requester))
            }
            _ => None,
        };
        calls.answers.extend(node.zip(answer));
        calls.waiting -= 1;
        if calls.waiting == 0 {
            self.ready.extend(self.groups.remove(&group));
        }
        if doubtful {
            self.doubt_names();
        }
        if let Some(owed) = owed.filter(|owed| self.owed.len() < MAX_OWED && !self.owed.contains(owed)) {
            self.owed.push(owed);
        }
    }
}
