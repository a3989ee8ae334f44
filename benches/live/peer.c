// The benchmarked program on erlnode's C API: answers what bench_driver.erl asks. The same file with -DUSE_EI is the
// program on Debian's libei, so that both columns do the same work.
//
//     peer NODE COOKIE [TLS_OPTFILE]        (TLS: erlnode only)

#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// Between two connects the other side needs time to notice that the last one is gone; it is not counted.
static void pause_ms(int ms) {
    struct timespec t = {0, ms * 1000000L};
    nanosleep(&t, NULL);
}

static void must(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "peer: %s failed\n", what);
        exit(1);
    }
}

#ifdef USE_EI
#include <arpa/inet.h>
#include <ei.h>
#include <unistd.h>

static ei_cnode cnode;

static void reply_done(int fd, erlang_pid *to, int64_t us) {
    char buf[64];
    int i = 0;
    ei_encode_version(buf, &i);
    ei_encode_tuple_header(buf, &i, 2);
    ei_encode_atom(buf, &i, "done");
    ei_encode_longlong(buf, &i, us);
    must(ei_send(fd, to, buf, i) == 0, "ei_send");
}

static void flood(int fd, erlang_pid *to, long count) {
    for (long k = 0; k < count; k++) {
        char buf[64];
        int i = 0;
        ei_encode_version(buf, &i);
        ei_encode_tuple_header(buf, &i, 2);
        ei_encode_atom(buf, &i, "msg");
        ei_encode_long(buf, &i, k);
        must(ei_send(fd, to, buf, i) == 0, "ei_send");
    }
}

static void flood_name(int fd, long count) {
    erlang_pid *self = ei_self(&cnode);
    for (long k = 0; k <= count; k++) {
        char buf[1200];
        int i = 0;
        ei_encode_version(buf, &i);
        ei_encode_tuple_header(buf, &i, 2);
        ei_encode_atom(buf, &i, k < count ? "msg" : "count");
        if (k < count)
            ei_encode_long(buf, &i, k);
        else
            ei_encode_pid(buf, &i, self);
        must(ei_reg_send(&cnode, fd, "bench", buf, i) == 0, "ei_reg_send");
    }
    ei_x_buff x;
    ei_x_new(&x);
    erlang_msg msg;
    while (ei_xreceive_msg(fd, &msg, &x) == ERL_TICK) {
    }
    ei_x_free(&x);
}

static void big(int fd, erlang_pid *to, long size, long count) {
    ei_x_buff x;
    ei_x_new_with_version(&x);
    char *data = calloc(1, size);
    ei_x_encode_binary(&x, data, size);
    for (long k = 0; k < count; k++)
        must(ei_send(fd, to, x.buff, x.index) == 0, "ei_send");
    free(data);
    ei_x_free(&x);
}

static void one_call(int fd, unsigned number) {
    char buf[2600];
    int i = 0;
    erlang_pid *self = ei_self(&cnode);
    erlang_ref ref = {.len = 3, .creation = self->creation, .n = {number & 0x3ffff, number >> 18, 1}};
    strcpy(ref.node, self->node);
    ei_encode_version(buf, &i);
    ei_encode_tuple_header(buf, &i, 3);
    ei_encode_atom(buf, &i, "$gen_call");
    ei_encode_tuple_header(buf, &i, 2);
    ei_encode_pid(buf, &i, self);
    ei_encode_ref(buf, &i, &ref);
    ei_encode_tuple_header(buf, &i, 2);
    ei_encode_atom(buf, &i, "add");
    ei_encode_long(buf, &i, number);
    must(ei_reg_send(&cnode, fd, "echo", buf, i) == 0, "ei_reg_send");
}

static void calls(int fd, long count, long window) {
    ei_x_buff x;
    ei_x_new(&x);
    erlang_msg msg;
    long sent = 0, got = 0;
    while (sent < window)
        one_call(fd, sent++);
    while (got < count) {
        int r = ei_xreceive_msg(fd, &msg, &x);
        if (r == ERL_TICK) continue;
        must(r == ERL_MSG, "ei_xreceive_msg");
        int i = 0, version, arity;
        erlang_ref ref;
        long value;
        must(!ei_decode_version(x.buff, &i, &version) && !ei_decode_tuple_header(x.buff, &i, &arity) &&
                 !ei_decode_ref(x.buff, &i, &ref) && !ei_decode_long(x.buff, &i, &value),
             "reply");
        got++;
        if (sent < count) one_call(fd, sent++);
    }
    ei_x_free(&x);
}

static int reach(const char *node) {
    int fd = ei_connect(&cnode, (char *)node);
    must(fd >= 0, "ei_connect");
    return fd;
}

