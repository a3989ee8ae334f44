//! The program's end of a process: a queue to receive from, and a pid to act as.
//!
//! One queue, three ways to wait: block ([`Mailbox::recv`]), poll a descriptor ([`Mailbox::fd`]), or await
//! ([`Mailbox::recv_async`]). Any thread may use a mailbox; several may receive from one.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::error::{copied, in_memory, Error, Result};
use crate::node::events::MonitorNodes;
use crate::node::links::NORMAL;
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Limits, Overflow, Process};
use crate::node::relations::Watched;
use crate::node::send::Target;
use crate::node::spawn::{SpawnOptions, ANY_ARITY};
use crate::node::{check_term, Inner, Node};
use crate::runtime::Batch;
use crate::term::{Atom, Pid, Reference, Term};

/// Waits shorter than this count as a tight exchange, in which the waiting thread does the I/O itself.
const TIGHT: Duration = Duration::from_micros(500);
/// Tight waits in a row after which it does.
const TIGHT_STREAK: u32 = 2;

/// Options of a mailbox.
#[derive(Debug, Clone, Copy)]
pub struct MailboxOptions {
    /// Bytes it holds before `overflow` takes effect; `None`: the node's setting (64 MiB).
    pub max_bytes: Option<usize>,
    /// Messages it holds before `overflow` takes effect.
    pub max_count: usize,
    /// What happens then.
    pub overflow: Overflow,
    /// Whether exit signals arrive as messages instead of ending the mailbox.
    pub trap_exit: bool,
}

impl Default for MailboxOptions {
    fn default() -> Self {
        MailboxOptions {
            max_bytes: None,
            max_count: usize::MAX,
            overflow: Overflow::StopReading,
            trap_exit: false,
        }
    }
}

/// A mailbox. Dropping it ends its process with reason `normal`.
pub struct Mailbox {
    node: Node,
    process: Arc<Process>,
    /// Waits in a row that were short.
    tight: AtomicU32,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mailbox({:?})", self.pid())
    }
}

impl Mailbox {
    pub(crate) fn create(node: &Node, options: MailboxOptions) -> Result<Mailbox> {
        let inner = node.inner();
        let limits = Limits {
            bytes: options.max_bytes.unwrap_or(inner.config.mailbox_bytes),
            count: options.max_count,
            overflow: options.overflow,
        };
        let process = inner.processes.create(limits)?;
        process.set_trap_exit(options.trap_exit);
        Ok(Mailbox { node: node.clone(), process, tight: AtomicU32::new(0) })
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.inner().pid_of(&self.process)
    }

    /// The node it lives on.
    pub fn node(&self) -> Node {
        self.node.clone()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        self.node.inner()
    }

    pub(crate) fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// False once it was closed or ended by an exit signal.
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// The reason it ended with, one encoded term.
    pub fn exit_reason(&self) -> Option<Bytes> {
        self.process.exit_reason()
    }

    /// Messages waiting.
    pub fn len(&self) -> usize {
        self.process.queue_len()
    }

    /// True if no message waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that the waiting messages take.
    pub fn queued_bytes(&self) -> usize {
        self.process.queue_bytes()
    }

    /// Messages dropped because it was full ([`Overflow::Drop`]).
    pub fn dropped(&self) -> u64 {
        self.process.dropped()
    }

    /// Registers its pid under `name` on this node, as `erlang:register/2`.
    pub fn register(&self, name: &str) -> Result<()> {
        self.inner().processes.register(Atom::new(name)?, &self.process)
    }

    /// Takes its registered name away; false if it had none.
    pub fn unregister(&self) -> bool {
        let name = self.process.relations(|relations| relations.name.clone());
        name.is_some_and(|name| self.inner().processes.unregister(&name).is_some())
    }

    /// The next message, waiting at most `timeout` (`None`: for ever; zero: not at all).
    ///
    /// # Errors
    /// `Timeout` (or `Empty` when `timeout` is zero); `Closed` once the mailbox has ended.
    pub fn recv(&self, timeout: Option<Duration>) -> Result<Message> {
        self.recv_where(None, timeout)
    }

