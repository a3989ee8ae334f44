//! Who drives the runtime: one thread at a time, and those who would like to.
//!
//! Always true: who waits for the lead is told when it is given up; a leader that only handles what it received keeps it from the
//! others for that moment, and the background thread watches over how long that takes.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use crate::sync::{fence, AtomicBool, Mutex};

/// See the module.
pub(super) struct Lead {
    /// A copy of the state's, to look at without the lock.
    taken: AtomicBool,
    /// Somebody waits who would make better use of it; a hint, read without the lock.
    wanted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: bool,
    waiting: Vec<Waiter>,
    next: u64,
}

struct Waiter {
    place: u64,
    tight: bool,
    waker: Waker,
}

impl State {
    fn is_wanted(&self) -> bool {
        self.waiting.iter().any(|waiter| waiter.tight)
    }
}

impl Default for Lead {
    fn default() -> Self {
        let state = Mutex::new(State::default());
        Lead { taken: AtomicBool::new(false), wanted: AtomicBool::new(false), state }
    }
}

impl Lead {
    /// Takes the lead if nobody has it.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        let free = !std::mem::replace(&mut state.taken, true);
        self.taken.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        free
    }

    /// Gives it up. With `tell`, one of those who wait for it is woken.
    pub(super) fn leave(&self, tell: bool) {
        let next = {
            let mut state = self.state.lock();
            state.taken = false;
            self.taken.store(false, Ordering::SeqCst);
            let next = match tell {
                true => state.waiting.pop(),
                false => None,
            };
            self.wanted.store(state.is_wanted(), Ordering::Relaxed);
            next
        };
        if let Some(next) = next {
            next.waker.wake();
        }
    }

    /// Somebody has it.
    pub(super) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst)
    }

    /// Somebody waits for it who expects an answer soon.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Waits until nobody has it; somebody else may take it first. `tight`: an answer is expected soon.
    pub(super) fn free(&self, tight: bool) -> Free<'_> {
        Free { lead: self, tight, place: None }
    }
}

/// The future of [`Lead::free`].
pub(super) struct Free<'a> {
    lead: &'a Lead,
    tight: bool,
    place: Option<u64>,
}

impl Future for Free<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let lead = self.lead;
        let mut state = lead.state.lock();
        if !state.taken {
            // Who was told has come; see `drop`.
            if let Some(place) = self.place.take() {
                state.waiting.retain(|waiter| waiter.place != place);
            }
            return Poll::Ready(());
        }
        let place = *self.place.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        match state.waiting.iter_mut().find(|waiter| waiter.place == place) {
            Some(waiter) => waiter.waker.clone_from(context.waker()),
            None => state.waiting.push(Waiter { place, tight: self.tight, waker: context.waker().clone() }),
        }
        lead.wanted.store(state.is_wanted(), Ordering::Relaxed);
        Poll::Pending
    }
}

impl Drop for Free<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let next = {
            let mut state = self.lead.state.lock();
            let waiting = state.waiting.len();
            state.waiting.retain(|waiter| waiter.place != place);
            // It was told, and has no use for it: the turn of the next.
            let next = match waiting == state.waiting.len() && !state.taken {
                true => state.waiting.pop(),
                false => None,
            };
            self.lead.wanted.store(state.is_wanted(), Ordering::Relaxed);
            next
        };
        if let Some(next) = next {
            next.waker.wake();
        }
    }
}

#[cfg(all(test, erlnode_loom))]
mod loom_tests {
    use std::sync::Arc;

    use super::*;
    use crate::runtime::held::{Held, Holder};
    use crate::runtime::park_on;
    use loom::thread::spawn;

    #[test]
    fn loom_who_waits_for_the_lead_is_told() {
        loom::model(|| {
            let lead = Arc::new(Lead::default());
            assert!(lead.take());
            let follower = spawn({
                let lead = lead.clone();
                move || {
                    park_on(lead.free(true), None).expect("no deadline");
                    assert!(lead.take());
                }
            });
            lead.leave(true);
            follower.join().unwrap();
            assert!(lead.is_taken() && !lead.is_wanted());
        });
    }

    #[test]
    fn loom_who_was_told_and_needs_it_no_more_passes_it_on() {
        loom::model(|| {
            let lead = Arc::new(Lead::default());
            assert!(lead.take());
            let follower = spawn({
                let lead = lead.clone();
                move || park_on(lead.free(true), None).expect("no deadline")
            });
            let other = spawn({
                let lead = lead.clone();
                move || {
                    let mut free = lead.free(true);
                    let _ = Pin::new(&mut free).poll(&mut Context::from_waker(Waker::noop()));
                }
            });
            lead.leave(true);
            other.join().unwrap();
            follower.join().unwrap();
        });
    }

    /// Counts how often it let go.
    struct Counter(loom::sync::atomic::AtomicUsize);

    impl Holder for Counter {
        fn let_go(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn loom_nothing_stays_held_while_somebody_else_leads() {
        loom::model(|| {
            let (lead, held) = (Arc::new(Lead::default()), Arc::new(Held::default()));
            let counter = Arc::new(Counter(loom::sync::atomic::AtomicUsize::new(0)));
            // A server holds, as `Runtime::hold` does it; another thread begins to lead, and lets go before it sleeps.
            let leader = spawn({
                let (lead, held) = (lead.clone(), held.clone());
                move || {
                    assert!(lead.take());
                    held.let_go();
                }
            });
            held.add(counter.clone());
            if lead.is_taken() {
                held.let_go();
            }
            leader.join().unwrap();
            assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        });
    }
}
