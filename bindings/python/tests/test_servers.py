"""Calls, exported functions, servers and tasks between two nodes of ours; Elixir's side is in tests/interop/python.rs."""

from __future__ import annotations

import asyncio
import threading
import time
import unittest
from typing import Any

from erlnode import (
    NO_REPLY,
    Atom,
    ClosedError,
    ErlangError,
    GenServer,
    Node,
    NoConnectionError,
    NoProcessError,
    RemoteError,
    Stop,
    Task,
    TaskSupervisor,
    Timeout,
    current_request,
    text,
)
from support import COOKIE, name

OK = Atom("ok")


class Echo(GenServer):
    """Answers calls with their request; some words do something else."""

    def __init__(self) -> None:
        self.casts: list = []
        self.infos: list = []
        self.why: Any = None
        self.ended = threading.Event()

    def handle_call(self, request: Any, sender: Any) -> Any:
        if request is Atom("never"):
            return NO_REPLY
        if request is Atom("later"):
            threading.Timer(0.05, self.reply, (sender, Atom("late"))).start()
            return NO_REPLY
        if request is Atom("crash"):
            raise ErlangError(Atom("crashed"))
        if request is Atom("stop"):
            raise Stop(Atom("shutdown"), reply=Atom("bye"))
        if request is Atom("idle"):
            self.set_timeout(0.02)
        return request

    def handle_cast(self, request: Any) -> None:
        self.casts.append(request)

    def handle_info(self, message: Any) -> None:
        self.infos.append(message)

    def terminate(self, reason: Any) -> None:
        self.why = reason
        self.ended.set()


class AsyncEcho(Echo):
    """The same with coroutines, several calls at a time."""

    concurrency = 8

    async def handle_call(self, request: Any, sender: Any) -> Any:
        if type(request) is tuple and request[0] is Atom("sleep"):
            await asyncio.sleep(request[1])
            return request[1]
        return super().handle_call(request, sender)


class Pair(unittest.TestCase):
    def setUp(self) -> None:
        self.a = Node(name("a"), cookie=COOKIE)
        self.addCleanup(self.a.stop)
        self.b = Node(name("b"), cookie=COOKIE, workers=4)
        self.addCleanup(self.b.stop)


