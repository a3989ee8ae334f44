/* Every encoding function, flat, counting only, and growing, on borders and on random values. */
#include "common.h"
#include <math.h>

static char out[1 << 20];

/* `call` uses buf and index; `grow` uses &x. */
#define BOTH(name, call, grow)                                                                                         \
    do {                                                                                                               \
        char *buf = NULL;                                                                                              \
        int index = 3, got;                                                                                            \
        ei_x_buff x;                                                                                                   \
                                                                                                                       \
        got = (call);                                                                                                  \
        printf(name ": %d", got);                                                                                      \
        printf(",%d", got < 0 ? 3 : index);                                                                            \
        buf = out;                                                                                                     \
        index = 3;                                                                                                     \
        got = (call);                                                                                                  \
        printf(" %d,%d ", got, got < 0 ? 3 : index);                                                                   \
        if (got >= 0)                                                                                                  \
            hex(out + 3, index - 3);                                                                                   \
        ei_x_new_with_version(&x);                                                                                     \
        got = (grow);                                                                                                  \
        printf(" %d,%d ", got, x.index);                                                                               \
        hex(x.buff, x.index);                                                                                          \
        printf("\n");                                                                                                  \
        ei_x_free(&x);                                                                                                 \
    } while (0)

static void fill(char *text, int len, int kind)
{
    int i;

    for (i = 0; i < len; i++)
        text[i] = kind == 0 ? (char)('a' + random64() % 26) : (char)(1 + random64() % 255);
    text[len] = 0;
}

static void numbers(void)
{
    static const long long borders[] = {0, 1, 127, 128, 255, 256, 257, 65535, 65536, 134217727, 134217728, 2147483647, 2147483648LL,
                                        4294967295LL, 4294967296LL, 1099511627775LL, 1099511627776LL, 72057594037927935LL,
                                        72057594037927936LL, 9223372036854775807LL};
    unsigned i;

    for (i = 0; i < 2000; i++) {
        unsigned border = i / 4 < sizeof borders / sizeof *borders ? i / 4 : 0;
        long long v = border || i < 4 ? borders[border] : (long long)(random64() >> (random64() % 64));
        double d;

        if (i & 1)
            v = -v;
        if (i & 2)
            v--;
        memcpy(&d, &v, 8);
        BOTH("long", ei_encode_long(buf, &index, v), ei_x_encode_long(&x, v));
        BOTH("ulong", ei_encode_ulong(buf, &index, v), ei_x_encode_ulong(&x, v));
        BOTH("longlong", ei_encode_longlong(buf, &index, v), ei_x_encode_longlong(&x, v));
        BOTH("ulonglong", ei_encode_ulonglong(buf, &index, v), ei_x_encode_ulonglong(&x, v));
        BOTH("double", ei_encode_double(buf, &index, d), ei_x_encode_double(&x, d));
        BOTH("double", ei_encode_double(buf, &index, v / 7.0), ei_x_encode_double(&x, v / 7.0));
        BOTH("char", ei_encode_char(buf, &index, (char)v), ei_x_encode_char(&x, (char)v));
        BOTH("boolean", ei_encode_boolean(buf, &index, (int)(v & 3)), ei_x_encode_boolean(&x, (int)(v & 3)));
        BOTH("tuple", ei_encode_tuple_header(buf, &index, (int)v), ei_x_encode_tuple_header(&x, (int)v));
        BOTH("list", ei_encode_list_header(buf, &index, (int)v), ei_x_encode_list_header(&x, (int)v));
        BOTH("map", ei_encode_map_header(buf, &index, (int)v), ei_x_encode_map_header(&x, (int)v));
    }
    BOTH("version", ei_encode_version(buf, &index), ei_x_encode_version(&x));
    BOTH("empty", ei_encode_empty_list(buf, &index), ei_x_encode_empty_list(&x));
    BOTH("inf", ei_encode_double(buf, &index, INFINITY), ei_x_encode_double(&x, -INFINITY));
    BOTH("nan", ei_encode_double(buf, &index, NAN), ei_x_encode_double(&x, NAN));
}

static const char *texts[] = {"",
                              "a",
                              "hello",
                              "hello world",
                              "node@host.example.com",
                              "\xe5\xe4\xf6",
                              "\xc3\xa5\xc3\xa4\xc3\xb6",
                              "\xce\xbb\xd0\xb6\xe6\xbc\xa2",
                              "\xf0\x9f\x98\x80",
                              "a\xc3",
                              "\xc3(",
                              "\xe6\xbc",
                              "\xe6(\xa2",
                              "\xf0\x9f\x98",
                              "\xf0\x9f\x98(",
                              "\xff",
                              "\x80",
                              "\xf8\x88\x80\x80\x80",
                              "ascii then \xe5"};

