//! The messages of the handshake: their bytes, and nothing about their order.

use super::Framing;
use crate::proto::digest::DIGEST_LEN;
use crate::proto::flags::Flags;
use crate::proto::name::NodeName;

/// Message 1, or its ancestor of version 5.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Announce<'a> {
    pub flags: Flags,
    pub creation: u32,
    pub name: &'a [u8],
    /// Version 5: creation and the upper flags follow later in [`Complement`].
    pub old: bool,
}

/// Message 3.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    pub flags: Flags,
    pub challenge: u32,
    pub creation: u32,
    pub name: &'a [u8],
}

/// Message 3b.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complement {
    pub flags_high: u32,
    pub creation: u32,
}

/// Message 4.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub challenge: u32,
    pub digest: [u8; DIGEST_LEN],
}

/// Message 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Status<'a> {
    Ok,
    OkSimultaneous,
    Nok,
    NotAllowed,
    Alive,
    Named { name: &'a [u8], creation: u32 },
    Other(&'a [u8]),
}

/// Takes fixed-size pieces off the front; `None` when they are not there.
struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn tag(&mut self) -> Option<u8> {
        self.array::<1>().map(|[tag]| tag)
    }

    fn name(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.bytes(usize::from(length))
    }
}

/// The version of the protocol that [`Announce::old`] began with; a caller may name a later one in the same form.
const OLD_VERSION: u16 = 5;

/// `'N' Flags:64 Creation:32 NLen:16 Name` (more may follow) or `'n' Version:16 Flags:32 Name`, versions 5 and later.
pub(crate) fn parse_announce(body: &[u8]) -> Option<Announce<'_>> {
    let mut cut = Cut(body);
    match cut.tag()? {
        b'N' => {
            let (flags, creation, name) = (Flags(cut.u64()?), cut.u32()?, cut.name()?);
            Some(Announce { flags, creation, name, old: false })
        }
        b'n' if cut.u16()? >= OLD_VERSION => {
            let flags = Flags(cut.u32()?.into());
            Some(Announce { flags, creation: 0, name: cut.0, old: true })
        }
        _ => None,
    }
}

/// `'N' Flags:64 Challenge:32 Creation:32 NLen:16 Name`; more may follow.
pub(crate) fn parse_challenge(body: &[u8]) -> Option<Challenge<'_>> {
    let mut cut = Cut(body);
    if cut.tag()? != b'N' {
        return None; // 'n' is the challenge of nodes before OTP 23
    }
    let (flags, challenge, creation) = (Flags(cut.u64()?), cut.u32()?, cut.u32()?);
    Some(Challenge { flags, challenge, creation, name: cut.name()? })
}

/// `'c' FlagsHigh:32 Creation:32`.
pub(crate) fn parse_complement(body: &[u8]) -> Option<Complement> {
    let mut cut = Cut(body);
    (cut.tag()? == b'c').then_some(())?;
    let complement = Complement { flags_high: cut.u32()?, creation: cut.u32()? };
    cut.0.is_empty().then_some(complement)
}

/// `'r' Challenge:32 Digest:16/bytes`.
pub(crate) fn parse_reply(body: &[u8]) -> Option<Reply> {
    let mut cut = Cut(body);
    (cut.tag()? == b'r').then_some(())?;
    let reply = Reply { challenge: cut.u32()?, digest: cut.array()? };
    cut.0.is_empty().then_some(reply)
}

/// `'a' Digest:16/bytes`.
pub(crate) fn parse_ack(body: &[u8]) -> Option<[u8; DIGEST_LEN]> {
    let mut cut = Cut(body);
    (cut.tag()? == b'a').then_some(())?;
    let digest = cut.array()?;
    cut.0.is_empty().then_some(digest)
}

/// `'s' Status`.
pub(crate) fn parse_status(body: &[u8]) -> Option<Status<'_>> {
    let mut cut = Cut(body);
    (cut.tag()? == b's').then_some(())?;
    Some(match cut.0 {
        b"ok" => Status::Ok,
        b"ok_simultaneous" => Status::OkSimultaneous,
        b"nok" => Status::Nok,
        b"not_allowed" => Status::NotAllowed,
        b"alive" => Status::Alive,
        other => parse_named(other).unwrap_or(Status::Other(other)),
    })
}

/// `"named:" NLen:16 Name Creation:32`.
fn parse_named(text: &[u8]) -> Option<Status<'_>> {
    let mut cut = Cut(text.strip_prefix(b"named:")?);
    Some(Status::Named { name: cut.name()?, creation: cut.u32()? })
}

/// Puts the length before a message.
pub(crate) fn frame(framing: Framing, out: &mut Vec<u8>, body: &[u8]) {
    // Bodies are built here from checked names: they stay far below 65,536 bytes.
    match framing {
        Framing::Two => out.extend_from_slice(&(body.len() as u16).to_be_bytes()),
        Framing::Four => out.extend_from_slice(&(body.len() as u32).to_be_bytes()),
    }
    out.extend_from_slice(body);
}

fn push_name(body: &mut Vec<u8>, name: &[u8]) {
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name);
}

/// Message 1. `name` is Latin-1.
pub(crate) fn announce(flags: Flags, creation: u32, name: &[u8]) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend_from_slice(&flags.0.to_be_bytes());
    body.extend_from_slice(&creation.to_be_bytes());
    push_name(&mut body, name);
    body
}

/// Message 2 and 2b.
pub(crate) fn status(text: &str) -> Vec<u8> {
    let mut body = vec![b's'];
    body.extend_from_slice(text.as_bytes());
    body
}

/// Message 2 for a node that asked for a name. The only place where a name is UTF-8.
pub(crate) fn named(name: &NodeName, creation: u32) -> Vec<u8> {
    let mut body = status("named:");
    push_name(&mut body, name.as_str().as_bytes());
    body.extend_from_slice(&creation.to_be_bytes());
    body
}

/// Message 3.
pub(crate) fn challenge(flags: Flags, challenge: u32, creation: u32, name: &NodeName) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend_from_slice(&flags.0.to_be_bytes());
    body.extend_from_slice(&challenge.to_be_bytes());
    body.extend_from_slice(&creation.to_be_bytes());
    push_name(&mut body, &name.to_latin1());
    body
}

/// Message 4.
pub(crate) fn reply(challenge: u32, digest: &[u8; DIGEST_LEN]) -> Vec<u8> {
    let mut body = vec![b'r'];
    body.extend_from_slice(&challenge.to_be_bytes());
    body.extend_from_slice(digest);
    body
}

/// Message 5.
pub(crate) fn ack(digest: &[u8; DIGEST_LEN]) -> Vec<u8> {
    let mut body = vec![b'a'];
    body.extend_from_slice(digest);
    body
}
