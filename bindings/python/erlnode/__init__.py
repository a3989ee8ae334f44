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
from ._mailbox import Mailbox, Message, Target
from ._node import Node
from ._request import Request
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

__all__ = [
    "Atom",
    "BitString",
    "Export",
    "Float",
    "Frozen",
    "Fun",
    "ImproperList",
    "Mailbox",
    "Message",
    "Node",
    "Pid",
    "Port",
    "Record",
    "Reference",
    "Request",
    "Target",
    "Term",
    "charlist",
    "decode",
    "encode",
    "text",
    *_errors_all,
]
