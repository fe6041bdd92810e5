//! A collector: a heap, its contexts and roots, and the task that runs its cycles.
//!
//! # Who keeps it (COLL-1)
//! `Root` and `Mutator` have no lifetime, so they may outlive their [`Collector`]. Dropping a collector stops its
//! tasks. If then no context is pinned, no root is left and nobody is inside `unpinned`, its memory goes at
//! once; otherwise it goes to a list that is looked through whenever a collector is made or dropped. (A `Root` inside
//! one of its own objects keeps a collector for ever.)

use core::panic::Location;
use core::ptr::NonNull;

use gort_heap::MemError;
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};

use crate::atomic::Ordering;
use crate::config::{Config, RULES};
use crate::error::CollectError;
use crate::mutator::Mutator;
use crate::shared::{Place, Shared};
use crate::stats::Stats;

/// A collector with a heap of its own. Most programs use the process-wide one, through [`pin`](crate::pin).
#[derive(Debug)]
pub struct Collector {
    shared: NonNull<Shared>,
}

// SAFETY: COLL-1 — all of `Shared` may be used from any thread.
unsafe impl Send for Collector {}
// SAFETY: COLL-1 — as above.
unsafe impl Sync for Collector {}

impl Collector {
    /// A new collector. Its task starts with the first cycle.
    ///
    /// # Errors
    /// The address range for objects cannot be reserved.
    pub fn new(config: Config) -> Result<Self, MemError> {
        bury(None);
        Self::make(config)
    }

    /// The same without a look at old ones.
    pub(crate) fn make(config: Config) -> Result<Self, MemError> {
        Ok(Self { shared: Shared::new(config, RULES, Place::Own)? })
    }

    /// The process's: its objects are in the heap that the process's allocator serves from.
    pub(crate) fn of_process(config: Config) -> Result<Self, MemError> {
        Ok(Self { shared: Shared::new(config, RULES, Place::Process)? })
    }

    #[cfg(test)]
    pub(crate) fn with_rules(
        config: Config,
        rules: crate::config::Rules,
    ) -> Result<Self, MemError> {
        Ok(Self { shared: Shared::new(config, rules, Place::Own)? })
    }

    /// A guard of this collector.
    ///
    /// # Panics
    /// If there is no memory for a new context.
    #[track_caller]
    pub fn pin(&self) -> Mutator {
        pin_in(self.shared, Location::caller())
    }

    /// Runs a whole cycle and returns after its sweep. The caller must not hold a guard: use
    /// [`Mutator::collect`] then.
    ///
    /// # Errors
    /// The task cannot be started, or (with `Config::pin_checks`) the calling task holds a guard.
    pub fn collect(&self) -> Result<(), CollectError> {
        self.shared().collect()
    }

    /// Cycles that have ended. One load.
    pub fn cycles(&self) -> u64 {
        self.shared().coordinator.cycles()
    }

    /// What it has done so far. Walks all spans.
    pub fn stats(&self) -> Stats {
        self.shared().stats()
    }

    /// Sets the growth percentage (`None`: off) and returns the old one.
    pub fn set_gc_percent(&self, percent: Option<u32>) -> Option<u32> {
        let old = self.shared().pacer.set_percent(percent);
        self.shared().replan();
        old
    }

    /// Sets the memory limit in bytes (`None`: none) and returns the old one. It counts all of the heap: in the process-wide
    /// collector also what `GortAlloc` serves.
    pub fn set_memory_limit(&self, limit: Option<u64>) -> Option<u64> {
        let old = self.shared().pacer.set_limit(limit);
        self.shared().heap.set_limit(limit);
        self.shared().replan();
        old
    }

    /// Sets the smallest heap in bytes (`Config::min_heap`) and returns the old one.
    pub fn set_min_heap(&self, bytes: u64) -> u64 {
        let old = self.shared().pacer.set_floor(bytes);
        self.shared().replan();
        old
    }

    /// How many roots exist, by the place that made them, the most first. Empty without `Config::root_places`.
    pub fn roots_by_place(&self) -> Vec<(&'static Location<'static>, usize)> {
        self.shared().roots.by_place()
    }

    /// Switches the line for each cycle on or off, and returns what it was.
    pub fn set_gctrace(&self, on: bool) -> bool {
        // ORDER: Relaxed — a switch of its own.
        self.shared().gctrace.swap(on, Ordering::Relaxed)
    }

    /// For a monitor thread, from time to time: starts a cycle when there was none for two minutes.
    pub fn poll(&self) {
        self.shared().coordinator.poll(self.shared());
    }

    /// Lets the collector's task end when no cycle runs; the next request starts it again, through the host. For a
    /// host that goes away while the collector stays.
    pub fn retire(&self) {
        self.shared().coordinator.retire();
    }

    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: COLL-1 — the collector exists.
        unsafe { self.shared.as_ref() }
    }

    pub(crate) fn shared_ptr(&self) -> NonNull<Shared> {
        self.shared
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared().coordinator.close(self.shared());
        bury(Some(self.shared));
    }
}

struct Grave(NonNull<Shared>);
// SAFETY: COLL-1 — all of `Shared` may be used from any thread.
unsafe impl Send for Grave {}

/// Frees the collectors without a `Collector`, `new` being one more, that nobody uses any more.
fn bury(new: Option<NonNull<Shared>>) {
    static GRAVES: Lock<Vec<Grave>> = Lock::new(&GRAVE_RANK, Vec::new());
    static GRAVE_RANK: Rank = Rank { layer: layer::GC, n: 0, name: "gc.graves" };
    let mut done = Vec::new();
    {
        let mut graves = GRAVES.lock();
        graves.extend(new.map(Grave));
        graves.retain(|grave| {
            // SAFETY: COLL-1 — it is freed only after it left this list.
            let unused = unsafe { grave.0.as_ref() }.is_unused();
            if unused {
                done.push(grave.0);
            }
            !unused
        });
    }
    for shared in done {
        // SAFETY: COLL-1 — unused, off the list, and made by `Box::leak`.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}

/// A guard, or a panic.
pub(crate) fn pin_in(shared: NonNull<Shared>, at: &'static Location<'static>) -> Mutator {
    match Mutator::pin_in(shared, at) {
        Ok(guard) => guard,
        Err(e) => panic!("cannot pin: {e}"),
    }
}
