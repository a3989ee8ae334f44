/*
 * Message workloads for libei against the same scripted peer: ping-pong, one way, connecting. Prints microseconds per round.
 *
 *     messages ROUNDS
 */
#include "../../tests/ei/peer.h"

static int let_in(int fd)
{
    unsigned char buf[2000], out[200];
    int n, one = 1;

    setsockopt(fd, IPPROTO_TCP, 1, &one, sizeof one);
    if (hear(fd, buf) < 0)
        _exit(0);
    say(fd, "sok", 3);
    n = challenge_message(out, 0xd07df7fbdull, "peer@host", 9);
    say(fd, out, n);
    hear(fd, buf);
    out[0] = 'a';
    digest((unsigned)buf[1] << 24 | buf[2] << 16 | buf[3] << 8 | buf[4], "secret", out + 1);
    say(fd, out, 17);
    return fd;
}

/* Answers every packet whose payload ends with 1, and only counts others. */
static void answer(int fd)
{
    static const char reply[] = "\0\0\0\x2ap\x83h\3a\2w\0Xw\x0ctester@local\0\0\0\0\0\0\0\0\0\0\0\x63\x83w\4pong";
    static unsigned char body[1 << 16];
    unsigned char head[4];

    while (get(fd, head, 4) == 4) {
        int len = head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];

        if (get(fd, body, len) < len)
            return;
        if (body[len - 1] == 1 && write(fd, reply, sizeof reply - 1) < 0)
            return;
    }
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void ping_pong(ei_cnode *ec, int fd, int rounds, unsigned ms)
{
    erlang_pid to = {"peer@host", 1, 2, 3};
    erlang_msg msg;
    ei_x_buff out, in;
    int i;

    (void)ec;
    ei_x_new(&in);
    for (i = 0; i < rounds; i++) {
        ei_x_new_with_version(&out);
        ei_x_encode_tuple_header(&out, 2);
        ei_x_encode_atom(&out, "ping");
        ei_x_encode_long(&out, 1);
        if (ei_send_tmo(fd, &to, out.buff, out.index, ms) < 0 || ei_xreceive_msg_tmo(fd, &msg, &in, ms) != ERL_MSG)
            exit(3);
        ei_x_free(&out);
    }
    ei_x_free(&in);
}

static void one_way(int fd, int rounds, int last)
{
    erlang_pid to = {"peer@host", 1, 2, 3};
    char message[200];
    int i, index = 0;

    memset(message, 'x', sizeof message);
    ei_encode_version(message, &index);
    for (i = 0; i < rounds; i++) {
        message[sizeof message - 1] = i + 1 == rounds && last;
        if (ei_send(fd, &to, message, sizeof message) < 0)
            exit(3);
    }
}

int main(int argc, char **argv)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    int rounds = argc > 1 ? atoi(argv[1]) : 2000, port, lfd, fd, i;
    ei_cnode ec;
    erlang_msg msg;
    ei_x_buff in;
    double start;
    pid_t child;

    signal(SIGPIPE, SIG_IGN);
    lfd = listener(&port);
    if ((child = fork()) == 0)
        for (;;) {
            fd = accept(lfd, NULL, NULL);
            answer(let_in(fd));
            close(fd);
        }
    ei_init();
    ei_connect_xinit(&ec, "local", "tester", "tester@local", NULL, "secret", 99);
    start = now();
    for (i = 0; i < rounds / 10; i++) {
        fd = ei_xconnect_host_port(&ec, &loopback, port);
        if (fd < 0)
            return 3;
        ei_close_connection(fd);
    }
    printf("connect %.3f\n", (now() - start) / (rounds / 10));
    fd = ei_xconnect_host_port(&ec, &loopback, port);
    ping_pong(&ec, fd, 100, 0);
    start = now();
    ping_pong(&ec, fd, rounds, 0);
    printf("ping_pong %.3f\n", (now() - start) / rounds);
    start = now();
    ping_pong(&ec, fd, rounds, 1000);
    printf("ping_pong_tmo %.3f\n", (now() - start) / rounds);
    ei_x_new(&in);
    start = now();
    one_way(fd, rounds * 5, 1);
    ei_xreceive_msg(fd, &msg, &in);
    printf("one_way %.3f\n", (now() - start) / (rounds * 5));
    kill(child, SIGKILL);
    return 0;
}
