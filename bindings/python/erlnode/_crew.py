"""The threads that serve a mailbox with exported functions: one of them takes calls out and runs them itself.

No call is handed to another thread as long as functions are quick. One that is not is noticed by a watch: another thread
takes over, and from then on that function goes to the workers at once, until it has been quick for long.
Always true: a function that hangs holds up no other for much longer than `PATIENCE`.
"""

from __future__ import annotations

import functools
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

from . import _abi
from ._abi import NOTHING
from ._errors import ClosedError
from ._request import Request
from ._workers import Workers

if TYPE_CHECKING:
    from ._mailbox import Mailbox

#: A function that runs for so many seconds is slow.
PATIENCE = 0.002

#: A slow function is taken for quick again after so many quick calls in turn.
TRUST_CALLS = 100

#: The watch sleeps until it is woken when it has seen nothing to do so many times.
IDLE_LOOKS = 25

#: How long a thread waits in one piece; the end of the mailbox wakes it before.
WAIT_MS = 60_000


class Exported:
    """A function that peers may run."""

    __slots__ = ("function", "loop", "slow")

    def __init__(self, function: Callable[..., Any], loop: Any) -> None:
        self.function = function
        #: What serves its event loop, if it is a coroutine function.
        self.loop = loop
        #: How many quick calls it is away from trust; 0 for a quick function.
        self.slow = 0


class Crew:
    """See the module."""

    def __init__(
        self,
        box: "Mailbox",
        workers: Workers,
        find: Callable[[Request], Optional[Exported]],
        run: Callable[[Callable[..., Any], Request], None],
    ) -> None:
        self._box, self._workers, self._find, self._run = box, workers, find, run
        #: Counts who leads: a leader with another number has been replaced.
        self._turn = 0
        #: Counts functions that were begun, and says which one the leader runs.
        self._begun = 0
        self._running: Optional[Exported] = None
        self._asleep = False
        self._wake = threading.Event()
        self._closed = False
        self._lead()
        threading.Thread(target=self._watch, name="erlnode-watch", daemon=True).start()

    def _lead(self) -> None:
        threading.Thread(target=self._serve, args=(self._turn,), name="erlnode-exports", daemon=True).start()

    def _serve(self, turn: int) -> None:
        """Takes calls out until another thread leads, or the node stops."""
        handle = self._box._handle
        while turn == self._turn:
            try:
                request = _abi.take(handle, None, False)
                if request is NOTHING:
                    _abi.wait(handle, None, WAIT_MS)
                    continue
            except ClosedError:
                self._closed = True
                self._wake.set()
                return
            except Exception:
                continue  # a message of somebody that is no call, and no term for Python either
            if type(request) is Request:
                request._box = self._box
                exported = self._find(request)
                if exported is not None:
                    self._serve_one(turn, exported, request)

    def _serve_one(self, turn: int, exported: Exported, request: Request) -> None:
        """Runs a function here, or hands it on."""
        if exported.slow or not self._workers.join():
            self._workers.run(functools.partial(self._run_timed, exported, request))
            return
        try:
            self._begun += 1
            self._running = exported
            if self._asleep:
                self._wake.set()
            self._run(exported.function, request)
        finally:
            if turn == self._turn:
                self._running = None
            self._workers.leave()

    def _run_timed(self, exported: Exported, request: Request) -> None:
        """Runs a function on a worker, and sees whether it is still slow."""
        began = time.monotonic()
        self._run(exported.function, request)
        if exported.slow:
            exported.slow = TRUST_CALLS if time.monotonic() - began > PATIENCE else exported.slow - 1

    def _watch(self) -> None:
        """Replaces a leader whose function takes long."""
        idle = 0
        while not self._closed:
            begun, exported = self._begun, self._running
            idle = 0 if exported is not None else idle + 1
            if idle > IDLE_LOOKS:
                self._asleep = True
                # Announced first: a function that begins now wakes us, one that began before is seen.
                if self._running is None:
                    self._wake.wait()
                self._asleep = False
                self._wake.clear()
                idle = 0
                continue
            time.sleep(PATIENCE)
            if exported is not None and self._running is exported and self._begun == begun:
                exported.slow = TRUST_CALLS
                self._turn += 1
                self._running = None
                self._lead()
