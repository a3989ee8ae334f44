//! Send: from a mailbox to a pid, a name or an alias, anywhere in the cluster.
//!
//! Sending to a node that is not connected connects first. A success means that the message was queued on its way, in
//! order; as in Erlang, it may still be lost if the connection or the receiver ends, which a monitor tells. Sending to a
//! process that is gone is no error.

use std::ffi::{c_char, c_void};

use super::bytes::{bytes, input, text, timeout};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::pid::{erln_pid, erln_ref};
use super::status::erln_status;
use super::template::{self, erln_arg};
use crate::node::send::Target;
use crate::term::{Atom, Writer};
use crate::{Error, Result};

/// Where a message goes, or what is monitored. Made by erln_to_pid, erln_to_name, erln_to_remote, erln_to_alias and
/// erln_to_priority_alias; borrows what they were given. Frozen.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct erln_to {
    /// One of erln_to_kind.
    pub kind: i32,
    /// Zero.
    pub reserved: i32,
    /// An erln_pid, an erln_ref, or a name that ends with a NUL.
    pub to: *const c_void,
    /// The node of a remote name.
    pub node: *const c_char,
}

/// What an erln_to holds.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_to_kind {
    /// A process.
    ERLN_TO_PID = 1,
    /// A name registered on the mailbox's own node.
    ERLN_TO_NAME = 2,
    /// A name registered on some node.
    ERLN_TO_REMOTE = 3,
    /// An alias.
    ERLN_TO_ALIAS = 4,
    /// An alias, with priority.
    ERLN_TO_PRIORITY_ALIAS = 5,
}

/// How long erln_send waits, in milliseconds, for a connection and for room in the queue to a peer.
pub const ERLN_SEND_TIMEOUT_MS: i32 = 10000;

impl erln_to {
    /// The target.
    ///
    /// # Safety
    /// `to` and `node` point at what `kind` says, or are NULL.
    pub(crate) unsafe fn target(self) -> Result<Target> {
        // SAFETY: what the pointers are is the caller's promise; NULL is checked.
        unsafe {
            match self.kind {
                k if k == erln_to_kind::ERLN_TO_PID as i32 => {
                    Ok(Target::Pid(input(self.to.cast::<erln_pid>(), "pid")?.to_pid()?))
                }
                k if k == erln_to_kind::ERLN_TO_NAME as i32 => {
                    Ok(Target::Name(Atom::new(text(self.to.cast(), "name")?)?))
                }
                k if k == erln_to_kind::ERLN_TO_REMOTE as i32 => {
                    Target::name_node(text(self.to.cast(), "name")?, text(self.node, "node")?)
                }
                k if k == erln_to_kind::ERLN_TO_ALIAS as i32 => {
                    Ok(Target::Alias(input(self.to.cast::<erln_ref>(), "ref")?.to_reference()?))
                }
                k if k == erln_to_kind::ERLN_TO_PRIORITY_ALIAS as i32 => {
                    Ok(Target::PriorityAlias(input(self.to.cast::<erln_ref>(), "ref")?.to_reference()?))
                }
                _ => {
                    Err(Error::argument("`to` was not made by one of erln_to_pid, _name, _remote and _alias"))
                }
            }
        }
    }
}

/// Sends one encoded term, with or without the version byte in front. Waits until it is queued: for a connection, and for room
/// if the peer reads slowly (ERLN_ERR_BUSY if there is none in time).
#[no_mangle]
pub unsafe extern "C" fn erln_send_term(
    mailbox: erln_mailbox,
    to: erln_to,
    term: *const u8,
    len: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target and bytes.
        let (to, term) = unsafe { (to.target()?, bytes(term, len, "term")?) };
        let term = term.strip_prefix(&[131]).unwrap_or(term);
        self::mailbox(mailbox)?.send(&to, term, timeout(timeout_ms)?)
    })
}

/// Sends a term made from a template and an array of values; what erln_send does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_send_args(
    mailbox: erln_mailbox,
    to: erln_to,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target, template and values.
        let (to, writer) = unsafe {
            let mut writer = Writer::with_capacity(template::USUAL_ROOM);
            template::build(&mut writer, format, args, count)?;
            (to.target()?, writer)
        };
        self::mailbox(mailbox)?.send(&to, &writer.finish()?, timeout(timeout_ms)?)
    })
}
