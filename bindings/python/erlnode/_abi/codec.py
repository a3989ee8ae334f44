"""The codec and what is called for every message: functions of the library that know Python's objects.

Where the library cannot reach into the interpreter, the same in Python, with bytes that cross the border.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import os
import select
import sys
from ctypes import POINTER, byref, c_void_p, py_object
from typing import Any, Callable, Optional, Tuple

from .._errors import BY_STATUS, BusyError, EncodeError, Error, Timeout
from .._terms import Reference, Term
from .library import check, lib, locked, milliseconds
from .mailbox import mailbox_fd
from .spawning import request_arguments, request_has_caller, request_of, request_reply_bytes
from .structs import CBytes, CPid, CReference, CTo

MSG_REQUEST = 6  # ERLN_MSG_REQUEST

#: How often a mailbox is looked through for an answer where the library cannot do the waiting.
PAUSE_MS = 2


#: Functions of Python's stable ABI, in the order of `Functions` in src/ffi/python/api.rs.
_FUNCTIONS = (
    "Py_IncRef",
    "Py_DecRef",
    "PyList_New",
    "PyList_SetItem",
    "PyList_Append",
    "PyList_Size",
    "PyList_GetItem",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyTuple_Size",
    "PyTuple_GetItem",
    "PyDict_New",
    "PyDict_SetItem",
    "PyDict_Size",
    "PyDict_Next",
    "PyLong_FromLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyLong_AsLongLongAndOverflow",
    "PyFloat_FromDouble",
    "PyFloat_AsDouble",
    "PyBytes_FromStringAndSize",
    "PyBytes_AsStringAndSize",
    "PyUnicode_FromStringAndSize",
    "PyUnicode_AsUTF8AndSize",
    "PyObject_GetAttr",
    "PyObject_GenericSetAttr",
    "PyObject_CallObject",
    "PyErr_SetObject",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyCFunction_NewEx",
    "PyErr_Occurred",
    "PyErr_Fetch",
    "PyErr_Restore",
)


#: What the library answers when there is no message.
NOTHING = object()


def _failure(status: int, text: str) -> Error:
    """The exception for a status of the library; 0 stands for a term that cannot be encoded."""
    return (BY_STATUS.get(status, Error) if status else EncodeError)(text)


def _pause_collector() -> bool:
    """Stops the collector of garbage and tells whether it ran."""
    was_on = gc.isenabled()
    gc.disable()
    return was_on


def _objects() -> Tuple[Any, ...]:
    """Objects the codec knows, in the order of `Objects` in src/ffi/python/api.rs."""
    from functools import partial

    from .. import _etf, _terms as t
    from .._request import Request

    # From 3.12 on the collector only runs between instructions.
    collector = (None, None) if sys.version_info >= (3, 12) else (_pause_collector, gc.enable)
    return (
        None, True, False, int, float, str, bytes, list, tuple, dict,
        t.Atom, t.Pid, t.Port, t.Reference, t.Fun, t.Export, t.BitString, t.Record, t.Frozen, t.ImproperList, t.Float,
        *(partial(object.__new__, cls) for cls in (t.Pid, t.Port, t.Reference, t.Fun, t.Export, t.BitString, t.Record)),
        _etf.freeze, _etf.int_from_bytes, _etf.int_to_bytes, t.exact_key, t.exact_keys, _etf.replace,
        "_wire", "items", "tail",
        *collector,
        partial(object.__new__, Request), "_handle", "module", "function", "caller",
        NOTHING, _failure,
    )  # fmt: skip


def _reaches_in() -> bool:
    """Whether the library may make Python objects: it counts references and walks containers under the interpreter
    lock, as CPython with that lock allows."""
    if sys.implementation.name != "cpython" or os.environ.get("ERLNODE_CODEC") == "python":
        return False
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)()) and _in_main_interpreter()


def _in_main_interpreter() -> bool:
    """False in a sub-interpreter (mod_wsgi has some): the library knows the objects of one interpreter only."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = importlib.import_module(name)
            return bool(module.get_current() == module.get_main())
        except (ImportError, AttributeError):
            continue
    return True


