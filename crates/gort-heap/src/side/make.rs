//! A side comes into being: its range, and the tables over it, all of them or none.

use super::{
    ALL, ARENA_PAGES, ARENA_SHIFT, FIRST_HINT, GROW, GROWTH, Grow, PAGES, PtrRow, REGIONS, Row,
    Rows, Side, SideStat,
};
use crate::class::{PAGE, PAGE_SHIFT};
use crate::config::Huge;
use crate::pages::PageAlloc;
use crate::sparse::SparseArray;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64};
use gort_sys::lock::Lock;
use gort_sys::{Backend, MemError, MemOp, PageRange, SysStat};

/// log2 of the range of explicit owners where their tables cannot cover the whole address space: 256 GiB.
const RANGE: u32 = 38;
/// Bytes of the smallest side in a small box: 64 KiB.
const LEAST_BOX: usize = 64 << 10;

/// Bytes by which a side grows on that backend: in a small box a 64th of it, so that two sides share it fairly.
fn growth<B: Backend>(b: &B) -> usize {
    let page = b.page_size().max(PAGE);
    match b.bound() {
        Some(bytes) => (bytes / 64).next_power_of_two().clamp(page, GROWTH),
        None => GROWTH,
    }
}

impl Side {
    /// A side of `1 << shift` bytes; smaller if the system refuses, but not below an arena. `marks`: with the collector's tables.
    pub(crate) fn new<B: Backend>(b: &B, shift: u32, marks: bool) -> Result<Self, MemError> {
        let mut shift = shift;
        if shift >= ALL && !marks {
            match Self::with_range(b, None, ALL, false, SideStat::default()) {
                Ok(side) => return Ok(side),
                Err(e) if b.bound().is_some() => return Err(e),
                // Tables over the whole address space cannot be had here (an emulator, a limit): a range with smaller ones.
                Err(_) => shift = RANGE,
            }
        }
        if let Some(bytes) = b.bound() {
            return Self::in_box(b, bytes, shift, marks);
        }
        shift = shift.clamp(ARENA_SHIFT, 46);
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

    /// A side in a small box, no larger than the box, and smaller if it does not fit. The collector's is an aligned power of two
    /// there too; the other one has pages wherever they are, five eighths of the box at most.
    fn in_box<B: Backend>(b: &B, bytes: usize, shift: u32, marks: bool) -> Result<Self, MemError> {
        let most = bytes.max(LEAST_BOX).ilog2();
        let mut len = 1 << shift.min(most);
        let step = (bytes / 16).max(LEAST_BOX).next_multiple_of(PAGE);
        if !marks {
            len = (bytes / 8 * 5).min(1 << shift.min(most + 1)) / PAGE * PAGE;
        }
        loop {
            let stat = SideStat::default();
            let align = if marks { len } else { PAGE.max(b.page_size()) };
            let shift = len.next_power_of_two().ilog2();
            // An eighth stays free for records and the rows of free bits: held while the side is made.
            let own = SysStat::new();
            let records = b.reserve((bytes / 8).next_multiple_of(b.page_size()), PAGE, 0, &own);
            let made = records.and_then(|records| {
                let range = b.reserve(len, align, 0, &stat.heap);
                let made = range.and_then(|r| Self::with_range(b, Some(r), shift, marks, stat));
                // SAFETY: MEM-2 — reserved above, and never used.
                unsafe { b.free(records, 0, 0, &own) };
                made
            });
            let less = if marks { len / 2 } else { len.saturating_sub(step) };
            match made {
                Ok(side) => return Ok(side),
                Err(e) if less < LEAST_BOX => return Err(e),
                Err(_) => len = less,
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
        let (Some(entries), Some(index), Some(mut pages)) = (made.entries, made.index, made.pages)
        else {
            return Err(MemError::os(MemOp::Order, 0, 0));
        };
        let rows = match (made.marks, made.scans, made.ptrs) {
            (Some(marks), Some(scans), Some(ptrs)) => Some(Rows { marks, scans, ptrs }),
            _ => None,
        };
        pages.set_base(base >> PAGE_SHIFT);
        let (next, limit) = range.map_or((0, 0), |r| (r.addr(), r.end()));
        let grow =
            Grow { next, limit, hint: 0, arenas: 0, preferred: false, regions: [None; REGIONS] };
        Ok(Self {
            base,
            shift,
            range,
            entries,
            growth: growth(b),
            readable: made.readable,
            index,
            rows,
            grow: Lock::new(&GROW, grow),
            pages: Lock::new(&PAGES, pages),
            stat,
            in_use: AtomicU64::new(0),
            warm: AtomicU64::new(0),
            lazy: AtomicBool::new(false),
            huge: Huge::System,
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
