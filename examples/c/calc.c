// Calc: exported functions and a server, called by whoever knows Elixir.
//
//     calc --name c@localhost --cookie secret
//
//     iex(alex@localhost)> :erpc.call(:"c@localhost", :math, :sqrt, [2.0])
//     1.4142135623730951
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, {:add, 1, 2})
//     3
//     iex(alex@localhost)> GenServer.cast({Calc, :"c@localhost"}, {:store, 5})
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, :recall)
//     5
//     iex(alex@localhost)> GenServer.call({Calc, :"c@localhost"}, {:later, 20})      # replied to by another thread
//     :late
//     iex(alex@localhost)> :erpc.call(:"c@localhost", :math, :sqrt, [-1.0])
//     ** (ErlangError) Erlang error: :badarith
//
// With --ping NODE it asks the Calc of another node.

#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "options.h"

#define PATIENCE_MS 5000
#define CALC "Elixir.Calc"

// A call that is answered later.
struct later {
    erln_mailbox box;
    erln_msg *call;
    int64_t ms;
};

static void *answer_later(void *data) {
    struct later *later = data;
    struct timespec time = {later->ms / 1000, (later->ms % 1000) * 1000000};
    nanosleep(&time, NULL);
    // The caller may have given up; then this is dropped.
    erln_answer(later->box, later->call, "late");
    erln_msg_free(later->call);
    free(later);
    return NULL;
}

static int32_t keep(erln_mailbox box, erln_msg *msg, int64_t ms) {
    struct later *later = malloc(sizeof *later);
    pthread_t thread;
    if (later == NULL) return ERLN_BADARG;
    *later = (struct later){box, msg, ms};
    if (pthread_create(&thread, NULL, answer_later, later) != 0) {
        free(later);
        return ERLN_BADARG;
    }
    pthread_detach(thread);
    return ERLN_KEPT;
}

static int32_t on_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    int64_t *value = data, x, y;
    if (erln_read_match(request, "{add, ~l, ~l}", &x, &y)) {
        erln_answer(box, msg, "~l", x + y);
    } else if (erln_read_match(request, "{divide, ~l, ~l}", &x, &y)) {
        if (y != 0) {
            erln_answer(box, msg, "{ok, ~f}", (double)x / (double)y);
        } else {
            erln_answer(box, msg, "{error, badarith}");
        }
    } else if (erln_read_atom_is(request, "recall")) {
        erln_answer(box, msg, "~l", *value);
    } else if (erln_read_match(request, "{later, ~l}", &x) && x >= 0) {
        return keep(box, msg, x);
    } else if (erln_read_match(request, "{get, {'Elixir.Kernel', '+', [~l]}}", &x)) {
        // Agent.get({Calc, node}, Kernel, :+, [1]): a function of the state that needs no code of theirs.
        erln_answer(box, msg, "~l", *value + x);
    } else if (erln_read_atom_is(request, "stop")) {
        erln_answer(box, msg, "ok");
        return ERLN_STOP;
    } else {
        return ERLN_BADARG;
    }
    return ERLN_HANDLED;
}

static int32_t on_cast(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    (void)box;
    (void)msg;
    erln_read_match(request, "{store, ~l}", (int64_t *)data);
    return ERLN_HANDLED;
}

static void on_state(erln_writer *writer, void *data) {
    erln_write(writer, "#{value => ~l}", *(int64_t *)data);
}

// Fails with an exception of Erlang's class error.
static int32_t fail(erln_request *request, const char *format, const char *text) {
    erln_writer *writer = erln_writer_new();
    erln_bytes reason;
    erln_write(writer, format, text);
    if (erln_writer_finish(writer, &reason) == ERLN_OK) {
        erln_request_fail(request, ERLN_CLASS_ERROR, reason.ptr, reason.len);
    }
    erln_writer_free(writer);
    return ERLN_HANDLED;
}

static int32_t square_root(erln_request *request, erln_reader *args, void *data) {
    double x;
    (void)data;
    if (!erln_read_match(args, "[~d]", &x)) return ERLN_BADARG;
    if (x < 0) return fail(request, "~a", "badarith");
    erln_reply(request, "~f", sqrt(x));
    return ERLN_HANDLED;
}

