//! `rex`: rpc outside erpc, which is `block_call`, `sbcast` and what C nodes and old releases send (protocol section 11.4).
//!
//! A call runs as a process of its own, watched by `rex`; whatever becomes of it, its caller hears of it. Calls with
//! `block_call` wait for each other, and for nothing else. What is unknown, `stop` included, stays unanswered, as on a BEAM.
//! Always true: a caller in the table gets exactly one answer.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::HashMap;

use crate::error::{copied, Result};
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::node::request::{explained, list_length, Asked, RequestKind};
use crate::node::Inner;
use crate::service::io::relay;
use crate::service::{gen, post, sys, written};
use crate::term::{Atom, Pid, Reader, Reference, Term, Writer};

/// Calls that may run or wait at a time; further ones are answered with `system_limit`.
const MAX_CALLS: usize = 65_536;

/// Bytes that their arguments may take together.
const MAX_BYTES: usize = 64 << 20;

/// `system_limit`, encoded.
const SYSTEM_LIMIT: &[u8] = b"\x77\x0csystem_limit";

/// Who waits for the result.
enum Waiting {
    /// `gen_server:call`.
    Gen(gen::From),
    /// A C node, which wants `{rex, Result}`.
    Node(Pid),
    /// A cast: nobody.
    Nobody,
}

/// A call that runs.
struct Running {
    waiting: Waiting,
    relay: Option<Arc<Process>>,
    bytes: usize,
    blocks: bool,
}

/// A function to run, as it was asked for.
struct Call {
    caller: Pid,
    module: Atom,
    function: Atom,
    args: Bytes,
    leader: Leader,
}

/// Where the output of a call belongs.
enum Leader {
    Process(Pid),
    /// `send_stdout_to_caller`: to the C node that calls, as messages.
    Caller,
}

/// The state of `rex`.
#[derive(Default)]
struct Rex {
    running: HashMap<Reference, Running>,
    /// Block calls that wait for the one that runs.
    blocked: VecDeque<(Waiting, Call)>,
    blocking: bool,
    bytes: usize,
}

/// Starts `rex`.
pub(crate) fn start(node: &Arc<Inner>) -> Result<()> {
    let process = super::enroll(node, "rex")?;
    let mut rex = Rex::default();
    super::serve(node, process, move |node, server, message| rex.handle(node, server, &message));
    Ok(())
}

impl Rex {
    fn handle(&mut self, node: &Arc<Inner>, server: &Arc<Process>, message: &Message) {
        if message.kind() == MessageKind::Down {
            self.ended(node, server, message.payload());
            return;
        }
        let payload = message.payload();
        if let Some((from, request)) = gen::call(payload) {
            let caller = from.pid.clone();
            self.asked(node, server, Waiting::Gen(from), caller, request);
        } else if let Some(request) = gen::cast(payload) {
            self.cast(node, server, message.from(), request);
        } else if let Some((from, request)) = gen::system(payload) {
            sys::for_service(node, server, &from, request);
        } else {
            self.plain(node, server, payload);
        }
    }

    /// `{call | block_call, M, F, Args, Leader}`.
    fn asked(
        &mut self,
        node: &Arc<Inner>,
        server: &Arc<Process>,
        waiting: Waiting,
        caller: Pid,
        mut request: Reader<'_>,
    ) {
        if !request.tuple_of(5) {
            return;
        }
        let blocks = match waiting {
            Waiting::Gen(_) => request.atom_is("block_call"),
            Waiting::Node(_) | Waiting::Nobody => false,
        };
        if !blocks && !request.atom_is("call") {
            return;
        }
        match Call::read(node, caller, &mut request) {
            Some(Ok(call)) if blocks && self.blocking => self.wait(node, server, waiting, call),
            Some(Ok(call)) => self.run(node, server, waiting, call, blocks),
            Some(Err(refusal)) => waiting.answer(node, server, &refusal),
            None => {}
        }
    }

    /// `{cast, M, F, Args, Leader}`.
    fn cast(
        &mut self,
        node: &Arc<Inner>,
        server: &Arc<Process>,
        from: Option<&Pid>,
        mut request: Reader<'_>,
    ) {
        if !request.tuple_of(5) || !request.atom_is("cast") {
            return;
        }
        let caller = from.cloned().unwrap_or_else(|| node.node_pid());
        if let Some(Ok(call)) = Call::read(node, caller, &mut request) {
            self.run(node, server, Waiting::Nobody, call, false);
        }
    }

