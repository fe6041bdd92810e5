//! Tables over the bits of one chunk.

use super::{C, bits};
use crate::pages::bits::PageBits;
use crate::pages::cache::PageCache;
use crate::pages::candidate::fill_aligned;
use crate::pages::summary::Summary;
use proptest::prelude::*;

const ONES: u64 = u64::MAX;

#[test]
fn setting() {
    let cases: &[(usize, usize, [u64; 8])] = &[
        (0, 1, [1, 0, 0, 0, 0, 0, 0, 0]),
        (C - 1, 1, [0, 0, 0, 0, 0, 0, 0, 1 << 63]),
        (129, 5, [0, 0, 0x3e, 0, 0, 0, 0, 0]),
        (128, 128, [0, 0, ONES, ONES, 0, 0, 0, 0]),
        (0, 321, [ONES, ONES, ONES, ONES, ONES, 1, 0, 0]),
        (C - 193, 193, [0, 0, 0, 0, 1 << 63, ONES, ONES, ONES]),
        (0, C, [ONES; 8]),
    ];
    for (at, n, want) in cases {
        assert_eq!(bits(&[(*at, *n)]), PageBits(*want), "{n} from {at}");
        let mut full = PageBits([ONES; 8]);
        full.clear(*at, *n);
        assert_eq!(full, PageBits(want.map(|w| !w)), "{n} from {at}, cleared");
    }
}

#[test]
fn counting() {
    type Case<'a> = (&'a [(usize, usize)], &'a [(usize, usize, usize)]);
    let scattered: &[(usize, usize)] = &[
        (1, 3),
        (5, 1),
        (7, 1),
        (10, 2),
        (13, 1),
        (15, 4),
        (21, 1),
        (23, 1),
        (26, 2),
        (30, 5),
        (36, 2),
        (40, 3),
        (44, 6),
        (51, 1),
        (53, 2),
        (58, 3),
        (63, 1),
        (67, 2),
        (71, 10),
        (84, 1),
        (89, 7),
        (99, 2),
        (103, 1),
        (107, 2),
        (111, 1),
        (113, 1),
        (115, 1),
        (118, 1),
        (120, 2),
        (125, 5),
    ];
    let cases: &[Case] = &[
        (&[], &[(0, 1, 0), (5, 3, 0), (2, 11, 0), (129, 256, 0), (0, C, 0)]),
        (&[(0, C)], &[(0, 1, 1), (5, 3, 3), (2, 11, 11), (129, 256, 256), (0, C, C)]),
        (
            &[(256, 256)],
            &[
                (0, 1, 0),
                (5, 3, 0),
                (2, 11, 0),
                (255, 1, 0),
                (256, 1, 1),
                (266, 1, 1),
                (255, 2, 1),
                (128, 128, 0),
                (128, 129, 1),
                (129, 256, 129),
                (0, C, 256),
            ],
        ),
        (
            &[(0, 111)],
            &[
                (0, 1, 1),
                (5, 3, 3),
                (2, 11, 11),
                (110, 2, 1),
                (99, 50, 12),
                (110, 1, 1),
                (111, 1, 0),
                (99, 1, 1),
                (120, 1, 0),
                (256, 256, 0),
                (0, C, 111),
            ],
        ),
        (
            scattered,
            &[
                (0, 11, 6),
                (0, 64, 39),
                (13, 64, 40),
                (64, 64, 34),
                (0, 128, 73),
                (1, 128, 74),
                (0, C, 75),
            ],
        ),
    ];
    for (set, counts) in cases {
        for (at, n, want) in *counts {
            assert_eq!(bits(set).count(*at, *n), *want, "{n} from {at} of {set:?}");
        }
    }
}

#[test]
fn summaries() {
    // (free pages, start, longest, end)
    type Case<'a> = (&'a [(usize, usize)], usize, usize, usize);
    let cases: &[Case] = &[
        (&[], 0, 0, 0),
        (&[(0, 10)], 10, 10, 0),
        (&[(472, 40)], 0, 40, 40),
        (&[(0, 11), (489, 23)], 11, 23, 23),
        (&[(0, 4), (50, 100), (508, 4)], 4, 100, 4),
        (&[(1, 20), (35, 241), (462, 30)], 0, 241, 0),
        (&[(35, 2), (40, 5), (100, 5)], 0, 5, 0),
        (&[(2, 1)], 0, 1, 0),
        (&[(0, C)], C, C, C),
    ];
    for (free, start, max, end) in cases {
        let used = PageBits(bits(free).0.map(|w| !w));
        assert_eq!(used.summarize(), Summary::pack(*start, *max, *end), "{free:?}");
    }
}

