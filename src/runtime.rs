//! The hidden runtime under the blocking interface: one current-thread tokio runtime per process.
//!
//! One background thread drives it. A program thread that waits in a tight exchange (a call, a ping-pong) may drive
//! it itself ("leader/followers"): it then reads its own answer from the socket, and an exchange costs one wake-up, as
//! with a plain blocking read. A leader that has waited for long gives the lead to a thread whose waits are short. The background
//! thread takes the lead back when nobody has driven for [`GRACE`]. While events follow each other closely, a program thread that
//! leads looks for the next one for a while ([`BUSY_WAIT`]) before it sleeps.
//! Always true: while the background thread does not lead, a program thread has led within the last two graces.

mod busy;
mod held;
mod lane;
mod lead;

use std::future::{poll_fn, Future};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime as Tokio};
use tokio::sync::Notify;

use self::busy::BusyWait;
pub use self::busy::BUSY_WAIT;
use self::held::{crowded, keeps, serves, set_mode, Held, Mode};
pub(crate) use self::held::{holds, Batch, Holder};
pub(crate) use self::lane::make_way;
use self::lane::Lane;
use crate::error::{Error, Result};
use crate::sync::{current as current_thread, park, AtomicBool, Thread};

/// How long nobody may drive before the background thread leads again: long enough that the program handles what it just
/// received, short enough that timers and other connections do not notice.
const GRACE: Duration = Duration::from_millis(4);
/// A leader that has waited for so long makes way for somebody who waits for the lead.
const MAKE_WAY: Duration = Duration::from_micros(500);
/// Run at the start of each thread of ours, before anything else (the C side blocks all signals here).
static THREAD_START: Mutex<Option<fn()>> = Mutex::new(None);

/// The runtime of this process. A forked child finds another process id and makes its own.
static CURRENT: Lazy<Mutex<Option<(u32, Arc<Runtime>)>>> = Lazy::new(|| Mutex::new(None));

/// Sets the function that each thread of ours runs first.
pub fn on_thread_start(hook: fn()) {
    *THREAD_START.lock() = Some(hook);
}

/// Runs the hook of [`on_thread_start`]; every thread of ours calls it first.
fn greet() {
    let hook = *THREAD_START.lock();
    if let Some(hook) = hook {
        hook();
    }
}

/// The runtime of one process.
pub struct Runtime {
    tokio: Option<Tokio>,
    handle: Handle,
    /// The process that made it; after a fork the child must not touch it.
    process: u32,
    /// True while the background thread sits in `block_on`.
    background_leads: AtomicBool,
    /// True while it sleeps until the leader leaves.
    background_sleeps: AtomicBool,
    background: OnceLock<std::thread::Thread>,
    /// Asks the background thread to let go of the lead.
    let_go: Notify,
    /// Times a program thread has driven; the background thread watches it move.
    drives: AtomicU64,
    /// Who leads, and what that one polls first.
    lane: Arc<Lane>,
    held: Arc<Held>,
    busy: BusyWait,
}

/// Starts a thread of ours.
pub(crate) fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let run = move || {
        greet();
        body();
    };
    let started = std::thread::Builder::new().name(name.into()).spawn(run);
    started.map(drop).map_err(|e| Error::io(format!("cannot start the thread {name}"), &e))
}

/// The runtime of this process, made at the first call.
pub fn current() -> Result<Arc<Runtime>> {
    let process = std::process::id();
    let mut slot = CURRENT.lock();
    if let Some((owner, runtime)) = slot.as_ref() {
        if *owner == process {
            return Ok(runtime.clone());
        }
    }
    let runtime = Runtime::start(process)?;
    if let Some((_, inherited)) = slot.replace((process, runtime.clone())) {
        // The parent's runtime: its threads do not exist here, so nothing of it may be dropped or waited for.
        std::mem::forget(inherited);
    }
    Ok(runtime)
}

