// Many threads on the same nodes and mailboxes: opening, sending, receiving and closing at once, also what others have just closed, until
// a node is stopped under them. Every call has an answer, nothing hangs, and what was sent in order arrives in order.

#include <pthread.h>

#include "check.h"

#define PATIENCE 20000
#define SENDERS 4
#define EACH 2000
#define CHAOS 6
#define ROUNDS 300

static erln_node a, b;
static erln_mailbox shared[CHAOS];

static erln_node start(const char *name) {
    erln_config *config = erln_config_new(name);
    CHECK_OK(erln_config_set_cookie(config, "threads-test"));
    erln_node node;
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

struct sender {
    int number;
    erln_pid to;
    erln_mailbox from;
};

static void *send_many(void *data) {
    struct sender *sender = data;
    for (int n = 0; n < EACH; n++) {
        CHECK_OK(erln_send(sender->from, erln_to_pid(&sender->to), "{~i, ~i}", sender->number, n));
    }
    return NULL;
}

// Senders share one mailbox of `a` to send from; two threads receive in one mailbox of `b`. Per sender the order is kept.
static int last_seen[SENDERS];
static int received;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *receive_many(void *data) {
    erln_mailbox box = *(erln_mailbox *)data;
    for (;;) {
        // One receives while the other counts, so that the order of receiving is the order of counting.
        pthread_mutex_lock(&lock);
        erln_msg *msg;
        int number, n;
        if (received == SENDERS * EACH) {
            pthread_mutex_unlock(&lock);
            return NULL;
        }
        CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
        CHECK(erln_match(msg, "{~i, ~i}", &number, &n));
        CHECK(n == last_seen[number] + 1);
        last_seen[number] = n;
        received++;
        erln_msg_free(msg);
        pthread_mutex_unlock(&lock);
    }
}

static void order(void) {
    erln_mailbox from, to;
    pthread_t senders[SENDERS], receivers[2];
    struct sender work[SENDERS];
    CHECK_OK(erln_mailbox_open(a, NULL, NULL, &from));
    CHECK_OK(erln_mailbox_open(b, NULL, NULL, &to));
    for (int n = 0; n < 2; n++) pthread_create(&receivers[n], NULL, receive_many, &to);
    for (int n = 0; n < SENDERS; n++) {
        last_seen[n] = -1;
        work[n].number = n;
        work[n].from = from;
        CHECK_OK(erln_mailbox_pid(to, &work[n].to));
        pthread_create(&senders[n], NULL, send_many, &work[n]);
    }
    for (int n = 0; n < SENDERS; n++) pthread_join(senders[n], NULL);
    for (int n = 0; n < 2; n++) pthread_join(receivers[n], NULL);
    CHECK_OK(erln_mailbox_close(from));
    CHECK_OK(erln_mailbox_close(to));
}

// What a call may say when others close what it uses.
static void fine(erln_status status) {
    CHECK(status == ERLN_OK || status == ERLN_ERR_CLOSED || status == ERLN_ERR_TIMEOUT || status == ERLN_ERR_NO_PROCESS ||
          status == ERLN_ERR_NAME_TAKEN || status == ERLN_ERR_NO_CONNECTION || status == ERLN_ERR_BUSY ||
          // Once the node is stopped, whoever serves epmd has forgotten it, or has gone with it.
          status == ERLN_ERR_NAME_UNKNOWN || status == ERLN_ERR_UNREACHABLE || status == ERLN_ERR_EPMD);
}

// The slots are read and written by all threads without care: an id is always one or the other.
static erln_mailbox slot_of(unsigned number) {
    erln_mailbox box;
    box.id = __atomic_load_n(&shared[number % CHAOS].id, __ATOMIC_RELAXED);
    return box;
}

static void *chaos(void *data) {
    unsigned seed = *(unsigned *)data;
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245u + 12345u;
        unsigned pick = seed >> 16;
        erln_mailbox *slot = &shared[pick % CHAOS], box = slot_of(pick);
        erln_msg *msg;
        erln_pid pid;
        erln_ref ref;
        switch (pick / CHAOS % 8) {
        case 0:
            if (erln_mailbox_open(pick & 64 ? a : b, NULL, NULL, &box) == ERLN_OK) {
                uint64_t old = __atomic_exchange_n(&slot->id, box.id, __ATOMIC_RELAXED);
                erln_mailbox former;
                former.id = old;
                fine(erln_mailbox_close(former));
            }
            break;
        case 1:
            fine(erln_mailbox_close(box));
            break;
        case 2:
            if (erln_mailbox_recv(box, 1, &msg) == ERLN_OK) erln_msg_free(msg);
            break;
        case 3:
            fine(erln_mailbox_register(box, "chaos"));
            break;
        case 4:
            if (erln_mailbox_pid(slot_of(pick / 7), &pid) == ERLN_OK) {
                fine(erln_monitor(box, erln_to_pid(&pid), ERLN_ALIAS_NONE, &ref));
                fine(erln_link(box, &pid));
            }
            break;
        case 5:
            if (erln_mailbox_pid(slot_of(pick / 7), &pid) == ERLN_OK) {
                fine(erln_send(box, erln_to_pid(&pid), "{hello, ~i}", round));
            }
            break;
        case 6:
            fine(erln_send(box, erln_to_name("chaos"), "hello"));
            break;
        default: {
            int32_t fd;
            fine(erln_mailbox_fd(box, &fd));
            fine(erln_mailbox_set_trap_exit(box, true));
            break;
        }
        }
    }
    return NULL;
}

static void everything_at_once(bool stop) {
    pthread_t threads[CHAOS];
    unsigned seeds[CHAOS];
    for (int n = 0; n < CHAOS; n++) {
        CHECK_OK(erln_mailbox_open(n % 2 ? a : b, NULL, NULL, &shared[n]));
    }
    for (int n = 0; n < CHAOS; n++) {
        seeds[n] = 17u * (unsigned)n + stop;
        pthread_create(&threads[n], NULL, chaos, &seeds[n]);
    }
    if (stop) CHECK_OK(erln_node_stop(b));
    for (int n = 0; n < CHAOS; n++) pthread_join(threads[n], NULL);
    for (int n = 0; n < CHAOS; n++) fine(erln_mailbox_close(shared[n]));
}

int main(void) {
    a = start("ffi_threads_a@localhost");
    b = start("ffi_threads_b@localhost");
    CHECK_OK(erln_node_connect(a, "ffi_threads_b@localhost", PATIENCE));
    order();
    everything_at_once(false);
    everything_at_once(true);
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_node_stop(b));
    CHECK_OK(erln_node_stop(a));
    return 0;
}
