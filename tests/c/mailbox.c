// Two nodes in one program: names, sending in every way, waiting in every way, closing, misuse.

#include <poll.h>
#include <pthread.h>

#include "check.h"

#define PATIENCE 20000

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK(config != NULL);
    CHECK_OK(erln_config_set_cookie(config, "mailbox-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

static erln_mailbox open_box(erln_node node, const char *name) {
    erln_mailbox box;
    CHECK_OK(erln_mailbox_open(node, name, NULL, &box));
    return box;
}

static erln_msg *receive(erln_mailbox box) {
    erln_msg *msg;
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    return msg;
}

static void expect(erln_mailbox box, const char *pattern) {
    erln_msg *msg = receive(box);
    if (!erln_match(msg, pattern)) {
        erln_bytes text;
        CHECK_OK(erln_msg_text(msg, &text));
        fprintf(stderr, "expected %s, got %.*s\n", pattern, (int)text.len, (const char *)text.ptr);
        exit(1);
    }
    erln_msg_free(msg);
}

static void names(erln_node a, erln_node b) {
    erln_name name;
    bool alive = false, pong = false;
    uint32_t creation = 0;
    uint16_t port = 0;
    CHECK_OK(erln_node_name(a, &name));
    CHECK(strcmp(name.text, "ffi_a@localhost") == 0);
    CHECK_OK(erln_node_is_alive(a, &alive));
    CHECK(alive);
    CHECK_OK(erln_node_creation(a, &creation));
    CHECK(creation > 0);
    CHECK_OK(erln_node_port(a, &port));
    CHECK(port > 0);
    CHECK_OK(erln_node_ping(a, "ffi_b@localhost", PATIENCE, &pong));
    CHECK(pong);
    CHECK_OK(erln_node_connect(a, "ffi_b@localhost", PATIENCE));
    erln_names *list;
    CHECK_OK(erln_node_list(a, ERLN_NODES_CONNECTED, &list));
    CHECK(erln_names_count(list) == 1 && strcmp(erln_names_get(list, 0), "ffi_b@localhost") == 0);
    CHECK(erln_names_get(list, 1) == NULL);
    erln_names_free(list);
    CHECK_OK(erln_node_list(a, ERLN_NODES_VISIBLE, &list));
    CHECK(erln_names_count(list) == 0);
    erln_names_free(list);
    CHECK_OK(erln_node_ping(a, "ffi_nobody@localhost", PATIENCE, &pong));
    CHECK(!pong);
    CHECK_STATUS(ERLN_ERR_NAME_UNKNOWN, erln_node_connect(b, "ffi_nobody@localhost", PATIENCE));
    CHECK(strstr(erln_last_error(), "ffi_nobody") != NULL);
}

static void sending(erln_node a, erln_node b) {
    erln_mailbox from = open_box(a, NULL), to = open_box(b, "target");
    erln_pid pid, back, sender;
    erln_msg *msg;
    int n;
    CHECK_OK(erln_mailbox_pid(to, &pid));
    CHECK_OK(erln_mailbox_pid(from, &back));

    CHECK_OK(erln_send(from, erln_to_pid(&pid), "{by_pid, ~p, ~i}", &back, 1));
    msg = receive(to);
    CHECK(erln_match(msg, "{by_pid, ~p, ~i}", &sender, &n) && n == 1);
    CHECK(memcmp(&sender, &back, sizeof back) == 0);
    CHECK(erln_msg_kind(msg) == ERLN_MSG_MESSAGE);
    erln_msg_free(msg);

    CHECK_OK(erln_send(from, erln_to_remote("target", "ffi_b@localhost"), "{by_name, ~S}", "h\xc3\xa9"));
    expect(to, "{by_name, _}");
    CHECK_OK(erln_send(to, erln_to_name("target"), "here"));
    expect(to, "here");
    const uint8_t term[] = {131, 97, 42};
    CHECK_OK(erln_send_term(from, erln_to_pid(&pid), term, sizeof term, PATIENCE));
    expect(to, "42");

    erln_ref alias;
    CHECK_OK(erln_alias(to, &alias));
    CHECK_OK(erln_send(from, erln_to_alias(&alias), "by_alias"));
    CHECK_OK(erln_send(from, erln_to_pid(&pid), "other"));
    CHECK_OK(erln_mailbox_recv_ref(to, &alias, PATIENCE, &msg));
    CHECK(erln_match(msg, "by_alias") && erln_msg_answers(msg, &alias));
    erln_msg_free(msg);
    expect(to, "other");
    CHECK_OK(erln_unalias(to, &alias));

    // Selective receive by the tag of a reply leaves the rest in order.
    erln_ref ref;
    CHECK_OK(erln_node_make_ref(a, &ref));
    CHECK_OK(erln_send(to, erln_to_pid(&back), "first"));
    CHECK_OK(erln_send(to, erln_to_pid(&back), "{~r, answer}", &ref));
    CHECK_OK(erln_mailbox_recv_ref(from, &ref, PATIENCE, &msg));
    CHECK(erln_match(msg, "{_, answer}"));
    erln_msg_free(msg);
    expect(from, "first");

    CHECK_STATUS(ERLN_ERR_NO_PROCESS, erln_send(from, erln_to_name("nobody_is_this"), "x"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_send(from, erln_to_pid(NULL), "x"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_send(from, erln_to_name(NULL), "x"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_send(from, erln_to_pid(&pid), "{"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_send_term(from, erln_to_pid(&pid), term, sizeof term, -5));
    CHECK(erln_send_term(from, erln_to_pid(&pid), term, 2, PATIENCE) != ERLN_OK);
    erln_to nowhere;
    memset(&nowhere, 0, sizeof nowhere);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_send(from, nowhere, "x"));
    CHECK_OK(erln_mailbox_close(from));
    CHECK_OK(erln_mailbox_close(to));
}

static void waiting(erln_node a) {
    erln_mailbox box = open_box(a, "waiter");
    erln_msg *msg;
    int32_t fd;
    struct pollfd wait;
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_mailbox_recv(box, 0, &msg));
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_mailbox_recv(box, 10, &msg));
    CHECK_OK(erln_mailbox_fd(box, &fd));
    memset(&wait, 0, sizeof wait);
    wait.fd = fd;
    wait.events = POLLIN;
    CHECK(poll(&wait, 1, 0) == 0);
    CHECK_OK(erln_send(box, erln_to_name("waiter"), "{one, ~i}", 1));
    CHECK_OK(erln_send(box, erln_to_name("waiter"), "{two, ~i}", 2));
    CHECK(poll(&wait, 1, PATIENCE) == 1);
    size_t messages = 0, bytes = 0;
    CHECK_OK(erln_mailbox_load(box, &messages, &bytes, NULL));
    CHECK(messages == 2 && bytes > 0);
    CHECK_OK(erln_mailbox_recv(box, 0, &msg));
    erln_msg_free(msg);
    CHECK(poll(&wait, 1, 0) == 1);
    CHECK_OK(erln_mailbox_recv(box, 0, &msg));
    erln_msg_free(msg);
    CHECK(poll(&wait, 1, 0) == 0);
    CHECK_OK(erln_mailbox_close(box));
}

static void links_and_monitors(erln_node a, erln_node b) {
    erln_mailbox box = open_box(a, NULL), other = open_box(b, NULL);
    erln_pid pid;
    erln_ref ref;
    erln_msg *msg;
    erln_bytes reason;
    CHECK_OK(erln_mailbox_set_trap_exit(box, true));
    CHECK_OK(erln_mailbox_pid(other, &pid));
    CHECK_OK(erln_monitor(box, erln_to_pid(&pid), ERLN_ALIAS_NONE, &ref));
    CHECK_OK(erln_link(box, &pid));
    const uint8_t oops[] = {119, 4, 'o', 'o', 'p', 's'};
    // The monitor and the link are signals on their way: an answer from the other side shows that they arrived.
    CHECK_OK(erln_send(box, erln_to_pid(&pid), "sync"));
    expect(other, "sync");
    CHECK_OK(erln_mailbox_exit(other, oops, sizeof oops));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_exit(other, oops, sizeof oops));
    int exits = 0, downs = 0;
    for (int n = 0; n < 2; n++) {
        msg = receive(box);
        if (erln_msg_kind(msg) == ERLN_MSG_EXIT && erln_match(msg, "{'EXIT', _, ~a}", &reason)) exits++;
        if (erln_msg_kind(msg) == ERLN_MSG_DOWN && erln_match(msg, "{'DOWN', _, process, _, ~a}", &reason)) downs++;
        CHECK(reason.len == 4 && memcmp(reason.ptr, "oops", 4) == 0);
        erln_msg_free(msg);
    }
    CHECK(exits == 1 && downs == 1);
    CHECK_OK(erln_monitor(box, erln_to_pid(&pid), ERLN_ALIAS_NONE, &ref));
    expect(box, "{'DOWN', _, process, _, noproc}");
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_monitor(box, erln_to_pid(&pid), 99, &ref));
    // With priority, both go before what waits already.
    erln_mailbox here = open_box(a, NULL), there = open_box(b, NULL);
    erln_pid self, first, second;
    CHECK_OK(erln_mailbox_pid(box, &self));
    CHECK_OK(erln_mailbox_pid(here, &first));
    CHECK_OK(erln_mailbox_pid(there, &second));
    CHECK_OK(erln_send(box, erln_to_pid(&self), "ordinary"));
    CHECK_OK(erln_link_priority(box, &pid));
    CHECK_OK(erln_monitor_priority(box, erln_to_pid(&pid), ERLN_ALIAS_NONE, &ref));
    // What comes back from there after both shows that their answers have come.
    CHECK_OK(erln_send(box, erln_to_pid(&second), "sync"));
    expect(there, "sync");
    CHECK_OK(erln_send(there, erln_to_pid(&first), "sync"));
    expect(here, "sync");
    expect(box, "{'EXIT', _, noproc}");
    expect(box, "{'DOWN', _, process, _, noproc}");
    expect(box, "ordinary");
    CHECK_OK(erln_mailbox_close(here));
    CHECK_OK(erln_mailbox_close(there));
    CHECK_OK(erln_mailbox_close(box));

    // An exit signal ends a mailbox that does not trap it; its reason can be asked for.
    box = open_box(a, NULL);
    other = open_box(b, NULL);
    CHECK_OK(erln_mailbox_pid(box, &pid));
    CHECK_OK(erln_exit(other, &pid, oops, sizeof oops));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_recv(box, PATIENCE, &msg));
    erln_writer *w = erln_writer_new();
    CHECK_OK(erln_mailbox_exit_reason(box, w));
    CHECK_OK(erln_writer_finish(w, &reason));
    CHECK(reason.len == sizeof oops && memcmp(reason.ptr, oops, sizeof oops) == 0);
    erln_writer_free(w);
    CHECK_OK(erln_mailbox_close(box));
    CHECK_OK(erln_mailbox_close(other));
}