static void one_text(const char *s, int len)
{
    static const int encodings[] = {ERLANG_ASCII, ERLANG_LATIN1, ERLANG_UTF8, ERLANG_LATIN1 | ERLANG_UTF8, 0};
    unsigned e;

    BOTH("atom", ei_encode_atom(buf, &index, s), ei_x_encode_atom(&x, s));
    BOTH("atom_len", ei_encode_atom_len(buf, &index, s, len), ei_x_encode_atom_len(&x, s, len));
    BOTH("string", ei_encode_string(buf, &index, s), ei_x_encode_string(&x, s));
    BOTH("string_len", ei_encode_string_len(buf, &index, s, len), ei_x_encode_string_len(&x, s, len));
    BOTH("binary", ei_encode_binary(buf, &index, s, len), ei_x_encode_binary(&x, s, len));
    for (e = 0; e < 5; e++) {
        BOTH("atom_as", ei_encode_atom_as(buf, &index, s, encodings[e], encodings[(e + 1) % 3]),
             ei_x_encode_atom_as(&x, s, encodings[e], ERLANG_UTF8));
        BOTH("atom_len_as", ei_encode_atom_len_as(buf, &index, s, len, encodings[e], encodings[(e + 1) % 3]),
             ei_x_encode_atom_len_as(&x, s, len, encodings[e], ERLANG_UTF8));
    }
}

static void all_texts(void)
{
    static const int lengths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 127, 128, 129, 254, 255, 256, 257, 300, 510, 1020};
    static char text[70000];
    unsigned i, round;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        one_text(texts[i], (int)strlen(texts[i]));
    for (i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (round = 0; round < 3; round++) {
            fill(text, lengths[i], round);
            one_text(text, lengths[i]);
        }
    for (i = 0; i < 255; i++)
        memcpy(text + 4 * i, "\xf0\x9f\x98\x80", 5);
    one_text(text, 1020);
    for (i = 65534; i <= 65537; i++) {
        int len = (int)i;

        fill(text, len, 1);
        BOTH("string", ei_encode_string(buf, &index, text), ei_x_encode_string(&x, text));
        BOTH("string_len", ei_encode_string_len(buf, &index, text, len), ei_x_encode_string_len(&x, text, len));
        BOTH("binary", ei_encode_binary(buf, &index, text, len), ei_x_encode_binary(&x, text, len));
    }
    for (i = 0; i < 3000; i++) {
        size_t offset = random64() % 70, bits = random64() % (i % 10 ? 40 : 900);

        fill(text, 200, 1);
        BOTH("bitstring", ei_encode_bitstring(buf, &index, text, offset, bits), ei_x_encode_bitstring(&x, text, offset, bits));
    }
}

static void all_ids(void)
{
    unsigned i, t;

    for (i = 0; i < 300; i++)
        for (t = 0; t < 9; t++) {
            erlang_pid pid;
            erlang_port port;
            erlang_ref ref;
            erlang_trace trace;

            memset(&pid, 0, sizeof pid);
            memset(&port, 0, sizeof port);
            memset(&ref, 0, sizeof ref);
            strcpy(pid.node, texts[t]);
            strcpy(port.node, texts[t]);
            strcpy(ref.node, texts[t]);
            pid.num = (unsigned)random64();
            pid.serial = (unsigned)random64();
            pid.creation = port.creation = ref.creation = (unsigned)random64();
            port.id = random64() >> (random64() % 64);
            ref.len = (int)(i % 6);
            ref.n[0] = (unsigned)random64();
            ref.n[1] = (unsigned)random64();
            ref.n[4] = (unsigned)random64();
            trace.from = pid;
            trace.serial = (long)random64();
            trace.prev = (long)(random64() >> 40);
            trace.label = -(long)(random64() >> 36);
            trace.flags = 3;
            BOTH("pid", ei_encode_pid(buf, &index, &pid), ei_x_encode_pid(&x, &pid));
            BOTH("port", ei_encode_port(buf, &index, &port), ei_x_encode_port(&x, &port));
            BOTH("ref", ei_encode_ref(buf, &index, &ref), ei_x_encode_ref(&x, &ref));
            BOTH("trace", ei_encode_trace(buf, &index, &trace), ei_x_encode_trace(&x, &trace));
        }
}

static void compare(void)
{
    static const char *nodes[] = {"a@b", "a@c", "a", ""};
    erlang_pid p[40];
    erlang_port q[40];
    erlang_ref r[40];
    int i, j, k;

    memset(p, 0, sizeof p);
    memset(q, 0, sizeof q);
    memset(r, 0, sizeof r);
    for (i = 0; i < 40; i++) {
        strcpy(p[i].node, nodes[random64() % 4]);
        strcpy(q[i].node, nodes[random64() % 4]);
        strcpy(r[i].node, nodes[random64() % 4]);
        p[i].num = (unsigned)(random64() % 2) * 0x80000001u;
        p[i].serial = (unsigned)(random64() % 2) * 0xffffffffu;
        p[i].creation = (unsigned)(random64() % 2) * 0xf0000000u;
        q[i].creation = r[i].creation = (unsigned)(random64() % 3);
        q[i].id = random64() % 3 << 40;
        r[i].len = (int)(random64() % 6);
        for (k = 0; k < r[i].len; k++)
            r[i].n[k] = (unsigned)(random64() % 2) * 0xfffffff0u;
    }
    for (i = 0; i < 40; i++)
        for (j = 0; j < 40; j++) {
            int a = ei_cmp_pids(&p[i], &p[j]), b = ei_cmp_ports(&q[i], &q[j]), c = ei_cmp_refs(&r[i], &r[j]);

            printf("compare: %d %d %d\n", (a > 0) - (a < 0), (b > 0) - (b < 0), (c > 0) - (c < 0));
        }
}

