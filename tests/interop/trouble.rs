//! What must be survived: killed and silent peers, an epmd that goes and comes, calls from both sides at once.

use std::time::{Duration, Instant};

use erlnode::{MonitorNodes, NodeFilter, Target};

use crate::support::ours::{encoded, mailbox, next_text, registered, start};
use crate::support::{Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

#[test]
fn a_killed_beam_is_a_nodedown_and_comes_back() {
    let cluster = Cluster::new();
    let ours = cluster.node("ours");
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes::default());
    for _ in 0..2 {
        let alex = cluster.beam("alex");
        ours.connect(ALEX, Some(PATIENCE)).unwrap();
        assert_eq!(next_text(&watch), "{nodeup,alex@localhost}");
        alex.end(Signal::Kill);
        assert_eq!(next_text(&watch), "{nodedown,alex@localhost}");
        assert!(ours.nodes(NodeFilter::Connected).is_empty());
    }
}

/// `SIGSTOP` is the pulled cable: the connection stays open, and nothing comes.
#[test]
fn a_silent_beam_is_a_nodedown_after_the_ticktime() {
    let cluster = Cluster::new();
    let alex = cluster.beam("alex");
    let ticktime = Duration::from_secs(2);
    let ours = start(cluster.config("ours").ticktime(ticktime));
    let watch = mailbox(&ours);
    watch.monitor_nodes(MonitorNodes::default());
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    assert_eq!(next_text(&watch), "{nodeup,alex@localhost}");
    alex.process().signal(Signal::Stop);
    let began = Instant::now();
    assert_eq!(next_text(&watch), "{nodedown,alex@localhost}");
    // Silence is noticed between 3/4 and 5/4 of the ticktime, on a machine that may be slow but never early.
    assert!(began.elapsed() > ticktime / 2, "{:?}", began.elapsed());
    alex.process().signal(Signal::Continue);
}

/// Longer than the ticktime without a word from the programs: ticks alone keep the link, both ways.
#[test]
fn an_idle_connection_lives_on_our_ticks() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam_with("alex", &["-kernel", "net_ticktime", "2"]);
    let ours = start(cluster.config("ours").ticktime(Duration::from_secs(2)));
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    alex.elixir("Node.monitor(:ours@localhost, true)");
    assert_eq!(alex.elixir("receive do message -> message after 6_000 -> :still_there end"), ":still_there");
    assert_eq!(alex.elixir("Node.list(:hidden)"), "[:ours@localhost]");
}

/// In Erlang: waits until epmd knows `ours` and says how many milliseconds that took.
const UNTIL_KNOWN: &str = "
    Began = erlang:monotonic_time(millisecond),
    F = fun F() -> case erl_epmd:port_please(\"ours\", \"localhost\") of
            {port, _, _} -> erlang:monotonic_time(millisecond) - Began;
            _ -> receive after 50 -> F() end
        end end, F()";

/// While epmd is away existing connections stay; within 3 s after it is back our name is there again.
#[test]
fn a_restarted_epmd_knows_us_again_within_three_seconds() {
    let mut cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config_with_stock_epmd("ours"));
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
    cluster.kill_epmd();
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap(), "the connection does not need epmd");
    cluster.start_epmd();
    let milliseconds: u64 = alex.erlang(UNTIL_KNOWN).parse().unwrap();
    assert!(milliseconds < 3_000, "it took {milliseconds} ms");
}

#[test]
fn we_serve_epmd_ourselves_when_the_stock_one_is_killed() {
    let mut cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    assert!(!ours.serves_epmd());
    cluster.kill_epmd();
    let milliseconds: u64 = alex.erlang(UNTIL_KNOWN).parse().unwrap();
    assert!(milliseconds < 3_000, "it took {milliseconds} ms");
    assert!(ours.serves_epmd());
}

