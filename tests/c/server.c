// A table of functions that serves a mailbox: calls, casts, messages, functions of peers, sys, on one thread and on several.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "check.h"

#define PATIENCE 20000

static const char *const HOME = "ffi_server@localhost";

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "server-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

// What a server of this test remembers.
struct state {
    int64_t value;
    erln_msg *kept;
    erln_request *kept_request;
    int ends;
    bool ended_normally;
};

static int32_t on_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    struct state *state = data;
    int64_t x, y;
    if (erln_read_match(request, "{add, ~l, ~l}", &x, &y)) {
        CHECK_OK(erln_answer(box, msg, "~l", x + y));
    } else if (erln_read_atom_is(request, "recall")) {
        CHECK_OK(erln_answer(box, msg, "~l", state->value));
    } else if (erln_read_atom_is(request, "later")) {
        CHECK(state->kept == NULL);
        // The main thread looks whether it is there.
        __atomic_store_n(&state->kept, msg, __ATOMIC_RELEASE);
        return ERLN_KEPT;
    } else if (erln_read_atom_is(request, "stop")) {
        CHECK_OK(erln_answer(box, msg, "bye"));
        return ERLN_STOP;
    } else {
        return ERLN_BADARG;
    }
    return ERLN_HANDLED;
}

static int32_t on_cast(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    struct state *state = data;
    (void)msg;
    if (erln_read_atom_is(request, "now")) {
        CHECK_OK(erln_answer(box, state->kept, "late"));
        erln_msg_free(state->kept);
        state->kept = NULL;
        return ERLN_HANDLED;
    }
    CHECK(erln_read_int64(request, &state->value));
    return ERLN_HANDLED;
}

static int32_t on_info(erln_mailbox box, erln_msg *msg, erln_reader *what, void *data) {
    struct state *state = data;
    (void)box;
    (void)msg;
    if (erln_read_atom_is(what, "release")) {
        CHECK_OK(erln_reply(state->kept_request, "released"));
        erln_request_free(state->kept_request);
    }
    return ERLN_HANDLED;
}

static void on_state(erln_writer *writer, void *data) {
    struct state *state = data;
    erln_write(writer, "{value, ~l}", state->value);
}

static void on_end(erln_mailbox box, erln_reader *reason, void *data) {
    struct state *state = data;
    (void)box;
    state->ends++;
    state->ended_normally = erln_read_atom_is(reason, "normal");
}

static int32_t halve(erln_request *request, erln_reader *args, void *data) {
    double x;
    (void)data;
    if (!erln_read_match(args, "[~d]", &x)) return ERLN_BADARG;
    CHECK_OK(erln_reply(request, "~f", x / 2));
    return ERLN_HANDLED;
}

static int32_t keep(erln_request *request, erln_reader *args, void *data) {
    struct state *state = data;
    (void)args;
    __atomic_store_n(&state->kept_request, request, __ATOMIC_RELEASE);
    return ERLN_KEPT;
}

static int32_t forget(erln_request *request, erln_reader *args, void *data) {
    (void)request;
    (void)args;
    (void)data;
    return ERLN_HANDLED;
}

static erln_server *table(struct state *state) {
    erln_server *server = erln_server_new(state);
    CHECK(server != NULL);
    CHECK_OK(erln_server_on_call(server, on_call));
    CHECK_OK(erln_server_on_cast(server, on_cast));
    CHECK_OK(erln_server_on_info(server, on_info));
    CHECK_OK(erln_server_on_state(server, on_state));
    CHECK_OK(erln_server_on_end(server, on_end));
    CHECK_OK(erln_server_function(server, "test", "halve", 1, halve));
    CHECK_OK(erln_server_function(server, "test", "keep", ERLN_ANY_ARITY, keep));
    CHECK_OK(erln_server_function(server, "test", "forget", 0, forget));
    return server;
}

struct running {
    erln_server *server;
    erln_mailbox box;
};

static void *run(void *data) {
    struct running *running = data;
    CHECK_OK(erln_server_run(running->server, running->box, ERLN_FOREVER));
    return NULL;
}

// Asks, and checks that the answer matches.
#define ASK(pattern, ...)                                                                            \
    do {                                                                                             \
        erln_msg *asked;                                                                             \
        CHECK_OK(erln_call(client, erln_to_remote("calc", HOME), PATIENCE, &asked, __VA_ARGS__));     \
        CHECK(erln_match(asked, pattern));                                                           \
        erln_msg_free(asked);                                                                        \
    } while (0)

