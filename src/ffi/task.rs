//! Task: Elixir's distributed tasks, under a supervisor of a peer or under one of ours.
//!
//! erln_task_async starts a task of ours on another node, as Task.Supervisor.async_nolink does. erln_task_supervise makes a
//! mailbox the `Task.Supervisor` that peers ask by its name: a task that they start arrives as a message of kind
//! ERLN_MSG_REQUEST in the mailbox that exported its function, and the reply to it is the task's result.
//!
//! ```text
//! erln_task task;
//! erln_msg *end;
//! if (erln_task_async(box, erln_to_remote("Elixir.Chat.TaskSupervisor", "kate@host"), "Elixir.Chat", "receive_message", 0, 5000,
//!                     &task, "[~S]", "hi") == ERLN_OK && erln_task_await(box, &task, 5000, &end) == ERLN_OK) {
//!     if (erln_match(end, "{ok, _}")) ...
//!     erln_msg_free(end);
//! }
//! ```

use std::ffi::c_char;
use std::time::Duration;

use super::bytes::{input, text, timeout, Out};
use super::call::built;
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::pid::{erln_pid, erln_ref};
use super::send::erln_to;
use super::status::erln_status;
use super::template::erln_arg;
use crate::node::message::{Message, MessageKind};
use crate::service::task::{Restart, SupervisorOptions, Task, TaskEnd, TaskOptions};
use crate::{Error, Result};

/// A task that a mailbox waits for. Frozen: copy it, store it, there is nothing to free.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_task {
    /// The process that runs it.
    pub pid: erln_pid,
    /// What its result and its end come to, for erln_mailbox_recv_ref.
    pub reference: erln_ref,
}

/// As a flag of erln_task_async: link the task to the mailbox, as Task.Supervisor.async does.
pub const ERLN_TASK_LINK: u32 = 1;

/// When a task that nobody waits for is started again.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_restart {
    /// Never.
    ERLN_RESTART_TEMPORARY = 0,
    /// Unless it ended with normal, shutdown or {shutdown, _}.
    ERLN_RESTART_TRANSIENT = 1,
    /// Whenever it ended.
    ERLN_RESTART_PERMANENT = 2,
}

impl erln_task {
    fn task(&self) -> Result<Task> {
        Ok(Task { pid: self.pid.to_pid()?, reference: self.reference.to_reference()? })
    }
}

/// Makes a mailbox a Task.Supervisor until it is closed, which ends its tasks with reason shutdown. Register the mailbox with the
/// name that peers use, and receive nothing from it yourself. `max_children` is how many tasks may run at a time, 0: any
/// number. More than `max_restarts` restarts in `max_seconds` end the supervisor with reason shutdown; Elixir's numbers are 3
/// and 5.
#[no_mangle]
pub extern "C" fn erln_task_supervise(
    mailbox: erln_mailbox,
    max_children: usize,
    max_restarts: usize,
    max_seconds: u32,
) -> erln_status {
    guard(|| {
        self::mailbox(mailbox)?.supervise_tasks(SupervisorOptions {
            max_children: if max_children == 0 { usize::MAX } else { max_children },
            max_restarts,
            max_seconds: u64::from(max_seconds),
        })
    })
}

/// Starts a task under a supervisor: `module:function` with the list of arguments that a template and an array of values make; what
/// erln_task_async does behind its `...`. `flags` is ERLN_TASK_LINK or 0. ERLN_ERR_LIMIT if the supervisor has no room.
#[no_mangle]
pub unsafe extern "C" fn erln_task_async_args(
    mailbox: erln_mailbox,
    supervisor: erln_to,
    module: *const c_char,
    function: *const c_char,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    flags: u32,
    timeout_ms: i32,
    out: *mut erln_task,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, texts, template, values and output.
        let (supervisor, module, function, args, out) = unsafe {
            (
                supervisor.target()?,
                text(module, "module")?,
                text(function, "function")?,
                built(format, args, count)?,
                Out::new(out, "out")?,
            )
        };
        if flags & !ERLN_TASK_LINK != 0 {
            return Err(Error::argument("flags has bits other than ERLN_TASK_LINK"));
        }
        let options = TaskOptions { link: flags & ERLN_TASK_LINK != 0, ..TaskOptions::default() };
        let wait = timeout(timeout_ms)?;
        let task = self::mailbox(mailbox)?.task_async(&supervisor, module, function, &args, options, wait)?;
        out.set(erln_task { pid: erln_pid::new(&task.pid)?, reference: erln_ref::new(&task.reference)? });
        Ok(())
    })
}

