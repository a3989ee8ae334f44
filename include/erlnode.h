// Generated from src/ffi by `ERLNODE_UPDATE=1 cargo test --test header`. Do not edit.
//
// erlnode makes this program a node of an Erlang/Elixir cluster.
//
// A node (erln_node) is what other nodes see. A mailbox (erln_mailbox) is a process of it: it has a pid, perhaps a
// name, and a queue of messages (erln_msg). The terms in a message are read with a reader (erln_reader) or matched
// against a pattern (erln_match); a term to be sent is built from a template (erln_send) or with a writer
// (erln_writer).
//
// The smallest program that answers {ping, Pid} with pong:
//
//     erln_config *config = erln_config_new("pong@localhost");
//     erln_node node;
//     erln_mailbox box;
//     if (erln_node_start(config, &node) != ERLN_OK || erln_mailbox_open(node, "pong", NULL, &box) != ERLN_OK) {
//         fprintf(stderr, "%s\n", erln_last_error());
//         return 1;
//     }
//     erln_config_free(config);
//     erln_msg *msg;
//     while (erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK) {
//         erln_pid from;
//         if (erln_match(msg, "{ping, ~p}", &from)) {
//             erln_send(box, erln_to_pid(&from), "pong");
//         }
//         erln_msg_free(msg);
//     }
//
// Objects. Nodes and mailboxes are small numbers, passed and copied by value. There is nothing to free: close them.
// After that, and in every other thread, their number answers ERLN_ERR_CLOSED; a number that was never given out
// answers ERLN_ERR_ARGUMENT. Pids, references and bytes are plain structs: copy, compare with memcmp, store. A
// reader is a plain struct on your stack.
//
// Ownership. What a call gives you as a pointer has one function that frees it, named in its comment ("Free with
// erln_msg_free"). What is borrowed is never freed, and its comment names how long it lives ("Borrowed; lives as
// long as msg"). What you pass in is only looked at during the call. Freeing NULL does nothing.
//
// Threads. Any thread may call anything with a node or a mailbox, also at the same time. A message, writer, config
// or reader belongs to one thread at a time. The library has threads of its own; they block all signals and never
// call you, except for the log hook. After a fork the child cannot use the nodes of its parent (ERLN_ERR_FORKED),
// but may start its own.
//
// Errors. A call that can fail returns an erln_status: 0 is success, failures are negative. Outputs come last and are
// written only on success. erln_last_error() tells in words what went wrong and what cures it. Reading and writing
// terms return a bool; broken input is remembered and can be checked once, at the end. No call ends the process or
// raises a signal, and nothing is printed but the log (see erln_log_set).
//
// Time. What may wait takes timeout_ms: milliseconds, 0 for not at all, ERLN_FOREVER for no limit.

#ifndef ERLNODE_H
#define ERLNODE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#ifdef __GNUC__
// Inline functions below are C, whose casts a strict C++ program may have forbidden.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#endif
#endif

// ====================================================================================================
// Status codes and the text of the last failure.
//
// A status is for programs, the text for people. Every failure of a call sets the text of its thread; a call that
// succeeds leaves it alone.
// ====================================================================================================

// What a call ended in. Zero is success, failures are negative. Numbers are grouped, and never reused or changed;
// later releases may add some, so treat an unknown negative number as a failure.
enum erln_status
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Done.
    ERLN_OK = 0,
    // An argument can never work: NULL, a made-up id, a wrong length, text that is not UTF-8, a bad template.
    ERLN_ERR_ARGUMENT = -1,
    // The node, mailbox or connection was closed, by you or by another thread.
    ERLN_ERR_CLOSED = -2,
    // The id was made before this process forked. Start a new node in the child.
    ERLN_ERR_FORKED = -3,
    // The time given was over (or was 0, and nothing was there).
    ERLN_ERR_TIMEOUT = -10,
    // A peer does not read, and the time to wait for room was over. Nothing was sent.
    ERLN_ERR_BUSY = -11,
    // Bytes that are no term.
    ERLN_ERR_MALFORMED = -20,
    // A limit was met; the text names it and the option that moves it.
    ERLN_ERR_LIMIT = -21,
    // The node name breaks the rules.
    ERLN_ERR_BAD_NAME = -30,
    // The node has no name yet, and the call needs one.
    ERLN_ERR_NOT_ALIVE = -31,
    // Another node of that name is registered at epmd.
    ERLN_ERR_NAME_IN_USE = -32,
    // Another process of this node has registered that name.
    ERLN_ERR_NAME_TAKEN = -33,
    // No epmd answers on that host.
    ERLN_ERR_EPMD = -40,
    // epmd on that host knows no such node.
    ERLN_ERR_NAME_UNKNOWN = -41,
    // The host name cannot be resolved.
    ERLN_ERR_HOST_UNKNOWN = -42,
    // The TCP connection was refused or failed.
    ERLN_ERR_UNREACHABLE = -43,
    // What listens there is not an Erlang node.
    ERLN_ERR_NOT_A_NODE = -44,
    // The cookies differ.
    ERLN_ERR_COOKIE = -45,
    // The peer refused the connection.
    ERLN_ERR_REFUSED = -46,
    // One side uses short names, the other long ones.
    ERLN_ERR_NAME_KIND = -47,
    // The cookie file is missing, unreadable or open to others.
    ERLN_ERR_COOKIE_FILE = -48,
    // There is no connection to that node, and none could be made.
    ERLN_ERR_NO_CONNECTION = -49,
    // The two sides could not agree on a TLS connection, or one does not believe the other's certificate.
    ERLN_ERR_TLS = -50,
    // Nobody has that pid or name.
    ERLN_ERR_NO_PROCESS = -60,
    // The other side answered with an error.
    ERLN_ERR_REMOTE = -61,
    // This build or that peer cannot do it.
    ERLN_ERR_UNSUPPORTED = -62,
    // The operating system refused something.
    ERLN_ERR_IO = -80,
    // A bug in this library, contained in this call. Please report the text.
    ERLN_ERR_INTERNAL = -99,
};
#ifndef __cplusplus
typedef int32_t erln_status;
#endif // __cplusplus

// The text of this thread's last failure: which step failed and what cures it. Never NULL; empty if nothing failed.
// Borrowed; lives until the next failure on this thread. Made for logs: decide by the status, not by the text.
const char *erln_last_error(void);

// The name of a status, such as "ERLN_ERR_TIMEOUT". Never NULL, never freed.
const char *erln_status_name(int32_t status);

// ====================================================================================================
// Bytes and text.
//
// Bytes that come out are borrowed from a parent named in each call. Bytes that go in are only looked at during the
// call. Text that goes in is UTF-8 with a NUL at its end.
// ====================================================================================================

// As `timeout_ms`: wait without limit.
#define ERLN_FOREVER -1

// Bytes that somebody else owns: never free them. Not followed by a NUL.
typedef struct erln_bytes {
    // The first byte. Never NULL on success, even when `len` is 0.
    const uint8_t *ptr;
    // How many.
    size_t len;
} erln_bytes;

// ====================================================================================================
// Version of the library.
//
// A program that loads the library at run time checks the ABI number first; linked programs need not, since the
// soname carries it.
// ====================================================================================================

// The ABI this header describes. A library of another number may behave in ways this header does not tell.
#define ERLN_ABI 1

// The ABI number of the loaded library; compare with `ERLN_ABI`.
uint32_t erln_abi(void);

// The version of the loaded library, such as "1.2.3". Never freed.
const char *erln_version(void);

// ====================================================================================================
// Pids, ports and references.
//
// Plain structs for ever: copy them, compare them with memcmp, store them, send them on; there is nothing to free.
// The node name is followed by zeros up to the end of its field, so that equal ids are equal bytes. Fill one by
// hand only after clearing it.
// ====================================================================================================

// Room for a node name and its NUL. Node names have at most 255 characters, all of them ASCII.
#define ERLN_NAME_SIZE 256

// A process of some node. Frozen.
typedef struct erln_pid {
    // The node it lives on, followed by zeros.
    char node[ERLN_NAME_SIZE];
    // First number; the middle one in `<0.85.0>`.
    uint32_t id;
    // Second number; the last one in `<0.85.0>`.
    uint32_t serial;
    // Incarnation of the node.
    uint32_t creation;
} erln_pid;

// A reference, such as a monitor, an alias or the tag of a call. Frozen.
typedef struct erln_ref {
    // The node that made it, followed by zeros.
    char node[ERLN_NAME_SIZE];
    // Incarnation of the node.
    uint32_t creation;
    // How many of `words` count, 0 to 5.
    uint32_t len;
    // The reference itself; zeros after `len` words.
    uint32_t words[5];
} erln_ref;

// A port of some node. Frozen.
typedef struct erln_port {
    // The node it lives on, followed by zeros.
    char node[ERLN_NAME_SIZE];
    // Its number.
    uint64_t id;
    // Incarnation of the node.
    uint32_t creation;
    // Zero.
    uint32_t reserved;
} erln_port;

// The name of a node, or another short name. Frozen.
typedef struct erln_name {
    // The name, followed by zeros.
    char text[ERLN_NAME_SIZE];
} erln_name;

// Writes a pid as text, such as `#Pid<a@host.85.0>`, with a NUL. At most `size` bytes are written; `*out_len` is the length
// without NUL that the whole text has, so a result of `size` or more means that it was cut; it may be NULL.
erln_status erln_pid_print(const erln_pid *pid,
                           char *buffer,
                           size_t size,
                           size_t *out_len);

// Writes a reference as text, such as `#Ref<a@host.1.2.3>`, in the manner of erln_pid_print.
erln_status erln_ref_print(const erln_ref *reference,
                           char *buffer,
                           size_t size,
                           size_t *out_len);

// ====================================================================================================
// Reader: a cursor over an encoded term.
//
// A reader is a struct on your stack that borrows the bytes it reads; there is nothing to free, and a plain copy is a
// second cursor at the same place. Each erln_read_* takes the next term if it is of that type and returns true; a wrong
// guess returns false and leaves the cursor where it is, so that you can try the next type. Of a tuple, list or map
// only the head is taken; its elements come next. Broken bytes make every later read return false too: check once
// at the end, with erln_reader_finish or erln_reader_error.
//
//     int64_t n;
//     erln_pid from;
//     if (erln_read_tuple_of(&r, 3) && erln_read_atom_is(&r, "add") && erln_read_pid(&r, &from) &&
//         erln_read_int64(&r, &n)) { ... }
// ====================================================================================================

// Words of a reader's private rest, with room for what may come.
#define ERLN_READER_WORDS 10

// In each initialized reader, so that a forgotten erln_reader_init is noticed.
#define ERLN_READER_MAGIC 7310024366797124145

// What stands at the cursor.
enum erln_kind
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Nothing: the end, or broken bytes.
    ERLN_KIND_NONE = 0,
    // An integer of any size.
    ERLN_KIND_INTEGER = 1,
    // A float.
    ERLN_KIND_FLOAT = 2,
    // An atom.
    ERLN_KIND_ATOM = 3,
    // A tuple.
    ERLN_KIND_TUPLE = 4,
    // A list with elements.
    ERLN_KIND_LIST = 5,
    // The empty list.
    ERLN_KIND_NIL = 6,
    // A list of bytes in its short form; erln_read_list reads it too, as a list of integers.
    ERLN_KIND_STRING = 7,
    // A map.
    ERLN_KIND_MAP = 8,
    // A binary.
    ERLN_KIND_BINARY = 9,
    // A bit string whose last byte is not full.
    ERLN_KIND_BITSTRING = 10,
    // A pid.
    ERLN_KIND_PID = 11,
    // A port.
    ERLN_KIND_PORT = 12,
    // A reference.
    ERLN_KIND_REF = 13,
    // A fun with code of its own.
    ERLN_KIND_FUN = 14,
    // A fun that names an exported function.
    ERLN_KIND_EXPORT = 15,
    // A native record.
    ERLN_KIND_RECORD = 16,
};
#ifndef __cplusplus
typedef int32_t erln_kind;
#endif // __cplusplus

// A cursor over an encoded term. Made by erln_reader_init; copy it to remember a place. Its members are private: they are
// here so that reading the commonest terms needs no call.
typedef struct erln_reader {
    // The byte at the cursor.
    const uint8_t *next;
    // The end of what can be read from there without a call: nothing, inside of a string and after broken bytes.
    const uint8_t *end;
    // The first byte of all.
    const uint8_t *start;
    // How many bytes there are.
    size_t len;
    // Tells that erln_reader_init was called.
    uint64_t magic;
    // 1 inside of a string and after broken bytes, when `state` tells where the cursor stands; else 0.
    uint64_t inside;
    // The rest.
    uint64_t state[ERLN_READER_WORDS];
} erln_reader;

// Starts reading `len` bytes at `data`: one encoded term, with or without the version byte 131 in front. The bytes
// are borrowed; they must live, unchanged, as long as `reader` is used.
erln_status erln_reader_init(erln_reader *reader,
                             const uint8_t *data,
                             size_t len);

// What stands at the cursor.
erln_kind erln_reader_kind(const erln_reader *reader);

// Takes an integer that fits 64 bits with sign.
bool erln_read_int64(erln_reader *reader, int64_t *out);

// Takes an integer that fits 64 bits without sign.
bool erln_read_uint64(erln_reader *reader, uint64_t *out);

// Takes an integer that fits 32 bits with sign.
bool erln_read_int32(erln_reader *reader, int32_t *out);

// Takes a float. Integers are not floats: try erln_read_int64 as well where both may come.
bool erln_read_double(erln_reader *reader, double *out);

// Takes one of the atoms true and false.
bool erln_read_bool(erln_reader *reader, bool *out);

// Takes an atom: its UTF-8 text, without NUL. Borrowed; lives as long as the bytes that are read.
bool erln_read_atom(erln_reader *reader, erln_bytes *out);

// Takes the atom `name`, if it is the one that stands here.
bool erln_read_atom_is(erln_reader *reader, const char *name);

// Takes the head of a tuple; its `*out_arity` elements come next.
bool erln_read_tuple(erln_reader *reader, size_t *out_arity);

