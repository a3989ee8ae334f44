//! Mailbox: a process of a node, with a pid and a queue of messages.
//!
//! Any thread may receive from a mailbox, also several at once; each message goes to one of them. There are two ways to
//! wait: block in erln_mailbox_recv, or watch the descriptor of erln_mailbox_fd in your event loop and then receive with
//! timeout 0 until ERLN_ERR_TIMEOUT. A mailbox ends when it is closed, when its node stops, or by an exit signal that
//! it does not trap; from then on receiving answers ERLN_ERR_CLOSED.

use std::ffi::c_char;
use std::sync::Arc;

use super::bytes::{bytes, exclusive, input, optional_text, text, timeout, Out};
use super::guard::{guard, guard_or};
use super::handle::Handles;
use super::message::erln_msg;
use super::node::{erln_node, node};
use super::pid::{erln_pid, erln_ref};
use super::status::erln_status;
use super::writer::{encoder, erln_writer};
use crate::node::events::{MonitorNodes, NodeType};
use crate::node::mailbox::{Mailbox, MailboxOptions};
use crate::node::process::Overflow;
use crate::{Error, Result};

/// A mailbox. Copy it freely; erln_mailbox_close ends it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct erln_mailbox {
    /// Private. 0 names no mailbox.
    pub id: u64,
}

/// The options of a mailbox. Free with erln_mailbox_options_free.
pub struct erln_mailbox_options {
    options: MailboxOptions,
}

/// What happens when a mailbox is full.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_overflow {
    /// The connections that bring more are not read until half is consumed; the senders wait.
    ERLN_OVERFLOW_WAIT = 0,
    /// What arrives is dropped, and counted.
    ERLN_OVERFLOW_DROP = 1,
    /// The mailbox ends with reason system_limit.
    ERLN_OVERFLOW_KILL = 2,
}

/// A mailbox and the node it was opened on.
pub(crate) struct Opened {
    mailbox: Mailbox,
    node: erln_node,
}

static MAILBOXES: Handles<Opened> = Handles::new(2, "mailbox");

impl std::ops::Deref for Opened {
    type Target = Mailbox;

    fn deref(&self) -> &Mailbox {
        &self.mailbox
    }
}

/// The mailbox of an id.
#[inline]
pub(crate) fn mailbox(mailbox: erln_mailbox) -> Result<Arc<Opened>> {
    MAILBOXES.get(mailbox.id)
}

/// Takes the mailboxes of a stopped node out of the table.
pub(crate) fn close_all_of(node: erln_node) {
    for id in MAILBOXES.ids() {
        if MAILBOXES.get(id).is_ok_and(|opened| opened.node.id == node.id) {
            // Somebody else may close it first; then it is out as well.
            let _ = MAILBOXES.remove(id);
        }
    }
}

/// Opens a mailbox on a node, registered as `name` unless that is NULL, with `options` or, if they are NULL, the
/// ordinary ones. End it with erln_mailbox_close.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_open(
    node: erln_node,
    name: *const c_char,
    options: *const erln_mailbox_options,
    out: *mut erln_mailbox,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text, options and output.
        let (name, options, out) =
            unsafe { (optional_text(name, "name")?, options.as_ref(), Out::new(out, "out")?) };
        let options = options.map_or_else(MailboxOptions::default, |options| options.options);
        let mailbox = self::node(node)?.mailbox(options)?;
        if let Some(name) = name {
            mailbox.register(name)?;
        }
        let id = MAILBOXES.insert(Arc::new(Opened { mailbox, node }))?;
        out.set(erln_mailbox { id });
        Ok(())
    })
}

/// Ends a mailbox with reason normal. Whoever waits in it wakes up with ERLN_ERR_CLOSED. Of several callers one gets ERLN_OK, the
/// others ERLN_ERR_CLOSED.
#[no_mangle]
pub extern "C" fn erln_mailbox_close(mailbox: erln_mailbox) -> erln_status {
    guard(|| MAILBOXES.remove(mailbox.id)?.close(NORMAL))
}

