//! The world of one test: an epmd port, a cookie, and the nodes that live there.

use super::beam::{Beam, Options};
use super::epmd::{self, Epmd};
use super::example::Example;
use super::iex::Iex;
use super::runtime;

/// A private epmd port with whoever serves it. Nodes of different clusters cannot see each other.
pub struct Cluster {
    port: u16,
    cookie: String,
    epmd: Option<Epmd>,
}

impl Cluster {
    /// With the stock epmd.
    pub fn new() -> Cluster {
        let mut cluster = Cluster::without_epmd();
        cluster.start_epmd();
        cluster
    }

    /// With nobody at the port yet: the first node of ours there serves epmd itself.
    pub fn without_epmd() -> Cluster {
        Cluster::at(epmd::free_port())
    }

    /// With whoever serves this port.
    pub fn at(port: u16) -> Cluster {
        Cluster { port, cookie: "monster".to_owned(), epmd: None }
    }

    /// The same with another cookie.
    pub fn with_cookie(self, cookie: &str) -> Cluster {
        Cluster { cookie: cookie.to_owned(), ..self }
    }

    /// The epmd port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The cookie that every node here gets.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Starts the stock epmd at the port.
    pub fn start_epmd(&mut self) {
        self.epmd = Some(Epmd::start(self.port));
    }

    /// Kills the stock epmd.
    pub fn kill_epmd(&mut self) {
        self.epmd.take().expect("no epmd of this cluster runs").kill();
    }

    /// What `epmd -names` prints for this port.
    pub fn epmd_names(&self) -> String {
        let asked =
            runtime::command("epmd").args(["-port", &self.port.to_string(), "-names"]).output().unwrap();
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// Starts a BEAM `alive@localhost` (or the name as it is, when it has a host).
    pub fn beam(&self, alive: &str) -> Beam {
        self.beam_with(alive, &[])
    }

    /// The same with more arguments for `erl`.
    pub fn beam_with(&self, alive: &str, arguments: &[&str]) -> Beam {
        Beam::start(&self.options(alive, arguments))
    }

    /// Starts a BEAM of another release, for Erlang only, where the machine has that; else one of the chosen release.
    pub fn beam_of(&self, alive: &str, release: &str, arguments: &[&str]) -> Beam {
        Beam::start(&Options { root: runtime::root_of(release), ..self.options(alive, arguments) })
    }

    /// Starts a real `iex`.
    pub fn iex(&self, alive: &str) -> Iex {
        Iex::start(&self.options(alive, &[]))
    }

    /// Starts the example `program` as the node `ours@localhost` and waits until it is ready.
    pub fn example(&self, language: &str, program: &str, more: &[&str]) -> Example {
        let example = self.example_as(language, program, "ours@localhost", more);
        example.wait_ready("ours@localhost");
        example
    }

    /// Starts an example under another name, without waiting for anything.
    pub fn example_as(&self, language: &str, program: &str, name: &str, more: &[&str]) -> Example {
        let mut arguments = vec!["--name", name];
        if !more.contains(&"--cookie") {
            arguments.extend(["--cookie", &self.cookie]);
        }
        arguments.extend(more);
        Example::spawn(language, program, self.port, &arguments)
    }

    fn options(&self, alive: &str, arguments: &[&str]) -> Options {
        // A node called `undefined` asks for its name.
        let name = if alive.contains('@') || alive == "undefined" {
            alive.to_owned()
        } else {
            format!("{alive}@localhost")
        };
        Options {
            name,
            cookie: self.cookie.clone(),
            epmd_port: self.port,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            root: None,
        }
    }
}
