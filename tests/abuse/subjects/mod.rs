//! Who is abused: our node, a BEAM, programs with libei and jinterface. All speak the shim's lines of commands.
//!
//! Each subject is a process of its own with an epmd port of its own; one that died is started again, and that is told.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::shim;
use crate::support::{runtime, Cluster, Process};
use crate::wire::{Door, COOKIE};

/// A subject's kind; the columns of the score table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    /// A program with our libei.
    OurEi,
    /// A BEAM: this machine's, or that of a release whose tree ERLNODE_OTP_27 or the like names.
    Beam(Option<&'static str>),
    Ei,
    Jinterface,
}

impl Kind {
    /// The columns of the table. A program with our libei has a test of its own.
    pub const ALL: [Kind; 6] =
        [Kind::Ours, Kind::BEAM, Kind::Beam(Some("27")), Kind::Beam(Some("29")), Kind::Ei, Kind::Jinterface];

    /// This machine's BEAM.
    pub const BEAM: Kind = Kind::Beam(None);

    pub fn title(self) -> &'static str {
        match self {
            Kind::Ours => "erlnode",
            Kind::OurEi => "erlnode's libei",
            Kind::Beam(None) => "BEAM",
            Kind::Beam(Some("27")) => "BEAM of OTP 27",
            Kind::Beam(Some(_)) => "BEAM of OTP 29",
            Kind::Ei => "libei",
            Kind::Jinterface => "jinterface",
        }
    }

    /// With its version, for the head of its column.
    pub fn version(self) -> String {
        let of = |path: Option<PathBuf>| {
            let text = path.map(|path| path.display().to_string()).unwrap_or_default();
            let name = text.split('/').find(|part| part.contains('-') && !part.starts_with('.'));
            name.map(|name| name.replace('-', " ").replace("erl_interface", "libei")).unwrap_or_default()
        };
        match self {
            Kind::Ours | Kind::OurEi => self.title().into(),
            Kind::Beam(release) => {
                let ask = "io:put_chars(erlang:system_info(otp_release)), halt().";
                let out = erl(release).args(["-noshell", "-eval", ask]).output().unwrap();
                format!("BEAM, OTP {}", String::from_utf8_lossy(&out.stdout))
            }
            Kind::Ei => of(reference()),
            Kind::Jinterface => of(jar()),
        }
    }

    /// Why it cannot be tried here.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Kind::Ours => None,
            Kind::OurEi => {
                (!ours().1.join("libei.a").exists()).then_some("no build/lib/libei.a (scripts/libei.sh)")
            }
            Kind::Beam(Some(release)) if tree(release).is_none() => Some("no tree of that release"),
            Kind::Beam(release) => (!runs(&mut erl(release), "-version")).then_some("no erl"),
            Kind::Ei => reference().is_none().then_some("no libei of OTP (package erlang-dev)"),
            Kind::Jinterface if !runs(&mut Command::new("javac"), "-version") => Some("no Java compiler"),
            Kind::Jinterface => jar().is_none().then_some("no OtpErlang.jar (package erlang-jinterface)"),
        }
    }
}

fn tree(release: &str) -> Option<String> {
    std::env::var(format!("ERLNODE_OTP_{release}")).ok().filter(|tree| !tree.is_empty())
}

fn erl(release: Option<&str>) -> Command {
    match release {
        Some(release) => runtime::command_in(tree(release), "erl"),
        None => Command::new("erl"),
    }
}

fn runs(program: &mut Command, argument: &str) -> bool {
    let quiet = program.arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn newest(prefix: &str, inside: &str) -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib/erlang/lib").ok()?;
    let names = libraries.filter_map(|entry| entry.ok()).map(|entry| entry.path());
    let named =
        names.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix)));
    named.map(|path| path.join(inside)).filter(|path| path.exists()).max()
}

fn reference() -> Option<PathBuf> {
    let given = std::env::var_os("ERLNODE_EI_REFERENCE").map(PathBuf::from);
    given.or_else(|| newest("erl_interface-", "include/ei.h").map(|p| p.ancestors().nth(2).unwrap().into()))
}

fn jar() -> Option<PathBuf> {
    newest("jinterface-", "priv/OtpErlang.jar")
}

/// A process under abuse.
pub struct Subject {
    pub kind: Kind,
    pub door: Door,
    pub process: Process,
    cluster: Cluster,
    options: String,
    epmd: u16,
    /// Up to here its output has been read.
    seen: usize,
}

