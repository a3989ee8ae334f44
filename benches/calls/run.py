#!/usr/bin/env python3
"""Calls of one Elixir client, answered by a BEAM, by C and by Python in the same run, printed as ratios to the BEAM.

    run.py LIBRARY_DIR [ROUNDS] [--only KIND,...] [--beside OTHER_LIBRARY_DIR]

GenServer.call, :erpc.call and Task.Supervisor.async |> Task.await: one at a time (median time, lower is better) and from 64
processes (per second, higher is better). The servers take turns in each row of each round; a cell is the median over the rounds of
the ratio to the BEAM's figure in the same round, with the 95 % interval of that median. Client and BEAM server run two schedulers each.
Then the processor time that the server itself takes for a call, which a busy machine hardly changes, and what 10,000 calls cost in
memory that a server has got and not answered. --beside adds the C server on another build of the library, such as one before a change.
"""

import argparse, collections, os, pathlib, random, statistics, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TITLES = {"beam": "BEAM", "c": "C", "c4": "C, 4 threads", "beside": "C, other library", "thread": "Python, threads",
          "asyncio": "Python, asyncio"}
OUTSTANDING = 10_000
SCHEDULERS = "+S 2:2"
ROWS = [
    ("call_us", "GenServer.call, median time (lower is better)", "us"),
    ("call_rate", "GenServer.call from 64 processes (higher is better)", "/s"),
    ("erpc_us", "erpc.call, median time (lower is better)", "us"),
    ("erpc_rate", "erpc.call from 64 processes (higher is better)", "/s"),
    ("task_us", "Task round trip, median time (lower is better)", "us"),
    ("task_rate", "Tasks from 64 processes (higher is better)", "/s"),
    ("work_rate", "GenServer.call with 50 us of work, from 64 processes (higher is better)", "/s"),
    ("wait_rate", "GenServer.call with a wait of 1 ms, from 64 processes (higher is better)", "/s"),
]


def start(command, env, **more):
    program = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, **more)
    if program.stdout.readline() != "ready\n":
        raise SystemExit(f"{command[0]} did not start")
    return program


def rss(program):
    for line in open(f"/proc/{program.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no memory figures on this system")


def processor_time(program):
    """Microseconds that its threads have run."""
    tasks = pathlib.Path(f"/proc/{program.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


def interval(values):
    """The 95 % interval of the median, by drawing anew."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return medians[50], medians[-51]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("library", type=pathlib.Path)
    words.add_argument("rounds", nargs="?", default=15, type=int)
    words.add_argument("--only", default="")
    words.add_argument("--beside", type=pathlib.Path)
    words = words.parse_args()
    library = words.library.resolve()
    kinds = [kind for kind in TITLES if kind == "beam" or not words.only or kind in words.only.split(",")]
    if words.beside is None:
        kinds = [kind for kind in kinds if kind != "beside"]
    env = dict(os.environ, ERL_EPMD_PORT="14898", ERLNODE_LIBRARY=str(library / "liberlnode.so"),
               PYTHONPATH=str(ROOT / "bindings/python"), ELIXIR_ERL_OPTIONS=SCHEDULERS)
    programs = {}
    samples = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cc", "-O2", "-std=c11", "-o", f"{folder}/server", HERE / "server.c", f"-I{ROOT}/include",
                        f"-L{library}", "-lerlnode", "-lpthread"], check=True)
        epmd = subprocess.Popen(["epmd", "-port", "14898"], env=env)
        client = None
        try:
            names = {kind: f"bench_{kind}@localhost" for kind in kinds}
            elixir = ["elixir", "--cookie", "bench", "--sname"]
            for kind in kinds:
                if kind == "beam":
                    command = [*elixir, names[kind], str(HERE / "beam.exs")]
                elif kind in ("thread", "asyncio"):
                    command = [sys.executable, str(HERE / "server.py"), names[kind], "bench", kind]
                else:
                    command = [f"{folder}/server", names[kind], "bench", "4" if kind == "c4" else "1"]
                where = words.beside.resolve() if kind == "beside" else library
                programs[kind] = start(command, dict(env, LD_LIBRARY_PATH=str(where)))
            servers = [f"{kind}={names[kind]}" for kind in kinds]
            client = subprocess.Popen([*elixir, "bench_client@localhost", str(HERE / "client.exs"), str(words.rounds), *servers],
                                      env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

            used = {}

            def figures(last):
                for line in client.stdout:
                    key, kind, value, calls = line.split()
                    if key == last:
                        return
                    # Between its turns a server is idle.
                    now = processor_time(programs[kind])
                    if key != "warm":
                        samples[key, kind].append(float(value))
                        samples["cpu", key, kind].append((now - used[kind]) / float(calls))
                    used[kind] = now
                raise SystemExit("the client ended early")

            figures("measured")
            memory = {}
            for what in ("call", "erpc"):
                for kind in kinds[1:]:
                    before = rss(programs[kind])
                    print(what, kind, file=client.stdin, flush=True)
                    figures("kept")
                    memory[what, kind] = (rss(programs[kind]) - before) / OUTSTANDING
        finally:
            for program in [client, *programs.values(), epmd]:
                if program is not None:
                    program.kill()
                    program.wait()
    titles = [*(TITLES[kind] for kind in kinds), "BEAM itself"]
    print(f"| work ({words.rounds} rounds) | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 1)}")
    for key, text, unit in ROWS:
        beam = samples[key, "beam"]
        cells = ["1.00"]
        for kind in kinds[1:]:
            ratios = [one / base for one, base in zip(samples[key, kind], beam)]
            low, high = interval(ratios)
            cells.append(f"{statistics.median(ratios):.2f} ({low:.2f}-{high:.2f})")
        print(f"| {text} | {' | '.join(cells)} | {statistics.median(beam):.0f} {unit} |")
    for key, text, _ in ROWS:
        cells = [f"{statistics.median(samples['cpu', key, kind]):.1f}" for kind in kinds]
        print(f"| the server's processor time, us: {text.split(' (')[0].replace(', median time', '')} | {' | '.join(cells)} | |")
    for what, text in (("call", "GenServer.call"), ("erpc", "erpc.call")):
        cells = ["-", *(f"{memory[what, kind]:.0f}" for kind in kinds[1:]), "-"]
        print(f"| bytes per unanswered {text}, of {OUTSTANDING} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
