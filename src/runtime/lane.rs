//! Tasks that whoever leads the runtime polls itself, between waiting for events and looking at what it waits for.
//!
//! The readers of connections run here: what they read wakes the very thread that polls them, and a scheduler in between would look
//! at the sockets once more, for nothing, before that thread gets to see it.
//! Always true: a job that was woken is in the queue, and then the leader has been woken, or will look when it begins to lead.

use std::collections::VecDeque;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use super::lead::Lead;

/// Jobs polled in a row before the tasks of the scheduler get their turn.
const JOBS_PER_TURN: usize = 64;

/// The jobs that are to be polled, and who polls them.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) lead: Lead,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Arc<Job>>,
    /// Jobs that made way for others.
    later: VecDeque<Arc<Job>>,
    /// Wakes who leads.
    leader: Option<Waker>,
}

struct Job {
    lane: Arc<Lane>,
    queued: AtomicBool,
    /// It is being polled: woken now, it goes behind the others.
    polled: AtomicBool,
    /// `None` once it is done.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Lane {
    /// Starts a job. It may stop to exist when nothing can wake it any more.
    pub(super) fn start(self: &Arc<Self>, future: impl Future<Output = ()> + Send + 'static) {
        // Tokio makes a task pause until the next event, and forgets it if its leader stops to lead first; so jobs pause by themselves.
        let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(tokio::task::unconstrained(future));
        let (queued, polled) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Job { lane: self.clone(), queued, polled, future: Mutex::new(Some(future)) }).wake();
    }

    /// Polls the jobs that were woken; false if there were none. Only who leads calls it.
    pub(super) fn run(&self, leader: &mut Context<'_>) -> bool {
        let mut turn = 0;
        while let Some(job) = self.next(leader.waker(), turn < JOBS_PER_TURN) {
            job.poll();
            turn += 1;
        }
        turn > 0
    }

    /// The next job; `None` when this turn is over.
    fn next(&self, leader: &Waker, more: bool) -> Option<Arc<Job>> {
        let mut queue = self.queue.lock();
        if !queue.leader.as_ref().is_some_and(|known| known.will_wake(leader)) {
            queue.leader = Some(leader.clone());
        }
        let job = if more { queue.ready.pop_front() } else { None };
        if job.is_none() {
            let Queue { ready, later, .. } = &mut *queue;
            ready.append(later);
            if !ready.is_empty() {
                leader.wake_by_ref();
            }
        }
        job
    }
}

/// Lets others go first; for jobs, in the place of tokio's function.
pub(crate) async fn make_way() {
    let mut made = false;
    poll_fn(|context| match std::mem::replace(&mut made, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl Job {
    fn poll(self: Arc<Self>) {
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(self.clone());
        let mut slot = self.future.lock();
        let Some(future) = slot.as_mut() else { return };
        self.polled.store(true, Ordering::SeqCst);
        let polled =
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        self.polled.store(false, Ordering::SeqCst);
        // A panic ends the job and nothing else, as that of a task.
        if !matches!(polled, Ok(poll) if poll.is_pending()) {
            *slot = None;
        }
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::SeqCst) {
            return;
        }
        let leader = {
            let mut queue = self.lane.queue.lock();
            match self.polled.load(Ordering::SeqCst) {
                true => queue.later.push_back(self.clone()),
                false => queue.ready.push_back(self.clone()),
            }
            queue.leader.clone()
        };
        // While nobody leads there is nobody to wake, and whoever leads next begins with the queue.
        if let Some(leader) = leader.filter(|_| self.lane.lead.is_taken()) {
            leader.wake();
        }
    }
}
