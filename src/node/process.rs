//! A process: a pid with a queue of messages, links, monitors and a group leader.
//!
//! The program sees it as a [`Mailbox`](crate::node::mailbox::Mailbox); the router delivers into it. Relations to other
//! processes are kept here and changed by `links`, `monitors` and `aliases`.
//! Always true: a lock of one process is never held while that of another is taken, nor while waiting; after `close`
//! took the state nothing is ever added to it again.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::net::link::Pause;
use crate::node::message::{Message, MessageKind};
use crate::node::relations::Relations;
use crate::sync::{AtomicBool, Mutex};
use crate::term::{Pid, Reference};
use bytes::Bytes;

use bell::Bell;
use waiting::Waiters;
pub(crate) use waiting::{Ready, Recv};

/// What happens when a mailbox is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Stop reading the connection that brings more, until half is consumed; ticks go on. Senders of this node wait as
    /// long as they wait for anything, but for a mailbox that sends to itself. The default.
    #[default]
    StopReading,
    /// Drop what arrives and count it.
    Drop,
    /// End the mailbox with reason `system_limit`.
    Kill,
}

/// What became of a message that was delivered.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Queued.
    Queued,
    /// Queued, but the mailbox is over its limit: wait for this before delivering more.
    Full(Arc<Pause>),
    /// Not queued: dropped by policy.
    Dropped,
    /// Not queued: the limit is met and the policy is to end the process.
    Overrun,
    /// The process is gone.
    Dead,
}

/// When an alias ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasMode {
    /// Only when it is taken back.
    Explicit,
    /// With its monitor.
    Demonitor,
    /// With its monitor, or at the first message sent to it, which also ends the monitor.
    ReplyDemonitor,
}

/// An alias of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alias {
    /// When it ends.
    pub(crate) mode: AliasMode,
    /// What is sent to it with priority goes before ordinary messages.
    pub(crate) priority: bool,
}

/// The queue and everything else that changes.
struct State {
    /// Messages with priority, and then the others; both in order of arrival.
    queue: VecDeque<Message>,
    /// How many of them have priority.
    urgent: usize,
    bytes: usize,
    dropped: u64,
    waiters: Waiters,
    bell: Option<Bell>,
    room: Option<Arc<Pause>>,
    relations: Option<Box<Relations>>,
    leader: Option<Arc<Pid>>,
    trap_exit: bool,
    closed: Option<Bytes>,
}

/// Limits of one mailbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) bytes: usize,
    pub(crate) count: usize,
    pub(crate) overflow: Overflow,
}

/// See the module.
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) serial: u32,
    limits: Limits,
    /// Set by `close`; read without the lock where a moment's delay does not matter.
    ended: AtomicBool,
    /// Set by `protect`.
    protected: AtomicBool,
    state: Mutex<State>,
}

/// What `close` takes out of a process, for the caller to tell the others.
pub(crate) struct Remains {
    pub(crate) relations: Relations,
    /// Requests that were waiting unanswered in the queue.
    pub(crate) unread: VecDeque<Message>,
}

