//! Atoms that arrive in packet headers: the section of one packet, and the table behind it.
//!
//! The section of every packet is applied in order of arrival, or later packets mean something else.
//! Always true: [`atoms`](AtomCacheIn::atoms) is the table of the packet read last; a slot keeps its last definition.

use super::slots::Slots;
use crate::error::Malformed;
use crate::term::Atom;

/// Slots per direction: eight segments of 256.
pub(crate) const SLOTS: usize = 2048;

/// The receiving side of the atom cache.
#[derive(Default)]
pub struct AtomCacheIn {
    slots: Slots<Option<Atom>>,
    packet: Vec<Atom>,
}

impl AtomCacheIn {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The atoms of the packet read last; `82 I` in its terms means the I-th of them.
    pub fn atoms(&self) -> &[Atom] {
        &self.packet
    }

    /// Puts another table in the place of [`atoms`](Self::atoms): that of a message whose fragments are complete.
    pub(crate) fn restore(&mut self, atoms: Vec<Atom>) {
        self.packet = atoms;
    }

    pub(crate) fn copy_of_atoms(&self) -> Vec<Atom> {
        self.packet.clone()
    }

    /// Forgets the table of the packet read last.
    pub(crate) fn clear(&mut self) {
        self.packet.clear();
    }

    /// Reads the section `N [Flags Refs]` that starts at `start`; returns where it ends.
    ///
    /// # Errors
    /// Truncation, an empty slot, bad atoms. The connection has to be closed: the table may be wrong from here on.
    pub(crate) fn read(&mut self, body: &[u8], start: usize) -> Result<usize, Malformed> {
        self.packet.clear();
        match body.get(start) {
            Some(0) => Ok(start + 1),
            Some(&count) => self.read_entries(body, start + 1, usize::from(count)),
            None => Err(Malformed::new("atom section", start)),
        }
    }

    fn read_entries(&mut self, body: &[u8], start: usize, count: usize) -> Result<usize, Malformed> {
        let truncated = |at| Malformed::new("truncated atom section", at);
        let mut at = start + count / 2 + 1;
        let flags = body.get(start..at).ok_or(truncated(start))?;
        // Two fields a byte, the low nibble first.
        let field =
            |i: usize| flags.get(i / 2).map_or(0, |byte| if i % 2 == 0 { byte & 15 } else { byte >> 4 });
        let long = field(count) & 1 != 0;
        for i in 0..count {
            let field = field(i);
            let index = *body.get(at).ok_or(truncated(at))?;
            at += 1;
            let slot = usize::from(field & 7) << 8 | usize::from(index);
            let entry = self.slots.get_mut(slot).ok_or(Malformed::new("slot of an atom", at))?;
            if field & 8 != 0 {
                let text;
                (text, at) = atom_text(body, at, long)?;
                if entry.as_ref().is_none_or(|old| old.as_bytes() != text.as_bytes()) {
                    let new = Atom::new(text).map_err(|_| Malformed::new("length of an atom", at))?;
                    *entry = Some(new);
                }
            }
            let atom = entry.as_ref().ok_or(Malformed::new("reference to an empty slot", at))?;
            self.packet.push(atom.clone());
        }
        Ok(at)
    }
}

/// `Len Utf8:Len`, with a length of one or two bytes.
fn atom_text(body: &[u8], at: usize, long: bool) -> Result<(&str, usize), Malformed> {
    let rest = body.get(at..).unwrap_or_default();
    let (head, length) = match (long, rest) {
        (false, [a, ..]) => (1, usize::from(*a)),
        (true, [a, b, ..]) => (2, usize::from(u16::from_be_bytes([*a, *b]))),
        _ => return Err(Malformed::new("truncated atom section", at)),
    };
    let text = rest.get(head..head + length).ok_or(Malformed::new("truncated atom section", at))?;
    let text = std::str::from_utf8(text).map_err(|_| Malformed::new("UTF-8 of an atom", at))?;
    Ok((text, at + head + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cache: &mut AtomCacheIn, section: &[u8]) -> Result<Vec<String>, Malformed> {
        let end = cache.read(section, 0)?;
        assert_eq!(end, section.len());
        Ok(cache.atoms().iter().map(|a| a.as_str().to_owned()).collect())
    }

    #[test]
    fn sections_of_real_nodes_are_read() {
        let mut cache = AtomCacheIn::new();
        assert_eq!(read(&mut cache, b"\x01\x09\x07\x02sz").unwrap(), ["sz"]);
        assert_eq!(read(&mut cache, b"\x01\x01\x07").unwrap(), ["sz"]);
        assert_eq!(read(&mut cache, b"\0").unwrap(), Vec::<String>::new());
        assert_eq!(read(&mut cache, b"\x01\x18\x02\0\x02sz").unwrap(), ["sz"]);
        assert_eq!(read(&mut cache, b"\x02\x88\x01\x01\0\x01a\x02\0\x02sz").unwrap(), ["a", "sz"]);
    }

    #[test]
    fn a_slot_keeps_its_last_definition() {
        let mut cache = AtomCacheIn::new();
        read(&mut cache, b"\x01\x08\x05\x01a").unwrap();
        read(&mut cache, b"\x01\x0f\x05\x01z").unwrap(); // same index, segment 7
        assert_eq!(read(&mut cache, b"\x01\x08\x05\x01b").unwrap(), ["b"]);
        assert_eq!(read(&mut cache, b"\x02\x70\0\x05\x05").unwrap(), ["b", "z"]);
        // Twice in one packet: strictly in order.
        assert_eq!(read(&mut cache, b"\x03\x80\0\x05\x05\x01c\x05").unwrap(), ["b", "c", "c"]);
    }

    #[test]
    fn broken_sections_are_refused() {
        let fails = |section: &[u8]| AtomCacheIn::new().read(section, 0).is_err();
        assert!(fails(b""));
        assert!(fails(b"\x01\x00\x07"), "empty slot");
        assert!(fails(b"\x01\x08\x07\x01\xff"), "not UTF-8");
        assert!(fails(b"\x01\x08\x07\x03\xed\xa0\x80"), "surrogate");
        let long = [&b"\x01\x18\x07\x01\x00"[..], &[b'a'; 256]].concat();
        assert!(fails(&long), "more than 255 characters");
        let full = b"\x02\x88\x01\x01\0\x01a\x02\0\x02sz";
        for cut in 0..full.len() {
            assert!(fails(&full[..cut]), "{cut}");
        }
        assert!(fails(b"\xff"));
    }

    #[test]
    fn atoms_of_255_wide_characters_arrive() {
        let text = "\u{1F600}".repeat(255);
        let mut section = b"\x01\x18\x07".to_vec();
        section.extend_from_slice(&(text.len() as u16).to_be_bytes());
        section.extend_from_slice(text.as_bytes());
        assert_eq!(read(&mut AtomCacheIn::new(), &section).unwrap(), [text]);
    }
}
