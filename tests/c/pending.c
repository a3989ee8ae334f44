// Calls that are waited for later, many nodes at a time, and what sys asks of a server.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "check.h"

#define PATIENCE 20000
#define CALLS 64

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "pending-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

// 64 calls are outstanding; the server answers the last one first.
static void many_calls(erln_mailbox client, erln_mailbox server) {
    erln_pending *calls[CALLS];
    erln_msg *asked[CALLS], *reply;
    for (int i = 0; i < CALLS; i++) {
        CHECK_OK(erln_call_begin(client, erln_to_remote("server", "pending_b@localhost"), &calls[i], "{double, ~i}", i));
    }
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_pending_wait(calls[0], 10, &reply));
    for (int i = 0; i < CALLS; i++) CHECK_OK(erln_mailbox_recv(server, PATIENCE, &asked[i]));
    for (int i = CALLS - 1; i >= 0; i--) {
        int x;
        CHECK(erln_match(asked[i], "{'$gen_call', _, {double, ~i}}", &x));
        CHECK_OK(erln_answer(server, asked[i], "~i", 2 * x));
        erln_msg_free(asked[i]);
    }
    for (int i = 0; i < CALLS; i++) {
        int x;
        CHECK_OK(erln_pending_wait(calls[i], PATIENCE, &reply));
        CHECK(erln_match(reply, "~i", &x) && x == 2 * i);
        erln_msg_free(reply);
        CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_pending_wait(calls[i], 0, &reply));
        erln_pending_free(calls[i]);
    }
}

// A call that was given up hears nothing any more; one that is looked for by hand is found.
static void given_up_and_by_hand(erln_mailbox client, erln_mailbox server) {
    erln_pending *call;
    erln_msg *asked, *msg, *reply;
    erln_status status;
    CHECK_OK(erln_call_begin(client, erln_to_remote("server", "pending_b@localhost"), &call, "slow"));
    CHECK_OK(erln_mailbox_recv(server, PATIENCE, &asked));
    erln_pending_free(call);
    CHECK_OK(erln_answer(server, asked, "late"));
    erln_msg_free(asked);
    CHECK_OK(erln_call_begin(client, erln_to_remote("server", "pending_b@localhost"), &call, "quick"));
    CHECK_OK(erln_mailbox_recv(server, PATIENCE, &asked));
    erln_pid pid;
    CHECK_OK(erln_mailbox_pid(client, &pid));
    CHECK_OK(erln_send(server, erln_to_pid(&pid), "unrelated"));
    CHECK_OK(erln_answer(server, asked, "there"));
    erln_msg_free(asked);
    CHECK_OK(erln_mailbox_recv(client, PATIENCE, &msg));
    CHECK(erln_match(msg, "unrelated") && !erln_pending_check(call, msg, &status, &reply));
    erln_msg_free(msg);
    CHECK_OK(erln_mailbox_recv(client, PATIENCE, &msg));
    CHECK(erln_pending_check(call, msg, &status, &reply));
    CHECK(status == ERLN_OK && erln_match(reply, "there"));
    erln_msg_free(msg);
    erln_msg_free(reply);
    erln_pending_free(call);
    erln_pending_free(NULL);
    CHECK_OK(erln_call_begin(client, erln_to_remote("nobody", "pending_b@localhost"), &call, "x"));
    CHECK_STATUS(ERLN_ERR_NO_PROCESS, erln_pending_wait(call, PATIENCE, &reply));
    erln_pending_free(call);
}

// Answers requests and calls until the mailbox is closed.
static void *serve(void *argument) {
    erln_mailbox box = *(erln_mailbox *)argument;
    erln_msg *msg;
    while (erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK) {
        erln_request *request;
        if (erln_msg_kind(msg) == ERLN_MSG_REQUEST && erln_msg_request(msg, &request) == ERLN_OK) {
            CHECK_OK(erln_reply(request, "ran"));
            erln_request_free(request);
        } else {
            CHECK_OK(erln_answer(box, msg, "asked"));
        }
        erln_msg_free(msg);
    }
    return NULL;
}

