//! Spawning in both directions (protocol section 11).
//!
//! A peer's spawn of an exported function becomes a process here and a [`Request`] in the mailbox that exported it; the
//! program runs the function on a thread of its choice and ends the process with its result. Nothing that is not exported runs.
//! Always true: each request is answered with op 31 before anything else is said about its process.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, Malformed, Result};
use crate::net::link::Pause;
use crate::node::links::finish;
use crate::node::message::{Message, MessageKind};
use crate::node::process::{AliasMode, Delivery, Limits, Overflow, Process};
use crate::node::relations::{LinkState, Spawning, Watched};
use crate::node::request::{list_length, Asked};
use crate::node::{check_term, Inner};
use crate::proto::control::{Control, SpawnReply, SpawnRequest, Target};
use crate::term::{Atom, Kind, Pid, Reader, Reference, Term, Writer};

pub use crate::node::request::{Class, Request, RequestKind};

/// A process that serves one request gets few messages itself; a flood to it must not fill our memory.
pub(crate) const SPAWNED_LIMITS: Limits =
    Limits { bytes: 16 << 20, count: 100_000, overflow: Overflow::Drop };

/// Processes that requests of peers may occupy at a time; further ones are refused with `system_limit`.
pub(crate) const MAX_SPAWNED: usize = 262_144;

/// Reason for a process that was spawned for somebody who no longer wants it.
const ABANDONED: &[u8] = b"\x77\x09abandoned";

