"""Chat by distributed tasks: kate prints what she hears, moebi answers everything with "chicken?".

    chat.py --name kate@localhost --cookie secret
    chat.py --name moebi@localhost --cookie secret

    # on alex, with {Task.Supervisor, name: Chat.TaskSupervisor} running:
    iex(alex@localhost)> Task.Supervisor.async({Chat.TaskSupervisor, :"kate@localhost"}, Chat, :receive_message, ["hi"])
                         |> Task.await()                                          # prints hi on kate
    :ok
    iex(alex@localhost)> Task.Supervisor.async({Chat.TaskSupervisor, :"moebi@localhost"}, Chat,
                           :receive_message_for_moebi, ["hi", :"alex@localhost"]) |> Task.await()
    chicken?
    :ok

With --say TEXT --to NODE it plays alex: TEXT is printed there, and chicken? here when moebi hears it.
"""

from __future__ import annotations

from typing import Union

from erlnode import Atom, Node, Task, TaskSupervisor, text
from shared.options import node_of, parser, ready, wait

OK, SUPERVISOR, CHAT = Atom("ok"), "Elixir.Chat.TaskSupervisor", "Elixir.Chat"


def send_message(node: Node, to: Union[Atom, str], function: str, *args: object) -> None:
    """``Task.Supervisor.async(...) |> Task.await()``"""
    with node.mailbox() as box:
        Task.start(box, (SUPERVISOR, to), CHAT, function, args, link=True).result(timeout=5)


def serve(node: Node) -> None:
    @node.export(CHAT)
    def receive_message(message: bytes) -> Atom:
        print(text(message), flush=True)
        return OK

    @node.export(CHAT)
    def receive_message_for_moebi(message: bytes, sender: Atom) -> Atom:
        print(text(message), flush=True)
        send_message(node, sender, "receive_message", "chicken?")
        return OK

    TaskSupervisor().start(node, SUPERVISOR)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--say", metavar="TEXT")
    options.add_argument("--to", metavar="NODE")
    chosen = options.parse_args()
    with node_of(chosen) as node:
        serve(node)
        if chosen.say is None:
            ready(node)
            wait()
        elif chosen.to.startswith("moebi"):
            send_message(node, chosen.to, "receive_message_for_moebi", chosen.say, Atom(node.name))
        else:
            send_message(node, chosen.to, "receive_message", chosen.say)


if __name__ == "__main__":
    main()
