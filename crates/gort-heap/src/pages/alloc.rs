//! First fit by address over bits and summaries.
//!
//! Pages are numbered from the base of the range. Two bits per page: in use, and scavenged: nothing is behind the page,
//! because it was never used or was given back; so it reads as zero. A page that is not yet grown counts as in use.

use super::bits::{CHUNK_PAGES, PageBits};
use super::cache::PageCache;
use super::summary::{MAX_PACKED, Summary};
use crate::sparse::SparseArray;
use gort_sys::{Backend, MemError, SysStat};

/// Levels of summaries; the last has one entry per chunk.
const LEVELS: usize = 5;
/// log2 of the fan-out below the root.
const FAN: usize = 3;

/// The bits of a chunk.
#[derive(Debug)]
struct Chunk {
    /// Clear = free. Kept inverted in memory (set = free), so that memory never grown, all zero, is in use.
    free: PageBits,
    scav: PageBits,
}

/// Pages found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First page.
    pub(crate) page: usize,
    /// How many of them have nothing behind them: all of them means known zero.
    pub(crate) scavenged: usize,
}

/// The page allocator of one address range; its owner brings the lock.
#[derive(Debug)]
pub(crate) struct PageAlloc {
    levels: [SparseArray<Summary>; LEVELS],
    chunks: SparseArray<Chunk>,
    /// No free page lies below (P-2).
    search: usize,
    /// One behind the last page ever grown.
    end: usize,
    /// First page ever grown.
    low: usize,
    /// Free pages, with the scavenged ones.
    free: usize,
    /// Free pages with nothing behind them.
    scavenged: usize,
}

/// Pages under one entry of `level`.
const fn pages_under(level: usize) -> usize {
    CHUNK_PAGES << (FAN * (LEVELS - 1 - level))
}

impl PageAlloc {
    /// For a range of `pages` pages, none of them there yet.
    pub(crate) fn new<B: Backend>(b: &B, pages: usize, st: &SysStat) -> Result<Self, MemError> {
        let chunks = pages.div_ceil(CHUNK_PAGES);
        let count = |level: usize| pages.div_ceil(pages_under(level)).next_multiple_of(8);
        let name = c"gort: page summaries";
        let mut made: [Option<SparseArray<Summary>>; LEVELS] = [const { None }; LEVELS];
        let mut failed = None;
        for (level, slot) in made.iter_mut().enumerate() {
            match SparseArray::reserve(b, count(level), name, st) {
                Ok(array) => *slot = Some(array),
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
        }
        let bits = match failed {
            None => SparseArray::reserve(b, chunks, c"gort: page bits", st),
            Some(e) => Err(e),
        };
        match (made, bits) {
            ([Some(a), Some(c), Some(d), Some(e), Some(f)], Ok(bits)) => {
                // The root is scanned as a whole, so it is mapped as a whole.
                let root = a.len();
                let mut this = Self {
                    levels: [a, c, d, e, f],
                    chunks: bits,
                    search: usize::MAX,
                    end: 0,
                    low: usize::MAX,
                    free: 0,
                    scavenged: 0,
                };
                match this.levels[0].ensure(b, 0, root, st) {
                    Ok(()) => Ok(this),
                    Err(e) => {
                        // SAFETY: SPARSE-1 — nobody knows the tables yet.
                        unsafe { this.release(b, st) };
                        Err(e)
                    }
                }
            }
            (made, bits) => {
                for mut array in made.into_iter().flatten() {
                    // SAFETY: SPARSE-1 — nobody knows the table yet.
                    unsafe { array.free(b, st) };
                }
                Err(bits.err().unwrap_or(MemError::os(gort_sys::MemOp::Order, pages, 0)))
            }
        }
    }

    /// Unmaps the tables.
    ///
    /// # Safety
    /// The allocator is not used any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B, st: &SysStat) {
        for level in &mut self.levels {
            // SAFETY: SPARSE-1 — by contract of the caller.
            unsafe { level.free(b, st) };
        }
        // SAFETY: SPARSE-1 — by contract of the caller.
        unsafe { self.chunks.free(b, st) };
    }

    /// Free pages, with those that have nothing behind them, and those alone.
    pub(crate) fn free_pages(&self) -> (usize, usize) {
        (self.free, self.scavenged)
    }

