//! Free runs of a stretch of pages, in one word.
//!
//! ```text
//!  63  62        42 41        21 20         0
//! ┌───┬────────────┬────────────┬────────────┐
//! │all│    end     │    max     │   start    │
//! └───┴────────────┴────────────┴────────────┘
//! ```
//! `start` and `end` are the free pages at the two ends, `max` is the longest run. The largest stretch, 2^21 pages (16 GiB),
//! does not fit 21 bits when it is free as a whole; bit 63 says so.

/// Pages of the largest stretch.
pub(crate) const MAX_PACKED: usize = 1 << 21;

/// One stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Summary(u64);

impl Summary {
    /// From its three numbers of pages.
    pub(crate) const fn pack(start: usize, max: usize, end: usize) -> Self {
        if max >= MAX_PACKED {
            return Self(1 << 63);
        }
        Self(start as u64 | (max as u64) << 21 | (end as u64) << 42)
    }

    const fn field(self, shift: u32) -> usize {
        if self.0 >> 63 != 0 { MAX_PACKED } else { (self.0 >> shift) as usize & (MAX_PACKED - 1) }
    }

    /// Free pages at the low end.
    pub(crate) const fn start(self) -> usize {
        self.field(0)
    }

    /// Longest free run.
    pub(crate) const fn max(self) -> usize {
        self.field(21)
    }

    /// Free pages at the high end.
    pub(crate) const fn end(self) -> usize {
        self.field(42)
    }

    /// Eight neighbours, each `each` pages long, as one (P-1).
    pub(crate) fn merge(parts: &[Summary], each: usize) -> Summary {
        let (mut start, mut max, mut run, mut whole) = (0, 0, 0, true);
        for part in parts {
            if whole {
                start += part.start();
                whole = part.start() == each;
            }
            max = max.max(run + part.start()).max(part.max());
            run = if part.end() == each { run + each } else { part.end() };
        }
        Summary::pack(start, max, run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packs_every_corner() {
        for (s, m, e) in [
            (0, 0, 0),
            (1, 1, 0),
            (0, MAX_PACKED - 1, 5),
            (MAX_PACKED, MAX_PACKED, MAX_PACKED),
            (512, 512, 512),
        ] {
            let sum = Summary::pack(s, m, e);
            assert_eq!((sum.start(), sum.max(), sum.end()), (s, m, e));
        }
    }

    proptest! {
        #[test]
        fn merging_is_summarizing_the_whole(bits in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.2), 4), 8), fill in any::<u8>()) {
            let of = |bits: &[bool]| {
                let runs: Vec<usize> = bits.split(|u| *u).map(<[bool]>::len).collect();
                Summary::pack(runs[0], *runs.iter().max().unwrap(), *runs.last().unwrap())
            };
            let mut bits = bits;
            for (i, part) in bits.iter_mut().enumerate() {
                if fill >> i & 1 != 0 { part.fill(false) }
            }
            let parts: Vec<Summary> = bits.iter().map(|b| of(b)).collect();
            prop_assert_eq!(Summary::merge(&parts, 4), of(&bits.concat()));
        }
    }
}
