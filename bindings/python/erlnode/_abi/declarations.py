"""What is used of erlnode.h, in its own words; a test compares the two."""

DECLARATIONS = """// The library
uint32_t erln_abi(void);
const char *erln_version(void);
const char *erln_last_error(void);

// Config
erln_config *erln_config_new(const char *name);
void erln_config_free(erln_config *config);
erln_status erln_config_set_cookie(erln_config *config, const char *cookie);
erln_status erln_config_set_cookie_file(erln_config *config, const char *path);
erln_status erln_config_set_visible(erln_config *config, bool visible);
erln_status erln_config_set_names(erln_config *config, int32_t names);
erln_status erln_config_set_listen(erln_config *config, bool listen);
erln_status erln_config_set_listen_address(erln_config *config, const char *address);
erln_status erln_config_set_port(erln_config *config, uint16_t first, uint16_t last);
erln_status erln_config_set_known_port(erln_config *config, uint16_t port);
erln_status erln_config_set_epmd(erln_config *config, const char *address, uint16_t port, bool embedded);
erln_status erln_config_set_ipv6(erln_config *config, bool ipv6);
erln_status erln_config_set_ticktime(erln_config *config, uint32_t ticktime_ms);
erln_status erln_config_set_setup_time(erln_config *config, uint32_t setup_ms);
erln_status erln_config_set_auto_connect(erln_config *config, int32_t when);
erln_status erln_config_set_allow(erln_config *config, const char *nodes);
erln_status erln_config_set_busy_limit(erln_config *config, size_t bytes);
erln_status erln_config_set_shared_rate(erln_config *config, size_t bytes_per_second);
erln_status erln_config_set_busy_wait(erln_config *config, uint32_t microseconds);
erln_status erln_config_set_max_message(erln_config *config, size_t bytes);
erln_status erln_config_set_mailbox_bytes(erln_config *config, size_t bytes);
erln_status erln_config_set_atom_cache(erln_config *config, bool enabled);
erln_status erln_config_set_atom_limit(erln_config *config, size_t atoms);
erln_status erln_config_set_tls_optfile(erln_config *config, const char *path);
erln_status erln_config_set_tls_files(erln_config *config, const char *certificate, const char *key, const char *authorities);
erln_status erln_config_set_tls_pem(erln_config *config, const char *certificate, const char *key, const char *authorities);
erln_status erln_config_set_tls_versions(erln_config *config, int32_t lowest, int32_t highest);
erln_status erln_config_set_tls_check_callers(erln_config *config, bool check);
erln_status erln_config_set_tls_crl_file(erln_config *config, const char *path, int32_t check);
erln_status erln_config_set_tls_crl_pem(erln_config *config, const char *lists, int32_t check);
erln_status erln_config_set_tls_danger_anonymous_callers(erln_config *config);
erln_status erln_config_set_tls_danger_no_verify(erln_config *config);

// Node
erln_status erln_node_start(const erln_config *config, erln_node *out);
erln_status erln_node_stop(erln_node node);
erln_status erln_node_name(erln_node node, erln_name *out);
erln_status erln_node_is_alive(erln_node node, bool *out);
erln_status erln_node_creation(erln_node node, uint32_t *out);
erln_status erln_node_port(erln_node node, uint16_t *out);
erln_status erln_node_serves_epmd(erln_node node, bool *out);
erln_status erln_node_connect(erln_node node, const char *peer, int32_t timeout_ms);
erln_status erln_node_disconnect(erln_node node, const char *peer);
erln_status erln_node_keep_connected(erln_node node, const char *peer);
erln_status erln_node_reload_tls(erln_node node);
erln_status erln_node_allow(erln_node node, const char *peer);
erln_status erln_node_set_ticktime(erln_node node, uint32_t ticktime_ms, uint32_t transition_ms);
erln_status erln_node_ticktime(erln_node node, uint32_t *out_ms);
erln_status erln_node_process_count(erln_node node, size_t *out);
erln_status erln_node_ping(erln_node node, const char *peer, int32_t timeout_ms, bool *out_pong);
erln_status erln_node_list(erln_node node, int32_t filter, erln_names **out);
erln_status erln_node_whereis(erln_node node, const char *name, erln_pid *out);
erln_status erln_node_registered(erln_node node, erln_names **out);
erln_status erln_node_set_cookie(erln_node node, const char *peer, const char *cookie);
erln_status erln_node_make_ref(erln_node node, erln_ref *out);
size_t erln_names_count(const erln_names *names);
const char *erln_names_get(const erln_names *names, size_t index);
void erln_names_free(erln_names *names);

// Mailbox
erln_mailbox_options *erln_mailbox_options_new(void);
void erln_mailbox_options_free(erln_mailbox_options *options);
erln_status erln_mailbox_options_set_trap_exit(erln_mailbox_options *options, bool trap);
erln_status erln_mailbox_options_set_limit(erln_mailbox_options *options, size_t messages, size_t bytes, int32_t
    overflow);
erln_status erln_mailbox_open(erln_node node, const char *name, const erln_mailbox_options *options, erln_mailbox
    *out);
erln_status erln_mailbox_exit(erln_mailbox mailbox, const uint8_t *reason, size_t len);
erln_status erln_mailbox_close(erln_mailbox mailbox);
erln_status erln_mailbox_pid(erln_mailbox mailbox, erln_pid *out);
erln_status erln_mailbox_fd(erln_mailbox mailbox, int32_t *out);
erln_status erln_mailbox_register(erln_mailbox mailbox, const char *name);
erln_status erln_mailbox_unregister(erln_mailbox mailbox);
erln_status erln_mailbox_set_trap_exit(erln_mailbox mailbox, bool trap);
erln_status erln_mailbox_monitor_nodes(erln_mailbox mailbox, bool visible_only, bool info);
erln_status erln_mailbox_demonitor_nodes(erln_mailbox mailbox);
erln_status erln_mailbox_monitor_node(erln_mailbox mailbox, const char *peer);
erln_status erln_mailbox_demonitor_node(erln_mailbox mailbox, const char *peer);
erln_status erln_mailbox_load(erln_mailbox mailbox, size_t *out_messages, size_t *out_bytes, uint64_t *out_dropped);
erln_status erln_mailbox_exit_reason(erln_mailbox mailbox, erln_writer *writer);
erln_writer *erln_writer_new(void);
void erln_writer_free(erln_writer *writer);
erln_status erln_writer_finish(erln_writer *writer, erln_bytes *out);
erln_status erln_mailbox_recv(erln_mailbox mailbox, int32_t timeout_ms, erln_msg **out);
erln_status erln_mailbox_recv_ref(erln_mailbox mailbox, const erln_ref *reference, int32_t timeout_ms, erln_msg **out);
erln_msg_type erln_msg_kind(const erln_msg *msg);
bool erln_msg_from(const erln_msg *msg, erln_pid *out);
erln_status erln_msg_payload(const erln_msg *msg, erln_bytes *out);
erln_status erln_send_term(erln_mailbox mailbox, erln_to to, const uint8_t *term, size_t len, int32_t timeout_ms);

// Links, monitors, exits
erln_status erln_monitor(erln_mailbox mailbox, erln_to who, int32_t mode, erln_ref *out);
erln_status erln_monitor_priority(erln_mailbox mailbox, erln_to who, int32_t mode, erln_ref *out);
erln_status erln_demonitor(erln_mailbox mailbox, const erln_ref *reference, bool flush);
erln_status erln_link(erln_mailbox mailbox, const erln_pid *pid);
erln_status erln_link_priority(erln_mailbox mailbox, const erln_pid *pid);
erln_status erln_unlink(erln_mailbox mailbox, const erln_pid *pid);
erln_status erln_exit(erln_mailbox mailbox, const erln_pid *pid, const uint8_t *reason, size_t len);
erln_status erln_alias(erln_mailbox mailbox, erln_ref *out);
erln_status erln_priority_alias(erln_mailbox mailbox, erln_ref *out);
erln_status erln_exit_priority(erln_mailbox mailbox, const erln_ref *alias, const uint8_t *reason, size_t len);
erln_status erln_unalias(erln_mailbox mailbox, const erln_ref *alias);

// Spawn and requests
erln_status erln_export(erln_mailbox mailbox, const char *module, const char *function, int32_t arity);
erln_status erln_task_supervise(erln_mailbox mailbox, size_t max_children, size_t max_restarts, uint32_t max_seconds);
erln_status erln_unexport(erln_node node, const char *module, const char *function, int32_t arity);
erln_status erln_spawn(erln_mailbox mailbox, const char *peer, const char *module, const char *function, const
    uint8_t *args, size_t len, uint32_t flags, int32_t timeout_ms, erln_pid *out, erln_ref *out_ref);
erln_status erln_put_chars(erln_mailbox mailbox, erln_to leader, const char *chars, int32_t timeout_ms);
erln_status erln_mailbox_group_leader(erln_mailbox mailbox, erln_pid *out);
erln_status erln_set_group_leader(erln_mailbox mailbox, const erln_pid *pid, const erln_pid *leader);
erln_status erln_mailbox_set_group_leader(erln_mailbox mailbox, const erln_pid *leader);
erln_status erln_spawn_request(erln_mailbox mailbox, const char *peer, const char *module, const char *function,
    const uint8_t *args, size_t len, uint32_t flags, erln_ref *out);
erln_status erln_spawn_request_opt(erln_mailbox mailbox, const char *peer, const char *module, const char *function,
    const uint8_t *args, size_t len, const uint8_t *options, size_t options_len, erln_ref *out);
erln_status erln_msg_request(erln_msg *msg, erln_request **out);
void erln_msg_free(erln_msg *msg);
erln_status erln_request_function(const erln_request *request, erln_bytes *out_module, erln_bytes *out_function,
    uint32_t *out_arity);
erln_status erln_request_args(const erln_request *request, erln_bytes *out);
erln_status erln_request_reply(erln_request *request, const uint8_t *term, size_t len);
erln_status erln_request_fail(erln_request *request, int32_t class_, const uint8_t *reason, size_t len);
erln_status erln_request_pid(const erln_request *request, erln_pid *out);
erln_status erln_request_caller(const erln_request *request, erln_pid *out);
erln_status erln_request_leader(const erln_request *request, erln_pid *out);
bool erln_request_is_wanted(const erln_request *request);
void erln_request_free(erln_request *request);

// Process groups and PubSub
erln_status erln_pg_start(erln_node node, const char *scope);
erln_status erln_pg_stop(erln_node node, const char *scope);
erln_status erln_pg_join_term(erln_node node, const char *scope, const uint8_t *group, size_t len, const erln_pid
    *pids, size_t count);
erln_status erln_pg_leave_term(erln_node node, const char *scope, const uint8_t *group, size_t len, const erln_pid
    *pids, size_t count, bool *out_left);
erln_status erln_pg_members_term(erln_node node, const char *scope, const uint8_t *group, size_t len, bool local,
    erln_msg **out);
erln_status erln_pg_groups(erln_node node, const char *scope, bool local, erln_msg **out);
erln_status erln_pg_monitor_term(erln_mailbox mailbox, const char *scope, const uint8_t *group, size_t len, erln_ref
    *out, erln_msg **out_known);
erln_status erln_pg_demonitor(erln_mailbox mailbox, const char *scope, const erln_ref *reference);
erln_status erln_pubsub_start(erln_node node, const char *pubsub, size_t pool_size);
erln_status erln_pubsub_subscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);
erln_status erln_pubsub_unsubscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);
erln_status erln_pubsub_broadcast_term(erln_mailbox mailbox, const char *pubsub, const char *topic, int32_t audience,
    const char *dispatcher, const uint8_t *term, size_t len, int32_t timeout_ms);
erln_status erln_pubsub_direct_broadcast_term(erln_mailbox mailbox, const char *pubsub, const char *peer, const char
    *topic, const char *dispatcher, const uint8_t *term, size_t len, int32_t timeout_ms);

// Discovery
erln_status erln_discover_nodes(erln_node node, const char *names);
erln_status erln_discover_epmd(erln_node node, const char *hosts);
erln_status erln_discover_dns(erln_node node, const char *basename, const char *query);
erln_status erln_discover_srv(erln_node node, const char *basename, const char *query, const char *server);
erln_status erln_discover_gossip(erln_node node, const char *group, const char *interface, const char *secret, bool
    announce);
erln_status erln_discover_file(erln_node node, const char *path);
erln_status erln_discover_names(erln_node node, erln_names **out);
erln_status erln_discover_watch(erln_mailbox mailbox);
erln_status erln_discover_stop(erln_node node);

// Global names and locks
erln_status erln_config_set_connect_all(erln_config *config, bool connect_all);
erln_status erln_config_set_overlap(erln_config *config, int32_t overlap);
erln_status erln_global_register_term(erln_node node, const uint8_t *name, size_t len, const erln_pid *pid, int32_t
    resolve, const char *function, int32_t timeout_ms);
erln_status erln_global_reregister_term(erln_node node, const uint8_t *name, size_t len, const erln_pid *pid, int32_t
    resolve, const char *function, int32_t timeout_ms);
erln_status erln_global_unregister_term(erln_node node, const uint8_t *name, size_t len, int32_t timeout_ms);
erln_status erln_global_whereis_term(erln_node node, const uint8_t *name, size_t len, int32_t timeout_ms, erln_pid
    *out);
erln_status erln_global_names(erln_node node, int32_t timeout_ms, erln_msg **out);
erln_status erln_global_sync(erln_node node, int32_t timeout_ms);
erln_status erln_global_set_lock_term(erln_mailbox mailbox, const uint8_t *resource, size_t len, int32_t retries,
    int32_t timeout_ms, bool *out);
erln_status erln_global_del_lock_term(erln_mailbox mailbox, const uint8_t *resource, size_t len, int32_t timeout_ms);

// Codec
erln_status erln_python_setup(const void *const *functions, size_t functions_len, void *const *objects,
    size_t objects_len, void **out, size_t out_len);
"""
