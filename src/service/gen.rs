//! The shapes of `gen`: calls, casts, and where a reply goes (protocol section 12).

use std::sync::Arc;

use crate::node::process::Process;
use crate::node::send::Target;
use crate::node::Inner;
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
        self.message(&mut writer, |writer| writer.raw_unchecked(reply));
        if let Ok(message) = writer.finish() {
            node.send_signal(&node.pid_of(server), &self.target(), &message);
        }
    }

    /// Writes `{Tag, Reply}`.
    pub(crate) fn message(&self, writer: &mut Writer, reply: impl FnOnce(&mut Writer) -> &mut Writer) {
        writer.tuple(2).raw_unchecked(&self.tag);
        reply(writer);
    }

    /// Where a reply goes: the alias in the tag, if there is one.
    pub(crate) fn target(&self) -> Target {
        self.alias.clone().map_or_else(|| Target::Pid(self.pid.clone()), Target::Alias)
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

/// `{'$gen_call', From, Request}`: who asks, and a cursor at what. To anything else, a cast or a plain message, nobody
/// waits for an answer.
pub(crate) fn call(payload: &[u8]) -> Option<(From, Reader<'_>)> {
    let mut reader = Reader::new(payload);
    if reader.tuple() != Some(3) || !reader.atom_is("$gen_call") {
        return None;
    }
    let from = From::read(&mut reader)?;
    Some((from, reader))
}

/// The request of a [`call`], for who need not know yet who asks.
pub(crate) fn request(payload: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader::new(payload);
    let is_call = reader.tuple_of(3) && reader.atom_is("$gen_call") && reader.tuple_of(2);
    (is_call && reader.pid().is_some() && reader.skip()).then_some(reader)
}

/// `{'$gen_cast', Request}`: a cursor at what is asked.
pub(crate) fn cast(payload: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader::new(payload);
    (reader.tuple_of(2) && reader.atom_is("$gen_cast")).then_some(reader)
}

/// `{system, From, Request}`: who asks, and a cursor at what.
pub(crate) fn system(payload: &[u8]) -> Option<(From, Reader<'_>)> {
    let mut reader = Reader::new(payload);
    if reader.tuple() != Some(3) || !reader.atom_is("system") {
        return None;
    }
    let from = From::read(&mut reader)?;
    Some((from, reader))
}
