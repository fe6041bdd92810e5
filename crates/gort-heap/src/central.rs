//! The meeting place of one span class: spans that no cache holds.
//!
//! Explicit kind: a list of spans with free slots; full ones are in no list, a give finds them by address. GC kind (HEAP-10):
//! full ones are kept too, because the sweep must find them, and both lists exist twice: a span stands in the pair of the
//! generation for which it was swept. After the flip the pair of the generation before is the work of the sweep; nobody
//! moves a span for that.

use crate::span::Span;
use crate::spans::SpanTable;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use gort_sys::lock::{Guard, Lock};
use gort_sys::rank::{Rank, layer};

static RANK: Rank = Rank { layer: layer::HEAP, n: 4, name: "heap.central" };

/// A doubly linked list of spans by index.
#[derive(Debug, Default)]
pub(crate) struct List {
    head: u32,
    len: u32,
}

impl List {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn push(&mut self, spans: &SpanTable, span: &Span) {
        // ORDER: Relaxed, all — links are touched under the central's lock alone.
        span.prev.store(0, Relaxed);
        span.next.store(self.head, Relaxed);
        if self.head != 0 {
            spans.get(self.head).prev.store(span.index(), Relaxed);
        }
        self.head = span.index();
        self.len += 1;
    }

    pub(crate) fn pop<'a>(&mut self, spans: &'a SpanTable) -> Option<&'a Span> {
        if self.head == 0 {
            return None;
        }
        let span = spans.get(self.head);
        self.remove(spans, span);
        Some(span)
    }

    pub(crate) fn remove(&mut self, spans: &SpanTable, span: &Span) {
        // ORDER: Relaxed, all — links are touched under the central's lock alone.
        let (prev, next) = (span.prev.load(Relaxed), span.next.load(Relaxed));
        if prev == 0 {
            self.head = next;
        } else {
            spans.get(prev).next.store(next, Relaxed);
        }
        if next != 0 {
            spans.get(next).prev.store(prev, Relaxed);
        }
        self.len -= 1;
    }

    /// The spans, head first (for checks; under the lock).
    pub(crate) fn iter<'a>(
        &self,
        spans: &'a SpanTable,
    ) -> impl Iterator<Item = &'a Span> + use<'a> {
        let mut at = self.head;
        core::iter::from_fn(move || {
            if at == 0 {
                return None;
            }
            let span = spans.get(at);
            at = span.next.load(Relaxed); // ORDER: Relaxed — under the central's lock.
            Some(span)
        })
    }
}

/// Lists of a central, by generation.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) partial: [List; 2],
    pub(crate) full: [List; 2],
    /// Explicit kind: listed spans that are all free and wait.
    pub(crate) waiting: u32,
}

/// One span class of one kind.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Central {
    lists: Lock<Lists>,
    /// Spans in the two pairs, readable without the lock.
    counts: [AtomicU32; 2],
}

/// Which pair belongs to a generation.
pub(crate) const fn pair(generation: u32) -> usize {
    (generation >> 1 & 1) as usize
}

impl Central {
    pub(crate) const fn new() -> Self {
        const EMPTY: List = List { head: 0, len: 0 };
        Self {
            lists: Lock::new(&RANK, Lists { partial: [EMPTY; 2], full: [EMPTY; 2], waiting: 0 }),
            counts: [AtomicU32::new(0), AtomicU32::new(0)],
        }
    }

    pub(crate) fn lock(&self) -> Guard<'_, Lists> {
        self.lists.lock()
    }

    pub(crate) fn try_lock(&self) -> Option<Guard<'_, Lists>> {
        self.lists.try_lock()
    }

    /// Spans in a pair. Zero is certain only if nobody is about to push.
    pub(crate) fn count(&self, pair: usize) -> u32 {
        // ORDER: SeqCst — half of SWEEP-2: the lists are seen empty before the sweepers are counted.
        self.counts[pair].load(core::sync::atomic::Ordering::SeqCst)
    }

    /// Publishes the length of a pair; by the holder of the lock.
    pub(crate) fn recount(&self, lists: &Lists, pair: usize) {
        // ORDER: SeqCst — pairs with `count`, see SWEEP-2.
        self.counts[pair].store(
            lists.partial[pair].len() + lists.full[pair].len(),
            core::sync::atomic::Ordering::SeqCst,
        );
    }
}
