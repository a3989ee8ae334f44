//! Discovery at work: asks a strategy for names, and keeps the nodes that it proposes connected.
//!
//! Few are called at a time, each begins after a moment of its own, and a node that does not answer is called ever less
//! often (`keeper`). A node that a strategy does not propose any more is not called again; a connection that it has stays.
//! Always true: a discovery has one task per name that it proposes, and none after its end.

use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use crate::error::{Error, Result};
use crate::log;
use crate::net::discovery::{Asker, Strategy, MAX_NAMES};
use crate::net::link::random_between;
use crate::node::keeper::keep;
use crate::node::links::finish;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::{Inner, Node};
use crate::proto::name::NodeName;
use crate::term::{Atom, Writer};

/// Nodes called at the same time by one discovery.
const MAX_CALLS: usize = 8;
/// A node that was just found is called within this time, so that it is not called by everybody at once.
const FIRST_CALL: Duration = Duration::from_millis(500);
/// The least pause between two questions, whatever the strategy wants.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
/// The pause after a failure grows from the strategy's own, or this, to the longest.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A strategy at work on a node. Clones are the same; it goes on until [`Discovery::stop`] or the end of the node.
#[derive(Clone)]
pub struct Discovery {
    wanted: Arc<Mutex<Wanted>>,
}

/// The names of one strategy, each with the task that keeps it connected.
#[derive(Default)]
struct Wanted {
    names: HashMap<Atom, AbortHandle>,
    task: Option<AbortHandle>,
    stopped: bool,
    watchers: Vec<Arc<Process>>,
}

impl Wanted {
    /// Tells the watchers `{discovered | undiscovered, Name}`.
    fn tell(&mut self, event: &str, name: &Atom) {
        self.watchers.retain(|process| process.is_alive());
        for process in &self.watchers {
            let mut writer = Writer::new();
            writer.tuple(2).atom(event).atom_term(name);
            process.signal(Message::new(MessageKind::Message, None, finish(writer)));
        }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.names.values().for_each(AbortHandle::abort);
    }
}

impl std::fmt::Debug for Discovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Discovery {
    /// The nodes that the strategy proposes now; connected or not.
    pub fn names(&self) -> Vec<Atom> {
        self.wanted.lock().names.keys().cloned().collect()
    }

    /// From now on `{discovered, Name}` and `{undiscovered, Name}` arrive in `mailbox`; names that are known already at once.
    pub fn watch(&self, mailbox: &Mailbox) -> Result<()> {
        let process = mailbox.process().clone();
        if !process.is_alive() {
            return Err(Error::Closed("mailbox"));
        }
        let mut wanted = self.wanted.lock();
        let known: Vec<Atom> = wanted.names.keys().cloned().collect();
        let others = std::mem::replace(&mut wanted.watchers, vec![process]);
        known.iter().for_each(|name| wanted.tell("discovered", name));
        wanted.watchers.extend(others);
        Ok(())
    }

    /// Ends it. Connections stay.
    pub fn stop(&self) {
        let mut wanted = self.wanted.lock();
        wanted.stopped = true;
        wanted.names.drain().for_each(|(_, task)| task.abort());
        if let Some(task) = wanted.task.take() {
            task.abort();
        }
    }

    /// Takes what a strategy said over into what is done.
    fn update(&self, node: &Arc<Inner>, found: &[NodeName], line: &Arc<Semaphore>) {
        let mut wanted = self.wanted.lock();
        if wanted.stopped {
            return;
        }
        let names: Vec<Atom> = found.iter().filter_map(|name| Atom::new(name.as_str()).ok()).collect();
        let gone: Vec<Atom> = wanted.names.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            wanted.names.remove(&name).inspect(AbortHandle::abort);
            wanted.tell("undiscovered", &name);
        }
        for name in names.into_iter().take(MAX_NAMES) {
            if node.is_our_name(&name) || wanted.names.contains_key(&name) {
                continue;
            }
            log::debug(format_args!("discovered {name}"));
            let (weak, line, peer) = (Arc::downgrade(node), line.clone(), name.clone());
            let task = node.runtime.spawn(async move {
                tokio::time::sleep(FIRST_CALL.mul_f64(random_between(0.0, 1.0))).await;
                keep(weak, peer, Some(line)).await;
            });
            wanted.tell("discovered", &name);
            wanted.names.insert(name, task.abort_handle());
        }
    }
}

/// Asks until the node is gone. It holds the node only while it works.
async fn ask(node: Weak<Inner>, mut strategy: Box<dyn Strategy>, discovery: Discovery) {
    let line = Arc::new(Semaphore::new(MAX_CALLS));
    let mut failures = 0u32;
    loop {
        let Some(asker) = node.upgrade().filter(|node| !node.is_stopped()).map(|node| node.asker()) else {
            return;
        };
        let found = strategy.find(&asker).await;
        let Some(inner) = node.upgrade() else { return };
        let pause = match found {
            Ok(names) => {
                failures = 0;
                discovery.update(&inner, &names, &line);
                strategy.pause()
            }
            Err(error) => {
                if failures == 0 {
                    log::warn(format_args!("discovery: {error}; it is tried again"));
                }
                failures += 1;
                let longer = strategy.pause().max(FAILURE_PAUSE) * (1 << failures.min(6));
                longer.min(LONGEST_PAUSE.max(strategy.pause()))
            }
        };
        drop(inner);
        tokio::time::sleep(pause.mul_f64(random_between(0.8, 1.2)).max(LEAST_PAUSE)).await;
    }
}

impl Inner {
    fn asker(&self) -> Asker {
        Asker { name: self.node_name(), listens: self.config.listen, epmd: self.epmd.clone() }
    }
}

impl Node {
    /// Finds nodes by a strategy from now on, and keeps those connected that it proposes. Several may work at once.
    ///
    /// # Errors
    /// `Closed` if the node was stopped.
    pub fn discover(&self, strategy: impl Strategy) -> Result<Discovery> {
        self.inner().check_running()?;
        let discovery = Discovery { wanted: Arc::default() };
        let asking = ask(Arc::downgrade(self.inner()), Box::new(strategy), discovery.clone());
        let task = self.inner().runtime.spawn(asking);
        discovery.wanted.lock().task = Some(task.abort_handle());
        self.inner().own_task(task.abort_handle());
        self.inner().discoveries.lock().push(discovery.clone());
        Ok(discovery)
    }

    /// All that was begun by [`discover`](Self::discover) and not stopped.
    pub fn discoveries(&self) -> Vec<Discovery> {
        let mut all = self.inner().discoveries.lock();
        all.retain(|discovery| !discovery.wanted.lock().stopped);
        all.clone()
    }
}