impl Subject {
    /// With an epmd of its own: ours serves it itself, the others get OTP's.
    pub fn start(kind: Kind) -> Subject {
        Subject::start_with(kind, "")
    }

    /// With more options for the shim: `setup=MS`, `ticktime=MS`.
    pub fn start_with(kind: Kind, options: &str) -> Subject {
        let cluster = if kind == Kind::Ours { Cluster::without_epmd() } else { Cluster::new() };
        let epmd = cluster.port();
        Subject::start_at(kind, cluster, epmd, options)
    }

    /// With an epmd that somebody else plays at `epmd`.
    pub fn start_at(kind: Kind, cluster: Cluster, epmd: u16, options: &str) -> Subject {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let node = format!("subject{}@localhost", COUNT.fetch_add(1, Ordering::Relaxed));
        let process = Process::spawn(kind.title(), &mut command(kind, &node, epmd, options));
        let door = Door { port: 0, node, creation: 0 };
        let options = options.to_owned();
        let mut subject = Subject { kind, door, process, cluster, options, epmd, seen: 0 };
        subject.ready();
        subject
    }

    fn ready(&mut self) {
        let line = self.answer("ready ");
        let mut words = line.split(' ').skip(1).map(|word| word.parse::<u32>().expect("a number"));
        self.door.port = words.next().unwrap() as u16;
        self.door.creation = words.next().unwrap();
    }

    /// Starts it again after its death.
    pub fn restart(&mut self) {
        let mut command = command(self.kind, &self.door.node, self.epmd, &self.options);
        self.process = Process::spawn(self.kind.title(), &mut command);
        self.seen = 0;
        self.ready();
    }

    /// Starts OTP's epmd again.
    pub fn restart_epmd(&mut self) {
        self.cluster.start_epmd();
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.pid())).map_or(0, Iterator::count)
    }

    /// Processor time it has used.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Waits until something about it is true, at most ten seconds.
    pub fn wait_for(&mut self, what: &str, mut reached: impl FnMut(&mut Subject) -> bool) {
        let began = Instant::now();
        while !reached(self) {
            assert!(began.elapsed() < Duration::from_secs(10), "{}: {what}", self.kind.title());
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    pub fn epmd_port(&self) -> u16 {
        self.epmd
    }

    /// One command, one line back.
    pub fn ask(&mut self, line: &str) -> String {
        self.begin(line);
        self.finish(line)
    }

    /// Gives a command whose answer [`finish`](Self::finish) fetches.
    pub fn begin(&mut self, line: &str) {
        self.seen = self.process.mark();
        self.process.write(&format!("{line}\n"));
    }

    /// [`ask`](Self::ask) of one that may die of it.
    pub fn ask_if_alive(&mut self, line: &str) -> Option<String> {
        self.begin(line);
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let output = self.process.output_from(self.seen);
            let complete = output.rfind('\n').map_or("", |end| &output[..end]);
            if let Some(found) = complete.lines().find(|line| line.starts_with("connected ")) {
                return Some(found.trim_end().to_owned());
            }
            if !self.process.wait_more(self.seen + output.len(), deadline) {
                return None;
            }
        }
    }

    pub fn finish(&mut self, line: &str) -> String {
        let verb = match line.split(' ').next().unwrap() {
            "connect" => "connected ",
            "sleeper" => "sleeping",
            "queued" => "queued ",
            "memory" => "memory ",
            other => other,
        };
        self.answer(verb)
    }

    fn answer(&mut self, start: &str) -> String {
        self.process.wait_output(start, self.seen, |output| {
            let complete = &output[..=output.rfind('\n')?];
            complete.lines().find(|line| line.starts_with(start)).map(|line| line.trim_end().to_owned())
        })
    }

    pub fn is_alive(&self) -> bool {
        self.process.wait_end(Duration::ZERO).is_none()
    }

    /// A line `log ...` with all of `words`, printed after `mark`, within `patience`.
    pub fn logged(&self, mark: usize, words: &[&str], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let output = self.process.output_from(mark);
            let found = output.lines().filter(|line| line.starts_with("log "));
            if found.into_iter().any(|line| words.iter().all(|word| line.contains(word))) {
                return true;
            }
            if !self.process.wait_more(mark + output.len(), deadline) {
                return false;
            }
        }
    }

    /// Bytes that live in our shim, and the most since the last `reset`.
    pub fn counters(&mut self) -> (usize, usize) {
        let line = self.ask("memory");
        let mut words = line.split(' ').skip(1).map(|word| word.parse().unwrap());
        (words.next().unwrap(), words.next().unwrap())
    }

    /// Resident bytes now, and the most since the peak was cleared.
    pub fn resident(&self) -> (usize, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()));
        let status = status.unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kb = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kb| kb.parse().ok());
            kb.unwrap_or(0usize) << 10
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    pub fn clear_resident_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.process.pid()), "5");
    }

    /// Closes its input and waits for its end.
    pub fn end(mut self) {
        self.process.close_stdin();
        let status = self.process.wait_end(Duration::from_secs(20));
        assert!(status.is_some_and(|status| status.success()), "{status:?}: {}", self.process.output());
        drop(self.cluster);
    }
}

