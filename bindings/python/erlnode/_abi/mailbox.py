"""Mailboxes, and what binds them to other processes: links, monitors, exits, aliases, group leaders."""

from __future__ import annotations

from ctypes import byref, c_int32, c_size_t, c_uint64, c_void_p
from typing import Any, Optional, Tuple, Union

from .._errors import ClosedError, NoProcessError, Timeout
from .._terms import Pid, Reference
from .library import c_optional, check, choice, lib, milliseconds, value_of
from .structs import CBytes, CPid, CReference, CTo, MailboxId, c_text

OVERFLOW = {"wait": 0, "drop": 1, "kill": 2}  # erln_overflow
ALIAS_MODES = {None: 0, "none": 0, "explicit": 1, "demonitor": 2, "reply_demonitor": 3}  # erln_alias_mode


def mailbox_open(
    node: int,
    name: Optional[str],
    trap_exit: bool = False,
    max_messages: int = 0,
    max_bytes: int = 0,
    overflow: str = "wait",
) -> int:
    options = c_void_p(lib.erln_mailbox_options_new())
    try:
        check(lib.erln_mailbox_options_set_trap_exit(options, trap_exit))
        overflow_number = choice(OVERFLOW, overflow, "overflow")
        check(lib.erln_mailbox_options_set_limit(options, max_messages, max_bytes, overflow_number))
        mailbox = MailboxId()
        check(lib.erln_mailbox_open(node, c_optional(name), options, byref(mailbox)))
        return int(mailbox.id)
    finally:
        lib.erln_mailbox_options_free(options)


def mailbox_close(mailbox: int, reason: Optional[bytes] = None) -> None:
    """Ends a mailbox with an encoded reason, or normally; one that has ended stays as it is."""
    if reason is None:
        status = lib.erln_mailbox_close(mailbox)
    else:
        status = lib.erln_mailbox_exit(mailbox, reason, len(reason))
    if status != ClosedError.status:
        check(status)


def mailbox_pid(mailbox: int) -> Pid:
    pid = CPid()
    check(lib.erln_mailbox_pid(mailbox, byref(pid)))
    return pid.pid()


def mailbox_fd(mailbox: int) -> int:
    return int(value_of(lib.erln_mailbox_fd, mailbox, c_int32))


def mailbox_register(mailbox: int, name: str) -> None:
    check(lib.erln_mailbox_register(mailbox, c_text(name)))


def mailbox_unregister(mailbox: int) -> None:
    check(lib.erln_mailbox_unregister(mailbox))


def mailbox_set_trap_exit(mailbox: int, trap: bool) -> None:
    check(lib.erln_mailbox_set_trap_exit(mailbox, trap))


def mailbox_monitor_nodes(mailbox: int, on: bool, visible_only: bool, info: bool) -> None:
    check(
        lib.erln_mailbox_monitor_nodes(mailbox, visible_only, info)
        if on
        else lib.erln_mailbox_demonitor_nodes(mailbox)
    )


def mailbox_monitor_node(mailbox: int, peer: str, on: bool) -> None:
    call = lib.erln_mailbox_monitor_node if on else lib.erln_mailbox_demonitor_node
    check(call(mailbox, c_text(peer)))


def mailbox_exit_reason(mailbox: int) -> Optional[bytes]:
    """The encoded reason a mailbox ended with; None while it lives."""
    writer = c_void_p(lib.erln_writer_new())
    try:
        status = lib.erln_mailbox_exit_reason(mailbox, writer)
        if status == Timeout.status:
            return None
        check(status)
        reason = CBytes()
        check(lib.erln_writer_finish(writer, byref(reason)))
        return reason.bytes()
    finally:
        lib.erln_writer_free(writer)


def mailbox_load(mailbox: int) -> Tuple[int, int, int]:
    messages, size, dropped = c_size_t(), c_size_t(), c_uint64()
    check(lib.erln_mailbox_load(mailbox, byref(messages), byref(size), byref(dropped)))
    return messages.value, size.value, dropped.value


def monitor(mailbox: int, target: Any, alias: Optional[str], priority: bool = False) -> Reference:
    out = CReference()
    call = lib.erln_monitor_priority if priority else lib.erln_monitor
    check(call(mailbox, CTo.of(target), choice(ALIAS_MODES, alias, "alias"), byref(out)))
    return out.reference()


def demonitor(mailbox: int, reference: Reference, flush: bool) -> None:
    check(lib.erln_demonitor(mailbox, byref(CReference.of(reference)), flush))


def link(mailbox: int, pid: Pid, priority: bool = False) -> None:
    check((lib.erln_link_priority if priority else lib.erln_link)(mailbox, byref(CPid.of(pid))))


def unlink(mailbox: int, pid: Pid) -> None:
    check(lib.erln_unlink(mailbox, byref(CPid.of(pid))))


def send_exit(mailbox: int, to: Union[Pid, Reference], reason: bytes) -> None:
    if isinstance(to, Reference):
        check(lib.erln_exit_priority(mailbox, byref(CReference.of(to)), reason, len(reason)))
    else:
        check(lib.erln_exit(mailbox, byref(CPid.of(to)), reason, len(reason)))


def alias(mailbox: int, priority: bool) -> Reference:
    out = CReference()
    check((lib.erln_priority_alias if priority else lib.erln_alias)(mailbox, byref(out)))
    return out.reference()


def unalias(mailbox: int, reference: Reference) -> None:
    check(lib.erln_unalias(mailbox, byref(CReference.of(reference))))


def put_chars(mailbox: int, leader: Any, text: str, timeout: Optional[float]) -> None:
    check(lib.erln_put_chars(mailbox, CTo.of(leader), text.encode("utf-8"), milliseconds(timeout)))


def mailbox_group_leader(mailbox: int) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_mailbox_group_leader(mailbox, byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def set_group_leader(mailbox: int, pid: Pid, leader: Pid) -> None:
    check(lib.erln_set_group_leader(mailbox, byref(CPid.of(pid)), byref(CPid.of(leader))))


def mailbox_set_group_leader(mailbox: int, leader: Pid) -> None:
    check(lib.erln_mailbox_set_group_leader(mailbox, byref(CPid.of(leader))))
