//! One TLS connection under a link: the handshake, decrypting what comes, encrypting what goes.
//!
//! rustls keeps the protocol and the keys, the socket stays with `net::transport`. Any thread may send: the session is
//! locked while one piece is encrypted and handed to the kernel, so that records leave in the order of their numbers.
//! Always true: bytes count as sent when the kernel has taken all of the records that carry them.

use std::io;

use bytes::BytesMut;
use parking_lot::Mutex;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};

use crate::net::transport::grow;

/// Plaintext encrypted at a time: four records of the largest size. The lock is held for as long as that takes.
const PIECE: usize = 64 << 10;
/// Buffers above this are given back when little is sent.
const KEEP_BUFFER: usize = 8 << 10;
/// Bytes that may wait for the end of one handshake message: chains of certificates stay under 16 KiB, and TLS would allow
/// 16 MiB to anybody who reaches the port.
const MAX_UNFINISHED: usize = 64 << 10;
/// Head of a record; its last two bytes tell how much follows.
const RECORD_HEAD: usize = 5;
/// What the records of one read cost beyond their content, roughly.
const RECORD_COST: usize = 64;

/// How the session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The peer's next bytes are awaited.
    Handshake,
    /// Both directions are open.
    Open,
    /// The peer said that nothing follows.
    Ended,
}

/// See the module.
pub(crate) struct Session {
    state: Mutex<State>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

struct State {
    side: Side,
    /// Records that the kernel has not taken: `outgoing[sent..filled]`.
    outgoing: Vec<u8>,
    filled: usize,
    sent: usize,
    /// Plaintext in those records that was not reported as sent yet.
    owed: usize,
}

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What both sides of TLS have in common.
trait Party {
    type Data;
    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Party for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, ClientConnectionData> {
        self.process_tls_records(cipher)
    }
}

impl Party for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, cipher: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, ServerConnectionData> {
        self.process_tls_records(cipher)
    }
}

/// Records on their way out.
struct Outgoing<'a> {
    bytes: &'a mut Vec<u8>,
    filled: &'a mut usize,
}

impl Outgoing<'_> {
    /// Lets `write` append; it tells how much room it needs when there is too little.
    fn append<E>(&mut self, mut write: impl FnMut(&mut [u8]) -> Result<usize, Missing<E>>) -> Result<(), E> {
        loop {
            match write(&mut self.bytes[*self.filled..]) {
                Ok(count) => {
                    *self.filled += count;
                    return Ok(());
                }
                Err(Missing::Room(size)) => self.bytes.resize(*self.filled + size, 0),
                Err(Missing::Other(error)) => return Err(error),
            }
        }
    }
}

enum Missing<E> {
    Room(usize),
    Other(E),
}

/// The last state that `process` came to.
enum Reached<'c, D> {
    Handshake,
    Open(WriteTraffic<'c, D>),
    Ended,
}

/// Lets rustls work through `cipher` until it wants more: content goes to `plain`, answers to `out`. Also tells how much
/// of `cipher` is done with.
fn advance<P: Party>(
    party: &mut P,
    cipher: &mut [u8],
    plain: &mut BytesMut,
    out: &mut Outgoing<'_>,
) -> (usize, Result<Stage, rustls::Error>) {
    let mut used = 0;
    loop {
        let (more, reached) = step(party, &mut cipher[used..], plain, out);
        used += more;
        match reached {
            Ok(None) => {}
            Ok(Some(Reached::Handshake)) => return (used, Ok(Stage::Handshake)),
            Ok(Some(Reached::Open(_))) => return (used, Ok(Stage::Open)),
            Ok(Some(Reached::Ended)) => return (used, Ok(Stage::Ended)),
            Err(error) => {
                // The alert that tells the peer.
                if let Ok(ConnectionState::EncodeTlsData(mut alert)) = party.process(&mut []).state {
                    let _ = out.append(|room| encoded(alert.encode(room)));
                }
                return (used, Err(error));
            }
        }
    }
}

/// One step of rustls; `None` when there are more to be made.
#[allow(clippy::type_complexity)]
fn step<'c, P: Party>(
    party: &'c mut P,
    cipher: &mut [u8],
    plain: &mut BytesMut,
    out: &mut Outgoing<'_>,
) -> (usize, Result<Option<Reached<'c, P::Data>>, rustls::Error>) {
    let UnbufferedStatus { discard, state } = party.process(cipher);
    let mut used = discard;
    let reached = match state {
        Err(error) => return (used, Err(error)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        plain.extend_from_slice(record.payload);
                        used += record.discard;
                    }
                    Err(error) => return (used, Err(error)),
                }
            }
            None
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => match out.append(|room| encoded(data.encode(room))) {
            Ok(()) => None,
            Err(error) => return (used, Err(error)),
        },
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It is in `out`, which leaves in order.
            data.done();
            None
        }
        Ok(ConnectionState::BlockedHandshake) => Some(Reached::Handshake),
        Ok(ConnectionState::WriteTraffic(traffic)) => Some(Reached::Open(traffic)),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Reached::Ended),
        Ok(_) => return (used, Err(rustls::Error::General("early data was never offered".into()))),
    };
    (used, Ok(reached))
}

