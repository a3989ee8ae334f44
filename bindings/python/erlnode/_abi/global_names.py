"""Global names and locks."""

from __future__ import annotations

from ctypes import byref, c_bool, c_void_p
from typing import Any, Optional

from .._errors import NoProcessError
from .._terms import Pid
from .library import c_optional, check, choice, lib, milliseconds, payload_of
from .structs import CPid

RESOLVE = {"random_exit": 0, "random_notify": 1, "notify_all": 2, "function": 3}  # erln_resolve


def _global_register(call: Any, node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    function = resolve if ":" in resolve else None
    how = choice(RESOLVE, "function" if function else resolve, "resolve")
    text = c_optional(function)
    check(call(node, name, len(name), byref(CPid.of(pid)), how, text, milliseconds(timeout)))


def global_register(node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    _global_register(lib.erln_global_register_term, node, name, pid, resolve, timeout)


def global_reregister(node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    _global_register(lib.erln_global_reregister_term, node, name, pid, resolve, timeout)


def global_unregister(node: int, name: bytes, timeout: Optional[float]) -> None:
    check(lib.erln_global_unregister_term(node, name, len(name), milliseconds(timeout)))


def global_whereis(node: int, name: bytes, timeout: Optional[float]) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_global_whereis_term(node, name, len(name), milliseconds(timeout), byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def global_names(node: int, timeout: Optional[float]) -> bytes:
    out = c_void_p()
    check(lib.erln_global_names(node, milliseconds(timeout), byref(out)))
    return payload_of(out)


def global_sync(node: int, timeout: Optional[float]) -> None:
    check(lib.erln_global_sync(node, milliseconds(timeout)))


def global_set_lock(mailbox: int, resource: bytes, retries: int, timeout: Optional[float]) -> bool:
    locked = c_bool()
    call = lib.erln_global_set_lock_term
    check(call(mailbox, resource, len(resource), retries, milliseconds(timeout), byref(locked)))
    return locked.value


def global_del_lock(mailbox: int, resource: bytes, timeout: Optional[float]) -> None:
    check(lib.erln_global_del_lock_term(mailbox, resource, len(resource), milliseconds(timeout)))
