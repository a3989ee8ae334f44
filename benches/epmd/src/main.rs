//! The embedded epmd against the stock one: registrations and lookups per second, and names held.
//!
//! Each server runs in a process of its own, the rounds alternate between them, and the median counts. Prints ours, stock, and
//! their ratio; a ratio of 1.0 or more is the goal. Loopback only, about half a minute.
//!
//!     cargo run --release --manifest-path benches/epmd/Cargo.toml [first port, default 14050]

use erlnode::net::epmd::EpmdConfig;
use erlnode::net::epmd_server::EpmdServer;
use erlnode::proto::epmd::{
    parse_alive2, parse_names, parse_port2, Alive2Reply, NodeInfo, Port2Reply, Request,
};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Odd, so that there is a median.
const ROUNDS: usize = 25;
/// Operations of one round; short rounds that alternate see the same noise.
const LOOKUPS: usize = 500;
const REGISTRATIONS: usize = 200;
/// The stock epmd uses `select` and ends up deaf beyond 1024 descriptors; ours goes on alone from here.
const STOCK_NAMES: usize = 900;
const MANY_NAMES: usize = 10_000;
const THREADS: usize = 4;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, port] = &arguments[..] {
        if mode == "serve" {
            return serve(port.parse().expect("port"));
        }
    }
    let first: u16 = arguments.get(1).map_or(14050, |text| text.parse().expect("first port"));
    let mut servers = [Server::start("ours", first), Server::start("stock", first + 1)];

    println!(
        "{:<44}{:>12}{:>12}{:>8}{:>12}{:>12}",
        "", "ours", "stock", "ratio", "ours CPU ms", "stock CPU ms"
    );
    let registrations = |server: &Server| {
        let mut held = Vec::with_capacity(REGISTRATIONS);
        let rate = per_second(REGISTRATIONS, || held.push(server.register(&format!("r{}", held.len()))));
        drop(held);
        server.settle(0);
        rate
    };
    compare("registrations/s", &servers, registrations);
    for names in [10, STOCK_NAMES] {
        for server in &mut servers {
            server.hold(names);
        }
        compare(&format!("lookups/s, {names} names held"), &servers, lookups);
        compare(&format!("lookups/s, {names} names held, {THREADS} clients"), &servers, lookups_at_once);
    }
    compare("registrations/s on top of those", &servers, |server| {
        let mut held = Vec::new();
        let rate = per_second(50, || held.push(server.register(&format!("more{}", held.len()))));
        drop(held);
        server.settle(STOCK_NAMES);
        rate
    });
    compare("NAMES/s with those", &servers, |server| per_second(50, || drop(server.names())));

    let [ours, _stock] = &mut servers;
    let started = Instant::now();
    ours.hold(MANY_NAMES);
    let rate = (MANY_NAMES - STOCK_NAMES) as f64 / started.elapsed().as_secs_f64();
    println!("{:<44}{:>12}", "names held by ours", ours.names().len());
    println!("{:<44}{rate:>12.0}", "registrations/s on the way there");
    println!("{:<44}{:>12.0}", "lookups/s with those", lookups(ours));
    println!("{:<44}{:>12.0}", "memory with those, KiB", ours.resident_kib());
}

fn lookups(server: &Server) -> f64 {
    per_second(LOOKUPS, || server.lookup("n5"))
}

fn lookups_at_once(server: &Server) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..LOOKUPS / THREADS).for_each(|_| server.lookup("n5")));
        }
    });
    LOOKUPS as f64 / started.elapsed().as_secs_f64()
}

/// Medians of alternating rounds, the median of the ratios of neighbouring rounds, and the servers' processor time.
fn compare(what: &str, servers: &[Server; 2], round: impl Fn(&Server) -> f64) {
    let mut rates = [vec![], vec![]];
    let mut busy = [0.0; 2];
    for _ in 0..ROUNDS {
        for (index, server) in servers.iter().enumerate() {
            let before = server.busy_ms();
            rates[index].push(round(server));
            busy[index] += server.busy_ms() - before;
        }
    }
    let mut ratios: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(ours, stock)| ours / stock).collect();
    let ratio = median(&mut ratios);
    let [ours, stock] = rates.map(|mut rates| median(&mut rates));
    let [ours_ms, stock_ms] = busy;
    println!("{what:<44}{ours:>12.0}{stock:>12.0}{ratio:>8.2}{ours_ms:>12.0}{stock_ms:>12.0}");
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn per_second(count: usize, mut operation: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..count).for_each(|_| operation());
    count as f64 / started.elapsed().as_secs_f64()
}

struct Server {
    what: &'static str,
    port: u16,
    child: Child,
    held: Vec<TcpStream>,
}

impl Server {
    fn start(what: &'static str, port: u16) -> Server {
        let mut command = match what {
            "ours" => Command::new(std::env::current_exe().expect("own path")),
            _ => Command::new("epmd"),
        };
        match what {
            "ours" => command.args(["serve", &port.to_string()]),
            _ => command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]),
        };
        let child = command.stdin(Stdio::null()).spawn().expect("start the server");
        let server = Server { what, port, child, held: Vec::new() };
        let end = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "{what} does not answer");
        }
        server
    }

    /// Registers until so many names are held, or the server has no more descriptors.
    fn hold(&mut self, names: usize) {
        while self.held.len() < names {
            match self.try_register(&format!("n{}", self.held.len())) {
                Some(socket) => self.held.push(socket),
                None => break,
            }
        }
    }

    fn register(&self, name: &str) -> TcpStream {
        self.try_register(name).expect("registered")
    }

    fn try_register(&self, name: &str) -> Option<TcpStream> {
        let mut socket = self.connect();
        socket.write_all(&Request::alive2(&NodeInfo::new(name, 9)).expect("name")).ok()?;
        let mut reply = [0; 6];
        socket.read_exact(&mut reply).ok()?;
        matches!(parse_alive2(&reply), Ok(Some(Alive2Reply::Registered(_)))).then_some(socket)
    }

    fn lookup(&self, name: &str) {
        let reply = self.ask(&Request::port2(name).expect("name"));
        assert!(matches!(parse_port2(&reply), Ok(Some(Port2Reply::Known(_)))), "{}: {reply:?}", self.what);
    }

    fn names(&self) -> Vec<String> {
        let reply = self.ask(&Request::names());
        parse_names(&reply).expect("NAMES reply").into_iter().map(|node| node.alive).collect()
    }

    /// Waits until the server forgot all names but so many.
    fn settle(&self, names: usize) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.names().len() > names {
            assert!(Instant::now() < end, "{} does not forget", self.what);
        }
    }

    /// Resident memory of the server process; 0 where the system does not say.
    fn resident_kib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
    }

    /// Processor time the server used so far; 0 where the system does not say.
    fn busy_ms(&self) -> f64 {
        let text =
            std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).unwrap_or_default();
        text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
    }

    fn ask(&self, request: &[u8]) -> Vec<u8> {
        let mut socket = self.connect();
        socket.write_all(request).expect("send");
        let mut reply = Vec::new();
        socket.read_to_end(&mut reply).expect("reply");
        reply
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("connect")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our server as a node would run it: one thread.
fn serve(port: u16) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let mut config = EpmdConfig::from_env().expect("ERL_EPMD_ADDRESS");
        config.port = port;
        if config.addresses.is_empty() {
            config.addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        let _server = EpmdServer::start(&config).expect("bind");
        std::future::pending::<()>().await;
    });
}
