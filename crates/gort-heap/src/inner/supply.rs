//! Pages and a record make a span, and go back when it ends.

use super::Inner;
use crate::class::{PAGE, SpanClass, class_pages};
use crate::config::Kind;
use crate::entry::Entry;
use crate::pages::alloc::Run;
use crate::pages::cache::CACHED_PAGES;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::{Span, State, Word};
use core::sync::atomic::Ordering;
use gort_sys::{Backend, MemError};

impl<B: Backend> Inner<B> {
    /// A free span record, from the cache's stash or the table.
    fn span_record(&self, rec: &CacheRec) -> Result<&Span, MemError> {
        let mut n = rec.stashed.load(Ordering::Relaxed); // ORDER: Relaxed — one writer, this cache.
        let mut stash = rec.stash.get();
        if n == 0 {
            n = self.spans.take(self.backend(), &mut stash, &self.stat.spans)? as u32;
            rec.stash.set(stash);
        }
        rec.stashed.store(n - 1, Ordering::Relaxed); // ORDER: Relaxed — as above.
        Ok(self.spans.get(stash[n as usize - 1]))
    }

    /// Pages for a span: from the cache's page cache if they are few, else from the page allocator.
    fn take_pages(
        &self,
        rec: &CacheRec,
        side: &Side,
        n: usize,
        align: usize,
    ) -> Result<Run, MemError> {
        if self.limit() != u64::MAX {
            self.make_room(side, (n.max(64) * PAGE) as u64);
        }
        if n >= CACHED_PAGES || align > 1 {
            return side.alloc_pages(self.backend(), n, align);
        }
        if let Some(run) = rec.with_pages(|c| c.alloc(n)) {
            return Ok(run);
        }
        if rec.page_cache().free == 0 {
            rec.with_pages(|c| side.fill_cache(self.backend(), c, self.cfg.share))?;
            if let Some(run) = rec.with_pages(|c| c.alloc(n)) {
                return Ok(run);
            }
        }
        side.alloc_pages(self.backend(), n, 1)
    }

    /// A new span of a small class of the collector's, all slots free, state HELD, not yet in any list.
    pub(crate) fn new_span(&self, rec: &CacheRec, class: SpanClass) -> Result<&Span, MemError> {
        let pages = class_pages(class.class());
        let n = pages * PAGE / class.size();
        self.make_span(rec, class, Kind::Gc, pages, 1, n, State::Held)
    }

    /// A new span of whole pages: class 0, one object.
    pub(crate) fn new_large(
        &self,
        rec: &CacheRec,
        noscan: bool,
        kind: Kind,
        pages: usize,
        align: usize,
    ) -> Result<&Span, MemError> {
        self.make_span(rec, SpanClass::new(0, noscan), kind, pages, align, 1, State::Large)
    }

    /// A new span of either kind.
    #[expect(clippy::too_many_arguments, reason = "the one place where a span is put together")]
    pub(crate) fn make_span(
        &self,
        rec: &CacheRec,
        class: SpanClass,
        kind: Kind,
        pages: usize,
        align: usize,
        n: usize,
        state: State,
    ) -> Result<&Span, MemError> {
        let side = self.open_side(kind)?;
        let run = self.take_pages(rec, side, pages, align)?;
        let span = match self.span_record(rec) {
            Ok(span) => span,
            Err(e) => {
                side.pages.lock().free(run.page, pages);
                return Err(e);
            }
        };
        let words = side.words(run.page).unwrap_or(core::ptr::null_mut());
        span.init(side.addr_of(run.page), pages, class, kind, n, words);
        let small = class.class() != 0;
        if small {
            span.all_free();
        } else {
            span.word(0).store(0, Ordering::Relaxed); // ORDER: Relaxed — as below.
        }
        // ORDER: Relaxed, all — published by the entries below (Release in `set_entry`); `lazy` was set before such pages were
        // free, under their lock.
        let bare = run.scavenged == pages && !side.lazy.load(Ordering::Relaxed);
        span.needzero.store(u32::from(!bare), Ordering::Relaxed);
        let count = if small { n as i32 } else { 0 };
        let generation = span.state().generation();
        span.st.store(Word::new(state, count, generation).0, Ordering::Release);
        for i in 0..pages {
            side.set_entry(run.page + i, Entry::new(span.index(), class, kind, 0, i & 15));
        }
        // ORDER: Relaxed — a counter.
        side.in_use.fetch_add((pages * PAGE) as u64, Ordering::Relaxed);
        Ok(span)
    }

    /// Gives a span's pages and record back. The caller is the only one who can reach the span (H-5, H-8).
    pub(crate) fn release_span(&self, span: &Span, kind: Kind) {
        self.release_span_as(span, kind, false);
    }

    /// The same; `bare`: nothing is behind the pages any more.
    pub(crate) fn release_span_as(&self, span: &Span, kind: Kind, bare: bool) {
        let Some(side) = self.side(kind) else { return };
        // ORDER: Relaxed — nobody but the caller can reach the span.
        if span.specials.load(Ordering::Relaxed) != 0 {
            self.forget_all(span);
        }
        let (page, pages) = (side.page_of(span.base()), span.pages());
        crate::protocol::steps::retire(span);
        for i in 0..pages {
            side.set_entry(page + i, Entry::NONE);
        }
        side.in_use.fetch_sub((pages * PAGE) as u64, Ordering::Relaxed); // ORDER: Relaxed — a counter.
        {
            let mut free = side.pages.lock();
            free.free_as(page, pages, bare);
            let (free, bare) = free.free_pages();
            side.warm.store(((free - bare) * PAGE) as u64, Ordering::Relaxed); // ORDER: Relaxed — a figure.
        }
        self.spans.give(&[span.index()]);
    }

    /// Gives a cache's pages and span records back.
    pub(crate) fn flush_pages(&self, rec: &CacheRec) {
        if let Some(side) = self.side(rec.kind.get()) {
            rec.with_pages(|c| {
                if c.free != 0 {
                    side.pages.lock().free_cache(c);
                }
            });
        }
        let n = rec.stashed.load(Ordering::Relaxed) as usize; // ORDER: Relaxed — one writer, this cache.
        if n != 0 {
            self.spans.give(&rec.stash.get()[..n]);
            rec.stashed.store(0, Ordering::Relaxed); // ORDER: Relaxed — as above.
        }
    }
}
