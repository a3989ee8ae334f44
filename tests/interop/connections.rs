//! Connections under stress: both dial at once, names granted and asked, allow-lists, ticktimes, reconnecting, and what
//! is signalled while a connection is being made.

use std::time::{Duration, Instant};

use erlnode::term::Writer;
use erlnode::{AutoConnect, Error, MessageKind, MonitorNodes, NodeFilter, Target};

use crate::links::{puppet, settle, trapping};
use crate::support::ours::{encoded, mailbox, next, next_text, registered, start};
use crate::support::{Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

/// The long form of the tests that have one.
fn long() -> bool {
    std::env::var_os("ERLNODE_LONG").is_some()
}

fn there() -> Target {
    Target::name_node("alex", ALEX).unwrap()
}

/// Both call at the same moment, with names that win and names that lose: one connection each time, nobody hangs.
#[test]
fn of_a_thousand_crossing_calls_each_ends_in_one_connection() {
    let rounds = if long() { 10_000 } else { 1_000 };
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir(":net_kernel.monitor_nodes(true, node_type: :all)");
    let nodes = [cluster.node("aaron"), cluster.node("zoe")];
    for ours in &nodes {
        let door = registered(ours, "door");
        // The BEAM calls at once when it is told to, and says what it sees at the end of each round.
        alex.begin(
            "elixir",
            &format!(
                "us = :\"{name}\"
                 for n <- 1..{rounds} do
                   (true = Node.connect(us))
                   send({{:door, us}}, {{n, length(for node <- Node.list(:connected), node == us, do: node), self()}})
                   receive do {{:nodedown, ^us, _}} -> :ok end
                   receive do {{:nodeup, ^us, _}} -> :ok after 0 -> :ok end
                   n
                 end |> length()",
                name = ours.name(),
                rounds = rounds / 2,
            ),
        );
        for round in 1..=rounds / 2 {
            // Sometimes ours is first, sometimes theirs, mostly they cross.
            let connected = ours.connect(ALEX, Some(PATIENCE));
            assert!(connected.is_ok(), "{}: round {round}: {connected:?}", ours.name());
            let message = next(&door);
            let mut reader = message.reader();
            assert_eq!(reader.tuple(), Some(3));
            assert_eq!((reader.i64(), reader.i64()), (Some(round), Some(1)), "{}", ours.name());
            assert_eq!(ours.nodes(NodeFilter::Connected).len(), 1);
            assert!(ours.disconnect(ALEX).unwrap());
        }
        assert_eq!(alex.finish(), (rounds / 2).to_string());
    }
}

/// A BEAM without a name gets one from us, and gives it back when it goes.
#[test]
fn a_beam_that_asks_for_a_name_gets_one_from_us() {
    let cluster = Cluster::new();
    let ours = cluster.node("ours");
    let door = registered(&ours, "door");
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes::default());
    let mut beam = cluster.beam("undefined");
    assert_eq!(beam.elixir("node()"), ":nonode@nohost");
    assert_eq!(beam.elixir("Node.connect(:ours@localhost)"), "true");
    let up = next_text(&watch);
    let name = beam.erlang("node()");
    assert!(name.contains('@') && name != "nonode@nohost", "{name}");
    let plain = name.trim_matches('\'').to_owned();
    assert!(up.contains(&plain), "{up} is not about {name}");
    beam.elixir("Process.flag(:trap_exit, true); send({:door, :ours@localhost}, {:from, self()})");
    let message = next(&door);
    let mut reader = message.reader();
    assert!(reader.tuple_of(2) && reader.atom_is("from"));
    let theirs = reader.pid().unwrap();
    assert_eq!(theirs.node.as_str(), plain);
    // Links, monitors and messages work with a granted name as with any other.
    let me = trapping(&ours);
    me.link(&theirs).unwrap();
    me.send(&Target::from(&theirs), &encoded("hello"), Some(PATIENCE)).unwrap();
    assert_eq!(beam.elixir("receive do message -> message end"), ":hello");
    assert_eq!(ours.nodes(NodeFilter::Hidden).len(), 1, "a node without a name of its own is hidden");
    assert!(ours.disconnect(&plain).unwrap());
    assert!(next_text(&me).ends_with(",noconnection}"));
    assert!(next_text(&watch).starts_with("{nodedown,"));
    assert!(ours.nodes(NodeFilter::Known).is_empty(), "granted names are not kept");
    // Its distribution starts anew.
    let nameless =
        "Stream.repeatedly(fn -> :timer.sleep(10); node() end) |> Enum.find(&(&1 == :nonode@nohost))";
    assert_eq!(beam.elixir(nameless), ":nonode@nohost");
    assert_eq!(beam.elixir("Node.connect(:ours@localhost)"), "true");
}

