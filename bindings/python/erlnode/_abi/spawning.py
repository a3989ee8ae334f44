"""Spawning and exporting, and the calls that come of it."""

from __future__ import annotations

from ctypes import byref, c_uint32, c_void_p
from typing import Any, Optional, Tuple

from .._terms import Atom, Pid, Reference
from .library import check, lib, milliseconds
from .structs import CBytes, CPid, CReference, c_text

CLASSES = {"error": 0, "exit": 1, "throw": 2}  # erln_class
SPAWN_LINK, SPAWN_MONITOR, SPAWN_PRIORITY = 1, 2, 4


def export(mailbox: int, module: str, function: str, arity: Optional[int]) -> None:
    check(lib.erln_export(mailbox, c_text(module), c_text(function), -1 if arity is None else arity))


def task_supervise(mailbox: int, max_children: int, max_restarts: int, max_seconds: int) -> None:
    check(lib.erln_task_supervise(mailbox, max_children, max_restarts, max_seconds))


def unexport(node: int, module: str, function: str, arity: Optional[int]) -> None:
    check(lib.erln_unexport(node, c_text(module), c_text(function), -1 if arity is None else arity))


def spawn(
    mailbox: int, peer: str, module: str, function: str, args: bytes, flags: int, timeout: Optional[float]
) -> Tuple[Pid, Reference]:
    pid, reference = CPid(), CReference()
    names = c_text(peer), c_text(module), c_text(function)
    check(lib.erln_spawn(mailbox, *names, args, len(args), flags, milliseconds(timeout), byref(pid), byref(reference)))
    return pid.pid(), reference.reference()


def spawn_request(mailbox: int, peer: str, module: str, function: str, args: bytes, flags: int) -> Reference:
    out = CReference()
    names = c_text(peer), c_text(module), c_text(function)
    check(lib.erln_spawn_request(mailbox, *names, args, len(args), flags, byref(out)))
    return out.reference()


def spawn_request_opt(
    mailbox: int, peer: str, module: str, function: str, args: bytes, options: bytes
) -> Reference:
    out = CReference()
    names = c_text(peer), c_text(module), c_text(function)
    check(lib.erln_spawn_request_opt(mailbox, *names, args, len(args), options, len(options), byref(out)))
    return out.reference()


def request_of(message: int) -> Tuple[int, Atom, Atom, Pid]:
    """The request in a message, which is freed: its handle, what it asks for, and who asks."""
    request = c_void_p()
    try:
        check(lib.erln_msg_request(message, byref(request)))
    finally:
        lib.erln_msg_free(message)
    module, function, arity = CBytes(), CBytes(), c_uint32()
    check(lib.erln_request_function(request, byref(module), byref(function), byref(arity)))
    names = Atom(module.bytes().decode()), Atom(function.bytes().decode())
    return request.value or 0, *names, _pid_of(lib.erln_request_caller, request.value or 0)


def _pid_of(call: Any, request: int) -> Pid:
    pid = CPid()
    check(call(request, byref(pid)))
    return pid.pid()


def request_pid(request: int) -> Pid:
    return _pid_of(lib.erln_request_pid, request)


def request_leader(request: int) -> Pid:
    return _pid_of(lib.erln_request_leader, request)


def request_arguments(request: int) -> bytes:
    """The encoded list."""
    args = CBytes()
    check(lib.erln_request_args(request, byref(args)))
    return args.bytes()


def request_reply_bytes(request: int, result: bytes) -> None:
    check(lib.erln_request_reply(request, result, len(result)))


def request_fail(request: int, kind: int, reason: bytes) -> None:
    check(lib.erln_request_fail(request, kind, reason, len(reason)))


def request_has_caller(request: int) -> bool:
    return bool(lib.erln_request_is_wanted(request))


#: Frees a request by its handle; the function itself, since it is called until the interpreter has ended.
request_free = lib.erln_request_free
