//! Spawn and export: running functions there, and letting others run them here.
//!
//! What you export is all that peers can run; anything else is undef for them. A call by spawn, erpc or the like arrives
//! in the exporting mailbox as a message of kind ERLN_MSG_REQUEST. Take the request out of it, answer it now or later, from any
//! thread. Until then it is a process of this node, with a pid of its own.

use std::ffi::c_char;

use super::bytes::{bytes, erln_bytes, exclusive, input, text, timeout, Out};
use super::guard::{guard, guard_bool, guard_or};
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::node::{erln_node, node};
use super::pid::{erln_pid, erln_ref};
use super::status::erln_status;
use super::template::{self, erln_arg};
use crate::node::check_term;
use crate::node::spawn::{Class, Request, SpawnOptions};
use crate::term::Writer;
use crate::{Error, Result};

/// A call that a peer wants answered. Belongs to one thread at a time. Free with erln_request_free, answered or not.
pub struct erln_request {
    /// Nothing once it is answered.
    request: Option<Request>,
}

/// As `arity`: any.
pub const ERLN_ANY_ARITY: i32 = -1;

/// As a flag of a spawn: link the new process to the mailbox.
pub const ERLN_SPAWN_LINK: u32 = 1;

/// As a flag of a spawn: monitor it; the reference is the request's.
pub const ERLN_SPAWN_MONITOR: u32 = 2;

/// As a flag of a spawn: its DOWN, and its exit message if the mailbox traps exits, go before ordinary messages, as with
/// `{monitor, [priority]}` and `{link, [priority]}` of OTP 28.
pub const ERLN_SPAWN_PRIORITY: u32 = 4;

/// Erlang's classes of exceptions.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_class {
    /// erlang:error/1
    ERLN_CLASS_ERROR = 0,
    /// exit/1
    ERLN_CLASS_EXIT = 1,
    /// throw/1
    ERLN_CLASS_THROW = 2,
}

impl erln_request {
    /// The pointer that a C program owns from now on.
    pub(super) fn give(request: Request) -> *mut erln_request {
        Box::into_raw(Box::new(erln_request { request: Some(request) }))
    }

    /// Takes the request out, unless it was answered.
    pub(super) fn take(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// The request, unless it was answered.
    pub(super) fn open(&self) -> Result<&Request> {
        self.request.as_ref().ok_or(Error::Closed("request (it was answered)"))
    }
}

pub(super) fn arity(arity: i32) -> Result<Option<u32>> {
    match arity {
        ERLN_ANY_ARITY => Ok(None),
        0..=255 => Ok(Some(arity as u32)),
        _ => Err(Error::argument("arity must be from 0 to 255, or ERLN_ANY_ARITY")),
    }
}

fn spawn_options(flags: u32) -> Result<SpawnOptions> {
    if flags & !(ERLN_SPAWN_LINK | ERLN_SPAWN_MONITOR | ERLN_SPAWN_PRIORITY) != 0 {
        return Err(Error::argument("flags has bits that no ERLN_SPAWN_ constant has"));
    }
    Ok(SpawnOptions {
        link: flags & ERLN_SPAWN_LINK != 0,
        monitor: flags & ERLN_SPAWN_MONITOR != 0,
        priority: flags & ERLN_SPAWN_PRIORITY != 0,
        ..SpawnOptions::default()
    })
}

/// Lets peers run `module:function` with `arity` arguments (or ERLN_ANY_ARITY): their calls arrive in `mailbox`. Elixir modules are
/// written with their full name, "Elixir.Kate".
#[no_mangle]
pub unsafe extern "C" fn erln_export(
    mailbox: erln_mailbox,
    module: *const c_char,
    function: *const c_char,
    arity: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (module, function) = unsafe { (text(module, "module")?, text(function, "function")?) };
        self::mailbox(mailbox)?.export(module, function, self::arity(arity)?)
    })
}

/// Takes an export back; success also if there is none. Requests that have arrived stay.
#[no_mangle]
pub unsafe extern "C" fn erln_unexport(
    node: erln_node,
    module: *const c_char,
    function: *const c_char,
    arity: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (module, function) = unsafe { (text(module, "module")?, text(function, "function")?) };
        self::node(node)?.unexport(module, function, self::arity(arity)?)?;
        Ok(())
    })
}

/// Takes the request out of a message of kind ERLN_MSG_REQUEST, once. Free `*out` with erln_request_free.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_request(msg: *mut erln_msg, out: *mut *mut erln_request) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (exclusive(msg, "msg")?, Out::new(out, "out")?) };
        let request = msg.take_request();
        let request =
            request.ok_or_else(|| Error::argument("the message holds no request, or it was taken out"))?;
        out.set(erln_request::give(request));
        Ok(())
    })
}

