//! `sys`: what debuggers and supervisors ask of any server, answered for servers that are mailboxes (protocol section 12.1).
//!
//! The answers are those of a `gen_server`. What would run somebody's code or write a file here is refused: `replace_state`,
//! `install`, `log_to_file`. Tracing and statistics are accepted and have nothing to show.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::node::check_term;
use crate::node::links::NORMAL;
use crate::node::mailbox::Mailbox;
use crate::node::message::Message;
use crate::node::process::Process;
use crate::node::Inner;
use crate::proto::control::Control;
use crate::service::gen::{self, From};
use crate::service::{written, SERVICE_LIMITS};
use crate::term::{Atom, Pid, Reader, Writer};

/// How long a peer may take to show which form of `get_state` its release uses.
const FORM_WAIT: Duration = Duration::from_secs(1);

/// Peers whose form is remembered; then all are asked again.
const MAX_FORMS: usize = 4_096;

/// What `sys` may see of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerState<'a> {
    /// The module that `get_status` names.
    pub module: &'a str,
    /// The state: one encoded term.
    pub state: &'a [u8],
    /// True between [`System::Suspend`] and [`System::Resume`].
    pub suspended: bool,
}

/// What a server has to do about a message of `sys`; the answer has been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum System {
    /// Nothing.
    Answered,
    /// Look at nothing but messages of `sys` until [`System::Resume`].
    Suspend,
    /// Go on.
    Resume,
    /// End with this reason, one encoded term.
    Terminate(Vec<u8>),
}

impl Mailbox {
    /// Answers a message of `sys`, `{system, {Pid, Tag}, Request}`, for a server in the state `server`, and says what it has
    /// to do now. `None`: the message is none.
    ///
    /// # Errors
    /// `Argument` if the state is not one term.
    pub fn answer_system(&self, message: &Message, server: ServerState<'_>) -> Result<Option<System>> {
        check_term(server.state)?;
        Atom::new(server.module)?;
        let Some((from, mut request)) = gen::system(message.payload()) else { return Ok(None) };
        let node = self.node();
        Ok(Some(answer(node.inner(), self.process(), &from, &mut request, server)))
    }
}

/// For services of the node itself, which neither stop nor end: what they are is told, the rest refused.
pub(crate) fn for_service(node: &Arc<Inner>, process: &Arc<Process>, from: &From, mut request: Reader<'_>) {
    let mut state = Writer::new();
    state.map(0);
    let state = written(state);
    let mut answer = Writer::new();
    if request.atom_is("get_state") {
        let peer = (from.pid.node.clone(), from.pid.creation);
        let asking = node.state_forms.lock().get(&peer) == Some(&None);
        if !asking {
            return tell_state(node, process, from, &state);
        }
        // It asks us what we ask it: another node of ours, and both would wait for ever.
        answer.raw_unchecked(&shown(&state, true));
    } else if request.atom_is("get_status") {
        let server = ServerState { module: "gen_server", state: &state, suspended: false };
        status(&mut answer, node.pid_of(process), server);
    } else {
        unknown(&mut answer, &request);
    }
    from.reply(node, process, &written(answer));
}

/// Answers one request and says what the server has to do now.
pub(crate) fn answer(
    node: &Arc<Inner>,
    process: &Arc<Process>,
    from: &From,
    request: &mut Reader<'_>,
    server: ServerState<'_>,
) -> System {
    let mut answer = Writer::new();
    let mut outcome = System::Answered;
    if request.atom_is("get_state") {
        tell_state(node, process, from, server.state);
        return outcome;
    } else if request.atom_is("get_status") {
        status(&mut answer, node.pid_of(process), server);
    } else if request.atom_is("suspend") {
        answer.atom("ok");
        outcome = System::Suspend;
    } else if request.atom_is("resume") {
        answer.atom("ok");
        outcome = System::Resume;
    } else {
        let whole = request.clone();
        match compound(request) {
            // There is no old code: the state is what it was.
            Some(Compound::ChangeCode) if server.suspended => drop(answer.atom("ok")),
            Some(Compound::Terminate(reason)) => {
                answer.atom("ok");
                outcome = System::Terminate(reason.to_vec());
            }
            Some(Compound::Debug) => debug(&mut answer, request),
            Some(Compound::Replace) => {
                answer.tuple(2).atom("error").tuple(3).atom("callback_failed");
                answer.tuple(2).atom("gen_server").atom("system_replace_state");
                answer.tuple(2).atom("error").atom("undef");
            }
            Some(Compound::ChangeCode) | None => unknown(&mut answer, &whole),
        }
    }
    from.reply(node, process, &written(answer));
    outcome
}

/// A request that is a tuple.
enum Compound<'a> {
    Terminate(&'a [u8]),
    Debug,
    Replace,
    ChangeCode,
}

fn compound<'a>(request: &mut Reader<'a>) -> Option<Compound<'a>> {
    let arity = request.tuple()?;
    match (request.atom()?.as_ref(), arity) {
        ("terminate", 2) => request.term_bytes().map(Compound::Terminate),
        ("debug", 2) => Some(Compound::Debug),
        ("replace_state", 2) => Some(Compound::Replace),
        ("change_code", 4) => Some(Compound::ChangeCode),
        _ => None,
    }
}

