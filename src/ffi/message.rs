//! Message: what arrives in a mailbox.
//!
//! A message is one encoded term and where it came from. It belongs to the thread that received it (hand it over if you
//! like) until erln_msg_free. Exits, DOWNs and node events have the shape that an Erlang process would receive, so that a
//! pattern tells them apart; erln_msg_kind says the same without looking.

use std::ffi::c_char;
use std::sync::OnceLock;

use parking_lot::Mutex;

use super::bytes::{erln_bytes, input, Out};
use super::guard::{guard, guard_bool, guard_or};
use super::pid::{erln_pid, erln_ref};
use super::reader::erln_reader;
use super::status::erln_status;
use super::template::{self, erln_arg};
use crate::node::message::{Message, MessageKind};
use crate::node::spawn::Request;
use crate::term::{Style, Text};

/// A received message. Free with erln_msg_free.
pub struct erln_msg {
    message: Message,
    /// The Erlang text, once somebody asked for it.
    text: OnceLock<String>,
    /// Captured bytes that do not stand in the payload in one piece.
    kept: Mutex<Vec<Box<[u8]>>>,
}

/// What a message is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_msg_type {
    /// Somebody's message.
    ERLN_MSG_MESSAGE = 0,
    /// `{'EXIT', Pid, Reason}`, to a mailbox that traps exits.
    ERLN_MSG_EXIT = 1,
    /// `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`.
    ERLN_MSG_DOWN = 2,
    /// `{nodeup, Node}` or `{nodeup, Node, Info}`.
    ERLN_MSG_NODE_UP = 3,
    /// `{nodedown, Node}` or `{nodedown, Node, Info}`.
    ERLN_MSG_NODE_DOWN = 4,
    /// `{spawn_reply, Ref, ok | error, Pid | Reason}`.
    ERLN_MSG_SPAWN_REPLY = 5,
    /// A peer called an exported function: see erln_msg_request.
    ERLN_MSG_REQUEST = 6,
}

use erln_msg_type::*;

impl From<MessageKind> for erln_msg_type {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Message => ERLN_MSG_MESSAGE,
            MessageKind::Exit => ERLN_MSG_EXIT,
            MessageKind::Down => ERLN_MSG_DOWN,
            MessageKind::NodeUp => ERLN_MSG_NODE_UP,
            MessageKind::NodeDown => ERLN_MSG_NODE_DOWN,
            MessageKind::SpawnReply => ERLN_MSG_SPAWN_REPLY,
            MessageKind::Request => ERLN_MSG_REQUEST,
        }
    }
}

impl erln_msg {
    /// The pointer that a C program owns from now on.
    pub(crate) fn give(message: Message) -> *mut erln_msg {
        Box::into_raw(Box::new(erln_msg { message, text: OnceLock::new(), kept: Mutex::default() }))
    }

    /// The message inside.
    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// Bytes that live as long as the message.
    #[cold]
    fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        let bytes = bytes.into_boxed_slice();
        // SAFETY: the box is never changed or taken out, and moving it does not move what it points at; it is freed with
        // the message, which `self` borrows.
        let lent = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
        self.kept.lock().push(bytes);
        lent
    }

    /// The message itself.
    pub(crate) fn into_message(self) -> Message {
        self.message
    }

    /// Takes the request out, if there is one.
    pub(crate) fn take_request(&mut self) -> Option<Request> {
        self.message.request.take().map(|request| *request)
    }
}

/// What it is.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_kind(msg: *const erln_msg) -> erln_msg_type {
    guard_or(ERLN_MSG_MESSAGE, || {
        // SAFETY: NULL or the caller's own.
        unsafe { msg.as_ref() }.map_or(ERLN_MSG_MESSAGE, |msg| msg.message.kind().into())
    })
}

/// The sender, where the protocol tells it; false where it does not.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_from(msg: *const erln_msg, out: *mut erln_pid) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (input(msg, "msg")?, Out::new(out, "out")?) };
        let Some(value) = msg.message.from() else { return Ok(false) };
        out.set(erln_pid::new(value)?);
        Ok(true)
    })
}

/// The alias of yours that it was sent to; false if it came by pid or name.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_alias(msg: *const erln_msg, out: *mut erln_ref) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (input(msg, "msg")?, Out::new(out, "out")?) };
        let Some(value) = msg.message.alias() else { return Ok(false) };
        out.set(erln_ref::new(value)?);
        Ok(true)
    })
}

/// Starts reading its term. The reader borrows from the message; it can be used as long as `msg` lives.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_reader(msg: *const erln_msg, out: *mut erln_reader) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (input(msg, "msg")?, Out::new(out, "out")?) };
        out.set(erln_reader::new(&msg.message.reader()));
        Ok(())
    })
}

/// Its encoded term, without version byte. Borrowed; lives as long as `msg`.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_payload(msg: *const erln_msg, out: *mut erln_bytes) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (input(msg, "msg")?, Out::new(out, "out")?) };
        out.set(erln_bytes::from(&msg.message.payload()[..]));
        Ok(())
    })
}

/// Its term as Erlang text, for logs. Borrowed; lives as long as `msg`.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_text(msg: *const erln_msg, out: *mut erln_bytes) -> erln_status {
    guard(|| {
        // SAFETY: the caller's message and output.
        let (msg, out) = unsafe { (input(msg, "msg")?, Out::new(out, "out")?) };
        let text = match msg.text.get() {
            Some(text) => text,
            None => {
                let text = Text::new(msg.message.payload(), Style::erlang()).try_to_string()?;
                msg.text.get_or_init(|| text)
            }
        };
        out.set(erln_bytes::from(text.as_bytes()));
        Ok(())
    })
}

/// True if it answers `reference`: a reply tagged with it, a DOWN or spawn reply for it, or anything sent to that alias.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_answers(msg: *const erln_msg, reference: *const erln_ref) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's message and reference.
        let (msg, reference) = unsafe { (input(msg, "msg")?, input(reference, "ref")?) };
        Ok(msg.message.answers(&reference.to_reference()?))
    })
}

/// Matches a pattern, what its directives match going to an array of places; what erln_match does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_match_args(
    msg: *const erln_msg,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's message, pattern and places.
        unsafe {
            let msg = input(msg, "msg")?;
            template::matches(&mut msg.message.reader(), format, args, count, |bytes| Ok(msg.keep(bytes)))
        }
    })
}

/// Frees a message, and with it everything that was borrowed from it.
#[no_mangle]
pub unsafe extern "C" fn erln_msg_free(msg: *mut erln_msg) {
    guard_or((), || {
        if !msg.is_null() {
            // SAFETY: given out by `give`, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(msg) });
        }
    })
}
