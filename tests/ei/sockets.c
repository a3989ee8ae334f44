/* Sockets of the program's own: every combination of what callbacks may bring, in both roles, node to node inside one program. Each
 * callback counts its calls, so that the same functions must be called in the same way. */
#include "peer.h"
#include <poll.h>
#include <sys/uio.h>

extern ei_socket_callbacks ei_default_socket_callbacks;
extern int ei_plugin_socket_impl__;
extern int ei_get_cbs_ctx__(ei_socket_callbacks **cbs, void **ctx, int fd);
extern int ei_socket_callbacks_have_writev__(ei_socket_callbacks *cbs);

struct ctx {
    int fd;
    int header;
    const char *role;
};

static char called[4000];
static int fail_complete, fail_fd;

static void call(const char *name)
{
    if (strlen(called) + strlen(name) + 2 < sizeof called && strstr(called, name) == NULL) {
        strcat(called, " ");
        strcat(called, name);
    }
}

static int header_size = 2;

static int my_socket(void **ctx, void *setup)
{
    struct ctx *c = malloc(sizeof *c);

    call("socket");
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    c->header = header_size;
    c->role = setup;
    *ctx = c;
    return c->fd < 0 ? errno : 0;
}

static int my_close(void *ctx)
{
    struct ctx *c = ctx;
    int r = close(c->fd);

    call("close");
    free(c);
    return r < 0 ? errno : 0;
}

static int my_listen(void *ctx, void *addr, int *len, int backlog)
{
    struct ctx *c = ctx;
    socklen_t size = (socklen_t)*len;

    call("listen");
    if (bind(c->fd, addr, size) < 0 || getsockname(c->fd, addr, &size) < 0 || listen(c->fd, backlog) < 0)
        return errno;
    *len = (int)size;
    return 0;
}

static int my_accept(void **ctx, void *addr, int *len, unsigned tmo)
{
    struct ctx *c = *ctx, *n = malloc(sizeof *n);
    socklen_t size = (socklen_t)*len;

    call(tmo == EI_SCLBK_INF_TMO ? "accept_inf" : "accept_tmo");
    *n = *c;
    n->fd = accept(c->fd, addr, &size);
    if (n->fd < 0) {
        free(n);
        return errno;
    }
    *len = (int)size;
    *ctx = n;
    return 0;
}

static int my_connect(void *ctx, void *addr, int len, unsigned tmo)
{
    call(tmo == EI_SCLBK_INF_TMO ? "connect_inf" : tmo ? "connect_tmo" : "connect_0");
    return connect(((struct ctx *)ctx)->fd, addr, (socklen_t)len) < 0 ? errno : 0;
}

static int my_writev(void *ctx, const void *iov, int count, ssize_t *len, unsigned tmo)
{
    ssize_t r = writev(((struct ctx *)ctx)->fd, iov, count);

    (void)tmo;
    call("writev");
    if (r < 0)
        return errno;
    *len = r;
    return 0;
}

static int my_write(void *ctx, const char *buf, ssize_t *len, unsigned tmo)
{
    /* A little at a time, so that the library has to go on. */
    ssize_t r = write(((struct ctx *)ctx)->fd, buf, *len > 7 ? 7 : *len);

    call(tmo == EI_SCLBK_INF_TMO ? "write_inf" : "write_tmo");
    if (r < 0)
        return errno;
    *len = r;
    return 0;
}

static int my_read(void *ctx, char *buf, ssize_t *len, unsigned tmo)
{
    struct pollfd p = {((struct ctx *)ctx)->fd, POLLIN, 0};
    ssize_t r;

    if (tmo != EI_SCLBK_INF_TMO && poll(&p, 1, (int)tmo) == 0)
        return ETIMEDOUT;
    r = read(p.fd, buf, *len > 5 ? 5 : *len);
    call(tmo == EI_SCLBK_INF_TMO ? "read_inf" : "read_tmo");
    if (r < 0)
        return errno;
    *len = r;
    return 0;
}

static int my_header(void *ctx, int *size)
{
    call("header");
    *size = ((struct ctx *)ctx)->header;
    return 0;
}

static int my_connected(void *ctx)
{
    (void)ctx;
    call("connected");
    return fail_complete;
}

static int my_accepted(void *ctx)
{
    (void)ctx;
    call("accepted");
    return fail_complete;
}

static int my_fd(void *ctx, int *fd)
{
    call("get_fd");
    *fd = ((struct ctx *)ctx)->fd;
    return fail_fd;
}

