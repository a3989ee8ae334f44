//! Two partitions become one: the sessions between two name servers (protocol sections 9.5, 9.6).
//!
//! Begin, confirm, lock both sides, exchange names, resolve conflicts, tell each other, tell the own side, unlock. Every
//! message carries the tag of the session that its receiver knows; one with another tag belongs to a session that is over.

use std::collections::VecDeque;
use std::time::Duration;

use super::machine::{Effect, Global, Role, Timer, Verdict, MAX_MEMBERS};
use super::wire::{self, External, Member, Operation, Registration};
use crate::term::{Atom, Pid, Term};

/// Sessions begun again at once; further ones wait, so that two nodes that never agree do not spin.
const QUICK_RESTARTS: u32 = 3;
/// Longest wait before a session is begun again.
const LONGEST_RESTART: Duration = Duration::from_secs(4);
/// Beginnings kept for nodes that we have no session with.
const MAX_EARLY: usize = 1024;

/// What a peer said when it began.
#[derive(Debug, Clone)]
pub(super) struct Beginning {
    version: i64,
    tag: Term,
    locker: Pid,
}

impl Beginning {
    pub(super) fn version(&self) -> i64 {
        self.version
    }
}

/// A session with a node that is connected and not known yet.
#[derive(Debug)]
pub(super) struct Session {
    /// Our tag, which its messages must carry.
    pub(super) tag: i64,
    /// What it began with, once it did.
    pub(super) their: Option<Beginning>,
    lock: Option<Term>,
    stage: Stage,
    /// The changes for our side, once they are decided.
    ours: Option<Vec<Operation>>,
    /// What the other side decided, if it was faster.
    theirs: Option<Decided>,
}

#[derive(Debug)]
enum Stage {
    /// Neither our lock nor their names.
    Waiting,
    /// Our lock, not their names.
    Locked,
    /// Their names, not our lock.
    Named(Vec<Registration>),
    /// Conflicts are being resolved.
    Resolving(Box<Resolving>),
    /// Resolved, and told.
    Told,
}

#[derive(Debug)]
struct Resolving {
    left: VecDeque<Registration>,
    /// The conflict that is being decided, with what we have for the name.
    current: Option<(Registration, Registration)>,
    ours: Vec<Operation>,
    theirs: Vec<Operation>,
}

#[derive(Debug)]
struct Decided {
    operations: Vec<Operation>,
    known: Vec<Member>,
    external: Vec<External>,
}

impl Global {
    /// Makes ourselves known to a node that is connected, unless that is done or under way.
    pub(super) fn begin_session(&mut self, node: &Atom) {
        let connected = self.connected.contains(node);
        if !connected || self.known.contains_key(node) || self.sessions.contains_key(node) {
            return;
        }
        let tag = self.number() as i64;
        let hello = Term::tuple([
            Term::atom("locker"),
            Term::atom("no_longer_a_pid"),
            Term::map([]).unwrap_or_else(|_| Term::nil()),
            (&self.locker_pid).into(),
        ]);
        let version = Term::tuple([wire::VERSION.into(), tag.into()]);
        let message = wire::cast("init_connect", [version, (&self.own).into(), hello]);
        self.send(node, message);
        let session =
            Session { tag, their: None, lock: None, stage: Stage::Waiting, ours: None, theirs: None };
        self.sessions.insert(node.clone(), session);
        if let Some(their) = self.early.remove(node) {
            self.accept(node, their);
        }
    }

    pub(super) fn init_connect(&mut self, node: Atom, version: i64, tag: Term, locker: Pid) {
        if version < wire::OLDEST_VERSION {
            self.note(&node, "speaks a version of global that is too old");
            return;
        }
        self.checks.began(&node);
        if self.known.contains_key(&node) {
            self.stir_checks();
        }
        let their = Beginning { version: version.min(wire::VERSION), tag, locker };
        let begun_twice = self.sessions.get(&node).is_some_and(|session| session.their.is_some());
        if begun_twice {
            // It began anew while its last beginning still counted: neither does, and both begin again.
            if version < wire::CONFIRMING_VERSION {
                self.emit(Effect::Disconnect(node));
                return;
            }
            self.send_cancel(&node, their.tag.clone());
            self.restart(&node);
            return;
        }
        match self.sessions.contains_key(&node) {
            true => self.accept(&node, their),
            false if self.early.len() < MAX_EARLY || self.early.contains_key(&node) => {
                self.early.insert(node, their);
            }
            false => {}
        }
    }

