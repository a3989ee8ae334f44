//! Spawning in both directions (scenario 4): every way a BEAM has to start a process on us, and ours to start one there.

use erlnode::node::process::AliasMode;
use erlnode::node::spawn::{Class, Request, SpawnOptions};
use erlnode::term::{Pid, Writer};
use erlnode::{Error, Mailbox, MessageKind, Node, Target};

use crate::links::trapping;
use crate::support::ours::{encoded, mailbox, next, next_text, registered};
use crate::support::{Beam, Cluster, PATIENCE};

const ALEX: &str = "alex@localhost";
const LINK: SpawnOptions =
    SpawnOptions { link: true, monitor: false, alias: None, leader: None, priority: false, more: Vec::new() };
const MONITOR: SpawnOptions =
    SpawnOptions { link: false, monitor: true, alias: None, leader: None, priority: false, more: Vec::new() };

/// A node of ours whose mailbox serves `Elixir.Kate` and `kate`, every function of any arity that is named here.
fn kate(ours: &Node) -> Mailbox {
    let kate = registered(ours, "kate");
    for module in ["Elixir.Kate", "kate"] {
        for function in ["say_name", "work", "wait"] {
            kate.export(module, function, None).unwrap();
        }
    }
    kate
}

fn request(kate: &Mailbox) -> Request {
    let message = next(kate);
    assert_eq!(message.kind(), MessageKind::Request, "{:?}", message.term());
    message.into_request().unwrap()
}

fn pair() -> (Cluster, Beam, Node, Mailbox) {
    let cluster = Cluster::new();
    let (mut alex, ours) = (cluster.beam("alex"), cluster.node("ours"));
    alex.elixir("Process.register(self(), :alex)");
    let kate = kate(&ours);
    (cluster, alex, ours, kate)
}

#[test]
fn node_spawn_and_its_kin_run_an_exported_function_with_its_arguments() {
    let (_cluster, mut alex, _ours, kate) = pair();
    for call in [
        "Node.spawn(:ours@localhost, Kate, :work, [1, :two, \"three\"])",
        "Node.spawn_link(:ours@localhost, Kate, :work, [1, :two, \"three\"])",
        "(Node.spawn_monitor(:ours@localhost, Kate, :work, [1, :two, \"three\"]) |> elem(0))",
        ":erlang.spawn_opt(:ours@localhost, Kate, :work, [1, :two, \"three\"], [{:priority, :high}])",
        ":proc_lib.spawn(:ours@localhost, Kate, :work, [1, :two, \"three\"])",
    ] {
        alex.begin("elixir", &format!("pid = {call}; node(pid)"));
        let request = request(&kate);
        assert_eq!(request.args()[..], encoded("[1,two,<<\"three\">>]")[..], "{call}");
        assert_eq!(request.caller().node.as_str(), ALEX);
        assert_eq!(request.leader().node.as_str(), ALEX, "output belongs to the caller's terminal");
        assert_eq!(alex.finish(), ":ours@localhost", "{call}");
        request.reply(&encoded("done")).unwrap();
    }
}

#[test]
fn remote_captures_run_and_closures_say_why_they_do_not() {
    let (_cluster, mut alex, _ours, kate) = pair();
    alex.begin("elixir", "{pid, ref} = Node.spawn_monitor(:ours@localhost, &Kate.say_name/0); :ok");
    request(&kate).reply(&encoded("ok")).unwrap();
    assert_eq!(alex.finish(), ":ok");
    assert_eq!(alex.elixir("receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason end"), ":normal");
    let reason = alex.elixir(
        "{pid, ref} = Node.spawn_monitor(:ours@localhost, fn -> Kate.say_name() end)
         receive do {:DOWN, ^ref, :process, ^pid, {:undef, [{fun, [], _} | _]}} -> is_function(fun, 0) end",
    );
    assert_eq!(reason, "true");
    assert_eq!(
        alex.elixir(
            "try do :erpc.call(:ours@localhost, fn -> 1 end) catch :error, {:exception, reason, _} -> reason end"
        ),
        ":undef"
    );
}

