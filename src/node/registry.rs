//! The processes of one node, by pid, and their registered names.
//!
//! A pid's `id` is an index into the table, its `serial` the generation of that place, so routing is one array access.
//! Always true: an (id, serial) pair is given out once in the life of a node.

use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::RwLock;

use crate::error::{no_memory, Error, Result};
use crate::node::process::{Limits, Process};
use crate::term::Atom;

/// Largest `id`: 28 bits, so that every release prints and accepts it.
const MAX_ID: usize = (1 << 28) - 1;

/// Largest number of registered names, so that a runaway program is told before memory is gone.
const MAX_NAMES: usize = 1 << 20;

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    live: usize,
}

struct Place {
    serial: u32,
    process: Option<Arc<Process>>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Registry {
    table: RwLock<Table>,
    names: RwLock<HashMap<Atom, Arc<Process>>>,
}

impl Registry {
    /// Makes a process with a pid never used before.
    pub(crate) fn create(&self, limits: Limits) -> Result<Arc<Process>> {
        let mut table = self.table.write();
        let index = match table.free.pop() {
            Some(index) => index as usize,
            None => {
                if table.places.len() >= MAX_ID {
                    return Err(Error::Limit("too many mailboxes: the limit is 268435455 per node".into()));
                }
                table.places.try_reserve(1).map_err(|_| no_memory())?;
                table.places.push(Place { serial: 0, process: None });
                table.places.len() - 1
            }
        };
        let place = &mut table.places[index];
        let process = Arc::new(Process::new(index as u32 + 1, place.serial, limits));
        place.process = Some(process.clone());
        table.live += 1;
        Ok(process)
    }

    pub(crate) fn get(&self, id: u32, serial: u32) -> Option<Arc<Process>> {
        let table = self.table.read();
        let place = table.places.get((id as usize).wrapping_sub(1))?;
        if place.serial != serial {
            return None;
        }
        place.process.clone()
    }

    /// Forgets an ended process; its place is used again with another serial.
    pub(crate) fn remove(&self, process: &Process) {
        let mut table = self.table.write();
        let index = process.id - 1;
        let Some(place) = table.places.get_mut(index as usize) else { return };
        if place.serial != process.serial || place.process.take().is_none() {
            return;
        }
        table.live -= 1;
        let place = &mut table.places[index as usize];
        // A place whose serials are used up is never used again.
        if let Some(next) = place.serial.checked_add(1) {
            place.serial = next;
            // Without memory for the list the place is never used again, either.
            if table.free.try_reserve(1).is_ok() {
                table.free.push(index);
            }
        }
    }

    pub(crate) fn all(&self) -> Vec<Arc<Process>> {
        self.table.read().places.iter().filter_map(|place| place.process.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.read().live
    }

    pub(crate) fn register(&self, name: Atom, process: &Arc<Process>) -> Result<()> {
        if name.as_str() == "undefined" {
            return Err(Error::argument("the name undefined cannot be registered"));
        }
        let mut names = self.names.write();
        if names.contains_key(&name) {
            return Err(Error::NameTaken(name.as_str().to_owned()));
        }
        if names.len() >= MAX_NAMES {
            return Err(Error::Limit("too many registered names: the limit is 1048576 per node".into()));
        }
        let entry = name.clone();
        let set = process.relate(|relations| match relations.name {
            Some(_) => false,
            None => {
                relations.name = Some(entry);
                true
            }
        });
        match set {
            None => Err(Error::Closed("mailbox")),
            Some(false) => Err(Error::argument("this mailbox has a registered name already")),
            Some(true) => {
                names.insert(name, process.clone());
                Ok(())
            }
        }
    }

    pub(crate) fn unregister(&self, name: &Atom) -> Option<Arc<Process>> {
        let process = self.names.write().remove(name)?;
        process.relations(|relations| relations.name = None);
        Some(process)
    }

    /// Removes the name of a process that has ended, unless somebody else has it by now.
    pub(crate) fn forget_name(&self, name: &Atom, process: &Process) {
        let mut names = self.names.write();
        if names.get(name).is_some_and(|owner| owner.id == process.id && owner.serial == process.serial) {
            names.remove(name);
        }
    }

    pub(crate) fn whereis(&self, name: &Atom) -> Option<Arc<Process>> {
        self.names.read().get(name).cloned()
    }

    pub(crate) fn names(&self) -> Vec<Atom> {
        self.names.read().keys().cloned().collect()
    }
}
