//! What can go wrong, named after what happened to the caller.
//!
//! Every text names the step that failed and the cure; the same words reach C (`erln_last_error`), Python and Rust.
//! No text ever contains a cookie, a digest or a challenge.
//!
//! Memory whose amount a peer or a caller decides is asked for so that its lack is an error: through [`room`] and its kin, which
//! unwind out of code that has no way to fail, and [`in_memory`], which makes that an error again.

use std::borrow::Cow;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};

/// `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes that are not a term, frame or message, with the place where that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {what} at byte {offset}")]
pub struct Malformed {
    /// What was being read.
    pub what: &'static str,
    /// Offset of the offending byte from the start of the buffer.
    pub offset: usize,
}

impl Malformed {
    /// A complaint about `what` at `offset`.
    pub const fn new(what: &'static str, offset: usize) -> Self {
        Malformed { what, offset }
    }
}

/// A situation that an operation can end in.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller passed something that can never work.
    #[error("{0}")]
    Argument(Cow<'static, str>),
    /// The node, mailbox or connection was closed, or the id never named one.
    #[error("{0} is closed")]
    Closed(&'static str),
    /// The time given was over before the operation ended.
    #[error("timeout: {0}")]
    Timeout(Cow<'static, str>),
    /// Nothing there yet, and the caller asked not to wait.
    #[error("nothing to receive")]
    Empty,
    /// A term or packet cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A limit of ours was met; the text names it and the option that moves it.
    #[error("{0}")]
    Limit(Cow<'static, str>),
    /// The node name breaks the rules.
    #[error("invalid node name \"{name}\": {why}")]
    BadName {
        /// The name as given.
        name: String,
        /// Which rule it breaks, and what would do.
        why: &'static str,
    },
    /// The node has no name yet, and the operation needs one.
    #[error("this node is not alive (nonode@nohost): start it with a name first")]
    NotAlive,
    /// epmd already has a node of this name.
    #[error("the name \"{name}\" is in use at epmd on port {port}: another node registered it; stop that one or choose another name (`epmd -names` lists them)")]
    NameInUse {
        /// The part before the `@`.
        name: String,
        /// epmd's port.
        port: u16,
    },
    /// No epmd answers there.
    #[error("epmd at {address} does not answer: {why}; start a node or `epmd -daemon` there, or check ERL_EPMD_PORT and firewalls")]
    EpmdUnreachable {
        /// Address and port asked.
        address: String,
        /// What the operating system said.
        why: String,
    },
    /// epmd answered that it does not know the name.
    #[error("node {node} is not running: epmd on its host does not know the name \"{alive}\"; check the spelling, and that the node was started")]
    NameUnknown {
        /// The full node name.
        node: String,
        /// The part before the `@`.
        alive: String,
    },
    /// The host part cannot be resolved.
    #[error("cannot resolve host \"{host}\" of node {node}: {why}; check DNS or /etc/hosts")]
    HostUnknown {
        /// The full node name.
        node: String,
        /// The part after the `@`.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// The TCP connection was refused or failed.
    #[error(
        "cannot reach {node} at {address}: {why}; is the node still running, and is a firewall in between?"
    )]
    Unreachable {
        /// The full node name.
        node: String,
        /// Address and port dialled.
        address: String,
        /// What the operating system said.
        why: String,
    },
    /// What listens there does not speak the distribution protocol.
    #[error("what listens for {node} is not an Erlang node, or not one we can speak to: {why}")]
    NotANode {
        /// The node or address.
        node: String,
        /// What it did.
        why: String,
    },
    /// The two sides could not agree on a TLS connection, or one does not believe the other's certificate.
    #[error("TLS with {node} failed: {why}")]
    Tls {
        /// The node, or the address of a caller.
        node: String,
        /// What happened, at which end, and what cures it.
        why: String,
    },
    /// The cookies differ.
    #[error("cookie rejected by {node}: our cookie comes from {source_text}; make both cookies equal (`erl -setcookie`, ~/.erlang.cookie, or the cookie option)")]
    CookieRejected {
        /// The peer.
        node: String,
        /// Where our cookie was taken from. Never the cookie.
        source_text: String,
    },
    /// The peer refused us, or its status told us to step back.
    #[error("{node} refused the connection: {why}")]
    Refused {
        /// The peer.
        node: String,
        /// Its status and what it means.
        why: String,
    },
    /// One side uses short names, the other long ones.
    #[error("{node} cannot be reached from {ours}: {why}")]
    NameKind {
        /// The peer.
        node: String,
        /// Our name.
        ours: String,
        /// Which of the two is short and which long, and what to do.
        why: &'static str,
    },
    /// The cookie file is missing, unreadable or open to others.
    #[error("cookie file {path}: {why}")]
    CookieFile {
        /// The file.
        path: String,
        /// What is wrong with it, and the mode it should have.
        why: String,
    },
    /// There is no connection to the node, and none could be made.
    #[error("no connection to {node}: {why}")]
    NoConnection {
        /// The peer.
        node: String,
        /// Why.
        why: String,
    },
    /// Nobody has that pid or name.
    #[error("no process {0}")]
    NoProcess(String),
    /// The name is taken on this node.
    #[error("the name {0} is already registered on this node")]
    NameTaken(String),
    /// The outgoing queue to a peer is full.
    #[error("{node} does not read: {queued} bytes are waiting; retry with a longer timeout")]
    Busy {
        /// The peer.
        node: String,
        /// Bytes in the outgoing queue.
        queued: usize,
    },
    /// The process forked after the node was started.
    #[error("this process was forked after the node started: start a new node in the child")]
    Forked,
    /// The remote side answered with an error.
    #[error("remote error: {0}")]
    Remote(String),
    /// The process that was asked ended before it answered.
    #[error("{who} ended before it answered: {why}")]
    Ended {
        /// Who was asked.
        who: String,
        /// The exit reason as Erlang text.
        why: String,
        /// The exit reason: one encoded term.
        reason: Vec<u8>,
    },
    /// Feature of the peer that is missing.
    #[error("{0}")]
    Unsupported(Cow<'static, str>),
    /// The operating system refused something.
    #[error("{step}: {why}")]
    Io {
        /// What was being done.
        step: Cow<'static, str>,
        /// What the operating system said.
        why: String,
    },
    /// A bug of ours; it was contained.
    #[error("internal error in {0}; please report it")]
    Internal(Cow<'static, str>),
}

impl Error {
    /// An [`Error::Argument`] with this text.
    pub fn argument(text: impl Into<Cow<'static, str>>) -> Self {
        Error::Argument(text.into())
    }

    /// An operating system error in `step`.
    pub fn io(step: impl Into<Cow<'static, str>>, error: &std::io::Error) -> Self {
        Error::Io { step: step.into(), why: error.to_string() }
    }

    /// True when the peer is not reachable (any more), so that trying again later may help.
    pub fn is_disconnect(&self) -> bool {
        matches!(
            self,
            Error::NoConnection { .. }
                | Error::Unreachable { .. }
                | Error::NameUnknown { .. }
                | Error::EpmdUnreachable { .. }
        )
    }

    /// True when only time was lacking.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::Timeout(_) | Error::Empty)
    }
}

/// What unwinds when there is no memory. Not a panic: no hook hears of it.
pub(crate) struct NoMemory;

/// There is no memory for what a peer or a caller wants: see [`in_memory`].
#[cold]
#[inline(never)]
pub(crate) fn out_of_memory() -> ! {
    resume_unwind(Box::new(NoMemory))
}

/// The error for it.
#[cold]
pub(crate) fn no_memory() -> Error {
    Error::Limit("no memory for a message or term of this size".into())
}

/// `f`, or an error when there was no memory for it.
#[inline]
pub(crate) fn in_memory<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result,
        Err(panic) if panic.is::<NoMemory>() => Err(no_memory()),
        Err(panic) => resume_unwind(panic),
    }
}

/// Room for `more` items at least; unwinds if there is none.
#[inline]
pub(crate) fn reserve<T>(items: &mut Vec<T>, more: usize) {
    if items.try_reserve(more).is_err() {
        out_of_memory();
    }
}

/// A vector with room for just so many items; unwinds if there is none.
#[inline]
pub(crate) fn room<T>(count: usize) -> Vec<T> {
    let mut items = Vec::new();
    if items.try_reserve_exact(count).is_err() {
        out_of_memory();
    }
    items
}

/// Appends an item; unwinds if there is no room.
#[inline]
pub(crate) fn push<T>(items: &mut Vec<T>, item: T) {
    if items.len() == items.capacity() {
        reserve(items, 1);
    }
    items.push(item);
}

/// A copy; unwinds if there is no room.
pub(crate) fn copied(bytes: &[u8]) -> Vec<u8> {
    let mut copy = room(bytes.len());
    copy.extend_from_slice(bytes);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_memory_is_an_error_and_other_panics_go_on() {
        let outcome = in_memory(|| Ok(room::<u64>(usize::MAX / 16).len()));
        assert!(matches!(outcome, Err(Error::Limit(_))), "{outcome:?}");
        assert_eq!(in_memory(|| Ok(copied(b"abc"))).unwrap(), b"abc");
        let other = catch_unwind(|| in_memory(|| -> Result<()> { resume_unwind(Box::new("other")) }));
        assert_eq!(other.unwrap_err().downcast_ref(), Some(&"other"));
    }
}
