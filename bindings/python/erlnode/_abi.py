"""The border to C: each prototype stands under its declaration in erlnode.h.

Nothing else in this package knows ctypes. Functions that may wait are called without the interpreter lock (`lib`);
the codec, which makes Python objects, is called with it (`locked`).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import gc
import importlib
import os
import re
import select
import sys
from ctypes import POINTER, byref, c_bool, c_char, c_char_p, c_int32, c_size_t, c_uint16, c_uint32, c_uint64
from ctypes import c_void_p, py_object
from typing import Any, Callable, Iterator, List, Optional, Tuple, Union

from ._errors import BY_STATUS, ArgumentError, BusyError, ClosedError, EncodeError, Error, NoProcessError, Timeout
from ._terms import Atom, Pid, Reference, Term

#: The ABI this package is written for; compare ERLN_ABI in erlnode.h.
ABI = 1


def _candidates() -> Iterator[str]:
    """Where the library may be, best first."""
    here = os.path.dirname(os.path.abspath(__file__))
    names = {"win32": ("erlnode.dll",), "darwin": (f"liberlnode.{ABI}.dylib", "liberlnode.dylib")}.get(
        sys.platform, (f"liberlnode.so.{ABI}", "liberlnode.so")
    )
    for name in names:
        beside = os.path.join(here, name)
        if os.path.exists(beside):
            yield beside
    yield names[0]  # the system's own search
    found = ctypes.util.find_library("erlnode")
    if found:
        yield found
    for prefix in ("/usr/local/lib", os.path.join(sys.prefix, "lib")):
        for name in names:
            if os.path.exists(os.path.join(prefix, name)):
                yield os.path.join(prefix, name)


def _load() -> Tuple[Any, Any, str]:
    wanted = os.environ.get("ERLNODE_LIBRARY")
    why = []
    for path in [wanted] if wanted else _candidates():
        try:
            return ctypes.CDLL(path), ctypes.PyDLL(path), path
        except OSError as error:
            why.append(str(error))
    raise ImportError(
        "cannot load the erlnode library: "
        + "; ".join(why)
        + ". Install it (make install), or name it in the environment variable ERLNODE_LIBRARY"
    )


NAME_SIZE = 256  # ERLN_NAME_SIZE
FOREVER = -1  # ERLN_FOREVER
NODE_FILTERS = {"visible": 0, "hidden": 1, "connected": 2, "known": 3}  # erln_node_filter
NAMES = {None: 0, "guess": 0, "short": 1, "long": 2}  # erln_names
OVERLAP = {"leave": 0, "report": 1, "allow": 2}  # erln_overlap
RESOLVE = {"random_exit": 0, "random_notify": 1, "notify_all": 2, "function": 3}  # erln_resolve
AUTO_CONNECT = {"always": 0, "once": 1, "never": 2}  # erln_auto_connect
OVERFLOW = {"wait": 0, "drop": 1, "kill": 2}  # erln_overflow
CLASSES = {"error": 0, "exit": 1, "throw": 2}  # erln_class
ALIAS_MODES = {None: 0, "none": 0, "explicit": 1, "demonitor": 2, "reply_demonitor": 3}  # erln_alias_mode
AUDIENCES = {"all": 0, "others": 1, "local": 2}  # erln_audience
SPAWN_LINK, SPAWN_MONITOR = 1, 2
MSG_REQUEST = 6  # ERLN_MSG_REQUEST

#: How often a mailbox is looked through for an answer where the library cannot do the waiting.
PAUSE_MS = 2


# ------------------------------------------------------------------------------------------------------ structs


class NodeId(ctypes.Structure):
    """typedef struct erln_node { uint64_t id; } erln_node;"""

    _fields_ = [("id", c_uint64)]

    @classmethod
    def from_param(cls, node: int) -> "NodeId":
        return cls(node)


class MailboxId(ctypes.Structure):
    """typedef struct erln_mailbox { uint64_t id; } erln_mailbox;"""

    _fields_ = [("id", c_uint64)]

    @classmethod
    def from_param(cls, mailbox: int) -> "MailboxId":
        return cls(mailbox)


class CName(ctypes.Structure):
    """typedef struct erln_name { char text[ERLN_NAME_SIZE]; } erln_name;"""

    _fields_ = [("text", c_char * NAME_SIZE)]


class CPid(ctypes.Structure):
    """typedef struct erln_pid { char node[ERLN_NAME_SIZE]; uint32_t id, serial, creation; } erln_pid;"""

    _fields_ = [("node", c_char * NAME_SIZE), ("id", c_uint32), ("serial", c_uint32), ("creation", c_uint32)]

    @classmethod
    def of(cls, pid: Pid) -> "CPid":
        if not isinstance(pid, Pid):
            raise TypeError(f"a Pid is needed, not a {type(pid).__name__}")
        node, *numbers = pid._parts()
        return cls(node.encode(), *numbers)

    def pid(self) -> Pid:
        return Pid(self.node.decode(), self.id, self.serial, self.creation)


class CReference(ctypes.Structure):
    """typedef struct erln_ref { char node[ERLN_NAME_SIZE]; uint32_t creation, len, words[5]; } erln_ref;"""

    _fields_ = [("node", c_char * NAME_SIZE), ("creation", c_uint32), ("len", c_uint32), ("words", c_uint32 * 5)]

    @classmethod
    def of(cls, reference: Reference) -> "CReference":
        if not isinstance(reference, Reference):
            raise TypeError(f"a Reference is needed, not a {type(reference).__name__}")
        node, creation, words = reference._parts()
        return cls(node.encode(), creation, len(words), (c_uint32 * 5)(*words))

    def reference(self) -> Reference:
        return Reference(self.node.decode(), self.creation, self.words[: self.len])


class CBytes(ctypes.Structure):
    """typedef struct erln_bytes { const uint8_t *ptr; size_t len; } erln_bytes;"""

    _fields_ = [("ptr", c_void_p), ("len", c_size_t)]

    def bytes(self) -> bytes:
        return ctypes.string_at(self.ptr, self.len)


class CTo(ctypes.Structure):
    """typedef struct erln_to { int32_t kind, reserved; const void *to; const char *node; } erln_to;"""

    _fields_ = [("kind", c_int32), ("reserved", c_int32), ("to", c_void_p), ("node", c_char_p)]

    @classmethod
    def of(cls, target: Any, priority: bool = False) -> "CTo":
        """A target; the result keeps what it points at alive."""
        node = None
        kept: Any
        if isinstance(target, tuple) and len(target) == 2:
            target, node = target
        if isinstance(target, Pid) and node is None:
            kind, kept = 1, CPid.of(target)
        elif isinstance(target, Reference) and node is None:
            kind, kept = (5 if priority else 4), CReference.of(target)
        elif isinstance(target, (str, Atom)) and isinstance(node, (str, Atom, type(None))):
            kind, kept = (2 if node is None else 3), ctypes.create_string_buffer(_text(target))
        else:
            raise ArgumentError(
                "messages go to a Pid, a Reference (an alias), a name as str or Atom, or a tuple (name, node)"
            )
        to = cls(kind, 0, ctypes.cast(byref(kept), c_void_p), None if node is None else _text(node))
        to.kept = kept
        return to


# ------------------------------------------------------------------------------------------------- declarations

#: What is used of erlnode.h, in its own words; a test compares the two.
DECLARATIONS = """// The library
uint32_t erln_abi(void);
const char *erln_version(void);
const char *erln_last_error(void);

