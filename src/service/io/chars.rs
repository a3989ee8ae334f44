//! Chardata: nested lists of code points and binaries, as text.

use crate::term::{Kind, Reader};

/// Most text taken from one request.
const MAX_TEXT: usize = 64 << 20;

/// How the bytes of binaries in chardata are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8; integers are code points.
    Unicode,
    /// One byte a character.
    Latin1,
}

/// The text of the chardata at the cursor; `None` if it is none.
pub(super) fn read(reader: &mut Reader<'_>, encoding: Encoding) -> Option<String> {
    let mut text = String::new();
    // What is still to be read on each level: elements, and then the tail.
    let mut open: Vec<usize> = Vec::new();
    loop {
        item(reader, encoding, &mut text, &mut open)?;
        if text.len() > MAX_TEXT {
            return None;
        }
        loop {
            match open.last_mut() {
                None => return Some(text),
                Some(0) => {
                    open.pop();
                }
                Some(left) => {
                    *left -= 1;
                    break;
                }
            }
        }
    }
}

fn item(reader: &mut Reader<'_>, encoding: Encoding, text: &mut String, open: &mut Vec<usize>) -> Option<()> {
    match reader.kind()? {
        Kind::Integer => text.push(char::from_u32(u32::try_from(reader.i64()?).ok()?)?),
        Kind::Binary => push_bytes(reader.binary()?, encoding, text)?,
        Kind::Nil => {
            reader.nil().then_some(())?;
        }
        Kind::String => text.extend(reader.string()?.iter().copied().map(char::from)),
        Kind::List => {
            // The elements, and the tail as one more.
            let elements = reader.list()?;
            open.push(elements.checked_add(1)?);
        }
        _ => return None,
    }
    Some(())
}

fn push_bytes(bytes: &[u8], encoding: Encoding, text: &mut String) -> Option<()> {
    match encoding {
        Encoding::Unicode => text.push_str(std::str::from_utf8(bytes).ok()?),
        Encoding::Latin1 => text.extend(bytes.iter().copied().map(char::from)),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    fn text(term: &str) -> Option<String> {
        let bytes = Term::parse(term).unwrap().to_bytes().unwrap();
        read(&mut Reader::new(&bytes), Encoding::Unicode)
    }

    #[test]
    fn nested_lists_binaries_and_code_points_are_joined() {
        assert_eq!(text(r#"[[104, <<"i ">>], "you", [8364|<<"!">>], []]"#).unwrap(), "hi you\u{20ac}!");
        assert_eq!(text("[]").unwrap(), "");
        assert_eq!(text(r#"<<"x">>"#).unwrap(), "x");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(text("[a]"), None);
        assert_eq!(text("[-1]"), None);
        assert_eq!(text("[55296]"), None);
        assert_eq!(text("<<255>>"), None);
    }
}
