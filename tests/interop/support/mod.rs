//! The workshop of the live tests: private epmds, real BEAMs, real `iex` sessions, example programs.
//! Everything a test starts is bound to loopback, has names and ports of its own, and ends with the test.
//! Nothing here sleeps: readiness and results are events in what a process prints.

#![allow(dead_code, unused_imports)] // a tool that no test takes today stays on its hook

mod beam;
mod cluster;
mod epmd;
mod example;
mod iex;
mod network;
pub mod ours;
mod process;
pub mod runtime;

pub use beam::Beam;
pub use cluster::Cluster;
pub use example::Example;
pub use iex::Iex;
pub use network::{Network, Way};
pub use process::{Process, Signal};
pub use runtime::root as tree;

use std::time::Duration;

/// How long any single event may take. Generous: it only ends tests that would wait for ever on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
