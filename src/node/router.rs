//! From connections to mailboxes and back: what each control message does (protocol section 5).
//!
//! Messages in: [`Upper`]. Signals out: `signals`. Sending of user messages is in `send`.
//! Always true: a control message acts only for the peer that sent it; ids of third nodes end the connection.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Malformed;
use crate::log;
use crate::net::link::{DownReason, Link, Pause, Upper};
use crate::node::links::NOCONNECTION;
use crate::node::message::{Message, MessageKind};
use crate::node::process::{Delivery, Process};
use crate::node::relations::Watched;
use crate::node::Inner;
use crate::proto::control::{AltactSignal, Control, SignalTarget, Target};
use crate::term::{Atom, Pid, Reference};

impl Upper for Inner {
    fn message(
        self: &Arc<Self>,
        link: &Arc<Link>,
        control: Control,
        payload: Option<Bytes>,
    ) -> Result<Option<Arc<Pause>>, Malformed> {
        self.route(&link.peer, control, payload)
    }

    fn down(self: &Arc<Self>, link: &Arc<Link>, reason: DownReason) {
        self.link_down(link, &reason);
    }
}

/// The sender of a message, if it lives on the peer that brought it. A lie is no reason to lose the message.
fn of(peer: &Atom, from: Pid) -> Option<Pid> {
    (from.node == *peer).then_some(from)
}

/// Refuses a control message that speaks for another node than `peer`.
fn must_be(peer: &Atom, pid: &Pid) -> Result<(), Malformed> {
    match pid.node == *peer {
        true => Ok(()),
        false => Err(Malformed::new("control message: it names a process of a third node", 0)),
    }
}

impl Inner {
    /// Acts on one message of `peer` (or of ourselves, for what we ask of our own node).
    pub(crate) fn route(
        self: &Arc<Self>,
        peer: &Atom,
        control: Control,
        payload: Option<Bytes>,
    ) -> Result<Option<Arc<Pause>>, Malformed> {
        let payload = || payload.ok_or(Malformed::new("message without payload", 0));
        match control {
            Control::Send { to, .. } => Ok(self.deliver_pid(&to, None, payload()?)),
            Control::SendSender { from, to, .. } => Ok(self.deliver_pid(&to, of(peer, from), payload()?)),
            Control::RegSend { from, to, .. } => Ok(self.deliver_name(&to, of(peer, from), payload()?)),
            Control::AliasSend { from, to, .. } => {
                Ok(self.deliver_alias(to, false, of(peer, from), payload()?))
            }
            Control::AltactSignal(signal) => {
                let AltactSignal { priority, exit, from, to, .. } = *signal;
                let payload = payload()?;
                if exit {
                    self.alternate_exit(&from, &to, priority, payload)?;
                    return Ok(None);
                }
                let from = of(peer, from);
                Ok(match to {
                    SignalTarget::Pid(pid) => self.deliver_pid(&pid, from, payload),
                    SignalTarget::Name(name) => self.deliver_name(&name, from, payload),
                    SignalTarget::Alias(alias) => self.deliver_alias(alias, priority, from, payload),
                })
            }
            Control::SpawnRequest(request) => {
                must_be(peer, &request.from)?;
                self.on_spawn(*request, payload()?)
            }
            other => self.route_signal(peer, other, payload).map(|()| None),
        }
    }

    fn route_signal(
        self: &Arc<Self>,
        peer: &Atom,
        control: Control,
        payload: impl FnOnce() -> Result<Bytes, Malformed>,
    ) -> Result<(), Malformed> {
        match control {
            Control::Link { from, to } => {
                must_be(peer, &from)?;
                must_be(&self.name(), &to)?;
                self.on_link(from, &to);
            }
            Control::UnlinkId { id, from, to } => {
                must_be(peer, &from)?;
                must_be(&self.name(), &to)?;
                self.on_unlink(id, from, to);
            }
            Control::UnlinkIdAck { id, from, to } => self.on_unlink_ack(id, &from, &to),
            Control::Unlink { from, to } => {
                if let Some(process) = self.find(&to) {
                    process.relations(|relations| relations.links.remove(&from));
                }
            }
            Control::Exit { from, to, reason, .. } => self.on_exit(peer, &from, &to, reason)?,
            Control::PayloadExit { from, to, .. } => self.on_exit(peer, &from, &to, payload()?)?,
            Control::Exit2 { from, to, reason, .. } => self.on_exit2(peer, &from, &to, reason)?,
            Control::PayloadExit2 { from, to, .. } => self.on_exit2(peer, &from, &to, payload()?)?,
            Control::MonitorP { from, to, reference } => {
                must_be(peer, &from)?;
                if let Target::Pid(pid) = &to {
                    must_be(&self.name(), pid)?;
                }
                self.on_monitor(from, to, reference);
            }
            Control::DemonitorP { from, to, reference } => {
                must_be(peer, &from)?;
                self.on_demonitor(&from, &to, &reference);
            }
            Control::MonitorPExit { to, reference, reason, .. } => {
                crate::term::validate(&reason, &[])?;
                self.on_monitor_exit(peer, &to, &reference, &reason);
            }
            Control::PayloadMonitorPExit { to, reference, .. } => {
                let reason = payload()?;
                crate::term::validate(&reason, &[])?;
                self.on_monitor_exit(peer, &to, &reference, &reason);
            }
            Control::GroupLeader { leader, pid } => {
                if let Some(process) = self.find(&pid) {
                    process.set_leader(leader);
                }
            }
            Control::SpawnReply(reply) => self.on_spawn_reply(peer, *reply),
            Control::Send { .. }
            | Control::SendSender { .. }
            | Control::RegSend { .. }
            | Control::AliasSend { .. }
            | Control::SpawnRequest(_)
            | Control::AltactSignal(_) => {}
        }
        Ok(())
    }

