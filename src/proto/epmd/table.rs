//! What an epmd server knows: living names, the creations of dead ones, and the replies made from them.
//!
//! Knows nothing of sockets and clocks: the driver says which connection asks and what time it is.
//! Always true: a living name has exactly one [`Token`], and no creation is handed out twice in a row for a name.

use super::reply::write_names_header;
use super::NodeInfo;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

/// Dead names whose creation is remembered, so that a node which restarts at once gets another one.
const MAX_DEAD: usize = 1000;
/// Living names. Each costs its node a socket; this many never meet on one host.
const MAX_LIVING: usize = 65_536;
/// Bytes in names and extras of living nodes; 65,536 names of 255 bytes.
const MAX_LIVING_BYTES: usize = 16 << 20;
/// Creations below 4 belong to nodes that know only two bits of them.
const LOWEST_CREATION: u32 = 4;

/// Stands for one registration; give it back with [`Table::unregister`] when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

/// A successful registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// Ends the registration.
    pub token: Token,
    /// Tells this incarnation of the node from earlier ones.
    pub creation: u32,
}

/// Why a name was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A living node has the name.
    InUse,
    /// Name or extra breaks epmd's limits.
    Breaks,
    /// The table is full.
    Full,
}

#[derive(Debug)]
struct Living {
    info: NodeInfo,
    name: Arc<str>,
    creation: u32,
    descriptor: i32,
}

#[derive(Debug)]
struct Dead {
    creation: u32,
    port: u16,
    descriptor: i32,
    order: u64,
}

/// The names of one epmd.
#[derive(Debug)]
pub struct Table {
    epmd_port: u16,
    /// In the order of registration.
    living: BTreeMap<Token, Living>,
    by_name: HashMap<Arc<str>, Token>,
    dead: HashMap<Arc<str>, Dead>,
    /// In the order of death.
    dead_order: BTreeMap<u64, Arc<str>>,
    living_bytes: usize,
    next: u64,
}

impl Table {
    /// An empty table of the epmd that clients reach at `epmd_port`; NAMES tells them that number.
    pub fn new(epmd_port: u16) -> Self {
        Table {
            epmd_port,
            living: BTreeMap::new(),
            by_name: HashMap::new(),
            dead: HashMap::new(),
            dead_order: BTreeMap::new(),
            living_bytes: 0,
            next: 0,
        }
    }

    /// Number of living names.
    pub fn len(&self) -> usize {
        self.living.len()
    }

