//! Spawning in both directions (protocol section 11).
//!
//! A peer's spawn of an exported function becomes a process here and a [`Request`] in the mailbox that exported it; the
//! program runs the function on a thread of its choice and ends the process with its result. Nothing that is not exported runs.
//! Always true: each request is answered with op 31 before anything else is said about its process.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, Malformed, Result};
use crate::net::link::Pause;
use crate::node::links::{finish, NORMAL};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Delivery, Limits, Overflow, Process};
use crate::node::relations::{LinkState, Spawning, Watched};
use crate::node::{check_term, Inner};
use crate::proto::control::{Control, SpawnReply, SpawnRequest};
use crate::term::{Atom, Kind, Pid, Reader, Reference, Writer};

/// A process that serves one request gets few messages itself; a flood to it must not fill our memory.
const SPAWNED_LIMITS: Limits = Limits { bytes: 16 << 20, count: 100_000, overflow: Overflow::Drop };

/// Processes that requests of peers may occupy at a time; further ones are refused with `system_limit`.
pub(crate) const MAX_SPAWNED: usize = 262_144;

/// Reason for a process that was spawned for somebody who no longer wants it.
const ABANDONED: &[u8] = b"\x77\x09abandoned";

/// Arity that stands for all arities.
pub const ANY_ARITY: u32 = u32::MAX;

/// How the caller wants to hear of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// A spawned process: its exit reason is all there is.
    Spawn,
    /// `erpc:call` and what is built on it; the reference marks the result.
    Call(Box<crate::term::Term>),
    /// `erpc:cast`: nobody hears of the result.
    Cast,
}

/// A function call that a peer asked for. It is a process of this node until it is answered; dropping it unanswered
/// ends that process with reason `killed`.
pub struct Request {
    inner: Arc<Inner>,
    process: Option<Arc<Process>>,
    kind: RequestKind,
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) arity: u32,
    pub(crate) args: Bytes,
    pub(crate) leader: Pid,
    pub(crate) caller: Pid,
}

/// Erlang's three classes of exceptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `erlang:error/1`
    Error,
    /// `erlang:exit/1`
    Exit,
    /// `erlang:throw/1`
    Throw,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}:{}/{})", self.module, self.function, self.arity)
    }
}

impl Request {
    /// The pid that stands for this call; it can send, link and be exited like any other.
    pub fn pid(&self) -> Pid {
        match &self.process {
            Some(process) => self.inner.pid_of(process),
            None => self.inner.node_pid(),
        }
    }

    /// How the caller wants to hear of the result.
    pub fn kind(&self) -> &RequestKind {
        &self.kind
    }

    /// Module asked for.
    pub fn module(&self) -> &Atom {
        &self.module
    }

    /// Function asked for.
    pub fn function(&self) -> &Atom {
        &self.function
    }

    /// Number of arguments.
    pub fn arity(&self) -> u32 {
        self.arity
    }

    /// The arguments: one encoded proper list.
    pub fn args(&self) -> &Bytes {
        &self.args
    }

    /// The group leader: where this call's output belongs.
    pub fn leader(&self) -> &Pid {
        &self.leader
    }

    /// The process that asked.
    pub fn caller(&self) -> &Pid {
        &self.caller
    }

