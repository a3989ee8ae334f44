//! Conflicts: two processes with the same name in two partitions that become one (protocol section 9.6).
//!
//! The method that the process was registered with decides, on the node of that process, and it also kills or notifies
//! the loser. The three methods of OTP's `global` are built in; any other is a function that the program exported.

use std::sync::Arc;
use std::time::Duration;

use super::machine::Verdict;
use crate::error::Result;
use crate::node::message::MessageKind;
use crate::node::process::{Limits, Overflow, Process};
use crate::node::spawn::{Request, SpawnOptions};
use crate::node::Inner;
use crate::proto::control::Control;
use crate::service::written;
use crate::term::{Atom, Export, Pid, Reader, Reference, Term, Writer};

/// How long another node, or our program, may think about a conflict; the names are locked for all meanwhile.
const PATIENCE: Duration = Duration::from_secs(15);
/// One answer at a time comes here.
const LIMITS: Limits = Limits { bytes: 1 << 20, count: 16, overflow: Overflow::Drop };

/// A table of names comes here.
const NAMES_LIMITS: Limits = Limits { bytes: 64 << 20, count: 16, overflow: Overflow::Drop };

/// What happens when a name is found registered for two processes, as two parts of a cluster become one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Resolve {
    /// One process keeps the name, the other is killed: `global:random_exit_name/3`, the default of OTP.
    #[default]
    RandomExit,
    /// One keeps the name, the other gets `{global_name_conflict, Name}`.
    RandomNotify,
    /// Neither keeps it; each gets `{global_name_conflict, Name, OtherPid}`.
    NotifyAll,
    /// `Module:Function(Name, Pid1, Pid2)`, run on the node of the process, returns the pid that keeps the name, or `none`.
    /// On this node it must be exported (`Mailbox::export`).
    Function(Atom, Atom),
}

impl Resolve {
    /// The fun that stands for it.
    pub(super) fn method(&self) -> Term {
        let (module, function) = match self {
            Resolve::RandomExit => ("global", "random_exit_name"),
            Resolve::RandomNotify => ("global", "random_notify_name"),
            Resolve::NotifyAll => ("global", "notify_all_name"),
            Resolve::Function(module, function) => {
                return Export { module: module.clone(), function: function.clone(), arity: 3 }.into();
            }
        };
        let (module, function) = (Atom::from_static(module), Atom::from_static(function));
        Export { module, function, arity: 3 }.into()
    }

    /// What a method means. Funs that are made in OTP's own module are its default.
    fn of(method: &Term) -> Option<Resolve> {
        match method {
            Term::Export(export) if export.arity == 3 => {
                Some(match (export.module.as_str(), export.function.as_str()) {
                    ("global", "random_exit_name") => Resolve::RandomExit,
                    ("global", "random_notify_name") => Resolve::RandomNotify,
                    ("global", "notify_all_name") => Resolve::NotifyAll,
                    _ => Resolve::Function(export.module.clone(), export.function.clone()),
                })
            }
            Term::Fun(fun) => (module_of(fun.as_bytes())? == "global").then_some(Resolve::RandomExit),
            _ => None,
        }
    }
}

/// The module in `112, Size:32, Arity:8, Uniq:16/bytes, Index:32, NumFree:32, Module, ...`.
fn module_of(fun: &[u8]) -> Option<String> {
    const BEFORE_MODULE: usize = 1 + 4 + 1 + 16 + 4 + 4;
    if fun.first() != Some(&112) {
        return None;
    }
    Reader::new(fun.get(BEFORE_MODULE..)?).atom().map(|module| module.into_owned())
}

/// Asks the node of our entry's process to decide: `rpc:call(At, global, resolve_it, [Method, Name, Theirs, Ours])`.
pub(super) async fn ask(
    node: &Arc<Inner>,
    at: &Atom,
    method: Term,
    name: Term,
    theirs: Pid,
    ours: Pid,
) -> Verdict {
    let Ok(process) = node.processes.create(LIMITS) else { return Verdict::Failed };
    process.set_trap_exit(true);
    let args = [method, name, (&theirs).into(), (&ours).into()].into_iter().collect();
    let asked = call(node, &process, at, "global", "resolve_it", args);
    let value = tokio::time::timeout(PATIENCE, asked).await;
    node.end(&process, bytes::Bytes::from_static(crate::node::links::NORMAL));
    match value {
        Ok(Ok(Some(value))) if value.as_pid() == Some(&theirs) => Verdict::Theirs,
        Ok(Ok(Some(value))) if value.as_pid() == Some(&ours) => Verdict::Ours,
        Ok(Ok(Some(_))) => Verdict::Neither,
        _ => Verdict::Failed,
    }
}

