//! What a name server answers to the question for nodes: as it comes, and as records behind a head that fits the question.
//! Promises: reading ends, and takes what the rule about memory allows; targets are names that could be asked for in turn.
#![cfg_attr(fuzzing, no_main)]

use erlnode::proto::dns::{answer, question, Answer};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// One input.
pub fn run(data: &[u8]) {
    let asked = question(0x0102, "_epmd._tcp.example.org").expect("a name");
    let _ = crate::memory::within(data.len(), || answer(&asked, data));
    let [count, records @ ..] = data else { return };
    let mut message = vec![1, 2, 0x80, 0, 0, 1, 0, *count, 0, 0, 0, 0];
    message.extend_from_slice(&asked[12..]);
    message.extend_from_slice(records);
    let Ok(read) = crate::memory::within(message.len(), || answer(&asked, &message)) else { return };
    let Answer::Targets(targets) = read else { panic!("{read:?} for records") };
    assert!(targets.len() <= usize::from(*count));
    for target in targets {
        assert!(!target.is_empty() && target.len() <= 2 * 255 && target.is_ascii(), "{target}");
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
