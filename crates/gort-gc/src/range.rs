//! The address range of a collector's objects, folded into one word together with the barrier's switch.
//!
//! ```text
//!  63      62            shift  shift-1 .. 6   5 .. 0
//! +---------+-----------------+--------------+--------+
//! | barrier | base of the range              | shift  |
//! +---------+-----------------+--------------+--------+
//! ```
//! The range is a power of two and aligned to its size, so the bits below `shift` of its base are zero
//! and six of them can hold the shift itself. An address lies in the range when it agrees with the word
//! above `shift`: an exclusive-or and a shift. While the write barrier is on, the top bit is flipped: no
//! user address has it, so *every* store misses the check and takes the cold path, which tells the
//! barrier from a foreign address. One load, one branch, one store when the barrier is off (GC-RANGE).

/// The switch of the barrier: an address bit that no user-space address has.
pub(crate) const BARRIER: usize = 1 << 63;

/// The folded word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range(pub(crate) usize);

impl Range {
    /// Of a range that begins at `base`, a multiple of `1 << shift`.
    pub(crate) fn new(base: usize, shift: u32) -> Self {
        debug_assert!((6..63).contains(&shift) && base & ((1 << shift) - 1) == 0);
        Self(base | shift as usize)
    }

    /// The same with the barrier on or off.
    #[inline(always)]
    pub(crate) fn with_barrier(self, on: bool) -> Self {
        Self(if on { self.0 | BARRIER } else { self.0 & !BARRIER })
    }

    #[inline(always)]
    pub(crate) fn barrier(self) -> bool {
        self.0 & BARRIER != 0
    }

    /// Whether both addresses lie in the range *and* the barrier is off.
    #[inline(always)]
    pub(crate) fn quiet(self, a: usize, b: usize) -> bool {
        ((a ^ self.0) | (b ^ self.0)) >> (self.0 & 63) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_branch_answers_three_questions() {
        let base = 0x7a00_0000_0000;
        let r = Range::new(base, 38);
        let end = base + (1 << 38) - 8;
        for (a, b, inside) in [
            (base, end, true),
            (base + 8, base, true),
            (base - 8, base, false),
            (base, end + 8, false),
            (0, base, false),
            (base, 0x10, false),
        ] {
            assert_eq!(r.quiet(a, b), inside, "{a:x} {b:x}");
            assert!(!r.with_barrier(true).quiet(a, b));
        }
        assert_eq!(r.with_barrier(true).with_barrier(false), r);
    }
}
