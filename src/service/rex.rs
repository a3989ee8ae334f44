//! `rex`: what rpc asks for outside erpc (protocol section 11.4).

use std::sync::Arc;

use crate::node::message::Message;
use crate::node::process::Process;
use crate::node::Inner;
use crate::proto::control::Control;
use crate::service::written;
use crate::term::Writer;

/// One message to our `rex`.
pub(crate) fn handle(node: &Arc<Inner>, server: &Arc<Process>, message: Message) {
    let mut reader = message.reader();
    if !reader.tuple_of(2) {
        return;
    }
    let Some(pid) = reader.pid() else { return };
    if reader.atom_is("features_request") {
        let mut answer = Writer::new();
        answer.tuple(3).atom("features_reply").atom_term(&node.name()).list(1).atom("erpc").nil();
        let control = Control::SendSender { from: node.pid_of(server), to: pid.clone(), token: None };
        node.signal_if_connected(&pid.node, control, Some(&written(answer)));
    }
}
