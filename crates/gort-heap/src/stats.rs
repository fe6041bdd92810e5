//! Figures.
//!
//! Nothing is counted on the fast path but hits of an array. The rest is derived: what the caches borrowed and gave back, and
//! what the spans' free bits say. Exact when nobody allocates (H-2); a running heap gives figures that are nearly right.
//! [`Heap::verify_stats`] counts everything again the slow way; [`HeapStats::mem_stats`] gives them Go's names.

use crate::class::{CLASSES, PAGE, SpanClass, class_size};
use crate::config::Kind;
use crate::heap::Heap;
use crate::inner::kind_index;
use crate::profile::hidden;
use crate::record::CacheRec;
use crate::span::State;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// The heap in figures; bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    /// The profile's buckets.
    pub profile: u64,
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
    /// Free slots of spans, in bytes: room for objects of their classes.
    pub free_slots: u64,
    /// Free slots on loan to caches, in bytes.
    pub cached: u64,
    /// Ends of spans that are too short for a slot. With the three above it makes `heap_in_use`.
    pub tails: u64,
}

/// One size class of one kind; class 0 is the large objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClassStats {
    /// Slot size, 0 for large.
    pub size: usize,
    /// Objects ever allocated.
    pub mallocs: u64,
    /// Objects freed.
    pub frees: u64,
    /// Bytes ever allocated, by slot size.
    pub alloc_bytes: u64,
    /// Bytes of the live ones.
    pub live_bytes: u64,
    /// Spans.
    pub spans: u64,
    /// Their pages, in bytes.
    pub span_bytes: u64,
    /// Free slots that nobody has borrowed.
    pub free_slots: u64,
    /// Free slots on loan to caches.
    pub cached_slots: u64,
}

impl ClassStats {
    /// Objects allocated and not freed.
    #[must_use]
    pub const fn live(&self) -> u64 {
        self.mallocs.wrapping_sub(self.frees)
    }
}

/// Free slots that a cache has borrowed, one span class.
fn on_loan(rec: &CacheRec, class: usize) -> (u64, u64) {
    let mag = &rec.mags[class];
    let (bits, base) = hidden(rec, class);
    // ORDER: Relaxed, all — counters with one writer each.
    let base = if base.is_null() { mag.lo.load(Relaxed) } else { base };
    let bits = u64::from((bits | mag.bits.load(Relaxed)).count_ones());
    let array = (mag.top.load(Relaxed) as usize).wrapping_sub(base as usize) / size_of::<usize>();
    (bits, array as u64)
}

