"""Process groups, Phoenix.PubSub and discovery between two nodes of this program."""

from __future__ import annotations

import os
import socket
import tempfile
import unittest
import unittest.mock

from erlnode import ArgumentError, Atom, Mailbox, Node, NoProcessError, Timeout
from support import COOKIE, name

RED, JOIN, LEAVE = Atom("red"), Atom("join"), Atom("leave")


class TwoNodes(unittest.TestCase):
    def setUp(self) -> None:
        self.nodes = [Node(name(), cookie=COOKIE) for _ in range(2)]
        self.boxes = [node.mailbox() for node in self.nodes]
        for owner in (*self.boxes, *self.nodes):
            self.addCleanup(owner.stop if isinstance(owner, Node) else owner.close)
        self.nodes[0].connect(self.nodes[1].name, 20)

    def test_members_join_leave_and_are_seen_on_both_nodes(self) -> None:
        here, there = self.nodes[0].pg(), self.nodes[1].pg("pg")
        mine, watcher = self.boxes
        reference, known = there.monitor(watcher, RED)
        self.assertEqual(known, [])
        here.join(RED, mine)
        here.join(RED, [mine, mine.pid])
        joined: list = []
        while len(joined) < 3:
            tag, verb, group, pids = watcher.receive(20)
            self.assertEqual((tag, verb, group), (reference, JOIN, RED))
            joined += pids
        self.assertEqual(there.members(RED), [mine.pid] * 3)
        self.assertEqual((there.local_members(RED), there.groups(), there.local_groups()), ([], [RED], []))
        everything = there.monitor_scope(watcher)[1]
        self.assertEqual(everything, {RED: [mine.pid] * 3})
        there.demonitor(watcher, reference)
        self.assertTrue(here.leave(RED, mine))
        self.assertFalse(here.leave((Atom("blue"), [1, "x"]), mine))
        self.assertEqual(watcher.receive(20)[1:], (LEAVE, RED, [mine.pid]))
        mine.close()
        for _ in range(2):
            self.assertEqual(watcher.receive(20)[1:], (LEAVE, RED, [mine.pid]))
        with self.assertRaises(ArgumentError):
            there.join(RED, mine)

    def test_a_stopped_scope_takes_its_members_along(self) -> None:
        here, there = self.nodes[0].pg("other"), self.nodes[1].pg("other")
        there.monitor(self.boxes[1], RED)
        here.join(RED, self.boxes[0])
        self.assertIs(self.boxes[1].receive(20)[1], JOIN)
        here.stop()
        self.assertIs(self.boxes[1].receive(20)[1], LEAVE)
        with self.assertRaises(NoProcessError):
            here.members(RED)

    def test_broadcasts_reach_subscribers_of_the_topic(self) -> None:
        pubsubs = [node.pubsub("MyApp.PubSub", pool_size=2) for node in self.nodes]
        groups = self.nodes[0].pg("Elixir.Phoenix.PubSub")
        watcher = self.nodes[0].mailbox()
        self.addCleanup(watcher.close)
        _, workers = groups.monitor(watcher, Atom("Elixir.MyApp.PubSub.Adapter"))
        if len(workers) < 2:
            watcher.receive(20)
        for pubsub, box in zip(pubsubs, self.boxes):
            pubsub.subscribe(box, "room")
        pubsubs[0].broadcast("other", 0)
        pubsubs[0].broadcast("room", (Atom("said"), "hello"))
        pubsubs[0].broadcast_from(self.boxes[0], "room", 2)
        pubsubs[0].direct_broadcast(self.nodes[1].name, "room", 3)
        pubsubs[0].local_broadcast("room", 4)
        self.assertEqual([self.boxes[0].receive(20) for _ in range(2)], [(Atom("said"), b"hello"), 4])
        self.assertEqual([self.boxes[1].receive(20) for _ in range(3)], [(Atom("said"), b"hello"), 2, 3])
        pubsubs[1].unsubscribe(self.boxes[1], "room")
        pubsubs[1].local_broadcast("room", 5)
        with self.assertRaises(Timeout):
            self.boxes[1].receive(0)


class Finding(unittest.TestCase):
    def setUp(self) -> None:
        self.nodes = [Node(name(), cookie=COOKIE) for _ in range(2)]
        self.box = self.nodes[0].mailbox()
        self.box.monitor_nodes()
        for owner in (self.box, *self.nodes):
            self.addCleanup(owner.stop if isinstance(owner, Node) else owner.close)

    def await_other(self) -> None:
        while self.box.receive(20) != (Atom("nodeup"), Atom(self.nodes[1].name)):
            pass

    def test_nodes_are_found_in_a_list_and_in_a_file(self) -> None:
        discover = self.nodes[0].discover
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(f"{self.nodes[1].name}  # the other\n")
            file.flush()
            discover.file(file.name)
            discover.watch(self.box)
            heard = {self.box.receive(20) for _ in range(2)}
        self.assertEqual({message[0] for message in heard}, {Atom("discovered"), Atom("nodeup")})
        discover.stop()
        self.assertEqual(discover.names(), [])
        self.nodes[0].disconnect(self.nodes[1].name)
        discover.nodes(self.nodes[1].name, self.nodes[0].name)
        self.await_other()
        self.assertEqual(discover.names(), [self.nodes[1].name])

    def test_nodes_are_found_by_gossip_on_loopback(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            group = f"233.252.1.32:{free.getsockname()[1]}"
        for number, node in enumerate(self.nodes):
            node.discover.gossip(group, interface="127.0.0.1", secret="ours", announce=number == 1)
        self.await_other()
        with self.assertRaises(ArgumentError):
            self.nodes[0].discover.gossip("nowhere")

    def test_a_node_is_described_by_the_environment(self) -> None:
        wanted = name("env")
        with unittest.mock.patch.dict(os.environ, {"ERLNODE_NAME": wanted, "RELEASE_COOKIE": COOKIE}):
            with Node.from_env(visible=True) as node:
                self.assertEqual(node.name, wanted)
                self.assertTrue(self.nodes[0].ping(wanted, 20))
        with unittest.mock.patch.dict(os.environ, {"ERLNODE_PORT": "0"}), self.assertRaises(ArgumentError):
            Node.from_env()


if __name__ == "__main__":
    unittest.main()
