"""Kate: a function of ours that others run. Exports Elixir.Kate:say_name/0, which prints on the caller's terminal.

    spawn_link.py --name py@localhost --cookie secret

    iex(alex@localhost)> Node.spawn_link(:"py@localhost", Kate, :say_name, [])
    Hi, my name is Kate
    iex(alex@localhost)> Node.spawn_link(:"py@localhost", &Kate.say_name/0)
    Hi, my name is Kate

With --ping NODE it is the caller: it runs IO.puts("...") there, linked, and the text appears on our standard output.
"""

from __future__ import annotations

from erlnode import Atom, Node, current_request
from shared.options import node_of, parser, ready, wait


def serve(node: Node) -> None:
    @node.export("Elixir.Kate")
    def say_name() -> Atom:
        current_request().print("Hi, my name is Kate")
        return Atom("ok")

    ready(node)
    wait()


def call(node: Node, peer: str) -> None:
    # The end of the process that is linked to us is a message, and not our end.
    with node.mailbox(trap_exit=True) as box:
        pid, _ = box.spawn(peer, "Elixir.IO", "puts", ["Hi, my name is Kate"], link=True, timeout=10)
        _, _, reason = box.receive(timeout=10)
        if reason is not Atom("normal"):
            raise SystemExit(f"error: {pid} ended with {reason}")


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--ping", metavar="NODE", help="be the caller")
    chosen = options.parse_args()
    with node_of(chosen) as node:
        call(node, chosen.ping) if chosen.ping else serve(node)


if __name__ == "__main__":
    main()