    /// False when the caller gave up or an exit signal ended the process: nobody waits for a result any more.
    pub fn is_wanted(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.is_alive())
    }

    /// Ends the call with `value` (one encoded term).
    pub fn reply(mut self, value: &[u8]) -> Result<()> {
        crate::term::validate(value, &[])?;
        let reason = match &self.kind {
            RequestKind::Spawn | RequestKind::Cast => Bytes::from_static(NORMAL),
            RequestKind::Call(tag) => {
                let mut writer = Writer::new();
                writer.tuple(3).term(tag).atom("return").raw_unchecked(value);
                finish(writer)
            }
        };
        self.end(reason)
    }

    /// Ends the call with an exception: `reason` is one encoded term, `stack` an encoded list of
    /// `{Module, Function, ArityOrArgs, Location}` (an empty one will do).
    pub fn fail(mut self, class: Class, reason: &[u8], stack: &[u8]) -> Result<()> {
        crate::term::validate(reason, &[])?;
        crate::term::validate(stack, &[])?;
        let mut writer = Writer::new();
        match (&self.kind, class) {
            (RequestKind::Call(tag), Class::Error) => {
                writer.tuple(4).term(tag).atom("error").raw_unchecked(reason).raw_unchecked(stack);
            }
            (RequestKind::Call(tag), class) => {
                let class = if class == Class::Exit { "exit" } else { "throw" };
                writer.tuple(3).term(tag).atom(class).raw_unchecked(reason);
            }
            (_, Class::Error) => {
                writer.tuple(2).raw_unchecked(reason).raw_unchecked(stack);
            }
            (_, Class::Exit) => {
                writer.raw_unchecked(reason);
            }
            (_, Class::Throw) => {
                writer.tuple(2).tuple(2).atom("nocatch").raw_unchecked(reason).raw_unchecked(stack);
            }
        }
        self.end(finish(writer))
    }

    /// `{undef, [{M, F, Args, []}]}`, as an unknown function ends on a BEAM.
    pub(crate) fn undef(self) {
        let mut stack = Writer::new();
        stack
            .list(1)
            .tuple(4)
            .atom_term(&self.module)
            .atom_term(&self.function)
            .raw_unchecked(&self.args)
            .nil()
            .nil();
        let _ = self.fail(Class::Error, b"\x77\x05undef", &finish(stack));
    }

    /// The process, for whoever ends it in the request's place.
    pub(crate) fn into_process(mut self) -> Option<Arc<Process>> {
        self.process.take()
    }

    fn end(&mut self, reason: Bytes) -> Result<()> {
        match self.process.take() {
            Some(process) if process.is_alive() => {
                self.inner.end(&process, reason);
                Ok(())
            }
            _ => Err(Error::Closed("this request: its caller gave up, so it")),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            self.inner.end(&process, Bytes::from_static(b"\x77\x06killed"));
        }
    }
}

/// What is to run after wrappers (`erpc`, `proc_lib`, `apply`) are taken off.
struct Call {
    kind: RequestKind,
    module: Atom,
    function: Atom,
    args: Bytes,
    arity: Option<u32>,
}

impl Inner {
    /// Serves op 29.
    pub(crate) fn on_spawn(
        self: &Arc<Self>,
        asked: SpawnRequest,
        args: Bytes,
    ) -> Result<Option<Arc<Pause>>, Malformed> {
        crate::term::validate(&args, &[])?;
        let Some((link, monitor)) = spawn_options(&asked.options) else {
            self.spawn_reply(&asked, (false, false), Err("badopt"));
            return Ok(None);
        };
        if self.processes.len() >= MAX_SPAWNED {
            self.spawn_reply(&asked, (false, false), Err("system_limit"));
            return Ok(None);
        }
        let process = match self.processes.create(SPAWNED_LIMITS) {
            Ok(process) => process,
            Err(_) => {
                self.spawn_reply(&asked, (false, false), Err("system_limit"));
                return Ok(None);
            }
        };
        process.set_leader(asked.leader.clone());
        process.relate(|relations| {
            if link {
                relations.links.insert(asked.from.clone(), LinkState { active: true, unlinking: None });
            }
            if monitor {
                self.add_watcher(relations, &asked.from, None, &asked.reference);
            }
        });
        self.spawn_reply(&asked, (link, monitor), Ok(self.pid_of(&process)));
        Ok(self.run(process, asked, args))
    }

    fn spawn_reply(
        self: &Arc<Self>,
        asked: &SpawnRequest,
        made: (bool, bool),
        result: Result<Pid, &'static str>,
    ) {
        let reply = SpawnReply {
            reference: asked.reference.clone(),
            to: asked.from.clone(),
            linked: made.0,
            monitored: made.1,
            result: result.map_err(Atom::from_static),
            token: None,
        };
        let node = &asked.from.node;
        let control = Control::SpawnReply(Box::new(reply));
        match self.is_our_name(node) {
            true => self.signal(node, control, None),
            false => self.signal_if_connected(node, control, None),
        }
    }

    fn run(self: &Arc<Self>, process: Arc<Process>, asked: SpawnRequest, args: Bytes) -> Option<Arc<Pause>> {
        let SpawnRequest { from, leader, module, function, .. } = asked;
        let call = unwrap_call(module, function, args);
        let Some(arity) = call.arity else {
            // The argument list is not a proper list.
            self.end(&process, Bytes::from_static(b"\x77\x06badarg"));
            return None;
        };
        let request = Request {
            inner: self.clone(),
            process: Some(process),
            kind: call.kind,
            module: call.module,
            function: call.function,
            arity,
            args: call.args,
            leader,
            caller: from.clone(),
        };
        self.dispatch(request)
    }

