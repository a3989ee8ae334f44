"""Threads that run functions for peers: as many as are busy, at most a given number, ended with the program.

They are daemons, so a function that hangs does not keep the program from ending (concurrent.futures would wait for it).
"""

from __future__ import annotations

import collections
import threading
from typing import Any, Callable, Deque


class Workers:
    """Runs jobs on at most ``limit`` threads; further jobs wait, in order."""

    #: An idle thread ends after so many seconds.
    IDLE_SECONDS = 10.0

    def __init__(self, limit: int, name: str) -> None:
        if limit < 1:
            raise ValueError(f"at least one worker is needed, not {limit}")
        self._limit = limit
        self._name = name
        self._jobs: Deque[Callable[[], Any]] = collections.deque()
        self._changed = threading.Condition()
        self._threads = 0
        self._idle = 0

    def run(self, job: Callable[[], Any]) -> None:
        """Runs ``job`` as soon as a thread is free. What it raises is its own affair."""
        with self._changed:
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._changed.notify()
            elif self._threads < self._limit:
                self._threads += 1
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    self._idle += 1
                    told = self._changed.wait(self.IDLE_SECONDS)
                    self._idle -= 1
                    if not told and not self._jobs:
                        self._threads -= 1
                        return
                job = self._jobs.popleft()
            job()
