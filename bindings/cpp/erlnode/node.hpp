// Config and Node: this program as a member of the cluster.

#ifndef ERLNODE_NODE_HPP
#define ERLNODE_NODE_HPP

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mailbox.hpp"

namespace erlnode {

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
    // Refuses peers whose certificates were revoked: a file or a directory of revocation lists; call after tls().
    Config &tls_crl(const std::string &path, erln_crl_check check = ERLN_CRL_CHAIN) & {
        return done(erln_config_set_tls_crl_file(get(), path.c_str(), check));
    }
    Config &&tls_crl(const std::string &path, erln_crl_check check = ERLN_CRL_CHAIN) && {
        return std::move(tls_crl(path, check));
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

#endif  // ERLNODE_NODE_HPP
