//! Node: this program as a member of the cluster.
//!
//! A node has a name, a port that peers connect to, and connections, which are made as needed. Sending to a node that
//! is not connected connects first. A program may have several nodes. Nodes that are still running when the program
//! ends leave the cluster then.

use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

use super::bytes::{input, optional_text, text, timeout, Out};
use super::config::erln_config;
use super::guard::guard;
use super::handle::Handles;
use super::mailbox;
use super::names::erln_names;
use super::pid::{erln_name, erln_pid, erln_ref};
use super::status::{erln_status, fail};
use super::threads;
use crate::node::{Node, NodeFilter};
use crate::{Error, Result};

/// A node. Copy it freely; erln_node_stop ends it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct erln_node {
    /// Private. 0 names no node.
    pub id: u64,
}

/// Which nodes to list.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_node_filter {
    /// Connected, and visible on both sides: what nodes() gives in Erlang.
    ERLN_NODES_VISIBLE = 0,
    /// Connected and hidden.
    ERLN_NODES_HIDDEN = 1,
    /// All connected ones.
    ERLN_NODES_CONNECTED = 2,
    /// All that were ever heard of.
    ERLN_NODES_KNOWN = 3,
}

static NODES: Handles<Node> = Handles::new(1, "node");

/// The node of an id.
pub(crate) fn node(node: erln_node) -> Result<Arc<Node>> {
    NODES.get(node.id)
}

/// Starts a node: opens its port and registers it at epmd, serving an epmd if there is none on this machine. May take as
/// long as the name server and epmd need. End it with erln_node_stop.
#[no_mangle]
pub unsafe extern "C" fn erln_node_start(config: *const erln_config, out: *mut erln_node) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and output.
        let (config, out) = unsafe { (input(config, "config")?, Out::new(out, "out")?) };
        threads::keep_signals_away();
        let node = Node::start(config.config().clone())?;
        let id = NODES.insert(Arc::new(node))?;
        out.set(erln_node { id });
        Ok(())
    })
}

/// Leaves the cluster: connections and the registration at epmd end, its mailboxes close, and whoever waits in one wakes up
/// with ERLN_ERR_CLOSED. Of several callers one gets ERLN_OK, the others ERLN_ERR_CLOSED.
#[no_mangle]
pub extern "C" fn erln_node_stop(node: erln_node) -> erln_status {
    guard(|| {
        NODES.remove(node.id)?.stop();
        mailbox::close_all_of(node);
        Ok(())
    })
}

/// Its name; nonode@nohost while it has none.
#[no_mangle]
pub unsafe extern "C" fn erln_node_name(node: erln_node, out: *mut erln_name) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_name::new(&self::node(node)?.name())?);
        Ok(())
    })
}

/// Connects to a peer. Not needed before sending; useful to know at once whether it can be reached. Success at once if it
/// is connected already.
#[no_mangle]
pub unsafe extern "C" fn erln_node_connect(
    node: erln_node,
    peer: *const c_char,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::node(node)?.connect(peer, timeout(timeout_ms)?)
    })
}

/// Ends the connection to a peer; success also if there is none. Either side may connect again at once.
#[no_mangle]
pub unsafe extern "C" fn erln_node_disconnect(node: erln_node, peer: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::node(node)?.disconnect(peer)?;
        Ok(())
    })
}

/// Connects to a peer now and whenever the connection was lost, until the node stops: after pauses that grow from 1 to 30
/// seconds, with jitter. A connection ended by erln_node_disconnect stays ended until somebody connects.
#[no_mangle]
pub unsafe extern "C" fn erln_node_keep_connected(node: erln_node, peer: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::node(node)?.keep_connected(peer)
    })
}

/// Allows this peer, given as name@host, host or name@, and none but those allowed so far, to be connected, as
/// net_kernel:allow/1. The list cannot shrink; connections that exist stay.
#[no_mangle]
pub unsafe extern "C" fn erln_node_allow(node: erln_node, peer: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let peer = unsafe { text(peer, "peer") }?;
        self::node(node)?.allow(&[peer])
    })
}

/// Changes the silence, in milliseconds, after which a peer counts as dead, as net_kernel:set_net_ticktime/2. Change all
/// nodes of the cluster within the transition, in milliseconds too (OTP: 60,000): that long a node ticks by the shorter
/// of both times and judges its peers by the longer.
#[no_mangle]
pub extern "C" fn erln_node_set_ticktime(
    node: erln_node,
    ticktime_ms: u32,
    transition_ms: u32,
) -> erln_status {
    guard(|| {
        let (ticktime, transition) =
            (Duration::from_millis(ticktime_ms.into()), Duration::from_millis(transition_ms.into()));
        self::node(node)?.set_ticktime(ticktime, transition)
    })
}

/// The silence, in milliseconds, after which a peer counts as dead.
#[no_mangle]
pub unsafe extern "C" fn erln_node_ticktime(node: erln_node, out_ms: *mut u32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out_ms, "out_ms") }?;
        out.set(u32::try_from(self::node(node)?.ticktime().as_millis()).unwrap_or(u32::MAX));
        Ok(())
    })
}

