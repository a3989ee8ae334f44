"""Elixir's distributed tasks, from both ends.

`TaskSupervisor` is what ``Task.Supervisor`` is on a BEAM: a peer's ``Task.Supervisor.async({Name, :ours@host}, M, F, A)``
runs ``M:F`` here, if it is exported. `Task` is a task of ours under a supervisor of a peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple, Union

from . import _abi
from ._calls import ended
from ._errors import ClosedError, RemoteError, Timeout
from ._mailbox import Mailbox
from ._terms import Atom, Pid, Reference, Term

if TYPE_CHECKING:
    from ._mailbox import Target
    from ._node import Node

OK, ERROR, MONITOR, EXIT = Atom("ok"), Atom("error"), Atom("monitor"), Atom("exit")
SHUTDOWN, KILL, KILLED = Atom("shutdown"), Atom("kill"), Atom("killed")
TEMPORARY, TRANSIENT, PERMANENT = Atom("temporary"), Atom("transient"), Atom("permanent")


class TaskSupervisor:
    """Runs tasks for peers: ``TaskSupervisor().start(node, "Elixir.Chat.TaskSupervisor")``.

    A task runs what `Node.export` allows, where its calls run too (on the node's workers, or in the event loop of an ``async
    def``); anything else ends it with ``undef``. The supervisor itself is the library's: it is never blocked by tasks that hang,
    and nothing that is sent to it ends it. More than ``max_restarts`` restarts in ``max_seconds`` do, with reason ``shutdown``.
    """

    node: "Node"
    mailbox: Mailbox

    def __init__(self, max_children: Optional[int] = None, max_restarts: int = 3, max_seconds: int = 5) -> None:
        if max_children is not None and max_children < 1:
            raise ValueError(f"at least one child, not {max_children}")
        self.max_children = max_children
        self._restarts = max_restarts, max_seconds

    def start(self, node: "Node", name: Union[None, Atom, str] = None) -> "TaskSupervisor":
        """Starts it under a name; peers may ask it when this returns. It lives until `stop`, or as long as the node."""
        self.node = node
        self.mailbox = node._own_mailbox()
        if name is not None:
            self.mailbox.register(name)
        node._supervisors.add(self.mailbox)
        _abi.task_supervise(self.mailbox._handle, self.max_children or 0, *self._restarts)
        return self

    @property
    def pid(self) -> Pid:
        """Its pid."""
        return self.mailbox.pid

    def stop(self) -> None:
        """Ends it and its tasks, with reason ``shutdown``. A function that runs goes on, but nobody gets its result."""
        self.node._supervisors.discard(self.mailbox)
        try:
            self.mailbox.close(SHUTDOWN)
        except ClosedError:
            pass

    def __enter__(self) -> "TaskSupervisor":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stop()


class Task:
    """A task of ours under a ``Task.Supervisor`` of a peer: made by `start`, ended by `result`."""

    def __init__(self, box: Mailbox, pid: Pid, reference: Reference) -> None:
        self._box = box
        #: The process that runs it.
        self.pid = pid
        self._reference = reference

    @classmethod
    def start(
        cls,
        box: Mailbox,
        supervisor: "Target",
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        *,
        link: bool = False,
        timeout: Optional[float] = 5.0,
    ) -> "Task":
        """``Task.Supervisor.async_nolink`` (``async`` with ``link``): runs ``module:function(*args)`` there."""
        pid = _started(box.call(supervisor, (Atom("start_task"), [_owner(box), MONITOR], TEMPORARY, None), timeout))
        if link:
            box.link(pid)
        reference = box.monitor(pid, alias="demonitor")
        box.send(pid, (box.pid, reference, reference, [box.pid], (Atom(module), Atom(function), list(args))))
        return cls(box, pid, reference)

    @staticmethod
    def start_child(
        box: Mailbox,
        supervisor: "Target",
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        *,
        restart: Atom = TEMPORARY,
        timeout: Optional[float] = 5.0,
    ) -> Pid:
        """``Task.Supervisor.start_child``: a task whose result nobody waits for."""
        # The form that all releases understand: the work comes with the request.
        work = Atom(module), Atom(function), list(args)
        request = (Atom("start_task"), [_owner(box), [box.pid], work], restart, None)
        return _started(box.call(supervisor, request, timeout))

    def result(self, timeout: Optional[float] = 5.0) -> Term:
        """``Task.await``: waits for the result. Raises what ended the task instead of it; after `Timeout` nobody waits any more,
        and a late result is dropped."""
        try:
            end = self._end(timeout)
        except Timeout:
            self._forget()
            raise Timeout(f"timeout: the task {self.pid!r} did not end in {timeout} s") from None
        return self._value(end)

    async def result_async(self, timeout: Optional[float] = 5.0) -> Term:
        """`result`, awaited."""
        try:
            message = await self._box.receive_async(timeout, self._reference)
        except Timeout:
            self._forget()
            raise Timeout(f"timeout: the task {self.pid!r} did not end in {timeout} s") from None
        # {Ref, Result}, or {'DOWN', Ref, process, Pid, Reason}
        return self._value(("message" if len(message) == 2 else "down", message))

    def yield_(self, timeout: Optional[float] = 5.0) -> Optional[Tuple[Atom, Term]]:
        """``Task.yield``: ``(ok, result)``, ``(exit, reason)``, or None when the time is over; then it may be asked again."""
        try:
            return self._told(self._end(timeout))
        except Timeout:
            return None

    def shutdown(self, timeout: Optional[float] = 5.0) -> Optional[Tuple[Atom, Term]]:
        """``Task.shutdown``: ends the task and waits for that; after ``timeout`` it is killed, with 0 at once. None, or what it
        ended with before it could be stopped."""
        self._box.unlink(self.pid)
        end: Optional[Tuple[str, Term]] = None
        if timeout != 0:
            self._box.exit(self.pid, SHUTDOWN)
            try:
                end = self._end(timeout)
            except Timeout:
                pass
        if end is None:
            self._box.exit(self.pid, KILL)
            end = self._end(None)
        told = self._told(end)
        return None if told in ((EXIT, SHUTDOWN), (EXIT, KILLED)) else told

    def _end(self, timeout: Optional[float]) -> Tuple[str, Term]:
        kind, message, _ = self._box.receive_message(timeout, self._reference)
        return kind, message

    def _forget(self) -> None:
        self._box.demonitor(self._reference)

    def _told(self, end: Tuple[str, Term]) -> Tuple[Atom, Term]:
        kind, message = end
        if kind == "down":
            return EXIT, message[4]
        self._forget()
        return OK, message[1]

    def _value(self, end: Tuple[str, Term]) -> Term:
        word, value = self._told(end)
        return value if word is OK else ended(value, self.pid)


def _owner(box: Mailbox) -> Tuple[Atom, Pid, Pid]:
    """Who asks, as Elixir tells it."""
    return Atom(box.node.name), box.pid, box.pid


def _started(answer: Term) -> Pid:
    """The pid of a task that was started."""
    if type(answer) is tuple and len(answer) == 2 and answer[0] is OK:
        return answer[1]  # type: ignore[no-any-return]
    raise RemoteError(answer[1] if type(answer) is tuple and len(answer) == 2 else answer)
