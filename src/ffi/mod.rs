//! erlnode makes this program a node of an Erlang/Elixir cluster.
//!
//! A node (erln_node) is what other nodes see. A mailbox (erln_mailbox) is a process of it: it has a pid, perhaps a
//! name, and a queue of messages (erln_msg). The terms in a message are read with a reader (erln_reader) or matched
//! against a pattern (erln_match); a term to be sent is built from a template (erln_send) or with a writer
//! (erln_writer).
//!
//! The smallest program that answers {ping, Pid} with pong:
//!
//! ```text
//! erln_config *config = erln_config_new("pong@localhost");
//! erln_node node;
//! erln_mailbox box;
//! if (erln_node_start(config, &node) != ERLN_OK || erln_mailbox_open(node, "pong", NULL, &box) != ERLN_OK) {
//!     fprintf(stderr, "%s\n", erln_last_error());
//!     return 1;
//! }
//! erln_config_free(config);
//! erln_msg *msg;
//! while (erln_mailbox_recv(box, ERLN_FOREVER, &msg) == ERLN_OK) {
//!     erln_pid from;
//!     if (erln_match(msg, "{ping, ~p}", &from)) {
//!         erln_send(box, erln_to_pid(&from), "pong");
//!     }
//!     erln_msg_free(msg);
//! }
//! ```
//!
//! Objects. Nodes and mailboxes are small numbers, passed and copied by value. There is nothing to free: close them.
//! After that, and in every other thread, their number answers ERLN_ERR_CLOSED; a number that was never given out
//! answers ERLN_ERR_ARGUMENT. Pids, references and bytes are plain structs: copy, compare with memcmp, store. A
//! reader is a plain struct on your stack.
//!
//! Ownership. What a call gives you as a pointer has one function that frees it, named in its comment ("Free with
//! erln_msg_free"). What is borrowed is never freed, and its comment names how long it lives ("Borrowed; lives as
//! long as msg"). What you pass in is only looked at during the call. Freeing NULL does nothing.
//!
//! Threads. Any thread may call anything with a node or a mailbox, also at the same time. A message, writer, config
//! or reader belongs to one thread at a time. The library has threads of its own; they block all signals and never
//! call you, except for the log hook. After a fork the child cannot use the nodes of its parent (ERLN_ERR_FORKED),
//! but may start its own.
//!
//! Errors. A call that can fail returns an erln_status: 0 is success, failures are negative. Outputs come last and are
//! written only on success. erln_last_error() tells in words what went wrong and what cures it. Reading and writing
//! terms return a bool; broken input is remembered and can be checked once, at the end. No call ends the process or
//! raises a signal, and nothing is printed but the log (see erln_log_set).
//!
//! Time. What may wait takes timeout_ms: milliseconds, 0 for not at all, ERLN_FOREVER for no limit.

// C names are C's; the promises of callers stand in the header's words, which have no "# Safety" heading.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

pub mod bytes;
pub mod call;
pub mod config;
mod cursor;
pub mod discover;
pub mod global;
mod guard;
mod handle;
pub mod io;
mod latin1;
pub mod link;
pub mod log;
pub mod mailbox;
pub mod message;
pub mod names;
pub mod node;
mod numbers;
pub mod pending;
pub mod pg;
pub mod pid;
pub mod pubsub;
pub mod python;
pub mod reader;
pub mod send;
pub mod server;
pub mod spawn;
pub mod status;
pub mod task;
pub mod template;
pub mod text;
mod threads;
pub mod tls;
pub mod version;
pub mod writer;
