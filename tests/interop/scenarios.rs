//! Scenarios 2 (the mesh), 4, 6, 7, 8 and 9 with the example programs that play them, as typed in `iex`.

use crate::support::{Cluster, Iex, Signal};

const OURS: &str = "ours@localhost";
const ALEX: &str = "alex@localhost";

/// Each promise once per language that has the example.
macro_rules! in_languages {
    ($($promise:ident: $($language:ident)*;)*) => {
        $(mod $promise {
            $(#[test]
            fn $language() {
                super::$promise(stringify!($language));
            })*
        })*
    };
}

in_languages! {
    an_exported_function_prints_on_the_terminal_of_the_caller: c python;
    what_we_run_on_a_beam_prints_here: c python;
    what_they_print_on_our_console_appears_here: c python;
    calls_and_casts_are_answered: c cpp python;
    a_server_answers_as_a_gen_server_does: c cpp python;
    we_call_servers_and_functions: c python;
    they_play_together_without_a_beam: c python;
    a_task_runs_here_and_moebi_answers_with_one_over_there: c python;
    we_play_alex_and_the_task_runs_over_there: c python;
    terminals_are_found_by_global_names: c python;
    a_filter_service_has_a_global_name: c python;
    a_visible_example_is_connected_to_all: c python;
}

const HELLO: &str = "Hi, my name is Kate";

/// Waits until `text` was shown `times` times. What another process prints may come after the next prompt.
fn wait_shown(iex: &Iex, text: &str, times: usize) {
    iex.process().wait_output(text, 0, |shown| (shown.matches(text).count() >= times).then_some(()));
}

/// Scenario 4.
fn an_exported_function_prints_on_the_terminal_of_the_caller(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "spawn_link", &[]);
    let mut alex = cluster.iex("alex");
    alex.type_line("Node.spawn_link(:ours@localhost, Kate, :say_name, [])");
    wait_shown(&alex, HELLO, 1);
    alex.type_line("Node.spawn_link(:ours@localhost, &Kate.say_name/0)");
    wait_shown(&alex, HELLO, 2);
    alex.type_line("{pid, ref} = Node.spawn_monitor(:ours@localhost, Kate, :say_name, [])");
    // Shown before the next line is typed, so that the answer to that stands alone.
    wait_shown(&alex, HELLO, 3);
    let down = "receive do {:DOWN, ^ref, :process, ^pid, reason} -> {node(pid), reason} end";
    assert_eq!(alex.type_line(down).lines().last(), Some("{:ours@localhost, :normal}"));
    // A closure whose code we cannot have ends as on a BEAM without its module.
    alex.type_line("{pid, ref} = Node.spawn_monitor(:ours@localhost, fn -> Kate.say_name() end)");
    let reason = alex.type_line(down);
    assert!(reason.contains(":undef") || reason.contains(":badfun"), "{reason}");
}

/// Scenario 4 from our side.
fn what_we_run_on_a_beam_prints_here(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir("1");
    let (status, output) = cluster.example_as(language, "spawn_link", OURS, &["--ping", ALEX]).finish();
    assert!(status.success() && output.contains(HELLO), "{status}\n{output}");
}

/// Scenario 6.
fn what_they_print_on_our_console_appears_here(language: &str) {
    let cluster = Cluster::new();
    let ours = cluster.example(language, "console", &[]);
    let mut alex = cluster.iex("alex");
    alex.type_line("send({:console, :ours@localhost}, {:console, self()})");
    alex.type_line("console = receive do pid -> pid end");
    assert_eq!(alex.type_line("IO.puts(console, \"Hello\")"), ":ok");
    ours.process().wait_line("Hello");
    assert_eq!(alex.type_line("IO.inspect(console, %{größe: 1}, [])"), "%{größe: 1}");
    ours.process().wait_line("%{größe: 1}");
    // And another of ours, with no BEAM in between.
    let (status, output) =
        cluster.example_as(language, "console", "writer@localhost", &["--ping", OURS]).finish();
    assert!(status.success(), "{status}\n{output}");
    ours.process()
        .wait_output("a second Hello", 0, |shown| (shown.matches("Hello").count() > 1).then_some(()));
    assert!(ours.end(Signal::Term).0.success());
}

