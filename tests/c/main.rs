//! C programs in a table, and the header in every dialect.
//!
//! Each tests/c/NAME.c is compiled with all warnings as errors, linked with the shared library that cargo built beside this
//! test, and run: status 0 is a pass. `every_program_is_in_the_table` keeps table and folder the same.

#[path = "../tls/certificates.rs"]
#[allow(dead_code)]
mod certificates;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

mod border;

/// Longer than any program needs on a loaded machine; one that waits longer waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Program, dialect, and what it shows.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("status", "c99", "every status has its own number and name"),
    ("reader", "c99", "terms are written and read back; wrong guesses, broken bytes and misuse are answered"),
    ("template", "c99", "templates build and patterns match every kind of term; mistakes are told"),
    ("mailbox", "c11", "two nodes exchange messages, signals and calls; closing wakes; misuse is answered"),
    ("groups", "c11", "two nodes share process groups and pubsub topics; misuse is answered"),
    (
        "global",
        "c11",
        "visible nodes share global names and locks, a hidden one asks for them; misuse is answered",
    ),
    ("server", "c11", "a table of functions serves a mailbox, on one thread, on several, in an event loop"),
    ("task", "c11", "tasks run, fail, wait, and end with their supervisor"),
    ("trouble", "c11", "each problem with names, cookies and peers has its status, text and log line"),
    (
        "tls",
        "c11",
        "nodes meet over TLS as their options say; who is not believed and what cannot work is told",
    ),
    ("threads", "c11", "threads that use and close the same things get answers, and order is kept"),
    ("pending", "c11", "calls are waited for later, many nodes asked at once, and sys answered"),
    (
        "border",
        "c11",
        "closing wakes whoever waits, however; 64 threads, signals and exit() under 1,000 waiters do no harm",
    ),
    (
        "scarcity",
        "c11",
        "what finds no memory is an error of that call or connection, whichever allocation it was",
    ),
    ("process", "c11", "fork, signals, killed peers and exit() while others wait do no harm"),
];

const C_DIALECTS: &[&str] = &["c99", "c11", "c17", "c2x"];
const CPP_DIALECTS: &[&str] = &["c++11", "c++14", "c++17", "c++20"];
const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"];

