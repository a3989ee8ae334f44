//! From messages to packets, in one piece or in fragments.

use super::atom_cache_out::{write_edited, AtomCacheOut, Edit};
use super::{HeaderMode, FIRST, NEXT, PASS_THROUGH, WHOLE};
use crate::error::{Malformed, Result};
use crate::proto::control::Control;
use crate::proto::flags::Flags;
use crate::proto::frame;
use crate::term::tag::VERSION;

/// Messages of more bytes (control tuple and payload) travel in fragments of this size, as a BEAM's do. Between two
/// of them other packets can pass.
pub const FRAGMENT: usize = 64 << 10;

/// Room kept from one message to the next; what an unusually large one needed is given back.
const KEEP: usize = 4096;

/// Appends one whole packet, with its length and without using an atom cache.
///
/// # Errors
/// [`Error::Limit`](crate::Error::Limit) if it would have 2 GiB or more; `out` is as before.
pub fn encode_message(
    out: &mut Vec<u8>,
    mode: HeaderMode,
    control: &Control,
    payload: Option<&[u8]>,
) -> Result<()> {
    let start = frame::begin(out);
    match mode {
        HeaderMode::PassThrough => out.extend_from_slice(&[PASS_THROUGH, VERSION]),
        HeaderMode::Header => out.extend_from_slice(&[VERSION, WHOLE, 0]),
    }
    control.encode_to(out);
    if let Some(payload) = payload {
        if mode == HeaderMode::PassThrough {
            out.push(VERSION);
        }
        out.extend_from_slice(payload);
    }
    frame::finish(out, start)
}

/// The sending side of one connection.
///
/// What it writes has to leave in the order in which it was written; with an atom cache, packets refer to earlier
/// ones.
///
/// [`message`](Self::message), [`needs_fragments`](Self::needs_fragments), [`fragments`](Self::fragments).
pub struct PacketWriter {
    mode: HeaderMode,
    fragments: bool,
    cache: Option<AtomCacheOut>,
    sequence: u64,
    control: Vec<u8>,
    edits: Vec<Edit>,
}

