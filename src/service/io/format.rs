//! `io_lib:format/2` for peers whose output we print: they send template and arguments, we write the text.
//!
//! The template is data from outside: width and output are bounded, and what is not known is refused.

use num_bigint::{BigInt, Sign};

use crate::term::{Integer, Reader, Style, Term, Text};

use super::chars::{self, Encoding};

/// Most text from one format call.
const MAX_OUTPUT: usize = 16 << 20;
/// Widest field.
const MAX_WIDTH: usize = 4096;

/// One directive: `~F.P.PadModC`.
#[derive(Debug, Default)]
struct Directive {
    width: Option<i64>,
    precision: Option<i64>,
    pad: Option<char>,
    /// `t`: Unicode.
    wide: bool,
    letter: char,
}

/// The text; `None` if template and arguments do not fit, as `io_lib:format` raises `badarg`.
pub(super) fn format(template: &str, args: &[u8]) -> Option<String> {
    let mut args = Arguments::new(args)?;
    let mut out = String::new();
    let mut letters = template.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '~' {
            out.push(letter);
        } else {
            let directive = read_directive(&mut letters, &mut args)?;
            write_directive(&directive, &mut args, &mut out)?;
        }
        if out.len() > MAX_OUTPUT {
            return None;
        }
    }
    args.is_empty().then_some(out)
}

/// `io_lib:write/1`.
pub(super) fn write(term: &[u8]) -> String {
    Text::new(term, Style::erlang().without_strings().limit(MAX_OUTPUT)).to_string()
}

/// The argument list, element by element.
struct Arguments<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Arguments<'a> {
    fn new(list: &'a [u8]) -> Option<Arguments<'a>> {
        let mut reader = Reader::new(list);
        let left = reader.list()?;
        Some(Arguments { reader, left })
    }

    fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn integer(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        self.reader.i64()
    }

    /// The next argument, encoded. An element of a list that was sent as a string is no term by itself.
    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        match self.reader.term_bytes() {
            Some(bytes) => Some(bytes.to_vec()),
            None => self.reader.term()?.to_bytes().ok(),
        }
    }
}

fn read_directive(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    args: &mut Arguments<'_>,
) -> Option<Directive> {
    let mut directive = Directive { width: number(letters, args)?, ..Directive::default() };
    if letters.next_if_eq(&'.').is_some() {
        directive.precision = number(letters, args)?;
        if letters.next_if_eq(&'.').is_some() {
            directive.pad = match letters.next()? {
                '*' => Some(char::from_u32(u32::try_from(args.integer()?).ok()?)?),
                pad => Some(pad),
            };
        }
    }
    loop {
        match letters.next()? {
            't' => directive.wide = true,
            'l' | 'k' | 'K' => {}
            letter => {
                directive.letter = letter;
                return Some(directive);
            }
        }
    }
}

/// A number, `*`, or nothing.
fn number(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    args: &mut Arguments<'_>,
) -> Option<Option<i64>> {
    if letters.next_if_eq(&'*').is_some() {
        return Some(Some(args.integer()?));
    }
    let negative = letters.peek() == Some(&'-');
    if negative {
        letters.next();
    }
    let mut value: Option<i64> = None;
    while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
        letters.next();
        value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(i64::from(digit))?);
    }
    Some(value.map(|value| if negative { -value } else { value }))
}

fn write_directive(directive: &Directive, args: &mut Arguments<'_>, out: &mut String) -> Option<()> {
    let text = match directive.letter {
        '~' => "~".to_owned(),
        'n' => "\n".repeat(count(directive.width)?),
        'i' => {
            args.next()?;
            return Some(());
        }
        'c' => {
            let letter = char::from_u32(u32::try_from(args.integer()?).ok()?)?;
            let times = directive.precision.or(directive.width).unwrap_or(1);
            letter.to_string().repeat(count(Some(times))?)
        }
        's' => string(directive, &args.next()?)?,
        'w' => Text::new(&args.next()?, Style::erlang().without_strings().limit(MAX_OUTPUT)).to_string(),
        'p' | 'P' => {
            let style = if directive.wide { Style::erlang() } else { Style::erlang().latin1() };
            let term = args.next()?;
            if directive.letter == 'P' {
                args.integer()?;
            }
            // The width of ~p is a line length, not a field.
            out.push_str(&Text::new(&term, style.limit(MAX_OUTPUT)).to_string());
            return Some(());
        }
        'W' => {
            let term = args.next()?;
            args.integer()?;
            write(&term)
        }
        'b' | 'B' | '#' | '+' | 'x' | 'X' => based(directive, args)?,
        'f' | 'e' | 'g' => float(directive, args)?,
        'a' => Term::decode(&args.next()?).ok()?.as_atom()?.as_str().to_owned(),
        _ => return None,
    };
    if directive.letter == 'n' || directive.letter == 'c' {
        out.push_str(&text);
    } else {
        pad(directive, &text, out)?;
    }
    Some(())
}

fn count(width: Option<i64>) -> Option<usize> {
    usize::try_from(width.unwrap_or(1)).ok().filter(|count| *count <= MAX_WIDTH)
}

fn string(directive: &Directive, term: &[u8]) -> Option<String> {
    let mut reader = Reader::new(term);
    let encoding = if directive.wide { Encoding::Unicode } else { Encoding::Latin1 };
    let mut text = match reader.atom() {
        Some(atom) => atom.into_owned(),
        None => chars::read(&mut reader, encoding)?,
    };
    if let Some(precision) = directive.precision {
        let wanted = usize::try_from(precision).ok().filter(|wanted| *wanted <= MAX_WIDTH)?;
        let has = text.chars().count();
        text = text.chars().take(wanted).collect();
        text.extend(std::iter::repeat_n(directive.pad.unwrap_or(' '), wanted.saturating_sub(has)));
    }
    Some(text)
}

