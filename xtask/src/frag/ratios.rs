//! What a report comes to: sums and ratios by class and over all, and a verdict.
//!
//! The bounds of the verdict are ours. A number of page sizes is shown, and is no verdict: mixing them is usual.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::report::{Class, Report};
use super::smaps;

/// Bytes of a run of free pages that the scavenger takes unasked.
const WORTH_A_CALL: u64 = 64 << 10;
/// Below this much a loss is none.
const LITTLE: u64 = 1 << 20;

/// A size class of a kind of owners.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) kind: String,
    pub(crate) size: u64,
    pub(crate) objects: u64,
    /// Bytes of live objects, by slot size.
    pub(crate) live: u64,
    /// With what caches have on loan.
    pub(crate) allocated: u64,
    /// Pages of its spans.
    pub(crate) committed: u64,
    /// Free slots that nobody has.
    pub(crate) holes: u64,
    /// Ends of spans.
    pub(crate) tails: u64,
    /// `live` of `committed`.
    pub(crate) used: f64,
    /// Most that an object can waste of its slot: the step from the class below.
    pub(crate) rounding_at_most: f64,
    /// Spans, and those of them that are less than a quarter full.
    pub(crate) spans: u64,
    pub(crate) sparse_spans: u64,
}

/// What the kernel has behind one part of the heap.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Behind {
    pub(crate) rss: u64,
    pub(crate) huge: u64,
    pub(crate) swap: u64,
}

/// All of it; bytes and shares from 0 to 1.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) version: u32,
    pub(crate) pid: u64,
    pub(crate) live_objects: u64,
    pub(crate) live: u64,
    pub(crate) cached: u64,
    pub(crate) holes: u64,
    pub(crate) tails: u64,
    pub(crate) free_pages: u64,
    pub(crate) released_pages: u64,
    pub(crate) metadata: u64,
    /// Spans, free pages with memory behind them, and metadata.
    pub(crate) committed: u64,
    /// What lies in spans and is no object.
    pub(crate) internal: f64,
    /// Free pages outside of the largest run of them.
    pub(crate) external: f64,
    pub(crate) largest_free_run: u64,
    /// Free pages with memory behind them in runs that the scavenger takes unasked, and all of them.
    pub(crate) scavenger_takes: u64,
    pub(crate) scavenger_could_take: u64,
    pub(crate) classes: Vec<Row>,
    pub(crate) kernel: BTreeMap<String, Behind>,
    pub(crate) kernel_page_sizes: BTreeSet<u64>,
    pub(crate) mmu_page_sizes: BTreeSet<u64>,
    pub(crate) verdict: Vec<String>,
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Row {
    fn of(class: &Class, below: u64, report: &Report) -> Self {
        let of_it = |s: &&super::report::Span| s.kind == class.kind && s.class == class.class;
        let spans = || report.spans.iter().filter(of_it);
        let holes = class.free_slots * class.size;
        let allocated = class.live_bytes + class.cached_slots * class.size;
        let step = class.size.saturating_sub(below + 1);
        Row {
            kind: class.kind.clone(),
            size: class.size,
            objects: class.mallocs.saturating_sub(class.frees),
            live: class.live_bytes,
            allocated,
            committed: class.span_bytes,
            holes,
            tails: class.span_bytes.saturating_sub(allocated + holes),
            used: share(class.live_bytes, class.span_bytes),
            rounding_at_most: if class.size == 0 { 0.0 } else { share(step, class.size) },
            spans: class.spans,
            sparse_spans: spans().filter(|s| s.occupancy() < 0.25).count() as u64,
        }
    }
}

