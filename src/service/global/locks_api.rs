//! Locks of programs: `global:set_lock`, `del_lock` and `trans`, held by a mailbox.
//!
//! A lock is set on all nodes given, or on none. It goes when its mailbox does. Any node may take part, hidden ones
//! included: the nodes that are asked need not be members of anything.

use std::time::{Duration, Instant};

use super::wire::NAME_SERVER;
use crate::error::{Error, Result};
use crate::net::link::random_between;
use crate::node::mailbox::Mailbox;
use crate::node::message::MessageKind;
use crate::node::send::Target;
use crate::node::NodeFilter;
use crate::term::{Atom, Reference, Term, Writer};

/// Longest first pause before a lock is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two attempts, as in OTP.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// What a lock is and where it is set: `{Resource, Requester}` on some nodes.
#[derive(Debug, Clone)]
pub struct GlobalLock {
    /// What is locked: any term.
    pub resource: Term,
    /// On whose behalf: several mailboxes with the same requester hold a lock together.
    pub requester: Term,
    /// Where; `None`: this node and all visible ones that are connected.
    pub nodes: Option<Vec<Atom>>,
}

impl Mailbox {
    /// `global:set_lock/3`: true once it is set everywhere, false after `retries` (`None`: no limit) found it taken.
    ///
    /// # Errors
    /// `Timeout`; nothing is locked then.
    pub fn global_set_lock(
        &self,
        lock: &GlobalLock,
        retries: Option<u32>,
        timeout: Option<Duration>,
    ) -> Result<bool> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let nodes = self.lock_nodes(lock);
        let mut pause = FIRST_PAUSE;
        let mut left = retries;
        loop {
            let answers = match self.ask_name_servers(&nodes, "set_lock", lock, deadline) {
                Ok(answers) => answers,
                Err(error) => {
                    self.unlock_late(&nodes, lock);
                    return Err(error);
                }
            };
            if answers.iter().all(|(_, set)| *set) {
                return Ok(true);
            }
            let set: Vec<Atom> = answers.into_iter().filter(|(_, set)| *set).map(|(node, _)| node).collect();
            self.ask_name_servers(&set, "del_lock", lock, deadline)?;
            match &mut left {
                Some(0) => return Ok(false),
                Some(left) => *left -= 1,
                None => {}
            }
            self.pause(pause.mul_f64(random_between(0.0, 1.0)), deadline)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// `global:del_lock/2`.
    pub fn global_del_lock(&self, lock: &GlobalLock, timeout: Option<Duration>) -> Result<()> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.ask_name_servers(&self.lock_nodes(lock), "del_lock", lock, deadline).map(|_| ())
    }

    /// `global:trans/4`: runs `work` while the lock is set; `None` if it could not be set.
    pub fn global_trans<T>(
        &self,
        lock: &GlobalLock,
        retries: Option<u32>,
        timeout: Option<Duration>,
        work: impl FnOnce() -> T,
    ) -> Result<Option<T>> {
        // The nodes of the start count, whoever joins or leaves meanwhile.
        let lock = GlobalLock { nodes: Some(self.lock_nodes(lock)), ..lock.clone() };
        if !self.global_set_lock(&lock, retries, timeout)? {
            return Ok(None);
        }
        let unlock = Unlock { mailbox: self, lock };
        let result = work();
        drop(unlock);
        Ok(Some(result))
    }

    fn lock_nodes(&self, lock: &GlobalLock) -> Vec<Atom> {
        lock.nodes.clone().unwrap_or_else(|| {
            let mut nodes = self.node().nodes(NodeFilter::Visible);
            nodes.push(self.node().name());
            nodes
        })
    }

    /// Asks all at once; those that are gone, or have no name server, are left out of the answers.
    fn ask_name_servers(
        &self,
        nodes: &[Atom],
        word: &'static str,
        lock: &GlobalLock,
        deadline: Option<Instant>,
    ) -> Result<Vec<(Atom, bool)>> {
        let own = self.pid();
        let mut asked: Vec<(Atom, Reference)> = Vec::new();
        let outcome = (|| {
            for node in nodes {
                let target = Target::NameNode(Atom::from_static(NAME_SERVER), node.clone());
                let reference = self.monitor(&target)?;
                asked.push((node.clone(), reference.clone()));
                let mut call = Writer::new();
                call.tuple(3).atom("$gen_call").tuple(2).pid(&own).reference(&reference);
                call.tuple(2).atom(word).tuple(2).term(&lock.resource).term(&lock.requester);
                match self.send(&target, &call.finish()?, left(deadline)) {
                    // The monitor will say so.
                    Err(error) if error.is_disconnect() => {}
                    sent => sent?,
                }
            }
            let mut answers = Vec::new();
            for (node, reference) in &asked {
                let answer = self.recv_reply(reference, left(deadline));
                let answer = answer.map_err(|error| match error.is_timeout() {
                    true => Error::Timeout("a name server did not answer".into()),
                    false => error,
                })?;
                if answer.kind() != MessageKind::Down {
                    let mut reader = answer.reader();
                    let set = reader.tuple_of(2) && reader.skip() && reader.atom_is("true");
                    answers.push((node.clone(), set));
                }
            }
            Ok(answers)
        })();
        for (_, reference) in &asked {
            self.demonitor(reference, true);
            // An answer that came although time was over must not stay among the messages.
            while self.recv_reply(reference, Some(Duration::ZERO)).is_ok() {}
        }
        outcome
    }

    /// Takes a lock back whose setting was given up; nobody waits for the answers.
    fn unlock_late(&self, nodes: &[Atom], lock: &GlobalLock) {
        for node in nodes {
            let target = Target::NameNode(Atom::from_static(NAME_SERVER), node.clone());
            let mut call = Writer::new();
            call.tuple(3).atom("$gen_call").tuple(2).pid(&self.pid());
            // The answer goes to an alias that nobody has.
            call.list(1).atom("alias").reference(&self.node().make_ref());
            call.tuple(2).atom("del_lock").tuple(2).term(&lock.resource).term(&lock.requester);
            if let Ok(call) = call.finish() {
                let _ = self.send(&target, &call, Some(Duration::ZERO));
            }
        }
    }

    /// Waits; messages that arrive stay where they are.
    fn pause(&self, pause: Duration, deadline: Option<Instant>) -> Result<()> {
        let pause = left(deadline).map_or(pause, |left| left.min(pause));
        let never = self.node().make_ref();
        self.wait(Some(&never), Some(pause))?;
        match left(deadline) {
            Some(Duration::ZERO) => Err(Error::Timeout("the lock is taken".into())),
            _ => Ok(()),
        }
    }
}

fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// Takes the lock away even when the work panics.
struct Unlock<'a> {
    mailbox: &'a Mailbox,
    lock: GlobalLock,
}

/// How long unlocking waits for nodes that do not answer.
const UNLOCK_WAIT: Duration = Duration::from_secs(5);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        let _ = self.mailbox.global_del_lock(&self.lock, Some(UNLOCK_WAIT));
    }
}
