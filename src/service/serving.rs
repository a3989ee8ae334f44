//! What stands between a mailbox and its server: messages of `sys` are answered here, and while the server is suspended the others
//! are kept.
//!
//! Always true: a message that was kept is given back once, in order, before any later one.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::Inner;
use crate::service::gen;
use crate::service::sys::{self, ServerState, System};

/// Messages that a suspended server keeps; one that is forgotten in this state must not eat the memory, so it ends then.
const MAX_KEPT: usize = 1 << 20;

/// `system_limit`, encoded.
const SYSTEM_LIMIT: &[u8] = b"\x77\x0csystem_limit";

/// A server's intake. See the module.
#[derive(Default)]
pub(crate) struct Serving {
    suspended: bool,
    kept: VecDeque<Message>,
}

/// What is to be done with a message.
pub(crate) enum Step {
    /// It is for the server.
    Handle(Message),
    /// It was answered or kept.
    Done,
    /// The server shall end with this reason.
    End(Bytes),
}

impl Serving {
    /// A message that was kept and may now be handled.
    pub(crate) fn kept(&mut self) -> Option<Message> {
        match self.suspended {
            true => None,
            false => self.kept.pop_front(),
        }
    }

    /// Looks at a message; `state` is asked for the server's state as one encoded term.
    pub(crate) fn look(
        &mut self,
        node: &Arc<Inner>,
        process: &Arc<Process>,
        message: Message,
        state: impl FnOnce() -> Bytes,
    ) -> Step {
        let system = match message.kind {
            MessageKind::Message => gen::system(&message.payload),
            _ => None,
        };
        let Some((from, mut request)) = system else {
            if !self.suspended {
                return Step::Handle(message);
            }
            if self.kept.len() >= MAX_KEPT {
                return Step::End(Bytes::from_static(SYSTEM_LIMIT));
            }
            self.kept.push_back(message);
            return Step::Done;
        };
        let state = state();
        let server = ServerState { module: "gen_server", state: &state, suspended: self.suspended };
        match sys::answer(node, process, &from, &mut request, server) {
            System::Answered => {}
            System::Suspend => self.suspended = true,
            System::Resume => self.suspended = false,
            System::Terminate(reason) => return Step::End(Bytes::from(reason)),
        }
        Step::Done
    }
}
