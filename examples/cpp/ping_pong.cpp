// Ping pong: registers `pong` and answers {ping, Pid} with pong; with --ping NODE it is the caller.
//
//     ping_pong --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>

#include "erlnode.hpp"

namespace {

constexpr int patience_ms = 10000;

struct Options {
    std::string name, cookie, ping, tls_optfile;
    bool visible = false;
};

Options options(int argc, char **argv) {
    Options options;
    for (int n = 1; n < argc; n++) {
        std::string word = argv[n];
        std::string *value = word == "--name"          ? &options.name
                             : word == "--cookie"      ? &options.cookie
                             : word == "--ping"        ? &options.ping
                             : word == "--tls-optfile" ? &options.tls_optfile
                                                       : nullptr;
        if (value != nullptr && n + 1 < argc) {
            *value = argv[++n];
        } else if (word == "--visible") {
            options.visible = true;
        } else {
            throw std::runtime_error(
                "usage: ping_pong --name NODE --cookie COOKIE [--visible] [--tls-optfile FILE] [--ping NODE]");
        }
    }
    return options;
}

// SIGTERM and SIGINT end the program through a pipe, which the loop watches beside its mailbox.
int stop_pipe[2];

void stop_on_signal(int) {
    // Nothing can be done in a signal handler if the pipe is full, and then it is readable anyway.
    [[maybe_unused]] auto ignored = write(stop_pipe[1], "x", 1);
}

void watch_signals() {
    if (pipe(stop_pipe) != 0) throw std::runtime_error("pipe failed");
    std::signal(SIGTERM, stop_on_signal);
    std::signal(SIGINT, stop_on_signal);
}

// True when a message waits, false when it is time to stop.
bool wait(const erlnode::Mailbox &box) {
    pollfd both[2] = {{box.fd(), POLLIN, 0}, {stop_pipe[0], POLLIN, 0}};
    while (poll(both, 2, -1) < 0 && errno == EINTR) {
    }
    return both[1].revents == 0;
}

void serve(erlnode::Node &node) {
    erlnode::Mailbox box = node.mailbox("pong");
    watch_signals();
    std::cout << "ready " << node.name() << std::endl;
    while (wait(box)) {
        while (auto message = box.receive(0)) {
            erln_pid from;
            if (!message->match("{ping, ~p}", from)) continue;
            try {
                box.send(from, "pong");
            } catch (const erlnode::Error &error) {
                std::cerr << "no answer sent: " << error.what() << std::endl;
            }
        }
    }
}

void call(erlnode::Node &node, const std::string &peer) {
    erlnode::Mailbox box = node.mailbox();
    box.send({"pong", peer}, "{ping, ~p}", box.pid());
    auto answer = box.receive(patience_ms);
    if (!answer) throw std::runtime_error("no answer came from " + peer);
    std::cout << answer->text() << std::endl;
}

}  // namespace

int main(int argc, char **argv) try {
    Options wanted = options(argc, argv);
    erlnode::Config config(wanted.name);
    if (!wanted.cookie.empty()) config.cookie(wanted.cookie);
    config.visible(wanted.visible);
    if (!wanted.tls_optfile.empty()) config.tls(wanted.tls_optfile);
    erlnode::Node node(config);
    if (wanted.ping.empty()) {
        serve(node);
    } else {
        call(node, wanted.ping);
    }
    return 0;
} catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << std::endl;
    return 1;
}
