//! The example programs, driven by what users type: scenarios 1, 2 and 5 in each language.
//! Stands on `make examples`, which `make test` runs first.

use crate::support::{Cluster, Iex, Signal};

const OURS: &str = "ours@localhost";

/// Each promise once per language, so that a failure names the language.
macro_rules! in_each_language {
    ($($promise:ident)*) => {
        in_each_language!(@ c $($promise)*);
        in_each_language!(@ cpp $($promise)*);
        in_each_language!(@ python $($promise)*);
        in_each_language!(@ rust $($promise)*);
    };
    (@ $language:ident $($promise:ident)*) => {
        mod $language {
            $(#[test]
            fn $promise() {
                super::$promise(stringify!($language));
            })*
        }
    };
}

in_each_language! {
    elixir_connects_lists_and_watches
    elixir_pings_pong_by_name
    elixir_sends_without_connecting_first
    a_visible_example_is_in_node_list
    the_end_of_the_example_is_a_nodedown
    the_example_calls_a_beam
    the_example_calls_another_without_a_beam
    a_wrong_cookie_is_named_as_the_reason
    a_name_in_use_is_named_as_the_reason
    short_and_long_names_do_not_mix_and_the_error_says_so
    an_illegal_name_is_refused_with_a_reason
}

/// Scenario 2, as typed.
fn elixir_connects_lists_and_watches(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "ping_pong", &[]);
    let mut alex = cluster.iex("alex");
    assert_eq!(alex.type_line("Node.connect(:ours@localhost)"), "true");
    assert_eq!(alex.type_line("Node.ping(:ours@localhost)"), ":pong");
    assert_eq!(alex.type_line("Node.list(:connected)"), "[:ours@localhost]");
    assert_eq!(alex.type_line("Node.list()"), "[]", "hidden unless asked");
    assert_eq!(alex.type_line("Node.monitor(:ours@localhost, true)"), "true");
    assert_eq!(alex.type_line("Node.disconnect(:ours@localhost)"), "true");
    wait_message(&mut alex);
    assert_eq!(alex.type_line("flush()"), "{:nodedown, :ours@localhost}\n:ok");
    assert_eq!(alex.type_line("Node.connect(:ours@localhost)"), "true", "and back again");
}

/// Scenario 5, as typed.
fn elixir_pings_pong_by_name(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "ping_pong", &[]);
    let mut alex = cluster.iex("alex");
    let sent = alex.type_line(
        "pid = GenServer.whereis({:pong, :ours@localhost}) ; send({:pong, :ours@localhost}, {:ping, self()})",
    );
    assert!(sent.starts_with("{:ping, #PID<"), "{sent}");
    wait_message(&mut alex);
    assert_eq!(alex.type_line("flush()"), ":pong\n:ok");
}

fn elixir_sends_without_connecting_first(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "ping_pong", &[]);
    let mut alex = cluster.beam("alex");
    alex.elixir("for _ <- 1..100, do: send({:pong, :ours@localhost}, {:ping, self()})");
    assert_eq!(alex.elixir("for _ <- 1..100, uniq: true do receive do x -> x end end"), "[:pong]");
    assert_eq!(alex.elixir("Node.list(:hidden)"), "[:ours@localhost]");
}

fn a_visible_example_is_in_node_list(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "ping_pong", &["--visible"]);
    let mut alex = cluster.beam("alex");
    assert_eq!(alex.elixir("Node.connect(:ours@localhost)"), "true");
    assert_eq!(alex.elixir("Node.list()"), "[:ours@localhost]");
}

fn the_end_of_the_example_is_a_nodedown(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    for signal in [Signal::Term, Signal::Kill] {
        let ours = cluster.example(language, "ping_pong", &[]);
        assert_eq!(alex.elixir("Node.monitor(:ours@localhost, true)"), "true");
        assert_eq!(alex.elixir("Node.ping(:ours@localhost)"), ":pong");
        let (status, output) = ours.end(signal);
        assert_eq!(status.success(), matches!(signal, Signal::Term), "{signal:?}: {status}\n{output}");
        assert_eq!(alex.elixir("receive do message -> message end"), "{:nodedown, :ours@localhost}");
    }
}

fn the_example_calls_a_beam(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir("Process.register(self(), :pong)");
    alex.begin("elixir", "receive do {:ping, from} -> send(from, :pong); node(from) end");
    let (status, output) =
        cluster.example_as(language, "ping_pong", OURS, &["--ping", "alex@localhost"]).finish();
    assert!(status.success(), "{status}\n{output}");
    assert!(output.contains("pong"), "{output}");
    assert_eq!(alex.finish(), ":ours@localhost");
}

/// Nobody serves epmd at first: the first of the two does.
fn the_example_calls_another_without_a_beam(language: &str) {
    let cluster = Cluster::without_epmd();
    let ours = cluster.example(language, "ping_pong", &[]);
    let (status, output) =
        cluster.example_as(language, "ping_pong", "caller@localhost", &["--ping", OURS]).finish();
    assert!(status.success(), "{status}\n{output}");
    assert!(output.contains("pong"), "{output}");
    assert!(ours.end(Signal::Term).0.success());
}

fn a_wrong_cookie_is_named_as_the_reason(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let call = ["--ping", "alex@localhost", "--cookie", "wrong-secret"];
    let error = refused(cluster.example_as(language, "ping_pong", OURS, &call));
    assert!(error.contains("cookie") && error.contains("alex@localhost"), "{error}");
    assert!(
        !error.contains("wrong-secret") && !error.contains(cluster.cookie()),
        "a cookie is printed: {error}"
    );
    assert_eq!(alex.elixir("Node.list(:connected)"), "[]");
}

fn a_name_in_use_is_named_as_the_reason(language: &str) {
    let cluster = Cluster::new();
    let _alex = cluster.beam("ours");
    let error = refused(cluster.example_as(language, "ping_pong", OURS, &[]));
    assert!(error.contains("in use") && error.contains("ours"), "{error}");
}

fn short_and_long_names_do_not_mix_and_the_error_says_so(language: &str) {
    let cluster = Cluster::new();
    let _alex = cluster.beam("alex@127.0.0.1");
    let error = refused(cluster.example_as(language, "ping_pong", OURS, &["--ping", "alex@127.0.0.1"]));
    assert!(error.contains("short") && error.contains("long"), "{error}");
}

fn an_illegal_name_is_refused_with_a_reason(language: &str) {
    let cluster = Cluster::new();
    let error = refused(cluster.example_as(language, "ping_pong", "no good@localhost", &[]));
    assert!(error.contains("no good"), "{error}");
}

/// The output of a program that must fail, in an orderly way.
fn refused(example: crate::support::Example) -> String {
    let (status, output) = example.finish();
    assert!(status.code().is_some_and(|code| code != 0), "it does not fail in order: {status}\n{output}");
    output
}

/// Waits for the next message of the shell's process and leaves it in the mailbox, for `flush()` to show.
fn wait_message(iex: &mut Iex) {
    let waited = iex.type_line("receive do m -> send(self(), m) after 30_000 -> :late end");
    assert_ne!(waited, ":late");
}
