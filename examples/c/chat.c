// Chat by distributed tasks: kate prints what she hears, moebi answers everything with "chicken?".
//
//     chat --name kate@localhost --cookie secret
//     chat --name moebi@localhost --cookie secret
//
//     # on alex, with {Task.Supervisor, name: Chat.TaskSupervisor} running:
//     iex(alex@localhost)> Task.Supervisor.async({Chat.TaskSupervisor, :"kate@localhost"}, Chat, :receive_message, ["hi"])
//                          |> Task.await()                                          # prints hi on kate
//     :ok
//     iex(alex@localhost)> Task.Supervisor.async({Chat.TaskSupervisor, :"moebi@localhost"}, Chat,
//                            :receive_message_for_moebi, ["hi", :"alex@localhost"]) |> Task.await()
//     chicken?
//     :ok
//
// With --say TEXT --to NODE it plays alex: TEXT is printed there, and chicken? here when moebi hears it.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "options.h"

#define PATIENCE_MS 5000
#define SUPERVISOR "Elixir.Chat.TaskSupervisor"
#define CHAT "Elixir.Chat"

// Tasks that may run at a time; moebi's wait for others.
#define THREADS 4

static erln_node node;

// Task.Supervisor.async(...) |> Task.await(): a task on `peer` prints `text`; with `sender` moebi answers there.
static bool send_message(const char *peer, const char *text, const char *sender) {
    erln_mailbox box;
    erln_task task;
    erln_msg *end;
    erln_to supervisor = erln_to_remote(SUPERVISOR, peer);
    erln_status status;
    bool done = false;
    if (erln_mailbox_open(node, NULL, NULL, &box) != ERLN_OK) return false;
    if (sender != NULL) {
        status = erln_task_async(box, supervisor, CHAT, "receive_message_for_moebi", 0, PATIENCE_MS, &task, "[~S, ~a]",
                                 text, sender);
    } else {
        status = erln_task_async(box, supervisor, CHAT, "receive_message", 0, PATIENCE_MS, &task, "[~S]", text);
    }
    if (status == ERLN_OK && erln_task_await(box, &task, PATIENCE_MS, &end) == ERLN_OK) {
        erln_bytes said;
        done = erln_match(end, "{ok, _}");
        if (!done && erln_msg_text(end, &said) == ERLN_OK) {
            fprintf(stderr, "the task at %s ended: %.*s\n", peer, (int)said.len, (const char *)said.ptr);
        }
        erln_msg_free(end);
    } else {
        fprintf(stderr, "no task at %s: %s\n", peer, erln_last_error());
    }
    erln_mailbox_close(box);
    return done;
}

static void print(erln_bytes text) {
    printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    fflush(stdout);
}

static int32_t receive_message(erln_request *request, erln_reader *args, void *data) {
    erln_bytes text;
    (void)data;
    if (!erln_read_match(args, "[~S]", &text)) return ERLN_BADARG;
    print(text);
    erln_reply(request, "ok");
    return ERLN_HANDLED;
}

static int32_t receive_message_for_moebi(erln_request *request, erln_reader *args, void *data) {
    erln_bytes text, sender;
    char peer[ERLN_NAME_SIZE];
    (void)data;
    if (!erln_read_match(args, "[~S, ~a]", &text, &sender) || sender.len >= sizeof peer) return ERLN_BADARG;
    memcpy(peer, sender.ptr, sender.len);
    peer[sender.len] = 0;
    print(text);
    // Unanswered, the task would end as if it was killed.
    if (send_message(peer, "chicken?", NULL)) erln_reply(request, "ok");
    return ERLN_HANDLED;
}

struct running {
    erln_server *server;
    erln_mailbox functions;
};

static void *run(void *data) {
    struct running *running = data;
    erln_server_run(running->server, running->functions, ERLN_FOREVER);
    return NULL;
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    struct running running = {erln_server_new(NULL), {0}};
    erln_mailbox supervisor;
    pthread_t threads[THREADS];
    bool fine = true;
    watch_signals();
    node = start_node(options);
    must(erln_server_function(running.server, CHAT, "receive_message", 1, receive_message));
    must(erln_server_function(running.server, CHAT, "receive_message_for_moebi", 2, receive_message_for_moebi));
    must(erln_mailbox_open(node, NULL, NULL, &running.functions));
    must(erln_server_export(running.server, running.functions));
    for (int n = 0; n < THREADS; n++) {
        if (pthread_create(&threads[n], NULL, run, &running) != 0) return 1;
    }
    must(erln_mailbox_open(node, SUPERVISOR, NULL, &supervisor));
    must(erln_task_supervise(supervisor, 0, 3, 5));
    if (options.say == NULL || options.to == NULL) {
        say_ready(node);
        wait_for_end();
    } else if (strncmp(options.to, "moebi", strlen("moebi")) == 0) {
        // Moebi answers by running a task here, before ours is done.
        erln_name self;
        must(erln_node_name(node, &self));
        fine = send_message(options.to, options.say, self.text);
    } else {
        fine = send_message(options.to, options.say, NULL);
    }
    must(erln_node_stop(node));
    for (int n = 0; n < THREADS; n++) pthread_join(threads[n], NULL);
    erln_server_free(running.server);
    return fine ? 0 : 1;
}
