//! The messages of `global` as data: what other name servers tell us, read, and what we tell them, made
//! (protocol sections 9.5 to 9.8).
//!
//! Knows no state. What is not of a known shape is `None`; nothing here trusts a length or a name.

use crate::term::{Atom, Pid, Term};

/// The protocol version that we speak; OTP 25.2.3 and later speak it too.
pub(super) const VERSION: i64 = 8;
/// Lowest version that a peer may speak: older ones need lockers that talk to each other.
pub(super) const OLDEST_VERSION: i64 = 5;
/// From this version on both sides confirm a session, and its tag is in `lock_set`.
pub(super) const CONFIRMING_VERSION: i64 = 8;
/// From this version on nodes tell each other of lost connections and of the versions of the nodes they know.
pub(super) const PARTITION_VERSION: i64 = 7;

/// Where all these messages go.
pub(crate) const NAME_SERVER: &str = "global_name_server";

/// A registered name as it travels: `{Name, Pid, Method}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registration {
    pub(super) name: Term,
    pub(super) pid: Pid,
    /// What resolves a conflict: a fun, kept as it came.
    pub(super) method: Term,
}

/// A change to the table of names that two partitions agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Insert(Registration),
    Delete(Term),
}

/// A name whose process lives on a node outside of `global`: `{Name, Pid, Node}`.
pub(super) type External = (Term, Pid, Atom);

/// A node with the protocol version it speaks; 0 if that is not known.
pub(super) type Member = (Atom, i64);

/// What another name server tells us.
#[derive(Debug)]
pub(super) enum Told {
    InitConnect {
        version: i64,
        tag: Term,
        node: Atom,
        locker: Pid,
    },
    InitConnectAck {
        node: Atom,
        ours: Term,
        theirs: Term,
    },
    CancelConnect {
        node: Atom,
        ours: Term,
    },
    LockSet {
        locker: Pid,
        set: bool,
        tag: Option<Term>,
    },
    Exchange {
        node: Atom,
        names: Vec<Registration>,
        tag: Term,
    },
    Resolved {
        node: Atom,
        operations: Vec<Operation>,
        known: Vec<Member>,
        external: Vec<External>,
        tag: Term,
    },
    NewNodes {
        operations: Vec<Operation>,
        external: Vec<External>,
        nodes: Vec<Member>,
        lock: Option<Term>,
    },
    InSync {
        node: Atom,
    },
    LostConnection {
        by: Atom,
        life: Term,
        number: Term,
        lost: Atom,
    },
    RemoveConnection {
        node: Atom,
    },
    /// Of no meaning to us, and no reason to complain.
    Noise,
}

impl Told {
    /// Reads a cast.
    pub(super) fn cast(message: &Term) -> Option<Told> {
        let items = message.as_tuple()?;
        match (items.first()?.as_atom()?.as_str(), items) {
            ("init_connect", [_, version, node, locker]) => {
                // Later versions may add elements to the pair.
                let [number, tag, ..] = version.as_tuple()? else { return None };
                let [word, _, _, locker] = locker.as_tuple()? else { return None };
                word.is_atom("locker").then_some(())?;
                Some(Told::InitConnect {
                    version: number.as_i64()?,
                    tag: tag.clone(),
                    node: atom(node)?,
                    locker: locker.as_pid()?.clone(),
                })
            }
            ("lock_set", [_, locker, set, _known]) => {
                Some(Told::LockSet { locker: locker.as_pid()?.clone(), set: set.as_bool()?, tag: None })
            }
            ("lock_set", [_, locker, set, _known, tag]) => Some(Told::LockSet {
                locker: locker.as_pid()?.clone(),
                set: set.as_bool()?,
                tag: Some(tag.clone()),
            }),
            ("exchange", [_, node, names, _external, tag]) => {
                Some(Told::Exchange { node: atom(node)?, names: all(names, registration)?, tag: tag.clone() })
            }
            ("resolved", [_, node, operations, known, _unused, external, tag]) => Some(Told::Resolved {
                node: atom(node)?,
                operations: all(operations, operation)?,
                known: all(known, member)?,
                external: all(external, external_name)?,
                tag: tag.clone(),
            }),
            ("new_nodes", [_, _node, operations, external, nodes, extra]) => Some(Told::NewNodes {
                operations: all(operations, operation)?,
                external: all(external, external_name)?,
                nodes: all(nodes, member)?,
                lock: lock_in(extra),
            }),
            ("in_sync", [_, node, _known]) => Some(Told::InSync { node: atom(node)? }),
            // From releases that no longer need it to be acted on.
            ("async_del_name" | "async_del_lock", [_, _, _]) => Some(Told::Noise),
            _ => None,
        }
    }

