//! The summaries of the chunks, five levels deep: each entry of a level stands for eight of the level below, the root for
//! whatever is left. The lowest run that is long enough is found by going down, never by a scan of bits.

use super::bits::CHUNK_PAGES;
use super::summary::{MAX_PACKED, Summary};
use crate::sparse::SparseArray;
use gort_sys::{Backend, MemError, SysStat};

/// Levels; the last has one entry per chunk.
pub(crate) const LEVELS: usize = 5;
/// log2 of the fan-out below the root.
const FAN: usize = 3;

/// Pages under one entry of `level`.
const fn pages_under(level: usize) -> usize {
    CHUNK_PAGES << (FAN * (LEVELS - 1 - level))
}

/// Where the lowest run of free pages lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It begins at this page.
    Page(usize),
    /// It lies inside this chunk.
    Chunk(usize),
}

/// All levels.
#[derive(Debug)]
pub(crate) struct Tree {
    levels: [SparseArray<Summary>; LEVELS],
}

impl Tree {
    /// For a range of `pages` pages, none of them free.
    pub(crate) fn new<B: Backend>(b: &B, pages: usize, st: &SysStat) -> Result<Self, MemError> {
        let count = |level: usize| pages.div_ceil(pages_under(level)).next_multiple_of(8);
        let name = c"gort: page summaries";
        let mut made: [Option<SparseArray<Summary>>; LEVELS] = [const { None }; LEVELS];
        let mut failed = MemError::os(gort_sys::MemOp::Order, pages, 0);
        for (level, slot) in made.iter_mut().enumerate() {
            match SparseArray::reserve(b, count(level), name, st) {
                Ok(array) => *slot = Some(array),
                Err(e) => {
                    failed = e;
                    break;
                }
            }
        }
        match made {
            [Some(a), Some(c), Some(d), Some(e), Some(f)] => {
                // The root is scanned as a whole, so it is mapped as a whole.
                let mut this = Self { levels: [a, c, d, e, f] };
                let root = this.levels[0].len();
                match this.levels[0].ensure(b, 0, root, st) {
                    Ok(()) => Ok(this),
                    Err(e) => {
                        // SAFETY: SPARSE-1 — nobody knows the tables yet.
                        unsafe { this.release(b, st) };
                        Err(e)
                    }
                }
            }
            made => {
                for mut array in made.into_iter().flatten() {
                    // SAFETY: SPARSE-1 — nobody knows the table yet.
                    unsafe { array.free(b, st) };
                }
                Err(failed)
            }
        }
    }

    /// Unmaps the levels.
    ///
    /// # Safety
    /// The tree is not used any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B, st: &SysStat) {
        for level in &mut self.levels {
            // SAFETY: SPARSE-1 — by contract of the caller.
            unsafe { level.free(b, st) };
        }
    }

    /// Each level's reservation, and the bytes of it that are mapped.
    pub(crate) fn extents(&self) -> impl Iterator<Item = (gort_sys::PageRange, usize)> {
        self.levels.iter().map(SparseArray::extent)
    }

    /// Maps the entries over the `n` pages from `page` on.
    pub(crate) fn prepare<B: Backend>(
        &self,
        b: &B,
        page: usize,
        n: usize,
        st: &SysStat,
    ) -> Result<(), MemError> {
        for level in 1..LEVELS {
            let each = pages_under(level);
            let (from, to) = (page / each, (page + n).div_ceil(each));
            let to = to.next_multiple_of(8).min(self.levels[level].len());
            self.levels[level].ensure(b, from & !7, to, st)?;
        }
        Ok(())
    }

    fn get(&self, level: usize, i: usize) -> Summary {
        // SAFETY: SPARSE-1 — a block of eight is mapped whole as soon as one page under it is grown, and the way down
        // only goes where something is free.
        unsafe { *self.levels[level].at(i) }
    }

    /// The summary of a chunk that was grown.
    pub(crate) fn chunk(&self, chunk: usize) -> Summary {
        self.get(LEVELS - 1, chunk)
    }

    /// Changes the summary of a chunk; [`Tree::lift`] follows.
    pub(crate) fn set(&mut self, chunk: usize, sum: Summary) {
        // SAFETY: SPARSE-1 — mapped by `prepare`; `&mut self` is the lock.
        unsafe { *self.levels[LEVELS - 1].at(chunk) = sum };
    }

    /// Brings everything above the chunks of the `n` pages from `page` on up to date (P-1).
    pub(crate) fn lift(&mut self, page: usize, n: usize) {
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

    /// The lowest run of `n` free pages at `search` or above, in a range that ends at page `end`. No free page lies below
    /// `search`.
    pub(crate) fn find(&self, n: usize, search: usize, end: usize) -> Option<Found> {
        let first = search / pages_under(0);
        let (mut from, mut count) = (first, end.div_ceil(pages_under(0)) - first);
        for level in 0..LEVELS {
            let each = pages_under(level);
            let mut run = 0;
            let mut into = None;
            for i in from..from + count {
                let sum = self.get(level, i);
                if run + sum.start() >= n {
                    return Some(Found::Page(i * each - run));
                }
                if sum.max() >= n {
                    into = Some(i);
                    break;
                }
                run = if sum.end() == each { run + each } else { sum.end() };
            }
            let i = into?;
            if level == LEVELS - 1 {
                return Some(Found::Chunk(i));
            }
            (from, count) = (i << FAN, 1 << FAN);
        }
        None
    }

    /// Verifies P-1 above the chunks, and that a chunk's summary, if it has one, is what `want` says.
    pub(crate) fn check(
        &self,
        end: usize,
        mut want: impl FnMut(usize) -> Option<Summary>,
    ) -> Result<(), &'static str> {
        for chunk in 0..end.div_ceil(CHUNK_PAGES) {
            if self.levels[LEVELS - 1].is_mapped(chunk)
                && want(chunk).is_some_and(|sum| sum != self.chunk(chunk))
            {
                return Err("P-1");
            }
        }
        const { assert!(pages_under(0) <= MAX_PACKED) };
        for level in 0..LEVELS - 1 {
            for i in 0..end.div_ceil(pages_under(level)) {
                if !self.levels[level].is_mapped(i) || !self.levels[level + 1].is_mapped(i << FAN) {
                    continue;
                }
                let parts: [Summary; 1 << FAN] =
                    core::array::from_fn(|k| self.get(level + 1, (i << FAN) + k));
                if Summary::merge(&parts, pages_under(level + 1)) != self.get(level, i) {
                    return Err("P-1");
                }
            }
        }
        Ok(())
    }
}
