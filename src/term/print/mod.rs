//! Terms as text, as Erlang's `io_lib:format` and Elixir's `inspect` write them on one line.
//!
//! One engine walks encoded bytes; an owned [`Term`] is encoded first. It keeps its place in a stack of its own, so
//! depth costs heap and not stack, and it stops as soon as the limit of the [`Style`] is used up.
//! Where a BEAM prints the number that it gave to a foreign node, the node's name is printed instead.

mod elixir;
pub(crate) mod erlang;
mod structs;

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::{tag, wire, Atom, Term};
use crate::error::Malformed;

/// Whose spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Erlang,
    Elixir,
}

/// How terms become text. Begin with [`Style::erlang`] or [`Style::elixir`].
#[derive(Debug, Clone)]
pub struct Style {
    language: Language,
    strings: bool,
    wide: bool,
    limit: usize,
    local: Option<Atom>,
}

impl Style {
    /// As `io_lib:format("~0tp", [Term])` does under `erl +pc unicode`.
    pub const fn erlang() -> Style {
        Style { language: Language::Erlang, strings: true, wide: true, limit: usize::MAX, local: None }
    }

    /// As `inspect(term, limit: :infinity)` of Elixir 1.15 and later does.
    pub const fn elixir() -> Style {
        Style { language: Language::Elixir, strings: true, wide: true, limit: usize::MAX, local: None }
    }

    /// Lists and binaries as numbers, never as texts: `~w`.
    #[must_use]
    pub fn without_strings(mut self) -> Style {
        self.strings = false;
        self
    }

    /// Only Latin-1 characters make a text, as under `erl` without `+pc unicode`.
    #[must_use]
    pub fn latin1(mut self) -> Style {
        self.wide = false;
        self
    }

    /// Stops after so many bytes of text and ends with `...`.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Style {
        self.limit = bytes;
        self
    }

    /// Pids, references and ports of this node are printed with 0 in place of the node, as on that node itself.
    #[must_use]
    pub fn local(mut self, node: Atom) -> Style {
        self.local = Some(node);
        self
    }

    fn between(&self) -> &'static str {
        match self.language {
            Language::Erlang => ",",
            Language::Elixir => ", ",
        }
    }
}

/// Encoded bytes of one term, displayed in a [`Style`]. Malformed bytes are displayed up to the error, and then it.
///
/// ```
/// use erlnode::term::{Style, Text};
/// let bytes = [104, 2, 119, 2, b'o', b'k', 107, 0, 2, b'h', b'i'];
/// assert_eq!(Text::new(&bytes, Style::erlang()).to_string(), "{ok,\"hi\"}");
/// assert_eq!(Text::new(&bytes, Style::elixir()).to_string(), "{:ok, ~c\"hi\"}");
/// ```
#[derive(Debug, Clone)]
pub struct Text<'a> {
    bytes: &'a [u8],
    atoms: &'a [Atom],
    style: Style,
}

impl<'a> Text<'a> {
    /// The term at the front of `bytes` (without the version byte 131).
    pub fn new(bytes: &'a [u8], style: Style) -> Text<'a> {
        Text { bytes, atoms: &[], style }
    }

    /// The same with the atoms that tag 82 means.
    pub fn with_atoms(bytes: &'a [u8], atoms: &'a [Atom], style: Style) -> Text<'a> {
        Text { bytes, atoms, style }
    }

    /// The text.
    ///
    /// # Errors
    /// [`Malformed`] if the bytes are not a term as far as they were printed.
    pub fn try_to_string(&self) -> Result<String, Malformed> {
        let mut out = String::new();
        match print(&mut out, self) {
            Ok(()) | Err(Stop::Full) => Ok(out),
            Err(Stop::Malformed(malformed)) => Err(malformed),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match print(f, self) {
            Ok(()) => Ok(()),
            Err(Stop::Malformed(malformed)) => {
                write!(f, "#Malformed<{} at {}>", malformed.what, malformed.offset)
            }
            Err(Stop::Full) => Err(fmt::Error),
        }
    }
}

/// An owned term, displayed in a [`Style`]; see [`Term::text`].
#[derive(Debug, Clone)]
pub struct TermText<'a> {
    term: &'a Term,
    style: Style,
}

