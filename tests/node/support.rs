//! A private epmd port per test and nodes that share it.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::{Pid, Term};
use erlnode::{Config, Mailbox, Message, Node, Target};

/// Long enough for a loaded machine; nothing waits for it to pass.
pub const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// A little cluster with an epmd of its own.
pub struct Cluster {
    port: u16,
}

impl Cluster {
    pub fn new() -> Cluster {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Cluster { port: free.local_addr().expect("its number").port() }
    }

    pub fn config(&self, name: &str) -> Config {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let full = if name.contains('@') || name == "undefined" {
            name.to_owned()
        } else {
            format!("{name}{number}@localhost")
        };
        let epmd = EpmdConfig { port: self.port, ..EpmdConfig::default() };
        Config::new(full).cookie("secret").epmd(epmd)
    }

    pub fn node(&self, name: &str) -> Node {
        Node::start(self.config(name)).expect("a node")
    }

    /// Two nodes with a mailbox each.
    pub fn pair(&self) -> (Node, Mailbox, Node, Mailbox) {
        let (a, b) = (self.node("a"), self.node("b"));
        let (in_a, in_b) = (a.mailbox(Default::default()).unwrap(), b.mailbox(Default::default()).unwrap());
        (a, in_a, b, in_b)
    }
}

pub fn term(text: &str) -> Vec<u8> {
    Term::parse(text).expect("a term").to_bytes().expect("encodable")
}

/// The next message as Erlang text.
pub fn text(mailbox: &Mailbox) -> String {
    next(mailbox).term().expect("a term").to_string()
}

pub fn next(mailbox: &Mailbox) -> Message {
    mailbox.recv(PATIENCE).expect("a message")
}

pub fn send(from: &Mailbox, to: &Pid, text: &str) {
    from.send(&Target::from(to), &term(text), PATIENCE).expect("sent");
}

/// A round trip to `to` and back: whatever was sent before it has arrived.
pub fn settle(from: &Mailbox, to: &Mailbox) {
    send(from, &to.pid(), "settle");
    assert_eq!(text(to), "settle");
    send(to, &from.pid(), "settle");
    assert_eq!(text(from), "settle");
}