/* Two processes of this program talk to each other. */
static void talk(const char *name, ei_socket_callbacks *cbs, unsigned ms)
{
    struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
    ei_cnode server, client;
    int port = 0, lfd, r;
    pid_t child;

    called[0] = 0;
    erl_errno = 0;
    r = ei_connect_xinit_ussi(&server, "local", "server", "server@local", &loopback, "secret", 9, cbs, sizeof *cbs, "server");
    printf("%s/init: %d %d plugin %d writev %d\n", name, r, erl_errno, ei_plugin_socket_impl__, ei_socket_callbacks_have_writev__(cbs));
    lfd = ei_xlisten(&server, &loopback, &port, 5);
    printf("%s/listen: %d %d port %d\n", name, lfd < 0 ? lfd : 0, erl_errno, port > 0);
    start_log();
    if ((child = fork()) == 0) {
        ei_x_buff x;
        erlang_msg msg;
        int fd, i;

        log_fd = log_pipe[1];
        called[0] = 0;
        ei_connect_xinit_ussi(&client, "local", "client", "client@local", &loopback, "secret", 9, cbs, sizeof *cbs, "client");
        fd = ei_xconnect_host_port_tmo(&client, &loopback, port, ms);
        {
            char text[5000];

            snprintf(text, sizeof text, "client %d %d", fd < 0 ? fd : 0, erl_errno);
            note(text, "", 0);
            if (fd >= 0) {
                ei_x_new(&x);
                for (i = 0; i < 3; i++) {
                    ei_x_buff out;

                    ei_x_new(&out);
                    ei_x_format(&out, "{~p, ~i, ~s}", ei_self(&client), i, "some text to be cut into pieces");
                    r = ei_reg_send_tmo(&client, fd, "name", out.buff, out.index, ms);
                    ei_x_free(&out);
                    r = r ? r : ei_xreceive_msg_tmo(fd, &msg, &x, ms);
                    snprintf(text, sizeof text, "round %d %ld", r, msg.msgtype);
                    note(text, x.buff, x.index);
                }
                r = ei_xreceive_msg_tmo(fd, &msg, &x, 100);
                snprintf(text, sizeof text, "silence %d %d", r, erl_errno);
                note(text, "", 0);
                ei_x_free(&x);
                snprintf(text, sizeof text, "close %d", ei_close_connection(fd));
                note(text, "", 0);
            }
            note(called, "", 0);
        }
        _exit(0);
    }
    {
        ErlConnect peer;
        int fd;

        memset(&peer, 0, sizeof peer);
        fd = ei_accept_tmo(&server, lfd, &peer, ms);
        printf("%s/accept: %d %d %s", name, fd < 0 ? fd : 0, erl_errno, peer.nodename);
        if (fd >= 0) {
            ei_x_buff x;
            erlang_msg msg;
            ei_socket_callbacks *found;
            void *ctx;

            r = ei_get_cbs_ctx__(&found, &ctx, fd);
            printf(" known %d %d", r, found == cbs);
            ei_x_new(&x);
            while ((r = ei_xreceive_msg(fd, &msg, &x)) == ERL_MSG) {
                printf(" got %ld %s", msg.msgtype, msg.toname);
                r = ei_send(fd, &msg.from, x.buff, x.index);
            }
            printf(" end %d %d", r, erl_errno);
            ei_x_free(&x);
            r = ei_close_connection(fd);
            printf(" close %d", r);
            r = ei_close_connection(fd);
            printf(" again %d %d", r, erl_errno);
            r = ei_send(fd, &server.self, "x", 1);
            printf(" send %d %d", r, erl_errno);
        }
        r = ei_close_connection(lfd);
        printf(" listener %d\n%s/called:%s\n%s/peer:", r, name, called, name);
        end_peer(child, 1);
    }
}

int main(void)
{
    static ei_socket_callbacks mine = {0,       my_socket, my_close, my_listen,    my_accept,   my_connect, my_writev,
                                       my_write, my_read,   my_header, my_connected, my_accepted, my_fd};
    ei_socket_callbacks variant;
    ei_cnode ec;
    int r;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    ei_init();
    talk("default", &ei_default_socket_callbacks, 0);
    talk("default_tmo", &ei_default_socket_callbacks, 2000);
    variant = ei_default_socket_callbacks;
    talk("copied", &variant, 0);
    talk("copied_tmo", &variant, 2000);
    talk("mine", &mine, 0);
    talk("mine_tmo", &mine, 2000);
    variant = mine;
    variant.writev = NULL;
    talk("no_writev", &variant, 0);
    talk("no_writev_tmo", &variant, 2000);
    variant = mine;
    variant.flags = EI_SCLBK_FLG_FULL_IMPL;
    talk("full", &variant, 0);
    header_size = 4;
    talk("header_4", &mine, 2000);
    header_size = 3;
    talk("header_3", &mine, 300);
    header_size = 2;
    variant = mine;
    variant.connect_handshake_complete = NULL;
    variant.accept_handshake_complete = NULL;
    talk("not_told", &variant, 2000);
    fail_complete = EACCES;
    talk("complete_fails", &mine, 300);
    fail_complete = 0;

    r = ei_connect_xinit_ussi(&ec, "local", "a", "a@local", NULL, "c", 1, &mine, sizeof mine - 1, NULL);
    printf("small: %d\n", r);
    r = ei_connect_init_ussi(&ec, "alive", "c", 1, &mine, sizeof mine, "context");
    printf("init_ussi: %d %d %s\n", r, ec.cbs == &mine, (char *)ec.setup_context);
    /* From here on only known descriptors are served. */
    r = ei_send(1, &ec.self, "x", 1);
    printf("unknown: %d %d", r, erl_errno);
    r = ei_close_connection(1234);
    printf(" %d %d\n", r, erl_errno);
    /* A listening socket of the program's own belongs to the default callbacks. */
    {
        int port, lfd = listener(&port);

        r = ei_accept_tmo(&ec, lfd, NULL, 100);
        printf("mismatch: %d %d\n", r, erl_errno);
    }
    return 0;
}
