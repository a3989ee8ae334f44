//! Capability flags: what a node says it can do, 64 bits in the first messages of a connection.
//!
//! The table follows OTP 25 to 29. A set bit is a promise: announce only what is implemented. What both sides
//! announced is in force, nothing else.

use std::fmt;
use std::ops::{BitAnd, BitOr};

/// A set of capability flags.
///
/// [`has`](Self::has), [`with`](Self::with), [`without`](Self::without), [`expand`](Self::expand),
/// [`effective`](Self::effective), [`missing_mandatory`](Self::missing_mandatory), [`names`](Self::names).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u64);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
        }
        /// Every flag that has a name, in the order of its bits.
        const TABLE: &[(Flags, &str)] = &[$((Flags::$name, stringify!($name)),)*];
    };
}

flags! {
    /// Be a visible node. In force only when both sides set it.
    PUBLISHED = 0;
    /// Obsolete; never set.
    ATOM_CACHE = 1;
    /// References with three and more words.
    EXTENDED_REFERENCES = 2;
    /// Monitors of processes. Honoured only together with [`Flags::DIST_MONITOR_NAME`].
    DIST_MONITOR = 3;
    /// Funs travel under their own tag.
    FUN_TAGS = 4;
    /// Monitors of registered names.
    DIST_MONITOR_NAME = 5;
    /// Obsolete; never set.
    HIDDEN_ATOM_CACHE = 6;
    /// Tag 112 (NEW_FUN).
    NEW_FUN_TAGS = 7;
    /// Pids and ports of more than 18 bits.
    EXTENDED_PIDS_PORTS = 8;
    /// Tag 113 (EXPORT).
    EXPORT_PTR_TAG = 9;
    /// Tag 77 (BIT_BINARY).
    BIT_BINARIES = 10;
    /// Tag 70 (NEW_FLOAT).
    NEW_FLOATS = 11;
    /// Requests to group leaders carry Unicode.
    UNICODE_IO = 12;
    /// Packets start with an atom section, and atoms are cached per direction.
    DIST_HDR_ATOM_CACHE = 13;
    /// Atoms with one byte of length.
    SMALL_ATOM_TAGS = 14;
    /// Tags 118 and 119.
    UTF8_ATOMS = 16;
    /// Tag 116.
    MAP_TAG = 17;
    /// Creations of 32 bits (tags 88, 89, 90).
    BIG_CREATION = 18;
    /// Messages name their sender (ops 22, 23).
    SEND_SENDER = 19;
    /// Trace labels may be any term.
    BIG_SEQTRACE_LABELS = 20;
    /// Exit reasons travel as payload (ops 24 to 28).
    EXIT_PAYLOAD = 22;
    /// Large messages travel in fragments. Alone enough to switch to header packets.
    FRAGMENTS = 23;
    /// Version 6 of the handshake.
    HANDSHAKE_23 = 24;
    /// Unlinks are acknowledged (ops 35, 36).
    UNLINK_ID = 25;
    /// Shorthand for every flag that OTP 25 demands; see [`Flags::expand`].
    MANDATORY_25_DIGEST = 26;
    /// Remote spawns (ops 29 to 32).
    SPAWN = 32;
    /// Not a capability but a request: the initiator asks for a name.
    NAME_ME = 33;
    /// Pids of 32 + 32 bits, ports of 64, references of five words.
    V4_NC = 34;
    /// Sending to aliases (ops 33, 34).
    ALIAS = 35;
    /// Signals that alter how they are delivered (op 37); needs [`Flags::ALIAS`].
    ALTACT_SIG = 37;
    /// Tag 67.
    NATIVE_RECORDS = 38;
}

/// Bits for use inside an emulator only. They mean nothing on the wire.
const INTERNAL: u64 = 1 << 15 | 1 << 21 | 1 << 36;

impl Flags {
    /// What OTP 25 demands of a peer, and we of ours.
    pub const MANDATORY_25: Flags = Flags(0x107_0f94);
    /// What OTP 26 and later demand of a peer.
    pub const MANDATORY_26: Flags = Flags(0x4_0307_0f94);
    /// A hidden node with pass-through packets: messages, links, monitors; no spawn, no aliases.
    pub const HIDDEN_SIMPLE: Flags = Flags(0x4_075f_5fbc);
    /// A hidden node that does everything but the atom cache.
    pub const HIDDEN_FULL: Flags = Flags(0x6d_07df_5fbc);
    /// A visible node that does everything but the atom cache.
    pub const VISIBLE_FULL: Flags = Flags(0x6d_07df_5fbd);

