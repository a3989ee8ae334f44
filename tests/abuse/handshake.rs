//! Strangers: wrong cookies in masses, silent and trickling crowds, handshakes cut at every byte, reflection, replay,
//! impersonation, and a process without descriptors. Nothing of the secret is ever logged.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cases::greetings::CALLED;
use crate::run::{Bench, HANG};
use crate::subjects::{Kind, Subject};
use crate::talks::Callee;
use crate::wire::{challenge, digest, framed, hear, hello, reply, Door, Wire, COOKIE, FLAGS};
use crate::{crowd, long};

/// What may stay in memory after everybody has gone: tables that keep a little room.
const KEPT: usize = 256 << 10;

/// A handshake up to our answer with `cookie`; `None` if we are not even asked.
fn knock(stream: &mut TcpStream, name: &str, cookie: &str) -> Option<()> {
    stream.write_all(&framed(&hello(name, FLAGS, 9))).ok()?;
    if hear(stream, HANG)? == b"salive" {
        stream.write_all(&framed(b"strue")).ok()?;
    }
    let theirs = hear(stream, HANG)?;
    let theirs = u32::from_be_bytes(*theirs.get(9..)?.first_chunk()?);
    stream.write_all(&framed(&reply(1, &digest(cookie, theirs)))).ok()
}

/// True if the other side closed without a word more.
fn is_refused(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(HANG)).unwrap();
    !matches!(stream.read(&mut [0; 64]), Ok(1..))
}

/// Tries wrong cookies, under one name and under ever new ones; returns how many per second. The genuine connection is served
/// meanwhile (and would be given up for its silence, were it not).
fn wrong_cookies(bench: &mut Bench, count: usize) -> f64 {
    let door = bench.subject.door.clone();
    let began = Instant::now();
    for number in 0..count {
        assert!(number % 1_000 > 0 || bench.others_live(), "after {number}");
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).expect("it listens");
        let name =
            if number % 2 == 0 { "thief@localhost".to_owned() } else { format!("thief{number}@localhost") };
        knock(&mut stream, &name, "wrong").unwrap_or_else(|| panic!("number {number} is asked"));
        assert!(is_refused(&mut stream), "number {number} was let in");
    }
    count as f64 / began.elapsed().as_secs_f64()
}

#[test]
fn wrong_cookies_by_the_thousand_leave_nothing_behind() {
    let count = long(3_000, 200_000);
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    wrong_cookies(&mut bench, 300);
    let (before, resident) = (bench.subject.counters().0, bench.subject.resident().0);
    let descriptors = bench.subject.descriptors();
    let rate = wrong_cookies(&mut bench, count);
    assert!(bench.others_live());
    let (after, resident_after) = (bench.subject.counters().0, bench.subject.resident().0);
    let (kept, grown) = (after.saturating_sub(before), resident_after.saturating_sub(resident));
    eprintln!(
        "erlnode: {count} wrong cookies, {rate:.0} a second, {kept} bytes kept, resident memory +{grown}"
    );
    assert!(kept < KEPT / 4, "{kept} bytes stay");
    assert!(bench.subject.descriptors() <= descriptors);
    if count > 10_000 && Kind::BEAM.missing().is_none() {
        let mut bench = Bench::new(Subject::start(Kind::BEAM));
        wrong_cookies(&mut bench, 300);
        let resident = bench.subject.resident().0;
        let rate = wrong_cookies(&mut bench, count);
        let grown = bench.subject.resident().0.saturating_sub(resident);
        eprintln!("BEAM: {count} wrong cookies, {rate:.0} a second, resident memory +{grown}");
        assert!(bench.others_live());
    }
}

