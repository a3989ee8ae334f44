//! A stock epmd on a port of its own.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::process::{Process, Signal};
use super::runtime;

/// The stock epmd, in the foreground.
pub struct Epmd {
    process: Process,
}

impl Epmd {
    /// Starts it on `port` and waits until it serves.
    pub fn start(port: u16) -> Epmd {
        let mut command = runtime::command("epmd");
        // With -d it says when it is ready; relaxed, because tests stop it while nodes are registered.
        command.args(["-d", "-relaxed_command_check", "-address", "127.0.0.1", "-port", &port.to_string()]);
        let process = Process::spawn("epmd", &mut command);
        process.wait_line("epmd running");
        Epmd { process }
    }

    /// Ends it without a word to those who are registered.
    pub fn kill(self) {
        self.process.signal(Signal::Kill);
    }
}

/// A port for an epmd that nobody else uses: below the range from which the kernel takes ports by itself, so that
/// no outgoing connection can sit on it. `ERLNODE_TEST_PORTS=FIRST-LAST` chooses another range.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = std::env::var("ERLNODE_TEST_PORTS").unwrap_or_else(|_| "20000-29999".to_owned());
    let (first, last) = range.split_once('-').expect("ERLNODE_TEST_PORTS=FIRST-LAST");
    let (first, last): (u32, u32) = (first.parse().unwrap(), last.parse().unwrap());
    let room = last - first + 1;
    for _ in 0..room {
        // Runs that happen at the same time start at different places.
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = (first + (std::process::id() * 97 + step) % room) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {range}");
}
