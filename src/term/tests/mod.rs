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
