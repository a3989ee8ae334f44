//! Calls of ours: `gen_server:call` to any process, answers to such calls, and `erpc:call` to any node.
//!
//! Each is a short exchange of messages of a mailbox. What comes late, after the time was over, is dropped by the alias or
//! the monitor that it was for, and never reaches the mailbox.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::gen::alias_of;
use crate::error::{Error, Result};
use crate::node::check_term;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::AliasMode;
use crate::node::send::Target;
use crate::node::spawn::SpawnOptions;
use crate::term::{Pid, Reader, Reference, Writer};

impl Mailbox {
    /// `gen_server:call(Server, Request, Timeout)`, which Elixir's `GenServer.call` and `Agent` are as well. `request` is
    /// one encoded term; the payload of what comes back is the reply.
    ///
    /// # Errors
    /// `NoProcess` if nobody is there, `NoConnection` when the node is lost, `Remote` with the reason when the server ends
    /// before it replies, `Timeout`.
    pub fn call(&self, server: &Target, request: &[u8], timeout: Option<Duration>) -> Result<Message> {
        check_term(request)?;
        let deadline = Deadline::after(timeout);
        let reference = self.monitor_alias(server, AliasMode::ReplyDemonitor)?;
        let mut call = Writer::new();
        call.tuple(3).atom("$gen_call").tuple(2).pid(&self.pid());
        call.list(1).atom("alias").reference(&reference).raw_unchecked(request);
        let asked = call.finish().and_then(|call| self.send(server, &call, deadline.left()));
        let answer = asked.and_then(|()| self.recv_reply(&reference, deadline.left()));
        self.forget(&reference);
        let answer = answer.map_err(|error| in_time(error, "the server did not reply"))?;
        if answer.kind() == MessageKind::Down {
            return Err(ended(server, &down_reason(&answer)));
        }
        let mut reader = answer.reader();
        let reply = (reader.tuple_of(2) && reader.skip()).then(|| reader.term_bytes()).flatten();
        let reply = reply.ok_or_else(|| Error::Remote("the reply is no {Tag, Reply}".into()))?;
        Ok(Message::new(MessageKind::Message, answer.from().cloned(), answer.payload().slice_ref(reply)))
    }

    /// Answers a call that arrived as a message `{'$gen_call', {Pid, Tag}, Request}`, or a question of `sys` such as
    /// `{system, {Pid, Tag}, get_state}`; `reply` is one encoded term.
    ///
    /// # Errors
    /// `Argument` if `call` is no such message; else as [`send`](Self::send).
    pub fn reply(&self, call: &Message, reply: &[u8], timeout: Option<Duration>) -> Result<()> {
        let (pid, tag) = caller(&mut call.reader()).ok_or_else(|| {
            Error::argument("the message is no call, which is {'$gen_call', {Pid, Tag}, Request}")
        })?;
        let mut answer = Writer::new();
        answer.tuple(2).raw(tag).raw(reply);
        let target = alias_of(tag).map_or(Target::Pid(pid), Target::Alias);
        self.send(&target, &answer.finish()?, timeout)
    }

