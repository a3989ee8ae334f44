//! The calling side of a handshake.

use super::messages::{self, Status};
use super::{printable, Established, Failure, Framing, Inbox, Step};
use crate::proto::digest::Cookie;
use crate::proto::flags::Flags;
use crate::proto::name::{check_host, latin1_bytes, NodeName, MAX_CHARS};
use bytes::Bytes;

/// Who calls.
#[derive(Debug, Clone)]
pub enum OurName {
    /// A node with a name of its own.
    Node {
        /// Our name.
        name: NodeName,
        /// Our creation.
        creation: u32,
    },
    /// A node that asks the peer for a name and brings only its host.
    Dynamic {
        /// Our host, as it shall stand after the `@`.
        host: String,
    },
}

/// What the calling side needs to know.
pub struct InitiatorParams {
    /// Who calls.
    pub ours: OurName,
    /// What we announce. The bit for asking a name is set or cleared here as [`OurName`] demands.
    pub flags: Flags,
    /// Whom we call; the answer must bear this name.
    pub peer: NodeName,
    /// The cookie for that peer.
    pub cookie: Cookie,
    /// A fresh random number.
    pub challenge: u32,
    /// Two-byte lengths on TCP, four-byte lengths inside TLS.
    pub framing: Framing,
}

enum State {
    Start,
    Status,
    Alive,
    AliveAnswer(bool),
    Challenge,
    Ack { creation: u32, peer_flags: Flags },
    Ended(Failure),
}

/// The calling side: [`next_step`](Self::next_step), [`feed`](Self::feed), [`eof`](Self::eof),
/// [`answer_alive`](Self::answer_alive), [`refuse_challenges`](Self::refuse_challenges).
pub struct Initiator {
    params: InitiatorParams,
    issued: Option<Box<dyn Fn(u32) -> bool + Send + Sync>>,
    granted: Option<(NodeName, u32)>,
    inbox: Inbox,
    state: State,
}

impl Initiator {
    /// Begins a call.
    pub fn new(mut params: InitiatorParams) -> Self {
        let state = match &params.ours {
            OurName::Node { .. } => {
                params.flags = params.flags.without(Flags::NAME_ME);
                State::Start
            }
            OurName::Dynamic { host } => {
                params.flags = params.flags.with(Flags::NAME_ME).without(Flags::PUBLISHED);
                match check_host(host) {
                    Ok(()) if host.len() <= MAX_CHARS => State::Start,
                    Ok(()) => {
                        State::Ended(Failure::BadName { name: host.clone(), why: "the host is too long" })
                    }
                    Err(fault) => State::Ended(Failure::BadName { name: host.clone(), why: fault.why() }),
                }
            }
        };
        Initiator { inbox: Inbox::new(params.framing), params, issued: None, granted: None, state }
    }

    /// Also refuses challenges for which `issued` says yes: those that we gave to callers whose handshakes are
    /// still open. Without it, somebody who does not know the cookie could call us, let us call him, and have us
    /// answer our own question.
    pub fn refuse_challenges(mut self, issued: impl Fn(u32) -> bool + Send + Sync + 'static) -> Self {
        self.issued = Some(Box::new(issued));
        self
    }

