// Server: a table of functions, and a loop that calls the right one for each message of a mailbox.
//
// What a function throws becomes an Erlang error: Failure the one it names; BadArgument what a call of something unknown gives;
// any other exception the error {cpp, Type, Text}. In a function that peers call, that is the end of the call; in a handler of
// calls, casts or messages it is the end of the server, as in Erlang, and callers hear of it.
//
//     erlnode::Server server;
//     server.on_call([&](erlnode::Call &call) {
//         std::int64_t x, y;
//         if (!call.request().match("{add, ~l, ~l}", x, y)) throw erlnode::BadArgument();
//         call.reply("~l", x + y);
//     });
//     server.function("math", "sqrt", 1, [](erlnode::Request &request, erlnode::Reader &args) {
//         double x;
//         if (!args.match("[~d]", x)) throw erlnode::BadArgument();
//         request.reply("~f", std::sqrt(x));
//     });
//     server.run(box);

#ifndef ERLNODE_SERVER_HPP
#define ERLNODE_SERVER_HPP

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mailbox.hpp"

namespace erlnode {

// Thrown by a function: ends the call, or the server, with this class and reason: Failure(ERLN_CLASS_ERROR, "{no_file, ~b}", name).
class Failure : public std::exception {
public:
    template <class... Values>
    explicit Failure(erln_class kind, const char *reason, const Values &...all) : kind_(kind) {
        Writer writer;
        reason_ = writer.write(reason, all...).finish();
    }
    erln_class kind() const noexcept { return kind_; }
    // One encoded term.
    const std::string &reason() const noexcept { return reason_; }
    const char *what() const noexcept override { return "a failure with an Erlang reason"; }

private:
    erln_class kind_;
    std::string reason_;
};

// Thrown by a function for arguments that it does not know: the error badarg; a call is answered {error, {bad_call, Request}}.
class BadArgument : public std::exception {
public:
    const char *what() const noexcept override { return "badarg"; }
};

// Thrown by a handler: the server ends with reason normal.
class Stop : public std::exception {
public:
    const char *what() const noexcept override { return "stop"; }
};

// A call of a server. To answer later, from any thread, move it away.
class Call {
public:
    Call(erln_mailbox box, Message message, Reader request)
        : box_(box), message_(std::move(message)), request_(request) {}
    // A cursor at what is asked.
    Reader &request() { return request_; }
    const Message &message() const { return message_; }
    template <class... Values>
    void reply(const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        check(erln_answer_args(box_, message_.get(), format, args.data(), args.size()));
    }
    erln_msg *release() { return message_.release(); }

private:
    erln_mailbox box_;
    Message message_;
    Reader request_;
};

// A table of functions that serves one mailbox. Fill it, then run it, on one thread or on several; the functions are called there.
class Server {
public:
    using CallHandler = std::function<void(Call &)>;
    using TermHandler = std::function<void(Reader &)>;
    using MessageHandler = std::function<void(const Message &)>;
    using StateWriter = std::function<void(Writer &)>;
    // To answer later, from any thread, move the request away.
    using Function = std::function<void(Request &, Reader &)>;

    Server() : table_(std::make_unique<Table>()), server_(erln_server_new(table_.get())) {}

    // Answers calls (GenServer.call and its like); the reader stands at the request.
    Server &on_call(CallHandler handler) {
        table_->on_call = std::move(handler);
        check(erln_server_on_call(get(), called));
        return *this;
    }
    Server &on_cast(TermHandler handler) {
        table_->on_cast = std::move(handler);
        check(erln_server_on_cast(get(), cast));
        return *this;
    }
    // Takes all other messages.
    Server &on_info(MessageHandler handler) {
        table_->on_info = std::move(handler);
        check(erln_server_on_info(get(), informed));
        return *this;
    }
    // Writes the state that sys:get_state shows: one term.
    Server &on_state(StateWriter handler) {
        table_->on_state = std::move(handler);
        check(erln_server_on_state(get(), state));
        return *this;
    }
    // Runs once, when the server ends; the reader stands at the reason.
    Server &on_end(TermHandler handler) {
        table_->on_end = std::move(handler);
        check(erln_server_on_end(get(), ended));
        return *this;
    }
    // Lets peers run module:function.
    Server &function(const std::string &module, const std::string &name, int arity, Function run) {
        check(erln_server_function(get(), module.c_str(), name.c_str(), arity, asked));
        table_->functions.push_back({module, name, arity, std::move(run)});
        return *this;
    }
    // Serves a mailbox until it ends (true), or until the time is over (false); then it may be called again.
    bool run(const Mailbox &box, int timeout_ms = ERLN_FOREVER) {
        erln_status status = erln_server_run(get(), box.get(), timeout_ms);
        if (status == ERLN_ERR_TIMEOUT) return false;
        check(status);
        return true;
    }
    // For an event loop of yours: exports the functions; handles a message that it received, and says whether the server goes on.
    void export_functions(const Mailbox &box) { check(erln_server_export(get(), box.get())); }
    bool handle(const Mailbox &box, Message message) {
        erln_status status = erln_server_handle(get(), box.get(), message.release());
        if (status == ERLN_ERR_CLOSED) return false;
        check(status);
        return true;
    }
    erln_server *get() const { return server_.get(); }

private:
    struct Entry {
        std::string module, name;
        int arity;
        Function run;
    };
    // What the functions of C find behind their pointer; it stays where it is when the server is moved.
    struct Table {
        CallHandler on_call;
        TermHandler on_cast, on_end;
        MessageHandler on_info;
        StateWriter on_state;
        std::vector<Entry> functions;