    /// The peer's beginning meets ours: the lockers may start.
    fn accept(&mut self, node: &Atom, their: Beginning) {
        let Some(session) = self.sessions.get_mut(node) else { return };
        let tag = session.tag;
        let (version, theirs, locker) = (their.version, their.tag.clone(), their.locker.clone());
        session.their = Some(their);
        self.locker_add(node.clone(), locker, version, tag, theirs.clone());
        if version >= wire::CONFIRMING_VERSION {
            let message = wire::info("init_connect_ack", [(&self.own).into(), theirs, tag.into()]);
            self.send(node, message);
        }
    }

    /// The peer confirms the pair of tags that it knows.
    pub(super) fn init_connect_ack(&mut self, node: &Atom, ours: &Term, theirs: &Term) {
        let older = |session: &Session| matches!(ours, Term::Int(tag) if *tag < session.tag);
        if self.sessions.get(node).is_some_and(older) {
            // To a beginning of ours that is over; it will hear of the next.
            return;
        }
        let agreed = self.sessions.get(node).is_some_and(|session| {
            *ours == Term::Int(session.tag)
                && session.their.as_ref().is_some_and(|their| their.tag == *theirs)
        });
        if !agreed {
            self.send_cancel(node, theirs.clone());
            if self.sessions.contains_key(node) {
                self.restart(node);
            }
        }
    }

    pub(super) fn cancel_connect(&mut self, node: &Atom, ours: &Term) {
        if self.sessions.get(node).is_some_and(|session| *ours == Term::Int(session.tag)) {
            if let Some(session) = self.sessions.get_mut(node) {
                // It was cancelled there: it need not be told.
                session.their = None;
            }
            self.restart(node);
        }
    }

    /// Ends the session and begins another: at once, unless that happened too often.
    pub(super) fn restart(&mut self, node: &Atom) {
        self.cancel_session(node, None);
        if self.known.contains_key(node) {
            self.restarts.remove(node);
            return;
        }
        let count = self.restarts.entry(node.clone()).or_default();
        *count = count.saturating_add(1);
        if *count <= QUICK_RESTARTS {
            self.begin_session(node);
            return;
        }
        let most = 100 << (*count - QUICK_RESTARTS).min(6);
        // Both sides should not begin at the same time for ever.
        let after = Duration::from_millis(most / 2 + self.below(most / 2)).min(LONGEST_RESTART);
        self.emit(Effect::Timer { timer: Timer::Restart(node.clone()), after });
    }

    /// The pause before another session is over.
    pub(super) fn restart_now(&mut self, node: &Atom) {
        match self.known.contains_key(node) {
            true => drop(self.restarts.remove(node)),
            false => self.begin_session(node),
        }
    }

    /// Ends the session with its lock; `unlock` is sent while the lock is still held.
    pub(super) fn cancel_session(&mut self, node: &Atom, unlock: Option<Vec<Effect>>) {
        self.early.remove(node);
        let Some(session) = self.sessions.remove(node) else { return };
        if let (Some(their), true) = (&session.their, unlock.is_none()) {
            if their.version >= wire::CONFIRMING_VERSION {
                self.send_cancel(node, their.tag.clone());
            }
        }
        self.locker_cancel(node.clone(), session.tag, unlock.unwrap_or_default());
    }

    fn send_cancel(&mut self, node: &Atom, theirs: Term) {
        let message = wire::info("cancel_connect", [(&self.own).into(), theirs]);
        self.send(node, message);
    }

    /// The session that this tag is for. A message with an old tag is dropped.
    fn session(&mut self, node: &Atom, tag: &Term) -> Option<&mut Session> {
        self.sessions.get_mut(node).filter(|session| *tag == Term::Int(session.tag))
    }

    /// Both sides are locked: our names go out.
    pub(super) fn lock_is_set(&mut self, node: &Atom, tag: i64, lock: Term) {
        let Some(session) = self.sessions.get_mut(node).filter(|session| session.tag == tag) else {
            self.locker_cancel(node.clone(), tag, Vec::new());
            return;
        };
        let Some(their) = &session.their else { return };
        let theirs = their.tag.clone();
        session.lock = Some(lock);
        let stage = std::mem::replace(&mut session.stage, Stage::Locked);
        let names = self.names.registrations();
        let message = wire::cast("exchange", [(&self.own).into(), names, Term::nil(), theirs]);
        self.send(node, message);
        if let Stage::Named(names) = stage {
            self.resolve(node, names);
        }
    }

