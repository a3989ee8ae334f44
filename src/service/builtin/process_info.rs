//! `erlang:process_info/1,2`: what is known of a mailbox, or of a call that runs.

use std::sync::Arc;

use super::Call;
use crate::node::process::Process;
use crate::node::relations::Watched;
use crate::node::Inner;
use crate::term::{Atom, Kind, Pid, Writer};

/// What `process_info/1` shows, in a BEAM's order.
const USUAL: &[&str] = &[
    "registered_name",
    "status",
    "message_queue_len",
    "links",
    "dictionary",
    "trap_exit",
    "priority",
    "group_leader",
    "memory",
];

/// `process_info(Pid)`; `nobody` when it has ended.
pub(super) fn all(call: &mut Call<'_>, nobody: &str) -> Option<()> {
    let pid = call.local_pid()?;
    let Some(process) = call.node.find(&pid) else { return call.put(|answer| answer.atom(nobody)) };
    let facts = Facts::of(call.node, &process);
    let shown = USUAL.iter().filter(|item| **item != "registered_name" || facts.name.is_some());
    call.answer.list(shown.clone().count());
    for item in shown {
        facts.put(&mut call.answer, item)?;
    }
    call.put(Writer::nil)
}

/// `process_info(Pid, Item | [Item])`.
pub(super) fn some(call: &mut Call<'_>, nobody: &str) -> Option<()> {
    let pid = call.local_pid()?;
    let items = match call.args.kind()? {
        Kind::Atom => None,
        Kind::List | Kind::Nil => Some(call.args.list()?),
        _ => return None,
    };
    let process = call.node.find(&pid);
    let facts = process.as_ref().map(|process| Facts::of(call.node, process));
    let unknown = Facts::default();
    let mut answer = Writer::new();
    if let Some(count) = items {
        answer.list(count);
    }
    for _ in 0..items.unwrap_or(1) {
        let item = call.args.atom()?;
        let facts = facts.as_ref().unwrap_or(&unknown);
        if items.is_none() && nobody == "undefined" && item == "registered_name" && facts.name.is_none() {
            // Erlang's odd answer for a process without a name, kept for its callers.
            answer.nil();
            continue;
        }
        facts.put(&mut answer, &item)?;
    }
    if let Some(count) = items {
        if count > 0 && !call.args.nil() {
            return None;
        }
        answer.nil();
    }
    match process {
        Some(_) => call.answer = answer,
        None => return call.put(|writer| writer.atom(nobody)),
    }
    Some(())
}

/// A process as it is at one moment.
#[derive(Default)]
struct Facts {
    name: Option<Atom>,
    leader: Option<Pid>,
    links: Vec<Pid>,
    monitors: Vec<Watched>,
    watchers: Vec<Pid>,
    trap_exit: bool,
    waiting: usize,
    bytes: usize,
}

impl Facts {
    fn of(node: &Arc<Inner>, process: &Arc<Process>) -> Facts {
        let (mut facts, local) = process.relations(|relations| {
            let links = relations.links.iter().filter(|(_, link)| link.active);
            let facts = Facts {
                name: relations.name.clone(),
                links: links.map(|(pid, _)| pid.clone()).collect(),
                monitors: relations.watching.values().cloned().collect(),
                watchers: relations.watchers.values().map(|watcher| watcher.pid.clone()).collect(),
                ..Facts::default()
            };
            (facts, relations.local_watchers.values().copied().collect::<Vec<_>>())
        });
        let local = local.into_iter().filter_map(|(id, serial)| node.processes.get(id, serial));
        facts.watchers.extend(local.map(|process| node.pid_of(&process)));
        facts.leader = process.leader().or_else(|| node.console());
        facts.trap_exit = process.traps_exit();
        facts.waiting = process.queue_len();
        facts.bytes = process.queue_bytes();
        facts
    }

    /// `{Item, Value}`; `None` for an item that means nothing here.
    fn put(&self, answer: &mut Writer, item: &str) -> Option<()> {
        answer.tuple(2).atom(item);
        match item {
            "registered_name" => match &self.name {
                Some(name) => answer.atom_term(name),
                None => answer.nil(),
            },
            "status" => answer.atom("waiting"),
            "message_queue_len" => answer.i64(self.waiting as i64),
            "links" => pids(answer, &self.links),
            "monitored_by" => pids(answer, &self.watchers),
            "monitors" => monitors(answer, &self.monitors),
            "dictionary" | "suspending" => answer.nil(),
            "trap_exit" => answer.bool(self.trap_exit),
            "priority" => answer.atom("normal"),
            "message_queue_data" => answer.atom("off_heap"),
            "group_leader" => match &self.leader {
                Some(leader) => answer.pid(leader),
                None => answer.atom("undefined"),
            },
            "memory" => answer.i64((self.bytes + size_of::<Process>()) as i64),
            _ => return None,
        };
        Some(())
    }
}

fn pids<'w>(answer: &'w mut Writer, pids: &[Pid]) -> &'w mut Writer {
    answer.list(pids.len());
    for pid in pids {
        answer.pid(pid);
    }
    answer.nil()
}

/// `[{process, Pid | {Name, Node}}]`; requests that are on their way are none yet.
fn monitors<'w>(answer: &'w mut Writer, watched: &[Watched]) -> &'w mut Writer {
    let shown = watched.iter().filter(|watched| !matches!(watched, Watched::Spawning(_)));
    answer.list(shown.clone().count());
    for watched in shown {
        answer.tuple(2).atom("process");
        match watched {
            Watched::Pid(pid) => answer.pid(pid),
            Watched::Name(name) => answer.tuple(2).atom_term(&name.0).atom_term(&name.1),
            Watched::Spawning(_) => answer,
        };
    }
    answer.nil()
}
