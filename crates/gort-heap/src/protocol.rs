//! The protocol of an explicit span (heap.md 6.1): who may touch its free bits and its state, and why its pages are never
//! reused under a giver's hands.
//!
//! ```text
//! take     by the holder   swap a word for 0, then subtract its count
//! give     by anybody      OR the bits, then add their count:   state was FULL          → first_free
//!                                                               PARTIAL, and all free   → emptied
//! detach   by the holder   CAS: HELD and count <= 0 → FULL; fails if there are bits again
//! drop     by the holder   under the lock: HELD → FULL, PARTIAL (linked) or FREE
//! emptied  under the lock  still PARTIAL and all free: one such span per class waits in its list, others are released
//! ```
//! A slot is counted only after its bit is visible, so a count of n means that no giver is between its two steps; only then
//! may the pages go. After its addition a giver touches the span only under the central's lock, and only if the
//! generation is still the one that its addition saw.
//!
//! The steps themselves are in `steps`; here are the lists and locks around them.

pub(crate) mod steps;
#[cfg(all(test, loom))]
mod tests;

use crate::central::Lists;
use crate::class::SpanClass;
use crate::config::Kind;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::span::{Span, State};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;
use steps::{Given, Settled, Words};

/// Spans looked at for one that carries the taker's tag.
const LOOK: usize = 4;

impl Words for Span {
    type Cell = AtomicU64;

    #[inline]
    fn st(&self) -> &AtomicU64 {
        &self.st
    }

    #[inline]
    fn word(&self, w: usize) -> &AtomicU64 {
        self.word(w)
    }

    #[inline]
    fn n(&self) -> i32 {
        self.n() as i32
    }
}

impl<B: Backend> Inner<B> {
    /// Takes a whole word of free bits. Holder only.
    #[inline]
    pub(crate) fn take_word(&self, span: &Span, w: usize) -> u64 {
        steps::take(span, w)
    }

    /// Gives bits of one word back. `dirty`: the slots were used.
    pub(crate) fn give(&self, span: &Span, w: usize, bits: u64, dirty: bool) {
        if dirty && span.needzero.load(Relaxed) == 0 {
            span.needzero.store(1, Relaxed); // ORDER: Relaxed, both — published by the OR in `steps::give`.
        }
        match steps::give(span, w, bits) {
            Given::Done => {}
            Given::Twice(bits) => {
                self.double_free(span, w * 64 + bits.trailing_zeros() as usize);
            }
            Given::FirstFree(generation) => self.settle(span, State::Full, generation),
            Given::Emptied(generation) => self.emptied(span, generation),
        }
    }

    /// Lets go of a span without free bits. `false`: somebody gave meanwhile.
    pub(crate) fn detach(&self, span: &Span) -> bool {
        steps::detach(span)
    }

    /// A listed span is all free.
    fn emptied(&self, span: &Span, generation: u32) {
        let central = &self.central_explicit[span.class().class() as usize];
        let mut lists = central.lock();
        if steps::is_empty(span, generation) {
            // ORDER: Relaxed, both — under the list's lock.
            if span.waits.load(Relaxed) != 0 {
                return;
            }
            if lists.waiting == 0 {
                // One waits for the next taker: a class that goes up and down keeps its pages.
                span.waits.store(1, Relaxed);
                lists.waiting = 1;
                return;
            }
            lists.partial[0].remove(&self.spans, span);
            drop(lists);
            self.release_span(span, Kind::Explicit);
        }
    }

    /// Releases the span of a class that waits, if there is one.
    pub(crate) fn release_waiting(&self, class: u8) {
        let mut lists = self.central_explicit[class as usize].lock();
        if lists.waiting == 0 {
            return;
        }
        // ORDER: Relaxed, both — under the list's lock.
        let span = lists.partial[0].iter(&self.spans).find(|s| s.waits.load(Relaxed) != 0);
        if let Some(span) = span {
            span.waits.store(0, Relaxed);
            lists.waiting = 0;
            lists.partial[0].remove(&self.spans, span);
            drop(lists);
            self.release_span(span, Kind::Explicit);
        }
    }

    /// The holder is done with a span.
    pub(crate) fn drop_held(&self, span: &Span) {
        self.settle(span, State::Held, span.state().generation());
    }

    /// Moves a span that is in no list to where its count says.
    fn settle(&self, span: &Span, from: State, generation: u32) {
        let central = &self.central_explicit[span.class().class() as usize];
        let lists: &mut Lists = &mut central.lock();
        match steps::settle(span, from, generation) {
            Settled::Nothing => {}
            Settled::Link => lists.partial[0].push(&self.spans, span),
            Settled::Release => self.release_span(span, Kind::Explicit),
        }
    }

    /// Takes a span with free slots, one with the taker's tag if there is one near.
    pub(crate) fn explicit_pop(&self, rec: &CacheRec, c: SpanClass) -> Option<&Span> {
        let central = &self.central_explicit[c.class() as usize];
        let mut lists = central.lock();
        let list = &mut lists.partial[0];
        let tag = u32::from(rec.tag.get());
        // ORDER: Relaxed — a hint.
        let near = list.iter(&self.spans).take(LOOK).find(|s| s.owner.load(Relaxed) == tag);
        let span = match near {
            Some(span) => {
                list.remove(&self.spans, span);
                span
            }
            None => list.pop(&self.spans)?,
        };
        // ORDER: Relaxed — under the list's lock.
        if span.waits.swap(0, Relaxed) != 0 {
            lists.waiting = 0;
        }
        steps::hold(span);
        Some(span)
    }
}
