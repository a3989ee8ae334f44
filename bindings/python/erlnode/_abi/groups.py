"""Process groups and PubSub."""

from __future__ import annotations

from ctypes import byref, c_bool, c_void_p
from typing import Any, Optional, Sequence, Tuple

from .._terms import Pid, Reference
from .library import c_optional, check, choice, lib, milliseconds, payload_of
from .structs import CPid, CReference, c_text

AUDIENCES = {"all": 0, "others": 1, "local": 2}  # erln_audience


def pids_of(pids: Sequence[Pid]) -> Any:
    return (CPid * len(pids))(*map(CPid.of, pids))


def pg_start(node: int, scope: str) -> None:
    check(lib.erln_pg_start(node, c_text(scope)))


def pg_stop(node: int, scope: str) -> None:
    check(lib.erln_pg_stop(node, c_text(scope)))


def pg_join(node: int, scope: str, group: bytes, pids: Sequence[Pid]) -> None:
    check(lib.erln_pg_join_term(node, c_text(scope), group, len(group), pids_of(pids), len(pids)))


def pg_leave(node: int, scope: str, group: bytes, pids: Sequence[Pid]) -> bool:
    left = c_bool()
    check(lib.erln_pg_leave_term(node, c_text(scope), group, len(group), pids_of(pids), len(pids), byref(left)))
    return left.value


def pg_members(node: int, scope: str, group: bytes, local: bool) -> bytes:
    out = c_void_p()
    check(lib.erln_pg_members_term(node, c_text(scope), group, len(group), local, byref(out)))
    return payload_of(out)


def pg_groups(node: int, scope: str, local: bool) -> bytes:
    out = c_void_p()
    check(lib.erln_pg_groups(node, c_text(scope), local, byref(out)))
    return payload_of(out)


def pg_monitor(mailbox: int, scope: str, group: Optional[bytes]) -> Tuple[Reference, bytes]:
    reference, known = CReference(), c_void_p()
    size = 0 if group is None else len(group)
    check(lib.erln_pg_monitor_term(mailbox, c_text(scope), group, size, byref(reference), byref(known)))
    return reference.reference(), payload_of(known)


def pg_demonitor(mailbox: int, scope: str, reference: Reference) -> None:
    check(lib.erln_pg_demonitor(mailbox, c_text(scope), byref(CReference.of(reference))))


def pubsub_start(node: int, pubsub: str, pool_size: int) -> None:
    check(lib.erln_pubsub_start(node, c_text(pubsub), pool_size))


def pubsub_subscribe(mailbox: int, pubsub: str, topic: str, on: bool) -> None:
    call = lib.erln_pubsub_subscribe if on else lib.erln_pubsub_unsubscribe
    check(call(mailbox, c_text(pubsub), c_text(topic)))


def pubsub_broadcast(
    mailbox: int,
    pubsub: str,
    topic: str,
    audience: str,
    dispatcher: Optional[str],
    term: bytes,
    timeout: Optional[float],
) -> None:
    whom, module = choice(AUDIENCES, audience, "audience"), c_optional(dispatcher)
    names = c_text(pubsub), c_text(topic), whom, module
    check(lib.erln_pubsub_broadcast_term(mailbox, *names, term, len(term), milliseconds(timeout)))


def pubsub_direct_broadcast(
    mailbox: int, pubsub: str, peer: str, topic: str, dispatcher: Optional[str], term: bytes, timeout: Optional[float]
) -> None:
    names = c_text(pubsub), c_text(peer), c_text(topic), c_optional(dispatcher)
    check(lib.erln_pubsub_direct_broadcast_term(mailbox, *names, term, len(term), milliseconds(timeout)))
