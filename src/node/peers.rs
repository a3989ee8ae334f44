//! The other nodes: who is connected, who is being connected, who waits for it (protocol sections 3.2, 3.3).
//!
//! One attempt per peer and direction; of two crossing attempts the one started by the greater name survives.
//! Always true: a peer has at most one link; its old link is reported down before a new one is reported up; everybody
//! who waits for a connection is told how it ended.

mod callers;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::error::{copied, Error, Result};
use crate::log;
use crate::net::dial::{self, DialError, Route};
use crate::net::link::{DownReason, Link, LinkParams};
use crate::net::transport::Transport;
use crate::node::config::AutoConnect;
use crate::node::crowd::About;
use crate::node::signals::{Unsent, Waiting};
use crate::node::Inner;
use crate::proto::control::Control;
use crate::proto::flags::Flags;
use crate::proto::handshake::{Established, Framing, InitiatorParams, OurName};
use crate::proto::header::AtomCensus;
use crate::proto::name::NodeName;
use crate::term::{Atom, Pid};

/// How long we wait for the peer's own call after it answered ours with `nok`.
const THEIR_CALL_WAIT: Duration = Duration::from_secs(2);

/// Names of nodes that were connected or called; who invents more is refused.
const MAX_KNOWN: usize = 100_000;

/// All other nodes.
#[derive(Default)]
pub(crate) struct Peers {
    entries: Mutex<HashMap<Atom, Entry>>,
    /// The links that are up, for the sending path.
    links: RwLock<HashMap<Atom, Arc<Link>>>,
    attempts: AtomicU64,
    /// Challenges that we issued and that still wait for an answer, so that none is accepted as a peer's.
    challenges: Mutex<HashMap<u64, u32>>,
}

#[derive(Default)]
struct Entry {
    up: Option<Arc<Link>>,
    pending: Option<Attempt>,
    /// A handshake that wants to replace `up`.
    replacing: Option<u64>,
    waiters: Vec<oneshot::Sender<Result<()>>>,
    /// Signals for the connection that is being made, in order.
    signals: Vec<Waiting>,
    /// A name that we granted; it is forgotten with its connection.
    granted: bool,
    /// The atoms that the life of the peer with this creation got from us.
    census: Option<(u32, AtomCensus)>,
    /// Was connected once and lost; `AutoConnect::Once` asks.
    lost: bool,
}

struct Attempt {
    id: u64,
    /// Aborts our own call; a caller's handshake ends by itself when it finds another id here.
    ours: Option<AbortHandle>,
    /// It has a socket: the other side may know of it.
    opened: Arc<AtomicBool>,
}

impl Attempt {
    /// A caller's handshake.
    fn theirs(id: u64) -> Attempt {
        Attempt { id, ours: None, opened: Arc::new(AtomicBool::new(true)) }
    }
}

/// A challenge that waits for its answer; forgotten when dropped.
struct Issued<'a> {
    peers: &'a Peers,
    attempt: u64,
}

impl<'a> Issued<'a> {
    fn new(peers: &'a Peers, attempt: u64, challenge: u32) -> Issued<'a> {
        peers.challenges.lock().insert(attempt, challenge);
        Issued { peers, attempt }
    }
}

impl Drop for Issued<'_> {
    fn drop(&mut self) {
        self.peers.challenges.lock().remove(&self.attempt);
    }
}

impl Peers {
    pub(crate) fn link(&self, node: &Atom) -> Option<Arc<Link>> {
        self.links.read().get(node).cloned()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.read().values().cloned().collect()
    }

    pub(crate) fn known(&self) -> Vec<Atom> {
        self.entries.lock().keys().cloned().collect()
    }

    /// The attempt failed: tells those who wait, and gives the signals back that will not be sent.
    #[must_use]
    fn fail(&self, node: &Atom, attempt: u64, error: &Error) -> Vec<Waiting> {
        let mut entries = self.entries.lock();
        let Some(entry) = entries.get_mut(node) else { return Vec::new() };
        if entry.replacing == Some(attempt) {
            entry.replacing = None;
        }
        if entry.pending.as_ref().is_none_or(|pending| pending.id != attempt) {
            return Vec::new();
        }
        let theirs = entry.pending.take().is_some_and(|pending| pending.ours.is_none());
        let waiters = std::mem::take(&mut entry.waiters);
        let signals = std::mem::take(&mut entry.signals);
        // A stranger's name is worth nothing: remembering those would fill the table for everybody else.
        let stranger = theirs && !entry.lost;
        if (entry.granted || stranger) && entry.up.is_none() && entry.replacing.is_none() {
            entries.remove(node);
        }
        drop(entries);
        for waiter in waiters {
            let _ = waiter.send(Err(error.clone()));
        }
        signals
    }

