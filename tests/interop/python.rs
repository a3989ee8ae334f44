//! The servers of the Python examples, driven by what users type: scenarios 4, 6, 8 and 9; kv is in `kv`.
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
