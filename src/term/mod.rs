//! Terms: the external term format, without I/O.
//!
//! Bytes are the common language: [`Reader`] is a cursor over them and [`Writer`] makes them; [`Term`] is the owned
//! tree for those who want one. [`validate`] checks bytes from outside before they are sent on.
//! Nothing in this module recurses, allocates by announced sizes, or uses `unsafe`.

pub mod tag;

mod atom;
mod compose;
mod compressed;
mod convert;
mod decode;
mod digest;
mod encode;
pub mod format;
mod id;
mod inline;
mod integer;
mod keys;
mod lex;
mod order;
mod parse;
mod print;
pub(crate) mod put;
mod reader;
mod skip;
mod stack;
mod token;
mod validate;
mod value;
mod wire;
mod writer;

pub use atom::Atom;
pub use id::{Pid, Port, Reference};
pub use inline::{self_contained, settle};
pub use integer::{Big, Integer};
pub use parse::parse;
pub use print::{Style, TermText, Text};
pub use reader::{Kind, Reader, State};
pub use validate::validate;
pub use value::{BitString, Export, Fun, Improper, Map, Record, Term, Terms};
pub use writer::Writer;

#[cfg(test)]
mod tests;
