//! The node: names, processes, peers.
//!
//! ```no_run
//! use erlnode::{Config, Node};
//! let node = Node::start(Config::new("worker@localhost").cookie("secret"))?;
//! let mailbox = node.mailbox(Default::default())?;
//! mailbox.register("pong")?;
//! let message = mailbox.recv(None)?;
//! println!("{}", message.term()?);
//! # Ok::<(), erlnode::Error>(())
//! ```

mod aliases;
pub mod config;
mod cookies;
pub(crate) mod crowd;
pub mod discovery;
pub mod events;
mod exports;
mod host;
mod identity;
mod keeper;
pub(crate) mod links;
pub mod mailbox;
pub mod message;
#[cfg(any(test, fuzzing))]
pub mod model;
mod monitors;
mod peers;
pub mod process;
mod registry;
pub(crate) mod relations;
pub(crate) mod request;
pub(crate) mod router;
pub mod send;
mod signals;
#[cfg(test)]
mod simulation;
pub mod spawn;
mod table;
mod ticktime;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::net::epmd::{EpmdConfig, Registration};
use crate::net::link::{DownReason, Link};
use crate::net::listen;
use crate::net::tls::Credentials;
use crate::node::config::Config;
use crate::node::cookies::Cookies;
use crate::node::events::Events;
use crate::node::exports::Exports;
use crate::node::identity::Identity;
use crate::node::mailbox::{Mailbox, MailboxOptions};
pub(crate) use crate::node::peers::random_u32;
use crate::node::peers::Peers;
use crate::node::process::Process;
use crate::node::registry::Registry;
use crate::node::spawn::Request;
use crate::proto::epmd::NodeInfo;
use crate::runtime::{self, Runtime};
use crate::term::{Atom, Pid, Reference};

/// The name of a node without a name.
const NO_NODE: &str = "nonode@nohost";

/// The name of a node that asks the first peer it calls for one, as `erl -name undefined`.
const UNDEFINED: &str = "undefined";

/// How long stopping waits for peers to take what was sent to them, and to hang up; no exit of a program takes longer than a
/// second.
const FAREWELL: Duration = Duration::from_millis(500);

/// Smallest creation used: lower ones are reserved for old peers.
pub(crate) const MIN_CREATION: u32 = 4;

/// How long leaving waits for epmd.
const LEAVE_WAIT: Duration = Duration::from_millis(500);

/// Which peers to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFilter {
    /// Connected and visible on both sides: what `nodes()` gives.
    Visible,
    /// Connected and hidden.
    Hidden,
    /// All connected ones.
    Connected,
    /// All that were ever heard of.
    Known,
    /// This node itself.
    This,
}

/// Everything a node consists of; services and the FFI hold it by [`Node`].
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) epmd: EpmdConfig,
    /// Connections are made over TLS, all of them.
    pub(crate) tls: Option<Arc<Credentials>>,
    pub(crate) citizen: Arc<dyn Citizen>,
    identity: RwLock<Identity>,
    pub(crate) processes: Registry,
    pub(crate) peers: Peers,
    /// Handshakes of callers and the names they came with.
    callers: Mutex<HashMap<u64, Atom>>,
    pub(crate) cookies: Cookies,
    pub(crate) events: Events,
    crowds: crowd::Crowds,
    pub(crate) exports: Exports,
    /// By the number in their reference.
    pub(crate) aliases: RwLock<HashMap<u64, Arc<Process>>>,
    references: AtomicU64,
    reference_salt: u32,
    ticks: ticktime::Ticks,
    allow: RwLock<Option<Vec<Atom>>>,
    /// Nodes that are kept connected.
    kept: Mutex<HashSet<Atom>>,
    discoveries: Mutex<Vec<discovery::Discovery>>,
    /// Held while both sides of a link between two local processes change.
    pub(crate) local_links: Mutex<()>,
    stopped: AtomicBool,
    /// Whether a peer, known by name and creation, expects `{ok, State}` of `sys:get_state`, or the bare state;
    /// `None` while it is being asked.
    pub(crate) state_forms: Mutex<HashMap<(Atom, u32), Option<bool>>>,
    tasks: Mutex<Vec<AbortHandle>>,
    registration: Mutex<Option<Registration>>,
    port: Mutex<Option<u16>>,
}

/// A node of a cluster, or `nonode@nohost`. Clones are the same node; it stops by [`Node::stop`], or when the last clone
/// and the last mailbox are gone.
#[derive(Clone)]
pub struct Node {
    shared: Arc<Shared>,
}

/// Stops the node when the last handle goes.
struct Shared {
    inner: Arc<Inner>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.inner.stop();
    }
}