impl PacketWriter {
    /// For a connection with these flags in force.
    pub fn new(effective: Flags) -> Self {
        PacketWriter {
            mode: HeaderMode::of(effective),
            fragments: effective.has(Flags::FRAGMENTS),
            cache: effective.has(Flags::DIST_HDR_ATOM_CACHE).then(AtomCacheOut::new),
            sequence: 0,
            control: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// How packets start here.
    pub fn mode(&self) -> HeaderMode {
        self.mode
    }

    /// True if a payload of this many bytes has to go through [`fragments`](Self::fragments). The control tuple is
    /// not counted: packets may be a little longer than a fragment.
    pub fn needs_fragments(&self, payload: usize) -> bool {
        self.fragments && payload > FRAGMENT
    }

    /// Appends a message as one packet, with its length.
    ///
    /// # Errors
    /// `out` is as before then. [`Error::Limit`](crate::Error::Limit) for 2 GiB or more;
    /// [`Error::Malformed`](crate::Error::Malformed) if the payload is no term (noticed only with an atom cache).
    #[inline]
    pub fn message(&mut self, out: &mut Vec<u8>, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        if self.cache.is_none() {
            return encode_message(out, self.mode, control, payload);
        }
        let start = frame::begin(out);
        out.extend_from_slice(&[VERSION, WHOLE]);
        self.cached(out, control, payload).inspect_err(|_| out.truncate(start))?;
        frame::finish(out, start).inspect_err(|_| self.undo())
    }

    /// Begins a message in fragments: appends the first one, and returns what writes the others. Other packets may
    /// go between them, other messages of the same sender may not. The payload is not looked at.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if the control tuple has 2 GiB or more; `out` is as before then.
    pub fn fragments<P: AsRef<[u8]>>(
        &mut self,
        out: &mut Vec<u8>,
        control: &Control,
        payload: P,
    ) -> Result<Fragmenter<P>> {
        let start = frame::begin(out);
        let place = out.len();
        out.extend_from_slice(&[VERSION, FIRST]);
        out.extend_from_slice(&[0; 16]);
        // No atom section even with a cache: a copy of a large payload costs more than its atoms.
        out.push(0);
        let mut terms = Vec::new();
        control.encode_to(&mut terms);
        let uncut = terms.len();
        // Only the payload may be cut: the first fragment holds the whole control tuple.
        let mut fragmenter = Fragmenter { sequence: self.next_sequence(), left: 0, at: 0, terms, payload };
        let first = uncut.max(FRAGMENT);
        let rest = fragmenter.len().saturating_sub(first);
        fragmenter.left = rest.div_ceil(FRAGMENT) as u64 + 1;
        if let Some(head) = out.get_mut(place + 2..place + 18) {
            head[..8].copy_from_slice(&fragmenter.sequence.to_be_bytes());
            head[8..].copy_from_slice(&fragmenter.left.to_be_bytes());
        }
        fragmenter.copy(out, first);
        fragmenter.left -= 1;
        frame::finish(out, start)?;
        Ok(fragmenter)
    }

    /// Atom section, control tuple and payload.
    fn cached(
        &mut self,
        out: &mut Vec<u8>,
        control: &Control,
        payload: Option<&[u8]>,
    ) -> Result<(), Malformed> {
        let split = self.plan(control, payload)?;
        let Some(cache) = &self.cache else { return Ok(()) };
        cache.write_section(out);
        let (in_control, in_payload) = self.edits.split_at(split.min(self.edits.len()));
        write_edited(out, &self.control, in_control);
        write_edited(out, payload.unwrap_or_default(), in_payload);
        Ok(())
    }

    /// Encodes the control tuple and finds the atoms of both terms; returns how many edits are the tuple's.
    fn plan(&mut self, control: &Control, payload: Option<&[u8]>) -> Result<usize, Malformed> {
        self.control.clear();
        self.control.shrink_to(KEEP);
        self.edits.clear();
        self.edits.shrink_to(KEEP);
        control.encode_to(&mut self.control);
        let Some(cache) = &mut self.cache else { return Ok(0) };
        cache.begin();
        let mut plan = || {
            cache.plan(&self.control, &mut self.edits)?;
            let split = self.edits.len();
            if let Some(payload) = payload {
                let end = cache.plan(payload, &mut self.edits)?;
                if end != payload.len() {
                    return Err(Malformed::new("payload: something follows the term", end));
                }
            }
            Ok(split)
        };
        let planned = plan();
        planned.inspect_err(|_| cache.undo())
    }

    fn undo(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.undo();
        }
    }

    /// Never 0: a sequence of that number crashes a BEAM.
    fn next_sequence(&mut self) -> u64 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }
}

/// The rest of a message whose first fragment was written.
pub struct Fragmenter<P> {
    sequence: u64,
    /// Fragments that are still to be written.
    left: u64,
    /// Bytes written of `terms` and `payload`, seen as one.
    at: usize,
    terms: Vec<u8>,
    payload: P,
}

impl<P: AsRef<[u8]>> Fragmenter<P> {
    /// True when every fragment was written.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Bytes that are still to be written, without headers.
    pub fn remaining(&self) -> usize {
        self.len() - self.at
    }

    /// Appends the next packet, with its length. Returns true if more remain. Does nothing when all were written.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return false;
        }
        let length = self.remaining().min(FRAGMENT) + 18;
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&[VERSION, NEXT]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.left.to_be_bytes());
        self.copy(out, FRAGMENT);
        self.left -= 1;
        self.left > 0
    }

    fn len(&self) -> usize {
        self.terms.len() + self.payload.as_ref().len()
    }

    /// Appends the next `length` bytes, or what is left.
    fn copy(&mut self, out: &mut Vec<u8>, length: usize) {
        let end = self.at.saturating_add(length).min(self.len());
        let terms = self.terms.len();
        out.extend_from_slice(self.terms.get(self.at.min(terms)..end.min(terms)).unwrap_or_default());
        let (from, to) = (self.at.max(terms) - terms, end.max(terms) - terms);
        out.extend_from_slice(self.payload.as_ref().get(from..to).unwrap_or_default());
        self.at = end;
    }
}
