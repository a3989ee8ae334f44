//! Process groups, as `pg` of OTP: processes of many nodes under one name, per scope.
//!
//! A scope is a process registered under its name that speaks with its equals on other nodes: every node knows all
//! members, nobody asks over the network. `scope` decides, `wire` has the shapes, `groups` the table; this file gives them
//! a process, connections and a door for the program ([`Pg`]).
//! A BEAM's scope greets visible nodes only. Ours greets every node that is connected, so a hidden node of ours that runs
//! a scope takes part as well.

mod groups;
mod scope;
mod wire;

use std::collections::HashMap as Map;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::HashMap;
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::log;
use crate::net::link::Pause;
use crate::node::events::{MonitorNodes, NodeType};
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::process::{Limits, Overflow, Process};
use crate::node::relations::Watched;
use crate::node::{Inner, Node};
use crate::proto::control::Control;
use crate::service::pg::groups::Groups;
use crate::service::pg::scope::{Action, Scope};
use crate::service::pg::wire::{Heard, Request};
use crate::service::{gen, services, written};
use crate::term::{Atom, Pid, Reference, Term, Writer};

/// What may wait for a scope. Beyond, connections wait: a lost message would leave its table wrong.
const SCOPE_LIMITS: Limits = Limits { bytes: 16 << 20, count: 65_536, overflow: Overflow::StopReading };

/// The scopes of one node.
#[derive(Default)]
pub(crate) struct Scopes {
    running: Mutex<Map<Atom, Arc<Running>>>,
}

/// A scope and its process.
struct Running {
    name: Atom,
    core: Mutex<Core>,
}

struct Core {
    scope: Scope,
    process: Arc<Process>,
    references: HashMap<Pid, Reference>,
    watched: HashMap<Reference, Pid>,
    stopped: bool,
}

/// What remains to be done when the lock is free again.
#[derive(Default)]
struct Aftermath {
    pauses: Vec<Arc<Pause>>,
    complaints: Vec<String>,
}

impl Aftermath {
    fn log(&self) {
        for complaint in &self.complaints {
            log::warn(format_args!("{complaint}"));
        }
    }
}

impl Core {
    /// Does what the state machine decided.
    fn perform(&mut self, node: &Arc<Inner>) -> Aftermath {
        let mut aftermath = Aftermath::default();
        while let Some(action) = self.scope.next_action() {
            match action {
                Action::Tell(pid, message) => self.tell(node, &pid, &message),
                Action::Event(pid, event) if node.is_local(&pid) => {
                    let from = Some(node.pid_of(&self.process));
                    let subscriber = node.find(&pid);
                    let full = subscriber.and_then(|process| node.deliver(&process, from, None, event));
                    aftermath.pauses.extend(full);
                }
                Action::Event(pid, event) => self.tell(node, &pid, &event),
                // It went meanwhile; watching would call its node again.
                Action::Watch(pid) if !node.is_local(&pid) && node.peers.link(&pid.node).is_none() => {
                    self.scope.down(&pid);
                }
                Action::Watch(pid) => {
                    let reference = node.monitor(&self.process, Watched::Pid(pid.clone()), None);
                    self.references.insert(pid.clone(), reference.clone());
                    self.watched.insert(reference, pid);
                }
                Action::Unwatch(pid) => {
                    if let Some(reference) = self.references.remove(&pid) {
                        self.watched.remove(&reference);
                        node.demonitor(&self.process, &reference, true);
                    }
                }
                Action::Complain(text) => aftermath.complaints.push(text),
            }
        }
        aftermath
    }

    fn tell(&self, node: &Arc<Inner>, to: &Pid, message: &Bytes) {
        let control = Control::SendSender { from: node.pid_of(&self.process), to: to.clone(), token: None };
        node.signal_if_connected(&to.node, control, Some(message));
    }

    fn greet(&self, node: &Arc<Inner>, name: &Atom, peer: &Atom) {
        let from = node.pid_of(&self.process);
        let control = Control::RegSend { from, to: name.clone(), token: None };
        node.signal_if_connected(peer, control, Some(&self.scope.greeting()));
    }

    fn greet_all(&self, node: &Arc<Inner>, name: &Atom) {
        for link in node.peers.links() {
            self.greet(node, name, &link.peer);
        }
    }
}

/// The process of a scope, registered and told of nodes that come up.
fn process(node: &Arc<Inner>, name: &Atom) -> Result<Arc<Process>> {
    let process = node.processes.create(SCOPE_LIMITS)?;
    process.protect();
    if let Err(error) = node.processes.register(name.clone(), &process) {
        node.end(&process, Bytes::from_static(crate::node::links::NORMAL));
        return Err(error);
    }
    node.events.subscribe(process.clone(), MonitorNodes { node_type: NodeType::All, info: false });
    Ok(process)
}

