//! Inside of a chunk: the highest run of pages that is worth giving back.

use super::bits::{CHUNK_PAGES, PageBits};

/// What a run must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// Least length in pages, and what its place is a multiple of: a power of two up to 64.
    pub(crate) align: usize,
    /// Most pages, rounded up to `align`; a huge page is not broken for it.
    pub(crate) most: usize,
    /// Pages of a huge page, 0 or 1 = there are none.
    pub(crate) huge: usize,
}

/// Sets every bit of each aligned group of `m` bits (a power of two up to 64) of which one bit is set.
pub(crate) fn fill_aligned(x: u64, m: usize) -> u64 {
    let group = u64::MAX >> (64 - m);
    // After the loop the lowest bit of each group is the OR of all of its bits.
    let (mut low, mut by) = (x, 1);
    while by < m {
        low |= low >> by;
        by *= 2;
    }
    // One bit per group, times a group of ones: nothing is carried from one group into another.
    (low & (u64::MAX / group)) * group
}

/// The lowest page such that all bits from there up to `top` are equal to `set`.
fn down(bits: &[u64; 8], mut top: usize, set: bool) -> usize {
    while top != 0 {
        let have = (top - 1) % 64 + 1;
        let word = bits[(top - 1) / 64];
        let word = if set { word } else { !word };
        let n = ((word << (64 - have)).leading_ones() as usize).min(have);
        top -= n;
        if n < have {
            break;
        }
    }
    top
}

/// First page and length of the highest run below `end` in which no page is in use or bare (`busy`), as `wish` says.
///
/// A run that reaches over the beginning of a huge page, all of which could go, takes the whole of it: half a huge page is
/// none.
pub(crate) fn candidate(busy: &PageBits, end: usize, wish: Wish) -> Option<(usize, usize)> {
    let filled = busy.0.map(|w| fill_aligned(w, wish.align));
    let end = down(&filled, end / wish.align * wish.align, true);
    if end == 0 {
        return None;
    }
    let first = down(&filled, end, false);
    let most = wish.most.clamp(wish.align, CHUNK_PAGES).next_multiple_of(wish.align);
    let start = first.max(end.saturating_sub(most));
    if wish.huge > 1 {
        let below = start / wish.huge * wish.huge;
        if start.next_multiple_of(wish.huge) <= end && below >= first {
            return Some((below, end - below));
        }
    }
    Some((start, end - start))
}
