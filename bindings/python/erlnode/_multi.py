"""Many calls at a time: requests that are waited for later, and questions to many nodes at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Callable, Dict, List, Optional, Sequence, Union

from . import _abi, _calls
from ._abi import NOTHING
from ._errors import Error, Timeout
from ._terms import Reference, Term

if TYPE_CHECKING:
    from ._mailbox import Mailbox, Target

#: Connections that `multi_call` makes at the same time.
DIALS = 32


class Pending:
    """A call that was sent. Wait for it with `result`, or give it up with `cancel`, or by leaving a ``with`` block.

    It belongs to the mailbox that sent it; the answer waits there until it is asked for.
    """

    def __init__(self, box: "Mailbox", reference: Reference, look: Callable[[str, Term], Term], text: str) -> None:
        self._box, self.reference, self._look, self._text = box, reference, look, text
        self._waits = True

    def result(self, timeout: Optional[float] = None) -> Term:
        """The answer, or the exception that a call would raise. After `Timeout` it may be asked for again."""
        if not self._waits:
            raise ValueError("this call was answered or given up already")
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                kind, message, _ = self._box.receive_message(left, self.reference)
            except Timeout:
                raise Timeout(f"timeout: {self._text} in {timeout} s") from None
            try:
                value = self._look(kind, message)
            except Error:
                self.cancel()
                raise
            if value is not NOTHING:
                self.cancel()
                return value

    def cancel(self) -> None:
        """Gives the call up: what comes later is dropped. What runs over there runs on."""
        if self._waits:
            self._waits = False
            _calls._forget(self._box, self.reference)

    def __enter__(self) -> "Pending":
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()


def send_request(box: "Mailbox", server: "Target", request: Term, timeout: Optional[float] = None) -> Pending:
    """Asks a server."""
    reference = _abi.ask(box._handle, server, request)
    if reference is NOTHING:
        reference = box.monitor(server, alias="reply_demonitor")
        try:
            box.send(server, _calls.gen_call(box, reference, request), timeout)
        except BaseException:
            _calls._forget(box, reference)
            raise
    return Pending(box, reference, _calls.outcome, f"{server!r} did not answer")


def rpc_request(box: "Mailbox", node: str, module: _calls.Name, function: _calls.Name, args: Sequence[Term]) -> Pending:
    """Has a function run on a node."""
    result, arguments = _calls._execute_call(box, module, function, args)
    reference = box.spawn_request(node, "erpc", "execute_call", arguments, monitor=True)

    def look(kind: str, message: Term) -> Term:
        if kind == "down":
            return _calls.result_of(message[4], result, node)
        _calls.started(message, node)
        return NOTHING

    return Pending(box, reference, look, f"{module}:{function} on {node} did not end")


def multicall(
    box: "Mailbox",
    nodes: Sequence[str],
    module: _calls.Name,
    function: _calls.Name,
    args: Sequence[Term],
    timeout: Optional[float],
) -> List[Union[Term, Error]]:
    """Runs a function on many nodes."""
    return _collect([_try(lambda: rpc_request(box, node, module, function, args)) for node in nodes], timeout)


def multi_call(
    box: "Mailbox", nodes: Sequence[str], name: _calls.Name, request: Term, timeout: Optional[float]
) -> List[Union[Term, Error]]:
    """Asks the servers of one name on many nodes."""
    deadline = None if timeout is None else time.monotonic() + timeout
    unreachable = _reach(box, nodes, timeout)

    def ask(node: str) -> Union[Pending, Error]:
        if node in unreachable:
            return unreachable[node]
        return _try(lambda: send_request(box, (name, node), request, timeout))

    asked = [ask(node) for node in nodes]
    return _collect(asked, None if deadline is None else max(0.0, deadline - time.monotonic()))


def _try(ask: Callable[[], Pending]) -> Union[Pending, Error]:
    try:
        return ask()
    except Error as error:
        return error


def _collect(asked: List[Union[Pending, Error]], timeout: Optional[float]) -> List[Union[Term, Error]]:
    """The answer of each; what did not come in time is given up."""
    deadline = None if timeout is None else time.monotonic() + timeout
    answers: List[Union[Term, Error]] = []
    try:
        for call in asked:
            if isinstance(call, Error):
                answers.append(call)
                continue
            try:
                answers.append(call.result(None if deadline is None else max(0.0, deadline - time.monotonic())))
            except Error as error:
                answers.append(error)
    finally:
        for call in asked:
            if isinstance(call, Pending):
                call.cancel()
    return answers


def _reach(box: "Mailbox", nodes: Sequence[str], timeout: Optional[float]) -> Dict[str, Error]:
    """Connects to all that are not connected, several at a time; why some could not be reached."""
    connected = {str(node) for node in box.node.nodes("connected")} | {str(box.node.name)}
    missing = [node for node in dict.fromkeys(nodes) if node not in connected]
    failures: Dict[str, Error] = {}
    turn = iter(missing)
    lock = threading.Lock()

    def dial() -> None:
        while True:
            with lock:
                node = next(turn, None)
            if node is None:
                return
            try:
                box.node.connect(node, timeout)
            except Error as error:
                failures[node] = error

    threads = [threading.Thread(target=dial, daemon=True) for _ in missing[:DIALS]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures
