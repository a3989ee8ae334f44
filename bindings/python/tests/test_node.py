"""Nodes and mailboxes: what one program sees, and two nodes that talk."""

from __future__ import annotations

import select
import threading
import time
import unittest
import warnings

import erlnode
from erlnode import Atom, ClosedError, Node, NoProcessError, Timeout
from support import COOKIE, name
from terms import ONE_OF_EACH, same


class OneNode(unittest.TestCase):
    def setUp(self) -> None:
        self.node = Node(name(), cookie=COOKIE)
        self.addCleanup(self.node.stop)
        self.box = self.node.mailbox()
        self.addCleanup(self.box.close)

    def test_it_has_the_name_it_was_given(self) -> None:
        self.assertTrue(self.node.alive)
        self.assertTrue(self.node.name.endswith("@localhost"))
        self.assertGreater(self.node.creation, 3)
        self.assertGreater(self.node.port or 0, 0)
        self.assertEqual(self.box.pid.node, self.node.name)

    def test_without_a_name_it_is_nonode_and_local_messages_work(self) -> None:
        with Node() as node, node.mailbox("me") as box:
            self.assertEqual((node.name, node.alive, node.port), ("nonode@nohost", False, None))
            box.send("me", 1)
            self.assertEqual(box.receive(0), 1)

    def test_every_term_arrives_as_it_was_sent(self) -> None:
        for term in ONE_OF_EACH:
            self.box.send(self.box.pid, term)
            self.assertTrue(same(self.box.receive(5), term), term)

    def test_messages_reach_pids_names_and_aliases(self) -> None:
        self.box.register("here")
        alias = self.box.alias()
        for to in (self.box.pid, "here", Atom("here"), ("here", self.node.name), (Atom("here"), Atom(self.node.name)), alias):
            self.box.send(to, repr(to))
            self.assertEqual(self.box.receive(5), repr(to).encode())
        self.box.unalias(alias)
        self.box.send(alias, "late")
        urgent = self.box.alias(priority=True)
        self.box.send(self.box.pid, "ordinary")
        self.box.send(urgent, "urgent", priority=True)
        self.assertEqual([self.box.receive(0), self.box.receive(0)], [b"urgent", b"ordinary"])
        self.box.trap_exit()
        self.box.exit(urgent, Atom("over"))
        self.assertEqual(self.box.receive(0), (Atom("EXIT"), self.box.pid, Atom("over")))
        self.box.trap_exit(False)
        with self.assertRaises(Timeout):
            self.box.receive(0)

    def test_bad_targets_say_what_would_do(self) -> None:
        for to in (1, None, [], ("a", "b", "c"), ("a", 1), b"name"):
            with self.assertRaisesRegex(ValueError, "Pid"):
                self.box.send(to, 1)  # type: ignore[arg-type]

    def test_objects_that_are_no_terms_are_refused_at_the_call(self) -> None:
        with self.assertRaises(TypeError):
            self.box.send(self.box.pid, object())
        with self.assertRaises(ValueError):
            self.box.send(self.box.pid, float("nan"))

    def test_names_are_registered_found_and_taken(self) -> None:
        self.box.register("worker")
        self.assertEqual(self.node.whereis("worker"), self.box.pid)
        self.assertIn("worker", self.node.registered())
        with self.node.mailbox() as other, self.assertRaises(erlnode.NameTakenError):
            other.register("worker")
        self.box.unregister()
        self.assertIsNone(self.node.whereis("worker"))

    def test_timeouts_are_timeouts(self) -> None:
        for timeout in (0, 0.001, 0.05):
            start = time.monotonic()
            with self.assertRaises(TimeoutError):
                self.box.receive(timeout)
            self.assertGreaterEqual(time.monotonic() - start, timeout)
        for bad in (-1, float("nan")):
            with self.assertRaises(ValueError):
                self.node.connect("x@localhost", bad)

    def test_a_late_message_wakes_whoever_waits(self) -> None:
        timer = threading.Timer(0.05, self.node.send, (self.box.pid, Atom("late")))
        timer.start()
        self.assertIs(self.box.receive(10), Atom("late"))
        timer.join()

    def test_the_descriptor_is_readable_while_messages_wait(self) -> None:
        poll = select.poll()
        poll.register(self.box, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        self.box.send(self.box.pid, 1)
        self.box.send(self.box.pid, 2)
        for expected in (1, 2):
            self.assertEqual(len(poll.poll(5000)), 1)
            self.assertEqual(self.box.receive(0), expected)
        self.assertEqual(poll.poll(0), [])

    def test_answers_are_taken_out_of_order(self) -> None:
        reference = self.node.make_reference()
        self.box.send(self.box.pid, "other")
        self.box.send(self.box.pid, (reference, "answer"))
        self.assertEqual(self.box.receive(5, reference), (reference, b"answer"))
        with self.assertRaises(Timeout):
            self.box.receive(0.08, reference)
        self.assertEqual(self.box.receive(0), b"other")

    def test_messages_tell_their_kind_and_sender(self) -> None:
        self.box.send(self.box.pid, 1)
        self.assertEqual(self.box.receive_message(5), ("message", 1, self.box.pid))

    def test_closing_wakes_whoever_waits(self) -> None:
        box, seen = self.node.mailbox(), []
        thread = threading.Thread(target=lambda: seen.extend(box))
        thread.start()
        box.send(box.pid, 1)
        while not seen:
            thread.join(0.01)
        box.close()
        thread.join(5)
        self.assertFalse(thread.is_alive())
        self.assertTrue(box.closed)
        with self.assertRaises(ClosedError):
            box.receive(0)
        box.close()

    def test_stopping_ends_mailboxes(self) -> None:
        with Node(name(), cookie=COOKIE) as node:
            box = node.mailbox()
            node.stop()
            self.assertTrue(node.stopped)
            with self.assertRaises(ClosedError):
                box.receive(5)
            with self.assertRaises(ClosedError):
                node.nodes()
            node.stop()
            box.close()

    def test_many_threads_share_a_mailbox(self) -> None:
        count, got = 2000, []
        lock = threading.Lock()

        def work() -> None:
            while True:
                message = self.box.receive(10)
                if message is None:
                    return
                with lock:
                    got.append(message)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for i in range(count):
            self.box.send(self.box.pid, i)
        for _ in threads:
            self.box.send(self.box.pid, None)
        for thread in threads:
            thread.join(20)
        self.assertEqual(sorted(got), list(range(count)))

    def test_what_was_left_open_is_warned_about(self) -> None:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            box = self.node.mailbox()
            pid = box.pid
            del box
            node = Node()
            del node
        self.assertEqual(len([w for w in seen if w.category is ResourceWarning]), 2, seen)
        reference = self.box.monitor(pid)
        self.assertIs(self.box.receive(5, reference)[4], Atom("noproc"))


class Settings(unittest.TestCase):
    def test_the_ticktime_changes_while_the_node_runs(self) -> None:
        with Node(name(), cookie=COOKIE) as node:
            self.assertEqual(node.ticktime, 60)
            node.set_ticktime(8, transition=0)
            self.assertEqual(node.ticktime, 8)
            with self.assertRaises(ValueError):
                node.set_ticktime(0)

    def test_an_allow_list_says_no_and_grows(self) -> None:
        with Node(name(), cookie=COOKIE) as one, Node(name(), cookie=COOKIE) as other:
            one.allow("nobody@localhost")
            with self.assertRaises(erlnode.ConnectError):
                one.connect(other.name, timeout=5)
            one.allow(other.name)
            one.connect(other.name, timeout=5)

    def test_a_kept_connection_comes_back_by_itself(self) -> None:
        with Node(name(), cookie=COOKIE) as one, Node(name(), cookie=COOKIE) as other, one.mailbox() as box:
            box.monitor_nodes()
            one.keep_connected(other.name)
            self.assertEqual(box.receive(10), (Atom("nodeup"), Atom(other.name)))
            other.disconnect(one.name)
            self.assertEqual(box.receive(10), (Atom("nodedown"), Atom(other.name)))
            self.assertEqual(box.receive(10), (Atom("nodeup"), Atom(other.name)))

    def test_processes_are_counted(self) -> None:
        with Node(name(), cookie=COOKIE) as node:
            before = node.process_count
            with node.mailbox():
                self.assertEqual(node.process_count, before + 1)
            self.assertEqual(node.process_count, before)


class TwoNodes(unittest.TestCase):
    def setUp(self) -> None:
        self.a = Node(name("a"), cookie=COOKIE, visible=True)
        self.addCleanup(self.a.stop)
        self.b = Node(name("b"), cookie=COOKIE, visible=True)
        self.addCleanup(self.b.stop)
        self.box_a, self.box_b = self.a.mailbox("box"), self.b.mailbox("box")
        self.addCleanup(self.box_a.close)
        self.addCleanup(self.box_b.close)

    def settle(self) -> None:
        """Returns when b has seen all that a sent before."""
        self.box_a.send(self.box_b.pid, "settle")
        self.assertEqual(self.box_b.receive(5), b"settle")

    def test_sending_connects(self) -> None:
        self.assertEqual(self.a.nodes(), [])
        self.box_a.send(("box", self.b.name), (Atom("hello"), self.box_a.pid))
        self.assertEqual(self.box_b.receive(5), (Atom("hello"), self.box_a.pid))
        self.assertEqual(self.a.nodes(), [self.b.name])

    def test_connect_ping_disconnect(self) -> None:
        self.a.connect(self.b.name, 5)
        self.assertTrue(self.a.ping(self.b.name, 5))
        self.assertEqual(self.a.nodes("connected"), [self.b.name])
        self.assertTrue(self.a.disconnect(self.b.name))
        self.assertFalse(self.a.disconnect(self.b.name))

    def test_every_term_crosses(self) -> None:
        for term in ONE_OF_EACH:
            self.box_a.send(self.box_b.pid, term)
            self.assertTrue(same(self.box_b.receive(5), term), term)

    def test_megabytes_cross(self) -> None:
        data = bytes(range(256)) * (64 << 10)
        self.box_a.send(self.box_b.pid, {Atom("data"): [data, data]})
        self.assertEqual(self.box_b.receive(30), {Atom("data"): [data, data]})

    def test_order_is_kept(self) -> None:
        for i in range(5000):
            self.box_a.send(self.box_b.pid, i)
        self.assertEqual([self.box_b.receive(5) for _ in range(5000)], list(range(5000)))

    def test_monitors_tell_the_reason_once(self) -> None:
        reference = self.box_a.monitor(self.box_b.pid)
        self.settle()
        self.box_b.close((Atom("my"), b"reason"))
        down = (Atom("DOWN"), reference, Atom("process"), self.box_b.pid, (Atom("my"), b"reason"))
        self.assertEqual(self.box_a.receive_message(5, reference)[:2], ("down", down))
        again = self.box_a.monitor(self.box_b.pid)
        self.assertIs(self.box_a.receive(5, again)[4], Atom("noproc"))

    def test_ends_watched_with_priority_go_before_ordinary_messages(self) -> None:
        self.box_a.trap_exit()
        self.box_a.monitor(self.box_b.pid, priority=True)
        self.box_a.link(self.box_b.pid, priority=True)
        self.settle()
        self.box_a.send(self.box_a.pid, Atom("ordinary"))
        with self.a.mailbox() as last, self.b.mailbox() as after:
            self.box_b.close("gone")
            after.send(last.pid, "all the rest has arrived")
            last.receive(5)
        kinds = [self.box_a.receive_message(5)[0] for _ in range(3)]
        self.assertEqual((sorted(kinds[:2]), kinds[2]), (["down", "exit"], "message"))

    def test_links_bring_exits(self) -> None:
        self.box_a.trap_exit()
        self.box_a.link(self.box_b.pid)
        self.settle()
        self.box_b.close("gone")
        self.assertEqual(self.box_a.receive(5), (Atom("EXIT"), self.box_b.pid, b"gone"))
        with self.b.mailbox() as victim:
            self.box_a.exit(victim.pid, Atom("kill"))
            with self.assertRaises(ClosedError):
                victim.receive(5)
            self.assertTrue(victim.closed)
            self.assertIs(victim.exit_reason, Atom("killed"))

    def test_node_events_arrive(self) -> None:
        self.box_a.monitor_nodes()
        self.a.connect(self.b.name, 5)
        self.assertEqual(self.box_a.receive(5), (Atom("nodeup"), Atom(self.b.name)))
        name_b = self.b.name
        self.b.stop()
        self.assertEqual(self.box_a.receive(5), (Atom("nodedown"), Atom(name_b)))

    def test_exported_functions_are_called_and_answered(self) -> None:
        self.box_b.export("Elixir.Kate", "say_name", 1)
        pid, reference = self.box_a.spawn(self.b.name, "Elixir.Kate", "say_name", ["x"], monitor=True, timeout=5)
        request = self.box_b.receive(5)
        self.assertEqual((request.module.name, request.function.name, request.args), ("Elixir.Kate", "say_name", [b"x"]))
        self.assertEqual((request.pid, request.caller), (pid, self.box_a.pid))
        self.assertTrue(request.wanted)
        request.reply(Atom("ok"))
        with self.assertRaises(ClosedError):
            request.reply(1)
        self.assertEqual(self.box_a.receive(5, reference)[4], Atom("normal"))

    def test_a_spawn_takes_the_options_of_spawn_request(self) -> None:
        self.box_b.export("Elixir.Kate", "say_name", 0)
        alias = Atom("monitor"), [(Atom("alias"), Atom("reply_demonitor"))]
        options = [alias, (Atom("priority"), Atom("high"))]
        reference = self.box_a.spawn_request(self.b.name, "Elixir.Kate", "say_name", link=True, options=options)
        _, _, word, pid = self.box_a.receive(5, reference)
        self.assertIs(word, Atom("ok"))
        request = self.box_b.receive(5)
        self.box_b.send(reference, "by alias")
        self.assertEqual(self.box_a.receive(5), b"by alias")
        self.box_b.send(reference, "too late: that was its one message")
        self.box_a.trap_exit()
        request.reply(1)
        self.assertEqual(self.box_a.receive(5), (Atom("EXIT"), pid, Atom("normal")), "and its monitor went with it")
        for wrong in ([Atom("nonsense")], [(Atom("priority"), 1)], [(Atom("reply_tag"), 1)]):
            with self.assertRaises(ValueError):
                self.box_a.spawn_request(self.b.name, "m", "f", options=wrong)

    def test_what_is_not_exported_is_undef(self) -> None:
        pid, reference = self.box_a.spawn(self.b.name, "os", "cmd", [[108, 115]], monitor=True, timeout=5)
        reason = self.box_a.receive(5, reference)[4]
        self.assertIs(reason[0], Atom("undef"), reason)


class Trouble(unittest.TestCase):
    def test_errors_are_the_standard_ones_and_name_the_cure(self) -> None:
        with Node(name(), cookie=COOKIE) as node:
            with self.assertRaises(erlnode.NameUnknownError) as caught:
                node.connect("nobody@localhost", 5)
            self.assertIsInstance(caught.exception, ConnectionError)
            self.assertIn("nobody", str(caught.exception))
            with self.assertRaises(erlnode.NameKindError):
                node.connect("x@host.example.org", 5)
            with self.assertRaises(erlnode.NameInUseError) as caught_os:
                Node(node.name, cookie=COOKIE)
            self.assertIsInstance(caught_os.exception, OSError)
            self.assertFalse(node.ping("nobody@localhost", 5))

    def test_the_cookies_must_agree_and_can_be_made_to(self) -> None:
        with Node(name("a"), cookie="one") as a, Node(name("b"), cookie="two") as b:
            with self.assertRaises(PermissionError) as caught:
                a.connect(b.name, 10)
            self.assertNotIn("one@", str(caught.exception))
            b.set_cookie("one", a.name)
            a.connect(b.name, 10)
            self.assertEqual(a.nodes("hidden"), [b.name])

    def test_bad_options_are_refused_with_what_would_do(self) -> None:
        with self.assertRaises(erlnode.BadNameError):
            Node("bad name@localhost", cookie=COOKIE)
        with self.assertRaisesRegex(ValueError, "always"):
            Node(name(), cookie=COOKIE, auto_connect="sometimes")
        with self.assertRaises(TypeError):
            Node(name(), cookie=COOKIE, unknown=1)  # type: ignore[call-arg]
        with self.assertRaises(ValueError):
            Node(name(), cookie="a\0b")

    def test_no_process_is_found_under_an_unknown_name(self) -> None:
        self.assertTrue(issubclass(NoProcessError, LookupError))


if __name__ == "__main__":
    unittest.main()
