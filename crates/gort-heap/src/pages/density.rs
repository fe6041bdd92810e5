//! Which chunks the scavenger should look into: how full each one is and was, and whether there can be anything to release.
//!
//! A chunk that was nearly full a moment ago will be so again, and is likely to lie on huge pages: to take single pages out
//! of it costs more than they are worth. So it is left alone until it has been less full for a whole generation. What a
//! generation is, the owner of the side decides: a cycle of its collector, or some time.

use super::bits::CHUNK_PAGES;
use crate::sparse::SparseArray;
use gort_sys::{Backend, MemError, SysStat};

/// Pages in use of a chunk from which on it is left alone: 96.875 %.
pub(crate) const DENSE: u32 = (CHUNK_PAGES - CHUNK_PAGES / 32) as u32;

/// Something may be released by force: a free page with memory behind it.
const ANY: u8 = 1;
/// A run that is worth a call without force.
const RUN: u8 = 2;
/// Was asked to be put together into huge pages.
const TRIED: u8 = 4;

/// One chunk.
///
/// ```text
///  63            32 31    26 25        16 15         0
/// ┌────────────────┬────────┬────────────┬────────────┐
/// │   generation   │ flags  │ used then  │  used now  │
/// └────────────────┴────────┴────────────┴────────────┘
/// ```
/// `used then` is the number of pages in use at the end of the generation before the one in which the chunk was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Density {
    pub(crate) used: u32,
    pub(crate) then: u32,
    pub(crate) generation: u32,
    pub(crate) flags: u8,
}

impl Density {
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            used: word as u32 & 0xffff,
            then: (word >> 16) as u32 & 0x3ff,
            flags: (word >> 26) as u8 & 0x3f,
            generation: (word >> 32) as u32,
        }
    }

    pub(crate) const fn pack(self) -> u64 {
        self.used as u64
            | (self.then as u64) << 16
            | (self.flags as u64) << 26
            | (self.generation as u64) << 32
    }

    fn turn(&mut self, generation: u32) {
        if self.generation != generation {
            (self.then, self.generation) = (self.used, generation);
        }
    }

    /// Whether the scavenger should look into the chunk.
    pub(crate) const fn wants(self, generation: u32, force: bool) -> bool {
        if force {
            return self.flags & ANY != 0;
        }
        let was = if self.generation == generation { self.then } else { self.used };
        self.flags & RUN != 0 && self.used < DENSE && was < DENSE
    }
}

/// The densities of all chunks of a range, and where to go on looking.
#[derive(Debug)]
pub(crate) struct DensityIndex {
    cells: SparseArray<u64>,
    generation: u32,
    /// Lowest chunk.
    low: usize,
    /// Page above which nothing is to be found: by force, and without.
    below: [usize; 2],
    /// One behind the highest page freed in this generation.
    freed: usize,
}

impl DensityIndex {
    pub(crate) fn new<B: Backend>(b: &B, chunks: usize, st: &SysStat) -> Result<Self, MemError> {
        let cells = SparseArray::reserve(b, chunks, c"gort: page bits", st)?;
        Ok(Self { cells, generation: 0, low: usize::MAX, below: [0; 2], freed: 0 })
    }

    /// # Safety
    /// The index is not used any more.
    pub(crate) unsafe fn release<B: Backend>(&mut self, b: &B, st: &SysStat) {
        // SAFETY: SPARSE-1 — by contract of the caller.
        unsafe { self.cells.free(b, st) };
    }

    pub(crate) fn prepare<B: Backend>(
        &self,
        b: &B,
        from: usize,
        to: usize,
        st: &SysStat,
    ) -> Result<(), MemError> {
        self.cells.ensure(b, from, to, st)
    }

    /// The table's reservation, and the bytes of it that are mapped.
    pub(crate) fn extent(&self) -> (gort_sys::PageRange, usize) {
        self.cells.extent()
    }

    /// The `n` pages of a chunk from its page `at` on exist from now on, with nothing to release. With its first page a chunk
    /// begins; what it does not have yet counts as in use.
    pub(crate) fn grow(&mut self, chunk: usize, at: usize, n: usize) {
        self.low = self.low.min(chunk);
        self.change(chunk, |d| {
            if at == 0 {
                (d.used, d.flags) = (CHUNK_PAGES as u32, 0);
            }
            d.used -= n as u32;
        });
    }

    fn change(&mut self, chunk: usize, f: impl FnOnce(&mut Density)) {
        // SAFETY: SPARSE-1 — mapped by `prepare` before the chunk was grown; `&mut self` is the lock.
        let cell = unsafe { &mut *self.cells.at(chunk) };
        let mut d = Density::unpack(*cell);
        f(&mut d);
        *cell = d.pack();
    }

