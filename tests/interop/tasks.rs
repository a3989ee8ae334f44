//! Elixir's tasks in both directions, with nodes of ours inside the test: whatever an unmodified `Task.Supervisor` does on the
//! release under test, and the same code against a BEAM in our place.

use erlnode::node::spawn::{Class, Request};
use erlnode::service::task::{Restart, SupervisorOptions, TaskEnd, TaskOptions};
use erlnode::term::Term;
use erlnode::{Mailbox, MessageKind, Node, Target};

use crate::support::ours::{encoded, mailbox, registered};
use crate::support::{Beam, Cluster, PATIENCE};

const FOREVER: Option<std::time::Duration> = Some(PATIENCE);

/// What both supervisors run: ours by `run`, a BEAM's by this module.
const WORK: &str = "defmodule Work do
  def double(x), do: 2 * x
  def wait(pid) do send(pid, {:waiting, self()}); receive do :go -> :ok end end
  def crash(what), do: :erlang.error(what)
  def leave(what), do: exit(what)
  def toss(what), do: throw(what)
  def count(pid) do send(pid, :ran); exit(:again) end
end; :defined";

/// A supervisor of ours, and a thread that runs `Work` until the mailbox is closed.
fn serve(node: &Node, name: &str, options: SupervisorOptions) -> (Mailbox, Node) {
    let functions = mailbox(node);
    functions.export("Elixir.Work", "double", Some(1)).unwrap();
    for function in ["wait", "crash", "leave", "toss", "count"] {
        functions.export("Elixir.Work", function, Some(1)).unwrap();
    }
    let supervisor = registered(node, name);
    supervisor.supervise_tasks(options).unwrap();
    std::thread::spawn(move || {
        let mut waiting = Vec::new();
        while let Ok(message) = functions.recv(None) {
            assert_eq!(message.kind(), MessageKind::Request);
            run(&functions, message.into_request().unwrap(), &mut waiting);
        }
    });
    (supervisor, node.clone())
}

fn run(functions: &Mailbox, request: Request, waiting: &mut Vec<Request>) {
    let mut args = request.args().clone();
    let Term::List(list) = Term::decode(&args).unwrap() else { panic!("no list") };
    let argument = list[0].to_bytes().unwrap();
    let tell = |request: &Request, message: &str| {
        let Term::Pid(pid) = &list[0] else { panic!("no pid") };
        let text = match message {
            "ran" => encoded("ran"),
            _ => {
                let mut writer = erlnode::term::Writer::new();
                writer.tuple(2).atom("waiting").pid(&request.pid());
                writer.finish().unwrap()
            }
        };
        functions.send(&Target::from(&**pid), &text, FOREVER).unwrap();
    };
    match request.function().as_str() {
        "double" => {
            let Term::Int(value) = list[0] else { panic!("no number") };
            args = Term::Int(2 * value).to_bytes().unwrap().into();
            let _ = request.reply(&args);
        }
        "wait" => {
            tell(&request, "waiting");
            // Nobody tells a function of ours to go on: it waits until it is ended.
            waiting.push(request);
        }
        "crash" => drop(request.fail(Class::Error, &argument, &encoded("[]"))),
        "leave" => drop(request.fail(Class::Exit, &argument, &encoded("[]"))),
        "toss" => drop(request.fail(Class::Throw, &argument, &encoded("[]"))),
        "count" => {
            tell(&request, "ran");
            let _ = request.fail(Class::Exit, &encoded("again"), &encoded("[]"));
        }
        other => panic!("{other} was not exported"),
    }
}

/// Evaluates on `alex` with S as our supervisor, and with S as that of a BEAM: both must show the same.
fn same(alex: &mut Beam, code: &str) -> String {
    let ours = alex.elixir(&code.replace('§', "{Tasks, :ours@localhost}"));
    let theirs = alex.elixir(&code.replace('§', "{Tasks, :kate@localhost}"));
    assert_eq!(ours, theirs, "{code}");
    ours
}

/// A BEAM that asks, a BEAM that is asked, and us.
fn world(options: SupervisorOptions) -> (Cluster, Beam, Beam, Mailbox, Node) {
    let cluster = Cluster::new();
    let node = cluster.node("ours");
    let (supervisor, node) = serve(&node, "Elixir.Tasks", options);
    let (mut alex, mut kate) = (cluster.beam("alex"), cluster.beam("kate"));
    // Crashing tasks are reported to kate's terminal, which nobody reads.
    let max = match options.max_children {
        usize::MAX => ":infinity".to_owned(),
        count => count.to_string(),
    };
    kate.elixir(&format!(
        "{WORK}; :logger.set_primary_config(:level, :none); {{:ok, tasks}} = Task.Supervisor.start_link(name: Tasks, max_children: {max}); Process.unlink(tasks)"
    ));
    alex.elixir(
        ":logger.set_primary_config(:level, :none); Process.flag(:trap_exit, true)
         flush = fn flush -> receive do _ -> flush.(flush) after 0 -> :ok end end
         reason = fn {:exit, {e, [_ | _]}} -> {:exit, {e, :stack}}; other -> other end
         :ready",
    );
    (cluster, alex, kate, supervisor, node)
}