// Config
erln_config *erln_config_new(const char *name);
void erln_config_free(erln_config *config);
erln_status erln_config_set_cookie(erln_config *config, const char *cookie);
erln_status erln_config_set_cookie_file(erln_config *config, const char *path);
erln_status erln_config_set_visible(erln_config *config, bool visible);
erln_status erln_config_set_names(erln_config *config, int32_t names);
erln_status erln_config_set_listen(erln_config *config, bool listen);
erln_status erln_config_set_listen_address(erln_config *config, const char *address);
erln_status erln_config_set_port(erln_config *config, uint16_t first, uint16_t last);
erln_status erln_config_set_known_port(erln_config *config, uint16_t port);
erln_status erln_config_set_epmd(erln_config *config, const char *address, uint16_t port, bool embedded);
erln_status erln_config_set_ipv6(erln_config *config, bool ipv6);
erln_status erln_config_set_ticktime(erln_config *config, uint32_t ticktime_ms);
erln_status erln_config_set_setup_time(erln_config *config, uint32_t setup_ms);
erln_status erln_config_set_auto_connect(erln_config *config, int32_t when);
erln_status erln_config_set_allow(erln_config *config, const char *nodes);
erln_status erln_config_set_busy_limit(erln_config *config, size_t bytes);
erln_status erln_config_set_max_message(erln_config *config, size_t bytes);
erln_status erln_config_set_mailbox_bytes(erln_config *config, size_t bytes);
erln_status erln_config_set_atom_cache(erln_config *config, bool enabled);
erln_status erln_config_set_atom_limit(erln_config *config, size_t atoms);
erln_status erln_config_set_tls_optfile(erln_config *config, const char *path);
erln_status erln_config_set_tls_files(erln_config *config, const char *certificate, const char *key, const char *authorities);
erln_status erln_config_set_tls_pem(erln_config *config, const char *certificate, const char *key, const char *authorities);
erln_status erln_config_set_tls_versions(erln_config *config, int32_t lowest, int32_t highest);
erln_status erln_config_set_tls_check_callers(erln_config *config, bool check);
erln_status erln_config_set_tls_danger_anonymous_callers(erln_config *config);
erln_status erln_config_set_tls_danger_no_verify(erln_config *config);

// Node
erln_status erln_node_start(const erln_config *config, erln_node *out);
erln_status erln_node_stop(erln_node node);
erln_status erln_node_name(erln_node node, erln_name *out);
erln_status erln_node_is_alive(erln_node node, bool *out);
erln_status erln_node_creation(erln_node node, uint32_t *out);
erln_status erln_node_port(erln_node node, uint16_t *out);
erln_status erln_node_serves_epmd(erln_node node, bool *out);
erln_status erln_node_connect(erln_node node, const char *peer, int32_t timeout_ms);
erln_status erln_node_disconnect(erln_node node, const char *peer);
erln_status erln_node_keep_connected(erln_node node, const char *peer);
erln_status erln_node_reload_tls(erln_node node);
erln_status erln_node_allow(erln_node node, const char *peer);
erln_status erln_node_set_ticktime(erln_node node, uint32_t ticktime_ms, uint32_t transition_ms);
erln_status erln_node_ticktime(erln_node node, uint32_t *out_ms);
erln_status erln_node_process_count(erln_node node, size_t *out);
erln_status erln_node_ping(erln_node node, const char *peer, int32_t timeout_ms, bool *out_pong);
erln_status erln_node_list(erln_node node, int32_t filter, erln_names **out);
erln_status erln_node_whereis(erln_node node, const char *name, erln_pid *out);
erln_status erln_node_registered(erln_node node, erln_names **out);
erln_status erln_node_set_cookie(erln_node node, const char *peer, const char *cookie);
erln_status erln_node_make_ref(erln_node node, erln_ref *out);
size_t erln_names_count(const erln_names *names);
const char *erln_names_get(const erln_names *names, size_t index);
void erln_names_free(erln_names *names);

// Mailbox
erln_mailbox_options *erln_mailbox_options_new(void);
void erln_mailbox_options_free(erln_mailbox_options *options);
erln_status erln_mailbox_options_set_trap_exit(erln_mailbox_options *options, bool trap);
erln_status erln_mailbox_options_set_limit(erln_mailbox_options *options, size_t messages, size_t bytes, int32_t
    overflow);
erln_status erln_mailbox_open(erln_node node, const char *name, const erln_mailbox_options *options, erln_mailbox
    *out);
