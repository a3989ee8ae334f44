//! An established connection: an outgoing queue that any thread may write, a reader, ticks.
//!
//! Sending encodes straight into the outgoing buffer. When the link is idle the sender's own thread hands the bytes to
//! the kernel (lowest latency); in a burst it only appends, and the writer task turns what gathered into one system call.
//! Always true: packets leave in the order they were appended; `Upper::down` is called once, after the last message.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::error::{Error, Malformed, Result};
use crate::log;
use crate::net::transport::{Incoming, Outgoing};
use crate::proto::control::{AltactSignal, Control, Names, SignalTarget};
use crate::proto::flags::Flags;
use crate::proto::frame;
use crate::proto::header::{AssemblyLimits, Fragmenter, PacketReader, PacketWriter, Received, SpareBuffers};
use crate::runtime::Runtime;
use crate::term::{Atom, Pid, Reference};

/// Least room for one read: two of the fragments a BEAM sends.
const READ_SIZE: usize = 128 << 10;
/// Payloads up to this are copied out of the read buffer: a message that waits in a mailbox must not hold a buffer many
/// times its size, and a buffer that nobody holds is used again.
const COPY_BELOW: usize = 16 << 10;
/// Room for a read while the connection says little: a tick or a call. It grows when that was filled.
const QUIET_READ_SIZE: usize = 4 << 10;
/// Reads in a row before other tasks get their turn.
const READS_PER_TURN: usize = 8;
/// Sends that follow each other faster than this are a burst.
const BURST_GAP: Duration = Duration::from_micros(25);
/// Length of a burst after which appending beats writing.
const BURST_LENGTH: u32 = 4;
/// How much of a big message waits in the queue at a time: enough for the kernel, little enough that other senders'
/// messages and ticks are not held up.
const AHEAD: usize = 256 << 10;
/// Buffers above this are given back after use.
const KEEP_BUFFER: usize = 512 << 10;

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
    /// This node stopped.
    Stopped,
}

impl DownReason {
    /// For the log.
    pub fn text(&self) -> String {
        match self {
            DownReason::Malformed(what) => format!("the peer sent something that is no message: {what}"),
            DownReason::Replaced => "a newer connection of the same node replaced it".into(),
            other => other.as_str().into(),
        }
    }

    /// The atom that OTP uses in `nodedown_reason`.
    pub fn as_str(&self) -> &'static str {
        match self {
            DownReason::ConnectionClosed | DownReason::Malformed(_) => "connection_closed",
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

    async fn wait(&self) {
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
    pub(crate) busy_limit: usize,
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
    /// Why it is to end; set once.
    reason: Mutex<Option<DownReason>>,
    /// Wakes who waits for the end of this link.
    ended: tokio::sync::watch::Sender<bool>,
}

/// What is left of a message in fragments. Other packets pass between its pieces; dropped before its end, what is left
/// is appended at once, for half a message cannot be taken back.
pub(crate) struct Rest<'a> {
    link: &'a Link,
    from: Option<Pid>,
    fragments: Fragmenter<&'a [u8]>,
}

impl Rest<'_> {
    /// Appends what the queue has room for; true when nothing is left.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let mut out = self.link.out.lock();
        if out.closed {
            return Err(self.link.lost());
        }
        while out.waiting() < AHEAD && self.fragments.write_next(&mut out.buffer) {}
        out.packets += 1;
        let done = self.fragments.is_done();
        if done {
            self.link.whole(&mut out, self.from.take());
        }
        self.link.push_now(out);
        Ok(done)
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if self.fragments.is_done() {
            return;
        }
        let mut out = self.link.out.lock();
        if !out.closed {
            while self.fragments.write_next(&mut out.buffer) {}
            self.link.whole(&mut out, self.from.take());
            self.link.push_now(out);
        }
    }
}

/// The outgoing side.
struct Out {
    encoder: PacketWriter,
    /// Packets that nobody has begun to write.
    buffer: Vec<u8>,
    /// Bytes that somebody is writing, for the count of what waits.
    in_batch: usize,
    /// Left over by a sender the kernel stopped; the writer task goes on with it.
    rest: Vec<u8>,
    /// An emptied buffer to be used again.
    spare: Vec<u8>,
    /// Somebody writes: appending is enough.
    writing: bool,
    /// Packets appended so far; the ticker compares it.
    packets: u64,
    burst: u32,
    last_send: Instant,
    closed: bool,
    /// Senders of big messages that have begun to leave.
    unfinished: Vec<Pid>,
    /// Signals of these senders: nothing a process signals overtakes what it sent.
    delayed: Vec<(Control, Option<Bytes>)>,
}

