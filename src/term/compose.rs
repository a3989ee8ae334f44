//! Tokens to encoded bytes: the engine behind [`parse`](super::parse()) and templates.
//!
//! Headers are written with a place for the count, which is filled in when the bracket closes. Open brackets stand in
//! a stack of their own, so depth costs heap. On an error the output is left as far as it came; the caller cuts it.

use std::borrow::Cow;

use num_bigint::{BigInt, BigUint, Sign};

use super::format::Directive;
use super::stack::Stack;
use super::tag;
use super::token::{Complaint, Token, Tokens};
use super::writer::{put_atom, put_big, put_byte_string, put_counted, put_i64};
use super::{validate, Atom};
use crate::error::{reserve, room};

/// Bits of one number inside `<<...>>`; more are a slip of the pen.
const MAX_SEGMENT_BITS: i64 = 65_536;

/// What the directives of a template stand for.
pub(crate) trait Slots {
    /// Appends the next argument, which must suit `directive`.
    fn put(&mut self, directive: Directive, out: &mut Vec<u8>) -> Result<(), Cow<'static, str>>;

    /// What stands behind `at` has moved by so many bytes.
    fn moved(&mut self, _at: usize, _by: usize) {}
}

/// For texts without directives.
pub(crate) struct NoSlots;

impl Slots for NoSlots {
    fn put(&mut self, directive: Directive, _: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
        Err(format!("~{} stands for an argument, and this text has none", directive.letter()).into())
    }
}

/// Reads a whole text: one term and then its end.
pub(crate) fn compose<'t>(
    tokens: &mut impl Tokens<'t>,
    out: &mut Vec<u8>,
    slots: &mut impl Slots,
) -> Result<(), Complaint> {
    let first = tokens.next()?;
    compose_one(tokens, first, out, slots)?;
    match tokens.next()? {
        Token::End => Ok(()),
        other => Err(unexpected(tokens, &other, "the end of the text")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Tuple,
    List,
    /// The part of a list behind the bar.
    Tail,
    Key,
    Value,
}

/// A bracket that waits for its end.
#[derive(Clone, Copy)]
struct Open {
    shape: Shape,
    /// Where its header stands.
    at: usize,
    count: usize,
}

/// Reads one term that begins with `first`, and nothing behind it.
pub(crate) fn compose_one<'t>(
    tokens: &mut impl Tokens<'t>,
    first: Token<'t>,
    out: &mut Vec<u8>,
    slots: &mut impl Slots,
) -> Result<(), Complaint> {
    let mut open = Stack::new(Open { shape: Shape::Tuple, at: 0, count: 0 });
    let mut token = first;
    let (start, mut maps) = (out.len(), false);
    loop {
        let mut empty = false; // the bracket closes as soon as it was opened
        match opened(&token, out) {
            Some(bracket) => {
                open.push(bracket);
                token = tokens.next()?;
                empty = closes(&open, &token);
                if !empty {
                    continue;
                }
            }
            None => leaf(tokens, token, out, slots)?,
        }
        // A term is complete, or an empty bracket is about to be.
        loop {
            let Some(bracket) = open.last_mut() else {
                return if maps { check_keys(tokens, &out[start..]) } else { Ok(()) };
            };
            if !empty {
                bracket.count += 1;
                token = tokens.next()?;
            }
            empty = false;
            match (&token, bracket.shape) {
                (Token::Comma, Shape::Tuple | Shape::List) => break,
                (Token::Comma, Shape::Value) => {
                    bracket.shape = Shape::Key;
                    break;
                }
                (Token::Arrow, Shape::Key) => {
                    bracket.shape = Shape::Value;
                    bracket.count -= 1; // pairs are counted, not their halves
                    break;
                }
                (Token::Bar, Shape::List) => {
                    bracket.shape = Shape::Tail;
                    bracket.count -= 1; // the tail will be counted, and is no element
                    break;
                }
                _ if closes(&open, &token) => {
                    maps |= close(&mut open, tokens, out, slots)?;
                }
                (found, shape) => return Err(unexpected(tokens, found, expected(shape))),
            }
        }
        token = tokens.next()?;
    }
}

/// Starts a container if the token is an opening bracket.
#[inline]
fn opened(token: &Token<'_>, out: &mut Vec<u8>) -> Option<Open> {
    let at = out.len();
    let shape = match token {
        Token::TupleOpen => {
            out.extend_from_slice(&[tag::SMALL_TUPLE, 0]);
            Shape::Tuple
        }
        Token::ListOpen => {
            out.extend_from_slice(&[tag::LIST, 0, 0, 0, 0]);
            Shape::List
        }
        Token::MapOpen => {
            out.extend_from_slice(&[tag::MAP, 0, 0, 0, 0]);
            Shape::Key
        }
        _ => return None,
    };
    Some(Open { shape, at, count: 0 })
}

/// True if the token ends the innermost bracket in the state it is in.
fn closes(open: &Stack<Open>, token: &Token<'_>) -> bool {
    let Some(bracket) = open.last() else { return false };
    match (token, bracket.shape) {
        (Token::BraceClose, Shape::Tuple | Shape::Value) => true,
        (Token::BraceClose, Shape::Key) => bracket.count == 0,
        (Token::ListClose, Shape::List | Shape::Tail) => true,
        _ => false,
    }
}

/// Refuses maps that have a key twice, as every BEAM does.
fn check_keys<'t>(tokens: &impl Tokens<'t>, term: &[u8]) -> Result<(), Complaint> {
    match validate(term, &[]) {
        Ok(_) => Ok(()),
        Err(malformed) => Err(Complaint::new(tokens.place(), malformed.what)),
    }
}

