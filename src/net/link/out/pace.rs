//! How much of a big message leaves at a time: what the peer takes in a moment, and less while somebody else sends small
//! messages beside it, for those wait behind all that the peer's kernel holds and the peer has not read.
//!
//! Knows no bytes and no socket: it is told what left and when, and says what may.

use std::time::{Duration, Instant};

use crate::net::transport::{MAX_HOLD, MIN_HOLD};
use crate::proto::header::FRAGMENT;

/// Least of a big message that waits in the queue at a time, and at first: others wait behind it.
const MIN_AHEAD: usize = 4 << 10;
/// Most of it: enough for the kernel, little enough that other senders' messages and ticks are not held up.
const MAX_AHEAD: usize = 256 << 10;
/// A queue that empties faster than this may be longer.
const FAST: Duration = Duration::from_millis(10);
/// One that takes longer than this should be shorter.
const SLOW: Duration = Duration::from_millis(100);
/// Largest fragments, for peers that take them within [`MOMENT`]: each costs a BEAM some microseconds, and from 512 KiB on
/// it asks the kernel for fresh memory for each.
pub(super) const BIG_FRAGMENT: usize = 480 << 10;
/// A measure takes so long, or so many bytes: a peer's kernel takes a few at once, however slow the network or the peer is.
const SPAN: Duration = Duration::from_millis(10);
const ENOUGH: usize = 256 << 10;
/// Smallest ones, for slow networks; the headers are half a percent of them.
pub(super) const SMALL_FRAGMENT: usize = 4 << 10;
/// Fragments while nothing is known of the peer: they pass a network of 1 Mbit/s in a sixteenth of a second.
const UNKNOWN_FRAGMENT: usize = 8 << 10;
/// [`MOMENT`]s that one fragment may take over a slow network, and as many what the kernel holds besides.
const SLOW_MOMENTS: usize = 32;
/// [`MOMENT`]s in which what waits in the queue is to leave.
const QUEUE_MOMENTS: usize = 10;
/// Larger messages always leave in fragments: a peer hears of a packet when it is whole, and should it become slow in
/// between, this much is there before a short ticktime is over.
const MAX_WHOLE: usize = (1 << 20) + FRAGMENT;
/// What others may have to wait for one packet: about what a BEAM takes to look after its processes.
const MOMENT: Duration = Duration::from_millis(1);
/// Fragments beside small messages. A BEAM reads one in a tenth of its turn, and small messages pass while it has nothing
/// else to read.
const SHARED_FRAGMENT: usize = FRAGMENT;
/// Turns that were missed by so much are caught up with.
const SHARED_LATE: Duration = Duration::from_millis(2);
/// So long after a small message the next one is expected.
const COMPANY: Duration = Duration::from_millis(100);
/// Messages up to this are small.
pub(super) const SMALL: usize = 16 << 10;

/// See the module.
pub(in crate::net::link) struct Pace {
    /// How much of big messages may wait in the queue.
    ahead: usize,
    /// The kernel may hold much, too.
    fast: bool,
    /// When some of one was appended last.
    filled: Option<Instant>,
    /// Bytes of them that left since.
    since: usize,
    /// Bytes of big messages that the kernel took from where they are.
    taken: usize,
    /// How many of them, and when, when it wanted no more.
    full: Option<(usize, Instant)>,
    /// Bytes that it takes in a [`MOMENT`] then, which is what the peer takes.
    rate: usize,
    /// Bytes that the kernel may hold besides those on their way.
    hold: usize,
    /// Bytes in a second while a big message is beside small ones; 0: any.
    shared_rate: usize,
    /// When a small message was sent last while a big one was on its way.
    company: Option<Instant>,
    /// When the next fragment has its turn beside small messages.
    turn: Instant,
}

impl Pace {
    pub(super) fn new(shared_rate: usize) -> Pace {
        Pace {
            ahead: MIN_AHEAD,
            fast: false,
            filled: None,
            since: 0,
            taken: 0,
            full: None,
            rate: 0,
            hold: MIN_HOLD,
            shared_rate,
            company: None,
            turn: Instant::now(),
        }
    }

