//! A peer written by hand: it shakes hands as a node does, and then sends what the test wants, proper or not.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use erlnode::proto::control::{Control, Names};
use erlnode::proto::digest::Cookie;
use erlnode::proto::flags::Flags;
use erlnode::proto::frame;
use erlnode::proto::handshake::{Framing, Initiator, InitiatorParams, OurName, Step};
use erlnode::proto::header::{AssemblyLimits, PacketReader, PacketWriter, Received};
use erlnode::proto::name::NodeName;
use erlnode::term::{Atom, Pid, Reference};
use erlnode::Node;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub const NAME: &str = "raw@localhost";
pub const CREATION: u32 = 77;

/// See the module.
pub struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
    reader: PacketReader,
    writer: PacketWriter,
    names: Names,
    ours: Atom,
}

impl Peer {
    /// Calls `node` as `raw@localhost` with these flags.
    pub fn call(node: &Node, flags: Flags) -> Peer {
        Peer::call_as(node, flags, NAME, CREATION)
    }

    pub fn call_as(node: &Node, flags: Flags, name: &str, creation: u32) -> Peer {
        let mut stream = TcpStream::connect(("127.0.0.1", node.port().unwrap())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut machine = Initiator::new(InitiatorParams {
            ours: OurName::Node { name: NodeName::new(name).unwrap(), creation },
            flags,
            peer: NodeName::new(node.name().as_str()).unwrap(),
            cookie: Cookie::new("secret", "the test").unwrap(),
            challenge: 4711,
            framing: Framing::Two,
        });
        let mut bytes = [0; 512];
        let established = loop {
            match machine.next_step().unwrap() {
                Step::Send(message) => stream.write_all(&message).unwrap(),
                Step::NeedMore => {
                    let count = stream.read(&mut bytes).unwrap();
                    assert!(count > 0, "closed in the handshake: {:?}", machine.eof());
                    machine.feed(&bytes[..count]);
                }
                Step::Alive => machine.answer_alive(true),
                Step::Done(established) => break established,
                Step::Ask(_) | Step::KillOld => unreachable!("we are the caller"),
            }
        };
        Peer {
            stream,
            buffer: established.leftover,
            reader: PacketReader::new(established.flags, AssemblyLimits::default()),
            writer: PacketWriter::new(established.flags),
            names: Names { ours: Atom::new(name).unwrap(), peer: node.name() },
            ours: Atom::new(name).unwrap(),
        }
    }

    /// A pid of this peer.
    pub fn pid(&self, id: u32) -> Pid {
        Pid { node: self.ours.clone(), id, serial: 0, creation: CREATION }
    }

    /// A reference of this peer.
    pub fn reference(&self, number: u32) -> Reference {
        Reference::new(self.ours.clone(), CREATION, &[number, 2, 3]).unwrap()
    }

    pub fn send(&mut self, control: &Control, payload: Option<&[u8]>) {
        let mut out = Vec::new();
        self.writer.message(&mut out, control, payload).unwrap();
        self.stream.write_all(&out).unwrap();
    }

    /// Sends a control tuple with whatever is to follow it, unchecked.
    pub fn send_unchecked(&mut self, control: &Control, payload: &[u8]) {
        let mut packet = b"\x83\x44\x00".to_vec();
        control.encode_to(&mut packet);
        packet.extend_from_slice(payload);
        self.send_packet(&packet);
    }

    /// Sends one packet as it is; only its length is put before it.
    pub fn send_packet(&mut self, packet: &[u8]) {
        let mut out = (packet.len() as u32).to_be_bytes().to_vec();
        out.extend_from_slice(packet);
        // The node may have closed already, for an earlier packet.
        let _ = self.stream.write_all(&out);
    }

    /// The next message; ticks are passed over. `None` when the node has closed the connection.
    pub fn next(&mut self) -> Option<(Control, Option<Bytes>)> {
        loop {
            while let Some(packet) = frame::split(&mut self.buffer, frame::DEFAULT_CAP).unwrap() {
                let Received::Message(message) = self.reader.read(packet).unwrap() else { continue };
                let (control, length) = Control::decode(&message, self.reader.atoms(), &self.names).unwrap();
                let payload = self.reader.payload(&message, length).unwrap();
                let payload = payload.map(|payload| {
                    erlnode::term::self_contained(&payload, self.reader.atoms()).map(Bytes::from).unwrap()
                });
                return Some((control, payload));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the node neither answers nor closes: {error}"),
            }
        }
    }

    /// Returns when something has arrived, and leaves it there.
    pub fn wait_for_bytes(&self) {
        self.stream.peek(&mut [0]).unwrap();
    }

    /// The next message, which must come.
    pub fn expect(&mut self) -> (Control, Option<Bytes>) {
        self.next().expect("the node closed the connection")
    }

    /// Waits for the end of the connection and says how long it took.
    pub fn closed(mut self) -> Duration {
        let began = Instant::now();
        while self.next().is_some() {}
        began.elapsed()
    }
}