int main(int argc, char **argv) {
    must(argc == 3, "usage: peer NODE COOKIE");
    char alive[64];
    snprintf(alive, sizeof alive, "%.*s", (int)(strchr(argv[1], '@') - argv[1]), argv[1]);
    struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    ei_init();
    must(ei_connect_xinit(&cnode, strchr(argv[1], '@') + 1, alive, argv[1], (Erl_IpAddr)&loopback, argv[2], 0) == 0, "init");
    int port = 0, listener = ei_listen(&cnode, &port, 5);
    must(listener >= 0 && ei_publish(&cnode, port) >= 0, "publish");
    printf("ready %s\n", argv[1]);
    fflush(stdout);
    for (;;) {
        ErlConnect peer;
        int fd = ei_accept(&cnode, listener, &peer);
        if (fd < 0) continue;
        ei_x_buff x;
        ei_x_new(&x);
        erlang_msg msg;
        long count = 0;
        for (;;) {
            int r = ei_xreceive_msg(fd, &msg, &x);
            if (r == ERL_TICK) continue;
            if (r == ERL_ERROR) break;
            int i = 0, version, arity;
            char word[MAXATOMLEN];
            erlang_pid to;
            long n, m;
            if (ei_decode_version(x.buff, &i, &version) || ei_decode_tuple_header(x.buff, &i, &arity) ||
                ei_decode_atom(x.buff, &i, word)) {
                count++;
                continue;
            }
            if (!strcmp(word, "ping") && !ei_decode_pid(x.buff, &i, &to)) {
                char buf[16];
                int j = 0;
                ei_encode_version(buf, &j);
                ei_encode_atom(buf, &j, "pong");
                must(ei_send(fd, &to, buf, j) == 0, "ei_send");
            } else if (!strcmp(word, "flood")) {
                ei_decode_pid(x.buff, &i, &to);
                ei_decode_long(x.buff, &i, &n);
                flood(fd, &to, n);
            } else if (!strcmp(word, "big")) {
                ei_decode_pid(x.buff, &i, &to);
                ei_decode_long(x.buff, &i, &n);
                ei_decode_long(x.buff, &i, &m);
                big(fd, &to, n, m);
            } else if (!strcmp(word, "count")) {
                ei_decode_pid(x.buff, &i, &to);
                reply_done(fd, &to, count);
                count = 0;
            } else if (!strcmp(word, "calls")) {
                ei_decode_pid(x.buff, &i, &to);
                ei_decode_long(x.buff, &i, &n);
                ei_decode_long(x.buff, &i, &m);
                int64_t start = now_us();
                calls(fd, n, m);
                reply_done(fd, &to, now_us() - start);
            } else if (!strcmp(word, "peer") || !strcmp(word, "connect")) {
                char node[MAXATOMLEN];
                ei_decode_pid(x.buff, &i, &to);
                ei_decode_atom(x.buff, &i, node);
                ei_decode_long(x.buff, &i, &n);
                int64_t us = 0;
                if (*word == 'p') {
                    int other = reach(node);
                    int64_t start = now_us();
                    flood_name(other, n);
                    us = now_us() - start;
                    close(other);
                } else {
                    for (long k = 0; k < n; k++) {
                        int64_t start = now_us();
                        int other = reach(node);
                        us += now_us() - start;
                        close(other);
                        pause_ms(5);
                    }
                }
                reply_done(fd, &to, us);
            } else {
                count++;
            }
        }
        close(fd);
        ei_x_free(&x);
    }
}

#else
#include <erlnode.h>

static erln_node node;
static erln_mailbox box;

static void done(const erln_pid *to, int64_t us) {
    must(erln_send(box, erln_to_pid(to), "{done, ~l}", us) == ERLN_OK, "erln_send");
}

struct flood {
    erln_mailbox from;
    erln_to to;
    int64_t count;
};

static void *flood(void *argument) {
    struct flood *job = argument;
    erln_writer *writer = erln_writer_new();
    for (int64_t k = 0; k < job->count; k++) {
        erln_bytes term;
        erln_writer_clear(writer);
        erln_write_tuple(writer, 2);
        erln_write_atom(writer, "msg");
        erln_write_int64(writer, k);
        must(erln_writer_finish(writer, &term) == ERLN_OK, "erln_writer_finish");
        must(erln_send_term(job->from, job->to, term.ptr, term.len, ERLN_FOREVER) == ERLN_OK, "erln_send_term");
    }
    erln_writer_free(writer);
    return NULL;
}

static void flood_from(const erln_pid *to, int64_t count, int64_t threads) {
    if (threads <= 1) {
        struct flood job = {box, erln_to_pid(to), count};
        flood(&job);
        return;
    }
    struct flood jobs[16];
    pthread_t ids[16];
    for (int64_t k = 0; k < threads; k++) {
        jobs[k] = (struct flood){.to = erln_to_pid(to), .count = count / threads};
        must(erln_mailbox_open(node, NULL, NULL, &jobs[k].from) == ERLN_OK, "erln_mailbox_open");
        pthread_create(&ids[k], NULL, flood, &jobs[k]);
    }
    for (int64_t k = 0; k < threads; k++) {
        pthread_join(ids[k], NULL);
        erln_mailbox_close(jobs[k].from);
    }
}

static void big(const erln_pid *to, int64_t size, int64_t count) {
    erln_writer *writer = erln_writer_new();
    erln_bytes term;
    uint8_t *data = calloc(1, size);
    erln_write_binary(writer, data, size);
    must(erln_writer_finish(writer, &term) == ERLN_OK, "erln_writer_finish");
    for (int64_t k = 0; k < count; k++)
        must(erln_send_term(box, erln_to_pid(to), term.ptr, term.len, ERLN_FOREVER) == ERLN_OK, "erln_send_term");
    erln_writer_free(writer);
    free(data);
}

