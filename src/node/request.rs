//! A function call that a peer asked for: what it runs, once wrappers are taken off, and how its end is told.
//!
//! A [`Request`] is a process of this node until it is answered. `spawn` makes them, `service::rex` does too; the program
//! gets them from the mailbox that exported the function.
//! Always true: whatever becomes of a request, its process ends, and with a reason from which its caller can tell why.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{copied, Error, Result};
use crate::node::links::{finish, NORMAL};
use crate::node::process::Process;
use crate::node::send::Target;
use crate::node::Inner;
use crate::term::{Atom, Kind, Pid, Reader, Term, Writer};

/// Most arguments that a BEAM's `apply/3` takes.
const MAX_ARITY: u32 = 1_023;

/// Stands for the arity of what is no proper list.
const NO_ARITY: u32 = u32::MAX;

/// `erpc` around `proc_lib` around `apply` is the longest seen; more are somebody's game.
const MAX_WRAPPERS: usize = 4;

/// How the caller wants to hear of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// A spawned process: its exit reason is all there is.
    Spawn,
    /// `erpc:call` and what is built on it; the reference marks the result.
    Call(Term),
    /// `erpc:cast`: nobody hears of the result.
    Cast,
    /// A task of Elixir: its result goes as `{Tag, Result}` to whoever started it, and then it ends with `normal`.
    Task {
        /// One encoded term.
        tag: Bytes,
        /// A pid or an alias.
        to: Box<Target>,
    },
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
    /// Whether `fun M:F/A` was applied, not `M:F`; a stack shows that.
    by_fun: bool,
    pub(crate) leader: Arc<Pid>,
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
    /// What `process` is to run.
    pub(crate) fn new(inner: &Arc<Inner>, process: Arc<Process>, asked: Asked) -> Request {
        let (asked, by_fun) = asked.unwrapped();
        let Asked { kind, module, function, args, leader, caller } = asked;
        let arity = list_length(&args);
        Request {
            inner: inner.clone(),
            process: Some(process),
            kind,
            module,
            function,
            arity: arity.unwrap_or(NO_ARITY),
            args,
            by_fun,
            leader,
            caller,
        }
    }

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
    pub fn reply(self, value: &[u8]) -> Result<()> {
        self.check_forked()?;
        crate::term::validate(value, &[])?;
        let inner = self.inner.clone();
        inner.runtime.together(|| self.succeed(value))
    }

    fn succeed(mut self, value: &[u8]) -> Result<()> {
        let reason = match &self.kind {
            RequestKind::Spawn | RequestKind::Cast => Bytes::from_static(NORMAL),
            RequestKind::Task { tag, to } => {
                self.send_result(tag, to, value);
                Bytes::from_static(NORMAL)
            }
            RequestKind::Call(tag) => {
                let mut writer = Writer::new();
                writer.tuple(3).term(tag).atom("return").raw_unchecked(value);
                finish(writer)
            }
        };
        self.end(reason)
    }

    /// Ends the call with an exception: `reason` is one encoded term, `stack` an encoded list of
    /// `{Module, Function, ArityOrArgs, Location}`. An empty one stands for the function itself, which a BEAM always names.
    pub fn fail(mut self, class: Class, reason: &[u8], stack: &[u8]) -> Result<()> {
        self.check_forked()?;
        crate::term::validate(reason, &[])?;
        crate::term::validate(stack, &[])?;
        let own = match list_length(stack) {
            Some(0) => Some(self.frame()),
            _ => None,
        };
        let stack = own.as_deref().unwrap_or(stack);
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

    /// `{Tag, Result}` from the process of this request, unless it has ended.
    fn send_result(&self, tag: &[u8], to: &Target, value: &[u8]) {
        if !self.is_wanted() {
            return;
        }
        let mut result = Writer::with_capacity(tag.len() + value.len() + 8);
        result.tuple(2).raw_unchecked(tag).raw_unchecked(value);
        self.inner.send_signal(&self.pid(), to, &finish(result));
    }

    /// `[{M, F, Arity, []}]`.
    fn frame(&self) -> Bytes {
        let mut stack = Writer::new();
        stack.list(1).tuple(4).atom_term(&self.module).atom_term(&self.function);
        stack.i64(i64::from(self.arity)).nil().nil();
        finish(stack)
    }

    /// `{undef, [{M, F, Args, []}]}`, as an unknown function ends on a BEAM.
    pub(crate) fn undef(self) {
        if let Some((reason, stack)) = self.refused_fun() {
            let _ = self.fail(Class::Error, &reason, &stack);
            return;
        }
        let by_fun = self.by_fun && matches!(self.kind, RequestKind::Call(_));
        let mut stack = Writer::new();
        stack.list(1 + usize::from(by_fun)).tuple(4).atom_term(&self.module).atom_term(&self.function);
        stack.raw_unchecked(&self.args).nil();
        if by_fun {
            apply_frame(&mut stack);
        }
        stack.nil();
        let _ = self.fail(Class::Error, b"\x77\x05undef", &finish(stack));
    }

    /// Reason and stack with which a BEAM that lacks the code ends `erlang:apply(Fun, Args)`; `None` if that is not asked for.
    fn refused_fun(&self) -> Option<(Bytes, Bytes)> {
        if self.module != "erlang" || self.function != "apply" || self.arity != 2 {
            return None;
        }
        let mut reader = Reader::new(&self.args);
        reader.list()?;
        let kind = reader.kind();
        let (fun, args) = (reader.term_bytes()?, reader.term_bytes()?);
        let arity = match kind {
            Some(Kind::Export) => Reader::new(fun).export().map(|export| export.arity),
            // Tag, four bytes of size, arity.
            Some(Kind::Fun) => fun.get(5).copied(),
            _ => None,
        };
        let (mut reason, mut stack) = (Writer::new(), Writer::new());
        match (arity, list_length(args)) {
            (_, None) => {
                reason.atom("badarg");
                stack.list(2).tuple(4).atom("erlang").atom("apply");
                explained(stack.list(2).raw_unchecked(fun).raw_unchecked(args).nil());
                apply_frame(&mut stack);
            }
            (None, Some(_)) => {
                reason.tuple(2).atom("badfun").raw_unchecked(fun);
                apply_frame(stack.list(1));
            }
            (Some(arity), Some(given)) if u32::from(arity) == given => {
                reason.atom("undef");
                let called = matches!(self.kind, RequestKind::Call(_));
                stack.list(1 + usize::from(called)).tuple(3).raw_unchecked(fun).raw_unchecked(args).nil();
                if called {
                    apply_frame(&mut stack);
                }
            }
            (Some(_), Some(_)) => {
                reason.tuple(2).atom("badarity").tuple(2).raw_unchecked(fun).raw_unchecked(args);
                apply_frame(stack.list(1));
            }
        }
        stack.nil();
        Some((finish(reason), finish(stack)))
    }

    /// `badarg` from a function of the emulator, which says so in the location, for callers that explain the error.
    pub(crate) fn badarg(self) {
        let mut stack = Writer::new();
        stack.list(1).tuple(4).atom_term(&self.module).atom_term(&self.function).raw_unchecked(&self.args);
        explained(&mut stack).nil();
        let _ = self.fail(Class::Error, b"\x77\x06badarg", &finish(stack));
    }

    /// Gives the request back if its arguments are those of a function; else ends it as `apply/3` does.
    pub(crate) fn checked(mut self) -> Option<Request> {
        if self.arity <= MAX_ARITY {
            return Some(self);
        }
        let mut reason = Writer::new();
        match (&self.kind, self.arity == NO_ARITY) {
            (kind, true) => {
                let spawned = *kind == RequestKind::Spawn;
                let mut stack = Writer::new();
                stack.list(1 + usize::from(spawned)).tuple(4).atom("erlang").atom("apply").list(3);
                stack.atom_term(&self.module).atom_term(&self.function).raw_unchecked(&self.args);
                explained(stack.nil());
                if spawned {
                    stack.tuple(4).atom("erts_internal").atom("dist_spawn_init").i64(1).nil();
                }
                stack.nil();
                let _ = self.fail(Class::Error, b"\x77\x06badarg", &finish(stack));
                return None;
            }
            (RequestKind::Call(tag), false) => {
                reason.tuple(3).term(tag).atom("error").tuple(2).atom("erpc").atom("system_limit");
            }
            (_, false) => drop(reason.atom("system_limit")),
        }
        let _ = self.end(finish(reason));
        None
    }

    /// The same call of another function: its result goes to the same caller.
    pub(crate) fn redirect(mut self, module: Atom, function: Atom, args: Bytes, arity: u32) -> Request {
        (self.module, self.function, self.args, self.arity) = (module, function, args, arity);
        self
    }

    /// The process, for whoever ends it in the request's place.
    pub(crate) fn into_process(mut self) -> Option<Arc<Process>> {
        self.process.take()
    }

    /// A forked child shares the connections of its parent, and must not say anything on them.
    fn check_forked(&self) -> Result<()> {
        match self.inner.runtime.is_forked() {
            true => Err(Error::Forked),
            false => Ok(()),
        }
    }

    fn end(&mut self, reason: Bytes) -> Result<()> {
        match self.process.take() {
            Some(process) if process.is_alive() => {
                self.inner.runtime.together(|| self.inner.end(&process, reason));
                Ok(())
            }
            _ => Err(Error::Closed("this request: its caller gave up, so it")),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        match self.check_forked() {
            Ok(()) => self.inner.end(&process, Bytes::from_static(b"\x77\x06killed")),
            // Its locks may be held for ever.
            Err(_) => std::mem::forget(process),
        }
    }
}

/// What somebody wants to be run.
pub(crate) struct Asked {
    pub(crate) kind: RequestKind,
    pub(crate) module: Atom,
    pub(crate) function: Atom,
    pub(crate) args: Bytes,
    pub(crate) leader: Arc<Pid>,
    pub(crate) caller: Pid,
}

impl Asked {
    /// Takes `erpc`, `proc_lib` and `apply` off, as often as they are nested; and whether a fun was the last.
    fn unwrapped(mut self) -> (Asked, bool) {
        let mut by_fun = false;
        for _ in 0..MAX_WRAPPERS {
            let Some(inner) = peel(&self) else { break };
            by_fun = inner.by_fun;
            self = Asked {
                kind: inner.kind,
                module: inner.module,
                function: inner.function,
                args: inner.args,
                ..self
            };
        }
        (self, by_fun)
    }
}

/// What stood in a wrapper.
struct Inside {
    kind: RequestKind,
    module: Atom,
    function: Atom,
    args: Bytes,
    by_fun: bool,
}

/// The stack's entry for the BEAM's own `apply/2`.
fn apply_frame(stack: &mut Writer) {
    stack.tuple(4).atom("erlang").atom("apply").i64(2).nil();
}

/// The place of an error that the emulator itself raised, from which callers find out what was wrong with the arguments.
pub(crate) fn explained(stack: &mut Writer) -> &mut Writer {
    stack.list(1).tuple(2).atom("error_info").map(1).atom("module").atom("erl_erts_errors").nil()
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

fn peel(call: &Asked) -> Option<Inside> {
    let mut reader = Reader::new(&call.args);
    let count = reader.list()?;
    let kind = match (call.module.as_str(), call.function.as_str(), count) {
        ("erpc", "execute_call", 4) if call.kind == RequestKind::Spawn => RequestKind::Call(reader.term()?),
        ("erpc", "execute_cast", 3) if call.kind == RequestKind::Spawn => RequestKind::Cast,
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
    Some(Inside { kind, module, function, args: Bytes::from(copied(args)), by_fun: false })
}

/// `fun M:F/A` applied to `args`; a closure stays what it was, for its code is not ours, and so do arguments that do not fit.
fn apply_fun(call: &Asked, mut fun: Reader<'_>, args: Option<&[u8]>) -> Option<Inside> {
    let export = fun.export()?;
    let (module, function) = (export.module, export.function);
    let args = args.unwrap_or(b"\x6a");
    if list_length(args) != Some(export.arity.into()) {
        return None;
    }
    Some(Inside { kind: call.kind.clone(), module, function, args: Bytes::from(copied(args)), by_fun: true })
}
