#!/usr/bin/env python3
"""What a fourth member costs three BEAMs: `global`'s names and locks without one, with a node of ours, and with a BEAM.

    run.py LIBRARY_DIR [ROUNDS] [--beside OTHER_LIBRARY_DIR]

They take turns in each round: register and unregister a name, set and delete a lock (median time), locks of six takers on the
three BEAMs (per second). A fourth member is one more that has to agree, whoever it is; so a BEAM in its place is measured as
well, both with the least name and with the greatest, whom all others lock first. A cell is the median over the rounds of the
ratio to the three alone in the same round. --beside adds a node of ours on another build of the library.
"""

import argparse, collections, os, pathlib, statistics, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BEAM = ["erl", "-noinput", "-setcookie", "mesh", "-kernel", "logger_level", "error"]
ROWS = [("name", "register and unregister a name, median time", "us"), ("lock", "set and delete a lock, median time", "us"),
        ("rate", "locks of six takers (higher is better)", "/s")]


def member(name, library):
    """Becomes a member until its input ends: a BEAM, or a node of ours on this library."""
    if library == "beam":
        join = "pong = net_adm:ping('b1@localhost'), spawn(fun() -> io:get_line([]), halt() end)."
        os.execvp("erl", [*BEAM[:1], "-noshell", *BEAM[2:], "-sname", name, "-eval", join])
    os.environ["ERLNODE_LIBRARY"] = library
    sys.path.insert(0, str(ROOT / "bindings/python"))
    from erlnode import Node
    with Node(name, cookie="mesh", visible=True) as node:
        node.connect("b1@localhost", timeout=10)
        sys.stdin.read()


def main():
    if sys.argv[1:2] == ["member"]:
        return member(*sys.argv[2:])
    words = argparse.ArgumentParser()
    words.add_argument("library", type=pathlib.Path)
    words.add_argument("rounds", nargs="?", default=9, type=int)
    words.add_argument("--beside", type=pathlib.Path)
    words = words.parse_args()
    kinds = {"ours": str(words.library.resolve() / "liberlnode.so"), "beam": "beam"}
    if words.beside:
        kinds["beside"] = str(words.beside.resolve() / "liberlnode.so")
    command = f"{sys.executable} {pathlib.Path(__file__).resolve()} member"
    members = [f'{{"{kind}_{name[0]}", "{name}@localhost", "{command} {name}@localhost {what}"}}'
               for name in ("a4", "z4") for kind, what in kinds.items()]
    samples = collections.defaultdict(list)
    env = dict(os.environ, ERL_EPMD_PORT="14899")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["erlc", HERE / "mesh.erl"], cwd=folder, check=True)
        started = [subprocess.Popen(["epmd", "-port", "14899"])]
        try:
            for name in ("b2", "b3"):
                started.append(subprocess.Popen([*BEAM, "-sname", f"{name}@localhost"], cwd=folder, env=env))
            does = f'mesh:main({words.rounds}, [{{"alone", "", ""}}, {", ".join(members)}])'
            first = subprocess.Popen([*BEAM, "-sname", "b1@localhost", "-eval", does], cwd=folder, env=env,
                                     stdout=subprocess.PIPE, text=True)
            started.append(first)
            for line in first.stdout:
                if line == "end\n":
                    break
                work, kind, value = line.split()
                samples[work, kind].append(float(value))
            else:
                raise SystemExit("the measurement ended early")
        finally:
            for program in started:
                program.kill()
                program.wait()
    columns = [f"{kind}_{name}" for name in "az" for kind in kinds]
    titles = {"ours": "ours", "beam": "a BEAM", "beside": "ours, other library", "a": "least name", "z": "greatest name"}
    heads = [f"{titles[kind]}, {titles[name]}" for kind, name in (column.split("_") for column in columns)]
    print(f"| work ({words.rounds} rounds) | {' | '.join(heads)} | three alone |\n|{'---|' * (len(heads) + 2)}")
    for work, text, unit in ROWS:
        alone = samples[work, "alone"]
        ratios = [statistics.median(one / base for one, base in zip(samples[work, column], alone)) for column in columns]
        print(f"| {text} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} | {statistics.median(alone):.0f} {unit} |")
    spent = [f"{statistics.median(samples['cpu', column]):.0f} us" for column in columns]
    print(f"| processor time of the fourth for each operation | {' | '.join(spent)} | - |")


if __name__ == "__main__":
    main()
