"""Console: a terminal for others. Whatever an Erlang or Elixir program prints on `console` appears here.

    console.py --name py@localhost --cookie secret

    iex(alex@localhost)> send({:console, :"py@localhost"}, {:console, self()})
    iex(alex@localhost)> console = receive do pid -> pid end
    iex(alex@localhost)> IO.puts(console, "Hello")
    :ok

The requests are answered by the process `user`, the group leader that every node has.
With --ping NODE it is the writer: it prints "Hello" on the process `console` over there.
"""

from __future__ import annotations

from erlnode import Atom, Node
from shared.options import node_of, parser, ready

CONSOLE, IO_REQUEST = Atom("console"), Atom("io_request")


def serve(node: Node) -> None:
    """Passes requests of the I/O protocol on to `user`, with the asking process as the one that is answered."""
    with node.mailbox("console") as box:
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
    chosen = options.parse_args()
    with node_of(chosen) as node:
        if chosen.ping:
            with node.mailbox() as box:
                box.put_chars(("console", chosen.ping), "Hello\n", timeout=10)
        else:
            serve(node)


if __name__ == "__main__":
    main()
