//! Joins fragments to messages.
//!
//! Memory grows with the bytes that arrived, never with what a header claims. Everything is freed when the
//! assembler goes, which is when the connection goes.
//! Always true: fragment numbers of a sequence count down by one; whoever skips or repeats one loses the connection.

use super::writer::FRAGMENT;
use crate::error::{Error, Malformed, Result};
use crate::term::Atom;
use bytes::Bytes;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, Mutex};

/// What may be in assembly on one connection.
#[derive(Debug, Clone, Copy)]
pub struct AssemblyLimits {
    /// Sequences that are open at the same time. A BEAM has one per process that is sending.
    pub sequences: usize,
    /// Bytes held for all of them.
    pub bytes: usize,
    /// Bytes of one message.
    pub message: usize,
}

impl Default for AssemblyLimits {
    fn default() -> Self {
        AssemblyLimits { sequences: 4096, bytes: 256 << 20, message: 128 << 20 }
    }
}

/// A message whose last fragment came.
pub(crate) struct Assembled {
    pub body: Bytes,
    pub atoms: Vec<Atom>,
}

struct Partial {
    /// The fragment number that must come next.
    next: u64,
    /// Bytes of the largest fragment so far.
    largest: usize,
    body: Vec<u8>,
    atoms: Vec<Atom>,
}

/// Messages of more fragments than this are put together in a buffer that is used again: the kernel hands out fresh
/// memory page by page, which costs more than the copy.
const REUSE_ABOVE: u64 = 8;

/// Buffers kept: one is filled while the program still reads the messages in the others.
const KEPT_BUFFERS: usize = 4;

/// Memory kept in them together: a message of 64 MiB with what belongs to it. A peer that keeps the connection busy decides
/// how long it is kept.
const KEPT_BYTES: usize = 65 << 20;

/// The buffers of the last big messages, once their readers have dropped them.
#[derive(Debug, Clone, Default)]
pub struct SpareBuffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl SpareBuffers {
    /// Gives their memory back.
    pub fn release(&self) {
        let spare = self.0.lock().map(|mut spare| std::mem::take(&mut *spare));
        drop(spare);
    }

    fn take(&self) -> Vec<u8> {
        self.0.lock().ok().and_then(|mut spare| spare.pop()).unwrap_or_default()
    }
}

/// A big message; its buffer goes home when the last reader drops it.
struct Lent {
    body: Vec<u8>,
    home: SpareBuffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        if let Ok(mut spare) = self.home.0.lock() {
            let kept: usize = spare.iter().map(Vec::capacity).sum();
            if spare.len() < KEPT_BUFFERS && kept.saturating_add(body.capacity()) <= KEPT_BYTES {
                spare.push(body);
            }
        }
    }
}

/// The messages that are in assembly on one connection.
pub struct Assembler {
    spare: SpareBuffers,
    limits: AssemblyLimits,
    open: HashMap<u64, Partial>,
    /// Sum of the lengths of all bodies. What is taken for them is less than twice as much, or an old buffer's worth.
    bytes: usize,
}

impl Assembler {
    /// An assembler with nothing in it.
    pub fn new(limits: AssemblyLimits) -> Self {
        Assembler { limits, open: HashMap::new(), bytes: 0, spare: SpareBuffers::default() }
    }

    /// The buffer kept for the next big message, to be released by a timer.
    pub fn spare(&self) -> SpareBuffers {
        self.spare.clone()
    }

    /// Sequences and bytes in assembly at this moment.
    pub fn load(&self) -> (usize, usize) {
        (self.open.len(), self.bytes)
    }

    /// The first fragment of `count`. Whole if it is the only one.
    pub(crate) fn first(
        &mut self,
        sequence: u64,
        count: u64,
        body: Bytes,
        atoms: impl FnOnce() -> Vec<Atom>,
    ) -> Result<Option<Assembled>> {
        if count == 0 {
            return Err(Malformed::new("number of fragments", 10).into());
        }
        if body.len() > self.limits.message {
            return Err(self.message_too_long());
        }
        let open = self.open.len();
        let Entry::Vacant(vacant) = self.open.entry(sequence) else {
            return Err(Malformed::new("second first fragment of a sequence", 2).into());
        };
        if count == 1 {
            return Ok(Some(Assembled { body, atoms: atoms() }));
        }
        if open >= self.limits.sequences {
            return Err(too_many(self.limits.sequences));
        }
        // Copied, so that a short fragment does not hold the read buffer it came in.
        let mut copy = if count > REUSE_ABOVE { self.spare.take() } else { Vec::new() };
        append(&mut copy, &body, 0)?;
        let body = copy;
        self.bytes = self.bytes.saturating_add(body.len());
        vacant.insert(Partial { next: count - 1, largest: 0, body, atoms: atoms() });
        self.check_bytes()?;
        Ok(None)
    }