static void exports(erln_node a, erln_node b) {
    erln_mailbox server = open_box(a, NULL), client = open_box(b, NULL);
    erln_msg *msg;
    erln_request *request;
    erln_ref ref;
    erln_bytes args;
    CHECK_OK(erln_export(server, "calc", "add", 2));
    const uint8_t list[] = {107, 0, 2, 1, 2};
    CHECK_OK(erln_spawn_request(client, "ffi_a@localhost", "calc", "add", list, sizeof list, ERLN_SPAWN_MONITOR, &ref));
    msg = receive(server);
    CHECK(erln_msg_kind(msg) == ERLN_MSG_REQUEST);
    CHECK_OK(erln_msg_request(msg, &request));
    erln_request *again;
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_msg_request(msg, &again));
    erln_msg_free(msg);
    CHECK(erln_request_is(request, "calc", "add", 2) && erln_request_is(request, "calc", "add", ERLN_ANY_ARITY));
    CHECK(!erln_request_is(request, "calc", "sub", 2));
    CHECK(erln_request_is_wanted(request));
    CHECK_OK(erln_request_args(request, &args));
    int x, y;
    erln_reader r;
    CHECK_OK(erln_reader_init(&r, args.ptr, args.len));
    CHECK(erln_read_match(&r, "[~i, ~i]", &x, &y) && x == 1 && y == 2);
    CHECK_OK(erln_reply(request, "~i", x + y));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_reply(request, "~i", x + y));
    CHECK(!erln_request_is_wanted(request));
    erln_request_free(request);
    expect(client, "{spawn_reply, _, ok, _}");
    expect(client, "{'DOWN', _, process, _, normal}");
    erln_pid pid;
    CHECK_STATUS(ERLN_ERR_ARGUMENT,
                 erln_spawn(client, "ffi_a@localhost", "calc", "add", list, sizeof list, 64, PATIENCE, &pid, NULL));
    // With options, as an encoded list: [{monitor, [{alias, demonitor}]}, {priority, high}].
    erln_writer *w = erln_writer_new();
    erln_write(w, "[{monitor, [{alias, demonitor}]}, {priority, high}]");
    CHECK_OK(erln_writer_finish(w, &args));
    CHECK_OK(erln_spawn_request_opt(client, "ffi_a@localhost", "calc", "sub", list, sizeof list, args.ptr, args.len, &ref));
    expect(client, "{spawn_reply, _, ok, _}");
    expect(client, "{'DOWN', _, process, _, {undef, _}}");
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_spawn_request_opt(client, "ffi_a@localhost", "calc", "sub", list, sizeof list,
                                                           list, sizeof list, &ref));
    erln_writer_free(w);
    CHECK_OK(erln_unexport(a, "calc", "add", 2));
    CHECK_OK(erln_mailbox_close(client));
    CHECK_OK(erln_mailbox_close(server));
}

