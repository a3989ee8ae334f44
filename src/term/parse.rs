//! Erlang text to terms: what `erl_scan` and `erl_parse:parse_term` read, as far as it has values.
//!
//! Atoms, integers in any base and of any size, `$c`, floats, strings, `<<...>>` with sizes and `/utf8`, tuples, lists
//! with `|`, maps, `fun m:f/1`, comments, and a full stop at the end. Pids, references, ports and other funs have no
//! text that could be read back.

use super::compose::{compose, NoSlots};
use super::lex::Lexer;
use super::Term;
use crate::error::{room, Result};

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
    let mut out = room(text.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) {
        match (Term::parse(a), Term::parse(b)) {
            (Ok(left), Ok(right)) => assert_eq!(left, right, "{a} and {b}"),
            other => panic!("{a} and {b}: {other:?}"),
        }
    }

    fn refused(text: &str, why: &str) {
        let error = Term::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }

    #[test]
    fn numbers_have_many_spellings() {
        same("16#FF", "255");
        same("-16#ff", "-255");
        same("2#1010", "10");
        same("36#zz", "1295");
        same("1_000_000", "1000000");
        same("$a", "97");
        same("$\\n", "10");
        same("$ ", "32");
        same("$日", "26085");
        same("$\\x{65e5}", "26085");
        same("+5", "5");
        same("1.5e3", "1500.0");
        same("1.5E-3", "0.0015");
        same("1_0.2_5", "10.25");
        same("16#FFFFFFFFFFFFFFFFFF", "4722366482869645213695");
        same("-9223372036854775808", "-16#8000000000000000");
        same("000000000000000000000001", "1");
        refused("1#0", "2 to 36");
        refused("37#0", "2 to 36");
        refused("2#3", "no digit of base 2");
        refused("1.0e999", "out of range");
        refused("-a", "must be followed by digits");
        refused("1_", "expected the end");
    }

    #[test]
    fn atoms_and_strings_have_escapes() {
        same("'hello'", "hello");
        same("'\\x{e9}t\\xe9'", "'été'");
        same("\"\\101\\x42\\^A\\s\\d\"", "[65, 66, 1, 32, 127]");
        same("\"a\\\nb\"", "\"ab\"");
        same("\"ab\" \"cd\"\n\"e\"", "\"abcde\"");
        same("\"\"", "[]");
        same("'end'", "end");
        same("straße@h_1", "'straße@h_1'");
        refused("'\\x{110000}'", "not the code of a character");
        refused("'\\x{}'", "not the code of a character");
        refused("'\\x4", "two hexadecimal digits");
        refused("\"\\", "nothing follows");
        refused("\"\\^1\"", "must be followed by a letter");
    }

    #[test]
    fn binaries_have_sizes_and_texts() {
        same("<<>>", "<<\"\">>");
        same("<<\"ab\", 99>>", "<<97, 98, 99>>");
        same("<<\"é\">>", "<<233>>");
        same("<<\"é\"/utf8>>", "<<195, 169>>");
        same("<<1:1, 0:7>>", "<<128>>");
        same("<<-1:12>>", "<<255, 15:4>>");
        same("<<256, 16#1234:16>>", "<<0, 18, 52>>");
        same("<<0:0>>", "<<>>");
        same("<<-1:80>>", "<<255,255,255,255,255,255,255,255,255,255>>");
        refused("<<\"日\">>", "/utf8");
        refused("<<a>>", "a number or a string");
        refused("<<1:99999999>>", "0 to 65536 bits");
        refused("<<1, >>", "a number or a string");
        refused("<<1", "',' or '>>'");
    }

    #[test]
    fn what_has_no_text_is_refused_with_a_hint() {
        refused("<0.1.2>", "~p");
        refused("#Pid<a@h.1.2>", "~p");
        refused("#Ref<0.1.2.3>", "~r");
        refused("{~i}", "this text has none");
        refused("fun(X) -> X end", "only fun module:name/arity");
        refused("Kate", "quote it ('Kate')");
        refused("fun m:f/256", "0 to 255");
        refused("#{a => 1, a => 2}", "twice");
        refused(&format!("'{}'", "x".repeat(256)), "255 characters");
    }

    #[test]
    fn a_full_stop_and_comments_end_a_term() {
        same("{a, % first\n b}.\n", "{a,b}");
        refused("a. b", "unexpected character '.'");
    }
}
