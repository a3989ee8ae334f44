/*
 * What the generated cases of misuse.rs are made of: good and bad values for each kind of parameter, made anew for each case in
 * a process of its own, and the run over all cases.
 *
 * Not among them, because nothing could answer it in C: pointers that point nowhere, memory that was freed (but by the call
 * before), sizes larger than what a pointer points at, indices that no call of the library made.
 */
#ifndef MISUSE_H
#define MISUSE_H

#include <ei.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_TEXT 70000
#define PATIENCE 20
#define PACKET "\0\0\0\x26p\x83h\3a\2w\0Xw\x08" "me@local\0\0\0\1\0\0\0\2\0\0\0\3\x83w\4ping"

extern ei_socket_callbacks ei_default_socket_callbacks;

/* A term of each kind, broken ones, and bytes that are none; the rest of each is zero. */
#define TERM_SIZE 320
static const struct {
    char bytes[TERM_SIZE];
} terms[] = {
    {"a\x2a"}, {"b\xff\xff\xff\xff"}, {"c1.50000000000000000000e+00"}, {"F\x40\x04"}, {"d\0\2ok"}, {"s\2ok"}, {"v\0\2ok"}, {"w\4\xc3\xa5\xc3\xa4"},
    {"w\xff"}, {"v\x10\x00"}, {"w\2\xff\xff"}, {"k\0\5hello"}, {"m\0\0\0\5hello"}, {"m\x7f\xff\xff\xff"}, {"m\xff\xff\xff\xff"}, {"M\0\0\0\1\3\xe0"}, {"M\0\0\0\1\0"},
    {"h\2a\1a\2"}, {"h\xff"}, {"i\0\0\0\1a\1"}, {"i\xff\xff\xff\xff"}, {"l\0\0\0\2a\1a\2j"}, {"l\xff\xff\xff\xff"}, {"j"}, {"t\0\0\0\1a\1a\2"}, {"t\xff\xff\xff\xff"},
    {"n\4\0\1\2\3\4"}, {"n\x08\1\xff\xff\xff\xff\xff\xff\xff\xff"}, {"n\0\0"}, {"n\xff\1"}, {"o\0\0\0\4\0\1\2\3\4"}, {"Xw\3n@h\0\0\0\1"}, {"gw\3n@h\0\0\0\1"}, {"Xa\1"},
    {"Yw\3n@h\0\0\0\1"}, {"xw\3n@h\0\0\0\0\0\0\0\1"}, {"fw\3n@h\0\0\0\1"}, {"Z\0\3w\3n@h"}, {"r\0\3w\3n@h"}, {"ew\3n@h"}, {"Z\xff\xffw\3n@h"}, {"qw\1mw\1fa\1"},
    {"p\0\0\0\x30\1"}, {"u\0\0\0\1"}, {"\x83" "a\1"}, {"\x83"}, {"P\0\0\0\5x"}, {"R\0"}, {"\xff\xff\xff\xff"}, {""}, {"h\5a\1a\2a\3Xw\3n@h\0\0\0\1\0\0\0\2\0\0\0\3a\4"},
};

static struct {
    int fd, closed, file, hole, listening, fresh, port, free_port, zero, number, count;
    ei_cnode ec, ec_zero, ec_full;
    ei_x_buff x, y, x_zero, x_freed, x_tiny, x_none;
    char out[2 * LONG_TEXT + 64], text[LONG_TEXT + 1], name[300], bytes[4096], message[64], node[MAXNODELEN + 1];
    int index, message_len;
    erlang_pid pid, pid_zero, pid_full;
    erlang_port eport, port_zero, port_full;
    erlang_ref ref, ref_zero, ref_full, ref_wild;
    erlang_trace trace, trace_zero;
    erlang_fun fun, fun_zero, fun_wild;
    erlang_big *big, big_zero;
    erlang_msg msg;
    ei_term term;
    ErlConnect con;
    struct in_addr address;
    struct hostent host;
    ei_socket_callbacks none;
    FILE *sink;
    char *printed, *heap;
    int heap_size;
    long numbers[256];
} F;

