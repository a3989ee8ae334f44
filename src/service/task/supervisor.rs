//! The supervisor: a mailbox that starts tasks for whoever asks, as `Task.Supervisor` of Elixir 1.14 to 1.20.
//!
//! It is linked to its children and traps exits, so each child's end is a message to it, and its own end is theirs.
//! Always true: a child is in the table until its exit arrived or somebody asked to end it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;

use super::child::{self, Function, Held};
use super::client::Restart;
use crate::error::Result;
use crate::node::links::NORMAL;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::Inner;
use crate::service::gen::{self, From};
use crate::service::serving::{Serving, Step};
use crate::service::written;
use crate::term::{Pid, Reader, Writer};

/// `shutdown`, encoded.
const SHUTDOWN: &[u8] = b"\x77\x08shutdown";
/// `killed`, encoded.
const KILLED: &[u8] = b"\x77\x06killed";

/// Options of a task supervisor; the defaults are Elixir's.
#[derive(Debug, Clone, Copy)]
pub struct SupervisorOptions {
    /// Tasks at a time; further ones are refused with `max_children`.
    pub max_children: usize,
    /// Restarts within `max_seconds` after which the supervisor gives up, and ends with reason `shutdown`.
    pub max_restarts: usize,
    /// See `max_restarts`.
    pub max_seconds: u64,
}

impl Default for SupervisorOptions {
    fn default() -> Self {
        SupervisorOptions { max_children: usize::MAX, max_restarts: 3, max_seconds: 5 }
    }
}

impl Mailbox {
    /// Makes this mailbox a `Task.Supervisor`, until it is closed. Nobody else may receive from it from now on.
    ///
    /// What peers start is what was exported, by whichever mailbox: it arrives there as a
    /// [`Request`](crate::node::request::Request), and the reply to it is the task's result. Anything else ends with `undef`.
    /// Closing ends all tasks with reason `shutdown`.
    ///
    /// # Errors
    /// `Closed`.
    pub fn supervise_tasks(&self, options: SupervisorOptions) -> Result<()> {
        self.check_alive()?;
        let (node, process) = (self.inner().clone(), self.process().clone());
        process.set_trap_exit(true);
        let supervisor = Supervisor {
            node: node.clone(),
            process,
            options,
            children: HashMap::default(),
            arguments: Arc::default(),
            restarts: VecDeque::new(),
        };
        node.runtime.spawn_first(supervisor.run());
        Ok(())
    }
}

/// A task that runs.
struct Child {
    restart: Restart,
    /// `Shutdown` was `brutal_kill`.
    brutal: bool,
    /// What to run again; a task that is told by its owner what to run cannot be run again.
    again: Option<Function>,
    /// What it takes of `Supervisor::arguments`.
    _held: Arc<Held>,
}

struct Supervisor {
    node: Arc<Inner>,
    process: Arc<Process>,
    options: SupervisorOptions,
    children: HashMap<Pid, Child>,
    /// Bytes that the arguments of the children take.
    arguments: Arc<AtomicUsize>,
    /// When tasks were restarted lately.
    restarts: VecDeque<Instant>,
}

impl Supervisor {
    async fn run(mut self) {
        let mut serving = Serving::default();
        let mut end = None;
        while end.is_none() {
            let message = match serving.kept() {
                Some(message) => message,
                None => match self.process.recv(None).await {
                    Ok(message) => message,
                    Err(_) => break,
                },
            };
            let (node, process) = (self.node.clone(), self.process.clone());
            end = match serving.look(&node, &process, message, || self.state()) {
                Step::Handle(message) => self.handle(&message),
                Step::Done => None,
                Step::End(reason) => Some(reason),
            };
        }
        for (pid, child) in std::mem::take(&mut self.children) {
            self.end_child(&pid, &child);
        }
        if let Some(reason) = end {
            self.node.end(&self.process, reason);
        }
    }

    /// Handles one message; the reason to end with, if it is the last.
    fn handle(&mut self, message: &Message) -> Option<Bytes> {
        if message.kind == MessageKind::Exit {
            return self.child_ended(message);
        }
        let (from, request) = gen::call(message.payload())?;
        let mut reader = request.clone();
        if reader.tuple() == Some(4) && reader.atom_is("start_task") {
            if self.start_task(&from, &mut reader).is_none() {
                self.refuse(&from, request);
            }
            return None;
        }
        let mut reader = request.clone();
        if reader.atom_is("which_children") {
            self.which_children(&from);
        } else if reader.atom_is("count_children") {
            self.count_children(&from);
        } else if reader.tuple_of(2) && reader.atom_is("terminate_child") {
            let child = reader.pid().and_then(|pid| self.children.remove(&pid).map(|child| (pid, child)));
            match child {
                Some((pid, child)) => {
                    self.end_child(&pid, &child);
                    self.answer(&from, |writer| writer.atom("ok"));
                }
                None => self.answer(&from, |writer| writer.tuple(2).atom("error").atom("not_found")),
            }
        } else {
            self.refuse(&from, request);
        }
        None
    }