    /// True when nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.living.is_empty()
    }

    /// Registers a node. `now` is the wall clock in seconds, `descriptor` a number of the connection for [`Table::dump`].
    pub fn register(&mut self, info: NodeInfo, now: u32, descriptor: i32) -> Result<Granted, Refusal> {
        if !info.fits() {
            return Err(Refusal::Breaks);
        }
        if self.by_name.contains_key(info.alive.as_str()) {
            return Err(Refusal::InUse);
        }
        let size = info.alive.len() + info.extra.len();
        if self.living.len() >= MAX_LIVING || self.living_bytes + size > MAX_LIVING_BYTES {
            return Err(Refusal::Full);
        }
        let (name, previous) = match self.dead.remove_entry(info.alive.as_str()) {
            Some((name, dead)) => {
                self.dead_order.remove(&dead.order);
                (name, dead.creation)
            }
            None => (Arc::from(info.alive.as_str()), now),
        };
        let creation = previous.checked_add(1).unwrap_or(LOWEST_CREATION).max(LOWEST_CREATION);
        let token = Token(self.tick());
        self.living_bytes += size;
        self.by_name.insert(name.clone(), token);
        self.living.insert(token, Living { info, name, creation, descriptor });
        Ok(Granted { token, creation })
    }

    /// Ends a registration and remembers the name's creation. A token that already ended does nothing.
    pub fn unregister(&mut self, token: Token) {
        let Some(Living { info, name, creation, descriptor }) = self.living.remove(&token) else {
            return;
        };
        self.living_bytes -= info.alive.len() + info.extra.len();
        self.by_name.remove(&name);
        let order = self.tick();
        self.dead_order.insert(order, name.clone());
        self.dead.insert(name, Dead { creation, port: info.port, descriptor, order });
        if self.dead.len() > MAX_DEAD {
            if let Some((_, oldest)) = self.dead_order.pop_first() {
                self.dead.remove(&oldest);
            }
        }
    }

    /// The living node of this name.
    pub fn lookup(&self, alive: &str) -> Option<&NodeInfo> {
        let token = self.by_name.get(alive)?;
        self.living.get(token).map(|living| &living.info)
    }

    /// The NAMES reply, newest node first. `EpmdPort:32`, then per node `name NAME at port PORT\n`.
    pub fn names(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.living_bytes + 24 * self.living.len());
        write_names_header(&mut out, self.epmd_port);
        for Living { info, .. } in self.living.values().rev() {
            // Writing to a Vec cannot fail.
            let _ = writeln!(out, "name {} at port {}", info.alive, info.port);
        }
        out
    }

    /// The DUMP reply, newest living node first, then dead ones in the order of their death; each line ends in NUL.
    pub fn dump(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(4 + self.living_bytes + 48 * (self.living.len() + self.dead.len()));
        write_names_header(&mut out, self.epmd_port);
        for Living { info, descriptor, .. } in self.living.values().rev() {
            let NodeInfo { alive, port, .. } = info;
            let _ = write!(out, "active name     <{alive}> at port {port}, fd = {descriptor}\n\0");
        }
        for name in self.dead_order.values() {
            if let Some(Dead { port, descriptor, .. }) = self.dead.get(name) {
                let _ = write!(out, "old/unused name <{name}>, port = {port}, fd = {descriptor} \n\0");
            }
        }
        out
    }

    fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(table: &mut Table, name: &str, now: u32) -> Result<Granted, Refusal> {
        table.register(NodeInfo::new(name, 9), now, 5)
    }

    #[test]
    fn a_new_name_gets_the_clock_plus_one_and_the_same_name_the_previous_plus_one() {
        let mut table = Table::new(1);
        let first = register(&mut table, "a", 1000).unwrap();
        assert_eq!(first.creation, 1001);
        assert_eq!(register(&mut table, "b", 1000).unwrap().creation, 1001);
        table.unregister(first.token);
        assert_eq!(register(&mut table, "a", 9000).unwrap().creation, 1002);
    }

    #[test]
    fn creations_are_never_below_4_and_wrap() {
        let mut table = Table::new(1);
        let low = register(&mut table, "a", 0).unwrap();
        assert_eq!(low.creation, 4);
        let high = register(&mut table, "b", u32::MAX - 1).unwrap();
        assert_eq!(high.creation, u32::MAX);
        table.unregister(high.token);
        assert_eq!(register(&mut table, "b", 1).unwrap().creation, 4);
    }

    #[test]
    fn a_name_in_use_is_refused_until_its_holder_goes() {
        let mut table = Table::new(1);
        let first = register(&mut table, "a", 1).unwrap();
        assert_eq!(register(&mut table, "a", 1), Err(Refusal::InUse));
        table.unregister(first.token);
        table.unregister(first.token);
        let second = register(&mut table, "a", 1).unwrap();
        table.unregister(first.token);
        assert!(table.lookup("a").is_some(), "an old token must not end the new registration");
        table.unregister(second.token);
        assert!(table.lookup("a").is_none() && table.is_empty() && table.living_bytes == 0);
    }

    #[test]
    fn only_the_last_thousand_dead_names_keep_their_creation() {
        let mut table = Table::new(1);
        for number in 0..=MAX_DEAD {
            let granted = register(&mut table, &number.to_string(), 100).unwrap();
            table.unregister(granted.token);
        }
        assert_eq!((table.dead.len(), table.dead_order.len()), (MAX_DEAD, MAX_DEAD));
        assert_eq!(register(&mut table, "0", 500).unwrap().creation, 501);
        assert_eq!(register(&mut table, "1", 500).unwrap().creation, 102);
        assert_eq!(table.dead.len(), table.dead_order.len());
    }

    #[test]
    fn names_and_dump_read_as_the_stock_epmd_writes_them() {
        let mut table = Table::new(4369);
        let a = register(&mut table, "a", 1).unwrap();
        register(&mut table, "b", 1).unwrap();
        assert_eq!(table.names(), b"\0\0\x11\x11name b at port 9\nname a at port 9\n");
        table.unregister(a.token);
        assert_eq!(
            table.dump(),
            b"\0\0\x11\x11active name     <b> at port 9, fd = 5\n\0old/unused name <a>, port = 9, fd = 5 \n\0"
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "16,000 names take an hour there; the others do the same with fewer")]
    fn the_table_is_bounded_in_names_and_bytes() {
        let mut table = Table::new(1);
        let mut held = 0;
        let refusal = loop {
            let info = NodeInfo { extra: vec![0; 1020], ..NodeInfo::new(held.to_string(), 1) };
            match table.register(info, 1, 1) {
                Ok(_) => held += 1,
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(refusal, Refusal::Full);
        assert!(table.living_bytes <= MAX_LIVING_BYTES && held > 10_000, "{held}");
    }
}
