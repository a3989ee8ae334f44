//! What a server answers to one request: the rules of epmd without its sockets.
//!
//! KILL and STOP are not obeyed: an epmd that lives in somebody's process must not end it, nor cut off other nodes, for
//! whoever can open a local connection.

use super::reply::{write_alive2, write_port2};
use super::request::{Alive2, Request};
use super::table::{Table, Token};
use bytes::Bytes;

/// What to do with a connection whose request was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Close without a word.
    Close,
    /// Send in one write, then close: clients wait for the end.
    Reply(Bytes),
    /// Send in one write and hold: the name lives until the connection ends or one more byte arrives.
    Registered(Bytes, Token),
    /// Send in one write and leave it to the client to close; there is no registration.
    Refused(Bytes),
}

/// The state of one epmd: its table, and the NAMES reply while it is true.
#[derive(Debug)]
pub struct Server {
    table: Table,
    names: Option<Bytes>,
}

impl Server {
    /// The epmd that clients reach at `port`.
    pub fn new(port: u16) -> Self {
        Server { table: Table::new(port), names: None }
    }

    /// Answers one request body. `is_local` tells whether the peer is on this host, and is asked only when that matters;
    /// `now` is the wall clock in seconds; `descriptor` a number of the connection, for DUMP.
    pub fn answer(&mut self, body: &[u8], is_local: impl Fn() -> bool, now: u32, descriptor: i32) -> Answer {
        let Ok(request) = Request::parse(body) else {
            return Answer::Close;
        };
        match request {
            Request::Port2(alive) => {
                let mut reply = Vec::new();
                write_port2(&mut reply, self.table.lookup(&alive));
                Answer::Reply(reply.into())
            }
            Request::Names => Answer::Reply(self.names()),
            Request::Alive2(alive2) if is_local() => self.register(alive2, now, descriptor),
            Request::Dump if is_local() => Answer::Reply(self.table.dump().into()),
            Request::Alive2(_) | Request::Dump | Request::Kill | Request::Stop => Answer::Close,
        }
    }

    /// The connection of a registration ended.
    pub fn unregister(&mut self, token: Token) {
        self.names = None;
        self.table.unregister(token);
    }

    /// Number of registered nodes.
    pub fn registered(&self) -> usize {
        self.table.len()
    }

    fn register(&mut self, alive2: Alive2, now: u32, descriptor: i32) -> Answer {
        let (wide, granted) = match alive2 {
            Alive2::Breaks { wide } => (wide, None),
            Alive2::Fits(info) => (info.highest >= 6, self.table.register(info, now, descriptor).ok()),
        };
        let mut reply = Vec::with_capacity(6);
        write_alive2(&mut reply, wide, granted.map(|granted| granted.creation));
        match granted {
            Some(granted) => {
                self.names = None;
                Answer::Registered(reply.into(), granted.token)
            }
            None => Answer::Refused(reply.into()),
        }
    }

    /// Shared by all who ask between two changes, so that slow readers do not cost a copy each.
    fn names(&mut self) -> Bytes {
        self.names.get_or_insert_with(|| self.table.names().into()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::epmd::{parse_names, parse_port2, NodeInfo, Port2Reply};

    fn body(framed: Vec<u8>) -> Vec<u8> {
        framed[2..].to_vec()
    }

    fn ask(server: &mut Server, body: &[u8], local: bool) -> Answer {
        server.answer(body, || local, 1000, 3)
    }

    #[test]
    fn a_node_is_found_from_registration_to_its_end_and_everything_is_told_verbatim() {
        let mut server = Server::new(4369);
        let info = NodeInfo {
            node_type: 104,
            protocol: 7,
            highest: 9,
            lowest: 1,
            extra: vec![1, 2],
            ..NodeInfo::new("a", 9)
        };
        let Answer::Registered(reply, token) = ask(&mut server, &body(Request::alive2(&info).unwrap()), true)
        else {
            panic!("not registered");
        };
        assert_eq!(&reply[..], [118, 0, 0, 0, 3, 233]);
        let Answer::Reply(found) = ask(&mut server, b"za", false) else { panic!("no reply") };
        assert_eq!(parse_port2(&found), Ok(Some(Port2Reply::Known(info))));
        let Answer::Reply(names) = ask(&mut server, b"n", false) else { panic!("no reply") };
        assert_eq!(parse_names(&names).unwrap().len(), 1);
        server.unregister(token);
        assert_eq!(ask(&mut server, b"za", false), Answer::Reply(Bytes::from_static(&[119, 1])));
        assert_eq!(ask(&mut server, b"n", false), Answer::Reply(Bytes::from_static(&[0, 0, 17, 17])));
    }

    #[test]
    fn only_local_peers_register_and_dump() {
        let mut server = Server::new(4369);
        let alive2 = body(Request::alive2(&NodeInfo::new("a", 9)).unwrap());
        assert_eq!(ask(&mut server, &alive2, false), Answer::Close);
        assert_eq!(ask(&mut server, b"d", false), Answer::Close);
        assert_eq!(server.registered(), 0);
        assert!(matches!(ask(&mut server, b"d", true), Answer::Reply(_)));
    }

    #[test]
    fn kill_and_stop_are_never_obeyed() {
        let mut server = Server::new(4369);
        let alive2 = body(Request::alive2(&NodeInfo::new("a", 9)).unwrap());
        assert!(matches!(ask(&mut server, &alive2, true), Answer::Registered(..)));
        assert_eq!(ask(&mut server, b"k", true), Answer::Close);
        assert_eq!(ask(&mut server, b"sa", true), Answer::Close);
        assert_eq!(server.registered(), 1);
    }

    #[test]
    fn a_second_holder_of_a_name_gets_99() {
        let mut server = Server::new(4369);
        let wide = body(Request::alive2(&NodeInfo::new("a", 9)).unwrap());
        let narrow = body(Request::alive2(&NodeInfo { highest: 5, ..NodeInfo::new("a", 9) }).unwrap());
        assert!(matches!(ask(&mut server, &wide, true), Answer::Registered(..)));
        assert_eq!(
            ask(&mut server, &wide, true),
            Answer::Refused(Bytes::from_static(&[118, 1, 0, 0, 0, 99]))
        );
        assert_eq!(ask(&mut server, &narrow, true), Answer::Refused(Bytes::from_static(&[121, 1, 0, 99])));
    }
}
