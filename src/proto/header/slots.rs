//! The 2,048 slots of one direction of the atom cache, in pages: a connection that knows few atoms takes little memory.

use super::atom_cache_in::SLOTS;

/// Slots of a page.
const PAGE: usize = 32;

/// A table of [`SLOTS`] places, all of them default at first.
pub(super) struct Slots<T> {
    /// Empty until the first place is used: most connections never use one.
    pages: Vec<Option<Box<[T; PAGE]>>>,
}

impl<T: Default> Slots<T> {
    pub(super) fn new() -> Self {
        Slots { pages: Vec::new() }
    }

    /// The place to change; `None` beyond the table.
    #[inline]
    pub(super) fn get_mut(&mut self, slot: usize) -> Option<&mut T> {
        if self.pages.is_empty() {
            self.pages.resize_with(SLOTS / PAGE, || None);
        }
        let page = self.pages.get_mut(slot / PAGE)?;
        let page = page.get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default())));
        page.get_mut(slot % PAGE)
    }

    /// The place, if its page was ever used.
    #[inline]
    pub(super) fn get(&self, slot: usize) -> Option<&T> {
        self.pages.get(slot / PAGE)?.as_ref()?.get(slot % PAGE)
    }
}

impl<T: Default> Default for Slots<T> {
    fn default() -> Self {
        Slots::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_exist_and_none_beyond() {
        let mut slots = Slots::<u32>::new();
        assert_eq!(slots.get(0), None);
        for slot in [0, 31, 32, SLOTS - 1] {
            *slots.get_mut(slot).unwrap() = slot as u32 + 1;
        }
        assert!([0, 31, 32, SLOTS - 1].iter().all(|slot| slots.get(*slot) == Some(&(*slot as u32 + 1))));
        assert_eq!(slots.get(1), Some(&0));
        assert!(slots.get_mut(SLOTS).is_none() && slots.get(SLOTS).is_none());
    }
}
