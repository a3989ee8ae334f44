//! Patterns: taking terms apart by the text that describes them.
//!
//! Pattern and term are walked side by side; nothing is built. The reader given stays where it is unless everything
//! matches. Literals are equal as by `=:=`. A list is a list however its sender cut it into STRING and LIST pieces.

use std::borrow::Cow;

use super::captures::Captured;
use super::template::Placeholders;
use super::{directives, Directive};
use crate::error::{room, Result};
use crate::term::compose::{compose, compose_one, unexpected, NoSlots};
use crate::term::lex::Lexer;
use crate::term::stack::Stack;
use crate::term::token::{Complaint, Token, Tokens};
use crate::term::{tag, Integer, Reader, State, Term};

/// True if the next term has the shape of `pattern`: its captures are then appended and `reader` stands behind it.
/// Otherwise neither has changed, except that malformed bytes are remembered by the reader.
///
/// ```
/// use erlnode::term::{format::{build, matches}, Reader};
/// let bytes = build("{put, ~S, #{n => 1, ttl => 60}}", &["key".into()])?;
/// let mut captures = Vec::new();
/// assert!(matches("{put, ~b, #{ttl := ~i}}", &mut Reader::new(&bytes), &mut captures)?);
/// assert_eq!((captures[0].as_bytes(), captures[1].as_i64()), (Some(&b"key"[..]), Some(60)));
/// # Ok::<(), erlnode::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) with line and column: the text is no pattern. It is read only as far as
/// it matches; [`Pattern::new`] reads all of it.
pub fn matches<'a>(pattern: &str, reader: &mut Reader<'a>, captures: &mut Vec<Captured<'a>>) -> Result<bool> {
    attempt(&mut Lexer::new(pattern), reader, captures).map_err(|complaint| complaint.in_text(pattern))
}

/// A pattern whose whole text was checked. It matches as fast as a text does: reading the text while walking the term
/// costs less than keeping its tokens (measured: 97 and 124 ns for `{put, ~b, ~i}`).
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Box<str>,
}

impl Pattern {
    /// Reads the text.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) with line and column.
    pub fn new(text: &str) -> Result<Pattern> {
        check(text).map_err(|complaint| complaint.in_text(text))?;
        Ok(Pattern { text: text.into() })
    }

    /// The text it was made from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its directives, in the order of the captures.
    pub fn directives(&self) -> impl Iterator<Item = Directive> + '_ {
        directives(&self.text).filter_map(Result::ok) // the text was checked
    }

    /// As [`matches()`].
    pub fn matches<'a>(&self, reader: &mut Reader<'a>, captures: &mut Vec<Captured<'a>>) -> bool {
        attempt(&mut Lexer::new(&self.text), reader, captures).unwrap_or(false) // the text was checked
    }
}

/// Checks the grammar: a pattern is a template with `_` and `:=`, whose keys are literals.
fn check(text: &str) -> Result<(), Complaint> {
    let mut tokens = Lexer::new(text);
    let mut before = tokens.next()?;
    while before != Token::End {
        let place = tokens.place();
        let token = tokens.next()?;
        let open = matches!(before, Token::Wildcard | Token::Directive(_));
        if open && matches!(token, Token::Assign | Token::Arrow) {
            return Err(Complaint::new(
                place,
                "the keys of a map pattern must be known: only values are captured",
            ));
        }
        before = token;
    }
    compose(&mut AsTemplate(Lexer::new(text)), &mut Vec::new(), &mut Placeholders::default())
}

/// Tokens of a pattern as those of a template.
struct AsTemplate<T>(T);

impl<'t, T: Tokens<'t>> Tokens<'t> for AsTemplate<T> {
    fn next(&mut self) -> Result<Token<'t>, Complaint> {
        Ok(match self.0.next()? {
            Token::Wildcard => Token::Directive(Directive::Term),
            Token::Assign => Token::Arrow,
            other => other,
        })
    }

    fn place(&self) -> usize {
        self.0.place()
    }
}

/// Why a match ended early.
enum Miss {
    /// The term is another.
    Other,
    /// The text is no pattern.
    Text(Complaint),
}

impl From<Complaint> for Miss {
    fn from(complaint: Complaint) -> Miss {
        Miss::Text(complaint)
    }
}

