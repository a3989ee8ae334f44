"""Ping pong: answers {ping, Pid} with pong, or calls somebody who does.

    ping_pong.py --name pong@localhost --cookie secret              answers; try it from iex:
                                                                      send({:pong, :"pong@localhost"}, {:ping, self()})
    ping_pong.py --name ping@localhost --cookie secret --ping pong@localhost [--count 1000]
"""

import argparse
import signal
import sys
import time

from erlnode import Atom, ConnectError, Node, Timeout

PING, PONG = Atom("ping"), Atom("pong")


def answer(node: Node) -> None:
    """Answers until the node is stopped."""
    with node.mailbox("pong") as box:
        print(f"ready {node.name}", flush=True)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--cookie")
    parser.add_argument("--visible", action="store_true")
    parser.add_argument("--ping", metavar="NODE", help="be the caller")
    parser.add_argument("--count", type=int, default=1)
    options = parser.parse_args()

    with Node(options.name, cookie=options.cookie, visible=options.visible) as node:
        # SIGTERM ends the program as a return from main would.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            call(node, options.ping, options.count) if options.ping else answer(node)
        except KeyboardInterrupt:
            pass
        except (ConnectError, Timeout) as error:
            raise SystemExit(f"no pong from {options.ping}: {error}")


if __name__ == "__main__":
    main()
