//! One side of the heap: an address range with its pages and the tables that are indexed by its pages.
//!
//! The collector's side is one aligned power-of-two range, reserved at the start, so that "is this an object" is one
//! shift. The explicit side is either such a range too, or the whole address space, in which arenas of 64 MiB are taken at
//! Go's hints; a hint that is taken means the next one. Either way the tables are indexed by `(address - base) / 8 KiB`.
//!
//! The arena index says which arenas exist, and holds each one's rows of free bits for spans of more than 256 slots.

mod extent;
mod grow;
mod make;
mod supply;

pub(crate) use extent::Extent;

use crate::class::{PAGE, PAGE_SHIFT};
use crate::config::Huge;
use crate::entry::Entry;
use crate::pages::PageAlloc;
use crate::sparse::SparseArray;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use gort_sys::lock::Lock;
use gort_sys::rank::{Rank, layer};
use gort_sys::{Backend, PageRange, SysStat};

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
    /// The tables were wished huge pages.
    preferred: bool,
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
    /// Bytes by which it grows at least.
    growth: usize,
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
    /// Pages were given back that are not known to be zero.
    pub(crate) lazy: AtomicBool,
    /// What is wished about huge pages.
    huge: Huge,
}

impl Side {
    /// The same side with a wish about huge pages, before it has any.
    pub(crate) fn with_huge(self, huge: Huge) -> Self {
        Self { huge, ..self }
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
                let bytes = self.arena_rows().next_multiple_of(b.page_size());
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

    /// Bytes of an arena's rows of free bits: for as many pages as an arena of this side has.
    fn arena_rows(&self) -> usize {
        ARENA_PAGES.min(1 << (self.shift - PAGE_SHIFT)) * ROW * 8
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
}
