// As many directives as the functions with `...` take; those with an array take any number.
#define ERLN_MAX_ARGS 32

// Private: collects the values that the directives of a template ask for.
static inline size_t erln_args_of_values(erln_arg *args, const char *format, va_list list) {
    char letters[ERLN_MAX_ARGS];
    size_t count = erln_template_letters(format, letters, ERLN_MAX_ARGS);
    size_t n;
    if (count > ERLN_MAX_ARGS) return SIZE_MAX;
    for (n = 0; n < count; n++) {
        args[n].letter = letters[n];
        args[n].len = 0;
        switch (letters[n]) {
        case 'i':
        case 'c':
        case 'w':
            args[n].value.i = va_arg(list, int);
            break;
        case 'l':
            args[n].value.i = va_arg(list, int64_t);
            break;
        case 'u':
            args[n].value.u = va_arg(list, uint64_t);
            break;
        case 'f':
        case 'd':
            args[n].value.d = va_arg(list, double);
            break;
        case 'b':
        case 't':
            args[n].value.ptr = va_arg(list, const void *);
            args[n].len = va_arg(list, size_t);
            break;
        default:
            args[n].value.ptr = va_arg(list, const void *);
            break;
        }
    }
    return count;
}

// Private: collects the places where the directives of a pattern put what they match.
static inline size_t erln_args_of_places(erln_arg *args, const char *format, va_list list) {
    char letters[ERLN_MAX_ARGS];
    size_t count = erln_template_letters(format, letters, ERLN_MAX_ARGS);
    size_t n;
    if (count > ERLN_MAX_ARGS) return SIZE_MAX;
    for (n = 0; n < count; n++) {
        args[n].letter = letters[n];
        args[n].len = 0;
        args[n].value.out = va_arg(list, void *);
    }
    return count;
}

// Writes a term made from a template: erln_write(w, "{reply, ~p, [~i, ~a]}", &pid, 42, "ok").
static inline bool erln_write(erln_writer *writer, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_write_args(writer, format, args, count);
}

// Takes the next term if it has the shape of a pattern: erln_read_match(&r, "{put, ~b, ~l}", &key, &value). If it has
// not, the cursor stays and nothing is written. Bytes are borrowed; they live as long as the bytes that are read.
static inline bool erln_read_match(erln_reader *reader, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_places(args, format, list);
    va_end(list);
    return erln_read_match_args(reader, format, args, count);
}
