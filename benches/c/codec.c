// Encoding, decoding and skipping terms: erlnode's C API beside libei, the same terms in the same run.
//
// Each workload is written by both libraries to the same bytes (which is checked), read back by both, and skipped by both. The
// columns take turns; the best of many rounds counts, so that a busy machine costs patience and not truth. Printed are
// nanoseconds per term and the ratio libei / erlnode: above 1.0 erlnode is faster. libei has two ways to encode: ei_x_* into a
// buffer that grows, as erlnode's writer does, and ei_* into one that the program has made large enough.

#define _POSIX_C_SOURCE 200809L
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "erlnode.h"

#define ROUNDS 31
#define ROUND_NS 2000000.0
#define NUMBERS 1000

static erlang_pid ei_pid;
static erln_pid our_pid;
static const char text[] = "The quick brown fox jumps over the lazy dog, and again.";
static const char *const keys[8] = {"id", "name", "email", "age", "active", "score", "role", "city"};
// Whatever is read is added here, so that no compiler leaves the reading out.
static volatile int64_t sink;

static void must(int fine, const char *what) {
    if (!fine) {
        fprintf(stderr, "codec: %s failed\n", what);
        exit(1);
    }
}

// {call, Pid, 12345678, 1.5, <<"...">>, [1, 2, 3]}

static void message_ei_x(ei_x_buff *x) {
    ei_x_encode_tuple_header(x, 6);
    ei_x_encode_atom(x, "call");
    ei_x_encode_pid(x, &ei_pid);
    ei_x_encode_long(x, 12345678);
    ei_x_encode_double(x, 1.5);
    ei_x_encode_binary(x, text, sizeof text - 1);
    ei_x_encode_list_header(x, 3);
    for (long n = 1; n <= 3; n++) ei_x_encode_long(x, n);
    ei_x_encode_empty_list(x);
}

static void message_ei(char *b, int *i) {
    ei_encode_tuple_header(b, i, 6);
    ei_encode_atom(b, i, "call");
    ei_encode_pid(b, i, &ei_pid);
    ei_encode_long(b, i, 12345678);
    ei_encode_double(b, i, 1.5);
    ei_encode_binary(b, i, text, sizeof text - 1);
    ei_encode_list_header(b, i, 3);
    for (long n = 1; n <= 3; n++) ei_encode_long(b, i, n);
    ei_encode_empty_list(b, i);
}

static void message_write(erln_writer *w) {
    erln_write_tuple(w, 6);
    erln_write_atom(w, "call");
    erln_write_pid(w, &our_pid);
    erln_write_int64(w, 12345678);
    erln_write_double(w, 1.5);
    erln_write_binary(w, (const uint8_t *)text, sizeof text - 1);
    erln_write_list(w, 3);
    for (int64_t n = 1; n <= 3; n++) erln_write_int64(w, n);
    erln_write_nil(w);
}

static void message_decode(const char *b, int *i) {
    int arity;
    char atom[MAXATOMLEN_UTF8], binary[256];
    erlang_pid pid;
    long n, len;
    double d;
    must(!ei_decode_tuple_header(b, i, &arity) && arity == 6, "arity");
    must(!ei_decode_atom(b, i, atom) && strcmp(atom, "call") == 0, "atom");
    must(!ei_decode_pid(b, i, &pid), "pid");
    must(!ei_decode_long(b, i, &n), "integer");
    must(!ei_decode_double(b, i, &d), "float");
    must(!ei_decode_binary(b, i, binary, &len), "binary");
    sink += n + len + binary[0] + (int64_t)d + (int64_t)pid.num;
    must(!ei_decode_list_header(b, i, &arity), "list");
    for (int k = 0; k < arity; k++) {
        must(!ei_decode_long(b, i, &n), "element");
        sink += n;
    }
    must(!ei_decode_list_header(b, i, &arity) && arity == 0, "end");
}

