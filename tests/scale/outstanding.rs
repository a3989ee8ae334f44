//! Calls that nobody has answered yet: bytes of each, at the node that was asked and at the one that asks.
//!
//! The asking side is this program started again, so that each counts its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use erlnode::node::spawn::Request;
use erlnode::service::pending::Pending;
use erlnode::Node;

use crate::{config, per_item, LIVE};

/// Calls at a time.
const CALLS: usize = 10_000;

/// Most bytes of one, on either side.
const PER_CALL: isize = 1 << 10;

/// Set for the program that asks: the port of epmd.
pub(crate) const ASKS: &str = "ERLNODE_SCALE_ASKS";

/// `hub` is asked and does not answer.
pub(crate) fn asked(hub: &Node, port: u16) {
    let mailbox = hub.mailbox(Default::default()).unwrap();
    mailbox.export("Elixir.Work", "keep", Some(1)).unwrap();
    let mut caller = Command::new(std::env::current_exe().unwrap())
        .arg("--nocapture")
        .env(ASKS, port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One is kept before anything is counted: with it come the connection and the tables.
    let mut kept: Vec<Request> = Vec::with_capacity(CALLS + 1);
    let next = || mailbox.recv(Some(Duration::from_secs(60))).unwrap().into_request().unwrap();
    kept.push(next());
    let vector = (kept.capacity() * size_of::<Request>()) as isize;
    let base = LIVE.load(Relaxed) - vector;
    kept.extend((0..CALLS).map(|_| next()));
    let served = per_item(base, CALLS);
    let mut lines = BufReader::new(caller.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told = lines.find_map(|line| Some(line.split_once("a call costs ")?.1.parse::<isize>().unwrap()));
    let asking = told.expect("the asking side ended early");
    eprintln!(
        "{CALLS} unanswered calls: {served} bytes each where they are served, {asking} where they were made"
    );
    drop(kept);
    drop(caller.stdin.take());
    assert!(caller.wait().unwrap().success());
    assert!(served < PER_CALL, "{served} bytes for a call that was not answered");
    assert!(asking < PER_CALL, "{asking} bytes for a call whose answer is awaited");
}

/// Asks the hub, tells what that costs, and stays until its standard input ends.
pub(crate) fn asks(port: u16) {
    let node = Node::start(config("caller", port)).unwrap();
    let mailbox = node.mailbox(Default::default()).unwrap();
    let ask = || mailbox.erpc_request("hub@localhost", "Elixir.Work", "keep", b"\x6b\0\x01\0").unwrap();
    let first = ask();
    // The answer to a function that every node has comes after what was sent before.
    let sync =
        || mailbox.erpc("hub@localhost", "erlang", "node", b"\x6a", Some(Duration::from_secs(60))).unwrap();
    sync();
    let mut pending: Vec<Pending> = Vec::with_capacity(CALLS);
    let base = LIVE.load(Relaxed) - (CALLS * size_of::<Pending>()) as isize;
    pending.extend((0..CALLS).map(|_| ask()));
    sync();
    println!("a call costs {}", per_item(base, CALLS));
    let _ = std::io::stdin().read(&mut [0]);
    drop((first, pending));
}