/// Starts a task whose result nobody waits for, as Task.Supervisor.start_child: `restart` is one of erln_restart. What
/// erln_task_start_child does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_task_start_child_args(
    mailbox: erln_mailbox,
    supervisor: erln_to,
    module: *const c_char,
    function: *const c_char,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    restart: i32,
    timeout_ms: i32,
    out: *mut erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, texts, template, values and output.
        let (supervisor, module, function, args, out) = unsafe {
            (
                supervisor.target()?,
                text(module, "module")?,
                text(function, "function")?,
                built(format, args, count)?,
                Out::new(out, "out")?,
            )
        };
        let restart = match restart {
            r if r == erln_restart::ERLN_RESTART_TEMPORARY as i32 => Restart::Temporary,
            r if r == erln_restart::ERLN_RESTART_TRANSIENT as i32 => Restart::Transient,
            r if r == erln_restart::ERLN_RESTART_PERMANENT as i32 => Restart::Permanent,
            _ => return Err(Error::argument("restart is none of ERLN_RESTART_...")),
        };
        let wait = timeout(timeout_ms)?;
        let pid =
            self::mailbox(mailbox)?.task_start_child(&supervisor, module, function, &args, restart, wait)?;
        out.set(erln_pid::new(&pid)?);
        Ok(())
    })
}

/// Waits for the end of a task, as Task.await: the term of `*out` is `{ok, Result}`, or `{exit, Reason}` if it failed. After
/// ERLN_ERR_TIMEOUT nobody waits any more, and a late result is dropped; the task goes on. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_task_await(
    mailbox: erln_mailbox,
    task: *const erln_task,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's task and output.
        let (task, out) = unsafe { (input(task, "task")?.task()?, Out::new(out, "out")?) };
        let end = self::mailbox(mailbox)?.task_await(&task, timeout(timeout_ms)?)?;
        out.set(given(&task, Some(end)));
        Ok(())
    })
}

/// As erln_task_await, but after ERLN_ERR_TIMEOUT it may be asked again, as Task.yield.
#[no_mangle]
pub unsafe extern "C" fn erln_task_yield(
    mailbox: erln_mailbox,
    task: *const erln_task,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's task and output.
        let (task, out) = unsafe { (input(task, "task")?.task()?, Out::new(out, "out")?) };
        let end = self::mailbox(mailbox)?.task_yield(&task, timeout(timeout_ms)?)?;
        out.set(given(&task, Some(end)));
        Ok(())
    })
}

/// Ends a task and waits for that, as Task.shutdown: after `timeout_ms` it is killed, with 0 at once. The term of `*out` is nil, or what
/// the task ended with before it could be stopped: `{ok, Result}` or `{exit, Reason}`. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_task_shutdown(
    mailbox: erln_mailbox,
    task: *const erln_task,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's task and output.
        let (task, out) = unsafe { (input(task, "task")?.task()?, Out::new(out, "out")?) };
        let wait: Option<Duration> = timeout(timeout_ms)?;
        let end = self::mailbox(mailbox)?.task_shutdown(&task, wait)?;
        out.set(given(&task, end));
        Ok(())
    })
}

/// The end of a task as a message.
fn given(task: &Task, end: Option<TaskEnd>) -> *mut erln_msg {
    let term = end.map_or(bytes::Bytes::from_static(b"\x77\x03nil"), |end| end.to_term());
    erln_msg::give(Message::new(MessageKind::Message, Some(task.pid.clone()), term))
}
