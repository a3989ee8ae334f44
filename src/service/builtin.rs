//! Functions that every node has, whatever it exported: they tell about the node, pass a message on, and do nothing else.
//!
//! The table is the whole list. A program that exports a function of the same name and arity is asked instead; what
//! neither has is `undef`. Nothing here starts, stops, connects, loads, reads or writes anything, nor tells a secret.

mod pg;
mod process_info;
mod system_info;
mod time;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::net::epmd;
use crate::node::spawn::Request;
use crate::node::{Inner, NodeFilter};
use crate::proto::control::Control;
use crate::service::{post, written};
use crate::term::{Atom, Kind, Pid, Reader, Writer};

/// How long the epmd of this host may take to list its names.
const EPMD_WAIT: Duration = Duration::from_secs(5);

/// A call in progress: where it runs, what it was given, what it answers.
struct Call<'a> {
    node: &'a Arc<Inner>,
    request: &'a Request,
    args: Reader<'a>,
    answer: Writer,
}

/// Reads the arguments and writes the answer. `None`: `badarg`.
type Function = fn(&mut Call<'_>) -> Option<()>;

/// Module, function, arity, and what it does.
#[rustfmt::skip]
const TABLE: &[(&str, &str, u32, Function)] = &[
    ("erlang", "node", 0, own_name),
    ("erlang", "node", 1, node_of),
    ("erlang", "is_alive", 0, is_alive),
    ("erlang", "nodes", 0, nodes),
    ("erlang", "nodes", 1, nodes_of_kind),
    ("erlang", "self", 0, own_pid),
    ("erlang", "group_leader", 0, group_leader),
    ("erlang", "processes", 0, processes),
    ("erlang", "registered", 0, registered),
    ("erlang", "whereis", 1, |call| whereis(call, "undefined")),
    ("erlang", "is_process_alive", 1, is_process_alive),
    ("erlang", "process_info", 1, |call| process_info::all(call, "undefined")),
    ("erlang", "process_info", 2, |call| process_info::some(call, "undefined")),
    ("erlang", "system_info", 1, system_info::answer),
    ("erlang", "send", 2, send),
    ("erlang", "send", 3, send_with_options),
    ("erlang", "function_exported", 3, function_exported),
    ("erlang", "module_loaded", 1, module_loaded),
    ("erlang", "monotonic_time", 0, time::monotonic),
    ("erlang", "monotonic_time", 1, time::monotonic),
    ("erlang", "system_time", 0, time::system),
    ("erlang", "system_time", 1, time::system),
    ("erlang", "timestamp", 0, time::timestamp),
    ("os", "timestamp", 0, time::timestamp),
    ("os", "system_time", 0, time::system),
    ("os", "system_time", 1, time::system),
    ("os", "type", 0, system_info::os_type),
    ("os", "getpid", 0, system_info::os_pid),
    ("code", "ensure_loaded", 1, ensure_loaded),
    ("code", "is_loaded", 1, |call| { call.args.atom_term()?; call.put(|answer| answer.bool(false)) }),
    ("code", "which", 1, |call| { call.args.atom_term()?; call.put(|answer| answer.atom("non_existing")) }),
    ("ets", "tab2list", 1, global_names),
    ("pg", "get_members", 1, |call| pg::members(call, false, false)),
    ("pg", "get_members", 2, |call| pg::members(call, true, false)),
    ("pg", "get_local_members", 1, |call| pg::members(call, false, true)),
    ("pg", "get_local_members", 2, |call| pg::members(call, true, true)),
    ("pg", "which_groups", 0, |call| pg::groups(call, false, false)),
    ("pg", "which_groups", 1, |call| pg::groups(call, true, false)),
    ("pg", "which_local_groups", 0, |call| pg::groups(call, false, true)),
    ("pg", "which_local_groups", 1, |call| pg::groups(call, true, true)),
    ("net_kernel", "get_net_ticktime", 0, ticktime),
    ("net_kernel", "longnames", 0, longnames),
    ("net_adm", "ping", 1, ping),
    ("net_adm", "localhost", 0, localhost),
    ("Elixir.Node", "self", 0, own_name),
    ("Elixir.Node", "alive?", 0, is_alive),
    ("Elixir.Node", "list", 0, nodes),
    ("Elixir.Node", "list", 1, nodes_of_kind),
    ("Elixir.Node", "ping", 1, ping),
    ("Elixir.Kernel", "node", 0, own_name),
    ("Elixir.Kernel", "node", 1, node_of),
    ("Elixir.Kernel", "self", 0, own_pid),
    ("Elixir.Kernel", "send", 2, send),
    ("Elixir.Kernel", "function_exported?", 3, function_exported),
    ("Elixir.Code", "ensure_loaded?", 1, module_loaded),
    ("Elixir.Code", "ensure_loaded", 1, ensure_loaded),
    ("Elixir.Process", "whereis", 1, |call| whereis(call, "nil")),
    ("Elixir.Process", "alive?", 1, is_process_alive),
    ("Elixir.Process", "info", 1, |call| process_info::all(call, "nil")),
    ("Elixir.Process", "info", 2, |call| process_info::some(call, "nil")),
    ("Elixir.Process", "list", 0, processes),
    ("Elixir.Process", "registered", 0, registered),
    ("Elixir.Process", "group_leader", 0, group_leader),
    ("Elixir.Process", "send", 3, send_with_options),
    ("Elixir.System", "system_time", 0, time::system),
    ("Elixir.System", "system_time", 1, time::system),
    ("Elixir.System", "os_time", 0, time::system),
    ("Elixir.System", "os_time", 1, time::system),
    ("Elixir.System", "monotonic_time", 0, time::monotonic),
    ("Elixir.System", "monotonic_time", 1, time::monotonic),
    ("Elixir.System", "otp_release", 0, system_info::elixir_release),
    ("Elixir.System", "pid", 0, system_info::elixir_os_pid),
];

/// Runs a built-in; gives the request back if it is none.
pub(crate) fn call(node: &Arc<Inner>, request: Request) -> Option<Request> {
    if is(&request, "net_adm", "names", 0) {
        node.runtime.spawn(epmd_names(node.clone(), request));
        return None;
    }
    let Some(function) = find(request.module(), request.function(), request.arity()) else {
        return Some(request);
    };
    let args = request.args().clone();
    let mut call = Call { node, request: &request, args: Reader::new(&args), answer: Writer::new() };
    call.args.list();
    let done = function(&mut call);
    let answer = call.answer;
    match done {
        // The caller may have gone meanwhile; then nobody waits for the answer.
        Some(()) => drop(request.reply(&written(answer))),
        None => request.badarg(),
    }
    None
}

fn find(module: &Atom, function: &Atom, arity: u32) -> Option<Function> {
    let (module, function) = (module.as_str(), function.as_str());
    let entry = TABLE.iter().find(|entry| entry.1 == function && entry.0 == module && entry.2 == arity);
    entry.map(|entry| entry.3)
}

fn is(request: &Request, module: &str, function: &str, arity: u32) -> bool {
    request.module().as_str() == module && request.function().as_str() == function && request.arity() == arity
}

impl Call<'_> {
    /// Answers with one term.
    fn put(&mut self, write: impl FnOnce(&mut Writer) -> &mut Writer) -> Option<()> {
        write(&mut self.answer);
        Some(())
    }

    fn put_atoms(&mut self, atoms: &[Atom]) -> Option<()> {
        self.answer.list(atoms.len());
        for atom in atoms {
            self.answer.atom_term(atom);
        }
        self.put(Writer::nil)
    }

    /// A pid of this node, as most functions on processes want.
    fn local_pid(&mut self) -> Option<Pid> {
        self.args.pid().filter(|pid| self.node.is_local(pid))
    }
}

