use super::*;
use crate::term::{parse, Atom, Pid, Port, Reader, Reference, Term, Writer};

fn built(template: &str, args: &[Arg<'_>]) -> Term {
    let bytes = build(template, args).unwrap_or_else(|error| panic!("{template}: {error}"));
    let stored = Template::new(template).unwrap().build(args).unwrap();
    assert_eq!(bytes, stored, "{template}: read at once and read before");
    Term::decode(&bytes).unwrap()
}

fn refused(template: &str, args: &[Arg<'_>]) -> String {
    build(template, args).unwrap_err().to_string()
}

/// Matches with text and with a stored pattern, which must agree.
fn captured<'a>(pattern: &str, bytes: &'a [u8]) -> Option<Vec<Captured<'a>>> {
    let (mut direct, mut stored) = (Vec::new(), Vec::new());
    let mut reader = Reader::new(bytes);
    let yes = matches(pattern, &mut reader, &mut direct).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let compiled = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    assert_eq!(compiled.matches(&mut Reader::new(bytes), &mut stored), yes, "{pattern}");
    assert_eq!(direct, stored, "{pattern}");
    assert_eq!(reader.position(), if yes { bytes.len() } else { 0 }, "{pattern}: where the reader stands");
    yes.then_some(direct)
}

fn is_match(pattern: &str, term: &str) -> bool {
    let bytes = parse(term).unwrap();
    let found = captured(pattern, &bytes).is_some();
    found
}

fn pid() -> Pid {
    Pid { node: Atom::new("a@h").unwrap(), id: 5, serial: 6, creation: 7 }
}

fn reference() -> Reference {
    Reference::new(Atom::new("a@h").unwrap(), 7, &[1, 2, 3]).unwrap()
}

#[test]
fn each_directive_has_one_letter_and_back() {
    for directive in Directive::ALL {
        assert_eq!(Directive::from_letter(directive.letter() as u8), Some(directive));
        assert!(Directive::LETTERS.split(' ').any(|letter| letter == directive.letter().to_string()));
    }
    assert_eq!(Directive::LETTERS.split(' ').count(), Directive::ALL.len());
}

#[test]
fn each_directive_builds_its_term_and_captures_it_again() {
    let (pid, reference) = (pid(), reference());
    let port = Port { node: Atom::new("a@h").unwrap(), id: 9, creation: 7 };
    let args: [(char, Arg<'_>, Captured<'_>); 15] = [
        ('i', Arg::Int(-5), Captured::Int(-5)),
        ('l', Arg::Int(i64::MIN), Captured::Int(i64::MIN)),
        ('u', Arg::Uint(u64::MAX), Captured::Uint(u64::MAX)),
        ('c', Arg::Int(200), Captured::Int(200)),
        ('f', Arg::Float(1.5), Captured::Float(1.5)),
        ('d', Arg::Float(-0.0), Captured::Float(-0.0)),
        ('w', Arg::Bool(true), Captured::Bool(true)),
        ('a', Arg::Str("Ünïcode atom"), Captured::Atom("Ünïcode atom".into())),
        ('s', Arg::Str("text"), Captured::Bytes(b"text"[..].into())),
        ('b', Arg::Bytes(&[0, 255]), Captured::Bytes(vec![0, 255].into())),
        ('S', Arg::Str("日本"), Captured::Str("日本")),
        ('p', Arg::Pid(&pid), Captured::Pid(pid.clone())),
        ('r', Arg::Reference(&reference), Captured::Reference(reference.clone())),
        ('o', Arg::Port(&port), Captured::Port(port.clone())),
        ('t', Arg::Encoded(&[104, 0]), Captured::Term(vec![104, 0].into())),
    ];
    for (letter, arg, wanted) in args {
        let text = format!("{{x, ~{letter}, [~{letter}]}}");
        let bytes = build(&text, &[arg, arg]).unwrap();
        assert_eq!(captured(&text, &bytes), Some(vec![wanted.clone(), wanted]), "~{letter}");
    }
}

#[test]
fn a_template_is_erlang_text_with_places() {
    let args = [Arg::Int(1), Arg::Str("b"), Arg::Encoded(&[106])];
    let wanted = Term::parse("{reply, 1, #{k => [<<\"b\">> | []], \"~i\" => '~i'}}").unwrap();
    assert_eq!(built("{reply, ~i, #{k => [~S|~t], \"~i\" => '~i'}}", &args), wanted);
    assert_eq!(built("~i", &[Arg::Int(1)]), Term::Int(1));
    assert_eq!(built(" % nothing\n ok . ", &[]), Term::parse("ok").unwrap());
}

