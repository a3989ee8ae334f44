"""Console: a terminal for others. Whatever an Erlang or Elixir program prints on `console` appears here.

    console.py --name py@localhost --cookie secret

    iex(alex@localhost)> send({:console, :"py@localhost"}, {:console, self()})
    iex(alex@localhost)> console = receive do pid -> pid end
    iex(alex@localhost)> IO.puts(console, "Hello")
    :ok

The requests are answered by the process `user`, the group leader that every node has.
With --ping NODE it is the writer: it prints "Hello" on the process `console` over there.

With --to NODE it joins a cluster, and its console has the global name `two` as well; with --say it is the writer there: it
prints "Hello" on whatever has that name.

    iex(alex@localhost)> IO.puts(:global.whereis_name(:two), "Hello")              # printed here
    iex(alex@localhost)> :global.register_name(:two, Process.group_leader())        # for the writer
"""

from __future__ import annotations

from erlnode import Atom, Node
from shared.options import node_of, parser, ready

CONSOLE, IO_REQUEST = Atom("console"), Atom("io_request")


def serve(node: Node, is_member: bool) -> None:
    """Passes requests of the I/O protocol on to `user`, with the asking process as the one that is answered."""
    with node.mailbox("console") as box:
        if is_member and not node.global_register("two", box, timeout=10):
            raise SystemExit("error: somebody else is called two")
        ready(node)
        for message in box:
            if not isinstance(message, tuple):
                continue
            if message[0] is CONSOLE and len(message) == 2:
                box.send(message[1], box.pid)
            elif message[0] is IO_REQUEST and len(message) == 4:
                box.send("user", message)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--ping", metavar="NODE", help="be the writer")
    options.add_argument("--to", metavar="NODE", help="join the cluster of this node")
    options.add_argument("--say", action="store_true", help="be the writer by global name")
    chosen = options.parse_args()
    with node_of(chosen) as node:
        if chosen.to:
            node.connect(chosen.to, timeout=10)
        if chosen.say:
            node.global_sync(timeout=10)
            two = node.global_whereis("two", timeout=10)
            if two is None:
                raise SystemExit("error: nobody is called two")
            with node.mailbox() as box:
                box.put_chars(two, "Hello\n", timeout=10)
        elif chosen.ping:
            with node.mailbox() as box:
                box.put_chars(("console", chosen.ping), "Hello\n", timeout=10)
        else:
            serve(node, bool(chosen.to))


if __name__ == "__main__":
    main()