static void erpc(erln_mailbox client, const char *module, const char *function, const char *args, const char *expected) {
    erln_writer *writer = erln_writer_new();
    erln_bytes list;
    erln_msg *result;
    CHECK(erln_write_erlang(writer, args));
    CHECK_OK(erln_writer_finish(writer, &list));
    CHECK_OK(erln_erpc(client, HOME, module, function, list.ptr, list.len, PATIENCE, &result));
    if (!erln_match(result, expected)) {
        erln_bytes text;
        CHECK_OK(erln_msg_text(result, &text));
        fprintf(stderr, "%s:%s gave %.*s\n", module, function, (int)text.len, (const char *)text.ptr);
        exit(1);
    }
    erln_msg_free(result);
    erln_writer_free(writer);
}

// `{system, {Pid, Ref}, Command}`, and what comes back.
static void sys(erln_mailbox client, const char *command, const char *expected) {
    erln_pid self;
    erln_ref ref;
    erln_node node;
    erln_msg *reply;
    erln_bytes term;
    erln_writer *writer = erln_writer_new();
    char pattern[128];
    CHECK(erln_write_erlang(writer, command));
    CHECK_OK(erln_writer_finish(writer, &term));
    CHECK_OK(erln_mailbox_pid(client, &self));
    CHECK_OK(erln_mailbox_node(client, &node));
    CHECK_OK(erln_node_make_ref(node, &ref));
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{system, {~p, ~r}, ~t}", &self, &ref, term.ptr, term.len));
    CHECK_OK(erln_mailbox_recv_ref(client, &ref, PATIENCE, &reply));
    snprintf(pattern, sizeof pattern, "{_, %s}", expected);
    if (!erln_match(reply, pattern)) {
        erln_bytes text;
        CHECK_OK(erln_msg_text(reply, &text));
        fprintf(stderr, "%s gave %.*s\n", command, (int)text.len, (const char *)text.ptr);
        exit(1);
    }
    erln_msg_free(reply);
    erln_writer_free(writer);
}

static void *ask_later(void *data) {
    erln_mailbox client = *(erln_mailbox *)data;
    ASK("late", "later");
    return NULL;
}

static void *ask_keep(void *data) {
    erpc(*(erln_mailbox *)data, "test", "keep", "[1,2]", "{return, released}");
    return NULL;
}

// On a thread of its own.
static void serves(erln_node home, erln_node away) {
    struct state state = {0, NULL, NULL, 0, false};
    struct running running = {table(&state), {0}};
    pthread_t thread, other;
    erln_mailbox client, second;
    erln_msg *msg;
    erln_ref watch;
    CHECK_OK(erln_mailbox_open(home, "calc", NULL, &running.box));
    CHECK_OK(erln_mailbox_open(away, NULL, NULL, &client));
    CHECK_OK(erln_mailbox_open(away, NULL, NULL, &second));
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_server_run(running.server, running.box, 1));
    CHECK(pthread_create(&thread, NULL, run, &running) == 0);

    ASK("3", "{add, 1, 2}");
    ASK("{error, {bad_call, {bogus, 1}}}", "{bogus, 1}");
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{'$gen_cast', 5}"));
    ASK("5", "recall");

    erpc(client, "test", "halve", "[4.0]", "{return, 2.0}");
    erpc(client, "test", "halve", "[x]", "{error, badarg, _}");
    erpc(client, "test", "halve", "[1,2]", "{error, undef, _}");
    erpc(client, "os", "cmd", "[ls]", "{error, undef, _}");

    // An answer that comes later, from another handler.
    CHECK(pthread_create(&other, NULL, ask_later, &second) == 0);
    for (;;) {
        sys(client, "get_state", "{ok, {value, 5}}");
        if (__atomic_load_n(&state.kept, __ATOMIC_ACQUIRE) != NULL) break;
    }
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{'$gen_cast', now}"));
    pthread_join(other, NULL);
    CHECK(pthread_create(&other, NULL, ask_keep, &second) == 0);
    while (__atomic_load_n(&state.kept_request, __ATOMIC_ACQUIRE) == NULL) {
        sys(client, "{debug, {trace, true}}", "ok");
    }
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "release"));
    pthread_join(other, NULL);

    sys(client, "suspend", "ok");
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{'$gen_cast', 8}"));
    sys(client, "get_state", "{ok, {value, 5}}");
    sys(client, "resume", "ok");
    ASK("8", "recall");
    sys(client, "nonsense", "{error, {unknown_system_msg, nonsense}}");

    CHECK_OK(erln_monitor(client, erln_to_remote("calc", HOME), ERLN_ALIAS_NONE, &watch));
    ASK("bye", "stop");
    CHECK_OK(erln_mailbox_recv_ref(client, &watch, PATIENCE, &msg));
    CHECK(erln_match(msg, "{'DOWN', _, process, _, normal}"));
    erln_msg_free(msg);
    pthread_join(thread, NULL);
    CHECK(state.ends == 1 && state.ended_normally);
    erln_server_free(running.server);
    CHECK_OK(erln_mailbox_close(client));
    CHECK_OK(erln_mailbox_close(second));
}