    pub(super) fn exchange(&mut self, node: &Atom, names: Vec<Registration>, tag: &Term) {
        let Some(session) = self.session(node, tag) else { return };
        match session.stage {
            Stage::Waiting => session.stage = Stage::Named(names),
            Stage::Locked => self.resolve(node, names),
            Stage::Named(_) | Stage::Resolving(_) | Stage::Told => {
                self.note(node, "sent its names twice");
            }
        }
    }

    fn resolve(&mut self, node: &Atom, names: Vec<Registration>) {
        let Some(session) = self.sessions.get_mut(node) else { return };
        session.stage = Stage::Resolving(Box::new(Resolving {
            left: names.into(),
            current: None,
            ours: Vec::new(),
            theirs: Vec::new(),
        }));
        self.resolve_next(node);
    }

    /// Goes through their names up to the next conflict that is ours to decide.
    fn resolve_next(&mut self, node: &Atom) {
        let decides = self.own < *node;
        let Some(session) = self.sessions.get_mut(node) else { return };
        let tag = session.tag;
        let Stage::Resolving(resolving) = &mut session.stage else { return };
        while let Some(theirs) = resolving.left.pop_front() {
            match self.names.get(&theirs.name) {
                None => resolving.ours.push(Operation::Insert(theirs)),
                // Those who are on one side only need not have it, and we may lose it before we are through.
                Some(entry) if entry.pid == theirs.pid => resolving.ours.push(Operation::Insert(theirs)),
                Some(_) if !decides => {}
                Some(entry) => {
                    let name = theirs.name.clone();
                    let ours = Registration { name, pid: entry.pid.clone(), method: entry.method.clone() };
                    let effect = Effect::Resolve {
                        peer: node.clone(),
                        tag,
                        at: ours.pid.node.clone(),
                        method: ours.method.clone(),
                        name: ours.name.clone(),
                        theirs: theirs.pid.clone(),
                        ours: ours.pid.clone(),
                    };
                    resolving.current = Some((theirs, ours));
                    self.emit(effect);
                    return;
                }
            }
        }
        let (ours, theirs) = (std::mem::take(&mut resolving.ours), std::mem::take(&mut resolving.theirs));
        session.stage = Stage::Told;
        self.tell_resolved(node, ours, &theirs);
    }

    /// A conflict was decided.
    pub(crate) fn resolved_one(&mut self, node: &Atom, tag: i64, verdict: Verdict) {
        let Some(session) = self.sessions.get_mut(node).filter(|session| session.tag == tag) else { return };
        let Stage::Resolving(resolving) = &mut session.stage else { return };
        let Some((theirs, ours)) = resolving.current.take() else { return };
        match verdict {
            Verdict::Theirs | Verdict::Failed => resolving.ours.push(Operation::Insert(theirs)),
            Verdict::Ours => resolving.theirs.push(Operation::Insert(ours)),
            Verdict::Neither => {
                resolving.ours.push(Operation::Delete(theirs.name.clone()));
                resolving.theirs.push(Operation::Delete(theirs.name));
            }
        }
        self.resolve_next(node);
    }

    /// All conflicts are decided: the other side hears of it.
    fn tell_resolved(&mut self, node: &Atom, ours: Vec<Operation>, theirs: &[Operation]) {
        let external = wire::externals(&self.names.externals());
        let Some(session) = self.sessions.get_mut(node) else { return };
        let Some(their) = &session.their else { return };
        let with_versions = their.version >= wire::PARTITION_VERSION;
        let message = wire::cast(
            "resolved",
            [
                (&self.own).into(),
                theirs.iter().map(Operation::term).collect(),
                wire::members(self.known.iter().map(|(n, v)| (n, *v)), with_versions),
                Term::atom("unused"),
                external,
                their.tag.clone(),
            ],
        );
        session.ours = Some(ours);
        let decided = session.theirs.take();
        self.send(node, message);
        if let Some(decided) = decided {
            self.join(node, decided);
        }
    }

    pub(super) fn resolved(
        &mut self,
        node: &Atom,
        operations: Vec<Operation>,
        known: Vec<Member>,
        external: Vec<External>,
        tag: &Term,
    ) {
        let Some(session) = self.session(node, tag) else { return };
        let decided = Decided { operations, known, external };
        match session.ours {
            Some(_) => self.join(node, decided),
            None => session.theirs = Some(decided),
        }
    }

