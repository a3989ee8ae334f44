//! Heartbeats over UDP multicast or broadcast, as the gossip of libcluster (protocol section 17).
//!
//! A heartbeat is `heartbeat::` and the term `#{node => Name}` in the external format; with a secret that is encrypted by
//! AES-256-CBC under its SHA-256, after a random initialisation vector. Nobody signs it, so a name heard is a rumour: it is
//! worth a call, and the handshake decides.
//! What cannot be read is dropped, and reported once.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit};
use sha2::{Digest, Sha256};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::log;
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::net::link::random_between;
use crate::proto::name::NodeName;
use crate::term::{Reader, Writer};

/// libcluster's group and port.
const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(233, 252, 1, 32), 45892);
/// What a heartbeat begins with.
const PRELUDE: &[u8] = b"heartbeat::";
/// A heartbeat is sent after up to this time, as libcluster does.
const BEAT: Duration = Duration::from_secs(5);
/// A node not heard for so long has gone: ten heartbeats on average.
const SILENCE: Duration = Duration::from_secs(30);
/// A heartbeat with the longest name, encrypted, has less than 1100 bytes.
const MAX_PACKET: usize = 1500;
/// Packets looked at per second; beyond, the kernel may drop them.
const MAX_PACKETS_PER_SECOND: u32 = 1000;
const IV_BYTES: usize = 16;

/// Hears, and if wanted sends, heartbeats.
#[derive(Debug)]
pub struct Gossip {
    group: SocketAddrV4,
    interface: Ipv4Addr,
    ttl: u32,
    announce: bool,
    key: Option<Key>,
    socket: Option<UdpSocket>,
    heard: HashMap<NodeName, Instant>,
    next_beat: Option<Instant>,
    complained: bool,
    /// The second that packets are counted in, and how many there were.
    window: Option<(Instant, u32)>,
}