/// The atom normal, encoded.
const NORMAL: &[u8] = b"\x77\x06normal";

/// Takes the next message, waiting until one arrives. ERLN_ERR_TIMEOUT if none does. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_recv(
    mailbox: erln_mailbox,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        let message = self::mailbox(mailbox)?.recv(timeout(timeout_ms)?)?;
        out.set(erln_msg::give(message));
        Ok(())
    })
}

/// Takes the next message that answers `reference`: a reply tagged with it, a DOWN or spawn reply for it, or anything sent to
/// that alias. Other messages stay. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_recv_ref(
    mailbox: erln_mailbox,
    reference: *const erln_ref,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reference and output.
        let (reference, out) = unsafe { (input(reference, "ref")?.to_reference()?, Out::new(out, "out")?) };
        let message = self::mailbox(mailbox)?.recv_reply(&reference, timeout(timeout_ms)?)?;
        out.set(erln_msg::give(message));
        Ok(())
    })
}

/// A descriptor that is readable while messages wait, and for ever once the mailbox has ended. It belongs to the mailbox: give
/// it to poll, epoll or an event loop; do not read or close it.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_fd(mailbox: erln_mailbox, out: *mut i32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::mailbox(mailbox)?.fd()?);
        Ok(())
    })
}

/// Its pid: what others send to.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_pid(mailbox: erln_mailbox, out: *mut erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_pid::new(&self::mailbox(mailbox)?.pid())?);
        Ok(())
    })
}

/// The node it was opened on.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_node(mailbox: erln_mailbox, out: *mut erln_node) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::mailbox(mailbox)?.node);
        Ok(())
    })
}

/// Registers it as `name` on its node. ERLN_ERR_NAME_TAKEN if another process has that name.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_register(mailbox: erln_mailbox, name: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let name = unsafe { text(name, "name") }?;
        self::mailbox(mailbox)?.register(name)
    })
}

/// Takes its registered name away; success also if it has none.
#[no_mangle]
pub extern "C" fn erln_mailbox_unregister(mailbox: erln_mailbox) -> erln_status {
    guard(|| {
        self::mailbox(mailbox)?.unregister();
        Ok(())
    })
}

/// Whether exit signals arrive as messages `{'EXIT', Pid, Reason}` instead of ending the mailbox; false unless set.
#[no_mangle]
pub extern "C" fn erln_mailbox_set_trap_exit(mailbox: erln_mailbox, trap: bool) -> erln_status {
    guard(|| {
        self::mailbox(mailbox)?.set_trap_exit(trap);
        Ok(())
    })
}

/// Receives `{nodeup, Node}` and `{nodedown, Node}` of all nodes from now on; with `info` as `{nodeup, Node, Info}` and
/// `{nodedown, Node, Info}`, where Info tells the reason. With `visible_only` only of visible nodes.
#[no_mangle]
pub extern "C" fn erln_mailbox_monitor_nodes(
    mailbox: erln_mailbox,
    visible_only: bool,
    info: bool,
) -> erln_status {
    guard(|| {
        let node_type = if visible_only { NodeType::Visible } else { NodeType::All };
        self::mailbox(mailbox)?.monitor_nodes(MonitorNodes { node_type, info });
        Ok(())
    })
}

/// Ends all erln_mailbox_monitor_nodes of this mailbox.
#[no_mangle]
pub extern "C" fn erln_mailbox_demonitor_nodes(mailbox: erln_mailbox) -> erln_status {
    guard(|| {
        self::mailbox(mailbox)?.demonitor_nodes();
        Ok(())
    })
}

/// Receives one `{nodedown, Node}` when the connection to a peer ends; at once if there is none.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_monitor_node(
    mailbox: erln_mailbox,
    peer: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::mailbox(mailbox)?.monitor_node(peer)
    })
}

