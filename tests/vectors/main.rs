//! Golden terms: what real OTP and Elixir releases encode, decode, print, sort and compare, and what we make of it.
//! `make_vectors.escript` and `make_inspect.exs`, kept beside this file, wrote the `.gz` files; they say how they look.
//! The OTP in a name is the one that ran the script, `otp29-unicode` with `ERL_FLAGS="+pc unicode"`; Elixir 1.18 ran on
//! OTP 27 and 1.20 on OTP 29, each on the vectors of that release.

use std::cmp::Ordering;
use std::io::Read;

use erlnode::term::{validate, Atom, Reader, Style, Term, Text, Writer};

const OTP: [&str; 4] = ["otp25", "otp27", "otp29", "otp29-unicode"];
const ELIXIR: [&str; 2] = ["elixir1.18", "elixir1.20"];

struct Record {
    kind: u8,
    fields: Vec<Vec<u8>>,
}

impl Record {
    fn name(&self) -> String {
        String::from_utf8_lossy(&self.fields[0]).into_owned()
    }

    fn text(&self, index: usize) -> &str {
        std::str::from_utf8(&self.fields[index]).unwrap()
    }
}

fn records(file: &str) -> Vec<Record> {
    let path = format!("{}/tests/vectors/{file}.gz", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()).read_to_end(&mut bytes).unwrap();
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while let [kind, count, tail @ ..] = rest {
        rest = tail;
        let mut fields = Vec::new();
        for _ in 0..*count {
            let (length, tail) = rest.split_at(4);
            let (field, tail) = tail.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
            fields.push(field.to_vec());
            rest = tail;
        }
        found.push(Record { kind: *kind, fields });
    }
    assert!(found.len() > 1000, "{file}: {} records", found.len());
    found
}

fn of_kind(file: &str, kind: u8) -> impl Iterator<Item = Record> {
    records(file).into_iter().filter(move |record| record.kind == kind)
}

/// The body of an external term: without 131, inflated.
fn body(source: &[u8]) -> Vec<u8> {
    if source.get(1) == Some(&80) {
        let mut out = Vec::new();
        flate2::read::ZlibDecoder::new(&source[6..]).read_to_end(&mut out).unwrap();
        return out;
    }
    source[1..].to_vec()
}

/// Collects differences, so that a run shows all of them.
struct Differences(Vec<String>);

impl Differences {
    fn add(&mut self, what: String) {
        self.0.push(what.chars().take(400).collect());
    }

    fn none(self) {
        assert!(
            self.0.is_empty(),
            "{} differences:\n{}",
            self.0.len(),
            self.0[..self.0.len().min(40)].join("\n")
        );
    }
}

#[test]
fn every_term_of_a_beam_is_decoded_and_survives_our_encoding() {
    let mut bad = Differences(Vec::new());
    for file in OTP {
        for record in of_kind(file, b'T') {
            let (name, source) = (record.name(), &record.fields[1]);
            if ACCEPTED_BY_A_BEAM_ONLY.contains(&name.as_str()) {
                continue;
            }
            let again = if record.fields[2].is_empty() { source } else { &record.fields[2] };
            let term = match Term::decode_external(source) {
                Ok(term) => term,
                Err(error) => {
                    bad.add(format!("{file}: {name}: {error}"));
                    continue;
                }
            };
            let beam = Term::decode_external(again).unwrap();
            if term != beam {
                bad.add(format!("{file}: {name}: decoded {term}, a BEAM {beam}"));
            }
            let ours = term.to_external().unwrap();
            if Term::decode_external(&ours).ok().as_ref() != Some(&term) {
                bad.add(format!("{file}: {name}: does not survive encoding"));
            }
            let old_atoms = file == "otp25"; // it still writes Latin-1 tags to files
            let has_map = again.contains(&116); // the order of keys is the sender's
            let has_port = again.contains(&89); // the older tag
            if ours != *again && !old_atoms && !has_map && !has_port {
                bad.add(format!("{file}: {name}: encoded {:?}, a BEAM {:?}", head(&ours), head(again)));
            }
        }
    }
    bad.none();
}

/// Terms that a BEAM takes and we do not, on purpose: an internal tag, and a release's own bug.
const ACCEPTED_BY_A_BEAM_ONLY: [&str; 3] = ["tag 73", "compressed behind garbage", "bit binary empty"];

fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(40)]
}

#[test]
fn reader_and_validate_agree_with_decode() {
    let mut bad = Differences(Vec::new());
    for record in of_kind("otp29", b'T') {
        let name = record.name();
        if ACCEPTED_BY_A_BEAM_ONLY.contains(&name.as_str()) {
            continue;
        }
        let bytes = body(&record.fields[1]);
        let mut reader = Reader::new(&bytes);
        if !reader.skip() || reader.finish().is_err() {
            bad.add(format!("{name}: skip ends at {} of {}", reader.position(), bytes.len()));
        }
        if validate(&bytes, &[]) != Ok(bytes.len()) {
            bad.add(format!("{name}: validate says {:?}", validate(&bytes, &[])));
        }
        let mut reader = Reader::new(&bytes);
        if reader.term() != Term::decode(&bytes).ok() {
            bad.add(format!("{name}: the reader's term differs"));
        }
        let mut writer = Writer::new();
        writer.raw(&bytes);
        if writer.finish().ok().as_ref() != Some(&bytes) {
            bad.add(format!("{name}: the writer does not take it"));
        }
    }
    bad.none();
}

