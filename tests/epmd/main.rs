//! epmd, both sides: our client and our server, against each other, raw sockets, the stock tools and BEAMs.
//!
//! Everything stays on loopback and on ports from 14001 upwards, so that the epmd of the machine is never touched.
#![cfg(feature = "node")]

mod beam;
mod client;
mod limits;
mod random;
mod registration;
mod server;
mod support;