#[test]
fn first_fit() {
    // (pages in use, length, answers in turn)
    type Case<'a> = (&'a [(usize, usize)], usize, &'a [Option<usize>]);
    let free_161: &[(usize, usize)] = &[(0, 185), (331, 1)];
    let cases: &[Case] = &[
        (&[], 1, &[Some(0), Some(1), Some(2), Some(3), Some(4), Some(5)]),
        (&[], 2, &[Some(0), Some(2), Some(4), Some(6), Some(8), Some(10)]),
        (&[], 5, &[Some(0), Some(5), Some(10), Some(15), Some(20)]),
        (&[], 64, &[Some(0), Some(64), Some(128)]),
        (&[], 65, &[Some(0), Some(65), Some(130)]),
        (&[(0, C)], 1, &[None, None]),
        (&[(0, C)], 2, &[None]),
        (&[(0, C)], 5, &[None]),
        (&[(0, C)], 65, &[None]),
        (&[(0, 253), (254, 258)], 1, &[Some(253), None]),
        (&[(0, 253), (255, 257)], 2, &[Some(253), None]),
        (&[(0, 253), (258, 254)], 5, &[Some(253), None]),
        (&[(0, 225), (290, 222)], 65, &[Some(225), None]),
        (&[(0, 32), (64, 32), (100, 412)], 64, &[None]),
        (free_161, 161, &[Some(332), None]),
    ];
    for (used, n, answers) in cases {
        let mut b = bits(used);
        for want in *answers {
            assert_eq!(b.find(*n, 0), *want, "{n} pages in {used:?}");
            if let Some(at) = want {
                b.set(*at, *n);
            }
        }
    }
}

#[test]
fn freeing() {
    for (n, at) in [(1, 6), (2, 6), (5, 5), (64, 3), (65, 3)] {
        let mut b = PageBits([ONES; 8]);
        (0..at).for_each(|i| b.clear(i * n, n));
        assert_eq!(b, bits(&[(n * at, C - n * at)]));
    }
    let mut b = PageBits(bits(&[(0, 32), (64, 32), (100, 1)]).0.map(|w| !w));
    b.clear(32, 1);
    assert_eq!(b, PageBits(bits(&[(0, 33), (64, 32), (100, 1)]).0.map(|w| !w)));
}

/// The lowest run of set bits in one word, which is what a page cache looks for.
#[test]
fn runs_in_a_word() {
    let run = |free: u64, n: usize| PageCache { base: 0, free, scav: 0 }.alloc(n).map(|r| r.page);
    for n in 1..=64 {
        assert_eq!(run(ONES, n), Some(0));
        assert_eq!(run(0, n), None);
    }
    let cases: &[(u64, usize, Option<usize>)] = &[
        (0x8000_0000_0000_0000, 1, Some(63)),
        (0xc000_0100_0101_0000, 2, Some(62)),
        (0xc000_0100_0103_0000, 2, Some(16)),
        (0xe000_0300_0103_0000, 3, Some(61)),
        (0xe000_0300_0107_0000, 3, Some(16)),
        (0xffff_03ff_0107_0000, 16, Some(48)),
        (0xffff_03ff_0107_ffff, 16, Some(0)),
        (0x0fff_03ff_0107_9fff, 16, None),
    ];
    for (word, n, want) in cases {
        assert_eq!(run(*word, *n), *want, "{n} of {word:#x}");
    }
}

fn fill_slowly(x: u64, m: usize) -> u64 {
    let group = |i: usize| (ONES >> (64 - m)) << (i / m * m);
    (0..64).filter(|i| x & group(*i) != 0).fold(0, |out, i| out | 1 << i)
}

#[test]
fn groups_are_filled() {
    for m in [1, 2, 4, 8, 16, 32, 64] {
        let words = [
            0,
            0xffff_ffff,
            0xffff_ffff_0000_0000,
            0x8000_0000_0000_0001,
            0xf000_0000_0000_000f,
            0xf000_0001_0050_000f,
            ONES,
            1,
            2,
            8,
            1 << (m - 1),
            1u64.checked_shl(m as u32).unwrap_or(0),
            0xb02b_9eff_cf13_7016,
            0x3975_a076_a9fb_ff18,
            0x0f8c_88ec_3b81_506e,
            0x60f1_4d80_ef2f_a0e6,
        ];
        for x in words {
            assert_eq!(fill_aligned(x, m), fill_slowly(x, m), "{x:#x} by {m}");
        }
    }
}

proptest! {
    #[test]
    fn groups_are_filled_at_random(x in any::<u64>(), keep in any::<u64>(), shift in 0..7u32) {
        let m = 1usize << shift;
        // Some groups stay empty.
        let sparse = x & fill_slowly(keep & keep >> 7 & keep << 9, m);
        prop_assert_eq!(fill_aligned(x, m), fill_slowly(x, m));
        prop_assert_eq!(fill_aligned(sparse, m), fill_slowly(sparse, m));
    }
}