        const Entry *find(erln_request *request) const {
            erln_bytes module, name;
            std::uint32_t arity;
            check(erln_request_function(request, &module, &name, &arity));
            const Entry *any = nullptr;
            for (const Entry &entry : functions) {
                if (entry.module != view(module) || entry.name != view(name)) continue;
                if (entry.arity == static_cast<std::int64_t>(arity)) return &entry;
                if (entry.arity == ERLN_ANY_ARITY) any = &entry;
            }
            return any;
        }
    };

    // Writes the reason of the exception that is being handled, and gives its class.
    static erln_class reason(Writer &writer) {
        try {
            throw;
        } catch (const Failure &failure) {
            writer.term(failure.reason());
            return failure.kind();
        } catch (const std::exception &error) {
            writer.write("{cpp, ~b, ~b}", typeid(error).name(), error.what());
        } catch (...) {
            writer.write("{cpp, ~b, ~b}", "unknown", "");
        }
        return ERLN_CLASS_ERROR;
    }
    // The server ends as a process of Erlang does that does not catch this.
    static void crash(erln_mailbox box) {
        Writer inner, outer;
        erln_class kind = reason(inner);
        std::string_view why = inner.finish();
        if (kind == ERLN_CLASS_EXIT) {
            outer.term(why);
        } else if (kind == ERLN_CLASS_THROW) {
            outer.write("{{nocatch, ~t}, []}", Encoded{why});
        } else {
            outer.write("{~t, []}", Encoded{why});
        }
        std::string_view term = outer.finish();
        // It may have ended meanwhile.
        erln_mailbox_exit(box, detail::octets(term), term.size());
    }
    // Runs a handler; no exception may pass through C.
    template <class Handler>
    static std::int32_t guarded(erln_mailbox box, const Handler &handler) noexcept {
        try {
            try {
                handler();
            } catch (const Stop &) {
                return ERLN_STOP;
            } catch (const BadArgument &) {
                return ERLN_BADARG;
            } catch (...) {
                crash(box);
            }
        } catch (...) {
            // Not even the reason could be written.
            erln_mailbox_close(box);
        }
        return ERLN_HANDLED;
    }
    static std::int32_t called(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) noexcept {
        Call call(box, Message(msg), Reader(*request));
        std::int32_t handled = guarded(box, [&] { static_cast<Table *>(data)->on_call(call); });
        // Not moved away, it is the library's again, which frees it.
        if (call.release() != nullptr) return handled;
        if (handled == ERLN_STOP) erln_mailbox_close(box);
        return ERLN_KEPT;
    }
    static std::int32_t cast(erln_mailbox box, erln_msg *, erln_reader *request, void *data) noexcept {
        Reader reader(*request);
        return guarded(box, [&] { static_cast<Table *>(data)->on_cast(reader); });
    }
    static std::int32_t informed(erln_mailbox box, erln_msg *msg, erln_reader *, void *data) noexcept {
        Message message(msg);
        std::int32_t handled = guarded(box, [&] { static_cast<Table *>(data)->on_info(message); });
        message.release();
        return handled;
    }
    static void state(erln_writer *writer, void *data) noexcept {
        try {
            Writer own;
            static_cast<Table *>(data)->on_state(own);
            std::string_view term = own.finish();
            erln_write_term(writer, detail::octets(term), term.size());
        } catch (...) {
            erln_write_atom(writer, "undefined");
        }
    }
    static void ended(erln_mailbox, erln_reader *reason, void *data) noexcept {
        try {
            Reader reader(*reason);
            static_cast<Table *>(data)->on_end(reader);
        } catch (...) {
            // The server is at its end: nobody is there to hear of it.
        }
    }
    static std::int32_t asked(erln_request *given, erln_reader *args, void *data) noexcept {
        Request request(given);
        std::int32_t handled = ERLN_HANDLED;
        try {
            try {
                Reader reader(*args);
                const Entry *entry = static_cast<Table *>(data)->find(given);
                if (entry == nullptr) throw BadArgument();
                entry->run(request, reader);
            } catch (const Stop &) {
                handled = ERLN_STOP;
            } catch (const BadArgument &) {
                handled = ERLN_BADARG;
            } catch (...) {
                Writer writer;
                erln_class kind = reason(writer);
                std::string_view why = writer.finish();
                if (request.get() != nullptr) {
                    // It may be answered already.
                    erln_request_fail(request.get(), static_cast<std::int32_t>(kind), detail::octets(why), why.size());
                }
            }
        } catch (...) {
            // Unanswered, it ends as if it was killed.
        }
        return request.release() != nullptr ? handled : static_cast<std::int32_t>(ERLN_KEPT);
    }

    std::unique_ptr<Table> table_;
    detail::Owned<erln_server, erln_server_free> server_;
};

}  // namespace erlnode

#endif  // ERLNODE_SERVER_HPP
