// What the C examples share: their options, and an orderly end.
//
//     PROGRAM --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]
//     with others to talk to: [--to NODE] [--say [TEXT]]

#ifndef OPTIONS_H
#define OPTIONS_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "erlnode.h"

struct options {
    const char *name;
    const char *cookie;
    bool visible;
    const char *ping;
    const char *say;
    const char *to;
    const char *tls_optfile;
};

// Ends the program with the library's words unless a call succeeded.
static inline void must(erln_status status) {
    if (status != ERLN_OK) {
        fprintf(stderr, "error: %s\n", erln_last_error());
        exit(1);
    }
}

static inline struct options options_of(int argc, char **argv) {
    struct options options = {NULL, NULL, false, NULL, NULL, NULL, NULL};
    for (int n = 1; n < argc; n++) {
        const char **value = NULL;
        if (strcmp(argv[n], "--name") == 0) value = &options.name;
        if (strcmp(argv[n], "--cookie") == 0) value = &options.cookie;
        if (strcmp(argv[n], "--ping") == 0) value = &options.ping;
        if (strcmp(argv[n], "--say") == 0) value = &options.say;
        if (strcmp(argv[n], "--to") == 0) value = &options.to;
        if (strcmp(argv[n], "--tls-optfile") == 0) value = &options.tls_optfile;
        // What is said need not be given everywhere.
        bool bare = value == &options.say && (n + 1 == argc || argv[n + 1][0] == '-');
        if (value != NULL && n + 1 < argc && !bare) {
            *value = argv[++n];
        } else if (value == &options.say) {
            options.say = "";
        } else if (strcmp(argv[n], "--visible") == 0) {
            options.visible = true;
        } else {
            fprintf(stderr, "usage: %s --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]\n"
                    "       [--to NODE] [--say [TEXT]]; which of them it knows stands at the top of its source\n",
                    argv[0]);
            exit(2);
        }
    }
    return options;
}

// Starts the node that the options ask for.
static inline erln_node start_node(struct options options) {
    erln_config *config = erln_config_new(options.name);
    if (config == NULL) must(ERLN_ERR_ARGUMENT);
    if (options.cookie != NULL) must(erln_config_set_cookie(config, options.cookie));
    must(erln_config_set_visible(config, options.visible));
    if (options.tls_optfile != NULL) must(erln_config_set_tls_optfile(config, options.tls_optfile));
    erln_node node;
    must(erln_node_start(config, &node));
    erln_config_free(config);
    return node;
}

// Says that the node can be reached, in the form that scripts wait for.
static inline void say_ready(erln_node node) {
    erln_name name;
    must(erln_node_name(node, &name));
    printf("ready %s\n", name.text);
    fflush(stdout);
}

// SIGTERM and SIGINT end the program through a pipe, which a loop can watch beside its mailbox.
static int stop_pipe[2];

static void stop_on_signal(int number) {
    (void)number;
    // Nothing can be done in a signal handler if the pipe is full, and then it is readable anyway.
    ssize_t ignored = write(stop_pipe[1], "x", 1);
    (void)ignored;
}

static inline void watch_signals(void) {
    if (pipe(stop_pipe) != 0) {
        perror("pipe");
        exit(1);
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop_on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

// Waits until it is time to stop.
static inline void wait_for_end(void) {
    struct pollfd end = {stop_pipe[0], POLLIN, 0};
    while (poll(&end, 1, -1) < 0 && errno == EINTR) {
    }
}

// The next message, or NULL when it is time to stop.
static inline erln_msg *next_message(erln_mailbox box) {
    int32_t fd;
    must(erln_mailbox_fd(box, &fd));
    for (;;) {
        erln_msg *msg;
        erln_status status = erln_mailbox_recv(box, 0, &msg);
        if (status == ERLN_OK) return msg;
        if (status != ERLN_ERR_TIMEOUT) return NULL;
        struct pollfd both[2] = {{fd, POLLIN, 0}, {stop_pipe[0], POLLIN, 0}};
        if (poll(both, 2, -1) < 0 && errno != EINTR) return NULL;
        if (both[1].revents != 0) return NULL;
    }
}

#endif
