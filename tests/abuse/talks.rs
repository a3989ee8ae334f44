//! Runs the conversations that end before a connection is up: handshakes in both roles, epmd's clients, epmd's answers.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cases::epmd::{alive2, port2_reply, Talk};
use crate::cases::greetings::{Greeting, Stage, CALLED};
use crate::cases::Expect;
use crate::run::{Bench, Outcome, Verdict, EVIL, HANG, TRIES};
use crate::wire::{self, framed, hear, hello, FLAGS};

/// What came back, and whether the stream ended.
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

/// Reads until the end, or until nothing comes for `patience`.
fn hear_out(stream: &mut TcpStream, patience: Duration) -> Heard {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut heard = Heard { bytes: Vec::new(), ended: false };
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => heard.ended = true,
            Ok(count) => {
                heard.bytes.extend_from_slice(&piece[..count]);
                continue;
            }
            Err(error) => heard.ended = error.kind() != std::io::ErrorKind::WouldBlock,
        }
        return heard;
    }
}

/// Tries again what was only slow or only big.
fn repeat(
    bench: &mut Bench,
    mut once: impl FnMut(&mut Bench) -> (Verdict, Duration, bool),
) -> (Verdict, Duration) {
    let mut last = (Verdict::Good, Duration::ZERO);
    for _ in 0..TRIES {
        let (verdict, took, again) = once(bench);
        last = (verdict, took);
        if !again {
            break;
        }
    }
    last
}

/// Judges one conversation by its end, and by what it did to everybody else.
fn conclude(
    bench: &mut Bench,
    before: usize,
    sent: usize,
    took: Duration,
    verdict: Verdict,
) -> (Verdict, Duration, bool) {
    match bench.aftermath(before, sent, took) {
        Some((red, again)) => (red, took, again),
        None => (verdict, took, false),
    }
}

/// How long something that may stay open is watched.
const GLANCE: Duration = Duration::from_millis(20);

fn patience(expect: Expect) -> Duration {
    if expect == Expect::Free {
        GLANCE
    } else {
        HANG
    }
}

/// The node is called, by somebody who gets one message wrong.
pub fn call(bench: &mut Bench, case: &Greeting) -> Outcome {
    let (verdict, took) = repeat(bench, |bench| {
        let before = bench.memory_before();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", bench.subject.door.port)) else {
            bench.revive();
            return (Verdict::Red("nobody can connect any more".into()), Duration::ZERO, false);
        };
        let mut message = framed(&hello(EVIL, FLAGS, 9));
        if case.stage == Stage::Reply {
            let _ = stream.write_all(&message);
            if hear(&mut stream, HANG).as_deref() == Some(b"salive") {
                let _ = stream.write_all(&framed(b"strue"));
            }
            let Some(challenge) = hear(&mut stream, HANG) else {
                let (verdict, took, _) =
                    conclude(bench, before, 0, Duration::ZERO, Verdict::Red("it does not greet".into()));
                return (verdict, took, false);
            };
            let theirs = u32::from_be_bytes(*challenge[9..].first_chunk().unwrap());
            message = framed(&wire::reply(1, &wire::digest(wire::COOKIE, theirs)));
        }
        let bytes = case.change.apply(&message);
        let began = Instant::now();
        let _ = stream.write_all(&bytes);
        if case.change.is_last() {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let heard = hear_out(&mut stream, patience(case.expect));
        let took = began.elapsed();
        drop(stream);
        let let_in = case.stage == Stage::Reply && heard.bytes.starts_with(&[0, 17, b'a']);
        let verdict = match case.expect {
            Expect::Close if let_in => Verdict::Other("it let us in".into()),
            // The next message of the handshake came: it waits for ours.
            Expect::Close if !heard.ended && !heard.bytes.is_empty() => Verdict::Other("it went on".into()),
            Expect::Close if !heard.ended => Verdict::Red("it hangs".into()),
            _ => Verdict::Good,
        };
        conclude(bench, before, bytes.len(), took, verdict)
    });
    Outcome { group: case.group, name: case.name.clone(), verdict, took }
}

