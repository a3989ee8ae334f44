//! Comparing terms: Erlang's term order, its two equalities, and the hash that goes with the exact one.
//!
//! number < atom < reference < fun < port < pid < tuple < record < map < nil < list < bit string. Numbers compare by
//! value, exactly; between keys of maps integers come before floats. All of it walks with a worklist of its own.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::integer::{cmp_big_f64, cmp_i64_f64};
use super::value::{Improper, Term};
use crate::error::push;

/// How numbers of different types compare.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    /// By value alone: `1 == 1.0`.
    Loose,
    /// As keys of maps: every integer before every float, and `-0.0` before `0.0`.
    Exact,
}

/// Erlang's `<`, `==` and `>`.
pub(crate) fn cmp_loose(a: &Term, b: &Term) -> Ordering {
    walk(a, b, Numbers::Loose)
}

/// The order of keys in a map; `Equal` means the same key, which is Erlang's `=:=`.
#[inline]
pub(crate) fn cmp_exact(a: &Term, b: &Term) -> Ordering {
    match (a, b) {
        // What nearly all keys are.
        (Term::Atom(a), Term::Atom(b)) => a.cmp(b),
        (Term::Binary(a), Term::Binary(b)) => a.cmp(b),
        (Term::Int(a), Term::Int(b)) => a.cmp(b),
        _ => walk(a, b, Numbers::Exact),
    }
}

impl Term {
    /// Erlang's `==`: `1` and `1.0` are equal.
    pub fn loose_eq(&self, other: &Term) -> bool {
        cmp_loose(self, other).is_eq()
    }
}

impl PartialEq for Term {
    /// Erlang's `=:=`.
    fn eq(&self, other: &Term) -> bool {
        cmp_exact(self, other).is_eq()
    }
}

impl Eq for Term {}

impl Ord for Term {
    /// Erlang's term order; terms that differ only in the type of numbers are told apart, as `Eq` does.
    fn cmp(&self, other: &Term) -> Ordering {
        cmp_loose(self, other).then_with(|| cmp_exact(self, other))
    }
}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const RANK_NIL: u8 = 10;
const RANK_LIST: u8 = 11;

fn rank(term: &Term) -> u8 {
    match term {
        Term::Int(_) | Term::Big(_) | Term::Float(_) => 0,
        Term::Atom(_) => 1,
        Term::Reference(_) => 2,
        Term::Fun(_) => 3,
        Term::Export(_) => 4,
        Term::Port(_) => 5,
        Term::Pid(_) => 6,
        Term::Tuple(_) => 7,
        Term::Record(_) => 8,
        Term::Map(_) => 9,
        Term::List(items) if items.is_empty() => RANK_NIL,
        Term::List(_) | Term::ImproperList(_) => RANK_LIST,
        Term::Binary(_) | Term::BitString(_) => 12,
    }
}

/// Two compound terms whose elements are being compared.
enum Open<'a> {
    /// Elements side by side, `step` apart: all of a tuple, the keys or the values of a map.
    Items { a: &'a [Term], b: &'a [Term], step: usize, numbers: Numbers },
    /// Cells of lists.
    Cells { a: Cells<'a>, b: Cells<'a>, numbers: Numbers },
}

/// The rest of a list.
#[derive(Clone, Copy)]
struct Cells<'a> {
    items: &'a [Term],
    /// None for `[]`.
    tail: Option<&'a Term>,
}

type Pair<'a> = (&'a Term, &'a Term, Numbers);

fn walk(a: &Term, b: &Term, numbers: Numbers) -> Ordering {
    let mut stack: Vec<Open<'_>> = Vec::new();
    let mut pair: Pair<'_> = (a, b, numbers);
    loop {
        match compare_or_open(pair, &mut stack) {
            Ordering::Equal => {}
            decided => return decided,
        }
        loop {
            let Some(top) = stack.last_mut() else { return Ordering::Equal };
            match top.next() {
                Ok(Some(next)) => {
                    pair = next;
                    break;
                }
                Ok(None) => drop(stack.pop()),
                Err(decided) => return decided,
            }
        }
    }
}

impl<'a> Open<'a> {
    /// The next pair to compare, `None` at the end of equal ones, or the verdict.
    #[inline]
    fn next(&mut self) -> Result<Option<Pair<'a>>, Ordering> {
        match self {
            Open::Items { a, b, step, numbers } => {
                let (Some(x), Some(y)) = (a.first(), b.first()) else { return Ok(None) };
                *a = a.get(*step..).unwrap_or_default();
                *b = b.get(*step..).unwrap_or_default();
                Ok(Some((x, y, *numbers)))
            }
            Open::Cells { a, b, numbers } => match (a.items.split_first(), b.items.split_first()) {
                (Some((x, a_rest)), Some((y, b_rest))) => {
                    a.items = a_rest;
                    b.items = b_rest;
                    Ok(Some((x, y, *numbers)))
                }
                (None, None) => match (a.tail.take(), b.tail.take()) {
                    (Some(x), Some(y)) => Ok(Some((x, y, *numbers))),
                    (None, None) => Ok(None),
                    (x, y) => Err(x.map_or(RANK_NIL, rank).cmp(&y.map_or(RANK_NIL, rank))),
                },
                // One is still a list, the other is at its tail, which is never a list.
                (Some(_), None) => Err(RANK_LIST.cmp(&b.tail.map_or(RANK_NIL, rank))),
                (None, Some(_)) => Err(a.tail.map_or(RANK_NIL, rank).cmp(&RANK_LIST)),
            },
        }
    }
}

fn cells(term: &Term) -> Option<Cells<'_>> {
    match term {
        Term::List(items) if !items.is_empty() => Some(Cells { items, tail: None }),
        Term::ImproperList(list) => Some(Cells { items: Improper::elements(list), tail: Some(list.tail()) }),
        _ => None,
    }
}

