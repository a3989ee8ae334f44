// The C++ wrapper: terms there and back, two nodes, exceptions, and objects that own their handles.

#include <cstdio>
#include <cstdlib>
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

template <class Call>
erln_status status_of(Call call) {
    try {
        call();
        return ERLN_OK;
    } catch (const erlnode::Error &error) {
        CHECK(std::string(error.what()).size() > 0);
        return error.status();
    }
}

static void terms() {
    erlnode::Writer writer;
    writer.tuple(3).atom("put").binary("k\0y").map(1).atom("n").integer(7);
    std::string term(writer.finish());
    std::string key;
    int n = 0;
    erlnode::Reader reader(term);
    CHECK(reader.match("{put, ~b, #{n := ~i}}", key, n));
    CHECK(n == 7 && key == "k");
    reader.finish();

    writer.clear();
    long large = 1L << 40;
    writer.write("{~i, ~l, ~u, ~d, ~w, ~a, ~S, ~b, ~t}", -1, large, 5u, 2, true, "atom", std::string("text"),
                 std::string_view("a\0b", 3), erlnode::Encoded{term});
    int i;
    std::int64_t l;
    std::uint64_t u;
    double d;
    bool b;
    std::string_view atom, text, binary, inner;
    CHECK(erlnode::Reader(writer.finish())
              .match("{~i, ~l, ~u, ~d, ~w, ~a, ~S, ~b, ~t}", i, l, u, d, b, atom, text, binary, inner));
    CHECK(i == -1 && l == large && u == 5 && d == 2.0 && b);
    CHECK(atom == "atom" && text == "text" && binary == std::string_view("a\0b", 3) && inner == term);

    erlnode::Reader numbers(std::string_view("\x6b\x00\x02\x01\x02", 5));
    CHECK(numbers.kind() == ERLN_KIND_STRING);
    CHECK(!numbers.integer());
    CHECK(numbers.list() == 2u && numbers.integer() == 1 && numbers.integer() == 2 && numbers.nil());

    writer.clear();
    CHECK(status_of([&] { writer.write("{~i}"); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { writer.write("{}", 1); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { writer.write("{~q}", 1); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { writer.write("{~i}", "text"); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { writer.write("{~p}", 1); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { writer.write("{~u}", -1); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { erlnode::Reader(term).match("{~i}", key); }) == ERLN_ERR_ARGUMENT);
    CHECK(status_of([&] { erlnode::Reader("\x68").finish(); }) == ERLN_ERR_MALFORMED);
}

static void nodes() {
    erlnode::Node a(erlnode::Config("ffi_cpp_a@localhost").cookie("cpp-test"));
    erlnode::Node b(erlnode::Config("ffi_cpp_b@localhost").cookie("cpp-test"));
    CHECK(a.name() == "ffi_cpp_a@localhost");
    a.set_ticktime(8000, 0);
    CHECK(a.ticktime_ms() == 8000);
    CHECK(status_of([&] { a.set_ticktime(0, 0); }) == ERLN_ERR_ARGUMENT);
    a.keep_connected("ffi_cpp_b@localhost");
    erlnode::Mailbox box = a.mailbox("server"), client = b.mailbox();
    CHECK(b.ping(a.name(), patience_ms));
    CHECK(!b.ping("ffi_cpp_nobody@localhost", patience_ms));
    CHECK(status_of([&] { b.connect("ffi_cpp_nobody@localhost", patience_ms); }) == ERLN_ERR_NAME_UNKNOWN);
    CHECK(b.nodes().size() == 1);
    CHECK(a.whereis("server") && erlnode::same(*a.whereis("server"), box.pid()) && !a.whereis("nobody"));

    std::thread server([&] {
        auto message = box.receive(patience_ms);
        CHECK(message);
        erln_pid from;
        erln_ref tag;
        int n;
        CHECK(message->match("{double, ~p, ~r, ~i}", from, tag, n));
        box.send(from, "{~r, ~i}", tag, 2 * n);
    });
    erln_ref tag = b.make_ref();
    client.send({"server", a.name()}, "{double, ~p, ~r, ~i}", client.pid(), tag, 21);
    auto answer = client.receive(tag, patience_ms);
    int n = 0;
    CHECK(answer && answer->match("{_, ~i}", n) && n == 42);
    CHECK(answer->text().find("42") != std::string_view::npos);
    server.join();

    std::thread calculator([&] {
        auto asked = box.receive(patience_ms);
        int x = 0, y = 0;
        CHECK(asked && asked->match("{'$gen_call', _, {add, ~i, ~i}}", x, y));
        box.answer(*asked, "~i", x + y);
    });
    int sum = 0;
    CHECK(client.call({"server", a.name()}, patience_ms, "{add, ~i, ~i}", 1, 2).match("~i", sum) && sum == 3);
    calculator.join();
    CHECK(status_of([&] { client.call({"nobody", a.name()}, patience_ms, "x"); }) == ERLN_ERR_NO_PROCESS);
    CHECK(client.erpc(a.name(), "no", "such", patience_ms, "[]").match("{error, undef, _}"));

    erlnode::Mailbox supervisor = a.mailbox("tasks");
    supervisor.supervise_tasks(1);
    box.export_function("m", "twice", 1);
    erln_task task = client.task_async({"tasks", a.name()}, "m", "twice", patience_ms, "[~i]", 4);
    auto work = box.receive(patience_ms);
    CHECK(work && work->kind() == ERLN_MSG_REQUEST);
    CHECK(status_of([&] { client.task_async({"tasks", a.name()}, "m", "twice", patience_ms, "[]"); }) == ERLN_ERR_LIMIT);
    work->request().reply("~i", 8);
    int twice = 0;
    CHECK(client.task_await(task, patience_ms).match("{ok, ~i}", twice) && twice == 8);
    CHECK(status_of([&] { client.task_shutdown(task, patience_ms); }) == ERLN_ERR_ARGUMENT);

    erlnode::Writer arguments, options;
    arguments.write("[~i]", 4);
    options.write("[monitor, {priority, high}]");
    client.spawn_request(a.name(), "m", "nosuch", arguments.finish(), options.finish());
    CHECK(client.receive(patience_ms)->match("{spawn_reply, _, ok, _}"));
    CHECK(client.receive(patience_ms)->match("{'DOWN', _, process, _, {undef, _}}"));

    erlnode::Pending pending = client.call_begin({"server", a.name()}, "{add, ~i, ~i}", 20, 22);
    CHECK(!pending.wait(0));
    auto asked = box.receive(patience_ms);
    CHECK(asked);
    box.answer(*asked, "42");
    auto reply = pending.wait(patience_ms);
    CHECK(reply && reply->match("42"));
    auto results = client.multicall({a.name(), "ffi_cpp_nobody@localhost"}, "erlang", "node", patience_ms, "[]");
    CHECK(results[0].message && results[0].message->match("{return, 'ffi_cpp_a@localhost'}"));
    CHECK(results[1].status == ERLN_ERR_NO_CONNECTION && !results[1].message);
    auto replies = client.multi_call({a.name()}, "nobody", patience_ms, "x");
    CHECK(replies.size() == 1 && replies[0].status == ERLN_ERR_NO_PROCESS);
    CHECK(client.erpc_begin(a.name(), "no", "such", "[]").wait(patience_ms)->match("{error, undef, _}"));

    erln_ref monitor = client.monitor(box.pid());
    erlnode::Mailbox moved = std::move(box);
    moved = a.mailbox();  // The former one ends when the object that was swapped in does.
    { erlnode::Mailbox end = std::move(box); }
    auto down = client.receive(monitor, patience_ms);
    CHECK(down && down->kind() == ERLN_MSG_DOWN);
    CHECK(!client.receive(0));
}

static void groups() {
    erlnode::Node a(erlnode::Config("ffi_cpp_c@localhost").cookie("cpp-test"));
    erlnode::Node b(erlnode::Config("ffi_cpp_d@localhost").cookie("cpp-test"));
    erlnode::Mailbox member = a.mailbox(), watcher = b.mailbox();
    a.start_groups();
    b.start_groups();
    watcher.monitor_nodes();
    b.discover_nodes(a.name());
    CHECK(watcher.receive(patience_ms)->match("{nodeup, _}"));
    b.discover_stop();
    erln_ref ref = watcher.monitor_group("pg", "{room, ~i}", 7);
    member.join("pg", "{room, ~i}", 7);
    auto joined = watcher.receive(patience_ms);
    CHECK(joined && joined->match("{_, join, {room, 7}, [_]}"));
    CHECK(b.members("pg", "{room, ~i}", 7).match("[_]"));
    watcher.demonitor_group("pg", ref);
    CHECK(member.leave("pg", "{room, ~i}", 7) && !member.leave("pg", "{room, ~i}", 7));
    a.start_pubsub("MyApp.PubSub");
    member.subscribe("MyApp.PubSub", "room");
    member.broadcast("MyApp.PubSub", "room", ERLN_AUDIENCE_ALL, "{said, ~i}", 1);
    auto said = member.receive(patience_ms);
    CHECK(said && said->match("{said, 1}"));
    member.unsubscribe("MyApp.PubSub", "room");
    member.broadcast("MyApp.PubSub", "room", ERLN_AUDIENCE_LOCAL, "nobody");
    CHECK(!member.receive(0));
}

static void global_names() {
    erlnode::Node a(erlnode::Config("ffi_cpp_e@localhost").cookie("cpp-test").visible(true));
    erlnode::Node b(erlnode::Config("ffi_cpp_f@localhost").cookie("cpp-test").visible(true));
    erlnode::Mailbox here = a.mailbox(), there = b.mailbox();
    b.connect(a.name(), patience_ms);
    a.global_sync(patience_ms);
    b.global_sync(patience_ms);
    CHECK(here.global_register(ERLN_RESOLVE_RANDOM_EXIT, patience_ms, "{room, ~i}", 7));
    CHECK(!there.global_register(ERLN_RESOLVE_NOTIFY_ALL, patience_ms, "{room, 7}"));
    CHECK(b.global_whereis(patience_ms, "{room, ~i}", 7).id == here.pid().id);
    CHECK(b.global_names(patience_ms).match("[{room, 7}]"));
    b.global_unregister(patience_ms, "{room, 7}");
    CHECK(here.global_set_lock(0, patience_ms, "tap") && !there.global_set_lock(0, patience_ms, "tap"));
    here.global_del_lock(patience_ms, "tap");
    CHECK(there.global_set_lock(0, patience_ms, "tap"));
}

int main() {
    terms();
    nodes();
    groups();
    global_names();
    return 0;
}
