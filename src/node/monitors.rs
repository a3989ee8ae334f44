//! Monitors: who watches whom, here and on other nodes (protocol section 5.3).
//!
//! Knows nothing of sockets; the router calls it, mailboxes receive the DOWN messages it makes.
//! Always true: a reference is in its watcher's table until exactly one DOWN was delivered or it was demonitored.

use std::sync::Arc;

use bytes::Bytes;
use foldhash::HashMap;

use crate::node::links::{finish, NOPROC};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Process, Relations, Watched, Watcher};
use crate::node::Inner;
use crate::proto::control::{Control, Target};
use crate::term::{Atom, Pid, Reference, Writer};

impl Inner {
    /// `monitor(process, ..)`; with `alias` the reference is an alias too.
    pub(crate) fn monitor(
        self: &Arc<Self>,
        process: &Arc<Process>,
        target: Watched,
        alias: Option<AliasMode>,
    ) -> Reference {
        let reference = self.make_ref();
        if let Some(mode) = alias {
            self.add_alias(process, reference.clone(), mode);
        }
        let watcher = self.pid_of(process);
        let asked = match &target {
            Watched::Pid(pid) if !self.is_local(pid) => Some((&pid.node, Target::Pid(pid.clone()))),
            Watched::Name(name, node) if !self.is_our_name(node) => Some((node, Target::Name(name.clone()))),
            _ => None,
        };
        // Under the lock: a connection that is lost meanwhile finds the monitor, or has not been asked for it.
        let told = process.relate(|relations| {
            relations.watching.insert(reference.clone(), target.clone());
            let Some((node, to)) = asked else { return Ok(()) };
            let control = Control::MonitorP { from: watcher.clone(), to, reference: reference.clone() };
            self.post(node, control, None, true)
        });
        match told {
            Some(Ok(())) => {}
            Some(Err(unsent)) => self.unsent(*unsent),
            None => return reference,
        }
        match target {
            Watched::Pid(pid) if self.is_local(&pid) => {
                let found = self.find(&pid);
                self.watch_local(process, found, watcher, None, &reference);
            }
            Watched::Name(name, node) if self.is_our_name(&node) => {
                let found = self.processes.whereis(&name);
                self.watch_local(process, found, watcher, Some(name), &reference);
            }
            Watched::Pid(_) | Watched::Name(..) | Watched::Spawning { .. } => {}
        }
        reference
    }

    fn watch_local(
        self: &Arc<Self>,
        process: &Arc<Process>,
        target: Option<Arc<Process>>,
        watcher: Pid,
        by_name: Option<Atom>,
        reference: &Reference,
    ) {
        let watched = target.and_then(|target| {
            target.relate(|relations| {
                relations.watchers.insert(reference.clone(), Watcher { pid: watcher, by_name })
            })
        });
        if watched.is_none() {
            self.down(process, reference, NOPROC);
        }
    }

    /// `demonitor/1`; true if the monitor was still there. With `flush` a DOWN that is already queued is removed.
    pub(crate) fn demonitor(
        self: &Arc<Self>,
        process: &Arc<Process>,
        reference: &Reference,
        flush: bool,
    ) -> bool {
        let watched = process.relations(|relations| relations.watching.remove(reference));
        self.end_monitor_alias(process, reference);
        match &watched {
            Some(watched) => self.stop_watching(&self.pid_of(process), watched, reference),
            None if flush => process.flush_down(reference),
            None => {}
        }
        watched.is_some()
    }

    fn stop_watching(self: &Arc<Self>, watcher: &Pid, watched: &Watched, reference: &Reference) {
        let (node, target) = match watched {
            Watched::Pid(pid) if self.is_local(pid) => {
                if let Some(process) = self.find(pid) {
                    process.relations(|relations| drop(relations.watchers.remove(reference)));
                }
                return;
            }
            Watched::Name(name, node) if self.is_our_name(node) => {
                self.forget_watcher(name, watcher, reference);
                return;
            }
            Watched::Pid(pid) => (pid.node.clone(), Target::Pid(pid.clone())),
            Watched::Name(name, node) => (node.clone(), Target::Name(name.clone())),
            Watched::Spawning { .. } => return,
        };
        self.signal_if_connected(
            &node,
            Control::DemonitorP { from: watcher.clone(), to: target, reference: reference.clone() },
            None,
        );
    }

