//! The terminal behind `user`: one thread writes standard output, one reads standard input, each request by request.
//! They are two, so that what is to be printed never waits for a person who does not type.

use std::collections::VecDeque;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use once_cell::sync::Lazy;
use parking_lot::{Condvar, Mutex};

use super::post;
use super::request::{self, Request};
use crate::node::message::Message;
use crate::node::process::Process;
use crate::node::Inner;
use crate::runtime;
use crate::term::{Pid, Reader, Writer};

/// Longest line taken from standard input; what follows is the next line.
const MAX_LINE: usize = 1 << 20;

/// Requests that wait for the terminal. Each writer waits for its answer, so these are as many as there are writers.
const MAX_WAITING: usize = 65_536;

/// A request and whom to answer.
struct Job {
    node: Arc<Inner>,
    server: Pid,
    from: Pid,
    reply_as: Vec<u8>,
    request: Request,
}

/// What the thread works on.
#[derive(Default)]
struct Queue {
    process: u32,
    jobs: VecDeque<Job>,
    started: bool,
}

/// Requests that only write, and those that read.
static LINES: Lazy<[(Mutex<Queue>, Condvar); 2]> = Lazy::new(Default::default);

/// Whether text that was read is returned as binaries; what `setopts` sets.
static BINARY: AtomicBool = AtomicBool::new(true);

/// Whether the terminal is one of Latin-1; what `setopts` sets.
static LATIN1: AtomicBool = AtomicBool::new(false);

/// Takes an `{io_request, From, ReplyAs, Request}`; other messages are ignored.
pub(super) fn ask(node: &Arc<Inner>, server: &Arc<Process>, message: Message) {
    let mut reader = message.reader();
    if !reader.tuple_of(4) || !reader.atom_is("io_request") {
        return;
    }
    let (Some(from), Some(reply_as)) = (reader.pid(), reader.term_bytes()) else { return };
    let job = Job {
        node: node.clone(),
        server: node.pid_of(server),
        from,
        reply_as: reply_as.to_vec(),
        request: request::read(&mut reader),
    };
    if let Err(job) = enqueue(job) {
        job.answer(|reply| {
            reply.tuple(2).atom("error").atom("terminated");
        });
    }
}

fn enqueue(job: Job) -> Result<(), Box<Job>> {
    let line = usize::from(job.request.reads());
    let (queue, changed) = &LINES[line];
    let mut queue = queue.lock();
    let process = std::process::id();
    if queue.process != process {
        // First use, or a forked child: the parent's thread does not exist here.
        *queue = Queue { process, ..Queue::default() };
    }
    if queue.jobs.len() >= MAX_WAITING {
        return Err(Box::new(job));
    }
    if !queue.started {
        if runtime::thread(["erlnode-output", "erlnode-input"][line], move || serve(line)).is_err() {
            return Err(Box::new(job));
        }
        queue.started = true;
    }
    queue.jobs.push_back(job);
    changed.notify_one();
    Ok(())
}

fn serve(line: usize) {
    let mut terminal = Terminal { pending: Vec::new() };
    let (queue, changed) = &LINES[line];
    loop {
        let job = {
            let mut queue = queue.lock();
            loop {
                match queue.jobs.pop_front() {
                    Some(job) => break job,
                    None => changed.wait(&mut queue),
                }
            }
        };
        job.answer(|reply| terminal.run(&job.request, reply));
    }
}

impl Job {
    fn answer(&self, result: impl FnOnce(&mut Writer)) {
        let mut reply = Writer::new();
        reply.tuple(3).atom("io_reply").raw(&self.reply_as);
        result(&mut reply);
        post(&self.node, self.server.clone(), &self.from, reply);
    }
}

/// Standard input and output.
struct Terminal {
    /// Read and not yet asked for.
    pending: Vec<u8>,
}

