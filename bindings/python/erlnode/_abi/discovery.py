"""Ways to find nodes."""

from __future__ import annotations

from ctypes import byref, c_void_p
from typing import List, Optional

from .library import c_optional, check, lib, names_of
from .structs import c_text


def discover(way: str, node: int, *texts: str) -> None:
    check(getattr(lib, f"erln_discover_{way}")(node, *map(c_text, texts)))


def discover_srv(node: int, basename: str, query: str, server: Optional[str]) -> None:
    check(lib.erln_discover_srv(node, c_text(basename), c_text(query), c_optional(server)))


def discover_gossip(
    node: int, group: Optional[str], interface: Optional[str], secret: Optional[str], announce: bool
) -> None:
    check(lib.erln_discover_gossip(node, c_optional(group), c_optional(interface), c_optional(secret), announce))


def discover_names(node: int) -> List[str]:
    names = c_void_p()
    check(lib.erln_discover_names(node, byref(names)))
    return names_of(names)


def discover_watch(mailbox: int) -> None:
    check(lib.erln_discover_watch(mailbox))


def discover_stop(node: int) -> None:
    check(lib.erln_discover_stop(node))
