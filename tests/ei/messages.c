/* Packets of every kind, whole, cut, broken, large and slow, through every receive function; and what the send functions
 * write. */
#include "peer.h"

extern int ei_send_exit(int fd, const erlang_pid *from, const erlang_pid *to, const char *reason);
extern int ei_send_exit_tmo(int fd, const erlang_pid *from, const erlang_pid *to, const char *reason, unsigned ms);

#define PID "X" NODE "\0\0\0\1\0\0\0\2\0\0\0\3"
#define NODE "w\x09peer@host"
#define OWN "Xw\x0ctester@local\0\0\0\0\0\0\0\0\0\0\0\x63"
#define OLD_PID "gd\0\x09peer@host\0\0\0\1\0\0\0\2\3"
#define REF "Z\0\3" NODE "\0\0\0\3\0\0\0\1\0\0\0\2\0\0\0\3"
#define TOKEN "h\5a\1a\2a\3" PID "a\4"
#define START "p\x83h"

struct packet {
    const char *name;
    const char *bytes;
    int len;
};
#define P(name, bytes) {name, bytes, sizeof bytes - 1}

static const struct packet packets[] = {
    P("tick", ""),
    P("send", START "\3a\2w\0" OWN "\x83h\2w\2oka\x2a"),
    P("send_cookie", START "\3a\2d\0\6cookie" OWN "\x83j"),
    P("send_old_pid", START "\3a\2w\0" OLD_PID "\x83j"),
    P("send_empty", START "\3a\2w\0" OWN),
    P("reg_send", START "\4a\6" PID "w\0w\4name\x83k\0\5hello"),
    P("reg_send_utf8", START "\4a\6" PID "w\0w\4n\xc3\xa5m\x83j"),
    P("link", START "\3a\1" PID OWN),
    P("unlink", START "\3a\4" PID OWN),
    P("unlink_id", START "\4a\x23n\5\0\1\2\3\4\5" PID OWN),
    P("unlink_id_small", START "\4a\x23" "a\1" PID OWN),
    P("unlink_id_ack", START "\4a\x24" "a\1" PID OWN),
    P("exit", START "\4a\3" PID OWN "w\6killed"),
    P("exit2", START "\4a\x8" PID OWN "h\2w\1aa\1"),
    P("group_leader", START "\3a\7" PID OWN),
    P("node_link", START "\1a\5"),
    P("send_tt", START "\4a\xcw\0" OWN TOKEN "\x83w\2tt"),
    P("reg_send_tt", START "\5a\x10" PID "w\0w\4name" TOKEN "\x83w\2tt"),
    P("exit_tt", START "\5a\xd" PID OWN TOKEN "w\6reason"),
    P("exit2_tt", START "\5a\x12" PID OWN TOKEN "w\6reason"),
    P("monitor_p", START "\4a\x13" PID "w\4name" REF),
    P("demonitor_p", START "\4a\x14" PID "w\4name" REF),
    P("monitor_p_exit", START "\5a\x15" PID OWN REF "w\6noproc"),
    P("send_sender", START "\3a\x16" PID OWN "\x83j"),
    P("unknown_99", START "\2a\x63w\1x\x83j"),
    P("not_pass_through", "q\x83h\3a\2w\0" OWN "\x83j"),
    P("no_version", "p\x82h\3a\2w\0" OWN "\x83j"),
    P("no_tuple", "p\x83w\3abc"),
    P("no_op", START "\3w\3abc"),
    P("op_only", START "\1a\2"),
    P("large_tuple", "p\x83i\0\0\0\3a\2w\0" OWN "\x83j"),
    P("op_big", START "\3n\4\0\2\0\0\0w\0" OWN "\x83j"),
    P("send_no_pid", START "\3a\2w\0w\3abc\x83j"),
    P("send_cut_pid", START "\3a\2w\0Xw\x0ctester@lo"),
    P("reg_send_no_name", START "\4a\6" PID "w\0a\1\x83j"),
    P("link_cut", START "\3a\1" PID),
    P("unlink_id_no_id", START "\4a\x23"),
    P("one_byte", "p"),
    P("two_bytes", "p\x83"),
};

