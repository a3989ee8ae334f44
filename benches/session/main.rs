//! What a session costs beside a BEAM's: the atom cache on and off, calls beside a big transfer, idle connections, spawns.
//!
//! `cargo bench --bench session [-- cache|beside|idle|spawn]`; needs `erl`. Every figure is beside its peer of the same run, in
//! turns, as medians; a busy machine disturbs both alike.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::{Term, Writer};
use erlnode::{Config, Mailbox, Node, Target};

const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));
/// Connections of the row about idle ones, and how long they are watched.
const LINKS: usize = 1_000;
const WATCHED: Duration = Duration::from_secs(20);

/// What the BEAM runs: sinks that count (`sink.erl`), an echo, and a client that spawns on a node and says how long it took.
const BEAM: &str = r#"
    {ok, sink, Binary} = compile:file(SINK, [binary]),
    {module, sink} = code:load_binary(sink, "sink.erl", Binary),
    sink:start(sink), sink:start(big),
    Echo = fun Echo() -> receive {P, B} -> P ! {echo, B}, Echo() end end,
    register(echo, spawn(Echo)),
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

/// Round trips of 1 kB, in microseconds: median and 99th percentile.
fn echo(mailbox: &Mailbox, enough: &mut dyn FnMut(usize) -> bool) -> (f64, f64) {
    let mut message = Writer::new();
    message.tuple(2).pid(&mailbox.pid()).binary(&[7; 1000]);
    let message = message.finish().expect("a term");
    let mut times = Vec::new();
    while !enough(times.len()) {
        let began = Instant::now();
        mailbox.send(&at("echo"), &message, PATIENCE).expect("sent");
        mailbox.recv(PATIENCE).expect("an answer");
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn beside(port: u16) {
    const SIZE: usize = 64 << 20;
    const COUNT: usize = 16;
    let nodes = ["ours", "bystander"].map(|name| Node::start(config(name, port)).expect("a node"));
    // The second one shows what the machine and the BEAM make of it: they have no queue in common.
    let callers = [("", &nodes[0]), (" over a connection of its own", &nodes[1])]
        .map(|(whose, node)| (whose, node.mailbox(Default::default()).expect("a mailbox")));
    let sender = nodes[0].mailbox(Default::default()).expect("a mailbox");
    let idle = echo(&callers[0].1, &mut |count| count >= 3_000);
    println!("echo of 1 kB, idle: median {:.0} us, p99 {:.0} us", idle.0, idle.1);
    let mut big = Writer::with_capacity(SIZE + 5);
    big.binary(&vec![1; SIZE]);
    let big = big.finish().expect("a term");
    for (whose, caller) in &callers {
        announce(&sender, &at("big"), COUNT);
        let began = Instant::now();
        std::thread::scope(|scope| {
            let transfer = scope.spawn(|| {
                for _ in 0..COUNT {
                    sender.send(&at("big"), &big, PATIENCE).expect("sent");
                }
                sender.recv(PATIENCE).expect("done");
                began.elapsed()
            });
            let busy = echo(caller, &mut |_| transfer.is_finished());
            let rate = (COUNT * SIZE) as f64 / transfer.join().expect("sent").as_secs_f64() / 1e6;
            println!(
                "beside 1 GiB at {rate:.0} MB/s{whose}: median {:.0} us, p99 {:.0} us, {:.1} x the idle p99",
                busy.0,
                busy.1,
                busy.1 / idle.1
            );
        });
    }
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
    if let Some(port) = args.iter().skip_while(|arg| *arg != "leaves").nth(1) {
        return leaves(port.parse().expect("a port"));
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
