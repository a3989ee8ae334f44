//! The handshake over a blocking channel, both roles: the messages of `proto::handshake`, the rules of libei.
//!
//! The state machines of `proto` are stricter than this library may be: they want to know the other's name before
//! calling, while `ei_xconnect` knows an address and half a name. Reads take exactly one message, so that the packets behind
//! the last one stay in the socket.

use super::abi::{ei_cnode, EI_MAXALIVELEN, MAXNODELEN};
use super::node::{adopt_name, put_text, text};
use super::socket::{Channel, Deadline, Errno, Piece};
use super::trace::{say, CONN, ERR};
use crate::proto::digest::Cookie;
use crate::proto::flags::Flags;
use crate::proto::handshake::messages::{self, Status};
use crate::proto::handshake::{Framing, MAX_MESSAGE};
use std::ffi::CStr;

const NAME: &CStr = c"ei_handshake";

/// What this library can take: pass-through packets with links, monitors and messages. Nothing that comes in
/// fragments, behind an atom cache, or wants a process to be made.
const OURS: Flags = Flags(
    Flags::MANDATORY_26.0
        | Flags::MANDATORY_25_DIGEST.0
        | Flags::DIST_MONITOR.0
        | Flags::DIST_MONITOR_NAME.0
        | Flags::SMALL_ATOM_TAGS.0,
);

/// One message at a time.
struct Talk {
    channel: Channel,
    framing: Framing,
    deadline: Deadline,
}

impl Talk {
    fn new(channel: Channel, deadline: Deadline) -> Result<Self, Errno> {
        let mut size = 0;
        // SAFETY: a cnode's callbacks live as long as its connections.
        let Some(header_size) = (unsafe { (*channel.cbs).handshake_packet_header_size }) else {
            return Err(libc::ENOTSUP);
        };
        // SAFETY: the callback with its own context.
        match unsafe { header_size(channel.ctx, &mut size) } {
            0 => {}
            error => return Err(error),
        }
        let framing = match size {
            2 => Framing::Two,
            4 => Framing::Four,
            _ => return Err(libc::EIO),
        };
        Ok(Self { channel, framing, deadline })
    }

    fn send(&self, body: &[u8]) -> Result<(), Errno> {
        let mut packet = Vec::with_capacity(body.len() + 4);
        messages::frame(self.framing, &mut packet, body);
        let piece = Piece::new(packet.as_ptr(), packet.len());
        // SAFETY: the packet outlives the call.
        unsafe { self.channel.write([piece, Piece::EMPTY], self.deadline) }
    }

    fn read(&self, bytes: &mut [u8]) -> Result<(), Errno> {
        // SAFETY: the slice is writable. A handshake waits on descriptors of either kind.
        let got = unsafe { self.channel.read(bytes.as_mut_ptr(), bytes.len(), self.deadline, true)? };
        if got == bytes.len() {
            Ok(())
        } else {
            Err(libc::EIO)
        }
    }

    fn receive(&self) -> Result<Vec<u8>, Errno> {
        let mut len = [0; 4];
        match self.framing {
            Framing::Two => self.read(&mut len[2..])?,
            Framing::Four => self.read(&mut len)?,
        }
        let len = u32::from_be_bytes(len) as usize;
        if len > MAX_MESSAGE {
            say(ERR, NAME, || format!("a message of {len} bytes is none of a handshake"));
            return Err(libc::EIO);
        }
        let mut body = vec![0; len];
        self.read(&mut body)?;
        Ok(body)
    }
}

fn garbage(what: &'static str) -> Errno {
    say(ERR, NAME, || what.to_owned());
    libc::EIO
}

fn cookie(ec: *const ei_cnode) -> Result<Cookie, Errno> {
    // SAFETY: the program's node is valid during the call.
    let bytes = unsafe { text(&raw const (*ec).ei_connect_cookie) };
    Cookie::from_latin1(bytes, "ei_cnode").map_err(|_| libc::EINVAL)
}

fn challenge() -> Result<u32, Errno> {
    getrandom::u32().map_err(|_| libc::EIO)
}

fn able(flags: Flags) -> Result<(), Errno> {
    if flags.missing_mandatory().is_empty() {
        Ok(())
    } else {
        Err(garbage("the peer lacks what every node must be able to do"))
    }
}

