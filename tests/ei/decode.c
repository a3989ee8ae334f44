/* Every decoding function on every term of terms.txt: results, indices and what was written. With "broken" as second
 * argument the terms are cut and changed first, and only results and indices are shown. */
#include "common.h"
#include <sys/mman.h>

#define START 3 /* the index must not be 0 only */

static char *buf;
static int values; /* also show what was written */

#define CALL(name, call)                                                                                               \
    do {                                                                                                               \
        int index = START, got;                                                                                             \
        got = (call);                                                                                                \
        printf(" " name "=%d,%d", got, got < 0 ? START : index);                                                           \
        ok = got >= 0;                                                                                                   \
    } while (0)

static void show_pid(const erlang_pid *p)
{
    printf("(%s %u %u %u)", p->node, p->num, p->serial, p->creation);
}

static void show_ref(const erlang_ref *p)
{
    printf("(%s %d %u %u %u %u %u %u)", p->node, p->len, p->n[0], p->n[1], p->n[2], p->n[3], p->n[4], p->creation);
}

static void numbers(void *unused)
{
    int ok, i = 7, type = -1, size = -1, arity = -1;
    long l = 7;
    unsigned long ul = 7;
    long long ll = 7;
    unsigned long long ull = 7;
    double d = 7;
    char c = 7;

    (void)unused;
    CALL("type", ei_get_type(buf, &index, &type, &size));
    printf("(%d %d)", type, size);
    CALL("long", ei_decode_long(buf, &index, &l));
    CALL("long0", ei_decode_long(buf, &index, NULL));
    CALL("ulong", ei_decode_ulong(buf, &index, &ul));
    CALL("longlong", ei_decode_longlong(buf, &index, &ll));
    CALL("ulonglong", ei_decode_ulonglong(buf, &index, &ull));
    CALL("ulonglong0", ei_decode_ulonglong(buf, &index, NULL));
    CALL("double", ei_decode_double(buf, &index, &d));
    CALL("double0", ei_decode_double(buf, &index, NULL));
    CALL("boolean", ei_decode_boolean(buf, &index, &i));
    CALL("boolean0", ei_decode_boolean(buf, &index, NULL));
    CALL("char", ei_decode_char(buf, &index, &c));
    CALL("char0", ei_decode_char(buf, &index, NULL));
    if (values)
        printf("(%ld %lu %lld %llu %.17g %d %d)", l, ul, ll, ull, d, i, c);
    CALL("version", ei_decode_version(buf, &index, &i));
    CALL("tuple", ei_decode_tuple_header(buf, &index, &arity));
    CALL("list", ei_decode_list_header(buf, &index, &arity));
    CALL("map", ei_decode_map_header(buf, &index, &arity));
    printf("(%d)", arity);
    CALL("tuple0", ei_decode_tuple_header(buf, &index, NULL));
    CALL("list0", ei_decode_list_header(buf, &index, NULL));
    CALL("map0", ei_decode_map_header(buf, &index, NULL));
}

static void atoms(void *unused)
{
    static const int encodings[] = {ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, ERLANG_LATIN1 | ERLANG_UTF8};
    static const int rooms[] = {0, 1, 4, 5, 6, 128, 256, MAXATOMLEN_UTF8};
    char text[MAXATOMLEN_UTF8 + 8];
    unsigned e, r;
    int ok;

    (void)unused;
    CALL("atom", ei_decode_atom(buf, &index, text));
    if (ok && values)
        printf("(%s)", text);
    CALL("atom0", ei_decode_atom(buf, &index, NULL));
    for (e = 0; e < 4; e++)
        for (r = 0; r < sizeof rooms / sizeof *rooms; r++) {
            erlang_char_encoding was = 77, result = 77;

            printf(" %d/%d", encodings[e], rooms[r]);
            memset(text, 1, sizeof text);
            CALL("atom_as", ei_decode_atom_as(buf, &index, text, rooms[r], encodings[e], &was, &result));
            if (ok && values)
                printf("(%s %d %d)", text, was, result);
            CALL("atom_as0", ei_decode_atom_as(buf, &index, NULL, rooms[r], encodings[e], NULL, NULL));
        }
}

