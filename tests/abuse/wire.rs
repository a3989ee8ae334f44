//! A peer by hand: the handshake in plain bytes, packets as they come, and what the other side makes of them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use erlnode::proto::digest::Cookie;
use erlnode::proto::flags::Flags;
use erlnode::proto::frame;
use erlnode::proto::header::{AssemblyLimits, HeaderMode, PacketReader, Received};

/// Distinct enough to be searched for in logs.
pub const COOKIE: &str = "qzJkCookieVw";
/// Offered in every handshake.
pub const FLAGS: Flags = Flags(Flags::HIDDEN_FULL.0 | Flags::DIST_HDR_ATOM_CACHE.0);
/// Our challenge, which is no secret here.
const CHALLENGE: u32 = 4711;

/// Where a node listens and what it is called.
#[derive(Debug, Clone)]
pub struct Door {
    pub port: u16,
    pub node: String,
    pub creation: u32,
}

/// What the other side did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message: the operation, and the payload without version byte.
    Message(u8, Vec<u8>),
    /// The connection ended.
    End,
    /// Nothing, until the time was over.
    Silence,
}

/// An established connection.
pub struct Wire {
    pub stream: TcpStream,
    buffer: BytesMut,
    reader: PacketReader,
    pub mode: HeaderMode,
}

pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
    stream.set_nodelay(true).unwrap();
    stream
}

/// `Len:16` and the body.
pub fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

/// Message 1, without its length: `'N' Flags:64 Creation:32 NLen:16 Name`.
pub fn hello(name: &str, flags: Flags, creation: u32) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend(flags.0.to_be_bytes());
    body.extend(creation.to_be_bytes());
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name.as_bytes());
    body
}

/// Message 3, without its length: `'N' Flags:64 Challenge:32 Creation:32 NLen:16 Name`.
pub fn challenge(name: &str, flags: Flags, challenge: u32, creation: u32) -> Vec<u8> {
    let mut body = vec![b'N'];
    body.extend(flags.0.to_be_bytes());
    body.extend(challenge.to_be_bytes());
    body.extend(creation.to_be_bytes());
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name.as_bytes());
    body
}

pub fn digest(cookie: &str, challenge: u32) -> [u8; 16] {
    Cookie::new(cookie, "the test").unwrap().digest(challenge)
}

/// Message 4, without its length.
pub fn reply(ours: u32, digest: &[u8]) -> Vec<u8> {
    [&b"r"[..], &ours.to_be_bytes(), digest].concat()
}

/// One message of the handshake; `None` at the end of the stream, or when nothing comes in time.
pub fn hear(stream: &mut TcpStream, patience: Duration) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

impl Wire {
    /// Calls the node as `name`. `None` if it does not let us in.
    pub fn call(door: &Door, name: &str, creation: u32, patience: Duration) -> Option<Wire> {
        Wire::call_with(door, name, creation, FLAGS, patience)
    }

    pub fn call_with(
        door: &Door,
        name: &str,
        creation: u32,
        flags: Flags,
        patience: Duration,
    ) -> Option<Wire> {
        let stream = TcpStream::connect(("127.0.0.1", door.port)).ok()?;
        stream.set_nodelay(true).unwrap();
        Wire::greet(stream, door, name, creation, flags, patience)
    }

    /// The handshake of a caller, on an open stream.
    pub fn greet(
        mut stream: TcpStream,
        door: &Door,
        name: &str,
        creation: u32,
        flags: Flags,
        patience: Duration,
    ) -> Option<Wire> {
        stream.write_all(&framed(&hello(name, flags, creation))).ok()?;
        let status = hear(&mut stream, patience)?;
        match &status[..] {
            b"salive" => stream.write_all(&framed(b"strue")).ok()?,
            b"sok" | b"sok_simultaneous" => {}
            _ => return None,
        }
        let theirs = hear(&mut stream, patience)?;
        let their_flags = Flags(u64::from_be_bytes(*theirs.get(1..)?.first_chunk()?));
        let their_challenge = u32::from_be_bytes(*theirs.get(9..)?.first_chunk()?);
        stream.write_all(&framed(&reply(CHALLENGE, &digest(COOKIE, their_challenge)))).ok()?;
        let ack = hear(&mut stream, patience)?;
        assert_eq!(ack[1..], digest(COOKIE, CHALLENGE), "the acknowledgement of {}", door.node);
        Some(Wire::established(stream, Flags::effective(flags, their_flags)))
    }

    /// Goes on after a handshake done elsewhere.
    pub fn established(stream: TcpStream, flags: Flags) -> Wire {
        let limits = AssemblyLimits::default();
        let reader = PacketReader::new(flags, limits);
        Wire { stream, buffer: BytesMut::new(), mode: reader.mode(), reader }
    }

    pub fn is_header_mode(&self) -> bool {
        self.mode == HeaderMode::Header
    }

    /// A control tuple and a payload, both encoded, in the mode of this connection.
    pub fn body(&self, control: &[u8], payload: Option<&[u8]>) -> Vec<u8> {
        let mut body = if self.is_header_mode() { b"\x83\x44\x00".to_vec() } else { b"\x70\x83".to_vec() };
        body.extend(control);
        if let Some(payload) = payload {
            if !self.is_header_mode() {
                body.push(131);
            }
            body.extend(payload);
        }
        body
    }

    pub fn send(&mut self, control: &[u8], payload: Option<&[u8]>) -> bool {
        let body = self.body(control, payload);
        self.packet(&body)
    }

    /// False when the other side has closed already.
    pub fn packet(&mut self, body: &[u8]) -> bool {
        self.bytes(&[&(body.len() as u32).to_be_bytes()[..], body].concat())
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn event(&self, message: &Bytes) -> Event {
        let op = *message.get(3).unwrap_or(&0);
        let atoms = self.reader.atoms();
        let payload = erlnode::term::validate(message, atoms)
            .and_then(|end| self.reader.payload(message, end))
            .and_then(|payload| erlnode::term::self_contained(&payload.unwrap_or_default(), atoms));
        Event::Message(op, payload.unwrap_or_default())
    }

    /// What happens next; ticks are passed over.
    pub fn next(&mut self, patience: Duration) -> Event {
        let deadline = Instant::now() + patience;
        loop {
            while let Ok(Some(packet)) = frame::split(&mut self.buffer, frame::MAX_PACKET) {
                match self.reader.read(packet) {
                    Ok(Received::Message(message)) => return self.event(&message),
                    Ok(_) => {}
                    // Some send what nobody may send.
                    Err(_) => return Event::Message(0, Vec::new()),
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Event::Silence;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut bytes = [0; 64 << 10];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Event::End,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => return Event::End,
            }
        }
    }
}
