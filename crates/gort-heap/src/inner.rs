//! What the handle [`Heap`](crate::Heap) points to. It never moves: caches keep its address (H-14).

use crate::central::Central;
use crate::class::{CLASSES, PAGE, SPAN_CLASSES, SpanClass, class_pages, class_pages_explicit};
use crate::config::{HeapConfig, Hooks, Kind};
use crate::entry::Entry;
use crate::explicit::Modes;
use crate::pages::alloc::Run;
use crate::pages::cache::CACHED_PAGES;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::{Span, Special, State, Word};
use crate::spans::SpanTable;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use gort_fixalloc::{FixAlloc, PersistentAlloc};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, MemOp, PageRange, SysStat};

static POOL: Rank = Rank { layer: layer::HEAP, n: 0, name: "heap.pool" };
static SPECIALS: Rank = Rank { layer: layer::HEAP, n: 5, name: "heap.specials" };
static SETUP: Rank = Rank { layer: layer::HEAP, n: 1, name: "heap.setup" };

/// Accounting rows that belong to no side.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) spans: SysStat,
    pub(crate) caches: SysStat,
    pub(crate) specials: SysStat,
    pub(crate) profile: SysStat,
    pub(crate) other: SysStat,
}

/// Large objects of a kind, counted as they come and go.
#[derive(Debug, Default)]
pub(crate) struct Large {
    pub(crate) mallocs: AtomicU64,
    pub(crate) frees: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Pool {
    records: FixAlloc<CacheRec>,
    free: [*mut CacheRec; 2],
    /// Records in the two lists.
    idle: [u32; 2],
    made: u32,
}

// SAFETY: H-14 — records belong to the heap; the pool is touched under its lock.
unsafe impl Send for Pool {}

impl Pool {
    fn take(&mut self, kind: Kind) -> Option<NonNull<CacheRec>> {
        let head = &mut self.free[kind_index(kind)];
        let rec = NonNull::new(*head)?;
        // SAFETY: H-14 — pooled records belong to the pool, and are never freed.
        let r = unsafe { rec.as_ref() };
        *head = r.next_free.get();
        r.pooled.set(false);
        self.idle[kind_index(kind)] -= 1;
        Some(rec)
    }
}

#[derive(Debug)]
pub(crate) struct Inner<B: Backend> {
    pub(crate) refs: AtomicUsize,
    pub(crate) persist: PersistentAlloc<B>,
    own: PageRange,
    own_stat: SysStat,
    pub(crate) stat: Stats,
    pub(crate) gc: Option<Side>,
    explicit: AtomicPtr<Side>,
    pub(crate) spans: SpanTable,
    pub(crate) central_gc: [Central; SPAN_CLASSES],
    pub(crate) central_explicit: [Central; CLASSES],
    pub(crate) sweepgen: AtomicU32,
    pub(crate) sweepers: AtomicU64,
    pub(crate) cursor: AtomicU32,
    pub(crate) all: AtomicPtr<CacheRec>,
    pub(crate) pool: Lock<Pool>,
    pub(crate) setup: Lock<()>,
    pub(crate) specials: Lock<FixAlloc<Special>>,
    pub(crate) large: [Large; 2],
    pub(crate) hooks: Hooks,
    pub(crate) modes: Modes,
    /// Most bytes in spans and behind free pages; soft.
    pub(crate) limit: AtomicU64,
    cfg: HeapConfig,
}

/// Number of a kind in arrays of two.
pub(crate) const fn kind_index(kind: Kind) -> usize {
    match kind {
        Kind::Gc => 0,
        _ => 1,
    }
}

impl<B: Backend> Inner<B> {
    /// Makes a heap in memory of its own.
    pub(crate) fn create(backend: B, cfg: HeapConfig) -> Result<NonNull<Self>, MemError> {
        let tables = crate::class::tables_are_sound(
            &crate::class_tables::SIZES,
            &crate::class_tables::PAGES,
        );
        if let Err(what) = tables {
            gort_sys::fatal!("HEAP-5", "{what}");
        }
        let stat = Stats::default();
        let own_stat = SysStat::new();
        let page = backend.page_size();
        let own = backend.reserve(size_of::<Self>().next_multiple_of(page), page, 0, &own_stat)?;
        let undo = |backend: &B, ready: usize| {
            // SAFETY: MEM-2 — reserved above; nobody knows it.
            unsafe { backend.free(own, ready, 0, &own_stat) };
        };
        // SAFETY: MEM-2 — reserved above.
        if let Err(e) = unsafe { backend.map(own, &own_stat) } {
            undo(&backend, 0);
            return Err(e);
        }
        let made = SpanTable::new(&backend, cfg.max_spans, &stat.spans).and_then(|mut spans| {
            let gc = if cfg.gc_range_shift == 0 {
                Ok(None)
            } else {
                Side::new(&backend, cfg.gc_range_shift, true).map(Some)
            };
            let pools =
                FixAlloc::new(None, true).and_then(|a| Ok((a, FixAlloc::new(None, false)?)));
            match (gc, pools) {
                (Ok(gc), Ok(pools)) => Ok((spans, gc, pools)),
                (gc, pools) => {
                    // SAFETY: SPARSE-1 — nobody knows the table.
                    unsafe { spans.release(&backend, &stat.spans) };
                    Err(gc.err().or(pools.err()).unwrap_or(MemError::os(MemOp::Order, 0, 0)))
                }
            }
        });
        let (spans, gc, (records, specials)) = match made {
            Ok(made) => made,
            Err(e) => {
                undo(&backend, own.len);
                return Err(e);
            }
        };
        let this = own.base.cast::<Self>();
        let value = Self {
            refs: AtomicUsize::new(1),
            persist: PersistentAlloc::new(backend),
            own,
            own_stat,
            stat,
            gc,
            explicit: AtomicPtr::new(core::ptr::null_mut()),
            spans,
            central_gc: [const { Central::new() }; SPAN_CLASSES],
            central_explicit: [const { Central::new() }; CLASSES],
            sweepgen: AtomicU32::new(4),
            sweepers: AtomicU64::new(0),
            cursor: AtomicU32::new(0),
            all: AtomicPtr::new(core::ptr::null_mut()),
            pool: Lock::new(
                &POOL,
                Pool { records, free: [core::ptr::null_mut(); 2], idle: [0; 2], made: 0 },
            ),
            setup: Lock::new(&SETUP, ()),
            specials: Lock::new(&SPECIALS, specials),
            large: [Large::default(), Large::default()],
            hooks: cfg.hooks,
            modes: Modes::default(),
            limit: AtomicU64::new(u64::MAX),
            cfg,
        };
        // SAFETY: H-14 — mapped above, large enough, aligned to a page, and nobody else knows it.
        unsafe { this.write(value) };
        Ok(this)
    }

