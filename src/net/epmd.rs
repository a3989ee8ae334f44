//! epmd client: find nodes, list them, and stay registered.
//!
//! [`lookup`] and [`names`] ask the epmd of any host within one deadline; [`Registration`] holds this node's entry in
//! the local epmd, renews it after a loss and, where allowed, serves epmd itself when nobody else does.
//! Runs as tasks of the runtime it is called in. Always true: no wait is longer than the deadline given.

mod config;
mod registration;

pub use config::EpmdConfig;
pub use registration::{Registration, RegistrationState};

use crate::error::{Error, Malformed, Result};
use crate::proto::epmd::{self as wire, NamedPort, NodeInfo, Port2Reply, Request};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{timeout_at, Instant};

/// A node found at epmd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Where to dial, best first: the address whose epmd knew the node, then the host's other ones.
    pub addresses: Vec<SocketAddr>,
    /// What epmd knows of the node.
    pub info: NodeInfo,
}

/// Asks the epmd on `host` where the node `alive` listens.
///
/// Fails with `HostUnknown`, `EpmdUnreachable`, `NameUnknown`, `NotANode` (something else listens there) or `Timeout`.
pub async fn lookup(config: &EpmdConfig, host: &str, alive: &str, deadline: Instant) -> Result<Located> {
    let node = format!("{alive}@{host}");
    let request = Request::port2(alive).ok_or_else(|| Error::BadName {
        name: node.clone(),
        why: "epmd takes 1 to 255 characters without NUL before the @",
    })?;
    let addresses = resolve(&node, host, deadline).await?;
    let mut failure = None;
    for (index, &address) in addresses.iter().enumerate() {
        let mut port2 = Vec::new();
        let parse = |received: &[u8]| wire::parse_port2(received);
        let share = share_of(deadline, addresses.len() - index);
        match ask(SocketAddr::new(address, config.port), &request, &mut port2, parse, share).await {
            Ok(Port2Reply::Known(info)) => {
                let best = std::iter::once(address);
                let others = addresses.iter().copied().filter(|&other| other != address);
                let addresses = best.chain(others).map(|ip| SocketAddr::new(ip, info.port)).collect();
                return Ok(Located { addresses, info });
            }
            Ok(Port2Reply::Unknown(_)) => {
                // The best-founded answer; another address of the host may still know better.
                failure = Some(Error::NameUnknown { node: node.clone(), alive: alive.into() });
            }
            Err(trouble) if failure.is_none() || trouble.is_answer() => {
                if !matches!(failure, Some(Error::NameUnknown { .. })) {
                    failure = Some(trouble.into_error(SocketAddr::new(address, config.port)));
                }
            }
            Err(_) => {}
        }
    }
    Err(failure.unwrap_or_else(|| late(host)))
}

/// Asks the epmd on `host` for the names and ports of all nodes registered there.
///
/// Fails with `HostUnknown`, `EpmdUnreachable`, `NotANode` or `Timeout`.
pub async fn names(config: &EpmdConfig, host: &str, deadline: Instant) -> Result<Vec<(String, u16)>> {
    let addresses = resolve(host, host, deadline).await?;
    let mut failure = None;
    for (index, &address) in addresses.iter().enumerate() {
        let peer = SocketAddr::new(address, config.port);
        let share = share_of(deadline, addresses.len() - index);
        match timeout_at(share, ask_names(peer)).await.unwrap_or(Err(Trouble::Late)) {
            Ok(nodes) => return Ok(nodes.into_iter().map(|node| (node.alive, node.port)).collect()),
            Err(trouble) => failure = failure.or(Some(trouble.into_error(peer))),
        }
    }
    Err(failure.unwrap_or_else(|| late(host)))
}

async fn ask_names(peer: SocketAddr) -> Result<Vec<NamedPort>, Trouble> {
    let mut stream = TcpStream::connect(peer).await.map_err(Trouble::Unreachable)?;
    stream.write_all(&Request::names()).await.map_err(Trouble::Lost)?;
    let mut reply = Vec::new();
    let limit = wire::MAX_NAMES_REPLY as u64 + 1;
    stream.take(limit).read_to_end(&mut reply).await.map_err(Trouble::Lost)?;
    if reply.is_empty() {
        return Err(Trouble::Closed);
    }
    if reply.len() > wire::MAX_NAMES_REPLY {
        return Err(Trouble::Garbage(Malformed::new("NAMES reply (too long)", wire::MAX_NAMES_REPLY)));
    }
    wire::parse_names(&reply).map_err(Trouble::Garbage)
}

