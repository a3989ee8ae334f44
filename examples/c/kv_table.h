// The routing table of kv: which node holds which buckets, by the first letter of their name.

#ifndef KV_TABLE_H
#define KV_TABLE_H

#include "options.h"

#define MAX_ROUTES 64

struct kv_options {
    const char *table;
    const char *env;
    int port;
};

static struct {
    char low, high;
    char node[ERLN_NAME_SIZE];
} routes[MAX_ROUTES];
static size_t route_count;

// Takes --table FILE, --env NAME and --port NUMBER out of the arguments.
static inline struct kv_options kv_options_of(int *argc, char **argv) {
    struct kv_options options = {"examples/kv.conf", getenv("KV_ENV"), -1};
    int kept = 1;
    for (int n = 1; n < *argc; n++) {
        bool has_value = n + 1 < *argc;
        if (has_value && strcmp(argv[n], "--table") == 0) {
            options.table = argv[++n];
        } else if (has_value && strcmp(argv[n], "--env") == 0) {
            options.env = argv[++n];
        } else if (has_value && strcmp(argv[n], "--port") == 0) {
            options.port = atoi(argv[++n]);
        } else {
            argv[kept++] = argv[n];
        }
    }
    *argc = kept;
    if (options.env == NULL) options.env = "dev";
    return options;
}

// Reads the entries of one environment: `environment a-m node`, with comments from # on.
static inline void read_table(const char *path, const char *env) {
    char line[1024], environment[128], letters[8], owner[ERLN_NAME_SIZE];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (int number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        int fields;
        line[strcspn(line, "#")] = 0;
        fields = sscanf(line, "%127s %7s %255s", environment, letters, owner);
        if (fields <= 0) continue;
        if (fields != 3 || strlen(letters) != 3 || letters[1] != '-') {
            fprintf(stderr, "error: %s, line %d: environment, letters (a-m) and node are expected\n", path, number);
            exit(1);
        }
        if (strcmp(environment, env) != 0 || route_count == MAX_ROUTES) continue;
        routes[route_count].low = letters[0];
        routes[route_count].high = letters[2];
        strcpy(routes[route_count++].node, owner);
    }
    fclose(file);
    if (route_count == 0) {
        fprintf(stderr, "error: %s has no entry for the environment \"%s\"\n", path, env);
        exit(1);
    }
}

// The node that holds a bucket, or NULL.
static inline const char *owner_of(erln_bytes bucket) {
    for (size_t n = 0; bucket.len > 0 && n < route_count; n++) {
        if (routes[n].low <= bucket.ptr[0] && bucket.ptr[0] <= routes[n].high) return routes[n].node;
    }
    return NULL;
}

// The table as Elixir would show it.
static inline void show_table(char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t n = 0; n < route_count && used < size; n++) {
        used += (size_t)snprintf(text + used, size - used, "%s{%d..%d, :\"%s\"}", n == 0 ? "" : ", ", routes[n].low,
                                 routes[n].high, routes[n].node);
    }
    if (used < size) snprintf(text + used, size - used, "]");
}

#endif
