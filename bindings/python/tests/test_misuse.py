"""Misuse, generated from the classes: every method of a node and of a mailbox with wrong arguments in each place, open and closed."""

from __future__ import annotations

import faulthandler
import inspect
import unittest
from typing import Any, Callable, Dict, Iterator, List, Tuple

import erlnode
from erlnode import Node
from support import COOKIE

#: What no argument is, or not every one: numbers at their edges, texts that cannot be names, containers, classes.
WRONG: List[Any] = [None, -1, 2**70, 0.5, float("nan"), "", "x" * 400, "a b@c@d", "\ud800", b"\xff", [], {}, ("a",), object(), int]

#: One case may take this long; a hang ends the run with the stack of the call.
BOUND = 30

#: Waiting for ever is what they do when nothing else is said; they are misused with a limit.
TIMEOUT = {"timeout": 0}


def methods(kind: type) -> Iterator[Tuple[str, List[str], bool]]:
    """Public methods, their required parameters, and whether they take a timeout."""
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_") or inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            continue
        parameters = list(inspect.signature(method).parameters.values())[1:]
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
            continue
        required = [parameter.name for parameter in parameters if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD]
        yield name, required, any(parameter.name == "timeout" for parameter in parameters)


class Misuse(unittest.TestCase):
    def answered(self, call: Callable[..., Any], arguments: Dict[str, Any]) -> None:
        """An ordinary exception, or an answer; never the end of the process, never a wait without end."""
        faulthandler.dump_traceback_later(BOUND, exit=True)
        try:
            call(**arguments)
        except (erlnode.Error, TypeError, ValueError, AttributeError, LookupError, OverflowError, OSError):
            pass
        finally:
            faulthandler.cancel_dump_traceback_later()

    def misuse(self, make: Callable[[], Any], kind: type) -> int:
        cases = 0
        for name, required, waits in methods(kind):
            limits = TIMEOUT if waits and "timeout" not in required else {}
            for place in required or [""]:
                for wrong in WRONG if required else [None]:
                    arguments = {other: wrong if other == place else "x" for other in required}
                    with self.subTest(f"{kind.__name__}.{name}", arguments=repr(arguments)[:120]):
                        self.answered(getattr(make(), name), {**limits, **arguments})
                        cases += 1
        return cases

    def test_every_method_answers_wrong_arguments(self) -> None:
        with Node(None, cookie=COOKIE) as node:
            cases = self.misuse(lambda: node.mailbox(), erlnode.Mailbox)
        opened: List[Node] = []

        def fresh() -> Node:
            # Some of the calls end it.
            if not opened or not alive(opened[-1]):
                opened.append(Node(None, cookie=COOKIE))
            return opened[-1]

        cases += self.misuse(fresh, Node)
        for node in opened:
            node.stop()
        self.assertGreater(cases, 300)
        print(f"{cases} cases of misuse", flush=True)

    def test_every_method_of_what_is_closed_answers(self) -> None:
        with Node(None, cookie=COOKIE) as node:
            box = node.mailbox()
            box.close()
            cases = self.misuse(lambda: box, erlnode.Mailbox)
        cases += self.misuse(lambda: node, Node)
        self.assertGreater(cases, 300)


def alive(node: Node) -> bool:
    try:
        _ = node.process_count
    except erlnode.Error:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
