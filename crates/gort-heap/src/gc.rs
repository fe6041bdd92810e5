//! The collector's side of a cache: borrow words, colour them, give them back, sweep what is stale.
//!
//! A held span's `sweepgen` is h+3, and h+1 as soon as the heap's generation h moves on; the magazine's `key` keeps the
//! generation g for which the span was swept. Lists are chosen by that g, never by the heap's: a late giver puts its span
//! where it belongs, whatever the heap's generation is by then (SWEEP-1).

use crate::central::pair;
use crate::class::{PAGE, SPAN_CLASSES, SpanClass};
use crate::config::Kind;
use crate::inner::Inner;
use crate::record::{COLOURED, CacheRec, Mag, ZEROED, add};
use crate::span::{Span, State};
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use gort_sys::{Backend, MemError};

/// Unswept spans that a refill sweeps before it asks for a new one.
const SWEEP_BUDGET: usize = 100;

impl<B: Backend> Inner<B> {
    /// Makes `take` of the class succeed: next word of the held span, else another span.
    #[cold]
    #[inline(never)]
    pub(crate) fn gc_refill(&self, rec: &CacheRec, class: SpanClass) -> Result<(), MemError> {
        self.profile_look(rec);
        if rec.sampling.get() {
            return self.profile_refill(rec, class);
        }
        self.gc_refill_shown(rec, class)
    }

    /// The same; nothing of the magazine is hidden.
    pub(crate) fn gc_refill_shown(&self, rec: &CacheRec, class: SpanClass) -> Result<(), MemError> {
        let mag = &rec.mags[class.index()];
        if mag.bits.load(Relaxed) != 0 {
            return Ok(()); // ORDER: Relaxed (above) — one writer, this cache.
        }
        if mag.span.load(Relaxed) != 0 {
            // ORDER: Relaxed (above) — as before.
            if self.gc_next_word(rec, mag, class) {
                return Ok(());
            }
            self.gc_uncache(rec, mag, class);
        }
        let (span, generation) = self.gc_find_span(rec, class)?;
        // ORDER: Relaxed, all — the cache holds the span; others look under the list's lock, which it is not in.
        span.sweepgen.store(generation.wrapping_add(3), Relaxed);
        span.owner.store(rec.tag.get().into(), Relaxed);
        span.cursor.store(0, Relaxed);
        span.st.store(span.state().with_state(State::Held).0, Relaxed);
        mag.span.store(span.index(), Relaxed);
        mag.key.set(generation);
        mag.elem.set(class.size() as u32);
        rec.note_used(class.index());
        if !self.gc_next_word(rec, mag, class) {
            gort_sys::fatal!(
                "H-2",
                "span {} was listed with free slots and has none",
                span.index()
            );
        }
        Ok(())
    }

    /// Borrows the next word of the held span that has free bits.
    fn gc_next_word(&self, rec: &CacheRec, mag: &Mag, class: SpanClass) -> bool {
        let span = self.spans.get(mag.span.load(Relaxed)); // ORDER: Relaxed — one writer, this cache.
        let mut w = span.cursor.load(Relaxed) as usize; // ORDER: Relaxed — the holder's own.
        let n = span.nwords();
        while w < n {
            let bits = span.word(w).load(Relaxed); // ORDER: Relaxed — GC spans are written by their holder alone.
            if bits == 0 {
                w += 1;
                continue;
            }
            let mut flags = 0;
            if rec.black.get() && mag.key.get() == rec.generation.get() {
                self.colour(span, w, bits);
                flags |= COLOURED;
            }
            // ORDER: Release ⇒ `find_unmarked`: who sees the word borrowed sees its colour.
            span.word(w).store(0, Release);
            let count = u64::from(bits.count_ones());
            let st = span.st.load(Relaxed); // ORDER: Relaxed — as above.
            span.st.store(st - count, Relaxed); // ORDER: Relaxed — as above.
            span.cursor.store(w as u32 + 1, Relaxed); // ORDER: Relaxed — as above.
            if span.needzero.load(Relaxed) == 0 {
                flags |= ZEROED; // ORDER: Relaxed (above) — as above.
            }
            let elem = class.size();
            if let Some(side) = self.gc_side() {
                mag.wbase.set(side.ptr(span.base() + w * 64 * elem));
            }
            mag.word.store(w as u16, Relaxed); // ORDER: Relaxed — one writer; `find_object` looks at it.
            mag.flags.set(flags);
            mag.bits.store(bits, Relaxed); // ORDER: Relaxed — one writer; statistics read it.
            add(&rec.taken[class.index()], count);
            add(&rec.bytes, count * elem as u64);
            return true;
        }
        span.cursor.store(n as u32, Relaxed); // ORDER: Relaxed — the holder's own.
        false
    }

