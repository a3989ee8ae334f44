"""Nodes and their options."""

from __future__ import annotations

from ctypes import byref, c_bool, c_size_t, c_uint16, c_uint32, c_void_p
from typing import Any, List, Optional

from .._errors import ArgumentError, ClosedError, NoProcessError
from .._terms import Pid, Reference
from .library import c_optional, check, choice, failure, lib, milliseconds, names_of, value_of
from .structs import CName, CPid, CReference, NodeId, c_text

NODE_FILTERS = {"visible": 0, "hidden": 1, "connected": 2, "known": 3}  # erln_node_filter
NAMES = {None: 0, "guess": 0, "short": 1, "long": 2}  # erln_names
OVERLAP = {"leave": 0, "report": 1, "allow": 2}  # erln_overlap
AUTO_CONNECT = {"always": 0, "once": 1, "never": 2}  # erln_auto_connect


def configure(config: c_void_p, options: Any) -> None:
    """Sets the options of a node that were given; see `Node` for what they mean."""

    def give(name: str, *values: Any) -> None:
        check(getattr(lib, f"erln_config_set_{name}")(config, *values))

    for name in ("cookie", "cookie_file", "listen_address"):
        if options.get(name) is not None:
            give(name, c_text(options[name]))
    for name in ("visible", "connect_all", "listen", "ipv6", "atom_cache"):
        if options.get(name) is not None:
            give(name, bool(options[name]))
    for name in ("known_port", "busy_limit", "shared_rate", "max_message", "mailbox_bytes", "atom_limit"):
        if options.get(name) is not None:
            give(name, int(options[name]))
    for name in ("ticktime", "setup_time"):
        if options.get(name) is not None:
            give(name, milliseconds(options[name]))
    if options.get("busy_wait") is not None:
        give("busy_wait", int(options["busy_wait"] * 1_000_000))
    if options.get("names") is not None:
        give("names", choice(NAMES, options["names"], "names"))
    if options.get("port") is not None:
        give("port", *options["port"])
    if options.get("allow") is not None:
        give("allow", c_text(" ".join(options["allow"])))
    give("overlap", choice(OVERLAP, options["overlap"], "overlap"))
    give("auto_connect", choice(AUTO_CONNECT, options["auto_connect"], "auto_connect"))
    address, port, embedded = options["epmd"]
    if address is not None or port is not None or not embedded:
        give("epmd", c_optional(address), port or 0, embedded)
    if options.get("tls") is not None:
        options["tls"].give(give)


def node_start(name: Optional[str], **options: Any) -> int:
    config = c_void_p(lib.erln_config_new(c_optional(name)))
    if not config:
        raise failure(ArgumentError.status)
    try:
        configure(config, options)
        node = NodeId()
        check(lib.erln_node_start(config, byref(node)))
        return int(node.id)
    finally:
        lib.erln_config_free(config)


def node_stop(node: int) -> None:
    status = lib.erln_node_stop(node)
    if status != ClosedError.status:
        check(status)


def node_name(node: int) -> str:
    name = CName()
    check(lib.erln_node_name(node, byref(name)))
    return str(name.text.decode())


def node_is_alive(node: int) -> bool:
    return bool(value_of(lib.erln_node_is_alive, node, c_bool))


def node_creation(node: int) -> int:
    return int(value_of(lib.erln_node_creation, node, c_uint32))


def node_port(node: int) -> Optional[int]:
    return value_of(lib.erln_node_port, node, c_uint16) or None


def node_serves_epmd(node: int) -> bool:
    return bool(value_of(lib.erln_node_serves_epmd, node, c_bool))


def node_connect(node: int, peer: str, timeout: Optional[float]) -> None:
    check(lib.erln_node_connect(node, c_text(peer), milliseconds(timeout)))


def node_disconnect(node: int, peer: str) -> bool:
    was_connected = peer in node_list(node, "connected")
    check(lib.erln_node_disconnect(node, c_text(peer)))
    return was_connected


def node_keep_connected(node: int, peer: str) -> None:
    check(lib.erln_node_keep_connected(node, c_text(peer)))


def node_reload_tls(node: int) -> None:
    check(lib.erln_node_reload_tls(node))


def node_allow(node: int, peer: str) -> None:
    check(lib.erln_node_allow(node, c_text(peer)))


def node_set_ticktime(node: int, ticktime: float, transition: float) -> None:
    check(lib.erln_node_set_ticktime(node, milliseconds(ticktime), milliseconds(transition)))


def node_ticktime(node: int) -> float:
    return int(value_of(lib.erln_node_ticktime, node, c_uint32)) / 1000


def node_process_count(node: int) -> int:
    return int(value_of(lib.erln_node_process_count, node, c_size_t))


def node_ping(node: int, peer: str, timeout: Optional[float]) -> bool:
    pong = c_bool()
    check(lib.erln_node_ping(node, c_text(peer), milliseconds(timeout), byref(pong)))
    return pong.value


def node_list(node: int, which: str) -> List[str]:
    names = c_void_p()
    check(lib.erln_node_list(node, choice(NODE_FILTERS, which, "which"), byref(names)))
    return names_of(names)


def node_registered(node: int) -> List[str]:
    names = c_void_p()
    check(lib.erln_node_registered(node, byref(names)))
    return names_of(names)


def node_whereis(node: int, name: str) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_node_whereis(node, c_text(name), byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def node_set_cookie(node: int, peer: Optional[str], cookie: str) -> None:
    check(lib.erln_node_set_cookie(node, c_optional(peer), c_text(cookie)))


def node_make_ref(node: int) -> Reference:
    reference = CReference()
    check(lib.erln_node_make_ref(node, byref(reference)))
    return reference.reference()
