//! The process `global_name_server`: feeds the state machine in the order of arrival and carries out its effects.
//!
//! One task owns the machine's progress; others only look names up. It never waits for a peer: what takes time is done in
//! tasks of their own that report back.
//! Always true: effects are carried out in the order the machine gave them, before the next message is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::flaps::Flaps;
use super::machine::{Effect, Global, Outcome, Role, Timer, Verdict};
use super::partition::Loss;
use super::registrar::Request;
use super::resolve;
use super::wire::NAME_SERVER;
use crate::error::{Error, Result};
use crate::log;
use crate::net::link::random_between;
use crate::node::crowd::About;
use crate::node::events::{MonitorNodes, NodeType};
use crate::node::message::{Message, MessageKind};
use crate::node::process::{Limits, Overflow, Process};
use crate::node::relations::Watched;
use crate::node::Inner;
use crate::proto::control::Control;
use crate::service::gen;
use crate::term::{Atom, Pid, Reference, Term, Writer};

/// What may wait for the name server; a peer that sends more is read more slowly. Nothing may be dropped: half of
/// `global` is worse than none.
const LIMITS: Limits = Limits { bytes: 64 << 20, count: 1 << 20, overflow: Overflow::StopReading };
/// Connections to members made at one time.
const MAX_DIALS: usize = 64;
/// What reaches the driver besides messages.
pub(super) enum Ask {
    Change { request: Request, done: oneshot::Sender<Outcome> },
    Sync { done: oneshot::Sender<Outcome> },
    Unreachable(Atom),
    Resolved { peer: Atom, tag: i64, verdict: Verdict },
    Answered { id: u64, answer: Option<Term> },
}

/// What the node keeps of its name server.
pub(crate) struct Service {
    pub(super) machine: Mutex<Option<Global>>,
    asks: mpsc::UnboundedSender<Ask>,
    asked: Mutex<Option<mpsc::UnboundedReceiver<Ask>>>,
}

impl Default for Service {
    fn default() -> Service {
        let (asks, asked) = mpsc::unbounded_channel();
        Service { machine: Mutex::new(None), asks, asked: Mutex::new(Some(asked)) }
    }
}

impl Service {
    pub(super) fn ask(&self, ask: Ask) -> Result<()> {
        self.asks.send(ask).map_err(|_| Error::Closed("node"))
    }
}

/// Starts the name server of a node.
pub(crate) fn start(node: &Arc<Inner>, service: &Arc<Service>) -> Result<()> {
    let Some(asked) = service.asked.lock().take() else { return Ok(()) };
    let process = || -> Result<Arc<Process>> {
        let process = node.processes.create(LIMITS)?;
        process.protect();
        Ok(process)
    };
    let (server, locker, registrar) = (process()?, process()?, process()?);
    node.processes.register(Atom::from_static(NAME_SERVER), &server)?;
    node.events.subscribe(server.clone(), MonitorNodes { node_type: NodeType::Visible, info: true });
    let seed = u64::from(crate::node::random_u32()?) << 32 | u64::from(crate::node::random_u32()?);
    let machine = Global::new(
        node.name(),
        node.pid_of(&locker),
        node.pid_of(&registrar),
        node.config.visible && node.config.connect_all,
        node.config.overlap,
        seed,
    );
    *service.machine.lock() = Some(machine);
    let driver = Driver {
        node: node.clone(),
        service: service.clone(),
        server,
        locker,
        registrar,
        watches: HashMap::default(),
        watched: HashMap::default(),
        calls: HashMap::default(),
        timers: BTreeMap::new(),
        timer_numbers: 0,
        tickets: HashMap::default(),
        next_ticket: 0,
        tasks: JoinSet::new(),
        dials: Arc::new(Semaphore::new(MAX_DIALS)),
        flaps: Flaps::default(),
    };
    let task = tokio::spawn(driver.run(asked));
    node.own_task(task.abort_handle());
    Ok(())
}

struct Driver {
    node: Arc<Inner>,
    service: Arc<Service>,
    server: Arc<Process>,
    locker: Arc<Process>,
    registrar: Arc<Process>,
    /// Watches of the machine, both ways.
    watches: HashMap<u64, Reference>,
    watched: HashMap<Reference, u64>,
    /// Calls of the machine that wait for an answer.
    calls: HashMap<Reference, u64>,
    timers: BTreeMap<(Instant, u64), Timer>,
    timer_numbers: u64,
    tickets: HashMap<u64, oneshot::Sender<Outcome>>,
    next_ticket: u64,
    /// What takes time.
    tasks: JoinSet<()>,
    dials: Arc<Semaphore>,
    flaps: Flaps,
}