impl Process {
    pub(crate) fn new(id: u32, serial: u32, limits: Limits) -> Process {
        Process {
            id,
            serial,
            limits,
            ended: AtomicBool::new(false),
            protected: AtomicBool::new(false),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                urgent: 0,
                bytes: 0,
                dropped: 0,
                waiters: Waiters::default(),
                bell: None,
                room: None,
                relations: None,
                leader: None,
                trap_exit: false,
                closed: None,
            }),
        }
    }

    /// Queues a message of another process; the mailbox's limits apply.
    pub(crate) fn deliver(&self, message: Message) -> Delivery {
        self.accept(&mut self.state.lock(), message)
    }

    /// Queues a message that came by an alias if `stands` finds that one, in one step: who ends the alias before gets nothing any
    /// more, and who ends it later finds the message queued.
    pub(crate) fn deliver_if(
        &self,
        mut message: Message,
        stands: impl FnOnce(&mut Relations, &mut Message) -> bool,
    ) -> Delivery {
        let mut state = self.state.lock();
        let Some(relations) = state.relations.as_deref_mut() else { return Delivery::Dead };
        let stands = stands(relations, &mut message);
        if relations.shrink() {
            state.relations = None;
        }
        match stands {
            true => self.accept(&mut state, message),
            false => Delivery::Dead,
        }
    }

    fn accept(&self, state: &mut State, message: Message) -> Delivery {
        if state.closed.is_some() {
            return Delivery::Dead;
        }
        let over = state.bytes >= self.limits.bytes || state.queue.len() >= self.limits.count;
        if over {
            match self.limits.overflow {
                Overflow::StopReading => {}
                Overflow::Drop => {
                    state.dropped += 1;
                    return Delivery::Dropped;
                }
                Overflow::Kill => return Delivery::Overrun,
            }
        }
        if state.queue.try_reserve(1).is_err() {
            return Delivery::Overrun;
        }
        state.push(message);
        if over {
            let room = state.room.get_or_insert_with(Arc::default).clone();
            return Delivery::Full(room);
        }
        Delivery::Queued
    }

    /// What to wait for before delivering more, if the mailbox is full and makes its senders wait.
    pub(crate) fn full(&self) -> Option<Arc<Pause>> {
        let mut state = self.state.lock();
        let over = state.bytes >= self.limits.bytes || state.queue.len() >= self.limits.count;
        let waits = over && self.limits.overflow == Overflow::StopReading && state.closed.is_none();
        waits.then(|| state.room.get_or_insert_with(Arc::default).clone())
    }

    /// Queues what must never be lost: exits, DOWNs, spawn replies, node events. False if the process is gone. Without memory
    /// for it the last ordinary message makes room, and is counted as dropped.
    pub(crate) fn signal(&self, message: Message) -> bool {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return false;
        }
        state.push_signal(self.limits, message);
        true
    }

    /// Takes away what `end` finds to have ended, and queues the message that it makes of it (it is told whether exits are
    /// trapped), in one step: whoever gave the link or the monitor up before gets none, and whoever does it later finds it queued.
    pub(crate) fn signal_end(&self, end: impl FnOnce(&mut Relations, bool) -> Option<Message>) {
        let mut state = self.state.lock();
        let traps = state.trap_exit;
        let Some(relations) = state.relations.as_deref_mut() else { return };
        let message = end(relations, traps);
        if relations.shrink() {
            state.relations = None;
        }
        if let Some(message) = message.filter(|_| state.closed.is_none()) {
            state.push_signal(self.limits, message);
        }
    }

    /// Takes the first message, or the first that answers `reference`. `Err(Closed)` once the process has ended.
    pub(crate) fn take(&self, reference: Option<&Reference>) -> Result<Option<Message>> {
        let mut state = self.state.lock();
        state.take(self.limits, reference)
    }

    /// Waits for [`take`](Self::take) to find something.
    pub(crate) fn recv<'a>(&'a self, reference: Option<&'a Reference>) -> Recv<'a> {
        Recv::new(self, reference, true)
    }

    /// Waits for [`take`](Self::take) to find something, and leaves it there.
    pub(crate) fn ready<'a>(&'a self, reference: Option<&'a Reference>) -> Ready<'a> {
        Ready::new(self, reference)
    }

    /// Runs `change` on the relations; `None` if the process has ended.
    pub(crate) fn relate<T>(&self, change: impl FnOnce(&mut Relations) -> T) -> Option<T> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return None;
        }
        let relations = state.relations.get_or_insert_with(Default::default);
        relations.make_room();
        let result = change(relations);
        if relations.shrink() {
            state.relations = None;
        }
        Some(result)
    }

    /// Like [`relate`](Self::relate), but makes no table where there is none.
    pub(crate) fn relations<T: Default>(&self, look: impl FnOnce(&mut Relations) -> T) -> T {
        let mut state = self.state.lock();
        let Some(relations) = state.relations.as_deref_mut() else { return T::default() };
        let result = look(relations);
        if relations.shrink() {
            state.relations = None;
        }
        result
    }

    /// Removes a DOWN or a spawn reply for `reference` that waits in the queue.
    pub(crate) fn flush_down(&self, reference: &Reference) {
        let mut state = self.state.lock();
        let told = |message: &Message| {
            matches!(message.kind, MessageKind::Down | MessageKind::SpawnReply) && message.answers(reference)
        };
        while let Some(place) = state.queue.iter().position(told) {
            state.remove(self.limits, place);
        }
    }

    /// No exit signal ends it any more, not even `kill`: it is what every node has, and a peer must not take it away.
    pub(crate) fn protect(&self) {
        self.protected.store(true, Ordering::Relaxed);
        self.set_trap_exit(true);
    }

    pub(crate) fn is_protected(&self) -> bool {
        self.protected.load(Ordering::Relaxed)
    }

    pub(crate) fn set_trap_exit(&self, trap: bool) -> bool {
        std::mem::replace(&mut self.state.lock().trap_exit, trap)
    }

    pub(crate) fn traps_exit(&self) -> bool {
        self.state.lock().trap_exit
    }

    pub(crate) fn leader(&self) -> Option<Pid> {
        self.state.lock().leader.as_deref().cloned()
    }

    pub(crate) fn set_leader(&self, leader: impl Into<Arc<Pid>>) {
        self.state.lock().leader = Some(leader.into());
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// The reason it ended with, as an encoded term.
    pub(crate) fn exit_reason(&self) -> Option<Bytes> {
        self.state.lock().closed.clone()
    }

    pub(crate) fn queue_len(&self) -> usize {
        self.state.lock().queue.len()
    }

    pub(crate) fn queue_bytes(&self) -> usize {
        self.state.lock().bytes
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.state.lock().dropped
    }

    /// A descriptor that is readable while messages wait or after the end. Made at the first call.
    pub(crate) fn descriptor(&self) -> Result<i32> {
        let mut state = self.state.lock();
        if state.bell.is_none() {
            let bell = Bell::new()?;
            if !state.queue.is_empty() || state.closed.is_some() {
                bell.ring();
            }
            state.bell = Some(bell);
        }
        Ok(state.bell.as_ref().map(Bell::descriptor).unwrap_or(-1))
    }

    /// Ends the process: wakes who waits and hands out what others must be told. `None` if it had ended before.
    pub(crate) fn close(&self, reason: Bytes) -> Option<Remains> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return None;
        }
        state.closed = Some(reason);
        self.ended.store(true, Ordering::Release);
        let was_empty = state.queue.is_empty();
        let unread = std::mem::take(&mut state.queue);
        state.urgent = 0;
        state.bytes = 0;
        if let (Some(bell), true) = (&state.bell, was_empty) {
            bell.ring();
        }
        if let Some(room) = state.room.take() {
            room.end();
        }
        let waiters = std::mem::take(&mut state.waiters);
        let relations = state.relations.take().map(|relations| *relations).unwrap_or_default();
        drop(state);
        waiters.wake_all();
        Some(Remains { relations, unread })
    }
}