/// A node of ours without a name asks the BEAM that it calls first.
#[test]
fn we_ask_a_beam_for_a_name_and_lose_it_with_the_connection() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir("Process.register(self(), :alex)");
    let ours = start(cluster.config("undefined"));
    assert!(!ours.is_alive());
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert!(ours.is_alive());
    let first = ours.name();
    // It lists us when it has answered something, not when it has sent the last word of the handshake.
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
    assert_eq!(alex.elixir("Node.list(:hidden) |> Enum.map(&to_string/1)"), format!("[\"{first}\"]"));
    let me = mailbox(&ours);
    let mut writer = Writer::new();
    writer.pid(&me.pid());
    me.send(&there(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir("pid = receive do pid -> pid end; ref = Process.monitor(pid); send(pid, :welcome)");
    assert_eq!(next_text(&me), "welcome");
    me.close(&encoded("over")).unwrap();
    assert_eq!(alex.elixir("receive do {:DOWN, ^ref, _, _, reason} -> reason end"), ":over");
    assert!(ours.disconnect(ALEX).unwrap());
    assert!(!ours.is_alive(), "the name belongs to the connection");
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert!(ours.is_alive());
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
}

#[test]
fn an_allow_list_says_no_both_ways_and_grows_at_run_time() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    ours.allow(&["somebody@localhost"]).unwrap();
    let refused = ours.connect(ALEX, Some(PATIENCE)).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "false");
    ours.allow(&["alex@"]).unwrap();
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "true");
    // And the BEAM's own list.
    let mut strict = cluster.beam("strict");
    strict.erlang("net_kernel:allow(['nobody@localhost'])");
    ours.allow(&["strict@localhost"]).unwrap();
    let refused = ours.connect("strict@localhost", Some(PATIENCE)).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
}

#[test]
fn auto_connect_never_and_once_are_obeyed() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir("Process.register(self(), :alex)");
    let never = start(cluster.config("never").auto_connect(AutoConnect::Never));
    let me = mailbox(&never);
    let unsent = me.send(&there(), &encoded("lost"), Some(PATIENCE)).unwrap_err();
    assert!(matches!(unsent, Error::NoConnection { .. }), "{unsent}");
    me.monitor(&there()).unwrap();
    assert!(next_text(&me).ends_with(",noconnection}"));
    never.connect(ALEX, Some(PATIENCE)).unwrap();
    me.send(&there(), &encoded("first"), Some(PATIENCE)).unwrap();

    let once = start(cluster.config("once").auto_connect(AutoConnect::Once));
    let me = mailbox(&once);
    me.send(&there(), &encoded("second"), Some(PATIENCE)).unwrap();
    assert!(once.disconnect(ALEX).unwrap());
    assert!(me.send(&there(), &encoded("lost"), Some(PATIENCE)).is_err());
    once.connect(ALEX, Some(PATIENCE)).unwrap();
    me.send(&there(), &encoded("third"), Some(PATIENCE)).unwrap();
    assert_eq!(
        alex.elixir("for _ <- 1..3, do: (receive do message -> message end)"),
        "[:first, :second, :third]"
    );
}

/// What is signalled while the connection is being made keeps its place before what is sent after it.
#[test]
fn signals_before_the_connection_is_up_keep_their_order() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    let door = registered(&ours, "door");
    for round in 0..20 {
        let puppet = puppet(&mut alex, &door);
        let me = trapping(&ours);
        assert!(ours.disconnect(ALEX).unwrap());
        // Nothing is connected: the first signal begins it.
        me.link(&puppet).unwrap();
        me.monitor(&Target::from(&puppet)).unwrap();
        let unwanted = me.monitor(&Target::from(&puppet)).unwrap();
        assert!(me.demonitor(&unwanted, true));
        let reason = format!("{{round,{round}}}");
        me.send(&Target::from(&puppet), &encoded(&format!("{{die,{reason}}}")), Some(PATIENCE)).unwrap();
        let mut ends = [next(&me), next(&me)];
        ends.sort_by_key(|end| end.kind() == MessageKind::Exit);
        for end in ends {
            let text = end.term().unwrap().to_string();
            assert!(text.ends_with(&format!(",{reason}}}")), "{text}");
        }
        assert!(me.is_empty());
    }
}

