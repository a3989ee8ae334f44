//! Scenario 10: a store whose buckets are spread over nodes, in Elixir, C and Python in every mixture.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::support::{Beam, Cluster, Example, PATIENCE};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kv.conf");

/// What an Elixir node of the store runs, in nothing but Elixir.
const STORE: &str = r#"
defmodule KV.Router do
  def route(bucket, mod, fun, args) do
    first = :binary.first(bucket)
    entry = Enum.find(table(), fn {letters, _} -> first in letters end) ||
      raise "could not find entry for #{inspect bucket} in table #{inspect table()}"
    if elem(entry, 1) == node() do
      apply(mod, fun, args)
    else
      {KV.RouterTasks, elem(entry, 1)}
      |> Task.Supervisor.async(KV.Router, :route, [bucket, mod, fun, args])
      |> Task.await()
    end
  end
  def table, do: [{?a..?m, :foo@localhost}, {?n..?z, :bar@localhost}]
end
defmodule KV.Bucket do
  use Agent
  def get(bucket, key), do: Agent.get(bucket, &Map.get(&1, key))
  def put(bucket, key, value), do: Agent.update(bucket, &Map.put(&1, key, value))
  def delete(bucket, key), do: Agent.get_and_update(bucket, &Map.pop(&1, key))
end
defmodule KV.Registry do
  use GenServer
  def lookup(server, name), do: GenServer.call(server, {:lookup, name})
  def create(server, name), do: GenServer.call(server, {:create, name})
  def init(names), do: {:ok, names}
  def handle_call({:lookup, name}, _from, names), do: {:reply, Map.fetch(names, name), names}
  def handle_call({:create, name}, _from, names) do
    names = Map.put_new_lazy(names, name, fn -> elem(Agent.start(fn -> %{} end), 1) end)
    {:reply, names[name], names}
  end
end
{:ok, tasks} = Task.Supervisor.start_link(name: KV.RouterTasks)
{:ok, registry} = GenServer.start_link(KV.Registry, %{}, name: KV.Registry)
Process.unlink(tasks); Process.unlink(registry)
"#;

fn elixir(cluster: &Cluster, alive: &str) -> Beam {
    let mut beam = cluster.beam(alive);
    beam.elixir(":logger.set_primary_config(:level, :none)");
    beam.elixir(STORE);
    beam
}

/// A node of the store of ours, with a front whose port is given.
fn ours(cluster: &Cluster, language: &str, alive: &str) -> (Example, u16) {
    let name = format!("{alive}@localhost");
    let example = cluster.example_as(language, "kv", &name, &["--table", TABLE, "--port", "0"]);
    let line = example.process().wait_line("listening ");
    example.wait_ready(&name);
    (example, line.trim_start_matches("listening ").trim().parse().unwrap())
}

/// A TCP client of a front.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(port: u16) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    fn ask(&mut self, command: &str, lines: usize) -> Vec<String> {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut line = || {
            let mut text = String::new();
            self.0.read_line(&mut text).unwrap();
            text.trim_end().to_owned()
        };
        (0..lines).map(|_| line()).collect()
    }
}

/// Every bucket is served by this front, wherever it is held.
fn serves_any_bucket(port: u16) {
    let mut client = Client::connect(port);
    for bucket in ["apples", "shopping"] {
        assert_eq!(client.ask(&format!("CREATE {bucket}"), 1), ["OK"]);
        assert_eq!(client.ask(&format!("PUT {bucket} milk 1"), 1), ["OK"]);
        assert_eq!(client.ask(&format!("GET {bucket} milk"), 2), ["1", "OK"]);
        assert_eq!(client.ask(&format!("DELETE {bucket} milk"), 1), ["OK"]);
        assert_eq!(client.ask(&format!("GET {bucket} milk"), 2), ["", "OK"]);
    }
    assert_eq!(client.ask("GET nothing milk", 1), ["NOT FOUND"]);
    assert_eq!(client.ask("BOGUS", 1), ["UNKNOWN COMMAND"]);
    assert_eq!(client.ask("PUT shopping milk", 1), ["UNKNOWN COMMAND"]);
    assert!(client.ask("CREATE 9", 1)[0].contains("could not find entry for"));
    assert_eq!(client.ask("CREATE shopping", 1), ["OK"], "and it goes on");
}