class Servers(Pair):
    def test_calls_casts_and_messages_arrive(self) -> None:
        for server in (Echo(), AsyncEcho()):
            with self.subTest(type(server).__name__), server.start(self.b, "echo"):
                to = ("echo", self.b.name)
                self.assertEqual(self.a.call(to, (1, "x")), (1, b"x"))
                self.assertIs(self.a.call(server.pid, Atom("later")), Atom("late"))
                self.a.cast(to, 5)
                self.a.send(to, "info")
                self.assertEqual(self.a.call(to, 2), 2)
                self.assertEqual((server.casts, server.infos), ([5], [b"info"]))
                self.a.call(to, Atom("idle"))
                while Atom("timeout") not in server.infos:
                    time.sleep(0.001)

    def test_a_crash_ends_the_server_and_tells_the_caller(self) -> None:
        for server in (Echo(), AsyncEcho()):
            with self.subTest(type(server).__name__):
                server.start(self.b, "echo")
                with self.assertRaises(RemoteError) as caught:
                    self.a.call(server.pid, Atom("crash"))
                self.assertEqual((caught.exception.kind, caught.exception.reason), ("exit", (Atom("crashed"), [])))
                with self.assertRaises(NoProcessError):
                    self.a.call(server.pid, 1)
                self.assertTrue(server.ended.wait(5))
                server.join(5)

    def test_stop_replies_and_terminates(self) -> None:
        for server in (Echo(), AsyncEcho()):
            server.start(self.b)
            self.assertIs(self.a.call(server.pid, Atom("stop")), Atom("bye"))
            server.join(5)
            self.assertIs(server.why, Atom("shutdown"))

    def test_a_call_that_is_not_answered_times_out_and_late_replies_are_dropped(self) -> None:
        with Echo().start(self.b) as server, self.a.mailbox() as box:
            with self.assertRaises(Timeout):
                box.call(server.pid, Atom("never"), 0.02)
            with self.assertRaises(Timeout):
                box.call(server.pid, Atom("later"), 0.001)
            time.sleep(0.1)  # the reply is on its way for half of that
            with self.assertRaises(Timeout):
                box.receive(0)

    def test_nobody_there_is_a_situation_of_its_own(self) -> None:
        with self.assertRaises(NoProcessError):
            self.a.call(("nobody", self.b.name), 1)
        with self.assertRaises(ConnectionError):
            self.a.call(("x", "nobody@localhost"), 1)
        server = Echo().start(self.b)
        thread = threading.Timer(0.05, self.b.stop)
        thread.start()
        with self.assertRaises((NoConnectionError, RemoteError)):
            self.a.call(server.pid, Atom("never"), 10)
        thread.join()

    def test_async_servers_answer_several_calls_at_a_time(self) -> None:
        async def main() -> float:
            start = time.monotonic()
            calls = [self.a.call_async(server.pid, (Atom("sleep"), 0.2)) for _ in range(8)]
            self.assertEqual(await asyncio.gather(*calls), [0.2] * 8)
            return time.monotonic() - start

        with AsyncEcho().start(self.b) as server:
            self.assertLess(asyncio.run(main()), 1.0)

    def test_many_async_calls_are_under_way(self) -> None:
        async def main() -> None:
            calls = [self.a.call_async(server.pid, i) for i in range(500)]
            self.assertEqual(await asyncio.gather(*calls), list(range(500)))
            with self.assertRaises(Timeout):
                await self.a.call_async(server.pid, Atom("never"), 0.02)
            with self.assertRaises(RemoteError):
                await self.a.call_async(server.pid, Atom("crash"))
            with self.assertRaises(NoProcessError):
                await self.a.call_async(server.pid, 1)

        with Echo().start(self.b) as server:
            asyncio.run(main())

    def test_a_server_can_run_in_the_present_loop(self) -> None:
        async def main() -> None:
            server = AsyncEcho()
            task = asyncio.ensure_future(server.run_async(self.b, "echo"))
            await asyncio.sleep(0)
            self.assertEqual(await self.a.call_async(("echo", self.b.name), 1), 1)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertTrue(server.mailbox.closed)

        asyncio.run(main())

    def test_system_messages_are_answered(self) -> None:
        for server in (Echo(), AsyncEcho()):
            with self.subTest(type(server).__name__), server.start(self.b, "echo"), self.a.mailbox() as box:

                def ask(command: Any) -> Any:
                    reference = self.a.make_reference()
                    box.send(server.pid, (Atom("system"), (box.pid, reference), command))
                    return box.receive(5, reference)[1]

                self.assertIn(Atom("casts"), ask(Atom("get_state"))[1])
                for word in ("running", "suspended"):
                    status, pid, module, (_, state, _, _, misc) = ask(Atom("get_status"))
                    self.assertEqual((status, pid), (Atom("status"), server.pid))
                    self.assertEqual((module, state), ((Atom("module"), Atom("gen_server")), Atom(word)))
                    self.assertEqual([part[0].name for part in misc], ["header", "data", "data"])
                    self.assertEqual(text(misc[0][1]), "Status for generic server echo")
                    self.assertEqual(text(misc[2][1][0][0]), "State")
                    self.assertIs(ask(Atom("suspend")), OK)
                box.send(server.pid, "kept")
                with self.assertRaises(Timeout):
                    box.call(server.pid, 1, 0.05)
                self.assertIs(ask(Atom("resume")), OK)
                self.assertEqual(box.call(server.pid, 2), 2)
                self.assertEqual(server.infos, [b"kept"])
                self.assertIs(ask((Atom("debug"), (Atom("log_to_file"), False))), OK)
                self.assertEqual(ask(Atom("bogus"))[0], Atom("error"))


