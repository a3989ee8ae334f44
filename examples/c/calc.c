// Calc: a server that Elixir calls as one of its own, and a caller of such servers.
//
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, {:add, 1, 2})
//     3
//     iex(alex@localhost)> GenServer.cast({Calc, :"c@localhost"}, {:store, 40})
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, :recall)
//     40
//     iex(alex@localhost)> :sys.get_state({Calc, :"c@localhost"})
//     40
//     iex(alex@localhost)> :erpc.call(:"c@localhost", :math, :sqrt, [2.0])
//     1.4142135623730951
//
// With --ping NODE it is the caller: it asks the server Calc of that node for 1 + 2.

#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "options.h"

#define PATIENCE_MS 10000

// Answers with an error, as erlang:error/1 does.
static void fail(erln_request *request, const char *error) {
    erln_writer *writer = erln_writer_new();
    erln_bytes reason;
    erln_write_atom(writer, error);
    must(erln_writer_finish(writer, &reason));
    must(erln_request_fail(request, ERLN_CLASS_ERROR, reason.ptr, reason.len));
    erln_writer_free(writer);
}

// Runs one function that a peer asked for.
static void run(erln_request *request) {
    erln_bytes args;
    erln_reader reader;
    double x;
    must(erln_request_args(request, &args));
    must(erln_reader_init(&reader, args.ptr, args.len));
    if (erln_request_is(request, "math", "sqrt", 1) && erln_read_match(&reader, "[~d]", &x)) {
        if (x >= 0) {
            must(erln_reply(request, "~f", sqrt(x)));
        } else {
            fail(request, "badarith");
        }
    } else {
        fail(request, "badarg");
    }
}

static void serve(erln_node node) {
    erln_mailbox box;
    erln_msg *msg;
    erln_request *request;
    int64_t x, y, state = 0;
    must(erln_mailbox_open(node, "Elixir.Calc", NULL, &box));
    must(erln_export(box, "math", "sqrt", 1));
    watch_signals();
    say_ready(node);
    while ((msg = next_message(box)) != NULL) {
        erln_status status = ERLN_OK;
        if (erln_match(msg, "{'$gen_call', _, {add, ~l, ~l}}", &x, &y)) {
            status = erln_answer(box, msg, "~l", x + y);
        } else if (erln_match(msg, "{'$gen_call', _, recall}")) {
            status = erln_answer(box, msg, "~l", state);
        } else if (erln_match(msg, "{'$gen_call', _, _}")) {
            status = erln_answer(box, msg, "{error, unknown_call}");
        } else if (erln_match(msg, "{'$gen_cast', {store, ~l}}", &x)) {
            state = x;
        } else if (erln_match(msg, "{system, _, get_state}")) {
            status = erln_answer(box, msg, "~l", state);
        } else if (erln_msg_kind(msg) == ERLN_MSG_REQUEST && erln_msg_request(msg, &request) == ERLN_OK) {
            run(request);
            erln_request_free(request);
        }
        if (status != ERLN_OK) fprintf(stderr, "no answer sent: %s\n", erln_last_error());
        erln_msg_free(msg);
    }
}

static void call(erln_node node, const char *peer) {
    erln_mailbox box;
    erln_msg *reply;
    erln_bytes text;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    must(erln_call(box, erln_to_remote("Elixir.Calc", peer), PATIENCE_MS, &reply, "{add, ~i, ~i}", 1, 2));
    must(erln_msg_text(reply, &text));
    printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    erln_msg_free(reply);
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