static void show_pid(const char *what, const erlang_pid *p)
{
    printf(" %s %s.%u.%u.%u", what, p->node, p->num, p->serial, p->creation);
}

static void show_msg(const erlang_msg *m)
{
    printf(" type %ld", m->msgtype);
    show_pid("from", &m->from);
    show_pid("to", &m->to);
    printf(" name %s cookie %s token %ld %ld %ld %ld", m->toname, m->cookie, m->token.serial, m->token.prev, m->token.label,
           m->token.flags);
}

/* The handshake of a peer that has nothing to say about it. */
static int let_in(int lfd)
{
    unsigned char buf[2000], out[200];
    int fd = accept(lfd, NULL, NULL), n;

    hear(fd, buf);
    say(fd, "sok", 3);
    n = challenge_message(out, 0xd07df7fbdull, "peer@host", 9);
    say(fd, out, n);
    hear(fd, buf);
    out[0] = 'a';
    digest((unsigned)buf[1] << 24 | buf[2] << 16 | buf[3] << 8 | buf[4], "secret", out + 1);
    say(fd, out, 17);
    return fd;
}

static ei_cnode ec;

static void node(void)
{
    ei_connect_xinit(&ec, "local", "tester", "tester@local", NULL, "secret", 99);
}

/* Starts a peer; returns our end. */
static int start(void (*peer)(int fd, const void *arg), const void *arg, pid_t *child)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    int port, lfd = listener(&port), fd;

    start_log();
    if ((*child = fork()) == 0) {
        log_fd = log_pipe[1];
        peer(let_in(lfd), arg);
        _exit(0);
    }
    close(lfd);
    node();
    fd = ei_xconnect_host_port_tmo(&ec, &loopback, port, 3000);
    if (fd < 0)
        printf("no connection %d %d\n", fd, erl_errno);
    return fd;
}

static void write_packet(int fd, const void *bytes, int len)
{
    unsigned char head[4];

    put32(head, (unsigned)len);
    if (write(fd, head, 4) < 0 || write(fd, bytes, len) < 0)
        note("write failed", "", 0);
}

/* Everything that the other side writes until it closes. */
static void listen_on(int fd)
{
    unsigned char head[4], body[70000];

    while (get(fd, head, 4) == 4) {
        int len = head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];

        if (len > (int)sizeof body || get(fd, body, len) < len) {
            note("cut", head, 4);
            return;
        }
        note("packet", body, len);
    }
}

static const char sentinel[] = START "\3a\2w\0" OWN "\x83w\3end";

static void sends_one(int fd, const void *arg)
{
    const struct packet *p = arg;

    write_packet(fd, p->bytes, p->len);
    write_packet(fd, sentinel, sizeof sentinel - 1);
    listen_on(fd);
}

/* One packet through one of the receive functions. */
struct reception {
    const struct packet *packet;
    int how;
};

