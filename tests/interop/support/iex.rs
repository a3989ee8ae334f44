//! A real `iex` on a pipe: what a user types goes in, what a user sees comes out.

use super::beam::Options;
use super::process::Process;
use super::runtime;

/// An interactive Elixir node.
pub struct Iex {
    process: Process,
    name: String,
    /// Where the output of the last line that was typed begins.
    seen: usize,
}

impl Iex {
    /// Starts `iex` and waits for its first prompt.
    pub fn start(options: &Options) -> Iex {
        let mut command = runtime::command("iex");
        let kind = if options.name.contains('.') { "--name" } else { "--sname" };
        command.args([kind, &options.name, "--cookie", &options.cookie]);
        let mut flags = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}".to_owned();
        for argument in &options.arguments {
            flags.push(' ');
            flags.push_str(argument);
        }
        command.args(["--erl", &flags]).env("ERL_EPMD_PORT", options.epmd_port.to_string());
        let process = Process::spawn(&options.name, &mut command);
        let mut iex = Iex { process, name: options.name.clone(), seen: 0 };
        iex.wait_prompt();
        iex
    }

    /// `alive@host`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Types one line and returns what stands between it and the next prompt.
    pub fn type_line(&mut self, line: &str) -> String {
        self.process.write(&format!("{line}\n"));
        self.wait_prompt()
    }

    /// The process behind it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for the next `iex(NAME)N> `. The number grows only when a line was not an error.
    fn wait_prompt(&mut self) -> String {
        // Without a terminal there is no echo and no line break after a prompt.
        let prompt = format!("iex({})", self.name);
        let (shown, used) = self.process.wait_output("a prompt", self.seen, |output| {
            let start = output.find(&prompt)?;
            let number = output[start + prompt.len()..].find("> ")?;
            Some((output[..start].to_owned(), start + prompt.len() + number + "> ".len()))
        });
        self.seen += used;
        shown.trim().to_owned()
    }
}