/// Arity that stands for all arities.
pub const ANY_ARITY: u32 = u32::MAX;

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
        let leader = Arc::new(asked.leader.clone());
        process.set_leader(leader.clone());
        process.relate(|relations| {
            if link {
                relations.links.insert(asked.from.clone(), LinkState::ACTIVE);
            }
            if monitor {
                self.add_watcher(relations, &asked.from, None, &asked.reference);
            }
        });
        self.spawn_reply(&asked, (link, monitor), Ok(self.pid_of(&process)));
        let SpawnRequest { from: caller, module, function, .. } = asked;
        Ok(self.run(process, Asked { kind: RequestKind::Spawn, module, function, args, leader, caller }))
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

    /// Runs a call that came as a message, for `server`, which hears of its end as `{'DOWN', Ref, process, Pid, Reason}`, where
    /// the reason is that of `erpc` with the same `Ref` for its mark. `None`: too many processes.
    pub(crate) fn call_for(self: &Arc<Self>, server: &Arc<Process>, mut asked: Asked) -> Option<Reference> {
        if self.processes.len() >= MAX_SPAWNED {
            return None;
        }
        let process = self.processes.create(SPAWNED_LIMITS).ok()?;
        process.set_leader(asked.leader.clone());
        let reference = self.monitor(server, Watched::Pid(self.pid_of(&process)), None);
        if let RequestKind::Call(mark) = &mut asked.kind {
            *mark = Term::Reference(Box::new(reference.clone()));
        }
        // A full mailbox stops the reading of a link; a service bounds by itself what it takes on.
        let _full = self.run(process, asked);
        Some(reference)
    }

    fn run(self: &Arc<Self>, process: Arc<Process>, asked: Asked) -> Option<Arc<Pause>> {
        self.dispatch(Request::new(self, process, asked).checked()?)
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
        quiet: bool,
    ) -> Result<Reference> {
        let (module, function, args) = call;
        check_term(args)?;
        let arity = list_length(args)
            .and_then(|arity| u8::try_from(arity).ok())
            .ok_or_else(|| Error::argument("the arguments are not a proper list of at most 255"))?;
        let SpawnOptions { link, monitor, alias, leader, priority, more } = options;
        let reference = self.make_ref();
        let mut list = Writer::new();
        list.list(usize::from(link) + usize::from(monitor) + more.len());
        if link {
            list.atom("link");
        }
        if monitor {
            list.atom("monitor");
        }
        for option in &more {
            list.term(option);
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
        let waiting =
            Watched::Spawning(Box::new(Spawning { node: node.clone(), link, monitor, priority, quiet }));
        // Under the lock: a connection that is lost meanwhile finds the request, or has not got it.
        let told = process.relate(|relations| {
            if let Some(number) = self.number_of(&reference) {
                relations.watching.insert(number, waiting);
            }
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
    pub(crate) fn console(&self) -> Option<Pid> {
        self.processes.whereis(&Atom::from_static("user")).map(|process| self.pid_of(&process))
    }

    /// Op 31 arrived.
    pub(crate) fn on_spawn_reply(self: &Arc<Self>, peer: &Atom, reply: SpawnReply) {
        let SpawnReply { reference, to, linked, monitored, result, .. } = reply;
        let process = self.find(&to);
        let number = self.number_of(&reference);
        let mut quiet = false;
        let expected = process.as_ref().zip(number).is_some_and(|(process, number)| {
            process.relations(|relations| {
                let spawning = match relations.watching.get(&number) {
                    Some(Watched::Spawning(spawning)) if spawning.node == *peer => spawning.clone(),
                    _ => return false,
                };
                relations.watching.remove(&number);
                quiet = spawning.quiet;
                let Ok(pid) = &result else { return true };
                if spawning.link && linked {
                    let link = LinkState { priority: spawning.priority, ..LinkState::ACTIVE };
                    relations.links.insert(pid.clone(), link);
                }
                if spawning.monitor && monitored {
                    relations.watching.insert(number, Watched::Pid(pid.clone()));
                    if spawning.priority {
                        relations.urgent.insert(number, ());
                    }
                }
                true
            })
        });
        let Some(process) = process.filter(|_| expected) else {
            // Whoever asked has ended or given up; the new process must hear of it, and its node tells nobody of its end.
            if let (Ok(pid), true) = (&result, monitored) {
                let to_pid = Target::Pid(pid.clone());
                let control = Control::DemonitorP { from: to.clone(), to: to_pid, reference };
                self.signal_if_connected(peer, control, None);
            }
            if let (Ok(pid), true) = (&result, linked) {
                self.exit_signal(peer, to, pid.clone(), ABANDONED);
            }
            return;
        };
        let mut writer = Writer::new();
        writer.tuple(4).atom("spawn_reply").reference(&reference);
        match result {
            Ok(_) if quiet => {}
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
    /// Its DOWN, and its exit message if the mailbox traps exits, go before ordinary messages: `[priority]` in the options `link`
    /// and `monitor` of OTP 28. The other side need not know of it.
    pub priority: bool,
    /// Further options for the other node, such as `{priority, high}`.
    pub more: Vec<Term>,
}

impl SpawnOptions {
    /// The options of one encoded list, as `erlang:spawn_request/5` takes them: `link`, `monitor`, `{link | monitor, Details}`
    /// with `priority` and `{alias, Mode}`, and those of a BEAM's processes. The answer always comes, and as `spawn_reply`.
    pub fn decode(list: &[u8]) -> Result<SpawnOptions> {
        check_term(list)?;
        let mut reader = Reader::new(list);
        let mut options = SpawnOptions::default();
        let count = reader.list().ok_or_else(|| Error::argument("the options are not a list"))?;
        for _ in 0..count {
            let mut one = Reader::new(reader.term_bytes().unwrap_or_default());
            options.add(&mut one)?;
        }
        match reader.is_empty() || reader.nil() {
            true => Ok(options),
            false => Err(Error::argument("the options are not a proper list")),
        }
    }

    fn add(&mut self, one: &mut Reader<'_>) -> Result<()> {
        let whole = one.clone().term().unwrap_or_else(Term::nil);
        let refused = || Error::argument(format!("{whole} is no option of a spawn"));
        match option(&mut one.clone()).ok_or_else(refused)?.as_str() {
            name @ ("link" | "monitor") => {
                match name {
                    "link" => self.link = true,
                    _ => self.monitor = true,
                }
                if let Some([_, details]) = whole.as_tuple() {
                    for detail in details.as_list().ok_or_else(refused)? {
                        match (detail.is_atom("priority"), name) {
                            (true, _) => self.priority = true,
                            (false, "monitor") => self.alias = Some(alias_mode(detail).ok_or_else(refused)?),
                            (false, _) => return Err(refused()),
                        }
                    }
                }
            }
            _ => self.more.push(whole),
        }
        Ok(())
    }
}

/// The mode in `{alias, Mode}`.
fn alias_mode(detail: &Term) -> Option<AliasMode> {
    let [name, mode] = detail.as_tuple()? else { return None };
    name.is_atom("alias").then_some(())?;
    match mode.as_atom()?.as_str() {
        "explicit_unalias" => Some(AliasMode::Explicit),
        "demonitor" => Some(AliasMode::Demonitor),
        "reply_demonitor" => Some(AliasMode::ReplyDemonitor),
        _ => None,
    }
}

/// `(link, monitor)` of an option list; `None` if a BEAM would not take it.
fn spawn_options(options: &[u8]) -> Option<(bool, bool)> {
    let mut reader = Reader::new(options);
    let (mut link, mut monitor) = (false, false);
    for _ in 0..reader.list()? {
        match option(&mut reader)?.as_str() {
            "link" => link = true,
            "monitor" => monitor = true,
            // Heap sizes and the like concern a BEAM only.
            _ => {}
        }
    }
    // An empty list has no tail of its own.
    (reader.is_empty() || reader.nil()).then_some((link, monitor))
}

/// `link`, `monitor` or `{Name, Value}`: its name, if the value is one of those it may have.
fn option(reader: &mut Reader<'_>) -> Option<String> {
    if let Some(name) = reader.atom() {
        return matches!(&*name, "link" | "monitor").then(|| name.into_owned());
    }
    reader.tuple_of(2).then_some(())?;
    let name = reader.atom()?.into_owned();
    let one_of =
        |reader: &mut Reader<'_>, words: &[&str]| reader.atom().is_some_and(|word| words.contains(&&*word));
    let fits = match name.as_str() {
        "link" | "monitor" => matches!(reader.kind(), Some(Kind::List | Kind::Nil)) && reader.skip(),
        "priority" => one_of(reader, &["low", "normal", "high", "max"]),
        "message_queue_data" => one_of(reader, &["off_heap", "on_heap"]),
        "async_dist" => one_of(reader, &["true", "false"]),
        "max_heap_size" if reader.kind() == Some(Kind::Map) => reader.skip(),
        "max_heap_size" | "min_heap_size" | "min_bin_vheap_size" | "fullsweep_after" | "scheduler" => {
            reader.u64().is_some()
        }
        _ => false,
    };
    fits.then_some(name)
}
