//! No memory: whatever takes more than a little of it, because a peer or a caller wants it, fails as a call or a connection, and the
//! program goes on. Each scene is played again and again; the first time the first large allocation fails, then the second, up to
//! the time when none is left to fail.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::{validate, Style, Term, Text, Writer};
use erlnode::{Config, Error, Mailbox, MailboxOptions, Node, Target};

/// Smaller ones are those of fixed size, and are not asked for: without them no program gets far.
const LARGE: usize = 128 << 10;
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// Fails one allocation of more than [`LARGE`] bytes.
struct Scarce;

/// Large allocations until the one that fails; 0 when none is to fail.
static UNTIL: AtomicUsize = AtomicUsize::new(0);
/// Those that failed.
static FAILED: AtomicUsize = AtomicUsize::new(0);

fn fails(size: usize) -> bool {
    if size <= LARGE || UNTIL.load(SeqCst) == 0 {
        return false;
    }
    let due = UNTIL.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) == Ok(1);
    if due {
        FAILED.fetch_add(1, SeqCst);
        if std::env::var_os("ERLNODE_SCARCITY_TRACE").is_some() {
            eprintln!("{size} bytes: {}", std::backtrace::Backtrace::force_capture());
        }
    }
    due
}

// SAFETY: everything is left to the system's allocator, or fails as that may.
unsafe impl GlobalAlloc for Scarce {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if fails(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() && fails(size) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(place, layout, size) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static SCARCE: Scarce = Scarce;

// Large allocations that failed in all scenes of a test; some scenes need none.
thread_local!(static NEEDED: Cell<usize> = const { Cell::new(0) });

/// One test at a time: all allocations of the process are counted.
fn alone() -> MutexGuard<'static, ()> {
    static STAGE: Mutex<()> = Mutex::new(());
    STAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Plays the scene until nothing fails any more; `true` from it means that it did what it was to do. At the end of a test
/// [`enough`] looks whether there was anything to fail.
fn play(name: &str, scene: impl Fn() -> bool) {
    let mut errors = 0;
    for nth in 1.. {
        // Seen when it aborts.
        eprintln!("{name}: without allocation {nth}");
        FAILED.store(0, SeqCst);
        UNTIL.store(nth, SeqCst);
        let done = scene();
        UNTIL.store(0, SeqCst);
        errors += usize::from(!done);
        if FAILED.load(SeqCst) == 0 {
            assert!(done, "{name}: it does not even work with memory");
            println!("{name}: {} large allocations failed, {errors} times as an error", nth - 1);
            NEEDED.set(NEEDED.get() + nth - 1);
            return;
        }
    }
}

/// Something large failed in this test.
fn enough() {
    assert!(NEEDED.get() > 4, "nothing large was ever needed");
}

/// Whether it worked; that there was no memory is the only error that may come.
fn worked<T>(outcome: Result<T, Error>) -> bool {
    match outcome {
        Ok(_) => true,
        Err(Error::Limit(text)) if text.contains("no memory") => false,
        Err(error) => panic!("{error:?}"),
    }
}

fn list(count: usize) -> Vec<u8> {
    let head = [&[108][..], &(count as u32).to_be_bytes()].concat();
    let items = (0..count as u32).flat_map(|n| [&[98][..], &(n | 0x4000_0000).to_be_bytes()].concat());
    head.into_iter().chain(items).chain([106]).collect()
}

fn binary(length: usize) -> Vec<u8> {
    [&[109][..], &(length as u32).to_be_bytes(), &vec![7; length]].concat()
}

fn map(pairs: u32) -> Vec<u8> {
    let head = [&[116][..], &pairs.to_be_bytes()].concat();
    // Not in their order.
    let pairs =
        (0..pairs).flat_map(|n| [&[98][..], &n.wrapping_mul(2_654_435_769).to_be_bytes(), &[106]].concat());
    head.into_iter().chain(pairs).collect()
}

fn terms() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a list", list(100_000)),
        ("a binary", binary(1 << 20)),
        ("a map", map(50_000)),
        ("a string", [&[107, 0xff, 0xff][..], &[1; 0xffff]].concat()),
        (
            "strings",
            [&[108, 0, 0, 0, 4][..], &[&[107, 0x7f, 0xff][..], &[1; 0x7fff]].concat().repeat(4), &[106]]
                .concat(),
        ),
        ("a big integer", [&[111, 0, 3, 0, 0, 0][..], &[9; 3 << 16]].concat()),
        ("a bit string", [&[77, 0, 3, 0, 0, 5][..], &[8; 3 << 16]].concat()),
        ("a million levels", [[104, 1].repeat(1_000_000), vec![106]].concat()),
        ("a million levels of maps", [[116, 0, 0, 0, 1, 106].repeat(300_000), vec![106]].concat()),
        (
            "many small lists",
            [&[108, 0, 1, 0, 0][..], &[108, 0, 0, 0, 1, 104, 1, 106, 106].repeat(1 << 16), &[106]].concat(),
        ),
        ("a fun", fun(300_000)),
    ]
}

/// A fun with so many bytes in its free variables.
fn fun(length: usize) -> Vec<u8> {
    let mut body = vec![0];
    body.extend([3; 16]);
    body.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    body.extend(b"w\x01ma\x01a\x02");
    body.extend(b"Xw\x01n\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01");
    body.extend(binary(length));
    [&[112][..], &(body.len() as u32 + 4).to_be_bytes(), &body].concat()
}