fn own_name(call: &mut Call<'_>) -> Option<()> {
    let name = call.node.name();
    call.put(|answer| answer.atom_term(&name))
}

fn node_of(call: &mut Call<'_>) -> Option<()> {
    let node = match call.args.kind()? {
        Kind::Pid => call.args.pid()?.node,
        Kind::Port => call.args.port()?.node,
        Kind::Reference => call.args.reference()?.node().clone(),
        _ => return None,
    };
    call.put(|answer| answer.atom_term(&node))
}

fn is_alive(call: &mut Call<'_>) -> Option<()> {
    let alive = call.node.node_name().is_some();
    call.put(|answer| answer.bool(alive))
}

fn nodes(call: &mut Call<'_>) -> Option<()> {
    let nodes = call.node.nodes(NodeFilter::Visible);
    call.put_atoms(&nodes)
}

/// `visible`, `hidden` and so on, or a list of them.
fn nodes_of_kind(call: &mut Call<'_>) -> Option<()> {
    let several = match call.args.kind()? {
        Kind::Atom => None,
        Kind::List | Kind::Nil => Some(call.args.list()?),
        _ => return None,
    };
    let mut found = Vec::new();
    for _ in 0..several.unwrap_or(1) {
        let filter = match call.args.atom()?.as_ref() {
            "visible" => NodeFilter::Visible,
            "hidden" => NodeFilter::Hidden,
            "connected" => NodeFilter::Connected,
            "known" => NodeFilter::Known,
            "this" => NodeFilter::This,
            _ => return None,
        };
        found.extend(call.node.nodes(filter));
    }
    if several.is_some_and(|several| several > 0) && !call.args.nil() {
        return None;
    }
    found.sort();
    found.dedup();
    call.put_atoms(&found)
}

