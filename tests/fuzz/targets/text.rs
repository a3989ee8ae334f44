//! Text and bytes. The input up to its first zero byte is a text, what follows is an encoded term.
//! Promises: a text that is read is a term, and a pattern that this term matches; printed terms are read back; a limit
//! only cuts; a pattern that does not match changes nothing; nothing fails, whatever the two are.
#![cfg_attr(fuzzing, no_main)]

use erlnode::term::format::{build, directives, matches, Pattern, Template};
use erlnode::term::{parse, Reader, Style, Term, Text};

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Such words stand where a term has no text that could be read back, or where an atom or text mentions them.
const UNREADABLE: [&str; 5] = ["#Pid<", "#Ref<", "#Port<", "#Fun<", "#Malformed<"];

fn spelled(text: &str) {
    assert_eq!(Template::new(text).is_ok(), Template::new(text).is_ok_and(|template| template.as_str() == text));
    let _ = directives(text).count();
    let Ok(bytes) = parse(text) else { return };
    assert!(Term::decode(&bytes).is_ok(), "what was read is no term");
    assert_eq!(build(text, &[]).ok().as_ref(), Some(&bytes));
    assert_eq!(Template::new(text).and_then(|template| template.build(&[])).ok().as_ref(), Some(&bytes));
    let mut reader = Reader::new(&bytes);
    assert!(matches(text, &mut reader, &mut Vec::new()).unwrap_or(false), "a term does not match its own text");
}

fn printed(bytes: &[u8]) {
    let decoded = Term::decode(bytes);
    for style in [Style::erlang(), Style::erlang().without_strings(), Style::elixir()] {
        let text = Text::new(bytes, style.clone()).to_string();
        let cut = Text::new(bytes, style.limit(20)).to_string();
        assert!(cut == text || cut.strip_suffix("...").is_some_and(|cut| text.starts_with(cut)), "{cut} of {text}");
    }
    let Ok(term) = decoded else { return };
    let text = term.to_string();
    if is_native_record(bytes) || UNREADABLE.iter().any(|mark| text.contains(mark)) {
        return;
    }
    assert!(Term::parse(&text).is_ok_and(|back| back == term), "{text} is not read back");
}

/// Native records have no text that could be read back; any byte 67 may be one.
fn is_native_record(bytes: &[u8]) -> bool {
    bytes.contains(&67)
}

fn matched(text: &str, bytes: &[u8]) {
    let (mut reader, mut captures) = (Reader::new(bytes), Vec::new());
    let answer = matches(text, &mut reader, &mut captures);
    if !matches!(answer, Ok(true)) {
        assert!(captures.is_empty());
        assert!(reader.error().is_some() || reader.position() == 0, "a miss moves the reader");
    }
    if let Ok(pattern) = Pattern::new(text) {
        let mut again = Vec::new();
        assert_eq!(pattern.matches(&mut Reader::new(bytes), &mut again), answer.unwrap_or(false));
        assert_eq!(again, captures);
    }
}

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    let zero = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (text, bytes) = (&data[..zero], data.get(zero + 1..).unwrap_or_default());
    printed(bytes);
    if let Ok(text) = std::str::from_utf8(text) {
        spelled(text);
        matched(text, bytes);
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