/// Takes one erln_mailbox_monitor_node back; success also if there is none.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_demonitor_node(
    mailbox: erln_mailbox,
    peer: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::mailbox(mailbox)?.demonitor_node(peer)?;
        Ok(())
    })
}

/// How many messages wait, how many bytes they take, and how many were dropped because the mailbox was full. Outputs may be
/// NULL.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_load(
    mailbox: erln_mailbox,
    out_messages: *mut usize,
    out_bytes: *mut usize,
    out_dropped: *mut u64,
) -> erln_status {
    guard(|| {
        let mailbox = self::mailbox(mailbox)?;
        // SAFETY: NULL or the caller's outputs.
        unsafe {
            if let Some(out) = out_messages.as_mut() {
                *out = mailbox.len();
            }
            if let Some(out) = out_bytes.as_mut() {
                *out = mailbox.queued_bytes();
            }
            if let Some(out) = out_dropped.as_mut() {
                *out = mailbox.dropped();
            }
        }
        Ok(())
    })
}

/// Ends a mailbox with a reason of yours: one encoded term, which its links and monitors hear.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_exit(
    mailbox: erln_mailbox,
    reason: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes.
        let reason = unsafe { bytes(reason, len, "reason") }?;
        let opened = self::mailbox(mailbox)?;
        opened.close(reason)?;
        // Only now: a wrong reason must leave the mailbox open.
        MAILBOXES.remove(mailbox.id).map(drop)
    })
}

/// The reason that a mailbox ended with, written into `writer`; ERLN_ERR_TIMEOUT while it lives. It must not have been closed by
/// erln_mailbox_close.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_exit_reason(
    mailbox: erln_mailbox,
    writer: *mut erln_writer,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's writer.
        let writer = unsafe { encoder(writer) }?;
        let reason = self::mailbox(mailbox)?.exit_reason();
        let reason = reason.ok_or_else(|| Error::Timeout("the mailbox has not ended".into()))?;
        writer.write(|writer| {
            writer.raw(&reason);
            Ok(())
        });
        Ok(())
    })
}

/// Makes mailbox options. Free with erln_mailbox_options_free.
#[no_mangle]
pub extern "C" fn erln_mailbox_options_new() -> *mut erln_mailbox_options {
    guard_or(std::ptr::null_mut(), || {
        Box::into_raw(Box::new(erln_mailbox_options { options: MailboxOptions::default() }))
    })
}

/// Frees options. Mailboxes opened with them go on.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_options_free(options: *mut erln_mailbox_options) {
    guard_or((), || {
        if !options.is_null() {
            // SAFETY: made by erln_mailbox_options_new, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(options) });
        }
    })
}

/// As erln_mailbox_set_trap_exit, from the very start.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_options_set_trap_exit(
    options: *mut erln_mailbox_options,
    trap: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's options.
        unsafe { exclusive(options, "options") }?.options.trap_exit = trap;
        Ok(())
    })
}

/// How much a mailbox holds, in messages and in bytes (0: no limit of its own), and what happens when it is full: one of
/// erln_overflow.
#[no_mangle]
pub unsafe extern "C" fn erln_mailbox_options_set_limit(
    options: *mut erln_mailbox_options,
    messages: usize,
    bytes: usize,
    overflow: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's options.
        let options = unsafe { exclusive(options, "options") }?;
        options.options.overflow = match overflow {
            o if o == erln_overflow::ERLN_OVERFLOW_WAIT as i32 => Overflow::StopReading,
            o if o == erln_overflow::ERLN_OVERFLOW_DROP as i32 => Overflow::Drop,
            o if o == erln_overflow::ERLN_OVERFLOW_KILL as i32 => Overflow::Kill,
            _ => return Err(Error::argument("overflow is none of ERLN_OVERFLOW_...")),
        };
        options.options.max_count = if messages == 0 { usize::MAX } else { messages };
        options.options.max_bytes = (bytes != 0).then_some(bytes);
        Ok(())
    })
}
