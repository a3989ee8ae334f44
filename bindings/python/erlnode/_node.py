"""Node: this program as a member of a cluster."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
import warnings
import weakref
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, TypeVar, Union

from . import _abi, _calls, _multi, _terms
from ._calls import AsyncCallers
from ._errors import Error
from ._discover import Discovery, options_of_environment
from ._exports import Exports
from ._global import GlobalNames
from ._groups import Pg, PubSub
from ._interrupt import interruptible
from ._mailbox import Mailbox, Target
from ._terms import Atom, Pid, Reference, Term
from ._tls import Tls

F = TypeVar("F", bound=Callable[..., Any])

#: Nodes of this process that were not stopped; at exit they are, so that peers hear of it at once.
_running: "weakref.WeakSet[Node]" = weakref.WeakSet()


class Node(GlobalNames):
    """A node of an Erlang/Elixir cluster.

        with Node("py@localhost", cookie="secret") as node, node.mailbox("echo") as box:
            message = box.receive(timeout=5)

    ``name`` is ``alive@host``; without a host, this machine's is added. ``names`` is "short" or "long" where the host
    part does not tell. Hidden unless ``visible``. The cookie is read from ``~/.erlang.cookie`` unless given. Without a
    name it is ``nonode@nohost``: no port is open, and mailboxes of this program can talk to each other.

    ``port`` is one to listen on, or the first and last of a range; with ``known_port`` all nodes use that one and no epmd
    is needed. ``ticktime`` (seconds of silence after which a peer is dead) must be the same in the whole cluster. Only
    nodes in ``allow`` may connect, if given. Limits in bytes: ``max_message`` (one that arrives), ``mailbox_bytes`` (all
    that wait), ``busy_limit`` (all that wait for a peer to read); ``atom_limit`` is how many different atoms one peer gets from us.
    ``shared_rate`` is how many bytes of big messages a peer gets in a second while it gets small ones beside them (125 MiB; 0: any).

    A visible node is a member of the mesh: connecting it to one member connects it to all, and it has global names, unless
    ``connect_all`` is False. When it has lost a member that the others still have it leaves (``overlap="leave"``), tells them
    as a BEAM does ("report"), or does nothing ("allow").

    With ``tls`` all connections are made over TLS, as with ``erl -proto_dist inet_tls``: an instance of `Tls`, or the path
    of the option file that a BEAM takes with ``-ssl_dist_optfile``.

    ``busy_wait`` (seconds, 150 microseconds by default) is how long a waiting thread looks for the next message before it sleeps, when
    the last ones came within this time; 0 switches it off. It holds for the whole process.

    epmd is asked at ERL_EPMD_ADDRESS and ERL_EPMD_PORT; where none answers on this machine, the node serves one itself
    (``embedded_epmd=False`` forbids that).
    """

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        cookie: Optional[str] = None,
        cookie_file: Union[None, str, "os.PathLike[str]"] = None,
        visible: bool = False,
        connect_all: bool = True,
        overlap: str = "leave",
        names: Optional[str] = None,
        listen: bool = True,
        listen_address: Optional[str] = None,
        port: Union[None, int, Tuple[int, int]] = None,
        known_port: Optional[int] = None,
        epmd_address: Optional[str] = None,
        epmd_port: Optional[int] = None,
        embedded_epmd: bool = True,
        ipv6: bool = False,
        ticktime: Optional[float] = None,
        setup_time: Optional[float] = None,
        auto_connect: str = "always",
        allow: Optional[Sequence[str]] = None,
        max_message: Optional[int] = None,
        mailbox_bytes: Optional[int] = None,
        busy_limit: Optional[int] = None,
        shared_rate: Optional[int] = None,
        busy_wait: Optional[float] = None,
        atom_cache: Optional[bool] = None,
        atom_limit: Optional[int] = None,
        tls: Union[None, Tls, str, "os.PathLike[str]"] = None,
        workers: int = 16,
    ) -> None:
        self._handle = _abi.node_start(
            name,
            cookie=cookie,
            cookie_file=None if cookie_file is None else os.fspath(cookie_file),
            visible=visible,
            connect_all=connect_all,
            overlap=overlap,
            names=names,
            listen=listen,
            listen_address=listen_address,
            port=(port, port) if isinstance(port, int) else port,
            known_port=known_port,
            epmd=(epmd_address, epmd_port, embedded_epmd),
            ipv6=ipv6,
            ticktime=ticktime,
            setup_time=setup_time,
            auto_connect=auto_connect,
            allow=allow,
            max_message=max_message,
            mailbox_bytes=mailbox_bytes,
            busy_limit=busy_limit,
            shared_rate=shared_rate,
            busy_wait=busy_wait,
            atom_cache=atom_cache,
            atom_limit=atom_limit,
            tls=Tls(optfile=tls) if isinstance(tls, (str, os.PathLike)) else tls,
        )
        self._closer = weakref.finalize(self, _discard, self._handle, name or "nonode@nohost", os.getpid())
        self._closer.atexit = False
        self._boxes = threading.local()
        self._own_mailbox = functools.partial(_own_mailbox, weakref.proxy(self), self._handle)
        self._callers = AsyncCallers(self._own_mailbox)
        self._exports = Exports(self._own_mailbox, workers)
        # Mailboxes that the library serves; they live as long as the node.
        self._supervisors: Set[Mailbox] = set()
        # By peer: whether `sys` there wraps states; see GenServer.
        self._state_forms: Dict[str, bool] = {}
        _running.add(self)

    @classmethod
    def from_env(cls, **options: Any) -> "Node":
        """A node as the environment of a container describes it; ``options`` are those of `Node` and go first.

        ERLNODE_NAME (or RELEASE_NODE), ERLNODE_COOKIE (or RELEASE_COOKIE) or ERLNODE_COOKIE_FILE, ERLNODE_PORT,
        ERLNODE_VISIBLE.
        """
        return cls(**{**options_of_environment(), **options})

    # ------------------------------------------------------------------------------------------------ identity

    @property
    def name(self) -> str:
        """Its full name; "nonode@nohost" while it has none."""
        return _abi.node_name(self._handle)

    @property
    def alive(self) -> bool:
        """True if it has a name."""
        return _abi.node_is_alive(self._handle)

    @property
    def creation(self) -> int:
        """What tells this start of the node from earlier ones."""
        return _abi.node_creation(self._handle)

    @property
    def port(self) -> Optional[int]:
        """The TCP port it listens on; None if it does not listen."""
        return _abi.node_port(self._handle)

    def __repr__(self) -> str:
        return f"<Node {self.name if self._closer.alive else 'stopped'}>"

    # --------------------------------------------------------------------------------------------------- peers

    def connect(self, node: Union[Atom, str], timeout: Optional[float] = None) -> None:
        """Connects to a node. Raises what prevented it, with the cure: see `ConnectError`."""
        interruptible(_abi.node_connect, self._handle, str(node), timeout)

    async def connect_async(self, node: Union[Atom, str], timeout: Optional[float] = None) -> None:
        """`connect` for asyncio."""
        await asyncio.get_running_loop().run_in_executor(None, self.connect, node, timeout)

    def disconnect(self, node: Union[Atom, str]) -> bool:
        """Ends the connection to a node; False if there was none."""
        return _abi.node_disconnect(self._handle, str(node))

    def keep_connected(self, node: Union[Atom, str]) -> None:
        """Connects to a node now and whenever the connection was lost, after pauses that grow from 1 to 30 seconds.

        A connection that `disconnect` ended stays ended until somebody connects.
        """
        _abi.node_keep_connected(self._handle, str(node))

    @property
    def discover(self) -> Discovery:
        """Ways to find nodes and keep them connected: see `Discovery`."""
        return Discovery(self)

    def allow(self, *nodes: Union[Atom, str]) -> None:
        """Allows these nodes, and none but those allowed so far, to be connected: ``name@host``, ``host`` or ``name@``."""
        for node in nodes:
            _abi.node_allow(self._handle, str(node))

    def reload_tls(self) -> None:
        """Reads the files of its TLS options again; that also happens by itself when they have changed.

        Raises what is wrong with them; the old certificates then stay in force.
        """
        _abi.node_reload_tls(self._handle)

    @property
    def ticktime(self) -> float:
        """Seconds of silence after which a peer counts as dead; the same in the whole cluster."""
        return _abi.node_ticktime(self._handle)

    def set_ticktime(self, seconds: float, transition: float = 60) -> None:
        """Changes `ticktime`, as ``net_kernel:set_net_ticktime/2``: change all nodes of the cluster within ``transition``."""
        _abi.node_set_ticktime(self._handle, seconds, transition)

    @property
    def process_count(self) -> int:
        """How many processes live here: mailboxes, calls being served, and a few of the node's own."""
        return _abi.node_process_count(self._handle)

    def ping(self, node: Union[Atom, str], timeout: Optional[float] = None) -> bool:
        """True if the node can be connected and answers, as ``net_adm:ping/1``."""
        return interruptible(_abi.node_ping, self._handle, str(node), timeout)

    async def ping_async(self, node: Union[Atom, str], timeout: Optional[float] = None) -> bool:
        """`ping` for asyncio."""
        return await asyncio.get_running_loop().run_in_executor(None, self.ping, node, timeout)

    def nodes(self, which: str = "visible") -> List[str]:
        """Names of other nodes: "visible", "hidden", "connected" (both) or "known" (ever heard of)."""
        return _abi.node_list(self._handle, which)

    def set_cookie(self, cookie: str, node: Union[None, Atom, str] = None) -> None:
        """Changes the cookie for all peers, or for one. Connections stay as they are."""
        _abi.node_set_cookie(self._handle, None if node is None else str(node), cookie)

    # ----------------------------------------------------------------------------------------------- processes

    def mailbox(
        self,
        name: Union[None, Atom, str] = None,
        *,
        trap_exit: bool = False,
        max_messages: int = 0,
        max_bytes: int = 0,
        overflow: str = "wait",
    ) -> Mailbox:
        """A new process of this node, registered under ``name`` if given.

        With ``trap_exit``, exit signals of linked processes arrive as messages; without, they end the mailbox. When
        ``max_messages`` or ``max_bytes`` (0: the node's own limit) wait in it, the connections that bring more are not
        read for a while ("wait"), or what arrives is dropped ("drop"), or the mailbox ends ("kill").
        """
        text = None if name is None else str(name)
        handle = _abi.mailbox_open(self._handle, text, trap_exit, max_messages, max_bytes, overflow)
        return Mailbox(self, handle)

    def whereis(self, name: Union[Atom, str]) -> Optional[Pid]:
        """The pid registered as ``name`` on this node."""
        return _abi.node_whereis(self._handle, str(name))

    def registered(self) -> List[str]:
        """All names registered on this node."""
        return _abi.node_registered(self._handle)

    def make_reference(self) -> Reference:
        """A reference that nobody else has."""
        return _abi.node_make_ref(self._handle)

    def send(self, to: Target, message: Term, timeout: Optional[float] = None) -> None:
        """Sends a message from a process of the node's own, for programs that expect no answer. See `Mailbox.send`."""
        self._box.send(to, message, timeout)

    def pg(self, scope: Union[Atom, str] = "pg") -> Pg:
        """Process groups as OTP's ``pg``; the scope is started if it does not run. See `Pg`."""
        return Pg(self, str(scope))

    def pubsub(self, name: str, pool_size: int = 1, dispatcher: Optional[str] = None) -> PubSub:
        """Phoenix.PubSub under the name of the Elixir side, "MyApp.PubSub"; started if it does not run. See `PubSub`.

        ``pool_size`` must be at least that of the other nodes, or some of their broadcasts miss this one.
        """
        return PubSub(self, name, pool_size, dispatcher)

    # --------------------------------------------------------------------------------------------------- calling

    def call(self, server: Target, request: Term, timeout: Optional[float] = 5.0) -> Term:
        """``GenServer.call``: asks a server and waits for its reply.

        Raises `Timeout`, `NoProcessError` or `NoConnectionError`, or `RemoteError` with the reason with which the server
        ended before it replied.
        """
        return _calls.call(self._box, server, request, timeout)

    def cast(self, server: Target, request: Term) -> None:
        """``GenServer.cast``: tells a server something."""
        self._box.send(server, (_calls.GEN_CAST, request))

    def rpc(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> Term:
        """``:erpc.call``: runs ``module:function(*args)`` on a node and waits for its result.

        An exception over there is a `RemoteError` here, with kind, reason and stack.
        """
        return _calls.rpc(self._box, str(node), module, function, args, timeout)

    def multicall(
        self,
        nodes: Sequence[Union[Atom, str]],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> List[Union[Term, Error]]:
        """``:erpc.multicall``: runs ``module:function(*args)`` on many nodes at the same time.

        Each answer is what `rpc` would return, or the exception that it would raise, in the order of ``nodes``. All have
        ``timeout`` seconds together.
        """
        return _multi.multicall(self._box, [str(node) for node in nodes], module, function, args, timeout)

    def multi_call(
        self,
        nodes: Sequence[Union[Atom, str]],
        name: Union[Atom, str],
        request: Term,
        timeout: Optional[float] = None,
    ) -> List[Union[Term, Error]]:
        """``GenServer.multi_call``: asks the servers called ``name`` on many nodes at the same time.

        Each answer is what `call` would return, or the exception that it would raise, in the order of ``nodes``. All have
        ``timeout`` seconds together.
        """
        return _multi.multi_call(self._box, [str(node) for node in nodes], name, request, timeout)

    async def call_async(self, server: Target, request: Term, timeout: Optional[float] = 5.0) -> Term:
        """`call` for asyncio; any number of calls may be under way."""
        return await self._callers.get().call(server, request, timeout)

    async def rpc_async(
        self,
        node: Union[Atom, str],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> Term:
        """`rpc` for asyncio; any number of calls may be under way."""
        return await self._callers.get().rpc(str(node), module, function, args, timeout)

    async def multicall_async(
        self,
        nodes: Sequence[Union[Atom, str]],
        module: Union[Atom, str],
        function: Union[Atom, str],
        args: Sequence[Term] = (),
        timeout: Optional[float] = None,
    ) -> List[Union[Term, BaseException]]:
        """`multicall` for asyncio."""
        calls = [self.rpc_async(node, module, function, args, timeout) for node in nodes]
        return await asyncio.gather(*calls, return_exceptions=True)

    async def multi_call_async(
        self,
        nodes: Sequence[Union[Atom, str]],
        name: Union[Atom, str],
        request: Term,
        timeout: Optional[float] = None,
    ) -> List[Union[Term, BaseException]]:
        """`multi_call` for asyncio."""
        calls = [self.call_async((name, str(node)), request, timeout) for node in nodes]
        return await asyncio.gather(*calls, return_exceptions=True)

    @property
    def _box(self) -> Mailbox:
        """A mailbox of the present thread."""
        box: Optional[Mailbox] = getattr(self._boxes, "box", None)
        if box is None:
            box = self._boxes.box = self._own_mailbox()
        return box

    # -------------------------------------------------------------------------------------------------- exporting

    def export(
        self, module: Union[Atom, str], function: Union[None, Atom, str] = None, arity: Optional[int] = None
    ) -> Callable[[F], F]:
        """Lets peers run a function, by spawn, rpc and erpc. Everything else is ``undef`` to them.

            @node.export("Elixir.Math")
            def sqrt(x):
                return math.sqrt(x)

        ``function`` is the Python name unless given; the arities are those the function takes. Functions run on at most
        ``workers`` threads at a time (an option of `Node`), ``async def`` ones in the event loop that runs now, else in
        one of the node's own. Exceptions become Erlang errors: see `ErlangError`. `current_request` tells who asked.
        """

        def add(implementation: F) -> F:
            name = implementation.__name__ if function is None else str(function)
            self._exports.add(str(module), name, implementation, arity)
            return implementation

        return add

    # ------------------------------------------------------------------------------------------------ stopping

    @property
    def stopped(self) -> bool:
        """True once `stop` was called."""
        return not self._closer.alive

    def stop(self) -> None:
        """Leaves the cluster: connections end, mailboxes close, who waits gets `ClosedError`. Again: nothing happens."""
        if self._closer.detach() is not None:
            _running.discard(self)
            _abi.node_stop(self._handle)

    def _forked(self) -> None:
        """Forgets what belongs to the parent of a fork."""
        self._closer.detach()

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stop()

    async def __aenter__(self) -> "Node":
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self.stop)


def _own_mailbox(node: "Node", handle: int) -> Mailbox:
    """A mailbox for the node's own purposes, which must not keep the node alive: ``node`` is a proxy."""
    return Mailbox(node, _abi.mailbox_open(handle, None), own=True)


def _discard(handle: Any, name: str, process: int) -> None:
    """Stops a node that the program has lost."""
    if process != os.getpid():
        return  # a copy that a fork made; the parent still has its own
    warnings.warn(f"node {name} was not stopped", ResourceWarning, stacklevel=2)
    _abi.node_stop(handle)


def _stop_all() -> None:
    """At the end of the interpreter: peers hear of it at once, and threads that wait in a mailbox are woken."""
    for node in list(_running):
        try:
            node.stop()
        except Error:
            pass  # nothing can be done about it any more


def _after_fork() -> None:
    """The child has none of the parent's nodes; using one raises `ForkedError`, starting a new one works."""
    for node in list(_running):
        node._forked()
    _running.clear()
    _terms._reset_after_fork()


atexit.register(_stop_all)
# Before the threads are joined at exit: one that waits in a mailbox would keep the interpreter from ending.
getattr(threading, "_register_atexit", lambda stop: None)(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