static void texts(void *unused)
{
    static char text[1 << 18];
    static long ints[1 << 17];
    const char *bits = NULL;
    unsigned offset = 9;
    size_t nbits = 9;
    long len = 9;
    int ok, count = -1, size = -1;

    (void)unused;
    CALL("string", ei_decode_string(buf, &index, text));
    if (ok && values)
        hex(text, (int)strlen(text) + 1);
    CALL("string0", ei_decode_string(buf, &index, NULL));
    CALL("binary", ei_decode_binary(buf, &index, text, &len));
    if (ok && values)
        hex(text, (int)len);
    CALL("binary0", ei_decode_binary(buf, &index, NULL, NULL));
    CALL("bitstring", ei_decode_bitstring(buf, &index, &bits, &offset, &nbits));
    if (ok)
        printf("(%ld %u %ld)", (long)(bits - buf), offset, (long)nbits);
    CALL("bitstring0", ei_decode_bitstring(buf, &index, NULL, NULL, NULL));
    CALL("intlist", ei_decode_intlist(buf, &index, ints, &count));
    printf("(%d", count);
    if (ok && values) {
        long sum = 0;
        int i;

        for (i = 0; i < count; i++)
            sum = (long)((unsigned long)sum * 31 + (unsigned long)ints[i]);
        printf(" %ld", sum);
    }
    printf(")");
    CALL("intlist0", ei_decode_intlist(buf, &index, NULL, NULL));
    CALL("iodata", ei_decode_iodata(buf, &index, &size, NULL));
    if (ok) {
        printf("(%d)", size);
        if (size < (int)sizeof text) {
            CALL("iodata_out", ei_decode_iodata(buf, &index, &size, text));
            if (values)
                hex(text, size);
        }
    }
}

static void ids(void *unused)
{
    erlang_pid pid;
    erlang_port port;
    erlang_ref ref;
    erlang_trace trace;
    int ok;

    (void)unused;
    memset(&ref, 0, sizeof ref);
    CALL("pid", ei_decode_pid(buf, &index, &pid));
    if (ok && values)
        show_pid(&pid);
    CALL("pid0", ei_decode_pid(buf, &index, NULL));
    CALL("port", ei_decode_port(buf, &index, &port));
    if (ok && values)
        printf("(%s %llu %u)", port.node, port.id, port.creation);
    CALL("port0", ei_decode_port(buf, &index, NULL));
    CALL("ref", ei_decode_ref(buf, &index, &ref));
    if (ok && values)
        show_ref(&ref);
    CALL("ref0", ei_decode_ref(buf, &index, NULL));
    CALL("trace", ei_decode_trace(buf, &index, &trace));
    if (ok && values) {
        printf("(%ld %ld %ld %ld)", trace.serial, trace.prev, trace.label, trace.flags);
        show_pid(&trace.from);
    }
    CALL("trace0", ei_decode_trace(buf, &index, NULL));
}

static void funs(void *unused)
{
    erlang_fun fun;
    int ok;

    (void)unused;
    memset(&fun, 0, sizeof fun);
    CALL("fun", ei_decode_fun(buf, &index, &fun));
    if (ok && values) {
        printf("(%ld %s %d ", fun.arity, fun.module, fun.type);
        if (fun.type == EI_FUN_CLOSURE) {
            hex(fun.u.closure.md5, 16);
            printf(" %ld %ld %ld %ld ", fun.u.closure.index, fun.u.closure.old_index, fun.u.closure.uniq,
                   fun.u.closure.n_free_vars);
            show_pid(&fun.u.closure.pid);
            hex(fun.u.closure.free_vars, (int)fun.u.closure.free_var_len);
        } else {
            printf("%s %d %d", fun.u.exprt.func, fun.u.exprt.func_allocated,
                   fun.u.exprt.func == fun.module + strlen(fun.module) + 1);
        }
        printf(")");
    }
    if (ok) {
        static char out[1 << 17];
        int at = 0, size = 0, r;

        r = ei_encode_fun(NULL, &size, &fun);
        printf(" again=%d,%d", r, size);
        r = ei_encode_fun(out, &at, &fun);
        printf(",%d,%d", r, at);
        if (values)
            hex(out, at);
        free_fun(&fun);
    }
    CALL("fun0", ei_decode_fun(buf, &index, NULL));
}

