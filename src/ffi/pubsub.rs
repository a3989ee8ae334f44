//! Phoenix.PubSub: topics with subscribers on all nodes, Elixir's and ours.
//!
//! Start it under the name of the Elixir side ("MyApp.PubSub"). A mailbox that subscribed to a topic receives every term that is
//! broadcast on it, as it is. Works with Phoenix.PubSub 2.x and its PG2 adapter, which is the default there.

use std::ffi::c_char;

use super::bytes::{bytes, optional_text, text, timeout};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::node::{erln_node, node};
use super::status::erln_status;
use crate::service::pubsub::PubSub;
use crate::{Error, Node, Result};

/// Who gets a broadcast.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_audience {
    /// All subscribers on all nodes: broadcast.
    ERLN_AUDIENCE_ALL = 0,
    /// All but the mailbox that sends: broadcast_from.
    ERLN_AUDIENCE_OTHERS = 1,
    /// All on this node: local_broadcast.
    ERLN_AUDIENCE_LOCAL = 2,
}

/// The pubsub of this name, which must have been started.
fn pubsub_of(node: &Node, name: &str, dispatcher: Option<&str>) -> Result<PubSub> {
    let pubsub = node
        .started_pubsub(name)
        .ok_or_else(|| Error::NoProcess(format!("runs the pubsub {name} on this node: start it first")))?;
    dispatcher.map_or_else(|| Ok(pubsub.clone()), |dispatcher| pubsub.with_dispatcher(dispatcher))
}

/// Starts a pubsub, or does nothing if it runs. `pool_size` must be at least that of the other nodes (1 unless they say otherwise),
/// or some of their broadcasts miss this one.
#[no_mangle]
pub unsafe extern "C" fn erln_pubsub_start(
    node: erln_node,
    pubsub: *const c_char,
    pool_size: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let name = unsafe { text(pubsub, "pubsub") }?;
        self::node(node)?.pubsub(name, pool_size).map(drop)
    })
}

/// What is broadcast on a topic arrives in the mailbox from now on; of two subscriptions, twice.
#[no_mangle]
pub unsafe extern "C" fn erln_pubsub_subscribe(
    mailbox: erln_mailbox,
    pubsub: *const c_char,
    topic: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (name, topic) = unsafe { (text(pubsub, "pubsub")?, text(topic, "topic")?) };
        let mailbox = self::mailbox(mailbox)?;
        pubsub_of(&mailbox.node(), name, None)?.subscribe(&mailbox, topic)
    })
}

/// Ends all subscriptions of the mailbox to a topic; success also if there is none.
#[no_mangle]
pub unsafe extern "C" fn erln_pubsub_unsubscribe(
    mailbox: erln_mailbox,
    pubsub: *const c_char,
    topic: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (name, topic) = unsafe { (text(pubsub, "pubsub")?, text(topic, "topic")?) };
        let mailbox = self::mailbox(mailbox)?;
        pubsub_of(&mailbox.node(), name, None)?.unsubscribe(&mailbox, topic);
        Ok(())
    })
}

/// Sends one encoded term to the subscribers of a topic; `audience` is one of erln_audience. `dispatcher` is the Elixir module that
/// hands it out on the other nodes: NULL, or "Phoenix.Channel.Server" for channels. A module that does not exist there makes
/// trouble there.
#[no_mangle]
pub unsafe extern "C" fn erln_pubsub_broadcast_term(
    mailbox: erln_mailbox,
    pubsub: *const c_char,
    topic: *const c_char,
    audience: i32,
    dispatcher: *const c_char,
    term: *const u8,
    len: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts and bytes.
        let (name, topic, dispatcher, term) = unsafe {
            (
                text(pubsub, "pubsub")?,
                text(topic, "topic")?,
                optional_text(dispatcher, "dispatcher")?,
                bytes(term, len, "term")?,
            )
        };
        let term = term.strip_prefix(&[131]).unwrap_or(term);
        let timeout = timeout(timeout_ms)?;
        let mailbox = self::mailbox(mailbox)?;
        let pubsub = pubsub_of(&mailbox.node(), name, dispatcher)?;
        match audience {
            a if a == erln_audience::ERLN_AUDIENCE_ALL as i32 => pubsub.broadcast(topic, term, timeout),
            a if a == erln_audience::ERLN_AUDIENCE_OTHERS as i32 => {
                pubsub.broadcast_from(&mailbox, topic, term, timeout)
            }
            a if a == erln_audience::ERLN_AUDIENCE_LOCAL as i32 => pubsub.local_broadcast(topic, term),
            _ => Err(Error::argument("audience is none of ERLN_AUDIENCE_...")),
        }
    })
}

/// Sends one encoded term to the subscribers of a topic on one node: direct_broadcast. See erln_pubsub_broadcast_term.
#[no_mangle]
pub unsafe extern "C" fn erln_pubsub_direct_broadcast_term(
    mailbox: erln_mailbox,
    pubsub: *const c_char,
    peer: *const c_char,
    topic: *const c_char,
    dispatcher: *const c_char,
    term: *const u8,
    len: usize,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts and bytes.
        let (name, peer, topic, dispatcher, term) = unsafe {
            (
                text(pubsub, "pubsub")?,
                text(peer, "peer")?,
                text(topic, "topic")?,
                optional_text(dispatcher, "dispatcher")?,
                bytes(term, len, "term")?,
            )
        };
        let term = term.strip_prefix(&[131]).unwrap_or(term);
        let timeout = timeout(timeout_ms)?;
        let mailbox = self::mailbox(mailbox)?;
        pubsub_of(&mailbox.node(), name, dispatcher)?.direct_broadcast(peer, topic, term, timeout)
    })
}
