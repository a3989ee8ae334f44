//! Input and output: writing on a group leader anywhere in the cluster.
//!
//! The process `user` of a node writes on that program's standard output, ours too; a spawned function writes on the group leader
//! of whoever spawned it (erln_request_leader). A mailbox can be a group leader itself: it receives
//! `{io_request, From, ReplyAs, Request}` and answers `{io_reply, ReplyAs, Result}`.

use std::ffi::c_char;

use super::bytes::{bytes, text, timeout, Out};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::send::erln_to;
use super::status::erln_status;

/// Writes text on a group leader, as io:put_chars/2, and waits until it is written. ERLN_ERR_NO_PROCESS if there is none,
/// ERLN_ERR_REMOTE if it refuses. `leader` may be a pid, or a name such as erln_to_remote("user", "a@host").
#[no_mangle]
pub unsafe extern "C" fn erln_put_chars(
    mailbox: erln_mailbox,
    leader: erln_to,
    chars: *const c_char,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target and text.
        let (leader, chars) = unsafe { (leader.target()?, text(chars, "chars")?) };
        self::mailbox(mailbox)?.put_chars(&leader, chars, timeout(timeout_ms)?)
    })
}

/// Sends one request of Erlang's I/O protocol, such as `{get_line, unicode, "> "}`, and waits for the answer, a message
/// `{io_reply, Ref, Result}`. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_io_request(
    mailbox: erln_mailbox,
    leader: erln_to,
    request: *const u8,
    len: usize,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, bytes and output.
        let (leader, request, out) =
            unsafe { (leader.target()?, bytes(request, len, "request")?, Out::new(out, "out")?) };
        let request = request.strip_prefix(&[131]).unwrap_or(request);
        let reply = self::mailbox(mailbox)?.io_request(&leader, request, timeout(timeout_ms)?)?;
        out.set(erln_msg::give(reply));
        Ok(())
    })
}
