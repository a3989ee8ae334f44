//! Exported functions: what peers may run, and which mailbox gets their requests.

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::RwLock;

use crate::error::{Error, Result};
use crate::node::process::Process;
use crate::node::spawn::ANY_ARITY;
use crate::term::Atom;

/// Which functions peers may run, and who runs them.
#[derive(Default)]
pub(crate) struct Exports {
    table: RwLock<HashMap<(Atom, Atom), Vec<(u32, Arc<Process>)>>>,
}

impl Exports {
    pub(crate) fn add(&self, module: Atom, function: Atom, arity: u32, handler: Arc<Process>) -> Result<()> {
        let mut table = self.table.write();
        let entries = table.entry((module.clone(), function.clone())).or_default();
        entries.retain(|(_, process)| process.is_alive());
        if entries.iter().any(|(known, _)| *known == arity) {
            return Err(Error::argument(format!("{module}:{function}/{arity} is exported already")));
        }
        entries.push((arity, handler));
        Ok(())
    }

    pub(crate) fn remove(&self, module: &Atom, function: &Atom, arity: u32) -> bool {
        let mut table = self.table.write();
        let key = (module.clone(), function.clone());
        let Some(entries) = table.get_mut(&key) else { return false };
        let before = entries.len();
        entries.retain(|(known, _)| *known != arity);
        let removed = entries.len() < before;
        if entries.is_empty() {
            table.remove(&key);
        }
        removed
    }

    pub(crate) fn find(&self, module: &Atom, function: &Atom, arity: u32) -> Option<Arc<Process>> {
        let table = self.table.read();
        let entries = table.get(&(module.clone(), function.clone()))?;
        let exact = entries.iter().find(|(known, process)| *known == arity && process.is_alive());
        let any = || entries.iter().find(|(known, process)| *known == ANY_ARITY && process.is_alive());
        exact.or_else(any).map(|(_, process)| process.clone())
    }

    /// Whether a function of this module is exported.
    pub(crate) fn has_module(&self, module: &Atom) -> bool {
        let table = self.table.read();
        let mut of_module = table.iter().filter(|((known, _), _)| known == module);
        of_module.any(|(_, entries)| entries.iter().any(|(_, process)| process.is_alive()))
    }
}
