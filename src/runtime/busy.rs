//! How long a leader looks for the next event before it sleeps.
//!
//! It pays while events follow each other closely and there is a processor to spare: what sleeps makes the other side sleep, too. Where
//! somebody else wants the processor, the peer may be the one who waits for it. So when it was in vain too often, it is made short for a
//! while. Only who leads uses this; several threads do so in turn.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The most by default: the round trip to a peer that slept, which costs two wake-ups of a processor.
pub const BUSY_WAIT: Duration = Duration::from_micros(150);
/// The most when a longer look was in vain too often: about what it costs to sleep and be woken.
const SHORT: Duration = Duration::from_micros(50);
/// For so long.
const REST: Duration = Duration::from_millis(50);
/// Events in a row that came so soon after the one before.
const STREAK: u32 = 3;
/// Looks that found something, and count; one in vain costs several.
const LUCK: u32 = 16;
const IN_VAIN: u32 = 4;

/// See the module.
pub(super) struct BusyWait {
    /// In microseconds; 0: not at all.
    most: AtomicU32,
    /// Events in a row that came soon.
    soon: AtomicU32,
    luck: AtomicU32,
    /// Until when it is short, in microseconds after `epoch`.
    short_until: AtomicU64,
    epoch: Instant,
}

impl Default for BusyWait {
    fn default() -> Self {
        BusyWait {
            most: AtomicU32::new(BUSY_WAIT.as_micros() as u32),
            soon: AtomicU32::new(0),
            luck: AtomicU32::new(LUCK),
            short_until: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }
}

impl BusyWait {
    /// Sets the most; zero: not at all.
    pub(super) fn set(&self, most: Duration) {
        self.most.store(u32::try_from(most.as_micros()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    fn most(&self) -> Duration {
        Duration::from_micros(self.most.load(Ordering::Relaxed).into())
    }

    pub(super) fn is_off(&self) -> bool {
        self.most.load(Ordering::Relaxed) == 0
    }

    /// Whether events come so closely that there is a look at all.
    pub(super) fn looks(&self) -> bool {
        self.soon.load(Ordering::Relaxed) >= STREAK
    }

    fn is_short(&self, now: Instant) -> bool {
        (now - self.epoch).as_micros() < self.short_until.load(Ordering::Relaxed).into()
    }

    /// How long to look, if there is a look.
    pub(super) fn limit(&self, now: Instant) -> Duration {
        match self.is_short(now) {
            true => self.most().min(SHORT),
            false => self.most(),
        }
    }

    /// An event came, so long after the one before; `slept`: the look was over by then.
    pub(super) fn event_after(&self, quiet: Duration, slept: bool) {
        if self.looks() && !slept {
            let luck = self.luck.load(Ordering::Relaxed);
            self.luck.store((luck + 1).min(LUCK), Ordering::Relaxed);
        }
        let soon = match quiet < self.most() {
            true => self.soon.load(Ordering::Relaxed).saturating_add(1),
            false => 0,
        };
        self.soon.store(soon, Ordering::Relaxed);
    }

    /// A look found nothing.
    pub(super) fn in_vain(&self, now: Instant) {
        if self.is_short(now) {
            return;
        }
        let left = self.luck.load(Ordering::Relaxed).saturating_sub(IN_VAIN);
        if left == 0 {
            let until = (now - self.epoch + REST).as_micros() as u64;
            self.short_until.store(until, Ordering::Relaxed);
        }
        self.luck.store(if left == 0 { LUCK } else { left }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_micros(30);

    fn busy() -> (BusyWait, Instant) {
        let busy = BusyWait::default();
        (0..STREAK).for_each(|_| busy.event_after(SOON, false));
        let now = busy.epoch + Duration::from_secs(1);
        (busy, now)
    }

    #[test]
    fn events_that_follow_each_other_closely_are_looked_for() {
        let (busy, now) = busy();
        assert!(busy.looks() && busy.limit(now) == BUSY_WAIT);
        busy.event_after(BUSY_WAIT, true);
        assert!(!busy.looks());
    }

    #[test]
    fn looks_that_are_mostly_in_vain_become_short_for_a_while() {
        let (busy, now) = busy();
        for _ in 0..LUCK / IN_VAIN {
            assert_eq!(busy.limit(now), BUSY_WAIT);
            busy.event_after(SOON, true);
            busy.in_vain(now);
        }
        assert_eq!(busy.limit(now), SHORT);
        // What is short may be in vain.
        (0..LUCK).for_each(|_| busy.in_vain(now));
        assert_eq!(busy.limit(now + REST), BUSY_WAIT);
    }

    #[test]
    fn a_look_in_vain_now_and_then_is_no_reason() {
        let (busy, now) = busy();
        for n in 0..1000 {
            match n % 10 {
                0 => busy.in_vain(now),
                _ => busy.event_after(SOON, false),
            }
        }
        assert_eq!(busy.limit(now), BUSY_WAIT);
    }

    #[test]
    fn zero_switches_it_off() {
        let (busy, now) = busy();
        busy.set(Duration::ZERO);
        assert!(busy.is_off() && busy.limit(now).is_zero());
    }
}