// Takes the head of a tuple if it has `arity` elements; they come next.
bool erln_read_tuple_of(erln_reader *reader, size_t arity);

// Takes the head of a list. Its `*out_count` elements come next, and after them its tail, which is the empty list (take
// it with erln_read_nil) unless the list is improper. The empty list has 0 elements and is its own tail.
bool erln_read_list(erln_reader *reader,
                    size_t *out_count);

// Takes the empty list.
bool erln_read_nil(erln_reader *reader);

// Takes the head of a map; its `*out_pairs` pairs come next, each as key and value.
bool erln_read_map(erln_reader *reader, size_t *out_pairs);

// Takes a binary. Borrowed; lives as long as the bytes that are read.
bool erln_read_binary(erln_reader *reader, erln_bytes *out);

// Takes a list of bytes in its short form, or the empty list. Borrowed; lives as long as the bytes that are read.
// Erlang strings with characters over 255 come as lists: read them with erln_read_list.
bool erln_read_string(erln_reader *reader,
                      erln_bytes *out);

// Takes a pid.
bool erln_read_pid(erln_reader *reader, erln_pid *out);

// Takes a reference.
bool erln_read_ref(erln_reader *reader, erln_ref *out);

// Takes a port.
bool erln_read_port(erln_reader *reader, erln_port *out);

// Takes any whole term and gives its encoded bytes, without version byte. Borrowed; lives as long as the bytes that
// are read. Read it later with erln_reader_init, or put it into another term with erln_write_term.
bool erln_read_term(erln_reader *reader,
                    erln_bytes *out);

// Takes a whole proper list of integers that fit 64 bits with sign, at most `max` of them, into an array. If it is anything else, or
// longer, the cursor stays.
bool erln_read_int64s(erln_reader *reader,
                      int64_t *out,
                      size_t max,
                      size_t *out_count);

// Takes a whole proper list of floats, at most `max` of them, into an array. If it is anything else, or longer, the cursor stays.
bool erln_read_doubles(erln_reader *reader,
                       double *out,
                       size_t max,
                       size_t *out_count);

// Steps over any whole term.
bool erln_read_skip(erln_reader *reader);

// Takes an integer of any size: its sign, and its magnitude with the lowest byte first. Borrowed; lives as long as
// the bytes that are read. Integers of 64 bits or less are left to erln_read_int64 and erln_read_uint64.
bool erln_read_big(erln_reader *reader,
                   bool *out_negative,
                   erln_bytes *out_magnitude);

// Takes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top; 8 also without bytes).
// Borrowed; lives as long as the bytes that are read. A binary is a bit string of full bytes.
bool erln_read_bitstring(erln_reader *reader,
                         erln_bytes *out,
                         uint8_t *out_last_bits);

// Takes a binary, or a list of bytes, binaries and such lists (an "iolist", which includes every Erlang string of
// Latin-1), and copies all its bytes to `buffer`. If they are more than `size`, the answer is false, the cursor stays, and
// only `*out_len` is written: with the room that is needed.
bool erln_read_iolist(erln_reader *reader,
                      uint8_t *buffer,
                      size_t size,
                      size_t *out_len);

// Takes a fun, with code of its own or of an exported function, as its encoded bytes; see erln_read_term.
bool erln_read_fun(erln_reader *reader,
                   erln_bytes *out);

// What is left to read. Borrowed; lives as long as the bytes that are read.
erln_status erln_reader_remaining(const erln_reader *reader, erln_bytes *out);

// ERLN_ERR_MALFORMED if broken bytes were met, else ERLN_OK. Whether anything is left does not matter.
erln_status erln_reader_error(const erln_reader *reader);

// As erln_reader_error, and ERLN_ERR_MALFORMED also if not everything was read.
erln_status erln_reader_finish(const erln_reader *reader);

// The commonest terms are read here, without a call; anything unusual, and every mistake, is left to the function of the same
// name. Define ERLN_NO_INLINE before including this header to call the functions always.
#ifndef ERLN_NO_INLINE

// Private: the 4 bytes at `at`, the highest first.
static inline uint32_t erln_inline_word(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Private: how many bytes can be read here.
static inline size_t erln_inline_left(const erln_reader *reader) { return (size_t)(reader->end - reader->next); }

// Private: steps over `count` bytes.
static inline bool erln_inline_step(erln_reader *reader, size_t count) {
    reader->next += count;
    return true;
}

// Private: whether an atom in its usual form stands here.
static inline bool erln_inline_is_atom(const erln_reader *reader) {
    return erln_inline_left(reader) >= 2 && reader->next[0] == 119 && reader->next[1] <= erln_inline_left(reader) - 2;
}

// Private: whether `len` bytes are plain ASCII, so that their encoding needs no closer look.
static inline bool erln_inline_is_ascii(const uint8_t *at, size_t len) {
    uint64_t bits = 0, word;
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, sizeof word);
        bits |= word;
    }
    for (; len > 0; at++, len--) bits |= *at;
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

static inline erln_status erln_inline_reader_init(erln_reader *reader, const uint8_t *data, size_t len) {
    if (reader == NULL || data == NULL || len == 0 || len > SIZE_MAX / 2) return erln_reader_init(reader, data, len);
    if (data[0] == 131) {
        data++;
        len--;
    }
    reader->next = data;
    reader->end = data + len;
    reader->start = data;
    reader->len = len;
    reader->magic = ERLN_READER_MAGIC;
    reader->inside = 0;
    return ERLN_OK;
}

static inline erln_status erln_inline_reader_finish(const erln_reader *reader) {
    if (reader != NULL && reader->magic == ERLN_READER_MAGIC && reader->inside == 0 && reader->next == reader->end) {
        return ERLN_OK;
    }
    return erln_reader_finish(reader);
}

static inline bool erln_inline_read_int64(erln_reader *reader, int64_t *out) {
    if (reader != NULL && out != NULL) {
        if (erln_inline_left(reader) >= 2 && reader->next[0] == 97) {
            *out = reader->next[1];
            return erln_inline_step(reader, 2);
        }
        if (erln_inline_left(reader) >= 5 && reader->next[0] == 98) {
            uint32_t word = erln_inline_word(reader->next + 1);
            *out = (int64_t)word - (int64_t)(word >> 31) * INT64_C(0x100000000);
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_int64(reader, out);
}

static inline bool erln_inline_read_int32(erln_reader *reader, int32_t *out) {
    if (reader != NULL && out != NULL) {
        if (erln_inline_left(reader) >= 2 && reader->next[0] == 97) {
            *out = reader->next[1];
            return erln_inline_step(reader, 2);
        }
        if (erln_inline_left(reader) >= 5 && reader->next[0] == 98) {
            uint32_t word = erln_inline_word(reader->next + 1);
            memcpy(out, &word, sizeof word);
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_int32(reader, out);
}

static inline bool erln_inline_read_atom(erln_reader *reader, erln_bytes *out) {
    if (reader != NULL && out != NULL && erln_inline_is_atom(reader)) {
        const uint8_t *name = reader->next + 2;
        size_t len = reader->next[1];
        if (erln_inline_is_ascii(name, len)) {
            out->ptr = name;
            out->len = len;
            return erln_inline_step(reader, len + 2);
        }
    }
    return erln_read_atom(reader, out);
}

static inline bool erln_inline_read_double(erln_reader *reader, double *out) {
    if (reader != NULL && out != NULL && erln_inline_left(reader) >= 9 && reader->next[0] == 70) {
        const uint8_t *at = reader->next + 1;
        uint64_t bits = (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 |
                        (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
        // All bits of the exponent: infinity or no number.
        if ((bits >> 52 & 0x7ff) != 0x7ff) {
            memcpy(out, &bits, sizeof bits);
            return erln_inline_step(reader, 9);
        }
    }
    return erln_read_double(reader, out);
}

static inline bool erln_inline_read_atom_is(erln_reader *reader, const char *name) {
    if (reader != NULL && name != NULL && erln_inline_is_atom(reader)) {
        size_t len = strlen(name);
        if (len != reader->next[1] || memcmp(reader->next + 2, name, len) != 0) return false;
        return erln_inline_step(reader, len + 2);
    }
    return erln_read_atom_is(reader, name);
}

static inline bool erln_inline_read_tuple(erln_reader *reader, size_t *out_arity) {
    if (reader != NULL && out_arity != NULL && erln_inline_left(reader) >= 2 && reader->next[0] == 104 &&
        reader->next[1] <= erln_inline_left(reader) - 2) {
        *out_arity = reader->next[1];
        return erln_inline_step(reader, 2);
    }
    return erln_read_tuple(reader, out_arity);
}

static inline bool erln_inline_read_tuple_of(erln_reader *reader, size_t arity) {
    if (reader != NULL && erln_inline_left(reader) >= 2 && reader->next[0] == 104) {
        if (reader->next[1] != arity) return false;
        if (arity <= erln_inline_left(reader) - 2) return erln_inline_step(reader, 2);
    }
    return erln_read_tuple_of(reader, arity);
}

static inline bool erln_inline_read_list(erln_reader *reader, size_t *out_count) {
    if (reader != NULL && out_count != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 108) {
        size_t count = erln_inline_word(reader->next + 1);
        if (count > 0 && count < erln_inline_left(reader) - 5) {
            *out_count = count;
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_list(reader, out_count);
}

static inline bool erln_inline_read_nil(erln_reader *reader) {
    if (reader != NULL && erln_inline_left(reader) >= 1 && reader->next[0] == 106) return erln_inline_step(reader, 1);
    return erln_read_nil(reader);
}

static inline bool erln_inline_read_map(erln_reader *reader, size_t *out_pairs) {
    if (reader != NULL && out_pairs != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 116) {
        size_t pairs = erln_inline_word(reader->next + 1);
        if (pairs <= (erln_inline_left(reader) - 5) / 2) {
            *out_pairs = pairs;
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_map(reader, out_pairs);
}

static inline bool erln_inline_read_binary(erln_reader *reader, erln_bytes *out) {
    if (reader != NULL && out != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 109) {
        size_t len = erln_inline_word(reader->next + 1);
        if (len <= erln_inline_left(reader) - 5) {
            out->ptr = reader->next + 5;
            out->len = len;
            return erln_inline_step(reader, len + 5);
        }
    }
    return erln_read_binary(reader, out);
}

#define erln_reader_init(reader, data, len) erln_inline_reader_init(reader, data, len)
#define erln_reader_finish(reader) erln_inline_reader_finish(reader)
#define erln_read_int64(reader, out) erln_inline_read_int64(reader, out)
#define erln_read_int32(reader, out) erln_inline_read_int32(reader, out)
#define erln_read_atom(reader, out) erln_inline_read_atom(reader, out)
#define erln_read_double(reader, out) erln_inline_read_double(reader, out)
#define erln_read_atom_is(reader, name) erln_inline_read_atom_is(reader, name)
#define erln_read_tuple(reader, out_arity) erln_inline_read_tuple(reader, out_arity)
#define erln_read_tuple_of(reader, arity) erln_inline_read_tuple_of(reader, arity)
#define erln_read_list(reader, out_count) erln_inline_read_list(reader, out_count)
#define erln_read_nil(reader) erln_inline_read_nil(reader)
#define erln_read_map(reader, out_pairs) erln_inline_read_map(reader, out_pairs)
#define erln_read_binary(reader, out) erln_inline_read_binary(reader, out)

#endif

// ====================================================================================================
// Writer: encodes terms one piece after the other.
//
// Each erln_write_* appends one piece. A tuple, list or map is announced with its size, and then its elements are written;
// a list ends with erln_write_nil (or another tail). The first mistake (NULL, an atom of more than 255 characters, a
// float that is not a number) makes that and every later write return false, and erln_writer_finish tells which it was;
// so it is enough to check there, where it is also checked that all announced elements were written.
//
//     erln_bytes term;
//     erln_write_tuple(w, 2);
//     erln_write_atom(w, "temperature");
//     erln_write_double(w, 21.5);
//     if (erln_writer_finish(w, &term) == ERLN_OK) { ... }
// ====================================================================================================

// Encodes terms. Belongs to one thread at a time. Free with erln_writer_free.
typedef struct erln_writer erln_writer;

// The first members of a writer. Private: they are here so that writing the commonest terms needs no call.
typedef struct erln_writer_head {
    // Where the next byte goes.
    uint8_t *next;
    // The end of the room.
    uint8_t *end;
    // How many items are still to be written; 0 after a mistake.
    uint64_t owed;
} erln_writer_head;

// Makes an empty writer. NULL only if there is no memory. Free with erln_writer_free.
erln_writer *erln_writer_new(void);

// Frees a writer and what erln_writer_finish lent from it.
void erln_writer_free(erln_writer *writer);

// Forgets what was written, and any mistake; keeps the memory for the next term.
void erln_writer_clear(erln_writer *writer);

// The encoded term, without version byte: exactly one, with all its elements. Borrowed; lives until the next write,
// clear or free of `writer`. Writing may go on only after erln_writer_clear.
erln_status erln_writer_finish(erln_writer *writer,
                               erln_bytes *out);

// Writes an integer.
bool erln_write_int64(erln_writer *writer, int64_t value);

// Writes an integer without sign.
bool erln_write_uint64(erln_writer *writer, uint64_t value);

// Writes a float. Infinity and not-a-number are mistakes: Erlang has none.
bool erln_write_double(erln_writer *writer, double value);

// Writes one of the atoms true and false.
bool erln_write_bool(erln_writer *writer, bool value);

// Writes an atom: UTF-8 with a NUL, at most 255 characters. Peers keep every atom for ever: never make them from input.
bool erln_write_atom(erln_writer *writer,
                     const char *name);

// Writes an atom of `len` bytes of UTF-8.
bool erln_write_atom_len(erln_writer *writer, const char *name, size_t len);

// Writes a binary of `len` bytes. Text for Elixir is a binary in UTF-8.
bool erln_write_binary(erln_writer *writer, const uint8_t *data, size_t len);

// Writes text as a binary: UTF-8 with a NUL, which is not written.
bool erln_write_text(erln_writer *writer, const char *string);

// Writes text as an Erlang string, which is a list of characters: UTF-8 with a NUL, which is not written. Complete: no
// tail follows.
bool erln_write_charlist(erln_writer *writer,
                         const char *string);

// Announces a tuple; its `arity` elements come next.
bool erln_write_tuple(erln_writer *writer, size_t arity);

// Announces a list; its `count` elements come next, and after them its tail: erln_write_nil. For 0 elements write only
// erln_write_nil.
bool erln_write_list(erln_writer *writer,
                     size_t count);

// Writes the empty list, which also ends every proper list.
bool erln_write_nil(erln_writer *writer);

// Announces a map; its `pairs` pairs come next, each as key and value. The keys must differ, which is checked when the
// term is sent.
bool erln_write_map(erln_writer *writer,
                    size_t pairs);

// Writes a pid.
bool erln_write_pid(erln_writer *writer, const erln_pid *pid);

// Writes a reference.
bool erln_write_ref(erln_writer *writer, const erln_ref *reference);

// Writes a port.
bool erln_write_port(erln_writer *writer, const erln_port *port);

// Writes a whole term that is already encoded, with or without the version byte in front. It is checked.
bool erln_write_term(erln_writer *writer,
                     const uint8_t *data,
                     size_t len);

// Writes a whole list of integers from an array. Complete: no tail follows.
bool erln_write_int64s(erln_writer *writer, const int64_t *values, size_t count);

// Writes a whole list of floats from an array. Complete: no tail follows.
bool erln_write_doubles(erln_writer *writer, const double *values, size_t count);

// Writes a list of `len` bytes in its short form (an Erlang string of Latin-1). Complete: no tail follows.
bool erln_write_string(erln_writer *writer,
                       const uint8_t *data,
                       size_t len);

// Writes an integer of any size from its sign and its magnitude, lowest byte first.
bool erln_write_big(erln_writer *writer,
                    bool negative,
                    const uint8_t *magnitude,
                    size_t len);

// Writes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top).
bool erln_write_bitstring(erln_writer *writer,
                          const uint8_t *data,
                          size_t len,
                          uint8_t last_bits);

// Writes the fun of an exported function, `fun Module:Function/Arity`.
bool erln_write_export(erln_writer *writer,
                       const char *module,
                       const char *function,
                       uint8_t arity);

// The commonest terms are written here, without a call, while there is room; anything unusual, and every mistake, is left to the
// function of the same name. Define ERLN_NO_INLINE before including this header to call the functions always.
#ifndef ERLN_NO_INLINE

// Private: where to write `size` bytes of the next item; NULL without room, or if no item is expected.
static inline uint8_t *erln_inline_room(const erln_writer_head *head, size_t size) {
    if (head == NULL || head->owed == 0 || (size_t)(head->end - head->next) < size) return NULL;
    return head->next;
}

// Private: `next` is behind an item that promises `elements` more.
static inline bool erln_inline_wrote(erln_writer_head *head, uint8_t *next, uint64_t elements) {
    head->next = next;
    head->owed += elements - 1;
    return true;
}

// Private: the head of a writer.
static inline erln_writer_head *erln_inline_head(erln_writer *writer) {
    return (erln_writer_head *)(void *)writer;
}

// Private: 4 bytes, the highest first; gives the place behind them.
static inline uint8_t *erln_inline_put_word(uint8_t *at, uint32_t word) {
    at[0] = (uint8_t)(word >> 24);
    at[1] = (uint8_t)(word >> 16);
    at[2] = (uint8_t)(word >> 8);
    at[3] = (uint8_t)word;
    return at + 4;
}

// Private: 8 bytes, the highest first; gives the place behind them.
static inline uint8_t *erln_inline_put_long_word(uint8_t *at, uint64_t word) {
    at[0] = (uint8_t)(word >> 56);
    at[1] = (uint8_t)(word >> 48);
    at[2] = (uint8_t)(word >> 40);
    at[3] = (uint8_t)(word >> 32);
    at[4] = (uint8_t)(word >> 24);
    at[5] = (uint8_t)(word >> 16);
    at[6] = (uint8_t)(word >> 8);
    at[7] = (uint8_t)word;
    return at + 8;
}

static inline bool erln_inline_write_int64(erln_writer *writer, int64_t value) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && value >= 0 && value <= 255) {
        at[0] = 97;
        at[1] = (uint8_t)value;
        return erln_inline_wrote(head, at + 2, 0);
    }
    if (at != NULL && value >= INT32_MIN && value <= INT32_MAX) {
        at[0] = 98;
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)value), 0);
    }
    return erln_write_int64(writer, value);
}

static inline bool erln_inline_write_double(erln_writer *writer, double value) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 9);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    // All bits of the exponent: infinity or no number, which is a mistake.
    if (at != NULL && (bits >> 52 & 0x7ff) != 0x7ff) {
        at[0] = 70;
        return erln_inline_wrote(head, erln_inline_put_long_word(at + 1, bits), 0);
    }
    return erln_write_double(writer, value);
}

static inline bool erln_inline_write_atom(erln_writer *writer, const char *name) {
    if (name != NULL) {
        erln_writer_head *head = erln_inline_head(writer);
        size_t len = strlen(name), n;
        uint8_t *at = erln_inline_room(head, len + 2);
        unsigned char bits = 0;
        if (at != NULL && len <= 255) {
            for (n = 0; n < len; n++) bits |= (unsigned char)name[n];
            // More than ASCII has to be looked at more closely.
            if (bits < 128) {
                at[0] = 119;
                at[1] = (uint8_t)len;
                memcpy(at + 2, name, len);
                return erln_inline_wrote(head, at + 2 + len, 0);
            }
        }
    }
    return erln_write_atom(writer, name);
}

static inline bool erln_inline_write_binary(erln_writer *writer, const uint8_t *data, size_t len) {
    if (data != NULL && len <= 0xffffff) {
        erln_writer_head *head = erln_inline_head(writer);
        uint8_t *at = erln_inline_room(head, len + 5);
        if (at != NULL) {
            at[0] = 109;
            at = erln_inline_put_word(at + 1, (uint32_t)len);
            memcpy(at, data, len);
            return erln_inline_wrote(head, at + len, 0);
        }
    }
    return erln_write_binary(writer, data, len);
}

static inline bool erln_inline_write_tuple(erln_writer *writer, size_t arity) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 2);
    if (at != NULL && arity <= 255) {
        at[0] = 104;
        at[1] = (uint8_t)arity;
        return erln_inline_wrote(head, at + 2, arity);
    }
    return erln_write_tuple(writer, arity);
}

static inline bool erln_inline_write_list(erln_writer *writer, size_t count) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && count > 0 && count <= 0xffffffffu) {
        at[0] = 108;
        // The elements and the tail.
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)count), (uint64_t)count + 1);
    }
    return erln_write_list(writer, count);
}

