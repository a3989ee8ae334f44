//! Nodes of ours inside the test process.

use std::net::{IpAddr, Ipv4Addr};

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::Term;
use erlnode::{Config, Mailbox, MailboxOptions, Message, Node};

use super::{Cluster, PATIENCE};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Cluster {
    /// Options for a node of ours, `alive@localhost`, in this cluster.
    pub fn config(&self, alive: &str) -> Config {
        let name = if alive.contains('@') || alive == "undefined" {
            alive.to_owned()
        } else {
            format!("{alive}@localhost")
        };
        let epmd = EpmdConfig { port: self.port(), addresses: vec![LOOPBACK], embedded: true };
        Config::new(name).cookie(self.cookie()).epmd(epmd).listen_address(LOOPBACK)
    }

    /// The same for a node that never serves epmd itself.
    pub fn config_with_stock_epmd(&self, alive: &str) -> Config {
        let epmd = EpmdConfig { port: self.port(), addresses: vec![LOOPBACK], embedded: false };
        self.config(alive).epmd(epmd)
    }

    /// A running, hidden node of ours.
    pub fn node(&self, alive: &str) -> Node {
        start(self.config(alive))
    }
}

/// Starts a node that must start.
pub fn start(config: Config) -> Node {
    Node::start(config).unwrap_or_else(|error| panic!("a node of ours does not start: {error}"))
}

/// A mailbox with the ordinary options, registered as `name`.
pub fn registered(node: &Node, name: &str) -> Mailbox {
    let mailbox = mailbox(node);
    mailbox.register(name).unwrap();
    mailbox
}

/// A mailbox with the ordinary options.
pub fn mailbox(node: &Node) -> Mailbox {
    node.mailbox(MailboxOptions::default()).unwrap()
}

/// The next message, which must come.
pub fn next(mailbox: &Mailbox) -> Message {
    mailbox.recv(Some(PATIENCE)).unwrap_or_else(|error| panic!("no message: {error}"))
}

/// The next message as Erlang text.
pub fn next_text(mailbox: &Mailbox) -> String {
    next(mailbox).term().unwrap().to_string()
}

/// A term from its Erlang text, encoded.
pub fn encoded(text: &str) -> Vec<u8> {
    Term::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_bytes().unwrap()
}
