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
    /// Lines typed so far.
    lines: usize,
}

impl Iex {
    /// Starts `iex` and waits until it answers.
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
        let mut iex = Iex { process, name: options.name.clone(), seen: 0, lines: 0 };
        // What it says on starting belongs to no line.
        iex.type_line(":hello");
        iex
    }

    /// `alive@host`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Types one line and returns what is shown until its end, without prompts.
    pub fn type_line(&mut self, line: &str) -> String {
        // A prompt cannot tell: iex shows it again whenever another process prints. So a second line follows, and
        // its value is the end of the first one's output.
        self.lines += 1;
        let end = format!(":end_of_line_{}", self.lines);
        self.process.write(&format!("{line}\n{end}\n"));
        let (shown, used) = self.process.wait_output(line, self.seen, |output| {
            let start = output.find(&format!("{end}\n"))?;
            Some((output[..start].to_owned(), start + end.len() + 1))
        });
        self.seen += used;
        self.without_prompts(&shown)
    }

    /// The process behind it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Without a terminal there is no echo, and no line break after a prompt `iex(NAME)N> `.
    fn without_prompts(&self, shown: &str) -> String {
        let prompt = format!("iex({})", self.name);
        let mut parts = shown.split(&prompt);
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            kept.push_str(part.split_once("> ").map_or(part, |(_, after)| after));
        }
        kept.trim().to_owned()
    }
}
