#!/usr/bin/env python3
"""Calls of one Elixir client, answered by a BEAM, by C and by Python in the same run, printed as ratios to the BEAM.

    run.py LIBRARY_DIR [ROUNDS]

GenServer.call, :erpc.call and Task.Supervisor.async |> Task.await: one at a time (median time, lower is better) and from 64
processes (per second, higher is better). Below: what 10,000 calls cost in memory that a server has got and not answered.
"""

import collections, os, pathlib, statistics, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KINDS = ["beam", "c", "c4", "thread", "asyncio"]
TITLES = ["BEAM", "C", "C, 4 threads", "Python, threads", "Python, asyncio", "BEAM itself"]
OUTSTANDING = 10_000
ROWS = [
    ("call_us", "GenServer.call, median time (lower is better)", "us"),
    ("call_rate", "GenServer.call from 64 processes (higher is better)", "/s"),
    ("erpc_us", "erpc.call, median time (lower is better)", "us"),
    ("erpc_rate", "erpc.call from 64 processes (higher is better)", "/s"),
    ("task_us", "Task round trip, median time (lower is better)", "us"),
    ("task_rate", "Tasks from 64 processes (higher is better)", "/s"),
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


def main():
    library = pathlib.Path(sys.argv[1]).resolve()
    rounds = sys.argv[2] if len(sys.argv) > 2 else "3"
    env = dict(os.environ, ERL_EPMD_PORT="14898", ERLNODE_LIBRARY=str(library / "liberlnode.so"),
               PYTHONPATH=str(ROOT / "bindings/python"))
    programs = {}
    samples = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cc", "-O2", "-std=c11", "-o", f"{folder}/server", HERE / "server.c", f"-I{ROOT}/include",
                        f"-L{library}", f"-Wl,-rpath,{library}", "-lerlnode", "-lpthread"], check=True)
        epmd = subprocess.Popen(["epmd", "-port", "14898"], env=env)
        client = None
        try:
            names = {kind: f"bench_{kind}@localhost" for kind in KINDS}
            elixir = ["elixir", "--cookie", "bench", "--sname"]
            programs["beam"] = start([*elixir, names["beam"], str(HERE / "beam.exs")], env)
            programs["c"] = start([f"{folder}/server", names["c"], "bench", "1"], env)
            programs["c4"] = start([f"{folder}/server", names["c4"], "bench", "4"], env)
            for kind in ("thread", "asyncio"):
                programs[kind] = start([sys.executable, str(HERE / "server.py"), names[kind], "bench", kind], env)
            servers = [f"{kind}={names[kind]}" for kind in KINDS]
            client = subprocess.Popen([*elixir, "bench_client@localhost", str(HERE / "client.exs"), rounds, *servers],
                                      env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

            def figures(last):
                for line in client.stdout:
                    key, kind, value = line.split()
                    if key == last:
                        return
                    samples[key, kind].append(float(value))
                raise SystemExit("the client ended early")

            figures("measured")
            memory = {}
            for what in ("call", "erpc"):
                for kind in KINDS[1:]:
                    before = rss(programs[kind])
                    print(what, kind, file=client.stdin, flush=True)
                    figures("kept")
                    memory[what, kind] = (rss(programs[kind]) - before) / OUTSTANDING
        finally:
            for program in [client, *programs.values(), epmd]:
                if program is not None:
                    program.kill()
                    program.wait()
    print(f"| work ({rounds} rounds) | {' | '.join(TITLES)} |\n|{'---|' * (len(TITLES) + 1)}")
    for key, text, unit in ROWS:
        base = statistics.median(samples[key, "beam"])
        cells = [f"{statistics.median(samples[key, kind]) / base:.2f}" for kind in KINDS]
        print(f"| {text} | {' | '.join(cells)} | {base:.0f} {unit} |")
    for what, text in (("call", "GenServer.call"), ("erpc", "erpc.call")):
        cells = ["-", *(f"{memory[what, kind]:.0f}" for kind in KINDS[1:]), "-"]
        print(f"| bytes per unanswered {text}, of {OUTSTANDING} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
