//! The libei drop-in.
