//! The same line typed in an unmodified BEAM, once towards a real BEAM and once towards a node of ours: what is printed must be
//! the same. `table` has the lines, `differences` the few that differ on purpose and why, `stand_in` our half of the
//! servers and functions that both peers have, `real` the BEAM's half.
//!
//! What a test cannot know is made equal: the peer's name, pids, references, and file and line in stacks.

mod differences;
mod real;
mod stand_in;
mod table;
mod text;

use crate::support::{Beam, Cluster};

pub use real::SERVERS;

const REAL: &str = "real@localhost";
const OURS: &str = "ours@localhost";

/// Evaluates a line towards `peer`; the value or the exception, and what is left in the mailbox afterwards.
fn evaluate(alex: &mut Beam, language: &str, line: &str, peer: &str) -> String {
    let (code, name) = match language {
        "erlang" => (ERLANG, format!("'{peer}'")),
        _ => (ELIXIR, format!(":\"{peer}\"")),
    };
    let code = code.replace("LINE", line).replace("PEER", &name);
    alex.begin(language, &code);
    text::normal(&alex.finish(), &[REAL, OURS])
}

const ERLANG: &str = "begin
    Type = fun() -> LINE end,
    Value__ = try Type() of V__ -> {value, V__} catch C__:R__ -> {C__, R__} end,
    Left__ = fun Left__() -> receive M__ -> [M__ | Left__()] after 0 -> [] end end,
    {Value__, Left__()}
end";

const ELIXIR: &str = "value = try do
    {:value, LINE}
  catch kind, reason ->
    {kind, Exception.format_banner(kind, reason, __STACKTRACE__)}
  end
  left = receive do m -> m after 0 -> nil end
  {value, left}";

/// All lines of one language; every one that differs is listed before the test fails.
fn compare(language: &str, lines: &[&str]) {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let mut peer = cluster.beam("real");
    peer.elixir(SERVERS);
    let node = cluster.node("ours");
    let stand_in = stand_in::start(&node);
    let mut wrong = Vec::new();
    for line in lines {
        let theirs = evaluate(&mut alex, language, line, REAL);
        let ours = evaluate(&mut alex, language, line, OURS);
        let expected = differences::DIFFERENCES.iter().find(|difference| difference.line == *line);
        match expected {
            Some(difference) if difference.ours == ours && ours != theirs => {}
            Some(difference) => wrong.push(format!(
                "{line}\n  a BEAM: {theirs}\n  ours:   {ours}\n  differs on purpose, as: {}\n  because {}",
                difference.ours, difference.reason
            )),
            None if ours == theirs => {}
            None => wrong.push(format!("{line}\n  a BEAM: {theirs}\n  ours:   {ours}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} lines differ:\n{}", wrong.len(), lines.len(), wrong.join("\n"));
    drop(stand_in);
}

#[test]
fn erpc_prints_the_same_as_with_a_beam() {
    compare("erlang", table::ERPC);
}

#[test]
fn rpc_and_rex_print_the_same_as_with_a_beam() {
    compare("erlang", table::RPC);
}

#[test]
fn servers_print_the_same_as_with_a_beam() {
    compare("erlang", table::SERVERS);
}

#[test]
fn built_in_functions_print_the_same_as_with_a_beam() {
    compare("erlang", table::BUILT_IN);
}

#[test]
fn elixir_prints_the_same_as_with_a_beam() {
    compare("elixir", table::ELIXIR);
}

#[test]
fn every_difference_is_in_the_table() {
    let tables = [table::ERPC, table::RPC, table::SERVERS, table::BUILT_IN, table::ELIXIR];
    for difference in differences::DIFFERENCES {
        assert!(tables.iter().any(|table| table.contains(&difference.line)), "{}", difference.line);
        assert!(!difference.reason.is_empty());
    }
}
