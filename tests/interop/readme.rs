//! The session of README.md, as it stands there: the programs are run, the lines are typed, the answers compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Cluster, Example, Iex};

const PROMPT: &str = "iex(alex@localhost)";

/// The one code block of this language.
fn block(language: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, after) =
        readme.split_once(&format!("```{language}\n")).unwrap_or_else(|| panic!("no {language} block"));
    after.split_once("```").unwrap().0.to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_session_of_the_readme_runs_as_printed() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&folder).unwrap();
    let library = root().join("build/lib");
    assert!(library.join("liberlnode.so").exists(), "the library is not built: run `make examples`");
    let cluster = Cluster::new().with_cookie("secret");

    fs::write(folder.join("length.py"), block("python")).unwrap();
    let mut python = Command::new("python3");
    python.arg(folder.join("length.py")).env("PYTHONPATH", root().join("bindings/python"));
    python.env("ERLNODE_LIBRARY", library.join("liberlnode.so"));
    let python = Example::start("length.py", python, cluster.port());
    python.wait_ready("py@localhost");

    let mut alex = cluster.iex("alex");
    for (typed, shown) in typed_and_shown(&block("elixir")) {
        if typed == "flush()" {
            wait_message(&mut alex);
        }
        assert_eq!(without_pids(&alex.type_line(&typed)), without_pids(&shown), "{typed}");
    }

    fs::write(folder.join("ask.c"), block("c")).unwrap();
    let compiled = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(folder.join("ask"))
        .arg(folder.join("ask.c"))
        .arg(format!("-I{}", root().join("include").display()))
        .args([format!("-L{}", library.display()), format!("-Wl,-rpath,{}", library.display())])
        .arg("-lerlnode")
        .output()
        .expect("a C compiler");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let (status, output) = Example::start("ask", Command::new(folder.join("ask")), cluster.port()).finish();
    assert!(status.success() && output == "length 5\n", "{status}\n{output}");
}

/// What is typed at each prompt, and what is shown until the next.
fn typed_and_shown(session: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for line in session.lines() {
        match line.strip_prefix(PROMPT).and_then(|rest| rest.split_once("> ")) {
            Some((_, typed)) => steps.push((typed.to_owned(), String::new())),
            None => {
                let shown = &mut steps.last_mut().expect("the session starts with a prompt").1;
                if !shown.is_empty() {
                    shown.push('\n');
                }
                shown.push_str(line);
            }
        }
    }
    steps
}

/// The numbers of pids are not the same twice.
fn without_pids(text: &str) -> String {
    let mut parts = text.split("#PID<");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("#PID<");
        kept.push_str(part.find('>').map_or("", |end| &part[end..]));
    }
    kept
}

fn wait_message(iex: &mut Iex) {
    iex.type_line("receive do m -> send(self(), m) after 30_000 -> :late end");
}
