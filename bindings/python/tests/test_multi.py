"""Many calls at a time, and many nodes."""

from __future__ import annotations

import asyncio
import contextlib
import unittest
from typing import Any

from erlnode import (
    NO_REPLY,
    ArgumentError,
    Atom,
    ErlangError,
    Error,
    GenServer,
    Node,
    NoConnectionError,
    NoProcessError,
    RemoteError,
    Timeout,
)
from support import COOKIE, name


class Collector(GenServer):
    """Keeps calls until it has as many as it was made for, and then answers the last one first."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._waiting: list = []

    def handle_call(self, request: Any, sender: Any) -> Any:
        self._waiting.append((sender, request))
        if len(self._waiting) == self._wanted:
            for known, value in reversed(self._waiting):
                self.reply(known, value)
            self._waiting.clear()
        return NO_REPLY


class Multi(unittest.TestCase):
    def setUp(self) -> None:
        self.ours, self.other = Node(name("ours"), cookie=COOKIE), Node(name("other"), cookie=COOKIE)
        self.addCleanup(self.ours.stop)
        self.addCleanup(self.other.stop)
        self.box = self.ours.mailbox()
        self.addCleanup(self.box.close)

    def assert_empty(self) -> None:
        """Nothing but what was waited for has come."""
        with self.assertRaises(Timeout):
            self.box.receive(0)

    def test_many_calls_are_outstanding_and_answered_in_any_order(self) -> None:
        with Collector(64).start(self.other, "collect"):
            calls = [self.box.send_request(("collect", self.other.name), n, 5) for n in range(63)]
            with self.assertRaises(Timeout):
                calls[0].result(0)
            calls.append(self.box.send_request(("collect", self.other.name), 63, 5))
            self.assertEqual([call.result(10) for call in calls], list(range(64)))
            with self.assertRaises(ValueError):
                calls[0].result()
        with self.assertRaises(NoProcessError):
            self.box.send_request(("nobody", self.other.name), 1, 5).result(10)
        self.assert_empty()

    def test_what_was_given_up_is_never_heard_of(self) -> None:
        with Collector(1).start(self.other, "collect"):
            with self.box.send_request(("collect", self.other.name), 1, 5):
                pass
            for _ in range(20):
                # An answer may be there already.
                with contextlib.suppress(Timeout):
                    self.box.rpc(self.other.name, "erlang", "node", timeout=0)
            self.assertEqual(self.box.rpc_request(self.other.name, "erlang", "node").result(10), Atom(self.other.name))
            self.assertEqual(self.box.call(("collect", self.other.name), 2, 10), 2)
        self.assert_empty()

    def test_an_answer_that_came_before_its_call_was_given_up_is_dropped_too(self) -> None:
        with Collector(1).start(self.other, "collect"):
            for n in range(1000):
                with self.box.send_request(("collect", self.other.name), n, 5):
                    pass
            self.assertEqual(self.box.call(("collect", self.other.name), 2, 10), 2)
        self.assert_empty()

    def test_many_nodes_are_asked_at_once_and_each_answers_for_itself(self) -> None:
        @self.other.export("multi")
        def fail() -> None:
            raise ErlangError(Atom("badarith"))

        nodes = [self.other.name, "nobody@localhost", self.ours.name]
        here, nobody, own = self.ours.multicall(nodes, "erlang", "node", timeout=10)
        self.assertEqual((here, own), (Atom(self.other.name), Atom(self.ours.name)))
        self.assertIsInstance(nobody, NoConnectionError)
        error = self.box.multicall([self.other.name], "multi", "fail", timeout=10)[0]
        assert isinstance(error, RemoteError)
        self.assertEqual((error.reason, error.kind), (Atom("badarith"), "error"))
        with Collector(1).start(self.other, "collect"):
            answers = self.box.multi_call(nodes, "collect", Atom("x"), 10)
            self.assertEqual(answers[0], Atom("x"))
            self.assertIsInstance(answers[1], Error)
            self.assertIsInstance(answers[2], NoProcessError)
        self.assert_empty()

    def test_a_name_that_is_no_text_is_told_where_its_answer_belongs(self) -> None:
        nodes = ["half\ud800@localhost", self.other.name]
        for answers in (self.box.multi_call(nodes, "nobody", 1, 10), self.ours.multicall(nodes, "erlang", "node")):
            self.assertIsInstance(answers[0], ArgumentError)
            self.assertIn("surrogate", str(answers[0]))
        self.assertEqual(answers[1], Atom(self.other.name))
        with self.assertRaises(ArgumentError):
            self.ours.connect(nodes[0])

    def test_asyncio_asks_many_nodes_at_once_as_well(self) -> None:
        async def ask() -> None:
            nodes = [self.other.name, "nobody@localhost"]
            here, nobody = await self.ours.multicall_async(nodes, "erlang", "node", timeout=10)
            self.assertEqual(here, Atom(self.other.name))
            self.assertIsInstance(nobody, NoConnectionError)
            answer, nobody = await self.ours.multi_call_async(nodes, "collect", Atom("x"), 10)
            self.assertEqual(answer, Atom("x"))
            self.assertIsInstance(nobody, Error)

        with Collector(1).start(self.other, "collect"):
            asyncio.run(ask())


if __name__ == "__main__":
    unittest.main()
