// Chat by distributed tasks: kate prints what she hears, moebi answers everything with "chicken?".
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
//
// A task is a process of its own: here a mailbox and a thread. Its supervisor is asked to start it, and then the process that
// asked sends it the work.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>

#include "options.h"

#define PATIENCE_MS 5000
#define SUPERVISOR "Elixir.Chat.TaskSupervisor"
#define CHAT "Elixir.Chat"

static erln_node node;

// Task.Supervisor.async(...) |> Task.await(): the supervisor of `peer` starts a task, we send it the work and wait for its result.
static bool run_over_there(const char *peer, const char *function, const erln_bytes *args) {
    erln_mailbox box;
    erln_name self_name;
    erln_pid self, task;
    erln_ref ref;
    erln_msg *reply;
    bool done = false;
    if (erln_mailbox_open(node, NULL, NULL, &box) != ERLN_OK) return false;
    erln_node_name(node, &self_name);
    erln_mailbox_pid(box, &self);
    if (erln_call(box, erln_to_remote(SUPERVISOR, peer), PATIENCE_MS, &reply,
                  "{start_task, [{~a, ~p, ~p}, monitor], temporary, nil}", self_name.text, &self, &self) == ERLN_OK) {
        bool started = erln_match(reply, "{ok, ~p}", &task);
        erln_msg_free(reply);
        if (started && erln_monitor(box, erln_to_pid(&task), ERLN_ALIAS_REPLY_DEMONITOR, &ref) == ERLN_OK &&
            erln_send(box, erln_to_pid(&task), "{~p, ~r, ~r, [~p], {~a, ~a, ~t}}", &self, &ref, &ref, &self, CHAT,
                      function, args->ptr, args->len) == ERLN_OK &&
            erln_mailbox_recv_ref(box, &ref, PATIENCE_MS, &reply) == ERLN_OK) {
            // {Ref, Result}, or a DOWN with the reason.
            done = erln_msg_kind(reply) == ERLN_MSG_MESSAGE;
            erln_msg_free(reply);
        }
    }
    if (!done) fprintf(stderr, "no task at %s: %s\n", peer, erln_last_error());
    erln_mailbox_close(box);
    return done;
}

// Encodes the arguments of a message, and has it delivered.
static bool send_message(const char *peer, const char *function, const char *text, const char *sender) {
    erln_writer *writer = erln_writer_new();
    erln_bytes args;
    bool done;
    if (sender != NULL) {
        erln_write(writer, "[~S, ~a]", text, sender);
    } else {
        erln_write(writer, "[~S]", text);
    }
    done = erln_writer_finish(writer, &args) == ERLN_OK && run_over_there(peer, function, &args);
    erln_writer_free(writer);
    return done;
}

// Runs Chat:function(Args): true if there is such a function.
static bool run_here(erln_bytes function, erln_bytes args) {
    erln_reader reader;
    erln_bytes text, sender;
    char peer[ERLN_NAME_SIZE];
    must(erln_reader_init(&reader, args.ptr, args.len));
    if (function.len == strlen("receive_message") && memcmp(function.ptr, "receive_message", function.len) == 0 &&
        erln_read_match(&reader, "[~S]", &text)) {
        printf("%.*s\n", (int)text.len, (const char *)text.ptr);
        fflush(stdout);
        return true;
    }
    if (function.len == strlen("receive_message_for_moebi") &&
        memcmp(function.ptr, "receive_message_for_moebi", function.len) == 0 &&
        erln_read_match(&reader, "[~S, ~a]", &text, &sender) && sender.len < sizeof peer) {
        printf("%.*s\n", (int)text.len, (const char *)text.ptr);
        fflush(stdout);
        memcpy(peer, sender.ptr, sender.len);
        peer[sender.len] = 0;
        return send_message(peer, "receive_message", "chicken?", NULL);
    }
    return false;
}

struct task {
    erln_mailbox box;
    erln_pid owner;
};

static void exit_with(erln_mailbox box, const char *reason) {
    erln_writer *writer = erln_writer_new();
    erln_bytes term;
    if (erln_write_erlang(writer, reason) && erln_writer_finish(writer, &term) == ERLN_OK) {
        erln_mailbox_exit(box, term.ptr, term.len);
    }
    erln_writer_free(writer);
}

