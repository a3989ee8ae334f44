//! Phoenix.PubSub 2.x by its PG2 adapter (protocol section 10.4): topics with subscribers on all nodes.
//!
//! A worker process per place in the pool is registered as the adapter's workers are, and is a member of the group of the
//! same name in scope `Phoenix.PubSub`. What another node broadcasts arrives at one of them as
//! `{forward_to_local, Topic, Message, Dispatcher}` and goes to the subscribers here. Our own broadcasts go to the first
//! worker of each other node.

use std::collections::HashMap as Map;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::{HashMap, HashSet};
use parking_lot::Mutex;

use crate::error::{copied, Error, Result};
use crate::log;
use crate::node::mailbox::Mailbox;
use crate::node::message::Message;
use crate::node::process::{Limits, Overflow, Process};
use crate::node::send::Target;
use crate::node::{check_term, Inner, Node};
use crate::service::pg::Pg;
use crate::service::{services, written};
use crate::term::{Atom, Pid, Reader, Term, Writer};

/// The scope of `pg` that the adapter uses.
const SCOPE: &str = "Elixir.Phoenix.PubSub";
/// Who hands messages to subscribers on the other side. A module that does not exist there would crash its worker.
const DISPATCHER: &str = "Elixir.Phoenix.PubSub";
/// Most workers of one name; real pools have as many as a machine has cores.
const MAX_POOL: usize = 1024;
/// What may wait for a worker. Beyond, connections wait.
const WORKER_LIMITS: Limits = Limits { bytes: 16 << 20, count: 65_536, overflow: Overflow::StopReading };
/// Subscriptions of ended processes are looked for when there are more than this and twice as many as after the last time.
const SWEEP_AT: usize = 1024;

/// The pubsubs of one node.
#[derive(Default)]
pub(crate) struct PubSubs {
    running: Mutex<Map<Atom, Arc<Hub>>>,
}

/// Who subscribed to what.
#[derive(Default)]
struct Subscriptions {
    topics: HashMap<Box<[u8]>, Vec<Arc<Process>>>,
    count: usize,
    sweep_at: usize,
}

impl Subscriptions {
    fn add(&mut self, topic: &[u8], process: Arc<Process>) {
        self.topics.entry(topic.into()).or_default().push(process);
        self.count += 1;
        if self.count > self.sweep_at.max(SWEEP_AT) {
            self.retain(|process| process.is_alive());
            self.sweep_at = self.count * 2;
        }
    }

    fn retain(&mut self, keep: impl Fn(&Arc<Process>) -> bool) {
        self.topics.retain(|_, subscribers| {
            subscribers.retain(&keep);
            !subscribers.is_empty()
        });
        self.count = self.topics.values().map(Vec::len).sum();
    }

    /// Ends all subscriptions of `process` to `topic`.
    fn remove(&mut self, topic: &[u8], process: &Arc<Process>) -> bool {
        let Some(subscribers) = self.topics.get_mut(topic) else { return false };
        let before = subscribers.len();
        subscribers.retain(|known| !Arc::ptr_eq(known, process));
        let removed = before - subscribers.len();
        if subscribers.is_empty() {
            self.topics.remove(topic);
        }
        self.count -= removed;
        removed > 0
    }
}

/// What the handles of one name share. It does not hold the node, whose services hold it.
struct Hub {
    /// The names of the workers and of their groups.
    workers: Vec<Atom>,
    subscriptions: Mutex<Subscriptions>,
    /// Nodes that sent what no worker understands, so that each is reported once.
    complained: Mutex<HashSet<Atom>>,
}

/// A Phoenix.PubSub of a node, by the name that the Elixir side gave it. Clones are the same.
#[derive(Clone)]
pub struct PubSub {
    node: Arc<Inner>,
    pg: Pg,
    hub: Arc<Hub>,
    dispatcher: Atom,
}

impl std::fmt::Debug for PubSub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PubSub({})", self.hub.workers[0])
    }
}

/// The names of the adapter's workers for a pubsub called `name`, an Elixir module such as `MyApp.PubSub`.
fn worker_names(name: &str, pool_size: usize) -> Result<Vec<Atom>> {
    if name.is_empty() || pool_size == 0 || pool_size > MAX_POOL {
        return Err(Error::argument("a pubsub needs a name, and a pool of 1 to 1024 workers"));
    }
    let adapter = format!("Elixir.{}.Adapter", name.strip_prefix("Elixir.").unwrap_or(name));
    let numbered = (2..=pool_size).map(|number| Atom::new(&format!("{adapter}_{number}")));
    std::iter::once(Atom::new(&adapter)).chain(numbered).collect()
}