    /// `erpc:call(Node, Module, Function, Args, Timeout)`; `args` is one encoded list. The payload of what comes back is
    /// `{return, Value}`, or the exception: `{throw, Value}`, `{exit, Reason}` or `{error, Reason, Stack}`.
    ///
    /// # Errors
    /// `NoConnection` when the node cannot be reached or is lost, `Remote` when it cannot or will not run the function at
    /// all, `Timeout`. The function may still run then.
    pub fn erpc(
        &self,
        node: &str,
        module: &str,
        function: &str,
        args: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Message> {
        let deadline = Deadline::after(timeout);
        check_term(args)?;
        let mark = self.node().make_ref();
        let mut call = Writer::new();
        call.list(4).reference(&mark).atom(module).atom(function).raw_unchecked(args).nil();
        let options = SpawnOptions { monitor: true, ..SpawnOptions::default() };
        let call = call.finish()?;
        let reference = self.spawn_request(node, "erpc", "execute_call", &call, options)?;
        let started = self.recv_reply(&reference, deadline.left());
        if started.is_err() {
            self.forget(&reference);
        }
        let started = started.map_err(|error| in_time(error, "the node did not start the call"))?;
        if started.from().is_none() {
            return Err(refused(node, &started));
        }
        let answer = self.recv_reply(&reference, deadline.left());
        self.forget(&reference);
        let answer = answer.map_err(|error| in_time(error, "the function did not return"))?;
        let reason = down_reason(&answer);
        match outcome(&reason, &mark) {
            Some(outcome) => Ok(Message::new(MessageKind::Message, answer.from().cloned(), outcome)),
            None if Reader::new(&reason).atom_is("noconnection") => Err(lost(node)),
            None => {
                Err(Error::Remote(format!("the call of {module}:{function} ended with {}", text(&reason))))
            }
        }
    }
}

impl Mailbox {
    /// Nobody waits for answers to `reference` any more: the monitor and the alias end, and what has arrived is dropped.
    fn forget(&self, reference: &Reference) {
        self.demonitor(reference, true);
        while let Ok(Some(_)) = self.process().take(Some(reference)) {}
    }
}

/// When a whole exchange must be over.
struct Deadline(Option<Instant>);

impl Deadline {
    fn after(timeout: Option<Duration>) -> Deadline {
        Deadline(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    fn left(&self) -> Option<Duration> {
        self.0.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// `{'$gen_call' | system, {Pid, Tag}, _}`: whom to answer. The tag is opaque.
fn caller<'a>(reader: &mut Reader<'a>) -> Option<(Pid, &'a [u8])> {
    let is_call = reader.tuple_of(3) && (reader.atom_is("$gen_call") || reader.atom_is("system"));
    if !is_call || !reader.tuple_of(2) {
        return None;
    }
    Some((reader.pid()?, reader.term_bytes()?))
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

/// `{Mark, return, V}` and the like without the mark.
fn outcome(reason: &[u8], mark: &crate::term::Reference) -> Option<Bytes> {
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

fn ended(server: &Target, reason: &[u8]) -> Error {
    let mut reader = Reader::new(reason);
    let who = match server {
        Target::Pid(pid) => format!("{pid:?}"),
        Target::Name(name) => name.to_string(),
        Target::NameNode(name, node) => format!("{{{name}, {node}}}"),
        Target::Alias(alias) | Target::PriorityAlias(alias) => format!("{alias:?}"),
    };
    if reader.atom_is("noproc") {
        return Error::NoProcess(format!("is {who}"));
    }
    if reader.atom_is("noconnection") {
        return Error::NoConnection { node: who, why: "it was lost during the call".into() };
    }
    Error::Remote(format!("{who} ended before it replied: {}", text(reason)))
}

/// Why `{spawn_reply, Ref, error, Reason}` came.
fn refused(node: &str, reply: &Message) -> Error {
    let mut reader = reply.reader();
    let found = reader.tuple_of(4) && (0..3).all(|_| reader.skip());
    match found.then(|| reader.atom()).flatten() {
        Some(reason) if reason == "noconnection" => lost(node),
        Some(reason) => Error::Remote(format!("{node} did not start the call: {reason}")),
        None => Error::Remote(format!("{node} did not start the call")),
    }
}

fn lost(node: &str) -> Error {
    Error::NoConnection {
        node: node.to_owned(),
        why: "it cannot be reached, or was lost during the call".into(),
    }
}

/// Says what was waited for when the time was over.
fn in_time(error: Error, what: &'static str) -> Error {
    if error.is_timeout() {
        return Error::Timeout(what.into());
    }
    error
}

fn text(term: &[u8]) -> String {
    crate::term::Text::new(term, crate::term::Style::erlang()).to_string()
}
