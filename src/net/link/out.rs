//! The outgoing side of a link: encoding into the queue, and who hands it to the kernel.
//!
//! Always true: packets leave in the order they were appended; whoever set `writing` is the only one who writes.

mod rest;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::MutexGuard;

pub(crate) use self::rest::{Progress, Rest};
use super::{DownReason, Link};
use crate::error::{copied, in_memory, no_memory, Error, Result};
use crate::log;
use crate::net::transport::{MAX_HOLD, MIN_HOLD};
use crate::proto::control::{AltactSignal, Control, SignalTarget};
use crate::proto::flags::Flags;
use crate::proto::header::{AtomCensus, PacketWriter, FRAGMENT, FRAGMENT_HEAD};
use crate::runtime::{holds, Holder};
use crate::term::{Pid, Reference};

/// Sends that follow each other faster than this are a burst.
const BURST_GAP: Duration = Duration::from_micros(25);
/// Length of a burst after which appending beats writing.
const BURST_LENGTH: u32 = 4;
/// Least of a big message that waits in the queue at a time, and at first: over 1 Mbit/s a single fragment takes half a
/// second, and everybody else waits behind it.
const MIN_AHEAD: usize = 4 << 10;
/// Most of it: enough for the kernel, little enough that other senders' messages and ticks are not held up.
const MAX_AHEAD: usize = 256 << 10;
/// A queue that empties faster than this may be longer.
const FAST: Duration = Duration::from_millis(10);
/// One that takes longer than this should be shorter.
const SLOW: Duration = Duration::from_millis(100);
/// Largest fragments, for peers that take them within [`MOMENT`]: each costs a BEAM some microseconds, and from 512 KiB on
/// it asks the kernel for fresh memory for each.
const BIG_FRAGMENT: usize = 480 << 10;
/// Larger messages always leave in fragments: a peer hears of a packet when it is whole, and should it become slow in
/// between, this much is there before a short ticktime is over.
const MAX_WHOLE: usize = (1 << 20) + FRAGMENT;
/// What others may have to wait for one packet: about what a BEAM takes to look after its processes.
const MOMENT: Duration = Duration::from_millis(1);
/// The first fragment: it is copied, and holds the control tuple above all.
const FIRST_FRAGMENT: usize = 1 << 10;
/// For a buffer below this there is memory, or the process is past help.
const SMALL_BUFFER: usize = 24 << 10;
/// Most that a control tuple and a packet's header take.
const CONTROL_ROOM: usize = 8 << 10;
/// Bytes that are held back at most, for what follows them to leave with them.
const HOLD: usize = 64 << 10;
/// Buffers above this are given back after use.
const KEEP_BUFFER: usize = 512 << 10;

/// A signal that waits until what its sender sent before has left.
pub(super) struct Delayed {
    sender: Pid,
    control: Control,
    payload: Option<Bytes>,
}

/// The outgoing side.
pub(super) struct Out {
    pub(super) encoder: PacketWriter,
    /// Packets that nobody has begun to write.
    pub(super) buffer: Vec<u8>,
    /// Bytes that somebody is writing, for the count of what waits.
    pub(super) in_batch: usize,
    /// Left over by a sender the kernel stopped; the writer task goes on with it.
    pub(super) rest: Vec<u8>,
    /// An emptied buffer to be used again.
    pub(super) spare: Vec<u8>,
    /// Somebody writes: appending is enough.
    pub(super) writing: bool,
    /// Nobody writes yet: some thread holds what is appended, and lets it go before it waits.
    held: bool,
    /// Packets appended so far; the ticker compares it.
    pub(super) packets: u64,
    pub(super) burst: u32,
    pub(super) last_send: Instant,
    pub(super) closed: bool,
    /// Senders of big messages that have begun to leave.
    pub(super) unfinished: Vec<Pid>,
    /// Signals of these senders: nothing a process signals overtakes what it sent.
    pub(super) delayed: Vec<Delayed>,
    /// How much of big messages may wait here.
    ahead: usize,
    /// The kernel may hold much, too.
    fast: bool,
    /// When some of one was appended last.
    filled: Option<Instant>,
    /// Bytes of big messages that the kernel took from where they are.
    taken: usize,
    /// How many of them, and when, when it wanted no more.
    full: Option<(usize, Instant)>,
    /// Bytes that it takes in a [`MOMENT`] then, which is what the peer takes.
    rate: usize,
    /// Bytes that it may hold besides those on their way.
    hold: usize,
}

impl Out {
    pub(super) fn new(flags: Flags, census: AtomCensus) -> Out {
        Out {
            encoder: PacketWriter::with_census(flags, census),
            buffer: Vec::new(),
            in_batch: 0,
            rest: Vec::new(),
            spare: Vec::new(),
            writing: false,
            held: false,
            packets: 0,
            burst: 0,
            last_send: Instant::now(),
            closed: false,
            unfinished: Vec::new(),
            delayed: Vec::new(),
            ahead: MIN_AHEAD,
            fast: false,
            filled: None,
            taken: 0,
            full: None,
            rate: 0,
            hold: 0,
        }
    }