fn attempt<'a, 't>(
    tokens: &mut impl Tokens<'t>,
    reader: &mut Reader<'a>,
    captures: &mut Vec<Captured<'a>>,
) -> Result<bool, Complaint> {
    let before = captures.len();
    let mut matcher = Matcher { reader: reader.clone(), captures, open: Stack::new(Open::Tail) };
    let result = matcher.run(tokens);
    let after = matcher.reader;
    if result.is_ok() {
        *reader = after;
        return Ok(true);
    }
    captures.truncate(before);
    if after.error().is_some() {
        *reader = after;
    }
    match result {
        Err(Miss::Text(complaint)) => Err(complaint),
        _ => Ok(false),
    }
}

#[derive(Debug, Clone, Copy)]
enum Open {
    /// Elements still to come.
    Tuple(usize),
    /// Elements still to come before the tail, which may be another piece of the list.
    List(usize),
    /// Behind the bar.
    Tail,
    /// Where the map's first key stands, and its number of pairs.
    Map(usize, usize),
}

struct Matcher<'r, 'a> {
    reader: Reader<'a>,
    captures: &'r mut Vec<Captured<'a>>,
    open: Stack<Open>,
}

impl<'a> Matcher<'_, 'a> {
    fn run<'t>(&mut self, tokens: &mut impl Tokens<'t>) -> Result<(), Miss> {
        let mut token = tokens.next()?;
        let mut rest = None; // the term to match is the rest of a list
        loop {
            let opened = self.term(tokens, token, rest.take())?;
            token = tokens.next()?;
            let mut empty = opened && is_close(&token);
            if !opened || empty {
                // A term is matched, or an empty bracket is about to be.
                loop {
                    let Some(open) = self.open.last() else {
                        return match token {
                            Token::End => Ok(()),
                            other => Err(unexpected(tokens, &other, "the end of the pattern").into()),
                        };
                    };
                    match (&token, open) {
                        (Token::Comma, Open::Tuple(_) | Open::List(_) | Open::Map(..)) => {
                            token = tokens.next()?;
                            break;
                        }
                        (Token::Bar, Open::List(list)) => {
                            rest = (list > 0).then_some(list);
                            self.replace(Open::Tail);
                            token = tokens.next()?;
                            break;
                        }
                        (Token::BraceClose, Open::Tuple(0)) => {}
                        (Token::BraceClose, Open::Tuple(_)) => return Err(Miss::Other),
                        (Token::BraceClose, Open::Map(start, pairs)) => self.leave_map(start, pairs)?,
                        (Token::ListClose, Open::List(list)) => self.end(list)?,
                        (Token::ListClose, Open::Tail) if !empty => {}
                        (found, open) => return Err(unexpected(tokens, found, expected(open)).into()),
                    }
                    empty = false;
                    self.open.pop();
                    token = tokens.next()?;
                }
            }
            self.claim(tokens, &mut token)?;
        }
    }

    /// Before an element: it must exist in the term. Before a value of a map: its key is read and found.
    fn claim<'t>(&mut self, tokens: &mut impl Tokens<'t>, token: &mut Token<'t>) -> Result<(), Miss> {
        match self.open.last() {
            Some(Open::Tuple(0)) => Err(Miss::Other),
            Some(Open::Tuple(left)) => {
                self.replace(Open::Tuple(left - 1));
                Ok(())
            }
            Some(Open::List(left)) => {
                let left = self.next_piece(left)?;
                self.replace(Open::List(left - 1));
                Ok(())
            }
            Some(Open::Map(start, pairs)) => {
                self.find(tokens, *token, start, pairs)?;
                *token = tokens.next()?;
                Ok(())
            }
            Some(Open::Tail) | None => Ok(()),
        }
    }

    fn replace(&mut self, open: Open) {
        if let Some(last) = self.open.last_mut() {
            *last = open;
        }
    }

    /// Matches one term without parts, or goes into one that has some: then true.
    #[inline]
    fn term<'t>(
        &mut self,
        tokens: &mut impl Tokens<'t>,
        token: Token<'t>,
        rest: Option<usize>,
    ) -> Result<bool, Miss> {
        if let Some(rest) = rest {
            return self.rest_of_list(tokens, token, rest);
        }
        let reader = &mut self.reader;
        let matched = match token {
            Token::Atom(text) => reader.atom_is(&text.text()),
            Token::Directive(directive) => {
                let captured = capture(reader, directive).ok_or(Miss::Other)?;
                self.captures.push(captured);
                true
            }
            Token::Wildcard => reader.skip(),
            Token::Int(n) => reader.i64() == Some(n),
            Token::Float(value) => reader.f64().is_some_and(|found| found.to_bits() == value.to_bits()),
            Token::TupleOpen => {
                let arity = reader.tuple().ok_or(Miss::Other)?;
                self.open.push(Open::Tuple(arity));
                return Ok(true);
            }
            Token::ListOpen => {
                let left = reader.list().ok_or(Miss::Other)?;
                self.open.push(Open::List(left));
                return Ok(true);
            }
            Token::MapOpen => {
                let pairs = reader.map().ok_or(Miss::Other)?;
                self.open.push(Open::Map(reader.position(), pairs));
                return Ok(true);
            }
            Token::Text(text) => {
                let left = reader.list().ok_or(Miss::Other)?;
                self.text(&text.text(), left)?;
                true
            }
            literal @ (Token::Big(..) | Token::BinaryOpen | Token::Fun) => {
                let mut wanted = Vec::new();
                compose_one(tokens, literal, &mut wanted, &mut NoSlots)?;
                self.reader.term_bytes().is_some_and(|found| is_same(&wanted, found, self.reader.atoms()))
            }
            other => return Err(unexpected(tokens, &other, "a term").into()),
        };
        if matched {
            Ok(false)
        } else {
            Err(Miss::Other)
        }
    }

    /// Matches what is left of a list after some of its elements, as a list.
    #[cold]
    fn rest_of_list<'t>(
        &mut self,
        tokens: &mut impl Tokens<'t>,
        token: Token<'t>,
        rest: usize,
    ) -> Result<bool, Miss> {
        match token {
            Token::ListOpen => {
                self.open.push(Open::List(rest));
                return Ok(true);
            }
            Token::Text(text) => self.text(&text.text(), rest)?,
            Token::Wildcard => self.leave_list(rest)?,
            Token::Directive(directive) => {
                let bytes = self.gather(rest)?;
                let captured = match directive {
                    Directive::Term => Captured::Term(bytes),
                    Directive::Chars => Captured::Bytes(Cow::Owned(
                        Reader::new(&bytes).string().ok_or(Miss::Other)?.into_owned(),
                    )),
                    _ => return Err(Miss::Other),
                };
                self.captures.push(captured);
            }
            Token::Atom(_) | Token::Int(_) | Token::Float(_) | Token::TupleOpen | Token::MapOpen => {
                return Err(Miss::Other)
            }
            Token::Big(..) | Token::BinaryOpen | Token::Fun => return Err(Miss::Other),
            other => return Err(unexpected(tokens, &other, "a term").into()),
        }
        Ok(false)
    }

    /// Moves behind the rest of a list.
    fn leave_list(&mut self, rest: usize) -> Result<(), Miss> {
        for _ in 0..=rest {
            if !self.reader.skip() {
                return Err(Miss::Other);
            }
        }
        Ok(())
    }

    /// The rest of a list as a term with a header of its own.
    fn gather(&mut self, rest: usize) -> Result<Cow<'a, [u8]>, Miss> {
        if let Some(bytes) = self.rest_of_string(rest)? {
            return Ok(Cow::Owned(bytes));
        }
        let start = self.reader.position();
        self.leave_list(rest)?;
        let elements = self.reader.bytes().get(start..self.reader.position()).ok_or(Miss::Other)?;
        let count = u32::try_from(rest).map_err(|_| Miss::Other)?;
        let mut bytes = room(elements.len() + 5);
        bytes.push(tag::LIST);
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(elements);
        Ok(Cow::Owned(bytes))
    }

    /// The rest of a STRING, if the reader is inside one: its elements have no tags on the wire.
    fn rest_of_string(&mut self, left: usize) -> Result<Option<Vec<u8>>, Miss> {
        if self.reader.state().string == 0 {
            return Ok(None);
        }
        let mut bytes = room(left + 3);
        bytes.push(tag::STRING);
        bytes.extend_from_slice(&u16::try_from(left).map_err(|_| Miss::Other)?.to_be_bytes());
        for _ in 0..left {
            let code = self.reader.i64().and_then(|n| u8::try_from(n).ok());
            bytes.push(code.ok_or(Miss::Other)?);
        }
        if self.reader.nil() {
            Ok(Some(bytes))
        } else {
            Err(Miss::Other)
        }
    }

    /// The number of elements still to come, which is not 0: a sender may have cut the list into pieces.
    #[inline]
    fn next_piece(&mut self, left: usize) -> Result<usize, Miss> {
        let mut left = left;
        while left == 0 {
            let before = self.reader.position();
            left = self.reader.list().ok_or(Miss::Other)?;
            if left == 0 && self.reader.position() == before {
                return Err(Miss::Other); // the end of the list
            }
        }
        Ok(left)
    }

    /// The codes of a text, and then the end of the list.
    fn text(&mut self, text: &str, mut left: usize) -> Result<(), Miss> {
        for c in text.chars() {
            left = self.next_piece(left)? - 1;
            if self.reader.i64() != Some(i64::from(u32::from(c))) {
                return Err(Miss::Other);
            }
        }
        self.end(left)
    }

    /// The list must be over.
    fn end(&mut self, left: usize) -> Result<(), Miss> {
        if left == 0 && self.reader.nil() {
            return Ok(());
        }
        Err(Miss::Other)
    }

    /// Reads a key of the pattern and looks for it in the map; the reader then stands at its value.
    fn find<'t>(
        &mut self,
        tokens: &mut impl Tokens<'t>,
        key: Token<'t>,
        start: usize,
        pairs: usize,
    ) -> Result<(), Miss> {
        self.go_to(start);
        let atom;
        let mut wanted = Vec::new();
        match key {
            Token::Atom(text) => atom = Some(text.text()),
            other => {
                atom = None;
                compose_one(tokens, other, &mut wanted, &mut NoSlots)?;
            }
        }
        match tokens.next()? {
            Token::Assign | Token::Arrow => {}
            other => return Err(unexpected(tokens, &other, "':='").into()),
        }
        for _ in 0..pairs {
            let found = match &atom {
                Some(text) => {
                    let found = self.reader.atom_is(text);
                    if !found && !self.reader.skip() {
                        return Err(Miss::Other);
                    }
                    found
                }
                None => {
                    let key = self.reader.term_bytes().ok_or(Miss::Other)?;
                    is_same(&wanted, key, self.reader.atoms())
                }
            };
            if found {
                return Ok(());
            }
            if !self.reader.skip() {
                return Err(Miss::Other);
            }
        }
        Err(Miss::Other)
    }

    /// Back to a place outside of any STRING.
    fn go_to(&mut self, position: usize) {
        let state = State { position, ..State::default() };
        self.reader = Reader::resume(self.reader.bytes(), self.reader.atoms(), state);
    }

    fn leave_map(&mut self, start: usize, pairs: usize) -> Result<(), Miss> {
        self.go_to(start);
        for _ in 0..pairs.saturating_mul(2) {
            if !self.reader.skip() {
                return Err(Miss::Other);
            }
        }
        Ok(())
    }
}

