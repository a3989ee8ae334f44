// erlnode for C++17: the C API with objects that own their handles, exceptions, and templates that check their values.
//
// Header-only: needs erlnode.h and liberlnode, nothing else. Every failure throws erlnode::Error, which carries the status
// and the text; a timeout while receiving is no failure but an empty answer. Objects move and do not copy. What is
// borrowed (std::string_view) lives as long as the message or writer it came from.
//
//     erlnode::Node node(erlnode::Config("pong@localhost"));
//     erlnode::Mailbox box = node.mailbox("pong");
//     while (auto message = box.receive()) {
//         erln_pid from;
//         if (message->match("{ping, ~p}", from)) box.send(from, "pong");
//     }

#ifndef ERLNODE_HPP
#define ERLNODE_HPP

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "erlnode.h"

namespace erlnode {

// A call that failed.
class Error : public std::runtime_error {
public:
    Error(erln_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
    erln_status status() const noexcept { return status_; }

private:
    erln_status status_;
};

// Throws unless a status is ERLN_OK.
inline void check(erln_status status) {
    if (status != ERLN_OK) throw Error(status, erln_last_error());
}

// Pids, references and ports are plain structs; these compare them.
inline bool same(const erln_pid &a, const erln_pid &b) { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same(const erln_ref &a, const erln_ref &b) { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same(const erln_port &a, const erln_port &b) { return std::memcmp(&a, &b, sizeof a) == 0; }

inline std::string_view view(erln_bytes bytes) {
    return {reinterpret_cast<const char *>(bytes.ptr), bytes.len};
}

// Bytes that are one encoded term, for ~t.
struct Encoded {
    std::string_view bytes;
};

namespace detail {

inline const std::uint8_t *octets(std::string_view bytes) {
    return reinterpret_cast<const std::uint8_t *>(bytes.data());
}

[[noreturn]] inline void unsuitable(char letter, const char *what) {
    throw Error(ERLN_ERR_ARGUMENT, std::string("~") + letter + " does not go with " + what);
}

// The letters of a template, checked against the number of values.
inline std::vector<char> letters(const char *format, std::size_t count) {
    std::vector<char> found(count);
    std::size_t wanted = erln_template_letters(format, found.data(), count);
    if (wanted == SIZE_MAX) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
    if (wanted != count) {
        throw Error(ERLN_ERR_ARGUMENT, "\"" + std::string(format) + "\" has " + std::to_string(wanted) +
                                           " directives, but " + std::to_string(count) + " values were given");
    }
    return found;
}

// Values. Each fills an argument for the directive that stands there.

inline void fill(erln_arg &arg, bool value) {
    if (arg.letter != 'w') unsuitable(arg.letter, "a bool");
    arg.value.i = value;
}

template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
void fill(erln_arg &arg, T value) {
    switch (arg.letter) {
    case 'i':
    case 'l':
    case 'c':
        if constexpr (std::is_unsigned_v<T>) {
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                unsuitable(arg.letter, "a number this large: use ~u");
        }
        arg.value.i = static_cast<std::int64_t>(value);
        break;
    case 'u':
        if constexpr (std::is_signed_v<T>) {
            if (value < 0) unsuitable('u', "a negative number");
        }
        arg.value.u = static_cast<std::uint64_t>(value);
        break;
    case 'f':
    case 'd':
        arg.value.d = static_cast<double>(value);
        break;
    default:
        unsuitable(arg.letter, "an integer");
    }
}

inline void fill(erln_arg &arg, double value) {
    if (arg.letter != 'f' && arg.letter != 'd') unsuitable(arg.letter, "a double");
    arg.value.d = value;
}

inline void fill(erln_arg &arg, const char *text) {
    if (arg.letter == 'b') {
        arg.len = std::strlen(text);
    } else if (arg.letter != 'a' && arg.letter != 's' && arg.letter != 'S') {
        unsuitable(arg.letter, "text");
    }
    arg.value.ptr = text;
}

inline void fill(erln_arg &arg, const std::string &text) {
    fill(arg, text.c_str());
    // A binary may contain zeros.
    if (arg.letter == 'b') arg.len = text.size();
}

inline void fill(erln_arg &arg, std::string_view bytes) {
    if (arg.letter != 'b') unsuitable(arg.letter, "a string_view, which has no end mark: use ~b or a std::string");
    arg.value.ptr = bytes.data();
    arg.len = bytes.size();
}

inline void fill(erln_arg &arg, Encoded term) {
    if (arg.letter != 't') unsuitable(arg.letter, "an encoded term");
    arg.value.ptr = term.bytes.data();
    arg.len = term.bytes.size();
}

inline void fill(erln_arg &arg, const erln_pid &pid) {
    if (arg.letter != 'p') unsuitable(arg.letter, "a pid");
    arg.value.ptr = &pid;
}

inline void fill(erln_arg &arg, const erln_ref &ref) {
    if (arg.letter != 'r') unsuitable(arg.letter, "a reference");
    arg.value.ptr = &ref;
}

inline void fill(erln_arg &arg, const erln_port &port) {
    if (arg.letter != 'o') unsuitable(arg.letter, "a port");
    arg.value.ptr = &port;
}

// The arguments of a template.
template <class... Values>
std::vector<erln_arg> values(const char *format, const Values &...all) {
    std::vector<erln_arg> args(sizeof...(all));
    std::vector<char> found = letters(format, sizeof...(all));
    [[maybe_unused]] std::size_t n = 0;
    ((args[n].letter = found[n], args[n].len = 0, fill(args[n], all), n++), ...);
    return args;
}

// Places. Each points an argument at itself, and takes over what was captured.

template <class T>
struct Place {
    T &target;
    explicit Place(T &place) : target(place) {}
    void point(erln_arg &arg) { arg.value.out = &target; }
    void take() {}
};

template <class Text>
struct TextPlace {
    Text &target;
    erln_bytes bytes{};
    explicit TextPlace(Text &place) : target(place) {}
    void point(erln_arg &arg) { arg.value.out = &bytes; }
    void take() { target = Text(view(bytes)); }
};

template <>
struct Place<std::string> : TextPlace<std::string> {
    using TextPlace::TextPlace;
};
template <>
struct Place<std::string_view> : TextPlace<std::string_view> {
    using TextPlace::TextPlace;
};

// The letters that a type can be a place for.
template <class T>
constexpr const char *suitable() {
    if constexpr (std::is_same_v<T, int>) return "i";
    else if constexpr (std::is_same_v<T, bool>) return "w";
    else if constexpr (std::is_same_v<T, double>) return "fd";
    else if constexpr (std::is_same_v<T, std::uint8_t>) return "c";
    else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) return std::is_signed_v<T> ? "l" : "u";
    else if constexpr (std::is_same_v<T, erln_pid>) return "p";
    else if constexpr (std::is_same_v<T, erln_ref>) return "r";
    else if constexpr (std::is_same_v<T, erln_port>) return "o";
    else {
        static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>,
                      "a place is an int, std::int64_t, std::uint64_t, std::uint8_t, double, bool, erln_pid, erln_ref, "
                      "erln_port, std::string or std::string_view");
        return "asSbt";
    }
}

template <class T>
void point(erln_arg &arg, char letter, Place<T> &place) {
    if (std::strchr(suitable<T>(), letter) == nullptr) unsuitable(letter, "the type of its place");
    arg.letter = letter;
    arg.len = 0;
    place.point(arg);
}

// Calls `match` with an array of places, and takes over what was captured.
template <class Match, class... Places>
bool capture(const char *format, Match match, Places &...all) {
    std::vector<erln_arg> args(sizeof...(all));
    std::vector<char> found = letters(format, sizeof...(all));
    auto places = std::make_tuple(Place<Places>(all)...);
    return std::apply(
        [&](auto &...place) {
            [[maybe_unused]] std::size_t n = 0;
            ((point(args[n], found[n], place), n++), ...);
            if (!match(args.data(), args.size())) return false;
            (place.take(), ...);
            return true;
        },
        places);
}

template <class T, void (*free)(T *)>
struct Free {
    void operator()(T *object) const { free(object); }
};

template <class T, void (*free)(T *)>
using Owned = std::unique_ptr<T, Free<T, free>>;

}  // namespace detail

// Where a message goes. Borrows what it is made from.
class To {
public:
    To(const erln_pid &pid) : to_(erln_to_pid(&pid)) {}
    To(const erln_ref &alias) : to_(erln_to_alias(&alias)) {}
    // With priority: before ordinary messages, if the alias was made for that.
    static To priority(const erln_ref &alias) { return To(erln_to_priority_alias(&alias)); }
    To(const char *name) : to_(erln_to_name(name)) {}
    To(const std::string &name) : to_(erln_to_name(name.c_str())) {}
    To(const char *name, const char *node) : to_(erln_to_remote(name, node)) {}
    To(const std::string &name, const std::string &node) : to_(erln_to_remote(name.c_str(), node.c_str())) {}
    erln_to get() const { return to_; }

private:
    explicit To(erln_to to) : to_(to) {}
    erln_to to_;
};

// Encodes terms.
class Writer {
public:
    Writer() : writer_(erln_writer_new()) {}

