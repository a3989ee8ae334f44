//! libei against a running BEAM: the example server and client, and what a BEAM expects of links, monitors and names.
//!
//! Uses the `erl` of the path, or the one that `ERLNODE_ERL` names (a command with its arguments). Without any the tests fail.

use super::{built, run, Side};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running epmd and BEAM with a port that no other test uses; both end with this value.
struct Beam {
    beam: Child,
    epmd: Child,
    port: u16,
    name: String,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Beam {
    /// Starts a BEAM that evaluates `code` and prints `ready` when it is up.
    fn start(name: &str, code: &str) -> Beam {
        let port = free_port();
        let epmd = Command::new("epmd")
            .args(["-port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("epmd of Erlang is needed for the live tests");
        wait_for_port(port);
        let erl = std::env::var("ERLNODE_ERL").unwrap_or_else(|_| "erl".to_owned());
        let mut words = erl.split_whitespace();
        let mut beam = Command::new(words.next().unwrap())
            .args(words)
            .args(["-noshell", "-sname", name, "-setcookie", "ck", "-start_epmd", "false", "-eval"])
            .arg(format!("{code}, io:format(\"ready ~p~n\", [node()])."))
            .env("ERL_EPMD_PORT", port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("erl is needed for the live tests");
        let mut line = String::new();
        BufReader::new(beam.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let name = line.trim().trim_start_matches("ready ").trim_matches('\'').to_owned();
        assert!(name.contains('@'), "the BEAM did not start: {line}");
        Beam { beam, epmd, port, name }
    }

    fn client(&self, program: &PathBuf, args: &[&str]) -> String {
        let out = Command::new("timeout")
            .arg("60")
            .arg(program)
            .args(args)
            .env("ERL_EPMD_PORT", self.port.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{} {text} {}", out.status, String::from_utf8_lossy(&out.stderr));
        text
    }
}

impl Drop for Beam {
    fn drop(&mut self) {
        for child in [&mut self.beam, &mut self.epmd] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait_for_port(port: u16) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(std::time::Instant::now() < end, "epmd does not listen on {port}");
        std::thread::yield_now();
    }
}

#[test]
fn the_example_client_calls_a_beam() {
    let program = built("ei_client", "../../examples/c/ei_client.c", Side::Ours, &[]);
    let beam = Beam::start(
        "ei_live_client",
        "register(echo, spawn(fun F() -> receive {hello, P} -> P ! {welcome, #{a => 1}} end, F() end))",
    );
    let text = beam.client(&program, &[&beam.name, "ck", "echo"]);
    assert!(text.contains("lists:seq(1, 5): \"\\x1\\x2\\x3\\x4\\x5\""), "{text}");
    assert!(text.contains("answer: {welcome, #{a => 1}}"), "{text}");
}

#[test]
fn the_example_server_answers_a_beam() {
    let program = built("ei_server", "../../examples/c/ei_server.c", Side::Ours, &[]);
    let mut beam = Beam::start("ei_live_server", "ok");
    let mut server = Command::new(program)
        .args(["ei_live_cnode", "ck"])
        .env("ERL_EPMD_PORT", beam.port.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let node = line.split_whitespace().next().unwrap().to_owned();
    drop(beam.beam.stdin.take().map(|mut stdin| stdin.write_all(b"")));
    let caller = Beam::start_beside(
        &beam,
        "ei_live_caller",
        &format!(
            "S = {{any, '{node}'}}, S ! {{call, self(), {{add, 3, 4}}}}, A = receive {{cnode, X}} -> X after 5000 -> none end, \
             S ! {{call, self(), {{mul, 6, 7}}}}, B = receive {{cnode, Y}} -> Y after 5000 -> none end, \
             io:format(\"got ~p ~p ~p~n\", [A, B, lists:member('{node}', nodes(hidden))])"
        ),
    );
    assert_eq!(caller.trim(), "got 7 42 true");
    let _ = server.kill();
    let _ = server.wait();
}

impl Beam {
    /// Runs code in another BEAM that uses the same epmd, and returns what it printed.
    fn start_beside(&self, name: &str, code: &str) -> String {
        let erl = std::env::var("ERLNODE_ERL").unwrap_or_else(|_| "erl".to_owned());
        let mut words = erl.split_whitespace();
        let out = Command::new("timeout")
            .arg("60")
            .arg(words.next().unwrap())
            .args(words)
            .args(["-noshell", "-sname", name, "-setcookie", "ck", "-start_epmd", "false", "-eval"])
            .arg(format!("{code}, halt()."))
            .env("ERL_EPMD_PORT", self.port.to_string())
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

#[test]
fn links_monitors_names_and_calls_behave() {
    let program = built("live", "live.c", Side::Ours, &[]);
    let beam = Beam::start("ei_live_beam", &live_server());
    let text = beam.client(&program, &[&beam.name, "ck"]);
    print!("{text}");
    assert!(!text.contains("FAILED"), "{text}");
    assert!(text.trim().ends_with("all done"), "{text}");
    let _ = run; // the difference tests use it
}

/// A process that does to the C node what it is told, and tells what came of it.
fn live_server() -> String {
    r#"
    Loop = fun Loop() ->
        receive
            {link, From, Pid} -> process_flag(trap_exit, true), link(Pid), From ! linked, Loop();
            {unlink, From, Pid} -> unlink(Pid), From ! unlinked, Loop();
            {exit, From, Pid, R} -> exit(Pid, R), From ! exited, Loop();
            {monitor, From, What} ->
                R = erlang:monitor(process, What),
                receive {'DOWN', R, process, _, Why} -> From ! {down, Why} after 700 -> From ! {up, R} end, Loop();
            {demonitor, From, R} -> erlang:demonitor(R, [flush]), From ! demonitored, Loop();
            {wait_exit, From, Pid} ->
                receive {'EXIT', Pid, Why} -> From ! {'EXIT', Why} after 5000 -> From ! none end, Loop();
            {large, From, N} -> From ! {large, binary:copy(<<7>>, N)}, Loop();
            {echo, From, T} -> From ! {echo, T}, Loop();
            {call, From, Name, Node} ->
                From ! {call, catch gen_server:call({Name, Node}, question, 3000)}, Loop();
            {noise, From, N} -> [From ! {noise, I} || I <- lists:seq(1, N)], Loop();
            {nodes, From} -> From ! {nodes, nodes(), nodes(hidden)}, Loop()
        end
    end,
    register(helper, spawn(Loop))"#
        .replace('\n', " ")
}
