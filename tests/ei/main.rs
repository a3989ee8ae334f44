//! libei by difference: each area is one C program, compiled against a reference libei (OTP's, as Debian has it) and against ours,
//! and run with the same input; what they print must be the same but for `differences.txt`.
//!
//! Needs a C and a C++ compiler, and the reference: `ERLNODE_EI_REFERENCE` (a directory with include/ and lib/) or where Debian
//! installs it. Without them the tests fail and say so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

mod live;
mod misuse;

#[test]
fn encoding_is_the_same() {
    compare("encode", "encode.c", &["-lm"], &[]);
}

#[test]
fn decoding_is_the_same() {
    compare("decode", "decode.c", &[], &[&terms()]);
}

#[test]
fn decoding_of_broken_terms_is_the_same_or_refused() {
    compare("broken", "decode.c", &[], &[&terms(), "broken"]);
}

#[test]
fn patterns_make_the_same_terms() {
    compare("format", "format.c", &[], &[]);
}

#[test]
fn handshakes_and_epmd_are_the_same() {
    compare("connect", "connect.c", &[], &[]);
}

#[test]
fn messages_are_the_same() {
    compare("messages", "messages.c", &[], &[]);
}

#[test]
fn sockets_of_the_program_are_called_the_same() {
    compare("sockets", "sockets.c", &[], &[]);
}

#[test]
fn structs_and_constants_are_the_same() {
    compare("layout", "layout.c", &[], &[]);
}

#[test]
fn every_name_is_there() {
    compare("names", "names.c", &[], &[]);
    let program = built("names_cpp", "names.c", Side::Ours, &["-x", "c++"]);
    assert!(run(&program, &[]).status.success(), "names.c as C++");
}

#[test]
fn a_program_may_have_functions_by_the_same_names() {
    compare("own", "own.c", &[], &[]);
}

#[test]
fn a_polling_server_with_sending_threads_loses_nothing() {
    compare("select", "select.c", &[], &[]);
}

#[test]
fn cpp_terms_go_round() {
    compare("eixx", "eixx.cpp", &[], &[]);
}

#[test]
fn archive_and_shared_library_export_the_stock_names_only() {
    let list = std::fs::read_to_string(root().join("src/ei/symbols.txt")).unwrap();
    let wanted: Vec<&str> = list.lines().collect();
    for (file, flags) in [("libei.a", &["-g", "--defined-only"][..]), ("libei.so", &["-D", "--defined-only"])]
    {
        let out = Command::new("nm").args(flags).arg(ours().join(file)).output().expect("nm of binutils");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let mut found: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, wanted, "the names of {file} and of src/ei/symbols.txt");
    }
}

#[test]
fn a_static_node_stays_small() {
    let source = root().join("examples/c/ei_server.c");
    let program = work().join("static_server");
    let out = Command::new("cc")
        .args(["-O2", "-s", "-static", "-w"])
        .arg(include(Side::Ours))
        .arg(&source)
        .arg(ours().join("libei.a"))
        .args(["-lpthread", "-o"])
        .arg(&program)
        .output()
        .expect("cc");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // And works: nobody listens on that port of epmd, and it says so.
    let out = Command::new(&program).args(["static", "ck"]).env("ERL_EPMD_PORT", "1").output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("ei_publish failed"), "{} {said}", out.status);
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    assert!(size(&program) < 1536 * 1024, "the static node has {} bytes", size(&program));
    let shared = size(&ours().join("libei.so"));
    assert!(shared < 2048 * 1024, "libei.so has {shared} bytes");
}

#[test]
fn a_million_levels_do_not_touch_the_stack() {
    let out = run(&built("deep", "deep.c", Side::Ours, &[]), &[]);
    assert!(out.status.success(), "{} {}", out.status, String::from_utf8_lossy(&out.stdout));
}

/// Like the reference, the library itself knows nothing of GMP: needs its header and library (libgmp-dev).
#[test]
fn integers_of_gmp_go_round() {
    for (name, flags) in [("gmp", &["-lgmp"][..]), ("gmp_cpp", &["-x", "c++", "-lgmp"])] {
        let out = run(&built(name, "gmp.c", Side::Ours, flags), &[]);
        assert!(out.status.success(), "{name}: {}", String::from_utf8_lossy(&out.stdout));
    }
}

