//! Which ranges of addresses a heap holds, and for what: what a reader of `/proc/PID/smaps` needs to tell ours from others'.

use crate::config::Kind;
use crate::heap::Heap;
use core::fmt;
use gort_sys::Backend;

/// What a range is for: a row of the account (M-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Pages of the collector's objects.
    GcPages,
    /// Pages of explicit owners.
    ExplicitPages,
    /// Page entries, summaries, page bits, arena index, long rows of free bits.
    Tables,
    /// Marks and pointer bits.
    Rows,
    /// Span records.
    Spans,
    /// Caches, specials, the profile's buckets, and what is not handed out of their chunks.
    Metadata,
    /// The heap's own structure.
    Own,
}

impl Part {
    /// A word for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Part::GcPages => "gc",
            Part::ExplicitPages => "explicit",
            Part::Tables => "tables",
            Part::Rows => "rows",
            Part::Spans => "spans",
            Part::Metadata => "metadata",
            Part::Own => "own",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A range of addresses that a heap holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// What it is for.
    pub part: Part,
    /// First address.
    pub addr: usize,
    /// Bytes reserved.
    pub len: usize,
    /// Bytes of them that may be written. Not always the first ones.
    pub mapped: usize,
}

impl<B: Backend> Heap<B> {
    /// Calls `f` for each range of addresses that the heap holds. Takes `heap.grow` and `heap.pages` for short times, and
    /// `f` may be called under them: it must not use the heap.
    pub fn for_each_mapping(&self, mut f: impl FnMut(Mapping)) {
        let inner = self.inner();
        for kind in [Kind::Gc, Kind::Explicit] {
            let Some(side) = inner.side(kind) else { continue };
            let pages = if kind == Kind::Gc { Part::GcPages } else { Part::ExplicitPages };
            let mut pass = |part, e: crate::side::Extent| {
                f(Mapping { part, addr: e.addr, len: e.len, mapped: e.mapped });
            };
            side.heap_extents(|e| pass(pages, e));
            side.table_extents(|e| pass(Part::Tables, e));
            side.row_extents(|e| pass(Part::Rows, e));
        }
        let (r, mapped) = inner.spans.extent();
        f(Mapping { part: Part::Spans, addr: r.addr(), len: r.len, mapped });
        inner.persist.for_each_mapping(|addr, len| {
            f(Mapping { part: Part::Metadata, addr, len, mapped: len });
        });
        let own = inner.own_range();
        f(Mapping { part: Part::Own, addr: own.addr(), len: own.len, mapped: own.len });
    }
}
