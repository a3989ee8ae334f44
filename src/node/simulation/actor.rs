//! A process of the simulation and what it may see: it checks every message as it comes.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::node::links::{NOCONNECTION, NOPROC};
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::term::{Pid, Reference, Writer};

/// The number of what is no connection: messages inside a node.
pub(super) const LOCAL: usize = usize::MAX;

/// See the module.
pub(super) struct Actor {
    pub(super) node: usize,
    pub(super) mailbox: Mailbox,
    pub(super) pid: Pid,
    /// Monitors that have not ended, and the actor watched, if it was not watched by name.
    pub(super) watches: HashMap<Reference, Option<usize>>,
    /// Messages sent, by receiver and connection.
    pub(super) sent: HashMap<(Pid, usize), u64>,
    /// Messages received, by sender and connection.
    received: HashMap<(Pid, usize), u64>,
    /// Connections that came up, by peer, of which it has not heard yet.
    pub(super) news: HashMap<usize, VecDeque<usize>>,
    /// By peer, the connection that is up as far as it has heard.
    up: HashMap<usize, usize>,
    /// What it ended with.
    pub(super) reason: Option<Bytes>,
}

/// What a message turned out to be; the world knows what must be true then.
pub(super) enum Seen {
    Message,
    NodeUp,
    NodeDown,
    /// A DOWN of whom (unless it was watched by name), over which connection, and why.
    Down {
        target: Option<usize>,
        over: Option<usize>,
        reason: Bytes,
    },
    /// An exit signal from whom, and why.
    Exit {
        from: Pid,
        reason: Bytes,
    },
}

/// The number of a node, which is the digit in its name.
pub(super) fn number_of(node: &str) -> usize {
    usize::from(node.as_bytes()[1] - b'0')
}

impl Actor {
    pub(super) fn new(node: usize, mailbox: Mailbox) -> Actor {
        Actor {
            node,
            pid: mailbox.pid(),
            mailbox,
            watches: HashMap::new(),
            sent: HashMap::new(),
            received: HashMap::new(),
            news: HashMap::new(),
            up: HashMap::new(),
            reason: None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.reason.is_none()
    }

    /// A message over `wire`: `{m, Wire, Number, Binary}`.
    pub(super) fn message(&self, to: &Pid, wire: usize, size: usize) -> Vec<u8> {
        let number = self.sent.get(&(to.clone(), wire)).copied().unwrap_or_default();
        let mut writer = Writer::new();
        writer.tuple(4).atom("m").u64(wire as u64).u64(number).binary(&vec![number as u8; size]);
        writer.finish().unwrap()
    }

    /// The next message in the mailbox, checked as far as this actor can.
    pub(super) fn look(&mut self) -> Option<Seen> {
        let message = self.mailbox.try_recv().ok()?;
        Some(match message.kind() {
            MessageKind::Message => {
                self.take(&message);
                Seen::Message
            }
            MessageKind::NodeUp => {
                let peer = self.peer_of(&message);
                let wire = self
                    .news
                    .get_mut(&peer)
                    .and_then(VecDeque::pop_front)
                    .expect("no nodeup without a cause");
                assert_eq!(
                    self.up.insert(peer, wire),
                    None,
                    "nodeup before the nodedown of the last connection"
                );
                Seen::NodeUp
            }
            MessageKind::NodeDown => {
                let peer = self.peer_of(&message);
                assert!(self.up.remove(&peer).is_some(), "nodedown without nodeup");
                Seen::NodeDown
            }
            MessageKind::Down => self.down(&message),
            MessageKind::Exit => {
                let mut reader = message.reader();
                assert!(reader.tuple_of(3) && reader.skip());
                let from = reader.pid().unwrap();
                let reason = Bytes::copy_from_slice(reader.term_bytes().unwrap());
                Seen::Exit { from, reason }
            }
            other => panic!("nobody sent a {other:?}"),
        })
    }

    fn peer_of(&self, message: &Message) -> usize {
        let mut reader = message.reader();
        assert!(reader.tuple_of(2) && reader.skip());
        number_of(&reader.atom().unwrap())
    }

    /// A message: the next one of its sender on the connection that is up.
    fn take(&mut self, message: &Message) {
        let from = message.from().unwrap().clone();
        let mut reader = message.reader();
        assert!(reader.tuple_of(4) && reader.atom_is("m"));
        let (wire, number) = (reader.u64().unwrap() as usize, reader.u64().unwrap());
        assert!(reader.binary().unwrap().iter().all(|byte| *byte == number as u8));
        if wire != LOCAL {
            let peer = number_of(from.node.as_str());
            assert_eq!(self.up.get(&peer), Some(&wire), "a message outside of its connection's time");
        }
        let received = self.received.entry((from, wire)).or_default();
        assert_eq!(number, *received, "a gap, a repetition or another order");
        *received += 1;
    }

    fn down(&mut self, message: &Message) -> Seen {
        let mut reader = message.reader();
        assert!(reader.tuple_of(5) && reader.skip());
        let reference = reader.reference().unwrap();
        assert!(reader.atom_is("process"));
        let target = self.watches.remove(&reference).expect("a DOWN for each monitor, and one only");
        let node = match reader.pid() {
            Some(pid) => pid.node.as_str().to_owned(),
            None => {
                assert!(target.is_none() && reader.tuple_of(2) && reader.atom_is("server"));
                reader.atom().unwrap().into_owned()
            }
        };
        let reason = Bytes::copy_from_slice(reader.term_bytes().unwrap());
        let peer = number_of(&node);
        let over = if peer == self.node { Some(LOCAL) } else { self.up.get(&peer).copied() };
        Seen::Down { target, over, reason }
    }

    /// Everything that `sender` sent to it over `wire` has come.
    pub(super) fn has_all(&self, sender: &Actor, wire: usize) -> bool {
        let sent = sender.sent.get(&(self.pid.clone(), wire)).copied().unwrap_or_default();
        let received = self.received.get(&(sender.pid.clone(), wire)).copied().unwrap_or_default();
        sent == received
    }

    /// Takes up a nodeup that happened before it was there.
    pub(super) fn knows(&mut self, peer: usize, wire: usize) {
        self.up.insert(peer, wire);
    }
}

pub(super) fn is_noconnection(reason: &[u8]) -> bool {
    reason == NOCONNECTION
}

pub(super) fn is_noproc(reason: &[u8]) -> bool {
    reason == NOPROC
}
