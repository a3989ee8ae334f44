// KV: a key-value store whose buckets are spread over nodes by the first letter of their name.
//
//     kv --name foo@localhost --cookie secret --table examples/kv.conf --port 4040
//     kv --name bar@localhost --cookie secret --table examples/kv.conf
//
//     $ telnet localhost 4040
//     CREATE shopping              (held by bar)
//     OK
//     PUT shopping milk 1
//     OK
//     GET shopping milk
//     1
//     OK
//
//     iex(foo@localhost)> KV.Router.route("world", Kernel, :node, [])         # foo in Elixir, bar this program
//     :bar@localhost
//
// The routing table is a file: lines of environment, letters and node; --env chooses the environment (else KV_ENV, else dev).
// Every node runs the task supervisor KV.RouterTasks, under which the others run KV.Router.route/4.
//
// This file is what peers see: the router, the registry and the buckets, each a table of functions. kv_table.h reads the file,
// kv_front.h talks to TCP clients, kv_store.h routes.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "kv_front.h"

// Threads that run functions for peers; a route that leads to another node holds one of them.
#define THREADS 8

struct running {
    erln_server *server;
    erln_mailbox box;
};

static void *run(void *data) {
    struct running *running = data;
    erln_server_run(running->server, running->box, ERLN_FOREVER);
    return NULL;
}

// ---------------------------------------------------------------------------------------------------------------- buckets

// A bucket answers like an Agent that is asked with module, function and arguments, and in short forms.
static int32_t bucket_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    struct bucket *bucket = data;
    erln_bytes key, value;
    // The longer forms first: ~t takes any term.
    if (erln_read_match(request, "{get, {'Elixir.Map', get, [~t]}}", &key) || erln_read_match(request, "{get, ~t}", &key)) {
        bucket_get(bucket, key, false, box, msg);
    } else if (erln_read_match(request, "{delete, ~t}", &key) ||
               erln_read_match(request, "{get_and_update, {'Elixir.Map', pop, [~t]}}", &key)) {
        bucket_get(bucket, key, true, box, msg);
    } else if (erln_read_match(request, "{update, {'Elixir.Map', put, [~t, ~t]}}", &key, &value) ||
               erln_read_match(request, "{put, ~t, ~t}", &key, &value)) {
        bucket_put(bucket, key, value);
        erln_answer(box, msg, "ok");
    } else if (erln_read_match(request, "{update, {'Elixir.Map', delete, [~t]}}", &key)) {
        bucket_forget(bucket, key);
        erln_answer(box, msg, "ok");
    } else {
        return ERLN_BADARG;
    }
    return ERLN_HANDLED;
}

// A bucket's process has a thread of its own, and lives as long as the node.
struct bucket_process {
    struct running running;
    struct bucket bucket;
    pthread_t thread;
    struct bucket_process *next;
};

// Only the registry's one thread adds to them; main looks when that has ended.
static struct bucket_process *processes;

static bool start_bucket(erln_pid *pid) {
    struct bucket_process *process = calloc(1, sizeof *process);
    struct running *running = &process->running;
    running->server = erln_server_new(&process->bucket);
    if (erln_server_on_call(running->server, bucket_call) != ERLN_OK ||
        erln_mailbox_open(node, NULL, NULL, &running->box) != ERLN_OK || erln_mailbox_pid(running->box, pid) != ERLN_OK ||
        pthread_create(&process->thread, NULL, run, running) != 0) {
        erln_server_free(running->server);
        free(process);
        return false;
    }
    process->next = processes;
    processes = process;
    return true;
}

static void end_buckets(void) {
    for (struct bucket_process *process = processes, *next; process != NULL; process = next) {
        next = process->next;
        pthread_join(process->thread, NULL);
        erln_server_free(process->running.server);
        for (struct pair *pair = process->bucket.pairs, *after; pair != NULL; pair = after) {
            after = pair->next;
            free(pair);
        }
        free(process);
    }
}

// --------------------------------------------------------------------------------------------------------------- registry

// Buckets by name: only the registry's one thread looks at them.
struct entry {
    struct entry *next;
    erln_pid pid;
    size_t len;
    char name[];
};