    /// A peer's process wants to watch one of ours. Always answered: its caller waits for ever otherwise.
    pub(crate) fn on_monitor(self: &Arc<Self>, from: Pid, target: Target, reference: Reference) {
        let (process, by_name) = match &target {
            Target::Pid(pid) => (self.find(pid), None),
            Target::Name(name) => (self.processes.whereis(name), Some(name.clone())),
        };
        let watcher = Watcher { pid: from.clone(), by_name };
        let key = reference.clone();
        let watched = process
            .and_then(|process| process.relate(|relations| drop(relations.watchers.insert(key, watcher))));
        if watched.is_none() {
            let node = from.node.clone();
            self.signal_if_connected(
                &node,
                Control::PayloadMonitorPExit { from: target, to: from, reference },
                Some(NOPROC),
            );
        }
    }

    /// A peer's process stopped watching.
    pub(crate) fn on_demonitor(&self, from: &Pid, target: &Target, reference: &Reference) {
        match target {
            Target::Name(name) => self.forget_watcher(name, from, reference),
            Target::Pid(pid) => {
                if let Some(process) = self.find(pid) {
                    process.relations(|relations| relations.forget_watcher(from, reference));
                }
            }
        }
    }

    /// Ends the monitor that `watcher` made by name. It follows the process that had the name then.
    fn forget_watcher(&self, name: &Atom, watcher: &Pid, reference: &Reference) {
        let forget = |process: Arc<Process>| {
            process.relations(|relations| relations.forget_watcher(watcher, reference))
        };
        let owner = self.processes.whereis(name);
        if !owner.is_some_and(forget) {
            let _ = self.processes.all().into_iter().any(forget);
        }
    }

    /// The end of something that `process` watched by `reference`; unknown references are ignored.
    pub(crate) fn down(self: &Arc<Self>, process: &Arc<Process>, reference: &Reference, reason: &[u8]) {
        let Some(watched) = process.relations(|relations| relations.watching.remove(reference)) else {
            return;
        };
        self.end_monitor_alias(process, reference);
        let mut writer = Writer::new();
        writer.tuple(5).atom("DOWN").reference(reference).atom("process");
        let from = match &watched {
            Watched::Pid(pid) => {
                writer.pid(pid);
                Some(pid.clone())
            }
            Watched::Name(name, node) => {
                writer.tuple(2).atom_term(name).atom_term(node);
                None
            }
            Watched::Spawning { .. } => {
                self.spawn_lost(process, reference, reason);
                return;
            }
        };
        writer.raw_unchecked(reason);
        process.signal(Message::new(MessageKind::Down, from, finish(writer)));
    }

    /// A peer says that what we watched ended.
    pub(crate) fn on_monitor_exit(
        self: &Arc<Self>,
        peer: &Atom,
        to: &Pid,
        reference: &Reference,
        reason: &[u8],
    ) {
        let Some(process) = self.find(to) else { return };
        let theirs = process.relations(|relations| {
            relations.watching.get(reference).is_some_and(|watched| watched.node() == peer)
        });
        if theirs {
            self.down(&process, reference, reason);
        }
    }

    /// Both sides of the monitors of a process that ended.
    pub(crate) fn end_monitors(
        self: &Arc<Self>,
        own: &Pid,
        watching: HashMap<Reference, Watched>,
        watchers: HashMap<Reference, Watcher>,
        reason: &Bytes,
    ) {
        for (reference, watched) in watching {
            self.stop_watching(own, &watched, &reference);
        }
        for (reference, watcher) in watchers {
            if self.is_local(&watcher.pid) {
                if let Some(process) = self.find(&watcher.pid) {
                    self.down(&process, &reference, reason);
                }
                continue;
            }
            let target = match watcher.by_name {
                Some(name) => Target::Name(name),
                None => Target::Pid(own.clone()),
            };
            let node = watcher.pid.node.clone();
            let control = Control::PayloadMonitorPExit { from: target, to: watcher.pid, reference };
            self.signal_if_connected(&node, control, Some(reason));
        }
    }
}

impl Relations {
    /// Ends the monitor `reference` of `watcher`; false if there is none.
    fn forget_watcher(&mut self, watcher: &Pid, reference: &Reference) -> bool {
        let theirs = self.watchers.get(reference).is_some_and(|known| known.pid == *watcher);
        theirs && self.watchers.remove(reference).is_some()
    }
}
