"""Process groups (OTP's ``pg``) and Phoenix.PubSub: what many processes of many nodes share by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

from . import _abi
from ._codec import decode_bare, encode_bare
from ._mailbox import Mailbox
from ._terms import Atom, Pid, Reference, Term

if TYPE_CHECKING:
    from ._node import Node

#: Who joins: a mailbox or its pid, or several.
Members = Union[Mailbox, Pid, List[Union[Mailbox, Pid]]]


def _pids(members: Members) -> List[Pid]:
    several = members if isinstance(members, (list, tuple)) else [members]
    return [member.pid if isinstance(member, Mailbox) else member for member in several]


class Pg:
    """A scope of process groups: the same groups on every node that runs it. Made by ``Node.pg``.

        groups = node.pg()
        groups.join(Atom("workers"), box)
        for pid in groups.members(Atom("workers")):
            box.send(pid, Atom("hello"))

    The name of a group is any term. A process that joined twice is a member twice; one that ends has left.
    """

    def __init__(self, node: "Node", scope: str) -> None:
        _abi.pg_start(node._handle, scope)
        self._node = node
        #: The name of the scope; "pg" is OTP's own.
        self.scope = scope

    def __repr__(self) -> str:
        return f"<Pg {self.scope} of {self._node.name}>"

    def join(self, group: Term, members: Members) -> None:
        """Processes of this node join a group."""
        _abi.pg_join(self._node._handle, self.scope, encode_bare(group), _pids(members))

    def leave(self, group: Term, members: Members) -> bool:
        """Processes of this node leave a group, each once; False if none of them was in it."""
        return _abi.pg_leave(self._node._handle, self.scope, encode_bare(group), _pids(members))

    def members(self, group: Term) -> List[Pid]:
        """The members on all nodes, in no particular order."""
        return decode_bare(_abi.pg_members(self._node._handle, self.scope, encode_bare(group), False))

    def local_members(self, group: Term) -> List[Pid]:
        """The members that live on this node."""
        return decode_bare(_abi.pg_members(self._node._handle, self.scope, encode_bare(group), True))

    def groups(self) -> List[Term]:
        """All groups that have members."""
        return decode_bare(_abi.pg_groups(self._node._handle, self.scope, False))

    def local_groups(self) -> List[Term]:
        """The groups with members on this node."""
        return decode_bare(_abi.pg_groups(self._node._handle, self.scope, True))

    def monitor(self, box: Mailbox, group: Term) -> Tuple[Reference, List[Pid]]:
        """From now on ``(reference, join | leave, group, pids)`` arrives in ``box`` for each change of the group.

        Gives the reference and the members before the first change.
        """
        reference, known = _abi.pg_monitor(box._handle, self.scope, encode_bare(group))
        return reference, decode_bare(known)

    def monitor_scope(self, box: Mailbox) -> Tuple[Reference, Dict[Term, List[Pid]]]:
        """The same for all groups."""
        reference, known = _abi.pg_monitor(box._handle, self.scope, None)
        return reference, decode_bare(known)

    def demonitor(self, box: Mailbox, reference: Reference) -> None:
        """Ends a monitor. Events that wait in the mailbox stay there."""
        _abi.pg_demonitor(box._handle, self.scope, reference)

    def stop(self) -> None:
        """Ends the scope on this node: other nodes see its members leave."""
        _abi.pg_stop(self._node._handle, self.scope)


class PubSub:
    """Phoenix.PubSub 2.x under the name of the Elixir side. Made by ``Node.pubsub``.

        pubsub = node.pubsub("MyApp.PubSub")
        pubsub.subscribe(box, "room:1")
        pubsub.broadcast("room:1", (Atom("said"), "hello"))

    ``dispatcher`` is the Elixir module that hands broadcasts out on the other nodes, which must have it: none, or
    "Phoenix.Channel.Server" for channels.
    """

    def __init__(self, node: "Node", name: str, pool_size: int, dispatcher: Optional[str]) -> None:
        _abi.pubsub_start(node._handle, name, pool_size)
        self._node = node
        #: Its name on all nodes.
        self.name = name
        self._dispatcher = dispatcher

    def __repr__(self) -> str:
        return f"<PubSub {self.name} of {self._node.name}>"

    def subscribe(self, box: Mailbox, topic: str) -> None:
        """What is broadcast on a topic arrives in ``box`` from now on; of two subscriptions, twice."""
        _abi.pubsub_subscribe(box._handle, self.name, topic, True)

    def unsubscribe(self, box: Mailbox, topic: str) -> None:
        """Ends all subscriptions of ``box`` to a topic."""
        _abi.pubsub_subscribe(box._handle, self.name, topic, False)

    def broadcast(self, topic: str, message: Term, timeout: Optional[float] = None) -> None:
        """To all subscribers on all nodes."""
        self._spread(self._node._box, topic, "all", message, timeout)

    def broadcast_from(self, box: Mailbox, topic: str, message: Term, timeout: Optional[float] = None) -> None:
        """To all but ``box``."""
        self._spread(box, topic, "others", message, timeout)

    def local_broadcast(self, topic: str, message: Term) -> None:
        """To the subscribers on this node."""
        self._spread(self._node._box, topic, "local", message, None)

    def direct_broadcast(
        self, node: Union[Atom, str], topic: str, message: Term, timeout: Optional[float] = None
    ) -> None:
        """To the subscribers on one node."""
        box, term = self._node._box, encode_bare(message)
        _abi.pubsub_direct_broadcast(box._handle, self.name, str(node), topic, self._dispatcher, term, timeout)

    def _spread(self, box: Mailbox, topic: str, audience: str, message: Term, timeout: Optional[float]) -> None:
        _abi.pubsub_broadcast(box._handle, self.name, topic, audience, self._dispatcher, encode_bare(message), timeout)