/// Who registers names at the subject's epmd, and waits to be called.
pub struct Callee {
    listener: TcpListener,
    epmd: u16,
    count: u32,
}

impl Callee {
    pub fn new(epmd: u16) -> Callee {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Callee { listener, epmd, count: 0 }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// A new name, which lives as long as the stream.
    pub fn name(&mut self) -> (String, TcpStream) {
        self.count += 1;
        let alive = format!("called{:04}", self.count);
        let mut stream = wire::connect(self.epmd);
        stream.write_all(&framed(&alive2(alive.as_bytes(), self.port()))).unwrap();
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..2], [118, 0], "epmd registers {alive}");
        (format!("{alive}@localhost"), stream)
    }

    /// Waits for a call; `None` if nobody calls.
    pub fn accept(&self, patience: Duration) -> Option<TcpStream> {
        self.listener.set_nonblocking(true).unwrap();
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).unwrap();
                stream.set_nodelay(true).unwrap();
                return Some(stream);
            }
            std::thread::yield_now();
        }
        None
    }
}

/// The node calls somebody who gets one message wrong.
pub fn answer(bench: &mut Bench, callee: &mut Callee, case: &Greeting) -> Outcome {
    let (verdict, took) = repeat(bench, |bench| {
        let before = bench.memory_before();
        let (name, _registered) = callee.name();
        let line = format!("connect {name}");
        bench.subject.begin(&line);
        let Some(mut stream) = callee.accept(HANG) else {
            bench.revive();
            return (Verdict::Red("it does not call".into()), Duration::ZERO, false);
        };
        let (bytes, heard, took) = misanswer(&mut stream, &name, case);
        if !bench.subject.is_alive() {
            bench.revive();
            return (Verdict::Red("it died".into()), took, false);
        }
        drop(stream);
        let connected = bench.subject.finish(&line).ends_with("true");
        let verdict = match case.expect {
            Expect::Close if connected => Verdict::Other("it took us for a node".into()),
            // A BEAM that hears `nok` waits for the other call; that is the protocol.
            Expect::Close if !heard.ended => Verdict::Red("it hangs".into()),
            _ => Verdict::Good,
        };
        conclude(bench, before, bytes, took, verdict)
    });
    Outcome { group: case.group, name: case.name.clone(), verdict, took }
}

