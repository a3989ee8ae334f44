//! An example program of build/examples, as a user runs it.

use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use super::process::{Process, Signal};
use super::PATIENCE;

/// A running example.
pub struct Example {
    process: Process,
}

impl Example {
    /// Starts build/examples/`language`/`program` with these arguments, at this epmd port.
    pub fn spawn(language: &str, program: &str, port: u16, arguments: &[&str]) -> Example {
        let path: PathBuf =
            [env!("CARGO_MANIFEST_DIR"), "build", "examples", language, program].into_iter().collect();
        assert!(path.exists(), "{} is not built: run `make examples`", path.display());
        let mut command = Command::new(path);
        command.args(arguments);
        Example::start(&format!("{language}/{program}"), command, port)
    }

    /// Starts any program at this epmd port.
    pub fn start(title: &str, mut command: Command, port: u16) -> Example {
        // From another directory: a program finds its library by itself.
        command.env("ERL_EPMD_PORT", port.to_string()).current_dir("/");
        Example { process: Process::spawn(title, &mut command) }
    }

    /// Waits for the line with which it says that others can reach it.
    pub fn wait_ready(&self, node: &str) {
        self.process.wait_line(&format!("ready {node}"));
    }

    /// Types one line into it.
    pub fn type_line(&mut self, line: &str) {
        self.process.write(&format!("{line}\n"));
    }

    /// Ends its input.
    pub fn close_stdin(&mut self) {
        self.process.close_stdin();
    }

    /// The process behind it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for its own end and returns its status and everything it printed.
    pub fn finish(self) -> (ExitStatus, String) {
        let status = self.process.wait_end(PATIENCE);
        let status = status.unwrap_or_else(|| panic!("it does not end:\n{}", self.process.output()));
        self.process.wait_closed();
        (status, self.process.output())
    }

    /// Sends a signal and waits for the end.
    pub fn end(self, signal: Signal) -> (ExitStatus, String) {
        self.process.signal(signal);
        self.finish()
    }
}
