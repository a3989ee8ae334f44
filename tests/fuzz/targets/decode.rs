//! The owned term. Promises: what decodes encodes again to an equal term; `validate` and `decode` agree; nothing that
//! is done with a term fails; and a term takes at most 24 times its wire size and 64 KiB.
#![cfg_attr(fuzzing, no_main)]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use erlnode::term::{validate, Term};

#[cfg(not(fuzzing))]
use crate::memory;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// The promise about memory. A compressed term is measured by what it inflates to, so only plain ones are checked.
const FACTOR: usize = 24;
const SLACK: usize = 64 * 1024;

/// One input.
pub fn run(data: &[u8]) {
    let (decoded, taken, peak) = memory::measure(|| Term::decode(data));
    assert!(taken <= FACTOR * data.len() + SLACK, "{taken} bytes live for {} on the wire", data.len());
    assert!(peak <= 2 * FACTOR * data.len() + SLACK, "{peak} bytes at a time for {} on the wire", data.len());
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
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
