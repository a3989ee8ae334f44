//! Questions to a name server for SRV records, and its answers (RFC 1035, RFC 2782), as bytes.
//!
//! Only what finding nodes needs: one question, and the targets of the answer. Always true: reading ends, because a name that
//! continues elsewhere continues before itself, and nothing is reserved for what a message only announces.

use crate::error::Malformed;

/// The type SRV, the class IN.
const SRV: u16 = 33;
const IN: u16 = 1;
/// A query that asks the server to ask others for us.
const RECURSION: u16 = 0x0100;
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
/// There is no such name.
const NO_NAME: u16 = 3;
/// The longest name that RFC 1035 allows.
const MAX_NAME_BYTES: usize = 255;
/// The longest label that RFC 1035 allows: larger lengths mean something else.
const MAX_LABEL_BYTES: usize = 63;
/// Records looked at in one answer; 64 KiB have room for about three thousand.
const MAX_RECORDS: usize = 4096;

/// What a name server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The hosts that offer the service, without the dot at the end; none if the name has no such records.
    Targets(Vec<String>),
    /// There is more than fits into a datagram: ask by TCP.
    Truncated,
    /// The name does not exist.
    NoSuchName,
    /// The server cannot say; its code.
    Failed(u16),
    /// To another question than ours.
    Other,
}

