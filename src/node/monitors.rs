//! Monitors: who watches whom, here and on other nodes (protocol section 5.3).
//!
//! Knows nothing of sockets; the router calls it, mailboxes receive the DOWN messages it makes.
//! Always true: a reference is in its watcher's table until exactly one DOWN was delivered or it was demonitored.

use std::sync::Arc;

use bytes::Bytes;

use crate::node::links::{finish, NOPROC};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Process};
use crate::node::relations::{Relations, Watched, Watcher};
use crate::node::table::Table;
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
        self.monitor_with(process, target, alias, false)
    }

    /// [`monitor`](Self::monitor); with `priority` the DOWN goes before ordinary messages.
    pub(crate) fn monitor_with(
        self: &Arc<Self>,
        process: &Arc<Process>,
        target: Watched,
        alias: Option<AliasMode>,
        priority: bool,
    ) -> Reference {
        let reference = self.make_ref();
        if let Some(mode) = alias {
            self.add_alias(process, &reference, mode);
        }
        let watcher = self.pid_of(process);
        let asked = match &target {
            Watched::Pid(pid) if !self.is_local(pid) => Some((&pid.node, Target::Pid(pid.clone()))),
            Watched::Name(name) if !self.is_our_name(&name.1) => {
                Some((&name.1, Target::Name(name.0.clone())))
            }
            _ => None,
        };
        // Under the lock: a connection that is lost meanwhile finds the monitor, or has not been asked for it.
        let told = process.relate(|relations| {
            if let Some(number) = self.number_of(&reference) {
                relations.watching.insert(number, target.clone());
                if priority {
                    relations.urgent.insert(number, ());
                }
            }
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
                self.watch_local(process, self.find(&pid), &watcher, &reference);
            }
            Watched::Name(name) if self.is_our_name(&name.1) => {
                self.watch_local(process, self.processes.whereis(&name.0), &watcher, &reference);
            }
            Watched::Pid(_) | Watched::Name(_) | Watched::Spawning(_) => {}
        }
        reference
    }

    fn watch_local(
        self: &Arc<Self>,
        process: &Arc<Process>,
        target: Option<Arc<Process>>,
        watcher: &Pid,
        reference: &Reference,
    ) {
        let watched = target.and_then(|target| {
            target.relate(|relations| self.add_watcher(relations, watcher, None, reference))
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
        let number = self.number_of(reference);
        let watched = number.and_then(|number| {
            process.relations(|relations| {
                relations.urgent.remove(&number);
                relations.watching.remove(&number)
            })
        });
        self.end_monitor_alias(process, reference);
        if let Some(watched) = &watched {
            self.stop_watching(&self.pid_of(process), watched, reference);
        }
        if flush {
            // A spawn reply may wait while its monitor stands.
            process.flush_down(reference);
        }
        watched.is_some()
    }

    pub(crate) fn stop_watching(self: &Arc<Self>, watcher: &Pid, watched: &Watched, reference: &Reference) {
        let (node, target) = match watched {
            Watched::Pid(pid) if self.is_local(pid) => {
                if let Some(process) = self.find(pid) {
                    process.relations(|relations| self.remove_watcher(relations, watcher, reference));
                }
                return;
            }
            Watched::Name(name) if self.is_our_name(&name.1) => {
                self.forget_watcher(&name.0, watcher, reference);
                return;
            }
            Watched::Pid(pid) => (pid.node.clone(), Target::Pid(pid.clone())),
            Watched::Name(name) => (name.1.clone(), Target::Name(name.0.clone())),
            Watched::Spawning(_) => return,
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
        let watched = process.and_then(|process| {
            process.relate(|relations| self.add_watcher(relations, &from, by_name, &reference))
        });
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
                    process.relations(|relations| self.remove_watcher(relations, from, reference));
                }
            }
        }
    }

    /// Ends the monitor that `watcher` made by name. It follows the process that had the name then.
    fn forget_watcher(&self, name: &Atom, watcher: &Pid, reference: &Reference) {
        let forget = |process: Arc<Process>| {
            process.relations(|relations| self.remove_watcher(relations, watcher, reference))
        };
        let owner = self.processes.whereis(name);
        if !owner.is_some_and(forget) {
            let _ = self.processes.all().into_iter().any(forget);
        }
    }

    /// The end of something that `process` watched by `reference`; unknown references are ignored.
    pub(crate) fn down(self: &Arc<Self>, process: &Arc<Process>, reference: &Reference, reason: &[u8]) {
        let Some(number) = self.number_of(reference) else { return };
        if !process.relations(|relations| relations.watching.contains_key(&number)) {
            return;
        }
        self.end_monitor_alias(process, reference);
        let mut spawning = false;
        process.signal_end(|relations, _| {
            let priority = relations.urgent.remove(&number).is_some();
            let mut writer = Writer::new();
            writer.tuple(5).atom("DOWN").reference(reference).atom("process");
            let from = match relations.watching.remove(&number)? {
                Watched::Pid(pid) => {
                    writer.pid(&pid);
                    Some(pid)
                }
                Watched::Name(name) => {
                    writer.tuple(2).atom_term(&name.0).atom_term(&name.1);
                    None
                }
                Watched::Spawning(_) => {
                    spawning = true;
                    return None;
                }
            };
            writer.raw_unchecked(reason);
            let mut message = Message::new(MessageKind::Down, from, finish(writer));
            message.priority = priority;
            Some(message)
        });
        if spawning {
            self.spawn_lost(process, reference, reason);
        }
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
        let Some(number) = self.number_of(reference) else { return };
        let theirs = process.relations(|relations| {
            relations.watching.get(&number).is_some_and(|watched| watched.node() == peer)
        });
        if theirs {
            self.down(&process, reference, reason);
        }
    }

    /// The monitors that an ended process had.
    pub(crate) fn end_watching(self: &Arc<Self>, own: &Pid, watching: Table<u64, Watched>) {
        for (number, watched) in watching.into_entries() {
            self.stop_watching(own, &watched, &self.reference_of(number));
        }
    }

    /// The monitors that others had of an ended process.
    pub(crate) fn end_watchers(
        self: &Arc<Self>,
        own: &Pid,
        watchers: Table<Reference, Watcher>,
        local: Table<u64, (u32, u32)>,
        reason: &Bytes,
    ) {
        for (number, (id, serial)) in local.into_entries() {
            if let Some(process) = self.processes.get(id, serial) {
                self.down(&process, &self.reference_of(number), reason);
            }
        }
        for (reference, watcher) in watchers.into_entries() {
            let target = match watcher.by_name {
                Some(name) => Target::Name(*name),
                None => Target::Pid(own.clone()),
            };
            let node = watcher.pid.node.clone();
            let control = Control::PayloadMonitorPExit { from: target, to: watcher.pid, reference };
            self.signal_from(own, &node, control, Some(reason));
        }
    }

    /// Notes that `watcher` watches the process of these relations.
    pub(crate) fn add_watcher(
        &self,
        relations: &mut Relations,
        watcher: &Pid,
        by_name: Option<Atom>,
        reference: &Reference,
    ) {
        match self.number_of(reference).filter(|_| self.is_local(watcher)) {
            Some(number) => {
                relations.local_watchers.insert(number, (watcher.id, watcher.serial));
            }
            None => {
                let watcher = Watcher { pid: watcher.clone(), by_name: by_name.map(Box::new) };
                relations.watchers.insert(reference.clone(), watcher);
            }
        }
    }

    /// Ends the monitor `reference` of `watcher`; false if there is none.
    fn remove_watcher(&self, relations: &mut Relations, watcher: &Pid, reference: &Reference) -> bool {
        if self.is_local(watcher) {
            let number = self.number_of(reference);
            return number.is_some_and(|number| relations.local_watchers.remove(&number).is_some());
        }
        match relations.watchers.remove(reference) {
            None => false,
            Some(known) if known.pid == *watcher => true,
            Some(other) => {
                relations.watchers.insert(reference.clone(), other);
                false
            }
        }
    }
}
