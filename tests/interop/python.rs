//! The servers of the Python examples, driven by what users type: scenarios 4, 6, 8, 9 and 10.
//! Stands on `make examples`, which `make test` runs first.

use crate::support::Cluster;

const CALC: &str = ":ours@localhost";

#[test]
fn exported_functions_answer_rpc_and_erpc() {
    let cluster = Cluster::new();
    let _ours = cluster.example("python", "calc", &[]);
    let mut alex = cluster.beam("alex");
    let ask = |alex: &mut crate::support::Beam, code: &str| alex.elixir(&code.replace("OURS", CALC));
    assert_eq!(ask(&mut alex, ":erpc.call(OURS, :math, :sqrt, [2.0])"), "1.4142135623730951");
    assert_eq!(ask(&mut alex, ":rpc.call(OURS, :math, :sqrt, [2.0])"), "1.4142135623730951");
    assert_eq!(ask(&mut alex, ":erpc.multicall([OURS], Calc, :factorial, [5])"), "[ok: 120]");
    assert_eq!(
        ask(&mut alex, "try do :erpc.call(OURS, :math, :sqrt, [-1.0]) rescue e -> elem(e.original, 1) end"),
        ":badarith"
    );
    assert_eq!(
        ask(&mut alex, "try do :erpc.call(OURS, :os, :cmd, ['ls']) rescue e -> e.original end"),
        ask(&mut alex, "{:exception, :undef, [{:os, :cmd, ['ls'], []}]}"),
        "what is not exported is undef"
    );
    assert_eq!(
        ask(&mut alex, "{:badrpc, {:EXIT, {:undef, _}}} = :rpc.call(OURS, :math, :sqrt, [1, 2]); :ok"),
        ":ok",
        "another arity is not exported"
    );
    assert_eq!(
        ask(
            &mut alex,
            "try do :erpc.call(OURS, Calc, :fail, [\"oops\"]) rescue e -> elem(e.original, 1) |> Tuple.to_list() |> Enum.take(3) end"
        ),
        "[:python, \"ValueError\", \"oops\"]"
    );
}

#[test]
fn a_server_answers_as_a_gen_server_does() {
    let cluster = Cluster::new();
    let _ours = cluster.example("python", "calc", &[]);
    let mut alex = cluster.beam("alex");
    for (code, expected) in [
        ("GenServer.call({Calc, OURS}, {:add, 1, 2})", "3"),
        ("GenServer.cast({Calc, OURS}, {:store, 5})", ":ok"),
        ("GenServer.call({Calc, OURS}, :recall)", "5"),
        ("GenServer.multi_call([OURS], Calc, :recall)", "{[\"ours@localhost\": 5], []}"),
        (":gen_statem.call({Calc, OURS}, :recall)", "5"),
        (":gen_server.send_request({Calc, OURS}, :recall) |> :gen_server.wait_response(5000)", "{:reply, 5}"),
        ("GenServer.call({Calc, OURS}, {:later, 20})", ":late"),
        ("try do GenServer.call({Calc, OURS}, {:later, 300}, 20) catch :exit, {r, _} -> r end", ":timeout"),
        (":sys.get_state({Calc, OURS})", "%{value: 5}"),
        ("elem(:sys.get_status({Calc, OURS}), 0)", ":status"),
        (":sys.suspend({Calc, OURS})", ":ok"),
        ("try do GenServer.call({Calc, OURS}, :recall, 50) catch :exit, {r, _} -> r end", ":timeout"),
        (":sys.resume({Calc, OURS})", ":ok"),
        ("GenServer.call({Calc, OURS}, :recall)", "5"),
        ("GenServer.call({Calc, OURS}, {:divide, 1, 0})", "{:error, :badarith}"),
        ("GenServer.stop({Calc, OURS})", ":ok"),
        ("try do GenServer.call({Calc, OURS}, :recall) catch :exit, {r, _} -> r end", ":noproc"),
    ] {
        let answer = alex.elixir(&code.replace("OURS", CALC));
        // Older and newer releases quote atoms with an @ differently.
        assert_eq!(answer.replace('"', ""), expected.replace('"', ""), "{code}");
    }
}

#[test]
fn an_exception_ends_the_server_and_the_caller_hears_of_it() {
    let cluster = Cluster::new();
    let _ours = cluster.example("python", "calc", &[]);
    let mut alex = cluster.beam("alex");
    let answer = alex.elixir(
        "try do GenServer.call({Calc, :ours@localhost}, {:add, \"x\", 1}) catch :exit, {{{:python, name, _, _}, []}, _} -> name end",
    );
    assert_eq!(answer, "\"TypeError\"");
}

