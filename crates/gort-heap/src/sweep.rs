//! Sweeping: unmarked slots become free bits. No object is touched, unless freed slots shall be filled.
//!
//! The alloc/mark exchange of HEAP-15 is a copy of the complement of the marks into the free bits and a clear of the marks: at
//! most 16 words. Dead objects with drop glue keep their slot until the glue ran.
//!
//! SWEEP-2, the end of a sweep: a sweeper counts itself in before it touches a list and out after it has put the span
//! where it belongs. So if the unswept lists are seen empty first and the count zero after that, no span is on its way.

use crate::central::pair;
use crate::class::{PAGE, SPAN_CLASSES, SpanClass};
use crate::heap::Swept;
use crate::inner::{Collected, Inner};
use crate::side::Side;
use crate::span::{Span, SpecialState};
use crate::specials::SpecialsGuard;
use core::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use gort_sys::Backend;

impl<B: Backend> Inner<B> {
    /// Sweeps a span that is in the caller's hands alone. For a large span a free count of 1 says "dead".
    pub(crate) fn sweep_span(&self, span: &Span, now: u32) -> Swept {
        let Some(side) = self.gc_side() else { return Swept::default() };
        let page = side.page_of(span.base());
        let class = span.class();
        let size = if class.class() == 0 { span.pages() * PAGE } else { class.size() };
        let keep = self.sweep_specials(span, size, page);
        let st = span.state();
        let before = st.count();
        let mut count = 0;
        let clobber = self.clobber.load(Relaxed); // ORDER: Relaxed — a switch of its own.
        for (w, keep) in keep.iter().enumerate().take(span.nwords()) {
            let Some(marks) = side.mark_word(page, w) else { break };
            // ORDER: Relaxed — marks are final: every context has passed the barrier-off handshake (I7).
            let live = marks.load(Relaxed) | keep;
            marks.store(0, Relaxed); // ORDER: Relaxed — as above; the next cycle starts after a handshake.
            let free = !live & span.valid(w);
            if clobber {
                // ORDER: Relaxed — the span is ours alone.
                self.fill(side, span, size, w, free & !span.word(w).load(Relaxed));
            }
            span.word(w).store(free, Relaxed); // ORDER: Relaxed — the span is ours alone.
            count += free.count_ones();
        }
        let freed = (count as i32 - before).max(0) as u64;
        if freed != 0 {
            span.needzero.store(1, Relaxed); // ORDER: Relaxed — the span is ours alone.
        }
        // ORDER: Relaxed, both — as above.
        span.st.store((st.0 as i64 + i64::from(count as i32 - before)) as u64, Relaxed);
        span.cursor.store(0, Relaxed);
        span.sweepgen.store(now, Release); // ORDER: Release — readers that see "swept" see the bits.
        Swept { freed_objects: freed, freed_bytes: freed * size as u64, pages: 0 }
    }

    /// Fills slots that were objects a moment ago: a use after their death is noticed.
    #[cold]
    #[inline(never)]
    fn fill(&self, side: &Side, span: &Span, size: usize, word: usize, mut dead: u64) {
        while dead != 0 {
            let i = word * 64 + dead.trailing_zeros() as usize;
            dead &= dead - 1;
            let slot = side.ptr(span.base() + i * size);
            // SAFETY: SWEEP-1 — unmarked, so nobody can reach it; the span is in the sweeper's hands alone, and a set bit is a
            // slot of it.
            unsafe { slot.write_bytes(0xde, size) };
        }
    }

    /// Objects of the span that stay although unmarked; glue that is due is handed over.
    fn sweep_specials(&self, span: &Span, size: usize, page: usize) -> [u64; 16] {
        let mut keep = [0u64; 16];
        if span.specials.load(Relaxed) == 0 {
            return keep; // ORDER: Relaxed (above) — one who adds to an object of this span holds the object, marked.
        }
        let Some(Collected { side, hooks }) = self.gc.get() else { return keep };
        let mut due = core::ptr::null_mut();
        let mut done = core::ptr::null_mut();
        {
            let mut list = SpecialsGuard::lock(span);
            list.retain(|s| {
                let i = (s.obj - span.base()) / size;
                let (w, bit) = (i / 64, 1u64 << (i % 64));
                match s.state {
                    SpecialState::Live => {
                        // ORDER: Relaxed — marks are final.
                        let marked =
                            side.mark_word(page, w).is_some_and(|m| m.load(Relaxed) & bit != 0);
                        if !marked {
                            s.state = SpecialState::Queued;
                            s.due = due;
                            due = s;
                            keep[w] |= bit;
                        }
                        true
                    }
                    SpecialState::Queued => {
                        keep[w] |= bit;
                        true
                    }
                    SpecialState::Sampled => {
                        // ORDER: Relaxed — marks are final.
                        let marked =
                            side.mark_word(page, w).is_some_and(|m| m.load(Relaxed) & bit != 0);
                        if !marked {
                            // SAFETY: PROFILE-2 — buckets stay.
                            if let Some(bucket) = unsafe { s.bucket.as_ref() } {
                                bucket.count_free();
                            }
                            s.due = done;
                            done = s;
                        }
                        marked
                    }
                    SpecialState::Done => {
                        s.due = done;
                        done = s;
                        false
                    }
                }
            });
        }
        self.free_specials(done);
        while !due.is_null() {
            // SAFETY: SPECIAL-1 — freed only by a sweep of this span, and this is the one under way.
            let (obj, f, next) = unsafe { ((*due).obj, (*due).f, (*due).due) };
            if let Some(f) = f {
                (hooks.dead)(hooks.ctx, side.ptr(obj), f);
            }
            due = next;
        }
        keep
    }

    /// Sweeps one span of the unswept lists.
    pub(crate) fn sweep_one(&self) -> Option<Swept> {
        let now = self.generation();
        let before = pair(now.wrapping_sub(2));
        self.sweepers.fetch_add(1, SeqCst); // ORDER: SeqCst — SWEEP-2: counted before a list is touched.
        let start = self.cursor.load(Relaxed) as usize; // ORDER: Relaxed — a hint where to look.
        let mut swept = None;
        for i in 0..SPAN_CLASSES {
            let class = (start + i) % SPAN_CLASSES;
            if self.central_gc[class].count(before) == 0 {
                continue;
            }
            let Some(c) = SpanClass::from_index(class) else { continue };
            if let Some(span) = self.take_unswept(class, before, now) {
                swept = Some(self.sweep_listed(span, c, now));
                self.cursor.store(class as u32, Relaxed); // ORDER: Relaxed — a hint.
                break;
            }
        }
        self.sweepers.fetch_sub(1, SeqCst); // ORDER: SeqCst — SWEEP-2.
        swept
    }

    fn sweep_listed(&self, span: &Span, class: SpanClass, now: u32) -> Swept {
        let mut swept = self.sweep_span(span, now);
        if class.class() == 0 && swept.freed_objects != 0 {
            let large = &self.large[0];
            large.frees.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
            large.freed_bytes.fetch_add(swept.freed_bytes, Relaxed); // ORDER: Relaxed — a counter.
            swept.pages = span.pages() as u64;
            self.release_span(span, crate::config::Kind::Gc);
        } else {
            swept.pages = self.gc_put(span, class, now) as u64;
        }
        swept
    }

    /// Spans in the unswept lists.
    pub(crate) fn unswept(&self) -> u64 {
        let before = pair(self.generation().wrapping_sub(2));
        self.central_gc.iter().map(|c| u64::from(c.count(before))).sum()
    }
}