/// The key that a secret gives. Never shown.
struct Key(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Default for Gossip {
    fn default() -> Self {
        Gossip::new()
    }
}

impl Gossip {
    /// Gossip as libcluster does by default: multicast to 233.252.1.32:45892 with TTL 1, in the clear. It only listens
    /// until [`announce`](Self::announce) is set.
    pub fn new() -> Gossip {
        Gossip {
            group: GROUP,
            interface: Ipv4Addr::UNSPECIFIED,
            ttl: 1,
            announce: false,
            key: None,
            socket: None,
            heard: HashMap::new(),
            next_beat: None,
            complained: false,
            window: None,
        }
    }

    /// The multicast group, or a broadcast address, and the port. (libcluster before 3.4 used 230.1.1.251.)
    pub fn group(mut self, group: SocketAddrV4) -> Gossip {
        self.group = group;
        self
    }

    /// The local address whose network it uses; the system chooses unless set.
    pub fn interface(mut self, interface: Ipv4Addr) -> Gossip {
        self.interface = interface;
        self
    }

    /// How many routers a heartbeat may pass; 1, the local network, unless set.
    pub fn ttl(mut self, ttl: u32) -> Gossip {
        self.ttl = ttl;
        self
    }

    /// The secret that all share.
    pub fn secret(mut self, secret: &str) -> Gossip {
        self.key = Some(Key(Zeroizing::new(Sha256::digest(secret.as_bytes()).into())));
        self
    }

    /// Whether to send heartbeats, so that others call this node; false unless set.
    pub fn announce(mut self, announce: bool) -> Gossip {
        self.announce = announce;
        self
    }

    fn open(&self) -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // Several nodes of a host hear the same group.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, self.group.port()).into())?;
        if self.group.ip().is_multicast() {
            socket.join_multicast_v4(self.group.ip(), &self.interface)?;
            socket.set_multicast_if_v4(&self.interface)?;
            socket.set_multicast_ttl_v4(self.ttl)?;
            socket.set_multicast_loop_v4(true)?;
        } else {
            socket.set_broadcast(true)?;
        }
        UdpSocket::from_std(socket.into())
    }

    /// Listens until there is something new to tell.
    async fn listen(&mut self, asker: &Asker) -> Result<Vec<NodeName>> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let step = format!("cannot listen for gossip on {}", self.group);
                self.open().map_err(|error| Error::io(step, &error))?
            }
        };
        let outcome = self.listen_on(&socket, asker).await;
        // Dropped after a failure, and opened again.
        self.socket = outcome.is_ok().then_some(socket);
        outcome
    }

    async fn listen_on(&mut self, socket: &UdpSocket, asker: &Asker) -> Result<Vec<NodeName>> {
        let mut packet = [0; MAX_PACKET + 1];
        loop {
            let beat = *self.next_beat.get_or_insert_with(Instant::now);
            tokio::select! {
                received = socket.recv_from(&mut packet) => {
                    let (size, from) = received.map_err(|error| Error::io("cannot receive gossip", &error))?;
                    self.slow_down().await;
                    match self.read(&packet[..size]) {
                        Some(name) if asker.name.as_ref() == Some(&name) => {}
                        Some(name) => {
                            if self.note(name) {
                                return Ok(self.names());
                            }
                        }
                        None => self.complain(&from.ip().to_string()),
                    }
                }
                () = tokio::time::sleep_until(beat) => {
                    self.next_beat = Some(Instant::now() + BEAT.mul_f64(random_between(0.0, 1.0)));
                    if let (true, Some(name)) = (self.announce && asker.listens, &asker.name) {
                        let heartbeat = self.write(name)?;
                        if let Err(error) = socket.send_to(&heartbeat, self.group).await {
                            return Err(Error::io(format!("cannot send gossip to {}", self.group), &error));
                        }
                    }
                    let known = self.heard.len();
                    self.heard.retain(|_, heard| heard.elapsed() < SILENCE);
                    if self.heard.len() != known {
                        return Ok(self.names());
                    }
                }
            }
        }
    }

    fn names(&self) -> Vec<NodeName> {
        self.heard.keys().cloned().collect()
    }

    /// Notes that a node lives; true if that is news.
    fn note(&mut self, name: NodeName) -> bool {
        if self.heard.len() >= MAX_NAMES && !self.heard.contains_key(&name) {
            return false;
        }
        self.heard.insert(name, Instant::now()).is_none()
    }

    /// Waits for the next second when this one brought too much.
    async fn slow_down(&mut self) {
        let now = Instant::now();
        match &mut self.window {
            Some((began, count)) if now < *began + Duration::from_secs(1) => {
                *count += 1;
                if *count > MAX_PACKETS_PER_SECOND {
                    tokio::time::sleep_until(*began + Duration::from_secs(1)).await;
                }
            }
            window => *window = Some((now, 1)),
        }
    }

    fn complain(&mut self, from: &str) {
        if !std::mem::replace(&mut self.complained, true) {
            let why = match self.key {
                Some(_) => "it is no heartbeat under our secret",
                None => "it is no heartbeat (perhaps one with a secret)",
            };
            log::warn(format_args!(
                "gossip from {from} cannot be read: {why}; that is ignored, and not reported again"
            ));
        }
    }

    /// The node that a packet speaks of.
    fn read(&self, packet: &[u8]) -> Option<NodeName> {
        if packet.len() > MAX_PACKET {
            return None;
        }
        match &self.key {
            None => read_plain(packet),
            Some(key) => {
                let (iv, text) = packet.split_at_checked(IV_BYTES)?;
                let mut text = text.to_vec();
                let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(key.0.as_slice(), iv).ok()?;
                read_plain(cipher.decrypt_padded_mut::<Pkcs7>(&mut text).ok()?)
            }
        }
    }

    /// The heartbeat of `name`.
    fn write(&self, name: &NodeName) -> Result<Vec<u8>> {
        let mut writer = Writer::new();
        writer.map(1).atom("node").atom(name.as_str());
        let plain = [PRELUDE, &[131], &writer.finish()?].concat();
        let Some(key) = &self.key else { return Ok(plain) };
        let mut iv = [0; IV_BYTES];
        getrandom::fill(&mut iv).map_err(|error| Error::Io {
            step: "cannot read the system's random source".into(),
            why: error.to_string(),
        })?;
        let cipher = cbc::Encryptor::<aes::Aes256>::new_from_slices(key.0.as_slice(), &iv);
        let cipher = cipher.map_err(|_| Error::Internal("the sizes of a gossip key".into()))?;
        Ok([&iv[..], &cipher.encrypt_padded_vec_mut::<Pkcs7>(&plain)].concat())
    }
}

