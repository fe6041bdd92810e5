//! Large objects of explicit owners: spans of their own, in whole pages.
//!
//! A free makes no system call: the pages stay warm until the scavenger takes them. Another size is tried where the object
//! lies, then by moving the page tables, and only then is it the caller's to copy.

use crate::class::{MAX_SMALL, PAGE};
use crate::config::Kind;
use crate::entry::Entry;
use crate::inner::Inner;
use crate::record::{CacheRec, add};
use crate::side::Side;
use crate::span::{Span, State};
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::{Backend, MemError, MemOp, PageRange};

/// From this size on an object moves by its page tables. Each move makes the kernel keep one more range.
const REMAP: usize = 1 << 20;

impl<B: Backend> Inner<B> {
    pub(super) fn explicit_large(
        &self,
        rec: &CacheRec,
        l: Layout,
    ) -> Result<(NonNull<u8>, bool), MemError> {
        if rec.kind.get() != Kind::Explicit || l.size() > isize::MAX as usize {
            return Err(MemError::os(MemOp::Order, l.size(), 0));
        }
        debug_assert!(l.size() > MAX_SMALL || l.align() > 8);
        let (pages, align) = (l.size().max(1).div_ceil(PAGE), l.align().div_ceil(PAGE));
        let span = self.new_large(rec, true, Kind::Explicit, pages, align)?;
        let size = (pages * PAGE) as u64;
        // ORDER: Relaxed, both — counters.
        self.large[1].mallocs.fetch_add(1, Relaxed);
        self.large[1].bytes.fetch_add(size, Relaxed);
        add(&rec.bytes, size);
        let zeroed = span.needzero.load(Relaxed) == 0; // ORDER: Relaxed — ours alone.
        let side = self.open_side(Kind::Explicit)?;
        if self.profile.rate() != 0 {
            self.profile_large(rec, Kind::Explicit, span.base(), size as usize);
        }
        NonNull::new(side.ptr(span.base())).map(|p| (p, zeroed)).ok_or(MemError::os(
            MemOp::Order,
            l.size(),
            0,
        ))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn explicit_free_large(&self, side: &Side, entry: Entry, p: NonNull<u8>) {
        self.check_entry(side, entry, p, 0);
        let span = self.spans.get(entry.span());
        if span.base() != p.as_ptr() as usize || span.state().state() != State::Large {
            gort_sys::fatal!("H-10", "free of {p:p}: not the start of a large object");
        }
        // ORDER: Relaxed, both — counters.
        self.large[1].frees.fetch_add(1, Relaxed);
        self.large[1].freed_bytes.fetch_add((span.pages() * PAGE) as u64, Relaxed);
        self.release_span(span, Kind::Explicit);
    }

    /// Another size for a large object, with the contents as far as they go; `None` if it must be copied.
    pub(crate) fn explicit_resize(
        &self,
        rec: &CacheRec,
        entry: Entry,
        p: NonNull<u8>,
        to: Layout,
    ) -> Option<NonNull<u8>> {
        let side = self.side(Kind::Explicit)?;
        if entry.kind() != Kind::Explicit as u8 || entry.class() != 0 {
            return None;
        }
        let span = self.spans.get(entry.span());
        let (old, new) = (span.pages(), to.size().div_ceil(PAGE));
        if span.base() != p.as_ptr() as usize || to.size() <= MAX_SMALL {
            return None;
        }
        if old == new {
            return Some(p);
        }
        if new < old {
            self.cut(side, span, new);
            return Some(p);
        }
        if self.extend(side, span, new) {
            return Some(p);
        }
        if old * PAGE < REMAP {
            return None;
        }
        self.move_pages(rec, side, span, to)
    }

    /// Gives the pages from `new` on back.
    fn cut(&self, side: &Side, span: &Span, new: usize) {
        let (old, first) = (span.pages(), side.page_of(span.base()));
        span.set_pages(new);
        for page in first + new..first + old {
            side.set_entry(page, Entry::NONE);
        }
        let bytes = ((old - new) * PAGE) as u64;
        // ORDER: Relaxed, both — counters.
        self.large[1].freed_bytes.fetch_add(bytes, Relaxed);
        side.in_use.fetch_sub(bytes, Relaxed);
        side.pages.lock().free(first + new, old - new);
    }

    /// Takes the pages that follow, if they are free or can be made so.
    fn extend(&self, side: &Side, span: &Span, new: usize) -> bool {
        let (old, first) = (span.pages(), side.page_of(span.base()));
        if !side.extend(self.backend(), first + old, new - old) {
            return false;
        }
        for page in old..new {
            let entry = Entry::new(span.index(), span.class(), Kind::Explicit, 0, page & 15);
            side.set_entry(first + page, entry);
        }
        span.set_pages(new);
        let bytes = ((new - old) * PAGE) as u64;
        // ORDER: Relaxed, both — counters.
        self.large[1].bytes.fetch_add(bytes, Relaxed);
        side.in_use.fetch_add(bytes, Relaxed);
        true
    }

    /// A new span, behind which the old one's memory is put.
    fn move_pages(
        &self,
        rec: &CacheRec,
        side: &Side,
        span: &Span,
        to: Layout,
    ) -> Option<NonNull<u8>> {
        let bytes = span.pages() * PAGE;
        let (q, _) = self.explicit_large(rec, to).ok()?;
        let from = NonNull::new(side.ptr(span.base()))?;
        // SAFETY: MEM-2 — two spans of ours, of which nobody else knows: the old one is the caller's object, the new one
        // is as long or longer.
        if unsafe { self.backend().remap(PageRange::new(from, bytes), PageRange::new(q, bytes)) } {
            self.large[1].frees.fetch_add(1, Relaxed); // ORDER: Relaxed — a counter.
            self.large[1].freed_bytes.fetch_add(bytes as u64, Relaxed); // ORDER: Relaxed — as above.
            self.release_span_as(span, Kind::Explicit, true);
            return Some(q);
        }
        let entry = side.entry(side.page_of(q.as_ptr() as usize));
        self.explicit_free_large(side, entry, q);
        None
    }
}
