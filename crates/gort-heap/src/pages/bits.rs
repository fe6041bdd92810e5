//! 512 pages as bits: one chunk, 4 MiB.

use super::summary::Summary;

/// Pages of a chunk.
pub(crate) const CHUNK_PAGES: usize = 512;

/// A bit per page of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct PageBits(pub(crate) [u64; 8]);

/// Bits `from..to` of one word.
const fn mask(from: usize, to: usize) -> u64 {
    (u64::MAX >> (64 - (to - from))) << from
}

impl PageBits {
    #[cfg(test)]
    pub(crate) const EMPTY: PageBits = PageBits([0; 8]);

    fn each_word(from: usize, n: usize, mut f: impl FnMut(usize, u64)) {
        let mut at = from;
        let end = from + n;
        while at < end {
            let upto = end.min((at | 63) + 1);
            f(at / 64, mask(at % 64, (upto - 1) % 64 + 1));
            at = upto;
        }
    }

    /// Sets `n` bits from `from`.
    pub(crate) fn set(&mut self, from: usize, n: usize) {
        Self::each_word(from, n, |w, m| self.0[w] |= m);
    }

    /// Clears `n` bits from `from`.
    pub(crate) fn clear(&mut self, from: usize, n: usize) {
        Self::each_word(from, n, |w, m| self.0[w] &= !m);
    }

    /// Number of set bits among `n` from `from`.
    pub(crate) fn count(&self, from: usize, n: usize) -> usize {
        let mut sum = 0;
        Self::each_word(from, n, |w, m| sum += (self.0[w] & m).count_ones() as usize);
        sum
    }

    /// The lowest run of `n` clear bits that starts at `from` or above (PAGE-1).
    pub(crate) fn find(&self, n: usize, from: usize) -> Option<usize> {
        let (mut at, mut run) = (from, 0);
        while at < CHUNK_PAGES {
            let free = !self.0[at / 64] >> (at % 64);
            let left = 64 - at % 64;
            let skip = (free.trailing_zeros() as usize).min(left);
            if skip != 0 {
                run = 0;
                at += skip;
                continue;
            }
            let ones = ((!free).trailing_zeros() as usize).min(left);
            run += ones;
            at += ones;
            if run >= n {
                return Some(at - run);
            }
        }
        None
    }

    /// The free runs of the chunk, in three numbers.
    pub(crate) fn summarize(&self) -> Summary {
        let (mut at, mut run, mut start, mut max) = (0, 0, None, 0);
        while at < CHUNK_PAGES {
            let free = !self.0[at / 64] >> (at % 64);
            let left = 64 - at % 64;
            let ones = ((!free).trailing_zeros() as usize).min(left);
            run += ones;
            at += ones;
            if ones == left {
                continue;
            }
            start = start.or(Some(run));
            max = max.max(run);
            run = 0;
            at += ((!self.0[at / 64] >> (at % 64)).trailing_zeros() as usize).min(64 - at % 64);
        }
        Summary::pack(start.unwrap_or(run), max.max(run), run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive_find(bits: &[bool], n: usize, from: usize) -> Option<usize> {
        (from..=CHUNK_PAGES.checked_sub(n)?).find(|s| bits[*s..s + n].iter().all(|used| !used))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn agrees_with_the_obvious_search(ops in prop::collection::vec((0..512usize, 1..200usize, any::<bool>()), 0..40), n in 1..70usize, from in 0..512usize) {
            let (mut bits, mut model) = (PageBits::EMPTY, [false; CHUNK_PAGES]);
            for (at, len, used) in ops {
                let len = len.min(CHUNK_PAGES - at);
                if used { bits.set(at, len) } else { bits.clear(at, len) }
                model[at..at + len].fill(used);
                prop_assert_eq!(bits.count(at, len), if used { len } else { 0 });
                let runs: Vec<usize> = model.split(|u| *u).map(<[bool]>::len).collect();
                let s = bits.summarize();
                prop_assert_eq!(s.start(), runs[0]);
                prop_assert_eq!(s.max(), *runs.iter().max().unwrap());
                prop_assert_eq!(s.end(), *runs.last().unwrap());
            }
            prop_assert_eq!(bits.find(n, from), naive_find(&model, n, from));
        }
    }

    #[test]
    fn whole_chunks() {
        let mut bits = PageBits::EMPTY;
        assert_eq!(bits.summarize(), Summary::pack(512, 512, 512));
        assert_eq!(bits.find(512, 0), Some(0));
        assert_eq!(bits.find(512, 1), None);
        bits.set(0, 512);
        assert_eq!(bits.summarize(), Summary::pack(0, 0, 0));
        assert_eq!(bits.find(1, 0), None);
        bits.clear(63, 2);
        assert_eq!(bits.summarize(), Summary::pack(0, 2, 0));
        assert_eq!(bits.find(2, 0), Some(63));
        assert_eq!(bits.find(2, 64), None);
    }
}