    /// Both sides have decided: the partitions are one.
    fn join(&mut self, node: &Atom, decided: Decided) {
        let Some(session) = self.sessions.get_mut(node) else { return };
        let version = session.their.as_ref().map_or(0, |their| their.version);
        let Some(lock) = session.lock.clone() else { return };
        let requester = lock.as_tuple().and_then(|pair| pair.get(1)).cloned();
        let mut operations = session.ours.take().unwrap_or_default();
        operations.extend(decided.operations);
        let external = decided.external;

        let mut members = vec![(node.clone(), version)];
        members.extend(decided.known.into_iter().filter(|(member, _)| *member != self.own));
        members.truncate(MAX_MEMBERS);
        for (member, _) in &members[1..] {
            self.introduce(member);
        }
        for (member, _) in &members[1..] {
            self.end_session(member);
        }
        let extra: Term =
            [Term::tuple([Term::atom("vsn"), version.into()]), Term::tuple([Term::atom("lock"), lock])]
                .into_iter()
                .collect();
        let ours: Vec<Effect> = self
            .known
            .iter()
            .map(|(member, version)| {
                let pairs = members.iter().map(|(node, version)| (node, *version));
                let with_versions = *version >= wire::PARTITION_VERSION;
                let message = wire::cast(
                    "new_nodes",
                    [
                        (&self.own).into(),
                        operations.iter().map(Operation::term).collect(),
                        wire::externals(&external),
                        wire::members(pairs, with_versions),
                        extra.clone(),
                    ],
                );
                // On behalf of the locker: it must arrive before the lock is taken away.
                Effect::Send { role: Role::Locker, to: member.clone(), message, connect: true }
            })
            .collect();
        self.cancel_session(node, Some(ours));
        self.restarts.remove(node);
        self.add_known(members);
        let own = self.own.clone();
        self.apply(&own, &operations, &external, requester.as_ref());
        self.synced.insert(node.clone());
        self.is_settled(node);
    }

    /// The session is over because the node is known in another way.
    fn end_session(&mut self, node: &Atom) {
        self.restarts.remove(node);
        self.cancel_session(node, Some(Vec::new()));
    }

    /// Says to a member that others brought in that we are in step, or connects; with the connection we say it, if it still is a
    /// member then: a BEAM that hears it in the middle of a session gives that up.
    fn introduce(&mut self, node: &Atom) {
        match self.connected.contains(node) {
            true => self.send(node, wire::in_sync(&self.own)),
            false => self.emit(Effect::Connect(node.clone())),
        }
    }

    /// A member of our partition has brought others in.
    pub(super) fn new_nodes(
        &mut self,
        by: &Atom,
        operations: Vec<Operation>,
        external: &[External],
        nodes: Vec<Member>,
        lock: Option<Term>,
    ) {
        let added = self.add_known(nodes);
        for node in &added {
            self.introduce(node);
        }
        self.apply(by, &operations, external, lock.as_ref());
    }

    fn apply(&mut self, by: &Atom, operations: &[Operation], external: &[External], lock: Option<&Term>) {
        let outside: std::collections::HashMap<&Term, (&Pid, &Atom)> =
            external.iter().map(|(name, pid, node)| (name, (pid, node))).collect();
        for operation in operations {
            if let Operation::Insert(registration) = operation {
                let through = outside.get(&registration.name).filter(|(pid, _)| **pid == registration.pid);
                let through = through.map(|(_, node)| (*node).clone());
                let valid = self.is_locked_for(None, lock);
                self.enter(by, registration.clone(), through, valid);
            }
        }
        for operation in operations {
            if let Operation::Delete(name) = operation {
                self.delete(name);
            }
        }
    }

    /// Enters members; gives those that are new.
    fn add_known(&mut self, members: Vec<Member>) -> Vec<Atom> {
        let mut added = Vec::new();
        for (node, version) in members {
            if node == self.own {
                continue;
            }
            if self.known.len() >= MAX_MEMBERS && !self.known.contains_key(&node) {
                self.note(&node, "would be one member too many");
                continue;
            }
            match self.known.get_mut(&node) {
                Some(known) => {
                    if *known <= 0 {
                        *known = version;
                    }
                }
                None => {
                    self.known.insert(node.clone(), version);
                    added.push(node);
                }
            }
        }
        if !added.is_empty() {
            self.stir_checks();
            self.compare_names_soon();
        }
        added
    }

    pub(super) fn in_sync(&mut self, node: &Atom) {
        self.synced.insert(node.clone());
        self.is_settled(node);
        self.end_session(node);
        if !self.known.contains_key(node) {
            self.stir_checks();
        }
    }
}
