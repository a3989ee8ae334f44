"""Calc: exported functions and a GenServer, called by whoever knows Elixir.

    calc.py --name py@localhost --cookie secret

    iex(alex@localhost)> :erpc.call(:"py@localhost", :math, :sqrt, [2.0])
    1.4142135623730951
    iex(alex@localhost)> GenServer.call({Calc, :"py@localhost"}, {:add, 1, 2})
    3
    iex(alex@localhost)> GenServer.cast({Calc, :"py@localhost"}, {:store, 5})
    iex(alex@localhost)> GenServer.call({Calc, :"py@localhost"}, :recall)
    5
    iex(alex@localhost)> :erpc.call(:"py@localhost", :math, :sqrt, [-1.0])
    ** (ErlangError) Erlang error: :badarith

With --ping NODE it asks the Calc of another node.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from erlnode import NO_REPLY, Atom, ErlangError, GenServer, Node, NoProcessError, Sender, Stop, Term, Timeout
from shared.options import node_of, parser, ready, wait

OK = Atom("ok")


class Calc(GenServer):
    """Adds, divides, and remembers one value."""

    def __init__(self) -> None:
        self.value: Term = 0

    def handle_call(self, request: Term, sender: Sender) -> Any:
        if request is Atom("recall"):
            return self.value
        if request is Atom("stop"):
            raise Stop(reply=OK)
        operation, *numbers = request
        if operation is Atom("add"):
            return sum(numbers)
        if operation is Atom("divide"):
            # An exception here would end the server, as in Elixir, and its callers with it.
            return (OK, numbers[0] / numbers[1]) if numbers[1] else (Atom("error"), Atom("badarith"))
        if operation is Atom("later"):
            # The reply comes from another thread, after so many milliseconds.
            threading.Timer(numbers[0] / 1000, self.reply, (sender, Atom("late"))).start()
            return NO_REPLY
        if operation is Atom("get") and numbers[0][:2] == (Atom("Elixir.Kernel"), Atom("+")):
            # Agent.get({Calc, node}, Kernel, :+, [1]): a function of the state that needs no code of theirs.
            return self.value + list(numbers[0][2])[0]
        return super().handle_call(request, sender)

    def handle_cast(self, request: Term) -> None:
        if request[0] is Atom("store"):
            self.value = request[1]


def serve(node: Node) -> None:
    @node.export("math")
    def sqrt(x: float) -> float:
        if x < 0:
            raise ErlangError(Atom("badarith"))
        return math.sqrt(x)

    @node.export("Elixir.Calc")
    def factorial(n: int) -> int:
        return math.factorial(n)

    @node.export("Elixir.Calc")
    def fail(text: bytes) -> None:
        raise ValueError(text.decode())

    with Calc().start(node, "Elixir.Calc"):
        ready(node)
        wait()


def call(node: Node, peer: str) -> None:
    calc = "Elixir.Calc", peer
    print("1 + 2 =", node.call(calc, (Atom("add"), 1, 2)))
    node.cast(calc, (Atom("store"), 5))
    print("stored", node.call(calc, Atom("recall")))
    print("sqrt(2) =", node.rpc(peer, "math", "sqrt", [2.0], timeout=5))
    try:
        node.rpc(peer, "math", "sqrt", [-1.0], timeout=5)
    except ErlangError as error:
        print("sqrt(-1):", error)
    try:
        # A deadline: what comes after it is dropped.
        node.call(calc, (Atom("later"), 200), timeout=0.01)
    except Timeout:
        print("later: timeout")
    with node.mailbox() as box:
        # Several calls under way at a time; one of them is given up.
        calls = [box.send_request(calc, (Atom("add"), 10, n), timeout=5) for n in range(3)]
        calls[1].cancel()
        print("10 + 2 =", calls[2].result(5))
        print("10 + 0 =", calls[0].result(5))
    try:
        node.call(("nobody", peer), Atom("x"))
    except NoProcessError as error:
        print("nobody:", error, flush=True)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--ping", metavar="NODE", help="be the caller")
    chosen = options.parse_args()
    with node_of(chosen) as node:
        call(node, chosen.ping) if chosen.ping else serve(node)


if __name__ == "__main__":
    main()
