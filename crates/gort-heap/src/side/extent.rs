//! Which ranges of addresses a side holds, and how much of each is mapped: for accounts and reports.

use super::{Grow, Side};
use core::sync::atomic::Ordering::Relaxed;

/// A range that the heap holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) addr: usize,
    /// Bytes reserved.
    pub(crate) len: usize,
    /// Bytes of them that are mapped.
    pub(crate) mapped: usize,
}

impl Grow {
    /// Address space for pages: ranges reserved, and how much of each is mapped.
    fn heap_extents(&self, range: Option<gort_sys::PageRange>, f: &mut dyn FnMut(Extent)) {
        if let Some(r) = range {
            f(Extent { addr: r.addr(), len: r.len, mapped: self.next - r.addr() });
            return;
        }
        for r in self.regions.iter().flatten() {
            let idle = if r.end() == self.limit { self.limit - self.next } else { 0 };
            f(Extent { addr: r.addr(), len: r.len, mapped: r.len - idle });
        }
    }
}

impl Side {
    /// Calls `f` for each range that holds pages.
    pub(crate) fn heap_extents(&self, mut f: impl FnMut(Extent)) {
        self.grow.lock().heap_extents(self.range, &mut f);
    }

    /// Whether a page address lies in what was grown.
    pub(crate) fn is_grown(&self, addr: usize) -> bool {
        let mut grown = false;
        self.heap_extents(|e| grown |= (e.addr..e.addr + e.mapped).contains(&addr));
        grown
    }

    /// Calls `f` for each range that holds page entries, summaries, bits, the arena index and words of free bits.
    pub(crate) fn table_extents(&self, mut f: impl FnMut(Extent)) {
        let mut pass = |r: gort_sys::PageRange, mapped| {
            f(Extent { addr: r.addr(), len: r.len, mapped });
        };
        for (r, mapped) in [self.entries.extent(), self.index.extent()] {
            pass(r, mapped);
        }
        self.pages.lock().extents(&mut pass);
        let arenas = self.grow.lock().arenas;
        for arena in (0..arenas).filter(|a| self.index.is_mapped(*a)) {
            // SAFETY: SPARSE-1 — mapped.
            let words = unsafe { &*self.index.at(arena) }.load(Relaxed); // ORDER: Relaxed — an address.
            if !words.is_null() {
                let len = self.arena_rows();
                f(Extent { addr: words as usize, len, mapped: len });
            }
        }
    }

    /// Calls `f` for each range that holds marks and pointer bits.
    pub(crate) fn row_extents(&self, mut f: impl FnMut(Extent)) {
        let Some(rows) = &self.rows else { return };
        for (r, mapped) in [rows.marks.extent(), rows.scans.extent(), rows.ptrs.extent()] {
            f(Extent { addr: r.addr(), len: r.len, mapped });
        }
    }
}
