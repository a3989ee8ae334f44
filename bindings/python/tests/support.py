"""What the tests share: names that do not collide, and programs run beside the test."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any, List, Optional

COOKIE = "python_tests"
_count = itertools.count()


def name(alive: str = "n") -> str:
    """A node name nobody else has."""
    return f"py_{alive}_{os.getpid()}_{next(_count)}@localhost"


class Program:
    """A Python program that runs beside the test, spoken to by lines."""

    def __init__(self, code: str, *args: str, env: Optional[dict] = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", code, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self, timeout: float = 20) -> "Ended":
        """Waits for its end."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"the program did not end:\n{out}\n{err}") from None
        return Ended(self.process.returncode, out, err)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exc: Any) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Ended:
    """How a program ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def run(code: str, *args: str, env: Optional[dict] = None, timeout: float = 20) -> Ended:
    """Runs a Python program to its end."""
    with Program(code, *args, env=env) as program:
        return program.end(timeout)


def pair() -> List[str]:
    """Two node names."""
    return [name("a"), name("b")]
