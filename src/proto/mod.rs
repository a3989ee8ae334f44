//! The distribution protocol as pure state machines.
