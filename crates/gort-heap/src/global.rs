//! [`GortAlloc`]: the explicit side as the process's allocator.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: gort_heap::GortAlloc = gort_heap::GortAlloc;
//!
//! let words: Vec<String> = "a heap of one's own".split(' ').map(String::from).collect();
//! assert_eq!(words.len(), 5);
//! assert!(gort_heap::GortAlloc::heap().is_some_and(|heap| heap.stats().explicit_in_use > 0));
//! ```
//!
//! One heap for the process, made by the first call, and one cache for each thread, made by the thread's first call that
//! finds its `word` empty. Nothing here allocates, or takes a lock, on the way to the cache, so that it works before
//! `main`, in destructors of thread-locals and after them, and in the child of a fork.
//!
//! A thread that ends leaves its cache to the next one (heap.md D5). What it allocates or frees after that borrows a cache
//! for each operation.
//!
//! # Read in this order
//! `fast` → `slow` → `process` → `settings` → `word` → `fork` → `exit` → `background` → `sized`

mod background;
mod exit;
mod fast;
mod fork;
#[doc(hidden)]
pub mod probe;
mod process;
mod settings;
pub mod sized;
mod slow;
mod word;

pub use process::{process_heap, process_heap_in_steps};

use crate::class::CLASSES;
use crate::config::Kind;
use crate::heap::Heap;
use crate::memstats::MemStats;
use crate::stats::{ClassStats, HeapStats};
use core::alloc::{GlobalAlloc, Layout};
use gort_sys::Linux;

/// The process's heap as a `#[global_allocator]`.
///
/// Sizes up to 32 KiB come from the calling thread's cache: a pop of an array, or a count of trailing zeros. A free with
/// the wrong layout, of a foreign address or for the second time is fatal when it is seen: one line says what and where,
/// then the process aborts.
#[derive(Debug, Clone, Copy, Default)]
pub struct GortAlloc;

impl GortAlloc {
    /// The allocator; every value is the same one.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }

    /// The process's heap, once something was allocated from it.
    #[must_use]
    pub fn heap() -> Option<&'static Heap<Linux>> {
        process::PROCESS.get()
    }

    /// The process's figures; all zero before the first allocation. Walks all spans and caches, allocates nothing.
    #[must_use]
    pub fn stats() -> HeapStats {
        Self::heap().map_or_else(HeapStats::default, Heap::stats)
    }

    /// The same by size class; row 0 is the large objects.
    #[must_use]
    pub fn by_class() -> [ClassStats; CLASSES] {
        let mut rows = [ClassStats::default(); CLASSES];
        if let Some(heap) = Self::heap() {
            heap.by_class(Kind::Explicit, &mut rows);
        }
        rows
    }

    /// The same under the names of Go's `runtime.MemStats`.
    #[must_use]
    pub fn mem_stats() -> MemStats {
        Self::heap().map_or_else(MemStats::default, Heap::mem_stats)
    }

    /// Asks for a heap profile: one sample in so many bytes allocated, 0 = none, 1 = every object. Threads take it over when
    /// they next miss. `GORT_MEMPROFILE_RATE` in the environment asks from the first allocation on. The profile is read
    /// through [`Heap::for_each_sample`].
    pub fn set_profile_rate(bytes: u64) {
        if let Ok(heap) = process_heap() {
            heap.set_profile_rate(bytes);
        }
    }

    /// Bytes that may be used at `p`, at least those that were asked for; 0 for an address that is not a live block's.
    #[must_use]
    pub fn usable_size(p: *const u8) -> usize {
        slow::usable_size(p as usize)
    }

    /// Gives all free memory back to the system, after what this thread and those that have ended have borrowed; bytes that
    /// went.
    pub fn free_os_memory() -> u64 {
        slow::flush_current();
        Self::heap().map_or(0, Heap::free_os_memory)
    }

    /// Sets the most bytes that the heap should have, in spans and behind free pages; `None`: no such number. It is a soft
    /// limit: free memory goes back before the heap grows above it, and growth never fails for it.
    pub fn set_memory_limit(limit: Option<u64>) {
        if let Some(heap) = Self::heap() {
            heap.set_limit(limit);
        }
    }

    /// Gives back what the calling thread has borrowed: for a thread that will sleep for long.
    pub fn flush_current() {
        slow::flush_current();
    }
}

// SAFETY: GLOBAL-3 — blocks are slots of the process's heap, which never ends: H-1 makes them disjoint, the class fits
// the layout's size and alignment. Nothing here unwinds.
unsafe impl GlobalAlloc for GortAlloc {
    #[inline]
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        fast::alloc(l.size(), l.align())
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
        // SAFETY: GLOBAL-3 — by the trait's contract a block of this allocator, with its layout.
        unsafe { fast::free(p, l.size(), l.align()) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, l: Layout) -> *mut u8 {
        slow::alloc_zeroed(l)
    }

    #[inline]
    unsafe fn realloc(&self, p: *mut u8, l: Layout, new: usize) -> *mut u8 {
        // SAFETY: GLOBAL-3 — by the trait's contract as for `dealloc`; the new size is not 0.
        unsafe { slow::realloc(p, l, new) }
    }
}
