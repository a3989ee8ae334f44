//! The assembler of fragments, driven by operations beside a model of it.
//! Promises: it accepts what the model accepts and gives the same messages; what it holds follows what arrived; the first
//! mistake ends the connection.
#![cfg_attr(fuzzing, no_main)]

use std::collections::HashMap;

use bytes::Bytes;
use erlnode::proto::flags::Flags;
use erlnode::proto::header::{AssemblyLimits, PacketReader, Received};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Small, so that the input meets them.
const LIMITS: AssemblyLimits = AssemblyLimits { sequences: 4, bytes: 600, message: 300 };
/// What may live for a byte that arrived, and beside that; vectors grow by doubling.
const FACTOR: usize = 4;
const SLACK: usize = 16 * 1024;

const WHOLE: u8 = 68;
const FIRST: u8 = 69;
const NEXT: u8 = 70;

/// A message in the model: the number that must come next, and what came.
struct Partial {
    next: u64,
    body: Vec<u8>,
}

fn packet(kind: u8, sequence: u64, fragment: u64, body: &[u8]) -> Bytes {
    let mut bytes = vec![131, kind];
    if kind != WHOLE {
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&fragment.to_be_bytes());
    }
    // No atoms; a following fragment has no such section.
    if kind != NEXT {
        bytes.push(0);
    }
    bytes.extend_from_slice(body);
    bytes.into()
}

/// One input: operations of four bytes each.
pub fn run(data: &[u8]) {
    let ((), _, peak) = crate::memory::measure(|| drive(data));
    // An operation of four bytes makes a fragment of at most 255.
    let arrived = data.len() / 4 * 255;
    assert!(peak <= FACTOR * arrived + SLACK, "{peak} bytes live for {arrived}");
}

fn drive(data: &[u8]) {
    let mut reader = PacketReader::new(Flags::HIDDEN_FULL, LIMITS);
    let mut open: HashMap<u64, Partial> = HashMap::new();
    for operation in data.chunks_exact(4) {
        let &[what, sequence, number, length] = operation else { continue };
        let sequence = u64::from(sequence % 8);
        let body = vec![what ^ number; usize::from(length)];
        // Mostly the number that is due, or the input would rarely get far.
        let due = open.get(&sequence).map_or(1, |partial| partial.next);
        let number = if number < 0x40 { u64::from(number) } else { due };
        let (kind, expected) = match what % 8 {
            0 => (WHOLE, Some(Some(body.clone()))),
            1..=3 => {
                let count = if number == 0 { 0 } else { 1 + number % 5 };
                (FIRST, first(&mut open, sequence, count, &body))
            }
            _ => (NEXT, next(&mut open, sequence, number, &body)),
        };
        let number = if kind == FIRST && number != 0 { 1 + number % 5 } else { number };
        let received = reader.read(packet(kind, sequence, number, &body));
        match (received, expected) {
            (Ok(Received::Message(message)), Some(Some(body))) => assert_eq!(message, body),
            (Ok(Received::Partial), Some(None)) => {}
            (Err(_), None) => return,
            (received, expected) => panic!("{received:?}, and the model says {expected:?}"),
        }
        let held: usize = open.values().map(|partial| partial.body.len()).sum();
        assert_eq!(reader.load(), (open.len(), held));
    }
}

/// What the model says of a first fragment: `None` is the end of the connection, `Some(None)` that more must come.
fn first(open: &mut HashMap<u64, Partial>, sequence: u64, count: u64, body: &[u8]) -> Option<Option<Vec<u8>>> {
    if count == 0 || body.len() > LIMITS.message || open.contains_key(&sequence) {
        return None;
    }
    if count == 1 {
        return Some(Some(body.to_vec()));
    }
    if open.len() >= LIMITS.sequences {
        return None;
    }
    open.insert(sequence, Partial { next: count - 1, body: body.to_vec() });
    fits(open).then_some(None)
}

fn next(open: &mut HashMap<u64, Partial>, sequence: u64, fragment: u64, body: &[u8]) -> Option<Option<Vec<u8>>> {
    let partial = open.get_mut(&sequence)?;
    if partial.next != fragment || partial.body.len() + body.len() > LIMITS.message {
        return None;
    }
    partial.body.extend_from_slice(body);
    if fragment > 1 {
        partial.next -= 1;
        return fits(open).then_some(None);
    }
    Some(open.remove(&sequence).map(|partial| partial.body))
}

fn fits(open: &HashMap<u64, Partial>) -> bool {
    open.values().map(|partial| partial.body.len()).sum::<usize>() <= LIMITS.bytes
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
