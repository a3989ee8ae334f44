// Mailbox: a process of this node.

#ifndef ERLNODE_MAILBOX_HPP
#define ERLNODE_MAILBOX_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "message.hpp"

namespace erlnode {

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
    // With priority: the DOWN message, or the trapped exit, goes before ordinary messages.
    erln_ref monitor_priority(const To &who) {
        erln_ref ref;
        check(erln_monitor_priority(box_, who.get(), ERLN_ALIAS_NONE, &ref));
        return ref;
    }
    void link_priority(const erln_pid &pid) { check(erln_link_priority(box_, &pid)); }
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
    // Starts a function on a peer, with one encoded list of arguments and one of options as erlang:spawn_request/5 takes; the
    // answer {spawn_reply, Ref, ok | error, Pid | Reason} arrives as a message.
    erln_ref spawn_request(const std::string &peer, const std::string &module, const std::string &function,
                           std::string_view args, std::string_view options) {
        erln_ref ref;
        check(erln_spawn_request_opt(box_, peer.c_str(), module.c_str(), function.c_str(), detail::octets(args),
                                     args.size(), detail::octets(options), options.size(), &ref));
        return ref;
    }
    // Asks a server, as GenServer.call: auto reply = box.call({"calc", "a@host"}, 5000, "{add, ~i, ~i}", 1, 2).
    template <class... Values>
    Message call(const To &server, int timeout_ms, const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        erln_msg *reply;
        check(erln_call_args(box_, server.get(), format, args.data(), args.size(), timeout_ms, &reply));
        return Message(reply);
    }
    // Tells a server, as GenServer.cast.
    template <class... Values>
    void cast(const To &server, const char *format, const Values &...all) {
        Writer writer;
        std::string_view request = writer.write(format, all...).finish();
        send(server, "{'$gen_cast', ~t}", Encoded{request});
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

}  // namespace erlnode

#endif  // ERLNODE_MAILBOX_HPP