impl Term {
    /// The term as text in this style.
    pub fn text(&self, style: Style) -> TermText<'_> {
        TermText { term: self, style }
    }

    /// The term as Elixir's `inspect` writes it.
    pub fn elixir(&self) -> TermText<'_> {
        self.text(Style::elixir())
    }
}

impl fmt::Display for TermText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term.to_bytes() {
            Ok(bytes) => Text::new(&bytes, self.style.clone()).fmt(f),
            Err(error) => write!(f, "#Malformed<{error}>"),
        }
    }
}

impl fmt::Display for Term {
    /// Erlang's text, as [`Style::erlang`] has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text(Style::erlang()).fmt(f)
    }
}

/// Why printing ended early.
enum Stop {
    /// The receiver of the text takes no more.
    Full,
    Malformed(Malformed),
}

impl From<fmt::Error> for Stop {
    fn from(_: fmt::Error) -> Stop {
        Stop::Full
    }
}

fn print(out: &mut dyn Write, text: &Text<'_>) -> Result<(), Stop> {
    let mut out = Limited { out, left: text.style.limit, cut: false };
    let mut printer = Printer {
        out: &mut out,
        style: &text.style,
        atoms: text.atoms,
        whole: text.bytes,
        rest: text.bytes,
        frames: Vec::new(),
        looks: text.bytes.len().saturating_mul(LOOKS_PER_BYTE).saturating_add(FREE_LOOKS),
    };
    match printer.run() {
        Err(Stop::Full) if out.cut => Ok(()),
        other => other,
    }
}

/// Keyword lists are told from others by looking ahead through their values. Nested ones are looked at once per level;
/// beyond this many bytes per byte of input the lists are printed without the shorthand, so that time stays linear.
const LOOKS_PER_BYTE: usize = 16; // real data nests fewer keyword lists in one another
const FREE_LOOKS: usize = 4096; // so that short terms are never affected

/// Lets so many bytes through, then `...` and nothing more.
struct Limited<'o> {
    out: &'o mut dyn Write,
    left: usize,
    cut: bool,
}

impl Write for Limited<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(left) = self.left.checked_sub(text.len()) {
            self.left = left;
            return self.out.write_str(text);
        }
        let mut end = self.left;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.left = 0;
        self.cut = true;
        self.out.write_str(&text[..end])?;
        self.out.write_str("...")?;
        Err(fmt::Error)
    }
}

/// A term that is open: some of its parts are not yet printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Tuple,
    /// Then its tail.
    List,
    /// After the bar of an improper list.
    Tail,
    /// Elixir: a list of `{key, value}`.
    Keywords,
    /// `left` counts keys and values.
    Map,
    /// Elixir: all keys are atoms.
    AtomMap,
    /// Elixir: the same without `__struct__`.
    Struct,
    /// Elixir: the keys of the map inside a MapSet; the values are skipped.
    Set,
    /// `left` counts values; their names stand in `names`.
    Record,
}

struct Frame<'a> {
    shape: Shape,
    left: usize,
    /// Nothing printed inside yet.
    fresh: bool,
    names: &'a [u8],
    /// Where to go on behind the term, if that is not where its last part ends.
    behind: Option<&'a [u8]>,
}

struct Printer<'a, 'o, 'p> {
    out: &'o mut Limited<'p>,
    style: &'o Style,
    atoms: &'a [Atom],
    whole: &'a [u8],
    rest: &'a [u8],
    frames: Vec<Frame<'a>>,
    looks: usize,
}

