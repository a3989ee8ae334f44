//! `global` for those who are no members: a hidden node of ours asks a connected member, and a C node asks us.
//!
//! Both do it by rpc, as OTP's C library does: `whereis_name/1`, `registered_names/0`, `register_name_external/2`,
//! `unregister_name/1`.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::driver::Ask;
use super::machine::Outcome;
use super::names_api::service;
use super::registrar::Request as Change;
use super::resolve::{self, Resolve};
use crate::error::{Error, Result};
use crate::node::process::{Limits, Overflow};
use crate::node::spawn::Request;
use crate::node::Inner;
use crate::term::{Pid, Term};

/// One answer comes here.
const LIMITS: Limits = Limits { bytes: 64 << 20, count: 16, overflow: Overflow::Drop };

/// Asks the connected nodes one after the other: some may be no BEAMs, or no members.
async fn ask(node: &Arc<Inner>, function: &'static str, args: Vec<Term>) -> Result<Term> {
    let mut links = node.peers.links();
    links.sort_by(|a, b| a.peer.cmp(&b.peer));
    let process = node.processes.create(LIMITS)?;
    let mut answer = None;
    for link in links {
        let args = args.iter().cloned().collect();
        let asked = resolve::call(node, &process, &link.peer, "global", function, args).await;
        if let Ok(Some(value)) = asked {
            answer = Some(value);
            break;
        }
    }
    node.end(&process, bytes::Bytes::from_static(crate::node::links::NORMAL));
    answer.ok_or_else(|| Error::NoConnection {
        node: "a member of the cluster".into(),
        why: "a hidden node asks a connected one for global names, and none of those answers; connect to one first"
            .into(),
    })
}

pub(super) async fn change(node: &Arc<Inner>, change: Change) -> Result<bool> {
    let answer = match change {
        Change::Register { name, pid, method } => {
            ask(node, "register_name_external", vec![name, pid.into(), method]).await?
        }
        Change::Reregister { name, pid, method } => {
            ask(node, "unregister_name", vec![name.clone()]).await?;
            ask(node, "register_name_external", vec![name, pid.into(), method]).await?
        }
        Change::Unregister { name } => {
            ask(node, "unregister_name_external", vec![name]).await?;
            Term::atom("yes")
        }
    };
    Ok(answer.is_atom("yes"))
}

pub(super) async fn whereis(node: &Arc<Inner>, name: Term) -> Result<Option<Pid>> {
    Ok(ask(node, "whereis_name", vec![name]).await?.as_pid().cloned())
}

pub(super) async fn names(node: &Arc<Inner>) -> Result<Vec<Term>> {
    let answer = ask(node, "registered_names", Vec::new()).await?;
    Ok(answer.as_list().map(<[Term]>::to_vec).unwrap_or_default())
}

/// Functions of `global` that nodes ask us for; gives the request back if it is none.
pub(super) fn builtin(node: &Arc<Inner>, request: Request) -> Option<Request> {
    let args = Term::decode(request.args()).unwrap_or_else(|_| Term::nil());
    let args = args.as_list().unwrap_or_default();
    let answer = match (request.function().as_str(), args) {
        ("whereis_name", [name]) => match node.global_lookup(name) {
            Ok(Some(pid)) => Term::from(pid),
            _ => Term::atom("undefined"),
        },
        ("registered_names", []) => node.global_list().unwrap_or_default().into_iter().collect(),
        ("register_name_external", [name, pid]) if pid.as_pid().is_some() => {
            let method = Resolve::default().method();
            return apply(node, request, name.clone(), pid.as_pid().cloned(), method);
        }
        ("register_name_external", [name, pid, method]) if pid.as_pid().is_some() => {
            return apply(node, request, name.clone(), pid.as_pid().cloned(), method.clone());
        }
        ("unregister_name_external" | "unregister_name", [name]) => {
            return apply(node, request, name.clone(), None, Term::nil());
        }
        _ => return Some(request),
    };
    if let Ok(answer) = answer.to_bytes() {
        let _ = request.reply(&answer);
    }
    None
}

/// Registers, or without a pid unregisters, and answers when it is done.
fn apply(node: &Arc<Inner>, request: Request, name: Term, pid: Option<Pid>, method: Term) -> Option<Request> {
    let registers = pid.is_some();
    let change = match pid {
        Some(pid) => Change::Register { name, pid, method },
        None => Change::Unregister { name },
    };
    let (done, outcome) = oneshot::channel();
    if service(node).ask(Ask::Change { request: change, done }).is_err() {
        return Some(request);
    }
    node.runtime.spawn(async move {
        let answer = match outcome.await {
            Ok(Outcome::Yes) if registers => "yes",
            Ok(_) if registers => "no",
            _ => "ok",
        };
        if let Ok(answer) = Term::atom(answer).to_bytes() {
            let _ = request.reply(&answer);
        }
    });
    None
}
