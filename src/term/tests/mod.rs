//! Promises of the whole module: what goes in comes out, what is broken is refused, nothing is too deep.

use super::*;

fn round_trip(bytes: &[u8]) {
    let term = Term::decode(bytes).unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
    assert_eq!(term.to_bytes().unwrap(), bytes);
    assert_eq!(validate(bytes, &[]), Ok(bytes.len()), "{bytes:?}");
    let mut reader = Reader::new(bytes);
    assert_eq!(reader.term_bytes(), Some(bytes));
    reader.finish().unwrap();
    assert_eq!(term.clone(), term);
}

#[test]
fn canonical_forms_round_trip() {
    round_trip(&[97, 5]);
    round_trip(&[98, 255, 255, 255, 255]);
    round_trip(&[110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 128]);
    round_trip(&[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]);
    round_trip(&[70, 63, 240, 0, 0, 0, 0, 0, 0]);
    round_trip(&[119, 2, b'o', b'k']);
    round_trip(&[104, 2, 119, 2, b'o', b'k', 106]);
    round_trip(&[108, 0, 0, 0, 2, 97, 1, 106, 106]);
    round_trip(&[108, 0, 0, 0, 1, 97, 1, 97, 2]);
    round_trip(&[107, 0, 2, 1, 2]);
    round_trip(&[109, 0, 0, 0, 3, 1, 2, 3]);
    round_trip(&[77, 0, 0, 0, 1, 3, 0xe0]);
    round_trip(&[116, 0, 0, 0, 2, 97, 1, 97, 2, 119, 1, b'a', 106]);
    round_trip(&[88, 119, 3, b'a', b'@', b'b', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    round_trip(&[120, 119, 3, b'a', b'@', b'b', 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3]);
    round_trip(&[90, 0, 2, 119, 3, b'a', b'@', b'b', 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2]);
    round_trip(&[113, 119, 1, b'm', 119, 1, b'f', 97, 2]);
}

#[test]
fn string_shows_itself_as_a_list() {
    let mut reader = Reader::new(&[104, 2, 107, 0, 2, 7, 8, 97, 9]);
    assert_eq!(reader.tuple(), Some(2));
    assert_eq!(reader.kind(), Some(Kind::String));
    assert_eq!(reader.list(), Some(2));
    assert_eq!(reader.i64(), Some(7));
    assert!(!reader.nil());
    assert_eq!(reader.u64(), Some(8));
    assert_eq!(reader.i64(), None);
    assert!(reader.nil());
    assert_eq!(reader.i64(), Some(9));
    reader.finish().unwrap();
}

#[test]
fn writer_counts() {
    let mut writer = Writer::new();
    writer.tuple(2).atom("ok").list(2).i64(1).i64(2).nil();
    assert_eq!(writer.encoded().unwrap(), [104, 2, 119, 2, b'o', b'k', 108, 0, 0, 0, 2, 97, 1, 97, 2, 106]);
    writer.i64(1);
    assert!(writer.finish().is_err());
    let mut writer = Writer::new();
    writer.tuple(2).i64(1);
    assert!(writer.finish().is_err());
    let mut writer = Writer::new();
    writer.map(2).i64(1).i64(1).i64(1).i64(2);
    assert!(writer.finish().is_err());
}

mod deep;
mod hostile;
mod random;
mod sorted;
mod text;

#[test]
fn the_writer_sees_keys_that_come_twice_however_they_are_nested() {
    let pair = |first: &dyn Fn(&mut Writer), second: &dyn Fn(&mut Writer), around: usize| {
        let mut writer = Writer::new();
        for _ in 0..around {
            writer.map(2).i64(1).i64(1).i64(2); // what follows is the second value
        }
        writer.tuple(2).map(2);
        first(&mut writer);
        writer.nil();
        second(&mut writer);
        writer.list(1).nil().nil().i64(7);
        let bytes = writer.encoded().map(<[u8]>::to_vec);
        if let Ok(bytes) = &bytes {
            assert_eq!(validate(bytes, &[]), Ok(bytes.len()));
        }
        bytes.is_ok()
    };
    for around in 0..3 {
        assert!(pair(&|w| _ = w.i64(1), &|w| _ = w.i64(2), around));
        assert!(pair(&|w| _ = w.i64(1), &|w| _ = w.f64(1.0), around));
        assert!(!pair(&|w| _ = w.i64(1), &|w| _ = w.i64(1), around));
        assert!(!pair(&|w| _ = w.i64(1), &|w| _ = w.raw(&[98, 0, 0, 0, 1]), around));
        assert!(!pair(&|w| _ = w.byte_string(b"a"), &|w| _ = w.list(1).i64(97).nil(), around));
        assert!(!pair(&|w| _ = w.tuple(1).atom("a"), &|w| _ = w.tuple(1).atom("a"), around));
        let map = |w: &mut Writer, a: i64, b: i64| _ = w.map(2).i64(a).nil().i64(b).nil();
        assert!(!pair(&|w| map(w, 1, 2), &|w| map(w, 2, 1), around));
        assert!(pair(&|w| map(w, 1, 2), &|w| map(w, 1, 3), around));
        assert!(!pair(&|w| map(w, 1, 1), &|w| map(w, 1, 3), around));
    }
    for twice in [false, true] {
        let mut writer = Writer::new();
        writer.map(100);
        for n in 0..100 {
            writer.i64(if twice { n % 99 } else { n }).map(2).i64(n).nil().i64(n + 1).nil();
        }
        assert_eq!(writer.finish().is_err(), twice);
    }
}
