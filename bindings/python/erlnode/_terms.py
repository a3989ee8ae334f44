"""Erlang terms that Python has no type for.

Each is immutable, hashable, and shows itself as Erlang would write it. Those that name something on a node (pids,
references, ports, funs) keep their encoding and compare by it, so nothing is ever lost on the way back.

=================  ==================================================================
Erlang             Python
=================  ==================================================================
integer, float     ``int``, ``float``
true, false, nil   ``True``, ``False``, ``None``
any other atom     ``Atom``
binary             ``bytes`` (a ``str`` that you send becomes its UTF-8)
list, tuple, map   ``list``, ``tuple``, ``dict``
"text" (charlist)  ``list`` of ``int``; make one with ``charlist``, read one with ``text``
improper list      ``ImproperList``
bit string         ``BitString``
pid, ref, port     ``Pid``, ``Reference``, ``Port``
fun                ``Fun`` (only to be sent back), ``Export`` for ``fun m:f/a``
=================  ==================================================================
"""

from __future__ import annotations

import re
import struct
import threading
import weakref
from typing import Any, Dict, Iterable, List, Optional, Tuple, Type, TypeVar, Union

__all__ = [
    "Atom",
    "BitString",
    "Export",
    "Float",
    "Frozen",
    "Fun",
    "ImproperList",
    "Pid",
    "Port",
    "Record",
    "Reference",
    "Term",
    "charlist",
    "text",
]

W = TypeVar("W")

#: Anything that can be sent. Deliberately ``Any``: a recursive type of all terms helps nobody at the call.
Term = Any

#: The most characters an atom may have; a BEAM drops the connection for more.
MAX_ATOM_CHARS = 255

_PLAIN_ATOM = re.compile(r"[a-zß-öø-ÿ][a-zA-Z0-9_@ß-öø-ÿÀ-ÖØ-Þ]*\Z")
_RESERVED = frozenset(
    "after and andalso band begin bnot bor bsl bsr bxor case catch cond div else end fun if let maybe not of or orelse"
    " receive rem try when xor".split()
)
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "'": "\\'"}


def _encode_atom(name: str) -> bytes:
    data = name.encode("utf-8")
    if len(data) < 256:
        return bytes((119, len(data))) + data
    return b"v" + struct.pack(">H", len(data)) + data


class Atom:
    """An Erlang atom: ``Atom("ok")``. There is one object per name, so ``==`` is as fast as ``is``.

    Not a ``str`` and not equal to one: Erlang tells ``ok`` and ``<<"ok">>`` apart. In ``match`` statements
    ``Atom("ok")`` is a pattern. ``true``, ``false`` and ``nil`` arrive as ``True``, ``False`` and ``None``.
    """

    __slots__ = ("__weakref__", "_wire", "name")
    __match_args__ = ("name",)

    #: The text.
    name: str
    _wire: bytes

    def __new__(cls, name: Union[str, "Atom"]) -> "Atom":
        if isinstance(name, Atom):
            return name
        atom = _atoms.get(name)
        if atom is None:
            with _atoms_lock:
                atom = _atoms.get(name)
                if atom is None:
                    atom = cls._make(name)
                    _atoms[name] = atom
        return atom

    @classmethod
    def _make(cls, name: str) -> "Atom":
        if not isinstance(name, str):
            raise TypeError(f"the name of an atom must be a str, not {type(name).__name__}")
        if len(name) > MAX_ATOM_CHARS:
            raise ValueError(f"an atom has at most {MAX_ATOM_CHARS} characters, this has {len(name)}")
        atom = object.__new__(cls)
        object.__setattr__(atom, "name", str(name))
        object.__setattr__(atom, "_wire", _encode_atom(name))
        return atom

    def __init_subclass__(cls) -> None:
        raise TypeError("Atom cannot be subclassed: there is one object per name")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("an atom does not change")

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        if _PLAIN_ATOM.match(self.name) and self.name not in _RESERVED:
            return self.name
        return "'" + "".join(_ESCAPES.get(c, c) for c in self.name) + "'"

    def __lt__(self, other: Any) -> bool:
        return self.name < other.name if isinstance(other, Atom) else NotImplemented

    def __reduce__(self) -> Tuple[Any, ...]:
        return Atom, (self.name,)

    def __copy__(self) -> "Atom":
        return self

    def __deepcopy__(self, memo: Any) -> "Atom":
        return self


