//! Erlang's order and equalities.

use super::super::*;
use std::cmp::Ordering;

fn float(value: f64) -> Term {
    Term::Float(value)
}

#[test]
fn kinds_and_values_stand_in_erlang_order() {
    let pid = |id, serial, node| Term::from(Pid { node: Atom::from_static(node), id, serial, creation: 1 });
    let reference =
        |node, words: &[u32]| Term::from(Reference::new(Atom::from_static(node), 1, words).unwrap());
    let improper = |items: Vec<Term>, tail| Term::ImproperList(Improper::new(items, tail).unwrap());
    let bits = |bytes: &[u8], bits| Term::from(BitString::new(bytes, bits).unwrap());
    let int = |n: i64| Term::Int(n);
    let ascending = [
        "-99999999999999999999".parse::<Integer>().unwrap().into(),
        int(-1),
        float(-0.5),
        int(0),
        float(0.5),
        int(1),
        float(1.5),
        int(i64::MAX),
        float(9.3e18),
        "99999999999999999999".parse::<Integer>().unwrap().into(),
        Term::atom(""),
        Term::atom("a"),
        Term::atom("b"),
        reference("a", &[1, 2]),
        reference("a", &[2, 2]),
        reference("a", &[0, 3]),
        reference("b", &[0, 0]),
        pid(9, 0, "a"),
        pid(9, 0, "b"),
        pid(1, 1, "a"),
        Term::tuple([]),
        Term::tuple([int(9)]),
        Term::tuple([int(1), int(1)]),
        Term::tuple([int(1), int(2)]),
        Term::map([]).unwrap(),
        Term::map([(int(1), int(2))]).unwrap(),
        Term::map([(int(2), int(1))]).unwrap(),
        Term::map([(float(1.0), int(1))]).unwrap(),
        Term::map([(Term::atom("a"), int(1))]).unwrap(),
        Term::map([(int(1), int(1)), (int(2), int(1))]).unwrap(),
        Term::nil(),
        improper(vec![int(1)], int(2)),
        improper(vec![int(1)], Term::atom("t")),
        Term::list([int(1)]),
        Term::list([int(1), int(0)]),
        improper(vec![int(1), int(1)], int(0)),
        Term::list([int(2)]),
        Term::binary([]),
        bits(&[0x00], 1),
        Term::binary([0]),
        bits(&[0x80], 1),
        Term::binary([0x80]),
        Term::binary([0x80, 1]),
        bits(&[0xc0], 2),
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{i} {j}");
            assert_eq!(a == b, i == j);
            assert_eq!(a.loose_eq(b), i == j);
        }
    }
}

#[test]
fn numbers_of_two_types_are_equal_but_not_identical() {
    let (one, one_point) = (Term::Int(1), float(1.0));
    assert!(one.loose_eq(&one_point) && one != one_point);
    assert_eq!(one.cmp(&one_point), Ordering::Less);
    let (a, b) = (Term::tuple([one.clone(), Term::Int(5)]), Term::tuple([one_point.clone(), Term::Int(4)]));
    assert_eq!(
        a.cmp(&b),
        Ordering::Greater,
        "a later difference weighs more than the type of an earlier number"
    );
    assert!(float(0.0).loose_eq(&float(-0.0)) && float(0.0) != float(-0.0));
    let key = |key: &Term| Term::map([(key.clone(), Term::nil())]).unwrap();
    assert!(!key(&one).loose_eq(&key(&one_point)), "keys are compared exactly");
    let value = |value: &Term| Term::map([(Term::nil(), value.clone())]).unwrap();
    assert!(value(&one).loose_eq(&value(&one_point)));
}

#[test]
fn maps_are_equal_in_any_order_of_pairs_and_found_by_key() {
    let pairs: Vec<(Term, Term)> = (0..100)
        .map(|n| (if n % 2 == 0 { Term::Int(n) } else { Term::tuple([Term::Int(n)]) }, Term::Int(-n)))
        .collect();
    let forth = Map::new(pairs.clone()).unwrap();
    let back = Map::new(pairs.clone().into_iter().rev()).unwrap();
    assert_eq!(Term::from(forth.clone()), Term::from(back));
    for (key, value) in &pairs {
        assert_eq!(forth.get(key), Some(value));
    }
    assert_eq!(forth.get(&float(2.0)), None);
    assert!(Map::new([(Term::nil(), Term::nil()), (Term::nil(), Term::Int(1))]).is_err());
    let map = Term::map([
        (Term::atom("a"), Term::Int(1)),
        (Term::Int(1), Term::Int(2)),
        (Term::nil(), Term::Int(3)),
    ]);
    assert_eq!(map.unwrap().map_get("a"), Some(&Term::Int(1)));
}