impl Runtime {
    fn start(process: u32) -> Result<Arc<Runtime>> {
        let held = Arc::new(Held::default());
        let parking = held.clone();
        let tokio = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("erlnode-dns")
            .on_thread_start(greet)
            // Tasks may have sent since the leader looked last.
            .on_thread_park(move || parking.let_go())
            .build()
            .map_err(|e| Error::io("cannot start the I/O runtime", &e))?;
        let runtime = Arc::new(Runtime {
            handle: tokio.handle().clone(),
            tokio: Some(tokio),
            process,
            background_leads: AtomicBool::new(true),
            background_sleeps: AtomicBool::new(false),
            background: OnceLock::new(),
            let_go: Notify::new(),
            drives: AtomicU64::new(0),
            lane: Arc::default(),
            held,
            busy: BusyWait::default(),
        });
        let ours = runtime.clone();
        thread("erlnode-io", move || ours.run_in_background())?;
        Ok(runtime)
    }

    fn tokio(&self) -> &Tokio {
        self.tokio.as_ref().expect("present until drop")
    }

    fn run_in_background(&self) -> ! {
        self.background.get_or_init(std::thread::current);
        loop {
            if self.lane.lead.take() {
                self.background_leads.store(true, Ordering::SeqCst);
                let mut let_go = pin!(self.let_go.notified());
                set_mode(Mode::Leads);
                self.tokio().block_on(poll_fn(|context| {
                    self.lane.run(context);
                    self.held.let_go();
                    let_go.as_mut().poll(context)
                }));
                set_mode(Mode::Sends);
                self.held.let_go();
                self.background_leads.store(false, Ordering::SeqCst);
                self.lane.lead.leave(true);
            } else {
                // At the start a program thread may have been faster.
                self.background_leads.store(false, Ordering::SeqCst);
            }
            self.watch_drivers();
        }
    }

    /// Returns when no program thread has driven for a whole [`GRACE`].
    fn watch_drivers(&self) {
        loop {
            let seen = self.drives.load(Ordering::SeqCst);
            std::thread::park_timeout(GRACE);
            if self.drives.load(Ordering::SeqCst) != seen {
                continue;
            }
            if !self.lane.lead.is_taken() {
                return;
            }
            // The leader has nothing to do: it says when it leaves.
            self.background_sleeps.store(true, Ordering::SeqCst);
            while self.lane.lead.is_taken() && self.background_sleeps.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.background_sleeps.store(false, Ordering::SeqCst);
        }
    }