static inline bool erln_inline_write_map(erln_writer *writer, size_t pairs) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && pairs <= 0x7fffffffu) {
        at[0] = 116;
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)pairs), 2 * (uint64_t)pairs);
    }
    return erln_write_map(writer, pairs);
}

static inline bool erln_inline_write_nil(erln_writer *writer) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 1);
    if (at != NULL) {
        at[0] = 106;
        return erln_inline_wrote(head, at + 1, 0);
    }
    return erln_write_nil(writer);
}

#define erln_write_int64(writer, value) erln_inline_write_int64(writer, value)
#define erln_write_double(writer, value) erln_inline_write_double(writer, value)
#define erln_write_atom(writer, name) erln_inline_write_atom(writer, name)
#define erln_write_binary(writer, data, len) erln_inline_write_binary(writer, data, len)
#define erln_write_tuple(writer, arity) erln_inline_write_tuple(writer, arity)
#define erln_write_list(writer, count) erln_inline_write_list(writer, count)
#define erln_write_map(writer, pairs) erln_inline_write_map(writer, pairs)
#define erln_write_nil(writer) erln_inline_write_nil(writer)

#endif

// ====================================================================================================
// Templates and patterns: terms written as Erlang text with places for values.
//
// A template makes a term, a pattern takes one apart; both are the text of the term, in which `~` and a letter stands for a
// value. Building takes the value, matching gives it to the place you point at:
//
//     text  term                        value                     place
//     ~i    integer                     int                       int *, if it fits
//     ~l    integer                     int64_t                   int64_t *, if it fits
//     ~u    integer, not negative       uint64_t                  uint64_t *, if it fits
//     ~c    integer, 0 to 255           int                       uint8_t *
//     ~f    float                       double                    double *
//     ~d    float                       double                    double *, integers too
//     ~w    true or false               int                       bool *
//     ~a    atom                        const char *              erln_bytes *
//     ~s    string (list of codes)      const char *              erln_bytes *, one byte per code
//     ~S    binary of UTF-8 text        const char *              erln_bytes *
//     ~b    binary                      const void *, size_t      erln_bytes *
//     ~p    pid                         const erln_pid *          erln_pid *
//     ~r    reference                   const erln_ref *          erln_ref *
//     ~o    port                        const erln_port *         erln_port *
//     ~t    any term, encoded           const void *, size_t      erln_bytes *
//     _     any term (patterns only)                              nothing
//
// With `...` the types must be exactly these: cast a length that is no size_t and a number for ~l that is no int64_t.
// What a pattern captures is written only if the whole pattern matches. C++ and other languages fill an array of erln_arg
// instead.
// ====================================================================================================

// A value for a directive, or a place for one. Which member counts is the directive's matter.
typedef union erln_value {
    // ~i, ~l, ~c, ~w
    int64_t i;
    // ~u
    uint64_t u;
    // ~f, ~d
    double d;
    // All others, when building.
    const void *ptr;
    // When matching.
    void *out;
} erln_value;

// An argument of a template or pattern.
typedef struct erln_arg {
    // The value, or the place for it.
    union erln_value value;
    // The length that belongs to a pointer: ~b and ~t, when building.
    size_t len;
    // The letter of the directive that it is meant for; checked.
    char letter;
} erln_arg;

// Writes the letters of the directives of a template or pattern into `letters`, at most `size`, and gives how many there
// are. SIZE_MAX if the text has a mistake.
size_t erln_template_letters(const char *format,
                             char *letters,
                             size_t size);

// Writes a term made from a template and an array of values; what erln_write does behind its `...`.
bool erln_write_args(erln_writer *writer,
                     const char *format,
                     const erln_arg *args,
                     size_t count);

// Takes the next term if it matches a pattern, what its directives match going to an array of places; what erln_read_match
// does behind its `...`.
bool erln_read_match_args(erln_reader *reader,
                          const char *format,
                          const erln_arg *args,
                          size_t count);

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

// ====================================================================================================
// Text: terms as Erlang or Elixir writes them.
//
// For logs, consoles and configuration. What a program says to another is better written with a template and read with a
// pattern.
// ====================================================================================================

// Whose notation to print in.
enum erln_notation
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Erlang's, as `~p` without line breaks.
    ERLN_ERLANG = 0,
    // Elixir's, as `inspect/1` without line breaks.
    ERLN_ELIXIR = 1,
};
#ifndef __cplusplus
typedef int32_t erln_notation;
#endif // __cplusplus

// Writes an encoded term (with or without version byte) as text with a NUL into `buffer`, at most `size` bytes. `*out_len` is the
// length without NUL that the whole text has, so a result of `size` or more means that it was cut; it may be NULL. `notation` is one
// of erln_notation.
erln_status erln_print(const uint8_t *term,
                       size_t len,
                       int32_t notation,
                       char *buffer,
                       size_t size,
                       size_t *out_len);

// Writes the term that Erlang text spells, such as "{point, [1.5, 2]}". Numbers, atoms, strings, binaries, lists, tuples and maps can
// be spelled; pids and the like cannot.
bool erln_write_erlang(erln_writer *writer,
                       const char *erlang);

// ====================================================================================================
// Lists of names.
//
// What a call that answers with several names gives: a list that belongs to you and does not change any more.
// ====================================================================================================

// Some names. Free with erln_names_free.
typedef struct erln_names erln_names;

// How many.
size_t erln_names_count(const erln_names *names);

// Name number `index`, from 0; NULL beyond the last. Borrowed; lives as long as `names`.
const char *erln_names_get(const erln_names *names, size_t index);

// Frees a list, and with it the names that were borrowed from it.
void erln_names_free(erln_names *names);

// ====================================================================================================
// Config: the options of a node.
//
// Every option has a default; the ordinary program sets a cookie at most. A config can be used for several nodes, and
// changed or freed as soon as erln_node_start has returned.
// ====================================================================================================

// When a message to an unconnected node makes a connection.
enum erln_auto_connect
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Whenever needed.
    ERLN_CONNECT_ALWAYS = 0,
    // Until the connection was lost once; then only erln_node_connect brings it back.
    ERLN_CONNECT_ONCE = 1,
    // Only erln_node_connect connects.
    ERLN_CONNECT_NEVER = 2,
};
#ifndef __cplusplus
typedef int32_t erln_auto_connect;
#endif // __cplusplus

// How node names look on this network.
enum erln_name_kind
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Decided by the host part of the name; a name without one is short.
    ERLN_NAMES_GUESS = 0,
    // `name@host`, as with `erl -sname` and `iex --sname`.
    ERLN_NAMES_SHORT = 1,
    // `name@host.domain` or an address, as with `erl -name` and `iex --name`.
    ERLN_NAMES_LONG = 2,
};
#ifndef __cplusplus
typedef int32_t erln_name_kind;
#endif // __cplusplus

// The options of a node. Free with erln_config_free.
typedef struct erln_config erln_config;

// Makes the options of a node called `name`: "worker@host", or "worker" alone (this machine's host name is added), or "undefined" for
// a node that asks the first peer it connects to for a name, or NULL for one that stays nonode@nohost. The answer is NULL, and
// erln_last_error tells why, if `name` is not UTF-8. Free with erln_config_free.
erln_config *erln_config_new(const char *name);

