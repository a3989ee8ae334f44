//! Imports point back towards the bytes, and `unsafe` has two addresses.
//!
//! ```text
//! error < term < proto < net < node < service < ffi        term, proto < ei
//! ```

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate, and those it may import besides itself.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("log", &["error"]),
    ("term", &["error"]),
    ("proto", &["error", "term"]),
    ("sync", &[]),
    ("runtime", &["error", "log", "sync"]),
    ("net", &["error", "log", "runtime", "sync", "term", "proto"]),
    ("node", &["error", "log", "runtime", "sync", "term", "proto", "net"]),
    ("service", &["error", "log", "runtime", "sync", "term", "proto", "net", "node"]),
    ("ffi", &["error", "log", "runtime", "sync", "term", "proto", "net", "node", "service"]),
    ("ei", &["error", "log", "term", "proto"]),
];

/// Modules without I/O, clocks, threads and an asynchronous runtime.
const PURE: &[&str] = &["term", "proto"];
/// What a pure module must not name.
const IMPURE: &[&str] = &[
    "std::net",
    "std::fs",
    "std::io::std",
    "std::time::Instant",
    "std::time::SystemTime",
    "Instant::now",
    "SystemTime::now",
    "std::thread",
    "tokio",
    "parking_lot",
    "libc::",
    "socket2",
];

/// The only modules with `unsafe`.
const UNSAFE: &[&str] = &["ffi", "ei"];

#[test]
fn modules_import_only_what_stands_left_of_them() {
    for (file, module, code) in sources() {
        let allowed = LAYERS.iter().find(|(name, _)| *name == module);
        let allowed =
            allowed.unwrap_or_else(|| panic!("{file}: give the module {module} a place in LAYERS")).1;
        for (number, line) in code.lines().enumerate() {
            for import in imports(line) {
                let fine = import == module || allowed.contains(&import) || !is_module(import);
                assert!(fine, "{file}:{}: {module} must not import {import}", number + 1);
            }
        }
    }
}

#[test]
fn pure_modules_do_no_io() {
    for (file, module, code) in sources() {
        // Their unit tests may start a thread of a small stack, or read a vector.
        let is_test = file.contains("/tests/") || file.ends_with("/tests.rs");
        if !PURE.contains(&module.as_str()) || is_test {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            for name in IMPURE {
                assert!(!line.contains(name), "{file}:{}: {module} is pure, yet names {name}", number + 1);
            }
        }
    }
}

#[test]
fn unsafe_has_two_addresses() {
    for (file, module, code) in sources() {
        if UNSAFE.contains(&module.as_str()) {
            continue;
        }
        for (number, line) in code.lines().enumerate() {
            let found = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
            assert!(!found, "{file}:{}: unsafe lives in src/ffi and src/ei", number + 1);
        }
    }
}

#[test]
fn imports_are_seen_in_every_form() {
    assert_eq!(imports("use crate::net::link;"), ["net"]);
    assert_eq!(imports("use crate::{error::Malformed, node::Node};"), ["error", "node"]);
    assert_eq!(imports("let x = crate::ffi::guard::forks();"), ["ffi"]);
    assert_eq!(imports("use crate::{Error, term::{Atom, Pid}, proto};"), ["Error", "term", "proto"]);
}

/// The names that directly follow `crate::` in a line.
fn imports(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for after in line.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => found.push(word(after)),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && c.is_alphabetic() => {
                            found.push(word(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn is_module(name: &str) -> bool {
    LAYERS.iter().any(|(module, _)| *module == name)
}

/// Every file under src/ that belongs to a layer: its path, its module, and its code on joined lines without comments.
fn sources() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = module_of(path.strip_prefix(&root).unwrap());
                if module != "lib" && module != "bin" && !is_test(path.strip_prefix(&root).unwrap()) {
                    found.push((path.display().to_string(), module, code(&path)));
                }
            }
        }
    }
    assert!(found.len() > 5, "no sources found: has the folder moved?");
    found
}

/// Unit tests may use threads and neighbours; they are not part of the library.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

fn module_of(path: &Path) -> String {
    let first = PathBuf::from(path.components().next().unwrap().as_os_str());
    first.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// The file without comment lines. A `use crate::{...}` over several lines becomes one; line numbers stay, as the
/// joined lines leave empty ones behind.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let mut code = String::new();
    let mut waiting = 0;
    let mut open = 0_i32;
    for line in text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines() {
        let line = if line.trim_start().starts_with("//") { "" } else { line };
        let starts = line.contains("crate::{");
        code.push_str(line.trim_end());
        if starts || open > 0 {
            open += line.matches('{').count() as i32 - line.matches('}').count() as i32;
        }
        if open > 0 {
            waiting += 1;
        } else {
            code.push_str(&"\n".repeat(waiting + 1));
            waiting = 0;
        }
    }
    code
}