// In an event loop of the program's own, and ended by a peer.
static void handles(erln_node home, erln_node away) {
    struct state state = {0, NULL, NULL, 0, true};
    erln_server *server = table(&state);
    erln_mailbox box, client;
    erln_pid self;
    erln_msg *msg;
    CHECK_OK(erln_mailbox_open(home, "calc", NULL, &box));
    CHECK_OK(erln_mailbox_open(away, NULL, NULL, &client));
    CHECK_OK(erln_mailbox_pid(client, &self));
    CHECK_OK(erln_server_export(server, box));
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{'$gen_call', {~p, tag}, {add, 2, 2}}", &self));
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    CHECK_OK(erln_server_handle(server, box, msg));
    CHECK_OK(erln_mailbox_recv(client, PATIENCE, &msg));
    CHECK(erln_match(msg, "{tag, 4}"));
    erln_msg_free(msg);
    CHECK_OK(erln_send(client, erln_to_remote("calc", HOME), "{system, {~p, tag}, {terminate, {shutdown, done}}}", &self));
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_server_handle(server, box, msg));
    CHECK(state.ends == 1 && !state.ended_normally);
    CHECK_OK(erln_mailbox_recv(client, PATIENCE, &msg));
    CHECK(erln_match(msg, "{tag, ok}"));
    erln_msg_free(msg);
    CHECK_OK(erln_mailbox_close(client));
    erln_server_free(server);
}

// Several threads serve one mailbox, and one function ends it for all.
static void many(erln_node home, erln_node away) {
    struct state state = {0, NULL, NULL, 0, false};
    struct running running = {table(&state), {0}};
    pthread_t threads[4];
    erln_mailbox client;
    CHECK_OK(erln_mailbox_open(home, "calc", NULL, &running.box));
    CHECK_OK(erln_mailbox_open(away, NULL, NULL, &client));
    for (int n = 0; n < 4; n++) CHECK(pthread_create(&threads[n], NULL, run, &running) == 0);
    for (int n = 0; n < 200; n++) ASK("3", "{add, 1, 2}");
    ASK("bye", "stop");
    for (int n = 0; n < 4; n++) pthread_join(threads[n], NULL);
    CHECK(state.ends == 1);
    erln_server_free(running.server);
    CHECK_OK(erln_mailbox_close(client));
}

static void misuse(erln_node home) {
    struct state state = {0, NULL, NULL, 0, false};
    erln_server *server = table(&state);
    erln_mailbox box, other;
    CHECK_OK(erln_mailbox_open(home, NULL, NULL, &box));
    CHECK_OK(erln_mailbox_open(home, NULL, NULL, &other));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_on_call(NULL, on_call));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_function(server, "m", "f", 0, NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_function(server, "m", "f", 256, forget));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_function(server, NULL, "f", 0, forget));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_run(NULL, box, 0));
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_server_run(server, box, 0));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_server_run(server, other, 0));
    CHECK_OK(erln_mailbox_close(box));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_server_run(server, box, 0));
    CHECK_OK(erln_mailbox_close(other));
    erln_server_free(server);
    erln_server_free(NULL);
}

int main(void) {
    erln_node home = start(HOME), away = start("ffi_server_away@localhost");
    serves(home, away);
    handles(home, away);
    many(home, away);
    misuse(home);
    CHECK_OK(erln_node_stop(away));
    CHECK_OK(erln_node_stop(home));
    return 0;
}
