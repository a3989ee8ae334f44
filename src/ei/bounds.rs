//! Walking over terms that came from the network and whose end is known: never a step beyond the slice.

use super::abi::{tag, MAXATOMLEN_UTF8};

fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// How long the atom at `at` is, its header included.
fn atom_len(bytes: &[u8], at: usize) -> Option<usize> {
    let len = match bytes.get(at)? {
        &tag::SMALL_ATOM_UTF8 | &tag::SMALL_ATOM => 2 + usize::from(*bytes.get(at + 1)?),
        &tag::ATOM_UTF8 | &tag::ATOM => 3 + be16(bytes, at + 1)?,
        _ => return None,
    };
    (len < MAXATOMLEN_UTF8 + 3).then_some(len)
}

/// How long the first term of `bytes` is; `None` when it is cut, or of a kind that control messages do not carry.
pub fn term_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0usize;
    let mut left = 1usize;
    while left > 0 {
        left -= 1;
        let size = match *bytes.get(at)? {
            tag::SMALL_INTEGER => 2,
            tag::INTEGER => 5,
            tag::NEW_FLOAT => 9,
            tag::NIL => 1,
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM_UTF8 | tag::ATOM => atom_len(bytes, at)?,
            tag::NEW_PID => 13 + atom_len(bytes, at + 1)?,
            tag::PID => 10 + atom_len(bytes, at + 1)?,
            tag::V4_PORT => 13 + atom_len(bytes, at + 1)?,
            tag::NEW_PORT => 9 + atom_len(bytes, at + 1)?,
            tag::PORT => 6 + atom_len(bytes, at + 1)?,
            tag::NEWER_REFERENCE => 7 + atom_len(bytes, at + 3)? + 4 * be16(bytes, at + 1)?,
            tag::NEW_REFERENCE => 4 + atom_len(bytes, at + 3)? + 4 * be16(bytes, at + 1)?,
            tag::REFERENCE => 6 + atom_len(bytes, at + 1)?,
            tag::STRING => 3 + be16(bytes, at + 1)?,
            tag::BINARY => 5 + be32(bytes, at + 1)?,
            tag::SMALL_BIG => 3 + usize::from(*bytes.get(at + 1)?),
            tag::LARGE_BIG => 6 + be32(bytes, at + 1)?,
            tag::SMALL_TUPLE => {
                left += usize::from(*bytes.get(at + 1)?);
                2
            }
            tag::LARGE_TUPLE => {
                left += be32(bytes, at + 1)?;
                5
            }
            tag::LIST => {
                left += be32(bytes, at + 1)? + 1;
                5
            }
            tag::MAP => {
                left += 2 * be32(bytes, at + 1)?;
                5
            }
            _ => return None,
        };
        at = at.checked_add(size)?;
        // Every term has a byte at least: more terms than bytes cannot come.
        if at > bytes.len() || left > bytes.len() - at {
            return None;
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::term_len;

    #[test]
    fn whole_terms_have_a_length_and_cut_ones_none() {
        let pid = [b"\x58w\x05n@hst".as_slice(), &[0; 12]].concat();
        let tuple = [b"h\x03a\x02w\x00".as_slice(), &pid].concat();
        let list = b"l\0\0\0\x02a\x01k\0\x02hij".to_vec();
        for term in [tuple, list, pid] {
            let whole = [&term[..], b"rest"].concat();
            assert_eq!(term_len(&whole), Some(term.len()));
            for cut in 0..term.len() {
                assert_eq!(term_len(&term[..cut]), None, "{cut} of {term:?}");
            }
        }
    }

    #[test]
    fn counts_beyond_the_bytes_are_refused() {
        assert_eq!(term_len(b"l\xff\xff\xff\xff"), None);
        assert_eq!(term_len(b"i\x7f\xff\xff\xffjjj"), None);
        assert_eq!(term_len(b"m\xff\xff\xff\xff1"), None);
        assert_eq!(term_len(b"w"), None);
        assert_eq!(term_len(b""), None);
        assert_eq!(term_len(b"R\x01"), None);
    }
}
