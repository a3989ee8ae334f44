// Private: the term of a template; the bytes live as long as the writer.
static inline erln_status erln_pg_group(erln_writer *writer, erln_bytes *group, const char *format, va_list list) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count = erln_args_of_values(args, format, list);
    erln_write_args(writer, format, args, count);
    return erln_writer_finish(writer, group);
}

// Private: the mailbox joins or leaves.
static inline erln_status erln_pg_change(erln_mailbox mailbox, const char *scope, bool join, const char *format, va_list list) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_pid pid;
    erln_node node;
    erln_status status = erln_pg_group(writer, &group, format, list);
    if (status == ERLN_OK) status = erln_mailbox_pid(mailbox, &pid);
    if (status == ERLN_OK) status = erln_mailbox_node(mailbox, &node);
    if (status == ERLN_OK && join) {
        status = erln_pg_join_term(node, scope, group.ptr, group.len, &pid, 1);
    } else if (status == ERLN_OK) {
        status = erln_pg_leave_term(node, scope, group.ptr, group.len, &pid, 1, NULL);
    }
    erln_writer_free(writer);
    return status;
}

// The mailbox joins a group, whose name is made from a template: erln_pg_join(box, NULL, "{room, ~i}", 7).
static inline erln_status erln_pg_join(erln_mailbox mailbox, const char *scope, const char *format, ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_change(mailbox, scope, true, format, list);
    va_end(list);
    return status;
}

// The mailbox leaves a group, once; success also if it was not in it.
static inline erln_status erln_pg_leave(erln_mailbox mailbox, const char *scope, const char *format, ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_change(mailbox, scope, false, format, list);
    va_end(list);
    return status;
}

// The members of a group on all nodes: the term of `*out` is a list of pids. Free `*out` with erln_msg_free.
static inline erln_status erln_pg_members(erln_node node, const char *scope, erln_msg **out, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &group, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_pg_members_term(node, scope, group.ptr, group.len, false, out);
    erln_writer_free(writer);
    return status;
}

// The mailbox hears of the changes of a group; see erln_pg_monitor_term.
static inline erln_status erln_pg_monitor(erln_mailbox mailbox, const char *scope, erln_ref *out, erln_msg **out_known,
                                          const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &group, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_pg_monitor_term(mailbox, scope, group.ptr, group.len, out, out_known);
    erln_writer_free(writer);
    return status;
}
