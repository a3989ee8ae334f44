//! Nodes that come and go: how long to wait before one is connected to again because others brought it in.

use std::time::Duration;

use foldhash::HashMap;
use tokio::time::Instant;

use crate::term::Atom;

/// A node whose connection was lost more often than this within [`FLAPPING`] is connected to again after a pause only.
const FLAPS: u32 = 3;
/// How long a loss counts.
const FLAPPING: Duration = Duration::from_secs(60);
/// Longest pause before a node that comes and goes is connected to again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Nodes whose losses are counted; more than come and go at a time in any cluster.
const MAX_FLAPPING: usize = 1024;

/// How often each node was lost of late, and when last.
#[derive(Debug, Default)]
pub(super) struct Flaps {
    losses: HashMap<Atom, (u32, Instant)>,
}

impl Flaps {
    /// The connection to a node was lost.
    pub(super) fn lost(&mut self, node: &Atom, now: Instant) {
        if self.losses.len() >= MAX_FLAPPING {
            self.losses.retain(|_, (_, last)| now - *last < FLAPPING);
        }
        if self.losses.len() < MAX_FLAPPING || self.losses.contains_key(node) {
            let (count, last) = self.losses.entry(node.clone()).or_insert((0, now));
            *count = if now - *last < FLAPPING { count.saturating_add(1) } else { 1 };
            *last = now;
        }
    }

    /// How long to wait at most before it is connected to again.
    pub(super) fn pause(&self, node: &Atom, now: Instant) -> Duration {
        match self.losses.get(node) {
            Some((count, last)) if *count > FLAPS && now - *last < FLAPPING => {
                Duration::from_secs(1 << (*count - FLAPS).min(5)).min(LONGEST_PAUSE)
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_comes_and_goes_waits_longer_each_time_and_one_that_stays_not_at_all() {
        let (mut flaps, node, other) = (Flaps::default(), Atom::from_static("a@b"), Atom::from_static("c@d"));
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            flaps.lost(&node, now);
            now += Duration::from_secs(5);
            pauses.push(flaps.pause(&node, now).as_secs());
        }
        assert_eq!(pauses, [0, 0, 0, 2, 4, 8, 16, 30, 30, 30]);
        assert!(flaps.pause(&other, now).is_zero());
        now += FLAPPING;
        assert!(flaps.pause(&node, now).is_zero(), "a quiet minute is forgiven");
        flaps.lost(&node, now);
        assert!(flaps.pause(&node, now).is_zero());
    }

    #[test]
    fn a_flood_of_names_meets_a_limit_and_makes_room_for_those_of_the_last_minute() {
        let (mut flaps, now) = (Flaps::default(), Instant::now());
        for number in 0..2 * MAX_FLAPPING {
            flaps.lost(&Atom::new(&format!("n{number}@h")).unwrap(), now);
        }
        assert_eq!(flaps.losses.len(), MAX_FLAPPING);
        flaps.lost(&Atom::from_static("late@h"), now + FLAPPING);
        assert_eq!(flaps.losses.len(), 1);
    }
}