// A task: waits for its work, does it, sends the result and ends.
static void *task_main(void *data) {
    struct task task = *(struct task *)data;
    erln_msg *msg;
    erln_pid from, reply_pid;
    erln_ref owner_ref, alias;
    erln_bytes tag, reply_to, module, function, args;
    erln_reader reader;
    free(data);
    erln_monitor(task.box, erln_to_pid(&task.owner), ERLN_ALIAS_NONE, &owner_ref);
    if (erln_mailbox_recv(task.box, PATIENCE_MS, &msg) != ERLN_OK) {
        exit_with(task.box, "timeout");
        return NULL;
    }
    if (!erln_match(msg, "{~p, ~t, ~t, _, {~a, ~a, ~t}}", &from, &tag, &reply_to, &module, &function, &args)) {
        // The owner's DOWN, most likely.
        exit_with(task.box, "shutdown");
    } else if (!run_here(function, args)) {
        exit_with(task.box, "{undef, []}");
    } else {
        erln_demonitor(task.box, &owner_ref, true);
        must(erln_reader_init(&reader, reply_to.ptr, reply_to.len));
        if (erln_read_ref(&reader, &alias)) {
            erln_send(task.box, erln_to_alias(&alias), "{~t, ok}", tag.ptr, tag.len);
        } else if (erln_read_pid(&reader, &reply_pid)) {
            erln_send(task.box, erln_to_pid(&reply_pid), "{~t, ok}", tag.ptr, tag.len);
        }
        erln_mailbox_close(task.box);
    }
    erln_msg_free(msg);
    return NULL;
}

// Starts a task for `owner`, and tells the asking process its pid.
static void start_task(erln_mailbox supervisor, const erln_msg *call, const erln_pid *owner) {
    struct task *task = malloc(sizeof *task);
    erln_pid pid;
    pthread_t thread;
    if (task == NULL || erln_mailbox_open(node, NULL, NULL, &task->box) != ERLN_OK) {
        free(task);
        erln_answer(supervisor, call, "{error, max_children}");
        return;
    }
    task->owner = *owner;
    must(erln_mailbox_pid(task->box, &pid));
    // The thread owns `task`; it may be gone before this line is over.
    if (pthread_create(&thread, NULL, task_main, task) != 0) {
        erln_mailbox_close(task->box);
        free(task);
        erln_answer(supervisor, call, "{error, max_children}");
        return;
    }
    pthread_detach(thread);
    erln_answer(supervisor, call, "{ok, ~p}", &pid);
}

// Answers what the supervisor is asked, until the node stops.
static void *supervise(void *data) {
    erln_mailbox supervisor = *(erln_mailbox *)data;
    erln_msg *msg;
    while (erln_mailbox_recv(supervisor, ERLN_FOREVER, &msg) == ERLN_OK) {
        erln_pid owner;
        if (erln_match(msg, "{'$gen_call', _, {start_task, [{_, _, ~p}, monitor], _, _}}", &owner)) {
            start_task(supervisor, msg, &owner);
        } else if (erln_match(msg, "{'$gen_call', _, _}")) {
            erln_answer(supervisor, msg, "{error, not_supported}");
        }
        erln_msg_free(msg);
    }
    return NULL;
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    erln_mailbox supervisor;
    pthread_t thread;
    bool fine = true;
    watch_signals();
    node = start_node(options);
    must(erln_mailbox_open(node, SUPERVISOR, NULL, &supervisor));
    if (pthread_create(&thread, NULL, supervise, &supervisor) != 0) return 1;
    if (options.say == NULL || options.to == NULL) {
        say_ready(node);
        wait_for_end();
    } else if (strncmp(options.to, "moebi", strlen("moebi")) == 0) {
        // Moebi answers by running a task here, before ours is done.
        erln_name self;
        must(erln_node_name(node, &self));
        fine = send_message(options.to, "receive_message_for_moebi", options.say, self.text);
    } else {
        fine = send_message(options.to, "receive_message", options.say, NULL);
    }
    must(erln_node_stop(node));
    pthread_join(thread, NULL);
    return fine ? 0 : 1;
}
