//! Sending: from the caller's thread to a mailbox here or a link (design: where speed comes from).
//!
//! Terms are checked before they leave: a peer drops the whole connection for one malformed term.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{copied, in_memory, Error, Result};
use crate::net::link::{Begun, Link, Pause, Progress, Rest};
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::{check_term, Inner};
use crate::proto::control::Control;
use crate::term::{Atom, Pid, Reference};

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A process.
    Pid(Pid),
    /// A name registered on this node.
    Name(Atom),
    /// A name registered on a node.
    NameNode(Atom, Atom),
    /// An alias.
    Alias(Reference),
    /// An alias, with priority: before ordinary messages, if the alias was made for that (OTP 28 and later, and our nodes;
    /// an ordinary message to others).
    PriorityAlias(Reference),
}

impl From<Pid> for Target {
    fn from(pid: Pid) -> Self {
        Target::Pid(pid)
    }
}

impl From<&Pid> for Target {
    fn from(pid: &Pid) -> Self {
        Target::Pid(pid.clone())
    }
}

impl From<Reference> for Target {
    fn from(alias: Reference) -> Self {
        Target::Alias(alias)
    }
}

impl Target {
    /// `{name, node}`; both are checked as atoms.
    pub fn name_node(name: &str, node: &str) -> Result<Target> {
        Ok(Target::NameNode(Atom::new(name)?, Atom::new(node)?))
    }

    /// The node it lives on; `None` for a name here.
    pub(crate) fn node(&self) -> Option<&Atom> {
        match self {
            Target::Pid(pid) => Some(&pid.node),
            Target::NameNode(_, node) => Some(node),
            Target::Alias(alias) | Target::PriorityAlias(alias) => Some(alias.node()),
            Target::Name(_) => None,
        }
    }
}

impl Inner {
    /// Sends an encoded term, waiting at most `timeout` for a connection and for room (`None`: for ever).
    pub(crate) fn send(
        self: &Arc<Self>,
        from: &Pid,
        to: &Target,
        payload: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        in_memory(|| check_term(payload))?;
        let node = match to.node() {
            // `from` is one of ours.
            Some(node) if *node != from.node => node,
            _ => return self.send_here(from, to, payload, timeout),
        };
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let link = match self.peers.link(node) {
            Some(link) => link,
            None => self.connected(node, deadline)?,
        };
        let control = self.control(&link, from, to);
        self.send_on(&link, &control, payload, deadline)
    }

    /// [`send`](Self::send) for async programs. Dropped before it is done, the message either left whole or not at all.
    pub(crate) async fn send_async(self: &Arc<Self>, from: &Pid, to: &Target, payload: &[u8]) -> Result<()> {
        in_memory(|| check_term(payload))?;
        let node = match to.node() {
            // `from` is one of ours.
            Some(node) if *node != from.node => node,
            _ => {
                let (process, mut message) = match self.local(from, to, payload)? {
                    Some(local) => local,
                    None => return Ok(()),
                };
                while let Some(room) = self.deliver_local(&process, from, &mut message) {
                    room.wait().await;
                }
                return Ok(());
            }
        };
        let link = match self.peers.link(node) {
            Some(link) => link,
            None => {
                self.check_auto_connect(node)?;
                self.connect(node).await?;
                self.peers.link(node).ok_or_else(|| lost(node))?
            }
        };
        let control = self.control(&link, from, to);
        loop {
            let room = link.room();
            match link.begin(&control, payload)? {
                Begun::Sent => return Ok(()),
                Begun::Busy(_) => room.await,
                Begun::Rest(mut rest) => loop {
                    let room = link.room();
                    if let Progress::Done = rest.advance(false)? {
                        return Ok(());
                    }
                    room.await;
                },
            }
        }
    }

    /// Sends what must neither wait nor connect, such as the reply to a call: it takes its place among the signals.
    pub(crate) fn send_signal(self: &Arc<Self>, from: &Pid, to: &Target, message: &[u8]) {
        let from = from.clone();
        let (node, control) = match to {
            Target::Pid(pid) => {
                (pid.node.clone(), Control::SendSender { from, to: pid.clone(), token: None })
            }
            Target::Alias(alias) | Target::PriorityAlias(alias) => {
                (alias.node().clone(), Control::AliasSend { from, to: alias.clone(), token: None })
            }
            Target::Name(name) => (self.name(), Control::RegSend { from, to: name.clone(), token: None }),
            Target::NameNode(name, node) => {
                (node.clone(), Control::RegSend { from, to: name.clone(), token: None })
            }
        };
        match self.is_our_name(&node) {
            true => self.signal(&node, control, Some(message)),
            false => self.signal_if_connected(&node, control, Some(message)),
        }
    }

    fn check_auto_connect(&self, node: &Atom) -> Result<()> {
        match self.may_auto_connect(node) {
            true => Ok(()),
            false => Err(Error::NoConnection {
                node: node.to_string(),
                why: "not connected, and the auto_connect option forbids to connect by sending".into(),
            }),
        }
    }

