"""Mailboxes in asyncio programs: waiting costs no thread, cancelling loses nothing, loops come and go."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import unittest

from erlnode import Atom, ClosedError, Node, Timeout
from support import COOKIE, name


class Asyncio(unittest.TestCase):
    def setUp(self) -> None:
        self.node = Node()
        self.addCleanup(self.node.stop)
        self.box = self.node.mailbox()
        self.addCleanup(self.box.close)

    def test_a_message_wakes_the_task(self) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(0.02, self.node.send, self.box.pid, 1)
            self.assertEqual(await self.box.receive_async(timeout=5), 1)
            self.assertEqual(set(threading.enumerate()) - before, set())

        before = set(threading.enumerate())
        asyncio.run(main())

    def test_every_new_loop_works(self) -> None:
        for i in range(3):
            threading.Timer(0.02, self.node.send, (self.box.pid, i)).start()
            self.assertEqual(asyncio.run(self.box.receive_async(5)), i)

    def test_loops_and_mailboxes_leave_no_descriptors(self) -> None:
        async def main() -> None:
            async with self.node.mailbox() as box:
                for _ in range(3):
                    with self.assertRaises(Timeout):
                        await box.receive_async(0.001)
            await asyncio.sleep(0)

        asyncio.run(main())
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            asyncio.run(main())
        gc.collect()
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before)

    def test_timeouts_are_timeouts(self) -> None:
        for timeout in (0, 0.01):
            with self.assertRaises(Timeout):
                asyncio.run(self.box.receive_async(timeout))

    def test_cancelling_loses_no_message(self) -> None:
        async def main() -> None:
            for i in range(200):
                task = asyncio.ensure_future(self.box.receive_async())
                await asyncio.sleep(0)
                self.box.send(self.box.pid, i)
                if i % 2:
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    got = await task
                except asyncio.CancelledError:
                    got = self.box.receive(0)
                self.assertEqual(got, i)

        asyncio.run(main())

    def test_tasks_share_a_mailbox(self) -> None:
        async def main() -> None:
            async def work() -> list:
                got = []
                while True:
                    message = await self.box.receive_async(10)
                    if message is None:
                        return got
                    got.append(message)
                    await asyncio.sleep(0)

            tasks = [asyncio.ensure_future(work()) for _ in range(5)]
            for i in range(500):
                await self.box.send_async(self.box.pid, i)
            for _ in tasks:
                await self.box.send_async(self.box.pid, None)
            results = await asyncio.gather(*tasks)
            self.assertEqual(sorted(sum(results, [])), list(range(500)))

        asyncio.run(main())

    def test_answers_can_be_awaited(self) -> None:
        async def main() -> None:
            references = [self.node.make_reference() for _ in range(5)]
            waits = [asyncio.ensure_future(self.box.receive_async(5, reference)) for reference in references]
            await asyncio.sleep(0)
            self.box.send(self.box.pid, "other")
            for reference in reversed(references):
                self.box.send(self.box.pid, (reference, 1))
            self.assertEqual(await asyncio.gather(*waits), [(reference, 1) for reference in references])
            self.assertEqual(await self.box.receive_async(0), b"other")
            with self.assertRaises(Timeout):
                await self.box.receive_async(0.05, references[0])

        asyncio.run(main())

    def test_async_for_ends_when_the_mailbox_is_closed(self) -> None:
        async def main() -> None:
            got = []
            self.box.send(self.box.pid, 1)
            async for message in self.box:
                got.append(message)
                asyncio.get_running_loop().call_later(0.01, self.box.close)
            self.assertEqual(got, [1])
            with self.assertRaises(ClosedError):
                await self.box.receive_async()

        asyncio.run(main())

    def test_nodes_and_mailboxes_are_async_contexts(self) -> None:
        async def main() -> None:
            async with Node(name("a"), cookie=COOKIE) as a, Node(name("b"), cookie=COOKIE) as b:
                async with a.mailbox("x") as box, b.mailbox() as other:
                    await other.send_async(("x", a.name), (Atom("hello"), other.pid), timeout=10)
                    hello, sender = await box.receive_async(10)
                    self.assertEqual(sender, other.pid)
                    self.assertTrue(await a.ping_async(b.name, 10))

        asyncio.run(main())

    def test_an_unreachable_peer_does_not_stop_the_loop(self) -> None:
        async def main() -> None:
            async with Node(name("a"), cookie=COOKIE) as node:
                with self.assertRaises(ConnectionError):
                    await node.connect_async("nobody@localhost", 10)
                with node.mailbox() as box:
                    with self.assertRaises(ConnectionError):
                        await box.send_async(("x", "nobody@localhost"), 1, timeout=10)

        asyncio.run(main())


if __name__ == "__main__":
    unittest.main()
