//! Global names and locks: one table of names for the whole cluster, as global of OTP.
//!
//! A visible node is a member: it keeps the table itself, and connecting it to one member connects it to all
//! (erln_config_set_visible, erln_config_set_connect_all). A hidden node asks a connected member for everything here. A name is
//! any term, made from a template: erln_global_register(box, 5000, "{room, ~i}", 7). It goes when its process or node does.

use std::ffi::c_char;

use super::bytes::{bytes, input, optional_text, timeout, Out};
use super::config::{erln_config, set};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::node::{erln_node, node};
use super::pg::{answer, group_of};
use super::pid::erln_pid;
use super::status::erln_status;
use crate::service::global::{GlobalLock, Resolve};
use crate::term::{Atom, Pid, Term};
use crate::{Error, Overlap, Result};

/// What happens when two parts of a cluster become one and both have a name.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_resolve {
    /// One process keeps the name, the other is killed; what OTP does unless told otherwise.
    ERLN_RESOLVE_RANDOM_EXIT = 0,
    /// One keeps it, the other gets {global_name_conflict, Name}.
    ERLN_RESOLVE_RANDOM_NOTIFY = 1,
    /// Neither keeps it; each gets {global_name_conflict, Name, OtherPid}.
    ERLN_RESOLVE_NOTIFY_ALL = 2,
    /// Module:Function(Name, Pid1, Pid2), which a program exported as "module:function", returns the pid that keeps it, or none.
    ERLN_RESOLVE_FUNCTION = 3,
}

/// What a member does when it has lost another one that the others still have.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_overlap {
    /// It leaves the cluster, so that no BEAM loses another one because of it.
    ERLN_OVERLAP_LEAVE = 0,
    /// It tells all others, as a BEAM does; they cut off the lost one and this one.
    ERLN_OVERLAP_REPORT = 1,
    /// Nothing, and what others report is ignored.
    ERLN_OVERLAP_ALLOW = 2,
}

/// Whether a visible node is a member of the mesh and of global names; true unless set. -connect_all false of OTP otherwise.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_connect_all(
    config: *mut erln_config,
    connect_all: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.connect_all(connect_all))) }
    })
}

/// What a member does about partitions that overlap: one of erln_overlap; ERLN_OVERLAP_LEAVE unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_overlap(config: *mut erln_config, overlap: i32) -> erln_status {
    guard(|| {
        let overlap = match overlap {
            n if n == erln_overlap::ERLN_OVERLAP_LEAVE as i32 => Overlap::Leave,
            n if n == erln_overlap::ERLN_OVERLAP_REPORT as i32 => Overlap::Report,
            n if n == erln_overlap::ERLN_OVERLAP_ALLOW as i32 => Overlap::Allow,
            _ => return Err(Error::argument("overlap is none of ERLN_OVERLAP_...")),
        };
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.overlapping_partitions(overlap))) }
    })
}

fn resolve_of(resolve: i32, function: Option<&str>) -> Result<Resolve> {
    Ok(match resolve {
        n if n == erln_resolve::ERLN_RESOLVE_RANDOM_EXIT as i32 => Resolve::RandomExit,
        n if n == erln_resolve::ERLN_RESOLVE_RANDOM_NOTIFY as i32 => Resolve::RandomNotify,
        n if n == erln_resolve::ERLN_RESOLVE_NOTIFY_ALL as i32 => Resolve::NotifyAll,
        n if n == erln_resolve::ERLN_RESOLVE_FUNCTION as i32 => {
            let parts = function.and_then(|function| function.rsplit_once(':'));
            let (module, function) = parts.ok_or_else(|| {
                Error::argument("function is not \"module:function\", which ERLN_RESOLVE_FUNCTION needs")
            })?;
            Resolve::Function(Atom::new(module)?, Atom::new(function)?)
        }
        _ => return Err(Error::argument("resolve is none of ERLN_RESOLVE_...")),
    })
}

fn taken(name: &Term) -> Error {
    Error::NameTaken(format!("{name} (globally), or the process has another global name"))
}

/// Name, process and resolve function of a registration.
///
/// # Safety
/// The bytes, the pid and the text are the caller's.
unsafe fn registration(
    name: *const u8,
    len: usize,
    pid: *const erln_pid,
    resolve: i32,
    function: *const c_char,
) -> Result<(Term, Pid, Resolve)> {
    // SAFETY: promised by the caller.
    let (name, pid, function) = unsafe {
        (bytes(name, len, "name")?, input(pid, "pid")?.to_pid()?, optional_text(function, "function")?)
    };
    Ok((group_of(name)?, pid, resolve_of(resolve, function)?))
}