    /// `{Pid, Request}`, without `gen`.
    fn plain(&mut self, node: &Arc<Inner>, server: &Arc<Process>, payload: &[u8]) {
        let mut reader = Reader::new(payload);
        if !reader.tuple_of(2) {
            return;
        }
        let Some(pid) = reader.pid() else { return };
        if reader.atom_is("features_request") {
            let mut answer = Writer::new();
            answer.tuple(3).atom("features_reply").atom_term(&node.name()).list(1).atom("erpc").nil();
            post(node, node.pid_of(server), &pid, &written(answer));
            return;
        }
        let mut request = reader.clone();
        match request.tuple() {
            Some(5) => self.asked(node, server, Waiting::Node(pid.clone()), pid, reader),
            Some(3) if request.atom_is("sbcast") => {
                let there = broadcast(node, &pid, &mut request, false);
                tell_broadcast(node, server, &pid, there);
            }
            Some(3) if request.atom_is("send") => {
                let there = broadcast(node, &pid, &mut request, true);
                if matches!(there, Some(Err(_))) {
                    tell_broadcast(node, server, &pid, there);
                }
            }
            _ => {}
        }
    }

    /// Puts a block call behind the others.
    fn wait(&mut self, node: &Arc<Inner>, server: &Arc<Process>, waiting: Waiting, call: Call) {
        if self.is_full(call.args.len()) {
            waiting.answer(node, server, &badrpc(SYSTEM_LIMIT));
            return;
        }
        self.bytes += call.args.len();
        self.blocked.push_back((waiting, call));
    }

    fn run(&mut self, node: &Arc<Inner>, server: &Arc<Process>, waiting: Waiting, call: Call, blocks: bool) {
        let bytes = call.args.len();
        let started = match self.is_full(bytes) {
            true => None,
            false => {
                let kind = match waiting {
                    Waiting::Nobody => RequestKind::Cast,
                    Waiting::Gen(_) | Waiting::Node(_) => RequestKind::Call(Term::Int(0)),
                };
                let Call { caller, module, function, args, leader } = call;
                let relay = match &leader {
                    Leader::Caller => relay::start(node, &caller),
                    Leader::Process(_) => None,
                };
                let leader = match (leader, &relay) {
                    (Leader::Process(leader), _) => leader,
                    (Leader::Caller, Some(relay)) => node.pid_of(relay),
                    (Leader::Caller, None) => caller.clone(),
                };
                let asked = Asked { kind, module, function, args, leader: leader.into(), caller };
                node.call_for(server, asked).map(|reference| (reference, relay))
            }
        };
        match started {
            Some((reference, relay)) => {
                self.bytes += bytes;
                self.blocking |= blocks;
                self.running.insert(reference, Running { waiting, relay, bytes, blocks });
            }
            None => waiting.answer(node, server, &badrpc(SYSTEM_LIMIT)),
        }
    }

    fn is_full(&self, more: usize) -> bool {
        self.running.len() + self.blocked.len() >= MAX_CALLS || self.bytes + more > MAX_BYTES
    }

    /// `{'DOWN', Ref, process, Pid, Reason}`: a call is over.
    fn ended(&mut self, node: &Arc<Inner>, server: &Arc<Process>, down: &[u8]) {
        let mut reader = Reader::new(down);
        if !reader.tuple_of(5) || !reader.skip() {
            return;
        }
        let Some(reference) = reader.reference() else { return };
        let Some(running) = self.running.remove(&reference) else { return };
        self.bytes -= running.bytes;
        let reason = (reader.skip() && reader.skip()).then(|| reader.term_bytes()).flatten();
        if let Some(relay) = &running.relay {
            relay::end(node, relay);
        }
        running.waiting.answer(node, server, &result(reason.unwrap_or_default(), &reference));
        if running.blocks {
            self.blocking = false;
            while !self.blocking {
                let Some((waiting, call)) = self.blocked.pop_front() else { break };
                self.bytes -= call.args.len();
                self.run(node, server, waiting, call, true);
            }
        }
    }
}

