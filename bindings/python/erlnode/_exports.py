"""Functions that peers may run: `Node.export`, and how their results and exceptions get back.

Nothing else can be run by a peer. Plain functions run on threads (`_crew`), ``async def`` functions in an event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import sys
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Tuple

from . import _abi
from ._abi import NOTHING
from ._crew import Crew, Exported
from ._errors import ClosedError, EncodeError, ErlangError, Error
from ._request import Request
from ._terms import Atom, Term
from ._workers import Workers

if TYPE_CHECKING:
    from ._mailbox import Mailbox

Function = Callable[..., Any]

#: What a function returns when it answers later, with `Request.reply` or `Request.fail` of `current_request`.
NO_REPLY = object()

#: Calls that an event loop starts before it looks after others.
BATCH = 64

_current: "contextvars.ContextVar[Optional[Request]]" = contextvars.ContextVar("erlnode_request", default=None)


def current_request() -> Request:
    """The call that runs the present function: who asked, and `Request.print` to their terminal."""
    request = _current.get()
    if request is None:
        raise RuntimeError("no call of a peer is being served here")
    return request


def erlang_reason(error: BaseException) -> Tuple[Term, str]:
    """Reason and kind of the Erlang exception for a Python one.

    Other exceptions than `ErlangError` become ``{python, <<"ValueError">>, <<"text">>, [<<"traceback line">>, ...]}``.
    """
    if isinstance(error, ErlangError):
        return error.reason, error.kind
    lines = [line.rstrip("\n") for line in traceback.format_exception(type(error), error, error.__traceback__)]
    return (Atom("python"), type(error).__name__, str(error), lines), "error"


def arities(function: Function) -> Iterator[Optional[int]]:
    """The numbers of arguments a function takes; None for any."""
    low, high = 0, 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield None
            return
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            high += 1
            low += parameter.default is parameter.empty
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{function!r} has a required keyword argument; peers pass positional ones")
    yield from range(low, high + 1)


class Exports:
    """The exported functions of a node and what runs them.

    Plain functions share a mailbox, which a `Crew` of threads serves; every event loop has one of its own, so that no call
    goes from thread to thread.
    """

    def __init__(self, open_mailbox: Callable[[], "Mailbox"], workers: int) -> None:
        self._open = open_mailbox
        self._lock = threading.Lock()
        self._box: Optional["Mailbox"] = None
        self._functions: Dict[Tuple[Atom, Atom], Exported] = {}
        self._loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop]" = weakref.WeakKeyDictionary()
        self._own_loop: Optional[asyncio.AbstractEventLoop] = None
        self.workers = Workers(workers, "erlnode-worker")

    def add(self, module: str, name: str, function: Function, arity: Optional[int] = None) -> None:
        """Lets peers run ``module:name``."""
        with self._lock:
            loop = self._loop() if inspect.iscoroutinefunction(function) else None
            box = self._threads() if loop is None else loop.box
            counts = list(arities(function)) if arity is None else [arity]
            known = self._functions.get((Atom(module), Atom(name)))
            if known is not None and known.loop is not loop:
                # Another mailbox has the name: it serves plain functions, or another loop.
                for count in counts:
                    _abi.unexport(box.node._handle, module, name, count)
            self._functions[Atom(module), Atom(name)] = Exported(function, loop)
            for count in counts:
                box.export(module, name, count)

    def find(self, request: Request) -> Optional[Exported]:
        """The plain function that a request asks for. What it asks for else is dealt with."""
        exported = self._functions.get((request.module, request.function))
        if exported is None:
            _answer(request, request.fail, Atom("undef"))
        elif exported.loop is not None:
            # It came for a plain function of that name, which was replaced.
            exported.loop.start_soon(exported.function, request)
            return None
        return exported

    def _threads(self) -> "Mailbox":
        """The mailbox of plain functions."""
        if self._box is None:
            self._box = self._open()
            Crew(self._box, self.workers, self.find, _run)
        return self._box

    def _loop(self) -> "_Loop":
        """What serves the loop that runs now, else one of our own."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if self._own_loop is None:
                self._own_loop = asyncio.new_event_loop()
                threading.Thread(target=self._own_loop.run_forever, name="erlnode-asyncio", daemon=True).start()
            loop = self._own_loop
        served = self._loops.get(loop)
        if served is None:
            served = self._loops[loop] = _Loop(self, loop, self._open())
        return served


