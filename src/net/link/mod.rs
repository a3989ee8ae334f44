//! An established connection: an outgoing queue that any thread may write, a reader, ticks.
//!
//! Sending encodes straight into the outgoing buffer. When the link is idle the sender's own thread hands the bytes to
//! the kernel (lowest latency); in a burst it only appends, and the writer task turns what gathered into one system call.
//! Always true: packets leave in the order they were appended; `Upper::down` is called once, after the last message.

mod out;
mod reader;
#[cfg(test)]
mod simulated;
mod ticks;

use out::Out;
pub(crate) use out::{Begun, Progress, Rest};
#[cfg(test)]
pub(crate) use simulated::Ticker;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::error::{Malformed, Result};
use crate::net::transport::{Incoming, Outgoing};
use crate::proto::control::{Control, Names};
use crate::proto::flags::Flags;
use crate::proto::header::{AssemblyLimits, AtomCensus, PacketReader};
use crate::runtime::Runtime;
use crate::term::Atom;

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownReason {
    /// The peer closed it, or it broke.
    ConnectionClosed,
    /// Nothing was heard for the ticktime.
    NetTickTimeout,
    /// `disconnect` was called here.
    Disconnect,
    /// A newer connection of the same node replaced it.
    Replaced,
    /// The peer sent something that is no message.
    Malformed(String),
    /// There was no memory for what this node has to tell the peer.
    NoMemory,
    /// This node stopped.
    Stopped,
}

impl DownReason {
    /// For the log.
    pub fn text(&self) -> String {
        match self {
            DownReason::Malformed(what) => format!("the peer sent something that is no message: {what}"),
            DownReason::Replaced => "a newer connection of the same node replaced it".into(),
            DownReason::NoMemory => "no memory for what was to be sent".into(),
            other => other.as_str().into(),
        }
    }

    /// The atom that OTP uses in `nodedown_reason`.
    pub fn as_str(&self) -> &'static str {
        match self {
            DownReason::ConnectionClosed | DownReason::Malformed(_) | DownReason::NoMemory => {
                "connection_closed"
            }
            DownReason::NetTickTimeout => "net_tick_timeout",
            DownReason::Disconnect | DownReason::Replaced => "disconnect",
            DownReason::Stopped => "net_kernel_terminated",
        }
    }
}

/// A pause of the reader, which somebody else ends. It may end before anybody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    over: AtomicBool,
    wake: Notify,
}

impl Pause {
    /// Ends it for everybody.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }

    pub(crate) async fn wait(&self) {
        // Made before looking, so that an end in between is not missed.
        let wake = self.wake.notified();
        if !self.over.load(Ordering::SeqCst) {
            wake.await;
        }
    }
}

/// Where messages go; `node::router` implements it.
pub(crate) trait Upper: Send + Sync + 'static {
    /// One whole message. A returned [`Pause`] is waited for before more is read. An error ends the connection.
    fn message(
        self: &Arc<Self>,
        link: &Arc<Link>,
        control: Control,
        payload: Option<Bytes>,
    ) -> Result<Option<Arc<Pause>>, Malformed>;
    /// The connection ended; nothing comes after this.
    fn down(self: &Arc<Self>, link: &Arc<Link>, reason: DownReason);
}

/// What a link is made of.
pub(crate) struct LinkParams {
    pub(crate) peer: Atom,
    pub(crate) ours: Atom,
    pub(crate) creation: u32,
    pub(crate) flags: Flags,
    /// The atoms that this life of the peer got on earlier connections.
    pub(crate) census: AtomCensus,
    pub(crate) busy_limit: usize,
    pub(crate) shared_rate: usize,
    pub(crate) max_message: usize,
    pub(crate) ticktime: Duration,
    pub(crate) patience: Duration,
    pub(crate) tick_intensity: u32,
}

/// See the module.
pub(crate) struct Link {
    pub(crate) peer: Atom,
    /// Tells this life of the peer from others.
    pub(crate) creation: u32,
    pub(crate) flags: Flags,
    /// Listed by `nodes()`: both sides are visible.
    pub(crate) visible: bool,
    names: Names,
    me: Weak<Link>,
    runtime: Arc<Runtime>,
    transport: Outgoing,
    busy_limit: usize,
    max_message: usize,
    /// Four times the interval at which we tick.
    ticktime_ms: AtomicU64,
    /// How long the peer may be silent.
    patience_ms: AtomicU64,
    ticktime_changed: Notify,
    tick_intensity: u32,
    out: Mutex<Out>,
    /// Wakes the writer task: it owns writing from here on.
    write: Notify,
    /// Wakes senders that wait for room.
    room: Notify,
    /// Grows with everything that is received, ticks and parts of packets included: the sign of life.
    received: AtomicU64,
    /// The reader waits for a mailbox, so silence says nothing about the peer.
    reader_paused: AtomicBool,
    /// Tells the reader that nothing but ticks has come for a while.
    quiet: Notify,
    /// Wakes the tasks of this link when it is to end.
    closing: Notify,
    /// Our direction has ended; what still comes is of no interest.
    leaving: AtomicBool,
    /// Why it is to end; set once.
    reason: Mutex<Option<DownReason>>,
    /// Wakes who waits for the end of this link.
    ended: tokio::sync::watch::Sender<bool>,
}

