//! From packets to whole messages.

use super::assembler::{Assembler, AssemblyLimits, SpareBuffers};
use super::atom_cache_in::AtomCacheIn;
use super::{HeaderMode, FIRST, NEXT, PASS_THROUGH, WHOLE};
use crate::error::{Malformed, Result};
use crate::proto::flags::Flags;
use crate::term::tag::VERSION;
use crate::term::Atom;
use bytes::{Buf, Bytes};

/// What a packet brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Nothing but the news that the peer lives (or a signal it dropped because we could not have handled it).
    Tick,
    /// A fragment of a message that is not complete yet.
    Partial,
    /// A control tuple and what follows it. Find the end of the tuple by decoding it, then ask
    /// [`PacketReader::payload`]; until the next packet is read, [`PacketReader::atoms`] belongs to it.
    Message(Bytes),
}

/// The receiving side of one connection, after [`frame::split`](crate::proto::frame::split).
///
/// [`read`](Self::read), [`atoms`](Self::atoms), [`payload`](Self::payload), [`load`](Self::load).
pub struct PacketReader {
    mode: HeaderMode,
    fragments: bool,
    caching: bool,
    cache: AtomCacheIn,
    assembler: Assembler,
}

impl PacketReader {
    /// For a connection with these flags in force.
    pub fn new(effective: Flags, limits: AssemblyLimits) -> Self {
        PacketReader {
            mode: HeaderMode::of(effective),
            fragments: effective.has(Flags::FRAGMENTS),
            caching: effective.has(Flags::DIST_HDR_ATOM_CACHE),
            cache: AtomCacheIn::new(),
            assembler: Assembler::new(limits),
        }
    }

    /// How packets start here.
    pub fn mode(&self) -> HeaderMode {
        self.mode
    }

    /// The atoms of the message read last. Empty unless the atom cache was negotiated.
    pub fn atoms(&self) -> &[Atom] {
        self.cache.atoms()
    }

    /// The buffer kept for the next big message; release it when the connection is idle.
    pub fn spare(&self) -> SpareBuffers {
        self.assembler.spare()
    }

    /// Sequences and bytes of messages that are not complete yet.
    pub fn load(&self) -> (usize, usize) {
        self.assembler.load()
    }

    /// Reads a packet (without its length).
    ///
    /// # Errors
    /// Whatever it is, the connection has to be closed.
    #[inline]
    pub fn read(&mut self, mut packet: Bytes) -> Result<Received> {
        match (self.mode, &packet[..]) {
            (_, []) => Ok(Received::Tick),
            (HeaderMode::Header, [VERSION, WHOLE, 0, ..]) => {
                self.cache.clear();
                packet.advance(3);
                Ok(Received::Message(packet))
            }
            (HeaderMode::PassThrough, [PASS_THROUGH, VERSION, ..]) => {
                packet.advance(2);
                Ok(Received::Message(packet))
            }
            (HeaderMode::Header, [VERSION, WHOLE, ..]) => {
                self.atom_section(&mut packet, 2)?;
                Ok(Received::Message(packet))
            }
            (HeaderMode::Header, [VERSION, FIRST, ..]) if self.fragments => self.first(packet),
            (HeaderMode::Header, [VERSION, NEXT, ..]) if self.fragments => self.next(packet),
            _ => Err(Malformed::new("packet header", 0).into()),
        }
    }

    /// What follows a control tuple that took the first `control` bytes of `message`; without version byte.
    /// `None` if nothing does.
    ///
    /// # Errors
    /// A pass-through payload without its version byte: close the connection.
    #[inline]
    pub fn payload(&self, message: &Bytes, control: usize) -> Result<Option<Bytes>, Malformed> {
        payload(self.mode, message, control)
    }

    fn first(&mut self, mut packet: Bytes) -> Result<Received> {
        let (sequence, count) = numbers(&packet)?;
        self.atom_section(&mut packet, FRAGMENT_HEAD)?;
        let cache = &self.cache;
        let whole = self.assembler.first(sequence, count, packet, || cache.copy_of_atoms())?;
        Ok(whole.map_or(Received::Partial, |message| Received::Message(message.body)))
    }

    fn next(&mut self, packet: Bytes) -> Result<Received> {
        let (sequence, fragment) = numbers(&packet)?;
        let part = packet.get(FRAGMENT_HEAD..).unwrap_or_default();
        let Some(message) = self.assembler.next(sequence, fragment, part)? else {
            return Ok(Received::Partial);
        };
        self.cache.restore(message.atoms);
        Ok(Received::Message(message.body))
    }

    /// Applies the atom section at `start` and cuts the packet to what follows.
    fn atom_section(&mut self, packet: &mut Bytes, start: usize) -> Result<(), Malformed> {
        let end = self.cache.read(packet, start)?;
        if !self.caching && !self.cache.atoms().is_empty() {
            return Err(Malformed::new("atom section, which was not negotiated", start));
        }
        packet.advance(end);
        Ok(())
    }
}

/// `131 69|70 Seq:64 Frag:64`.
const FRAGMENT_HEAD: usize = 18;

fn numbers(packet: &[u8]) -> Result<(u64, u64), Malformed> {
    let number =
        |at: usize| packet.get(at..).and_then(|rest| rest.first_chunk()).map(|b| u64::from_be_bytes(*b));
    match (number(2), number(10)) {
        (Some(sequence), Some(fragment)) => Ok((sequence, fragment)),
        _ => Err(Malformed::new("truncated fragment header", packet.len())),
    }
}