fn own_pid(call: &mut Call<'_>) -> Option<()> {
    let pid = call.request.pid();
    call.put(|answer| answer.pid(&pid))
}

fn group_leader(call: &mut Call<'_>) -> Option<()> {
    let leader = call.request.leader();
    call.put(|answer| answer.pid(leader))
}

fn processes(call: &mut Call<'_>) -> Option<()> {
    let all = call.node.processes.all();
    call.answer.list(all.len());
    for process in all {
        call.answer.pid(&call.node.pid_of(&process));
    }
    call.put(Writer::nil)
}

fn registered(call: &mut Call<'_>) -> Option<()> {
    let names = call.node.processes.names();
    call.put_atoms(&names)
}

/// The one table that members of `global` read of each other: its names.
fn global_names(call: &mut Call<'_>) -> Option<()> {
    let asked = call.args.atom_term()?;
    let names = crate::service::global::table(call.node).filter(|_| asked.as_str() == "global_names")?;
    call.put(|answer| answer.term(&names))
}

fn whereis(call: &mut Call<'_>, nobody: &str) -> Option<()> {
    let name = call.args.atom_term()?;
    match call.node.processes.whereis(&name) {
        Some(process) => call.put(|answer| answer.pid(&call.node.pid_of(&process))),
        None => call.put(|answer| answer.atom(nobody)),
    }
}

fn is_process_alive(call: &mut Call<'_>) -> Option<()> {
    let pid = call.local_pid()?;
    let alive = call.node.find(&pid).is_some_and(|process| process.is_alive());
    call.put(|answer| answer.bool(alive))
}

fn function_exported(call: &mut Call<'_>) -> Option<()> {
    let (module, function) = (call.args.atom_term()?, call.args.atom_term()?);
    let arity = u32::try_from(call.args.u64()?).ok()?;
    let here = call.node.exports.find(&module, &function, arity).is_some();
    let here = here || find(&module, &function, arity).is_some();
    call.put(|answer| answer.bool(here))
}

fn module_loaded(call: &mut Call<'_>) -> Option<()> {
    let module = call.args.atom_term()?;
    let loaded = call.node.exports.has_module(&module);
    call.put(|answer| answer.bool(loaded))
}

