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

use crate::central::Lists;
use crate::class::SpanClass;
use crate::config::Kind;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::span::{Span, State, Word};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use gort_sys::Backend;

/// Spans looked at for one that carries the taker's tag.
const LOOK: usize = 4;

impl<B: Backend> Inner<B> {
    /// Takes a whole word of free bits. Holder only.
    pub(crate) fn take_word(&self, span: &Span, w: usize) -> u64 {
        let word = span.word(w);
        // ORDER: Relaxed — a look; a bit that it misses is found by the next one, or by `detach` through the count.
        if word.load(Relaxed) == 0 {
            return 0;
        }
        let bits = word.swap(0, AcqRel); // ORDER: Acquire ⇐ `give`: the slots' last use. Release: keeps the order for the next taker.
        span.st.fetch_sub(bits.count_ones().into(), AcqRel); // ORDER: AcqRel — one order for all changes of the word.
        bits
    }

    /// Gives bits of one word back. `dirty`: the slots were used.
    pub(crate) fn give(&self, span: &Span, w: usize, bits: u64, dirty: bool) {
        if dirty && span.needzero.load(Relaxed) == 0 {
            span.needzero.store(1, Relaxed); // ORDER: Relaxed, both — published by the OR below.
        }
        let n = span.n() as i32;
        let old = span.word(w).fetch_or(bits, AcqRel); // ORDER: Release ⇒ `take_word`: our last use of the slots.
        if old & bits != 0 {
            self.double_free(span, w * 64 + (old & bits).trailing_zeros() as usize);
        }
        // ORDER: AcqRel — after the OR, never before (H-2); Acquire: we may go on to release the span.
        let was = Word(span.st.fetch_add(bits.count_ones().into(), AcqRel));
        let now = was.count() + bits.count_ones() as i32;
        match was.state() {
            State::Full => self.first_free(span, was.generation()),
            State::Partial if now == n => self.emptied(span, was.generation()),
            _ => {}
        }
    }

    /// Lets go of a span without free bits. `false`: somebody gave meanwhile.
    pub(crate) fn detach(&self, span: &Span) -> bool {
        let mut st = span.state();
        while st.count() <= 0 {
            // ORDER: AcqRel — one order for all changes of the word; who gives afterwards sees FULL.
            match span.st.compare_exchange(st.0, st.with_state(State::Full).0, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => st = Word(now),
            }
        }
        false
    }

    /// A full span got a slot back: it becomes findable.
    fn first_free(&self, span: &Span, generation: u32) {
        let central = &self.central_explicit[span.class().class() as usize];
        let mut lists = central.lock();
        self.settle(&mut lists, span, State::Full, generation);
    }

    /// A listed span is all free.
    fn emptied(&self, span: &Span, generation: u32) {
        let central = &self.central_explicit[span.class().class() as usize];
        let mut lists = central.lock();
        let st = span.state();
        // The state moves from PARTIAL under this lock only, and the count of a listed span only rises.
        if st.generation() == generation
            && st.state() == State::Partial
            && st.count() == span.n() as i32
        {
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
        let central = &self.central_explicit[span.class().class() as usize];
        let generation = span.state().generation();
        let mut lists = central.lock();
        self.settle(&mut lists, span, State::Held, generation);
    }

    /// Moves a span that is in no list to where its count says, if it is still `from` and of this generation.
    fn settle(&self, lists: &mut Lists, span: &Span, from: State, generation: u32) {
        let n = span.n() as i32;
        let mut st = span.state();
        loop {
            if st.generation() != generation || st.state() != from {
                return; // Somebody else moved it on.
            }
            let to = match st.count() {
                count if count == n => State::Free,
                count if count > 0 => State::Partial,
                _ if from == State::Full => return, // Given and taken again.
                _ => State::Full,
            };
            // FREE is written by `release_span`; HELD keeps others away until then.
            let next = if to == State::Free { State::Held } else { to };
            // ORDER: AcqRel — one order for all changes of the word. Acquire on failure: the count may make us release.
            match span.st.compare_exchange(st.0, st.with_state(next).0, AcqRel, Acquire) {
                Ok(_) if to == State::Free => return self.release_span(span, Kind::Explicit),
                Ok(_) => {
                    if to == State::Partial {
                        lists.partial[0].push(&self.spans, span);
                    }
                    return;
                }
                Err(now) => st = Word(now),
            }
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
        let mut st = span.state();
        // ORDER: AcqRel — one order for all changes of the word.
        while let Err(now) =
            span.st.compare_exchange(st.0, st.with_state(State::Held).0, AcqRel, Acquire)
        {
            st = Word(now);
        }
        Some(span)
    }
}