    /// Nothing is waited for any more: the node stops.
    pub(crate) fn stop(&self) {
        let mut waiters = Vec::new();
        for entry in self.entries.lock().values_mut() {
            if let Some(attempt) = entry.pending.take() {
                attempt.ours.inspect(AbortHandle::abort);
            }
            entry.signals.clear();
            waiters.append(&mut entry.waiters);
        }
        for waiter in waiters {
            let _ = waiter.send(Err(Error::Closed("node")));
        }
    }

    fn is_pending(&self, node: &Atom, attempt: u64) -> bool {
        let entries = self.entries.lock();
        entries
            .get(node)
            .and_then(|entry| entry.pending.as_ref())
            .is_some_and(|pending| pending.id == attempt)
    }
}

impl Inner {
    /// Connects, or finds that it is connected. Joins an attempt that is under way.
    pub(crate) async fn connect(self: &Arc<Self>, node: &Atom) -> Result<()> {
        if self.is_our_name(node) {
            return Ok(());
        }
        loop {
            if self.peers.link(node).is_some() {
                return Ok(());
            }
            let ending = {
                let mut entries = self.peers.entries.lock();
                let entry = self.entry(&mut entries, node)?;
                match &entry.up {
                    Some(link) if !link.is_closing() => return Ok(()),
                    Some(link) => Err(link.clone()),
                    None => {
                        let (sender, receiver) = oneshot::channel();
                        entry.waiters.push(sender);
                        self.begin(entry, node)?;
                        Ok(receiver)
                    }
                }
            };
            match ending {
                Ok(receiver) => return receiver.await.unwrap_or(Err(Error::Closed("node"))),
                // Its end is still being told; the next connection comes after that.
                Err(link) => link.gone().await,
            }
        }
    }

