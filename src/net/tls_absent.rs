//! What takes the place of `net::tls` in a build without the feature `tls`: the same names, and nothing can be made of them.

use std::io;
use std::path::Path;

use bytes::BytesMut;

use crate::error::{Error, Result};

fn absent<T>() -> Result<T> {
    Err(Error::Unsupported("this build cannot do TLS: the feature `tls` was left out".into()))
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

/// Which certificates have to be cleared by a revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum CrlCheck {
    Chain,
    Peer,
    BestEffort,
}

/// Distribution over TLS, which this build cannot do.
#[derive(Debug, Clone)]
pub enum Tls {}

#[allow(missing_docs)]
impl Tls {
    pub fn from_optfile(_: impl AsRef<Path>) -> Result<Tls> {
        absent()
    }

    pub fn from_files(_: impl AsRef<Path>, _: impl AsRef<Path>, _: impl AsRef<Path>) -> Result<Tls> {
        absent()
    }

    pub fn from_pem(_: &[u8], _: &[u8], _: &[u8]) -> Result<Tls> {
        absent()
    }

    pub fn versions(self, _: &[TlsVersion]) -> Tls {
        match self {}
    }

    pub fn check_callers(self, _: bool) -> Tls {
        match self {}
    }

    pub fn crl_file(self, _: impl AsRef<Path>, _: CrlCheck) -> Tls {
        match self {}
    }

    pub fn crl_pem(self, _: &[u8], _: CrlCheck) -> Tls {
        match self {}
    }

    pub fn danger_anonymous_callers(self) -> Tls {
        match self {}
    }

    pub fn danger_no_verify(self) -> Tls {
        match self {}
    }
}

pub(crate) enum Credentials {}

impl Credentials {
    pub(crate) fn load(options: Tls) -> Result<Credentials> {
        match options {}
    }

    pub(crate) fn reload(&self) -> Result<()> {
        match *self {}
    }

    pub(crate) fn call(&self, _: &str) -> Result<Session> {
        match *self {}
    }

    pub(crate) fn answer(&self) -> Result<Session> {
        match *self {}
    }

    pub(crate) fn admits(&self, _: &Session, _: &str, _: bool) -> bool {
        match *self {}
    }
}

#[allow(dead_code)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Handshake,
    Open,
    Ended,
}

#[derive(Debug)]
pub(crate) enum Session {}

impl Session {
    pub(crate) fn try_send(&self, _: &[u8], _: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn flush(&self, _: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn say_goodbye(&self, _: impl FnMut(&[u8]) -> io::Result<usize>) {
        match *self {}
    }

    pub(crate) fn has_words(&self) -> bool {
        match *self {}
    }

    pub(crate) fn describe(&self) -> String {
        match *self {}
    }
}

#[derive(Debug, Default)]
pub(crate) struct Cipher(BytesMut);

impl Cipher {
    pub(crate) fn room(&mut self, _: usize) -> io::Result<&mut BytesMut> {
        Ok(&mut self.0)
    }

    pub(crate) fn decrypt(&mut self, session: &Session, _: &mut BytesMut) -> io::Result<Stage> {
        match *session {}
    }

    pub(crate) fn keep(&mut self, _: BytesMut) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Calling,
    Called,
}

pub(crate) fn explain(_: &io::Error, _: Direction) -> Option<String> {
    None
}
