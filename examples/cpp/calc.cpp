// Calc: exported functions and a server, called by whoever knows Elixir; the same as examples/c/calc.c.
//
//     calc --name cpp@localhost --cookie secret
//
//     iex(alex@localhost)> :erpc.call(:"cpp@localhost", :math, :sqrt, [2.0])
//     1.4142135623730951
//     iex(alex@localhost)> GenServer.call({Calc, :"cpp@localhost"}, {:add, 1, 2})
//     3

#include <chrono>
#include <cmath>
#include <csignal>
#include <iostream>
#include <string>
#include <thread>

#include "erlnode.hpp"

namespace {

constexpr const char *calc = "Elixir.Calc";

struct Options {
    std::string name, cookie;
};

Options options(int argc, char **argv) {
    Options options;
    for (int n = 1; n + 1 < argc; n += 2) {
        std::string word = argv[n];
        if (word == "--name") options.name = argv[n + 1];
        if (word == "--cookie") options.cookie = argv[n + 1];
    }
    if (options.name.empty() || options.cookie.empty()) {
        throw std::runtime_error("usage: calc --name NODE --cookie COOKIE");
    }
    return options;
}

void answer(erlnode::Call &call, std::int64_t value) {
    std::int64_t x, y;
    erlnode::Reader &request = call.request();
    if (request.match("{add, ~l, ~l}", x, y)) {
        call.reply("~l", x + y);
    } else if (request.match("{divide, ~l, ~l}", x, y)) {
        if (y == 0) return call.reply("{error, badarith}");
        call.reply("{ok, ~f}", static_cast<double>(x) / static_cast<double>(y));
    } else if (request.match("recall")) {
        call.reply("~l", value);
    } else if (request.match("{later, ~l}", x) && x >= 0) {
        // The caller may have given up; then the answer is dropped.
        std::thread([x](erlnode::Call kept) {
            std::this_thread::sleep_for(std::chrono::milliseconds(x));
            kept.reply("late");
        }, std::move(call)).detach();
    } else if (request.match("{get, {'Elixir.Kernel', '+', [~l]}}", x)) {
        // Agent.get({Calc, node}, Kernel, :+, [1]): a function of the state that needs no code of theirs.
        call.reply("~l", value + x);
    } else if (request.match("stop")) {
        call.reply("ok");
        throw erlnode::Stop();
    } else {
        throw erlnode::BadArgument();
    }
}

void square_root(erlnode::Request &request, erlnode::Reader &args) {
    double x;
    if (!args.match("[~d]", x)) throw erlnode::BadArgument();
    if (x < 0) throw erlnode::Failure(ERLN_CLASS_ERROR, "badarith");
    request.reply("~f", std::sqrt(x));
}

void factorial(erlnode::Request &request, erlnode::Reader &args) {
    std::int64_t n, product = 1;
    // 20! is the last that fits.
    if (!args.match("[~l]", n) || n < 0 || n > 20) throw erlnode::BadArgument();
    for (; n > 1; n--) product *= n;
    request.reply("~l", product);
}

void fail(erlnode::Request &, erlnode::Reader &args) {
    std::string text;
    if (!args.match("[~S]", text)) throw erlnode::BadArgument();
    throw erlnode::Failure(ERLN_CLASS_ERROR, "{failed, ~S}", text);
}

}  // namespace

int main(int argc, char **argv) try {
    Options given = options(argc, argv);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    erlnode::Node node(erlnode::Config(given.name).cookie(given.cookie));
    erlnode::Mailbox box = node.mailbox(calc);
    std::int64_t value = 0;
    erlnode::Server server;
    server.on_call([&value](erlnode::Call &call) { answer(call, value); })
        .on_cast([&value](erlnode::Reader &cast) { cast.match("{store, ~l}", value); })
        .on_state([&value](erlnode::Writer &state) { state.write("#{value => ~l}", value); })
        .function("math", "sqrt", 1, square_root)
        .function(calc, "factorial", 1, factorial)
        .function(calc, "fail", 1, fail);
    server.export_functions(box);
    std::thread serving([&] { server.run(box); });
    std::cout << "ready " << node.name() << std::endl;
    int signal;
    sigwait(&signals, &signal);
    // Whoever waits in the mailbox is woken by its end; it may have ended before.
    erln_mailbox_close(box.get());
    serving.join();
    return 0;
} catch (const std::exception &error) {
    std::cerr << "calc: " << error.what() << std::endl;
    return 1;
}
