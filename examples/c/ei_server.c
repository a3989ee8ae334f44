/*
 * A C node that adds and multiplies, in the manner of the interoperability tutorial: it registers with epmd, accepts
 * Erlang nodes one after the other, and answers {call, Pid, {add, A, B}} or {call, Pid, {mul, A, B}} with
 * {cnode, Result}.
 *
 *     ei_server ALIVE COOKIE          then, in Erlang:  {any, 'ALIVE@HOST'} ! {call, self(), {add, 3, 4}}.
 *
 * Only OTP's own interface is used: this program compiles and runs with either library.
 */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
    fprintf(stderr, "%s failed, erl_errno %d (%s)\n", what, erl_errno, strerror(erl_errno));
    exit(1);
}

/* Answers one message; 0 when it was none that we understand. */
static int answer(int fd, const ei_x_buff *in)
{
    ei_x_buff out;
    erlang_pid caller;
    char name[MAXATOMLEN];
    int index = 0, version, arity;
    long a, b;

    if (ei_decode_version(in->buff, &index, &version) < 0 || ei_decode_tuple_header(in->buff, &index, &arity) < 0
        || arity != 3 || ei_decode_atom(in->buff, &index, name) < 0 || strcmp(name, "call") != 0
        || ei_decode_pid(in->buff, &index, &caller) < 0 || ei_decode_tuple_header(in->buff, &index, &arity) < 0
        || arity != 3 || ei_decode_atom(in->buff, &index, name) < 0 || ei_decode_long(in->buff, &index, &a) < 0
        || ei_decode_long(in->buff, &index, &b) < 0)
        return 0;

    if (strcmp(name, "add") == 0)
        a = (long)((unsigned long)a + (unsigned long)b);
    else if (strcmp(name, "mul") == 0)
        a = (long)((unsigned long)a * (unsigned long)b);
    else
        return 0;

    ei_x_new(&out);
    if (ei_x_format(&out, "{cnode, ~l}", a) < 0 || ei_send(fd, &caller, out.buff, out.index) < 0)
        fprintf(stderr, "the answer could not be sent\n");
    ei_x_free(&out);
    return 1;
}

/* Serves one node until its connection ends. */
static void serve(int fd)
{
    ei_x_buff in;
    erlang_msg msg;
    int got;

    ei_x_new(&in);
    while ((got = ei_xreceive_msg(fd, &msg, &in)) != ERL_ERROR) {
        if (got == ERL_TICK)
            continue;
        if ((msg.msgtype == ERL_REG_SEND || msg.msgtype == ERL_SEND) && !answer(fd, &in))
            fprintf(stderr, "a message that nobody understands\n");
    }
    ei_x_free(&in);
    ei_close_connection(fd);
}

int main(int argc, char **argv)
{
    ei_cnode node;
    ErlConnect peer;
    int port = 0, listener, epmd, fd;

    if (argc < 3) {
        fprintf(stderr, "usage: %s ALIVE COOKIE\n", argv[0]);
        return 2;
    }
    ei_init();
    if (ei_connect_init(&node, argv[1], argv[2], 0) < 0)
        die("ei_connect_init");
    if ((listener = ei_listen(&node, &port, 5)) < 0)
        die("ei_listen");
    if ((epmd = ei_publish(&node, port)) < 0)
        die("ei_publish");
    printf("%s listens on port %d\n", ei_thisnodename(&node), port);
    fflush(stdout);

    for (;;) {
        if ((fd = ei_accept(&node, listener, &peer)) < 0) {
            fprintf(stderr, "somebody did not get in, erl_errno %d\n", erl_errno);
            continue;
        }
        printf("connected to %s\n", peer.nodename);
        fflush(stdout);
        serve(fd);
    }
}
