//! Nodes of ours among themselves, over loopback: everything a process can do, without a BEAM.

mod links;
mod messages;
mod monitors;
mod spawning;
mod support;
