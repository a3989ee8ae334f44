// Calc: a server that Elixir calls as one of its own, and a caller of such servers.
//
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, {:add, 1, 2})
//     3
//     iex(alex@localhost)> GenServer.cast({Calc, :"c@localhost"}, {:remember, 40})
//     iex(alex@localhost)> :sys.get_state({Calc, :"c@localhost"})
//     40
//     iex(alex@localhost)> :erpc.call(:"c@localhost", Calc, :sqrt, [2.0])
//     1.414213562373095
//
// With --ping NODE it is the caller: it asks the server Calc of that node for 1 + 2.

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PATIENCE_MS 10000

// Newton's method, so that the example needs no library of mathematics.
static double square_root(double x) {
    double root = x > 1 ? x : 1;
    for (int n = 0; n < 64 && root > 0; n++) root = (root + x / root) / 2;
    return root;
}

// Runs one function that a peer asked for.
static void run(erln_request *request) {
    erln_bytes args;
    erln_reader reader;
    double x;
    must(erln_request_args(request, &args));
    must(erln_reader_init(&reader, args.ptr, args.len));
    if (erln_request_is(request, "Elixir.Calc", "sqrt", 1) && erln_read_match(&reader, "[~d]", &x) && x >= 0) {
        must(erln_reply(request, "~f", square_root(x)));
        return;
    }
    const uint8_t badarg[] = {119, 6, 'b', 'a', 'd', 'a', 'r', 'g'};
    must(erln_request_fail(request, ERLN_CLASS_ERROR, badarg, sizeof badarg));
}

static void serve(erln_node node) {
    erln_mailbox box;
    erln_msg *msg;
    erln_request *request;
    int64_t x, y, state = 0;
    must(erln_mailbox_open(node, "Elixir.Calc", NULL, &box));
    must(erln_export(box, "Elixir.Calc", "sqrt", 1));
    watch_signals();
    say_ready(node);
    while ((msg = next_message(box)) != NULL) {
        erln_status status = ERLN_OK;
        if (erln_match(msg, "{'$gen_call', _, {add, ~l, ~l}}", &x, &y)) {
            status = erln_answer(box, msg, "~l", x + y);
        } else if (erln_match(msg, "{'$gen_call', _, _}")) {
            status = erln_answer(box, msg, "{error, unknown_call}");
        } else if (erln_match(msg, "{'$gen_cast', {remember, ~l}}", &x)) {
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
