//! Servers: what `GenServer` is in Elixir, as a trait with async functions.
//!
//! A server owns its state and handles one message of its mailbox after the other, on whatever executor or thread the program
//! runs it ([`Mailbox::serve`]). System messages (`sys:get_state` and the like) are answered in its name.
//! Always true: the mailbox ends when the server does, with the server's reason, also when a handler panics.

use std::future::Future;

use bytes::Bytes;

use super::gen::{self, From};
use super::serving::{Serving, Step};
use crate::error::{Error, Result};
use crate::node::links::NORMAL;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::request::Request;
use crate::term::{Atom, Pid, Term, Writer};

/// Why a server ends, and what its present caller is told before.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The exit reason.
    pub reason: Term,
    /// The reply to the call that is being handled, if it gets one.
    pub reply: Option<Term>,
}

impl Stop {
    /// The end with a reason; callers hear of it, unless it is `normal` nobody linked survives it.
    pub fn new(reason: Term) -> Stop {
        Stop { reason, reply: None }
    }
}

/// What a call is answered with.
#[derive(Debug, Clone)]
pub enum Reply {
    /// At once, with this.
    Now(Term),
    /// Later, with [`Caller::reply`].
    Later,
}

/// Whom to answer: the `{Pid, Tag}` of a call. Keep it as long as you like, answer from any thread.
#[derive(Debug, Clone)]
pub struct Caller(From);

impl Caller {
    /// The process that asked.
    pub fn pid(&self) -> &Pid {
        &self.0.pid
    }

    /// Answers the call, from the server's mailbox. A caller that gave up gets nothing.
    ///
    /// # Errors
    /// As [`Mailbox::send`].
    pub async fn reply(&self, server: &Mailbox, value: &Term) -> Result<()> {
        let mut writer = Writer::new();
        self.0.message(&mut writer, |writer| writer.term(value));
        server.send_async(&self.0.target(), &writer.finish()?).await
    }
}

/// A server. Every function but [`handle_call`](Self::handle_call) has a default.
pub trait GenServer: Send {
    /// Runs before the first message.
    fn init(&mut self, _mailbox: &Mailbox) -> impl Future<Output = Result<(), Stop>> + Send {
        async { Ok(()) }
    }

    /// Answers a call.
    fn handle_call(
        &mut self,
        request: Term,
        caller: &Caller,
        mailbox: &Mailbox,
    ) -> impl Future<Output = Result<Reply, Stop>> + Send;

    /// Takes a cast. By default the server ends with `{bad_cast, Request}`.
    fn handle_cast(
        &mut self,
        request: Term,
        _mailbox: &Mailbox,
    ) -> impl Future<Output = Result<(), Stop>> + Send {
        async move { Err(Stop::new(Term::Tuple(vec![Term::Atom(Atom::from_static("bad_cast")), request].into()))) }
    }

    /// Takes any other message: exits, DOWNs, plain ones. By default they are ignored.
    fn handle_info(
        &mut self,
        _message: Message,
        _mailbox: &Mailbox,
    ) -> impl Future<Output = Result<(), Stop>> + Send {
        async { Ok(()) }
    }

    /// Runs a function that this mailbox exported: answer the request now, or hand it to another task and answer there.
    fn handle_request(
        &mut self,
        request: Request,
        _mailbox: &Mailbox,
    ) -> impl Future<Output = Result<(), Stop>> + Send {
        request.undef();
        async { Ok(()) }
    }

    /// Runs last, unless the mailbox was ended by others.
    fn terminate(&mut self, _reason: &Term) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// What `sys:get_state` shows.
    fn state(&self) -> Term {
        Term::Atom(Atom::from_static("undefined"))
    }
}

impl Mailbox {
    /// Serves this mailbox until the server ends; gives the reason. Handlers run on the calling task, so they may block only if
    /// that may.
    ///
    /// # Errors
    /// `Argument` if a reply or reason cannot be encoded.
    pub async fn serve<S: GenServer>(&self, server: &mut S) -> Result<Term> {
        let guard = EndOnPanic(self);
        let stop = match server.init(self).await {
            Err(stop) => Some(stop),
            Ok(()) => self.serve_messages(server).await?,
        };
        drop(guard);
        let Some(stop) = stop else {
            // Ended from outside.
            let reason = self.exit_reason().unwrap_or(Bytes::from_static(NORMAL));
            return Term::decode(&reason);
        };
        server.terminate(&stop.reason).await;
        self.close(&stop.reason.to_bytes()?)?;
        Ok(stop.reason)
    }

    /// [`serve`](Self::serve) on the calling thread.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_blocking<S: GenServer>(&self, server: &mut S) -> Result<Term> {
        crate::runtime::park_on(self.serve(server), None).ok_or(Error::Closed("mailbox"))?
    }

    /// `None` if the mailbox was ended by others.
    async fn serve_messages<S: GenServer>(&self, server: &mut S) -> Result<Option<Stop>> {
        let mut serving = Serving::default();
        loop {
            let message = match serving.kept() {
                Some(message) => message,
                None => match self.recv_async().await {
                    Ok(message) => message,
                    Err(_) => return Ok(None),
                },
            };
            let state = || server.state().to_bytes().map_or(Bytes::from_static(NORMAL), Bytes::from);
            let message = match serving.look(self.inner(), self.process(), message, state) {
                Step::Handle(message) => message,
                Step::Done => continue,
                Step::End(reason) => return Ok(Some(Stop::new(Term::decode(&reason)?))),
            };
            if let Err(stop) = self.serve_one(server, message).await? {
                return Ok(Some(stop));
            }
        }
    }

    async fn serve_one<S: GenServer>(&self, server: &mut S, message: Message) -> Result<Result<(), Stop>> {
        if message.kind() == MessageKind::Request {
            return Ok(match message.into_request() {
                Some(request) => server.handle_request(request, self).await,
                None => Ok(()),
            });
        }
        if let Some((from, mut request)) = gen::call(message.payload()) {
            let Some(request) = request.term() else { return Ok(Ok(())) };
            let caller = Caller(from);
            return Ok(match server.handle_call(request, &caller, self).await {
                Ok(Reply::Later) => Ok(()),
                Ok(Reply::Now(reply)) => {
                    told(caller.reply(self, &reply).await)?;
                    Ok(())
                }
                Err(stop) => {
                    if let Some(reply) = &stop.reply {
                        told(caller.reply(self, reply).await)?;
                    }
                    Err(stop)
                }
            });
        }
        let cast = gen::cast(message.payload()).and_then(|mut request| request.term());
        Ok(match cast {
            Some(request) => server.handle_cast(request, self).await,
            None => server.handle_info(message, self).await,
        })
    }
}

/// A caller that cannot be reached is its own affair; a reply that is no term is the server's.
fn told(sent: Result<()>) -> Result<()> {
    match sent {
        Err(error @ (Error::Argument(_) | Error::Malformed(_))) => Err(error),
        _ => Ok(()),
    }
}

/// Ends the mailbox of a server whose handler panicked, so that its callers hear of it as they would of a crash.
struct EndOnPanic<'a>(&'a Mailbox);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // {rust, panic}
            let _ = self.0.close(b"\x68\x02\x77\x04rust\x77\x05panic");
        }
    }
}
