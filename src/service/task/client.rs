//! Tasks of ours under a `Task.Supervisor` of a peer: `async`, `start_child`, `await`, `yield`, `shutdown`.
//!
//! A task's reference is a monitor and an alias of the mailbox that started it: the result comes to it, and so does the
//! end of the task, whichever is first; what comes after nobody waits any more is dropped.

use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::node::check_term;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::AliasMode;
use crate::node::request::list_length;
use crate::node::send::Target;
use crate::service::call::Deadline;
use crate::service::written;
use crate::term::{Atom, Pid, Reader, Reference, Writer};

/// `shutdown`, encoded.
const SHUTDOWN: &[u8] = b"\x77\x08shutdown";
/// `kill`, encoded.
const KILL: &[u8] = b"\x77\x04kill";
/// `killed`, encoded: what becomes of `kill`.
const KILLED: &[u8] = b"\x77\x06killed";

/// When a task that nobody waits for is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Never. The default.
    #[default]
    Temporary,
    /// Unless it ended with `normal`, `shutdown` or `{shutdown, _}`.
    Transient,
    /// Whenever it ended.
    Permanent,
}

impl Restart {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Restart> {
        match reader.atom()?.as_ref() {
            "temporary" | "nil" => Some(Restart::Temporary),
            "transient" => Some(Restart::Transient),
            "permanent" => Some(Restart::Permanent),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Restart::Temporary => "temporary",
            Restart::Transient => "transient",
            Restart::Permanent => "permanent",
        }
    }

    /// Whether a task that ended with `reason` is started again.
    pub(super) fn again_after(self, reason: &[u8]) -> bool {
        let mut reader = Reader::new(reason);
        match self {
            Restart::Temporary => false,
            Restart::Permanent => true,
            Restart::Transient => {
                let inside = reader.tuple_of(2);
                !(reader.atom_is("shutdown") || (!inside && reader.atom_is("normal")))
            }
        }
    }
}

/// How a task is started.
#[derive(Debug, Clone, Copy, Default)]
pub struct TaskOptions {
    /// Link it to the mailbox, as `Task.Supervisor.async` does and `async_nolink` does not.
    pub link: bool,
    /// How long its supervisor lets it live when that is shut down; `None`: the supervisor's own choice.
    pub shutdown: Option<Duration>,
}

/// A task of a peer whose result this mailbox waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The process that runs it.
    pub pid: Pid,
    /// What its result and its end come to.
    pub reference: Reference,
}

/// How a task ended.
#[derive(Debug)]
pub enum TaskEnd {
    /// With a result: one encoded term.
    Ok(Bytes),
    /// Without: the reason of its process, one encoded term.
    Exit(Bytes),
}

impl TaskEnd {
    /// `{ok, Result}` or `{exit, Reason}`, as `Task.yield` gives it.
    pub fn to_term(&self) -> Bytes {
        let mut writer = Writer::new();
        match self {
            TaskEnd::Ok(value) => writer.tuple(2).atom("ok").raw_unchecked(value),
            TaskEnd::Exit(reason) => writer.tuple(2).atom("exit").raw_unchecked(reason),
        };
        written(writer)
    }
}

impl Mailbox {
    /// `Task.Supervisor.async_nolink(Supervisor, Module, Function, Args)`, or `async` with `options.link`: a task of this
    /// mailbox runs on the supervisor's node. `args` is one encoded list.
    ///
    /// # Errors
    /// As [`call`](Self::call); `Limit` if the supervisor has `max_children` tasks already.
    pub fn task_async(
        &self,
        supervisor: &Target,
        module: &str,
        function: &str,
        args: &[u8],
        options: TaskOptions,
        timeout: Option<Duration>,
    ) -> Result<Task> {
        check_function(module, function, args)?;
        let deadline = Deadline::after(timeout);
        let pid = self.start_task(supervisor, Restart::Temporary, options.shutdown, None, &deadline)?;
        if options.link {
            self.link(&pid)?;
        }
        let reference = self.monitor_alias(&Target::Pid(pid.clone()), AliasMode::Demonitor)?;
        self.brief(&pid, &reference, (module, function, args), &deadline)?;
        Ok(Task { pid, reference })
    }

    /// `Task.Supervisor.start_child(Supervisor, Module, Function, Args, restart: Restart)`: a task whose result nobody waits
    /// for.
    ///
    /// # Errors
    /// As [`task_async`](Self::task_async).
    pub fn task_start_child(
        &self,
        supervisor: &Target,
        module: &str,
        function: &str,
        args: &[u8],
        restart: Restart,
        timeout: Option<Duration>,
    ) -> Result<Pid> {
        check_function(module, function, args)?;
        // The form that all releases understand: the work comes with the request.
        let deadline = Deadline::after(timeout);
        self.start_task(supervisor, restart, None, Some((module, function, args)), &deadline)
    }

    /// `Task.await`: waits until the task ends. When the time is over, nobody waits any more: a result that comes later is
    /// dropped (the task goes on; [`task_shutdown`](Self::task_shutdown) ends it).
    ///
    /// # Errors
    /// `Timeout`.
    pub fn task_await(&self, task: &Task, timeout: Option<Duration>) -> Result<TaskEnd> {
        let end = self.task_yield(task, timeout);
        if end.is_err() {
            self.demonitor(&task.reference, true);
        }
        end
    }

    /// `Task.yield`: as [`task_await`](Self::task_await), but it may be asked again after `Timeout`.
    ///
    /// # Errors
    /// `Timeout`, `Empty` if `timeout` is zero.
    pub fn task_yield(&self, task: &Task, timeout: Option<Duration>) -> Result<TaskEnd> {
        let message = match self.task_message(task)? {
            Some(message) => Ok(message),
            None => self.recv_reply(&task.reference, timeout),
        };
        let message = message.map_err(|error| match error {
            Error::Timeout(_) => Error::Timeout(format!("the task {:?} did not end", task.pid).into()),
            error => error,
        })?;
        self.demonitor(&task.reference, true);
        end_of(&message)
    }