    // A term made from a template: writer.write("{ok, ~i}", 42).
    template <class... Values>
    Writer &write(const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        if (!erln_write_args(get(), format, args.data(), args.size())) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
        return *this;
    }
    Writer &tuple(std::size_t arity) { return done(erln_write_tuple(get(), arity)); }
    Writer &list(std::size_t count) { return done(erln_write_list(get(), count)); }
    Writer &nil() { return done(erln_write_nil(get())); }
    Writer &map(std::size_t pairs) { return done(erln_write_map(get(), pairs)); }
    Writer &integer(std::int64_t value) { return done(erln_write_int64(get(), value)); }
    Writer &real(double value) { return done(erln_write_double(get(), value)); }
    Writer &boolean(bool value) { return done(erln_write_bool(get(), value)); }
    Writer &atom(std::string_view name) { return done(erln_write_atom_len(get(), name.data(), name.size())); }
    Writer &binary(std::string_view bytes) {
        return done(erln_write_binary(get(), detail::octets(bytes), bytes.size()));
    }
    Writer &pid(const erln_pid &pid) { return done(erln_write_pid(get(), &pid)); }
    Writer &ref(const erln_ref &ref) { return done(erln_write_ref(get(), &ref)); }
    Writer &term(std::string_view encoded) {
        return done(erln_write_term(get(), detail::octets(encoded), encoded.size()));
    }

