//! The memory oracle: the rule that every target keeps. Each target's `run` says what its
//! input amounts to on the wire; what it leaves alive and what lives at a time follow from that alone, whatever the bytes announce.

// Each target uses its part.
#![allow(dead_code)]

#[path = "../abuse/counting.rs"]
mod counting;

pub use counting::measure;

/// What may live for a byte on the wire: the owned form of the smallest term is that much bigger.
pub const FACTOR: usize = 24;

/// What may live beside that: tables and buffers that are there before the first byte arrives.
pub const SLACK: usize = 64 * 1024;

/// A vector that grows holds the old place and the new one at a time.
const GROWING: usize = 2;

/// Does `work`, which may take what the rule allows for `wire` bytes.
pub fn within<T>(wire: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken, peak) = measure(work);
    assert!(taken <= FACTOR * wire + SLACK, "{taken} bytes live for {wire} on the wire");
    assert!(peak <= GROWING * FACTOR * wire + SLACK, "{peak} bytes at a time for {wire} on the wire");
    result
}
