/*
 * A C node that calls: it connects to an Erlang node, runs a function there through rex, and prints the result. Then it
 * sends its pid to a registered process and prints what comes back within a second.
 *
 *     ei_client NODE COOKIE [NAME]        e.g.  ei_client demo@myhost secret echo
 *
 * Only OTP's own interface is used: this program compiles and runs with either library.
 */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what)
{
    fprintf(stderr, "%s failed, erl_errno %d (%s)\n", what, erl_errno, strerror(erl_errno));
    exit(1);
}

static void print(const char *label, const ei_x_buff *x, int index)
{
    char *text = NULL;

    if (ei_s_print_term(&text, x->buff, &index) >= 0)
        printf("%s: %s\n", label, text);
    free(text);
}

int main(int argc, char **argv)
{
    ei_cnode node;
    ei_x_buff args, result, message;
    erlang_msg msg;
    char alive[32];
    int fd, got, index = 0, version;

    if (argc < 3) {
        fprintf(stderr, "usage: %s NODE COOKIE [NAME]\n", argv[0]);
        return 2;
    }
    ei_init();
    snprintf(alive, sizeof alive, "ei_client_%d", (int)getpid());
    if (ei_connect_init(&node, alive, argv[2], 0) < 0)
        die("ei_connect_init");
    if ((fd = ei_connect_tmo(&node, argv[1], 5000)) < 0)
        die("ei_connect");

    /* lists:seq(1, 5); the arguments are a list without a version byte. */
    ei_x_new(&args);
    ei_x_new(&result);
    ei_x_format_wo_ver(&args, "[~i, ~i]", 1, 5);
    if (ei_rpc(&node, fd, "lists", "seq", args.buff, args.index, &result) < 0)
        die("ei_rpc");
    print("lists:seq(1, 5)", &result, 0);

    if (argc > 3) {
        ei_x_new(&message);
        ei_x_format(&message, "{hello, ~p}", ei_self(&node));
        if (ei_reg_send(&node, fd, argv[3], message.buff, message.index) < 0)
            die("ei_reg_send");
        do
            got = ei_xreceive_msg_tmo(fd, &msg, &message, 1000);
        while (got == ERL_TICK);
        if (got == ERL_MSG && ei_decode_version(message.buff, &index, &version) == 0)
            print("answer", &message, index);
        else
            printf("no answer\n");
        ei_x_free(&message);
    }
    ei_x_free(&args);
    ei_x_free(&result);
    ei_close_connection(fd);
    return 0;
}