/// What a citizen does beyond messages: the services of `service`, which stands right of this module.
pub(crate) trait Citizen: Send + Sync {
    /// Starts the processes that every node has.
    fn start(&self, node: &Arc<Inner>) -> Result<()>;
    /// Runs a function that every node has; gives the request back if it is none of them.
    fn call(&self, node: &Arc<Inner>, request: Request) -> Option<Request>;
    /// A connection came up. Nothing that it brings has been delivered yet; sends to the peer work. Must not wait.
    fn peer_up(&self, node: &Arc<Inner>, peer: &Atom, visible: bool);
    /// A connection ended. All that it brought was delivered, links and monitors have fired, and the peer is not connected
    /// again before this returns. Must not wait.
    fn peer_down(&self, node: &Arc<Inner>, peer: &Atom, visible: bool, reason: &DownReason);
    /// The services themselves, for their own functions.
    fn as_any(&self) -> &dyn std::any::Any;
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Node({})", self.name())
    }
}

impl Node {
    /// Starts a node with these services; `service` offers it as `Node::start`.
    pub(crate) fn boot(config: Config, citizen: Arc<dyn Citizen>) -> Result<Node> {
        let runtime = runtime::current()?;
        let starting = runtime.spawn(Node::boot_async(config, citizen, runtime.clone()));
        match runtime.wait(starting, None, false) {
            Some(Ok(started)) => started,
            _ => Err(Error::Internal("starting a node".into())),
        }
    }

    pub(crate) async fn boot_async(
        config: Config,
        citizen: Arc<dyn Citizen>,
        runtime: Arc<Runtime>,
    ) -> Result<Node> {
        runtime.set_busy_wait(config.busy_wait);
        let name = match config.name.as_str() {
            "" | UNDEFINED => None,
            text => Some(host::full_name(text, config.names)?),
        };
        let alive = name.is_some();
        let atom = match &name {
            Some(name) => Atom::new(name.as_str())?,
            None => Atom::from_static(NO_NODE),
        };
        let epmd = config.epmd.clone().map_or_else(EpmdConfig::from_env, Ok)?;
        let tls = config.tls.clone().map(Credentials::load).transpose()?.map(Arc::new);
        let inner = Arc::new(Inner {
            epmd,
            tls,
            cookies: Cookies::load(&config.cookie)?,
            ticks: ticktime::Ticks::new(config.ticktime),
            allow: RwLock::new(config.allow.clone()),
            kept: Mutex::default(),
            discoveries: Mutex::default(),
            local_links: Mutex::default(),
            config,
            runtime,
            citizen,
            identity: RwLock::new(Identity { name, atom, creation: 0, granted_by: None }),
            processes: Registry::default(),
            peers: Peers::default(),
            callers: Mutex::default(),
            events: Events::default(),
            crowds: crowd::Crowds::default(),
            exports: Exports::default(),
            aliases: RwLock::default(),
            references: AtomicU64::new(1),
            reference_salt: random_u32()?,
            stopped: AtomicBool::new(false),
            state_forms: Mutex::default(),
            tasks: Mutex::default(),
            registration: Mutex::default(),
            port: Mutex::default(),
        });
        let node = Node { shared: Arc::new(Shared { inner }) };
        node.inner().citizen.start(node.inner())?;
        if alive {
            node.inner().go_online().await?;
        }
        for peer in &node.inner().config.keep_connected {
            node.keep_connected(peer)?;
        }
        Ok(node)
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.shared.inner
    }

    /// Its name; `nonode@nohost` while it has none.
    pub fn name(&self) -> Atom {
        self.inner().name()
    }

    /// True if it has a name.
    pub fn is_alive(&self) -> bool {
        self.inner().node_name().is_some()
    }

    /// What tells this life of the node from earlier ones of the same name.
    pub fn creation(&self) -> u32 {
        self.inner().creation()
    }

    /// The port it listens on.
    pub fn port(&self) -> Option<u16> {
        *self.inner().port.lock()
    }

    /// True while the epmd of this host is served by this node.
    pub fn serves_epmd(&self) -> bool {
        self.inner().registration.lock().as_ref().is_some_and(Registration::hosts_epmd)
    }

    /// A new mailbox.
    pub fn mailbox(&self, options: MailboxOptions) -> Result<Mailbox> {
        self.inner().check_running()?;
        Mailbox::create(self, options)
    }

    /// Connects to `node`; true at once if it is connected.
    pub fn connect(&self, node: &str, timeout: Option<Duration>) -> Result<()> {
        let node = Atom::new(node)?;
        let task = self.inner().clone();
        self.inner().block(timeout, "connecting", async move { task.connect(&node).await })?
    }

