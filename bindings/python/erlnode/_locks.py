"""Locks that the whole cluster shares, as those of OTP's ``global``."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Iterator, Optional

from . import _abi
from ._codec import encode_bare
from ._interrupt import interruptible
from ._terms import Atom, Term


def encoded(name: Term) -> bytes:
    """A global name, or what is locked, as bytes; text stands for an atom, as in the names of one node."""
    return encode_bare(Atom(name) if type(name) is str else name)


class GlobalLocks:
    """What a `Mailbox` does with locks that the cluster shares."""

    if TYPE_CHECKING:
        _handle: int

    def global_set_lock(
        self, resource: Term, retries: Optional[int] = None, timeout: Optional[float] = None
    ) -> bool:
        """``:global.set_lock``: locks a resource for this mailbox on all visible nodes, or on none.

        False once ``retries`` (None: no limit) found it taken. The lock goes when the mailbox does.
        """
        some = -1 if retries is None else retries
        return interruptible(_abi.global_set_lock, self._handle, encoded(resource), some, timeout)

    def global_del_lock(self, resource: Term, timeout: Optional[float] = None) -> None:
        """``:global.del_lock``."""
        interruptible(_abi.global_del_lock, self._handle, encoded(resource), timeout)

    @contextlib.contextmanager
    def global_lock(self, resource: Term, timeout: Optional[float] = None) -> Iterator[None]:
        """``:global.trans``: ``with box.global_lock("tap"): ...``. Raises `Timeout` if it stays taken."""
        self.global_set_lock(resource, None, timeout)
        try:
            yield
        finally:
            self.global_del_lock(resource)
