//! The tag bytes of the external term format, and the limits a BEAM sets on what follows them.
//!
//! Each number is written once, here. The limits are refused in both directions: a peer that sends more is
//! broken or hostile, and a peer that receives more drops the connection (or, for some, dies).

/// Version byte in front of a term in the outside world (files, `term_to_binary`, each part of a packet).
pub const VERSION: u8 = 131;

/// `97 u8`
pub const SMALL_INTEGER: u8 = 97;
/// `98 i32`
pub const INTEGER: u8 = 98;
/// `110 n:8 sign:8`, n little-endian bytes
pub const SMALL_BIG: u8 = 110;
/// `111 n:32 sign:8`, n little-endian bytes
pub const LARGE_BIG: u8 = 111;
/// `70` and 8 bytes IEEE 754
pub const NEW_FLOAT: u8 = 70;
/// `99` and 31 bytes of decimal text; only read
pub const FLOAT: u8 = 99;
/// `119 len:8`, UTF-8
pub const SMALL_ATOM_UTF8: u8 = 119;
/// `118 len:16`, UTF-8
pub const ATOM_UTF8: u8 = 118;
/// `115 len:8`, Latin-1; only read
pub const SMALL_ATOM: u8 = 115;
/// `100 len:16`, Latin-1; only read
pub const ATOM: u8 = 100;
/// `82 index:8` into the atom section of the packet
pub const ATOM_CACHE_REF: u8 = 82;
/// `104 arity:8`
pub const SMALL_TUPLE: u8 = 104;
/// `105 arity:32`
pub const LARGE_TUPLE: u8 = 105;
/// `106`, the empty list
pub const NIL: u8 = 106;
/// `107 len:16`, a list of small integers, one byte each
pub const STRING: u8 = 107;
/// `108 n:32`, n elements, tail
pub const LIST: u8 = 108;
/// `116 n:32`, n pairs
pub const MAP: u8 = 116;
/// `109 len:32`
pub const BINARY: u8 = 109;
/// `77 len:32 bits:8`, 1 to 8 bits are used in the last byte
pub const BIT_BINARY: u8 = 77;
/// `88 node id:32 serial:32 creation:32`
pub const NEW_PID: u8 = 88;
/// `103 node id:32 serial:32 creation:8`; only read
pub const PID: u8 = 103;
/// `90 n:16 node creation:32`, n words
pub const NEWER_REFERENCE: u8 = 90;
/// `114 n:16 node creation:8`, n words; only read
pub const NEW_REFERENCE: u8 = 114;
/// `101 node id:32 creation:8`; only read
pub const REFERENCE: u8 = 101;
/// `120 node id:64 creation:32`
pub const V4_PORT: u8 = 120;
/// `89 node id:32 creation:32`; only read
pub const NEW_PORT: u8 = 89;
/// `102 node id:32 creation:8`; only read
pub const PORT: u8 = 102;
/// `113 module function arity`
pub const EXPORT: u8 = 113;
/// `112 Size:32 Arity:8 Uniq:16/bytes Index:32 NumFree:32 Module OldIndex OldUniq Pid Free1..n`
pub const NEW_FUN: u8 = 112;
/// `67 n:32 flags:8 module name`, n field atoms, n values; native records of OTP 29
pub const RECORD: u8 = 67;
/// `80 size:32`, zlib; only directly after the version byte
pub const COMPRESSED: u8 = 80;

/// Characters (not bytes) of an atom; a BEAM closes the connection on more.
pub const MAX_ATOM_CHARS: usize = 255;
/// Magnitude of an integer in bytes; OTP 27 and 29 refuse more.
pub const MAX_BIG_BYTES: usize = 524_280;
/// Words of a reference; a BEAM closes the connection on more.
pub const MAX_REFERENCE_WORDS: usize = 5;
/// Creation of the old identifier tags, which had two bits for it.
pub const MAX_OLD_CREATION: u8 = 3;
/// Arity of a fun or of `fun M:F/A`; 300 crashed OTP 27.
pub const MAX_ARITY: i64 = 255;
/// Free variables of a fun; the compiler never makes more, as they are arguments in the end.
pub const MAX_FREE: usize = 255;
/// Elements of a STRING: its length field has 16 bits.
pub const MAX_STRING: usize = 65_535;
