//! The workshop itself: what the other tests stand on works without any node of ours.

use crate::support::{Cluster, Signal};

#[test]
fn two_beams_of_a_cluster_reach_each_other() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let _kate = cluster.beam("kate");
    assert_eq!(alex.elixir("Node.ping(:kate@localhost)"), ":pong");
    assert_eq!(alex.erlang("nodes()"), "[kate@localhost]");
}

#[test]
fn bindings_and_messages_last_between_evaluations() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir("me = self(); send(me, {:größe, <<1, 2>>})");
    assert_eq!(alex.elixir("receive do x -> {x, me == self()} end"), "{{:größe, <<1, 2>>}, true}");
}

#[test]
fn iex_answers_each_line_before_the_next_prompt() {
    let cluster = Cluster::new();
    let mut alex = cluster.iex("alex");
    assert_eq!(alex.type_line("Node.self()"), ":alex@localhost");
    assert_eq!(alex.type_line("send(self(), :hello)"), ":hello");
    assert_eq!(alex.type_line("flush()"), ":hello\n:ok");
}

#[test]
fn a_killed_beam_is_gone_and_its_end_is_seen() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let kate = cluster.beam("kate");
    alex.elixir("true = Node.connect(:kate@localhost); Node.monitor(:kate@localhost, true)");
    assert!(kate.end(Signal::Kill).is_some_and(|status| !status.success()));
    assert_eq!(alex.elixir("receive do message -> message end"), "{:nodedown, :kate@localhost}");
    assert!(alex.end(Signal::Term).is_some_and(|status| status.success()), "SIGTERM stops a BEAM in order");
}