fn ensure_loaded(call: &mut Call<'_>) -> Option<()> {
    let module = call.args.atom_term()?;
    match call.node.exports.has_module(&module) {
        true => call.put(|answer| answer.tuple(2).atom("module").atom_term(&module)),
        false => call.put(|answer| answer.tuple(2).atom("error").atom("nofile")),
    }
}

fn ticktime(call: &mut Call<'_>) -> Option<()> {
    let seconds = call.node.ticktime().as_secs() as i64;
    match call.node.is_changing_ticktime() {
        true => call.put(|answer| answer.tuple(2).atom("ongoing_change_to").i64(seconds)),
        false => call.put(|answer| answer.i64(seconds)),
    }
}

fn longnames(call: &mut Call<'_>) -> Option<()> {
    match call.node.node_name() {
        Some(name) => call.put(|answer| answer.bool(name.is_long())),
        None => call.put(|answer| answer.atom("ignored")),
    }
}

fn localhost(call: &mut Call<'_>) -> Option<()> {
    let host = call.node.host().unwrap_or_else(|_| "localhost".to_owned());
    call.put(|answer| answer.charlist(&host))
}

/// Whether we are connected: a caller may not make us call others, and show them what our cookie does to a challenge.
fn ping(call: &mut Call<'_>) -> Option<()> {
    let peer = call.args.atom_term()?;
    let there = call.node.is_our_name(&peer) || call.node.peers.link(&peer).is_some();
    call.put(|answer| answer.atom(if there { "pong" } else { "pang" }))
}

fn send(call: &mut Call<'_>) -> Option<()> {
    let message = deliver(call)?;
    call.put(|answer| answer.raw_unchecked(message))
}

fn send_with_options(call: &mut Call<'_>) -> Option<()> {
    deliver(call)?;
    call.args.list()?;
    call.put(|answer| answer.atom("ok"))
}

/// `Target, Message`: from the process of this call to one here or on a node that is connected.
fn deliver<'a>(call: &mut Call<'a>) -> Option<&'a [u8]> {
    let from = call.request.pid();
    match call.args.kind()? {
        Kind::Pid => {
            let to = call.args.pid()?;
            let message = call.args.term_bytes()?;
            post(call.node, from, &to, message);
            Some(message)
        }
        Kind::Reference => {
            let to = call.args.reference()?;
            let message = call.args.term_bytes()?;
            let node = to.node().clone();
            signal(call.node, &node, Control::AliasSend { from, to, token: None }, message);
            Some(message)
        }
        Kind::Atom => {
            let name = call.args.atom_term()?;
            let message = call.args.term_bytes()?;
            call.node.processes.whereis(&name)?;
            let own = call.node.name();
            signal(call.node, &own, Control::RegSend { from, to: name, token: None }, message);
            Some(message)
        }
        Kind::Tuple => {
            call.args.tuple_of(2).then_some(())?;
            let (to, node) = (call.args.atom_term()?, call.args.atom_term()?);
            let message = call.args.term_bytes()?;
            signal(call.node, &node, Control::RegSend { from, to, token: None }, message);
            Some(message)
        }
        _ => None,
    }
}

fn signal(node: &Arc<Inner>, peer: &Atom, control: Control, message: &[u8]) {
    match node.is_our_name(peer) {
        true => node.signal(peer, control, Some(message)),
        false => node.signal_if_connected(peer, control, Some(message)),
    }
}

/// `net_adm:names()`.
async fn epmd_names(node: Arc<Inner>, request: Request) {
    let names = epmd::names(&node.epmd, "localhost", Instant::now() + EPMD_WAIT).await;
    let mut answer = Writer::new();
    answer.tuple(2);
    match names {
        Ok(names) => {
            answer.atom("ok").list(names.len());
            for (name, port) in names {
                answer.tuple(2).charlist(&name).i64(i64::from(port));
            }
            answer.nil();
        }
        Err(_) => {
            answer.atom("error").atom("address");
        }
    }
    let _ = request.reply(&written(answer));
}
