//! Connections that are kept: a task per node that connects again when the connection was lost.
//!
//! The pauses have full jitter and grow from one second to thirty, so that a cluster that lost a node does not fall upon
//! it when it returns. A connection that `Node::disconnect` ended stays ended until somebody connects.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::error::Result;
use crate::log;
use crate::net::link::{random_between, DownReason};
use crate::node::{Inner, Node};
use crate::term::Atom;

/// Longest first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause of all.
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// How often a node whose connection was ended on purpose is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The pauses between attempts.
struct Backoff {
    most: Duration,
}

impl Backoff {
    fn new() -> Backoff {
        Backoff { most: FIRST_PAUSE }
    }

    /// The next pause: anything up to a bound that doubles.
    fn next(&mut self) -> Duration {
        let pause = self.most.mul_f64(random_between(0.0, 1.0));
        self.most = (self.most * 2).min(LAST_PAUSE);
        pause
    }
}

/// Keeps `peer` connected until the node is gone. It holds the node only while it works, so it never keeps it alive. Calls
/// only while it has a place in `line`, if there is one.
pub(crate) async fn keep(node: Weak<Inner>, peer: Atom, line: Option<Arc<Semaphore>>) {
    let mut backoff = Backoff::new();
    loop {
        let Some(inner) = node.upgrade().filter(|inner| !inner.is_stopped()) else { return };
        let place = match &line {
            Some(line) if inner.peers.link(&peer).is_none() => line.acquire().await.ok(),
            _ => None,
        };
        let outcome = inner.connect(&peer).await;
        drop(place);
        let link = inner.peers.link(&peer);
        drop(inner);
        match (outcome, link) {
            (Ok(()), Some(link)) => {
                let began = Instant::now();
                link.gone().await;
                if link.down_reason() == Some(DownReason::Disconnect) {
                    wait_until_connected(&node, &peer).await;
                }
                if began.elapsed() > LAST_PAUSE {
                    backoff = Backoff::new();
                }
            }
            (Ok(()), None) => {}
            (Err(error), _) => log::debug(format_args!("{peer} is to be kept connected: {error}")),
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

async fn wait_until_connected(node: &Weak<Inner>, peer: &Atom) {
    while node.upgrade().is_some_and(|inner| !inner.is_stopped() && inner.peers.link(peer).is_none()) {
        tokio::time::sleep(LOOK).await;
    }
}

impl Inner {
    /// Keeps a node connected from now on.
    pub(crate) fn keep_connected(self: &Arc<Self>, peer: Atom) {
        {
            let mut kept = self.kept.lock();
            if self.is_our_name(&peer) || !kept.insert(peer.clone()) {
                return;
            }
        }
        let task = self.runtime.spawn(keep(Arc::downgrade(self), peer, None));
        self.own_task(task.abort_handle());
    }
}

impl Node {
    /// Connects to `node` now and whenever the connection was lost, until this node stops: after pauses with full jitter
    /// that grow from 1 s to 30 s. A connection ended by [`disconnect`](Self::disconnect) stays ended until somebody connects.
    pub fn keep_connected(&self, node: &str) -> Result<()> {
        self.inner().check_running()?;
        let name = crate::proto::name::NodeName::new(node)?;
        self.inner().keep_connected(Atom::new(name.as_str())?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_thirty_seconds_and_no_further() {
        let mut backoff = Backoff::new();
        for bound in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_eq!(backoff.most, Duration::from_secs(bound));
            assert!(backoff.next() <= Duration::from_secs(bound));
        }
    }
}