    /// Marks the slots of a borrowed word (G-1).
    fn colour(&self, span: &Span, w: usize, bits: u64) {
        if let Some(side) = self.gc_side()
            && let Some(word) = side.mark_word(side.page_of(span.base()), w)
        {
            // ORDER: Relaxed — a mark publishes nothing; the object's pointer escapes later, with Release.
            word.fetch_or(bits, Relaxed);
        }
    }

    /// Takes the colour of unused slots away again.
    fn uncolour(&self, span: &Span, w: usize, bits: u64) {
        if let Some(side) = self.gc_side()
            && let Some(word) = side.mark_word(side.page_of(span.base()), w)
        {
            word.fetch_and(!bits, Relaxed); // ORDER: Relaxed — as `colour`; neighbours may be marked meanwhile.
        }
    }

    /// Gives the held span back, with what is left of the borrowed word. A stale span is swept first (G-2).
    fn gc_uncache(&self, rec: &CacheRec, mag: &Mag, class: SpanClass) {
        let index = mag.span.load(Relaxed); // ORDER: Relaxed — one writer, this cache.
        if index == 0 {
            return;
        }
        if rec.sampling.get() {
            self.profile_uncache(rec, class);
        }
        let span = self.spans.get(index);
        let bits = mag.bits.load(Relaxed); // ORDER: Relaxed — as above.
        if bits != 0 {
            let w = mag.word.load(Relaxed) as usize; // ORDER: Relaxed — one writer, this cache.
            if mag.flags.get() & COLOURED != 0 {
                self.uncolour(span, w, bits);
            }
            let count = u64::from(bits.count_ones());
            // ORDER: Relaxed, all — GC spans are written by their holder alone.
            span.word(w).store(span.word(w).load(Relaxed) | bits, Relaxed);
            span.st.store(span.st.load(Relaxed) + count, Relaxed);
            mag.bits.store(0, Relaxed);
            add(&rec.returned[class.index()], count);
        }
        let generation = mag.key.get();
        mag.span.store(0, Relaxed); // ORDER: Relaxed — one writer, this cache.
        let now = self.generation();
        if generation == now {
            self.gc_put(span, class, generation);
        } else {
            self.sweepers.fetch_add(1, SeqCst); // ORDER: SeqCst — SWEEP-2.
            self.sweep_span(span, now);
            self.gc_put(span, class, now);
            self.sweepers.fetch_sub(1, SeqCst); // ORDER: SeqCst — SWEEP-2.
        }
    }

    /// Puts a span that was swept for `generation` where it belongs; one without objects goes back to the pages. Pages freed.
    pub(crate) fn gc_put(&self, span: &Span, class: SpanClass, generation: u32) -> usize {
        let st = span.state();
        if st.count() as usize == span.n() && class.class() != 0 {
            let pages = span.pages();
            self.release_span(span, Kind::Gc);
            return pages;
        }
        let central = &self.central_gc[class.index()];
        let mut lists = central.lock();
        // ORDER: Release — who takes the span from the list holds the lock and sees all; late readers see the generation last.
        span.sweepgen.store(generation, Release);
        let at = pair(generation);
        let state = if class.class() == 0 {
            State::Large
        } else if st.count() == 0 {
            State::Full
        } else {
            State::Partial
        };
        span.st.store(st.with_state(state).0, Relaxed); // ORDER: Relaxed — under the lock.
        let lists = &mut *lists;
        let list =
            if state == State::Partial { &mut lists.partial[at] } else { &mut lists.full[at] };
        list.push(&self.spans, span);
        central.recount(lists, at);
        0
    }

