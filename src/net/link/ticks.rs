//! Ticks: showing that we live, and finding out whether the peer does (protocol section 8).

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{random_between, DownReason, Link};
use crate::proto::frame;
use crate::proto::header::SpareBuffers;

/// How long nothing was heard of the peer, by a clock that may jump: who was not running himself (a suspended host, a
/// stopped process) cannot say that the peer was silent meanwhile, and looks first at what has come.
pub(super) struct Silence {
    heard: u64,
    looked: Instant,
    lasted: Duration,
}

impl Silence {
    pub(super) fn new(now: Instant) -> Silence {
        Silence { heard: u64::MAX, looked: now, lasted: Duration::ZERO }
    }

    /// The silence so far. `heard` counts what came; this look was to be `interval` after the last one.
    pub(super) fn look(&mut self, now: Instant, heard: u64, interval: Duration) -> Duration {
        let passed = now.saturating_duration_since(self.looked).min(interval * 2);
        self.looked = now;
        self.lasted = if heard == self.heard { self.lasted + passed } else { Duration::ZERO };
        self.heard = heard;
        self.lasted
    }

    /// It was our doing.
    fn forgive(&mut self) {
        self.lasted = Duration::ZERO;
    }
}

impl Link {
    /// The ticker: shows that we live, and finds out whether the peer does (protocol section 8).
    pub(super) async fn tick(self: Arc<Self>, spare: SpareBuffers) {
        let (mut sent, mut received) = (u64::MAX, u64::MAX);
        let mut silence = Silence::new(Instant::now());
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
            received = heard;
            let lasted = silence.look(Instant::now(), heard, interval);
            if self.reader_paused.load(Ordering::Relaxed) {
                silence.forgive();
            } else if lasted >= self.patience() {
                self.close(DownReason::NetTickTimeout);
                return;
            }
            sent = self.tick_unless_sent_since(sent);
            interval = self.tick_interval();
        }
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.load(Ordering::Relaxed))
    }

    pub(super) fn tick_interval(&self) -> Duration {
        Duration::from_millis(self.ticktime_ms.load(Ordering::Relaxed)) / self.tick_intensity
    }

    pub(super) fn tick_unless_sent_since(&self, before: u64) -> u64 {
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
