//! Whether all members have the same names, and what is done when they do not.
//!
//! A change is made on one member after the other, under a lock. Whoever makes it may be lost in the middle, and then some
//! members have it and some do not; every member that misses it has seen the lock end with its holder. It then compares its
//! table with those of the others, and if they differ, makes all equal, under the lock, in the ordinary way. After the loss
//! of a member each compares its table with a few: for a while partitions may have overlapped.
//! The node of a process decides whether that has a name.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::{Calls, Purpose};
use super::machine::{Effect, Global, Timer};
use super::wire;
use crate::term::{Atom, Pid, Term};

/// After the lock was lost: those who lost it as well may have mended it by then.
const FIRST: Duration = Duration::from_secs(2);
/// The pause doubles this often while tables stay different: a member may be unable to watch what others can.
const MOST_DOUBLINGS: u32 = 8;
/// While the names are locked, or a member is in doubt.
const AGAIN: Duration = Duration::from_secs(1);

/// What we think of our table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trust {
    #[default]
    Sure,
    /// It may lack something; as long as we are alone that does not matter.
    Doubted,
    /// It will be compared.
    Due,
}

/// Members that are asked after the loss of one.
const FEW: usize = 4;

type Table = BTreeMap<Term, (Pid, Term)>;

/// Reads `{Name, Pid, Method, ...}` of each name.
fn table(answer: &Term) -> Option<Table> {
    if answer.is_nil() {
        return Some(Table::new());
    }
    let one = |entry: &Term| match entry.as_tuple() {
        Some([name, pid, method, ..]) => Some((name.clone(), (pid.as_pid()?.clone(), method.clone()))),
        _ => None,
    };
    answer.as_list()?.iter().map(one).collect()
}

/// What each node has to change for all tables to be the same.
fn changes(tables: &BTreeMap<Atom, Table>) -> Vec<(Atom, Term)> {
    let mut claims: BTreeMap<&Term, BTreeMap<&Pid, (usize, &Term)>> = BTreeMap::new();
    for (name, (pid, method)) in tables.values().flatten() {
        claims.entry(name).or_default().entry(pid).or_insert((0, method)).0 += 1;
    }
    let mut changes = Vec::new();
    for (name, claims) in claims {
        if claims.len() == 1 && claims.values().all(|(count, _)| *count == tables.len()) {
            continue;
        }
        // Confirmed by the node of the process; a node outside of `global` has no say.
        let confirmed = |pid: &Pid| match tables.get(&pid.node) {
            Some(table) => table.get(name).is_some_and(|(known, _)| known == pid),
            None => true,
        };
        let chosen = claims.iter().filter(|(pid, _)| confirmed(pid));
        let chosen = chosen.max_by_key(|(pid, (count, _))| (*count, std::cmp::Reverse(*pid)));
        for (node, table) in tables {
            let has = table.get(name).map(|(pid, _)| pid);
            match chosen {
                Some((pid, (_, method))) if has != Some(*pid) => {
                    let entry = [name.clone(), Term::from(*pid), (*method).clone()];
                    changes.push((node.clone(), wire::info("register", entry)));
                }
                None if has.is_some() => {
                    changes.push((node.clone(), wire::info("unregister", [name.clone()])))
                }
                _ => {}
            }
        }
    }
    changes
}

impl Global {
    /// A change may have been made elsewhere and not here, or the other way round.
    pub(super) fn doubt_names(&mut self) {
        self.compare_all = true;
        self.doubt_names_a_little();
    }

    /// It may, but hardly has been.
    pub(super) fn doubt_names_a_little(&mut self) {
        if self.trust != Trust::Due && self.member {
            self.trust = Trust::Doubted;
            self.compare_names_soon();
        }
    }

    /// There is somebody to compare with.
    pub(super) fn compare_names_soon(&mut self) {
        if self.trust == Trust::Doubted && !self.known.is_empty() {
            self.trust = Trust::Due;
            let pause = FIRST * 2u32.pow(self.repairs.min(MOST_DOUBLINGS));
            let after = pause + Duration::from_millis(self.below(pause.as_millis() as u64));
            self.emit(Effect::Timer { timer: Timer::Names, after });
        }
    }

    pub(super) fn compare_names(&mut self) {
        if self.known.is_empty() {
            self.trust = Trust::Doubted;
            return;
        }
        let joining = self.sessions.values().any(|session| session.their.is_some());
        if joining || self.losses.in_doubt() || self.locks.is_set(&Term::atom("global")) {
            self.emit(Effect::Timer { timer: Timer::Names, after: AGAIN });
            return;
        }
        self.trust = Trust::Sure;
        let mut nodes: Vec<Atom> = self.known.keys().cloned().collect();
        if !std::mem::take(&mut self.compare_all) {
            let first = self.below(nodes.len() as u64) as usize;
            nodes.rotate_left(first);
            nodes.truncate(FEW);
        }
        nodes.push(self.own.clone());
        self.ask_names(Purpose::Names, nodes);
    }

    /// The tables of all were asked for, without a lock.
    pub(super) fn names_compared(&mut self, calls: &Calls) {
        if calls.answers.len() < calls.asked {
            self.doubt_names();
        }
        if self.name_changes(calls).is_empty() {
            self.repairs = 0;
        } else {
            self.repairs = self.repairs.saturating_add(1);
            self.repair_names();
        }
    }

    /// What is to be changed where.
    pub(super) fn name_changes(&self, calls: &Calls) -> Vec<(Atom, Term)> {
        let tables: BTreeMap<Atom, Table> =
            calls.answers.iter().filter_map(|(node, answer)| Some((node.clone(), table(answer)?))).collect();
        changes(&tables)
    }
}
