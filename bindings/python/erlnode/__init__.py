"""erlnode: Python programs as full members of an Erlang/Elixir cluster.

    from erlnode import Atom, Node

    with Node("pong@localhost", cookie="secret") as node, node.mailbox("pong") as box:
        for message in box:
            match message:
                case (Atom("ping"), sender):
                    box.send(sender, Atom("pong"))
"""

from ._codec import decode, encode
from ._errors import *  # noqa: F403
from ._errors import __all__ as _errors_all
from ._discover import Discovery
from ._exports import NO_REPLY, current_request
from ._groups import Pg, PubSub
from ._mailbox import Mailbox, Message, Target
from ._multi import Pending
from ._node import Node
from ._request import Request
from ._server import GenServer, Sender, Stop
from ._tasks import Task, TaskSupervisor
from ._terms import (
    Atom,
    BitString,
    Export,
    Float,
    Frozen,
    Fun,
    ImproperList,
    Pid,
    Port,
    Record,
    Reference,
    Term,
    charlist,
    text,
)
from ._tls import Tls

__all__ = [
    "NO_REPLY",
    "Atom",
    "BitString",
    "Discovery",
    "Export",
    "Float",
    "Frozen",
    "Fun",
    "GenServer",
    "ImproperList",
    "Mailbox",
    "Message",
    "Node",
    "Pending",
    "Pg",
    "Pid",
    "Port",
    "PubSub",
    "Record",
    "Reference",
    "Request",
    "Sender",
    "Stop",
    "Target",
    "Task",
    "TaskSupervisor",
    "Term",
    "Tls",
    "charlist",
    "current_request",
    "decode",
    "encode",
    "text",
    *_errors_all,
]