static void message_read(erln_reader *r) {
    erln_pid pid;
    erln_bytes binary;
    int64_t n;
    double d;
    size_t count;
    must(erln_read_tuple_of(r, 6) && erln_read_atom_is(r, "call"), "tag");
    must(erln_read_pid(r, &pid) && erln_read_int64(r, &n) && erln_read_double(r, &d), "values");
    must(erln_read_binary(r, &binary), "binary");
    sink += n + (int64_t)binary.len + binary.ptr[0] + (int64_t)d + pid.id;
    must(erln_read_list(r, &count), "list");
    for (size_t k = 0; k < count; k++) {
        must(erln_read_int64(r, &n), "element");
        sink += n;
    }
    must(erln_read_nil(r), "end");
}

// A list of integers, of floats, of atoms.

static void integers_ei_x(ei_x_buff *x) {
    ei_x_encode_list_header(x, NUMBERS);
    for (long n = 0; n < NUMBERS; n++) ei_x_encode_long(x, n * 1000);
    ei_x_encode_empty_list(x);
}

static void integers_ei(char *b, int *i) {
    ei_encode_list_header(b, i, NUMBERS);
    for (long n = 0; n < NUMBERS; n++) ei_encode_long(b, i, n * 1000);
    ei_encode_empty_list(b, i);
}

static void integers_write(erln_writer *w) {
    erln_write_list(w, NUMBERS);
    for (int64_t n = 0; n < NUMBERS; n++) erln_write_int64(w, n * 1000);
    erln_write_nil(w);
}

static void integers_decode(const char *b, int *i) {
    int count;
    long n, sum = 0;
    must(!ei_decode_list_header(b, i, &count), "list");
    for (int k = 0; k < count; k++) {
        must(!ei_decode_long(b, i, &n), "element");
        sum += n;
    }
    must(!ei_decode_list_header(b, i, &count), "end");
    sink += sum;
}

static void integers_read(erln_reader *r) {
    size_t count;
    int64_t n, sum = 0;
    must(erln_read_list(r, &count), "list");
    for (size_t k = 0; k < count; k++) {
        must(erln_read_int64(r, &n), "element");
        sum += n;
    }
    must(erln_read_nil(r), "end");
    sink += sum;
}

static void floats_ei_x(ei_x_buff *x) {
    ei_x_encode_list_header(x, NUMBERS);
    for (int n = 0; n < NUMBERS; n++) ei_x_encode_double(x, n * 0.5);
    ei_x_encode_empty_list(x);
}

static void floats_ei(char *b, int *i) {
    ei_encode_list_header(b, i, NUMBERS);
    for (int n = 0; n < NUMBERS; n++) ei_encode_double(b, i, n * 0.5);
    ei_encode_empty_list(b, i);
}

static void floats_write(erln_writer *w) {
    erln_write_list(w, NUMBERS);
    for (int n = 0; n < NUMBERS; n++) erln_write_double(w, n * 0.5);
    erln_write_nil(w);
}

