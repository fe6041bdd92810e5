//! The pools from which the heap takes its own records (FIX-4).

use crate::config::Kind;
use crate::heap::Heap;
use crate::profile::Bucket;
use crate::record::CacheRec;
use crate::span::{Span, Special};
use gort_sys::Backend;

/// One pool of records: memory that keeps its type, and never goes back while the heap lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    /// What its records are.
    pub name: &'static str,
    /// Bytes of one record.
    pub record: usize,
    /// Records that were ever made; 0 where they have different lengths.
    pub made: u64,
    /// The field of [`HeapStats`](crate::HeapStats) that its memory is charged to.
    pub row: &'static str,
    /// The field of Go's `MemStats` that has it.
    pub go: &'static str,
}

impl<B: Backend> Heap<B> {
    /// The pools, in the order in which they are made. Go has a pool for each kind of special; here one record
    /// serves drop glue and samples. The 64 arena hints are constants and need none.
    pub fn pools(&self) -> [PoolInfo; 4] {
        let inner = self.inner();
        let caches = inner.records().filter(|r| matches!(r.kind.get(), Kind::Gc | Kind::Explicit));
        [
            PoolInfo {
                name: "span",
                record: size_of::<Span>(),
                made: u64::from(inner.spans.len()) - 1,
                row: "spans",
                go: "MSpanSys",
            },
            PoolInfo {
                name: "cache",
                record: size_of::<CacheRec>(),
                made: caches.count() as u64,
                row: "caches",
                go: "MCacheSys",
            },
            PoolInfo {
                name: "special",
                record: size_of::<Special>(),
                made: inner.specials.lock().stats().made,
                row: "other",
                go: "OtherSys",
            },
            PoolInfo {
                name: "profile bucket",
                record: size_of::<Bucket>(),
                made: 0,
                row: "profile",
                go: "BuckHashSys",
            },
        ]
    }
}