#[test]
fn async_await_yield_and_shutdown_are_those_of_a_beam() {
    let (_cluster, mut alex, _kate, _supervisor, _node) = world(SupervisorOptions::default());
    for (code, expected) in [
        ("Task.Supervisor.async(§, Work, :double, [21]) |> Task.await()", "42"),
        ("Task.Supervisor.async_nolink(§, Work, :double, [21]) |> Task.yield()", "{:ok, 42}"),
        (
            "for(x <- 1..20, do: Task.Supervisor.async(§, Work, :double, [x])) |> Task.await_many() |> Enum.sum()",
            "420",
        ),
        (
            "Task.Supervisor.async_stream(§, 1..50, Work, :double, [], max_concurrency: 8) |> Enum.map(&elem(&1, 1)) |> Enum.sum()",
            "2550",
        ),
        (
            "Task.Supervisor.async_stream_nolink(§, [1, 2], Work, :crash, []) |> Enum.map(fn {:exit, {e, _}} -> e end)",
            "[1, 2]",
        ),
        (
            "Task.Supervisor.async_stream_nolink(§, [self()], Work, :wait, [], timeout: 50, on_timeout: :kill_task) |> Enum.to_list()",
            "[exit: :timeout]",
        ),
        ("Task.Supervisor.async_nolink(§, Work, :crash, [:oops]) |> Task.yield() |> reason.()", "{:exit, {:oops, :stack}}"),
        ("Task.Supervisor.async_nolink(§, Work, :leave, [:bye]) |> Task.yield()", "{:exit, :bye}"),
        (
            "Task.Supervisor.async_nolink(§, Work, :toss, [:ball]) |> Task.yield() |> reason.()",
            "{:exit, {{:nocatch, :ball}, :stack}}",
        ),
        (
            "Task.Supervisor.async_nolink(§, Work, :nothing, [1]) |> Task.yield() |> then(fn {:exit, {:undef, [{m, f, a, _} | _]}} -> {m, f, a} end)",
            "{Work, :nothing, [1]}",
        ),
        (
            "t = Task.Supervisor.async_nolink(§, Work, :wait, [self()]); receive do {:waiting, p} -> ^p = t.pid end; {Task.yield(t, 20), Task.shutdown(t)}",
            "{nil, nil}",
        ),
        (
            "t = Task.Supervisor.async_nolink(§, Work, :wait, [self()]); receive do {:waiting, _} -> :ok end; Task.shutdown(t, :brutal_kill)",
            "nil",
        ),
        (
            "t = Task.Supervisor.async(§, Work, :leave, [:bye]); receive do {:EXIT, p, r} when p == t.pid -> {:linked, r} end",
            "{:linked, :bye}",
        ),
        (
            "t = Task.Supervisor.async_nolink(§, Work, :wait, [self()]); try do Task.await(t, 20) catch :exit, {r, _} -> r end",
            ":timeout",
        ),
    ] {
        // What an earlier line left behind is not this one's.
        assert_eq!(same(&mut alex, &format!("flush.(flush); {code}")), expected, "{code}");
    }
}