    // The whole term. Borrowed; lives until the next write or clear.
    std::string_view finish() {
        erln_bytes bytes;
        check(erln_writer_finish(get(), &bytes));
        return view(bytes);
    }
    void clear() { erln_writer_clear(get()); }
    erln_writer *get() const { return writer_.get(); }

private:
    Writer &done(bool fine) {
        if (!fine) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
        return *this;
    }
    detail::Owned<erln_writer, erln_writer_free> writer_;
};

// A cursor over an encoded term that it borrows. A copy is a second cursor.
class Reader {
public:
    explicit Reader(erln_reader reader) : reader_(reader) {}
    explicit Reader(std::string_view term) { check(erln_reader_init(&reader_, detail::octets(term), term.size())); }

    // Takes the next term if it has this shape: reader.match("{put, ~b, ~l}", key, value).
    template <class... Places>
    bool match(const char *format, Places &...all) {
        return detail::capture(
            format,
            [&](const erln_arg *args, std::size_t count) { return erln_read_match_args(get(), format, args, count); },
            all...);
    }
    erln_kind kind() const { return erln_reader_kind(&reader_); }
    std::optional<std::int64_t> integer() { return take<std::int64_t>(erln_read_int64); }
    std::optional<double> real() { return take<double>(erln_read_double); }
    std::optional<bool> boolean() { return take<bool>(erln_read_bool); }
    std::optional<std::size_t> tuple() { return take<std::size_t>(erln_read_tuple); }
    std::optional<std::size_t> list() { return take<std::size_t>(erln_read_list); }
    std::optional<std::size_t> map() { return take<std::size_t>(erln_read_map); }
    std::optional<erln_pid> pid() { return take<erln_pid>(erln_read_pid); }
    std::optional<erln_ref> ref() { return take<erln_ref>(erln_read_ref); }
    std::optional<std::string_view> atom() { return bytes(erln_read_atom); }
    std::optional<std::string_view> binary() { return bytes(erln_read_binary); }
    std::optional<std::string_view> string() { return bytes(erln_read_string); }
    std::optional<std::string_view> term() { return bytes(erln_read_term); }
    bool atom(const char *name) { return erln_read_atom_is(get(), name); }
    bool tuple(std::size_t arity) { return erln_read_tuple_of(get(), arity); }
    bool nil() { return erln_read_nil(get()); }
    bool skip() { return erln_read_skip(get()); }
    // Throws if broken bytes were met or not everything was read.
    void finish() { check(erln_reader_finish(get())); }
    erln_reader *get() { return &reader_; }

private:
    template <class T, class Read>
    std::optional<T> take(Read read) {
        T value;
        if (!read(get(), &value)) return std::nullopt;
        return value;
    }
    template <class Read>
    std::optional<std::string_view> bytes(Read read) {
        erln_bytes value;
        if (!read(get(), &value)) return std::nullopt;
        return view(value);
    }
    erln_reader reader_;
};

// A call that a peer wants answered; ends unanswered with the object.
class Request {
public:
    explicit Request(erln_request *request) : request_(request) {}
    bool is(const char *module, const char *function, int arity = ERLN_ANY_ARITY) const {
        return erln_request_is(get(), module, function, arity);
    }
    // The arguments, one encoded list. Borrowed; lives until the answer.
    std::string_view args() const {
        erln_bytes bytes;
        check(erln_request_args(get(), &bytes));
        return view(bytes);
    }
    erln_pid caller() const {
        erln_pid pid;
        check(erln_request_caller(get(), &pid));
        return pid;
    }
    erln_pid leader() const {
        erln_pid pid;
        check(erln_request_leader(get(), &pid));
        return pid;
    }
    template <class... Values>
    void reply(const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        check(erln_request_reply_args(get(), format, args.data(), args.size()));
    }
    template <class... Values>
    void fail(erln_class kind, const char *format, const Values &...all) {
        Writer writer;
        std::string_view reason = writer.write(format, all...).finish();
        check(erln_request_fail(get(), static_cast<int>(kind), detail::octets(reason), reason.size()));
    }
    erln_request *get() const { return request_.get(); }

private:
    detail::Owned<erln_request, erln_request_free> request_;
};

// A received message.
class Message {
public:
    explicit Message(erln_msg *msg) : msg_(msg) {}

