// Registers the mailbox under a global name made from a template: erln_global_register(box, 5000, "{room, ~i}", 7).
// ERLN_ERR_NAME_TAKEN if the name is taken. In a conflict one of the two processes is killed; erln_global_register_term has other ways.
static inline erln_status erln_global_register(erln_mailbox mailbox, int32_t timeout_ms, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_pid pid;
    erln_node node;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_mailbox_pid(mailbox, &pid);
    if (status == ERLN_OK) status = erln_mailbox_node(mailbox, &node);
    if (status == ERLN_OK) {
        status = erln_global_register_term(node, name.ptr, name.len, &pid, ERLN_RESOLVE_RANDOM_EXIT, NULL, timeout_ms);
    }
    erln_writer_free(writer);
    return status;
}

// The process with a global name made from a template; ERLN_ERR_NO_PROCESS if nobody has it.
static inline erln_status erln_global_whereis(erln_node node, int32_t timeout_ms, erln_pid *out, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_global_whereis_term(node, name.ptr, name.len, timeout_ms, out);
    erln_writer_free(writer);
    return status;
}

// Takes a global name made from a template away from whoever has it.
static inline erln_status erln_global_unregister(erln_node node, int32_t timeout_ms, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_global_unregister_term(node, name.ptr, name.len, timeout_ms);
    erln_writer_free(writer);
    return status;
}
