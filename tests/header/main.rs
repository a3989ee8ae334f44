//! The committed header is what the source says.
//!
//! Writes include/erlnode.h anew, section by section, and compares. After a wanted
//! change run `ERLNODE_UPDATE=1 cargo test --test header` and commit the result.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const GUARD: &str = "ERLNODE_H";

/// The sections in the order in which one reads: each is a file of src/ffi. C wants a type before its use.
const SECTIONS: &[&str] = &[
    "status", "bytes", "version", "pid", "reader", "writer", "template", "text", "names", "config", "node",
    "tls", "message", "mailbox", "send", "link", "spawn", "call", "pending", "task", "server", "pg",
    "global", "pubsub", "discover", "io", "log", "python",
];

#[test]
fn the_committed_header_is_what_the_source_says() {
    let generated = header();
    let path = root().join("include/erlnode.h");
    if std::env::var_os("ERLNODE_UPDATE").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if let Some(line) = generated.lines().zip(committed.lines()).position(|(new, old)| new != old) {
        panic!(
            "include/erlnode.h differs from the source at line {}:\n  source: {}\n  header: {}\n\
             run `ERLNODE_UPDATE=1 cargo test --test header` and commit the header",
            line + 1,
            generated.lines().nth(line).unwrap_or_default(),
            committed.lines().nth(line).unwrap_or_default(),
        );
    }
    assert_eq!(
        generated.len(),
        committed.len(),
        "include/erlnode.h is longer or shorter than the source says"
    );
}

#[test]
fn every_public_file_is_a_section() {
    let main = fs::read_to_string(root().join("src/ffi/mod.rs")).unwrap();
    for name in main.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
        assert!(SECTIONS.contains(&name), "src/ffi/{name}.rs is public but no section of the header");
    }
}

#[test]
fn every_name_of_the_header_has_the_prefix() {
    let header = header();
    for line in header.lines().filter_map(|line| line.strip_prefix("#define ")) {
        let fine = ["ERLN_", "erln_", GUARD].iter().any(|prefix| line.starts_with(prefix));
        assert!(fine, "#define {line} lacks the prefix");
    }
}

fn header() -> String {
    let ffi = root().join("src/ffi");
    let main = fs::read_to_string(ffi.join("mod.rs")).unwrap();
    let mut header = String::new();
    writeln!(
        header,
        "// Generated from src/ffi by `ERLNODE_UPDATE=1 cargo test --test header`. Do not edit.\n//"
    )
    .unwrap();
    header.push_str(&comment(&main));
    writeln!(
        header,
        "\n#ifndef {GUARD}\n#define {GUARD}\n\n#include <stdarg.h>\n#include <stdbool.h>\n#include <stddef.h>\n\
         #include <stdint.h>\n#include <string.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n\
         #ifdef __GNUC__\n// Inline functions below are C, whose casts a strict C++ program may have forbidden.\n\
         #pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wold-style-cast\"\n#endif\n#endif"
    )
    .unwrap();
    for name in SECTIONS {
        let path = ffi.join(name).with_extension("rs");
        let source = fs::read_to_string(&path).unwrap();
        let rule = "=".repeat(100);
        write!(header, "\n// {rule}\n{}// {rule}\n", comment(&source)).unwrap();
        write!(header, "\n{}", declarations(&path)).unwrap();
        // What C must compile by itself, such as functions with `...`, stands beside the Rust file.
        if let Ok(inline) = fs::read_to_string(path.with_extension("h")) {
            write!(header, "\n{inline}").unwrap();
        }
    }
    write!(header, "\n#ifdef __cplusplus\n#ifdef __GNUC__\n#pragma GCC diagnostic pop\n#endif\n}}  // extern \"C\"\n#endif\n\n#endif  // {GUARD}\n").unwrap();
    header
}

/// The first comment of a Rust file, as a C comment. What Rust fences, so as not to take it for Rust, C indents.
fn comment(source: &str) -> String {
    let mut text = String::new();
    let mut fenced = false;
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else {
            let indent = if fenced && !line.is_empty() { "    " } else { "" };
            text.push_str(&format!("//{indent}{line}\n"));
        }
    }
    text
}

/// Types and functions of one file.
fn declarations(path: &Path) -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    // Also the types that only other sections use.
    config.export.include = types(&fs::read_to_string(path).unwrap());
    let mut bytes = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_no_includes()
        .with_src(path)
        .generate()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .write(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    // The whole header stands in one `extern "C"`, so that a section needs none.
    let all: Vec<&str> = text.lines().collect();
    let text: String = all
        .iter()
        .enumerate()
        .filter(|(at, _)| !(at.saturating_sub(2)..=*at).any(|first| is_extern_c(&all[first..])))
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    while lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
        .iter()
        .map(|line| match line.starts_with("typedef") {
            true => format!("{line}\n"),
            // Every type has a name of its own; inside a section cbindgen would write its tag.
            false => format!("{}\n", line.replace("struct erln_", "erln_")),
        })
        .collect()
}

/// True if an opening or closing `extern "C"` under its `#ifdef` begins here.
fn is_extern_c(lines: &[&str]) -> bool {
    matches!(lines, ["#ifdef __cplusplus", middle, end, ..]
        if middle.contains("extern \"C\"") && end.starts_with("#endif"))
}

/// The public C types of a file.
fn types(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix("pub ")?;
            let rest =
                ["struct ", "enum ", "union ", "type "].iter().find_map(|kind| line.strip_prefix(kind))?;
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            name.starts_with("erln_").then_some(name)
        })
        .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
