//! The border: every function of the header called wrongly, in every way that its types allow.
//!
//! The program is generated from erlnode.h: one value wrong while all others are right, and mixtures. Each call must come back,
//! with a failure where one is due, and must have left its outputs alone then. A function or a type that is new in the header is
//! in from that moment; an object that nothing here knows how to make is given as NULL.

mod header;
mod program;
mod values;

use super::{build, compile, epmd_port, root, run};
use std::fs;
use std::process::Command;

/// Fewer would mean that the header was not read.
const LEAST: usize = 1000;

#[test]
fn every_misuse_of_every_function_is_answered() {
    let header = fs::read_to_string(root().join("include/erlnode.h")).unwrap();
    let names = fs::read_to_string(root().join("tests/symbols/erlnode.txt")).unwrap();
    let functions = header::functions(&header, &names);
    let (text, cases) = program::program(&functions);
    println!("{cases} cases of misuse, of {} functions", functions.len());
    assert!(cases >= LEAST, "{cases} cases only");
    let source = build().join("misuse.c");
    fs::write(&source, text).unwrap();
    let program = build().join("misuse");
    let include = format!("-I{}", root().join("tests/c").display());
    // The values of the table are given to every type that they fit.
    let options = ["-std=c11", "-g", "-Wno-unused-value", "-Wno-unused-result", &include];
    compile("cc", &options, &source, &program).and_then(|()| run(&program)).unwrap();
}

#[test]
fn the_library_can_be_loaded_and_unloaded_at_any_time() {
    let program = build().join("load");
    // Not linked with the library: only then does unloading mean anything.
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-I"])
        .arg(root().join("include"))
        .arg(root().join("tests/c/border/load.c"))
        .args(["-ldl", "-o"])
        .arg(&program)
        .status()
        .unwrap();
    assert!(compiled.success());
    let mut loading = Command::new("timeout");
    loading.arg("60").arg(&program).arg(build().join("liberlnode.so"));
    let status = loading.env("ERL_EPMD_PORT", epmd_port().to_string()).status().unwrap();
    assert!(status.success(), "{status}");
}
