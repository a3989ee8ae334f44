//! Group leaders (protocol section 14): the console of this node, and a client for any leader anywhere.
//!
//! The process `user` prints on our standard output and reads our standard input, as on a BEAM. It is the leader of what
//! we spawn unless the program names another. A thread of its own talks to the terminal, so a stopped pipe or a
//! person who does not type never holds up the node. A reply is sent when the text is written: that is all the back-pressure there is.

mod chars;
mod console;
mod format;
pub(crate) mod relay;
mod request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::send::Target;
use crate::node::Inner;
use crate::service::written;
use crate::term::{Pid, Writer};

/// The process `user`; the loop is [`console`]'s.
pub(crate) fn handle(node: &Arc<Inner>, server: &Arc<Process>, message: Message) {
    console::ask(node, server, message);
}

/// Sends a message of a service.
fn post(node: &Arc<Inner>, from: Pid, to: &Pid, message: Writer) {
    super::post(node, from, to, &written(message));
}

impl Mailbox {
    /// Writes text on a group leader anywhere, as `io:put_chars(Leader, Text)`, and waits until it is written.
    ///
    /// `leader` may be a pid, a name or `{name, node}`, `user` of another node for example.
    ///
    /// # Errors
    /// `NoProcess` when the leader is gone, `Remote` when it refuses, `Timeout`.
    pub fn put_chars(&self, leader: &Target, text: &str, timeout: Option<Duration>) -> Result<()> {
        let mut request = Writer::new();
        request.tuple(3).atom("put_chars").atom("unicode").binary(text.as_bytes());
        let reply = self.io_request(leader, &written(request), timeout)?;
        let mut reader = reply.reader();
        match reader.tuple_of(3) && reader.skip() && reader.skip() && reader.atom_is("ok") {
            true => Ok(()),
            false => Err(Error::Remote("the group leader refused to write the text".into())),
        }
    }

    /// Sends one request of the I/O protocol (an encoded term) and waits for `{io_reply, Ref, Result}`.
    ///
    /// # Errors
    /// As [`put_chars`](Self::put_chars).
    pub fn io_request(&self, leader: &Target, request: &[u8], timeout: Option<Duration>) -> Result<Message> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let left = || deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let reference = self.monitor(leader)?;
        let mut message = Writer::new();
        message.tuple(4).atom("io_request").pid(&self.pid()).reference(&reference).raw(request);
        let asked = message.finish().and_then(|message| self.send(leader, &message, left()));
        let answered = asked.and_then(|()| self.recv_reply(&reference, left()));
        self.demonitor(&reference, true);
        let reply = answered?;
        match reply.kind() {
            MessageKind::Down => {
                self.inner().check_running()?;
                Err(Error::NoProcess("is the group leader any more: it ended".into()))
            }
            _ => Ok(reply),
        }
    }
}