/// Calls. A node without a name adopts the one it is given.
///
/// # Safety
/// `ec` is valid.
pub unsafe fn initiate(channel: Channel, ec: *mut ei_cnode, deadline: Deadline) -> Result<(), Errno> {
    let talk = Talk::new(channel, deadline)?;
    // SAFETY: the caller's promise.
    let (name, host, creation) = unsafe {
        let name = text(&raw const (*ec).thisnodename);
        (name, text(&raw const (*ec).thishostname), (*ec).creation)
    };
    let dynamic = name.is_empty();
    let (name, flags) = if dynamic { (host, OURS.with(Flags::NAME_ME)) } else { (name, OURS) };
    talk.send(&messages::announce(flags, creation, name))?;

    let body = talk.receive()?;
    match messages::parse_status(&body) {
        Some(Status::Named { name, creation }) if dynamic => {
            // SAFETY: the caller's promise.
            unsafe { be_named(ec, name, creation)? };
        }
        // As ever, whatever begins like that.
        Some(_) if !dynamic && body.starts_with(b"sok") => {}
        // This attempt is the one that the program wants, whatever the peer remembers of an older one.
        Some(Status::Alive) if !dynamic => talk.send(&messages::status("true"))?,
        _ => return Err(garbage("the peer does not let us in")),
    }

    let body = talk.receive()?;
    let theirs = messages::parse_challenge(&body).ok_or_else(|| garbage("this is no challenge"))?;
    if theirs.name.len() > MAXNODELEN {
        return Err(garbage("the peer's name is too long"));
    }
    able(theirs.flags)?;
    let ours = challenge()?;
    if ours == theirs.challenge {
        return Err(garbage("the peer repeats our challenge"));
    }
    let cookie = cookie(ec)?;
    talk.send(&messages::reply(ours, &cookie.digest(theirs.challenge)))?;

    let body = talk.receive()?;
    match messages::parse_ack(&body) {
        Some(digest) if cookie.verify(ours, &digest) => {
            say(CONN, NAME, || "connected".to_owned());
            Ok(())
        }
        _ => Err(garbage("the peer has another cookie")),
    }
}

/// The name and creation that the peer gave us.
unsafe fn be_named(ec: *mut ei_cnode, name: &[u8], creation: u32) -> Result<(), Errno> {
    let at = name.iter().position(|&b| b == b'@');
    let Some(at) = at.filter(|&at| at <= EI_MAXALIVELEN && name.len() <= MAXNODELEN) else {
        return Err(garbage("the name that the peer gave us is none"));
    };
    // SAFETY: the caller's node is writable.
    unsafe {
        (*ec).creation = creation;
        put_text(&raw mut (*ec).thisalivename, &name[..at]);
        adopt_name(ec, name);
    }
    Ok(())
}

/// Message 3: `'N' Flags:64 Challenge:32 Creation:32 NLen:16 Name`. Names of C nodes are whatever the program says.
fn challenge_message(challenge: u32, creation: u32, name: &[u8]) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend_from_slice(&OURS.0.to_be_bytes());
    body.extend_from_slice(&challenge.to_be_bytes());
    body.extend_from_slice(&creation.to_be_bytes());
    body.extend_from_slice(&(name.len() as u16).to_be_bytes());
    body.extend_from_slice(name);
    body
}

/// Is called. `announced` is told the caller's name as soon as it is known.
///
/// # Safety
/// `ec` is valid.
pub unsafe fn accept(
    channel: Channel,
    ec: *const ei_cnode,
    deadline: Deadline,
    announced: impl FnOnce(&[u8]),
) -> Result<(), Errno> {
    let talk = Talk::new(channel, deadline)?;
    let body = talk.receive()?;
    let caller = messages::parse_announce(&body).ok_or_else(|| garbage("this is no announcement"))?;
    able(caller.flags)?;
    if caller.name.len() > MAXNODELEN {
        return Err(garbage("the caller's name is too long"));
    }
    announced(caller.name);
    // SAFETY: the caller's promise.
    let (name, creation) = unsafe { (text(&raw const (*ec).thisnodename), (*ec).creation) };
    let cookie = cookie(ec)?;
    let ours = challenge()?;
    talk.send(&messages::status("ok"))?;
    talk.send(&challenge_message(ours, creation, name))?;

    let mut body = talk.receive()?;
    if caller.old {
        // The other half of an old announcement; we do nothing with it but want it there.
        messages::parse_complement(&body).ok_or_else(|| garbage("this is no complement"))?;
        body = talk.receive()?;
    }
    let reply = messages::parse_reply(&body).ok_or_else(|| garbage("this is no reply"))?;
    if reply.challenge == ours || !cookie.verify(ours, &reply.digest) {
        return Err(garbage("the caller has another cookie"));
    }
    talk.send(&messages::ack(&cookie.digest(reply.challenge)))?;
    say(CONN, NAME, || "accepted".to_owned());
    Ok(())
}