/// Both libraries bring Rust's standard library; neither may see the other's.
#[test]
#[cfg(feature = "ffi")]
fn both_libraries_link_into_one_program() {
    let Some(erlnode) = erlnode_archive() else {
        panic!("no liberlnode.a beside this test: cargo build --lib makes it");
    };
    let program = work().join("both");
    for order in [[ours().join("libei.a"), erlnode.clone()], [erlnode.clone(), ours().join("libei.a")]] {
        let out = Command::new("cc")
            .args(["-w", "-D_REENTRANT"])
            .arg(include(Side::Ours))
            .arg(root().join("tests/ei/both.c"))
            .args(&order)
            .args(["-lpthread", "-ldl", "-lm", "-o"])
            .arg(&program)
            .output()
            .expect("cc");
        assert!(out.status.success(), "{order:?}: {}", String::from_utf8_lossy(&out.stderr));
        let out = run(&program, &[]);
        assert!(out.status.success(), "both: {}", String::from_utf8_lossy(&out.stdout));
    }
}

/// The newest static library of the crate that cargo built for or beside this test.
#[cfg(feature = "ffi")]
fn erlnode_archive() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let deps = here.parent()?;
    let entries = [deps, deps.parent()?].into_iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten();
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.starts_with("liberlnode") && name.ends_with(".a")
        })
        .max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok())
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Reference,
    Ours,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn terms() -> String {
    root().join("tests/ei/terms.txt").to_string_lossy().into_owned()
}

/// Where the programs are built.
fn work() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ei");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// The directory with include/ and lib/ of the reference.
fn reference() -> PathBuf {
    let given = std::env::var_os("ERLNODE_EI_REFERENCE").map(PathBuf::from);
    let places =
        given.into_iter().chain(["/usr/lib/erlang/usr", "/usr/local/lib/erlang/usr"].map(PathBuf::from));
    places
        .into_iter()
        .find(|dir| dir.join("lib/libei.a").exists())
        .expect("no reference libei: install erlang-dev, or let ERLNODE_EI_REFERENCE name a directory")
}

/// The directory with our libraries, built once per run.
fn ours() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(dir) = std::env::var_os("ERLNODE_EI_LIB") {
                return PathBuf::from(dir);
            }
            let dir = work().join("lib");
            let target = work().join("target");
            let out = Command::new(root().join("scripts/libei.sh"))
                .arg(&dir)
                .env("ERLNODE_EI_TARGET", target)
                .env_remove("CARGO_TARGET_DIR")
                .output()
                .expect("scripts/libei.sh");
            assert!(out.status.success(), "scripts/libei.sh: {}", String::from_utf8_lossy(&out.stderr));
            dir
        })
        .clone()
}

fn include(side: Side) -> String {
    let dir = match side {
        Side::Reference => reference().join("include"),
        Side::Ours => root().join("include"),
    };
    format!("-I{}", dir.display())
}

/// The text of our header.
fn include_text() -> String {
    std::fs::read_to_string(root().join("include/ei.h")).unwrap()
}

/// Compiles one program of this directory against one side.
fn built(name: &str, source: &str, side: Side, flags: &[&str]) -> PathBuf {
    built_from(name, &root().join("tests/ei").join(source), side, flags)
}

