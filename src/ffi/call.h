// Asks a server, with a request made from a template: erln_call(box, erln_to_remote("calc", "a@host"), 5000, &reply, "{add, ~i, ~i}",
// 1, 2). See erln_call_term; free `*out` with erln_msg_free.
static inline erln_status erln_call(erln_mailbox mailbox, erln_to server, int32_t timeout_ms, erln_msg **out,
                                    const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_call_args(mailbox, server, format, args, count, timeout_ms, out);
}

// Answers a call that arrived as a message, with a reply made from a template:
// if (erln_match(msg, "{'$gen_call', _, {add, ~i, ~i}}", &x, &y)) erln_answer(box, msg, "~i", x + y);
static inline erln_status erln_answer(erln_mailbox mailbox, const erln_msg *call, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_answer_args(mailbox, call, format, args, count);
}
