//! The called side of a handshake.

use super::messages::{self, Announce};
use super::{printable, Established, Failure, Framing, Inbox, Step};
use crate::proto::digest::Cookie;
use crate::proto::flags::Flags;
use crate::proto::name::{check_host, latin1_text, NameFault, NodeName};
use bytes::Bytes;

/// What the called side needs to know before anybody calls.
pub struct AcceptorParams {
    /// Our name.
    pub name: NodeName,
    /// Our creation.
    pub creation: u32,
    /// What we announce.
    pub flags: Flags,
    /// A fresh random number.
    pub challenge: u32,
    /// Two-byte lengths on TCP, four-byte lengths inside TLS.
    pub framing: Framing,
}

/// How a caller announced itself. Nothing of it is proved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its name, or the wish for one.
    pub name: PeerName,
    /// What it can do. Only the lower half with version 5.
    pub flags: Flags,
    /// Its creation; 0 with version 5, where it comes later.
    pub creation: u32,
    /// It speaks version 5 (OTP 23 and 24 without news from epmd).
    pub old: bool,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerName {
    /// A node with a name.
    Node(NodeName),
    /// A node on this host that asks us for a name; answer with [`Decision::Named`].
    Dynamic {
        /// Its host.
        host: String,
    },
}

/// The answer to a [`Hello`].
pub enum Decision {
    /// No connection and no attempt to that node: come in.
    Ok(Cookie),
    /// An attempt of ours was dropped in favour of this one (its name is the greater one).
    OkSimultaneous(Cookie),
    /// There is a connection. If the caller insists and proves itself, [`Step::KillOld`] follows.
    Alive(Cookie),
    /// For a caller that asked for a name.
    Named {
        /// Its name from now on. Its host must be the announced one.
        name: NodeName,
        /// Its creation from now on.
        creation: u32,
        /// The cookie that it has to prove.
        cookie: Cookie,
    },
    /// Our own attempt goes on. Only when there really is one: a BEAM waits 7 s after this.
    Nok,
    /// Not on the allow-list.
    NotAllowed,
    /// Close without a word.
    Close,
}

/// A caller that was let in so far.
struct Guest {
    name: NodeName,
    flags: Flags,
    creation: u32,
    cookie: Cookie,
    /// We have a connection to it, which this one will replace.
    alive: bool,
    old: bool,
}

enum State {
    Hello,
    Ask(Hello),
    /// Send these bytes, then wait in the next state.
    Say(Vec<u8>, Box<State>),
    AliveReply(Guest),
    Complement(Guest),
    Reply(Guest),
    KillOld(Guest, u32),
    Ack(Guest, u32),
    Finish(Guest),
    Ended(Failure),
}

/// The called side: [`next_step`](Self::next_step), [`feed`](Self::feed), [`eof`](Self::eof),
/// [`decide`](Self::decide), [`old_gone`](Self::old_gone).
pub struct Acceptor {
    params: AcceptorParams,
    inbox: Inbox,
    state: State,
    /// The name the caller gave, for texts.
    peer: Option<String>,
}

/// Leaves room before the `@` for the name that we give.
const MAX_HOST: usize = 220;

/// Stands for a state that is being replaced; seen only if a transition forgot to.
const BETWEEN: State = State::Ended(Failure::Misuse("next_step after the end"));

