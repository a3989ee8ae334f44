//! Links and exit signals, local and remote (protocol section 5.3).
//!
//! Knows nothing of sockets: what peers must hear goes through `Inner::signal`.
//! Always true: an exit signal is delivered at most once per link, and never after its unlink was acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{copied, Error, Result};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{Process, Remains};
use crate::node::relations::{LinkState, Relations};
use crate::node::Inner;
use crate::proto::control::{AltactSignal, Control, SignalTarget};
use crate::proto::flags::Flags;
use crate::term::{Atom, Pid, Reference, Writer};

/// `normal`, encoded.
pub(crate) const NORMAL: &[u8] = b"\x77\x06normal";
/// `kill`, encoded.
const KILL: &[u8] = b"\x77\x04kill";
/// `killed`, encoded.
const KILLED: &[u8] = b"\x77\x06killed";
/// `noproc`, encoded.
pub(crate) const NOPROC: &[u8] = b"\x77\x06noproc";
/// `noconnection`, encoded.
pub(crate) const NOCONNECTION: &[u8] = b"\x77\x0cnoconnection";

impl Inner {
    /// `link/2`. A dead or unreachable process answers with an exit signal, as on a BEAM. Of a link that was there, the last
    /// call says whether its exit message has `priority`.
    pub(crate) fn link(self: &Arc<Self>, process: &Arc<Process>, other: &Pid, priority: bool) {
        let own = self.pid_of(process);
        if own == *other {
            return;
        }
        if self.is_local(other) {
            self.link_local(process, own, other, priority);
            return;
        }
        // What the peer hears must not depend on which of two threads is faster, so it is told under the lock.
        let told = process.relate(|relations| match relations.activate(other, priority) {
            true => self.post(&other.node, Control::Link { from: own, to: other.clone() }, None, true),
            false => Ok(()),
        });
        if let Some(Err(unsent)) = told {
            self.unsent(*unsent);
        }
    }

    fn link_local(self: &Arc<Self>, process: &Arc<Process>, own: Pid, other: &Pid, priority: bool) {
        let broken = {
            let _both_sides = self.local_links.lock();
            let (own_key, other_key) = (self.link_key(&own), self.link_key(other));
            if process.relate(|relations| relations.activate(&other_key, priority)) != Some(true) {
                return;
            }
            let target = self.find(other);
            let linked = target
                .as_ref()
                .and_then(|target| target.relate(|relations| relations.activate(&own_key, false)));
            match target {
                Some(_) if linked.is_none() => Some((process.clone(), other.clone(), None)),
                None => Some((process.clone(), other.clone(), None)),
                // We ended in between and may have told it before it knew us.
                Some(target) if !process.is_alive() => Some((target, own, process.exit_reason())),
                Some(_) => None,
            }
        };
        if let Some((process, from, reason)) = broken {
            self.link_exit(&process, &from, reason.unwrap_or_else(|| Bytes::from_static(NOPROC)));
        }
    }

    /// `unlink/1`.
    pub(crate) fn unlink(self: &Arc<Self>, process: &Arc<Process>, other: &Pid) {
        let own = self.pid_of(process);
        if self.is_local(other) {
            let _both_sides = self.local_links.lock();
            let (own, key) = (self.link_key(&own), self.link_key(other));
            process.relations(|relations| relations.links.remove(&key));
            if let Some(target) = self.find(other) {
                target.relations(|relations| relations.links.remove(&own));
            }
            return;
        }
        let without_id = self.peers.link(&other.node).is_some_and(|link| !link.flags.has(Flags::UNLINK_ID));
        let told = process.relations(|relations| {
            let link = relations.links.get_mut(other).filter(|link| link.active)?;
            relations.last_unlink = relations.last_unlink.wrapping_add(1).max(1);
            let id = relations.last_unlink;
            *link = LinkState { active: false, unlinking: Some(id), priority: false };
            if without_id {
                // Nobody will acknowledge it.
                relations.links.remove(other);
            }
            Some(self.post(&other.node, Control::UnlinkId { id, from: own, to: other.clone() }, None, false))
        });
        if let Some(Err(unsent)) = told {
            self.unsent(*unsent);
        }
    }