#[test]
fn what_a_beam_refuses_is_refused() {
    let mut bad = Differences(Vec::new());
    for file in OTP {
        for record in of_kind(file, b'R') {
            let (name, source) = (record.name(), &record.fields[1]);
            if name.starts_with("record") && !file.starts_with("otp29") {
                continue; // older releases know no native records; we do
            }
            if name == "map twice zero" && file == "otp25" {
                continue; // 0.0 and -0.0 are the same before OTP 27
            }
            if let Ok(term) = Term::decode_external(source) {
                bad.add(format!("{file}: {name}: decoded as {term}"));
            }
        }
    }
    bad.none();
}

#[test]
fn every_truncation_fails_cleanly() {
    const FROM_THE_FRONT: usize = 600;
    const FROM_THE_END: usize = 100;
    let mut bad = Differences(Vec::new());
    for record in of_kind("otp29", b'T') {
        let (name, source) = (record.name(), &record.fields[1]);
        if ACCEPTED_BY_A_BEAM_ONLY.contains(&name.as_str()) {
            continue;
        }
        let bytes = body(source);
        for cut in (0..bytes.len()).filter(|cut| *cut < FROM_THE_FRONT || *cut + FROM_THE_END > bytes.len()) {
            let part = &bytes[..cut];
            if Term::decode(part).is_ok() {
                bad.add(format!("{name}: the first {cut} bytes are decoded"));
            }
            if validate(part, &[]).is_ok() {
                bad.add(format!("{name}: the first {cut} bytes are valid"));
            }
            if Reader::new(part).skip() {
                bad.add(format!("{name}: the first {cut} bytes are skipped"));
            }
            if Text::new(part, Style::erlang()).try_to_string().is_ok() {
                bad.add(format!("{name}: the first {cut} bytes are printed"));
            }
        }
        for cut in (0..source.len()).filter(|cut| *cut < FROM_THE_FRONT || *cut + FROM_THE_END > source.len())
        {
            if Term::decode_external(&source[..cut]).is_ok() {
                bad.add(format!("{name}: the first {cut} external bytes are decoded"));
            }
        }
    }
    bad.none();
}

#[test]
fn text_is_that_of_io_lib_format() {
    let mut bad = Differences(Vec::new());
    for file in OTP {
        for record in of_kind(file, b'T') {
            let (name, wire) = (record.name(), body(&record.fields[1]));
            if file == "otp25" && matches!(name.as_str(), "reserved maybe" | "reserved else") {
                continue; // reserved since 27
            }
            if ACCEPTED_BY_A_BEAM_ONLY.contains(&name.as_str()) {
                continue;
            }
            let style = Style::erlang().local(local_node(&wire));
            let style = if file == "otp29-unicode" { style } else { style.latin1() };
            for (index, style) in [(3, style.clone().without_strings()), (4, style)] {
                let beam = numbered_as_local(record.text(index));
                let ours = Text::new(&wire, style).to_string();
                if !beam.is_empty() && !same_but_for_key_order(&ours, &beam) {
                    bad.add(format!("{file}: {name}: {ours} instead of {beam}"));
                }
            }
        }
    }
    bad.none();
}

/// The first node named in the bytes.
fn local_node(bytes: &[u8]) -> Atom {
    const IDS: [u8; 10] = [88, 103, 120, 89, 102, 90, 114, 101, 77, 0];
    for at in 0..bytes.len() {
        let skip = if matches!(bytes[at], 90 | 114) { 3 } else { 1 };
        let mut reader = Reader::new(bytes.get(at + skip..).unwrap_or_default());
        if IDS.contains(&bytes[at]) {
            match reader.atom() {
                Some(node) if node.contains('@') || node == "xyz" => return Atom::new(&node).unwrap(),
                Some(node) if node.is_empty() && bytes[at] == 88 => return Atom::new("").unwrap(),
                _ => {}
            }
        }
    }
    Atom::new("nonode@nohost").unwrap()
}

/// A BEAM prints a number of its own for each foreign node; here, that of the local node.
fn numbered_as_local(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = ["<", "#Ref<", "#Port<", "#PID<", "#Reference<"]
        .iter()
        .filter_map(|mark| Some(rest.find(mark)? + mark.len()))
        .filter(|at| rest[*at..].starts_with(|c: char| c.is_ascii_digit()) && !rest[..*at].ends_with("<<"))
        .min()
    {
        let digits = rest[at..].chars().take_while(char::is_ascii_digit).count();
        out.push_str(&rest[..at]);
        if rest[at + digits..].starts_with(['.', '>']) {
            out.push('0');
        } else {
            out.push_str(&rest[at..at + digits]);
        }
        rest = &rest[at + digits..];
    }
    out + rest
}