static void receive(void *arg)
{
    const struct packet *p = ((struct reception *)arg)->packet;
    int how = ((struct reception *)arg)->how;

    {
        static const char *names[] = {"receive_msg", "xreceive_msg", "encoded", "raw", "small_msg", "xsmall_msg"};
        ei_x_buff x;
        erlang_msg msg;
        pid_t child;
        int fd = start(sends_one, p, &child), r, len = -1, round;

        ei_x_new(&x);
        if (how == 4) {
            x.buffsz = 5;
        } else if (how == 5) {
            x.buff = realloc(x.buff, 1);
            x.buffsz = 1;
        } else {
            x.buff = realloc(x.buff, 4096);
            x.buffsz = 4096;
        }
        for (round = 0; round < 2; round++) {
            memset(&msg, 0, sizeof msg);
            erl_errno = 0;
            len = -1;
            x.index = 0;
            if (how == 0 || how == 4)
                r = ei_receive_msg_tmo(fd, &msg, &x, 1000);
            else if (how == 1 || how == 5)
                r = ei_xreceive_msg_tmo(fd, &msg, &x, 1000);
            else if (how == 2)
                r = ei_receive_encoded_tmo(fd, &x.buff, &x.buffsz, &msg, &len, 1000);
            else
                r = ei_receive_tmo(fd, (unsigned char *)x.buff, x.buffsz, 1000);
            printf("%s/%s%s: %d errno %d", names[how], p->name, round ? "/next" : "", r, erl_errno);
            if (r != -1 && how != 3) {
                show_msg(&msg);
                if (how != 2)
                    len = x.index;
            }
            if (how == 3)
                len = r;
            printf(" len %d ", r == -1 ? -1 : len);
            if (r != -1 && len > 0)
                hex(x.buff, len);
            printf("\n");
            if (r == -1 && erl_errno == ETIMEDOUT)
                break;
        }
        ei_x_free(&x);
        ei_close_connection(fd);
        printf("%s/%s/answers:", names[how], p->name);
        end_peer(child, 1);
    }
}

static void one_packet(const struct packet *p)
{
    struct reception reception = {p, 0};

    for (; reception.how < 6; reception.how++) {
        guarded(receive, &reception);
        printf("%s/end:\n", p->name);
    }
}

/* Messages larger than any buffer, and such that come in pieces. */
static void sends_large(int fd, const void *arg)
{
    static unsigned char packet[3 << 20];
    int size = *(const int *)arg, n = sizeof START "\3a\2w\0" OWN "\x83" - 1, i;

    memcpy(packet, START "\3a\2w\0" OWN "\x83", n);
    packet[n++] = 'm';
    n += put32(packet + n, (unsigned)size);
    for (i = 0; i < size; i++)
        packet[n++] = (unsigned char)(i * 7);
    write_packet(fd, packet, n);
    write_packet(fd, sentinel, sizeof sentinel - 1);
    listen_on(fd);
}

static void large(int size)
{
    int how;

    for (how = 0; how < 3; how++) {
        ei_x_buff x;
        erlang_msg msg;
        pid_t child;
        int fd = start(sends_large, &size, &child), r, round, i;
        unsigned sum = 0;

        ei_x_new(&x);
        for (round = 0; round < 2; round++) {
            r = how == 0   ? ei_receive_msg(fd, &msg, &x)
                : how == 1 ? ei_xreceive_msg(fd, &msg, &x)
                           : ei_xreceive_msg_tmo(fd, &msg, &x, 2000);
            printf("large/%d/%d/%d: %d", how, size, round, r);
            if (r == ERL_MSG) {
                for (i = 0; i < x.index; i++)
                    sum = sum * 31 + (unsigned char)x.buff[i];
                printf(" %d %u %d", x.index, sum, x.buffsz >= x.index);
            } else
                printf(" errno %d", erl_errno);
            printf("\n");
        }
        ei_x_free(&x);
        ei_close_connection(fd);
        printf("large/answers:");
        end_peer(child, 1);
    }
}

static void trickles(int fd, const void *arg)
{
    unsigned char head[4];
    unsigned i;

    (void)arg;
    put32(head, sizeof sentinel - 1);
    for (i = 0; i < 4; i++) {
        usleep(2000);
        if (write(fd, head + i, 1) < 0)
            return;
    }
    for (i = 0; i < sizeof sentinel - 1; i++) {
        usleep(500);
        if (write(fd, sentinel + i, 1) < 0)
            return;
    }
    /* Half a packet, and then nothing. */
    put32(head, 100);
    if (write(fd, head, 4) < 0 || write(fd, sentinel, 10) < 0)
        return;
    listen_on(fd);
}