impl Running {
    fn start(node: &Arc<Inner>, name: &Atom) -> Result<Arc<Running>> {
        let process = process(node, name)?;
        let core = Core {
            scope: Scope::new(name.clone(), node.pid_of(&process)),
            process: process.clone(),
            references: HashMap::default(),
            watched: HashMap::default(),
            stopped: false,
        };
        core.greet_all(node, name);
        let running = Arc::new(Running { name: name.clone(), core: Mutex::new(core) });
        let task = node.runtime.spawn(run(node.clone(), running.clone(), process));
        node.own_task(task.abort_handle());
        Ok(running)
    }

    /// Runs `act` on the scope and does what follows from it.
    fn act<T>(&self, node: &Arc<Inner>, act: impl FnOnce(&mut Core) -> T) -> (T, Aftermath) {
        let mut core = self.core.lock();
        let result = act(&mut core);
        let aftermath = core.perform(node);
        drop(core);
        aftermath.log();
        (result, aftermath)
    }

    fn handle(&self, node: &Arc<Inner>, message: &Message) -> Aftermath {
        let (_, aftermath) = self.act(node, |core| match message.kind() {
            MessageKind::Down => core.on_down(message),
            MessageKind::NodeUp => {
                let mut reader = message.reader();
                reader.tuple();
                reader.skip();
                let peer = reader.atom().and_then(|peer| Atom::new(&peer).ok());
                if let Some(peer) = peer {
                    core.greet(node, &self.name, &peer);
                }
            }
            MessageKind::Message => core.on_message(node, message),
            _ => {}
        });
        aftermath
    }
}

impl Core {
    fn on_down(&mut self, message: &Message) {
        let mut reader = message.reader();
        reader.tuple();
        reader.skip();
        let watched = reader.reference().and_then(|reference| self.watched.remove(&reference));
        if let Some(pid) = watched {
            self.references.remove(&pid);
            self.scope.down(&pid);
        }
    }

    fn on_message(&mut self, node: &Arc<Inner>, message: &Message) {
        let Some(from) = message.from() else { return };
        match wire::read(message.payload()) {
            None => self.scope.complain(&from.node, "sent something that no scope knows"),
            Some(Heard::Call { from: caller, .. }) if caller.pid.node != from.node => {
                self.scope.complain(&from.node, "asked in another node's name");
            }
            Some(Heard::Call { from: caller, request }) => self.answer(node, &caller, request),
            Some(heard) => self.scope.hear(&from.node, heard),
        }
    }

    fn answer(&mut self, node: &Arc<Inner>, caller: &gen::From, request: Request) {
        let mut answer = Writer::new();
        match request {
            Request::Monitor(group) => {
                let reference = node.make_ref();
                let all = group.is_none();
                let Some(known) = self.scope.subscribe(reference.clone(), caller.pid.clone(), group) else {
                    answer.tuple(2).atom("error").atom("system_limit");
                    return caller.reply(node, &self.process, &written(answer));
                };
                answer.tuple(2).reference(&reference);
                match (all, known.first()) {
                    (false, Some((_, pids))) => wire::put_pids(&mut answer, pids),
                    _ => put_map(&mut answer, known),
                }
            }
            Request::Demonitor(reference) => match self.scope.unsubscribe(&reference) {
                true => drop(answer.atom("ok")),
                false => drop(answer.bool(false)),
            },
            Request::Unknown => drop(answer.tuple(2).atom("error").atom("notsup")),
        }
        caller.reply(node, &self.process, &written(answer));
    }
}

/// `#{Group => [Pid]}`.
fn put_map(writer: &mut Writer, mut groups: Vec<(Arc<Term>, Vec<Pid>)>) {
    groups.sort_by(|(one, _), (other, _)| one.cmp(other));
    writer.map(groups.len());
    for (group, pids) in groups {
        writer.term(&group);
        wire::put_pids(writer, &pids);
    }
}

/// Looks into the table of a scope; `None` if there is no such scope.
pub(crate) fn table<T>(node: &Arc<Inner>, scope: &Atom, look: impl FnOnce(&Groups) -> T) -> Option<T> {
    let running = services(node).pg.running.lock().get(scope)?.clone();
    let core = running.core.lock();
    Some(look(core.scope.groups()))
}

async fn run(node: Arc<Inner>, running: Arc<Running>, process: Arc<Process>) {
    while let Ok(message) = process.recv(None).await {
        for pause in running.handle(&node, &message).pauses {
            // A subscriber is full: its events wait here, and peers that bring more wait for us.
            pause.wait().await;
        }
    }
}

/// What is known of groups when a subscription begins: each with its members.
pub type Snapshot = Vec<(Term, Vec<Pid>)>;

/// A scope of process groups on a node. Clones are the same scope; it runs until [`Pg::stop`] or the end of the node.
#[derive(Clone)]
pub struct Pg {
    node: Arc<Inner>,
    running: Arc<Running>,
}

impl std::fmt::Debug for Pg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pg({})", self.running.name)
    }
}