    /// `Args, Restart, Shutdown` of a request to start a task; `None` if they are no such thing.
    fn start_task(&mut self, from: &From, reader: &mut Reader<'_>) -> Option<()> {
        // [Owner, monitor | nomonitor], or [Owner, Callers, {M, F, Args}]
        let count = reader.list()?;
        if !reader.tuple_of(3) || !reader.skip() || !reader.skip() {
            return None;
        }
        let owner = reader.pid()?;
        let (monitor, function) = match count {
            2 => {
                let monitor = reader.atom_is("monitor");
                (monitor || reader.skip()).then_some(())?;
                (monitor, None)
            }
            3 => {
                reader.skip().then_some(())?;
                (false, Some(Function::read(reader, &owner)?))
            }
            _ => return None,
        };
        reader.nil().then_some(())?;
        let restart = Restart::read(reader)?;
        let brutal = reader.atom_is("brutal_kill");
        let held = Held::new(&self.arguments);
        let full = self.children.len() >= self.options.max_children
            || function.as_ref().is_some_and(|function| !held.take(function));
        let Some(process) = (!full).then(|| child::create(&self.node)).flatten() else {
            self.answer(from, |writer| writer.tuple(2).atom("error").atom("max_children"));
            return Some(());
        };
        let pid = self.node.pid_of(&process);
        self.adopt(&process, Child { restart, brutal, again: function.clone(), _held: held.clone() });
        self.answer(from, |writer| writer.tuple(2).atom("ok").pid(&pid));
        match function {
            None => child::brief(&self.node, process, owner, monitor, held),
            Some(function) => child::run(&self.node, process, function),
        }
        Some(())
    }

    fn adopt(&mut self, process: &Arc<Process>, child: Child) {
        let pid = self.node.pid_of(process);
        self.children.insert(pid.clone(), child);
        self.node.link(&self.process, &pid, false);
    }

    /// `{'EXIT', Pid, Reason}`
    fn child_ended(&mut self, message: &Message) -> Option<Bytes> {
        let child = self.children.remove(message.from()?)?;
        let mut reader = message.reader();
        let reason =
            (reader.tuple_of(3) && reader.skip() && reader.skip()).then(|| reader.term_bytes())??;
        let function = child.again.clone().filter(|_| child.restart.again_after(reason))?;
        let now = Instant::now();
        let window = Duration::from_secs(self.options.max_seconds);
        self.restarts.retain(|restart| now.duration_since(*restart) <= window);
        self.restarts.push_back(now);
        if self.restarts.len() > self.options.max_restarts {
            return Some(Bytes::from_static(SHUTDOWN));
        }
        if let Some(process) = child::create(&self.node) {
            self.adopt(&process, child);
            child::run(&self.node, process, function);
        }
        None
    }

    /// Nothing of a task can object, so it ends at once.
    fn end_child(&self, pid: &Pid, child: &Child) {
        if let Some(process) = self.node.find(pid) {
            let reason = if child.brutal { KILLED } else { SHUTDOWN };
            self.node.end(&process, Bytes::from_static(reason));
        }
    }

    fn which_children(&self, from: &From) {
        self.answer(from, |writer| {
            writer.list(self.children.len());
            for pid in self.children.keys() {
                writer.tuple(4).atom("undefined").pid(pid).atom("worker");
                writer.list(1).atom("Elixir.Task.Supervised").nil();
            }
            writer.nil()
        });
    }

    fn count_children(&self, from: &From) {
        let count = self.children.len() as i64;
        self.answer(from, |writer| {
            writer.list(4);
            for (key, value) in [("specs", count), ("active", count), ("supervisors", 0), ("workers", count)]
            {
                writer.tuple(2).atom(key).i64(value);
            }
            writer.nil()
        });
    }

    /// A BEAM's supervisor would crash and take all tasks along; nobody shall be able to do that to ours.
    fn refuse(&self, from: &From, mut request: Reader<'_>) {
        let request = request.term_bytes().unwrap_or(NORMAL);
        self.answer(from, |writer| {
            writer.tuple(2).atom("error").tuple(2).atom("bad_call").raw_unchecked(request)
        });
    }

    /// What `sys:get_state` shows.
    fn state(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.map(1).atom("children").i64(self.children.len() as i64);
        written(writer)
    }

    fn answer(&self, from: &From, write: impl FnOnce(&mut Writer) -> &mut Writer) {
        let mut writer = Writer::new();
        write(&mut writer);
        from.reply(&self.node, &self.process, &written(writer));
    }
}
