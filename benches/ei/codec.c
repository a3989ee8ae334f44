/*
 * Codec workloads for libei, the same source for any implementation. Each workload is a function that is not inlined, so
 * that callgrind can tell what it costs.
 *
 *     codec                 run each once, for callgrind
 *     codec N [NAME]        run each N times and print nanoseconds per round
 */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPEAT 200
#define WORKLOAD static __attribute__((noinline)) void
#define TIMES for (int round = 0; round < REPEAT; round++)

static char flat[1 << 20];
static char text[1 << 17];
static erlang_pid pid = {"worker_42@host.example.com", 123, 4, 1700000000};
static erlang_port port = {"worker_42@host.example.com", 12345, 1700000000};
static erlang_ref ref = {"worker_42@host.example.com", 3, {1, 2, 3, 0, 0}, 1700000000};
static volatile long sink;
static ei_x_buff x;

/* One encoded term for each kind of decoding. */
enum { SMALL, INT, BIG, DOUBLE, BOOL, ATOM, LONGATOM, STRING, BINARY, PID, PORT, REF, TUPLE, LIST, MAP, FUN, TRACE, MESSAGE, INTLIST,
       IODATA, BIGNUM, DEEP, KINDS };
static char *terms[KINDS];

static void add(int kind, void (*build)(char *, int *))
{
    int index = 0;

    build(flat, &index);
    terms[kind] = calloc(1, index + 16);
    memcpy(terms[kind], flat, index);
}

static void build_message(char *b, int *i)
{
    ei_encode_tuple_header(b, i, 3);
    ei_encode_atom(b, i, "$gen_call");
    ei_encode_tuple_header(b, i, 2);
    ei_encode_pid(b, i, &pid);
    ei_encode_ref(b, i, &ref);
    ei_encode_list_header(b, i, 6);
    ei_encode_long(b, i, 7);
    ei_encode_long(b, i, 123456);
    ei_encode_double(b, i, 2.5);
    ei_encode_binary(b, i, "some binary data", 16);
    ei_encode_string(b, i, "a string");
    ei_encode_map_header(b, i, 2);
    ei_encode_atom(b, i, "key");
    ei_encode_boolean(b, i, 1);
    ei_encode_atom(b, i, "other");
    ei_encode_atom(b, i, "value");
    ei_encode_empty_list(b, i);
}
static void build_small(char *b, int *i) { ei_encode_long(b, i, 42); }
static void build_int(char *b, int *i) { ei_encode_long(b, i, 100000); }
static void build_big(char *b, int *i) { ei_encode_longlong(b, i, 1234567890123456789LL); }
static void build_double(char *b, int *i) { ei_encode_double(b, i, 3.14159); }
static void build_bool(char *b, int *i) { ei_encode_boolean(b, i, 0); }
static void build_atom(char *b, int *i) { ei_encode_atom(b, i, "undefined"); }
static void build_longatom(char *b, int *i) { ei_encode_atom(b, i, "Elixir.MyApplication.Some.Deeply.Nested.ModuleName"); }
static void build_string(char *b, int *i) { ei_encode_string(b, i, "a string of forty characters, or near it"); }
static void build_binary(char *b, int *i) { ei_encode_binary(b, i, text, 200); }
static void build_pid(char *b, int *i) { ei_encode_pid(b, i, &pid); }
static void build_port(char *b, int *i) { ei_encode_port(b, i, &port); }
static void build_ref(char *b, int *i) { ei_encode_ref(b, i, &ref); }
static void build_tuple(char *b, int *i) { ei_encode_tuple_header(b, i, 3); }
static void build_list(char *b, int *i) { ei_encode_list_header(b, i, 3); }
static void build_map(char *b, int *i) { ei_encode_map_header(b, i, 3); }
static void build_trace(char *b, int *i)
{
    erlang_trace t = {1, 2, {"", 0, 0, 0}, 3, 4};

    t.from = pid;
    ei_encode_trace(b, i, &t);
}
static void build_fun(char *b, int *i)
{
    erlang_fun f;

    memset(&f, 0, sizeof f);
    f.arity = 1;
    strcpy(f.module, "my_module");
    f.type = EI_FUN_CLOSURE;
    f.u.closure.uniq = 1234567;
    f.u.closure.n_free_vars = 1;
    f.u.closure.pid = pid;
    f.u.closure.free_vars = (char[]){97, 1};
    f.u.closure.free_var_len = 2;
    ei_encode_fun(b, i, &f);
}
static void build_intlist(char *b, int *i)
{
    ei_encode_list_header(b, i, 50);
    for (int n = 0; n < 50; n++)
        ei_encode_long(b, i, 1000 + n);
    ei_encode_empty_list(b, i);
}
static void build_iodata(char *b, int *i)
{
    ei_encode_list_header(b, i, 4);
    ei_encode_binary(b, i, "GET ", 4);
    ei_encode_string(b, i, "/index.html");
    ei_encode_long(b, i, 32);
    ei_encode_list_header(b, i, 1);
    ei_encode_binary(b, i, "HTTP/1.1\r\n", 10);
    ei_encode_empty_list(b, i);
    ei_encode_empty_list(b, i);
}
static void build_bignum(char *b, int *i)
{
    erlang_big *big = ei_alloc_big(64);

    memset(big->digits, 0x5a, 64);
    ei_encode_big(b, i, big);
    ei_free_big(big);
}
static void build_deep(char *b, int *i)
{
    for (int n = 0; n < 30; n++) {
        ei_encode_tuple_header(b, i, 2);
        ei_encode_atom(b, i, "node");
    }
    ei_encode_atom(b, i, "leaf");
}

