//! An allocator that counts what lives and the most that lived. The shim reports it, so that growth is exact; the fuzz targets and
//! `tests/memory` hold it against what came over the wire.

// Each user has its part.
#![allow(dead_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

/// Bytes that live, and the most that did since [`reset`].
pub fn figures() -> (usize, usize) {
    (LIVE.load(Relaxed), PEAK.load(Relaxed))
}

/// The peak starts anew.
pub fn reset() {
    PEAK.store(LIVE.load(Relaxed), Relaxed);
}

/// What `work` leaves alive in its result, and the most that lived meanwhile.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = figures().0;
    reset();
    let result = work();
    let (live, peak) = figures();
    (result, live.saturating_sub(before), peak.saturating_sub(before))
}
