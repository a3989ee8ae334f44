//! Signals on their way out: links, monitors, exits, spawn requests and their answers.
//!
//! A signal is never lost for lack of room, and it keeps its place: what is signalled while a connection is being made
//! waits in a queue that the connection empties first. What cannot be told to a peer is answered here in its place.
//! Always true: [`Inner::post`] takes no lock of a process, so it may be called while one is held.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::{copied, Error};
use crate::net::link::Link;
use crate::node::links::{NOCONNECTION, NOPROC};
use crate::node::Inner;
use crate::proto::control::Control;
use crate::proto::flags::Flags;
use crate::term::{Atom, Pid};

/// The reason for a spawn request to a node that cannot serve any.
const NOTSUP: &[u8] = b"\x77\x06notsup";

/// The reason for what would bring a peer more atoms than it is to get.
const SYSTEM_LIMIT: &[u8] = b"\x77\x0csystem_limit";

/// A signal that waits for its connection.
pub(crate) struct Waiting {
    pub(crate) sender: Option<Pid>,
    pub(crate) control: Control,
    pub(crate) payload: Option<Bytes>,
}

/// A signal that the peer will not get, and the reason with which its sender is answered.
pub(crate) struct Unsent {
    pub(crate) control: Control,
    pub(crate) reason: &'static [u8],
}

impl Unsent {
    pub(crate) fn unconnected(control: Control) -> Box<Unsent> {
        Box::new(Unsent { control, reason: NOCONNECTION })
    }
}

/// What to do with a signal at a link.
enum Fit {
    /// The peer takes it.
    Send,
    /// The peer would not understand it, and nobody waits for an answer.
    Skip,
    /// It must not be sent; this is the answer.
    Answer(&'static [u8]),
}

/// Whether this peer, in this life, takes the signal (protocol sections 4.1, 5.2).
fn fit(link: &Link, control: &Control) -> Fit {
    let alive = |pid: &Pid| pid.creation == link.creation || pid.node != link.peer;
    match control {
        // Signals of links to a pid of an earlier life end the connection; that process is dead.
        Control::Link { to, .. } | Control::PayloadExit { to, .. } | Control::UnlinkId { to, .. }
            if !alive(to) =>
        {
            Fit::Answer(NOPROC)
        }
        Control::MonitorP { .. } | Control::DemonitorP { .. } | Control::PayloadMonitorPExit { .. }
            if !link.flags.has(Flags::DIST_MONITOR) || !link.flags.has(Flags::DIST_MONITOR_NAME) =>
        {
            Fit::Skip
        }
        Control::SpawnRequest(_) if !link.flags.has(Flags::SPAWN) => Fit::Answer(NOTSUP),
        Control::AliasSend { .. } if !link.flags.has(Flags::ALIAS) => Fit::Skip,
        _ => Fit::Send,
    }
}

/// Makes a message one that does not tell its sender, for a peer that does not know the operation that does; gives the sender.
fn without_sender(link: &Link, control: &mut Control) -> Option<Pid> {
    let Control::SendSender { from, to, token } = control else { return None };
    if link.flags.has(Flags::SEND_SENDER) {
        return None;
    }
    let from = from.clone();
    *control = Control::Send { to: to.clone(), token: token.take() };
    Some(from)
}

impl Inner {
    /// Sends a signal to `node`, connecting if needed. If there is no connection and none can be made, what waits for an
    /// answer gets it from here (`noconnection`).
    pub(crate) fn signal(self: &Arc<Self>, node: &Atom, control: Control, payload: Option<&[u8]>) {
        if self.is_our_name(node) {
            let payload = payload.map(copied).map(Bytes::from);
            let _ = self.route(node, control, payload);
        } else if let Err(unsent) = self.post(node, control, payload, true) {
            self.unsent(*unsent);
        }
    }

    /// Like [`signal`](Self::signal) for what means nothing without a connection.
    pub(crate) fn signal_if_connected(
        self: &Arc<Self>,
        node: &Atom,
        control: Control,
        payload: Option<&[u8]>,
    ) {
        let _ = self.post(node, control, payload, false);
    }

    /// The same for what does not name the process that it comes from, and yet must not overtake what that one sent.
    pub(crate) fn signal_from(
        self: &Arc<Self>,
        sender: &Pid,
        node: &Atom,
        control: Control,
        payload: Option<&[u8]>,
    ) {
        let _ = self.post_from(Some(sender), node, control, payload, false);
    }

    /// Hands a signal to the link, or to the queue of the connection that is being made; with `connect` one is begun.
    pub(crate) fn post(
        self: &Arc<Self>,
        node: &Atom,
        control: Control,
        payload: Option<&[u8]>,
        connect: bool,
    ) -> Result<(), Box<Unsent>> {
        self.post_from(None, node, control, payload, connect)
    }

    /// [`post`](Self::post), with the sender where the control tuple does not tell it.
    pub(crate) fn post_from(
        self: &Arc<Self>,
        sender: Option<&Pid>,
        node: &Atom,
        control: Control,
        payload: Option<&[u8]>,
        connect: bool,
    ) -> Result<(), Box<Unsent>> {
        match self.peers.link(node) {
            Some(link) => self.put(&link, sender, control, payload),
            None => self.queue_signal(sender, node, control, payload, connect),
        }
    }

    /// `group_leader(Leader, Pid)`, by `sender`.
    pub(crate) fn lead(self: &Arc<Self>, sender: &Pid, pid: &Pid, leader: &Pid) {
        if self.is_local(pid) {
            if let Some(process) = self.find(pid) {
                process.set_leader(leader.clone());
            }
            return;
        }
        let control = Control::GroupLeader { leader: leader.clone(), pid: pid.clone() };
        // Nobody waits for an answer.
        let _ = self.post_from(Some(sender), &pid.node, control, None, true);
    }

    /// The signal found no connection: answers in the peer's place. No process may be locked.
    pub(crate) fn unsent(self: &Arc<Self>, unsent: Unsent) {
        let Unsent { control, reason } = unsent;
        match control {
            Control::Link { from, to } => {
                if let Some(process) = self.find(&from) {
                    self.link_exit(&process, &to, Bytes::from_static(reason));
                }
            }
            // As if acknowledged: the connection that knew of the link is gone.
            Control::UnlinkId { id, from, to } => self.on_unlink_ack(id, &to, &from),
            Control::MonitorP { from, reference, .. } => {
                if let Some(process) = self.find(&from) {
                    self.down(&process, &reference, reason);
                }
            }
            Control::SpawnRequest(request) => {
                if let Some(process) = self.find(&request.from) {
                    self.down(&process, &request.reference, reason);
                }
            }
            _ => {}
        }
    }

    /// Hands a signal to a link.
    pub(crate) fn put(
        &self,
        link: &Link,
        sender: Option<&Pid>,
        mut control: Control,
        payload: Option<&[u8]>,
    ) -> Result<(), Box<Unsent>> {
        if self.asks_for_name() {
            self.sign(&mut control);
        }
        let unnamed = without_sender(link, &mut control);
        let sender = sender.or(unnamed.as_ref());
        match fit(link, &control) {
            Fit::Skip => Ok(()),
            Fit::Answer(reason) => Err(Box::new(Unsent { control, reason })),
            Fit::Send => link.signal(sender, &control, payload).map_err(|error| match error {
                Error::Limit(_) => Box::new(Unsent { control, reason: SYSTEM_LIMIT }),
                _ => Unsent::unconnected(control),
            }),
        }
    }
}
