//! Figures.
//!
//! Nothing is counted on the fast path but hits of an array. The rest is derived: what the caches borrowed and gave back, and
//! what the spans' free bits say. Exact when nobody allocates (H-2); a running heap gives figures that are nearly right.

use crate::class::{CLASSES, PAGE, SpanClass, class_size};
use crate::config::Kind;
use crate::heap::Heap;
use crate::inner::kind_index;
use crate::span::State;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// The heap in figures; bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// In spans, of all kinds.
    pub heap_in_use: u64,
    /// Of that, in the collector's spans.
    pub gc_in_use: u64,
    /// Of that, in explicit owners' spans.
    pub explicit_in_use: u64,
    /// Free pages with memory behind them.
    pub heap_free: u64,
    /// Free pages with nothing behind them: never used, or given back.
    pub heap_released: u64,
    /// Address space reserved and not mapped, tables included.
    pub reserved: u64,
    /// Mapped, heap and tables; without what is known to have nothing behind it.
    pub committed: u64,
    /// Page entries, summaries, page bits, arena index, long rows of free bits.
    pub tables: u64,
    /// Marks and pointer bits.
    pub rows: u64,
    /// Span records.
    pub spans: u64,
    /// Cache records.
    pub caches: u64,
    /// Specials, chunks of metadata not handed out, the heap's own structure.
    pub other: u64,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects freed: by `dealloc`, or found dead by a sweep.
    pub frees: u64,
    /// Objects allocated and not freed.
    pub live_objects: u64,
    /// Bytes ever allocated, by slot size.
    pub alloc_bytes: u64,
    /// Bytes allocated and not freed, by slot size.
    pub live_bytes: u64,
}

/// One size class of one kind; class 0 is the large objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Slot size, 0 for large.
    pub size: usize,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects freed.
    pub frees: u64,
    /// Bytes of the live ones.
    pub live_bytes: u64,
    /// Spans.
    pub spans: u64,
}

impl<B: Backend> Heap<B> {
    /// Figures per class. Walks all spans and caches.
    pub fn by_class(&self, kind: Kind, out: &mut [ClassStats; CLASSES]) {
        let inner = self.inner();
        let mut used = [0u64; CLASSES];
        let mut idle = [0u64; CLASSES];
        let mut made = [0u64; CLASSES];
        *out = [ClassStats::default(); CLASSES];
        for span in inner.spans.iter() {
            let st = span.state();
            if st.state() == State::Free || span.kind() != kind as u8 {
                continue;
            }
            let class = span.class().class() as usize;
            out[class].spans += 1;
            used[class] += (span.n() as i64 - i64::from(st.count())) as u64;
        }
        // ORDER: Relaxed, all — counters with one writer each.
        for rec in inner.records().filter(|r| r.kind.get() == kind) {
            for (i, mag) in rec.mags.iter().enumerate() {
                let class = SpanClass::from_index(i).map_or(0, |c| c.class() as usize);
                let borrowed = u64::from(mag.bits.load(Relaxed).count_ones());
                let array = (mag.top.load(Relaxed) as usize - mag.lo.load(Relaxed) as usize)
                    / size_of::<usize>();
                idle[class] += borrowed + array as u64;
                let taken = rec.taken[i].load(Relaxed).wrapping_sub(rec.returned[i].load(Relaxed));
                made[class] = made[class]
                    .wrapping_add(taken)
                    .wrapping_sub(borrowed)
                    .wrapping_add(mag.pops.load(Relaxed));
            }
            for wc in &rec.wc {
                let (span, bits) = (wc.span.load(Relaxed), wc.bits.load(Relaxed));
                if span != 0 {
                    idle[inner.spans.get(span).class().class() as usize] +=
                        u64::from(bits.count_ones());
                }
            }
        }
        for class in 1..CLASSES {
            let live = used[class].saturating_sub(idle[class]);
            let row = &mut out[class];
            row.size = class_size(class as u8);
            row.mallocs = made[class];
            row.frees = made[class].saturating_sub(live);
            row.live_bytes = live * row.size as u64;
        }
        let large = &inner.large[kind_index(kind)];
        let row = &mut out[0];
        row.mallocs = large.mallocs.load(Relaxed);
        row.frees = large.frees.load(Relaxed);
        row.live_bytes = large.bytes.load(Relaxed) - large.freed_bytes.load(Relaxed);
    }

    /// All figures. Walks all spans and caches; exact when nobody allocates.
    pub fn stats(&self) -> HeapStats {
        let inner = self.inner();
        let mut s = HeapStats::default();
        for kind in [Kind::Gc, Kind::Explicit] {
            let mut rows = [ClassStats::default(); CLASSES];
            self.by_class(kind, &mut rows);
            for (class, row) in rows.iter().enumerate() {
                s.mallocs += row.mallocs;
                s.frees += row.frees;
                s.live_bytes += row.live_bytes;
                if class != 0 {
                    s.alloc_bytes += row.mallocs * row.size as u64;
                }
            }
            // ORDER: Relaxed — a counter.
            s.alloc_bytes += inner.large[kind_index(kind)].bytes.load(Relaxed);
            let Some(side) = inner.side(kind) else { continue };
            let in_use = side.in_use.load(Relaxed); // ORDER: Relaxed — a counter.
            match kind {
                Kind::Gc => s.gc_in_use = in_use,
                _ => s.explicit_in_use = in_use,
            }
            let (mut free, mut scavenged) = side.pages.lock().free_pages();
            for rec in inner.records().filter(|r| r.kind.get() == kind) {
                let (f, sc) = rec.page_cache().free_pages();
                free += f;
                scavenged += sc;
            }
            s.heap_free += ((free - scavenged) * PAGE) as u64;
            s.heap_released += (scavenged * PAGE) as u64;
            let (heap, tables, rows) =
                (side.stat.heap.bytes(), side.stat.tables.bytes(), side.stat.rows.bytes());
            s.reserved += heap.reserved + tables.reserved + rows.reserved;
            s.tables += tables.mapped;
            s.rows += rows.mapped;
        }
        s.heap_in_use = s.gc_in_use + s.explicit_in_use;
        s.live_objects = s.mallocs - s.frees;
        s.reserved += inner.stat.spans.bytes().reserved;
        s.spans = inner.stat.spans.bytes().mapped;
        s.caches = inner.stat.caches.bytes().mapped;
        s.other = inner.stat.specials.bytes().mapped
            + inner.stat.other.bytes().mapped
            + inner.persist.rest().bytes().mapped
            + inner.own_bytes();
        s.committed =
            s.heap_in_use + s.heap_free + s.tables + s.rows + s.spans + s.caches + s.other;
        s
    }
}
