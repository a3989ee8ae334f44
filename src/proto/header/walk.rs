//! Walks over encoded terms without building them: where does a term end, and where are its atoms?
//!
//! Counts open terms instead of descending into them, so nesting costs nothing. Checks the structure only; whether
//! a float is finite or an atom is UTF-8 is for those who read the values.

use crate::error::Malformed;
use crate::term::tag;

/// Walks over one term that starts at `start`, shows every atom in it as the range of its bytes (tag included),
/// and returns where the term ends.
///
/// # Errors
/// Truncated terms, unknown tags, identifiers whose node is no atom, or what `visit` complains about.
pub(crate) fn walk(
    bytes: &[u8],
    start: usize,
    mut visit: impl FnMut(usize, usize) -> Result<(), Malformed>,
) -> Result<usize, Malformed> {
    let mut at = start;
    let mut open: usize = 1;
    while open > 0 {
        open -= 1;
        let head = Head::at(bytes, at)?;
        match head {
            Head::Plain { end } => at = end,
            Head::Atom { end } => {
                visit(at, end)?;
                at = end;
            }
            Head::Of { end, children } => {
                // Every child takes at least one byte: no count can be larger than what is left.
                if children > bytes.len().saturating_sub(end) {
                    return Err(Malformed::new("count of elements", at));
                }
                open = open.saturating_add(children);
                at = end;
            }
            Head::Identifier { node, after } => {
                let Head::Atom { end } = Head::at(bytes, node)? else {
                    return Err(Malformed::new("node of an identifier", node));
                };
                visit(node, end)?;
                at = end.saturating_add(after);
                if at > bytes.len() {
                    return Err(Malformed::new("truncated identifier", node));
                }
            }
        }
    }
    Ok(at)
}

/// The end of the term that starts at `start`.
pub(crate) fn skip(bytes: &[u8], start: usize) -> Result<usize, Malformed> {
    walk(bytes, start, |_, _| Ok(()))
}

/// What stands at a place. Ends lie within the bytes, except the end of an identifier, which comes after its node.
enum Head {
    /// A term without others inside.
    Plain { end: usize },
    /// An atom in any spelling.
    Atom { end: usize },
    /// Something with `children` terms behind its head.
    Of { end: usize, children: usize },
    /// A pid, port or reference: the node's atom, then `after` bytes.
    Identifier { node: usize, after: usize },
}

/// `Size:32 Arity:8 Uniq:16/bytes Index:32` before the NumFree of a fun.
const FUN_HEAD: usize = 4 + 1 + 16 + 4;

