//! A real BEAM that evaluates what a test asks, in Erlang or Elixir, in one process that lives as long as the node.

use std::process::ExitStatus;
use std::time::Duration;

use super::process::{Process, Signal};
use super::{runtime, PATIENCE};

/// The evaluation loop: a line `erlang BASE64` or `elixir BASE64` in, a line `\x01ok BASE64` or `\x01error BASE64` out.
/// Base64 keeps each on one line, whatever the code and the result contain. Elixir bindings last from one evaluation
/// to the next, Erlang bindings do not (a second match of the same variable would fail). The end of the input is the
/// end of the node, so that nothing is left behind when the test process is killed.
const LOOP: &str = r#"
Reply = fun(Tag, Text) ->
    io:put_chars([1, Tag, $\s, base64:encode(unicode:characters_to_binary(Text)), $\n])
end,
Erlang = fun(Code) ->
    {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list([Code, "."])),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Exprs, []),
    io_lib:format("~0tp", [Value])
end,
Elixir = fun(Code, Bindings) ->
    {ok, _} = application:ensure_all_started(elixir),
    {Value, Next} = 'Elixir.Code':eval_string(Code, Bindings),
    All = [{limit, infinity}, {printable_limit, infinity}, {width, infinity}],
    {'Elixir.Kernel':inspect(Value, All), Next}
end,
Loop = fun Loop(Bindings) ->
    case io:get_line("") of
        Line when is_list(Line); is_binary(Line) ->
            [Language, Packed] = string:lexemes(string:trim(Line), " "),
            Code = base64:decode(unicode:characters_to_binary(Packed)),
            Next = try
                case unicode:characters_to_list(Language) of
                    "erlang" ->
                        Reply("ok", Erlang(Code)),
                        Bindings;
                    "elixir" ->
                        {Text, After} = Elixir(Code, Bindings),
                        Reply("ok", Text),
                        After
                end
            catch Class:Reason:Stack ->
                Reply("error", io_lib:format("~0tp: ~0tp~n~tp", [Class, Reason, Stack])),
                Bindings
            end,
            Loop(Next);
        _ ->
            erlang:halt()
    end
end,
spawn(fun() -> Reply("ok", "ready"), Loop([]) end).
"#;

/// How a BEAM is started. `Cluster` fills in the port, the cookie and the host.
pub struct Options {
    pub name: String,
    pub cookie: String,
    pub epmd_port: u16,
    pub arguments: Vec<String>,
    /// The tree its Erlang is in, if it is not the chosen one; no Elixir then.
    pub root: Option<String>,
}

/// A running BEAM.
pub struct Beam {
    process: Process,
    name: String,
    /// Up to here its output has been looked at for results.
    seen: usize,
}

impl Beam {
    /// Starts `erl` and waits until its node is up.
    pub fn start(options: &Options) -> Beam {
        let mut command = match &options.root {
            Some(root) => runtime::command_in(Some(root.clone()), "erl"),
            None => runtime::command("erl"),
        };
        // Long names are those whose host has a dot.
        let kind = if options.name.contains('.') { "-name" } else { "-sname" };
        command.args([
            "-noshell",
            "-start_epmd",
            "false",
            kind,
            &options.name,
            "-setcookie",
            &options.cookie,
        ]);
        command.args(["-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
        command.args(&options.arguments);
        command.args(["-eval", LOOP]);
        command.env("ERL_EPMD_PORT", options.epmd_port.to_string());
        if options.root.is_none() {
            command.env("ERL_LIBS", runtime::elixir_libs());
        }
        let process = Process::spawn(&options.name, &mut command);
        let mut beam = Beam { process, name: options.name.clone(), seen: 0 };
        beam.result("start").unwrap();
        beam
    }

    /// `alive@host`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process behind it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Evaluates Erlang expressions and returns the value as Erlang prints it; an exception fails the test.
    pub fn erlang(&mut self, code: &str) -> String {
        self.begin("erlang", code);
        self.finish()
    }

    /// Evaluates Elixir code and returns the value as `inspect` prints it; an exception fails the test.
    pub fn elixir(&mut self, code: &str) -> String {
        self.begin("elixir", code);
        self.finish()
    }

    /// Starts an evaluation whose result `finish` will fetch: the test does something else meanwhile.
    pub fn begin(&mut self, language: &str, code: &str) {
        self.process.write(&format!("{language} {}\n", base64(code.as_bytes())));
    }

    /// Waits for the result of what `begin` started.
    pub fn finish(&mut self) -> String {
        self.result("evaluation").unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Ends it by a signal and waits for the end.
    pub fn end(self, signal: Signal) -> Option<ExitStatus> {
        self.process.signal(signal);
        self.process.wait_end(PATIENCE)
    }

    /// Waits at most `limit` for its end.
    pub fn wait_end(&self, limit: Duration) -> Option<ExitStatus> {
        self.process.wait_end(limit)
    }

    fn result(&mut self, what: &str) -> Result<String, String> {
        let (used, tag, packed) = self.process.wait_output(what, self.seen, |output| {
            let start = output.find('\u{1}')?;
            let length = output[start..].find('\n')?;
            let (tag, packed) = output[start + 1..start + length].split_once(' ')?;
            Some((start + length, tag.to_owned(), packed.to_owned()))
        });
        self.seen += used;
        let text = String::from_utf8_lossy(&unbase64(&packed)).into_owned();
        if tag == "ok" {
            Ok(text)
        } else {
            Err(text)
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut group, mut bits) = (0u32, 0);
    for digit in text.bytes().take_while(|digit| *digit != b'=') {
        let value = ALPHABET.iter().position(|known| *known == digit).expect("base64");
        group = (group << 6 | value as u32) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    bytes
}
