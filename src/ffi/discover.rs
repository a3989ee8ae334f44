//! Discovery: finding nodes, and keeping those connected that were found.
//!
//! Each function starts one more way to look, which goes on until erln_discover_stop or the end of the node. Few nodes are called
//! at a time, and those that do not answer ever less often. A node that is not found any more is not called again; its
//! connection stays. Connecting shows this node to others as it was configured: hidden unless erln_config_set_visible said
//! otherwise.

use std::ffi::c_char;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::bytes::{optional_text, text, Out};
use super::guard::guard;
use super::mailbox::{erln_mailbox, mailbox};
use super::names::erln_names;
use super::node::{erln_node, node};
use super::status::erln_status;
use crate::net::discovery::{Dns, EpmdSweep, Gossip, StaticList, WatchedFile};
use crate::{Error, Result};

/// The parts of a list that blanks or commas separate.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

/// Nodes that are known beforehand: their names, separated by blanks or commas.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_nodes(node: erln_node, names: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let names = unsafe { text(names, "names") }?;
        self::node(node)?.discover(StaticList::new(parts(names))?).map(drop)
    })
}

/// All nodes that are registered at the epmds of these hosts, which are separated by blanks or commas and written as in the names of
/// their nodes. Asked every 10 s.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_epmd(node: erln_node, hosts: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let hosts = unsafe { text(hosts, "hosts") }?;
        self::node(node)?.discover(EpmdSweep::new(parts(hosts))?).map(drop)
    })
}

/// A node `basename@ADDRESS` for each address that the DNS name `query` has (A and AAAA), as behind a headless service. Asked every 5 s.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_dns(
    node: erln_node,
    basename: *const c_char,
    query: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (basename, query) = unsafe { (text(basename, "basename")?, text(query, "query")?) };
        self::node(node)?.discover(Dns::new(basename, query)?).map(drop)
    })
}

/// A node `basename@TARGET` for each target of the SRV records of the DNS name `query`, which is a whole name such as
/// `_epmd._tcp.example.org`. Asked every 5 s, from the name server `server`, an address and a port (NULL: those of /etc/resolv.conf).
/// ERLN_ERR_UNSUPPORTED in a build without the feature `srv`.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_srv(
    node: erln_node,
    basename: *const c_char,
    query: *const c_char,
    server: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (basename, query, server) =
            unsafe { (text(basename, "basename")?, text(query, "query")?, optional_text(server, "server")?) };
        srv(&*self::node(node)?, basename, query, server)
    })
}

#[cfg(feature = "srv")]
fn srv(node: &crate::Node, basename: &str, query: &str, server: Option<&str>) -> Result<()> {
    let mut srv = crate::net::discovery::Srv::new(basename, query)?;
    if let Some(server) = server {
        let no_server = |_| Error::argument("server is no address and port, such as 10.0.0.2:53");
        srv = srv.server(server.parse().map_err(no_server)?);
    }
    node.discover(srv).map(drop)
}

#[cfg(not(feature = "srv"))]
fn srv(_: &crate::Node, _: &str, _: &str, _: Option<&str>) -> Result<()> {
    Err(Error::Unsupported("this build does not know SRV records: the feature `srv` was left out".into()))
}

/// Nodes that send heartbeats by UDP, as Cluster.Strategy.Gossip of libcluster. `group` is a multicast group or broadcast address and a
/// port (NULL: libcluster's 233.252.1.32:45892), `interface` the local address whose network it uses (NULL: the system chooses),
/// `secret` what all share (NULL: nothing is encrypted). With `announce` this node sends heartbeats too, and others call it.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_gossip(
    node: erln_node,
    group: *const c_char,
    interface: *const c_char,
    secret: *const c_char,
    announce: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's texts.
        let (group, interface, secret) = unsafe {
            (
                optional_text(group, "group")?,
                optional_text(interface, "interface")?,
                optional_text(secret, "secret")?,
            )
        };
        self::node(node)?.discover(gossip(group, interface, secret)?.announce(announce)).map(drop)
    })
}

fn gossip(group: Option<&str>, interface: Option<&str>, secret: Option<&str>) -> Result<Gossip> {
    let mut gossip = Gossip::new();
    if let Some(group) = group {
        let group: SocketAddrV4 = group
            .parse()
            .map_err(|_| Error::argument("group is no IPv4 address and port, such as 233.252.1.32:45892"))?;
        gossip = gossip.group(group);
    }
    if let Some(interface) = interface {
        let interface: Ipv4Addr =
            interface.parse().map_err(|_| Error::argument("interface is no IPv4 address"))?;
        gossip = gossip.interface(interface);
    }
    Ok(match secret {
        Some(secret) => gossip.secret(secret),
        None => gossip,
    })
}

/// The names in a file, one per line, `#` beginning a comment. It is looked at every second; while it is missing there are none.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_file(node: erln_node, path: *const c_char) -> erln_status {
    guard(|| {
        // SAFETY: the caller's text.
        let path = unsafe { text(path, "path") }?;
        self::node(node)?.discover(WatchedFile::new(path)).map(drop)
    })
}

/// The names of all nodes that are found now, connected or not. Free `*out` with erln_names_free.
#[no_mangle]
pub unsafe extern "C" fn erln_discover_names(node: erln_node, out: *mut *mut erln_names) -> erln_status {
    guard(|| {
        // SAFETY: the caller's output.
        let out = unsafe { Out::new(out, "out") }?;
        let all = self::node(node)?.discoveries();
        let mut names: Vec<_> = all.iter().flat_map(|discovery| discovery.names()).collect();
        names.sort();
        names.dedup();
        out.set(erln_names::give(&names));
        Ok(())
    })
}

/// From now on `{discovered, Node}` and `{undiscovered, Node}` arrive in the mailbox, for what was started by erln_discover_... so far; for
/// nodes that are found already at once.
#[no_mangle]
pub extern "C" fn erln_discover_watch(mailbox: erln_mailbox) -> erln_status {
    guard(|| {
        let mailbox = self::mailbox(mailbox)?;
        mailbox.node().discoveries().iter().try_for_each(|discovery| discovery.watch(&mailbox))
    })
}

/// Ends all that was started by erln_discover_... . Connections stay.
#[no_mangle]
pub extern "C" fn erln_discover_stop(node: erln_node) -> erln_status {
    guard(|| {
        self::node(node)?.discoveries().iter().for_each(|discovery| discovery.stop());
        Ok(())
    })
}
