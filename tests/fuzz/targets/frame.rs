//! A whole stream of packets: lengths, headers, atom cache, fragments, control tuples, payloads.
//! Promise: whatever a peer sends ends in messages or an error, and no more is held than arrived.
#![cfg_attr(fuzzing, no_main)]

use bytes::BytesMut;
use erlnode::proto::control::{Control, Names};
use erlnode::proto::flags::Flags;
use erlnode::proto::frame;
use erlnode::proto::header::{AssemblyLimits, PacketReader, Received};
use erlnode::term::{Atom, Reader};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Small, so that the fuzzer meets them.
const CAP: usize = 1 << 16;
const LIMITS: AssemblyLimits = AssemblyLimits { sequences: 8, bytes: 1 << 16, message: 1 << 15 };

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let [options, size, stream @ ..] = data else { return };
    let mut flags = Flags::HIDDEN_FULL;
    if options & 1 != 0 {
        flags = flags.with(Flags::DIST_HDR_ATOM_CACHE);
    }
    if options & 2 != 0 {
        flags = flags.without(Flags::FRAGMENTS);
    }
    let names = Names { ours: Atom::from_static("ours@localhost"), peer: Atom::from_static("peer@localhost") };
    let mut packets = PacketReader::new(flags, LIMITS);
    let mut buffer = BytesMut::new();
    for piece in stream.chunks(usize::from(*size).max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            let packet = match frame::split(&mut buffer, CAP) {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(_) => return,
            };
            let Ok(received) = packets.read(packet) else { return };
            let (sequences, bytes) = packets.load();
            assert!(sequences <= LIMITS.sequences && bytes <= LIMITS.bytes, "{sequences} sequences, {bytes} bytes");
            let Received::Message(message) = received else { continue };
            assert!(message.len() <= CAP.max(LIMITS.message));
            let Ok((control, length)) = Control::decode(&message, packets.atoms(), &names) else { return };
            let Ok(payload) = packets.payload(&message, length) else { return };
            if let (true, Some(payload)) = (control.has_payload(), payload) {
                Reader::with_atoms(&payload, packets.atoms()).skip();
            }
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
