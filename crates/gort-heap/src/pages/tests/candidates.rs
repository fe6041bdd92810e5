//! Tables of what is found in one chunk to give back.

use super::{C, bits};
use crate::pages::bits::PageBits;
use crate::pages::candidate::{Wish, candidate};
use proptest::prelude::*;

fn look(
    used: &[(usize, usize)],
    bare: &[(usize, usize)],
    align: usize,
    most: usize,
    huge: usize,
) -> Option<(usize, usize)> {
    let busy = PageBits(std::array::from_fn(|w| bits(used).0[w] | bits(bare).0[w]));
    candidate(&busy, C, Wish { align, most, huge })
}

#[test]
fn single_pages() {
    let (used, bare) = ([(0, 40), (42, C - 42)], [(0, 41), (42, C - 42)]);
    assert_eq!(look(&used, &bare, 1, C, 256), Some((41, 1)));
    assert_eq!(look(&[(0, 63), (65, 20), (87, C - 87)], &[(86, 1)], 1, C, 256), Some((85, 1)));
}

#[test]
fn for_each_least_length() {
    for shift in 0..7 {
        let m = 1usize << shift;
        // (what, in use, bare, most, answer)
        type Case<'a> =
            (&'a str, &'a [(usize, usize)], &'a [(usize, usize)], usize, Option<(usize, usize)>);
        let cases: &[Case] = &[
            ("all free", &[], &[], C, Some((0, C))),
            ("all bare", &[], &[(0, C)], C, None),
            ("none free", &[(0, C)], &[(C / 2, C / 2)], C, None),
            ("at the start", &[(m, C - m)], &[], C, Some((0, m))),
            ("at the end", &[(0, C - m)], &[], C, Some((C - m, m))),
            (
                "over a word",
                &[(0, 64 - m), (64 + m, C - 64 - m)],
                &[],
                2 * m,
                Some((64 - m, 2 * m)),
            ),
            (
                "after a full word",
                &[(64, 64), (128 + 3 * m, C - 128 - 3 * m)],
                &[(1, 10)],
                3 * m,
                Some((128, 3 * m)),
            ),
            (
                "after a word with a gap",
                &[(64, 62), (127, 1), (128 + 3 * m, C - 128 - 3 * m)],
                &[(1, 10)],
                3 * m,
                Some((128, 3 * m)),
            ),
            ("most is none", &[], &[(0, C - m)], 0, Some((C - m, m))),
            ("most is one", &[], &[(0, C - m)], 1, Some((C - m, m))),
        ];
        for (what, used, bare, most, want) in cases {
            // Without huge pages: the table is about lengths and places.
            assert_eq!(look(used, bare, m, *most, 0), *want, "{what}, at least {m}");
        }
        if m <= 8 {
            let used = [(0, 40), (40 + m, C - 40 - m)];
            assert_eq!(look(&used, &[], m, C, 256), Some((40, m)));
            assert_eq!(
                look(&used, &[(40, 1)], m, C, 256),
                (m > 1).then_some(()).and(None),
                "at least {m}"
            );
        }
        if m > 1 {
            let want = Some((C - m, m));
            assert_eq!(
                look(&[], &[(0, C + 1 - 2 * m)], m, m.saturating_sub(2), 0),
                want,
                "at least {m}"
            );
            let want = Some((64 - m, m));
            let small = [(0, 64 - m), (64, 5), (70, 11), (82, C - 82)];
            assert_eq!(look(&small, &[], m, m, 256), want, "too small, at least {m}");
            let odd = [(0, 64 - m), (64, 63), (127 + m, C - 127 - m)];
            assert_eq!(look(&odd, &[], m, m, 256), want, "not aligned, at least {m}");
        }
    }
}

/// Huge pages go whole where the whole of one could go.
#[test]
fn huge_pages_are_kept_whole() {
    let h = 128;
    assert_eq!(look(&[(h + 2, C - h - 2)], &[], 1, 3, h), Some((0, h + 2)));
    assert_eq!(
        look(&[(0, h - 10), (2 * h + 10, C - 2 * h - 10)], &[], 1, 12, h),
        Some((h, h + 10))
    );
    assert_eq!(look(&[(0, C - h)], &[], 1, 1, h), Some((C - h, h)));
    assert_eq!(look(&[], &[], 1, 1, C), Some((0, C)));
    // Larger than a chunk: nothing to keep.
    assert_eq!(look(&[], &[], 1, 1, 2 * C), Some((C - 1, 1)));
    assert_eq!(look(&[], &[], 1, 1, 0), Some((C - 1, 1)));
    // One of which a page is in use cannot be kept.
    assert_eq!(look(&[(C - 200, 1)], &[], 1, 4, 256), Some((C - 4, 4)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn it_is_the_obvious_one(
        words in prop::array::uniform8(prop_oneof![Just(0), Just(u64::MAX), any::<u64>().prop_map(|w| w & w << 3 & w >> 9)]),
        end in 0..513usize, shift in 0..7u32, most in 0..600usize, huge in prop_oneof![Just(0usize), Just(64), Just(256)],
    ) {
        let (busy, align) = (PageBits(words), 1usize << shift);
        let whole = |block: usize| busy.count(block * align, align) == 0;
        let last = (0..end / align).rev().find(|b| whole(*b));
        let want = last.map(|last| {
            let free = (0..=last).rev().take_while(|b| whole(*b)).count();
            let n = free.min(most.max(1).div_ceil(align));
            let (first, end) = ((last + 1 - free) * align, (last + 1) * align);
            let start = end - n * align;
            // The huge page that the start lies in, if some huge page begins in the run and this one lies inside of what is free.
            let cut = huge != 0 && (start..=end).any(|p| p % huge == 0) && start / huge * huge >= first;
            let start = if cut { start / huge * huge } else { start };
            (start, end - start)
        });
        prop_assert_eq!(candidate(&busy, end, Wish { align, most, huge }), want);
    }
}