static void *calculate(void *box) {
    erln_mailbox server = *(erln_mailbox *)box;
    for (;;) {
        erln_msg *msg = receive(server);
        int x, y;
        bool stop = erln_match(msg, "{'$gen_call', _, stop}");
        if (erln_match(msg, "{'$gen_call', _, {add, ~i, ~i}}", &x, &y)) CHECK_OK(erln_answer(server, msg, "{ok, ~i}", x + y));
        if (erln_match(msg, "no_call")) CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_answer(server, msg, "no"));
        erln_msg_free(msg);
        if (stop) return NULL;
    }
}

static void *run_one(void *box) {
    for (;;) {
        erln_msg *msg = receive(*(erln_mailbox *)box);
        erln_request *request;
        CHECK_OK(erln_msg_request(msg, &request));
        erln_msg_free(msg);
        bool fail = erln_request_is(request, "calc", "fail", 0), stop = erln_request_is(request, "calc", "stop", 0);
        if (fail) CHECK_OK(erln_request_fail(request, ERLN_CLASS_ERROR, (const uint8_t *)"\x77\4oops", 6));
        else CHECK_OK(erln_reply(request, "{done, ~i}", 7));
        erln_request_free(request);
        if (stop) return NULL;
    }
}

static void calls(erln_node a, erln_node b) {
    erln_mailbox server = open_box(a, "calc"), client = open_box(b, NULL);
    erln_to to = erln_to_remote("calc", "ffi_a@localhost");
    erln_msg *reply;
    pthread_t thread;
    int sum;
    pthread_create(&thread, NULL, calculate, &server);
    CHECK_OK(erln_send(client, to, "no_call"));
    CHECK_OK(erln_call(client, to, PATIENCE, &reply, "{add, ~i, ~i}", 1, 2));
    CHECK(erln_match(reply, "{ok, ~i}", &sum) && sum == 3);
    erln_msg_free(reply);
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_call(client, to, 20, &reply, "unknown"));
    CHECK_STATUS(ERLN_ERR_NO_PROCESS,
                 erln_call(client, erln_to_remote("nobody", "ffi_a@localhost"), PATIENCE, &reply, "x"));
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_call(client, to, 20, &reply, "stop"));
    pthread_join(thread, NULL);
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_mailbox_recv(client, 0, &reply));

    const uint8_t nil[] = {106};
    CHECK_OK(erln_export(server, "calc", "run", 0));
    CHECK_OK(erln_export(server, "calc", "fail", 0));
    CHECK_OK(erln_export(server, "calc", "stop", 0));
    pthread_create(&thread, NULL, run_one, &server);
    CHECK_OK(erln_erpc(client, "ffi_a@localhost", "calc", "run", nil, 1, PATIENCE, &reply));
    CHECK(erln_match(reply, "{return, {done, 7}}"));
    erln_msg_free(reply);
    CHECK_OK(erln_erpc(client, "ffi_a@localhost", "calc", "fail", nil, 1, PATIENCE, &reply));
    CHECK(erln_match(reply, "{error, oops, _}"));
    erln_msg_free(reply);
    CHECK_OK(erln_erpc(client, "ffi_a@localhost", "calc", "missing", nil, 1, PATIENCE, &reply));
    CHECK(erln_match(reply, "{error, undef, _}"));
    erln_msg_free(reply);
    CHECK_OK(erln_erpc(client, "ffi_a@localhost", "calc", "stop", nil, 1, PATIENCE, &reply));
    erln_msg_free(reply);
    pthread_join(thread, NULL);
    erln_status status = erln_erpc(client, "ffi_nobody@localhost", "calc", "run", nil, 1, PATIENCE, &reply);
    CHECK(status == ERLN_ERR_NO_CONNECTION || status == ERLN_ERR_NAME_UNKNOWN);
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_mailbox_recv(client, 0, &reply));
    CHECK_OK(erln_mailbox_close(client));
    CHECK_OK(erln_mailbox_close(server));
}

