//! What every node of a cluster is asked for: services as ordinary processes, and functions every node has.
//!
//! The router knows nothing of them: they are registered names with a loop, and a table of built-in functions.

mod builtin;
pub mod call;
pub(crate) mod gen;
pub mod global;
pub mod io;
mod net_kernel;
pub mod pending;
pub mod pg;
pub mod pubsub;
mod rex;
pub mod server;
pub(crate) mod serving;
pub mod sys;
pub mod task;

use crate::error::{in_memory, Result};
use crate::log;
use std::sync::Arc;

use bytes::Bytes;

use crate::net::link::DownReason;
use crate::node::config::Config;
use crate::node::message::Message;
use crate::node::process::{Limits, Overflow, Process};
use crate::node::spawn::Request;
use crate::node::{Citizen, Inner, Node};
use crate::proto::control::Control;
use crate::term::{Atom, Pid, Writer};

/// Requests that may wait for one service; a flood beyond is dropped, its callers see their timeouts.
const SERVICE_LIMITS: Limits = Limits { bytes: 16 << 20, count: 65_536, overflow: Overflow::Drop };

/// The services of this module that keep state.
#[derive(Default)]
pub(crate) struct Services {
    global: Arc<global::Service>,
    pg: pg::Scopes,
    pubsub: pubsub::PubSubs,
}

/// The services of a node.
pub(crate) fn services(node: &Arc<Inner>) -> &Services {
    node.citizen.as_any().downcast_ref().expect("Node::start gives each node these services")
}

impl Citizen for Services {
    fn start(&self, node: &Arc<Inner>) -> Result<()> {
        start(node, "net_kernel", net_kernel::handle)?;
        rex::start(node)?;
        global::start(node, &self.global)?;
        start(node, "user", io::handle)?;
        // Log events of processes that we lead come here (protocol section 14.4).
        start(node, "logger", |_, _, _| {})?;
        start(node, "logger_proxy", |_, _, _| {})
    }

    fn call(&self, node: &Arc<Inner>, request: Request) -> Option<Request> {
        match request.module().as_str() {
            "global" => global::builtin(node, request),
            _ => builtin::call(node, request),
        }
    }

    fn peer_up(&self, _node: &Arc<Inner>, _peer: &Atom, _visible: bool) {}

    fn peer_down(&self, _node: &Arc<Inner>, _peer: &Atom, _visible: bool, _reason: &DownReason) {}

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Registers a process that handles each message with `handle`.
fn start(
    node: &Arc<Inner>,
    name: &'static str,
    handle: fn(&Arc<Inner>, &Arc<Process>, Message),
) -> Result<()> {
    serve(node, enroll(node, name)?, handle);
    Ok(())
}

/// A registered process for a service.
fn enroll(node: &Arc<Inner>, name: &'static str) -> Result<Arc<Process>> {
    let process = node.processes.create(SERVICE_LIMITS)?;
    process.protect();
    node.processes.register(Atom::from_static(name), &process)?;
    Ok(process)
}

/// Handles each message of `process` with `handle`, as long as the node runs.
fn serve(
    node: &Arc<Inner>,
    process: Arc<Process>,
    mut handle: impl FnMut(&Arc<Inner>, &Arc<Process>, Message) + Send + 'static,
) {
    let inner = node.clone();
    let task = tokio::spawn(async move {
        while let Ok(message) = process.recv(None).await {
            let handled = in_memory(|| {
                handle(&inner, &process, message);
                Ok(())
            });
            if let Err(error) = handled {
                log::warn(format_args!("a request of a peer was left unanswered: {error}"));
            }
        }
    });
    node.own_task(task.abort_handle());
}

/// Sends a message of a service, here or to a peer that is connected.
fn post(node: &Arc<Inner>, from: Pid, to: &Pid, message: &[u8]) {
    let control = Control::SendSender { from, to: to.clone(), token: None };
    match node.is_our_name(&to.node) {
        true => node.signal(&to.node, control, Some(message)),
        false => node.signal_if_connected(&to.node, control, Some(message)),
    }
}

impl Node {
    /// Starts a node: opens its port, registers it at epmd (serving one if there is none), and answers peers from then on.
    ///
    /// # Errors
    /// Name, cookie, port and epmd problems, each with the step and the cure.
    pub fn start(config: Config) -> Result<Node> {
        Node::boot(config, Arc::new(Services::default()))
    }
}

/// The bytes of a term that we wrote ourselves.
fn written(writer: Writer) -> Bytes {
    crate::node::links::finish(writer)
}