    /// A following fragment. Returns the message with the last one.
    pub(crate) fn next(&mut self, sequence: u64, fragment: u64, body: &[u8]) -> Result<Option<Assembled>> {
        let Entry::Occupied(mut entry) = self.open.entry(sequence) else {
            return Err(Malformed::new("fragment of an unknown sequence", 2).into());
        };
        let partial = entry.get_mut();
        if partial.next != fragment {
            return Err(Malformed::new("order of fragments", 10).into());
        }
        if partial.body.len().saturating_add(body.len()) > self.limits.message {
            return Err(self.message_too_long());
        }
        partial.largest = partial.largest.max(body.len());
        let more = partial.largest.saturating_mul(usize::try_from(fragment - 1).unwrap_or(usize::MAX));
        append(&mut partial.body, body, more)?;
        self.bytes = self.bytes.saturating_add(body.len());
        if fragment > 1 {
            partial.next = fragment - 1;
            self.check_bytes()?;
            return Ok(None);
        }
        let partial = entry.remove();
        self.bytes = self.bytes.saturating_sub(partial.body.len());
        let body = match partial.body.len() as u64 > REUSE_ABOVE * FRAGMENT as u64 {
            true => Bytes::from_owner(Lent { body: partial.body, home: self.spare.clone() }),
            false => partial.body.into(),
        };
        Ok(Some(Assembled { body, atoms: partial.atoms }))
    }

    fn check_bytes(&self) -> Result<()> {
        if self.bytes <= self.limits.bytes {
            return Ok(());
        }
        Err(Error::Limit(
            format!("more than {} bytes of messages in fragments (option max_assembly)", self.limits.bytes)
                .into(),
        ))
    }

    #[cold]
    fn message_too_long(&self) -> Error {
        Error::Limit(
            format!("a message of more than {} bytes (option max_message)", self.limits.message).into(),
        )
    }
}

/// Appends, or says that there is no memory: a message may be larger than what the process may have, and that is the
/// connection's end, not the program's. `more` bytes seem to follow: no more room than that is made, and never more than
/// doubles what has come.
fn append(body: &mut Vec<u8>, part: &[u8], more: usize) -> Result<()> {
    if body.capacity() - body.len() < part.len() {
        let room = part.len().saturating_add(more.min(body.len()));
        if body.try_reserve_exact(room).is_err() {
            return Err(Error::Limit(
                format!("no memory for a message of more than {} bytes", body.len()).into(),
            ));
        }
    }
    body.extend_from_slice(part);
    Ok(())
}