impl Node {
    /// The Phoenix.PubSub of this name (`"MyApp.PubSub"`), started if it does not run. `pool_size` must be at least that of
    /// the other nodes, or some of their broadcasts miss this one; it counts when the pubsub is started.
    ///
    /// # Errors
    /// `Argument` for an empty name or an impossible pool; `NameTaken` if a mailbox has a worker's name; `Closed`.
    pub fn pubsub(&self, name: &str, pool_size: usize) -> Result<PubSub> {
        self.inner().check_running()?;
        let workers = worker_names(name, pool_size)?;
        let mut all = services(self.inner()).pubsub.running.lock();
        if let Some(hub) = all.get(&workers[0]) {
            return self.pubsub_of(hub.clone());
        }
        let hub = Hub { workers, subscriptions: Mutex::default(), complained: Mutex::default() };
        let pubsub = self.pubsub_of(Arc::new(hub))?;
        pubsub.start()?;
        all.insert(pubsub.hub.workers[0].clone(), pubsub.hub.clone());
        Ok(pubsub)
    }

    /// The Phoenix.PubSub of this name, if it was started.
    pub fn started_pubsub(&self, name: &str) -> Option<PubSub> {
        let workers = worker_names(name, 1).ok()?;
        let hub = services(self.inner()).pubsub.running.lock().get(&workers[0])?.clone();
        self.pubsub_of(hub).ok()
    }

    fn pubsub_of(&self, hub: Arc<Hub>) -> Result<PubSub> {
        let dispatcher = Atom::from_static(DISPATCHER);
        Ok(PubSub { node: self.inner().clone(), pg: self.pg(SCOPE)?, hub, dispatcher })
    }
}

impl PubSub {
    /// Starts all workers, or none.
    fn start(&self) -> Result<()> {
        let mut started = Vec::new();
        for name in &self.hub.workers {
            match self.worker(name) {
                Ok(process) => started.push(process),
                Err(error) => {
                    for process in started {
                        self.node.end(&process, Bytes::from_static(crate::node::links::NORMAL));
                    }
                    return Err(error);
                }
            }
        }
        for process in started {
            let task = self.node.runtime.spawn(work(self.clone(), process));
            self.node.own_task(task.abort_handle());
        }
        Ok(())
    }

    /// A process that is registered and in the group.
    fn worker(&self, name: &Atom) -> Result<Arc<Process>> {
        let process = self.node.processes.create(WORKER_LIMITS)?;
        process.protect();
        let pid = self.node.pid_of(&process);
        let registered = self.node.processes.register(name.clone(), &process);
        let joined = registered.and_then(|()| self.pg.join(&Term::Atom(name.clone()), &[pid]));
        if let Err(error) = joined {
            self.node.end(&process, Bytes::from_static(crate::node::links::NORMAL));
            return Err(error);
        }
        Ok(process)
    }

    /// Hands a message to the subscribers of a topic on this node, except for one; gives those that are full.
    fn dispatch(
        &self,
        topic: &[u8],
        message: &Bytes,
        except: Option<&Arc<Process>>,
    ) -> Vec<Arc<crate::net::link::Pause>> {
        let subscribers = match self.hub.subscriptions.lock().topics.get(topic) {
            Some(subscribers) => subscribers.clone(),
            None => return Vec::new(),
        };
        let wanted =
            subscribers.iter().filter(|process| !except.is_some_and(|except| Arc::ptr_eq(process, except)));
        wanted.filter_map(|process| self.node.deliver(process, None, None, message.clone())).collect()
    }

    fn complain(&self, from: Option<&Pid>) {
        let Some(from) = from else { return };
        let mut complained = self.hub.complained.lock();
        if complained.len() < 1024 && complained.insert(from.node.clone()) {
            drop(complained);
            log::warn(format_args!(
                "{}: {} sent something that is no broadcast; that is ignored, and not reported again",
                self.hub.workers[0], from.node
            ));
        }
    }
}

/// `{forward_to_local, Topic, Message, Dispatcher}`: topic and message.
fn read_forward(message: &Message) -> Option<(&[u8], Bytes)> {
    let payload = message.payload();
    let mut reader = Reader::new(payload);
    (reader.tuple_of(4) && reader.atom_is("forward_to_local")).then_some(())?;
    let topic = reader.binary()?;
    let inner = reader.term_bytes()?;
    Some((topic, payload.slice_ref(inner)))
}

/// The loop of a worker.
async fn work(pubsub: PubSub, process: Arc<Process>) {
    while let Ok(message) = process.recv(None).await {
        match read_forward(&message) {
            Some((topic, inner)) => {
                for pause in pubsub.dispatch(topic, &inner, None) {
                    // A subscriber is full: what comes next waits here, and in the end the broadcasters.
                    pause.wait().await;
                }
            }
            None => pubsub.complain(message.from()),
        }
    }
}