impl Out {
    fn waiting(&self) -> usize {
        self.buffer.len() + self.in_batch
    }
}

/// What [`Link::begin`] did with a message.
pub(crate) enum Begun<'a> {
    /// It is in the queue.
    Sent,
    /// Its first fragment is; the rest goes as the queue empties.
    Rest(Rest<'a>),
    /// The queue is full with so many bytes; nothing was appended.
    Busy(usize),
}

impl Link {
    /// A link whose handshake succeeded. Nothing is read before [`read`](Self::read).
    pub(crate) fn start(params: LinkParams, transport: Outgoing, runtime: Arc<Runtime>) -> Arc<Link> {
        let link = Arc::new(Link {
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
            out: Mutex::new(Out {
                encoder: PacketWriter::new(params.flags),
                buffer: Vec::new(),
                in_batch: 0,
                rest: Vec::new(),
                spare: Vec::new(),
                writing: false,
                packets: 0,
                burst: 0,
                last_send: Instant::now(),
                closed: false,
                unfinished: Vec::new(),
                delayed: Vec::new(),
            }),
            write: Notify::new(),
            room: Notify::new(),
            received: AtomicU64::new(0),
            reader_paused: AtomicBool::new(false),
            quiet: Notify::new(),
            closing: Notify::new(),
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
        tokio::spawn(self.clone().read_to_end(stream, leftover, packets, upper));
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn close(&self, reason: DownReason) {
        self.reason.lock().get_or_insert(reason);
        self.out.lock().closed = true;
        self.transport.shutdown();
        self.closing.notify_waiters();
        self.room.notify_waiters();
        self.write.notify_one();
    }

    /// True once it is to end; its end may not have been reported yet.
    pub(crate) fn is_closing(&self) -> bool {
        self.reason.lock().is_some()
    }

    /// Waits until the kernel has taken everything that was sent, on this thread.
    pub(crate) fn drain(&self, deadline: Instant) {
        loop {
            let room = self.room();
            {
                let out = self.out.lock();
                if out.closed || out.waiting() == 0 {
                    return;
                }
            }
            if self.runtime.wait(room, Some(deadline), false).is_none() {
                return;
            }
        }
    }

    /// Why it ended.
    pub(crate) fn down_reason(&self) -> Option<DownReason> {
        self.reason.lock().clone()
    }

    /// Returns when the end has been reported to everybody.
    pub(crate) async fn gone(&self) {
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Waits for room in the queue; make it before looking, so that no wake-up is missed.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    /// The form in which this peer takes a message to a pid.
    pub(crate) fn send_control(&self, from: Pid, to: Pid) -> Control {
        match self.flags.has(Flags::SEND_SENDER) {
            true => Control::SendSender { from, to, token: None },
            false => Control::Send { to, token: None },
        }
    }

    /// The form in which this peer takes a message to an alias.
    pub(crate) fn alias_control(&self, from: Pid, to: Reference) -> Control {
        if self.flags.has(Flags::ALTACT_SIG) {
            let to = SignalTarget::Alias(to);
            Control::AltactSignal(Box::new(AltactSignal {
                priority: false,
                exit: false,
                from,
                to,
                token: None,
            }))
        } else {
            Control::AliasSend { from, to, token: None }
        }
    }

    /// Appends a message if the queue has room.
    pub(crate) fn begin<'a>(&'a self, control: &Control, payload: &'a [u8]) -> Result<Begun<'a>> {
        let mut out = self.out.lock();
        let waiting = out.waiting();
        if waiting >= self.busy_limit && !out.closed {
            return Ok(Begun::Busy(waiting));
        }
        if out.encoder.needs_fragments(payload.len()) && !out.closed {
            let Out { encoder, buffer, packets, .. } = &mut *out;
            let fragments = encoder.fragments(buffer, control, payload)?;
            *packets += 1;
            let from = control.sender().cloned();
            out.unfinished.extend(from.clone());
            self.push(out);
            return Ok(Begun::Rest(Rest { link: self, from, fragments }));
        }
        self.append(&mut out, control, Some(payload))?;
        self.push(out);
        Ok(Begun::Sent)
    }

    /// Appends a signal whether there is room or not.
    pub(crate) fn signal(&self, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        let mut out = self.out.lock();
        if !out.unfinished.is_empty() && !out.closed {
            if let Some(from) = control.sender() {
                if out.unfinished.contains(from) {
                    out.delayed.push((control.clone(), payload.map(Bytes::copy_from_slice)));
                    return Ok(());
                }
            }
        }
        self.append(&mut out, control, payload)?;
        self.push(out);
        Ok(())
    }

    /// A big message of `from` has left whole: its signals may follow.
    fn whole(&self, out: &mut Out, from: Option<Pid>) {
        let Some(from) = from else { return };
        if let Some(place) = out.unfinished.iter().position(|sender| *sender == from) {
            out.unfinished.swap_remove(place);
        }
        if out.unfinished.contains(&from) {
            return;
        }
        for (control, payload) in std::mem::take(&mut out.delayed) {
            if control.sender() != Some(&from) {
                out.delayed.push((control, payload));
            } else if let Err(error) = self.append(out, &control, payload.as_deref()) {
                log::warn(format_args!("a signal to {} could not be written: {error}", self.peer));
            }
        }
    }

    fn append(&self, out: &mut Out, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        if out.closed {
            return Err(self.lost());
        }
        let Out { encoder, buffer, packets, .. } = out;
        *packets += 1;
        match (self.old_form(control, payload), payload) {
            (Some(control), _) => encoder.message(buffer, &control, None),
            (None, Some(payload)) if encoder.needs_fragments(payload.len()) => {
                let mut fragments = encoder.fragments(buffer, control, payload)?;
                while fragments.write_next(buffer) {}
                Ok(())
            }
            (None, payload) => encoder.message(buffer, control, payload),
        }
    }

    /// The form of a signal for peers that want reasons inside the control tuple, or know no unlink ids.
    fn old_form(&self, control: &Control, payload: Option<&[u8]>) -> Option<Control> {
        let reason = || Bytes::copy_from_slice(payload.unwrap_or_default());
        let old = |flag| !self.flags.has(flag);
        match control {
            Control::PayloadExit { from, to, .. } if old(Flags::EXIT_PAYLOAD) => {
                Some(Control::Exit { from: from.clone(), to: to.clone(), token: None, reason: reason() })
            }
            Control::PayloadExit2 { from, to, .. } if old(Flags::EXIT_PAYLOAD) => {
                Some(Control::Exit2 { from: from.clone(), to: to.clone(), token: None, reason: reason() })
            }
            Control::PayloadMonitorPExit { from, to, reference } if old(Flags::EXIT_PAYLOAD) => {
                let (from, to, reference) = (from.clone(), to.clone(), reference.clone());
                Some(Control::MonitorPExit { from, to, reference, reason: reason() })
            }
            Control::UnlinkId { from, to, .. } if old(Flags::UNLINK_ID) => {
                Some(Control::Unlink { from: from.clone(), to: to.clone() })
            }
            _ => None,
        }
    }

    fn lost(&self) -> Error {
        Error::NoConnection { node: self.peer.to_string(), why: "the connection was lost".into() }
    }

    /// Sees to it that somebody writes what was appended: this thread if the link is idle, else the one that writes
    /// already, and in a burst the writer task.
    fn push<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if out.writing {
            return;
        }
        let now = Instant::now();
        out.burst = if now - out.last_send < BURST_GAP { out.burst.saturating_add(1) } else { 0 };
        out.last_send = now;
        out.writing = true;
        if out.burst >= BURST_LENGTH && self.runtime.is_driven() {
            drop(out);
            self.write.notify_one();
            return;
        }
        self.write_here(out);
    }

    /// Writes on this thread unless somebody writes already.
    fn push_now<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if !out.writing {
            out.writing = true;
            self.write_here(out);
        }
    }

    /// Writes on this thread until the queue is empty or the kernel takes no more.
    fn write_here<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        loop {
            let spare = std::mem::take(&mut out.spare);
            let mut batch = std::mem::replace(&mut out.buffer, spare);
            out.in_batch = batch.len();
            drop(out);
            let sent = self.write_some(&batch);
            out = self.out.lock();
            out.in_batch -= sent;
            if out.in_batch > 0 && !out.closed {
                batch.drain(..sent);
                out.rest = batch;
                drop(out);
                self.write.notify_one();
                return;
            }
            Self::keep(&mut out, batch);
            if out.buffer.is_empty() || out.closed {
                out.writing = false;
                drop(out);
                self.room.notify_waiters();
                return;
            }
        }
    }

    /// Bytes of `batch` that the kernel took without waiting. An error ends the connection.
    fn write_some(&self, batch: &[u8]) -> usize {
        let mut sent = 0;
        while sent < batch.len() {
            match self.transport.try_send(&batch[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.close(DownReason::ConnectionClosed);
                    break;
                }
            }
        }
        sent
    }

    fn keep(out: &mut Out, mut batch: Vec<u8>) {
        if batch.capacity() <= KEEP_BUFFER {
            batch.clear();
            out.spare = batch;
        }
    }

    /// The writer task: writes what senders left to it.
    async fn write_on(self: Arc<Self>) {
        loop {
            self.write.notified().await;
            if self.write_batches().await.is_err() {
                self.close(DownReason::ConnectionClosed);
            }
            let out = self.out.lock();
            if out.closed {
                return;
            }
        }
    }

    async fn write_batches(&self) -> std::io::Result<()> {
        loop {
            let batch = {
                let mut out = self.out.lock();
                if out.closed || !out.writing {
                    return Ok(());
                }
                let mut batch = std::mem::take(&mut out.rest);
                if batch.is_empty() {
                    let spare = std::mem::take(&mut out.spare);
                    batch = std::mem::replace(&mut out.buffer, spare);
                }
                out.in_batch = batch.len();
                if batch.is_empty() {
                    out.writing = false;
                    Self::keep(&mut out, batch);
                    return Ok(());
                }
                batch
            };
            let mut sent = 0;
            while sent < batch.len() {
                let count = self.transport.send_some(&batch[sent..]).await?;
                sent += count;
                let waiting = {
                    let mut out = self.out.lock();
                    out.in_batch -= count;
                    out.waiting()
                };
                if waiting < AHEAD.min(self.busy_limit) {
                    self.room.notify_waiters();
                }
            }
            Self::keep(&mut self.out.lock(), batch);
        }
    }

    /// The reader task.
    async fn read_to_end<U: Upper>(
        self: Arc<Self>,
        stream: Incoming,
        leftover: BytesMut,
        packets: PacketReader,
        upper: Arc<U>,
    ) {
        let closing = self.closing.notified();
        let ended = tokio::select! {
            ended = self.read_all(stream, leftover, packets, &upper) => ended,
            () = closing => Ok(()),
        };
        let reason = match ended {
            Err(error) => DownReason::Malformed(error.to_string()),
            Ok(()) => DownReason::ConnectionClosed,
        };
        self.close(reason);
        let reason = self.reason.lock().clone().unwrap_or(DownReason::ConnectionClosed);
        upper.down(&self, reason);
        self.ended.send_replace(true);
    }

    async fn read_all<U: Upper>(
        self: &Arc<Self>,
        mut stream: Incoming,
        leftover: BytesMut,
        mut packets: PacketReader,
        upper: &Arc<U>,
    ) -> Result<()> {
        let mut buffer = leftover;
        let mut reads = 0;
        let mut room = QUIET_READ_SIZE;
        loop {
            while let Some(packet) = frame::split(&mut buffer, self.max_message)? {
                if let Some(room) = self.take_packet(&mut packets, packet, upper)? {
                    self.wait_for(&room).await;
                }
            }
            if self.reason.lock().is_some() {
                return Ok(());
            }
            if buffer.is_empty() && buffer.capacity() < room {
                buffer = BytesMut::new();
            }
            // Room for what is certain to come, but never more than doubles what has come.
            let missing = frame::missing(&buffer).min(buffer.len());
            buffer.reserve(missing.max(room));
            reads += 1;
            if reads % READS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
            let free = buffer.capacity() - buffer.len();
            let came = tokio::select! {
                biased;
                came = stream.read(&mut buffer) => came,
                // Nobody talks: the big buffer is given back.
                () = self.quiet.notified(), if room > QUIET_READ_SIZE && buffer.is_empty() => {
                    room = QUIET_READ_SIZE;
                    buffer = BytesMut::new();
                    continue;
                }
            };
            match came {
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) if count == free => room = READ_SIZE,
                Ok(_) => {}
            }
            self.received.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take_packet<U: Upper>(
        self: &Arc<Self>,
        packets: &mut PacketReader,
        packet: Bytes,
        upper: &Arc<U>,
    ) -> Result<Option<Arc<Pause>>> {
        let message = match packets.read(packet)? {
            Received::Tick | Received::Partial => return Ok(None),
            Received::Message(message) => message,
        };
        let (control, length) = Control::decode(&message, packets.atoms(), &self.names)?;
        let mut payload = packets.payload(&message, length)?;
        let mut control = control;
        if let Some(encoded) = &mut payload {
            // What follows the term is ignored, as a BEAM does; what is no term ends the connection, as there.
            let length = crate::term::validate(encoded, packets.atoms())?;
            encoded.truncate(length);
        }
        if !packets.atoms().is_empty() {
            if let Some(encoded) = &payload {
                payload = Some(crate::term::self_contained(encoded, packets.atoms())?.into());
            }
            expand_control(&mut control, packets.atoms())?;
        } else if let Some(encoded) = payload.as_mut().filter(|encoded| encoded.len() <= COPY_BELOW) {
            *encoded = Bytes::copy_from_slice(encoded);
        }
        Ok(upper.message(self, control, payload)?)
    }

    /// A mailbox is full: nothing is read until it has room. Meanwhile silence is our doing, not the peer's.
    async fn wait_for(&self, room: &Pause) {
        self.reader_paused.store(true, Ordering::Relaxed);
        tokio::select! {
            () = room.wait() => {}
            () = self.closing.notified() => {}
        }
        self.reader_paused.store(false, Ordering::Relaxed);
    }

    /// The ticker: shows that we live, and finds out whether the peer does (protocol section 8).
    async fn tick(self: Arc<Self>, spare: SpareBuffers) {
        let (mut sent, mut received) = (u64::MAX, u64::MAX);
        let mut heard_at = Instant::now();
        // Links that came up together do not tick together.
        let mut interval = self.tick_interval().mul_f64(random_between(0.5, 1.0));
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.ticktime_changed.notified() => {}
                () = self.closing.notified() => return,
            }
            if self.reason.lock().is_some() {
                return;
            }
            let heard = self.received.load(Ordering::Relaxed);
            if heard.wrapping_sub(received) <= 1 {
                self.quiet.notify_waiters();
                spare.release();
            }
            let now = Instant::now();
            if heard != received || self.reader_paused.load(Ordering::Relaxed) {
                heard_at = now;
            }
            received = heard;
            if now - heard_at >= Duration::from_millis(self.patience_ms.load(Ordering::Relaxed)) {
                self.close(DownReason::NetTickTimeout);
                return;
            }
            sent = self.tick_unless_sent_since(sent);
            interval = self.tick_interval();
        }
    }