// The bits of a float: adding floats would take longer than reading them.
static int64_t bits_of(double d) {
    int64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

static void floats_decode(const char *b, int *i) {
    int count;
    double d;
    int64_t sum = 0;
    must(!ei_decode_list_header(b, i, &count), "list");
    for (int k = 0; k < count; k++) {
        must(!ei_decode_double(b, i, &d), "element");
        sum ^= bits_of(d);
    }
    must(!ei_decode_list_header(b, i, &count), "end");
    sink += sum;
}

static void floats_read(erln_reader *r) {
    size_t count;
    double d;
    int64_t sum = 0;
    must(erln_read_list(r, &count), "list");
    for (size_t k = 0; k < count; k++) {
        must(erln_read_double(r, &d), "element");
        sum ^= bits_of(d);
    }
    must(erln_read_nil(r), "end");
    sink += sum;
}

// The same lists from and to arrays, which libei can only do one by one.

static int64_t integer_array[NUMBERS];
static double float_array[NUMBERS];

static void integer_array_write(erln_writer *w) {
    for (int64_t n = 0; n < NUMBERS; n++) integer_array[n] = n * 1000;
    erln_write_int64s(w, integer_array, NUMBERS);
}

static void integer_array_read(erln_reader *r) {
    size_t count;
    int64_t sum = 0;
    must(erln_read_int64s(r, integer_array, NUMBERS, &count), "array");
    for (size_t k = 0; k < count; k++) sum += integer_array[k];
    sink += sum;
}

static void float_array_write(erln_writer *w) {
    for (int n = 0; n < NUMBERS; n++) float_array[n] = n * 0.5;
    erln_write_doubles(w, float_array, NUMBERS);
}

static void float_array_read(erln_reader *r) {
    size_t count;
    int64_t sum = 0;
    must(erln_read_doubles(r, float_array, NUMBERS, &count), "array");
    for (size_t k = 0; k < count; k++) sum ^= bits_of(float_array[k]);
    sink += sum;
}

// 100 maps of 8 fields with atoms as keys: [#{id => 1, name => <<"...">>, ...}, ...]

#define MAPS 100

static void maps_ei_x(ei_x_buff *x) {
    ei_x_encode_list_header(x, MAPS);
    for (long m = 0; m < MAPS; m++) {
        ei_x_encode_map_header(x, 8);
        for (int k = 0; k < 8; k++) {
            ei_x_encode_atom(x, keys[k]);
            if (k % 2 == 0) ei_x_encode_long(x, m * 300 + k);
            else ei_x_encode_binary(x, text, 16);
        }
    }
    ei_x_encode_empty_list(x);
}

static void maps_ei(char *b, int *i) {
    ei_encode_list_header(b, i, MAPS);
    for (long m = 0; m < MAPS; m++) {
        ei_encode_map_header(b, i, 8);
        for (int k = 0; k < 8; k++) {
            ei_encode_atom(b, i, keys[k]);
            if (k % 2 == 0) ei_encode_long(b, i, m * 300 + k);
            else ei_encode_binary(b, i, text, 16);
        }
    }
    ei_encode_empty_list(b, i);
}

static void maps_write(erln_writer *w) {
    erln_write_list(w, MAPS);
    for (int64_t m = 0; m < MAPS; m++) {
        erln_write_map(w, 8);
        for (int k = 0; k < 8; k++) {
            erln_write_atom(w, keys[k]);
            if (k % 2 == 0) erln_write_int64(w, m * 300 + k);
            else erln_write_binary(w, (const uint8_t *)text, 16);
        }
    }
    erln_write_nil(w);
}

static void maps_decode(const char *b, int *i) {
    int count, pairs;
    char atom[MAXATOMLEN_UTF8], binary[256];
    long n, len;
    must(!ei_decode_list_header(b, i, &count), "list");
    for (int m = 0; m < count; m++) {
        must(!ei_decode_map_header(b, i, &pairs), "map");
        for (int k = 0; k < pairs; k++) {
            must(!ei_decode_atom(b, i, atom) && strcmp(atom, keys[k]) == 0, "key");
            if (k % 2 == 0) {
                must(!ei_decode_long(b, i, &n), "integer");
                sink += n;
            } else {
                must(!ei_decode_binary(b, i, binary, &len), "binary");
                sink += len;
            }
        }
    }
    must(!ei_decode_list_header(b, i, &count), "end");
}

static void maps_read(erln_reader *r) {
    size_t count, pairs;
    int64_t n;
    erln_bytes binary;
    must(erln_read_list(r, &count), "list");
    for (size_t m = 0; m < count; m++) {
        must(erln_read_map(r, &pairs), "map");
        for (size_t k = 0; k < pairs; k++) {
            must(erln_read_atom_is(r, keys[k]), "key");
            if (k % 2 == 0) {
                must(erln_read_int64(r, &n), "integer");
                sink += n;
            } else {
                must(erln_read_binary(r, &binary), "binary");
                sink += (int64_t)binary.len;
            }
        }
    }
    must(erln_read_nil(r), "end");
}

struct workload {
    const char *name;
    void (*ei_x)(ei_x_buff *);
    void (*ei)(char *, int *);
    void (*write)(erln_writer *);
    void (*decode)(const char *, int *);
    void (*read)(erln_reader *);
};

static const struct workload workloads[] = {
    {"message", message_ei_x, message_ei, message_write, message_decode, message_read},
    {"1000 integers", integers_ei_x, integers_ei, integers_write, integers_decode, integers_read},
    {"... as array", integers_ei_x, integers_ei, integer_array_write, integers_decode, integer_array_read},
    {"1000 floats", floats_ei_x, floats_ei, floats_write, floats_decode, floats_read},
    {"... as array", floats_ei_x, floats_ei, float_array_write, floats_decode, float_array_read},
    {"100 maps of 8", maps_ei_x, maps_ei, maps_write, maps_decode, maps_read},
};

enum column { EI_X, EI, WRITE, DECODE, READ, SKIP_EI, SKIP, COLUMNS };

static char buffer[1 << 20];
static ei_x_buff growing;
static erln_writer *writer;
static erln_bytes term;

static void once(const struct workload *work, enum column column) {
    int index = 0;
    erln_reader reader;
    switch (column) {
    case EI_X:
        growing.index = 0;
        work->ei_x(&growing);
        break;
    case EI:
        work->ei(buffer, &index);
        break;
    case WRITE:
        erln_writer_clear(writer);
        work->write(writer);
        must(erln_writer_finish(writer, &term) == ERLN_OK, "finish");
        break;
    case DECODE:
        work->decode((const char *)term.ptr, &index);
        break;
    case READ:
        erln_reader_init(&reader, term.ptr, term.len);
        work->read(&reader);
        must(erln_reader_finish(&reader) == ERLN_OK, "reading");
        break;
    case SKIP_EI:
        must(!ei_skip_term((const char *)term.ptr, &index), "ei_skip_term");
        break;
    case SKIP:
        erln_reader_init(&reader, term.ptr, term.len);
        must(erln_read_skip(&reader), "skip");
        break;
    case COLUMNS:
        break;
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double timed(const struct workload *work, enum column column, long times) {
    double start = now();
    for (long n = 0; n < times; n++) once(work, column);
    return (now() - start) / (double)times;
}

int main(void) {
    strcpy(ei_pid.node, "alex@localhost");
    strcpy(our_pid.node, "alex@localhost");
    ei_pid.num = our_pid.id = 85;
    ei_pid.creation = our_pid.creation = 7;
    ei_init();
    ei_x_new(&growing);
    writer = erln_writer_new();
    printf("%-14s %30s %30s %22s\n", "", "encode ei_x, ei, erlnode", "decode ei, erlnode", "skip ei, erlnode");
    for (size_t n = 0; n < sizeof workloads / sizeof *workloads; n++) {
        const struct workload *work = &workloads[n];
        double best[COLUMNS];
        long times[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            // Both orders of bytes are the same: the term that is read was written by either.
            once(work, (enum column)c);
            if (c == WRITE) {
                must(term.len == (size_t)growing.index && memcmp(term.ptr, growing.buff, term.len) == 0, "the same bytes");
            }
            best[c] = timed(work, (enum column)c, 10);
            times[c] = (long)(ROUND_NS / best[c]) + 1;
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (int c = 0; c < COLUMNS; c++) {
                double ns = timed(work, (enum column)c, times[c]);
                if (ns < best[c]) best[c] = ns;
            }
        }
        printf("%-14s %7.0f %7.0f %7.0f %4.1fx %4.1fx %8.0f %7.0f  %4.1fx %8.0f %7.0f  %4.1fx\n", work->name, best[EI_X],
               best[EI], best[WRITE], best[EI_X] / best[WRITE], best[EI] / best[WRITE], best[DECODE], best[READ],
               best[DECODE] / best[READ], best[SKIP_EI], best[SKIP], best[SKIP_EI] / best[SKIP]);
    }
    ei_x_free(&growing);
    erln_writer_free(writer);
    return 0;
}
