//! Small integer ids for objects that any thread may use: nodes and mailboxes.
//!
//! Always true: an id names one object for ever. After its close every use answers `Closed`, a number that never was
//! an id answers `Argument`, and an id from before a fork answers `Forked`. Nothing here waits: a slot's lock is held
//! while a reference is cloned.
//!
//! ```text
//! id, 64 bits:  kind 4 | forks 12 | generation 24 | slot 24
//! ```

use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use super::guard::{forks, watch_forks};
use crate::sync::{AtomicPtr, Mutex, RwLock};
use crate::{Error, Result};

/// Slots in the first chunk; each further chunk doubles.
const FIRST_CHUNK: usize = 64;
/// Chunks of a table; together they hold at least `MAX_SLOTS`.
const CHUNKS: usize = 19;
/// As many slots as the 24 bits of an id can name.
const MAX_SLOTS: u32 = 1 << 24;
/// A slot whose generation reaches this is never used again, so that an old id cannot come to life.
const LAST_GENERATION: u32 = (1 << 24) - 1;

/// Place of one object.
struct Slot<T> {
    /// Which use of the slot this is; the first is 1.
    generation: u32,
    /// The object while it is open.
    object: Option<Arc<T>>,
}

/// The tables of one process; a forked child gets a new one, since the locks of the old may be held for ever.
struct Slots<T> {
    forks: u32,
    chunks: [OnceLock<Box<[RwLock<Slot<T>>]>>; CHUNKS],
    free: Mutex<Free>,
}

/// Slots that can be used again, oldest first, and how many were ever used.
struct Free {
    again: VecDeque<u32>,
    used: u32,
}

/// A table of objects of one kind.
pub(crate) struct Handles<T> {
    kind: u64,
    what: &'static str,
    slots: AtomicPtr<Slots<T>>,
}

impl<T: 'static> Handles<T> {
    /// A table of objects called `what` in error texts; `kind` (1 to 15) marks its ids.
    pub(crate) const fn new(kind: u64, what: &'static str) -> Self {
        Handles { kind, what, slots: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Puts an object in and gives its id.
    pub(crate) fn insert(&self, object: Arc<T>) -> Result<u64> {
        let slots = self.slots();
        let index = {
            let mut free = slots.free.lock();
            match free.again.pop_front() {
                Some(index) => index,
                None if free.used < MAX_SLOTS => {
                    free.used += 1;
                    free.used - 1
                }
                None => return Err(Error::Limit("too many open objects in this process".into())),
            }
        };
        let mut slot = slots.slot_or_new(index).write();
        slot.generation += 1;
        slot.object = Some(object);
        let forks = u64::from(slots.forks & 0xfff);
        Ok(self.kind << 60 | forks << 48 | u64::from(slot.generation) << 24 | u64::from(index))
    }

    /// The object of an id.
    pub(crate) fn get(&self, id: u64) -> Result<Arc<T>> {
        let slot = self.find(id)?.read();
        let generation = generation(id);
        match &slot.object {
            Some(object) if slot.generation == generation => Ok(object.clone()),
            _ => Err(self.gone(generation <= slot.generation)),
        }
    }

    /// Takes the object out; of several callers exactly one gets it.
    pub(crate) fn remove(&self, id: u64) -> Result<Arc<T>> {
        let object = {
            let mut slot = self.find(id)?.write();
            let generation = generation(id);
            if slot.generation != generation {
                return Err(self.gone(generation <= slot.generation));
            }
            slot.object.take().ok_or_else(|| self.gone(true))?
        };
        if generation(id) < LAST_GENERATION {
            self.slots().free.lock().again.push_back(index(id));
        }
        Ok(object)
    }

    /// Every open object, for sweeping.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let slots = self.slots();
        let used = slots.free.lock().used;
        let forks = u64::from(slots.forks & 0xfff);
        (0..used)
            .filter_map(|index| {
                let slot = slots.slot(index)?.read();
                slot.object.as_ref()?;
                Some(self.kind << 60 | forks << 48 | u64::from(slot.generation) << 24 | u64::from(index))
            })
            .collect()
    }

    fn find(&self, id: u64) -> Result<&'static RwLock<Slot<T>>> {
        let slots = self.slots();
        if id >> 60 != self.kind || generation(id) == 0 {
            return Err(self.gone(false));
        }
        if (id >> 48 & 0xfff) as u32 != slots.forks & 0xfff {
            return Err(Error::Forked);
        }
        slots.slot(index(id)).ok_or_else(|| self.gone(false))
    }

    #[cold]
    fn gone(&self, was: bool) -> Error {
        if was {
            Error::Closed(self.what)
        } else {
            Error::argument(format!("this id was never given out for a {}", self.what))
        }
    }

    /// The slots of this process.
    #[inline]
    fn slots(&self) -> &'static Slots<T> {
        let current = self.slots.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from `Box::into_raw` below, and is never freed.
        match unsafe { current.as_ref() } {
            Some(slots) if slots.forks == forks() => slots,
            _ => self.slots_of_this_process(current),
        }
    }

    /// Makes the slots at first use, and again in a forked child. The old ones are left alone: they belong to the
    /// parent, and their locks may have been held at the moment of the fork.
    #[cold]
    fn slots_of_this_process(&self, old: *mut Slots<T>) -> &'static Slots<T> {
        watch_forks();
        let fresh = Box::into_raw(Box::new(Slots {
            forks: forks(),
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Free { again: VecDeque::new(), used: 0 }),
        }));
        match self.slots.compare_exchange(old, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and never freed from here on.
            Ok(_) => unsafe { &*fresh },
            Err(winner) => {
                // SAFETY: `fresh` was seen by nobody; `winner` was put there by another thread and is never freed.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &*winner
                }
            }
        }
    }
}