impl Link {
    /// A link whose handshake succeeded. Nothing is read before [`read`](Self::read).
    pub(crate) fn start(params: LinkParams, transport: Outgoing, runtime: Arc<Runtime>) -> Arc<Link> {
        let link = Arc::new_cyclic(|me| Link {
            me: me.clone(),
            visible: params.flags.has(Flags::PUBLISHED),
            runtime,
            names: Names { ours: params.ours, peer: params.peer.clone() },
            peer: params.peer,
            creation: params.creation,
            flags: params.flags,
            transport,
            busy_limit: params.busy_limit.max(1),
            max_message: params.max_message,
            ticktime_ms: AtomicU64::new(params.ticktime.as_millis() as u64),
            patience_ms: AtomicU64::new(params.patience.as_millis() as u64),
            ticktime_changed: Notify::new(),
            tick_intensity: params.tick_intensity.max(4),
            out: Mutex::new(Out::new(params.flags, params.census, params.shared_rate)),
            write: Notify::new(),
            room: Notify::new(),
            received: AtomicU64::new(0),
            reader_paused: AtomicBool::new(false),
            quiet: Notify::new(),
            closing: Notify::new(),
            leaving: AtomicBool::new(false),
            reason: Mutex::new(None),
            ended: tokio::sync::watch::Sender::new(false),
        });
        tokio::spawn(link.clone().write_on());
        link
    }

    /// Starts to read and to tick. `leftover` followed the handshake in the same segment.
    pub(crate) fn read<U: Upper>(self: &Arc<Self>, stream: Incoming, leftover: BytesMut, upper: Arc<U>) {
        // A message is held in a buffer of up to twice its size while it grows.
        let limits = AssemblyLimits {
            message: self.max_message,
            bytes: self.max_message.saturating_mul(2).max(AssemblyLimits::default().bytes),
            ..AssemblyLimits::default()
        };
        let packets = PacketReader::new(self.flags, limits);
        tokio::spawn(self.clone().tick(packets.spare()));
        self.runtime.spawn_first(self.clone().read_to_end(stream, leftover, packets, upper));
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn close(&self, reason: DownReason) {
        self.let_go();
        self.reason.lock().get_or_insert(reason);
        self.out.lock().closed = true;
        self.transport.shutdown();
        self.closing.notify_waiters();
        self.room.notify_waiters();
        self.write.notify_one();
    }

    /// Hangs up politely: the peer gets all that was handed to the kernel, and then ends the connection. Until it does, what it
    /// sends is read and dropped: closing a socket that holds unread bytes resets the connection, and with it goes
    /// what the peer has not read yet.
    pub(crate) fn leave(&self, reason: DownReason) {
        self.let_go();
        self.leaving.store(true, Ordering::Release);
        self.reason.lock().get_or_insert(reason);
        self.out.lock().closed = true;
        self.transport.finish();
        self.room.notify_waiters();
        self.write.notify_one();
    }

    /// Waits for the end that [`leave`](Self::leave) asked for, on this thread, at most until then; and ends it in any case.
    pub(crate) fn left(self: &Arc<Self>, deadline: Instant) {
        let link = self.clone();
        self.runtime.wait(async move { link.gone().await }, Some(deadline), false);
        self.close(DownReason::Stopped);
    }

    /// Different atoms that the peer got from us in its life.
    pub(crate) fn atoms_sent(&self) -> usize {
        self.out.lock().encoder.census().count()
    }

    /// The atoms that the peer got, for the next connection to it; of a link that has ended.
    pub(crate) fn take_census(&self) -> AtomCensus {
        std::mem::take(self.out.lock().encoder.census())
    }

    /// True once it is to end; its end may not have been reported yet.
    pub(crate) fn is_closing(&self) -> bool {
        self.reason.lock().is_some()
    }

    /// Why it ended.
    pub(crate) fn down_reason(&self) -> Option<DownReason> {
        self.reason.lock().clone()
    }

    /// Returns when the end has been reported to everybody.
    pub(crate) async fn gone(&self) {
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Some number between the two; only to spread what would otherwise happen at the same moment.
pub(crate) fn random_between(low: f64, high: f64) -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    low + (high - low) * (random as f64 / u64::MAX as f64)
}