#[test]
fn terms_are_decoded_or_refused() {
    let _alone = alone();
    for (name, bytes) in terms() {
        validate(&bytes, &[]).unwrap_or_else(|error| panic!("{name}: {error}"));
        play(&format!("decode {name}"), || worked(Term::decode(&bytes)));
    }
    let zeros = Term::decode(&binary(4 << 20)).unwrap().to_external_compressed().unwrap();
    play("inflate", || worked(Term::decode_external(&zeros)));
    enough();
}

#[test]
fn terms_are_encoded_or_refused() {
    let _alone = alone();
    for (name, bytes) in terms() {
        let term = Term::decode(&bytes).unwrap();
        play(&format!("encode {name}"), || worked(term.to_bytes()));
        play(&format!("write {name}"), || {
            let mut writer = Writer::new();
            let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                writer.tuple(2).term(&term).raw(&bytes);
                writer.check()
            }));
            written.is_ok_and(worked)
        });
    }
    let whole = Term::decode(&binary(1 << 20)).unwrap();
    play("deflate", || worked(whole.to_external_compressed()));
    // These have no way to fail, and unwind.
    let (long, many) = (list(50_000), map(50_000));
    play("text", || std::panic::catch_unwind(|| Text::new(&long, Style::erlang()).try_to_string()).is_ok());
    play("validate", || std::panic::catch_unwind(|| validate(&many, &[])).is_ok());
    enough();
}

struct Pair {
    a: Node,
    b: Node,
    from: Mailbox,
    to: Mailbox,
}

impl Pair {
    fn new() -> Pair {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = |name: &str| {
            let epmd = EpmdConfig { port, ..EpmdConfig::default() };
            Config::new(name).cookie("scarce").epmd(epmd)
        };
        let (a, b) =
            (Node::start(config("a@localhost")).unwrap(), Node::start(config("b@localhost")).unwrap());
        let (from, to) = (a.mailbox(Default::default()).unwrap(), b.mailbox(Default::default()).unwrap());
        Pair { a, b, from, to }
    }

    /// Sends one message: whether it arrived. Else the sender was told, or its monitor was.
    fn sends(&self, message: &[u8]) -> bool {
        let to = Target::from(self.to.pid());
        self.from.monitor(&to).unwrap();
        if self.from.send(&to, message, PATIENCE).is_err() {
            self.forget();
            return false;
        }
        // Which of the two comes tells what became of it.
        loop {
            if let Ok(message) = self.to.recv(Some(Duration::from_millis(20))) {
                drop(message);
                self.forget();
                return true;
            }
            if self.from.try_recv().is_ok() {
                self.forget();
                return false;
            }
        }
    }

    /// Both mailboxes are empty again.
    fn forget(&self) {
        while self.from.try_recv().is_ok() || self.to.try_recv().is_ok() {}
    }
}

#[test]
fn messages_arrive_or_somebody_is_told() {
    let _alone = alone();
    let pair = Pair::new();
    for (name, message) in [
        ("a big message", binary(6 << 20)),
        ("one below the size of fragments", binary(60_000)),
        ("a list", list(200_000)),
    ] {
        play(&format!("send {name}"), || {
            // The connection may have been the price of the last time.
            let connected = worked_or_lost(pair.a.connect("b@localhost", PATIENCE));
            connected && pair.sends(&message)
        });
        pair.a.connect("b@localhost", PATIENCE).unwrap();
        pair.forget();
        assert!(pair.sends(&message), "{name}: all is as before");
    }
    // Here, from mailbox to mailbox.
    let here = pair.a.mailbox(Default::default()).unwrap();
    let message = binary(1 << 20);
    play("send here", || worked(pair.from.send(&Target::from(here.pid()), &message, PATIENCE)));
    play("close", || {
        let gone = pair.a.mailbox(Default::default()).unwrap();
        worked(gone.close(&message))
    });
    pair.b.stop();
    enough();
}

/// A connection that broke for want of memory is an end that may come.
fn worked_or_lost(outcome: Result<(), Error>) -> bool {
    match outcome {
        Err(error) if error.is_disconnect() => false,
        other => worked(other),
    }
}

#[test]
fn a_mailbox_that_cannot_grow_ends() {
    let _alone = alone();
    const MANY: usize = 20_000;
    let pair = Pair::new();
    play("a mailbox grows", || {
        let crowded = pair.a.mailbox(MailboxOptions::default()).unwrap();
        let to = Target::from(crowded.pid());
        for _ in 0..MANY {
            pair.from.send(&to, &[106], PATIENCE).unwrap();
        }
        // It is whole, or gone.
        assert!(!crowded.is_alive() || crowded.len() == MANY);
        crowded.is_alive()
    });
    play("signals in a crowd", || {
        let crowded = pair.a.mailbox(MailboxOptions::default()).unwrap();
        let gone = pair.a.mailbox(MailboxOptions::default()).unwrap();
        let to = Target::from(crowded.pid());
        for _ in 0..MANY / 2 {
            let _ = pair.from.send(&to, &[106], PATIENCE);
        }
        let monitors = (0..MANY / 2).filter(|_| crowded.monitor(&Target::from(gone.pid())).is_ok()).count();
        drop(gone);
        let alive = crowded.is_alive();
        let mut downs = 0;
        while let Ok(message) = crowded.try_recv() {
            downs += usize::from(message.kind() == erlnode::MessageKind::Down);
        }
        assert!(!alive || downs == monitors, "{downs} of {monitors}");
        alive && monitors == MANY / 2
    });
    enough();
}