erln_status erln_mailbox_exit(erln_mailbox mailbox, const uint8_t *reason, size_t len);
erln_status erln_mailbox_close(erln_mailbox mailbox);
erln_status erln_mailbox_pid(erln_mailbox mailbox, erln_pid *out);
erln_status erln_mailbox_fd(erln_mailbox mailbox, int32_t *out);
erln_status erln_mailbox_register(erln_mailbox mailbox, const char *name);
erln_status erln_mailbox_unregister(erln_mailbox mailbox);
erln_status erln_mailbox_set_trap_exit(erln_mailbox mailbox, bool trap);
erln_status erln_mailbox_monitor_nodes(erln_mailbox mailbox, bool visible_only, bool info);
erln_status erln_mailbox_demonitor_nodes(erln_mailbox mailbox);
erln_status erln_mailbox_monitor_node(erln_mailbox mailbox, const char *peer);
erln_status erln_mailbox_demonitor_node(erln_mailbox mailbox, const char *peer);
erln_status erln_mailbox_load(erln_mailbox mailbox, size_t *out_messages, size_t *out_bytes, uint64_t *out_dropped);
erln_status erln_mailbox_exit_reason(erln_mailbox mailbox, erln_writer *writer);
erln_writer *erln_writer_new(void);
void erln_writer_free(erln_writer *writer);
erln_status erln_writer_finish(erln_writer *writer, erln_bytes *out);
erln_status erln_mailbox_recv(erln_mailbox mailbox, int32_t timeout_ms, erln_msg **out);
erln_status erln_mailbox_recv_ref(erln_mailbox mailbox, const erln_ref *reference, int32_t timeout_ms, erln_msg **out);
erln_msg_type erln_msg_kind(const erln_msg *msg);
bool erln_msg_from(const erln_msg *msg, erln_pid *out);
erln_status erln_msg_payload(const erln_msg *msg, erln_bytes *out);
erln_status erln_send_term(erln_mailbox mailbox, erln_to to, const uint8_t *term, size_t len, int32_t timeout_ms);

// Links, monitors, exits
erln_status erln_monitor(erln_mailbox mailbox, erln_to who, int32_t mode, erln_ref *out);
erln_status erln_demonitor(erln_mailbox mailbox, const erln_ref *reference, bool flush);
erln_status erln_link(erln_mailbox mailbox, const erln_pid *pid);
erln_status erln_unlink(erln_mailbox mailbox, const erln_pid *pid);
erln_status erln_exit(erln_mailbox mailbox, const erln_pid *pid, const uint8_t *reason, size_t len);
erln_status erln_alias(erln_mailbox mailbox, erln_ref *out);
erln_status erln_priority_alias(erln_mailbox mailbox, erln_ref *out);
erln_status erln_exit_priority(erln_mailbox mailbox, const erln_ref *alias, const uint8_t *reason, size_t len);
erln_status erln_unalias(erln_mailbox mailbox, const erln_ref *alias);

// Spawn and requests
erln_status erln_export(erln_mailbox mailbox, const char *module, const char *function, int32_t arity);
erln_status erln_task_supervise(erln_mailbox mailbox, size_t max_children, size_t max_restarts, uint32_t max_seconds);
erln_status erln_unexport(erln_node node, const char *module, const char *function, int32_t arity);
erln_status erln_spawn(erln_mailbox mailbox, const char *peer, const char *module, const char *function, const
    uint8_t *args, size_t len, uint32_t flags, int32_t timeout_ms, erln_pid *out, erln_ref *out_ref);
erln_status erln_put_chars(erln_mailbox mailbox, erln_to leader, const char *chars, int32_t timeout_ms);
erln_status erln_mailbox_group_leader(erln_mailbox mailbox, erln_pid *out);
erln_status erln_set_group_leader(erln_mailbox mailbox, const erln_pid *pid, const erln_pid *leader);
erln_status erln_mailbox_set_group_leader(erln_mailbox mailbox, const erln_pid *leader);
erln_status erln_spawn_request(erln_mailbox mailbox, const char *peer, const char *module, const char *function,
    const uint8_t *args, size_t len, uint32_t flags, erln_ref *out);
erln_status erln_msg_request(erln_msg *msg, erln_request **out);
void erln_msg_free(erln_msg *msg);
erln_status erln_request_function(const erln_request *request, erln_bytes *out_module, erln_bytes *out_function,
    uint32_t *out_arity);
erln_status erln_request_args(const erln_request *request, erln_bytes *out);
erln_status erln_request_reply(erln_request *request, const uint8_t *term, size_t len);
erln_status erln_request_fail(erln_request *request, int32_t class_, const uint8_t *reason, size_t len);
erln_status erln_request_pid(const erln_request *request, erln_pid *out);
erln_status erln_request_caller(const erln_request *request, erln_pid *out);
erln_status erln_request_leader(const erln_request *request, erln_pid *out);
bool erln_request_is_wanted(const erln_request *request);
void erln_request_free(erln_request *request);

// Process groups and PubSub
erln_status erln_pg_start(erln_node node, const char *scope);
erln_status erln_pg_stop(erln_node node, const char *scope);
erln_status erln_pg_join_term(erln_node node, const char *scope, const uint8_t *group, size_t len, const erln_pid
    *pids, size_t count);
erln_status erln_pg_leave_term(erln_node node, const char *scope, const uint8_t *group, size_t len, const erln_pid
    *pids, size_t count, bool *out_left);
erln_status erln_pg_members_term(erln_node node, const char *scope, const uint8_t *group, size_t len, bool local,
    erln_msg **out);
erln_status erln_pg_groups(erln_node node, const char *scope, bool local, erln_msg **out);
erln_status erln_pg_monitor_term(erln_mailbox mailbox, const char *scope, const uint8_t *group, size_t len, erln_ref
    *out, erln_msg **out_known);
erln_status erln_pg_demonitor(erln_mailbox mailbox, const char *scope, const erln_ref *reference);
erln_status erln_pubsub_start(erln_node node, const char *pubsub, size_t pool_size);
erln_status erln_pubsub_subscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);
erln_status erln_pubsub_unsubscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);
erln_status erln_pubsub_broadcast_term(erln_mailbox mailbox, const char *pubsub, const char *topic, int32_t audience,
    const char *dispatcher, const uint8_t *term, size_t len, int32_t timeout_ms);
erln_status erln_pubsub_direct_broadcast_term(erln_mailbox mailbox, const char *pubsub, const char *peer, const char
    *topic, const char *dispatcher, const uint8_t *term, size_t len, int32_t timeout_ms);

// Discovery
erln_status erln_discover_nodes(erln_node node, const char *names);
erln_status erln_discover_epmd(erln_node node, const char *hosts);
erln_status erln_discover_dns(erln_node node, const char *basename, const char *query);
erln_status erln_discover_srv(erln_node node, const char *basename, const char *query, const char *server);
erln_status erln_discover_gossip(erln_node node, const char *group, const char *interface, const char *secret, bool
    announce);
