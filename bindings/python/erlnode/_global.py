"""Global names: one table of names for the whole cluster, as OTP's ``global``."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, Union

from . import _abi, _calls
from ._codec import decode_bare
from ._errors import NameTakenError, NoProcessError
from ._interrupt import interruptible
from ._locks import encoded
from ._mailbox import Mailbox
from ._terms import Pid, Term


class GlobalNames:
    """What a `Node` does with global names.

    A visible node is a member of the mesh and keeps the table itself; a hidden one asks a connected member. A name is any
    term; a ``str`` stands for an atom (``b"..."`` for a binary). It goes when its process or the process's node does.
    """

    if TYPE_CHECKING:
        _handle: int

        @property
        def _box(self) -> Mailbox: ...

    def global_register(
        self,
        name: Term,
        who: Union[Mailbox, Pid],
        resolve: str = "random_exit",
        timeout: Optional[float] = None,
    ) -> bool:
        """``:global.register_name``: False if the name is taken, or the process has another one.

        ``resolve`` decides when two parts of a cluster that both have the name become one: "random_exit" (one process is
        killed), "random_notify", "notify_all", or "module:function" of a function that was exported.
        """
        try:
            self._register(_abi.global_register, name, who, resolve, timeout)
        except NameTakenError:
            return False
        return True

    def global_reregister(
        self,
        name: Term,
        who: Union[Mailbox, Pid],
        resolve: str = "random_exit",
        timeout: Optional[float] = None,
    ) -> None:
        """``:global.re_register_name``: takes the name away from whoever has it."""
        self._register(_abi.global_reregister, name, who, resolve, timeout)

    def _register(self, call: object, name: Term, who: Union[Mailbox, Pid], resolve: str, timeout: Optional[float]) -> None:
        pid = who.pid if isinstance(who, Mailbox) else who
        interruptible(call, self._handle, encoded(name), pid, resolve, timeout)  # type: ignore[arg-type]

    def global_unregister(self, name: Term, timeout: Optional[float] = None) -> None:
        """``:global.unregister_name``."""
        interruptible(_abi.global_unregister, self._handle, encoded(name), timeout)

    def global_whereis(self, name: Term, timeout: Optional[float] = None) -> Optional[Pid]:
        """``:global.whereis_name``. A member does not wait."""
        return interruptible(_abi.global_whereis, self._handle, encoded(name), timeout)

    def global_names(self, timeout: Optional[float] = None) -> List[Term]:
        """``:global.registered_names``."""
        return decode_bare(interruptible(_abi.global_names, self._handle, timeout))

    def global_sync(self, timeout: Optional[float] = None) -> None:
        """``:global.sync``: waits until all visible nodes that are connected have the names that this one has."""
        interruptible(_abi.global_sync, self._handle, timeout)

    def global_send(self, name: Term, message: Term, timeout: Optional[float] = None) -> Pid:
        """``:global.send``; raises `NoProcessError` if nobody has the name."""
        pid = self._global_target(name, timeout)
        self._box.send(pid, message, timeout)
        return pid

    def global_call(self, name: Term, request: Term, timeout: Optional[float] = 5.0) -> Term:
        """``GenServer.call({:global, name}, request)``."""
        return _calls.call(self._box, self._global_target(name, timeout), request, timeout)

    def global_cast(self, name: Term, request: Term, timeout: Optional[float] = 5.0) -> None:
        """``GenServer.cast({:global, name}, request)``; raises `NoProcessError` if nobody has the name."""
        self._box.send(self._global_target(name, timeout), (_calls.GEN_CAST, request), timeout)

    def _global_target(self, name: Term, timeout: Optional[float]) -> Pid:
        pid = self.global_whereis(name, timeout)
        if pid is None:
            raise NoProcessError(f"no process is registered globally as {name!r}")
        return pid
