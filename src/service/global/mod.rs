//! `global`: names, locks and the mesh that all visible nodes of a cluster share (protocol sections 9.3 to 9.8).
//!
//! [`machine`] decides and does nothing; [`driver`] is the process `global_name_server` that feeds it and carries out what
//! it wants; [`resolve`] settles conflicts of names; [`names_api`] and [`locks_api`] are what programs call. A hidden node
//! is no member: it asks a connected member by rpc ([`client`]), as C nodes do.

mod attempt;
mod calls;
mod checks;
mod client;
mod connect;
mod driver;
mod flaps;
#[cfg(test)]
mod healing;
mod locker;
mod locks;
mod locks_api;
mod machine;
mod names;
mod names_api;
mod partition;
mod registrar;
mod repair;
mod resolve;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod wire;

pub use locks_api::GlobalLock;
pub use resolve::Resolve;

pub(crate) use driver::{start, Service};
pub(crate) use names_api::table;
pub(crate) use resolve::builtin;
