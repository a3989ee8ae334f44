//! Writer against reader: whatever one writes, the other understands, in every mode.

use super::*;
use crate::proto::control::{Control, Names, Target};
use crate::proto::frame;
use crate::term::{self_contained, Atom, Pid, Reference};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

const CACHING: Flags = Flags(Flags::HIDDEN_FULL.0 | Flags::DIST_HDR_ATOM_CACHE.0);
const CACHE_ONLY: Flags = Flags(Flags::HIDDEN_SIMPLE.0 | Flags::DIST_HDR_ATOM_CACHE.0);
const MODES: [Flags; 4] = [Flags::HIDDEN_SIMPLE, Flags::HIDDEN_FULL, CACHING, CACHE_ONLY];

fn names() -> Names {
    Names { ours: Atom::from_static("ours@host"), peer: Atom::from_static("peer@host") }
}

fn pid(node: &str) -> Pid {
    Pid { node: Atom::new(node).unwrap(), id: 1, serial: 2, creation: 3 }
}

fn reg_send(to: &str) -> Control {
    Control::RegSend { from: pid("ours@host"), to: Atom::new(to).unwrap(), token: None }
}

fn binary(length: usize) -> Vec<u8> {
    let mut term = vec![b'm'];
    term.extend_from_slice(&(length as u32).to_be_bytes());
    let pattern: Vec<u8> = (0..251).collect();
    term.extend_from_slice(&pattern.repeat(length / 251 + 1)[..length]);
    term
}

/// What arrives: control tuple, and payload with its atoms spelled out.
struct Peer {
    reader: PacketReader,
    stream: BytesMut,
    packets: usize,
}

