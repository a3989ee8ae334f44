// Asks a server with a request made from a template, and does not wait: erln_call_begin(box, erln_to_remote("calc", "a@host"), &call,
// "{add, ~i, ~i}", 1, 2), and later erln_pending_wait(call, 5000, &reply). Free `*out` with erln_pending_free.
static inline erln_status erln_call_begin(erln_mailbox mailbox, erln_to server, erln_pending **out, const char *format,
                                          ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_call_begin_args(mailbox, server, format, args, count, out);
}
