//! Two machines wired together in memory, cut at every byte, and peers that misbehave.

use super::messages;
use super::*;
use crate::proto::digest::Cookie;

const THEIR_CHALLENGE: u32 = 0x1234_5678;
const OUR_CHALLENGE: u32 = 0x9abc_def0;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

fn cookie(text: &str) -> Cookie {
    Cookie::new(text, "the test").unwrap()
}

fn caller(framing: Framing, secret: &str) -> Initiator {
    Initiator::new(InitiatorParams {
        ours: OurName::Node { name: name("rs1@localhost"), creation: 0x1122_3344 },
        flags: Flags::HIDDEN_FULL,
        peer: name("a29@localhost"),
        cookie: cookie(secret),
        challenge: OUR_CHALLENGE,
        framing,
    })
}

fn nameless(framing: Framing) -> Initiator {
    Initiator::new(InitiatorParams {
        ours: OurName::Dynamic { host: "localhost".into() },
        flags: Flags::VISIBLE_FULL,
        peer: name("a29@localhost"),
        cookie: cookie("secret"),
        challenge: OUR_CHALLENGE,
        framing,
    })
}

fn called(framing: Framing) -> Acceptor {
    Acceptor::new(AcceptorParams {
        name: name("a29@localhost"),
        creation: 77,
        flags: Flags::VISIBLE_FULL,
        challenge: THEIR_CHALLENGE,
        framing,
    })
}

type Decide = fn() -> Decision;

/// What became of the two ends.
struct Outcome {
    initiator: Result<Established, Failure>,
    acceptor: Result<Established, Failure>,
    killed: bool,
}

/// Runs both ends against each other. Every message is delivered in two pieces, cut after `cut` bytes (or whole).
/// `insist` answers `alive`. Whoever fails closes, which the other sees as end of stream.
fn run(mut a: Initiator, mut b: Acceptor, decide: Decide, insist: bool, cut: usize) -> Outcome {
    let (mut done_a, mut done_b) = (None, None);
    let (mut to_a, mut to_b) = (Vec::<Vec<u8>>::new(), Vec::<Vec<u8>>::new());
    let mut killed = false;
    let pieces = |bytes: Vec<u8>| {
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        [head.to_vec(), tail.to_vec()].into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>()
    };
    for _ in 0..200 {
        if done_a.is_none() {
            match a.next_step() {
                Ok(Step::Send(bytes)) => to_b.extend(pieces(bytes)),
                Ok(Step::NeedMore) if !to_a.is_empty() => a.feed(&to_a.remove(0)),
                Ok(Step::NeedMore) if done_b.as_ref().is_some_and(Result::is_err) => {
                    done_a = Some(Err(a.eof()))
                }
                Ok(Step::NeedMore) => {}
                Ok(Step::Alive) => a.answer_alive(insist),
                Ok(Step::Done(link)) => done_a = Some(Ok(link)),
                Ok(step) => panic!("{step:?}"),
                Err(failure) => done_a = Some(Err(failure)),
            }
        }
        if done_b.is_none() {
            match b.next_step() {
                Ok(Step::Send(bytes)) => to_a.extend(pieces(bytes)),
                Ok(Step::NeedMore) if !to_b.is_empty() => b.feed(&to_b.remove(0)),
                Ok(Step::NeedMore) if done_a.as_ref().is_some_and(Result::is_err) => {
                    done_b = Some(Err(b.eof()))
                }
                Ok(Step::NeedMore) => {}
                Ok(Step::Ask(_)) => b.decide(decide()),
                Ok(Step::KillOld) => {
                    killed = true;
                    b.old_gone();
                }
                Ok(Step::Done(link)) => done_b = Some(Ok(link)),
                Ok(step) => panic!("{step:?}"),
                Err(failure) => done_b = Some(Err(failure)),
            }
        }
    }
    Outcome {
        initiator: done_a.expect("the initiator ended"),
        acceptor: done_b.expect("the acceptor ended"),
        killed,
    }
}

fn each_cut(mut check: impl FnMut(Framing, usize)) {
    for framing in [Framing::Two, Framing::Four] {
        for cut in (0..120).step_by(if cfg!(miri) { 40 } else { 1 }) {
            check(framing, cut);
        }
    }
}

fn named() -> Decision {
    Decision::Named { name: name("2KJ4@localhost"), creation: 5, cookie: cookie("secret") }
}

