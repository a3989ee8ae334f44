//! The owned term. Promises: what decodes encodes again to an equal term; `validate` and `decode` agree; nothing that
//! is done with a term fails; and a term takes at most 24 times its wire size and 64 KiB.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use erlnode::term::{validate, Term};
use libfuzzer_sys::fuzz_target;

/// Counts what lives.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        System.dealloc(place, layout)
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The promise about memory. A compressed term is measured by what it inflates to, so only plain ones are checked.
const FACTOR: usize = 24;
const SLACK: usize = 64 * 1024;

fuzz_target!(|data: &[u8]| {
    let before = LIVE.load(Relaxed);
    let decoded = Term::decode(data);
    let taken = LIVE.load(Relaxed).saturating_sub(before);
    assert!(taken <= FACTOR * data.len() + SLACK, "{taken} bytes live for {} on the wire", data.len());
    let valid = validate(data, &[]).is_ok_and(|length| length == data.len());
    assert_eq!(decoded.is_ok(), valid, "decode and validate differ");
    let _ = Term::decode_external(data);
    let Ok(term) = decoded else { return };

    let again = term.to_bytes().expect("what was decoded can be encoded");
    let back = Term::decode(&again).expect("what was encoded can be decoded");
    assert!(term == back, "not the same after encoding");
    assert_eq!(term.cmp(&back), Ordering::Equal);
    assert!(term.loose_eq(&back));
    let hash = |term: &Term| {
        let mut hasher = DefaultHasher::new();
        term.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&term), hash(&back));
    assert!(term.clone() == term);
    let _ = term.to_string();
});
