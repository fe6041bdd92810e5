//! First fit by address over bits and summaries.
//!
//! Pages are numbered from the base of the range. Two bits per page: in use, and scavenged: nothing is behind the page,
//! because it was never used or was given back; so it reads as zero. A page that is not yet grown counts as in use.

use super::bits::{CHUNK_PAGES, PageBits};
use super::cache::PageCache;
use super::candidate::{Wish, candidate};
use super::density::DensityIndex;
use super::tree::{Found, Tree};
use crate::config::Share;
use crate::sparse::SparseArray;
use gort_sys::{Backend, MemError, SysStat};

/// Chunks that are looked at for one of the caller's share.
const NEAR: usize = 256;

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
    tree: Tree,
    chunks: SparseArray<Chunk>,
    density: DensityIndex,
    /// No free page lies below (P-2).
    search: usize,
    /// One behind the last page ever grown.
    end: usize,
    /// Free pages, with the scavenged ones.
    free: usize,
    /// Free pages with nothing behind them.
    scavenged: usize,
    /// Number of page 0 in the address space, for alignments.
    base: usize,
}

impl PageAlloc {
    /// For a range of `pages` pages, none of them there yet.
    pub(crate) fn new<B: Backend>(b: &B, pages: usize, st: &SysStat) -> Result<Self, MemError> {
        let chunks = pages.div_ceil(CHUNK_PAGES);
        let mut tree = Tree::new(b, pages, st)?;
        let made = SparseArray::reserve(b, chunks, c"gort: page bits", st).and_then(|mut bits| {
            DensityIndex::new(b, chunks, st)
                .inspect_err(|_| {
                    // SAFETY: SPARSE-1 — nobody knows the table yet.
                    unsafe { bits.free(b, st) };
                })
                .map(|density| (bits, density))
        });
        match made {
            Ok((chunks, density)) => Ok(Self {
                tree,
                chunks,
                density,
                search: usize::MAX,
                end: 0,
                free: 0,
                scavenged: 0,
                base: 0,
            }),
            Err(e) => {
                // SAFETY: SPARSE-1 — nobody knows the tables yet.
                unsafe { tree.release(b, st) };
                Err(e)
            }
        }
    }

