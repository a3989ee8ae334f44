//! What stands at the cursor, tuples, lists and maps.

use super::{Kind, Reader};
use crate::term::tag;
use crate::term::wire;

impl<'a> Reader<'a> {
    /// What stands at the cursor; `None` at the end and after an error.
    pub fn kind(&mut self) -> Option<Kind> {
        if self.string != 0 {
            return Some(if self.string == 1 { Kind::Nil } else { Kind::Integer });
        }
        Some(match self.tag()? {
            tag::SMALL_INTEGER | tag::INTEGER | tag::SMALL_BIG | tag::LARGE_BIG => Kind::Integer,
            tag::NEW_FLOAT | tag::FLOAT => Kind::Float,
            tag if wire::is_atom_tag(tag) => Kind::Atom,
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => Kind::Tuple,
            tag::NIL => Kind::Nil,
            tag::STRING if matches!(self.rest, [_, 0, 0, ..]) => Kind::Nil,
            tag::STRING => Kind::String,
            tag::LIST => Kind::List,
            tag::MAP => Kind::Map,
            tag::BINARY => Kind::Binary,
            tag::BIT_BINARY if self.rest.get(5) == Some(&8) => Kind::Binary,
            tag::BIT_BINARY => Kind::BitString,
            tag::NEW_PID | tag::PID => Kind::Pid,
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => Kind::Port,
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => Kind::Reference,
            tag::NEW_FUN => Kind::Fun,
            tag::EXPORT => Kind::Export,
            tag::RECORD => Kind::Record,
            _ => return self.fail("tag"),
        })
    }

    /// A tuple: its arity; the elements follow.
    #[inline]
    pub fn tuple(&mut self) -> Option<usize> {
        match *self.rest {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] if usize::from(arity) <= rest.len() => {
                self.rest = rest;
                Some(usize::from(arity))
            }
            _ => self.aside(Self::rare_tuple),
        }
    }

    #[cold]
    #[inline(never)]
    fn rare_tuple(&mut self) -> Option<usize> {
        match self.tag()? {
            tag::SMALL_TUPLE if self.rest.len() > 1 => self.tuple_here(),
            tag::SMALL_TUPLE => self.fail("term (cut short)"),
            tag::LARGE_TUPLE => self.tuple_here(),
            _ => None,
        }
    }

    fn tuple_here(&mut self) -> Option<usize> {
        let (arity, rest) = match *self.rest {
            [tag::SMALL_TUPLE, arity, ref rest @ ..] => (usize::from(arity), rest),
            [_, a, b, c, d, ref rest @ ..] => (u32::from_be_bytes([a, b, c, d]) as usize, rest),
            _ => return self.fail("term (cut short)"),
        };
        self.enter(arity, arity, rest)
    }

    /// Steps to the first of `items` items; they need a byte each.
    fn enter(&mut self, count: usize, items: usize, rest: &'a [u8]) -> Option<usize> {
        if items > rest.len() {
            return self.fail("term (more elements than bytes)");
        }
        self.rest = rest;
        Some(count)
    }

    /// A tuple of this arity, and no other.
    #[inline]
    pub fn tuple_of(&mut self, arity: usize) -> bool {
        match *self.rest {
            [tag::SMALL_TUPLE, found, ref rest @ ..] if usize::from(found) <= rest.len() => {
                let same = usize::from(found) == arity;
                if same {
                    self.rest = rest;
                }
                same
            }
            _ => self.aside(|reader| reader.rare_tuple_of(arity)),
        }
    }

    #[cold]
    #[inline(never)]
    fn rare_tuple_of(&mut self, arity: usize) -> bool {
        let before = self.rest;
        match self.rare_tuple() {
            Some(found) if found == arity => true,
            Some(_) => {
                self.rest = before;
                false
            }
            None => false,
        }
    }

    /// A list: the number of its elements; these follow, and then the tail, which is [`nil`](Self::nil) unless the
    /// list is improper. The empty list gives 0 and stays, as its own tail.
    #[inline]
    pub fn list(&mut self) -> Option<usize> {
        if let [tag::LIST, a, b, c, d, ref rest @ ..] = *self.rest {
            let count = u32::from_be_bytes([a, b, c, d]) as usize;
            if count > 0 && count < rest.len() {
                self.rest = rest;
                return Some(count);
            }
        }
        self.aside(Self::rare_list)
    }

    #[cold]
    #[inline(never)]
    fn rare_list(&mut self) -> Option<usize> {
        if self.string != 0 {
            return (self.string == 1).then_some(0);
        }
        match self.tag()? {
            tag::NIL => Some(0),
            tag::STRING => self.enter_string(),
            tag::LIST => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let count = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.enter(count, count.saturating_add(1), rest)
                }
                _ => self.fail("term (cut short)"),
            },
            _ => None,
        }
    }

    fn enter_string(&mut self) -> Option<usize> {
        let len = match *self.rest {
            [_, a, b, ref rest @ ..] => {
                let len = usize::from(u16::from_be_bytes([a, b]));
                if len > rest.len() {
                    return self.fail("string (cut short)");
                }
                len
            }
            _ => return self.fail("term (cut short)"),
        };
        self.parked = self.position() + 3;
        self.string = len as u32 + 1;
        self.rest = &[];
        Some(len)
    }

    /// The empty list, or the end of a proper one.
    #[inline]
    pub fn nil(&mut self) -> bool {
        match *self.rest {
            [tag::NIL, ref rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => self.aside(Self::rare_nil),
        }
    }

    #[cold]
    #[inline(never)]
    fn rare_nil(&mut self) -> bool {
        if self.string != 0 {
            return self.string_end();
        }
        match self.tag() {
            Some(tag::NIL) => self.accept(wire::take(self.rest, 1)).is_some(),
            Some(tag::STRING) if matches!(self.rest, [_, 0, 0, ..]) => {
                self.accept(wire::take(self.rest, 3)).is_some()
            }
            _ => false,
        }
    }

    /// A map: the number of its pairs; key, value, key, value... follow. Whether a key comes twice is not checked.
    #[inline]
    pub fn map(&mut self) -> Option<usize> {
        if let [tag::MAP, a, b, c, d, ref rest @ ..] = *self.rest {
            let pairs = u32::from_be_bytes([a, b, c, d]) as usize;
            if pairs <= rest.len() / 2 {
                self.rest = rest;
                return Some(pairs);
            }
        }
        self.aside(Self::rare_map)
    }

    #[cold]
    #[inline(never)]
    fn rare_map(&mut self) -> Option<usize> {
        match self.tag()? {
            tag::MAP => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let pairs = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.enter(pairs, pairs.saturating_mul(2), rest)
                }
                _ => self.fail("term (cut short)"),
            },
            _ => None,
        }
    }
}
