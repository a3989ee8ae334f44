//! The distribution protocol as pure state machines: bytes in, bytes out, no clock, no socket.

pub mod control;
pub mod digest;
#[cfg(feature = "srv")]
pub mod dns;
pub mod epmd;
pub mod flags;
pub mod frame;
pub mod handshake;
pub mod header;
pub mod name;
