//! Cuts Erlang term text into tokens, for the parser, templates and patterns alike.
//! Knows nothing of nesting: whether a token may stand where it stands is decided by its reader.

use std::borrow::Cow;

use super::format::Directive;
use super::token::{Complaint, Spelled, Spelling, Token, Tokens};

/// Digits beyond this are refused: a BEAM closes the connection for integers over 524,280 bytes, which is 1,262,579 digits.
const MAX_DIGITS: usize = 1_262_000;

/// ASCII that goes on with a name.
static IN_NAMES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@';
        byte += 1;
    }
    table
};

/// Cuts a text into tokens.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    start: usize,
}

impl<'t> Tokens<'t> for Lexer<'t> {
    #[inline]
    fn next(&mut self) -> Result<Token<'t>, Complaint> {
        self.skip_blanks();
        self.start = self.at;
        let Some(&byte) = self.bytes().get(self.at) else { return Ok(Token::End) };
        match byte {
            b'a'..=b'z' => self.word(),
            b'~' => self.directive(),
            b'0'..=b'9' => self.number(false),
            b',' => Ok(self.take(1, Token::Comma)),
            b'{' => Ok(self.take(1, Token::TupleOpen)),
            b'}' => Ok(self.take(1, Token::BraceClose)),
            b'[' => Ok(self.take(1, Token::ListOpen)),
            b']' => Ok(self.take(1, Token::ListClose)),
            b'|' => Ok(self.take(1, Token::Bar)),
            b'/' => Ok(self.take(1, Token::Slash)),
            b'\'' => self.quoted(b'\'').map(Token::Atom),
            b'"' => self.strings(),
            b'_' => {
                self.name();
                Ok(Token::Wildcard)
            }
            b'-' | b'+' => {
                self.at += 1;
                self.number(byte == b'-')
            }
            b'$' => self.character(),
            _ => self.other(byte),
        }
    }

    fn place(&self) -> usize {
        self.start
    }
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Lexer { text, at: 0, start: 0 }
    }

    fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes().get(self.at + ahead).copied()
    }

    fn take(&mut self, length: usize, token: Token<'t>) -> Token<'t> {
        self.at += length;
        token
    }

    fn complain<T>(&self, what: impl Into<Cow<'static, str>>) -> Result<T, Complaint> {
        Err(Complaint::new(self.start, what))
    }

    /// Blanks, line ends and `%` comments.
    #[inline]
    fn skip_blanks(&mut self) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'%' => {
                    self.at += self.bytes()[self.at..]
                        .iter()
                        .position(|&b| b == b'\n')
                        .unwrap_or(usize::MAX)
                        .min(self.text.len() - self.at)
                }
                _ => return,
            }
        }
    }

    /// The letters, digits, `_` and `@` that stand here.
    #[inline]
    fn name(&mut self) -> &'t str {
        let start = self.at;
        let bytes = self.bytes();
        loop {
            while bytes.get(self.at).is_some_and(|&byte| IN_NAMES[usize::from(byte)]) {
                self.at += 1;
            }
            match bytes.get(self.at) {
                Some(0x80..) => match self.text[self.at..].chars().next() {
                    Some(c) if c.is_alphanumeric() => self.at += c.len_utf8(),
                    _ => break,
                },
                _ => break,
            }
        }
        &self.text[start..self.at]
    }

    #[inline]
    fn word(&mut self) -> Result<Token<'t>, Complaint> {
        match self.name() {
            "fun" if self.peek(0) == Some(b'(') => {
                self.complain("of funs, only fun module:name/arity can be written")
            }
            "fun" => Ok(Token::Fun),
            word => Ok(Token::Atom(Spelled::plain(word))),
        }
    }

    fn directive(&mut self) -> Result<Token<'t>, Complaint> {
        let letter = self.peek(1);
        if letter == Some(b'_') {
            return Ok(self.take(2, Token::Wildcard));
        }
        match letter.and_then(Directive::from_letter) {
            Some(directive) => Ok(self.take(2, Token::Directive(directive))),
            None => {
                let found = self.text[self.at + 1..]
                    .chars()
                    .next()
                    .map_or(String::from("nothing"), |c| format!("'{c}'"));
                self.complain(format!("'~' must be followed by one of {}, found {found}", Directive::LETTERS))
            }
        }
    }

    fn other(&mut self, byte: u8) -> Result<Token<'t>, Complaint> {
        match (byte, self.peek(1)) {
            (b'#', Some(b'{')) => Ok(self.take(2, Token::MapOpen)),
            (b'<', Some(b'<')) => Ok(self.take(2, Token::BinaryOpen)),
            (b'>', Some(b'>')) => Ok(self.take(2, Token::BinaryClose)),
            (b'=', Some(b'>')) => Ok(self.take(2, Token::Arrow)),
            (b':', Some(b'=')) => Ok(self.take(2, Token::Assign)),
            (b':', _) => Ok(self.take(1, Token::Colon)),
            (b'.', _) if self.text[self.at + 1..].trim().is_empty() => {
                self.at = self.text.len();
                Ok(Token::End)
            }
            (b'#', _) => self.complain("only maps may begin with '#'; pids, references, ports and funs have no text form: use ~p, ~r, ~o or ~t"),
            (b'<', Some(b'0'..=b'9')) => self.complain("a pid has no text form that can be read back: use ~p"),
            (b'A'..=b'Z', _) => {
                let name = self.name();
                self.complain(format!("{name} is a variable: quote it ('{name}') if an atom is meant"))
            }
            _ => {
                let c = self.text[self.at..].chars().next().unwrap_or('?');
                if c.is_lowercase() || (c.is_alphabetic() && !c.is_uppercase()) {
                    return Ok(Token::Atom(Spelled::plain(self.name())));
                }
                self.complain(format!("unexpected character '{c}'"))
            }
        }
    }

    /// Digits with optional base, fraction and exponent; the sign was read before.
    fn number(&mut self, negative: bool) -> Result<Token<'t>, Complaint> {
        let (first, digits) = self.digits(10);
        if digits == 0 {
            return self.complain("a sign must be followed by digits");
        }
        match (self.peek(0), self.peek(1)) {
            (Some(b'#'), _) => self.based(first, negative),
            (Some(b'.'), Some(b'0'..=b'9')) => self.float(),
            _ => self.integer(first, negative, digits, 10),
        }
    }

    /// The digits of `base` that stand here, `_` between them allowed, and how many there are.
    #[inline]
    fn digits(&mut self, base: u32) -> (&'t str, usize) {
        let (start, mut count) = (self.at, 0);
        while let Some(byte) = self.peek(0) {
            let digit = (byte as char).is_digit(base);
            let separator =
                byte == b'_' && count > 0 && self.peek(1).is_some_and(|b| (b as char).is_digit(base));
            if !digit && !separator {
                break;
            }
            count += usize::from(digit);
            self.at += 1;
        }
        (&self.text[start..self.at], count)
    }

    fn based(&mut self, base: &str, negative: bool) -> Result<Token<'t>, Complaint> {
        let base = match base.parse::<u32>() {
            Ok(base @ 2..=36) => base,
            _ => return self.complain("the base before '#' must be 2 to 36"),
        };
        self.at += 1;
        let (text, digits) = self.digits(base);
        if digits == 0 {
            return self.complain(format!("no digit of base {base} after '#'"));
        }
        self.integer(text, negative, digits, base)
    }

    fn integer(
        &mut self,
        text: &'t str,
        negative: bool,
        digits: usize,
        base: u32,
    ) -> Result<Token<'t>, Complaint> {
        const ALWAYS_FITS: usize = 18; // 10^18 - 1 is below 2^63
        if base == 10 && digits <= ALWAYS_FITS {
            let value = text.bytes().filter(|&b| b != b'_').fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
            return Ok(Token::Int(if negative { -value } else { value }));
        }
        if digits > MAX_DIGITS {
            return self.complain("an integer of this length is refused by every BEAM");
        }
        let mut value = 0i64;
        for digit in text.chars().filter_map(|c| c.to_digit(base)) {
            let digit = i64::from(digit);
            let next = value.checked_mul(i64::from(base));
            let next = next.and_then(|n| if negative { n.checked_sub(digit) } else { n.checked_add(digit) });
            match next {
                Some(next) => value = next,
                None => return Ok(Token::Big(negative, text, base)),
            }
        }
        Ok(Token::Int(value))
    }

    fn float(&mut self) -> Result<Token<'t>, Complaint> {
        self.at += 1;
        self.digits(10);
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'-' | b'+')));
            if matches!(self.peek(1 + sign), Some(b'0'..=b'9')) {
                self.at += 1 + sign;
                self.digits(10);
            }
        }
        let text = &self.text[self.start..self.at];
        let value =
            if text.contains('_') { text.replace('_', "").parse::<f64>() } else { text.parse::<f64>() };
        match value {
            Ok(value) if value.is_finite() => Ok(Token::Float(value)),
            _ => self.complain("the float is out of range"),
        }
    }

    /// `$c`: the code of a character.
    fn character(&mut self) -> Result<Token<'t>, Complaint> {
        self.at += 1;
        let c = match self.text[self.at..].chars().next() {
            Some('\\') => self.escape()?,
            Some(c) => {
                self.at += c.len_utf8();
                Some(c)
            }
            None => None,
        };
        match c {
            Some(c) => Ok(Token::Int(i64::from(u32::from(c)))),
            None => self.complain("'$' must be followed by a character"),
        }
    }

    /// One string, or several that stand side by side and count as one.
    fn strings(&mut self) -> Result<Token<'t>, Complaint> {
        let from = self.at + 1;
        let mut text = self.quoted(b'"')?;
        loop {
            let end = self.at;
            self.skip_blanks();
            if self.peek(0) != Some(b'"') {
                self.at = end;
                return Ok(Token::Text(text));
            }
            self.quoted(b'"')?;
            text = Spelled { written: &self.text[from..self.at - 1], spelling: Spelling::Pieces };
        }
    }

    /// What stands between quotes; the escapes are checked.
    #[inline]
    fn quoted(&mut self, quote: u8) -> Result<Spelled<'t>, Complaint> {
        self.at += 1;
        let from = self.at;
        let mut spelling = Spelling::Plain;
        loop {
            match self.peek(0) {
                Some(b'\\') => {
                    self.escape()?;
                    spelling = Spelling::Escaped;
                }
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Ok(Spelled { written: &self.text[from..self.at - 1], spelling });
                }
                Some(_) => self.at += 1,
                None => return self.complain(format!("the quote {} is never closed", quote as char)),
            }
        }
    }

    /// The character of a backslash sequence; none for a backslash before a line end.
    fn escape(&mut self) -> Result<Option<char>, Complaint> {
        self.at += 1;
        let Some(c) = self.text[self.at..].chars().next() else {
            return self.complain("nothing follows the backslash");
        };
        self.at += c.len_utf8();
        let code = match c {
            'b' => 8,
            'd' => 127,
            'e' => 27,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            's' => 32,
            't' => 9,
            'v' => 11,
            '0'..='7' => return self.octal(),
            'x' => return self.hexadecimal(),
            '^' => match self.peek(0) {
                Some(byte @ b'@'..=b'_') | Some(byte @ b'a'..=b'z') => {
                    self.at += 1;
                    u32::from(byte & 31)
                }
                _ => return self.complain("'\\^' must be followed by a letter"),
            },
            '\n' => return Ok(None),
            other => u32::from(other),
        };
        Ok(char::from_u32(code))
    }

    fn octal(&mut self) -> Result<Option<char>, Complaint> {
        self.at -= 1;
        let mut code = 0;
        for _ in 0..3 {
            match self.peek(0) {
                Some(byte @ b'0'..=b'7') => code = code * 8 + u32::from(byte - b'0'),
                _ => break,
            }
            self.at += 1;
        }
        Ok(char::from_u32(code))
    }

    /// `\xFF` or `\x{10FFFF}`, the `x` being read.
    fn hexadecimal(&mut self) -> Result<Option<char>, Complaint> {
        let rest = &self.text[self.at..];
        let (digits, length) = match rest.strip_prefix('{') {
            Some(inside) => match inside.find('}') {
                Some(end) => (&inside[..end], end + 2),
                None => return self.complain("'\\x{' is never closed"),
            },
            None => match rest.get(..2) {
                Some(two) => (two, 2),
                None => return self.complain("'\\x' must be followed by two hexadecimal digits"),
            },
        };
        match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
            Some(c) if !digits.starts_with('+') => {
                self.at += length;
                Ok(Some(c))
            }
            _ => self.complain(format!("'\\x{digits}' is not the code of a character")),
        }
    }
}

/// What a text with escapes means; they were checked when it was read.
pub(super) fn unescape(written: &str, spelling: Spelling) -> String {
    let mut lexer = Lexer::new(written);
    let mut text = String::with_capacity(written.len());
    let mut from = 0;
    while let Some(byte) = lexer.peek(0) {
        match byte {
            b'\\' => {
                text.push_str(&written[from..lexer.at]);
                text.extend(lexer.escape().ok().flatten());
                from = lexer.at;
            }
            b'"' if spelling == Spelling::Pieces => {
                text.push_str(&written[from..lexer.at]);
                lexer.at += 1; // the end of one string; then the beginning of the next
                lexer.skip_blanks();
                lexer.at += 1;
                from = lexer.at;
            }
            _ => lexer.at += 1,
        }
    }
    text.push_str(written.get(from..).unwrap_or_default());
    text
}
