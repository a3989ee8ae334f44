//! Status codes and the text of the last failure.
//!
//! A status is for programs, the text for people. Every failure of a call sets the text of its thread; a call that
//! succeeds leaves it alone.

use std::cell::RefCell;
use std::ffi::{c_char, CStr, CString};

use super::guard::guard_or;
use crate::Error;

/// What a call ended in. Zero is success, failures are negative. Numbers are grouped, and never reused or changed;
/// later releases may add some, so treat an unknown negative number as a failure.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_status {
    /// Done.
    ERLN_OK = 0,

    /// An argument can never work: NULL, a made-up id, a wrong length, text that is not UTF-8, a bad template.
    ERLN_ERR_ARGUMENT = -1,
    /// The node, mailbox or connection was closed, by you or by another thread.
    ERLN_ERR_CLOSED = -2,
    /// The id was made before this process forked. Start a new node in the child.
    ERLN_ERR_FORKED = -3,

    /// The time given was over (or was 0, and nothing was there).
    ERLN_ERR_TIMEOUT = -10,
    /// A peer does not read, and the time to wait for room was over. Nothing was sent.
    ERLN_ERR_BUSY = -11,

    /// Bytes that are no term.
    ERLN_ERR_MALFORMED = -20,
    /// A limit was met; the text names it and the option that moves it.
    ERLN_ERR_LIMIT = -21,

    /// The node name breaks the rules.
    ERLN_ERR_BAD_NAME = -30,
    /// The node has no name yet, and the call needs one.
    ERLN_ERR_NOT_ALIVE = -31,
    /// Another node of that name is registered at epmd.
    ERLN_ERR_NAME_IN_USE = -32,
    /// Another process of this node has registered that name.
    ERLN_ERR_NAME_TAKEN = -33,

    /// No epmd answers on that host.
    ERLN_ERR_EPMD = -40,
    /// epmd on that host knows no such node.
    ERLN_ERR_NAME_UNKNOWN = -41,
    /// The host name cannot be resolved.
    ERLN_ERR_HOST_UNKNOWN = -42,
    /// The TCP connection was refused or failed.
    ERLN_ERR_UNREACHABLE = -43,
    /// What listens there is not an Erlang node.
    ERLN_ERR_NOT_A_NODE = -44,
    /// The cookies differ.
    ERLN_ERR_COOKIE = -45,
    /// The peer refused the connection.
    ERLN_ERR_REFUSED = -46,
    /// One side uses short names, the other long ones.
    ERLN_ERR_NAME_KIND = -47,
    /// The cookie file is missing, unreadable or open to others.
    ERLN_ERR_COOKIE_FILE = -48,
    /// There is no connection to that node, and none could be made.
    ERLN_ERR_NO_CONNECTION = -49,
    /// The two sides could not agree on a TLS connection, or one does not believe the other's certificate.
    ERLN_ERR_TLS = -50,

    /// Nobody has that pid or name.
    ERLN_ERR_NO_PROCESS = -60,
    /// The other side answered with an error.
    ERLN_ERR_REMOTE = -61,
    /// This build or that peer cannot do it.
    ERLN_ERR_UNSUPPORTED = -62,

    /// The operating system refused something.
    ERLN_ERR_IO = -80,
    /// A bug in this library, contained in this call. Please report the text.
    ERLN_ERR_INTERNAL = -99,
}

use erln_status::*;

impl From<&Error> for erln_status {
    fn from(error: &Error) -> Self {
        match error {
            Error::Argument(_) => ERLN_ERR_ARGUMENT,
            Error::Closed(_) => ERLN_ERR_CLOSED,
            Error::Timeout(_) | Error::Empty => ERLN_ERR_TIMEOUT,
            Error::Malformed(_) => ERLN_ERR_MALFORMED,
            Error::Limit(_) => ERLN_ERR_LIMIT,
            Error::BadName { .. } => ERLN_ERR_BAD_NAME,
            Error::NotAlive => ERLN_ERR_NOT_ALIVE,
            Error::NameInUse { .. } => ERLN_ERR_NAME_IN_USE,
            Error::EpmdUnreachable { .. } => ERLN_ERR_EPMD,
            Error::NameUnknown { .. } => ERLN_ERR_NAME_UNKNOWN,
            Error::HostUnknown { .. } => ERLN_ERR_HOST_UNKNOWN,
            Error::Unreachable { .. } => ERLN_ERR_UNREACHABLE,
            Error::NotANode { .. } => ERLN_ERR_NOT_A_NODE,
            Error::Tls { .. } => ERLN_ERR_TLS,
            Error::CookieRejected { .. } => ERLN_ERR_COOKIE,
            Error::Refused { .. } => ERLN_ERR_REFUSED,
            Error::NameKind { .. } => ERLN_ERR_NAME_KIND,
            Error::CookieFile { .. } => ERLN_ERR_COOKIE_FILE,
            Error::NoConnection { .. } => ERLN_ERR_NO_CONNECTION,
            Error::NoProcess(_) => ERLN_ERR_NO_PROCESS,
            Error::NameTaken(_) => ERLN_ERR_NAME_TAKEN,
            Error::Busy { .. } => ERLN_ERR_BUSY,
            Error::Forked => ERLN_ERR_FORKED,
            Error::Remote(_) | Error::Ended { .. } => ERLN_ERR_REMOTE,
            Error::Unsupported(_) => ERLN_ERR_UNSUPPORTED,
            Error::Io { .. } => ERLN_ERR_IO,
            Error::Internal(_) => ERLN_ERR_INTERNAL,
        }
    }
}

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Keeps the text of `error` for [`erln_last_error`] and gives its status.
#[cold]
pub(crate) fn fail(error: &Error) -> erln_status {
    let mut text = error.to_string().into_bytes();
    text.retain(|&byte| byte != 0);
    // During the end of a thread its locals are gone; the status is then all there is.
    let _ = LAST.try_with(|last| *last.borrow_mut() = CString::new(text).ok());
    error.into()
}

