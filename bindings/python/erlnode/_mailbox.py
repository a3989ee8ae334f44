"""Mailbox: a process of a node, as the program sees it.

One queue, three ways to wait: `receive` blocks (Ctrl-C works), `fileno` can be polled, `receive_async` is awaited. Each
of them first waits for the descriptor and then takes without waiting, so none holds what the others need.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
import threading
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any, AsyncIterator, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from . import _abi, _calls, _multi
from ._abi import NOTHING
from ._errors import ClosedError, Error, Timeout
from ._interrupt import interruptible
from ._locks import GlobalLocks
from ._multi import Pending
from ._terms import Atom, Pid, Reference, Term

if TYPE_CHECKING:
    from ._node import Node

#: Where a message can go: a pid, an alias, a name of this node, or a name of another: ``("name", "node@host")``.
Target = Union[Pid, Reference, Atom, str, Tuple[Union[Atom, str], Union[Atom, str]]]

#: A blocked receive first waits this long inside the library, where a partner that answers at once is heard soonest;
#: signals are served after it at the latest.
EAGER_MS = 2

#: Waiting for an answer looks for signals this often.
SELECTIVE_MS = 50

#: A thread that gets no signals waits so long in one piece; the end of the mailbox wakes it before.
UNDISTURBED_MS = 60_000

#: The reason of an orderly end.
NORMAL = Atom("normal")


class Message(NamedTuple):
    """A message with what is known about it besides its term."""

    #: What it is: "message", "exit", "down", "nodeup", "nodedown", "spawn_reply" or "request".
    kind: str
    #: The message itself.
    term: Term
    #: Who sent it, where the protocol tells.
    sender: Optional[Pid]


KINDS = ("message", "exit", "down", "nodeup", "nodedown", "spawn_reply", "request")


class _Readers:
    """Tasks of one event loop that wait for mailboxes; several may wait for one.

    A descriptor stays in the loop after a wait, since the next wait mostly follows. It is taken out when it becomes
    readable and nobody waits: there are messages then that somebody is too busy for, or the mailbox is closed.
    """

    def __init__(self) -> None:
        #: By handle: a descriptor of our own, which nobody else can close, and who waits for it.
        self._waiting: Dict[int, Tuple[int, List["asyncio.Future[None]"]]] = {}

    def __del__(self) -> None:
        """The loop is gone, and with it who waited."""
        for fd, _ in self._waiting.values():
            os.close(fd)

    async def wait(self, box: "Mailbox", timeout: Optional[float]) -> None:
        """Returns when something may be there, or the time is over."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        entry = self._waiting.get(box._handle)
        if entry is None:
            entry = self._waiting[box._handle] = os.dup(box.fileno()), []
            loop.add_reader(entry[0], self._ready, box._handle)
        entry[1].append(future)
        timer = None if timeout is None else loop.call_later(timeout, _finish, future)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
            if future in entry[1]:
                entry[1].remove(future)

    def wake(self, box: "Mailbox") -> None:
        """Lets who waits look again."""
        entry = self._waiting.get(box._handle)
        for future in entry[1] if entry is not None else ():
            _finish(future)

    def _ready(self, handle: int) -> None:
        """Wakes who has waited longest; the descriptor stays readable while there is something for others."""
        fd, futures = self._waiting[handle]
        for future in futures:
            if not future.done():
                future.set_result(None)
                return
        if not futures:
            asyncio.get_running_loop().remove_reader(fd)
            del self._waiting[handle]
            os.close(fd)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


_all_readers: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Readers]" = weakref.WeakKeyDictionary()


def readers_of(loop: asyncio.AbstractEventLoop) -> _Readers:
    """The table of the loop that runs now; a loop is looked up, never remembered."""
    readers = _all_readers.get(loop)
    if readers is None:
        readers = _all_readers[loop] = _Readers()
    return readers


