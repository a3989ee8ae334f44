//! Control tuples. Promise: what decodes encodes again to the same tuple, and no count or length is believed.
#![cfg_attr(fuzzing, no_main)]

use bytes::Bytes;
use erlnode::proto::control::{Control, Names};
use erlnode::term::Atom;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let names = Names { ours: Atom::from_static("ours@localhost"), peer: Atom::from_static("peer@localhost") };
    let atoms = [Atom::from_static("cached"), Atom::from_static("peer@localhost")];
    let message = Bytes::copy_from_slice(data);
    let Ok((control, length)) = Control::decode(&message, &atoms, &names) else { return };
    assert!(length <= data.len());
    let mut again = Vec::new();
    control.encode_to(&mut again);
    let again = Bytes::from(again);
    let (back, whole) = Control::decode(&again, &atoms, &names).expect("what was encoded can be decoded");
    assert_eq!(whole, again.len());
    assert_eq!(control, back);
    assert_eq!(control.has_payload(), back.has_payload());
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
