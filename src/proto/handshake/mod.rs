//! The handshake (version 6), both roles, as state machines.
//!
//! A driver writes what [`Step::Send`] holds, feeds what it reads, and answers the two questions only it can answer:
//! whether a peer may come in, and when an older connection is gone. Deadlines and limits on the number of
//! half-open connections are the driver's.
//!
//! ```text
//! loop { match machine.next_step()? {
//!     Send(bytes) => write, NeedMore => read and feed (or eof), Ask(hello) => decide, Done(link) => break, ... } }
//! ```
//! Always true: nobody is [`Step::Done`] who has not proved the cookie to us, and we prove it to nobody before the
//! name and flags of the peer were checked.

mod acceptor;
mod initiator;
pub(crate) mod messages;
#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, AcceptorParams, Decision, Hello, PeerName};
pub use initiator::{Initiator, InitiatorParams, OurName};

use crate::error::Error;
use crate::proto::flags::Flags;
use crate::proto::name::NodeName;
use bytes::{Buf, Bytes, BytesMut};
use std::fmt;

/// Handshake messages stay far under this; more is an attack or another protocol.
pub const MAX_MESSAGE: usize = 4096;

/// What may wait in the buffer while the driver has not asked for the next step. Only a driver that feeds without
/// asking, or a peer that talks out of turn, gets here.
const MAX_BUFFERED: usize = 1 << 20;

/// How lengths are written during the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `Len:16`, on plain TCP.
    Two,
    /// `Len:32`, inside TLS.
    Four,
}

