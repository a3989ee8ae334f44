/* A C node that lets a BEAM link to it, monitor it, call it, and looks at what arrives. Prints "all done" at the end. */
#include <ei.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static ei_cnode ec;
static int fd;
static ei_x_buff x;
static erlang_msg msg;

static void check(const char *what, int ok)
{
    printf("%s: %s\n", what, ok ? "ok" : "FAILED");
    if (!ok)
        printf("   errno %d type %ld\n", erl_errno, msg.msgtype);
}

/* The next thing that is no tick. */
static int next(void)
{
    int got;

    do
        got = ei_xreceive_msg_tmo(fd, &msg, &x, 5000);
    while (got == ERL_TICK);
    return got;
}

static int is(const char *text)
{
    char *s = NULL;
    int index = 0, version, same;

    if (x.index == 0 || ei_decode_version(x.buff, &index, &version) < 0)
        index = 0;
    ei_s_print_term(&s, x.buff, &index);
    same = strcmp(s, text) == 0;
    if (!same)
        printf("   got %s, wanted %s\n", s, text);
    free(s);
    return same;
}

static void tell(const char *fmt_tail, erlang_pid *pid)
{
    ei_x_buff out;

    ei_x_new(&out);
    ei_x_format(&out, fmt_tail, ei_self(&ec), pid);
    ei_reg_send(&ec, fd, "helper", out.buff, out.index);
    ei_x_free(&out);
}

