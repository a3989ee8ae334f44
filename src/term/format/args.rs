//! Arguments of templates: where they come from, and how each becomes bytes.

use std::borrow::Cow;

use super::Directive;
use crate::term::compose::{atom, charlist, float, Slots};
use crate::term::writer::{
    put_atom, put_big, put_byte_string, put_counted, put_i64, put_pid, put_port, put_reference,
};
use crate::term::{tag, validate, Atom, Pid, Port, Reference, Term};

/// One value for a template. `From` of the Rust types makes them.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// For `~i`, `~l`, `~u`, `~c`, `~f`, `~d`.
    Int(i64),
    /// For the same.
    Uint(u64),
    /// For `~f` and `~d`.
    Float(f64),
    /// For `~w`.
    Bool(bool),
    /// For `~a`, `~s`, `~S` and `~b`.
    Str(&'a str),
    /// For `~b`; for `~s` a list of these bytes.
    Bytes(&'a [u8]),
    /// For `~a`.
    Atom(&'a Atom),
    /// For `~p`.
    Pid(&'a Pid),
    /// For `~r`.
    Reference(&'a Reference),
    /// For `~o`.
    Port(&'a Port),
    /// For `~t`: one encoded term without the version byte; it is checked.
    Encoded(&'a [u8]),
    /// For `~t`.
    Term(&'a Term),
}

/// A source of arguments, asked once per directive, from left to right.
///
/// Slices of [`Arg`] are taken by [`build`](super::build()); C reads its variable arguments one directive at a time.
pub trait Args<'a> {
    /// The argument for this directive, or none if there are no more.
    fn next(&mut self, directive: Directive) -> Option<Arg<'a>>;

    /// Arguments not yet taken, if that is known. Some left over is an error.
    fn left(&self) -> usize {
        0
    }
}

impl<'a> Args<'a> for std::slice::Iter<'_, Arg<'a>> {
    fn next(&mut self, _: Directive) -> Option<Arg<'a>> {
        Iterator::next(self).copied()
    }

    fn left(&self) -> usize {
        self.len()
    }
}

/// Encodes what [`Args`] gives.
pub(super) struct Feed<A>(pub(super) A);

impl<'a, A: Args<'a>> Slots for Feed<A> {
    #[inline]
    fn put(&mut self, directive: Directive, out: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
        match self.0.next(directive) {
            Some(arg) => put(directive, arg, out),
            None => Err(format!("no argument is left for ~{}", directive.letter()).into()),
        }
    }
}

fn put(directive: Directive, arg: Arg<'_>, out: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
    use Directive as D;
    match (directive, arg) {
        (D::Char, Arg::Int(n)) => put_i64(out, i64::from(code(u8::try_from(n).ok())?)),
        (D::Char, Arg::Uint(n)) => put_i64(out, i64::from(code(u8::try_from(n).ok())?)),
        (D::Int32 | D::Int64, Arg::Int(n)) => put_i64(out, n),
        (D::Uint64, Arg::Int(n)) if n >= 0 => put_i64(out, n),
        (D::Int32 | D::Int64 | D::Uint64, Arg::Uint(n)) => match i64::try_from(n) {
            Ok(n) => put_i64(out, n),
            Err(_) => put_big(out, false, &n.to_le_bytes()),
        },
        (D::Float | D::Number, Arg::Float(value)) if value.is_finite() => float(out, value),
        (D::Float | D::Number, Arg::Float(_)) => return Err("infinity and NaN are no Erlang floats".into()),
        (D::Float | D::Number, Arg::Int(n)) => float(out, n as f64),
        (D::Float | D::Number, Arg::Uint(n)) => float(out, n as f64),
        (D::Bool, Arg::Bool(true)) => put_atom(out, b"true"),
        (D::Bool, Arg::Bool(false)) => put_atom(out, b"false"),
        (D::Atom, Arg::Str(text)) => atom(out, text)?,
        (D::Atom, Arg::Atom(text)) => put_atom(out, text.as_bytes()),
        (D::Chars, Arg::Str(text)) => charlist(out, text),
        (D::Chars, Arg::Bytes(bytes)) => put_byte_string(out, bytes),
        (D::Binary | D::Text, Arg::Str(text)) => binary(out, text.as_bytes())?,
        (D::Binary, Arg::Bytes(bytes)) => binary(out, bytes)?,
        (D::Pid, Arg::Pid(pid)) => put_pid(out, pid),
        (D::Reference, Arg::Reference(reference)) => put_reference(out, reference),
        (D::Port, Arg::Port(port)) => put_port(out, port),
        (D::Term, Arg::Encoded(bytes)) => encoded(out, bytes)?,
        (D::Term, Arg::Term(term)) => {
            out.extend_from_slice(&term.to_bytes().map_err(|error| error.to_string())?);
        }
        (directive, arg) => {
            return Err(format!("~{} cannot take the argument {arg:?}", directive.letter()).into());
        }
    }
    Ok(())
}

fn code(code: Option<u8>) -> Result<u8, &'static str> {
    code.ok_or("the argument of ~c is not 0 to 255")
}

fn binary(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), &'static str> {
    if u32::try_from(bytes.len()).is_err() {
        return Err("a binary has at most 2^32 - 1 bytes");
    }
    put_counted(out, tag::BINARY, bytes.len());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Exactly one term from outside.
fn encoded(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Cow<'static, str>> {
    match validate(bytes, &[]) {
        Ok(length) if length == bytes.len() => out.extend_from_slice(bytes),
        Ok(_) => return Err("the argument of ~t is more than one term".into()),
        Err(malformed) => return Err(format!("the argument of ~t is no encoded term: {malformed}").into()),
    }
    Ok(())
}

macro_rules! from_integers {
    ($($type:ty => $variant:ident($as:ty)),*) => {$(
        impl From<$type> for Arg<'_> {
            fn from(value: $type) -> Self {
                Arg::$variant(<$as>::from(value))
            }
        }
    )*};
}

from_integers!(i8 => Int(i64), i16 => Int(i64), i32 => Int(i64), i64 => Int(i64),
    u8 => Int(i64), u16 => Int(i64), u32 => Int(i64), u64 => Uint(u64), f32 => Float(f64), f64 => Float(f64));

impl From<usize> for Arg<'_> {
    fn from(value: usize) -> Self {
        Arg::Uint(value as u64)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Arg::Bool(value)
    }
}

macro_rules! from_references {
    ($($type:ty => $variant:ident),*) => {$(
        impl<'a> From<&'a $type> for Arg<'a> {
            fn from(value: &'a $type) -> Self {
                Arg::$variant(value)
            }
        }
    )*};
}

from_references!(str => Str, [u8] => Bytes, Atom => Atom, Pid => Pid, Reference => Reference, Port => Port, Term => Term);

impl<'a> From<&'a String> for Arg<'a> {
    fn from(value: &'a String) -> Self {
        Arg::Str(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Arg<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Arg::Bytes(value)
    }
}
