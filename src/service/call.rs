//! Calls of ours: `gen_server:call` to any process, answers to such calls, and `erpc:call` to any node.
//!
//! Each is a short exchange of messages of a mailbox: a [`Pending`](super::pending::Pending) that is waited for at once.
//! Always true: what comes after somebody gave up is dropped, and never reaches the mailbox.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::gen::alias_of;
use crate::error::{Error, Result};
use crate::node::mailbox::Mailbox;
use crate::node::message::Message;
use crate::node::send::Target;
use crate::term::{Pid, Reader, Writer};

impl Mailbox {
    /// `gen_server:call(Server, Request, Timeout)`, which Elixir's `GenServer.call` and `Agent` are as well. `request` is
    /// one encoded term; the payload of what comes back is the reply.
    ///
    /// # Errors
    /// `NoProcess` if nobody is there, `NoConnection` when the node is lost, `Ended` with the reason when the server ends
    /// before it replies, `Timeout`.
    pub fn call(&self, server: &Target, request: &[u8], timeout: Option<Duration>) -> Result<Message> {
        let deadline = Deadline::after(timeout);
        let (call, message) = self.new_call(server, request)?;
        if let Err(error) = self.send(server, &message, deadline.left()) {
            self.abandon(call);
            return Err(error);
        }
        self.receive_response(call, deadline.left())
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
        let mut answer = Writer::with_capacity(2 + tag.len() + reply.len());
        answer.tuple(2).raw(tag).raw(reply);
        let target = alias_of(tag).map_or(Target::Pid(pid), Target::Alias);
        self.send(&target, &answer.finish()?, timeout)
    }

    /// `erpc:call(Node, Module, Function, Args, Timeout)`; `args` is one encoded list. The payload of what comes back is
    /// `{return, Value}`, or the exception: `{throw, Value}`, `{exit, Reason}` or `{error, Reason, Stack}`.
    ///
    /// # Errors
    /// `NoConnection` when the node cannot be reached or is lost, `Remote` when it cannot or will not run the function at
    /// all, `Ended` when the process that ran it was killed, `Timeout`. The function may still run then.
    pub fn erpc(
        &self,
        node: &str,
        module: &str,
        function: &str,
        args: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Message> {
        let deadline = Deadline::after(timeout);
        let call = self.erpc_request(node, module, function, args)?;
        self.receive_response(call, deadline.left())
    }
}

/// When a whole exchange must be over.
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn after(timeout: Option<Duration>) -> Deadline {
        Deadline(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    pub(super) fn left(&self) -> Option<Duration> {
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

/// What a function that was run on another node ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It returned this.
    Return(Bytes),
    /// It threw this.
    Throw(Bytes),
    /// It exited with this reason.
    Exit(Bytes),
    /// It failed: the reason, and the stack as a list of `{Module, Function, ArityOrArgs, Location}`.
    Error(Bytes, Bytes),
}

impl Outcome {
    /// Reads the answer of [`Mailbox::erpc`]. Each part is one encoded term. `None`: it is no such answer.
    pub fn of(answer: &Message) -> Option<Outcome> {
        let mut reader = answer.reader();
        let arity = reader.tuple()?;
        let class = reader.atom()?;
        let value = answer.payload().slice_ref(reader.term_bytes()?);
        Some(match (class.as_ref(), arity) {
            ("return", 2) => Outcome::Return(value),
            ("throw", 2) => Outcome::Throw(value),
            ("exit", 2) => Outcome::Exit(value),
            ("error", 3) => Outcome::Error(value, answer.payload().slice_ref(reader.term_bytes()?)),
            _ => return None,
        })
    }
}
