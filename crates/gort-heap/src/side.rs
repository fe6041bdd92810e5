//! One side of the heap: an address range with its pages and the tables that are indexed by its pages.
//!
//! The collector's side is one aligned power-of-two range, reserved at the start, so that "is this an object" is one
//! shift. The explicit side is either such a range too, or the whole address space, in which arenas of 64 MiB are taken at
//! Go's hints; a hint that is taken means the next one. Either way the tables are indexed by `(address - base) / 8 KiB`.
//!
//! The arena index says which arenas exist, and holds each one's rows of free bits for spans of more than 256 slots.

mod extent;
mod grow;

pub(crate) use extent::Extent;

use crate::class::{PAGE, PAGE_SHIFT};
use crate::entry::Entry;
use crate::pages::PageAlloc;
use crate::pages::alloc::Run;
use crate::sparse::SparseArray;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, MemError, MemOp, PageRange, SysStat};

/// log2 of an arena's size: 64 MiB.
pub(crate) const ARENA_SHIFT: u32 = 26;
/// Bytes of an arena.
pub(crate) const ARENA: usize = 1 << ARENA_SHIFT;
/// Heap pages of an arena.
pub(crate) const ARENA_PAGES: usize = ARENA / PAGE;
/// Bytes by which the heap grows at least: one chunk of pages.
const GROWTH: usize = 4 << 20;
/// Words of free bits per page in an arena's rows.
const ROW: usize = 16;
/// Bits of a row of marks: slots of a span (H-13).
pub(crate) const ROW_BITS: usize = 512;
/// Where arenas are tried: 64 addresses, 1 TiB apart.
pub(crate) const HINTS: usize = 64;
/// The first of them.
pub(crate) const FIRST_HINT: usize = 0xc0_0000_0000;
/// log2 of the address space that a side without a range of its own covers.
pub(crate) const ALL: u32 = 48;

static GROW: Rank = Rank { layer: layer::HEAP, n: 6, name: "heap.grow" };
static PAGES: Rank = Rank { layer: layer::HEAP, n: 8, name: "heap.pages" };

/// 64 bytes per page.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Row([AtomicU64; 8]);

/// 128 bytes per page: a bit per 8-byte word.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct PtrRow([AtomicU64; 16]);

/// Tables that only a collector needs.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) marks: SparseArray<Row>,
    pub(crate) scans: SparseArray<Row>,
    pub(crate) ptrs: SparseArray<PtrRow>,
}

/// Accounting rows of a side.
#[derive(Debug, Default)]
pub(crate) struct SideStat {
    /// The pages themselves.
    pub(crate) heap: SysStat,
    /// Page entries, summaries, bits, arena index, words of free bits.
    pub(crate) tables: SysStat,
    /// Marks, scans, pointer bits.
    pub(crate) rows: SysStat,
}

#[derive(Debug)]
pub(crate) struct Grow {
    /// Next byte to map, and end of what is reserved from there.
    next: usize,
    limit: usize,
    hint: usize,
    /// One behind the highest arena that has its rows.
    arenas: usize,
    /// Reserved regions, for the end.
    regions: [Option<PageRange>; REGIONS],
}

/// Regions that a side without a range of its own can have: contiguous arenas count as one.
const REGIONS: usize = 256;