/// How many processes live on the node: mailboxes, calls being served, and a few of its own.
#[no_mangle]
pub unsafe extern "C" fn erln_node_process_count(node: erln_node, out: *mut usize) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::node(node)?.process_count());
        Ok(())
    })
}

/// Whether a peer can be connected and answers, as net_adm:ping/1. If not, `*out_pong` is false and erln_last_error tells why;
/// that is no failure of this call.
#[no_mangle]
pub unsafe extern "C" fn erln_node_ping(
    node: erln_node,
    peer: *const c_char,
    timeout_ms: i32,
    out_pong: *mut bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text and output.
        let (peer, out) = unsafe { (text(peer, "peer")?, Out::new(out_pong, "out_pong")?) };
        let pong = match self::node(node)?.ping(peer, timeout(timeout_ms)?) {
            Err(
                mistake
                @ (Error::Argument(_) | Error::Closed(_) | Error::BadName { .. } | Error::Internal(_)),
            ) => {
                return Err(mistake);
            }
            Err(unreachable) => {
                fail(&unreachable);
                false
            }
            Ok(pong) => pong,
        };
        out.set(pong);
        Ok(())
    })
}

/// Names of other nodes; `filter` is one of erln_node_filter. Free with erln_names_free.
#[no_mangle]
pub unsafe extern "C" fn erln_node_list(
    node: erln_node,
    filter: i32,
    out: *mut *mut erln_names,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        let filter = match filter {
            f if f == erln_node_filter::ERLN_NODES_VISIBLE as i32 => NodeFilter::Visible,
            f if f == erln_node_filter::ERLN_NODES_HIDDEN as i32 => NodeFilter::Hidden,
            f if f == erln_node_filter::ERLN_NODES_CONNECTED as i32 => NodeFilter::Connected,
            f if f == erln_node_filter::ERLN_NODES_KNOWN as i32 => NodeFilter::Known,
            _ => return Err(Error::argument("filter is none of ERLN_NODES_...")),
        };
        out.set(erln_names::give(&self::node(node)?.nodes(filter)));
        Ok(())
    })
}

/// The pid registered as `name` on this node; ERLN_ERR_NO_PROCESS if nobody is.
#[no_mangle]
pub unsafe extern "C" fn erln_node_whereis(
    node: erln_node,
    name: *const c_char,
    out: *mut erln_pid,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text and output.
        let (name, out) = unsafe { (text(name, "name")?, Out::new(out, "out")?) };
        let pid = self::node(node)?.whereis(name);
        let pid = pid.ok_or_else(|| Error::NoProcess(format!("is registered as {name} on this node")))?;
        out.set(erln_pid::new(&pid)?);
        Ok(())
    })
}

/// Takes `name` away from whoever has it on this node; success also if nobody does.
#[no_mangle]
pub unsafe extern "C" fn erln_node_unregister(node: erln_node, name: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let name = unsafe { text(name, "name") }?;
        self::node(node)?.unregister(name);
        Ok(())
    })
}

/// All names registered on this node. Free with erln_names_free.
#[no_mangle]
pub unsafe extern "C" fn erln_node_registered(node: erln_node, out: *mut *mut erln_names) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_names::give(&self::node(node)?.registered()));
        Ok(())
    })
}

/// Sets the cookie for one peer, or with `peer` NULL for all peers that have none of their own. Connections stay.
#[no_mangle]
pub unsafe extern "C" fn erln_node_set_cookie(
    node: erln_node,
    peer: *const c_char,
    cookie: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (peer, cookie) = unsafe { (optional_text(peer, "peer")?, text(cookie, "cookie")?) };
        self::node(node)?.set_cookie(peer, cookie)
    })
}

/// A reference that no one else has.
#[no_mangle]
pub unsafe extern "C" fn erln_node_make_ref(node: erln_node, out: *mut erln_ref) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(erln_ref::new(&self::node(node)?.make_ref())?);
        Ok(())
    })
}

/// Whether it has a name.
#[no_mangle]
pub unsafe extern "C" fn erln_node_is_alive(node: erln_node, out: *mut bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::node(node)?.is_alive());
        Ok(())
    })
}

/// What tells this life of the node from earlier ones of the same name; part of its pids.
#[no_mangle]
pub unsafe extern "C" fn erln_node_creation(node: erln_node, out: *mut u32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::node(node)?.creation());
        Ok(())
    })
}

/// The port it listens on; 0 if it does not listen.
#[no_mangle]
pub unsafe extern "C" fn erln_node_port(node: erln_node, out: *mut u16) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::node(node)?.port().unwrap_or(0));
        Ok(())
    })
}

/// Whether the epmd of this machine is at present served by this node.
#[no_mangle]
pub unsafe extern "C" fn erln_node_serves_epmd(node: erln_node, out: *mut bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        out.set(self::node(node)?.serves_epmd());
        Ok(())
    })
}
