//! Packets on an established connection: `Len:32` and that many bytes, in both directions.
//!
//! What is in them is the business of `header`. A packet without bytes is a tick.
//! Always true: what [`split`] returns shares the read buffer; nothing is copied, and nothing is reserved for bytes
//! that were only promised.

use crate::error::{Error, Malformed, Result};
use bytes::{Buf, Bytes, BytesMut};

/// A packet that says "still here".
pub const TICK: [u8; 4] = [0; 4];

/// Bytes of a length.
pub const LENGTH: usize = 4;

/// Default for the largest packet accepted. Fragmented messages need no more than 64 KiB, but the first messages of
/// a connection that a BEAM opened are never fragmented, whatever their size.
pub const DEFAULT_CAP: usize = 128 << 20;

/// A BEAM never writes packets from this size on; the other half of the range would be negative lengths.
pub const MAX_PACKET: usize = (1 << 31) - 1;

/// Takes the next whole packet off the front of `buffer`, without its length. `None` when it is not complete.
///
/// # Errors
/// [`Error::Limit`] for a packet over `cap` bytes, [`Error::Malformed`] for one that nobody may send. Close the
/// connection: the stream cannot be followed any further.
pub fn split(buffer: &mut BytesMut, cap: usize) -> Result<Option<Bytes>> {
    let Some(head) = buffer.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length > MAX_PACKET {
        return Err(Malformed::new("packet length", 0).into());
    }
    if length > cap {
        return Err(too_long(length, cap));
    }
    if buffer.len() - LENGTH < length {
        return Ok(None);
    }
    buffer.advance(LENGTH);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// How many bytes the packet at the front of `buffer` still lacks; 0 when it is complete. A hint for the size of the
/// next read, to be bounded by the reader.
pub fn missing(buffer: &[u8]) -> usize {
    match buffer.first_chunk::<LENGTH>() {
        Some(head) => (u32::from_be_bytes(*head) as usize).saturating_sub(buffer.len() - LENGTH),
        None => LENGTH - buffer.len(),
    }
}

#[cold]
fn too_long(length: usize, cap: usize) -> Error {
    Error::Limit(format!("a packet of {length} bytes arrived; the limit is {cap} (option max_packet)").into())
}

/// Leaves room for a length and returns the place of it, for [`finish`].
pub(crate) fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    start
}

/// Fills in the length of the packet that began at `start`. On error the packet is taken back.
pub(crate) fn finish(out: &mut Vec<u8>, start: usize) -> Result<()> {
    finish_before(out, start, 0)
}

/// [`finish`] for a packet of which `more` bytes follow that are not here.
pub(crate) fn finish_before(out: &mut Vec<u8>, start: usize, more: usize) -> Result<()> {
    let length = out.len().saturating_sub(start + LENGTH).saturating_add(more);
    if length <= MAX_PACKET {
        if let Some(head) = out.get_mut(start..start + LENGTH) {
            head.copy_from_slice(&(length as u32).to_be_bytes());
            return Ok(());
        }
    }
    out.truncate(start);
    Err(Error::Limit(
        "a packet has less than 2 GiB; the peer does not take larger messages in fragments".into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> BytesMut {
        BytesMut::from(bytes)
    }

    #[test]
    fn packets_come_out_whole_and_in_order_however_they_are_cut() {
        let stream = b"\0\0\0\x03abc\0\0\0\0\0\0\0\x01d";
        for cut in 0..=stream.len() {
            let mut buffer = BytesMut::new();
            let mut packets = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                buffer.extend_from_slice(piece);
                while let Some(packet) = split(&mut buffer, 10).unwrap() {
                    packets.push(packet);
                }
            }
            assert_eq!(packets, [&b"abc"[..], b"", b"d"]);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn packets_share_the_read_buffer() {
        let mut buffer = buffer(b"\0\0\0\x03abc");
        let place = buffer.as_ptr() as usize + LENGTH;
        assert_eq!(split(&mut buffer, 10).unwrap().unwrap().as_ptr() as usize, place);
    }

    #[test]
    fn lengths_over_the_cap_or_negative_are_refused_before_their_bytes_arrive() {
        assert!(matches!(split(&mut buffer(b"\0\0\0\x0b"), 10), Err(Error::Limit(_))));
        assert!(matches!(split(&mut buffer(b"\x80\0\0\0"), usize::MAX), Err(Error::Malformed(_))));
        assert!(matches!(split(&mut buffer(b"\x7f\xff\xff\xff"), usize::MAX), Ok(None)));
    }

    #[test]
    fn the_missing_bytes_are_counted() {
        assert_eq!(missing(b""), 4);
        assert_eq!(missing(b"\0\0\0"), 1);
        assert_eq!(missing(b"\0\0\0\x05a"), 4);
        assert_eq!(missing(b"\0\0\0\x01ab"), 0);
    }

    #[test]
    fn a_length_is_filled_in_behind_other_packets() {
        let mut out = TICK.to_vec();
        let start = begin(&mut out);
        out.extend_from_slice(b"abc");
        finish(&mut out, start).unwrap();
        assert_eq!(out, b"\0\0\0\0\0\0\0\x03abc");
    }
}