/// Compiles one program against one side.
fn built_from(name: &str, source: &Path, side: Side, flags: &[&str]) -> PathBuf {
    let (suffix, lib) = match side {
        Side::Reference => ("reference", reference().join("lib")),
        Side::Ours => ("ours", ours()),
    };
    let program = work().join(format!("{name}_{suffix}"));
    let compiler = if source.extension().is_some_and(|kind| kind == "cpp") || flags.contains(&"c++") {
        "c++"
    } else {
        "cc"
    };
    let (language, libraries): (Vec<&str>, Vec<&str>) =
        flags.iter().copied().partition(|f| !f.starts_with("-l"));
    let extra = std::env::var("ERLNODE_EI_CFLAGS").unwrap_or_default();
    let out = Command::new(compiler)
        .args(["-O1", "-g", "-w", "-D_REENTRANT"])
        .args(extra.split_whitespace())
        .arg(include(side))
        .args(language)
        .arg(source)
        .args(["-x", "none"])
        .arg(lib.join("libei.a"))
        .args(libraries)
        .args(["-lpthread", "-o"])
        .arg(&program)
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(out.status.success(), "{}: {}", source.display(), String::from_utf8_lossy(&out.stderr));
    program
}

/// Runs a program; one that hangs is an error.
fn run(program: &Path, args: &[&str]) -> Output {
    let limit = Duration::from_secs(600).as_secs().to_string();
    Command::new("timeout").arg(limit).arg(program).args(args).output().expect("timeout of coreutils")
}

/// One line of differences.txt.
struct Allowed {
    area: String,
    line: String,
    refuses: bool,
}

fn allowed(area: &str) -> Vec<Allowed> {
    let text = std::fs::read_to_string(root().join("tests/ei/differences.txt")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(Allowed {
                area: words.next()?.to_owned(),
                line: words.next()?.to_owned(),
                refuses: match words.next()? {
                    "refuses" => true,
                    "any" => false,
                    other => panic!("differences.txt: there is no rule {other}"),
                },
            })
        })
        .filter(|allowed| allowed.area == area)
        .collect()
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut rest = rest;
    let parts: Vec<&str> = parts.collect();
    for (i, part) in parts.iter().enumerate() {
        if i + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// Whether ours only says -1 where the reference did not, or the reference crashed.
fn is_refusal(reference: &str, ours: &str) -> bool {
    let refusals = |text: &str| {
        text.split("-1").skip(1).filter(|after| !after.starts_with(|c: char| c.is_ascii_digit())).count()
    };
    reference.contains("CRASH") || refusals(ours) > refusals(reference)
}

/// Compiles and runs an area on both sides and compares what they printed.
fn compare(area: &str, source: &str, flags: &[&str], args: &[&str]) {
    let [theirs, ours] = [Side::Reference, Side::Ours].map(|side| {
        let out = run(&built(area, source, side, flags), args);
        let errors = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{area}: {} {errors}", out.status);
        String::from_utf8_lossy(&out.stdout).into_owned()
    });
    let rules = allowed(area);
    let mut intended: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexpected = String::new();
    let (theirs, ours) = (keyed(&theirs), keyed(&ours));
    let lines = theirs.len().max(ours.len());
    let keys: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    for key in keys {
        let (a, b) = (theirs.get(key).map_or("", String::as_str), ours.get(key).map_or("", String::as_str));
        if a == b {
            continue;
        }
        let rule = rules.iter().find(|rule| fits(&rule.line, &key.0) && (!rule.refuses || is_refusal(a, b)));
        match rule {
            Some(rule) => *intended.entry(&rule.line).or_default() += 1,
            None => writeln!(unexpected, "{} ({})\n  reference:{a}\n  ours:     {b}", key.0, key.1).unwrap(),
        }
    }
    println!("{area}: {lines} lines, {} differ as intended {intended:?}", intended.values().sum::<usize>());
    let shown: String = unexpected.lines().take(60).map(|line| format!("{:.400}\n", line)).collect();
    assert!(unexpected.is_empty(), "{area}: differences that nobody intended\n{shown}");
}

/// Lines by what stands before the colon and by how many such lines came before.
fn keyed(text: &str) -> BTreeMap<(String, usize), String> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines = BTreeMap::new();
    // A crash shows in what is missing; the line that says so belongs to no case.
    for line in text.lines().filter(|line| !matches!(line.trim(), "" | "CRASH")) {
        let (key, value) = line.split_once(':').unwrap_or(("", line));
        let n = seen.entry(key).or_default();
        lines.insert((key.to_owned(), *n), value.to_owned());
        *n += 1;
    }
    lines
}
