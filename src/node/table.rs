//! A table of one process: nothing, one entry, or many.
//!
//! Most processes have one watcher or one monitor if any, and a hash table would give that one room for three.
//! Always true: one that held many keeps its hash table until `shrink` finds it empty and large.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};

use crate::error::out_of_memory;

/// Hash tables below this many places grow as they like: there is memory for that, or the process is past help.
const SMALL_TABLE: usize = 256;

/// Hash tables above this many places are given back when they are empty: a process that calls keeps the smallest.
const KEEP_PLACES: usize = 3;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) enum Table<K, V> {
    /// Nothing.
    #[default]
    Empty,
    /// One entry.
    One(Box<(K, V)>),
    /// Any number.
    Many(Box<HashMap<K, V>>),
}

impl<K: Eq + Hash, V> Table<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Table::Empty => None,
            Table::One(entry) => (entry.0 == *key).then_some(&entry.1),
            Table::Many(map) => map.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match self {
            Table::Empty => None,
            Table::One(entry) => (entry.0 == *key).then_some(&mut entry.1),
            Table::Many(map) => map.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts an entry in; gives the value that it had before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Table::Empty => {
                *self = Table::One(Box::new((key, value)));
                None
            }
            Table::One(entry) if entry.0 == key => Some(std::mem::replace(&mut entry.1, value)),
            Table::One(_) => {
                let mut map = HashMap::new();
                if let Table::One(entry) = std::mem::take(self) {
                    map.insert(entry.0, entry.1);
                }
                map.insert(key, value);
                *self = Table::Many(Box::new(map));
                None
            }
            Table::Many(map) => map.insert(key, value),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Table::One(entry) if entry.0 == *key => match std::mem::take(self) {
                Table::One(entry) => Some(entry.1),
                _ => None,
            },
            Table::Many(map) => map.remove(key),
            Table::Empty | Table::One(_) => None,
        }
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        match self {
            Table::One(entry) if !keep(&entry.0, &entry.1) => *self = Table::Empty,
            Table::Many(map) => map.retain(|key, value| keep(key, value)),
            Table::Empty | Table::One(_) => {}
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, many) = match self {
            Table::Empty => (None, None),
            Table::One(entry) => (Some((&entry.0, &entry.1)), None),
            Table::Many(map) => (None, Some(map.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// All of them, taken out.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = (K, V)> {
        let (one, many) = match self {
            Table::Empty => (None, None),
            Table::One(entry) => (Some(*entry), None),
            Table::Many(map) => (None, Some(*map)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Table::Empty => true,
            Table::One(_) => false,
            Table::Many(map) => map.is_empty(),
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    /// Room for one more; unwinds when there is no memory for a hash table that is large already.
    pub(crate) fn make_room(&mut self) {
        let Table::Many(map) = self else { return };
        if map.len() == map.capacity() && map.len() >= SMALL_TABLE && map.try_reserve(1).is_err() {
            out_of_memory();
        }
    }

    /// Gives the memory of an emptied hash table back, unless it is small; true if it did.
    pub(crate) fn shrink(&mut self) -> bool {
        let shrinks = matches!(self, Table::Many(map) if map.is_empty() && map.capacity() > KEEP_PLACES);
        if shrinks {
            *self = Table::Empty;
        }
        shrinks
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn holds_none_one_and_many_like_a_map() {
        let mut table = Table::default();
        assert!(table.is_empty() && table.get(&1).is_none() && table.remove(&1).is_none());
        assert_eq!(table.insert(1, 'a'), None);
        assert_eq!(table.insert(1, 'b'), Some('a'));
        assert!(matches!(table, Table::One(_)));
        assert_eq!((table.get(&1), table.get(&2)), (Some(&'b'), None));
        assert_eq!(table.remove(&2), None);
        for key in 2..100 {
            assert_eq!(table.insert(key, 'c'), None);
        }
        *table.get_mut(&50).unwrap() = 'd';
        assert_eq!((table.len(), table.get(&1), table.get(&50)), (99, Some(&'b'), Some(&'d')));
        table.retain(|key, _| key % 2 == 1);
        assert_eq!((table.len(), table.contains_key(&2)), (50, false));
        assert_eq!(table.clone().into_entries().count(), 50);
        for key in (1..100).step_by(2) {
            assert!(table.remove(&key).is_some());
        }
        assert!(table.is_empty() && table.shrink() && matches!(table, Table::Empty));
    }

    #[test]
    fn an_entry_that_is_not_kept_leaves_nothing() {
        let mut table = Table::default();
        table.insert(1, ());
        table.retain(|_, _| true);
        assert!(!table.is_empty());
        table.retain(|_, _| false);
        assert!(matches!(table, Table::Empty));
    }
}