    // True if it has this shape; then what the directives match stands in the places.
    template <class... Places>
    bool match(const char *format, Places &...all) const {
        return detail::capture(
            format,
            [&](const erln_arg *args, std::size_t count) { return erln_match_args(get(), format, args, count); },
            all...);
    }
    erln_msg_type kind() const { return erln_msg_kind(get()); }
    std::optional<erln_pid> from() const {
        erln_pid pid;
        if (!erln_msg_from(get(), &pid)) return std::nullopt;
        return pid;
    }
    bool answers(const erln_ref &ref) const { return erln_msg_answers(get(), &ref); }
    Reader reader() const {
        erln_reader reader;
        check(erln_msg_reader(get(), &reader));
        return Reader(reader);
    }
    // Its encoded term, and its Erlang text. Borrowed; live as long as the message.
    std::string_view payload() const {
        erln_bytes bytes;
        check(erln_msg_payload(get(), &bytes));
        return view(bytes);
    }
    std::string_view text() const {
        erln_bytes bytes;
        check(erln_msg_text(get(), &bytes));
        return view(bytes);
    }
    // Takes the request out of a message of kind ERLN_MSG_REQUEST.
    Request request() {
        erln_request *request;
        check(erln_msg_request(get(), &request));
        return Request(request);
    }
    erln_msg *get() const { return msg_.get(); }

private:
    detail::Owned<erln_msg, erln_msg_free> msg_;
};

// A call that was sent and is waited for later. Destroyed, it is given up: what comes later is dropped. It must not outlive the
// mailbox that sent it by long; then waiting throws.
class Pending {
public:
    explicit Pending(erln_pending *call) : call_(call) {}
    // The answer, as Mailbox::call or Mailbox::erpc give it; nothing when the time is over, and it may be waited for again.
    std::optional<Message> wait(int timeout_ms = ERLN_FOREVER) {
        erln_msg *answer;
        erln_status status = erln_pending_wait(call_.get(), timeout_ms, &answer);
        if (status == ERLN_ERR_TIMEOUT) return std::nullopt;
        check(status);
        return Message(answer);
    }
    erln_pending *get() const { return call_.get(); }

private:
    detail::Owned<erln_pending, erln_pending_free> call_;
};

// What one of many peers answered: a message, or the status that tells why there is none.
struct Answer {
    erln_status status;
    std::optional<Message> message;
};

// A process of this node; ends with the object.
class Mailbox {
public:
    explicit Mailbox(erln_mailbox box) : box_(box) {}
    Mailbox(Mailbox &&other) noexcept : box_(std::exchange(other.box_, erln_mailbox{0})) {}
    Mailbox &operator=(Mailbox &&other) noexcept {
        std::swap(box_, other.box_);
        return *this;
    }
    ~Mailbox() {
        if (box_.id != 0) erln_mailbox_close(box_);
    }

