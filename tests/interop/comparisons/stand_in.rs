//! Our half of what both peers have: the functions of `cmp`, servers, a state machine and an agent, each a mailbox with a
//! thread.

use std::thread::JoinHandle;
use std::time::Duration;

use erlnode::node::spawn::{Class, Request};
use erlnode::service::sys::{ServerState, System};
use erlnode::term::{Term, Writer};
use erlnode::{Mailbox, Message, MessageKind, Node, Target};

use crate::support::ours::{encoded, registered};

/// Ends with the node.
pub struct StandIn {
    node: Node,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.node.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Starts everything on `node`.
pub fn start(node: &Node) -> StandIn {
    let cmp = registered(node, "cmp_functions");
    for (function, arity) in [("value", 1), ("fault", 2), ("hang", 0), ("nap", 1), ("die", 0)] {
        cmp.export("cmp", function, Some(arity)).unwrap();
    }
    let mut threads = vec![std::thread::spawn(move || functions(&cmp))];
    let servers =
        ["srv", "once1", "once2", "once3", "once4", "once5", "once6", "once7", "stm", "stm1", "stm2"];
    for (name, state) in servers.map(|name| (name, "fresh")).into_iter().chain([("agt", "41")]) {
        let mailbox = registered(node, name);
        threads.push(std::thread::spawn(move || serve(&mailbox, encoded(state))));
    }
    StandIn { node: node.clone(), threads }
}

fn functions(cmp: &Mailbox) {
    let mut hanging = Vec::new();
    while let Ok(message) = cmp.recv(None) {
        let Some(request) = message.into_request() else { continue };
        match request.function().as_str() {
            "hang" => hanging.push(request),
            "die" => drop(request),
            "nap" => {
                let node = cmp.node();
                std::thread::spawn(move || nap(&node, request));
            }
            _ => run(request),
        }
    }
}

fn run(request: Request) {
    let args = Term::decode(request.args()).unwrap();
    let args = args.as_list().map(<[Term]>::to_vec).unwrap_or_else(|| bytes_of(&args));
    let value = args.last().unwrap().to_bytes().unwrap();
    let done = match args[0].as_atom().map(|atom| atom.as_str()) {
        Some("throw") if args.len() == 2 => request.fail(Class::Throw, &value, &encoded("[]")),
        Some("exit") if args.len() == 2 => request.fail(Class::Exit, &value, &encoded("[]")),
        Some("error") if args.len() == 2 => request.fail(Class::Error, &value, &encoded("[]")),
        _ => request.reply(&value),
    };
    // The caller may have gone meanwhile.
    let _ = done;
}

/// A list of small integers came as a string.
fn bytes_of(string: &Term) -> Vec<Term> {
    string.as_bytes().unwrap_or_default().iter().map(|byte| Term::Int(i64::from(*byte))).collect()
}

/// Answers after so many milliseconds.
fn nap(node: &Node, request: Request) {
    let args = Term::decode(request.args()).unwrap();
    let milliseconds = args.as_list().and_then(|args| args[0].as_u64()).unwrap();
    let idle = node.mailbox(Default::default()).unwrap();
    let _ = idle.recv(Some(Duration::from_millis(milliseconds)));
    let _ = request.reply(&encoded("rested"));
}

fn serve(mailbox: &Mailbox, mut state: Vec<u8>) {
    let mut suspended = false;
    let mut kept = Vec::new();
    while let Ok(message) = mailbox.recv(None) {
        let server = ServerState { module: "cmp", state: &state, suspended };
        match mailbox.answer_system(&message, server).unwrap() {
            Some(System::Suspend) => suspended = true,
            Some(System::Resume) => {
                suspended = false;
                for message in kept.drain(..) {
                    handle(mailbox, &message, &mut state);
                }
            }
            Some(System::Terminate(reason)) => mailbox.close(&reason).unwrap(),
            Some(System::Answered) => {}
            None if suspended => kept.push(message),
            None => handle(mailbox, &message, &mut state),
        }
    }
}

fn handle(mailbox: &Mailbox, message: &Message, state: &mut Vec<u8>) {
    if message.kind() != MessageKind::Message {
        return;
    }
    let term = message.term().unwrap();
    let Some(parts) = term.as_tuple() else { return };
    match parts {
        [tag, _, request] if tag.is_atom("$gen_call") => call(mailbox, message, request, state),
        [tag, cast] if tag.is_atom("$gen_cast") => {
            if let Some([set, x]) = cast.as_tuple() {
                assert!(set.is_atom("set") || set.is_atom("cast"));
                *state = match set.is_atom("set") {
                    true => x.to_bytes().unwrap(),
                    false => applied(x, state).to_bytes().unwrap(),
                };
            }
        }
        [Term::Pid(pid), asked] => {
            if let Some([tag, wrapper, x]) = asked.as_tuple() {
                assert!(tag.is_atom("wrapped"));
                let mut answer = Writer::new();
                answer.tuple(3).term(wrapper).atom_term(&mailbox.node().name());
                answer.tuple(2).atom("got").term(x);
                mailbox.send(&Target::Pid((**pid).clone()), &answer.finish().unwrap(), None).unwrap();
            }
        }
        _ => {}
    }
}

fn call(mailbox: &Mailbox, message: &Message, request: &Term, state: &mut Vec<u8>) {
    let reply = |value: &Term| mailbox.reply(message, &value.to_bytes().unwrap(), None).unwrap();
    match request.as_tuple() {
        Some([tag, x]) if tag.is_atom("echo") => reply(x),
        Some([tag, reason]) if tag.is_atom("stop") => mailbox.close(&reason.to_bytes().unwrap()).unwrap(),
        Some([tag, function]) if tag.is_atom("get") => reply(&applied(function, state)),
        Some([tag, function]) if tag.is_atom("update") => {
            *state = applied(function, state).to_bytes().unwrap();
            reply(&Term::parse("ok").unwrap());
        }
        _ => {}
    }
}

/// `{'Elixir.Kernel', '+', [N]}` of an agent, applied to its state.
fn applied(function: &Term, state: &[u8]) -> Term {
    let parts = function.as_tuple().unwrap();
    assert!(parts[0].is_atom("Elixir.Kernel") && parts[1].is_atom("+"), "{function}");
    let more = parts[2].as_list().map_or_else(|| bytes_of(&parts[2]), <[Term]>::to_vec);
    Term::Int(Term::decode(state).unwrap().as_i64().unwrap() + more[0].as_i64().unwrap())
}
