//! Process groups: processes of many nodes under one name, as pg of OTP.
//!
//! A scope is a set of groups that several nodes share; start it under the same name on each ("pg" is OTP's own, and what
//! NULL stands for). Members of groups are pids; a pid that joined twice is a member twice. A group's name is any term:
//! erln_pg_join(box, NULL, "{room, ~i}", 7). Every node knows all members, so asking never waits.

use std::ffi::c_char;

use bytes::Bytes;

use super::bytes::{array, bytes, input, optional_text, Out};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::node::{erln_node, node};
use super::pid::{erln_pid, erln_ref};
use super::status::erln_status;
use crate::node::message::{Message, MessageKind};
use crate::service::pg::Pg;
use crate::term::{Pid, Term};
use crate::{Error, Node, Result};

/// OTP's own scope.
const DEFAULT_SCOPE: &str = "pg";

/// The scope of this name, which must have been started.
fn scope_of(node: &Node, scope: Option<&str>) -> Result<Pg> {
    let scope = scope.unwrap_or(DEFAULT_SCOPE);
    node.pg_scope(scope)
        .ok_or_else(|| Error::NoProcess(format!("runs the pg scope {scope} on this node: start it first")))
}

/// One encoded term, with or without version byte.
pub(super) fn group_of(encoded: &[u8]) -> Result<Term> {
    Term::decode(encoded.strip_prefix(&[131]).unwrap_or(encoded))
}

/// A message whose term is this.
pub(super) fn answer(term: &Term) -> Result<*mut erln_msg> {
    let payload = Bytes::from(term.to_bytes()?);
    Ok(erln_msg::give(Message::new(MessageKind::Message, None, payload)))
}

fn pid_list(pids: Vec<Pid>) -> Term {
    Term::list(pids.into_iter().map(|pid| Term::Pid(Box::new(pid))))
}

/// Starts a scope, or does nothing if it runs. It greets every node that is connected, and finds those that run it as well.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_start(node: erln_node, scope: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let scope = unsafe { optional_text(scope, "scope") }?;
        self::node(node)?.pg(scope.unwrap_or(DEFAULT_SCOPE)).map(drop)
    })
}

/// Ends a scope: other nodes see its members leave.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_stop(node: erln_node, scope: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let scope = unsafe { optional_text(scope, "scope") }?;
        scope_of(self::node(node)?.as_ref(), scope)?.stop();
        Ok(())
    })
}

/// `count` processes of this node join a group, once more if they are in it. `group` is one encoded term.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_join_term(
    node: erln_node,
    scope: *const c_char,
    group: *const u8,
    len: usize,
    pids: *const erln_pid,
    count: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and pids.
        let (scope, group, pids) = unsafe {
            (optional_text(scope, "scope")?, bytes(group, len, "group")?, array(pids, count, "pids")?)
        };
        let pids = pids.iter().map(|pid| pid.to_pid()).collect::<Result<Vec<_>>>()?;
        scope_of(self::node(node)?.as_ref(), scope)?.join(&group_of(group)?, &pids)
    })
}

/// `count` processes of this node leave a group, each once. `*out_left` (which may be NULL) tells whether one of them was in it.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_leave_term(
    node: erln_node,
    scope: *const c_char,
    group: *const u8,
    len: usize,
    pids: *const erln_pid,
    count: usize,
    out_left: *mut bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and pids.
        let (scope, group, pids) = unsafe {
            (optional_text(scope, "scope")?, bytes(group, len, "group")?, array(pids, count, "pids")?)
        };
        let pids = pids.iter().map(|pid| pid.to_pid()).collect::<Result<Vec<_>>>()?;
        let left = scope_of(self::node(node)?.as_ref(), scope)?.leave(&group_of(group)?, &pids)?;
        if !out_left.is_null() {
            // SAFETY: the caller's output.
            unsafe { Out::new(out_left, "out_left") }?.set(left);
        }
        Ok(())
    })
}

/// The members of a group, on all nodes or only those of this one: the term of `*out` is a list of pids in no particular order.
/// Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_members_term(
    node: erln_node,
    scope: *const c_char,
    group: *const u8,
    len: usize,
    local: bool,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts, bytes and output.
        let (scope, group, out) =
            unsafe { (optional_text(scope, "scope")?, bytes(group, len, "group")?, Out::new(out, "out")?) };
        let (pg, group) = (scope_of(self::node(node)?.as_ref(), scope)?, group_of(group)?);
        let members = if local { pg.local_members(&group) } else { pg.members(&group) };
        out.set(answer(&pid_list(members))?);
        Ok(())
    })
}

/// The groups that have members, on any node or on this one: the term of `*out` is a list of their names. Free `*out` with
/// erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_groups(
    node: erln_node,
    scope: *const c_char,
    local: bool,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text and output.
        let (scope, out) = unsafe { (optional_text(scope, "scope")?, Out::new(out, "out")?) };
        let pg = scope_of(self::node(node)?.as_ref(), scope)?;
        out.set(answer(&Term::list(if local { pg.local_groups() } else { pg.groups() }))?);
        Ok(())
    })
}

/// From now on `{Ref, join | leave, Group, [Pid]}` arrives in the mailbox for each change of a group, or of all groups if `group` is
/// NULL. `*out` is that reference. The term of `*out_known` (which may be NULL) is what is known before the first change: a list of
/// pids, or for all groups a map of such lists. Free `*out_known` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_monitor_term(
    mailbox: erln_mailbox,
    scope: *const c_char,
    group: *const u8,
    len: usize,
    out: *mut erln_ref,
    out_known: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        let one = !group.is_null();
        // SAFETY: the caller's texts, bytes and output.
        let (scope, group, out) = unsafe {
            let group = if one { Some(bytes(group, len, "group")?) } else { None };
            (optional_text(scope, "scope")?, group, Out::new(out, "out")?)
        };
        let group = group.map(group_of).transpose()?;
        let mailbox = self::mailbox(mailbox)?;
        let (reference, known) = scope_of(&mailbox.node(), scope)?.monitor(&mailbox, group.as_ref())?;
        out.set(erln_ref::new(&reference)?);
        if !out_known.is_null() {
            let mut known = known.into_iter().map(|(group, pids)| (group, pid_list(pids)));
            let known = match one {
                true => known.next().map_or_else(Term::nil, |(_, pids)| pids),
                false => Term::map(known)?,
            };
            // SAFETY: the caller's output.
            unsafe { Out::new(out_known, "out_known") }?.set(answer(&known)?);
        }
        Ok(())
    })
}

/// Ends what erln_pg_monitor_term began; success also if it had ended. Events that wait in the mailbox stay there.
#[no_mangle]
pub unsafe extern "C" fn erln_pg_demonitor(
    mailbox: erln_mailbox,
    scope: *const c_char,
    reference: *const erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text and reference.
        let (scope, reference) =
            unsafe { (optional_text(scope, "scope")?, input(reference, "ref")?.to_reference()?) };
        let mailbox = self::mailbox(mailbox)?;
        scope_of(&mailbox.node(), scope)?.demonitor(&reference);
        Ok(())
    })
}
