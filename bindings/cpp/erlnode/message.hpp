// What arrives and what is asked: Message, Request, Pending, and where messages go.

#ifndef ERLNODE_MESSAGE_HPP
#define ERLNODE_MESSAGE_HPP

#include <optional>
#include <string>
#include <string_view>

#include "term.hpp"

namespace erlnode {

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
    // Gives it away, to be freed with erln_request_free.
    erln_request *release() { return request_.release(); }

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
    // Gives it away, to be freed with erln_msg_free.
    erln_msg *release() { return msg_.release(); }

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

}  // namespace erlnode

#endif  // ERLNODE_MESSAGE_HPP
