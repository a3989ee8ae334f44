//! From messages to packets, in one piece or in fragments.

use super::atom_cache_out::{hash, write_edited, AtomCacheOut, Edit, Opening};
use super::census::AtomCensus;
use super::{HeaderMode, FIRST, NEXT, PASS_THROUGH, WHOLE};
use crate::error::{Error, Malformed, Result};
use crate::proto::control::Control;
use crate::proto::flags::Flags;
use crate::proto::frame;
use crate::term::tag::VERSION;

/// Messages of more bytes (control tuple and payload) travel in fragments of this size, as a BEAM's do. Between two
/// of them other packets can pass.
pub const FRAGMENT: usize = 64 << 10;

/// Bytes in front of the payload in a fragment that is not the first: `Len:32 131 70 Seq:64 Frag:64`.
pub const FRAGMENT_HEAD: usize = 4 + 2 + 8 + 8;

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
    census: AtomCensus,
    sequence: u64,
    control: Vec<u8>,
    edits: Vec<Edit>,
    /// Control tuples of the last messages, as they went out; see [`place`].
    memos: [Option<Box<Memo>>; MEMOS],
}

/// A control tuple and its bytes with references to the atoms that begin the packet.
struct Memo {
    control: Control,
    bytes: Vec<u8>,
    opening: Opening,
}

impl Memo {
    fn new(control: &Control) -> Self {
        Memo { control: control.clone(), bytes: Vec::new(), opening: Opening::default() }
    }
}

/// Pairs of sender and receiver that are remembered: a program has few conversations at a time.
const MEMOS: usize = 8;

/// Where a control tuple may be remembered; only those of ordinary messages are.
#[inline]
fn place(control: &Control) -> Option<usize> {
    let key = match control {
        Control::SendSender { from, to, token: None } => from.id ^ to.id.rotate_left(3),
        Control::RegSend { from, token: None, .. } => from.id,
        _ => return None,
    };
    Some(key as usize % MEMOS)
}

/// Whether a message like this may be refused; signals are never lost.
fn may_refuse(control: &Control) -> bool {
    match control {
        Control::AltactSignal(signal) => !signal.exit,
        Control::MonitorP { .. } => true,
        _ => {
            control.has_payload()
                && !matches!(
                    control,
                    Control::PayloadExit { .. }
                        | Control::PayloadExit2 { .. }
                        | Control::PayloadMonitorPExit { .. }
                )
        }
    }
}

impl PacketWriter {
    /// For a connection with these flags in force.
    pub fn new(effective: Flags) -> Self {
        PacketWriter::with_census(effective, AtomCensus::default())
    }

    /// For a connection to a peer that got these atoms on earlier ones.
    pub fn with_census(effective: Flags, census: AtomCensus) -> Self {
        PacketWriter {
            mode: HeaderMode::of(effective),
            fragments: effective.has(Flags::FRAGMENTS),
            cache: effective.has(Flags::DIST_HDR_ATOM_CACHE).then(AtomCacheOut::new),
            census,
            sequence: 0,
            control: Vec::new(),
            edits: Vec::new(),
            memos: Default::default(),
        }
    }

