//! `net_kernel`: answers pings (`is_auth`), and pings others (protocol section 9.2).

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::relations::Watched;
use crate::node::{Inner, Node};
use crate::proto::control::Control;
use crate::service::{gen, sys, written, SERVICE_LIMITS};
use crate::term::{Atom, Writer};

/// One message to our `net_kernel`.
pub(crate) fn handle(node: &Arc<Inner>, server: &Arc<Process>, message: Message) {
    if let Some((from, request)) = gen::system(message.payload()) {
        sys::for_service(node, server, &from, request);
        return;
    }
    let Some((from, mut request)) = gen::call(message.payload()) else { return };
    let mut answer = Writer::new();
    match request.tuple() {
        Some(2) if request.atom_is("is_auth") => answer.atom("yes"),
        _ => answer.tuple(2).atom("error").atom("notsup"),
    };
    from.reply(node, server, &written(answer));
}

impl Inner {
    /// `net_adm:ping/1`.
    pub(crate) async fn ping(self: &Arc<Self>, peer: &Atom) -> Result<bool> {
        if self.is_our_name(peer) {
            return Ok(true);
        }
        self.connect(peer).await?;
        let process = self.processes.create(SERVICE_LIMITS)?;
        let answered = self.ask_net_kernel(&process, peer).await;
        self.end(&process, bytes::Bytes::from_static(crate::node::links::NORMAL));
        answered
    }

    async fn ask_net_kernel(self: &Arc<Self>, process: &Arc<Process>, peer: &Atom) -> Result<bool> {
        let name = Atom::from_static("net_kernel");
        let reference = self.monitor(process, Watched::Name(Box::new((name.clone(), peer.clone()))), None);
        let from = self.pid_of(process);
        let mut call = Writer::new();
        call.tuple(3).atom("$gen_call").tuple(2).pid(&from).reference(&reference);
        call.tuple(2).atom("is_auth").atom_term(&self.name());
        self.signal(peer, Control::RegSend { from, to: name, token: None }, Some(&written(call)));
        let answer = process.recv(Some(&reference)).await?;
        Ok(answer.kind() == MessageKind::Message && {
            let mut reader = answer.reader();
            reader.tuple_of(2) && reader.skip() && reader.atom_is("yes")
        })
    }
}

impl Node {
    /// `net_adm:ping/1`: connects if needed; true if `node` answers as a node does.
    ///
    /// # Errors
    /// Why no connection could be made; `Timeout`.
    pub fn ping(&self, node: &str, timeout: Option<Duration>) -> Result<bool> {
        let node = Atom::new(node)?;
        let inner = self.inner().clone();
        self.inner().block(timeout, "ping", async move { inner.ping(&node).await })?
    }

    /// [`ping`](Self::ping), awaited on any executor.
    pub async fn ping_async(&self, node: &str) -> Result<bool> {
        let node = Atom::new(node)?;
        let inner = self.inner().clone();
        let task = self.inner().runtime.spawn(async move { inner.ping(&node).await });
        task.await.unwrap_or(Err(Error::Closed("node")))
    }
}
