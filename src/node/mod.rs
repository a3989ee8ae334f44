//! The node: mailboxes, names, peers.
