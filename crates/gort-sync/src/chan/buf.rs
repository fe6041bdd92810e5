//! [`Buf`], the messages that wait in a channel, oldest first.
//!
//! With a bound it is one ring, allocated once. Without, it is a ring of a few dozen and behind it a
//! row of blocks: a burst costs one allocation for each block and moves no message, and a block goes
//! back to the allocator when it has been read, but for one that is kept for the next.

use std::collections::VecDeque;

/// Messages in a block.
const BLOCK: usize = 32;
/// Places in the row of blocks that are kept when the row is empty.
const ROW: usize = 16;

/// A first-in, first-out buffer.
pub(crate) struct Buf<T> {
    /// The oldest messages; all of them, as long as they are at most `most`.
    head: VecDeque<T>,
    /// The others, in blocks of `BLOCK`; only the last may be short. None is empty.
    row: VecDeque<VecDeque<T>>,
    /// A block that has been read.
    spare: Option<VecDeque<T>>,
    /// Messages in `head` from which on the row is used.
    most: usize,
    /// Messages; more than `head` has when some are in the row.
    len: usize,
}

impl<T> Buf<T> {
    /// A buffer that never holds more than `cap`; `usize::MAX`: no bound.
    pub(super) fn new(cap: usize) -> Self {
        let (head, most) = match cap {
            usize::MAX => (VecDeque::new(), BLOCK),
            cap => (VecDeque::with_capacity(cap), usize::MAX),
        };
        Self { head, row: VecDeque::new(), spare: None, most, len: 0 }
    }

    /// Messages in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends `value`.
    #[inline]
    pub(super) fn push(&mut self, value: T) {
        if self.head.len() == self.len && self.len < self.most {
            self.head.push_back(value);
        } else {
            self.push_to_row(value);
        }
        self.len += 1;
    }

    #[inline(never)]
    fn push_to_row(&mut self, value: T) {
        match self.row.back_mut() {
            Some(last) if last.len() < BLOCK => last.push_back(value),
            _ => {
                let mut block = self.spare.take().unwrap_or_else(|| VecDeque::with_capacity(BLOCK));
                block.push_back(value);
                self.row.push_back(block);
            }
        }
    }

    /// Takes the oldest.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        let value = self.head.pop_front()?;
        self.len -= 1;
        if self.head.is_empty() && self.len != 0 {
            self.next_block();
        }
        Some(value)
    }

    #[inline(never)]
    fn next_block(&mut self) {
        if let Some(block) = self.row.pop_front() {
            self.spare = Some(core::mem::replace(&mut self.head, block));
        }
        if self.row.is_empty() && self.row.capacity() > ROW {
            self.row = VecDeque::new();
        }
    }

    /// Everything, in a buffer of its own; this one is empty and has no memory.
    pub(super) fn take(&mut self) -> Self {
        let most = self.most;
        let empty = Self { head: VecDeque::new(), row: VecDeque::new(), spare: None, most, len: 0 };
        core::mem::replace(self, empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn a_bound_is_one_ring() {
        let mut buf = Buf::new(100);
        (0..100).for_each(|i| buf.push(i));
        assert!(buf.row.is_empty() && buf.head.capacity() >= 100);
        assert_eq!(core::iter::from_fn(|| buf.pop()).collect::<Vec<_>>(), Vec::from_iter(0..100));
    }

    #[test]
    fn a_burst_gives_its_memory_back() {
        let mut buf = Buf::new(usize::MAX);
        (0..10_000).for_each(|i| buf.push(i));
        while buf.pop().is_some() {}
        let kept = buf.head.capacity() + buf.spare.as_ref().map_or(0, VecDeque::capacity);
        assert!(kept <= 2 * BLOCK && buf.row.capacity() <= ROW, "{kept}, {}", buf.row.capacity());
    }

    #[test]
    fn what_is_left_is_dropped() {
        let token = Arc::new(());
        let mut buf = Buf::new(usize::MAX);
        (0..100).for_each(|_| buf.push(Arc::clone(&token)));
        (0..40).for_each(|_| drop(buf.pop()));
        assert_eq!(Arc::strong_count(&token), 61);
        drop(buf.take());
        assert_eq!((Arc::strong_count(&token), buf.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec((any::<bool>(), 1usize..80), 1..60)) {
            let (mut buf, mut model, mut next) = (Buf::new(usize::MAX), VecDeque::new(), 0u32);
            for (push, count) in steps {
                for _ in 0..count {
                    if push {
                        buf.push(next);
                        model.push_back(next);
                        next += 1;
                    } else {
                        prop_assert_eq!(buf.pop(), model.pop_front());
                    }
                    prop_assert_eq!(buf.len(), model.len());
                }
            }
        }
    }
}
