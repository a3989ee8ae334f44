//! Connections that are lost: how partitions that overlap are prevented (protocol section 9.8).
//!
//! A BEAM that loses another tells all others, who then cut that one off: nobody can know which of the two is ill. We
//! obey that, but by default do not ask for it: when we have lost a member that others still have, we are the one that
//! leaves, and the BEAMs stay together.
//! Always true: the loss of a connection that we were told to end is not reported.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use foldhash::HashMap;

use super::calls::{Calls, Purpose};
use super::machine::{Effect, Global, Role, Timer};
use super::wire;
use crate::node::config::Overlap as Wish;
use crate::term::{Atom, Term};

/// Reports that are remembered, so that each is passed on once. They are worth nothing after an hour.
const MAX_REPORTS: usize = 4096;
/// After a connection broke, until others are asked: those who will see the same have seen it by then.
const BROKEN: Duration = Duration::from_secs(1);
/// Members that are asked whether they still have the one that we lost.
const WITNESSES: usize = 8;

/// What is done about partitions that overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// We leave when we are the one who is cut off.
    Leave,
    /// All are told, as a BEAM does.
    Report,
    /// Nothing.
    Allow,
}

impl Overlap {
    pub(super) fn of(wish: Wish, member: bool) -> Overlap {
        match wish {
            _ if !member => Overlap::Allow,
            Wish::Leave => Overlap::Leave,
            Wish::Report => Overlap::Report,
            Wish::Allow => Overlap::Allow,
        }
    }
}

/// How a connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It broke, or one side ended it: the other side saw it at once.
    Broken,
    /// Nothing came for the ticktime: others may notice that much later than we do.
    Silent(Duration),
}

/// What is remembered of losses.
#[derive(Debug)]
pub(super) struct Losses {
    /// By who reported it and whom it lost: the life of the reporter, and the number of its report.
    reports: HashMap<(Atom, Atom), (Term, Term)>,
    order: VecDeque<(Atom, Atom)>,
    /// Nodes whose connection ends because of a report.
    removing: BTreeSet<Atom>,
    /// Members that we lost and ask others about.
    missing: BTreeSet<Atom>,
    life: i64,
}

impl Losses {
    pub(super) fn new(seed: u64) -> Losses {
        Losses {
            reports: HashMap::default(),
            order: VecDeque::new(),
            removing: BTreeSet::new(),
            missing: BTreeSet::new(),
            life: (seed >> 5) as i64,
        }
    }

    /// What is under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.removing.len() + self.missing.len()
    }

    /// Whether a member was lost that others may still have.
    pub(super) fn in_doubt(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whether the connection to this node is about to end.
    pub(super) fn is_removing(&self, node: &Atom) -> bool {
        self.removing.contains(node)
    }

    /// Whether a report is new. It is remembered.
    fn is_new(&mut self, key: (Atom, Atom), life: Term, number: Term) -> bool {
        match self.reports.get(&key) {
            Some((known_life, known)) if *known_life == life && number <= *known => return false,
            Some(_) => {}
            None => self.order.push_back(key.clone()),
        }
        self.reports.insert(key, (life, number));
        if self.order.len() > MAX_REPORTS {
            if let Some(oldest) = self.order.pop_front() {
                self.reports.remove(&oldest);
            }
        }
        true
    }
}

impl Global {
    /// A visible node went down, and with it the locks and names of its processes: also those for which it asked over the
    /// connection that is gone, and which are watched over the next one already.
    pub(crate) fn node_down(&mut self, node: &Atom, loss: Loss) {
        for watch in self.locks.watches_of(node) {
            self.emit(Effect::Unwatch { watch });
            self.down(watch);
        }
        self.connected.remove(node);
        self.checks.gone(node);
        self.lose(node, Some(loss));
    }

    /// A node that others brought in cannot be reached.
    pub(crate) fn unreachable(&mut self, node: &Atom) {
        // Perhaps it connected to us meanwhile.
        if !self.known.contains_key(node) || self.connected.contains(node) {
            return;
        }
        self.log(true, format!("global: {} failed to connect to {node}", self.own));
        self.lose(node, Some(Loss::Broken));
    }

    /// Forgets a node. With a loss, it was not expected.
    fn lose(&mut self, node: &Atom, loss: Option<Loss>) {
        let was_member = self.known.contains_key(node) || self.sessions.contains_key(node);
        self.cancel_session(node, None);
        self.restarts.remove(node);
        self.stir_checks();
        self.forget(node);
        self.is_settled(node);
        let Some(loss) = loss else {
            self.losses.removing.insert(node.clone());
            return;
        };
        if self.losses.removing.remove(node) {
            return;
        }
        match self.overlap {
            Overlap::Allow => {}
            Overlap::Report => self.report(node),
            Overlap::Leave if was_member && !self.known.is_empty() => {
                let after = match loss {
                    Loss::Broken => BROKEN,
                    Loss::Silent(ticktime) => ticktime,
                };
                if self.losses.missing.insert(node.clone()) {
                    self.emit(Effect::Timer { timer: Timer::Witness(node.clone()), after });
                }
            }
            Overlap::Leave => {}
        }
    }

