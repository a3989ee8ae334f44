//! Erlang spelling of what has no parts: atoms, strings, binaries, floats.
//! Measured against `io_lib:format` of OTP 25, 27 and 29; where they differ, the newest is followed.

use std::fmt::{self, Write};

/// The words that an atom may not be without quotes.
const RESERVED: [&str; 29] = [
    "after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor", "case", "catch", "cond",
    "div", "else", "end", "fun", "if", "let", "maybe", "not", "of", "or", "orelse", "receive", "rem", "try",
    "when", "xor",
];

/// True if Erlang writes this atom without quotes. It knows no letters beyond Latin-1.
fn is_bare(text: &str) -> bool {
    let letter = |c: char| matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ' | 'A'..='Z' | 'À'..='Ö' | 'Ø'..='Þ');
    text.starts_with(|c: char| matches!(c, 'a'..='z' | 'ß'..='ö' | 'ø'..='ÿ'))
        && text.chars().all(|c| letter(c) || matches!(c, '0'..='9' | '_' | '@'))
        && RESERVED.binary_search(&text).is_err()
}

/// An atom, quoted when Erlang quotes it.
pub(crate) fn atom(out: &mut dyn Write, text: &str) -> fmt::Result {
    if is_bare(text) {
        return out.write_str(text);
    }
    out.write_char('\'')?;
    escaped(out, text.chars(), '\'')?;
    out.write_char('\'')
}

/// Characters between quotes, with the backslash sequences that Erlang uses.
pub(super) fn escaped(out: &mut dyn Write, chars: impl Iterator<Item = char>, quote: char) -> fmt::Result {
    let mut plain = String::new(); // many characters in one call
    for c in chars {
        if c >= ' ' && c != quote && c != '\\' && !matches!(c, '\u{7f}'..='\u{9f}') {
            plain.push(c);
            if plain.len() >= AT_ONCE {
                out.write_str(&plain)?;
                plain.clear();
            }
            continue;
        }
        out.write_str(&plain)?;
        plain.clear();
        match c {
            '\u{8}' => out.write_str("\\b")?,
            '\t' => out.write_str("\\t")?,
            '\n' => out.write_str("\\n")?,
            '\u{b}' => out.write_str("\\v")?,
            '\u{c}' => out.write_str("\\f")?,
            '\r' => out.write_str("\\r")?,
            '\u{1b}' => out.write_str("\\e")?,
            '\u{7f}' => out.write_str("\\d")?,
            '\0'..='\u{1f}' | '\u{80}'..='\u{9f}' => write!(out, "\\{:03o}", u32::from(c))?,
            c => write!(out, "\\{c}")?,
        }
    }
    out.write_str(&plain)
}

const AT_ONCE: usize = 256; // bytes; enough to make calls rare, and no more than a limit may let through

/// True if `~p` takes this code for a character of a text. `wide`: beyond Latin-1 too (`erl +pc unicode`).
pub(super) fn is_printable(code: i64, wide: bool) -> bool {
    match code {
        0x20..=0x7e | 0xa0..=0xff | 8..=13 | 27 => true,
        0x100..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..=0x10_ffff => wide,
        _ => false,
    }
}

/// A binary: `<<"text">>`, `<<"téxt"/utf8>>` or `<<1,2,3>>`.
pub(super) fn binary(out: &mut dyn Write, bytes: &[u8], strings: bool, wide: bool) -> fmt::Result {
    if strings && !bytes.is_empty() {
        if bytes.is_ascii() || std::str::from_utf8(bytes).is_err() {
            if bytes.iter().all(|&b| is_printable(i64::from(b), wide)) {
                out.write_str("<<\"")?;
                escaped(out, bytes.iter().map(|&b| char::from(b)), '"')?;
                return out.write_str("\">>");
            }
        } else if let Ok(text) = std::str::from_utf8(bytes) {
            if text.chars().all(|c| is_printable(i64::from(u32::from(c)), wide)) {
                out.write_str("<<\"")?;
                escaped(out, text.chars(), '"')?;
                return out.write_str("\"/utf8>>");
            }
        }
    }
    out.write_str("<<")?;
    numbers(out, bytes, ",")?;
    out.write_str(">>")
}

/// Bytes as numbers with something between them.
pub(super) fn numbers(out: &mut dyn Write, bytes: &[u8], between: &str) -> fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.write_str(between)?;
        }
        super::leaf::int(out, i64::from(*byte))?;
    }
    Ok(())
}

/// A float with the fewest digits that read back as the same float, in the shorter of both notations; from 2^53 on,
/// where not every integer is a float, always in scientific notation.
pub(super) fn float(out: &mut dyn Write, value: f64) -> fmt::Result {
    const EVERY_INTEGER_BELOW: f64 = 9_007_199_254_740_992.0;
    let digits = Digits::of(value);
    if value.abs() < EVERY_INTEGER_BELOW && digits.plain_length() <= digits.scientific_length() {
        digits.plain(out)
    } else {
        digits.scientific(out)
    }
}

/// The shortest decimal digits of a float: `0.DIGITS * 10^place`.
pub(super) struct Digits {
    negative: bool,
    digits: String,
    place: i32,
}

impl Digits {
    pub(super) fn of(value: f64) -> Digits {
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits: String = mantissa.chars().filter(|&c| c != '.').collect();
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Digits { negative: value.is_sign_negative(), digits, place: exponent + 1 }
    }

    /// Exponent of the first digit.
    pub(super) fn exponent(&self) -> i32 {
        self.place - 1
    }

    fn plain_length(&self) -> usize {
        let length = self.digits.len();
        match usize::try_from(self.place) {
            Ok(0) | Err(_) => 2 + self.place.unsigned_abs() as usize + length,
            Ok(place) if place >= length => place + 2,
            Ok(_) => length + 1,
        }
    }

    fn scientific_length(&self) -> usize {
        let exponent = self.exponent();
        let sign = usize::from(exponent < 0);
        let width = exponent.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        self.digits.len().max(2) + 1 + 1 + sign + width
    }

    pub(super) fn plain(&self, out: &mut dyn Write) -> fmt::Result {
        self.sign(out)?;
        let length = self.digits.len();
        match usize::try_from(self.place) {
            Ok(0) | Err(_) => {
                out.write_str("0.")?;
                for _ in 0..self.place.unsigned_abs() {
                    out.write_char('0')?;
                }
                out.write_str(&self.digits)
            }
            Ok(place) if place >= length => {
                out.write_str(&self.digits)?;
                for _ in length..place {
                    out.write_char('0')?;
                }
                out.write_str(".0")
            }
            Ok(place) => write!(out, "{}.{}", &self.digits[..place], &self.digits[place..]),
        }
    }

    pub(super) fn scientific(&self, out: &mut dyn Write) -> fmt::Result {
        self.sign(out)?;
        let (first, rest) = self.digits.split_at(1);
        let rest = if rest.is_empty() { "0" } else { rest };
        write!(out, "{first}.{rest}e{}", self.exponent())
    }

    fn sign(&self, out: &mut dyn Write) -> fmt::Result {
        if self.negative {
            out.write_char('-')?;
        }
        Ok(())
    }
}
