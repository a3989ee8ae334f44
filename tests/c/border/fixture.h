// What the generated misuse program stands on: one of each object in each state, and the check of an answer.
//
// Objects are made afresh for each case where a call could use them up. Nothing is freed but mailboxes: the program ends soon.

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum want { WANT_ANY = 1, WANT_FAILURE = 2 };

// Shown when the program dies or hangs: which call it was.
static const char *volatile case_name = "set-up";
static size_t cases, failures;

// A text, another one that is no UTF-8, terms, and ids full of zeros and of ones.
static const char no_utf8[] = "\xff\xfe";
static char long_text[400];
static const uint8_t term[] = {104, 2, 119, 2, 'o', 'k', 97, 42};
static const uint8_t nil[] = {106};
static const uint8_t noise[] = {108, 255, 255, 255, 255, 1, 2, 3};
static char buffer[256];
static const erln_pid zero_pid;
static const erln_ref zero_ref;
static erln_pid pid, wild_pid;
static erln_ref ref, wild_ref;
static erln_task task, wild_task;
static erln_port port, wild_port;
static erln_reader zero_reader, wild_reader;
static erln_arg wrong_args[2];

static erln_node node, stopped;
static erln_mailbox closed, box_of_stopped, own, target, shared, opened[8];
static size_t opened_count;

static inline void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(3);
}

static inline void on_signal(int number) {
    say(number == SIGALRM ? "hangs: " : "dies: ");
    say(case_name);
    say("\n");
    _exit(2);
}

static inline void hook(int32_t level, const char *text, void *data) {
    (void)level;
    (void)text;
    (void)data;
}

// A mailbox for this case only.
static inline erln_mailbox box(void) {
    erln_mailbox fresh;
    CHECK(opened_count < sizeof opened / sizeof *opened);
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &fresh));
    opened[opened_count++] = fresh;
    return fresh;
}

static inline erln_config *config(void) {
    erln_config *fresh = erln_config_new("border_other@localhost");
    CHECK(fresh != NULL);
    CHECK_OK(erln_config_set_cookie(fresh, "border"));
    CHECK_OK(erln_config_set_listen(fresh, false));
    return fresh;
}

static inline erln_node another_node(void) {
    erln_config *fresh = erln_config_new(NULL);
    erln_node another;
    CHECK_OK(erln_config_set_cookie(fresh, "border"));
    CHECK_OK(erln_node_start(fresh, &another));
    erln_config_free(fresh);
    return another;
}

static inline erln_mailbox_options *options(void) { return erln_mailbox_options_new(); }

static inline erln_names *names(void) {
    erln_names *list;
    CHECK_OK(erln_node_registered(node, &list));
    return list;
}

static inline erln_reader *reader(void) {
    static erln_reader fresh;
    CHECK_OK(erln_reader_init(&fresh, term, sizeof term));
    return &fresh;
}

static inline erln_reader *ended_reader(void) {
    CHECK(erln_read_skip(reader()));
    erln_reader *ended = reader();
    CHECK(erln_read_skip(ended));
    return ended;
}

static inline erln_reader *broken_reader(void) {
    static erln_reader broken;
    CHECK_OK(erln_reader_init(&broken, noise, sizeof noise));
    CHECK(!erln_read_skip(&broken));
    return &broken;
}

static inline erln_writer *writer(void) {
    erln_writer *fresh = erln_writer_new();
    CHECK(fresh != NULL);
    return fresh;
}

static inline erln_writer *full_writer(void) {
    erln_writer *full = writer();
    CHECK(erln_write_int64(full, 1));
    return full;
}

static inline erln_writer *failed_writer(void) {
    erln_writer *failed = writer();
    CHECK(!erln_write_double(failed, (double)NAN));
    return failed;
}

static inline erln_msg *msg(void) {
    erln_msg *fresh;
    erln_pid me;
    CHECK_OK(erln_mailbox_pid(own, &me));
    CHECK_OK(erln_send(own, erln_to_pid(&me), "{'$gen_call', {~p, ~r}, ping}", &pid, &ref));
    CHECK_OK(erln_mailbox_recv(own, 0, &fresh));
    return fresh;
}

// A call of an exported function, made by ourselves.
static inline erln_msg *request_msg(void) {
    erln_msg *fresh;
    erln_ref reference;
    erln_name name;
    CHECK_OK(erln_node_name(node, &name));
    CHECK_OK(erln_spawn_request(own, name.text, "border", "run", nil, sizeof nil, 0, &reference));
    do {
        CHECK_OK(erln_mailbox_recv(own, 5000, &fresh));
    } while (erln_msg_kind(fresh) != ERLN_MSG_REQUEST);
    return fresh;
}

static inline erln_request *request(void) {
    erln_request *fresh;
    CHECK_OK(erln_msg_request(request_msg(), &fresh));
    return fresh;
}

static inline erln_request *answered_request(void) {
    erln_request *answered = request();
    CHECK_OK(erln_request_reply(answered, nil, sizeof nil));
    return answered;
}

static inline erln_server *server(void) {
    erln_server *fresh = erln_server_new(NULL);
    CHECK(fresh != NULL);
    return fresh;
}

