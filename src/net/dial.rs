//! Calling a node: host, epmd, TCP, TLS where it is wanted, handshake. One attempt; who may try when is `node::peers`' business.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::net::epmd::{self, EpmdConfig};
use crate::net::tls::{self, Credentials, Direction};
use crate::net::transport::{speaks_tls, Transport};
use crate::proto::handshake::{Established, Failure, Framing, Initiator, InitiatorParams, Step};
use crate::proto::name::NodeName;

/// A TLS node answers in milliseconds; one that says nothing for so long may be one without TLS, which waits for more.
const SUSPICION: Duration = Duration::from_millis(500);
/// How long such a node takes to close on something that is no handshake.
const PROBE_WAIT: Duration = Duration::from_millis(400);
/// A packet that no node without TLS puts up with, and no TLS server either.
const PROBE: &[u8] = b"\0\x05probe";

/// How a call ended without a connection.
pub(crate) enum DialError {
    /// The peer is calling us at this moment, and that call wins: wait for it.
    TheirCallWins(Error),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for DialError {
    fn from(error: Error) -> DialError {
        DialError::Failed(error)
    }
}

impl From<Failure> for DialError {
    fn from(failure: Failure) -> DialError {
        match failure.is_nok() {
            true => DialError::TheirCallWins(failure.into()),
            false => DialError::Failed(failure.into()),
        }
    }
}

/// Where to find the peer.
pub(crate) struct Route<'a> {
    pub(crate) peer: &'a NodeName,
    pub(crate) epmd: &'a EpmdConfig,
    /// The port all nodes listen on, where there is no epmd.
    pub(crate) known_port: Option<u16>,
    pub(crate) ipv6: bool,
    pub(crate) tls: Option<&'a Credentials>,
    pub(crate) deadline: Instant,
}

/// Opens the stream to the peer.
pub(crate) async fn open(route: &Route<'_>) -> Result<Transport> {
    let peer = route.peer;
    let addresses = match route.known_port {
        Some(port) => resolve(peer, port, route.deadline).await?,
        None => epmd::lookup(route.epmd, peer.host(), peer.alive(), route.deadline).await?.addresses,
    };
    let addresses: Vec<SocketAddr> =
        addresses.into_iter().filter(|address| address.is_ipv6() == route.ipv6).collect();
    if addresses.is_empty() {
        let family = if route.ipv6 { "IPv6" } else { "IPv4" };
        return Err(unknown_host(peer, format!("it has no {family} address")));
    }
    let mut last = None;
    for address in addresses {
        match tokio::time::timeout_at(route.deadline, connect(address)).await {
            Ok(Ok(stream)) => {
                let mut transport = Transport::new(stream)?;
                if let Some(credentials) = route.tls {
                    secure(route, &mut transport, credentials, address).await?;
                }
                return Ok(transport);
            }
            Ok(Err(error)) => last = Some((address, error.to_string())),
            Err(_) => last = Some((address, "no answer in time".to_owned())),
        }
    }
    let (address, why) = last.map(|(a, why)| (a.to_string(), why)).unwrap_or_default();
    Err(Error::Unreachable { node: peer.to_string(), address, why })
}

/// The TLS handshake. Who does not answer it is asked whether it is a node without TLS.
async fn secure(
    route: &Route<'_>,
    transport: &mut Transport,
    credentials: &Credentials,
    address: SocketAddr,
) -> Result<()> {
    let failed = |why: String| Error::Tls { node: route.peer.to_string(), why };
    let agreeing = transport.secure(credentials.call(route.peer.host())?);
    tokio::pin!(agreeing);
    let outcome = match tokio::time::timeout(SUSPICION, &mut agreeing).await {
        Ok(outcome) => outcome,
        Err(_) if speaks_plain(address).await => {
            return Err(failed("it does not speak TLS: it is a node without -proto_dist inet_tls".into()))
        }
        Err(_) => tokio::time::timeout_at(route.deadline, agreeing)
            .await
            .map_err(|_| failed("it did not finish the TLS handshake in time".into()))?,
    };
    outcome.map_err(|error| {
        failed(tls::explain(&error, Direction::Calling).unwrap_or_else(|| {
            format!("it closed the connection ({error}): is it a node without -proto_dist inet_tls?")
        }))
    })
}

/// Whether what listens there hangs up without a word on something that is neither handshake.
async fn speaks_plain(address: SocketAddr) -> bool {
    let ask = async {
        let transport = Transport::new(connect(address).await?).map_err(std::io::Error::other)?;
        let Transport { mut reader, writer } = transport;
        writer.send_all(PROBE).await?;
        let mut answer = BytesMut::with_capacity(64);
        reader.read(&mut answer).await
    };
    matches!(tokio::time::timeout(PROBE_WAIT, ask).await, Ok(Ok(0)))
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.connect(address).await
}

/// All addresses of the peer's host.
async fn resolve(peer: &NodeName, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>> {
    let found = tokio::time::timeout_at(deadline, tokio::net::lookup_host((peer.host(), port)))
        .await
        .map_err(|_| unknown_host(peer, "the resolver did not answer in time".into()))?
        .map_err(|error| unknown_host(peer, error.to_string()))?;
    Ok(found.collect())
}

fn unknown_host(peer: &NodeName, why: String) -> Error {
    Error::HostUnknown { node: peer.to_string(), host: peer.host().to_owned(), why }
}

/// Performs the handshake as the calling side. `is_current` tells, when the peer has a connection already, whether
/// this attempt is still wanted.
pub(crate) async fn greet(
    transport: &mut Transport,
    params: InitiatorParams,
    issued: impl Fn(u32) -> bool + Send + Sync + 'static,
    is_current: impl Fn() -> bool,
) -> Result<Established, DialError> {
    let peer = params.peer.to_string();
    let lost = |error: std::io::Error| {
        DialError::Failed(Error::NoConnection {
            node: peer.clone(),
            why: format!("during the handshake: {error}"),
        })
    };
    let plain = params.framing == Framing::Two;
    let mut machine = Initiator::new(params).refuse_challenges(issued);
    let mut buffer = BytesMut::with_capacity(512);
    let mut first = true;
    loop {
        match machine.next_step()? {
            Step::Send(bytes) => transport.writer.send_all(&bytes).await.map_err(lost)?,
            Step::NeedMore => match transport.reader.read(&mut buffer).await {
                Ok(0) => return Err(machine.eof().into()),
                // With TLS 1.3 the peer looks at our certificate after the TLS handshake is over for us.
                Err(error) => {
                    return Err(match tls::explain(&error, Direction::Calling) {
                        Some(why) => DialError::Failed(Error::Tls { node: peer, why }),
                        None => machine.eof().into(),
                    })
                }
                Ok(_) if plain && std::mem::take(&mut first) && speaks_tls(&buffer) => {
                    let why = "it speaks TLS, and this node has no TLS options".into();
                    return Err(DialError::Failed(Error::Tls { node: peer, why }));
                }
                Ok(_) => machine.feed(&buffer.split()),
            },
            Step::Alive => machine.answer_alive(is_current()),
            Step::Done(established) => return Ok(established),
            Step::Ask(_) | Step::KillOld => {
                return Err(DialError::Failed(Error::Internal("the handshake of a calling node".into())))
            }
        }
    }
}

/// The deadline of an attempt that begins now.
pub(crate) fn deadline(setup_time: Duration) -> Instant {
    Instant::now() + setup_time
}