    /// [`connect`](Self::connect), awaited on any executor.
    pub async fn connect_async(&self, node: &str) -> Result<()> {
        let node = Atom::new(node)?;
        let inner = self.inner().clone();
        let task = self.inner().runtime.spawn(async move { inner.connect(&node).await });
        task.await.unwrap_or(Err(Error::Closed("node")))
    }

    /// Ends the connection to `node`; false if there is none.
    pub fn disconnect(&self, node: &str) -> Result<bool> {
        let node = Atom::new(node)?;
        let task = self.inner().clone();
        self.inner().block(None, "disconnecting", async move { task.disconnect(&node).await })
    }

    /// Names of other nodes.
    pub fn nodes(&self, filter: NodeFilter) -> Vec<Atom> {
        self.inner().nodes(filter)
    }

    /// How many different atoms `peer` got from this node in its present life; `None` while it is not connected. See
    /// [`Config::atom_limit`].
    pub fn atoms_sent(&self, peer: &str) -> Option<usize> {
        let link = self.inner().peers.link(&Atom::new(peer).ok()?)?;
        Some(link.atoms_sent())
    }

    /// Sets the cookie for all peers without one of their own (`None`) or for one peer. Existing connections stay.
    pub fn set_cookie(&self, peer: Option<&str>, cookie: &str) -> Result<()> {
        self.inner().cookies.set(peer.map(Atom::new).transpose()?, cookie)
    }

    /// The cookie for a peer, or the default one. Handle with care: it is the key to the whole cluster.
    pub fn cookie(&self, peer: Option<&str>) -> Result<zeroize::Zeroizing<String>> {
        let cookie = match peer {
            None => self.inner().cookies.default_cookie(),
            Some(peer) => self.inner().cookies.for_peer(&Atom::new(peer)?),
        };
        Ok(zeroize::Zeroizing::new(cookie.expose().iter().map(|byte| char::from(*byte)).collect()))
    }

    /// Reads the files of its TLS options again, for connections made from now on. They are also read again when they have
    /// changed; this tells what is wrong with them.
    ///
    /// # Errors
    /// A file cannot be used: the old certificates stay in force. [`Error::Argument`] for a node without TLS.
    pub fn reload_tls(&self) -> Result<()> {
        match &self.inner().tls {
            Some(credentials) => credentials.reload(),
            None => Err(Error::argument("this node has no TLS options")),
        }
    }

    /// The pid registered as `name` on this node.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        let name = Atom::new(name).ok()?;
        self.inner().processes.whereis(&name).map(|process| self.inner().pid_of(&process))
    }

    /// How many mailboxes and processes that serve requests live here, those of the node itself included. The limit is
    /// 268,435,455.
    pub fn process_count(&self) -> usize {
        self.inner().processes.len()
    }

    /// Allows these nodes, and no others, to be connected: `name@host`, `host` or `name@`, as `net_kernel:allow/1`. Later
    /// calls add to the list; it cannot shrink. Connections that exist stay.
    pub fn allow(&self, nodes: &[&str]) -> Result<()> {
        let mut more = nodes.iter().map(|node| Atom::new(node)).collect::<Result<Vec<_>, _>>()?;
        self.inner().allow.write().get_or_insert_with(Vec::new).append(&mut more);
        Ok(())
    }

    /// Takes `name` away from whoever has it; false if nobody does.
    pub fn unregister(&self, name: &str) -> bool {
        Atom::new(name).is_ok_and(|name| self.inner().processes.unregister(&name).is_some())
    }

    /// All registered names.
    pub fn registered(&self) -> Vec<Atom> {
        self.inner().processes.names()
    }

    /// A reference that no one else has.
    pub fn make_ref(&self) -> Reference {
        self.inner().make_ref()
    }

    /// Withdraws an export. `None` is the entry for any arity.
    pub fn unexport(&self, module: &str, function: &str, arity: Option<u32>) -> Result<bool> {
        let (module, function) = (Atom::new(module)?, Atom::new(function)?);
        Ok(self.inner().exports.remove(&module, &function, arity.unwrap_or(spawn::ANY_ARITY)))
    }

    /// Leaves the cluster: connections and the epmd entry end, mailboxes close with reason `shutdown`.
    pub fn stop(&self) {
        self.inner().stop();
    }
}

/// Refuses what is not exactly one term: the peer would drop the whole connection for it.
pub(crate) fn check_term(encoded: &[u8]) -> Result<()> {
    let length = crate::term::validate(encoded, &[])?;
    match length == encoded.len() {
        true => Ok(()),
        false => {
            Err(Error::argument("more than one term was given (a leading version byte 131 must be left out)"))
        }
    }
}

