//! Both roles of the handshake against a peer that sends anything, in pieces of any size.
//! Promise: they always end in `Done`, `NeedMore` or a failure, and a peer without the cookie never gets to `Done`.
#![cfg_attr(fuzzing, no_main)]

use erlnode::proto::digest::Cookie;
use erlnode::proto::flags::Flags;
use erlnode::proto::handshake::{
    Acceptor, AcceptorParams, Decision, Framing, Initiator, InitiatorParams, OurName, PeerName, Step,
};
use erlnode::proto::name::NodeName;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

/// More steps than any handshake has: a machine that goes on for ever is a finding.
const MAX_STEPS: usize = 64;

/// One input. However long it is, a handshake needs no more than one that is short.
pub fn run(data: &[u8]) {
    crate::memory::within(0, || drive(data));
}

fn drive(data: &[u8]) {
    let [options, size, rest @ ..] = data else { return };
    let framing = if options & 1 == 0 { Framing::Two } else { Framing::Four };
    let piece = usize::from(*size).max(1);
    let cookie = || Cookie::new("the fuzzer cannot guess this", "a test").unwrap();
    let flags = Flags::HIDDEN_FULL;
    let challenge = 0x1234_5678;
    if options & 2 == 0 {
        let name = name("ours@localhost");
        let params = AcceptorParams { name, creation: 7, flags, challenge, framing };
        let mut acceptor = Acceptor::new(params);
        for bytes in rest.chunks(piece) {
            acceptor.feed(bytes);
            for step in 0.. {
                assert!(step < MAX_STEPS, "the acceptor never rests");
                match acceptor.next_step() {
                    Ok(Step::Ask(hello)) => acceptor.decide(match (options >> 3 & 7, hello.name) {
                        (_, PeerName::Dynamic { host }) => match NodeName::new(&format!("given@{host}")) {
                            Ok(name) => Decision::Named { name, creation: 9, cookie: cookie() },
                            Err(_) => Decision::Close,
                        },
                        (0 | 1, _) => Decision::Ok(cookie()),
                        (2, _) => Decision::OkSimultaneous(cookie()),
                        (3, _) => Decision::Alive(cookie()),
                        (4, _) => Decision::Nok,
                        (5, _) => Decision::NotAllowed,
                        _ => Decision::Close,
                    }),
                    Ok(Step::KillOld) => panic!("replaces a connection without a proof"),
                    Ok(Step::Done(_)) => panic!("lets somebody in without the cookie"),
                    Ok(Step::Send(_)) => {}
                    Ok(Step::Alive) => panic!("an initiator's step"),
                    Ok(Step::NeedMore) => break,
                    Err(_) => return,
                }
            }
        }
        acceptor.eof();
    } else {
        let ours = if options & 4 == 0 {
            OurName::Node { name: name("ours@localhost"), creation: 7 }
        } else {
            OurName::Dynamic { host: "localhost".to_owned() }
        };
        let peer = name("peer@localhost");
        let params = InitiatorParams { ours, flags, peer, cookie: cookie(), challenge, framing };
        let mut initiator = Initiator::new(params).refuse_challenges(|challenge| challenge & 3 == 0);
        for bytes in rest.chunks(piece) {
            initiator.feed(bytes);
            for step in 0.. {
                assert!(step < MAX_STEPS, "the initiator never rests");
                match initiator.next_step() {
                    Ok(Step::Alive) => initiator.answer_alive(options & 8 == 0),
                    Ok(Step::Done(_)) => panic!("believes somebody without the cookie"),
                    Ok(Step::Send(_)) => {}
                    Ok(Step::Ask(_) | Step::KillOld) => panic!("an acceptor's step"),
                    Ok(Step::NeedMore) => break,
                    Err(_) => return,
                }
            }
        }
        initiator.eof();
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
