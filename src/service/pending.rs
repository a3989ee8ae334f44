//! Calls that were sent and are waited for later, one by one or all together: `gen_server:send_request`, `erpc:send_request`
//! and what is built on them.
//!
//! The answer to each is one message: a reply, the end of the process, or a refusal. Its reference is a monitor and, for
//! a server, an alias, so that nothing comes after the end of either.

use std::time::Duration;

use bytes::Bytes;

use super::call::Deadline;
use crate::error::{Error, Result};
use crate::node::check_term;
use crate::node::links::NOCONNECTION;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::AliasMode;
use crate::node::send::Target;
use crate::node::spawn::SpawnOptions;
use crate::term::{Reader, Reference, Writer};

/// A call that was sent. Give it to [`Mailbox::receive_response`] or [`Mailbox::abandon`] of the mailbox that sent it; dropped,
/// its answer arrives as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the answer arrives as a message if nobody waits for it"]
pub struct Pending {
    reference: Reference,
    asked: Asked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Server(Target),
    Function { node: String, mark: Reference, name: String },
}

impl Pending {
    /// Marks the answer: [`Message::answers`] is true for it.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }
}

impl Mailbox {
    /// `gen_server:send_request(Server, Request)`: asks, and does not wait for the answer. `request` is one encoded term. A
    /// connection that must be made first is not waited for; room in the queue to the peer is, at most `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send). That nobody is there, or no connection can be made, is the answer.
    pub fn send_request(
        &self,
        server: &Target,
        request: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Pending> {
        let connected = server.node().is_none_or(|node| {
            self.node().inner().is_our_name(node) || self.node().inner().peers.link(node).is_some()
        });
        let (call, message) = self.new_call(server, request)?;
        if connected {
            return match self.send(server, &message, timeout) {
                // Who is not there, or was lost meanwhile, is told by the monitor.
                Ok(()) | Err(Error::NoProcess(_) | Error::NoConnection { .. }) => Ok(call),
                Err(error) => {
                    self.abandon(call);
                    Err(error)
                }
            };
        }
        let (inner, process, from) = (self.node().inner().clone(), self.process().clone(), self.pid());
        let (server, reference) = (server.clone(), call.reference.clone());
        self.node().inner().runtime.spawn(async move {
            if inner.send_async(&from, &server, &message).await.is_err() {
                inner.down(&process, &reference, NOCONNECTION);
            }
        });
        Ok(call)
    }

    /// Watches the server, and makes the message that asks it.
    pub(super) fn new_call(&self, server: &Target, request: &[u8]) -> Result<(Pending, Vec<u8>)> {
        check_term(request)?;
        let reference = self.monitor_alias(server, AliasMode::ReplyDemonitor)?;
        let mut call = Writer::with_capacity(request.len() + 128);
        call.tuple(3).atom("$gen_call").tuple(2).pid(&self.pid());
        call.list(1).atom("alias").reference(&reference).raw_unchecked(request);
        Ok((Pending { reference, asked: Asked::Server(server.clone()) }, call.finish()?))
    }

    /// `erpc:send_request(Node, Module, Function, Args)`: has a function run, and does not wait for its result. `args` is one
    /// encoded list. What comes back is that of [`erpc`](Self::erpc).
    ///
    /// # Errors
    /// `Argument`. That the node cannot be reached is the answer.
    pub fn erpc_request(&self, node: &str, module: &str, function: &str, args: &[u8]) -> Result<Pending> {
        check_term(args)?;
        let mark = self.node().make_ref();
        let mut call = Writer::with_capacity(args.len() + 128);
        call.list(4).reference(&mark).atom(module).atom(function).raw_unchecked(args).nil();
        let call = call.finish()?;
        let options = SpawnOptions { monitor: true, ..SpawnOptions::default() };
        let reference = self.spawn_request_of(node, ("erpc", "execute_call", &call), options, true)?;
        let asked = Asked::Function { node: node.to_owned(), mark, name: format!("{module}:{function}") };
        Ok(Pending { reference, asked })
    }

    /// `gen_server:receive_response(Request, Timeout)`: waits for the answer. When the time is over the call is abandoned.
    ///
    /// # Errors
    /// As [`call`](Self::call), or as [`erpc`](Self::erpc).
    pub fn receive_response(&self, call: Pending, timeout: Option<Duration>) -> Result<Message> {
        match self.wait_response(&call, timeout) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let late = call.late();
                self.abandon(call);
                Err(late)
            }
            Err(error) => {
                self.abandon(call);
                Err(error)
            }
        }
    }

    /// `gen_server:wait_response(Request, Timeout)`: waits for the answer; `None` when the time is over, and it may be waited
    /// for again.
    ///
    /// # Errors
    /// As [`receive_response`](Self::receive_response), but for the time.
    pub fn wait_response(&self, call: &Pending, timeout: Option<Duration>) -> Result<Option<Message>> {
        match self.recv_reply(&call.reference, timeout) {
            Ok(answer) => self.answered(call, &answer).map(Some),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// [`receive_response`](Self::receive_response), awaited on any executor. Dropping the future loses nothing: the call may
    /// be waited for again, or abandoned.
    ///
    /// # Errors
    /// As [`receive_response`](Self::receive_response), but for the time.
    pub async fn response_async(&self, call: &Pending) -> Result<Message> {
        let answer = self.recv_reply_async(&call.reference).await?;
        self.answered(call, &answer)
    }

    /// `gen_server:check_response(Message, Request)`, for a program that receives everything by itself: the answer if
    /// `message` is the one to `call`.
    pub fn check_response(&self, call: &Pending, message: &Message) -> Option<Result<Message>> {
        message.answers(&call.reference).then(|| self.answered(call, message))
    }

    /// Gives a call up: its answer is dropped, whenever it comes. What runs over there runs on.
    pub fn abandon(&self, call: Pending) {
        self.demonitor(&call.reference, true);
        while let Ok(Some(_)) = self.process().take(Some(&call.reference)) {}
    }

    /// What an answer says.
    fn answered(&self, call: &Pending, answer: &Message) -> Result<Message> {
        if answer.kind() == MessageKind::SpawnReply {
            return Err(call.refused(answer));
        }
        self.demonitor(&call.reference, true);
        if answer.kind() == MessageKind::Down {
            let reason = down_reason(answer);
            return match call.outcome(&reason) {
                Some(outcome) => Ok(Message::new(MessageKind::Message, answer.from().cloned(), outcome)),
                // In a node that stops, everything ends; that is what the caller hears.
                None => Err(self.inner().check_running().err().unwrap_or_else(|| call.ended(&reason))),
            };
        }
        let mut reader = answer.reader();
        let reply = (reader.tuple_of(2) && reader.skip()).then(|| reader.term_bytes()).flatten();
        let reply = reply.ok_or_else(|| Error::Remote("the reply is no {Tag, Reply}".into()))?;
        Ok(Message::new(MessageKind::Message, answer.from().cloned(), answer.payload().slice_ref(reply)))
    }

    /// `erpc:multicall(Nodes, Module, Function, Args, Timeout)`: runs a function on many nodes at the same time. One answer for
    /// each node, in their order.
    ///
    /// # Errors
    /// For each node as [`erpc`](Self::erpc).
    pub fn multicall(
        &self,
        nodes: &[&str],
        module: &str,
        function: &str,
        args: &[u8],
        timeout: Option<Duration>,
    ) -> Vec<Result<Message>> {
        let deadline = Deadline::after(timeout);
        let ask = |node: &&str| self.erpc_request(node, module, function, args);
        self.responses(nodes.iter().map(ask).collect(), &deadline)
    }

    /// `gen_server:multi_call(Nodes, Name, Request, Timeout)`: asks the servers of one name on many nodes at the same time. One
    /// answer for each node, in their order.
    ///
    /// # Errors
    /// For each node as [`call`](Self::call).
    pub fn multi_call(
        &self,
        nodes: &[&str],
        name: &str,
        request: &[u8],
        timeout: Option<Duration>,
    ) -> Vec<Result<Message>> {
        let deadline = Deadline::after(timeout);
        let ask = |node: &&str| self.send_request(&Target::name_node(name, node)?, request, deadline.left());
        self.responses(nodes.iter().map(ask).collect(), &deadline)
    }

    fn responses(&self, calls: Vec<Result<Pending>>, deadline: &Deadline) -> Vec<Result<Message>> {
        let answer = |call: Result<Pending>| self.receive_response(call?, deadline.left());
        calls.into_iter().map(answer).collect()
    }
}

impl Pending {
    /// `{Mark, return, V}` and the like without the mark.
    fn outcome(&self, reason: &[u8]) -> Option<Bytes> {
        let Asked::Function { mark, .. } = &self.asked else { return None };
        let mut reader = Reader::new(reason);
        let arity = reader.tuple()?;
        if reader.reference()? != *mark || !(3..=4).contains(&arity) {
            return None;
        }
        let mut outcome = Writer::with_capacity(reason.len());
        outcome.tuple(arity - 1);
        for _ in 1..arity {
            outcome.raw_unchecked(reader.term_bytes()?);
        }
        outcome.finish().ok().map(Bytes::from)
    }

    /// The process ended before it answered.
    fn ended(&self, reason: &[u8]) -> Error {
        let mut reader = Reader::new(reason);
        if reader.atom_is("noconnection") {
            return match &self.asked {
                Asked::Server(_) => {
                    Error::NoConnection { node: self.who(), why: "it was lost during the call".into() }
                }
                Asked::Function { node, .. } => lost(node),
            };
        }
        match &self.asked {
            Asked::Server(_) if reader.atom_is("noproc") => Error::NoProcess(format!("is {}", self.who())),
            Asked::Server(_) | Asked::Function { .. } => {
                Error::Ended { who: self.who(), why: text(reason), reason: reason.to_vec() }
            }
        }
    }

    /// Why `{spawn_reply, Ref, error, Reason}` came.
    fn refused(&self, reply: &Message) -> Error {
        let Asked::Function { node, .. } = &self.asked else {
            return Error::Remote("a server does not answer with a spawn reply".into());
        };
        let mut reader = reply.reader();
        let found = reader.tuple_of(4) && (0..3).all(|_| reader.skip());
        match found.then(|| reader.atom()).flatten() {
            Some(reason) if reason == "noconnection" => lost(node),
            Some(reason) => Error::Remote(format!("{node} did not start the call: {reason}")),
            None => Error::Remote(format!("{node} did not start the call")),
        }
    }

    fn late(&self) -> Error {
        Error::Timeout(format!("{} did not answer", self.who()).into())
    }

    fn who(&self) -> String {
        match &self.asked {
            Asked::Server(Target::Pid(pid)) => format!("{pid:?}"),
            Asked::Server(Target::Name(name)) => name.to_string(),
            Asked::Server(Target::NameNode(name, node)) => format!("{{{name}, {node}}}"),
            Asked::Server(Target::Alias(alias) | Target::PriorityAlias(alias)) => format!("{alias:?}"),
            Asked::Function { node, name, .. } => format!("{name} on {node}"),
        }
    }
}

/// The reason in `{'DOWN', Ref, process, Who, Reason}`.
fn down_reason(down: &Message) -> Bytes {
    let mut reader = down.reader();
    let found = reader.tuple_of(5) && (0..4).all(|_| reader.skip());
    match found.then(|| reader.term_bytes()).flatten() {
        Some(reason) => down.payload().slice_ref(reason),
        None => Bytes::new(),
    }
}

fn lost(node: &str) -> Error {
    Error::NoConnection {
        node: node.to_owned(),
        why: "it cannot be reached, or was lost during the call".into(),
    }
}

fn text(term: &[u8]) -> String {
    crate::term::Text::new(term, crate::term::Style::erlang()).to_string()
}
