//! Every operation there and back, real packets, and tuples that must close the connection.

use super::*;
use crate::error::Malformed;
use crate::proto::header::walk;
use proptest::prelude::*;

fn names() -> Names {
    Names {
        ours: Atom::from_static("ours@host"),
        peer: Atom::from_static("a_rather_long_peer@host.example.org"),
    }
}

fn decode(bytes: &[u8]) -> Result<(Control, usize), Malformed> {
    Control::decode(&Bytes::copy_from_slice(bytes), &[], &names())
}

fn encode(control: &Control) -> Vec<u8> {
    let mut out = Vec::new();
    control.encode_to(&mut out);
    out
}

fn pid(id: u32) -> Pid {
    Pid { node: names().peer, id, serial: 3, creation: 4 }
}

fn reference() -> Reference {
    Reference::new(names().ours, 7, &[1, 2, 3]).unwrap()
}

fn any_atom() -> impl Strategy<Value = Atom> {
    prop_oneof![
        Just(names().ours),
        Just(names().peer),
        ".{0,20}".prop_map(|text| Atom::new(&text).unwrap()),
        "[\u{1F600}-\u{1F64F}]{100,255}".prop_map(|text| Atom::new(&text).unwrap()),
    ]
}

fn any_pid() -> impl Strategy<Value = Pid> {
    (any_atom(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(node, id, serial, creation)| Pid {
        node,
        id,
        serial,
        creation,
    })
}

fn any_reference() -> impl Strategy<Value = Reference> {
    (any_atom(), any::<u32>(), proptest::collection::vec(any::<u32>(), 0..6))
        .prop_map(|(node, creation, words)| Reference::new(node, creation, &words).unwrap())
}

fn any_target() -> impl Strategy<Value = Target> {
    prop_oneof![any_pid().prop_map(Target::Pid), any_atom().prop_map(Target::Name)]
}

fn any_raw() -> impl Strategy<Value = Bytes> {
    let terms: [&'static [u8]; 5] =
        [b"j", b"w\x02ok", b"h\x02a\x01l\0\0\0\x01a\x02j", b"t\0\0\0\x01a\x01a\x02", b"k\0\x03abc"];
    proptest::sample::select(terms.to_vec()).prop_map(Bytes::from_static)
}

fn any_token() -> impl Strategy<Value = Option<Bytes>> {
    proptest::option::of(any_raw())
}

fn any_control() -> impl Strategy<Value = Control> {
    let pair = || (any_pid(), any_pid());
    prop_oneof![
        pair().prop_map(|(from, to)| Control::Link { from, to }),
        pair().prop_map(|(from, to)| Control::Unlink { from, to }),
        pair().prop_map(|(leader, pid)| Control::GroupLeader { leader, pid }),
        (any_pid(), any_token()).prop_map(|(to, token)| Control::Send { to, token }),
        (any_pid(), any_atom(), any_token()).prop_map(|(from, to, token)| Control::RegSend {
            from,
            to,
            token
        }),
        (pair(), any_token(), any_raw()).prop_map(|((from, to), token, reason)| Control::Exit {
            from,
            to,
            token,
            reason
        }),
        (pair(), any_token(), any_raw()).prop_map(|((from, to), token, reason)| Control::Exit2 {
            from,
            to,
            token,
            reason
        }),
        (any_pid(), any_target(), any_reference()).prop_map(|(from, to, reference)| Control::MonitorP {
            from,
            to,
            reference
        }),
        (any_pid(), any_target(), any_reference()).prop_map(|(from, to, reference)| Control::DemonitorP {
            from,
            to,
            reference
        }),
        (any_target(), any_pid(), any_reference(), any_raw())
            .prop_map(|(from, to, reference, reason)| Control::MonitorPExit { from, to, reference, reason }),
        (pair(), any_token()).prop_map(|((from, to), token)| Control::SendSender { from, to, token }),
        (pair(), any_token()).prop_map(|((from, to), token)| Control::PayloadExit { from, to, token }),
        (pair(), any_token()).prop_map(|((from, to), token)| Control::PayloadExit2 { from, to, token }),
        (any_target(), any_pid(), any_reference())
            .prop_map(|(from, to, reference)| Control::PayloadMonitorPExit { from, to, reference }),
        (any_reference(), pair(), any_atom(), any_atom(), any::<u8>(), any_raw(), any_token()).prop_map(
            |(reference, (from, leader), module, function, arity, options, token)| {
                let request =
                    SpawnRequest { reference, from, leader, module, function, arity, options, token };
                Control::SpawnRequest(Box::new(request))
            }
        ),
        (any_reference(), any_pid(), any::<bool>(), any::<bool>(), any_target(), any_token()).prop_map(
            |(reference, to, linked, monitored, result, token)| {
                let result = match result {
                    Target::Pid(pid) => Ok(pid),
                    Target::Name(error) => Err(error),
                };
                Control::SpawnReply(Box::new(SpawnReply { reference, to, linked, monitored, result, token }))
            }
        ),
        (any_pid(), any_reference(), any_token()).prop_map(|(from, to, token)| Control::AliasSend {
            from,
            to,
            token
        }),
        (1_u64.., pair()).prop_map(|(id, (from, to))| Control::UnlinkId { id, from, to }),
        (1..300_u64, pair()).prop_map(|(id, (from, to))| Control::UnlinkIdAck { id, from, to }),
        (
            any::<bool>(),
            any::<bool>(),
            any_pid(),
            prop_oneof![
                any_pid().prop_map(SignalTarget::Pid),
                any_atom().prop_map(SignalTarget::Name),
                any_reference().prop_map(SignalTarget::Alias)
            ],
            any_token()
        )
            .prop_map(|(priority, exit, from, to, token)| {
                Control::AltactSignal(Box::new(AltactSignal { priority, exit, from, to, token }))
            }),
    ]
}

proptest! {
    #[test]
    fn every_operation_survives_the_way_there_and_back(control in any_control(), behind in any_raw()) {
        let mut bytes = encode(&control);
        let length = bytes.len();
        prop_assert_eq!(walk::skip(&bytes, 0), Ok(length));
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(decode(&bytes).unwrap(), (control, length));
        for cut in (0..length).step_by(if cfg!(miri) { 9 } else { 1 }) {
            prop_assert!(decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn changed_bytes_never_panic(control in any_control(), changes in proptest::collection::vec(any::<(usize, u8)>(), 1..4)) {
        let mut bytes = encode(&control);
        for (at, value) in changes {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        if let Ok((control, used)) = decode(&bytes) {
            prop_assert!(used <= bytes.len());
            let again = encode(&control);
            prop_assert_eq!(decode(&again).map(|(control, _)| control), Ok(control));
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..60), op in 0_u8..40, arity in 0_u8..8) {
        let _ = decode(&noise);
        let _ = decode(&[&[tag::SMALL_TUPLE, arity, tag::SMALL_INTEGER, op][..], &noise].concat());
    }
}

use crate::term::tag;

#[test]
fn a_real_registered_send_with_cached_atoms_is_understood() {
    // {6, P, '', sz} | {P, one}: the name is reference 0 of the packet, behind section `01 09 07 02 73 7a`.
    let mut bytes = vec![0x68, 4, 0x61, 6];
    bytes.extend_from_slice(b"Xw\x09ours@host\0\0\0\x05\0\0\0\0\x11\x22\x33\x44");
    bytes.extend_from_slice(b"w\0R\0");
    let used = bytes.len();
    bytes.extend_from_slice(b"h\x02a\x01a\x02");
    let sz = [Atom::from_static("sz")];
    let (control, end) = Control::decode(&bytes.into(), &sz, &names()).unwrap();
    assert_eq!(end, used);
    let from = Pid { node: names().ours, id: 5, serial: 0, creation: 0x1122_3344 };
    assert_eq!(control, Control::RegSend { from, to: sz[0].clone(), token: None });
    assert!(control.has_payload());
}

#[test]
fn a_reference_beyond_the_atom_section_is_refused() {
    assert!(decode(b"h\x03a\x16XR\0\0\0\0\x05\0\0\0\0\0\0\0\x01XR\0\0\0\0\x05\0\0\0\0\0\0\0\x01").is_err());
}

#[test]
fn old_tags_are_read() {
    let mut bytes = b"h\x04a\x13".to_vec();
    bytes.extend_from_slice(b"gd\0\x03a@h\0\0\0\x05\0\0\0\x06\x03"); // PID with ATOM
    bytes.extend_from_slice(b"s\x01\xe9"); // SMALL_ATOM in Latin-1
    bytes.extend_from_slice(b"r\0\x03s\x03a@h\x02\0\0\0\x01\0\0\0\x02\0\0\0\x03"); // NEW_REFERENCE
    let node = Atom::from_static("a@h");
    let from = Pid { node: node.clone(), id: 5, serial: 6, creation: 3 };
    let reference = Reference::new(node.clone(), 2, &[1, 2, 3]).unwrap();
    let to = Target::Name(Atom::from_static("\u{e9}"));
    assert_eq!(
        decode(&bytes).unwrap().0,
        Control::MonitorP { from: from.clone(), to: to.clone(), reference }
    );
    bytes.truncate(bytes.len() - 21);
    bytes.extend_from_slice(b"ew\x03a@h\0\0\0\x09\x01"); // REFERENCE
    let reference = Reference::new(node, 1, &[9]).unwrap();
    assert_eq!(decode(&bytes).unwrap().0, Control::MonitorP { from, to, reference });
    let last = bytes.len() - 1;
    bytes[last] = 4; // old creations have two bits
    assert!(decode(&bytes).is_err());
}

#[test]
fn tuples_in_the_long_spelling_are_read() {
    let control = Control::Link { from: pid(1), to: pid(2) };
    let short = encode(&control);
    let long = [&b"i\0\0\0\x03b\0\0\0\x01"[..], &short[4..]].concat();
    assert_eq!(decode(&long).unwrap(), (control, long.len()));
}

#[test]
fn what_closes_a_connection_to_a_beam_closes_ours() {
    let with_op = |op: u8| {
        let mut bytes = encode(&Control::Link { from: pid(1), to: pid(2) });
        bytes[3] = op;
        bytes
    };
    for unknown in [0, 5, 9, 10, 11, 14, 15, 17, 38, 255] {
        assert!(decode(&with_op(unknown)).is_err(), "operation {unknown}");
    }
    for arity in [0, 2, 4, 255] {
        let mut bytes = with_op(op::LINK);
        bytes[1] = arity;
        assert!(decode(&bytes).is_err(), "arity {arity}");
    }
    for no_tuple in
        [&b"j"[..], b"a\x01", b"w\x02ok", b"h\0", b"h\x03j", b"h\x01w\x02ok", b"", b"l\0\0\0\x01a\x01j"]
    {
        assert!(decode(no_tuple).is_err(), "{no_tuple:?}");
    }
    // {6, not_a_pid, '', name}
    assert!(decode(b"h\x04a\x06w\x01xw\0w\x04name").is_err());
    // {19, From, 3, Ref}: neither pid nor name
    let mut monitor = encode(&Control::MonitorP {
        from: pid(1),
        to: Target::Name(Atom::from_static("x")),
        reference: reference(),
    });
    let at = monitor.windows(3).position(|w| w == b"w\x01x").unwrap();
    monitor.splice(at..at + 3, *b"a\x03");
    assert!(decode(&monitor).is_err());
}

#[test]
fn unlink_ids_are_1_to_64_bits() {
    for id in [1, 255, 256, 0x7fff_ffff, 0x8000_0000, 1 << 63, u64::MAX] {
        let control = Control::UnlinkId { id, from: pid(1), to: pid(2) };
        assert_eq!(decode(&encode(&control)).unwrap().0, control);
    }
    let zero = encode(&Control::UnlinkId { id: 0, from: pid(1), to: pid(2) });
    assert!(decode(&zero).is_err());
    let with = |id: &[u8]| decode(&[&b"h\x04a\x23"[..], id, &zero[6..]].concat());
    assert!(with(b"n\x09\0\x01\0\0\0\0\0\0\0\x01").is_err(), "65 bits");
    assert!(with(b"n\x01\x01\x05").is_err(), "negative");
    assert!(with(b"b\xff\xff\xff\xff").is_err(), "negative");
    assert!(with(b"n\x02\0\x05\0").is_ok(), "a leading zero");
}

#[test]
fn signals_of_releases_to_come_are_taken_as_far_as_known() {
    let signal = |flags: &[u8], arity: u8, rest: &[u8]| {
        let mut bytes = vec![tag::SMALL_TUPLE, arity, tag::SMALL_INTEGER, 37];
        bytes.extend_from_slice(flags);
        let link = encode(&Control::Link { from: pid(1), to: pid(2) });
        bytes.extend_from_slice(&link[4..]);
        bytes.extend_from_slice(rest);
        decode(&bytes).map(|(control, _)| control)
    };
    let plain = AltactSignal {
        priority: true,
        exit: false,
        from: pid(1),
        to: SignalTarget::Pid(pid(2)),
        token: None,
    };
    let plain = Ok(Control::AltactSignal(Box::new(plain)));
    assert_eq!(signal(b"a\x01", 4, b""), plain);
    assert_eq!(signal(b"b\0\0\x80\x01", 4, b""), plain, "unknown flag");
    assert_eq!(signal(b"n\x0a\0\x01\0\0\0\0\0\0\0\xff\x01", 4, b""), plain, "80 bits of flags");
    assert_eq!(signal(b"a\x01", 6, b"h\x01jj"), plain, "two more elements");
    assert!(signal(b"a\x01", 6, b"h\x01j").is_err());
    assert!(signal(b"a\x03", 4, b"").is_err(), "the token is missing");
    assert!(signal(b"a\x0c", 4, b"").is_err(), "alias and name");
    assert!(signal(b"a\x08", 4, b"").is_err(), "a name that is a pid");
    assert!(
        matches!(signal(b"a\x03", 5, b"a\x11"), Ok(Control::AltactSignal(s)) if s.token.as_deref() == Some(b"a\x11"))
    );
}

#[test]
fn reasons_that_no_beam_would_take_close_the_connection() {
    let exit = |reason: &'static [u8]| {
        decode(&encode(&Control::Exit {
            from: pid(1),
            to: pid(2),
            token: None,
            reason: Bytes::from_static(reason),
        }))
    };
    assert!(exit(b"w\x06normal").is_ok());
    assert!(exit(b"R\0").is_err(), "an atom of no section");
    assert!(exit(b"F\x7f\xf8\0\0\0\0\0\0").is_err(), "not a number");
    assert!(exit(b"t\0\0\0\x02a\x01a\x01a\x01a\x02").is_err(), "a key twice");
}

#[test]
fn node_names_are_shared_not_copied() {
    let names = names();
    let bytes = Bytes::from(encode(&Control::Link { from: pid(1), to: pid(2) }));
    let (control, _) = Control::decode(&bytes, &[], &names).unwrap();
    let Control::Link { from, .. } = control else { panic!("{control:?}") };
    assert_eq!(from.node.as_str().as_ptr(), names.peer.as_str().as_ptr());
}
