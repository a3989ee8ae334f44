//! Random terms through text and back, and random texts.

use super::super::format::{build, matches, Pattern, Template};
use super::super::*;
use super::random::term;
use proptest::prelude::*;

/// True if the term holds what has no text to be read back.
fn has_ids(term: &Term) -> bool {
    let text = term.text(Style::erlang().without_strings()).to_string();
    ["#Pid<", "#Ref<", "#Port<", "#Fun<"].iter().any(|mark| text.contains(mark))
}

/// Text of the characters that mean something to the lexer.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "[{}\\[\\],|]{1,3}",
        "#\\{|=>|:=|<<|>>|fun |:|/|\\.",
        "~[a-zA-Z_~]|_[A-Z]?",
        "[a-z@]{1,4}|[A-Z]|é|日",
        "-?[0-9]{1,20}(\\.[0-9]{1,3}(e-?[0-9]{1,3})?)?|[0-9]{1,2}#[0-9a-z]{1,4}",
        "['\"$\\\\]|\\\\x|\\\\\\^|%|[ \n]",
        "\"[a-z\\\\]{0,3}\"|'[a-z ]{0,3}'",
    ];
    proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(term in term()) {
        if has_ids(&term) {
            return Ok(());
        }
        for style in [Style::erlang(), Style::erlang().latin1(), Style::erlang().without_strings()] {
            let text = term.text(style).to_string();
            let back = Term::parse(&text);
            prop_assert_eq!(back.as_ref().ok(), Some(&term), "{}", text);
        }
    }

    #[test]
    fn the_text_of_a_term_is_a_pattern_that_it_matches(term in term(), other in term()) {
        if has_ids(&term) {
            return Ok(());
        }
        let (bytes, other_bytes) = (term.to_bytes().unwrap(), other.to_bytes().unwrap());
        for style in [Style::erlang(), Style::erlang().without_strings()] {
            let text = term.text(style).to_string();
            prop_assert!(matches(&text, &mut Reader::new(&bytes), &mut Vec::new()).unwrap(), "{}", text);
            prop_assert!(Pattern::new(&text).unwrap().matches(&mut Reader::new(&bytes), &mut Vec::new()));
            let is_other = matches(&text, &mut Reader::new(&other_bytes), &mut Vec::new()).unwrap();
            prop_assert!(!is_other || term == other || text.contains("#{"), "{} matches {}", text, other);
            prop_assert_eq!(Template::new(&text).unwrap().build(&[]).unwrap(), build(&text, &[]).unwrap());
        }
    }

    #[test]
    fn every_style_prints_every_term_within_its_limit(term in term(), limit in 0usize..60) {
        for style in [Style::erlang(), Style::elixir(), Style::elixir().without_strings()] {
            let whole = term.text(style.clone()).to_string();
            prop_assert!(!whole.contains("#Malformed<") || term.to_string().contains("Malformed"), "{}", whole);
            let cut = term.text(style.limit(limit)).to_string();
            match cut.strip_suffix("...") {
                Some(start) if cut != whole => prop_assert!(start.len() <= limit && whole.starts_with(start)),
                _ => prop_assert_eq!(cut, whole),
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_is_a_term(text in text()) {
        if let Ok(bytes) = parse(&text) {
            let term = Term::decode(&bytes);
            prop_assert!(term.is_ok(), "{}: {:?}", text, bytes);
            prop_assert!(Template::new(&text).is_ok());
            prop_assert!(Pattern::new(&text).is_ok());
            prop_assert!(matches(&text, &mut Reader::new(&bytes), &mut Vec::new()).unwrap());
        }
        let _ = (Template::new(&text), Pattern::new(&text), format::directives(&text).count());
    }

    #[test]
    fn any_pattern_on_any_term_gives_an_answer(text in text(), term in term()) {
        let bytes = term.to_bytes().unwrap();
        let (mut reader, mut captures) = (Reader::new(&bytes), Vec::new());
        match matches(&text, &mut reader, &mut captures) {
            Ok(true) => prop_assert_eq!(reader.position(), bytes.len()),
            _ => prop_assert!(reader.position() == 0 && captures.is_empty()),
        }
    }

    #[test]
    fn any_bytes_are_printed_without_failing(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        for style in [Style::erlang(), Style::elixir()] {
            let valid = Reader::new(&bytes).skip();
            let printed = Text::new(&bytes, style).try_to_string();
            prop_assert!(valid || printed.is_err());
        }
    }
}