#[cold]
fn too_many(limit: usize) -> Error {
    Error::Limit(
        format!("more than {limit} fragmented messages at the same time (option max_sequences)").into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AssemblyLimits = AssemblyLimits { sequences: 2, bytes: 100, message: 60 };

    fn first(a: &mut Assembler, seq: u64, count: u64, body: &'static [u8]) -> Result<Option<Bytes>> {
        Ok(a.first(seq, count, Bytes::from_static(body), Vec::new)?.map(|m| m.body))
    }

    fn next(a: &mut Assembler, seq: u64, fragment: u64, body: &[u8]) -> Result<Option<Bytes>> {
        Ok(a.next(seq, fragment, body)?.map(|m| m.body))
    }

    #[test]
    fn interleaved_sequences_are_joined_in_order() {
        let mut a = Assembler::new(LIMITS);
        assert_eq!(first(&mut a, 7, 3, b"he").unwrap(), None);
        assert_eq!(first(&mut a, 8, 2, b"").unwrap(), None);
        assert_eq!(next(&mut a, 7, 2, b"").unwrap(), None);
        assert_eq!(next(&mut a, 8, 1, b"you").unwrap().unwrap(), "you");
        assert_eq!(next(&mut a, 7, 1, b"llo").unwrap().unwrap(), "hello");
        assert_eq!(a.load(), (0, 0));
        // The same sender sends again.
        assert_eq!(first(&mut a, 7, 1, b"again").unwrap().unwrap(), "again");
    }

    #[test]
    fn skipped_repeated_unknown_and_empty_counts_are_fatal() {
        let mut a = Assembler::new(LIMITS);
        assert!(first(&mut a, 1, 0, b"").is_err());
        assert!(next(&mut a, 1, 1, b"").is_err());
        first(&mut a, 1, 3, b"").unwrap();
        assert!(first(&mut a, 1, 3, b"").is_err(), "opened twice");
        assert!(first(&mut a, 1, 1, b"").is_err(), "a whole one in an open sequence");
        assert!(next(&mut a, 1, 3, b"").is_err(), "repeated");
        assert!(next(&mut a, 1, 1, b"").is_err(), "skipped");
        assert!(next(&mut a, 1, 0, b"").is_err());
    }

    #[test]
    fn sequences_bytes_and_messages_are_capped() {
        let mut a = Assembler::new(LIMITS);
        first(&mut a, 1, u64::MAX, b"").unwrap();
        first(&mut a, 2, 2, b"").unwrap();
        assert!(matches!(first(&mut a, 3, 2, b""), Err(Error::Limit(_))));
        next(&mut a, 1, u64::MAX - 1, &[0; 50]).unwrap();
        assert!(matches!(next(&mut a, 1, u64::MAX - 2, &[0; 11]), Err(Error::Limit(_))));
        assert!(matches!(next(&mut a, 2, 1, &[0; 61]), Err(Error::Limit(_))));
        let mut a = Assembler::new(AssemblyLimits { message: 1000, ..LIMITS });
        first(&mut a, 1, 9, b"").unwrap();
        next(&mut a, 1, 8, &[0; 60]).unwrap();
        assert!(matches!(next(&mut a, 1, 7, &[0; 60]), Err(Error::Limit(_))));
    }

    #[test]
    fn buffers_used_again_count_by_what_is_in_them() {
        let big = AssemblyLimits { bytes: 4 << 20, message: 4 << 20, ..LIMITS };
        let mut a = Assembler::new(big);
        let part = vec![0; 256 << 10];
        let send = |a: &mut Assembler, count: u64, part: &[u8]| {
            assert_eq!(first(a, 1, count, b"").unwrap(), None);
            (1..count).rev().filter_map(|fragment| next(a, 1, fragment, part).unwrap()).last().unwrap()
        };
        let messages = [send(&mut a, 13, &part), send(&mut a, 13, &part)];
        assert_eq!(a.load(), (0, 0));
        drop(messages);
        // Both take a buffer of megabytes for a few bytes.
        first(&mut a, 1, 9, b"abc").unwrap();
        first(&mut a, 2, 9, b"de").unwrap();
        assert_eq!(a.load(), (2, 5));
        a.spare().release();
    }

    #[test]
    fn a_message_takes_little_more_memory_than_its_bytes_once_it_is_whole() {
        let limits = AssemblyLimits { bytes: 64 << 20, message: 64 << 20, ..LIMITS };
        let part = vec![7; 64 << 10];
        for count in [2, 5, 100, 400] {
            let mut a = Assembler::new(limits);
            assert_eq!(first(&mut a, 1, count, b"head").unwrap(), None);
            for fragment in (1..count).rev() {
                let whole = next(&mut a, 1, fragment, &part).unwrap();
                if let Some(partial) = a.open.get(&1) {
                    let (length, room) = (partial.body.len(), partial.body.capacity());
                    assert!(room <= 2 * length, "{room} for {length}");
                    assert!(room <= 4 + part.len() * (count as usize - 1), "{room} for all");
                }
                assert_eq!(whole.is_some(), fragment == 1);
            }
        }
    }

    #[test]
    fn no_more_than_the_allowance_is_kept_for_later() {
        let home = SpareBuffers::default();
        for _ in 0..3 {
            drop(Lent { body: Vec::with_capacity(KEPT_BYTES / 2 + 1), home: home.clone() });
        }
        assert_eq!(home.0.lock().unwrap().len(), 1);
        home.release();
        assert!(home.0.lock().unwrap().is_empty());
    }
}