    /// Takes the heap apart: every mapping goes back.
    ///
    /// # Safety
    /// `this` is the last reference: no handle, no cache, no object is used any more.
    pub(crate) unsafe fn destroy(this: NonNull<Self>) {
        // SAFETY: H-14 — by contract the only access left; the memory below stays mapped until the last line.
        let mut inner = unsafe { this.read() };
        let b = inner.persist.backend();
        // SAFETY: MEM-2 and SPARSE-1 — by contract nobody uses the heap.
        unsafe {
            if let Some(side) = &mut inner.gc {
                side.release(b);
            }
            if let Some(side) = inner.explicit.get_mut().as_mut() {
                side.release(b);
            }
            inner.spans.release(b, &inner.stat.spans);
            b.free(inner.own, inner.own.len, 0, &inner.own_stat);
        }
        // `inner.persist` goes last, with the records in it.
    }

    /// Bytes of the structure itself.
    pub(crate) fn own_bytes(&self) -> u64 {
        self.own_stat.bytes().mapped
    }

    /// Where the structure itself is.
    pub(crate) fn own_range(&self) -> PageRange {
        self.own
    }

    /// First address of the collector's range.
    #[inline]
    pub(crate) fn gc_base(&self) -> usize {
        self.gc.as_ref().map_or(0, |s| s.range().0)
    }

    pub(crate) fn backend(&self) -> &B {
        self.persist.backend()
    }

    /// The side of a kind, if it exists yet.
    #[inline]
    pub(crate) fn side(&self, kind: Kind) -> Option<&Side> {
        match kind {
            Kind::Gc => self.gc.as_ref(),
            // ORDER: Acquire ⇐ `open_side`. SAFETY: H-14 — once set, a side lives as long as the heap.
            _ => unsafe { self.explicit.load(Ordering::Acquire).as_ref() },
        }
    }

    /// The side of a kind, made now if it does not exist.
    pub(crate) fn open_side(&self, kind: Kind) -> Result<&Side, MemError> {
        if let Some(side) = self.side(kind) {
            return Ok(side);
        }
        if kind == Kind::Gc || self.cfg.explicit_range_shift == 0 {
            return Err(MemError::os(MemOp::Order, 0, 0));
        }
        let _setup = self.setup.lock();
        if let Some(side) = self.side(kind) {
            return Ok(side);
        }
        let place = self
            .persist
            .alloc(None, size_of::<Side>(), align_of::<Side>(), &self.stat.other)?
            .cast::<Side>();
        let side = Side::new(self.backend(), self.cfg.explicit_range_shift, false)?;
        // SAFETY: FIX-B — memory of that size and alignment, ours alone.
        unsafe { place.write(side) };
        self.explicit.store(place.as_ptr(), Ordering::Release); // ORDER: Release ⇒ `side`.
        // SAFETY: H-14 — written just now, and stays.
        Ok(unsafe { place.as_ref() })
    }

