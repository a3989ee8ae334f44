//! `docs/limits.md` says what the source says: every limit is a named constant with its reason beside it, and the page
//! lists them all. `ERLNODE_UPDATE=1 cargo test --test limits` writes the list again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use erlnode::term::Term;

const PAGE: &str = "docs/limits.md";
/// What stands below this line is written by the test.
const MARK: &str = "<!-- From here on: written by `ERLNODE_UPDATE=1 cargo test --test limits`. -->";

/// A constant is a limit if its name has one of these words.
const WORDS: &[&str] = &["MAX", "LIMIT", "LIMITS", "DEFAULT", "LONGEST", "BACKLOG", "BUDGET", "FAREWELL"];

struct Limit {
    file: String,
    name: String,
    value: String,
    reason: String,
}

#[test]
fn the_page_lists_every_limit() {
    let limits = limits();
    assert!(limits.len() > 50, "no limits found: has the source moved?");
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (head, _) = page.split_once(MARK).expect("the line that separates the list from the text");
    let wanted = format!("{head}{MARK}\n{}", list(&limits));
    if std::env::var_os("ERLNODE_UPDATE").is_some() {
        fs::write(&path, wanted).unwrap();
    } else {
        assert!(page == wanted, "{PAGE} differs from the source: ERLNODE_UPDATE=1 cargo test --test limits");
    }
}

/// In the text above the list a limit stands as `NAME` (value).
#[test]
fn the_text_gives_the_values_of_the_source() {
    let limits = limits();
    let page = fs::read_to_string(root().join(PAGE)).unwrap();
    let head = page.split_once(MARK).unwrap().0;
    let mut seen = 0;
    for part in head.split('`').skip(1).step_by(2).filter(|part| is_constant(part)) {
        let claimed = head.split_once(&format!("`{part}` (")).and_then(|(_, rest)| rest.split_once(')'));
        let (claimed, _) =
            claimed.unwrap_or_else(|| panic!("{part}: write its value behind it, in parentheses"));
        let found: Vec<&str> =
            limits.iter().filter(|limit| limit.name == part).map(|limit| limit.value.as_str()).collect();
        assert!(found.contains(&claimed), "{part} is {found:?}, not {claimed}");
        seen += 1;
    }
    assert!(seen > 10, "the text names no limits");
}

#[test]
fn every_limit_has_a_reason() {
    let limits = limits();
    let silent: Vec<String> = limits
        .iter()
        .filter(|limit| limit.reason.is_empty())
        .map(|limit| format!("{}: {}", limit.file, limit.name))
        .collect();
    assert!(silent.is_empty(), "no comment at {silent:?}");
}

/// Bytes that broke others, of the advisories in SECURITY.md.
#[test]
fn the_terms_of_published_advisories_do_no_harm() {
    // A bit string without bytes and without bits; one with nine bits in its last byte.
    assert!(Term::decode(&[77, 0, 0, 0, 0, 0]).is_err());
    assert!(Term::decode(&[77, 0, 0, 0, 1, 9, 0]).is_err());
    // Tuples, lists and maps of more elements than there are bytes.
    for tag in [105, 108, 116] {
        for count in [[0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0xff; 4]] {
            assert!(Term::decode(&[[tag].as_slice(), &count, &[106]].concat()).is_err());
        }
    }
    // An integer whose text is longer than 2,000 characters.
    let long = format!("1{}", "0".repeat(5_000));
    assert_eq!(Term::parse(&long).unwrap().to_string(), long);
}

fn is_constant(text: &str) -> bool {
    text.len() > 3
        && text.contains('_')
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn list(limits: &[Limit]) -> String {
    let mut parts: BTreeMap<&str, Vec<&Limit>> = BTreeMap::new();
    for limit in limits {
        parts.entry(&limit.file).or_default().push(limit);
    }
    let mut text = String::new();
    for (file, limits) in parts {
        text.push_str(&format!("\n`{file}`\n\n| Constant | Value | Why |\n|---|---|---|\n"));
        for limit in limits {
            let reason = limit.reason.replace('|', "\\|");
            text.push_str(&format!("| `{}` | {} | {reason} |\n", limit.name, limit.value));
        }
    }
    text
}

fn limits() -> Vec<Limit> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true if name != "tests" && name != "simulation" => folders.push(path),
                false if name.ends_with(".rs") && !name.ends_with("tests.rs") => read(&path, &mut found),
                _ => {}
            }
        }
    }
    found.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    found
}

fn read(path: &Path, found: &mut Vec<Limit>) {
    let text = fs::read_to_string(path).unwrap();
    // Constants of unit tests are no limits.
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let file = path.strip_prefix(root()).unwrap().display().to_string();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (number, line) in lines.iter().enumerate() {
        let line = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ");
        let Some((name, rest)) = line.strip_prefix("const ").and_then(|rest| rest.split_once(": ")) else {
            continue;
        };
        if !name.split('_').any(|word| WORDS.contains(&word)) || rest.starts_with("&[u8]") {
            continue;
        }
        let mut whole = rest.to_owned();
        for more in &lines[number + 1..] {
            if whole.contains(';') {
                break;
            }
            whole = format!("{whole} {more}");
        }
        let (kind, value) = whole.split_once('=').expect("a constant has a value");
        let (value, behind) = value.split_once(';').expect("and ends");
        let mut reason: Vec<&str> = Vec::new();
        for above in lines[..number].iter().rev() {
            match above.strip_prefix("///") {
                Some(comment) => reason.insert(0, comment.trim()),
                None if above.starts_with("#[") => {}
                None => break,
            }
        }
        if let Some((_, comment)) = behind.split_once("//") {
            reason.push(comment.trim());
        }
        found.push(Limit {
            file: file.clone(),
            name: name.to_owned(),
            value: rendered(kind.trim(), value.trim()),
            reason: reason.join(" "),
        });
    }
}

/// `1 << 20` as 1,048,576; durations with their unit; everything else as it is.
fn rendered(kind: &str, value: &str) -> String {
    for (call, unit) in [("from_secs", "s"), ("from_millis", "ms"), ("from_micros", "us")] {
        if let Some(number) = value.strip_prefix(&format!("Duration::{call}(")) {
            return format!("{} {unit}", grouped(number.trim_end_matches(')')));
        }
    }
    match kind {
        "usize" | "u64" | "u32" | "i32" | "i64" | "u16" | "u8" => {
            number(value).map_or(value.to_owned(), |n| grouped(&n.to_string()))
        }
        _ => format!("`{value}`"),
    }
}

fn number(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Some((left, right)) = text.split_once(" - ") {
        return Some(number(left)? - number(right)?);
    }
    if let Some((left, right)) = text.split_once(" << ") {
        return Some(number(left)? << number(right)?);
    }
    text.trim_matches(['(', ')']).replace('_', "").parse().ok()
}

fn grouped(digits: &str) -> String {
    let digits = digits.replace('_', "");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
