//! Our node behind a line of commands: this very test program, started again with one test chosen.
//!
//! It says `ready PORT CREATION` and then answers each line of its input with one line; everything that the node logs is
//! printed as `log LEVEL TEXT`. Its process `echo` answers `{Pid, Term}` with the term. It ends with its input.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use erlnode::log::Level;
use erlnode::net::epmd::EpmdConfig;
use erlnode::node::process::Overflow;
use erlnode::term::Term;
use erlnode::{Config, Mailbox, MailboxOptions, Node, Target};

use crate::counting;
use crate::subjects::{Kind, Subject};

/// `NAME COOKIE EPMD_PORT`.
pub const ORDERS: &str = "ERLNODE_SHIM";
/// How long the shim tries to connect.
const CONNECT: Option<Duration> = Some(Duration::from_secs(10));

/// Without orders it is the driver, and tries one.
#[test]
fn serves_until_its_input_ends() {
    if let Ok(orders) = std::env::var(ORDERS) {
        return serve(&orders);
    }
    let mut subject = Subject::start(Kind::Ours);
    assert_eq!(subject.ask("connect nobody@localhost"), "connected false");
    subject.end();
}

fn say(text: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

fn serve(orders: &str) {
    let mut words = orders.split(' ');
    let (name, cookie, port) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    erlnode::log::set_hook(
        Some(Arc::new(|level, text| say(format_args!("log {} {text}", level.as_str())))),
        Level::Debug,
    );
    let epmd = EpmdConfig { port: port.parse().unwrap(), ..EpmdConfig::default() };
    let mut config = Config::new(name).cookie(cookie).epmd(epmd).listen_address([127, 0, 0, 1].into());
    for word in words {
        config = match word.split_once('=').unwrap() {
            ("setup", ms) => config.setup_time(Duration::from_millis(ms.parse().unwrap())),
            ("ticktime", ms) => config.ticktime(Duration::from_millis(ms.parse().unwrap())),
            (other, _) => panic!("no option {other}"),
        };
    }
    let node = Node::start(config).expect("a node");
    let echo = node.mailbox(MailboxOptions::default()).unwrap();
    echo.register("echo").unwrap();
    let asleep = std::thread::Builder::new().name("echo".into()).spawn(move || answer(&echo)).unwrap();
    let mut sleeper = None;
    say(format_args!("\nready {} {}", node.port().unwrap(), node.creation()));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb {
            "connect" => say(format_args!("connected {}", node.connect(rest, CONNECT).is_ok())),
            // As `connect`, in a thread of its own.
            "call" => {
                let (node, peer) = (node.clone(), rest.to_owned());
                std::thread::spawn(move || {
                    say(format_args!("called {peer} {}", node.connect(&peer, CONNECT).is_ok()));
                });
            }
            "reset" => {
                counting::reset();
                say(format_args!("reset"));
            }
            "memory" => {
                let (live, peak) = counting::figures();
                say(format_args!("memory {live} {peak}"));
            }
            // A process that never reads, under the policy named.
            "sleeper" => {
                let overflow = match rest {
                    "stop" => Overflow::StopReading,
                    "drop" => Overflow::Drop,
                    "kill" => Overflow::Kill,
                    other => panic!("no policy {other}"),
                };
                let options =
                    MailboxOptions { overflow, max_bytes: Some(SLEEPER_BYTES), ..Default::default() };
                drop(sleeper.take());
                let made = node.mailbox(options).unwrap();
                made.register("sleeper").unwrap();
                sleeper = Some(made);
                say(format_args!("sleeping"));
            }
            "queued" => {
                let made = sleeper.as_ref().expect("a sleeper");
                let (bytes, dropped) = (made.queued_bytes(), made.dropped());
                say(format_args!("queued {bytes} {dropped} {}", made.is_alive()));
            }
            other => panic!("no command {other}"),
        }
    }
    node.stop();
    drop(asleep);
}

/// What a sleeper may hold.
pub const SLEEPER_BYTES: usize = 8 << 20;

/// Longest message that is printed.
const PRINTED: usize = 4 << 10;

struct Nowhere;

impl std::fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        Ok(())
    }
}

fn answer(echo: &Mailbox) {
    while let Ok(message) = echo.recv(None) {
        let mut reader = message.reader();
        if !reader.tuple_of(2) {
            continue;
        }
        let Some(pid) = reader.pid() else { continue };
        let Some(bytes) = reader.term_bytes() else { continue };
        // What programs do with what they receive: take it apart, and print what is short.
        let term = Term::decode(bytes).expect("what was delivered is a term");
        assert!(
            bytes.len() > PRINTED || std::fmt::Write::write_fmt(&mut Nowhere, format_args!("{term}")).is_ok()
        );
        drop(term);
        let _ = echo.send(&Target::from(pid), bytes, CONNECT);
    }
}
