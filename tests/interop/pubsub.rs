//! Phoenix.PubSub together with Elixir: what a stand-in for the real package (pubsub.exs) broadcasts, and what it hears.

use erlnode::term::{Atom, Pid, Term};
use erlnode::{Mailbox, Node, PubSub};

use crate::support::ours::{encoded, mailbox, next_text, start};
use crate::support::{Beam, Cluster, Signal, PATIENCE};

const STAND_IN: &str = include_str!("pubsub.exs");
const NAME: &str = "MyApp.PubSub";

/// A BEAM with the stand-in and a node of ours, connected, whose workers know each other.
fn pair(visible: bool, pool: usize) -> (Cluster, Beam, Node, PubSub) {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    beam.elixir(STAND_IN);
    beam.elixir(&format!("StandIn.start({NAME}, {pool})"));
    let ours = start(cluster.config("ours").visible(visible));
    let pubsub = ours.pubsub(NAME, pool).unwrap();
    ours.connect("alex@localhost", Some(PATIENCE)).unwrap();
    beam.elixir(&format!("StandIn.await({NAME}, 2)"));
    await_workers(&ours, 2);
    (cluster, beam, ours, pubsub)
}

/// Waits until so many nodes have a first worker; gives their pids.
fn await_workers(ours: &Node, count: usize) -> Vec<Pid> {
    let pg = ours.pg("Elixir.Phoenix.PubSub").unwrap();
    let group = Term::Atom(Atom::new("Elixir.MyApp.PubSub.Adapter").unwrap());
    let watcher = mailbox(ours);
    pg.monitor(&watcher, Some(&group)).unwrap();
    while pg.members(&group).len() != count {
        watcher.recv(Some(PATIENCE)).unwrap();
    }
    pg.members(&group)
}

fn subscribed(ours: &Node, pubsub: &PubSub, topic: &str) -> Mailbox {
    let mailbox = mailbox(ours);
    pubsub.subscribe(&mailbox, topic).unwrap();
    mailbox
}

fn broadcasts_cross(visible: bool) {
    let (_cluster, mut beam, ours, pubsub) = pair(visible, 1);
    let room = subscribed(&ours, &pubsub, "room:1");
    beam.elixir(&format!("StandIn.subscribe({NAME}, \"room:1\")"));
    beam.elixir(&format!("StandIn.broadcast({NAME}, 1, \"room:2\", :nobody)"));
    beam.elixir(&format!("StandIn.broadcast({NAME}, 1, \"room:1\", %{{n: 1}})"));
    assert_eq!(next_text(&room), "#{n => 1}");
    assert_eq!(beam.elixir("receive do m -> m end"), "%{n: 1}");
    beam.elixir(&format!("StandIn.direct({NAME}, :ours@localhost, \"room:1\", {{:direct, \"é\"}})"));
    assert_eq!(next_text(&room), "{direct,<<\"é\"/utf8>>}");
    pubsub.broadcast("room:2", &encoded("nobody"), Some(PATIENCE)).unwrap();
    pubsub.broadcast_from(&room, "room:1", &encoded("{from,ours}"), Some(PATIENCE)).unwrap();
    assert_eq!(beam.elixir("receive do m -> m end"), "{:from, :ours}");
    pubsub.direct_broadcast("alex@localhost", "room:1", &encoded("direct"), Some(PATIENCE)).unwrap();
    assert_eq!(beam.elixir("receive do m -> m end"), ":direct");
    let channels = pubsub.with_dispatcher("Phoenix.Channel.Server").unwrap();
    channels.broadcast("room:1", &encoded("event"), Some(PATIENCE)).unwrap();
    assert_eq!(beam.elixir("receive do m -> m end"), "{:channel, :event}");
    assert_eq!(next_text(&room), "event", "broadcast_from left it out");
}

#[test]
fn broadcasts_cross_with_a_visible_node() {
    broadcasts_cross(true);
}

#[test]
fn broadcasts_cross_with_a_hidden_node() {
    broadcasts_cross(false);
}

