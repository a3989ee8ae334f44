#!/usr/bin/env python3
"""Live benchmark: the same driver against erlnode's C API, libei, a BEAM and bare TCP, in turns, printed as ratios to libei.

    run.py LIBRARY_DIR [ROUNDS]

LIBRARY_DIR holds liberlnode.so. Rows are rates (higher is better) or times and sizes (lower is better); every cell
is the median over the rounds, libei's is 1.00. The columns take turns, so a busy machine disturbs all alike.
"""
import os, pathlib, statistics, subprocess, sys, tempfile, glob

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOWER = {"ping_us", "connect_us", "rss_kib"}
ROWS = [
    ("ping_us", "ping-pong with a BEAM, median time"),
    ("to_beam", "small messages to a BEAM, per second"),
    ("to_beam_2_threads", "the same from 2 threads (libei: 1)"),
    ("from_beam", "small messages from a BEAM, per second"),
    ("calls_64", "64 outstanding calls, per second"),
    ("mib_to_beam", "1 MiB binaries to a BEAM"),
    ("mib_from_beam", "1 MiB binaries from a BEAM"),
    ("mib64_to_beam", "64 MiB binaries to a BEAM"),
    ("mib64_from_beam", "64 MiB binaries from a BEAM"),
    ("same_to_same", "small messages between two of a kind"),
    ("connect_us", "connect, handshake included"),
    ("rss_kib", "resident memory, connected and idle"),
]


class Fleet:
    """Programs of one run, ended together."""

    def __init__(self, work):
        self.work, self.running = work, []
        self.env = dict(os.environ, ERL_EPMD_PORT="14899", ERL_CRASH_DUMP_BYTES="0")
        self.start(["epmd", "-port", "14899"], ready=False)

    def start(self, command, ready=True, **more):
        program = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE if ready else None, text=True, **more)
        self.running.append(program)
        if ready:
            program.greeting = program.stdout.readline()
            if not program.greeting.startswith("ready"):
                raise SystemExit(f"{command[0]} did not start")
        return program

    def beam(self, name, code, first="ok"):
        """A BEAM that does `first`, says that it is ready, and does `code`."""
        ready = f'{first}, io:format("ready~n"), {code}'
        return self.start(["erl", "-noinput", "-sname", name, "-hidden", "-setcookie", "bench", "-start_epmd", "false",
                           "-pa", str(self.work), "-eval", ready])

    def end(self, *programs):
        for program in programs or self.running[::-1]:
            program.kill()
            program.wait()
            self.running.remove(program)


def build(work, library):
    ei = sorted(glob.glob("/usr/lib/erlang/lib/erl_interface-*"))[-1]
    flags = ["-O2", "-std=gnu11", "-o"]
    subprocess.run(["cc", *flags, work / "ours", HERE / "peer.c", f"-I{ROOT}/include", f"-L{library}",
                    f"-Wl,-rpath,{library}", "-lerlnode", "-lpthread"], check=True)
    subprocess.run(["cc", *flags, work / "ei", "-DUSE_EI", HERE / "peer.c", f"-I{ei}/include", f"-L{ei}/lib", "-lei",
                    "-lpthread"], check=True)
    subprocess.run(["cc", *flags, work / "tcp", HERE / "tcp.c"], check=True)
    subprocess.run(["erlc", "-o", work, HERE / "bench_driver.erl"], check=True)


def rss(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS"):
            return float(line.split()[1])


def figures(fleet, kind, work, name, call):
    """What the driver node `name` prints when it makes `call`."""
    out = subprocess.run(
        ["erl", "-noinput", "-sname", name, "-hidden", "-setcookie", "bench", "-start_epmd", "false", "-pa", str(work),
         "-eval", call], env=fleet.env, capture_output=True, text=True, timeout=600)
    found = {words[0]: float(words[1]) for words in map(str.split, out.stdout.splitlines()) if len(words) == 2}
    if "connect_us" not in found:
        raise SystemExit(f"{kind}: the driver stopped early\n{out.stdout}{out.stderr}")
    return found


def measure_tcp(fleet, work, turn):
    peer = fleet.start([str(work / "tcp")])
    port = peer.greeting.split()[1]
    found = figures(fleet, "tcp", work, f"driver{turn}tcp@localhost", f"bench_driver:tcp({port})")
    fleet.end(peer)
    return found


def measure(fleet, kind, work, turn):
    if kind == "tcp":
        return measure_tcp(fleet, work, turn)
    names = [f"{kind}{turn}{letter}@localhost" for letter in "ab"]
    if kind == "beam":
        peers = [fleet.beam(name, "bench_driver:peer()") for name in names]
    else:
        peers = [fleet.start([str(work / kind), name, "bench"]) for name in names]
    # Memory first: connected to one BEAM, nothing sent yet.
    idle = fleet.beam(f"idle{turn}{kind}@localhost", "receive stop -> ok end",
                      first=f"true = net_kernel:connect_node('{names[1]}')")
    memory = rss(peers[1].pid)
    fleet.end(idle)
    driver = f"driver{turn}{kind}@localhost"
    found = figures(fleet, kind, work, driver,
                    f"bench_driver:main(['{names[0]}', '{names[1]}', 'sink@localhost', '1'])")
    found["rss_kib"] = memory
    fleet.end(*peers)
    return found


def main():
    library = pathlib.Path(sys.argv[1]).resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    kinds = ["ei", "ours", "beam", "tcp"]
    samples = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        build(work, library)
        fleet = Fleet(work)
        try:
            fleet.beam("sink@localhost", "receive stop -> ok end")
            for turn in range(rounds):
                for kind in kinds[turn % 4:] + kinds[:turn % 4]:
                    samples[kind].append(measure(fleet, kind, work, turn))
        finally:
            fleet.end()
    median = {kind: {key: statistics.median(s[key] for s in samples[kind]) for key in samples[kind][0]} for kind in kinds}
    print(f"| work ({rounds} rounds) | libei | erlnode | BEAM | raw TCP | libei itself |\n|---|---|---|---|---|---|")
    for key, text in ROWS:
        base = median["ei"][key]
        cells = [f"{median[kind][key] / base:.2f}" if key in median[kind] else "-" for kind in kinds]
        unit = "us" if key.endswith("us") else "KiB" if key == "rss_kib" else "MB/s" if key.startswith("mib") else "M/s"
        better = "lower" if key in LOWER else "higher"
        print(f"| {text} ({better} is better) | {' | '.join(cells)} | {base:.2f} {unit} |")


if __name__ == "__main__":
    main()