/// The question for the SRV records of `name`; `None` if that cannot be a name.
pub fn question(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    for field in [id, RECURSION, 1, 0, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    let start = message.len();
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        if label.is_empty() || label.len() > MAX_LABEL_BYTES || !label.is_ascii() {
            return None;
        }
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.push(0);
    if message.len() - start > MAX_NAME_BYTES {
        return None;
    }
    message.extend(SRV.to_be_bytes());
    message.extend(IN.to_be_bytes());
    Some(message)
}

/// Reads what came back for `question`.
pub fn answer(question: &[u8], message: &[u8]) -> Result<Answer, Malformed> {
    let mut reader = Reader { message, at: 0 };
    let (id, flags) = (reader.u16()?, reader.u16()?);
    let counts = [reader.u16()?, reader.u16()?];
    reader.skip(4)?;
    let asked = question.get(12..).unwrap_or_default();
    let repeated = message.get(12..12 + asked.len());
    // Servers repeat the question as it was, but may change the case of letters.
    if id.to_be_bytes() != question[..2]
        || flags & RESPONSE == 0
        || counts[0] != 1
        || !repeated.is_some_and(|repeated| repeated.eq_ignore_ascii_case(asked))
    {
        return Ok(Answer::Other);
    }
    match flags & 15 {
        0 if flags & TRUNCATED != 0 => return Ok(Answer::Truncated),
        0 => {}
        NO_NAME => return Ok(Answer::NoSuchName),
        code => return Ok(Answer::Failed(code)),
    }
    reader.skip(asked.len())?;
    let mut targets = Vec::new();
    for _ in 0..usize::from(counts[1]).min(MAX_RECORDS) {
        reader.name()?;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        reader.skip(4)?;
        let length = usize::from(reader.u16()?);
        let end = reader.at + length;
        if (kind, class) == (SRV, IN) {
            // Priority, weight and port: all nodes are wanted, and epmd knows their ports.
            reader.skip(6)?;
            let target = reader.name()?;
            // "." says that the service is decidedly not offered.
            if !target.is_empty() {
                targets.push(target);
            }
        } else {
            reader.skip(length)?;
        }
        if reader.at != end {
            return Err(Malformed::new("DNS record", reader.at));
        }
    }
    Ok(Answer::Targets(targets))
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.at += count;
        match self.at <= self.message.len() {
            true => Ok(()),
            false => Err(Malformed::new("DNS message", self.message.len())),
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let at = self.at;
        self.skip(1)?;
        Ok(self.message[at])
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// A name as text; of what is no ASCII, nothing good could come.
    fn name(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        // Where to go on after the name, once it continued elsewhere.
        let mut after = None;
        let mut start = self.at;
        loop {
            let length = self.byte()?;
            match length {
                0 => break,
                1..=63 => {
                    let at = self.at;
                    self.skip(usize::from(length))?;
                    let label = &self.message[at..self.at];
                    if !label.is_ascii() || text.len() + label.len() > MAX_NAME_BYTES {
                        return Err(Malformed::new("DNS name", at));
                    }
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.extend(label.iter().copied().map(char::from));
                }
                192.. => {
                    let to = usize::from(length & 63) << 8 | usize::from(self.byte()?);
                    after.get_or_insert(self.at);
                    if to >= start {
                        return Err(Malformed::new("DNS name", start));
                    }
                    (start, self.at) = (to, to);
                }
                _ => return Err(Malformed::new("DNS name", self.at)),
            }
        }
        self.at = after.unwrap_or(self.at);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "_epmd._tcp.example.org";

    /// An answer to our question with these records: owner, type and data, the owner as a pointer to the question.
    fn reply(question: &[u8], flags: u16, records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut message = question[..2].to_vec();
        for field in [RESPONSE | flags, 1, records.len() as u16, 0, 0] {
            message.extend(field.to_be_bytes());
        }
        message.extend(&question[12..]);
        for (kind, data) in records {
            message.extend([192, 12]);
            message.extend(kind.to_be_bytes());
            message.extend([0, 1, 0, 0, 0, 60]);
            message.extend((data.len() as u16).to_be_bytes());
            message.extend(*data);
        }
        message
    }

    #[test]
    fn targets_are_read_whether_or_not_they_are_compressed() {
        let question = question(7, NAME).unwrap();
        assert_eq!(question[12..35], *b"\x05_epmd\x04_tcp\x07example\x03org");
        // "example.org" stands at 12 + 6 + 5.
        let records: [(u16, &[u8]); 5] = [
            (33, b"\0\x0a\0\x05\x11\x11\x01a\xc0\x17"),
            (16, b"\x03txt"),
            (33, b"\0\0\0\0\x11\x11\x01b\x04host\0"),
            (33, b"\0\0\0\0\x11\x11\0"),
            (5, b"\xc0\x17"),
        ];
        let answered = answer(&question, &reply(&question, 0x0480, &records)).unwrap();
        assert_eq!(answered, Answer::Targets(vec!["a.example.org".into(), "b.host".into()]));
        assert_eq!(answer(&question, &reply(&question, 0, &[])).unwrap(), Answer::Targets(Vec::new()));
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let question = question(7, NAME).unwrap();
        let flagged = |flags| answer(&question, &reply(&question, flags, &[])).unwrap();
        assert_eq!(flagged(TRUNCATED), Answer::Truncated);
        assert_eq!(flagged(NO_NAME), Answer::NoSuchName);
        assert_eq!(flagged(2), Answer::Failed(2));
        let mut other = reply(&question, 0, &[]);
        other[1] = 8;
        assert_eq!(answer(&question, &other).unwrap(), Answer::Other);
        assert_eq!(answer(&question, &question).unwrap(), Answer::Other, "a question is no answer");
        let elsewhere = super::question(7, "_epmd._tcp.example.com").unwrap();
        assert_eq!(answer(&question, &reply(&elsewhere, 0, &[])).unwrap(), Answer::Other);
    }

    #[test]
    fn names_that_cannot_be_asked_for_are_refused() {
        let long = "a.".repeat(130);
        for name in ["", ".", "a..b", &"x".repeat(64), "gr\u{fc}n.org", &long] {
            assert!(question(1, name).is_none(), "{name}");
        }
        assert_eq!(question(1, "a.b."), question(1, "a.b"));
    }

    #[test]
    fn garbage_is_an_error_and_nothing_goes_in_circles() {
        let question = question(7, NAME).unwrap();
        let good =
            reply(&question, 0, &[(33, b"\0\0\0\0\x11\x11\x01a\xc0\x17"), (33, b"\0\0\0\0\x11\x11\x01b\0")]);
        for length in 0..good.len() {
            assert!(!matches!(answer(&question, &good[..length]), Ok(Answer::Targets(_))), "{length} bytes");
        }
        let records = question.len();
        for data in [
            &b"\0\0\0\0\x11\x11\xc0\x3a"[..],
            b"\0\0\0\0\x11\x11\x01a\xff\xff",
            b"\0\0\0\0\x11\x11\x41a\0",
            b"\0",
        ] {
            assert!(answer(&question, &reply(&question, 0, &[(33, data)])).is_err(), "{data:?}");
        }
        let mut itself = reply(&question, 0, &[(33, b"\0\0\0\0\x11\x11\xc0\0")]);
        let end = itself.len();
        let place = (end - 2) as u16 | 0xc000;
        itself[end - 2..].copy_from_slice(&place.to_be_bytes());
        assert!(answer(&question, &itself).is_err());
        // Any byte changed: an end in any case.
        for at in 0..good.len() {
            for value in [0, 1, 63, 64, 192, 255] {
                let mut changed = good.clone();
                changed[at] = value;
                let _ = answer(&question, &changed);
            }
        }
        assert!(good.len() > records);
    }
}
