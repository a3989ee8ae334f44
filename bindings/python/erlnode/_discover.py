"""Discovery: finding nodes, and keeping those connected that were found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from . import _abi
from ._errors import ArgumentError

if TYPE_CHECKING:
    from ._mailbox import Mailbox
    from ._node import Node


class Discovery:
    """Ways to find nodes, each of which goes on until `stop` or the end of the node. Made by ``Node.discover``.

        node.discover.epmd("worker1", "worker2")
        node.discover.gossip(secret="known to all", announce=True)

    Few nodes are called at a time, and those that do not answer ever less often. One that is not found any more is not
    called again; its connection stays.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node

    def nodes(self, *names: str) -> None:
        """Nodes that are known beforehand."""
        _abi.discover("nodes", self._node._handle, ",".join(names))

    def epmd(self, *hosts: str) -> None:
        """All nodes registered at the epmds of these hosts, written as in the names of their nodes. Asked every 10 s."""
        _abi.discover("epmd", self._node._handle, ",".join(hosts))

    def dns(self, basename: str, query: str) -> None:
        """A node ``basename@ADDRESS`` for each address that the DNS name has (A and AAAA). Asked every 5 s."""
        _abi.discover("dns", self._node._handle, basename, query)

    def srv(self, basename: str, query: str, *, server: Optional[str] = None) -> None:
        """A node ``basename@TARGET`` for each target of the SRV records of a whole DNS name, asked every 5 s from
        ``server``, "10.0.0.2:53", or those of /etc/resolv.conf."""
        _abi.discover_srv(self._node._handle, basename, query, server)

    def gossip(
        self,
        group: Optional[str] = None,
        *,
        interface: Optional[str] = None,
        secret: Optional[str] = None,
        announce: bool = False,
    ) -> None:
        """Nodes that send heartbeats by UDP, as ``Cluster.Strategy.Gossip`` of libcluster.

        ``group`` is a multicast group or broadcast address and a port, libcluster's "233.252.1.32:45892" unless given;
        ``interface`` the local address whose network it uses. With ``announce`` this node sends heartbeats too.
        """
        _abi.discover_gossip(self._node._handle, group, interface, secret, announce)

    def file(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """The names in a file, one per line, ``#`` beginning a comment; looked at every second."""
        _abi.discover("file", self._node._handle, os.fspath(path))

    def names(self) -> List[str]:
        """All nodes that are found now, connected or not."""
        return _abi.discover_names(self._node._handle)

    def watch(self, box: "Mailbox") -> None:
        """From now on ``(discovered, Node)`` and ``(undiscovered, Node)`` arrive in ``box``, for what was started so far."""
        _abi.discover_watch(box._handle)

    def stop(self) -> None:
        """Ends all of it. Connections stay."""
        _abi.discover_stop(self._node._handle)


def options_of_environment() -> Dict[str, Any]:
    """What ``Node.from_env`` takes from the environment."""

    def get(*names: str) -> Optional[str]:
        return next((os.environ[name] for name in names if os.environ.get(name)), None)

    options = {
        "name": get("ERLNODE_NAME", "RELEASE_NODE"),
        "cookie": get("ERLNODE_COOKIE", "RELEASE_COOKIE"),
        "cookie_file": get("ERLNODE_COOKIE_FILE"),
    }
    port, visible = get("ERLNODE_PORT"), get("ERLNODE_VISIBLE")
    if port is not None:
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ArgumentError(f'ERLNODE_PORT is "{port}": it must be a port from 1 to 65535')
        options["port"] = int(port)  # type: ignore[assignment]
    if visible not in (None, "true", "1", "false", "0"):
        raise ArgumentError(f'ERLNODE_VISIBLE is "{visible}": it must be true or false')
    return {**options, "visible": visible in ("true", "1")}