/// Decides leaves and sizes; compound terms of equal size go to the stack and count as equal so far.
#[inline]
fn compare_or_open<'a>((a, b, numbers): Pair<'a>, stack: &mut Vec<Open<'a>>) -> Ordering {
    match (a, b) {
        (Term::Int(a), Term::Int(b)) => a.cmp(b),
        (Term::Atom(a), Term::Atom(b)) => a.cmp(b),
        (Term::Binary(a), Term::Binary(b)) => a.cmp(b),
        (Term::Tuple(x), Term::Tuple(y)) => x.len().cmp(&y.len()).then_with(|| {
            push(stack, Open::Items { a: x, b: y, step: 1, numbers });
            Ordering::Equal
        }),
        (Term::Map(x), Term::Map(y)) => x.len().cmp(&y.len()).then_with(|| {
            let (x, y) = (x.items(), y.items());
            let values = (x.get(1..).unwrap_or_default(), y.get(1..).unwrap_or_default());
            push(stack, Open::Items { a: values.0, b: values.1, step: 2, numbers });
            push(stack, Open::Items { a: x, b: y, step: 2, numbers: Numbers::Exact });
            Ordering::Equal
        }),
        _ => match (cells(a), cells(b)) {
            (Some(a), Some(b)) => {
                push(stack, Open::Cells { a, b, numbers });
                Ordering::Equal
            }
            _ => leaf(a, b, numbers),
        },
    }
}

fn leaf(a: &Term, b: &Term, numbers: Numbers) -> Ordering {
    match (a, b) {
        (Term::Float(a), Term::Float(b)) => match numbers {
            Numbers::Loose => a.partial_cmp(b).unwrap_or_else(|| a.total_cmp(b)),
            Numbers::Exact => a.total_cmp(b),
        },
        (Term::Big(a), Term::Big(b)) => a.cmp(b),
        (Term::Int(_), Term::Big(b)) => {
            if b.is_negative() {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Term::Big(a), Term::Int(_)) => {
            if a.is_negative() {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Term::Float(_), Term::Int(_) | Term::Big(_)) if numbers == Numbers::Exact => Ordering::Greater,
        (Term::Int(_) | Term::Big(_), Term::Float(_)) if numbers == Numbers::Exact => Ordering::Less,
        (Term::Int(a), Term::Float(b)) => cmp_i64_f64(*a, *b),
        (Term::Float(a), Term::Int(b)) => cmp_i64_f64(*b, *a).reverse(),
        (Term::Big(a), Term::Float(b)) => cmp_big_f64(a, *b),
        (Term::Float(a), Term::Big(b)) => cmp_big_f64(b, *a).reverse(),
        (Term::Pid(a), Term::Pid(b)) => a.cmp(b),
        (Term::Port(a), Term::Port(b)) => a.cmp(b),
        (Term::Reference(a), Term::Reference(b)) => a.cmp(b),
        (Term::Export(a), Term::Export(b)) => a.cmp(b),
        (Term::Fun(a), Term::Fun(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Term::Record(a), Term::Record(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ => match (bits(a), bits(b)) {
            (Some(a), Some(b)) => cmp_bits(a, b),
            _ => rank(a).cmp(&rank(b)),
        },
    }
}

/// Bytes and number of bits of a bit string.
fn bits(term: &Term) -> Option<(&[u8], usize)> {
    match term {
        Term::Binary(bytes) => Some((bytes, bytes.len() * 8)),
        Term::BitString(bits) => Some((bits.bytes(), bits.bytes().len() * 8 - 8 + usize::from(bits.bits()))),
        _ => None,
    }
}

fn cmp_bits((a, a_bits): (&[u8], usize), (b, b_bits): (&[u8], usize)) -> Ordering {
    let common = a_bits.min(b_bits);
    let (whole, rest) = (common / 8, common % 8);
    let last = |bytes: &[u8]| bytes.get(whole).map_or(0, |byte| u16::from(*byte) >> (8 - rest));
    a.get(..whole)
        .cmp(&b.get(..whole))
        .then_with(|| if rest == 0 { Ordering::Equal } else { last(a).cmp(&last(b)) })
        .then_with(|| a_bits.cmp(&b_bits))
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut stack: Vec<std::slice::Iter<'_, Term>> = Vec::new();
        let mut term = self;
        loop {
            hash_head(term, state);
            let children = term.children();
            if !children.is_empty() {
                push(&mut stack, children.iter());
            }
            term = loop {
                let Some(top) = stack.last_mut() else { return };
                match top.next() {
                    Some(next) => break next,
                    None => drop(stack.pop()),
                }
            };
        }
    }
}

/// The kind and, of leaves, the value; of compound terms, the size.
fn hash_head<H: Hasher>(term: &Term, state: &mut H) {
    std::mem::discriminant(term).hash(state);
    match term {
        Term::Int(value) => value.hash(state),
        Term::Big(value) => value.hash(state),
        Term::Float(value) => value.to_bits().hash(state),
        Term::Atom(atom) => atom.hash(state),
        Term::Binary(bytes) => bytes.hash(state),
        Term::BitString(bits) => bits.hash(state),
        Term::Pid(pid) => pid.hash(state),
        Term::Port(port) => port.hash(state),
        Term::Reference(reference) => reference.hash(state),
        Term::Fun(fun) => fun.hash(state),
        Term::Export(export) => export.hash(state),
        Term::Record(record) => record.hash(state),
        Term::List(_) | Term::ImproperList(_) | Term::Tuple(_) | Term::Map(_) => {
            state.write_usize(term.children().len());
        }
    }
}
