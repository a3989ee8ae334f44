//! Sockets and timers under the protocol, on tokio.

pub(crate) mod dial;
pub mod discovery;
pub mod epmd;
pub mod epmd_server;
pub(crate) mod hang_up;
pub(crate) mod link;
pub(crate) mod listen;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls_absent.rs"]
pub mod tls;
pub(crate) mod transport;
