//! A group leader that passes what is printed on to a C node, as `{rex_stdout, Text}` (protocol section 11.4).
//!
//! It lives as long as the call that it leads. Each reply follows its text, so all text has left before the call's result.

use std::sync::Arc;

use bytes::Bytes;

use super::request::{self, Request};
use crate::node::links::NORMAL;
use crate::node::message::Message;
use crate::node::process::Process;
use crate::node::Inner;
use crate::service::{post, written, SERVICE_LIMITS};
use crate::term::{Pid, Writer};

/// Starts one for `reader`; end it with [`Inner::end`].
pub(crate) fn start(node: &Arc<Inner>, reader: &Pid) -> Option<Arc<Process>> {
    let process = node.processes.create(SERVICE_LIMITS).ok()?;
    let (inner, leader, reader) = (node.clone(), process.clone(), reader.clone());
    node.runtime.spawn(async move {
        while let Ok(message) = leader.recv(None).await {
            relay(&inner, &leader, &reader, &message);
        }
    });
    Some(process)
}

/// Ends a relay.
pub(crate) fn end(node: &Arc<Inner>, relay: &Arc<Process>) {
    node.end(relay, Bytes::from_static(NORMAL));
}

/// `{io_request, From, ReplyAs, Request}`.
fn relay(node: &Arc<Inner>, leader: &Arc<Process>, reader: &Pid, message: &Message) {
    let mut asked = message.reader();
    if !asked.tuple_of(4) || !asked.atom_is("io_request") {
        return;
    }
    let (Some(from), Some(reply_as)) = (asked.pid(), asked.term_bytes()) else { return };
    let mut reply = Writer::new();
    reply.tuple(3).atom("io_reply").raw_unchecked(reply_as);
    let own = node.pid_of(leader);
    let request = request::read(&mut asked);
    let several = match request {
        Request::Many(several) => several,
        one => vec![one],
    };
    let mut failed = None;
    for one in several {
        match one {
            Request::Put(text) => {
                let mut shown = Writer::new();
                shown.tuple(2).atom("rex_stdout").str_binary(&text);
                post(node, own.clone(), reader, &written(shown));
            }
            Request::BadPut(complaint) => failed = failed.or(Some(complaint)),
            Request::GetLine { .. }
            | Request::GetChars { .. }
            | Request::SetOpts { .. }
            | Request::GetOpts
            | Request::Geometry { .. }
            | Request::Many(_)
            | Request::NotSupported
            | Request::Unknown => failed = failed.or(Some(Bytes::from_static(b"\x77\x07request"))),
        }
    }
    match failed {
        None => reply.atom("ok"),
        Some(why) => reply.tuple(2).atom("error").raw_unchecked(&why),
    };
    post(node, own, &from, &written(reply));
}