fn misanswer(stream: &mut TcpStream, name: &str, case: &Greeting) -> (usize, Heard, Duration) {
    debug_assert_eq!(name.len(), CALLED.len());
    hear(stream, HANG);
    let wrong = |stream: &mut TcpStream, proper: Vec<u8>| {
        let bytes = case.change.apply(&proper);
        let began = Instant::now();
        let _ = stream.write_all(&bytes);
        if case.change.is_last() {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let heard = hear_out(stream, patience(case.expect));
        (bytes.len(), heard, began.elapsed())
    };
    if case.stage == Stage::Status {
        return wrong(stream, framed(b"sok"));
    }
    let _ = stream.write_all(&framed(b"sok"));
    let challenge = framed(&wire::challenge(name, FLAGS, 1, 9));
    if case.stage == Stage::Challenge {
        return wrong(stream, challenge);
    }
    let _ = stream.write_all(&challenge);
    let Some(reply) = hear(stream, HANG).filter(|reply| reply.len() == 21) else {
        return (0, Heard { bytes: Vec::new(), ended: true }, Duration::ZERO);
    };
    let theirs = u32::from_be_bytes(*reply[1..].first_chunk().unwrap());
    let ack = [&b"a"[..], &wire::digest(wire::COOKIE, theirs)].concat();
    wrong(stream, framed(&ack))
}

/// epmd is asked something odd.
pub fn ask_epmd(bench: &mut Bench, case: &Talk) -> Outcome {
    let (verdict, took) = repeat(bench, |bench| {
        let before = bench.memory_before();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", bench.subject.epmd_port())) else {
            bench.subject.restart_epmd();
            bench.revive();
            return (Verdict::Red("it died".into()), Duration::ZERO, false);
        };
        let began = Instant::now();
        let _ = stream.write_all(&case.bytes);
        if case.last {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let heard = hear_out(&mut stream, patience(case.expect));
        let took = began.elapsed();
        drop(stream);
        let verdict = match case.expect {
            Expect::Free => Verdict::Good,
            _ if !heard.ended => Verdict::Red("it hangs".into()),
            Expect::Close if !heard.bytes.is_empty() => Verdict::Other("it answered".into()),
            Expect::Answer(first) if !heard.bytes.first().is_some_and(|byte| first.contains(byte)) => {
                Verdict::Other("no answer".into())
            }
            _ => Verdict::Good,
        };
        // It still knows the node.
        let Ok(mut names) = TcpStream::connect(("127.0.0.1", bench.subject.epmd_port())) else {
            bench.subject.restart_epmd();
            bench.revive();
            return (Verdict::Red("it died".into()), took, false);
        };
        let _ = names.write_all(&framed(b"n"));
        let alive = bench.subject.door.node.split('@').next().unwrap().as_bytes().to_vec();
        let heard = hear_out(&mut names, HANG);
        if !heard.bytes.windows(alive.len()).any(|part| part == alive) {
            return (Verdict::Red("others were forgotten".into()), took, false);
        }
        conclude(bench, before, case.bytes.len(), took, verdict)
    });
    Outcome { group: case.group, name: case.name.clone(), verdict, took }
}

/// An epmd that registers everybody, and answers what it is told when somebody asks for `evil`.
pub struct FakeEpmd {
    pub port: u16,
    answer: Arc<Mutex<Vec<u8>>>,
    routes: Arc<Mutex<Vec<(Vec<u8>, u16)>>>,
}

impl FakeEpmd {
    pub fn start() -> FakeEpmd {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new(Vec::new()));
        let shared = answer.clone();
        let routes: Arc<Mutex<Vec<(Vec<u8>, u16)>>> = Arc::default();
        let known = routes.clone();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(body) = hear(&mut stream, HANG) else { continue };
                match body.first() {
                    Some(b'x') => {
                        let port = u16::from_be_bytes([body[1], body[2]]);
                        let length = usize::from(u16::from_be_bytes([body[9], body[10]]));
                        known.lock().unwrap().push((body[11..11 + length].to_vec(), port));
                        let _ = stream.write_all(&[118, 0, 0, 0, 0, 77]);
                        held.push(stream);
                    }
                    Some(b'z') if body.starts_with(b"zevil") => {
                        let answer = shared.lock().unwrap().clone();
                        let _ = stream.write_all(&answer);
                    }
                    Some(b'z') => {
                        let known = known.lock().unwrap();
                        let latest = known.iter().rev().find(|(name, _)| body[1..].starts_with(name));
                        if let Some((name, port)) = latest {
                            let _ = stream.write_all(&port2_reply(name, *port));
                        }
                    }
                    _ => {}
                }
            }
        });
        FakeEpmd { port, answer, routes }
    }

    /// Whoever asks for `alive` from now on is sent to this port.
    pub fn route(&self, alive: &str, port: u16) {
        self.routes.lock().unwrap().push((alive.as_bytes().to_vec(), port));
    }
}

/// epmd answers something odd.
pub fn answered_by_epmd(bench: &mut Bench, epmd: &FakeEpmd, case: &Talk) -> Outcome {
    let (verdict, took) = repeat(bench, |bench| {
        let before = bench.memory_before();
        epmd.answer.lock().unwrap().clone_from(&case.bytes);
        let began = Instant::now();
        let answer = bench.subject.ask_if_alive("connect evil@localhost");
        let took = began.elapsed();
        let verdict = match answer.as_deref() {
            None => Verdict::Red("it died or hangs".into()),
            Some("connected true") => Verdict::Other("it believed it".into()),
            Some(_) => Verdict::Good,
        };
        conclude(bench, before, case.bytes.len(), took, verdict)
    });
    Outcome { group: case.group, name: case.name.clone(), verdict, took }
}
