/* Connections against scripted peers: handshakes of both roles, right, wrong, cut and stalled, and epmd's answers. The peer is a
 * child process with plain sockets; what it saw is printed after what the library returned. */
#include "peer.h"

extern int ei_distversion(int fd);
extern ei_cnode *ei_fd_to_cnode(int fd);

#define FLAGS 0xd07df7fbdull
#define STALL 200 /* milliseconds that a call may wait for a silent peer */

/* What a called peer does differently. */
struct script {
    const char *name;
    const char *status; /* NULL: silence; "" : close */
    int status_len;
    uint64_t flags;
    int name_len;
    int stop_after; /* the number of messages after which it closes, or is silent when negative */
    int odd;        /* 1 wrong digest, 2 trickle, 3 garbage for a challenge, 4 short challenge, 5 long ack, 6 trailing bytes, 7 packets
                       behind the ack, 8 expects `true` */
};

static void called(int fd, const struct script *s)
{
    unsigned char buf[70000], out[70000], d[16];
    static char name[1000];
    int n = hear(fd, buf), k;

    /* 'N' Flags:64 Creation:32 Len:16 Name */
    note("announced", buf, 1);
    buf[8] &= (unsigned char)~MONITOR_NAME;
    note("flags", buf + 1, 8);
    note("rest", buf + 9, n - 9);
    if (s->stop_after == 0)
        return;
    if (s->stop_after == -1) {
        pause();
    }
    say(fd, s->status, s->status_len ? s->status_len : (int)strlen(s->status));
    if (s->odd == 8) {
        n = hear(fd, buf);
        note("answer", buf, n);
    }
    if (s->stop_after == 1)
        return;
    if (s->stop_after == -2)
        pause();
    memset(name, 'p', sizeof name);
    memcpy(name, "peer@host", 9);
    n = challenge_message(out, s->flags, name, s->name_len ? s->name_len : 9);
    if (s->odd == 6)
        memcpy(out + n, "trailing", 8), n += 8;
    if (s->odd == 3)
        out[0] = 'X';
    if (s->odd == 4)
        n = 10;
    if (s->odd == 2) {
        unsigned char packet[200];

        packet[0] = 0, packet[1] = (unsigned char)n;
        memcpy(packet + 2, out, n);
        for (k = 0; k < n + 2; k++) {
            struct timespec t = {0, 2000000};

            if (write(fd, packet + k, 1) < 0)
                return;
            nanosleep(&t, NULL);
        }
    } else {
        say(fd, out, n);
    }
    if ((n = hear(fd, buf)) < 0) {
        note("closed", "", 0);
        return;
    }
    digest(424242, "secret", d);
    note("reply", buf, 1);
    note(n == 21 && memcmp(buf + 5, d, 16) == 0 ? "digest right" : "digest wrong", "", 0);
    if (s->stop_after == 2)
        return;
    if (s->stop_after == -3)
        pause();
    out[0] = 'a';
    digest((unsigned)buf[1] << 24 | buf[2] << 16 | buf[3] << 8 | buf[4], s->odd == 1 ? "other" : "secret", out + 1);
    if (s->odd == 7) {
        static const unsigned char packets[] = {0, 0, 0, 0, 0, 0, 0, 8, 112, 131, 104, 1, 97, 99, 131, 106};
        unsigned char packet[64] = {0, 17};

        memcpy(packet + 2, out, 17);
        memcpy(packet + 19, packets, sizeof packets);
        if (write(fd, packet, 19 + sizeof packets) < 0)
            return;
    } else {
        say(fd, out, s->odd == 5 ? 18 : 17);
    }
    n = (int)read(fd, buf, 4);
    note("then", buf, n > 0 ? n : 0);
}

