//! The memory of a cache: magazines, counters, pages in hand. Never freed while its heap lives; when its owner goes, the
//! next one takes it over from the pool.
//!
//! Fields that the statistics read from other threads are atomics with one writer; they cost plain moves.

use crate::class::SPAN_CLASSES;
use crate::config::Kind;
use crate::pages::PageCache;
use crate::spans::STASH;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64};
use gort_fixalloc::Chunk;

/// The borrowed word's slots were marked when it was taken.
pub(crate) const COLOURED: u16 = 1;
/// The borrowed word's slots are known to be zero.
pub(crate) const ZEROED: u16 = 2;

/// One cache line per span class.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Mag {
    /// Free slots of the borrowed word (a loan from the span's free bits).
    pub(crate) bits: AtomicU64,
    /// Slot 0 of the word.
    pub(crate) wbase: Cell<*mut u8>,
    pub(crate) elem: Cell<u32>,
    /// Explicit: what a page entry must say for a free to be local. GC: generation for which the held span was swept.
    pub(crate) key: Cell<u32>,
    /// Held span, 0 = none.
    pub(crate) span: AtomicU32,
    pub(crate) word: AtomicU16,
    pub(crate) flags: Cell<u16>,
    /// Array of free slots (explicit kind): `lo..top` are filled, `hi` is its end.
    pub(crate) top: AtomicPtr<*mut u8>,
    pub(crate) lo: AtomicPtr<*mut u8>,
    pub(crate) hi: Cell<*mut *mut u8>,
    /// Objects handed out from the array.
    pub(crate) pops: AtomicU64,
}

/// A buffered give of somebody else's slots.
#[derive(Debug)]
pub(crate) struct Wc {
    pub(crate) span: AtomicU32,
    pub(crate) word: Cell<u32>,
    pub(crate) bits: AtomicU64,
}

/// Slots of the write-combining buffer.
pub(crate) const WC: usize = 16;

/// A cache's memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct CacheRec {
    pub(crate) mags: [Mag; SPAN_CLASSES],
    /// Explicit: the page entries of its side, as if page 0 were at address 0.
    pub(crate) table: Cell<*const AtomicU64>,
    /// Slots borrowed and given back, by span class.
    pub(crate) taken: [AtomicU64; SPAN_CLASSES],
    pub(crate) returned: [AtomicU64; SPAN_CLASSES],
    /// Bytes borrowed ever.
    pub(crate) bytes: AtomicU64,
    pub(crate) wc: [Wc; WC],
    pub(crate) pages: [AtomicU64; 3],
    pub(crate) stash: Cell<[u32; STASH]>,
    pub(crate) stashed: AtomicU32,
    /// Span classes with something to flush.
    pub(crate) used: Cell<[u64; 3]>,
    pub(crate) generation: Cell<u32>,
    pub(crate) black: Cell<bool>,
    pub(crate) kind: Cell<Kind>,
    /// Cache tag, 0 = none.
    pub(crate) tag: Cell<u16>,
    pub(crate) chunk: UnsafeCell<Chunk>,
    /// Chain of all records; then chain of the pool.
    pub(crate) next_all: Cell<*mut CacheRec>,
    pub(crate) next_free: Cell<*mut CacheRec>,
}

impl CacheRec {
    /// The page cache, by its owner. It is kept in atomics because statistics look at it.
    pub(crate) fn with_pages<R>(&self, f: impl FnOnce(&mut PageCache) -> R) -> R {
        let mut cache = self.page_cache();
        let result = f(&mut cache);
        // ORDER: Relaxed, all — one writer; readers want figures.
        self.pages[0].store(cache.base as u64, core::sync::atomic::Ordering::Relaxed);
        self.pages[1].store(cache.free, core::sync::atomic::Ordering::Relaxed);
        self.pages[2].store(cache.scav, core::sync::atomic::Ordering::Relaxed);
        result
    }

    /// A copy of the page cache.
    pub(crate) fn page_cache(&self) -> PageCache {
        // ORDER: Relaxed, all — one writer; readers want figures.
        let [base, free, scav] =
            [0, 1, 2].map(|i| self.pages[i].load(core::sync::atomic::Ordering::Relaxed));
        PageCache { base: base as usize, free, scav }
    }

    pub(crate) fn note_used(&self, class: usize) {
        let mut used = self.used.get();
        used[class / 64] |= 1 << (class % 64);
        self.used.set(used);
    }
}

/// Adds to a counter that has one writer.
#[inline]
pub(crate) fn add(cell: &AtomicU64, n: u64) {
    use core::sync::atomic::Ordering::Relaxed;
    cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed); // ORDER: Relaxed — one writer; readers want figures.
}