impl Acceptor {
    /// Waits for somebody to announce itself.
    pub fn new(params: AcceptorParams) -> Self {
        Acceptor { inbox: Inbox::new(params.framing), params, state: State::Hello, peer: None }
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

    /// Answers [`Step::Ask`].
    pub fn decide(&mut self, decision: Decision) {
        self.state = match std::mem::replace(&mut self.state, BETWEEN) {
            State::Ask(hello) => self.decided(hello, decision),
            _ => State::Ended(Failure::Misuse("decide without Step::Ask")),
        };
    }

    /// Answers [`Step::KillOld`]: the old connection is down and everybody concerned was told.
    pub fn old_gone(&mut self) {
        self.state = match std::mem::replace(&mut self.state, BETWEEN) {
            State::KillOld(guest, challenge) => State::Ack(guest, challenge),
            _ => State::Ended(Failure::Misuse("old_gone without Step::KillOld")),
        };
    }

    /// What the end of the stream means at this stage.
    pub fn eof(&mut self) -> Failure {
        let stage = match &self.state {
            State::Hello => "it closed the connection before it said its name",
            State::Ask(_) | State::Say(..) => "it closed the connection while we looked at its name",
            State::AliveReply(_) => "it closed the connection after our status alive",
            State::Complement(_) | State::Reply(_) => {
                "it closed the connection after our challenge: it does not accept our name or our flags"
            }
            State::KillOld(..) | State::Ack(..) | State::Finish(_) => {
                "it closed the connection at the end of the handshake"
            }
            State::Ended(failure) => return failure.clone(),
        };
        let failure = Failure::Eof { peer: self.peer(), stage };
        self.state = State::Ended(failure.clone());
        failure
    }

    fn step(&mut self) -> Result<Step, Failure> {
        loop {
            self.state = match std::mem::replace(&mut self.state, BETWEEN) {
                State::Hello => match self.take()? {
                    Some(body) => self.on_hello(&body)?,
                    None => return self.need_more(State::Hello),
                },
                State::Ask(hello) => {
                    self.state = State::Ask(hello.clone());
                    return Ok(Step::Ask(hello));
                }
                State::Say(bytes, next) => {
                    self.state = *next;
                    return Ok(Step::Send(bytes));
                }
                State::AliveReply(guest) => match self.take()? {
                    Some(body) => self.on_alive_reply(&body, guest)?,
                    None => return self.need_more(State::AliveReply(guest)),
                },
                State::Complement(guest) => match self.take()? {
                    Some(body) => self.on_complement(&body, guest)?,
                    None => return self.need_more(State::Complement(guest)),
                },
                State::Reply(guest) => match self.take()? {
                    Some(body) => self.on_reply(&body, guest)?,
                    None => return self.need_more(State::Reply(guest)),
                },
                State::KillOld(guest, challenge) => {
                    self.state = State::KillOld(guest, challenge);
                    return Ok(Step::KillOld);
                }
                State::Ack(guest, challenge) => {
                    let mut out = Vec::new();
                    self.frame(&mut out, &messages::ack(&guest.cookie.digest(challenge)));
                    State::Say(out, Box::new(State::Finish(guest)))
                }
                State::Finish(guest) => return Ok(Step::Done(self.established(guest))),
                State::Ended(failure) => return Err(failure),
            };
        }
    }

    fn need_more(&mut self, state: State) -> Result<Step, Failure> {
        self.state = state;
        Ok(Step::NeedMore)
    }

    fn on_hello(&mut self, body: &[u8]) -> Result<State, Failure> {
        let Some(announce) = messages::parse_announce(body) else {
            return Err(self.garbage("its first message is no announcement of a node"));
        };
        let name = match self.peer_name(&announce) {
            Ok(name) => name,
            Err(fault) => {
                let failure = Failure::BadName { name: printable(announce.name), why: fault.why() };
                return match fault {
                    NameFault::Shape(_) => Err(failure),
                    NameFault::Chars(_) => Ok(self.refuse("nok", failure)),
                };
            }
        };
        self.peer = Some(match &name {
            PeerName::Node(name) => name.to_string(),
            PeerName::Dynamic { host } => format!("a node without a name on {host}"),
        });
        if matches!(&name, PeerName::Node(name) if *name == self.params.name) {
            return Ok(self.refuse(
                "nok",
                Failure::RefusedByUs { peer: self.peer(), status: "nok: it bears our name" },
            ));
        }
        let missing = announce.flags.missing_mandatory();
        if !missing.is_empty() {
            return Ok(self.refuse("not_allowed", Failure::MissingFlags { peer: self.peer(), missing }));
        }
        Ok(State::Ask(Hello { name, flags: announce.flags, creation: announce.creation, old: announce.old }))
    }

    fn peer_name(&self, announce: &Announce<'_>) -> Result<PeerName, NameFault> {
        // Version 5 has no upper half of flags yet, hence no dynamic names.
        if announce.old || !announce.flags.has(Flags::NAME_ME) {
            return NodeName::parse_latin1(announce.name).map(PeerName::Node);
        }
        if announce.name.len() > MAX_HOST {
            return Err(NameFault::Shape("its host is too long"));
        }
        // A whole name is refused here as well: the two wishes contradict each other.
        let host = latin1_text(announce.name);
        check_host(&host).map_err(|fault| NameFault::Shape(fault.why()))?;
        Ok(PeerName::Dynamic { host })
    }

    fn refuse(&self, status: &str, failure: Failure) -> State {
        let mut out = Vec::new();
        self.frame(&mut out, &messages::status(status));
        State::Say(out, Box::new(State::Ended(failure)))
    }

    fn decided(&self, hello: Hello, decision: Decision) -> State {
        let refused = |status| Failure::RefusedByUs { peer: self.peer(), status };
        let (status, cookie) = match (decision, hello.name) {
            (Decision::Nok, _) => return self.refuse("nok", refused("nok")),
            (Decision::NotAllowed, _) => return self.refuse("not_allowed", refused("not_allowed")),
            (Decision::Close, _) => return State::Ended(refused("nothing")),
            (Decision::Named { name, creation, cookie }, PeerName::Dynamic { host })
                if name.host() == host =>
            {
                let guest = Guest { name, flags: hello.flags, creation, cookie, alive: false, old: false };
                let mut out = Vec::new();
                self.frame(&mut out, &messages::named(&guest.name, creation));
                return self.challenge(out, guest);
            }
            (Decision::Ok(cookie), PeerName::Node(name)) => ("ok", (name, cookie)),
            (Decision::OkSimultaneous(cookie), PeerName::Node(name)) => ("ok_simultaneous", (name, cookie)),
            (Decision::Alive(cookie), PeerName::Node(name)) => ("alive", (name, cookie)),
            (Decision::Named { .. }, _) => {
                return State::Ended(Failure::Misuse(
                    "a name was given that was not asked for, or has another host",
                ))
            }
            (
                Decision::Ok(_) | Decision::OkSimultaneous(_) | Decision::Alive(_),
                PeerName::Dynamic { .. },
            ) => return State::Ended(Failure::Misuse("a node that asks for a name needs one")),
        };
        let (name, cookie) = cookie;
        let alive = status == "alive";
        let guest =
            Guest { name, flags: hello.flags, creation: hello.creation, cookie, alive, old: hello.old };
        let mut out = Vec::new();
        self.frame(&mut out, &messages::status(status));
        if alive {
            State::Say(out, Box::new(State::AliveReply(guest)))
        } else {
            self.challenge(out, guest)
        }
    }

    /// Sends what is in `out` and the challenge behind it.
    fn challenge(&self, mut out: Vec<u8>, guest: Guest) -> State {
        // A BEAM that asked for a name crashes unless the answer repeats the bit; to others it means nothing.
        let flags = if guest.flags.has(Flags::NAME_ME) {
            self.params.flags.with(Flags::NAME_ME)
        } else {
            self.params.flags.without(Flags::NAME_ME)
        };
        let p = &self.params;
        self.frame(&mut out, &messages::challenge(flags, p.challenge, p.creation, &p.name));
        let next = if guest.old { State::Complement(guest) } else { State::Reply(guest) };
        State::Say(out, Box::new(next))
    }

    fn on_alive_reply(&self, body: &[u8], guest: Guest) -> Result<State, Failure> {
        match body {
            b"strue" => Ok(self.challenge(Vec::new(), guest)),
            b"sfalse" => Err(Failure::Withdrawn { peer: self.peer() }),
            _ => Err(self.garbage("its answer to the status alive is neither true nor false")),
        }
    }

    fn on_complement(&self, body: &[u8], mut guest: Guest) -> Result<State, Failure> {
        let complement = messages::parse_complement(body)
            .ok_or_else(|| self.garbage("the second half of its announcement is missing"))?;
        guest.flags = guest.flags.with(Flags(u64::from(complement.flags_high) << 32)).without(Flags::NAME_ME);
        guest.creation = complement.creation;
        Ok(State::Reply(guest))
    }

    fn on_reply(&self, body: &[u8], guest: Guest) -> Result<State, Failure> {
        let reply =
            messages::parse_reply(body).ok_or_else(|| self.garbage("its answer to our challenge is none"))?;
        if reply.challenge == self.params.challenge {
            return Err(Failure::Reflected { peer: self.peer() });
        }
        if !guest.cookie.verify(self.params.challenge, &reply.digest) {
            let source = guest.cookie.source().to_owned();
            return Err(Failure::CookieRejected { peer: self.peer(), source });
        }
        if guest.alive {
            Ok(State::KillOld(guest, reply.challenge))
        } else {
            Ok(State::Ack(guest, reply.challenge))
        }
    }

    fn established(&mut self, guest: Guest) -> Established {
        Established {
            peer: guest.name,
            creation: guest.creation,
            flags: Flags::effective(self.params.flags, guest.flags),
            peer_flags: guest.flags,
            ours: self.params.name.clone(),
            our_creation: self.params.creation,
            leftover: std::mem::take(&mut self.inbox.buffer),
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Failure> {
        self.inbox.take().map_err(|what| self.garbage(what))
    }

    fn frame(&self, out: &mut Vec<u8>, body: &[u8]) {
        messages::frame(self.params.framing, out, body);
    }

    fn peer(&self) -> String {
        self.peer.clone().unwrap_or_else(|| "an unknown caller".to_owned())
    }

    fn garbage(&self, what: &'static str) -> Failure {
        Failure::Garbage { peer: self.peer(), what }
    }
}
