//! erlnode: programs that are not BEAMs as full members of an Erlang/Elixir cluster.
//!
//! The modules stand in the order a byte travels; each may import only from those above it.

pub mod error;
#[cfg(feature = "node")]
pub mod log;

// Pure: bytes in, bytes out.
pub mod term;

pub mod proto;

// Sockets and threads.
#[cfg(feature = "node")]
mod sync;

#[cfg(feature = "node")]
pub mod runtime;

#[cfg(feature = "node")]
pub mod net;

#[cfg(feature = "node")]
pub mod node;

#[cfg(feature = "node")]
pub mod service;

// The two C faces.
#[cfg(feature = "ffi")]
pub mod ffi;

#[cfg(feature = "ei")]
pub mod ei;

pub use error::{Error, Result};
#[cfg(feature = "node")]
pub use net::tls::{CrlCheck, Tls, TlsVersion};
#[cfg(feature = "node")]
pub use node::{
    config::AutoConnect, config::Config, config::Names, config::Overlap, events::MonitorNodes,
    events::NodeType, mailbox::Mailbox, mailbox::MailboxOptions, message::Message, message::MessageKind,
    send::Target, Node, NodeFilter,
};
#[cfg(feature = "node")]
pub use service::{
    global::GlobalLock, global::Resolve, pg::Pg, pubsub::PubSub, server::GenServer, task::Task,
};
#[cfg(feature = "node")]
pub use {net::discovery, node::discovery::Discovery};
