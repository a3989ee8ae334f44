// Console: a terminal for others. Whatever an Erlang or Elixir program prints on `console` appears here.
//
//     iex(alex@localhost)> send({:console, :"c@localhost"}, {:console, self()})
//     iex(alex@localhost)> console = receive do pid -> pid end
//     iex(alex@localhost)> IO.puts(console, "Hello")
//     :ok
//
// The requests are answered by the process `user`, the group leader that every node has.
// With --ping NODE it is the writer: it prints "Hello" on the process `console` over there.
//
// With --to NODE it joins a cluster, and its console has the global name `two` as well; with --say it is the writer there:
// it prints "Hello" on whatever has that name.
//
//     iex(alex@localhost)> IO.puts(:global.whereis_name(:two), "Hello")              # printed here
//     iex(alex@localhost)> :global.register_name(:two, Process.group_leader())        # for the writer

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PATIENCE_MS 10000

// Passes the requests of the I/O protocol on to `user`, with the asking process as the one that is answered.
static void serve(erln_node node, bool is_member) {
    erln_mailbox box;
    erln_pid self, user;
    must(erln_mailbox_open(node, "console", NULL, &box));
    must(erln_mailbox_pid(box, &self));
    must(erln_node_whereis(node, "user", &user));
    if (is_member) must(erln_global_register(box, PATIENCE_MS, "two"));
    watch_signals();
    say_ready(node);
    erln_msg *msg;
    while ((msg = next_message(box)) != NULL) {
        erln_bytes request;
        must(erln_msg_payload(msg, &request));
        erln_pid asking;
        if (erln_match(msg, "{console, ~p}", &asking)) {
            must(erln_send(box, erln_to_pid(&asking), "~p", &self));
        } else if (erln_match(msg, "{io_request, _, _, _}")) {
            must(erln_send_term(box, erln_to_pid(&user), request.ptr, request.len, PATIENCE_MS));
        }
        erln_msg_free(msg);
    }
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    erln_node node = start_node(options);
    if (options.to != NULL) must(erln_node_connect(node, options.to, PATIENCE_MS));
    if (options.say != NULL) {
        erln_mailbox box;
        erln_pid two;
        must(erln_mailbox_open(node, NULL, NULL, &box));
        must(erln_global_sync(node, PATIENCE_MS));
        must(erln_global_whereis(node, PATIENCE_MS, &two, "two"));
        must(erln_put_chars(box, erln_to_pid(&two), "Hello\n", PATIENCE_MS));
    } else if (options.ping != NULL) {
        erln_mailbox box;
        must(erln_mailbox_open(node, NULL, NULL, &box));
        must(erln_put_chars(box, erln_to_remote("console", options.ping), "Hello\n", PATIENCE_MS));
    } else {
        serve(node, options.to != NULL);
    }
    must(erln_node_stop(node));
    return 0;
}
