//! The libei drop-in: the functions of `include/ei.h`, and those that OTP's library exports beside it.
//!
//! A C node written for OTP's library relinks with this one and behaves the same. Blocking sockets, no threads,
//! no runtime; whatever a function needs to know lies in the caller's structs or in the table of descriptors.
//! `unsafe` lives here because every argument is a raw pointer; each block names the caller's promise.

#![allow(clippy::unnecessary_cast)] // C's `long` is 64 bits wide here, and not everywhere
#![allow(non_upper_case_globals, non_snake_case)]
#![allow(clippy::missing_safety_doc, clippy::precedence, clippy::too_many_arguments)]

pub mod abi;
pub mod big;
mod bounds;
pub mod compare;
pub mod connect;
mod control;
pub mod decode;
pub mod encode;
pub mod epmd;
pub mod errno;
pub mod format;
pub mod global;
mod handshake;
pub mod lock;
pub mod md5;
pub mod node;
pub mod print;
pub mod receive;
pub mod resolve;
pub mod rpc;
pub mod send;
pub mod show;
pub mod socket;
pub mod table;
pub mod trace;
mod wire;
pub mod xbuff;
