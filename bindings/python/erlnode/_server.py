"""GenServer: a process that answers calls, one after the other, as Erlang's servers do.

A subclass has methods for what arrives; the object itself is the state. It runs on a thread of its own, on the thread
that calls `run`, or in an event loop, and there its methods may be ``async def``.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Set, Tuple, Union

from . import _abi
from ._abi import NOTHING
from ._errors import ClosedError, ErlangError, Error, NameTakenError, Timeout
from ._exports import NO_REPLY, erlang_reason
from ._mailbox import NORMAL, Mailbox, readers_of
from ._terms import Atom, ImproperList, Pid, Reference, Term

if TYPE_CHECKING:
    from ._node import Node

GEN_CALL, GEN_CAST, SYSTEM = Atom("$gen_call"), Atom("$gen_cast"), Atom("system")
ALIAS, OK, ERROR, TIMEOUT = Atom("alias"), Atom("ok"), Atom("error"), Atom("timeout")

REPLACE_STATE = (Atom("gen_server"), Atom("system_replace_state"))

#: How long a peer may take to show which form it uses.
STATE_FORM_SECONDS = 1.0

#: Calls that are being handled.
Tasks = Set["asyncio.Task[None]"]

#: Who asked: the ``{Pid, Tag}`` of a call.
Sender = Tuple[Pid, Term]


#: The name of a server: one of its node, or ``("global", term)``, one of the cluster.
ServerName = Union[None, Atom, str, Tuple[str, Term]]


class Stop(Exception):
    """Raised by a handler: ends the server with ``reason``, after replying ``reply`` if given."""

    def __init__(self, reason: Term = NORMAL, reply: Any = NO_REPLY) -> None:
        super().__init__(reason)
        self.reason, self.reply = reason, reply


class GenServer:
    """Base of servers.

        class Calc(GenServer):
            def handle_call(self, request, sender):
                match request:
                    case (Atom("add"), a, b):
                        return a + b

        server = Calc().start(node, "Calc")        # GenServer.call({Calc, :"py@host"}, {:add, 1, 2}) with name="Elixir.Calc"

    An exception in a handler ends the server with that reason, as in Erlang, and callers hear of it.
    """

    #: In an event loop: how many calls may be handled at a time. Casts and other messages keep their order.
    concurrency: int = 1

    node: "Node"
    mailbox: Mailbox

    # ------------------------------------------------------------------------------------------- to be overridden

    def init(self) -> Any:
        """Called in the server, before the first message."""

    def handle_call(self, request: Term, sender: Sender) -> Any:
        """Answers a call: returns the reply, or `NO_REPLY` and calls `reply` later, from anywhere."""
        raise ErlangError((Atom("bad_call"), request), "exit")

    def handle_cast(self, request: Term) -> Any:
        """Takes a cast."""
        raise ErlangError((Atom("bad_cast"), request), "exit")

    def handle_info(self, message: Term) -> Any:
        """Takes any other message; ``timeout`` when the time of `set_timeout` was over."""

    def terminate(self, reason: Term) -> Any:
        """Called last."""

    def state(self) -> Term:
        """What ``:sys.get_state`` shows: the attributes of the object that have no underscore in front."""
        hidden = ("node", "mailbox")
        return {Atom(key): _shown(value) for key, value in vars(self).items() if key[0] != "_" and key not in hidden}

    # ------------------------------------------------------------------------------------------------ for handlers

    def reply(self, sender: Sender, value: Term) -> None:
        """Answers a call whose handler returned `NO_REPLY`."""
        pid, tag = sender
        self.mailbox.send(_address(pid, tag), (tag, value))

    def set_timeout(self, seconds: Optional[float]) -> None:
        """``handle_info(Atom("timeout"))`` is called if no message comes in this time; once. None: never."""
        self._timeout = seconds
        if self._timed is not None:
            # Calls are handled beside the loop, which waits for messages already.
            self._timed(seconds)

    # --------------------------------------------------------------------------------------------------- running

    _timeout: Optional[float] = None
    _timed: Optional[Callable[[Optional[float]], None]] = None
    _thread: Optional[threading.Thread] = None
    _ended: Optional[Term] = None
    _suspended = False
    _name: Any = ""

    def start(self, node: "Node", name: ServerName = None, **options: Any) -> "GenServer":
        """Runs the server on a thread of its own; returns when it can be called. ``options`` are the mailbox's."""
        self._open(node, name, options)
        self._thread = threading.Thread(target=self._run, name=f"erlnode-{name or type(self).__name__}", daemon=True)
        self._thread.start()
        return self

    def run(self, node: "Node", name: ServerName = None, **options: Any) -> None:
        """Runs the server here, until it ends."""
        self._open(node, name, options)
        self._run()

    async def run_async(self, node: "Node", name: ServerName = None, **options: Any) -> None:
        """Runs the server in the present event loop, until it ends."""
        self._open(node, name, options)
        await self._loop()

    def _open(self, node: "Node", name: ServerName, options: Dict[str, Any]) -> None:
        self.node = node
        self._name = type(self).__name__ if name is None else name
        if not isinstance(name, tuple):
            self.mailbox = node.mailbox(name, **options)
            return
        self.mailbox = node.mailbox(**options)
        if name[0] != "global" or not node.global_register(name[1], self.mailbox):
            self.mailbox.close()
            raise NameTakenError(f"the name {name!r} cannot be registered: it is taken, or no name")

    @property
    def pid(self) -> Pid:
        """Its pid."""
        return self.mailbox.pid

    def stop(self, reason: Term = NORMAL, timeout: Optional[float] = 5.0) -> None:
        """Ends the server, which terminates in order, and waits for its end."""
        try:
            self.node.send(self.mailbox.pid, (SYSTEM, (self.pid, Atom("none")), (Atom("terminate"), reason)))
        except ClosedError:
            pass
        self.join(timeout)

    def join(self, timeout: Optional[float] = None) -> None:
        """Waits for the end of a started server."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise Timeout(f"timeout: {self!r} did not end in {timeout} s")

    def __enter__(self) -> "GenServer":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.mailbox.pid!r}>" if hasattr(self, "mailbox") else f"<{type(self).__name__}>"

    # -------------------------------------------------------------------------------------------------- the loop

    def _is_async(self) -> bool:
        names = ("init", "handle_call", "handle_cast", "handle_info", "terminate")
        return any(inspect.iscoroutinefunction(getattr(self, name)) for name in names)

    def _run(self) -> None:
        if self._is_async():
            asyncio.run(self._loop())
            return
        reason: Term = NORMAL
        try:
            self.init()
            while True:
                self._handle(self._receive())
        except ClosedError:
            reason = self.mailbox.exit_reason or NORMAL
        except Stop as stop:
            reason = stop.reason
        except BaseException as error:
            reason = crash_reason(error)
        self._finish(reason, self.terminate)

    def _receive(self) -> Term:
        """The next message, or ``timeout``."""
        timeout, self._timeout = self._timeout, None
        try:
            return self.mailbox.receive(timeout)
        except Timeout:
            return TIMEOUT

    def _handle(self, message: Term) -> None:
        if type(message) is tuple:
            kind = message[0] if message else None
            if kind is GEN_CALL and len(message) == 3:
                sender = message[1]
                try:
                    reply = self.handle_call(message[2], sender)
                except Stop as stop:
                    reply = stop.reply
                    if reply is not NO_REPLY:
                        self.reply(sender, reply)
                    raise
                if reply is not NO_REPLY:
                    self.reply(sender, reply)
                return
            if kind is GEN_CAST and len(message) == 2:
                self.handle_cast(message[1])
                return
            if kind is SYSTEM and len(message) == 3:
                if self._system(message[1], message[2]):
                    self._wait_for_resume()
                return
        self.handle_info(message)

    def _wait_for_resume(self) -> None:
        """Suspended: only system messages are looked at, the others wait their turn."""
        kept = []
        while True:
            message = self.mailbox.receive()
            if type(message) is tuple and len(message) == 3 and message[0] is SYSTEM:
                if not self._system(message[1], message[2]) and message[2] is Atom("resume"):
                    break
            else:
                kept.append(message)
        for message in kept:
            self._handle(message)

    def _system(self, sender: Sender, command: Term) -> bool:
        """Answers what ``:sys`` asks; True if it asks to suspend."""
        word = command[0] if type(command) is tuple and command else command
        if word is Atom("terminate"):
            self._reply_quietly(sender, OK)
            raise Stop(command[1])
        if word is Atom("get_state"):
            state = self.state()
            if sender[0].node in self.node._state_forms:
                self._tell_state(sender, state)
            else:
                self.node._exports.workers.run(lambda: self._tell_state(sender, state))
        elif word is Atom("get_status"):
            self.reply(sender, self._status())
        elif word in (Atom("suspend"), Atom("resume")):
            self._suspended = word is Atom("suspend")
            self.reply(sender, OK)
            return self._suspended
        elif word is Atom("debug"):
            self.reply(sender, _debug(command[1]))
        elif word is Atom("replace_state"):
            # The function that comes with it is Erlang's and cannot run here.
            self.reply(sender, (ERROR, (Atom("callback_failed"), REPLACE_STATE, (ERROR, Atom("undef")))))
        elif word is Atom("change_code") and self._suspended and len(command) == 4:
            # There is no old code: the state is what it was.
            self.reply(sender, OK)
        else:
            self.reply(sender, (ERROR, (Atom("unknown_system_msg"), command)))
        return False

    def _tell_state(self, sender: Sender, state: Term) -> None:
        """Shows the state as the caller's release expects it: ``{ok, State}``, or before OTP 26 or 27 the bare state."""
        try:
            self.reply(sender, (OK, state) if _wraps_state(self.node, sender[0].node) else state)
        except Error:
            pass  # nobody is there any more

    def _status(self) -> Term:
        """What ``:sys.get_status`` shows; tools look for its parts by these names."""
        data, running = Atom("data"), Atom("suspended" if self._suspended else "running")
        header = Atom("header"), _charlist(f"Status for generic server {self._name}")
        facts = [(_charlist("Status"), running), (_charlist("Parent"), self.pid), (_charlist("Logged events"), [])]
        misc = [header, (data, facts), (data, [(_charlist("State"), self.state())])]
        return Atom("status"), self.pid, (Atom("module"), Atom("gen_server")), [[], running, self.pid, [], misc]

    def _reply_quietly(self, sender: Sender, value: Term) -> None:
        if type(sender) is tuple and len(sender) == 2 and sender[1] is not Atom("none"):
            self.reply(sender, value)

    def _finish(self, reason: Term, terminate: Any) -> None:
        try:
            terminate(reason)
        finally:
            self._close(reason)

    def _close(self, reason: Term) -> None:
        self._ended = reason
        try:
            self.mailbox.close(reason)
        except Error:
            pass  # the node went first

    # ----------------------------------------------------------------------------------------------------- asyncio

    async def _loop(self) -> None:
        reason: Term = NORMAL
        room = asyncio.Semaphore(max(1, self.concurrency))
        tasks: Tasks = set()
        loop = asyncio.get_running_loop()
        failed: "asyncio.Future[None]" = loop.create_future()
        timer: Optional[asyncio.TimerHandle] = None

        def timed(seconds: Optional[float]) -> None:
            nonlocal timer
            self._timeout = None
            if timer is not None:
                timer.cancel()
            timer = None if seconds is None else loop.call_later(seconds, over)

        def over() -> None:
            task = asyncio.ensure_future(_value(self.handle_info(TIMEOUT)))
            tasks.add(task)
            task.add_done_callback(lambda done: self._task_done(done, None, tasks, failed))

        if self.concurrency > 1:
            self._timed = timed
        try:
            await _value(self.init())
            while True:
                message = await self._receive_async(failed)
                if timer is not None:
                    timer.cancel()
                await self._handle_async(message, room, tasks, failed)
        except ClosedError:
            reason = self.mailbox.exit_reason or NORMAL
        except Stop as stop:
            reason = stop.reason
        except asyncio.CancelledError:
            reason = Atom("shutdown")
            raise
        except BaseException as error:
            reason = crash_reason(error)
        finally:
            timed(None)
            for task in tasks:
                task.cancel()
            if failed.done():
                failed.exception()
            try:
                await _value(self.terminate(reason))
            finally:
                self._close(reason)

    async def _receive_async(self, failed: "asyncio.Future[None]") -> Term:
        loop = asyncio.get_running_loop()
        timeout, self._timeout = self._timeout, None
        deadline = None if timeout is None else loop.time() + timeout
        while True:
            if failed.done():
                failed.result()
            term = _abi.take(self.mailbox._handle, None, False)
            if term is not NOTHING:
                return term
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                return TIMEOUT
            await readers_of(loop).wait(self.mailbox, left)

    async def _handle_async(
        self, message: Term, room: asyncio.Semaphore, tasks: Tasks, failed: "asyncio.Future[None]"
    ) -> None:
        kind = message[0] if type(message) is tuple and message else None
        if kind is GEN_CALL and len(message) == 3:
            if self.concurrency <= 1:
                await self._call_async(message)
                return
            await room.acquire()
            task = asyncio.ensure_future(self._call_async(message))
            tasks.add(task)
            task.add_done_callback(lambda done: self._task_done(done, room, tasks, failed))
        elif kind is GEN_CAST and len(message) == 2:
            await _value(self.handle_cast(message[1]))
        elif kind is SYSTEM and len(message) == 3:
            if self._system(message[1], message[2]):
                await self._wait_for_resume_async(room, tasks, failed)
        else:
            await _value(self.handle_info(message))

    def _task_done(
        self,
        task: "asyncio.Task[None]",
        room: Optional[asyncio.Semaphore],
        tasks: Tasks,
        failed: "asyncio.Future[None]",
    ) -> None:
        """Keeps the first failure and wakes the loop, which ends by it."""
        tasks.discard(task)
        if room is not None:
            room.release()
        error = None if task.cancelled() else task.exception()
        if error is not None and not failed.done():
            failed.set_exception(error)
            readers_of(asyncio.get_running_loop()).wake(self.mailbox)

    async def _call_async(self, message: Term) -> None:
        sender = message[1]
        try:
            reply = await _value(self.handle_call(message[2], sender))
        except Stop as stop:
            if stop.reply is not NO_REPLY:
                self.reply(sender, stop.reply)
            raise
        if reply is not NO_REPLY:
            self.reply(sender, reply)

    async def _wait_for_resume_async(
        self, room: asyncio.Semaphore, tasks: Tasks, failed: "asyncio.Future[None]"
    ) -> None:
        kept = []
        while True:
            message = await self._receive_async(failed)
            if type(message) is tuple and len(message) == 3 and message[0] is SYSTEM:
                if not self._system(message[1], message[2]) and message[2] is Atom("resume"):
                    break
            else:
                kept.append(message)
        for message in kept:
            await self._handle_async(message, room, tasks, failed)


