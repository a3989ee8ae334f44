//! What is sent: generated without chance, so that a case has the same number and bytes in every run.
//!
//! A case says what it expects of a node that follows the protocol (its section 18): the connection ends, nothing
//! happens, or something definite comes back. Where a BEAM leaves it open, any of them will do, if only it is prompt.

pub mod control;
pub mod epmd;
pub mod greetings;
pub mod packets;
pub mod terms;

use std::io::Read;

/// What must happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The connection ends.
    Close,
    /// Nothing; the connection goes on.
    Stay,
    /// The term comes back.
    Echo,
    /// A message with one of these operations comes back.
    Answer(&'static [u8]),
    /// It ends or goes on, as the node likes.
    Free,
}

/// What is done on an established connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// `{Pid, Term}` is sent to `echo`; this is the term.
    Term(Vec<u8>),
    /// A control tuple and a payload, in the mode of the connection.
    Message(Vec<u8>, Option<Vec<u8>>),
    /// Packets, in header mode only.
    Packets(Vec<Vec<u8>>),
    /// Bytes as they are, in pieces of this many at a time.
    Bytes(Vec<u8>, usize),
    /// Bytes, and then nothing more will come.
    Last(Vec<u8>),
}

/// One case on an established connection.
#[derive(Debug, Clone)]
pub struct Case {
    pub group: &'static str,
    pub name: String,
    pub act: Act,
    pub expect: Expect,
}

/// The names and ids of a run.
pub struct Scene {
    /// We.
    pub me: String,
    pub creation: u32,
    /// The node under abuse.
    pub node: String,
    pub node_creation: u32,
}

impl Scene {
    /// A pid of ours.
    pub fn mine(&self) -> Vec<u8> {
        pid(&self.me, 1, 0, self.creation)
    }

    /// A pid of the node's that nobody has.
    pub fn theirs(&self) -> Vec<u8> {
        pid(&self.node, 4_000, 1, self.node_creation)
    }

    pub fn my_ref(&self) -> Vec<u8> {
        reference(&self.me, self.creation, &[1, 2, 3])
    }

    pub fn their_ref(&self) -> Vec<u8> {
        reference(&self.node, self.node_creation, &[1, 2, 3])
    }

    /// `{6, From, '', echo}`.
    pub fn to_echo(&self) -> Vec<u8> {
        tuple(&[vec![97, 6], self.mine(), atom(""), atom("echo")])
    }

    /// `{Pid, Term}`.
    pub fn asking(&self, term: &[u8]) -> Vec<u8> {
        tuple(&[self.mine(), term.to_vec()])
    }
}

/// All cases on established connections. `every` takes all truncations, not a part of them.
pub fn all(scene: &Scene, every: bool) -> Vec<Case> {
    let mut cases = terms::cases(every);
    cases.extend(control::cases(scene));
    cases.extend(packets::cases(scene));
    cases
}

pub fn atom(text: &str) -> Vec<u8> {
    [&[119, text.len() as u8][..], text.as_bytes()].concat()
}

pub fn pid(node: &str, id: u32, serial: u32, creation: u32) -> Vec<u8> {
    let numbers = [id, serial, creation].map(u32::to_be_bytes).concat();
    [&[88][..], &atom(node), &numbers].concat()
}

pub fn port(node: &str) -> Vec<u8> {
    [&[89][..], &atom(node), &[0, 0, 0, 5, 0, 0, 0, 9]].concat()
}

pub fn reference(node: &str, creation: u32, words: &[u32]) -> Vec<u8> {
    let mut out = vec![90];
    out.extend((words.len() as u16).to_be_bytes());
    out.extend(atom(node));
    out.extend(creation.to_be_bytes());
    words.iter().for_each(|word| out.extend(word.to_be_bytes()));
    out
}

pub fn tuple(elements: &[Vec<u8>]) -> Vec<u8> {
    [&[104, elements.len() as u8][..], &elements.concat()].concat()
}

/// A golden term of a real OTP: its name and its bytes without version byte; `valid` tells what that OTP thought of it.
pub struct Vector {
    pub name: String,
    pub bytes: Vec<u8>,
    pub valid: bool,
}

/// The golden terms of tests/vectors, once each, compressed ones left out (a distribution message has none).
pub fn vectors() -> Vec<Vector> {
    let path = format!("{}/tests/vectors/otp25.gz", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    let mut rest = &bytes[..];
    let mut found: Vec<Vector> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    while let [kind, count, tail @ ..] = rest {
        rest = tail;
        let mut fields = Vec::new();
        for _ in 0..*count {
            let (length, tail) = rest.split_at(4);
            let (field, tail) = tail.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            fields.push(field);
            rest = tail;
        }
        let valid = *kind == b'T';
        if (!valid && *kind != b'R') || fields[1].first() != Some(&131) || fields[1].get(1) == Some(&80) {
            continue;
        }
        if seen.insert(fields[1]) {
            let name = String::from_utf8_lossy(fields[0]).into_owned();
            found.push(Vector { name, bytes: fields[1][1..].to_vec(), valid });
        }
    }
    assert!(found.len() > 1000, "{} vectors", found.len());
    found
}
