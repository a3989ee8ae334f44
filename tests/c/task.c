// Elixir's tasks, with a supervisor and a client of ours.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "check.h"

#define PATIENCE 20000
#define SUPERVISOR "Elixir.TaskSupervisor"

static const char *const HOME = "ffi_task@localhost";

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "task-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

// A supervisor hears that a task has ended a moment after its caller: until then its one place may be taken.
#define OK_WHEN_FREE(call)                                                                                             \
    do {                                                                                                               \
        erln_status status_;                                                                                           \
        do status_ = (call);                                                                                           \
        while (status_ == ERLN_ERR_LIMIT);                                                                             \
        CHECK_OK(status_);                                                                                             \
    } while (0)

static int32_t twice(erln_request *request, erln_reader *args, void *data) {
    int64_t x;
    (void)data;
    if (!erln_read_match(args, "[~l]", &x)) return ERLN_BADARG;
    CHECK_OK(erln_reply(request, "~l", 2 * x));
    return ERLN_HANDLED;
}

// Requests that are kept until the program ends.
static int32_t hang(erln_request *request, erln_reader *args, void *data) {
    erln_request **kept = data;
    (void)args;
    __atomic_store_n(kept, request, __ATOMIC_RELEASE);
    return ERLN_KEPT;
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

static void ends_with(erln_msg *end, const char *pattern) {
    erln_bytes text;
    CHECK_OK(erln_msg_text(end, &text));
    if (!erln_match(end, pattern)) {
        fprintf(stderr, "%.*s is not %s\n", (int)text.len, (const char *)text.ptr, pattern);
        exit(1);
    }
    erln_msg_free(end);
}

int main(void) {
    erln_node home = start(HOME), away = start("ffi_task_away@localhost");
    erln_request *kept = NULL;
    struct running running = {erln_server_new(&kept), {0}};
    erln_mailbox supervisor, box;
    erln_task task, another;
    erln_pid pid;
    erln_msg *end;
    pthread_t thread;
    erln_to to = erln_to_remote(SUPERVISOR, HOME);
    CHECK_OK(erln_server_function(running.server, "m", "twice", ERLN_ANY_ARITY, twice));
    CHECK_OK(erln_server_function(running.server, "m", "hang", 0, hang));
    CHECK_OK(erln_mailbox_open(home, NULL, NULL, &running.box));
    CHECK(pthread_create(&thread, NULL, run, &running) == 0);
    CHECK_OK(erln_mailbox_open(home, SUPERVISOR, NULL, &supervisor));
    CHECK_OK(erln_task_supervise(supervisor, 1, 3, 5));
    CHECK_OK(erln_mailbox_open(away, NULL, NULL, &box));
    // The functions are exported when a call of one arrives: ask for it until it is.
    do {
        OK_WHEN_FREE(erln_task_async(box, to, "m", "twice", 0, PATIENCE, &task, "[~i]", 21));
        CHECK_OK(erln_task_await(box, &task, PATIENCE, &end));
    } while (erln_match(end, "{exit, {undef, _}}"));
    ends_with(end, "{ok, 42}");

    OK_WHEN_FREE(erln_task_async(box, to, "m", "twice", 0, PATIENCE, &task, "[x]"));
    CHECK_OK(erln_task_await(box, &task, PATIENCE, &end));
    ends_with(end, "{exit, {badarg, _}}");

    OK_WHEN_FREE(erln_task_async(box, to, "m", "hang", ERLN_TASK_LINK, PATIENCE, &task, "[]"));
    CHECK_STATUS(ERLN_ERR_LIMIT, erln_task_async(box, to, "m", "twice", 0, PATIENCE, &another, "[1]"));
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_task_yield(box, &task, 1, &end));
    CHECK_OK(erln_task_shutdown(box, &task, PATIENCE, &end));
    ends_with(end, "nil");
    while (__atomic_load_n(&kept, __ATOMIC_ACQUIRE) == NULL) {
    }
    CHECK(!erln_request_is_wanted(kept));
    erln_request_free(kept);
    kept = NULL;

    OK_WHEN_FREE(erln_task_start_child(box, to, "m", "twice", ERLN_RESTART_TEMPORARY, PATIENCE, &pid, "[~i]", 1));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_task_start_child(box, to, "m", "twice", 7, PATIENCE, &pid, "[]"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_task_async(box, to, "m", "twice", 8, PATIENCE, &task, "[]"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_task_async(box, to, "m", "twice", 0, PATIENCE, &task, "no_list"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_task_await(box, NULL, PATIENCE, &end));
    CHECK_STATUS(ERLN_ERR_NO_PROCESS,
                 erln_task_async(box, erln_to_remote("nobody", HOME), "m", "twice", 0, PATIENCE, &task, "[1]"));

    // Closing the supervisor ends its tasks.
    while (erln_task_async(box, to, "m", "hang", 0, PATIENCE, &task, "[]") == ERLN_ERR_LIMIT) {
    }
    // A second answer from there shows that the monitor of the task has arrived.
    CHECK_STATUS(ERLN_ERR_LIMIT, erln_task_async(box, to, "m", "twice", 0, PATIENCE, &another, "[1]"));
    CHECK_OK(erln_mailbox_close(supervisor));
    CHECK_OK(erln_task_await(box, &task, PATIENCE, &end));
    ends_with(end, "{exit, shutdown}");
    CHECK_OK(erln_mailbox_close(running.box));
    pthread_join(thread, NULL);
    if (kept != NULL) erln_request_free(kept);
    erln_server_free(running.server);
    CHECK_OK(erln_node_stop(away));
    CHECK_OK(erln_node_stop(home));
    return 0;
}
