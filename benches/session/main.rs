//! What a session costs beside a BEAM's: the atom cache on and off, calls beside a big transfer, idle connections, spawns.
//!
//! `cargo bench --bench session [-- cache|beside|idle|spawn]`; needs `erl`. Every figure is beside its peer of the same run, in
//! turns, as medians; a busy machine disturbs both alike.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::{Term, Writer};
use erlnode::{Config, Mailbox, Node, Target};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
/// How long echoes are asked for, idle and beside a transfer, and the messages of that.
const ASKED: Duration = Duration::from_secs(3);
const BIG: usize = 64 << 20;
/// Connections of the row about idle ones, and how long they are watched.
const LINKS: usize = 1_000;
const WATCHED: Duration = Duration::from_secs(20);

/// What the BEAM runs: sinks that count (`sink.erl`), an echo, and a client that spawns on a node and says how long it took.
const BEAM: &str = r#"
    {ok, sink, Binary} = compile:file(SINK, [binary]),
    {module, sink} = code:load_binary(sink, "sink.erl", Binary),
    sink:start(sink),
    [register(Name, spawn(sink, Name, [])) || Name <- [echo, drain, bulk, asker]],
    Spawn = fun Spawn() -> receive {P, Node, Count} ->
        Begin = erlang:monotonic_time(microsecond),
        [begin {_, R} = spawn_monitor(Node, bench, nothing, []), receive {'DOWN', R, _, _, _} -> ok end end
            || _ <- lists:seq(1, Count)],
        P ! {spawned, erlang:monotonic_time(microsecond) - Begin}, Spawn() end end,
    register(spawner, spawn(Spawn)),
    {ok, bench, Code} = compile:forms([{attribute, 1, module, bench}, {attribute, 1, export, [{nothing, 0}]},
        {function, 1, nothing, 0, [{clause, 1, [], [], [{atom, 1, ok}]}]}]),
    {module, bench} = code:load_binary(bench, "bench.erl", Code),
    io:format("ready~n"), receive stop -> ok end."#;

/// A child process that ends with us.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) -> Running {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    assert!(lines.any(|line| line.expect("text") == "ready"));
    std::thread::spawn(move || lines.for_each(drop));
    Running(child)
}

fn beam(name: &str, port: u16) -> Running {
    let mut command = Command::new("erl");
    command.args(["-noshell", "-start_epmd", "false", "-hidden", "-sname", name, "-setcookie", "secret"]);
    let sink = concat!("\"", env!("CARGO_MANIFEST_DIR"), "/benches/session/sink.erl\"");
    run(command.args(["-eval", &BEAM.replace("SINK", sink)]).env("ERL_EPMD_PORT", port.to_string()))
}

fn config(name: &str, port: u16) -> Config {
    let epmd = EpmdConfig { port, ..EpmdConfig::default() };
    Config::new(format!("{name}@localhost")).cookie("secret").epmd(epmd)
}

fn at(name: &str) -> Target {
    Target::name_node(name, "beam@localhost").expect("names")
}

fn term(text: &str) -> Vec<u8> {
    Term::parse(text).and_then(|term| term.to_bytes()).expect("a term")
}