static void *flood(void *pid)
{
    int i;

    for (i = 0; i < 500; i++) {
        ei_x_buff out;

        ei_x_new(&out);
        ei_x_format(&out, "{echo, ~p, ~i}", pid, i);
        ei_reg_send(&ec, fd, "helper", out.buff, out.index);
        ei_x_free(&out);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    erlang_pid mine, old, found;
    erlang_ref ref;
    ei_x_buff args, result;
    pthread_t threads[4];
    char node[MAXATOMLEN_UTF8], **names;
    struct pollfd ready = {-1, POLLIN, 0};
    int i, r, count, index, arity, version;
    long sum = 0;

    (void)argc;
    ei_init();
    if (ei_connect_init(&ec, "ei_live_c", argv[2], 7) < 0 || (fd = ei_connect_tmo(&ec, argv[1], 5000)) < 0) {
        printf("FAILED to connect %d\n", erl_errno);
        return 1;
    }
    ei_x_new(&x);
    ei_x_new(&args);
    ei_x_new(&result);
    ei_make_pid(&ec, &mine);
    ei_make_ref(&ec, &ref);

    tell("{link, ~p, ~p}", &mine);
    check("link arrives", next() == ERL_MSG && msg.msgtype == ERL_LINK && ei_cmp_pids(&msg.to, &mine) == 0);
    found = msg.from;
    check("linked", next() == ERL_MSG && is("linked"));
    tell("{unlink, ~p, ~p}", &mine);
    check("unlink arrives", next() == ERL_MSG && msg.msgtype == ERL_UNLINK && ei_cmp_pids(&msg.to, &mine) == 0);
    check("unlinked", next() == ERL_MSG && is("unlinked"));

    tell("{link, ~p, ~p}", &mine);
    check("link again", next() == ERL_MSG && msg.msgtype == ERL_LINK);
    next();
    {
        extern int ei_send_exit(int, const erlang_pid *, const erlang_pid *, const char *);

        check("exit is sent", ei_send_exit(fd, &mine, &found, "bye") == 0);
    }
    tell("{wait_exit, ~p, ~p}", &mine);
    check("exit was seen", next() == ERL_MSG && is("{'EXIT', \"bye\"}"));

    old = mine;
    old.creation = 1234567;
    tell("{link, ~p, ~p}", &old);
    check("link to an old incarnation", next() == ERL_MSG && msg.msgtype == ERL_LINK);
    next();
    tell("{wait_exit, ~p, ~p}", &old);
    check("is refused", next() == ERL_MSG && is("{'EXIT', noproc}"));

    tell("{exit, ~p, ~p, reason}", &mine);
    check("exit2 arrives", next() == ERL_MSG && msg.msgtype == ERL_EXIT2 && is("reason"));
    check("exited", next() == ERL_MSG && is("exited"));

    tell("{monitor, ~p, ~p}", &mine);
    check("a monitor on our pid holds", next() == ERL_MSG && x.index > 0);
    index = 0;
    check("monitored", ei_decode_version(x.buff, &index, &version) == 0 && ei_decode_tuple_header(x.buff, &index, &arity) == 0
                           && arity == 2 && ei_decode_atom(x.buff, &index, node) == 0 && strcmp(node, "up") == 0);
    tell("{monitor, ~p, ~p}", &old);
    check("one on an old incarnation does not", next() == ERL_MSG && is("{down, noproc}"));
    ei_x_free(&args);
    ei_x_new(&args);
    ei_x_format(&args, "{monitor, ~p, {any, ~a}}", ei_self(&ec), ei_thisnodename(&ec));
    ei_reg_send(&ec, fd, "helper", args.buff, args.index);
    r = next();
    index = 0;
    check("a monitor on a name holds", r == ERL_MSG && ei_decode_version(x.buff, &index, &version) == 0
                                           && ei_decode_tuple_header(x.buff, &index, &arity) == 0
                                           && ei_decode_atom(x.buff, &index, node) == 0 && strcmp(node, "up") == 0);

    /* A gen_server call from the BEAM: {'$gen_call', {Pid, Tag}, question}, the tag an improper list. */
    args.index = 0;
    ei_x_format(&args, "{call, ~p, service, ~a}", ei_self(&ec), ei_thisnodename(&ec));
    ei_reg_send(&ec, fd, "helper", args.buff, args.index);
    r = next();
    check("a call arrives", r == ERL_MSG && msg.msgtype == ERL_REG_SEND && strcmp(msg.toname, "service") == 0);
    index = 0;
    if (ei_decode_version(x.buff, &index, &version) == 0 && ei_decode_tuple_header(x.buff, &index, &arity) == 0
        && ei_decode_atom(x.buff, &index, node) == 0 && strcmp(node, "$gen_call") == 0
        && ei_decode_tuple_header(x.buff, &index, &arity) == 0 && ei_decode_pid(x.buff, &index, &found) == 0) {
        int tag = index;

        check("its tag is skipped", ei_skip_term(x.buff, &index) == 0);
        result.index = 0;
        ei_x_encode_version(&result);
        ei_x_encode_tuple_header(&result, 2);
        ei_x_append_buf(&result, x.buff + tag, index - tag);
        ei_x_encode_atom(&result, "answer");
        ei_send(fd, &found, result.buff, result.index);
        check("it is answered", next() == ERL_MSG && is("{call, answer}"));
    } else {
        check("a call is understood", 0);
    }

    args.index = 0;
    ei_x_format(&args, "{large, ~p, ~i}", ei_self(&ec), 3000000);
    ei_reg_send(&ec, fd, "helper", args.buff, args.index);
    check("three megabytes arrive", next() == ERL_MSG && x.index > 3000000 && x.index < 3000100);

    /* Strangers during a call are kept, in their order, and show when the descriptor is polled. */
    ready.fd = fd;
    args.index = 0;
    ei_x_format(&args, "{noise, ~p, ~i}", ei_self(&ec), 5);
    ei_reg_send(&ec, fd, "helper", args.buff, args.index);
    args.index = 0;
    ei_x_format_wo_ver(&args, "[~i]", 300);
    check("a slow call", ei_rpc(&ec, fd, "timer", "sleep", args.buff, args.index, &result) == 0);
    for (i = 1; i <= 5; i++) {
        char text[32];

        snprintf(text, sizeof text, "{noise, %d}", i);
        check("the descriptor is ready", poll(&ready, 1, 5000) == 1);
        check("a stranger was kept", next() == ERL_MSG && is(text));
    }
    check("what made it ready is no message", poll(&ready, 1, 5000) == 1 && ei_xreceive_msg_tmo(fd, &msg, &x, 5000) == ERL_TICK);
    check("and there is nothing more", poll(&ready, 1, 0) == 0);

    args.index = 0;
    ei_x_encode_empty_list(&args);
    r = ei_rpc(&ec, fd, "erlang", "node", args.buff, args.index, &result);
    index = 0;
    check("node()", r == 0 && ei_decode_atom(result.buff, &index, node) == 0 && strcmp(node, argv[1]) == 0);
    args.index = 0;
    ei_x_format_wo_ver(&args, "[~s]", "hello");
    r = ei_xrpc_to(&ec, fd, "io", "put_chars", args.buff, args.index, EI_RPC_FETCH_STDOUT);
    check("output comes back", r == 0 && ei_rpc_from(&ec, fd, 5000, &msg, &x) == ERL_MSG && is("{rex_stdout, #Bin<104,101,108,108,111>}"));
    check("and the result", ei_rpc_from(&ec, fd, 5000, &msg, &x) == ERL_MSG && is("{rex, ok}"));
    check("and nothing more", ei_rpc_from(&ec, fd, 100, &msg, &x) == ERL_TIMEOUT);

    check("global register", ei_global_register(fd, "ei_live_name", &mine) == 0);
    check("global whereis", ei_global_whereis(&ec, fd, "ei_live_name", &found, node) == 0 && ei_cmp_pids(&found, &mine) == 0
                                && strcmp(node, ei_thisnodename(&ec)) == 0);
    names = ei_global_names(&ec, fd, &count);
    check("global names", names != NULL && count == 1 && strcmp(names[0], "ei_live_name") == 0 && names[1] == NULL);
    free(names);
    check("global unregister", ei_global_unregister(&ec, fd, "ei_live_name") == 0);
    check("is gone", ei_global_whereis(&ec, fd, "ei_live_name", &found, NULL) < 0);

    for (i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, flood, ei_self(&ec));
    for (i = 0; i < 2000; i++) {
        long n;

        if (next() != ERL_MSG)
            break;
        index = 0;
        ei_decode_version(x.buff, &index, &version);
        ei_decode_tuple_header(x.buff, &index, &arity);
        ei_decode_atom(x.buff, &index, node);
        if (ei_decode_long(x.buff, &index, &n) < 0)
            break;
        sum += n;
    }
    for (i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    check("four threads send, all comes back", sum == 4L * 500 * 499 / 2);

    check("close", ei_close_connection(fd) == 0);
    ei_x_free(&x);
    ei_x_free(&args);
    ei_x_free(&result);
    printf("all done\n");
    return 0;
}