class Mailbox(GlobalLocks):
    """A process of a node: a pid, perhaps a name, and a queue of messages. Made by ``Node.mailbox``.

    Any thread may use it, several may receive from it. Close it, or use it in a ``with`` statement.
    """

    def __init__(self, node: "Node", handle: int, own: bool = False) -> None:
        self._node = node
        self._handle = handle
        self._pid: Pid = _abi.mailbox_pid(handle)
        self._fd = -1
        # A mailbox of the package's own (`own`) is closed without a word.
        self._closer = weakref.finalize(self, _discard, handle, "" if own else repr(self._pid), os.getpid())
        # At exit the node closes all of its mailboxes at once.
        self._closer.atexit = False

    # ------------------------------------------------------------------------------------------------ identity

    @property
    def pid(self) -> Pid:
        """The pid others send to."""
        return self._pid

    @property
    def node(self) -> "Node":
        """The node it lives on."""
        return self._node

    @property
    def closed(self) -> bool:
        """True once it was closed, or ended by an exit signal."""
        if not self._closer.alive:
            return True
        try:
            return _abi.mailbox_exit_reason(self._handle) is not None
        except ClosedError:
            return True

    @property
    def exit_reason(self) -> Term:
        """The reason of the exit signal that ended it; None while it lives, and when it was closed here."""
        try:
            reason = _abi.mailbox_exit_reason(self._handle)
        except ClosedError:
            return None
        return None if reason is None else _abi.decode(reason)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return _abi.mailbox_load(self._handle)[0]

    @property
    def dropped(self) -> int:
        """How many were dropped because it was full (``overflow="drop"``)."""
        return _abi.mailbox_load(self._handle)[2]

    def __repr__(self) -> str:
        return f"<Mailbox {self._pid!r}{' closed' if self.closed else ''}>"

    def register(self, name: Union[Atom, str]) -> None:
        """Gives it a name, so that ``(name, node)`` reaches it."""
        _abi.mailbox_register(self._handle, str(name))

    def unregister(self) -> None:
        """Takes its name away, if it has one."""
        _abi.mailbox_unregister(self._handle)

    # ------------------------------------------------------------------------------------------------- sending

    def send(
        self, to: Target, message: Term, timeout: Optional[float] = None, priority: bool = False
    ) -> None:
        """Sends a message. Connects to the node if needed.

        Nothing is raised when nobody is there: as in Erlang, that shows by a monitor or a missing answer. ``timeout``
        (seconds) bounds the time to connect, and to wait for room in the queue to a peer that reads slowly. With
        ``priority``, to an alias made for it, the message goes before ordinary ones.
        """
        if priority:
            interruptible(_abi.send_waiting, self._handle, to, message, timeout, True)
        elif _abi.send_now(self._handle, to, message) is NOTHING:
            interruptible(_abi.send_waiting, self._handle, to, message, timeout)

    async def send_async(self, to: Target, message: Term, timeout: Optional[float] = None) -> None:
        """`send` for asyncio: an unconnected or slow peer does not stop the event loop."""
        if _abi.send_now(self._handle, to, message) is NOTHING:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, _abi.send_waiting, self._handle, to, message, timeout)

    # ----------------------------------------------------------------------------------------------- receiving

    def receive(self, timeout: Optional[float] = None, reference: Optional[Reference] = None) -> Term:
        """The next message. Waits ``timeout`` seconds (0: not at all, None: without limit), then raises `Timeout`.

        With ``reference``, the next one that answers it: a reply tagged with it, the DOWN of a monitor, the reply to a
        spawn request, or what was sent to that alias. Others stay where they are.

        A call of an exported function arrives as a `Request`.
        """
        term = _abi.take(self._handle, reference, False)
        return self._wait(timeout, reference, False) if term is NOTHING else term

    def receive_message(self, timeout: Optional[float] = None, reference: Optional[Reference] = None) -> Message:
        """`receive`, with what is known about the message besides its term."""
        found = _abi.take(self._handle, reference, True)
        kind, term, sender = self._wait(timeout, reference, True) if found is NOTHING else found
        return Message(KINDS[kind], term, sender)

    def _wait(self, timeout: Optional[float], reference: Optional[Reference], detail: bool) -> Any:
        if timeout is not None and timeout <= 0:
            raise Timeout("timeout: no message waits")
        deadline = None if timeout is None else time.monotonic() + timeout
        left_ms = math.inf if timeout is None else timeout * 1000
        handle, poll = self._handle, None
        # Signals are served on the main thread; others wait inside the library alone, where it is cheaper.
        signals = threading.current_thread() is threading.main_thread()
        _abi.wait(handle, reference, math.ceil(min(EAGER_MS if signals else UNDISTURBED_MS, left_ms)))
        while True:
            result = _abi.take(handle, reference, detail)
            if result is not NOTHING:
                return result
            if deadline is not None:
                left_ms = (deadline - time.monotonic()) * 1000
                if left_ms <= 0:
                    raise Timeout("timeout: no message arrived in time")
            if reference is not None or not signals:
                # The descriptor tells of any message, so a wait for one that answers goes on inside, in slices.
                _abi.wait(handle, reference, math.ceil(min(SELECTIVE_MS if signals else UNDISTURBED_MS, left_ms)))
                continue
            if poll is None:
                poll = select.poll()
                poll.register(self.fileno(), select.POLLIN)
            poll.poll(None if timeout is None else left_ms + 1)

    def __iter__(self) -> Iterator[Term]:
        """Receives until it is closed."""
        while True:
            try:
                yield self.receive()
            except ClosedError:
                return

    def fileno(self) -> int:
        """A descriptor that is readable while messages wait, and once it is closed. Poll it; do not read or close it.

        It lives as long as this object, so that whoever polls it hears of the end.
        """
        if self._fd < 0:
            # Two threads may come here at once: then there are two, and both are closed in the end.
            fd = os.dup(_abi.mailbox_fd(self._handle))
            weakref.finalize(self, os.close, fd).atexit = False
            self._fd = fd
        return self._fd

    # -------------------------------------------------------------------------------------------------- asyncio

    async def receive_async(self, timeout: Optional[float] = None, reference: Optional[Reference] = None) -> Term:
        """`receive` for asyncio. Cancelling loses no message."""
        term = _abi.take(self._handle, reference, False)
        if term is not NOTHING:
            return term
        if reference is not None:
            return await self._answer(timeout, reference)
        return await self._next(timeout)

    async def _next(self, timeout: Optional[float]) -> Term:
        """Waits for the descriptor, in the loop that runs now."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        readers = readers_of(loop)
        while True:
            left = None if deadline is None else deadline - loop.time()
            if left is not None and left <= 0:
                raise Timeout("timeout: no message arrived in time")
            await readers.wait(self, left)
            term = _abi.take(self._handle, None, False)
            if term is not NOTHING:
                return term

    async def _answer(self, timeout: Optional[float], reference: Reference) -> Term:
        """Waits for one answer in a thread: the descriptor would also tell of messages that are none."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        while True:
            left_ms = float(SELECTIVE_MS) if deadline is None else (deadline - loop.time()) * 1000
            if left_ms <= 0:
                raise Timeout("timeout: no message arrived in time")
            wait_ms = max(1, int(min(SELECTIVE_MS, left_ms)))
            await loop.run_in_executor(None, _abi.wait, self._handle, reference, wait_ms)
            term = _abi.take(self._handle, reference, False)
            if term is not NOTHING:
                return term

    async def __aiter__(self) -> AsyncIterator[Term]:
        while True:
            try:
                message = await self.receive_async()
            except ClosedError:
                return
            yield message

    # ------------------------------------------------------------------------------------------ other processes

    def link(self, pid: Pid, priority: bool = False) -> None:
        """Links the two: when one ends, the other gets an exit signal. A dead or unknown pid answers with one.

        With ``priority``, a trapped exit goes before ordinary messages, as with ``link(Pid, [priority])`` of OTP 28.
        """
        _abi.link(self._handle, pid, priority)

    def unlink(self, pid: Pid) -> None:
        """Takes a link back."""
        _abi.unlink(self._handle, pid)

    def trap_exit(self, on: bool = True) -> None:
        """Whether exit signals arrive as messages ``(EXIT, pid, reason)`` instead of ending the mailbox."""
        _abi.mailbox_set_trap_exit(self._handle, on)

    def monitor(self, target: Target, alias: Optional[str] = None, priority: bool = False) -> Reference:
        """Watches a process: when it ends, ``(DOWN, reference, process, target, reason)`` arrives, exactly once.

        With ``alias``, the reference also is an address that others can send to: until it is taken back ("explicit"),
        as long as the monitor lasts ("demonitor"), or for one message too, which ends both ("reply_demonitor").
        With ``priority``, the message goes before ordinary ones, as with ``monitor(process, Pid, [priority])`` of OTP 28.
        """
        return _abi.monitor(self._handle, target, alias, priority)

    def demonitor(self, reference: Reference, flush: bool = True) -> None:
        """Ends a monitor. With ``flush``, a DOWN of it that has arrived is removed."""
        _abi.demonitor(self._handle, reference, flush)

    def exit(self, to: Union[Pid, Reference], reason: Term = NORMAL) -> None:
        """Sends an exit signal, as ``exit(Pid, Reason)``; to an alias with priority, as ``exit(Alias, Reason, [priority])``."""
        _abi.send_exit(self._handle, to, _abi.encode(reason))

    def alias(self, priority: bool = False) -> Reference:
        """A reference that others can send to, until `unalias`.

        With ``priority``, what is sent to it with priority (here or by OTP 28 and later) goes before ordinary messages.
        """
        return _abi.alias(self._handle, priority)

    def unalias(self, reference: Reference) -> None:
        """Takes an alias back; what is sent to it from then on is dropped."""
        _abi.unalias(self._handle, reference)

    def monitor_nodes(self, on: bool = True, visible_only: bool = False, info: bool = False) -> None:
        """Whether ``(nodeup, Node, Info)`` and ``(nodedown, Node, Info)`` arrive (without Info unless ``info``)."""
        _abi.mailbox_monitor_nodes(self._handle, on, visible_only, info)

    def monitor_node(self, node: Union[Atom, str], on: bool = True) -> None:
        """``(nodedown, Node)`` arrives once when the connection to the node ends; at once if there is none."""
        _abi.mailbox_monitor_node(self._handle, str(node), on)

    def spawn(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        *,
        link: bool = False,
        monitor: bool = False,
        priority: bool = False,
        timeout: Optional[float] = None,
    ) -> Tuple[Pid, Reference]:
        """Starts ``module:function(*args)`` on a node and waits for its pid. The reference is that of the monitor.

        With ``priority``, what tells of its end goes before ordinary messages, as with ``{monitor, [priority]}`` of OTP 28.
        """
        names = str(node), str(module), str(function)
        flags = _spawn_flags(link, monitor, priority)
        return interruptible(_abi.spawn, self._handle, *names, _abi.encode(list(args)), flags, timeout)

    def spawn_request(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        *,
        link: bool = False,
        monitor: bool = False,
        priority: bool = False,
        options: Sequence[Term] = (),
    ) -> Reference:
        """`spawn` without waiting: ``(spawn_reply, reference, ok, pid)`` or ``(..., error, reason)`` arrives.

        ``options`` are further ones of ``erlang:spawn_request/5``, such as ``(Atom("priority"), Atom("high"))`` or
        ``(Atom("monitor"), [(Atom("alias"), Atom("reply_demonitor"))])``, which makes the reference an alias.
        """
        names = str(node), str(module), str(function)
        if options:
            details = [Atom("priority")] if priority else []
            words = [(Atom(word), details) for word, on in (("link", link), ("monitor", monitor)) if on]
            return _abi.spawn_request_opt(
                self._handle, *names, _abi.encode(list(args)), _abi.encode([*words, *options])
            )
        flags = _spawn_flags(link, monitor, priority)
        return _abi.spawn_request(self._handle, *names, _abi.encode(list(args)), flags)

    def put_chars(self, leader: Target, text: str, timeout: Optional[float] = None) -> None:
        """Prints text on a group leader, as ``io:put_chars/2``: a pid, or a name such as ``("user", "a@host")``."""
        interruptible(_abi.put_chars, self._handle, leader, text, timeout)

    def set_group_leader(self, pid: Pid, leader: Pid) -> None:
        """Makes ``leader`` the group leader of a process anywhere, as ``group_leader(Leader, Pid)``."""
        _abi.set_group_leader(self._handle, pid, leader)

    @property
    def group_leader(self) -> Optional[Pid]:
        """Where the output of processes that it spawns belongs."""
        return _abi.mailbox_group_leader(self._handle)

    @group_leader.setter
    def group_leader(self, leader: Pid) -> None:
        _abi.mailbox_set_group_leader(self._handle, leader)

    def call(self, server: Target, request: Term, timeout: Optional[float] = 5.0) -> Term:
        """``GenServer.call``: asks a server and waits for its reply."""
        return _calls.call(self, server, request, timeout)

    def cast(self, server: Target, request: Term) -> None:
        """``GenServer.cast``: tells a server something."""
        self.send(server, (_calls.GEN_CAST, request))

    def rpc(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> Term:
        """``:erpc.call``: runs ``module:function(*args)`` on a node and waits for its result."""
        return _calls.rpc(self, str(node), module, function, args, timeout)

    def send_request(self, server: Target, request: Term, timeout: Optional[float] = None) -> Pending:
        """``:gen_server.send_request``: asks a server, and does not wait for its reply: see `Pending`."""
        return _multi.send_request(self, server, request, timeout)

    def rpc_request(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
    ) -> Pending:
        """``:erpc.send_request``: has a function run on a node, and does not wait for its result: see `Pending`."""
        return _multi.rpc_request(self, str(node), module, function, args)

    def multicall(
        self,
        nodes: Sequence[Union[Atom, str]],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> List[Union[Term, Error]]:
        """``:erpc.multicall``: runs ``module:function(*args)`` on many nodes at the same time.

        Each answer is what `rpc` would return, or the exception that it would raise, in the order of ``nodes``. All have
        ``timeout`` seconds together.
        """
        return _multi.multicall(self, [str(node) for node in nodes], module, function, args, timeout)

    def multi_call(
        self,
        nodes: Sequence[Union[Atom, str]],
        name: Union[Atom, str],
        request: Term,
        timeout: Optional[float] = None,
    ) -> List[Union[Term, Error]]:
        """``GenServer.multi_call``: asks the servers called ``name`` on many nodes at the same time.

        Each answer is what `call` would return, or the exception that it would raise, in the order of ``nodes``. All have
        ``timeout`` seconds together.
        """
        return _multi.multi_call(self, [str(node) for node in nodes], name, request, timeout)

    def export(self, module: Union[Atom, str], function: Union[Atom, str], arity: Optional[int] = None) -> None:
        """Lets peers run ``module:function/arity`` (any arity if None): their calls arrive here as `Request`.

        Elixir modules are written in full: "Elixir.Kate".
        """
        _abi.export(self._handle, str(module), str(function), arity)

    # -------------------------------------------------------------------------------------------------- closing

    def close(self, reason: Term = NORMAL) -> None:
        """Ends the process: links and monitors hear of it with ``reason``, and whoever waits gets `ClosedError`."""
        if self._closer.detach() is not None:
            _abi.mailbox_close(self._handle, None if reason is NORMAL else _abi.encode(reason))

    def __enter__(self) -> "Mailbox":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    async def __aenter__(self) -> "Mailbox":
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self.close()


def _spawn_flags(link: bool, monitor: bool, priority: bool) -> int:
    chosen = (_abi.SPAWN_LINK, link), (_abi.SPAWN_MONITOR, monitor), (_abi.SPAWN_PRIORITY, priority)
    return sum(flag for flag, on in chosen if on)


def _discard(handle: Any, name: str, process: int) -> None:
    """Closes a mailbox that the program has lost."""
    if process != os.getpid():
        return  # a copy that a fork made; the parent still has its own
    if name:
        warnings.warn(f"mailbox {name} was not closed", ResourceWarning, stacklevel=2)
    try:
        _abi.mailbox_close(handle)
    except Error:
        pass  # its node is gone
