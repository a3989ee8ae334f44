"""KV: a key-value store whose buckets are spread over nodes by the first letter of their name.

    kv.py --name foo@localhost --cookie secret --port 4040
    kv.py --name bar@localhost --cookie secret

    $ telnet localhost 4040
    CREATE shopping              (held by bar)
    OK
    PUT shopping milk 1
    OK
    GET shopping milk
    1
    OK

    iex(foo@localhost)> KV.Router.route("world", Kernel, :node, [])         # foo in Elixir, bar this program
    :bar@localhost

The routing table is read from a file (--table, else examples/kv.conf): lines of environment, letters and node; --env
chooses the environment (else KV_ENV, else dev). Every node runs the task supervisor KV.RouterTasks, under which the others
run KV.Router.route/4; what they may run is KV.Registry, KV.Bucket and Kernel.node.
"""

from __future__ import annotations

import os
import pathlib
import socketserver
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

from erlnode import Atom, ErlangError, GenServer, Node, Pid, RemoteError, Sender, Task, TaskSupervisor, Term, text
from shared.options import node_of, parser, ready, wait

OK, ERROR = Atom("ok"), Atom("error")
ROUTER, TASKS, REGISTRY, BUCKET = "Elixir.KV.Router", "Elixir.KV.RouterTasks", "Elixir.KV.Registry", "Elixir.KV.Bucket"
MAP = Atom("Elixir.Map")
PATIENCE = 5.0


class Bucket(GenServer):
    """Keys and values. Answers like an Agent that is asked with module, function and arguments, and in short forms."""

    def __init__(self) -> None:
        self.values: Dict[Term, Term] = {}

    def handle_call(self, request: Term, sender: Sender) -> Any:
        if not isinstance(request, tuple):
            return super().handle_call(request, sender)
        word, *arguments = request
        if arguments and isinstance(arguments[0], tuple) and len(arguments[0]) == 3 and arguments[0][0] is MAP:
            _, function, values = arguments[0]
            result = self.apply(function.name, *values)
            return OK if word is Atom("update") else result
        return self.apply(word.name, *arguments)

    def handle_cast(self, request: Term) -> None:
        self.apply(request[0].name, *request[1:])

    def apply(self, function: str, key: Term, value: Term = None) -> Term:
        """What the functions of Elixir's Map of these names do."""
        if function == "get":
            return self.values.get(key)
        if function == "put":
            self.values[key] = value
            return OK
        if function in ("delete", "pop"):
            return self.values.pop(key, None)
        raise ErlangError((Atom("bad_call"), Atom(function)), "exit")


class Registry(GenServer):
    """Buckets by name."""

    def __init__(self) -> None:
        self.buckets: Dict[bytes, Pid] = {}

    def handle_call(self, request: Term, sender: Sender) -> Any:
        word, name = request
        if word is Atom("lookup"):
            return (OK, self.buckets[name]) if name in self.buckets else ERROR
        if word is Atom("create"):
            if name not in self.buckets:
                self.buckets[name] = Bucket().start(self.node).pid
            return self.buckets[name]
        return super().handle_call(request, sender)