    fn on_exit(self: &Arc<Self>, peer: &Atom, from: &Pid, to: &Pid, reason: Bytes) -> Result<(), Malformed> {
        crate::term::validate(&reason, &[])?;
        // A peer speaks for its own processes only.
        if let Some(process) = self.find(to).filter(|_| from.node == *peer) {
            self.link_exit(&process, from, reason);
        }
        Ok(())
    }

    fn on_exit2(self: &Arc<Self>, peer: &Atom, from: &Pid, to: &Pid, reason: Bytes) -> Result<(), Malformed> {
        crate::term::validate(&reason, &[])?;
        if let Some(process) = self.find(to).filter(|_| from.node == *peer) {
            self.exit2(&process, from, reason, false);
        }
        Ok(())
    }

    /// An exit signal by op 37. Only an alias that was made for it lets priority through.
    pub(crate) fn alternate_exit(
        self: &Arc<Self>,
        from: &Pid,
        to: &SignalTarget,
        priority: bool,
        reason: Bytes,
    ) -> Result<(), Malformed> {
        crate::term::validate(&reason, &[])?;
        let found = match to {
            SignalTarget::Pid(pid) => self.find(pid).map(|process| (process, false)),
            SignalTarget::Alias(alias) => self.resolve_alias(alias),
            SignalTarget::Name(name) => self.processes.whereis(name).map(|process| (process, false)),
        };
        if let Some((process, urgent)) = found {
            self.exit2(&process, from, reason, priority && urgent);
        }
        Ok(())
    }

    fn deliver_alias(
        self: &Arc<Self>,
        to: Reference,
        priority: bool,
        from: Option<Pid>,
        payload: Bytes,
    ) -> Option<Arc<Pause>> {
        let process = self.alias_owner(&to)?;
        let mut message = Message::new(MessageKind::Message, from, payload);
        message.alias = Some(Box::new(to));
        message.priority = priority;
        self.hand_over(&process, message)
    }

    fn deliver_pid(self: &Arc<Self>, to: &Pid, from: Option<Pid>, payload: Bytes) -> Option<Arc<Pause>> {
        let process = self.find(to)?;
        self.deliver(&process, from, None, payload)
    }

    fn deliver_name(self: &Arc<Self>, to: &Atom, from: Option<Pid>, payload: Bytes) -> Option<Arc<Pause>> {
        let process = self.processes.whereis(to)?;
        self.deliver(&process, from, None, payload)
    }

    /// Queues one message. Returns what to wait for when the mailbox is over its limit.
    pub(crate) fn deliver(
        self: &Arc<Self>,
        process: &Arc<Process>,
        from: Option<Pid>,
        alias: Option<Reference>,
        payload: Bytes,
    ) -> Option<Arc<Pause>> {
        let mut message = Message::new(MessageKind::Message, from, payload);
        message.alias = alias.map(Box::new);
        self.hand_over(process, message)
    }

    /// The same for a message that is made already.
    pub(crate) fn hand_over(
        self: &Arc<Self>,
        process: &Arc<Process>,
        message: Message,
    ) -> Option<Arc<Pause>> {
        let delivery = match message.alias {
            Some(_) => self.deliver_by_alias(process, message),
            None => process.deliver(message),
        };
        match delivery {
            Delivery::Full(room) => Some(room),
            Delivery::Overrun => {
                log::warn(format_args!("mailbox {} was ended: its limit is met", self.pid_of(process).id));
                self.end(process, Bytes::from_static(b"\x77\x0csystem_limit"));
                None
            }
            Delivery::Queued | Delivery::Dropped | Delivery::Dead => None,
        }
    }

    /// A link came up.
    pub(crate) fn on_up(self: &Arc<Self>, link: &Arc<Link>) {
        self.events.up(&link.peer, link.visible);
        self.citizen.clone().peer_up(self, &link.peer, link.visible);
    }

    /// A link went down: everything that depended on it hears `noconnection`.
    pub(crate) fn on_down(self: &Arc<Self>, link: &Arc<Link>, reason: &DownReason) {
        let node = &link.peer;
        for process in self.processes.all() {
            let (links, watching) = process.relations(|relations| {
                let links: Vec<Pid> =
                    relations.links.keys().filter(|pid| pid.node == *node).cloned().collect();
                let watching: Vec<_> = relations
                    .watching
                    .iter()
                    .filter(|(_, w)| w.node() == node)
                    .map(|(number, _)| *number)
                    .collect();
                relations.watchers.retain(|_, watcher| watcher.pid.node != *node);
                (links, watching)
            });
            for pid in links {
                self.link_exit(&process, &pid, Bytes::from_static(NOCONNECTION));
                process.relations(|relations| relations.links.remove(&pid));
            }
            for number in watching {
                self.down(&process, &self.reference_of(number), NOCONNECTION);
            }
        }
        self.events.down(node, link.visible, reason.as_str());
        self.citizen.clone().peer_down(self, node, link.visible, reason);
    }
}

impl Watched {
    /// The node that it lives on.
    pub(crate) fn node(&self) -> &Atom {
        match self {
            Watched::Pid(pid) => &pid.node,
            Watched::Name(name) => &name.1,
            Watched::Spawning(spawning) => &spawning.node,
        }
    }
}
