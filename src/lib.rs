//! erlnode: programs that are not BEAMs as full members of an Erlang/Elixir cluster.
//!
//! Modules stand in the order a byte travels; each may import only from those above it.

#[cfg(feature = "ei")]
pub mod ei;
pub mod error;
#[cfg(feature = "ffi")]
pub mod ffi;
#[cfg(feature = "node")]
pub mod net;
#[cfg(feature = "node")]
pub mod node;
pub mod proto;
#[cfg(feature = "node")]
pub mod service;
pub mod term;

pub use error::{Error, Result};