    /// The atoms that the peer got.
    pub fn census(&mut self) -> &mut AtomCensus {
        &mut self.census
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
    /// `out` is as before then. [`Error::Limit`](crate::Error::Limit) for 2 GiB or more, or if the peer got too many
    /// atoms; [`Error::Malformed`](crate::Error::Malformed) if the payload is no term.
    #[inline]
    pub fn message(&mut self, out: &mut Vec<u8>, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        if self.cache.is_none() {
            self.count(control, payload)?;
            return encode_message(out, self.mode, control, payload);
        }
        let start = frame::begin(out);
        out.extend_from_slice(&[VERSION, WHOLE]);
        self.cached(out, control, payload).inspect_err(|_| out.truncate(start))?;
        frame::finish(out, start).inspect_err(|_| self.undo())
    }

    /// Appends a message as one packet, but for its payload, which has to follow at once. Without atom section, and whether
    /// the payload is a term is not checked; otherwise as [`message`](Self::message).
    ///
    /// # Errors
    /// As there.
    pub fn head(&mut self, out: &mut Vec<u8>, control: &Control, payload: &[u8]) -> Result<()> {
        if let Err(error @ Error::Limit(_)) = self.count(control, Some(payload)) {
            return Err(error);
        }
        let start = frame::begin(out);
        match self.mode {
            HeaderMode::PassThrough => out.extend_from_slice(&[PASS_THROUGH, VERSION]),
            HeaderMode::Header => out.extend_from_slice(&[VERSION, WHOLE, 0]),
        }
        control.encode_to(out);
        if self.mode == HeaderMode::PassThrough {
            out.push(VERSION);
        }
        frame::finish_before(out, start, payload.len())
    }

    /// Begins a message in fragments: appends the first one, and returns what writes the others. Other packets may
    /// go between them, other messages of the same sender may not. Whether the payload is a term is not checked.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if the control tuple has 2 GiB or more, or if the peer got too many atoms;
    /// `out` is as before then.
    pub fn fragments<P: AsRef<[u8]>>(
        &mut self,
        out: &mut Vec<u8>,
        control: &Control,
        payload: P,
    ) -> Result<Fragmenter<P>> {
        self.fragments_of(out, control, payload, FRAGMENT, FRAGMENT)
    }

    /// [`fragments`](Self::fragments) of another `size`; the first one has `first` bytes, or the whole control tuple.
    ///
    /// # Errors
    /// As there.
    pub fn fragments_of<P: AsRef<[u8]>>(
        &mut self,
        out: &mut Vec<u8>,
        control: &Control,
        payload: P,
        first: usize,
        size: usize,
    ) -> Result<Fragmenter<P>> {
        // What is no term is not our business here.
        if let Err(error @ Error::Limit(_)) = self.count(control, Some(payload.as_ref())) {
            return Err(error);
        }
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
        let size = size.max(1);
        let mut fragmenter =
            Fragmenter { sequence: self.next_sequence(), left: 0, size, at: 0, terms, payload };
        let first = uncut.max(first);
        let rest = fragmenter.len().saturating_sub(first);
        fragmenter.left = rest.div_ceil(size) as u64 + 1;
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
    fn cached(&mut self, out: &mut Vec<u8>, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        let Some(cache) = &mut self.cache else { return Ok(()) };
        self.edits.clear();
        self.edits.shrink_to(KEEP);
        cache.begin();
        let place = place(control);
        let memo = place
            .and_then(|place| self.memos.get(place)?.as_deref())
            .filter(|memo| memo.control == *control && cache.open_with(&memo.opening));
        let mut plan = || {
            let split = match memo {
                Some(_) => 0,
                None => {
                    self.control.clear();
                    self.control.shrink_to(KEEP);
                    control.encode_to(&mut self.control);
                    cache.plan(&self.control, &mut self.edits, &mut self.census)?;
                    self.edits.len()
                }
            };
            let opening = cache.entries();
            if let Some(payload) = payload {
                let end = cache.plan(payload, &mut self.edits, &mut self.census)?;
                if end != payload.len() {
                    return Err(Malformed::new("payload: something follows the term", end).into());
                }
            }
            self.census.settle(may_refuse(control))?;
            Ok((split, opening))
        };
        let (split, opening) = match plan() {
            Ok(planned) => planned,
            Err(error) => {
                cache.undo();
                self.census.forget();
                return Err(error);
            }
        };
        cache.write_section(out);
        let (in_control, in_payload) = self.edits.split_at(split.min(self.edits.len()));
        match (memo, place) {
            (Some(memo), _) => out.extend_from_slice(&memo.bytes),
            (None, None) => write_edited(out, &self.control, in_control),
            (None, Some(place)) => {
                let start = out.len();
                write_edited(out, &self.control, in_control);
                if let Some(memo) = self.memos.get_mut(place) {
                    let memo = memo.get_or_insert_with(|| Box::new(Memo::new(control)));
                    memo.control.clone_from(control);
                    memo.bytes.clear();
                    memo.bytes.extend_from_slice(out.get(start..).unwrap_or_default());
                    cache.note_opening(opening, &mut memo.opening);
                }
            }
        }
        write_edited(out, payload.unwrap_or_default(), in_payload);
        Ok(())
    }

    /// Counts the atoms of a message that goes out as it is.
    fn count(&mut self, control: &Control, payload: Option<&[u8]>) -> Result<()> {
        let mut count = || {
            match control {
                // Our name and the peer's, which the handshake told, or nothing new.
                Control::SendSender { .. } | Control::Send { .. } | Control::AliasSend { .. } => {}
                Control::RegSend { to, .. } => self.census.see(hash(to.as_bytes())),
                _ => {
                    self.control.clear();
                    self.control.shrink_to(KEEP);
                    control.encode_to(&mut self.control);
                    self.census.see_term(&self.control)?;
                }
            }
            if let Some(payload) = payload {
                self.census.see_term(payload)?;
            }
            self.census.settle(may_refuse(control))
        };
        let counted = count();
        counted.inspect_err(|_| self.census.forget())
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
    /// Bytes in each of them, except in the last.
    size: usize,
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

    /// Bytes of the message in the next packet.
    pub fn next_part(&self) -> usize {
        self.remaining().min(self.size)
    }

    /// Appends the next packet, with its length. Returns true if more remain. Does nothing when all were written.
    pub fn write_next(&mut self, out: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return false;
        }
        let length = self.next_part() + 18;
        out.extend_from_slice(&(length as u32).to_be_bytes());
        out.extend_from_slice(&[VERSION, NEXT]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.left.to_be_bytes());
        self.copy(out, self.size);
        self.left -= 1;
        self.left > 0
    }

    /// The packet that is `ahead` packets after the next one, in two pieces: its length and header, and its part of the
    /// payload where that is. `None` beyond the last.
    pub fn peek(&self, ahead: usize) -> Option<([u8; FRAGMENT_HEAD], &[u8])> {
        let number = self.left.checked_sub(ahead as u64).filter(|left| *left > 0)?;
        // The first fragment took the whole control tuple.
        let start = (self.at + ahead * self.size).checked_sub(self.terms.len())?;
        let payload = self.payload.as_ref();
        let part = payload.get(start..payload.len().min(start + self.size))?;
        let mut head = [0; FRAGMENT_HEAD];
        let (length, rest) = head.split_at_mut(4);
        length.copy_from_slice(&((part.len() + FRAGMENT_HEAD - 4) as u32).to_be_bytes());
        let (kind, rest) = rest.split_at_mut(2);
        kind.copy_from_slice(&[VERSION, NEXT]);
        let (sequence, left) = rest.split_at_mut(8);
        sequence.copy_from_slice(&self.sequence.to_be_bytes());
        left.copy_from_slice(&number.to_be_bytes());
        Some((head, part))
    }

    /// The next packets, as many as this, have been written from what [`peek`](Self::peek) showed.
    pub fn skip(&mut self, packets: usize) {
        for _ in 0..packets.min(usize::try_from(self.left).unwrap_or(usize::MAX)) {
            self.at = self.at.saturating_add(self.size).min(self.len());
            self.left -= 1;
        }
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
