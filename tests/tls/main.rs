//! Nodes of ours among themselves over TLS, with certificates of every kind. Real BEAMs follow in `tests/interop`.
#![cfg(feature = "tls")]

#[path = "../node/support.rs"]
#[allow(dead_code)]
mod support;

mod agreement;
mod certificates;
mod matrix;
mod revocation;
mod streams;

use certificates::{Authority, Identity};
use erlnode::{Config, Node, Tls};
use support::Cluster;

/// Options with this identity in both roles.
fn tls(identity: &Identity, authority: &Authority) -> Tls {
    Tls::from_pem(identity.certificate.as_bytes(), identity.key.as_bytes(), authority.pem().as_bytes())
        .unwrap()
}

fn start(config: Config) -> Node {
    Node::start(config).expect("a node")
}

/// Two nodes with certificates of one authority.
fn pair(cluster: &Cluster) -> (Node, Node) {
    let authority = Authority::new("cluster");
    let node = |name| start(cluster.config(name).tls(tls(&authority.issue(), &authority)));
    (node("a"), node("b"))
}