static inline void set_up(void) {
    const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM, SIGPIPE};
    for (size_t n = 0; n < sizeof deadly / sizeof *deadly; n++) signal(deadly[n], on_signal);
    memset(long_text, 'x', sizeof long_text - 1);
    memset(&wild_pid, 0xff, sizeof wild_pid);
    memset(&wild_ref, 0xff, sizeof wild_ref);
    memset(&wild_task, 0xff, sizeof wild_task);
    memset(&wild_port, 0xff, sizeof wild_port);
    memset(&wild_reader, 0xff, sizeof wild_reader);
    strcpy(port.node, "border@localhost");
    wrong_args[0].letter = 'p';

    erln_config *fresh = erln_config_new("border@localhost");
    CHECK_OK(erln_config_set_cookie(fresh, "border"));
    CHECK_OK(erln_node_start(fresh, &node));
    stopped = another_node();
    CHECK_OK(erln_mailbox_open(stopped, NULL, NULL, &box_of_stopped));
    CHECK_OK(erln_node_stop(stopped));
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &closed));
    CHECK_OK(erln_mailbox_close(closed));
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &own));
    // What is killed and linked to is another one, which survives it.
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &target));
    CHECK_OK(erln_mailbox_set_trap_exit(target, true));
    CHECK_OK(erln_mailbox_pid(target, &pid));
    CHECK_OK(erln_node_make_ref(node, &ref));
    task.pid = pid;
    task.reference = ref;
    CHECK_OK(erln_export(own, "border", "run", 0));
    CHECK_OK(erln_log_set(hook, NULL, ERLN_LOG_DEBUG));
}

// Signals without SA_RESTART, all the time, to the thread that makes the calls.
static volatile sig_atomic_t interruptions;
static volatile int blowing;
static pthread_t caller;
static pthread_t wind;

static inline void interrupt(int number) {
    (void)number;
    interruptions++;
}

static inline void *blow(void *none) {
    const struct timespec pause = {0, 100000};
    while (blowing) {
        pthread_kill(caller, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return none;
}

static inline void storm(bool on) {
    if (on) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = interrupt;
        CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
        caller = pthread_self();
        blowing = 1;
        CHECK(pthread_create(&wind, NULL, blow, NULL) == 0);
    } else {
        blowing = 0;
        CHECK(pthread_join(wind, NULL) == 0);
        CHECK(interruptions > 0);
    }
}

#define THREADS 64
#define ROUNDS 4
static pthread_barrier_t together;
static void (*in_thread)(size_t);

static inline void *one_of_many(void *number) {
    pthread_barrier_wait(&together);
    for (size_t round = 0; round < ROUNDS; round++) in_thread((size_t)number + round);
    return NULL;
}

// All calls from all threads at once; they share the mailbox and the node.
static inline void in_threads(void (*all)(size_t), size_t calls) {
    pthread_t threads[THREADS];
    case_name = "64 threads";
    alarm(50);
    in_thread = all;
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &shared));
    CHECK_OK(erln_mailbox_set_trap_exit(shared, true));
    CHECK(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (size_t n = 0; n < THREADS; n++) CHECK(pthread_create(&threads[n], NULL, one_of_many, (void *)n) == 0);
    for (size_t n = 0; n < THREADS; n++) CHECK(pthread_join(threads[n], NULL) == 0);
    cases += THREADS * calls;
    alarm(20);
}

static inline void begin(const char *name) {
    case_name = name;
    cases++;
    alarm(20);
}

static inline void end(void) {
    // Closed by the call, or by us.
    while (opened_count > 0) (void)erln_mailbox_close(opened[--opened_count]);
}

static erln_msg *inherited_msg;
static erln_request *inherited_request;

// True in a child, whose answer the parent has waited for.
static inline bool in_a_child(void) {
    int status;
    inherited_msg = msg();
    inherited_request = request();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        failures = 0;
        return true;
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return false;
}

static inline void fail_case(const char *what, const char *got) {
    fprintf(stderr, "%s: %s, got %s (last error: %s)\n", case_name, what, got, erln_last_error());
    failures++;
}

// Whether the answer is one that was promised; `want` is one of enum want, or a status.
static inline bool status_is_right(erln_status got, int want) {
    const char *name = erln_status_name(got);
    if (strncmp(name, "ERLN_", 5) != 0) fail_case("an answer of erln_status", name);
    if (got == ERLN_ERR_INTERNAL) fail_case("an answer without a bug of ours", name);
    if (want == WANT_FAILURE && got == ERLN_OK) fail_case("a failure", name);
    if (want <= 0 && got != want) fail_case(erln_status_name(want), name);
    return got == ERLN_OK;
}

static inline bool value_is_right(bool succeeded, int want) {
    if (want == WANT_FAILURE && succeeded) fail_case("a failure", "success");
    return succeeded;
}

// What is written only on success was not written.
static inline void unwritten(const void *place, size_t size) {
    const unsigned char *bytes = place;
    for (size_t n = 0; n < size; n++) {
        if (bytes[n] != 0xa5) fail_case("an output left alone by a failure", "another");
    }
}
