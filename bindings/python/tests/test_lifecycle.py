"""Inside a program: Ctrl-C, exit, fork, threads, and what was left open."""

from __future__ import annotations

import os
import signal
import sys
import time
import unittest

from erlnode import Node
from support import COOKIE, Program, name, run

HEAD = f"""
import os, sys, threading, time
import erlnode
from erlnode import Atom, Node
node = Node(sys.argv[1] if len(sys.argv) > 1 else None, cookie={COOKIE!r})
box = node.mailbox()
"""

#: A program must end within this time although others wait; the promise is a second, the rest is a loaded machine.
BOUND = 4.0


class Interrupts(unittest.TestCase):
    def interrupt(self, wait: str) -> None:
        code = HEAD + f"print('waiting', flush=True)\ntry:\n    {wait}\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
        code += "box.close(); node.stop()\n"
        with Program(code, name()) as program:
            self.assertEqual(program.line(), "waiting")
            time.sleep(0.2)  # not for the result: so that it is the wait that is interrupted, not what comes before
            start = time.monotonic()
            program.process.send_signal(signal.SIGINT)
            ended = program.end()
            self.assertEqual((ended.code, ended.out, ended.err), (0, "interrupted\n", ""), ended)
            self.assertLess(time.monotonic() - start, BOUND)

    def test_ctrl_c_ends_a_wait_without_limit(self) -> None:
        self.interrupt("box.receive()")

    def test_ctrl_c_ends_a_wait_with_a_limit(self) -> None:
        self.interrupt("box.receive(timeout=1000)")

    def test_ctrl_c_ends_a_wait_for_an_answer(self) -> None:
        self.interrupt("box.receive(reference=node.make_reference())")

    def test_ctrl_c_ends_a_wait_for_a_silent_peer(self) -> None:
        up = HEAD + "print('up', flush=True); sys.stdin.readline()"
        # Where no epmd runs the first of the two serves it, and that must not be the one that falls silent.
        with Program(up, name("epmd")) as first:
            self.assertEqual(first.line(), "up")
            with Program(up, name("silent")) as peer:
                self.assertEqual(peer.line(), "up")
                peer.process.send_signal(signal.SIGSTOP)
                try:
                    silent = peer.process.args[-1]
                    for wait in ("node.connect({!r})", "node.ping({!r})", "node.send(('x', {!r}), 1)",
                                 "node.call(('x', {!r}), 1, 60)", "node.rpc({!r}, 'm', 'f', [], 60)"):  # fmt: skip
                        with self.subTest(wait):
                            self.interrupt(wait.format(silent))
                finally:
                    peer.process.send_signal(signal.SIGCONT)

    def test_ctrl_c_ends_an_iteration(self) -> None:
        self.interrupt("list(box)")

    def test_ctrl_c_ends_an_asyncio_program(self) -> None:
        self.interrupt("import asyncio; asyncio.run(box.receive_async())")