class Store:
    """What a node of the store does: routes, and runs what is routed to it."""

    def __init__(self, node: Node, table: List[Tuple[str, str, str]]) -> None:
        self.node = node
        self.table = table
        self.functions: Dict[Tuple[str, str], Callable[..., Term]] = {
            ("Elixir.Kernel", "node"): lambda: Atom(node.name),
            ("erlang", "node"): lambda: Atom(node.name),
            (REGISTRY, "lookup"): lambda registry, name: node.call(registry, (Atom("lookup"), name)),
            (REGISTRY, "create"): lambda registry, name: node.call(registry, (Atom("create"), name)),
            (BUCKET, "get"): lambda pid, key: node.call(pid, (Atom("get"), key)),
            (BUCKET, "put"): lambda pid, key, value: node.call(pid, (Atom("put"), key, value)),
            (BUCKET, "delete"): lambda pid, key: node.call(pid, (Atom("delete"), key)),
        }

    def route(self, bucket: bytes, module: Atom, function: Atom, args: List[Term]) -> Term:
        """Runs ``module:function(*args)`` on the node that holds the bucket."""
        first = chr(bucket[0]) if bucket else ""
        owner = next((node for low, high, node in self.table if low <= first <= high), None)
        if owner is None:
            raise ErlangError(runtime_error(f"could not find entry for {inspect(bucket)} in table {self.inspect_table()}"))
        if owner == self.node.name:
            return self.apply(module, function, args)
        with self.node.mailbox() as box:
            task = Task.start(box, (TASKS, owner), ROUTER, "route", [bucket, module, function, args], timeout=PATIENCE)
            return task.result(PATIENCE)

    def apply(self, module: Atom, function: Atom, args: List[Term]) -> Term:
        implementation = self.functions.get((module.name, function.name))
        if implementation is None:
            raise ErlangError(Atom("undef"))
        return implementation(*args)

    def inspect_table(self) -> str:
        """The table as Elixir would show it."""
        entries = (f'{{{ord(low)}..{ord(high)}, :"{node}"}}' for low, high, node in self.table)
        return "[" + ", ".join(entries) + "]"

    def command(self, line: str) -> str:
        """Answers one line of the TCP front."""
        word, *rest = line.split() or [""]
        arity = {"CREATE": 1, "PUT": 3, "GET": 2, "DELETE": 2}.get(word)
        if arity != len(rest):
            return "UNKNOWN COMMAND"
        name, *rest = (item.encode() for item in rest)
        if word == "CREATE":
            self.route(name, Atom(REGISTRY), Atom("create"), [Atom(REGISTRY), name])
            return "OK"
        found = self.route(name, Atom(REGISTRY), Atom("lookup"), [Atom(REGISTRY), name])
        if found is ERROR:
            return "NOT FOUND"
        value = self.route(name, Atom(BUCKET), Atom(word.lower()), [found[1], *rest])
        return f"{'' if value is None else text(value)}\r\nOK" if word == "GET" else "OK"


def runtime_error(message: str) -> Term:
    """What ``raise "message"`` makes in Elixir."""
    return {
        Atom("__struct__"): Atom("Elixir.RuntimeError"),
        Atom("__exception__"): True,
        Atom("message"): message,
    }


def inspect(binary: bytes) -> str:
    """A binary as Elixir shows it."""
    return '"' + binary.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_table(path: pathlib.Path, environment: str) -> List[Tuple[str, str, str]]:
    """The entries of one environment: first letter, last letter, node."""
    table = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        if len(fields) != 3 or len(fields[1]) != 3 or fields[1][1] != "-":
            raise SystemExit(f"error: {path}, line {number}: environment, letters (a-m) and node are expected")
        if fields[0] == environment:
            table.append((fields[1][0], fields[1][2], fields[2]))
    if not table:
        raise SystemExit(f"error: {path} has no entry for the environment {environment!r}")
    return table


class Front(socketserver.StreamRequestHandler):
    """One TCP client."""

    def handle(self) -> None:
        for line in self.rfile:
            try:
                answer = self.server.store.command(line.decode("utf-8", "replace"))  # type: ignore[attr-defined]
            except (RemoteError, ErlangError, OSError, LookupError, TimeoutError) as error:
                answer = f"ERROR {error}".replace("\n", " ")
            self.wfile.write(answer.encode() + b"\r\n")


class Listener(socketserver.ThreadingTCPServer):
    """The TCP front."""

    allow_reuse_address = True
    daemon_threads = True
    store: Store


def serve(node: Node, store: Store, port: Optional[int]) -> None:
    @node.export(ROUTER)
    def route(bucket: bytes, module: Atom, function: Atom, args: List[Term]) -> Term:
        return store.route(bucket, module, function, args)

    for (module, name), function in store.functions.items():
        if module in (REGISTRY, BUCKET):
            node.export(module, name)(function)
    Registry().start(node, REGISTRY)
    TaskSupervisor().start(node, TASKS)
    if port is not None:
        listener = Listener(("127.0.0.1", port), Front)
        listener.store = store
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        print(f"listening {listener.server_address[1]}", flush=True)
    ready(node)
    wait()


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--table", type=pathlib.Path, help="the file of the routing table")
    options.add_argument("--env", default=os.environ.get("KV_ENV", "dev"), help="which of its environments")
    options.add_argument("--port", type=int, help="serve TCP clients on this port of 127.0.0.1 (0: any free one)")
    chosen = options.parse_args()
    table = chosen.table or pathlib.Path(__file__).resolve().parent.parent / "kv.conf"
    entries = read_table(table, chosen.env)
    with node_of(chosen) as node:
        serve(node, Store(node, entries), chosen.port)


if __name__ == "__main__":
    main()
