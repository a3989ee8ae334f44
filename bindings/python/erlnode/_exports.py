"""Functions that peers may run: `Node.export`, and how their results and exceptions get back.

Nothing else can be run by a peer. Plain functions run on worker threads, ``async def`` functions on an event loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import functools
import inspect
import threading
import traceback
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from ._errors import ClosedError, EncodeError, ErlangError, Error
from ._request import Request
from ._terms import Atom, Term
from ._workers import Workers

if TYPE_CHECKING:
    from ._mailbox import Mailbox

Function = Callable[..., Any]

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
    """The exported functions of a node and what runs them."""

    def __init__(self, open_mailbox: Callable[[], "Mailbox"], workers: int) -> None:
        self._open = open_mailbox
        self._lock = threading.Lock()
        self._box: Optional["Mailbox"] = None
        self._functions: Dict[Tuple[str, str], Function] = {}
        self._loops: Dict[Function, asyncio.AbstractEventLoop] = {}
        self._running: Set["concurrent.futures.Future[None]"] = set()
        self._own_loop: Optional[asyncio.AbstractEventLoop] = None
        self.workers = Workers(workers, "erlnode-worker")

    def add(self, module: str, name: str, function: Function, arity: Optional[int] = None) -> None:
        """Lets peers run ``module:name``."""
        with self._lock:
            if self._box is None:
                self._box = self._open()
                threading.Thread(target=self._serve, args=(self._box,), name="erlnode-exports", daemon=True).start()
            for count in arities(function) if arity is None else (arity,):
                self._box.export(module, name, count)
            self._functions[module, name] = function
            if inspect.iscoroutinefunction(function):
                self._loops[function] = self._loop()

    def find(self, module: str, name: str) -> Optional[Function]:
        """The function exported under this name."""
        return self._functions.get((module, name))

    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop that runs now, else one of our own."""
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            if self._own_loop is None:
                self._own_loop = asyncio.new_event_loop()
                threading.Thread(target=self._own_loop.run_forever, name="erlnode-asyncio", daemon=True).start()
            return self._own_loop

    def _serve(self, box: "Mailbox") -> None:
        """Hands requests out until the node stops."""
        for request in box:
            if isinstance(request, Request):
                request._box = box
                self._start(request)

    def _start(self, request: Request) -> None:
        function = self.find(request.module.name, request.function.name)
        if function is None:
            _answer(request, request.fail, Atom("undef"))
        elif function in self._loops:
            future = asyncio.run_coroutine_threadsafe(_run_async(function, request), self._loops[function])
            # A loop keeps no task alive that waits for something nobody else holds.
            self._running.add(future)
            future.add_done_callback(self._running.discard)
        else:
            self.workers.run(functools.partial(_run, function, request))


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
        _answer(request, request.reply, result)
    finally:
        _current.reset(token)


async def _run_async(function: Function, request: Request) -> None:
    """Runs a coroutine function on this loop and answers."""
    _current.set(request)
    try:
        result = await function(*request.args)
    except BaseException as error:
        _fail(request, error)
    else:
        _answer(request, request.reply, result)


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
