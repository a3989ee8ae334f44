//! The ticktime of a node, and how it changes while the cluster runs (protocol section 8).
//!
//! All nodes of a cluster must have the same ticktime and cannot change it at one moment. During a transition a node
//! therefore ticks by the shorter of the old and the new time, and judges its peers by the longer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::node::{Inner, Node};

/// Shortest ticktime: below, an ordinary delay of the network looks like the death of the peer.
const MIN_TICKTIME: Duration = Duration::from_millis(100);

/// The ticktime, and the one it had while that still counts.
pub(crate) struct Ticks {
    state: Mutex<State>,
}

struct State {
    ticktime: Duration,
    before: Option<Duration>,
    /// Counts changes, so that a transition ends only itself.
    change: u64,
}

impl Ticks {
    pub(crate) fn new(ticktime: Duration) -> Ticks {
        let ticktime = ticktime.max(MIN_TICKTIME);
        Ticks { state: Mutex::new(State { ticktime, before: None, change: 0 }) }
    }
}

impl State {
    /// What we tick by, and what peers are judged by.
    fn both(&self) -> (Duration, Duration) {
        let before = self.before.unwrap_or(self.ticktime);
        (self.ticktime.min(before), self.ticktime.max(before))
    }
}

impl Inner {
    pub(crate) fn ticktime(&self) -> Duration {
        self.ticks.state.lock().ticktime
    }

    /// True while a change is in its transition.
    pub(crate) fn is_changing_ticktime(&self) -> bool {
        self.ticks.state.lock().before.is_some()
    }

    /// What we tick by, and what peers are judged by.
    pub(crate) fn ticks(&self) -> (Duration, Duration) {
        self.ticks.state.lock().both()
    }

    fn apply_ticks(&self) {
        let (ours, patience) = self.ticks();
        for link in self.peers.links() {
            link.set_ticktime(ours, patience);
        }
    }

    fn end_transition(&self, change: u64) {
        {
            let mut state = self.ticks.state.lock();
            if state.change != change {
                return;
            }
            state.before = None;
        }
        self.apply_ticks();
    }
}

impl Node {
    /// Silence after which a peer counts as dead.
    pub fn ticktime(&self) -> Duration {
        self.inner().ticktime()
    }

    /// True while a change of the ticktime is in its transition.
    pub fn is_changing_ticktime(&self) -> bool {
        self.inner().is_changing_ticktime()
    }

    /// Changes the ticktime of this node, as `net_kernel:set_net_ticktime/2`. Call it on all nodes of the cluster within
    /// `transition` (OTP: 60 s): that long the shorter time is ticked and the longer one judged by.
    ///
    /// # Errors
    /// `Argument` for less than 100 ms; `Closed` when the node has stopped.
    pub fn set_ticktime(&self, ticktime: Duration, transition: Duration) -> Result<()> {
        self.inner().check_running()?;
        if ticktime < MIN_TICKTIME {
            return Err(Error::argument("a ticktime is at least 100 ms"));
        }
        let change = {
            let mut state = self.inner().ticks.state.lock();
            if state.ticktime == ticktime {
                return Ok(());
            }
            state.before = Some(state.ticktime);
            state.ticktime = ticktime;
            state.change += 1;
            state.change
        };
        self.inner().apply_ticks();
        let inner = Arc::downgrade(self.inner());
        self.inner().runtime.spawn(async move {
            tokio::time::sleep(transition).await;
            if let Some(inner) = inner.upgrade() {
                inner.end_transition(change);
            }
        });
        Ok(())
    }
}