class Functions(Pair):
    def test_functions_run_and_answer(self) -> None:
        @self.b.export("Elixir.Math")
        def add(x: Any, y: Any = 1) -> Any:
            return x + y

        @self.b.export("Elixir.Math", "wait")
        async def slowly(x: Any) -> Any:
            await asyncio.sleep(0.01)
            return x

        @self.b.export("Elixir.Math")
        def who(*args: Any) -> Any:
            return current_request().caller, list(args)

        self.assertEqual(self.a.rpc(self.b.name, "Elixir.Math", "add", [1, 2], 5), 3)
        self.assertEqual(self.a.rpc(self.b.name, "Elixir.Math", "add", [1], 5), 2)
        self.assertEqual(self.a.rpc(self.b.name, "Elixir.Math", "wait", ["x"], 5), b"x")
        self.assertEqual(self.a.rpc(self.b.name, "Elixir.Math", "who", [1, 2, 3], 5)[1], [1, 2, 3])
        for function, args in (("add", []), ("add", [1, 2, 3]), ("nothing", [])):
            with self.assertRaises(RemoteError) as caught:
                self.a.rpc(self.b.name, "Elixir.Math", function, args, 5)
            self.assertIs(caught.exception.reason, Atom("undef"))

    def test_exceptions_are_erlang_errors(self) -> None:
        raised = {
            "error": ErlangError(Atom("badarg")),
            "exit": ErlangError((Atom("a"), 1), "exit"),
            "throw": ErlangError(5, "throw"),
        }

        @self.b.export("m")
        def fail(kind: Atom) -> Any:
            raise raised[kind.name] if kind.name in raised else ValueError("what")

        for kind, error in raised.items():
            with self.assertRaises(RemoteError) as caught:
                self.a.rpc(self.b.name, "m", "fail", [Atom(kind)], 5)
            self.assertEqual((caught.exception.kind, caught.exception.reason), (kind, error.reason))
        with self.assertRaises(RemoteError) as caught:
            self.a.rpc(self.b.name, "m", "fail", [Atom("x")], 5)
        self.assertEqual(caught.exception.reason[:3], (Atom("python"), b"ValueError", b"what"))

    def test_a_result_that_is_no_term_is_an_error_for_the_caller(self) -> None:
        self.b.export("m", "bad")(lambda: object())
        with self.assertRaises(RemoteError) as caught:
            self.a.rpc(self.b.name, "m", "bad", [], 5)
        self.assertEqual(caught.exception.reason[1], b"TypeError")

    def test_no_more_functions_run_than_there_are_workers(self) -> None:
        running, most, lock = [0], [0], threading.Lock()

        @self.b.export("m")
        def work() -> Atom:
            with lock:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.02)
            with lock:
                running[0] -= 1
            return OK

        async def main() -> None:
            calls = [self.a.rpc_async(self.b.name, "m", "work", [], 20) for _ in range(40)]
            self.assertEqual(await asyncio.gather(*calls), [OK] * 40)

        asyncio.run(main())
        self.assertEqual(most[0], 4)

    def test_a_call_that_takes_too_long_times_out_and_others_go_on(self) -> None:
        end = threading.Event()
        self.addCleanup(end.set)
        self.b.export("m", "hang")(lambda: end.wait(20) and OK)
        self.b.export("m", "quick")(lambda: OK)
        with self.assertRaises(Timeout):
            self.a.rpc(self.b.name, "m", "hang", [], 0.05)
        self.assertIs(self.a.rpc(self.b.name, "m", "quick", [], 5), OK)