/// Whether `module:function` with `arity` arguments (or ERLN_ANY_ARITY) is what it asks for.
#[no_mangle]
pub unsafe extern "C" fn erln_request_is(
    request: *const erln_request,
    module: *const c_char,
    function: *const c_char,
    arity: i32,
) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's request and texts.
        let (request, module, function) = unsafe {
            (input(request, "request")?.open()?, text(module, "module")?, text(function, "function")?)
        };
        Ok(request.module().as_str() == module
            && request.function().as_str() == function
            && self::arity(arity)?.is_none_or(|arity| arity == request.arity()))
    })
}

/// Module and function that it asks for. Borrowed; live until `request` is answered or freed.
#[no_mangle]
pub unsafe extern "C" fn erln_request_function(
    request: *const erln_request,
    out_module: *mut erln_bytes,
    out_function: *mut erln_bytes,
    out_arity: *mut u32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and outputs.
        let (request, module, function, arity) = unsafe {
            (
                input(request, "request")?.open()?,
                Out::new(out_module, "out_module")?,
                Out::new(out_function, "out_function")?,
                Out::new(out_arity, "out_arity")?,
            )
        };
        module.set(erln_bytes::from(request.module().as_str().as_bytes()));
        function.set(erln_bytes::from(request.function().as_str().as_bytes()));
        arity.set(request.arity());
        Ok(())
    })
}

/// Its arguments: one encoded list, without version byte. Borrowed; lives until `request` is answered or freed.
#[no_mangle]
pub unsafe extern "C" fn erln_request_args(
    request: *const erln_request,
    out: *mut erln_bytes,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and output.
        let (request, out) = unsafe { (input(request, "request")?.open()?, Out::new(out, "out")?) };
        out.set(erln_bytes::from(&request.args()[..]));
        Ok(())
    })
}

/// Answers with a result: one encoded term. A call that was spawned ends with reason normal.
#[no_mangle]
pub unsafe extern "C" fn erln_request_reply(
    request: *mut erln_request,
    term: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and bytes.
        let (request, term) = unsafe { (exclusive(request, "request")?, bytes(term, len, "term")?) };
        reply(request, term.strip_prefix(&[131]).unwrap_or(term))
    })
}

/// Answers with a term made from a template and an array of values; what erln_reply does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_request_reply_args(
    request: *mut erln_request,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request, template and values.
        let (request, writer) = unsafe {
            let mut writer = Writer::with_capacity(template::USUAL_ROOM);
            template::build(&mut writer, format, args, count)?;
            (exclusive(request, "request")?, writer)
        };
        reply(request, &writer.finish()?)
    })
}

fn reply(request: &mut erln_request, term: &[u8]) -> Result<()> {
    check_term(term)?;
    request.open()?;
    request.request.take().map_or(Ok(()), |request| request.reply(term))
}

/// Answers with an exception: `class` is one of erln_class, `reason` one encoded term.
#[no_mangle]
pub unsafe extern "C" fn erln_request_fail(
    request: *mut erln_request,
    class: i32,
    reason: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and bytes.
        let (request, reason) = unsafe { (exclusive(request, "request")?, bytes(reason, len, "reason")?) };
        let reason = reason.strip_prefix(&[131]).unwrap_or(reason);
        let class = match class {
            c if c == erln_class::ERLN_CLASS_ERROR as i32 => Class::Error,
            c if c == erln_class::ERLN_CLASS_EXIT as i32 => Class::Exit,
            c if c == erln_class::ERLN_CLASS_THROW as i32 => Class::Throw,
            _ => return Err(Error::argument("class is none of ERLN_CLASS_...")),
        };
        check_term(reason)?;
        request.open()?;
        request.request.take().map_or(Ok(()), |request| request.fail(class, reason, NIL))
    })
}

/// The empty list, encoded: a stack trace without entries.
const NIL: &[u8] = &[106];

/// The pid that stands for this call.
#[no_mangle]
pub unsafe extern "C" fn erln_request_pid(request: *const erln_request, out: *mut erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and output.
        let (request, out) = unsafe { (input(request, "request")?.open()?, Out::new(out, "out")?) };
        out.set(erln_pid::new(&request.pid())?);
        Ok(())
    })
}

/// The process that asked.
#[no_mangle]
pub unsafe extern "C" fn erln_request_caller(
    request: *const erln_request,
    out: *mut erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and output.
        let (request, out) = unsafe { (input(request, "request")?.open()?, Out::new(out, "out")?) };
        out.set(erln_pid::new(request.caller())?);
        Ok(())
    })
}

/// Its group leader: where output of this call belongs.
#[no_mangle]
pub unsafe extern "C" fn erln_request_leader(
    request: *const erln_request,
    out: *mut erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's request and output.
        let (request, out) = unsafe { (input(request, "request")?.open()?, Out::new(out, "out")?) };
        out.set(erln_pid::new(request.leader())?);
        Ok(())
    })
}

