//! The libei drop-in: the functions of `include/ei.h`, and those that OTP's library exports beside it.
//!
//! A C node written for OTP's library relinks with this one and behaves the same. Blocking sockets, no threads,
//! no runtime; whatever a function needs to know lies in the caller's structs or in the table of descriptors.
//! `unsafe` lives here because every argument is a raw pointer; each block names the caller's promise.
#![allow(non_upper_case_globals, non_snake_case)]
#![allow(clippy::missing_safety_doc, clippy::precedence)]

pub mod abi;
pub mod big;
pub mod compare;
pub mod decode;
pub mod encode;
pub mod errno;
pub mod format;
pub mod lock;
pub mod md5;
pub mod print;
mod wire;
pub mod xbuff;
