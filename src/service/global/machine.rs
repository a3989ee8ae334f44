//! The name server as a state machine: what is told goes in, what is to be done comes out (protocol section 9).
//!
//! No I/O, no clock, no process: the driver delivers messages in the order of their connection and carries out the
//! [`Effect`]s in theirs, and so does the simulation of the tests. The parts are in files of their own: `connect`
//! (two partitions become one), `locker`, `registrar`, `partition` (what is done about lost connections).
//! Always true: a node that is known is a member of our partition; a session exists only for a node that is connected.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use foldhash::{HashMap, HashSet};

use super::calls::{Calls, Purpose};
use super::checks::Checks;
use super::connect::Session;
use super::locker::Locker;
use super::locks::{Locks, Set};
use super::names::Names;
use super::partition::{Losses, Overlap};
use super::registrar::{Registrar, Request};
use super::repair::Trust;
use super::wire::{self, Registration, Told};
use crate::node::config::Overlap as Wish;
use crate::term::{Atom, Pid, Term};

/// Things about a peer that were logged; beyond this, nothing more is.
const MAX_NOTES: usize = 256;
/// Members of one cluster.
pub(super) const MAX_MEMBERS: usize = 10_000;

/// On whose behalf something is sent: locks and registrations count by the pid that asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    Server,
    Locker,
    Registrar,
}

/// Something to be reminded of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Time to try the next session. The number tells a newer wait from an older one.
    Locker(u64),
    /// A session holds the lock for too long.
    Patience(u64),
    /// Time to try for the lock again.
    Registrar(u64),
    /// Time to begin again with a node whose session was cancelled.
    Restart(Atom),
    /// Time to ask whether others still have a node that we lost.
    Witness(Atom),
    /// Time to compare whom we and others know.
    Check(u64),
    /// Time to compare the names that we and others have.
    Names,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send to the name server of a node. Without `connect` it may be dropped when there is no connection.
    Send { role: Role, to: Atom, message: Term, connect: bool },
    /// Ask the name server of a node, and report the answer, or that there will be none, to [`Global::answer`]. Without
    /// `connect` there is none when there is no connection.
    Call { id: u64, role: Role, node: Atom, request: Term, connect: bool },
    /// Ask a node for its table of names, with its methods; the answer comes as that to a call.
    Names { id: u64, node: Atom },
    /// Report the end of this process to [`Global::down`].
    Watch { watch: u64, pid: Pid },
    /// No longer.
    Unwatch { watch: u64 },
    /// End the connection.
    Disconnect(Atom),
    /// Connect, or report to [`Global::unreachable`].
    Connect(Atom),
    /// Decide a conflict on the node `at`; report to [`Global::resolved_one`].
    Resolve { peer: Atom, tag: i64, at: Atom, method: Term, name: Term, theirs: Pid, ours: Pid },
    /// Report to [`Global::timer`].
    Timer { timer: Timer, after: Duration },
    /// A request of the program is done.
    Done { ticket: u64, outcome: Outcome },
    /// For people.
    Log { warn: bool, text: String },
}

/// How a request of the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `yes` or `ok`.
    Yes,
    /// `no`: the name is taken, or the process has another one.
    No,
    /// The table is full.
    Full,
}

/// How the method of a name decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Theirs,
    Ours,
    /// Neither, or nothing that makes sense: the name goes.
    Neither,
    /// The node that should have decided did not answer.
    Failed,
}

/// Whether two sets of names are one: who waits for it.
struct Syncing {
    ticket: u64,
    nodes: BTreeSet<Atom>,
}