impl PubSub {
    /// The same pubsub, broadcasting for another dispatcher: `Phoenix.Channel.Server` reaches channels. It must be a module
    /// that exists on the other nodes; one that does not crashes their workers.
    pub fn with_dispatcher(&self, module: &str) -> Result<PubSub> {
        let module = module.strip_prefix("Elixir.").unwrap_or(module);
        Ok(PubSub { dispatcher: Atom::new(&format!("Elixir.{module}"))?, ..self.clone() })
    }

    /// Messages on this topic arrive in `mailbox` from now on; of two subscriptions, twice.
    pub fn subscribe(&self, mailbox: &Mailbox, topic: &str) -> Result<()> {
        self.node.check_running()?;
        let process = self.node.find(&mailbox.pid()).ok_or(Error::Closed("mailbox"))?;
        self.hub.subscriptions.lock().add(topic.as_bytes(), process);
        Ok(())
    }

    /// Ends all subscriptions of `mailbox` to this topic; false if there is none.
    pub fn unsubscribe(&self, mailbox: &Mailbox, topic: &str) -> bool {
        let Some(process) = self.node.find(&mailbox.pid()) else { return false };
        self.hub.subscriptions.lock().remove(topic.as_bytes(), &process)
    }

    /// Sends one encoded term to every subscriber of the topic on all nodes, waiting at most `timeout` for peers that do not
    /// read.
    ///
    /// # Errors
    /// What went wrong with the first node that could not be reached; the others got it.
    pub fn broadcast(&self, topic: &str, message: &[u8], timeout: Option<Duration>) -> Result<()> {
        self.broadcast_except(None, topic, message, timeout)
    }

    /// The same, but not to `from` itself.
    pub fn broadcast_from(
        &self,
        from: &Mailbox,
        topic: &str,
        message: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.broadcast_except(self.node.find(&from.pid()).as_ref(), topic, message, timeout)
    }

    /// To the subscribers on this node only.
    pub fn local_broadcast(&self, topic: &str, message: &[u8]) -> Result<()> {
        self.node.check_running()?;
        check_term(message)?;
        self.dispatch(topic.as_bytes(), &Bytes::from(copied(message)), None);
        Ok(())
    }

    /// To the subscribers on one other node, or on this one if it is ours.
    pub fn direct_broadcast(
        &self,
        node: &str,
        topic: &str,
        message: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        let node = Atom::new(node)?;
        if self.node.is_our_name(&node) {
            return self.local_broadcast(topic, message);
        }
        check_term(message)?;
        let to = Target::NameNode(self.hub.workers[0].clone(), node);
        self.node.send(&self.sender()?, &to, &self.forward(topic, message), timeout)
    }

    fn broadcast_except(
        &self,
        except: Option<&Arc<Process>>,
        topic: &str,
        message: &[u8],
        timeout: Option<Duration>,
    ) -> Result<()> {
        let node = &self.node;
        node.check_running()?;
        check_term(message)?;
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        let forward = self.forward(topic, message);
        let sender = self.sender()?;
        let mut outcome = Ok(());
        for worker in self.pg.members(&Term::Atom(self.hub.workers[0].clone())) {
            // One that is not connected any more is about to leave the group.
            if node.is_local(&worker) || node.peers.link(&worker.node).is_none() {
                continue;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let sent = node.send(&sender, &Target::Pid(worker), &forward, left);
            outcome = outcome.and(sent);
        }
        for pause in self.dispatch(topic.as_bytes(), &Bytes::from(copied(message)), except) {
            // It got the message; whoever fills mailboxes faster than they are read is slowed down.
            let _ = node.runtime.wait(pause.wait(), deadline, false);
        }
        outcome
    }

    /// In whose name broadcasts leave.
    fn sender(&self) -> Result<Pid> {
        let first = self.node.processes.whereis(&self.hub.workers[0]);
        first.map(|process| self.node.pid_of(&process)).ok_or(Error::Closed("pubsub"))
    }

    fn forward(&self, topic: &str, message: &[u8]) -> Bytes {
        let mut writer = Writer::new();
        writer.tuple(4).atom("forward_to_local").binary(topic.as_bytes());
        writer.raw_unchecked(message).atom_term(&self.dispatcher);
        written(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_named_as_the_adapter_names_them() {
        let names = |name: &str, size| {
            let names = worker_names(name, size).unwrap();
            names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("MyApp.PubSub", 1), ["Elixir.MyApp.PubSub.Adapter"]);
        assert_eq!(names("Elixir.A.B", 2), ["Elixir.A.B.Adapter", "Elixir.A.B.Adapter_2"]);
        assert!(
            worker_names("", 1).is_err() && worker_names("A", 0).is_err() && worker_names("A", 5000).is_err()
        );
    }
}