#[test]
fn every_program_passes() {
    let mut failures = Vec::new();
    for (name, dialect, promise) in PROGRAMS {
        let source = root().join("tests/c").join(name).with_extension("c");
        let program = build().join(name);
        if let Err(text) =
            compile("cc", &[&format!("-std={dialect}"), "-g"], &source, &program).and_then(|()| run(&program))
        {
            failures.push(format!("{name} ({promise}):\n{text}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_functions_behind_the_inline_forms_do_the_same() {
    for name in ["reader", "template"] {
        let program = build().join(format!("{name}-no-inline"));
        let source = root().join("tests/c").join(name).with_extension("c");
        compile("cc", &["-std=c99", "-DERLN_NO_INLINE"], &source, &program)
            .and_then(|()| run(&program))
            .unwrap();
    }
}

/// The inline functions of the header and the programs themselves, with every access checked.
#[test]
fn programs_pass_with_sanitizers() {
    for name in ["status", "reader", "template"] {
        let program = build().join(format!("{name}-sanitized"));
        let source = root().join("tests/c").join(name).with_extension("c");
        let sanitize = "-fsanitize=address,undefined";
        compile("cc", &["-std=c99", "-g", "-fno-sanitize-recover=all", sanitize], &source, &program)
            .and_then(|()| run(&program))
            .unwrap();
        let symbols =
            Command::new("nm").arg("-D").arg(&program).output().expect("nm (of binutils) is needed");
        let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
        assert!(symbols.contains("__asan_init"), "{name} was built without the sanitizer");
    }
}

/// The library itself: no byte read or written that is not ours, no memory lost in a call.
#[test]
fn programs_pass_under_valgrind() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "valgrind is missing, and CI must have it");
        println!("left out: valgrind is not installed");
        return;
    }
    for name in ["status", "reader", "template"] {
        let program = build().join(format!("{name}-valgrind"));
        let source = root().join("tests/c").join(name).with_extension("c");
        compile("cc", &["-std=c99", "-g", "-DERLN_NO_INLINE"], &source, &program).unwrap();
        let output = Command::new("valgrind")
            .args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"])
            .arg(&program)
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_cpp_programs_pass_in_every_dialect_from_17_on() {
    let include = format!("-I{}", root().join("bindings/cpp").display());
    for entry in fs::read_dir(root().join("tests/cpp")).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_stem().unwrap().to_str().unwrap();
        for dialect in ["c++17", "c++20"] {
            let program = build().join(format!("{name}-{dialect}"));
            compile("c++", &[&format!("-std={dialect}"), "-g", &include], &source, &program)
                .and_then(|()| run(&program))
                .unwrap_or_else(|text| panic!("{name} as {dialect}:\n{text}"));
        }
    }
}

#[test]
fn every_program_is_in_the_table() {
    for entry in fs::read_dir(root().join("tests/c")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // Programs of the libei drop-in are linked with another library, by their own test.
        if path.extension().is_some_and(|extension| extension == "c") && !name.starts_with("ei_") {
            assert!(PROGRAMS.iter().any(|(program, ..)| *program == name), "{name}.c is not in PROGRAMS");
        }
    }
}

#[test]
fn the_header_compiles_alone_in_every_dialect() {
    each_dialect(
        "alone",
        "#include \"erlnode.h\"\n#include \"erlnode.h\"\nextern int nothing;\n",
        "-fsyntax-only",
    );
}

#[test]
fn a_program_that_mentions_every_symbol_links_in_every_dialect() {
    let names = fs::read_to_string(root().join("tests/symbols/erlnode.txt")).unwrap();
    let uses: String = names.lines().map(|name| format!("    use(REINTERPRET(any *, &{name}));\n")).collect();
    let text = format!(
        "#include \"erlnode.h\"\n#ifdef __cplusplus\n#define REINTERPRET(type, value) \
         reinterpret_cast<type>(value)\n#else\n#define REINTERPRET(type, value) ((type)(value))\n#endif\n\
         typedef void any(void);\nstatic int used;\nstatic void use(any *function) {{ used += \
         function != NULL; }}\nint main(void) {{\n{uses}    return used == {} ? 0 : 1;\n}}\n",
        names.lines().count()
    );
    for program in each_dialect("mention", &text, "-Wno-cast-function-type") {
        run(&program).unwrap();
    }
}

/// The program on the header's first page compiles as it stands there.
#[test]
fn the_first_example_of_the_header_compiles() {
    let header = fs::read_to_string(root().join("include/erlnode.h")).unwrap();
    let example: String = header
        .lines()
        .skip_while(|line| !line.starts_with("//     "))
        .take_while(|line| line.starts_with("//     "))
        .map(|line| format!("{}\n", &line[2..]))
        .collect();
    let text = format!(
        "#include <stdio.h>\n#include \"erlnode.h\"\nint main(void) {{\n{example}    return 0;\n}}\n"
    );
    for (compiler, dialect, suffix) in [("cc", "c99", "c"), ("c++", "c++11", "cpp")] {
        let source = build().join(format!("first-page.{suffix}"));
        fs::write(&source, &text).unwrap();
        compile(compiler, &[&format!("-std={dialect}")], &source, &build().join("first-page"))
            .unwrap_or_else(|text| panic!("the example of the first page, as {dialect}:\n{text}"));
    }
}

/// Compiles a text as every C and C++ there is; gives the programs.
fn each_dialect(name: &str, text: &str, option: &str) -> Vec<PathBuf> {
    let mut programs = Vec::new();
    for (compiler, suffix, dialects) in [("cc", "c", C_DIALECTS), ("c++", "cpp", CPP_DIALECTS)] {
        let source = build().join(format!("{name}.{suffix}"));
        fs::write(&source, text).unwrap();
        for dialect in dialects {
            let program = build().join(format!("{name}-{dialect}"));
            // C++ programs with strict settings forbid C's casts.
            let strict = if compiler == "cc" { "-Wstrict-prototypes" } else { "-Wold-style-cast" };
            compile(compiler, &[&format!("-std={dialect}"), option, strict], &source, &program)
                .unwrap_or_else(|text| panic!("{name} as {dialect}:\n{text}"));
            programs.push(program);
        }
    }
    programs
}

fn compile(compiler: &str, options: &[&str], source: &Path, program: &Path) -> Result<(), String> {
    let output = Command::new(compiler)
        .args(options)
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .arg(source)
        .arg("-o")
        .arg(program)
        .args(["-L".into(), build().display().to_string(), format!("-Wl,-rpath,{}", build().display())])
        .args(["-lerlnode", "-lpthread"])
        .output()
        .unwrap_or_else(|error| panic!("these tests need a C and a C++ compiler: {compiler}: {error}"));
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).lines().take(40).collect::<Vec<_>>().join("\n"))
}