#[test]
fn children_are_started_listed_and_ended_as_by_a_beam() {
    let options = SupervisorOptions { max_children: 2, ..SupervisorOptions::default() };
    let (_cluster, mut alex, _kate, supervisor, _node) = world(options);
    for (code, expected) in [
        ("Task.Supervisor.children(§)", "[]"),
        (
            "{:ok, p} = Task.Supervisor.start_child(§, Work, :wait, [self()]); receive do {:waiting, ^p} -> :ok end; Task.Supervisor.children(§) == [p]",
            "true",
        ),
        ("Supervisor.count_children(§) |> Enum.sort()", "[active: 1, specs: 1, supervisors: 0, workers: 1]"),
        (
            "[p] = Task.Supervisor.children(§); r = Process.monitor(p); :ok = Task.Supervisor.terminate_child(§, p); receive do {:DOWN, ^r, _, _, why} -> why end",
            ":shutdown",
        ),
        ("Task.Supervisor.terminate_child(§, self())", "{:error, :not_found}"),
        (
            "ts = for _ <- 1..2, do: Task.Supervisor.async_nolink(§, Work, :wait, [self()])
             full = Task.Supervisor.start_child(§, Work, :double, [1])
             raised = try do Task.Supervisor.async_nolink(§, Work, :double, [1]) rescue e -> Exception.message(e) end
             Enum.each(ts, &Task.shutdown/1); {full, raised =~ \"maximum number of tasks\"}",
            "{{:error, :max_children}, true}",
        ),
        (
            "{:ok, _} = Task.Supervisor.start_child(§, Work, :count, [self()], restart: :temporary)
             receive do :ran -> :ok end; receive do :ran -> :again after 100 -> :once end",
            ":once",
        ),
    ] {
        assert_eq!(same(&mut alex, code), expected, "{code}");
    }
    // One restart too many ends the supervisor, there and here.
    let limit = "r = Process.monitor(§); {:ok, _} = Task.Supervisor.start_child(§, Work, :count, [self()], restart: :transient)
         why = receive do {:DOWN, ^r, _, _, why} -> why end
         count = fn count, n -> receive do :ran -> count.(count, n + 1) after 100 -> n end end
         {why, count.(count, 0)}";
    assert_eq!(same(&mut alex, limit), "{:shutdown, 4}");
    assert!(!supervisor.is_alive());
}

#[test]
fn a_caller_that_dies_takes_its_tasks_along_or_not_as_on_a_beam() {
    let (_cluster, mut alex, _kate, _supervisor, _node) = world(SupervisorOptions::default());
    for (start, expected) in [("async", ":killed"), ("async_nolink", ":alive")] {
        let code = format!(
            "me = self()
             owner = spawn(fn -> Task.Supervisor.{start}(§, Work, :wait, [me]); Process.sleep(:infinity) end)
             task = receive do {{:waiting, p}} -> p end
             r = Process.monitor(task)
             Process.exit(owner, :kill)
             receive do {{:DOWN, ^r, _, _, why}} -> why after 300 -> Process.exit(task, :kill); :alive end"
        );
        assert_eq!(same(&mut alex, &code), expected, "{start}");
    }
    // An owner that ends between asking for a task and telling it what to run.
    let code = "me = self()
         spawn(fn -> {:ok, p} = GenServer.call(§, {:start_task, [{node(), self(), self()}, :monitor], :temporary, nil}); send(me, {:child, p}) end)
         p = receive do {:child, p} -> p end
         r = Process.monitor(p)
         receive do {:DOWN, ^r, _, _, why} -> why in [{:shutdown, :normal}, {:shutdown, :noproc}, :noproc] end";
    assert_eq!(same(&mut alex, code), "true");
}

#[test]
fn stopping_our_supervisor_ends_its_tasks_and_it_answers_sys() {
    let (_cluster, mut alex, _kate, supervisor, _node) = world(SupervisorOptions::default());
    let code =
        "t = Task.Supervisor.async_nolink(§, Work, :wait, [self()]); receive do {:waiting, _} -> :ok end
         {:status, _, _, _} = :sys.get_status(§); _ = :sys.get_state(§)
         :ok = :sys.suspend(§); :ok = :sys.resume(§)
         :ok = Supervisor.stop(§, :shutdown); Task.yield(t)";
    assert_eq!(same(&mut alex, code), "{:exit, :shutdown}");
    assert!(!supervisor.is_alive());
}

/// Ours as the caller of an unmodified supervisor.
#[test]
fn our_tasks_run_under_a_beams_supervisor() {
    let cluster = Cluster::new();
    let mut kate = cluster.beam("kate");
    kate.elixir(&format!(
        "{WORK}; :logger.set_primary_config(:level, :none); {{:ok, tasks}} = Task.Supervisor.start_link(name: Tasks, max_children: 2); Process.unlink(tasks); Process.register(self(), :main)"
    ));
    let node = cluster.node("ours");
    let client = mailbox(&node);
    let to = Target::name_node("Elixir.Tasks", "kate@localhost").unwrap();
    let start = |function: &str, args: &str, link: bool| {
        let options = TaskOptions { link, ..TaskOptions::default() };
        client.task_async(&to, "Elixir.Work", function, &encoded(args), options, FOREVER).unwrap()
    };
    let shown = |end: TaskEnd| Term::decode(&end.to_term()).unwrap().to_string();
    let task = start("double", "[21]", true);
    assert_eq!(shown(client.task_await(&task, FOREVER).unwrap()), "{ok,42}");
    let task = start("crash", "[oops]", false);
    assert!(shown(client.task_await(&task, FOREVER).unwrap()).starts_with("{exit,{oops,["));
    let task = start("leave", "[bye]", false);
    assert_eq!(shown(client.task_await(&task, FOREVER).unwrap()), "{exit,bye}");
    let mut own = erlnode::term::Writer::new();
    own.list(1).pid(&client.pid()).nil();
    let own = own.finish().unwrap();
    let task = client.task_async(&to, "Elixir.Work", "wait", &own, TaskOptions::default(), FOREVER).unwrap();
    client.recv(FOREVER).unwrap();
    assert!(client.task_shutdown(&task, FOREVER).unwrap().is_none());
    for restart in [Restart::Temporary, Restart::Transient] {
        client.task_start_child(&to, "Elixir.Work", "count", &own, restart, FOREVER).unwrap();
        assert_eq!(client.recv(FOREVER).unwrap().term().unwrap().to_string(), "ran");
        if restart == Restart::Transient {
            assert_eq!(client.recv(FOREVER).unwrap().term().unwrap().to_string(), "ran", "it runs again");
        }
    }
    assert_eq!(kate.elixir(":ok"), ":ok");
}