impl State {
    fn push(&mut self, message: Message) {
        self.bytes += message.cost();
        if message.priority {
            self.queue.insert(self.urgent, message);
            self.urgent += 1;
        } else {
            self.queue.push_back(message);
        }
        if self.queue.len() == 1 {
            if let Some(bell) = &self.bell {
                bell.ring();
            }
        }
        self.waiters.wake();
    }

    /// [`push`](Self::push) for what must never be lost.
    fn push_signal(&mut self, limits: Limits, message: Message) {
        if self.queue.try_reserve(1).is_err() {
            self.drop_last(limits);
        }
        self.push(message);
    }

    /// Drops the last message that is neither signal nor request.
    #[cold]
    fn drop_last(&mut self, limits: Limits) {
        let ordinary = |message: &Message| matches!(message.kind, MessageKind::Message);
        if let Some(place) = self.queue.iter().rposition(ordinary) {
            self.remove(limits, place);
            self.dropped += 1;
        }
    }

    fn take(&mut self, limits: Limits, reference: Option<&Reference>) -> Result<Option<Message>> {
        let place = self.find(reference)?;
        Ok(place.and_then(|place| self.remove(limits, place)))
    }

    /// The place in the queue of what `take` would take.
    fn find(&self, reference: Option<&Reference>) -> Result<Option<usize>> {
        if self.closed.is_some() {
            return Err(Error::Closed("mailbox"));
        }
        Ok(match reference {
            None => (!self.queue.is_empty()).then_some(0),
            Some(reference) => self.queue.iter().position(|message| message.answers(reference)),
        })
    }

    fn remove(&mut self, limits: Limits, place: usize) -> Option<Message> {
        let message = self.queue.remove(place)?;
        self.bytes -= message.cost();
        self.urgent -= usize::from(message.priority);
        if self.queue.is_empty() {
            if let Some(bell) = &self.bell {
                bell.hush();
            }
            if self.queue.capacity() > 1024 {
                self.queue = VecDeque::new();
            }
        }
        if self.bytes <= limits.bytes / 2 && self.queue.len() <= limits.count / 2 {
            if let Some(room) = self.room.take() {
                room.end();
            }
        }
        Some(message)
    }
}

mod bell;
#[cfg(all(test, erlnode_loom))]
mod loom_tests;
mod waiting;
