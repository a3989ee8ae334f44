"""The external term format in Python alone.

The package uses it where the fast codec cannot be: on PyPy, on builds without the global lock, and for the canonical
encoding of `Frozen` keys. It also is what the tests compare the fast codec with. Neither direction recurses.
"""

from __future__ import annotations

import collections.abc
import itertools
import math
import operator
import re
import struct
from typing import Any, Dict, Iterator, List, Optional, Tuple

from ._errors import DecodeError, EncodeError
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
    _from_wire,
    exact_key,
    exact_keys,
)

# Longest list of bytes that Erlang writes as a string; largest integer a BEAM reads; deepest term we write.
MAX_BYTE_STRING = 65_535
MAX_INTEGER_BYTES = 524_280
MAX_DEPTH = 1 << 20
MAX_REPLACEMENTS = 8

_FLOAT_TEXT = re.compile(rb"[+-]?\d+\.\d+([eE][+-]?\d+)?")
_WIRE_CLASSES = frozenset((Atom, Pid, Port, Reference, Fun, Export, BitString, Record, Frozen))
_SIMPLE_KEYS = frozenset((Atom, str, bytes, int, float))


# ---------------------------------------------------------------------------------------------------- decoding


def decode(data: bytes) -> Term:
    """The term whose encoding (without the version byte) is ``data``."""
    try:
        value, at = _decode(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise DecodeError(f"malformed term: {error}") from None
    if at != len(data):
        raise DecodeError(f"malformed term: bytes after its end at byte {at}")
    return value


class _Open:
    """A container that is being read."""

    __slots__ = ("done", "exact", "items", "key", "kind", "kinds", "left", "pending", "total")

    def __init__(self, kind: str, total: int) -> None:
        self.kind = kind
        self.total = total
        self.left: Optional[int] = total  # None in a list: its tail follows, which is no list
        self.items: Any = {} if kind == "map" else []
        self.key: Any = None
        self.pending = False  # a key waits for its value
        self.done = 0  # pairs
        self.kinds = 0
        self.exact = False


def _decode(data: bytes, at: int) -> Tuple[Term, int]:
    stack: List[_Open] = []
    keying: List[_Open] = []  # the maps whose key is being read; a key holds no map, so one at most
    while True:
        in_key = keying[-1] if keying else None
        value, at, opened = _token(data, at, in_key)
        if opened is not None:
            if opened.kind == "map":
                keying.append(opened)
            stack.append(opened)
            continue
        if value is _TAIL:
            continue
        while stack:
            top = stack[-1]
            if top.kind == "tuple":
                top.items.append(value)
                top.left = top.total - len(top.items)
                if top.left:
                    break
                value = tuple(top.items)
            elif top.kind == "list":
                if top.left is not None:
                    top.items.append(value)
                    top.left -= 1
                    if top.left:
                        break
                    at, top.left = _ends(data, at, top.items)
                    if top.left or top.left is None:
                        break
                    value = top.items
                else:
                    value = ImproperList(top.items, value)
            elif not top.pending:
                if top.kinds & (top.kinds - 1):
                    if not top.exact:
                        top.items, top.exact = exact_keys(top.items), True
                    value = exact_key(value)
                top.key, top.pending = value, True
                keying.pop()
                break
            else:
                top.items[top.key] = value
                top.key, top.pending = None, False
                top.done += 1
                if top.done < top.total:
                    keying.append(top)
                    break
                if len(top.items) != top.total:
                    raise DecodeError(f"malformed map with a duplicate key at byte {at}")
                value = top.items
            stack.pop()
        else:
            return value, at


def _ends(data: bytes, at: int, items: List[Term]) -> Tuple[int, Optional[int]]:
    """Reads on after the last element announced: the place, and how many elements follow in a tail that is a list itself
    (0: the list is complete, None: a tail that is no list follows)."""
    while True:
        tag = data[at]
        if tag == 106:
            return at + 1, 0
        if tag == 107:
            (count,) = struct.unpack_from(">H", data, at + 1)
            items.extend(_take(data, at + 3, count))
            return at + 3 + count, 0
        if tag != 108:
            return at, None
        (count,) = struct.unpack_from(">I", data, at + 1)
        _fits(count, data, at + 5)
        at += 5
        if count:
            return at, count


_TAIL = object()  # a list without elements: the next term is its value
_INTEGER, _FLOAT, _BOOLEAN, _NEGATIVE_ZERO = 1, 2, 4, 8


def _take(data: bytes, at: int, count: int) -> bytes:
    if count > len(data) - at:
        raise DecodeError(f"malformed term: it ends too early, at byte {at}")
    return data[at : at + count]


def _token(data: bytes, at: int, in_key: Optional[_Open]) -> Tuple[Any, int, Optional[_Open]]:
    tag = data[at]
    if tag == 97:
        if in_key:
            in_key.kinds |= _INTEGER
        return data[at + 1], at + 2, None
    if tag == 98:
        if in_key:
            in_key.kinds |= _INTEGER
        return struct.unpack_from(">i", data, at + 1)[0], at + 5, None
    if tag in (119, 118, 115, 100):
        return _atom(data, at, in_key)
    if tag == 109:
        (count,) = struct.unpack_from(">I", data, at + 1)
        return _take(data, at + 5, count), at + 5 + count, None
    if tag == 104 or tag == 105:
        count, after = (data[at + 1], at + 2) if tag == 104 else (struct.unpack_from(">I", data, at + 1)[0], at + 5)
        _fits(count, data, after)
        return ((), after, None) if count == 0 else (None, after, _Open("tuple", count))
    if in_key and tag in (106, 107, 108, 116):
        end = _skip(data, at)
        return freeze(data[at:end]), end, None
    if tag == 106:
        return [], at + 1, None
    if tag == 107:
        (count,) = struct.unpack_from(">H", data, at + 1)
        return list(_take(data, at + 3, count)), at + 3 + count, None
    if tag == 108 or tag == 116:
        (count,) = struct.unpack_from(">I", data, at + 1)
        _fits(count, data, at + 5)
        if count == 0:
            return (_TAIL if tag == 108 else {}), at + 5, None
        return None, at + 5, _Open("list" if tag == 108 else "map", count)
    if tag == 70 or tag == 99:
        return _float(data, at, in_key)
    if tag == 110 or tag == 111:
        if in_key:
            in_key.kinds |= _INTEGER
        count, after = (data[at + 1], at + 3) if tag == 110 else (struct.unpack_from(">I", data, at + 1)[0], at + 6)
        if count > MAX_INTEGER_BYTES:
            raise DecodeError(f"malformed integer at byte {at}: too long")
        value = int.from_bytes(_take(data, after, count), "little")
        return (-value if data[after - 1] else value), after + count, None
    return _named(data, at, tag)


def _fits(count: int, data: bytes, at: int) -> None:
    if count > len(data) - at:
        raise DecodeError(f"malformed element count at byte {at}")


def _text_of_atom(data: bytes, at: int) -> Tuple[str, int]:
    tag = data[at]
    if tag in (119, 115):
        count, start = data[at + 1], at + 2
    elif tag in (118, 100):
        count, start = struct.unpack_from(">H", data, at + 1)[0], at + 3
    else:
        raise DecodeError(f"malformed atom at byte {at}")
    name = _take(data, start, count).decode("utf-8" if tag in (119, 118) else "latin-1")
    if len(name) > 255:
        raise DecodeError(f"malformed atom at byte {at}: more than 255 characters")
    return name, start + count


def _atom(data: bytes, at: int, in_key: Optional[_Open]) -> Tuple[Any, int, None]:
    name, end = _text_of_atom(data, at)
    if name == "true" or name == "false":
        if in_key:
            in_key.kinds |= _BOOLEAN
        return name == "true", end, None
    return (None if name == "nil" else Atom(name)), end, None


def _float(data: bytes, at: int, in_key: Optional[_Open]) -> Tuple[float, int, None]:
    if data[at] == 70:
        (value,), end = struct.unpack_from(">d", data, at + 1), at + 9
    else:
        text = _take(data, at + 1, 31).split(b"\0")[0]
        if not _FLOAT_TEXT.fullmatch(text):
            raise DecodeError(f"malformed float at byte {at}")
        value, end = float(text), at + 32
    if not math.isfinite(value):
        raise DecodeError(f"malformed float at byte {at}")
    if in_key:
        in_key.kinds |= _NEGATIVE_ZERO if value == 0 and math.copysign(1, value) < 0 else _FLOAT
    return value, end, None


def _named(data: bytes, at: int, tag: int) -> Tuple[Any, int, None]:
    """Ids, funs and bit strings."""
    if tag in (88, 103):
        node, end = _text_of_atom(data, at + 1)
        id_, serial = struct.unpack_from(">II", data, end)
        creation, end = _creation(data, end + 8, tag == 88)
        return Pid(node, id_, serial, creation), end, None
    if tag in (120, 89, 102):
        node, end = _text_of_atom(data, at + 1)
        (id_,) = struct.unpack_from(">Q" if tag == 120 else ">I", data, end)
        creation, end = _creation(data, end + (8 if tag == 120 else 4), tag != 102)
        return Port(node, id_, creation), end, None
    if tag in (90, 114):
        (count,) = struct.unpack_from(">H", data, at + 1)
        if count > 5:
            raise DecodeError(f"malformed reference at byte {at}: more than 5 words")
        node, end = _text_of_atom(data, at + 3)
        creation, end = _creation(data, end, tag == 90)
        words = struct.unpack_from(f">{count}I", data, end)
        return Reference(node, creation, words), end + 4 * count, None
    if tag == 101:
        node, end = _text_of_atom(data, at + 1)
        words = struct.unpack_from(">I", data, end)
        creation, end = _creation(data, end + 4, False)
        return Reference(node, creation, words), end, None
    if tag == 77:
        count, bits = struct.unpack_from(">IB", data, at + 1)
        if not 1 <= bits <= 8 or not count:
            raise DecodeError(f"malformed bit string at byte {at}")
        value = _take(data, at + 6, count)
        return (value if bits == 8 else BitString(value, bits)), at + 6 + count, None
    if tag == 113:
        module, end = _text_of_atom(data, at + 1)
        function, end = _text_of_atom(data, end)
        if data[end] == 97:
            return Export(module, function, data[end + 1]), end + 2, None
        raise DecodeError(f"malformed export at byte {at}")
    if tag in (112, 67):
        end = _skip(data, at)
        if tag == 67:
            _check_record(data, at)
        return _from_wire(Fun if tag == 112 else Record, data[at:end]), end, None
    raise DecodeError(f"malformed term: unknown tag {tag} at byte {at}")


def _check_record(data: bytes, at: int) -> None:
    """Refuses a record that a BEAM would refuse, though its parts are right."""
    (count,) = struct.unpack_from(">I", data, at + 1)
    names, place = [], at + 6
    for _ in range(2 + count):
        name, place = _text_of_atom(data, place)
        names.append(name)
    if data[at + 5] > 1 or len(set(names[2:])) != count:
        raise DecodeError(f"malformed record at byte {at}")


def _creation(data: bytes, at: int, wide: bool) -> Tuple[int, int]:
    if wide:
        return struct.unpack_from(">I", data, at)[0], at + 4
    if data[at] > 3:
        raise DecodeError(f"malformed creation at byte {at}")
    return data[at], at + 1


def _skip(data: bytes, at: int) -> int:
    """The place after the term at ``at``."""
    left = 1
    while left:
        left -= 1
        tag = data[at]
        if tag in (104, 105):
            count, at = (data[at + 1], at + 2) if tag == 104 else (struct.unpack_from(">I", data, at + 1)[0], at + 5)
            _fits(count, data, at)
            left += count
        elif tag in (108, 116):
            (count,) = struct.unpack_from(">I", data, at + 1)
            _fits(count, data, at + 5)
            left += count + 1 if tag == 108 else 2 * count
            at += 5
        elif tag == 112:
            (free,) = struct.unpack_from(">I", data, at + 26)
            _fits(free, data, at)
            at, left = at + 30, left + 4 + free
        elif tag == 67:
            (count,) = struct.unpack_from(">I", data, at + 1)
            _fits(count, data, at)
            at, left = at + 6, left + 2 + 2 * count
        elif tag == 106:
            at += 1
        elif tag == 107:
            (count,) = struct.unpack_from(">H", data, at + 1)
            _take(data, at + 3, count)
            at += 3 + count
        else:
            _, at, _ = _token(data, at, None)
    return at


# ---------------------------------------------------------------------------------------------------- encoding


class _Raw(bytes):
    """Already encoded."""

    __slots__ = ()


_END = _Raw(b"j")


def encode(term: Term, canonical: bool = False) -> bytes:
    """The encoding of a term, without the version byte. ``canonical`` sorts the pairs of maps."""
    out: List[bytes] = []
    stack: List[Iterator[Term]] = [iter((term,))]
    while stack:
        for item in stack[-1]:
            inside = _encode(item, out, canonical)
            if inside is not None:
                if len(stack) >= MAX_DEPTH:
                    raise EncodeError("nested too deeply, or containing itself")
                stack.append(inside)
                break
        else:
            stack.pop()
    return b"".join(out)


def _encode(term: Term, out: List[bytes], canonical: bool) -> Optional[Iterator[Term]]:
    """Writes a leaf, or the head of a container and returns what follows it."""
    for _ in range(MAX_REPLACEMENTS):
        cls = type(term)
        if cls in _WIRE_CLASSES:
            out.append(term._wire)
        elif cls is str:
            data = term.encode("utf-8")
            out.append(b"m" + struct.pack(">I", len(data)) + data)
        elif cls is int:
            out.append(_integer(term))
        elif cls is bytes:
            out.append(b"m" + struct.pack(">I", len(term)) + term)
        elif cls is tuple:
            count = len(term)
            out.append(bytes((104, count)) if count < 256 else b"i" + struct.pack(">I", count))
            inside: Iterator[Term] = iter(term)
            return inside
        elif cls is list:
            return _list(term, out)
        elif cls is ImproperList:
            if not term.items:
                raise EncodeError("an ImproperList needs an item before its tail")
            out.append(b"l" + struct.pack(">I", len(term.items)))
            return itertools.chain(term.items, (term.tail,))
        elif cls is dict:
            return _map(term, out, canonical)
        elif cls is float or cls is Float:
            if not math.isfinite(term):
                raise EncodeError("Erlang has no NaN and no infinity")
            out.append(b"F" + struct.pack(">d", term))
        elif cls is bool:
            out.append(b"w\x04true" if term else b"w\x05false")
        elif term is None:
            out.append(b"w\x03nil")
        elif cls is _Raw:
            out.append(term)
        else:
            term = replace(term)
            continue
        return None
    raise EncodeError("__erlang__ keeps answering objects that are no terms")


def _integer(value: int) -> bytes:
    if 0 <= value <= 255:
        return bytes((97, value))
    if -(1 << 31) <= value < 1 << 31:
        return b"b" + struct.pack(">i", value)
    return int_to_bytes(value)


def int_to_bytes(value: int) -> bytes:
    """The encoding of a big integer."""
    size = (value.bit_length() + 7) // 8
    if size > MAX_INTEGER_BYTES:
        raise EncodeError(f"an integer of {size} bytes: a BEAM reads at most {MAX_INTEGER_BYTES}")
    head = struct.pack(">BBB", 110, size, value < 0) if size < 256 else struct.pack(">BIB", 111, size, value < 0)
    return head + abs(value).to_bytes(size, "little")


def int_from_bytes(negative: bool, magnitude: bytes) -> int:
    """A big integer from its sign and its bytes, lowest first."""
    value = int.from_bytes(magnitude, "little")
    return -value if negative else value


def _list(term: List[Term], out: List[bytes]) -> Optional[Iterator[Term]]:
    if not term:
        out.append(_END)
        return None
    if len(term) <= MAX_BYTE_STRING and all(type(item) is int and 0 <= item <= 255 for item in term):
        out.append(b"k" + struct.pack(">H", len(term)) + bytes(term))
        return None
    out.append(b"l" + struct.pack(">I", len(term)))
    return itertools.chain(term, (_END,))


def _map(term: Dict[Term, Term], out: List[bytes], canonical: bool) -> Iterator[Term]:
    out.append(b"t" + struct.pack(">I", len(term)))
    classes = {type(key) for key in term}
    if not canonical and (len(term) < 2 or (len(classes) == 1 and classes <= _SIMPLE_KEYS)):
        return itertools.chain.from_iterable(term.items())
    keys = [_Raw(encode(key, canonical)) for key in term]
    if len(set(keys)) != len(keys):
        raise EncodeError('two keys of a dict are the same Erlang term ("a" and b"a", for example)')
    pairs = list(zip(keys, term.values()))
    if canonical:
        pairs.sort(key=operator.itemgetter(0))
    return itertools.chain.from_iterable(pairs)


def replace(term: Any) -> Term:
    """A term for an object of another type: what ``__erlang__`` returns, or the plain type it is derived from."""
    convert = getattr(type(term), "__erlang__", None)
    if convert is not None:
        return convert(term)
    # By the methods of the base: a subclass may present itself differently.
    if isinstance(term, str):
        return str.__str__(term)
    if isinstance(term, int):
        return int.__int__(term)
    plain: Any
    for plain in (float, tuple, list, dict):
        if isinstance(term, plain):
            return plain(term)
    if isinstance(term, (bytes, bytearray, memoryview)):
        return bytes(term)
    if isinstance(term, collections.abc.Mapping):
        return dict(term)
    if hasattr(type(term), "__index__"):
        return operator.index(term)
    if hasattr(type(term), "__float__"):
        return float(term)
    raise TypeError(
        f"a {type(term).__name__} is no Erlang term: send None, a bool, int, float, str, bytes, list, tuple, dict or a"
        " term of erlnode, or give the class a method __erlang__ that returns one"
    )


def freeze(wire: bytes) -> Frozen:
    """The key that stands for an encoded list or map."""
    try:
        return Frozen(decode(wire))
    except RecursionError:
        raise DecodeError("malformed map: keys within keys, nested too deeply") from None


__all__ = ["decode", "encode", "freeze", "int_from_bytes", "int_to_bytes", "replace"]