static void ends_early(int fd, const void *arg)
{
    unsigned char head[4];

    put32(head, 100);
    if (write(fd, head, *(const int *)arg) < 0)
        note("write failed", "", 0);
    if (*(const int *)arg == 4 && write(fd, sentinel, 10) < 0)
        note("write failed", "", 0);
}

static void slow(void)
{
    ei_x_buff x;
    erlang_msg msg;
    pid_t child;
    int fd = start(trickles, NULL, &child), r, cut;

    ei_x_new(&x);
    r = ei_xreceive_msg_tmo(fd, &msg, &x, 1000);
    printf("trickle: %d %d ", r, x.index);
    hex(x.buff, x.index);
    r = ei_xreceive_msg_tmo(fd, &msg, &x, 150);
    printf("\nhalf: %d errno %d\n", r, erl_errno);
    ei_close_connection(fd);
    end_peer(child, 1);
    for (cut = 0; cut <= 4; cut++) {
        fd = start(ends_early, &cut, &child);
        r = ei_xreceive_msg(fd, &msg, &x);
        printf("end/%d: %d errno %d", cut, r, erl_errno);
        r = ei_xreceive_msg_tmo(fd, &msg, &x, 100);
        printf(" again %d errno %d", r, erl_errno);
        ei_close_connection(fd);
        end_peer(child, 1);
    }
    ei_x_free(&x);
}

static void listens(int fd, const void *arg)
{
    (void)arg;
    listen_on(fd);
}

static void sends(void)
{
    static char big[60000], name[300];
    erlang_pid to = {"peer@host", 1, 2, 3}, bad = {"\xff", 1, 2, 3};
    char msg[] = "\x83w\2ok";
    pid_t child;
    int fd = start(listens, NULL, &child);

    memset(big, 'b', sizeof big);
    memset(name, 'n', sizeof name - 1);
    erl_errno = 7;
    printf("send: %d", ei_send(fd, &to, msg, 5));
    printf(" %d", erl_errno);
    printf(" %d", ei_send_tmo(fd, &to, msg, 5, 500));
    printf(" %d", ei_send_encoded(fd, &to, msg, 5));
    printf(" %d", ei_send_encoded_tmo(fd, &to, msg, 0, 500));
    printf(" %d", ei_send_encoded(fd, &to, big, sizeof big));
    printf(" bad %d", ei_send(fd, &bad, msg, 5));
    printf(" %d", erl_errno);
    printf("\nreg_send: %d", ei_reg_send(&ec, fd, "server", msg, 5));
    printf(" %d", ei_reg_send_tmo(&ec, fd, "s\xe5", msg, 5, 500));
    printf(" %d", ei_reg_send(&ec, fd, "", msg, 5));
    printf(" %d", ei_reg_send(&ec, fd, name, msg, 5));
    printf(" %d", ei_send_reg_encoded(fd, &to, "server", msg, 5));
    printf(" %d", ei_send_reg_encoded_tmo(fd, &to, "server", msg, 5, 500));
    printf(" bad %d %d", ei_send_reg_encoded(fd, &bad, "server", msg, 5), erl_errno);
    printf("\nexit: %d", ei_send_exit(fd, &ec.self, &to, "reason"));
    printf(" %d", ei_send_exit_tmo(fd, &ec.self, &to, "", 500));
    printf(" %d", ei_send_exit(fd, &ec.self, &to, name));
    printf("\nrpc_to: %d", ei_rpc_to(&ec, fd, "mod", "fun", "j", 1));
    printf(" %d", ei_xrpc_to(&ec, fd, "mod", "fun", "l\0\0\0\1a\1j", 8, EI_RPC_FETCH_STDOUT));
    printf("\nbad fd: %d", ei_send(-1, &to, msg, 5));
    printf(" %d", erl_errno);
    printf(" %d", ei_send(9999, &to, msg, 5));
    printf(" %d", erl_errno);
    printf(" %d", ei_reg_send(&ec, 9999, "x", msg, 5));
    printf(" %d\n", erl_errno);
    ei_close_connection(fd);
    printf("sent:");
    end_peer(child, 1);
}

