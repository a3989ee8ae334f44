//! The outgoing side of a link: encoding into the queue. Who hands it to the kernel is said in `writing`, how much of big
//! messages at a time in `pace`.
//!
//! Always true: packets leave in the order they were appended; whoever set `writing` is the only one who writes.

mod pace;
mod rest;
mod writing;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use self::pace::{Pace, SMALL, SMALL_FRAGMENT};
pub(crate) use self::rest::{Progress, Rest};
use super::{DownReason, Link};
use crate::error::{copied, in_memory, no_memory, Error, Result};
use crate::log;
use crate::proto::control::{AltactSignal, Control, SignalTarget};
use crate::proto::flags::Flags;
use crate::proto::header::{AtomCensus, PacketWriter, FRAGMENT_HEAD};
use crate::term::{Pid, Reference};

/// The first fragment: it is copied, and holds the control tuple above all.
const FIRST_FRAGMENT: usize = 1 << 10;
/// For a buffer below this there is memory, or the process is past help.
const SMALL_BUFFER: usize = 24 << 10;
/// Most that a control tuple and a packet's header take.
const CONTROL_ROOM: usize = 8 << 10;

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
    pub(super) pace: Pace,
    /// Somebody will be woken for his turn.
    alarm: bool,
}

impl Out {
    pub(super) fn new(flags: Flags, census: AtomCensus, shared_rate: usize) -> Out {
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
            pace: Pace::new(shared_rate),
            alarm: false,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.buffer.len() + self.in_batch
    }

    /// A message with so much payload is to leave.
    fn note(&mut self, payload: usize) {
        if !self.unfinished.is_empty() && payload <= SMALL {
            self.pace.share(Instant::now());
        }
    }

    /// Room for packets with so much payload, or an error. A small buffer need not be asked for.
    fn make_room(&mut self, payload: usize) -> Result<()> {
        if self.buffer.len() + payload < SMALL_BUFFER {
            return Ok(());
        }
        let heads = payload / SMALL_FRAGMENT * FRAGMENT_HEAD + CONTROL_ROOM;
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

impl Link {
    /// Nobody writes, so that who has something big may do it from where it is.
    fn is_idle(&self, out: &Out) -> bool {
        !out.writing && out.buffer.is_empty() && self.transport.takes_slices()
    }

    /// Waits until the kernel takes more.
    pub(crate) async fn kernel(&self) {
        // An error shows when it is written to.
        let _ = self.transport.writable().await;
    }

    /// Adapts what may wait to how fast the peer takes it.
    fn adapt(&self, out: &mut Out, now: Instant) {
        if let Some(hold) = out.pace.adapt(out.waiting(), now) {
            self.transport.hold(hold);
        }
    }

    /// Lets the kernel hold what suits what is known of the peer.
    fn suit(&self, out: &mut Out) {
        if let Some(hold) = out.pace.hold() {
            self.transport.hold(hold);
        }
    }

    /// Waits for room in the queue; make it before looking, so that no wake-up is missed.
    pub(crate) fn room(&self) -> tokio::sync::futures::Notified<'_> {
        self.room.notified()
    }

    /// A sender that does not stay waits for room: there is, after `event`.
    fn wake_after<F>(&self, out: &mut Out, event: impl FnOnce(Arc<Link>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(link) = self.me.upgrade().filter(|_| !out.alarm) else { return };
        out.alarm = true;
        let event = event(link.clone());
        self.runtime.spawn(async move {
            event.await;
            link.out.lock().alarm = false;
            link.room.notify_waiters();
        });
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
            let now = Instant::now();
            self.suit(&mut out);
            let Out { encoder, buffer, packets, pace, .. } = &mut *out;
            let whole = idle && pace.whole(payload.len(), now);
            let fragments = if whole {
                encoder.head(buffer, control, payload)?;
                None
            } else {
                Some(encoder.fragments_of(buffer, control, payload, FIRST_FRAGMENT, pace.fragment(now))?)
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
                out.pace.restart();
                drop(out);
            } else {
                self.push(out);
            }
            self.warn_of_atoms(many);
            return Ok(Begun::Rest(rest));
        }
        out.make_room(payload.len())?;
        out.note(payload.len());
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
        out.note(payload.map_or(0, <[u8]>::len));
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
}