class Ends(unittest.TestCase):
    def ends(self, code: str, expected: int = 0, clean: bool = True) -> None:
        start = time.monotonic()
        ended = run(HEAD + code, name())
        took = time.monotonic() - start
        self.assertEqual(ended.code, expected, ended)
        if clean:
            self.assertEqual(ended.err, "", ended)
        self.assertLess(took, BOUND)

    def test_exit_while_threads_wait_in_receive(self) -> None:
        for _ in range(5):
            self.ends(
                "def wait():\n"
                "    try: box.receive()\n"
                "    except erlnode.ClosedError: pass\n"
                "for _ in range(4): threading.Thread(target=wait).start()\n"
            )

    def test_exit_while_daemon_threads_wait_in_receive(self) -> None:
        for _ in range(5):
            self.ends(
                "def wait():\n"
                "    try: box.receive()\n"
                "    except erlnode.ClosedError: pass\n"
                "for _ in range(4): threading.Thread(target=wait, daemon=True).start()\n"
            )

    def test_sys_exit_and_exceptions_pass_through(self) -> None:
        self.ends("sys.exit(3)", 3)
        self.ends("raise ValueError", 1, clean=False)

    def test_os_exit_is_at_once(self) -> None:
        self.ends("os._exit(4)", 4)

    def test_peers_hear_of_the_exit_at_once(self) -> None:
        with Node(name(), cookie=COOKIE) as node, node.mailbox("watch") as box:
            box.monitor_nodes()
            with Program(HEAD + "node.connect(sys.argv[2], 10); print('connected', flush=True); sys.stdin.readline()",
                         name(), node.name) as program:  # fmt: skip
                self.assertEqual(program.line(), "connected")
                self.assertEqual(box.receive(10)[0].name, "nodeup")
                assert program.process.stdin is not None
                program.process.stdin.write("end\n")
                program.process.stdin.flush()
                self.assertEqual(box.receive(10)[0].name, "nodedown")
                self.assertEqual(program.end().code, 0)

    def test_sigterm_ends_the_example(self) -> None:
        root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
        example = os.path.join(root, "examples", "python", "ping_pong.py")
        command = (
            "import os, sys, runpy; sys.argv = sys.argv[1:]; sys.path.insert(0, os.path.dirname(sys.argv[0]));"
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        node_name = name("pong")
        with Program(command, example, "--name", node_name, "--cookie", COOKIE) as program:
            self.assertEqual(program.line(), f"ready {node_name}")
            caller = run(command, example, "--name", name("ping"), "--cookie", COOKIE, "--ping", node_name)
            self.assertIn(f"pong from {node_name}", caller.out, caller)
            program.process.terminate()
            ended = program.end()
            self.assertEqual((ended.code, ended.err), (0, ""), ended)


@unittest.skipUnless(hasattr(os, "fork"), "no fork on this platform")
class Forks(unittest.TestCase):
    def test_a_child_cannot_use_the_nodes_of_its_parent_but_start_its_own(self) -> None:
        code = HEAD + (
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    for use in (lambda: box.receive(0), lambda: box.send(box.pid, 1), lambda: node.nodes(), node.mailbox):\n"
            "        try: use()\n"
            "        except erlnode.ForkedError: print('forked', flush=True)\n"
            "    with Node(sys.argv[2], cookie='x') as own, own.mailbox() as mine:\n"
            "        mine.send(mine.pid, Atom('alive')); print(mine.receive(5), flush=True)\n"
            "    sys.exit(0)\n"
            "_, status = os.waitpid(pid, 0)\n"
            "box.send(box.pid, Atom('parent')); print(status, box.receive(5), flush=True)\n"
            "box.close(); node.stop()\n"
        )
        # Python itself warns of forks beside threads.
        ended = run(code, name(), name("child"), env={"PYTHONWARNINGS": "ignore::DeprecationWarning"})
        self.assertEqual((ended.code, ended.err), (0, ""), ended)
        self.assertEqual(ended.out.split("\n")[:6], ["forked"] * 4 + ["alive", "0 parent"], ended)

    def test_a_child_says_nothing_to_the_callers_of_its_parent(self) -> None:
        code = HEAD + (
            "kept = []\n"
            "@node.export('m')\n"
            "def keep():\n"
            "    kept.append(erlnode.current_request()); return erlnode.NO_REPLY\n"
            f"caller = Node(sys.argv[2], cookie={COOKIE!r}); asking = caller.mailbox()\n"
            "calls = [asking.rpc_request(node.name, 'm', 'keep', []) for _ in range(3)]\n"
            "while len(kept) < 3: pass\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    for use in (lambda: kept[0].reply(1), lambda: kept[1].fail(1)):\n"
            "        try: use()\n"
            "        except erlnode.ForkedError: print('forked', flush=True)\n"
            "    kept.clear(); sys.exit(0)\n"
            "os.waitpid(pid, 0)\n"
            "for request in kept: request.reply(5)\n"
            "print(*(call.result(5) for call in calls), flush=True)\n"
            "asking.close(); box.close(); caller.stop(); node.stop()\n"
        )
        ended = run(code, name(), name("caller"), env={"PYTHONWARNINGS": "ignore::DeprecationWarning"})
        self.assertEqual((ended.code, ended.err, ended.out), (0, "", "forked\nforked\n5 5 5\n"), ended)

    def test_multiprocessing_by_fork_works_beside_a_node(self) -> None:
        code = HEAD + (
            "import multiprocessing\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, range(10))))\n"
            "    box.close(); node.stop()\n"
        )
        ended = run(code, name())
        self.assertEqual((ended.code, ended.out), (0, "45\n"), ended)


class Leaks(unittest.TestCase):
    def test_nothing_grows_with_messages_and_mailboxes(self) -> None:
        with Node() as node, node.mailbox() as box:
            message = {i: (b"x" * 100, [i, float(i)], {b"k": box.pid}) for i in range(100)}

            def work(count: int) -> None:
                for _ in range(count):
                    box.send(box.pid, message)
                    box.receive(0)
                    with node.mailbox() as other:
                        other.fileno()

            work(50)
            before, descriptors = sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))
            work(500)
            self.assertLess(sys.getallocatedblocks() - before, 500)
            self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)


if __name__ == "__main__":
    unittest.main()