/// False when nobody waits for the result any more: the caller gave up or ended, or the request was answered.
#[no_mangle]
pub unsafe extern "C" fn erln_request_is_wanted(request: *const erln_request) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's request.
        let request = unsafe { input(request, "request") }?;
        Ok(request.request.as_ref().is_some_and(Request::is_wanted))
    })
}

/// Frees a request. If it was not answered, its caller sees the process killed.
#[no_mangle]
pub unsafe extern "C" fn erln_request_free(request: *mut erln_request) {
    guard_or((), || {
        if !request.is_null() {
            // SAFETY: given out by erln_msg_request, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(request) });
        }
    })
}

/// Starts `module:function` on a peer (or this node) with `args`, one encoded list, and waits for its pid. `flags` are
/// a sum of ERLN_SPAWN_ constants or 0; `*out_ref` is the monitor's reference, and may be NULL.
#[no_mangle]
pub unsafe extern "C" fn erln_spawn(
    mailbox: erln_mailbox,
    peer: *const c_char,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    flags: u32,
    timeout_ms: i32,
    out: *mut erln_pid,
    out_ref: *mut erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and outputs.
        let (peer, module, function, args, out) = unsafe {
            (
                text(peer, "peer")?,
                text(module, "module")?,
                text(function, "function")?,
                bytes(args, len, "args")?,
                Out::new(out, "out")?,
            )
        };
        let (options, wait) = (spawn_options(flags)?, timeout(timeout_ms)?);
        let (pid, reference) = self::mailbox(mailbox)?.spawn(peer, module, function, args, options, wait)?;
        let (pid, reference) = (erln_pid::new(&pid)?, erln_ref::new(&reference)?);
        out.set(pid);
        if !out_ref.is_null() {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { Out::new(out_ref, "out_ref") }?.set(reference);
        }
        Ok(())
    })
}

/// As erln_spawn, but does not wait: the answer `{spawn_reply, Ref, ok | error, Pid | Reason}` arrives in the mailbox with `*out` as
/// Ref.
#[no_mangle]
pub unsafe extern "C" fn erln_spawn_request(
    mailbox: erln_mailbox,
    peer: *const c_char,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    flags: u32,
    out: *mut erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and output.
        let (peer, module, function, args, out) = unsafe {
            (
                text(peer, "peer")?,
                text(module, "module")?,
                text(function, "function")?,
                bytes(args, len, "args")?,
                Out::new(out, "out")?,
            )
        };
        let reference =
            self::mailbox(mailbox)?.spawn_request(peer, module, function, args, spawn_options(flags)?)?;
        out.set(erln_ref::new(&reference)?);
        Ok(())
    })
}

/// As erln_spawn_request, with `options` instead of flags: one encoded list of those that erlang:spawn_request/5 takes, such as
/// `[link, {monitor, [{alias, reply_demonitor}]}, {priority, high}]`, but for `reply`, `reply_tag` and a monitor's `tag`.
#[no_mangle]
pub unsafe extern "C" fn erln_spawn_request_opt(
    mailbox: erln_mailbox,
    peer: *const c_char,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    options: *const u8,
    options_len: usize,
    out: *mut erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and output.
        let (peer, module, function, args, options, out) = unsafe {
            (
                text(peer, "peer")?,
                text(module, "module")?,
                text(function, "function")?,
                bytes(args, len, "args")?,
                bytes(options, options_len, "options")?,
                Out::new(out, "out")?,
            )
        };
        let mailbox = self::mailbox(mailbox)?;
        let options = SpawnOptions::decode(options)?;
        let reference = mailbox.spawn_request(peer, module, function, args, options)?;
        out.set(erln_ref::new(&reference)?);
        Ok(())
    })
}

/// The group leader of a mailbox: where output of processes it spawns goes. ERLN_ERR_NO_PROCESS while it has none.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_group_leader(mailbox: erln_mailbox, out: *mut erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        let leader = self::mailbox(mailbox)?.group_leader();
        out.set(erln_pid::new(&leader.ok_or_else(|| Error::NoProcess("is the group leader".into()))?)?);
        Ok(())
    })
}

/// Sets the group leader of a process anywhere, as group_leader(Leader, Pid) of Erlang: what it prints from then on goes there.
/// Success also if the process is gone.
#[no_mangle]
pub unsafe extern "C" fn erln_set_group_leader(
    mailbox: erln_mailbox,
    pid: *const erln_pid,
    leader: *const erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pids.
        let (pid, leader) = unsafe { (input(pid, "pid")?.to_pid()?, input(leader, "leader")?.to_pid()?) };
        self::mailbox(mailbox)?.set_group_leader_of(&pid, &leader)
    })
}

/// Sets the group leader of a mailbox.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_set_group_leader(
    mailbox: erln_mailbox,
    leader: *const erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid.
        let leader = unsafe { input(leader, "leader") }?.to_pid()?;
        self::mailbox(mailbox)?.set_group_leader(&leader);
        Ok(())
    })
}
