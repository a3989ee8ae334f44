//! What arrives in a mailbox: an encoded term and where it came from.
//!
//! Exits, DOWNs and node events have the shape that a BEAM process would receive, so one pattern serves both worlds;
//! [`MessageKind`] says the same without looking into the term.

use bytes::Bytes;

use crate::error::{Malformed, Result};
use crate::node::spawn::Request;
use crate::node::NO_NODE;
use crate::term::{Pid, Reader, Reference, Term};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageKind {
    /// Somebody's message.
    Message,
    /// `{'EXIT', Pid, Reason}`, to a mailbox that traps exits.
    Exit,
    /// `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`.
    Down,
    /// `{nodeup, Node}` or `{nodeup, Node, Info}`.
    NodeUp,
    /// `{nodedown, Node}` or `{nodedown, Node, Info}`.
    NodeDown,
    /// `{spawn_reply, Ref, ok | error, Pid | Reason}`.
    SpawnReply,
    /// A peer called an exported function; see [`Message::request`].
    Request,
}

/// A received message. The payload is one term in the external format without the leading version byte.
#[derive(Debug)]
pub struct Message {
    pub(crate) kind: MessageKind,
    /// It goes before ordinary messages.
    pub(crate) priority: bool,
    pub(crate) from: Option<Pid>,
    /// The reference that a reply, DOWN or alias message belongs to, if it was recognised on arrival.
    pub(crate) alias: Option<Box<Reference>>,
    pub(crate) payload: Bytes,
    pub(crate) request: Option<Box<Request>>,
}

impl Message {
    pub(crate) fn new(kind: MessageKind, from: Option<Pid>, payload: Bytes) -> Message {
        Message { kind, priority: false, from, alias: None, payload, request: None }
    }

    /// What it is.
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// The sender, where the protocol tells it.
    pub fn from(&self) -> Option<&Pid> {
        self.from.as_ref()
    }

    /// The alias of ours that it was sent to, if it came by one.
    pub fn alias(&self) -> Option<&Reference> {
        self.alias.as_deref()
    }

    /// The encoded term, without version byte.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// A cursor over the payload.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.payload)
    }

    /// The payload as an owned term.
    pub fn term(&self) -> Result<Term> {
        Term::decode(&self.payload)
    }

    /// The call that this message asks for, if it is a [`MessageKind::Request`].
    pub fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// Takes the request out, to answer it later or from another thread.
    pub fn into_request(self) -> Option<Request> {
        self.request.map(|request| *request)
    }

    /// What a mailbox's byte limit counts for it.
    pub(crate) fn cost(&self) -> usize {
        self.payload.len() + std::mem::size_of::<Message>()
    }

    /// True if it answers `reference`: `{Ref, _}`, `{[alias|Ref], _}`, a DOWN or spawn reply for it, or anything sent
    /// to that alias.
    pub fn answers(&self, reference: &Reference) -> bool {
        if self.alias.as_deref().is_some_and(|alias| same(alias, reference)) {
            return true;
        }
        self.tagged(reference).unwrap_or(false)
    }

    fn tagged(&self, reference: &Reference) -> Result<bool, Malformed> {
        let mut reader = self.reader();
        if reader.tuple().is_none() {
            return Ok(false);
        }
        let tagged_by_kind = matches!(self.kind, MessageKind::Down | MessageKind::SpawnReply);
        if tagged_by_kind && !reader.skip() {
            return Ok(false);
        }
        // {io_reply, Ref, Result}
        reader.atom_is("io_reply");
        if reader.kind() == Some(crate::term::Kind::List) {
            // [alias | Ref]
            if reader.list() != Some(1) || !reader.atom_is("alias") {
                return Ok(false);
            }
        }
        Ok(reader.reference().is_some_and(|found| same(&found, reference)))
    }
}

/// The same reference, even if the node got its name after one of the two was written down.
fn same(one: &Reference, other: &Reference) -> bool {
    let nameless = |reference: &Reference| reference.node().as_str() == NO_NODE;
    one == other || (nameless(one) || nameless(other)) && one.words() == other.words()
}
