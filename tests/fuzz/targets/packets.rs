//! Our packets read by our reader: terms made of anything, in every mode, whole and in fragments, over one pair of
//! atom caches.
//! Promise: what is written arrives, or the writer refuses it and writes nothing.
#![cfg_attr(fuzzing, no_main)]

use bytes::BytesMut;
use erlnode::proto::control::{Control, Names};
use erlnode::proto::flags::Flags;
use erlnode::proto::frame;
use erlnode::proto::header::{AssemblyLimits, PacketReader, PacketWriter, Received};
use erlnode::term::{self_contained, validate, Atom, Pid, Term};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let [options, rest @ ..] = data else { return };
    let cache = Flags::DIST_HDR_ATOM_CACHE;
    let caching = options & 1 != 0;
    let flags = if caching { Flags::HIDDEN_FULL.with(cache) } else { Flags::HIDDEN_FULL };
    let names = Names { ours: Atom::from_static("ours@host"), peer: Atom::from_static("peer@host") };
    let from = Pid { node: names.ours.clone(), id: 1, serial: 2, creation: 3 };
    let mut writer = PacketWriter::new(flags);
    let mut reader = PacketReader::new(flags, AssemblyLimits::default());
    // Terms are separated by 255, which is no tag; each is sent twice, so that the second finds the first's atoms.
    for term in rest.split(|&byte| byte == 255).flat_map(|term| [term, term]) {
        let valid = validate(term, &[]).is_ok_and(|end| end == term.len());
        let fragments = options & 2 != 0;
        if !valid && (!caching || fragments) {
            continue; // then nobody looks at the payload
        }
        let to = Atom::from_static("somebody");
        let control = Control::RegSend { from: from.clone(), to, token: None };
        let mut out = Vec::new();
        let written = if !fragments {
            writer.message(&mut out, &control, Some(term))
        } else {
            writer.fragments(&mut out, &control, term).map(|mut fragments| while fragments.write_next(&mut out) {})
        };
        if written.is_err() {
            assert!(!valid && out.is_empty());
            continue;
        }
        let mut stream = BytesMut::from(&out[..]);
        let mut arrived = None;
        while let Some(packet) = frame::split(&mut stream, 1 << 20).expect("our packets are sound") {
            if let Received::Message(message) = reader.read(packet).expect("our packets are read") {
                let (read, used) = Control::decode(&message, reader.atoms(), &names).expect("our tuples are read");
                assert_eq!(read, control);
                arrived = reader.payload(&message, used).expect("our payloads are read");
            }
        }
        assert!(stream.is_empty());
        let arrived = arrived.expect("a message arrives");
        if valid {
            let arrived = self_contained(&arrived, reader.atoms()).expect("a term arrives");
            // As terms, since an atom that travels by number may come back in its shorter form.
            let (arrived, sent) = (Term::decode(&arrived), Term::decode(term));
            assert!(arrived.expect("a term arrives") == sent.expect("a valid term"));
        }
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