    /// Hands a request to whoever exported its function, or answers it as a BEAM without that function would.
    pub(crate) fn dispatch(self: &Arc<Self>, request: Request) -> Option<Arc<Pause>> {
        let Some(handler) = self.exports.find(&request.module, &request.function, request.arity) else {
            if let Some(request) = self.citizen.clone().call(self, request) {
                request.undef();
            }
            return None;
        };
        let mut writer = Writer::new();
        writer.tuple(5).atom("$request").pid(&request.pid());
        writer.atom_term(&request.module).atom_term(&request.function).raw_unchecked(&request.args);
        let mut message = Message::new(MessageKind::Request, Some(request.caller.clone()), finish(writer));
        message.request = Some(Box::new(request));
        match handler.deliver(message) {
            Delivery::Full(room) => return Some(room),
            Delivery::Queued | Delivery::Dropped | Delivery::Dead => {}
            Delivery::Overrun => self.end(&handler, Bytes::from_static(b"\x77\x0csystem_limit")),
        }
        None
    }

    /// Sends op 29; the answer arrives as `{spawn_reply, Ref, ok | error, Pid | Reason}`.
    pub(crate) fn spawn_request(
        self: &Arc<Self>,
        process: &Arc<Process>,
        node: &Atom,
        call: (&Atom, &Atom, &[u8]),
        options: SpawnOptions,
    ) -> Result<Reference> {
        let (module, function, args) = call;
        check_term(args)?;
        let arity = list_length(args)
            .and_then(|arity| u8::try_from(arity).ok())
            .ok_or_else(|| Error::argument("the arguments are not a proper list of at most 255"))?;
        let SpawnOptions { link, monitor, alias, leader } = options;
        let reference = self.make_ref();
        let mut list = Writer::new();
        list.list(usize::from(link) + usize::from(monitor));
        if link {
            list.atom("link");
        }
        if monitor {
            list.atom("monitor");
        }
        list.nil();
        let from = self.pid_of(process);
        let leader = leader.or_else(|| process.leader()).or_else(|| self.console());
        let request = SpawnRequest {
            reference: reference.clone(),
            leader: leader.unwrap_or_else(|| from.clone()),
            from,
            module: module.clone(),
            function: function.clone(),
            arity,
            options: finish(list),
            token: None,
        };
        if let (Some(mode), true) = (alias, monitor) {
            self.add_alias(process, &reference, mode);
        }
        let local = self.is_our_name(node);
        let request = Control::SpawnRequest(Box::new(request));
        let waiting = Watched::Spawning(Box::new(Spawning { node: node.clone(), link, monitor }));
        // Under the lock: a connection that is lost meanwhile finds the request, or has not got it.
        let told = process.relate(|relations| {
            relations.watching.extend(self.number_of(&reference).map(|number| (number, waiting)));
            match local {
                true => Ok(Some(request)),
                false => self.post(node, request, Some(args), true).map(|()| None),
            }
        });
        match told {
            None => return Err(Error::Closed("mailbox")),
            Some(Ok(Some(request))) => self.signal(node, request, Some(args)),
            Some(Ok(None)) => {}
            Some(Err(unsent)) => self.unsent(*unsent),
        }
        Ok(reference)
    }

    /// The process that prints on our standard output.
    fn console(&self) -> Option<Pid> {
        self.processes.whereis(&Atom::from_static("user")).map(|process| self.pid_of(&process))
    }

    /// Op 31 arrived.
    pub(crate) fn on_spawn_reply(self: &Arc<Self>, peer: &Atom, reply: SpawnReply) {
        let SpawnReply { reference, to, linked, monitored, result, .. } = reply;
        let process = self.find(&to);
        let number = self.number_of(&reference);
        let expected = process.as_ref().zip(number).is_some_and(|(process, number)| {
            process.relations(|relations| {
                let spawning = match relations.watching.get(&number) {
                    Some(Watched::Spawning(spawning)) if spawning.node == *peer => spawning.clone(),
                    _ => return false,
                };
                relations.watching.remove(&number);
                let Ok(pid) = &result else { return true };
                if spawning.link && linked {
                    relations.links.insert(pid.clone(), LinkState { active: true, unlinking: None });
                }
                if spawning.monitor && monitored {
                    relations.watching.insert(number, Watched::Pid(pid.clone()));
                }
                true
            })
        });
        let Some(process) = process.filter(|_| expected) else {
            if let (Ok(pid), true) = (&result, linked) {
                // Whoever asked has ended or given up; the new process is linked to it and must hear of it.
                self.exit_signal(peer, to, pid.clone(), ABANDONED);
            }
            return;
        };
        let mut writer = Writer::new();
        writer.tuple(4).atom("spawn_reply").reference(&reference);
        match result {
            Ok(pid) => {
                writer.atom("ok").pid(&pid);
                process.signal(Message::new(MessageKind::SpawnReply, Some(pid), finish(writer)));
            }
            Err(reason) => {
                self.end_monitor_alias(&process, &reference);
                writer.atom("error").atom_term(&reason);
                process.signal(Message::new(MessageKind::SpawnReply, None, finish(writer)));
            }
        }
    }

