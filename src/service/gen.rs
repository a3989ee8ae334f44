//! The shapes of `gen`: calls, casts, and where a reply goes (protocol section 12).

use std::sync::Arc;

use crate::node::process::Process;
use crate::node::Inner;
use crate::proto::control::Control;
use crate::term::{Kind, Pid, Reader, Reference, Writer};

/// Whom to answer: the `{Pid, Tag}` of a call. The tag is opaque and returned as it came.
#[derive(Debug, Clone)]
pub(crate) struct From {
    pub(crate) pid: Pid,
    tag: Vec<u8>,
    alias: Option<Reference>,
}

impl From {
    /// Reads `{Pid, Tag}`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<From> {
        if !reader.tuple_of(2) {
            return None;
        }
        let pid = reader.pid()?;
        let tag = reader.term_bytes()?;
        Some(From { pid, alias: alias_of(tag), tag: tag.to_vec() })
    }

    /// Sends `{Tag, Reply}`; `reply` is one encoded term.
    pub(crate) fn reply(&self, node: &Arc<Inner>, server: &Process, reply: &[u8]) {
        let mut writer = Writer::new();
        writer.tuple(2).raw_unchecked(&self.tag).raw_unchecked(reply);
        let Ok(message) = writer.finish() else { return };
        let own = node.pid_of(server);
        let control = match &self.alias {
            Some(alias) => Control::AliasSend { from: own, to: alias.clone(), token: None },
            None => Control::SendSender { from: own, to: self.pid.clone(), token: None },
        };
        let peer = self.pid.node.clone();
        if node.is_our_name(&peer) {
            node.signal(&peer, control, Some(&message));
        } else {
            node.signal_if_connected(&peer, control, Some(&message));
        }
    }
}

/// The alias in `[alias | Ref]` or `[[alias | Ref] | Ref2]`.
pub(crate) fn alias_of(tag: &[u8]) -> Option<Reference> {
    let mut reader = Reader::new(tag);
    if reader.list()? != 1 {
        return None;
    }
    if reader.kind() == Some(Kind::List) && reader.list()? != 1 {
        return None;
    }
    reader.atom_is("alias").then_some(())?;
    reader.reference()
}

/// What arrived at a server.
pub(crate) enum Incoming<'a> {
    /// `{'$gen_call', From, Request}`
    Call(From, Reader<'a>),
    /// Anything else: casts and plain messages, to which nobody waits for an answer.
    Other,
}

/// Sorts a message.
pub(crate) fn sort(payload: &[u8]) -> Incoming<'_> {
    let mut reader = Reader::new(payload);
    match reader.tuple() {
        Some(3) if reader.atom_is("$gen_call") => match From::read(&mut reader) {
            Some(from) => Incoming::Call(from, reader),
            None => Incoming::Other,
        },
        _ => Incoming::Other,
    }
}