/// Registers a process of any node under a name, one encoded term. `resolve` is one of erln_resolve; `function` is NULL but for
/// ERLN_RESOLVE_FUNCTION. ERLN_ERR_NAME_TAKEN if the name is taken, or the process has another one.
#[no_mangle]
pub unsafe extern "C" fn erln_global_register_term(
    node: erln_node,
    name: *const u8,
    len: usize,
    pid: *const erln_pid,
    resolve: i32,
    function: *const c_char,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes, pid and text.
        let (name, pid, resolve) = unsafe { registration(name, len, pid, resolve, function) }?;
        match self::node(node)?.global_register(&name, &pid, &resolve, timeout(timeout_ms)?)? {
            true => Ok(()),
            false => Err(taken(&name)),
        }
    })
}

/// As erln_global_register_term, but takes the name away from whoever has it.
#[no_mangle]
pub unsafe extern "C" fn erln_global_reregister_term(
    node: erln_node,
    name: *const u8,
    len: usize,
    pid: *const erln_pid,
    resolve: i32,
    function: *const c_char,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes, pid and text.
        let (name, pid, resolve) = unsafe { registration(name, len, pid, resolve, function) }?;
        self::node(node)?.global_reregister(&name, &pid, &resolve, timeout(timeout_ms)?)
    })
}

/// Takes a name, one encoded term, away from whoever has it; success also if nobody does.
#[no_mangle]
pub unsafe extern "C" fn erln_global_unregister_term(
    node: erln_node,
    name: *const u8,
    len: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes.
        let name = unsafe { bytes(name, len, "name") }?;
        self::node(node)?.global_unregister(&group_of(name)?, timeout(timeout_ms)?)
    })
}

/// The process with a name, one encoded term; ERLN_ERR_NO_PROCESS if nobody has it. A member does not wait.
#[no_mangle]
pub unsafe extern "C" fn erln_global_whereis_term(
    node: erln_node,
    name: *const u8,
    len: usize,
    timeout_ms: i32,
    out: *mut erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes and output.
        let (name, out) = unsafe { (bytes(name, len, "name")?, Out::new(out, "out")?) };
        let name = group_of(name)?;
        let found = self::node(node)?.global_whereis(&name, timeout(timeout_ms)?)?;
        let pid = found.ok_or_else(|| Error::NoProcess(format!("is registered globally as {name}")))?;
        out.set(erln_pid::new(&pid)?);
        Ok(())
    })
}

/// All global names: the term of `*out` is a list. Free `*out` with erln_msg_free.
#[no_mangle]
pub unsafe extern "C" fn erln_global_names(
    node: erln_node,
    timeout_ms: i32,
    out: *mut *mut erln_msg,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(answer(&Term::list(self::node(node)?.global_names(timeout(timeout_ms)?)?))?);
        Ok(())
    })
}

/// Waits until all visible nodes that are connected have the names that this one has.
#[no_mangle]
pub extern "C" fn erln_global_sync(node: erln_node, timeout_ms: i32) -> erln_status {
    guard(|| self::node(node)?.global_sync(timeout(timeout_ms)?))
}

fn lock_of(mailbox: &crate::Mailbox, resource: &[u8]) -> Result<GlobalLock> {
    Ok(GlobalLock { resource: group_of(resource)?, requester: mailbox.pid().into(), nodes: None })
}

/// Locks a resource, one encoded term, for this mailbox on this node and all visible ones that are connected, or on none. Tries
/// `retries` times more when it is taken (negative: until the time is over); `*out` tells whether it is locked now. A lock goes when its
/// mailbox does.
#[no_mangle]
pub unsafe extern "C" fn erln_global_set_lock_term(
    mailbox: erln_mailbox,
    resource: *const u8,
    len: usize,
    retries: i32,
    timeout_ms: i32,
    out: *mut bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes and output.
        let (resource, out) = unsafe { (bytes(resource, len, "resource")?, Out::new(out, "out")?) };
        let mailbox = self::mailbox(mailbox)?;
        let lock = lock_of(&mailbox, resource)?;
        out.set(mailbox.global_set_lock(&lock, u32::try_from(retries).ok(), timeout(timeout_ms)?)?);
        Ok(())
    })
}

/// Takes a lock away that this mailbox has; success also if it has not.
#[no_mangle]
pub unsafe extern "C" fn erln_global_del_lock_term(
    mailbox: erln_mailbox,
    resource: *const u8,
    len: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's bytes.
        let resource = unsafe { bytes(resource, len, "resource") }?;
        let mailbox = self::mailbox(mailbox)?;
        mailbox.global_del_lock(&lock_of(&mailbox, resource)?, timeout(timeout_ms)?)
    })
}
