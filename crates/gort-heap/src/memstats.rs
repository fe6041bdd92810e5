//! The figures under the names of Go's `runtime.MemStats`, for tools and habits that know those.
//!
//! | Go's field | here |
//! |---|---|
//! | Alloc, HeapAlloc | `live_bytes` |
//! | TotalAlloc | `alloc_bytes` |
//! | Mallocs, Frees, HeapObjects | `mallocs`, `frees`, `live_objects` |
//! | HeapInuse | `heap_in_use` |
//! | HeapIdle, HeapReleased | free pages, and those of them with nothing behind them |
//! | HeapSys | HeapInuse + HeapIdle |
//! | MSpanInuse, MSpanSys | records of spans in use; mapped for records |
//! | MCacheInuse, MCacheSys | records of caches in use; mapped for records and their arrays |
//! | BuckHashSys | `profile` |
//! | GCSys | `tables` + `rows` |
//! | OtherSys | `other` |
//! | Sys | the sum of all that end in Sys: what is mapped |
//! | BySize | size, allocations and frees of each class |
//! | Lookups | 0, as in Go |
//!
//! Stacks (StackInuse, StackSys) are another layer's: 0 here, to be filled in by who knows them. Address space that is
//! reserved and not mapped is in no field; Go counts some of it in HeapSys.

use crate::class::CLASSES;
use crate::config::Kind;
use crate::heap::Heap;
use crate::record::CacheRec;
use crate::span::{Span, State};
use crate::stats::{ClassStats, HeapStats};
use gort_sys::Backend;

/// One class of [`MemStats::by_size`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BySize {
    /// Bytes of a slot.
    pub size: u32,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects freed.
    pub frees: u64,
}

/// Go's memory figures, those of them that the heap knows. In bytes unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemStats {
    /// Allocated and not freed.
    pub alloc: u64,
    /// Ever allocated.
    pub total_alloc: u64,
    /// Mapped: the sum of all `_sys`.
    pub sys: u64,
    /// Always 0.
    pub lookups: u64,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects freed.
    pub frees: u64,
    /// As `alloc`.
    pub heap_alloc: u64,
    /// Pages: `heap_inuse` and `heap_idle`.
    pub heap_sys: u64,
    /// Free pages.
    pub heap_idle: u64,
    /// Pages in spans.
    pub heap_inuse: u64,
    /// Free pages with nothing behind them.
    pub heap_released: u64,
    /// Objects allocated and not freed.
    pub heap_objects: u64,
    /// Stacks in use.
    pub stack_inuse: u64,
    /// Mapped for stacks.
    pub stack_sys: u64,
    /// Records of spans in use.
    pub mspan_inuse: u64,
    /// Mapped for records of spans.
    pub mspan_sys: u64,
    /// Records of caches in use.
    pub mcache_inuse: u64,
    /// Mapped for records of caches, and their arrays.
    pub mcache_sys: u64,
    /// Mapped for the profile's buckets.
    pub buck_hash_sys: u64,
    /// Mapped for page tables, marks and pointer bits.
    pub gc_sys: u64,
    /// Mapped for everything else.
    pub other_sys: u64,
    /// By size class; row 0 stays zero, as in Go: large objects are in the sums alone.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_slice"))]
    pub by_size: [BySize; CLASSES],
}

#[cfg(feature = "serde")]
fn as_slice<S: serde::Serializer>(rows: &[BySize; CLASSES], s: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(rows.as_slice(), s)
}

impl Default for MemStats {
    fn default() -> Self {
        HeapStats::default().mem_stats()
    }
}

impl HeapStats {
    /// Go's names for these figures; `by_size` and the `_inuse` of records stay zero, which [`Heap::mem_stats`] fills.
    #[must_use]
    pub const fn mem_stats(&self) -> MemStats {
        let idle = self.heap_free + self.heap_released;
        MemStats {
            alloc: self.live_bytes,
            total_alloc: self.alloc_bytes,
            sys: self.committed + self.heap_released,
            lookups: 0,
            mallocs: self.mallocs,
            frees: self.frees,
            heap_alloc: self.live_bytes,
            heap_sys: self.heap_in_use + idle,
            heap_idle: idle,
            heap_inuse: self.heap_in_use,
            heap_released: self.heap_released,
            heap_objects: self.live_objects,
            stack_inuse: 0,
            stack_sys: 0,
            mspan_inuse: 0,
            mspan_sys: self.spans,
            mcache_inuse: 0,
            mcache_sys: self.caches,
            buck_hash_sys: self.profile,
            gc_sys: self.tables + self.rows,
            other_sys: self.other,
            by_size: [BySize { size: 0, mallocs: 0, frees: 0 }; CLASSES],
        }
    }
}

impl<B: Backend> Heap<B> {
    /// All figures under Go's names. Walks all spans and caches.
    pub fn mem_stats(&self) -> MemStats {
        let inner = self.inner();
        let mut m = self.stats().mem_stats();
        let used = inner.spans.iter().filter(|s| s.state().state() != State::Free).count();
        m.mspan_inuse = (used * size_of::<Span>()) as u64;
        let idle = inner.idle_records(Kind::Gc) + inner.idle_records(Kind::Explicit);
        let caches = inner.records().count() - idle as usize;
        m.mcache_inuse = (caches * size_of::<CacheRec>()) as u64;
        for kind in [Kind::Gc, Kind::Explicit] {
            let mut rows = [ClassStats::default(); CLASSES];
            self.by_class(kind, &mut rows);
            for (to, row) in m.by_size.iter_mut().zip(&rows).skip(1) {
                to.size = row.size as u32;
                to.mallocs += row.mallocs;
                to.frees += row.frees;
            }
        }
        m
    }
}
