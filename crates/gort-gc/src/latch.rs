//! [`Latch`], a lock of one word for the collections in the heap.
//!
//! A vector or map is shared as soon as its handle is, so its writers exclude each other; readers go without. What is
//! done under the latch is short, allocates at most, and never waits for the collector (an allocation is no safepoint),
//! so holding it holds nothing else up. A panic under it (memory, a foreign object) lets it go.

use crate::Leaf;
use crate::atomic::{AtomicU32, Ordering};
use gort_sys::futex;

const OPEN: u32 = 0;
const HELD: u32 = 1;
/// Held, and somebody may sleep.
const WANTED: u32 = 2;

/// Turns of spinning before a waiter sleeps: longer than a push without growth.
const SPINS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Latch(AtomicU32);

// SAFETY: LEAF-STD — a number.
unsafe impl Leaf for Latch {}

impl Latch {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(OPEN))
    }

    #[inline]
    pub(crate) fn hold(&self) -> Held<'_> {
        // ORDER: Acquire ⇐ `Held::drop`: the last writer's work.
        let free = self.0.compare_exchange(OPEN, HELD, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() {
            self.wait();
        }
        Held(self)
    }

    #[cold]
    fn wait(&self) {
        for _ in 0..SPINS {
            // ORDER: Acquire ⇐ `Held::drop`; Relaxed on failure: tried again.
            let free = self.0.compare_exchange(OPEN, HELD, Ordering::Acquire, Ordering::Relaxed);
            if free.is_ok() {
                return;
            }
            core::hint::spin_loop();
        }
        // ORDER: Acquire ⇐ `Held::drop`. Taking it as WANTED costs one needless wake at most.
        while self.0.swap(WANTED, Ordering::Acquire) != OPEN {
            futex::wait(&self.0, WANTED, None);
        }
    }
}

/// The latch is held until this goes.
pub(crate) struct Held<'l>(&'l Latch);

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        // ORDER: Release ⇒ `hold`: what was written under the latch.
        if self.0.0.swap(OPEN, Ordering::Release) == WANTED {
            futex::wake(&raw const self.0.0, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::UnsafeCell;

    struct Counter(Latch, UnsafeCell<u64>);
    // SAFETY: the cell is touched under the latch.
    unsafe impl Sync for Counter {}

    #[test]
    fn one_at_a_time() {
        let counter = Counter(Latch::new(), UnsafeCell::new(0));
        let counter = &counter;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    for _ in 0..5000 {
                        let _held = counter.0.hold();
                        // SAFETY: under the latch.
                        unsafe { *counter.1.get() += 1 };
                    }
                });
            }
        });
        // SAFETY: the other threads have ended.
        assert_eq!(unsafe { *counter.1.get() }, 20_000);
    }
}
