//! The embedded epmd: serves the host's nodes when no other epmd does.
//!
//! [`proto::epmd::Server`](crate::proto::epmd::Server) decides what to answer; here are sockets, deadlines and limits.
//! Most requests arrive before their connection is accepted and are answered on the spot; only slow clients and
//! registrations get a task. Always true: accepting never stops, and what a peer can make us hold is bounded.

mod half_open;
mod listen;
mod talk;

use crate::net::epmd::EpmdConfig;
use crate::proto::epmd::{Server, Token};
use half_open::{HalfOpen, Place};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// How late an idle connection may be closed.
const LONGEST_SWEEP: Duration = Duration::from_secs(1);
/// With very short limits the sweep itself must not become the load.
const SHORTEST_SWEEP: Duration = Duration::from_millis(10);

/// What a peer may make an embedded epmd hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpmdLimits {
    /// From accepting a connection to the end of its request and reply; trickling bytes do not refresh it.
    pub idle: Duration,
    /// Connections without a registration; when more come, the oldest goes.
    pub half_open: usize,
    /// The same from one source that is not this host (an IPv4 address, or an IPv6 network of 64 bits).
    pub half_open_per_source: usize,
}

impl Default for EpmdLimits {
    fn default() -> Self {
        EpmdLimits {
            idle: Duration::from_secs(60), // as the stock epmd
            half_open: 1024,               // a few tens of KiB; a whole host starting at once stays below
            half_open_per_source: 64,      // a peer host asks for a handful of nodes at a time
        }
    }
}

/// An epmd in this process. Dropping it closes the port and every connection, so that somebody else can take over.
#[derive(Debug)]
pub struct EpmdServer {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

impl EpmdServer {
    /// Binds the configured addresses and serves them as tasks of the ambient tokio runtime.
    ///
    /// Fails with `AddrInUse` when somebody else serves this host. Only the first address (IPv4 wildcard or loopback) decides
    /// that; the others are tried again in the background. Port 0 takes a free port.
    pub fn start(config: &EpmdConfig) -> io::Result<EpmdServer> {
        Self::start_with(config, EpmdLimits::default())
    }

    /// [`start`](EpmdServer::start) with other limits than the defaults.
    pub fn start_with(config: &EpmdConfig, limits: EpmdLimits) -> io::Result<EpmdServer> {
        let mut bound = Vec::new();
        let mut missing = Vec::new();
        let mut port = config.port;
        let mut failure = None;
        for address in config.listen_addresses() {
            match listen::bind(SocketAddr::new(address, port)) {
                Ok(listener) => {
                    port = listen::address(&listener)?.port();
                    bound.push(listener);
                }
                Err(error) if bound.is_empty() && error.kind() == io::ErrorKind::AddrInUse => {
                    return Err(error);
                }
                Err(error) => {
                    missing.push(address);
                    failure = failure.or(Some(error));
                }
            }
        }
        if bound.is_empty() {
            return Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        let addresses = bound.iter().map(listen::address).collect::<io::Result<_>>()?;
        let shared = Arc::new(Shared {
            limits,
            server: Mutex::new(Server::new(port)),
            half_open: Mutex::new(HalfOpen::new(limits.half_open, limits.half_open_per_source)),
            entered: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        for listener in bound {
            tasks.spawn(listen::serve(listener, shared.clone()));
        }
        for address in missing {
            tasks.spawn(listen::bind_and_serve(SocketAddr::new(address, port), shared.clone()));
        }
        tasks.spawn(sweep(shared.clone()));
        Ok(EpmdServer { addresses, shared, tasks })
    }

    /// The addresses bound at the start, the deciding one first.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port served.
    pub fn port(&self) -> u16 {
        self.addresses.first().map_or(0, SocketAddr::port)
    }

    /// Number of nodes registered right now.
    pub fn registered(&self) -> usize {
        self.shared.server.lock().registered()
    }

    /// Number of connections without a registration right now.
    pub fn half_open(&self) -> usize {
        self.shared.half_open.lock().len()
    }

    /// Closes the port; it is free when this returns.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// What all connections of one epmd share. Locks are taken one at a time, for a few lines.
#[derive(Debug)]
struct Shared {
    limits: EpmdLimits,
    server: Mutex<Server>,
    half_open: Mutex<HalfOpen<AbortHandle>>,
    /// Wakes [`sweep`] when the first half-open connection came.
    entered: Notify,
}

impl Shared {
    /// Takes a place among the half-open connections; the one that has to go for it is closed.
    fn enter(&self, peer: IpAddr) -> Place {
        let expires = Instant::now() + self.limits.idle;
        let (is_first, (place, evicted)) = {
            let mut half_open = self.half_open.lock();
            (half_open.len() == 0, half_open.enter(peer, expires))
        };
        if let Some(evicted) = evicted {
            evicted.abort();
        }
        if is_first {
            self.entered.notify_one();
        }
        place
    }
}

/// Closes half-open connections whose time is over; sleeps while there are none.
///
/// One timer for all: most connections are gone after microseconds, and arming a timer for each cost more than serving it.
async fn sweep(shared: Arc<Shared>) {
    let pause = (shared.limits.idle / 16).clamp(SHORTEST_SWEEP, LONGEST_SWEEP);
    loop {
        shared.entered.notified().await;
        loop {
            tokio::time::sleep(pause).await;
            let (late, is_empty) = {
                let mut half_open = shared.half_open.lock();
                (half_open.expired(Instant::now()), half_open.len() == 0)
            };
            late.iter().for_each(AbortHandle::abort);
            if is_empty {
                break;
            }
        }
    }
}

/// A registration; its end is the end of the name.
struct Held {
    shared: Arc<Shared>,
    token: Token,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.server.lock().unregister(self.token);
    }
}