    /// The entry of a node that may be called.
    fn entry<'e>(&self, entries: &'e mut HashMap<Atom, Entry>, node: &Atom) -> Result<&'e mut Entry> {
        if self.is_stopped() {
            return Err(Error::Closed("node"));
        }
        self.check_callable(&NodeName::new(node.as_str())?)?;
        if entries.len() >= MAX_KNOWN && !entries.contains_key(node) {
            return Err(Error::Limit("100000 node names are known: no further ones are accepted".into()));
        }
        Ok(entries.entry(node.clone()).or_default())
    }

    /// Calls the node unless that is under way.
    fn begin(self: &Arc<Self>, entry: &mut Entry, node: &Atom) -> Result<()> {
        if entry.pending.is_none() {
            let peer = NodeName::new(node.as_str())?;
            let id = self.peers.attempts.fetch_add(1, Ordering::Relaxed);
            let opened = Arc::new(AtomicBool::new(false));
            let task = self.runtime.spawn(self.clone().call(id, node.clone(), peer, opened.clone()));
            entry.pending = Some(Attempt { id, ours: Some(task.abort_handle()), opened });
        }
        Ok(())
    }

    /// A signal to a node without a link: it waits for the connection that is being made, or with `connect` for one that
    /// is begun now.
    pub(crate) fn queue_signal(
        self: &Arc<Self>,
        sender: Option<&Pid>,
        node: &Atom,
        control: Control,
        payload: Option<&[u8]>,
        connect: bool,
    ) -> Result<(), Box<Unsent>> {
        let mut entries = self.peers.entries.lock();
        if let Some(link) = entries.get(node).and_then(|entry| entry.up.clone()) {
            drop(entries);
            return self.put(&link, sender, control, payload);
        }
        let waiting =
            entries.get(node).is_some_and(|entry| entry.pending.is_some() && !entry.signals.is_empty());
        let lost = entries.get(node).is_some_and(|entry| entry.lost);
        if !(waiting || connect && self.may_connect(lost)) {
            return Err(Unsent::unconnected(control));
        }
        let queued = self.entry(&mut entries, node).and_then(|entry| self.begin(entry, node).map(|()| entry));
        match queued {
            Err(_) => Err(Unsent::unconnected(control)),
            Ok(entry) => {
                let (sender, payload) = (sender.cloned(), payload.map(copied).map(Bytes::from));
                entry.signals.push(Waiting { sender, control, payload });
                Ok(())
            }
        }
    }

    /// An attempt failed.
    fn give_up(self: &Arc<Self>, node: &Atom, attempt: u64, error: &Error) {
        for signal in self.peers.fail(node, attempt, error) {
            self.unsent(*Unsent::unconnected(signal.control));
        }
    }

    fn check_callable(&self, peer: &NodeName) -> Result<()> {
        if !self.is_allowed(peer) {
            return Err(Error::Refused {
                node: peer.to_string(),
                why: "it is not on this node's allow-list".into(),
            });
        }
        match self.node_name() {
            Some(ours) => ours.check_call(peer),
            None if self.asks_for_name() => Ok(()),
            None => Err(Error::NotAlive),
        }
    }

    /// One call of ours, from epmd to the link.
    async fn call(self: Arc<Self>, id: u64, node: Atom, peer: NodeName, opened: Arc<AtomicBool>) {
        let deadline = dial::deadline(self.config.setup_time);
        let attempt = self.try_call(id, &node, &peer, deadline, &opened);
        let outcome = match tokio::time::timeout_at(deadline, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DialError::Failed(Error::Timeout(
                format!("{peer} did not finish the handshake within {:?}", self.config.setup_time).into(),
            ))),
        };
        let error = match outcome {
            Ok((transport, established)) => {
                self.establish(id, &node, transport, established);
                return;
            }
            Err(DialError::Failed(error)) => error,
            Err(DialError::TheirCallWins(error)) => {
                // Our attempt stays pending, so that their call finds it and takes it over.
                tokio::time::sleep(THEIR_CALL_WAIT).await;
                error
            }
        };
        log::debug(format_args!("no connection to {node}: {error}"));
        self.give_up(&node, id, &error);
    }

    async fn try_call(
        self: &Arc<Self>,
        id: u64,
        node: &Atom,
        peer: &NodeName,
        deadline: tokio::time::Instant,
        opened: &AtomicBool,
    ) -> Result<(Transport, Established), DialError> {
        let route = Route {
            peer,
            epmd: &self.epmd,
            known_port: self.config.peer_port,
            ipv6: self.config.ipv6,
            tls: self.tls.as_deref(),
            deadline,
        };
        let mut transport = dial::open(&route).await?;
        opened.store(true, Ordering::Relaxed);
        let ours = match self.node_name() {
            Some(name) => OurName::Node { name, creation: self.creation() },
            None => OurName::Dynamic { host: self.host()? },
        };
        let challenge = random_u32()?;
        // The attempt may be aborted at any point; its challenge goes with it.
        let _issued = Issued::new(&self.peers, id, challenge);
        let params = InitiatorParams {
            ours,
            flags: self.our_flags(),
            peer: peer.clone(),
            cookie: self.cookies.for_peer(node),
            challenge,
            framing: self.framing(),
        };
        let (issuer, current) = (self.clone(), self.clone());
        let established = dial::greet(
            &mut transport,
            params,
            move |number| issuer.peers.challenges.lock().values().any(|issued| *issued == number),
            || current.peers.is_pending(node, id),
        )
        .await?;
        Ok((transport, established))
    }

    /// Makes the link of a handshake that succeeded, if its attempt is still the one that counts.
    fn establish(self: &Arc<Self>, id: u64, node: &Atom, transport: Transport, established: Established) {
        let mut entries = self.peers.entries.lock();
        let Some(entry) = entries.get_mut(node) else { return };
        let pending = entry.pending.as_ref().is_some_and(|pending| pending.id == id);
        let replacing = entry.replacing == Some(id);
        if (!pending && !replacing) || entry.up.is_some() || self.is_stopped() {
            log::debug(format_args!("a second connection to {node} is dropped"));
            return;
        }
        if let Some(attempt) = entry.pending.take() {
            if attempt.id != id {
                attempt.ours.inspect(AbortHandle::abort);
            }
        }
        entry.replacing = None;
        self.adopt_name(&established, node);
        let params = LinkParams {
            peer: node.clone(),
            ours: Atom::new(established.ours.as_str()).unwrap_or_else(|_| self.name()),
            creation: established.creation,
            flags: established.flags,
            census: self.census(entry, established.creation),
            busy_limit: self.config.busy_limit,
            shared_rate: self.config.shared_rate,
            max_message: self.config.max_message,
            ticktime: self.ticks().0,
            patience: self.ticks().1,
            tick_intensity: self.config.tick_intensity,
        };
        let secured = transport.session().map(|session| format!(" over {}", session.describe()));
        let Transport { reader, writer } = transport;
        let link = Link::start(params, writer, self.runtime.clone());
        entry.up = Some(link.clone());
        let waiters = std::mem::take(&mut entry.waiters);
        let signals = std::mem::take(&mut entry.signals);
        // What waited goes first: nobody sees the link before.
        let sent = signals.into_iter().map(|Waiting { sender, control, payload }| {
            self.put(&link, sender.as_ref(), control, payload.as_deref())
        });
        let unsent: Vec<_> = sent.filter_map(Result::err).collect();
        self.peers.links.write().insert(node.clone(), link.clone());
        drop(entries);
        self.log_crowd(
            About::Up,
            log::Level::Info,
            &format!("connected to {node}{}", secured.unwrap_or_default()),
        );
        self.on_up(&link);
        link.read(reader, established.leftover, self.clone());
        for waiter in waiters {
            let _ = waiter.send(Ok(()));
        }
        for signal in unsent {
            self.unsent(*signal);
        }
    }

    /// What this life of the peer got on earlier connections.
    fn census(&self, entry: &mut Entry, creation: u32) -> AtomCensus {
        match entry.census.take() {
            Some((known, census)) if known == creation => census,
            _ => AtomCensus::new(self.config.atom_limit),
        }
    }

    /// A link has ended and everything it brought was delivered.
    pub(crate) fn link_down(self: &Arc<Self>, link: &Arc<Link>, reason: &DownReason) {
        {
            let mut links = self.peers.links.write();
            if links.get(&link.peer).is_some_and(|known| Arc::ptr_eq(known, link)) {
                links.remove(&link.peer);
            }
        }
        let line = format!("connection to {} ended: {}", link.peer, reason.text());
        match reason {
            // Somebody should look at a peer that does not speak the protocol, and at each.
            DownReason::Malformed(_) => log::log(log::Level::Warn, format_args!("{line}")),
            _ => self.log_crowd(About::Down, log::Level::Info, &line),
        }
        self.on_down(link, reason);
        let mut entries = self.peers.entries.lock();
        if let Some(entry) = entries.get_mut(&link.peer) {
            if entry.up.as_ref().is_some_and(|known| Arc::ptr_eq(known, link)) {
                entry.up = None;
                entry.lost = true;
                entry.census = Some((link.creation, link.take_census()));
                if let (Some(id), None) = (entry.replacing, &entry.pending) {
                    // The handshake that asked for the end of this link is now the attempt that others join.
                    entry.replacing = None;
                    entry.pending = Some(Attempt::theirs(id));
                }
                if entry.granted && entry.pending.is_none() && entry.replacing.is_none() {
                    entries.remove(&link.peer);
                }
            }
        }
        drop(entries);
        self.lose_granted_name(&link.peer);
    }

    /// Whether sending to `node` may connect.
    pub(crate) fn may_auto_connect(&self, node: &Atom) -> bool {
        self.may_connect(self.peers.entries.lock().get(node).is_some_and(|entry| entry.lost))
    }

    /// The same for a node of which it is known whether it was connected and lost.
    fn may_connect(&self, lost: bool) -> bool {
        match self.config.auto_connect {
            AutoConnect::Always => true,
            AutoConnect::Never => false,
            AutoConnect::Once => !lost,
        }
    }

    /// Ends the connection to `node`; false if there is none.
    pub(crate) async fn disconnect(&self, node: &Atom) -> bool {
        match self.peers.link(node) {
            Some(link) => {
                link.close(DownReason::Disconnect);
                link.gone().await;
                true
            }
            None => false,
        }
    }

    /// How long the lengths in a handshake are.
    fn framing(&self) -> Framing {
        match self.tls {
            Some(_) => Framing::Four,
            None => Framing::Two,
        }
    }

    fn our_flags(&self) -> Flags {
        let mut flags = if self.config.visible { Flags::VISIBLE_FULL } else { Flags::HIDDEN_FULL };
        if self.config.atom_cache {
            flags = flags.with(Flags::DIST_HDR_ATOM_CACHE);
        }
        flags
    }
}

#[cfg(test)]
impl Inner {
    /// Puts a link of the simulation up, as [`establish`](Self::establish) does after a handshake.
    pub(crate) fn plug(self: &Arc<Self>, link: &Arc<Link>) {
        self.peers.entries.lock().entry(link.peer.clone()).or_default().up = Some(link.clone());
        self.peers.links.write().insert(link.peer.clone(), link.clone());
        self.on_up(link);
    }
}

/// A number from the operating system's random source.
pub(crate) fn random_u32() -> Result<u32> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io {
        step: "cannot read the system's random source".into(),
        why: error.to_string(),
    })?;
    Ok(u32::from_ne_bytes(bytes))
}