impl Head {
    #[inline]
    fn at(bytes: &[u8], at: usize) -> Result<Head, Malformed> {
        let truncated = Malformed::new("truncated term", at);
        let rest = bytes.get(at..).unwrap_or_default();
        let (&tag, rest) = rest.split_first().ok_or(truncated)?;
        let u8_at = |i: usize| rest.get(i).map(|&b| usize::from(b)).ok_or(truncated);
        let u16_at = |i: usize| {
            let two = rest.get(i..).and_then(|r| r.first_chunk()).ok_or(truncated)?;
            Ok(usize::from(u16::from_be_bytes(*two)))
        };
        let u32_at = |i: usize| {
            let four = rest.get(i..).and_then(|r| r.first_chunk()).ok_or(truncated)?;
            Ok(u32::from_be_bytes(*four) as usize)
        };
        let end = |length: usize| {
            if length <= rest.len() {
                Ok(at + 1 + length)
            } else {
                Err(truncated)
            }
        };
        Ok(match tag {
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => Head::Atom { end: end(1 + u8_at(0)?)? },
            tag::ATOM_UTF8 | tag::ATOM => Head::Atom { end: end(2 + u16_at(0)?)? },
            tag::ATOM_CACHE_REF => Head::Atom { end: end(1)? },
            tag::SMALL_INTEGER => Head::Plain { end: end(1)? },
            tag::INTEGER => Head::Plain { end: end(4)? },
            tag::NEW_FLOAT => Head::Plain { end: end(8)? },
            tag::FLOAT => Head::Plain { end: end(31)? },
            tag::SMALL_BIG => Head::Plain { end: end(2 + u8_at(0)?)? },
            tag::LARGE_BIG => Head::Plain { end: end(u32_at(0)?.saturating_add(5))? },
            tag::NIL => Head::Plain { end: end(0)? },
            tag::STRING => Head::Plain { end: end(2 + u16_at(0)?)? },
            tag::BINARY => Head::Plain { end: end(u32_at(0)?.saturating_add(4))? },
            tag::BIT_BINARY => Head::Plain { end: end(u32_at(0)?.saturating_add(5))? },
            tag::SMALL_TUPLE => Head::Of { children: u8_at(0)?, end: end(1)? },
            tag::LARGE_TUPLE => Head::Of { children: u32_at(0)?, end: end(4)? },
            tag::LIST => Head::Of { children: u32_at(0)?.saturating_add(1), end: end(4)? },
            tag::MAP => Head::Of { children: u32_at(0)?.saturating_mul(2), end: end(4)? },
            tag::EXPORT => Head::Of { children: 3, end: end(0)? },
            tag::NEW_FUN => {
                let free = u32_at(FUN_HEAD)?;
                Head::Of { children: free.saturating_add(4), end: end(FUN_HEAD + 4)? }
            }
            tag::RECORD => {
                let fields = u32_at(0)?;
                Head::Of { children: fields.saturating_mul(2).saturating_add(2), end: end(5)? }
            }
            tag::NEW_PID => Head::Identifier { node: at + 1, after: 12 },
            tag::PID => Head::Identifier { node: at + 1, after: 9 },
            tag::V4_PORT => Head::Identifier { node: at + 1, after: 12 },
            tag::NEW_PORT => Head::Identifier { node: at + 1, after: 8 },
            tag::PORT | tag::REFERENCE => Head::Identifier { node: at + 1, after: 5 },
            tag::NEWER_REFERENCE => Head::Identifier { node: at + 3, after: 4 + 4 * u16_at(0)? },
            tag::NEW_REFERENCE => Head::Identifier { node: at + 3, after: 1 + 4 * u16_at(0)? },
            _ => return Err(Malformed::new("tag of a term", at)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atoms(bytes: &[u8]) -> Result<(usize, Vec<(usize, usize)>), Malformed> {
        let mut found = Vec::new();
        let end = walk(bytes, 0, |a, b| {
            found.push((a, b));
            Ok(())
        })?;
        Ok((end, found))
    }

    #[test]
    fn every_atom_is_shown_and_the_end_is_found() {
        // {a, [82/3 | <pid of n>], #{b => <<1,2>>}}, then something else
        let term = [
            &b"h\x03w\x01a"[..],
            b"l\0\0\0\x01R\x03Xw\x01n\0\0\0\x01\0\0\0\x02\0\0\0\x03",
            b"t\0\0\0\x01w\x01bm\0\0\0\x02\x01\x02",
        ]
        .concat();
        let more = [&term[..], b"junk"].concat();
        let (end, found) = atoms(&more).unwrap();
        assert_eq!(end, term.len());
        let spelled: Vec<&[u8]> = found.iter().map(|&(a, b)| &more[a..b]).collect();
        assert_eq!(spelled, [&b"w\x01a"[..], b"R\x03", b"w\x01n", b"w\x01b"]);
        for cut in 0..term.len() {
            assert!(atoms(&term[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_million_levels_are_walked() {
        let mut deep: Vec<u8> = b"h\x01".repeat(if cfg!(miri) { 300 } else { 1_000_000 });
        deep.push(tag::NIL);
        assert_eq!(skip(&deep, 0), Ok(deep.len()));
        deep.pop();
        assert!(skip(&deep, 0).is_err());
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        for hostile in
            [&b"i\xff\xff\xff\xff"[..], b"l\xff\xff\xff\xff", b"t\xff\xff\xff\xff", b"C\xff\xff\xff\xff\0"]
        {
            assert!(skip(hostile, 0).is_err());
        }
        let fun = [&b"p\0\0\0\x01\0"[..], &[0; 20], b"\xff\xff\xff\xff"].concat();
        assert!(skip(&fun, 0).is_err());
        assert!(skip(b"m\xff\xff\xff\xff", 0).is_err());
        assert!(skip(b"Xa\x01", 0).is_err());
        assert!(skip(b"Z\xff\xffw\x01n", 0).is_err());
        assert!(skip(b"P\0\0\0\x01", 0).is_err());
        assert!(skip(b"", 0).is_err());
        assert!(skip(b"j", 5).is_err());
    }
}
