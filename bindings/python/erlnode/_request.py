"""Request: a call of an exported function by a peer, to be answered now or later, from any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Callable, List

from . import _abi
from ._abi.spawning import request_free
from ._errors import ClosedError
from ._terms import Atom, Pid, Term

if TYPE_CHECKING:
    from ._mailbox import Mailbox

#: How long a terminal may take to print.
PRINT_SECONDS = 10.0

#: Held while a handle is taken out of its request, where the interpreter has no lock of its own.
_taking = threading.Lock()


class Request:
    """A function call that a peer asked for. Until it is answered it is a process of this node.

    Answer it with `reply` or `fail`; if it is dropped unanswered, its caller sees that process killed. The library makes
    it, and its memory counts: ten thousand of them may wait.
    """

    __slots__ = ("__weakref__", "_box", "_handle", "caller", "function", "module")

    #: Address of the erln_request; 0 once it is answered.
    _handle: int
    #: The mailbox it came to; set by whoever received it.
    _box: "Mailbox"

    #: What is asked for, and who asks.
    module: Atom
    function: Atom
    caller: Pid

    @property
    def pid(self) -> Pid:
        """The pid that stands for the call, until it is answered."""
        return _abi.request_pid(self._open())

    @property
    def group_leader(self) -> Pid:
        """Where its output belongs; until it is answered."""
        return _abi.request_leader(self._open())

    @property
    def args(self) -> List[Term]:
        """The arguments, until it is answered."""
        args = _abi.request_args(self)
        return list(args)

    @property
    def wanted(self) -> bool:
        """False when nobody waits for the result any more."""
        return _abi.request_is_wanted(self)

    def print(self, *values: Any, sep: str = " ", end: str = "\n") -> None:
        """Prints where the caller's output belongs: on its terminal, whichever node that is on."""
        box = getattr(self, "_box", None)
        if box is None:
            raise ClosedError("request has no mailbox to print from")
        # From a mailbox of its own: whoever serves requests takes every message out of theirs, this reply too.
        with box.node.mailbox() as own:
            own.put_chars(self.group_leader, sep.join(map(str, values)) + end, PRINT_SECONDS)

    def reply(self, result: Term) -> None:
        """Answers with a result. A call that was spawned ends with reason ``normal``."""
        _abi.request_reply(self, result)

    def fail(self, reason: Term, kind: str = "error") -> None:
        """Answers with an exception: "error", "exit" or "throw"."""
        number, data = _abi.choice(_abi.CLASSES, kind, "kind"), _abi.encode(reason)
        self._end(lambda handle: _abi.request_fail(handle, number, data))

    def _open(self) -> int:
        """The handle."""
        if not self._handle:
            raise ClosedError("request is closed (it was answered)")
        return self._handle

    def _end(self, answer: Callable[[int], None]) -> None:
        """Takes the handle, answers, and frees it."""
        with _taking:
            handle = self._open()
            self._handle = 0
        try:
            answer(handle)
        finally:
            request_free(handle)

    def __del__(self, free: Callable[[int], None] = request_free) -> None:
        handle = getattr(self, "_handle", 0)
        if handle:
            free(handle)

    def __repr__(self) -> str:
        return f"<Request {self.module!r}:{self.function!r} from {self.caller!r}>"