# All atoms that somebody holds. Reentrant: making an atom may collect garbage, whose finalizers may make atoms.
_atoms: "weakref.WeakValueDictionary[str, Atom]" = weakref.WeakValueDictionary()
_atoms_lock = threading.RLock()


def _reset_after_fork() -> None:
    """The lock of the parent may be held by a thread that does not exist here."""
    global _atoms_lock
    _atoms_lock = threading.RLock()


class _Wire:
    """A term that keeps its encoding, compares by it, and reads its parts from it when asked."""

    __slots__ = ("_wire",)
    _wire: bytes

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a {type(self).__name__} does not change")

    def __eq__(self, other: Any) -> bool:
        return self._wire == other._wire if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._wire)

    def __lt__(self, other: Any) -> bool:
        return self._wire < other._wire if type(other) is type(self) else NotImplemented

    def __reduce__(self) -> Tuple[Any, ...]:
        return _from_wire, (type(self), self._wire)

    def __copy__(self) -> "_Wire":
        return self

    def __deepcopy__(self, memo: Any) -> "_Wire":
        return self


def _from_wire(cls: Type[W], wire: bytes) -> W:
    """An object of a class that keeps its encoding."""
    new = object.__new__(cls)
    object.__setattr__(new, "_wire", wire)
    return new


def _read_atom(data: bytes, at: int) -> Tuple[str, int]:
    """The atom at ``at`` and the place after it."""
    if data[at] == 119:
        start, end = at + 2, at + 2 + data[at + 1]
    else:
        start, end = at + 3, at + 3 + (data[at + 1] << 8 | data[at + 2])
    return data[start:end].decode("utf-8"), end


def _node_atom(node: Union[str, Atom]) -> bytes:
    return Atom(node)._wire


class Pid(_Wire):
    """A process identifier: ``Pid(node, id, serial, creation)``."""

    __slots__ = ()
    __match_args__ = ("node", "id", "serial", "creation")

    def __new__(cls, node: Union[str, Atom], id: int, serial: int, creation: int) -> "Pid":
        return _from_wire(cls, b"X" + _node_atom(node) + struct.pack(">III", id, serial, creation))

    def _parts(self) -> Tuple[str, int, int, int]:
        node, at = _read_atom(self._wire, 1)
        return (node, *struct.unpack_from(">III", self._wire, at))

    @property
    def node(self) -> str:
        """The name of the node the process lives on."""
        return self._parts()[0]

    @property
    def id(self) -> int:
        return self._parts()[1]

    @property
    def serial(self) -> int:
        return self._parts()[2]

    @property
    def creation(self) -> int:
        """Which start of the node it belongs to."""
        return self._parts()[3]

    def __repr__(self) -> str:
        node, id_, serial, _ = self._parts()
        return f"#Pid<{node}.{id_}.{serial}>"


class Port(_Wire):
    """A port identifier: ``Port(node, id, creation)``."""

    __slots__ = ()
    __match_args__ = ("node", "id", "creation")

    def __new__(cls, node: Union[str, Atom], id: int, creation: int) -> "Port":
        return _from_wire(cls, b"x" + _node_atom(node) + struct.pack(">QI", id, creation))

    def _parts(self) -> Tuple[str, int, int]:
        node, at = _read_atom(self._wire, 1)
        return (node, *struct.unpack_from(">QI", self._wire, at))

    @property
    def node(self) -> str:
        """The name of the node the port is on."""
        return self._parts()[0]

    @property
    def id(self) -> int:
        return self._parts()[1]

    @property
    def creation(self) -> int:
        return self._parts()[2]

    def __repr__(self) -> str:
        node, id_, _ = self._parts()
        return f"#Port<{node}.{id_}>"


class Reference(_Wire):
    """A reference: ``Reference(node, creation, words)``; new ones come from ``Node.make_reference``."""

    __slots__ = ()
    __match_args__ = ("node", "creation", "words")

    def __new__(cls, node: Union[str, Atom], creation: int, words: Iterable[int]) -> "Reference":
        numbers = tuple(words)
        if len(numbers) > 5:
            raise ValueError(f"a reference has at most 5 words, this has {len(numbers)}")
        head = b"Z" + struct.pack(">H", len(numbers)) + _node_atom(node)
        return _from_wire(cls, head + struct.pack(f">I{len(numbers)}I", creation, *numbers))

    def _parts(self) -> Tuple[str, int, Tuple[int, ...]]:
        (count,) = struct.unpack_from(">H", self._wire, 1)
        node, at = _read_atom(self._wire, 3)
        creation, *words = struct.unpack_from(f">I{count}I", self._wire, at)
        return node, creation, tuple(words)

    @property
    def node(self) -> str:
        """The name of the node that made it."""
        return self._parts()[0]

    @property
    def creation(self) -> int:
        return self._parts()[1]

    @property
    def words(self) -> Tuple[int, ...]:
        return self._parts()[2]

    def __repr__(self) -> str:
        node, _, words = self._parts()
        return f"#Ref<{node}.{'.'.join(map(str, reversed(words)))}>"


