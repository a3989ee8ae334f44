//! Call: asking a server and waiting for its answer, answering such calls, and running functions on other nodes.
//!
//! A server is any gen_server, gen_statem, GenServer or Agent, and every mailbox that answers messages
//! `{'$gen_call', {Pid, Tag}, Request}`. What comes after the time was over is dropped.

use std::ffi::c_char;

use super::bytes::{bytes, input, text, timeout, Out};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::send::{erln_to, ERLN_SEND_TIMEOUT_MS};
use super::status::erln_status;
use super::template::{self, erln_arg};
use crate::service::sys::{ServerState, System};
use crate::term::Writer;
use crate::Result;

/// Asks a server, as GenServer.call/3: `request` is one encoded term. `*out` is a message whose term is the reply.
/// ERLN_ERR_NO_PROCESS if nobody is there, ERLN_ERR_REMOTE if the server ends before it replies. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_call_term(
    mailbox: erln_mailbox,
    server: erln_to,
    request: *const u8,
    len: usize,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, bytes and output.
        let (server, request, out) =
            unsafe { (server.target()?, bytes(request, len, "request")?, Out::new(out, "out")?) };
        let request = request.strip_prefix(&[131]).unwrap_or(request);
        out.set(erln_msg::give(self::mailbox(mailbox)?.call(&server, request, timeout(timeout_ms)?)?));
        Ok(())
    })
}

/// As erln_call_term, with a request made from a template and an array of values; what erln_call does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_call_args(
    mailbox: erln_mailbox,
    server: erln_to,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, template, values and output.
        let (server, request, out) =
            unsafe { (server.target()?, built(format, args, count)?, Out::new(out, "out")?) };
        out.set(erln_msg::give(self::mailbox(mailbox)?.call(&server, &request, timeout(timeout_ms)?)?));
        Ok(())
    })
}

/// Answers a call, which is a message `{'$gen_call', {Pid, Tag}, Request}` (or a question of sys, `{system, {Pid, Tag}, get_state}`), with a term made from a template and an array of
/// values; what erln_answer does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_answer_args(
    mailbox: erln_mailbox,
    call: *const erln_msg,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message, template and values.
        let (call, reply) = unsafe { (input(call, "call")?, built(format, args, count)?) };
        self::mailbox(mailbox)?.reply(call.message(), &reply, timeout(ERLN_SEND_TIMEOUT_MS)?)
    })
}

/// Answers a call with one encoded term.
#[no_mangle]
pub unsafe extern "C" fn erln_answer_term(
    mailbox: erln_mailbox,
    call: *const erln_msg,
    reply: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message and bytes.
        let (call, reply) = unsafe { (input(call, "call")?, bytes(reply, len, "reply")?) };
        let reply = reply.strip_prefix(&[131]).unwrap_or(reply);
        self::mailbox(mailbox)?.reply(call.message(), reply, timeout(ERLN_SEND_TIMEOUT_MS)?)
    })
}

/// What a server has to do about a message of `sys`; the answer has been sent.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_system {
    /// The message is none of `sys`: handle it.
    ERLN_SYSTEM_NONE = 0,
    /// Nothing.
    ERLN_SYSTEM_ANSWERED = 1,
    /// Keep everything but messages of `sys` until ERLN_SYSTEM_RESUME.
    ERLN_SYSTEM_SUSPEND = 2,
    /// Go on.
    ERLN_SYSTEM_RESUME = 3,
    /// Close the mailbox: somebody ends this server by erln_match(msg, "{system, _, {terminate, ~t}}", &reason).
    ERLN_SYSTEM_TERMINATE = 4,
}

/// Answers a message of `sys` for a server that shows `state`, one encoded term: :sys.get_state, get_status, suspend, resume and so
/// on. Give it every message; `module` is what get_status names, `suspended` whether ERLN_SYSTEM_SUSPEND came before.
#[no_mangle]
pub unsafe extern "C" fn erln_answer_system(
    mailbox: erln_mailbox,
    msg: *const erln_msg,
    module: *const c_char,
    state: *const u8,
    len: usize,
    suspended: bool,
    out: *mut erln_system,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message, text, bytes and output.
        let (msg, module, state, out) = unsafe {
            (input(msg, "msg")?, text(module, "module")?, bytes(state, len, "state")?, Out::new(out, "out")?)
        };
        let state = state.strip_prefix(&[131]).unwrap_or(state);
        let server = ServerState { module, state, suspended };
        out.set(match self::mailbox(mailbox)?.answer_system(msg.message(), server)? {
            None => erln_system::ERLN_SYSTEM_NONE,
            Some(System::Answered) => erln_system::ERLN_SYSTEM_ANSWERED,
            Some(System::Suspend) => erln_system::ERLN_SYSTEM_SUSPEND,
            Some(System::Resume) => erln_system::ERLN_SYSTEM_RESUME,
            Some(System::Terminate(_)) => erln_system::ERLN_SYSTEM_TERMINATE,
        });
        Ok(())
    })
}

/// Runs `module:function` on a peer, as :erpc.call/5: `args` is one encoded list. The term of `*out` is `{return, Value}`, or the
/// exception: `{throw, Value}`, `{exit, Reason}` or `{error, Reason, Stack}`. After ERLN_ERR_TIMEOUT the function may still run. Free
/// `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_erpc(
    mailbox: erln_mailbox,
    peer: *const c_char,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
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
        let args = args.strip_prefix(&[131]).unwrap_or(args);
        let result = self::mailbox(mailbox)?.erpc(peer, module, function, args, timeout(timeout_ms)?)?;
        out.set(erln_msg::give(result));
        Ok(())
    })
}

/// The term that a template spells.
///
/// # Safety
/// As for [`template::build`].
pub(super) unsafe fn built(format: *const c_char, args: *const erln_arg, count: usize) -> Result<Vec<u8>> {
    let mut writer = Writer::with_capacity(template::USUAL_ROOM);
    // SAFETY: the caller's promise is ours.
    unsafe { template::build(&mut writer, format, args, count) }?;
    writer.finish()
}
