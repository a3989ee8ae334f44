#!/usr/bin/env python3
"""Live benchmark: the same driver against erlnode's C API, libei, a BEAM and bare TCP, in turns, printed as ratios to libei.

    run.py LIBRARY_DIR [ROUNDS] [--tls]

With --tls all connections are made over TLS, the columns are erlnode and a BEAM, and ratios are to the BEAM. LIBRARY_DIR holds liberlnode.so. Rows are rates (higher is better) or times and sizes (lower is better); every cell
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


def tls_options(work):
    """An option file with a certificate for localhost, good for both sides."""
    ask = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": work}
    subprocess.run([*ask, "-subj", "/CN=bench", "-keyout", "ca.key", "-out", "ca.pem"], **quiet)
    subprocess.run([*ask, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
                    "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "node.key", "-out",
                    "node.pem"], **quiet)
    side = f'[{{certfile,"{work}/node.pem"}},{{keyfile,"{work}/node.key"}},{{cacertfile,"{work}/ca.pem"}},{{verify,verify_peer}}]'
    (work / "tls.conf").write_text(f"[{{server,{side}}},{{client,{side}}}].")
    return str(work / "tls.conf")


class Fleet:
    """Programs of one run, ended together."""

    def __init__(self, work, tls=None):
        self.work, self.running, self.tls = work, [], tls
        self.beam_options = ["-proto_dist", "inet_tls", "-ssl_dist_optfile", tls] if tls else []
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
                           *self.beam_options, "-pa", str(self.work), "-eval", ready])

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
        ["erl", "-noinput", "-sname", name, "-hidden", "-setcookie", "bench", "-start_epmd", "false", *fleet.beam_options,
         "-pa", str(work), "-eval", call], env=fleet.env, capture_output=True, text=True, timeout=600)
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
        peers = [fleet.start([str(work / kind), name, "bench", *([fleet.tls] if fleet.tls else [])]) for name in names]
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
    words = [word for word in sys.argv[1:] if word != "--tls"]
    secured = len(words) < len(sys.argv) - 1
    library = pathlib.Path(words[0]).resolve()
    rounds = int(words[1]) if len(words) > 1 else 5
    titles = {"beam": "BEAM", "ours": "erlnode"} if secured else {"ei": "libei", "ours": "erlnode", "beam": "BEAM", "tcp": "raw TCP"}
    kinds = list(titles)
    samples = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        build(work, library)
        fleet = Fleet(work, tls_options(work) if secured else None)
        try:
            fleet.beam("sink@localhost", "receive stop -> ok end")
            for turn in range(rounds):
                for kind in kinds[turn % len(kinds):] + kinds[:turn % len(kinds)]:
                    samples[kind].append(measure(fleet, kind, work, turn))
        finally:
            fleet.end()
    median = {kind: {key: statistics.median(s[key] for s in samples[kind]) for key in samples[kind][0]} for kind in kinds}
    columns = [*titles.values(), f"{titles[kinds[0]]} itself"]
    print(f"| work ({rounds} rounds{', TLS' if secured else ''}) | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    for key, text in ROWS:
        base = median[kinds[0]][key]
        cells = [f"{median[kind][key] / base:.2f}" if key in median[kind] else "-" for kind in kinds]
        unit = "us" if key.endswith("us") else "KiB" if key == "rss_kib" else "MB/s" if key.startswith("mib") else "M/s"
        better = "lower" if key in LOWER else "higher"
        print(f"| {text} ({better} is better) | {' | '.join(cells)} | {base:.2f} {unit} |")


if __name__ == "__main__":
    main()