    /// `Task.shutdown`: ends the task and waits for that; after `timeout` it is killed, with `Some(Duration::ZERO)` at once.
    /// What it ended with, if it was faster: its result, or a reason of its own.
    ///
    /// # Errors
    /// `Closed`.
    pub fn task_shutdown(&self, task: &Task, timeout: Option<Duration>) -> Result<Option<TaskEnd>> {
        self.unlink(&task.pid)?;
        if let Some(message) = self.task_message(task)? {
            self.demonitor(&task.reference, true);
            return Ok(wanted(end_of(&message)?));
        }
        let polite = timeout != Some(Duration::ZERO);
        if polite {
            self.exit(&task.pid, SHUTDOWN)?;
        }
        let mut message = match polite {
            true => self.recv_reply(&task.reference, timeout),
            false => Err(Error::Empty),
        };
        if matches!(&message, Err(error) if error.is_timeout()) {
            self.exit(&task.pid, KILL)?;
            message = self.recv_reply(&task.reference, None);
        }
        self.demonitor(&task.reference, true);
        Ok(wanted(end_of(&message?)?))
    }

    /// The message that ends a task, if it is there.
    ///
    /// # Errors
    /// `Argument` if none will come: nobody waits for this task.
    fn task_message(&self, task: &Task) -> Result<Option<Message>> {
        // Looked at first: the message comes when the monitor goes.
        let number = self.inner().number_of(&task.reference);
        let watched = self
            .process()
            .relations(|relations| number.is_some_and(|number| relations.watching.contains_key(&number)));
        match self.process().take(Some(&task.reference))? {
            None if !watched => Err(Error::argument(
                "this mailbox waits for no such task: its end was received, or nobody waits any more",
            )),
            message => Ok(message),
        }
    }

    /// Asks for a task; gives its pid.
    fn start_task(
        &self,
        supervisor: &Target,
        restart: Restart,
        shutdown: Option<Duration>,
        work: Option<(&str, &str, &[u8])>,
        deadline: &Deadline,
    ) -> Result<Pid> {
        let own = self.pid();
        let mut request = Writer::new();
        request.tuple(4).atom("start_task").list(if work.is_some() { 3 } else { 2 });
        request.tuple(3).atom_term(&own.node).pid(&own).pid(&own);
        match work {
            None => request.atom("monitor"),
            Some((module, function, args)) => {
                request.list(1).pid(&own).nil();
                request.tuple(3).atom(module).atom(function).raw_unchecked(args)
            }
        };
        request.nil().atom(restart.name());
        match shutdown {
            None => request.atom("nil"),
            Some(Duration::ZERO) => request.atom("brutal_kill"),
            Some(time) => request.i64(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)),
        };
        let answer = self.call(supervisor, &request.finish()?, deadline.left())?;
        let mut reader = answer.reader();
        let mut reason = None;
        if reader.tuple_of(2) {
            if reader.atom_is("ok") {
                if let Some(pid) = reader.pid() {
                    return Ok(pid);
                }
            } else if reader.atom_is("error") {
                reason = reader.atom_term();
            }
        }
        Err(match reason {
            Some(reason) if reason.as_str() == "max_children" => {
                Error::Limit("max_children: the supervisor has as many tasks as it may have".into())
            }
            Some(reason) => Error::Remote(format!("the supervisor did not start the task: {reason}")),
            None => Error::Remote("the server that was asked to start a task is no task supervisor".into()),
        })
    }

    /// Tells a task what to run: `{Owner, Ref, ReplyTo, Callers, {M, F, Args}}`.
    fn brief(
        &self,
        task: &Pid,
        reference: &Reference,
        (module, function, args): (&str, &str, &[u8]),
        deadline: &Deadline,
    ) -> Result<()> {
        let own = self.pid();
        let mut message = Writer::with_capacity(args.len() + 256);
        message.tuple(5).pid(&own).reference(reference).reference(reference).list(1).pid(&own).nil();
        message.tuple(3).atom(module).atom(function).raw_unchecked(args);
        let sent = self.send(&Target::Pid(task.clone()), &message.finish()?, deadline.left());
        if sent.is_err() {
            self.demonitor(reference, true);
        }
        sent
    }
}

/// What a task that was shut down ended with, if it was not that.
fn wanted(end: TaskEnd) -> Option<TaskEnd> {
    match end {
        TaskEnd::Exit(reason) if [SHUTDOWN, KILLED].contains(&&reason[..]) => None,
        end => Some(end),
    }
}

fn check_function(module: &str, function: &str, args: &[u8]) -> Result<()> {
    check_term(args)?;
    Atom::new(module)?;
    Atom::new(function)?;
    match list_length(args) {
        Some(0..=255) => Ok(()),
        _ => Err(Error::argument("the arguments are not a proper list of at most 255")),
    }
}

/// `{Ref, Result}`, or `{'DOWN', Ref, process, Pid, Reason}`.
fn end_of(message: &Message) -> Result<TaskEnd> {
    let mut reader = message.reader();
    let (arity, is_down) = match message.kind() {
        MessageKind::Down => (5, true),
        _ => (2, false),
    };
    let last = (reader.tuple_of(arity) && (1..arity).all(|_| reader.skip())).then(|| reader.term_bytes());
    let term = last.flatten().ok_or_else(|| Error::Remote("the task's result is no {Ref, Result}".into()))?;
    let term = message.payload().slice_ref(term);
    Ok(if is_down { TaskEnd::Exit(term) } else { TaskEnd::Ok(term) })
}
