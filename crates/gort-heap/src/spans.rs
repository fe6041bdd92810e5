//! All spans there ever were: a table that only grows (FIX-5), and the free ones among them.
//!
//! A record is registered by being in the table below `len`. It keeps its type for ever (M-1) and is not cleared when it
//! is reused, so a walker or a late reader sees some span, perhaps an older one.

use crate::span::{Span, State, Word};
use crate::sparse::SparseArray;
use core::sync::atomic::{AtomicU32, Ordering};
use gort_sys::lock::{Guard, Lock};
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, MemOp, SysStat};

static RANK: Rank = Rank { layer: layer::HEAP, n: 9, name: "heap.spans" };

/// Records fetched by a cache at once.
pub(crate) const STASH: usize = 16;

/// The table. Index 0 is never a span: links use it for "none".
#[derive(Debug)]
pub(crate) struct SpanTable {
    table: SparseArray<Span>,
    len: AtomicU32,
    free: Lock<u32>,
}

impl SpanTable {
    pub(crate) fn new<B: Backend>(b: &B, max: u32, st: &SysStat) -> Result<Self, MemError> {
        let max = (max.max(64) as usize).min(1 << 28);
        Ok(Self {
            table: SparseArray::reserve(b, max, c"gort: spans", st)?,
            len: AtomicU32::new(1),
            free: Lock::new(&RANK, 0),
        })
    }

    /// Keeps the list of free records as it is.
    pub(crate) fn hold(&self) -> Guard<'_, u32> {
        self.free.lock()
    }

    /// The table's reservation, and the bytes of it that are mapped.
    pub(crate) fn extent(&self) -> (gort_sys::PageRange, usize) {
        self.table.extent()
    }

    /// Unmaps the table.
    ///
    /// # Safety
    /// No span is used any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B, st: &SysStat) {
        // SAFETY: SPARSE-1 — by contract of the caller.
        unsafe { self.table.free(b, st) };
    }

    /// The span of an index that came from this table.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> &Span {
        debug_assert!(index != 0 && index < self.len());
        // SAFETY: M-1 — records below `len` are mapped and stay.
        unsafe { &*self.table.at(index as usize) }
    }

    /// One behind the last index.
    pub(crate) fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire) // ORDER: Acquire ⇐ `take`: the record is mapped and numbered.
    }

    /// Every record, used or free.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Span> {
        (1..self.len()).map(|i| self.get(i))
    }

    /// Fetches up to [`STASH`] free records.
    pub(crate) fn take<B: Backend>(
        &self,
        b: &B,
        into: &mut [u32; STASH],
        st: &SysStat,
    ) -> Result<usize, MemError> {
        let mut free = self.free.lock();
        let mut n = 0;
        while n < STASH {
            if *free != 0 {
                into[n] = *free;
                *free = self.get(*free).next.load(Ordering::Relaxed); // ORDER: Relaxed — under the lock.
                n += 1;
                continue;
            }
            let next = self.len.load(Ordering::Relaxed); // ORDER: Relaxed — written under this lock only.
            if next as usize >= self.table.len() {
                if n != 0 {
                    break;
                }
                return Err(MemError::os(MemOp::Limit, size_of::<Span>(), 0));
            }
            if let Err(e) = self.table.ensure(b, next as usize, next as usize + 1, st) {
                if n != 0 {
                    break;
                }
                return Err(e);
            }
            // SAFETY: SPARSE-1 — mapped just now; nobody knows the record yet.
            let span = unsafe { &*self.table.at(next as usize) };
            span.index.store(next, Ordering::Relaxed); // ORDER: Relaxed — published by `len`.
            span.st.store(Word::new(State::Free, 0, 0).0, Ordering::Relaxed); // ORDER: Relaxed — as above.
            self.len.store(next + 1, Ordering::Release); // ORDER: Release ⇒ `len`.
            into[n] = next;
            n += 1;
        }
        Ok(n)
    }

    /// Takes records back.
    pub(crate) fn give(&self, indices: &[u32]) {
        let mut free = self.free.lock();
        for &i in indices {
            self.get(i).next.store(*free, Ordering::Relaxed); // ORDER: Relaxed — under the lock.
            *free = i;
        }
    }
}