fn foo_is_elixir_and_bar_is_ours(language: &str) {
    let cluster = Cluster::new();
    let (_bar, port) = ours(&cluster, language, "bar");
    let mut first = elixir(&cluster, "foo");
    assert_eq!(first.elixir("KV.Router.route(\"hello\", Kernel, :node, [])"), ":foo@localhost");
    assert_eq!(first.elixir("KV.Router.route(\"world\", Kernel, :node, [])"), ":bar@localhost");
    let bucket = "b = KV.Router.route(\"shopping\", KV.Registry, :create, [KV.Registry, \"shopping\"]);";
    for (code, expected) in [
        ("GenServer.call(b, {:put, \"milk\", \"1\"})", ":ok"),
        ("Agent.get(b, Map, :get, [\"milk\"])", "\"1\""),
        ("Agent.update(b, Map, :put, [\"eggs\", \"6\"])", ":ok"),
        ("Agent.get_and_update(b, Map, :pop, [\"eggs\"])", "\"6\""),
        ("KV.Router.route(\"shopping\", KV.Bucket, :put, [b, \"tea\", 5])", ":ok"),
        ("KV.Router.route(\"shopping\", KV.Bucket, :get, [b, \"tea\"])", "5"),
        (
            "KV.Router.route(\"shopping\", KV.Registry, :lookup, [KV.Registry, \"shopping\"]) == {:ok, b}",
            "true",
        ),
        ("KV.Router.route(\"shopping\", KV.Registry, :lookup, [KV.Registry, \"nothing\"])", ":error"),
    ] {
        assert_eq!(first.elixir(&format!("{bucket} {code}")), expected, "{code}");
    }
    for (bucket, expected) in [("9", "could not find entry for"), ("", "could not find entry for")] {
        let error = first.elixir(&format!(
            "{{:exit, {{error, _}}}} = Task.Supervisor.async_nolink({{KV.RouterTasks, :bar@localhost}}, KV.Router, :route, [\"{bucket}\", Kernel, :node, []]) |> Task.yield(); error.message"
        ));
        assert!(error.contains(expected) && error.contains("97..109"), "{error}");
    }
    serves_any_bucket(port);
}

fn foo_is_ours_and_bar_is_elixir(language: &str) {
    let cluster = Cluster::new();
    let mut bar = elixir(&cluster, "bar");
    let (_foo, port) = ours(&cluster, language, "foo");
    assert_eq!(bar.elixir("KV.Router.route(\"hello\", Kernel, :node, [])"), ":foo@localhost");
    assert_eq!(bar.elixir("KV.Router.route(\"world\", Kernel, :node, [])"), ":bar@localhost");
    serves_any_bucket(port);
    // What was created through our front is there.
    assert_eq!(bar.elixir("is_pid(KV.Registry.create(KV.Registry, \"shopping\"))"), "true");
}

fn both_are_ours_without_a_beam(language: &str) {
    let cluster = Cluster::without_epmd();
    let other = if language == "c" { "python" } else { "c" };
    let (_foo, foo_port) = ours(&cluster, language, "foo");
    let (_bar, bar_port) = ours(&cluster, other, "bar");
    serves_any_bucket(foo_port);
    serves_any_bucket(bar_port);
}

fn another_environment_has_another_table(language: &str) {
    let cluster = Cluster::without_epmd();
    let options = ["--table", TABLE, "--env", "single", "--port", "0"];
    let first = cluster.example_as(language, "kv", "foo@localhost", &options);
    let port = first.process().wait_line("listening ");
    first.wait_ready("foo@localhost");
    serves_any_bucket(port.trim_start_matches("listening ").trim().parse().unwrap());
    let wrong = ["--table", TABLE, "--env", "nowhere"];
    let (status, output) = cluster.example_as(language, "kv", "lost@localhost", &wrong).finish();
    assert!(status.code() == Some(1) && output.contains("nowhere"), "{status}\n{output}");
}

/// Each promise once per language.
macro_rules! in_languages {
    ($($promise:ident)*) => {
        $(mod $promise {
            #[test]
            fn c() {
                super::$promise("c");
            }
            #[test]
            fn python() {
                super::$promise("python");
            }
        })*
    };
}

in_languages! {
    foo_is_elixir_and_bar_is_ours
    foo_is_ours_and_bar_is_elixir
    both_are_ours_without_a_beam
    another_environment_has_another_table
}
