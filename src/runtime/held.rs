//! Bytes that are held back for a moment, so that what leaves together leaves in one system call.
//!
//! A thread holds while it leads, and while a server's loop has more messages before it and its functions are quick. Whatever is
//! held leaves before that thread waits for anything, at the latest when the background thread leads again.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::{fence, AtomicBool, Mutex};

/// A step of a server that takes longer than this is not quick: answers before it do not wait for answers after it.
const QUICK: Duration = Duration::from_micros(50);

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

/// The loop of a thread that serves: what quick steps send in a row leaves together.
pub(crate) struct Batch<'a> {
    held: &'a Held,
    /// The last step was quick.
    quick: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(held: &'a Held) -> Batch<'a> {
        Batch { held, quick: false }
    }

    /// Runs one step; `more` says that the next one follows at once.
    pub(crate) fn step(&mut self, more: bool, step: impl FnOnce()) {
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
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        MODE.set(Mode::Sends);
        KEEPS.set(false);
        self.held.let_go();
    }
}
