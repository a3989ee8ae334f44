//! A socket that ends for everybody when it is dropped.
//!
//! A child of a forking host program holds copies of our descriptors for as long as it lives; closing ours would then leave
//! the name registered, the port taken or the peer waiting. `shutdown` ends the connection itself, whoever holds it.

use socket2::SockRef;
use std::net::Shutdown;
use std::ops::{Deref, DerefMut};
use std::os::fd::AsFd;

/// Shuts the socket down when dropped, but not when it is the copy in a child that is dropped.
#[derive(Debug)]
pub(crate) struct HangUp<S: AsFd> {
    socket: S,
    process: u32,
}

impl<S: AsFd> HangUp<S> {
    /// Takes a socket that this process opened or accepted.
    pub(crate) fn new(socket: S) -> Self {
        HangUp { socket, process: std::process::id() }
    }
}

impl<S: AsFd> Deref for HangUp<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.socket
    }
}

impl<S: AsFd> DerefMut for HangUp<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.socket
    }
}

impl<S: AsFd> Drop for HangUp<S> {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // It fails when the peer was faster, which is just as well.
            let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
        }
    }
}
