//! Links, monitors, exit signals and aliases.
//!
//! As between Erlang processes: a link ends both sides together unless one traps exits; a monitor tells one side, by one DOWN
//! message, that the other ended; an alias is a reference that others can send to until you take it back.

use super::bytes::{bytes, input, Out};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::pid::{erln_pid, erln_ref};
use super::send::erln_to;
use super::status::erln_status;
use crate::node::process::AliasMode;
use crate::{Error, Result};

/// When an alias ends by itself.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_alias_mode {
    /// No alias.
    ERLN_ALIAS_NONE = 0,
    /// Only when it is taken back.
    ERLN_ALIAS_EXPLICIT = 1,
    /// With its monitor.
    ERLN_ALIAS_DEMONITOR = 2,
    /// With its monitor, or at the first message sent to it, which also ends the monitor.
    ERLN_ALIAS_REPLY_DEMONITOR = 3,
}

fn alias_mode(mode: i32) -> Result<Option<AliasMode>> {
    match mode {
        m if m == erln_alias_mode::ERLN_ALIAS_NONE as i32 => Ok(None),
        m if m == erln_alias_mode::ERLN_ALIAS_EXPLICIT as i32 => Ok(Some(AliasMode::Explicit)),
        m if m == erln_alias_mode::ERLN_ALIAS_DEMONITOR as i32 => Ok(Some(AliasMode::Demonitor)),
        m if m == erln_alias_mode::ERLN_ALIAS_REPLY_DEMONITOR as i32 => Ok(Some(AliasMode::ReplyDemonitor)),
        _ => Err(Error::argument("mode is none of ERLN_ALIAS_...")),
    }
}

/// Watches a process, or whoever has a name: when it ends, or if it is not there, one DOWN message with `*out` arrives:
/// `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`. With an alias mode other than ERLN_ALIAS_NONE, `*out` is an alias of the mailbox
/// as well, to which replies can be sent.
#[no_mangle]
pub unsafe extern "C" fn erln_monitor(
    mailbox: erln_mailbox,
    who: erln_to,
    mode: i32,
    out: *mut erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target and output.
        let (who, out) = unsafe { (who.target()?, Out::new(out, "out")?) };
        let mailbox = self::mailbox(mailbox)?;
        let reference = match alias_mode(mode)? {
            None => mailbox.monitor(&who)?,
            Some(mode) => mailbox.monitor_alias(&who, mode)?,
        };
        out.set(erln_ref::new(&reference)?);
        Ok(())
    })
}

/// As erln_monitor, but the DOWN message goes before ordinary messages: monitor(process, Who, [priority]) of OTP 28. The other
/// node need not know of it.
#[no_mangle]
pub unsafe extern "C" fn erln_monitor_priority(
    mailbox: erln_mailbox,
    who: erln_to,
    mode: i32,
    out: *mut erln_ref,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's target and output.
        let (who, out) = unsafe { (who.target()?, Out::new(out, "out")?) };
        let reference = self::mailbox(mailbox)?.monitor_priority(&who, alias_mode(mode)?)?;
        out.set(erln_ref::new(&reference)?);
        Ok(())
    })
}

/// Ends a monitor; success also if it has ended. With `flush`, a DOWN that waits in the mailbox is removed as well.
#[no_mangle]
pub unsafe extern "C" fn erln_demonitor(
    mailbox: erln_mailbox,
    reference: *const erln_ref,
    flush: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reference.
        let reference = unsafe { input(reference, "ref") }?.to_reference()?;
        self::mailbox(mailbox)?.demonitor(&reference, flush);
        Ok(())
    })
}

/// Links a mailbox and a process. If that is gone, an exit signal with reason noproc or noconnection comes back.
#[no_mangle]
pub unsafe extern "C" fn erln_link(mailbox: erln_mailbox, pid: *const erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid.
        let pid = unsafe { input(pid, "pid") }?.to_pid()?;
        self::mailbox(mailbox)?.link(&pid)
    })
}

/// As erln_link, but the message {'EXIT', Pid, Reason} of a mailbox that traps exits goes before ordinary messages:
/// link(Pid, [priority]) of OTP 28. Of several calls for one pid the last decides. The other node need not know of it.
#[no_mangle]
pub unsafe extern "C" fn erln_link_priority(mailbox: erln_mailbox, pid: *const erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid.
        let pid = unsafe { input(pid, "pid") }?.to_pid()?;
        self::mailbox(mailbox)?.link_priority(&pid)
    })
}

/// Removes a link; success also if there is none.
#[no_mangle]
pub unsafe extern "C" fn erln_unlink(mailbox: erln_mailbox, pid: *const erln_pid) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid.
        let pid = unsafe { input(pid, "pid") }?.to_pid()?;
        self::mailbox(mailbox)?.unlink(&pid)
    })
}

/// Sends an exit signal, as exit(Pid, Reason): `reason` is one encoded term. The reason normal does not end a process, the
/// reason kill ends it even if it traps exits.
#[no_mangle]
pub unsafe extern "C" fn erln_exit(
    mailbox: erln_mailbox,
    pid: *const erln_pid,
    reason: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid and bytes.
        let (pid, reason) = unsafe { (input(pid, "pid")?.to_pid()?, bytes(reason, len, "reason")?) };
        self::mailbox(mailbox)?.exit(&pid, reason.strip_prefix(&[131]).unwrap_or(reason))
    })
}

/// Makes an alias of a mailbox; it is valid until erln_unalias.
#[no_mangle]
pub unsafe extern "C" fn erln_alias(mailbox: erln_mailbox, out: *mut erln_ref) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_ref::new(&self::mailbox(mailbox)?.alias())?);
        Ok(())
    })
}

/// Makes an alias whose messages and exit signals go before ordinary messages, if they are sent with priority:
/// alias([priority]) of OTP 28. It is valid until erln_unalias.
#[no_mangle]
pub unsafe extern "C" fn erln_priority_alias(mailbox: erln_mailbox, out: *mut erln_ref) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_ref::new(&self::mailbox(mailbox)?.priority_alias())?);
        Ok(())
    })
}

/// Sends an exit signal with priority to an alias, as exit(Alias, Reason, [priority]) of OTP 28. ERLN_ERR_UNSUPPORTED if its node
/// takes no such signals, ERLN_ERR_NO_CONNECTION if there is no connection to it.
#[no_mangle]
pub unsafe extern "C" fn erln_exit_priority(
    mailbox: erln_mailbox,
    alias: *const erln_ref,
    reason: *const u8,
    len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reference and bytes.
        let (alias, reason) =
            unsafe { (input(alias, "alias")?.to_reference()?, bytes(reason, len, "reason")?) };
        self::mailbox(mailbox)?.exit_priority(&alias, reason.strip_prefix(&[131]).unwrap_or(reason))
    })
}

/// Takes an alias back: what is sent to it from now on is dropped. Success also if it is none.
#[no_mangle]
pub unsafe extern "C" fn erln_unalias(mailbox: erln_mailbox, alias: *const erln_ref) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reference.
        let alias = unsafe { input(alias, "alias") }?.to_reference()?;
        self::mailbox(mailbox)?.unalias(&alias);
        Ok(())
    })
}