/// Scenario 4, as typed.
#[test]
fn kate_prints_on_the_terminal_of_whoever_runs_her() {
    let cluster = Cluster::new();
    let _ours = cluster.example("python", "spawn_link", &[]);
    let mut alex = cluster.iex("alex");
    for line in [
        "Node.spawn_link(:ours@localhost, Kate, :say_name, [])",
        "Node.spawn_link(:ours@localhost, &Kate.say_name/0)",
    ] {
        let from = alex.process().mark();
        alex.type_line(line);
        alex.process().wait_output("what Kate says", from, |text| text.find("Hi, my name is Kate"));
    }
}

/// Scenario 6, by pid.
#[test]
fn elixir_prints_on_our_console() {
    let cluster = Cluster::new();
    let ours = cluster.example("python", "console", &[]);
    let mut alex = cluster.beam("alex");
    assert_eq!(
        alex.elixir(
            "send({:console, :ours@localhost}, {:console, self()}); c = receive do pid -> pid end; IO.puts(c, \"Hello from alex\")"
        ),
        ":ok"
    );
    ours.process().wait_line("Hello from alex");
}

/// Scenario 8: ours plays kate, then moebi.
#[test]
fn chat_runs_tasks_both_ways() {
    let cluster = Cluster::new();
    let ours = cluster.example("python", "chat", &[]);
    let mut alex = cluster.iex("alex");
    alex.type_line("defmodule Chat do def receive_message(m), do: IO.puts(m) end");
    alex.type_line("{:ok, _} = Task.Supervisor.start_link(name: Chat.TaskSupervisor); :ok");
    let task = |function: &str, args: &str| {
        format!("Task.Supervisor.async({{Chat.TaskSupervisor, :ours@localhost}}, Chat, {function}, {args}) |> Task.await()")
    };
    assert_eq!(alex.type_line(&task(":receive_message", "[\"hi\"]")), ":ok");
    ours.process().wait_line("hi");
    let from = alex.process().mark();
    alex.type_line(&task(":receive_message_for_moebi", "[\"hello\", node()]"));
    alex.process().wait_output("moebi's answer", from, |text| text.find("chicken?"));
    assert_eq!(
        alex.type_line("Task.Supervisor.async_nolink({Chat.TaskSupervisor, :ours@localhost}, Chat, :nope, []) |> Task.yield(5000) |> elem(0)"),
        ":exit"
    );
}

/// Scenario 10: foo is Elixir, bar is ours.
#[test]
fn kv_routes_between_elixir_and_python() {
    let cluster = Cluster::new();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kv.conf");
    let bar = cluster.example_as("python", "kv", "bar@localhost", &["--table", table, "--port", "0"]);
    bar.wait_ready("bar@localhost");
    let mut foo = cluster.beam("foo");
    foo.elixir(
        "defmodule KV.Router do
           def route(bucket, mod, fun, args) do
             first = :binary.first(bucket)
             {_, owner} = Enum.find(table(), fn {letters, _} -> first in letters end)
             if owner == node(), do: apply(mod, fun, args), else:
               {KV.RouterTasks, owner} |> Task.Supervisor.async(KV.Router, :route, [bucket, mod, fun, args]) |> Task.await()
           end
           def table, do: [{?a..?m, :foo@localhost}, {?n..?z, :bar@localhost}]
         end
         {:ok, tasks} = Task.Supervisor.start_link(name: KV.RouterTasks)
         Process.unlink(tasks)",
    );
    assert_eq!(foo.elixir("KV.Router.route(\"hello\", Kernel, :node, [])"), ":foo@localhost");
    assert_eq!(foo.elixir("KV.Router.route(\"world\", Kernel, :node, [])"), ":bar@localhost");
    let bucket = "b = KV.Router.route(\"shopping\", KV.Registry, :create, [KV.Registry, \"shopping\"]);";
    assert_eq!(foo.elixir(&format!("{bucket} GenServer.call(b, {{:put, \"milk\", \"1\"}})")), ":ok");
    assert_eq!(foo.elixir(&format!("{bucket} Agent.get(b, Map, :get, [\"milk\"])")), "\"1\"");
    assert_eq!(foo.elixir(&format!("{bucket} Agent.update(b, Map, :put, [\"eggs\", \"6\"])")), ":ok");
    assert_eq!(foo.elixir(&format!("{bucket} Agent.get_and_update(b, Map, :pop, [\"eggs\"])")), "\"6\"");
    let refused = foo.elixir(
        "try do
           Task.Supervisor.async_nolink({KV.RouterTasks, :bar@localhost}, KV.Router, :route, [\"9\", Kernel, :node, []]) |> Task.await()
         catch :exit, {{error, _}, _} -> error.message end",
    );
    assert!(refused.contains("could not find entry for") && refused.contains("97..109"), "{refused}");
}