    /// One behind the last page grown.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Calls `f` with each table's reservation and what of it is mapped.
    pub(crate) fn extents(&self, mut f: impl FnMut(gort_sys::PageRange, usize)) {
        let levels = self.levels.iter().map(SparseArray::extent);
        for (range, mapped) in levels.chain([self.chunks.extent()]) {
            f(range, mapped);
        }
    }

    fn chunk(&mut self, chunk: usize) -> &mut Chunk {
        // SAFETY: SPARSE-1 — chunks below `end` are mapped by `prepare`; `&mut self` is the lock.
        unsafe { &mut *self.chunks.at(chunk) }
    }

    fn in_use(&mut self, chunk: usize) -> PageBits {
        let free = self.chunk(chunk).free;
        PageBits(free.0.map(|w| !w))
    }

    fn summary(&self, level: usize, i: usize) -> Summary {
        // SAFETY: SPARSE-1 — a block of eight is mapped whole as soon as one page under it is grown, and the way down
        // only goes where something is free.
        unsafe { *self.levels[level].at(i) }
    }

    /// Maps the tables for pages that are about to be added; a step of its own, so that `grow` cannot fail.
    pub(crate) fn prepare<B: Backend>(
        &mut self,
        b: &B,
        page: usize,
        n: usize,
        st: &SysStat,
    ) -> Result<(), MemError> {
        self.chunks.ensure(b, page / CHUNK_PAGES, (page + n) / CHUNK_PAGES, st)?;
        for level in 1..LEVELS {
            let each = pages_under(level);
            let (from, to) = (page / each, (page + n).div_ceil(each));
            self.levels[level].ensure(
                b,
                from & !7,
                to.next_multiple_of(8).min(self.levels[level].len()),
                st,
            )?;
        }
        Ok(())
    }

    /// Adds pages that were never used: free, and nothing behind them. Whole chunks, after `prepare`.
    pub(crate) fn grow(&mut self, page: usize, n: usize) {
        debug_assert!(page.is_multiple_of(CHUNK_PAGES) && n.is_multiple_of(CHUNK_PAGES));
        for chunk in page / CHUNK_PAGES..(page + n) / CHUNK_PAGES {
            let bits = self.chunk(chunk);
            bits.free.set(0, CHUNK_PAGES);
            bits.scav.set(0, CHUNK_PAGES);
        }
        self.end = self.end.max(page + n);
        self.low = self.low.min(page);
        self.search = self.search.min(page);
        self.free += n;
        self.scavenged += n;
        self.update(page, n);
    }

    /// Takes the lowest run of `n` pages.
    pub(crate) fn alloc(&mut self, n: usize) -> Option<Run> {
        let page = self.find(n)?;
        let scavenged = self.take(page, n);
        if page == self.search {
            self.search = page + n;
        }
        Some(Run { page, scavenged })
    }

    /// Takes the lowest run of `n` pages that starts at a multiple of `align` pages.
    pub(crate) fn alloc_aligned(&mut self, n: usize, align: usize) -> Option<Run> {
        if align <= 1 {
            return self.alloc(n);
        }
        // The lowest run that is long enough whatever its start; its ends stay free.
        let page = self.find(n.checked_add(align - 1)?)?.next_multiple_of(align);
        Some(Run { page, scavenged: self.take(page, n) })
    }

    /// Whether the `n` pages from `page` on are free, all of them.
    pub(crate) fn is_free(&mut self, page: usize, n: usize) -> bool {
        if n == 0 || page.checked_add(n).is_none_or(|end| end > self.end) {
            return false;
        }
        let mut free = true;
        self.each_chunk(page, n, |this, chunk, at, len| {
            free = free && this.chunks.is_mapped(chunk);
            free = free && this.chunk(chunk).free.count(at, len) == len;
        });
        free
    }

    /// Takes the `n` pages from `page` on, if all of them are free; how many had nothing behind them.
    pub(crate) fn take_at(&mut self, page: usize, n: usize) -> Option<usize> {
        self.is_free(page, n).then(|| self.take(page, n))
    }

    /// Gives pages back, warm.
    pub(crate) fn free(&mut self, page: usize, n: usize) {
        self.free_as(page, n, false);
    }