#[test]
fn two_nodes_connect_however_their_bytes_are_cut() {
    let lets_in: [(Decide, bool); 3] = [
        (|| Decision::Ok(cookie("secret")), false),
        (|| Decision::OkSimultaneous(cookie("secret")), false),
        (|| Decision::Alive(cookie("secret")), true),
    ];
    for (decide, kills) in lets_in {
        each_cut(|framing, cut| {
            let outcome = run(caller(framing, "secret"), called(framing), decide, true, cut);
            let (a, b) = (outcome.initiator.unwrap(), outcome.acceptor.unwrap());
            assert_eq!(outcome.killed, kills);
            assert_eq!((a.peer.as_str(), a.creation), ("a29@localhost", 77));
            assert_eq!((b.peer.as_str(), b.creation), ("rs1@localhost", 0x1122_3344));
            assert_eq!((a.ours.as_str(), a.our_creation), ("rs1@localhost", 0x1122_3344));
            assert_eq!((a.flags, b.flags), (Flags::HIDDEN_FULL, Flags::HIDDEN_FULL));
            assert_eq!(a.peer_flags, Flags::VISIBLE_FULL);
            assert!(a.leftover.is_empty() && b.leftover.is_empty());
        });
    }
}

#[test]
fn a_node_without_a_name_is_given_one_and_stays_hidden() {
    each_cut(|framing, cut| {
        let outcome = run(nameless(framing), called(framing), named, true, cut);
        let (a, b) = (outcome.initiator.unwrap(), outcome.acceptor.unwrap());
        assert_eq!((a.ours.as_str(), a.our_creation), ("2KJ4@localhost", 5));
        assert_eq!((b.peer.as_str(), b.creation), ("2KJ4@localhost", 5));
        // A BEAM crashes without the bit in the answer.
        assert!(a.peer_flags.has(Flags::NAME_ME));
        assert!(!a.flags.has(Flags::PUBLISHED) && !b.flags.has(Flags::PUBLISHED));
        assert!(!a.flags.has(Flags::NAME_ME));
    });
}

#[test]
fn refusals_reach_the_caller_by_name() {
    each_cut(|framing, cut| {
        let run = |decide: Decide| run(caller(framing, "secret"), called(framing), decide, true, cut);
        let nok = run(|| Decision::Nok);
        assert!(nok.initiator.unwrap_err().is_nok());
        assert!(matches!(nok.acceptor.unwrap_err(), Failure::RefusedByUs { status: "nok", .. }));
        let not_allowed = run(|| Decision::NotAllowed);
        assert!(matches!(not_allowed.initiator.unwrap_err(), Failure::NotAllowed { .. }));
        let close = run(|| Decision::Close);
        assert!(matches!(close.initiator.unwrap_err(), Failure::Eof { .. }));
    });
}

#[test]
fn a_stale_attempt_says_false_and_kills_nothing() {
    each_cut(|framing, cut| {
        let decide: Decide = || Decision::Alive(cookie("secret"));
        let outcome = run(caller(framing, "secret"), called(framing), decide, false, cut);
        assert!(matches!(outcome.initiator.unwrap_err(), Failure::Stale { .. }));
        assert!(matches!(outcome.acceptor.unwrap_err(), Failure::Withdrawn { .. }));
        assert!(!outcome.killed);
    });
}

#[test]
fn a_wrong_cookie_is_named_on_both_sides_and_kills_no_old_connection() {
    let decisions: [Decide; 2] = [|| Decision::Ok(cookie("secret")), || Decision::Alive(cookie("secret"))];
    for decide in decisions {
        each_cut(|framing, cut| {
            let outcome = run(caller(framing, "guess"), called(framing), decide, true, cut);
            let (a, b) = (outcome.initiator.unwrap_err(), outcome.acceptor.unwrap_err());
            assert!(matches!(&a, Failure::CookieRejected { source, .. } if source == "the test"));
            assert!(matches!(&b, Failure::CookieRejected { peer, .. } if peer == "rs1@localhost"));
            assert!(!outcome.killed);
            assert!(matches!(Error::from(a), Error::CookieRejected { .. }));
        });
    }
}

#[test]
fn misuse_by_the_driver_ends_the_handshake() {
    let dynamic_with_ok =
        run(nameless(Framing::Two), called(Framing::Two), || Decision::Ok(cookie("secret")), true, 0);
    assert!(matches!(dynamic_with_ok.acceptor.unwrap_err(), Failure::Misuse(_)));
    let named_unasked = run(caller(Framing::Two, "secret"), called(Framing::Two), named, true, 0);
    assert!(matches!(named_unasked.acceptor.unwrap_err(), Failure::Misuse(_)));
    let mut b = called(Framing::Two);
    b.old_gone();
    assert!(matches!(b.next_step().unwrap_err(), Failure::Misuse(_)));
    let mut a = caller(Framing::Two, "secret");
    a.answer_alive(true);
    assert!(matches!(a.next_step().unwrap_err(), Failure::Misuse(_)));
}

