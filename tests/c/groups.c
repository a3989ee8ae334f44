// Two nodes in one program: how they find each other, process groups, Phoenix.PubSub.

#define _POSIX_C_SOURCE 200809L
#include "check.h"

#define PATIENCE 20000
#define PUBSUB "MyApp.PubSub"

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK(config != NULL);
    CHECK_OK(erln_config_set_cookie(config, "groups-test"));
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

static void expect(erln_mailbox box, const char *pattern) {
    erln_msg *msg;
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    if (!erln_match(msg, pattern)) {
        erln_bytes text;
        CHECK_OK(erln_msg_text(msg, &text));
        fprintf(stderr, "expected %s, got %.*s\n", pattern, (int)text.len, (const char *)text.ptr);
        exit(1);
    }
    erln_msg_free(msg);
}

static size_t count(erln_msg *list) {
    erln_bytes payload;
    erln_reader reader;
    size_t elements = 0;
    CHECK_OK(erln_msg_payload(list, &payload));
    CHECK_OK(erln_reader_init(&reader, payload.ptr, payload.len));
    CHECK(erln_read_list(&reader, &elements));
    erln_msg_free(list);
    return elements;
}

static void groups(erln_node a, erln_mailbox in_a, erln_node b, erln_mailbox in_b) {
    erln_msg *msg;
    erln_ref one, all;
    CHECK(erln_pg_join(in_a, NULL, "red") == ERLN_ERR_NO_PROCESS);
    CHECK(strstr(erln_last_error(), "pg scope pg") != NULL);
    CHECK_OK(erln_pg_start(a, NULL));
    CHECK_OK(erln_pg_start(b, "pg"));
    CHECK_OK(erln_pg_monitor(in_b, NULL, &one, &msg, "{room, ~i}", 7));
    CHECK(erln_match(msg, "[]"));
    erln_msg_free(msg);
    CHECK_OK(erln_pg_join(in_a, NULL, "{room, ~i}", 7));
    expect(in_b, "{_, join, {room, 7}, [_]}");
    CHECK_OK(erln_pg_join(in_a, NULL, "{room, ~i}", 7));
    expect(in_b, "{_, join, {room, 7}, [_]}");
    CHECK_OK(erln_pg_members(b, NULL, &msg, "{room, ~i}", 7));
    CHECK(count(msg) == 2);
    CHECK_OK(erln_pg_groups(b, NULL, false, &msg));
    CHECK(erln_match(msg, "[{room, 7}]"));
    erln_msg_free(msg);
    CHECK_OK(erln_pg_groups(b, NULL, true, &msg));
    CHECK(erln_match(msg, "[]"));
    erln_msg_free(msg);
    CHECK_OK(erln_pg_demonitor(in_b, NULL, &one));
    CHECK_OK(erln_pg_demonitor(in_b, NULL, &one));
    CHECK_OK(erln_pg_monitor_term(in_b, NULL, NULL, 0, &all, NULL));
    CHECK_OK(erln_pg_leave(in_a, NULL, "{room, ~i}", 7));
    expect(in_b, "{_, leave, {room, 7}, [_]}");
    CHECK_OK(erln_pg_leave(in_a, NULL, "nowhere"));

    // Several pids at once; only one's own.
    static const uint8_t red[] = {119, 3, 'r', 'e', 'd'};
    erln_pid both[2];
    bool left = true;
    CHECK_OK(erln_mailbox_pid(in_a, &both[0]));
    both[1] = both[0];
    CHECK_OK(erln_pg_join_term(a, NULL, red, sizeof red, both, 2));
    expect(in_b, "{_, join, red, [_, _]}");
    CHECK(erln_pg_join_term(b, NULL, red, sizeof red, both, 2) == ERLN_ERR_ARGUMENT);
    CHECK(erln_pg_join_term(a, NULL, red, 2, both, 2) == ERLN_ERR_MALFORMED);
    CHECK(erln_pg_join_term(a, NULL, NULL, 0, both, 2) == ERLN_ERR_MALFORMED);
    CHECK(erln_pg_join_term(a, NULL, red, sizeof red, NULL, 2) == ERLN_ERR_ARGUMENT);
    CHECK_OK(erln_pg_members_term(a, NULL, red, sizeof red, true, &msg));
    CHECK(count(msg) == 2);
    CHECK_OK(erln_pg_leave_term(a, NULL, red, sizeof red, both, 2, &left));
    CHECK(left);
    CHECK_OK(erln_pg_leave_term(a, NULL, red, sizeof red, both, 1, &left));
    CHECK(!left);
    expect(in_b, "{_, leave, red, [_, _]}");
    CHECK_OK(erln_pg_stop(a, NULL));
    expect(in_b, "{_, leave, {room, 7}, [_]}");
    CHECK(erln_pg_stop(a, NULL) == ERLN_ERR_NO_PROCESS);
}

