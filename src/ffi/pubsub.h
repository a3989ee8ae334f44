// Private: broadcasts a term made from a template, waiting for ERLN_SEND_TIMEOUT_MS at most.
static inline erln_status erln_pubsub_spread(erln_mailbox mailbox, const char *pubsub, const char *topic, int32_t audience,
                                             const char *format, va_list list) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count = erln_args_of_values(args, format, list);
    erln_writer *writer = erln_writer_new();
    erln_bytes term;
    erln_status status;
    erln_write_args(writer, format, args, count);
    status = erln_writer_finish(writer, &term);
    if (status == ERLN_OK) {
        status = erln_pubsub_broadcast_term(mailbox, pubsub, topic, audience, NULL, term.ptr, term.len, ERLN_SEND_TIMEOUT_MS);
    }
    erln_writer_free(writer);
    return status;
}

// Sends a term made from a template to all subscribers of a topic: erln_pubsub_broadcast(box, "MyApp.PubSub", "room:1",
// "{said, ~s}", text).
static inline erln_status erln_pubsub_broadcast(erln_mailbox mailbox, const char *pubsub, const char *topic, const char *format,
                                                ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pubsub_spread(mailbox, pubsub, topic, ERLN_AUDIENCE_ALL, format, list);
    va_end(list);
    return status;
}

// The same, but not to the mailbox itself.
static inline erln_status erln_pubsub_broadcast_from(erln_mailbox mailbox, const char *pubsub, const char *topic,
                                                     const char *format, ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pubsub_spread(mailbox, pubsub, topic, ERLN_AUDIENCE_OTHERS, format, list);
    va_end(list);
    return status;
}