#[test]
fn every_sender_of_a_pool_is_heard_once() {
    let (_cluster, mut beam, ours, pubsub) = pair(true, 4);
    let room = subscribed(&ours, &pubsub, "room");
    beam.elixir(&format!("for n <- 1..40, do: spawn(fn -> StandIn.broadcast({NAME}, 4, \"room\", n) end)"));
    let mut heard: Vec<i64> = (0..40).map(|_| next_text(&room).parse().unwrap()).collect();
    heard.sort_unstable();
    assert_eq!(heard, (1..=40).collect::<Vec<_>>());
}

#[test]
fn a_worker_that_crashed_over_there_is_back_and_hears_again() {
    let (_cluster, mut beam, ours, pubsub) = pair(true, 1);
    let room = subscribed(&ours, &pubsub, "room");
    beam.elixir(&format!("StandIn.subscribe({NAME}, \"room\")"));
    // A dispatcher that does not exist crashes their worker; ours does not mind one.
    let before = await_workers(&ours, 2);
    let wrong = pubsub.with_dispatcher("No.Such.Module").unwrap();
    wrong.broadcast_from(&room, "room", &encoded("crash"), Some(PATIENCE)).unwrap();
    let pg = ours.pg("Elixir.Phoenix.PubSub").unwrap();
    let watcher = mailbox(&ours);
    let group = Term::Atom(Atom::new("Elixir.MyApp.PubSub.Adapter").unwrap());
    pg.monitor(&watcher, Some(&group)).unwrap();
    while pg.members(&group).len() != 2 || pg.members(&group).iter().all(|pid| before.contains(pid)) {
        watcher.recv(Some(PATIENCE)).unwrap();
    }
    pubsub.broadcast_from(&room, "room", &encoded("again"), Some(PATIENCE)).unwrap();
    assert_eq!(beam.elixir("receive do m -> m end"), ":again");
    // Ours cannot be killed by a peer.
    beam.elixir(
        "for p <- :pg.get_members(Phoenix.PubSub, MyApp.PubSub.Adapter), node(p) != node(), do: Process.exit(p, :kill)",
    );
    beam.elixir(&format!("StandIn.broadcast({NAME}, 1, \"room\", :alive)"));
    assert_eq!(next_text(&room), "alive");
}

#[test]
fn garbage_for_a_worker_is_ignored() {
    let (_cluster, mut beam, ours, pubsub) = pair(true, 1);
    let room = subscribed(&ours, &pubsub, "room");
    beam.elixir(
        "for m <- [:hello, {}, {:forward_to_local, :topic, 1, 2}, {:forward_to_local, \"room\"}, {:forward_to_local, \"room\", 1}],
        do: send({MyApp.PubSub.Adapter, :ours@localhost}, m)",
    );
    beam.elixir(&format!("StandIn.broadcast({NAME}, 1, \"room\", :later)"));
    assert_eq!(next_text(&room), "later");
}

/// The example program: what it prints, and what Elixir hears of the lines it is given.
fn the_example_talks_with_elixir(language: &str) {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    beam.elixir(STAND_IN);
    beam.elixir(&format!("StandIn.start({NAME}, 1)"));
    beam.elixir(&format!("StandIn.subscribe({NAME}, \"room:1\")"));
    let mut example = cluster.example(language, "pubsub", &["--to", "alex@localhost"]);
    beam.elixir(&format!("StandIn.await({NAME}, 2)"));
    beam.elixir(&format!("StandIn.broadcast({NAME}, 1, \"room:1\", {{:said, \"grüße\"}})"));
    beam.elixir("receive do {:said, _} -> :ok end");
    example.process().wait_line("heard grüße");
    example.type_line("hello all");
    assert_eq!(beam.elixir("receive do m -> m end"), "{:said, \"hello all\"}");
    let (status, _) = example.end(Signal::Term);
    assert!(status.success());
    // A second one says one thing and ends.
    let spoken =
        cluster.example_as(language, "pubsub", "once@localhost", &["--to", "alex@localhost", "--say", "bye"]);
    assert_eq!(beam.elixir("receive do m -> m end"), "{:said, \"bye\"}");
    drop(spoken);
}

#[test]
fn the_c_example_talks_with_elixir() {
    the_example_talks_with_elixir("c");
}

#[test]
fn the_python_example_talks_with_elixir() {
    the_example_talks_with_elixir("python");
}
