//! Calling a node: host, epmd, TCP, handshake. One attempt; who may try when is `node::peers`' business.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::net::epmd::{self, EpmdConfig};
use crate::net::transport::Transport;
use crate::proto::handshake::{Established, Failure, Initiator, InitiatorParams, Step};
use crate::proto::name::NodeName;

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
            Ok(Ok(stream)) => return Transport::new(stream),
            Ok(Err(error)) => last = Some((address, error.to_string())),
            Err(_) => last = Some((address, "no answer in time".to_owned())),
        }
    }
    let (address, why) = last.map(|(a, why)| (a.to_string(), why)).unwrap_or_default();
    Err(Error::Unreachable { node: peer.to_string(), address, why })
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
    let mut machine = Initiator::new(params).refuse_challenges(issued);
    let mut buffer = BytesMut::with_capacity(512);
    loop {
        match machine.next_step()? {
            Step::Send(bytes) => transport.writer.send_all(&bytes).await.map_err(lost)?,
            Step::NeedMore => match transport.reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return Err(machine.eof().into()),
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
