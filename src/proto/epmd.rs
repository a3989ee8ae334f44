//! epmd, the Erlang port mapper: what goes over its wire, for both sides, and the table a server keeps.
//!
//! Pure: bytes in, bytes out; the driver brings sockets, the clock and the answer to "is this peer local?".
//! A client sends `Len:16, Request:Len`, one request per connection; replies carry no length, so that each reply has
//! its own parser that knows how much is enough. Nothing here trusts a length before the bytes are there.

mod reply;
mod request;
mod server;
mod table;

pub use reply::{
    names_port, parse_alive2, parse_names, parse_port2, write_alive2, write_names_header, write_port2,
    Alive2Reply, NamedPort, Partial, Port2Reply,
};
pub use request::{split_request, Alive2, Framed, Request};
pub use server::{Answer, Server};
pub use table::{Granted, Refusal, Table, Token};

/// The port epmd listens on unless `ERL_EPMD_PORT` says otherwise.
pub const DEFAULT_PORT: u16 = 4369;
/// Longest request body, and longest PORT2 reply: the largest name and extra fit, as in the stock epmd.
pub const MAX_BODY: usize = 3057;
/// Longest name, in code points.
pub const MAX_NAME_CHARS: usize = 255;
/// Longest name, in bytes: 255 code points of four bytes.
pub const MAX_NAME_BYTES: usize = 4 * MAX_NAME_CHARS;
/// Longest `Extra` field.
pub const MAX_EXTRA_BYTES: usize = 1020;
/// Longest NAMES reply a client reads: 10,000 nodes with longest names need 11 MiB; more is an attack.
pub const MAX_NAMES_REPLY: usize = 16 << 20;

/// The creation that comes with a refused registration.
pub const REFUSED_CREATION: u32 = 99;

/// Node type of an ordinary node; BEAMs use it even when hidden.
pub const NODE_TYPE_VISIBLE: u8 = 77;
/// Node type of a hidden node.
pub const NODE_TYPE_HIDDEN: u8 = 72;

/// What epmd knows of a node: given by the node when it registers, told verbatim to whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeInfo {
    /// The part of the node name before the `@`.
    pub alive: String,
    /// TCP port on which the node listens for other nodes.
    pub port: u16,
    /// [`NODE_TYPE_VISIBLE`], [`NODE_TYPE_HIDDEN`], or what others invented (`ei` uses 104).
    pub node_type: u8,
    /// Protocol under the distribution; 0 is TCP, and nothing else is in use.
    pub protocol: u8,
    /// Highest distribution version the node speaks.
    pub highest: u16,
    /// Lowest distribution version the node speaks.
    pub lowest: u16,
    /// Free bytes, at most [`MAX_EXTRA_BYTES`]; nobody uses them.
    pub extra: Vec<u8>,
}

impl NodeInfo {
    /// A visible node that listens on `port`: TCP, versions 5 to 6, no extra.
    ///
    /// 5..6 is what BEAMs register although they only speak 6.
    pub fn new(alive: impl Into<String>, port: u16) -> Self {
        NodeInfo {
            alive: alive.into(),
            port,
            node_type: NODE_TYPE_VISIBLE,
            protocol: 0,
            highest: 6,
            lowest: 5,
            extra: Vec::new(),
        }
    }

    /// Sets the node type to hidden or visible.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.node_type = if hidden { NODE_TYPE_HIDDEN } else { NODE_TYPE_VISIBLE };
        self
    }

    /// True when the name and the extra field keep epmd's limits.
    pub fn fits(&self) -> bool {
        name_fits(&self.alive) && self.extra.len() <= MAX_EXTRA_BYTES
    }
}

/// 1 to 255 code points without NUL; epmd does not look at the name any closer.
fn name_fits(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.chars().count() <= MAX_NAME_CHARS
        && !name.contains('\0')
}
