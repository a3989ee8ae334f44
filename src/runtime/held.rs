//! Bytes that are held back for a moment, so that what leaves together leaves in one system call.
//!
//! A thread holds while it leads, and while a server's loop has more messages before it and its functions are quick. Whatever is
//! held leaves before that thread waits for anything, at the latest when the background thread leads again. [`Batch`] is such a loop; it
//! also sees when its calls come in crowds, and then takes several at a time.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{fence, AtomicBool, Mutex};

/// A step of a server that takes longer than this is not quick: answers before it do not wait for answers after it.
const QUICK: Duration = Duration::from_micros(50);
/// Who gets the processor for longer than this twice in a row does not send to us, but computes.
const COMPUTES: Duration = Duration::from_millis(2);
/// For so long nobody is let in any more then.
const REST: Duration = Duration::from_millis(50);
/// Times that a server finds a single message before what it serves counts as coming one at a time.
const CROWD_LASTS: u32 = 4;
/// So many senders among so many messages are a crowd, too, even if each is served before the next one comes.
const MANY: u32 = 8;
const LAST_MESSAGES: u32 = 16;

/// What holds bytes.
pub(crate) trait Holder: Send + Sync {
    /// Lets them go.
    fn let_go(&self);
}

/// All that hold.
pub(super) struct Held {
    holders: Mutex<Vec<Arc<dyn Holder>>>,
    any: AtomicBool,
}

/// Whether a thread holds what it sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// No.
    Sends,
    /// It leads: it will let go before it waits for events.
    Leads,
    /// It serves, and has more to do at once.
    Serves,
    /// It sends several things that belong together.
    Gathers,
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Sends) };
    /// Whether what it holds stays held when it stops to lead: it serves, and will see to it.
    static KEEPS: Cell<bool> = const { Cell::new(false) };
    /// What it serves came several at a time within so many of its last waits.
    static CROWD: Cell<u32> = const { Cell::new(0) };
}

impl Default for Held {
    fn default() -> Self {
        Held { holders: Mutex::new(Vec::new()), any: AtomicBool::new(false) }
    }
}

impl Held {
    /// `holder` holds from now on. Look at [`serves`] afterwards: nobody but the leader itself may hold while somebody leads.
    pub(super) fn add(&self, holder: Arc<dyn Holder>) {
        self.holders.lock().push(holder);
        self.any.store(true, Ordering::SeqCst);
        // With the one in `Lead::take`: either this thread sees the leader, or the leader sees what is held.
        fence(Ordering::SeqCst);
    }

    pub(super) fn let_go(&self) {
        if self.any.load(Ordering::SeqCst) {
            let holders = {
                let mut holders = self.holders.lock();
                self.any.store(false, Ordering::SeqCst);
                std::mem::take(&mut *holders)
            };
            for holder in holders {
                holder.let_go();
            }
        }
    }
}

/// Whether the calling thread is to hold what it sends.
pub(crate) fn holds() -> bool {
    MODE.get() != Mode::Sends
}

/// Whether the calling thread serves.
pub(super) fn serves() -> bool {
    MODE.get() == Mode::Serves
}

/// Sets what the calling thread does; gives what it did.
pub(super) fn set_mode(mode: Mode) -> Mode {
    MODE.replace(mode)
}

/// Whether what is held stays held when this thread stops to lead.
pub(super) fn keeps() -> bool {
    KEEPS.get()
}

/// Whether what the calling thread serves comes several at a time. Then it does not look for the next message before it sleeps: the
/// processor is of more use to those who send.
pub(super) fn crowded() -> bool {
    CROWD.get() > 0
}

/// The loop of a thread that serves: what quick steps send in a row leaves together, and when several messages came at a time, others
/// get the processor before this thread looks again, so that it finds several the next time. That saves both sides system calls.
pub(crate) struct Batch<'a> {
    held: &'a Held,
    /// Steps since nothing was left to do.
    row: u32,
    /// Senders of the last messages, a bit for each, and how many messages that were.
    senders: u64,
    messages: u32,
    /// There were many the last time they were counted.
    many: bool,
    /// Whoever was let in last stayed long.
    stayed: bool,
    /// Until when it lets nobody in.
    rests_until: Option<Instant>,
    /// The last step was quick.
    quick: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(held: &'a Held) -> Batch<'a> {
        let (stayed, rests_until) = (false, None);
        Batch { held, row: 0, senders: 0, messages: 0, many: false, stayed, rests_until, quick: false }
    }

    /// Runs one step for a message of `sender`, told by any number; `more` says that the next one follows at once.
    pub(crate) fn step(&mut self, sender: u32, more: bool, step: impl FnOnce()) {
        let hold = more && self.quick;
        MODE.set(if hold { Mode::Serves } else { Mode::Sends });
        let began = Instant::now();
        step();
        self.quick = began.elapsed() < QUICK;
        MODE.set(Mode::Sends);
        KEEPS.set(self.quick);
        if !(hold && self.quick) {
            self.held.let_go();
        }
        self.row += 1;
        self.count(sender);
        if !more {
            let several = std::mem::take(&mut self.row) > 1 || self.many;
            CROWD.set(match self.quick {
                true if several => CROWD_LASTS,
                true => CROWD.get().saturating_sub(1),
                false => 0,
            });
            self.let_in();
        }
    }

    fn count(&mut self, sender: u32) {
        self.senders |= 1 << (sender % u64::BITS);
        self.messages += 1;
        if self.messages == LAST_MESSAGES {
            self.many = self.senders.count_ones() >= MANY;
            (self.senders, self.messages) = (0, 0);
        }
    }

    /// Lets others have the processor, if there is a crowd.
    fn let_in(&mut self) {
        if !crowded() {
            return;
        }
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| now < until) {
            CROWD.set(0);
            return;
        }
        std::thread::yield_now();
        let stayed = now.elapsed() > COMPUTES;
        let again = std::mem::replace(&mut self.stayed, stayed) && stayed;
        self.rests_until = again.then(|| now + REST);
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        MODE.set(Mode::Sends);
        KEEPS.set(false);
        CROWD.set(0);
        self.held.let_go();
    }
}

#[cfg(all(test, not(erlnode_loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_senders_are_a_crowd_even_if_each_is_served_before_the_next_one_comes() {
        let held = Held::default();
        let mut batch = Batch::new(&held);
        (0..LAST_MESSAGES).for_each(|sender| batch.count(sender));
        assert!(batch.many);
        (0..LAST_MESSAGES).for_each(|sender| batch.count(sender % 4));
        assert!(!batch.many);
    }
}