    /// Unmaps the tables.
    ///
    /// # Safety
    /// The allocator is not used any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B, st: &SysStat) {
        // SAFETY: SPARSE-1 — by contract of the caller, all three.
        unsafe {
            self.tree.release(b, st);
            self.chunks.free(b, st);
            self.density.release(b, st);
        }
    }

    /// Free pages, with those that have nothing behind them, and those alone.
    pub(crate) fn free_pages(&self) -> (usize, usize) {
        (self.free, self.scavenged)
    }

    /// Says where page 0 lies: at that multiple of the page size.
    pub(crate) fn set_base(&mut self, base: usize) {
        self.base = base;
    }

    /// One behind the last page grown.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Calls `f` with each table's reservation and what of it is mapped.
    pub(crate) fn extents(&self, mut f: impl FnMut(gort_sys::PageRange, usize)) {
        let chunks = [self.chunks.extent(), self.density.extent()];
        for (range, mapped) in self.tree.extents().chain(chunks) {
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

    /// The same for a chunk that may not be there.
    pub(crate) fn chunk_bits(&mut self, chunk: usize) -> Option<(PageBits, PageBits)> {
        let there = chunk < self.end.div_ceil(CHUNK_PAGES) && self.chunks.is_mapped(chunk);
        there.then(|| self.bits_of(chunk))
    }

    /// Pages in use and bare pages of a chunk. Of one that was never grown all are in use.
    pub(crate) fn bits_of(&mut self, chunk: usize) -> (PageBits, PageBits) {
        (self.in_use(chunk), self.chunk(chunk).scav)
    }

    /// Maps the tables for pages that are about to be added; a step of its own, so that `grow` cannot fail.
    pub(crate) fn prepare<B: Backend>(
        &mut self,
        b: &B,
        page: usize,
        n: usize,
        st: &SysStat,
    ) -> Result<(), MemError> {
        let (from, to) = (page / CHUNK_PAGES, (page + n).div_ceil(CHUNK_PAGES));
        self.chunks.ensure(b, from, to, st)?;
        self.density.prepare(b, from, to, st)?;
        self.tree.prepare(b, page, n, st)
    }

    /// Adds pages that were never used: free, and nothing behind them. After `prepare`; within a chunk from its first page on.
    pub(crate) fn grow(&mut self, page: usize, n: usize) {
        self.each_chunk(page, n, |this, chunk, at, len| {
            let bits = this.chunk(chunk);
            bits.free.set(at, len);
            bits.scav.set(at, len);
            this.density.grow(chunk, at, len);
        });
        self.end = self.end.max(page + n);
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

    /// Takes the lowest run of `n` pages whose address is a multiple of `align` pages.
    pub(crate) fn alloc_aligned(&mut self, n: usize, align: usize) -> Option<Run> {
        if align <= 1 {
            return self.alloc(n);
        }
        // The lowest run that is long enough whatever its start; its ends stay free.
        let skew = self.base % align;
        let page = (self.find(n.checked_add(align - 1)?)? + skew).next_multiple_of(align) - skew;
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
                this.density.free_bare(chunk, len);
            } else {
                this.density.free(chunk, at, len);
            }
        });
        self.free += n;
        self.scavenged += if bare { n } else { 0 };
        self.search = self.search.min(page);
        self.update(page, n);
    }

    /// Takes the highest run of free pages with memory behind them that is as `wish` says. Without `force` nearly full chunks
    /// are left alone, and runs that were looked at before.
    ///
    /// The pages count as in use until [`free_as`](Self::free_as) takes them back.
    pub(crate) fn take_warm(&mut self, wish: Wish, force: bool) -> Option<(usize, usize)> {
        if self.free == self.scavenged {
            return None;
        }
        while let Some((chunk, end)) = self.density.find(force) {
            let bits = self.chunk(chunk);
            let busy = PageBits(core::array::from_fn(|w| !bits.free.0[w] | bits.scav.0[w]));
            if let Some((at, n)) = candidate(&busy, end, wish) {
                let page = chunk * CHUNK_PAGES + at;
                self.take(page, n);
                self.density.found(chunk, at, force);
                return Some((page, n));
            }
            self.density.nothing(chunk, force);
        }
        None
    }

    /// First page of a chunk that has stayed nearly full, holds no bare page, and was not asked for before.
    pub(crate) fn next_dense(&mut self) -> Option<usize> {
        let mut from = 0;
        while let Some(chunk) = self.density.next_dense(from, self.end / CHUNK_PAGES) {
            if self.chunk(chunk).scav == PageBits([0; 8]) {
                self.density.tried(chunk);
                return Some(chunk * CHUNK_PAGES);
            }
            from = chunk + 1;
        }
        None
    }

    /// The next generation of the scavenger's figures.
    pub(crate) fn next_generation(&mut self) {
        self.density.next_generation();
    }

    /// Takes what is free of the 64 pages around the first free one (HEAP-13).
    pub(crate) fn alloc_to_cache(&mut self) -> Option<PageCache> {
        let base = self.find(1)? & !63;
        let cache = self.take_word(base);
        self.search = base + 64;
        Some(cache)
    }

    /// The same from the chunks of a share, if one of the next few has a free page: chunks are dealt out among the nodes of
    /// the machine, so that pages come back to the node that has touched them.
    pub(crate) fn alloc_to_cache_near(&mut self, share: Share) -> Option<PageCache> {
        if share.of > 1 && self.search < self.end {
            let first = self.search / CHUNK_PAGES;
            let last = self.end.div_ceil(CHUNK_PAGES).min(first + NEAR);
            for chunk in first..last {
                let ours = chunk % share.of as usize == share.which as usize;
                if ours
                    && self.chunks.is_mapped(chunk)
                    && let Some(at) = self.in_use(chunk).find(1, 0)
                {
                    return Some(self.take_word((chunk * CHUNK_PAGES + at) & !63));
                }
            }
        }
        self.alloc_to_cache()
    }

    /// Takes what is free of the 64 pages from `base` on.
    fn take_word(&mut self, base: usize) -> PageCache {
        let (chunk, word) = (base / CHUNK_PAGES, base % CHUNK_PAGES / 64);
        let bits = self.chunk(chunk);
        let free = core::mem::take(&mut bits.free.0[word]);
        let scav = bits.scav.0[word] & free;
        bits.scav.0[word] &= !free;
        self.density.alloc(chunk, free.count_ones() as usize);
        self.free -= free.count_ones() as usize;
        self.scavenged -= scav.count_ones() as usize;
        self.update(base, 64);
        PageCache { base, free, scav }
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
        let warm = free & !scav;
        if warm != 0 {
            let top = 64 - warm.leading_zeros() as usize;
            self.density.free(chunk, word * 64 + top, 0);
        }
        self.density.free_bare(chunk, free.count_ones() as usize);
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
            this.density.alloc(chunk, len);
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
            self.tree.set(chunk, sum);
        }
        self.tree.lift(page, n);
    }

    /// The first page of the lowest run of `n` free pages (PAGE-1).
    fn find(&mut self, n: usize) -> Option<usize> {
        if n == 0 || self.search >= self.end || n > self.free {
            return None;
        }
        // Nearly always the chunk of the search address has room.
        let chunk = self.search / CHUNK_PAGES;
        if n <= CHUNK_PAGES && self.tree.chunk(chunk).max() >= n {
            let from = self.search % CHUNK_PAGES;
            if let Some(at) = self.in_use(chunk).find(n, from) {
                return Some(chunk * CHUNK_PAGES + at);
            }
        }
        let found = match self.tree.find(n, self.search, self.end) {
            Some(Found::Chunk(chunk)) => {
                self.in_use(chunk).find(n, 0).map(|at| chunk * CHUNK_PAGES + at)
            }
            Some(Found::Page(page)) => Some(page),
            None => None,
        };
        if n == 1 {
            self.search = found.unwrap_or(self.end);
        }
        found
    }

    /// Verifies P-1, P-2, P-3 and the counts; the id of what is broken.
    pub(crate) fn check(&mut self) -> Result<(), &'static str> {
        let (mut free, mut scavenged, mut first) = (0, 0, None);
        for chunk in 0..self.end.div_ceil(CHUNK_PAGES) {
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
            // A chunk that was never grown has nothing free and counts nothing.
            let count = self.density.used(chunk);
            if count != CHUNK_PAGES - here && (count, here) != (0, 0) {
                return Err("P-5");
            }
        }
        if (free, scavenged) != (self.free, self.scavenged) {
            return Err("P-1 counts");
        }
        if first.is_some_and(|p| self.search > p) {
            return Err("P-2");
        }
        let end = self.end;
        let Self { tree, chunks, .. } = self;
        tree.check(end, |chunk| {
            // SAFETY: SPARSE-1 — mapped; `&mut self` is the lock.
            let bits = chunks.is_mapped(chunk).then(|| unsafe { &*chunks.at(chunk) })?;
            Some(PageBits(bits.free.0.map(|w| !w)).summarize())
        })
    }
}