/// The text of this thread's last failure: which step failed and what cures it. Never NULL; empty if nothing failed.
/// Borrowed; lives until the next failure on this thread. Made for logs: decide by the status, not by the text.
#[no_mangle]
pub extern "C" fn erln_last_error() -> *const c_char {
    guard_or(c"".as_ptr(), || {
        LAST.try_with(|last| last.borrow().as_ref().map(|text| text.as_ptr()))
            .ok()
            .flatten()
            .unwrap_or(c"".as_ptr())
    })
}

/// The name of a status, such as "ERLN_ERR_TIMEOUT". Never NULL, never freed.
#[no_mangle]
pub extern "C" fn erln_status_name(status: i32) -> *const c_char {
    guard_or(c"".as_ptr(), || {
        NAMES
            .iter()
            .find(|(known, _)| *known as i32 == status)
            .map_or(c"unknown status".as_ptr(), |(_, name)| name.as_ptr())
    })
}

/// Every status once, with its name.
const NAMES: &[(erln_status, &CStr)] = &[
    (ERLN_OK, c"ERLN_OK"),
    (ERLN_ERR_ARGUMENT, c"ERLN_ERR_ARGUMENT"),
    (ERLN_ERR_CLOSED, c"ERLN_ERR_CLOSED"),
    (ERLN_ERR_FORKED, c"ERLN_ERR_FORKED"),
    (ERLN_ERR_TIMEOUT, c"ERLN_ERR_TIMEOUT"),
    (ERLN_ERR_BUSY, c"ERLN_ERR_BUSY"),
    (ERLN_ERR_MALFORMED, c"ERLN_ERR_MALFORMED"),
    (ERLN_ERR_LIMIT, c"ERLN_ERR_LIMIT"),
    (ERLN_ERR_BAD_NAME, c"ERLN_ERR_BAD_NAME"),
    (ERLN_ERR_NOT_ALIVE, c"ERLN_ERR_NOT_ALIVE"),
    (ERLN_ERR_NAME_IN_USE, c"ERLN_ERR_NAME_IN_USE"),
    (ERLN_ERR_NAME_TAKEN, c"ERLN_ERR_NAME_TAKEN"),
    (ERLN_ERR_EPMD, c"ERLN_ERR_EPMD"),
    (ERLN_ERR_NAME_UNKNOWN, c"ERLN_ERR_NAME_UNKNOWN"),
    (ERLN_ERR_HOST_UNKNOWN, c"ERLN_ERR_HOST_UNKNOWN"),
    (ERLN_ERR_UNREACHABLE, c"ERLN_ERR_UNREACHABLE"),
    (ERLN_ERR_NOT_A_NODE, c"ERLN_ERR_NOT_A_NODE"),
    (ERLN_ERR_COOKIE, c"ERLN_ERR_COOKIE"),
    (ERLN_ERR_REFUSED, c"ERLN_ERR_REFUSED"),
    (ERLN_ERR_NAME_KIND, c"ERLN_ERR_NAME_KIND"),
    (ERLN_ERR_COOKIE_FILE, c"ERLN_ERR_COOKIE_FILE"),
    (ERLN_ERR_NO_CONNECTION, c"ERLN_ERR_NO_CONNECTION"),
    (ERLN_ERR_TLS, c"ERLN_ERR_TLS"),
    (ERLN_ERR_NO_PROCESS, c"ERLN_ERR_NO_PROCESS"),
    (ERLN_ERR_REMOTE, c"ERLN_ERR_REMOTE"),
    (ERLN_ERR_UNSUPPORTED, c"ERLN_ERR_UNSUPPORTED"),
    (ERLN_ERR_IO, c"ERLN_ERR_IO"),
    (ERLN_ERR_INTERNAL, c"ERLN_ERR_INTERNAL"),
];