/// See the module.
pub(crate) struct Global {
    pub(super) own: Atom,
    pub(super) locker_pid: Pid,
    pub(super) registrar_pid: Pid,
    /// False: no part of the mesh (`connect_all false`); names and locks still work for those who ask.
    pub(super) member: bool,
    pub(super) overlap: Overlap,
    /// Visible nodes that are connected.
    pub(super) connected: BTreeSet<Atom>,
    /// The members of our partition and the versions they speak.
    pub(super) known: BTreeMap<Atom, i64>,
    pub(super) synced: BTreeSet<Atom>,
    pub(super) sessions: BTreeMap<Atom, Session>,
    /// Beginnings of sessions that came before ours.
    pub(super) early: BTreeMap<Atom, super::connect::Beginning>,
    /// Sessions begun again, by node, since one succeeded or the connection was lost.
    pub(super) restarts: HashMap<Atom, u32>,
    pub(super) names: Names,
    pub(super) locks: Locks,
    /// The last lock on the names ended because its holders did.
    pub(super) lock_died: bool,
    pub(super) locker: Locker,
    pub(super) registrar: Registrar,
    pub(super) losses: Losses,
    pub(super) checks: Checks,
    pub(super) trust: Trust,
    /// With those of all members, not of a few.
    pub(super) compare_all: bool,
    /// How often in a row the names were made equal.
    pub(super) repairs: u32,
    syncing: Vec<Syncing>,
    pub(super) calls: HashMap<u64, u64>,
    pub(super) call_nodes: HashMap<u64, Atom>,
    pub(super) groups: HashMap<u64, Calls>,
    /// Nodes that may keep a lock of ours for which we got no answer, with the requester.
    pub(super) owed: Vec<(Atom, Role, Term)>,
    pub(super) ready: VecDeque<Calls>,
    numbers: u64,
    random: u64,
    notes: HashSet<(Atom, &'static str)>,
    out: Vec<Effect>,
}

impl fmt::Debug for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Global")
            .field("own", &self.own)
            .field("known", &self.known)
            .field("sessions", &self.sessions)
            .field("names", &self.names.len())
            .field("locker", &self.locker)
            .field("registrar", &self.registrar)
            .finish_non_exhaustive()
    }
}

impl Global {
    /// `seed` makes the pauses differ between nodes.
    pub(crate) fn new(own: Atom, locker: Pid, registrar: Pid, member: bool, wish: Wish, seed: u64) -> Global {
        Global {
            own,
            locker_pid: locker,
            registrar_pid: registrar,
            member,
            overlap: Overlap::of(wish, member),
            connected: BTreeSet::new(),
            known: BTreeMap::new(),
            synced: BTreeSet::new(),
            sessions: BTreeMap::new(),
            early: BTreeMap::new(),
            restarts: HashMap::default(),
            names: Names::default(),
            locks: Locks::default(),
            lock_died: false,
            locker: Locker::default(),
            registrar: Registrar::default(),
            losses: Losses::new(seed),
            checks: Checks::default(),
            trust: Trust::Sure,
            compare_all: false,
            repairs: 0,
            syncing: Vec::new(),
            calls: HashMap::default(),
            call_nodes: HashMap::default(),
            groups: HashMap::default(),
            owed: Vec::new(),
            ready: VecDeque::new(),
            numbers: 0,
            random: seed | 1,
            notes: HashSet::default(),
            out: Vec::new(),
        }
    }

    /// The node has another name, or its pids a new creation.
    pub(crate) fn rename(&mut self, own: Atom, locker: Pid, registrar: Pid) {
        self.own = own;
        self.locker_pid = locker;
        self.registrar_pid = registrar;
    }

    pub(crate) fn locker_pid(&self) -> &Pid {
        &self.locker_pid
    }