#[test]
fn the_end_of_a_request_is_what_links_and_monitors_there_report() {
    let (_cluster, mut alex, _ours, kate) = pair();
    alex.elixir("Process.flag(:trap_exit, true)");
    let mut ended = |end: &dyn Fn(Request)| -> String {
        alex.begin(
            "elixir",
            "{pid, ref} = :erlang.spawn_opt(:ours@localhost, Kate, :work, [], [:link, :monitor])
             down = receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason end
             exit = receive do {:EXIT, ^pid, reason} -> reason end
             true = down == exit
             down",
        );
        end(request(&kate));
        alex.finish()
    };
    assert_eq!(ended(&|request| request.reply(&encoded("1")).unwrap()), ":normal");
    let fail = |class, reason: &'static str| {
        move |request: Request| request.fail(class, &encoded(reason), &encoded("[]")).unwrap()
    };
    assert_eq!(ended(&fail(Class::Exit, "{shutdown,1}")), "{:shutdown, 1}");
    assert_eq!(ended(&fail(Class::Error, "badarg")), "{:badarg, [{Kate, :work, 0, []}]}");
    assert_eq!(ended(&fail(Class::Throw, "ball")), "{{:nocatch, :ball}, [{Kate, :work, 0, []}]}");
    assert_eq!(ended(&|request| drop(request)), ":killed");
}

#[test]
fn spawn_request_is_answered_with_its_options_and_errors() {
    let (_cluster, mut alex, _ours, kate) = pair();
    alex.begin(
        "elixir",
        "id = :erlang.spawn_request(:ours@localhost, :kate, :work, [], [:monitor, {:reply_tag, :tagged}])
         pid = receive do {:tagged, ^id, :ok, pid} -> pid end
         node(pid)",
    );
    let served = request(&kate);
    assert_eq!(alex.finish(), ":ours@localhost");
    served.reply(&encoded("ok")).unwrap();
    assert_eq!(alex.elixir("receive do {:DOWN, ^id, :process, ^pid, reason} -> reason end"), ":normal");
    assert_eq!(
        alex.elixir(
            "{pid, ref} = :erlang.spawn_opt(:ours@localhost, :nobody, :nothing, [], [:monitor])
             receive do {:DOWN, ^ref, _, ^pid, reason} -> reason end"
        ),
        "{:undef, [{:nobody, :nothing, [], []}]}"
    );
    // Abandoned before it is served: the process hears of it.
    alex.elixir("id = :erlang.spawn_request(:ours@localhost, :kate, :wait, [], [:link, reply: :no])");
    let abandoned = request(&kate);
    assert!(abandoned.is_wanted());
    drop(abandoned);
}

/// A BEAM exits, kills, links to and monitors the process that serves its call.
#[test]
fn a_serving_process_is_a_process_like_any_other() {
    let (_cluster, mut alex, ours, kate) = pair();
    alex.begin("elixir", "pid = Node.spawn(:ours@localhost, Kate, :wait, []); :ok");
    let waiting = request(&kate);
    alex.finish();
    alex.elixir("ref = Process.monitor(pid); Process.exit(pid, :stop)");
    assert_eq!(alex.elixir("receive do {:DOWN, ^ref, _, ^pid, reason} -> reason end"), ":stop");
    assert!(!waiting.is_wanted());
    assert!(matches!(waiting.reply(&encoded("late")), Err(Error::Closed(_))));
    // The end of a linked caller ends it, too.
    let before = ours.process_count();
    alex.begin(
        "elixir",
        "caller = spawn(fn -> Node.spawn_link(:ours@localhost, Kate, :wait, []); receive do :end -> exit(:bye) end end); :ok",
    );
    let waiting = request(&kate);
    alex.finish();
    alex.elixir("send(caller, :end)");
    let gone = mailbox(&ours);
    gone.monitor(&Target::from(waiting.pid())).unwrap();
    let reason = next_text(&gone);
    assert!(reason.ends_with(",bye}") || reason.ends_with(",noproc}"), "{reason}");
    drop(waiting);
    assert_eq!(ours.process_count(), before + 1, "nothing is left but the watching mailbox");
}

