//! [`RunQueue`]: a processor's own queue. The owner pushes and pops; anybody may steal half.
//!
//! A ring of fixed size between two counters that only grow. The owner alone writes `tail`;
//! owner and thieves compete for `head` by exchange. A slot may be written again only after
//! `head` has passed it, so what a thief copied before its exchange won is what it owns
//! (RUNQ-1). The scheme is that of Go's per-P queue; unlike a Chase-Lev deque both ends of the
//! queue are taken from `head`, which makes it first in, first out for everybody.

use gort_sys::atomic::{
    AtomicPtr, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

/// Slots of a processor's queue.
pub(crate) const CAPACITY: usize = 256;

/// A counter alone on its cache lines, as different threads write the two of them.
#[repr(align(128))]
struct Lone(AtomicU32);

/// A bounded queue of pointers with one owner and many thieves.
pub(crate) struct RunQueue<T, const N: usize = CAPACITY> {
    head: Lone,
    tail: Lone,
    slots: [AtomicPtr<T>; N],
}

impl<T, const N: usize> RunQueue<T, N> {
    const MASK: u32 = {
        assert!(N.is_power_of_two() && N >= 4);
        N as u32 - 1
    };

    pub(crate) fn new() -> Self {
        Self {
            head: Lone(AtomicU32::new(0)),
            tail: Lone(AtomicU32::new(0)),
            slots: core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut())),
        }
    }

    fn slot(&self, at: u32) -> &AtomicPtr<T> {
        &self.slots[(at & Self::MASK) as usize]
    }

    /// How many items there are; exact for the owner when no thief is at work.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // ORDER: Acquire ⇐ `push`, `pop`, `steal_into`: a thief acts on what it sees. The head is
        // read first, so the difference is never negative for more than a wrap.
        let head = self.head.0.load(Acquire);
        let tail = self.tail.0.load(Acquire);
        let n = tail.wrapping_sub(head);
        if n > N as u32 { 0 } else { n }
    }

    /// How many items were ever taken; wraps.
    pub(crate) fn head(&self) -> u32 {
        // ORDER: Relaxed — a look, for who waits that it changes.
        self.head.0.load(Relaxed)
    }

    /// Owner: appends an item. If the ring is full, the older half and the item are handed to
    /// `spill` instead, oldest first.
    #[inline]
    pub(crate) fn push(&self, item: *mut T, spill: &mut dyn FnMut(*mut T)) {
        loop {
            // ORDER: Acquire ⇐ `pop`, `steal_into`: the slot was read out before head passed it.
            let head = self.head.0.load(Acquire);
            // ORDER: Relaxed — RUNQ-1: only the owner writes `tail`.
            let tail = self.tail.0.load(Relaxed);
            if tail.wrapping_sub(head) < N as u32 {
                // ORDER: Relaxed — published by the store of `tail`.
                self.slot(tail).store(item, Relaxed);
                // ORDER: Release ⇒ `steal_into`: the slot, and all behind the pointer.
                self.tail.0.store(tail.wrapping_add(1), Release);
                return;
            }
            if self.spill(head, item, spill) {
                return;
            }
            // A thief made room between the two looks.
        }
    }

    /// Never inlined: its buffer must not lie in the frames of goroutines that park, whose stacks
    /// are to cost one page.
    #[cold]
    #[inline(never)]
    fn spill(&self, head: u32, item: *mut T, spill: &mut dyn FnMut(*mut T)) -> bool {
        let half = N / 2;
        let mut batch = [core::ptr::null_mut(); N];
        for (i, slot) in batch[..half].iter_mut().enumerate() {
            // ORDER: Relaxed — the owner wrote these slots itself.
            *slot = self.slot(head.wrapping_add(i as u32)).load(Relaxed);
        }
        let after = head.wrapping_add(half as u32);
        // ORDER: Release ⇒ `push`: the slots were read out. Relaxed on failure: they were not ours.
        if self.head.0.compare_exchange(head, after, Release, Relaxed).is_err() {
            return false;
        }
        batch[half] = item;
        batch[..=half].iter().for_each(|&g| spill(g));
        true
    }

    /// Owner: takes the oldest item.
    #[inline]
    pub(crate) fn pop(&self) -> Option<*mut T> {
        loop {
            // ORDER: Acquire ⇐ thieves: how far they came.
            let head = self.head.0.load(Acquire);
            // ORDER: Relaxed — RUNQ-1: only the owner writes `tail`.
            if head == self.tail.0.load(Relaxed) {
                return None;
            }
            // ORDER: Relaxed — the owner wrote the slot itself.
            let item = self.slot(head).load(Relaxed);
            // ORDER: Release ⇒ `push`: the slot was read out. Relaxed on failure: a thief was first.
            if self.head.0.compare_exchange(head, head.wrapping_add(1), Release, Relaxed).is_ok() {
                return Some(item);
            }
        }
    }

    /// Owner: the items that the second and the fourth of the next calls of `pop` would take; a thief may be
    /// faster.
    #[inline]
    pub(crate) fn peek_ahead(&self) -> Option<[*mut T; 2]> {
        // ORDER: Relaxed — a hint.
        let (head, tail) = (self.head.0.load(Relaxed), self.tail.0.load(Relaxed));
        // ORDER: Relaxed — the owner wrote the slots itself.
        let item = |i: u32| self.slot(head.wrapping_add(i)).load(Relaxed);
        (tail.wrapping_sub(head).cast_signed() > 3).then(|| [item(1), item(3)])
    }

    /// Moves about half of this queue (n - n/2) to `to`, whose owner calls; returns one of the
    /// moved items, which stays out of `to`, and how many were moved in all.
    ///
    /// `to` must have at least N/2 free slots (an idle owner's is empty).
    pub(crate) fn steal_into(&self, to: &Self) -> Option<(*mut T, u32)> {
        // ORDER: Relaxed — the caller owns `to`.
        let base = to.tail.0.load(Relaxed);
        let (n, head) = loop {
            // ORDER: Acquire ⇐ other thieves and the owner's `pop`.
            let head = self.head.0.load(Acquire);
            // ORDER: Acquire ⇐ `push`: the slots below `tail` are written.
            let tail = self.tail.0.load(Acquire);
            let len = tail.wrapping_sub(head);
            let n = len - len / 2;
            if n == 0 {
                return None;
            }
            // `head` was old when `tail` was read: look again.
            if len > N as u32 {
                continue;
            }
            for i in 0..n {
                // ORDER: Relaxed — the value counts only if the exchange below wins, and then no
                // one has written the slot since (RUNQ-1).
                let item = self.slot(head.wrapping_add(i)).load(Relaxed);
                // ORDER: Relaxed — published by the store of `tail` below.
                to.slot(base.wrapping_add(i)).store(item, Relaxed);
            }
            // ORDER: Release ⇒ `push` of the victim: the slots were read out. Relaxed on failure.
            if self.head.0.compare_exchange(head, head.wrapping_add(n), Release, Relaxed).is_ok() {
                break (n, head);
            }
        };
        let _ = head;
        // ORDER: Relaxed — the caller wrote it.
        let last = to.slot(base.wrapping_add(n - 1)).load(Relaxed);
        if n > 1 {
            // ORDER: Release ⇒ thieves of `to`.
            to.tail.0.store(base.wrapping_add(n - 1), Release);
        }
        Some((last, n))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn item(n: usize) -> *mut u8 {
        core::ptr::without_provenance_mut(n)
    }

    proptest! {
        /// RUNQ-1 by one thread: the ring is a bounded queue, and nothing is lost or doubled.
        #[test]
        fn agrees_with_a_deque(ops in proptest::collection::vec(0..4u8, 0..200)) {
            let (queue, thief) = (RunQueue::<u8, 8>::new(), RunQueue::<u8, 8>::new());
            let (mut model, mut next) = (VecDeque::new(), 1usize);
            for op in ops {
                match op {
                    0 | 1 => {
                        let mut got = Vec::new();
                        queue.push(item(next), &mut |p| got.push(p as usize));
                        if got.is_empty() {
                            model.push_back(next);
                        } else {
                            prop_assert_eq!(model.len(), 8);
                            let mut want: Vec<usize> = model.drain(..4).collect();
                            want.push(next);
                            prop_assert_eq!(got, want);
                        }
                        next += 1;
                    }
                    2 => prop_assert_eq!(queue.pop().map(|p| p as usize), model.pop_front()),
                    _ => {
                        let half = model.len() - model.len() / 2;
                        let mut want: Vec<usize> = model.drain(..half).collect();
                        match queue.steal_into(&thief) {
                            None => prop_assert!(want.is_empty()),
                            Some((last, n)) => {
                                prop_assert_eq!(n as usize, want.len());
                                prop_assert_eq!(Some(last as usize), want.pop());
                                while let Some(p) = thief.pop() {
                                    prop_assert_eq!(p as usize, want.remove(0));
                                }
                                prop_assert!(want.is_empty());
                            }
                        }
                    }
                }
                prop_assert_eq!(queue.len() as usize, model.len());
            }
        }
    }

    #[test]
    fn each_item_goes_to_one_taker() {
        const ITEMS: usize = 20_000;
        let queue = std::sync::Arc::new(RunQueue::<u8, 16>::new());
        let thieves: Vec<_> = (0..3)
            .map(|_| {
                let queue = std::sync::Arc::clone(&queue);
                std::thread::spawn(move || {
                    let (mine, mut got) = (RunQueue::<u8, 16>::new(), Vec::new());
                    loop {
                        if let Some((last, _)) = queue.steal_into(&mine) {
                            got.push(last as usize);
                            while let Some(p) = mine.pop() {
                                got.push(p as usize);
                            }
                            if got.contains(&usize::MAX) {
                                return got;
                            }
                        } else {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for n in 1..=ITEMS {
            queue.push(item(n), &mut |p| all.push(p as usize));
        }
        // One end marker a thief; what spills is handed in again until all have ended.
        let mut ended = 0;
        while ended < 3 {
            while queue.len() < 3 {
                queue.push(item(usize::MAX), &mut |p| all.push(p as usize));
            }
            std::thread::yield_now();
            ended = thieves.iter().filter(|t| t.is_finished()).count();
        }
        for t in thieves {
            all.extend(t.join().expect("no panic"));
        }
        while let Some(p) = queue.pop() {
            all.push(p as usize);
        }
        all.retain(|&p| p != usize::MAX);
        all.sort_unstable();
        assert_eq!(all, (1..=ITEMS).collect::<Vec<_>>());
    }
}
