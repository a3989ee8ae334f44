// FilterService: a server with a global name. Whoever is in the cluster asks it, wherever it runs.
//
//     filter_service --name ours@localhost --cookie secret --visible --to alex@localhost
//
//     iex(alex@localhost)> GenServer.cast({:global, FilterService}, {:filter, [1, 5, 100, 500], 7, self()})
//     iex(alex@localhost)> receive do message -> message end
//     {:filter_results, [100, 500]}
//
// With --say it is the client: it asks the FilterService of the cluster for the numbers above -2 of -5, -1, 0 and 3, prints what
// comes back, and ends. Hidden or visible is the same for both; a hidden node has global names through the node it connects to.

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PATIENCE_MS 10000
#define NAME "'Elixir.FilterService'"

// Sends those above `threshold` to `to`. What is no list of integers is not answered.
static void filter(erln_mailbox box, erln_bytes list, int64_t threshold, const erln_pid *to) {
    erln_reader reader;
    size_t count;
    must(erln_reader_init(&reader, list.ptr, list.len));
    if (!erln_read_list(&reader, &count)) return;
    int64_t *kept = malloc((count + 1) * sizeof *kept);
    if (kept == NULL) must(ERLN_ERR_INTERNAL);
    size_t kept_count = 0;
    bool numbers = true;
    for (size_t n = 0; n < count && numbers; n++) {
        int64_t number;
        numbers = erln_read_int64(&reader, &number);
        if (numbers && number > threshold) kept[kept_count++] = number;
    }
    if (numbers) {
        erln_writer *writer = erln_writer_new();
        erln_bytes results;
        erln_write_int64s(writer, kept, kept_count);
        must(erln_writer_finish(writer, &results));
        must(erln_send(box, erln_to_pid(to), "{filter_results, ~t}", results.ptr, results.len));
        erln_writer_free(writer);
    }
    free(kept);
}

static void serve(erln_node node, erln_mailbox box) {
    must(erln_global_register(box, PATIENCE_MS, NAME));
    watch_signals();
    say_ready(node);
    erln_msg *msg;
    while ((msg = next_message(box)) != NULL) {
        erln_bytes list;
        int64_t threshold;
        erln_pid client;
        if (erln_match(msg, "{'$gen_cast', {filter, ~t, ~l, ~p}}", &list, &threshold, &client)) {
            filter(box, list, threshold, &client);
        }
        erln_msg_free(msg);
    }
}

static void ask(erln_node node, erln_mailbox box) {
    erln_pid service, self;
    erln_msg *msg;
    erln_bytes text;
    must(erln_global_sync(node, PATIENCE_MS));
    must(erln_global_whereis(node, PATIENCE_MS, &service, NAME));
    must(erln_mailbox_pid(box, &self));
    must(erln_send(box, erln_to_pid(&service), "{'$gen_cast', {filter, [-5, -1, 0, 3], -2, ~p}}", &self));
    must(erln_mailbox_recv(box, PATIENCE_MS, &msg));
    must(erln_msg_text(msg, &text));
    printf("%.*s\n", (int)text.len, (const char *)text.ptr);
    erln_msg_free(msg);
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    erln_node node = start_node(options);
    erln_mailbox box;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    if (options.to != NULL) must(erln_node_connect(node, options.to, PATIENCE_MS));
    if (options.say != NULL) {
        ask(node, box);
    } else {
        serve(node, box);
    }
    must(erln_node_stop(node));
    return 0;
}