impl Terminal {
    /// Carries a request out and writes its result.
    fn run(&mut self, request: &Request, reply: &mut Writer) {
        if let Request::Many(all) = request {
            self.run_all(all, reply);
            return;
        }
        match request {
            Request::Put(text) => match print(text) {
                Ok(()) => reply.atom("ok"),
                Err(_) => reply.tuple(2).atom("error").atom("terminated"),
            },
            Request::BadPut(complaint) => reply.tuple(2).atom("error").raw(complaint),
            Request::GetLine { prompt, latin1 } => {
                let line = self.line(prompt);
                self.text(line, *latin1, reply)
            }
            Request::GetChars { prompt, count, latin1 } => {
                let text = self.chars(prompt, *count);
                self.text(text, *latin1, reply)
            }
            Request::SetOpts { binary, latin1 } => {
                for (option, value) in [(&BINARY, binary), (&LATIN1, latin1)] {
                    if let Some(value) = value {
                        option.store(*value, Ordering::Relaxed);
                    }
                }
                reply.atom("ok")
            }
            Request::GetOpts => {
                reply.list(2).tuple(2).atom("binary").bool(BINARY.load(Ordering::Relaxed));
                let encoding = if LATIN1.load(Ordering::Relaxed) { "latin1" } else { "unicode" };
                reply.tuple(2).atom("encoding").atom(encoding).nil()
            }
            Request::Geometry { columns } => match size(*columns) {
                Some(count) => reply.i64(count),
                None => reply.tuple(2).atom("error").atom("enotsup"),
            },
            Request::NotSupported => reply.tuple(2).atom("error").atom("enotsup"),
            Request::Many(_) | Request::Unknown => reply.tuple(2).atom("error").atom("request"),
        };
    }

    /// In order; the first error ends it; the reply is that of the last one carried out.
    fn run_all(&mut self, all: &[Request], reply: &mut Writer) {
        let mut last = Writer::new();
        last.atom("ok");
        for request in all {
            last = Writer::new();
            self.run(request, &mut last);
            let failed = last.encoded().is_ok_and(|bytes| {
                let mut reader = Reader::new(bytes);
                reader.tuple_of(2) && reader.atom_is("error")
            });
            if failed {
                break;
            }
        }
        match last.encoded() {
            Ok(bytes) => reply.raw(bytes),
            Err(_) => reply.atom("ok"),
        };
    }

    fn text<'w>(&self, text: Option<String>, latin1: bool, reply: &'w mut Writer) -> &'w mut Writer {
        let Some(text) = text else { return reply.atom("eof") };
        if latin1 && text.chars().any(|letter| u32::from(letter) > 255) {
            reply.tuple(2).atom("error");
            return reply.tuple(3).atom("no_translation").atom("unicode").atom("latin1");
        }
        if !BINARY.load(Ordering::Relaxed) {
            return reply.charlist(&text);
        }
        match latin1 {
            true => reply.binary(&text.chars().map(|letter| letter as u8).collect::<Vec<u8>>()),
            false => reply.binary(text.as_bytes()),
        }
    }

    /// A line with its end; `None` at the end of the input.
    fn line(&mut self, prompt: &str) -> Option<String> {
        let end = loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                break end + 1;
            }
            if self.pending.len() >= MAX_LINE || !self.fill(prompt) {
                break self.pending.len().min(MAX_LINE);
            }
        };
        (end > 0).then(|| self.cut(end))
    }

    fn chars(&mut self, prompt: &str, count: usize) -> Option<String> {
        let count = count.min(MAX_LINE);
        loop {
            let text = String::from_utf8_lossy(&self.pending);
            if let Some((end, _)) = text.char_indices().nth(count) {
                return Some(self.cut(end));
            }
            if !self.fill(prompt) {
                break;
            }
        }
        let all = self.pending.len();
        (all > 0 || count == 0).then(|| self.cut(all))
    }

    fn cut(&mut self, end: usize) -> String {
        let text: Vec<u8> = self.pending.drain(..end).collect();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Reads another line; false at the end of the input.
    fn fill(&mut self, prompt: &str) -> bool {
        let _ = print(prompt);
        let mut input = std::io::stdin().lock();
        let mut limited = std::io::Read::take(&mut input, MAX_LINE as u64);
        limited.read_until(b'\n', &mut self.pending).is_ok_and(|count| count > 0)
    }
}

fn print(text: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    match LATIN1.load(Ordering::Relaxed) {
        true => output.write_all(&latin1(text))?,
        false => output.write_all(text.as_bytes())?,
    }
    output.flush()
}

/// What a Latin-1 terminal gets: letters it does not have are spelled `\x{20AC}`, as OTP does.
fn latin1(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match u8::try_from(u32::from(letter)) {
            Ok(byte) => out.push(byte),
            Err(_) => out.extend(format!("\\x{{{:X}}}", u32::from(letter)).into_bytes()),
        }
    }
    out
}

fn size(columns: bool) -> Option<i64> {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(output).ok()?;
    Some(i64::from(if columns { size.ws_col } else { size.ws_row }))
}