    /// `n` pages of a chunk came into use.
    pub(crate) fn alloc(&mut self, chunk: usize, n: usize) {
        let generation = self.generation;
        self.change(chunk, |d| {
            d.turn(generation);
            d.used += n as u32;
            debug_assert!(d.used <= CHUNK_PAGES as u32);
            if d.used == CHUNK_PAGES as u32 {
                d.flags &= TRIED;
            }
        });
    }

    /// The `n` pages of a chunk from its page `at` on are free, with memory behind them.
    pub(crate) fn free(&mut self, chunk: usize, at: usize, n: usize) {
        let generation = self.generation;
        self.change(chunk, |d| {
            d.turn(generation);
            debug_assert!(d.used >= n as u32);
            d.used = d.used.wrapping_sub(n as u32);
            d.flags = ANY | RUN | if d.used >= DENSE { d.flags & TRIED } else { 0 };
        });
        let end = chunk * CHUNK_PAGES + at + n;
        self.freed = self.freed.max(end);
        self.below[1] = self.below[1].max(end);
    }

    /// The same for pages with nothing behind them: nothing to look for.
    pub(crate) fn free_bare(&mut self, chunk: usize, n: usize) {
        let generation = self.generation;
        self.change(chunk, |d| {
            d.turn(generation);
            d.used = d.used.wrapping_sub(n as u32);
        });
    }

    /// The next generation: chunks that were too full may be looked at again.
    pub(crate) fn next_generation(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.below[0] = self.below[0].max(self.freed);
        self.freed = 0;
    }

    /// The highest chunk that is worth a look, and the page inside of it below which to look.
    pub(crate) fn find(&mut self, force: bool) -> Option<(usize, usize)> {
        let below = self.below[usize::from(force)];
        let mut chunk = below.div_ceil(CHUNK_PAGES);
        while chunk > self.low {
            chunk -= 1;
            if !self.cells.is_mapped(chunk) {
                // Whole pages of the table are missing between two arenas.
                chunk &= !(SparseArray::<u64>::TOGETHER - 1);
                continue;
            }
            // SAFETY: SPARSE-1 — mapped; `&mut self` is the lock.
            let d = Density::unpack(unsafe { *self.cells.at(chunk) });
            if d.wants(self.generation, force) {
                let end = below.min((chunk + 1) * CHUNK_PAGES);
                self.below[usize::from(force)] = end;
                return Some((chunk, end - chunk * CHUNK_PAGES));
            }
        }
        self.below[usize::from(force)] = 0;
        None
    }

    /// The run from page `at` of the chunk found last is being released.
    pub(crate) fn found(&mut self, chunk: usize, at: usize, force: bool) {
        self.below[usize::from(force)] = chunk * CHUNK_PAGES + at;
    }

    /// Nothing was there, looked at with or without force, below the end of the chunk.
    pub(crate) fn nothing(&mut self, chunk: usize, force: bool) {
        self.change(chunk, |d| d.flags &= if force { TRIED } else { !RUN });
        self.below[usize::from(force)] = chunk * CHUNK_PAGES;
    }

    /// The lowest chunk from `from` on and below `end` that is nearly full, was so at the end of the last generation, and was
    /// not [`tried`](Self::tried).
    pub(crate) fn next_dense(&self, from: usize, end: usize) -> Option<usize> {
        let mut chunk = from.max(self.low);
        while chunk < end {
            if !self.cells.is_mapped(chunk) {
                chunk = (chunk | (SparseArray::<u64>::TOGETHER - 1)) + 1;
                continue;
            }
            // SAFETY: SPARSE-1 — mapped; the owner's lock is held.
            let d = Density::unpack(unsafe { *self.cells.at(chunk) });
            let was = if d.generation == self.generation { d.then } else { d.used };
            if d.used >= DENSE && was >= DENSE && d.flags & TRIED == 0 {
                return Some(chunk);
            }
            chunk += 1;
        }
        None
    }

    /// Not again, until the chunk has been less full.
    pub(crate) fn tried(&mut self, chunk: usize) {
        self.change(chunk, |d| d.flags |= TRIED);
    }

    /// Pages in use of a chunk.
    pub(crate) fn used(&self, chunk: usize) -> usize {
        // SAFETY: SPARSE-1 — the caller knows the chunk; the owner's lock is held.
        Density::unpack(unsafe { *self.cells.at(chunk) }).used as usize
    }
}