static void *blocked(void *box) {
    erln_msg *msg;
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_recv(*(erln_mailbox *)box, ERLN_FOREVER, &msg));
    return NULL;
}

static void *close_it(void *box) {
    static char won;
    return erln_mailbox_close(*(erln_mailbox *)box) == ERLN_OK ? &won : NULL;
}

static void closing(erln_node a) {
    for (int round = 0; round < 50; round++) {
        erln_mailbox box = open_box(a, NULL);
        pthread_t waiter, closers[4];
        int winners = 0;
        pthread_create(&waiter, NULL, blocked, &box);
        for (int n = 0; n < 4; n++) pthread_create(&closers[n], NULL, close_it, &box);
        for (int n = 0; n < 4; n++) {
            void *won;
            pthread_join(closers[n], &won);
            winners += won != NULL;
        }
        pthread_join(waiter, NULL);
        CHECK(winners == 1);
        CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_close(box));
    }
}

static void misuse(erln_node a) {
    erln_mailbox box = open_box(a, "taken"), made_up, second;
    erln_node no_node;
    erln_msg *msg;
    erln_pid pid;
    CHECK_STATUS(ERLN_ERR_NAME_TAKEN, erln_mailbox_open(a, "taken", NULL, &second));
    memset(&made_up, 0, sizeof made_up);
    memset(&no_node, 0, sizeof no_node);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_recv(made_up, 0, &msg));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_close(made_up));
    made_up.id = box.id + 1;
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_pid(made_up, &pid));
    made_up.id = a.id;
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_pid(made_up, &pid));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_open(no_node, NULL, NULL, &box));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_stop(no_node));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_recv(box, 0, NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_recv(box, -2, &msg));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_recv_ref(box, NULL, 0, &msg));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_register(box, NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_register(box, "\xff"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_connect(a, NULL, 0));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_list(a, 77, NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_start(NULL, &no_node));
    CHECK(!erln_match(NULL, "x"));
    CHECK(!erln_msg_from(NULL, &pid));
    CHECK(erln_msg_kind(NULL) == ERLN_MSG_MESSAGE);
    erln_msg_free(NULL);
    erln_names_free(NULL);
    erln_config_free(NULL);
    erln_request_free(NULL);
    erln_mailbox_options_free(NULL);
    CHECK(erln_config_new("\xff") == NULL);
    CHECK_OK(erln_mailbox_close(box));
}

