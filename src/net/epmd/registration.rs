//! This node's entry in the local epmd, kept for as long as the value lives.
//!
//! One task holds the registering socket. When epmd goes away the task tries again until somebody serves, and after a
//! grace time, which leaves room for a restarted stock epmd, serves itself if allowed. Every node on the host does the same,
//! so exactly one wins the port and the others register there. A new creation after a loss is ignored: the node lives on.

use super::{exchange, EpmdConfig, Trouble, ATTEMPT};
use crate::error::{Error, Result};
use crate::log::{info, warn};
use crate::net::epmd_server::EpmdServer;
use crate::net::hang_up::HangUp;
use crate::proto::epmd::{self as wire, Alive2Reply, NodeInfo, Request};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout_at, Instant};

/// After a loss, how long a restarted epmd has to come back before a node takes its place; up to twice this with jitter.
const GRACE: Duration = Duration::from_millis(500);
/// How often to try while the loss is fresh, so that all are back well within 3 s.
const RETRY_FRESH: Duration = Duration::from_millis(100);
/// How often to try later. BEAMs use 2 s.
const RETRY_STALE: Duration = Duration::from_millis(1000);
/// How often a first registration is tried again when it broke off or the name was taken: a program that has just ended served
/// epmd or had the name, and epmd has not seen its end.
const SECOND_TRIES: u32 = 3;
/// How long a loss is fresh.
const FRESH: Duration = Duration::from_secs(3);
/// Creations below this come from an epmd that knows only 16 bits.
const LOWEST_WIDE_CREATION: u32 = 4;

/// Whether the local epmd knows this node right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationState {
    /// epmd holds our entry.
    pub registered: bool,
    /// This process serves epmd for the host.
    pub hosts_epmd: bool,
    /// Somebody else took our name while epmd was away; we go on trying.
    pub name_taken: bool,
    /// How often the entry was made, the first time included.
    pub times_registered: u64,
}

/// This node's entry in the local epmd. Dropping it ends the entry (and the embedded epmd, if it is ours).
///
/// [`start`](Registration::start), [`creation`](Registration::creation), [`state`](Registration::state),
/// [`watch`](Registration::watch), [`hosts_epmd`](Registration::hosts_epmd), [`stop`](Registration::stop).
#[derive(Debug)]
pub struct Registration {
    creation: u32,
    state: watch::Receiver<RegistrationState>,
    keeper: JoinHandle<()>,
}

impl Registration {
    /// Registers `info` at the local epmd, or at one served by this process, and keeps it registered.
    ///
    /// Must be called in a tokio runtime with I/O and time enabled. Fails with `NameInUse`, `EpmdUnreachable`, `NotANode`,
    /// `Timeout` or `Argument` after at most ten seconds.
    pub async fn start(config: EpmdConfig, info: NodeInfo) -> Result<Registration> {
        let request = Request::alive2(&info).ok_or_else(|| {
            Error::argument(
                "epmd takes a name of 1 to 255 characters without NUL and at most 1020 bytes of extra",
            )
        })?;
        let mut keeper = Keeper { config, alive: info.alive, request, server: None };
        let (socket, creation) = keeper.first().await?;
        let state = RegistrationState {
            registered: true,
            hosts_epmd: keeper.server.is_some(),
            name_taken: false,
            times_registered: 1,
        };
        let (tell, state) = watch::channel(state);
        let keeper = tokio::spawn(keeper.keep(socket, tell));
        Ok(Registration { creation: lift(creation), state, keeper })
    }

    /// The creation of this incarnation of the node: 4 or more, the same for the whole life of the value.
    pub fn creation(&self) -> u32 {
        self.creation
    }

    /// True while this process serves epmd for the host.
    pub fn hosts_epmd(&self) -> bool {
        self.state().hosts_epmd
    }

    /// The state right now.
    pub fn state(&self) -> RegistrationState {
        *self.state.borrow()
    }

    /// A receiver that sees every change of the state.
    pub fn watch(&self) -> watch::Receiver<RegistrationState> {
        self.state.clone()
    }

