//! Templates: terms with places for arguments, built straight into the outgoing bytes.

use std::borrow::Cow;

use super::args::{Arg, Args, Feed};
use super::Directive;
use crate::error::{room, Result};
use crate::term::compose::{compose, Slots};
use crate::term::lex::Lexer;
use crate::term::token::{Complaint, Token, Tokens};
use crate::term::writer::put_i64;
use crate::term::{validate, Writer};

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
/// [`Error::Argument`](crate::Error::Argument) with line and column: the text is no template, or an argument is missing, left over, or does not
/// suit its directive.
pub fn build(template: &str, args: &[Arg<'_>]) -> Result<Vec<u8>> {
    let mut out = room(template.len() + args.len() * ROOM_PER_ARGUMENT);
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
    let done = compose(tokens, out, &mut feed).and_then(|()| none_left(&feed.0, tokens.place()));
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// A template that was read before: its bytes, with holes for the arguments. Making one checks the whole text.
///
/// [`build_into`](Template::build_into) then only copies.
#[derive(Debug, Clone)]
pub struct Template {
    text: Box<str>,
    bytes: Box<[u8]>,
    holes: Box<[Hole]>,
    /// Keys come from arguments, so that they may clash.
    keys: bool,
}

/// Where an argument goes.
#[derive(Debug, Clone, Copy)]
struct Hole {
    directive: Directive,
    /// Offset in the template's bytes.
    at: usize,
    /// For error texts: offset in the template's text.
    place: usize,
}

impl Template {
    /// Reads the text.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) with line and column.
    pub fn new(text: &str) -> Result<Template> {
        let complain = |complaint: Complaint| complaint.in_text(text);
        let mut spelled = Vec::new();
        let mut found = Placeholders::default();
        compose(&mut Lexer::new(text), &mut spelled, &mut found).map_err(complain)?;
        let mut lexer = Lexer::new(text);
        let mut before = Token::End;
        let (mut bytes, mut holes, mut keys) = (Vec::with_capacity(spelled.len()), Vec::new(), false);
        let mut done = 0;
        for (at, directive) in found.0 {
            bytes.extend_from_slice(&spelled[done..at]);
            done = at + PLACEHOLDER;
            holes.push(Hole { directive, at: bytes.len(), place: 0 });
        }
        bytes.extend_from_slice(&spelled[done..]);
        let mut unplaced = holes.iter_mut();
        loop {
            let token = lexer.next().map_err(complain)?;
            match token {
                Token::End => break,
                Token::Arrow => {
                    keys |= matches!(before, Token::Directive(_) | Token::BraceClose | Token::ListClose)
                }
                Token::Directive(_) => {
                    unplaced.next().into_iter().for_each(|hole| hole.place = lexer.place())
                }
                _ => {}
            }
            before = token;
        }
        Ok(Template { text: text.into(), bytes: bytes.into(), holes: holes.into(), keys })
    }

    /// The text it was made from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its directives, in the order in which arguments are taken.
    pub fn directives(&self) -> impl Iterator<Item = Directive> + '_ {
        self.holes.iter().map(|hole| hole.directive)
    }

    /// The encoded term with these arguments.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument): an argument is missing, left over, or does not suit its directive.
    pub fn build(&self, args: &[Arg<'_>]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.bytes.len() + args.len() * ROOM_PER_ARGUMENT);
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

    /// Appends one term; on an error `out` is as it was.
    fn append<'a>(&self, out: &mut Vec<u8>, args: impl Args<'a>) -> Result<()> {
        let start = out.len();
        self.fill(out, args).map_err(|complaint| {
            out.truncate(start);
            complaint.in_text(&self.text)
        })
    }

    #[inline]
    fn fill<'a>(&self, out: &mut Vec<u8>, args: impl Args<'a>) -> Result<(), Complaint> {
        let (start, mut feed, mut done) = (out.len(), Feed(args), 0);
        for hole in &self.holes {
            out.extend_from_slice(&self.bytes[done..hole.at]);
            done = hole.at;
            feed.put(hole.directive, out).map_err(|what| Complaint::new(hole.place, what))?;
        }
        out.extend_from_slice(&self.bytes[done..]);
        none_left(&feed.0, self.text.len())?;
        if self.keys {
            validate(&out[start..], &[])
                .map_err(|malformed| Complaint::new(self.text.len(), malformed.what))?;
        }
        Ok(())
    }
}

/// Complains about arguments that nobody wanted.
fn none_left<'a>(args: &impl Args<'a>, place: usize) -> Result<(), Complaint> {
    match args.left() {
        0 => Ok(()),
        left => Err(Complaint::new(place, format!("the template is over and {left} arguments are left"))),
    }
}

/// Takes every directive and writes a number that no other got, so that keys differ; remembers where.
#[derive(Default)]
pub(super) struct Placeholders(Vec<(usize, Directive)>);

/// Bytes of such a number: tag, length, sign, 8 digits.
const PLACEHOLDER: usize = 11;

impl Slots for Placeholders {
    fn put(&mut self, directive: Directive, out: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
        self.0.push((out.len(), directive));
        put_i64(out, i64::MAX - self.0.len() as i64);
        Ok(())
    }

    fn moved(&mut self, at: usize, by: usize) {
        self.0.iter_mut().filter(|(hole, _)| *hole > at).for_each(|(hole, _)| *hole += by);
    }
}
