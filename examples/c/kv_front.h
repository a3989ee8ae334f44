// The TCP front of kv: one thread per client, one line per command.

#ifndef KV_FRONT_H
#define KV_FRONT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "kv_store.h"

#define MAX_WORDS 4

static inline erln_bytes bytes_of(const char *text) {
    return (erln_bytes){(const uint8_t *)text, strlen(text)};
}

// Routes module:function with these arguments, written by a template of texts and terms.
static inline struct result ask(const char *bucket, const char *module, const char *function, erln_writer *args) {
    erln_bytes list;
    struct result result;
    must(erln_writer_finish(args, &list));
    result = route(bytes_of(bucket), bytes_of(module), bytes_of(function), list);
    erln_writer_free(args);
    return result;
}

// Prints what went wrong, on one line.
static inline void print_failure(FILE *client, const struct result *result) {
    erln_bytes term = term_of(result);
    char text[4096] = "?";
    erln_print(term.ptr, term.len, ERLN_ERLANG, text, sizeof text, NULL);
    for (char *c = text; *c != 0; c++) {
        if (*c == '\n') *c = ' ';
    }
    fprintf(client, "ERROR %s\r\n", text);
}

// PUT, GET or DELETE: looks the bucket up where it is held, then asks it there.
static inline void command_of_bucket(FILE *client, char **words) {
    const bool put = strcmp(words[0], "PUT") == 0, get = strcmp(words[0], "GET") == 0;
    erln_writer *args = erln_writer_new();
    struct result found, result;
    erln_bytes term, value;
    erln_reader reader;
    erln_pid pid;
    erln_write(args, "[~a, ~S]", REGISTRY, words[1]);
    found = ask(words[1], REGISTRY, "lookup", args);
    term = term_of(&found);
    must(erln_reader_init(&reader, term.ptr, term.len));
    if (found.kind != VALUE) {
        print_failure(client, &found);
    } else if (!erln_read_match(&reader, "{ok, ~p}", &pid)) {
        fputs("NOT FOUND\r\n", client);
    } else {
        args = erln_writer_new();
        if (put) {
            erln_write(args, "[~p, ~S, ~S]", &pid, words[2], words[3]);
        } else {
            erln_write(args, "[~p, ~S]", &pid, words[2]);
        }
        result = ask(words[1], BUCKET, put ? "put" : get ? "get" : "delete", args);
        term = term_of(&result);
        must(erln_reader_init(&reader, term.ptr, term.len));
        if (result.kind != VALUE) {
            print_failure(client, &result);
        } else if (get) {
            if (!erln_read_match(&reader, "~S", &value)) value.len = 0;
            fprintf(client, "%.*s\r\nOK\r\n", (int)value.len, (const char *)value.ptr);
        } else {
            fputs("OK\r\n", client);
        }
        erln_writer_free(result.writer);
    }
    erln_writer_free(found.writer);
}

static inline void command(FILE *client, char *line) {
    char *words[MAX_WORDS + 1], *rest = NULL;
    int count = 0;
    for (char *word = strtok_r(line, " \t\r\n", &rest); word != NULL && count <= MAX_WORDS;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        words[count++] = word;
    }
    if (count == 2 && strcmp(words[0], "CREATE") == 0) {
        erln_writer *args = erln_writer_new();
        struct result result;
        erln_write(args, "[~a, ~S]", REGISTRY, words[1]);
        result = ask(words[1], REGISTRY, "create", args);
        if (result.kind == VALUE) {
            fputs("OK\r\n", client);
        } else {
            print_failure(client, &result);
        }
        erln_writer_free(result.writer);
    } else if ((count == 4 && strcmp(words[0], "PUT") == 0) ||
               (count == 3 && (strcmp(words[0], "GET") == 0 || strcmp(words[0], "DELETE") == 0))) {
        command_of_bucket(client, words);
    } else {
        fputs("UNKNOWN COMMAND\r\n", client);
    }
}

static void *serve_client(void *data) {
    int descriptor = (int)(intptr_t)data, copy = dup(descriptor);
    FILE *in = fdopen(descriptor, "r"), *out = copy < 0 ? NULL : fdopen(copy, "w");
    char line[4096];
    while (in != NULL && out != NULL && fgets(line, sizeof line, in) != NULL) {
        command(out, line);
        if (fflush(out) != 0) break;
    }
    if (out != NULL) fclose(out);
    if (in != NULL) fclose(in);
    return NULL;
}

static void *accept_clients(void *data) {
    int listener = (int)(intptr_t)data, client;
    pthread_t thread;
    while ((client = accept(listener, NULL, NULL)) >= 0) {
        if (pthread_create(&thread, NULL, serve_client, (void *)(intptr_t)client) == 0) {
            pthread_detach(thread);
        } else {
            close(client);
        }
    }
    return NULL;
}

// Listens on a port of 127.0.0.1 (0: any free one) and says which.
static inline void start_front(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof address;
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    pthread_t thread;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // A client that goes away while it is answered is its own affair.
    signal(SIGPIPE, SIG_IGN);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&thread, NULL, accept_clients, (void *)(intptr_t)listener) != 0) {
        perror("cannot listen");
        exit(1);
    }
    pthread_detach(thread);
    printf("listening %d\n", ntohs(address.sin_port));
    fflush(stdout);
}

#endif