impl Driver {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Ask>) {
        let (server, locker, registrar) = (self.server.clone(), self.locker.clone(), self.registrar.clone());
        loop {
            let due = self.timers.keys().next().map(|(due, _)| *due);
            let sleep = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                message = server.recv(None) => match message {
                    Ok(message) => self.told(Role::Server, message),
                    Err(_) => return,
                },
                message = locker.recv(None) => match message {
                    Ok(message) => self.told(Role::Locker, message),
                    Err(_) => return,
                },
                message = registrar.recv(None) => match message {
                    Ok(message) => self.told(Role::Registrar, message),
                    Err(_) => return,
                },
                Some(ask) = asked.recv() => self.asked(ask),
                () = sleep => self.due(),
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
            }
        }
    }

    /// Runs the machine, then does what it wants.
    fn step(&mut self, run: impl FnOnce(&mut Global)) {
        let Some(((), effects)) = self.decide(run) else { return };
        for effect in effects {
            self.perform(effect);
        }
    }

    /// Runs the machine; gives what it wants.
    fn decide<T>(&self, run: impl FnOnce(&mut Global) -> T) -> Option<(T, Vec<Effect>)> {
        let mut machine = self.service.machine.lock();
        let machine = machine.as_mut()?;
        let locker = self.node.pid_of(&self.locker);
        if *machine.locker_pid() != locker {
            // The node got its name, or another one.
            machine.rename(self.node.name(), locker, self.node.pid_of(&self.registrar));
        }
        let result = run(machine);
        Some((result, machine.effects()))
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Change { request, done } => {
                let ticket = self.ticket(done);
                self.step(|machine| machine.ask(ticket, request));
            }
            Ask::Sync { done } => {
                let ticket = self.ticket(done);
                self.step(|machine| machine.sync(ticket));
            }
            Ask::Unreachable(node) => {
                self.step(|machine| machine.unreachable(&node));
            }
            Ask::Answered { id, answer } => {
                self.step(|machine| machine.answer(id, answer));
            }
            Ask::Resolved { peer, tag, verdict } => {
                self.step(|machine| machine.resolved_one(&peer, tag, verdict));
            }
        }
    }

    fn ticket(&mut self, done: oneshot::Sender<Outcome>) -> u64 {
        self.next_ticket += 1;
        self.tickets.insert(self.next_ticket, done);
        self.next_ticket
    }

    fn due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let timer = entry.remove();
            self.step(|machine| machine.timer(timer));
        }
    }

    fn told(&mut self, role: Role, message: Message) {
        match message.kind() {
            MessageKind::Message => self.message(role, message),
            MessageKind::Down => self.down(&message),
            MessageKind::NodeUp | MessageKind::NodeDown => self.node_event(&message),
            _ => {}
        }
    }

    fn message(&mut self, role: Role, message: Message) {
        let mut reader = message.reader();
        if reader.tuple_of(2) {
            if let Some(reference) = reader.reference() {
                self.answered(&reference, reader.term());
                return;
            }
        }
        // The helpers get nothing but answers, and what is not from a process cannot be for us.
        let Some(from) = message.from().map(|from| from.node.clone()).filter(|_| role == Role::Server) else {
            return;
        };
        if let Some((caller, mut request)) = gen::call(message.payload()) {
            let Some(request) = request.term().filter(|_| caller.pid.node == from) else { return };
            let decided = self.decide(|machine| machine.call(&caller.pid, &request));
            let Some((answer, effects)) = decided else { return };
            // The whole cluster waits for the answer, and nobody for the watch on a holder.
            if let Some(Ok(answer)) = answer.map(|answer| answer.to_bytes()) {
                caller.reply(&self.node, &self.server, &answer);
            }
            for effect in effects {
                self.perform(effect);
            }
        } else if let Ok(term) = message.term() {
            self.step(|machine| machine.message(&from, &term));
        }
    }

    fn answered(&mut self, reference: &Reference, answer: Option<Term>) {
        let Some(call) = self.calls.remove(reference) else { return };
        for process in [&self.locker, &self.registrar, &self.server] {
            self.node.demonitor(process, reference, true);
        }
        self.step(|machine| machine.answer(call, answer));
    }

    fn down(&mut self, message: &Message) {
        let mut reader = message.reader();
        let found = reader.tuple_of(5) && reader.skip();
        let Some(reference) = found.then(|| reader.reference()).flatten() else { return };
        if let Some(watch) = self.watched.remove(&reference) {
            self.watches.remove(&watch);
            self.step(|machine| machine.down(watch));
        } else if let Some(call) = self.calls.remove(&reference) {
            self.step(|machine| machine.answer(call, None));
        }
    }

    /// `{nodeup | nodedown, Node, Info}`.
    fn node_event(&mut self, message: &Message) {
        let Ok(event) = message.term() else { return };
        let Some([_, node, info]) = event.as_tuple() else { return };
        let Some(node) = node.as_atom().cloned() else { return };
        if message.kind() == MessageKind::NodeUp {
            self.step(|machine| machine.node_up(node));
            return;
        }
        self.flaps.lost(&node, Instant::now());
        let silent = info.map_get("nodedown_reason").is_some_and(|reason| reason.is_atom("net_tick_timeout"));
        let loss = if silent { Loss::Silent(self.node.ticktime()) } else { Loss::Broken };
        self.step(|machine| machine.node_down(&node, loss));
    }

    fn pid(&self, role: Role) -> Pid {
        self.node.pid_of(self.process(role))
    }

    fn process(&self, role: Role) -> &Arc<Process> {
        match role {
            Role::Server => &self.server,
            Role::Locker => &self.locker,
            Role::Registrar => &self.registrar,
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { role, to, message, connect } => {
                let Ok(bytes) = message.to_bytes() else { return };
                let control = to_name_server(self.pid(role));
                match connect {
                    true => self.node.signal(&to, control, Some(&bytes)),
                    false => self.node.signal_if_connected(&to, control, Some(&bytes)),
                }
            }
            Effect::Call { id, node, connect: false, .. } if self.node.peers.link(&node).is_none() => {
                let _ = self.service.ask(Ask::Answered { id, answer: None });
            }
            Effect::Call { id, role, node, request, .. } => self.call(id, role, node, &request),
            Effect::Names { id, node } => {
                let (inner, service) = (self.node.clone(), self.service.clone());
                self.tasks.spawn(async move {
                    let answer = resolve::names_of(&inner, &node).await;
                    let _ = service.ask(Ask::Answered { id, answer });
                });
            }
            Effect::Watch { watch, pid } => {
                let reference = self.node.monitor(&self.server, Watched::Pid(pid), None);
                self.watched.insert(reference.clone(), watch);
                self.watches.insert(watch, reference);
            }
            Effect::Unwatch { watch } => {
                if let Some(reference) = self.watches.remove(&watch) {
                    self.watched.remove(&reference);
                    self.node.demonitor(&self.server, &reference, true);
                }
            }
            Effect::Disconnect(node) => {
                let inner = self.node.clone();
                self.tasks.spawn(async move {
                    inner.disconnect(&node).await;
                });
            }
            Effect::Connect(node) => self.connect(node),
            Effect::Resolve { peer, tag, at, method, name, theirs, ours } => {
                let (inner, service) = (self.node.clone(), self.service.clone());
                self.tasks.spawn(async move {
                    let verdict = resolve::ask(&inner, &at, method, name, theirs, ours).await;
                    let _ = service.ask(Ask::Resolved { peer, tag, verdict });
                });
            }
            Effect::Timer { timer, after } => {
                self.timer_numbers += 1;
                self.timers.insert((Instant::now() + after, self.timer_numbers), timer);
            }
            Effect::Done { ticket, outcome } => {
                if let Some(done) = self.tickets.remove(&ticket) {
                    let _ = done.send(outcome);
                }
            }
            Effect::Log { warn, text } => {
                let level = if warn { log::Level::Warn } else { log::Level::Info };
                self.node.log_crowd(About::Global, level, &text);
            }
        }
    }

    fn call(&mut self, id: u64, role: Role, node: Atom, request: &Term) {
        let process = self.process(role).clone();
        let name = Watched::Name(Box::new((Atom::from_static(NAME_SERVER), node.clone())));
        let reference = self.node.monitor(&process, name, None);
        let from = self.node.pid_of(&process);
        let mut call = Writer::new();
        call.tuple(3).atom("$gen_call").tuple(2).pid(&from).reference(&reference).term(request);
        self.calls.insert(reference, id);
        if let Ok(call) = call.finish() {
            self.node.signal(&node, to_name_server(from), Some(&call));
        }
    }

    /// Connects to a member that others brought in.
    fn connect(&mut self, node: Atom) {
        // A cluster that was parted is to be whole again in two ticktimes.
        let pause = self.flaps.pause(&node, Instant::now()).min(self.node.ticktime() / 2);
        let pause = pause.mul_f64(random_between(0.5, 1.0));
        let (inner, service, dials) = (self.node.clone(), self.service.clone(), self.dials.clone());
        self.tasks.spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let Ok(_permit) = dials.acquire().await else { return };
            if inner.connect(&node).await.is_err() {
                let _ = service.ask(Ask::Unreachable(node));
            }
        });
    }
}

fn to_name_server(from: Pid) -> Control {
    Control::RegSend { from, to: Atom::from_static(NAME_SERVER), token: None }
}
