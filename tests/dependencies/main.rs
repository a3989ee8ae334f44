//! What the library is made of: where its crates come from, under which licences, and how few they are.
//!
//! Needs no network. Known vulnerabilities are looked up by `make audit`, where the tools for that are at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// Crates that are in the library in two versions, and why that cannot be helped.
const TWICE: &[(&str, &str)] = &[("getrandom", "ring still takes 0.2")];

/// All that `libei` may contain besides this crate.
const OF_EI: &[&str] = &[
    "adler2",
    "autocfg",
    "block-buffer",
    "bytes",
    "cc",
    "cfg-if",
    "cpufeatures",
    "crc32fast",
    "crypto-common",
    "digest",
    "find-msvc-tools",
    "flate2",
    "generic-array",
    "getrandom",
    "libc",
    "md-5",
    "miniz_oxide",
    "num-bigint",
    "num-integer",
    "num-traits",
    "proc-macro2",
    "quote",
    "shlex",
    "simd-adler32",
    "subtle",
    "syn",
    "thiserror",
    "thiserror-impl",
    "typenum",
    "unicode-ident",
    "version_check",
    "zeroize",
];

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Name, version and licence of each crate in a build with these features.
fn crates(features: &[&str]) -> BTreeSet<(String, String, String)> {
    let mut arguments = vec![
        "tree",
        "--locked",
        "--offline",
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ];
    arguments.extend(features);
    let mut found = BTreeSet::new();
    for line in cargo(&arguments).lines() {
        let Some((package, licence)) = line.split_once('|') else { continue };
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if name != "erlnode" {
            found.insert((name.to_owned(), version.to_owned(), licence.trim_end_matches(" (*)").to_owned()));
        }
    }
    assert!(found.len() > 10, "cargo tree shows no crates");
    found
}

/// The quoted words of a list in deny.toml.
fn denied(list: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let (_, rest) = text.split_once(&format!("\n{list} = [")).expect("the list is in deny.toml");
    let (inside, _) = rest.split_once(']').unwrap();
    inside.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_crate_comes_from_crates_io_with_a_checksum() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut count = 0;
    for package in lock.split("[[package]]").skip(1) {
        if package.contains("name = \"erlnode\"") {
            continue;
        }
        assert!(
            package.contains("source = \"registry+https://github.com/rust-lang/crates.io-index\""),
            "{package}"
        );
        assert!(package.contains("checksum = \""), "{package}");
        count += 1;
    }
    assert!(count > 20, "Cargo.lock has no packages");
}

#[test]
fn every_licence_is_on_the_list() {
    let allowed = denied("allow");
    for (name, version, licence) in crates(&[]) {
        // "A OR B" is a choice, "A AND B" is not; older crates write "A/B" for a choice.
        let fits = licence.replace('/', " OR ").split(" OR ").any(|choice| {
            choice
                .split(" AND ")
                .all(|one| allowed.iter().any(|known| known == one.trim_matches(['(', ')', ' '])))
        });
        assert!(fits, "{name} {version} has the licence {licence}, which deny.toml does not allow");
    }
}

#[test]
fn nothing_is_in_the_library_twice_but_what_is_listed() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version, _) in crates(&["-e", "normal"]) {
        versions.entry(name).or_default().insert(version);
    }
    let twice: Vec<&String> =
        versions.iter().filter(|(_, all)| all.len() > 1).map(|(name, _)| name).collect();
    assert_eq!(twice, TWICE.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn libei_contains_neither_the_node_nor_tls() {
    for (name, ..) in crates(&["--no-default-features", "--features", "ei"]) {
        assert!(OF_EI.contains(&name.as_str()), "{name} came into libei: is it needed there?");
    }
}

#[test]
fn a_build_without_tls_has_no_tls_in_it() {
    let with = crates(&[]);
    let without = crates(&["--no-default-features", "--features", "ffi"]);
    let is_tls = |name: &str| ["rustls", "ring", "rustls-webpki", "rustls-pki-types"].contains(&name);
    assert_eq!(with.iter().filter(|(name, ..)| is_tls(name)).count(), 4);
    assert_eq!(without.iter().filter(|(name, ..)| is_tls(name)).count(), 0);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