static void limits(erln_node a) {
    erln_mailbox_options *options = erln_mailbox_options_new();
    CHECK_OK(erln_mailbox_options_set_limit(options, 2, 0, ERLN_OVERFLOW_DROP));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_mailbox_options_set_limit(options, 2, 0, 9));
    erln_mailbox box;
    CHECK_OK(erln_mailbox_open(a, "small", options, &box));
    erln_mailbox_options_free(options);
    for (int n = 0; n < 5; n++) CHECK_OK(erln_send(box, erln_to_name("small"), "~i", n));
    size_t messages = 0;
    uint64_t dropped = 0;
    CHECK_OK(erln_mailbox_load(box, &messages, NULL, &dropped));
    CHECK(messages == 2 && dropped == 3);
    CHECK_OK(erln_mailbox_close(box));
}

int main(void) {
    erln_node a = start("ffi_a@localhost"), b = start("ffi_b@localhost");
    names(a, b);
    sending(a, b);
    waiting(a);
    links_and_monitors(a, b);
    exports(a, b);
    calls(a, b);
    closing(a);
    misuse(a);
    limits(a);

    // A node that stops closes its mailboxes, and the other one hears of it.
    erln_mailbox watcher = open_box(a, NULL), box = open_box(b, NULL);
    erln_msg *msg;
    CHECK_OK(erln_mailbox_monitor_nodes(watcher, false, false));
    CHECK_OK(erln_node_stop(b));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_node_stop(b));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_recv(box, PATIENCE, &msg));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_close(box));
    expect(watcher, "{nodedown, 'ffi_b@localhost'}");
    CHECK_OK(erln_node_stop(a));
    return 0;
}