/// What the driver has to do next.
#[derive(Debug)]
pub enum Step {
    /// Write these bytes, all of them.
    Send(Vec<u8>),
    /// Read, and feed what came. At the end of the stream call `eof`.
    NeedMore,
    /// Acceptor: somebody announced itself. Answer with [`Acceptor::decide`].
    Ask(Hello),
    /// Initiator: the peer says that it has a connection to us. Answer with [`Initiator::answer_alive`].
    Alive,
    /// Acceptor: the peer of an `alive` has proved itself. Close the old connection, see it gone, then call
    /// [`Acceptor::old_gone`].
    KillOld,
    /// The connection is up. From here on every packet has a length of four bytes.
    Done(Established),
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Established {
    /// The peer's name.
    pub peer: NodeName,
    /// The peer's creation; 0 if it has none.
    pub creation: u32,
    /// What both sides can do.
    pub flags: Flags,
    /// What the peer announced.
    pub peer_flags: Flags,
    /// Our name on this connection; given by the peer if we asked for one.
    pub ours: NodeName,
    /// Our creation on this connection.
    pub our_creation: u32,
    /// Bytes that followed the last message in the same reads: the beginning of the packet stream.
    pub leftover: BytesMut,
}

/// How a handshake ended without a connection.
///
/// Converts into [`Error`] with a text for people; programs match on the variant. `peer` is the other's name as far
/// as it was known; what a peer said is escaped and cut, so that it may stand in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // the fields are named by the sentences above their variants
pub enum Failure {
    /// Status `nok`: the peer's own attempt to reach us goes on (wait for it), or our name is invalid to it.
    Nok { peer: String },
    /// Status `not_allowed`: the peer's allow-list, or flags of ours that it misses.
    NotAllowed { peer: String },
    /// A status that fits nothing.
    BadStatus { peer: String, status: String },
    /// The driver said that this attempt is stale after the peer's `alive`.
    Stale { peer: String },
    /// The peer withdrew after our `alive`.
    Withdrawn { peer: String },
    /// Somebody else answers there.
    WrongName { peer: String, says: String },
    /// The peer cannot do what every node must.
    MissingFlags { peer: String, missing: Vec<&'static str> },
    /// The cookies differ; `source` says where ours came from.
    CookieRejected { peer: String, source: String },
    /// The peer answered with a challenge of ours.
    Reflected { peer: String },
    /// We said no, with this status.
    RefusedByUs { peer: String, status: &'static str },
    /// The peer announced a name that is none.
    BadName { name: String, why: &'static str },
    /// Not a message of a handshake.
    Garbage { peer: String, what: &'static str },
    /// The stream ended; `stage` says when.
    Eof { peer: String, stage: &'static str },
    /// The driver broke the order of calls.
    Misuse(&'static str),
}

impl Failure {
    /// True if the peer's own attempt may succeed where ours ended.
    pub fn is_nok(&self) -> bool {
        matches!(self, Failure::Nok { .. })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Nok { peer } => Error::Refused {
                node: peer,
                why: "status nok: it is calling us at this moment and that call goes on, or our node name is invalid to it".into(),
            },
            Failure::NotAllowed { peer } => Error::Refused {
                node: peer,
                why: "status not_allowed: its allow-list (net_kernel:allow/1) does not name us, or it is of a release that wants more than we can do".into(),
            },
            Failure::BadStatus { peer, status } => {
                Error::Refused { node: peer, why: format!("it answered with the unexpected status \"{status}\"") }
            }
            Failure::Stale { peer } => {
                Error::NoConnection { node: peer, why: "another connection to it was made meanwhile".into() }
            }
            Failure::Withdrawn { peer } => Error::NoConnection {
                node: peer,
                why: "it is connected already and withdrew this attempt".into(),
            },
            Failure::WrongName { peer, says } => {
                Error::NotANode { node: peer, why: format!("it says that its name is {says}") }
            }
            Failure::MissingFlags { peer, missing } => Error::NotANode {
                node: peer,
                why: format!("it lacks {}; OTP 25 or later is needed", missing.join(", ")),
            },
            Failure::CookieRejected { peer, source } => Error::CookieRejected { node: peer, source_text: source },
            Failure::Reflected { peer } => {
                Error::NotANode { node: peer, why: "it sent a challenge of our own back to us".into() }
            }
            Failure::RefusedByUs { peer, status } => {
                Error::NoConnection { node: peer, why: format!("we answered its call with {status}") }
            }
            Failure::BadName { name, why } => Error::BadName { name, why },
            Failure::Garbage { peer, what } => Error::NotANode { node: peer, why: what.into() },
            Failure::Eof { peer, stage } => Error::NoConnection { node: peer, why: stage.into() },
            Failure::Misuse(what) => Error::Internal(what.into()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for Failure {}

/// What a peer said, fit for a log.
fn printable(latin1: &[u8]) -> String {
    const ENOUGH: usize = 128; // tells people which name it was; longer ones are attacks
    latin1.iter().take(ENOUGH).flat_map(|&b| char::from(b).escape_debug()).collect()
}

/// Bytes received and not yet understood.
struct Inbox {
    framing: Framing,
    buffer: BytesMut,
    overflow: bool,
}

impl Inbox {
    fn new(framing: Framing) -> Self {
        Inbox { framing, buffer: BytesMut::new(), overflow: false }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if self.buffer.len().saturating_add(bytes.len()) > MAX_BUFFERED {
            self.overflow = true;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole message, without its length.
    fn take(&mut self) -> Result<Option<Bytes>, &'static str> {
        if self.overflow {
            return Err("it sent more than a handshake can hold");
        }
        let (head, length) = match (self.framing, &self.buffer[..]) {
            (Framing::Two, [a, b, ..]) => (2, usize::from(u16::from_be_bytes([*a, *b]))),
            (Framing::Four, [a, b, c, d, ..]) => (4, u32::from_be_bytes([*a, *b, *c, *d]) as usize),
            _ => return Ok(None),
        };
        if length > MAX_MESSAGE {
            return Err("it does not speak the distribution handshake (is TLS on at one end only?)");
        }
        if self.buffer.len() < head + length {
            return Ok(None);
        }
        self.buffer.advance(head);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}