    /// True if every bit of `flags` is set here.
    pub const fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// With the bits of `flags` set.
    pub const fn with(self, flags: Flags) -> Flags {
        Flags(self.0 | flags.0)
    }

    /// With the bits of `flags` cleared.
    pub const fn without(self, flags: Flags) -> Flags {
        Flags(self.0 & !flags.0)
    }

    /// With the shorthand bit 26 written out.
    pub const fn expand(self) -> Flags {
        if self.has(Flags::MANDATORY_25_DIGEST) {
            self.with(Flags::MANDATORY_25)
        } else {
            self
        }
    }

    /// What is in force between us and a peer: everything that both announced.
    ///
    /// The name request (bit 33) is no capability and is cleared; a node that asked for a name is hidden,
    /// whatever else it says.
    pub const fn effective(ours: Flags, theirs: Flags) -> Flags {
        let both = Flags(ours.expand().0 & theirs.expand().0 & !INTERNAL);
        let both = if ours.has(Flags::NAME_ME) || theirs.has(Flags::NAME_ME) {
            both.without(Flags::PUBLISHED)
        } else {
            both
        };
        both.without(Flags::NAME_ME)
    }

    /// The names of the flags that a peer with these flags lacks; empty if we can speak to it.
    pub fn missing_mandatory(self) -> Vec<&'static str> {
        Flags(Flags::MANDATORY_25.0 & !self.expand().0).names().collect()
    }

    /// The names of the flags that are set, lowest bit first. Bits without a name are left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

impl BitAnd for Flags {
    type Output = Flags;

    fn bitand(self, other: Flags) -> Flags {
        Flags(self.0 & other.0)
    }
}

impl BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recommended_sets_contain_what_their_names_say() {
        let full = Flags::HIDDEN_FULL;
        for flag in [Flags::SPAWN, Flags::ALIAS, Flags::ALTACT_SIG, Flags::NATIVE_RECORDS, Flags::FRAGMENTS] {
            assert!(full.has(flag) && !Flags::HIDDEN_SIMPLE.has(flag), "{flag:?}");
        }
        assert_eq!(Flags::VISIBLE_FULL, full.with(Flags::PUBLISHED));
        for set in [Flags::HIDDEN_SIMPLE, full, Flags::VISIBLE_FULL] {
            assert!(set.has(Flags::MANDATORY_26) && set.has(Flags::DIST_MONITOR | Flags::DIST_MONITOR_NAME));
            for never in [Flags::ATOM_CACHE, Flags::HIDDEN_ATOM_CACHE, Flags::NAME_ME] {
                assert!(!set.has(never));
            }
            assert_eq!(set.0 & INTERNAL, 0);
        }
    }

    #[test]
    fn the_mandatory_masks_are_the_probed_ones() {
        let of = |bits: &[u32]| Flags(bits.iter().fold(0, |mask, bit| mask | 1 << bit));
        assert_eq!(Flags::MANDATORY_25, of(&[2, 4, 7, 8, 9, 10, 11, 16, 17, 18, 24]));
        assert_eq!(Flags::MANDATORY_26, Flags::MANDATORY_25.with(of(&[25, 34])));
    }

    #[test]
    fn bit_26_stands_for_all_that_otp_25_demands() {
        assert!(Flags::MANDATORY_25_DIGEST.missing_mandatory().is_empty());
        assert_eq!(Flags(0).missing_mandatory().len(), 11);
        assert_eq!(Flags::HIDDEN_FULL.without(Flags::MAP_TAG).missing_mandatory(), Vec::<&str>::new());
        let lacking = Flags::MANDATORY_26.without(Flags::MAP_TAG);
        assert_eq!(lacking.missing_mandatory(), ["MAP_TAG"]);
        let both = Flags::effective(Flags::HIDDEN_FULL, Flags(Flags::MANDATORY_25_DIGEST.0));
        assert!(both.has(Flags::MANDATORY_25));
    }

    #[test]
    fn a_connection_is_visible_only_if_both_say_so() {
        let visible = |a, b| Flags::effective(a, b).has(Flags::PUBLISHED);
        assert!(visible(Flags::VISIBLE_FULL, Flags::VISIBLE_FULL));
        assert!(!visible(Flags::VISIBLE_FULL, Flags::HIDDEN_FULL));
        assert!(!visible(Flags::VISIBLE_FULL, Flags::VISIBLE_FULL.with(Flags::NAME_ME)));
        assert!(!Flags::effective(Flags(u64::MAX), Flags(u64::MAX)).has(Flags::NAME_ME));
    }
}
