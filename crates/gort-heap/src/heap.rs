//! The heap as a value: a counted handle to a structure that never moves.

use crate::cache::Cache;
use crate::config::{DropFn, HeapConfig, Hooks, Kind};
use crate::inner::Inner;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{self, Acquire, Relaxed, SeqCst};
use gort_sys::{Backend, Linux, MemError};

/// What a swept span gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects freed.
    pub freed_objects: u64,
    /// Their bytes, by slot size.
    pub freed_bytes: u64,
    /// Pages that went back to the page allocator.
    pub pages: u64,
}

/// A heap. Clones share it; it ends, and unmaps everything, with the last clone and the last cache.
pub struct Heap<B: Backend = Linux> {
    inner: NonNull<Inner<B>>,
}

// SAFETY: H-14 — all shared state of a heap is atomic or behind its locks.
unsafe impl<B: Backend> Send for Heap<B> {}
// SAFETY: H-14 — as above.
unsafe impl<B: Backend> Sync for Heap<B> {}

impl<B: Backend> core::fmt::Debug for Heap<B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Heap").field("gc_range", &self.gc_range()).finish_non_exhaustive()
    }
}

impl<B: Backend> Clone for Heap<B> {
    fn clone(&self) -> Self {
        self.inner().refs.fetch_add(1, Relaxed); // ORDER: Relaxed — a reference is at hand, so the count is above 0.
        Heap { inner: self.inner }
    }
}

impl<B: Backend> Drop for Heap<B> {
    fn drop(&mut self) {
        // ORDER: Release ⇒ the last one's fence: everything this handle did.
        if self.inner().refs.fetch_sub(1, Ordering::Release) == 1 {
            core::sync::atomic::fence(Acquire); // ORDER: Acquire ⇐ the other handles' decrements.
            // SAFETY: H-14 — the last reference; caches hold references of their own.
            unsafe { Inner::destroy(self.inner) };
        }
    }
}

impl<B: Backend> Heap<B> {
    /// A heap of its own on a backend.
    ///
    /// # Errors
    /// The address space or memory for its tables cannot be had.
    pub fn with(backend: B, cfg: HeapConfig) -> Result<Self, MemError> {
        Ok(Heap { inner: Inner::create(backend, cfg)? })
    }

    #[inline]
    pub(crate) fn inner(&self) -> &Inner<B> {
        // SAFETY: H-14 — the structure lives until the last handle goes.
        unsafe { self.inner.as_ref() }
    }

    /// Base and log2 of the size of the range that holds the collector's objects and nothing else; the base is a multiple
    /// of the size. `(0, 0)` without a collector.
    #[inline]
    pub fn gc_range(&self) -> (usize, u32) {
        self.inner().gc_side().map_or((0, 0), |s| s.range())
    }

    /// Makes the collector's side of a heap that was made without one (`gc_range_shift` 0): `1 << range_shift` bytes of
    /// address space, less if the system refuses. There is one collector to a heap.
    ///
    /// # Errors
    /// `MemOp::Order` if there is a collector already; else the range or its tables cannot be had.
    pub fn open_collector(&self, range_shift: u32, hooks: Hooks) -> Result<(), MemError> {
        self.inner().open_collector(range_shift, hooks)
    }

    /// A cache, from the pool or new.
    ///
    /// # Errors
    /// No memory, or no such side (`MemOp::Order`).
    pub fn cache(&self, kind: Kind) -> Result<Cache<B>, MemError> {
        Cache::open(self, kind)
    }

    /// Whether an address lies in an arena of this heap.
    pub fn contains(&self, addr: usize) -> bool {
        [Kind::Gc, Kind::Explicit]
            .into_iter()
            .any(|k| self.inner().side(k).is_some_and(|s| s.page_if_ours(addr).is_some()))
    }

    /// Attaches drop glue: the sweep that finds the object dead hands it to [`Hooks::dead`](crate::Hooks) and keeps the slot
    /// until [`Heap::special_done`]. Once per object.
    ///
    /// # Errors
    /// No memory.
    ///
    /// # Safety
    /// `obj` is the first byte of a live object of the collector's side; `f` may be called with it once, on any thread.
    pub unsafe fn add_drop(&self, obj: NonNull<u8>, f: DropFn) -> Result<(), MemError> {
        // SAFETY: H-15 — by contract a live object.
        let object = unsafe { self.object_of(obj) };
        self.inner().add_drop(self.inner().spans.get(object.span), obj.as_ptr() as usize, f)
    }

    /// Whether a sweep fills the slots of a collector's objects that it frees with `0xde` (`GODEBUG=clobberfree=1`).
    pub fn set_clobber(&self, on: bool) {
        self.inner().clobber.store(on, core::sync::atomic::Ordering::Relaxed); // ORDER: Relaxed — a switch of its own.
    }

    /// The glue of `obj` ran: the next sweep frees the slot.
    ///
    /// # Safety
    /// `obj` was given to [`Hooks::dead`](crate::Hooks) and not reported yet.
    pub unsafe fn special_done(&self, obj: *mut u8) {
        let Some(obj) = NonNull::new(obj) else { return };
        // SAFETY: H-15 — the slot stays allocated until this report.
        let object = unsafe { self.object_of(obj) };
        let mut list = crate::specials::SpecialsGuard::lock(self.inner().spans.get(object.span));
        match list.find(obj.as_ptr() as usize) {
            Some(s) => s.state = crate::span::SpecialState::Done,
            None => gort_sys::fatal!("SPECIAL-1", "object {:p} has no drop glue", obj.as_ptr()),
        }
    }

    /// The sweep generation; rises by 2.
    #[inline]
    pub fn sweepgen(&self) -> u32 {
        self.inner().generation()
    }

    /// The flip: all spans of the collector become unswept. Returns the new generation. The caller has seen
    /// [`Heap::sweep_done`] since all caches took over the last one, and marks are final.
    pub fn advance_sweepgen(&self) -> u32 {
        // A cycle is a generation of the scavenger too: what was full during the last one stays as it is.
        self.inner().next_density(Kind::Gc);
        // ORDER: AcqRel ⇒ `generation`: who sees the new generation sees all marks.
        self.inner().sweepgen.fetch_add(2, Ordering::AcqRel).wrapping_add(2)
    }

    /// Sweeps one span that no cache holds; `None` when there is none left to take. Touches no object.
    pub fn sweep_one(&self) -> Option<Swept> {
        self.inner().sweep_one()
    }

    /// Unswept spans in the lists. Those held by caches are not counted.
    pub fn unswept_left(&self) -> u64 {
        self.inner().unswept()
    }

    /// Sweeps under way.
    pub fn active_sweepers(&self) -> u64 {
        self.inner().sweepers.load(SeqCst) // ORDER: SeqCst — SWEEP-2, second look.
    }

    /// No unswept span in the lists or on its way (SWEEP-2). Spans held by caches that have not flushed since the flip are
    /// the caller's business.
    pub fn sweep_done(&self) -> bool {
        self.unswept_left() == 0 && self.active_sweepers() == 0
    }

    /// Sum of [`Cache::bytes_taken`] over the collector's caches.
    pub fn bytes_taken(&self) -> u64 {
        let caches = self.inner().records().filter(|r| r.kind.get() == Kind::Gc);
        caches.map(|r| r.bytes.load(Relaxed)).sum() // ORDER: Relaxed — counters.
    }

    /// Bytes in spans of the collector: one load.
    pub fn gc_in_use(&self) -> u64 {
        self.inner().gc_side().map_or(0, |s| s.in_use.load(Relaxed)) // ORDER: Relaxed — a counter.
    }
}