/// Times of `count` genuine connections from `address`, sorted.
fn genuine(door: &Door, address: [u8; 4], count: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..count {
        let began = Instant::now();
        let name = format!("genuine{}@localhost", number % 8);
        // Whoever is turned away tries again, and the time counts.
        while crowd::from(address, door.port)
            .and_then(|stream| Wire::greet(stream, door, &name, 9, FLAGS, HANG))
            .is_none()
        {
            assert!(began.elapsed() < Duration::from_secs(10), "a genuine peer is kept out");
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times
}

#[test]
fn a_crowd_of_silent_and_trickling_callers_does_not_keep_a_genuine_peer_out() {
    const CROWD: usize = 10_000;
    crowd::room_for(CROWD + 1_000);
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    let (before, descriptors) = (bench.subject.counters().0, bench.subject.descriptors());
    let door = bench.subject.door.clone();
    let calm = genuine(&door, [127, 0, 0, 1], 100);
    let (stop, opened) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    // Sixteen addresses, each with far more callers than one may have.
    let flood = std::thread::spawn({
        let (stop, opened, port) = (stop.clone(), opened.clone(), door.port);
        move || {
            let mut open = Vec::new();
            let greeting = framed(&hello("slow@localhost", FLAGS, 9));
            for number in 0.. {
                if stop.load(Ordering::Relaxed) && number >= CROWD {
                    return open.len();
                }
                if open.len() < CROWD {
                    open.extend(crowd::from([127, 0, 1, (number % 16) as u8 + 1], port));
                    opened.fetch_add(1, Ordering::Relaxed);
                } else {
                    std::thread::yield_now();
                }
                // Every fourth says a little of what it should say, now and then.
                let trickling = (number * 7919) % open.len().max(1) / 4 * 4;
                if let Some(mut stream) = open.get(trickling) {
                    let at = number / 4 % greeting.len();
                    let _ = stream.write(&greeting[at..=at]);
                }
            }
            unreachable!("a number without end")
        }
    });
    let mut times = Vec::new();
    while times.len() < 400 || opened.load(Ordering::Relaxed) < CROWD {
        times.extend(genuine(&door, [127, 0, 0, 1], 50));
    }
    stop.store(true, Ordering::Relaxed);
    let crowd = flood.join().unwrap();
    times.sort_unstable();
    let p99 = |times: &[Duration]| times[times.len() * 99 / 100];
    eprintln!(
        "{crowd} callers who say nothing: {} genuine ones, median {:?}, p99 {:?}, slowest {:?} (calm: p99 {:?})",
        times.len(), times[times.len() / 2], p99(&times), times[times.len() - 1], p99(&calm),
    );
    assert!(p99(&times) < Duration::from_millis(50));
    assert!(bench.others_live());
    bench.subject.wait_for("the crowd's descriptors", |subject| subject.descriptors() <= descriptors + 8);
    bench.subject.wait_for("the crowd's memory", |subject| subject.counters().0 < before + KEPT);
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Rst,
    /// It does not: nothing more is said.
    Stall,
}

impl End {
    fn apply(self, stream: TcpStream) -> Option<TcpStream> {
        match self {
            End::Fin => stream.shutdown(Shutdown::Write).ok().map(|()| stream),
            End::Rst => {
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                None
            }
            End::Stall => Some(stream),
        }
    }
}

/// Reads or writes so many bytes of the handshake as the caller `name`, and then ends it. `sent` counts ours, else theirs.
fn call_and_cut(
    door: &Door,
    name: &str,
    address: [u8; 4],
    sent: bool,
    cut: usize,
    end: End,
) -> Option<TcpStream> {
    let mut stream = crowd::from(address, door.port).expect("it listens");
    stream.set_read_timeout(Some(HANG)).unwrap();
    let greeting = framed(&hello(name, FLAGS, 9));
    if sent && cut <= greeting.len() {
        stream.write_all(&greeting[..cut]).unwrap();
        return end.apply(stream);
    }
    stream.write_all(&greeting).unwrap();
    if !sent {
        let mut bytes = vec![0; cut];
        let _ = stream.read_exact(&mut bytes);
        return end.apply(stream);
    }
    let status = hear(&mut stream, HANG).expect("a status");
    if status == b"salive" {
        stream.write_all(&framed(b"strue")).unwrap();
    }
    let theirs = hear(&mut stream, HANG).expect("a challenge");
    let theirs = u32::from_be_bytes(*theirs[9..].first_chunk().unwrap());
    let answer = framed(&reply(1, &digest(COOKIE, theirs)));
    stream.write_all(&answer[..cut - greeting.len()]).unwrap();
    end.apply(stream)
}

/// Lengths of what the caller says, hello and reply, and of what it hears, status and challenge.
const CALLER_SAYS: usize = (2 + 15 + "cutter000@localhost".len()) + 23;
const CALLER_HEARS: usize = 5 + 21 + "subject0@localhost".len();
/// Time for a handshake in the tests that wait for its end.
const SETUP: Duration = Duration::from_millis(700);

#[test]
fn a_caller_cut_off_at_any_byte_leaves_nothing_and_harms_nobody() {
    let mut bench = Bench::new(Subject::start_with(Kind::Ours, &format!("setup={}", SETUP.as_millis())));
    let door = bench.subject.door.clone();
    let (before, descriptors) = (bench.subject.counters().0, bench.subject.descriptors());
    for end in [End::Fin, End::Rst, End::Stall] {
        let began = Instant::now();
        let mut open = Vec::new();
        for (sent, length) in [(true, CALLER_SAYS), (false, CALLER_HEARS)] {
            for cut in 0..length {
                // The stalled ones are all there at the same time, and no address may have that many.
                let address = [127, 0, 2, (cut % 16) as u8 + 1];
                // Of two callers of one name one is turned away.
                let name = format!("cutter{:03}@localhost", cut + if sent { 0 } else { 500 });
                open.extend(call_and_cut(&door, &name, address, sent, cut, end));
                assert!(cut % 16 > 0 || bench.others_live(), "{end:?} at {cut}");
            }
        }
        for mut stream in open {
            stream.set_read_timeout(Some(HANG)).unwrap();
            let mut bytes = [0; 256];
            while matches!(stream.read(&mut bytes), Ok(1..)) {}
        }
        let took = began.elapsed();
        let limit = SETUP + Duration::from_secs(if end == End::Stall { 2 } else { 5 });
        assert!(took < limit, "{end:?}: the last one was let go after {took:?}");
    }
    bench.subject.wait_for("descriptors", |subject| subject.descriptors() <= descriptors);
    bench.subject.wait_for("memory", |subject| subject.counters().0 < before + KEPT);
    assert!(genuine(&door, [127, 0, 0, 1], 1)[0] < HANG);
}

#[test]
fn a_called_peer_cut_off_at_any_byte_is_reported_and_leaves_nothing() {
    let mut bench = Bench::new(Subject::start_with(Kind::Ours, &format!("setup={}", SETUP.as_millis())));
    let mut callee = Callee::new(bench.subject.epmd_port());
    let (before, descriptors) = (bench.subject.counters().0, bench.subject.descriptors());
    let says = 5 + 21 + CALLED.len() + 19;
    let hears = (2 + 15 + "subject0@localhost".len()) + 23;
    for end in [End::Fin, End::Rst, End::Stall] {
        let (mut open, mut names, mut lines) = (Vec::new(), Vec::new(), Vec::new());
        let began = Instant::now();
        for (sent, length) in [(true, says), (false, hears)] {
            for cut in (0..length).step_by(if end == End::Stall { 3 } else { 1 }) {
                let (name, registered) = callee.name();
                bench.subject.begin(&format!("call {name}"));
                let stream = callee.accept(HANG).expect("a call");
                open.extend(answer_and_cut(stream, &name, sent, cut, end));
                names.push(registered);
                lines.push(format!("called {name} "));
            }
        }
        // Each call is told to have failed, the stalled ones when their time is over; only a peer that had said all and
        // then fell silent may have been taken for connected.
        for line in &lines {
            let answer = bench.subject.process.wait_line(line);
            assert!(answer.ends_with("false"), "{end:?}: {answer}");
        }
        let took = began.elapsed();
        assert!(took < SETUP + Duration::from_secs(6), "{end:?}: {took:?}");
        assert!(bench.others_live());
    }
    bench.subject.wait_for("descriptors", |subject| subject.descriptors() <= descriptors);
    bench.subject.wait_for("memory", |subject| subject.counters().0 < before + 2 * KEPT);
}

/// Reads or writes so many bytes of the handshake as the called side, and then ends it.
fn answer_and_cut(mut stream: TcpStream, name: &str, sent: bool, cut: usize, end: End) -> Option<TcpStream> {
    stream.set_read_timeout(Some(HANG)).unwrap();
    if !sent {
        let mut heard = vec![0; cut.min(2 + 15 + "subject0@localhost".len())];
        let _ = stream.read_exact(&mut heard);
        if cut > heard.len() {
            let _ = stream.write_all(&[framed(b"sok"), framed(&challenge(name, FLAGS, 1, 9))].concat());
            let _ = stream.read_exact(&mut vec![0; cut - heard.len()]);
        }
        return end.apply(stream);
    }
    hear(&mut stream, HANG);
    let first = [framed(b"sok"), framed(&challenge(name, FLAGS, 1, 9))].concat();
    if cut <= first.len() {
        let _ = stream.write_all(&first[..cut]);
        return end.apply(stream);
    }
    let _ = stream.write_all(&first);
    let answer = hear(&mut stream, HANG).expect("a reply");
    let theirs = u32::from_be_bytes(*answer[1..].first_chunk().unwrap());
    let ack = framed(&[&b"a"[..], &digest(COOKIE, theirs)].concat());
    let _ = stream.write_all(&ack[..cut - first.len()]);
    end.apply(stream)
}

/// Whoever makes the node call it, and meanwhile calls the node, could let the node answer its own challenge.
#[test]
fn a_challenge_of_the_nodes_own_is_not_answered() {
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    let mut callee = Callee::new(bench.subject.epmd_port());
    let mut caller = TcpStream::connect(("127.0.0.1", bench.subject.door.port)).unwrap();
    caller.write_all(&framed(&hello("mirror@localhost", FLAGS, 9))).unwrap();
    assert_eq!(hear(&mut caller, HANG).unwrap(), b"sok");
    let theirs = hear(&mut caller, HANG).unwrap();
    let theirs = u32::from_be_bytes(*theirs[9..].first_chunk().unwrap());
    let (name, _registered) = callee.name();
    bench.subject.begin(&format!("connect {name}"));
    let mut called = callee.accept(HANG).expect("a call");
    hear(&mut called, HANG).expect("a hello");
    called.write_all(&framed(b"sok")).unwrap();
    called.write_all(&framed(&challenge(&name, FLAGS, theirs, 9))).unwrap();
    let answered = hear(&mut called, HANG);
    assert!(answered.is_none(), "it proves itself for our use");
    drop(called);
    assert_eq!(bench.subject.finish(&format!("connect {name}")), "connected false");
    assert!(bench.others_live());
}

#[test]
fn a_recorded_handshake_is_worth_nothing() {
    let bench = Bench::new(Subject::start(Kind::Ours));
    let port = bench.subject.door.port;
    let greeting = framed(&hello("replay@localhost", FLAGS, 9));
    let mut first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    first.write_all(&greeting).unwrap();
    hear(&mut first, HANG).unwrap();
    let theirs = hear(&mut first, HANG).unwrap();
    let theirs = u32::from_be_bytes(*theirs[9..].first_chunk().unwrap());
    let answer = framed(&reply(1, &digest(COOKIE, theirs)));
    first.write_all(&answer).unwrap();
    assert_eq!(hear(&mut first, HANG).unwrap()[0], b'a');
    drop(first);
    for _ in 0..50 {
        let mut again = TcpStream::connect(("127.0.0.1", port)).unwrap();
        again.write_all(&greeting).unwrap();
        if hear(&mut again, HANG).unwrap() == b"salive" {
            again.write_all(&framed(b"strue")).unwrap();
        }
        hear(&mut again, HANG).unwrap();
        again.write_all(&answer).unwrap();
        assert!(is_refused(&mut again));
    }
}

#[test]
fn a_name_without_the_cookie_does_not_take_a_connection_away() {
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    for _ in 0..50 {
        let mut thief = TcpStream::connect(("127.0.0.1", bench.subject.door.port)).unwrap();
        knock(&mut thief, "good@localhost", "wrong").expect("it is asked");
        assert!(is_refused(&mut thief));
        assert!(bench.others_live(), "the genuine connection is gone");
    }
}

/// Descriptors of a process that has to live with few.
const FEW: usize = 64;

#[test]
fn a_node_without_descriptors_lives_on_and_accepts_again() {
    let mut bench = Bench::new(Subject::start_with(Kind::Ours, &format!("descriptors={FEW}")));
    let door = bench.subject.door.clone();
    let mut crowd: Vec<TcpStream> = Vec::new();
    // More than it can have, from many addresses; the listening queue takes the rest.
    for number in 0..3 * FEW {
        crowd.extend(crowd::from([127, 0, 3, (number % 16) as u8 + 1], door.port));
    }
    bench.subject.wait_for("its last descriptor", |subject| subject.descriptors() >= FEW - 1);
    let (began, busy) = (Instant::now(), bench.subject.cpu());
    while began.elapsed() < Duration::from_millis(500) {
        assert!(bench.others_live(), "the connection that was there suffers");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let busy = bench.subject.cpu() - busy;
    assert!(busy < Duration::from_millis(250), "it is busy for {busy:?} of half a second");
    drop(crowd);
    let took = genuine(&door, [127, 0, 0, 1], 1)[0];
    assert!(took < Duration::from_secs(1), "it accepts again after {took:?}");
    assert!(bench.others_live());
}

#[test]
fn cookies_and_digests_are_in_no_log() {
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    let door = bench.subject.door.clone();
    let mut digests = Vec::new();
    let mut note = |number: u32| digests.push(digest(COOKIE, number));
    for cookie in [COOKIE, "wrong"] {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
        stream.write_all(&framed(&hello("logged@localhost", FLAGS, 9))).unwrap();
        if hear(&mut stream, HANG).unwrap() == b"salive" {
            stream.write_all(&framed(b"strue")).unwrap();
        }
        let theirs = hear(&mut stream, HANG).unwrap();
        let theirs = u32::from_be_bytes(*theirs[9..].first_chunk().unwrap());
        note(theirs);
        note(1);
        stream.write_all(&framed(&reply(1, &digest(cookie, theirs)))).unwrap();
        let _ = hear(&mut stream, HANG);
    }
    let mut callee = Callee::new(bench.subject.epmd_port());
    for right in [true, false] {
        let (name, _registered) = callee.name();
        let line = format!("connect {name}");
        bench.subject.begin(&line);
        let mut stream = callee.accept(HANG).expect("a call");
        hear(&mut stream, HANG).unwrap();
        stream.write_all(&[framed(b"sok"), framed(&challenge(&name, FLAGS, 1, 9))].concat()).unwrap();
        let answer = hear(&mut stream, HANG).unwrap();
        let theirs = u32::from_be_bytes(*answer[1..].first_chunk().unwrap());
        note(theirs);
        let proof = if right { digest(COOKIE, theirs) } else { [7; 16] };
        stream.write_all(&framed(&[&b"a"[..], &proof].concat())).unwrap();
        assert_eq!(bench.subject.finish(&line), format!("connected {right}"));
    }
    let output = bench.subject.process.output();
    assert!(output.contains("logged@localhost rejected"), "the log is on: {output}");
    assert!(!output.contains(COOKIE), "the cookie is in the log");
    for digest in digests {
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{digest:?}");
        let erlang = list.replace(' ', "");
        for form in [hex.clone(), hex.to_uppercase(), list[1..list.len() - 1].to_owned(), erlang] {
            assert!(!output.contains(&form), "a digest is in the log");
        }
    }
}