    /// How much of big messages may wait in the queue.
    pub(super) fn ahead(&self) -> usize {
        self.ahead
    }

    /// The kernel may hold much.
    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }

    /// Nothing was written for a while; that says nothing of the peer.
    pub(super) fn restart(&mut self) {
        self.full = None;
    }

    /// A big message has left whole.
    pub(super) fn finish(&mut self) {
        self.filled = None;
    }

    /// The kernel took so much from where it is.
    pub(super) fn take(&mut self, bytes: usize, now: Instant) {
        self.taken += bytes;
        self.spend(bytes, now);
    }

    /// The kernel wants no more for now: what it took since the last time tells how fast the peer is.
    pub(super) fn measure(&mut self, now: Instant) {
        if let Some((taken, then)) = self.full {
            if now - then < SPAN && self.taken - taken < ENOUGH {
                return;
            }
            let moments = (now - then).as_secs_f64() / MOMENT.as_secs_f64();
            let rate = (self.taken - taken) as f64 / moments.max(1e-3);
            // Single measures are coarse.
            self.rate = (3 * self.rate + rate as usize) / 4;
        }
        self.full = Some((self.taken, now));
    }

    /// More of a big message may be appended: adapts how much to how fast it leaves, or how long the last part took. `waiting` bytes still do.
    /// Returns what the kernel is to hold from now on, if that changed.
    pub(super) fn adapt(&mut self, waiting: usize, now: Instant) -> Option<usize> {
        if self.rate > 0 {
            self.ahead = self.rate.saturating_mul(QUEUE_MOMENTS).clamp(MIN_AHEAD, MAX_AHEAD);
        } else if waiting < self.ahead && (self.filled.is_none() || self.since >= self.ahead) {
            // The kernel takes a few at once however slow the network is: less than what may wait says nothing.
            self.since = 0;
            if let Some(filled) = self.filled.replace(now) {
                match now - filled {
                    took if took < FAST => self.ahead = (self.ahead * 2).min(MAX_AHEAD),
                    took if took > SLOW => self.ahead = (self.ahead / 2).max(MIN_AHEAD),
                    _ => {}
                }
            }
        }
        let fast = self.ahead == MAX_AHEAD;
        if fast == std::mem::replace(&mut self.fast, fast) {
            return None;
        }
        Some(self.let_hold(if fast { MAX_AHEAD } else { MIN_HOLD }))
    }

    /// What the kernel takes until it holds so much says nothing of the peer.
    fn let_hold(&mut self, hold: usize) -> usize {
        self.hold = hold;
        self.full = None;
        hold
    }

    /// What the kernel is to hold from now on, if that changes: what a fast peer takes in two moments, a slow one in a while.
    pub(super) fn hold(&mut self) -> Option<usize> {
        let hold = match self.fast {
            true => (2 * self.rate).clamp(MAX_AHEAD, MAX_HOLD),
            false => self.rate.saturating_mul(SLOW_MOMENTS).clamp(SMALL_FRAGMENT, MAX_AHEAD),
        };
        if self.rate == 0 || (self.hold / 2..=self.hold * 2).contains(&hold) {
            return None;
        }
        Some(self.let_hold(hold))
    }

    /// Whether a message with so much payload is to leave in one packet.
    pub(super) fn whole(&self, payload: usize, now: Instant) -> bool {
        self.fast && payload <= (2 * self.rate).min(MAX_WHOLE) && !self.is_shared(now)
    }

    /// Payload of the fragments of the next message.
    pub(super) fn fragment(&self, now: Instant) -> usize {
        match (self.fast, self.rate) {
            (true, _) if self.is_shared(now) => SHARED_FRAGMENT,
            (true, rate) => rate.clamp(FRAGMENT, BIG_FRAGMENT),
            (false, 0) => UNKNOWN_FRAGMENT,
            (false, rate) => rate.saturating_mul(SLOW_MOMENTS).clamp(SMALL_FRAGMENT, FRAGMENT),
        }
    }

    /// How many fragments may be handed to the kernel at a time: one, unless the peer is fast and nobody else sends.
    pub(super) fn fragments(&self, most: usize, now: Instant) -> usize {
        match self.fast && !self.is_shared(now) {
            true => most,
            false => 1,
        }
    }

    /// A small message goes beside a big one.
    pub(super) fn share(&mut self, now: Instant) {
        self.company = Some(now);
    }

    fn is_shared(&self, now: Instant) -> bool {
        self.shared_rate > 0 && self.company.is_some_and(|last| now.saturating_duration_since(last) < COMPANY)
    }

    /// So many bytes of a big message leave.
    pub(super) fn spend(&mut self, bytes: usize, now: Instant) {
        self.since += bytes;
        if !self.is_shared(now) {
            self.turn = now;
            return;
        }
        let late = now.checked_sub(SHARED_LATE).map_or(self.turn, |late| self.turn.max(late));
        self.turn = late + Duration::from_secs_f64(bytes as f64 / self.shared_rate as f64);
    }

    /// When more of it may, if not now.
    pub(super) fn turn(&self, now: Instant) -> Option<Instant> {
        Some(self.turn).filter(|turn| *turn > now && self.is_shared(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: usize = 130_000_000;

    /// One that has seen a peer take so many bytes in a millisecond.
    fn seen(rate: usize, now: Instant) -> Pace {
        let mut pace = Pace::new(RATE);
        for step in 0..200 {
            let now = now + MOMENT * step;
            pace.adapt(0, now);
            pace.take(rate, now);
            pace.measure(now);
        }
        pace
    }

    #[test]
    fn fragments_are_what_the_peer_takes_in_a_while() {
        let now = Instant::now();
        assert_eq!(Pace::new(RATE).fragment(now), UNKNOWN_FRAGMENT);
        assert_eq!(seen(4 << 10, now).fragment(now), FRAGMENT);
        assert!((FRAGMENT..BIG_FRAGMENT).contains(&seen(128 << 10, now).fragment(now)));
        assert_eq!(seen(4 << 20, now).fragment(now), BIG_FRAGMENT);
        let mut slow = Pace::new(RATE);
        for second in 0..20 {
            let now = now + Duration::from_secs(second);
            slow.adapt(0, now);
            slow.take(125_000, now);
            slow.measure(now);
        }
        assert_eq!(
            (slow.fragment(now), slow.ahead(), slow.hold()),
            (SMALL_FRAGMENT, MIN_AHEAD, Some(SMALL_FRAGMENT)),
            "1 Mbit/s"
        );
    }

    #[test]
    fn beside_small_messages_a_transfer_takes_turns_and_alone_it_does_not() {
        let began = Instant::now();
        let mut pace = seen(1 << 20, began);
        let mut now = began + Duration::from_secs(1);
        pace.take(64 << 20, now);
        assert!(pace.turn(now).is_none() && pace.whole(1 << 20, now));
        pace.share(now);
        assert!(!pace.whole(1 << 20, now));
        assert_eq!((pace.fragment(now), pace.fragments(4, now)), (SHARED_FRAGMENT, 1));
        let (shared, mut sent) = (now, 0);
        while now < shared + COMPANY / 2 {
            assert!(pace.turn(now).is_none());
            pace.take(SHARED_FRAGMENT, now);
            sent += SHARED_FRAGMENT;
            now = pace.turn(now).unwrap_or(now);
        }
        let rate = sent as f64 / (now - shared).as_secs_f64() / 1e6;
        assert!((125.0..150.0).contains(&rate), "{rate} MB/s");
        assert!(pace.turn(shared + COMPANY).is_none() && pace.whole(1 << 20, shared + COMPANY));
    }
}
