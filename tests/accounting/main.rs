//! The books of a sender: what it sent was delivered, or its loss was reported, to the message; nothing came twice or in
//! another order; memory and descriptors stay as they were.
//!
//! Eight threads send small and big messages to a node in a process of its own, over real sockets. Again and again that
//! process is killed, or the connection is ended from one side, or it stops to read for a while. A few seconds by default;
//! `ERLNODE_ACCOUNTING="SECONDS EVERY"` makes it last (`make soak`).

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::time::{Duration, Instant};

use erlnode::net::epmd::EpmdConfig;
use erlnode::node::config::AutoConnect;
use erlnode::term::Writer;
use erlnode::{Config, Error, Mailbox, Message, MessageKind, Node, Target};

const PATIENCE: Duration = Duration::from_secs(30);
const SENDERS: u64 = 8;
const SINKS: u64 = 4;
const RECEIVER: &str = "receiver@localhost";
/// What may be alive in memory more at the end than after the first rounds: buffers that are used again.
const MORE_ALIVE: isize = 8 << 20;
/// What the process may take more at the end than at its half: what the allocator keeps for its threads.
const MORE_RESIDENT: usize = 64 << 20;
/// Every so many messages one is answered.
const ANSWERED: u64 = 16;

/// Counts what lives.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: everything is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn node(name: &str, port: u16) -> Node {
    let epmd = EpmdConfig { port, ..EpmdConfig::default() };
    // Nobody connects by sending: a connection is up from one report of its end to the decision to go on.
    let config = Config::new(format!("{name}@localhost")).cookie("secret").auto_connect(AutoConnect::Never);
    Node::start(config.epmd(epmd)).expect("a node")
}

// ------------------------------------------------------------------------------------------------ the receiver

