//! What a BEAM refuses is refused by decode, by validate, and, where it is a matter of structure, by skip.

use super::super::*;
use crate::Error;

fn refused(bytes: &[u8]) {
    assert!(Term::decode(bytes).is_err(), "decoded {bytes:?}");
    assert_ne!(validate(bytes, &[]), Ok(bytes.len()), "validated {bytes:?}");
}

fn refused_by_skip(bytes: &[u8]) {
    refused(bytes);
    let mut reader = Reader::new(bytes);
    assert!(!reader.skip(), "skipped {bytes:?}");
    assert!(reader.error().is_some());
}

fn same(bytes: &[u8], canonical: &[u8]) {
    let term = Term::decode(bytes).unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
    assert_eq!(term.to_bytes().unwrap(), canonical);
    assert_eq!(validate(bytes, &[]), Ok(bytes.len()), "{bytes:?}");
    let mut reader = Reader::new(bytes);
    assert!(reader.skip());
    reader.finish().unwrap();
    assert_eq!(Reader::new(bytes).term(), Some(term));
}

#[test]
fn odd_spellings_mean_the_same_as_the_usual_ones() {
    same(&[98, 0, 0, 0, 5], &[97, 5]);
    same(&[110, 1, 0, 5], &[97, 5]);
    same(&[110, 3, 7, 5, 0, 0], &[98, 255, 255, 255, 251]);
    same(&[110, 0, 1], &[97, 0]);
    same(&[111, 0, 0, 0, 1, 0, 5], &[97, 5]);
    same(&[118, 0, 2, b'o', b'k'], &[119, 2, b'o', b'k']);
    same(&[115, 1, 0xe9], &[119, 2, 0xc3, 0xa9]);
    same(&[100, 0, 1, 0xe9], &[119, 2, 0xc3, 0xa9]);
    same(&[105, 0, 0, 0, 1, 106], &[104, 1, 106]);
    same(&[107, 0, 0], &[106]);
    same(&[108, 0, 0, 0, 0, 97, 5], &[97, 5]);
    same(&[108, 0, 0, 0, 0, 108, 0, 0, 0, 0, 106], &[106]);
    same(&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 106], &[107, 0, 2, 1, 2]);
    same(&[108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2], &[107, 0, 2, 1, 2]);
    same(&[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 97, 3], &[108, 0, 0, 0, 2, 97, 1, 97, 2, 97, 3]);
    same(&[77, 0, 0, 0, 1, 8, 7], &[109, 0, 0, 0, 1, 7]);
    same(&[77, 0, 0, 0, 1, 1, 0xff], &[77, 0, 0, 0, 1, 1, 0x80]);
    same(
        &[103, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2, 3],
        &[88, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
    );
    same(&[101, 119, 1, b'a', 0, 0, 0, 1, 3], &[90, 0, 1, 119, 1, b'a', 0, 0, 0, 3, 0, 0, 0, 1]);
    same(&[114, 0, 1, 119, 1, b'a', 3, 0, 0, 0, 1], &[90, 0, 1, 119, 1, b'a', 0, 0, 0, 3, 0, 0, 0, 1]);
    same(&[102, 119, 1, b'a', 0, 0, 0, 1, 3], &[120, 119, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3]);
    same(
        &[89, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 3],
        &[120, 119, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3],
    );
    let mut float = [0; 32];
    float[..27].copy_from_slice(b"c1.50000000000000000000e+00");
    same(&float, &[70, 63, 248, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn minus_zero_keeps_its_sign() {
    same(&[70, 128, 0, 0, 0, 0, 0, 0, 0], &[70, 128, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn floats_that_are_none() {
    refused(&[70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]);
    refused(&[70, 0xff, 0xf0, 0, 0, 0, 0, 0, 0]);
    for text in ["inf", "nan", "1.0x", "", "1e999"] {
        let mut bytes = [0; 32];
        bytes[0] = 99;
        bytes[1..=text.len()].copy_from_slice(text.as_bytes());
        refused(&bytes);
    }
}

#[test]
fn atoms_that_are_none() {
    refused(&[119, 1, 0xff]);
    refused(&[119, 3, 0xed, 0xa0, 0x80]); // a surrogate
    refused(&[[118, 1, 0].as_slice(), &[b'a'; 256]].concat());
    refused(&[[100, 1, 0].as_slice(), &[b'a'; 256]].concat());
    refused(&[82, 0]);
    let euros = "€".repeat(255);
    same(
        &[[118, 2, 253].as_slice(), euros.as_bytes()].concat(),
        &[[118, 2, 253].as_slice(), euros.as_bytes()].concat(),
    );
    refused(&[[118, 3, 0].as_slice(), "€".repeat(256).as_bytes()].concat());
}

#[test]
fn keys_that_come_twice() {
    let one: [&[u8]; 4] = [&[97, 1], &[98, 0, 0, 0, 1], &[110, 1, 0, 1], &[111, 0, 0, 0, 2, 0, 1, 0]];
    let list: [&[u8]; 4] = [
        &[107, 0, 2, 1, 2],
        &[108, 0, 0, 0, 2, 97, 1, 97, 2, 106],
        &[108, 0, 0, 0, 1, 97, 1, 107, 0, 1, 2],
        &[108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 98, 0, 0, 0, 2, 106],
    ];
    let map: [&[u8]; 2] =
        [&[116, 0, 0, 0, 2, 97, 1, 106, 97, 2, 106], &[116, 0, 0, 0, 2, 97, 2, 107, 0, 0, 97, 1, 106]];
    let atom: [&[u8]; 3] = [&[119, 1, b'a'], &[118, 0, 1, b'a'], &[115, 1, b'a']];
    let groups: [&[&[u8]]; 4] = [&one, &list, &map, &atom];
    for (i, group) in groups.iter().enumerate() {
        for a in *group {
            for b in *group {
                let pair = [&[116, 0, 0, 0, 2][..], a, &[106], b, &[106]].concat();
                refused(&pair);
                refused(&[&[104, 1], &pair[..]].concat());
                refused(&[&[116, 0, 0, 0, 1], &pair[..], &[106]].concat());
                let tuples = [&[116, 0, 0, 0, 2, 104, 1][..], a, &[106, 104, 1], b, &[106]].concat();
                refused(&tuples);
            }
            for b in groups.iter().skip(i + 1).flat_map(|group| group.iter()) {
                let pair = [&[116, 0, 0, 0, 2][..], a, &[106], b, &[106]].concat();
                assert!(Term::decode(&pair).is_ok());
                assert!(validate(&pair, &[]).is_ok());
            }
        }
    }
    // 1 and 1.0 are two keys, and so are 0.0 and -0.0.
    let mixed = [116, 0, 0, 0, 2, 97, 1, 106, 70, 63, 240, 0, 0, 0, 0, 0, 0, 106];
    assert_eq!(Term::decode(&mixed).unwrap().as_map().unwrap().len(), 2);
    assert!(validate(&mixed, &[]).is_ok());
}

#[test]
fn sizes_that_lie_cost_nothing() {
    refused_by_skip(&[108, 255, 255, 255, 255]);
    refused_by_skip(&[105, 255, 255, 255, 255, 106]);
    refused_by_skip(&[116, 255, 255, 255, 255, 106, 106]);
    refused_by_skip(&[109, 255, 255, 255, 255, 1]);
    refused_by_skip(&[111, 255, 255, 255, 255, 0, 1]);
    refused_by_skip(&[77, 255, 255, 255, 255, 1, 1]);
    refused_by_skip(&[67, 255, 255, 255, 255, 0, 119, 1, b'a', 119, 1, b'b']);
    // Each of these lists would be possible alone, but not all of them together.
    let mut nested = Vec::new();
    for left in (0..if cfg!(miri) { 1_000 } else { 100_000usize }).rev() {
        nested.push(108);
        nested.extend_from_slice(&(left as u32).to_be_bytes());
    }
    refused_by_skip(&nested);
}

#[test]
fn integers_over_the_limit() {
    let big = |len: u32| [&[111][..], &len.to_be_bytes(), &[0], &vec![1; len as usize]].concat();
    assert!(Term::decode(&big(524_280)).is_ok());
    refused_by_skip(&big(524_281));
}

#[test]
fn bit_strings_that_are_none() {
    refused_by_skip(&[77, 0, 0, 0, 1, 0, 1]);
    refused_by_skip(&[77, 0, 0, 0, 1, 9, 1]);
    refused_by_skip(&[77, 0, 0, 0, 0, 1]);
}

#[test]
fn identifiers_that_are_none() {
    refused_by_skip(&[103, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2, 4]);
    refused_by_skip(&[102, 119, 1, b'a', 0, 0, 0, 1, 4]);
    refused_by_skip(&[101, 119, 1, b'a', 0, 0, 0, 1, 4]);
    refused_by_skip(&[88, 97, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4]);
    let reference = |words: u8| {
        [&[90, 0, words, 119, 1, b'a', 0, 0, 0, 1][..], &vec![0; usize::from(words) * 4]].concat()
    };
    same(&reference(0), &reference(0));
    same(&reference(5), &reference(5));
    refused_by_skip(&reference(6));
    refused(&[88, 119, 1, 0xff, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4]);
}

#[test]
fn arities_that_kill_a_peer() {
    same(&[113, 119, 1, b'm', 119, 1, b'f', 98, 0, 0, 0, 255], &[113, 119, 1, b'm', 119, 1, b'f', 97, 255]);
    refused_by_skip(&[113, 119, 1, b'm', 119, 1, b'f', 98, 0, 0, 1, 44]);
    refused_by_skip(&[113, 119, 1, b'm', 119, 1, b'f', 98, 255, 255, 255, 255]);
    refused_by_skip(&[113, 97, 1, 119, 1, b'f', 97, 1]);
}

fn fun(size: u32, free: u32, values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![112];
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.push(1);
    bytes.extend_from_slice(&[7; 16]);
    bytes.extend_from_slice(&[0, 0, 0, 9]);
    bytes.extend_from_slice(&free.to_be_bytes());
    bytes.extend_from_slice(&[119, 1, b'm', 97, 1, 98, 0, 0, 1, 0]);
    bytes.extend_from_slice(&[88, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    bytes.extend_from_slice(values);
    bytes
}

#[test]
fn funs_are_read_by_structure_and_kept_as_they_came() {
    same(&fun(60_000, 2, &[97, 1, 106]), &fun(60_000, 2, &[97, 1, 106]));
    same(&fun(0, 255, &[106; 255]), &fun(0, 255, &[106; 255]));
    refused_by_skip(&fun(0, 256, &[106; 256]));
    refused_by_skip(&fun(0, 2, &[106]));
    refused(&fun(0, 1, &[70, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]));
    refused(&fun(0, 1, &[116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106]));
}

#[test]
fn records_are_checked_and_kept_as_they_came() {
    let head = [67, 0, 0, 0, 2, 1, 119, 1, b'm', 119, 1, b'r', 119, 1, b'x'];
    let good = [&head[..], &[119, 1, b'y', 97, 1, 106]].concat();
    same(&good, &good);
    refused(&[&head[..], &[119, 1, b'x', 97, 1, 106]].concat());
    refused_by_skip(&[&head[..], &[119, 1, b'y', 97, 1]].concat());
    let mut flags = good.clone();
    flags[5] = 2;
    refused_by_skip(&flags);
}

#[test]
fn tags_that_no_packet_may_carry() {
    for tag in [80, 117, 121, 73, 74, 75, 76, 78, 0, 131, 255, 68, 69] {
        refused_by_skip(&[tag, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn bytes_after_the_term() {
    assert!(matches!(Term::decode(&[106, 106]), Err(Error::Malformed(wrong)) if wrong.offset == 1));
    let mut reader = Reader::new(&[106, 106]);
    assert!(reader.nil());
    assert!(reader.finish().is_err());
}

#[test]
fn every_prefix_is_refused() {
    let whole =
        [
            &[
                104, 12, 97, 1, 98, 0, 0, 1, 0, 110, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 63, 240, 0, 0, 0, 0,
                0, 0,
            ][..],
            &[
                119, 2, b'o', b'k', 118, 0, 1, b'a', 107, 0, 2, 1, 2, 109, 0, 0, 0, 2, 1, 2, 77, 0, 0, 0, 1,
                3, 7,
            ],
            &[108, 0, 0, 0, 1, 97, 1, 106, 116, 0, 0, 0, 1, 97, 1, 106],
            &fun(0, 1, &[97, 1]),
        ]
        .concat();
    assert!(Term::decode(&whole).is_ok());
    for end in 0..whole.len() {
        refused(&whole[..end]);
        let mut reader = Reader::new(&whole[..end]);
        assert!(!reader.skip());
        assert_eq!(reader.error().is_some(), end > 0);
        assert_eq!(Reader::new(&whole[..end]).term(), None);
    }
}

#[test]
fn a_wrong_guess_does_not_move_and_a_broken_term_is_remembered() {
    let mut reader = Reader::new(&[119, 2, b'o', b'k', 119, 1, 0xff, 97, 1]);
    assert_eq!((reader.i64(), reader.f64(), reader.tuple(), reader.list()), (None, None, None, None));
    assert_eq!((reader.map(), reader.binary(), reader.pid(), reader.nil()), (None, None, None, false));
    assert!(!reader.atom_is("no"));
    assert_eq!((reader.position(), reader.error()), (0, None));
    assert!(reader.atom_is("ok"));
    assert_eq!(reader.atom(), None);
    let error = reader.error().unwrap();
    assert_eq!(error.offset, 4);
    assert_eq!((reader.i64(), reader.skip(), reader.term_bytes()), (None, false, None));
    assert_eq!(reader.error(), Some(error));
    assert_eq!(reader.finish(), Err(error));
}

#[test]
fn a_guess_of_several_steps_does_not_move_even_over_broken_bytes() {
    let bytes = [108, 0, 0, 0, 1, 108, 0, 0, 87, 0, 0, 0, 86];
    for guess in [Reader::iolist, Reader::string] {
        let mut reader = Reader::new(&bytes);
        assert_eq!(guess(&mut reader), None);
        assert_eq!(reader.position(), 0);
    }
}

#[test]
fn a_stored_state_goes_on_where_it_was() {
    let bytes = [108, 0, 0, 0, 2, 107, 0, 2, 1, 2, 119, 2, b'o', b'k', 106, 97, 9];
    let mut whole = Reader::new(&bytes);
    let mut seen = Vec::new();
    let mut state = State::default();
    loop {
        let mut reader = Reader::resume(&bytes, &[], state);
        let next = |r: &mut Reader<'_>| {
            let text = match r.kind() {
                Some(Kind::Integer) => format!("{:?}", r.i64()),
                Some(Kind::List | Kind::String) => format!("{:?}", r.list()),
                Some(Kind::Nil) => format!("{:?}", r.nil()),
                _ => format!("{:?}", r.atom()),
            };
            (text, r.position())
        };
        let step = next(&mut reader);
        assert_eq!(step, next(&mut whole));
        seen.push(step.0);
        state = reader.state();
        if reader.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 8);
    // A state of other bytes must not do harm.
    for position in [0, 5, 1000] {
        for string in [0, 1, 2, 1000] {
            let mut reader = Reader::resume(&bytes, &[], State { position, string, error: None });
            for _ in 0..20 {
                let _ = (reader.kind(), reader.i64(), reader.nil(), reader.skip(), reader.term());
                let _ = (reader.remaining(), reader.position(), reader.is_empty());
            }
        }
    }
}

#[test]
fn compressed_terms_are_believed_within_limits() {
    let term = Term::list((0..if cfg!(miri) { 500 } else { 10_000 }).map(|_| Term::atom("repeated")));
    let packed = term.to_external_compressed().unwrap();
    assert!(packed.len() < 1000 && packed.starts_with(&[131, 80]));
    assert_eq!(Term::decode_external(&packed).unwrap(), term);
    assert!(Term::decode(&packed[1..]).is_err(), "only behind the version byte");
    let claim = |size: u32| [&[131, 80][..], &size.to_be_bytes(), &packed[6..]].concat();
    let size = term.to_bytes().unwrap().len() as u32;
    assert!(Term::decode_external(&claim(size)).is_ok());
    for wrong in [0, size - 1, size + 1, 64 << 20, u32::MAX] {
        assert!(Term::decode_external(&claim(wrong)).is_err(), "{wrong}");
    }
    assert!(Term::decode_external(&[&packed[..], &[0]].concat()).is_err());
    assert!(Term::decode_external(&packed[..packed.len() - 1]).is_err());
    // A compressed term inside of a compressed one.
    let inner = packed[1..].to_vec();
    if let Some(twice) = super::super::compressed::deflate(&[&inner[..], &[0; 1000]].concat()) {
        assert!(Term::decode_external(&twice).is_err());
    }
}

/// One pass or three: the same terms are refused, and the same bytes come out.
#[test]
fn settling_is_validating_and_spelling_out() {
    let atoms = [Atom::from_static("node@host"), Atom::from_static("x")];
    let pid = [88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let reference = [&[90, 0, 3, 82, 0][..], &[0; 16]].concat();
    let string = &b"k\x00\x02ab"[..];
    let map = &b"t\x00\x00\x00\x01R\x01a\x02"[..];
    let list = [&b"l\x00\x00\x00\x02R\x01"[..], &pid, b"j"].concat();
    let samples = [
        [&b"h\x04"[..], &pid, &reference, b"R\x01", &list].concat(),
        [&b"h\x03"[..], &pid, string, map].concat(),
        [&b"h\x03w\x02ok"[..], &list, b"m\x00\x00\x00\x03abc"].concat(),
        [&b"l\x00\x00\x00\x01"[..], &list, b"R\x00"].concat(),
        b"h\x02a\x01w\x03abc".to_vec(),
    ];
    let check = |bytes: &[u8], atoms: &[Atom]| {
        let slowly = validate(bytes, atoms)
            .and_then(|length| self_contained(&bytes[..length], atoms).map(|copy| (length, copy)));
        let settled = settle(bytes, atoms);
        let settled =
            settled.map(|(length, copy)| (length, copy.unwrap_or_else(|| bytes[..length].to_vec())));
        assert_eq!(settled.is_ok(), slowly.is_ok(), "{bytes:?}");
        if let (Ok(settled), Ok(slowly)) = (settled, slowly) {
            assert_eq!(settled, slowly, "{bytes:?}");
        }
    };
    for sample in &samples {
        for atoms in [&atoms[..], &atoms[..1], &[]] {
            check(sample, atoms);
            check(&[&sample[..], b"more"].concat(), atoms);
            for place in 0..sample.len() {
                check(&sample[..place], atoms);
                for wrong in [0, 1, 3, 82, 88, 104, 106, 108, 119, 255] {
                    let mut broken = sample.clone();
                    broken[place] = wrong;
                    check(&broken, atoms);
                }
            }
        }
    }
}

#[test]
fn the_atom_section_is_used_and_left_behind() {
    let atoms = [Atom::from_static("node@host"), Atom::from_static("x")];
    let pid = [88, 82, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let mut lambda = fun(0, 1, &[82, 1]);
    lambda.splice(30..33, [82, 1]); // the module
    let bytes = [&[104, 4][..], &pid, &[82, 1], &lambda, &[113, 82, 1, 82, 0, 97, 2]].concat();
    assert_eq!(validate(&bytes, &atoms), Ok(bytes.len()));
    assert!(validate(&bytes, &[]).is_err());
    assert!(validate(&bytes, &atoms[..1]).is_err());
    let term = Term::decode_with_atoms(&bytes, &atoms).unwrap();
    let plain = self_contained(&bytes, &atoms).unwrap();
    assert_eq!(Term::decode(&plain).unwrap(), term);
    assert_eq!(term.to_bytes().unwrap(), plain);
    let items = term.as_tuple().unwrap();
    assert_eq!(items[0].as_pid().unwrap().node, atoms[0]);
    assert!(items[1].is_atom("x"));
    let Term::Fun(fun) = &items[2] else { panic!("a fun") };
    let size = u32::from_be_bytes(fun.as_bytes()[1..5].try_into().unwrap());
    assert_eq!(size as usize, fun.as_bytes().len() - 1);
    let mut reader = Reader::with_atoms(&bytes, &atoms);
    assert!(reader.tuple_of(4));
    assert_eq!(reader.pid_known(&atoms).unwrap().node, atoms[0]);
    assert!(reader.atom_is("x"));
    assert!(reader.skip());
    assert_eq!(reader.export().unwrap().function, atoms[0]);
    reader.finish().unwrap();
}

#[test]
fn iolists_are_joined() {
    let join = |bytes: &[u8]| Reader::new(bytes).iolist().map(|joined| joined.into_owned());
    assert_eq!(join(&[109, 0, 0, 0, 2, 1, 2]), Some(vec![1, 2]));
    assert_eq!(join(&[106]), Some(vec![]));
    assert_eq!(join(&[107, 0, 2, 1, 2]), Some(vec![1, 2]));
    let nested = [108, 0, 0, 0, 3, 97, 1, 107, 0, 1, 2, 108, 0, 0, 0, 1, 106, 109, 0, 0, 0, 1, 3, 106];
    assert_eq!(join(&nested), Some(vec![1, 2, 3]));
    assert_eq!(join(&[108, 0, 0, 0, 1, 97, 1, 97, 2]), None, "an integer is no tail");
    assert_eq!(join(&[97, 1]), None);
    assert_eq!(join(&[108, 0, 0, 0, 1, 98, 0, 0, 1, 0, 106]), None);
    let mut reader = Reader::new(&[108, 0, 0, 0, 1, 119, 1, b'a', 106]);
    assert_eq!(reader.iolist(), None);
    assert_eq!(reader.position(), 0);
}

#[test]
fn the_writer_refuses_what_a_peer_would_not_survive() {
    let refused = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        writer.tuple(1);
        write(&mut writer);
        assert!(writer.finish().is_err());
    };
    refused(&|w| _ = w.f64(f64::NAN));
    refused(&|w| _ = w.f64(f64::INFINITY));
    refused(&|w| _ = w.atom(&"a".repeat(256)));
    refused(&|w| _ = w.bitstring(&[], 3));
    refused(&|w| _ = w.bitstring(&[1], 0));
    refused(&|w| _ = w.big(false, &vec![1; 524_281]));
    refused(&|w| _ = w.raw(&[97]));
    refused(&|w| _ = w.raw(&[97, 1, 97, 2]));
    refused(&|w| _ = w.raw(&[82, 0]));
    refused(&|w| _ = w.term(&Term::Float(f64::NAN)));
    refused(&|w| _ = w.nil().nil());
    refused(&|_| ());
}
