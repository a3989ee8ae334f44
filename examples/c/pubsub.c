// A subscriber of Phoenix.PubSub: prints what is broadcast on a topic, and broadcasts the lines it is given.
//
//     pubsub --name ours@localhost --cookie secret --to alex@localhost
//
//     # on alex, with {Phoenix.PubSub, name: MyApp.PubSub} running:
//     iex(alex@localhost)> Phoenix.PubSub.broadcast(MyApp.PubSub, "room:1", {:said, "hello"})      # printed here
//     iex(alex@localhost)> Phoenix.PubSub.subscribe(MyApp.PubSub, "room:1")                        # hears lines typed here
//
// Its mailbox is also in the process group `listeners` of scope pg, for :pg.get_members(:listeners). With --say TEXT it
// broadcasts that once there is somebody to hear it, and ends.

#define _POSIX_C_SOURCE 200809L
#include "options.h"

#define PUBSUB "MyApp.PubSub"
#define TOPIC "room:1"

// Broadcasts `line` as a binary, to all but ourselves.
static void say(erln_mailbox box, const char *line, size_t length) {
    must(erln_pubsub_broadcast_from(box, PUBSUB, TOPIC, "{said, ~b}", line, length));
}

// Waits until another node has a worker of the pubsub.
static void wait_for_company(erln_mailbox box) {
    erln_ref ref;
    erln_msg *msg;
    erln_bytes payload;
    erln_reader reader;
    size_t workers;
    must(erln_pg_monitor(box, "Elixir.Phoenix.PubSub", &ref, &msg, "'Elixir." PUBSUB ".Adapter'"));
    must(erln_msg_payload(msg, &payload));
    must(erln_reader_init(&reader, payload.ptr, payload.len));
    bool alone = !erln_read_list(&reader, &workers) || workers < 2;
    erln_msg_free(msg);
    if (alone) {
        must(erln_mailbox_recv_ref(box, &ref, ERLN_FOREVER, &msg));
        erln_msg_free(msg);
    }
    must(erln_pg_demonitor(box, "Elixir.Phoenix.PubSub", &ref));
}

static void print(erln_msg *msg) {
    erln_bytes text;
    if (erln_match(msg, "{said, ~b}", &text) || erln_msg_text(msg, &text) == ERLN_OK) {
        printf("heard %.*s\n", (int)text.len, (const char *)text.ptr);
        fflush(stdout);
    }
    erln_msg_free(msg);
}

// Takes what is there; false when it is time to stop.
static bool receive_all(erln_mailbox box) {
    erln_msg *msg;
    erln_status status;
    while ((status = erln_mailbox_recv(box, 0, &msg)) == ERLN_OK) print(msg);
    return status == ERLN_ERR_TIMEOUT;
}

int main(int argc, char **argv) {
    struct options options = options_of(argc, argv);
    watch_signals();
    erln_node node = start_node(options);
    erln_mailbox box;
    must(erln_mailbox_open(node, NULL, NULL, &box));
    must(erln_pg_start(node, NULL));
    must(erln_pg_join(box, NULL, "listeners"));
    must(erln_pubsub_start(node, PUBSUB, 1));
    if (options.to != NULL) must(erln_node_connect(node, options.to, 10000));
    if (options.say != NULL) {
        wait_for_company(box);
        say(box, options.say, strlen(options.say));
        must(erln_node_stop(node));
        return 0;
    }
    must(erln_pubsub_subscribe(box, PUBSUB, TOPIC));
    say_ready(node);

    int32_t fd;
    char line[1024];
    must(erln_mailbox_fd(box, &fd));
    struct pollfd waited[3] = {{stop_pipe[0], POLLIN, 0}, {fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    while (waited[0].revents == 0) {
        if (waited[1].revents != 0 && !receive_all(box)) break;
        if (waited[2].revents != 0) {
            if (fgets(line, sizeof line, stdin) == NULL) {
                waited[2].fd = -1;
            } else {
                say(box, line, strcspn(line, "\n"));
            }
        }
        if (poll(waited, 3, -1) < 0 && errno != EINTR) break;
    }
    must(erln_node_stop(node));
    return 0;
}