    /// A peer linked `from` to `to`.
    pub(crate) fn on_link(self: &Arc<Self>, from: Pid, to: &Pid) {
        let entry = from.clone();
        let linked = self.find(to).and_then(|process| {
            process.relate(|relations| {
                if !relations.links.contains_key(&entry) {
                    relations.links.insert(entry, LinkState::ACTIVE);
                }
            })
        });
        if linked.is_none() {
            let node = from.node.clone();
            self.exit_signal(&node, to.clone(), from, NOPROC);
        }
    }

    /// A peer unlinked; it is answered even when the process is long gone, and before anything else is said to it.
    pub(crate) fn on_unlink(self: &Arc<Self>, id: u64, from: Pid, to: Pid) {
        let node = from.node.clone();
        let acknowledge = || {
            let control = Control::UnlinkIdAck { id, from: to.clone(), to: from.clone() };
            let _ = self.post(&node, control, None, false);
        };
        let answered = self.find(&to).is_some_and(|process| {
            process.relations(|relations| {
                if relations.links.get(&from).is_some_and(|link| link.active) {
                    relations.links.remove(&from);
                }
                acknowledge();
                true
            })
        });
        if !answered {
            acknowledge();
        }
    }

    /// A peer acknowledged our unlink.
    pub(crate) fn on_unlink_ack(&self, id: u64, from: &Pid, to: &Pid) {
        if let Some(process) = self.find(to) {
            process.relations(|relations| {
                if relations.links.get(from).is_some_and(|link| !link.active && link.unlinking == Some(id)) {
                    relations.links.remove(from);
                }
            });
        }
    }

    /// A link of `process` to `from` broke.
    pub(crate) fn link_exit(self: &Arc<Self>, process: &Arc<Process>, from: &Pid, reason: Bytes) {
        if let Some(reason) = self.break_link(process, from, reason) {
            self.end(process, reason);
        }
    }

    /// Delivers the exit signal of a link; the reason to end with, if the process does not survive it.
    fn break_link(&self, process: &Process, from: &Pid, reason: Bytes) -> Option<Bytes> {
        let key = self.link_key(from);
        let mut fatal = None;
        process.signal_end(|relations, traps| {
            if !relations.links.get(&key)?.active {
                return None;
            }
            let link = relations.links.remove(&key)?;
            if traps {
                return Some(exit_message(from, &reason, link.priority));
            }
            fatal = (reason.as_ref() != NORMAL).then_some(reason);
            None
        });
        fatal
    }

    /// `exit(Pid, Reason)` reached `process`.
    pub(crate) fn exit2(self: &Arc<Self>, process: &Arc<Process>, from: &Pid, reason: Bytes, priority: bool) {
        if reason.as_ref() == KILL {
            if !process.is_protected() {
                self.end(process, Bytes::from_static(KILLED));
            }
        } else if reason.as_ref() == NORMAL && self.pid_of(process) == *from && !process.traps_exit() {
            self.end(process, reason);
        } else if let Some(reason) = receive_exit(process, from, reason, priority) {
            self.end(process, reason);
        }
    }

    /// `exit(Pid, Reason)` by one of ours, or by the program.
    pub(crate) fn send_exit(self: &Arc<Self>, from: &Pid, to: &Pid, reason: &[u8]) {
        if self.is_local(to) {
            if let Some(process) = self.find(to) {
                self.exit2(&process, from, Bytes::from(copied(reason)), false);
            }
            return;
        }
        let control = Control::PayloadExit2 { from: from.clone(), to: to.clone(), token: None };
        self.signal(&to.node, control, Some(reason));
    }

    /// `exit(Alias, Reason, [priority])`.
    ///
    /// # Errors
    /// `Unsupported` if the node of the alias takes no such signals.
    pub(crate) fn send_priority_exit(
        self: &Arc<Self>,
        from: &Pid,
        alias: &Reference,
        reason: &[u8],
    ) -> Result<()> {
        let to = SignalTarget::Alias(alias.clone());
        if self.is_our_name(alias.node()) {
            return Ok(self.alternate_exit(from, &to, true, Bytes::from(copied(reason)))?);
        }
        // Whoever has an alias of that node has heard of it by a connection.
        let link = self.peers.link(alias.node()).ok_or_else(|| Error::NoConnection {
            node: alias.node().to_string(),
            why: "an exit signal to an alias goes over an existing connection only".into(),
        })?;
        if !link.flags.has(Flags::ALTACT_SIG) {
            return Err(Error::Unsupported(
                format!("{} knows no exit signals to aliases: they came with OTP 28", link.peer).into(),
            ));
        }
        let signal = AltactSignal { priority: true, exit: true, from: from.clone(), to, token: None };
        let control = Control::AltactSignal(Box::new(signal));
        self.signal_if_connected(alias.node(), control, Some(reason));
        Ok(())
    }