impl<B: Backend> Heap<B> {
    /// Figures per class. Walks all spans and caches.
    pub fn by_class(&self, kind: Kind, out: &mut [ClassStats; CLASSES]) {
        let inner = self.inner();
        let mut used = [0u64; CLASSES];
        let mut made = [0u64; CLASSES];
        *out = [ClassStats::default(); CLASSES];
        for span in inner.spans.iter() {
            let st = span.state();
            if st.state() == State::Free || span.kind() != kind as u8 {
                continue;
            }
            let class = span.class().class() as usize;
            out[class].spans += 1;
            out[class].span_bytes += (span.pages() * PAGE) as u64;
            if class != 0 {
                let free = i64::from(st.count());
                // A record that is being made anew may show the count of one span and the size of another.
                let free = free.clamp(0, span.n() as i64) as u64;
                used[class] += span.n() as u64 - free;
                out[class].free_slots += free;
            }
        }
        // ORDER: Relaxed, all — counters with one writer each.
        for rec in inner.records().filter(|r| r.kind.get() == kind) {
            for (i, mag) in rec.mags.iter().enumerate() {
                let class = SpanClass::from_index(i).map_or(0, |c| c.class() as usize);
                let (borrowed, array) = on_loan(rec, i);
                out[class].cached_slots += borrowed + array;
                let taken = rec.taken[i].load(Relaxed).wrapping_sub(rec.returned[i].load(Relaxed));
                made[class] = made[class]
                    .wrapping_add(taken)
                    .wrapping_sub(borrowed)
                    .wrapping_add(mag.pops.load(Relaxed));
            }
            for wc in &rec.wc {
                let (span, bits) = (wc.span.load(Relaxed), wc.bits.load(Relaxed));
                if span != 0 {
                    out[inner.spans.get(span).class().class() as usize].cached_slots +=
                        u64::from(bits.count_ones());
                }
            }
        }
        for class in 1..CLASSES {
            let row = &mut out[class];
            let live = used[class].saturating_sub(row.cached_slots);
            row.size = class_size(class as u8);
            // While others allocate, a bit may be seen borrowed whose word was not yet seen taken: then the sum is below 0.
            row.mallocs = made[class].cast_signed().max(0).cast_unsigned();
            row.frees = row.mallocs.saturating_sub(live);
            row.alloc_bytes = row.mallocs * row.size as u64;
            row.live_bytes = live * row.size as u64;
        }
        let large = &inner.large[kind_index(kind)];
        let row = &mut out[0];
        // What went is read first: it was allocated before.
        row.frees = large.frees.load(Relaxed);
        let freed_bytes = large.freed_bytes.load(Relaxed);
        row.mallocs = large.mallocs.load(Relaxed).max(row.frees);
        row.alloc_bytes = large.bytes.load(Relaxed).max(freed_bytes);
        row.live_bytes = row.alloc_bytes - freed_bytes;
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
                s.alloc_bytes += row.alloc_bytes;
                if class != 0 {
                    let size = row.size as u64;
                    s.free_slots += row.free_slots * size;
                    s.cached += row.cached_slots * size;
                    let slots = row.live_bytes + (row.free_slots + row.cached_slots) * size;
                    s.tails += row.span_bytes.saturating_sub(slots);
                }
            }
            let Some(side) = inner.side(kind) else { continue };
            let (heap, tables, rows) =
                (side.stat.heap.bytes(), side.stat.tables.bytes(), side.stat.rows.bytes());
            // What is mapped only grows, so the difference is never above what was there. (A sum of used and free pages is,
            // by all that a sweep frees between the two looks.)
            let (_, mut scavenged) = side.pages.lock().free_pages();
            for rec in inner.records().filter(|r| r.kind.get() == kind) {
                scavenged += rec.page_cache().free_pages().1;
            }
            let released = (scavenged * PAGE) as u64;
            let backed = heap.mapped.saturating_sub(released);
            let in_use = side.in_use.load(Relaxed).min(backed); // ORDER: Relaxed — a counter.
            match kind {
                Kind::Gc => s.gc_in_use = in_use,
                _ => s.explicit_in_use = in_use,
            }
            s.heap_free += backed - in_use;
            s.heap_released += released;
            s.reserved += heap.reserved + tables.reserved + rows.reserved;
            s.tables += tables.mapped;
            s.rows += rows.mapped;
        }
        s.heap_in_use = s.gc_in_use + s.explicit_in_use;
        s.live_objects = s.mallocs - s.frees;
        s.reserved += inner.stat.spans.bytes().reserved;
        s.spans = inner.stat.spans.bytes().mapped;
        s.caches = inner.stat.caches.bytes().mapped;
        s.profile = inner.stat.profile.bytes().mapped;
        s.other = inner.stat.specials.bytes().mapped
            + inner.stat.other.bytes().mapped
            + inner.persist.rest().bytes().mapped
            + inner.own_bytes();
        s.committed = s.heap_in_use + s.heap_free + s.metadata();
        s
    }
}

impl HeapStats {
    /// Bytes of all tables and records: what is mapped and no page of objects.
    #[must_use]
    pub const fn metadata(&self) -> u64 {
        self.tables + self.rows + self.spans + self.caches + self.profile + self.other
    }

    /// The rows of the account, with their names. Their sum is what is mapped.
    #[must_use]
    pub const fn rows(&self) -> [(&'static str, u64); 10] {
        [
            ("collector's spans", self.gc_in_use),
            ("explicit spans", self.explicit_in_use),
            ("free pages", self.heap_free),
            ("released pages", self.heap_released),
            ("tables", self.tables),
            ("mark rows", self.rows),
            ("span records", self.spans),
            ("cache records", self.caches),
            ("profile", self.profile),
            ("other", self.other),
        ]
    }
}

impl fmt::Display for HeapStats {
    /// A table: the account, then the objects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, bytes) in self.rows() {
            writeln!(f, "{name:<20} {bytes:>16}")?;
        }
        let mapped = self.committed + self.heap_released;
        writeln!(f, "{:<20} {:>16}", "mapped", mapped)?;
        writeln!(f, "{:<20} {:>16}", "reserved besides", self.reserved)?;
        writeln!(f)?;
        let objects = [
            ("live objects", self.live_bytes, self.live_objects),
            ("allocated ever", self.alloc_bytes, self.mallocs),
            ("freed", self.alloc_bytes.wrapping_sub(self.live_bytes), self.frees),
        ];
        for (name, bytes, count) in objects {
            writeln!(f, "{name:<20} {bytes:>16} {count:>14}")?;
        }
        for (name, bytes) in [
            ("free slots", self.free_slots),
            ("in caches", self.cached),
            ("ends of spans", self.tails),
        ] {
            writeln!(f, "{name:<20} {bytes:>16}")?;
        }
        Ok(())
    }
}