fn two(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    messages::frame(Framing::Two, &mut out, body);
    out
}

/// Starts the machine and feeds it these bodies; returns where it stands then.
fn feed_initiator(mut a: Initiator, bodies: &[Vec<u8>]) -> (Vec<Vec<u8>>, Result<Step, Failure>) {
    for body in bodies {
        a.feed(&two(body));
    }
    let mut sent = Vec::new();
    loop {
        match a.next_step() {
            Ok(Step::Send(bytes)) => sent.push(bytes),
            Ok(Step::Alive) => a.answer_alive(true),
            other => return (sent, other),
        }
    }
}

fn feed_acceptor(
    mut b: Acceptor,
    bodies: &[Vec<u8>],
    decide: Decide,
) -> (Vec<Vec<u8>>, Result<Step, Failure>) {
    for body in bodies {
        b.feed(&two(body));
    }
    let mut sent = Vec::new();
    loop {
        match b.next_step() {
            Ok(Step::Send(bytes)) => sent.push(bytes),
            Ok(Step::Ask(_)) => b.decide(decide()),
            other => return (sent, other),
        }
    }
}

fn challenge_of(who: &str, flags: Flags, number: u32) -> Vec<u8> {
    messages::challenge(flags, number, 9, &name(who))
}

#[test]
fn the_announcement_is_byte_for_byte_that_of_a_node() {
    let (sent, _) = feed_initiator(caller(Framing::Two, "secret"), &[]);
    let vector = b"\x00\x1cN\x00\x00\x00\x6d\x07\xdf\x5f\xbc\x11\x22\x33\x44\x00\x0drs1@localhost";
    assert_eq!(sent, [vector.to_vec()]);
}

#[test]
fn an_initiator_refuses_who_is_not_the_one_it_called() {
    let ok = messages::status("ok");
    let full = Flags::VISIBLE_FULL;
    let fail = |bodies: &[Vec<u8>]| feed_initiator(caller(Framing::Two, "secret"), bodies).1.unwrap_err();
    let says = |bodies: &[Vec<u8>]| feed_initiator(caller(Framing::Two, "secret"), bodies).0.len();

    let wrong_name = [ok.clone(), challenge_of("b29@localhost", full, 1)];
    assert!(matches!(fail(&wrong_name), Failure::WrongName { says, .. } if says == "b29@localhost"));
    let old_flags = [ok.clone(), challenge_of("a29@localhost", Flags(0x2000_0000 | Flags::UTF8_ATOMS.0), 1)];
    assert!(matches!(fail(&old_flags), Failure::MissingFlags { missing, .. } if missing.len() == 10));
    let echo = [ok.clone(), challenge_of("a29@localhost", full, OUR_CHALLENGE)];
    assert_eq!(fail(&echo), Failure::Reflected { peer: "a29@localhost".into() });
    for bad in [&wrong_name, &old_flags, &echo] {
        assert_eq!(says(bad), 1, "nothing about the cookie is said before the peer was checked");
    }
    let mut old_challenge = challenge_of("a29@localhost", full, 1);
    old_challenge[0] = b'n';
    assert!(matches!(fail(&[ok, old_challenge]), Failure::Garbage { .. }));
    for status in ["", "okay", "true", "named:", "named:\0\x03a@h\0\0\0\x05"] {
        assert!(matches!(fail(&[messages::status(status)]), Failure::BadStatus { .. }), "{status}");
    }
    assert!(matches!(fail(&[b"x".to_vec()]), Failure::Garbage { .. }));
    assert!(matches!(fail(&[vec![]]), Failure::Garbage { .. }));
}

#[test]
fn challenges_of_other_open_handshakes_are_not_answered() {
    let a = caller(Framing::Two, "secret").refuse_challenges(|c| c == 4711);
    let bodies = [messages::status("ok"), challenge_of("a29@localhost", Flags::VISIBLE_FULL, 4711)];
    assert!(matches!(feed_initiator(a, &bodies).1.unwrap_err(), Failure::Reflected { .. }));
}