#[test]
fn tuples_of_more_than_255_get_the_long_header() {
    for count in [0usize, 1, 255, 256, 300] {
        let text = format!("{{{}}}", vec!["a"; count].join(","));
        assert_eq!(built(&text, &[]).as_tuple().unwrap().len(), count);
        let nested = format!("[{{{text}, x}}]");
        assert_eq!(built(&nested, &[]).to_string(), nested.replace(" ", ""));
    }
}

#[test]
fn holes_keep_their_places_in_long_tuples_and_maps() {
    let text = format!("{{~i, [{{{}}}], ~i, #{{~a => ~i, ~a => 3}}}}", vec!["~i"; 300].join(","));
    let mut args: Vec<Arg<'_>> = (0..302).map(Arg::Int).collect();
    args.extend([Arg::Str("k"), Arg::Int(2), Arg::Str("l")]);
    let inner = (1..301).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let wanted = format!("{{0, [{{{inner}}}], 301, #{{k => 2, l => 3}}}}");
    assert_eq!(built(&text, &args), Term::parse(&wanted).unwrap());
    if let Some(last) = args.last_mut() {
        *last = Arg::Str("k");
    }
    assert!(refused(&text, &args).contains("twice"));
    assert!(Template::new(&text).unwrap().build(&args).is_err());
}

#[test]
fn arguments_must_be_there_fit_and_be_used_up() {
    assert!(refused("{~i, ~i}", &[Arg::Int(1)]).contains("column 6: no argument is left for ~i"));
    assert!(refused("~i", &[Arg::Int(1), Arg::Int(2)]).contains("1 arguments are left"));
    assert!(refused("~i", &[Arg::Str("x")]).contains("~i cannot take the argument Str(\"x\")"));
    assert!(refused("~u", &[Arg::Int(-1)]).contains("~u cannot take"));
    assert!(refused("~c", &[Arg::Int(256)]).contains("~c is not 0 to 255"));
    assert!(refused("~f", &[Arg::Float(f64::NAN)]).contains("no Erlang floats"));
    assert!(refused("~a", &[Arg::Str(&"x".repeat(256))]).contains("255 characters"));
    assert!(refused("~t", &[Arg::Encoded(&[97])]).contains("~t is no encoded term"));
    assert!(refused("~t", &[Arg::Encoded(&[106, 106])]).contains("more than one term"));
    assert!(refused("#{~i => a, ~i => b}", &[Arg::Int(1), Arg::Int(1)]).contains("twice"));
}

#[test]
fn a_failed_template_spoils_the_writer_and_writes_nothing() {
    let mut writer = Writer::new();
    writer.tuple(2);
    build_into(&mut writer, "{a, ~i}", &[Arg::Int(1)]).unwrap();
    let before = writer.len();
    assert!(build_into(&mut writer, "{a, ~i}", &[]).is_err());
    assert_eq!(writer.len(), before);
    assert!(writer.finish().is_err());

    let mut writer = Writer::new();
    writer.tuple(2).i64(1);
    build_into(&mut writer, "[~i]", &[Arg::Int(2)]).unwrap();
    assert_eq!(writer.finish().unwrap(), parse("{1, [2]}").unwrap());
}