static void one_call(erln_to to, const erln_pid *self, int64_t number) {
    erln_ref ref;
    must(erln_node_make_ref(node, &ref) == ERLN_OK, "erln_node_make_ref");
    must(erln_send(box, to, "{'$gen_call', {~p, ~r}, {add, ~l}}", self, &ref, number) == ERLN_OK, "erln_send");
}

static void calls(const char *peer, int64_t count, int64_t window) {
    erln_to to = erln_to_remote("echo", peer);
    erln_pid self;
    erln_mailbox_pid(box, &self);
    int64_t sent = 0, got = 0;
    while (sent < window)
        one_call(to, &self, sent++);
    while (got < count) {
        erln_msg *msg;
        erln_reader reader;
        erln_ref ref;
        int64_t value;
        must(erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK, "erln_mailbox_recv");
        erln_msg_reader(msg, &reader);
        must(erln_read_tuple_of(&reader, 2) && erln_read_ref(&reader, &ref) && erln_read_int64(&reader, &value), "reply");
        erln_msg_free(msg);
        got++;
        if (sent < count) one_call(to, &self, sent++);
    }
}

static void flood_peer(const char *peer, int64_t count) {
    struct flood job = {box, erln_to_remote("bench", peer), count};
    erln_pid self;
    erln_msg *msg;
    erln_mailbox_pid(box, &self);
    flood(&job);
    must(erln_send(box, job.to, "{count, ~p}", &self) == ERLN_OK, "erln_send");
    must(erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK, "erln_mailbox_recv");
    erln_msg_free(msg);
}

int main(int argc, char **argv) {
    must(argc == 3 || argc == 4, "usage: peer NODE COOKIE [TLS_OPTFILE]");
    erln_config *config = erln_config_new(argv[1]);
    must(erln_config_set_cookie(config, argv[2]) == ERLN_OK, "cookie");
    if (argc > 3) must(erln_config_set_tls_optfile(config, argv[3]) == ERLN_OK, "TLS options");
    if (erln_node_start(config, &node) != ERLN_OK) {
        fprintf(stderr, "peer: %s\n", erln_last_error());
        return 1;
    }
    erln_config_free(config);
    must(erln_mailbox_open(node, "bench", NULL, &box) == ERLN_OK, "erln_mailbox_open");
    printf("ready %s\n", argv[1]);
    fflush(stdout);
    int64_t count = 0;
    for (;;) {
        erln_msg *msg;
        erln_reader reader;
        erln_pid to;
        int64_t n, m;
        erln_bytes atom;
        must(erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK, "erln_mailbox_recv");
        erln_msg_reader(msg, &reader);
        size_t arity;
        if (!erln_read_tuple(&reader, &arity)) {
            count++;
        } else if (erln_read_atom_is(&reader, "msg") || erln_read_atom_is(&reader, "big_in")) {
            count++;
        } else if (erln_read_atom_is(&reader, "ping") && erln_read_pid(&reader, &to)) {
            must(erln_send(box, erln_to_pid(&to), "pong") == ERLN_OK, "erln_send");
        } else if (erln_match(msg, "{flood, ~p, ~l, ~l}", &to, &n, &m)) {
            flood_from(&to, n, m);
        } else if (erln_match(msg, "{big, ~p, ~l, ~l}", &to, &n, &m)) {
            big(&to, n, m);
        } else if (erln_match(msg, "{count, ~p}", &to)) {
            done(&to, count);
            count = 0;
        } else if (erln_match(msg, "{calls, ~p, ~l, ~l}", &to, &n, &m)) {
            char peer[256];
            snprintf(peer, sizeof peer, "%s", to.node);
            int64_t start = now_us();
            calls(peer, n, m);
            done(&to, now_us() - start);
        } else if (erln_match(msg, "{peer, ~p, ~a, ~l}", &to, &atom, &n)) {
            char peer[256];
            snprintf(peer, sizeof peer, "%.*s", (int)atom.len, (const char *)atom.ptr);
            must(erln_node_connect(node, peer, 5000) == ERLN_OK, "erln_node_connect");
            int64_t start = now_us();
            flood_peer(peer, n);
            done(&to, now_us() - start);
        } else if (erln_match(msg, "{connect, ~p, ~a, ~l}", &to, &atom, &n)) {
            char peer[256];
            snprintf(peer, sizeof peer, "%.*s", (int)atom.len, (const char *)atom.ptr);
            int64_t us = 0;
            for (int64_t k = 0; k < n; k++) {
                int64_t start = now_us();
                must(erln_node_connect(node, peer, 5000) == ERLN_OK, "erln_node_connect");
                us += now_us() - start;
                must(erln_node_disconnect(node, peer) == ERLN_OK, "erln_node_disconnect");
                pause_ms(5);
            }
            done(&to, us);
        } else {
            count++;
        }
        erln_msg_free(msg);
    }
}
#endif