/// Fills in the header of the innermost bracket, now that its count is known. True if it is a map whose keys may clash.
fn close<'t>(
    open: &mut Stack<Open>,
    tokens: &impl Tokens<'t>,
    out: &mut Vec<u8>,
    slots: &mut impl Slots,
) -> Result<bool, Complaint> {
    let Some(Open { shape, at, count }) = open.pop() else { return Ok(false) };
    let Ok(count32) = u32::try_from(count) else {
        return Err(Complaint::new(tokens.place(), "more than 2^32 elements"));
    };
    match (shape, u8::try_from(count)) {
        (Shape::Tuple, Ok(arity)) => out[at + 1] = arity,
        (Shape::Tuple, Err(_)) => {
            let [a, b, c, d] = count32.to_be_bytes();
            out.splice(at..at + 2, [tag::LARGE_TUPLE, a, b, c, d]);
            slots.moved(at, 3); // the long header has 3 bytes more
        }
        (Shape::List, Ok(0)) => {
            out.truncate(at);
            out.push(tag::NIL);
        }
        (Shape::List | Shape::Tail, _) => {
            out[at + 1..at + 5].copy_from_slice(&count32.to_be_bytes());
            if shape == Shape::List {
                out.push(tag::NIL);
            }
        }
        (Shape::Key | Shape::Value, _) => {
            out[at + 1..at + 5].copy_from_slice(&count32.to_be_bytes());
            return Ok(count > 1);
        }
    }
    Ok(false)
}

fn expected(shape: Shape) -> &'static str {
    match shape {
        Shape::Tuple => "',' or '}'",
        Shape::List => "',', '|' or ']'",
        Shape::Tail => "']'",
        Shape::Key => "'=>'",
        Shape::Value => "',' or '}'",
    }
}

pub(crate) fn unexpected<'t>(tokens: &impl Tokens<'t>, found: &Token<'_>, expected: &str) -> Complaint {
    Complaint::new(tokens.place(), format!("expected {expected}, found {}", found.name()))
}

/// A term that has no terms inside.
fn leaf<'t>(
    tokens: &mut impl Tokens<'t>,
    token: Token<'t>,
    out: &mut Vec<u8>,
    slots: &mut impl Slots,
) -> Result<(), Complaint> {
    match token {
        Token::Atom(text) => atom(out, &text.text()).map_err(|what| Complaint::new(tokens.place(), what)),
        Token::Directive(directive) => {
            slots.put(directive, out).map_err(|what| Complaint::new(tokens.place(), what))
        }
        Token::Int(n) => {
            put_i64(out, n);
            Ok(())
        }
        Token::Big(negative, digits, base) => {
            put_big(out, negative, &magnitude(digits, base).to_bytes_le());
            Ok(())
        }
        Token::Float(value) => {
            float(out, value);
            Ok(())
        }
        Token::Text(text) => {
            charlist(out, &text.text());
            Ok(())
        }
        Token::BinaryOpen => binary(tokens, out),
        Token::Fun => export(tokens, out),
        Token::Wildcard => {
            Err(Complaint::new(tokens.place(), "'_' stands for any term: only patterns may have it"))
        }
        other => Err(unexpected(tokens, &other, "a term")),
    }
}

/// An atom, if a BEAM would have it.
pub(crate) fn atom(out: &mut Vec<u8>, text: &str) -> Result<(), &'static str> {
    if !Atom::fits(text) {
        return Err("an atom has at most 255 characters");
    }
    put_atom(out, text.as_bytes());
    Ok(())
}

/// A finite float.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    out.push(tag::NEW_FLOAT);
    out.extend_from_slice(&value.to_be_bytes());
}

/// The code points of a text, as a list.
pub(crate) fn charlist(out: &mut Vec<u8>, text: &str) {
    if text.is_ascii() {
        return put_byte_string(out, text.as_bytes());
    }
    let points = || text.chars().map(u32::from);
    if points().all(|point| point < 256) {
        let mut bytes = room(text.len());
        bytes.extend(points().map(|point| point as u8));
        return put_byte_string(out, &bytes);
    }
    put_counted(out, tag::LIST, points().count());
    points().for_each(|point| put_i64(out, i64::from(point)));
    out.push(tag::NIL);
}