// Makes options as the environment of a container gives them: ERLNODE_NAME (or RELEASE_NODE, as Elixir's releases call it), ERLNODE_COOKIE
// (or RELEASE_COOKIE) or ERLNODE_COOKIE_FILE, ERLNODE_PORT (a fixed port), ERLNODE_VISIBLE (true or false). The answer is NULL, and
// erln_last_error tells why, if one of them cannot be understood. Free with erln_config_free.
erln_config *erln_config_from_env(void);

// Frees options. Nodes started with them go on.
void erln_config_free(erln_config *config);

// The secret that all nodes of a cluster share, instead of the one in $HOME/.erlang.cookie.
erln_status erln_config_set_cookie(erln_config *config, const char *cookie);

// The file to read the cookie from, instead of $HOME/.erlang.cookie. It is made if it is missing.
erln_status erln_config_set_cookie_file(erln_config *config, const char *path);

// Whether peers list this node in nodes(), and connect each other through it; false unless set (a hidden node).
erln_status erln_config_set_visible(erln_config *config,
                                    bool visible);

// Short or long names: one of erln_name_kind.
erln_status erln_config_set_names(erln_config *config, int32_t names);

// Whether others may connect to this node; true unless set. A node that does not listen is unknown to epmd.
erln_status erln_config_set_listen(erln_config *config,
                                   bool listen);

// The local address to listen on, such as "127.0.0.1"; all of them unless set.
erln_status erln_config_set_listen_address(erln_config *config, const char *address);

// The ports to listen on: the first free one from `first` to `last`. Any free port unless set.
erln_status erln_config_set_port(erln_config *config, uint16_t first, uint16_t last);

// Do without epmd: all peers are dialled on this port, as with `erl -erl_epmd_port`. This node listens on it too,
// unless erln_config_set_port said otherwise.
erln_status erln_config_set_known_port(erln_config *config,
                                       uint16_t port);

// Where epmd is, instead of ERL_EPMD_ADDRESS and ERL_EPMD_PORT: an address (NULL: leave it) and a port (0: leave it).
// With `embedded` false this process never serves epmd itself; true unless set.
erln_status erln_config_set_epmd(erln_config *config,
                                 const char *address,
                                 uint16_t port,
                                 bool embedded);

// Use IPv6 for listening, epmd and dialling, as `-proto_dist inet6_tcp`; false unless set.
erln_status erln_config_set_ipv6(erln_config *config, bool ipv6);

// Silence, in milliseconds, after which a peer counts as dead; must be the same in the whole cluster. 60,000 unless set,
// as OTP's net_ticktime.
erln_status erln_config_set_ticktime(erln_config *config,
                                     uint32_t ticktime_ms);

// Time, in milliseconds, that a connection may take to be made; 7,000 unless set.
erln_status erln_config_set_setup_time(erln_config *config, uint32_t setup_ms);

// Whether sending connects: one of erln_auto_connect.
erln_status erln_config_set_auto_connect(erln_config *config, int32_t when);

// The only nodes that may connect, separated by blanks: `name@host`, `host` or `name@`. All nodes unless set.
erln_status erln_config_set_allow(erln_config *config,
                                  const char *nodes);

// Bytes that wait for one peer after which senders wait; 1 MiB unless set, as OTP's +zdbbl.
erln_status erln_config_set_busy_limit(erln_config *config, size_t bytes);

// Bytes of big messages (over 64 KiB) in a second to one peer while small ones are sent to it beside them, and for 100 ms after:
// else those wait behind all that the peer has not read yet. 125 MiB unless set; 0 for as fast as the peer reads. Big messages
// alone always leave so.
erln_status erln_config_set_shared_rate(erln_config *config,
                                        size_t bytes_per_second);

// The largest message, in bytes, that is accepted from a peer; 257 MiB unless set (256 MB and what surrounds it).
erln_status erln_config_set_max_message(erln_config *config,
                                        size_t bytes);

// Bytes that a mailbox holds before its connections are no longer read; 64 MiB unless set.
erln_status erln_config_set_mailbox_bytes(erln_config *config, size_t bytes);

// Whether atoms are sent once per connection and by number after that; true unless set.
erln_status erln_config_set_atom_cache(erln_config *config, bool enabled);

// Different atoms that one peer gets from this node, 100,000 unless set: a BEAM keeps each for ever and ends at 1,048,576. A
// warning is logged at a tenth of it; beyond it, sending a message with new ones fails with ERLN_ERR_LIMIT.
erln_status erln_config_set_atom_limit(erln_config *config,
                                       size_t atoms);

// How long a thread that waits for messages looks for the next one before it sleeps, when the last ones came within this time; 0: it
// sleeps at once. It shortens calls that follow each other closely, and costs nothing while they do not. One setting for the whole
// process: that of the node started last. 150 unless set.
erln_status erln_config_set_busy_wait(erln_config *config,
                                      uint32_t microseconds);

// ====================================================================================================
// Node: this program as a member of the cluster.
//
// A node has a name, a port that peers connect to, and connections, which are made as needed. Sending to a node that
// is not connected connects first. A program may have several nodes. Nodes that are still running when the program
// ends leave the cluster then.
// ====================================================================================================

// Which nodes to list.
enum erln_node_filter
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Connected, and visible on both sides: what nodes() gives in Erlang.
    ERLN_NODES_VISIBLE = 0,
    // Connected and hidden.
    ERLN_NODES_HIDDEN = 1,
    // All connected ones.
    ERLN_NODES_CONNECTED = 2,
    // All that were ever heard of.
    ERLN_NODES_KNOWN = 3,
};
#ifndef __cplusplus
typedef int32_t erln_node_filter;
#endif // __cplusplus

// A node. Copy it freely; erln_node_stop ends it.
typedef struct erln_node {
    // Private. 0 names no node.
    uint64_t id;
} erln_node;

// Starts a node: opens its port and registers it at epmd, serving an epmd if there is none on this machine. May take as
// long as the name server and epmd need. End it with erln_node_stop.
erln_status erln_node_start(const erln_config *config,
                            erln_node *out);

// Leaves the cluster: connections and the registration at epmd end, its mailboxes close, and whoever waits in one wakes up
// with ERLN_ERR_CLOSED. Of several callers one gets ERLN_OK, the others ERLN_ERR_CLOSED.
erln_status erln_node_stop(erln_node node);

// Its name; nonode@nohost while it has none.
erln_status erln_node_name(erln_node node, erln_name *out);

// Connects to a peer. Not needed before sending; useful to know at once whether it can be reached. Success at once if it
// is connected already.
erln_status erln_node_connect(erln_node node,
                              const char *peer,
                              int32_t timeout_ms);

// Ends the connection to a peer; success also if there is none. Either side may connect again at once.
erln_status erln_node_disconnect(erln_node node,
                                 const char *peer);

// Connects to a peer now and whenever the connection was lost, until the node stops: after pauses that grow from 1 to 30
// seconds, with jitter. A connection ended by erln_node_disconnect stays ended until somebody connects.
erln_status erln_node_keep_connected(erln_node node,
                                     const char *peer);

// Allows this peer, given as name@host, host or name@, and none but those allowed so far, to be connected, as
// net_kernel:allow/1. The list cannot shrink; connections that exist stay.
erln_status erln_node_allow(erln_node node,
                            const char *peer);

// Changes the silence, in milliseconds, after which a peer counts as dead, as net_kernel:set_net_ticktime/2. Change all
// nodes of the cluster within the transition, in milliseconds too (OTP: 60,000): that long a node ticks by the shorter
// of both times and judges its peers by the longer.
erln_status erln_node_set_ticktime(erln_node node,
                                   uint32_t ticktime_ms,
                                   uint32_t transition_ms);

// The silence, in milliseconds, after which a peer counts as dead.
erln_status erln_node_ticktime(erln_node node, uint32_t *out_ms);

// How many processes live on the node: mailboxes, calls being served, and a few of its own.
erln_status erln_node_process_count(erln_node node, size_t *out);

// Whether a peer can be connected and answers, as net_adm:ping/1. If not, `*out_pong` is false and erln_last_error tells why;
// that is no failure of this call.
erln_status erln_node_ping(erln_node node,
                           const char *peer,
                           int32_t timeout_ms,
                           bool *out_pong);

// Names of other nodes; `filter` is one of erln_node_filter. Free with erln_names_free.
erln_status erln_node_list(erln_node node, int32_t filter, erln_names **out);

// The pid registered as `name` on this node; ERLN_ERR_NO_PROCESS if nobody is.
erln_status erln_node_whereis(erln_node node, const char *name, erln_pid *out);

// Takes `name` away from whoever has it on this node; success also if nobody does.
erln_status erln_node_unregister(erln_node node, const char *name);

// All names registered on this node. Free with erln_names_free.
erln_status erln_node_registered(erln_node node, erln_names **out);

// Sets the cookie for one peer, or with `peer` NULL for all peers that have none of their own. Connections stay.
erln_status erln_node_set_cookie(erln_node node,
                                 const char *peer,
                                 const char *cookie);

// A reference that no one else has.
erln_status erln_node_make_ref(erln_node node, erln_ref *out);

// Whether it has a name.
erln_status erln_node_is_alive(erln_node node, bool *out);

// What tells this life of the node from earlier ones of the same name; part of its pids.
erln_status erln_node_creation(erln_node node, uint32_t *out);

// The port it listens on; 0 if it does not listen.
erln_status erln_node_port(erln_node node, uint16_t *out);

// Whether the epmd of this machine is at present served by this node.
erln_status erln_node_serves_epmd(erln_node node, bool *out);

// ====================================================================================================
// TLS: connections that nobody else can read, change or pretend to be.
//
// A node has TLS for all of its connections or for none, as a BEAM with `-proto_dist inet_tls`. Both sides are verified:
// certificates have to be issued by the given authorities, and the one of a node we call has to be for the host of its
// name. First say where the certificates are (one of erln_config_set_tls_optfile, _files and _pem), then change the rest.
// A library built without TLS answers ERLN_ERR_UNSUPPORTED.
// ====================================================================================================

// Which certificates of a peer have to be cleared by a revocation list.
enum erln_crl_check
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Each from the peer's own up to the authority's; one without a list in force is refused.
    ERLN_CRL_CHAIN = 1,
    // The peer's own alone.
    ERLN_CRL_PEER = 2,
    // Each, but one without a list in force is believed. What any list revokes is refused.
    ERLN_CRL_BEST_EFFORT = 3,
};
#ifndef __cplusplus
typedef int32_t erln_crl_check;
#endif // __cplusplus

// Versions of TLS.
enum erln_tls_version
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // TLS 1.2
    ERLN_TLS_1_2 = 12,
    // TLS 1.3
    ERLN_TLS_1_3 = 13,
};
#ifndef __cplusplus
typedef int32_t erln_tls_version;
#endif // __cplusplus

// All connections over TLS, with the options that a BEAM takes with `-ssl_dist_optfile`. An option that would have no
// effect is an error that names it. Two things are stricter than in OTP: peers are verified unless {verify, verify_none}
// says otherwise, and callers need a certificate unless {fail_if_no_peer_cert, false} does.
erln_status erln_config_set_tls_optfile(erln_config *config,
                                        const char *path);

// All connections over TLS, with these files in PEM: the node's certificate and the chain that leads to its authority, its
// private key, and the certificates of the authorities to believe. They are read when a node starts, and again when they
// have changed.
erln_status erln_config_set_tls_files(erln_config *config,
                                      const char *certificate,
                                      const char *key,
                                      const char *authorities);

// The same with the PEM texts themselves. They are copied; the copy of the key is cleared with its last user.
erln_status erln_config_set_tls_pem(erln_config *config,
                                    const char *certificate,
                                    const char *key,
                                    const char *authorities);

// The lowest and the highest version of TLS to be spoken, each one of erln_tls_version. Both unless set.
erln_status erln_config_set_tls_versions(erln_config *config,
                                         int32_t lowest,
                                         int32_t highest);

// Whether a caller's certificate has to be for the host of its node name. Unless set that is so if the node has an
// allow-list, as in OTP.
erln_status erln_config_set_tls_check_callers(erln_config *config,
                                              bool check);

// Refuses peers whose certificates were revoked, in both directions. `path` is a file with any number of revocation lists in
// PEM or one in DER, or a directory with files named as for OTP's ssl_crl_hash_dir and OpenSSL (HASH.r0); `check` is one of
// erln_crl_check. Lists are read again when they have changed; connections that exist go on.
erln_status erln_config_set_tls_crl_file(erln_config *config,
                                         const char *path,
                                         int32_t check);

// The same with the lists themselves, in PEM. They are copied.
erln_status erln_config_set_tls_crl_pem(erln_config *config, const char *lists, int32_t check);

// Also takes callers that show no certificate. One that is shown is verified all the same.
erln_status erln_config_set_tls_danger_anonymous_callers(erln_config *config);

// Believes any certificate, in both directions, and asks callers for none: whoever can change packets on the way can read
// and write everything. The log says so whenever a node starts.
erln_status erln_config_set_tls_danger_no_verify(erln_config *config);

// Reads the files of the TLS options again, for connections made from now on; that also happens by itself when they have
// changed. On failure the old certificates stay in force.
erln_status erln_node_reload_tls(erln_node node);

// ====================================================================================================
// Message: what arrives in a mailbox.
//
// A message is one encoded term and where it came from. It belongs to the thread that received it (hand it over if you
// like) until erln_msg_free. Exits, DOWNs and node events have the shape that an Erlang process would receive, so that a
// pattern tells them apart; erln_msg_kind says the same without looking.
// ====================================================================================================

// What a message is.
enum erln_msg_type
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Somebody's message.
    ERLN_MSG_MESSAGE = 0,
    // `{'EXIT', Pid, Reason}`, to a mailbox that traps exits.
    ERLN_MSG_EXIT = 1,
    // `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`.
    ERLN_MSG_DOWN = 2,
    // `{nodeup, Node}` or `{nodeup, Node, Info}`.
    ERLN_MSG_NODE_UP = 3,
    // `{nodedown, Node}` or `{nodedown, Node, Info}`.
    ERLN_MSG_NODE_DOWN = 4,
    // `{spawn_reply, Ref, ok | error, Pid | Reason}`.
    ERLN_MSG_SPAWN_REPLY = 5,
    // A peer called an exported function: see erln_msg_request.
    ERLN_MSG_REQUEST = 6,
};
#ifndef __cplusplus
typedef int32_t erln_msg_type;
#endif // __cplusplus