static void big(void)
{
    int i;

    for (i = 0; i < 600; i++) {
        int bytes = i % 3 ? (int)(random64() % 20) : (int)(random64() % 300), k;
        erlang_big *b = ei_alloc_big(bytes), *c = ei_alloc_big(i % 2 ? bytes : (unsigned)(random64() % 20));
        double d = 0;
        int got;

        b->is_neg = i % 2;
        c->is_neg = i % 5 == 0;
        for (k = 0; k < (bytes + 1) / 2; k++)
            ((unsigned short *)b->digits)[k] = (unsigned short)random64();
        memcpy(c->digits, b->digits, (c->arity < b->arity ? c->arity : b->arity) / 2 * 2);
        BOTH("big", ei_encode_big(buf, &index, b), ei_x_encode_big(&x, b));
        got = ei_big_to_double(b, &d);
        printf("double: %d %.17g %d %d\n", got, d, ei_big_comp(b, c), ei_big_comp(c, b));
        got = ei_small_to_big((int)random64(), c);
        printf("small: %d %d ", got, c->is_neg);
        hex(c->digits, (int)(c->arity + 1) / 2 * 2);
        printf("\n");
        ei_free_big(b);
        ei_free_big(c);
    }
    ei_free_big(NULL);
}

extern int x_fix_buff(ei_x_buff *x, int szneeded);
extern int utf8_to_latin1(char *dst, const char *src, int slen, int destlen, erlang_char_encoding *res);
extern int latin1_to_utf8(char *dst, const char *src, int slen, int destlen, erlang_char_encoding *res);
extern int ei_internal_put_atom(char **bufp, const char *p, int slen, erlang_char_encoding to);
extern int ei_internal_get_atom(const char **bufp, char *p, erlang_char_encoding *was);
extern void ei_MD5Init(void *), ei_MD5Update(void *, const unsigned char *, unsigned), ei_MD5Final(unsigned char *, void *);

static void buffers(void)
{
    ei_x_buff x, y;
    int i, got;

    printf("x_new: %d", ei_x_new(&x));
    printf(" %d\n", x.index);
    printf("x_new_with_version: %d", ei_x_new_with_version(&y));
    printf(" %d\n", y.index);
    for (i = 0; i < 2000; i++) {
        ei_x_encode_long(&y, i);
        if (i % 100 == 0) {
            got = ei_x_append(&x, &y);
            printf("append: %d %d %d\n", got, x.index, x.buffsz >= x.index);
        }
    }
    got = ei_x_append_buf(&x, "hello", 5);
    printf("append_buf: %d %d ", got, x.index);
    hex(x.buff, x.index);
    got = x_fix_buff(&x, 100000);
    printf("\nfix: %d %d\n", got, x.buffsz >= 100000);
    got = ei_x_free(&x);
    printf("free: %d %d", got, x.buff == NULL);
    printf(" %d\n", ei_x_free(&x));
    ei_x_free(&y);
    for (i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
        char text[64], *p = out;
        const char *q = out;
        erlang_char_encoding e = 9, f = 9;
        int len = (int)strlen(texts[i]), a, b;

        a = utf8_to_latin1(text, texts[i], len, 40, &e);
        printf("narrow: %d %d ", a, a < 0 ? 0 : (int)e);
        hex(text, a);
        b = latin1_to_utf8(text, texts[i], len, 60, &f);
        printf(" %d %d ", b, f);
        hex(text, b);
        got = ei_internal_put_atom(&p, texts[i], len, ERLANG_UTF8);
        printf(" put %d %d", got, got < 0 ? 0 : (int)(p - out));
        if (got == 0) {
            got = ei_internal_get_atom(&q, text, &e);
            printf(" get %d %d %d %s", got, (int)(q - out), e, text);
        }
        printf("\n");
    }
    for (i = 0; i < 200; i++) {
        unsigned char digest[16];
        char text[300];
        unsigned long context[32];

        fill(text, i, 1);
        ei_MD5Init(context);
        ei_MD5Update(context, (unsigned char *)text, (unsigned)i / 3);
        ei_MD5Update(context, (unsigned char *)text + i / 3, (unsigned)(i - i / 3));
        ei_MD5Final(digest, context);
        printf("md5: ");
        hex(digest, 16);
        printf("\n");
    }
}

int main(void)
{
    numbers();
    all_texts();
    all_ids();
    compare();
    big();
    buffers();
    return 0;
}
