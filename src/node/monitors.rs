//! Monitors: who watches whom, here and on other nodes (protocol section 5.3).
//!
//! Knows nothing of sockets; the router calls it, mailboxes receive the DOWN messages it makes.
//! Always true: a reference is in its watcher's table until exactly one DOWN was delivered or it was demonitored.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::node::links::{finish, NOPROC};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Process, Watched, Watcher};
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
        let (entry, key) = (target.clone(), reference.clone());
        if process.relate(|relations| relations.watching.insert(key, entry)).is_none() {
            return reference;
        }
        let watcher = self.pid_of(process);
        match target {
            Watched::Pid(pid) if self.is_local(&pid) => {
                let found = self.find(&pid);
                self.watch_local(process, found, watcher, None, &reference);
            }
            Watched::Name(name, node) if self.is_our_name(&node) => {
                let found = self.processes.whereis(&name);
                self.watch_local(process, found, watcher, Some(name), &reference);
            }
            Watched::Pid(pid) => {
                let node = pid.node.clone();
                let control =
                    Control::MonitorP { from: watcher, to: Target::Pid(pid), reference: reference.clone() };
                self.signal(&node, control, None);
            }
            Watched::Name(name, node) => {
                let control =
                    Control::MonitorP { from: watcher, to: Target::Name(name), reference: reference.clone() };
                self.signal(&node, control, None);
            }
            Watched::Spawning { .. } => {}
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
                if let Some(process) = self.processes.whereis(name) {
                    process.relations(|relations| drop(relations.watchers.remove(reference)));
                }
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
            self.signal(
                &node,
                Control::PayloadMonitorPExit { from: target, to: from, reference },
                Some(NOPROC),
            );
        }
    }

    /// A peer's process stopped watching.
    pub(crate) fn on_demonitor(&self, target: &Target, reference: &Reference) {
        let process = match target {
            Target::Pid(pid) => self.find(pid),
            Target::Name(name) => self.processes.whereis(name),
        };
        let remove = |process: Arc<Process>| {
            process.relations(|relations| relations.watchers.remove(reference).is_some())
        };
        if process.is_some_and(remove) {
            return;
        }
        if let Target::Name(_) = target {
            // The monitor follows the process, not the name: somebody else may have the name by now.
            let _ = self.processes.all().into_iter().any(remove);
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
    pub(crate) fn on_monitor_exit(self: &Arc<Self>, to: &Pid, reference: &Reference, reason: &[u8]) {
        if let Some(process) = self.find(to) {
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
