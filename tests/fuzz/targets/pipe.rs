//! Two handshakes with each other, over a pipe that changes what passes: the input says which bytes and how.
//! Promises: both come to an end; with different cookies nobody gets in; over a faithful pipe both get in and agree.
#![cfg_attr(fuzzing, no_main)]

use erlnode::proto::digest::Cookie;
use erlnode::proto::flags::Flags;
use erlnode::proto::handshake::{
    Acceptor, AcceptorParams, Decision, Established, Framing, Initiator, InitiatorParams, OurName, PeerName, Step,
};
use erlnode::proto::name::NodeName;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Turns of both sides after which they must be through, whatever happens.
const MAX_TURNS: usize = 200;

/// What the input still has to say about the bytes that pass.
struct Hand<'a> {
    script: &'a [u8],
    faithful: bool,
    /// All that passed in the other direction, for sending it back.
    heard: Vec<u8>,
}

impl Hand<'_> {
    /// Passes a message on: one byte of the script chooses what happens, a second where.
    fn pass(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let [what, place, rest @ ..] = self.script else { return bytes };
        self.script = rest;
        let at = usize::from(*place) % bytes.len().max(1);
        let sent = bytes.clone();
        match what % 12 {
            0 => bytes[at] ^= 1 << (what >> 5),
            1 => bytes[at] = bytes[at].wrapping_add(1),
            2 => bytes.truncate(at),
            3 => bytes.extend_from_within(at..),
            4 => bytes.insert(at, *place),
            5 => {
                bytes.remove(at);
            }
            6 => bytes.reverse(),
            7 => bytes = std::mem::take(&mut self.heard),
            8 => bytes.extend_from_slice(&self.heard),
            _ => {}
        }
        self.faithful &= bytes == sent;
        self.heard = sent;
        bytes
    }
}

/// Where one side ended.
enum End {
    Open,
    Done(Box<Established>),
    Failed,
}

/// One input. However long it is, two handshakes need no more than short ones.
pub fn run(data: &[u8]) {
    crate::memory::within(0, || drive(data));
}

fn drive(data: &[u8]) {
    let [options, script @ ..] = data else { return };
    let framing = if options & 1 == 0 { Framing::Two } else { Framing::Four };
    let same_cookie = options & 2 == 0;
    let dynamic = options & 4 != 0;
    let (ours, theirs) = ("a@localhost", "b@localhost");
    let name = |text: &str| NodeName::new(text).expect("a name");
    let cookie = |same: bool| Cookie::new(if same { "one" } else { "another" }, "a test").expect("a cookie");

    let caller = match dynamic {
        false => OurName::Node { name: name(ours), creation: 7 },
        true => OurName::Dynamic { host: "localhost".to_owned() },
    };
    let flags = Flags::HIDDEN_FULL;
    let mut initiator = Initiator::new(InitiatorParams {
        ours: caller,
        flags,
        peer: name(theirs),
        cookie: cookie(true),
        challenge: 11,
        framing,
    });
    let mut acceptor =
        Acceptor::new(AcceptorParams { name: name(theirs), creation: 8, flags, challenge: 22, framing });
    let mut hand = Hand { script, faithful: true, heard: Vec::new() };
    let (mut caller, mut called) = (End::Open, End::Open);
    let mut idle = 0;
    for _ in 0..MAX_TURNS {
        idle += 1;
        if let End::Open = caller {
            match initiator.next_step() {
                Ok(Step::Send(bytes)) => {
                    acceptor.feed(&hand.pass(bytes));
                    idle = 0;
                }
                Ok(Step::Done(done)) => caller = End::Done(Box::new(done)),
                Ok(Step::Alive) => initiator.answer_alive(true),
                Ok(Step::NeedMore) => {}
                Ok(Step::Ask(_) | Step::KillOld) => panic!("an acceptor's step"),
                Err(_) => caller = End::Failed,
            }
        }
        if let End::Open = called {
            match acceptor.next_step() {
                Ok(Step::Send(bytes)) => {
                    initiator.feed(&hand.pass(bytes));
                    idle = 0;
                }
                Ok(Step::Done(done)) => called = End::Done(Box::new(done)),
                Ok(Step::Ask(hello)) => {
                    idle = 0;
                    acceptor.decide(match (hello.name, options >> 3 & 3) {
                        (PeerName::Dynamic { .. }, _) => {
                            let given = "given@localhost";
                            Decision::Named { name: name(given), creation: 9, cookie: cookie(same_cookie) }
                        }
                        (_, 0) => Decision::OkSimultaneous(cookie(same_cookie)),
                        (_, 1) => Decision::Alive(cookie(same_cookie)),
                        _ => Decision::Ok(cookie(same_cookie)),
                    });
                }
                Ok(Step::KillOld) => acceptor.old_gone(),
                Ok(Step::NeedMore) => {}
                Ok(Step::Alive) => panic!("an initiator's step"),
                Err(_) => called = End::Failed,
            }
        }
        // Nobody has anything to say any more.
        if idle > 2 {
            initiator.eof();
            acceptor.eof();
            break;
        }
    }
    assert!(idle > 0 || !matches!((&caller, &called), (End::Open, End::Open)), "they never rest");
    match (&caller, &called) {
        (End::Done(_), _) | (_, End::Done(_)) if !same_cookie => panic!("somebody got in with another cookie"),
        (End::Done(to), End::Done(from)) if hand.faithful => {
            assert_eq!(to.peer, name(theirs));
            assert_eq!(from.peer, to.ours);
            assert_eq!(to.flags, from.flags);
            assert_eq!((to.creation, from.creation), (8, to.our_creation));
        }
        _ => assert!(!(hand.faithful && same_cookie), "a faithful pipe, and they did not agree"),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
