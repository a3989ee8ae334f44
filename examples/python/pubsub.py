"""A subscriber of Phoenix.PubSub: prints what is broadcast on a topic, and broadcasts the lines it is given.

    pubsub.py --name ours@localhost --cookie secret --to alex@localhost

    # on alex, with {Phoenix.PubSub, name: MyApp.PubSub} running:
    iex(alex@localhost)> Phoenix.PubSub.broadcast(MyApp.PubSub, "room:1", {:said, "hello"})      # printed here
    iex(alex@localhost)> Phoenix.PubSub.subscribe(MyApp.PubSub, "room:1")                        # hears lines typed here

Its mailbox is also in the process group `listeners` of scope pg, for :pg.get_members(:listeners). With --say TEXT it
broadcasts that once there is somebody to hear it, and ends.
"""

from __future__ import annotations

import sys
import threading

from erlnode import Atom, ClosedError, Mailbox, Node, PubSub, text
from shared.options import node_of, parser, ready

SAID, TOPIC = Atom("said"), "room:1"


def wait_for_company(node: Node, box: Mailbox) -> None:
    """Returns when another node has a worker of the pubsub."""
    groups = node.pg("Elixir.Phoenix.PubSub")
    reference, workers = groups.monitor(box, Atom("Elixir.MyApp.PubSub.Adapter"))
    if len(workers) < 2:
        box.receive()
    groups.demonitor(box, reference)


def repeat_lines(pubsub: PubSub, box: Mailbox) -> None:
    try:
        for line in sys.stdin:
            pubsub.broadcast_from(box, TOPIC, (SAID, line.rstrip("\n")))
    except ClosedError:
        pass


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--say", metavar="TEXT")
    options.add_argument("--to", metavar="NODE", help="a node to connect to")
    chosen = options.parse_args()
    with node_of(chosen) as node, node.mailbox() as box:
        node.pg().join(Atom("listeners"), box)
        pubsub = node.pubsub("MyApp.PubSub")
        if chosen.to is not None:
            node.connect(chosen.to, timeout=10)
        if chosen.say is not None:
            wait_for_company(node, box)
            pubsub.broadcast_from(box, TOPIC, (SAID, chosen.say))
            return
        pubsub.subscribe(box, TOPIC)
        ready(node)
        threading.Thread(target=repeat_lines, args=(pubsub, box), daemon=True).start()
        for message in box:
            heard = text(message[1]) if isinstance(message, tuple) and message[0] is SAID else repr(message)
            print("heard", heard, flush=True)


if __name__ == "__main__":
    main()
