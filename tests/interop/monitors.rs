//! Monitors of processes, names and nodes, aliases, and their order after the last message; in both directions.

use erlnode::node::process::AliasMode;
use erlnode::term::{Pid, Writer};
use erlnode::{Error, Mailbox, MessageKind, MonitorNodes, Target};

use crate::links::{puppet, settle};
use crate::support::ours::{encoded, mailbox, next, next_text, registered};
use crate::support::{Beam, Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

fn alex() -> Target {
    Target::name_node("alex", ALEX).unwrap()
}

/// Sends our pid to the process `alex`.
fn introduce(mailbox: &Mailbox) {
    let mut writer = Writer::new();
    writer.pid(&mailbox.pid());
    mailbox.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
}

fn die(from: &Mailbox, puppet: &Pid, reason: &str) {
    from.send(&Target::from(puppet), &encoded(&format!("{{die,{reason}}}")), Some(PATIENCE)).unwrap();
}

#[test]
fn a_down_of_ours_tells_the_true_reason_by_pid_by_name_and_once() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    for reason in ["normal", "{shutdown,x}", "killed"] {
        let puppet = puppet(&mut beam, &door);
        let me = mailbox(&ours);
        let mut writer = Writer::new();
        writer.pid(&puppet);
        beam.elixir("if Process.whereis(:alex) == nil, do: Process.register(self(), :alex)");
        me.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        beam.elixir("pid = receive do pid when is_pid(pid) -> pid end; Process.register(pid, :puppet)");
        let by_pid = me.monitor(&Target::from(&puppet)).unwrap();
        let by_name = me.monitor(&Target::name_node("puppet", ALEX).unwrap()).unwrap();
        let unwanted = me.monitor(&Target::from(&puppet)).unwrap();
        assert!(me.demonitor(&unwanted, true));
        die(&me, &puppet, reason);
        let mut downs = [next(&me), next(&me)].map(|down| {
            assert_eq!(down.kind(), MessageKind::Down);
            down.term().unwrap().to_string()
        });
        downs.sort();
        assert!(downs.iter().all(|down| down.ends_with(&format!(",{reason}}}"))), "{downs:?}");
        assert!(downs.iter().any(|down| down.contains(",process,{puppet,alex@localhost},")), "{downs:?}");
        assert!(!me.demonitor(&by_pid, true) && !me.demonitor(&by_name, true), "each comes once");
        me.monitor(&Target::from(&puppet)).unwrap();
        assert!(next_text(&me).ends_with(",noproc}"));
        me.monitor(&Target::name_node("puppet", ALEX).unwrap()).unwrap();
        assert!(next_text(&me).ends_with(",process,{puppet,alex@localhost},noproc}"));
    }
}

#[test]
fn a_beam_monitors_us_by_pid_and_by_name() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    beam.elixir("Process.register(self(), :alex)");
    let me = registered(&ours, "me");
    introduce(&me);
    beam.elixir("me = receive do pid when is_pid(pid) -> pid end");
    beam.elixir("one = Process.monitor(me); two = Process.monitor({:me, :ours@localhost})");
    beam.elixir("three = Process.monitor(me); Process.demonitor(three, [:flush]); send(me, :watched)");
    assert_eq!(next_text(&me), "watched");
    me.close(&encoded("{bad,day}")).unwrap();
    assert_eq!(beam.elixir("receive do {:DOWN, ^one, :process, ^me, reason} -> reason end"), "{:bad, :day}");
    assert_eq!(
        beam.elixir("receive do {:DOWN, ^two, :process, {:me, :ours@localhost}, reason} -> reason end"),
        "{:bad, :day}"
    );
    for target in ["me", "{:me, :ours@localhost}", "{:never, :ours@localhost}"] {
        assert_eq!(
            beam.elixir(&format!(
                "ref = Process.monitor({target}); receive do {{:DOWN, ^ref, _, _, reason}} -> reason end"
            )),
            ":noproc"
        );
    }
    assert_eq!(beam.elixir("Process.info(self(), :message_queue_len)"), "{:message_queue_len, 0}");
}

#[test]
fn a_name_that_moves_on_takes_no_monitor_with_it() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let (first, second) = (registered(&ours, "name"), mailbox(&ours));
    beam.elixir("ref = Process.monitor({:name, :ours@localhost}); send({:name, :ours@localhost}, :watched)");
    assert_eq!(next_text(&first), "watched");
    first.unregister();
    second.register("name").unwrap();
    second.close(&encoded("second")).unwrap();
    first.close(&encoded("first")).unwrap();
    assert_eq!(beam.elixir("receive do {:DOWN, ^ref, _, _, reason} -> reason end"), ":first");
}

#[test]
fn a_killed_node_is_noconnection_to_everybody_who_watched_there() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    let puppet = puppet(&mut beam, &door);
    let me = mailbox(&ours);
    me.monitor(&Target::from(&puppet)).unwrap();
    me.monitor(&Target::name_node("net_kernel", ALEX).unwrap()).unwrap();
    settle(&me, &puppet);
    let nodes = mailbox(&ours);
    nodes.monitor_nodes(MonitorNodes { info: true, ..MonitorNodes::default() });
    nodes.monitor_node(ALEX).unwrap();
    beam.end(Signal::Kill);
    assert!(next_text(&me).ends_with(",noconnection}"));
    assert!(next_text(&me).ends_with(",noconnection}"));
    let mut seen = [next_text(&nodes), next_text(&nodes)];
    seen.sort();
    assert_eq!(
        seen[0],
        "{nodedown,alex@localhost,#{node_type => hidden,nodedown_reason => connection_closed}}"
    );
    assert_eq!(seen[1], "{nodedown,alex@localhost}");
}