    /// Gives pages back; `bare`: nothing is behind them.
    pub(crate) fn free_as(&mut self, page: usize, n: usize, bare: bool) {
        self.each_chunk(page, n, |this, chunk, at, len| {
            let bits = this.chunk(chunk);
            if bits.free.count(at, len) != 0 {
                gort_sys::fatal!("H-5", "page {page} of the range, {n} pages: freed twice");
            }
            bits.free.set(at, len);
            if bare {
                bits.scav.set(at, len);
            }
        });
        self.free += n;
        self.scavenged += if bare { n } else { 0 };
        self.search = self.search.min(page);
        self.update(page, n);
    }

    /// Takes the highest run of free pages with something behind them that ends at `below` or lower: `align` pages at
    /// multiples of `align` at least, `most` pages at most. `dense`: not from chunks of which that many pages or more are
    /// in use.
    pub(crate) fn take_warm(
        &mut self,
        below: usize,
        align: usize,
        most: usize,
        dense: usize,
    ) -> Option<(usize, usize)> {
        if self.free == self.scavenged {
            return None;
        }
        let below = below.min(self.end);
        let low = self.low / CHUNK_PAGES;
        for chunk in (low..below.div_ceil(CHUNK_PAGES)).rev() {
            if !self.chunks.is_mapped(chunk) {
                continue;
            }
            let bits = self.chunk(chunk);
            let used = CHUNK_PAGES - bits.free.count(0, CHUNK_PAGES);
            if used >= dense {
                continue;
            }
            let (free, scav) = (bits.free, bits.scav);
            let warm = PageBits(core::array::from_fn(|w| free.0[w] & !scav.0[w]));
            let end = (below - chunk * CHUNK_PAGES).min(CHUNK_PAGES);
            if let Some((at, len)) = warm.last_run(end, align, most) {
                let page = chunk * CHUNK_PAGES + at;
                self.take(page, len);
                return Some((page, len));
            }
        }
        None
    }

    /// Takes what is free of the 64 pages around the first free one (HEAP-13).
    pub(crate) fn alloc_to_cache(&mut self) -> Option<PageCache> {
        let base = self.find(1)? & !63;
        let (chunk, word) = (base / CHUNK_PAGES, base % CHUNK_PAGES / 64);
        let bits = self.chunk(chunk);
        let free = core::mem::take(&mut bits.free.0[word]);
        let scav = bits.scav.0[word] & free;
        bits.scav.0[word] &= !free;
        self.free -= free.count_ones() as usize;
        self.scavenged -= scav.count_ones() as usize;
        self.search = base + 64;
        self.update(base, 64);
        Some(PageCache { base, free, scav })
    }

    /// Takes a page cache back, bits and all.
    pub(crate) fn free_cache(&mut self, cache: &mut PageCache) {
        let PageCache { base, free, scav } = core::mem::take(cache);
        if free == 0 {
            return;
        }
        let (chunk, word) = (base / CHUNK_PAGES, base % CHUNK_PAGES / 64);
        let bits = self.chunk(chunk);
        if bits.free.0[word] & free != 0 {
            gort_sys::fatal!("P-4", "pages at {base} are in a page cache and free: {free:#x}");
        }
        bits.free.0[word] |= free;
        bits.scav.0[word] |= scav;
        self.free += free.count_ones() as usize;
        self.scavenged += scav.count_ones() as usize;
        self.search = self.search.min(base + free.trailing_zeros() as usize);
        self.update(base, 64);
    }

    /// Marks a run as in use; how many pages of it had nothing behind them.
    fn take(&mut self, page: usize, n: usize) -> usize {
        let mut scavenged = 0;
        self.each_chunk(page, n, |this, chunk, at, len| {
            let bits = this.chunk(chunk);
            bits.free.clear(at, len);
            scavenged += bits.scav.count(at, len);
            bits.scav.clear(at, len);
        });
        self.free -= n;
        self.scavenged -= scavenged;
        self.update(page, n);
        scavenged
    }

    fn each_chunk(
        &mut self,
        page: usize,
        n: usize,
        mut f: impl FnMut(&mut Self, usize, usize, usize),
    ) {
        let (mut at, end) = (page, page + n);
        while at < end {
            let next = end.min((at / CHUNK_PAGES + 1) * CHUNK_PAGES);
            f(self, at / CHUNK_PAGES, at % CHUNK_PAGES, next - at);
            at = next;
        }
    }

