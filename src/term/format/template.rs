//! Templates: terms with places for arguments, built straight into the outgoing bytes.

use super::args::{Arg, Args, Feed};
use super::Directive;
use crate::error::{Error, Result};
use crate::term::compose::compose;
use crate::term::lex::{Complaint, Lexer, Token, Tokens};
use crate::term::Writer;

/// The term that `template` spells with these arguments, encoded (without the version byte 131).
///
/// ```
/// use erlnode::term::{format, parse};
/// let bytes = format::build("{reply, ~i, [~S | ~t]}", &[7.into(), "x".into(), format::Arg::Encoded(&[106])])?;
/// assert_eq!(bytes, parse("{reply, 7, [<<\"x\">>]}")?);
/// # Ok::<(), erlnode::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] with line and column: the text is no template, or an argument is missing, left over, or does not
/// suit its directive.
pub fn build(template: &str, args: &[Arg<'_>]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(template.len() + args.len() * ROOM_PER_ARGUMENT);
    append(&mut Lexer::new(template), &mut out, args.iter())
        .map_err(|complaint| complaint.in_text(template))?;
    Ok(out)
}

const ROOM_PER_ARGUMENT: usize = 32; // a pid of a usual node name

/// As [`build()`], for the term that `writer` expects next.
///
/// # Errors
/// As [`build()`]; `writer` then refuses everything that follows.
pub fn build_into(writer: &mut Writer, template: &str, args: &[Arg<'_>]) -> Result<()> {
    build_with(writer, template, args.iter())
}

/// As [`build_into`], with arguments from any source.
///
/// # Errors
/// As [`build()`]; `writer` then refuses everything that follows.
pub fn build_with<'a>(writer: &mut Writer, template: &str, args: impl Args<'a>) -> Result<()> {
    writer.compose(|out| {
        append(&mut Lexer::new(template), out, args).map_err(|complaint| complaint.in_text(template))
    })
}

/// Appends one term; on an error `out` is as it was.
fn append<'t, 'a>(
    tokens: &mut impl Tokens<'t>,
    out: &mut Vec<u8>,
    args: impl Args<'a>,
) -> Result<(), Complaint> {
    let start = out.len();
    let mut feed = Feed(args);
    let done = compose(tokens, out, &mut feed).and_then(|()| match feed.0.left() {
        0 => Ok(()),
        left => {
            Err(Complaint::new(tokens.place(), format!("the template is over and {left} arguments are left")))
        }
    });
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// A template that was read before. Making one checks the whole text.
#[derive(Debug, Clone)]
pub struct Template {
    text: Box<str>,
    tokens: Stored,
}

impl Template {
    /// Reads the text.
    ///
    /// # Errors
    /// [`Error::Argument`] with line and column.
    pub fn new(text: &str) -> Result<Template> {
        let tokens = Stored::read(text)?;
        compose(&mut tokens.play(), &mut Vec::new(), &mut AnyArgument::default())
            .map_err(|complaint| complaint.in_text(text))?;
        Ok(Template { text: text.into(), tokens })
    }

    /// The text it was made from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its directives, in the order in which arguments are taken.
    pub fn directives(&self) -> impl Iterator<Item = Directive> + '_ {
        self.tokens.directives()
    }

    /// The encoded term with these arguments.
    ///
    /// # Errors
    /// [`Error::Argument`]: an argument is missing, left over, or does not suit its directive.
    pub fn build(&self, args: &[Arg<'_>]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.text.len() + args.len() * ROOM_PER_ARGUMENT);
        self.append(&mut out, args.iter())?;
        Ok(out)
    }

    /// As [`build`](Template::build), for the term that `writer` expects next.
    ///
    /// # Errors
    /// As [`build`](Template::build); `writer` then refuses everything that follows.
    pub fn build_into<'a>(&self, writer: &mut Writer, args: impl Args<'a>) -> Result<()> {
        writer.compose(|out| self.append(out, args))
    }

    fn append<'a>(&self, out: &mut Vec<u8>, args: impl Args<'a>) -> Result<()> {
        append(&mut self.tokens.play(), out, args).map_err(|complaint| complaint.in_text(&self.text))
    }
}

/// Takes every directive and writes a number that no other got, so that keys differ; for checking a template.
#[derive(Default)]
pub(super) struct AnyArgument(i64);

impl crate::term::compose::Slots for AnyArgument {
    fn put(&mut self, _: Directive, out: &mut Vec<u8>) -> Result<(), std::borrow::Cow<'static, str>> {
        self.0 -= 1;
        crate::term::writer::put_i64(out, i64::MIN - self.0);
        Ok(())
    }
}

/// Tokens of a text with their places.
#[derive(Debug, Clone)]
pub(super) struct Stored(Box<[(Token<'static>, usize)]>);

impl Stored {
    /// All tokens of the text, the last being its end.
    pub(super) fn read(text: &str) -> Result<Stored, Error> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.next().map_err(|complaint| complaint.in_text(text))?;
            let over = token == Token::End;
            tokens.push((token.into_owned(), lexer.place()));
            if over {
                return Ok(Stored(tokens.into()));
            }
        }
    }

    pub(super) fn play(&self) -> Player<'_> {
        Player { tokens: &self.0, at: 0 }
    }

    pub(super) fn directives(&self) -> impl Iterator<Item = Directive> + '_ {
        self.0.iter().filter_map(|(token, _)| match token {
            Token::Directive(directive) => Some(*directive),
            _ => None,
        })
    }
}

/// Gives stored tokens again, borrowed.
pub(super) struct Player<'s> {
    tokens: &'s [(Token<'static>, usize)],
    at: usize,
}

impl<'s> Tokens<'s> for Player<'s> {
    #[inline]
    fn next(&mut self) -> Result<Token<'s>, Complaint> {
        let token = self.tokens.get(self.at).map_or(Token::End, |(token, _)| token.borrowed());
        self.at += 1;
        Ok(token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at.saturating_sub(1)).or(self.tokens.last()).map_or(0, |(_, place)| *place)
    }
}