class Export(_Wire):
    """A function known by name: ``Export("lists", "reverse", 1)`` is ``fun lists:reverse/1``."""

    __slots__ = ()
    __match_args__ = ("module", "function", "arity")

    def __new__(cls, module: Union[str, Atom], function: Union[str, Atom], arity: int) -> "Export":
        if not 0 <= arity <= 255:
            raise ValueError(f"arity {arity} is not between 0 and 255")
        wire = b"q" + Atom(module)._wire + Atom(function)._wire + bytes((97, arity))
        return _from_wire(cls, wire)

    def _parts(self) -> Tuple[Atom, Atom, int]:
        module, at = _read_atom(self._wire, 1)
        function, at = _read_atom(self._wire, at)
        return Atom(module), Atom(function), self._wire[at + 1]

    @property
    def module(self) -> Atom:
        return self._parts()[0]

    @property
    def function(self) -> Atom:
        return self._parts()[1]

    @property
    def arity(self) -> int:
        return self._parts()[2]

    def __repr__(self) -> str:
        module, function, arity = self._parts()
        return f"fun {module!r}:{function!r}/{arity}"


class Fun(_Wire):
    """A closure of a BEAM. It cannot be called or made here; sent back, it arrives as it was."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> "Fun":
        raise TypeError("a Fun only comes from a BEAM; for a function known by name use Export")

    @property
    def arity(self) -> int:
        return self._wire[5]

    @property
    def module(self) -> Atom:
        """The module whose code it is."""
        return Atom(_read_atom(self._wire, 30)[0])

    def __repr__(self) -> str:
        (index,) = struct.unpack_from(">I", self._wire, 22)
        return f"#Fun<{self.module}.{index}>"


class Record(_Wire):
    """A native record of OTP 29 or newer, kept as it came."""

    __slots__ = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> "Record":
        raise TypeError("a Record only comes from a BEAM")

    def __repr__(self) -> str:
        return f"#Record<{len(self._wire)} bytes>"


class BitString(_Wire):
    """Bits that do not fill their last byte: ``BitString(b"\\x01\\xc0", 2)`` has 8 + 2 bits."""

    __slots__ = ()
    __match_args__ = ("data", "bits")

    def __new__(cls, data: bytes, bits: int) -> "BitString":
        if not data or not 1 <= bits <= 7:
            raise ValueError("a BitString has at least one byte, and 1 to 7 bits in the last (8 are plain bytes)")
        last = data[-1] >> (8 - bits) << (8 - bits)
        return _from_wire(cls, b"M" + struct.pack(">IB", len(data), bits) + bytes(data[:-1]) + bytes((last,)))

    @property
    def data(self) -> bytes:
        """The bytes; unused bits of the last one are 0."""
        return self._wire[6:]

    @property
    def bits(self) -> int:
        """How many bits of the last byte count, from the highest."""
        return self._wire[5]

    def __len__(self) -> int:
        """The number of bits."""
        return (len(self._wire) - 7) * 8 + self.bits

    def __repr__(self) -> str:
        *whole, last = self.data
        return "<<" + "".join(f"{byte}," for byte in whole) + f"{last >> (8 - self.bits)}:{self.bits}>>"


class ImproperList:
    """A list that does not end in ``[]``: ``ImproperList([1, 2], 3)`` is ``[1, 2 | 3]``."""

    __slots__ = ("items", "tail")
    __match_args__ = ("items", "tail")

    #: The elements before the tail; at least one.
    items: List[Term]
    #: What stands where a proper list has ``[]``.
    tail: Term

    def __init__(self, items: Iterable[Term], tail: Term) -> None:
        self.items = items if type(items) is list else list(items)
        if type(tail) is ImproperList:
            self.items, tail = self.items + tail.items, tail.tail
        if not self.items:
            raise ValueError("an ImproperList needs an item before its tail")
        if type(tail) is list:
            raise ValueError("a list whose tail is a list is a plain list")
        self.tail = tail

    def __eq__(self, other: Any) -> bool:
        if type(other) is not ImproperList:
            return NotImplemented
        return bool(self.items == other.items and self.tail == other.tail)

    __hash__ = None  # type: ignore[assignment]  # as for list; as a key it becomes a Frozen

    def __repr__(self) -> str:
        return "[" + ", ".join(map(repr, self.items)) + f" | {self.tail!r}]"


class Float(float):
    """A float as a key beside integers: not equal to the ``int`` or ``bool`` of the same value, as in Erlang.

    Only maps whose keys mix integers, floats or booleans arrive with such keys; booleans are then ``Atom("true")``
    and ``Atom("false")``.
    """

    __slots__ = ()

    def __eq__(self, other: Any) -> bool:
        return type(other) is Float and struct.pack(">d", self) == struct.pack(">d", other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(("Float", struct.pack(">d", self)))

    def __reduce__(self) -> Tuple[Any, ...]:
        return Float, (float(self),)


class Frozen:
    """A list or map (or a tuple holding one) as a key of a ``dict``: ``{Frozen([1, 2]): "x"}``.

    Two are equal when Erlang says so (``=:=``): ``Frozen([1])`` is not ``Frozen([1.0])``.
    """

    __slots__ = ("_wire",)
    __match_args__ = ("value",)
    _wire: bytes

    def __init__(self, value: Term) -> None:
        from ._codec import encode_canonical

        object.__setattr__(self, "_wire", encode_canonical(value))

    @property
    def value(self) -> Term:
        """A new copy of the list or map."""
        from ._codec import decode_bare

        return decode_bare(self._wire)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Frozen does not change")

    def __eq__(self, other: Any) -> bool:
        return self._wire == other._wire if type(other) is Frozen else NotImplemented

    def __hash__(self) -> int:
        return hash(self._wire)

    def __reduce__(self) -> Tuple[Any, ...]:
        return Frozen, (self.value,)

    def __repr__(self) -> str:
        return f"Frozen({self.value!r})"


def exact_key(key: Term) -> Term:
    """``key`` told apart from numbers of another type, in tuples too."""
    if type(key) is float:
        return Float(key)
    if type(key) is bool:
        return Atom("true" if key else "false")
    if type(key) is not tuple:
        return key
    # Without recursion: a key may be nested as deeply as a peer likes.
    stack: List[Any] = [(key, 0, [])]
    while True:
        items, at, done = stack.pop()
        if at == len(items):
            value: Term = tuple(done)
            if not stack:
                return value
            stack[-1][2].append(value)
            continue
        stack.append((items, at + 1, done))
        item = items[at]
        if type(item) is tuple:
            stack.append((item, 0, []))
        else:
            done.append(exact_key(item))


def exact_keys(terms: Dict[Term, Term]) -> Dict[Term, Term]:
    """A dict whose keys are all told apart from numbers of another type."""
    return {exact_key(key): value for key, value in terms.items()}


def charlist(string: str) -> List[int]:
    """The Erlang string ``"..."``: a list of code points."""
    return [ord(char) for char in string]


def text(term: Term, errors: Optional[str] = "strict") -> str:
    """Text from what Erlang uses for text: a binary, a charlist, an atom, or lists of those (iodata)."""
    if isinstance(term, str):
        return term
    if isinstance(term, Atom):
        return term.name
    if isinstance(term, (bytes, bytearray)):
        return term.decode("utf-8", errors or "strict")
    if not isinstance(term, (list, ImproperList)):
        raise TypeError(f"no text: {term!r}")
    out: List[bytes] = []
    stack: List[Term] = [term]
    while stack:
        item = stack.pop()
        if isinstance(item, int) and not isinstance(item, bool):
            out.append(chr(item).encode("utf-8", "surrogatepass"))
        elif isinstance(item, (bytes, bytearray)):
            out.append(bytes(item))
        elif isinstance(item, list):
            stack.extend(reversed(item))
        elif isinstance(item, ImproperList):
            stack.append(item.tail)
            stack.extend(reversed(item.items))
        else:
            raise TypeError(f"no text: {item!r}")
    return b"".join(out).decode("utf-8", errors or "strict")
