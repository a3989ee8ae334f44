//! The structs of Elixir's own library that `inspect` does not write as `%Name{}`.
//! A struct whose fields are not what its module makes is left to the general form.

use std::borrow::Cow;
use std::fmt::Write;

use super::super::tag;

/// Structs with more fields are none of these.
pub(super) const MOST_FIELDS: usize = 13; // DateTime has the most

/// What to print.
pub(super) enum Shown<'a> {
    Text(String),
    /// The keys of the map that stands here, as a MapSet.
    Set(&'a [u8]),
}

/// A field of a struct.
pub(super) struct Field<'a> {
    pub(super) key: Cow<'a, str>,
    /// Its value, encoded.
    pub(super) value: &'a [u8],
    /// The input from the value on.
    pub(super) from: &'a [u8],
}

/// True if the module has a form of its own.
pub(super) fn is_known(name: &str) -> bool {
    matches!(name, "Range" | "MapSet" | "Date" | "Time" | "NaiveDateTime" | "DateTime" | "Regex")
}

/// The form of the struct `name` with these fields, encoded.
pub(super) fn show<'a>(name: &str, fields: &[Field<'a>]) -> Option<Shown<'a>> {
    let fields = Fields(fields);
    let text = match name {
        "Range" => fields.range()?,
        "Date" => format!("~D[{}]", fields.date()?),
        "Time" => format!("~T[{}]", fields.time()?),
        "NaiveDateTime" => format!("~N[{} {}]", fields.date()?, fields.time()?),
        "DateTime" => fields.utc()?,
        "Regex" => fields.regex()?,
        "MapSet" => {
            let map =
                fields.0.iter().find(|field| field.key == "map" && field.value.first() == Some(&tag::MAP));
            return map.map(|map| Shown::Set(map.from));
        }
        _ => return None,
    };
    Some(Shown::Text(text))
}

struct Fields<'f, 'a>(&'f [Field<'a>]);

impl<'a> Fields<'_, 'a> {
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|field| field.key == name).map(|field| field.value)
    }

    fn int(&self, name: &str) -> Option<i64> {
        small(self.get(name)?).map(|(n, _)| n)
    }

    fn binary(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            [tag::BINARY, _, _, _, _, text @ ..] => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    fn range(&self) -> Option<String> {
        let (first, last, step) = (self.int("first")?, self.int("last")?, self.int("step")?);
        Some(if step == 1 { format!("{first}..{last}") } else { format!("{first}..{last}//{step}") })
    }

    fn iso(&self) -> Option<()> {
        match self.get("calendar")? {
            [tag::SMALL_ATOM_UTF8, _, text @ ..] => (text == b"Elixir.Calendar.ISO").then_some(()),
            _ => None,
        }
    }

    fn date(&self) -> Option<String> {
        self.iso()?;
        let (year, month, day) = (self.int("year")?, self.int("month")?, self.int("day")?);
        let sign = if year < 0 { "-" } else { "" };
        Some(format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs()))
    }

    fn time(&self) -> Option<String> {
        self.iso()?;
        let (hour, minute, second) = (self.int("hour")?, self.int("minute")?, self.int("second")?);
        let mut text = format!("{hour:02}:{minute:02}:{second:02}");
        let [tag::SMALL_TUPLE, 2, pair @ ..] = self.get("microsecond")? else { return None };
        let (micro, rest) = small(pair)?;
        let (precision, _) = small(rest)?;
        if !(0..1_000_000).contains(&micro) || !(0..=6).contains(&precision) {
            return None;
        }
        if precision > 0 {
            let digits = format!("{micro:06}");
            write!(text, ".{}", &digits[..precision as usize]).ok()?;
        }
        Some(text)
    }

    fn utc(&self) -> Option<String> {
        let utc = self.int("utc_offset")? == 0
            && self.int("std_offset")? == 0
            && self.binary("time_zone")? == "Etc/UTC";
        utc.then_some(())?;
        Some(format!("~U[{} {}Z]", self.date()?, self.time()?))
    }

    fn regex(&self) -> Option<String> {
        let source = self.binary("source")?;
        let mut text = String::from("~r/");
        for c in source.chars() {
            if c == '/' {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('/');
        self.regex_options(&mut text)?;
        Some(text)
    }

    /// Letters of the options, which stand as a list of atoms, or as a text in older releases.
    fn regex_options(&self, text: &mut String) -> Option<()> {
        let mut letters = Vec::new();
        let mut s = match *self.get("opts")? {
            [tag::NIL] => return Some(()),
            [tag::BINARY, _, _, _, _, ref old @ ..] => {
                text.push_str(std::str::from_utf8(old).ok()?);
                return Some(());
            }
            [tag::LIST, 0, 0, 0, _, ref atoms @ ..] => atoms,
            _ => return None,
        };
        while let [tag::SMALL_ATOM_UTF8, length, ref rest @ ..] = *s {
            let (name, rest) = rest.split_at_checked(usize::from(length))?;
            letters.push(match name {
                b"ucp" => {
                    s = rest; // comes with unicode
                    continue;
                }
                b"unicode" => 'u',
                b"caseless" => 'i',
                b"dotall" => 's',
                b"multiline" => 'm',
                b"extended" => 'x',
                b"firstline" => 'f',
                b"ungreedy" => 'U',
                b"export" => 'E',
                _ => return None,
            });
            s = rest;
        }
        text.extend(letters.iter().rev());
        (s == [tag::NIL]).then_some(())
    }
}

/// A small integer at the front, and what follows.
fn small(s: &[u8]) -> Option<(i64, &[u8])> {
    match *s {
        [tag::SMALL_INTEGER, n, ref rest @ ..] => Some((i64::from(n), rest)),
        [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
            Some((i64::from(i32::from_be_bytes([a, b, c, d])), rest))
        }
        _ => None,
    }
}