fn command(kind: Kind, node: &str, epmd: u16, options: &str) -> Command {
    let mut command = match kind {
        Kind::Ours => {
            // A limit of the shell's, `descriptors=N` or `kilobytes=N`, comes instead of options.
            let limit = options.split_once('=').and_then(|(name, most)| match name {
                "descriptors" => Some(format!("-n {most}")),
                "kilobytes" => Some(format!("-v {most}")),
                _ => None,
            });
            let options = if limit.is_some() { "" } else { options };
            let program = std::env::current_exe().unwrap();
            let mut command = match limit {
                None => Command::new(program),
                Some(most) => {
                    let mut command = Command::new("sh");
                    command.arg("-c").arg(format!("ulimit {most}; exec \"$0\" \"$@\"")).arg(program);
                    command
                }
            };
            command.args(["shim::serves_until_its_input_ends", "--exact", "--nocapture"]);
            let orders = format!("{node} {COOKIE} {epmd} {options}");
            command.env(shim::ORDERS, orders.trim_end());
            command
        }
        Kind::Beam(release) => {
            let mut command = erl(release);
            command.args(["-noshell", "-start_epmd", "false", "-sname", node, "-setcookie", COOKIE]);
            command.args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}", "net_setuptime", "1"]);
            command.args(["-eval", include_str!("beam.erl")]);
            command.env("ERL_CRASH_DUMP_SECONDS", "0");
            command
        }
        Kind::Ei | Kind::OurEi => {
            let mut command = Command::new(built_ei(kind));
            command.arg(node).arg(COOKIE);
            command
        }
        Kind::Jinterface => {
            let mut command = Command::new("java");
            let path = format!("{}:{}", jar().unwrap().display(), built_java().display());
            command.args(["-Xmx512m", "-XX:+UseSerialGC", "-cp", &path, "Subject", node, COOKIE]);
            command
        }
    };
    command.env("ERL_EPMD_PORT", epmd.to_string()).env("HOME", "/tmp");
    command
}

fn work() -> PathBuf {
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abuse");
    std::fs::create_dir_all(&work).unwrap();
    work
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abuse/subjects").join(file)
}

fn compile(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Builds our libei if that has not been done.
pub fn build_our_libei() {
    if Kind::OurEi.missing().is_some() {
        compile(&mut Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/libei.sh")));
    }
}

/// Headers and library of our libei.
fn ours() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    (root.join("include"), root.join("build/lib"))
}

fn built_ei(kind: Kind) -> PathBuf {
    static BUILT: [std::sync::OnceLock<PathBuf>; 2] = [const { std::sync::OnceLock::new() }; 2];
    let build = || {
        let (name, (headers, library)) = match kind {
            Kind::OurEi => ("our_ei", ours()),
            _ => ("ei", reference().map(|root| (root.join("include"), root.join("lib"))).unwrap()),
        };
        let program = work().join(name);
        let mut cc = Command::new("cc");
        cc.args(["-O2", "-w", "-I"]).arg(headers).arg(source("ei.c")).arg(library.join("libei.a"));
        compile(cc.args(["-lpthread", "-lm", "-ldl", "-lgcc_s", "-o"]).arg(&program));
        program
    };
    BUILT[usize::from(kind == Kind::OurEi)].get_or_init(build).clone()
}

fn built_java() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let build = || {
        let classes = work().join("java");
        compile(
            Command::new("javac")
                .arg("-cp")
                .arg(jar().unwrap())
                .arg("-d")
                .arg(&classes)
                .arg(source("Subject.java")),
        );
        classes
    };
    BUILT.get_or_init(build).clone()
}