/// Scenario 9.
fn calls_and_casts_are_answered(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "calc", &[]);
    let mut alex = cluster.iex("alex");
    assert_eq!(alex.type_line(":erpc.call(:ours@localhost, :math, :sqrt, [2.0])"), "1.4142135623730951");
    assert_eq!(alex.type_line(":rpc.call(:ours@localhost, :math, :sqrt, [4.0])"), "2.0");
    assert_eq!(alex.type_line("GenServer.call({Calc, :ours@localhost}, {:add, 1, 2})"), "3");
    assert_eq!(alex.type_line("GenServer.cast({Calc, :ours@localhost}, {:store, 5})"), ":ok");
    assert_eq!(alex.type_line("GenServer.call({Calc, :ours@localhost}, :recall)"), "5");
    let error = alex.type_line(":erpc.call(:ours@localhost, :math, :sqrt, [-1.0])");
    assert!(error.contains("badarith"), "{error}");
    let error = alex.type_line(":erpc.call(:ours@localhost, :os, :cmd, ['ls'])");
    assert!(error.contains("undef"), "{error}");
    let gone = alex.type_line("GenServer.call({Nobody, :ours@localhost}, :hello)");
    assert!(gone.contains("no process"), "{gone}");
    for (line, shown) in CALLS {
        // Older and newer releases quote atoms with an @ differently.
        assert_eq!(alex.type_line(line).replace('"', ""), shown.replace('"', ""), "{line}");
    }
    let late = alex.type_line("GenServer.call({Calc, :ours@localhost}, {:later, 100}, 10)");
    assert!(late.contains("time out"), "{late}");
    // The reply comes after that, and a later answer after the reply: nothing of it is in the mailbox.
    assert_eq!(alex.type_line("GenServer.call({Calc, :ours@localhost}, {:later, 300})"), ":late");
    assert_eq!(alex.type_line("flush()"), ":ok");
}

/// The rest of scenario 9, each line and what is shown.
const CALLS: &[(&str, &str)] = &[
    (":erpc.multicall([:ours@localhost, :ours@localhost], :math, :sqrt, [4.0])", "[ok: 2.0, ok: 2.0]"),
    (":erpc.cast(:ours@localhost, :math, :sqrt, [4.0])", ":ok"),
    (":rpc.block_call(:ours@localhost, :math, :sqrt, [9.0])", "3.0"),
    (":rpc.yield(:rpc.async_call(:ours@localhost, :math, :sqrt, [16.0]))", "4.0"),
    (":rpc.multicall([:ours@localhost], :math, :sqrt, [4.0])", "{[2.0], []}"),
    ("GenServer.multi_call([:ours@localhost], Calc, {:add, 1, 2})", "{[ours@localhost: 3], []}"),
    (
        ":gen_server.receive_response(:gen_server.send_request({Calc, :ours@localhost}, {:add, 2, 2}), 5000)",
        "{:reply, 4}",
    ),
    (":gen_statem.call({Calc, :ours@localhost}, {:add, 2, 3})", "5"),
    ("Agent.get({Calc, :ours@localhost}, Kernel, :+, [1])", "6"),
    ("GenServer.call({Calc, :ours@localhost}, {:divide, 1, 0})", "{:error, :badarith}"),
    ("GenServer.call({Calc, :ours@localhost}, {:divide, 1, 2})", "{:ok, 0.5}"),
    (":sys.get_status({Calc, :ours@localhost}) |> elem(0)", ":status"),
    (":sys.suspend({Calc, :ours@localhost})", ":ok"),
    (":sys.resume({Calc, :ours@localhost})", ":ok"),
    ("GenServer.call({Calc, :ours@localhost}, {:add, 3, 3})", "6"),
];

