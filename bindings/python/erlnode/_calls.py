"""Calling servers and functions of other nodes: the client's half of GenServer and erpc.

A call monitors the server by a reference that is an alias too: the reply comes to it, late replies are dropped by the
node, and the end of the server ends the call. Nothing here is special to a node; it all is messages of a mailbox.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Dict, List, NoReturn, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import NOTHING
from ._errors import ClosedError, Error, NoConnectionError, NoProcessError, RemoteError, Timeout
from ._terms import Atom, ImproperList, Reference, Term

if TYPE_CHECKING:
    from ._mailbox import Mailbox, Target

GEN_CALL, GEN_CAST = Atom("$gen_call"), Atom("$gen_cast")
ALIAS, OK, RETURN, ERROR = Atom("alias"), Atom("ok"), Atom("return"), Atom("error")
NOPROC, NOCONNECTION = Atom("noproc"), Atom("noconnection")

Name = Union[Atom, str]


def call(box: "Mailbox", server: "Target", request: Term, timeout: Optional[float]) -> Term:
    """Asks a server and waits for its reply."""
    reference = _abi.ask(box._handle, server, request)
    asked = reference is not NOTHING
    if not asked:
        reference = box.monitor(server, alias="reply_demonitor")
    try:
        if not asked:
            box.send(server, gen_call(box, reference, request), timeout)
        kind, message, _ = box.receive_message(timeout, reference)
    except Timeout:
        _forget(box, reference)
        raise Timeout(f"timeout: {server!r} did not answer in {timeout} s") from None
    except BaseException:
        _forget(box, reference)
        raise
    return outcome(kind, message)


def gen_call(box: "Mailbox", reference: Reference, request: Term) -> Term:
    """The message of a call whose reply comes to an alias."""
    return GEN_CALL, (box.pid, ImproperList([ALIAS], reference)), request


def outcome(kind: str, message: Term) -> Term:
    """What a reply or a DOWN means for the caller."""
    return ended(message[4], message[3]) if kind == "down" else message[1]


def ended(reason: Term, who: Term) -> NoReturn:
    """The server ended before it answered."""
    if reason is NOPROC:
        raise NoProcessError(f"no process {who!r}")
    if reason is NOCONNECTION:
        raise NoConnectionError(f"no connection to the node of {who!r}: it went away before the answer")
    raise RemoteError(reason, "exit")


def rpc(
    box: "Mailbox", node: str, module: Name, function: Name, args: Sequence[Term], timeout: Optional[float]
) -> Term:
    """Runs a function on a node and waits for its result."""
    result, arguments = _execute_call(box, module, function, args)
    deadline = None if timeout is None else time.monotonic() + timeout
    reference = box.spawn_request(node, "erpc", "execute_call", arguments, monitor=True)
    try:
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            kind, message, _ = box.receive_message(left, reference)
            if kind == "down":
                return result_of(message[4], result, node)
            started(message, node)
    except Timeout:
        box.demonitor(reference)
        raise Timeout(f"timeout: {module}:{function} on {node} did not end in {timeout} s") from None
    except BaseException:
        _forget(box, reference)
        raise


def _execute_call(box: "Mailbox", module: Name, function: Name, args: Sequence[Term]) -> Tuple[Reference, List[Term]]:
    """The reference that marks the result, and the arguments of ``erpc:execute_call/4``."""
    result = box.node.make_reference()
    return result, [result, Atom(module), Atom(function), list(args)]


def started(message: Term, node: str) -> None:
    """Looks at the answer to a spawn request."""
    if message[2] is OK:
        return
    if message[3] is NOCONNECTION:
        raise NoConnectionError(f"no connection to {node}: the call was not made")
    raise RemoteError((Atom("erpc"), message[3]))


def result_of(reason: Term, result: Reference, node: str) -> Term:
    """The value with which ``erpc:execute_call/4`` ended, or its exception."""
    if reason is NOCONNECTION:
        raise NoConnectionError(f"no connection to {node}: it went away before the answer")
    if type(reason) is tuple and len(reason) >= 3 and reason[0] == result:
        if reason[1] is RETURN:
            return reason[2]
        raise RemoteError(reason[2], reason[1].name, reason[3] if len(reason) > 3 else ())
    raise RemoteError((Atom("signal"), reason), "exit")


def _forget(box: "Mailbox", reference: Reference) -> None:
    """Ends a monitor whose answer nobody wants any more, not even one that has come."""
    try:
        box.demonitor(reference)
        while _abi.take(box._handle, reference, True) is not NOTHING:
            pass
    except Error:
        pass  # the mailbox is gone, and the monitor with it


# ------------------------------------------------------------------------------------------------------ asyncio


class AsyncCaller:
    """Calls of one event loop: one mailbox for all answers, one future per call."""

    def __init__(self, box: "Mailbox") -> None:
        self._box = box
        # By a weak reference: the table of callers must not keep a loop alive.
        self._loop_of = weakref.ref(asyncio.get_running_loop())
        self._waiting: Dict[Reference, Tuple["asyncio.Future[Term]", Callable[[str, Term], Any]]] = {}
        self._fd = box.fileno()
        asyncio.get_running_loop().add_reader(self._fd, self._ready)

    async def call(self, server: "Target", request: Term, timeout: Optional[float]) -> Term:
        """`call`, awaited."""
        reference, sent = _abi.ask(self._box._handle, server, request), None
        if reference is NOTHING:
            reference = self._box.monitor(server, alias="reply_demonitor")
            sent = self._box.send_async(server, gen_call(self._box, reference, request), timeout)
        return await self._answer(reference, outcome, timeout, ("%r did not answer in %s s", server, timeout), sent)

    async def rpc(
        self, node: str, module: Name, function: Name, args: Sequence[Term], timeout: Optional[float]
    ) -> Term:
        """`rpc`, awaited."""
        result, arguments = _execute_call(self._box, module, function, args)
        reference = self._box.spawn_request(node, "erpc", "execute_call", arguments, monitor=True)

        def look(kind: str, message: Term) -> Term:
            if kind == "down":
                return result_of(message[4], result, node)
            started(message, node)
            return NOTHING

        text = "%s:%s on %s did not end in %s s", module, function, node, timeout
        return await self._answer(reference, look, timeout, text)

    async def _answer(
        self,
        reference: Reference,
        look: Callable[[str, Term], Any],
        timeout: Optional[float],
        text: Tuple[Any, ...],
        sent: Optional[Awaitable[None]] = None,
    ) -> Term:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting[reference] = future, look
        timer = None
        try:
            if sent is not None:
                await sent
            if timeout is not None:
                timer = loop.call_later(timeout, _give_up, future, text)
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            if future.done() and not future.cancelled():
                # Sending failed and the answer says so, too: one of them is enough.
                future.exception()
            if self._waiting.pop(reference, None) is not None:
                _forget(self._box, reference)

    def _ready(self) -> None:
        """Hands out all answers that are there."""
        try:
            while True:
                found = _abi.take(self._box._handle, None, True)
                if found is NOTHING:
                    return
                self._hand_out(KINDS[found[0]], found[1])
        except ClosedError as error:
            loop = self._loop_of()
            if loop is not None:
                loop.remove_reader(self._fd)
            for future, _ in self._waiting.values():
                if not future.done():
                    future.set_exception(type(error)(str(error)))

    def _hand_out(self, kind: str, message: Term) -> None:
        reference = _reference_of(kind, message)
        entry = self._waiting.get(reference) if reference is not None else None
        if entry is None or entry[0].done():
            return
        try:
            value = entry[1](kind, message)
        except Error as error:
            self._done(reference, entry[0]).set_exception(error)
        else:
            if value is not NOTHING:
                self._done(reference, entry[0]).set_result(value)

    def _done(self, reference: Optional[Reference], future: "asyncio.Future[Term]") -> "asyncio.Future[Term]":
        if reference is not None:
            del self._waiting[reference]
        return future


KINDS = ("message", "exit", "down", "nodeup", "nodedown", "spawn_reply", "request")


def _give_up(future: "asyncio.Future[Term]", text: Tuple[Any, ...]) -> None:
    if not future.done():
        future.set_exception(Timeout("timeout: " + text[0] % text[1:]))


def _reference_of(kind: str, message: Term) -> Optional[Reference]:
    """The call that a message answers."""
    if type(message) is not tuple or len(message) < 2:
        return None
    tag = message[1] if kind in ("down", "spawn_reply") else message[0]
    if type(tag) is ImproperList:
        tag = tag.tail
    return tag if type(tag) is Reference else None


class AsyncCallers:
    """The callers of a node, one per event loop; a loop is looked up, never remembered."""

    def __init__(self, open_mailbox: Callable[[], "Mailbox"]) -> None:
        self._open = open_mailbox
        self._callers: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncCaller]" = (
            weakref.WeakKeyDictionary()
        )

    def get(self) -> AsyncCaller:
        """The caller of the loop that runs now."""
        loop = asyncio.get_running_loop()
        caller = self._callers.get(loop)
        if caller is None:
            caller = self._callers[loop] = AsyncCaller(self._open())
        return caller