// A received message. Free with erln_msg_free.
typedef struct erln_msg erln_msg;

// What it is.
erln_msg_type erln_msg_kind(const erln_msg *msg);

// The sender, where the protocol tells it; false where it does not.
bool erln_msg_from(const erln_msg *msg, erln_pid *out);

// The alias of yours that it was sent to; false if it came by pid or name.
bool erln_msg_alias(const erln_msg *msg, erln_ref *out);

// Starts reading its term. The reader borrows from the message; it can be used as long as `msg` lives.
erln_status erln_msg_reader(const erln_msg *msg,
                            erln_reader *out);

// Its encoded term, without version byte. Borrowed; lives as long as `msg`.
erln_status erln_msg_payload(const erln_msg *msg, erln_bytes *out);

// Its term as Erlang text, for logs. Borrowed; lives as long as `msg`.
erln_status erln_msg_text(const erln_msg *msg, erln_bytes *out);

// True if it answers `reference`: a reply tagged with it, a DOWN or spawn reply for it, or anything sent to that alias.
bool erln_msg_answers(const erln_msg *msg,
                      const erln_ref *reference);

// Matches a pattern, what its directives match going to an array of places; what erln_match does behind its `...`.
bool erln_match_args(const erln_msg *msg,
                     const char *format,
                     const erln_arg *args,
                     size_t count);

// Frees a message, and with it everything that was borrowed from it.
void erln_msg_free(erln_msg *msg);

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

// ====================================================================================================
// Mailbox: a process of a node, with a pid and a queue of messages.
//
// Any thread may receive from a mailbox, also several at once; each message goes to one of them. There are two ways to
// wait: block in erln_mailbox_recv, or watch the descriptor of erln_mailbox_fd in your event loop and then receive with
// timeout 0 until ERLN_ERR_TIMEOUT. A mailbox ends when it is closed, when its node stops, or by an exit signal that
// it does not trap; from then on receiving answers ERLN_ERR_CLOSED.
// ====================================================================================================

// What happens when a mailbox is full.
enum erln_overflow
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // The connections that bring more are not read until half is consumed; the senders wait.
    ERLN_OVERFLOW_WAIT = 0,
    // What arrives is dropped, and counted.
    ERLN_OVERFLOW_DROP = 1,
    // The mailbox ends with reason system_limit.
    ERLN_OVERFLOW_KILL = 2,
};
#ifndef __cplusplus
typedef int32_t erln_overflow;
#endif // __cplusplus

// The options of a mailbox. Free with erln_mailbox_options_free.
typedef struct erln_mailbox_options erln_mailbox_options;

// A mailbox. Copy it freely; erln_mailbox_close ends it.
typedef struct erln_mailbox {
    // Private. 0 names no mailbox.
    uint64_t id;
} erln_mailbox;

// Opens a mailbox on a node, registered as `name` unless that is NULL, with `options` or, if they are NULL, the
// ordinary ones. End it with erln_mailbox_close.
erln_status erln_mailbox_open(erln_node node,
                              const char *name,
                              const erln_mailbox_options *options,
                              erln_mailbox *out);

// Ends a mailbox with reason normal. Whoever waits in it wakes up with ERLN_ERR_CLOSED. Of several callers one gets ERLN_OK, the
// others ERLN_ERR_CLOSED.
erln_status erln_mailbox_close(erln_mailbox mailbox);

// Takes the next message, waiting until one arrives. ERLN_ERR_TIMEOUT if none does. Free `*out` with erln_msg_free.
erln_status erln_mailbox_recv(erln_mailbox mailbox,
                              int32_t timeout_ms,
                              erln_msg **out);

// Takes the next message that answers `reference`: a reply tagged with it, a DOWN or spawn reply for it, or anything sent to
// that alias. Other messages stay. Free `*out` with erln_msg_free.
erln_status erln_mailbox_recv_ref(erln_mailbox mailbox,
                                  const erln_ref *reference,
                                  int32_t timeout_ms,
                                  erln_msg **out);

// A descriptor that is readable while messages wait, and for ever once the mailbox has ended. It belongs to the mailbox: give
// it to poll, epoll or an event loop; do not read or close it.
erln_status erln_mailbox_fd(erln_mailbox mailbox,
                            int32_t *out);

// Its pid: what others send to.
erln_status erln_mailbox_pid(erln_mailbox mailbox, erln_pid *out);

// The node it was opened on.
erln_status erln_mailbox_node(erln_mailbox mailbox, erln_node *out);

// Registers it as `name` on its node. ERLN_ERR_NAME_TAKEN if another process has that name.
erln_status erln_mailbox_register(erln_mailbox mailbox, const char *name);

// Takes its registered name away; success also if it has none.
erln_status erln_mailbox_unregister(erln_mailbox mailbox);

// Whether exit signals arrive as messages `{'EXIT', Pid, Reason}` instead of ending the mailbox; false unless set.
erln_status erln_mailbox_set_trap_exit(erln_mailbox mailbox,
                                       bool trap);

// Receives `{nodeup, Node}` and `{nodedown, Node}` of all nodes from now on; with `info` as `{nodeup, Node, Info}` and
// `{nodedown, Node, Info}`, where Info tells the reason. With `visible_only` only of visible nodes.
erln_status erln_mailbox_monitor_nodes(erln_mailbox mailbox,
                                       bool visible_only,
                                       bool info);

// Ends all erln_mailbox_monitor_nodes of this mailbox.
erln_status erln_mailbox_demonitor_nodes(erln_mailbox mailbox);

// Receives one `{nodedown, Node}` when the connection to a peer ends; at once if there is none.
erln_status erln_mailbox_monitor_node(erln_mailbox mailbox, const char *peer);

// Takes one erln_mailbox_monitor_node back; success also if there is none.
erln_status erln_mailbox_demonitor_node(erln_mailbox mailbox, const char *peer);

// How many messages wait, how many bytes they take, and how many were dropped because the mailbox was full. Outputs may be
// NULL.
erln_status erln_mailbox_load(erln_mailbox mailbox,
                              size_t *out_messages,
                              size_t *out_bytes,
                              uint64_t *out_dropped);

// Ends a mailbox with a reason of yours: one encoded term, which its links and monitors hear.
erln_status erln_mailbox_exit(erln_mailbox mailbox, const uint8_t *reason, size_t len);

// The reason that a mailbox ended with, written into `writer`; ERLN_ERR_TIMEOUT while it lives. It must not have been closed by
// erln_mailbox_close.
erln_status erln_mailbox_exit_reason(erln_mailbox mailbox,
                                     erln_writer *writer);

// Makes mailbox options. Free with erln_mailbox_options_free.
erln_mailbox_options *erln_mailbox_options_new(void);

// Frees options. Mailboxes opened with them go on.
void erln_mailbox_options_free(erln_mailbox_options *options);

// As erln_mailbox_set_trap_exit, from the very start.
erln_status erln_mailbox_options_set_trap_exit(erln_mailbox_options *options, bool trap);

// How much a mailbox holds, in messages and in bytes (0: no limit of its own), and what happens when it is full: one of
// erln_overflow.
erln_status erln_mailbox_options_set_limit(erln_mailbox_options *options,
                                           size_t messages,
                                           size_t bytes,
                                           int32_t overflow);

// ====================================================================================================
// Send: from a mailbox to a pid, a name or an alias, anywhere in the cluster.
//
// Sending to a node that is not connected connects first. A success means that the message was queued on its way, in
// order; as in Erlang, it may still be lost if the connection or the receiver ends, which a monitor tells. Sending to a
// process that is gone is no error.
// ====================================================================================================

// How long erln_send waits, in milliseconds, for a connection and for room in the queue to a peer.
#define ERLN_SEND_TIMEOUT_MS 10000

// What an erln_to holds.
enum erln_to_kind
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // A process.
    ERLN_TO_PID = 1,
    // A name registered on the mailbox's own node.
    ERLN_TO_NAME = 2,
    // A name registered on some node.
    ERLN_TO_REMOTE = 3,
    // An alias.
    ERLN_TO_ALIAS = 4,
    // An alias, with priority.
    ERLN_TO_PRIORITY_ALIAS = 5,
};
#ifndef __cplusplus
typedef int32_t erln_to_kind;
#endif // __cplusplus

// Where a message goes, or what is monitored. Made by erln_to_pid, erln_to_name, erln_to_remote, erln_to_alias and
// erln_to_priority_alias; borrows what they were given. Frozen.
typedef struct erln_to {
    // One of erln_to_kind.
    int32_t kind;
    // Zero.
    int32_t reserved;
    // An erln_pid, an erln_ref, or a name that ends with a NUL.
    const void *to;
    // The node of a remote name.
    const char *node;
} erln_to;

// Sends one encoded term, with or without the version byte in front. Waits until it is queued: for a connection, and for room
// if the peer reads slowly (ERLN_ERR_BUSY if there is none in time).
erln_status erln_send_term(erln_mailbox mailbox,
                           erln_to to,
                           const uint8_t *term,
                           size_t len,
                           int32_t timeout_ms);

// Sends a term made from a template and an array of values; what erln_send does behind its `...`.
erln_status erln_send_args(erln_mailbox mailbox,
                           erln_to to,
                           const char *format,
                           const erln_arg *args,
                           size_t count,
                           int32_t timeout_ms);

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

// ====================================================================================================
// Links, monitors, exit signals and aliases.
//
// As between Erlang processes: a link ends both sides together unless one traps exits; a monitor tells one side, by one DOWN
// message, that the other ended; an alias is a reference that others can send to until you take it back.
// ====================================================================================================

// When an alias ends by itself.
enum erln_alias_mode
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // No alias.
    ERLN_ALIAS_NONE = 0,
    // Only when it is taken back.
    ERLN_ALIAS_EXPLICIT = 1,
    // With its monitor.
    ERLN_ALIAS_DEMONITOR = 2,
    // With its monitor, or at the first message sent to it, which also ends the monitor.
    ERLN_ALIAS_REPLY_DEMONITOR = 3,
};
#ifndef __cplusplus
typedef int32_t erln_alias_mode;
#endif // __cplusplus

// Watches a process, or whoever has a name: when it ends, or if it is not there, one DOWN message with `*out` arrives:
// `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`. With an alias mode other than ERLN_ALIAS_NONE, `*out` is an alias of the mailbox
// as well, to which replies can be sent.
erln_status erln_monitor(erln_mailbox mailbox,
                         erln_to who,
                         int32_t mode,
                         erln_ref *out);

// As erln_monitor, but the DOWN message goes before ordinary messages: monitor(process, Who, [priority]) of OTP 28. The other
// node need not know of it.
erln_status erln_monitor_priority(erln_mailbox mailbox,
                                  erln_to who,
                                  int32_t mode,
                                  erln_ref *out);

// Ends a monitor; success also if it has ended. With `flush`, a DOWN that waits in the mailbox is removed as well.
erln_status erln_demonitor(erln_mailbox mailbox,
                           const erln_ref *reference,
                           bool flush);

// Links a mailbox and a process. If that is gone, an exit signal with reason noproc or noconnection comes back.
erln_status erln_link(erln_mailbox mailbox,
                      const erln_pid *pid);

// As erln_link, but the message {'EXIT', Pid, Reason} of a mailbox that traps exits goes before ordinary messages:
// link(Pid, [priority]) of OTP 28. Of several calls for one pid the last decides. The other node need not know of it.
erln_status erln_link_priority(erln_mailbox mailbox,
                               const erln_pid *pid);

// Removes a link; success also if there is none.
erln_status erln_unlink(erln_mailbox mailbox, const erln_pid *pid);

// Sends an exit signal, as exit(Pid, Reason): `reason` is one encoded term. The reason normal does not end a process, the
// reason kill ends it even if it traps exits.
erln_status erln_exit(erln_mailbox mailbox,
                      const erln_pid *pid,
                      const uint8_t *reason,
                      size_t len);

// Makes an alias of a mailbox; it is valid until erln_unalias.
erln_status erln_alias(erln_mailbox mailbox, erln_ref *out);

// Makes an alias whose messages and exit signals go before ordinary messages, if they are sent with priority:
// alias([priority]) of OTP 28. It is valid until erln_unalias.
erln_status erln_priority_alias(erln_mailbox mailbox,
                                erln_ref *out);

// Sends an exit signal with priority to an alias, as exit(Alias, Reason, [priority]) of OTP 28. ERLN_ERR_UNSUPPORTED if its node
// takes no such signals, ERLN_ERR_NO_CONNECTION if there is no connection to it.
erln_status erln_exit_priority(erln_mailbox mailbox,
                               const erln_ref *alias,
                               const uint8_t *reason,
                               size_t len);

// Takes an alias back: what is sent to it from now on is dropped. Success also if it is none.
erln_status erln_unalias(erln_mailbox mailbox, const erln_ref *alias);

// ====================================================================================================
// Spawn and export: running functions there, and letting others run them here.
//
// What you export is all that peers can run; anything else is undef for them. A call by spawn, erpc or the like arrives
// in the exporting mailbox as a message of kind ERLN_MSG_REQUEST. Take the request out of it, answer it now or later, from any
// thread. Until then it is a process of this node, with a pid of its own.
// ====================================================================================================

// As `arity`: any.
#define ERLN_ANY_ARITY -1

// As a flag of a spawn: link the new process to the mailbox.
#define ERLN_SPAWN_LINK 1

// As a flag of a spawn: monitor it; the reference is the request's.
#define ERLN_SPAWN_MONITOR 2

// As a flag of a spawn: its DOWN, and its exit message if the mailbox traps exits, go before ordinary messages, as with
// `{monitor, [priority]}` and `{link, [priority]}` of OTP 28.
#define ERLN_SPAWN_PRIORITY 4

