// What goes wrong with names, cookies and peers: each has its own status and a text that names the step and the cure; the log
// goes to the hook. No cookie is ever told.

#include <pthread.h>

#include "check.h"

#define PATIENCE 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[8192];
static int calls;

static void hook(int32_t level, const char *text, void *data) {
    pthread_mutex_lock(&lock);
    CHECK(data == (void *)&calls);
    CHECK(level >= ERLN_LOG_ERROR && level <= ERLN_LOG_DEBUG);
    calls++;
    strncat(lines, text, sizeof lines - strlen(lines) - 2);
    strcat(lines, "\n");
    pthread_mutex_unlock(&lock);
}

static bool logged(const char *text) {
    pthread_mutex_lock(&lock);
    bool found = strstr(lines, text) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static erln_status start(const char *name, const char *cookie, erln_node *node) {
    erln_config *config = erln_config_new(name);
    CHECK(config != NULL);
    CHECK_OK(erln_config_set_cookie(config, cookie));
    erln_status status = erln_node_start(config, node);
    erln_config_free(config);
    return status;
}

static void tells(const char *text) { CHECK(strstr(erln_last_error(), text) != NULL); }

static void names(void) {
    erln_node node, other;
    CHECK_STATUS(ERLN_ERR_BAD_NAME, start("no good@localhost", "x", &node));
    tells("no good");
    CHECK_OK(start("ffi_trouble@localhost", "x", &node));
    CHECK_STATUS(ERLN_ERR_NAME_IN_USE, start("ffi_trouble@localhost", "x", &other));
    tells("in use");
    CHECK_STATUS(ERLN_ERR_NAME_KIND, erln_node_connect(node, "long@127.0.0.1", PATIENCE));
    tells("short");
    CHECK_STATUS(ERLN_ERR_NAME_UNKNOWN, erln_node_connect(node, "ffi_nobody@localhost", PATIENCE));
    erln_status status = erln_node_connect(node, "x@no-such-host-anywhere", PATIENCE);
    CHECK(status == ERLN_ERR_HOST_UNKNOWN || status == ERLN_ERR_TIMEOUT);
    tells("no-such-host-anywhere");
    CHECK_STATUS(ERLN_ERR_BAD_NAME, erln_node_connect(node, "no host", PATIENCE));
    CHECK_OK(erln_node_stop(node));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_node_connect(node, "ffi_nobody@localhost", PATIENCE));
}

static void cookies(void) {
    erln_node a, b;
    bool pong = true;
    CHECK_OK(start("ffi_trouble_a@localhost", "secret-of-a", &a));
    CHECK_OK(start("ffi_trouble_b@localhost", "secret-of-b", &b));
    CHECK_STATUS(ERLN_ERR_COOKIE, erln_node_connect(a, "ffi_trouble_b@localhost", PATIENCE));
    tells("cookie");
    CHECK(strstr(erln_last_error(), "secret-of") == NULL);
    CHECK_OK(erln_node_ping(a, "ffi_trouble_b@localhost", PATIENCE, &pong));
    CHECK(!pong);
    // Made equal for this peer only: both sides can connect at once.
    CHECK_OK(erln_node_set_cookie(a, "ffi_trouble_b@localhost", "secret-of-b"));
    CHECK_OK(erln_node_ping(a, "ffi_trouble_b@localhost", PATIENCE, &pong));
    CHECK(pong);
    CHECK_OK(erln_node_disconnect(a, "ffi_trouble_b@localhost"));
    CHECK_OK(erln_node_disconnect(a, "ffi_trouble_b@localhost"));
    CHECK_OK(erln_node_stop(a));
    CHECK_OK(erln_node_stop(b));
    CHECK(logged("rejected") && logged("cookie") && !logged("secret-of"));
}

static void a_node_without_a_name(void) {
    erln_node node;
    erln_name name;
    erln_mailbox box;
    erln_msg *msg;
    bool alive = true;
    uint16_t port = 1;
    CHECK_OK(start(NULL, "x", &node));
    CHECK_OK(erln_node_name(node, &name));
    CHECK(strcmp(name.text, "nonode@nohost") == 0);
    CHECK_OK(erln_node_is_alive(node, &alive));
    CHECK_OK(erln_node_port(node, &port));
    CHECK(!alive && port == 0);
    // Its mailboxes work among themselves.
    CHECK_OK(erln_mailbox_open(node, "me", NULL, &box));
    CHECK_OK(erln_send(box, erln_to_name("me"), "hello"));
    CHECK_OK(erln_mailbox_recv(box, 0, &msg));
    erln_msg_free(msg);
    CHECK_STATUS(ERLN_ERR_NOT_ALIVE, erln_send(box, erln_to_remote("x", "ffi_nobody@localhost"), "hello"));
    CHECK_OK(erln_node_stop(node));
}

int main(void) {
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_log_set(hook, &calls, 0));
    CHECK_OK(erln_log_set(hook, &calls, ERLN_LOG_DEBUG));
    names();
    cookies();
    a_node_without_a_name();
    CHECK(calls > 0);
    CHECK_OK(erln_log_set(NULL, NULL, ERLN_LOG_WARN));
    return 0;
}
