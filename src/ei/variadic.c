/*
 * The three functions of the library that take "...".
 *
 * Stable Rust can call such functions but not define them, and assembly that unpacks the arguments would have to be
 * written and proved for every processor. A C compiler knows how; this file is all it is asked for, and only when
 * the feature `ei` is on. The names that start with erln_ei_ never leave the finished library.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The arguments not yet taken; opaque to the other side. */
struct erln_ei_args {
    va_list list;
};

union erln_ei_arg {
    long number;
    unsigned long natural;
    double real;
    const void *pointer;
};

/* In format.rs. */
int erln_ei_format(void *x, const char *fmt, int with_version, struct erln_ei_args *args);

/* Takes the next argument as the directive ~kind has it; called once per directive, in their order. */
void erln_ei_next(struct erln_ei_args *args, char kind, union erln_ei_arg *out)
{
    switch (kind) {
    case 'c':
        out->number = (char)va_arg(args->list, int);
        break;
    case 'i':
        out->number = va_arg(args->list, int);
        break;
    case 'l':
        out->number = va_arg(args->list, long);
        break;
    case 'u':
        out->natural = va_arg(args->list, unsigned long);
        break;
    case 'f':
    case 'd':
        out->real = va_arg(args->list, double);
        break;
    default:
        out->pointer = va_arg(args->list, const void *);
        break;
    }
}

int ei_x_format(void *x, const char *fmt, ...)
{
    struct erln_ei_args args;
    int res;

    va_start(args.list, fmt);
    res = erln_ei_format(x, fmt, 1, &args);
    va_end(args.list);
    return res;
}

int ei_x_format_wo_ver(void *x, const char *fmt, ...)
{
    struct erln_ei_args args;
    int res;

    va_start(args.list, fmt);
    res = erln_ei_format(x, fmt, 0, &args);
    va_end(args.list);
    return res;
}

/* "name: date: text" on standard error. The level was compared by the caller. */
void ei_trace_printf(const char *name, int level, const char *fmt, ...)
{
    char text[2048];
    char date[32] = "";
    time_t now = time(NULL);
    struct tm parts;
    va_list list;

    (void)level;
    if (localtime_r(&now, &parts) != NULL)
        strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &parts);
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    fprintf(stderr, "%s: %s: %s\r\n", name, date, text);
}
