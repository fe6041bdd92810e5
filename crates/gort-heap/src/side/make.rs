//! A side comes into being: its range, and the tables over it, all of them or none.

use super::{
    ALL, ARENA_PAGES, ARENA_SHIFT, FIRST_HINT, GROW, Grow, PAGES, PtrRow, REGIONS, Row, Rows, Side,
    SideStat,
};
use crate::class::PAGE_SHIFT;
use crate::pages::PageAlloc;
use crate::sparse::SparseArray;
use core::sync::atomic::{AtomicPtr, AtomicU64};
use gort_sys::lock::Lock;
use gort_sys::{Backend, MemError, MemOp, PageRange};

impl Side {
    /// A side of `1 << shift` bytes; smaller if the system refuses, but not below an arena. `marks`: with the collector's tables.
    pub(crate) fn new<B: Backend>(b: &B, shift: u32, marks: bool) -> Result<Self, MemError> {
        if shift >= ALL && !marks {
            return Self::with_range(b, None, ALL, false, SideStat::default());
        }
        let mut shift = shift.clamp(ARENA_SHIFT, 46);
        loop {
            let stat = SideStat::default();
            let hint = FIRST_HINT.next_multiple_of(1 << shift);
            let made = b
                .reserve(1 << shift, 1 << shift, hint, &stat.heap)
                .and_then(|range| Self::with_range(b, Some(range), shift, marks, stat));
            match made {
                Ok(side) => return Ok(side),
                Err(e) if shift == ARENA_SHIFT => return Err(e),
                Err(_) => shift -= 1,
            }
        }
    }

    fn with_range<B: Backend>(
        b: &B,
        range: Option<PageRange>,
        shift: u32,
        marks: bool,
        stat: SideStat,
    ) -> Result<Self, MemError> {
        let base = range.map_or(0, |r| r.addr());
        let pages = 1usize << (shift - PAGE_SHIFT);
        let mut made = Made {
            readable: false,
            entries: None,
            index: None,
            pages: None,
            marks: None,
            scans: None,
            ptrs: None,
        };
        if let Err(e) = made.fill(b, pages, marks, &stat) {
            made.undo(b, &stat);
            if let Some(r) = range {
                // SAFETY: MEM-2 — reserved by the caller for this side, which is not to be.
                unsafe { b.free(r, 0, 0, &stat.heap) };
            }
            return Err(e);
        }
        let (Some(entries), Some(index), Some(pages)) = (made.entries, made.index, made.pages)
        else {
            return Err(MemError::os(MemOp::Order, 0, 0));
        };
        let rows = match (made.marks, made.scans, made.ptrs) {
            (Some(marks), Some(scans), Some(ptrs)) => Some(Rows { marks, scans, ptrs }),
            _ => None,
        };
        let (next, limit) = range.map_or((0, 0), |r| (r.addr(), r.end()));
        let grow = Grow { next, limit, hint: 0, arenas: 0, regions: [None; REGIONS] };
        Ok(Self {
            base,
            shift,
            range,
            entries,
            readable: made.readable,
            index,
            rows,
            grow: Lock::new(&GROW, grow),
            pages: Lock::new(&PAGES, pages),
            stat,
            in_use: AtomicU64::new(0),
            warm: AtomicU64::new(0),
        })
    }
}

/// The tables of a side while it is being made: some may be missing.
struct Made {
    readable: bool,
    entries: Option<SparseArray<AtomicU64>>,
    index: Option<SparseArray<AtomicPtr<AtomicU64>>>,
    pages: Option<PageAlloc>,
    marks: Option<SparseArray<Row>>,
    scans: Option<SparseArray<Row>>,
    ptrs: Option<SparseArray<PtrRow>>,
}

impl Made {
    fn fill<B: Backend>(
        &mut self,
        b: &B,
        pages: usize,
        marks: bool,
        stat: &SideStat,
    ) -> Result<(), MemError> {
        self.entries = Some(SparseArray::reserve(b, pages, c"gort: page table", &stat.tables)?);
        if !marks && let Some(entries) = &self.entries {
            // A free of a foreign address finds an entry that belongs to nobody, and is reported.
            self.readable = entries.make_readable(b);
        }
        self.index = Some(SparseArray::reserve(
            b,
            pages.div_ceil(ARENA_PAGES),
            c"gort: arena index",
            &stat.tables,
        )?);
        self.pages = Some(PageAlloc::new(b, pages, &stat.tables)?);
        if marks {
            self.marks = Some(SparseArray::reserve(b, pages, c"gort: marks", &stat.rows)?);
            self.scans = Some(SparseArray::reserve(b, pages, c"gort: marks", &stat.rows)?);
            self.ptrs = Some(SparseArray::reserve(b, pages, c"gort: pointer bits", &stat.rows)?);
        }
        Ok(())
    }

    fn undo<B: Backend>(&mut self, b: &B, stat: &SideStat) {
        // SAFETY: SPARSE-1 — nobody knows these tables.
        unsafe {
            if let Some(t) = &mut self.entries {
                t.free(b, &stat.tables);
            }
            if let Some(t) = &mut self.index {
                t.free(b, &stat.tables);
            }
            if let Some(t) = &mut self.pages {
                t.release(b, &stat.tables);
            }
            if let Some(t) = &mut self.marks {
                t.free(b, &stat.rows);
            }
            if let Some(t) = &mut self.scans {
                t.free(b, &stat.rows);
            }
            if let Some(t) = &mut self.ptrs {
                t.free(b, &stat.rows);
            }
        }
    }
}