class _Loop:
    """An event loop that takes its calls out of a mailbox of its own. When the loop is gone, what it served is ``undef``."""

    def __init__(self, exports: Exports, loop: asyncio.AbstractEventLoop, box: "Mailbox") -> None:
        self.box = box
        self._exports = weakref.ref(exports)
        self._target = weakref.ref(loop)
        #: A loop keeps no task alive that waits for something nobody else holds.
        self._running: Dict["asyncio.Task[Any]", Request] = {}
        self._finished = self._finish
        #: Without it each task would get one of its own.
        self._context = contextvars.copy_context()
        weakref.finalize(loop, _close, box).atexit = False
        loop.call_soon_threadsafe(loop.add_reader, box.fileno(), self._ready)

    def start_soon(self, function: Function, request: Request) -> None:
        """Runs a coroutine function, from any thread."""
        loop = self._target()
        if loop is None or loop.is_closed():
            _answer(request, request.fail, Atom("undef"))
        else:
            loop.call_soon_threadsafe(self._start, function, request)

    def _ready(self) -> None:
        """Starts what has arrived; the descriptor stays readable while there is more."""
        exports, box = self._exports(), self.box
        try:
            for _ in range(BATCH):
                request = _abi.take(box._handle, None, False)
                if request is NOTHING:
                    return
                if exports is None or type(request) is not Request:
                    continue
                request._box = box
                exported = exports._functions.get((request.module, request.function))
                if exported is not None and exported.loop is self:
                    self._start(exported.function, request)
                    continue
                exported = exports.find(request)
                if exported is not None:
                    # It came for a coroutine function of that name, which was replaced.
                    exports.workers.run(functools.partial(_run, exported.function, request))
        except ClosedError:
            asyncio.get_running_loop().remove_reader(box.fileno())

    def _start(self, function: Function, request: Request) -> None:
        if not request.wanted:
            return
        token = _current.set(request)
        try:
            task = _task(function(*request.args))
        except BaseException as error:
            _fail(request, error)
            return
        finally:
            _current.reset(token)
        if task.done():
            _answer_task(request, task)
        else:
            self._running[task] = request
            task.add_done_callback(self._finished, context=self._context)

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        _answer_task(self._running.pop(task), task)


if sys.version_info >= (3, 12):

    def _task(coroutine: Any) -> "asyncio.Task[Any]":
        """A task that runs at once, as far as it gets without waiting."""
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)

else:

    def _task(coroutine: Any) -> "asyncio.Task[Any]":
        return asyncio.get_running_loop().create_task(coroutine)


def _close(box: "Mailbox") -> None:
    """Closes the mailbox of a loop that is gone."""
    try:
        box.close()
    except Error:
        pass  # the node went first


def _run(function: Function, request: Request) -> None:
    """Runs a function on this thread and answers."""
    if not request.wanted:
        return
    token = _current.set(request)
    try:
        result = function(*request.args)
    except BaseException as error:
        _fail(request, error)
    else:
        if result is not NO_REPLY:
            _answer(request, request.reply, result)
    finally:
        _current.reset(token)


def _answer_task(request: Request, task: "asyncio.Task[Any]") -> None:
    """Answers with what a task came to."""
    if task.cancelled():
        _fail(request, asyncio.CancelledError())
        return
    error = task.exception()
    if error is not None:
        _fail(request, error)
    elif task.result() is not NO_REPLY:
        _answer(request, request.reply, task.result())


def _fail(request: Request, error: BaseException) -> None:
    reason, kind = erlang_reason(error)
    _answer(request, request.fail, reason, kind)


def _answer(request: Request, answer: Callable[..., None], *values: Any) -> None:
    """Answers, whatever the answer is; the caller may be gone."""
    try:
        answer(*values)
    except ClosedError:
        pass
    except (TypeError, ValueError, EncodeError) as error:
        # The result is no term: that is what the caller hears.
        try:
            request.fail(erlang_reason(error)[0])
        except Error:
            pass