impl Call {
    /// `M, F, Args, Leader`. What `apply/3` refuses comes back as the answer for it.
    fn read(node: &Arc<Inner>, caller: Pid, request: &mut Reader<'_>) -> Option<Result<Call, Bytes>> {
        let (module, function, args) = (request.term_bytes()?, request.term_bytes()?, request.term_bytes()?);
        let leader = match request.atom_is("send_stdout_to_caller") {
            true => Leader::Caller,
            false => {
                let leader = request.pid().or_else(|| node.console());
                Leader::Process(leader.unwrap_or_else(|| caller.clone()))
            }
        };
        let names = (Reader::new(module).atom_term(), Reader::new(function).atom_term());
        let call = match (names, list_length(args)) {
            ((Some(module), Some(function)), Some(_)) => {
                Ok(Call { caller, module, function, args: Bytes::from(copied(args)), leader })
            }
            (_, arity) => {
                let mut reason = Writer::new();
                reason.tuple(2).atom("badarg").list(1 + usize::from(arity.is_some()));
                reason.tuple(4).atom("erlang").atom("apply").list(3);
                reason.raw_unchecked(module).raw_unchecked(function).raw_unchecked(args).nil();
                explained(&mut reason);
                if let Some(arity) = arity {
                    reason.tuple(4).raw_unchecked(module).raw_unchecked(function).i64(arity.into()).nil();
                }
                reason.nil();
                Err(badrpc(&written(reason)))
            }
        };
        Some(call)
    }
}

impl Waiting {
    fn answer(&self, node: &Arc<Inner>, server: &Arc<Process>, result: &[u8]) {
        match self {
            Waiting::Gen(from) => from.reply(node, server, result),
            Waiting::Node(pid) => {
                let mut answer = Writer::new();
                answer.tuple(2).atom("rex").raw_unchecked(result);
                post(node, node.pid_of(server), pid, &written(answer));
            }
            Waiting::Nobody => {}
        }
    }
}

/// `Name, Msg`: delivers `Msg`, or `{Pid, Msg}` when the receiver is to answer `Pid`. `Err` with the name that nobody has.
fn broadcast(
    node: &Arc<Inner>,
    pid: &Pid,
    request: &mut Reader<'_>,
    with_sender: bool,
) -> Option<Result<(), Bytes>> {
    let name = request.term_bytes()?;
    let message = request.term_bytes()?;
    let target = Reader::new(name).atom_term().and_then(|name| node.processes.whereis(&name));
    let Some(process) = target else { return Some(Err(Bytes::from(copied(name)))) };
    let mut payload = Writer::new();
    if with_sender {
        payload.tuple(2).pid(pid);
    }
    payload.raw_unchecked(message);
    let _full = node.deliver(&process, Some(pid.clone()), None, written(payload));
    Some(Ok(()))
}

/// `{rex, Node, Node | {nonexisting_name, Name}}`.
fn tell_broadcast(node: &Arc<Inner>, server: &Arc<Process>, to: &Pid, there: Option<Result<(), Bytes>>) {
    let mut answer = Writer::new();
    answer.tuple(3).atom("rex").atom_term(&node.name());
    match there {
        Some(Ok(())) => answer.atom_term(&node.name()),
        Some(Err(name)) => answer.tuple(2).atom("nonexisting_name").raw_unchecked(&name),
        None => return,
    };
    post(node, node.pid_of(server), to, &written(answer));
}

/// `{badrpc, {'EXIT', Reason}}`.
fn badrpc(reason: &[u8]) -> Bytes {
    let mut answer = Writer::new();
    answer.tuple(2).atom("badrpc").tuple(2).atom("EXIT").raw_unchecked(reason);
    written(answer)
}

/// What rpc gives for a process that ended with `reason`; that of a function that ran bears the mark.
fn result(reason: &[u8], mark: &Reference) -> Bytes {
    of_function(reason, mark).unwrap_or_else(|| badrpc(reason))
}

fn of_function(reason: &[u8], mark: &Reference) -> Option<Bytes> {
    let mut reader = Reader::new(reason);
    let arity = reader.tuple()?;
    (reader.reference()? == *mark).then_some(())?;
    let class = reader.atom()?;
    let value = reader.term_bytes()?;
    Some(match (class.as_ref(), arity) {
        ("return" | "throw", 3) => Bytes::from(copied(value)),
        ("error", 4) => {
            let mut error = Writer::new();
            error.tuple(2).raw_unchecked(value).raw_unchecked(reader.term_bytes()?);
            badrpc(&written(error))
        }
        ("error", 3) => {
            // {erpc, Reason}
            let mut inner = Reader::new(value);
            (inner.tuple_of(2) && inner.skip()).then_some(())?;
            badrpc(inner.term_bytes()?)
        }
        _ => badrpc(value),
    })
}