    /// Ends the entry; epmd has forgotten the name, or is about to, when this returns.
    pub async fn stop(mut self) {
        self.keeper.abort();
        // The error says that the task was aborted.
        let _ = (&mut self.keeper).await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// How one attempt to register ended when it did not succeed.
enum Missed {
    /// Nobody listens at any local address.
    Nobody(Error),
    /// epmd refused the name.
    Taken,
    /// The connection ended before an answer.
    BrokenOff(Error),
    /// Something is there but it did not work.
    Failed(Error),
}

struct Keeper {
    config: EpmdConfig,
    alive: String,
    request: Vec<u8>,
    server: Option<EpmdServer>,
}

impl Keeper {
    /// The first registration: whatever is wrong is told to the caller.
    async fn first(&mut self) -> Result<(TcpStream, u32)> {
        let deadline = Instant::now() + ATTEMPT;
        let mut tried_again = 0;
        loop {
            let missed = match self.attempt(deadline).await {
                Ok(registered) => return Ok(registered),
                Err(missed) => missed,
            };
            match missed {
                Missed::Taken | Missed::BrokenOff(_) if tried_again < SECOND_TRIES => {
                    tried_again += 1;
                    sleep(jittered(RETRY_FRESH)).await;
                    continue;
                }
                Missed::Taken => {
                    return Err(Error::NameInUse { name: self.alive.clone(), port: self.config.port })
                }
                Missed::Failed(error) | Missed::BrokenOff(error) => return Err(error),
                Missed::Nobody(error) if !self.config.embedded => return Err(error),
                Missed::Nobody(error) if Instant::now() >= deadline => return Err(error),
                Missed::Nobody(_) => {}
            }
            // When the port was taken between the two calls, its new owner answers in a moment.
            if let Err(error) = self.serve() {
                if error.kind() != io::ErrorKind::AddrInUse {
                    let address = format!("port {} of this host", self.config.port);
                    let why = format!("nobody serves it, and serving it ourselves failed: {error}");
                    return Err(Error::EpmdUnreachable { address, why });
                }
                sleep(jittered(RETRY_FRESH)).await;
            }
        }
    }

    /// Holds the registration until the task is aborted.
    async fn keep(mut self, socket: TcpStream, tell: watch::Sender<RegistrationState>) {
        let mut socket = HangUp::new(socket);
        loop {
            // Nothing ever arrives on this socket; whatever it is, the registration is over.
            let _ = socket.read(&mut [0; 1]).await;
            drop(socket);
            tell.send_modify(|state| state.registered = false);
            info(format_args!("epmd is gone; trying to register \"{}\" again", self.alive));
            socket = HangUp::new(self.renew(&tell).await);
            let hosts_epmd = self.server.is_some();
            info(format_args!("\"{}\" is registered at epmd again", self.alive));
            tell.send_modify(|state| {
                let times_registered = state.times_registered + 1;
                *state =
                    RegistrationState { registered: true, hosts_epmd, name_taken: false, times_registered };
            });
        }
    }

    /// Tries until it is registered again.
    async fn renew(&mut self, tell: &watch::Sender<RegistrationState>) -> TcpStream {
        let lost = Instant::now();
        let may_serve = lost + GRACE + GRACE.mul_f64(random_unit());
        loop {
            let missed = match self.attempt(Instant::now() + ATTEMPT).await {
                Ok((socket, _creation)) => return socket,
                Err(missed) => missed,
            };
            let taken = matches!(missed, Missed::Taken);
            let news =
                tell.send_if_modified(|state| std::mem::replace(&mut state.name_taken, taken) != taken);
            if news && taken {
                let (alive, port) = (&self.alive, self.config.port);
                warn(format_args!("another node took the name \"{alive}\" at epmd on port {port} while epmd was away: new peers will find that one"));
            }
            let nobody = matches!(missed, Missed::Nobody(_));
            if nobody && self.config.embedded && Instant::now() >= may_serve && self.serve().is_ok() {
                continue;
            }
            let pause = if lost.elapsed() < FRESH { RETRY_FRESH } else { RETRY_STALE };
            sleep(jittered(pause)).await;
        }
    }

    /// Serves epmd in this process; `AddrInUse` when somebody else was faster.
    fn serve(&mut self) -> io::Result<()> {
        self.server = None;
        self.server = Some(EpmdServer::start(&self.config)?);
        info(format_args!("no epmd on this host: serving port {} from this process", self.config.port));
        Ok(())
    }

    /// One registration at the first local epmd that answers.
    async fn attempt(&self, deadline: Instant) -> Result<(TcpStream, u32), Missed> {
        let (mut socket, peer) = timeout_at(deadline, self.connect())
            .await
            .unwrap_or_else(|_| Err(Missed::Failed(Error::Timeout("connecting to the local epmd".into()))))?;
        let mut received = Vec::with_capacity(8);
        let answer = exchange(&mut socket, &self.request, &mut received, wire::parse_alive2);
        match timeout_at(deadline, answer).await.unwrap_or(Err(Trouble::Late)) {
            Ok(Alive2Reply::Registered(creation)) => Ok((socket, creation)),
            Ok(Alive2Reply::Refused(_)) => Err(Missed::Taken),
            Err(trouble @ (Trouble::Lost(_) | Trouble::Closed)) => {
                Err(Missed::BrokenOff(trouble.into_error(peer)))
            }
            Err(trouble) => Err(Missed::Failed(trouble.into_error(peer))),
        }
    }

    async fn connect(&self) -> Result<(TcpStream, SocketAddr), Missed> {
        let mut failure = None;
        for address in self.config.local_addresses() {
            let peer = SocketAddr::new(address, self.config.port);
            match TcpStream::connect(peer).await {
                Ok(socket) if is_local(&socket, address) => return Ok((socket, peer)),
                Ok(_) => {}
                Err(error) => failure = failure.or(Some(Trouble::Unreachable(error).into_error(peer))),
            }
        }
        Err(Missed::Nobody(failure.unwrap_or_else(|| super::late("this host"))))
    }
}

/// True when the connection stays on this host: epmd lets only those register.
fn is_local(socket: &TcpStream, peer: IpAddr) -> bool {
    peer.is_loopback() || socket.local_addr().is_ok_and(|ours| ours.ip() == peer)
}

/// A creation of 1..3 repeats after three restarts; the clock does not.
fn lift(creation: u32) -> u32 {
    if creation >= LOWEST_WIDE_CREATION {
        return creation;
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32);
    seconds.max(LOWEST_WIDE_CREATION)
}

/// 0.75 to 1.25 of `pause`, so that the nodes of a host do not move in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.75 + 0.5 * random_unit())
}

/// A number in 0..1; without a source of randomness the middle will do.
fn random_unit() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}