    /// Connects and returns the link.
    fn connected(self: &Arc<Self>, node: &Atom, deadline: Option<Instant>) -> Result<Arc<Link>> {
        self.check_auto_connect(node)?;
        let (inner, peer) = (self.clone(), node.clone());
        let task = self.runtime.spawn(async move { inner.connect(&peer).await });
        match self.runtime.wait(task, deadline, false) {
            None => Err(Error::Timeout(format!("connecting to {node}").into())),
            Some(Err(_)) => Err(Error::Closed("node")),
            Some(Ok(outcome)) => outcome.and_then(|()| self.peers.link(node).ok_or_else(|| lost(node))),
        }
    }

    fn send_on(
        &self,
        link: &Arc<Link>,
        control: &Control,
        payload: &[u8],
        deadline: Option<Instant>,
    ) -> Result<()> {
        loop {
            let room = link.room();
            match link.begin(control, payload)? {
                Begun::Sent => return Ok(()),
                Begun::Rest(rest) => return self.send_rest(link, rest, deadline),
                Begun::Busy(queued) => {
                    if self.runtime.wait(room, deadline, false).is_none() {
                        return Err(Error::Busy { node: link.peer.to_string(), queued });
                    }
                }
            }
        }
    }

    /// Sends the rest of a big message as the peer reads. When time is over it is queued whole: it has begun to leave.
    fn send_rest(&self, link: &Link, mut rest: Rest<'_>, deadline: Option<Instant>) -> Result<()> {
        loop {
            let room = link.room();
            let waited = match rest.advance(true)? {
                Progress::Done => return Ok(()),
                Progress::Room => self.runtime.wait(room, deadline, true),
                Progress::Kernel => self.runtime.wait(link.kernel(), deadline, true),
                Progress::Later(turn) => {
                    let turn = deadline.map_or(turn, |deadline| turn.min(deadline));
                    self.runtime.pause(turn);
                    deadline.is_none_or(|deadline| turn < deadline).then_some(())
                }
            };
            if waited.is_none() {
                return Ok(());
            }
        }
    }

    fn control(&self, link: &Link, from: &Pid, to: &Target) -> Control {
        // The connection may just have brought us our name.
        let from = self.current(from);
        match to {
            Target::Pid(pid) => link.send_control(from, pid.clone()),
            Target::Name(name) | Target::NameNode(name, _) => {
                Control::RegSend { from, to: name.clone(), token: None }
            }
            Target::Alias(alias) => link.alias_control(from, alias.clone(), false),
            Target::PriorityAlias(alias) => link.alias_control(from, alias.clone(), true),
        }
    }

    /// To a mailbox of this node, waiting while that is full.
    fn send_here(
        self: &Arc<Self>,
        from: &Pid,
        to: &Target,
        payload: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        let Some((process, mut message)) = self.local(from, to, payload)? else { return Ok(()) };
        let mut deadline = None;
        while let Some(room) = self.deliver_local(&process, from, &mut message) {
            let until = *deadline
                .get_or_insert_with(|| timeout.and_then(|timeout| Instant::now().checked_add(timeout)));
            if self.runtime.wait(room.wait(), until, false).is_none() {
                return Err(Error::Busy { node: "the mailbox".into(), queued: process.queue_bytes() });
            }
        }
        Ok(())
    }

    /// The process here that `to` means, and the message for it.
    fn local(
        self: &Arc<Self>,
        from: &Pid,
        to: &Target,
        payload: &[u8],
    ) -> Result<Option<(Arc<Process>, Option<Message>)>> {
        let process = match to {
            Target::Pid(pid) => self.find(pid),
            Target::Alias(alias) | Target::PriorityAlias(alias) => self.alias_owner(alias),
            Target::Name(name) => match self.processes.whereis(name) {
                // As on a BEAM: only a name without node says that nobody has it.
                None => {
                    self.check_running()?;
                    return Err(Error::NoProcess(format!("is registered as {name} on this node")));
                }
                found => found,
            },
            Target::NameNode(name, _) => self.processes.whereis(name),
        };
        let alias = match to {
            Target::Alias(alias) | Target::PriorityAlias(alias) => Some(Box::new(alias.clone())),
            _ => None,
        };
        let Some(process) = process else { return Ok(None) };
        let payload = in_memory(|| Ok(Bytes::from(copied(payload))))?;
        let mut message = Message::new(MessageKind::Message, Some(from.clone()), payload);
        message.alias = alias;
        message.priority = matches!(to, Target::PriorityAlias(_));
        Ok(Some((process, Some(message))))
    }

    /// Delivers the message, or returns what to wait for first. Nobody waits for himself.
    fn deliver_local(
        self: &Arc<Self>,
        process: &Arc<Process>,
        from: &Pid,
        message: &mut Option<Message>,
    ) -> Option<Arc<Pause>> {
        if (from.id, from.serial) != (process.id, process.serial) {
            if let Some(room) = process.full() {
                return Some(room);
            }
        }
        self.hand_over(process, message.take()?);
        None
    }
}

fn lost(node: &Atom) -> Error {
    Error::NoConnection { node: node.to_string(), why: "the connection was lost at once".into() }
}
