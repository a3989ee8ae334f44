// Ping pong: registers `pong` and answers {ping, Pid} with pong; with --ping NODE it is the caller.
//
//     iex(alex@localhost)> send({:pong, :"c@localhost"}, {:ping, self()})
//     iex(alex@localhost)> flush()
//     :pong

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PATIENCE_MS 10000

static void serve(erln_node node) {
    erln_mailbox box;
    must(erln_mailbox_open(node, "pong", NULL, &box));
    watch_signals();
    say_ready(node);
    erln_msg *msg;
    while ((msg = next_message(box)) != NULL) {
        erln_pid from;
        if (erln_match(msg, "{ping, ~p}", &from) && erln_send(box, erln_to_pid(&from), "pong") != ERLN_OK) {
            fprintf(stderr, "no answer sent: %s\n", erln_last_error());
        }
        erln_msg_free(msg);
    }
}

static void call(erln_node node, const char *peer) {
    erln_mailbox box;
    erln_pid self;
    erln_msg *answer;
    erln_bytes text;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    must(erln_mailbox_pid(box, &self));
    must(erln_send(box, erln_to_remote("pong", peer), "{ping, ~p}", &self));
    must(erln_mailbox_recv(box, PATIENCE_MS, &answer));
    must(erln_msg_text(answer, &text));
    printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    erln_msg_free(answer);
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    erln_node node = start_node(options);
    if (options.ping != NULL) {
        call(node, options.ping);
    } else {
        serve(node);
    }
    must(erln_node_stop(node));
    return 0;
}
