//! One child process: its output is collected as it comes, its end is observed, and it never outlives its owner.

use std::io::{Read, Write};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// The signals that tests send.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Please end.
    Term,
    /// End now; the process is not asked.
    Kill,
    /// Fall silent, connections stay open.
    Stop,
    /// Go on after `Stop`.
    Continue,
}

#[derive(Default)]
struct State {
    output: Vec<u8>,
    streams_open: usize,
    status: Option<ExitStatus>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A child process with its standard output and error in one buffer.
pub struct Process {
    title: String,
    pid: u32,
    stdin: Option<ChildStdin>,
    shared: Arc<Shared>,
    reaper: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`; `title` is what failures call it.
    pub fn spawn(title: &str, command: &mut Command) -> Process {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {title}: {error}"));
        let shared = Arc::new(Shared::default());
        shared.state.lock().unwrap().streams_open = 2;
        collect(child.stdout.take().unwrap(), shared.clone());
        collect(child.stderr.take().unwrap(), shared.clone());
        let stdin = child.stdin.take();
        let pid = child.id();
        let at_end = shared.clone();
        let reaper = std::thread::spawn(move || {
            let status = child.wait().expect("waiting for a child");
            at_end.state.lock().unwrap().status = Some(status);
            at_end.changed.notify_all();
        });
        Process { title: title.to_owned(), pid, stdin, shared, reaper: Some(reaper) }
    }

    /// The operating system's number of the process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Writes to its standard input.
    pub fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is closed");
        let written = stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush());
        if let Err(error) = written {
            panic!("{} does not read: {error}\n{}", self.title, self.output());
        }
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Everything it has printed so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.shared.state.lock().unwrap().output).into_owned()
    }

    /// What it has printed since byte `from`.
    pub fn output_from(&self, from: usize) -> String {
        let state = self.shared.state.lock().unwrap();
        String::from_utf8_lossy(&state.output[from.min(state.output.len())..]).into_owned()
    }

    /// Waits until it has printed more than `length` bytes in all; false when the deadline comes first.
    pub fn wait_more(&self, length: usize, deadline: Instant) -> bool {
        let mut state = self.shared.state.lock().unwrap();
        while state.output.len() <= length {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.streams_open == 0 {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        true
    }

    /// Waits until `find` sees what it looks for in the output after byte `from`.
    pub fn wait_output<T>(&self, what: &str, from: usize, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.state.lock().unwrap();
        loop {
            let text = String::from_utf8_lossy(&state.output[from.min(state.output.len())..]).into_owned();
            if let Some(found) = find(&text) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let ended = state.status.is_some() && state.streams_open == 0;
            if ended || left.is_zero() {
                let why = if ended { "ended" } else { "is late" };
                let status = state.status;
                let all = String::from_utf8_lossy(&state.output).into_owned();
                drop(state);
                panic!("{} {why} ({status:?}) before: {what}. It printed:\n{all}", self.title);
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Waits until a line of the output contains `text`, and returns that line.
    pub fn wait_line(&self, text: &str) -> String {
        self.wait_output(text, 0, |output| {
            let complete = &output[..output.rfind('\n')?];
            complete.lines().find(|line| line.contains(text)).map(str::to_owned)
        })
    }

    /// The number of bytes printed so far: a mark for `wait_output`.
    pub fn mark(&self) -> usize {
        self.shared.state.lock().unwrap().output.len()
    }

    /// What sends it signals, to be given to another thread.
    pub fn handle(&self) -> Handle {
        Handle { pid: self.pid, shared: self.shared.clone() }
    }

    /// Sends a signal, unless the process has ended.
    pub fn signal(&self, signal: Signal) {
        self.handle().signal(signal);
    }

    /// Waits until nothing more can come from it.
    pub fn wait_closed(&self) {
        let mut state = self.shared.state.lock().unwrap();
        while state.streams_open > 0 {
            state = self.shared.changed.wait(state).unwrap();
        }
    }

    /// Waits for its end, at most `limit`; `None` when it still runs.
    pub fn wait_end(&self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.state.lock().unwrap();
        while state.status.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        state.status
    }
}

/// See [`Process::handle`].
pub struct Handle {
    pid: u32,
    shared: Arc<Shared>,
}

impl Handle {
    /// Sends a signal, unless the process has ended.
    pub fn signal(&self, signal: Signal) {
        if self.shared.state.lock().unwrap().status.is_some() {
            return;
        }
        let name = match signal {
            Signal::Term => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.pid)).status();
        assert!(sent.is_ok(), "no shell to send signals with");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::Kill);
        if let Some(reaper) = self.reaper.take() {
            let _ = reaper.join();
        }
    }
}

/// Moves what `stream` brings into the shared buffer until it ends.
fn collect(mut stream: impl Read + Send + 'static, shared: Arc<Shared>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut buffer).unwrap_or(0);
            let mut state = shared.state.lock().unwrap();
            state.output.extend_from_slice(&buffer[..count]);
            if count == 0 {
                state.streams_open -= 1;
            }
            shared.changed.notify_all();
            if count == 0 {
                return;
            }
        }
    });
}