#[test]
fn erpc_and_rpc_return_throw_exit_and_fail_as_functions_of_a_beam_do() {
    let (_cluster, mut alex, _ours, kate) = pair();
    let mut called = |call: &str, end: &dyn Fn(Request)| -> String {
        alex.begin("elixir", &format!("try do {call} catch kind, reason -> {{kind, reason}} end"));
        end(request(&kate));
        alex.finish()
    };
    let erpc = ":erpc.call(:ours@localhost, :kate, :work, [1])";
    let rpc = ":rpc.call(:ours@localhost, :kate, :work, [1])";
    let fail = |class, reason: &'static str| {
        move |request: Request| request.fail(class, &encoded(reason), &encoded("[]")).unwrap()
    };
    assert_eq!(called(erpc, &|request| request.reply(&encoded("{answer,42}")).unwrap()), "{:answer, 42}");
    assert_eq!(called(rpc, &|request| request.reply(&encoded("{answer,42}")).unwrap()), "{:answer, 42}");
    assert_eq!(called(erpc, &fail(Class::Throw, "ball")), "{:throw, :ball}");
    assert_eq!(called(erpc, &fail(Class::Exit, "left")), "{:exit, {:exception, :left}}");
    assert_eq!(
        called(erpc, &fail(Class::Error, "badarith")),
        "{:error, {:exception, :badarith, [{:kate, :work, 1, []}]}}"
    );
    assert_eq!(called(rpc, &fail(Class::Exit, "left")), "{:badrpc, {:EXIT, :left}}");
}

/// Hundreds of spawns at once, each with link and monitor; every one is answered once and nothing is left.
#[test]
fn many_spawns_at_once_are_all_answered() {
    const SPAWNS: usize = 500;
    let (_cluster, mut alex, ours, kate) = pair();
    let before = ours.process_count();
    alex.begin(
        "elixir",
        &format!(
            "parent = self()
             for n <- 1..{SPAWNS} do
               spawn(fn ->
                 Process.flag(:trap_exit, true)
                 {{pid, ref}} = :erlang.spawn_opt(:ours@localhost, Kate, :work, [n], [:link, :monitor])
                 receive do {{:DOWN, ^ref, :process, ^pid, {{:done, ^n}}}} -> :ok end
                 receive do {{:EXIT, ^pid, {{:done, ^n}}}} -> send(parent, :one) end
               end)
             end
             for _ <- 1..{SPAWNS}, do: (receive do :one -> :ok end)
             :all"
        ),
    );
    for _ in 0..SPAWNS {
        let request = request(&kate);
        let mut args = erlnode::term::Reader::new(request.args());
        // A list of one small number is a string on the wire.
        args.list().unwrap();
        let number = args.i64().unwrap();
        request.fail(Class::Exit, &encoded(&format!("{{done,{number}}}")), &encoded("[]")).unwrap();
    }
    assert_eq!(alex.finish(), ":all");
    assert_eq!(ours.process_count(), before);
}

#[test]
fn we_spawn_there_linked_and_monitored_and_hear_of_the_end() {
    let (_cluster, mut alex, ours, _kate) = pair();
    let me = trapping(&ours);
    let args = encoded("[crash]");
    let (pid, _) = me.spawn(ALEX, "erlang", "exit", &args, LINK, Some(PATIENCE)).unwrap();
    let exit = next(&me);
    assert_eq!((exit.kind(), exit.from()), (MessageKind::Exit, Some(&pid)));
    assert!(exit.term().unwrap().to_string().ends_with(",crash}"));
    let (pid, reference) = me.spawn(ALEX, "erlang", "exit", &args, MONITOR, Some(PATIENCE)).unwrap();
    let down = next(&me);
    assert_eq!((down.kind(), down.from()), (MessageKind::Down, Some(&pid)));
    assert!(down.answers(&reference) && down.term().unwrap().to_string().ends_with(",crash}"));
    let (_, _) = me.spawn(ALEX, "nobody", "nothing", &encoded("[1]"), MONITOR, Some(PATIENCE)).unwrap();
    assert!(next_text(&me).contains(",{undef,[{nobody,nothing,"));
    // Without link and monitor: only what it does is heard.
    let mut send = Writer::new();
    send.list(2).pid(&me.pid()).atom("hello").nil();
    me.spawn(ALEX, "erlang", "send", &send.finish().unwrap(), SpawnOptions::default(), Some(PATIENCE))
        .unwrap();
    assert_eq!(next_text(&me), "hello");
    assert_eq!(alex.elixir("length(Process.list()) > 0"), "true");
}