#[test]
fn a_beam_registers_with_our_epmd_and_is_found_there() {
    let cluster = Cluster::without_epmd();
    let ours = cluster.node("ours");
    assert!(ours.serves_epmd());
    let mut alex = cluster.beam("alex");
    let mut kate = cluster.beam("kate");
    assert_eq!(alex.elixir("Node.ping(:kate@localhost)"), ":pong");
    assert_eq!(kate.elixir("Node.ping(:ours@localhost)"), ":pong");
    let names =
        alex.erlang("{ok, Names} = erl_epmd:names(\"localhost\"), lists:sort([N || {N, _} <- Names])");
    assert_eq!(names, "[\"alex\",\"kate\",\"ours\"]");
    let listed = cluster.epmd_names();
    assert!(listed.contains("name alex at port") && listed.contains("name ours at port"), "{listed}");
}

/// When the node that serves epmd ends, another takes over and everybody is registered again.
#[test]
fn another_node_takes_over_when_the_one_with_the_epmd_ends() {
    let cluster = Cluster::without_epmd();
    let first = cluster.node("first");
    let second = cluster.node("second");
    let mut alex = cluster.beam("alex");
    assert!(first.serves_epmd());
    first.stop();
    let names = alex.erlang(
        "F = fun F() -> case erl_epmd:names(\"localhost\") of
                 {ok, Names} -> case lists:sort([N || {N, _} <- Names]) of
                     [\"alex\", \"second\"] -> done;
                     _ -> receive after 50 -> F() end
                 end;
                 _ -> receive after 50 -> F() end
             end end, F()",
    );
    assert_eq!(names, "done");
    assert!(second.serves_epmd());
}

/// Both call at the same moment, again and again: one connection, and the messages of both arrive.
#[test]
fn both_dial_at_once_and_one_connection_stays() {
    const ROUNDS: usize = 50;
    let cluster = Cluster::new();
    // One of ours sorts before, the other after the BEAM: each plays the winner and the loser.
    for name in ["aaron", "zoe"] {
        let ours = cluster.node(name);
        let door = registered(&ours, "door");
        let mut alex = cluster.beam("alex");
        alex.erlang("register(alex, self())");
        let target = Target::NameNode("alex".parse().unwrap(), ALEX.parse().unwrap());
        for round in 0..ROUNDS {
            alex.begin(
                "elixir",
                &format!("send({{:door, :{name}@localhost}}, {round}); receive do message -> message end"),
            );
            door.send(&target, &encoded(&round.to_string()), Some(PATIENCE)).unwrap();
            assert_eq!(next_text(&door), round.to_string());
            assert_eq!(alex.finish(), round.to_string());
            assert_eq!(ours.nodes(NodeFilter::Connected).len(), 1);
            assert_eq!(alex.elixir("length(Node.list(:connected))"), "1");
            // The end must have been seen by both before the next round.
            alex.elixir(&format!("Node.monitor(:{name}@localhost, true)"));
            ours.disconnect(ALEX).unwrap();
            alex.elixir("receive do {:nodedown, _} -> :ok end");
        }
    }
}

#[test]
fn a_thousand_connects_leave_nothing_behind() {
    const ROUNDS: usize = 1_000;
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    for _ in 0..ROUNDS {
        ours.connect(ALEX, Some(PATIENCE)).unwrap();
        assert!(ours.disconnect(ALEX).unwrap());
    }
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
    assert_eq!(alex.erlang("length(erlang:nodes(connected))"), "1");
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 300, "{open} descriptors are open");
}

#[test]
fn a_thousand_connects_from_a_beam_leave_nothing_behind() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = cluster.node("ours");
    let done = alex.elixir(
        "for _ <- 1..1000, uniq: true do
           true = Node.connect(:ours@localhost)
           Node.disconnect(:ours@localhost)
         end",
    );
    assert_eq!(done, "[true]");
    assert!(ours.ping(ALEX, Some(PATIENCE)).unwrap());
}