    /// The tokio handle; tasks spawned on it live until the process ends.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Starts a task.
    pub fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(task)
    }

    /// Starts a task that whoever leads polls itself, before anything else: one that reads what threads wait for.
    pub(crate) fn spawn_first(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lane.start(task);
    }

    /// Sets how long a leader looks for the next event before it sleeps; zero: not at all.
    pub(crate) fn set_busy_wait(&self, time: Duration) {
        self.busy.set(time);
    }

    /// For a thread that serves in a loop.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch::new(&self.held)
    }

    /// Runs `sends`; what it sends leaves together.
    pub(crate) fn together<T>(&self, sends: impl FnOnce() -> T) -> T {
        if holds() {
            return sends();
        }
        let _gathering = Gathering(&self.held, set_mode(Mode::Gathers));
        sends()
    }

    /// `holder` has bytes that are to leave before the calling thread waits.
    pub(crate) fn hold(&self, holder: Arc<dyn Holder>) {
        self.held.add(holder);
        // Whoever leads might sleep meanwhile; when nobody does, the background thread watches.
        if serves() && self.lane.lead.is_taken() {
            self.held.let_go();
        }
    }

    /// True in a process that was forked from the one that made this runtime.
    pub fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// False in the moments in which a program thread has stopped to drive and the background thread has not taken over.
    pub fn is_driven(&self) -> bool {
        self.lane.lead.is_taken()
    }

    /// Waits for `future` on the calling thread until `deadline` (`None`: for ever); `None` when time ran out.
    ///
    /// `drive` says that the caller expects the answer soon and is willing to do the I/O itself meanwhile.
    pub fn wait<F: Future>(&self, future: F, deadline: Option<Instant>, drive: bool) -> Option<F::Output> {
        let future = pin!(future);
        // While nobody leads, whoever waits has to, or its answer lies in the socket for a whole grace.
        let wants = drive || !self.background_leads.load(Ordering::SeqCst);
        if wants && Handle::try_current().is_err() {
            self.drive(future, deadline, drive)
        } else {
            self.held.let_go();
            park_on(future, deadline)
        }
    }

    /// Keeps the calling thread busy with nothing until then: for pauses too short to lead in.
    pub(crate) fn pause(&self, until: Instant) {
        self.held.let_go();
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    fn drive<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        deadline: Option<Instant>,
        tight: bool,
    ) -> Option<F::Output> {
        while !self.lane.lead.take() {
            self.held.let_go();
            if self.background_leads.load(Ordering::SeqCst) {
                self.let_go.notify_one();
            }
            let mut free = pin!(self.lane.lead.free(tight));
            let waited = park_on(
                poll_fn(|context| match future.as_mut().poll(context) {
                    Poll::Ready(output) => Poll::Ready(Some(output)),
                    Poll::Pending => free.as_mut().poll(context).map(|()| None),
                }),
                deadline,
            );
            match waited {
                None => return None,
                Some(Some(output)) => return Some(output),
                Some(None) => {}
            }
        }
        self.drives.fetch_add(1, Ordering::SeqCst);
        let leading = Leading { runtime: self, mode: set_mode(Mode::Leads), tell: true };
        let done = self.lead_until(future.as_mut(), deadline);
        match done {
            Some(None) => {
                drop(leading);
                park_on(future, deadline)
            }
            Some(Some(output)) => {
                leading.briefly();
                Some(output)
            }
            None => None,
        }
    }

    /// Drives until `future` is ready, or there is reason to make way (`Some(None)`).
    fn lead_until<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        deadline: Option<Instant>,
    ) -> Option<Option<F::Output>> {
        let began = Instant::now();
        let sleeps = crowded() || self.busy.is_off();
        let (mut quiet_since, mut slept) = (began, false);
        let turns = poll_fn(|context| {
            let came = self.lane.run(context);
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                if came && !sleeps {
                    self.busy.event_after(quiet_since.elapsed(), slept);
                }
                return Poll::Ready(Some(output));
            }
            if self.lane.lead.is_wanted() && began.elapsed() > MAKE_WAY {
                return Poll::Ready(None);
            }
            self.held.let_go();
            if sleeps {
                return Poll::Pending;
            }
            let now = Instant::now();
            if came {
                self.busy.event_after(now - quiet_since, slept);
                (quiet_since, slept) = (now, false);
            }
            if self.busy.looks() && !slept {
                if now - quiet_since < self.busy.limit(now) {
                    context.waker().wake_by_ref();
                } else {
                    self.busy.in_vain(now);
                    slept = true;
                }
            }
            Poll::Pending
        });
        match deadline {
            None => Some(self.tokio().block_on(turns)),
            Some(deadline) => {
                self.tokio().block_on(async { tokio::time::timeout_at(deadline.into(), turns).await.ok() })
            }
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(tokio) = self.tokio.take() {
            if self.is_forked() {
                std::mem::forget(tokio);
            } else {
                tokio.shutdown_background();
            }
        }
    }
}

/// A program thread leads. Dropping it gives up the lead, also when the future panics.
struct Leading<'a> {
    runtime: &'a Runtime,
    mode: Mode,
    tell: bool,
}

impl Leading<'_> {
    /// Gives up the lead for the moment that it takes to handle a message.
    fn briefly(mut self) {
        self.tell = !keeps();
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        set_mode(self.mode);
        self.runtime.lane.lead.leave(self.tell);
        if self.runtime.background_sleeps.swap(false, Ordering::SeqCst) {
            self.runtime.background.get().into_iter().for_each(std::thread::Thread::unpark);
        }
        if !keeps() {
            self.runtime.held.let_go();
        }
    }
}

/// Several sends that belong together. Dropping it sends them, also when something panics.
struct Gathering<'a>(&'a Held, Mode);

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        set_mode(self.1);
        self.0.let_go();
    }
}

/// Wakes a parked thread.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

/// Polls `future` on this thread, parking it in between; needs no runtime.
pub(crate) fn park_on<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let signal = Arc::new(Unpark { thread: current_thread(), woken: AtomicBool::new(false) });
    let waker = Waker::from(signal.clone());
    let mut context = Context::from_waker(&waker);
    let mut future: Pin<&mut F> = pin!(future);
    loop {
        signal.woken.store(false, Ordering::Release);
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        while !signal.woken.load(Ordering::Acquire) {
            match deadline {
                None => park(),
                Some(deadline) => {
                    let now = Instant::now();
                    if now >= deadline {
                        return None;
                    }
                    std::thread::park_timeout(deadline - now);
                }
            }
        }
    }
}
