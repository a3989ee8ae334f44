//! A hostile world: what peers, strangers and broken networks may do, and what a node has to make of it.
//!
//! The node under abuse is a process of its own, the shim, driven by commands; this process plays the others, on raw
//! blocking sockets. `cases` generates what is sent, always the same; `score` runs it against our node, and, where they are
//! installed, against a BEAM, libei and jinterface. `make abuse` runs the long forms, `make score` writes docs/score.md.

mod cases;
mod counting;
mod crowd;
mod faults;
mod handshake;
mod memory;
mod proxy;
mod run;
mod score;
mod shim;
mod subjects;
#[path = "../interop/support/mod.rs"]
mod support;
mod talks;
mod wire;

/// Set by `make abuse`: the long forms.
const LONG: &str = "ERLNODE_ABUSE_LONG";

/// How often something is done: so often in every run, and so often in the long form.
fn long<T>(short: T, long: T) -> T {
    if std::env::var_os(LONG).is_some() {
        long
    } else {
        short
    }
}
