//! Pending: calls that were sent and are waited for later, and questions to many nodes at the same time.
//!
//! A pending call belongs to the mailbox that sent it. Any number may be outstanding, and they may be waited for in any order;
//! each is freed with erln_pending_free, which gives up what was not answered: what comes later is dropped.

use std::ffi::c_char;

use super::bytes::{array, bytes, exclusive, input, text, timeout, Out};
use super::call::built;
use super::guard::{guard, guard_bool, guard_or};
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::send::{erln_to, ERLN_SEND_TIMEOUT_MS};
use super::status::{erln_status, fail};
use super::template::erln_arg;
use crate::node::message::Message;
use crate::service::pending::Pending;
use crate::{Error, Result};

/// A call that was sent. Free with erln_pending_free.
pub struct erln_pending {
    mailbox: erln_mailbox,
    /// None once the answer was given out.
    call: Option<Pending>,
}

impl erln_pending {
    fn give(mailbox: erln_mailbox, call: Pending) -> *mut erln_pending {
        Box::into_raw(Box::new(erln_pending { mailbox, call: Some(call) }))
    }

    fn call(&self) -> Result<&Pending> {
        self.call.as_ref().ok_or_else(|| Error::argument("the answer to this call was given out already"))
    }
}

/// Asks a server as erln_call_term does, and does not wait for the answer. A connection that must be made first is not waited
/// for either. Free `*out` with erln_pending_free.
#[no_mangle]
pub unsafe extern "C" fn erln_call_begin_term(
    mailbox: erln_mailbox,
    server: erln_to,
    request: *const u8,
    len: usize,
    out: *mut *mut erln_pending,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, bytes and output.
        let (server, request, out) =
            unsafe { (server.target()?, bytes(request, len, "request")?, Out::new(out, "out")?) };
        let request = request.strip_prefix(&[131]).unwrap_or(request);
        let wait = timeout(ERLN_SEND_TIMEOUT_MS)?;
        let call = self::mailbox(mailbox)?.send_request(&server, request, wait)?;
        out.set(erln_pending::give(mailbox, call));
        Ok(())
    })
}

/// As erln_call_begin_term, with a request made from a template and an array of values; what erln_call_begin does behind its
/// `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_call_begin_args(
    mailbox: erln_mailbox,
    server: erln_to,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    out: *mut *mut erln_pending,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, template, values and output.
        let (server, request, out) =
            unsafe { (server.target()?, built(format, args, count)?, Out::new(out, "out")?) };
        let wait = timeout(ERLN_SEND_TIMEOUT_MS)?;
        let call = self::mailbox(mailbox)?.send_request(&server, &request, wait)?;
        out.set(erln_pending::give(mailbox, call));
        Ok(())
    })
}

/// Has a function run on a peer as erln_erpc does, and does not wait for its result. Free `*out` with erln_pending_free.
#[no_mangle]
pub unsafe extern "C" fn erln_erpc_begin(
    mailbox: erln_mailbox,
    peer: *const c_char,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    out: *mut *mut erln_pending,
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
        let call = self::mailbox(mailbox)?.erpc_request(peer, module, function, args)?;
        out.set(erln_pending::give(mailbox, call));
        Ok(())
    })
}

/// Waits for the answer: the term of `*out` is that of erln_call_term or erln_erpc, and so are the failures. After
/// ERLN_ERR_TIMEOUT it may be waited for again. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_pending_wait(
    pending: *mut erln_pending,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's call, which no other thread uses now, and output.
        let (pending, out) = unsafe { (exclusive(pending, "pending")?, Out::new(out, "out")?) };
        let mailbox = self::mailbox(pending.mailbox)?;
        match mailbox.wait_response(pending.call()?, timeout(timeout_ms)?) {
            Ok(None) => return Err(Error::Timeout("the answer has not come yet".into())),
            Ok(Some(answer)) => out.set(erln_msg::give(answer)),
            Err(error) => {
                pending.finish();
                return Err(error);
            }
        }
        pending.call = None;
        Ok(())
    })
}

/// For a program that takes every message out of its mailbox by itself: true if `msg` is the answer to this call, and then `*out`
/// and `*status` are what erln_pending_wait would give. Free `*out`, unless it is NULL, with erln_msg_free, and `msg` as ever.
#[no_mangle]
pub unsafe extern "C" fn erln_pending_check(
    pending: *mut erln_pending,
    msg: *const erln_msg,
    status: *mut erln_status,
    out: *mut *mut erln_msg,
) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's call, which no other thread uses now, message and outputs.
        let (pending, msg, status, out) = unsafe {
            (
                exclusive(pending, "pending")?,
                input(msg, "msg")?,
                Out::new(status, "status")?,
                Out::new(out, "out")?,
            )
        };
        let mailbox = self::mailbox(pending.mailbox)?;
        let Some(answer) = mailbox.check_response(pending.call()?, msg.message()) else { return Ok(false) };
        pending.call = None;
        let (code, message) = given(answer);
        status.set(code);
        out.set(message);
        Ok(true)
    })
}

