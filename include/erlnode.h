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
//     if (erln_node_start(config, &node) != ERLN_OK || erln_mailbox_open(node, "pong", &box) != ERLN_OK) {
//         fprintf(stderr, "%s\n", erln_last_error());
//         return 1;
//     }
//     erln_config_free(config);
//     erln_msg *msg;
//     while (erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK) {
//         erln_pid from;
//         if (erln_msg_match(msg, "{ping, ~p}", &from)) {
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

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // ERLNODE_H