#define ENCODE(name, call, grow)                                                                                       \
    WORKLOAD encode_##name(void) { TIMES { int index = 0; char *b = flat; sink += (call); sink += index; } }          \
    WORKLOAD size_##name(void) { TIMES { int index = 0; char *b = NULL; sink += (call); sink += index; } }            \
    WORKLOAD x_encode_##name(void) { x.index = 0; TIMES { sink += (grow); } }

ENCODE(version, ei_encode_version(b, &index), ei_x_encode_version(&x))
ENCODE(small, ei_encode_long(b, &index, 42), ei_x_encode_long(&x, 42))
ENCODE(long, ei_encode_long(b, &index, -100000), ei_x_encode_long(&x, -100000))
ENCODE(longlong, ei_encode_longlong(b, &index, 1234567890123456789LL), ei_x_encode_longlong(&x, 1234567890123456789LL))
ENCODE(ulong, ei_encode_ulong(b, &index, 3000000000UL), ei_x_encode_ulong(&x, 3000000000UL))
ENCODE(ulonglong, ei_encode_ulonglong(b, &index, 77), ei_x_encode_ulonglong(&x, 77))
ENCODE(double, ei_encode_double(b, &index, 2.5), ei_x_encode_double(&x, 2.5))
ENCODE(boolean, ei_encode_boolean(b, &index, 1), ei_x_encode_boolean(&x, 1))
ENCODE(char, ei_encode_char(b, &index, 'c'), ei_x_encode_char(&x, 'c'))
ENCODE(tuple, ei_encode_tuple_header(b, &index, 3), ei_x_encode_tuple_header(&x, 3))
ENCODE(list, ei_encode_list_header(b, &index, 3), ei_x_encode_list_header(&x, 3))
ENCODE(empty, ei_encode_empty_list(b, &index), ei_x_encode_empty_list(&x))
ENCODE(map, ei_encode_map_header(b, &index, 3), ei_x_encode_map_header(&x, 3))
ENCODE(atom, ei_encode_atom(b, &index, "undefined"), ei_x_encode_atom(&x, "undefined"))
ENCODE(atom_len, ei_encode_atom_len(b, &index, "ok", 2), ei_x_encode_atom_len(&x, "ok", 2))
ENCODE(atom_as, ei_encode_atom_as(b, &index, "Elixir.MyApplication.Some.Module", ERLANG_UTF8, ERLANG_UTF8),
       ei_x_encode_atom_as(&x, "Elixir.MyApplication.Some.Module", ERLANG_UTF8, ERLANG_UTF8))