/// Frees a pending call. If it was not answered it is given up: its answer is dropped, whenever it comes, and what runs over there
/// runs on.
#[no_mangle]
pub unsafe extern "C" fn erln_pending_free(pending: *mut erln_pending) {
    guard_or((), || {
        if !pending.is_null() {
            // SAFETY: the caller's call, made by `give` and not used any more.
            let mut pending = unsafe { Box::from_raw(pending) };
            pending.finish();
        }
    })
}

impl erln_pending {
    fn finish(&mut self) {
        if let (Some(call), Ok(mailbox)) = (self.call.take(), mailbox(self.mailbox)) {
            mailbox.abandon(call);
        }
    }
}

/// Runs a function on many peers at the same time, as :erpc.multicall/5. For each of the `count` peers `outs` gets what erln_erpc
/// would give, or NULL, and `statuses` how it went. The result is ERLN_OK unless nobody could be asked at all. Free each of `outs`
/// that is not NULL with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_multicall(
    mailbox: erln_mailbox,
    peers: *const *const c_char,
    count: usize,
    module: *const c_char,
    function: *const c_char,
    args: *const u8,
    len: usize,
    timeout_ms: i32,
    outs: *mut *mut erln_msg,
    statuses: *mut erln_status,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts and bytes.
        let (module, function, args) =
            unsafe { (text(module, "module")?, text(function, "function")?, bytes(args, len, "args")?) };
        let args = args.strip_prefix(&[131]).unwrap_or(args);
        let (mailbox, wait) = (self::mailbox(mailbox)?, timeout(timeout_ms)?);
        // SAFETY: the caller's array of texts, and arrays that can be written.
        let (peers, places) = unsafe { (names(peers, count)?, Places::new(outs, statuses, count)?) };
        crate::node::check_term(args)?;
        places.fill(mailbox.multicall(&peers, module, function, args, wait));
        Ok(())
    })
}

/// Asks the servers called `name` on many peers at the same time, as GenServer.multi_call/4; else as erln_multicall.
#[no_mangle]
pub unsafe extern "C" fn erln_multi_call_term(
    mailbox: erln_mailbox,
    peers: *const *const c_char,
    count: usize,
    name: *const c_char,
    request: *const u8,
    len: usize,
    timeout_ms: i32,
    outs: *mut *mut erln_msg,
    statuses: *mut erln_status,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text and bytes.
        let (name, request) = unsafe { (text(name, "name")?, bytes(request, len, "request")?) };
        let request = request.strip_prefix(&[131]).unwrap_or(request);
        let (mailbox, wait) = (self::mailbox(mailbox)?, timeout(timeout_ms)?);
        // SAFETY: the caller's array of texts, and arrays that can be written.
        let (peers, places) = unsafe { (names(peers, count)?, Places::new(outs, statuses, count)?) };
        crate::node::check_term(request)?;
        places.fill(mailbox.multi_call(&peers, name, request, wait));
        Ok(())
    })
}

/// The texts of an array.
///
/// # Safety
/// `peers` is NULL or points at `count` texts, each as for [`text`].
unsafe fn names<'a>(peers: *const *const c_char, count: usize) -> Result<Vec<&'a str>> {
    // SAFETY: the caller's promise is ours.
    let peers = unsafe { array(peers, count, "peers") }?;
    // SAFETY: each is a text by the caller's promise.
    peers.iter().map(|peer| unsafe { text(*peer, "a peer") }).collect()
}

/// Where the answers of many go.
struct Places {
    outs: *mut *mut erln_msg,
    statuses: *mut erln_status,
    count: usize,
}

impl Places {
    /// # Safety
    /// Each is NULL or can be written `count` times during the call.
    unsafe fn new(outs: *mut *mut erln_msg, statuses: *mut erln_status, count: usize) -> Result<Places> {
        if count > 0 && (outs.is_null() || statuses.is_null()) {
            return Err(Error::argument("outs or statuses is NULL"));
        }
        Ok(Places { outs, statuses, count })
    }

    fn fill(self, answers: Vec<Result<Message>>) {
        for (place, answer) in answers.into_iter().enumerate().take(self.count) {
            let (status, message) = given(answer);
            // SAFETY: `place` is below the count for which `new` was promised that both can be written.
            unsafe {
                self.outs.add(place).write(message);
                self.statuses.add(place).write(status);
            }
        }
    }
}

/// Status and message of an answer.
fn given(answer: Result<Message>) -> (erln_status, *mut erln_msg) {
    match answer {
        Ok(message) => (erln_status::ERLN_OK, erln_msg::give(message)),
        Err(error) => (fail(&error), std::ptr::null_mut()),
    }
}