/// The bytes hold a map's keys in the sender's order, which need not be the order in which it prints them.
fn same_but_for_key_order(ours: &str, beam: &str) -> bool {
    let sorted = |text: &str| {
        let mut parts: Vec<&str> = text.split([',', '{', '}']).map(str::trim).collect();
        parts.sort_unstable();
        parts.join(",")
    };
    ours == beam || (ours.contains("=> ") || ours.contains('%')) && sorted(ours) == sorted(beam)
}

#[test]
fn text_is_that_of_inspect() {
    let mut bad = Differences(Vec::new());
    for file in ELIXIR {
        for record in of_kind(file, b'I') {
            let (name, wire) = (record.name(), body(&record.fields[1]));
            if ACCEPTED_BY_A_BEAM_ONLY.contains(&name.as_str())
                || UNKNOWN_MODULES.contains(&name.as_str())
                || name.starts_with("record")
            {
                continue;
            }
            let beam = numbered_as_local(record.text(2));
            let ours =
                numbered_as_local(&Text::new(&wire, Style::elixir().local(local_node(&wire))).to_string());
            if !same_but_for_key_order(&ours, &beam) {
                bad.add(format!("{file}: {name}: {ours} instead of {beam}"));
            }
        }
    }
    bad.none();
}

/// Native records, which it leaves to Erlang's text, are not compared. Where `inspect` looks at modules that only it can see: structs unknown to it, and names of local functions.
const UNKNOWN_MODULES: [&str; 6] =
    ["struct one", "struct two", "struct lower", "elixir unknown struct", "elixir version", "fun eval"];

#[test]
fn sorting_is_that_of_lists_sort() {
    for file in OTP {
        for record in of_kind(file, b'O') {
            let elements = |index: usize| match Term::decode_external(&record.fields[index]).unwrap() {
                Term::List(terms) => terms.to_vec(),
                other => panic!("{other}"),
            };
            let (mut ours, beam) = (elements(1), elements(2));
            ours.sort();
            for (index, (ours, beam)) in ours.iter().zip(&beam).enumerate() {
                assert!(
                    ours.loose_eq(beam),
                    "{file}: {}: place {index}: {ours} instead of {beam}",
                    record.name()
                );
            }
        }
    }
}

#[test]
fn comparisons_are_those_of_a_beam() {
    let mut bad = Differences(Vec::new());
    for file in OTP {
        for record in of_kind(file, b'Q') {
            let Term::List(terms) = Term::decode_external(&record.fields[1]).unwrap() else { panic!() };
            let count = terms.len();
            assert_eq!(record.fields[2].len(), count * count);
            for (index, relation) in record.fields[2].iter().enumerate() {
                let (a, b) = (&terms[index / count], &terms[index % count]);
                let ours = match (a == b, a.loose_eq(b), a.cmp(b)) {
                    (true, true, Ordering::Equal) => b'!',
                    (false, true, _) => b'=',
                    (false, false, Ordering::Less) => b'<',
                    (false, false, Ordering::Greater) => b'>',
                    _ => b'?',
                };
                let same_zero = file == "otp25" && is_zero(a) && is_zero(b);
                if ours != *relation && !same_zero {
                    bad.add(format!(
                        "{file}: {a} {} {b}, a BEAM {}",
                        char::from(ours),
                        char::from(*relation)
                    ));
                }
            }
        }
    }
    bad.none();
}

/// 0.0 and -0.0 are the same before OTP 27.
fn is_zero(term: &Term) -> bool {
    matches!(term, Term::Float(value) if *value == 0.0)
}

#[test]
fn printed_text_is_read_back_as_the_same_term() {
    let mut bad = Differences(Vec::new());
    let mut tried = 0;
    for record in of_kind("otp29-unicode", b'T') {
        for text in [record.text(3), record.text(4)] {
            // Ids, funs and records cannot be read back.
            if text.is_empty()
                || text.contains("#Ref<")
                || text.contains("#Port<")
                || text.contains("#Fun<")
                || has_pid(text)
                || text.contains("#m:")
                || text.contains("#'M m'")
            {
                continue;
            }
            tried += 1;
            let wanted = Term::decode_external(&record.fields[1]);
            match (Term::parse(text), wanted) {
                (Ok(ours), Ok(wanted)) if ours == wanted => {}
                (ours, Ok(_)) => bad.add(format!("{}: {text} is read as {ours:?}", record.name())),
                (_, Err(_)) => {}
            }
        }
    }
    assert!(tried > 1000);
    bad.none();
}

fn has_pid(text: &str) -> bool {
    numbered_as_local(text).contains("<0.")
}