#define OK 0, FLAGS, 0
static const struct script scripts[] = {
    {"ok", "sok", OK, 9, 0},
    {"ok_simultaneous", "sok_simultaneous", OK, 9, 0},
    {"okay", "sokay", OK, 9, 0},
    {"nok", "snok", OK, 1, 0},
    {"not_allowed", "snot_allowed", OK, 1, 0},
    {"alive", "salive", OK, 9, 8},
    {"empty_status", "s", OK, 1, 0},
    {"no_status_tag", "ok", OK, 1, 0},
    {"close_at_once", "sok", OK, 0, 0},
    {"close_after_status", "sok", OK, 1, 0},
    {"close_after_reply", "sok", OK, 2, 0},
    {"stall_at_once", "sok", OK, -1, 0},
    {"stall_after_status", "sok", OK, -2, 0},
    {"stall_after_reply", "sok", OK, -3, 0},
    {"wrong_digest", "sok", OK, 9, 1},
    {"trickle", "sok", OK, 9, 2},
    {"garbage", "sok", OK, 9, 3},
    {"short_challenge", "sok", OK, 9, 4},
    {"long_ack", "sok", OK, 9, 5},
    {"trailing", "sok", OK, 9, 6},
    {"packets_behind", "sok", OK, 9, 7},
    {"flags_25", "sok", 0, 0x1070f94, 0, 9, 0},
    {"flags_27", "sok", 0, 0x403070f94ull, 0, 9, 0},
    {"flags_digest", "sok", 0, 0x404000000ull, 0, 9, 0},
    {"flags_missing", "sok", 0, 0x1070f90, 0, 9, 0},
    {"flags_none", "sok", 0, 0, 0, 9, 0},
    {"name_256", "sok", 0, FLAGS, 256, 9, 0},
    {"name_257", "sok", 0, FLAGS, 257, 9, 0},
    {"name_0", "sok", 0, FLAGS, 0, 9, 0},
    {"named_static", "snamed:\0\7x@local\0\0\0\5", 20, FLAGS, 0, 9, 0},
};

static const struct script dynamic[] = {
    {"named", "snamed:\0\7x@local\0\0\0\5", 20, FLAGS, 0, 9, 0},
    {"named_no_at", "snamed:\0\7x_local\0\0\0\5", 20, FLAGS, 0, 1, 0},
    {"named_short", "snamed:\0\7x@local", 16, FLAGS, 0, 1, 0},
    {"ok", "sok", OK, 1, 0},
    {"alive", "salive", OK, 1, 0},
};

static double now(void)
{
    struct timeval t;

    gettimeofday(&t, NULL);
    return t.tv_sec + t.tv_usec / 1e6;
}

static void node(ei_cnode *ec, int is_dynamic)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};

    /* A node without a name leaves its pid as it finds it. */
    memset(ec, 0, sizeof *ec);
    ei_connect_xinit(ec, "local", is_dynamic ? NULL : "tester", is_dynamic ? NULL : "tester@local", &loopback, "secret", 99);
}

static void outcome(const char *name, int r, double took)
{
    printf("%s: %d errno %d", name, r >= 0 ? 0 : r, erl_errno);
    if (strstr(name, "stall") && took > STALL / 1000.0 * 0.8)
        printf(took < 5 ? " waited" : " waited too long");
}

static void connect_to(const char *kind, const struct script *s, int is_dynamic)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    ei_cnode ec;
    char name[64];
    double start;
    pid_t child;
    int port, lfd = listener(&port), fd;

    start_log();
    if ((child = fork()) == 0) {
        log_fd = log_pipe[1];
        called(accept(lfd, NULL, NULL), s);
        _exit(0);
    }
    close(lfd);
    node(&ec, is_dynamic);
    snprintf(name, sizeof name, "%s/%s", kind, s->name);
    erl_errno = 0;
    start = now();
    fd = ei_xconnect_host_port_tmo(&ec, &loopback, port, s->stop_after < 0 ? STALL : 3000);
    outcome(name, fd, now() - start);
    printf(" %s %s %u %s %u", ei_thisnodename(&ec), ei_thisalivename(&ec), ec.creation, ec.self.node, ec.self.creation);
    if (fd >= 0) {
        printf(" version %d node %s", ei_distversion(fd), ei_fd_to_cnode(fd) ? ei_fd_to_cnode(fd)->thisnodename : "none");
        if (s->odd == 7) {
            unsigned char packet[64];
            int r = ei_receive(fd, packet, sizeof packet);

            printf(" first %d", r);
            r = ei_receive(fd, packet, sizeof packet);
            printf(" second %d ", r);
            hex(packet, r > 0 ? r : 0);
        }
        printf(" close %d", ei_close_connection(fd));
        printf(" again %d %d", ei_close_connection(fd), erl_errno);
    }
    end_peer(child, fd >= 0 || s->stop_after >= 0);
}

/* What a calling peer sends first, and later. */
struct caller {
    const char *name;
    int tag;
    uint64_t flags;
    int name_len;
    int stop_after;
    int odd; /* 1 wrong digest, 2 short first message, 3 long reply, 4 wrong tag for the reply, 5 name longer than the message, 6 no
                complement, 7 trickle */
};