#[test]
fn a_wrong_acknowledgement_is_a_rejected_cookie() {
    let secret = cookie("secret");
    let until = [messages::status("ok"), challenge_of("a29@localhost", Flags::VISIBLE_FULL, 1)];
    let with = |ack: Vec<u8>| {
        let bodies = [until[0].clone(), until[1].clone(), ack];
        feed_initiator(caller(Framing::Two, "secret"), &bodies).1
    };
    assert!(matches!(with(messages::ack(&secret.digest(OUR_CHALLENGE))), Ok(Step::Done(_))));
    let wrong = with(messages::ack(&secret.digest(OUR_CHALLENGE ^ 1)));
    assert!(matches!(wrong.unwrap_err(), Failure::CookieRejected { .. }));
    let echoed = with(messages::ack(&secret.digest(1)));
    assert!(matches!(echoed.unwrap_err(), Failure::CookieRejected { .. }));
    let long = with([messages::ack(&secret.digest(OUR_CHALLENGE)), vec![0]].concat());
    assert!(matches!(long.unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn packets_behind_the_last_message_are_kept() {
    let secret = cookie("secret");
    let mut a = caller(Framing::Two, "secret");
    a.feed(&two(&messages::status("ok")));
    a.feed(&two(&challenge_of("a29@localhost", Flags::VISIBLE_FULL, 1)));
    a.feed(&[two(&messages::ack(&secret.digest(OUR_CHALLENGE))), b"\0\0\0\0\0\0".to_vec()].concat());
    let link = loop {
        match a.next_step().unwrap() {
            Step::Done(link) => break link,
            Step::NeedMore => panic!("all was fed"),
            _ => {}
        }
    };
    assert_eq!(&link.leftover[..], b"\0\0\0\0\0\0");
    assert!(matches!(a.next_step().unwrap_err(), Failure::Misuse(_)));
}

#[test]
fn an_acceptor_answers_odd_names_as_a_beam_does() {
    let announce = |flags: Flags, who: &[u8]| messages::announce(flags, 1, who);
    let hear =
        |body: Vec<u8>| feed_acceptor(called(Framing::Two), &[body], || Decision::Ok(cookie("secret")));
    let full = Flags::HIDDEN_FULL;
    for who in [&b"a.b@h"[..], b"a b@h", b"a@h\x01", b"a29@localhost"] {
        let (sent, end) = hear(announce(full, who));
        assert_eq!(sent, [two(b"snok")], "{who:?}");
        assert!(matches!(end.unwrap_err(), Failure::BadName { .. } | Failure::RefusedByUs { .. }));
    }
    let long = [b"a@", &[b'h'; 300][..]].concat();
    for who in [&b"a@b@c"[..], b"@h", b"a@", b"nohost", b"", &long] {
        let (sent, end) = hear(announce(full, who));
        assert!(sent.is_empty() && matches!(end.unwrap_err(), Failure::BadName { .. }), "{who:?}");
    }
    let (sent, end) = hear(announce(full.with(Flags::NAME_ME), b"a@localhost"));
    assert!(sent.is_empty() && matches!(end.unwrap_err(), Failure::BadName { .. }));
    let (sent, end) = hear(announce(Flags::MANDATORY_25.without(Flags::MAP_TAG), b"a@h"));
    assert_eq!(sent, [two(b"snot_allowed")]);
    assert!(matches!(end.unwrap_err(), Failure::MissingFlags { missing, .. } if missing == ["MAP_TAG"]));
    assert!(matches!(hear(b"HTTP".to_vec()).1.unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn what_a_peer_says_is_escaped_in_texts() {
    let odd = messages::announce(Flags::HIDDEN_FULL, 1, b"a\n\x1b[31m@h");
    let (_, end) = feed_acceptor(called(Framing::Two), &[odd], || Decision::Close);
    assert!(matches!(end.unwrap_err(), Failure::BadName { name, .. } if !name.contains(['\n', '\u{1b}'])));
}

#[test]
fn nodes_of_version_5_come_in_with_their_complement() {
    let flags = Flags::HIDDEN_FULL;
    let mut old = vec![b'n', 0, 5];
    old.extend_from_slice(&(flags.0 as u32).to_be_bytes());
    old.extend_from_slice(b"rs1@localhost");
    let mut complement = vec![b'c'];
    complement.extend_from_slice(&((flags.0 >> 32) as u32).to_be_bytes());
    complement.extend_from_slice(&7_u32.to_be_bytes());
    let reply = messages::reply(3, &cookie("secret").digest(THEIR_CHALLENGE));
    let decide: Decide = || Decision::Ok(cookie("secret"));
    // Some say the newest version that they know, in the old form.
    for version in [5, 6] {
        old[2] = version;
        let messages = [old.clone(), complement.clone(), reply.clone()];
        let (_, end) = feed_acceptor(called(Framing::Two), &messages, decide);
        let Ok(Step::Done(link)) = end else { panic!("{end:?}") };
        assert_eq!((link.creation, link.flags), (7, flags));
    }
    let (_, without) = feed_acceptor(called(Framing::Two), &[old, reply], decide);
    assert!(matches!(without.unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn an_acceptor_refuses_its_own_challenge_and_wrong_answers() {
    let announce = messages::announce(Flags::HIDDEN_FULL, 1, b"rs1@localhost");
    let secret = cookie("secret");
    let hear = |reply: Vec<u8>| {
        feed_acceptor(called(Framing::Two), &[announce.clone(), reply], || Decision::Ok(cookie("secret"))).1
    };
    let digest = secret.digest(THEIR_CHALLENGE);
    assert!(matches!(hear(messages::reply(1, &digest)), Ok(Step::Done(_))));
    assert!(matches!(
        hear(messages::reply(THEIR_CHALLENGE, &digest)).unwrap_err(),
        Failure::Reflected { .. }
    ));
    assert!(matches!(
        hear(messages::reply(1, &secret.digest(1))).unwrap_err(),
        Failure::CookieRejected { .. }
    ));
    assert!(matches!(hear(messages::ack(&digest)).unwrap_err(), Failure::Garbage { .. }));
    assert!(matches!(hear(vec![]).unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn other_protocols_are_recognised_by_their_first_bytes() {
    let mut a = caller(Framing::Two, "secret");
    assert!(matches!(a.next_step(), Ok(Step::Send(_))));
    a.feed(&[0x15, 3, 3, 0, 2, 2, 0x0a]); // a TLS alert
    assert!(matches!(a.next_step().unwrap_err(), Failure::Garbage { .. }));
    let mut b = called(Framing::Two);
    b.feed(b"GET / HTTP/1.1\r\n");
    assert!(matches!(b.next_step().unwrap_err(), Failure::Garbage { .. }));
    let mut b = called(Framing::Four);
    b.feed(b"\xff\xff\xff\xff");
    assert!(matches!(b.next_step().unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn a_caller_that_floods_is_cut_off() {
    let mut b = called(Framing::Two);
    b.feed(&two(&messages::announce(Flags::HIDDEN_FULL, 1, b"rs1@localhost")));
    assert!(matches!(b.next_step(), Ok(Step::Ask(_))));
    for _ in 0..300 {
        b.feed(&[0; 4096]);
    }
    b.decide(Decision::Ok(cookie("secret")));
    assert!(matches!(b.next_step(), Ok(Step::Send(_))));
    assert!(matches!(b.next_step().unwrap_err(), Failure::Garbage { .. }));
}

#[test]
fn the_end_of_the_stream_is_explained_by_the_stage() {
    let mut a = caller(Framing::Two, "secret");
    assert!(matches!(a.eof(), Failure::Eof { stage, .. } if stage.contains("without a status")));
    assert!(matches!(a.next_step().unwrap_err(), Failure::Eof { .. }));
    let mut a = caller(Framing::Two, "secret");
    a.feed(&two(&messages::status("ok")));
    a.feed(&two(&challenge_of("a29@localhost", Flags::VISIBLE_FULL, 1)));
    while !matches!(a.next_step(), Ok(Step::NeedMore)) {}
    assert!(matches!(a.eof(), Failure::CookieRejected { .. }));
    let mut b = called(Framing::Two);
    assert!(matches!(b.eof(), Failure::Eof { stage, .. } if stage.contains("before it said its name")));
}

proptest::proptest! {
    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(proptest::num::u8::ANY, 0..200), tag in 0_usize..6) {
        // A plausible tag and length in front lets the noise get further.
        let mut body = vec![b"NnsracN"[tag]];
        body.extend_from_slice(&noise);
        let _ = feed_initiator(caller(Framing::Two, "secret"), &[messages::status("ok"), body.clone()]);
        let _ = feed_initiator(caller(Framing::Two, "secret"), std::slice::from_ref(&body));
        let _ = feed_acceptor(called(Framing::Two), std::slice::from_ref(&body), || Decision::Ok(cookie("secret")));
        let mut b = called(Framing::Four);
        b.feed(&noise);
        let _ = b.next_step();
    }
}
