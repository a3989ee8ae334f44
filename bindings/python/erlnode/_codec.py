"""Terms to bytes and back: the fast codec of the library where the interpreter allows it, else the one in Python."""

from __future__ import annotations

import zlib
from typing import Callable, Union

from . import _abi, _etf
from ._errors import DecodeError
from ._terms import Term

#: Version byte of the external term format, and the tag of a compressed term.
VERSION = 131
COMPRESSED = 80
#: What an inflated term may claim at most, and in proportion to its input.
MAX_INFLATED = 64 << 20
MAX_RATIO = 1032

decode_bare: Callable[[bytes], Term]
encode_bare: Callable[[Term], bytes]

decode_bare, encode_bare = _abi.decode, _abi.encode


def encode_canonical(term: Term) -> bytes:
    """One encoding per term, whatever the order of its maps."""
    return _etf.encode(term, canonical=True)


def encode(term: Term) -> bytes:
    """The external term format of ``term``, as ``term_to_binary/1`` makes it."""
    return b"\x83" + encode_bare(term)


def decode(data: Union[bytes, bytearray, memoryview]) -> Term:
    """The term in ``data``, as ``binary_to_term/1`` reads it; it may be compressed."""
    data = bytes(data)
    if not data or data[0] != VERSION:
        raise DecodeError("malformed term: the version byte 131 is missing at byte 0")
    if data[1:2] == b"P":
        return decode_bare(_inflate(data[2:]))
    return decode_bare(data[1:])


def _inflate(data: bytes) -> bytes:
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 or size > min(MAX_INFLATED, MAX_RATIO * len(data)):
        raise DecodeError(f"malformed compressed term: it claims {size} bytes")
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data[4:], size + 1)
    except zlib.error as error:
        raise DecodeError(f"malformed compressed term: {error}") from None
    if len(inflated) != size or not inflater.eof:
        raise DecodeError("malformed compressed term: its size is not the one announced")
    if inflated[:1] == b"P":
        raise DecodeError("malformed compressed term: compressed inside compressed")
    return inflated