erln_status erln_discover_file(erln_node node, const char *path);
erln_status erln_discover_names(erln_node node, erln_names **out);
erln_status erln_discover_watch(erln_mailbox mailbox);
erln_status erln_discover_stop(erln_node node);

// Global names and locks
erln_status erln_config_set_connect_all(erln_config *config, bool connect_all);
erln_status erln_config_set_overlap(erln_config *config, int32_t overlap);
erln_status erln_global_register_term(erln_node node, const uint8_t *name, size_t len, const erln_pid *pid, int32_t
    resolve, const char *function, int32_t timeout_ms);
erln_status erln_global_reregister_term(erln_node node, const uint8_t *name, size_t len, const erln_pid *pid, int32_t
    resolve, const char *function, int32_t timeout_ms);
erln_status erln_global_unregister_term(erln_node node, const uint8_t *name, size_t len, int32_t timeout_ms);
erln_status erln_global_whereis_term(erln_node node, const uint8_t *name, size_t len, int32_t timeout_ms, erln_pid
    *out);
erln_status erln_global_names(erln_node node, int32_t timeout_ms, erln_msg **out);
erln_status erln_global_sync(erln_node node, int32_t timeout_ms);
erln_status erln_global_set_lock_term(erln_mailbox mailbox, const uint8_t *resource, size_t len, int32_t retries,
    int32_t timeout_ms, bool *out);
erln_status erln_global_del_lock_term(erln_mailbox mailbox, const uint8_t *resource, size_t len, int32_t timeout_ms);

// Codec
erln_status erln_python_setup(const void *const *functions, size_t functions_len, void *const *objects,
    size_t objects_len, void **out, size_t out_len);
"""

_NUMBERS = {
    "bool": c_bool, "int32_t": c_int32, "uint16_t": c_uint16, "uint32_t": c_uint32, "uint64_t": c_uint64,
    "size_t": c_size_t, "erln_status": c_int32, "erln_msg_type": c_int32,
}  # fmt: skip
_STRUCTS = {
    "erln_node": NodeId, "erln_mailbox": MailboxId, "erln_name": CName, "erln_pid": CPid, "erln_ref": CReference,
    "erln_bytes": CBytes, "erln_to": CTo,
}  # fmt: skip


def _type(declared: str, function: str) -> Any:
    """The ctypes type of a C type; pointers to what is opaque, and to strings of bytes, are addresses."""
    base = declared.replace("const", "").replace("*", "").strip()
    stars = declared.count("*")
    known = _NUMBERS.get(base) or _STRUCTS.get(base)
    if stars == 0:
        return None if base == "void" else known
    if base in ("char", "uint8_t"):
        return c_char_p
    if stars == 2:
        return POINTER(c_void_p)
    return POINTER(known) if known is not None else c_void_p


def _declare(library: Any) -> None:
    """Gives every function of `DECLARATIONS` its types."""
    text = re.sub(r"//.*", "", DECLARATIONS)
    for result, name, parameters in re.findall(r"([^;()]*?)(\berln_\w+)\(([^)]*)\);", text):
        function = getattr(library, name)
        function.restype = _type(result, name)
        types = [re.sub(r"\w+$", "", parameter.strip()) for parameter in parameters.split(",")]
        function.argtypes = [] if parameters == "void" else [_type(declared, name) for declared in types]


lib, locked, path = _load()
lib.erln_abi.restype = c_uint32
if lib.erln_abi() != ABI:
    raise ImportError(f"{path} has ABI {lib.erln_abi()}, this package needs {ABI}: use the two of one release")
_declare(lib)
_declare(locked)


def check(status: int) -> int:
    """Raises the exception of a failed status."""
    if status < 0:
        raise failure(status)
    return status


def failure(status: int) -> Error:
    """The exception of a failed status, with the library's words."""
    text = (lib.erln_last_error() or b"").decode("utf-8", "replace")
    return BY_STATUS.get(status, Error)(text or f"status {status}")


# ------------------------------------------------------------------------------------------------------- values


def _text(name: Union[str, Atom]) -> bytes:
    """A name as C takes it."""
    text = str(name)
    if "\0" in text:
        raise ArgumentError("a name cannot contain NUL")
    return text.encode("utf-8")


def _optional(name: Union[None, str, Atom]) -> Optional[bytes]:
    return None if name is None else _text(name)


