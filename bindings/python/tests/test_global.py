"""Global names and locks between nodes of this program."""

from __future__ import annotations

import unittest

from erlnode import ArgumentError, Atom, GenServer, NameTakenError, Node, NoProcessError, Term, Timeout
from support import COOKIE, name


class Calc(GenServer):
    def handle_call(self, request: Term, sender: object) -> Term:
        return request + 1

    def handle_cast(self, request: Term) -> None:
        self.mailbox.send(request, Atom("cast"))


class Members(unittest.TestCase):
    def setUp(self) -> None:
        self.nodes = [Node(name(), cookie=COOKIE, visible=True) for _ in range(2)]
        self.boxes = [node.mailbox() for node in self.nodes]
        for owner in (*self.boxes, *self.nodes):
            self.addCleanup(owner.stop if isinstance(owner, Node) else owner.close)
        self.nodes[0].connect(self.nodes[1].name, 20)
        for node in self.nodes:
            node.global_sync(20)

    def test_names_are_found_on_both_nodes_until_they_end(self) -> None:
        (here, there), (mine, theirs) = self.nodes, self.boxes
        self.assertTrue(here.global_register("pong", mine, timeout=20))
        self.assertFalse(there.global_register("pong", theirs, "notify_all", timeout=20))
        self.assertEqual(there.global_whereis("pong"), mine.pid)
        self.assertEqual(there.global_names(), [Atom("pong")])
        self.assertEqual(there.global_send("pong", (1, 2)), mine.pid)
        self.assertEqual(mine.receive(20), (1, 2))
        here.global_reregister("pong", theirs, "m:f", timeout=20)
        self.assertEqual(there.global_whereis(Atom("pong")), theirs.pid)
        there.global_unregister("pong", 20)
        self.assertIsNone(here.global_whereis("pong"))
        with self.assertRaises(NoProcessError):
            here.global_send(b"pong", 1)
        with self.assertRaises((ArgumentError, ValueError)):
            here.global_register("pong", mine, "somehow")

    def test_servers_have_global_names(self) -> None:
        here, there = self.nodes
        with Calc().start(here, name=("global", "calc")):
            self.assertEqual(there.global_call("calc", 41), 42)
            there.global_cast("calc", self.boxes[1].pid)
            self.assertIs(self.boxes[1].receive(20), Atom("cast"))
            with self.assertRaises(NameTakenError):
                Calc().start(there, name=("global", "calc"))

    def test_locks_exclude_each_other(self) -> None:
        mine, theirs = self.boxes
        self.assertTrue(mine.global_set_lock("tap", timeout=20))
        self.assertFalse(theirs.global_set_lock("tap", retries=0, timeout=20))
        with self.assertRaises(Timeout), theirs.global_lock("tap", timeout=0.1):
            self.fail("it is taken")
        mine.global_del_lock("tap", 20)
        with theirs.global_lock("tap", timeout=20):
            self.assertFalse(mine.global_set_lock("tap", retries=0, timeout=20))
        self.assertTrue(mine.global_set_lock("tap", retries=0, timeout=20))


if __name__ == "__main__":
    unittest.main()
