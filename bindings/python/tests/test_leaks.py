"""References are counted right: nothing is kept and nothing is given back twice, in success and in failure."""

from __future__ import annotations

import gc
import sys
import unittest
from typing import Any, Callable

import erlnode
from erlnode import Atom, Error, Node, _codec, _etf
from terms import MIXED_KEYS, ONE_OF_EACH, PID

#: Objects whose references the library counts by itself.
SHARED = (None, True, False, Atom("ok"), PID, erlnode.Atom, erlnode.Pid, erlnode.Frozen, dict, list, tuple, bytes, str)


class Leaks(unittest.TestCase):
    def steady(self, work: Callable[[], Any], rounds: int = 30) -> None:
        """``work`` leaves neither objects nor references behind."""
        for _ in range(5):
            work()
        gc.collect()
        blocks, counts = sys.getallocatedblocks(), [sys.getrefcount(item) for item in SHARED]
        for _ in range(rounds):
            work()
        gc.collect()
        self.assertLess(abs(sys.getallocatedblocks() - blocks), 60)
        for item, before in zip(SHARED, counts):
            self.assertLess(abs(sys.getrefcount(item) - before), rounds, repr(item))

    def test_terms_come_and_go(self) -> None:
        terms = [*ONE_OF_EACH, MIXED_KEYS, [ONE_OF_EACH] * 5]

        def work() -> None:
            for term in terms:
                _codec.decode_bare(_codec.encode_bare(term))

        self.steady(work)

    def test_malformed_terms_leave_nothing(self) -> None:
        wires = [_etf.encode(term) for term in ONE_OF_EACH] + [_etf.encode([ONE_OF_EACH] * 3)]
        wires += [b"t\0\0\0\x02" + b"l\0\0\0\x01a\x01j" * 2, b"t\0\0\0\x02" + b"h\x01a\x01j" * 2]

        def work() -> None:
            for wire in wires:
                step = max(1, len(wire) // 20)
                for end in range(0, len(wire), step):
                    try:
                        _codec.decode_bare(wire[:end])
                    except Error:
                        pass

        self.steady(work)

    def test_refused_objects_leave_nothing(self) -> None:
        class Broken:
            def __erlang__(self) -> None:
                raise KeyError

        bad: list = [object(), float("nan"), {"a": 1, b"a": 2}, "\ud800", Broken(), {(1, "a"): 1, (1, b"a"): 2}]
        bad += [[1, 300, (item,)] for item in bad] + [{Atom("k"): {Atom("v"): item}} for item in bad]

        def work() -> None:
            for term in bad:
                try:
                    _codec.encode_bare(term)
                except (Error, TypeError, ValueError, KeyError):
                    pass

        self.steady(work)

    def test_messages_leave_nothing(self) -> None:
        with Node() as node, node.mailbox() as box:
            reference = node.make_reference()

            def work() -> None:
                for to in (box.pid, box.alias()):
                    for term in ONE_OF_EACH:
                        box.send(to, (reference, term))
                        box.receive(0, reference)
                    box.send(to, 1)
                    box.receive_message(0)
                    for bad in (object(), float("nan")):
                        try:
                            box.send(to, bad)
                        except (TypeError, ValueError):
                            pass
                    if to is not box.pid:
                        box.unalias(to)

            self.steady(work)


if __name__ == "__main__":
    unittest.main()
