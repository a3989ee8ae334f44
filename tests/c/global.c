// Two visible nodes in one program: global names and locks; and a hidden one that asks.

#include "check.h"

#define PATIENCE 20000

static erln_node start(const char *name, bool visible) {
    erln_config *config = erln_config_new(name);
    CHECK(config != NULL);
    CHECK_OK(erln_config_set_cookie(config, "global-test"));
    CHECK_OK(erln_config_set_visible(config, visible));
    CHECK_OK(erln_config_set_connect_all(config, true));
    CHECK_OK(erln_config_set_overlap(config, ERLN_OVERLAP_LEAVE));
    CHECK(erln_config_set_overlap(config, 7) == ERLN_ERR_ARGUMENT);
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

static erln_mailbox open_box(erln_node node) {
    erln_mailbox box;
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &box));
    return box;
}

static void names(erln_node a, erln_mailbox in_a, erln_node b, erln_mailbox in_b) {
    erln_pid self, found;
    erln_msg *msg;
    CHECK(erln_global_whereis(a, PATIENCE, &found, "{room, ~i}", 7) == ERLN_ERR_NO_PROCESS);
    CHECK_OK(erln_global_register(in_a, PATIENCE, "{room, ~i}", 7));
    CHECK(erln_global_register(in_a, PATIENCE, "other") == ERLN_ERR_NAME_TAKEN);
    CHECK(erln_global_register(in_b, PATIENCE, "{room, 7}") == ERLN_ERR_NAME_TAKEN);
    CHECK(strstr(erln_last_error(), "{room,7}") != NULL);
    CHECK_OK(erln_mailbox_pid(in_a, &self));
    CHECK_OK(erln_global_whereis(b, PATIENCE, &found, "{room, ~i}", 7));
    CHECK(found.id == self.id && strcmp(found.node, self.node) == 0);
    CHECK_OK(erln_send(in_b, erln_to_pid(&found), "hello"));
    CHECK_OK(erln_mailbox_recv(in_a, PATIENCE, &msg));
    CHECK(erln_match(msg, "hello"));
    erln_msg_free(msg);
    CHECK_OK(erln_global_names(b, PATIENCE, &msg));
    CHECK(erln_match(msg, "[{room, 7}]"));
    erln_msg_free(msg);
    CHECK_OK(erln_global_unregister(b, PATIENCE, "{room, 7}"));
    CHECK(erln_global_whereis(a, PATIENCE, &found, "{room, 7}") == ERLN_ERR_NO_PROCESS);
    // Other ways, and misuse.
    const uint8_t name[] = {119, 1, 'x'};
    CHECK(erln_global_register_term(a, name, sizeof name, &self, 9, NULL, PATIENCE) == ERLN_ERR_ARGUMENT);
    CHECK(erln_global_register_term(a, name, sizeof name, &self, ERLN_RESOLVE_FUNCTION, "f", PATIENCE) ==
          ERLN_ERR_ARGUMENT);
    CHECK(erln_global_register_term(a, name, 2, &self, ERLN_RESOLVE_NOTIFY_ALL, NULL, PATIENCE) == ERLN_ERR_MALFORMED);
    CHECK(erln_global_register_term(a, name, sizeof name, NULL, ERLN_RESOLVE_NOTIFY_ALL, NULL, PATIENCE) ==
          ERLN_ERR_ARGUMENT);
    CHECK_OK(erln_global_register_term(a, name, sizeof name, &self, ERLN_RESOLVE_FUNCTION, "m:f", PATIENCE));
    CHECK_OK(erln_mailbox_pid(in_b, &self));
    CHECK_OK(erln_global_reregister_term(a, name, sizeof name, &self, ERLN_RESOLVE_RANDOM_NOTIFY, NULL, PATIENCE));
    CHECK_OK(erln_global_whereis_term(a, name, sizeof name, PATIENCE, &found));
    CHECK(found.id == self.id && strcmp(found.node, self.node) == 0);
}

static void locks(erln_mailbox in_a, erln_mailbox in_b) {
    const uint8_t tap[] = {119, 3, 't', 'a', 'p'};
    bool locked = false;
    CHECK_OK(erln_global_set_lock_term(in_a, tap, sizeof tap, 0, PATIENCE, &locked));
    CHECK(locked);
    CHECK_OK(erln_global_set_lock_term(in_b, tap, sizeof tap, 0, PATIENCE, &locked));
    CHECK(!locked);
    CHECK(erln_global_set_lock_term(in_b, tap, sizeof tap, -1, 100, &locked) == ERLN_ERR_TIMEOUT);
    CHECK_OK(erln_global_del_lock_term(in_a, tap, sizeof tap, PATIENCE));
    CHECK_OK(erln_global_set_lock_term(in_b, tap, sizeof tap, 3, PATIENCE, &locked));
    CHECK(locked);
    CHECK_OK(erln_global_del_lock_term(in_b, tap, sizeof tap, PATIENCE));
}

int main(void) {
    erln_node a = start("global_a@localhost", true), b = start("global_b@localhost", true);
    erln_mailbox in_a = open_box(a), in_b = open_box(b);
    erln_pid found;
    CHECK_OK(erln_node_connect(a, "global_b@localhost", PATIENCE));
    CHECK_OK(erln_global_sync(a, PATIENCE));
    CHECK_OK(erln_global_sync(b, PATIENCE));
    names(a, in_a, b, in_b);
    locks(in_a, in_b);

    erln_node hidden = start("global_hidden@localhost", false);
    CHECK(erln_global_whereis(hidden, PATIENCE, &found, "x") == ERLN_ERR_NO_CONNECTION);
    CHECK_OK(erln_node_connect(hidden, "global_a@localhost", PATIENCE));
    CHECK_OK(erln_global_whereis(hidden, PATIENCE, &found, "x"));
    erln_mailbox in_hidden = open_box(hidden);
    CHECK_OK(erln_global_register(in_hidden, PATIENCE, "y"));
    CHECK_OK(erln_global_whereis(b, PATIENCE, &found, "y"));
    CHECK(strcmp(found.node, "global_hidden@localhost") == 0);

    CHECK_OK(erln_node_stop(hidden));
    CHECK_OK(erln_node_stop(a));
    CHECK_OK(erln_node_stop(b));
    CHECK(erln_global_sync(a, 0) == ERLN_ERR_CLOSED);
    return 0;
}