/// A process that sends and ends: the DOWN and the EXIT come after its last message, each time.
#[test]
fn the_end_of_a_process_comes_after_its_last_message() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    beam.begin(
        "erlang",
        "[begin
            P = spawn(fun() -> receive go -> ok end,
                    Size = case N rem 3 of 0 -> 10; 1 -> 70000; 2 -> 300000 end,
                    {door, ours@localhost} ! {last, N, binary:copy(<<1>>, Size)},
                    exit({done, N}) end),
            {door, ours@localhost} ! {watch, P},
            receive ready -> P ! go end
          end || N <- lists:seq(1, 90)], ok",
    );
    for number in 1..=90 {
        let watch = next(&door);
        let mut reader = watch.reader();
        assert!(reader.tuple_of(2) && reader.atom_is("watch"));
        let pid = reader.pid().unwrap();
        door.monitor(&Target::from(&pid)).unwrap();
        let mut go = Writer::new();
        go.atom("go");
        // The BEAM's loop waits for `ready`, which the process itself needs not.
        door.send(&Target::from(&pid), &go.finish().unwrap(), Some(PATIENCE)).unwrap();
        let last = next(&door);
        assert_eq!(last.kind(), MessageKind::Message, "{number}: the end came before the last message");
        let down = next(&door);
        assert_eq!(down.kind(), MessageKind::Down);
        assert!(down.term().unwrap().to_string().ends_with(&format!(",{{done,{number}}}}}")));
        ready(&door, &mut beam, watch.from());
    }
    assert_eq!(beam.finish(), "ok");
}

fn ready(door: &Mailbox, _beam: &mut Beam, loop_pid: Option<&Pid>) {
    let loop_pid = loop_pid.expect("the sender of a message by name is known");
    door.send(&Target::from(loop_pid), &encoded("ready"), Some(PATIENCE)).unwrap();
}

/// The same for mailboxes of ours: big and small last messages, then the end, seen by a BEAM.
#[test]
fn our_end_comes_after_our_last_message() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    beam.elixir("Process.register(self(), :alex)");
    beam.begin(
        "elixir",
        "for n <- 1..60 do
           receive do pid when is_pid(pid) -> (ref = Process.monitor(pid); send(pid, :watched)) end
           first = receive do message -> message end
           second = receive do message -> message end
           true = is_binary(first)
           {:DOWN, _, :process, _, ^n} = second
           n
         end |> length()",
    );
    for number in 1..=60 {
        let me = mailbox(&ours);
        introduce(&me);
        assert_eq!(next_text(&me), "watched");
        let mut writer = Writer::new();
        writer.binary(&vec![7; [10, 70_000, 400_000][number % 3]]);
        me.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        me.close(&encoded(&number.to_string())).unwrap();
    }
    assert_eq!(beam.finish(), "60");
}

#[test]
fn aliases_of_ours_end_as_their_mode_says() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    beam.erlang(
        "register(replier, spawn(fun Loop() -> receive {A, P} -> A ! one, A ! two, P ! marker, Loop() end end))",
    );
    let puppet = puppet(&mut beam, &door);
    let me = mailbox(&ours);
    let replies = |alias: &erlnode::term::Reference| {
        let mut writer = Writer::new();
        writer.tuple(2).reference(alias).pid(&me.pid());
        let replier = Target::name_node("replier", ALEX).unwrap();
        me.send(&replier, &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        let mut seen = Vec::new();
        loop {
            match next_text(&me).as_str() {
                "marker" => return seen.join(","),
                other => seen.push(other.to_owned()),
            }
        }
    };
    let explicit = me.alias();
    assert_eq!(replies(&explicit), "one,two");
    assert!(me.unalias(&explicit));
    assert_eq!(replies(&explicit), "");
    let once = me.monitor_alias(&Target::from(&puppet), AliasMode::ReplyDemonitor).unwrap();
    assert_eq!(replies(&once), "one");
    assert!(!me.demonitor(&once, false), "the first reply ended the monitor");
    let with_monitor = me.monitor_alias(&Target::from(&puppet), AliasMode::Demonitor).unwrap();
    assert_eq!(replies(&with_monitor), "one,two");
    assert!(me.demonitor(&with_monitor, true));
    assert_eq!(replies(&with_monitor), "");
    let until_down = me.monitor_alias(&Target::from(&puppet), AliasMode::Demonitor).unwrap();
    die(&me, &puppet, "normal");
    assert_eq!(next(&me).kind(), MessageKind::Down);
    assert_eq!(replies(&until_down), "");
}

#[test]
fn a_gen_server_call_to_a_name_of_ours_fails_fast_when_nobody_serves_it() {
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let answer = beam.elixir("catch_exit = try do GenServer.call({:nobody, :ours@localhost}, :hello) catch :exit, {reason, _} -> reason end");
    assert_eq!(answer, ":noproc");
    let me = registered(&ours, "server");
    beam.begin(
        "elixir",
        "try do GenServer.call({:server, :ours@localhost}, :hello) catch :exit, {reason, _} -> reason end",
    );
    next(&me);
    me.close(&encoded("{bad,day}")).unwrap();
    assert_eq!(beam.finish(), "{:bad, :day}");
    assert!(matches!(me.recv(Some(PATIENCE)), Err(Error::Closed(_))));
}