    /// Takes what was read. Never fails; [`next_step`](Self::next_step) tells.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.inbox.feed(bytes);
    }

    /// What to do next.
    ///
    /// # Errors
    /// The [`Failure`] that ended the handshake; the same one for ever after. Close the socket.
    pub fn next_step(&mut self) -> Result<Step, Failure> {
        self.step().inspect_err(|failure| self.state = State::Ended(failure.clone()))
    }

    /// Answers [`Step::Alive`]: is this attempt the one we want? If not, the handshake ends.
    pub fn answer_alive(&mut self, current: bool) {
        self.state = match self.state {
            State::Alive => State::AliveAnswer(current),
            _ => State::Ended(Failure::Misuse("answer_alive without Step::Alive")),
        };
    }

    /// What the end of the stream means at this stage.
    pub fn eof(&mut self) -> Failure {
        let peer = self.peer();
        let failure = match &self.state {
            State::Start | State::Status | State::Alive => {
                Failure::Eof { peer, stage: "it closed the connection without a status: it does not accept our name, or is no Erlang node" }
            }
            State::AliveAnswer(_) | State::Challenge => {
                Failure::Eof { peer, stage: "it closed the connection before its challenge" }
            }
            State::Ack { .. } => self.cookie_rejected(),
            State::Ended(failure) => failure.clone(),
        };
        self.state = State::Ended(failure.clone());
        failure
    }

    fn step(&mut self) -> Result<Step, Failure> {
        loop {
            match &self.state {
                State::Start => {
                    self.state = State::Status;
                    return Ok(self.send(&self.announce()));
                }
                State::Status => {
                    let Some(body) = self.take()? else { return Ok(Step::NeedMore) };
                    self.state = self.on_status(&body)?;
                }
                State::Alive => return Ok(Step::Alive),
                State::AliveAnswer(true) => {
                    self.state = State::Challenge;
                    return Ok(self.send(&messages::status("true")));
                }
                State::AliveAnswer(false) => {
                    self.state = State::Ended(Failure::Stale { peer: self.peer() });
                    return Ok(self.send(&messages::status("false")));
                }
                State::Challenge => {
                    let Some(body) = self.take()? else { return Ok(Step::NeedMore) };
                    return self.on_challenge(&body);
                }
                State::Ack { creation, peer_flags } => {
                    let (creation, peer_flags) = (*creation, *peer_flags);
                    let Some(body) = self.take()? else { return Ok(Step::NeedMore) };
                    return self.on_ack(&body, creation, peer_flags);
                }
                State::Ended(failure) => return Err(failure.clone()),
            }
        }
    }

    fn announce(&self) -> Vec<u8> {
        match &self.params.ours {
            OurName::Node { name, creation } => {
                messages::announce(self.params.flags, *creation, &name.to_latin1())
            }
            OurName::Dynamic { host } => messages::announce(self.params.flags, 0, &latin1_bytes(host)),
        }
    }

    fn on_status(&mut self, body: &[u8]) -> Result<State, Failure> {
        let status = messages::parse_status(body).ok_or_else(|| self.garbage("its status is none"))?;
        let dynamic = matches!(self.params.ours, OurName::Dynamic { .. });
        match status {
            Status::Ok | Status::OkSimultaneous if !dynamic => Ok(State::Challenge),
            Status::Alive if !dynamic => Ok(State::Alive),
            Status::Nok => Err(Failure::Nok { peer: self.peer() }),
            Status::NotAllowed => Err(Failure::NotAllowed { peer: self.peer() }),
            Status::Named { name, creation } if dynamic => {
                let name = std::str::from_utf8(name).ok().and_then(|name| NodeName::new(name).ok());
                let name = name.ok_or_else(|| self.garbage("the name that it gave us is none"))?;
                self.granted = Some((name, creation));
                Ok(State::Challenge)
            }
            Status::Ok | Status::OkSimultaneous | Status::Alive | Status::Named { .. } | Status::Other(_) => {
                let status = printable(body.get(1..).unwrap_or_default());
                Err(Failure::BadStatus { peer: self.peer(), status })
            }
        }
    }

    fn on_challenge(&mut self, body: &[u8]) -> Result<Step, Failure> {
        let theirs = messages::parse_challenge(body).ok_or_else(|| self.garbage("its challenge is none"))?;
        if theirs.name != self.params.peer.to_latin1() {
            return Err(Failure::WrongName { peer: self.peer(), says: printable(theirs.name) });
        }
        let missing = theirs.flags.missing_mandatory();
        if !missing.is_empty() {
            return Err(Failure::MissingFlags { peer: self.peer(), missing });
        }
        let issued = |challenge| self.issued.as_ref().is_some_and(|issued| issued(challenge));
        if theirs.challenge == self.params.challenge || issued(theirs.challenge) {
            return Err(Failure::Reflected { peer: self.peer() });
        }
        let digest = self.params.cookie.digest(theirs.challenge);
        self.state = State::Ack { creation: theirs.creation, peer_flags: theirs.flags };
        Ok(self.send(&messages::reply(self.params.challenge, &digest)))
    }

    fn on_ack(&mut self, body: &[u8], creation: u32, peer_flags: Flags) -> Result<Step, Failure> {
        let digest = messages::parse_ack(body).ok_or_else(|| self.garbage("its acknowledgement is none"))?;
        if !self.params.cookie.verify(self.params.challenge, &digest) {
            return Err(self.cookie_rejected());
        }
        let (ours, our_creation) = match (&self.params.ours, self.granted.take()) {
            (OurName::Node { name, creation }, _) => (name.clone(), *creation),
            (OurName::Dynamic { .. }, Some(granted)) => granted,
            (OurName::Dynamic { .. }, None) => return Err(self.garbage("it gave us no name")),
        };
        self.state = State::Ended(Failure::Misuse("next_step after Step::Done"));
        Ok(Step::Done(Established {
            peer: self.params.peer.clone(),
            creation,
            flags: Flags::effective(self.params.flags, peer_flags),
            peer_flags,
            ours,
            our_creation,
            leftover: std::mem::take(&mut self.inbox.buffer),
        }))
    }

    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        self.inbox.take().map_err(|what| self.garbage(what))
    }

    fn send(&self, body: &[u8]) -> Step {
        let mut out = Vec::with_capacity(body.len() + 4);
        messages::frame(self.params.framing, &mut out, body);
        Step::Send(out)
    }

    fn peer(&self) -> String {
        self.params.peer.to_string()
    }

    fn garbage(&self, what: &'static str) -> Failure {
        Failure::Garbage { peer: self.peer(), what }
    }

    fn cookie_rejected(&self) -> Failure {
        Failure::CookieRejected { peer: self.peer(), source: self.params.cookie.source().to_owned() }
    }
}
