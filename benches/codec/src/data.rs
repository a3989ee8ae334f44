//! What is measured: long lists of one kind, and messages as servers see them.

use crate::ours;
use erlnode::term::{Atom, Pid, Reference, Writer};

/// One kind of data, with the same reading and writing for each library.
pub struct Sample {
    pub name: &'static str,
    /// Elements of the list.
    pub count: usize,
    /// Terms in one element.
    pub terms: usize,
    /// Terms in all.
    pub items: usize,
    pub bytes: Vec<u8>,
    pub read: fn(&[u8]),
    pub write: fn(Writer, usize) -> Writer,
    #[cfg(libei)]
    pub ei_read: fn(&[u8]),
    #[cfg(libei)]
    pub ei_write: fn(&mut [u8], usize) -> usize,
}

impl Sample {
    fn sized(mut self, count: usize) -> Sample {
        self.bytes = (self.write)(Writer::new(), count).finish().expect("complete");
        self.count = count;
        self.items = count * self.terms;
        self
    }

    /// The same with few elements.
    pub fn short(self) -> Sample {
        let count = self.count / 20;
        self.sized(count)
    }
}

/// Elements of the long lists.
pub const LONG: usize = 10_000;
/// Messages and rows.
pub const MANY: usize = 1000;

pub const NODE: &str = "worker@localhost";

pub fn pid() -> Pid {
    Pid { node: Atom::from_static(NODE), id: 85, serial: 1, creation: 0x1122_3344 }
}

pub fn reference() -> Reference {
    Reference::new(Atom::from_static(NODE), 0x1122_3344, &[1, 2, 3]).expect("three words")
}

macro_rules! sample {
    ($name:literal, $count:expr, $terms:expr, $kind:ident) => {
        Sample {
            name: $name,
            count: 0,
            terms: $terms,
            items: 0,
            bytes: Vec::new(),
            read: ours::read::$kind,
            write: ours::write::$kind,
            #[cfg(libei)]
            ei_read: crate::ei::read::$kind,
            #[cfg(libei)]
            ei_write: crate::ei::write::$kind,
        }
        .sized($count)
    };
}

pub fn samples() -> Vec<Sample> {
    vec![
        sample!("bytes", LONG, 1, small),
        sample!("ints", LONG, 1, ints),
        sample!("big ints", LONG, 1, bigs),
        sample!("floats", LONG, 1, floats),
        sample!("atoms", LONG, 1, atoms),
        sample!("binaries", LONG, 1, binaries),
        sample!("pids", LONG, 1, pids),
        sample!("rows", MANY, 6, rows),
        sample!("calls", MANY, 23, calls),
    ]
}
