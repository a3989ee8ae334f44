"""The plain structures of erlnode.h, each under its declaration, and what they are in Python."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, Union

from .._errors import ArgumentError
from .._terms import Atom, Pid, Reference

NAME_SIZE = 256  # ERLN_NAME_SIZE


def c_text(name: Union[str, Atom]) -> bytes:
    """A name as C takes it."""
    text = str(name)
    if "\0" in text:
        raise ArgumentError("a name cannot contain NUL")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentError(f"a name is Unicode text, and {text!r} holds half of a character (a surrogate)") from None


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
            kind, kept = (2 if node is None else 3), ctypes.create_string_buffer(c_text(target))
        else:
            raise ArgumentError(
                "messages go to a Pid, a Reference (an alias), a name as str or Atom, or a tuple (name, node)"
            )
        to = cls(kind, 0, ctypes.cast(byref(kept), c_void_p), None if node is None else c_text(node))
        to.kept = kept
        return to
