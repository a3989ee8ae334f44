//! The exported names are a committed list: adding one is a decision, losing one breaks programs.
//!
//! tests/symbols/erlnode.txt is compared with the source and, when it was built, with the shared library. After a wanted
//! change run `ERLNODE_UPDATE=1 cargo test --test symbols`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

#[test]
fn the_source_exports_exactly_the_committed_names() {
    assert_same(&committed(), &exported_by_source(), "src/ffi");
}

#[test]
fn the_shared_library_exports_exactly_the_committed_names() {
    let library = library();
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(&library).output();
    let output = output.expect("nm (of binutils) is needed to read the shared library");
    assert!(output.status.success(), "nm cannot read {}", library.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        // The libei drop-in has its own list; both can be in one development build.
        .filter(|name| !name.starts_with("ei_") && !name.starts_with("erl_"))
        .map(str::to_owned)
        .collect();
    assert_same(&committed(), &exported, &library.display().to_string());
}

#[test]
fn the_header_declares_every_exported_name() {
    let header = fs::read_to_string(root().join("include/erlnode.h")).unwrap();
    let missing: Vec<_> =
        committed().into_iter().filter(|name| !header.contains(&format!("{name}("))).collect();
    assert!(missing.is_empty(), "not declared in include/erlnode.h: {missing:?}");
}

/// Programs find the library by its ABI number, and its threads outlive a dlclose.
#[test]
fn the_shared_library_carries_its_abi_number_and_stays_loaded() {
    let header = fs::read_to_string(root().join("include/erlnode.h")).unwrap();
    let abi = header.lines().find_map(|line| line.strip_prefix("#define ERLN_ABI ")).unwrap();
    let output = Command::new("readelf").arg("-d").arg(library()).output();
    let text = String::from_utf8(output.expect("readelf (of binutils) is needed").stdout).unwrap();
    assert!(text.contains(&format!("[liberlnode.so.{abi}]")), "the soname is another: {text}");
    assert!(text.contains("NODELETE"), "dlclose would unload the library: {text}");
}

fn assert_same(committed: &BTreeSet<String>, exported: &BTreeSet<String>, place: &str) {
    let lost: Vec<_> = committed.difference(exported).collect();
    let added: Vec<_> = exported.difference(committed).collect();
    assert!(
        lost.is_empty() && added.is_empty(),
        "exports of {place} and tests/symbols/erlnode.txt differ\n  lost: {lost:?}\n  added: {added:?}"
    );
}

/// The list; written anew first if that is asked for.
fn committed() -> BTreeSet<String> {
    static LIST: OnceLock<BTreeSet<String>> = OnceLock::new();
    let list = LIST.get_or_init(|| {
        let path = root().join("tests/symbols/erlnode.txt");
        if std::env::var_os("ERLNODE_UPDATE").is_some() {
            let text: String = exported_by_source().iter().map(|name| format!("{name}\n")).collect();
            fs::write(&path, text).unwrap();
        }
        fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect()
    });
    list.clone()
}

/// Names that follow `#[no_mangle]` in src/ffi.
fn exported_by_source() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root().join("src/ffi")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for after in text.split("#[no_mangle]").skip(1) {
            let name = after.split_once(" fn ").unwrap().1;
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(name.starts_with("erln_"), "{name} in {} lacks the prefix", path.display());
            names.insert(name);
        }
    }
    names
}

/// The shared library that cargo built together with this test.
fn library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let name = if cfg!(target_os = "macos") { "liberlnode.dylib" } else { "liberlnode.so" };
    let library = test.parent().unwrap().join(name);
    assert!(library.exists(), "{} is missing", library.display());
    library
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