// Erlang's classes of exceptions.
enum erln_class
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // erlang:error/1
    ERLN_CLASS_ERROR = 0,
    // exit/1
    ERLN_CLASS_EXIT = 1,
    // throw/1
    ERLN_CLASS_THROW = 2,
};
#ifndef __cplusplus
typedef int32_t erln_class;
#endif // __cplusplus

// A call that a peer wants answered. Belongs to one thread at a time. Free with erln_request_free, answered or not.
typedef struct erln_request erln_request;

// Lets peers run `module:function` with `arity` arguments (or ERLN_ANY_ARITY): their calls arrive in `mailbox`. Elixir modules are
// written with their full name, "Elixir.Kate".
erln_status erln_export(erln_mailbox mailbox,
                        const char *module,
                        const char *function,
                        int32_t arity);

// Takes an export back; success also if there is none. Requests that have arrived stay.
erln_status erln_unexport(erln_node node, const char *module, const char *function, int32_t arity);

// Takes the request out of a message of kind ERLN_MSG_REQUEST, once. Free `*out` with erln_request_free.
erln_status erln_msg_request(erln_msg *msg,
                             erln_request **out);

// Whether `module:function` with `arity` arguments (or ERLN_ANY_ARITY) is what it asks for.
bool erln_request_is(const erln_request *request,
                     const char *module,
                     const char *function,
                     int32_t arity);

// Module and function that it asks for. Borrowed; live until `request` is answered or freed.
erln_status erln_request_function(const erln_request *request,
                                  erln_bytes *out_module,
                                  erln_bytes *out_function,
                                  uint32_t *out_arity);

// Its arguments: one encoded list, without version byte. Borrowed; lives until `request` is answered or freed.
erln_status erln_request_args(const erln_request *request,
                              erln_bytes *out);

// Answers with a result: one encoded term. A call that was spawned ends with reason normal.
erln_status erln_request_reply(erln_request *request, const uint8_t *term, size_t len);

// Answers with a term made from a template and an array of values; what erln_reply does behind its `...`.
erln_status erln_request_reply_args(erln_request *request,
                                    const char *format,
                                    const erln_arg *args,
                                    size_t count);

// Answers with an exception: `class` is one of erln_class, `reason` one encoded term.
erln_status erln_request_fail(erln_request *request,
                              int32_t class_,
                              const uint8_t *reason,
                              size_t len);

// The pid that stands for this call.
erln_status erln_request_pid(const erln_request *request, erln_pid *out);

// The process that asked.
erln_status erln_request_caller(const erln_request *request, erln_pid *out);

// Its group leader: where output of this call belongs.
erln_status erln_request_leader(const erln_request *request, erln_pid *out);

// False when nobody waits for the result any more: the caller gave up or ended, or the request was answered.
bool erln_request_is_wanted(const erln_request *request);

// Frees a request. If it was not answered, its caller sees the process killed.
void erln_request_free(erln_request *request);

// Starts `module:function` on a peer (or this node) with `args`, one encoded list, and waits for its pid. `flags` are
// a sum of ERLN_SPAWN_ constants or 0; `*out_ref` is the monitor's reference, and may be NULL.
erln_status erln_spawn(erln_mailbox mailbox,
                       const char *peer,
                       const char *module,
                       const char *function,
                       const uint8_t *args,
                       size_t len,
                       uint32_t flags,
                       int32_t timeout_ms,
                       erln_pid *out,
                       erln_ref *out_ref);

// As erln_spawn, but does not wait: the answer `{spawn_reply, Ref, ok | error, Pid | Reason}` arrives in the mailbox with `*out` as
// Ref.
erln_status erln_spawn_request(erln_mailbox mailbox,
                               const char *peer,
                               const char *module,
                               const char *function,
                               const uint8_t *args,
                               size_t len,
                               uint32_t flags,
                               erln_ref *out);

// As erln_spawn_request, with `options` instead of flags: one encoded list of those that erlang:spawn_request/5 takes, such as
// `[link, {monitor, [{alias, reply_demonitor}]}, {priority, high}]`, but for `reply`, `reply_tag` and a monitor's `tag`.
erln_status erln_spawn_request_opt(erln_mailbox mailbox,
                                   const char *peer,
                                   const char *module,
                                   const char *function,
                                   const uint8_t *args,
                                   size_t len,
                                   const uint8_t *options,
                                   size_t options_len,
                                   erln_ref *out);

// The group leader of a mailbox: where output of processes it spawns goes. ERLN_ERR_NO_PROCESS while it has none.
erln_status erln_mailbox_group_leader(erln_mailbox mailbox,
                                      erln_pid *out);

// Sets the group leader of a process anywhere, as group_leader(Leader, Pid) of Erlang: what it prints from then on goes there.
// Success also if the process is gone.
erln_status erln_set_group_leader(erln_mailbox mailbox,
                                  const erln_pid *pid,
                                  const erln_pid *leader);

// Sets the group leader of a mailbox.
erln_status erln_mailbox_set_group_leader(erln_mailbox mailbox, const erln_pid *leader);

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

// ====================================================================================================
// Call: asking a server and waiting for its answer, answering such calls, and running functions on other nodes.
//
// A server is any gen_server, gen_statem, GenServer or Agent, and every mailbox that answers messages
// `{'$gen_call', {Pid, Tag}, Request}`. What comes after the time was over is dropped.
// ====================================================================================================

// What a server has to do about a message of `sys`; the answer has been sent.
enum erln_system
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // The message is none of `sys`: handle it.
    ERLN_SYSTEM_NONE = 0,
    // Nothing.
    ERLN_SYSTEM_ANSWERED = 1,
    // Keep everything but messages of `sys` until ERLN_SYSTEM_RESUME.
    ERLN_SYSTEM_SUSPEND = 2,
    // Go on.
    ERLN_SYSTEM_RESUME = 3,
    // Close the mailbox: somebody ends this server by erln_match(msg, "{system, _, {terminate, ~t}}", &reason).
    ERLN_SYSTEM_TERMINATE = 4,
};
#ifndef __cplusplus
typedef int32_t erln_system;
#endif // __cplusplus

// Asks a server, as GenServer.call/3: `request` is one encoded term. `*out` is a message whose term is the reply.
// ERLN_ERR_NO_PROCESS if nobody is there, ERLN_ERR_REMOTE if the server ends before it replies. Free `*out` with erln_msg_free.
erln_status erln_call_term(erln_mailbox mailbox,
                           erln_to server,
                           const uint8_t *request,
                           size_t len,
                           int32_t timeout_ms,
                           erln_msg **out);

// As erln_call_term, with a request made from a template and an array of values; what erln_call does behind its `...`.
erln_status erln_call_args(erln_mailbox mailbox,
                           erln_to server,
                           const char *format,
                           const erln_arg *args,
                           size_t count,
                           int32_t timeout_ms,
                           erln_msg **out);

// Answers a call, which is a message `{'$gen_call', {Pid, Tag}, Request}` (or a question of sys, `{system, {Pid, Tag}, get_state}`), with a term made from a template and an array of
// values; what erln_answer does behind its `...`.
erln_status erln_answer_args(erln_mailbox mailbox,
                             const erln_msg *call,
                             const char *format,
                             const erln_arg *args,
                             size_t count);

// Answers a call with one encoded term.
erln_status erln_answer_term(erln_mailbox mailbox,
                             const erln_msg *call,
                             const uint8_t *reply,
                             size_t len);

// Answers a message of `sys` for a server that shows `state`, one encoded term: :sys.get_state, get_status, suspend, resume and so
// on. Give it every message; `module` is what get_status names, `suspended` whether ERLN_SYSTEM_SUSPEND came before.
erln_status erln_answer_system(erln_mailbox mailbox,
                               const erln_msg *msg,
                               const char *module,
                               const uint8_t *state,
                               size_t len,
                               bool suspended,
                               erln_system *out);

// Runs `module:function` on a peer, as :erpc.call/5: `args` is one encoded list. The term of `*out` is `{return, Value}`, or the
// exception: `{throw, Value}`, `{exit, Reason}` or `{error, Reason, Stack}`. After ERLN_ERR_TIMEOUT the function may still run. Free
// `*out` with erln_msg_free.
erln_status erln_erpc(erln_mailbox mailbox,
                      const char *peer,
                      const char *module,
                      const char *function,
                      const uint8_t *args,
                      size_t len,
                      int32_t timeout_ms,
                      erln_msg **out);

// Asks a server, with a request made from a template: erln_call(box, erln_to_remote("calc", "a@host"), 5000, &reply, "{add, ~i, ~i}",
// 1, 2). See erln_call_term; free `*out` with erln_msg_free.
static inline erln_status erln_call(erln_mailbox mailbox, erln_to server, int32_t timeout_ms, erln_msg **out,
                                    const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_call_args(mailbox, server, format, args, count, timeout_ms, out);
}

// Answers a call that arrived as a message, with a reply made from a template:
// if (erln_match(msg, "{'$gen_call', _, {add, ~i, ~i}}", &x, &y)) erln_answer(box, msg, "~i", x + y);
static inline erln_status erln_answer(erln_mailbox mailbox, const erln_msg *call, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_answer_args(mailbox, call, format, args, count);
}

// ====================================================================================================
// Pending: calls that were sent and are waited for later, and questions to many nodes at the same time.
//
// A pending call belongs to the mailbox that sent it. Any number may be outstanding, and they may be waited for in any order;
// each is freed with erln_pending_free, which gives up what was not answered: what comes later is dropped.
// ====================================================================================================

// A call that was sent. Free with erln_pending_free.
typedef struct erln_pending erln_pending;

// Asks a server as erln_call_term does, and does not wait for the answer. A connection that must be made first is not waited
// for either. Free `*out` with erln_pending_free.
erln_status erln_call_begin_term(erln_mailbox mailbox,
                                 erln_to server,
                                 const uint8_t *request,
                                 size_t len,
                                 erln_pending **out);

// As erln_call_begin_term, with a request made from a template and an array of values; what erln_call_begin does behind its
// `...`.
erln_status erln_call_begin_args(erln_mailbox mailbox,
                                 erln_to server,
                                 const char *format,
                                 const erln_arg *args,
                                 size_t count,
                                 erln_pending **out);

// Has a function run on a peer as erln_erpc does, and does not wait for its result. Free `*out` with erln_pending_free.
erln_status erln_erpc_begin(erln_mailbox mailbox,
                            const char *peer,
                            const char *module,
                            const char *function,
                            const uint8_t *args,
                            size_t len,
                            erln_pending **out);

// Waits for the answer: the term of `*out` is that of erln_call_term or erln_erpc, and so are the failures. After
// ERLN_ERR_TIMEOUT it may be waited for again. Free `*out` with erln_msg_free.
erln_status erln_pending_wait(erln_pending *pending,
                              int32_t timeout_ms,
                              erln_msg **out);

// For a program that takes every message out of its mailbox by itself: true if `msg` is the answer to this call, and then `*out`
// and `*status` are what erln_pending_wait would give. Free `*out`, unless it is NULL, with erln_msg_free, and `msg` as ever.
bool erln_pending_check(erln_pending *pending,
                        const erln_msg *msg,
                        erln_status *status,
                        erln_msg **out);

// Frees a pending call. If it was not answered it is given up: its answer is dropped, whenever it comes, and what runs over there
// runs on.
void erln_pending_free(erln_pending *pending);

// Runs a function on many peers at the same time, as :erpc.multicall/5. For each of the `count` peers `outs` gets what erln_erpc
// would give, or NULL, and `statuses` how it went. The result is ERLN_OK unless nobody could be asked at all. Free each of `outs`
// that is not NULL with erln_msg_free.
erln_status erln_multicall(erln_mailbox mailbox,
                           const char *const *peers,
                           size_t count,
                           const char *module,
                           const char *function,
                           const uint8_t *args,
                           size_t len,
                           int32_t timeout_ms,
                           erln_msg **outs,
                           erln_status *statuses);

// Asks the servers called `name` on many peers at the same time, as GenServer.multi_call/4; else as erln_multicall.
erln_status erln_multi_call_term(erln_mailbox mailbox,
                                 const char *const *peers,
                                 size_t count,
                                 const char *name,
                                 const uint8_t *request,
                                 size_t len,
                                 int32_t timeout_ms,
                                 erln_msg **outs,
                                 erln_status *statuses);

// Asks a server with a request made from a template, and does not wait: erln_call_begin(box, erln_to_remote("calc", "a@host"), &call,
// "{add, ~i, ~i}", 1, 2), and later erln_pending_wait(call, 5000, &reply). Free `*out` with erln_pending_free.
static inline erln_status erln_call_begin(erln_mailbox mailbox, erln_to server, erln_pending **out, const char *format,
                                          ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_call_begin_args(mailbox, server, format, args, count, out);
}

// ====================================================================================================
// Task: Elixir's distributed tasks, under a supervisor of a peer or under one of ours.
//
// erln_task_async starts a task of ours on another node, as Task.Supervisor.async_nolink does. erln_task_supervise makes a
// mailbox the `Task.Supervisor` that peers ask by its name: a task that they start arrives as a message of kind
// ERLN_MSG_REQUEST in the mailbox that exported its function, and the reply to it is the task's result.
//
//     erln_task task;
//     erln_msg *end;
//     if (erln_task_async(box, erln_to_remote("Elixir.Chat.TaskSupervisor", "kate@host"), "Elixir.Chat", "receive_message", 0, 5000,
//                         &task, "[~S]", "hi") == ERLN_OK && erln_task_await(box, &task, 5000, &end) == ERLN_OK) {
//         if (erln_match(end, "{ok, _}")) ...
//         erln_msg_free(end);
//     }
// ====================================================================================================

// As a flag of erln_task_async: link the task to the mailbox, as Task.Supervisor.async does.
#define ERLN_TASK_LINK 1

// When a task that nobody waits for is started again.
enum erln_restart
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Never.
    ERLN_RESTART_TEMPORARY = 0,
    // Unless it ended with normal, shutdown or {shutdown, _}.
    ERLN_RESTART_TRANSIENT = 1,
    // Whenever it ended.
    ERLN_RESTART_PERMANENT = 2,
};
#ifndef __cplusplus
typedef int32_t erln_restart;
#endif // __cplusplus