#[derive(Debug)]
pub(crate) struct Side {
    base: usize,
    shift: u32,
    range: Option<PageRange>,
    pub(crate) entries: SparseArray<AtomicU64>,
    /// All entries can be read, mapped or not.
    readable: bool,
    index: SparseArray<AtomicPtr<AtomicU64>>,
    pub(crate) rows: Option<Rows>,
    pub(crate) grow: Lock<Grow>,
    pub(crate) pages: Lock<PageAlloc>,
    pub(crate) stat: SideStat,
    /// Bytes in spans.
    pub(crate) in_use: AtomicU64,
    /// Bytes behind free pages, when the last span was released.
    pub(crate) warm: AtomicU64,
}

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

    /// Unmaps everything.
    ///
    /// # Safety
    /// Nobody uses the side or its memory any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B) {
        let end = self.grow.get_mut().arenas;
        let mut arena = 0;
        while arena < end {
            if !self.index.is_mapped(arena) {
                arena += 1;
                continue;
            }
            // SAFETY: SPARSE-1 — mapped.
            let words = unsafe { &*self.index.at(arena) }.load(Ordering::Relaxed); // ORDER: Relaxed — alone here.
            if let Some(p) = NonNull::new(words.cast::<u8>()) {
                let bytes = ARENA_PAGES * ROW * 8;
                // SAFETY: MEM-2 — mapped whole by `add_arena`; by contract nobody uses it.
                unsafe { b.free(PageRange::new(p, bytes), bytes, 0, &self.stat.tables) };
            }
            arena += 1;
        }
        let mapped = self.stat.heap.bytes().mapped as usize;
        if let Some(r) = self.range {
            // SAFETY: MEM-2 — the whole reservation; by contract nobody uses it.
            unsafe { b.free(r, mapped, 0, &self.stat.heap) };
        } else {
            let grow = self.grow.get_mut();
            let (next, limit) = (grow.next, grow.limit);
            for r in grow.regions.iter().flatten() {
                let idle = if r.end() == limit { limit - next } else { 0 };
                // SAFETY: MEM-2 — as above; of the last region the end was never mapped.
                unsafe { b.free(*r, r.len - idle, 0, &self.stat.heap) };
            }
        }
        // SAFETY: SPARSE-1 — by contract of the caller, for all tables.
        unsafe {
            self.entries.free(b, &self.stat.tables);
            self.index.free(b, &self.stat.tables);
            self.pages.get_mut().release(b, &self.stat.tables);
            if let Some(rows) = &mut self.rows {
                rows.marks.free(b, &self.stat.rows);
                rows.scans.free(b, &self.stat.rows);
                rows.ptrs.free(b, &self.stat.rows);
            }
        }
    }

    /// First address of the side, and log2 of its size.
    #[inline]
    pub(crate) fn range(&self) -> (usize, u32) {
        (self.base, self.shift)
    }

    /// Page number of an address of this side.
    #[inline]
    pub(crate) fn page_of(&self, addr: usize) -> usize {
        (addr - self.base) >> PAGE_SHIFT
    }

    /// Address of a page.
    #[inline]
    pub(crate) fn addr_of(&self, page: usize) -> usize {
        self.base + (page << PAGE_SHIFT)
    }

    /// A pointer to an address of the side, with the provenance of its reservation.
    pub(crate) fn ptr(&self, addr: usize) -> *mut u8 {
        match self.range {
            Some(r) => r.base.as_ptr().with_addr(addr),
            None => core::ptr::with_exposed_provenance_mut(addr),
        }
    }

    /// The entry of a page of an arena that exists.
    #[inline]
    pub(crate) fn entry(&self, page: usize) -> Entry {
        // SAFETY: SPARSE-1 — entries are mapped with their arena, and the caller knows a page of it.
        let cell = unsafe { &*self.entries.at(page) };
        Entry(cell.load(Ordering::Acquire)) // ORDER: Acquire ⇐ `set_entry`: the span's fields.
    }

    /// The entry of a doubtful address: that of nobody if it is not ours.
    #[inline]
    pub(crate) fn entry_of(&self, addr: usize) -> Entry {
        if self.readable && addr.wrapping_sub(self.base) >> self.shift == 0 {
            return self.entry(self.page_of(addr));
        }
        match self.page_if_ours(addr) {
            Some(page) if self.entries.is_mapped(page) => self.entry(page),
            _ => Entry::NONE,
        }
    }

    /// Where the entry of the page at address 0 would be: `table[addr >> 13]` is the entry of a page of the side.
    pub(crate) fn table(&self) -> *const AtomicU64 {
        self.entries.at(0).wrapping_sub(self.base >> PAGE_SHIFT)
    }

    pub(crate) fn set_entry(&self, page: usize, e: Entry) {
        // SAFETY: SPARSE-1 — the caller has the page.
        let cell = unsafe { &*self.entries.at(page) };
        cell.store(e.0, Ordering::Release); // ORDER: Release ⇒ `entry`: the span's fields.
    }

    /// The page of a doubtful address, if its arena exists (HEAP-14).
    pub(crate) fn page_if_ours(&self, addr: usize) -> Option<usize> {
        let off = addr.wrapping_sub(self.base);
        if off >> self.shift != 0 {
            return None;
        }
        let page = off >> PAGE_SHIFT;
        self.words(page).map(|_| page)
    }

    /// Rows of free bits of a page's arena, at that page.
    pub(crate) fn words(&self, page: usize) -> Option<*mut AtomicU64> {
        let arena = page / ARENA_PAGES;
        if !self.index.is_mapped(arena) {
            return None;
        }
        // SAFETY: SPARSE-1 — mapped.
        let words = unsafe { &*self.index.at(arena) }.load(Ordering::Acquire); // ORDER: Acquire ⇐ `add_arena`.
        if words.is_null() { None } else { Some(words.wrapping_add(page % ARENA_PAGES * ROW)) }
    }

    /// The word of marks of 64 slots, the span's first page and the word's number given.
    #[inline]
    pub(crate) fn mark_word(&self, page: usize, w: usize) -> Option<&AtomicU64> {
        let rows = self.rows.as_ref()?;
        // Class 1 alone has more than 512 slots; it uses its row of scans as the second half (heap.md D8).
        let row = if w < ROW_BITS / 64 { rows.marks.at(page) } else { rows.scans.at(page) };
        // SAFETY: SPARSE-1 — rows are mapped with their arena; the caller has a span there. H-13 — `w < 16`.
        Some(unsafe { &(&(*row).0)[w % 8] })
    }

    /// Takes `n` pages, growing if need be.
    pub(crate) fn alloc_pages<B: Backend>(
        &self,
        b: &B,
        n: usize,
        align: usize,
    ) -> Result<Run, MemError> {
        if let Some(run) = self.pages.lock().alloc_aligned(n, align) {
            return Ok(run);
        }
        let mut grow = self.grow.lock();
        if let Some(run) = self.pages.lock().alloc_aligned(n, align) {
            return Ok(run);
        }
        let bytes = n.checked_mul(PAGE).and_then(|x| x.checked_add((align.max(1) - 1) * PAGE));
        let bytes = bytes.filter(|x| *x <= isize::MAX as usize).ok_or(MemError::os(
            MemOp::Limit,
            usize::MAX,
            0,
        ))?;
        self.grow(b, &mut grow, bytes)?;
        let run = self.pages.lock().alloc_aligned(n, align);
        run.ok_or(MemError::os(MemOp::Order, bytes, 0))
    }

    /// Takes the `n` pages from `page` on, where an object of the caller ends: free ones, or new ones at the end of what is
    /// mapped.
    pub(crate) fn extend<B: Backend>(&self, b: &B, page: usize, n: usize) -> bool {
        if self.pages.lock().take_at(page, n).is_some() {
            return true;
        }
        let mut grow = self.grow.lock();
        let end = grow.next.wrapping_sub(self.base) >> PAGE_SHIFT;
        // Of what is mapped nothing but free pages may lie between.
        if grow.next <= self.base || page > end || page + n <= end {
            return false;
        }
        if page < end && !self.pages.lock().is_free(page, end - page) {
            return false;
        }
        let bytes = (page + n - end) * PAGE;
        // Elsewhere the new pages would be of no use.
        if grow.limit - grow.next < bytes.next_multiple_of(GROWTH) {
            return false;
        }
        self.grow(b, &mut grow, bytes).is_ok() && self.pages.lock().take_at(page, n).is_some()
    }

    /// Makes sure that a page can be had, then fills `cache` from the free pages.
    pub(crate) fn fill_cache<B: Backend>(
        &self,
        b: &B,
        cache: &mut crate::pages::PageCache,
    ) -> Result<(), MemError> {
        loop {
            if let Some(got) = self.pages.lock().alloc_to_cache() {
                *cache = got;
                return Ok(());
            }
            let mut grow = self.grow.lock();
            if self.pages.lock().free_pages().0 == 0 {
                self.grow(b, &mut grow, PAGE)?;
            }
        }
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