/// Scenario 9 from our side: a server in plain Elixir, and another node of ours.
fn we_call_servers_and_functions(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    alex.elixir(
        "defmodule Calc do
           use GenServer
           def init(state), do: {:ok, state}
           def handle_call({:add, x, y}, _, state), do: {:reply, x + y, state}
           def handle_call(:recall, _, state), do: {:reply, state, state}
           def handle_call({:later, ms}, from, state) do
             spawn(fn -> Process.sleep(ms); GenServer.reply(from, :late) end)
             {:noreply, state}
           end
           def handle_cast({:store, x}, _), do: {:noreply, x}
         end
         {:ok, _} = GenServer.start(Calc, 0, name: Calc)",
    );
    let _ours = cluster.example(language, "calc", &[]);
    for peer in [ALEX, OURS] {
        let (status, output) =
            cluster.example_as(language, "calc", "caller@localhost", &["--ping", peer]).finish();
        assert!(status.success(), "{status}\n{output}");
        for shown in [
            "1 + 2 = 3",
            "stored 5",
            "1.4142135623730951",
            "badarith",
            "later: timeout",
            "10 + 2 = 12",
            "10 + 0 = 10",
        ] {
            assert!(output.contains(shown), "{shown} from {peer}:\n{output}");
        }
        assert!(output.contains("nobody: no process"), "{output}");
    }
}

/// Scenario 9, further: whatever asks a GenServer.
fn a_server_answers_as_a_gen_server_does(language: &str) {
    let cluster = Cluster::new();
    let _ours = cluster.example(language, "calc", &[]);
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
        let answer = alex.elixir(&code.replace("OURS", ":ours@localhost"));
        // Older and newer releases quote atoms with an @ differently.
        assert_eq!(answer.replace('"', ""), expected.replace('"', ""), "{code}");
    }
}

/// Calc asks calc, alex tells kate and moebi: ours on both sides, and nobody serves epmd but we.
fn they_play_together_without_a_beam(language: &str) {
    let cluster = Cluster::without_epmd();
    let _calc = cluster.example(language, "calc", &[]);
    let (status, output) =
        cluster.example_as(language, "calc", "asking@localhost", &["--ping", OURS]).finish();
    assert!(status.success(), "{status}\n{output}");
    for line in ["1 + 2 = 3", "stored 5", "sqrt(2) = 1.4142135623730951", "sqrt(-1): error: badarith"] {
        assert!(output.contains(line), "{line} is missing:\n{output}");
    }
    let kate = cluster.example_as(language, "chat", "kate@localhost", &[]);
    kate.wait_ready("kate@localhost");
    let moebi = cluster.example_as(language, "chat", "moebi@localhost", &[]);
    moebi.wait_ready("moebi@localhost");
    let (status, output) =
        cluster.example_as(language, "chat", ALEX, &["--say", "hi", "--to", "kate@localhost"]).finish();
    assert!(status.success(), "{status}\n{output}");
    kate.process().wait_line("hi");
    let (status, output) =
        cluster.example_as(language, "chat", ALEX, &["--say", "hi", "--to", "moebi@localhost"]).finish();
    assert!(status.success() && output.contains("chicken?"), "{status}\n{output}");
    assert!(kate.end(Signal::Term).0.success());
    assert!(moebi.end(Signal::Term).0.success());
}

/// What both an Elixir `alex` and an Elixir `kate` have.
const CHAT: &str = "defmodule Chat do def receive_message(text) do IO.puts(text); :ok end end; \
     {:ok, _} = Task.Supervisor.start_link(name: Chat.TaskSupervisor); :started";

/// Scenario 8: ours plays kate and moebi.
fn a_task_runs_here_and_moebi_answers_with_one_over_there(language: &str) {
    let cluster = Cluster::new();
    let ours = cluster.example(language, "chat", &[]);
    let mut alex = cluster.iex("alex");
    alex.type_line(CHAT);
    let said = alex.type_line(
        "Task.Supervisor.async({Chat.TaskSupervisor, :ours@localhost}, Chat, :receive_message, [\"hi\"]) |> Task.await()",
    );
    assert_eq!(said, ":ok");
    ours.process().wait_line("hi");
    let said = alex.type_line(
        "Task.Supervisor.async({Chat.TaskSupervisor, :ours@localhost}, Chat, :receive_message_for_moebi, \
         [\"hi\", :alex@localhost]) |> Task.await()",
    );
    assert_eq!(said, "chicken?\n:ok");
}

