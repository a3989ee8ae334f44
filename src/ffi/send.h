// A process. Borrows `pid`.
static inline erln_to erln_to_pid(const erln_pid *pid) {
    erln_to to;
    to.kind = ERLN_TO_PID;
    to.reserved = 0;
    to.to = pid;
    to.node = NULL;
    return to;
}

// A name registered on the mailbox's own node. Borrows `name`.
static inline erln_to erln_to_name(const char *name) {
    erln_to to;
    to.kind = ERLN_TO_NAME;
    to.reserved = 0;
    to.to = name;
    to.node = NULL;
    return to;
}

// A name registered on `node`: what {Name, Node} is in Erlang. Borrows both.
static inline erln_to erln_to_remote(const char *name, const char *node) {
    erln_to to;
    to.kind = ERLN_TO_REMOTE;
    to.reserved = 0;
    to.to = name;
    to.node = node;
    return to;
}

// An alias. Borrows `alias`.
static inline erln_to erln_to_alias(const erln_ref *alias) {
    erln_to to;
    to.kind = ERLN_TO_ALIAS;
    to.reserved = 0;
    to.to = alias;
    to.node = NULL;
    return to;
}

// An alias, with priority: the message goes before ordinary ones if the alias was made by erln_priority_alias or by
// alias([priority]) of OTP 28. Borrows `alias`.
static inline erln_to erln_to_priority_alias(const erln_ref *alias) {
    erln_to to;
    to.kind = ERLN_TO_PRIORITY_ALIAS;
    to.reserved = 0;
    to.to = alias;
    to.node = NULL;
    return to;
}

// Sends a term made from a template: erln_send(box, erln_to_pid(&pid), "{reply, ~r, ~i, ~b}", &ref, 42, data, len).
// Waits for ERLN_SEND_TIMEOUT_MS at most; see erln_send_args.
static inline erln_status erln_send(erln_mailbox mailbox, erln_to to, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_send_args(mailbox, to, format, args, count, ERLN_SEND_TIMEOUT_MS);
}
