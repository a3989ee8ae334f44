//! A million levels of nesting are terms like any other, on a thread with a small stack.

use super::super::*;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Miri is a thousand times slower.
const DEPTH: usize = if cfg!(miri) { 80 } else { 1_000_000 };
/// For kinds that take a debug build seconds; ten times what a recursive walk would survive.
const LESS: usize = if cfg!(miri) { 80 } else { 100_000 };

/// Every operation there is, on a stack that recursion would overflow at once.
fn survives(bytes: Vec<u8>) {
    let work = move || {
        assert_eq!(validate(&bytes, &[]), Ok(bytes.len()));
        let mut reader = Reader::new(&bytes);
        assert!(reader.skip());
        reader.finish().unwrap();
        let term = Term::decode(&bytes).unwrap();
        assert_eq!(term.to_bytes().unwrap(), bytes);
        let copy = term.clone();
        assert!(copy == term && copy.loose_eq(&term) && copy.cmp(&term).is_eq());
        let hash = |term: &Term| {
            let mut hasher = DefaultHasher::new();
            term.hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&copy), hash(&term));
        drop(copy);
        assert_eq!(self_contained(&bytes, &[Atom::from_static("a")]).unwrap(), bytes);
        let key = [&[116, 0, 0, 0, 2][..], &bytes, &[106, 97, 1, 106]].concat();
        assert_eq!(validate(&key, &[]), Ok(key.len()));
        let map = Term::decode(&key).unwrap();
        assert_eq!(map.as_map().unwrap().get(&term), Some(&Term::nil()));
        let twice = [&[116, 0, 0, 0, 2][..], &bytes, &[106], &bytes, &[106]].concat();
        assert!(validate(&twice, &[]).is_err());
        assert!(Term::decode(&twice).is_err());
        Reader::new(&bytes).iolist();
    };
    std::thread::Builder::new().stack_size(128 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn tuples() {
    survives([[104, 1].repeat(DEPTH), vec![106]].concat());
}

#[test]
fn lists() {
    survives([[108, 0, 0, 0, 1].repeat(DEPTH), vec![119, 1, b'a'], vec![106; DEPTH]].concat());
}

#[test]
fn improper_lists() {
    survives([[108, 0, 0, 0, 1].repeat(LESS), vec![119, 1, b'a'], [97, 1].repeat(LESS)].concat());
}

#[test]
fn maps_in_values() {
    survives([[116, 0, 0, 0, 1, 97, 1].repeat(LESS), vec![106]].concat());
}

#[test]
fn maps_in_keys() {
    survives([[116, 0, 0, 0, 1].repeat(LESS), vec![106], [97, 1].repeat(LESS)].concat());
}

#[test]
fn maps_with_two_keys_one_of_which_is_a_map() {
    survives([[116, 0, 0, 0, 2, 97, 1, 106].repeat(LESS), vec![106], vec![106; LESS]].concat());
}

#[test]
fn funs() {
    let mut head = vec![112, 0, 0, 0, 0, 1];
    head.extend_from_slice(&[7; 16]);
    head.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 1, 119, 1, b'm', 97, 1, 97, 0]);
    head.extend_from_slice(&[88, 119, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    let bytes = [head.repeat(LESS), vec![106]].concat();
    assert_eq!(validate(&bytes, &[]), Ok(bytes.len()));
    let term = Term::decode(&bytes).unwrap();
    assert_eq!(term.to_bytes().unwrap(), bytes);
    let atoms = [Atom::from_static("a")];
    assert_eq!(self_contained(&bytes, &atoms).unwrap().len(), bytes.len());
}

#[test]
fn a_chain_of_tails_is_one_list() {
    let bytes = [[108, 0, 0, 0, 1, 97, 1].repeat(DEPTH), vec![106]].concat();
    let term = Term::decode(&bytes).unwrap();
    assert_eq!(term.as_list().unwrap().len(), DEPTH);
    assert_eq!(validate(&bytes, &[]), Ok(bytes.len()));
    let empty = [[108, 0, 0, 0, 0].repeat(DEPTH), vec![97, 7]].concat();
    assert_eq!(Term::decode(&empty).unwrap(), Term::Int(7));
    assert_eq!(validate(&empty, &[]), Ok(empty.len()));
    assert_eq!(Reader::new(&empty).i64(), Some(7));
    assert_eq!(Reader::new(&empty).u64(), Some(7));
    assert_eq!(Reader::new(&empty).kind(), Some(Kind::Integer));
}