def _introduce() -> Tuple[Callable[..., Any], ...]:
    """Tells the library where Python's functions and our objects are, and gets the functions of METHODS in
    src/ffi/python.rs."""
    functions = (c_void_p * len(_FUNCTIONS))(
        *(ctypes.cast(getattr(ctypes.pythonapi, name), c_void_p).value for name in _FUNCTIONS)
    )
    values = _objects()
    objects = (c_void_p * len(values))(*(id(value) for value in values))
    made = (py_object * 9)()
    out = ctypes.cast(made, POINTER(c_void_p))
    check(locked.erln_python_setup(functions, len(_FUNCTIONS), objects, len(values), out, len(made)))
    return tuple(made)


def _send_bytes(mailbox: int, to: Any, message: Term) -> Any:
    """`send_now` where terms cross the border as bytes."""
    data = encode(message)
    status = lib.erln_send_term(mailbox, CTo.of(to), data, len(data), 0)
    if status in (Timeout.status, BusyError.status):
        return NOTHING
    check(status)
    return None


def send_waiting(
    mailbox: int, to: Any, message: Term, timeout: Optional[float], priority: bool = False
) -> None:
    """Sends, and waits for a connection and for room, without the interpreter lock."""
    data = encode(message)
    check(lib.erln_send_term(mailbox, CTo.of(to, priority), data, len(data), milliseconds(timeout)))


def _take_bytes(mailbox: int, reference: Optional[Reference], detail: bool) -> Any:
    """`take` where terms cross the border as bytes."""
    message = c_void_p()
    if reference is None:
        status = lib.erln_mailbox_recv(mailbox, 0, byref(message))
    else:
        wanted = CReference.of(reference)
        status = lib.erln_mailbox_recv_ref(mailbox, byref(wanted), 0, byref(message))
    if status == Timeout.status:
        return NOTHING
    check(status)
    kind, sender, payload = lib.erln_msg_kind(message), CPid(), CBytes()
    known = lib.erln_msg_from(message, byref(sender))
    if kind == MSG_REQUEST:
        term = _request(message.value or 0)
    else:
        try:
            check(lib.erln_msg_payload(message, byref(payload)))
            term = decode(payload.bytes())
        finally:
            lib.erln_msg_free(message)
    return (kind, term, sender.pid() if known else None) if detail else term


def _wait_bytes(mailbox: int, reference: Optional[Reference], timeout_ms: int) -> bool:
    """`wait` where the library cannot reach into the interpreter."""
    fd = mailbox_fd(mailbox)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if reference is not None:
        # The descriptor also tells of messages that do not answer.
        timeout_ms = min(timeout_ms, PAUSE_MS)
        poll.unregister(fd)
    poll.poll(timeout_ms)
    return True


def _request(message: int) -> Any:
    """The `Request` that owns an erln_msg."""
    from .._request import Request

    request: Any = object.__new__(Request)
    request._handle, request.module, request.function, request.caller = request_of(message)
    return request


def _ask_bytes(mailbox: int, to: Any, request: Term) -> Any:
    """`ask` where the library cannot reach into the interpreter: by steps, in Python."""
    return NOTHING


def _request_args_bytes(request: Any) -> Any:
    return decode(request_arguments(request._open()))


def _request_is_wanted_bytes(request: Any) -> bool:
    return bool(request._handle) and request_has_caller(request._handle)


def _request_reply_bytes(request: Any, result: Term) -> None:
    data = encode(result)
    request._end(lambda handle: request_reply_bytes(handle, data))


#: Encodes and decodes without version byte; sends without waiting (`NOTHING` if that cannot be); takes a message
#: (`NOTHING` if there is none); waits, without the interpreter lock, until `take` would find something.
encode: Callable[[Term], bytes]
decode: Callable[[bytes], Term]
send_now: Callable[[int, Any, Term], Any]
take: Callable[[int, Optional[Reference], bool], Any]
wait: Callable[[int, Optional[Reference], int], bool]
#: Begins a gen_server call and gives its reference (`NOTHING` if it cannot be sent without waiting).
ask: Callable[[int, Any, Term], Any]
#: The arguments of a `Request`, whether somebody waits for its result, and the answer, which takes its handle.
request_args: Callable[[Any], Any]
request_is_wanted: Callable[[Any], bool]
request_reply: Callable[[Any, Term], None]

FAST = _reaches_in()
if FAST:
    decode, encode, send_now, take, wait, ask, request_args, request_is_wanted, request_reply = _introduce()
else:
    from .._etf import decode, encode

    send_now, take, wait, ask = _send_bytes, _take_bytes, _wait_bytes, _ask_bytes
    request_args, request_is_wanted = _request_args_bytes, _request_is_wanted_bytes
    request_reply = _request_reply_bytes
