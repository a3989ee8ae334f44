//! Links and exit signals, local and remote (protocol section 5.3).
//!
//! Knows nothing of sockets: what peers must hear goes through `Inner::signal`.
//! Always true: an exit signal is delivered at most once per link, and never after its unlink was acknowledged.

use std::sync::Arc;

use bytes::Bytes;

use crate::node::message::{Message, MessageKind};
use crate::node::process::{LinkState, Process};
use crate::node::Inner;
use crate::proto::control::Control;
use crate::term::{Atom, Pid, Writer};

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
    /// `link/1`. A dead or unreachable process answers with an exit signal, as on a BEAM.
    pub(crate) fn link(self: &Arc<Self>, process: &Arc<Process>, other: &Pid) {
        let own = self.pid_of(process);
        if own == *other {
            return;
        }
        let fresh = process.relate(|relations| {
            let link = relations.links.entry(other.clone()).or_default();
            let fresh = !link.active;
            *link = LinkState { active: true, unlinking: None };
            fresh
        });
        if fresh != Some(true) {
            return;
        }
        if self.is_local(other) {
            self.link_local(process, own, other);
        } else {
            self.signal(&other.node, Control::Link { from: own, to: other.clone() }, None);
        }
    }

    fn link_local(self: &Arc<Self>, process: &Arc<Process>, own: Pid, other: &Pid) {
        let linked = self.find(other).and_then(|target| {
            let entry = own.clone();
            target.relate(move |relations| {
                relations.links.entry(entry).or_insert(LinkState { active: true, unlinking: None });
            })?;
            Some(target)
        });
        match linked {
            None => self.link_exit(process, other, Bytes::from_static(NOPROC)),
            Some(target) if !process.is_alive() => {
                // We ended in between and may have told it before it knew us.
                let reason = process.exit_reason().unwrap_or_else(|| Bytes::from_static(NOPROC));
                self.link_exit(&target, &own, reason);
            }
            Some(_) => {}
        }
    }

    /// `unlink/1`.
    pub(crate) fn unlink(self: &Arc<Self>, process: &Arc<Process>, other: &Pid) {
        let local = self.is_local(other);
        let id = process.relations(|relations| {
            if local {
                relations.links.remove(other);
                return None;
            }
            let link = relations.links.get_mut(other).filter(|link| link.active)?;
            relations.last_unlink = relations.last_unlink.wrapping_add(1).max(1);
            *link = LinkState { active: false, unlinking: Some(relations.last_unlink) };
            Some(relations.last_unlink)
        });
        let own = self.pid_of(process);
        if local {
            if let Some(target) = self.find(other) {
                target.relations(|relations| relations.links.remove(&own));
            }
        } else if let Some(id) = id {
            self.signal(&other.node, Control::UnlinkId { id, from: own, to: other.clone() }, None);
        }
    }

    /// A peer linked `from` to `to`.
    pub(crate) fn on_link(self: &Arc<Self>, from: Pid, to: &Pid) {
        let entry = from.clone();
        let linked = self.find(to).and_then(|process| {
            process.relate(|relations| {
                relations.links.entry(entry).or_insert(LinkState { active: true, unlinking: None });
            })
        });
        if linked.is_none() {
            let node = from.node.clone();
            self.exit_signal(&node, to.clone(), from, NOPROC);
        }
    }

    /// A peer unlinked; it is answered even when the process is long gone.
    pub(crate) fn on_unlink(self: &Arc<Self>, id: u64, from: Pid, to: Pid) {
        if let Some(process) = self.find(&to) {
            process.relations(|relations| {
                if relations.links.get(&from).is_some_and(|link| link.active) {
                    relations.links.remove(&from);
                }
            });
        }
        let node = from.node.clone();
        self.signal(&node, Control::UnlinkIdAck { id, from: to, to: from }, None);
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
        let active = process.relations(|relations| match relations.links.get(from) {
            Some(link) if link.active => relations.links.remove(from).is_some(),
            _ => false,
        });
        if active {
            self.receive_exit(process, from, reason);
        }
    }

    /// `exit(Pid, Reason)` reached `process`.
    pub(crate) fn exit2(self: &Arc<Self>, process: &Arc<Process>, from: &Pid, reason: Bytes) {
        if reason.as_ref() == KILL {
            self.end(process, Bytes::from_static(KILLED));
        } else if reason.as_ref() == NORMAL && self.pid_of(process) == *from && !process.traps_exit() {
            self.end(process, reason);
        } else {
            self.receive_exit(process, from, reason);
        }
    }

    fn receive_exit(self: &Arc<Self>, process: &Arc<Process>, from: &Pid, reason: Bytes) {
        if process.traps_exit() {
            let mut writer = Writer::new();
            writer.tuple(3).atom("EXIT").pid(from).raw_unchecked(&reason);
            process.signal(Message::new(MessageKind::Exit, Some(from.clone()), finish(writer)));
        } else if reason.as_ref() != NORMAL {
            self.end(process, reason);
        }
    }

    /// `exit(Pid, Reason)` by one of ours, or by the program.
    pub(crate) fn send_exit(self: &Arc<Self>, from: &Pid, to: &Pid, reason: &[u8]) {
        if self.is_local(to) {
            if let Some(process) = self.find(to) {
                self.exit2(&process, from, Bytes::copy_from_slice(reason));
            }
            return;
        }
        let control = Control::PayloadExit2 { from: from.clone(), to: to.clone(), token: None };
        self.signal(&to.node, control, Some(reason));
    }

    /// Tells the linked process `to` that `from` ended.
    pub(crate) fn exit_signal(self: &Arc<Self>, node: &Atom, from: Pid, to: Pid, reason: &[u8]) {
        self.signal(node, Control::PayloadExit { from, to, token: None }, Some(reason));
    }

    /// Ends a process and tells everybody who must know.
    pub(crate) fn end(self: &Arc<Self>, process: &Arc<Process>, reason: Bytes) {
        let Some(remains) = process.close(reason.clone()) else { return };
        let own = self.pid_of(process);
        let relations = remains.relations;
        self.processes.remove(process);
        if let Some(name) = &relations.name {
            self.processes.forget_name(name, process);
        }
        self.forget_aliases(relations.aliases.keys());
        for (other, link) in relations.links {
            if !link.active {
                continue;
            }
            if self.is_local(&other) {
                if let Some(target) = self.find(&other) {
                    self.link_exit(&target, &own, reason.clone());
                }
            } else {
                let node = other.node.clone();
                self.exit_signal(&node, own.clone(), other, &reason);
            }
        }
        self.end_monitors(&own, relations.watching, relations.watchers, &reason);
        for message in remains.unread {
            if let Some(request) = message.request {
                drop(request); // an unanswered request ends its process
            }
        }
    }
}

/// The bytes of a term that we wrote ourselves and that is therefore whole.
pub(crate) fn finish(writer: Writer) -> Bytes {
    writer.finish().map(Bytes::from).unwrap_or_default()
}