    /// It is no member any more; the names of its processes come back with it.
    pub(super) fn forget(&mut self, node: &Atom) {
        if self.known.remove(node).is_some() {
            self.doubt_names_a_little();
        }
        self.synced.remove(node);
        for watch in self.names.watches_of(node) {
            self.emit(Effect::Unwatch { watch });
            self.down(watch);
        }
    }

    /// Tells all others that we lost a node.
    fn report(&mut self, node: &Atom) {
        let number = self.number();
        let message = wire::info(
            "lost_connection",
            [(&self.own).into(), self.losses.life.into(), number.into(), node.into()],
        );
        self.pass_on(node, &message);
    }

    /// To all members, and those who become members, that understand it; but not to `except`.
    fn pass_on(&mut self, except: &Atom, message: &Term) {
        let known = self.known.iter().map(|(node, version)| (node, *version));
        let pending = self
            .sessions
            .iter()
            .filter_map(|(node, session)| session.their.as_ref().map(|their| (node, their.version())));
        let nodes: Vec<Atom> = known
            .chain(pending)
            .filter(|(node, version)| *node != except && *version >= wire::PARTITION_VERSION)
            .map(|(node, _)| node.clone())
            .collect();
        for node in nodes {
            self.send(&node, message.clone());
        }
    }

    /// `by` has lost `lost`: whoever has that one lets it go.
    pub(super) fn lost_connection(&mut self, by: Atom, life: Term, number: Term, lost: Atom) {
        if self.overlap == Overlap::Allow
            || !self.losses.is_new((by.clone(), lost.clone()), life.clone(), number.clone())
        {
            return;
        }
        let message = wire::info("lost_connection", [(&by).into(), life, number, (&lost).into()]);
        self.pass_on(&by, &message);
        // If it is us, all others let us go; only the reporter is left for us to tell.
        let leaving = if lost == self.own { by } else { lost };
        if self.may_be_member(&leaving) {
            let message = wire::info("remove_connection", [(&self.own).into()]);
            self.send(&leaving, message);
            self.log(
                true,
                format!("global: {leaving} was asked to disconnect, to prevent overlapping partitions"),
            );
            self.remove(&leaving);
        }
    }

    pub(super) fn remove_connection(&mut self, node: &Atom) {
        // A BEAM obeys only a node that it knows; then the other side would wait for ever for what it asked.
        if self.connected.contains(node) {
            self.log(true, format!("global: disconnected {node}, to prevent overlapping partitions"));
            self.emit(Effect::Disconnect(node.clone()));
            self.remove(node);
        }
    }

    fn may_be_member(&self, node: &Atom) -> bool {
        self.known.contains_key(node)
            || self.sessions.get(node).is_some_and(|session| session.their.is_some())
    }

    /// Forgets a node whose connection is about to end.
    pub(super) fn remove(&mut self, node: &Atom) {
        let connected = self.connected.contains(node);
        self.lose(node, None);
        if !connected {
            self.losses.removing.remove(node);
        }
    }

    /// Do others still have a member that we lost?
    pub(super) fn seek_witnesses(&mut self, node: Atom) {
        if self.connected.contains(&node) || self.known.contains_key(&node) {
            self.losses.missing.remove(&node);
            return;
        }
        let known: Vec<Atom> =
            self.known.keys().filter(|known| self.connected.contains(*known)).cloned().collect();
        if known.is_empty() {
            self.losses.missing.remove(&node);
            return;
        }
        let first = self.below(known.len() as u64) as usize;
        let some = (0..known.len().min(WITNESSES)).map(|place| known[(first + place) % known.len()].clone());
        let some = some.collect();
        self.ask_all(Purpose::Witness(node), Role::Server, some, &Term::atom("get_known"));
    }

    pub(super) fn witnessed(&mut self, node: &Atom, calls: Calls) {
        self.losses.missing.remove(node);
        let has_it = |answer: &Term| answer.as_list().is_some_and(|known| known.contains(&Term::from(node)));
        let seen = calls.answers.iter().find(|(_, answer)| has_it(answer));
        let Some((witness, _)) = seen.filter(|_| !self.connected.contains(node)) else { return };
        self.log(
            true,
            format!("global: {witness} still has {node}, which we lost: we leave, to prevent overlapping partitions"),
        );
        self.leave();
    }

    /// Leaves the cluster: all members see us go at once.
    pub(super) fn leave(&mut self) {
        let mut nodes: Vec<Atom> = self.known.keys().cloned().collect();
        nodes.extend(self.sessions.keys().cloned());
        for node in nodes {
            if self.connected.contains(&node) {
                self.emit(Effect::Disconnect(node.clone()));
            }
            self.remove(&node);
        }
    }
}