    /// A span with free slots, and the generation for which it is swept: swept partial, else swept now, else new.
    fn gc_find_span(&self, rec: &CacheRec, class: SpanClass) -> Result<(&Span, u32), MemError> {
        let central = &self.central_gc[class.index()];
        let now = self.generation();
        let (here, before) = (pair(now), pair(now.wrapping_sub(2)));
        if central.count(here) != 0 {
            let mut lists = central.lock();
            if let Some(span) = lists.partial[here].pop(&self.spans) {
                central.recount(&lists, here);
                // The heap may have moved on since `now` was read: the span is then held and stale, which is what its
                // own generation says.
                let generation = span.sweepgen.load(Relaxed); // ORDER: Relaxed — written under this lock.
                return Ok((span, generation));
            }
        }
        let mut budget = SWEEP_BUDGET;
        while budget != 0 && central.count(before) != 0 {
            budget -= 1;
            self.sweepers.fetch_add(1, SeqCst); // ORDER: SeqCst — SWEEP-2: counted before the list is touched.
            let taken = self.take_unswept(class.index(), before, now);
            let Some(span) = taken else {
                self.sweepers.fetch_sub(1, SeqCst); // ORDER: SeqCst — SWEEP-2.
                break;
            };
            self.sweep_span(span, now);
            let usable = span.state().count() > 0;
            if !usable {
                self.gc_put(span, class, now);
            }
            self.sweepers.fetch_sub(1, SeqCst); // ORDER: SeqCst — SWEEP-2.
            if usable {
                return Ok((span, now));
            }
        }
        let span = self.new_span(rec, class)?;
        Ok((span, now))
    }

    /// Takes an unswept span out of a list, to be swept for `now`.
    pub(crate) fn take_unswept(&self, class: usize, before: usize, now: u32) -> Option<&Span> {
        let central = &self.central_gc[class];
        let mut lists = central.lock();
        if now != self.generation() {
            // The heap moved on: what was the unswept pair is the swept one now. The caller looks again later.
            return None;
        }
        let lists = &mut *lists;
        let span = lists.partial[before]
            .pop(&self.spans)
            .or_else(|| lists.full[before].pop(&self.spans))?;
        central.recount(lists, before);
        // ORDER: Relaxed — the span is ours now.
        span.sweepgen.store(now.wrapping_sub(1), Relaxed);
        Some(span)
    }

    /// A span of its own for an object.
    pub(crate) fn gc_take_large(
        &self,
        rec: &CacheRec,
        bytes: usize,
        noscan: bool,
    ) -> Result<(NonNull<u8>, bool), MemError> {
        let pages = bytes.max(1).div_ceil(PAGE);
        let span = self.new_large(rec, noscan, Kind::Gc, pages, 1)?;
        let class = SpanClass::new(0, noscan);
        let zeroed = span.needzero.load(Relaxed) == 0; // ORDER: Relaxed — ours alone until it is listed.
        let size = (pages * PAGE) as u64;
        let large = &self.large[0];
        large.mallocs.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
        large.bytes.fetch_add(size, Relaxed); // ORDER: Relaxed — a counter.
        add(&rec.bytes, size);
        let now = self.generation();
        if rec.black.get() && now == rec.generation.get() {
            self.colour(span, 0, 1);
        }
        if self.profile.rate() != 0 {
            self.profile_large(rec, Kind::Gc, span.base(), size as usize);
        }
        self.gc_put(span, class, now);
        let side = self.open_side(Kind::Gc)?;
        let ptr = NonNull::new(side.ptr(span.base()));
        ptr.map(|p| (p, zeroed)).ok_or(MemError::os(gort_sys::MemOp::Order, bytes, 0))
    }

    /// Gives everything back and takes over the heap's generation.
    pub(crate) fn gc_flush(&self, rec: &CacheRec) {
        let used = rec.used.replace([0; 3]);
        for (i, mut word) in used.into_iter().enumerate() {
            while word != 0 {
                let class = i * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if let Some(c) = SpanClass::from_index(class) {
                    self.gc_uncache(rec, &rec.mags[class], c);
                }
            }
        }
        rec.generation.set(self.generation());
        self.flush_pages(rec);
    }

    /// Black on: what is borrowed already is marked now, if its span is of the cache's generation (G-1).
    pub(crate) fn gc_set_black(&self, rec: &CacheRec, on: bool) {
        rec.black.set(on);
        if !on {
            return;
        }
        for class in 0..SPAN_CLASSES {
            if rec.used.get()[class / 64] >> (class % 64) & 1 == 0 {
                continue;
            }
            let mag = &rec.mags[class];
            // ORDER: Relaxed — one writer, this cache. What the profile hides is borrowed too.
            let bits = mag.bits.load(Relaxed) | crate::profile::hidden(rec, class).0;
            if bits != 0 && mag.key.get() == rec.generation.get() && mag.flags.get() & COLOURED == 0
            {
                let w = mag.word.load(Relaxed) as usize; // ORDER: Relaxed — as above.
                self.colour(self.spans.get(mag.span.load(Relaxed)), w, bits);
                mag.flags.set(mag.flags.get() | COLOURED); // ORDER: Relaxed (above) — as before.
            }
        }
    }
}