static int32_t registry_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
    struct entry **entries = data, *entry;
    erln_bytes name;
    bool create = erln_read_match(request, "{create, ~S}", &name);
    if (!create && !erln_read_match(request, "{lookup, ~S}", &name)) return ERLN_BADARG;
    for (entry = *entries; entry != NULL; entry = entry->next) {
        if (entry->len == name.len && memcmp(entry->name, name.ptr, name.len) == 0) break;
    }
    if (entry == NULL && create) {
        entry = malloc(sizeof *entry + name.len);
        memcpy(entry->name, name.ptr, name.len);
        entry->len = name.len;
        if (!start_bucket(&entry->pid)) {
            free(entry);
            return ERLN_BADARG;
        }
        entry->next = *entries;
        *entries = entry;
    }
    if (create) {
        erln_answer(box, msg, "~p", &entry->pid);
    } else if (entry != NULL) {
        erln_answer(box, msg, "{ok, ~p}", &entry->pid);
    } else {
        erln_answer(box, msg, "error");
    }
    return ERLN_HANDLED;
}

// --------------------------------------------------------------------------------------------------- what peers may run

static int32_t answered(erln_request *request, const struct result *result) {
    finish_request(request, result);
    return ERLN_HANDLED;
}

// KV.Router.route(Bucket, Module, Function, Args)
static int32_t run_route(erln_request *request, erln_reader *args, void *data) {
    erln_bytes bucket, module, function, list;
    struct result result;
    (void)data;
    if (!erln_read_match(args, "[~S, ~a, ~a, ~t]", &bucket, &module, &function, &list)) return ERLN_BADARG;
    result = route(bucket, module, function, list);
    return answered(request, &result);
}

// KV.Registry and KV.Bucket
static int32_t run_here(erln_request *request, erln_reader *args, void *data) {
    erln_bytes module, function, list;
    uint32_t arity;
    struct result result;
    (void)args;
    (void)data;
    must(erln_request_function(request, &module, &function, &arity));
    must(erln_request_args(request, &list));
    result = apply(module, function, list);
    return answered(request, &result);
}

int main(int argc, char **argv) {
    static struct entry *entries;
    struct kv_options chosen = kv_options_of(&argc, argv);
    struct options options = options_of(argc, argv);
    struct running registry = {erln_server_new(&entries), {0}}, functions = {erln_server_new(NULL), {0}};
    erln_mailbox supervisor;
    pthread_t threads[THREADS + 1];
    read_table(chosen.table, chosen.env);
    watch_signals();
    node = start_node(options);
    must(erln_node_name(node, &self));

    must(erln_server_on_call(registry.server, registry_call));
    must(erln_mailbox_open(node, REGISTRY, NULL, &registry.box));
    must(erln_server_function(functions.server, ROUTER, "route", 4, run_route));
    must(erln_server_function(functions.server, REGISTRY, "lookup", 2, run_here));
    must(erln_server_function(functions.server, REGISTRY, "create", 2, run_here));
    must(erln_server_function(functions.server, BUCKET, "get", 2, run_here));
    must(erln_server_function(functions.server, BUCKET, "put", 3, run_here));
    must(erln_server_function(functions.server, BUCKET, "delete", 2, run_here));
    must(erln_mailbox_open(node, NULL, NULL, &functions.box));
    must(erln_server_export(functions.server, functions.box));
    must(erln_mailbox_open(node, TASKS, NULL, &supervisor));
    must(erln_task_supervise(supervisor, 0, 3, 5));

    for (int n = 0; n <= THREADS; n++) {
        if (pthread_create(&threads[n], NULL, run, n == 0 ? &registry : &functions) != 0) return 1;
    }
    if (chosen.port >= 0) start_front(chosen.port);
    say_ready(node);
    wait_for_end();
    must(erln_node_stop(node));
    for (int n = 0; n <= THREADS; n++) pthread_join(threads[n], NULL);
    end_buckets();
    erln_server_free(registry.server);
    erln_server_free(functions.server);
    return 0;
}
