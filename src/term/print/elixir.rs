//! Elixir spelling of what has no parts: atoms, aliases, keys, strings, charlists, floats.
//! Measured against `inspect/2` of Elixir 1.18 and 1.20. Whether a struct's module is known there cannot be known
//! here, so every struct is shown as `%Name{}`.

use std::fmt::{self, Write};

use super::erlang;

/// Atoms that are operators: written without quotes after `:` and before `: `.
const OPERATORS: [&str; 52] = [
    "!", "!=", "!==", "%", "%{}", "&", "&&", "&&&", "*", "**", "+", "++", "+++", "-", "--", "---", "->", ".",
    "..", "...", "..//", "/", "<", "<-", "<<<", "<<>>", "<<~", "<=", "<>", "<~", "<~>", "=", "==", "===",
    "=~", ">", ">=", ">>>", "@", "^", "and", "in", "not", "or", "when", "{}", "|", "|>", "||", "|||", "~>",
    "~>>",
];

/// Operators that may follow the dot of a call.
const CALLABLE: [&str; 47] = [
    "!", "!=", "!==", "&", "&&", "&&&", "*", "**", "+", "++", "+++", "-", "--", "---", "/", "::", "<", "<-",
    "<<<", "<<~", "<=", "<>", "<|>", "<~", "<~>", "=", "==", "===", "=~", ">", ">=", ">>>", "@", "^", "^^^",
    "and", "in", "not", "or", "when", "|", "|>", "||", "|||", "~>", "~>>", "~~~",
];

/// An atom as a value: `:ok`, `nil`, `Kate.Sub`, `:"with space"`.
pub(super) fn atom(out: &mut dyn Write, text: &str) -> fmt::Result {
    if matches!(text, "nil" | "true" | "false") {
        return out.write_str(text);
    }
    if let Some(alias) = alias(text) {
        return out.write_str(alias);
    }
    out.write_char(':')?;
    bare_or_quoted(out, text, is_bare(text))
}

/// An atom before a value: `ok: `, `"with space": `.
pub(super) fn key(out: &mut dyn Write, text: &str) -> fmt::Result {
    bare_or_quoted(out, text, is_bare(text))?;
    out.write_str(": ")
}

/// The function name of a capture: `upcase`, `"C d"`.
pub(super) fn function(out: &mut dyn Write, text: &str) -> fmt::Result {
    let bare = (is_identifier(text) && !text.contains('@') && !text.starts_with(char::is_uppercase))
        || CALLABLE.contains(&text);
    bare_or_quoted(out, text, bare)
}

fn bare_or_quoted(out: &mut dyn Write, text: &str, bare: bool) -> fmt::Result {
    if bare {
        return out.write_str(text);
    }
    string(out, text)
}

/// True if the atom may be a key before a colon: modules may not.
pub(super) fn is_key(text: &str) -> bool {
    !text.starts_with("Elixir.")
}

/// The module name that the atom spells, without `Elixir.`.
pub(super) fn alias(text: &str) -> Option<&str> {
    if text == "Elixir" {
        return Some(text);
    }
    let name = text.strip_prefix("Elixir.")?;
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let nested = name == "Elixir" || name.starts_with("Elixir."); // would be read back as another module
    name.split('.').all(part).then_some(if nested { text } else { name })
}

fn is_bare(text: &str) -> bool {
    is_identifier(text) || OPERATORS.contains(&text)
}

/// A name as the tokenizer of Elixir takes it, near enough for letters beyond ASCII.
fn is_identifier(text: &str) -> bool {
    let body = text.strip_suffix(['?', '!']).unwrap_or(text);
    let inner = |c: char| matches!(c, '@' | '·' | '0'..='9') || starts_identifier(c);
    body.starts_with(starts_identifier) && body.chars().all(inner)
}

/// Letters, without those that normalization turns into others.
fn starts_identifier(c: char) -> bool {
    const TURNED: [std::ops::RangeInclusive<char>; 7] = [
        'ª'..='ª',
        'µ'..='µ',
        'º'..='º',
        '\u{2b0}'..='\u{2ff}',
        '\u{2100}'..='\u{214f}',
        '\u{fb00}'..='\u{fdff}',
        '\u{fe70}'..='\u{ffef}',
    ];
    c == '_' || (c.is_alphabetic() && (c.is_ascii() || !TURNED.iter().any(|range| range.contains(&c))))
}

/// A text between double quotes.
pub(super) fn string(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    escaped(out, text)?;
    out.write_char('"')
}

fn escaped(out: &mut dyn Write, text: &str) -> fmt::Result {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '#' if chars.peek() == Some(&'{') => out.write_str("\\#")?,
            '\0' => out.write_str("\\0")?,
            '\u{7}' => out.write_str("\\a")?,
            '\u{8}' => out.write_str("\\b")?,
            '\t' => out.write_str("\\t")?,
            '\n' => out.write_str("\\n")?,
            '\u{b}' => out.write_str("\\v")?,
            '\u{c}' => out.write_str("\\f")?,
            '\r' => out.write_str("\\r")?,
            '\u{1b}' => out.write_str("\\e")?,
            '\u{7f}' => out.write_str("\\d")?,
            c => escape_invisible(out, c)?,
        }
    }
    Ok(())
}

/// Controls, blanks of no width and marks of direction are shown as numbers.
fn escape_invisible(out: &mut dyn Write, c: char) -> fmt::Result {
    match c {
        '\0'..='\u{1f}' | '\u{80}'..='\u{9f}' => write!(out, "\\x{:02X}", u32::from(c)),
        '\u{a0}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202f}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffc}' => {
            write!(out, "\\u{:04X}", u32::from(c))
        }
        c if !is_printable(c) => write!(out, "\\x{{{:X}}}", u32::from(c)),
        c => out.write_char(c),
    }
}

/// True if a binary of such characters is shown as text.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        || is_control_with_name(u32::from(c))
}

/// True if a list of such codes is shown as `~c"..."`: ASCII only.
pub(super) fn is_charlist_code(code: i64) -> bool {
    (32..=126).contains(&code) || (7..=13).contains(&code) || code == 27
}

fn is_control_with_name(code: u32) -> bool {
    (7..=13).contains(&code) || code == 27 || code == 127
}

/// A binary: `"text"` or `<<1, 2, 3>>`.
pub(super) fn binary(out: &mut dyn Write, bytes: &[u8], strings: bool) -> fmt::Result {
    if strings {
        if let Ok(text) = std::str::from_utf8(bytes) {
            if text.chars().all(is_printable) {
                return string(out, text);
            }
        }
    }
    out.write_str("<<")?;
    erlang::numbers(out, bytes, ", ")?;
    out.write_str(">>")
}

/// As Erlang's shortest form, but plain up to 16 digits before the point.
pub(super) fn float(out: &mut dyn Write, value: f64) -> fmt::Result {
    let digits = erlang::Digits::of(value);
    if value.abs() >= 1.0 && digits.exponent() < 16 {
        digits.plain(out)
    } else {
        erlang::float(out, value)
    }
}
