"""Ping pong: answers {ping, Pid} with pong, or calls somebody who does.

    ping_pong.py --name pong@localhost --cookie secret

    iex(alex@localhost)> send({:pong, :"pong@localhost"}, {:ping, self()})
    iex(alex@localhost)> flush()
    :pong

    ping_pong.py --name ping@localhost --cookie secret --ping pong@localhost [--count 1000]
"""

from __future__ import annotations

import time

from erlnode import Atom, Node
from shared.options import node_of, parser, ready

PING, PONG = Atom("ping"), Atom("pong")


def answer(node: Node) -> None:
    """Answers until the node is stopped."""
    with node.mailbox("pong") as box:
        ready(node)
        for message in box:
            if isinstance(message, tuple) and len(message) == 2 and message[0] is PING:
                box.send(message[1], PONG)


def call(node: Node, peer: str, count: int) -> None:
    """Asks `count` times, one after the other."""
    with node.mailbox() as box:
        times = []
        for _ in range(count):
            start = time.perf_counter()
            box.send(("pong", peer), (PING, box.pid))
            reply = box.receive(timeout=5)
            times.append(time.perf_counter() - start)
            if reply is not PONG:
                raise SystemExit(f"{peer} answered {reply!r}")
    times.sort()
    print(f"pong from {peer}: {count} answers, median {times[count // 2] * 1e6:.0f} us", flush=True)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--ping", metavar="NODE", help="be the caller")
    options.add_argument("--count", type=int, default=1)
    chosen = options.parse_args()
    with node_of(chosen) as node:
        call(node, chosen.ping, chosen.count) if chosen.ping else answer(node)


if __name__ == "__main__":
    main()
