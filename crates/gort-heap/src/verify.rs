//! The figures counted again, the slow way: bit by bit, page by page, table by table.
//!
//! The sums of [`crate::stats`] come from counters that are kept on the way. Here the same figures come from what is there:
//! the free bits themselves, the records of spans, the tables' own bits. Where the two differ a counter was forgotten.

use crate::class::{CLASSES, PAGE, class_size};
use crate::config::Kind;
use crate::heap::Heap;
use crate::mappings::Part;
use crate::span::State;
use crate::stats::ClassStats;
use core::fmt;
use core::sync::atomic::Ordering::Relaxed;
use gort_sys::Backend;

/// A figure of which the fast sum and the recount differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Which figure.
    pub what: &'static str,
    /// Of which kind of owners; `None`: of the whole heap.
    pub kind: Option<Kind>,
    /// Of which size class; 0: large objects, or no class.
    pub class: u8,
    /// What the counters say.
    pub fast: u64,
    /// What was counted.
    pub slow: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(kind) = self.kind {
            write!(f, " ({kind:?}, class {})", self.class)?;
        }
        write!(f, ": {} by the counters, {} counted", self.fast, self.slow)
    }
}

/// Differences that a report has room for.
const ROOM: usize = 16;

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsReport {
    rows: [Option<Difference>; ROOM],
    found: usize,
}

impl StatsReport {
    /// The first differences; the report has room for 16.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.rows.iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub const fn found(&self) -> usize {
        self.found
    }

    fn same(&mut self, what: &'static str, of: Option<(Kind, u8)>, fast: u64, slow: u64) {
        if fast == slow {
            return;
        }
        let (kind, class) = of.map_or((None, 0), |(k, c)| (Some(k), c));
        if let Some(row) = self.rows.get_mut(self.found) {
            *row = Some(Difference { what, kind, class, fast, slow });
        }
        self.found += 1;
    }
}

impl fmt::Display for StatsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} figures differ from what was counted:", self.found)?;
        for row in self.differences() {
            writeln!(f, "  {row}")?;
        }
        Ok(())
    }
}

impl core::error::Error for StatsReport {}

/// Slots and pages of one kind, counted.
struct Recount {
    spans: [u64; CLASSES],
    pages: [u64; CLASSES],
    free: [u64; CLASSES],
    slots: [u64; CLASSES],
}

impl<B: Backend> Heap<B> {
    /// Counts everything again and compares it with the sums. Nobody else may use the heap meanwhile: a moving heap gives
    /// differences that are none. Walks all spans, caches and tables.
    ///
    /// # Errors
    /// What differs.
    #[expect(
        clippy::result_large_err,
        reason = "the report goes into no box: that would change what it reports"
    )]
    pub fn verify_stats(&self) -> Result<(), StatsReport> {
        let mut report = StatsReport { rows: [None; ROOM], found: 0 };
        for kind in [Kind::Gc, Kind::Explicit] {
            self.verify_kind(kind, &mut report);
        }
        self.verify_account(&mut report);
        if report.found == 0 { Ok(()) } else { Err(report) }
    }

    fn recount(&self, kind: Kind) -> Recount {
        let zero = [0; CLASSES];
        let mut r = Recount { spans: zero, pages: zero, free: zero, slots: zero };
        let spans = self.inner().spans.iter();
        for span in spans.filter(|s| s.state().state() != State::Free && s.kind() == kind as u8) {
            let class = usize::from(span.class().class());
            r.spans[class] += 1;
            r.pages[class] += (span.pages() * PAGE) as u64;
            if class != 0 {
                r.free[class] += span.recount() as u64;
                r.slots[class] += span.n() as u64;
            }
        }
        r
    }

    fn verify_kind(&self, kind: Kind, report: &mut StatsReport) {
        let inner = self.inner();
        let Some(side) = inner.side(kind) else { return };
        let mut fast = [ClassStats::default(); CLASSES];
        self.by_class(kind, &mut fast);
        let slow = self.recount(kind);
        for (class, row) in fast.iter().enumerate() {
            let of = Some((kind, class as u8));
            report.same("spans", of, row.spans, slow.spans[class]);
            report.same("bytes of spans", of, row.span_bytes, slow.pages[class]);
            if class == 0 {
                report.same("large objects", of, row.live(), slow.spans[0]);
                report.same("bytes of large objects", of, row.live_bytes, slow.pages[0]);
                continue;
            }
            report.same("free slots", of, row.free_slots, slow.free[class]);
            // What is neither free nor in a cache lives: allocations less frees, by counters that know nothing of bits.
            let used = slow.slots[class].wrapping_sub(slow.free[class]);
            let live = used.wrapping_sub(row.cached_slots);
            report.same("live objects", of, row.live(), live);
            let bytes = live.wrapping_mul(class_size(class as u8) as u64);
            report.same("bytes of live objects", of, row.live_bytes, bytes);
        }
        let used: u64 = slow.pages.iter().sum();
        let of = Some((kind, 0));
        report.same("bytes in spans", of, side.in_use.load(Relaxed), used); // ORDER: Relaxed — at rest.
        let (free, sound) = {
            let mut pages = side.pages.lock();
            (pages.free_pages().0, pages.check().is_ok())
        };
        report.same("sums over free pages", of, u64::from(sound), 1);
        let caches = inner.records().filter(|r| r.kind.get() == kind);
        let cached: usize = caches.map(|r| r.page_cache().free_pages().0).sum();
        let mut mapped = 0;
        side.heap_extents(|e| mapped += e.mapped);
        let known = used + ((free + cached) * PAGE) as u64;
        report.same("pages", of, known, mapped as u64);
    }

    /// Every mapped byte is in exactly one row (M-2).
    fn verify_account(&self, report: &mut StatsReport) {
        let s = self.stats();
        let mut parts = [0u64; 5];
        self.for_each_mapping(|m| {
            let at = match m.part {
                Part::GcPages | Part::ExplicitPages => 0,
                Part::Tables => 1,
                Part::Rows => 2,
                Part::Spans => 3,
                _ => 4,
            };
            parts[at] += m.mapped as u64;
        });
        let rows = [
            ("mapped pages", s.heap_in_use + s.heap_free + s.heap_released),
            ("mapped tables", s.tables),
            ("mapped rows", s.rows),
            ("mapped span records", s.spans),
            ("mapped metadata", s.caches + s.profile + s.other),
        ];
        for ((what, fast), slow) in rows.into_iter().zip(parts) {
            report.same(what, None, fast, slow);
        }
        let slots = s.live_bytes + s.free_slots + s.cached + s.tails;
        report.same("bytes in spans, by slots", None, s.heap_in_use, slots);
    }
}