impl Summary {
    pub(crate) fn of(report: &Report) -> Self {
        let s = &report.stats;
        // The class below may have no spans, so this is a bound from what is there.
        let mut classes = Vec::new();
        for class in &report.classes {
            let same = report.classes.iter().filter(|c| c.size < class.size);
            let below = same.map(|c| c.size).max().unwrap_or(0);
            classes.push(Row::of(class, below.max(step_below(class.size)), report));
        }
        let bytes = |pages: u64| pages * report.page;
        let runs = || report.free.iter().map(|f| bytes(f.pages));
        let free: u64 = runs().sum();
        let largest = largest_run(report);
        let warm = report.free.iter().filter(|f| !f.released).map(|f| bytes(f.pages));
        let committed = s.heap_in_use + s.heap_free + s.metadata();
        let mut summary = Summary {
            version: 1,
            pid: report.pid,
            live_objects: s.live_objects,
            live: s.live_bytes,
            cached: s.cached,
            holes: s.free_slots,
            tails: s.tails,
            free_pages: s.heap_free,
            released_pages: s.heap_released,
            metadata: s.metadata(),
            committed,
            internal: share(s.heap_in_use.saturating_sub(s.live_bytes), s.heap_in_use),
            external: share(free.saturating_sub(largest), free),
            largest_free_run: largest,
            scavenger_takes: warm.filter(|b| *b >= WORTH_A_CALL).sum(),
            scavenger_could_take: s.heap_free,
            classes,
            kernel: BTreeMap::new(),
            kernel_page_sizes: BTreeSet::new(),
            mmu_page_sizes: BTreeSet::new(),
            verdict: Vec::new(),
        };
        summary.join(report);
        summary.judge(s.heap_in_use);
        summary
    }

    /// The kernel's mappings, each for the part that it has most of.
    fn join(&mut self, report: &Report) {
        for vma in smaps::parse(&report.smaps).iter().filter(|v| v.writable) {
            let part = report.mappings.iter().max_by_key(|m| vma.common(m.addr, m.len));
            let Some(part) = part.filter(|m| vma.common(m.addr, m.len) != 0) else { continue };
            let row = self.kernel.entry(part.part.clone()).or_default();
            row.rss += vma.field("Rss");
            row.huge += vma.field("AnonHugePages");
            row.swap += vma.field("Swap");
            for (sizes, name) in [
                (&mut self.kernel_page_sizes, "KernelPageSize"),
                (&mut self.mmu_page_sizes, "MMUPageSize"),
            ] {
                sizes.extend(vma.fields.get(name));
            }
        }
    }

    fn judge(&mut self, in_use: u64) {
        let percent = |part, whole| (share(part, whole) * 100.0).round();
        let mut say = Vec::new();
        let much = |part: u64, whole: u64, bound: f64| part > LITTLE && share(part, whole) > bound;
        if much(self.holes, in_use, 0.3) {
            let worst = self.classes.iter().max_by_key(|r| r.holes);
            let worst = worst.map_or(String::new(), |r| {
                format!(
                    "; most in class {} ({}), {} of {} spans under a quarter full",
                    r.size, r.kind, r.sparse_spans, r.spans
                )
            });
            say.push(format!(
                "full of holes: {} % of the spans' bytes{worst}",
                percent(self.holes, in_use)
            ));
        }
        if much(self.cached, in_use, 0.1) {
            say.push(format!("caches hold {} % of the spans' bytes", percent(self.cached, in_use)));
        }
        if much(self.tails, in_use, 0.1) {
            say.push(format!("ends of spans take {} %", percent(self.tails, in_use)));
        }
        if self.free_pages > 8 * LITTLE && share(self.free_pages, self.committed) > 0.2 {
            let part = percent(self.free_pages, self.committed);
            say.push(format!(
                "{part} % of what is committed are free pages that the scavenger could give back"
            ));
        }
        // A small heap's tables are mapped and hardly touched.
        if self.metadata > 16 * LITTLE && share(self.metadata, self.committed) > 0.1 {
            say.push(format!(
                "tables and records take {} %",
                percent(self.metadata, self.committed)
            ));
        }
        if say.is_empty() {
            say.push("compact".into());
        }
        self.verdict = say;
    }
}

/// Size of the class below, by Go's steps: an eighth at most from 128 bytes on, 16 and 8 bytes below.
fn step_below(size: u64) -> u64 {
    match size {
        0..=16 => size.saturating_sub(8),
        17..=128 => size - if size <= 32 { 8 } else { 16 },
        _ => size - size / 8,
    }
}

/// Bytes of the largest run of free pages, whatever is behind them.
fn largest_run(report: &Report) -> u64 {
    let mut runs: Vec<(u64, u64)> =
        report.free.iter().map(|f| (f.addr, f.pages * report.page)).collect();
    runs.sort_unstable();
    let (mut best, mut end, mut len) = (0, 0, 0);
    for (addr, bytes) in runs {
        len = if addr == end { len + bytes } else { bytes };
        end = addr + bytes;
        best = best.max(len);
    }
    best
}