#[test]
fn a_node_that_is_kept_connected_comes_back_by_itself() {
    let cluster = Cluster::new();
    let ours = start(cluster.config("ours").keep_connected([ALEX]));
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes::default());
    for _ in 0..2 {
        let alex = cluster.beam("alex");
        assert_eq!(next_text(&watch), "{nodeup,alex@localhost}");
        alex.end(Signal::Kill);
        assert_eq!(next_text(&watch), "{nodedown,alex@localhost}");
    }
}

/// A peer that falls silent is gone after one ticktime and a quarter at most; while the time changes, the longer counts.
#[test]
fn a_silent_peer_is_removed_within_its_ticktime() {
    let cluster = Cluster::new();
    let seconds = if long() { 12 } else { 2 };
    let ticktime = Duration::from_secs(seconds);
    let alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    ours.set_ticktime(ticktime, Duration::ZERO).unwrap();
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes { info: true, ..MonitorNodes::default() });
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert!(next_text(&watch).starts_with("{nodeup,"));
    alex.process().signal(Signal::Stop);
    let began = Instant::now();
    let down = next_text(&watch);
    let silent = began.elapsed();
    assert!(down.contains("nodedown_reason => net_tick_timeout"), "{down}");
    // As OTP's own suite: 7 to 17 seconds for 12.
    assert!(silent >= ticktime * 7 / 12 && silent <= ticktime * 17 / 12, "{silent:?} at {ticktime:?}");
    eprintln!("a silent peer was removed after {silent:?} at a ticktime of {ticktime:?}");
    alex.process().signal(Signal::Continue);
}

#[test]
fn the_ticktime_changes_at_run_time_without_losing_a_connection() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam_with("alex", &["-kernel", "net_ticktime", "8"]);
    let ours = start(cluster.config("ours").ticktime(Duration::from_secs(8)));
    let door = registered(&ours, "door");
    door.monitor_node(ALEX).unwrap();
    settle(&door, &puppet(&mut alex, &door));
    alex.elixir("Node.monitor(:ours@localhost, true)");
    ours.set_ticktime(Duration::from_secs(2), Duration::from_secs(1)).unwrap();
    assert!(ours.is_changing_ticktime());
    assert_eq!(ours.ticktime(), Duration::from_secs(2));
    assert_eq!(alex.elixir(":net_kernel.set_net_ticktime(2, 1)"), ":change_initiated");
    // Asked as a remote shell asks; during the change as after it.
    let ask = ":erpc.call(:ours@localhost, :net_kernel, :get_net_ticktime, [])";
    let during = alex.elixir(ask);
    assert!(during == "{:ongoing_change_to, 2}" || during == "2", "{during}");
    // Several of the new times pass in silence.
    assert_eq!(alex.elixir("receive do message -> message after 6_000 -> :quiet end"), ":quiet");
    assert!(!ours.is_changing_ticktime());
    assert_eq!(alex.elixir(ask), "2");
    assert!(door.is_empty());
    assert!(matches!(ours.set_ticktime(Duration::ZERO, Duration::ZERO), Err(Error::Argument(_))));
}

#[test]
fn what_was_sent_before_a_stop_arrives_while_the_peer_goes_on_talking() {
    const ROUNDS: usize = 20;
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    beam.erlang("register(hall, self())");
    beam.begin(
        "erlang",
        &format!(
            "Talk = fun(P) -> spawn(fun() -> [P ! {{talk, binary:copy(<<0>>, 200)}} || _ <- lists:seq(1, 10000)] end) end,
            lists:sum([receive {{hello, P}} -> Talk(P), receive bye -> 1 after 10000 -> 0 end end || _ <- lists:seq(1, {ROUNDS})])"
        ),
    );
    for round in 0..ROUNDS {
        // Names of their own: what is still said to one that left would call the next one.
        let node = cluster.node(&format!("guest{round}"));
        node.connect(beam.name(), Some(PATIENCE)).unwrap();
        let guest = mailbox(&node);
        let hall = Target::name_node("hall", ALEX).unwrap();
        let mut hello = Writer::new();
        hello.tuple(2).atom("hello").pid(&guest.pid());
        guest.send(&hall, &hello.finish().unwrap(), None).unwrap();
        next(&guest);
        guest.send(&hall, &encoded("bye"), None).unwrap();
        node.stop();
    }
    assert_eq!(beam.finish(), ROUNDS.to_string());
}
