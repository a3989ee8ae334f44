//! Erlang text to terms: what `erl_scan` and `erl_parse:parse_term` read, as far as it has values.
//!
//! Atoms, integers in any base and of any size, `$c`, floats, strings, `<<...>>` with sizes and `/utf8`, tuples, lists
//! with `|`, maps, `fun m:f/1`, comments, and a full stop at the end. Pids, references, ports and other funs have no
//! text that could be read back.

use super::compose::{compose, NoSlots};
use super::lex::Lexer;
use super::Term;
use crate::error::Result;

/// The term that `text` spells, encoded (without the version byte 131).
///
/// ```
/// assert_eq!(erlnode::term::parse("{ok, 1}")?, [104, 2, 119, 2, b'o', b'k', 97, 1]);
/// # Ok::<(), erlnode::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) that says line, column and what was expected there.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    compose(&mut Lexer::new(text), &mut out, &mut NoSlots).map_err(|complaint| complaint.in_text(text))?;
    Ok(out)
}

impl Term {
    /// The term that `text` spells in Erlang.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) that says line, column and what was expected there.
    pub fn parse(text: &str) -> Result<Term> {
        Term::decode(&parse(text)?)
    }
}

impl std::str::FromStr for Term {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Term> {
        Term::parse(text)
    }
}
