//! epmd from both sides: the server gets any requests, the client any replies.
//! Promise: the server's table is bounded by its clients, and every answer of ours can be read by our client.
#![cfg_attr(fuzzing, no_main)]

use erlnode::proto::epmd::{
    names_port, parse_alive2, parse_names, parse_port2, split_request, Answer, Framed, Request, Server,
};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let _ = parse_alive2(data);
    let _ = parse_port2(data);
    let _ = parse_names(data);
    let _ = names_port(data);
    let _ = split_request(data);

    let mut server = Server::new(4369);
    let mut held = Vec::new();
    let mut rest = data;
    let mut clients = 0;
    // Each request: a byte of options, then what one client sends.
    while let [options, length, bytes @ ..] = rest {
        let (sent, next) = bytes.split_at(usize::from(*length).min(bytes.len()));
        rest = next;
        clients += 1;
        let body = match split_request(sent) {
            Framed::Body(body) => body,
            Framed::Incomplete | Framed::Garbage => sent,
        };
        let parsed = Request::parse(body);
        match server.answer(body, || options & 1 == 0, 1_700_000_000, clients) {
            Answer::Registered(reply, token) => {
                assert!(options & 1 == 0, "a stranger registered");
                assert!(!reply.is_empty());
                held.push(token);
            }
            Answer::Reply(reply) => {
                assert!(parsed.is_ok());
                if matches!(parsed, Ok(Request::Names)) {
                    parse_names(&reply).expect("our own list of names");
                }
            }
            Answer::Refused(_) | Answer::Close => {}
        }
        assert!(server.registered() <= held.len());
        if options & 2 != 0 {
            if let Some(token) = held.pop() {
                server.unregister(token);
            }
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
