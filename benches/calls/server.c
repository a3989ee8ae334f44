// What the benchmark's client calls, on erlnode's C API: a server that echoes, a function that does, a task supervisor.
//
//     server NODE COOKIE THREADS

#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "erlnode.h"

static void must(erln_status status) {
    if (status != ERLN_OK) {
        fprintf(stderr, "server: %s\n", erln_last_error());
        exit(1);
    }
}

// In microseconds.
static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int32_t on_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    erln_bytes term;
    int64_t time;
    (void)data;
    // A call that nobody will answer, to be counted.
    if (erln_read_atom_is(request, "keep")) return ERLN_KEPT;
    if (erln_read_match(request, "{work, ~l}", &time)) {
        for (int64_t until = now() + time; now() < until;) continue;
        erln_answer(box, msg, "{work, ~l}", time);
        return ERLN_HANDLED;
    }
    if (erln_read_match(request, "{wait, ~l}", &time)) {
        usleep((useconds_t)time * 1000);
        erln_answer(box, msg, "{wait, ~l}", time);
        return ERLN_HANDLED;
    }
    if (!erln_read_match(request, "~t", &term)) return ERLN_BADARG;
    erln_answer_term(box, msg, term.ptr, term.len);
    return ERLN_HANDLED;
}

static int32_t echo(erln_request *request, erln_reader *args, void *data) {
    erln_bytes term;
    (void)data;
    if (!erln_read_match(args, "[~t]", &term)) return ERLN_BADARG;
    erln_request_reply(request, term.ptr, term.len);
    return ERLN_HANDLED;
}

static int32_t keep(erln_request *request, erln_reader *args, void *data) {
    (void)request;
    (void)args;
    (void)data;
    return ERLN_KEPT;
}

struct running {
    erln_server *server;
    erln_mailbox box;
};

static void *run(void *data) {
    struct running *running = data;
    erln_server_run(running->server, running->box, ERLN_FOREVER);
    return NULL;
}

int main(int argc, char **argv) {
    erln_config *config = erln_config_new(argc > 1 ? argv[1] : NULL);
    struct running calls = {erln_server_new(NULL), {0}}, functions = {erln_server_new(NULL), {0}};
    erln_mailbox tasks;
    erln_node node;
    pthread_t thread;
    int threads = argc > 3 ? atoi(argv[3]) : 1;
    must(erln_config_set_cookie(config, argc > 2 ? argv[2] : NULL));
    must(erln_node_start(config, &node));
    must(erln_server_on_call(calls.server, on_call));
    must(erln_server_function(functions.server, "Elixir.Work", "echo", 1, echo));
    must(erln_server_function(functions.server, "Elixir.Work", "keep", 1, keep));
    must(erln_mailbox_open(node, "server", NULL, &calls.box));
    must(erln_mailbox_open(node, NULL, NULL, &functions.box));
    must(erln_server_export(functions.server, functions.box));
    must(erln_mailbox_open(node, "tasks", NULL, &tasks));
    must(erln_task_supervise(tasks, 0, 3, 5));
    for (int n = 0; n < threads; n++) {
        if (pthread_create(&thread, NULL, run, &calls) != 0 || pthread_create(&thread, NULL, run, &functions) != 0) return 1;
    }
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}