ENCODE(atom_wide, ei_encode_atom_as(b, &index, "gr\xc3\xb6\xc3\x9f" "e", ERLANG_UTF8, ERLANG_UTF8),
       ei_x_encode_atom_as(&x, "gr\xc3\xb6\xc3\x9f" "e", ERLANG_UTF8, ERLANG_UTF8))
ENCODE(string, ei_encode_string(b, &index, "a string of some forty characters, or so"),
       ei_x_encode_string(&x, "a string of some forty characters, or so"))
ENCODE(string_len, ei_encode_string_len(b, &index, "short", 5), ei_x_encode_string_len(&x, "short", 5))
ENCODE(binary, ei_encode_binary(b, &index, text, 20), ei_x_encode_binary(&x, text, 20))
ENCODE(binary_4k, ei_encode_binary(b, &index, text, 4096), ei_x_encode_binary(&x, text, 4096))
ENCODE(bitstring, ei_encode_bitstring(b, &index, text, 3, 77), ei_x_encode_bitstring(&x, text, 3, 77))
ENCODE(pid, ei_encode_pid(b, &index, &pid), ei_x_encode_pid(&x, &pid))
ENCODE(port, ei_encode_port(b, &index, &port), ei_x_encode_port(&x, &port))
ENCODE(ref, ei_encode_ref(b, &index, &ref), ei_x_encode_ref(&x, &ref))

/* The bare copy, which nobody can leave out, beside the binary that needs it, in a buffer that has its size. */
static volatile size_t copied;
#define COPY(name, size)                                                                                               \
    WORKLOAD copy_##name(void) { copied = size; TIMES { memcpy(flat, text, copied); sink += flat[0]; } }               \
    WORKLOAD x_binary_##name(void) { copied = size; TIMES { x.index = 0; sink += ei_x_encode_binary(&x, text, copied); } }
COPY(64, 64)
COPY(256, 256)
COPY(1k, 1024)
COPY(4k, 4096)

WORKLOAD encode_message(void) { TIMES { int index = 0; build_message(flat, &index); sink += index; } }
WORKLOAD encode_string_70k(void) { for (int i = 0; i < 3; i++) { int index = 0; sink += ei_encode_string_len(flat, &index, text, 70000); } }
WORKLOAD x_message(void)
{
    TIMES {
        ei_x_buff m;

        ei_x_new_with_version(&m);
        ei_x_encode_tuple_header(&m, 2);
        ei_x_encode_atom(&m, "reply");
        ei_x_encode_list_header(&m, 20);
        for (int i = 0; i < 20; i++)
            ei_x_encode_long(&m, i * 1000);
        ei_x_encode_empty_list(&m);
        ei_x_free(&m);
    }
}
WORKLOAD x_append(void) { x.index = 0; TIMES { sink += ei_x_append_buf(&x, "twenty bytes of text", 20); } }
WORKLOAD x_format(void) { TIMES { x.index = 0; sink += ei_x_format(&x, "{reply, ~i, [~a, ~s]}", 42, "ok", "text"); } }

#define DECODE(name, kind, vars, call)                                                                                 \
    WORKLOAD decode_##name(void) { vars; TIMES { int index = 0; const char *b = terms[kind]; sink += (call); sink += index; } }

