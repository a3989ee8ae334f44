"""What can go wrong: one exception per situation, which also is the standard one for it.

``except TimeoutError`` and ``except erlnode.Timeout`` catch the same; ``except erlnode.Error`` catches all of ours.
The text names the step that failed and what cures it, in the same words as in C and Rust.
"""

from __future__ import annotations

from typing import Any, Dict, Type


class Error(Exception):
    """Base of all exceptions of this package."""

    #: The number of the situation in erlnode.h; 0 where C is not involved.
    status: int = 0


class ArgumentError(Error, ValueError):
    """Something was asked that can never work."""

    status = -1


class EncodeError(Error, ValueError):
    """The object is no term that a BEAM would accept (NaN, two equal keys, an atom that is too long)."""


class ClosedError(Error, ValueError):
    """The node or mailbox was closed, here or by another thread."""

    status = -2


class ForkedError(Error, RuntimeError):
    """Made before this process forked. Start a new node in the child."""

    status = -3


class Timeout(Error, TimeoutError):
    """The time given was over."""

    status = -10


class BusyError(Error, TimeoutError):
    """A peer does not read, and the time to wait for room was over. Nothing was sent."""

    status = -11


class DecodeError(Error, ValueError):
    """Bytes that are no term."""

    status = -20


class LimitError(Error, ValueError):
    """A limit was met; the text names it and the option that moves it."""

    status = -21


class BadNameError(Error, ValueError):
    """The node name breaks the rules."""

    status = -30


class NotAliveError(Error, RuntimeError):
    """The node has no name yet, and the call needs one."""

    status = -31


class NameInUseError(Error, OSError):
    """Another node of that name is registered at epmd."""

    status = -32


class NameTakenError(Error, ValueError):
    """Another process of this node has registered that name."""

    status = -33


class ConnectError(Error, ConnectionError):
    """The connection to a node could not be made; the subclasses say in which step."""


class EpmdError(ConnectError):
    """No epmd answers on that host."""

    status = -40


class NameUnknownError(ConnectError):
    """epmd on that host knows no such node."""

    status = -41


class HostUnknownError(ConnectError):
    """The host name cannot be resolved."""

    status = -42


class UnreachableError(ConnectError):
    """The TCP connection was refused or failed."""

    status = -43


class NotANodeError(ConnectError):
    """What listens there is not an Erlang node."""

    status = -44


class CookieError(ConnectError, PermissionError):
    """The cookies differ."""

    status = -45


class RefusedError(ConnectError, ConnectionRefusedError):
    """The peer refused the connection."""

    status = -46


class NameKindError(ConnectError, ValueError):
    """One side uses short names, the other long ones."""

    status = -47


class CookieFileError(Error, PermissionError):
    """The cookie file is missing, unreadable or open to others."""

    status = -48


class NoConnectionError(ConnectError):
    """There is no connection to that node, and none could be made."""

    status = -49


class TlsError(ConnectError):
    """The two sides could not agree on a TLS connection, or one does not believe the other's certificate."""

    status = -50


class NoProcessError(Error, LookupError):
    """Nobody has that pid or name."""

    status = -60


class ErlangError(Error, RuntimeError):
    """An Erlang exception: raise it in a function that peers call, and they get exactly this."""

    def __init__(self, reason: Any, kind: str = "error", stack: Any = ()) -> None:
        super().__init__(f"{kind}: {_words(reason)}")
        #: The reason, a term; "error", "exit" or "throw"; and the stack as Erlang tells it.
        self.reason, self.kind, self.stack = reason, kind, stack


def _words(reason: Any) -> str:
    """A reason for people: the message of an Elixir exception, else the term."""
    if isinstance(reason, dict):
        parts = {str(key): value for key, value in reason.items()}
        if isinstance(parts.get("message"), (bytes, str)) and "__exception__" in parts:
            message = parts["message"]
            text = message.decode("utf-8", "replace") if isinstance(message, bytes) else message
            return f"({str(parts.get('__struct__', '')).replace('Elixir.', '')}) {text}"
    return repr(reason)


class RemoteError(ErlangError):
    """The other side answered with an error, or ended before it answered."""

    status = -61


class UnsupportedError(Error, NotImplementedError):
    """This build or that peer cannot do it."""

    status = -62


class SystemCallError(Error, OSError):
    """The operating system refused something."""

    status = -80


class InternalError(Error, RuntimeError):
    """A bug in the library, contained in this call. Please report the text."""

    status = -99


def _all(base: Type[Error]) -> Dict[int, Type[Error]]:
    found = {base.status: base} if "status" in vars(base) else {}
    for cls in base.__subclasses__():
        found.update(_all(cls))
    return found


BY_STATUS: Dict[int, Type[Error]] = {status: cls for status, cls in _all(Error).items() if status}

__all__ = ["Error", *sorted(cls.__name__ for cls in {*BY_STATUS.values(), ConnectError, EncodeError, ErlangError})]