/// Integers in a base: `~b ~B` plain, `~# ~+` with the base in front, `~x ~X` with a prefix argument.
fn based(directive: &Directive, args: &mut Arguments<'_>) -> Option<String> {
    let base =
        u32::try_from(directive.precision.unwrap_or(10)).ok().filter(|base| (2..=36).contains(base))?;
    let number = Reader::new(&args.next()?).integer()?;
    let prefix = match directive.letter {
        'x' | 'X' => string(&Directive { wide: true, ..Directive::default() }, &args.next()?)?,
        '#' | '+' => format!("{base}#"),
        _ => String::new(),
    };
    let digits = match &number {
        Integer::Small(number) => BigInt::from(*number),
        Integer::Big(big) => {
            let sign = if big.is_negative() { Sign::Minus } else { Sign::Plus };
            BigInt::from_bytes_le(sign, big.magnitude())
        }
    }
    .to_str_radix(base);
    let digits = if "BX#".contains(directive.letter) { digits.to_uppercase() } else { digits };
    Some(match digits.strip_prefix('-') {
        Some(digits) => format!("-{prefix}{digits}"),
        None => format!("{prefix}{digits}"),
    })
}

fn float(directive: &Directive, args: &mut Arguments<'_>) -> Option<String> {
    let term = args.next()?;
    let mut reader = Reader::new(&term);
    let number = reader.f64().or_else(|| reader.i64().map(|number| number as f64))?;
    let digits = usize::try_from(directive.precision.unwrap_or(6)).ok().filter(|digits| *digits <= 253)?;
    Some(match directive.letter {
        'f' => format!("{number:.digits$}"),
        'e' => exponent(number, digits),
        // `~g` writes small and large numbers with an exponent.
        _ if (0.1..10000.0).contains(&number.abs()) => {
            let before_point = (number.abs().log10().floor() + 1.0).max(0.0) as usize;
            format!("{number:.*}", digits.saturating_sub(before_point))
        }
        _ => exponent(number, digits),
    })
}

/// `1.23457e+2`, with so many significant digits.
fn exponent(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent}")
}

/// A positive width justifies right, a negative one left; what is too long becomes stars.
fn pad(directive: &Directive, text: &str, out: &mut String) -> Option<()> {
    let Some(width) = directive.width else {
        out.push_str(text);
        return Some(());
    };
    let wanted = usize::try_from(width.unsigned_abs()).ok().filter(|wanted| *wanted <= MAX_WIDTH)?;
    let has = text.chars().count();
    let fill = std::iter::repeat_n(directive.pad.unwrap_or(' '), wanted.saturating_sub(has));
    match (has > wanted, width < 0) {
        (true, _) if directive.letter == 's' => out.extend(text.chars().take(wanted)),
        (true, _) => out.extend(std::iter::repeat_n('*', wanted)),
        (false, true) => {
            out.push_str(text);
            out.extend(fill);
        }
        (false, false) => {
            out.extend(fill);
            out.push_str(text);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(template: &str, args: &str) -> Option<String> {
        format(template, &Term::parse(args).unwrap().to_bytes().unwrap())
    }

    /// Each line was printed by `io:format` of OTP 25.
    #[test]
    fn directives_print_as_io_format_does() {
        let cases = [
            ("~p ~w~n", r#"["ab", "ab"]"#, "\"ab\" [97,98]\n"),
            ("~s|~10s|~-10s|", r#"["ab", "ab", "ab"]"#, "ab|        ab|ab        |"),
            ("~5.2.0s|~3s", r#"["abc", "abcdef"]"#, "000ab|abc"),
            ("~b ~.16b ~.16B ~.16#", "[10, 255, 255, 255]", "10 ff FF 16#FF"),
            ("~5b|~-5b|~5..0b", "[42, 42, 42]", "   42|42   |00042"),
            ("~f ~.2f ~8.3f", "[1.5, 2.345, 3.14159]", "1.500000 2.35    3.142"),
            ("~e ~.3e ~g", "[1234.5, 0.00012, 12.5]", "1.23450e+3 1.20e-4 12.5000"),
            ("~g ~g ~10.4g", "[123456.0, 0.01, 2.0]", "1.23456e+5 1.00000e-2      2.000"),
            ("~3b|~10e|", "[123456, 1.5]", "***|1.50000e+0|"),
            ("~c~3c ~a~~", "[97, 98, 'x y']", "abbb x y~"),
            ("~ts ~tp", "[[8364], [8364]]", "\u{20ac} \"\u{20ac}\""),
            ("~i~p", "[skipped, shown]", "shown"),
            ("~*b|", "[6, 42]", "    42|"),
        ];
        for (template, args, expected) in cases {
            assert_eq!(run(template, args).as_deref(), Some(expected), "{template} {args}");
        }
    }

    #[test]
    fn misfits_are_refused() {
        for (template, args) in [
            ("~p", "[]"),
            ("~p", "[1, 2]"),
            ("~q", "[1]"),
            ("~s", "[{a}]"),
            ("~9999999b", "[1]"),
            ("~", "[]"),
        ] {
            assert_eq!(run(template, args), None, "{template} {args}");
        }
    }
}