/// Scenario 8: ours plays alex.
fn we_play_alex_and_the_task_runs_over_there(language: &str) {
    let cluster = Cluster::new();
    let mut kate = cluster.iex("kate");
    kate.type_line(CHAT);
    let call = ["--say", "hi there", "--to", "kate@localhost"];
    let (status, output) = cluster.example_as(language, "chat", OURS, &call).finish();
    assert!(status.success(), "{status}\n{output}");
    wait_shown(&kate, "hi there", 1);
}

/// Scenario 2, the mesh.
fn a_visible_example_is_connected_to_all(language: &str) {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = (cluster.iex("alex"), cluster.iex("kate"));
    assert_eq!(alex.type_line("Node.connect(:kate@localhost)"), "true");
    assert_eq!(alex.type_line(":global.sync()"), ":ok");
    kate.type_line(":net_kernel.monitor_nodes(true)");
    let _ours = cluster.example(language, "ping_pong", &["--visible"]);
    assert_eq!(alex.type_line("Node.connect(:ours@localhost)"), "true");
    assert_eq!(alex.type_line(":global.sync()"), ":ok");
    let up = "receive do {:nodeup, node} -> node after 5000 -> :none end";
    assert_eq!(kate.type_line(up), ":ours@localhost");
    assert_eq!(kate.type_line("Enum.sort(Node.list())"), "[:alex@localhost, :ours@localhost]");
}

/// Scenario 6.
fn terminals_are_found_by_global_names(language: &str) {
    let cluster = Cluster::new();
    let mut alex = cluster.iex("alex");
    let ours = cluster.example(language, "console", &["--visible", "--to", ALEX]);
    assert_eq!(alex.type_line(":global.sync()"), ":ok");
    alex.type_line("IO.puts(:global.whereis_name(:two), \"Hello from alex\")");
    ours.process().wait_output("Hello from alex", 0, |shown| shown.contains("Hello from alex").then_some(()));
    let (_, _) = ours.end(Signal::Term);
    alex.type_line("Process.sleep(0); :global.sync()");
    for visible in [true, false] {
        let registered = alex.type_line(":global.re_register_name(:two, Process.group_leader())");
        assert_eq!(registered.lines().last(), Some(":yes"));
        let mut options = vec!["--to", ALEX, "--say"];
        options.extend(visible.then_some("--visible"));
        let writer = cluster.example_as(language, "console", "writer@localhost", &options);
        let (status, printed) = writer.finish();
        assert!(status.success(), "{printed}");
        wait_shown(&alex, "Hello\n", if visible { 1 } else { 2 });
    }
}

/// Scenario 7.
fn a_filter_service_has_a_global_name(language: &str) {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = (cluster.iex("alex"), cluster.iex("kate"));
    assert_eq!(kate.type_line("Node.connect(:alex@localhost)"), "true");
    assert_eq!(kate.type_line(":global.sync()"), ":ok");
    let ours = cluster.example(language, "filter_service", &["--visible", "--to", ALEX]);
    let receive = "receive do message -> message after 5000 -> :none end";
    for iex in [&mut alex, &mut kate] {
        assert_eq!(iex.type_line(":global.sync()"), ":ok");
        let cast = "GenServer.cast({:global, FilterService}, {:filter, [1, 5, 100, 500], 7, self()})";
        assert_eq!(iex.type_line(cast), ":ok");
        assert_eq!(iex.type_line(receive), "{:filter_results, [100, 500]}");
    }
    ours.end(Signal::Term);
    // The other way round, and from a hidden node.
    kate.type_line("Process.sleep(0); defmodule FilterService do use GenServer; def init(_), do: {:ok, nil}; def handle_cast({:filter, l, t, pid}, s) do send(pid, {:filter_results, Enum.filter(l, & &1 > t)}); {:noreply, s} end end");
    let start = "{:ok, _} = GenServer.start(FilterService, nil, name: {:global, FilterService}); :started";
    assert_eq!(kate.type_line(start).lines().last(), Some(":started"));
    for visible in [true, false] {
        let mut options = vec!["--to", ALEX, "--say"];
        options.extend(visible.then_some("--visible"));
        let client = cluster.example_as(language, "filter_service", "client@localhost", &options);
        let (status, printed) = client.finish();
        assert!(status.success() && printed.contains("{filter_results,[-1,0,3]}"), "{printed}");
    }
}
