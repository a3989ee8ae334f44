"""Terms for the tests: one of everything, and random ones from a seed."""

from __future__ import annotations

import random
import struct
from typing import Any, List

from erlnode import Atom, BitString, Export, Float, Frozen, ImproperList, Pid, Port, Reference

PID = Pid("alex@localhost", 88, 0, 1700000000)
REFERENCE = Reference("alex@localhost", 1700000000, (1, 2, 3))

#: Python values that come back from a round trip equal and of the same type.
ONE_OF_EACH: List[Any] = [
    0, 1, 255, 256, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63),
    -(2**63) - 1, 2**2039, 2**2040, -(2**9000), 0.0, -0.0, 1.5, -1e308, 5e-324, True, False, None, Atom("ok"),
    Atom(""), Atom("hello world"), Atom("å"), Atom("日本" * 100), Atom("Elixir.Kate"), b"", b"abc", bytes(range(256)),
    [], [1, 2, 3], [0, 256], [[]], [b"a", [b"b"]], list(range(256)) * 300, (), (1,), tuple(range(300)),
    {}, {1: 2}, {Atom("a"): {Atom("b"): []}}, {(1, b"x"): None}, {b"k": [(), {}]},
    PID, REFERENCE, Reference("a@b", 0, ()), Port("a@b", 2**40, 7), Export("lists", "reverse", 1),
    BitString(b"\x01\xc0", 2), BitString(b"\x80", 1), ImproperList([1, 2], Atom("tail")),
    {Frozen([1, 2]): 1, Frozen([1.0, 2]): 2, Frozen({Atom("k"): [1]}): 3}, {(1, Frozen([3])): True},
]  # fmt: skip


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down: 1 is not 1.0 and not True. Depth is no matter."""
    todo = [(left, right)]
    while todo:
        left, right = todo.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, (list, tuple)):
            if len(left) != len(right):
                return False
            todo.extend(zip(left, right))
        elif isinstance(left, dict):
            keys = {key: key for key in right}
            if len(left) != len(right) or any(key not in keys for key in left):
                return False
            todo.extend((key, keys[key]) for key in left)
            todo.extend((value, right[key]) for key, value in left.items())
        elif isinstance(left, ImproperList):
            todo += [(left.items, right.items), (left.tail, right.tail)]
        elif isinstance(left, float):
            if struct.pack(">d", left) != struct.pack(">d", right):
                return False
        elif left != right:
            return False
    return True


def leaf(rng: random.Random, key: bool = False) -> Any:
    number = rng.choice([rng.randrange(-5, 300), rng.randrange(-(2**40), 2**40), rng.getrandbits(rng.randrange(1, 300))])
    return rng.choice(
        [
            number,
            b"%d" % number,
            Atom(rng.choice(["ok", "error", "a b", "é", "x%d" % (number % 50)])),
            None,
            PID,
            Reference("n@h", 5, [number & 0xFFFF]),
            Frozen([number]) if key else BitString(b"%d" % number, 1 + number % 7),
            Export("m", "f", number % 200),
            *([] if key else [rng.choice([True, False]), rng.random() * 1000 - 500, -float(number % 1000)]),
        ]
    )


def random_key(rng: random.Random, depth: int = 2) -> Any:
    """A key. Numbers are integers only: mixed ones have tests of their own."""
    if depth and rng.random() < 0.2:
        return tuple(random_key(rng, depth - 1) for _ in range(rng.randrange(4)))
    return leaf(rng, key=True)


def random_term(rng: random.Random, depth: int = 4) -> Any:
    shape = rng.randrange(8) if depth else 0
    if shape < 3:
        return leaf(rng)
    size = rng.randrange(6)
    if shape == 3:
        return tuple(random_term(rng, depth - 1) for _ in range(size))
    if shape == 4:
        return [random_term(rng, depth - 1) for _ in range(size)]
    if shape == 5:
        return [rng.randrange(256) for _ in range(size)]
    if shape == 6:
        tail = leaf(rng)
        return ImproperList([random_term(rng, depth - 1) for _ in range(size + 1)], tail)
    return {random_key(rng): random_term(rng, depth - 1) for _ in range(size)}


#: Keys that Python takes for equal and Erlang does not.
MIXED_KEYS = {1: b"int", Float(1.0): b"float", Atom("true"): b"atom", Float(0.0): 1, Float(-0.0): 2, 0: 3}