static void pubsub(erln_node a, erln_mailbox in_a, erln_node b, erln_mailbox in_b) {
    erln_ref ref;
    erln_msg *known, *msg;
    erln_mailbox watcher = open_box(a);
    CHECK(erln_pubsub_subscribe(in_a, PUBSUB, "room") == ERLN_ERR_NO_PROCESS);
    CHECK(erln_pubsub_start(a, PUBSUB, 0) == ERLN_ERR_ARGUMENT);
    CHECK_OK(erln_pubsub_start(a, PUBSUB, 1));
    CHECK_OK(erln_pubsub_start(b, PUBSUB, 1));
    CHECK_OK(erln_pg_monitor(watcher, "Elixir.Phoenix.PubSub", &ref, &known, "'Elixir.MyApp.PubSub.Adapter'"));
    if (count(known) < 2) expect(watcher, "{_, join, _, [_]}");
    CHECK_OK(erln_pubsub_subscribe(in_a, PUBSUB, "room"));
    CHECK_OK(erln_pubsub_subscribe(in_b, PUBSUB, "room"));
    CHECK_OK(erln_pubsub_broadcast(in_a, PUBSUB, "room", "{said, ~s}", "hello"));
    expect(in_a, "{said, \"hello\"}");
    expect(in_b, "{said, \"hello\"}");
    CHECK_OK(erln_pubsub_broadcast_from(in_a, PUBSUB, "room", "~i", 2));
    expect(in_b, "2");
    static const uint8_t three[] = {97, 3};
    CHECK_OK(erln_pubsub_broadcast_term(in_a, PUBSUB, "room", ERLN_AUDIENCE_LOCAL, NULL, three, 2, 0));
    expect(in_a, "3");
    CHECK(erln_pubsub_broadcast_term(in_a, PUBSUB, "room", 9, NULL, three, 2, 0) == ERLN_ERR_ARGUMENT);
    CHECK_OK(erln_pubsub_direct_broadcast_term(in_a, PUBSUB, "grp_b@localhost", "room", NULL, three, 2, PATIENCE));
    expect(in_b, "3");
    CHECK_OK(erln_pubsub_unsubscribe(in_a, PUBSUB, "room"));
    CHECK_OK(erln_pubsub_broadcast(in_a, PUBSUB, "room", "last"));
    expect(in_b, "last");
    CHECK(erln_mailbox_recv(in_a, 0, &msg) == ERLN_ERR_TIMEOUT);
    CHECK_OK(erln_mailbox_close(watcher));
}

static void discovery(erln_node a, erln_mailbox in_a) {
    erln_names *names;
    CHECK_OK(erln_mailbox_monitor_nodes(in_a, false, false));
    CHECK(erln_discover_nodes(a, "no_host") == ERLN_ERR_BAD_NAME);
    CHECK(erln_discover_nodes(a, NULL) == ERLN_ERR_ARGUMENT);
    CHECK(erln_discover_dns(a, "x", "") == ERLN_ERR_ARGUMENT);
    CHECK(erln_discover_srv(a, "x", "no..name", NULL) == ERLN_ERR_ARGUMENT);
    CHECK(erln_discover_srv(a, "x", "_epmd._tcp.example.org", "nowhere") == ERLN_ERR_ARGUMENT);
    CHECK(erln_discover_gossip(a, "nowhere", NULL, NULL, true) == ERLN_ERR_ARGUMENT);
    CHECK(erln_discover_gossip(a, NULL, "nowhere", NULL, true) == ERLN_ERR_ARGUMENT);
    CHECK_OK(erln_discover_nodes(a, "grp_a@localhost, grp_b@localhost"));
    expect(in_a, "{nodeup, 'grp_b@localhost'}");
    CHECK_OK(erln_discover_names(a, &names));
    CHECK(erln_names_count(names) == 1 && strcmp(erln_names_get(names, 0), "grp_b@localhost") == 0);
    erln_names_free(names);
    CHECK_OK(erln_discover_watch(in_a));
    expect(in_a, "{discovered, 'grp_b@localhost'}");
    CHECK_OK(erln_discover_file(a, "/nonexistent/nodes"));
    CHECK_OK(erln_discover_epmd(a, "localhost"));
    CHECK_OK(erln_discover_stop(a));
    CHECK_OK(erln_discover_names(a, &names));
    CHECK(erln_names_count(names) == 0);
    erln_names_free(names);
    CHECK_OK(erln_mailbox_demonitor_nodes(in_a));
}

static void environment(void) {
    CHECK(setenv("ERLNODE_NAME", "grp_env@localhost", 1) == 0);
    CHECK(setenv("ERLNODE_COOKIE", "groups-test", 1) == 0);
    erln_config *config = erln_config_from_env();
    CHECK(config != NULL);
    erln_node node;
    erln_name name;
    CHECK_OK(erln_node_start(config, &node));
    CHECK_OK(erln_node_name(node, &name));
    CHECK(strcmp(name.text, "grp_env@localhost") == 0);
    CHECK_OK(erln_node_stop(node));
    erln_config_free(config);
    CHECK(setenv("ERLNODE_PORT", "none", 1) == 0);
    CHECK(erln_config_from_env() == NULL);
    CHECK(strstr(erln_last_error(), "ERLNODE_PORT") != NULL);
}

int main(void) {
    erln_node a = start("grp_a@localhost"), b = start("grp_b@localhost");
    erln_mailbox in_a = open_box(a), in_b = open_box(b);
    discovery(a, in_a);
    groups(a, in_a, b, in_b);
    pubsub(a, in_a, b, in_b);
    CHECK_OK(erln_node_stop(a));
    CHECK_OK(erln_node_stop(b));
    environment();
    return 0;
}
