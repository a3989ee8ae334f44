//! A stack whose first few entries cost no allocation: texts and terms are rarely nested deeper than that.

use crate::error::push;

/// Entries kept inside. Most templates and messages nest 2 or 3 deep.
const INSIDE: usize = 6;

pub(crate) struct Stack<T> {
    inside: [T; INSIDE],
    /// Entries inside.
    count: usize,
    beyond: Vec<T>,
}

impl<T: Copy> Stack<T> {
    /// An empty stack; `filler` is never seen.
    #[inline]
    pub(crate) fn new(filler: T) -> Self {
        Stack { inside: [filler; INSIDE], count: 0, beyond: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: T) {
        match self.inside.get_mut(self.count) {
            Some(place) => {
                *place = entry;
                self.count += 1;
            }
            None => push(&mut self.beyond, entry),
        }
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if let Some(entry) = self.beyond.pop() {
            return Some(entry);
        }
        self.count = self.count.checked_sub(1)?;
        self.inside.get(self.count).copied()
    }

    #[inline]
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        if self.beyond.is_empty() {
            self.inside.get_mut(self.count.wrapping_sub(1))
        } else {
            self.beyond.last_mut()
        }
    }

    #[inline]
    pub(crate) fn last(&self) -> Option<T> {
        if self.beyond.is_empty() {
            self.inside.get(self.count.wrapping_sub(1)).copied()
        } else {
            self.beyond.last().copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pushed_comes_back_in_reverse_at_any_depth() {
        for depth in [0, 1, INSIDE, INSIDE + 1, 100] {
            let mut stack = Stack::new(usize::MAX);
            for n in 0..depth {
                stack.push(n);
                assert_eq!(stack.last(), Some(n));
                assert_eq!(stack.last_mut(), Some(&mut { n }));
            }
            let back: Vec<usize> = std::iter::from_fn(|| stack.pop()).collect();
            assert_eq!(back, (0..depth).rev().collect::<Vec<_>>());
            assert_eq!(stack.last(), None);
            assert_eq!(stack.last_mut(), None);
        }
    }
}
