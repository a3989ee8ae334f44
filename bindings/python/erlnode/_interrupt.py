"""Ctrl-C for calls that wait inside the library.

Python serves signals between its own instructions only, so the main thread must not sit in a C function for seconds:
there, another thread makes the call while the main thread waits in Python.
"""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Tuple, TypeVar

T = TypeVar("T")


def interruptible(call: Callable[..., T], *args: Any) -> T:
    """``call(*args)``. When it is interrupted, the call goes on to its end without being heard."""
    if threading.current_thread() is not threading.main_thread():
        return call(*args)
    answers: "queue.SimpleQueue[Tuple[bool, Any]]" = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((True, call(*args)))
        except BaseException as error:
            answers.put((False, error))

    threading.Thread(target=run, name="erlnode-call", daemon=True).start()
    done, answer = answers.get()
    if not done:
        raise answer
    result: T = answer
    return result
