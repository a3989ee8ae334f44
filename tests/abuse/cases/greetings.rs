//! Handshakes gone wrong, in both roles: every message cut at every byte, every byte of it changed, and other things.

use erlnode::proto::flags::Flags;

use super::Expect;
use crate::wire::{framed, hello, FLAGS};

/// How a proper message, with its length, is changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// Only so many bytes, then the end of the stream.
    Cut(usize),
    /// One byte turned over.
    Flip(usize),
    /// Another first byte of the body.
    Tag(u8),
    /// Another length, then the end of the stream.
    Length(u16),
    /// No flags, in a message that has them.
    NoFlags,
    /// Something else altogether.
    Instead(Vec<u8>),
}

impl Change {
    pub fn apply(&self, message: &[u8]) -> Vec<u8> {
        let mut out = message.to_vec();
        match self {
            Change::Cut(at) => out.truncate(*at),
            Change::Flip(at) => out[*at] ^= 0xff,
            Change::Tag(tag) => out[2] = *tag,
            Change::Length(length) => out[..2].copy_from_slice(&length.to_be_bytes()),
            Change::NoFlags => out[3..11].fill(0),
            Change::Instead(bytes) => out.clone_from(bytes),
        }
        out
    }

    /// Nothing comes after it.
    pub fn is_last(&self) -> bool {
        matches!(self, Change::Cut(_) | Change::Length(_))
    }
}

/// Messages of the handshake in their order: the caller sends `Hello` and `Reply`, the called `Status`, `Challenge`, `Ack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Hello,
    Reply,
    Status,
    Challenge,
    Ack,
}

/// One handshake.
#[derive(Debug, Clone)]
pub struct Greeting {
    pub group: &'static str,
    pub name: String,
    pub stage: Stage,
    pub change: Change,
    pub expect: Expect,
}

/// Who is called, and others with as long a name.
pub const CALLED: &str = "called0000@localhost";

/// Lengths of the proper messages, with their own length.
const REPLY_LEN: usize = 2 + 21;
const ACK_LEN: usize = 2 + 17;

fn stage(all: &mut Vec<Greeting>, group: &'static str, stage: Stage, length: usize, tag: u8, free: &[usize]) {
    let mut add = |name: String, change, expect| all.push(Greeting { group, name, stage, change, expect });
    for at in 0..length {
        add(format!("{stage:?} cut at {at}"), Change::Cut(at), Expect::Close);
        let expect = if free.contains(&at) { Expect::Free } else { Expect::Close };
        // A changed length says that more is to come, or less.
        if at >= 2 {
            add(format!("{stage:?} with byte {at} changed"), Change::Flip(at), expect);
        }
    }
    for other in (0..=255u8).filter(|other| *other != tag && other % 3 == 0) {
        // `n` is the hello of an older age.
        let expect = if other == b'n' { Expect::Free } else { Expect::Close };
        add(format!("{stage:?} with tag {other}"), Change::Tag(other), expect);
    }
    for claim in [0u16, 1, 2, 4, 5, 4096, 4097, 0x7fff, 0x8000, 0xffff] {
        if usize::from(claim) + 2 != length {
            let expect = if claim == 0 { Expect::Free } else { Expect::Close };
            add(format!("{stage:?} with length {claim}"), Change::Length(claim), expect);
        }
    }
}

