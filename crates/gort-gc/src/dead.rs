//! Dead objects whose drop glue has to run.
//!
//! A sweep that finds such an object dead leaves its slot allocated and puts it here. A task of its own
//! runs the glue, without any lock and without a guard, then tells the heap, and the next sweep frees the
//! slot. The glue sees `Leaf` members only, so it does not matter that the objects that the dead one named
//! may be gone (DROP-1). A panic of the glue is caught, and counted.

use core::mem;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use gort_heap::DropFn;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::host::WorkerKind;
use crate::shared::Shared;

static DEAD: Rank = Rank { layer: layer::GC, n: 11, name: "gc.dead" };

struct Dead {
    object: *mut u8,
    glue: DropFn,
}

// SAFETY: DROP-1 — the object is unreachable, and its type is Send.
unsafe impl Send for Dead {}

/// The queue of one collector.
pub(crate) struct DeadQueue {
    list: Lock<Vec<Dead>>,
    /// Whether the list may be not empty: spares the lock after each swept span.
    pending: AtomicBool,
    /// Whether a task drains the queue.
    running: AtomicBool,
    run: AtomicU64,
    panics: AtomicU64,
}

impl core::fmt::Debug for DeadQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DeadQueue")
    }
}

impl DeadQueue {
    pub(crate) fn new() -> Self {
        Self {
            list: Lock::new(&DEAD, Vec::new()),
            pending: AtomicBool::new(false),
            running: AtomicBool::new(false),
            run: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    /// The heap's hook. `queue` is a `*const DeadQueue`.
    pub(crate) fn hook(queue: *const (), object: *mut u8, glue: DropFn) {
        // SAFETY: COLL-2 — the heap and its caches are gone before the queue is.
        let queue = unsafe { &*queue.cast::<DeadQueue>() };
        let mut list = queue.list.lock();
        list.push(Dead { object, glue });
        // ORDER: Relaxed — written under the lock; a look without it may be late by one sweep.
        queue.pending.store(true, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        // ORDER: Relaxed — whoever acts on it takes the lock.
        !self.pending.load(Ordering::Relaxed)
    }

    /// Starts the task that drains the queue, if there is something and nobody does.
    pub(crate) fn kick(&self, s: &Shared) {
        // ORDER: AcqRel — one task at a time; Relaxed for the first look.
        if !s.rules.run_glue
            || self.is_empty()
            || self.running.load(Ordering::Relaxed)
            || self.running.swap(true, Ordering::AcqRel)
        {
            return;
        }
        let started = s.spawn(WorkerKind::Cleanup, |s| {
            loop {
                s.dead.drain(s);
                // ORDER: Release ⇒ the next `kick`.
                s.dead.running.store(false, Ordering::Release);
                // What was queued between the last look and the store.
                if s.dead.is_empty() || s.dead.running.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
        if started.is_err() {
            // ORDER: Release — the next `kick` tries again.
            self.running.store(false, Ordering::Release);
        }
    }

    /// Runs all glue in the queue.
    pub(crate) fn drain(&self, s: &Shared) {
        loop {
            let batch = {
                let mut list = self.list.lock();
                // ORDER: Relaxed — under the lock.
                self.pending.store(false, Ordering::Relaxed);
                mem::take(&mut *list)
            };
            if batch.is_empty() {
                return;
            }
            for dead in batch {
                // SAFETY: DROP-1 — dead, of the glue's type, and taken from the queue once.
                let glue = || unsafe { (dead.glue)(dead.object) };
                let ok = catch_unwind(AssertUnwindSafe(glue)).is_ok();
                // ORDER: Relaxed — statistics.
                self.run.fetch_add(1, Ordering::Relaxed);
                // ORDER: Relaxed — statistics.
                self.panics.fetch_add(u64::from(!ok), Ordering::Relaxed);
                if s.config.clobber_free {
                    clobber(s, dead.object);
                }
                // SAFETY: DROP-1 — the glue of this object has run.
                unsafe { s.heap.special_done(dead.object) };
            }
        }
    }

    /// Objects whose glue has run, and how often it panicked.
    pub(crate) fn counts(&self) -> (u64, u64) {
        // ORDER: Relaxed — statistics.
        (self.run.load(Ordering::Relaxed), self.panics.load(Ordering::Relaxed))
    }
}

/// Fills a dead object, so that a use after its death is noticed.
fn clobber(s: &Shared, object: *mut u8) {
    let Some(object) = s.heap.find_object(object.addr()) else { return };
    // SAFETY: DROP-1 — nobody can reach the object, and its slot is not free yet.
    unsafe { object.base.as_ptr().write_bytes(0xde, object.size) };
}