/// See [`PacketReader::payload`].
pub(crate) fn payload(mode: HeaderMode, message: &Bytes, control: usize) -> Result<Option<Bytes>, Malformed> {
    if control >= message.len() {
        return Ok(None);
    }
    match mode {
        HeaderMode::Header => Ok(Some(message.slice(control..))),
        HeaderMode::PassThrough if message.get(control) == Some(&VERSION) && control + 1 < message.len() => {
            Ok(Some(message.slice(control + 1..)))
        }
        HeaderMode::PassThrough => Err(Malformed::new("version byte of a payload", control)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const CACHING: Flags = Flags(Flags::HIDDEN_FULL.0 | Flags::DIST_HDR_ATOM_CACHE.0);

    fn reader(flags: Flags) -> PacketReader {
        PacketReader::new(flags, AssemblyLimits::default())
    }

    fn read(reader: &mut PacketReader, packet: &[u8]) -> Result<Received> {
        reader.read(Bytes::copy_from_slice(packet))
    }

    fn message(body: &'static [u8]) -> Received {
        Received::Message(Bytes::from_static(body))
    }

    fn fragment(kind: u8, sequence: u64, number: u64, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![131, kind];
        packet.extend_from_slice(&sequence.to_be_bytes());
        packet.extend_from_slice(&number.to_be_bytes());
        packet.extend_from_slice(rest);
        packet
    }

    #[test]
    fn each_mode_reads_its_own_packets_and_refuses_the_other() {
        let mut header = reader(Flags::HIDDEN_FULL);
        let mut pass = reader(Flags::HIDDEN_SIMPLE);
        assert_eq!(read(&mut header, b"").unwrap(), Received::Tick);
        assert_eq!(read(&mut pass, b"").unwrap(), Received::Tick);
        assert_eq!(read(&mut header, b"\x83\x44\0h\0rest").unwrap(), message(b"h\0rest"));
        assert_eq!(read(&mut pass, b"p\x83h\0\x83rest").unwrap(), message(b"h\0\x83rest"));
        assert!(read(&mut header, b"p\x83h\0\x83rest").is_err());
        assert!(read(&mut pass, b"\x83\x44\0h\0rest").is_err());
        for odd in [&b"\x83"[..], b"\x83\x44", b"\x83\x43\0", b"p", b"ph", b"\0"] {
            assert!(read(&mut header, odd).is_err() && read(&mut pass, odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn the_payload_stands_behind_the_control_tuple() {
        let body = Bytes::from_static(b"h\0\x83j");
        assert_eq!(payload(HeaderMode::PassThrough, &body, 2).unwrap().unwrap(), "j");
        assert_eq!(payload(HeaderMode::Header, &body, 2).unwrap().unwrap(), &b"\x83j"[..]);
        assert_eq!(payload(HeaderMode::Header, &body, 4).unwrap(), None);
        assert_eq!(payload(HeaderMode::Header, &body, 400).unwrap(), None);
        assert!(payload(HeaderMode::PassThrough, &body, 3).is_err());
        assert!(payload(HeaderMode::PassThrough, &body.slice(..3), 2).is_err());
    }

    #[test]
    fn fragments_become_one_message_with_the_atoms_of_the_first() {
        let mut r = reader(CACHING);
        let f = |kind, number, rest: &[u8]| fragment(kind, 5, number, rest);
        assert_eq!(read(&mut r, &f(FIRST, 3, b"\x01\x08\x07\x02szh\x01")).unwrap(), Received::Partial);
        assert_eq!(read(&mut r, b"").unwrap(), Received::Tick);
        assert_eq!(read(&mut r, b"\x83\x44\x01\x08\x07\x02xyh\0").unwrap(), message(b"h\0"));
        assert_eq!(r.atoms()[0].as_str(), "xy");
        assert_eq!(read(&mut r, &f(NEXT, 2, b"R")).unwrap(), Received::Partial);
        assert_eq!(read(&mut r, &f(NEXT, 1, b"\0")).unwrap(), message(b"h\x01R\0"));
        assert_eq!(r.atoms()[0].as_str(), "sz");
        assert_eq!(r.load(), (0, 0));
        assert_eq!(read(&mut r, b"\x83\x44\0h\0").unwrap(), message(b"h\0"));
        assert!(r.atoms().is_empty());
    }

    #[test]
    fn fragments_and_atoms_that_were_not_negotiated_are_refused() {
        let mut cache_only = reader(Flags(Flags::HIDDEN_SIMPLE.0 | Flags::DIST_HDR_ATOM_CACHE.0));
        assert!(read(&mut cache_only, &fragment(FIRST, 5, 1, b"\0h\0")).is_err());
        assert!(read(&mut cache_only, b"\x83\x44\x01\x08\x07\x02szh\0").is_ok());
        let mut fragments_only = reader(Flags::HIDDEN_FULL);
        assert!(read(&mut fragments_only, b"\x83\x44\x01\x08\x07\x02szh\0").is_err());
        assert_eq!(read(&mut fragments_only, &fragment(FIRST, 5, 1, b"\0h\0")).unwrap(), message(b"h\0"));
    }

    #[test]
    fn truncated_fragment_headers_are_refused() {
        let whole = fragment(FIRST, 1, 2, b"\0");
        for cut in 1..whole.len() {
            assert!(read(&mut reader(CACHING), &whole[..cut]).is_err(), "{cut}");
        }
        assert!(matches!(
            read(&mut reader(CACHING), &fragment(NEXT, 1, 1, b"")),
            Err(Error::Malformed(Malformed { what: "fragment of an unknown sequence", .. }))
        ));
    }
}
