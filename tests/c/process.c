// Inside somebody else's process: forks, signals, dead peers, and an end while others wait.

#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE 20000

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "process-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

static int status_of(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// A child of fork cannot use what its parent has, but has a life of its own.
static void forks(erln_node node, erln_mailbox box) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        erln_msg *msg;
        erln_name name;
        CHECK_STATUS(ERLN_ERR_FORKED, erln_mailbox_recv(box, 0, &msg));
        CHECK_STATUS(ERLN_ERR_FORKED, erln_node_name(node, &name));
        CHECK_STATUS(ERLN_ERR_FORKED, erln_mailbox_close(box));
        erln_node own = start("ffi_child@localhost");
        erln_mailbox own_box;
        CHECK_OK(erln_mailbox_open(own, "child", NULL, &own_box));
        CHECK_OK(erln_send(own_box, erln_to_remote("parent", "ffi_parent@localhost"), "{from_child, ~i}", (int)getpid()));
        CHECK_OK(erln_mailbox_recv(own_box, PATIENCE, &msg));
        CHECK(erln_match(msg, "goodbye"));
        erln_msg_free(msg);
        CHECK_OK(erln_node_stop(own));
        exit(0);
    }
    erln_msg *msg;
    int pid;
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    CHECK(erln_match(msg, "{from_child, ~i}", &pid) && pid == child);
    erln_msg_free(msg);
    CHECK_OK(erln_send(box, erln_to_remote("child", "ffi_child@localhost"), "goodbye"));
    CHECK(status_of(child) == 0);
}

static volatile sig_atomic_t handled_by_main;
static pthread_t main_thread;

static void on_signal(int number) {
    (void)number;
    handled_by_main = pthread_equal(pthread_self(), main_thread) ? 1 : 2;
}

// A signal to the process is handled by a thread of the program, never by one of ours: with the program's only thread blocking
// it, it stays pending.
static void signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    main_thread = pthread_self();
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    CHECK(kill(getpid(), SIGUSR1) == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(handled_by_main == 0);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    CHECK(handled_by_main == 1);
}

// The library's threads have names that tell whose they are.
static void threads_have_names(void) {
    int ours = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) return;
    struct dirent *entry;
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        if (fgets(name, sizeof name, file) != NULL && strncmp(name, "erlnode", 7) == 0) ours++;
        fclose(file);
    }
    closedir(tasks);
    CHECK(ours > 0);
}

// Sending to a node whose process was killed raises no SIGPIPE, whose default ends the program.
static void dead_peers(erln_mailbox box) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        start("ffi_victim@localhost");
        CHECK(write(ready[1], "x", 1) == 1);
        pause();
        _exit(0);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK_OK(erln_mailbox_monitor_nodes(box, false, false));
    CHECK_OK(erln_send(box, erln_to_remote("nobody", "ffi_victim@localhost"), "hello"));
    CHECK(kill(child, SIGKILL) == 0);
    static uint8_t large[100000];
    erln_status status = ERLN_OK;
    erln_msg *msg = NULL;
    while (msg == NULL || !erln_match(msg, "{nodedown, 'ffi_victim@localhost'}")) {
        erln_msg_free(msg);
        msg = NULL;
        for (int n = 0; n < 3 && status == ERLN_OK; n++) {
            erln_writer *w = erln_writer_new();
            erln_bytes term;
            erln_write_binary(w, large, sizeof large);
            CHECK_OK(erln_writer_finish(w, &term));
            status = erln_send_term(box, erln_to_remote("nobody", "ffi_victim@localhost"), term.ptr, term.len, 100);
            erln_writer_free(w);
        }
        CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    }
    erln_msg_free(msg);
    CHECK(status_of(child) == 1000 + SIGKILL);
}

static void *wait_for_ever(void *box) {
    erln_msg *msg;
    erln_mailbox_recv(*(erln_mailbox *)box, ERLN_FOREVER, &msg);
    return NULL;
}

// exit() while a node runs and threads wait in it: neither a crash nor a hang.
static void exit_while_waiting(void) {
    for (int round = 0; round < 20; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(10);
            erln_node node = start("ffi_exit@localhost");
            erln_mailbox box;
            pthread_t waiters[2];
            CHECK_OK(erln_mailbox_open(node, NULL, NULL, &box));
            for (int n = 0; n < 2; n++) pthread_create(&waiters[n], NULL, wait_for_ever, &box);
            exit(7);
        }
        CHECK(status_of(child) == 7);
    }
}

int main(void) {
    erln_node node = start("ffi_parent@localhost");
    erln_mailbox box;
    CHECK_OK(erln_mailbox_open(node, "parent", NULL, &box));
    forks(node, box);
    signals();
    threads_have_names();
    dead_peers(box);
    exit_while_waiting();
    CHECK_OK(erln_node_stop(node));
    return 0;
}
