//! What this node is called, for how long, and what it names by that: pids and references.
//!
//! A granted name is lost with the connection to the peer that granted it.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::error::Result;
use crate::log;
use crate::net::link::DownReason;
use crate::node::process::Process;
use crate::node::{host, Inner, NO_NODE, UNDEFINED};
use crate::proto::control::Control;
use crate::proto::handshake::Established;
use crate::proto::name::NodeName;
use crate::term::{Atom, Pid, Reference};

/// What the node is called at present.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) name: Option<NodeName>,
    pub(super) atom: Atom,
    pub(super) creation: u32,
    /// The peer that granted the name; it is lost with the connection to it.
    pub(super) granted_by: Option<Atom>,
}

impl Inner {
    pub(crate) fn name(&self) -> Atom {
        self.identity.read().atom.clone()
    }

    pub(crate) fn node_name(&self) -> Option<NodeName> {
        self.identity.read().name.clone()
    }

    pub(crate) fn creation(&self) -> u32 {
        self.identity.read().creation
    }

    pub(crate) fn is_our_name(&self, node: &Atom) -> bool {
        self.identity.read().atom == *node
    }

    /// True for pids that bear our name, of this life or an earlier one.
    pub(crate) fn is_local(&self, pid: &Pid) -> bool {
        self.is_our_name(&pid.node) || pid.node.as_str() == NO_NODE
    }

    /// What the table of links knows a pid by: those of this node stay the same when it gets or loses its name.
    pub(crate) fn link_key(&self, pid: &Pid) -> Pid {
        match self.is_local(pid) {
            true => Pid { node: Atom::from_static(NO_NODE), creation: 0, ..pid.clone() },
            false => pid.clone(),
        }
    }

    /// The pid under the name that the node has by now, if it was taken while it had none.
    pub(crate) fn current(&self, pid: &Pid) -> Pid {
        if pid.node.as_str() != NO_NODE {
            return pid.clone();
        }
        let identity = self.identity.read();
        Pid { node: identity.atom.clone(), creation: identity.creation, ..pid.clone() }
    }

    /// Puts the name that the node has by now into a signal that was made while it had none.
    pub(crate) fn sign(&self, control: &mut Control) {
        match control {
            Control::Link { from, .. }
            | Control::UnlinkId { from, .. }
            | Control::UnlinkIdAck { from, .. }
            | Control::PayloadExit { from, .. }
            | Control::PayloadExit2 { from, .. }
            | Control::SendSender { from, .. }
            | Control::RegSend { from, .. }
            | Control::AliasSend { from, .. } => *from = self.current(from),
            Control::GroupLeader { leader, .. } => *leader = self.current(leader),
            Control::MonitorP { from, reference, .. } | Control::DemonitorP { from, reference, .. } => {
                *from = self.current(from);
                self.sign_reference(reference);
            }
            Control::SpawnRequest(request) => {
                request.from = self.current(&request.from);
                request.leader = self.current(&request.leader);
                self.sign_reference(&mut request.reference);
            }
            _ => {}
        }
    }

    fn sign_reference(&self, reference: &mut Reference) {
        if let Some(number) = self.number_of(reference) {
            *reference = self.reference_of(number);
        }
    }

    pub(crate) fn pid_of(&self, process: &Process) -> Pid {
        let identity = self.identity.read();
        Pid {
            node: identity.atom.clone(),
            id: process.id,
            serial: process.serial,
            creation: identity.creation,
        }
    }

    /// The pid that stands for the node where no process is concerned.
    pub(crate) fn node_pid(&self) -> Pid {
        let identity = self.identity.read();
        Pid { node: identity.atom.clone(), id: 0, serial: 0, creation: identity.creation }
    }

    /// The living process with this pid.
    pub(crate) fn find(&self, pid: &Pid) -> Option<Arc<Process>> {
        {
            let identity = self.identity.read();
            let ours = identity.atom == pid.node && identity.creation == pid.creation;
            if !ours && pid.node.as_str() != NO_NODE {
                return None;
            }
        }
        self.processes.get(pid.id, pid.serial)
    }

    pub(crate) fn make_ref(&self) -> Reference {
        self.reference_of(self.references.fetch_add(1, Ordering::Relaxed))
    }

    /// What tells references of this life of the node apart; `None` for those of others.
    pub(crate) fn number_of(&self, reference: &Reference) -> Option<u64> {
        match *reference.words() {
            [low, high, salt] if salt == self.reference_salt => Some(u64::from(high) << 18 | u64::from(low)),
            _ => None,
        }
    }

    /// The reference with this number.
    pub(crate) fn reference_of(&self, number: u64) -> Reference {
        let identity = self.identity.read();
        // The first word stays under 2^18: BEAMs refuse larger ones for refs that name themselves.
        let words = [(number & 0x3ffff) as u32, (number >> 18) as u32, self.reference_salt];
        Reference::new(identity.atom.clone(), identity.creation, &words).expect("three words are allowed")
    }

    /// A node started as `undefined` asks the first peer it calls for a name.
    pub(crate) fn asks_for_name(&self) -> bool {
        self.config.name == UNDEFINED
    }

    pub(crate) fn host(&self) -> Result<String> {
        host::own_host(self.config.names)
    }

    /// Takes the name that a peer granted.
    pub(crate) fn adopt_name(&self, established: &Established, peer: &Atom) {
        let mut identity = self.identity.write();
        if identity.name.is_some() {
            return;
        }
        if let Ok(atom) = Atom::new(established.ours.as_str()) {
            log::info(format_args!("{peer} granted the name {atom}"));
            *identity = Identity {
                name: Some(established.ours.clone()),
                atom,
                creation: established.our_creation,
                granted_by: Some(peer.clone()),
            };
        }
    }

    /// Without the peer that granted our name we have none: it may give it to somebody else.
    pub(crate) fn lose_granted_name(&self, peer: &Atom) {
        {
            let mut identity = self.identity.write();
            if identity.granted_by.as_ref() != Some(peer) {
                return;
            }
            let atom = Atom::from_static(NO_NODE);
            *identity = Identity { name: None, atom, creation: 0, granted_by: None };
        }
        for link in self.peers.links() {
            link.close(DownReason::Disconnect);
        }
    }
}
