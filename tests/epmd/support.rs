//! Ports, raw requests, helper processes, and waiting with a deadline.

use erlnode::net::epmd::EpmdConfig;
use erlnode::proto::epmd::{NodeInfo, Request};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

/// Longest wait for anything that is expected to happen at once; generous, for machines that do other things.
pub const SOON: Duration = Duration::from_secs(20);
/// The promise: everybody is registered again this long after an epmd is there again.
pub const AGAIN: Duration = Duration::from_secs(3);

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, different for every call.
pub fn free_port() -> u16 {
    // Two runs at once start at different places.
    let offset = (std::process::id() % 7 * 14) as u16;
    for _ in 0..98 {
        let port = 14001 + (offset + NEXT_PORT.fetch_add(1, Ordering::Relaxed)) % 98;
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 14001 and 14098");
}

/// Loopback only.
pub fn config(port: u16, embedded: bool) -> EpmdConfig {
    EpmdConfig { port, addresses: vec![Ipv4Addr::LOCALHOST.into()], embedded }
}

pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + SOON
}

/// Waits for the future, but not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("did not happen within {SOON:?}: {what}"),
    }
}

/// Asks again and again, with a round trip each time, until the answer is yes.
pub async fn until<F: Future<Output = bool>>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) {
    let end = Instant::now() + limit;
    while !ask().await {
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        tokio::task::yield_now().await;
    }
}

/// `Len:16, Body`
pub fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u16).to_be_bytes()[..], body].concat()
}

pub fn alive2(name: &str) -> Vec<u8> {
    Request::alive2(&NodeInfo::new(name, 9)).unwrap()
}

/// A connection on which `bytes` were sent.
pub async fn sent(port: u16, bytes: &[u8]) -> TcpStream {
    let mut socket = soon("connect", TcpStream::connect(loopback(port))).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    socket
}

/// Everything the peer says until it closes; a reset counts as the end.
pub async fn until_closed(socket: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = soon("the peer closes", socket.read_to_end(&mut all)).await;
    all
}

/// Sends `bytes` and reads until the server closes.
pub async fn talk(port: u16, bytes: &[u8]) -> Vec<u8> {
    until_closed(&mut sent(port, bytes).await).await
}

/// Registers over a raw socket and returns it with the reply.
pub async fn register(port: u16, name: &str) -> (TcpStream, [u8; 6]) {
    let mut socket = sent(port, &alive2(name)).await;
    let mut reply = [0; 6];
    soon("ALIVE2 reply", socket.read_exact(&mut reply)).await.unwrap();
    (socket, reply)
}

/// True when an epmd is there and knows the name.
pub async fn knows(port: u16, name: &str) -> bool {
    let Ok(mut socket) = soon("connect", TcpStream::connect(loopback(port))).await else {
        return false;
    };
    let request = Request::port2(name).unwrap();
    socket.write_all(&request).await.is_ok() && until_closed(&mut socket).await.get(1) == Some(&0)
}

/// True when the Erlang tool is there. If not: a skip that cannot be overlooked, and in CI a failure.
pub fn have(tool: &str, flag: &str) -> bool {
    let found = Command::new(tool).arg(flag).stdin(Stdio::null()).output().is_ok();
    if !found {
        eprintln!("SKIPPED: `{tool}` is not installed, so this test proves nothing");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "`{tool}` is missing in CI");
    }
    found
}

/// A process of ours; killed when dropped.
pub struct Helper {
    child: Child,
    lines: UnboundedReceiver<String>,
    /// Closing it asks a child of this test binary to end in good order.
    pub stdin: Option<ChildStdin>,
}

impl Helper {
    pub fn start(command: &mut Command) -> Helper {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (tell, lines) = unbounded_channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let tell_too = tell.clone();
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).all(|line| tell.send(line).is_ok())
        });
        std::thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).all(|line| tell_too.send(line).is_ok())
        });
        let stdin = child.stdin.take();
        Helper { child, lines, stdin }
    }

    /// This test binary once more, doing only `role`.
    pub fn ours(role: &str, port: u16, name: &str) -> Helper {
        Helper::ours_limited(role, port, name, None)
    }

    /// The same with at most so many descriptors.
    pub fn ours_limited(role: &str, port: u16, name: &str, descriptors: Option<u32>) -> Helper {
        let limit = descriptors.map_or("true".to_string(), |count| format!("ulimit -n {count}"));
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{limit} && exec \"$0\" \"$@\""));
        command.arg(std::env::current_exe().unwrap());
        command.args(["--exact", "support::child_process", "--nocapture", "--test-threads=1"]);
        command.env("ERLNODE_TEST_CHILD", format!("{role} {port} {name}"));
        Helper::start(&mut command)
    }

    /// The stock epmd in the foreground, ready to serve.
    pub async fn stock_epmd(port: u16) -> Helper {
        let mut command = Command::new("epmd");
        command.args(["-d", "-d", "-port", &port.to_string(), "-address", "127.0.0.1"]);
        let mut helper = Helper::start(&mut command);
        helper.wait_for("entering the main select() loop").await;
        helper
    }

    /// Waits for a line with this text.
    pub async fn wait_for(&mut self, text: &str) -> String {
        let end = tokio::time::Instant::now() + SOON * 3;
        let mut seen = String::new();
        while let Ok(Some(line)) = tokio::time::timeout_at(end, self.lines.recv()).await {
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
        panic!("the process never said \"{text}\", but:\n{seen}");
    }

    /// Everything it says until it ends.
    pub async fn output(&mut self) -> String {
        self.stdin = None;
        let mut seen = String::new();
        while let Some(line) = soon("the process ends", self.lines.recv()).await {
            seen.push_str(&line);
            seen.push('\n');
        }
        seen
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.end();
    }
}

/// Not a test by itself: what the processes started by [`Helper::ours`] do.
#[test]
fn child_process() {
    use erlnode::net::{epmd::Registration, epmd_server::EpmdServer};
    let Ok(task) = std::env::var("ERLNODE_TEST_CHILD") else {
        return;
    };
    let mut words = task.split(' ');
    let (role, port, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let port = port.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server;
        let registration;
        match role {
            "serve" => {
                server = EpmdServer::start(&config(port, true)).unwrap();
                println!("\nchild: serving {}", server.port());
            }
            "register" => {
                let info = NodeInfo::new(name, 9);
                registration = Registration::start(config(port, true), info).await.unwrap();
                println!("\nchild: registered, hosts_epmd {}", registration.hosts_epmd());
            }
            other => panic!("unknown role {other}"),
        }
        // Until the parent closes our standard input.
        let (tell, closed) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = tell.send(());
        });
        let _ = closed.await;
    });
}
