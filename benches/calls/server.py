"""What the benchmark's client calls, in Python: server.py NODE COOKIE thread|asyncio."""

import asyncio
import sys
import threading
from time import monotonic, sleep
from typing import Any

from erlnode import NO_REPLY, Atom, GenServer, Node, TaskSupervisor, current_request

KEEP, WORK, WAIT = Atom("keep"), Atom("work"), Atom("wait")


#: Calls that nobody will answer, to be counted.
KEPT = []


def take_time(what: Atom, time: int) -> None:
    """``{work, Microseconds}`` computes, ``{wait, Milliseconds}`` waits for something."""
    if what is WAIT:
        sleep(time / 1e3)
    until = monotonic() + time / 1e6
    while what is WORK and monotonic() < until:
        pass


class Server(GenServer):
    """Echoes, on a thread."""

    def handle_call(self, request: Any, sender: Any) -> Any:
        if type(request) is tuple:
            take_time(*request)
        return NO_REPLY if request is KEEP else request


class AsyncServer(GenServer):
    """Echoes, in an event loop."""

    async def handle_call(self, request: Any, sender: Any) -> Any:
        if type(request) is tuple:
            take_time(*request)
        return NO_REPLY if request is KEEP else request


def echo(x: Any) -> Any:
    return x


async def echo_async(x: Any) -> Any:
    return x


def keep(x: Any) -> Any:
    KEPT.append(current_request())
    return NO_REPLY


async def keep_async(x: Any) -> Any:
    await asyncio.get_running_loop().create_future()


def main() -> None:
    name, cookie, kind = sys.argv[1:4]
    with Node(name, cookie=cookie) as node:
        node.export("Elixir.Work", "echo")(echo if kind == "thread" else echo_async)
        node.export("Elixir.Work", "keep")(keep if kind == "thread" else keep_async)
        (Server() if kind == "thread" else AsyncServer()).start(node, "server")
        TaskSupervisor().start(node, "tasks")
        print("ready", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