static void calling(int port, const struct caller *c)
{
    struct sockaddr_in a;
    unsigned char buf[70000], out[2000], d[16];
    int fd = socket(AF_INET, SOCK_STREAM, 0), n = 0, len = c->name_len ? c->name_len : 9;
    unsigned challenge;

    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_port = htons((unsigned short)port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        _exit(4);
    if (c->stop_after == 0)
        return;
    if (c->stop_after == -1)
        pause();
    memset(out, 'q', sizeof out);
    out[n++] = (unsigned char)c->tag;
    if (c->tag == 'n') {
        out[n++] = 0, out[n++] = 5;
        n += put32(out + n, (unsigned)c->flags);
    } else {
        n += put64(out + n, c->flags);
        n += put32(out + n, 88);
        out[n++] = (unsigned char)(len >> 8), out[n++] = (unsigned char)len;
    }
    memcpy(out + n, "peer@host", 9);
    n += c->odd == 5 ? len - 1 : len;
    if (c->odd == 2)
        n = 9;
    say(fd, out, n);
    if (c->stop_after == 1)
        return;
    if (c->stop_after == -2)
        pause();
    n = hear(fd, buf);
    if (n < 0) {
        note("closed", "", 0);
        return;
    }
    note("status", buf, n);
    n = hear(fd, buf);
    note("challenge", buf, 1);
    buf[8] &= (unsigned char)~MONITOR_NAME;
    note("flags", buf + 1, 8);
    note("rest", buf + 13, n - 13);
    challenge = (unsigned)buf[9] << 24 | buf[10] << 16 | buf[11] << 8 | buf[12];
    if (c->stop_after == 2)
        return;
    if (c->stop_after == -3)
        pause();
    if (c->tag == 'n' && c->odd != 6) {
        out[0] = 'c';
        put32(out + 1, (unsigned)(c->flags >> 32));
        put32(out + 5, 88);
        say(fd, out, 9);
    }
    out[0] = c->odd == 4 ? 'x' : 'r';
    put32(out + 1, 515151);
    digest(challenge, c->odd == 1 ? "other" : "secret", out + 5);
    if (c->odd == 7) {
        int k;

        for (k = 0; k < 23; k++) {
            struct timespec t = {0, 2000000};
            unsigned char packet[64] = {0, 21};

            memcpy(packet + 2, out, 21);
            if (write(fd, packet + k, 1) < 0)
                return;
            nanosleep(&t, NULL);
        }
    } else {
        say(fd, out, c->odd == 3 ? 22 : 21);
    }
    n = hear(fd, buf);
    if (n < 0) {
        note("closed", "", 0);
        return;
    }
    digest(515151, "secret", d);
    note(n == 17 && buf[0] == 'a' && memcmp(buf + 1, d, 16) == 0 ? "ack right" : "ack wrong", "", 0);
    n = (int)read(fd, buf, 4);
    note("then", buf, n > 0 ? n : 0);
}

static const struct caller callers[] = {
    {"ok", 'N', FLAGS, 0, 9, 0},
    {"old", 'n', FLAGS, 0, 9, 0},
    {"old_no_complement", 'n', FLAGS, 0, 9, 6},
    {"wrong_tag", 'X', FLAGS, 0, 9, 0},
    {"flags_25", 'N', 0x1070f94, 0, 9, 0},
    {"flags_digest", 'N', 0x4000000, 0, 9, 0},
    {"flags_missing", 'N', 0x1070f90, 0, 9, 0},
    {"wrong_digest", 'N', FLAGS, 0, 9, 1},
    {"short", 'N', FLAGS, 0, 9, 2},
    {"long_reply", 'N', FLAGS, 0, 9, 3},
    {"wrong_reply", 'N', FLAGS, 0, 9, 4},
    {"name_overrun", 'N', FLAGS, 20, 9, 5},
    {"name_256", 'N', FLAGS, 256, 9, 0},
    {"name_257", 'N', FLAGS, 257, 9, 0},
    {"close_at_once", 'N', FLAGS, 0, 0, 0},
    {"close_after_name", 'N', FLAGS, 0, 1, 0},
    {"close_after_challenge", 'N', FLAGS, 0, 2, 0},
    {"stall_at_once", 'N', FLAGS, 0, -1, 0},
    {"stall_after_name", 'N', FLAGS, 0, -2, 0},
    {"stall_after_challenge", 'N', FLAGS, 0, -3, 0},
    {"trickle", 'N', FLAGS, 0, 9, 7},
};

/* how: 0 ei_listen, 1 a socket of the program's own, 2 the same, non-blocking */
static void accept_from(const struct caller *c, int how)
{
    static const char *kinds[] = {"accept", "accept_own", "accept_nonblocking"};
    ei_cnode ec;
    ErlConnect peer;
    char name[64];
    double start;
    pid_t child;
    int port = 0, lfd, fd;

    node(&ec, 0);
    memset(&peer, 0, sizeof peer);
    lfd = how ? listener(&port) : ei_listen(&ec, &port, 5);
    if (how == 2)
        fcntl(lfd, F_SETFL, fcntl(lfd, F_GETFL) | O_NONBLOCK);
    snprintf(name, sizeof name, "%s/%s", kinds[how], c->name);
    if (how == 2) {
        int r = ei_accept(&ec, lfd, NULL);

        printf("%s: nobody %d %d\n", name, r, erl_errno);
    }
    start_log();
    if ((child = fork()) == 0) {
        log_fd = log_pipe[1];
        close(lfd);
        calling(port, c);
        _exit(0);
    }
    erl_errno = 0;
    start = now();
    fd = ei_accept_tmo(&ec, lfd, &peer, c->stop_after < 0 ? STALL : 3000);
    outcome(name, fd, now() - start);
    if (fd >= 0) {
        printf(" from %s %d.%d.%d.%d", peer.nodename, peer.ipadr[0], peer.ipadr[1], peer.ipadr[2], peer.ipadr[3]);
        printf(" version %d %d", ei_distversion(fd), ei_distversion(lfd));
        printf(" blocking %d", !(fcntl(fd, F_GETFL) & O_NONBLOCK));
        printf(" close %d", ei_close_connection(fd));
    }
    printf(" close %d", ei_close_connection(lfd));
    end_peer(child, fd >= 0 || c->stop_after >= 0);
}

/* epmd, scripted: reads one request and answers these bytes. */
struct answer {
    const char *name;
    const char *bytes;
    int len;
};

static const struct answer answers[] = {
    {"y", "\x79\0\0\1", 4},          {"v", "\x76\0\0\0\0\1", 6},     {"y_failed", "\x79\1\0\1", 4},
    {"unknown", "\x50\0\0\1", 4},    {"short", "\x79\0", 2},         {"nothing", "", 0},
    {"port_none", "\x77\1", 2},      {"port_cut", "\x77\0\x10", 3},  {"port_proto", "\x77\0\x10\x10\x4d\1\0\6\0\5\0\1x\0\0", 15},
    {"port_old", "\x77\0\x10\x10\x4d\0\0\5\0\5\0\1x\0\0", 15},       {"port_new", "\x77\0\x10\x10\x4d\0\0\11\0\7\0\1x\0\0", 15},
    {"stopped", "STOPPED", 7},       {"noexist", "NOEXISTSTOPPED", 14}, {"stop_cut", "STOP", 4},
};

extern int ei_epmd_port_tmo(struct in_addr *addr, const char *alive, int *dist, unsigned ms);

static void epmd(int lfd, const struct answer *a)
{
    static const char *what[] = {"publish", "port", "unpublish", "connect"};
    int i;

    for (i = 0; i < 4; i++) {
        struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
        ei_cnode ec;
        pid_t child;
        int r, dist = -1;

        node(&ec, 0);
        start_log();
        if ((child = fork()) == 0) {
            unsigned char buf[2000];
            int fd = accept(lfd, NULL, NULL), n = hear(fd, buf);

            log_fd = log_pipe[1];
            note("request", buf, n);
            if (write(fd, a->bytes, a->len) < 0)
                _exit(4);
            _exit(0);
        }
        erl_errno = 0;
        r = i == 0 ? ei_publish_tmo(&ec, 4321, 2000)
            : i == 1 ? ei_epmd_port_tmo(&loopback, "other", &dist, 2000)
            : i == 2 ? ei_unpublish_tmo("other", 2000)
                     : ei_xconnect_tmo(&ec, &loopback, "other", 2000);
        printf("epmd/%s/%s: %d errno %d dist %d", what[i], a->name, i == 0 && r >= 0 ? 0 : r, erl_errno, dist);
        if (i == 0 && r >= 0)
            close(r);
        end_peer(child, 1);
    }
}

int main(void)
{
    ei_cnode ec;
    char port_text[16], long_name[600];
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    unsigned i;
    int port, lfd, r;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    lfd = listener(&port);
    snprintf(port_text, sizeof port_text, "%d", port);
    setenv("ERL_EPMD_PORT", port_text, 1);
    ei_init();

    for (i = 0; i < sizeof scripts / sizeof *scripts; i++)
        connect_to("connect", &scripts[i], 0);
    for (i = 0; i < sizeof dynamic / sizeof *dynamic; i++)
        connect_to("dynamic", &dynamic[i], 1);
    for (i = 0; i < sizeof callers / sizeof *callers; i++) {
        accept_from(&callers[i], 0);
        accept_from(&callers[i], 1);
    }
    accept_from(&callers[0], 2);
    for (i = 0; i < sizeof answers / sizeof *answers; i++)
        epmd(lfd, &answers[i]);
    close(lfd);

    /* Nobody there, and arguments that are none. */
    node(&ec, 0);
    r = ei_xconnect_host_port_tmo(&ec, &loopback, port, 500);
    printf("refused: %d %d\n", r, erl_errno);
    r = ei_xconnect_tmo(&ec, &loopback, "x", 500);
    printf("no_epmd: %d %d\n", r, erl_errno);
    r = ei_publish(&ec, 1);
    printf("publish_no_epmd: %d %d\n", r, erl_errno);
    erl_errno = 7;
    printf("no_at: %d %d\n", ei_connect(&ec, "nohost"), erl_errno);
    memset(long_name, 'a', sizeof long_name);
    long_name[300] = 0;
    long_name[100] = '@';
    printf("long_name: %d %d\n", ei_connect(&ec, long_name), erl_errno);
    r = ei_accept_tmo(&ec, -1, NULL, 100);
    printf("accept_bad_fd: %d %d\n", r, erl_errno);
    lfd = listener(&port);
    r = ei_accept_tmo(&ec, lfd, NULL, 100);
    printf("accept_timeout: %d %d\n", r, erl_errno);
    close(lfd);
    printf("xinit: %d", ei_connect_xinit(&ec, "h", "a", "a@h", NULL, "c", 0));
    printf(" %u %s %s %s %s %u\n", ec.creation, ec.thishostname, ec.thisalivename, ec.thisnodename, ec.ei_connect_cookie, ec.self.creation);
    long_name[100] = 'a';
    long_name[254] = 0;
    printf("alive_254: %d", ei_connect_xinit(&ec, "h", long_name, "a@h", NULL, "c", 5));
    printf(" %d", ei_connect_xinit(&ec, long_name, "a", "a@h", NULL, "c", 5));
    printf(" %d", ei_connect_init(&ec, long_name, "c", 5));
    long_name[254] = 'a';
    long_name[255] = 0;
    printf(" 255: %d", ei_connect_xinit(&ec, "h", long_name, "a@h", NULL, "c", 5));
    printf(" %d", ei_connect_xinit(&ec, long_name, "a", "a@h", NULL, "c", 5));
    long_name[255] = 'a';
    long_name[256] = 0;
    printf(" 256: %d", ei_connect_xinit(&ec, "h", "a", long_name, NULL, "c", 5));
    long_name[256] = 'a';
    long_name[257] = 0;
    printf(" 257: %d", ei_connect_xinit(&ec, "h", "a", long_name, NULL, "c", 5));
    memset(long_name, 'k', sizeof long_name);
    long_name[512] = 0;
    printf(" cookie 512: %d", ei_connect_xinit(&ec, "h", "a", "a@h", NULL, long_name, 5));
    long_name[512] = 'k';
    long_name[513] = 0;
    printf(" 513: %d\n", ei_connect_xinit(&ec, "h", "a", "a@h", NULL, long_name, 5));
    printf("init: %d", ei_connect_init(&ec, "alive", "c", 1));
    printf(" %u %s %s %s\n", ec.creation, ec.thishostname, ec.thisalivename, ec.thisnodename);
    node(&ec, 1);
    {
        erlang_pid pid;
        erlang_ref ref;
        char buf[2000];
        int index = 0;

        printf("nameless: %d", ei_self(&ec) == NULL);
        printf(" %d", ei_make_pid(&ec, &pid));
        printf(" %d %d", ei_encode_pid(buf, &index, &pid), erl_errno);
        printf(" %d", ei_make_ref(&ec, &ref));
        index = 0;
        printf(" %d\n", ei_encode_ref(buf, &index, &ref));
        node(&ec, 0);
        for (i = 0; i < 40000; i++) {
            r = ei_make_pid(&ec, &pid);
            if (i % 3999 == 0)
                printf("pid: %d %s %u %u %u\n", r, pid.node, pid.num, pid.serial, pid.creation);
        }
        ec.pidsn = 0xfffffffe;
        for (i = 0; i < 4; i++) {
            ei_make_pid(&ec, &pid);
            printf("pid: %u %u %u\n", pid.num, pid.serial, ec.pidsn);
        }
        for (i = 0; i < 300000; i++) {
            r = ei_make_ref(&ec, &ref);
            if (i % 49999 == 0)
                printf("ref: %d %s %d %u %u %u %u\n", r, ref.node, ref.len, ref.n[0], ref.n[1], ref.n[2], ref.creation);
        }
    }
    return 0;
}