DECODE(small, SMALL, long v, ei_decode_long(b, &index, &v))
DECODE(long, INT, long v, ei_decode_long(b, &index, &v))
DECODE(longlong, BIG, long long v, ei_decode_longlong(b, &index, &v))
DECODE(ulong, INT, unsigned long v, ei_decode_ulong(b, &index, &v))
DECODE(ulonglong, BIG, unsigned long long v, ei_decode_ulonglong(b, &index, &v))
DECODE(double, DOUBLE, double v, ei_decode_double(b, &index, &v))
DECODE(boolean, BOOL, int v, ei_decode_boolean(b, &index, &v))
DECODE(char, SMALL, char v, ei_decode_char(b, &index, &v))
DECODE(atom, ATOM, char v[MAXATOMLEN], ei_decode_atom(b, &index, v))
DECODE(atom_long, LONGATOM, char v[MAXATOMLEN], ei_decode_atom(b, &index, v))
DECODE(atom_as, ATOM, char v[MAXATOMLEN_UTF8], ei_decode_atom_as(b, &index, v, sizeof v, ERLANG_UTF8, NULL, NULL))
DECODE(atom_null, ATOM, , ei_decode_atom(b, &index, NULL))
DECODE(string, STRING, char v[256], ei_decode_string(b, &index, v))
DECODE(binary, BINARY, char v[256]; long n, ei_decode_binary(b, &index, v, &n))
DECODE(bitstring, BINARY, const char *v; unsigned o; size_t n, ei_decode_bitstring(b, &index, &v, &o, &n))
DECODE(pid, PID, erlang_pid v, ei_decode_pid(b, &index, &v))
DECODE(port, PORT, erlang_port v, ei_decode_port(b, &index, &v))
DECODE(ref, REF, erlang_ref v, ei_decode_ref(b, &index, &v))
DECODE(trace, TRACE, erlang_trace v, ei_decode_trace(b, &index, &v))
DECODE(tuple, TUPLE, int v, ei_decode_tuple_header(b, &index, &v))
DECODE(list, LIST, int v, ei_decode_list_header(b, &index, &v))
DECODE(map, MAP, int v, ei_decode_map_header(b, &index, &v))
DECODE(type, ATOM, int t; int s, ei_get_type(b, &index, &t, &s))
DECODE(ei_term_int, INT, static ei_term v, ei_decode_ei_term(b, &index, &v))
DECODE(ei_term_atom, ATOM, static ei_term v, ei_decode_ei_term(b, &index, &v))
DECODE(ei_term_pid, PID, static ei_term v, ei_decode_ei_term(b, &index, &v))
DECODE(intlist, INTLIST, long v[64]; int n, ei_decode_intlist(b, &index, v, &n))
DECODE(iodata, IODATA, char v[128]; int n, ei_decode_iodata(b, &index, &n, v))
static unsigned short digits[64];
static erlang_big big = {64, 0, digits};
DECODE(big, BIGNUM, , ei_decode_big(b, &index, &big))
WORKLOAD decode_fun(void)
{
    TIMES {
        static erlang_fun f;
        int index = 0;

        sink += ei_decode_fun(terms[FUN], &index, &f);
        free_fun(&f);
    }
}

#define SKIP(name, kind)                                                                                               \
    WORKLOAD skip_##name(void) { TIMES { int index = 0; sink += ei_skip_term(terms[kind], &index); sink += index; } }
SKIP(small, SMALL)
SKIP(atom, ATOM)
SKIP(string, STRING)
SKIP(binary, BINARY)
SKIP(pid, PID)
SKIP(ref, REF)
SKIP(double, DOUBLE)
SKIP(message, MESSAGE)
SKIP(intlist, INTLIST)
SKIP(deep, DEEP)
SKIP(fun, FUN)

