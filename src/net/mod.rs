//! Sockets and timers under the protocol.