    /// The next message that answers `reference`: a reply, a DOWN, a spawn reply, or one sent to that alias. Others stay.
    pub fn recv_reply(&self, reference: &Reference, timeout: Option<Duration>) -> Result<Message> {
        self.recv_where(Some(reference), timeout)
    }

    /// The next message if one is there, else `Empty`.
    pub fn try_recv(&self) -> Result<Message> {
        self.process.take(None)?.ok_or(Error::Empty)
    }

    /// The next message, awaited on any executor. Dropping the future loses nothing.
    pub async fn recv_async(&self) -> Result<Message> {
        self.process.recv(None).await
    }

    /// [`recv_reply`](Self::recv_reply), awaited.
    pub async fn recv_reply_async(&self, reference: &Reference) -> Result<Message> {
        self.process.recv(Some(reference)).await
    }

    fn recv_where(&self, reference: Option<&Reference>, timeout: Option<Duration>) -> Result<Message> {
        if let Some(message) = self.process.take(reference)? {
            return Ok(message);
        }
        if timeout == Some(Duration::ZERO) {
            return Err(Error::Empty);
        }
        let received = self.wait_for(self.process.recv(reference), timeout);
        received.unwrap_or_else(|| Err(Error::Timeout("no message arrived in time".into())))
    }

    /// Waits until [`try_recv`](Self::try_recv), or with `reference` [`recv_reply`](Self::recv_reply), would find a message,
    /// and leaves it there. False if the time is over.
    ///
    /// # Errors
    /// `Closed` once the mailbox has ended.
    pub fn wait(&self, reference: Option<&Reference>, timeout: Option<Duration>) -> Result<bool> {
        self.wait_for(self.process.ready(reference), timeout).map_or(Ok(false), |ready| ready.map(|()| true))
    }

    /// Waits for `future`, doing the I/O on this thread when the last waits were short.
    fn wait_for<F: Future>(&self, future: F, timeout: Option<Duration>) -> Option<F::Output> {
        let start = Instant::now();
        let deadline = timeout.and_then(|timeout| start.checked_add(timeout));
        let drive = self.tight.load(Ordering::Relaxed) >= TIGHT_STREAK;
        let output = self.inner().runtime.wait(future, deadline, drive);
        if start.elapsed() < TIGHT {
            self.tight.fetch_add(1, Ordering::Relaxed);
        } else {
            self.tight.store(0, Ordering::Relaxed);
        }
        output
    }

