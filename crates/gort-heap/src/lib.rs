//! Spans of pages, cut into equal slots, for two kinds of owners: a collector, whose objects die by sweeping, and explicit
//! owners, who call `dealloc`. Both share the size classes, the page allocator, the tables and the statistics.
//!
//! A request goes down and comes back up once: the cache's borrowed word, the next word of its span, a swept span of the
//! central list, a span swept now, the cache's pages, the page allocator, new memory of the system. The free bits of a span
//! are the truth about its slots; everything in a cache is a loan from them.
//!
//! ```
//! use gort_heap::{Heap, HeapConfig, Kind, Linux, SpanClass, class_of};
//! use std::alloc::Layout;
//!
//! let heap = Heap::with(Linux, HeapConfig::SMALL)?;
//!
//! // An explicit owner.
//! let mut mine = heap.cache(Kind::Explicit)?;
//! let layout = Layout::new::<[u64; 4]>();
//! let p = mine.alloc(layout).expect("memory");
//! // SAFETY: H-1 — allocated with this layout just now, and freed once.
//! unsafe { mine.dealloc(p, layout) };
//!
//! // A collector: two objects, one of them marked; then the flip and the sweep.
//! let mut cache = heap.cache(Kind::Gc)?;
//! let class = SpanClass::new(class_of(32), true);
//! let mut take = || loop {
//!     match cache.take(class) {
//!         Ok(slot) => return slot.ptr,
//!         Err(need) => cache.refill(need).expect("memory"),
//!     }
//! };
//! let (kept, lost) = (take(), take());
//! // SAFETY: H-15 — a live object of this heap.
//! unsafe { heap.mark_ptr(kept) };
//! heap.advance_sweepgen();
//! cache.flush();
//! while heap.sweep_one().is_some() {}
//! assert!(heap.find_object(kept.as_ptr() as usize).is_some());
//! assert!(heap.find_object(lost.as_ptr() as usize).is_none());
//! heap.check().expect("invariants");
//! heap.verify_stats().expect("figures");
//! # Ok::<(), gort_heap::MemError>(())
//! ```
//!
//! It needs the standard library, the C library and a Rust of `rust-version` in its manifest or later. Its `examples/` show it
//! as the allocator of a program in two lines, as a heap of one's own with figures, and full of holes for the reports of
//! `docs/memory-reports.md`.
//!
//! # Does not know
//! Goroutines, phases of a collection, types, when to collect. It answers; the caller decides. What it needs from above is in
//! [`Hooks`].
//!
//! # Invariants
//! - M-1  Metadata keeps its type for ever: a stale span index reads a span. M-2 (`check`): every mapped heap page is in a span,
//!   free, or in a page cache.
//! - H-1  A slot is exactly one of: free bit, borrowed bit, array entry, pending foreign free, live.
//! - H-2  A span's count is its number of free bits whenever nobody is between the two steps of a take or give.
//! - H-3  PARTIAL if and only if in the list of its central; full spans of the collector are in its full list.
//! - H-4  HELD if and only if exactly one cache names it.
//! - H-5  A FREE span owns no pages.
//! - H-6  The entries of all pages of a span name that span; those of free pages have kind 0.
//! - H-7  A local free needs the entry's key to be the magazine's: the slot then has that class and kind.
//! - H-8  A span's generation grows at each release.
//! - H-9  With `needzero` 0, the free slots of a span are zero.
//! - H-10 Array entries are starts of slots of the magazine's class.
//! - H-11 A `SpanClass` is below 136.
//! - H-12 A span's words live as long as the heap: in its record, or in rows of its arena.
//! - H-13 A row of marks has 512 bits, that of scans continues it for class 1; both, and the pointer bits, are mapped with
//!   their arena.
//! - H-14 The heap's structure and cache records never move and live as long as any handle.
//! - H-15 `object_of`, `mark_ptr` and the like are given live objects of the collector's side only.
//! - GC-SCAN A set pointer bit stands for a word that is written and read as an atomic pointer.
//! - P-1  A summary is what its bits say, at every level. P-2 No free page lies below the search address. P-3 Scavenged
//!   implies free. P-4 No page is in a page cache and free. P-5 The scavenger's figure of a chunk is its
//!   number of pages in use. PAGE-1 `find` returns the lowest run.
//! - G-1  A slot handed out in black mode, from a span of the cache's generation, is marked before `take` returns it.
//! - G-2  A cache that has flushed after the flip holds no bits of an unswept span.
//! - G-3  A sweep frees no marked slot, and keeps no unmarked one whose drop glue is not pending.
//! - SWEEP-1 A span stands in the lists of the generation for which it was swept, whatever the heap's is.
//! - SWEEP-2 Unswept lists empty, then no sweeper counted: no span is on its way.
//! - SPECIAL-1 A special is freed only by a sweep of its span, after its glue was reported done.
//! - SPARSE-1 A record of a table is touched only where it is mapped, by whom the table's owner permits.
//! - HEAP-5 The class tables rise, and fit their spans.
//! - GLOBAL-1 The process's heap is written once, by the caller that moved the state from 0 to MAKING, and read when it
//!   is READY.
//! - GLOBAL-2 A thread's word names a record that this thread opened and nobody else has, or one of two static ones, in
//!   which nothing is ever found and to which nobody writes once there is a block.
//! - GLOBAL-3 A block of the global allocator is a live slot or span of the process's heap that fits its layout.
//! - GLOBAL-4 What a fork stops is started again by the thread that forked, in both processes.
//! - GLOBAL-5 A setting in the environment that is not understood ends the process at its first allocation.
//! - PROFILE-1 What the profile hides of a magazine is shown while anybody works on it; its table stays as long as the record.
//! - PROFILE-2 Buckets are written before they are linked, and stay.
//! - PROFILE-3 A stack walker is a function of its type, and the unwinder is the one that the program carries.
//! - HOOKS-1 The heap never looks behind a hook's `ctx`; who sets it promises that calls may come from any thread.
//!
//! # Locks
//! `heap.pool` (0) < `heap.setup` (1) < `heap.quarantine` (2) < `heap.profile` (3) < `heap.central` (4) < `heap.specials` (5) < `heap.grow` (6) < `heap.pages` (8) <
//! `heap.spans` (9), then those of gort-fixalloc and gort-sys. The lock bit of a span's specials is a leaf. `take`, and
//! `alloc` and `dealloc` when they hit, take none. Only `heap.grow` is held over a system call that maps.
//!
//! # Read in this order
//! [`class`] → [`cache`] → `record` → `gc` → `sweep` → `specials` → `explicit` → [`global`] → `protocol` → `span` → `spans` → `central` →
//! `pages` → `side` → `sparse` → [`object`] → `scavenge` → [`pace`] → [`scavenger`] → [`profile`] → [`stats`] → [`verify`] → [`memstats`] → [`mappings`] → [`map`] → [`report`] → [`check`]

