// Misuse that takes more than one call: closing under those who wait, 64 threads, interrupted waits, a fork that uses everything, the end of
// the program under 1,000 waiting threads. What one call can do wrong is generated, in tests/c/border.

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define PATIENCE 20000
#define WAYS 8
#define THREADS 64
#define WAITERS 1000
#define ENDS 10

static const uint8_t nil[] = {106};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int waiting;

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "border-test"));
    CHECK_OK(erln_config_set_listen(config, false));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

static void count_in(void) {
    pthread_mutex_lock(&lock);
    waiting++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void until(int count) {
    pthread_mutex_lock(&lock);
    while (waiting < count) pthread_cond_wait(&changed, &lock);
    waiting = 0;
    pthread_mutex_unlock(&lock);
}

struct waiter {
    erln_mailbox box;
    int way;
};

// Waits in one of the ways there are; each must end when the mailbox does.
static void *wait_in(void *data) {
    struct waiter *waiter = data;
    erln_msg *msg = NULL;
    erln_ref ref;
    erln_status status;
    CHECK_OK(erln_alias(waiter->box, &ref));
    count_in();
    switch (waiter->way % WAYS) {
    case 0:
        status = erln_mailbox_recv(waiter->box, ERLN_FOREVER, &msg);
        break;
    case 1:
        status = erln_mailbox_recv(waiter->box, PATIENCE, &msg);
        break;
    case 2:
        status = erln_mailbox_recv_ref(waiter->box, &ref, ERLN_FOREVER, &msg);
        break;
    case 3:
        status = erln_mailbox_recv_ref(waiter->box, &ref, PATIENCE, &msg);
        break;
    // Nobody answers these: the one who is asked is a mailbox that is never read.
    case 4:
        status = erln_call_term(waiter->box, erln_to_name("silent"), nil, sizeof nil, ERLN_FOREVER, &msg);
        break;
    case 5:
        status = erln_call_term(waiter->box, erln_to_name("silent"), nil, sizeof nil, PATIENCE, &msg);
        break;
    case 6:
        status = erln_put_chars(waiter->box, erln_to_name("silent"), "nobody reads this", PATIENCE);
        break;
    default:
        status = erln_io_request(waiter->box, erln_to_name("silent"), nil, sizeof nil, ERLN_FOREVER, &msg);
        break;
    }
    CHECK(status == ERLN_ERR_CLOSED);
    return NULL;
}

// However a thread waits in a mailbox, closing that or its node ends the wait.
static void closing_wakes(bool stop) {
    pthread_t threads[WAYS];
    struct waiter waiters[WAYS];
    erln_mailbox silent;
    erln_node node = start(NULL);
    CHECK_OK(erln_mailbox_open(node, "silent", NULL, &silent));
    for (int n = 0; n < WAYS; n++) {
        waiters[n].way = n;
        CHECK_OK(erln_mailbox_open(node, NULL, NULL, &waiters[n].box));
        CHECK(pthread_create(&threads[n], NULL, wait_in, &waiters[n]) == 0);
    }
    until(WAYS);
    if (stop) CHECK_OK(erln_node_stop(node));
    for (int n = 0; n < WAYS; n++) {
        CHECK_STATUS(stop ? ERLN_ERR_CLOSED : ERLN_OK, erln_mailbox_close(waiters[n].box));
        CHECK(pthread_join(threads[n], NULL) == 0);
        CHECK_STATUS(ERLN_ERR_CLOSED, erln_mailbox_close(waiters[n].box));
    }
    CHECK_STATUS(stop ? ERLN_ERR_CLOSED : ERLN_OK, erln_node_stop(node));
}

// Of 64 that close one mailbox, and then one node, exactly one succeeds.
static erln_mailbox contested;
static erln_node contested_node;
static int boxes_closed, nodes_stopped;

static void *close_both(void *none) {
    count_in();
    erln_status status = erln_mailbox_close(contested);
    CHECK(status == ERLN_OK || status == ERLN_ERR_CLOSED);
    if (status == ERLN_OK) __atomic_add_fetch(&boxes_closed, 1, __ATOMIC_RELAXED);
    status = erln_node_stop(contested_node);
    CHECK(status == ERLN_OK || status == ERLN_ERR_CLOSED);
    if (status == ERLN_OK) __atomic_add_fetch(&nodes_stopped, 1, __ATOMIC_RELAXED);
    return none;
}

static void sixty_four_close(void) {
    pthread_t threads[THREADS];
    contested_node = start(NULL);
    CHECK_OK(erln_mailbox_open(contested_node, NULL, NULL, &contested));
    for (int n = 0; n < THREADS; n++) CHECK(pthread_create(&threads[n], NULL, close_both, NULL) == 0);
    for (int n = 0; n < THREADS; n++) CHECK(pthread_join(threads[n], NULL) == 0);
    waiting = 0;
    CHECK(boxes_closed == 1 && nodes_stopped == 1);
}

// Signals that arrive all the time, without SA_RESTART, neither end a wait early nor make it miss its message or its time.
static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted++;
}

