//! What many of a thing cost: bytes per idle mailbox, monitor, connection and unanswered call, given back afterwards.

mod outstanding;

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::TcpListener;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use erlnode::net::epmd::EpmdConfig;
use erlnode::{Config, Mailbox, Node, Target};

/// Counts what lives.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: everything is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Processes and monitors; a hundred thousand and a million.
const MAILBOXES: usize = 100_000;
const MONITORS: usize = 1_000_000;

/// Most bytes of an idle mailbox, and of a monitor with both its ends on this node.
const PER_MAILBOX: isize = 500;
const PER_MONITOR: isize = 200;

/// Places of pids, and tables that keep a little, may stay.
const KEPT: isize = 4 << 20;

/// Connections to one node, and the most bytes of one that says nothing.
const LINKS: usize = 100;
const PER_LINK: isize = 40 << 10;

fn per_item(before: isize, items: usize) -> isize {
    (LIVE.load(Relaxed) - before) / items as isize
}

fn config(name: &str, port: u16) -> Config {
    let epmd = EpmdConfig { port, ..EpmdConfig::default() };
    Config::new(format!("{name}@localhost")).cookie("secret").epmd(epmd)
}

// One test, because the counter is shared by all threads.
#[test]
fn a_hundred_thousand_mailboxes_and_a_million_monitors_cost_little_and_give_it_back() {
    if let Ok(port) = std::env::var(outstanding::ASKS) {
        return outstanding::asks(port.parse().unwrap());
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let node = Node::start(config("hub", port)).unwrap();

    let empty = LIVE.load(Relaxed);
    let began = Instant::now();
    let mut mailboxes: Vec<Mailbox> = Vec::with_capacity(MAILBOXES);
    let base = LIVE.load(Relaxed);
    mailboxes.extend((0..MAILBOXES).map(|_| node.mailbox(Default::default()).unwrap()));
    let per_mailbox = per_item(base, MAILBOXES) + std::mem::size_of::<Mailbox>() as isize;
    eprintln!("{MAILBOXES} mailboxes: {per_mailbox} bytes each, made in {:?}", began.elapsed());

    let began = Instant::now();
    let base = LIVE.load(Relaxed);
    let mut references = Vec::with_capacity(MONITORS);
    let references_take = LIVE.load(Relaxed) - base;
    for number in 0..MONITORS {
        let watcher = &mailboxes[number % MAILBOXES];
        let watched = Target::from(mailboxes[(number * 7 + 1) % MAILBOXES].pid());
        references.push(watcher.monitor(&watched).unwrap());
    }
    let per_monitor = per_item(base + references_take, MONITORS);
    eprintln!("{MONITORS} monitors: {per_monitor} bytes each, made in {:?}", began.elapsed());

    let began = Instant::now();
    for (number, reference) in references.drain(..).enumerate() {
        assert!(mailboxes[number % MAILBOXES].demonitor(&reference, false));
    }
    drop(references);
    eprintln!("taken back in {:?}", began.elapsed());
    let left = LIVE.load(Relaxed) - base;
    eprintln!("left of the monitors: {left} bytes");
    drop(mailboxes);
    let kept = LIVE.load(Relaxed) - empty;
    eprintln!("kept of everything: {kept} bytes");
    assert!(kept < KEPT, "{kept} bytes stay");
    assert!(per_mailbox < PER_MAILBOX, "{per_mailbox} bytes for an idle mailbox");
    assert!(per_monitor < PER_MONITOR, "{per_monitor} bytes for a monitor");

    connections(&node, port);
    outstanding::asked(&node, port);
}

fn connections(node: &Node, port: u16) {
    let others: Vec<Node> =
        (0..LINKS).map(|number| Node::start(config(&format!("leaf{number}"), port)).unwrap()).collect();
    let base = LIVE.load(Relaxed);
    for other in &others {
        other.connect("hub@localhost", Some(Duration::from_secs(20))).unwrap();
        assert!(other.ping("hub@localhost", Some(Duration::from_secs(20))).unwrap());
    }
    // Both ends live in this process.
    let per_link = per_item(base, LINKS) / 2;
    eprintln!("{LINKS} connections: {per_link} bytes each");
    assert!(per_link < PER_LINK, "{per_link} bytes for a connection");
    drop(others);
    assert!(node.is_alive());
}