fn encoded(result: Result<usize, EncodeError>) -> Result<usize, Missing<rustls::Error>> {
    result.map_err(|error| match error {
        EncodeError::InsufficientSize(missing) => Missing::Room(missing.required_size),
        EncodeError::AlreadyEncoded => Missing::Other(rustls::Error::General(error.to_string())),
    })
}

fn encrypted(result: Result<usize, EncryptError>) -> Result<usize, Missing<rustls::Error>> {
    result.map_err(|error| match error {
        EncryptError::InsufficientSize(missing) => Missing::Room(missing.required_size),
        EncryptError::EncryptExhausted => Missing::Other(rustls::Error::EncryptError),
    })
}

/// Appends to `out` what `write` makes of an open session.
fn with_open<P: Party>(
    party: &mut P,
    out: &mut Outgoing<'_>,
    mut write: impl FnMut(&mut WriteTraffic<'_, P::Data>, &mut [u8]) -> Result<usize, EncryptError>,
) -> io::Result<()> {
    let mut nothing = BytesMut::new();
    loop {
        match step(party, &mut [], &mut nothing, out).1 {
            Ok(None) => {}
            Ok(Some(Reached::Open(mut traffic))) => {
                return out.append(|room| encrypted(write(&mut traffic, room))).map_err(broken);
            }
            Ok(Some(_)) => return Err(io::ErrorKind::NotConnected.into()),
            Err(error) => return Err(broken(error)),
        }
    }
}

/// An error of TLS as one of the stream; `rustls::Error` is inside.
pub(super) fn broken(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl State {
    fn new(side: Side) -> State {
        State { side, outgoing: Vec::new(), filled: 0, sent: 0, owed: 0 }
    }

    /// Hands records to the kernel; `WouldBlock` while some are left.
    fn flush(&mut self, mut send: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        while self.sent < self.filled {
            match send(&self.outgoing[self.sent..self.filled]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        (self.sent, self.filled) = (0, 0);
        Ok(())
    }

    fn encrypt(&mut self, plain: &[u8]) -> io::Result<()> {
        if plain.len() < KEEP_BUFFER / 2 && self.filled == 0 && self.outgoing.len() > KEEP_BUFFER {
            self.outgoing = Vec::new();
        }
        let out = &mut Outgoing { bytes: &mut self.outgoing, filled: &mut self.filled };
        match &mut self.side {
            Side::Client(party) => with_open(party, out, |traffic, room| traffic.encrypt(plain, room)),
            Side::Server(party) => with_open(party, out, |traffic, room| traffic.encrypt(plain, room)),
        }
    }
}

impl Session {
    /// The calling side, towards a host of this name.
    pub(super) fn client(
        config: std::sync::Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> Result<Session, rustls::Error> {
        let side = Side::Client(UnbufferedClientConnection::new(config, name)?);
        Ok(Session { state: Mutex::new(State::new(side)) })
    }

    /// The called side.
    pub(super) fn server(config: std::sync::Arc<rustls::ServerConfig>) -> Result<Session, rustls::Error> {
        let side = Side::Server(UnbufferedServerConnection::new(config)?);
        Ok(Session { state: Mutex::new(State::new(side)) })
    }

    /// Sends what the kernel takes now. After `WouldBlock` the same bytes have to be offered again: their records are
    /// made, and no others can go in front of them.
    pub(crate) fn try_send(
        &self,
        plain: &[u8],
        mut send: impl FnMut(&[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.flush(&mut send)?;
        let owed = std::mem::take(&mut state.owed);
        if owed > 0 {
            return Ok(owed);
        }
        let piece = &plain[..plain.len().min(PIECE)];
        state.encrypt(piece)?;
        state.owed = piece.len();
        state.flush(&mut send)?;
        state.owed = 0;
        Ok(piece.len())
    }

    /// Hands to the kernel what the session itself has to say; `WouldBlock` while some is left.
    pub(crate) fn flush(&self, send: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<()> {
        self.state.lock().flush(send)
    }

    /// Tells the peer that nothing follows, if the kernel takes that at once.
    pub(crate) fn say_goodbye(&self, send: impl FnMut(&[u8]) -> io::Result<usize>) {
        let mut state = self.state.lock();
        let State { side, outgoing, filled, .. } = &mut *state;
        let out = &mut Outgoing { bytes: outgoing, filled };
        let queued = match side {
            Side::Client(party) => with_open(party, out, |traffic, room| traffic.queue_close_notify(room)),
            Side::Server(party) => with_open(party, out, |traffic, room| traffic.queue_close_notify(room)),
        };
        if queued.is_ok() {
            let _ = state.flush(send);
        }
    }

    fn advance(&self, cipher: &mut [u8], plain: &mut BytesMut) -> (usize, Result<Stage, rustls::Error>) {
        let mut state = self.state.lock();
        let State { side, outgoing, filled, .. } = &mut *state;
        let out = &mut Outgoing { bytes: outgoing, filled };
        match side {
            Side::Client(party) => advance(party, cipher, plain, out),
            Side::Server(party) => advance(party, cipher, plain, out),
        }
    }

    /// Whether there is something to be sent.
    pub(crate) fn has_words(&self) -> bool {
        let state = self.state.lock();
        state.sent < state.filled
    }

    /// Looks at the peer's certificate, its leaf; `None` if it showed none.
    pub(super) fn certificate<T>(
        &self,
        look: impl FnOnce(&rustls::pki_types::CertificateDer<'_>) -> T,
    ) -> Option<T> {
        let state = self.state.lock();
        let chain = match &state.side {
            Side::Client(party) => party.peer_certificates(),
            Side::Server(party) => party.peer_certificates(),
        };
        chain.and_then(|chain| chain.first()).map(look)
    }

    /// `"TLSv1.3"` or `"TLSv1.2"`, and the cipher suite; for the log.
    pub(crate) fn describe(&self) -> String {
        let state = self.state.lock();
        let (version, suite) = match &state.side {
            Side::Client(party) => (party.protocol_version(), party.negotiated_cipher_suite()),
            Side::Server(party) => (party.protocol_version(), party.negotiated_cipher_suite()),
        };
        match (version, suite) {
            (Some(version), Some(suite)) => format!("{version:?} {:?}", suite.suite()),
            _ => "no version agreed on yet".into(),
        }
    }
}

/// What has come and is still encrypted; belongs to the reader of the stream.
#[derive(Debug, Default)]
pub(crate) struct Cipher {
    bytes: BytesMut,
    ended: bool,
    /// Content that came with the end of the handshake.
    early: BytesMut,
    /// Content that came before an error goes up first.
    failed: Option<rustls::Error>,
}

impl Cipher {
    /// Room for a read of about `free` bytes of content, and at least for what is left of a record that has begun.
    pub(crate) fn room(&mut self, free: usize) -> io::Result<&mut BytesMut> {
        if self.bytes.is_empty() && self.bytes.capacity() / 4 > free {
            self.bytes = BytesMut::new();
        }
        let missing = match self.bytes[..] {
            [_, _, _, high, low, ..] => {
                (RECORD_HEAD + usize::from(u16::from_be_bytes([high, low]))).saturating_sub(self.bytes.len())
            }
            _ => RECORD_HEAD,
        };
        let more = missing.max(free + RECORD_COST);
        grow(&mut self.bytes, more).map_err(|_| io::ErrorKind::OutOfMemory)?;
        Ok(&mut self.bytes)
    }

    /// Decrypts what is here and appends it to `plain`.
    pub(crate) fn decrypt(&mut self, session: &Session, plain: &mut BytesMut) -> io::Result<Stage> {
        if !self.early.is_empty() {
            plain.unsplit(std::mem::take(&mut self.early));
            return Ok(Stage::Open);
        }
        if let Some(error) = self.failed.take() {
            return Err(broken(error));
        }
        if self.ended {
            return Ok(Stage::Ended);
        }
        let before = plain.len();
        let (used, stage) = session.advance(&mut self.bytes, plain);
        match used == self.bytes.len() {
            true => self.bytes.clear(),
            false => drop(self.bytes.split_to(used)),
        }
        if stage.is_ok() && self.bytes.len() > MAX_UNFINISHED {
            return Err(broken(rustls::Error::General("a message of its handshake is too long".into())));
        }
        match stage {
            Ok(Stage::Ended) => {
                self.ended = true;
                Ok(if plain.len() > before { Stage::Open } else { Stage::Ended })
            }
            Ok(stage) => Ok(stage),
            Err(error) if plain.len() > before => {
                self.failed = Some(error);
                Ok(Stage::Open)
            }
            Err(error) => Err(broken(error)),
        }
    }

    /// Keeps content for the first [`decrypt`](Self::decrypt).
    pub(crate) fn keep(&mut self, early: BytesMut) {
        self.early = early;
    }
}
