//! Live tests: nodes of ours and real BEAMs. They need Erlang and Elixir (`make test` leaves them out loudly where
//! there is none, and `ERLNODE_OTP_ROOT` chooses another release), and each has a private epmd port.

mod calling;
#[path = "../tls/certificates.rs"]
mod certificates;
mod comparisons;
mod connect;
mod connections;
mod discovery;
mod examples;
mod global;
mod groups;
mod kv;
mod leaders;
mod links;
mod mesh;
mod messages;
mod monitors;
mod partitions;
mod processes;
mod pubsub;
mod python;
mod readme;
mod scenarios;
mod spawning;
mod streams;
mod support;
mod tasks;
mod tls;
mod trouble;
mod workshop;