/// The digits of an integer as a number.
pub(crate) fn magnitude(digits: &str, base: u32) -> BigUint {
    BigUint::parse_bytes(digits.as_bytes(), base).unwrap_or_default() // the lexer saw digits of this base and `_`
}

/// `fun module:name/arity`, the word being read.
fn export<'t>(tokens: &mut impl Tokens<'t>, out: &mut Vec<u8>) -> Result<(), Complaint> {
    out.push(tag::EXPORT);
    export_name(tokens, out)?;
    expect(tokens, &Token::Colon, "':'")?;
    export_name(tokens, out)?;
    expect(tokens, &Token::Slash, "'/'")?;
    match tokens.next()? {
        Token::Int(arity @ 0..=tag::MAX_ARITY) => {
            put_i64(out, arity);
            Ok(())
        }
        other => Err(unexpected(tokens, &other, "an arity of 0 to 255")),
    }
}

fn export_name<'t>(tokens: &mut impl Tokens<'t>, out: &mut Vec<u8>) -> Result<(), Complaint> {
    match tokens.next()? {
        Token::Atom(text) => atom(out, &text.text()).map_err(|what| Complaint::new(tokens.place(), what)),
        other => Err(unexpected(tokens, &other, "an atom")),
    }
}

fn expect<'t>(tokens: &mut impl Tokens<'t>, wanted: &Token<'_>, text: &str) -> Result<(), Complaint> {
    let token = tokens.next()?;
    if token == *wanted {
        return Ok(());
    }
    Err(unexpected(tokens, &token, text))
}

/// What stands between `<<` and `>>`, the first being read: texts and numbers.
fn binary<'t>(tokens: &mut impl Tokens<'t>, out: &mut Vec<u8>) -> Result<(), Complaint> {
    let mut bits = Bits::default();
    let mut token = tokens.next()?;
    if token != Token::BinaryClose {
        loop {
            token = segment(tokens, token, &mut bits)?;
            match token {
                Token::Comma => token = tokens.next()?,
                Token::BinaryClose => break,
                other => return Err(unexpected(tokens, &other, "',' or '>>'")),
            }
        }
    }
    if bits.used == 0 {
        put_counted(out, tag::BINARY, bits.bytes.len());
    } else {
        put_counted(out, tag::BIT_BINARY, bits.bytes.len());
        out.push(bits.used);
    }
    reserve(out, bits.bytes.len());
    out.extend_from_slice(&bits.bytes);
    Ok(())
}

/// One number or text with its size or type; gives the token behind it.
fn segment<'t>(
    tokens: &mut impl Tokens<'t>,
    token: Token<'t>,
    bits: &mut Bits,
) -> Result<Token<'t>, Complaint> {
    let next = tokens.next()?;
    match token {
        Token::Text(text) if next == Token::Slash => {
            match tokens.next()? {
                Token::Atom(kind) if kind.text() == "utf8" => {
                    text.text().bytes().for_each(|byte| bits.push(&[byte], 8))
                }
                other => return Err(unexpected(tokens, &other, "utf8")),
            }
            tokens.next()
        }
        Token::Text(text) => {
            for c in text.text().chars() {
                match u8::try_from(u32::from(c)) {
                    Ok(byte) => bits.push(&[byte], 8),
                    Err(_) => {
                        return Err(Complaint::new(
                            tokens.place(),
                            format!("'{c}' is no byte: write \"...\"/utf8"),
                        ))
                    }
                }
            }
            Ok(next)
        }
        Token::Int(n) => number(tokens, &BigInt::from(n), next, bits),
        Token::Big(negative, digits, base) => {
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            number(tokens, &BigInt::from_biguint(sign, magnitude(digits, base)), next, bits)
        }
        other => Err(unexpected(tokens, &other, "a number or a string")),
    }
}

fn number<'t>(
    tokens: &mut impl Tokens<'t>,
    value: &BigInt,
    next: Token<'t>,
    bits: &mut Bits,
) -> Result<Token<'t>, Complaint> {
    let (size, next) = match next {
        Token::Colon => match tokens.next()? {
            Token::Int(size @ 0..=MAX_SEGMENT_BITS) => (size as usize, tokens.next()?),
            other => return Err(unexpected(tokens, &other, "a size of 0 to 65536 bits")),
        },
        other => (8, other),
    };
    bits.push(&value.to_signed_bytes_le(), size);
    Ok(next)
}

/// Bits, collected into bytes from the top.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits used in the last byte; 0 means all.
    used: u8,
}

impl Bits {
    /// Appends the low `size` bits of a little-endian number in two's complement.
    fn push(&mut self, number: &[u8], size: usize) {
        let sign = if number.last().is_some_and(|&top| top & 0x80 != 0) { 0xff } else { 0 };
        for index in (0..size).rev() {
            let byte = number.get(index / 8).copied().unwrap_or(sign);
            let bit = (byte >> (index % 8)) & 1;
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.used);
            }
            self.used = (self.used + 1) % 8;
        }
    }
}
