//! Random terms and random bytes: round trips, agreement of all readers, no panic.

use super::super::*;
use proptest::prelude::*;
use std::hash::{DefaultHasher, Hash, Hasher};

fn atom() -> impl Strategy<Value = Atom> {
    prop_oneof!["[a-c]{0,2}", "[a-z]{13,16}", ".{0,20}"].prop_map(|text: String| Atom::new(&text).unwrap())
}

fn leaf() -> impl Strategy<Value = Term> {
    prop_oneof![
        any::<u8>().prop_map(|n| Term::Int(i64::from(n))),
        any::<i64>().prop_map(Term::from),
        any::<i32>().prop_map(Term::from),
        any::<i128>().prop_map(|n| Integer::from(n).into()),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Integer::from_le_bytes(
            bytes.len() % 2 == 0,
            &bytes
        )
        .unwrap()
        .into()),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Term::Float),
        (-3i8..3).prop_map(|n| Term::Float(f64::from(n))),
        atom().prop_map(Term::Atom),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Term::from),
        (proptest::collection::vec(any::<u8>(), 1..5), 1u8..8).prop_map(|(bytes, bits)| BitString::new(
            &bytes, bits
        )
        .unwrap()
        .into()),
        (atom(), any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(node, id, serial, creation)| Pid {
            node,
            id,
            serial,
            creation
        }
        .into()),
        (atom(), any::<u64>(), any::<u32>())
            .prop_map(|(node, id, creation)| Port { node, id, creation }.into()),
        (atom(), any::<u32>(), proptest::collection::vec(any::<u32>(), 0..6))
            .prop_map(|(node, creation, words)| Reference::new(node, creation, &words).unwrap().into()),
        (atom(), atom(), any::<u8>()).prop_map(|(module, function, arity)| Export {
            module,
            function,
            arity
        }
        .into()),
        proptest::collection::vec(any::<u8>(), 0..10)
            .prop_map(|bytes| Term::list(bytes.into_iter().map(|b| Term::Int(i64::from(b))))),
    ]
}

pub(super) fn term() -> impl Strategy<Value = Term> {
    leaf().prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Term::tuple),
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Term::list),
            (proptest::collection::vec(inner.clone(), 1..4), leaf()).prop_map(|(items, tail)| {
                match tail {
                    Term::List(_) => Term::list(items),
                    tail => Term::ImproperList(Improper::new(items, tail).unwrap()),
                }
            }),
            proptest::collection::vec((inner.clone(), inner), 0..6).prop_map(|pairs| {
                let mut seen: Vec<(Term, Term)> = Vec::new();
                for (key, value) in pairs {
                    if seen.iter().all(|(other, _)| *other != key) {
                        seen.push((key, value));
                    }
                }
                Term::map(seen).unwrap()
            }),
        ]
    })
}

fn hash(term: &Term) -> u64 {
    let mut hasher = DefaultHasher::new();
    term.hash(&mut hasher);
    hasher.finish()
}

/// Copies the term at the cursor item by item.
fn copy(reader: &mut Reader<'_>, writer: &mut Writer) {
    let mut owed = 1;
    while owed > 0 {
        owed -= 1;
        match reader.kind().unwrap() {
            Kind::Integer => _ = writer.integer(&reader.integer().unwrap()),
            Kind::Float => _ = writer.f64(reader.f64().unwrap()),
            Kind::Atom => _ = writer.atom(&reader.atom().unwrap()),
            Kind::Tuple => {
                let arity = reader.tuple().unwrap();
                writer.tuple(arity);
                owed += arity;
            }
            Kind::List => {
                let count = reader.list().unwrap();
                writer.list(count);
                owed += count + 1;
            }
            Kind::String => _ = writer.byte_string(&reader.string().unwrap()),
            Kind::Nil => {
                assert!(reader.nil());
                writer.nil();
            }
            Kind::Map => {
                let pairs = reader.map().unwrap();
                writer.map(pairs);
                owed += pairs * 2;
            }
            Kind::Binary => _ = writer.binary(reader.binary().unwrap()),
            Kind::BitString => {
                let (bytes, bits) = reader.bitstring().unwrap();
                writer.bitstring(bytes, bits);
            }
            Kind::Pid => _ = writer.pid(&reader.pid().unwrap()),
            Kind::Port => _ = writer.port(&reader.port().unwrap()),
            Kind::Reference => _ = writer.reference(&reader.reference().unwrap()),
            Kind::Export => _ = writer.export(&reader.export().unwrap()),
            Kind::Fun | Kind::Record => _ = writer.raw(reader.term_bytes().unwrap()),
        }
    }
}

