//! The owned term. Promises: what decodes encodes again to an equal term; `validate` and `decode` agree; nothing that
//! is done with a term fails; and a term takes what the rule about memory allows, inflated ones too.
#![cfg_attr(fuzzing, no_main)]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use erlnode::term::{validate, Term};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Deflate cannot do better, so a term that claims more is refused before anything is inflated.
const RATIO: usize = 1032;

/// What the bytes of a term are on the wire: those of a compressed one are what it inflates to.
fn wire(data: &[u8]) -> usize {
    match *data {
        [131, 80, a, b, c, d, ..] => {
            let claim = u32::from_be_bytes([a, b, c, d]) as usize;
            data.len() + if claim <= RATIO * data.len() { claim } else { 0 }
        }
        _ => data.len(),
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let decoded = crate::memory::within(data.len(), || Term::decode(data));
    let valid = validate(data, &[]).is_ok_and(|length| length == data.len());
    assert_eq!(decoded.is_ok(), valid, "decode and validate differ");
    let _ = crate::memory::within(wire(data), || Term::decode_external(data));
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