impl Inner {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn check_running(&self) -> Result<()> {
        if self.runtime.is_forked() {
            return Err(Error::Forked);
        }
        match self.is_stopped() {
            true => Err(Error::Closed("node")),
            false => Ok(()),
        }
    }

    pub(crate) fn nodes(&self, filter: NodeFilter) -> Vec<Atom> {
        match filter {
            NodeFilter::Known => self.peers.known(),
            NodeFilter::This => vec![self.name()],
            _ => {
                let links = self.peers.links();
                let wanted = |link: &&Arc<Link>| match filter {
                    NodeFilter::Visible => link.visible,
                    NodeFilter::Hidden => !link.visible,
                    _ => true,
                };
                links.iter().filter(wanted).map(|link| link.peer.clone()).collect()
            }
        }
    }

    /// Runs `future` on the runtime and waits for it on this thread.
    pub(crate) fn block<F>(
        &self,
        timeout: Option<Duration>,
        step: &'static str,
        future: F,
    ) -> Result<F::Output>
    where
        F: std::future::Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.check_running()?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let task = self.runtime.spawn(future);
        match self.runtime.wait(task, deadline, false) {
            None => Err(Error::Timeout(step.into())),
            Some(Err(_)) => Err(Error::Closed("node")),
            Some(Ok(output)) => Ok(output),
        }
    }

    /// Opens the port and registers the name.
    async fn go_online(self: &Arc<Self>) -> Result<()> {
        let name = self.node_name().ok_or(Error::NotAlive)?;
        let mut creation = random_u32()?.max(MIN_CREATION);
        if self.config.listen {
            let any: IpAddr =
                if self.config.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
            let listener = listen::bind(self.config.listen_address.unwrap_or(any), self.config.ports)?;
            let port = listener
                .local_addr()
                .map_err(|error| Error::io("cannot read the listening port", &error))?
                .port();
            *self.port.lock() = Some(port);
            if self.config.use_epmd {
                let info = NodeInfo::new(name.alive(), port).hidden(!self.config.visible);
                let registration = Registration::start(self.epmd.clone(), info).await?;
                creation = registration.creation().max(MIN_CREATION);
                *self.registration.lock() = Some(registration);
            }
            self.identity.write().creation = creation;
            let task = tokio::spawn(listen::accept_all(listener, self.clone()));
            self.tasks.lock().push(task.abort_handle());
        }
        self.identity.write().creation = creation;
        Ok(())
    }

    /// Keeps a task that ends with the node.
    pub(crate) fn own_task(&self, task: AbortHandle) {
        self.tasks.lock().push(task);
    }

    /// `monitor_node(Node, true)`.
    pub(crate) fn monitor_node(self: &Arc<Self>, process: &Arc<Process>, node: Atom) {
        self.events.watch(node.clone(), process.clone());
        if self.is_our_name(&node) || self.peers.link(&node).is_some() {
            return;
        }
        let inner = self.clone();
        self.runtime.spawn(async move {
            if !inner.may_auto_connect(&node) || inner.connect(&node).await.is_err() {
                inner.events.down_once(&node);
            }
        });
    }

    pub(crate) fn stop(self: &Arc<Self>) {
        if self.stopped.swap(true, Ordering::AcqRel) || self.runtime.is_forked() {
            return;
        }
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
        for discovery in self.discoveries.lock().drain(..) {
            discovery.stop();
        }
        self.end_all(&bytes::Bytes::from_static(b"\x77\x08shutdown"));
        self.peers.stop();
        let links = self.peers.links();
        if tokio::runtime::Handle::try_current().is_err() {
            let deadline = Instant::now() + FAREWELL;
            links.iter().for_each(|link| link.drain(deadline));
            links.iter().for_each(|link| link.leave(DownReason::Stopped));
            links.iter().for_each(|link| link.left(deadline));
        } else {
            links.iter().for_each(|link| link.close(DownReason::Stopped));
        }
        let registration = self.registration.lock().take();
        if let Some(registration) = registration {
            // Until epmd has seen it, the name is in use; a program that starts again at once must not meet itself.
            let gone = self.runtime.spawn(registration.stop());
            if tokio::runtime::Handle::try_current().is_err() {
                self.runtime.wait(gone, Some(Instant::now() + LEAVE_WAIT), false);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.runtime.is_forked() {
            // Sockets and tasks belong to the parent.
            if let Some(registration) = self.registration.lock().take() {
                std::mem::forget(registration);
            }
            return;
        }
        for task in self.tasks.lock().drain(..) {
            task.abort();
        }
    }
}