proptest! {
    #[test]
    fn terms_survive_bytes(term in term()) {
        let bytes = term.to_bytes().unwrap();
        let again = Term::decode(&bytes).unwrap();
        prop_assert_eq!(&again, &term);
        prop_assert_eq!(hash(&again), hash(&term));
        prop_assert_eq!(term.clone(), again);
        prop_assert_eq!(validate(&bytes, &[]), Ok(bytes.len()));
        prop_assert_eq!(Reader::new(&bytes).term_bytes(), Some(&bytes[..]));
        prop_assert_eq!(self_contained(&bytes, &[Atom::from_static("x")]).unwrap(), bytes);
        let external = term.to_external_compressed().unwrap();
        prop_assert_eq!(Term::decode_external(&external).unwrap(), term);
    }

    #[test]
    fn cursor_and_writer_copy_every_term(term in term()) {
        let bytes = term.to_bytes().unwrap();
        let mut reader = Reader::new(&bytes);
        let mut writer = Writer::new();
        copy(&mut reader, &mut writer);
        reader.finish().unwrap();
        prop_assert_eq!(writer.finish().unwrap(), bytes);
    }

    #[test]
    fn order_is_total(a in term(), b in term(), c in term()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b).is_eq(), a == b);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
        }
        prop_assert_eq!(a.cmp(&a.clone()), std::cmp::Ordering::Equal);
    }

    #[test]
    fn duplicate_keys_are_seen_by_decode_and_validate_alike(a in term(), b in term()) {
        let bytes = |x: &Term, y: &Term| {
            [&[116, 0, 0, 0, 2][..], &x.to_bytes().unwrap(), &[106], &y.to_bytes().unwrap(), &[106]].concat()
        };
        prop_assert!(validate(&bytes(&a, &a), &[]).is_err());
        prop_assert!(Term::decode(&bytes(&a, &a)).is_err());
        prop_assert_eq!(validate(&bytes(&a, &b), &[]).is_ok(), a != b);
        prop_assert_eq!(Term::decode(&bytes(&a, &b)).is_ok(), a != b);
    }

    #[test]
    fn broken_bytes_are_judged_alike(term in term(), at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut bytes = term.to_bytes().unwrap();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        agree(&bytes);
    }

    #[test]
    fn runs_of_equal_items_are_crossed_like_single_ones(
        runs in proptest::collection::vec((leaf(), 0usize..70), 1..4),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let items: Vec<Term> = runs.into_iter().flat_map(|(item, count)| vec![item; count]).collect();
        let count = items.len();
        let mut bytes = Term::tuple(items).to_bytes().unwrap();
        agree(&bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.tuple(), Some(count));
        prop_assert!((0..count).all(|_| reader.skip()));
        prop_assert!(reader.finish().is_ok());
        let at = at.index(bytes.len());
        bytes[at] = byte;
        agree(&bytes);
        bytes.truncate(at);
        agree(&bytes);
    }

    #[test]
    fn random_bytes_are_judged_alike(bytes in proptest::collection::vec(byte(), 0..60)) {
        agree(&bytes);
    }
}

/// Bytes that are tags more often than chance would have it, or small.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        proptest::sample::select(vec![
            97u8, 98, 110, 111, 70, 99, 119, 118, 115, 100, 82, 104, 105, 106, 107, 108, 116, 109, 77, 88,
            103, 90, 114, 101, 120, 89, 102, 113, 112, 67
        ]),
        0u8..4,
        any::<u8>(),
    ]
}

fn agree(bytes: &[u8]) {
    let atoms = [Atom::from_static("a"), Atom::from_static("b")];
    let mut reader = Reader::with_atoms(bytes, &atoms);
    let decoded = reader.term();
    let checked = validate(bytes, &atoms);
    assert_eq!(decoded.is_some(), checked.is_ok(), "{bytes:?} {checked:?} {:?}", reader.error());
    let mut skipper = Reader::with_atoms(bytes, &atoms);
    let skipped = skipper.skip();
    if let (Some(term), Ok(len)) = (&decoded, checked) {
        assert!(skipped);
        assert_eq!((reader.position(), skipper.position()), (len, len));
        let canonical = term.to_bytes().unwrap();
        assert_eq!(Term::decode(&canonical).as_ref().ok(), Some(term));
        assert_eq!(Term::decode(&self_contained(&bytes[..len], &atoms).unwrap()).as_ref().ok(), Some(term));
        let mut writer = Writer::new();
        copy(&mut Reader::with_atoms(bytes, &atoms), &mut writer);
    }
    walk(&mut Reader::with_atoms(bytes, &atoms));
    let _ = Reader::with_atoms(bytes, &atoms).iolist();
    let _ = Term::decode_external(bytes);
}

/// Reads whatever stands there until nothing moves.
fn walk(reader: &mut Reader<'_>) {
    while let Some(kind) = reader.kind() {
        let before = reader.state();
        let _ = match kind {
            Kind::Integer => reader.i64().is_some() || reader.u64().is_some() || reader.integer().is_some(),
            Kind::Float => reader.f64().is_some(),
            Kind::Atom => reader.bool().is_some() || reader.atom().is_some(),
            Kind::Tuple => reader.tuple_of(2) || reader.tuple().is_some(),
            Kind::List => reader.string().is_some() || reader.list().is_some(),
            Kind::String => reader.list().is_some(),
            Kind::Nil => reader.nil(),
            Kind::Map => reader.map().is_some(),
            Kind::Binary => reader.binary().is_some(),
            Kind::BitString => reader.bitstring().is_some(),
            Kind::Pid => reader.pid().is_some(),
            Kind::Port => reader.port().is_some(),
            Kind::Reference => reader.reference().is_some(),
            Kind::Export => reader.export().is_some(),
            Kind::Fun | Kind::Record => reader.skip(),
        };
        assert!(reader.error().is_some() || reader.state() != before, "{kind:?} at {before:?}");
    }
}