/// Not a test of its own: the process that receives. It writes each message into a log before it takes the next.
#[test]
fn receiver() {
    let Ok(task) = std::env::var("ERLNODE_ACCOUNTING_RECEIVER") else { return };
    let (port, log) = task.split_once(' ').unwrap();
    let node = node("receiver", port.parse().unwrap());
    let log = OpenOptions::new().append(true).create(true).open(log).unwrap();
    std::thread::scope(|scope| {
        for number in 0..SINKS {
            let sink = node.mailbox(Default::default()).unwrap();
            sink.register(&format!("sink{number}")).unwrap();
            let log = log.try_clone().unwrap();
            scope.spawn(move || receive(&sink, log));
        }
        println!("ready");
        // Until the other process goes away.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
}

/// `{m, Session, Number, Binary}` goes into the log; `flush` is answered, and so is every now and then a message.
fn receive(sink: &Mailbox, mut log: File) {
    loop {
        let message = sink.recv(None).unwrap();
        let from = Target::from(message.from().unwrap().clone());
        let mut reader = message.reader();
        let mut answer = Writer::new();
        if reader.atom_is("flush") {
            answer.atom("flushed");
        } else {
            assert!(reader.tuple_of(4) && reader.atom_is("m"));
            let (session, number) = (reader.u64().unwrap(), reader.u64().unwrap());
            assert!(reader.binary().unwrap().iter().all(|byte| *byte == number as u8));
            let mut record = [0; 16];
            record[..8].copy_from_slice(&session.to_le_bytes());
            record[8..].copy_from_slice(&number.to_le_bytes());
            log.write_all(&record).unwrap();
            if number % ANSWERED != 0 {
                continue;
            }
            answer.tuple(3).atom("got").u64(session).u64(number);
        }
        // The sender may be gone.
        let _ = sink.send(&from, &answer.finish().unwrap(), Some(PATIENCE));
    }
}

struct Receiver {
    process: Child,
}

impl Receiver {
    fn start(port: u16, log: &std::path::Path) -> Receiver {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "receiver", "--nocapture", "--test-threads=1"])
            .env("ERLNODE_ACCOUNTING_RECEIVER", format!("{port} {}", log.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("ready")));
        Receiver { process }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.process.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

// ------------------------------------------------------------------------------------------------ the senders

/// What one sender did in one round.
#[derive(Default)]
struct Account {
    session: u64,
    sent: u64,
    /// The end of the connection was reported.
    reported: bool,
}

/// Pseudo-random sizes: mostly small, some in fragments.
fn size_of(session: u64, number: u64) -> usize {
    let mixed = (session << 32 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    match mixed % 5_000 {
        0 => 3_000_000,
        1..=12 => 100_000 + (mixed >> 8) as usize % 200_000,
        13..=100 => 20_000,
        _ => (mixed >> 8) as usize % 200,
    }
}

/// Sends until the connection ends or `stop`; then every message must arrive.
fn send_all(mailbox: &Mailbox, session: u64, stop: &AtomicBool) -> Account {
    let target = Target::name_node(&format!("sink{}", session % SINKS), RECEIVER).unwrap();
    let monitor = mailbox.monitor(&target).unwrap();
    let mut account = Account { session, ..Account::default() };
    let mut answers = Answers { session, ..Answers::default() };
    while !answers.down {
        let last = stop.load(Ordering::Relaxed) && account.sent % ANSWERED == 0;
        let mut message = Writer::new();
        let body = vec![account.sent as u8; size_of(session, account.sent)];
        message.tuple(4).atom("m").u64(session).u64(account.sent).binary(&body);
        match mailbox.send(&target, &message.finish().unwrap(), Some(PATIENCE)) {
            Ok(()) => account.sent += 1,
            Err(error) => {
                assert!(matches!(error, Error::NoConnection { .. }), "{error}");
                answers.wait(mailbox, |answers| answers.down);
            }
        }
        if last {
            let whole = account.sent;
            answers.wait(mailbox, |answers| answers.down || answers.next + 1 > whole);
            break;
        }
        if account.sent % 32 == 0 {
            answers.take(mailbox.recv(Some(Duration::from_millis(1))).ok());
        }
    }
    mailbox.demonitor(&monitor, true);
    while let Ok(late) = mailbox.try_recv() {
        answers.take(Some(late));
    }
    account.reported = answers.down;
    account
}

/// What came back.
#[derive(Default)]
struct Answers {
    session: u64,
    /// The number of the next answer.
    next: u64,
    down: bool,
}

impl Answers {
    fn take(&mut self, message: Option<Message>) {
        let Some(message) = message else { return };
        if message.kind() == MessageKind::Down {
            assert!(!self.down, "reported twice");
            self.down = true;
            return;
        }
        let mut reader = message.reader();
        assert!(reader.tuple_of(3) && reader.atom_is("got"));
        if reader.u64() != Some(self.session) {
            // The receiver came to it only after the next connection was up.
            return;
        }
        assert!(!self.down, "an answer after the end of the connection");
        assert_eq!(reader.u64(), Some(self.next), "an answer is missing, or comes twice");
        self.next += ANSWERED;
    }

    fn wait(&mut self, mailbox: &Mailbox, enough: impl Fn(&Answers) -> bool) {
        while !enough(self) {
            self.take(Some(mailbox.recv(Some(PATIENCE)).expect("the end must be reported")));
        }
    }
}

// ------------------------------------------------------------------------------------------------ the books

/// What ends a round.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Killed,
    Disconnected,
    None,
}

#[test]
fn what_was_sent_was_delivered_or_reported_lost() {
    if std::env::var("ERLNODE_ACCOUNTING_RECEIVER").is_ok() {
        return;
    }
    let wish = std::env::var("ERLNODE_ACCOUNTING").unwrap_or("9 1".into());
    let (seconds, every) = wish.split_once(' ').expect("SECONDS EVERY");
    let every = Duration::from_secs(every.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds.parse().unwrap());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = std::env::temp_dir().join(format!("erlnode-accounting-{}", std::process::id()));
    let node = node("sender", port);
    let mailboxes: Vec<Mailbox> = (0..SENDERS).map(|_| node.mailbox(Default::default()).unwrap()).collect();
    let (mut sent, mut delivered, mut lost, mut round) = (0, 0, 0, 0);
    let mut receiver = Receiver::start(port, &log);
    let mut memory = Vec::new();
    while Instant::now() < end || round % 3 != 0 {
        let fault = [Fault::Killed, Fault::Disconnected, Fault::None][round % 3];
        node.connect(RECEIVER, Some(PATIENCE)).unwrap();
        let stop = AtomicBool::new(false);
        let accounts: Vec<Account> = std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .zip(&mailboxes)
                .map(|(number, mailbox)| {
                    let (session, stop) = (round as u64 * SENDERS + number, &stop);
                    scope.spawn(move || send_all(mailbox, session, stop))
                })
                .collect();
            let pause = node.mailbox(Default::default()).unwrap();
            // In the middle, the receiver stops reading for a while: queues fill, and senders wait.
            let _ = pause.recv(Some(every / 2));
            receiver.signal("-STOP");
            let _ = pause.recv(Some(every / 8));
            receiver.signal("-CONT");
            let _ = pause.recv(Some(every / 2));
            match fault {
                Fault::Killed => receiver.kill(),
                Fault::Disconnected => drop(node.disconnect(RECEIVER)),
                Fault::None => stop.store(true, Ordering::Relaxed),
            }
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        if fault == Fault::Killed {
            receiver = Receiver::start(port, &log);
        } else {
            flush(&node);
        }
        let arrived = read_log(&log);
        for account in &accounts {
            let got = arrived.get(&account.session).copied().unwrap_or_default();
            let missing = account.sent - got;
            assert!(account.reported || missing == 0, "{missing} messages were lost without a report");
            assert!(fault == Fault::None || account.reported, "the end of the connection was not reported");
            (sent, delivered, lost) = (sent + account.sent, delivered + got, lost + missing);
        }
        round += 1;
        memory.push((LIVE.load(Ordering::Relaxed), resident(), descriptors()));
    }
    let _ = std::fs::remove_file(&log);
    assert_eq!(sent, delivered + lost);
    let early = memory.iter().take(3).map(|(alive, ..)| *alive).max().unwrap();
    let half = memory.iter().take(round.div_ceil(2)).map(|(_, resident, _)| *resident).max().unwrap();
    let (late, resident, open) = *memory.last().unwrap();
    eprintln!("{round} rounds: {sent} sent = {delivered} delivered + {lost} reported lost");
    eprintln!(
        "alive {} -> {} KiB, resident {} -> {} MiB, descriptors {} -> {open}",
        early >> 10,
        late >> 10,
        half >> 20,
        resident >> 20,
        memory[2].2
    );
    assert!(delivered > 0 && lost > 0, "nothing was shown");
    assert!(late < early + MORE_ALIVE, "memory grows: {memory:?}");
    assert!(resident < half + MORE_RESIDENT, "the process grows: {memory:?}");
    assert!(open <= memory[2].2, "descriptors grow: {memory:?}");
}

/// Returns when the sinks have taken everything that arrived.
fn flush(node: &Node) {
    node.connect(RECEIVER, Some(PATIENCE)).unwrap();
    let mailbox = node.mailbox(Default::default()).unwrap();
    for number in 0..SINKS {
        let sink = Target::name_node(&format!("sink{number}"), RECEIVER).unwrap();
        mailbox.send(&sink, b"w\x05flush", Some(PATIENCE)).unwrap();
        mailbox.recv(Some(PATIENCE)).unwrap();
    }
}

/// Messages of each session, which must be there from the first on without a gap; the log is emptied.
fn read_log(path: &PathBuf) -> HashMap<u64, u64> {
    let bytes = std::fs::read(path).unwrap_or_default();
    OpenOptions::new().write(true).create(true).truncate(true).open(path).unwrap();
    let mut counts: HashMap<u64, u64> = HashMap::new();
    // Records are written whole, so a process that was killed leaves no half one.
    for record in bytes.chunks_exact(16) {
        let session = u64::from_le_bytes(record[..8].try_into().unwrap());
        let number = u64::from_le_bytes(record[8..].try_into().unwrap());
        let count = counts.entry(session).or_default();
        assert_eq!(number, *count, "a gap, a repetition or another order");
        *count += 1;
    }
    counts
}

/// Bytes of memory of this process.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