    // The next message; nothing if none came in time, or once the mailbox has ended.
    std::optional<Message> receive(int timeout_ms = ERLN_FOREVER) {
        erln_msg *msg;
        return received(erln_mailbox_recv(box_, timeout_ms, &msg), &msg);
    }
    // The next message that answers `ref`; others stay.
    std::optional<Message> receive(const erln_ref &ref, int timeout_ms) {
        erln_msg *msg;
        return received(erln_mailbox_recv_ref(box_, &ref, timeout_ms, &msg), &msg);
    }
    // Sends a term made from a template: box.send(pid, "{reply, ~i}", 42).
    template <class... Values>
    void send(const To &to, const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        check(erln_send_args(box_, to.get(), format, args.data(), args.size(), ERLN_SEND_TIMEOUT_MS));
    }
    void send_term(const To &to, std::string_view term, int timeout_ms = ERLN_SEND_TIMEOUT_MS) {
        check(erln_send_term(box_, to.get(), detail::octets(term), term.size(), timeout_ms));
    }
    erln_pid pid() const {
        erln_pid pid;
        check(erln_mailbox_pid(box_, &pid));
        return pid;
    }
    int fd() const {
        std::int32_t fd;
        check(erln_mailbox_fd(box_, &fd));
        return fd;
    }
    void register_as(const std::string &name) { check(erln_mailbox_register(box_, name.c_str())); }
    void trap_exit(bool trap) { check(erln_mailbox_set_trap_exit(box_, trap)); }
    void monitor_nodes(bool visible_only = false, bool info = false) {
        check(erln_mailbox_monitor_nodes(box_, visible_only, info));
    }
    erln_ref monitor(const To &who) {
        erln_ref ref;
        check(erln_monitor(box_, who.get(), ERLN_ALIAS_NONE, &ref));
        return ref;
    }
    void demonitor(const erln_ref &ref, bool flush = true) { check(erln_demonitor(box_, &ref, flush)); }
    void link(const erln_pid &pid) { check(erln_link(box_, &pid)); }
    void unlink(const erln_pid &pid) { check(erln_unlink(box_, &pid)); }
    void export_function(const std::string &module, const std::string &function, int arity = ERLN_ANY_ARITY) {
        check(erln_export(box_, module.c_str(), function.c_str(), arity));
    }
    // Starts a function on a peer, with one encoded list of arguments, and waits for its pid.
    erln_pid spawn(const std::string &peer, const std::string &module, const std::string &function,
                   std::string_view args, std::uint32_t flags = 0, int timeout_ms = ERLN_FOREVER) {
        erln_pid pid;
        check(erln_spawn(box_, peer.c_str(), module.c_str(), function.c_str(), detail::octets(args), args.size(),
                         flags, timeout_ms, &pid, nullptr));
        return pid;
    }
    // Asks a server, as GenServer.call: auto reply = box.call({"calc", "a@host"}, 5000, "{add, ~i, ~i}", 1, 2).
    template <class... Values>
    Message call(const To &server, int timeout_ms, const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        erln_msg *reply;
        check(erln_call_args(box_, server.get(), format, args.data(), args.size(), timeout_ms, &reply));
        return Message(reply);
    }
    // Answers such a call.
    template <class... Values>
    void answer(const Message &call, const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        check(erln_answer_args(box_, call.get(), format, args.data(), args.size()));
    }
    // Makes this mailbox the Task.Supervisor that peers ask by its name: what they start arrives as requests where it was
    // exported. Nothing may be received from it any more.
    void supervise_tasks(std::size_t max_children = 0, std::size_t max_restarts = 3, std::uint32_t max_seconds = 5) {
        check(erln_task_supervise(box_, max_children, max_restarts, max_seconds));
    }
    // Starts a task of ours under a supervisor, with one list of arguments made from a template.
    template <class... Values>
    erln_task task_async(const To &supervisor, const std::string &module, const std::string &function, int timeout_ms,
                         const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        erln_task task;
        check(erln_task_async_args(box_, supervisor.get(), module.c_str(), function.c_str(), format, args.data(),
                                   args.size(), 0, timeout_ms, &task));
        return task;
    }
    // Waits for its end, which is {ok, Result} or {exit, Reason}.
    Message task_await(const erln_task &task, int timeout_ms) {
        erln_msg *end;
        check(erln_task_await(box_, &task, timeout_ms, &end));
        return Message(end);
    }
    // Ends it: nil, or what it ended with before it could be stopped.
    Message task_shutdown(const erln_task &task, int timeout_ms) {
        erln_msg *end;
        check(erln_task_shutdown(box_, &task, timeout_ms, &end));
        return Message(end);
    }
    // Runs a function on a peer; the answer is {return, Value} or an exception, as erln_erpc tells.
    template <class... Values>
    Message erpc(const std::string &peer, const std::string &module, const std::string &function, int timeout_ms,
                 const char *format, const Values &...all) {
        Writer writer;
        std::string_view args = writer.write(format, all...).finish();
        erln_msg *result;
        check(erln_erpc(box_, peer.c_str(), module.c_str(), function.c_str(), detail::octets(args), args.size(),
                        timeout_ms, &result));
        return Message(result);
    }
    // Asks a server, and does not wait: see Pending.
    template <class... Values>
    Pending call_begin(const To &server, const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        erln_pending *call;
        check(erln_call_begin_args(box_, server.get(), format, args.data(), args.size(), &call));
        return Pending(call);
    }
    // Has a function run on a peer, and does not wait: see Pending.
    template <class... Values>
    Pending erpc_begin(const std::string &peer, const std::string &module, const std::string &function,
                       const char *format, const Values &...all) {
        Writer writer;
        std::string_view args = writer.write(format, all...).finish();
        erln_pending *call;
        check(erln_erpc_begin(box_, peer.c_str(), module.c_str(), function.c_str(), detail::octets(args), args.size(),
                              &call));
        return Pending(call);
    }
    // Runs a function on many peers at the same time; one answer for each, in their order.
    template <class... Values>
    std::vector<Answer> multicall(const std::vector<std::string> &peers, const std::string &module,
                                  const std::string &function, int timeout_ms, const char *format,
                                  const Values &...all) {
        Writer writer;
        std::string_view args = writer.write(format, all...).finish();
        return answers(peers, [&](const char *const *names, erln_msg **outs, erln_status *statuses) {
            return erln_multicall(box_, names, peers.size(), module.c_str(), function.c_str(), detail::octets(args),
                                  args.size(), timeout_ms, outs, statuses);
        });
    }
    // Asks the servers called `name` on many peers at the same time; one answer for each, in their order.
    template <class... Values>
    std::vector<Answer> multi_call(const std::vector<std::string> &peers, const std::string &name, int timeout_ms,
                                   const char *format, const Values &...all) {
        Writer writer;
        std::string_view request = writer.write(format, all...).finish();
        return answers(peers, [&](const char *const *names, erln_msg **outs, erln_status *statuses) {
            return erln_multi_call_term(box_, names, peers.size(), name.c_str(), detail::octets(request),
                                        request.size(), timeout_ms, outs, statuses);
        });
    }
    // Answers what `sys` asks of a server that shows `state` (one encoded term), and says what to do now.
    erln_system answer_system(const Message &message, const std::string &module, std::string_view state,
                              bool suspended = false) {
        erln_system outcome;
        check(erln_answer_system(box_, message.get(), module.c_str(), detail::octets(state), state.size(), suspended,
                                 &outcome));
        return outcome;
    }
    // Makes `leader` the group leader of a process anywhere.
    void set_group_leader(const erln_pid &pid, const erln_pid &leader) {
        check(erln_set_group_leader(box_, &pid, &leader));
    }