    /// Tells the linked process `to` that `from` ended. Without a connection it has heard so already.
    pub(crate) fn exit_signal(self: &Arc<Self>, node: &Atom, from: Pid, to: Pid, reason: &[u8]) {
        self.signal_if_connected(node, Control::PayloadExit { from, to, token: None }, Some(reason));
    }

    /// Ends a process and tells everybody who must know. A chain of links may be long, so it is followed in a loop.
    pub(crate) fn end(self: &Arc<Self>, process: &Arc<Process>, reason: Bytes) {
        let mut ending = VecDeque::from([(process.clone(), reason)]);
        while let Some((process, reason)) = ending.pop_front() {
            if let Some(remains) = process.close(reason.clone()) {
                self.settle(&process, reason, remains, &mut ending);
            }
        }
    }

    /// Ends every process at once: whoever waits in one hears of its own end, not of another's.
    pub(crate) fn end_all(self: &Arc<Self>, reason: &Bytes) {
        let all = self.processes.all().into_iter();
        let ended: Vec<_> = all
            .filter_map(|process| process.close(reason.clone()).map(|remains| (process, remains)))
            .collect();
        let mut ending = VecDeque::new();
        for (process, remains) in ended {
            self.settle(&process, reason.clone(), remains, &mut ending);
        }
        for (process, reason) in ending {
            self.end(&process, reason);
        }
    }

    /// Tells everybody who must know of a process that has ended.
    fn settle(
        self: &Arc<Self>,
        process: &Arc<Process>,
        reason: Bytes,
        remains: Remains,
        ending: &mut VecDeque<(Arc<Process>, Bytes)>,
    ) {
        let own = self.pid_of(process);
        let relations = remains.relations;
        self.processes.remove(process);
        if let Some(name) = &relations.name {
            self.processes.forget_name(name, process);
        }
        if relations.watches_nodes {
            self.events.forget(process);
        }
        self.forget_aliases(relations.aliases.keys());
        for (other, link) in relations.links.into_entries() {
            if !link.active {
                continue;
            }
            if self.is_local(&other) {
                if let Some(target) = self.find(&other) {
                    let fatal = self.break_link(&target, &own, reason.clone());
                    ending.extend(fatal.map(|reason| (target, reason)));
                }
            } else {
                let node = other.node.clone();
                self.exit_signal(&node, own.clone(), other, &reason);
            }
        }
        self.end_watching(&own, relations.watching);
        self.end_watchers(&own, relations.watchers, relations.local_watchers, &reason);
        // A request that nobody will answer any more ends its process.
        let unanswered = remains.unread.into_iter().filter_map(|message| message.request?.into_process());
        ending.extend(unanswered.map(|process| (process, Bytes::from_static(KILLED))));
    }
}

/// An exit signal arrived. The reason to end with, if the process neither traps it nor ignores it.
fn receive_exit(process: &Process, from: &Pid, reason: Bytes, priority: bool) -> Option<Bytes> {
    if process.traps_exit() {
        process.signal(exit_message(from, &reason, priority));
        return None;
    }
    (reason.as_ref() != NORMAL).then_some(reason)
}

fn exit_message(from: &Pid, reason: &[u8], priority: bool) -> Message {
    let mut writer = Writer::new();
    writer.tuple(3).atom("EXIT").pid(from).raw_unchecked(reason);
    let mut message = Message::new(MessageKind::Exit, Some(from.clone()), finish(writer));
    message.priority = priority;
    message
}

impl Relations {
    /// Makes the link to `other` active; false if it was.
    fn activate(&mut self, other: &Pid, priority: bool) -> bool {
        let before = self.links.insert(other.clone(), LinkState { priority, ..LinkState::ACTIVE });
        !before.is_some_and(|link| link.active)
    }
}

/// The bytes of a term that we wrote ourselves and that is therefore whole.
pub(crate) fn finish(writer: Writer) -> Bytes {
    let finished = writer.finish();
    debug_assert!(finished.is_ok(), "{finished:?}");
    finished.map(Bytes::from).unwrap_or_default()
}