impl<T> Slots<T> {
    fn slot(&self, index: u32) -> Option<&RwLock<Slot<T>>> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    fn slot_or_new(&self, index: u32) -> &RwLock<Slot<T>> {
        let (chunk, offset) = place(index);
        let slots = self.chunks[chunk].get_or_init(|| {
            (0..FIRST_CHUNK << chunk).map(|_| RwLock::new(Slot { generation: 0, object: None })).collect()
        });
        &slots[offset]
    }
}

/// Chunk and offset of a slot: chunk `n` holds `FIRST_CHUNK << n` slots.
fn place(index: u32) -> (usize, usize) {
    let shifted = index as usize + FIRST_CHUNK;
    let chunk = (shifted / FIRST_CHUNK).ilog2() as usize;
    (chunk, shifted - (FIRST_CHUNK << chunk))
}

fn generation(id: u64) -> u32 {
    (id >> 24 & 0xff_ffff) as u32
}

fn index(id: u64) -> u32 {
    (id & 0xff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: Handles<u32> = Handles::new(9, "thing");

    #[test]
    fn a_closed_id_answers_closed_even_when_its_slot_is_used_again() {
        let old = TABLE.insert(Arc::new(1)).unwrap();
        TABLE.remove(old).unwrap();
        for n in 0..200 {
            let id = TABLE.insert(Arc::new(n)).unwrap();
            assert_eq!(*TABLE.get(id).unwrap(), n);
            assert!(matches!(TABLE.get(old), Err(Error::Closed("thing"))));
            TABLE.remove(id).unwrap();
        }
        assert!(matches!(TABLE.remove(old), Err(Error::Closed("thing"))));
    }

    #[test]
    fn a_made_up_id_answers_argument() {
        let id = TABLE.insert(Arc::new(1)).unwrap();
        let made_up = [0, 1, u64::MAX, id ^ 1 << 60, id + (1 << 24), id | 0xff_ffff];
        for id in made_up {
            assert!(matches!(TABLE.get(id), Err(Error::Argument(_))), "{id:x}");
            assert!(matches!(TABLE.remove(id), Err(Error::Argument(_))), "{id:x}");
        }
        TABLE.remove(id).unwrap();
    }

    #[test]
    fn an_id_of_another_process_answers_forked() {
        let id = TABLE.insert(Arc::new(1)).unwrap();
        assert!(matches!(TABLE.get(id ^ 1 << 48), Err(Error::Forked)));
        TABLE.remove(id).unwrap();
    }

    #[test]
    fn of_many_closers_one_wins() {
        let id = TABLE.insert(Arc::new(1)).unwrap();
        let wins: usize = std::thread::scope(|scope| {
            let closers: Vec<_> = (0..8).map(|_| scope.spawn(|| TABLE.remove(id).is_ok())).collect();
            closers.into_iter().map(|closer| usize::from(closer.join().unwrap())).sum()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn slots_are_found_in_every_chunk() {
        static LARGE: Handles<u32> = Handles::new(8, "thing");
        let count = if cfg!(miri) { 300 } else { 10_000 };
        let ids: Vec<u64> = (0..count).map(|n| LARGE.insert(Arc::new(n)).unwrap()).collect();
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(*LARGE.get(*id).unwrap(), n as u32);
        }
        assert_eq!(LARGE.ids(), ids);
    }
}

/// Every order in which openers, users and closers can meet.
#[cfg(all(test, erlnode_loom))]
mod loom_tests {
    use super::*;
    use loom::thread::spawn;

    fn table() -> &'static Handles<u32> {
        let table = Box::leak(Box::new(Handles::new(9, "thing")));
        // The pointer is loom's from its first use on, which no thread may share with another.
        assert!(table.slots.load(Ordering::Relaxed).is_null());
        table
    }

    #[test]
    fn loom_of_two_closers_one_wins_and_users_get_it_or_closed() {
        loom::model(|| {
            let table = table();
            let id = table.insert(Arc::new(7)).unwrap();
            let closer = spawn(move || table.remove(id).is_ok());
            let user = spawn(move || table.get(id));
            let won = table.remove(id).is_ok();
            match user.join().unwrap() {
                Ok(object) => assert_eq!(*object, 7),
                Err(error) => assert!(matches!(error, Error::Closed(_))),
            }
            assert!(won != closer.join().unwrap());
        });
    }

    #[test]
    fn loom_a_used_again_slot_is_never_found_by_its_old_id() {
        loom::model(|| {
            let table = table();
            let old = table.insert(Arc::new(1)).unwrap();
            let reuse = spawn(move || {
                table.remove(old).unwrap();
                let new = table.insert(Arc::new(2)).unwrap();
                assert_eq!(*table.get(new).unwrap(), 2);
            });
            match table.get(old) {
                Ok(object) => assert_eq!(*object, 1),
                Err(error) => assert!(matches!(error, Error::Closed(_))),
            }
            reuse.join().unwrap();
            assert!(matches!(table.get(old), Err(Error::Closed(_))));
        });
    }

    /// That loom is really on: two threads that add 1 by reading and writing lose one in some order.
    #[test]
    #[should_panic(expected = "lost")]
    fn loom_finds_a_lost_update() {
        use loom::sync::atomic::AtomicU32;
        loom::model(|| {
            let number = loom::sync::Arc::new(AtomicU32::new(0));
            let add = |number: &AtomicU32| number.store(number.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
            let other = spawn({
                let number = number.clone();
                move || add(&number)
            });
            add(&number);
            other.join().unwrap();
            assert_eq!(number.load(Ordering::SeqCst), 2, "lost");
        });
    }

    #[test]
    fn loom_two_first_users_share_one_table() {
        loom::model(|| {
            let table = table();
            let other = spawn(move || table.insert(Arc::new(2)).unwrap());
            let mine = table.insert(Arc::new(1)).unwrap();
            let theirs = other.join().unwrap();
            assert_ne!(mine, theirs);
            assert_eq!((*table.get(mine).unwrap(), *table.get(theirs).unwrap()), (1, 2));
        });
    }
}