/// What went wrong at one address.
#[derive(Debug)]
enum Trouble {
    /// No connection.
    Unreachable(io::Error),
    /// The connection broke.
    Lost(io::Error),
    /// The peer closed without a whole answer.
    Closed,
    /// The peer's answer cannot be read.
    Garbage(Malformed),
    /// No answer in time.
    Late,
}

impl Trouble {
    /// True when somebody was there, which says more than a refused connection elsewhere.
    fn is_answer(&self) -> bool {
        match self {
            Trouble::Closed | Trouble::Garbage(_) => true,
            Trouble::Unreachable(_) | Trouble::Lost(_) | Trouble::Late => false,
        }
    }

    fn into_error(self, peer: SocketAddr) -> Error {
        match self {
            Trouble::Unreachable(error) | Trouble::Lost(error) => {
                Error::EpmdUnreachable { address: peer.to_string(), why: error.to_string() }
            }
            Trouble::Closed => Error::NotANode {
                node: format!("epmd at {peer}"),
                why: "it closed the connection without an answer".into(),
            },
            Trouble::Garbage(malformed) => Error::NotANode {
                node: format!("epmd at {peer}"),
                why: format!("its answer is not epmd's: {malformed}"),
            },
            Trouble::Late => Error::Timeout(format!("epmd at {peer} did not answer in time").into()),
        }
    }
}

/// Connects, sends `request`, and reads until `parse` is content. The bytes end up in `received`.
async fn ask<T>(
    peer: SocketAddr,
    request: &[u8],
    received: &mut Vec<u8>,
    parse: impl Fn(&[u8]) -> wire::Partial<T>,
    deadline: Instant,
) -> Result<T, Trouble> {
    let exchange = async {
        let mut stream = TcpStream::connect(peer).await.map_err(Trouble::Unreachable)?;
        exchange(&mut stream, request, received, parse).await
    };
    timeout_at(deadline, exchange).await.unwrap_or(Err(Trouble::Late))
}

/// Sends `request` and reads until `parse` is content.
async fn exchange<T>(
    stream: &mut TcpStream,
    request: &[u8],
    received: &mut Vec<u8>,
    parse: impl Fn(&[u8]) -> wire::Partial<T>,
) -> Result<T, Trouble> {
    stream.write_all(request).await.map_err(Trouble::Lost)?;
    loop {
        if stream.read_buf(received).await.map_err(Trouble::Lost)? == 0 {
            return Err(Trouble::Closed);
        }
        // Every parser refuses what is longer than its longest reply, so this buffer stays small.
        if let Some(reply) = parse(received).map_err(Trouble::Garbage)? {
            return Ok(reply);
        }
    }
}

/// The addresses of a host, IPv4 first because that is where BEAMs listen unless told otherwise.
async fn resolve(node: &str, host: &str, deadline: Instant) -> Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let unknown = |why: String| Error::HostUnknown { node: node.into(), host: host.into(), why };
    let found = timeout_at(deadline, tokio::net::lookup_host((host, 0)))
        .await
        .map_err(|_| Error::Timeout(format!("resolving host \"{host}\"").into()))?
        .map_err(|error| unknown(error.to_string()))?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    if addresses.is_empty() {
        return Err(unknown("it has no address".into()));
    }
    Ok(addresses)
}

/// The part of the remaining time that the next of `left` addresses may use, so that one black hole leaves time for the
/// others.
fn share_of(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    let rest = deadline.saturating_duration_since(now);
    now + rest / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

fn late(host: &str) -> Error {
    Error::Timeout(format!("asking epmd on {host}").into())
}

/// Longest wait of one attempt to register; BEAMs wait as long.
const ATTEMPT: Duration = Duration::from_secs(10);