    /// For a thread that serves this mailbox in a loop.
    pub(crate) fn batch(&self) -> Batch<'_> {
        self.inner().runtime.batch()
    }

    /// A descriptor that is readable while messages wait, and for ever once the mailbox has ended. Owned by the mailbox:
    /// poll it, do not read or close it.
    pub fn fd(&self) -> Result<i32> {
        self.process.descriptor()
    }

    /// Sends one encoded term (without version byte), connecting if needed; waits at most `timeout` for that and for
    /// room in the queue to the peer.
    pub fn send(&self, to: &Target, payload: &[u8], timeout: Option<Duration>) -> Result<()> {
        self.check_alive()?;
        self.inner().send(&self.pid(), to, payload, timeout)
    }

    /// Sends an owned term, waiting as long as it takes.
    pub fn send_term(&self, to: &Target, term: &Term) -> Result<()> {
        self.send(to, &term.to_bytes()?, None)
    }

    /// [`send`](Self::send), awaited on any executor.
    pub async fn send_async(&self, to: &Target, payload: &[u8]) -> Result<()> {
        self.check_alive()?;
        self.inner().send_async(&self.pid(), to, payload).await
    }

    pub(crate) fn check_alive(&self) -> Result<()> {
        match self.process.is_alive() {
            true => Ok(()),
            false => Err(Error::Closed("mailbox")),
        }
    }

    /// Links to `pid`. If that process is gone, an exit signal with `noproc` or `noconnection` comes back.
    pub fn link(&self, pid: &Pid) -> Result<()> {
        self.check_alive()?;
        in_memory(|| {
            self.inner().link(&self.process, pid, false);
            Ok(())
        })
    }

    /// [`link`](Self::link) whose exit message, if this mailbox traps exits, goes before ordinary messages:
    /// `link(Pid, [priority])` of OTP 28. The last of several calls decides. The other side need not know of it.
    pub fn link_priority(&self, pid: &Pid) -> Result<()> {
        self.check_alive()?;
        in_memory(|| {
            self.inner().link(&self.process, pid, true);
            Ok(())
        })
    }

    /// Removes a link.
    pub fn unlink(&self, pid: &Pid) -> Result<()> {
        self.check_alive()?;
        self.inner().unlink(&self.process, pid);
        Ok(())
    }

    /// Whether exit signals arrive as messages `{'EXIT', Pid, Reason}`; returns the former setting.
    pub fn set_trap_exit(&self, trap: bool) -> bool {
        self.process.set_trap_exit(trap)
    }

    /// Monitors a process or a name; the DOWN message arrives exactly once unless [`demonitor`](Self::demonitor)ed.
    pub fn monitor(&self, target: &Target) -> Result<Reference> {
        self.check_alive()?;
        in_memory(|| Ok(self.inner().monitor(&self.process, self.watched(target)?, None)))
    }

    /// A monitor whose reference is an alias as well: replies to it come here while `mode` lets them.
    pub fn monitor_alias(&self, target: &Target, mode: AliasMode) -> Result<Reference> {
        self.check_alive()?;
        in_memory(|| Ok(self.inner().monitor(&self.process, self.watched(target)?, Some(mode))))
    }

    /// A monitor whose DOWN goes before ordinary messages: `monitor(process, Target, [priority])` of OTP 28. The other side
    /// need not know of it. With `mode` the reference is an alias as well.
    pub fn monitor_priority(&self, target: &Target, mode: Option<AliasMode>) -> Result<Reference> {
        self.check_alive()?;
        in_memory(|| Ok(self.inner().monitor_with(&self.process, self.watched(target)?, mode, true)))
    }

    fn watched(&self, target: &Target) -> Result<Watched> {
        match target {
            Target::Pid(pid) => Ok(Watched::Pid(pid.clone())),
            Target::Name(name) => Ok(Watched::Name(Box::new((name.clone(), self.inner().name())))),
            Target::NameNode(name, node) => Ok(Watched::Name(Box::new((name.clone(), node.clone())))),
            Target::Alias(_) | Target::PriorityAlias(_) => {
                Err(Error::argument("an alias cannot be monitored: monitor the pid"))
            }
        }
    }

    /// Ends a monitor; false if it had ended. With `flush`, a DOWN that waits in the queue is removed.
    pub fn demonitor(&self, reference: &Reference, flush: bool) -> bool {
        self.inner().demonitor(&self.process, reference, flush)
    }

    /// A reference that others can send to until [`unalias`](Self::unalias).
    pub fn alias(&self) -> Reference {
        self.inner().alias(&self.process, false)
    }

    /// An alias whose messages and exit signals go before ordinary messages, if they were sent with priority
    /// ([`Target::PriorityAlias`], `erlang:send(Alias, Message, [priority])`): `alias([priority])` of OTP 28.
    pub fn priority_alias(&self) -> Reference {
        self.inner().alias(&self.process, true)
    }

    /// Sends an exit signal with priority to an alias: `exit(Alias, Reason, [priority])` of OTP 28.
    ///
    /// # Errors
    /// `Unsupported` if the node of the alias takes no such signals, `NoConnection` if there is no connection to it.
    pub fn exit_priority(&self, alias: &Reference, reason: &[u8]) -> Result<()> {
        self.check_alive()?;
        check_term(reason)?;
        self.inner().send_priority_exit(&self.pid(), alias, reason)
    }

    /// Ends an alias; false if it was none.
    pub fn unalias(&self, reference: &Reference) -> bool {
        self.inner().unalias(&self.process, reference)
    }

    /// Sends an exit signal: `exit(Pid, Reason)`.
    pub fn exit(&self, pid: &Pid, reason: &[u8]) -> Result<()> {
        check_term(reason)?;
        self.inner().send_exit(&self.pid(), pid, reason);
        Ok(())
    }

    /// Starts `module:function(args)` on `node`; `args` is an encoded list. Returns the request's reference at once; the
    /// answer is `{spawn_reply, Ref, ok | error, Pid | Reason}`.
    pub fn spawn_request(
        &self,
        node: &str,
        module: &str,
        function: &str,
        args: &[u8],
        options: SpawnOptions,
    ) -> Result<Reference> {
        self.spawn_request_of(node, (module, function, args), options, false)
    }

    /// [`spawn_request`](Self::spawn_request); when `quiet`, only a refusal is answered.
    pub(crate) fn spawn_request_of(
        &self,
        node: &str,
        call: (&str, &str, &[u8]),
        options: SpawnOptions,
        quiet: bool,
    ) -> Result<Reference> {
        self.check_alive()?;
        let (module, function) = (Atom::new(call.0)?, Atom::new(call.1)?);
        let call = (&module, &function, call.2);
        self.inner().spawn_request(&self.process, &Atom::new(node)?, call, options, quiet)
    }

    /// Like [`spawn_request`](Self::spawn_request), and waits for the pid.
    pub fn spawn(
        &self,
        node: &str,
        module: &str,
        function: &str,
        args: &[u8],
        options: SpawnOptions,
        timeout: Option<Duration>,
    ) -> Result<(Pid, Reference)> {
        let reference = self.spawn_request(node, module, function, args, options)?;
        let reply = self.recv_reply(&reference, timeout)?;
        let pid = reply.from().cloned();
        match (reply.kind(), pid) {
            (MessageKind::SpawnReply, Some(pid)) => Ok((pid, reference)),
            _ => {
                let mut reader = reply.reader();
                let reason = (reader.tuple_of(4) && reader.skip() && reader.skip() && reader.skip())
                    .then(|| reader.atom())
                    .flatten()
                    .unwrap_or("unknown reason".into());
                Err(Error::Remote(format!("{node} did not start {module}:{function}: {reason}")))
            }
        }
    }

    /// Lets peers run `module:function/arity`: their calls arrive here as [`MessageKind::Request`]. `None`: any arity.
    pub fn export(&self, module: &str, function: &str, arity: Option<u32>) -> Result<()> {
        self.check_alive()?;
        let (module, function) = (Atom::new(module)?, Atom::new(function)?);
        self.inner().exports.add(module, function, arity.unwrap_or(ANY_ARITY), self.process.clone())
    }

    /// The group leader: where output of this process belongs. By default none.
    pub fn group_leader(&self) -> Option<Pid> {
        self.process.leader()
    }

    /// Sets the group leader.
    pub fn set_group_leader(&self, leader: &Pid) {
        self.process.set_leader(leader.clone());
    }

    /// Sets the group leader of a process anywhere: `group_leader(Leader, Pid)`. Nothing happens if it is gone.
    pub fn set_group_leader_of(&self, pid: &Pid, leader: &Pid) -> Result<()> {
        self.check_alive()?;
        self.inner().lead(&self.pid(), pid, leader);
        Ok(())
    }

    /// Receives `{nodeup, Node}` and `{nodedown, Node}` from now on (`net_kernel:monitor_nodes/2`).
    pub fn monitor_nodes(&self, wish: MonitorNodes) {
        self.inner().events.subscribe(self.process.clone(), wish);
    }

    /// Ends [`monitor_nodes`](Self::monitor_nodes).
    pub fn demonitor_nodes(&self) {
        self.inner().events.unsubscribe(&self.process);
    }

    /// `monitor_node(Node, true)`: one `{nodedown, Node}` when its connection ends, at once if there is none.
    pub fn monitor_node(&self, node: &str) -> Result<()> {
        let node = Atom::new(node)?;
        self.inner().monitor_node(&self.process, node);
        Ok(())
    }

    /// `monitor_node(Node, false)`; false if there was no such monitor.
    pub fn demonitor_node(&self, node: &str) -> Result<bool> {
        Ok(self.inner().events.unwatch(&Atom::new(node)?, &self.process))
    }

    /// Ends the process with `reason` (one encoded term): links and monitors hear of it, waiting threads wake up.
    pub fn close(&self, reason: &[u8]) -> Result<()> {
        check_term(reason)?;
        self.inner().end(&self.process, in_memory(|| Ok(Bytes::from(copied(reason))))?);
        Ok(())
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.inner().end(&self.process, Bytes::from_static(NORMAL));
    }
}
