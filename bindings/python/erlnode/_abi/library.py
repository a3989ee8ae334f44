"""The loaded library: every function with its types, a status as an exception, and values as C takes them.

Functions that may wait are called without the interpreter lock (`lib`); those that make Python objects are called with
it (`locked`).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys
from ctypes import POINTER, byref, c_bool, c_char_p, c_int32, c_size_t, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any, Iterator, List, Optional, Tuple, Union

from .._errors import BY_STATUS, ArgumentError, Error
from .._terms import Atom
from .declarations import DECLARATIONS
from .structs import CBytes, CName, CPid, CReference, CTo, MailboxId, NodeId, c_text

#: The ABI this package is written for; compare ERLN_ABI in erlnode.h.
ABI = 1

FOREVER = -1  # ERLN_FOREVER


def _candidates() -> Iterator[str]:
    """Where the library may be, best first."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
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
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(f"{library._name} lacks {name}: it is older than this package; use the two of one release")
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


def c_optional(name: Union[None, str, Atom]) -> Optional[bytes]:
    return None if name is None else c_text(name)


def milliseconds(seconds: Optional[float]) -> int:
    """A timeout as C takes it."""
    if seconds is None:
        return FOREVER
    if seconds != seconds or seconds < 0:
        raise ArgumentError(f"a timeout is None, 0 or a number of seconds, not {seconds}")
    # The longest C can tell is 24 days; rounded up, so that a short wait is a wait.
    return min(2**31 - 1, int(-(-seconds * 1000 // 1)) if seconds < 2**31 else 2**31 - 1)


def choice(table: Any, value: Any, what: str) -> int:
    """The number of a word."""
    try:
        return int(table[value])
    except (KeyError, TypeError):
        known = ", ".join(repr(word) for word in table if word is not None)
        raise ArgumentError(f"{what} is one of {known}, not {value!r}") from None


def value_of(call: Any, handle: Any, kind: Any) -> Any:
    """What a call with one output gives."""
    out = kind()
    check(call(handle, byref(out)))
    return out.value


def names_of(names: c_void_p) -> List[str]:
    try:
        return [lib.erln_names_get(names, index).decode() for index in range(lib.erln_names_count(names))]
    finally:
        lib.erln_names_free(names)


def payload_of(message: c_void_p) -> bytes:
    """The encoded term of a message, which is freed."""
    try:
        out = CBytes()
        check(lib.erln_msg_payload(message, byref(out)))
        return out.bytes()
    finally:
        lib.erln_msg_free(message)
