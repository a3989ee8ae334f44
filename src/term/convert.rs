//! Making terms out of Rust values, and looking into terms.

use super::id::{Pid, Port, Reference};
use super::integer::Integer;
use super::value::{BitString, Export, Map, Term, Terms};
use super::Atom;
use crate::Result;

/// Making terms.
impl Term {
    /// `[]`.
    pub fn nil() -> Term {
        Term::List(Terms::default())
    }

    /// An atom of text that is part of the program; see [`Atom::from_static`].
    pub fn atom(text: &'static str) -> Term {
        Term::Atom(Atom::from_static(text))
    }

    /// A binary.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Term {
        Term::Binary(bytes.as_ref().into())
    }

    /// A tuple.
    pub fn tuple(items: impl IntoIterator<Item = Term>) -> Term {
        Term::Tuple(items.into_iter().collect())
    }

    /// A proper list.
    pub fn list(items: impl IntoIterator<Item = Term>) -> Term {
        Term::List(items.into_iter().collect())
    }

    /// A map.
    ///
    /// # Errors
    /// [`Error::Argument`] when a key comes twice.
    pub fn map(pairs: impl IntoIterator<Item = (Term, Term)>) -> Result<Term> {
        Map::new(pairs).map(Term::Map)
    }

    /// A list of the code points of this text, as Erlang writes strings.
    pub fn charlist(text: &str) -> Term {
        Term::list(text.chars().map(|c| Term::Int(i64::from(u32::from(c)))))
    }
}

/// Looking into terms. Each accessor is `None` for a term of another kind.
impl Term {
    /// An integer that fits `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Term::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// An integer that fits `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Term::Int(value) => u64::try_from(*value).ok(),
            Term::Big(big) => big.to_u64(),
            _ => None,
        }
    }

    /// A float. Integers are not floats.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Term::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The atoms `true` and `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.as_atom()?.as_bytes() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// An atom.
    pub fn as_atom(&self) -> Option<&Atom> {
        match self {
            Term::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// True for the atom with this text.
    pub fn is_atom(&self, text: &str) -> bool {
        self.as_atom().is_some_and(|atom| *atom == *text)
    }

    /// The elements of a tuple.
    pub fn as_tuple(&self) -> Option<&[Term]> {
        match self {
            Term::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The elements of a proper list.
    pub fn as_list(&self) -> Option<&[Term]> {
        match self {
            Term::List(items) => Some(items),
            _ => None,
        }
    }

    /// True for `[]`.
    pub fn is_nil(&self) -> bool {
        matches!(self, Term::List(items) if items.is_empty())
    }

    /// The bytes of a binary.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Term::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A binary that is UTF-8 text, as Elixir's strings are.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// A pid.
    pub fn as_pid(&self) -> Option<&Pid> {
        match self {
            Term::Pid(pid) => Some(pid),
            _ => None,
        }
    }

    /// A port.
    pub fn as_port(&self) -> Option<&Port> {
        match self {
            Term::Port(port) => Some(port),
            _ => None,
        }
    }

    /// A reference.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self {
            Term::Reference(reference) => Some(reference),
            _ => None,
        }
    }

    /// A map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Term::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The value of a map under the atom with this text.
    pub fn map_get(&self, key: &str) -> Option<&Term> {
        self.as_map()?.get_atom(key)
    }
}

impl From<i64> for Term {
    fn from(value: i64) -> Self {
        Term::Int(value)
    }
}

impl From<i32> for Term {
    fn from(value: i32) -> Self {
        Term::Int(i64::from(value))
    }
}

impl From<u32> for Term {
    fn from(value: u32) -> Self {
        Term::Int(i64::from(value))
    }
}

impl From<u64> for Term {
    fn from(value: u64) -> Self {
        Integer::from(value).into()
    }
}

impl From<Integer> for Term {
    fn from(value: Integer) -> Self {
        match value {
            Integer::Small(value) => Term::Int(value),
            Integer::Big(big) => Term::Big(Box::new(big)),
        }
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Term::atom(if value { "true" } else { "false" })
    }
}

impl From<f64> for Term {
    /// NaN and infinity become terms that cannot be encoded: a BEAM has no such floats.
    fn from(value: f64) -> Self {
        Term::Float(value)
    }
}

impl From<&str> for Term {
    /// A binary, as Elixir's strings are; see [`Term::charlist`] for Erlang's.
    fn from(text: &str) -> Self {
        Term::binary(text)
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Term::Binary(text.into_bytes().into_boxed_slice())
    }
}

impl From<&[u8]> for Term {
    fn from(bytes: &[u8]) -> Self {
        Term::binary(bytes)
    }
}

impl From<Vec<u8>> for Term {
    fn from(bytes: Vec<u8>) -> Self {
        Term::Binary(bytes.into_boxed_slice())
    }
}

impl From<Vec<Term>> for Term {
    fn from(items: Vec<Term>) -> Self {
        Term::List(items.into())
    }
}

impl From<Atom> for Term {
    fn from(atom: Atom) -> Self {
        Term::Atom(atom)
    }
}

impl From<&Atom> for Term {
    fn from(atom: &Atom) -> Self {
        Term::Atom(atom.clone())
    }
}

impl From<Pid> for Term {
    fn from(pid: Pid) -> Self {
        Term::Pid(Box::new(pid))
    }
}

impl From<&Pid> for Term {
    fn from(pid: &Pid) -> Self {
        pid.clone().into()
    }
}

impl From<Port> for Term {
    fn from(port: Port) -> Self {
        Term::Port(Box::new(port))
    }
}

impl From<Reference> for Term {
    fn from(reference: Reference) -> Self {
        Term::Reference(Box::new(reference))
    }
}

impl From<&Reference> for Term {
    fn from(reference: &Reference) -> Self {
        reference.clone().into()
    }
}

impl From<Map> for Term {
    fn from(map: Map) -> Self {
        Term::Map(map)
    }
}

impl From<Export> for Term {
    fn from(export: Export) -> Self {
        Term::Export(Box::new(export))
    }
}

impl From<BitString> for Term {
    fn from(bits: BitString) -> Self {
        Term::BitString(bits)
    }
}

impl FromIterator<Term> for Term {
    fn from_iter<I: IntoIterator<Item = Term>>(items: I) -> Self {
        Term::list(items)
    }
}