    /// The kernel wants no more for now: what it took since the last time tells how fast the peer is.
    fn measure(&mut self, now: Instant) {
        if let Some((taken, then)) = self.full.replace((self.taken, now)) {
            let moments = (now - then).as_secs_f64() / MOMENT.as_secs_f64();
            let rate = (self.taken - taken) as f64 / moments.max(1e-3);
            // Single measures are coarse.
            self.rate = (3 * self.rate + rate as usize) / 4;
        }
    }

    /// More of a big message may be appended: adapts how much to how long the last part took to leave.
    fn pace(&mut self, now: Instant) {
        if self.waiting() >= self.ahead {
            return;
        }
        if let Some(filled) = self.filled.replace(now) {
            match now - filled {
                took if took < FAST => self.ahead = (self.ahead * 2).min(MAX_AHEAD),
                took if took > SLOW => self.ahead = (self.ahead / 2).max(MIN_AHEAD),
                _ => {}
            }
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.buffer.len() + self.in_batch
    }

    /// Room for packets with so much payload, or an error. A small buffer need not be asked for.
    fn make_room(&mut self, payload: usize) -> Result<()> {
        if self.buffer.len() + payload < SMALL_BUFFER {
            return Ok(());
        }
        let heads = payload / FRAGMENT * FRAGMENT_HEAD + CONTROL_ROOM;
        self.buffer.try_reserve(payload + heads).map_err(|_| no_memory())
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

impl Holder for Link {
    fn let_go(&self) {
        Link::let_go(self);
    }
}

impl Link {
    /// Nobody writes, so that who has something big may do it from where it is.
    fn is_idle(&self, out: &Out) -> bool {
        !out.writing && out.buffer.is_empty() && self.transport.takes_slices()
    }

    /// Lets the kernel hold what a peer as fast as this takes in two moments.
    fn suit(&self, out: &mut Out, rate: usize) {
        let hold = (2 * rate).clamp(MAX_AHEAD, MAX_HOLD);
        if rate > 0 && (hold > out.hold * 2 || hold < out.hold / 2) {
            out.hold = hold;
            self.transport.hold(hold);
        }
    }

    /// Waits until the kernel takes more.
    pub(crate) async fn kernel(&self) {
        // An error shows when it is written to.
        let _ = self.transport.writable().await;
    }

    /// Adapts what may wait to how fast the peer takes it.
    fn pace(&self, out: &mut Out) {
        out.pace(Instant::now());
        let fast = out.ahead == MAX_AHEAD;
        if fast != std::mem::replace(&mut out.fast, fast) {
            out.hold = if fast { MAX_AHEAD } else { MIN_HOLD };
            self.transport.hold(out.hold);
        }
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
    pub(crate) fn alias_control(&self, from: Pid, to: Reference, priority: bool) -> Control {
        if self.flags.has(Flags::ALTACT_SIG) {
            let to = SignalTarget::Alias(to);
            Control::AltactSignal(Box::new(AltactSignal { priority, exit: false, from, to, token: None }))
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
            let idle = self.is_idle(&out);
            let rate = if out.fast { out.rate } else { 0 };
            self.suit(&mut out, rate);
            let Out { encoder, buffer, packets, .. } = &mut *out;
            let whole = idle && payload.len() <= (2 * rate).min(MAX_WHOLE);
            let fragments = if whole {
                encoder.head(buffer, control, payload)?;
                None
            } else {
                let size = rate.clamp(FRAGMENT, BIG_FRAGMENT);
                Some(encoder.fragments_of(buffer, control, payload, FIRST_FRAGMENT, size)?)
            };
            *packets += 1;
            let from = control.sender().cloned();
            out.unfinished.extend(from.clone());
            let many = out.encoder.census().warning();
            let payload = if whole { payload } else { &[] };
            let mut rest = Rest { link: self, from, first: Vec::new(), payload, fragments, held: None };
            if idle {
                // It leaves together with the next ones.
                rest.first = std::mem::take(&mut out.buffer);
                rest.held = Some(0);
                out.writing = true;
                out.in_batch = rest.begun();
                // Nothing was written for a while; that says nothing of the peer.
                out.full = None;
                drop(out);
            } else {
                self.push(out);
            }
            self.warn_of_atoms(many);
            return Ok(Begun::Rest(rest));
        }
        out.make_room(payload.len())?;
        self.append(&mut out, control, Some(payload))?;
        let many = out.encoder.census().warning();
        self.push(out);
        self.warn_of_atoms(many);
        Ok(Begun::Sent)
    }

    /// Appends a signal whether there is room or not. `sender` is whose it is, where the control tuple does not tell.
    pub(crate) fn signal(
        &self,
        sender: Option<&Pid>,
        control: &Control,
        payload: Option<&[u8]>,
    ) -> Result<()> {
        let mut out = self.out.lock();
        // A signal must not be lost while the connection stays.
        if out.make_room(payload.map_or(0, <[u8]>::len)).is_err() {
            drop(out);
            self.close(DownReason::NoMemory);
            return Err(no_memory());
        }
        if !out.unfinished.is_empty() && !out.closed {
            let sender = sender.or(control.sender());
            if let Some(sender) = sender.filter(|sender| out.unfinished.contains(sender)).cloned() {
                let Ok(payload) = in_memory(|| Ok(payload.map(|payload| copied(payload).into()))) else {
                    drop(out);
                    self.close(DownReason::NoMemory);
                    return Err(no_memory());
                };
                let control = control.clone();
                out.delayed.push(Delayed { sender, control, payload });
                return Ok(());
            }
        }
        self.append(&mut out, control, payload)?;
        let many = out.encoder.census().warning();
        self.push(out);
        self.warn_of_atoms(many);
        Ok(())
    }

    /// A big message of `from` has left whole: its signals may follow.
    pub(super) fn whole(&self, out: &mut Out, from: Option<Pid>) {
        let Some(from) = from else { return };
        if let Some(place) = out.unfinished.iter().position(|sender| *sender == from) {
            out.unfinished.swap_remove(place);
        }
        if out.unfinished.contains(&from) {
            return;
        }
        for signal in std::mem::take(&mut out.delayed) {
            if signal.sender != from {
                out.delayed.push(signal);
            } else if let Err(error) = self.append(out, &signal.control, signal.payload.as_deref()) {
                self.warn(format!("a signal to {} could not be written: {error}", self.peer));
            }
        }
    }

    pub(super) fn append(&self, out: &mut Out, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        if out.closed {
            return Err(self.lost());
        }
        let Out { encoder, buffer, packets, .. } = out;
        *packets += 1;
        match (self.old_form(control, payload), payload) {
            (Some(control), _) => encoder.message(buffer, &control, None)?,
            (None, Some(payload)) if encoder.needs_fragments(payload.len()) => {
                let mut fragments = encoder.fragments(buffer, control, payload)?;
                while fragments.write_next(buffer) {}
            }
            (None, payload) => encoder.message(buffer, control, payload)?,
        }
        Ok(())
    }

    fn warn_of_atoms(&self, many: Option<usize>) {
        if let Some(count) = many {
            self.warn(format!(
                "{} got {count} different atoms from this node and keeps them for ever; send text as binaries",
                self.peer
            ));
        }
    }

    /// Logs from a thread that holds no lock.
    fn warn(&self, line: String) {
        self.runtime.spawn(async move { log::warn(format_args!("{line}")) });
    }

    /// The form of a signal for peers that want reasons inside the control tuple, or know no unlink ids.
    pub(super) fn old_form(&self, control: &Control, payload: Option<&[u8]>) -> Option<Control> {
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

    pub(super) fn lost(&self) -> Error {
        Error::NoConnection { node: self.peer.to_string(), why: "the connection was lost".into() }
    }

    /// Sees to it that somebody writes what was appended: this thread if the link is idle, now or before it waits, else the one that
    /// writes already, and in a burst the writer task.
    pub(super) fn push<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if out.writing {
            return;
        }
        if holds() && out.buffer.len() < HOLD {
            if !std::mem::replace(&mut out.held, true) {
                drop(out);
                self.me.upgrade().into_iter().for_each(|link| self.runtime.hold(link));
            }
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
    pub(super) fn push_now<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if !out.writing {
            out.writing = true;
            self.write_here(out);
        }
    }

    /// Writes on this thread until the queue is empty or the kernel takes no more.
    pub(super) fn write_here<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        out.held = false;
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

    /// Writes what is held.
    pub(super) fn let_go(&self) {
        let mut out = self.out.lock();
        if std::mem::replace(&mut out.held, false) {
            self.push_now(out);
        }
    }

    /// Bytes of `batch` that the kernel took without waiting. An error ends the connection.
    pub(super) fn write_some(&self, batch: &[u8]) -> usize {
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

    pub(super) fn keep(out: &mut Out, mut batch: Vec<u8>) {
        if batch.capacity() <= KEEP_BUFFER {
            batch.clear();
            out.spare = batch;
        }
    }

    /// The writer task: writes what senders left to it.
    pub(super) async fn write_on(self: Arc<Self>) {
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

    pub(super) async fn write_batches(&self) -> std::io::Result<()> {
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
                    drop(out);
                    self.room.notify_waiters();
                    return Ok(());
                }
                batch
            };
            let mut sent = 0;
            while sent < batch.len() {
                let count = self.transport.send_some(&batch[sent..]).await?;
                sent += count;
                let room = {
                    let mut out = self.out.lock();
                    out.in_batch -= count;
                    // The rest of one fragment is soon gone; its sender then writes the next ones itself.
                    let one = batch.len() <= BIG_FRAGMENT + FRAGMENT_HEAD && self.transport.takes_slices();
                    let soon = one && out.buffer.is_empty();
                    !soon && out.waiting() < out.ahead.min(self.busy_limit)
                };
                if room {
                    self.room.notify_waiters();
                }
            }
            Self::keep(&mut self.out.lock(), batch);
        }
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
}
