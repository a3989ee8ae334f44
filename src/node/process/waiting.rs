//! Those who wait for a message of a process: the list of them, and the futures by which they wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{Limits, Process, State};
use crate::error::Result;
use crate::node::message::Message;
use crate::term::Reference;

/// Somebody who waits for a message.
struct Waiter {
    id: u64,
    /// Takes whatever comes: one of these is woken for a message. The others look for themselves whether it is theirs.
    plain: bool,
    waker: Waker,
}

/// The list, in the order in which they came.
#[derive(Default)]
pub(super) struct Waiters {
    list: Vec<Waiter>,
    /// Number of the last one.
    last: u64,
}

impl Waiters {
    /// Wakes all who look for themselves, and one of the others.
    pub(super) fn wake(&mut self) {
        self.list.retain(|waiter| {
            if !waiter.plain {
                waiter.waker.wake_by_ref();
            }
            waiter.plain
        });
        self.wake_one();
    }

    /// Wakes one of those who take whatever comes: the last that came, which is the one that served last.
    fn wake_one(&mut self) {
        if let Some(place) = self.list.iter().rposition(|waiter| waiter.plain) {
            self.list.remove(place).waker.wake();
        }
    }

    pub(super) fn wake_all(self) {
        for waiter in self.list {
            waiter.waker.wake();
        }
    }

    /// Wakes `waker` at the next message; gives the number to ask again with, or to leave by.
    fn enlist(&mut self, waiter: Option<u64>, plain: bool, waker: &Waker) -> u64 {
        let id = waiter.unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        match self.list.iter_mut().find(|waiter| waiter.id == id) {
            Some(known) => known.waker.clone_from(waker),
            None => self.list.push(Waiter { id, plain, waker: waker.clone() }),
        }
        id
    }

    /// Takes a waiter off the list; false if it was woken already.
    fn leave(&mut self, id: u64) -> bool {
        let place = self.list.iter().position(|waiter| waiter.id == id);
        place.map(|place| self.list.remove(place)).is_some()
    }
}

/// The future of [`Process::recv`]. Dropping it forgets nothing but the wait.
pub(crate) struct Recv<'a> {
    process: &'a Process,
    reference: Option<&'a Reference>,
    takes: bool,
    waiter: Option<u64>,
}

impl<'a> Recv<'a> {
    /// `takes`: what is found is taken, and not left there.
    pub(super) fn new(process: &'a Process, reference: Option<&'a Reference>, takes: bool) -> Recv<'a> {
        Recv { process, reference, takes, waiter: None }
    }

    /// Looks with `look`, and waits for the next message if that finds nothing.
    fn poll_with<T>(
        &mut self,
        context: &mut Context<'_>,
        look: impl FnOnce(&mut State, Limits, Option<&Reference>) -> Result<Option<T>>,
    ) -> Poll<Result<T>> {
        let mut state = self.process.state.lock();
        let found = look(&mut state, self.process.limits, self.reference).transpose();
        let Some(found) = found else {
            let plain = self.takes && self.reference.is_none();
            self.waiter = Some(state.waiters.enlist(self.waiter, plain, context.waker()));
            return Poll::Pending;
        };
        if let Some(id) = self.waiter.take() {
            state.waiters.leave(id);
        }
        Poll::Ready(found)
    }
}

impl Future for Recv<'_> {
    type Output = Result<Message>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_with(context, State::take)
    }
}

/// The future of [`Process::ready`].
pub(crate) struct Ready<'a>(Recv<'a>);

impl<'a> Ready<'a> {
    pub(super) fn new(process: &'a Process, reference: Option<&'a Reference>) -> Ready<'a> {
        Ready(Recv::new(process, reference, false))
    }
}

impl Future for Ready<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_with(context, |state, _, reference| Ok(state.find(reference)?.map(|_| ())))
    }
}

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        let Some(id) = self.waiter else { return };
        let mut state = self.process.state.lock();
        // Who was woken and takes nothing wakes the next one.
        if !state.waiters.leave(id) && !state.queue.is_empty() {
            state.waiters.wake_one();
        }
    }
}
