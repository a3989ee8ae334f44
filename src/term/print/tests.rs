use super::*;

fn erlang(text: &str) -> String {
    Term::parse(text).unwrap().to_string()
}

fn elixir(text: &str) -> String {
    Term::parse(text).unwrap().elixir().to_string()
}

#[test]
fn nesting_a_million_deep_is_printed_without_the_stack() {
    const DEPTH: usize = if cfg!(miri) { 300 } else { 1_000_000 };
    let mut tuples = [104, 1].repeat(DEPTH);
    tuples.push(106);
    let text = Text::new(&tuples, Style::erlang()).to_string();
    assert_eq!(text.len(), 2 * DEPTH + 2);
    let mut lists = [108, 0, 0, 0, 1].repeat(DEPTH);
    lists.extend(vec![106; DEPTH + 1]);
    assert_eq!(Text::new(&lists, Style::elixir()).to_string().len(), 2 * DEPTH + 2);
    let mut keywords = [108, 0, 0, 0, 1, 104, 2, 119, 1, b'a'].repeat(DEPTH / 10);
    keywords.extend(vec![106; DEPTH / 10 + 1]);
    let text = Text::new(&keywords, Style::elixir()).to_string();
    // Looking ahead is paid for some levels only: the outer ones get the shorthand.
    assert!(text.starts_with("[a: [a: [") && (cfg!(miri) || text.contains("[{:a, [{:a, []}]}]")));
}

#[test]
fn lists_cut_into_pieces_are_one_list() {
    // [1 | [2 | "ab"]] as three headers, with empty lists in between
    let bytes = [108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 2, 107, 0, 2, 97, 98];
    assert_eq!(Text::new(&bytes, Style::erlang()).to_string(), "[1,2,97,98]");
    assert_eq!(Text::new(&bytes, Style::elixir()).to_string(), "[1, 2, 97, 98]");
    let text = [108, 0, 0, 0, 1, 97, 104, 107, 0, 1, 105];
    assert_eq!(Text::new(&text, Style::erlang()).to_string(), "\"hi\"");
}

#[test]
fn the_limit_counts_bytes_and_never_cuts_a_character() {
    let term = Term::parse("{\"ab\", <<\"日本語\"/utf8>>, 12345}").unwrap();
    let whole = term.to_string();
    for limit in 0..whole.len() + 3 {
        let text = term.text(Style::erlang().limit(limit)).to_string();
        if limit >= whole.len() {
            assert_eq!(text, whole);
        } else {
            let shown = text.strip_suffix("...").unwrap();
            assert!(
                whole.starts_with(shown) && shown.len() <= limit && shown.len() + 3 > limit,
                "{limit}: {text}"
            );
        }
    }
}

#[test]
fn a_limit_saves_the_work_and_not_only_the_text() {
    let mut big = vec![111, 0, 7, 0xff, 0xf8, 0];
    big.extend(vec![0xff; 524_280]);
    let text = Text::new(&big, Style::erlang().limit(20)).to_string();
    assert_eq!(text, "16#FFFFFFFFFFFFFFFFF...");
    let length = if cfg!(miri) { 1 << 12 } else { 1 << 24_u32 };
    let mut binary = [&[109][..], &u32::to_be_bytes(length)].concat();
    binary.extend(vec![b'a'; length as usize]);
    assert_eq!(Text::new(&binary, Style::elixir().limit(4)).to_string(), "\"aaa...");
}

#[test]
fn ids_carry_the_name_of_their_node() {
    let pid = [88, 119, 3, b'a', b'@', b'h', 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 7];
    let local = Style::erlang().local(Atom::new("a@h").unwrap());
    assert_eq!(Text::new(&pid, Style::erlang()).to_string(), "#Pid<a@h.5.6>");
    assert_eq!(Text::new(&pid, Style::elixir()).to_string(), "#PID<a@h.5.6>");
    assert_eq!(Text::new(&pid, local).to_string(), "<0.5.6>");
}

#[test]
fn malformed_bytes_are_shown_up_to_the_error() {
    let bytes = [104, 2, 97, 1, 97];
    assert_eq!(Text::new(&bytes, Style::erlang()).to_string(), "{1,#Malformed<term (cut short) at 4>");
    assert!(Text::new(&bytes, Style::erlang()).try_to_string().is_err());
}

#[test]
fn structs_of_elixir_have_their_own_form_only_when_whole() {
    let range = "#{'__struct__' => 'Elixir.Range', first => 1, last => 3, step => 1}";
    assert_eq!(elixir(range), "1..3");
    let broken = "#{'__struct__' => 'Elixir.Range', first => a}";
    assert_eq!(elixir(broken), "%Range{first: :a}");
    assert_eq!(elixir("#{'__struct__' => 'Elixir.Kate', name => <<\"kate\">>}"), "%Kate{name: \"kate\"}");
    assert_eq!(
        elixir("#{'__struct__' => 'Elixir.MapSet', map => #{{a, #{}} => []}}"),
        "MapSet.new([{:a, %{}}])"
    );
    assert_eq!(erlang("#{'__struct__' => 'Elixir.Kate'}"), "#{'__struct__' => 'Elixir.Kate'}");
}

#[test]
fn a_set_ends_where_its_struct_ends() {
    let sets = "{#{'__struct__' => 'Elixir.MapSet', map => #{1 => [], 2 => [3]}}, b}";
    assert_eq!(elixir(sets), "{MapSet.new([1, 2]), :b}");
}
