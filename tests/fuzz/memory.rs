//! The memory oracle: an allocator that counts what lives, and the rule that every target keeps. Each target's `run` says what its
//! input amounts to on the wire; what it leaves alive and what lives at a time follow from that alone, whatever the bytes announce.

// Each target uses its part.
#![allow(dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What may live for a byte on the wire: the owned form of the smallest term is that much bigger.
pub const FACTOR: usize = 24;

/// What may live beside that: tables and buffers that are there before the first byte arrives.
pub const SLACK: usize = 64 * 1024;

/// A vector that grows holds the old place and the new one at a time.
const GROWING: usize = 2;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `work` leaves alive in its result, and the most that lived meanwhile.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = work();
    (result, LIVE.load(Relaxed).saturating_sub(before), PEAK.load(Relaxed).saturating_sub(before))
}

/// Does `work`, which may take what the rule allows for `wire` bytes.
pub fn within<T>(wire: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken, peak) = measure(work);
    assert!(taken <= FACTOR * wire + SLACK, "{taken} bytes live for {wire} on the wire");
    assert!(peak <= GROWING * FACTOR * wire + SLACK, "{peak} bytes at a time for {wire} on the wire");
    result
}