static void many_nodes(erln_mailbox client, erln_mailbox server) {
    static const char *peers[] = {"pending_b@localhost", "nobody@localhost", "pending_b@localhost"};
    static const uint8_t nil[] = {106};
    erln_msg *outs[3];
    erln_status statuses[3];
    erln_pending *call;
    erln_msg *result;
    pthread_t thread;
    CHECK_OK(erln_export(server, "pending", "run", 0));
    CHECK(pthread_create(&thread, NULL, serve, &server) == 0);
    CHECK_OK(erln_multicall(client, peers, 3, "pending", "run", nil, 1, PATIENCE, outs, statuses));
    CHECK(statuses[0] == ERLN_OK && erln_match(outs[0], "{return, ran}"));
    CHECK(statuses[1] == ERLN_ERR_NO_CONNECTION && outs[1] == NULL);
    CHECK(statuses[2] == ERLN_OK && erln_match(outs[2], "{return, ran}"));
    for (int i = 0; i < 3; i++) erln_msg_free(outs[i]);
    CHECK_OK(erln_multi_call_term(client, peers, 3, "server", nil, 1, PATIENCE, outs, statuses));
    CHECK(statuses[0] == ERLN_OK && erln_match(outs[0], "asked"));
    CHECK(statuses[1] == ERLN_ERR_NO_CONNECTION && outs[1] == NULL);
    for (int i = 0; i < 3; i++) erln_msg_free(outs[i]);
    CHECK_OK(erln_multicall(client, NULL, 0, "pending", "run", nil, 1, 0, NULL, NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_multicall(client, peers, 1, "pending", "run", nil, 1, 0, NULL, NULL));
    CHECK_OK(erln_erpc_begin(client, "pending_b@localhost", "pending", "nosuch", nil, 1, &call));
    CHECK_OK(erln_pending_wait(call, PATIENCE, &result));
    CHECK(erln_match(result, "{error, undef, [{pending, nosuch, [], []}]}"));
    erln_msg_free(result);
    erln_pending_free(call);
    CHECK_OK(erln_mailbox_close(server));
    CHECK(pthread_join(thread, NULL) == 0);
}

// Asks `command` of sys, and has the server answer it.
static erln_system asked(erln_mailbox client, erln_mailbox server, const char *command, const char *answer) {
    static const uint8_t state[] = {97, 7};
    erln_msg *msg;
    erln_pid pid, own;
    erln_system outcome;
    CHECK_OK(erln_mailbox_pid(server, &pid));
    CHECK_OK(erln_mailbox_pid(client, &own));
    CHECK_OK(erln_send(client, erln_to_pid(&pid), command, &own));
    CHECK_OK(erln_mailbox_recv(server, PATIENCE, &msg));
    CHECK_OK(erln_answer_system(server, msg, "calc", state, sizeof state, false, &outcome));
    erln_msg_free(msg);
    if (answer != NULL) {
        CHECK_OK(erln_mailbox_recv(client, PATIENCE, &msg));
        CHECK(erln_match(msg, answer));
        erln_msg_free(msg);
    }
    return outcome;
}

static void sys(erln_mailbox client, erln_mailbox server) {
    CHECK(asked(client, server, "{system, {~p, tag}, get_state}", "{tag, {ok, 7}}") == ERLN_SYSTEM_ANSWERED);
    CHECK(asked(client, server, "{system, {~p, tag}, get_status}", "{tag, {status, _, {module, _}, _}}") ==
          ERLN_SYSTEM_ANSWERED);
    CHECK(asked(client, server, "{system, {~p, tag}, suspend}", "{tag, ok}") == ERLN_SYSTEM_SUSPEND);
    CHECK(asked(client, server, "{system, {~p, tag}, resume}", "{tag, ok}") == ERLN_SYSTEM_RESUME);
    CHECK(asked(client, server, "{system, {~p, tag}, {terminate, bye}}", "{tag, ok}") == ERLN_SYSTEM_TERMINATE);
    CHECK(asked(client, server, "{system, {~p, tag}, nonsense}", "{tag, {error, _}}") == ERLN_SYSTEM_ANSWERED);
    CHECK(asked(client, server, "{'$gen_call', {~p, tag}, x}", NULL) == ERLN_SYSTEM_NONE);
}

int main(void) {
    erln_node a = start("pending_a@localhost"), b = start("pending_b@localhost");
    erln_mailbox client, server;
    CHECK_OK(erln_mailbox_open(a, NULL, NULL, &client));
    CHECK_OK(erln_mailbox_open(b, "server", NULL, &server));
    many_calls(client, server);
    given_up_and_by_hand(client, server);
    sys(client, server);
    many_nodes(client, server);
    CHECK_OK(erln_node_stop(a));
    CHECK_OK(erln_node_stop(b));
    return 0;
}