    /// What is to be done, in this order.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        self.settle();
        std::mem::take(&mut self.out)
    }

    /// Goes on with calls that are complete: those to nobody but ourselves are at once.
    fn settle(&mut self) {
        loop {
            self.pump_locker();
            let Some(calls) = self.ready.pop_front() else { return };
            match calls.what.clone() {
                Purpose::Locker => self.locker_answered(calls),
                Purpose::Registrar => self.registrar_answered(calls),
                Purpose::Witness(node) => self.witnessed(&node, calls),
                Purpose::Check => self.checked(&calls),
                Purpose::Names => self.names_compared(&calls),
            }
        }
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        self.out.push(effect);
    }

    pub(super) fn send(&mut self, to: &Atom, message: Term) {
        self.emit(Effect::Send { role: Role::Server, to: to.clone(), message, connect: false });
    }

    pub(super) fn log(&mut self, warn: bool, text: String) {
        self.emit(Effect::Log { warn, text });
    }

    /// Says once what is wrong with a peer.
    pub(super) fn note(&mut self, peer: &Atom, what: &'static str) {
        if self.notes.len() < MAX_NOTES && self.notes.insert((peer.clone(), what)) {
            self.log(true, format!("global: {peer} {what}; this is said once"));
        }
    }

    /// A number never given before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Anything below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // xorshift: only pauses depend on it.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    /// The greatest of us and those we know: it is locked first and unlocked last.
    pub(super) fn boss(&self) -> Atom {
        match self.known.keys().next_back() {
            Some(greatest) if *greatest > self.own => greatest.clone(),
            _ => self.own.clone(),
        }
    }

    /// A node that is connected and visible came up.
    pub(crate) fn node_up(&mut self, node: Atom) {
        self.connected.insert(node.clone());
        self.unlock_late(&node);
        if self.member {
            self.stir_checks();
            if self.known.contains_key(&node) {
                // Others brought it in.
                self.send(&node, wire::in_sync(&self.own));
            }
            self.begin_session(&node);
        } else {
            // Without a part in `global`: the peer need not wait for us (protocol section 9.4, mode A).
            let hello = wire::in_sync(&self.own);
            self.send(&node, hello);
        }
    }

    /// A message that nobody waits for; `from` is the node of its sender.
    pub(crate) fn message(&mut self, from: &Atom, message: &Term) {
        let told = match message.as_tuple() {
            Some([word, cast]) if word.is_atom("$gen_cast") => Told::cast(cast),
            _ => Told::info(message),
        };
        match told {
            Some(told) => self.told(from, told),
            None => self.note(from, "sent a message to global_name_server that has no meaning there"),
        }
    }

    fn told(&mut self, from: &Atom, told: Told) {
        let speaker = match &told {
            Told::InitConnect { node, locker, .. } if locker.node == *node => Some(node),
            Told::InitConnect { .. } => None,
            Told::InitConnectAck { node, .. }
            | Told::CancelConnect { node, .. }
            | Told::Exchange { node, .. }
            | Told::Resolved { node, .. }
            | Told::InSync { node }
            | Told::RemoveConnection { node } => Some(node),
            Told::LockSet { locker, .. } => Some(&locker.node),
            // These travel further than one node.
            Told::NewNodes { .. } | Told::LostConnection { .. } | Told::Noise => Some(from),
        };
        if speaker != Some(from) || !self.connected.contains(from) {
            self.note(from, "spoke to global_name_server in the name of another node");
            return;
        }
        if !self.member {
            return;
        }
        self.checks.spoke(from);
        match told {
            Told::InitConnect { version, tag, node, locker } => self.init_connect(node, version, tag, locker),
            Told::InitConnectAck { node, ours, theirs } => self.init_connect_ack(&node, &ours, &theirs),
            Told::CancelConnect { node, ours } => self.cancel_connect(&node, &ours),
            Told::LockSet { set, tag, .. } => self.lock_set(from, set, tag),
            Told::Exchange { node, names, tag } => self.exchange(&node, names, &tag),
            Told::Resolved { node, operations, known, external, tag } => {
                self.resolved(&node, operations, known, external, &tag);
            }
            Told::NewNodes { operations, external, nodes, lock } => {
                self.new_nodes(from, operations, &external, nodes, lock);
            }
            Told::InSync { node } => self.in_sync(&node),
            Told::LostConnection { by, life, number, lost } => self.lost_connection(by, life, number, lost),
            Told::RemoveConnection { node } => self.remove_connection(&node),
            Told::Noise => {}
        }
    }

    /// A call; the answer, if it is one that we know. Without one the caller waits in vain, as at a BEAM.
    pub(crate) fn call(&mut self, caller: &Pid, request: &Term) -> Option<Term> {
        if let Some(word) = request.as_atom() {
            return match word.as_str() {
                "get_known" => Some(wire::members(self.known.iter().map(|(n, v)| (n, *v)), false)),
                "get_synced" => Some(self.synced.iter().map(Term::from).collect()),
                "get_protocol_version" => Some(wire::VERSION.into()),
                "get_names_ext" => Some(wire::externals(&self.names.externals())),
                _ => {
                    self.note(&caller.node, "asked global_name_server for something that it does not know");
                    None
                }
            };
        }
        let answer = request.as_tuple().and_then(|items| self.call_of(caller, items));
        if answer.is_none() {
            self.note(&caller.node, "asked global_name_server for something that it does not know");
        }
        answer
    }

    fn call_of(&mut self, caller: &Pid, items: &[Term]) -> Option<Term> {
        match (items.first()?.as_atom()?.as_str(), items) {
            ("set_lock", [_, id]) => {
                let [resource, requester] = id.as_tuple()? else { return None };
                Some(self.set_lock(resource, requester, caller).into())
            }
            ("del_lock", [_, id]) => {
                let [resource, requester] = id.as_tuple()? else { return None };
                self.del_lock(resource, requester, caller);
                Some(true.into())
            }
            ("register", [_, name, pid, method]) => {
                let pid = pid.as_pid()?.clone();
                let registration = Registration { name: name.clone(), pid, method: method.clone() };
                let valid = self.is_locked_for(Some(caller), None);
                self.enter(&caller.node, registration, None, valid);
                Some(Term::atom("yes"))
            }
            ("register_ext", [_, name, pid, method, node]) => {
                let pid = pid.as_pid()?.clone();
                let registration = Registration { name: name.clone(), pid, method: method.clone() };
                let valid = self.is_locked_for(Some(caller), None);
                self.enter(&caller.node, registration, Some(node.as_atom()?.clone()), valid);
                Some(Term::atom("yes"))
            }
            ("unregister", [_, name]) => {
                self.delete(name);
                Some(Term::atom("ok"))
            }
            _ => None,
        }
    }

    pub(super) fn set_lock(&mut self, resource: &Term, requester: &Term, pid: &Pid) -> bool {
        let watch = self.number();
        match self.locks.set(resource, requester, pid, watch) {
            Set::Taken => false,
            Set::Again => true,
            Set::New => {
                self.emit(Effect::Watch { watch, pid: pid.clone() });
                true
            }
        }
    }

    fn del_lock(&mut self, resource: &Term, requester: &Term, pid: &Pid) {
        if let Some(watch) = self.locks.delete(resource, requester, pid) {
            self.emit(Effect::Unwatch { watch });
            if resource.is_atom("global") && !self.locks.is_set(resource) {
                self.lock_died = false;
            }
        }
    }

    /// Whether the names are locked for this process, or by this requester; a change that comes too late must not count.
    pub(super) fn is_locked_for(&self, pid: Option<&Pid>, requester: Option<&Term>) -> bool {
        let resource = Term::atom("global");
        match self.locks.requester(&resource) {
            None => !self.lock_died,
            Some(locked_by) => {
                pid.is_some_and(|pid| self.locks.is_held_by(&resource, pid)) || requester == Some(locked_by)
            }
        }
    }

    /// Enters a name, in place of what it stood for. `valid`: its change came in time.
    pub(super) fn enter(
        &mut self,
        by: &Atom,
        registration: Registration,
        external: Option<Atom>,
        valid: bool,
    ) {
        let node = &registration.pid.node;
        let stranger = *node != self.own && !self.known.contains_key(node) && !self.connected.contains(node);
        if !valid {
            // Who sent it lost the lock on its way: what is here came in time and counts.
            return;
        }
        if !self.names.has_room(&registration, stranger) {
            self.note(by, "registered more names than this node keeps");
            return;
        }
        if *node != self.own && !self.known.contains_key(node) && external.is_none() {
            // Not all members need to find its node in the same state.
            self.doubt_names();
        }
        self.delete(&registration.name);
        let watch = self.number();
        self.emit(Effect::Watch { watch, pid: registration.pid.clone() });
        self.names.insert(registration, watch, external, stranger);
    }

    pub(super) fn delete(&mut self, name: &Term) {
        if let Some(entry) = self.names.remove(name) {
            self.emit(Effect::Unwatch { watch: entry.watch });
        }
    }

    /// A watched process is gone: its name or lock is, too.
    pub(crate) fn down(&mut self, watch: u64) {
        if let Some(name) = self.names.watched(watch).cloned() {
            let node = self.names.remove(&name).map(|entry| entry.pid.node);
            if node.is_some_and(|node| self.known.contains_key(&node) && !self.connected.contains(&node)) {
                // Others may have reached that member.
                self.doubt_names_a_little();
            }
        } else if let Some(resource) = self.locks.down(watch) {
            if resource.is_atom("global") {
                self.lock_died = true;
                self.doubt_names();
            }
        }
    }

    pub(crate) fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Locker(number) => self.locker_timer(number),
            Timer::Patience(number) => self.locker_lost_patience(number),
            Timer::Registrar(number) => self.registrar_timer(number),
            Timer::Restart(node) => self.restart_now(&node),
            Timer::Witness(node) => self.seek_witnesses(node),
            Timer::Check(number) => self.check_members(number),
            Timer::Names => self.compare_names(),
        }
    }

    /// The program wants something of the names.
    pub(crate) fn ask(&mut self, ticket: u64, request: Request) {
        self.registrar_asked(ticket, request);
    }

    /// The program wants to know when all nodes that are connected now have the names that we have.
    pub(crate) fn sync(&mut self, ticket: u64) {
        let nodes: BTreeSet<Atom> = match self.member {
            true => self.connected.difference(&self.synced).cloned().collect(),
            false => BTreeSet::new(),
        };
        match nodes.is_empty() {
            true => self.emit(Effect::Done { ticket, outcome: Outcome::Yes }),
            false => self.syncing.push(Syncing { ticket, nodes }),
        }
    }

    /// A node is in step, or gone: nobody waits for it any more.
    pub(super) fn is_settled(&mut self, node: &Atom) {
        let mut done = Vec::new();
        self.syncing.retain_mut(|syncing| {
            syncing.nodes.remove(node);
            if syncing.nodes.is_empty() {
                done.push(syncing.ticket);
            }
            !syncing.nodes.is_empty()
        });
        for ticket in done {
            self.emit(Effect::Done { ticket, outcome: Outcome::Yes });
        }
    }

    /// What is not at rest, or kept although it is over.
    #[cfg(test)]
    pub(super) fn unrest(&self) -> Option<String> {
        let kept = [
            ("locks", self.locks.len()),
            ("sessions", self.sessions.len()),
            ("early", self.early.len()),
            ("restarts", self.restarts.len()),
            ("calls", self.calls.len()),
            ("call_nodes", self.call_nodes.len()),
            ("groups", self.groups.len()),
            ("ready", self.ready.len()),
            ("syncing", self.syncing.len()),
            ("losses", self.losses.len()),
            ("locker", usize::from(!self.locker_is_idle())),
            ("registrar", usize::from(!self.registrar_is_idle())),
        ];
        kept.iter().find(|(_, count)| *count > 0).map(|(what, count)| format!("{what}: {count}"))
    }

    /// What a name stands for.
    pub(crate) fn whereis(&self, name: &Term) -> Option<&Pid> {
        self.names.get(name).map(|entry| &entry.pid)
    }

    pub(crate) fn registered_names(&self) -> Vec<Term> {
        self.names.names()
    }
}
