"""FilterService: a server with a global name. Whoever is in the cluster asks it, wherever it runs.

    filter_service.py --name py@localhost --cookie secret --visible --to alex@localhost

    iex(alex@localhost)> GenServer.cast({:global, FilterService}, {:filter, [1, 5, 100, 500], 7, self()})
    iex(alex@localhost)> receive do message -> message end
    {:filter_results, [100, 500]}

With --say it is the client: it asks the FilterService of the cluster for the numbers above -2 of -5, -1, 0 and 3, prints what
comes back, and ends. Hidden or visible is the same for both; a hidden node has global names through the node it connects to.
"""

from __future__ import annotations

from erlnode import Atom, GenServer, Node, Term
from shared.options import node_of, parser, ready

NAME = Atom("Elixir.FilterService")
FILTER, FILTER_RESULTS = Atom("filter"), Atom("filter_results")


class FilterService(GenServer):
    """Keeps what is above a threshold."""

    def handle_cast(self, request: Term) -> None:
        if isinstance(request, tuple) and len(request) == 4 and request[0] is FILTER:
            numbers, threshold, client = request[1:]
            self.mailbox.send(client, (FILTER_RESULTS, [number for number in numbers if number > threshold]))


def ask(node: Node) -> None:
    with node.mailbox() as box:
        node.global_sync(timeout=10)
        node.global_cast(NAME, (FILTER, [-5, -1, 0, 3], -2, box.pid))
        name, numbers = box.receive(timeout=10)
        print(f"{{{name},{numbers}}}".replace(" ", ""))


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--to", metavar="NODE", help="connect to this node")
    options.add_argument("--say", action="store_true", help="be the client")
    chosen = options.parse_args()
    with node_of(chosen) as node:
        if chosen.to:
            node.connect(chosen.to, timeout=10)
        if chosen.say:
            ask(node)
            return
        with FilterService().start(node, name=("global", NAME)) as service:
            ready(node)
            service.join()


if __name__ == "__main__":
    main()
