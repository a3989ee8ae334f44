//! Who hands the queue of a link to the kernel: the sender's thread, or the writer task.
//!
//! Always true: whoever set `writing` is the only one who writes, until the queue is empty or he passes it on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::pace::{BIG_FRAGMENT, SMALL_FRAGMENT};
use super::Out;
use crate::net::link::{DownReason, Link};
use crate::proto::header::FRAGMENT_HEAD;
use crate::runtime::{holds, Holder};

/// Sends that follow each other faster than this are a burst.
const BURST_GAP: Duration = Duration::from_micros(25);
/// Length of a burst after which appending beats writing.
const BURST_LENGTH: u32 = 4;
/// Bytes that are held back at most, for what follows them to leave with them.
const HOLD: usize = 64 << 10;
/// Buffers above this are given back after use.
const KEEP_BUFFER: usize = 512 << 10;

impl Holder for Link {
    fn let_go(&self) {
        Link::let_go(self);
    }
}

impl Link {
    /// Sees to it that somebody writes what was appended: this thread if the link is idle, now or before it waits, else the one that
    /// writes already, and in a burst the writer task.
    pub(in crate::net::link) fn push<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
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
    pub(in crate::net::link) fn push_now<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
        if !out.writing {
            out.writing = true;
            self.write_here(out);
        }
    }

    /// Writes on this thread until the queue is empty or the kernel takes no more.
    pub(in crate::net::link) fn write_here<'a>(&'a self, mut out: MutexGuard<'a, Out>) {
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
    pub(in crate::net::link) fn let_go(&self) {
        let mut out = self.out.lock();
        if std::mem::replace(&mut out.held, false) {
            self.push_now(out);
        }
    }

    /// Bytes of `batch` that the kernel took without waiting. An error ends the connection.
    pub(in crate::net::link) fn write_some(&self, batch: &[u8]) -> usize {
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

    pub(in crate::net::link) fn keep(out: &mut Out, mut batch: Vec<u8>) {
        if batch.capacity() <= KEEP_BUFFER {
            batch.clear();
            out.spare = batch;
        }
    }

    /// The writer task: writes what senders left to it.
    pub(in crate::net::link) async fn write_on(self: Arc<Self>) {
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

    pub(in crate::net::link) async fn write_batches(&self) -> std::io::Result<()> {
        loop {
            let (batch, slow) = {
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
                let slow = !out.unfinished.is_empty() && !out.pace.is_fast() && batch.len() >= SMALL_FRAGMENT;
                (batch, slow)
            };
            let mut sent = 0;
            while sent < batch.len() {
                if slow && !self.transport.has_room() {
                    self.transport.writable().await?;
                    continue;
                }
                let count = self.transport.send_some(&batch[sent..]).await?;
                sent += count;
                let room = {
                    let mut out = self.out.lock();
                    out.in_batch -= count;
                    // The rest of one fragment is soon gone; its sender then writes the next ones itself.
                    let one = batch.len() <= BIG_FRAGMENT + FRAGMENT_HEAD && self.transport.takes_slices();
                    let soon = one && out.buffer.is_empty();
                    !soon && out.waiting() < out.pace.ahead().min(self.busy_limit)
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
