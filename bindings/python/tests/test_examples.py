"""The example programs without any BEAM: ours on both sides."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest
from typing import List

from support import COOKIE, Program, name

EXAMPLES = pathlib.Path(__file__).resolve().parents[3] / "examples" / "python"
RUN = (
    "import os, sys, runpy; sys.argv = sys.argv[1:]; sys.path.insert(0, os.path.dirname(sys.argv[0]));"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


class Examples(unittest.TestCase):
    def serve(self, program: str, node: str, *more: str) -> Program:
        """An example that serves, from the moment it is ready."""
        served = Program(RUN, str(EXAMPLES / f"{program}.py"), "--name", node, "--cookie", COOKIE, *more)
        self.addCleanup(served.__exit__)
        served.before = []  # type: ignore[attr-defined]
        while True:
            line = served.line()
            if line == f"ready {node}":
                return served
            if not line:
                self.fail(served.process.communicate())
            served.before.append(line)  # type: ignore[attr-defined]

    def call(self, program: str, *more: str) -> str:
        """What an example prints that does one thing."""
        command = [sys.executable, str(EXAMPLES / f"{program}.py"), "--name", name(), "--cookie", COOKIE, *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=os.environ)
        self.assertEqual(done.returncode, 0, done)
        return done.stdout

    def test_calc_answers_calc(self) -> None:
        node = name("calc")
        self.serve("calc", node)
        said = self.call("calc", "--ping", node).splitlines()
        expected = ["1 + 2 = 3", "stored 5", "sqrt(2) = 1.4142135623730951", "sqrt(-1): error: badarith"]
        expected += ["later: timeout", "10 + 2 = 12", "10 + 0 = 10", f"nobody: no process (nobody, {node})"]
        self.assertEqual(said, expected)

    def test_kate_hears_and_moebi_answers_chicken(self) -> None:
        kate, moebi = name("kate"), name("x").replace("py_x", "moebi")
        hearing = self.serve("chat", kate)
        self.serve("chat", moebi)
        self.assertEqual(self.call("chat", "--say", "hi", "--to", kate), "")
        self.assertEqual(hearing.line(), "hi")
        self.assertEqual(self.call("chat", "--say", "hi", "--to", moebi), "chicken?\n")

    def test_the_console_prints_for_others(self) -> None:
        node = name("console")
        console = self.serve("console", node)
        self.call("console", "--ping", node)
        self.assertEqual(console.line(), "Hello")

    def test_kv_spreads_buckets_over_two_nodes(self) -> None:
        foo, bar = name("foo"), name("bar")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as table:
            table.write(f"# comment\ntest a-m {foo}\ntest n-z {bar}\nother a-z {foo}\n")
            table.flush()
            options: List[str] = ["--table", table.name, "--env", "test", "--port", "0"]
            fronts = [self.serve("kv", node, *options) for node in (foo, bar)]
            ports = [int(front.before[0].split()[1]) for front in fronts]  # type: ignore[attr-defined]
            for port in ports:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as client, client.makefile("rwb") as file:

                    def ask(line: str, answers: int = 1) -> List[str]:
                        file.write(line.encode() + b"\r\n")
                        file.flush()
                        return [file.readline().decode().rstrip("\r\n") for _ in range(answers)]

                    for bucket in ("apples", "shopping"):
                        self.assertEqual(ask(f"CREATE {bucket}"), ["OK"])
                        self.assertEqual(ask(f"PUT {bucket} milk {port}"), ["OK"])
                        self.assertEqual(ask(f"GET {bucket} milk", 2), [str(port), "OK"])
                        self.assertEqual(ask(f"DELETE {bucket} milk"), ["OK"])
                    self.assertEqual(ask("GET nothing milk"), ["NOT FOUND"])
                    self.assertEqual(ask("BOGUS"), ["UNKNOWN COMMAND"])
                    self.assertIn("could not find entry for", ask("CREATE 9")[0])


if __name__ == "__main__":
    unittest.main()
