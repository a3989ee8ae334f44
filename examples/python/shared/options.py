"""What all examples share: --name, --cookie, --visible, --tls-optfile, `ready NODE`, and an orderly end by SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from typing import Iterator, Optional

from erlnode import Error, Node


def parser(doc: Optional[str]) -> argparse.ArgumentParser:
    """The options of every example, with the first line of its documentation."""
    options = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    options.add_argument("--name", required=True, help="name@host")
    options.add_argument("--cookie", help="instead of the one in ~/.erlang.cookie")
    options.add_argument("--visible", action="store_true", help="appear in Node.list() of others")
    options.add_argument("--tls-optfile", metavar="FILE", help="TLS, as `erl -ssl_dist_optfile FILE`")
    return options


@contextlib.contextmanager
def node_of(options: argparse.Namespace) -> Iterator[Node]:
    """The node, until the program ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Node(
            options.name, cookie=options.cookie, visible=options.visible, tls=options.tls_optfile
        ) as node:
            yield node
    except KeyboardInterrupt:
        pass
    except Error as error:
        raise SystemExit(f"error: {error}")


def ready(node: Node) -> None:
    """Tells that the node can be reached."""
    print(f"ready {node.name}", flush=True)


def wait() -> None:
    """Waits for the end of the program, while others are served on their threads."""
    threading.Event().wait()
