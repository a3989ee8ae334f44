//! Replaces atoms in outgoing terms by references to the atom section of their packet.
//!
//! A slot is chosen by a hash of the text, so finding one is a multiplication and a comparison. When two atoms of a
//! packet want the same slot, the second is spelled out, which is always legal.
//! Always true: a slot is named at most once per packet, and what the table holds was defined by a packet that was
//! written. Packets must therefore leave in the order in which they were written; one that does not leave ends the
//! connection.

use super::atom_cache_in::SLOTS;
use super::census::AtomCensus;
use super::slots::Slots;
use super::walk::walk;
use crate::error::Malformed;
use crate::term::tag;

/// Entries of a section; their number is one byte.
const MAX_ENTRIES: usize = 255;

/// Shorter atoms cost as much by reference as spelled out.
const MIN_TEXT: usize = 2;

/// Longer ones would need the LongAtoms form of the whole section.
const MAX_TEXT: usize = 255;

#[derive(Clone, Default)]
struct Slot {
    text: Vec<u8>,
    /// The peer has it.
    known: bool,
    /// The packet that named the slot last, and as which entry.
    packet: u64,
    entry: u8,
}

struct Entry {
    slot: u16,
    new: bool,
}

/// Why an atom gets no entry.
enum Spelled {
    /// It stays as it is; the peer may never have seen it.
    Out,
    /// It is none.
    Wrong,
}

/// Bytes `start..end` of a term become `82 entry`.
pub(super) struct Edit {
    start: usize,
    end: usize,
    entry: u8,
}

/// The sending side of the atom cache.
pub(crate) struct AtomCacheOut {
    slots: Slots<Slot>,
    packet: u64,
    entries: Vec<Entry>,
    /// Grows whenever a slot that was known no longer means what it meant.
    changes: u64,
}

/// Entries that begin a packet, to be used again while the slots keep their meaning.
#[derive(Default)]
pub(super) struct Opening {
    slots: Vec<u16>,
    changes: u64,
}

impl AtomCacheOut {
    pub(crate) fn new() -> Self {
        AtomCacheOut { slots: Slots::new(), packet: 0, entries: Vec::new(), changes: 0 }
    }

    /// Begins the next packet.
    pub(super) fn begin(&mut self) {
        self.packet += 1;
        self.entries.clear();
    }

    /// The entries of the packet that has just been written, as far as its first `count`.
    pub(super) fn note_opening(&self, count: usize, opening: &mut Opening) {
        opening.slots.clear();
        opening.slots.extend(self.entries.iter().take(count).map(|entry| entry.slot));
        opening.changes = self.changes;
    }

    /// Begins the packet with these entries, all of them known to the peer; false if they no longer are.
    #[inline]
    pub(super) fn open_with(&mut self, opening: &Opening) -> bool {
        if opening.changes != self.changes {
            return false;
        }
        for (entry, place) in (0..).zip(&opening.slots) {
            let Some(slot) = self.slots.get_mut(usize::from(*place)) else { return false };
            slot.packet = self.packet;
            slot.entry = entry;
            self.entries.push(Entry { slot: *place, new: false });
        }
        true
    }

    /// Entries of the packet so far.
    pub(super) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// Finds the atoms of one term of this packet and notes how they are to be written; `census` hears of those that the
    /// peer may not know.
    ///
    /// # Errors
    /// Whatever is no term, or refers to the section of another packet. Then the packet has to be given up with
    /// [`undo`](Self::undo).
    pub(super) fn plan(
        &mut self,
        term: &[u8],
        edits: &mut Vec<Edit>,
        census: &mut AtomCensus,
    ) -> Result<usize, Malformed> {
        walk(term, 0, |start, end| {
            let text = match term.get(start..end) {
                Some([tag::SMALL_ATOM_UTF8, _, text @ ..]) => text,
                Some([tag::ATOM_UTF8, _, _, text @ ..]) => text,
                Some([tag::ATOM_CACHE_REF, ..]) => {
                    return Err(Malformed::new("atom reference of another packet", start))
                }
                // Latin-1: stays as it is
                Some([tag::SMALL_ATOM, _, text @ ..] | [tag::ATOM, _, _, text @ ..]) => {
                    census.see(hash(text));
                    return Ok(());
                }
                _ => return Ok(()),
            };
            match self.entry(text, census) {
                Ok(entry) => edits.push(Edit { start, end, entry }),
                Err(Spelled::Out) => census.see(hash(text)),
                Err(Spelled::Wrong) => return Err(Malformed::new("UTF-8 of an atom", start)),
            }
            Ok(())
        })
    }