/* Everything anew; the peer of F.fd has sent a message and closed. */
static void prepare(void) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof at;
    int pair[2];

    memset(&F, 0, sizeof F);
    at.sin_addr.s_addr = F.address.s_addr = htonl(INADDR_LOOPBACK);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    write(pair[1], PACKET, sizeof PACKET - 1);
    shutdown(pair[1], SHUT_WR);
    F.fd = pair[0];
    F.file = open("/dev/null", O_RDWR);
    pipe(pair);
    close(pair[1]);
    F.hole = pair[0];
    F.fresh = socket(AF_INET, SOCK_STREAM, 0);
    F.listening = socket(AF_INET, SOCK_STREAM, 0);
    bind(F.listening, (struct sockaddr *)&at, sizeof at);
    getsockname(F.listening, (struct sockaddr *)&at, &len);
    F.free_port = ntohs(at.sin_port);
    listen(F.listening, 5);
    /* Somebody who says nothing and goes. */
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    connect(pair[0], (struct sockaddr *)&at, sizeof at);
    close(pair[0]);
    /* A port where nobody listens. */
    F.closed = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_port = 0;
    bind(F.closed, (struct sockaddr *)&at, sizeof at);
    getsockname(F.closed, (struct sockaddr *)&at, &len);
    F.free_port = ntohs(at.sin_port);
    close(F.closed);
    F.sink = fopen("/dev/null", "w");

    ei_connect_xinit(&F.ec, "local", "me", "me@local", &F.address, "secret", 1);
    memset(&F.ec_full, 'x', offsetof(ei_cnode, cbs));
    F.ec_full.cbs = &ei_default_socket_callbacks;
    memset(F.text, 'x', LONG_TEXT);
    memset(F.name, 'x', sizeof F.name - 1);
    ei_x_new_with_version(&F.x);
    ei_x_encode_atom(&F.x, "ok");
    ei_x_new(&F.y);
    ei_x_encode_long(&F.y, 1);
    ei_x_new(&F.x_freed);
    ei_x_free(&F.x_freed);
    F.x_tiny.buff = malloc(1);
    F.x_tiny.buffsz = 1;
    F.x_none.buffsz = 100;
    ei_encode_version(F.message, &F.message_len);
    ei_encode_list_header(F.message, &F.message_len, 0);
    ei_make_pid(&F.ec, &F.pid);
    ei_make_ref(&F.ec, &F.ref);
    strcpy(F.eport.node, "me@local");
    memset(&F.pid_full, 'x', sizeof F.pid_full);
    memset(&F.port_full, 'x', sizeof F.port_full);
    memset(&F.ref_full, 'x', sizeof F.ref_full);
    F.ref_full.len = 3;
    F.ref_wild = F.ref;
    F.ref_wild.len = INT_MIN;
    F.trace.from = F.pid;
    strcpy(F.fun.module, "m");
    F.fun.type = EI_FUN_EXPORT;
    F.fun.u.exprt.func = strdup("f");
    F.fun.u.exprt.func_allocated = 1;
    F.fun_wild.type = 77;
    F.big = ei_alloc_big(8);
    memset(F.big->digits, 0x5a, 8);
    F.heap = malloc(16);
    F.heap_size = 16;
    F.index = 0;
}

/* Threads that use the library on descriptors which others close. */
static void *crowd(void *node) {
    erlang_pid pid;
    erlang_ref ref;
    erlang_msg msg;
    int i, fd;

    for (i = 0; i < 2000; i++) {
        ei_x_buff x;

        ei_make_pid(node, &pid);
        ei_make_ref(node, &ref);
        ei_x_new_with_version(&x);
        ei_x_encode_pid(&x, &pid);
        ei_x_encode_ref(&x, &ref);
        fd = open("/dev/null", O_RDWR);
        ei_send(fd, &pid, x.buff, x.index);
        ei_reg_send_tmo(node, fd, "somebody", x.buff, x.index, 1000);
        ei_xreceive_msg_tmo(fd, &msg, &x, 1000);
        ei_close_connection(fd);
        ei_send(fd, &pid, x.buff, 0);
        if (erl_errno < 0)
            abort();
        ei_x_free(&x);
    }
    return NULL;
}

static void together(void) {
    pthread_t threads[8];
    int i;

    for (i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, crowd, &F.ec);
    for (i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

/* Each case in a process of its own: `CASE ok`, or the signal or status that ended it. With a file: the numbers in it only. */
static int run_all(void (*one)(int), const char *const *labels, int cases, const char *file) {
    FILE *list = file ? fopen(file, "r") : NULL;
    int number, status, ended = 0;

    setenv("ERL_EPMD_PORT", "1", 1);
    signal(SIGPIPE, SIG_IGN);
    for (number = 0; number < cases; number++) {
        pid_t child;

        if (list && fscanf(list, "%d", &number) != 1)
            break;
        fflush(stdout);
        if ((child = fork()) == 0) {
            int null = open("/dev/null", O_RDWR);

            dup2(null, 0);
            dup2(null, 1);
            if (!list)
                dup2(null, 2);
            alarm(PATIENCE);
            prepare();
            one(number);
            _exit(0);
        }
        waitpid(child, &status, 0);
        ended += status != 0;
        if (status == 0)
            printf("%d ok %s\n", number, labels[number]);
        else
            printf("%d %s %d %s\n", number, WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                   labels[number]);
    }
    return list && ended ? 1 : 0;
}

#endif
