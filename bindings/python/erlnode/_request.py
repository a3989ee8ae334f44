"""Request: a call of an exported function by a peer, to be answered now or later, from any thread."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, List, Optional

from . import _abi
from ._errors import ClosedError
from ._terms import Atom, Pid, Term

if TYPE_CHECKING:
    from ._mailbox import Mailbox

#: How long a terminal may take to print.
PRINT_SECONDS = 10.0


class Request:
    """A function call that a peer asked for. Until it is answered it is a process of this node.

    Answer it with `reply` or `fail`; if it is dropped unanswered, its caller sees that process killed.
    """

    def __init__(self, message: int) -> None:
        self._handle, self.module, self.function, self._args, self.pid, self.caller, self.group_leader = (
            _abi.request_open(message)
        )
        #: The mailbox it came to; set by whoever received it.
        self._box: Optional[Mailbox] = None
        self._closer = weakref.finalize(self, _abi.request_free, self._handle)
        self._closer.atexit = False

    #: What is asked for.
    module: Atom
    function: Atom
    #: The pid that stands for the call, who asked, and where its output belongs.
    pid: Pid
    caller: Pid
    group_leader: Pid

    @property
    def args(self) -> List[Term]:
        """The arguments."""
        args = _abi.decode(self._args)
        return list(args)

    @property
    def wanted(self) -> bool:
        """False when nobody waits for the result any more."""
        return self._closer.alive and _abi.request_is_wanted(self._handle)

    def print(self, *values: Any, sep: str = " ", end: str = "\n") -> None:
        """Prints where the caller's output belongs: on its terminal, whichever node that is on."""
        if self._box is None:
            raise ClosedError("request has no mailbox to print from")
        # From a mailbox of its own: whoever serves requests takes every message out of theirs, this reply too.
        with self._box.node.mailbox() as box:
            box.put_chars(self.group_leader, sep.join(map(str, values)) + end, PRINT_SECONDS)

    def reply(self, result: Term) -> None:
        """Answers with a result. A call that was spawned ends with reason ``normal``."""
        self._answer(_abi.request_reply, _abi.encode(result))

    def fail(self, reason: Term, kind: str = "error") -> None:
        """Answers with an exception: "error", "exit" or "throw"."""
        self._answer(_abi.request_fail, kind, _abi.encode(reason))

    def _answer(self, answer: Any, *values: Any) -> None:
        if not self._closer.alive:
            raise ClosedError("request is closed (it was answered)")
        answer(self._handle, *values)
        self._closer()

    def __repr__(self) -> str:
        return f"<Request {self.module!r}:{self.function!r} from {self.caller!r}>"
