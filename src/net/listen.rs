//! Being called: the listening socket, and the handshake of whoever comes in.
//!
//! The accept loop never waits for anybody: each caller gets a task and one deadline. Half-open callers are bounded in
//! all and per address, the oldest making room; running out of descriptors pauses the loop and never ends it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::log;
use crate::net::tls::{self, Credentials, Direction};
use crate::net::transport::{speaks_tls, Transport};
use crate::proto::handshake::{Acceptor, AcceptorParams, Decision, Established, Hello, PeerName, Step};

/// Callers in the handshake at a time; a real cluster has a handful.
const MAX_HALF_OPEN: usize = 256;
/// The same from one address: a single host cannot keep the others out.
const MAX_HALF_OPEN_PER_ADDRESS: usize = 32;
/// Pause after accept failed for lack of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Callers the kernel holds while we are busy.
const BACKLOG: u32 = 1024;

/// Who decides about callers.
pub(crate) trait Gate: Send + Sync + 'static {
    /// Our side of a handshake that begins now.
    fn params(&self, attempt: u64) -> Result<AcceptorParams>;
    /// May this caller come in? `attempt` names the handshake in the later calls.
    fn decide(&self, attempt: u64, hello: &Hello) -> Decision;
    /// A caller that replaces a connection has proved itself: ends the old one and returns when it is gone.
    fn replace(&self, attempt: u64) -> impl std::future::Future<Output = ()> + Send;
    /// The handshake succeeded.
    fn welcome(self: &Arc<Self>, attempt: u64, transport: Transport, peer: Established);
    /// It failed, or its time was over.
    fn farewell(self: &Arc<Self>, attempt: u64, remote: SocketAddr, error: Option<Error>);
    /// What callers are met with where TLS is wanted.
    fn tls(&self) -> Option<Arc<Credentials>>;
    /// Whether there is an allow-list.
    fn is_choosy(&self) -> bool;
    /// A number no other attempt has.
    fn next_attempt(&self) -> u64;
    /// Time for a whole handshake.
    fn setup_time(&self) -> Duration;
}

/// Opens the listening socket on the first free port of the range.
pub(crate) fn bind(address: IpAddr, ports: (u16, u16)) -> Result<TcpListener> {
    let mut last = None;
    for port in ports.0..=ports.1.max(ports.0) {
        match bind_to(SocketAddr::new(address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some((port, error)),
        }
    }
    let (port, error) = last.unwrap_or((ports.0, std::io::Error::other("empty port range")));
    Err(Error::io(format!("cannot listen on {} (last tried port {port})", address), &error))
}

fn bind_to(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts until the task is aborted.
pub(crate) async fn accept_all<G: Gate>(listener: TcpListener, gate: Arc<G>) {
    let half_open = Arc::new(HalfOpen::default());
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(transport) = Transport::new(stream) else { continue };
        let attempt = gate.next_attempt();
        let (gate, table) = (gate.clone(), half_open.clone());
        let entered = Entered { half_open: half_open.clone(), attempt };
        let task = tokio::spawn(async move {
            let _entered = entered;
            serve(gate, attempt, transport, remote).await;
        });
        table.add(attempt, remote.ip(), task.abort_handle());
    }
}

/// Reports a handshake whose task was aborted to make room.
struct Report<'a, G: Gate> {
    gate: &'a Arc<G>,
    attempt: u64,
    remote: SocketAddr,
    done: bool,
}

impl<G: Gate> Drop for Report<'_, G> {
    fn drop(&mut self) {
        if !self.done {
            self.gate.farewell(self.attempt, self.remote, None);
        }
    }
}

async fn serve<G: Gate>(gate: Arc<G>, attempt: u64, mut transport: Transport, remote: SocketAddr) {
    let mut report = Report { gate: &gate, attempt, remote, done: false };
    let greeting = greet(&*gate, attempt, &mut transport, remote);
    let outcome = tokio::time::timeout(gate.setup_time(), greeting).await;
    report.done = true;
    match outcome {
        Ok(Ok(established)) => gate.welcome(attempt, transport, established),
        Ok(Err(error)) => gate.farewell(attempt, remote, Some(error)),
        Err(_) => gate.farewell(
            attempt,
            remote,
            Some(Error::Timeout("the caller did not finish its handshake".into())),
        ),
    }
}

async fn greet<G: Gate>(
    gate: &G,
    attempt: u64,
    transport: &mut Transport,
    remote: SocketAddr,
) -> Result<Established> {
    let failed = |why: String| Error::Tls { node: remote.to_string(), why };
    let credentials = gate.tls();
    if let Some(credentials) = &credentials {
        transport.secure(credentials.answer()?).await.map_err(|error| {
            match tls::explain(&error, Direction::Called) {
                Some(why) => failed(why),
                None => Error::io("the caller went away during the TLS handshake", &error),
            }
        })?;
    }
    let mut machine = Acceptor::new(gate.params(attempt)?);
    let mut buffer = BytesMut::with_capacity(512);
    let mut first = credentials.is_none();
    loop {
        match machine.next_step()? {
            Step::Send(bytes) => transport
                .writer
                .send_all(&bytes)
                .await
                .map_err(|error| Error::io("the caller went away during the handshake", &error))?,
            Step::NeedMore => match transport.reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return Err(machine.eof().into()),
                Ok(_) if std::mem::take(&mut first) && speaks_tls(&buffer) => {
                    return Err(failed("it speaks TLS, and this node has no TLS options".into()))
                }
                Ok(_) => machine.feed(&buffer.split()),
            },
            Step::Ask(hello) => {
                let host = match &hello.name {
                    PeerName::Node(name) => name.host(),
                    PeerName::Dynamic { host } => host,
                };
                let admitted = match (&credentials, transport.session()) {
                    (Some(credentials), Some(session)) => credentials.admits(session, host, gate.is_choosy()),
                    _ => true,
                };
                match admitted {
                    true => machine.decide(gate.decide(attempt, &hello)),
                    false => {
                        log::warn(format_args!(
                            "a caller from {remote} was refused: its certificate is not for {host}, the host of its node name"
                        ));
                        machine.decide(Decision::NotAllowed);
                    }
                }
            }
            Step::KillOld => {
                gate.replace(attempt).await;
                machine.old_gone();
            }
            Step::Done(established) => return Ok(established),
            Step::Alive => return Err(Error::Internal("the handshake of a called node".into())),
        }
    }
}

/// The handshakes under way, oldest first.
#[derive(Default)]
struct HalfOpen {
    callers: Mutex<VecDeque<(u64, IpAddr, AbortHandle)>>,
}

impl HalfOpen {
    fn add(&self, attempt: u64, address: IpAddr, task: AbortHandle) {
        let mut callers = self.callers.lock();
        if task.is_finished() {
            return;
        }
        let same = callers.iter().filter(|(_, other, _)| *other == address).count();
        let evicted = if same >= MAX_HALF_OPEN_PER_ADDRESS {
            callers.iter().position(|(_, other, _)| *other == address)
        } else {
            (callers.len() >= MAX_HALF_OPEN).then_some(0)
        };
        let evicted = evicted.and_then(|place| callers.remove(place));
        callers.push_back((attempt, address, task));
        drop(callers);
        if let Some((_, _, task)) = evicted {
            task.abort();
        }
    }
}

/// Takes a handshake off the table when its task ends, however it ends.
struct Entered {
    half_open: Arc<HalfOpen>,
    attempt: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.half_open.callers.lock().retain(|(attempt, _, _)| *attempt != self.attempt);
    }
}