#[test]
fn a_spawn_request_of_ours_is_answered_before_its_end_and_to_nowhere_with_noconnection() {
    let (_cluster, _alex, ours, _kate) = pair();
    let me = mailbox(&ours);
    let both = SpawnOptions { monitor: true, alias: Some(AliasMode::Demonitor), ..SpawnOptions::default() };
    let reference = me.spawn_request(ALEX, "erlang", "exit", &encoded("[why]"), both).unwrap();
    let reply = next(&me);
    assert_eq!(reply.kind(), MessageKind::SpawnReply);
    assert!(reply.answers(&reference));
    let down = next(&me);
    assert!(down.kind() == MessageKind::Down && down.answers(&reference));
    assert!(!me.unalias(&reference), "the alias ended with its monitor");
    me.spawn_request("nobody@localhost", "erlang", "exit", &encoded("[]"), LINK).unwrap();
    assert!(next_text(&me).ends_with(",error,noconnection}"));
    for bad in ["a", "[1|2]", "{}"] {
        let refused = me.spawn_request(ALEX, "erlang", "exit", &encoded(bad), LINK);
        assert!(matches!(refused, Err(Error::Argument(_))), "{bad} is no list of arguments");
    }
}

#[test]
fn the_options_of_a_spawn_of_ours_reach_the_process_on_a_beam() {
    let (_cluster, mut alex, ours, _kate) = pair();
    alex.elixir(
        "defmodule Odd do
           def tell(pid), do: send(pid, Process.info(self(), [:priority, :message_queue_data]))
         end",
    );
    let me = mailbox(&ours);
    let options = "[monitor,{priority,high},{message_queue_data,off_heap},{min_heap_size,5000}]";
    let options = SpawnOptions::decode(&encoded(options)).unwrap();
    let mut args = Writer::new();
    args.list(1).pid(&me.pid()).nil();
    me.spawn(ALEX, "Elixir.Odd", "tell", &args.finish().unwrap(), options, Some(PATIENCE)).unwrap();
    assert_eq!(next_text(&me), "[{priority,high},{message_queue_data,off_heap}]");
    assert!(next_text(&me).ends_with(",normal}"));
    for wrong in ["[nonsense]", "[{nonsense,1}]", "[{priority,1}]", "[{monitor,[{tag,x}]}]", "[link|x]", "x"]
    {
        let refused = SpawnOptions::decode(&encoded(wrong));
        assert!(matches!(refused, Err(Error::Argument(_))), "{wrong}");
    }
}

/// A process that we started and that nobody wants any more is told so.
#[test]
fn a_request_given_up_ends_the_process_that_was_started_for_it() {
    let (_cluster, mut alex, ours, _kate) = pair();
    let me = mailbox(&ours);
    alex.erlang(
        "register(keeper, spawn(fun L() -> receive {Who, P} -> Who ! is_process_alive(P), L() end end))",
    );
    let reference = me.spawn_request(ALEX, "timer", "sleep", &encoded("[infinity]"), LINK).unwrap();
    me.demonitor(&reference, false);
    // The answer has come when a later request is answered.
    let args = encoded("[normal]");
    me.spawn(ALEX, "erlang", "exit", &args, MONITOR, Some(PATIENCE)).unwrap();
    assert_eq!(next(&me).kind(), MessageKind::Down);
    assert_eq!(
        alex.elixir(
            "for pid <- Process.list(), {:initial_call, {:timer, :sleep, 1}} == Process.info(pid, :initial_call), do: pid"
        ),
        "[]"
    );
}

#[test]
fn our_own_nodes_spawn_on_each_other_as_on_a_beam() {
    let cluster = Cluster::without_epmd();
    let (ours, other) = (cluster.node("ours"), cluster.node("other"));
    let kate = kate(&ours);
    let me = trapping(&other);
    let reference = me.spawn_request("ours@localhost", "kate", "work", &encoded("[1]"), LINK).unwrap();
    let served = request(&kate);
    let reply = me.recv_reply(&reference, Some(PATIENCE)).unwrap();
    let pid: Pid = reply.from().unwrap().clone();
    assert_eq!(served.pid(), pid);
    served.fail(Class::Exit, &encoded("over"), &encoded("[]")).unwrap();
    assert!(next_text(&me).ends_with(",over}"));
}