    /// Bytes of free blocks of a class that a cache may hold.
    pub(crate) fn cache_depth(&self) -> usize {
        self.cfg.cache_depth as usize
    }

    /// A record from the pool, or a new one.
    pub(crate) fn open_record(&self, kind: Kind) -> Result<NonNull<CacheRec>, MemError> {
        let mut pool = self.pool.lock();
        if let Some(rec) = pool.take(kind) {
            return Ok(rec);
        }
        let rec = pool.records.alloc(&self.persist, &self.stat.caches)?;
        pool.made += 1;
        let tag = u16::try_from(pool.made).unwrap_or(0);
        // SAFETY: FIX-C — ours alone until it is linked; zeros are a valid record but for `kind`.
        unsafe {
            (&raw mut (*rec.as_ptr()).kind).write(core::cell::Cell::new(kind));
            rec.as_ref().tag.set(tag);
            // ORDER: Relaxed — written under the pool's lock alone.
            rec.as_ref().next_all.set(self.all.load(Ordering::Relaxed));
        }
        self.all.store(rec.as_ptr(), Ordering::Release); // ORDER: Release ⇒ `records`: the record's fields.
        Ok(rec)
    }

    /// Records in the pool of a kind.
    pub(crate) fn idle_records(&self, kind: Kind) -> u32 {
        self.pool.lock().idle[kind_index(kind)]
    }

    /// A record that is in the pool; none is made.
    pub(crate) fn take_idle(&self, kind: Kind) -> Option<NonNull<CacheRec>> {
        self.pool.lock().take(kind)
    }

    /// Puts a record into the pool, for the next owner: flushed, or with what it has borrowed.
    pub(crate) fn close_record(&self, rec: NonNull<CacheRec>) {
        let mut pool = self.pool.lock();
        // SAFETY: H-14 — the caller owned the record until now.
        let r = unsafe { rec.as_ref() };
        let head = &mut pool.free[kind_index(r.kind.get())];
        r.next_free.set(*head);
        *head = rec.as_ptr();
        r.process.set(false);
        r.pooled.set(true);
        pool.idle[kind_index(r.kind.get())] += 1;
    }

    /// All cache records, in use or pooled. Only their atomics may be looked at.
    pub(crate) fn records(&self) -> impl Iterator<Item = &CacheRec> {
        let mut at = self.all.load(Ordering::Acquire); // ORDER: Acquire ⇐ `open_record`.
        core::iter::from_fn(move || {
            // SAFETY: H-14 — records are never freed, and `next_all` is written once, before publication.
            let rec = unsafe { at.as_ref() }?;
            at = rec.next_all.get();
            Some(rec)
        })
    }

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
            rec.with_pages(|c| side.fill_cache(self.backend(), c))?;
            if let Some(run) = rec.with_pages(|c| c.alloc(n)) {
                return Ok(run);
            }
        }
        side.alloc_pages(self.backend(), n, 1)
    }

    /// A new span of a small class, all slots free, state HELD, not yet in any list.
    pub(crate) fn new_span(
        &self,
        rec: &CacheRec,
        class: SpanClass,
        kind: Kind,
    ) -> Result<&Span, MemError> {
        let pages = match kind {
            Kind::Gc => class_pages(class.class()),
            _ => class_pages_explicit(class.class()),
        };
        let n = pages * PAGE / class.size();
        self.make_span(rec, class, kind, pages, 1, n, State::Held)
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

    #[expect(clippy::too_many_arguments, reason = "the one place where a span is put together")]
    fn make_span(
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
        // ORDER: Relaxed, both — published by the entries below (Release in `set_entry`).
        span.needzero.store(u32::from(run.scavenged != pages), Ordering::Relaxed);
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
        let (page, pages) = (side.page_of(span.base()), span.pages());
        let generation = span.state().generation().wrapping_add(1);
        // ORDER: Release — a late giver that reads the new generation sees a span that is not its own any more.
        span.st.store(Word::new(State::Free, 0, generation).0, Ordering::Release);
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

    /// The heap's sweep generation.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.sweepgen.load(Ordering::Acquire) // ORDER: Acquire ⇐ `advance_sweepgen`: the final marks.
    }
}