    /// The connection was lost before op 31 came.
    pub(crate) fn spawn_lost(&self, process: &Arc<Process>, reference: &Reference, reason: &[u8]) {
        let mut writer = Writer::new();
        writer.tuple(4).atom("spawn_reply").reference(reference).atom("error").raw_unchecked(reason);
        process.signal(Message::new(MessageKind::SpawnReply, None, finish(writer)));
    }
}

/// Options of a spawn of ours.
#[derive(Debug, Clone, Default)]
pub struct SpawnOptions {
    /// Link the new process to the calling mailbox.
    pub link: bool,
    /// Monitor it with the request's reference.
    pub monitor: bool,
    /// With `monitor`: make that reference an alias too, as the option `{monitor, [{alias, Mode}]}`.
    pub alias: Option<AliasMode>,
    /// Its group leader; by default that of the calling mailbox, else our console (`user`).
    pub leader: Option<Pid>,
}

/// `(link, monitor)` of an option list; `None` if it is not a list of options.
fn spawn_options(options: &[u8]) -> Option<(bool, bool)> {
    let mut reader = Reader::new(options);
    let (mut link, mut monitor) = (false, false);
    let mut left = reader.list()?;
    while left > 0 {
        if reader.atom_is("link") {
            link = true;
        } else if reader.atom_is("monitor") {
            monitor = true;
        } else if reader.kind() == Some(Kind::Tuple) || reader.kind() == Some(Kind::Atom) {
            // Heap sizes and the like concern a BEAM only.
            reader.skip();
        } else {
            return None;
        }
        left -= 1;
    }
    // An empty list has no tail of its own.
    (reader.is_empty() || reader.nil()).then_some((link, monitor))
}

/// The length of an encoded proper list.
pub(crate) fn list_length(list: &[u8]) -> Option<u32> {
    let mut reader = Reader::new(list);
    let length = reader.list()?;
    if reader.is_empty() {
        return (length == 0).then_some(0);
    }
    for _ in 0..length {
        if !reader.skip() {
            return None;
        }
    }
    if !reader.is_empty() && !reader.nil() {
        return None;
    }
    u32::try_from(length).ok()
}

/// Takes `erpc`, `proc_lib` and `apply` off a call, as often as they are nested.
fn unwrap_call(module: Atom, function: Atom, args: Bytes) -> Call {
    let mut call = Call { kind: RequestKind::Spawn, module, function, args, arity: None };
    for _ in 0..4 {
        match peel(&call) {
            Some(inner) => call = inner,
            None => break,
        }
    }
    call.arity = list_length(&call.args);
    call
}

fn peel(call: &Call) -> Option<Call> {
    let mut reader = Reader::new(&call.args);
    let count = reader.list()?;
    let kind = match (call.module.as_str(), call.function.as_str(), count) {
        ("erpc", "execute_call", 4) => RequestKind::Call(Box::new(reader.term()?)),
        ("erpc", "execute_cast", 3) => RequestKind::Cast,
        ("proc_lib", "init_p", 5) => {
            reader.skip().then_some(())?;
            reader.skip().then_some(())?;
            call.kind.clone()
        }
        ("proc_lib", "init_p", 3) => {
            reader.skip().then_some(())?;
            reader.skip().then_some(())?;
            return apply_fun(call, reader, None);
        }
        ("erlang", "apply", 3) => call.kind.clone(),
        ("erlang", "apply", 2) => {
            let fun = reader.term_bytes()?;
            let args = reader.term_bytes()?;
            return apply_fun(call, Reader::new(fun), Some(args));
        }
        _ => return None,
    };
    let module = Atom::new(&reader.atom()?).ok()?;
    let function = Atom::new(&reader.atom()?).ok()?;
    let args = reader.term_bytes()?;
    Some(Call { kind, module, function, args: Bytes::copy_from_slice(args), arity: None })
}

/// `fun M:F/A` applied to `args`; a closure stays what it was, for its code is not ours.
fn apply_fun(call: &Call, mut fun: Reader<'_>, args: Option<&[u8]>) -> Option<Call> {
    let export = fun.export()?;
    let (module, function) = (export.module, export.function);
    let args = args.map(Bytes::copy_from_slice).unwrap_or_else(|| Bytes::from_static(b"\x6a"));
    Some(Call { kind: call.kind.clone(), module, function, args, arity: None })
}
