/* A node with libei under abuse: a thread for each connection answers {Pid, Term} with Term; commands come on stdin. */
#include "ei.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ei_cnode node;
static int listener;

static void *serve(void *arg)
{
    int fd = (int)(long)arg;
    erlang_msg msg;
    ei_x_buff in;

    ei_x_new(&in);
    for (;;) {
        int got, version, arity, start, end;
        erlang_pid pid;

        in.index = 0;
        got = ei_xreceive_msg(fd, &msg, &in);
        if (got == ERL_TICK)
            continue;
        if (got == ERL_ERROR)
            break;
        if (msg.msgtype != ERL_SEND && msg.msgtype != ERL_REG_SEND)
            continue;
        end = 0;
        if (ei_decode_version(in.buff, &end, &version) || ei_decode_tuple_header(in.buff, &end, &arity) || arity != 2 ||
            ei_decode_pid(in.buff, &end, &pid))
            continue;
        start = end;
        /* The functions know no end of the buffer; a careful program compares. */
        if (ei_skip_term(in.buff, &end) || end > in.index)
            continue;
        {
            ei_x_buff out;

            ei_x_new_with_version(&out);
            ei_x_append_buf(&out, in.buff + start, end - start);
            ei_send(fd, &pid, out.buff, out.index);
            ei_x_free(&out);
        }
    }
    ei_x_free(&in);
    close(fd);
    return NULL;
}

static void *welcome(void *arg)
{
    for (;;) {
        ErlConnect peer;
        int fd = ei_accept_tmo(&node, listener, &peer, 0);
        pthread_t thread;

        if (fd < 0)
            continue;
        pthread_create(&thread, NULL, serve, (void *)(long)fd);
        pthread_detach(thread);
    }
    return arg;
}

int main(int argc, char **argv)
{
    char alive[256], line[512];
    struct in_addr addr;
    int port = 0, tries;
    pthread_t thread;

    addr.s_addr = htonl(INADDR_LOOPBACK);
    strncpy(alive, argv[1], 255);
    *strchr(alive, '@') = 0;
    ei_init();
    if (argc < 3 || ei_connect_xinit(&node, "localhost", alive, argv[1], &addr, argv[2], 77) < 0)
        return 2;
    if ((listener = ei_listen(&node, &port, 64)) < 0)
        return 3;
    /* Started again after its death, it may find its name still taken for a moment. */
    for (tries = 0; ei_publish(&node, port) < 0; tries++) {
        if (tries == 100)
            return 4;
        usleep(20000);
    }
    pthread_create(&thread, NULL, welcome, NULL);
    printf("ready %d 77\n", port);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "connect ", 8)) {
            int fd = ei_connect_tmo(&node, line + 8, 1000);

            printf("connected %s\n", fd >= 0 ? "true" : "false");
            fflush(stdout);
            if (fd >= 0)
                close(fd);
        }
    }
    return 0;
}
