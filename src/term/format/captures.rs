//! What a pattern took from a term.

use std::borrow::Cow;

use crate::term::{Pid, Port, Reference};

/// One captured value. Bytes and texts borrow from the message where it holds them in one piece, which is always,
/// but for atoms in old Latin-1 tags and for the rest of a list (`[_ | ~t]`), which has no header of its own.
#[derive(Debug, Clone, PartialEq)]
pub enum Captured<'a> {
    /// By `~i`, `~l`, `~c`.
    Int(i64),
    /// By `~u`.
    Uint(u64),
    /// By `~f`, `~d`.
    Float(f64),
    /// By `~w`.
    Bool(bool),
    /// By `~a`.
    Atom(Cow<'a, str>),
    /// By `~s` (one byte per code) and `~b`.
    Bytes(Cow<'a, [u8]>),
    /// By `~S`.
    Str(&'a str),
    /// By `~p`.
    Pid(Pid),
    /// By `~r`.
    Reference(Reference),
    /// By `~o`.
    Port(Port),
    /// By `~t`: one encoded term without the version byte. It may refer to the atoms of the reader, if that has any.
    Term(Cow<'a, [u8]>),
}

/// What a capture is taken out with; none if it is of another kind.
impl<'a> Captured<'a> {
    /// The integer, if it fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Captured::Int(n) => Some(*n),
            Captured::Uint(n) => i64::try_from(*n).ok(),
            _ => None,
        }
    }

    /// The integer, if it is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Captured::Int(n) => u64::try_from(*n).ok(),
            Captured::Uint(n) => Some(*n),
            _ => None,
        }
    }

    /// The float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Captured::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Captured::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of an atom or of `~S`.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Captured::Atom(text) => Some(text),
            Captured::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of `~s`, `~b`, `~S` or `~t`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Captured::Bytes(bytes) | Captured::Term(bytes) => Some(bytes),
            Captured::Str(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The pid.
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Captured::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// The reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Captured::Reference(reference) => Some(reference),
            _ => None,
        }
    }
}
