//! Refills: the next word of the held span, a span of the central list, a new one.
//!
//! A new span is small while its cache has made few of the class, so that a program of many threads and classes does not
//! hold 64 slots of each in every thread; a cache that goes on making them gets longer ones, up to a whole word of slots.

use crate::class::{PAGE, SpanClass, class_pages, class_pages_explicit, class_size};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::{CacheRec, Mag, WATCHED, ZEROED, add};
use crate::span::{Span, State};
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, MemError, MemOp};

/// Slots of a cache's first spans of a class, where they take no more than [`FIRST_PAGES`].
const FIRST_SLOTS: usize = 8;
const FIRST_PAGES: usize = 4;
/// Spans of each length that a cache makes before the next ones are twice as long.
const STEP: u8 = 4;

/// Pages of the span that a cache makes after `made` others of the class.
fn span_pages(class: u8, made: u8) -> usize {
    let first = (FIRST_SLOTS * class_size(class)).div_ceil(PAGE).min(FIRST_PAGES);
    let first = first.max(class_pages(class));
    (first << (made / STEP).min(4)).min(class_pages_explicit(class))
}

impl<B: Backend> Inner<B> {
    /// More free slots for a magazine whose array and word are empty.
    #[cold]
    #[inline(never)]
    pub(crate) fn explicit_refill(&self, rec: &CacheRec, c: SpanClass) -> Result<(), MemError> {
        if rec.kind.get() != Kind::Explicit {
            return Err(MemError::os(MemOp::Order, 0, 0));
        }
        self.flush_combined_class(rec, c);
        let mag = &rec.mags[c.index()];
        let held = mag.span.load(Relaxed); // ORDER: Relaxed — one writer, this cache.
        if held != 0 {
            let span = self.spans.get(held);
            loop {
                if self.explicit_next_word(rec, mag, c, span) {
                    return Ok(());
                }
                if self.detach(span) {
                    mag.span.store(0, Relaxed); // ORDER: Relaxed — one writer, this cache.
                    break;
                }
            }
        }
        let span = match self.explicit_pop(rec, c) {
            Some(span) => span,
            None => {
                let span = self.explicit_span(rec, c)?;
                if self.modes.any() {
                    self.debug_span(span);
                }
                span
            }
        };
        self.adopt(rec, c, span);
        mag.span.store(span.index(), Relaxed); // ORDER: Relaxed — one writer, this cache.
        mag.elem.set(c.size() as u32);
        if self.explicit_next_word(rec, mag, c, span) {
            return Ok(());
        }
        // A slot is counted only after its bit is visible, so a listed span has a word with bits.
        gort_sys::fatal!("H-2", "span {} was listed with free slots and has none", span.index())
    }

    /// Writes the taker's tag into the entries.
    fn adopt(&self, rec: &CacheRec, c: SpanClass, span: &Span) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        let tag = rec.tag.get();
        // ORDER: Relaxed, both — the holder's own.
        if span.owner.load(Relaxed) == u32::from(tag) && tag != 0 {
            return;
        }
        span.owner.store(tag.into(), Relaxed);
        let first = side.page_of(span.base());
        for i in 0..span.pages() {
            let entry = Entry::new(span.index(), c, Kind::Explicit, tag, i);
            if self.profile.ever() {
                // A flag that is set at this moment by who does not see `ever` yet is lost, and its sample ends with the span.
                side.set_entry_flagged(first + i, entry);
            } else {
                side.set_entry(first + i, entry);
            }
        }
    }

    /// Borrows a word of the held span.
    fn explicit_next_word(&self, rec: &CacheRec, mag: &Mag, c: SpanClass, span: &Span) -> bool {
        let n = span.nwords();
        let from = span.cursor.load(Relaxed) as usize; // ORDER: Relaxed — the holder's own.
        for k in 0..n {
            let w = (from + k) % n;
            let bits = self.take_word(span, w);
            if bits == 0 {
                continue;
            }
            span.cursor.store(((w + 1) % n) as u32, Relaxed); // ORDER: Relaxed — the holder's own.
            // ORDER: Relaxed — set before the give whose bits `take_word` has acquired.
            let zeroed = span.needzero.load(Relaxed) == 0;
            if let Some(side) = self.side(Kind::Explicit) {
                mag.wbase.set(side.ptr(span.base() + w * 64 * c.size()));
            }
            let watched = if self.modes.any() { WATCHED } else { 0 };
            mag.flags.set(watched | if zeroed { ZEROED } else { 0 });
            mag.word.store(w as u16, Relaxed); // ORDER: Relaxed — one writer, this cache.
            mag.bits.store(bits, Relaxed); // ORDER: Relaxed — as above.
            let count = u64::from(bits.count_ones());
            add(&rec.taken[c.index()], count);
            add(&rec.bytes, count * c.size() as u64);
            return true;
        }
        false
    }

    /// A new span for the cache, of a length that its own history gives.
    fn explicit_span(&self, rec: &CacheRec, c: SpanClass) -> Result<&Span, MemError> {
        self.flush_combined(rec);
        let made = &rec.made[usize::from(c.class())];
        let pages = span_pages(c.class(), made.get());
        let n = pages * PAGE / c.size();
        let span = self.make_span(rec, c, Kind::Explicit, pages, 1, n, State::Held)?;
        made.set(made.get().saturating_add(1));
        Ok(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::CLASSES;

    /// HEAP-5: every length holds a slot at least, and none is shorter than the one before.
    #[test]
    fn spans_grow_to_a_word_of_slots() {
        for class in 1..CLASSES as u8 {
            let lengths: Vec<usize> = (0..=u8::MAX).map(|made| span_pages(class, made)).collect();
            assert!(lengths.is_sorted());
            assert!(lengths[0] * PAGE >= class_size(class));
            assert_eq!(lengths[16], class_pages_explicit(class), "class {class}");
            assert_eq!(lengths[255], class_pages_explicit(class));
        }
        // (bytes of a slot, pages of the first spans, pages of the last ones)
        for (size, first, last) in
            [(64, 1, 1), (1024, 1, 8), (2048, 2, 8), (8192, 4, 8), (9472, 7, 8), (32768, 4, 8)]
        {
            let class = crate::class::class_of(size);
            assert_eq!((span_pages(class, 0), span_pages(class, 16)), (first, last), "{size}");
        }
    }
}