fn run(program: &Path) -> Result<(), String> {
    let log = program.with_extension("log");
    let file = fs::File::create(&log).unwrap();
    let mut child = Command::new(program)
        .env("ERL_EPMD_PORT", epmd_port().to_string())
        .env("ERLNODE_TLS_FILES", tls_files())
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
        // std has no wait with a timeout; this poll decides nothing but when we notice the end.
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    };
    if status.success() {
        return Ok(());
    }
    Err(format!("{status}\n{}", fs::read_to_string(&log).unwrap_or_default()))
}

/// Certificates of two authorities, and option files, for the programs about TLS.
fn tls_files() -> &'static Path {
    use certificates::{Authority, Folder};
    static FILES: OnceLock<(Folder, PathBuf)> = OnceLock::new();
    let (_, path) = FILES.get_or_init(|| {
        let folder = Folder::new(build());
        let (ours, other) = (Authority::new("ours"), Authority::new("other"));
        let (identity, stranger) = (ours.issue(), other.issue());
        let cert = folder.put("cert.pem", &identity.certificate);
        let key = folder.put("key.pem", &identity.key);
        let ca = folder.put("ca.pem", &ours.pem());
        folder.put("other.pem", &stranger.certificate);
        folder.put("other-key.pem", &stranger.key);
        folder.put("other-ca.pem", &other.pem());
        let side = format!("[{{certfile, {cert:?}}}, {{keyfile, {key:?}}}, {{cacertfile, {ca:?}}}]");
        folder.put("tls.conf", &format!("[{{server, {side}}}, {{client, {side}}}]."));
        let revoked = ours.issue();
        folder.put("revoked.pem", &revoked.certificate);
        folder.put("revoked-key.pem", &revoked.key);
        folder.put("crl.pem", &ours.revoke(&[revoked.serial], 2090));
        folder.put("unknown.conf", "[{server, [{psk_identity, \"x\"}]}].");
        let path = cert.parent().unwrap().to_owned();
        (folder, path)
    });
    path
}

/// A port for the epmd of these programs, so that they meet no other nodes of the machine.
fn epmd_port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    })
}

/// A folder with the shared library under the names that a linker and a loader look for.
fn build() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let deps = test.parent().unwrap();
        let folder = deps.parent().unwrap().join("c");
        fs::create_dir_all(&folder).unwrap();
        for name in ["liberlnode.so", "liberlnode.so.1"] {
            let link = folder.join(name);
            let _ = fs::remove_file(&link);
            std::os::unix::fs::symlink(deps.join("liberlnode.so"), &link).unwrap();
        }
        folder
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