struct storm {
    pthread_t target;
    int over;
};

static void *blow(void *data) {
    struct storm *storm = data;
    const struct timespec pause = {0, 50000};
    while (!__atomic_load_n(&storm->over, __ATOMIC_RELAXED)) {
        pthread_kill(storm->target, SIGUSR1);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void interrupted_waits(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupt;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    struct storm storm = {pthread_self(), 0};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, blow, &storm) == 0);

    erln_node node = start("border_storm@localhost");
    erln_mailbox box;
    erln_msg *msg;
    erln_status status;
    struct timespec before, after;
    CHECK_OK(erln_mailbox_open(node, "storm", NULL, &box));
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_STATUS(ERLN_ERR_TIMEOUT, erln_mailbox_recv(box, 300, &msg));
    clock_gettime(CLOCK_MONOTONIC, &after);
    long waited = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    CHECK(waited >= 299);
    for (int n = 0; n < 1000; n++) {
        int got;
        CHECK_OK(erln_send(box, erln_to_name("storm"), "~i", n));
        CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
        CHECK(erln_match(msg, "~i", &got) && got == n);
        erln_msg_free(msg);
    }
    status = erln_node_connect(node, "border_nobody@localhost", PATIENCE);
    CHECK(status == ERLN_ERR_NAME_UNKNOWN || status == ERLN_ERR_EPMD);
    CHECK_OK(erln_node_stop(node));
    __atomic_store_n(&storm.over, 1, __ATOMIC_RELAXED);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(interrupted > 0);
}

// exit() under 1,000 threads that wait: within a second or so, without a crash, each time.
static void *wait_for_ever(void *data) {
    erln_msg *msg;
    count_in();
    erln_mailbox_recv(*(erln_mailbox *)data, ERLN_FOREVER, &msg);
    return NULL;
}

static void end_under_waiters(void) {
    for (int round = 0; round < ENDS; round++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            erln_node node = start(round % 2 ? NULL : "border_end@localhost");
            erln_mailbox boxes[4];
            pthread_attr_t small;
            pthread_attr_init(&small);
            pthread_attr_setstacksize(&small, 128 * 1024);
            for (int n = 0; n < 4; n++) CHECK_OK(erln_mailbox_open(node, NULL, NULL, &boxes[n]));
            for (int n = 0; n < WAITERS; n++) {
                pthread_t thread;
                CHECK(pthread_create(&thread, &small, wait_for_ever, &boxes[n % 4]) == 0);
            }
            until(WAITERS);
            // Far above the second that is promised, for a machine that is busy.
            alarm(10);
            exit(7);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

int main(void) {
    closing_wakes(false);
    closing_wakes(true);
    sixty_four_close();
    interrupted_waits();
    end_under_waiters();
    return 0;
}
