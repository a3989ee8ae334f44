//! Atoms in the Latin-1 encoding of old releases, converted once and kept.
//!
//! A reader lends out the text of an atom from the bytes it reads. Latin-1 with characters over 127 is no UTF-8 there, so
//! its converted form needs an owner: this table. Always true: it holds at most `MAX_ATOMS`, so no peer can bloat it.

use std::collections::HashSet;

use parking_lot::Mutex;

use super::status::fail;
use crate::Error;

/// Old releases have few atoms with accents; whoever sends thousands of them does not mean well.
const MAX_ATOMS: usize = 4096;

/// The text with a life as long as the process; nothing if the table is full.
#[cold]
pub(crate) fn keep(text: String) -> Option<&'static str> {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock();
    let kept = kept.get_or_insert_with(HashSet::new);
    if let Some(known) = kept.get(text.as_str()) {
        return Some(known);
    }
    if kept.len() >= MAX_ATOMS {
        fail(&full());
        return None;
    }
    let text: &'static str = text.leak();
    kept.insert(text);
    Some(text)
}

/// What is said when the table is full.
pub(crate) fn full() -> Error {
    Error::Limit("too many different Latin-1 atoms: this process keeps at most 4096".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_is_kept_once() {
        let first = keep("für".to_owned()).unwrap();
        let second = keep("für".to_owned()).unwrap();
        assert_eq!(first, "für");
        assert!(std::ptr::eq(first, second));
    }
}
