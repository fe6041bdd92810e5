//! Grey objects: marked, and still to be scanned.
//!
//! A context collects the objects that it shades in a buffer of its own and publishes the buffer as a
//! block. The queue of published blocks is shared by whoever scans: the coordinator's worker and
//! mutators that assist.
//!
//! # When is there nothing left? (GREY-1)
//! A scanner is counted in `active` before it takes a block, and leaves with empty hands (what it did not
//! scan is pushed back before the count goes down). Every push counts up `pushed`. So if, in this order, `p =
//! pushed`, the queue is empty, `active == 0`, and `pushed` is still `p`, then every block that was ever pushed
//! has been scanned to its end, and grey objects can exist only in contexts' own buffers.

use core::num::NonZeroU64;
use core::ptr::NonNull;

use crossbeam_deque::{Injector, Steal};

use crate::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Entries of a context's buffer.
pub(crate) const BUFFER: usize = if cfg!(test) { 4 } else { 256 };

/// A grey object: its address, and its size where that fits.
///
/// ```text
/// 63 ....... 48   47 ........ 0
/// +-------------+--------------+
/// | size / 8, 0 |    address   |       0: 512 KiB or more, to be looked up
/// +-------------+--------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grey(NonZeroU64);

const SIZE_SHIFT: u32 = 48;

impl Grey {
    #[inline(always)]
    pub(crate) fn new(base: NonNull<u8>, size: usize) -> Self {
        let words = (size >> 3) as u64;
        let words = if words >> 16 == 0 { words } else { 0 };
        let bits = base.as_ptr().expose_provenance() as u64 | words << SIZE_SHIFT;
        // The address is not zero, so neither are the bits.
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MAX))
    }

    /// The object's base.
    #[inline(always)]
    pub(crate) fn base(self) -> NonNull<u8> {
        let address = (self.0.get() & ((1 << SIZE_SHIFT) - 1)) as usize;
        // SAFETY: GREY-2 — made from a pointer that is not null, by `new`.
        unsafe { NonNull::new_unchecked(core::ptr::with_exposed_provenance_mut(address)) }
    }

    /// The object's slot size, if it is known.
    #[inline(always)]
    pub(crate) fn size(self) -> Option<usize> {
        match self.0.get() >> SIZE_SHIFT {
            0 => None,
            words => Some((words << 3) as usize),
        }
    }
}

/// Up to [`BUFFER`] grey objects on their way.
pub(crate) type Block = Vec<Grey>;

/// Published blocks, and who scans.
#[derive(Debug, Default)]
pub(crate) struct GreyQueue {
    blocks: Injector<Block>,
    pushed: AtomicU64,
    active: AtomicUsize,
    /// Somebody who would scan found the queue empty.
    wanted: AtomicBool,
}

impl GreyQueue {
    /// Publishes a block.
    pub(crate) fn push(&self, block: Block) {
        debug_assert!(!block.is_empty());
        self.blocks.push(block);
        // ORDER: Release ⇒ `pushed`: the block is in the queue. (The queue's own order carries its
        // contents to the scanner.)
        self.pushed.fetch_add(1, Ordering::Release);
    }

    /// Blocks published so far.
    pub(crate) fn pushed(&self) -> u64 {
        // ORDER: Acquire ⇐ `push`.
        self.pushed.load(Ordering::Acquire)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Asks scanners to share what they have.
    pub(crate) fn want(&self) {
        // ORDER: Relaxed — a hint.
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether a scanner should share; asked between quanta.
    pub(crate) fn is_wanted(&self) -> bool {
        // ORDER: Relaxed — a hint.
        self.wanted.load(Ordering::Relaxed) && self.wanted.swap(false, Ordering::Relaxed)
    }

    /// Counts the caller as a scanner until the guard goes; it must then hold no grey object.
    pub(crate) fn enter(&self) -> Scanner<'_> {
        // ORDER: AcqRel — GREY-1: before anything is taken.
        self.active.fetch_add(1, Ordering::AcqRel);
        Scanner { queue: self }
    }

    /// If every published block has been scanned (GREY-1): how many there were.
    pub(crate) fn drained(&self) -> Option<u64> {
        let before = self.pushed();
        let nothing = self.is_empty()
            // ORDER: Acquire ⇐ `Scanner::drop`: its pushes.
            && self.active.load(Ordering::Acquire) == 0
            && self.pushed() == before;
        nothing.then_some(before)
    }
}

/// The right to take blocks.
#[derive(Debug)]
pub(crate) struct Scanner<'q> {
    queue: &'q GreyQueue,
}

impl Scanner<'_> {
    pub(crate) fn take(&self) -> Option<Block> {
        loop {
            match self.queue.blocks.steal() {
                Steal::Success(block) => return Some(block),
                Steal::Empty => return None,
                Steal::Retry => core::hint::spin_loop(),
            }
        }
    }
}

impl Drop for Scanner<'_> {
    fn drop(&mut self) {
        // ORDER: AcqRel ⇒ `drained`: what was scanned and pushed back.
        self.queue.active.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_carries_small_sizes() {
        let base = NonNull::<u64>::dangling().cast::<u8>();
        for (size, want) in
            [(8, Some(8)), (16, Some(16)), (0x7fff8, Some(0x7fff8)), (0x80000, None)]
        {
            let grey = Grey::new(base, size);
            assert_eq!((grey.base(), grey.size()), (base, want));
        }
    }

    #[test]
    fn drained_means_taken_and_left() {
        let queue = GreyQueue::default();
        assert!(queue.drained().is_some());
        queue.push(vec![Grey::new(NonNull::<u64>::dangling().cast(), 8)]);
        assert!(queue.drained().is_none());
        let scanner = queue.enter();
        let block = scanner.take();
        assert!(scanner.take().is_none() && queue.drained().is_none());
        queue.push(block.unwrap_or_default());
        drop(scanner);
        assert!(queue.drained().is_none());
        let scanner = queue.enter();
        drop(scanner.take());
        drop(scanner);
        assert!(queue.drained().is_some());
    }
}
