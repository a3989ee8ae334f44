//! Who calls us: the decision about each caller (protocol section 3.3), names for those who ask for one, the allow-list.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

use super::{random_u32, Attempt, MAX_KNOWN};
use crate::error::{Error, Result};
use crate::log;
use crate::net::link::DownReason;
use crate::net::listen::Gate;
use crate::net::tls::Credentials;
use crate::net::transport::Transport;
use crate::node::{Inner, MIN_CREATION};
use crate::proto::handshake::{AcceptorParams, Decision, Established, Hello, PeerName};
use crate::proto::name::NodeName;
use crate::term::Atom;

impl Gate for Inner {
    fn params(&self, attempt: u64) -> Result<AcceptorParams> {
        let challenge = random_u32()?;
        self.peers.challenges.lock().insert(attempt, challenge);
        Ok(AcceptorParams {
            name: self.node_name().ok_or(Error::NotAlive)?,
            creation: self.creation(),
            flags: self.our_flags(),
            challenge,
            framing: self.framing(),
        })
    }

    fn decide(&self, attempt: u64, hello: &Hello) -> Decision {
        let name = match &hello.name {
            PeerName::Node(name) => name.clone(),
            PeerName::Dynamic { host } => return self.grant_name(attempt, host),
        };
        let (Ok(node), Some(ours)) = (Atom::new(name.as_str()), self.node_name()) else {
            return Decision::Close;
        };
        if name == ours {
            log::warn(format_args!("a node that calls itself {name}, our own name, was refused"));
            return Decision::Nok;
        }
        if !self.is_allowed(&name) {
            log::warn(format_args!("Connection attempt from disallowed node {name}"));
            return Decision::NotAllowed;
        }
        let cookie = self.cookies.for_peer(&node);
        let mut entries = self.peers.entries.lock();
        if entries.len() >= MAX_KNOWN && !entries.contains_key(&node) {
            return Decision::NotAllowed;
        }
        self.callers.lock().insert(attempt, node.clone());
        let entry = entries.entry(node).or_default();
        if entry.up.is_some() {
            if entry.replacing.is_some() {
                return Decision::Close;
            }
            entry.replacing = Some(attempt);
            return Decision::Alive(cookie);
        }
        match &entry.pending {
            None => {
                entry.pending = Some(Attempt::theirs(attempt));
                Decision::Ok(cookie)
            }
            // A call of ours that has no socket yet gives way to one that is here already, whatever the names say.
            Some(pending) if ours > name && pending.opened.load(Ordering::Relaxed) => Decision::Nok,
            Some(pending) => {
                pending.ours.as_ref().inspect(|task| task.abort());
                entry.pending = Some(Attempt::theirs(attempt));
                Decision::OkSimultaneous(cookie)
            }
        }
    }

    async fn replace(&self, attempt: u64) {
        let Some(node) = self.callers.lock().get(&attempt).cloned() else { return };
        // Not the table of links: one that is ending has left that, and its end is not told yet.
        let link = self.peers.entries.lock().get(&node).and_then(|entry| entry.up.clone());
        if let Some(link) = link {
            link.close(DownReason::Replaced);
            link.gone().await;
        }
    }

    fn welcome(self: &Arc<Self>, attempt: u64, transport: Transport, peer: Established) {
        self.callers.lock().remove(&attempt);
        self.peers.challenges.lock().remove(&attempt);
        if let Ok(node) = Atom::new(peer.peer.as_str()) {
            self.establish(attempt, &node, transport, peer);
        }
    }

    fn farewell(self: &Arc<Self>, attempt: u64, remote: SocketAddr, error: Option<Error>) {
        let node = self.callers.lock().remove(&attempt);
        self.peers.challenges.lock().remove(&attempt);
        let error = error.unwrap_or_else(|| Error::Limit("too many callers in the handshake".into()));
        match (&node, &error) {
            (Some(node), Error::CookieRejected { .. }) => {
                log::warn(format_args!("Connection attempt from node {node} rejected. Invalid cookie."));
            }
            (_, Error::Tls { .. }) => log::warn(format_args!("no connection with a caller: {error}")),
            _ => log::debug(format_args!("handshake with {remote} ended: {error}")),
        }
        if let Some(node) = node {
            self.give_up(&node, attempt, &error);
        }
    }

    fn tls(&self) -> Option<Arc<Credentials>> {
        self.tls.clone()
    }

    fn is_choosy(&self) -> bool {
        self.allow.read().is_some()
    }

    fn next_attempt(&self) -> u64 {
        self.peers.attempts.fetch_add(1, Ordering::Relaxed)
    }

    fn setup_time(&self) -> Duration {
        self.config.setup_time
    }
}

impl Inner {
    /// Whether the allow-list has it.
    pub(crate) fn is_allowed(&self, peer: &NodeName) -> bool {
        self.allow.read().as_ref().is_none_or(|allow| allowed(allow, peer))
    }

    /// A name for a node that asks for one: 13 random letters and digits at its host.
    fn grant_name(&self, attempt: u64, host: &str) -> Decision {
        let granted = random_name().and_then(|alive| {
            let name = NodeName::new(&format!("{alive}@{host}"))?;
            let node = Atom::new(name.as_str())?;
            Ok((name, node, random_u32()?.max(MIN_CREATION)))
        });
        let Ok((name, node, creation)) = granted else { return Decision::Close };
        let cookie = self.cookies.for_peer(&node);
        self.callers.lock().insert(attempt, node.clone());
        let mut entries = self.peers.entries.lock();
        if entries.len() >= MAX_KNOWN {
            return Decision::NotAllowed;
        }
        let entry = entries.entry(node).or_default();
        entry.pending = Some(Attempt::theirs(attempt));
        entry.granted = true;
        Decision::Named { name, creation, cookie }
    }
}

/// Letters and digits of a granted name: 64 random bits, as a BEAM uses.
fn random_name() -> Result<String> {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut number = u64::from(random_u32()?) << 32 | u64::from(random_u32()?);
    let mut name = String::with_capacity(13);
    for _ in 0..13 {
        name.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    Ok(name)
}

/// `net_kernel:allow/1`: entries are `name@host`, `host` or `name@`.
fn allowed(allow: &[Atom], name: &NodeName) -> bool {
    allow.iter().any(|entry| match entry.as_str().split_once('@') {
        Some((alive, "")) => alive == name.alive(),
        Some(_) => entry.as_str() == name.as_str(),
        None => entry.as_str() == name.host(),
    })
}
