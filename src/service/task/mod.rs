//! Elixir's distributed tasks (protocol section 13): the supervisor that peers ask, and tasks of ours under theirs.
//!
//! A task that a peer starts here runs an exported function: it arrives as a request in the mailbox that exported it, as
//! calls and spawns do, and its reply becomes the task's result.

mod child;
mod client;
mod supervisor;

pub use client::{Restart, Task, TaskEnd, TaskOptions};
pub use supervisor::SupervisorOptions;
