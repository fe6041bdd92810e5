//! What the modes look at when a slot comes and goes.

use super::modes::JUNK_BIT;
use crate::class::{PAGE, SpanClass};
use crate::config::Kind;
use crate::inner::Inner;
use crate::profile::hidden;
use crate::side::Side;
use crate::span::Span;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// What a freed block is filled with.
const JUNK: u8 = 0xdf;

impl<B: Backend> Inner<B> {
    /// A slot that is given back: into the quarantine if there is one, whose oldest slot goes back in its place.
    #[cold]
    pub(super) fn debug_give(&self, side: &Side, span: &Span, i: usize, p: NonNull<u8>) {
        if self.is_free(span, i) {
            self.double_free(span, i);
        }
        if self.modes.has(JUNK_BIT) {
            // SAFETY: H-1 — the caller's slot until it is given.
            unsafe { p.write_bytes(JUNK, span.class().size()) };
        }
        let Some(out) = self.quarantine.pass(p.as_ptr().expose_provenance()) else { return };
        let entry = side.entry(side.page_of(out));
        let Some(p) = NonNull::new(side.ptr(out)) else { return };
        let (span, i) = (self.spans.get(entry.span()), Self::slot(entry, p));
        if self.modes.has(JUNK_BIT) {
            Self::debug_look(span.class(), p);
        }
        self.give(span, i / 64, 1 << (i % 64), true);
    }

    /// Whether nobody has the slot: it is free, on loan to a cache, or in the quarantine.
    fn is_free(&self, span: &Span, i: usize) -> bool {
        let (w, bit) = (i / 64, 1u64 << (i % 64));
        // ORDER: Relaxed, all — a slot that was handed out to whoever frees it now left its holder's word before that.
        span.word(w).load(Relaxed) & bit != 0
            || self.records().any(|rec| {
                let mag = &rec.mags[span.class().index()];
                mag.span.load(Relaxed) == span.index()
                    && usize::from(mag.word.load(Relaxed)) == w
                    && (mag.bits.load(Relaxed) | hidden(rec, span.class().index()).0) & bit != 0
            })
            || self.quarantine.has(span.base() + i * span.class().size())
    }

    /// Says which slot was freed twice, and ends the process.
    #[cold]
    #[inline(never)]
    pub(crate) fn double_free(&self, span: &Span, i: usize) -> ! {
        let (class, size, index) = (span.class().class(), span.class().size(), span.index());
        let owner = span.owner.load(Relaxed); // ORDER: Relaxed — for the text.
        gort_sys::fatal!(
            "H-1",
            "double free of {:#x}: slot {i} of class {class} ({size} bytes) in span {index}, owner {owner}",
            span.base() + i * size
        );
    }

    /// A new span: pages that were used before hold anything.
    pub(crate) fn debug_span(&self, span: &Span) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        // ORDER: Relaxed — the maker's own.
        if self.modes.has(JUNK_BIT) && span.needzero.load(Relaxed) != 0 {
            // SAFETY: H-1 — all slots are free, and the span is its maker's.
            unsafe { side.ptr(span.base()).write_bytes(JUNK, span.pages() * PAGE) };
        }
    }

    /// A slot that is about to be handed out.
    pub(super) fn debug_take(&self, c: SpanClass, p: NonNull<u8>) {
        if self.modes.has(JUNK_BIT) {
            Self::debug_look(c, p);
        }
    }

    /// Nobody wrote to a free slot.
    fn debug_look(c: SpanClass, p: NonNull<u8>) {
        // SAFETY: H-1 — a free slot, on loan to the caller.
        let bytes = unsafe { core::slice::from_raw_parts(p.as_ptr(), c.size()) };
        // A slot that was never used is zero.
        let want = if bytes[0] == 0 { 0 } else { JUNK };
        if let Some(at) = bytes.iter().position(|b| *b != want) {
            let (size, class, found) = (c.size(), c.class(), bytes[at]);
            gort_sys::fatal!(
                "H-1",
                "write after free: byte {at} of the block at {p:p}, class {class} ({size} bytes), is {found:#x}"
            );
        }
    }
}
