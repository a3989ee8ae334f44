//! Who wants to hear of nodes coming and going (`monitor_node/2`, `net_kernel:monitor_nodes/1,2`).

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::Mutex;

use crate::node::links::finish;
use crate::node::message::{Message, MessageKind};
use crate::node::process::Process;
use crate::term::{Atom, Writer};

/// Which nodes a subscriber hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeType {
    /// Visible ones; the default of OTP.
    Visible,
    /// Hidden ones.
    Hidden,
    /// All.
    All,
}

/// What a subscriber wants.
#[derive(Debug, Clone, Copy)]
pub struct MonitorNodes {
    /// Which nodes.
    pub node_type: NodeType,
    /// With an info map as third element: `node_type` and, going down, `nodedown_reason`.
    pub info: bool,
}

impl Default for MonitorNodes {
    fn default() -> Self {
        MonitorNodes { node_type: NodeType::All, info: false }
    }
}

/// The subscribers.
#[derive(Default)]
pub(crate) struct Events {
    all: Mutex<Vec<(Arc<Process>, MonitorNodes)>>,
    /// `monitor_node(Node, true)`: one `{nodedown, Node}` per call.
    one: Mutex<HashMap<Atom, Vec<Arc<Process>>>>,
}

impl Events {
    pub(crate) fn subscribe(&self, process: Arc<Process>, wish: MonitorNodes) {
        if process.relate(|relations| relations.watches_nodes = true).is_some() {
            self.all.lock().push((process, wish));
        }
    }

    /// Ends everything that an ended process watched.
    pub(crate) fn forget(&self, process: &Process) {
        let is_it = |other: &Arc<Process>| std::ptr::eq(&**other, process);
        self.all.lock().retain(|(other, _)| !is_it(other));
        self.one.lock().retain(|_, watchers| {
            watchers.retain(|other| !is_it(other));
            !watchers.is_empty()
        });
    }

    /// Ends all subscriptions of `process` to all nodes.
    pub(crate) fn unsubscribe(&self, process: &Arc<Process>) {
        self.all.lock().retain(|(other, _)| !Arc::ptr_eq(other, process));
    }

    pub(crate) fn watch(&self, node: Atom, process: Arc<Process>) {
        if process.relate(|relations| relations.watches_nodes = true).is_some() {
            self.one.lock().entry(node).or_default().push(process);
        }
    }

    /// Takes one `watch` back.
    pub(crate) fn unwatch(&self, node: &Atom, process: &Arc<Process>) -> bool {
        let mut one = self.one.lock();
        let Some(watchers) = one.get_mut(node) else { return false };
        let Some(place) = watchers.iter().position(|other| Arc::ptr_eq(other, process)) else { return false };
        watchers.swap_remove(place);
        if watchers.is_empty() {
            one.remove(node);
        }
        true
    }

    pub(crate) fn up(&self, node: &Atom, visible: bool) {
        self.tell(node, visible, None);
    }

    pub(crate) fn down(&self, node: &Atom, visible: bool, reason: &str) {
        self.tell(node, visible, Some(reason));
        self.down_once(node);
    }

    /// `{nodedown, Node}` to those who watch just this node.
    pub(crate) fn down_once(&self, node: &Atom) {
        let watchers = self.one.lock().remove(node).unwrap_or_default();
        for process in watchers {
            let mut writer = Writer::new();
            writer.tuple(2).atom("nodedown").atom_term(node);
            process.signal(Message::new(MessageKind::NodeDown, None, finish(writer)));
        }
    }

    fn tell(&self, node: &Atom, visible: bool, reason: Option<&str>) {
        let mut all = self.all.lock();
        all.retain(|(process, _)| process.is_alive());
        let subscribers = all.clone();
        drop(all);
        let (event, kind) = match reason {
            None => ("nodeup", MessageKind::NodeUp),
            Some(_) => ("nodedown", MessageKind::NodeDown),
        };
        for (process, wish) in subscribers {
            let wanted = match wish.node_type {
                NodeType::All => true,
                NodeType::Visible => visible,
                NodeType::Hidden => !visible,
            };
            if !wanted {
                continue;
            }
            let mut writer = Writer::new();
            writer.tuple(if wish.info { 3 } else { 2 }).atom(event).atom_term(node);
            if wish.info {
                writer.map(1 + usize::from(reason.is_some()));
                // Keys in term order, as a BEAM writes them.
                writer.atom("node_type").atom(if visible { "visible" } else { "hidden" });
                if let Some(reason) = reason {
                    writer.atom("nodedown_reason").atom(reason);
                }
            }
            process.signal(Message::new(kind, None, finish(writer)));
        }
    }
}
