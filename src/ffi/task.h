// Starts module:function as a task under a supervisor, with a list of arguments made from a template; see erln_task_async_args.
static inline erln_status erln_task_async(erln_mailbox mailbox, erln_to supervisor, const char *module,
                                          const char *function, uint32_t flags, int32_t timeout_ms, erln_task *out,
                                          const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_task_async_args(mailbox, supervisor, module, function, format, args, count, flags, timeout_ms, out);
}

// The same for a task whose result nobody waits for; see erln_task_start_child_args.
static inline erln_status erln_task_start_child(erln_mailbox mailbox, erln_to supervisor, const char *module,
                                                const char *function, int32_t restart, int32_t timeout_ms,
                                                erln_pid *out, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_task_start_child_args(mailbox, supervisor, module, function, format, args, count, restart, timeout_ms,
                                      out);
}
