//! Every exported function goes through the guard, and nothing else does the exporting.
//!
//! The first thing in the body of each `#[no_mangle]` function is a call of `guard`, `guard_bool` or `guard_or`: no line of ours runs
//! outside of it, so no panic can reach a C frame.

use std::fs;
use std::path::Path;

/// Functions of `src/ffi/guard.rs` that catch a panic.
const GUARDS: &[&str] = &["guard(", "guard_bool(", "guard_or("];

#[test]
fn every_export_goes_through_the_guard() {
    let mut seen = 0;
    for (file, text) in sources("src/ffi") {
        for after in text.split("#[no_mangle]").skip(1) {
            seen += 1;
            let name = after.split_once(" fn ").unwrap().1.split('(').next().unwrap();
            let body = &after[after.find('{').unwrap() + 1..];
            let mut first = body.trim_start();
            while first.starts_with("//") {
                first = first.split_once('\n').unwrap().1.trim_start();
            }
            assert!(
                GUARDS.iter().any(|guard| first.starts_with(guard)),
                "{name} in {file} does something before the guard: {}",
                first.lines().next().unwrap_or_default()
            );
            let end = body.find("\n}").unwrap_or_else(|| panic!("{name} in {file} has no end"));
            assert!(ends_with_guard(&body[..end]), "{name} in {file} does something after the guard");
        }
    }
    assert!(seen > 0, "no exports found: has the folder moved?");
}

#[test]
fn only_ffi_and_ei_export() {
    for folder in ["src/term", "src/proto", "src/net", "src/node", "src/service"] {
        for (file, text) in sources(folder) {
            assert!(!text.contains("no_mangle"), "{file} exports a symbol");
            assert!(!text.contains("extern \"C\""), "{file} has a C function");
        }
    }
}

/// True if the body is one expression: the parenthesis opened by the guard closes at the very end.
fn ends_with_guard(body: &str) -> bool {
    let body = body.trim();
    let mut depth = 0_i32;
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
            }
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1 == body.len();
                }
            }
            _ => {}
        }
    }
    false
}

#[test]
fn a_statement_after_the_guard_is_seen() {
    assert!(ends_with_guard("guard(|| Ok(()))"));
    assert!(ends_with_guard("guard_or(\")\", || 1 /* one */)"));
    assert!(!ends_with_guard("guard(|| Ok(()));\n    more()"));
    assert!(!ends_with_guard("guard(|| 1) + 1"));
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}