def milliseconds(seconds: Optional[float]) -> int:
    """A timeout as C takes it."""
    if seconds is None:
        return FOREVER
    if seconds != seconds or seconds < 0:
        raise ArgumentError(f"a timeout is None, 0 or a number of seconds, not {seconds}")
    # The longest C can tell is 24 days; rounded up, so that a short wait is a wait.
    return min(2**31 - 1, int(-(-seconds * 1000 // 1)) if seconds < 2**31 else 2**31 - 1)


# ------------------------------------------------------------------------------------------------------- config


def _choice(table: Any, value: Any, what: str) -> int:
    """The number of a word."""
    try:
        return int(table[value])
    except (KeyError, TypeError):
        known = ", ".join(repr(word) for word in table if word is not None)
        raise ArgumentError(f"{what} is one of {known}, not {value!r}") from None


def _configure(config: c_void_p, options: Any) -> None:
    """Sets the options of a node that were given; see `Node` for what they mean."""

    def give(name: str, *values: Any) -> None:
        check(getattr(lib, f"erln_config_set_{name}")(config, *values))

    for name in ("cookie", "cookie_file", "listen_address"):
        if options.get(name) is not None:
            give(name, _text(options[name]))
    for name in ("visible", "connect_all", "listen", "ipv6", "atom_cache"):
        if options.get(name) is not None:
            give(name, bool(options[name]))
    for name in ("known_port", "busy_limit", "max_message", "mailbox_bytes", "atom_limit"):
        if options.get(name) is not None:
            give(name, int(options[name]))
    for name in ("ticktime", "setup_time"):
        if options.get(name) is not None:
            give(name, milliseconds(options[name]))
    if options.get("names") is not None:
        give("names", _choice(NAMES, options["names"], "names"))
    if options.get("port") is not None:
        give("port", *options["port"])
    if options.get("allow") is not None:
        give("allow", _text(" ".join(options["allow"])))
    give("overlap", _choice(OVERLAP, options["overlap"], "overlap"))
    give("auto_connect", _choice(AUTO_CONNECT, options["auto_connect"], "auto_connect"))
    address, port, embedded = options["epmd"]
    if address is not None or port is not None or not embedded:
        give("epmd", _optional(address), port or 0, embedded)
    if options.get("tls") is not None:
        options["tls"].give(give)


# --------------------------------------------------------------------------------------------------------- node


def node_start(name: Optional[str], **options: Any) -> int:
    config = c_void_p(lib.erln_config_new(_optional(name)))
    if not config:
        raise failure(ArgumentError.status)
    try:
        _configure(config, options)
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


def _get(call: Any, handle: Any, kind: Any) -> Any:
    """What a call with one output gives."""
    out = kind()
    check(call(handle, byref(out)))
    return out.value


def node_is_alive(node: int) -> bool:
    return bool(_get(lib.erln_node_is_alive, node, c_bool))


def node_creation(node: int) -> int:
    return int(_get(lib.erln_node_creation, node, c_uint32))


def node_port(node: int) -> Optional[int]:
    return _get(lib.erln_node_port, node, c_uint16) or None


def node_serves_epmd(node: int) -> bool:
    return bool(_get(lib.erln_node_serves_epmd, node, c_bool))


def node_connect(node: int, peer: str, timeout: Optional[float]) -> None:
    check(lib.erln_node_connect(node, _text(peer), milliseconds(timeout)))


def node_disconnect(node: int, peer: str) -> bool:
    was_connected = peer in node_list(node, "connected")
    check(lib.erln_node_disconnect(node, _text(peer)))
    return was_connected


def node_keep_connected(node: int, peer: str) -> None:
    check(lib.erln_node_keep_connected(node, _text(peer)))


def node_reload_tls(node: int) -> None:
    check(lib.erln_node_reload_tls(node))


def node_allow(node: int, peer: str) -> None:
    check(lib.erln_node_allow(node, _text(peer)))


def node_set_ticktime(node: int, ticktime: float, transition: float) -> None:
    check(lib.erln_node_set_ticktime(node, milliseconds(ticktime), milliseconds(transition)))


def node_ticktime(node: int) -> float:
    return int(_get(lib.erln_node_ticktime, node, c_uint32)) / 1000


def node_process_count(node: int) -> int:
    return int(_get(lib.erln_node_process_count, node, c_size_t))


def node_ping(node: int, peer: str, timeout: Optional[float]) -> bool:
    pong = c_bool()
    check(lib.erln_node_ping(node, _text(peer), milliseconds(timeout), byref(pong)))
    return pong.value


def _names(names: c_void_p) -> List[str]:
    try:
        return [lib.erln_names_get(names, index).decode() for index in range(lib.erln_names_count(names))]
    finally:
        lib.erln_names_free(names)


def node_list(node: int, which: str) -> List[str]:
    names = c_void_p()
    check(lib.erln_node_list(node, _choice(NODE_FILTERS, which, "which"), byref(names)))
    return _names(names)


def node_registered(node: int) -> List[str]:
    names = c_void_p()
    check(lib.erln_node_registered(node, byref(names)))
    return _names(names)


def node_whereis(node: int, name: str) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_node_whereis(node, _text(name), byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def node_set_cookie(node: int, peer: Optional[str], cookie: str) -> None:
    check(lib.erln_node_set_cookie(node, _optional(peer), _text(cookie)))


def node_make_ref(node: int) -> Reference:
    reference = CReference()
    check(lib.erln_node_make_ref(node, byref(reference)))
    return reference.reference()


# ------------------------------------------------------------------------------------------------------ mailbox


def mailbox_open(
    node: int,
    name: Optional[str],
    trap_exit: bool = False,
    max_messages: int = 0,
    max_bytes: int = 0,
    overflow: str = "wait",
) -> int:
    options = c_void_p(lib.erln_mailbox_options_new())
    try:
        check(lib.erln_mailbox_options_set_trap_exit(options, trap_exit))
        overflow_number = _choice(OVERFLOW, overflow, "overflow")
        check(lib.erln_mailbox_options_set_limit(options, max_messages, max_bytes, overflow_number))
        mailbox = MailboxId()
        check(lib.erln_mailbox_open(node, _optional(name), options, byref(mailbox)))
        return int(mailbox.id)
    finally:
        lib.erln_mailbox_options_free(options)


def mailbox_close(mailbox: int, reason: Optional[bytes] = None) -> None:
    """Ends a mailbox with an encoded reason, or normally; one that has ended stays as it is."""
    if reason is None:
        status = lib.erln_mailbox_close(mailbox)
    else:
        status = lib.erln_mailbox_exit(mailbox, reason, len(reason))
    if status != ClosedError.status:
        check(status)


def mailbox_pid(mailbox: int) -> Pid:
    pid = CPid()
    check(lib.erln_mailbox_pid(mailbox, byref(pid)))
    return pid.pid()


def mailbox_fd(mailbox: int) -> int:
    return int(_get(lib.erln_mailbox_fd, mailbox, c_int32))


def mailbox_register(mailbox: int, name: str) -> None:
    check(lib.erln_mailbox_register(mailbox, _text(name)))


def mailbox_unregister(mailbox: int) -> None:
    check(lib.erln_mailbox_unregister(mailbox))


def mailbox_set_trap_exit(mailbox: int, trap: bool) -> None:
    check(lib.erln_mailbox_set_trap_exit(mailbox, trap))


def mailbox_monitor_nodes(mailbox: int, on: bool, visible_only: bool, info: bool) -> None:
    check(
        lib.erln_mailbox_monitor_nodes(mailbox, visible_only, info)
        if on
        else lib.erln_mailbox_demonitor_nodes(mailbox)
    )


def mailbox_monitor_node(mailbox: int, peer: str, on: bool) -> None:
    call = lib.erln_mailbox_monitor_node if on else lib.erln_mailbox_demonitor_node
    check(call(mailbox, _text(peer)))


def mailbox_exit_reason(mailbox: int) -> Optional[bytes]:
    """The encoded reason a mailbox ended with; None while it lives."""
    writer = c_void_p(lib.erln_writer_new())
    try:
        status = lib.erln_mailbox_exit_reason(mailbox, writer)
        if status == Timeout.status:
            return None
        check(status)
        reason = CBytes()
        check(lib.erln_writer_finish(writer, byref(reason)))
        return reason.bytes()
    finally:
        lib.erln_writer_free(writer)


def mailbox_load(mailbox: int) -> Tuple[int, int, int]:
    messages, size, dropped = c_size_t(), c_size_t(), c_uint64()
    check(lib.erln_mailbox_load(mailbox, byref(messages), byref(size), byref(dropped)))
    return messages.value, size.value, dropped.value


# ---------------------------------------------------------------------------------------- links, monitors, exits


def monitor(mailbox: int, target: Any, alias: Optional[str]) -> Reference:
    out = CReference()
    check(lib.erln_monitor(mailbox, CTo.of(target), _choice(ALIAS_MODES, alias, "alias"), byref(out)))
    return out.reference()


def demonitor(mailbox: int, reference: Reference, flush: bool) -> None:
    check(lib.erln_demonitor(mailbox, byref(CReference.of(reference)), flush))


def link(mailbox: int, pid: Pid) -> None:
    check(lib.erln_link(mailbox, byref(CPid.of(pid))))


def unlink(mailbox: int, pid: Pid) -> None:
    check(lib.erln_unlink(mailbox, byref(CPid.of(pid))))


def send_exit(mailbox: int, to: Union[Pid, Reference], reason: bytes) -> None:
    if isinstance(to, Reference):
        check(lib.erln_exit_priority(mailbox, byref(CReference.of(to)), reason, len(reason)))
    else:
        check(lib.erln_exit(mailbox, byref(CPid.of(to)), reason, len(reason)))


def alias(mailbox: int, priority: bool) -> Reference:
    out = CReference()
    check((lib.erln_priority_alias if priority else lib.erln_alias)(mailbox, byref(out)))
    return out.reference()


def unalias(mailbox: int, reference: Reference) -> None:
    check(lib.erln_unalias(mailbox, byref(CReference.of(reference))))


# ------------------------------------------------------------------------------------------- spawn and requests


def export(mailbox: int, module: str, function: str, arity: Optional[int]) -> None:
    check(lib.erln_export(mailbox, _text(module), _text(function), -1 if arity is None else arity))


def task_supervise(mailbox: int, max_children: int, max_restarts: int, max_seconds: int) -> None:
    check(lib.erln_task_supervise(mailbox, max_children, max_restarts, max_seconds))


def unexport(node: int, module: str, function: str, arity: Optional[int]) -> None:
    check(lib.erln_unexport(node, _text(module), _text(function), -1 if arity is None else arity))


def spawn(
    mailbox: int, peer: str, module: str, function: str, args: bytes, flags: int, timeout: Optional[float]
) -> Tuple[Pid, Reference]:
    pid, reference = CPid(), CReference()
    names = _text(peer), _text(module), _text(function)
    check(lib.erln_spawn(mailbox, *names, args, len(args), flags, milliseconds(timeout), byref(pid), byref(reference)))
    return pid.pid(), reference.reference()


def spawn_request(mailbox: int, peer: str, module: str, function: str, args: bytes, flags: int) -> Reference:
    out = CReference()
    names = _text(peer), _text(module), _text(function)
    check(lib.erln_spawn_request(mailbox, *names, args, len(args), flags, byref(out)))
    return out.reference()


def put_chars(mailbox: int, leader: Any, text: str, timeout: Optional[float]) -> None:
    check(lib.erln_put_chars(mailbox, CTo.of(leader), text.encode("utf-8"), milliseconds(timeout)))


def mailbox_group_leader(mailbox: int) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_mailbox_group_leader(mailbox, byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def set_group_leader(mailbox: int, pid: Pid, leader: Pid) -> None:
    check(lib.erln_set_group_leader(mailbox, byref(CPid.of(pid)), byref(CPid.of(leader))))


def mailbox_set_group_leader(mailbox: int, leader: Pid) -> None:
    check(lib.erln_mailbox_set_group_leader(mailbox, byref(CPid.of(leader))))


def request_open(message: int) -> Tuple[c_void_p, Atom, Atom, bytes, Pid, Pid, Pid]:
    """The request in a message, which is freed: its handle, module, function, encoded arguments, and its pid, its
    caller's and the group leader's."""
    request = c_void_p()
    try:
        check(lib.erln_msg_request(message, byref(request)))
    finally:
        lib.erln_msg_free(message)
    module, function, arity, args = CBytes(), CBytes(), c_uint32(), CBytes()
    check(lib.erln_request_function(request, byref(module), byref(function), byref(arity)))
    check(lib.erln_request_args(request, byref(args)))
    pids = []
    for call in (lib.erln_request_pid, lib.erln_request_caller, lib.erln_request_leader):
        pid = CPid()
        check(call(request, byref(pid)))
        pids.append(pid.pid())
    names = Atom(module.bytes().decode()), Atom(function.bytes().decode())
    return (request, *names, args.bytes(), *pids)  # type: ignore[return-value]


def request_reply(request: c_void_p, result: bytes) -> None:
    check(lib.erln_request_reply(request, result, len(result)))


def request_fail(request: c_void_p, kind: str, reason: bytes) -> None:
    check(lib.erln_request_fail(request, _choice(CLASSES, kind, "kind"), reason, len(reason)))


def request_is_wanted(request: c_void_p) -> bool:
    return bool(lib.erln_request_is_wanted(request))


def request_free(request: c_void_p) -> None:
    lib.erln_request_free(request)


# --------------------------------------------------------------------------------------------- groups and pubsub


def _pids(pids: Sequence[Pid]) -> Any:
    return (CPid * len(pids))(*map(CPid.of, pids))


def _payload(message: c_void_p) -> bytes:
    """The encoded term of a message, which is freed."""
    try:
        out = CBytes()
        check(lib.erln_msg_payload(message, byref(out)))
        return out.bytes()
    finally:
        lib.erln_msg_free(message)


def pg_start(node: int, scope: str) -> None:
    check(lib.erln_pg_start(node, _text(scope)))


def pg_stop(node: int, scope: str) -> None:
    check(lib.erln_pg_stop(node, _text(scope)))


def pg_join(node: int, scope: str, group: bytes, pids: Sequence[Pid]) -> None:
    check(lib.erln_pg_join_term(node, _text(scope), group, len(group), _pids(pids), len(pids)))


def pg_leave(node: int, scope: str, group: bytes, pids: Sequence[Pid]) -> bool:
    left = c_bool()
    check(lib.erln_pg_leave_term(node, _text(scope), group, len(group), _pids(pids), len(pids), byref(left)))
    return left.value


def pg_members(node: int, scope: str, group: bytes, local: bool) -> bytes:
    out = c_void_p()
    check(lib.erln_pg_members_term(node, _text(scope), group, len(group), local, byref(out)))
    return _payload(out)


def pg_groups(node: int, scope: str, local: bool) -> bytes:
    out = c_void_p()
    check(lib.erln_pg_groups(node, _text(scope), local, byref(out)))
    return _payload(out)


def pg_monitor(mailbox: int, scope: str, group: Optional[bytes]) -> Tuple[Reference, bytes]:
    reference, known = CReference(), c_void_p()
    size = 0 if group is None else len(group)
    check(lib.erln_pg_monitor_term(mailbox, _text(scope), group, size, byref(reference), byref(known)))
    return reference.reference(), _payload(known)


def pg_demonitor(mailbox: int, scope: str, reference: Reference) -> None:
    check(lib.erln_pg_demonitor(mailbox, _text(scope), byref(CReference.of(reference))))


def _global_register(call: Any, node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    function = resolve if ":" in resolve else None
    how = _choice(RESOLVE, "function" if function else resolve, "resolve")
    text = _optional(function)
    check(call(node, name, len(name), byref(CPid.of(pid)), how, text, milliseconds(timeout)))


def global_register(node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    _global_register(lib.erln_global_register_term, node, name, pid, resolve, timeout)


def global_reregister(node: int, name: bytes, pid: Pid, resolve: str, timeout: Optional[float]) -> None:
    _global_register(lib.erln_global_reregister_term, node, name, pid, resolve, timeout)


def global_unregister(node: int, name: bytes, timeout: Optional[float]) -> None:
    check(lib.erln_global_unregister_term(node, name, len(name), milliseconds(timeout)))


def global_whereis(node: int, name: bytes, timeout: Optional[float]) -> Optional[Pid]:
    pid = CPid()
    status = lib.erln_global_whereis_term(node, name, len(name), milliseconds(timeout), byref(pid))
    if status == NoProcessError.status:
        return None
    check(status)
    return pid.pid()


def global_names(node: int, timeout: Optional[float]) -> bytes:
    out = c_void_p()
    check(lib.erln_global_names(node, milliseconds(timeout), byref(out)))
    return _payload(out)


def global_sync(node: int, timeout: Optional[float]) -> None:
    check(lib.erln_global_sync(node, milliseconds(timeout)))


def global_set_lock(mailbox: int, resource: bytes, retries: int, timeout: Optional[float]) -> bool:
    locked = c_bool()
    call = lib.erln_global_set_lock_term
    check(call(mailbox, resource, len(resource), retries, milliseconds(timeout), byref(locked)))
    return locked.value


def global_del_lock(mailbox: int, resource: bytes, timeout: Optional[float]) -> None:
    check(lib.erln_global_del_lock_term(mailbox, resource, len(resource), milliseconds(timeout)))


def pubsub_start(node: int, pubsub: str, pool_size: int) -> None:
    check(lib.erln_pubsub_start(node, _text(pubsub), pool_size))


def pubsub_subscribe(mailbox: int, pubsub: str, topic: str, on: bool) -> None:
    call = lib.erln_pubsub_subscribe if on else lib.erln_pubsub_unsubscribe
    check(call(mailbox, _text(pubsub), _text(topic)))


def pubsub_broadcast(
    mailbox: int,
    pubsub: str,
    topic: str,
    audience: str,
    dispatcher: Optional[str],
    term: bytes,
    timeout: Optional[float],
) -> None:
    whom, module = _choice(AUDIENCES, audience, "audience"), _optional(dispatcher)
    names = _text(pubsub), _text(topic), whom, module
    check(lib.erln_pubsub_broadcast_term(mailbox, *names, term, len(term), milliseconds(timeout)))


def pubsub_direct_broadcast(
    mailbox: int, pubsub: str, peer: str, topic: str, dispatcher: Optional[str], term: bytes, timeout: Optional[float]
) -> None:
    names = _text(pubsub), _text(peer), _text(topic), _optional(dispatcher)
    check(lib.erln_pubsub_direct_broadcast_term(mailbox, *names, term, len(term), milliseconds(timeout)))


# --------------------------------------------------------------------------------------------------- discovery


def discover(way: str, node: int, *texts: str) -> None:
    check(getattr(lib, f"erln_discover_{way}")(node, *map(_text, texts)))


def discover_srv(node: int, basename: str, query: str, server: Optional[str]) -> None:
    check(lib.erln_discover_srv(node, _text(basename), _text(query), _optional(server)))


def discover_gossip(
    node: int, group: Optional[str], interface: Optional[str], secret: Optional[str], announce: bool
) -> None:
    check(lib.erln_discover_gossip(node, _optional(group), _optional(interface), _optional(secret), announce))


def discover_names(node: int) -> List[str]:
    names = c_void_p()
    check(lib.erln_discover_names(node, byref(names)))
    return _names(names)


def discover_watch(mailbox: int) -> None:
    check(lib.erln_discover_watch(mailbox))


def discover_stop(node: int) -> None:
    check(lib.erln_discover_stop(node))


# ------------------------------------------------------------------------------------------------------- codec

#: Functions of Python's stable ABI, in the order of `Functions` in src/ffi/python/api.rs.
_FUNCTIONS = (
    "Py_IncRef",
    "Py_DecRef",
    "PyList_New",
    "PyList_SetItem",
    "PyList_Append",
    "PyList_Size",
    "PyList_GetItem",
    "PyTuple_New",
    "PyTuple_SetItem",
    "PyTuple_Size",
    "PyTuple_GetItem",
    "PyDict_New",
    "PyDict_SetItem",
    "PyDict_Size",
    "PyDict_Next",
    "PyLong_FromLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyLong_AsLongLongAndOverflow",
    "PyFloat_FromDouble",
    "PyFloat_AsDouble",
    "PyBytes_FromStringAndSize",
    "PyBytes_AsStringAndSize",
    "PyUnicode_FromStringAndSize",
    "PyUnicode_AsUTF8AndSize",
    "PyObject_GetAttr",
    "PyObject_GenericSetAttr",
    "PyObject_CallObject",
    "PyErr_SetObject",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "PyCFunction_NewEx",
    "PyErr_Occurred",
    "PyErr_Fetch",
    "PyErr_Restore",
)


#: What the library answers when there is no message.
NOTHING = object()


def _failure(status: int, text: str) -> Error:
    """The exception for a status of the library; 0 stands for a term that cannot be encoded."""
    return (BY_STATUS.get(status, Error) if status else EncodeError)(text)


def _pause_collector() -> bool:
    """Stops the collector of garbage and tells whether it ran."""
    was_on = gc.isenabled()
    gc.disable()
    return was_on


def _objects() -> Tuple[Any, ...]:
    """Objects the codec knows, in the order of `Objects` in src/ffi/python/api.rs."""
    from functools import partial

    from . import _etf, _terms as t

    # From 3.12 on the collector only runs between instructions.
    collector = (None, None) if sys.version_info >= (3, 12) else (_pause_collector, gc.enable)
    return (
        None, True, False, int, float, str, bytes, list, tuple, dict,
        t.Atom, t.Pid, t.Port, t.Reference, t.Fun, t.Export, t.BitString, t.Record, t.Frozen, t.ImproperList, t.Float,
        *(partial(object.__new__, cls) for cls in (t.Pid, t.Port, t.Reference, t.Fun, t.Export, t.BitString, t.Record)),
        _etf.freeze, _etf.int_from_bytes, _etf.int_to_bytes, t.exact_key, t.exact_keys, _etf.replace,
        "_wire", "items", "tail",
        *collector,
        _request, NOTHING, _failure,
    )  # fmt: skip


def _request(message: int) -> Any:
    """The `Request` that owns an erln_msg."""
    from ._request import Request

    return Request(message)


def _reaches_in() -> bool:
    """Whether the library may make Python objects: it counts references and walks containers under the interpreter
    lock, as CPython with that lock allows."""
    if sys.implementation.name != "cpython" or os.environ.get("ERLNODE_CODEC") == "python":
        return False
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)()) and _in_main_interpreter()


def _in_main_interpreter() -> bool:
    """False in a sub-interpreter (mod_wsgi has some): the library knows the objects of one interpreter only."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            module = importlib.import_module(name)
            return bool(module.get_current() == module.get_main())
        except (ImportError, AttributeError):
            continue
    return True


def _introduce() -> Tuple[Callable[..., Any], ...]:
    """Tells the library where Python's functions and our objects are, and gets the functions of METHODS in
    src/ffi/python.rs."""
    functions = (c_void_p * len(_FUNCTIONS))(
        *(ctypes.cast(getattr(ctypes.pythonapi, name), c_void_p).value for name in _FUNCTIONS)
    )
    values = _objects()
    objects = (c_void_p * len(values))(*(id(value) for value in values))
    made = (py_object * 6)()
    out = ctypes.cast(made, POINTER(c_void_p))
    check(locked.erln_python_setup(functions, len(_FUNCTIONS), objects, len(values), out, len(made)))
    return tuple(made)


def _send_bytes(mailbox: int, to: Any, message: Term) -> Any:
    """`send_now` where terms cross the border as bytes."""
    data = encode(message)
    status = lib.erln_send_term(mailbox, CTo.of(to), data, len(data), 0)
    if status in (Timeout.status, BusyError.status):
        return NOTHING
    check(status)
    return None


def send_waiting(
    mailbox: int, to: Any, message: Term, timeout: Optional[float], priority: bool = False
) -> None:
    """Sends, and waits for a connection and for room, without the interpreter lock."""
    data = encode(message)
    check(lib.erln_send_term(mailbox, CTo.of(to, priority), data, len(data), milliseconds(timeout)))


def _take_bytes(mailbox: int, reference: Optional[Reference], detail: bool) -> Any:
    """`take` where terms cross the border as bytes."""
    message = c_void_p()
    if reference is None:
        status = lib.erln_mailbox_recv(mailbox, 0, byref(message))
    else:
        wanted = CReference.of(reference)
        status = lib.erln_mailbox_recv_ref(mailbox, byref(wanted), 0, byref(message))
    if status == Timeout.status:
        return NOTHING
    check(status)
    kind, sender, payload = lib.erln_msg_kind(message), CPid(), CBytes()
    known = lib.erln_msg_from(message, byref(sender))
    if kind == MSG_REQUEST:
        term = _request(message.value or 0)
    else:
        try:
            check(lib.erln_msg_payload(message, byref(payload)))
            term = decode(payload.bytes())
        finally:
            lib.erln_msg_free(message)
    return (kind, term, sender.pid() if known else None) if detail else term


def _wait_bytes(mailbox: int, reference: Optional[Reference], timeout_ms: int) -> bool:
    """`wait` where the library cannot reach into the interpreter."""
    fd = mailbox_fd(mailbox)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if reference is not None:
        # The descriptor also tells of messages that do not answer.
        timeout_ms = min(timeout_ms, PAUSE_MS)
        poll.unregister(fd)
    poll.poll(timeout_ms)
    return True


def _ask_bytes(mailbox: int, to: Any, request: Term) -> Any:
    """`ask` where the library cannot reach into the interpreter: by steps, in Python."""
    return NOTHING


#: Encodes and decodes without version byte; sends without waiting (`NOTHING` if that cannot be); takes a message
#: (`NOTHING` if there is none); waits, without the interpreter lock, until `take` would find something.
encode: Callable[[Term], bytes]
decode: Callable[[bytes], Term]
send_now: Callable[[int, Any, Term], Any]
take: Callable[[int, Optional[Reference], bool], Any]
wait: Callable[[int, Optional[Reference], int], bool]
#: Begins a gen_server call and gives its reference (`NOTHING` if it cannot be sent without waiting).
ask: Callable[[int, Any, Term], Any]

FAST = _reaches_in()
if FAST:
    decode, encode, send_now, take, wait, ask = _introduce()
else:
    from ._etf import decode, encode

    send_now, take, wait, ask = _send_bytes, _take_bytes, _wait_bytes, _ask_bytes