static void closes(int fd, const void *arg)
{
    (void)arg;
    close(fd);
}

static void fills(int fd, const void *arg)
{
    (void)fd;
    (void)arg;
    pause();
}

/* To a peer that is gone, and to one that does not read. */
static void sends_in_vain(void)
{
    static char big[8 << 20];
    erlang_pid to = {"peer@host", 1, 2, 3};
    pid_t child;
    int fd = start(closes, NULL, &child), i, r = 0;

    for (i = 0; i < 100 && r == 0; i++) {
        r = ei_send(fd, &to, big, 1000);
        usleep(1000);
    }
    printf("gone: %d %d", r, erl_errno);
    r = ei_send_tmo(fd, &to, big, 1000, 200);
    printf(" %d %d", r, erl_errno);
    ei_close_connection(fd);
    end_peer(child, 1);
    fd = start(fills, NULL, &child);
    r = ei_send_tmo(fd, &to, big, sizeof big, 150);
    printf("full: %d %d blocking %d", r, erl_errno, !(fcntl(fd, F_GETFL) & O_NONBLOCK));
    ei_close_connection(fd);
    end_peer(child, 0);
}

/* A token that came with a message goes out with the next one. */
static void sends_token(int fd, const void *arg)
{
    (void)arg;
    write_packet(fd, START "\4a\xcw\0" OWN TOKEN "\x83w\2tt", sizeof START "\4a\xcw\0" OWN TOKEN "\x83w\2tt" - 1);
    listen_on(fd);
}

static void tokens(void)
{
    erlang_pid to = {"peer@host", 1, 2, 3};
    char msg[] = "\x83w\2ok";
    ei_x_buff x;
    erlang_msg m;
    pid_t child;
    int fd = start(sends_token, NULL, &child);

    ei_x_new(&x);
    printf("token: %d", ei_xreceive_msg(fd, &m, &x));
    printf(" %d", ei_send(fd, &to, msg, 5));
    printf(" %d", ei_reg_send(&ec, fd, "server", msg, 5));
    printf(" %d", ei_send_exit(fd, &ec.self, &to, "reason"));
    ei_x_free(&x);
    ei_close_connection(fd);
    end_peer(child, 1);
}

/* Remote calls. */
#define REX(result) START "\3a\2w\0" OWN "\x83h\2w\3rex" result

static const struct packet replies[] = {
    P("result", REX("h\2w\2oka\1")),
    P("result_old_atom", START "\3a\2w\0" OWN "\x83h\2d\0\3rexj"),
    P("result_large_tuple", START "\3a\2w\0" OWN "\x83i\0\0\0\2w\3rexj"),
    P("badrpc", REX("h\2w\6badrpcw\8nodedown")),
    P("yes", REX("w\3yes")),
    P("no", REX("w\2no")),
    P("ok", REX("w\2ok")),
    P("pid", REX(PID)),
    P("undefined", REX("w\x09undefined")),
    P("names", REX("l\0\0\0\3w\3onew\3twow\5threej")),
    P("no_names", REX("j")),
    P("names_odd", REX("l\0\0\0\3w\3onea\1w\5threej")),
};

struct reply {
    int tick;
    int link; /* 1 LINK, 4 UNLINK before the answer */
    const struct packet *packet;
};

static void replies_to_call(int fd, const void *arg)
{
    const struct reply *reply = arg;
    unsigned char head[4], body[4000];
    int len;

    if (get(fd, head, 4) < 4)
        return;
    len = head[2] << 8 | head[3];
    get(fd, body, len);
    note("call", body, len);
    if (reply->tick)
        write_packet(fd, "", 0);
    if (reply->link == 1)
        write_packet(fd, START "\3a\1" PID OWN, sizeof START "\3a\1" PID OWN - 1);
    if (reply->link == 4)
        write_packet(fd, START "\4a\x23" "a\1" PID OWN, sizeof START "\4a\x23" "a\1" PID OWN - 1);
    write_packet(fd, reply->packet->bytes, reply->packet->len);
    write_packet(fd, sentinel, sizeof sentinel - 1);
    listen_on(fd);
}

