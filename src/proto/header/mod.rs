//! What a packet starts with: pass-through, whole messages, fragments, and the atoms that belong to them.
//!
//! [`PacketReader`] turns packets into whole messages (control tuple and payload, side by side in one piece of
//! memory), [`PacketWriter`] does the reverse. One of each belongs to a connection.
//!
//! ```text
//! 112 131 Control [131 Payload]                          PassThrough
//! 131 68 N [Flags Refs] Control [Payload]                Header: whole message
//! 131 69 Seq:64 Frag:64 N [Flags Refs] Control Part      Header: first of Frag fragments
//! 131 70 Seq:64 Frag:64 Part                             Header: next fragment, Frag counts down to 1
//! ```

mod assembler;
mod atom_cache_in;
mod atom_cache_out;
mod census;
mod reader;
mod slots;
#[cfg(test)]
mod tests;
pub(crate) mod walk;
mod writer;

pub use assembler::{Assembler, AssemblyLimits, SpareBuffers};
pub use atom_cache_in::AtomCacheIn;
pub use census::{AtomCensus, DEFAULT_ATOM_LIMIT};
pub use reader::{PacketReader, Received};
pub use writer::{encode_message, Fragmenter, PacketWriter, FRAGMENT, FRAGMENT_HEAD};

use crate::proto::flags::Flags;

/// First byte of a pass-through packet.
const PASS_THROUGH: u8 = 112;
/// Second byte of a packet with a whole message.
const WHOLE: u8 = 68;
/// Second byte of the first fragment.
const FIRST: u8 = 69;
/// Second byte of every other fragment.
const NEXT: u8 = 70;

/// How packets start on a connection. Mixing the two is fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMode {
    /// Byte 112, and a version byte before control tuple and payload.
    PassThrough,
    /// Bytes 131 and 68, 69 or 70; no version bytes.
    Header,
}

impl HeaderMode {
    /// The mode that these flags in force lead to.
    pub const fn of(effective: Flags) -> HeaderMode {
        if effective.has(Flags::FRAGMENTS) || effective.has(Flags::DIST_HDR_ATOM_CACHE) {
            HeaderMode::Header
        } else {
            HeaderMode::PassThrough
        }
    }
}
