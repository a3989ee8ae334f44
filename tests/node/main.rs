//! Nodes of ours among themselves, over loopback: everything a process can do, without a BEAM.

mod atoms;
mod calls;
mod discovery;
mod groups;
mod hostile;
mod links;
mod messages;
mod monitors;
mod peer;
mod pubsub;
mod refusals;
mod servers;
mod services;
mod spawning;
mod support;
mod tasks;