// A task that a mailbox waits for. Frozen: copy it, store it, there is nothing to free.
typedef struct erln_task {
    // The process that runs it.
    erln_pid pid;
    // What its result and its end come to, for erln_mailbox_recv_ref.
    erln_ref reference;
} erln_task;

// Makes a mailbox a Task.Supervisor until it is closed, which ends its tasks with reason shutdown. Register the mailbox with the
// name that peers use, and receive nothing from it yourself. `max_children` is how many tasks may run at a time, 0: any
// number. More than `max_restarts` restarts in `max_seconds` end the supervisor with reason shutdown; Elixir's numbers are 3
// and 5.
erln_status erln_task_supervise(erln_mailbox mailbox,
                                size_t max_children,
                                size_t max_restarts,
                                uint32_t max_seconds);

// Starts a task under a supervisor: `module:function` with the list of arguments that a template and an array of values make; what
// erln_task_async does behind its `...`. `flags` is ERLN_TASK_LINK or 0. ERLN_ERR_LIMIT if the supervisor has no room.
erln_status erln_task_async_args(erln_mailbox mailbox,
                                 erln_to supervisor,
                                 const char *module,
                                 const char *function,
                                 const char *format,
                                 const erln_arg *args,
                                 size_t count,
                                 uint32_t flags,
                                 int32_t timeout_ms,
                                 erln_task *out);

// Starts a task whose result nobody waits for, as Task.Supervisor.start_child: `restart` is one of erln_restart. What
// erln_task_start_child does behind its `...`.
erln_status erln_task_start_child_args(erln_mailbox mailbox,
                                       erln_to supervisor,
                                       const char *module,
                                       const char *function,
                                       const char *format,
                                       const erln_arg *args,
                                       size_t count,
                                       int32_t restart,
                                       int32_t timeout_ms,
                                       erln_pid *out);

// Waits for the end of a task, as Task.await: the term of `*out` is `{ok, Result}`, or `{exit, Reason}` if it failed. After
// ERLN_ERR_TIMEOUT nobody waits any more, and a late result is dropped; the task goes on. Free `*out` with erln_msg_free.
erln_status erln_task_await(erln_mailbox mailbox,
                            const erln_task *task,
                            int32_t timeout_ms,
                            erln_msg **out);

// As erln_task_await, but after ERLN_ERR_TIMEOUT it may be asked again, as Task.yield.
erln_status erln_task_yield(erln_mailbox mailbox,
                            const erln_task *task,
                            int32_t timeout_ms,
                            erln_msg **out);

// Ends a task and waits for that, as Task.shutdown: after `timeout_ms` it is killed, with 0 at once. The term of `*out` is nil, or what
// the task ended with before it could be stopped: `{ok, Result}` or `{exit, Reason}`. Free `*out` with erln_msg_free.
erln_status erln_task_shutdown(erln_mailbox mailbox,
                               const erln_task *task,
                               int32_t timeout_ms,
                               erln_msg **out);

// Starts module:function as a task under a supervisor, with a list of arguments made from a template; see erln_task_async_args.
static inline erln_status erln_task_async(erln_mailbox mailbox, erln_to supervisor, const char *module,
                                          const char *function, uint32_t flags, int32_t timeout_ms, erln_task *out,
                                          const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_task_async_args(mailbox, supervisor, module, function, format, args, count, flags, timeout_ms, out);
}

// The same for a task whose result nobody waits for; see erln_task_start_child_args.
static inline erln_status erln_task_start_child(erln_mailbox mailbox, erln_to supervisor, const char *module,
                                                const char *function, int32_t restart, int32_t timeout_ms,
                                                erln_pid *out, const char *format, ...) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count;
    va_list list;
    va_start(list, format);
    count = erln_args_of_values(args, format, list);
    va_end(list);
    return erln_task_start_child_args(mailbox, supervisor, module, function, format, args, count, restart, timeout_ms,
                                      out);
}

// ====================================================================================================
// Server: a table of your functions, and a loop that calls the right one for each message of a mailbox.
//
// Fill the table, then run it on a thread of yours with erln_server_run, or hand it the messages that your own event loop takes out of
// the mailbox with erln_server_handle. Your functions are called on the thread that runs it and on no other; when several threads run
// one server, several of its functions run at a time. What sys asks of every server (get_state, get_status, suspend, resume, terminate)
// is answered for you.
//
//     static int32_t on_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
//         int64_t x, y;
//         if (erln_read_match(request, "{add, ~l, ~l}", &x, &y)) erln_answer(box, msg, "~l", x + y);
//         return ERLN_HANDLED;
//     }
//     static int32_t square_root(erln_request *request, erln_reader *args, void *data) {
//         double x;
//         if (!erln_read_match(args, "[~d]", &x)) return ERLN_BADARG;
//         erln_reply(request, "~f", sqrt(x));
//         return ERLN_HANDLED;
//     }
//     erln_server *server = erln_server_new(NULL);
//     erln_server_on_call(server, on_call);
//     erln_server_function(server, "math", "sqrt", 1, square_root);
//     erln_status end = erln_server_run(server, box, ERLN_FOREVER);
// ====================================================================================================

// What a function of yours says when it returns.
enum erln_handled
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // It is done with the message or request, which is freed.
    ERLN_HANDLED = 0,
    // It keeps the message or request: it will answer later, from any thread, and free it with erln_msg_free or erln_request_free.
    ERLN_KEPT = 1,
    // The server is to end, with reason normal. For another one call erln_mailbox_exit in the function.
    ERLN_STOP = 2,
    // The arguments or the request are none that it knows: the caller of a function gets the error badarg; a call is answered with
    // `{error, {bad_call, Request}}`.
    ERLN_BADARG = 3,
};
#ifndef __cplusplus
typedef int32_t erln_handled;
#endif // __cplusplus

// A table of functions that serves one mailbox. One thread fills it; from the first run on any thread may use it, and it does not
// change. Free with erln_server_free when no thread runs it any more.
typedef struct erln_server erln_server;

// Handles a message: `what` is a cursor at the request of a call or cast, or at the message itself. A call is answered with
// erln_answer(mailbox, msg, ...). Returns one of erln_handled. It must not throw or longjmp.
typedef int32_t (*erln_handler)(erln_mailbox mailbox, erln_msg *msg, erln_reader *what, void *data);

// Writes one term, which sys:get_state shows.
typedef void (*erln_state_fn)(erln_writer *writer, void *data);

// Runs once, when the server ends: `reason` is a cursor at the reason. The mailbox may be closed already.
typedef void (*erln_end_fn)(erln_mailbox mailbox, erln_reader *reason, void *data);

// Runs a function for a peer: `args` is a cursor at the list of its arguments. It answers with erln_reply or erln_request_fail; a
// request that is neither answered nor kept ends as if it was killed. Returns one of erln_handled.
typedef int32_t (*erln_function)(erln_request *request, erln_reader *args, void *data);

// Makes an empty table; `data` is handed to each of its functions. Free with erln_server_free.
erln_server *erln_server_new(void *data);

// Frees a server that no thread runs. Its mailbox goes on, and keeps the exports.
void erln_server_free(erln_server *server);

// Sets what answers calls (GenServer.call and its like). Without it they are answered with `{error, {bad_call, Request}}`.
erln_status erln_server_on_call(erln_server *server,
                                erln_handler handler);

// Sets what takes casts. Without it they are dropped.
erln_status erln_server_on_cast(erln_server *server, erln_handler handler);

// Sets what takes all other messages, DOWNs and exits among them. Without it they are dropped.
erln_status erln_server_on_info(erln_server *server, erln_handler handler);

// Sets what writes the state that sys:get_state shows. Without it that is the atom undefined.
erln_status erln_server_on_state(erln_server *server, erln_state_fn state);

// Sets what runs at the server's end.
erln_status erln_server_on_end(erln_server *server, erln_end_fn end);

// Lets peers run `module:function` with `arity` arguments (or ERLN_ANY_ARITY): `run` is called for it. The functions are exported when
// the server runs first.
erln_status erln_server_function(erln_server *server,
                                 const char *module,
                                 const char *function,
                                 int32_t arity,
                                 erln_function run);

// Serves a mailbox until it ends, and then returns ERLN_OK; or until the time is over, and then returns ERLN_ERR_TIMEOUT and may be called again.
// Exports the functions of the table first. Several threads may run it with the same mailbox: that pays when your functions compute
// or wait for some 20 us or more. Calls of quick ones are answered fastest by a single thread.
erln_status erln_server_run(erln_server *server,
                            erln_mailbox mailbox,
                            int32_t timeout_ms);

// Exports the functions of the table, for a mailbox that an event loop of yours will receive from. Once is enough.
erln_status erln_server_export(erln_server *server,
                               erln_mailbox mailbox);

// Handles one message that an event loop of yours received from `mailbox`, and takes it over unless it is NULL.
// ERLN_ERR_CLOSED once the server has ended.
erln_status erln_server_handle(erln_server *server,
                               erln_mailbox mailbox,
                               erln_msg *msg);

// ====================================================================================================
// Process groups: processes of many nodes under one name, as pg of OTP.
//
// A scope is a set of groups that several nodes share; start it under the same name on each ("pg" is OTP's own, and what
// NULL stands for). Members of groups are pids; a pid that joined twice is a member twice. A group's name is any term:
// erln_pg_join(box, NULL, "{room, ~i}", 7). Every node knows all members, so asking never waits.
// ====================================================================================================

// Starts a scope, or does nothing if it runs. It greets every node that is connected, and finds those that run it as well.
erln_status erln_pg_start(erln_node node,
                          const char *scope);

// Ends a scope: other nodes see its members leave.
erln_status erln_pg_stop(erln_node node, const char *scope);

// `count` processes of this node join a group, once more if they are in it. `group` is one encoded term.
erln_status erln_pg_join_term(erln_node node,
                              const char *scope,
                              const uint8_t *group,
                              size_t len,
                              const erln_pid *pids,
                              size_t count);

// `count` processes of this node leave a group, each once. `*out_left` (which may be NULL) tells whether one of them was in it.
erln_status erln_pg_leave_term(erln_node node,
                               const char *scope,
                               const uint8_t *group,
                               size_t len,
                               const erln_pid *pids,
                               size_t count,
                               bool *out_left);

// The members of a group, on all nodes or only those of this one: the term of `*out` is a list of pids in no particular order.
// Free `*out` with erln_msg_free.
erln_status erln_pg_members_term(erln_node node,
                                 const char *scope,
                                 const uint8_t *group,
                                 size_t len,
                                 bool local,
                                 erln_msg **out);

// The groups that have members, on any node or on this one: the term of `*out` is a list of their names. Free `*out` with
// erln_msg_free.
erln_status erln_pg_groups(erln_node node,
                           const char *scope,
                           bool local,
                           erln_msg **out);

// From now on `{Ref, join | leave, Group, [Pid]}` arrives in the mailbox for each change of a group, or of all groups if `group` is
// NULL. `*out` is that reference. The term of `*out_known` (which may be NULL) is what is known before the first change: a list of
// pids, or for all groups a map of such lists. Free `*out_known` with erln_msg_free.
erln_status erln_pg_monitor_term(erln_mailbox mailbox,
                                 const char *scope,
                                 const uint8_t *group,
                                 size_t len,
                                 erln_ref *out,
                                 erln_msg **out_known);

// Ends what erln_pg_monitor_term began; success also if it had ended. Events that wait in the mailbox stay there.
erln_status erln_pg_demonitor(erln_mailbox mailbox,
                              const char *scope,
                              const erln_ref *reference);

// Private: the term of a template; the bytes live as long as the writer.
static inline erln_status erln_pg_group(erln_writer *writer, erln_bytes *group, const char *format, va_list list) {
    erln_arg args[ERLN_MAX_ARGS];
    size_t count = erln_args_of_values(args, format, list);
    erln_write_args(writer, format, args, count);
    return erln_writer_finish(writer, group);
}

// Private: the mailbox joins or leaves.
static inline erln_status erln_pg_change(erln_mailbox mailbox, const char *scope, bool join, const char *format, va_list list) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_pid pid;
    erln_node node;
    erln_status status = erln_pg_group(writer, &group, format, list);
    if (status == ERLN_OK) status = erln_mailbox_pid(mailbox, &pid);
    if (status == ERLN_OK) status = erln_mailbox_node(mailbox, &node);
    if (status == ERLN_OK && join) {
        status = erln_pg_join_term(node, scope, group.ptr, group.len, &pid, 1);
    } else if (status == ERLN_OK) {
        status = erln_pg_leave_term(node, scope, group.ptr, group.len, &pid, 1, NULL);
    }
    erln_writer_free(writer);
    return status;
}

// The mailbox joins a group, whose name is made from a template: erln_pg_join(box, NULL, "{room, ~i}", 7).
static inline erln_status erln_pg_join(erln_mailbox mailbox, const char *scope, const char *format, ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_change(mailbox, scope, true, format, list);
    va_end(list);
    return status;
}

// The mailbox leaves a group, once; success also if it was not in it.
static inline erln_status erln_pg_leave(erln_mailbox mailbox, const char *scope, const char *format, ...) {
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_change(mailbox, scope, false, format, list);
    va_end(list);
    return status;
}

// The members of a group on all nodes: the term of `*out` is a list of pids. Free `*out` with erln_msg_free.
static inline erln_status erln_pg_members(erln_node node, const char *scope, erln_msg **out, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &group, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_pg_members_term(node, scope, group.ptr, group.len, false, out);
    erln_writer_free(writer);
    return status;
}

// The mailbox hears of the changes of a group; see erln_pg_monitor_term.
static inline erln_status erln_pg_monitor(erln_mailbox mailbox, const char *scope, erln_ref *out, erln_msg **out_known,
                                          const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes group;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &group, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_pg_monitor_term(mailbox, scope, group.ptr, group.len, out, out_known);
    erln_writer_free(writer);
    return status;
}