static int32_t factorial(erln_request *request, erln_reader *args, void *data) {
    int64_t n, product = 1;
    (void)data;
    // 20! is the last that fits.
    if (!erln_read_match(args, "[~l]", &n) || n < 0 || n > 20) return ERLN_BADARG;
    for (; n > 1; n--) product *= n;
    erln_reply(request, "~l", product);
    return ERLN_HANDLED;
}

static int32_t fail_with(erln_request *request, erln_reader *args, void *data) {
    erln_bytes text;
    char copy[256];
    (void)data;
    if (!erln_read_match(args, "[~S]", &text) || text.len >= sizeof copy) return ERLN_BADARG;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return fail(request, "{failed, ~S}", copy);
}

static void serve(erln_node node) {
    int64_t value = 0;
    erln_mailbox box;
    erln_server *server = erln_server_new(&value);
    must(erln_mailbox_open(node, CALC, NULL, &box));
    must(erln_server_on_call(server, on_call));
    must(erln_server_on_cast(server, on_cast));
    must(erln_server_on_state(server, on_state));
    must(erln_server_function(server, "math", "sqrt", 1, square_root));
    must(erln_server_function(server, CALC, "factorial", 1, factorial));
    must(erln_server_function(server, CALC, "fail", 1, fail_with));
    must(erln_server_export(server, box));
    watch_signals();
    say_ready(node);
    // With erln_server_run(server, box, ERLN_FOREVER) this would be one line; here a signal ends it, too.
    for (erln_msg *msg; (msg = next_message(box)) != NULL;) erln_server_handle(server, box, msg);
    erln_server_free(server);
    wait_for_end();
}

static void call(erln_node node, const char *peer) {
    erln_mailbox box;
    erln_msg *reply;
    erln_bytes text, list;
    erln_writer *args = erln_writer_new();
    const double numbers[] = {2.0, -1.0};
    must(erln_mailbox_open(node, NULL, NULL, &box));
    must(erln_call(box, erln_to_remote(CALC, peer), PATIENCE_MS, &reply, "{add, ~i, ~i}", 1, 2));
    must(erln_msg_text(reply, &text));
    printf("1 + 2 = %.*s\n", (int)text.len, (const char *)text.ptr);
    erln_msg_free(reply);
    must(erln_send(box, erln_to_remote(CALC, peer), "{'$gen_cast', {store, ~i}}", 5));
    must(erln_call(box, erln_to_remote(CALC, peer), PATIENCE_MS, &reply, "recall"));
    must(erln_msg_text(reply, &text));
    printf("stored %.*s\n", (int)text.len, (const char *)text.ptr);
    erln_msg_free(reply);
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) {
        double result;
        erln_writer_clear(args);
        erln_write(args, "[~f]", numbers[n]);
        must(erln_writer_finish(args, &list));
        must(erln_erpc(box, peer, "math", "sqrt", list.ptr, list.len, PATIENCE_MS, &reply));
        if (erln_match(reply, "{return, ~d}", &result)) {
            printf("sqrt(%g) = %.17g\n", numbers[n], result);
        } else if (erln_match(reply, "{error, ~t, _}", &text)) {
            char reason[64];
            must(erln_print(text.ptr, text.len, ERLN_ERLANG, reason, sizeof reason, NULL));
            printf("sqrt(%g): error: %s\n", numbers[n], reason);
        }
        erln_msg_free(reply);
    }
    erln_writer_free(args);
    // A deadline: what comes after it is dropped.
    if (erln_call(box, erln_to_remote(CALC, peer), 10, &reply, "{later, 200}") == ERLN_ERR_TIMEOUT) {
        printf("later: timeout\n");
    }
    // Several calls under way at a time; one of them is given up.
    erln_pending *calls[3];
    for (int n = 0; n < 3; n++) must(erln_call_begin(box, erln_to_remote(CALC, peer), &calls[n], "{add, 10, ~i}", n));
    erln_pending_free(calls[1]);
    for (int n = 2; n >= 0; n -= 2) {
        must(erln_pending_wait(calls[n], PATIENCE_MS, &reply));
        must(erln_msg_text(reply, &text));
        printf("10 + %d = %.*s\n", n, (int)text.len, (const char *)text.ptr);
        erln_msg_free(reply);
        erln_pending_free(calls[n]);
    }
    if (erln_call(box, erln_to_remote("nobody", peer), PATIENCE_MS, &reply, "x") == ERLN_ERR_NO_PROCESS) {
        printf("nobody: %s\n", erln_last_error());
    }
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