/// Handshakes in which the node is called.
pub fn calls(node: &str) -> Vec<Greeting> {
    const GROUP: &str = "handshake: we call it";
    let mut all = Vec::new();
    let proper = framed(&hello("evil@localhost", FLAGS, 9));
    // Creation, name and optional flags may be others.
    let free: Vec<usize> = (3..proper.len()).collect();
    stage(&mut all, GROUP, Stage::Hello, proper.len(), b'N', &free);
    // Our own challenge may be any.
    stage(&mut all, GROUP, Stage::Reply, REPLY_LEN, b'r', &[3, 4, 5, 6]);
    let mut add = |name: &str, body: Vec<u8>, expect| {
        let change = Change::Instead(framed(&body));
        all.push(Greeting { group: GROUP, name: name.to_owned(), stage: Stage::Hello, change, expect });
    };
    add("no flags at all", hello("evil@localhost", Flags(0), 9), Expect::Close);
    add("a caller of our own name", hello(node, FLAGS, 9), Expect::Close);
    for name in
        ["", "@", "evil", "@localhost", "evil@", "a@b@c", "e.vil@localhost", "e vil@localhost", "é@localhost"]
    {
        let expect = if name == "evil" || name.is_empty() { Expect::Free } else { Expect::Close };
        add(&format!("a caller called '{name}'"), hello(name, FLAGS, 9), expect);
    }
    add(
        "a caller with a name of 300",
        hello(&format!("{}@localhost", "x".repeat(290)), FLAGS, 9),
        Expect::Close,
    );
    add(
        "a caller with a name of 4,000",
        hello(&format!("{}@localhost", "x".repeat(3_990)), FLAGS, 9),
        Expect::Close,
    );
    add("a NUL in the name", hello("ev\0il@localhost", FLAGS, 9), Expect::Close);
    for claim in [0u16, 1, 13, 15, 16, 255, 256, 0xffff] {
        let mut body = hello("evil@localhost", FLAGS, 9);
        body[13..15].copy_from_slice(&claim.to_be_bytes());
        let expect = if claim < 14 { Expect::Free } else { Expect::Close };
        add(&format!("a name of {claim} bytes announced"), body, expect);
    }
    add("an old hello", [&b"n\x00\x05\x00\x00\x7f\xff"[..], b"evil@localhost"].concat(), Expect::Free);
    let mut add = |name: &str, change: Change, expect| {
        all.push(Greeting { group: GROUP, name: name.to_owned(), stage: Stage::Reply, change, expect });
    };
    add(
        "a request of the web",
        Change::Instead(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        Expect::Close,
    );
    add(
        "a TLS hello",
        Change::Instead(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03".repeat(600)),
        Expect::Close,
    );
    add(
        "noise",
        Change::Instead((0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        Expect::Close,
    );
    all
}

/// Handshakes in which the node calls us.
pub fn answers() -> Vec<Greeting> {
    const GROUP: &str = "handshake: it calls us";
    let mut all = Vec::new();
    stage(&mut all, GROUP, Stage::Status, framed(b"sok").len(), b's', &[]);
    let proper = framed(&crate::wire::challenge(CALLED, FLAGS, 1, 9));
    // Flags, challenge and creation may be others; a longer name may hold more than the name.
    let free: Vec<usize> = (3..19).collect();
    stage(&mut all, GROUP, Stage::Challenge, proper.len(), b'N', &free);
    stage(&mut all, GROUP, Stage::Ack, ACK_LEN, b'a', &[]);
    let mut add = |name: String, stage, body: &[u8]| {
        let change = Change::Instead(framed(body));
        all.push(Greeting { group: GROUP, name, stage, change, expect: Expect::Close });
    };
    for status in
        ["", "o", "okk", "OK", "ok_", "not_allowed", "no", "named:", "named:\0\x05a@b", "true", "false"]
    {
        add(format!("status '{status}'"), Stage::Status, format!("s{status}").as_bytes());
    }
    add("a status of 4,000".into(), Stage::Status, &[b's'; 4_000]);
    add("a status of 65,535".into(), Stage::Status, &[b's'; 65_535]);
    let other = |name: &str| crate::wire::challenge(name, FLAGS, 1, 9);
    for name in ["", "evil", "evil@localhos", "other@localhost", "evil@localhost@x"] {
        add(format!("a node that is called '{name}'"), Stage::Challenge, &other(name));
    }
    add("an old challenge".into(), Stage::Challenge, b"n\0\x05\0\0\x7f\xff\0\0\0\x01evil@localhost");
    add("a digest too short".into(), Stage::Ack, &[b'a'; 16]);
    add("a digest of zeros".into(), Stage::Ack, &[&b"a"[..], &[0; 16]].concat());
    let (name, change) = ("a challenge without flags".to_owned(), Change::NoFlags);
    all.push(Greeting { group: GROUP, name, stage: Stage::Challenge, change, expect: Expect::Close });
    all
}