    // Registers the mailbox under a global name, which is made from a template; false if it is taken.
    template <class... Values>
    bool global_register(erln_resolve resolve, int timeout_ms, const char *name, const Values &...all) {
        Writer writer;
        std::string_view term = writer.write(name, all...).finish();
        erln_pid self = pid();
        erln_status status = erln_global_register_term(node(), detail::octets(term), term.size(), &self, resolve,
                                                       nullptr, timeout_ms);
        if (status == ERLN_ERR_NAME_TAKEN) return false;
        check(status);
        return true;
    }
    // Locks a resource on all visible nodes; false once `retries` (negative: no limit) found it taken.
    template <class... Values>
    bool global_set_lock(int retries, int timeout_ms, const char *resource, const Values &...all) {
        Writer writer;
        std::string_view term = writer.write(resource, all...).finish();
        bool locked = false;
        check(erln_global_set_lock_term(box_, detail::octets(term), term.size(), retries, timeout_ms, &locked));
        return locked;
    }
    template <class... Values>
    void global_del_lock(int timeout_ms, const char *resource, const Values &...all) {
        Writer writer;
        std::string_view term = writer.write(resource, all...).finish();
        check(erln_global_del_lock_term(box_, detail::octets(term), term.size(), timeout_ms));
    }

    // Joins a process group of a scope, whose name is made from a template: box.join("pg", "{room, ~i}", 7).
    template <class... Values>
    void join(const std::string &scope, const char *group, const Values &...all) {
        Writer writer;
        std::string_view name = writer.write(group, all...).finish();
        erln_pid self = pid();
        check(erln_pg_join_term(node(), scope.c_str(), detail::octets(name), name.size(), &self, 1));
    }
    // Leaves it, once; false if it was not in it.
    template <class... Values>
    bool leave(const std::string &scope, const char *group, const Values &...all) {
        Writer writer;
        std::string_view name = writer.write(group, all...).finish();
        erln_pid self = pid();
        bool left = false;
        check(erln_pg_leave_term(node(), scope.c_str(), detail::octets(name), name.size(), &self, 1, &left));
        return left;
    }
    // Hears of the changes of a group from now on: {Ref, join | leave, Group, [Pid]}.
    template <class... Values>
    erln_ref monitor_group(const std::string &scope, const char *group, const Values &...all) {
        Writer writer;
        std::string_view name = writer.write(group, all...).finish();
        erln_ref ref;
        check(erln_pg_monitor_term(box_, scope.c_str(), detail::octets(name), name.size(), &ref, nullptr));
        return ref;
    }
    void demonitor_group(const std::string &scope, const erln_ref &ref) {
        check(erln_pg_demonitor(box_, scope.c_str(), &ref));
    }
    // Receives what is broadcast on a topic of Phoenix.PubSub.
    void subscribe(const std::string &pubsub, const std::string &topic) {
        check(erln_pubsub_subscribe(box_, pubsub.c_str(), topic.c_str()));
    }
    void unsubscribe(const std::string &pubsub, const std::string &topic) {
        check(erln_pubsub_unsubscribe(box_, pubsub.c_str(), topic.c_str()));
    }
    // Broadcasts a term made from a template, to all or as the audience says.
    template <class... Values>
    void broadcast(const std::string &pubsub, const std::string &topic, erln_audience audience, const char *format,
                   const Values &...all) {
        Writer writer;
        std::string_view term = writer.write(format, all...).finish();
        check(erln_pubsub_broadcast_term(box_, pubsub.c_str(), topic.c_str(), static_cast<std::int32_t>(audience),
                                         nullptr, detail::octets(term), term.size(), ERLN_SEND_TIMEOUT_MS));
    }
    // Writes on a group leader, and waits until it is written.
    void put_chars(const To &leader, const std::string &chars, int timeout_ms = ERLN_FOREVER) {
        check(erln_put_chars(box_, leader.get(), chars.c_str(), timeout_ms));
    }
    erln_node node() const {
        erln_node node;
        check(erln_mailbox_node(box_, &node));
        return node;
    }
    erln_mailbox get() const { return box_; }

private:
    template <class Ask>
    static std::vector<Answer> answers(const std::vector<std::string> &peers, const Ask &ask) {
        std::vector<const char *> names;
        for (const std::string &peer : peers) names.push_back(peer.c_str());
        std::vector<erln_msg *> outs(peers.size());
        std::vector<erln_status> statuses(peers.size());
        check(ask(names.data(), outs.data(), statuses.data()));
        std::vector<Answer> all;
        for (std::size_t at = 0; at < peers.size(); at++) {
            all.push_back({statuses[at], outs[at] ? std::optional<Message>(Message(outs[at])) : std::nullopt});
        }
        return all;
    }
    static std::optional<Message> received(erln_status status, erln_msg **msg) {
        if (status == ERLN_ERR_TIMEOUT || status == ERLN_ERR_CLOSED) return std::nullopt;
        check(status);
        return Message(*msg);
    }
    erln_mailbox box_;
};

// The options of a node.
class Config {
public:
    explicit Config(const std::string &name) : config_(erln_config_new(name.empty() ? nullptr : name.c_str())) {
        if (!config_) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
    }
    Config &cookie(const std::string &cookie) & { return done(erln_config_set_cookie(get(), cookie.c_str())); }
    Config &visible(bool visible = true) & { return done(erln_config_set_visible(get(), visible)); }
    // All connections over TLS, with OTP's option file or with three PEM files.
    Config &tls(const std::string &optfile) & { return done(erln_config_set_tls_optfile(get(), optfile.c_str())); }
    Config &tls(const std::string &certificate, const std::string &key, const std::string &authorities) & {
        return done(erln_config_set_tls_files(get(), certificate.c_str(), key.c_str(), authorities.c_str()));
    }
    Config &&tls(const std::string &optfile) && { return std::move(tls(optfile)); }
    Config &&tls(const std::string &certificate, const std::string &key, const std::string &authorities) && {
        return std::move(tls(certificate, key, authorities));
    }
    Config &&cookie(const std::string &text) && { return std::move(cookie(text)); }
    Config &&visible(bool on = true) && { return std::move(visible(on)); }
    // For the options without a method: erln_config_set_...(config.get(), ...).
    erln_config *get() const { return config_.get(); }

private:
    Config &done(erln_status status) {
        check(status);
        return *this;
    }
    detail::Owned<erln_config, erln_config_free> config_;
};

// This program as a member of the cluster; leaves it with the object.
class Node {
public:
    explicit Node(const Config &config) { check(erln_node_start(config.get(), &node_)); }
    explicit Node(const std::string &name) : Node(Config(name)) {}
    Node(Node &&other) noexcept : node_(std::exchange(other.node_, erln_node{0})) {}
    Node &operator=(Node &&other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~Node() {
        if (node_.id != 0) erln_node_stop(node_);
    }

    Mailbox mailbox(const std::string &name = {}) {
        erln_mailbox box;
        check(erln_mailbox_open(node_, name.empty() ? nullptr : name.c_str(), nullptr, &box));
        return Mailbox(box);
    }
    std::string name() const {
        erln_name name;
        check(erln_node_name(node_, &name));
        return name.text;
    }
    // Finds nodes and keeps them connected; see erln_discover_nodes and those after it.
    void discover_nodes(const std::string &names) { check(erln_discover_nodes(node_, names.c_str())); }
    void discover_epmd(const std::string &hosts) { check(erln_discover_epmd(node_, hosts.c_str())); }
    void discover_dns(const std::string &basename, const std::string &query) {
        check(erln_discover_dns(node_, basename.c_str(), query.c_str()));
    }
    void discover_srv(const std::string &basename, const std::string &query, const char *server = nullptr) {
        check(erln_discover_srv(node_, basename.c_str(), query.c_str(), server));
    }
    void discover_gossip(bool announce, const char *group = nullptr, const char *interface = nullptr,
                         const char *secret = nullptr) {
        check(erln_discover_gossip(node_, group, interface, secret, announce));
    }
    void discover_file(const std::string &path) { check(erln_discover_file(node_, path.c_str())); }
    void discover_stop() { check(erln_discover_stop(node_)); }
    // The process with a global name, which is made from a template; throws if nobody has it.
    template <class... Values>
    erln_pid global_whereis(int timeout_ms, const char *name, const Values &...all) const {
        Writer writer;
        std::string_view term = writer.write(name, all...).finish();
        erln_pid pid;
        check(erln_global_whereis_term(node_, detail::octets(term), term.size(), timeout_ms, &pid));
        return pid;
    }
    // Takes a global name away from whoever has it.
    template <class... Values>
    void global_unregister(int timeout_ms, const char *name, const Values &...all) {
        Writer writer;
        std::string_view term = writer.write(name, all...).finish();
        check(erln_global_unregister_term(node_, detail::octets(term), term.size(), timeout_ms));
    }
    // All global names: a list.
    Message global_names(int timeout_ms) const {
        erln_msg *list;
        check(erln_global_names(node_, timeout_ms, &list));
        return Message(list);
    }
    // Waits until all visible nodes that are connected have the names that this one has.
    void global_sync(int timeout_ms) { check(erln_global_sync(node_, timeout_ms)); }
    // Starts a scope of process groups; "pg" is OTP's own.
    void start_groups(const std::string &scope = "pg") { check(erln_pg_start(node_, scope.c_str())); }
    // The members of a group on all nodes: a list of pids.
    template <class... Values>
    Message members(const std::string &scope, const char *group, const Values &...all) {
        Writer writer;
        std::string_view name = writer.write(group, all...).finish();
        erln_msg *list;
        check(erln_pg_members_term(node_, scope.c_str(), detail::octets(name), name.size(), false, &list));
        return Message(list);
    }
    // Starts Phoenix.PubSub under the name of the Elixir side, with a pool at least as large.
    void start_pubsub(const std::string &pubsub, std::size_t pool_size = 1) {
        check(erln_pubsub_start(node_, pubsub.c_str(), pool_size));
    }
    void connect(const std::string &peer, int timeout_ms = ERLN_FOREVER) {
        check(erln_node_connect(node_, peer.c_str(), timeout_ms));
    }
    void disconnect(const std::string &peer) { check(erln_node_disconnect(node_, peer.c_str())); }
    void reload_tls() { check(erln_node_reload_tls(node_)); }
    void keep_connected(const std::string &peer) { check(erln_node_keep_connected(node_, peer.c_str())); }
    void allow(const std::string &peer) { check(erln_node_allow(node_, peer.c_str())); }
    void set_ticktime(std::uint32_t ticktime_ms, std::uint32_t transition_ms) {
        check(erln_node_set_ticktime(node_, ticktime_ms, transition_ms));
    }
    std::uint32_t ticktime_ms() const {
        std::uint32_t ticktime;
        check(erln_node_ticktime(node_, &ticktime));
        return ticktime;
    }
    bool ping(const std::string &peer, int timeout_ms = ERLN_FOREVER) {
        bool pong;
        check(erln_node_ping(node_, peer.c_str(), timeout_ms, &pong));
        return pong;
    }
    std::vector<std::string> nodes(erln_node_filter filter = ERLN_NODES_CONNECTED) const {
        erln_names *list;
        check(erln_node_list(node_, static_cast<int>(filter), &list));
        detail::Owned<erln_names, erln_names_free> owner(list);
        std::vector<std::string> names;
        for (std::size_t n = 0; n < erln_names_count(list); n++) names.emplace_back(erln_names_get(list, n));
        return names;
    }
    std::optional<erln_pid> whereis(const std::string &name) const {
        erln_pid pid;
        erln_status status = erln_node_whereis(node_, name.c_str(), &pid);
        if (status == ERLN_ERR_NO_PROCESS) return std::nullopt;
        check(status);
        return pid;
    }
    erln_ref make_ref() const {
        erln_ref ref;
        check(erln_node_make_ref(node_, &ref));
        return ref;
    }
    erln_node get() const { return node_; }

private:
    erln_node node_{};
};

}  // namespace erlnode

#endif  // ERLNODE_HPP