def _wraps_state(node: "Node", peer: str) -> bool:
    """Whether ``sys:get_state`` of a peer's release expects ``{ok, State}``: as its own servers answer, so do we."""
    if peer not in node._state_forms:
        with node.mailbox() as box:
            reference = box.alias()
            tag = ImproperList([ALIAS], reference)
            box.send(("rex", peer), (SYSTEM, (box.pid, tag), Atom("get_state")), STATE_FORM_SECONDS)
            try:
                reply = box.receive(STATE_FORM_SECONDS, reference)[1]
            except Timeout:
                reply = OK, None  # no BEAM; the present form will do
        node._state_forms[peer] = type(reply) is tuple and len(reply) == 2 and reply[0] is OK
    return node._state_forms[peer]


def _debug(what: Term) -> Term:
    """The answer to ``sys:trace``, ``log`` and ``statistics``: accepted, and there is nothing to show."""
    word, wish = what if type(what) is tuple and len(what) == 2 else (what, None)
    if wish is Atom("get"):
        return OK, [] if word is Atom("log") else Atom("no_statistics")
    if word is Atom("log_to_file") and wish is not False:
        return ERROR, Atom("open_file")
    if word in map(Atom, ("trace", "log", "statistics")):
        printed = word is Atom("log") and (wish is Atom("print") or type(wish) is tuple and wish[:1] == (True,))
        return OK if printed or type(wish) is bool else Atom("unknown_debug")
    known = "log_to_file", "remove", "no_debug"
    return OK if word in map(Atom, known) else Atom("unknown_debug")


def _charlist(text: str) -> Term:
    return [ord(letter) for letter in text]


async def _value(result: Any) -> Any:
    """What a handler returned, awaited if it is to be."""
    return await result if inspect.isawaitable(result) else result


def crash_reason(error: BaseException) -> Term:
    """The exit reason of a server whose handler raised."""
    reason, kind = erlang_reason(error)
    if kind == "exit":
        return reason
    if kind == "throw":
        return (Atom("nocatch"), reason), []
    return reason, []


def _address(pid: Pid, tag: Term) -> Union[Pid, Reference]:
    """Where a reply goes: the alias in the tag, if there is one."""
    while type(tag) is ImproperList:
        if tag.items[0] is ALIAS and type(tag.tail) is Reference:
            return tag.tail
        tag = tag.items[0]
    return pid


def _shown(value: Any) -> Term:
    """A value as a term, in words if it is none."""
    try:
        _abi.encode(value)
    except (TypeError, ValueError):
        return repr(value)
    return value