pub mod cache;
mod central;
pub mod check;
pub mod class;
pub mod class_tables;
pub mod classgen;
pub mod config;
mod entry;
mod explicit;
mod gc;
pub mod global;
pub mod heap;
mod held;
mod inner;
pub mod map;
pub mod mappings;
pub mod memstats;
pub mod object;
pub mod pace;
mod pages;
pub mod profile;
mod protocol;
mod record;
pub mod report;
mod scavenge;
pub mod scavenger;
mod side;
mod span;
mod spans;
mod sparse;
mod specials;
pub mod stats;
mod sweep;
pub mod verify;

/// Steps of the page allocator from bytes, for the fuzzer, which is another crate.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_pages(bytes: &[u8]) {
    pages::body::run(bytes);
}

pub use cache::{Cache, NeedSpan, Slot};
pub use check::CheckReport;
pub use class::{SpanClass, class_of, class_size};
pub use config::{DropFn, HeapConfig, Hooks, Huge, Kind, Share};
pub use global::{GortAlloc, process_heap, process_heap_in_steps};
pub use gort_sys::{Backend, Linux, MemError, Release};
pub use heap::{Heap, Swept};
pub use inner::PoolInfo;
pub use map::{ChunkInfo, HeapMap, PageState, Place, SpanInfo};
pub use mappings::{Mapping, Part};
pub use memstats::{BySize, MemStats};
pub use object::{MarkedNew, Object};
pub use scavenger::Scavenger;
pub use stats::{ClassStats, HeapStats};
pub use verify::{Difference, StatsReport};
