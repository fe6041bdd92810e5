//! The state of each page of a fixed region: two bits, in the structure itself or in the region's first pages.

use crate::stat::MemState;
use core::ops::Range;
use core::ptr::NonNull;

/// Pages whose bits fit into the structure: 4 MiB of 4 KiB pages.
pub(super) const INLINE: usize = 1024;
/// Pages of a word.
const PER_WORD: usize = 32;

/// The page map, and where the guard is.
#[derive(Debug)]
pub(super) struct Book {
    inline: [u64; INLINE / PER_WORD],
    far: Option<NonNull<u64>>,
    pages: usize,
    /// First address and bytes of the raised guard.
    pub(super) guard: (usize, usize),
}

const fn code(state: Option<MemState>) -> u64 {
    match state {
        None => 0,
        Some(MemState::Reserved) => 1,
        Some(MemState::Prepared) => 2,
        Some(MemState::Ready) => 3,
    }
}

impl Book {
    /// Bytes of a map outside the structure.
    pub(super) const fn bytes(pages: usize) -> usize {
        pages.div_ceil(PER_WORD) * 8
    }

    /// At most [`INLINE`] pages, nobody's.
    pub(super) const fn inline(pages: usize) -> Self {
        Self { inline: [0; INLINE / PER_WORD], far: None, pages, guard: (0, 0) }
    }

    /// Any number of pages, nobody's, with the bits at `at`.
    ///
    /// # Safety
    /// FIXED-1: `bytes(pages)` bytes at `at` are the map's alone, and aligned.
    pub(super) unsafe fn far(at: NonNull<u64>, pages: usize) -> Self {
        // SAFETY: FIXED-1 — the caller's promise.
        unsafe { at.write_bytes(0, pages.div_ceil(PER_WORD)) };
        Self { far: Some(at), ..Self::inline(pages) }
    }

    fn words(&self) -> &[u64] {
        match self.far {
            None => &self.inline,
            // SAFETY: FIXED-1 — the map's own words, borrowed with the map.
            Some(at) => unsafe {
                core::slice::from_raw_parts(at.as_ptr(), self.pages.div_ceil(PER_WORD))
            },
        }
    }

    fn words_mut(&mut self) -> &mut [u64] {
        match self.far {
            None => &mut self.inline,
            // SAFETY: FIXED-1 — the map's own words, borrowed alone with the map.
            Some(at) => unsafe {
                core::slice::from_raw_parts_mut(at.as_ptr(), self.pages.div_ceil(PER_WORD))
            },
        }
    }

    fn get(&self, page: usize) -> u64 {
        self.words()[page / PER_WORD] >> (page % PER_WORD * 2) & 3
    }

    /// Whether all pages are in that state.
    pub(super) fn all(&self, mut pages: Range<usize>, state: Option<MemState>) -> bool {
        pages.end <= self.pages && pages.all(|p| self.get(p) == code(state))
    }

    /// How many of the pages are in that state.
    pub(super) fn count(&self, pages: Range<usize>, state: Option<MemState>) -> usize {
        pages.filter(|p| self.get(*p) == code(state)).count()
    }

    /// Puts the pages into a state.
    pub(super) fn set(&mut self, pages: Range<usize>, state: Option<MemState>) {
        let code = code(state);
        let words = self.words_mut();
        for p in pages {
            let (word, shift) = (&mut words[p / PER_WORD], p % PER_WORD * 2);
            *word = *word & !(3 << shift) | code << shift;
        }
    }

    /// The lowest run of `n` pages of nobody whose first page plus `skew` (below `align`) is a multiple of `align`. Linear in
    /// the pages.
    pub(super) fn find(&self, n: usize, align: usize, skew: usize) -> Option<usize> {
        let fit = |page: usize| (page + skew).next_multiple_of(align) - skew;
        let mut at = fit(0);
        while at.checked_add(n)? <= self.pages {
            match (at..at + n).rev().find(|p| self.get(*p) != 0) {
                None => return Some(at),
                Some(taken) => at = fit(taken + 1),
            }
        }
        None
    }

    /// One behind the last page that is mapped, looking down from `from`.
    pub(super) fn top(&self, from: usize) -> usize {
        let mapped = |p: &usize| self.get(*p) >= code(Some(MemState::Prepared));
        (0..from.min(self.pages)).rev().find(mapped).map_or(0, |p| p + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 64 }, failure_persistence: None, ..ProptestConfig::default() })]
        /// FIXED-1: inside and outside the structure the map says what was said to it, and finds the lowest run.
        #[test]
        fn the_map_is_an_array(
            steps in prop::collection::vec((0..96usize, 1..40usize, 0..4usize), 0..40),
            n in 1..20usize, shift in 0..4u32, skew in 0..8usize, far: bool,
        ) {
            const STATES: [Option<MemState>; 4] =
                [None, Some(MemState::Reserved), Some(MemState::Prepared), Some(MemState::Ready)];
            let mut words = [u64::MAX; 4];
            let at = NonNull::from(&mut words).cast::<u64>();
            // SAFETY: FIXED-1 — four words of this frame, which nobody else uses meanwhile.
            let mut book = if far { unsafe { Book::far(at, 100) } } else { Book::inline(100) };
            let mut model = [0usize; 100];
            for (from, len, state) in steps {
                let to = (from + len).min(100);
                book.set(from..to, STATES[state]);
                model[from..to].fill(state);
                for (p, s) in model.iter().enumerate() {
                    prop_assert!(book.all(p..p + 1, STATES[*s]));
                }
                prop_assert_eq!(book.count(0..100, STATES[1]), model.iter().filter(|s| **s == 1).count());
                let top = model.iter().rposition(|s| *s >= 2).map_or(0, |p| p + 1);
                prop_assert_eq!(book.top(100), top);
            }
            let (align, skew) = (1 << shift, skew % (1 << shift));
            let fits = |p: &usize| (p + skew).is_multiple_of(align) && p + n <= 100;
            let naive = (0..100).filter(fits).find(|p| model[*p..p + n].iter().all(|s| *s == 0));
            prop_assert_eq!(book.find(n, align, skew), naive);
            prop_assert!(!book.all(90..101, None));
        }
    }
}