    /// Brings the summaries over a run up to date (P-1).
    fn update(&mut self, page: usize, n: usize) {
        for chunk in page / CHUNK_PAGES..=(page + n - 1) / CHUNK_PAGES {
            let sum = self.in_use(chunk).summarize();
            // SAFETY: SPARSE-1 — mapped by `prepare`; `&mut self` is the lock.
            unsafe { *self.levels[LEVELS - 1].at(chunk) = sum };
        }
        for level in (0..LEVELS - 1).rev() {
            let (each, below) = (pages_under(level), pages_under(level + 1));
            for i in page / each..=(page + n - 1) / each {
                // SAFETY: SPARSE-1 — a block of eight entries is mapped whole; `&mut self` is the lock.
                let parts = unsafe {
                    core::slice::from_raw_parts(self.levels[level + 1].at(i << FAN), 1 << FAN)
                };
                let sum = Summary::merge(parts, below);
                // SAFETY: SPARSE-1 — as above.
                unsafe { *self.levels[level].at(i) = sum };
            }
        }
    }

    /// The first page of the lowest run of `n` free pages (PAGE-1).
    fn find(&mut self, n: usize) -> Option<usize> {
        if n == 0 || self.search >= self.end || n > self.free {
            return None;
        }
        // Nearly always the chunk of the search address has room.
        let chunk = self.search / CHUNK_PAGES;
        if n <= CHUNK_PAGES && self.summary(LEVELS - 1, chunk).max() >= n {
            let from = self.search % CHUNK_PAGES;
            if let Some(at) = self.in_use(chunk).find(n, from) {
                return Some(chunk * CHUNK_PAGES + at);
            }
        }
        let found = self.descend(n);
        if n == 1 {
            self.search = found.unwrap_or(self.end);
        }
        found
    }

    fn descend(&mut self, n: usize) -> Option<usize> {
        let first = self.search / pages_under(0);
        let (mut from, mut count) = (first, self.end.div_ceil(pages_under(0)) - first);
        for level in 0..LEVELS {
            let each = pages_under(level);
            let mut run = 0;
            let mut into = None;
            for i in from..from + count {
                let sum = self.summary(level, i);
                if run + sum.start() >= n {
                    return Some(i * each - run);
                }
                if sum.max() >= n {
                    into = Some(i);
                    break;
                }
                run = if sum.end() == each { run + each } else { sum.end() };
            }
            let i = into?;
            if level == LEVELS - 1 {
                return self.in_use(i).find(n, 0).map(|at| i * CHUNK_PAGES + at);
            }
            (from, count) = (i << FAN, 1 << FAN);
        }
        None
    }

    /// Verifies P-1, P-2, P-3 and the counts; the id of what is broken.
    pub(crate) fn check(&mut self) -> Result<(), &'static str> {
        let (mut free, mut scavenged, mut first) = (0, 0, None);
        for chunk in 0..self.end / CHUNK_PAGES {
            if !self.chunks.is_mapped(chunk) {
                continue;
            }
            let used = self.in_use(chunk);
            let scav = self.chunk(chunk).scav;
            if scav.0.iter().zip(used.0).any(|(s, u)| s & u != 0) {
                return Err("P-3");
            }
            let here = CHUNK_PAGES - used.count(0, CHUNK_PAGES);
            free += here;
            scavenged += scav.count(0, CHUNK_PAGES);
            if first.is_none() && here != 0 {
                first = used.find(1, 0).map(|at| chunk * CHUNK_PAGES + at);
            }
            if self.levels[LEVELS - 1].is_mapped(chunk)
                && self.summary(LEVELS - 1, chunk) != used.summarize()
            {
                return Err("P-1");
            }
        }
        if (free, scavenged) != (self.free, self.scavenged) {
            return Err("P-1 counts");
        }
        if first.is_some_and(|p| self.search > p) {
            return Err("P-2");
        }
        const { assert!(pages_under(0) <= MAX_PACKED) };
        for level in 0..LEVELS - 1 {
            for i in 0..self.end.div_ceil(pages_under(level)) {
                if !self.levels[level].is_mapped(i) || !self.levels[level + 1].is_mapped(i << FAN) {
                    continue;
                }
                let mut parts = [Summary::pack(0, 0, 0); 1 << FAN];
                for (k, part) in parts.iter_mut().enumerate() {
                    *part = self.summary(level + 1, (i << FAN) + k);
                }
                if Summary::merge(&parts, pages_under(level + 1)) != self.summary(level, i) {
                    return Err("P-1");
                }
            }
        }
        Ok(())
    }
}