fn is_close(token: &Token<'_>) -> bool {
    matches!(token, Token::BraceClose | Token::ListClose)
}

fn expected(open: Open) -> &'static str {
    match open {
        Open::Tuple(_) | Open::Map(..) => "',' or '}'",
        Open::List(_) => "',', '|' or ']'",
        Open::Tail => "']'",
    }
}

/// True if both encodings are of equal terms, as by `=:=`.
fn is_same(wanted: &[u8], found: &[u8], atoms: &[crate::term::Atom]) -> bool {
    if wanted == found {
        return true;
    }
    match (Term::decode(wanted), Term::decode_with_atoms(found, atoms)) {
        (Ok(wanted), Ok(found)) => wanted == found,
        _ => false,
    }
}

/// One value of the kind that the directive wants.
#[inline]
fn capture<'a>(reader: &mut Reader<'a>, directive: Directive) -> Option<Captured<'a>> {
    Some(match directive {
        Directive::Int32 => Captured::Int(reader.i64().filter(|&n| i32::try_from(n).is_ok())?),
        Directive::Int64 => Captured::Int(reader.i64()?),
        Directive::Uint64 => Captured::Uint(reader.u64()?),
        Directive::Char => Captured::Int(reader.i64().filter(|&n| u8::try_from(n).is_ok())?),
        Directive::Float => Captured::Float(reader.f64()?),
        Directive::Number => Captured::Float(match reader.f64() {
            Some(value) => value,
            None => match reader.integer()? {
                Integer::Small(n) => n as f64,
                Integer::Big(big) => big.to_f64(),
            },
        }),
        Directive::Bool => Captured::Bool(reader.bool()?),
        Directive::Atom => Captured::Atom(reader.atom()?),
        Directive::Chars => Captured::Bytes(reader.string()?),
        Directive::Binary => Captured::Bytes(Cow::Borrowed(reader.binary()?)),
        Directive::Text => Captured::Str(std::str::from_utf8(reader.binary()?).ok()?),
        Directive::Pid => Captured::Pid(reader.pid()?),
        Directive::Reference => Captured::Reference(reader.reference()?),
        Directive::Port => Captured::Port(reader.port()?),
        Directive::Term => Captured::Term(Cow::Borrowed(reader.term_bytes()?)),
    })
}
