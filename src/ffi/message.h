// True if the term of a message has the shape of a pattern; only then what its directives match is written:
// erln_match(msg, "{put, ~b, ~l}", &key, &value). Bytes are borrowed; they live as long as `msg`.
static inline bool erln_match(const erln_msg *msg, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_places(args, format, list);
    va_end(list);
    return erln_match_args(msg, format, args, count);
}