#[test]
fn texts_that_are_no_templates_say_why() {
    for (text, why) in [
        ("", "expected a term, found the end of the text"),
        ("{a", "expected ',' or '}', found the end of the text"),
        ("{a,}", "column 4: expected a term, found }"),
        ("[a|b,c]", "expected ']', found ,"),
        ("[|a]", "expected a term, found |"),
        ("#{a}", "expected '=>', found }"),
        ("#{a => }", "expected a term, found }"),
        ("#{a := 1}", "expected '=>', found :="),
        ("a b", "expected the end of the text, found the atom 'b'"),
        ("{a, _}", "only patterns"),
        ("~q", "one of i l u"),
        ("~", "one of i l u"),
        ("'abc", "never closed"),
        ("\"abc", "never closed"),
        ("X", "X is a variable"),
        ("{a,\n b,\n &}", "line 3, column 2: unexpected character '&'"),
        ("]", "expected a term, found ]"),
    ] {
        let error = refused(text, &[]);
        assert!(error.contains(why), "{text:?}: {error}");
        assert!(Template::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn patterns_match_by_value_and_shape() {
    for (pattern, term, wanted) in [
        ("{ok, _}", "{ok, 1}", true),
        ("{ok, _}", "{ok, 1, 2}", false),
        ("{ok, _, _}", "{ok, 1}", false),
        ("{ok}", "ok", false),
        ("{}", "{}", true),
        ("{}", "{a}", false),
        ("{a}", "{}", false),
        ("[]", "[]", true),
        ("[]", "[a]", false),
        ("[_]", "[]", false),
        ("[_]", "[a]", true),
        ("[a, b]", "[a, b]", true),
        ("[a, b]", "[a, b, c]", false),
        ("[a, b]", "[a | b]", false),
        ("[a | b]", "[a | b]", true),
        ("[a | _]", "[a, b, c]", true),
        ("[a | [b | _]]", "[a, b, c]", true),
        ("[a | [b]]", "[a, b, c]", false),
        ("[a | [b, c]]", "[a, b, c]", true),
        ("[a, b | []]", "[a, b]", true),
        ("[a | {}]", "[a, b]", false),
        ("\"abc\"", "\"abc\"", true),
        ("\"abc\"", "\"abd\"", false),
        ("\"abc\"", "\"abcd\"", false),
        ("\"abcd\"", "\"abc\"", false),
        ("\"\"", "[]", true),
        ("[97, 98 | \"c\"]", "\"abc\"", true),
        ("[97 | \"bc\"]", "[97, 98, 99]", true),
        ("[_, 98, _]", "\"abc\"", true),
        ("\"日\"", "[26085]", true),
        ("1", "1.0", false),
        ("1.0", "1.0", true),
        ("0.0", "-0.0", false),
        ("18446744073709551616", "18446744073709551616", true),
        ("18446744073709551616", "18446744073709551617", false),
        ("<<\"ab\">>", "<<97, 98>>", true),
        ("<<1:3>>", "<<1:3>>", true),
        ("<<1:3>>", "<<1:4>>", false),
        ("fun lists:map/2", "fun lists:map/2", true),
        ("fun lists:map/2", "fun lists:map/3", false),
        ("#{}", "#{a => 1}", true),
        ("#{}", "[]", false),
        ("#{b := 2}", "#{a => 1, b => 2}", true),
        ("#{b => 2}", "#{a => 1, b => 2}", true),
        ("#{b := 3}", "#{a => 1, b => 2}", false),
        ("#{c := _}", "#{a => 1, b => 2}", false),
        ("#{b := _, a := _}", "#{a => 1, b => 2}", true),
        ("#{\"k\" := {x, _}, {t, 1} := []}", "#{{t, 1} => [], 2 => 3, \"k\" => {x, y}}", true),
        ("#{m := #{n := 1}}", "#{m => #{n => 1, o => 2}, p => 3}", true),
        ("{#{m := 1}, tail}", "{#{l => [1], m => 1, n => {}}, tail}", true),
        ("_", "anything", true),
        ("_Name", "{1}", true),
        ("~_", "[1 | 2]", true),
    ] {
        assert_eq!(is_match(pattern, term), wanted, "{pattern} on {term}");
    }
}

#[test]
fn the_rest_of_a_list_is_captured_as_a_list() {
    let rest = |term: &str| {
        let bytes = parse(term).unwrap();
        let found = captured("[_ | ~t]", &bytes).map(|found| match &found[0] {
            Captured::Term(bytes) => Term::decode(bytes).unwrap().to_string(),
            other => panic!("{other:?}"),
        });
        found
    };
    assert_eq!(rest("[a]").as_deref(), Some("[]"));
    assert_eq!(rest("[a, b, {c}]").as_deref(), Some("[b,{c}]"));
    assert_eq!(rest("[a | b]").as_deref(), Some("b"));
    assert_eq!(rest("[a, b | c]").as_deref(), Some("[b|c]"));
    assert_eq!(rest("\"abc\"").as_deref(), Some("\"bc\""));
    assert_eq!(rest("[]"), None);
    let bytes = parse("\"abc\"").unwrap();
    assert_eq!(captured("[97 | ~s]", &bytes).unwrap()[0].as_bytes(), Some(&b"bc"[..]));
    assert_eq!(captured("[~i, ~t, ~c]", &bytes).unwrap()[1].as_bytes(), Some(&[97, 98][..]));
}

#[test]
fn lists_cut_into_pieces_match_like_whole_ones() {
    let bytes = [108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 2, 107, 0, 1, 3];
    for pattern in [
        "[1, 2, 3]",
        "[_, ~i, _]",
        "[1 | [2, 3]]",
        "[1, 2, 3 | []]",
        "[1, 2 | _]",
        "[1 | ~t]",
        "\"\\1\\2\\3\"",
    ] {
        assert!(captured(pattern, &bytes).is_some(), "{pattern}");
    }
    for pattern in ["[1, 2]", "[1, 2, 3, _]", "[1]", "[1, 2 | []]"] {
        assert!(captured(pattern, &bytes).is_none(), "{pattern}");
    }
}

#[test]
fn numbers_that_do_not_fit_do_not_match() {
    for (pattern, term, wanted) in [
        ("~i", "2147483647", true),
        ("~i", "2147483648", false),
        ("~l", "9223372036854775807", true),
        ("~l", "9223372036854775808", false),
        ("~u", "18446744073709551615", true),
        ("~u", "18446744073709551616", false),
        ("~u", "-1", false),
        ("~c", "256", false),
        ("~f", "1", false),
        ("~d", "1", true),
        ("~i", "1.0", false),
        ("~w", "maybe", false),
        ("~S", "<<255>>", false),
        ("~b", "<<1:1>>", false),
        ("~s", "[256]", false),
        ("~a", "\"a\"", false),
    ] {
        assert_eq!(is_match(pattern, term), wanted, "{pattern} on {term}");
    }
}

#[test]
fn a_miss_leaves_captures_and_reader_alone() {
    let bytes = parse("{put, <<\"k\">>, 1}").unwrap();
    let (mut reader, mut captures) = (Reader::new(&bytes), vec![Captured::Int(9)]);
    assert!(!matches("{put, ~b, ~a}", &mut reader, &mut captures).unwrap());
    assert_eq!((reader.position(), captures.len()), (0, 1));
    assert!(matches("{put, ~b, ~i}", &mut reader, &mut captures).unwrap());
    assert_eq!(captures.len(), 3);
}

#[test]
fn malformed_bytes_never_match_and_are_remembered() {
    let whole = parse("{put, #{a => [1, 2]}, <<\"key\">>}").unwrap();
    for cut in 0..whole.len() {
        let mut reader = Reader::new(&whole[..cut]);
        for pattern in ["{put, #{a := ~t}, ~b}", "{_, _, _}", "~t", "{put | _}"] {
            let result = matches(pattern, &mut reader, &mut Vec::new());
            assert!(!matches!(result, Ok(true)), "{pattern} on {cut} bytes");
        }
    }
    let mut reader = Reader::new(&[104, 1, 255]);
    assert!(!matches("{~t}", &mut reader, &mut Vec::new()).unwrap());
    assert!(reader.error().is_some());
}

#[test]
fn texts_that_are_no_patterns_are_refused() {
    for text in ["", "{a", "[a|b,c]", "#{~a := 1}", "#{_ := 1}", "{a,}", "a b", "~q", "[|a]"] {
        assert!(Pattern::new(text).is_err(), "{text}");
    }
}

#[test]
fn nesting_a_million_deep_is_built_and_matched_without_the_stack() {
    const DEPTH: usize = if cfg!(miri) { 300 } else { 1_000_000 };
    let text = "{".repeat(DEPTH) + "~i" + &"}".repeat(DEPTH);
    let bytes = build(&text, &[Arg::Int(7)]).unwrap();
    assert_eq!(bytes.len(), 2 * DEPTH + 2);
    let mut captures = Vec::new();
    assert!(matches(&text, &mut Reader::new(&bytes), &mut captures).unwrap());
    assert_eq!(captures, [Captured::Int(7)]);
    let text = "[".repeat(DEPTH) + &"]".repeat(DEPTH);
    let bytes = build(&text, &[]).unwrap();
    assert!(Pattern::new(&text).unwrap().matches(&mut Reader::new(&bytes), &mut captures));
}

#[test]
fn directives_of_a_text_are_found_in_order() {
    let found: Vec<_> = directives("{~i, '~l', \"~u\", $~, [~t | ~b], _}").map(Result::unwrap).collect();
    assert_eq!(found, [Directive::Int32, Directive::Term, Directive::Binary]);
    assert!(directives("{~i, ~").any(|found| found.is_err()));
    assert_eq!(Template::new("{~i, ~a}").unwrap().directives().count(), 2);
}
