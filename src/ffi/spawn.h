// Answers a request with a result made from a template: erln_reply(request, "{ok, ~i}", 42).
static inline erln_status erln_reply(erln_request *request, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_request_reply_args(request, format, args, count);
}
