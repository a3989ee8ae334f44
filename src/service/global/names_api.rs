//! What programs do with global names: register, find, send, call.
//!
//! On a member these are the operations of `global` itself. A hidden node asks a connected member (`client`); a node that
//! is visible without being a member (`connect_all` false) has only the names that were registered through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::client;
use super::driver::Ask;
use super::machine::Outcome;
use super::registrar::Request;
use super::resolve::Resolve;
use super::Service;
use crate::error::{Error, Result};
use crate::node::mailbox::Mailbox;
use crate::node::message::Message;
use crate::node::send::Target;
use crate::node::{Inner, Node};
use crate::term::{Pid, Term};

/// The name server of a node.
pub(super) fn service(node: &Arc<Inner>) -> &Service {
    &crate::service::services(node).global
}

/// The names of this node, as `ets:tab2list(global_names)` gives them.
pub(crate) fn table(node: &Arc<Inner>) -> Option<Term> {
    let names = service(node).machine.lock().as_ref()?.names.registrations();
    // The reference of the monitor, which is of no use elsewhere.
    let monitor = Term::from(&node.make_ref());
    let row = |name: &Term| Term::tuple(name.as_tuple().into_iter().flatten().chain([&monitor]).cloned());
    Some(names.as_list().unwrap_or_default().iter().map(row).collect())
}

impl Inner {
    async fn global_change(self: Arc<Self>, request: Request) -> Result<bool> {
        let (done, outcome) = oneshot::channel();
        service(&self).ask(Ask::Change { request, done })?;
        match outcome.await {
            Ok(Outcome::Yes) => Ok(true),
            Ok(Outcome::No) => Ok(false),
            Ok(Outcome::Full) => Err(Error::Limit("the table of global names is full".into())),
            Err(_) => Err(Error::Closed("node")),
        }
    }

    /// The process of a global name, as far as this node knows.
    pub(super) fn global_lookup(self: &Arc<Self>, name: &Term) -> Result<Option<Pid>> {
        let pid = {
            let machine = service(self).machine.lock();
            machine.as_ref().and_then(|machine| machine.whereis(name).cloned())
        };
        // One of ours may have ended a moment ago.
        Ok(pid.filter(|pid| !self.is_local(pid) || self.find(pid).is_some()))
    }

    pub(super) fn global_list(self: &Arc<Self>) -> Result<Vec<Term>> {
        let machine = service(self).machine.lock();
        Ok(machine.as_ref().map(super::machine::Global::registered_names).unwrap_or_default())
    }
}

impl Node {
    fn is_global_client(&self) -> bool {
        !self.inner().config.visible
    }

    /// `global:register_name/3`: gives `pid`, of any node, this name in the whole cluster. False if the name is taken, or
    /// the process has another one. The name goes when the process or its node does.
    ///
    /// # Errors
    /// `Timeout`: it may still be registered then. `Limit` if the table is full. On a hidden node `NoConnection` if no
    /// member is connected.
    pub fn global_register(
        &self,
        name: &Term,
        pid: &Pid,
        resolve: &Resolve,
        timeout: Option<Duration>,
    ) -> Result<bool> {
        self.global_change(change(name, pid, resolve, false), timeout)
    }

    /// `global:re_register_name/3`: gives `pid` this name, whoever had it.
    pub fn global_reregister(
        &self,
        name: &Term,
        pid: &Pid,
        resolve: &Resolve,
        timeout: Option<Duration>,
    ) -> Result<()> {
        self.global_change(change(name, pid, resolve, true), timeout).map(|_| ())
    }

    /// `global:unregister_name/1`.
    pub fn global_unregister(&self, name: &Term, timeout: Option<Duration>) -> Result<()> {
        self.global_change(Request::Unregister { name: name.clone() }, timeout).map(|_| ())
    }

    fn global_change(&self, request: Request, timeout: Option<Duration>) -> Result<bool> {
        let inner = self.inner().clone();
        let client = self.is_global_client();
        self.inner().block(timeout, "the change of a global name", async move {
            match client {
                true => client::change(&inner, request).await,
                false => inner.global_change(request).await,
            }
        })?
    }

    /// `global:whereis_name/1`. A member looks into its own table and does not wait.
    pub fn global_whereis(&self, name: &Term, timeout: Option<Duration>) -> Result<Option<Pid>> {
        self.inner().check_running()?;
        if !self.is_global_client() {
            return self.inner().global_lookup(name);
        }
        let (inner, name) = (self.inner().clone(), name.clone());
        self.inner().block(timeout, "the search for a global name", async move {
            client::whereis(&inner, name).await
        })?
    }

    /// `global:registered_names/0`.
    pub fn global_names(&self, timeout: Option<Duration>) -> Result<Vec<Term>> {
        self.inner().check_running()?;
        if !self.is_global_client() {
            return self.inner().global_list();
        }
        let inner = self.inner().clone();
        self.inner().block(timeout, "the list of global names", async move { client::names(&inner).await })?
    }

    /// `global:sync/0`: waits until all visible nodes that are connected have the names that we have. A hidden node
    /// shares no names, so it has nothing to wait for.
    pub fn global_sync(&self, timeout: Option<Duration>) -> Result<()> {
        let inner = self.inner().clone();
        self.inner().block(timeout, "the synchronisation of global names", async move {
            let (done, outcome) = oneshot::channel();
            service(&inner).ask(Ask::Sync { done })?;
            outcome.await.map(|_| ()).map_err(|_| Error::Closed("node"))
        })?
    }
}

fn change(name: &Term, pid: &Pid, resolve: &Resolve, anew: bool) -> Request {
    let (name, pid, method) = (name.clone(), pid.clone(), resolve.method());
    match anew {
        false => Request::Register { name, pid, method },
        true => Request::Reregister { name, pid, method },
    }
}

impl Mailbox {
    /// `global:register_name/2` for this mailbox.
    pub fn global_register(&self, name: &Term, resolve: &Resolve, timeout: Option<Duration>) -> Result<bool> {
        self.node().global_register(name, &self.pid(), resolve, timeout)
    }

    /// `global:send/2`: gives the pid that it was sent to.
    ///
    /// # Errors
    /// `NoProcess` if nobody has the name.
    pub fn global_send(&self, name: &Term, payload: &[u8], timeout: Option<Duration>) -> Result<Pid> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let pid = self.global_target(name, timeout)?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.send(&Target::Pid(pid.clone()), payload, left)?;
        Ok(pid)
    }

    /// `gen_server:call({global, Name}, Request, Timeout)`.
    ///
    /// # Errors
    /// `NoProcess` if nobody has the name; else as [`call`](Self::call).
    pub fn global_call(&self, name: &Term, request: &[u8], timeout: Option<Duration>) -> Result<Message> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let pid = self.global_target(name, timeout)?;
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        self.call(&Target::Pid(pid), request, left)
    }

    fn global_target(&self, name: &Term, timeout: Option<Duration>) -> Result<Pid> {
        let found = self.node().global_whereis(name, timeout)?;
        found.ok_or_else(|| Error::NoProcess(format!("is registered globally as {name}")))
    }
}