    fn tick_interval(&self) -> Duration {
        Duration::from_millis(self.ticktime_ms.load(Ordering::Relaxed)) / self.tick_intensity
    }

    fn tick_unless_sent_since(&self, before: u64) -> u64 {
        let mut out = self.out.lock();
        if out.packets == before && out.waiting() == 0 && !out.closed {
            out.buffer.extend_from_slice(&frame::TICK);
            self.push(out);
            return before;
        }
        out.packets
    }

    /// Changes the ticktime of a running connection: the one we tick by, and the one the peer is judged by. They differ
    /// while the nodes of a cluster change one after the other.
    pub(crate) fn set_ticktime(&self, ours: Duration, patience: Duration) {
        self.ticktime_ms.store(ours.as_millis() as u64, Ordering::Relaxed);
        self.patience_ms.store(patience.as_millis() as u64, Ordering::Relaxed);
        self.ticktime_changed.notify_one();
    }
}

/// Some number between the two; only to spread what would otherwise happen at the same moment.
pub(crate) fn random_between(low: f64, high: f64) -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    low + (high - low) * (random as f64 / u64::MAX as f64)
}

/// Spells out the cached atoms in the encoded parts of a control tuple that outlive their packet.
fn expand_control(control: &mut Control, atoms: &[Atom]) -> Result<(), Malformed> {
    let part = match control {
        Control::Exit { reason, .. }
        | Control::Exit2 { reason, .. }
        | Control::MonitorPExit { reason, .. } => reason,
        Control::SpawnRequest(request) => &mut request.options,
        _ => return Ok(()),
    };
    *part = crate::term::self_contained(part, atoms)?.into();
    Ok(())
}