WORKLOAD decode_message(void)
{
    TIMES {
        const char *b = terms[MESSAGE];
        int i = 0, n;
        char a[MAXATOMLEN], s[64];
        long v, len;
        double d;

        ei_decode_tuple_header(b, &i, &n);
        ei_decode_atom(b, &i, a);
        ei_decode_tuple_header(b, &i, &n);
        ei_decode_pid(b, &i, &pid);
        ei_decode_ref(b, &i, &ref);
        ei_decode_list_header(b, &i, &n);
        ei_decode_long(b, &i, &v);
        ei_decode_long(b, &i, &v);
        ei_decode_double(b, &i, &d);
        ei_decode_binary(b, &i, s, &len);
        ei_decode_string(b, &i, s);
        ei_decode_map_header(b, &i, &n);
        ei_decode_atom(b, &i, a);
        ei_decode_boolean(b, &i, &n);
        ei_decode_atom(b, &i, a);
        ei_decode_atom(b, &i, a);
        ei_decode_list_header(b, &i, &n);
        sink += i + v;
    }
}
WORKLOAD print_message(void)
{
    TIMES {
        char *s = NULL;
        int index = 0;

        sink += ei_s_print_term(&s, terms[MESSAGE], &index);
        free(s);
    }
}
WORKLOAD compare_pids(void) { erlang_pid other = pid; TIMES { sink += ei_cmp_pids(&pid, &other); } }

#define E(name) {"encode_" #name, encode_##name}, {"size_" #name, size_##name}, {"x_encode_" #name, x_encode_##name}
#define C(name) {"copy_" #name, copy_##name}, {"x_binary_" #name, x_binary_##name}
#define D(name) {"decode_" #name, decode_##name}
#define S(name) {"skip_" #name, skip_##name}
static const struct {
    const char *name;
    void (*run)(void);
} workloads[] = {
    E(version), E(small), E(long), E(longlong), E(ulong), E(ulonglong), E(double), E(boolean), E(char), E(tuple), E(list), E(empty), E(map),
    E(atom), E(atom_len), E(atom_as), E(atom_wide), E(string), E(string_len), E(binary), E(binary_4k), E(bitstring), E(pid), E(port), E(ref),
    C(64), C(256), C(1k), C(4k), {"encode_message", encode_message}, {"encode_string_70k", encode_string_70k}, {"x_message", x_message}, {"x_append", x_append}, {"x_format", x_format},
    D(small), D(long), D(longlong), D(ulong), D(ulonglong), D(double), D(boolean), D(char), D(atom), D(atom_long), D(atom_as), D(atom_null), D(string),
    D(binary), D(bitstring), D(pid), D(port), D(ref), D(trace), D(tuple), D(list), D(map), D(type), D(ei_term_int), D(ei_term_atom), D(ei_term_pid),
    D(intlist), D(iodata), D(big), D(fun), D(message), S(small), S(atom), S(string), S(binary), S(pid), S(ref), S(double), S(message), S(intlist),
    S(deep), S(fun), {"print_message", print_message}, {"compare_pids", compare_pids}};

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1;
    unsigned i;

    memset(text, 'x', sizeof text - 1);
    add(SMALL, build_small), add(INT, build_int), add(BIG, build_big), add(DOUBLE, build_double), add(BOOL, build_bool);
    add(ATOM, build_atom), add(LONGATOM, build_longatom), add(STRING, build_string), add(BINARY, build_binary), add(PID, build_pid);
    add(PORT, build_port), add(REF, build_ref), add(TUPLE, build_tuple), add(LIST, build_list), add(MAP, build_map), add(FUN, build_fun);
    add(TRACE, build_trace), add(MESSAGE, build_message), add(INTLIST, build_intlist), add(IODATA, build_iodata), add(BIGNUM, build_bignum);
    add(DEEP, build_deep);
    ei_x_new(&x);
    for (i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        struct timespec a, b;

        if (argc > 2 && strcmp(argv[2], workloads[i].name))
            continue;
        /* Once unmeasured: buffers reach their size, and lazy binding is done. */
        workloads[i].run();
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (int n = 0; n < rounds; n++)
            workloads[i].run();
        clock_gettime(CLOCK_MONOTONIC, &b);
        if (argc > 1)
            printf("%s %.2f\n", workloads[i].name, ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / rounds / REPEAT);
    }
    return 0;
}