    /// Reads a bare message.
    pub(super) fn info(message: &Term) -> Option<Told> {
        let items = message.as_tuple()?;
        match (items.first()?.as_atom()?.as_str(), items) {
            ("init_connect_ack", [_, node, ours, theirs]) => {
                Some(Told::InitConnectAck { node: atom(node)?, ours: ours.clone(), theirs: theirs.clone() })
            }
            ("cancel_connect", [_, node, ours]) => {
                Some(Told::CancelConnect { node: atom(node)?, ours: ours.clone() })
            }
            ("lost_connection", [_, by, life, number, lost]) => Some(Told::LostConnection {
                by: atom(by)?,
                life: integer(life)?,
                number: integer(number)?,
                lost: atom(lost)?,
            }),
            ("remove_connection", [_, node]) => Some(Told::RemoveConnection { node: atom(node)? }),
            // Only a process of the same node may ask for these.
            ("prepare_shutdown", [_, _, _]) => Some(Told::Noise),
            _ => None,
        }
    }
}

fn atom(term: &Term) -> Option<Atom> {
    term.as_atom().cloned()
}

fn integer(term: &Term) -> Option<Term> {
    matches!(term, Term::Int(_) | Term::Big(_)).then(|| term.clone())
}

fn all<T>(list: &Term, one: impl Fn(&Term) -> Option<T>) -> Option<Vec<T>> {
    if list.is_nil() {
        return Some(Vec::new());
    }
    list.as_list()?.iter().map(one).collect()
}

fn registration(term: &Term) -> Option<Registration> {
    let [name, pid, method] = term.as_tuple()? else { return None };
    Some(Registration { name: name.clone(), pid: pid.as_pid()?.clone(), method: method.clone() })
}

fn operation(term: &Term) -> Option<Operation> {
    let [word, what] = term.as_tuple()? else { return None };
    match word.as_atom()?.as_str() {
        "insert" => registration(what).map(Operation::Insert),
        "delete" => Some(Operation::Delete(what.clone())),
        _ => None,
    }
}

fn external_name(term: &Term) -> Option<External> {
    let [name, pid, node] = term.as_tuple()? else { return None };
    Some((name.clone(), pid.as_pid()?.clone(), atom(node)?))
}

/// `Node` or `{Node, Version}`.
fn member(term: &Term) -> Option<Member> {
    if let Some(node) = term.as_atom() {
        return Some((node.clone(), 0));
    }
    let [node, version] = term.as_tuple()? else { return None };
    Some((atom(node)?, version.as_i64()?))
}

/// `{lock, {global, Requester}}` in a list of pairs: the requester.
fn lock_in(extra: &Term) -> Option<Term> {
    let lock = extra.as_list()?.iter().find_map(|item| match item.as_tuple() {
        Some([word, lock]) if word.is_atom("lock") => Some(lock),
        _ => None,
    })?;
    let [_resource, requester] = lock.as_tuple()? else { return None };
    Some(requester.clone())
}

/// `{'$gen_cast', {Word, ...}}`.
pub(super) fn cast(word: &'static str, rest: impl IntoIterator<Item = Term>) -> Term {
    Term::tuple([Term::atom("$gen_cast"), info(word, rest)])
}

/// `{Word, ...}`.
pub(super) fn info(word: &'static str, rest: impl IntoIterator<Item = Term>) -> Term {
    Term::tuple(std::iter::once(Term::atom(word)).chain(rest))
}

/// `{'$gen_cast', {in_sync, Node, true}}`: we are in step with that node's partition.
pub(super) fn in_sync(own: &Atom) -> Term {
    cast("in_sync", [own.into(), true.into()])
}

/// `{global, Requester}`: the lock that guards the names.
pub(super) fn global_lock(requester: Term) -> Term {
    Term::tuple([Term::atom("global"), requester])
}

impl Registration {
    pub(super) fn term(&self) -> Term {
        Term::tuple([self.name.clone(), (&self.pid).into(), self.method.clone()])
    }
}

impl Operation {
    pub(super) fn term(&self) -> Term {
        match self {
            Operation::Insert(registration) => Term::tuple([Term::atom("insert"), registration.term()]),
            Operation::Delete(name) => Term::tuple([Term::atom("delete"), name.clone()]),
        }
    }
}

/// A list of nodes, with versions for those who understand them.
pub(super) fn members<'a>(nodes: impl IntoIterator<Item = (&'a Atom, i64)>, with_versions: bool) -> Term {
    let one = |(node, version): (&Atom, i64)| match with_versions {
        true => Term::tuple([node.into(), version.into()]),
        false => node.into(),
    };
    nodes.into_iter().map(one).collect()
}

/// `{Name, Pid, Node}` for each.
pub(super) fn externals(names: &[External]) -> Term {
    let one = |(name, pid, node): &External| Term::tuple([name.clone(), pid.into(), node.into()]);
    names.iter().map(one).collect()
}
