//! What the handle [`Heap`](crate::Heap) points to. It never moves: caches keep its address (H-14).

mod pool;
mod pools;
mod supply;

pub use pools::PoolInfo;

pub(crate) use pool::Pool;

use crate::central::Central;
use crate::class::{CLASSES, SPAN_CLASSES};
use crate::config::{HeapConfig, Hooks, Huge, Kind};
use crate::explicit::{Modes, Quarantine};
use crate::profile::Profile;
use crate::record::CacheRec;
use crate::side::Side;
use crate::span::Special;
use crate::spans::SpanTable;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use gort_fixalloc::{FixAlloc, PersistentAlloc};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, MemOp, PageRange, Release, SysStat};
use std::sync::OnceLock;

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

/// The collector's side, and whom its sweeps tell of dead objects.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) side: Side,
    pub(crate) hooks: Hooks,
}

#[derive(Debug)]
pub(crate) struct Inner<B: Backend> {
    pub(crate) refs: AtomicUsize,
    pub(crate) persist: PersistentAlloc<B>,
    own: PageRange,
    own_stat: SysStat,
    pub(crate) stat: Stats,
    /// What a collector needs of the heap; made with the heap, or later by the collector that shares it.
    pub(crate) gc: OnceLock<Collected>,
    explicit: OnceLock<Side>,
    pub(crate) spans: SpanTable,
    pub(crate) central_gc: [Central; SPAN_CLASSES],
    pub(crate) central_explicit: [Central; CLASSES],
    pub(crate) sweepgen: AtomicU32,
    pub(crate) sweepers: AtomicU64,
    /// Freed slots are filled.
    pub(crate) clobber: core::sync::atomic::AtomicBool,
    pub(crate) cursor: AtomicU32,
    pub(crate) all: AtomicPtr<CacheRec>,
    pub(crate) pool: Lock<Pool>,
    pub(crate) setup: Lock<()>,
    pub(crate) specials: Lock<FixAlloc<Special>>,
    pub(crate) large: [Large; 2],
    pub(crate) modes: Modes,
    pub(crate) quarantine: Quarantine,
    pub(crate) profile: Profile,
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
        (cfg.step)("self-checks");
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
        (cfg.step)("heap lock");
        let pools = FixAlloc::new(None, true).and_then(|a| Ok((a, FixAlloc::new(None, false)?)));
        let made = pools.and_then(|(records, specials)| {
            Ok((SpanTable::new(&backend, cfg.max_spans, &stat.spans)?, records, specials))
        });
        let (spans, records, specials) = match made {
            Ok(made) => made,
            Err(e) => {
                undo(&backend, own.len);
                return Err(e);
            }
        };
        (cfg.step)("pools");
        let this = own.base.cast::<Self>();
        let value = Self {
            refs: AtomicUsize::new(1),
            persist: PersistentAlloc::new(backend),
            own,
            own_stat,
            stat,
            gc: OnceLock::new(),
            explicit: OnceLock::new(),
            spans,
            central_gc: [const { Central::new() }; SPAN_CLASSES],
            central_explicit: [const { Central::new() }; CLASSES],
            sweepgen: AtomicU32::new(4),
            sweepers: AtomicU64::new(0),
            clobber: core::sync::atomic::AtomicBool::new(false),
            cursor: AtomicU32::new(0),
            all: AtomicPtr::new(core::ptr::null_mut()),
            pool: Lock::new(&POOL, Pool::new(records)),
            setup: Lock::new(&SETUP, ()),
            specials: Lock::new(&SPECIALS, specials),
            large: [Large::default(), Large::default()],
            modes: Modes::default(),
            quarantine: Quarantine::new(),
            profile: Profile::new(),
            limit: AtomicU64::new(u64::MAX),
            cfg,
        };
        // SAFETY: H-14 — mapped above, large enough, aligned to a page, and nobody else knows it.
        unsafe { this.write(value) };
        (cfg.step)("central lists");
        if cfg.gc_range_shift != 0 {
            // SAFETY: H-14 — written just now.
            let inner = unsafe { this.as_ref() };
            if let Err(e) = inner.open_collector(cfg.gc_range_shift, cfg.hooks) {
                // SAFETY: H-14 — nobody else knows it.
                unsafe { Self::destroy(this) };
                return Err(e);
            }
        }
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
            if let Some(gc) = inner.gc.get_mut() {
                gc.side.release(b);
            }
            if let Some(side) = inner.explicit.get_mut() {
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
        self.gc_side().map_or(0, |s| s.range().0)
    }

    pub(crate) fn backend(&self) -> &B {
        self.persist.backend()
    }

    /// The side of a kind, if it exists yet.
    #[inline]
    pub(crate) fn side(&self, kind: Kind) -> Option<&Side> {
        match kind {
            Kind::Gc => self.gc_side(),
            _ => self.explicit.get(),
        }
    }

    /// The collector's side, if there is one.
    #[inline]
    pub(crate) fn gc_side(&self) -> Option<&Side> {
        self.gc.get().map(|gc| &gc.side)
    }

    /// Makes the collector's side of a heap that has none yet.
    pub(crate) fn open_collector(&self, range_shift: u32, hooks: Hooks) -> Result<(), MemError> {
        let _setup = self.setup.lock();
        if self.gc.get().is_some() {
            return Err(MemError::os(MemOp::Order, 0, 0));
        }
        let gc = Collected { side: self.make_side(range_shift, true)?, hooks };
        // Nobody else sets it: the lock is held, and it was empty.
        let _ = self.gc.set(gc);
        Ok(())
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
        let side = self.make_side(self.cfg.explicit_range_shift, false)?;
        Ok(self.explicit.get_or_init(|| side))
    }

    fn make_side(&self, range_shift: u32, marks: bool) -> Result<Side, MemError> {
        let side = Side::new(self.backend(), range_shift, marks)?.with_huge(self.cfg.huge);
        (self.cfg.step)("page allocator");
        (self.cfg.step)("arena hints");
        Ok(side)
    }

    /// How free pages go back.
    pub(crate) fn release(&self) -> Release {
        self.cfg.release
    }

    /// What is wished about huge pages.
    pub(crate) fn huge(&self) -> Huge {
        self.cfg.huge
    }

    /// Bytes of free blocks of a class that a cache may hold.
    pub(crate) fn cache_depth(&self) -> usize {
        self.cfg.cache_depth as usize
    }

    /// The heap's sweep generation.
    #[inline]
    pub(crate) fn generation(&self) -> u32 {
        self.sweepgen.load(Ordering::Acquire) // ORDER: Acquire ⇐ `advance_sweepgen`: the final marks.
    }
}
