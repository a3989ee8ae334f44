//! The cursor. The first half of the input chooses what to ask for, the second half is read.
//! Promises: it never goes back or beyond the end; a wrong guess does not move it; an error is final; and `skip`
//! agrees with walking.
#![cfg_attr(fuzzing, no_main)]

use erlnode::term::Reader;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Asks one question; true if it was answered.
fn ask(reader: &mut Reader<'_>, question: u8) -> bool {
    match question % 24 {
        0 => reader.i64().is_some(),
        1 => reader.u64().is_some(),
        2 => reader.f64().is_some(),
        3 => reader.bool().is_some(),
        4 => reader.atom().is_some(),
        5 => reader.atom_is("ok"),
        6 => reader.tuple().is_some(),
        7 => reader.tuple_of(2),
        8 => reader.list().is_some(),
        9 => reader.nil(),
        10 => reader.map().is_some(),
        11 => reader.binary().is_some(),
        12 => reader.bitstring().is_some(),
        13 => reader.string().is_some(),
        14 => reader.iolist().is_some(),
        15 => reader.pid().is_some(),
        16 => reader.port().is_some(),
        17 => reader.reference().is_some(),
        18 => reader.export().is_some(),
        19 => reader.skip(),
        20 => reader.term_bytes().is_some(),
        21 => reader.term().is_some(),
        22 => reader.integer().is_some(),
        _ => reader.big().is_some(),
    }
}

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let (questions, bytes) = data.split_at(data.len() / 2);
    let mut reader = Reader::new(bytes);
    for question in questions {
        let (before, failed) = (reader.position(), reader.error());
        let kind = reader.kind();
        let stood = reader.position();
        let answered = ask(&mut reader, *question);
        let after = reader.position();
        assert!(after >= before && after <= bytes.len(), "from {before} to {after} of {}", bytes.len());
        assert!(!answered || failed.is_none(), "an answer after an error");
        assert!(!answered || kind.is_some(), "an answer where nothing stands");
        assert!(answered || after == stood, "a wrong guess moved it from {stood} to {after}");
        assert!(failed.is_none() || reader.error() == failed, "another error after the first");
        // A cursor that is put down and taken up again stands where it stood.
        let taken_up = Reader::resume(bytes, &[], reader.state());
        assert_eq!((taken_up.position(), taken_up.error()), (after, reader.error()));
    }

    // `skip` and `term_bytes` go over the same bytes, and one term at least one byte.
    let (mut skipping, mut cutting) = (Reader::new(bytes), Reader::new(bytes));
    while skipping.skip() {
        let cut = cutting.term_bytes().expect("skip found a term here");
        assert!(!cut.is_empty());
        assert_eq!(skipping.position(), cutting.position());
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
