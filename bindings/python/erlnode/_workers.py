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
        #: Threads of others that do what a worker would, see `join`.
        self._guests = 0

    def run(self, job: Callable[[], Any]) -> None:
        """Runs ``job`` as soon as a thread is free. What it raises is its own affair."""
        with self._changed:
            self._jobs.append(job)
            self._man()

    def join(self) -> bool:
        """Whether the present thread may do a job by itself: none waits, and not all are busy. Then it must `leave`."""
        with self._changed:
            if self._jobs or self._threads - self._idle + self._guests >= self._limit:
                return False
            self._guests += 1
            return True

    def leave(self) -> None:
        """The present thread has done its job."""
        with self._changed:
            self._guests -= 1
            if self._jobs:
                self._man()

    def _man(self) -> None:
        """Finds a thread for the jobs that wait."""
        busy = self._threads - self._idle + self._guests
        if busy >= self._limit:
            return
        if self._idle >= len(self._jobs):
            self._changed.notify()
        elif self._threads + self._guests < self._limit:
            self._threads += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        else:
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs or self._threads - self._idle + self._guests > self._limit:
                    self._idle += 1
                    told = self._changed.wait(self.IDLE_SECONDS)
                    self._idle -= 1
                    if not told and not self._jobs:
                        self._threads -= 1
                        return
                job = self._jobs.popleft()
            job()
