//! Functions that every node has, whatever it exported: they tell about the node and do nothing.

use std::sync::Arc;

use crate::node::spawn::Request;
use crate::node::Inner;
use crate::service::written;
use crate::term::Writer;

/// Runs a built-in; gives the request back if it is none.
pub(crate) fn call(node: &Arc<Inner>, request: Request) -> Option<Request> {
    let mut answer = Writer::new();
    match (request.module().as_str(), request.function().as_str(), request.arity()) {
        ("erlang", "node", 0) | ("Elixir.Kernel", "node", 0) => answer.atom_term(&node.name()),
        ("net_kernel", "get_net_ticktime", 0) => answer.i64(node.ticktime().as_secs() as i64),
        ("code", "ensure_loaded", 1) => answer.tuple(2).atom("error").atom("nofile"),
        _ => return Some(request),
    };
    // The caller may have gone meanwhile; then nobody waits for the answer.
    let _ = request.reply(&written(answer));
    None
}
