//! The hidden runtime under the blocking interface: one current-thread tokio runtime per process.
//!
//! One background thread drives it. A program thread that waits in a tight exchange (a call, a ping-pong) may drive
//! it itself ("leader/followers"): it then reads its own answer from the socket, and an exchange costs one wake-up, as
//! with a plain blocking read. The background thread takes the lead back when nobody has driven for [`GRACE`].
//! Always true: while the background thread does not lead, a program thread has led within the last two graces.

use std::future::Future;
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime as Tokio};
use tokio::sync::Notify;

use crate::error::{Error, Result};
use crate::sync::{current as current_thread, park, AtomicBool, Thread};

/// How long nobody may drive before the background thread leads again: long enough that the program handles what it just
/// received, short enough that timers and other connections do not notice.
const GRACE: Duration = Duration::from_millis(4);

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
    /// Asks the background thread to let go of the lead.
    let_go: Notify,
    /// Program threads inside `block_on` now.
    drivers: AtomicUsize,
    /// Times a program thread has driven; the background thread watches it move.
    drives: AtomicU64,
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
        let tokio = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("erlnode-dns")
            .on_thread_start(greet)
            .build()
            .map_err(|e| Error::io("cannot start the I/O runtime", &e))?;
        let runtime = Arc::new(Runtime {
            handle: tokio.handle().clone(),
            tokio: Some(tokio),
            process,
            background_leads: AtomicBool::new(true),
            let_go: Notify::new(),
            drivers: AtomicUsize::new(0),
            drives: AtomicU64::new(0),
        });
        let ours = runtime.clone();
        thread("erlnode-io", move || ours.run_in_background())?;
        Ok(runtime)
    }

    fn tokio(&self) -> &Tokio {
        self.tokio.as_ref().expect("present until drop")
    }

    fn run_in_background(&self) -> ! {
        loop {
            self.background_leads.store(true, Ordering::SeqCst);
            self.tokio().block_on(self.let_go.notified());
            self.background_leads.store(false, Ordering::SeqCst);
            self.watch_drivers();
        }
    }

    /// Returns when no program thread has driven for a whole [`GRACE`].
    fn watch_drivers(&self) {
        loop {
            let seen = self.drives.load(Ordering::SeqCst);
            std::thread::park_timeout(GRACE);
            if self.drivers.load(Ordering::SeqCst) == 0 && self.drives.load(Ordering::SeqCst) == seen {
                return;
            }
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

    /// True in a process that was forked from the one that made this runtime.
    pub fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// False in the moments in which a program thread has stopped to drive and the background thread has not taken over.
    pub fn is_driven(&self) -> bool {
        self.background_leads.load(Ordering::Relaxed) || self.drivers.load(Ordering::Relaxed) > 0
    }

    /// Waits for `future` on the calling thread until `deadline` (`None`: for ever); `None` when time ran out.
    ///
    /// `drive` says that the caller expects the answer soon and is willing to do the I/O itself meanwhile.
    pub fn wait<F: Future>(&self, future: F, deadline: Option<Instant>, drive: bool) -> Option<F::Output> {
        // While nobody leads, whoever waits has to, or its answer lies in the socket for a whole grace.
        let drive = drive || !self.background_leads.load(Ordering::SeqCst);
        if drive && Handle::try_current().is_err() {
            self.drive(future, deadline)
        } else {
            park_on(future, deadline)
        }
    }

    fn drive<F: Future>(&self, future: F, deadline: Option<Instant>) -> Option<F::Output> {
        self.drivers.fetch_add(1, Ordering::SeqCst);
        self.drives.fetch_add(1, Ordering::SeqCst);
        let _leave = Leave(&self.drivers);
        if self.background_leads.load(Ordering::SeqCst) {
            self.let_go.notify_one();
        }
        match deadline {
            None => Some(self.tokio().block_on(future)),
            Some(deadline) => {
                self.tokio().block_on(async { tokio::time::timeout_at(deadline.into(), future).await.ok() })
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

/// Counts a driver out, also when the future panics.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
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
