//! Sockets and timers under the protocol.

pub mod epmd;
pub mod epmd_server;