impl Peer {
    fn new(flags: Flags) -> Self {
        let reader = PacketReader::new(flags, AssemblyLimits::default());
        Peer { reader, stream: BytesMut::new(), packets: 0 }
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<(Control, Option<Vec<u8>>)> {
        self.stream.extend_from_slice(bytes);
        let mut messages = Vec::new();
        while let Some(packet) = frame::split(&mut self.stream, 1 << 30).unwrap() {
            self.packets += 1;
            let Received::Message(message) = self.reader.read(packet).unwrap() else { continue };
            let (control, used) = Control::decode(&message, self.reader.atoms(), &names()).unwrap();
            let payload = self.reader.payload(&message, used).unwrap();
            let payload = payload.map(|payload| self_contained(&payload, self.reader.atoms()).unwrap());
            messages.push((control, payload));
        }
        messages
    }
}

#[test]
fn messages_arrive_in_every_mode() {
    let payload = b"h\x03w\x02okw\x02okd\0\x03old".to_vec();
    let down = Control::PayloadMonitorPExit {
        from: Target::Name(Atom::from_static("some_name")),
        to: pid("peer@host"),
        reference: Reference::new(Atom::from_static("peer@host"), 1, &[1, 2, 3]).unwrap(),
    };
    let link = Control::Link { from: pid("ours@host"), to: pid("peer@host") };
    for flags in MODES {
        let (mut writer, mut peer) = (PacketWriter::new(flags), Peer::new(flags));
        let mut out = Vec::new();
        for _ in 0..3 {
            writer.message(&mut out, &reg_send("sz"), Some(&payload)).unwrap();
            writer.message(&mut out, &link, None).unwrap();
            writer.message(&mut out, &down, Some(b"w\x06noproc")).unwrap();
            out.extend_from_slice(&frame::TICK);
        }
        let heard = peer.hear(&out);
        assert_eq!(heard.len(), 9, "{flags:?}");
        for three in heard.chunks(3) {
            assert_eq!(three[0], (reg_send("sz"), Some(payload.clone())));
            assert_eq!(three[1], (link.clone(), None));
            assert_eq!(three[2], (down.clone(), Some(b"w\x06noproc".to_vec())));
        }
    }
}

#[test]
fn packets_are_byte_for_byte_those_of_the_protocol() {
    let control = Control::Send { to: pid("a@h"), token: None };
    let tuple = [&b"h\x03a\x02w\0Xw\x03a@h"[..], b"\0\0\0\x01\0\0\0\x02\0\0\0\x03"].concat();
    let framed = |body: Vec<u8>| [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    let mut out = Vec::new();
    encode_message(&mut out, HeaderMode::PassThrough, &control, Some(b"j")).unwrap();
    assert_eq!(out, framed([&b"\x70\x83"[..], &tuple, b"\x83j"].concat()));
    out.clear();
    encode_message(&mut out, HeaderMode::Header, &control, Some(b"j")).unwrap();
    assert_eq!(out, framed([&b"\x83\x44\0"[..], &tuple, b"j"].concat()));
    out.clear();
    // A cache: the first packet defines a@h, the second only names it.
    let mut writer = PacketWriter::new(CACHING);
    writer.message(&mut out, &control, Some(b"j")).unwrap();
    let (head, rest) = out.split_at(7);
    assert_eq!(head, b"\0\0\0\x1f\x83\x44\x01");
    assert_eq!(rest[0] & 0xf8, 8, "new, and no long atoms");
    assert_eq!(&rest[2..], &b"\x03a@hh\x03a\x02w\0XR\0\0\0\0\x01\0\0\0\x02\0\0\0\x03j"[..]);
    let slot = (rest[0] & 7, rest[1]);
    out.clear();
    writer.message(&mut out, &control, Some(b"j")).unwrap();
    let rest = &out[7..];
    assert_eq!((rest[0], rest[1]), slot);
    assert_eq!(&rest[2..], &b"h\x03a\x02w\0XR\0\0\0\0\x01\0\0\0\x02\0\0\0\x03j"[..]);
}

#[test]
fn large_messages_travel_in_fragments_and_others_pass_between() {
    for flags in [Flags::HIDDEN_FULL, CACHING] {
        let (mut writer, mut peer) = (PacketWriter::new(flags), Peer::new(flags));
        let atoms = b"l\0\0\0\x02w\x05helloRESTj";
        let at = atoms.windows(4).position(|w| w == b"REST").unwrap();
        let payload = [&atoms[..at], &binary(200_000), &atoms[at + 4..]].concat();
        assert!(writer.needs_fragments(payload.len()));
        let mut out = Vec::new();
        let mut one = writer.fragments(&mut out, &reg_send("one"), &payload[..]).unwrap();
        let mut two = writer.fragments(&mut out, &reg_send("two"), Bytes::from(payload.clone())).unwrap();
        writer.message(&mut out, &reg_send("small"), Some(b"w\x05hello")).unwrap();
        while !one.is_done() || !two.is_done() {
            one.write_next(&mut out);
            out.extend_from_slice(&frame::TICK);
            two.write_next(&mut out);
        }
        assert_eq!((one.remaining(), two.remaining()), (0, 0));
        let length = out.len();
        assert!(!one.write_next(&mut out) && out.len() == length);
        let heard = peer.hear(&out);
        assert_eq!(heard[0], (reg_send("small"), Some(b"w\x05hello".to_vec())));
        assert_eq!(heard[1], (reg_send("one"), Some(payload.clone())));
        assert_eq!(heard[2], (reg_send("two"), Some(payload.clone())));
        assert_eq!(peer.packets, 2 * 4 + 1 + 3, "{flags:?}");
        assert_eq!(peer.reader.load(), (0, 0));
    }
}

#[test]
fn fragments_have_the_sizes_of_a_beam_and_never_sequence_0() {
    let mut writer = PacketWriter::new(Flags::HIDDEN_FULL);
    for (length, count) in [(FRAGMENT, 2), (3 * FRAGMENT, 4), (1, 1)] {
        let mut out = Vec::new();
        let payload = vec![0; length];
        let mut fragmenter = writer.fragments(&mut out, &reg_send("x"), &payload).unwrap();
        while fragmenter.write_next(&mut out) {}
        let mut stream = BytesMut::from(&out[..]);
        for number in (1..=count).rev() {
            let packet = frame::split(&mut stream, 1 << 20).unwrap().unwrap();
            assert_ne!(packet[2..10], [0; 8]);
            assert_eq!(packet[10..18], u64::to_be_bytes(number));
            assert!(packet.len() <= FRAGMENT + 19);
            assert_eq!(packet[1] == 69, number == count);
        }
        assert!(stream.is_empty());
    }
}

#[test]
fn fragments_of_other_sizes_and_a_head_with_its_payload_behind_it_are_messages_as_well() {
    for flags in MODES {
        let (mut writer, mut peer) = (PacketWriter::new(flags), Peer::new(flags));
        let payload = binary(300_000);
        let mut out = Vec::new();
        writer.head(&mut out, &reg_send("whole"), &payload).unwrap();
        out.extend_from_slice(&payload);
        assert_eq!(peer.hear(&out), [(reg_send("whole"), Some(payload.clone()))]);
        if !writer.needs_fragments(payload.len()) {
            continue;
        }
        // Miri is a thousand times slower than to make so many fragments.
        let cases = [(100, 100_000, 4), (0, 300_000, 3), (1_000, 7, 42_721)];
        for (first, size, count) in cases.into_iter().take(if cfg!(miri) { 2 } else { 3 }) {
            let (mut out, packets) = (Vec::new(), peer.packets);
            let mut fragments =
                writer.fragments_of(&mut out, &reg_send("cut"), &payload, first, size).unwrap();
            while fragments.write_next(&mut out) {}
            assert_eq!(peer.hear(&out), [(reg_send("cut"), Some(payload.clone()))]);
            assert_eq!(peer.packets - packets, count, "{first} {size}");
        }
    }
}

#[test]
fn a_control_tuple_longer_than_a_fragment_is_not_cut() {
    let request = |options: Vec<u8>| {
        Control::SpawnRequest(Box::new(crate::proto::control::SpawnRequest {
            reference: Reference::new(Atom::from_static("ours@host"), 1, &[1]).unwrap(),
            from: pid("ours@host"),
            leader: pid("ours@host"),
            module: Atom::from_static("m"),
            function: Atom::from_static("f"),
            arity: 0,
            options: options.into(),
            token: None,
        }))
    };
    for flags in [Flags::HIDDEN_FULL, CACHING] {
        let control = request(binary(100_000));
        let mut out = Vec::new();
        let mut fragmenter = PacketWriter::new(flags).fragments(&mut out, &control, binary(100_000)).unwrap();
        assert_eq!(fragmenter.remaining(), 100_005);
        while fragmenter.write_next(&mut out) {}
        assert_eq!(Peer::new(flags).hear(&out), [(control, Some(binary(100_000)))]);
    }
}

#[test]
fn atoms_beyond_255_are_spelled_out() {
    let mut payload = b"l\0\0\x01\x90".to_vec();
    for i in 0..400 {
        let text = format!("atom_number_{i}");
        payload.extend_from_slice(&[b'w', text.len() as u8]);
        payload.extend_from_slice(text.as_bytes());
    }
    payload.push(b'j');
    let (mut writer, mut peer) = (PacketWriter::new(CACHING), Peer::new(CACHING));
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let mut out = Vec::new();
        writer.message(&mut out, &reg_send("sz"), Some(&payload)).unwrap();
        sizes.push(out.len());
        assert_eq!(peer.hear(&out), [(reg_send("sz"), Some(payload.clone()))]);
        assert!(out[6] > 200, "entries of the section: {}", out[6]);
    }
    assert!(sizes[1] < sizes[0]);
}

#[test]
fn atoms_too_long_or_too_short_for_the_section_are_spelled_out() {
    let wide = "\u{20ac}".repeat(255);
    let mut payload = b"h\x03w\0w\x01av".to_vec();
    payload.extend_from_slice(&(wide.len() as u16).to_be_bytes());
    payload.extend_from_slice(wide.as_bytes());
    let (mut writer, mut peer) = (PacketWriter::new(CACHING), Peer::new(CACHING));
    let mut out = Vec::new();
    writer.message(&mut out, &reg_send(&wide), Some(&payload)).unwrap();
    assert_eq!(peer.hear(&out), [(reg_send(&wide), Some(payload))]);
}

#[test]
fn a_packet_that_was_not_written_defines_nothing() {
    let (mut writer, mut peer) = (PacketWriter::new(CACHING), Peer::new(CACHING));
    let mut out = frame::TICK.to_vec();
    for bad in [&b"h\x02w\x05first"[..], b"w\x05firstj", b"h\x02w\x05firstR\0", b"w\x02\xff\xff", b""] {
        assert!(writer.message(&mut out, &reg_send("second"), Some(bad)).is_err(), "{bad:?}");
        assert_eq!(out, frame::TICK);
    }
    writer.message(&mut out, &reg_send("second"), Some(b"w\x05first")).unwrap();
    assert_eq!(peer.hear(&out), [(reg_send("second"), Some(b"w\x05first".to_vec()))]);
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    // Few atoms, so that they come again, and many, so that slots collide.
    let atom = prop_oneof![0..20_u32, 0..100_000_u32].prop_map(|i| {
        let text = format!("atom{i}");
        [&[b'w', text.len() as u8][..], text.as_bytes()].concat()
    });
    let leaf = prop_oneof![
        atom,
        Just(b"j".to_vec()),
        Just(b"a\x07".to_vec()),
        (0..if cfg!(miri) { 3_000 } else { 70_000_usize }).prop_map(binary)
    ];
    proptest::collection::vec(leaf, 0..60).prop_map(|leaves| {
        let mut term = vec![b'l'];
        term.extend_from_slice(&(leaves.len() as u32).to_be_bytes());
        leaves.iter().for_each(|leaf| term.extend_from_slice(leaf));
        term.push(b'j');
        term
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 32 }))]

    #[test]
    fn any_stream_of_messages_arrives(payloads in proptest::collection::vec(any_payload(), 1..8), mode in 0..4_usize) {
        let flags = MODES[mode];
        let (mut writer, mut peer) = (PacketWriter::new(flags), Peer::new(flags));
        for payload in payloads {
            let mut out = Vec::new();
            if writer.needs_fragments(payload.len()) {
                let mut fragmenter = writer.fragments(&mut out, &reg_send("sz"), &payload).unwrap();
                while fragmenter.write_next(&mut out) {}
            } else {
                writer.message(&mut out, &reg_send("sz"), Some(&payload)).unwrap();
            }
            prop_assert_eq!(peer.hear(&out), [(reg_send("sz"), Some(payload))]);
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..80), kind in 66..72_u8, mode in 0..4_usize) {
        let mut reader = PacketReader::new(MODES[mode], AssemblyLimits::default());
        let _ = reader.read(Bytes::from(noise.clone()));
        let _ = reader.read([&[131, kind][..], &noise].concat().into());
        let _ = self_contained(&noise, reader.atoms());
    }
}

#[test]
fn what_is_shown_of_the_next_fragments_is_what_would_be_written() {
    for length in [FRAGMENT, FRAGMENT + 1, 5 * FRAGMENT - 7, 5 * FRAGMENT, 9 * FRAGMENT + 12_345] {
        let payload = binary(length);
        let written = {
            let mut out = Vec::new();
            let mut fragments =
                PacketWriter::new(CACHING).fragments(&mut out, &reg_send("sz"), &payload).unwrap();
            while fragments.write_next(&mut out) {}
            out
        };
        let mut shown = Vec::new();
        let mut fragments =
            PacketWriter::new(CACHING).fragments(&mut shown, &reg_send("sz"), &payload).unwrap();
        for turn in 1.. {
            let packets: Vec<_> = (0..turn).map_while(|ahead| fragments.peek(ahead)).collect();
            packets.iter().for_each(|(head, part)| shown.extend([head, *part].concat()));
            let count = packets.len();
            fragments.skip(count);
            if fragments.is_done() {
                break;
            }
        }
        assert_eq!(fragments.remaining(), 0);
        assert!(fragments.peek(0).is_none());
        assert!(shown == written, "{length}");
    }
}
