//! Compressed terms: `131 80 size:32`, then zlib. They occur in files and user binaries, never inside a packet.
//!
//! The announced size is believed only within limits, and the output grows with what really comes out.

use std::io::{ErrorKind, Read, Write};

use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::Compression;

use super::tag;
use crate::error::{no_memory, Malformed};
use crate::{Error, Result};

/// Largest size believed: more is a bomb, or a term that should not be handled in one piece.
const MAX_INFLATED: usize = 64 << 20;
/// Deflate cannot do better than 1:1032; a larger claim is a lie.
const MAX_RATIO: usize = 1032;
/// Version, tag and size.
const HEAD: usize = 6;
/// What zlib writes at most besides the data where that does not get smaller: a few bytes per block of 16 KiB and more.
const DEFLATE_MORE: usize = 64 << 10;

/// The bytes of the term (without version byte) inside a compressed one.
pub(crate) fn inflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let wrong = |what| Error::from(Malformed::new(what, HEAD));
    let [tag::VERSION, tag::COMPRESSED, a, b, c, d, ref zlib @ ..] = *bytes else {
        return Err(wrong("compressed term (cut short)"));
    };
    let claim = u32::from_be_bytes([a, b, c, d]) as usize;
    if claim > MAX_INFLATED {
        return Err(Error::Limit("a compressed term may have at most 64 MiB when inflated".into()));
    }
    if claim > zlib.len().saturating_mul(MAX_RATIO) {
        return Err(wrong("compressed term (size over what its bytes can hold)"));
    }
    let mut decoder = ZlibDecoder::new(zlib);
    let mut out = Vec::new();
    // One byte more than claimed, to see whether there is more. `read_to_end` grows the buffer as bytes come.
    let read = decoder.by_ref().take(claim as u64 + 1).read_to_end(&mut out);
    if read.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutOfMemory) {
        return Err(no_memory());
    }
    if read.is_err() || out.len() != claim {
        return Err(wrong("compressed term (does not inflate to its size)"));
    }
    if decoder.total_in() != zlib.len() as u64 {
        return Err(wrong("compressed term (bytes after it)"));
    }
    Ok(out)
}

/// `131 80 ...` of an encoded term without version byte; `None` when that would not be smaller than `131 term`.
pub(crate) fn deflate(term: &[u8]) -> Option<Vec<u8>> {
    let size = u32::try_from(term.len()).ok().filter(|&size| size as usize <= MAX_INFLATED)?;
    // What does not get smaller is of no use.
    let mut out = Vec::new();
    out.try_reserve(term.len() + HEAD + DEFLATE_MORE).ok()?;
    out.extend_from_slice(&[tag::VERSION, tag::COMPRESSED]);
    out.extend_from_slice(&size.to_be_bytes());
    let mut encoder = ZlibEncoder::new(out, Compression::default());
    encoder.write_all(term).ok()?;
    encoder.finish().ok().filter(|out| out.len() < term.len() + 1)
}