impl<'a> Printer<'a, '_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            self.value()?;
            while !self.next_part()? {
                self.frames.pop();
            }
            if self.frames.is_empty() {
                return Ok(());
            }
        }
    }

    fn elixir(&self) -> bool {
        self.style.language == Language::Elixir
    }

    fn malformed<T>(&self, what: &'static str) -> Result<T, Stop> {
        Err(Stop::Malformed(Malformed::new(what, self.whole.len() - self.rest.len())))
    }

    /// What one of `wire`'s functions found at the cursor, which moves behind it.
    fn parsed<T>(&mut self, parsed: wire::Parsed<'a, T>) -> Result<T, Stop> {
        match parsed {
            Ok((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(what) => self.malformed(what),
        }
    }

    fn text(&mut self, text: wire::Text<'a>) -> Result<Cow<'a, str>, Stop> {
        match text.resolve(self.atoms) {
            Ok(text) => Ok(text),
            Err(what) => self.malformed(what),
        }
    }

    fn open(&mut self, shape: Shape, left: usize, bracket: &str) -> Result<(), Stop> {
        self.out.write_str(bracket)?;
        self.frames.push(Frame { shape, left, fresh: true, names: &[], behind: None });
        Ok(())
    }

    /// Prints one term that has no parts, or opens one that has.
    fn value(&mut self) -> Result<(), Stop> {
        self.skip_empty_lists();
        let s = self.rest;
        let Some(&tag) = s.first() else { return self.malformed("term (truncated)") };
        let body = &s[1..];
        match tag {
            tag::SMALL_INTEGER => {
                let &[n] = self.parsed(wire::array::<1>(body))?;
                Ok(write!(self.out, "{n}")?)
            }
            tag::INTEGER => {
                let &bytes = self.parsed(wire::array::<4>(body))?;
                Ok(write!(self.out, "{}", i32::from_be_bytes(bytes))?)
            }
            tag::SMALL_BIG | tag::LARGE_BIG => {
                let (negative, magnitude) = self.parsed(wire::big(s))?;
                self.big(negative, magnitude)
            }
            tag::NEW_FLOAT => {
                let &bytes = self.parsed(wire::array::<8>(body))?;
                match wire::finite(bytes) {
                    Ok(value) => self.float(value),
                    Err(what) => self.malformed(what),
                }
            }
            tag::FLOAT => {
                let bytes = self.parsed(wire::array::<31>(body))?;
                match wire::old_float(bytes) {
                    Ok(value) => self.float(value),
                    Err(what) => self.malformed(what),
                }
            }
            tag::SMALL_TUPLE | tag::LARGE_TUPLE => {
                let arity = if tag == tag::SMALL_TUPLE {
                    usize::from(self.parsed(wire::array::<1>(body))?[0])
                } else {
                    self.parsed(wire::len32(body))?
                };
                self.open(Shape::Tuple, arity, "{")
            }
            tag::NIL => {
                self.rest = body;
                Ok(self.out.write_str("[]")?)
            }
            tag::STRING | tag::LIST => self.list(),
            tag::MAP => self.map(),
            tag::BINARY => {
                let length = self.parsed(wire::len32(body))?;
                let bytes = self.parsed(wire::take(self.rest, length))?;
                self.binary(bytes)
            }
            tag::BIT_BINARY => {
                let (bytes, bits) = self.parsed(wire::bitstring(s))?;
                self.bitstring(bytes, bits)
            }
            tag::NEW_PID | tag::PID => {
                let pid = self.parsed(wire::pid(s))?;
                let (erlang, elixir) = ("#Pid<", "#PID<");
                self.id(
                    pid.node,
                    if self.elixir() { elixir } else { erlang },
                    &[pid.id.into(), pid.serial.into()],
                )
            }
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => {
                let (node, id, _) = self.parsed(wire::port(s))?;
                self.id(node, "#Port<", &[id])
            }
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                let reference = self.parsed(wire::reference(s))?;
                let (words, count) = reference.words();
                let mut numbers = words.map(u64::from);
                numbers[..count].reverse();
                self.id(
                    reference.node,
                    if self.elixir() { "#Reference<" } else { "#Ref<" },
                    &numbers[..count],
                )
            }
            tag::EXPORT => self.export(),
            tag::NEW_FUN => self.fun(),
            tag::RECORD => self.record(),
            _ if wire::is_atom_tag(tag) => {
                let text = self.parsed(wire::atom(s))?;
                let text = self.text(text)?;
                self.atom(&text)
            }
            _ => self.malformed("term (unknown tag)"),
        }
    }

    fn atom(&mut self, text: &str) -> Result<(), Stop> {
        Ok(match self.style.language {
            Language::Erlang => erlang::atom(self.out, text)?,
            Language::Elixir => elixir::atom(self.out, text)?,
        })
    }

    fn float(&mut self, value: f64) -> Result<(), Stop> {
        Ok(match self.style.language {
            Language::Erlang => erlang::float(self.out, value)?,
            Language::Elixir => elixir::float(self.out, value)?,
        })
    }

    fn big(&mut self, negative: bool, magnitude: &[u8]) -> Result<(), Stop> {
        const DIGITS_PER_BYTE: usize = 2; // 2.4 in truth
        const CHEAP: usize = 1024; // decimal digits take time that grows faster than their number
        let magnitude = super::integer::trim(magnitude);
        if magnitude.len() > CHEAP && magnitude.len() * DIGITS_PER_BYTE > self.out.left {
            self.out.write_str(if negative { "-16#" } else { "16#" })?; // will be cut before its end
            for byte in magnitude.iter().rev() {
                write!(self.out, "{byte:02X}")?;
            }
            return Ok(());
        }
        match super::Integer::from_le_bytes(negative, magnitude) {
            Ok(integer) => Ok(write!(self.out, "{integer}")?),
            Err(_) => self.malformed("integer (over 524280 bytes)"),
        }
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        // A text longer than the limit is cut anyway: only its front needs to be looked at.
        let mut shown = bytes;
        if bytes.len() > self.out.left.saturating_add(4) {
            shown = &bytes[..self.out.left + 4];
            if let Err(error) = std::str::from_utf8(shown) {
                if error.error_len().is_none() {
                    shown = &shown[..error.valid_up_to()]; // a character that the cut went through
                }
            }
        }
        Ok(match self.style.language {
            Language::Erlang => erlang::binary(self.out, shown, self.style.strings, self.style.wide)?,
            Language::Elixir => elixir::binary(self.out, shown, self.style.strings)?,
        })
    }

    fn bitstring(&mut self, bytes: &[u8], bits: u8) -> Result<(), Stop> {
        let Some((&last, whole)) = bytes.split_last() else { return self.malformed("bit string (empty)") };
        if bits == 8 {
            return self.binary(bytes);
        }
        self.out.write_str("<<")?;
        erlang::numbers(self.out, whole, self.style.between())?;
        if !whole.is_empty() {
            self.out.write_str(self.style.between())?;
        }
        let last = u32::from(last) >> (8 - u32::from(bits));
        Ok(match self.style.language {
            Language::Erlang => write!(self.out, "{last}:{bits}>>")?,
            Language::Elixir => write!(self.out, "{last}::size({bits})>>")?,
        })
    }

    /// `#Pid<node.5.0>`, or `<0.5.0>` for one of the local node.
    fn id(&mut self, node: wire::Text<'a>, name: &str, numbers: &[u64]) -> Result<(), Stop> {
        let node = self.text(node)?;
        let local = self.style.local.as_ref().is_some_and(|local| local.as_str() == node);
        match (local, name) {
            (true, "#Pid<") => self.out.write_str("<0")?,
            (true, _) => write!(self.out, "{name}0")?,
            (false, _) => write!(self.out, "{name}{node}")?,
        }
        for number in numbers {
            write!(self.out, ".{number}")?;
        }
        Ok(self.out.write_str(">")?)
    }

    fn export(&mut self) -> Result<(), Stop> {
        let (module, function, arity) = self.parsed(wire::export(self.rest))?;
        let (module, function) = (self.text(module)?, self.text(function)?);
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("fun ")?;
                erlang::atom(self.out, &module)?;
                self.out.write_str(":")?;
                erlang::atom(self.out, &function)?;
            }
            Language::Elixir => {
                self.out.write_str("&")?;
                elixir::atom(self.out, &module)?;
                self.out.write_str(".")?;
                elixir::function(self.out, &function)?;
            }
        }
        Ok(write!(self.out, "/{arity}")?)
    }

    /// `#Fun<module.0.74682497>` or `#Function<0.74682497/1 in :module>`; free variables are not shown.
    fn fun(&mut self) -> Result<(), Stop> {
        let head = self.parsed(wire::fun(self.rest))?;
        let module = self.text(head.module)?;
        self.skip(head.free)?;
        let (index, uniq, arity) = (head.old_index, head.old_uniq, head.arity);
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("#Fun<")?;
                erlang::atom(self.out, &module)?;
                Ok(write!(self.out, ".{index}.{uniq}>")?)
            }
            Language::Elixir => {
                write!(self.out, "#Function<{index}.{uniq}/{arity} in ")?;
                elixir::atom(self.out, &module)?;
                Ok(self.out.write_str(">")?)
            }
        }
    }

    /// `#module:name{field = Value}`: Elixir has no spelling of its own for native records.
    fn record(&mut self) -> Result<(), Stop> {
        let head = self.parsed(wire::record(self.rest))?;
        self.out.write_str("#")?;
        let names = self.name(head.names)?;
        self.out.write_str(":")?;
        let names = self.name(names)?;
        self.out.write_str("{")?;
        self.frames.push(Frame { shape: Shape::Record, left: head.fields, fresh: true, names, behind: None });
        Ok(())
    }

    /// Prints the first of these encoded atoms.
    fn name(&mut self, names: &'a [u8]) -> Result<&'a [u8], Stop> {
        match wire::atom(names) {
            Ok((text, names)) => {
                let text = self.text(text)?;
                erlang::atom(self.out, &text)?;
                Ok(names)
            }
            Err(what) => self.malformed(what),
        }
    }

    fn skip(&mut self, terms: usize) -> Result<(), Stop> {
        self.rest = self.behind(self.rest, terms)?;
        Ok(())
    }

    fn behind(&self, s: &'a [u8], terms: usize) -> Result<&'a [u8], Stop> {
        let from = self.whole.len() - s.len();
        match super::skip::skip(self.whole, from, terms) {
            Ok(end) => Ok(&self.whole[end..]),
            Err((what, at)) => Err(Stop::Malformed(Malformed::new(what, at))),
        }
    }

    /// A list: text, keywords, or elements.
    fn list(&mut self) -> Result<(), Stop> {
        if self.rest[0] == tag::STRING {
            let length = self.parsed(wire::u16(&self.rest[1..]))?;
            let bytes = self.parsed(wire::take(self.rest, length))?;
            return self.string(bytes);
        }
        if self.style.strings {
            if let Some((text, rest)) = self.charlist() {
                self.rest = rest;
                return self.quoted(&text);
            }
        }
        let keywords = self.elixir() && self.is_keywords();
        let count = self.parsed(wire::len32(&self.rest[1..]))?;
        self.open(if keywords { Shape::Keywords } else { Shape::List }, count, "[")
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.is_empty() {
            return Ok(self.out.write_str("[]")?);
        }
        if self.style.strings && bytes.iter().all(|&byte| self.is_text_code(i64::from(byte))) {
            return self.quoted(&super::atom::latin1(bytes));
        }
        self.out.write_str("[")?;
        erlang::numbers(self.out, bytes, self.style.between())?;
        Ok(self.out.write_str("]")?)
    }

    fn quoted(&mut self, text: &str) -> Result<(), Stop> {
        match self.style.language {
            Language::Erlang => {
                self.out.write_str("\"")?;
                erlang::escaped(self.out, text.chars(), '"')?;
                Ok(self.out.write_str("\"")?)
            }
            Language::Elixir => {
                self.out.write_str("~c")?;
                Ok(elixir::string(self.out, text)?)
            }
        }
    }

    fn is_text_code(&self, code: i64) -> bool {
        match self.style.language {
            Language::Erlang => erlang::is_printable(code, self.style.wide),
            Language::Elixir => elixir::is_charlist_code(code),
        }
    }

    /// The list at the cursor as text, and what follows it, if it is one.
    fn charlist(&self) -> Option<(String, &'a [u8])> {
        let mut text = String::new();
        let mut push = |code: i64| {
            let c = u32::try_from(code).ok().and_then(char::from_u32).filter(|_| self.is_text_code(code));
            c.map(|c| text.push(c))
        };
        let mut s = self.rest;
        loop {
            match *s.first()? {
                tag::NIL => return Some((text, &s[1..])),
                tag::STRING => {
                    let (length, body) = wire::u16(&s[1..]).ok()?;
                    let (bytes, rest) = wire::take(body, length).ok()?;
                    bytes.iter().try_for_each(|&byte| push(i64::from(byte)))?;
                    return Some((text, rest));
                }
                tag::LIST => {
                    let (count, body) = wire::len32(&s[1..]).ok()?;
                    s = body;
                    for _ in 0..count {
                        match *s {
                            [tag::SMALL_INTEGER, n, ref rest @ ..] => {
                                push(i64::from(n))?;
                                s = rest;
                            }
                            [tag::INTEGER, a, b, c, d, ref rest @ ..] => {
                                push(i64::from(i32::from_be_bytes([a, b, c, d])))?;
                                s = rest;
                            }
                            _ => return None,
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    /// True if every element of the list at the cursor is a pair whose first part may be a key.
    fn is_keywords(&mut self) -> bool {
        let mut looks = self.looks;
        let yes = self.keywords_within(&mut looks).is_some();
        self.looks = looks;
        yes
    }

    fn keywords_within(&self, looks: &mut usize) -> Option<()> {
        let (count, mut s) = wire::len32(&self.rest[1..]).ok()?;
        for _ in 0..count {
            let (arity, pair) = tuple_header(s)?;
            let value = (arity == 2).then(|| self.behind_key(pair))??;
            s = self.behind_within(value, looks)?;
        }
        (s.first() == Some(&tag::NIL)).then_some(())
    }

    /// What follows the atom at `s`, if it may be written as a key.
    fn behind_key(&self, s: &'a [u8]) -> Option<&'a [u8]> {
        wire::is_atom_tag(*s.first()?).then_some(())?;
        let (text, rest) = wire::atom(s).ok()?;
        let text = text.resolve(self.atoms).ok()?;
        elixir::is_key(&text).then_some(rest)
    }

    /// What follows the term at `s`, as long as looking ahead is still paid for.
    fn behind_within(&self, s: &'a [u8], looks: &mut usize) -> Option<&'a [u8]> {
        let rest = self.behind(s, 1).ok()?;
        *looks = looks.checked_sub(s.len() - rest.len())?;
        Some(rest)
    }

    fn map(&mut self) -> Result<(), Stop> {
        let pairs = self.parsed(wire::len32(&self.rest[1..]))?;
        if !self.elixir() {
            return self.open(Shape::Map, pairs.saturating_mul(2), "#{");
        }
        let mut looks = self.looks;
        let fields = self.atom_keys(pairs, &mut looks);
        self.looks = looks;
        match fields {
            None => self.open(Shape::Map, pairs.saturating_mul(2), "%{"),
            Some(None) => self.open(Shape::AtomMap, pairs, "%{"),
            Some(Some(name)) => self.structure(pairs, &name),
        }
    }

    /// If all keys of the map at the cursor are atoms that may be written as keys: the alias in `__struct__`, if any.
    fn atom_keys(&self, pairs: usize, looks: &mut usize) -> Option<Option<String>> {
        let (mut s, mut name) = (self.rest, None);
        for _ in 0..pairs {
            let value = self.behind_key(s)?;
            if wire::atom(s).is_ok_and(|(key, _)| key.is("__struct__", self.atoms)) {
                name = self.alias_at(value);
            }
            s = self.behind_within(value, looks)?;
        }
        Some(name)
    }

    fn alias_at(&self, s: &'a [u8]) -> Option<String> {
        wire::is_atom_tag(*s.first()?).then_some(())?;
        let text = wire::atom(s).ok()?.0.resolve(self.atoms).ok()?;
        elixir::alias(&text).map(String::from)
    }

    /// `%Name{key: value}`, or what Elixir writes for its own modules.
    fn structure(&mut self, pairs: usize, name: &str) -> Result<(), Stop> {
        if let Some((shown, values, behind)) = self.known(pairs, name) {
            if let structs::Shown::Set(index) = shown {
                self.rest = values.get(index).copied().unwrap_or_default();
                let count = self.parsed(wire::len32(self.rest.get(1..).unwrap_or_default()))?;
                self.open(Shape::Set, count, "MapSet.new([")?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.behind = Some(behind);
                }
                return Ok(());
            }
            if let structs::Shown::Text(text) = shown {
                self.out.write_str(&text)?;
            }
            self.rest = behind;
            return Ok(());
        }
        write!(self.out, "%{name}")?;
        self.open(Shape::Struct, pairs, "{")
    }

    /// The special form of a struct, what stands at each of its values, and what follows the struct.
    fn known(&self, pairs: usize, name: &str) -> Option<(structs::Shown, Vec<&'a [u8]>, &'a [u8])> {
        if pairs > structs::MOST_FIELDS || !structs::is_known(name) {
            return None;
        }
        let (mut fields, mut values) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
        let mut s = self.rest;
        for _ in 0..pairs {
            let (key, value) = wire::atom(s).ok()?;
            s = self.behind(value, 1).ok()?;
            fields.push((key.resolve(self.atoms).ok()?, &value[..value.len() - s.len()]));
            values.push(value);
        }
        Some((structs::show(name, &fields)?, values, s))
    }

    /// Prints what stands before the next part of the innermost open term; false if that term is complete.
    fn next_part(&mut self) -> Result<bool, Stop> {
        let Some(&Frame { shape, left, fresh, .. }) = self.frames.last() else { return Ok(true) };
        match shape {
            Shape::List if left == 0 => return self.tail(),
            Shape::Tail => return self.close("]"),
            Shape::Tuple | Shape::Map | Shape::AtomMap | Shape::Record if left == 0 => {
                return self.close("}")
            }
            Shape::Struct => return self.next_field(),
            Shape::Set => return self.next_member(),
            Shape::Keywords if left == 0 => {
                self.rest = &self.rest[1..]; // the tail: [], as was seen when looking ahead
                return self.close("]");
            }
            _ => {}
        }
        if shape == Shape::Map && left % 2 == 1 {
            self.out.write_str(" => ")?;
        } else if !fresh {
            self.out.write_str(self.style.between())?;
        }
        match shape {
            Shape::Keywords => {
                self.rest = tuple_header(self.rest).map_or(self.rest, |(_, pair)| pair);
                self.key()?;
            }
            Shape::AtomMap => self.key()?,
            Shape::Record => self.field()?,
            _ => {}
        }
        self.count_part();
        Ok(true)
    }

    fn count_part(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.left -= 1;
            frame.fresh = false;
        }
    }

    fn close(&mut self, bracket: &str) -> Result<bool, Stop> {
        self.out.write_str(bracket)?;
        Ok(false)
    }

    /// The elements of a list are printed: another list may go on, or something else ends it.
    fn tail(&mut self) -> Result<bool, Stop> {
        self.skip_empty_lists();
        match self.rest.first() {
            Some(&tag::NIL) => {
                self.rest = &self.rest[1..];
                self.close("]")
            }
            Some(&tag::LIST) => {
                let count = self.parsed(wire::len32(&self.rest[1..]))?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.left = count;
                }
                self.next_part_of_list()
            }
            Some(&tag::STRING) => {
                let length = self.parsed(wire::u16(&self.rest[1..]))?;
                let bytes = self.parsed(wire::take(self.rest, length))?;
                for byte in bytes {
                    write!(self.out, "{}{byte}", self.style.between())?;
                }
                self.close("]")
            }
            _ => {
                self.out.write_str(if self.elixir() { " | " } else { "|" })?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.shape = Shape::Tail;
                }
                Ok(true)
            }
        }
    }

    fn next_part_of_list(&mut self) -> Result<bool, Stop> {
        self.out.write_str(self.style.between())?;
        self.count_part();
        Ok(true)
    }

    /// A `LIST` of no elements is nothing but its tail.
    fn skip_empty_lists(&mut self) {
        while let [tag::LIST, 0, 0, 0, 0, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// `key: `, the cursor behind it.
    fn key(&mut self) -> Result<(), Stop> {
        let text = self.parsed(wire::atom(self.rest))?;
        let text = self.text(text)?;
        Ok(elixir::key(self.out, &text)?)
    }

    /// `name = ` of a record.
    fn field(&mut self) -> Result<(), Stop> {
        let names = self.frames.last().map_or(&[][..], |frame| frame.names);
        let names = self.name(names)?;
        if let Some(frame) = self.frames.last_mut() {
            frame.names = names;
        }
        Ok(self.out.write_str(" = ")?)
    }

    /// The next field of a struct, but for the two that every struct or exception has.
    fn next_field(&mut self) -> Result<bool, Stop> {
        loop {
            let Some(&Frame { left, fresh, .. }) = self.frames.last() else { return Ok(true) };
            if left == 0 {
                return self.close("}");
            }
            let (key, value) = match wire::atom(self.rest) {
                Ok(parsed) => parsed,
                Err(what) => return self.malformed(what),
            };
            if key.is("__struct__", self.atoms) || key.is("__exception__", self.atoms) {
                self.rest = self.behind(value, 1)?;
                if let Some(frame) = self.frames.last_mut() {
                    frame.left -= 1;
                }
                continue;
            }
            if !fresh {
                self.out.write_str(self.style.between())?;
            }
            self.key()?;
            self.count_part();
            return Ok(true);
        }
    }

    /// The next key of the map that holds a set.
    fn next_member(&mut self) -> Result<bool, Stop> {
        let Some(&Frame { left, fresh, behind, .. }) = self.frames.last() else { return Ok(true) };
        if !fresh {
            self.skip(1)?; // the value of the key printed last
        }
        if left == 0 {
            self.rest = behind.unwrap_or(self.rest);
            return self.close("])");
        }
        if !fresh {
            self.out.write_str(self.style.between())?;
        }
        self.count_part();
        Ok(true)
    }
}

/// Arity and elements of the tuple at `s`.
fn tuple_header(s: &[u8]) -> Option<(usize, &[u8])> {
    match *s.first()? {
        tag::SMALL_TUPLE => Some((usize::from(*s.get(1)?), &s[2..])),
        tag::LARGE_TUPLE => wire::len32(&s[1..]).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
