//! The memory of a cache: magazines, counters, pages in hand. Never freed while its heap lives; when its owner goes, the
//! next one takes it over from the pool.
//!
//! Fields that the statistics read from other threads are atomics with one writer; they cost plain moves.

use crate::class::{CLASSES, COARSE_STEPS, FINE_STEPS, SPAN_CLASSES};
use crate::config::Kind;
use crate::pages::PageCache;
use crate::profile::Arms;
use crate::spans::STASH;
use core::cell::{Cell, UnsafeCell};
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicU64};
use gort_fixalloc::Chunk;

/// The borrowed word's slots were marked when it was taken.
pub(crate) const COLOURED: u16 = 1;
/// The borrowed word's slots are known to be zero.
pub(crate) const ZEROED: u16 = 2;
/// A mode is on that wants to see each slot.
pub(crate) const WATCHED: u16 = 4;

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

/// Places of the write-combining buffer: some of each class up to 1 KiB.
pub(crate) const WC: usize = 128;

/// A cache's memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct CacheRec {
    pub(crate) mags: [Mag; SPAN_CLASSES],
    /// Explicit: the page entries of its side, as if page 0 were at address 0.
    pub(crate) table: Cell<*const AtomicU64>,
    /// Explicit: where a size's magazine lies, in bytes from the record: sizes up to 1 KiB by eights, the others by 128.
    /// All 0 in a record that is nobody's: magazine 0 has nothing and matches nothing.
    pub(crate) fine: Cell<[u16; FINE_STEPS]>,
    pub(crate) coarse: Cell<[u16; COARSE_STEPS]>,
    /// Of the global allocator: a thread's, or in the pool for the next thread.
    pub(crate) process: Cell<bool>,
    /// In the pool.
    pub(crate) pooled: Cell<bool>,
    /// Its owner is in the middle of more than a pop or a push; after a fork nobody could put that in order.
    pub(crate) busy: Cell<bool>,
    /// The heap profile is on here, so parts of the magazines may be hidden.
    pub(crate) sampling: Cell<bool>,
    /// What is hidden; null until the profile is first on.
    pub(crate) arms: AtomicPtr<Arms>,
    /// Slots borrowed and given back, by span class.
    pub(crate) taken: [AtomicU64; SPAN_CLASSES],
    pub(crate) returned: [AtomicU64; SPAN_CLASSES],
    /// Explicit: spans made since it was opened, by class, up to 255.
    pub(crate) made: [Cell<u8>; CLASSES],
    /// Bytes borrowed ever.
    pub(crate) bytes: AtomicU64,
    pub(crate) wc: [Wc; WC],
    /// Foreign frees may go into the buffer without a further look.
    pub(crate) joins: Cell<bool>,
    /// Foreign frees since the buffer was empty.
    pub(crate) wc_age: Cell<u32>,
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

impl Mag {
    /// Nothing in the array.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        use core::sync::atomic::Ordering::Relaxed;
        self.top.load(Relaxed) == self.lo.load(Relaxed) // ORDER: Relaxed, both — one writer, this cache.
    }

    /// Puts a slot onto the array; `false`: it is full.
    ///
    /// # Safety
    /// H-10 — `p` is a free slot of the magazine's class, and in nobody's hands.
    #[inline]
    pub(crate) unsafe fn push(&self, p: NonNull<u8>) -> bool {
        use core::sync::atomic::Ordering::Relaxed;
        let top = self.top.load(Relaxed); // ORDER: Relaxed — one writer, this cache.
        if top == self.hi.get() {
            return false;
        }
        // SAFETY: H-10 — `top < hi`: a free place of the array.
        unsafe { *top = p.as_ptr() };
        self.top.store(top.wrapping_add(1), Relaxed); // ORDER: Relaxed — as above.
        true
    }

    /// Has nothing, and matches no page entry.
    const fn none() -> Mag {
        Mag {
            bits: AtomicU64::new(0),
            wbase: Cell::new(null_mut()),
            elem: Cell::new(0),
            key: Cell::new(u32::MAX),
            span: AtomicU32::new(0),
            word: AtomicU16::new(0),
            flags: Cell::new(0),
            top: AtomicPtr::new(null_mut()),
            lo: AtomicPtr::new(null_mut()),
            hi: Cell::new(null_mut()),
            pops: AtomicU64::new(0),
        }
    }
}

impl CacheRec {
    /// The record of a thread that has none: every fast path misses in it. Nobody writes to it.
    pub(crate) const fn none() -> CacheRec {
        CacheRec {
            mags: [const { Mag::none() }; SPAN_CLASSES],
            table: Cell::new(null()),
            fine: Cell::new([0; FINE_STEPS]),
            coarse: Cell::new([0; COARSE_STEPS]),
            process: Cell::new(false),
            pooled: Cell::new(false),
            busy: Cell::new(false),
            sampling: Cell::new(false),
            arms: AtomicPtr::new(null_mut()),
            taken: [const { AtomicU64::new(0) }; SPAN_CLASSES],
            returned: [const { AtomicU64::new(0) }; SPAN_CLASSES],
            made: [const { Cell::new(0) }; CLASSES],
            bytes: AtomicU64::new(0),
            wc: [const { Wc { span: AtomicU32::new(0), word: Cell::new(0), bits: AtomicU64::new(0) } };
                WC],
            joins: Cell::new(false),
            wc_age: Cell::new(0),
            pages: [const { AtomicU64::new(0) }; 3],
            stash: Cell::new([0; STASH]),
            stashed: AtomicU32::new(0),
            used: Cell::new([0; 3]),
            generation: Cell::new(0),
            black: Cell::new(false),
            kind: Cell::new(Kind::Explicit),
            tag: Cell::new(0),
            chunk: UnsafeCell::new(Chunk::EMPTY),
            next_all: Cell::new(null_mut()),
            next_free: Cell::new(null_mut()),
        }
    }
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
