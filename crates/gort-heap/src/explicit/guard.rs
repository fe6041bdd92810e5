//! Guarded blocks: each on pages of its own, with an inaccessible page behind it, so that an access behind its end is a
//! fault.

use crate::class::{PAGE, SpanClass};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::State;
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, PageRange};

impl<B: Backend> Inner<B> {
    /// A block on a page of its own with an inaccessible page behind it, if it is one's turn.
    pub(super) fn guarded(&self, rec: &CacheRec, c: SpanClass) -> Option<(NonNull<u8>, bool)> {
        if !self.modes.guards_next() {
            return None;
        }
        let size = c.size();
        let pages = size.div_ceil(PAGE) + 1;
        let l = Layout::from_size_align(pages * PAGE, PAGE).ok()?;
        let (base, zeroed) = self.explicit_large(rec, l).ok()?;
        let side = self.side(Kind::Explicit)?;
        let first = side.page_of(base.as_ptr() as usize);
        let span = self.spans.get(side.entry(first).span());
        let guard = (pages - 1) * PAGE;
        // SAFETY: MEM-2 — the last page of a span that nobody knows yet.
        if !unsafe { self.backend().guard(PageRange::new(base.add(guard), PAGE), true) } {
            self.explicit_free_large(side, side.entry(first), base);
            return None;
        }
        span.client.store(size, Relaxed); // ORDER: Relaxed — the entries below publish it.
        for page in first..first + pages {
            side.set_entry(page, side.entry(page).with_guard());
        }
        // SAFETY: MEM-2 — inside the span: the slot ends where the guard begins.
        Some((unsafe { base.add(guard - size) }, zeroed))
    }

    /// First byte and size of the guarded block of a span.
    pub(crate) fn guarded_block(&self, entry: Entry) -> (usize, usize) {
        let span = self.spans.get(entry.span());
        let size = span.client.load(Relaxed); // ORDER: Relaxed — written before the block was handed out.
        (span.base() + (span.pages() - 1) * PAGE - size, size)
    }

    /// A free of a guarded block.
    pub(super) fn free_guarded(&self, side: &Side, entry: Entry, p: NonNull<u8>, class: u8) {
        let (at, size) = self.guarded_block(entry);
        // Class 0: C frees without a layout.
        let right = class == 0 || crate::class::class_size(class) == size;
        if at != p.as_ptr() as usize || !right {
            gort_sys::fatal!(
                "H-7",
                "free of {p:p} as class {class}: the guarded block at {at:#x} has {size} bytes"
            );
        }
        let span = self.spans.get(entry.span());
        let pages = span.pages();
        let Some(guard) = NonNull::new(side.ptr(span.base() + (pages - 1) * PAGE)) else { return };
        // SAFETY: MEM-2 — the last page of a span whose block is freed.
        unsafe { self.backend().guard(PageRange::new(guard, PAGE), false) };
        self.large[1].frees.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
        self.large[1].freed_bytes.fetch_add((pages * PAGE) as u64, Relaxed); // ORDER: Relaxed — as above.
        debug_assert!(span.state().state() == State::Large);
        self.release_span(span, Kind::Explicit);
    }

    /// Says what a fault at `addr` is, if it is a guard's, and ends the process.
    pub(crate) fn explain_fault(&self, addr: usize) {
        let Some(side) = self.side(Kind::Explicit) else { return };
        let Some(page) = side.page_if_ours(addr) else { return };
        let entry = side.entry(page);
        if !entry.guarded() {
            return;
        }
        let (at, size) = self.guarded_block(entry);
        let behind = addr.wrapping_sub(at + size);
        gort_sys::fatal!(
            "GLOBAL-3",
            "access at {addr:#x}, {behind} bytes behind the end of the block at {at:#x} ({size} bytes): a guard was hit"
        );
    }
}
