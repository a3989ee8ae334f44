// A host that runs out of memory: each large allocation that a call makes fails once, and the call, or a connection, ends with that. Small
// ones of fixed size are not failed: without them no program gets far. tests/scarcity does the same in Rust.

#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>

#include "check.h"

#define LARGE ((size_t)128 << 10)
#define PATIENCE 20000

// The program's allocator, which the library uses as well.
extern void *__libc_malloc(size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_calloc(size_t, size_t);

static atomic_long until;  // large allocations until the one that fails; 0: none is to
static atomic_long failed;

static bool fails(size_t size) {
    if (size <= LARGE || atomic_load(&until) <= 0) return false;
    if (atomic_fetch_sub(&until, 1) != 1) return false;
    atomic_fetch_add(&failed, 1);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
void *realloc(void *place, size_t size) { return fails(size) ? NULL : __libc_realloc(place, size); }
void *calloc(size_t count, size_t size) {
    return size != 0 && fails(count * size) ? NULL : __libc_calloc(count, size);
}

static erln_node node;
static erln_mailbox box;
static uint8_t data[1 << 20];
static char text[1 << 18];
static int64_t numbers[50000];

static bool good(erln_status status) {
    if (status != ERLN_OK && status != ERLN_ERR_LIMIT) {
        fprintf(stderr, "%s: %s\n", erln_status_name(status), erln_last_error());
        exit(1);
    }
    if (status == ERLN_ERR_LIMIT) CHECK(strstr(erln_last_error(), "no memory") != NULL);
    return status == ERLN_OK;
}

// Writes, and looks at the outcome: a writer that failed goes on after a clear.
static bool written(bool (*write)(erln_writer *)) {
    erln_writer *w = erln_writer_new();
    erln_bytes term;
    CHECK(w != NULL);
    bool whole = write(w);
    erln_status status = erln_writer_finish(w, &term);
    CHECK(whole == (status == ERLN_OK));
    bool done = good(status);
    if (!done) CHECK(!erln_write_int64(w, 1));
    erln_writer_clear(w);
    CHECK(erln_write_int64(w, 1));
    CHECK_OK(erln_writer_finish(w, &term));
    CHECK(term.len == 2 && term.ptr[0] == 97);
    erln_writer_free(w);
    return done;
}

static bool a_binary(erln_writer *w) { return erln_write_binary(w, data, sizeof data); }
static bool a_text(erln_writer *w) { return erln_write_charlist(w, text); }
static bool an_array(erln_writer *w) { return erln_write_int64s(w, numbers, sizeof numbers / sizeof *numbers); }
static bool an_erlang(erln_writer *w) {
    static char source[100004];
    for (size_t n = 1; n < sizeof source - 2; n++) source[n] = n % 2 ? '1' : ',';
    source[0] = '[';
    source[sizeof source - 2] = ']';
    return erln_write_erlang(w, source);
}
static bool a_list(erln_writer *w) {
    bool whole = erln_write_list(w, 100000);
    for (int n = 0; n < 100000; n++) whole = erln_write_int64(w, n) && whole;
    return erln_write_nil(w) && whole;
}
static bool a_map(erln_writer *w) {
    bool whole = erln_write_map(w, 60000);
    for (int n = 0; n < 60000; n++) whole = erln_write_int64(w, n) && erln_write_nil(w) && whole;
    return whole;
}

static bool write_binary(void) { return written(a_binary); }
static bool write_text(void) { return written(a_text); }
static bool write_array(void) { return written(an_array); }
static bool write_erlang(void) { return written(an_erlang); }
static bool write_list(void) { return written(a_list); }
static bool write_map(void) { return written(a_map); }

static uint8_t term[sizeof data + 5];

// To a mailbox of this node, taken out, printed and matched.
static bool send_and_receive(void) {
    erln_msg *msg;
    erln_bytes printed;
    erln_pid me;
    CHECK_OK(erln_mailbox_pid(box, &me));
    if (!good(erln_send_term(box, erln_to_pid(&me), term, sizeof term, PATIENCE))) return false;
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    bool done = good(erln_msg_text(msg, &printed));
    erln_msg_free(msg);
    return done;
}

static bool send_template(void) {
    erln_msg *msg;
    erln_pid me;
    CHECK_OK(erln_mailbox_pid(box, &me));
    if (!good(erln_send(box, erln_to_pid(&me), "{text, ~s}", text))) return false;
    CHECK_OK(erln_mailbox_recv(box, PATIENCE, &msg));
    erln_msg_free(msg);
    return true;
}

static bool print_term(void) {
    char short_buffer[10];
    size_t len;
    return good(erln_print(term, sizeof term, ERLN_ELIXIR, short_buffer, sizeof short_buffer, &len));
}

static bool start_and_stop(void) {
    erln_config *config = erln_config_new(NULL);
    erln_node other;
    CHECK_OK(erln_config_set_cookie(config, "scarcity"));
    erln_status status = erln_node_start(config, &other);
    erln_config_free(config);
    if (!good(status)) return false;
    CHECK_OK(erln_node_stop(other));
    return true;
}

// Again and again, each time without another large allocation, until none is left to fail.
static void play(const char *name, bool (*scene)(void), long least) {
    for (long nth = 1;; nth++) {
        atomic_store(&failed, 0);
        atomic_store(&until, nth);
        bool done = scene();
        atomic_store(&until, 0);
        if (atomic_load(&failed) == 0) {
            CHECK(done);
            printf("%s: %ld large allocations failed\n", name, nth - 1);
            CHECK(nth > least);
            return;
        }
    }
}

int main(void) {
    memset(text, 'x', sizeof text - 1);
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) numbers[n] = (int64_t)n << 20;
    term[0] = 109;
    term[2] = sizeof data >> 16;
    erln_config *config = erln_config_new("scarcity@localhost");
    CHECK_OK(erln_config_set_cookie(config, "scarcity"));
    CHECK_OK(erln_config_set_listen(config, false));
    CHECK_OK(erln_node_start(config, &node));
    erln_config_free(config);
    CHECK_OK(erln_mailbox_open(node, NULL, NULL, &box));
    play("a binary", write_binary, 1);
    play("a text", write_text, 1);
    play("an array", write_array, 1);
    play("a term as text", write_erlang, 1);
    play("a list", write_list, 1);
    play("a map", write_map, 1);
    play("send and receive", send_and_receive, 1);
    play("a template", send_template, 1);
    play("print", print_term, 1);
    play("start and stop", start_and_stop, 0);
    CHECK_OK(erln_mailbox_close(box));
    CHECK_OK(erln_node_stop(node));
    return 0;
}