impl Node {
    /// The scope of this name, started if it does not run: `pg:start(Scope)`. OTP's own default scope is `pg`.
    ///
    /// # Errors
    /// `NameTaken` if a mailbox is registered under that name; `Closed` if the node was stopped.
    pub fn pg(&self, scope: &str) -> Result<Pg> {
        let node = self.inner();
        node.check_running()?;
        let name = Atom::new(scope)?;
        let mut all = services(node).pg.running.lock();
        let running = match all.get(&name) {
            Some(running) => running.clone(),
            None => {
                let running = Running::start(node, &name)?;
                all.insert(name, running.clone());
                running
            }
        };
        Ok(Pg { node: node.clone(), running })
    }

    /// The scope of this name, if it was started.
    pub fn pg_scope(&self, scope: &str) -> Option<Pg> {
        let name = Atom::new(scope).ok()?;
        let running = services(self.inner()).pg.running.lock().get(&name)?.clone();
        Some(Pg { node: self.inner().clone(), running })
    }
}

impl Pg {
    /// The name of the scope.
    pub fn name(&self) -> &Atom {
        &self.running.name
    }

    /// Processes of this node join a group, once more if they are in it: `pg:join(Scope, Group, Pids)`.
    ///
    /// # Errors
    /// `Argument` if one of them lives on another node.
    pub fn join(&self, group: &Term, pids: &[Pid]) -> Result<()> {
        self.check(pids)?;
        self.running.act(&self.node, |core| core.scope.join(group, pids.to_vec()));
        Ok(())
    }

    /// Processes of this node leave a group, each once; false if none of them was in it: `pg:leave(Scope, Group, Pids)`.
    ///
    /// # Errors
    /// `Argument` if one of them lives on another node.
    pub fn leave(&self, group: &Term, pids: &[Pid]) -> Result<bool> {
        self.check(pids)?;
        Ok(self.running.act(&self.node, |core| core.scope.leave(group, pids.to_vec())).0)
    }

    fn check(&self, pids: &[Pid]) -> Result<()> {
        self.check_running()?;
        match pids.iter().all(|pid| self.node.is_local(pid)) {
            true => Ok(()),
            false => Err(Error::argument("only processes of this node can join and leave its groups")),
        }
    }

    fn check_running(&self) -> Result<()> {
        self.node.check_running()?;
        match self.running.core.lock().stopped {
            true => Err(Error::Closed("pg scope")),
            false => Ok(()),
        }
    }

    /// All members of a group on all nodes, in no particular order: `pg:get_members(Scope, Group)`.
    pub fn members(&self, group: &Term) -> Vec<Pid> {
        self.running.core.lock().scope.groups().members(group)
    }

    /// The members that live on this node.
    pub fn local_members(&self, group: &Term) -> Vec<Pid> {
        self.running.core.lock().scope.groups().local_members(group)
    }

    /// All groups that have members: `pg:which_groups(Scope)`.
    pub fn groups(&self) -> Vec<Term> {
        let names = self.running.core.lock().scope.groups().names();
        names.iter().map(|name| Term::clone(name)).collect()
    }

    /// The groups that have members on this node.
    pub fn local_groups(&self) -> Vec<Term> {
        let names = self.running.core.lock().scope.groups().local_names();
        names.iter().map(|name| Term::clone(name)).collect()
    }

    /// `pg:monitor(Scope, Group)`, or with `None` `pg:monitor_scope(Scope)`: from now on `{Ref, join | leave, Group, Pids}`
    /// arrives in `mailbox` for each change. Gives the reference and what is known before the first change.
    ///
    /// # Errors
    /// `Limit` with more than 65536 subscriptions.
    pub fn monitor(&self, mailbox: &Mailbox, group: Option<&Term>) -> Result<(Reference, Snapshot)> {
        self.check_running()?;
        let reference = self.node.make_ref();
        let (id, pid) = (reference.clone(), mailbox.pid());
        let (known, _) = self.running.act(&self.node, |core| core.scope.subscribe(id, pid, group.cloned()));
        let known =
            known.ok_or(Error::Limit("too many monitors of one pg scope: the limit is 65536".into()))?;
        let owned = |(group, pids): (Arc<Term>, Vec<Pid>)| (Term::clone(&group), pids);
        Ok((reference, known.into_iter().map(owned).collect()))
    }

    /// Ends what [`monitor`](Self::monitor) began; false if it had ended. Events that wait in the mailbox stay there.
    pub fn demonitor(&self, reference: &Reference) -> bool {
        self.running.act(&self.node, |core| core.scope.unsubscribe(reference)).0
    }

    /// Ends the scope on this node: peers see its members leave.
    pub fn stop(&self) {
        let process = {
            let mut core = self.running.core.lock();
            core.stopped = true;
            core.scope = Scope::new(self.running.name.clone(), self.node.pid_of(&core.process));
            core.process.clone()
        };
        let mut all = services(&self.node).pg.running.lock();
        if all.get(&self.running.name).is_some_and(|running| Arc::ptr_eq(running, &self.running)) {
            all.remove(&self.running.name);
        }
        drop(all);
        self.node.end(&process, Bytes::from_static(b"\x77\x08shutdown"));
    }
}
