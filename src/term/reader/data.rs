//! Binaries, bit strings, and lists that stand for bytes.

use std::borrow::Cow;

use super::Reader;
use crate::error::room;
use crate::term::tag;
use crate::term::wire;

impl<'a> Reader<'a> {
    /// A binary.
    #[inline]
    pub fn binary(&mut self) -> Option<&'a [u8]> {
        if let [tag::BINARY, a, b, c, d, ref rest @ ..] = *self.rest {
            let len = u32::from_be_bytes([a, b, c, d]) as usize;
            if len <= rest.len() {
                let (data, rest) = rest.split_at(len);
                self.rest = rest;
                return Some(data);
            }
        }
        self.aside(Self::rare_binary)
    }

    #[cold]
    #[inline(never)]
    fn rare_binary(&mut self) -> Option<&'a [u8]> {
        match self.tag()? {
            tag::BINARY => match *self.rest {
                [_, a, b, c, d, ref rest @ ..] => {
                    let len = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.accept(wire::take(rest, len))
                }
                _ => self.fail("term (cut short)"),
            },
            tag::BIT_BINARY => match wire::bitstring(self.rest) {
                Ok(((data, 8), rest)) => {
                    self.rest = rest;
                    Some(data)
                }
                Ok(_) => None,
                Err(wrong) => self.fail(wrong),
            },
            _ => None,
        }
    }

    /// A binary or bit string: its bytes, and the bits used in the last one, 1 to 8 (8 also for no bytes). Unused
    /// bits are as the sender left them.
    pub fn bitstring(&mut self) -> Option<(&'a [u8], u8)> {
        match self.tag()? {
            tag::BINARY => self.binary().map(|data| (data, 8)),
            tag::BIT_BINARY => self.accept(wire::bitstring(self.rest)),
            _ => None,
        }
    }

    /// A list of bytes in its compact form, or `[]`.
    pub fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.string != 0 {
            return self.string_end().then_some(Cow::Borrowed(&[]));
        }
        match self.tag()? {
            tag::NIL => self.accept(wire::take(self.rest, 1)).map(|_| Cow::Borrowed(&[][..])),
            tag::STRING => {
                let parsed = wire::take(self.rest, 1).and_then(|(_, s)| {
                    let (len, s) = wire::u16(s)?;
                    wire::take(s, len)
                });
                self.accept(parsed).map(Cow::Borrowed)
            }
            tag::LIST => self.long_string(),
            _ => None,
        }
    }

    /// A list of bytes in its long form, which is how more than 65,535 of them come.
    fn long_string(&mut self) -> Option<Cow<'a, [u8]>> {
        let before = self.clone();
        let Some(count) = self.list() else {
            self.go_back(before);
            return None;
        };
        let mut bytes = room(count);
        while bytes.len() < count {
            match self.i64().map(u8::try_from) {
                Some(Ok(byte)) => bytes.push(byte),
                _ => break,
            }
        }
        if bytes.len() == count && self.nil() {
            return Some(Cow::Owned(bytes));
        }
        self.go_back(before);
        None
    }

    /// All bytes of a binary or of a (nested, possibly improper) list of bytes and binaries, as `iolist_to_binary`.
    pub fn iolist(&mut self) -> Option<Cow<'a, [u8]>> {
        if let Some(bytes) = self.binary() {
            return Some(Cow::Borrowed(bytes));
        }
        let before = self.clone();
        let mut bytes = Vec::new();
        // Elements and tails still owed; a tail may not be an integer.
        let mut open: Vec<usize> = Vec::new();
        loop {
            if let Some(part) = self.binary() {
                bytes.extend_from_slice(part);
            } else if let Some(part) = self.compact_string() {
                bytes.extend_from_slice(part);
            } else if self.nil() {
            } else if let Some(count) = self.list() {
                open.push(count);
                continue;
            } else {
                match (open.last(), self.i64().map(u8::try_from)) {
                    (Some(1..), Some(Ok(byte))) => bytes.push(byte),
                    _ => {
                        self.go_back(before);
                        return None;
                    }
                }
            }
            // One item is done; a list is done with its tail.
            loop {
                match open.last_mut() {
                    None => return Some(Cow::Owned(bytes)),
                    Some(0) => drop(open.pop()),
                    Some(owed) => {
                        *owed -= 1;
                        break;
                    }
                }
            }
        }
    }

    fn compact_string(&mut self) -> Option<&'a [u8]> {
        match self.tag()? {
            tag::STRING => match self.string()? {
                Cow::Borrowed(bytes) => Some(bytes),
                Cow::Owned(_) => None,
            },
            _ => None,
        }
    }
}
