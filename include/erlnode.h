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
// terms return a bool; broken input is remembered and can be checked once, at the end. No call ends the process,
// raises a signal or prints.
//
// Time. What may wait takes timeout_ms: milliseconds, 0 for not at all, ERLN_FOREVER for no limit.

#ifndef ERLNODE_H
#define ERLNODE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
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
// without NUL that the whole text has, so a result of `size` or more means that it was cut.
erln_status erln_pid_print(const struct erln_pid *pid,
                           char *buffer,
                           size_t size,
                           size_t *out_len);

// Writes a reference as text, such as `#Ref<a@host.1.2.3>`, in the manner of erln_pid_print.
erln_status erln_ref_print(const struct erln_ref *reference,
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

// Size of a reader in 64-bit words, with room for what may come.
#define READER_WORDS 16

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

// A cursor over an encoded term. Made by erln_reader_init; copy it to remember a place.
typedef struct erln_reader {
    // Private.
    uint64_t state[READER_WORDS];
} erln_reader;

// Starts reading `len` bytes at `data`: one encoded term, with or without the version byte 131 in front. The bytes
// are borrowed; they must live, unchanged, as long as `reader` is used.
erln_status erln_reader_init(struct erln_reader *reader,
                             const uint8_t *data,
                             size_t len);

// What stands at the cursor.
erln_kind erln_reader_kind(const struct erln_reader *reader);

// Takes an integer that fits 64 bits with sign.
bool erln_read_int64(struct erln_reader *reader, int64_t *out);

// Takes an integer that fits 64 bits without sign.
bool erln_read_uint64(struct erln_reader *reader, uint64_t *out);

// Takes an integer that fits 32 bits with sign.
bool erln_read_int32(struct erln_reader *reader, int32_t *out);

// Takes a float. Integers are not floats: try erln_read_int64 as well where both may come.
bool erln_read_double(struct erln_reader *reader, double *out);

// Takes one of the atoms true and false.
bool erln_read_bool(struct erln_reader *reader, bool *out);

// Takes an atom: its UTF-8 text, without NUL. Borrowed; lives as long as the bytes that are read.
bool erln_read_atom(struct erln_reader *reader, erln_bytes *out);

// Takes the atom `name`, if it is the one that stands here.
bool erln_read_atom_is(struct erln_reader *reader, const char *name);

// Takes the head of a tuple; its `*out_arity` elements come next.
bool erln_read_tuple(struct erln_reader *reader, size_t *out_arity);

// Takes the head of a tuple if it has `arity` elements; they come next.
bool erln_read_tuple_of(struct erln_reader *reader, size_t arity);

// Takes the head of a list. Its `*out_count` elements come next, and after them its tail, which is the empty list (take
// it with erln_read_nil) unless the list is improper. The empty list has 0 elements and is its own tail.
bool erln_read_list(struct erln_reader *reader,
                    size_t *out_count);

// Takes the empty list.
bool erln_read_nil(struct erln_reader *reader);

// Takes the head of a map; its `*out_pairs` pairs come next, each as key and value.
bool erln_read_map(struct erln_reader *reader, size_t *out_pairs);

// Takes a binary. Borrowed; lives as long as the bytes that are read.
bool erln_read_binary(struct erln_reader *reader, erln_bytes *out);

// Takes a list of bytes in its short form, or the empty list. Borrowed; lives as long as the bytes that are read.
// Erlang strings with characters over 255 come as lists: read them with erln_read_list.
bool erln_read_string(struct erln_reader *reader,
                      erln_bytes *out);

// Takes a pid.
bool erln_read_pid(struct erln_reader *reader, erln_pid *out);

// Takes a reference.
bool erln_read_ref(struct erln_reader *reader, erln_ref *out);

// Takes a port.
bool erln_read_port(struct erln_reader *reader, erln_port *out);

// Takes any whole term and gives its encoded bytes, without version byte. Borrowed; lives as long as the bytes that
// are read. Read it later with erln_reader_init, or put it into another term with erln_write_term.
bool erln_read_term(struct erln_reader *reader,
                    erln_bytes *out);

// Steps over any whole term.
bool erln_read_skip(struct erln_reader *reader);

// Takes an integer of any size: its sign, and its magnitude with the lowest byte first. Borrowed; lives as long as
// the bytes that are read. Integers of 64 bits or less are left to erln_read_int64 and erln_read_uint64.
bool erln_read_big(struct erln_reader *reader,
                   bool *out_negative,
                   erln_bytes *out_magnitude);

// Takes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top; 8 also without bytes).
// Borrowed; lives as long as the bytes that are read. A binary is a bit string of full bytes.
bool erln_read_bitstring(struct erln_reader *reader,
                         erln_bytes *out,
                         uint8_t *out_last_bits);

// Takes a binary, or a list of bytes, binaries and such lists (an "iolist", which includes every Erlang string of
// Latin-1), and copies all its bytes to `buffer`. If they are more than `size`, the answer is false, the cursor stays, and
// only `*out_len` is written: with the room that is needed.
bool erln_read_iolist(struct erln_reader *reader,
                      uint8_t *buffer,
                      size_t size,
                      size_t *out_len);

// Takes a fun, with code of its own or of an exported function, as its encoded bytes; see erln_read_term.
bool erln_read_fun(struct erln_reader *reader,
                   erln_bytes *out);

// What is left to read. Borrowed; lives as long as the bytes that are read.
erln_status erln_reader_remaining(const struct erln_reader *reader, erln_bytes *out);

// ERLN_ERR_MALFORMED if broken bytes were met, else ERLN_OK. Whether anything is left does not matter.
erln_status erln_reader_error(const struct erln_reader *reader);

// As erln_reader_error, and ERLN_ERR_MALFORMED also if not everything was read.
erln_status erln_reader_finish(struct erln_reader *reader);

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

// Makes an empty writer. NULL only if there is no memory. Free with erln_writer_free.
struct erln_writer *erln_writer_new(void);

// Frees a writer and what erln_writer_finish lent from it.
void erln_writer_free(struct erln_writer *writer);

// Forgets what was written, and any mistake; keeps the memory for the next term.
void erln_writer_clear(struct erln_writer *writer);

// The encoded term, without version byte: exactly one, with all its elements. Borrowed; lives until the next write,
// clear or free of `writer`. Writing may go on only after erln_writer_clear.
erln_status erln_writer_finish(struct erln_writer *writer,
                               erln_bytes *out);

// Writes an integer.
bool erln_write_int64(struct erln_writer *writer, int64_t value);

// Writes an integer without sign.
bool erln_write_uint64(struct erln_writer *writer, uint64_t value);

// Writes a float. Infinity and not-a-number are mistakes: Erlang has none.
bool erln_write_double(struct erln_writer *writer, double value);

// Writes one of the atoms true and false.
bool erln_write_bool(struct erln_writer *writer, bool value);

// Writes an atom: UTF-8 with a NUL, at most 255 characters. Peers keep every atom for ever: never make them from input.
bool erln_write_atom(struct erln_writer *writer,
                     const char *name);

// Writes an atom of `len` bytes of UTF-8.
bool erln_write_atom_len(struct erln_writer *writer, const char *name, size_t len);

// Writes a binary of `len` bytes. Text for Elixir is a binary in UTF-8.
bool erln_write_binary(struct erln_writer *writer, const uint8_t *data, size_t len);

// Writes text as a binary: UTF-8 with a NUL, which is not written.
bool erln_write_text(struct erln_writer *writer, const char *string);

// Writes text as an Erlang string, which is a list of characters: UTF-8 with a NUL, which is not written. Complete: no
// tail follows.
bool erln_write_charlist(struct erln_writer *writer,
                         const char *string);

// Announces a tuple; its `arity` elements come next.
bool erln_write_tuple(struct erln_writer *writer, size_t arity);

// Announces a list; its `count` elements come next, and after them its tail: erln_write_nil. For 0 elements write only
// erln_write_nil.
bool erln_write_list(struct erln_writer *writer,
                     size_t count);

// Writes the empty list, which also ends every proper list.
bool erln_write_nil(struct erln_writer *writer);

// Announces a map; its `pairs` pairs come next, each as key and value. The keys must differ.
bool erln_write_map(struct erln_writer *writer, size_t pairs);

// Writes a pid.
bool erln_write_pid(struct erln_writer *writer, const erln_pid *pid);

// Writes a reference.
bool erln_write_ref(struct erln_writer *writer, const erln_ref *reference);

// Writes a port.
bool erln_write_port(struct erln_writer *writer, const erln_port *port);

// Writes a whole term that is already encoded, with or without the version byte in front. It is checked.
bool erln_write_term(struct erln_writer *writer,
                     const uint8_t *data,
                     size_t len);

// Writes a list of `len` bytes in its short form (an Erlang string of Latin-1). Complete: no tail follows.
bool erln_write_string(struct erln_writer *writer,
                       const uint8_t *data,
                       size_t len);

// Writes an integer of any size from its sign and its magnitude, lowest byte first.
bool erln_write_big(struct erln_writer *writer,
                    bool negative,
                    const uint8_t *magnitude,
                    size_t len);

// Writes a bit string: its bytes, and how many bits of the last byte count (1 to 8, from the top).
bool erln_write_bitstring(struct erln_writer *writer,
                          const uint8_t *data,
                          size_t len,
                          uint8_t last_bits);

// Writes the fun of an exported function, `fun Module:Function/Arity`.
bool erln_write_export(struct erln_writer *writer,
                       const char *module,
                       const char *function,
                       uint8_t arity);

// ====================================================================================================
// Lists of names.
//
// What a call that answers with several names gives: a list that belongs to you and does not change any more.
// ====================================================================================================

// Some names. Free with erln_names_free.
typedef struct erln_names erln_names;

// How many.
size_t erln_names_count(const struct erln_names *names);

// Name number `index`, from 0; NULL beyond the last. Borrowed; lives as long as `names`.
const char *erln_names_get(const struct erln_names *names, size_t index);

// Frees a list, and with it the names that were borrowed from it.
void erln_names_free(struct erln_names *names);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // ERLNODE_H
