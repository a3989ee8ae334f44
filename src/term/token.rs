//! Tokens of Erlang term text, where they come from, and what is said about a text that cannot be read.
//! Tokens borrow from the text and are copied freely; only texts with escapes cost an allocation, when they are used.

use std::borrow::Cow;

use super::format::Directive;
use super::lex::unescape;
use crate::error::Error;

/// What the text says next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token<'t> {
    /// An atom, unquoted or quoted; without the quotes.
    Atom(Spelled<'t>),
    Int(i64),
    /// An integer beyond 64 bits: whether it is negative, its digits, their base.
    Big(bool, &'t str, u32),
    Float(f64),
    /// What stands between double quotes.
    Text(Spelled<'t>),
    /// `~` and a letter.
    Directive(Directive),
    /// `_`, or a name that begins with it.
    Wildcard,
    /// The word `fun`.
    Fun,
    TupleOpen,
    ListOpen,
    MapOpen,
    BinaryOpen,
    /// `}`, of a tuple or map.
    BraceClose,
    ListClose,
    BinaryClose,
    Comma,
    Bar,
    /// `=>`
    Arrow,
    /// `:=`
    Assign,
    Colon,
    Slash,
    /// The text is over.
    End,
}

/// A piece of text as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spelled<'t> {
    pub(super) written: &'t str,
    pub(super) spelling: Spelling,
}

/// How a piece of text stands for what it means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Spelling {
    /// As it is.
    Plain,
    /// With backslashes.
    Escaped,
    /// With backslashes, and with the quotes between strings that count as one.
    Pieces,
}

impl<'t> Spelled<'t> {
    pub(super) fn plain(written: &'t str) -> Self {
        Spelled { written, spelling: Spelling::Plain }
    }

    /// What is meant.
    #[inline]
    pub(crate) fn text(self) -> Cow<'t, str> {
        match self.spelling {
            Spelling::Plain => Cow::Borrowed(self.written),
            spelling => Cow::Owned(unescape(self.written, spelling)),
        }
    }
}

impl Token<'_> {
    /// How the token is called in an error text.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Token::Atom(text) => return format!("the atom '{}'", shorten(&text.text())).into(),
            Token::Text(text) => return format!("the string \"{}\"", shorten(&text.text())).into(),
            Token::Int(n) => return n.to_string().into(),
            Token::Directive(d) => return format!("~{}", d.letter()).into(),
            Token::Big(..) => "an integer",
            Token::Float(_) => "a float",
            Token::Wildcard => "_",
            Token::Fun => "fun",
            Token::TupleOpen => "{",
            Token::ListOpen => "[",
            Token::MapOpen => "#{",
            Token::BinaryOpen => "<<",
            Token::BraceClose => "}",
            Token::ListClose => "]",
            Token::BinaryClose => ">>",
            Token::Comma => ",",
            Token::Bar => "|",
            Token::Arrow => "=>",
            Token::Assign => ":=",
            Token::Colon => ":",
            Token::Slash => "/",
            Token::End => "the end of the text",
        })
    }
}

fn shorten(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 40; // enough to recognise it in an error text
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Why a text cannot be read, and where.
/// Boxed, so that tokens are handed on quickly.
#[derive(Debug)]
pub(crate) struct Complaint(Box<(usize, Cow<'static, str>)>);

impl Complaint {
    pub(crate) fn new(at: usize, what: impl Into<Cow<'static, str>>) -> Self {
        Complaint(Box::new((at, what.into())))
    }

    /// The error for the caller; says line and column when `text` is known.
    pub(crate) fn in_text(&self, text: &str) -> Error {
        let (at, what) = &*self.0;
        let before = text.get(..*at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        let place =
            if line == 1 { format!("column {column}") } else { format!("line {line}, column {column}") };
        Error::argument(format!("cannot read the term at {place}: {what}"))
    }
}

/// Where tokens come from: a text, or a text that was read before.
pub(crate) trait Tokens<'t> {
    /// The next token; [`Token::End`] for ever once the text is over.
    fn next(&mut self) -> Result<Token<'t>, Complaint>;
    /// Offset of the token read last, for error texts.
    fn place(&self) -> usize;
}