/// `{error, {unknown_system_msg, Request}}`.
fn unknown(answer: &mut Writer, request: &Reader<'_>) {
    let request = request.clone().term_bytes().unwrap_or(NORMAL);
    answer.tuple(2).atom("error").tuple(2).atom("unknown_system_msg").raw_unchecked(request);
}

/// `{debug, What}`: nothing is traced, logged or counted, so there is nothing to show.
fn debug(answer: &mut Writer, request: &mut Reader<'_>) {
    if request.atom_is("no_debug") {
        answer.atom("ok");
        return;
    }
    let what = (request.tuple() == Some(2)).then(|| request.atom()).flatten();
    match what.as_deref() {
        Some("log") if request.atom_is("get") => answer.tuple(2).atom("ok").nil(),
        Some("statistics") if request.atom_is("get") => answer.tuple(2).atom("ok").atom("no_statistics"),
        Some("log_to_file") if !request.atom_is("false") => answer.tuple(2).atom("error").atom("open_file"),
        Some("log_to_file" | "remove") => answer.atom("ok"),
        Some(word @ ("trace" | "log" | "statistics")) if is_wish(word, request) => answer.atom("ok"),
        _ => answer.atom("unknown_debug"),
    };
}

/// Whether tracing and the like is switched by what stands here; `log` is also printed, or given a size.
fn is_wish(word: &str, request: &mut Reader<'_>) -> bool {
    let switch = request.atom_is("true") || request.atom_is("false");
    switch || word == "log" && (request.atom_is("print") || request.tuple_of(2) && request.atom_is("true"))
}

/// `{status, Pid, {module, Module}, [PDict, SysState, Parent, Debug, Misc]}`, with what a `gen_server` shows.
fn status(answer: &mut Writer, pid: Pid, server: ServerState<'_>) {
    let state = if server.suspended { "suspended" } else { "running" };
    answer.tuple(4).atom("status").pid(&pid).tuple(2).atom("module").atom("gen_server");
    answer.list(5).nil().atom(state).pid(&pid).nil();
    answer.list(3).tuple(2).atom("header").charlist(&format!("Status for {} of erlnode", server.module));
    answer.tuple(2).atom("data").list(3);
    answer.tuple(2).charlist("Status").atom(state);
    answer.tuple(2).charlist("Parent").pid(&pid);
    answer.tuple(2).charlist("Logged events").nil().nil();
    answer.tuple(2).atom("data").list(1).tuple(2).charlist("State").raw_unchecked(server.state).nil().nil();
    answer.nil();
}

/// Shows the state in the form that the caller's release expects: bare before OTP 26 or 27, `{ok, State}` since. Which one that
/// is, its own servers tell.
fn tell_state(node: &Arc<Inner>, process: &Arc<Process>, from: &From, state: &[u8]) {
    let peer = (from.pid.node.clone(), from.pid.creation);
    let known = {
        let mut forms = node.state_forms.lock();
        if forms.len() >= MAX_FORMS {
            forms.clear();
        }
        *forms.entry(peer.clone()).or_default()
    };
    if let Some(wraps) = known.or(node.is_our_name(&peer.0).then_some(true)) {
        from.reply(node, process, &shown(state, wraps));
        return;
    }
    let (inner, process, from, state) = (node.clone(), process.clone(), from.clone(), state.to_vec());
    node.runtime.spawn(async move {
        let wraps = inner.asked_for_form(&peer.0).await.unwrap_or(true);
        inner.state_forms.lock().insert(peer, Some(wraps));
        from.reply(&inner, &process, &shown(&state, wraps));
    });
}

fn shown(state: &[u8], wraps: bool) -> Vec<u8> {
    let mut answer = Writer::new();
    if wraps {
        answer.tuple(2).atom("ok");
    }
    answer.raw_unchecked(state);
    written(answer).to_vec()
}

impl Inner {
    /// Asks `rex` of a peer for its state: the form of the answer is that of its release.
    async fn asked_for_form(self: &Arc<Self>, peer: &Atom) -> Result<bool> {
        let process = self.processes.create(SERVICE_LIMITS)?;
        let alias = self.alias(&process, false);
        let from = self.pid_of(&process);
        let mut question = Writer::new();
        question.tuple(3).atom("system").tuple(2).pid(&from);
        question.list(1).atom("alias").reference(&alias).atom("get_state");
        let control = Control::RegSend { from, to: Atom::from_static("rex"), token: None };
        self.signal_if_connected(peer, control, Some(&written(question)));
        let answer = tokio::time::timeout(FORM_WAIT, process.recv(Some(&alias))).await;
        self.end(&process, bytes::Bytes::from_static(NORMAL));
        let answer = answer.map_err(|_| Error::Timeout("the peer's rex".into()))??;
        let mut reader = answer.reader();
        Ok(reader.tuple_of(2) && reader.skip() && reader.tuple_of(2) && reader.atom_is("ok"))
    }
}
