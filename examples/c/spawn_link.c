// Kate: a function of ours that others run. Exports Elixir.Kate:say_name/0, which prints on the terminal of whoever runs it.
//
//     iex(alex@localhost)> Node.spawn_link(:"c@localhost", Kate, :say_name, [])
//     Hi, my name is Kate
//     iex(alex@localhost)> Node.spawn_link(:"c@localhost", &Kate.say_name/0)
//     Hi, my name is Kate
//
// With --ping NODE it is the caller: it runs IO.puts("...") there, linked, and the text appears on our standard output.

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PATIENCE_MS 10000

// Runs one call. The process ends with reason normal, or with the error that is told here.
static void answer(erln_mailbox box, erln_request *request) {
    erln_pid leader;
    must(erln_request_leader(request, &leader));
    if (erln_put_chars(box, erln_to_pid(&leader), "Hi, my name is Kate\n", PATIENCE_MS) == ERLN_OK) {
        must(erln_reply(request, "ok"));
        return;
    }
    fprintf(stderr, "nothing printed: %s\n", erln_last_error());
    erln_writer *reason = erln_writer_new();
    erln_bytes term;
    erln_write(reason, "{terminal, ~S}", erln_last_error());
    must(erln_writer_finish(reason, &term));
    must(erln_request_fail(request, ERLN_CLASS_ERROR, term.ptr, term.len));
    erln_writer_free(reason);
}

static void serve(erln_node node) {
    erln_mailbox box;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    must(erln_export(box, "Elixir.Kate", "say_name", 0));
    watch_signals();
    say_ready(node);
    erln_msg *msg;
    while ((msg = next_message(box)) != NULL) {
        erln_request *request;
        if (erln_msg_kind(msg) == ERLN_MSG_REQUEST && erln_msg_request(msg, &request) == ERLN_OK) {
            answer(box, request);
            erln_request_free(request);
        }
        erln_msg_free(msg);
    }
}

static void call(erln_node node, const char *peer) {
    erln_mailbox box;
    erln_pid pid;
    erln_msg *msg;
    erln_bytes args, reason;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    // The end of the process that is linked to us is a message, and not our end.
    must(erln_mailbox_set_trap_exit(box, true));
    erln_writer *writer = erln_writer_new();
    erln_write(writer, "[~S]", "Hi, my name is Kate");
    must(erln_writer_finish(writer, &args));
    must(erln_spawn(box, peer, "Elixir.IO", "puts", args.ptr, args.len, ERLN_SPAWN_LINK, PATIENCE_MS, &pid, NULL));
    erln_writer_free(writer);
    must(erln_mailbox_recv(box, PATIENCE_MS, &msg));
    if (!erln_match(msg, "{'EXIT', _, normal}")) {
        must(erln_msg_text(msg, &reason));
        fprintf(stderr, "error: %.*s\n", (int)reason.len, (const char *)reason.ptr);
        exit(1);
    }
    erln_msg_free(msg);
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
