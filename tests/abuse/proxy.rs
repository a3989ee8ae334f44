//! A bad network between two nodes: a proxy that delays, slows down, splits, stalls one way, and cuts at a byte.
//!
//! The rules may change while connections are open. `FakeEpmd::route` makes a node take the way through it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// Which way: from the caller to the called, or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    There,
    Back,
}

/// What happens at a byte.
pub type Trigger = Arc<dyn Fn() + Send + Sync>;

/// What the network does to one way of each connection.
#[derive(Clone)]
pub struct Rules {
    /// Every piece waits so long.
    pub delay: Duration,
    /// Bytes a second.
    pub rate: Option<usize>,
    /// Largest piece passed on at once.
    pub piece: usize,
    /// Nothing passes, and nothing is closed.
    pub stalled: bool,
    /// After so many bytes both ways are reset.
    pub cut_at: Option<usize>,
    /// After so many bytes something happens, and then the rest passes.
    pub trigger: Option<(usize, Trigger)>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            delay: Duration::ZERO,
            rate: None,
            piece: usize::MAX,
            stalled: false,
            cut_at: None,
            trigger: None,
        }
    }
}

#[derive(Default)]
struct Shared {
    rules: Mutex<[Rules; 2]>,
    open: Mutex<Vec<TcpStream>>,
    stop: AtomicBool,
}

/// See the module.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

/// What a slow network holds: little, so that what waits waits at the sender.
const SLOW_BUFFER: usize = 8 << 10;
/// As over Ethernet.
const SEGMENT: u32 = 1400;
/// How often a stalled or idle way looks at its rules.
const LOOK: Duration = Duration::from_millis(10);

impl Proxy {
    /// In front of `target` on loopback.
    pub fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // Over loopback a segment may be larger than a slow network's buffer, which then opens only by a timer.
        SockRef::from(&listener).set_tcp_mss(SEGMENT).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let inside = shared.clone();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                if inside.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(caller), Ok(called)) = (caller, TcpStream::connect(("127.0.0.1", target))) else {
                    continue;
                };
                inside.join(caller, called);
            }
        });
        Proxy { port, shared }
    }

    /// Changes the rules of one way, for connections that are open as well.
    pub fn rules(&self, way: Way, change: impl FnOnce(&mut Rules)) {
        change(&mut self.shared.rules.lock().unwrap()[way as usize]);
    }

    /// Resets everything that is open.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            reset(&stream);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
    let _ = stream.shutdown(Shutdown::Both);
}

impl Shared {
    fn join(self: &Arc<Self>, caller: TcpStream, called: TcpStream) {
        for stream in [&caller, &called] {
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(LOOK)).unwrap();
            if self.rules.lock().unwrap().iter().any(|rules| rules.rate.is_some()) {
                SockRef::from(stream).set_recv_buffer_size(SLOW_BUFFER).unwrap();
            }
        }
        {
            let mut open = self.open.lock().unwrap();
            // Those that have ended are forgotten here.
            open.retain(|stream| stream.peer_addr().is_ok());
            open.push(caller.try_clone().unwrap());
            open.push(called.try_clone().unwrap());
        }
        for (way, from, to) in [
            (Way::There, caller.try_clone().unwrap(), called.try_clone().unwrap()),
            (Way::Back, called, caller),
        ] {
            let shared = self.clone();
            std::thread::spawn(move || shared.carry(way, from, to));
        }
    }

    fn carry(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut passed = 0;
        let mut buffer = vec![0; 64 << 10];
        let mut triggered = false;
        loop {
            let rules = self.rules.lock().unwrap()[way as usize].clone();
            if rules.stalled {
                // Nothing is read either; the end of the other way is noticed by its own thread.
                if self.stop.load(Ordering::Relaxed) || to.peer_addr().is_err() {
                    return;
                }
                std::thread::park_timeout(LOOK);
                continue;
            }
            // A twentieth of a second's worth at a time.
            let slice = rules.rate.map_or(usize::MAX, |rate| (rate / 20).max(64));
            let most = buffer.len().min(rules.piece).min(slice);
            let count = match from.read(&mut buffer[..most]) {
                Ok(0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => {
                    reset(&to);
                    return;
                }
            };
            let began = Instant::now();
            if !rules.delay.is_zero() {
                std::thread::park_timeout(rules.delay);
            }
            let mut piece = &buffer[..count];
            if let Some((at, trigger)) = rules.trigger.filter(|_| !triggered) {
                if passed + count >= at {
                    let (before, after) = piece.split_at(at.saturating_sub(passed).min(count));
                    let _ = to.write_all(before);
                    passed += before.len();
                    triggered = true;
                    trigger();
                    piece = after;
                }
            }
            if let Some(cut) = rules.cut_at {
                if passed + piece.len() >= cut {
                    let _ = to.write_all(&piece[..cut.saturating_sub(passed).min(piece.len())]);
                    reset(&to);
                    reset(&from);
                    return;
                }
            }
            if to.write_all(piece).is_err() {
                reset(&from);
                return;
            }
            passed += piece.len();
            if let Some(rate) = rules.rate {
                let due = Duration::from_secs_f64(count as f64 / rate as f64);
                while let Some(left) = due.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
                    std::thread::park_timeout(left);
                }
            }
        }
    }
}