/// `{n, Count, Self}`.
fn announce(mailbox: &Mailbox, to: &Target, count: usize) {
    let mut writer = Writer::new();
    writer.tuple(3).atom("n").u64(count as u64).pid(&mailbox.pid());
    mailbox.send(to, &writer.finish().expect("a term"), PATIENCE).expect("sent");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Messages as programs send them, to a registered name.
const SHAPES: [(&str, &str); 6] = [
    ("{ping, 17}", "{ping,17}"),
    ("GenServer.cast", "{'$gen_cast',{set_value,counter,17}}"),
    (
        "GenServer.call",
        "{'$gen_call',{'Elixir.MyApp.Client',[alias]},{get,some_key_of_mine,[{timeout,5000},{mode,fast_and_loose}]}}",
    ),
    (
        "Phoenix broadcast",
        "#{'__struct__'=>'Elixir.Phoenix.Socket.Broadcast',topic=><<\"room:lobby\">>,event=><<\"new_msg\">>,\
         payload=>#{body=><<\"hello\">>,user_id=>42}}",
    ),
    (
        "Elixir struct",
        "{order_placed,#{'__struct__'=>'Elixir.MyApp.Orders.Order',id=>17,status=>pending,customer=>nil,\
         currency=>'EUR',total=>1999,inserted_at=>nil,updated_at=>nil}}",
    ),
    ("options", "{m,{get,some_key_of_mine},[{timeout,5000},{mode,fast_and_loose}],<<\"payload\">>}"),
];

fn cache(port: u16) {
    const COUNT: usize = 100_000;
    let nodes = [true, false].map(|on| {
        let name = if on { "on" } else { "off" };
        Node::start(config(name, port).atom_cache(on)).expect("a node")
    });
    for (shape, text) in SHAPES {
        let message = term(text);
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..7 {
            for (node, rates) in nodes.iter().zip(&mut rates) {
                let mailbox = node.mailbox(Default::default()).expect("a mailbox");
                announce(&mailbox, &at("sink"), COUNT);
                let began = Instant::now();
                for _ in 0..COUNT {
                    mailbox.send(&at("sink"), &message, PATIENCE).expect("sent");
                }
                mailbox.recv(PATIENCE).expect("done");
                rates.push(COUNT as f64 / began.elapsed().as_secs_f64());
            }
        }
        let [on, off] = rates.map(median);
        println!("{shape} to a BEAM: cache on {on:.0}/s, off {off:.0}/s, ratio {:.2}", on / off);
    }
}

/// Echoes of 1 kB, one after the other, in microseconds.
struct Echoes {
    median: f64,
    p99: f64,
    count: usize,
}

fn echo(mailbox: &Mailbox, to: &Target) -> Echoes {
    let mut message = Writer::new();
    message.tuple(2).pid(&mailbox.pid()).binary(&[7; 1000]);
    let message = message.finish().expect("a term");
    let (until, mut times) = (Instant::now() + ASKED, Vec::new());
    while Instant::now() < until {
        let began = Instant::now();
        mailbox.send(to, &message, PATIENCE).expect("sent");
        mailbox.recv(PATIENCE).expect("an answer");
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    let count = times.len();
    Echoes { median: times[count / 2], p99: times[count * 99 / 100], count }
}

/// The same, asked by the BEAM `node`.
fn echo_of_beam(mailbox: &Mailbox, node: &str, to: &str) -> Echoes {
    let ask = format!("{{ask,{{echo,'{to}'}},{},", ASKED.as_millis());
    tell(mailbox, "asker", node, &ask);
    let answer = mailbox.recv(PATIENCE).expect("an answer");
    let mut reader = answer.reader();
    assert!(reader.tuple_of(3));
    let mut next = || reader.u64().expect("a number") as f64;
    Echoes { median: next(), p99: next(), count: next() as usize }
}

/// The tuple that begins so, and ends with our pid.
fn tell(mailbox: &Mailbox, name: &str, node: &str, start: &str) {
    let mut message = term(&format!("{start}0}}"));
    // The place of the pid is the last term: a small integer.
    message.truncate(message.len() - 2);
    let mut pid = Writer::new();
    pid.pid(&mailbox.pid());
    message.extend_from_slice(&pid.finish().expect("a term"));
    mailbox.send(&Target::name_node(name, node).expect("names"), &message, PATIENCE).expect("sent");
}

fn say(pair: &str, idle: &Echoes, busy: &Echoes, rate: f64) {
    println!(
        "{pair}: idle median {:.0} us, p99 {:.0} us; beside {rate:.0} MB/s median {:.0} us, p99 {:.0} us of {}, {:.1} x the idle p99",
        idle.median,
        idle.p99,
        busy.median,
        busy.p99,
        busy.count,
        busy.p99 / idle.p99
    );
}

/// Echoes beside big messages from `node` to `to`.
fn beside_ours(pair: &str, node: &Node, to: &str, ask: &dyn Fn(&Mailbox) -> Echoes) {
    let [caller, sender] = [(); 2].map(|()| node.mailbox(Default::default()).expect("a mailbox"));
    let idle = ask(&caller);
    let mut big = Writer::with_capacity(BIG + 5);
    big.binary(&vec![1; BIG]);
    let big = big.finish().expect("a term");
    let drain = Target::name_node("drain", to).expect("names");
    let (began, over) = (Instant::now(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let transfer = scope.spawn(|| {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                sender.send(&drain, &big, PATIENCE).expect("sent");
                count += 1;
            }
            tell(&sender, "drain", to, "{done,");
            sender.recv(PATIENCE).expect("done");
            (count * BIG) as f64 / began.elapsed().as_secs_f64() / 1e6
        });
        let busy = ask(&caller);
        over.store(true, Ordering::Relaxed);
        say(pair, &idle, &busy, transfer.join().expect("sent"));
    });
}

/// Echoes beside big messages from the BEAM `node` to `to`, on whichever side asks.
fn beside_beam(pair: &str, mailbox: &Mailbox, node: &str, to: &str, ask: &dyn Fn(&Mailbox) -> Echoes) {
    let idle = ask(mailbox);
    let bulk = mailbox.node().mailbox(Default::default()).expect("a mailbox");
    let began = Instant::now();
    tell(&bulk, "bulk", node, &format!("{{bulk,{{drain,'{to}'}},{BIG},"));
    let busy = ask(mailbox);
    bulk.send(&Target::name_node("bulk", node).expect("names"), &term("stop"), PATIENCE).expect("sent");
    let count = bulk.recv(PATIENCE).expect("a number").reader().u64().expect("a number");
    say(pair, &idle, &busy, count as f64 * BIG as f64 / began.elapsed().as_secs_f64() / 1e6);
}

/// `echo` and `drain` of ours.
fn serve(node: &Node) {
    let [echo, drain] = ["echo", "drain"].map(|name| {
        let mailbox = node.mailbox(Default::default()).expect("a mailbox");
        mailbox.register(name).expect("a name");
        mailbox
    });
    std::thread::spawn(move || {
        while let Ok(message) = echo.recv(None) {
            let mut reader = message.reader();
            assert!(reader.tuple_of(2));
            let to = reader.pid().expect("a pid");
            let mut answer = Writer::new();
            answer.tuple(2).atom("echo").binary(reader.binary().expect("a binary"));
            let _ = echo.send(&Target::from(to), &answer.finish().expect("a term"), PATIENCE);
        }
    });
    std::thread::spawn(move || {
        while let Ok(message) = drain.recv(None) {
            let mut reader = message.reader();
            if reader.tuple_of(2) && reader.skip() {
                let to = reader.pid().expect("a pid");
                let _ = drain.send(&Target::from(to), &term("done"), PATIENCE);
            }
        }
    });
}

fn beside(port: u16) {
    const PEER: &str = "beam@localhost";
    let node = Node::start(config("ours", port)).expect("a node");
    serve(&node);
    let exe = std::env::current_exe().expect("this program");
    let _twin = run(Command::new(exe).args(["twin", &port.to_string()]));
    let _other = beam("other@localhost", port);
    let mailbox = node.mailbox(Default::default()).expect("a mailbox");
    let ours_asks =
        |to: &'static str| move |from: &Mailbox| echo(from, &Target::name_node("echo", to).expect("names"));
    let beam_asks = |node: &'static str, to: &'static str| move |from: &Mailbox| echo_of_beam(from, node, to);
    beside_ours("ours to a BEAM, we ask", &node, PEER, &ours_asks(PEER));
    beside_ours("ours to a BEAM, it asks", &node, PEER, &beam_asks(PEER, "ours@localhost"));
    beside_ours("ours to ours", &node, "twin@localhost", &ours_asks("twin@localhost"));
    beside_beam("a BEAM to ours, we ask", &mailbox, PEER, "ours@localhost", &ours_asks(PEER));
    beside_beam(
        "a BEAM to ours, it asks",
        &mailbox,
        PEER,
        "ours@localhost",
        &beam_asks(PEER, "ours@localhost"),
    );
    beside_beam("a BEAM to a BEAM", &mailbox, "other@localhost", PEER, &beam_asks("other@localhost", PEER));
}

/// The other one of ours, in a process of its own.
fn twin(port: u16) {
    let node = Node::start(config("twin", port)).expect("a node");
    serve(&node);
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// CPU time and memory of this process.
fn used() -> (f64, usize) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: f64 =
        fields[11].parse::<f64>().expect("a number") + fields[12].parse::<f64>().expect("a number");
    let memory = std::fs::read_to_string("/proc/self/statm").expect("linux");
    let pages: usize = memory.split(' ').nth(1).expect("a field").parse().expect("a number");
    (ticks / 100.0, pages * 4096)
}

fn idle(port: u16) {
    let hub = Node::start(config("hub", port)).expect("a node");
    let before = used().1;
    let exe = std::env::current_exe().expect("this program");
    let _leaves = run(Command::new(exe).args(["leaves", &port.to_string()]));
    let (cpu, memory) = used();
    assert_eq!(hub.nodes(erlnode::NodeFilter::Connected).len(), LINKS);
    let mailbox = hub.mailbox(Default::default()).expect("a mailbox");
    let _ = mailbox.recv(Some(WATCHED));
    println!(
        "{LINKS} idle connections: {:.2} % of a core, {:.1} KiB each",
        (used().0 - cpu) / WATCHED.as_secs_f64() * 100.0,
        (memory - before) as f64 / 1024.0 / LINKS as f64
    );
}

/// The other ends, in a process of their own.
fn leaves(port: u16) {
    let nodes: Vec<Node> = (0..LINKS)
        .map(|number| {
            let node = Node::start(config(&format!("leaf{number}"), port).listen(false)).expect("a node");
            node.connect("hub@localhost", PATIENCE).expect("connected");
            node
        })
        .collect();
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(nodes);
}

fn spawn(port: u16) {
    const COUNT: u64 = 2_000;
    let node = Node::start(config("served", port)).expect("a node");
    let served = node.mailbox(Default::default()).expect("a mailbox");
    served.export("bench", "nothing", Some(0)).expect("exported");
    let _other = beam("other@localhost", port);
    let mailbox = node.mailbox(Default::default()).expect("a mailbox");
    std::thread::spawn(move || {
        while let Ok(message) = served.recv(None) {
            if let Some(request) = message.into_request() {
                request.reply(b"w\x02ok").expect("answered");
            }
        }
    });
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..5 {
        for (name, times) in ["served@localhost", "other@localhost"].into_iter().zip(&mut times) {
            let mut ask = Writer::new();
            ask.tuple(3).pid(&mailbox.pid()).atom(name).u64(COUNT);
            mailbox.send(&at("spawner"), &ask.finish().expect("a term"), PATIENCE).expect("sent");
            let answer = mailbox.recv(PATIENCE).expect("an answer");
            let mut reader = answer.reader();
            assert!(reader.tuple_of(2) && reader.skip());
            times.push(reader.u64().expect("microseconds") as f64 / COUNT as f64);
        }
    }
    let [ours, beam] = times.map(median);
    println!(
        "spawn_monitor by a BEAM until DOWN: ours {ours:.0} us, a BEAM's {beam:.0} us, ratio {:.2}",
        beam / ours
    );
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let parts: [(&str, fn(u16)); 2] = [("leaves", leaves), ("twin", twin)];
    for (name, part) in parts {
        if let Some(port) = args.iter().skip_while(|arg| *arg != name).nth(1) {
            return part(port.parse().expect("a port"));
        }
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("its number").port();
    drop(free);
    // It serves epmd.
    let _keeper = Node::start(config("keeper", port)).expect("a node");
    let _beam = beam("beam@localhost", port);
    let rows: [(&str, fn(u16)); 4] = [("cache", cache), ("beside", beside), ("idle", idle), ("spawn", spawn)];
    for (name, row) in rows {
        if args.is_empty() || args.iter().any(|arg| arg == name) {
            row(port);
        }
    }
}