// ====================================================================================================
// Global names and locks: one table of names for the whole cluster, as global of OTP.
//
// A visible node is a member: it keeps the table itself, and connecting it to one member connects it to all
// (erln_config_set_visible, erln_config_set_connect_all). A hidden node asks a connected member for everything here. A name is
// any term, made from a template: erln_global_register(box, 5000, "{room, ~i}", 7). It goes when its process or node does.
// ====================================================================================================

// What a member does when it has lost another one that the others still have.
enum erln_overlap
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // It leaves the cluster, so that no BEAM loses another one because of it.
    ERLN_OVERLAP_LEAVE = 0,
    // It tells all others, as a BEAM does; they cut off the lost one and this one.
    ERLN_OVERLAP_REPORT = 1,
    // Nothing, and what others report is ignored.
    ERLN_OVERLAP_ALLOW = 2,
};
#ifndef __cplusplus
typedef int32_t erln_overlap;
#endif // __cplusplus

// What happens when two parts of a cluster become one and both have a name.
enum erln_resolve
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // One process keeps the name, the other is killed; what OTP does unless told otherwise.
    ERLN_RESOLVE_RANDOM_EXIT = 0,
    // One keeps it, the other gets {global_name_conflict, Name}.
    ERLN_RESOLVE_RANDOM_NOTIFY = 1,
    // Neither keeps it; each gets {global_name_conflict, Name, OtherPid}.
    ERLN_RESOLVE_NOTIFY_ALL = 2,
    // Module:Function(Name, Pid1, Pid2), which a program exported as "module:function", returns the pid that keeps it, or none.
    ERLN_RESOLVE_FUNCTION = 3,
};
#ifndef __cplusplus
typedef int32_t erln_resolve;
#endif // __cplusplus

// Whether a visible node is a member of the mesh and of global names; true unless set. -connect_all false of OTP otherwise.
erln_status erln_config_set_connect_all(erln_config *config,
                                        bool connect_all);

// What a member does about partitions that overlap: one of erln_overlap; ERLN_OVERLAP_LEAVE unless set.
erln_status erln_config_set_overlap(erln_config *config,
                                    int32_t overlap);

// Registers a process of any node under a name, one encoded term. `resolve` is one of erln_resolve; `function` is NULL but for
// ERLN_RESOLVE_FUNCTION. ERLN_ERR_NAME_TAKEN if the name is taken, or the process has another one.
erln_status erln_global_register_term(erln_node node,
                                      const uint8_t *name,
                                      size_t len,
                                      const erln_pid *pid,
                                      int32_t resolve,
                                      const char *function,
                                      int32_t timeout_ms);

// As erln_global_register_term, but takes the name away from whoever has it.
erln_status erln_global_reregister_term(erln_node node,
                                        const uint8_t *name,
                                        size_t len,
                                        const erln_pid *pid,
                                        int32_t resolve,
                                        const char *function,
                                        int32_t timeout_ms);

// Takes a name, one encoded term, away from whoever has it; success also if nobody does.
erln_status erln_global_unregister_term(erln_node node,
                                        const uint8_t *name,
                                        size_t len,
                                        int32_t timeout_ms);

// The process with a name, one encoded term; ERLN_ERR_NO_PROCESS if nobody has it. A member does not wait.
erln_status erln_global_whereis_term(erln_node node,
                                     const uint8_t *name,
                                     size_t len,
                                     int32_t timeout_ms,
                                     erln_pid *out);

// All global names: the term of `*out` is a list. Free `*out` with erln_msg_free.
erln_status erln_global_names(erln_node node, int32_t timeout_ms, erln_msg **out);

// Waits until all visible nodes that are connected have the names that this one has.
erln_status erln_global_sync(erln_node node, int32_t timeout_ms);

// Locks a resource, one encoded term, for this mailbox on this node and all visible ones that are connected, or on none. Tries
// `retries` times more when it is taken (negative: until the time is over); `*out` tells whether it is locked now. A lock goes when its
// mailbox does.
erln_status erln_global_set_lock_term(erln_mailbox mailbox,
                                      const uint8_t *resource,
                                      size_t len,
                                      int32_t retries,
                                      int32_t timeout_ms,
                                      bool *out);

// Takes a lock away that this mailbox has; success also if it has not.
erln_status erln_global_del_lock_term(erln_mailbox mailbox,
                                      const uint8_t *resource,
                                      size_t len,
                                      int32_t timeout_ms);

// Registers the mailbox under a global name made from a template: erln_global_register(box, 5000, "{room, ~i}", 7).
// ERLN_ERR_NAME_TAKEN if the name is taken. In a conflict one of the two processes is killed; erln_global_register_term has other ways.
static inline erln_status erln_global_register(erln_mailbox mailbox, int32_t timeout_ms, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_pid pid;
    erln_node node;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_mailbox_pid(mailbox, &pid);
    if (status == ERLN_OK) status = erln_mailbox_node(mailbox, &node);
    if (status == ERLN_OK) {
        status = erln_global_register_term(node, name.ptr, name.len, &pid, ERLN_RESOLVE_RANDOM_EXIT, NULL, timeout_ms);
    }
    erln_writer_free(writer);
    return status;
}

// The process with a global name made from a template; ERLN_ERR_NO_PROCESS if nobody has it.
static inline erln_status erln_global_whereis(erln_node node, int32_t timeout_ms, erln_pid *out, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_global_whereis_term(node, name.ptr, name.len, timeout_ms, out);
    erln_writer_free(writer);
    return status;
}

// Takes a global name made from a template away from whoever has it.
static inline erln_status erln_global_unregister(erln_node node, int32_t timeout_ms, const char *format, ...) {
    erln_writer *writer = erln_writer_new();
    erln_bytes name;
    erln_status status;
    va_list list;
    va_start(list, format);
    status = erln_pg_group(writer, &name, format, list);
    va_end(list);
    if (status == ERLN_OK) status = erln_global_unregister_term(node, name.ptr, name.len, timeout_ms);
    erln_writer_free(writer);
    return status;
}

// ====================================================================================================
// Phoenix.PubSub: topics with subscribers on all nodes, Elixir's and ours.
//
// Start it under the name of the Elixir side ("MyApp.PubSub"). A mailbox that subscribed to a topic receives every term that is
// broadcast on it, as it is. Works with Phoenix.PubSub 2.x and its PG2 adapter, which is the default there.
// ====================================================================================================

// Who gets a broadcast.
enum erln_audience
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // All subscribers on all nodes: broadcast.
    ERLN_AUDIENCE_ALL = 0,
    // All but the mailbox that sends: broadcast_from.
    ERLN_AUDIENCE_OTHERS = 1,
    // All on this node: local_broadcast.
    ERLN_AUDIENCE_LOCAL = 2,
};
#ifndef __cplusplus
typedef int32_t erln_audience;
#endif // __cplusplus

// Starts a pubsub, or does nothing if it runs. `pool_size` must be at least that of the other nodes (1 unless they say otherwise),
// or some of their broadcasts miss this one.
erln_status erln_pubsub_start(erln_node node,
                              const char *pubsub,
                              size_t pool_size);

// What is broadcast on a topic arrives in the mailbox from now on; of two subscriptions, twice.
erln_status erln_pubsub_subscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);

// Ends all subscriptions of the mailbox to a topic; success also if there is none.
erln_status erln_pubsub_unsubscribe(erln_mailbox mailbox, const char *pubsub, const char *topic);

// Sends one encoded term to the subscribers of a topic; `audience` is one of erln_audience. `dispatcher` is the Elixir module that
// hands it out on the other nodes: NULL, or "Phoenix.Channel.Server" for channels. A module that does not exist there makes
// trouble there.
erln_status erln_pubsub_broadcast_term(erln_mailbox mailbox,
                                       const char *pubsub,
                                       const char *topic,
                                       int32_t audience,
                                       const char *dispatcher,
                                       const uint8_t *term,
                                       size_t len,
                                       int32_t timeout_ms);

// Sends one encoded term to the subscribers of a topic on one node: direct_broadcast. See erln_pubsub_broadcast_term.
erln_status erln_pubsub_direct_broadcast_term(erln_mailbox mailbox,
                                              const char *pubsub,
                                              const char *peer,
                                              const char *topic,
                                              const char *dispatcher,
                                              const uint8_t *term,
                                              size_t len,
                                              int32_t timeout_ms);

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

// ====================================================================================================
// Discovery: finding nodes, and keeping those connected that were found.
//
// Each function starts one more way to look, which goes on until erln_discover_stop or the end of the node. Few nodes are called
// at a time, and those that do not answer ever less often. A node that is not found any more is not called again; its
// connection stays. Connecting shows this node to others as it was configured: hidden unless erln_config_set_visible said
// otherwise.
// ====================================================================================================

// Nodes that are known beforehand: their names, separated by blanks or commas.
erln_status erln_discover_nodes(erln_node node, const char *names);

// All nodes that are registered at the epmds of these hosts, which are separated by blanks or commas and written as in the names of
// their nodes. Asked every 10 s.
erln_status erln_discover_epmd(erln_node node,
                               const char *hosts);

// A node `basename@ADDRESS` for each address that the DNS name `query` has (A and AAAA), as behind a headless service. Asked every 5 s.
erln_status erln_discover_dns(erln_node node,
                              const char *basename,
                              const char *query);

// A node `basename@TARGET` for each target of the SRV records of the DNS name `query`, which is a whole name such as
// `_epmd._tcp.example.org`. Asked every 5 s, from the name server `server`, an address and a port (NULL: those of /etc/resolv.conf).
// ERLN_ERR_UNSUPPORTED in a build without the feature `srv`.
erln_status erln_discover_srv(erln_node node,
                              const char *basename,
                              const char *query,
                              const char *server);

// Nodes that send heartbeats by UDP, as Cluster.Strategy.Gossip of libcluster. `group` is a multicast group or broadcast address and a
// port (NULL: libcluster's 233.252.1.32:45892), `interface` the local address whose network it uses (NULL: the system chooses),
// `secret` what all share (NULL: nothing is encrypted). With `announce` this node sends heartbeats too, and others call it.
erln_status erln_discover_gossip(erln_node node,
                                 const char *group,
                                 const char *interface,
                                 const char *secret,
                                 bool announce);

// The names in a file, one per line, `#` beginning a comment. It is looked at every second; while it is missing there are none.
erln_status erln_discover_file(erln_node node,
                               const char *path);

// The names of all nodes that are found now, connected or not. Free `*out` with erln_names_free.
erln_status erln_discover_names(erln_node node, erln_names **out);

// From now on `{discovered, Node}` and `{undiscovered, Node}` arrive in the mailbox, for what was started by erln_discover_... so far; for
// nodes that are found already at once.
erln_status erln_discover_watch(erln_mailbox mailbox);

// Ends all that was started by erln_discover_... . Connections stay.
erln_status erln_discover_stop(erln_node node);

// ====================================================================================================
// Input and output: writing on a group leader anywhere in the cluster.
//
// The process `user` of a node writes on that program's standard output, ours too; a spawned function writes on the group leader
// of whoever spawned it (erln_request_leader). A mailbox can be a group leader itself: it receives
// `{io_request, From, ReplyAs, Request}` and answers `{io_reply, ReplyAs, Result}`.
// ====================================================================================================

// Writes text on a group leader, as io:put_chars/2, and waits until it is written. ERLN_ERR_NO_PROCESS if there is none,
// ERLN_ERR_REMOTE if it refuses. `leader` may be a pid, or a name such as erln_to_remote("user", "a@host").
erln_status erln_put_chars(erln_mailbox mailbox,
                           erln_to leader,
                           const char *chars,
                           int32_t timeout_ms);

// Sends one request of Erlang's I/O protocol, such as `{get_line, unicode, "> "}`, and waits for the answer, a message
// `{io_reply, Ref, Result}`. Free `*out` with erln_msg_free.
erln_status erln_io_request(erln_mailbox mailbox,
                            erln_to leader,
                            const uint8_t *request,
                            size_t len,
                            int32_t timeout_ms,
                            erln_msg **out);

// ====================================================================================================
// Log: what the library has to tell an operator.
//
// Without a hook, warnings and errors go to standard error; the environment variable ERLNODE_LOG (off, error, warn, info, debug)
// changes that. No cookie and no message content is ever logged.
// ====================================================================================================

// How important a line is.
enum erln_log_level
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    // Something does not work.
    ERLN_LOG_ERROR = 1,
    // Somebody should look at this.
    ERLN_LOG_WARN = 2,
    // Connections come and go.
    ERLN_LOG_INFO = 3,
    // Why an attempt failed, step by step.
    ERLN_LOG_DEBUG = 4,
};
#ifndef __cplusplus
typedef int32_t erln_log_level;
#endif // __cplusplus

// Receives a line, without line end. `level` is one of erln_log_level; `data` is what was given to erln_log_set. Called from any
// thread, also from several at once; it must not wait for the node. `text` is borrowed; lives during the call.
typedef void (*erln_log_fn)(int32_t level, const char *text, void *data);

// Sends lines of `level` (one of erln_log_level) and more important ones to `hook`; NULL goes back to standard error. One hook per
// process. A line that was begun may still reach the former hook for a moment.
erln_status erln_log_set(erln_log_fn hook,
                         void *data,
                         int32_t level);

// ====================================================================================================
// The Python package's way in: terms become Python objects, and back, in one crossing per message.
//
// Only the package `erlnode` uses this. It hands over the addresses of functions of Python's stable ABI, and gets functions
// of Python back; the library does not link against Python. Chosen by measurement (benches/python).
// ====================================================================================================

// For the Python package only: takes the addresses of the Python functions and objects that it uses, and gives the functions
// it will call (new references to Python objects), all in the order of `_abi/codec.py`. The arrays are copied; the objects are kept
// for ever. May be called again. The interpreter lock must be held.
erln_status erln_python_setup(const void *const *functions,
                              size_t functions_len,
                              void *const *objects,
                              size_t objects_len,
                              void **out,
                              size_t out_len);

#ifdef __cplusplus
#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif
}  // extern "C"
#endif

#endif  // ERLNODE_H
