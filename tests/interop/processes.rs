//! Links, monitors, exits and spawning between a mailbox of ours and processes of a BEAM, in all directions.

use erlnode::node::spawn::SpawnOptions;
use erlnode::term::{Atom, Pid, Writer};
use erlnode::{Mailbox, MessageKind, Node, Target};

use crate::support::ours::{encoded, mailbox, next, next_text, registered};
use crate::support::{Beam, Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

fn at(name: &str, node: &str) -> Target {
    Target::NameNode(Atom::new(name).unwrap(), Atom::new(node).unwrap())
}

/// A BEAM whose evaluating process is called `alex`, a node of ours, and its mailbox `door`, which traps exits.
fn scene(cluster: &Cluster) -> (Beam, Node, Mailbox) {
    let mut alex = cluster.beam("alex");
    alex.elixir("Process.register(self(), :alex)");
    let ours = cluster.node("ours");
    let door = registered(&ours, "door");
    door.set_trap_exit(true);
    (alex, ours, door)
}

/// A process on the BEAM, in Elixir variable `p`, that ends with the reason it is sent; its pid as we know it.
fn victim(alex: &mut Beam, door: &Mailbox) -> Pid {
    alex.elixir(
        "p = spawn(fn -> receive do reason -> exit(reason) end end); send({:door, :ours@localhost}, p)",
    );
    next(door).reader().pid().unwrap()
}

/// Our pid in Elixir variable `us`.
fn introduce(alex: &mut Beam, mailbox: &Mailbox) {
    let mut writer = Writer::new();
    writer.pid(&mailbox.pid());
    mailbox.send(&at("alex", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir("us = receive do pid -> pid end");
}

/// The last element of a tuple such as `{'EXIT',Pid,Reason}` or `{'DOWN',Ref,process,Pid,Reason}`.
fn reason(text: &str) -> &str {
    text.trim_end_matches('}').rsplit(',').next().unwrap()
}

#[test]
fn an_exit_over_there_reaches_us_along_our_link() {
    let cluster = Cluster::new();
    let (mut alex, _ours, door) = scene(&cluster);
    let pid = victim(&mut alex, &door);
    door.link(&pid).unwrap();
    door.send(&Target::Pid(pid), &encoded("bye"), Some(PATIENCE)).unwrap();
    let exit = next(&door);
    assert_eq!(exit.kind(), MessageKind::Exit);
    assert_eq!(reason(&exit.term().unwrap().to_string()), "bye");
}

#[test]
fn our_end_reaches_them_along_their_link() {
    let cluster = Cluster::new();
    let (mut alex, ours, _door) = scene(&cluster);
    let mortal = mailbox(&ours);
    introduce(&mut alex, &mortal);
    // Signals keep their order: the message tells that the link is here.
    alex.elixir("Process.flag(:trap_exit, true); Process.link(us); send(us, :linked)");
    next(&mortal);
    mortal.close(&encoded("done")).unwrap();
    assert_eq!(alex.elixir("receive do {:EXIT, ^us, reason} -> reason end"), ":done");
}

#[test]
fn a_link_to_a_dead_process_is_answered_with_noproc_both_ways() {
    let cluster = Cluster::new();
    let (mut alex, ours, door) = scene(&cluster);
    let pid = victim(&mut alex, &door);
    alex.elixir("Process.monitor(p); send(p, :normal); receive do {:DOWN, _, _, _, _} -> :ok end");
    door.link(&pid).unwrap();
    assert_eq!(reason(&next_text(&door)), "noproc");
    let mortal = mailbox(&ours);
    introduce(&mut alex, &mortal);
    drop(mortal);
    let seen =
        alex.elixir("Process.flag(:trap_exit, true); Process.link(us); receive do {:EXIT, ^us, r} -> r end");
    assert_eq!(seen, ":noproc");
}

#[test]
fn an_unlinked_process_may_end_unheard() {
    let cluster = Cluster::new();
    let (mut alex, _ours, door) = scene(&cluster);
    let pid = victim(&mut alex, &door);
    door.link(&pid).unwrap();
    door.unlink(&pid).unwrap();
    alex.elixir(
        "Process.monitor(p); send(p, :bye); receive do {:DOWN, _, _, _, _} -> :ok end
         send({:door, :ours@localhost}, :afterwards)",
    );
    assert_eq!(next_text(&door), "afterwards");
}

#[test]
fn our_monitors_tell_the_reason_noproc_and_noconnection() {
    let cluster = Cluster::new();
    let (mut alex, _ours, door) = scene(&cluster);
    let pid = victim(&mut alex, &door);
    let reference = door.monitor(&Target::Pid(pid.clone())).unwrap();
    door.send(&Target::Pid(pid), &encoded("bye"), Some(PATIENCE)).unwrap();
    let down = door.recv_reply(&reference, Some(PATIENCE)).unwrap();
    assert_eq!((down.kind(), reason(&down.term().unwrap().to_string())), (MessageKind::Down, "bye"));

    door.monitor(&at("nobody", ALEX)).unwrap();
    assert!(next_text(&door).ends_with("{nobody,alex@localhost},noproc}"));

    door.monitor(&at("alex", ALEX)).unwrap();
    alex.end(Signal::Kill);
    assert!(next_text(&door).ends_with("{alex,alex@localhost},noconnection}"));
    door.monitor(&at("alex", ALEX)).unwrap();
    assert!(next_text(&door).ends_with("noconnection}"), "and there is nobody to connect to");
}

#[test]
fn their_monitors_tell_the_reason_noproc_and_noconnection() {
    let cluster = Cluster::new();
    let (mut alex, ours, door) = scene(&cluster);
    let mortal = registered(&ours, "mortal");
    introduce(&mut alex, &mortal);
    alex.elixir(
        "by_pid = Process.monitor(us); by_name = Process.monitor({:mortal, :ours@localhost}); send(us, :ok)",
    );
    next(&mortal);
    mortal.close(&encoded("{shutdown,[1]}")).unwrap();
    assert_eq!(
        alex.elixir("receive do {:DOWN, ^by_pid, :process, ^us, reason} -> reason end"),
        "{:shutdown, [1]}"
    );
    assert_eq!(
        alex.elixir("receive do {:DOWN, ^by_name, :process, who, reason} -> {who, reason} end"),
        "{{:mortal, :ours@localhost}, {:shutdown, [1]}}"
    );
    let down = "receive do {:DOWN, _, :process, _, reason} -> reason end";
    assert_eq!(alex.elixir(&format!("Process.monitor({{:mortal, :ours@localhost}}); {down}")), ":noproc");
    alex.elixir("Process.monitor({:door, :ours@localhost}); send({:door, :ours@localhost}, :ok)");
    next(&door);
    ours.stop();
    let seen = alex.elixir(down);
    assert!(seen == ":noconnection" || seen == ":shutdown", "{seen}");
}

#[test]
fn exit_signals_end_who_does_not_trap_them_both_ways() {
    let cluster = Cluster::new();
    let (mut alex, ours, door) = scene(&cluster);
    // Theirs to us: trapped, untrapped, and `kill`, which nobody traps.
    introduce(&mut alex, &door);
    alex.elixir("Process.exit(us, :bye)");
    let exit = next(&door);
    assert_eq!((exit.kind(), reason(&exit.term().unwrap().to_string())), (MessageKind::Exit, "bye"));
    for (sent, seen) in [(":bye", ":bye"), (":kill", ":killed")] {
        let mortal = mailbox(&ours);
        mortal.set_trap_exit(sent == ":kill");
        introduce(&mut alex, &mortal);
        let down = alex.elixir(&format!(
            "Process.monitor(us); Process.exit(us, {sent}); receive do {{:DOWN, _, _, _, reason}} -> reason end"
        ));
        assert_eq!(down, seen);
        assert!(!mortal.is_alive());
    }
    // Ours to them.
    let pid = victim(&mut alex, &door);
    alex.elixir("Process.monitor(p)");
    door.exit(&pid, &encoded("{go,away}")).unwrap();
    assert_eq!(alex.elixir("receive do {:DOWN, _, _, ^p, reason} -> reason end"), "{:go, :away}");
}

#[test]
fn we_spawn_a_function_there_and_hear_of_its_end() {
    let cluster = Cluster::new();
    let (_alex, _ours, door) = scene(&cluster);
    let options = SpawnOptions { monitor: true, ..SpawnOptions::default() };
    let args = encoded("[shot]");
    let (pid, reference) = door.spawn(ALEX, "erlang", "exit", &args, options, Some(PATIENCE)).unwrap();
    assert_eq!(pid.node.as_str(), ALEX);
    let down = door.recv_reply(&reference, Some(PATIENCE)).unwrap();
    assert_eq!((down.kind(), reason(&down.term().unwrap().to_string())), (MessageKind::Down, "shot"));

    let linked = SpawnOptions { link: true, ..SpawnOptions::default() };
    let (pid, _) = door.spawn(ALEX, "erlang", "exit", &args, linked, Some(PATIENCE)).unwrap();
    let exit = next(&door);
    assert_eq!(exit.kind(), MessageKind::Exit);
    assert_eq!(exit.from(), Some(&pid));
}

/// Scenario 4: what we exported runs, with links and monitors; what we did not, is `undef`.
#[test]
fn they_spawn_what_we_exported_and_nothing_else() {
    let cluster = Cluster::new();
    let (mut alex, _ours, door) = scene(&cluster);
    door.export("Elixir.Kate", "add", Some(2)).unwrap();
    let answer = |value: &str| {
        let request = next(&door).into_request().expect("a request");
        assert_eq!((request.module().as_str(), request.function().as_str()), ("Elixir.Kate", "add"));
        request.reply(&encoded(value)).unwrap();
    };
    alex.elixir("Process.flag(:trap_exit, true)");
    alex.begin(
        "elixir",
        "pid = Node.spawn_link(:ours@localhost, Kate, :add, [1, 2])
         receive do {:EXIT, ^pid, reason} -> {node(pid), reason} end",
    );
    answer("3");
    assert_eq!(alex.finish(), "{:ours@localhost, :normal}");
    alex.begin(
        "elixir",
        "{pid, ref} = Node.spawn_monitor(:ours@localhost, Kate, :add, [1, 2])
         receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason end",
    );
    answer("3");
    assert_eq!(alex.finish(), ":normal");

    let undefined = alex.elixir(
        "{_, ref} = Node.spawn_monitor(:ours@localhost, Kate, :other, [])
         receive do {:DOWN, ^ref, _, _, reason} -> reason end",
    );
    assert!(undefined.starts_with("{:undef, [{Kate, :other, []"), "{undefined}");
    let closure = alex.elixir(
        "{_, ref} = Node.spawn_monitor(:ours@localhost, fn -> Kate.add(1, 2) end)
         receive do {:DOWN, ^ref, _, _, reason} -> reason end",
    );
    assert!(closure.contains("undef") || closure.contains("badfun"), "{closure}");
}