/// The table of names of a node, `ets:tab2list(global_names)`; `None` if it did not come.
pub(super) async fn names_of(node: &Arc<Inner>, at: &Atom) -> Option<Term> {
    let process = node.processes.create(NAMES_LIMITS).ok()?;
    let args = [Term::atom("global_names")].into_iter().collect();
    let asked = call(node, &process, at, "ets", "tab2list", args);
    let value = tokio::time::timeout(PATIENCE, asked).await;
    node.end(&process, bytes::Bytes::from_static(crate::node::links::NORMAL));
    match value.ok()?.ok()? {
        Some(table) => Some(table),
        // A node without such a table cannot be compared, and need not be asked again.
        None => node.peers.link(at).map(|_| Term::atom("undefined")),
    }
}

/// `erpc:call/4` by a process of a service; `None` if the function did not return.
pub(super) async fn call(
    node: &Arc<Inner>,
    process: &Arc<Process>,
    at: &Atom,
    module: &'static str,
    function: &'static str,
    args: Term,
) -> Result<Option<Term>> {
    let mark = node.make_ref();
    let (module, function) = (Term::atom(module), Term::atom(function));
    let execute: Term = [Term::from(&mark), module, function, args].into_iter().collect();
    let execute = execute.to_bytes()?;
    let options = SpawnOptions { monitor: true, ..SpawnOptions::default() };
    let (erpc, run) = (Atom::from_static("erpc"), Atom::from_static("execute_call"));
    let reference = node.spawn_request(process, at, (&erpc, &run, &execute), options, false)?;
    loop {
        let message = process.recv(Some(&reference)).await?;
        match message.kind() {
            MessageKind::SpawnReply if message.from().is_some() => {}
            MessageKind::Down => return Ok(returned(&message.term()?, &mark)),
            _ => return Ok(None),
        }
    }
}

/// The value in `{'DOWN', _, process, _, {Mark, return, Value}}`.
fn returned(down: &Term, mark: &Reference) -> Option<Term> {
    let [_, _, _, _, reason] = down.as_tuple()? else { return None };
    match reason.as_tuple()? {
        [known, word, value] if known.as_reference() == Some(mark) && word.is_atom("return") => {
            Some(value.clone())
        }
        _ => None,
    }
}

/// Functions of the module `global` that others call here; gives the request back if it is none.
pub(crate) fn builtin(node: &Arc<Inner>, request: Request) -> Option<Request> {
    match (request.function().as_str(), request.arity()) {
        ("resolve_it", 4) => {
            resolve_it(node, request);
            None
        }
        _ => super::client::builtin(node, request),
    }
}

/// `global:resolve_it(Method, Name, Pid1, Pid2)`.
fn resolve_it(node: &Arc<Inner>, request: Request) {
    let args = Term::decode(request.args()).unwrap_or_else(|_| Term::nil());
    let Some([method, name, first, second]) = args.as_list() else { return request.undef() };
    let (Some(one), Some(other)) = (first.as_pid(), second.as_pid()) else { return request.undef() };
    let (least, greatest) = if one.node < other.node { (one, other) } else { (other, one) };
    let own = node.node_pid();
    let answer = match Resolve::of(method) {
        Some(Resolve::RandomExit) => {
            node.send_exit(&own, greatest, b"\x77\x04kill");
            Term::from(least)
        }
        Some(Resolve::RandomNotify) => {
            notify(node, greatest, Term::tuple([Term::atom("global_name_conflict"), name.clone()]));
            Term::from(least)
        }
        Some(Resolve::NotifyAll) => {
            let conflict =
                |with: &Pid| Term::tuple([Term::atom("global_name_conflict"), name.clone(), with.into()]);
            notify(node, one, conflict(other));
            notify(node, other, conflict(one));
            Term::atom("none")
        }
        Some(Resolve::Function(module, function)) => {
            let mut args = Writer::new();
            args.list(3).term(name).pid(one).pid(other).nil();
            let _ = node.dispatch(request.redirect(module, function, written(args), 3));
            return;
        }
        None => Term::atom("none"),
    };
    if let Ok(answer) = answer.to_bytes() {
        // Whoever asked may be gone.
        let _ = request.reply(&answer);
    }
}

fn notify(node: &Arc<Inner>, pid: &Pid, message: Term) {
    if let Ok(message) = message.to_bytes() {
        let control = Control::SendSender { from: node.node_pid(), to: pid.clone(), token: None };
        node.signal(&pid.node, control, Some(&message));
    }
}
