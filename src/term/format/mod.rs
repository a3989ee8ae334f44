//! Templates and patterns: terms written as text with places for values.
//!
//! The text is Erlang's, as [`parse`](super::parse()) reads it. `~` and a letter stands for a value: an argument when a
//! term is built, a capture when one is taken apart. [`Directive`] is the one table of the letters, for Rust and for
//! C's variable arguments; those of `ei_x_format` mean the same in it.
//!
//! Build: [`build()`], [`build_into`], or a [`Template`], which is the fastest. Match: [`matches()`], or a [`Pattern`]
//! that was checked before. Both engines keep their place in a stack of their own; depth costs heap.

mod args;
mod captures;
mod pattern;
mod template;

pub use args::{Arg, Args};
pub use captures::Captured;
pub use pattern::{matches, Pattern};
pub use template::{build, build_into, build_with, Template};

use super::lex::Lexer;
use super::token::{Token, Tokens};
use crate::error::Result;

/// What `~` and a letter stands for. The second column is what C passes, the third what C gives to receive it.
///
/// | Text | Term | C argument | C capture |
/// |---|---|---|---|
/// | `~i` | integer | `int32_t` | `int32_t *`, if it fits |
/// | `~l` | integer | `int64_t` | `int64_t *`, if it fits |
/// | `~u` | integer, not negative | `uint64_t` | `uint64_t *`, if it fits |
/// | `~c` | integer, 0 to 255 | `int` | `uint8_t *` |
/// | `~f` | float | `double` | `double *`, floats only |
/// | `~d` | float | `double` | `double *`, floats and integers |
/// | `~w` | `true` or `false` | `int` | `bool *` |
/// | `~a` | atom | `const char *`, UTF-8 | `erln_bytes *` |
/// | `~s` | string, that is a list of codes | `const char *`, UTF-8 | `erln_bytes *`, one byte per code |
/// | `~b` | binary | `const void *, size_t` | `erln_bytes *` |
/// | `~S` | binary of UTF-8 text | `const char *`, UTF-8 | `erln_bytes *` |
/// | `~p` | pid | `const erln_pid *` | `erln_pid *` |
/// | `~r` | reference | `const erln_ref *` | `erln_ref *` |
/// | `~o` | port | `const erln_port *` | `erln_port *` |
/// | `~t` | any term, encoded | `const void *, size_t` | `erln_bytes *` |
///
/// In patterns `_`, `_Name` and `~_` stand for any term, which is not captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Directive {
    /// `~i`
    Int32,
    /// `~l`
    Int64,
    /// `~u`
    Uint64,
    /// `~c`
    Char,
    /// `~f`
    Float,
    /// `~d`
    Number,
    /// `~w`
    Bool,
    /// `~a`
    Atom,
    /// `~s`
    Chars,
    /// `~b`
    Binary,
    /// `~S`
    Text,
    /// `~p`
    Pid,
    /// `~r`
    Reference,
    /// `~o`
    Port,
    /// `~t`
    Term,
}

impl Directive {
    /// All of them.
    pub const ALL: [Directive; 15] = [
        Directive::Int32,
        Directive::Int64,
        Directive::Uint64,
        Directive::Char,
        Directive::Float,
        Directive::Number,
        Directive::Bool,
        Directive::Atom,
        Directive::Chars,
        Directive::Binary,
        Directive::Text,
        Directive::Pid,
        Directive::Reference,
        Directive::Port,
        Directive::Term,
    ];

    /// Their letters, for error texts.
    pub(crate) const LETTERS: &'static str = "i l u c f d w a s b S p r o t";

    /// The letter after `~`.
    pub const fn letter(self) -> char {
        match self {
            Directive::Int32 => 'i',
            Directive::Int64 => 'l',
            Directive::Uint64 => 'u',
            Directive::Char => 'c',
            Directive::Float => 'f',
            Directive::Number => 'd',
            Directive::Bool => 'w',
            Directive::Atom => 'a',
            Directive::Chars => 's',
            Directive::Binary => 'b',
            Directive::Text => 'S',
            Directive::Pid => 'p',
            Directive::Reference => 'r',
            Directive::Port => 'o',
            Directive::Term => 't',
        }
    }

    /// The directive of this letter.
    #[inline]
    pub const fn from_letter(letter: u8) -> Option<Directive> {
        Some(match letter {
            b'i' => Directive::Int32,
            b'l' => Directive::Int64,
            b'u' => Directive::Uint64,
            b'c' => Directive::Char,
            b'f' => Directive::Float,
            b'd' => Directive::Number,
            b'w' => Directive::Bool,
            b'a' => Directive::Atom,
            b's' => Directive::Chars,
            b'b' => Directive::Binary,
            b'S' => Directive::Text,
            b'p' => Directive::Pid,
            b'r' => Directive::Reference,
            b'o' => Directive::Port,
            b't' => Directive::Term,
            _ => return None,
        })
    }

    /// How many values C passes for it when building: 2 for a pointer and a length.
    pub const fn c_arguments(self) -> usize {
        match self {
            Directive::Binary | Directive::Term => 2,
            _ => 1,
        }
    }
}

/// The directives of a template or pattern, in the order in which their arguments are taken. For those who must
/// fetch all arguments before building, as C must.
///
/// ```
/// use erlnode::term::format::{directives, Directive};
/// let found: Result<Vec<_>, _> = directives("{put, '~i', ~b, ~i}").collect();
/// assert_eq!(found?, [Directive::Binary, Directive::Int32]);
/// # Ok::<(), erlnode::Error>(())
/// ```
pub fn directives(text: &str) -> impl Iterator<Item = Result<Directive>> + '_ {
    let mut lexer = Lexer::new(text);
    let mut over = false;
    std::iter::from_fn(move || {
        while !over {
            match lexer.next() {
                Ok(Token::Directive(directive)) => return Some(Ok(directive)),
                Ok(Token::End) => over = true,
                Ok(_) => {}
                Err(complaint) => {
                    over = true;
                    return Some(Err(complaint.in_text(text)));
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests;