    /// The entry of this packet for an atom.
    fn entry(&mut self, text: &[u8], census: &mut AtomCensus) -> Result<u8, Spelled> {
        if text.len() < MIN_TEXT || text.len() > MAX_TEXT {
            return Err(Spelled::Out);
        }
        let hash = hash(text);
        let place = place(hash);
        let slot = self.slots.get_mut(usize::from(place)).ok_or(Spelled::Out)?;
        let same = slot.text == text;
        if slot.packet == self.packet {
            return if same { Ok(slot.entry) } else { Err(Spelled::Out) };
        }
        if self.entries.len() == MAX_ENTRIES {
            return Err(Spelled::Out);
        }
        let new = !(slot.known && same);
        if new {
            // Wrong text in a term loses one message at worst; in the section it would cost the connection.
            if std::str::from_utf8(text).is_err() {
                return Err(Spelled::Wrong);
            }
            census.see(hash);
            self.changes += u64::from(slot.known);
            slot.text.clear();
            slot.text.extend_from_slice(text);
            slot.known = true;
        }
        slot.packet = self.packet;
        slot.entry = self.entries.len() as u8; // below 255
        self.entries.push(Entry { slot: place, new });
        Ok(slot.entry)
    }

    /// Gives the packet up: the peer will not learn what it would have defined.
    pub(super) fn undo(&mut self) {
        self.changes += 1;
        for entry in self.entries.drain(..).filter(|entry| entry.new) {
            if let Some(slot) = self.slots.get_mut(usize::from(entry.slot)) {
                slot.known = false;
            }
        }
    }

    /// Writes `N [Flags Refs]`.
    pub(super) fn write_section(&self, out: &mut Vec<u8>) {
        let count = self.entries.len();
        out.push(count as u8); // 255 at most
        if count == 0 {
            return;
        }
        let field = |entry: &Entry| (u8::from(entry.new) << 3) | (entry.slot >> 8) as u8;
        for pair in self.entries.chunks(2) {
            let [low, high] = [pair.first().map_or(0, field), pair.get(1).map_or(0, field)];
            out.push(high << 4 | low);
        }
        if count % 2 == 0 {
            out.push(0); // the last field, LongAtoms, stands in a byte of its own
        }
        for entry in &self.entries {
            out.push(entry.slot as u8); // the lower half; the upper one is in the flags
            if let (true, Some(slot)) = (entry.new, self.slots.get(usize::from(entry.slot))) {
                out.push(slot.text.len() as u8); // MAX_TEXT fits
                out.extend_from_slice(&slot.text);
            }
        }
    }
}

/// Copies a term with its edits applied.
pub(super) fn write_edited(out: &mut Vec<u8>, term: &[u8], edits: &[Edit]) {
    let mut done = 0;
    for edit in edits {
        out.extend_from_slice(term.get(done..edit.start).unwrap_or_default());
        out.extend_from_slice(&[tag::ATOM_CACHE_REF, edit.entry]);
        done = edit.end;
    }
    out.extend_from_slice(term.get(done..).unwrap_or_default());
}

/// The slot of a text with this hash: its upper 11 bits.
fn place(hash: u64) -> u16 {
    (hash >> (64 - SLOTS.trailing_zeros())) as u16
}

/// 64 bits that depend on all of the text.
#[inline]
pub(super) fn hash(text: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio
    let mut hash = text.len() as u64;
    for chunk in text.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(SPREAD);
    }
    hash
}
