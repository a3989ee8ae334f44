// The C++ server: calls, casts, functions and exceptions, between two nodes.

#include <cstdio>
#include <cstdlib>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "erlnode.hpp"

#define CHECK(condition)                                                            \
    do {                                                                            \
        if (!(condition)) {                                                         \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);    \
            std::exit(1);                                                           \
        }                                                                           \
    } while (0)

constexpr int patience_ms = 20000;

namespace {

// What a peer's function ended with, as Erlang text.
std::string ended(erlnode::Mailbox &box, const erlnode::Node &there, const char *function) {
    return std::string(box.erpc(there.name(), "test", function, patience_ms, "[]").text());
}

erlnode::Server table(std::int64_t &value, std::promise<std::string> &end) {
    erlnode::Server server;
    server.on_call([&value](erlnode::Call &call) {
        std::int64_t x, y;
        if (call.request().match("{add, ~l, ~l}", x, y)) {
            call.reply("~l", x + y);
        } else if (call.request().match("recall")) {
            call.reply("~l", value);
        } else if (call.request().match("later")) {
            std::thread([](erlnode::Call kept) { kept.reply("late"); }, std::move(call)).detach();
        } else if (call.request().match("crash")) {
            throw std::runtime_error("crashed");
        } else {
            throw erlnode::BadArgument();
        }
    });
    server.on_cast([&value](erlnode::Reader &cast) { cast.match("{store, ~l}", value); });
    server.on_info([&value](const erlnode::Message &message) {
        if (message.match("forget")) value = 0;
    });
    server.on_state([&value](erlnode::Writer &writer) { writer.write("#{value => ~l}", value); });
    server.on_end([&end](erlnode::Reader &reason) {
        std::string_view term = *reason.term();
        end.set_value(std::string(term));
    });
    server.function("test", "double", 1, [](erlnode::Request &request, erlnode::Reader &args) {
        std::int64_t n;
        if (!args.match("[~l]", n)) throw erlnode::BadArgument();
        request.reply("~l", 2 * n);
    });
    server.function("test", "many", ERLN_ANY_ARITY, [](erlnode::Request &request, erlnode::Reader &) {
        request.reply("many");
    });
    server.function("test", "kept", 0, [](erlnode::Request &request, erlnode::Reader &) {
        std::thread([](erlnode::Request kept) { kept.reply("late"); }, std::move(request)).detach();
    });
    server.function("test", "throws", 0, [](erlnode::Request &, erlnode::Reader &) {
        throw std::out_of_range("too far");
    });
    server.function("test", "throws_number", 0, [](erlnode::Request &, erlnode::Reader &) { throw 5; });
    server.function("test", "fails", 0, [](erlnode::Request &, erlnode::Reader &) {
        throw erlnode::Failure(ERLN_CLASS_EXIT, "{gone, ~i}", 1);
    });
    return server;
}

void calls_casts_and_functions() {
    erlnode::Node here(erlnode::Config("ffi_cpp_client@localhost").cookie("cpp-test"));
    erlnode::Node there(erlnode::Config("ffi_cpp_server@localhost").cookie("cpp-test"));
    erlnode::Mailbox served = there.mailbox("calc"), box = here.mailbox();
    std::int64_t value = 5;
    std::promise<std::string> end;
    erlnode::Server server = table(value, end);
    CHECK(!server.run(served, 0));
    std::thread running([&] { CHECK(server.run(served)); });
    erlnode::To calc("calc", "ffi_cpp_server@localhost");

    CHECK(box.call(calc, patience_ms, "{add, ~i, ~i}", 1, 2).text() == "3");
    CHECK(box.call(calc, patience_ms, "recall").text() == "5");
    box.cast(calc, "{store, ~i}", 7);
    CHECK(box.call(calc, patience_ms, "recall").text() == "7");
    CHECK(box.call(calc, patience_ms, "later").text() == "late");
    CHECK(box.call(calc, patience_ms, "nonsense").text() == "{error,{bad_call,nonsense}}");
    box.send(calc, "forget");
    CHECK(box.call(calc, patience_ms, "recall").text() == "0");

    CHECK(box.erpc(there.name(), "test", "double", patience_ms, "[~i]", 4).text() == "{return,8}");
    CHECK(box.erpc(there.name(), "test", "many", patience_ms, "[1, 2]").text() == "{return,many}");
    CHECK(ended(box, there, "kept") == "{return,late}");
    CHECK(ended(box, there, "fails") == "{exit,{gone,1}}");
    std::string thrown = ended(box, there, "throws");
    CHECK(thrown.find("{error,{cpp,<<\"") == 0 && thrown.find("<<\"too far\">>}") != std::string::npos);
    CHECK(ended(box, there, "throws_number").find("{error,{cpp,<<\"unknown\">>,<<>>}") == 0);
    CHECK(box.erpc(there.name(), "test", "double", patience_ms, "[no]").text().substr(0, 13) == "{error,badarg");

    // An exception of a handler is the end of the server, and the caller hears of it.
    try {
        box.call(calc, patience_ms, "crash");
        CHECK(false);
    } catch (const erlnode::Error &error) {
        CHECK(error.status() == ERLN_ERR_REMOTE);
        CHECK(std::string(error.what()).find("crashed") != std::string::npos);
    }
    running.join();
    CHECK(end.get_future().get().find("crashed") != std::string::npos);
}

void an_event_loop_hands_messages_in() {
    erlnode::Node here(erlnode::Config("ffi_cpp_loop@localhost").cookie("cpp-test"));
    erlnode::Mailbox served = here.mailbox("served"), box = here.mailbox();
    erlnode::Server server;
    server.on_cast([](erlnode::Reader &cast) {
        if (cast.match("stop")) throw erlnode::Stop();
    });
    server.export_functions(served);
    box.cast("served", "go");
    CHECK(server.handle(served, *served.receive(patience_ms)));
    box.cast("served", "stop");
    CHECK(!server.handle(served, *served.receive(patience_ms)));
}

}  // namespace

int main() {
    calls_casts_and_functions();
    an_event_loop_hands_messages_in();
    std::puts("ok");
    return 0;
}