static void bigs(void *unused)
{
    int ok, type, size, at = START;

    (void)unused;
    CALL("big0", ei_decode_big(buf, &index, NULL));
    ei_get_type(buf, &at, &type, &size);
    if ((type == ERL_SMALL_BIG_EXT || type == ERL_LARGE_BIG_EXT) && size >= 0 && size < 100000) {
        erlang_big *big = ei_alloc_big(size), *other = ei_alloc_big(8), *wrong = ei_alloc_big(size + 1);
        double d = 7;
        static char out[1 << 18];
        int r, i = 0, n = 0;

        CALL("big_wrong", ei_decode_big(buf, &index, wrong));
        CALL("big", ei_decode_big(buf, &index, big));
        if (ok) {
            printf("(%u %d ", big->arity, big->is_neg);
            hex(big->digits, (int)(big->arity + 1) / 2 * 2);
            r = ei_big_to_double(big, &d);
            printf(" %d %.17g", r, d);
            r = ei_small_to_big(-70000, other);
            printf(" %d %d ", r, other->is_neg);
            hex(other->digits, 8);
            printf(" %d %d %d", ei_big_comp(big, other), ei_big_comp(other, big), ei_big_comp(big, big));
            r = ei_encode_big(NULL, &n, big);
            printf(" %d %d", r, n);
            r = ei_encode_big(out, &i, big);
            printf(" %d %d ", r, i);
            hex(out, i);
            printf(")");
        }
        ei_free_big(big);
        ei_free_big(other);
        ei_free_big(wrong);
    }
}

static void whole(void *unused)
{
    ei_term term;
    int ok;

    (void)unused;
    memset(&term, 0, sizeof term);
    CALL("ei_term", ei_decode_ei_term(buf, &index, &term));
    printf("(%d %d %d", term.ei_type, term.arity, term.size);
    if (ok && values)
        switch (term.ei_type) {
        case ERL_ATOM_EXT: printf(" %s", term.value.atom_name); break;
        case ERL_FLOAT_EXT: printf(" %.17g", term.value.d_val); break;
        case ERL_PID_EXT: show_pid(&term.value.pid); break;
        case ERL_NEW_REFERENCE_EXT: show_ref(&term.value.ref); break;
        case ERL_PORT_EXT: printf(" %llu", term.value.port.id); break;
        case ERL_SMALL_INTEGER_EXT:
        case ERL_INTEGER_EXT: printf(" %ld", term.value.i_val); break;
        }
    printf(")");
    CALL("ei_term0", ei_decode_ei_term(buf, &index, NULL));
}

static void skip(void *unused)
{
    int ok;

    (void)unused;
    CALL("skip", ei_skip_term(buf, &index));
}

static void print(void *unused)
{
    char *s = NULL;
    int ok;

    (void)unused;
    CALL("s_print", ei_s_print_term(&s, buf, &index));
    if (ok && values)
        printf("(%s)", s);
    free(s);
    printf("[");
    CALL("print", ei_print_term(stdout, buf, &index));
    printf("]");
}

static const struct {
    const char *name;
    void (*f)(void *);
} parts[] = {{"numbers", numbers}, {"atoms", atoms}, {"texts", texts}, {"ids", ids},     {"funs", funs},
             {"bigs", bigs},       {"whole", whole}, {"skip", skip},   {"print", print}};

#define PARTS ((int)(sizeof parts / sizeof *parts))

static int *part; /* shared with children: the next part */

static void from_part(void *name)
{
    while (*part < PARTS) {
        printf("%s/%s:", (char *)name, parts[*part].name);
        fflush(stdout);
        parts[*part].f(NULL);
        printf("\n");
        ++*part;
    }
}

/* All parts in a child, and in another one what a crash left. */
static void everything_guarded(char *name)
{
    for (*part = 0; *part < PARTS; ++*part)
        guarded(from_part, name);
}

static void everything(char *name)
{
    *part = 0;
    from_part(name);
}

/* Broken terms stand in front of zeros that any length inside a small term reaches at most. */
static void broken(const struct term *t)
{
    char name[100];
    int cut, round;

    if (t->len > 600)
        return;
    for (cut = 0; cut < t->len; cut += 1 + t->len / 6) {
        memset(buf, 0, 1 << 20);
        memcpy(buf + START, t->bytes, cut);
        snprintf(name, sizeof name, "%s/cut%d", t->name, cut);
        everything_guarded(name);
    }
    for (round = 0; round < 8; round++) {
        int at = (int)(random64() % t->len);

        memset(buf, 0, 1 << 20);
        memcpy(buf + START, t->bytes, t->len);
        buf[START + at] = (char)random64();
        if (round % 3 == 0)
            buf[START + at] = (char)0xff;
        snprintf(name, sizeof name, "%s/changed%d", t->name, round);
        everything_guarded(name);
    }
}

int main(int argc, char **argv)
{
    static struct term terms[400];
    int i, n = read_terms(argv[1], terms, 400);

    part = mmap(NULL, sizeof *part, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    buf = calloc(1, 1 << 20);
    for (i = 0; i < n; i++) {
        if (argc > 2) {
            broken(&terms[i]);
            continue;
        }
        values = 1;
        memcpy(buf + START, terms[i].bytes, terms[i].len);
        memset(buf + START + terms[i].len, 0, 8192);
        everything(terms[i].name);
    }
    return 0;
}
