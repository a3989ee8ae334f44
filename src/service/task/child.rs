//! One task: a process that is told what to run, and becomes a request for that function.
//!
//! Always true: whatever becomes of it, its process ends, with `normal` after its result was sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::copied;
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::relations::Watched;
use crate::node::request::{Asked, Request, RequestKind};
use crate::node::spawn::{MAX_SPAWNED, SPAWNED_LIMITS};
use crate::node::Inner;
use crate::service::written;
use crate::term::{Atom, Pid, Reader, Reference, Writer};

/// How long a task waits to be told what to do, as Elixir's do.
const BRIEFING: Duration = Duration::from_secs(5);

/// Bytes that the arguments of all tasks of a supervisor may take: as much as a mailbox takes by default.
const MAX_BYTES: usize = 64 << 20;

/// `system_limit`, encoded.
const SYSTEM_LIMIT: &[u8] = b"\x77\x0csystem_limit";

/// `timeout`, encoded.
const TIMEOUT: &[u8] = b"\x77\x07timeout";

/// A function to run, and for whom.
#[derive(Clone)]
pub(super) struct Function {
    module: Atom,
    function: Atom,
    args: Bytes,
    owner: Pid,
}

impl Function {
    /// `{M, F, Args}`
    pub(super) fn read(reader: &mut Reader<'_>, owner: &Pid) -> Option<Function> {
        reader.tuple_of(3).then_some(())?;
        let (module, function) = (reader.atom_term()?, reader.atom_term()?);
        let args = Bytes::from(copied(reader.term_bytes()?));
        Some(Function { module, function, args, owner: owner.clone() })
    }
}

/// What the arguments of a task take of what its supervisor allows, until both have forgotten it.
pub(super) struct Held {
    total: Arc<AtomicUsize>,
    bytes: AtomicUsize,
}

impl Held {
    /// Nothing yet, of `total`.
    pub(super) fn new(total: &Arc<AtomicUsize>) -> Arc<Held> {
        Arc::new(Held { total: total.clone(), bytes: AtomicUsize::new(0) })
    }

    /// Room for the arguments of `function`; false if there is none.
    pub(super) fn take(&self, function: &Function) -> bool {
        let size = function.args.len();
        let room = |total: usize| total.checked_add(size).filter(|&total| total <= MAX_BYTES);
        let taken = self.total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).is_ok();
        if taken {
            self.bytes.fetch_add(size, Ordering::Relaxed);
        }
        taken
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.total.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

/// A process for a task, unless there are too many.
pub(super) fn create(node: &Arc<Inner>) -> Option<Arc<Process>> {
    if node.processes.len() >= MAX_SPAWNED {
        return None;
    }
    let process = node.processes.create(SPAWNED_LIMITS).ok()?;
    // As on a BEAM: a task belongs to its supervisor's node, and prints there.
    if let Some(console) = node.console() {
        process.set_leader(console);
    }
    Some(process)
}

/// Runs a task whose result nobody waits for.
pub(super) fn run(node: &Arc<Inner>, process: Arc<Process>, function: Function) {
    start(node, process, function, RequestKind::Spawn);
}

/// Waits until `owner` tells the task what to run.
pub(super) fn brief(node: &Arc<Inner>, process: Arc<Process>, owner: Pid, monitor: bool, held: Arc<Held>) {
    let watch = monitor.then(|| node.monitor(&process, Watched::Pid(owner.clone()), None));
    let node = node.clone();
    node.runtime.clone().spawn_first(async move {
        let briefing = briefing(&process, &owner, watch.as_ref());
        match tokio::time::timeout(BRIEFING, briefing).await {
            Ok(Briefing::Told(function, kind)) => {
                if let Some(watch) = watch {
                    node.demonitor(&process, &watch, true);
                }
                match held.take(&function) {
                    true => start(&node, process, function, kind),
                    false => node.end(&process, Bytes::from_static(SYSTEM_LIMIT)),
                }
            }
            Ok(Briefing::Over(reason)) => node.end(&process, reason),
            Err(_) => node.end(&process, Bytes::from_static(TIMEOUT)),
        }
    });
}

/// What a task heard while it waited.
enum Briefing {
    /// What to run, and whom to tell the result.
    Told(Function, RequestKind),
    /// Its owner is gone.
    Over(Bytes),
}

async fn briefing(process: &Process, owner: &Pid, watch: Option<&Reference>) -> Briefing {
    loop {
        let Ok(message) = process.recv(None).await else {
            // It was ended; nothing will come of the reason.
            return Briefing::Over(Bytes::from_static(TIMEOUT));
        };
        if let Some((function, kind)) = told(&message, owner) {
            return Briefing::Told(function, kind);
        }
        if let Some(reason) = watch.and_then(|watch| gone(&message, watch)) {
            return Briefing::Over(reason);
        }
    }
}

/// `{Owner, Tag, ReplyTo, Callers, {M, F, Args}}`
fn told(message: &Message, owner: &Pid) -> Option<(Function, RequestKind)> {
    let mut reader = message.reader();
    if !reader.tuple_of(5) || reader.pid()? != *owner {
        return None;
    }
    let tag = Bytes::from(copied(reader.term_bytes()?));
    let to = match reader.reference() {
        Some(alias) => alias.into(),
        None => reader.pid()?.into(),
    };
    reader.skip().then_some(())?;
    let function = Function::read(&mut reader, owner)?;
    Some((function, RequestKind::Task { tag, to: Box::new(to) }))
}

/// `{shutdown, Reason}`, if the message is the owner's DOWN.
fn gone(message: &Message, watch: &Reference) -> Option<Bytes> {
    if message.kind != MessageKind::Down || !message.answers(watch) {
        return None;
    }
    let mut reader = message.reader();
    (reader.tuple_of(5) && (0..4).all(|_| reader.skip())).then_some(())?;
    let mut reason = Writer::new();
    reason.tuple(2).atom("shutdown").raw_unchecked(reader.term_bytes()?);
    Some(written(reason))
}

fn start(node: &Arc<Inner>, process: Arc<Process>, function: Function, kind: RequestKind) {
    let Function { module, function, args, owner } = function;
    let leader = process.leader().unwrap_or_else(|| owner.clone());
    // Whoever exported the function takes requests at its own pace; those that wait are counted by `MAX_SPAWNED`.
    let asked = Asked { kind, module, function, args, leader: leader.into(), caller: owner };
    if let Some(request) = Request::new(node, process, asked).checked() {
        node.dispatch(request);
    }
}