/// The node in `heartbeat::` and a map.
fn read_plain(packet: &[u8]) -> Option<NodeName> {
    let term = packet.strip_prefix(PRELUDE)?.strip_prefix(&[131])?;
    let mut reader = Reader::new(term);
    for _ in 0..reader.map()? {
        if reader.atom_is("node") {
            return NodeName::new(&reader.atom()?).ok();
        }
        (reader.skip() && reader.skip()).then_some(())?;
    }
    None
}

impl Strategy for Gossip {
    fn find<'a>(&'a mut self, asker: &'a Asker) -> Found<'a> {
        Box::pin(self.listen(asker))
    }

    fn pause(&self) -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    /// What `:erlang.term_to_binary(%{node: :"a@h"})` gives on OTP 25 (an old atom) and on OTP 27.
    const OTP_25: &[u8] = b"heartbeat::\x83\x74\x00\x00\x00\x01\x64\x00\x04node\x64\x00\x03a@h";
    const OTP_27: &[u8] = b"heartbeat::\x83\x74\x00\x00\x00\x01\x77\x04node\x77\x03a@h";

    #[test]
    fn heartbeats_of_all_releases_are_read_and_ours_is_the_newer_form() {
        let gossip = Gossip::new();
        assert_eq!(gossip.read(OTP_25), Some(name("a@h")));
        assert_eq!(gossip.read(OTP_27), Some(name("a@h")));
        assert_eq!(gossip.write(&name("a@h")).unwrap(), OTP_27);
    }

    #[test]
    fn only_who_shares_the_secret_understands() {
        let (ours, other) = (Gossip::new().secret("tell nobody"), Gossip::new().secret("something else"));
        let heartbeat = ours.write(&name("a@h")).unwrap();
        assert_eq!((heartbeat.len() - IV_BYTES) % 16, 0);
        assert_eq!(ours.read(&heartbeat), Some(name("a@h")));
        assert_eq!(other.read(&heartbeat), None);
        assert_eq!(Gossip::new().read(&heartbeat), None);
        assert_ne!(heartbeat, ours.write(&name("a@h")).unwrap(), "a new vector each time");
        assert!(!format!("{ours:?}").contains("nobody"));
    }

    #[test]
    fn a_packet_that_openssl_made_is_read() {
        // printf 'heartbeat::\x83t\0\0\0\1w\4nodew\3a@h' | openssl enc -aes-256-cbc -K $(printf secret | sha256sum | cut -c1-64)
        //   -iv 000102030405060708090a0b0c0d0e0f
        let packet: Vec<u8> =
            OPENSSL.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert_eq!(Gossip::new().secret("secret").read(&packet), Some(name("a@h")));
    }

    const OPENSSL: &str = "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f \
        58 1a 4a a6 87 38 96 3a 6f c1 06 2f 6a 3b f1 15 b9 cb d9 bf 44 d3 96 32 7e 6f 3b 04 2c 92 8e 53";

    #[test]
    fn anything_else_is_nothing() {
        let plain = Gossip::new();
        for packet in [
            &b""[..],
            b"heartbeat::",
            b"heartbeat::\x83",
            b"heartbeat::\x83\x74\xff\xff\xff\xff\x77\x04node",
            b"heartbeat::\x83\x50\x00\x00\x00\xff",
            b"heartbeat::\x83\x74\x00\x00\x00\x01\x77\x04node\x6d\x00\x00\x00\x03a@h",
            b"heartbeat::\x83\x74\x00\x00\x00\x01\x77\x04node\x77\x02ah",
            b"hello",
        ] {
            assert_eq!(plain.read(packet), None, "{packet:?}");
            assert_eq!(Gossip::new().secret("x").read(packet), None);
        }
        assert_eq!(plain.read(&[0; MAX_PACKET + 1]), None);
        for length in 0..64 {
            assert_eq!(Gossip::new().secret("x").read(&vec![7; length]), None);
        }
    }

    #[test]
    fn a_flood_of_names_meets_a_limit() {
        let mut gossip = Gossip::new();
        for number in 0..MAX_NAMES + 100 {
            gossip.note(name(&format!("n{number}@h")));
        }
        assert_eq!(gossip.names().len(), MAX_NAMES);
        assert!(!gossip.note(name("n1@h")), "no news");
    }
}
