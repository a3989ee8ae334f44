"""Elixir's distributed tasks, from both ends.

`TaskSupervisor` is what ``Task.Supervisor`` is on a BEAM: a peer's ``Task.Supervisor.async({Name, :ours@host}, M, F, A)``
runs ``M:F`` here, if it is exported. `Task` is a task of ours under a supervisor of a peer.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

from ._calls import ended
from ._errors import ClosedError, Error, RemoteError, Timeout
from ._mailbox import NORMAL, Mailbox
from ._server import GenServer, Sender, crash_reason
from ._terms import Atom, Pid, Reference, Term

if TYPE_CHECKING:
    from ._mailbox import Target

OK, ERROR, MONITOR, SHUTDOWN = Atom("ok"), Atom("error"), Atom("monitor"), Atom("shutdown")
TEMPORARY, TRANSIENT, PERMANENT = Atom("temporary"), Atom("transient"), Atom("permanent")

#: How long a task waits to be told what to do, as Elixir's do.
BRIEFING_SECONDS = 5.0
#: A task that is restarted more often than this within these seconds is given up, as by Elixir's default.
MAX_RESTARTS, RESTART_SECONDS = 3, 5.0


class TaskSupervisor(GenServer):
    """Runs tasks for peers: ``TaskSupervisor().start(node, "Elixir.Chat.TaskSupervisor")``.

    A task may only run what `Node.export` allows; anything else ends it with ``undef``.
    """

    def __init__(self, max_children: Optional[int] = None) -> None:
        self.max_children = max_children
        self._children: Dict[Pid, Mailbox] = {}

    def handle_call(self, request: Term, sender: Sender) -> Any:
        word = request[0] if type(request) is tuple and request else request
        if word is Atom("start_task") and len(request) == 4:
            return self._start_task(request[1], request[2])
        if word is Atom("which_children"):
            return [(Atom("undefined"), pid, Atom("worker"), [Atom("Elixir.Task.Supervised")]) for pid in self._alive()]
        if word is Atom("count_children"):
            count = len(self._alive())
            counts = {"active": count, "specs": count, "supervisors": 0, "workers": count}
            return {Atom(key): value for key, value in counts.items()}
        if word is Atom("terminate_child") and len(request) == 2:
            child = self._children.pop(request[1], None)
            if child is None:
                return ERROR, Atom("not_found")
            child.close(SHUTDOWN)
            return OK
        return super().handle_call(request, sender)

    def terminate(self, reason: Term) -> None:
        for child in self._alive().values():
            child.close(SHUTDOWN)

    def _alive(self) -> Dict[Pid, Mailbox]:
        self._children = {pid: child for pid, child in list(self._children.items()) if not child.closed}
        return self._children

    def _start_task(self, args: List[Term], restart: Term) -> Term:
        if self.max_children is not None and len(self._alive()) >= self.max_children:
            return ERROR, Atom("max_children")
        if len(self._children) % 256 == 255:
            self._alive()
        child = self._new_child()
        if len(args) == 2:
            # The caller tells what to run in a message of its own.
            owner, monitor = args[0][2], args[1] is MONITOR
            self.node._exports.workers.run(lambda: self._briefed(child, owner, monitor))
        else:
            self.node._exports.workers.run(lambda: self._told(child, args[2], restart))
        return OK, child.pid

    def _new_child(self) -> Mailbox:
        child = self.node._own_mailbox()
        self._children[child.pid] = child
        return child

    def _briefed(self, child: Mailbox, owner: Pid, monitor: bool) -> None:
        """Waits for ``{Owner, Ref, ReplyTo, Callers, {M, F, Args}}``, runs that, and sends ``{Ref, Result}``."""
        try:
            reference = child.monitor(owner) if monitor else None
            deadline = time.monotonic() + BRIEFING_SECONDS
            while True:
                message = child.receive(max(0.0, deadline - time.monotonic()))
                if type(message) is tuple and message and message[0] == owner and len(message) == 5:
                    break
                if type(message) is tuple and len(message) == 5 and message[1] == reference:
                    self._end(child, (SHUTDOWN, message[4]))
                    return
            if reference is not None:
                child.demonitor(reference)
            _, tag, reply_to, _, function = message
            reason, result = self._apply(function)
            if reason is NORMAL:
                child.send(reply_to, (tag, result))
            self._end(child, reason)
        except Timeout:
            self._end(child, Atom("timeout"))
        except ClosedError:
            self._children.pop(child.pid, None)  # somebody ended the task
        except Error as error:
            self._end(child, crash_reason(error))

    def _told(self, child: Mailbox, function: Term, restart: Term) -> None:
        """Runs a task whose result nobody waits for, again and again if it is to be."""
        began: List[float] = []
        while True:
            reason, _ = self._apply(function)
            again = restart is PERMANENT or (restart is TRANSIENT and reason is not NORMAL)
            stopped = child.closed
            self._end(child, reason)
            now = time.monotonic()
            began = [start for start in began if now - start < RESTART_SECONDS] + [now]
            if not again or stopped or self._ended is not None or len(began) > MAX_RESTARTS:
                return
            try:
                child = self._new_child()
            except ClosedError:
                return

    def _end(self, child: Mailbox, reason: Term) -> None:
        self._children.pop(child.pid, None)
        try:
            child.close(reason)
        except ClosedError:
            pass

    def _apply(self, function: Term) -> Tuple[Term, Term]:
        """Runs ``{M, F, Args}``: the exit reason, and the result where that is ``normal``."""
        module, name, args = function
        implementation = self.node._exports.find(str(module), str(name))
        if implementation is None:
            return (Atom("undef"), [(module, name, args, [])]), None
        try:
            return NORMAL, self.node._exports.call(implementation, args)
        except BaseException as error:
            return crash_reason(error), None


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
        owner = (Atom(box.node.name), box.pid, box.pid)
        request = (Atom("start_task"), [owner, MONITOR], TEMPORARY, None)
        answer = box.call(supervisor, request, timeout)
        if answer[0] is not OK:
            raise RemoteError(answer[1])
        pid = answer[1]
        if link:
            box.link(pid)
        reference = box.monitor(pid, alias="demonitor")
        box.send(pid, (box.pid, reference, reference, [box.pid], (Atom(module), Atom(function), list(args))))
        return cls(box, pid, reference)

    def result(self, timeout: Optional[float] = 5.0) -> Term:
        """``Task.await``: waits for the result. Raises what ended the task instead of it."""
        try:
            kind, message, _ = self._box.receive_message(timeout, self._reference)
        except Timeout:
            raise Timeout(f"timeout: the task {self.pid!r} did not end in {timeout} s") from None
        if kind == "down":
            ended(message[4], self.pid)
        self._box.demonitor(self._reference)
        return message[1]

    def shutdown(self, reason: Term = SHUTDOWN) -> None:
        """``Task.shutdown``: ends the task; its result is not wanted any more."""
        self._box.demonitor(self._reference)
        self._box.exit(self.pid, reason)