static void calls(void)
{
    unsigned i;
    int what;

    for (i = 0; i < sizeof replies / sizeof *replies; i++)
        for (what = 0; what < 7; what++) {
            static const char *names[] = {"rpc", "rpc_tick", "rpc_from", "names", "whereis", "register", "unregister"};
            struct reply reply = {what == 1, what == 5 ? 1 : what == 6 ? 4 : 0, &replies[i]};
            ei_x_buff x;
            erlang_msg msg;
            erlang_pid pid;
            char nodename[MAXATOMLEN_UTF8] = "";
            char **list;
            pid_t child;
            int fd = start(replies_to_call, &reply, &child), r = 0, count = -1, k;

            ei_x_new(&x);
            memset(&pid, 0, sizeof pid);
            memset(&msg, 0, sizeof msg);
            erl_errno = 0;
            printf("%s/%s:", names[what], replies[i].name);
            switch (what) {
            case 0:
            case 1: r = ei_rpc(&ec, fd, "mod", "fun", "j", 1, &x); break;
            case 2:
                r = ei_rpc_to(&ec, fd, "mod", "fun", "j", 1);
                printf(" %d", r);
                r = ei_rpc_from(&ec, fd, 1000, &msg, &x);
                break;
            case 3:
                list = ei_global_names(&ec, fd, &count);
                for (k = 0; list != NULL && list[k] != NULL; k++)
                    printf(" %s", list[k]);
                printf(" null %d", list == NULL);
                free(list);
                break;
            case 4: r = ei_global_whereis(&ec, fd, "name", &pid, nodename); break;
            case 5: r = ei_global_register(fd, "name", ei_self(&ec)); break;
            case 6: r = ei_global_unregister(&ec, fd, "name"); break;
            }
            printf(" %d errno %d", r, erl_errno);
            if (what < 3 && r >= 0) {
                printf(" ");
                hex(x.buff, x.index);
            }
            if (what == 4 && r == 0) {
                show_pid("pid", &pid);
                printf(" %s", nodename);
            }
            /* What follows is still there. */
            r = ei_xreceive_msg_tmo(fd, &msg, &x, 500);
            printf(" next %d ", r);
            if (r == ERL_MSG)
                hex(x.buff, x.index);
            ei_x_free(&x);
            ei_close_connection(fd);
            end_peer(child, 1);
        }
}

int main(void)
{
    static const int sizes[] = {1990, 2000, 2010, 2048, 2100, 5000, 100000, 2000000};
    ei_x_buff x;
    erlang_msg msg;
    pid_t child;
    unsigned i;
    int fd, r;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    ei_init();
    for (i = 0; i < sizeof packets / sizeof *packets; i++)
        one_packet(&packets[i]);
    for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
        large(sizes[i]);
    slow();
    sends();
    sends_in_vain();
    tokens();
    calls();

    fd = start(listens, NULL, &child);
    ei_x_new(&x);
    r = ei_xreceive_msg_tmo(fd, &msg, &x, 100);
    printf("silent: %d errno %d", r, erl_errno);
    r = ei_rpc_from(&ec, fd, 100, &msg, &x);
    printf(" rpc_from %d errno %d", r, erl_errno);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    r = ei_xreceive_msg(fd, &msg, &x);
    printf(" nonblocking %d errno %d", r, erl_errno);
    r = ei_xreceive_msg_tmo(fd, &msg, &x, 50);
    printf(" %d errno %d", r, erl_errno);
    r = ei_xreceive_msg(-1, &msg, &x);
    printf(" bad fd %d errno %d", r, erl_errno);
    ei_close_connection(fd);
    end_peer(child, 1);
    ei_x_free(&x);
    return 0;
}
