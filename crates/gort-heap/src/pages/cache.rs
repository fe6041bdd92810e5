//! 64 pages in the hands of one cache, from which it serves small spans without a lock (HEAP-13).

use super::alloc::Run;

/// Largest span taken from a page cache, plus one, in pages.
pub(crate) const CACHED_PAGES: usize = 16;

/// Free pages among the 64 from `base`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageCache {
    pub(crate) base: usize,
    /// Set = free and ours (P-4).
    pub(crate) free: u64,
    /// Set = free with nothing behind it.
    pub(crate) scav: u64,
}

impl PageCache {
    /// Takes the lowest run of `n` pages, `1 <= n < 64`.
    pub(crate) fn alloc(&mut self, n: usize) -> Option<Run> {
        // After the loop, bit i says that n free bits start at i.
        let (mut starts, mut have) = (self.free, 1);
        while have < n && starts != 0 {
            let by = have.min(n - have);
            starts &= starts >> by;
            have += by;
        }
        if starts == 0 {
            return None;
        }
        let at = starts.trailing_zeros();
        let mask = (u64::MAX >> (64 - n)) << at;
        let scavenged = (self.scav & mask).count_ones() as usize;
        self.free &= !mask;
        self.scav &= !mask;
        Some(Run { page: self.base + at as usize, scavenged })
    }

    /// Free pages, with those that have nothing behind them, and those alone.
    pub(crate) fn free_pages(&self) -> (usize, usize) {
        (self.free.count_ones() as usize, self.scav.count_ones() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let full = PageCache { base: 64, free: u64::MAX, scav: u64::MAX };
        let cases = [
            // (before, pages, run, free after, scavenged after)
            (full, 1, Some((64, 1)), u64::MAX << 1, u64::MAX << 1),
            (full, 16, Some((64, 16)), u64::MAX << 16, u64::MAX << 16),
            (full, 63, Some((64, 63)), 1 << 63, 1 << 63),
            (PageCache { base: 0, free: 0, scav: 0 }, 1, None, 0, 0),
            (PageCache { base: 0, free: 1 << 62, scav: 0 }, 1, Some((62, 0)), 0, 0),
            (
                PageCache { base: 0, free: 0xdfff_ffff_ffff_ff7f & !0x7f, scav: 0x400 },
                3,
                Some((8, 1)),
                0xdfff_ffff_ffff_f800,
                0,
            ),
            (
                PageCache { base: 0, free: 0b1101_1011, scav: 0b1000_0000 },
                3,
                None,
                0b1101_1011,
                0b1000_0000,
            ),
        ];
        for (i, (mut c, n, run, free, scav)) in cases.into_iter().enumerate() {
            let want = run.map(|(page, scavenged)| Run { page, scavenged });
            assert_eq!((c.alloc(n), c.free, c.scav), (want, free, scav), "case {i}");
        }
    }

    proptest! {
        #[test]
        fn lowest_run(free in any::<u64>(), mask in any::<u64>(), n in 1usize..16) {
            let mut c = PageCache { base: 640, free, scav: free & mask };
            let bit = |i: usize| free >> i & 1 != 0;
            let want = (0..=64 - n).find(|s| (*s..s + n).all(bit));
            let got = c.alloc(n);
            prop_assert_eq!(got.map(|r| r.page), want.map(|s| s + 640));
            prop_assert_eq!(c.free.count_ones() as usize + got.map_or(0, |_| n), free.count_ones() as usize);
            prop_assert_eq!(c.scav.count_ones() as usize + got.map_or(0, |r| r.scavenged), (free & mask).count_ones() as usize);
        }
    }
}