class Tasks(Pair):
    def setUp(self) -> None:
        super().setUp()
        self.b.export("m", "double")(lambda x: 2 * x)
        self.b.export("m", "fail")(lambda: 1 // 0)
        self.supervisor = TaskSupervisor(max_children=3).start(self.b, "tasks")
        self.addCleanup(self.supervisor.stop)
        self.to = ("tasks", self.b.name)

    def test_a_task_brings_its_result(self) -> None:
        with self.a.mailbox() as box:
            for i in range(5):
                self.assertEqual(Task.start(box, self.to, "m", "double", [i]).result(5), 2 * i)

    def test_a_failing_task_tells_why(self) -> None:
        with self.a.mailbox() as box:
            with self.assertRaises(RemoteError) as caught:
                Task.start(box, self.to, "m", "fail").result(5)
            self.assertEqual(caught.exception.reason[0][1], b"ZeroDivisionError")
            with self.assertRaises(RemoteError) as caught:
                Task.start(box, self.to, "os", "cmd", ["ls"]).result(5)
            self.assertIs(caught.exception.reason[0], Atom("undef"))

    def test_a_linked_task_takes_its_caller_along(self) -> None:
        with self.a.mailbox() as box:
            Task.start(box, self.to, "m", "fail", link=True)
            with self.assertRaises(ClosedError):
                box.receive(5)

    def test_children_are_limited_listed_and_shut_down(self) -> None:
        end = threading.Event()
        self.addCleanup(end.set)
        self.b.export("m", "hang")(lambda: end.wait(20) and OK)
        with self.a.mailbox() as box:
            tasks = [Task.start(box, self.to, "m", "hang") for _ in range(3)]
            with self.assertRaises(RemoteError) as caught:
                Task.start(box, self.to, "m", "hang")
            self.assertIs(caught.exception.reason, Atom("max_children"))
            self.assertEqual(dict(self.a.call(self.to, Atom("count_children")))[Atom("active")], 3)
            children = self.a.call(self.to, Atom("which_children"))
            self.assertEqual({child[1] for child in children}, {task.pid for task in tasks})
            tasks[0].shutdown()
            while dict(self.a.call(self.to, Atom("count_children")))[Atom("active")] == 3:
                time.sleep(0.001)
            end.set()
            self.assertEqual([task.result(5) for task in tasks[1:]], [OK, OK])

    def test_a_task_nobody_waits_for_is_restarted_as_asked(self) -> None:
        ran = []
        third = threading.Event()

        def count() -> Any:
            ran.append(1)
            if len(ran) < 3:
                raise ZeroDivisionError
            third.set()
            return OK

        self.b.export("m", "count")(count)
        with self.a.mailbox() as box:
            Task.start_child(box, self.to, "m", "count", restart=Atom("transient"))
            self.assertTrue(third.wait(5))
            while self.a.call(self.to, Atom("which_children")):
                time.sleep(0.001)
            self.assertEqual(len(ran), 3)

    def test_yield_may_be_asked_again_and_shutdown_tells_what_was_faster(self) -> None:
        go = threading.Event()
        self.addCleanup(go.set)
        self.b.export("m", "wait")(lambda: go.wait(20) and OK)
        with self.a.mailbox() as box:
            task = Task.start(box, self.to, "m", "wait")
            self.assertIsNone(task.yield_(0.01))
            go.set()
            self.assertEqual(task.yield_(5), (OK, OK))
            task = Task.start(box, self.to, "m", "double", [4])
            self.assertEqual(box.call(self.to, Atom("bogus"))[0], Atom("error"))
            self.assertIn(task.shutdown(5), [None, (OK, 8)])
            with self.assertRaises(Timeout):
                box.receive(0)
            go.clear()
            hanging = Task.start(box, self.to, "m", "wait", link=True)
            self.assertIsNone(hanging.shutdown(0))
            late = Task.start(box, self.to, "m", "wait")
            with self.assertRaises(Timeout):
                late.result(0.01)

    def test_coroutines_run_as_tasks_and_wait_for_tasks(self) -> None:
        @self.b.export("m")
        async def slowly(x: Any) -> Any:
            await asyncio.sleep(0.001)
            return current_request().caller, x

        async def main() -> None:
            with self.a.mailbox() as box:
                task = Task.start(box, self.to, "m", "slowly", [5])
                self.assertEqual(await task.result_async(5), (box.pid, 5))
                with self.assertRaises(RemoteError):
                    await Task.start(box, self.to, "m", "fail").result_async(5)

        asyncio.run(main())


class Crew(Pair):
    """What runs exported functions; node b has four workers."""

    def request(self, box: Any, function: str, *args: Any) -> Any:
        return box.rpc_request(self.b.name, "work", function, list(args))

    def test_functions_that_hang_hold_up_no_others(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        self.b.export("work", "hang")(lambda: release.wait(60))
        self.b.export("work", "quick")(lambda x: x)
        with self.a.mailbox() as box:
            hanging = [self.request(box, "hang") for _ in range(3)]
            for n in range(100):
                self.assertEqual(self.request(box, "quick", n).result(10), n)
            # A fourth takes the last worker: then others wait, and all are answered in the end.
            hanging.append(self.request(box, "hang"))
            waiting = [self.request(box, "quick", n) for n in range(20)]
            with self.assertRaises(Timeout):
                waiting[-1].result(0.05)
            release.set()
            self.assertEqual([call.result(10) for call in waiting], list(range(20)))
            self.assertEqual([call.result(10) for call in hanging], [True] * 4)

    def test_no_more_functions_run_at_a_time_than_there_are_workers(self) -> None:
        running, most, lock = 0, 0, threading.Lock()

        def work() -> int:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)  # long enough to be handed to workers
            with lock:
                running -= 1
            return most

        self.b.export("work", "work")(work)
        with self.a.mailbox() as box:
            calls = [self.request(box, "work") for _ in range(60)]
            self.assertLessEqual(max(call.result(20) for call in calls), 4)

    def test_an_answer_may_come_later_from_another_thread(self) -> None:
        kept = []

        def keep() -> Any:
            kept.append(current_request())
            return NO_REPLY

        async def keep_async() -> Any:
            return keep()

        self.b.export("work", "keep")(keep)
        self.b.export("work", "keep_async")(keep_async)
        with self.a.mailbox() as box:
            for function in ("keep", "keep_async"):
                call = self.request(box, function)
                while not kept:
                    time.sleep(0.001)
                request = kept.pop()
                self.assertTrue(request.wanted)
                self.assertEqual((request.caller, request.args), (box.pid, []))
                self.assertEqual(request.pid.node, self.b.name)
                request.reply(function)
                self.assertEqual(call.result(10), function.encode())
                self.assertFalse(request.wanted)
                with self.assertRaises(ClosedError):
                    request.reply(1)
                self.assertIs(request.module, Atom("work"))
                # Dropped unanswered, its caller sees it killed.
                call = self.request(box, function)
                while not kept:
                    time.sleep(0.001)
                kept.clear()
                with self.assertRaises(RemoteError) as caught:
                    call.result(10)
                self.assertEqual(caught.exception.reason, (Atom("signal"), Atom("killed")))

    def test_callers_that_die_leave_nothing_and_their_calls_are_not_run(self) -> None:
        release, ran = threading.Event(), []
        self.addCleanup(release.set)

        def work(n: int) -> None:
            ran.append(n)
            release.wait(60)

        self.b.export("work", "work")(work)
        before = self.b.process_count
        with self.a.mailbox() as box:
            calls = [self.request(box, "work", n) for n in range(4)]
            while len(ran) < 4:
                time.sleep(0.001)
            calls += [self.request(box, "work", n) for n in range(4, 10)]
            self.assertEqual(self.a.rpc(self.b.name, "erlang", "node"), Atom(self.b.name))
        release.set()
        with self.a.mailbox() as box:
            self.assertIsNone(self.request(box, "work", 99).result(10))
        self.assertLessEqual(set(ran), {0, 1, 2, 3, 99} | set(range(4, 10)))
        while self.b.process_count > before:
            time.sleep(0.001)

    def test_a_name_may_change_from_plain_to_async_and_back(self) -> None:
        async def slowly(x: int) -> Any:
            await asyncio.sleep(0)
            return "async", x

        for _ in range(3):
            self.b.export("work", "both")(lambda x, y=0: ("plain", x))
            self.assertEqual(self.a.rpc(self.b.name, "work", "both", [1]), (b"plain", 1))
            self.b.export("work", "both")(slowly)
            self.assertEqual(self.a.rpc(self.b.name, "work", "both", [2]), (b"async", 2))


if __name__ == "__main__":
    unittest.main()
